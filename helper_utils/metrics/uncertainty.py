"""How sure a figure is: intervals for a metric and for a share, and a test of two models on the same examples."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from helper_utils.metrics.checks import check_lengths, class_indices


class Interval(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """The distance of the ends."""
        return self.high - self.low


def bootstrap_interval(
    metric: Callable[..., float | Tensor],
    *data: Tensor,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Say how sure a metric is: draw the examples again and again with replacement, and see how far it moves.

    Two models on the same examples are compared by a metric that is a difference; each draw then takes the same
    examples for both: `bootstrap_interval(lambda a, b, t: accuracy(a, t) - accuracy(b, t), a, b, targets)`.
    Source: Efron, "Bootstrap methods: another look at the jackknife" (1979); this is the percentile interval.

    Args:
        metric: A function of the data, in the order given, to a single number.
        data: One or more tensors whose first dimension is the examples: predictions, targets, ...
        level: The probability with which such intervals are to hold the true value, between 0 and 1.
        n_resamples: How many times the examples are drawn.
        seed: Of the draws; 0 or more.

    Raises:
        ValueError: There is no data, the tensors differ in length, or an argument is out of its range.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    if n_resamples < 2:
        raise ValueError(f"n_resamples must be at least 2, not {n_resamples}")
    lengths = [len(values) for values in data]
    if not lengths or lengths[0] == 0:
        raise ValueError("there are no examples to draw from")
    if len(set(lengths)) > 1:
        raise ValueError(f"all tensors must have the same number of examples, not {lengths}")
    generator = torch.Generator().manual_seed(seed)
    tensors = [values.detach().cpu() for values in data]
    values = torch.empty(n_resamples, dtype=torch.float64)
    for draw in range(n_resamples):
        examples = torch.randint(lengths[0], (lengths[0],), generator=generator)
        values[draw] = metric(*(tensor[examples] for tensor in tensors))
    low, high = values.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist()
    return Interval(low, high)


def wilson_interval(n_hits: int, n_examples: int, *, level: float = 0.95) -> Interval:
    """Say how sure a share is, such as an accuracy or a recall: the interval of Wilson.

    It holds the true shares p from which the observed share is at most z of their standard errors sqrt(p (1 - p) / n)
    away. So it has a width even where all examples are hits, and none of its ends is outside 0 and 1.
    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Args:
        n_hits: How many of the examples count, such as those that a model predicts right.
        n_examples: How many there are, at least 1.
        level: The probability with which such intervals are to hold the true share, between 0 and 1.

    Raises:
        ValueError: An argument is out of its range.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    if n_examples < 1:
        raise ValueError(f"n_examples must be at least 1, not {n_examples}")
    if not 0 <= n_hits <= n_examples:
        raise ValueError(f"n_hits must be from 0 to n_examples = {n_examples}, not {n_hits}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = n_hits / n_examples, 1 + z**2 / n_examples
    center = (share + z**2 / (2 * n_examples)) / shrink
    margin = z * math.sqrt(share * (1 - share) / n_examples + (z / (2 * n_examples)) ** 2) / shrink
    return Interval(max(0.0, center - margin), min(1.0, center + margin))


def mcnemar_test(predictions_a: Tensor, predictions_b: Tensor, targets: Tensor) -> float:
    """Return the p-value of McNemar's exact test that two models are right equally often, on the same examples.

    Only examples that one model has right and the other wrong count; if the models are equally good, either is as
    likely to be the right one. Source: McNemar (1947); for classifiers, Dietterich (1998).

    Args:
        predictions_a: Classes predicted by one model, shape (N,).
        predictions_b: By the other.
        targets: True classes.

    Returns:
        The two-sided p-value, in (0, 1]; 1 where both are right on the same examples.

    Raises:
        ValueError: The three differ in length, are empty or do not hold classes.
    """
    predictions_a, predictions_b = (
        class_indices(predictions_a, "predictions_a"),
        class_indices(predictions_b, "predictions_b"),
    )
    targets = class_indices(targets, "targets")
    check_lengths(predictions_a, targets)
    check_lengths(predictions_b, targets)
    right_a, right_b = predictions_a == targets, predictions_b == targets
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    n_different = only_a + only_b
    tail = sum(math.comb(n_different, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**n_different)  # whole numbers of any size: nothing overflows
