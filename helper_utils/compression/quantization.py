"""Numbers rounded to few levels: codes, scales, ranges, and training through the rounding."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from helper_utils.compression.layers import check_floating, weight_layers, weight_of


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor as whole numbers: its values are about `scale * (codes - zero_point)`.

    Attributes:
        codes: Whole numbers in the shape of the tensor: int8 or int16 if symmetric, else uint8 or int32.
        scale: The step between two levels, above 0; without dimensions, or shape (channels, 1, ...).
        zero_point: The code of the value 0, in the shape of the scale; 0 if symmetric.
        n_bits: How many bits a code needs.
    """

    codes: Tensor
    scale: Tensor
    zero_point: Tensor
    n_bits: int


def quantize(
    x: Tensor,
    n_bits: int = 8,
    *,
    symmetric: bool = True,
    per_channel: bool = False,
    limits: tuple[float, float] | None = None,
) -> Quantized:
    """Round a tensor to evenly spaced levels, halves to the even code, as torch and ONNX do.

    Symmetric: the codes go from -(2^(n-1) - 1) to 2^(n-1) - 1, and the scale is the largest absolute value over the
    largest code. Asymmetric: 2^n codes from 0 up, over a range that contains 0, so that 0 has a code of its own (the
    zero point). Inside the range the error is at most half a step, for asymmetric codes at the ends up to a whole one,
    because the zero point is rounded too. Values beyond the limits get the nearest level. Source: Jacob et al.,
    "Quantization and training of neural networks for efficient integer-arithmetic-only inference" (2018),
    arXiv:1712.05877.

    Args:
        x: Floating-point numbers of any shape; half precision is computed in float32.
        n_bits: From 2 to 16.
        symmetric: Whether the levels are symmetric about 0.
        per_channel: Whether each entry of the first axis has its own scale.
        limits: The range (low, high), such as from `find_range`; by default that of the values.

    Raises:
        TypeError: x holds integers, or n_bits is not an int.
        ValueError: n_bits is out of range, x is empty or not finite or has no axis for channels, or the limits are no
            range, or come with per_channel.
    """
    check_bits(n_bits)
    check_floating(x)
    x = x.detach().float() if x.dtype in (torch.float16, torch.bfloat16) else x.detach()
    scale, zero_point, lowest, largest = _levels(x, n_bits, symmetric, per_channel, limits)
    codes = ((x / scale).round() + zero_point).clamp(lowest, largest)
    small, wide = (torch.int8, torch.int16) if symmetric else (torch.uint8, torch.int32)
    return Quantized(codes.to(small if n_bits <= 8 else wide), scale, zero_point, n_bits)


def dequantize(quantized: Quantized) -> Tensor:
    """Return the values of the codes, scale * (code - zero point), in the type of the scale."""
    return quantized.scale * (quantized.codes.to(quantized.scale.dtype) - quantized.zero_point)


def fake_quantize(
    x: Tensor,
    n_bits: int = 8,
    *,
    symmetric: bool = True,
    per_channel: bool = False,
    limits: tuple[float, float] | None = None,
) -> Tensor:
    """Return `dequantize(quantize(x, ...))` in the type of x, with a gradient that passes straight through.

    Rounding has the gradient zero nearly everywhere. Here its gradient is taken as 1 within the range, and 0 beyond
    given limits: the straight-through estimate (Bengio, Léonard, Courville, 2013, arXiv:1308.3432). The scale counts as
    a constant. It can be used under `torch.func.vmap`, then without the checks of the values.

    Args, errors: As for `quantize`.
    """
    check_bits(n_bits)
    if not _is_batched(x):
        check_floating(x)
    values = x if x.dtype == torch.float64 else x.float()
    scale, zero_point, lowest, largest = _levels(values.detach(), n_bits, symmetric, per_channel, limits)
    codes = values / scale
    inside = codes.clamp(lowest - 0.5 - zero_point, largest + 0.5 - zero_point)  # its gradient is 0 beyond the levels
    rounded = (codes.round() + zero_point).clamp(lowest, largest) - zero_point
    return (scale * (inside + (rounded - inside).detach())).to(x.dtype)


def _is_batched(x: Tensor) -> bool:
    return cast(Any, torch._C)._functorch.is_batchedtensor(x)


def check_bits(n_bits: int) -> None:
    """Refuse a number of bits that is not an int from 2 to 16.

    Raises:
        TypeError, ValueError: It is not.
    """
    if isinstance(n_bits, bool) or not isinstance(n_bits, int):
        raise TypeError(f"n_bits must be an int, not {n_bits!r}")
    if not 2 <= n_bits <= 16:
        raise ValueError(f"n_bits must be from 2 to 16, not {n_bits}")


