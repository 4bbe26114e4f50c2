"""Stacking: a model that learns from the members' predictions how to combine them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from helper_utils.validation import cross_validate
from helper_utils.validation.splits import Fold


def stacked_features(probabilities: np.ndarray) -> np.ndarray:
    """Put the members' probabilities side by side, as features for the model that combines them.

    Of two classes only the second one is kept, since the first one says the same; so does `StackingClassifier`.

    Args:
        probabilities: Shape (members, N, classes).

    Returns:
        Shape (N, members * classes), or (N, members) for two classes.

    Raises:
        ValueError: There is no member, the shape is a different one, a value is not finite, or a row is not a
            distribution.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or not probabilities.size:
        raise ValueError(f"probabilities must have shape (members, N, classes), not {probabilities.shape}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite, and one is nan or infinite")
    if (probabilities < 0).any() or (np.abs(probabilities.sum(axis=2) - 1) > 0.01).any():
        raise ValueError("a row of probabilities is negative or does not sum to 1: give those of predict_proba")
    kept = probabilities[:, :, 1:] if probabilities.shape[2] == 2 else probabilities
    return np.concatenate(list(kept), axis=1)


def out_of_fold_probabilities(
    member: Any, inputs: np.ndarray, targets: np.ndarray, folds: Sequence[Fold]
) -> np.ndarray:
    """Return for each example the probabilities by a copy of the member that was not trained on it, shape (N, classes).

    Args:
        member: A classifier as those of scikit-learn, with `fit` and `predict_proba`.
        inputs: Shape (N, features).
        targets: Classes, shape (N,).
        folds: Each example is in exactly one validation set, as in `stratified_k_fold`.

    Raises:
        ValueError: The folds do not validate each example exactly once, or a training set lacks a class, so that its
            columns would be those of other classes.
    """
    classes = np.unique(targets)

    def train_and_score(train: np.ndarray, val: np.ndarray, _: int) -> tuple[float, torch.Tensor]:
        trained = copy_of(member).fit(inputs[train], targets[train])
        if not np.array_equal(trained.classes_, classes):
            raise ValueError(
                f"a fold's training set has only the classes {trained.classes_.tolist()}: stratify the folds"
            )
        return trained.score(inputs[val], targets[val]), torch.as_tensor(trained.predict_proba(inputs[val]))

    return cross_validate(train_and_score, folds).out_of_fold.numpy()


class Stacking:
    """Members and a final classifier that learns from their out-of-fold probabilities.

    It equals scikit-learn's `StackingClassifier` with the same folds and `stack_method="predict_proba"`. For prediction
    the members are trained on all examples.
    Source: Wolpert, "Stacked generalization" (1992).

    Args:
        members: Classifiers as those of scikit-learn. Copies of them are trained.
        final: The classifier that combines them.
        leak: Train `final` on the members' predictions for their own training examples. This is a mistake, here to be
            shown.
    """

    def __init__(self, members: Sequence[Any], final: Any, *, leak: bool = False) -> None:
        if not len(members):
            raise ValueError("there are no members to stack: give at least one")
        self.members, self.final, self.leak = list(members), final, leak

    def fit(self, inputs: np.ndarray, targets: np.ndarray, folds: Sequence[Fold]) -> "Stacking":
        """Train members and final classifier.

        Args:
            inputs: Shape (N, features).
            targets: Classes, shape (N,).
            folds: As for `out_of_fold_probabilities`; a leaking stack does not use them.
        """
        self.trained_members = [copy_of(member).fit(inputs, targets) for member in self.members]
        if self.leak:
            probabilities = [member.predict_proba(inputs) for member in self.trained_members]
        else:
            probabilities = [out_of_fold_probabilities(member, inputs, targets, folds) for member in self.members]
        self.features = stacked_features(np.stack(probabilities))
        self.trained_final = copy_of(self.final).fit(self.features, targets)
        return self

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, shape (N, classes).

        Raises:
            ValueError: It is not trained yet.
        """
        if not hasattr(self, "trained_final"):
            raise ValueError("this Stacking is not trained yet: call fit first")
        probabilities = [member.predict_proba(inputs) for member in self.trained_members]
        return self.trained_final.predict_proba(stacked_features(np.stack(probabilities)))


def copy_of(model: Any) -> Any:
    """Return an untrained copy of a scikit-learn model."""
    from sklearn.base import clone

    return clone(model)
