"""What all explanations ask of a model, its inputs and its target; errors say what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from helper_utils.base.training import evaluation_mode

Target = int | Tensor
"""The class that is explained: one for all examples, or a class for each, shape (N,), int64."""


@contextmanager
def ready_to_explain(model: nn.Module, *, gradients: bool = True) -> Iterator[None]:
    """Put the model in eval mode, with or without gradients, and each module back afterwards."""
    with evaluation_mode(model), torch.set_grad_enabled(gradients):
        yield


def check_inputs(inputs: Tensor, n_dimensions: int | None = None) -> None:
    """Refuse inputs that have no gradient, no examples or the wrong shape.

    Raises:
        TypeError: They are not floating point.
        ValueError: There are no examples, or they have the wrong number of dimensions.
    """
    if not inputs.is_floating_point():
        raise TypeError(f"inputs must be floating point, not {inputs.dtype}: convert and normalise them as in training")
    if n_dimensions is not None and inputs.dim() != n_dimensions:
        raise ValueError(f"inputs must be images of shape (N, C, H, W), not {tuple(inputs.shape)}")
    if inputs.dim() < 2 or len(inputs) == 0:
        raise ValueError(f"inputs must have the shape (N, ...) with N >= 1, not {tuple(inputs.shape)}")


def target_outputs(model: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    """Return the logit of the target class of each example, shape (N,).

    Raises:
        TypeError: The target is not an integer or a tensor of integers.
        ValueError: The model does not return logits of shape (N, classes), or the target is not among the classes.
    """
    logits = model(inputs)
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(inputs):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"the model must return logits of shape ({len(inputs)}, classes), not {shape}")
    return logits.gather(1, as_targets(target, logits)[:, None]).squeeze(1)


def as_targets(target: Target, logits: Tensor) -> Tensor:
    """Return the target class of each example, shape (N,), int64; see `target_outputs`."""
    if isinstance(target, bool) or not isinstance(target, int | Tensor):
        raise TypeError(f"target must be an integer or a tensor of integers, not {target!r}")
    targets = torch.as_tensor(target, device=logits.device)
    if targets.is_floating_point() or targets.dtype == torch.bool:
        raise TypeError(f"target must hold integers, not {targets.dtype}")
    if targets.dim() > 0 and targets.shape != (len(logits),):
        raise ValueError(f"target must be one class, or a class for each of the {len(logits)} inputs, not of shape "
                         f"{tuple(targets.shape)}")  # fmt: skip
    outside = (targets < 0) | (targets >= logits.shape[1])
    if bool(outside.any()):
        value = targets.reshape(-1)[outside.reshape(-1)][0].item()
        raise ValueError(f"target is {value}; expected a class from 0 to {logits.shape[1] - 1}")
    return targets.long().expand(len(logits))


def check_layer(model: nn.Module, layer: nn.Module) -> None:
    """Refuse a layer that is not one of the model's modules.

    Raises:
        ValueError: It is not.
    """
    if not any(module is layer for module in model.modules()):
        raise ValueError(f"layer {layer} is not a module of the model: pass one such as model[3]")


def at_least_one(name: str, value: int) -> None:
    """Refuse counts below 1."""
    if value < 1:
        raise ValueError(f"{name} is {value}; expected 1 or more")
