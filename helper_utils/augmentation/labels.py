"""Soft targets: a probability for each class instead of a class number."""

import torch
from torch import Tensor

from helper_utils.augmentation.arguments import check_probabilities, check_tensors, is_number
from helper_utils.base.checks import is_whole_number


def one_hot(targets: Tensor, num_classes: int) -> Tensor:
    """Return the targets as probabilities, shape (N, num_classes), float; what is already that is returned as it is.

    Args:
        targets: Class numbers, shape (N,), integers; or probabilities, shape (N, num_classes), floating-point.
        num_classes: The number of classes, at least 2.

    Raises:
        ValueError: num_classes is below 2, a class is not below it, or the shape is another one; or a row of
            probabilities is negative somewhere or does not sum to 1.
        TypeError: The targets are not a tensor, or class numbers are not integers, or num_classes is not one.
    """
    check_tensors(targets=targets)
    if not is_whole_number(num_classes):
        raise TypeError(f"num_classes must be an integer, not {num_classes!r}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, not {num_classes}")
    if targets.dim() == 2 and targets.is_floating_point():
        if targets.shape[1] != num_classes:
            raise ValueError(f"the targets have {targets.shape[1]} columns, but num_classes is {num_classes}")
        check_probabilities("soft targets", targets)
        return targets
    if targets.dim() != 1:
        raise ValueError(
            f"the targets must be class numbers (N,) or probabilities (N, {num_classes}) of a floating-point type, not "
            f"{targets.dtype} of the shape {tuple(targets.shape)}"
        )
    if targets.is_floating_point() or targets.dtype == torch.bool:
        raise TypeError(f"class numbers must be integers, not {targets.dtype}")
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < num_classes:
        raise ValueError(
            f"the classes must be from 0 to {num_classes - 1}, but are from {int(targets.min())} to "
            f"{int(targets.max())}: is num_classes right?"
        )
    return torch.nn.functional.one_hot(targets.long(), num_classes).float()


def smooth_labels(targets: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Move a share of each target's probability to all classes alike, the true one included.

    With K classes and smoothing ε the true class gets 1 - ε + ε / K and every other one ε / K. This is what
    `torch.nn.functional.cross_entropy(..., label_smoothing=ε)` does. In another convention that circulates the true
    class gets 1 - ε and the others share ε; that is ε K / (K - 1) here.
    Source: Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016).

    Args:
        targets: Class numbers, shape (N,), or probabilities, shape (N, num_classes).
        num_classes: K, at least 2.
        smoothing: ε, in [0, 1].

    Returns:
        Probabilities, shape (N, num_classes).

    Raises:
        ValueError: smoothing is not in [0, 1], or as `one_hot`.
        TypeError: smoothing is not a number, or as `one_hot`.
    """
    if not is_number(smoothing):
        raise TypeError(f"smoothing must be a number in [0, 1], not {smoothing!r}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must be in [0, 1], not {smoothing}")
    return (1 - smoothing) * one_hot(targets, num_classes) + smoothing / num_classes
