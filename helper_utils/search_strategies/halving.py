"""Spending a budget of epochs where it pays: successive halving, Hyperband, and median pruning."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helper_utils.search_strategies.spaces import check_whole

ScoresAt = Callable[[NDArray[np.int64], int], Any]
"""Takes the numbers of some configurations and a number of epochs; returns a score for each after that many."""


@dataclass(frozen=True)
class Rung:
    """A step of successive halving: the configurations that are trained up to a number of epochs.

    Attributes:
        n_epochs: Up to which each is trained.
        configs: Their numbers.
        scores: Of each at that epoch.
    """

    n_epochs: int
    configs: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Halving:
    """What successive halving found.

    Attributes:
        best: The number of the best configuration of the last rung.
        best_score: Its score there.
        n_epochs: All epochs that were trained; a configuration goes on where it stopped.
        rungs: The steps.
    """

    best: int
    best_score: float
    n_epochs: int
    rungs: tuple[Rung, ...]


def successive_halving(
    scores_at: ScoresAt, configs: Sequence[int] | NDArray, *, min_epochs: int = 1, max_epochs: int, eta: int = 3
) -> Halving:
    """Train all configurations a little, keep the best 1/eta, train these eta times as long, and so on.

    From Jamieson and Talwalkar (2016, arXiv:1502.07943). A score that is nan counts as the worst; if two are the same,
    the configuration that comes first stays.

    Args:
        scores_at: Returns the scores (higher is better) of some configurations after a number of epochs.
        configs: The numbers of the configurations.
        min_epochs: Of the first rung, at least 1.
        max_epochs: Of the last one; the rungs are those of `rung_epochs`.
        eta: The factor, at least 2.

    Raises:
        ValueError: There are no configurations, a number is out of its range, scores_at returned another number of
            scores, or every score of a rung is nan (the metric is not there yet: use larger min_epochs).
    """
    if eta < 2 or not 1 <= min_epochs <= max_epochs:
        raise ValueError(
            f"eta must be at least 2 and min_epochs from 1 to max_epochs, not {eta}, {min_epochs} and {max_epochs}"
        )
    check_whole(eta=eta, min_epochs=min_epochs, max_epochs=max_epochs)
    return _halve(scores_at, configs, rung_epochs(min_epochs, max_epochs, eta), eta)


def _halve(scores_at: ScoresAt, configs: Sequence[int] | NDArray, epochs: Sequence[int], eta: int) -> Halving:
    alive = np.asarray(configs, dtype=np.int64)
    if alive.ndim != 1 or not len(alive):
        raise ValueError("configs must be the numbers of one configuration at least")
    rungs: list[Rung] = []
    trained, spent, best, best_score = 0, 0, -1, math.nan
    for n_epochs in epochs:
        scores = np.asarray(scores_at(alive, n_epochs), dtype=float)
        if scores.shape != alive.shape:
            raise ValueError(f"scores_at must return {len(alive)} scores, not an array of shape {scores.shape}")
        if np.isnan(scores).all():
            raise ValueError(f"every score after {n_epochs} epochs is nan: raise min_epochs until the metric is there")
        spent += len(alive) * (n_epochs - trained)
        trained = n_epochs
        rungs.append(Rung(n_epochs, tuple(alive.tolist()), tuple(scores.tolist())))
        order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        best, best_score = int(alive[order[0]]), float(scores[order[0]])
        alive = alive[np.sort(order[: max(1, len(alive) // eta)])]
    return Halving(best, best_score, spent, tuple(rungs))


def rung_epochs(min_epochs: int, max_epochs: int, eta: int) -> list[int]:
    """Return the epochs of the rungs: min_epochs, times eta each time as long as another eta fits, and max_epochs."""
    epochs = []
    n_epochs = min_epochs
    while n_epochs * eta <= max_epochs:
        epochs.append(n_epochs)
        n_epochs *= eta
    return [*epochs, max_epochs]


@dataclass(frozen=True)
class Bracket:
    """A row of Hyperband's table: a run of successive halving.

    Attributes:
        n_configs: The configurations of each rung.
        n_epochs: Up to which they are trained, for each rung.
    """

    n_configs: tuple[int, ...]
    n_epochs: tuple[int, ...]


def hyperband_brackets(max_epochs: int, eta: int = 3) -> list[Bracket]:
    """Return Hyperband's brackets, the one with most configurations first (Li et al., 2018, arXiv:1603.06560).

    Bracket s, from the largest s_max = ⌊log_eta(max_epochs)⌋ down to 0, starts ⌈(s_max + 1) eta^s / (s + 1)⌉
    configurations with max_epochs / eta^s epochs, and keeps one in eta at each rung.

    Args:
        max_epochs: The most epochs that a configuration gets, at least eta: a smaller budget is less than one halving.
        eta: The factor, at least 2.

    Raises:
        ValueError: An argument is too small.
    """
    if eta < 2 or max_epochs < eta:
        raise ValueError(
            f"eta must be at least 2 and max_epochs at least eta, or no bracket can halve; not {eta} and {max_epochs}"
        )
    check_whole(max_epochs=max_epochs, eta=eta)
    s_max = 0
    while eta ** (s_max + 1) <= max_epochs:
        s_max += 1
    brackets = []
    for s in range(s_max, -1, -1):
        n = math.ceil((s_max + 1) * eta**s / (s + 1))
        brackets.append(
            Bracket(
                n_configs=tuple(n // eta**i for i in range(s + 1)),
                n_epochs=tuple(max_epochs * eta**i // eta**s for i in range(s + 1)),
            )
        )
    return brackets


def hyperband(
    scores_at: ScoresAt, draw: Callable[[int], Sequence[int] | NDArray], *, max_epochs: int, eta: int = 3
) -> Halving:
    """Run all of Hyperband's brackets, and return the best of their winners; its rungs are those of all brackets.

    Args:
        scores_at: As in `successive_halving`.
        draw: Returns the numbers of that many new configurations.
        max_epochs: As in `hyperband_brackets`.
        eta: As in `hyperband_brackets`.

    Raises:
        ValueError: As in `hyperband_brackets` and `successive_halving`.
    """
    runs = []
    for bracket in hyperband_brackets(max_epochs, eta):
        drawn = draw(bracket.n_configs[0])
        if len(drawn) != bracket.n_configs[0]:
            raise ValueError(f"draw must return {bracket.n_configs[0]} configurations, not {len(drawn)}")
        runs.append(_halve(scores_at, drawn, bracket.n_epochs, eta))
    best = max(runs, key=lambda run: run.best_score)
    rungs = tuple(rung for run in runs for rung in run.rungs)
    return Halving(best.best, best.best_score, sum(run.n_epochs for run in runs), rungs)


def median_pruning(curves: Any, *, n_warmup_epochs: int = 1, n_startup_trials: int = 5) -> NDArray[np.int64]:
    """Return after how many epochs each trial stops, if a trial below the median of the earlier ones is stopped.

    Trials run one after the other. After an epoch a trial is stopped if its best score so far is below the median of
    the scores that the earlier trials had after the same epoch. That is the rule of Optuna's `MedianPruner`, except
    that pruned trials count here as well, up to where they stopped; Optuna takes completed trials only. It is not the
    rule of Golovin et al. (2017), who compare with the median of the completed trials' running averages.

    Args:
        curves: The score of each trial after each epoch, shape (trials, epochs); higher is better.
        n_warmup_epochs: No trial is stopped before so many epochs, at least 1.
        n_startup_trials: So many trials run to the end first, at least 1.

    Returns:
        The epochs of each trial, shape (trials,).

    Raises:
        ValueError: The curves have another shape or are not finite, or a number is below 1.
    """
    curves = np.asarray(curves, dtype=float)
    if curves.ndim != 2 or 0 in curves.shape or not np.isfinite(curves).all():
        raise ValueError(f"curves must be finite numbers of shape (trials, epochs), not of shape {curves.shape}")
    if n_warmup_epochs < 1 or n_startup_trials < 1:
        raise ValueError(
            f"n_warmup_epochs and n_startup_trials must be at least 1, not {n_warmup_epochs} and {n_startup_trials}"
        )
    n_trials, n_epochs = curves.shape
    lengths = np.full(n_trials, n_epochs)
    best_so_far = np.maximum.accumulate(curves, axis=1)
    for trial in range(n_startup_trials, n_trials):
        for epoch in range(n_warmup_epochs - 1, n_epochs - 1):
            earlier = curves[:trial, epoch][lengths[:trial] > epoch]
            if best_so_far[trial, epoch] < np.median(earlier):
                lengths[trial] = epoch + 1
                break
    return lengths
