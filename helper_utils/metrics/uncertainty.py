"""How sure a figure is: an interval for a metric, and a test of two models on the same examples."""

import math
from collections.abc import Callable
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
