"""Bayesian optimisation from scratch: a Gaussian process, expected improvement, and the search that uses them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
Kernel = Callable[[Array, Array], Array]
"""The covariances of the values at N and at M points, shape (N, M); the variance is the same everywhere."""

LENGTH_SCALES = (0.2, 0.5, 1.0, 3.0)
NOISES = (1e-4, 1e-2, 1e-1)
"""What `bayesian_search` chooses from, in sides of the unit cube and in variances of the scores."""


def rbf(length_scales: float | Sequence[float] | Array = 1.0) -> Kernel:
    """Return the squared exponential kernel exp(-d² / 2), d the distance in length scales: very smooth functions.

    Args:
        length_scales: One for all inputs, or one for each; above 0.

    Raises:
        ValueError: A length scale is not above 0.
    """
    scales = _checked_scales(length_scales)
    return lambda a, b: np.exp(-0.5 * _squared_distances(a / scales, b / scales))


def matern52(length_scales: float | Sequence[float] | Array = 1.0) -> Kernel:
    """Return the Matérn kernel of order 5/2: functions that can be differentiated twice.

    Args:
        length_scales: One for all inputs, or one for each; above 0.

    Raises:
        ValueError: A length scale is not above 0.
    """
    scales = _checked_scales(length_scales)

    def kernel(a: Array, b: Array) -> Array:
        distance = np.sqrt(5 * _squared_distances(a / scales, b / scales))
        return (1 + distance + distance**2 / 3) * np.exp(-distance)

    return kernel


def _checked_scales(length_scales: Any) -> Array:
    scales = np.asarray(length_scales, dtype=float)
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"length_scales must be above 0, not {length_scales}")
    return scales


def _squared_distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)


class GaussianProcess:
    """A distribution over functions, which observations narrow down (Rasmussen and Williams, 2006, algorithm 2.1).

    Its mean is 0 before the first observation, so observations should be centred.
    """

    def __init__(self, kernel: Kernel, noise: float) -> None:
        """Make a process that has observed nothing.

        Args:
            kernel: The covariance, such as `matern52(0.3)`.
            noise: The variance of an observation around the function, at least 0.

        Raises:
            ValueError: noise is negative or not finite.
        """
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"noise is a variance, so it must be finite and at least 0, not {noise}")
        self.kernel, self.noise = kernel, noise
        self._inputs: Array | None = None

    def fit(self, inputs: Any, values: Any) -> "GaussianProcess":
        """Take these observations (in place of earlier ones), and return the process.

        Args:
            inputs: Shape (N, D).
            values: What was observed there, shape (N,).

        Raises:
            ValueError: The shapes do not fit, there are no observations, or a number is not finite.
            numpy.linalg.LinAlgError: Two inputs are the same and there is no noise.
        """
        inputs, values = np.asarray(inputs, dtype=float), np.asarray(values, dtype=float)
        if inputs.ndim != 2 or values.shape != inputs.shape[:1] or not len(values):
            raise ValueError(
                f"inputs must have the shape (N, D) and values (N,), N at least 1, not {inputs.shape} and "
                f"{values.shape}"
            )
        if not (np.isfinite(inputs).all() and np.isfinite(values).all()):
            raise ValueError("inputs and values must be finite: leave out failed trials, or give them a bad score")
        covariance = self.kernel(inputs, inputs) + self.noise * np.eye(len(values))
        self._root = np.linalg.cholesky(covariance)
        self._inverse_root = np.linalg.inv(self._root)
        self._weights = self._inverse_root.T @ (self._inverse_root @ values)
        self._inputs, self._values = inputs, values
        return self

    def predict(self, inputs: Any) -> tuple[Array, Array]:
        """Return mean and standard deviation of the function (without the noise), two arrays of shape (M,).

        Args:
            inputs: Shape (M, D).

        Raises:
            ValueError: The inputs have another shape.
        """
        inputs = np.asarray(inputs, dtype=float)
        if inputs.ndim != 2 or (self._inputs is not None and inputs.shape[1] != self._inputs.shape[1]):
            raise ValueError(f"inputs must have the shape (M, D), with the D of the observations, not {inputs.shape}")
        prior = np.diag(self.kernel(inputs[:1], inputs[:1])) * np.ones(len(inputs))
        if self._inputs is None:
            return np.zeros(len(inputs)), np.sqrt(prior)
        covariance = self.kernel(inputs, self._inputs)
        explained = covariance @ self._inverse_root.T
        variance = prior - (explained**2).sum(axis=1)
        return covariance @ self._weights, np.sqrt(np.maximum(variance, 0))

    def log_likelihood(self) -> float:
        """Return the logarithm of the probability density of the observations, in nats.

        Raises:
            ValueError: Nothing has been observed.
        """
        if self._inputs is None:
            raise ValueError("the process has no observations: call fit first")
        n = len(self._values)
        fit = self._values @ self._weights / 2
        return float(-fit - np.log(np.diag(self._root)).sum() - n / 2 * math.log(2 * math.pi))


def expected_improvement(mean: Any, std: Any, best: float) -> Array:
    """Return by how much a value is expected to exceed the best one, counting 0 if it does not (for maximising).

    For a normal value this is (mean - best) Φ(z) + std φ(z), with z = (mean - best) / std (Jones et al., 1998).

    Args:
        mean: Of the predicted values, any shape.
        std: Their standard deviations, at least 0.
        best: The best value so far.

    Returns:
        The expected improvements, in the unit of the values, at least 0.

    Raises:
        ValueError: A standard deviation is negative, or a number is not finite.
    """
    mean, std = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(std, dtype=float))
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and math.isfinite(best)):
        raise ValueError("mean, std and best must be finite")
    if (std < 0).any():
        raise ValueError(f"std must be at least 0, not {std.min()}")
    gain = mean - best
    safe = np.where(std > 0, std, 1.0)
    with np.errstate(over="ignore"):
        z = np.clip(gain / safe, -1e3, 1e3)  # beyond it nothing changes
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return np.where(std > 0, np.maximum(gain * ndtr(z) + safe * density, 0), np.maximum(gain, 0))


@dataclass(frozen=True, eq=False)
class Trials:
    """What a search has tried, in order.

    Attributes:
        points: In the unit cube, shape (N, D).
        scores: Shape (N,); higher is better.
    """

    points: Array
    scores: Array


def bayesian_search(
    objective: Callable[[Array], float],
    n_dims: int,
    n_trials: int,
    *,
    n_start: int = 10,
    n_candidates: int = 300,
    seed: int,
) -> Trials:
    """Search the unit cube for a high score: random trials first, then where the expected improvement is highest.

    The Gaussian process has a Matérn kernel with a length scale for each hyperparameter. Length scales and noise are
    those of `LENGTH_SCALES` and `NOISES` under which the scores are most probable, changed one at a time and chosen
    again after every fifth trial. Candidates are random points, half of them near the best trial.

    Args:
        objective: Returns the score of a point of shape (n_dims,); it may be noisy.
        n_dims: Hyperparameters.
        n_trials: How many points to try.
        n_start: How many of them are random, at least 2.
        n_candidates: Points of which the most promising is tried next.
        seed: Of all draws.

    Raises:
        ValueError: A number is too small, or the objective returned a number that is not finite.
    """
    if n_dims < 1 or n_start < 2 or n_trials < n_start or n_candidates < 2:
        raise ValueError(
            f"n_dims must be at least 1, n_start at least 2, n_trials at least n_start and n_candidates at least 2, "
            f"not {n_dims}, {n_start}, {n_trials} and {n_candidates}"
        )
    rng = np.random.default_rng(seed)
    points = rng.random((n_start, n_dims))
    scores = np.array([_finite_score(objective, point) for point in points])
    scales, noise = np.full(n_dims, 0.5), NOISES[1]
    while len(scores) < n_trials:
        standard = (scores - scores.mean()) / (scores.std() or 1.0)
        if (len(scores) - n_start) % 5 == 0:
            scales, noise = _most_probable(points, standard, scales, noise)
        process = GaussianProcess(matern52(scales), noise).fit(points, standard)
        near = points[scores.argmax()] + 0.1 * rng.standard_normal((n_candidates // 2, n_dims))
        candidates = np.concatenate([rng.random((n_candidates - len(near), n_dims)), near.clip(0, 1)])
        # The best *mean* at a tried point, not the best score: a lucky score is no bar that the next must clear.
        best = process.predict(points)[0].max()
        chosen = candidates[expected_improvement(*process.predict(candidates), best).argmax()]
        points = np.concatenate([points, chosen[None]])
        scores = np.append(scores, _finite_score(objective, chosen))
    return Trials(points, scores)


def _finite_score(objective: Callable[[Array], float], point: Array) -> float:
    score = float(objective(point.copy()))  # an objective that changes its argument does no harm
    if not math.isfinite(score):
        raise ValueError(f"the objective returned {score} at {point}: give a failed trial a bad but finite score")
    return score


def _most_probable(points: Array, scores: Array, scales: Array, noise: float) -> tuple[Array, float]:
    """Change the noise and each length scale in turn to the value under which the scores are most probable."""
    squares = (points[:, None] - points) ** 2  # (N, N, D): computed once for all options

    def best(options: Array, noises: Array) -> int:
        return int(_log_likelihoods(squares, scores, options, noises).argmax())

    noise = NOISES[best(np.tile(scales, (len(NOISES), 1)), np.array(NOISES))]
    for i in range(len(scales)):
        options = np.tile(scales, (len(LENGTH_SCALES), 1))
        options[:, i] = LENGTH_SCALES
        scales = options[best(options, np.full(len(options), noise))]
    return scales, noise


def _log_likelihoods(squares: Array, scores: Array, scales: Array, noises: Array) -> Array:
    """Return what `GaussianProcess(matern52(scales[k]), noises[k]).fit(...).log_likelihood()` is, for all k at once.

    Args:
        squares: The squared differences of the points in each coordinate, shape (N, N, D).
        scores: Shape (N,).
        scales: Length scales, shape (K, D).
        noises: Shape (K,).
    """
    n = len(scores)
    distances = np.sqrt(5 * np.moveaxis(squares @ (1 / scales**2).T, 2, 0))
    covariances = (1 + distances + distances**2 / 3) * np.exp(-distances) + noises[:, None, None] * np.eye(n)
    roots = np.linalg.cholesky(covariances)
    weighted = np.linalg.solve(covariances, np.tile(scores[:, None], (len(scales), 1, 1)))[:, :, 0]
    log_roots = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return -weighted @ scores / 2 - log_roots - n / 2 * math.log(2 * math.pi)
