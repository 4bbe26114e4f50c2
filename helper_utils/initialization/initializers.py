"""The initialisers of `torch.nn.init`, written from their formulas, with torch's names and arguments."""

import math
from typing import Literal

import torch
from torch import Tensor

FanMode = Literal["fan_in", "fan_out"]

_LINEAR = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",  # torch's convention: the gain of the sigmoid is 1
)


def fan_in_and_out(weight: Tensor, *, groups: int = 1) -> tuple[int, int]:
    """Return how many inputs an output of a layer sums over, and over how many outputs an input is spread.

    For weights of shape (out, in / groups, *kernel), as `nn.Linear` and `nn.ConvNd` have them. (Weights of transposed
    convolutions have the first two axes exchanged.) Torch's own function does not know the groups, so it overstates
    the fan-out of grouped convolutions by their number.

    Args:
        weight: Two axes or more.
        groups: The `groups` of the convolution.

    Raises:
        ValueError: The weight has fewer than two axes or no entries, or its outputs do not divide into the groups.
    """
    if weight.dim() < 2:
        raise ValueError(f"a weight needs two axes or more to have fans, not the shape {tuple(weight.shape)}")
    if weight.numel() == 0:
        raise ValueError(f"a weight of shape {tuple(weight.shape)} has no entries: give each axis a size above 0")
    n_outputs, n_inputs, *kernel = weight.shape
    if groups < 1 or n_outputs % groups:
        raise ValueError(f"groups must be a divisor of the {n_outputs} outputs, not {groups}")
    receptive_field = math.prod(kernel)
    return n_inputs * receptive_field, n_outputs // groups * receptive_field


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return torch's gain for an activation: by how much its layer's weights are larger than those of a linear one.

    Sources: sqrt(2) for ReLU and its relatives from He et al. (2015), https://arxiv.org/abs/1502.01852. The gains of
    tanh (5/3) and SELU (3/4) are torch's choices, and not what keeps the mean square: compare `measured_gain`.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", or a convolution such as "conv2d",
            which counts as linear.
        param: The negative slope of "leaky_relu", 0.01 by default. Ignored for all others.

    Raises:
        ValueError: The name is unknown, or the slope is not a number.
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float) or not math.isfinite(slope):
            raise ValueError(f"the negative slope of leaky_relu must be a number, not {param!r}")
        return math.sqrt(2 / (1 + slope**2))
    gains = {"relu": math.sqrt(2), "tanh": 5 / 3, "selu": 3 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}: use linear, leaky_relu or one of {', '.join(gains)}")
    return gains[nonlinearity]


@torch.no_grad()
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill with U(-a, a), of variance 2 gain² / (fan_in + fan_out); Keras calls it `glorot_uniform`.

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".

    Args:
        tensor: A weight, shape (out, in, ...); changed in place.
        gain: As `calculate_gain` gives it.
        generator: Where the random numbers come from; torch's own by default.

    Returns:
        The tensor.

    Raises:
        ValueError: The weight has no fans, or the gain is not a positive number.
        TypeError: The weight is not of floating point.
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill with normal numbers of variance 2 gain² / (fan_in + fan_out); otherwise as `xavier_uniform_`."""
    return tensor.normal_(0, _xavier_std(tensor, gain), generator=generator)


@torch.no_grad()
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill with U(-b, b), of variance gain² / fan; He et al. (2015), Keras' `he_uniform`.

    With a = sqrt(5) the gain is sqrt(1/3), which is what `nn.Linear` and `nn.ConvNd` do by default: U(±1/sqrt(fan_in)).

    Args:
        tensor: A weight, shape (out, in, ...); changed in place.
        a: The negative slope of "leaky_relu"; ignored for other activations. 0 is ReLU.
        mode: "fan_in" keeps the size of the activations, "fan_out" that of the gradients.
        nonlinearity: The activation whose outputs the layer sums over, as in `calculate_gain`; torch names the one that
            follows the layer, which is the same in most networks.
        generator: Where the random numbers come from; torch's own by default.

    Returns:
        The tensor.

    Raises:
        ValueError: The weight has no fans, or the mode or the activation is unknown.
        TypeError: The weight is not of floating point.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill with normal numbers of variance gain² / fan; otherwise as `kaiming_uniform_`."""
    return tensor.normal_(0, _kaiming_std(tensor, a, mode, nonlinearity), generator=generator)


