"""A Parzen estimator in one dimension: the idea of TPE (Bergstra et al., 2011)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from helper_utils.search_strategies.gaussian_process import Trials

Array = NDArray[np.float64]


def parzen_density(x: Any, centres: Any, width: float) -> Array:
    """Return the mean of bell curves around the centres, and of a flat one over [0, 1] that keeps all places possible.

    Args:
        x: Where, shape (M,).
        centres: Of the N bell curves, shape (N,).
        width: Their standard deviation, above 0.

    Returns:
        The densities, shape (M,).

    Raises:
        ValueError: width is not above 0, or a number is not finite.
    """
    x, centres = np.asarray(x, dtype=float), np.asarray(centres, dtype=float)
    if not width > 0:
        raise ValueError(f"width must be above 0, not {width}")
    if not (np.isfinite(x).all() and np.isfinite(centres).all()):
        raise ValueError("x and centres must be finite")
    bells = np.exp(-(((x[:, None] - centres) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
    return (bells.sum(axis=1) + 1) / (len(centres) + 1)


def parzen_search(
    objective: Callable[[float], float],
    n_trials: int,
    *,
    n_start: int = 5,
    good_share: float = 0.25,
    width: float = 0.1,
    seed: int,
) -> Trials:
    """Search [0, 1] for a high score: try what is common among good trials and rare among the others.

    Of 25 candidates the one with the largest ratio of the two densities is tried: 24 from bell curves around good
    trials, cut off at 0 and 1, and one from anywhere.

    Args:
        objective: Returns the score of a place in [0, 1].
        n_trials: How many places to try.
        n_start: How many of them are random.
        good_share: The share of the trials that counts as good, above 0 and below 1.
        width: Of the bell curves.
        seed: Of all draws.

    Raises:
        ValueError: A number is out of its range, or a score is not finite.
    """
    if not 2 <= n_start <= n_trials or not 0 < good_share < 1:
        raise ValueError(
            f"n_start must be from 2 to n_trials and good_share between 0 and 1, not {n_start}, {n_trials} and "
            f"{good_share}"
        )
    rng = np.random.default_rng(seed)
    tried = list(rng.random(n_start))
    scores = [float(objective(x)) for x in tried]
    while len(tried) < n_trials:
        if not np.isfinite(scores).all():
            raise ValueError("the objective returned a score that is not finite: give a failed trial a bad score")
        order = np.argsort(scores)[::-1]
        n_good = math.ceil(good_share * len(tried))
        good, rest = np.array(tried)[order[:n_good]], np.array(tried)[order[n_good:]]
        centres = rng.choice(good, 24)
        # Bell curves that are cut off at 0 and 1: a candidate never leaves at one end to come back at the other.
        below, above = ndtr(-centres / width), ndtr((1 - centres) / width)
        near = centres + width * ndtri(below + rng.random(24) * (above - below))
        candidates = np.append(near.clip(0, 1), rng.random())
        ratio = parzen_density(candidates, good, width) / parzen_density(candidates, rest, width)
        tried.append(float(candidates[ratio.argmax()]))
        scores.append(float(objective(tried[-1])))
    return Trials(np.array(tried)[:, None], np.array(scores))
