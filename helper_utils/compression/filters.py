"""Whole filters set to zero, and layers that are really made smaller."""

import copy
import itertools

import torch
from torch import Tensor, nn

from helper_utils.compression.layers import check_amount

_Layer = nn.Linear | nn.Conv2d
_Norm = nn.BatchNorm1d | nn.BatchNorm2d
_KEEP_ZERO = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh, nn.Identity),
    *(nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten),
)


@torch.no_grad()
def zero_filters(model: nn.Sequential, amount: float, *, seed: int | None = None) -> nn.Sequential:
    """Set the filters with the smallest 2-norm to zero, in each layer but the last. The model is changed and returned.

    With a seed the filters are drawn at random, as many in each layer: the control for pruning filters.

    A filter is all that makes one output: a channel of a convolution, a unit of a linear layer, with its bias and its
    scale and shift in the batch norm after it. The number of zeros in a layer is `round(amount * outputs)`, as in
    `torch.nn.utils.prune.ln_structured(n=2, dim=0)`; one filter stays in any case. Source: Li et al., "Pruning filters
    for efficient ConvNets" (2017), arXiv:1608.08710 (with the 1-norm).

    Args:
        model: A chain of layers as `shrink` takes it.
        amount: The share of filters that go, at least 0 and below 1.
        seed: Draws the filters that go, if given; their norms are then not looked at.

    Raises:
        ValueError: The amount is out of range, or the model is no such chain.
    """
    check_amount(amount)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    blocks = _blocks(model)
    for layer, norm, _ in blocks[:-1]:
        n_outputs = len(layer.weight)
        n_zero = min(round(amount * n_outputs), n_outputs - 1)
        if generator is None:
            gone = layer.weight.flatten(1).norm(dim=1).argsort(stable=True)[:n_zero]
        else:
            gone = torch.randperm(n_outputs, generator=generator)[:n_zero].to(layer.weight.device)
        for module in filter(None, (layer, norm)):
            for parameter in module.parameters(recurse=False):
                parameter[gone] = 0
    return model


@torch.no_grad()
def shrink(model: nn.Sequential) -> nn.Sequential:
    """Return a smaller network without the filters that are zero; its outputs in eval mode are equal, to rounding.

    A filter goes if its weights and its bias are zero, and, where a batch norm follows, if scale and shift are: then
    its output is zero whatever the input, and the next layer does not need it. At least one filter of a layer stays.

    Args:
        model: `nn.Sequential` of convolutions (with groups=1) and linear layers, with batch norms directly after them,
            and functions that map zero to zero: ReLU and its like, poolings, dropout, flatten. It is not changed.

    Raises:
        ValueError: The model is not such a chain, or has a single layer.
    """
    small = copy.deepcopy(model)
    for (layer, norm, _), (following, _, between) in itertools.pairwise(_blocks(small)):
        dead = _is_zero(layer)
        if norm is not None:  # affine, which _blocks has checked
            dead = _is_zero(norm) if norm.affine else torch.zeros_like(dead)
        keep = (~dead).nonzero().flatten()
        if len(keep) == 0:
            keep = torch.arange(1)
        n_outputs = len(layer.weight)
        _keep_outputs(layer, keep)
        if norm is not None:
            _keep_channels(norm, keep)
        for module in between:
            if isinstance(module, nn.PReLU) and module.num_parameters > 1:
                module.weight, module.num_parameters = nn.Parameter(module.weight[keep]), len(keep)
        _keep_inputs(following, keep, n_outputs)
    return small


def _is_zero(module: _Layer | _Norm) -> Tensor:
    parts = [part.flatten(1) if part.ndim > 1 else part[:, None] for part in module.parameters(recurse=False)]
    return (torch.cat(parts, dim=1) == 0).all(dim=1)


def _blocks(model: nn.Module) -> list[tuple[_Layer, _Norm | None, list[nn.Module]]]:
    """Return the layers with weights, each with the norm after it and the modules between the last one and it."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"filters are removed from an nn.Sequential, whose order is known, not {type(model).__name__}")
    blocks: list[tuple[_Layer, _Norm | None, list[nn.Module]]] = []
    between: list[nn.Module] = []
    before: nn.Module | None = None
    for name, module in model.named_children():
        if isinstance(module, nn.Linear | nn.Conv2d):
            if isinstance(module, nn.Conv2d) and module.groups != 1:
                raise ValueError(f"layer {name!r} has {module.groups} groups: only convolutions with one can shrink")
            blocks.append((module, None, between))
            between = []
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and blocks and before is blocks[-1][0]:
            blocks[-1] = (blocks[-1][0], module, blocks[-1][2])
        elif isinstance(module, _KEEP_ZERO):
            between.append(module)
        else:
            raise ValueError(f"{type(module).__name__} ({name!r}) may turn zero into something else: it cannot shrink")
        before = module
    if len(blocks) < 2:
        raise ValueError("the model needs at least two linear layers or convolutions: the last one keeps its outputs")
    return blocks


def _keep_outputs(layer: _Layer, keep: Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight[keep].clone())
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias[keep].clone())
    if isinstance(layer, nn.Conv2d):
        layer.out_channels = len(keep)
    else:
        layer.out_features = len(keep)


def _keep_channels(norm: _Norm, keep: Tensor) -> None:
    norm.num_features = len(keep)
    if norm.affine:
        norm.weight, norm.bias = nn.Parameter(norm.weight[keep].clone()), nn.Parameter(norm.bias[keep].clone())
    if norm.running_mean is not None and norm.running_var is not None:
        norm.running_mean, norm.running_var = norm.running_mean[keep].clone(), norm.running_var[keep].clone()


def _keep_inputs(layer: _Layer, keep: Tensor, n_outputs: int) -> None:
    """Keep the inputs that come from these channels; after a flatten, a channel is several inputs in a row."""
    n_inputs = layer.weight.shape[1]
    if n_inputs % n_outputs:
        raise ValueError(f"a layer with {n_inputs} inputs does not follow one with {n_outputs} outputs")
    each = n_inputs // n_outputs
    inputs = (keep[:, None] * each + torch.arange(each)).flatten()
    layer.weight = nn.Parameter(layer.weight[:, inputs].clone())
    if isinstance(layer, nn.Conv2d):
        layer.in_channels = len(inputs)
    else:
        layer.in_features = len(inputs)