def _levels(
    x: Tensor, n_bits: int, symmetric: bool, per_channel: bool, limits: tuple[float, float] | None
) -> tuple[Tensor, Tensor, int, int]:
    """Return the scale, the zero point, and the lowest and the largest code."""
    low, high = _range(x, per_channel, limits)
    if symmetric:
        largest = 2 ** (n_bits - 1) - 1
        scale = _not_zero(torch.maximum(-low, high) / largest)
        return scale, torch.zeros_like(scale), -largest, largest
    low, high, largest = low.clamp(max=0), high.clamp(min=0), 2**n_bits - 1
    scale = _not_zero((high - low) / largest)
    return scale, (-low / scale).round().clamp(0, largest), 0, largest


def _range(x: Tensor, per_channel: bool, limits: tuple[float, float] | None) -> tuple[Tensor, Tensor]:
    if limits is not None:
        low, high = limits
        if per_channel:
            raise ValueError("limits are one range for the whole tensor: leave out per_channel=True, or the limits")
        if not low < high:
            raise ValueError(f"the limits must be a range (low, high) with low below high, not {limits}")
        return x.new_tensor(low), x.new_tensor(high)
    if not per_channel:
        return x.amin(), x.amax()
    if x.ndim < 2:
        raise ValueError(
            f"per_channel needs channels along a first axis and values in them, not shape {tuple(x.shape)}"
        )
    axes = tuple(range(1, x.ndim))
    return x.amin(dim=axes, keepdim=True), x.amax(dim=axes, keepdim=True)


