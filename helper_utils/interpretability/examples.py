"""Explanations by examples: the nearest training examples, and a small change that changes the answer."""

import torch
from torch import Tensor, nn

from helper_utils.interpretability.models import (
    Target,
    as_targets,
    at_least_one,
    check_inputs,
    check_layer,
    ready_to_explain,
)


def layer_features(model: nn.Module, inputs: Tensor, *, layer: nn.Module) -> Tensor:
    """Return the output of a layer for each input, flattened, shape (N, features).

    Args:
        model: Used in eval mode, without gradients.
        inputs: Shape (N, ...).
        layer: A module of the model.

    Raises:
        TypeError: The inputs are not floating point.
        ValueError: There are no inputs, the layer is not a module of the model, or its forward pass does not use it.
    """
    check_inputs(inputs)
    check_layer(model, layer)
    kept: list[Tensor] = []
    # A copy: an in-place operation behind the layer would change what was kept.
    handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    try:
        with ready_to_explain(model, gradients=False):
            model(inputs)
    finally:
        handle.remove()
    if not kept:
        raise ValueError(f"the model's forward pass does not use the layer {layer}")
    return kept[-1].flatten(1)


def nearest_neighbours(features: Tensor, queries: Tensor, *, k: int = 3) -> Tensor:
    """Return the indices of the k examples nearest to each query by Euclidean distance, nearest first.

    Args:
        features: The examples among which to look, shape (N, features), such as those of the training set.
        queries: Shape (Q, features).
        k: From 1 to N.

    Returns:
        Shape (Q, k), int64.

    Raises:
        ValueError: The shapes do not fit, or k is out of range.
    """
    if features.dim() != 2 or queries.dim() != 2 or features.shape[1] != queries.shape[1]:
        raise ValueError(
            "features and queries must have the shapes (N, features) and (Q, features), not "
            f"{tuple(features.shape)} and {tuple(queries.shape)}"
        )
    if not 1 <= k <= len(features):
        raise ValueError(f"k is {k}; expected from 1 to the {len(features)} examples")
    return torch.cdist(queries, features).topk(k, dim=1, largest=False).indices


def counterfactual(
    model: nn.Module, inputs: Tensor, *, target: Target, step: float = 0.1, n_steps: int = 100
) -> tuple[Tensor, Tensor]:
    """Return a small change of each input with which the model predicts the target.

    The idea of Wachter et al. (2017), arXiv:1711.00399, in a simple form: steps of one length along the gradient of
    the target's logit minus the highest other one, until the target is ahead. A bisection then goes back on the line
    to the input, as far as the target stays ahead.

    Args:
        model: Returns logits of shape (N, classes).
        inputs: Shape (N, ...).
        target: The class that is to be predicted: one for all inputs, or one for each, shape (N,).
        step: Euclidean length of a step, in the unit of the inputs; above 0.
        n_steps: Steps at most.

    Returns:
        The changed inputs, and for each whether the model predicts the target (bool, shape (N,)). An input that
        already has the target comes back as it is.

    Raises:
        TypeError: The inputs are not floating point, or the target holds no integers.
        ValueError: step or n_steps is out of range, or the target is not one of the model's classes.
    """
    check_inputs(inputs)
    at_least_one("n_steps", n_steps)
    if not step > 0:
        raise ValueError(f"step is {step}; expected above 0")
    inputs = inputs.detach()
    changed = inputs.clone()
    shape = (-1, *[1] * (inputs.dim() - 1))
    with ready_to_explain(model):
        for _ in range(n_steps):
            changed.requires_grad_()
            lead = _lead(model, changed, target)
            gradient = torch.autograd.grad(lead.sum(), changed)[0]
            length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(shape)
            moves = (lead <= 0).view(shape)
            changed = (changed + torch.where(moves, step / length * gradient, 0)).detach()
            if not bool(moves.any()):
                break
    with ready_to_explain(model, gradients=False):
        reached = _lead(model, changed, target) > 0
        near, far = torch.zeros(len(inputs)).to(inputs), torch.ones(len(inputs)).to(inputs)
        for _ in range(12):
            middle = (near + far) / 2
            ahead = _lead(model, inputs + middle.view(shape) * (changed - inputs), target) > 0
            near, far = torch.where(ahead, near, middle), torch.where(ahead, middle, far)
        nearer = inputs + far.view(shape) * (changed - inputs)
        # Rounding may put a bisected input on the wrong side: then the end of the walk stays.
        kept = (_lead(model, nearer, target) > 0).view(shape)
    return torch.where(kept, nearer, changed), reached


def _lead(model: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    """Return the target's logit minus the highest other one, shape (N,)."""
    logits = model(inputs)
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise ValueError(f"the model must return logits of two or more classes, not of shape {tuple(logits.shape)}")
    targets = as_targets(target, logits)[:, None]
    others = logits.scatter(1, targets, -torch.inf).amax(dim=1)
    return logits.gather(1, targets)[:, 0] - others
