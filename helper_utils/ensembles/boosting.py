"""Boosting: each member corrects the errors of those before it."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from helper_utils.ensembles.combining import check_tensor


@dataclass(frozen=True)
class Stump:
    """A decision tree with one question: is a feature above a threshold?

    Attributes:
        feature: The number of the feature.
        threshold: Values up to it go to the left.
        left: Class (0 or 1) on the left.
        right: Class (0 or 1) on the right.
    """

    feature: int
    threshold: float
    left: int
    right: int

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the classes, shape (N,), for inputs of shape (N, features)."""
        return torch.where(inputs[:, self.feature] <= self.threshold, self.left, self.right)


def fit_stump(inputs: Tensor, targets: Tensor, weights: Tensor) -> Stump:
    """Return the stump with the lowest weighted Gini impurity, scikit-learn's `DecisionTreeClassifier(max_depth=1)`.

    Thresholds lie halfway between neighbouring values. Of equally good stumps the one with the lowest feature and
    threshold is taken; scikit-learn draws the feature.

    Args:
        inputs: Shape (N, features).
        targets: Classes 0 and 1, shape (N,).
        weights: How much each example counts, shape (N,); finite, not negative, not all 0.

    Raises:
        TypeError: The inputs, the targets or the weights are not a tensor.
        ValueError: The shapes do not fit, an input is not finite, the targets are not 0 and 1, weights are negative,
            infinite or all 0, or every feature has only one value.
    """
    _check_two_classes(inputs, targets)
    check_tensor(weights, "weights")
    if weights.shape != targets.shape or not (weights >= 0).all() or not 0 < weights.sum() < torch.inf:
        raise ValueError("weights must be one for each example, finite, not negative, and not all 0")
    values, order = inputs.double().sort(dim=0)
    weights = weights.double()
    left = weights[order].cumsum(dim=0)[:-1]  # (N - 1, features): the weight on the left of each cut
    left_ones = (weights * targets)[order].cumsum(dim=0)[:-1]
    total, total_ones = weights.sum(), (weights * targets).sum()
    right, right_ones = total - left, total_ones - left_ones
    # weight times impurity of a side: 2 * ones * zeros / weight
    impurity = 2 * sum(
        ones * (side - ones) / side.clamp(min=1e-300) for side, ones in ((left, left_ones), (right, right_ones))
    )
    impurity = torch.as_tensor(impurity).where(values[1:] > values[:-1], torch.inf)
    best = int(impurity.T.argmin())
    feature, cut = divmod(best, len(targets) - 1)
    if impurity[cut, feature] == torch.inf:
        raise ValueError("every feature has only one value: there is nothing to split")
    return Stump(
        feature=feature,
        threshold=values[cut : cut + 2, feature].mean().item(),
        left=int(left_ones[cut, feature] > left[cut, feature] / 2),
        right=int(right_ones[cut, feature] > right[cut, feature] / 2),
    )


