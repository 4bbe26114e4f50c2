"""Cross-validation: a fresh model for each fold, its scores, and how sure their mean is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from helper_utils.validation.splits import Fold, Indices, check_folds

TrainAndScore: TypeAlias = Callable[[Indices, Indices, int], float | tuple[float, Any]]


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation:
    """What came of cross-validation.

    Attributes:
        scores: The validation score of each fold.
        folds: The folds.
        predictions: What was predicted for the validation examples of each fold; None if only scores were returned.
    """

    scores: list[float]
    folds: list[Fold]
    predictions: list[Tensor] | None = None

    def __repr__(self) -> str:
        """Show the mean and the spread."""
        return f"CrossValidation({len(self.scores)} folds, mean {self.mean:.3f}, deviation of the folds {self.std:.3f})"

    @property
    def mean(self) -> float:
        """The mean score."""
        return fmean(self.scores)

    @property
    def std(self) -> float:
        """The standard deviation of the folds' scores (with Bessel's correction); nan for a single fold."""
        return stdev(self.scores) if len(self.scores) > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """The corrected standard error of the mean; see `corrected_standard_error`."""
        n_train, n_val = (fmean(len(fold[side]) for fold in self.folds) for side in (0, 1))
        return corrected_standard_error(self.scores, n_train, n_val)

    @property
    def out_of_fold(self) -> Tensor:
        """The prediction for each example by the model that was not trained on it, in the order of the examples.

        Raises:
            ValueError: No predictions were kept, or an example was not validated exactly once.
        """
        if self.predictions is None:
            raise ValueError("no predictions were kept: train_and_score must return (score, predictions)")
        indices = np.concatenate([val for _, val in self.folds])
        counts = np.bincount(indices, minlength=1 + max(int(side.max()) for fold in self.folds for side in fold))
        if (counts != 1).any():
            example = int((counts != 1).argmax())
            raise ValueError(
                f"example {example} was validated {counts[example]} times: out-of-fold predictions need folds that "
                "validate each example exactly once"
            )
        together = torch.cat(self.predictions)
        in_order = torch.empty_like(together)
        in_order[torch.as_tensor(indices)] = together
        return in_order


def cross_validate(train_and_score: TrainAndScore, folds: Sequence[Fold], *, seed: int = 0) -> CrossValidation:
    """Train and score a fresh model for each fold.

    Args:
        train_and_score: Called with the indices of the training examples, those of the validation examples, and a
            seed. It makes a new model each time, fits everything (scaler, choice of features, threshold) on the
            training examples only, and returns the score on the validation examples, or (score, predictions) with
            one prediction for each validation example.
        folds: A list of (train_indices, val_indices).
        seed: The base of the folds' seeds, which all differ; 0 or more.

    Raises:
        ValueError: A fold is empty or has an example on both sides, a score is not a number, or is nan or infinite,
            or the number of predictions is not that of the validation examples.
    """
    folds = list(folds)
    check_folds(folds)
    scores: list[float] = []
    predictions: list[Tensor] = []
    for number, ((train, val), fold_seed) in enumerate(zip(folds, fold_seeds(seed, len(folds)), strict=True)):
        result = train_and_score(train, val, fold_seed)
        score, *predicted = result if isinstance(result, tuple) else (result,)
        if not hasattr(score, "__float__"):
            raise ValueError(
                f"train_and_score must return a number, or (number, predictions): in fold {number} it was {score!r}"
            )
        if not math.isfinite(score):
            raise ValueError(
                f"the score of fold {number} is {float(score)}: a training that overflowed, or a metric that is 0/0 on "
                "these examples; stratified folds, a lower learning rate or another metric help"
            )
        scores.append(float(score))
        for values in predicted:
            predictions.append(_predictions(values, len(val), number))
    return CrossValidation(scores, folds, predictions or None)


def fold_seeds(seed: int, n_folds: int) -> list[int]:
    """Derive a seed for each fold from a base seed.

    Args:
        seed: The base seed; 0 or more.
        n_folds: How many are needed.
    """
    return [int(value) for value in np.random.SeedSequence(seed).generate_state(n_folds)]


def corrected_standard_error(scores: Sequence[float], n_train: float, n_val: float) -> float:
    """Return the standard error of the mean of cross-validated scores, corrected for the training data they share.

    The usual s/√k is that of k independent scores. Models that are trained on nearly the same examples are not
    independent, so the mean is less sure than that: s·√(1/k + n_val/n_train). Source: Nadeau and Bengio, "Inference for
    the generalization error" (2003, https://doi.org/10.1023/A:1024068626366), for repeated random splits; in use for
    k-fold too.

    Args:
        scores: k scores, at least two.
        n_train: Training examples of a fold.
        n_val: Validation examples of a fold.

    Raises:
        ValueError: There are fewer than two scores, one is nan or infinite, or a number of examples is not above 0.
    """
    values = [float(score) for score in scores]
    if len(values) < 2:
        raise ValueError(f"a standard error needs at least two scores, not {len(values)}")
    if not all(map(math.isfinite, values)):
        raise ValueError(f"scores must be finite, not {values}: find out which fold failed, and why")
    if not (n_train > 0 and n_val > 0):
        raise ValueError(f"n_train and n_val must be above 0, not {n_train} and {n_val}")
    return stdev(values) * math.sqrt(1 / len(values) + n_val / n_train)


def _predictions(values: Any, n_val: int, number: int) -> Tensor:
    tensor = torch.as_tensor(values).detach().cpu()
    if tensor.ndim == 0 or len(tensor) != n_val:
        raise ValueError(
            f"fold {number} has {n_val} validation examples and predictions of shape {tuple(tensor.shape)}: "
            "return one for each validation example"
        )
    return tensor