@torch.no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill with a random matrix whose rows (or columns, if those are fewer) are orthogonal and have the norm `gain`.

    The axes after the first are taken together. The signs of the QR decomposition are fixed, so that all orthogonal
    matrices are equally likely. Sources: Saxe, McClelland and Ganguli (2014), https://arxiv.org/abs/1312.6120;
    Mezzadri (2007), https://arxiv.org/abs/math-ph/0609050.

    Args:
        tensor: A weight, shape (out, in, ...); changed in place.
        gain: As `calculate_gain` gives it.
        generator: Where the random numbers come from; torch's own by default.

    Returns:
        The tensor.

    Raises:
        ValueError: The weight has no fans, or the gain is not a positive number.
        TypeError: The weight is not of floating point.
    """
    _check_fans_and_gain(tensor, gain)
    normal = torch.empty_like(tensor.flatten(1)).normal_(0, 1, generator=generator)
    is_wide = normal.shape[0] < normal.shape[1]
    q, r = torch.linalg.qr(normal.T if is_wide else normal)
    q = q * r.diagonal().sign()
    return tensor.copy_(gain * (q.T if is_wide else q).reshape(tensor.shape))


@torch.no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill with normal numbers, where those outside [a, b] are drawn again.

    The bounds are values, not numbers of standard deviations: with std=0.02 the default bounds cut nothing off. The
    standard deviation of what remains is below `std`. (Torch draws other numbers of the same distribution.)

    Args:
        tensor: Of any shape; changed in place.
        mean: Of the normal distribution before it is cut.
        std: Its standard deviation, above 0.
        a: The smallest value.
        b: The largest value, above a.
        generator: Where the random numbers come from; torch's own by default.

    Returns:
        The tensor.

    Raises:
        ValueError: The bounds are not in order, std is not positive, the mean is not finite, or [a, b] has next to no
            probability.
        TypeError: The tensor is not of floating point.
    """
    _check_floating(tensor)
    if not a < b:
        raise ValueError(f"the lower bound a must be below the upper bound b, not {a} and {b}")
    if not std > 0:
        raise ValueError(f"std must be positive, not {std}")
    if not math.isfinite(mean):
        raise ValueError(f"mean must be a finite number, not {mean}")
    low, high = (math.erf((bound - mean) / std / math.sqrt(2)) for bound in (a, b))
    if high - low < 1e-6:  # uniform numbers of single precision would not resolve it
        raise ValueError(f"between a = {a} and b = {b} there is next to nothing of a normal of mean {mean}, std {std}")
    # The distribution function, inverted: a uniform share becomes a quantile.
    shares = torch.empty(tensor.shape, dtype=torch.float64, device=tensor.device)
    shares.uniform_(low, high, generator=generator)
    return tensor.copy_((mean + std * math.sqrt(2) * shares.erfinv()).clamp(a, b))


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _check_fans_and_gain(tensor, gain)
    return gain * math.sqrt(2 / (fan_in + fan_out))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}")
    gain = calculate_gain(nonlinearity, a)
    fan_in, fan_out = _check_fans_and_gain(tensor, gain)
    return gain / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _check_fans_and_gain(tensor: Tensor, gain: float) -> tuple[int, int]:
    _check_floating(tensor)
    if not 0 < gain < math.inf:
        raise ValueError(f"gain must be a positive number, not {gain}")
    return fan_in_and_out(tensor)


def _check_floating(tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise TypeError(f"random weights need a tensor of floating point, not {tensor.dtype}")
