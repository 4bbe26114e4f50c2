"""A slice of the loss surface along random directions (Li et al., 2018, https://arxiv.org/abs/1712.09913)."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def filter_normalized_direction(model: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw a random direction in the space of a model's parameters that is as long, filter by filter, as they are.

    A filter is what makes one output: a row of a matrix, the weights of one channel of a convolution (of a
    transposed convolution: of one channel of its inputs). Biases and norms, parameters of one dimension, do not move.

    Args:
        model: Its parameters give shapes and lengths.
        generator: Draws the direction, on the CPU.

    Returns:
        A tensor for each parameter, by name.
    """
    direction = {}
    for name, parameter in model.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
        if parameter.dim() < 2:
            direction[name] = torch.zeros_like(parameter)
            continue
        axes = tuple(range(1, parameter.dim()))
        lengths = [values.detach().square().sum(axes, keepdim=True).sqrt() for values in (parameter, drawn)]
        direction[name] = drawn * lengths[0] / lengths[1].clamp_min(1e-12)
    return direction


@torch.no_grad()
def loss_slice(
    model: nn.Module,
    loss: Callable[[nn.Module], Tensor],
    directions: Sequence[dict[str, Tensor]],
    steps: Sequence[float],
) -> Tensor:
    """Return the loss on a grid through the parameters of a model, which stay as they are.

    Args:
        model: The middle of the slice.
        loss: Computes the loss of a model, such as `lambda model: cross_entropy(model(inputs), targets)`. It is called
            place by place, so it may do anything; `torch.func.vmap` over the parameters of all places is faster for
            small models (shown in lesson 08).
        directions: One or two, as from `filter_normalized_direction`: for each parameter a tensor of its shape.
        steps: How far to go along each direction, in its length.

    Returns:
        Shape (steps,) for one direction; (steps, steps) for two, the first direction along the first axis.

    Raises:
        ValueError: There are no steps, neither one nor two directions, a direction does not fit the parameters, or the
            loss is not a single number.
    """
    if len(directions) not in (1, 2) or not len(steps):
        raise ValueError(f"expected one or two directions and some steps, not {len(directions)} and {len(steps)}")
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    for direction in directions:
        for name, shape in shapes.items():
            if name not in direction or tuple(direction[name].shape) != shape:
                found = f"shape {tuple(direction[name].shape)}" if name in direction else "nothing"
                raise ValueError(f"a direction has {found} for the parameter {name!r}; expected the shape {shape}")
    moved = copy.deepcopy(model)
    start = {name: parameter.clone() for name, parameter in model.named_parameters()}
    along = torch.as_tensor(steps, dtype=torch.float64)
    grid = torch.cartesian_prod(*[along] * len(directions)).view(-1, len(directions))
    losses = []
    for place in grid.tolist():
        for name, parameter in moved.named_parameters():
            shift = sum(step * direction[name] for step, direction in zip(place, directions, strict=True))
            parameter.copy_(start[name] + shift)
        value = torch.as_tensor(loss(moved))
        if value.numel() != 1:
            raise ValueError(f"the loss has the shape {tuple(value.shape)}; expected one number, such as its mean")
        losses.append(value.reshape(()))
    return torch.stack(losses).view([len(steps)] * len(directions))
