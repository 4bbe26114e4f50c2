"""Single weights set to zero: which ones, how many and when, and how they stay zero while training goes on."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from helper_utils.compression.layers import check_amount, weight_layers, weight_of


def magnitude_masks(model: nn.Module, amount: float, *, scope: str = "global") -> dict[str, Tensor]:
    """Return masks that keep the largest weights: 1 for a weight that stays, 0 for one that goes.

    The number of zeros is `round(amount * n)`, as in `torch.nn.utils.prune`. Of equal weights at the border, the first
    ones go. Source: Han, Pool, Tran, Dally, "Learning both weights and connections for efficient neural networks"
    (2015), arXiv:1506.02626.

    Args:
        model: Its linear layers and convolutions are pruned; biases and norms stay.
        amount: The share of zeros, at least 0 and below 1. Weights that are zero already count among them.
        scope: "global" ranks the weights of all layers together, "layer" each layer for itself.

    Returns:
        For each layer's name a mask of the shape of its weight, float32.

    Raises:
        ValueError: The amount or the scope is out of range, or the model has no such layers.
    """
    check_amount(amount)
    if scope not in ("global", "layer"):
        raise ValueError(f"the scope must be 'global' or 'layer', not {scope!r}")
    weights = {name: weight_of(layer) for name, layer in weight_layers(model).items()}
    if scope == "layer":
        return {name: _keep_largest(weight.abs(), amount) for name, weight in weights.items()}
    sizes = [weight.numel() for weight in weights.values()]
    mask = _keep_largest(torch.cat([weight.abs().flatten() for weight in weights.values()]), amount)
    parts = mask.split(sizes)
    return {name: part.view_as(weight).clone() for (name, weight), part in zip(weights.items(), parts, strict=True)}


def _keep_largest(scores: Tensor, amount: float) -> Tensor:
    mask = torch.ones(scores.numel(), device=scores.device)
    mask[scores.flatten().argsort(stable=True)[: round(amount * scores.numel())]] = 0
    return mask.view_as(scores)


def random_masks(masks: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return masks with as many zeros in each layer as the given ones, at random places: the control for pruning.

    Args:
        masks: A mask for each layer, as from `magnitude_masks`.
        seed: Decides the places.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=generator).to(mask.device)].view_as(mask)
        for name, mask in masks.items()
    }


def two_of_four_mask(weight: Tensor) -> Tensor:
    """Return a mask that keeps the two largest of each four neighbours along the inputs: the "2:4" pattern.

    The neighbours are four inputs of one output: the axes after the first one, laid out in a row. Recent NVIDIA GPUs
    compute products with such a weight faster. Source: Mishra et al., "Accelerating sparse deep neural networks"
    (2021), arXiv:2104.08378.

    Args:
        weight: Shape (outputs, ...), the other axes having a multiple of 4 entries together.

    Raises:
        ValueError: They have not.
    """
    rows = weight.detach().abs().flatten(1) if weight.ndim > 1 else weight.detach().abs()[None]
    if rows.shape[1] % 4:
        raise ValueError(f"2:4 needs a multiple of 4 inputs for each output, not {rows.shape[1]}")
    groups = rows.reshape(-1, 4)
    mask = torch.ones_like(groups)
    mask.scatter_(1, groups.argsort(dim=1, stable=True)[:, :2], 0.0)
    return mask.view_as(weight)


def gradual_amount(step: int, n_steps: int, final: float, *, start: float = 0.0) -> float:
    """Return the share of zeros after a step of gradual pruning: fast at first, slower where few weights are left.

    final + (start - final) * (1 - step / n_steps)³. Source: Zhu and Gupta, "To prune, or not to prune" (2017),
    arXiv:1710.01878.

    Args:
        step: From 0 (start) to n_steps (final); later steps have the final share.
        n_steps: How many steps the pruning takes, at least 1.
        final: The last share, in [0, 1).
        start: The first share, in [0, 1).

    Raises:
        ValueError: An argument is out of its range.
    """
    check_amount(final)
    check_amount(start)
    if n_steps < 1 or step < 0:
        raise ValueError(f"n_steps must be at least 1 and step at least 0, not {n_steps} and {step}")
    left = 1 - min(step, n_steps) / n_steps
    return final + (start - final) * left**3


class _Masked(nn.Module):
    """What makes a weight of its trained values: a product with the mask, which is a buffer."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def with_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """Let the layers of a model use their weights times the masks, in training too. The model is changed and returned.

    The gradient of a masked weight is zero. The mask is a buffer of a parametrization, so `state_dict` holds it beside
    the weight: call `remove_masks` before you save. A layer that has a mask gets the new one in its place.

    Args:
        model: Has layers of these names.
        masks: A mask for each layer's name, of the shape of its weight.

    Raises:
        ValueError: A name or a shape does not fit.
    """
    layers = weight_layers(model)
    for name, mask in masks.items():
        if name not in layers:
            raise ValueError(f"the model has no layer {name!r} to mask; it has {', '.join(map(repr, layers))}")
        if mask.shape != weight_of(layers[name]).shape:
            shapes = tuple(mask.shape), tuple(weight_of(layers[name]).shape)
            raise ValueError(f"the mask of layer {name!r} has the shape {shapes[0]}, its weight {shapes[1]}")
    for name, mask in masks.items():
        layer, mask = layers[name], mask.to(weight_of(layers[name]))
        if not parametrize.is_parametrized(layer, "weight"):
            parametrize.register_parametrization(layer, "weight", _Masked(mask.clone()))
        else:
            of_weight = layer.get_submodule("parametrizations.weight.0")
            if not isinstance(of_weight, _Masked):
                raise ValueError(f"layer {name!r} has another parametrization than a mask: remove it first")
            of_weight.mask = mask.clone()
    return model


def remove_masks(model: nn.Module) -> nn.Module:
    """Make masked (or rounded) weights plain parameters again, zeros included. The model is changed and returned."""
    for layer in weight_layers(model).values():
        if parametrize.is_parametrized(layer, "weight"):
            _own_class(layer)
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return model


def _own_class(layer: nn.Module) -> None:
    """Give a layer its own copy of its class: torch removes the property from the class, which deep copies share."""
    cls = type(layer)
    members = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    layer.__class__ = cast(type[nn.Module], type(cls.__name__, cls.__bases__, members))


def sparsity(model: nn.Module) -> float:
    """Return the share of zeros among the weights of the linear layers and convolutions.

    Raises:
        ValueError: The model has no such layers.
    """
    weights = [weight_of(layer) for layer in weight_layers(model).values()]
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)
