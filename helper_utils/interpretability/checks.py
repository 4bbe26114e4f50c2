"""Checks of heat maps: against an object's mask, against randomised weights, and by deleting pixels."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from helper_utils.interpretability.models import (
    Target,
    as_targets,
    at_least_one,
    check_inputs,
    ready_to_explain,
)


def share_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of a map's absolute sum that lies inside the mask, in [0, 1].

    A map that is equal everywhere scores the mask's share of the image, which is what a random map scores on average.

    Args:
        maps: Heat maps, shape (N, H, W).
        masks: The objects' pixels, shape (N, H, W), bool.

    Returns:
        Shape (N,); nan for a map of zeros, which points nowhere.

    Raises:
        TypeError: The masks are not bool.
        ValueError: The shapes differ, or are not (N, H, W).
    """
    _check_masks(maps, masks)
    strength = maps.abs()
    return (strength * masks).sum(dim=(1, 2)) / strength.sum(dim=(1, 2))


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Say for each map whether its largest value lies inside the mask (Zhang et al., 2018, arXiv:1608.00507).

    Args:
        maps: Heat maps, shape (N, H, W). Of several largest values the first counts.
        masks: The objects' pixels, shape (N, H, W), bool.

    Returns:
        Shape (N,), bool.

    Raises:
        TypeError: The masks are not bool.
        ValueError: The shapes differ, or are not (N, H, W).
    """
    _check_masks(maps, masks)
    places = maps.flatten(1).argmax(dim=1, keepdim=True)
    return masks.flatten(1).gather(1, places).squeeze(1)


def _check_masks(maps: Tensor, masks: Tensor) -> None:
    if masks.dtype != torch.bool:
        raise TypeError(f"masks must be bool, not {masks.dtype}: compare with a threshold first")
    if maps.dim() != 3 or maps.shape != masks.shape:
        raise ValueError(
            f"maps and masks must both have the shape (N, H, W), not {tuple(maps.shape)} and {tuple(masks.shape)}"
        )


def rank_correlation(maps: Tensor, others: Tensor) -> Tensor:
    """Return Spearman's rank correlation of two maps of each example, in [-1, 1]; equal values share their mean rank.

    Args:
        maps: Shape (N, ...).
        others: The same shape.

    Returns:
        Shape (N,), float64; nan where a map is constant.

    Raises:
        ValueError: The shapes differ, or there is nothing to rank.
    """
    if maps.shape != others.shape or maps.dim() < 2 or maps[0].numel() < 2:
        raise ValueError(
            f"both must have the same shape (N, ...), with two values or more an example, not {tuple(maps.shape)} and "
            f"{tuple(others.shape)}"
        )
    a, b = (_ranks(m.detach().flatten(1)) for m in (maps, others))
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    return (a * b).sum(dim=1) / (a.square().sum(dim=1) * b.square().sum(dim=1)).sqrt()


def _ranks(values: Tensor) -> Tensor:
    """Return the rank of each value in its row, from 1; equal ones get the mean of their ranks."""
    values = values.contiguous()
    ordered = values.sort(dim=1).values
    below = torch.searchsorted(ordered, values, right=False)
    not_above = torch.searchsorted(ordered, values, right=True)
    return (below + not_above + 1).double() / 2


def randomize_from_top(model: nn.Module, *, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Draw a model's weights anew, layer by layer from the output down (Adebayo et al., 2018, arXiv:1810.03292).

    Args:
        model: Its layers that have weights have `reset_parameters`, as those of torch do. It is not changed.
        seed: Of the new weights; the global random state is left as it is.

    Yields:
        The name of the layer that was drawn last, and a copy of the model in which it and all layers above are new.

    Raises:
        ValueError: The model has no such layers.
    """
    names = [name for name, module in model.named_modules() if _has_weights(module)]
    if not names:
        raise ValueError("the model has no layer with weights and reset_parameters: nothing can be drawn anew")
    return _randomized_copies(model, names[::-1], seed)


def _has_weights(module: nn.Module) -> bool:
    return hasattr(module, "reset_parameters") and any(True for _ in module.parameters(recurse=False))


def _randomized_copies(model: nn.Module, names: list[str], seed: int) -> Iterator[tuple[str, nn.Module]]:
    current = copy.deepcopy(model)
    for number, name in enumerate(names):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * seed + number)
            current.get_submodule(name).reset_parameters()  # type: ignore[operator]
        yield name, copy.deepcopy(current)


def deletion_curve(
    model: nn.Module, inputs: Tensor, maps: Tensor, *, target: Target, n_steps: int = 8, fill: float = 0.0
) -> Tensor:
    """Return the target's probability while pixels are covered, those with the highest map values first.

    Petsiuk et al. (2018), arXiv:1806.07421. A map that knows what the model uses makes it fall sooner than a random
    order does.

    Args:
        model: Returns logits of shape (N, classes).
        inputs: Images, shape (N, C, H, W).
        maps: Heat maps, shape (N, H, W).
        target: The class whose probability is followed: one for all images, or one for each, shape (N,).
        n_steps: Equal parts in which the pixels are covered.
        fill: The value that covers a pixel, in the unit of the inputs.

    Returns:
        Shape (N, n_steps + 1): from nothing covered to everything.

    Raises:
        TypeError: The inputs are not floating point, or the target holds no integers.
        ValueError: The shapes do not fit, n_steps is not from 1 to the number of pixels, or the target is not one of
            the model's classes.
    """
    check_inputs(inputs, 4)
    at_least_one("n_steps", n_steps)
    n_pixels = inputs[0, 0].numel()
    if maps.shape != (len(inputs), *inputs.shape[2:]):
        raise ValueError(f"maps must have the shape (N, H, W) of the inputs {tuple(inputs.shape)}, not "
                         f"{tuple(maps.shape)}")  # fmt: skip
    if n_steps > n_pixels:
        raise ValueError(f"n_steps is {n_steps}; expected at most the {n_pixels} pixels")
    places = maps.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # 0: covered first
    places = places.view(maps.shape)
    curve = []
    with ready_to_explain(model, gradients=False):
        for step in range(n_steps + 1):
            is_covered = places < round(step * n_pixels / n_steps)
            logits = model(torch.where(is_covered[:, None], fill, inputs.detach()))
            if logits.dim() != 2:
                raise ValueError(f"the model must return logits of shape (N, classes), not {tuple(logits.shape)}")
            curve.append(logits.softmax(dim=1).gather(1, as_targets(target, logits)[:, None])[:, 0])
    return torch.stack(curve, dim=1)