@dataclass(eq=False)
class AdaBoost:
    """AdaBoost for two classes with stumps, equal to scikit-learn's `AdaBoostClassifier` step by step.

    There is one exception: where the first stump is no better than guessing, scikit-learn raises an error, and this
    class keeps that stump.

    A stump with the weighted error e counts with log((1 - e) / e), and the weight of each example that it gets wrong is
    multiplied by (1 - e) / e. Freund and Schapire (1997) multiply the right ones by e / (1 - e) instead: after scaling,
    both are the same. Schapire and Singer (1999) give a stump half of that number.

    Args:
        n_members: At most so many stumps. There are fewer if one has no error, or is no better than guessing.
    """

    n_members: int = 50
    members: list[Stump] = field(default_factory=list, init=False)
    member_weights: list[float] = field(default_factory=list, init=False)
    errors: list[float] = field(default_factory=list, init=False)
    example_weights: list[Tensor] = field(default_factory=list, init=False)

    def fit(self, inputs: Tensor, targets: Tensor) -> "AdaBoost":
        """Train on inputs of shape (N, features) and targets 0 and 1.

        Raises:
            TypeError: The inputs or the targets are not a tensor.
            ValueError: n_members is below 1, the shapes do not fit, an input is not finite, or the targets are not 0
                and 1.
        """
        if self.n_members < 1:
            raise ValueError(f"n_members must be at least 1, not {self.n_members}")
        _check_two_classes(inputs, targets)
        for kept in (self.members, self.member_weights, self.errors, self.example_weights):
            kept.clear()
        weights = torch.full((len(targets),), 1 / len(targets), dtype=torch.float64)
        for _ in range(self.n_members):
            stump = fit_stump(inputs, targets, weights)
            is_wrong = stump.predict(inputs) != targets
            error = weights[is_wrong].sum().item()
            if error >= 0.5 and self.members:
                break
            self.members.append(stump)
            self.errors.append(error)
            self.example_weights.append(weights)
            if error <= 0 or error >= 0.5:
                self.member_weights.append(1.0)
                break
            self.member_weights.append(float(np.log((1 - error) / error)))
            weights = torch.where(is_wrong, weights * (1 - error) / error, weights)
            weights = weights / weights.sum()
        return self

    def staged_scores(self, inputs: Tensor) -> Tensor:
        """Return the weighted mean of the votes (-1 and 1) of the first 1, 2, ... stumps, shape (members, N).

        Raises:
            ValueError: It is not trained yet.
        """
        if not self.members:
            raise ValueError("this AdaBoost is not trained yet: call fit first")
        weights = torch.tensor(self.member_weights, dtype=torch.float64)
        votes = torch.stack([2.0 * stump.predict(inputs) - 1 for stump in self.members]).double()
        return (weights[:, None] * votes).cumsum(dim=0) / weights.cumsum(dim=0)[:, None]

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the classes, shape (N,)."""
        return (self.staged_scores(inputs)[-1] > 0).long()


@dataclass(eq=False)
class GradientBoosting:
    """Gradient boosting for squared error or log loss, equal to scikit-learn's `GradientBoosting...` with its trees.

    Each tree is fitted to the negative gradient of the loss with respect to the current scores. For squared error a
    leaf adds the mean residual; for log loss it adds a Newton step, sum(y - p) / sum(p (1 - p)).
    Source: Friedman, "Greedy function approximation: a gradient boosting machine" (2001).

    Args:
        loss: "squared_error" for numbers, "log_loss" for the classes 0 and 1.
        n_members: How many trees.
        lr: The factor of each tree ("shrinkage").
        max_depth: Of a tree.
        seed: Breaks ties between equally good splits.
    """

    loss: Literal["squared_error", "log_loss"] = "squared_error"
    n_members: int = 100
    lr: float = 0.1
    max_depth: int = 3
    seed: int = 0
    first_score: float = field(default=0.0, init=False)
    trees: list[tuple[Any, np.ndarray]] = field(default_factory=list, init=False)

    def fit(self, inputs: Any, targets: Any) -> "GradientBoosting":
        """Train on inputs of shape (N, features) and targets of shape (N,), arrays or tensors.

        Raises:
            ValueError: An argument of the class is out of its range, the lengths differ, an input or a target is not
                finite, or for log loss the targets are not 0 and 1, each at least once.
        """
        from sklearn.tree import DecisionTreeRegressor

        if self.loss not in ("squared_error", "log_loss"):
            raise ValueError(f"loss must be 'squared_error' or 'log_loss', not {self.loss!r}")
        if self.n_members < 1 or self.max_depth < 1 or not 0 < self.lr < np.inf:
            raise ValueError(f"n_members and max_depth must be at least 1 and lr above 0 and finite, not {self}")
        features, y = np.ascontiguousarray(inputs, dtype=np.float32), np.asarray(targets, dtype=np.float64)
        if features.ndim != 2 or y.shape != (len(features),) or not len(y):
            raise ValueError(
                f"inputs must have shape (N, features) and targets (N,), not {features.shape} and {y.shape}"
            )
        _check_finite(features)
        if not np.isfinite(y).all():
            raise ValueError("targets must be finite, and one is nan or infinite")
        if self.loss == "log_loss":
            if set(np.unique(y)) != {0.0, 1.0}:
                raise ValueError(f"targets must be 0 and 1, each at least once, not {np.unique(y)[:5].tolist()}")
            self.first_score = float(np.log(y.mean() / (1 - y.mean())))
        else:
            self.first_score = float(y.mean())
        self.trees = []
        scores = np.full(len(y), self.first_score)
        random_state = np.random.RandomState(self.seed)  # one for all trees, as in scikit-learn
        for _ in range(self.n_members):
            residuals = y - self._means(scores)
            tree = DecisionTreeRegressor(max_depth=self.max_depth, random_state=random_state)
            tree.fit(features, residuals, check_input=False)  # checked above, once for all trees
            leaves = tree.tree_.apply(features)
            steps = self._leaf_steps(leaves, residuals, y, tree.tree_.node_count)
            scores = scores + self.lr * steps[leaves]
            self.trees.append((tree, steps))
        return self

    def staged_scores(self, inputs: Any) -> np.ndarray:
        """Return the scores of the first 1, 2, ... trees, shape (members, N): log odds for log loss.

        Raises:
            ValueError: It is not trained yet, an input is not finite, or the inputs do not have the features that it
                was trained with.
        """
        if not self.trees:
            raise ValueError("this GradientBoosting is not trained yet: call fit first")
        features = np.ascontiguousarray(inputs, dtype=np.float32)
        n_features = self.trees[0][0].n_features_in_
        if features.ndim != 2 or features.shape[1] != n_features:
            raise ValueError(f"inputs must have shape (N, {n_features}), not {features.shape}")
        _check_finite(features)
        steps = np.stack([steps[tree.tree_.apply(features)] for tree, steps in self.trees])
        return self.first_score + self.lr * steps.cumsum(axis=0)

    def predict(self, inputs: Any) -> np.ndarray:
        """Return numbers for squared error, and the probability of class 1 for log loss; shape (N,)."""
        return self._means(self.staged_scores(inputs)[-1])

    def _means(self, scores: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-scores)) if self.loss == "log_loss" else scores

    def _leaf_steps(self, leaves: np.ndarray, residuals: np.ndarray, y: np.ndarray, n_nodes: int) -> np.ndarray:
        sums = np.bincount(leaves, residuals, minlength=n_nodes)
        if self.loss == "log_loss":
            means = y - residuals
            curvatures = np.bincount(leaves, means * (1 - means), minlength=n_nodes)
        else:
            curvatures = np.bincount(leaves, minlength=n_nodes).astype(float)
        steps = np.zeros(n_nodes)
        np.divide(sums, curvatures, out=steps, where=curvatures > 1e-150)
        return steps


def _check_finite(features: np.ndarray) -> None:
    if not np.isfinite(features).all():
        raise ValueError("inputs must be finite as 32-bit floats, and one is nan or infinite")


def _check_two_classes(inputs: Tensor, targets: Tensor) -> None:
    check_tensor(inputs, "inputs")
    check_tensor(targets, "targets")
    if inputs.ndim != 2 or targets.shape != (len(inputs),) or len(inputs) < 2 or not inputs.shape[1]:
        raise ValueError(
            f"inputs must have shape (N, features) and targets (N,), N at least 2, not {tuple(inputs.shape)} and "
            f"{tuple(targets.shape)}"
        )
    if not inputs.isfinite().all():
        raise ValueError("inputs must be finite, and one is nan or infinite")
    if not ((targets == 0) | (targets == 1)).all():
        raise ValueError(f"targets must be the classes 0 and 1, not {targets.unique()[:5].tolist()}")
