"""The norms of `torch.nn` written from their formulas.

The norms are stricter than torch's in what they take. They refuse, with a ValueError: an eps that is not positive, a
momentum outside [0, 1], inputs whose channels are not those that the layer was made for (torch's `InstanceNorm2d`
without parameters only warns), and a mean over a single value wherever it occurs (torch refuses it for batch and
instance norm only, though x - mean(x) is 0 for every norm that centres). Inputs that are not floating point are a
TypeError. With inputs of half precision they compute in float32, as torch does; outputs have the type of the inputs.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helper_utils.base.training import Device


class Norm(nn.Module):
    """What all norms have: eps, and a weight and a bias to multiply by and to add, either of which may be missing."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(
        self,
        shape: tuple[int, ...],
        eps: float | None,
        affine: bool,
        bias: bool,
        device: Device | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if eps is not None and not 0 < eps < math.inf:
            raise ValueError(f"eps must be positive and finite, not {eps}: it keeps the root away from 0")
        self.eps = eps
        for name, is_there in (("weight", affine), ("bias", affine and bias)):
            parameter = nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if is_there else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _affine(self, normalized: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Multiply by the weight and add the bias, both seen in a shape that fits the inputs."""
        if self.weight is not None:
            normalized = normalized * self.weight.view(shape)
        if self.bias is not None:
            normalized = normalized + self.bias.view(shape)
        return normalized

    def _to_compute(self, inputs: Tensor) -> Tensor:
        """Return inputs in the type to compute in, or say that they are not numbers to normalise."""
        if not inputs.is_floating_point():
            raise TypeError(
                f"{type(self).__name__} needs floating point inputs, not {inputs.dtype}: call inputs.float() first"
            )
        return inputs.to(torch.promote_types(inputs.dtype, torch.float32))

    def _check_channels(self, inputs: Tensor, num_channels: int) -> None:
        if inputs.shape[1] != num_channels:
            raise ValueError(
                f"this {type(self).__name__} is for {num_channels} channels, but inputs of shape {tuple(inputs.shape)} "
                f"have {inputs.shape[1]} (axis 1)"
            )


def _moments(inputs: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor, int]:
    """Return mean and variance (divided by n, not by n - 1) over some axes, which stay as axes of length 1, and n."""
    n_values = math.prod(inputs.shape[axis] for axis in axes)
    if n_values < 2:
        raise ValueError(
            f"expected more than 1 value for each mean and variance, got {n_values}: axes {axes} of the shape "
            f"{tuple(inputs.shape)}. Take a larger batch or image, or a norm over other axes"
        )
    return inputs.mean(axes, keepdim=True), inputs.var(axes, correction=0, keepdim=True), n_values


def _normalize(inputs: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """Subtract the mean over some axes and divide by the standard deviation over them; eps is inside the root."""
    mean, variance, _ = _moments(inputs, axes)
    return (inputs - mean) / (variance + eps).sqrt()


class _TrackingNorm(Norm):
    """A norm with statistics for each channel, that may remember running averages of them for eval mode."""

    eps: float
    running_mean: Tensor  # these three are None where no statistics are tracked
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_features < 1:
            raise ValueError(f"num_features must be at least 1, not {num_features}")
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1, or None for a cumulative average, not {momentum}")
        super().__init__((num_features,), eps, affine, bias, device, dtype)
        self.num_features, self.momentum = num_features, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        buffers = {}
        if track_running_stats:
            buffers["running_mean"] = torch.zeros(num_features, device=device, dtype=dtype)
            buffers["running_var"] = torch.ones(num_features, device=device, dtype=dtype)
            buffers["num_batches_tracked"] = torch.tensor(0, device=device)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, buffers.get(name))

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batches."""
        if self.running_mean is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _apply_norm(self, inputs: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Normalise inputs of shape (N, C, ...) over some axes, or by the running statistics in eval mode."""
        values = self._to_compute(inputs)
        self._check_channels(inputs, self.num_features)
        shape = (-1, *[1] * (inputs.ndim - 2))
        if self.training or self.running_mean is None:
            mean, variance, n_values = _moments(values, axes)
            if self.training and self.track_running_stats:
                self._update_running_stats(mean.detach(), variance.detach() * n_values / (n_values - 1))
        else:
            mean, variance = self.running_mean.view(shape), self.running_var.view(shape)
        normalized = (values - mean) / (variance + self.eps).sqrt()
        return self._affine(normalized, shape).to(inputs.dtype)

    def _update_running_stats(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Move the running statistics towards those of a batch, each of shape (1 or N, C, 1, ...)."""
        rate = self._update_rate()
        for running, batch in ((self.running_mean, mean), (self.running_var, unbiased_variance)):
            running.mul_(1 - rate).add_(rate * batch.mean(dim=0).flatten())

    def _update_rate(self) -> float | Tensor:
        """Return the weight of this batch in the running averages."""
        raise NotImplementedError


class BatchNorm(_TrackingNorm):
    """The batch norms, which differ only in the shapes that they take."""

    dims: tuple[int, ...]  # how many axes the inputs may have
    shapes: str

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise a batch.

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They have another number of axes or channels, or one value a channel where statistics of the
                batch are needed.
        """
        if inputs.ndim not in self.dims:
            raise ValueError(f"{type(self).__name__} takes inputs of shape {self.shapes}, not {tuple(inputs.shape)}")
        return self._apply_norm(inputs, (0, *range(2, inputs.ndim)))

    def _update_rate(self) -> float | Tensor:
        self.num_batches_tracked.add_(1)
        if self.momentum is None:
            return self.num_batches_tracked.to(self.running_mean.dtype).reciprocal()
        return self.momentum


class BatchNorm1d(BatchNorm):
    """Batch norm of vectors (N, C) or sequences (N, C, L): one mean and variance for each channel, over N (and L).

    In training they are those of the batch, y = weight * (x - mean) / sqrt(variance + eps) + bias with the biased
    variance (divided by n), and running averages are kept, of the unbiased variance (divided by n - 1). In eval mode
    the running averages take their place. Source: Ioffe and Szegedy, "Batch normalization" (2015), algorithms 1 and 2.

    Args:
        num_features: C.
        eps: Added to the variance, positive.
        momentum: The weight of the newest batch in the running averages (an optimizer's momentum is the weight of the
            past), in [0, 1]; None averages all batches so far alike.
        affine: Whether to learn a weight and a bias for each channel.
        track_running_stats: Without them, the statistics of the batch are used in eval mode too.
        device: Of parameters and statistics.
        dtype: Likewise.
        bias: Whether to learn a bias, if affine.

    Raises:
        ValueError: num_features, eps or momentum is out of its range.
    """

    dims, shapes = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(BatchNorm):
    """Batch norm of images (N, C, H, W): one mean and variance for each channel, over N, H and W.

    All else is as for `BatchNorm1d`, arguments and errors too.
    """

    dims, shapes = (4,), "(N, C, H, W)"


class InstanceNorm2d(_TrackingNorm):
    """Instance norm of images (N, C, H, W) or (C, H, W): one mean and variance for each image and channel, over H, W.

    Contrast and brightness of an image go away, as far as eps is small beside its variance. As torch has it, there are
    by default no parameters and no running statistics; if there are, they are the means over the images of a batch,
    `num_batches_tracked` stays 0, and momentum=None does not average but leaves them as they are.
    Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization" (2016).

    Args:
        num_features: C.
        eps: Added to the variance, positive.
        momentum: As for `BatchNorm1d`, except None.
        affine: Whether to learn a weight and a bias for each channel.
        track_running_stats: Whether to keep running statistics and use them in eval mode.
        device: Of parameters and statistics.
        dtype: Likewise.
        bias: Whether to learn a bias, if affine.

    Raises:
        ValueError: num_features, eps or momentum is out of its range.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Device | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise each channel of each image.

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They have another number of axes or channels, or images of one pixel.
        """
        if inputs.ndim == 3:
            return self(inputs[None])[0]
        if inputs.ndim != 4:
            raise ValueError(
                f"InstanceNorm2d takes inputs of shape (N, C, H, W) or (C, H, W), not {tuple(inputs.shape)}"
            )
        return self._apply_norm(inputs, (2, 3))

    def _update_rate(self) -> float:
        return self.momentum or 0.0


class LayerNorm(Norm):
    """Layer norm: one mean and variance for each example (each token, ...), over the last axes.

    Training and eval mode do the same, and no example depends on another. Source: Ba, Kiros and Hinton, "Layer
    normalization" (2016).

    Args:
        normalized_shape: Lengths of the last axes, over which it normalises: a number for one axis.
        eps: Added to the variance, positive.
        elementwise_affine: Whether to learn a weight and a bias, each of the normalised shape.
        bias: Whether to learn a bias, if elementwise_affine.
        device: Of the parameters.
        dtype: Likewise.

    Raises:
        ValueError: The shape has no axis or an empty one, or eps is not positive.
    """

    eps: float

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = _as_shape(normalized_shape)
        super().__init__(shape, eps, elementwise_affine, bias, device, dtype)
        self.normalized_shape, self.elementwise_affine = shape, elementwise_affine

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise over the last axes of inputs of shape (..., *normalized_shape).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: The last axes are not the normalised shape, or it has a single value.
        """
        values, axes = self._to_compute(inputs), _last_axes(inputs, self.normalized_shape)
        return self._affine(_normalize(values, axes, self.eps), self.normalized_shape).to(inputs.dtype)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Norm):
    """RMS norm: y = weight * x / sqrt(mean(x²) + eps), the mean over the last axes; a layer norm that does not centre.

    Source: Zhang and Sennrich, "Root mean square layer normalization" (2019).

    Args:
        normalized_shape: Lengths of the last axes, over which it normalises: a number for one axis.
        eps: Added to the mean square, positive; None is `torch.finfo(dtype).eps` of the type in which it computes
            (float32, or float64 for such inputs).
        elementwise_affine: Whether to learn a weight of the normalised shape.
        device: Of the weight.
        dtype: Likewise.

    Raises:
        ValueError: The shape has no axis or an empty one, or eps is not positive.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = _as_shape(normalized_shape)
        super().__init__(shape, eps, elementwise_affine, bias=False, device=device, dtype=dtype)
        self.normalized_shape, self.elementwise_affine = shape, elementwise_affine

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise over the last axes of inputs of shape (..., *normalized_shape).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: The last axes are not the normalised shape.
        """
        values, axes = self._to_compute(inputs), _last_axes(inputs, self.normalized_shape)
        eps = torch.finfo(values.dtype).eps if self.eps is None else self.eps
        normalized = values / (values.square().mean(axes, keepdim=True) + eps).sqrt()
        return self._affine(normalized, self.normalized_shape).to(inputs.dtype)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Norm):
    """Group norm: one mean and variance for each example and group of channels, over the group and all later axes.

    One group is a layer norm over (C, H, W), C groups are an instance norm, but for the shape of the parameters.
    Training and eval mode do the same. Source: Wu and He, "Group normalization" (2018).

    Args:
        num_groups: How many groups of neighbouring channels.
        num_channels: C, a multiple of num_groups.
        eps: Added to the variance, positive.
        affine: Whether to learn a weight and a bias for each channel.
        device: Of the parameters.
        dtype: Likewise.
        bias: Whether to learn a bias, if affine.

    Raises:
        ValueError: The channels cannot be divided into the groups, or eps is not positive.
    """

    eps: float

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Device | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_groups < 1 or num_channels < 1 or num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups}), and both positive"
            )
        super().__init__((num_channels,), eps, affine, bias, device, dtype)
        self.num_groups, self.num_channels, self.affine = num_groups, num_channels, affine

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise each group of channels of each example, of shape (N, C, ...).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They have no axis of channels, another number of channels, or a single value in each group.
        """
        if inputs.ndim < 2:
            raise ValueError(f"GroupNorm takes inputs of shape (N, C, ...), not {tuple(inputs.shape)}")
        self._check_channels(inputs, self.num_channels)
        groups = self._to_compute(inputs).unflatten(1, (self.num_groups, -1))  # (N, groups, channels of a group, ...)
        normalized = _normalize(groups, tuple(range(2, groups.ndim)), self.eps).flatten(1, 2)
        return self._affine(normalized, (-1, *[1] * (inputs.ndim - 2))).to(inputs.dtype)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


BATCH_NORMS = (BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def _as_shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or min(shape) < 1:
        raise ValueError(f"normalized_shape must hold the lengths of one axis or more, each positive, not {shape}")
    return shape


def _last_axes(inputs: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of the last axes, counted from the end, or say that they do not have the shape."""
    if inputs.ndim < len(shape) or tuple(inputs.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"the last axes must have the shape {shape} (normalized_shape); inputs are {tuple(inputs.shape)}"
        )
    return tuple(range(-len(shape), 0))
