"""Search spaces, and the points of the unit cube that grid, random and quasi-random search try."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

Points = NDArray[np.float64]
KINDS = ("log", "linear", "choice")


def chance_of_a_good_trial(n_trials: int, share: float) -> float:
    """Return the probability that random trials hit the best share of a space at least once: 1 - (1 - share)^n.

    Args:
        n_trials: How many independent trials, at least 0.
        share: The best share of the space, from 0 to 1.

    Raises:
        ValueError: An argument is out of its range.
    """
    if n_trials < 0 or not 0 <= share <= 1:
        raise ValueError(f"n_trials must be at least 0 and share from 0 to 1, not {n_trials} and {share}")
    return 1 - (1 - share) ** n_trials


def trials_for_chance(chance: float, share: float) -> int:
    """Return how many random trials hit the best share of a space with at least this probability.

    Args:
        chance: The probability that is wanted, from 0 to below 1.
        share: The best share of the space, above 0 and below 1.

    Raises:
        ValueError: An argument is out of its range.
    """
    if not 0 <= chance < 1 or not 0 < share < 1:
        raise ValueError(
            f"chance must be from 0 to below 1 and share between 0 and 1 (exclusive), not {chance} and {share}"
        )
    n_trials = max(0, math.floor(math.log(1 - chance) / math.log(1 - share)) - 1)  # rounding: start below, count up
    while chance_of_a_good_trial(n_trials, share) < chance:
        n_trials += 1
    return n_trials


def grid_points(n_values: int, n_dims: int) -> Points:
    """Return a full grid in the unit cube, with the values in the middle of equal cells.

    Args:
        n_values: Values of each hyperparameter.
        n_dims: Hyperparameters.

    Returns:
        The points, shape (n_values ** n_dims, n_dims), the last hyperparameter changing fastest.

    Raises:
        ValueError: A number is below 1.
    """
    _check_counts(n_values=n_values, n_dims=n_dims)
    values = (np.arange(n_values) + 0.5) / n_values
    axes = np.meshgrid(*[values] * n_dims, indexing="ij")
    return np.stack(axes, axis=-1).reshape(-1, n_dims)


def random_points(n_points: int, n_dims: int, *, seed: int) -> Points:
    """Return points that are drawn evenly from the unit cube, shape (n_points, n_dims).

    Args:
        n_points: How many.
        n_dims: Hyperparameters.
        seed: Of the draw.

    Raises:
        ValueError: A number is below 1.
    """
    _check_counts(n_points=n_points, n_dims=n_dims)
    return np.random.default_rng(seed).random((n_points, n_dims))


def quasi_random_points(n_points: int, n_dims: int, *, seed: int) -> Points:
    """Return the first points of a scrambled Halton sequence, which leave no large gaps, shape (n_points, n_dims).

    More points of the same seed begin with the same points (Owen, 2017, arXiv:1706.02808).

    Args:
        n_points: How many.
        n_dims: Hyperparameters.
        seed: Of the scrambling.

    Raises:
        ValueError: A number is below 1.
    """
    _check_counts(n_points=n_points, n_dims=n_dims)
    return qmc.Halton(n_dims, rng=seed).random(n_points)


def to_hyperparameters(points: Any, space: Mapping[str, tuple]) -> dict[str, NDArray]:
    """Turn points of the unit cube into hyperparameters.

    Args:
        points: Of shape (..., D), all entries from 0 to 1: a column for each hyperparameter.
        space: A kind and its limits for each of the D hyperparameters: `("log", low, high)`, `("linear", low, high)`
            or `("choice", first, second, ...)`.

    Returns:
        The values of each hyperparameter, shape (...).

    Raises:
        ValueError: The points have other columns than the space or lie outside of the cube, a range is empty or not
            finite, a logarithmic range does not begin above 0, or there is nothing to choose from.
    """
    points = np.asarray(points, dtype=float)
    if not space:
        raise ValueError("space is empty: name at least one hyperparameter with its range")
    if points.ndim == 0 or points.shape[-1] != len(space):
        raise ValueError(f"points must have {len(space)} columns, one for each hyperparameter, not {points.shape}")
    if not ((points >= 0) & (points <= 1)).all():
        raise ValueError("points must be from 0 to 1 in every column; scale them to the unit cube")
    return {name: _values(name, points[..., i], *entry) for i, (name, entry) in enumerate(space.items())}


def _values(name: str, shares: Points, kind: str, *limits: Any) -> NDArray:
    if kind not in KINDS:
        raise ValueError(f"the kind of {name} must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind == "choice":
        if not limits:
            raise ValueError(f"{name} has nothing to choose from: give at least one value")
        return np.array(limits)[np.minimum((shares * len(limits)).astype(int), len(limits) - 1)]
    if len(limits) != 2 or not np.isfinite(limits).all() or not limits[0] < limits[1]:
        raise ValueError(f"the range of {name} must be two finite numbers, the lower one first, not {limits}")
    low, high = limits
    if kind == "linear":
        return low + shares * (high - low)
    if low <= 0:
        raise ValueError(f"the logarithmic range of {name} must begin above 0, not at {low}")
    return low * (high / low) ** shares


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, not {count}")
        check_whole(**{name: count})


def check_whole(**numbers: float) -> None:
    """Refuse numbers of epochs, points and the like that are fractions, infinite or nan.

    Raises:
        ValueError: A number is not whole.
    """
    for name, number in numbers.items():
        if not math.isfinite(number) or number != int(number):
            raise ValueError(f"{name} must be a whole number, not {number}")