def _not_zero(scale: Tensor) -> Tensor:
    """Give a channel of zeros the scale 1: all of its codes are 0 then."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def find_range(
    x: Tensor, method: str = "min-max", *, n_bits: int = 8, symmetric: bool = True, percentile: float = 99.9
) -> tuple[float, float]:
    """Choose the range (low, high) of a tensor, such as the activations of calibration data, for `quantize`'s limits.

    Args:
        x: Floating-point numbers.
        method: "min-max": all values; nothing is cut off, and an outlier widens every step. "percentile": cuts off
            what lies beyond (100 - percentile) % at the top, and as much at the bottom. "mse": of 80 ranges, from the
            whole one down to 20 % of it, the one with the least squared error.
        n_bits: For "mse", from 2 to 16.
        symmetric: Whether the range is made symmetric about 0.
        percentile: Above 50, at most 100.

    Raises:
        TypeError: x holds integers.
        ValueError: The method is unknown, a number is out of range, or x is empty or not finite.
    """
    check_bits(n_bits)
    check_floating(x, "find_range")
    values = x.detach().flatten().double()
    if method == "min-max":
        low, high = values.amin(), values.amax()
    elif method == "percentile":
        if not 50 < percentile <= 100:
            raise ValueError(f"the percentile must be above 50 and at most 100, not {percentile}")
        ordered = values.sort().values
        place = (len(values) - 1) * percentile / 100  # torch.quantile refuses large tensors
        low, high = _between(ordered, len(values) - 1 - place), _between(ordered, place)
    elif method == "mse":
        return _least_error(values, n_bits, symmetric)
    else:
        raise ValueError(f"the method must be 'min-max', 'percentile' or 'mse', not {method!r}")
    return _as_range(low, high, symmetric)


def _between(ordered: Tensor, place: float) -> Tensor:
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], place - below)


def _as_range(low: Tensor, high: Tensor, symmetric: bool) -> tuple[float, float]:
    if symmetric:
        high = torch.maximum(low.abs(), high.abs())
        low = -high
    low, high = low.clamp(max=0), high.clamp(min=0)
    if not low < high:
        return -1.0, 1.0  # all values are zero
    return float(low), float(high)


def _least_error(values: Tensor, n_bits: int, symmetric: bool) -> tuple[float, float]:
    low, high = _as_range(values.amin(), values.amax(), symmetric)
    candidates = []
    for share in torch.linspace(1, 0.2, 80).tolist():
        limits = low * share, high * share
        rounded = dequantize(quantize(values, n_bits, symmetric=symmetric, limits=limits))
        candidates.append((float((rounded - values).square().sum()), limits))
    return min(candidates, key=lambda candidate: candidate[0])[1]


def pack_int4(codes: Tensor) -> Tensor:
    """Pack codes of 4 bits into bytes, two in each: the first in the lower half.

    Args:
        codes: Whole numbers from -8 to 7, of any shape. An odd number is filled up with a 0.

    Returns:
        Shape (ceil(n / 2),), uint8.

    Raises:
        TypeError: The codes are not integers.
        ValueError: One is out of range.
    """
    if codes.is_floating_point() or codes.dtype == torch.bool:
        raise TypeError(f"pack_int4 takes the integer codes of quantize, not {codes.dtype}")
    if codes.numel() and (codes.min() < -8 or codes.max() > 7):
        raise ValueError(f"4 bits hold -8 to 7, not {int(codes.min())} to {int(codes.max())}")
    flat = codes.flatten().to(torch.int16) & 15
    pairs = nn.functional.pad(flat, (0, len(flat) % 2)).view(-1, 2)
    return (pairs[:, 0] | pairs[:, 1] << 4).to(torch.uint8)


def unpack_int4(packed: Tensor, shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Return the codes that `pack_int4` packed, in this shape, int8.

    Raises:
        ValueError: The shape needs a different number of bytes.
    """
    n = torch.Size(shape).numel()
    if len(packed) != -(-n // 2):
        raise ValueError(f"{len(packed)} bytes hold {2 * len(packed)} codes or one less, not the {n} of {tuple(shape)}")
    wide = packed.to(torch.int16)
    codes = torch.stack((wide & 15, wide >> 4), dim=1).flatten()[:n]
    return torch.where(codes > 7, codes - 16, codes).to(torch.int8).view(shape)


def quantize_weights(model: nn.Module, n_bits: int = 8, *, per_channel: bool = True) -> nn.Module:
    """Return a copy whose weights are rounded, symmetrically; biases and norms stay as they are.

    It computes with floating-point numbers that lie on the levels, so its predictions are those of the small network
    and its time is not: `pack_model` makes the small file. Fold batch norm first (lesson 04).

    Args:
        model: Its linear layers and convolutions are rounded.
        n_bits: From 2 to 16.
        per_channel: Whether each output has its own scale.

    Raises:
        ValueError: n_bits is out of range, or the model has no such layers.
    """
    check_bits(n_bits)
    rounded = copy.deepcopy(model)
    for layer in weight_layers(rounded).values():
        with torch.no_grad():
            cast(Tensor, layer.weight).copy_(fake_quantize(weight_of(layer), n_bits, per_channel=per_channel))
    return rounded


class _Rounded(nn.Module):
    """What makes a weight of its trained values: the nearest level, with the gradient of the identity."""

    def __init__(self, n_bits: int, per_channel: bool) -> None:
        super().__init__()
        self.n_bits, self.per_channel = n_bits, per_channel

    def forward(self, weight: Tensor) -> Tensor:
        return fake_quantize(weight, self.n_bits, per_channel=self.per_channel)


def with_fake_quantization(model: nn.Module, n_bits: int = 8, *, per_channel: bool = True) -> nn.Module:
    """Let the layers of a model use their weights rounded, for quantization-aware training. It is changed and returned.

    The optimizer still changes the float32 weights behind them (the master weights). `remove_masks` makes the rounded
    weights plain parameters.

    Args:
        model: As for `quantize_weights`.
        n_bits: From 2 to 16.
        per_channel: Whether each output has its own scale.

    Raises:
        ValueError: n_bits is out of range, or the model has no such layers, or one has a parametrization already.
    """
    check_bits(n_bits)
    layers = weight_layers(model)
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(f"layer {name!r} has a parametrization already: call remove_masks first")
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", _Rounded(n_bits, per_channel))
    return model


class QuantizedActivations(nn.Module):
    """A network whose layers get their inputs rounded too, asymmetrically, one range for each layer.

    The ranges come from calibration data: training images, never the test set.

    Args:
        model: Is copied. Its linear layers and convolutions round their inputs.
        calibration: A batch of inputs.
        n_bits: From 2 to 16.
        method: How a range is chosen, as in `find_range`.
        percentile: As in `find_range`.

    Raises:
        ValueError: The model has no such layers, or an argument is out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        calibration: Tensor,
        n_bits: int = 8,
        *,
        method: str = "min-max",
        percentile: float = 99.9,
    ) -> None:
        super().__init__()
        check_bits(n_bits)
        self.model = copy.deepcopy(model).eval()
        self.limits: dict[str, tuple[float, float]] = {}
        hooks = []
        for name, layer in weight_layers(self.model).items():

            def note(_: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                self.limits[name] = find_range(inputs[0], method, n_bits=n_bits, symmetric=False, percentile=percentile)

            hooks.append(layer.register_forward_pre_hook(note))
        with torch.no_grad():
            self.model(calibration)
        for hook in hooks:
            hook.remove()
        for name, layer in weight_layers(self.model).items():
            layer.register_forward_pre_hook(_rounding_hook(n_bits, self.limits[name]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of the network with rounded activations."""
        return self.model(inputs)


def _rounding_hook(n_bits: int, limits: tuple[float, float]) -> Callable[[nn.Module, tuple[Tensor, ...]], Tensor]:
    def round_inputs(_: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        return fake_quantize(inputs[0], n_bits, symmetric=False, limits=limits)

    return round_inputs
