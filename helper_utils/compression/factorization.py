"""A linear layer as two smaller ones."""

import torch
from torch import nn


@torch.no_grad()
def low_rank(layer: nn.Linear, rank: int) -> nn.Sequential:
    """Return two linear layers whose product is the best approximation of a weight by this rank, in squared error.

    The singular value decomposition gives W = U S Vᵀ; kept are the `rank` largest singular values, their roots in each
    of the two layers. The squared error is the sum of the squares of the others (Eckart and Young, 1936). It stores
    rank * (inputs + outputs) numbers instead of inputs * outputs, so a rank from inputs * outputs / (inputs + outputs)
    on saves nothing.

    Args:
        layer: Is not changed.
        rank: From 1 to the smaller side of the weight.

    Returns:
        A layer without bias, and one with the bias of the given one.

    Raises:
        TypeError: It is not a linear layer.
        ValueError: The rank is out of range.
    """
    if not isinstance(layer, nn.Linear):
        raise TypeError(f"low_rank takes a linear layer, not {type(layer).__name__}")
    n_outputs, n_inputs = layer.weight.shape
    if not 1 <= rank <= min(n_inputs, n_outputs):
        raise ValueError(f"the rank must be from 1 to {min(n_inputs, n_outputs)}, not {rank}")
    left, values, right = torch.linalg.svd(layer.weight.double(), full_matrices=False)
    roots = values[:rank].sqrt()
    first = nn.Linear(n_inputs, rank, bias=False).to(layer.weight)
    second = nn.Linear(rank, n_outputs, bias=layer.bias is not None).to(layer.weight)
    first.weight.copy_(roots[:, None] * right[:rank])
    second.weight.copy_(left[:, :rank] * roots)
    if layer.bias is not None:
        second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)
