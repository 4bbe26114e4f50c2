"""The layers that are compressed, by name, and checks that several modules share."""

from typing import cast

import torch
from torch import Tensor, nn

COMPRESSIBLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the linear layers and convolutions of a model by name, in its order.

    Raises:
        ValueError: There are none.
    """
    layers: dict[str, nn.Module] = {
        name: module for name, module in model.named_modules() if isinstance(module, COMPRESSIBLE)
    }
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear layer and no convolution: there is nothing to compress")
    return layers


def weight_of(layer: nn.Module) -> Tensor:
    """Return a layer's weight as the layer uses it: after masks or rounding, if it has any."""
    return cast(Tensor, layer.weight).detach()


def check_amount(amount: float) -> None:
    """Refuse a share of weights that is not in [0, 1): all weights cannot go.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= amount < 1:
        raise ValueError(f"the amount must be at least 0 and below 1, not {amount}: it is the share of zeros")


def check_floating(x: Tensor, what: str = "quantize") -> None:
    """Refuse integers, nan and infinity.

    Raises:
        TypeError: The tensor does not hold floating-point numbers.
        ValueError: One of them is not finite, or there are none.
    """
    if not x.is_floating_point():
        raise TypeError(f"{what} takes floating-point numbers, not {x.dtype}: convert them with .float() first")
    if x.numel() == 0:
        raise ValueError(f"{what} got a tensor without entries, of shape {tuple(x.shape)}")
    if not torch.isfinite(x).all():
        raise ValueError(f"{what} got a tensor with nan or infinity: find where it comes from first")
