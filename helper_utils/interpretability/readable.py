"""Models of a table that can be read as they are: a list of rules, and the weights of a logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from helper_utils.interpretability.models import at_least_one

N_THRESHOLDS = 9
"""Thresholds that are tried for each feature: the tenths of the examples that are left."""


@dataclass(frozen=True)
class Rule:
    """If a feature is above (or not above) a threshold, then the answer.

    Attributes:
        feature: The column that is looked at.
        threshold: In the unit of the feature.
        above: Whether the rule holds above the threshold, else at it or below.
        answer: The class, 0 or 1.
        n_covered: Training examples that came as far as this rule, and for which it holds.
        n_right: Those of them that have the class.
    """

    feature: int
    threshold: float
    above: bool
    answer: int
    n_covered: int
    n_right: int

    def holds(self, inputs: Tensor) -> Tensor:
        """Say for each example whether the rule holds, bool, shape (N,)."""
        return (inputs[:, self.feature] > self.threshold) == self.above


@dataclass(frozen=True)
class RuleList:
    """Rules that are asked one after the other; the first that holds gives the answer.

    Attributes:
        rules: In the order in which they are asked.
        otherwise: The class if no rule holds.
    """

    rules: tuple[Rule, ...]
    otherwise: int

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the classes, int64, shape (N,)."""
        answers = torch.full((len(inputs),), self.otherwise)
        for rule in reversed(self.rules):  # an earlier rule overrules the later ones
            answers[rule.holds(inputs)] = rule.answer
        return answers

    def describe(self, names: Sequence[str]) -> str:
        """Return the list as text, a line for each rule, with these names of the features."""
        lines = [
            f"{'else ' if i else ''}if {names[rule.feature]} {'>' if rule.above else '<='} {rule.threshold:.4g}: "
            f"{rule.answer} (right for {rule.n_right} of {rule.n_covered})"
            for i, rule in enumerate(self.rules)
        ]
        return "\n".join([*lines, f"else: {self.otherwise}"])


def fit_rule_list(inputs: Tensor, targets: Tensor, *, n_rules: int = 3, min_share: float = 0.1) -> RuleList:
    """Find rules one at a time: take the purest, put aside what it covers, and look for the next.

    The greedy search of CN2 (Clark and Niblett, 1989, doi:10.1007/BF00116835), with rules of one condition. Of the
    rules that cover enough examples, the one with the highest (n_right + 1) / (n_covered + 2) is taken.

    Args:
        inputs: Shape (N, features).
        targets: Classes 0 and 1, shape (N,), integers.
        n_rules: Rules at most; fewer if the examples run out.
        min_share: The share of all examples that a rule must cover, in (0, 0.5].

    Raises:
        ValueError: The shapes do not fit, there are other classes, or a setting is out of range.
    """
    _check_table(inputs, targets)
    at_least_one("n_rules", n_rules)
    if not 0 < min_share <= 0.5:
        raise ValueError(f"min_share is {min_share}; expected above 0 and at most 0.5")
    n_least = max(1, round(min_share * len(inputs)))
    rules: list[Rule] = []
    while len(rules) < n_rules and len(inputs) > n_least:
        rule = max(_candidates(inputs, targets, n_least), key=_purity, default=None)
        if rule is None:
            break
        rules.append(rule)
        left = ~rule.holds(inputs)
        inputs, targets = inputs[left], targets[left]
    if len(targets) == 0:
        return RuleList(tuple(rules), 1 - rules[-1].answer)
    return RuleList(tuple(rules), int(2 * targets.sum() > len(targets)))


def _candidates(inputs: Tensor, targets: Tensor, n_least: int) -> list[Rule]:
    """Return the rules of one condition that cover at least `n_least` examples."""
    tenths = torch.linspace(0, 1, N_THRESHOLDS + 2, dtype=inputs.dtype)[1:-1]
    rules = []
    for feature in range(inputs.shape[1]):
        for threshold in inputs[:, feature].quantile(tenths).unique().tolist():
            is_above = inputs[:, feature] > threshold
            for above, covered in ((True, is_above), (False, ~is_above)):
                n_covered, n_ones = int(covered.sum()), int(targets[covered].sum())
                answer = int(2 * n_ones > n_covered)
                if n_covered >= n_least:
                    n_right = n_ones if answer else n_covered - n_ones
                    rules.append(Rule(feature, threshold, above, answer, n_covered, n_right))
    return rules


def _purity(rule: Rule) -> float:
    return (rule.n_right + 1) / (rule.n_covered + 2)


def logistic_weights(inputs: Tensor, targets: Tensor, *, penalty: float = 1.0) -> tuple[Tensor, float]:
    """Fit a logistic regression by Newton's method, and return its weights and its intercept.

    The same as `sklearn.linear_model.LogisticRegression(C=1 / penalty)` behind a `StandardScaler`, with the weights
    turned back to the units of the inputs. So a different unit changes a weight, and not the predictions.

    Args:
        inputs: Shape (N, features); no column is constant.
        targets: Classes 0 and 1, shape (N,), integers.
        penalty: Half of it, times the sum of the squared weights of the scaled features, is added to the summed loss;
            above 0. The intercept is not penalised.

    Returns:
        The change of the logit of class 1 per unit of each feature, shape (features,), float64; and the logit where
        all inputs are 0.

    Raises:
        ValueError: The shapes do not fit, there are other classes, a column is constant, or penalty is not above 0.
    """
    _check_table(inputs, targets)
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty}; expected above 0")
    mean, std = inputs.double().mean(dim=0), inputs.double().std(dim=0, correction=0)
    if bool((std == 0).any()):
        raise ValueError(f"column {int((std == 0).int().argmax())} is constant: leave it out")
    x = torch.cat([(inputs.double() - mean) / std, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    ridge = torch.full((x.shape[1],), float(penalty), dtype=torch.float64)
    ridge[-1] = 1e-9  # keeps the system solvable where all examples are of one class
    weights = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(50):
        probability = torch.sigmoid(x @ weights)
        slope = x.T @ (probability - targets) + ridge * weights
        curvature = (x.T * (probability * (1 - probability))) @ x + ridge.diag()
        step = torch.linalg.solve(curvature, slope)
        weights = weights - step
        if step.abs().max() < 1e-10:
            break
    found = weights[:-1] / std
    return found, (weights[-1] - found @ mean).item()


def _check_table(inputs: Tensor, targets: Tensor) -> None:
    if not inputs.is_floating_point() or inputs.dim() != 2 or targets.shape != (len(inputs),) or len(inputs) < 2:
        raise ValueError(
            "inputs must be floating point of shape (N, features), and targets of shape (N,), N >= 2, not "
            f"{tuple(inputs.shape)} ({inputs.dtype}) and {tuple(targets.shape)}"
        )
    if not bool(((targets == 0) | (targets == 1)).all()):
        raise ValueError(f"targets must be 0 or 1, not {targets.unique().tolist()}")
