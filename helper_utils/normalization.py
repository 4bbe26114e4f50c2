"""Normalisation of data and of activations: scalers, and the norms of `torch.nn` written from their formulas.

Scalers bring the features of a data set into one range: `MinMaxScaler` and `StandardScaler`, in scikit-learn's words.
Norms do it inside a network: `BatchNorm1d`, `BatchNorm2d`, `LayerNorm`, `InstanceNorm2d`, `GroupNorm` and `RMSNorm` are
those of `torch.nn`, with the same arguments, parameters and results; each loads the other's `state_dict`. They differ
in the axes that share a mean and a variance. Around batch norm: `recalibrate_running_statistics`, `fold_batch_norm`;
for the optimizer: `parameter_groups`.

The norms are stricter than torch's in what they take. They refuse, with a ValueError: an eps that is not positive, a
momentum outside [0, 1], inputs whose channels are not those that the layer was made for (torch's `InstanceNorm2d`
without parameters only warns), and a mean over a single value wherever it occurs (torch refuses it for batch and
instance norm only, though x - mean(x) is 0 for every norm that centres). Inputs that are not floating point are a
TypeError. With inputs of half precision they compute in float32, as torch does; outputs have the type of the inputs.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from .training import Device

# ------------------------------------------------------------------------------------------------------ of features


class _Scaler(ABC):
    """Learns something about each feature from training data, in float64, and applies it to any data."""

    scale_: Tensor  # there once `fit` was called, as in scikit-learn

    def fit(self, inputs: Tensor) -> Self:
        """Learn the statistics of each feature; call it with training data only.

        Args:
            inputs: Shape (N, features), floating point.

        Raises:
            TypeError: The inputs are not a tensor of floating point numbers.
            ValueError: They have another shape, are too few, or hold a nan or an infinity.
        """
        _check_features(inputs)
        if inputs.numel() == 0:
            raise ValueError(f"there is nothing to fit a scaler to in inputs of shape {tuple(inputs.shape)}")
        values = inputs.detach().cpu().double()
        wrong = (~values.isfinite()).nonzero()
        if len(wrong):
            row, column = wrong[0].tolist()
            raise ValueError(
                f"inputs hold {values[row, column].item()} (row {row}, feature {column}): leave such rows out, or fill "
                "the gaps, before fitting a scaler"
            )
        self._fit(values, inputs.dtype)
        return self

    def transform(self, inputs: Tensor) -> Tensor:
        """Scale inputs by what `fit` has learned; a nan stays one.

        Args:
            inputs: Shape (N, features), floating point; the results have its type and are on its device.

        Raises:
            TypeError: The inputs are not a tensor of floating point numbers.
            ValueError: The scaler is not fitted, or the inputs have another shape or number of features.
        """
        self._check(inputs)
        return self._scale(inputs)

    def fit_transform(self, inputs: Tensor) -> Tensor:
        """Return `fit(inputs).transform(inputs)`; call it with training data only."""
        return self.fit(inputs).transform(inputs)

    def inverse_transform(self, inputs: Tensor) -> Tensor:
        """Undo `transform`; arguments and errors are the same."""
        self._check(inputs)
        return self._unscale(inputs)

    def _check(self, inputs: Tensor) -> None:
        if not hasattr(self, "scale_"):
            raise ValueError(f"this {type(self).__name__} is not fitted: call fit with the training data first")
        _check_features(inputs)
        if inputs.shape[1] != len(self.scale_):
            raise ValueError(f"inputs have {inputs.shape[1]} features, the scaler was fitted to {len(self.scale_)}")

    @abstractmethod
    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:
        """Learn from float64 values, which had another type."""

    @abstractmethod
    def _scale(self, inputs: Tensor) -> Tensor: ...

    @abstractmethod
    def _unscale(self, inputs: Tensor) -> Tensor: ...


class MinMaxScaler(_Scaler):
    """Brings each feature into a range: its smallest value in the training data to the low end, its largest to the top.

    Other data may fall outside the range. A feature that is constant in the training data goes to the low end.

    Args:
        feature_range: The low and the high end.

    Attributes:
        data_min_: Smallest value of each feature, shape (features,), float64.
        data_max_: Largest value, likewise.
        scale_: What each feature is multiplied by.
        min_: What is added then.

    Raises:
        ValueError: The low end is not below the high end.
    """

    def __init__(self, feature_range: tuple[float, float] = (0, 1)) -> None:
        low, high = feature_range
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"feature_range must be (low, high), finite, with low below high, not {feature_range}")
        self.feature_range = feature_range

    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:
        low, high = self.feature_range
        self.data_min_, self.data_max_ = values.amin(dim=0), values.amax(dim=0)
        data_range = self.data_max_ - self.data_min_
        is_constant = data_range < 10 * torch.finfo(dtype).eps  # scikit-learn's bound
        self.scale_ = (high - low) / data_range.masked_fill(is_constant, 1)
        self.min_ = low - self.data_min_ * self.scale_

    def _scale(self, inputs: Tensor) -> Tensor:
        return inputs * self.scale_.to(inputs) + self.min_.to(inputs)

    def _unscale(self, inputs: Tensor) -> Tensor:
        return (inputs - self.min_.to(inputs)) / self.scale_.to(inputs)


class StandardScaler(_Scaler):
    """Brings each feature to mean 0 and standard deviation 1 over the training data.

    A feature that is constant in the training data is only centred.

    Args:
        ddof: The variance is the sum of squared deviations over N - ddof: 0, the default of scikit-learn and NumPy, or
            1, the default of torch and pandas. There must be more than ddof examples to fit.

    Attributes:
        mean_: Mean of each feature, shape (features,), float64.
        var_: Variance, likewise.
        scale_: What each centred feature is divided by: the standard deviation, or 1 for a constant feature.

    Raises:
        ValueError: ddof is negative.
    """

    def __init__(self, ddof: int = 0) -> None:
        if ddof < 0:
            raise ValueError(f"ddof must be at least 0, not {ddof}")
        self.ddof = ddof

    def _fit(self, values: Tensor, dtype: torch.dtype) -> None:  # noqa: ARG002 - the bound below is one of float64
        n_examples = len(values)
        if n_examples <= self.ddof:
            raise ValueError(f"a variance with ddof={self.ddof} needs more than {self.ddof} examples, not {n_examples}")
        self.mean_, self.var_ = values.mean(dim=0), values.var(dim=0, correction=self.ddof)
        # scikit-learn's bound: what rounding alone can make of a feature that is constant
        eps = torch.finfo(values.dtype).eps
        is_constant = self.var_ <= n_examples * eps * self.var_ + (n_examples * eps * self.mean_).square()
        self.scale_ = self.var_.sqrt().masked_fill(is_constant, 1)

    def _scale(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean_.to(inputs)) / self.scale_.to(inputs)

    def _unscale(self, inputs: Tensor) -> Tensor:
        return inputs * self.scale_.to(inputs) + self.mean_.to(inputs)


# --------------------------------------------------------------------------------------------------- of activations


class _Norm(nn.Module):
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


class _TrackingNorm(_Norm):
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


class _BatchNorm(_TrackingNorm):
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


class BatchNorm1d(_BatchNorm):
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


class BatchNorm2d(_BatchNorm):
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


class LayerNorm(_Norm):
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


class RMSNorm(_Norm):
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


class GroupNorm(_Norm):
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


# ------------------------------------------------------------------------------------------------ around batch norm

_BATCH_NORMS = (_BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_NORMS = (_Norm, *_BATCH_NORMS, *_INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@torch.no_grad()
def recalibrate_running_statistics(
    model: nn.Module, batches: Iterable[Tensor | Sequence[Tensor]], device: Device
) -> None:
    """Forget the running statistics of all batch norms, torch's and ours, and average them anew with the weights fixed.

    Each batch counts the same. The variances of the batches are averaged, so what the batches' means differ is lost:
    draw the batches at random, of one size. All other layers are in eval mode meanwhile (no dropout), unlike in
    `torch.optim.swa_utils.update_bn`; afterwards every module is in the mode it was in, and has the momentum it had.
    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm" (2021), "precise BatchNorm".

    Args:
        model: Is on the device.
        batches: Inputs, or sequences whose first entry is the inputs, such as (inputs, targets).
        device: Where the inputs are moved to.

    Raises:
        ValueError: The model has no batch norm with running statistics, or there are no batches; the statistics are
            then as before.
    """
    layers = [module for module in model.modules() if isinstance(module, _BATCH_NORMS) and module.track_running_stats]
    if not layers:
        raise ValueError("the model has no batch norm with running statistics: there is nothing to recalibrate")
    modes = {module: module.training for module in model.modules()}
    momenta = {layer: layer.momentum for layer in layers}
    n_batches = 0
    try:
        model.eval()
        for layer in layers:
            layer.train()
            layer.momentum = None
        for batch in batches:
            if n_batches == 0:
                for layer in layers:
                    layer.reset_running_stats()
            inputs = batch if isinstance(batch, Tensor) else batch[0]
            model(inputs.to(device))
            n_batches += 1
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
    if n_batches == 0:
        raise ValueError("there are no batches to take statistics of: an iterator is used up after one pass")


_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)
_FOLDABLE = ((nn.Conv2d, (BatchNorm2d, nn.BatchNorm2d)), (nn.Linear, (BatchNorm1d, nn.BatchNorm1d)))


@torch.no_grad()
def fold_batch_norm(conv: _Layer, batch_norm: _BatchNorm | nn.BatchNorm1d | nn.BatchNorm2d) -> _Layer:
    """Return one layer that does what a convolution and the batch norm after it do in eval mode, to rounding.

    In eval mode a batch norm is y = scale * x + shift for each channel, with scale = weight / sqrt(variance + eps) and
    shift = bias - scale * mean; both go into the weight and the bias of the layer before.

    Args:
        conv: A convolution, or a linear layer on inputs of shape (N, features). It is not changed.
        batch_norm: What follows it: a `BatchNorm2d`, or a `BatchNorm1d` after a linear layer, torch's or ours.

    Raises:
        TypeError: The two are not such layers.
        ValueError: The batch norm has no running statistics, or not as many channels as the layer before gives.
    """
    if not any(isinstance(conv, layer) and isinstance(batch_norm, norms) for layer, norms in _FOLDABLE):
        raise TypeError(
            "only Conv2d with BatchNorm2d and Linear with BatchNorm1d can be folded, "
            f"not {type(conv).__name__} with {type(batch_norm).__name__}"
        )
    mean, variance = batch_norm.running_mean, batch_norm.running_var
    if mean is None or variance is None:
        raise ValueError("the batch norm has no running statistics (track_running_stats=False): it cannot be folded")
    if len(mean) != len(conv.weight):
        raise ValueError(f"the layer gives {len(conv.weight)} channels, but the batch norm takes {len(mean)}")
    scale = (variance + batch_norm.eps).rsqrt()
    if batch_norm.weight is not None:
        scale = scale * batch_norm.weight
    shift = -scale * mean
    if batch_norm.bias is not None:
        shift = shift + batch_norm.bias
    if conv.bias is not None:
        shift = shift + scale * conv.bias
    weight = scale.view(-1, *[1] * (conv.weight.ndim - 1)) * conv.weight
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(weight.to(conv.weight.dtype))
    folded.bias = nn.Parameter(shift.to(conv.weight.dtype))
    return folded


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Sort a model's trainable parameters into two groups for an optimizer: with weight decay, and without.

    Without are all parameters of norms, and all others with fewer than two axes, which are biases and gains. A norm
    that follows a layer undoes any rescaling of its weight, so decay there changes only the effective learning rate
    (van Laarhoven, "L2 regularization versus batch and weight normalization", 2017); on the norm's own parameters it
    pulls the outputs towards 0.

    Args:
        model: A parameter that is used in several places comes once. Lazy layers must have seen a batch.
        weight_decay: Of the first group, at least 0.

    Returns:
        Two dictionaries with "params" and "weight_decay", in the order of the model. One of the lists may be empty.

    Raises:
        ValueError: weight_decay is negative, the model has no trainable parameters, or one of a lazy layer has no shape
            yet.
    """
    if not 0 <= weight_decay < math.inf:
        raise ValueError(f"weight_decay must be at least 0 and finite, not {weight_decay}")
    of_norms = {
        parameter for module in model.modules() if isinstance(module, _NORMS) for parameter in module.parameters()
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError("the model has no trainable parameters: is everything frozen?")
    if any(nn.parameter.is_lazy(parameter) for parameter in trainable):
        raise ValueError(
            "a lazy layer has no parameters yet: run a batch through the model before making the optimizer"
        )
    without_decay = [parameter for parameter in trainable if parameter.ndim < 2 or parameter in of_norms]
    with_decay = [parameter for parameter in trainable if parameter.ndim >= 2 and parameter not in of_norms]
    return [
        {"params": with_decay, "weight_decay": weight_decay},
        {"params": without_decay, "weight_decay": 0.0},
    ]


# --------------------------------------------------------------------------------------------------------- inside


def _check_features(inputs: Tensor) -> None:
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs must be a tensor, not {type(inputs).__name__}: use torch.from_numpy or torch.tensor")
    if not inputs.is_floating_point():
        raise TypeError(f"inputs must be floating point, not {inputs.dtype}: call inputs.float() first")
    if inputs.ndim != 2:
        hint = ": for a single feature use inputs[:, None]" if inputs.ndim == 1 else ": use inputs.flatten(1)"
        raise ValueError(f"inputs must have shape (N, features), not {tuple(inputs.shape)}{hint}")


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
