"""Checks of arguments that several modules of this folder share. They read what is given, and change nothing."""

from numbers import Real

import torch
from torch import Tensor


def check_tensors(**values: object) -> None:
    """Raise an error where something is not a tensor.

    Args:
        values: What must be tensors, by the names that the error shall show.

    Raises:
        TypeError: A list, an array or something else was given.
    """
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(value).__name__}: convert with torch.as_tensor")


def check_whole(name: str, values: Tensor) -> None:
    """Raise an error where a tensor does not hold integers.

    Raises:
        TypeError: The numbers are floating-point, or True and False.
    """
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, not {values.dtype}")


def check_probabilities(name: str, rows: Tensor) -> None:
    """Raise an error where the numbers along the last axis are not probabilities.

    Args:
        name: How the error calls them.
        rows: Any shape (..., classes), floating-point.

    Raises:
        ValueError: A number is negative or NaN, or a row does not sum to 1 (to 0.001), or there are no classes.
    """
    if rows.dim() == 0 or rows.shape[-1] == 0:
        raise ValueError(f"the {name} must have the shape (..., classes), not {tuple(rows.shape)}")
    if not rows.numel():
        return
    sums = rows.sum(dim=-1)
    # Written so that NaN, for which every comparison is False, is refused as well.
    if not (float(rows.min()) >= 0 and float((sums - 1).abs().max()) <= 1e-3):
        raise ValueError(
            f"each row of the {name} must be probabilities: not negative, and with a sum of 1; the smallest number "
            f"is {float(rows.min()):.3g}, and the sums are from {float(sums.min()):.3g} to {float(sums.max()):.3g}"
        )


def is_number(value: object) -> bool:
    """Say whether a value is a real number, and not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool)
