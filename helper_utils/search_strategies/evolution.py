"""Evolution: populations of points of the unit cube that are selected, crossed and mutated."""

from collections.abc import Callable
from dataclasses import dataclass

import cmaes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Objective = Callable[[Array], Array]
"""Takes points of shape (N, D) and returns their scores, shape (N,); higher is better."""


@dataclass(frozen=True, eq=False)
class Generations:
    """What an evolution has tried.

    Attributes:
        points: Of every generation, shape (generations, size, D).
        scores: Their scores, shape (generations, size).
    """

    points: Array
    scores: Array


def evolve(
    objective: Objective,
    n_dims: int,
    *,
    n_generations: int,
    size: int = 20,
    n_parents: int = 5,
    mutation: float = 0.1,
    crossover: bool = True,
    seed: int,
) -> Generations:
    """Search the unit cube by a genetic algorithm: selection, crossover, mutation, replacement.

    Of the parents so far and the new points, the best n_parents are the next parents (so the best is never lost). Each
    new point takes every coordinate from one of two random parents and adds normal noise.

    Args:
        objective: Scores a whole generation.
        n_dims: Hyperparameters.
        n_generations: At least 1; the first one is random.
        size: Points of a generation.
        n_parents: From 1 to size.
        mutation: Standard deviation of the noise, at least 0.
        crossover: Whether a new point has two parents, and not one.
        seed: Of all draws.

    Raises:
        ValueError: A number is out of its range, or the objective returned another number of scores or one that is not
            finite.
    """
    _check(n_dims, n_generations, size, n_parents)
    if not mutation >= 0:
        raise ValueError(f"mutation must be at least 0, not {mutation}")
    rng = np.random.default_rng(seed)
    points = rng.random((size, n_dims))
    parents, parent_scores = np.empty((0, n_dims)), np.empty(0)
    all_points, all_scores = [], []
    for _ in range(n_generations):
        scores = _scores(objective, points)
        all_points.append(points)
        all_scores.append(scores)
        pool, pool_scores = np.concatenate([parents, points]), np.concatenate([parent_scores, scores])
        order = np.argsort(-pool_scores, kind="stable")[:n_parents]
        parents, parent_scores = pool[order], pool_scores[order]
        first = parents[rng.integers(n_parents, size=size)]
        second = parents[rng.integers(n_parents, size=size)]
        from_second = rng.random((size, n_dims)) < 0.5
        children = np.where(from_second, second, first) if crossover else first
        points = (children + mutation * rng.standard_normal((size, n_dims))).clip(0, 1)
    return Generations(np.array(all_points), np.array(all_scores))


def mu_lambda_strategy(
    objective: Objective,
    n_dims: int,
    *,
    n_generations: int,
    size: int = 20,
    n_parents: int = 5,
    step: float = 0.3,
    seed: int,
) -> Generations:
    """Search the unit cube by a (μ, λ) evolution strategy with a step size that adapts itself.

    Each of the λ = size new points mutates its own step size first (times exp(τ N(0, 1)), τ = 1/√(2 D)) and then the
    mean of the μ = n_parents best points of the last generation; parents do not survive (Beyer and Schwefel, 2002).

    Args:
        objective: Scores a whole generation.
        n_dims: Hyperparameters.
        n_generations: At least 1; the first one is drawn around the middle of the cube.
        size: λ, points of a generation.
        n_parents: μ, from 1 to size.
        step: The first step size, in sides of the cube.
        seed: Of all draws.

    Raises:
        ValueError: As in `evolve`.
    """
    _check(n_dims, n_generations, size, n_parents)
    if not step > 0:
        raise ValueError(f"step must be above 0, not {step}")
    rng = np.random.default_rng(seed)
    centre, log_step = np.full(n_dims, 0.5), np.log(step)
    tau = 1 / np.sqrt(2 * n_dims)
    all_points, all_scores = [], []
    for _ in range(n_generations):
        log_steps = log_step + tau * rng.standard_normal(size)
        points = centre + np.exp(log_steps)[:, None] * rng.standard_normal((size, n_dims))
        points = points.clip(0, 1)
        scores = _scores(objective, points)
        all_points.append(points)
        all_scores.append(scores)
        best = np.argsort(-scores, kind="stable")[:n_parents]
        centre, log_step = points[best].mean(axis=0), log_steps[best].mean()
    return Generations(np.array(all_points), np.array(all_scores))


def cma_es(
    objective: Objective, n_dims: int, *, n_generations: int, size: int = 20, step: float = 0.3, seed: int
) -> Generations:
    """Search the unit cube by CMA-ES, which also learns in which directions to take long steps (package `cmaes`).

    Args:
        objective: Scores a whole generation.
        n_dims: Hyperparameters, at least 2.
        n_generations: At least 1; the first one is drawn around the middle of the cube.
        size: Points of a generation, at least 4.
        step: The first step size, in sides of the cube.
        seed: Of all draws.

    Raises:
        ValueError: As in `evolve`.
    """
    _check(n_dims, n_generations, size, 1)
    if n_dims < 2 or size < 4:
        raise ValueError(f"CMA-ES needs n_dims of at least 2 and size of at least 4, not {n_dims} and {size}")
    bounds = np.tile([0.0, 1.0], (n_dims, 1))
    strategy = cmaes.CMA(mean=np.full(n_dims, 0.5), sigma=step, bounds=bounds, seed=seed, population_size=size)
    all_points, all_scores = [], []
    for _ in range(n_generations):
        points = np.array([strategy.ask() for _ in range(size)])
        scores = _scores(objective, points)
        all_points.append(points)
        all_scores.append(scores)
        strategy.tell([(point, -score) for point, score in zip(points, scores, strict=True)])  # it minimises
    return Generations(np.array(all_points), np.array(all_scores))


def _scores(objective: Objective, points: Array) -> Array:
    scores = np.asarray(objective(points), dtype=float)
    if scores.shape != points.shape[:1]:
        raise ValueError(f"the objective must return {len(points)} scores, not an array of shape {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("the objective returned a score that is not finite: give a failed trial a bad score")
    return scores


def _check(n_dims: int, n_generations: int, size: int, n_parents: int) -> None:
    if n_dims < 1 or n_generations < 1 or not 1 <= n_parents <= size:
        raise ValueError(
            f"n_dims and n_generations must be at least 1 and n_parents from 1 to size ({size}), not {n_dims}, "
            f"{n_generations} and {n_parents}"
        )
