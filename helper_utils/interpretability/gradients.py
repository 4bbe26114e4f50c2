"""Explanations from gradients: which changes of the input change a class's logit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from helper_utils.interpretability.models import (
    Target,
    at_least_one,
    check_inputs,
    ready_to_explain,
    target_outputs,
)


def heat_map(attributions: Tensor) -> Tensor:
    """Return one number for each pixel: the sum of the absolute values over the channels.

    Args:
        attributions: Shape (N, C, H, W).

    Returns:
        Shape (N, H, W), at least 0.

    Raises:
        TypeError: They are not floating point.
        ValueError: They are not of this shape.
    """
    check_inputs(attributions, 4)
    return attributions.abs().sum(dim=1)


def saliency(model: nn.Module, inputs: Tensor, *, target: Target, absolute: bool = True) -> Tensor:
    """Return the gradient of the target's logit with respect to the inputs (Simonyan et al., 2014, arXiv:1312.6034).

    Args:
        model: Returns logits of shape (N, classes). It is used in eval mode, and its own gradients are left alone.
        inputs: Shape (N, ...), as the model was trained on.
        target: The class that is explained: one for all inputs, or one for each, shape (N,).
        absolute: Whether to drop the sign, as the paper does.

    Returns:
        The shape of the inputs, logits per unit of the input.

    Raises:
        TypeError: The inputs are not floating point, or the target holds no integers.
        ValueError: There are no inputs, the model returns no logits, or the target is not one of its classes.
    """
    check_inputs(inputs)
    with ready_to_explain(model):
        gradient = _gradient(model, inputs, target)
    return gradient.abs() if absolute else gradient


def gradient_times_input(model: nn.Module, inputs: Tensor, *, target: Target) -> Tensor:
    """Return gradient times input: the attribution of a linear model without a bias, and a first guess elsewhere.

    Args and errors as in `saliency`.

    Returns:
        The shape of the inputs, in logits.
    """
    return inputs.detach() * saliency(model, inputs, target=target, absolute=False)


def smooth_grad(
    model: nn.Module, inputs: Tensor, *, target: Target, std: float, n_samples: int = 20, seed: int = 0
) -> Tensor:
    """Return the mean gradient over noisy copies of the inputs (Smilkov et al., 2017, arXiv:1706.03825).

    Args:
        model: As in `saliency`.
        inputs: As in `saliency`.
        target: As in `saliency`.
        std: Standard deviation of the Gaussian noise, in the unit of the inputs; 0 gives the plain gradient.
        n_samples: Noisy copies of each input.
        seed: Of the noise.

    Returns:
        The shape of the inputs, with its sign.

    Raises:
        TypeError: As `saliency`.
        ValueError: As `saliency`; or std is negative, or n_samples below 1.
    """
    check_inputs(inputs)
    at_least_one("n_samples", n_samples)
    if std < 0:
        raise ValueError(f"std is {std}; expected 0 or more")
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(inputs)
    with ready_to_explain(model):
        for _ in range(n_samples):
            noise = torch.randn(inputs.shape, generator=generator).to(inputs)
            total += _gradient(model, inputs + std * noise, target)
    return total / n_samples


def integrated_gradients(
    model: nn.Module, inputs: Tensor, *, target: Target, baseline: float | Tensor, n_steps: int = 32
) -> Tensor:
    """Return (inputs - baseline) times the mean gradient on the straight line between them.

    The attributions of an input sum to the difference of the target's logit between input and baseline, up to the error
    of the sum (completeness; Sundararajan et al., 2017, arXiv:1703.01365). The gradients are taken in the middle of
    `n_steps` equal pieces of the line.

    Args:
        model: As in `saliency`.
        inputs: As in `saliency`.
        target: As in `saliency`.
        baseline: The input that stands for "nothing there": a number, or a tensor that can be expanded to the inputs.
        n_steps: Pieces of the line; more give a smaller error.

    Returns:
        The shape of the inputs, in logits.

    Raises:
        TypeError: As `saliency`.
        ValueError: As `saliency`; or n_steps is below 1, or the baseline does not fit or equals the inputs everywhere.
    """
    check_inputs(inputs)
    at_least_one("n_steps", n_steps)
    try:
        start = torch.as_tensor(baseline, dtype=inputs.dtype, device=inputs.device).expand_as(inputs)
    except RuntimeError:
        shape = tuple(torch.as_tensor(baseline).shape)
        raise ValueError(f"a baseline of shape {shape} does not fit inputs of shape {tuple(inputs.shape)}") from None
    way = inputs.detach() - start
    if not bool(way.any()):
        raise ValueError("the baseline equals the inputs, so every attribution would be 0: choose a different one")
    total = torch.zeros_like(inputs)
    with ready_to_explain(model):
        for step in range(n_steps):
            total += _gradient(model, start + (step + 0.5) / n_steps * way, target)
    return way * total / n_steps


def guided_backpropagation(model: nn.Module, inputs: Tensor, *, target: Target) -> Tensor:
    """Return the gradient in which every ReLU also stops negative values on the way back.

    Springenberg et al. (2015), arXiv:1412.6806. It draws sharp pictures. Section G of the lesson shows where they say
    little about the classifier.

    Args and errors as in `saliency`; besides:

    Returns:
        The shape of the inputs, with its sign.

    Raises:
        ValueError: The model has no `nn.ReLU` module (`torch.relu` in a forward method cannot be changed from outside).
    """
    check_inputs(inputs)
    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    if not relus:
        raise ValueError("the model has no nn.ReLU module, which guided backpropagation changes: use saliency")
    with ready_to_explain(model), _guided(relus):
        return _gradient(model, inputs, target)


class _GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return grad_outputs[0].clamp_min(0) * (values > 0)


@contextmanager
def _guided(relus: list[nn.ReLU]) -> Iterator[None]:
    """Give these modules a different way back; an instance's own `forward` hides that of its class."""
    try:
        for relu in relus:
            relu.__dict__["forward"] = _GuidedReLU.apply
        yield
    finally:
        for relu in relus:
            relu.__dict__.pop("forward", None)


def _gradient(model: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    inputs = inputs.detach().clone().requires_grad_()
    return torch.autograd.grad(target_outputs(model, inputs, target).sum(), inputs)[0]
