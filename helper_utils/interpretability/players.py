"""What each of a few players (features, regions, neighbours) adds: Shapley values, and LIME's local linear model."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_EXACT = 12
"""Players of exact Shapley values: 2 ** 12 = 4,096 subsets."""


def shapley_values(
    value: Callable[[frozenset[int]], Any], n_players: int, *, n_samples: int | None = None, seed: int = 0
) -> np.ndarray:
    """Return the Shapley value of each player: its mean contribution over all orders in which they may join.

    Shapley (1953). The values sum to `value(all) - value(nobody)` (efficiency), players that always add the same have
    the same value (symmetry), and one that never adds anything has 0 (dummy).

    Args:
        value: `value(subset)` takes a frozenset of players, numbered from 0, and returns a number (or an array of
            numbers, for several games at once). It is called once a subset.
        n_players: At least 1; at most 12 for exact values.
        n_samples: Orders that are drawn at random, for an estimate; None for the exact values. Efficiency holds for
            every sample.
        seed: Of the orders.

    Returns:
        Shape (players, ...), float64.

    Raises:
        ValueError: n_players or n_samples is out of range.
    """
    if n_players < 1:
        raise ValueError(f"n_players is {n_players}; expected 1 or more")
    if n_samples is None and n_players > MAX_EXACT:
        raise ValueError(
            f"n_players is {n_players}: exact values of more than {MAX_EXACT} players take 2 ** {n_players} subsets; "
            "join players to groups, or give n_samples"
        )
    if n_samples is not None and n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; expected 1 or more, or None for exact values")
    known: dict[frozenset[int], np.ndarray] = {}

    def worth(subset: frozenset[int]) -> np.ndarray:
        if subset not in known:
            known[subset] = np.asarray(value(subset), dtype=np.float64)
        return known[subset]

    if n_samples is not None:
        return _sampled(worth, n_players, n_samples, np.random.default_rng(seed))
    return _exact(worth, n_players)


def _exact(worth: Callable[[frozenset[int]], np.ndarray], n_players: int) -> np.ndarray:
    shares = np.zeros((n_players, *worth(frozenset()).shape))
    for size in range(n_players):
        # The probability that just these `size` players have joined before a given one.
        weight = math.factorial(size) * math.factorial(n_players - size - 1) / math.factorial(n_players)
        for members in itertools.combinations(range(n_players), size):
            before = frozenset(members)
            for player in set(range(n_players)) - before:
                shares[player] += weight * (worth(before | {player}) - worth(before))
    return shares


def _sampled(
    worth: Callable[[frozenset[int]], np.ndarray], n_players: int, n_samples: int, rng: np.random.Generator
) -> np.ndarray:
    shares = np.zeros((n_players, *worth(frozenset()).shape))
    for _ in range(n_samples):
        before: frozenset[int] = frozenset()
        for player in rng.permutation(n_players).tolist():
            shares[player] += worth(before | {player}) - worth(before)
            before |= {player}
    return shares / n_samples


def lime(
    outputs: Callable[[np.ndarray], Any],
    n_features: int,
    *,
    n_samples: int = 200,
    kernel_width: float = 0.5,
    ridge: float = 1e-3,
    seed: int = 0,
) -> np.ndarray:
    """Return the coefficients of a linear model of the outputs near one example (Ribeiro et al., 2016).

    https://arxiv.org/abs/1602.04938. Features (words, regions) are switched off at random. A weighted ridge regression
    predicts the output from which are
    on. An example counts the more, the fewer are off: exp(-(share that is off)**2 / kernel_width**2).

    Args:
        outputs: Takes a bool array of shape (samples, features), which features are on; returns the model's output for
            each row, shape (samples,).
        n_features: At least 1.
        n_samples: Rows that are drawn; the first one has all features on.
        kernel_width: How far "near" reaches, as a share of the features; above 0. The result depends on it.
        ridge: Strength of the penalty on the coefficients, at least 0.
        seed: Of the rows.

    Returns:
        Shape (features,), float64: what switching a feature on adds.

    Raises:
        ValueError: An argument is out of range, or `outputs` does not return one number a row.
    """
    if n_features < 1:
        raise ValueError(f"n_features is {n_features}; expected 1 or more")
    if n_samples < 2:
        raise ValueError(f"n_samples is {n_samples}; expected 2 or more")
    if not kernel_width > 0:
        raise ValueError(f"kernel_width is {kernel_width}; expected above 0")
    if ridge < 0:
        raise ValueError(f"ridge is {ridge}; expected 0 or more")
    is_on = np.random.default_rng(seed).random((n_samples, n_features)) < 0.5
    is_on[0] = True
    found = np.asarray(outputs(is_on), dtype=np.float64)
    if found.shape != (n_samples,):
        raise ValueError(f"outputs must return the shape ({n_samples},), not {found.shape}")
    weights = np.exp(-np.square((1 - is_on.mean(axis=1)) / kernel_width))
    x = is_on - np.average(is_on, axis=0, weights=weights)  # centred, so that the intercept is not penalised
    y = found - np.average(found, weights=weights)
    normal = (x * weights[:, None]).T @ x + ridge * np.eye(n_features)
    return np.linalg.lstsq(normal, (x * weights[:, None]).T @ y, rcond=None)[0]
