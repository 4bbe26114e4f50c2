"""Metrics of scores for two classes: the ROC curve and the precision-recall curve, with their areas."""

import math

import torch
from torch import Tensor

from helper_utils.metrics.checks import check_lengths, class_indices


def roc_curve(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the shares of false and of true alarms at every threshold; an alarm is a score of the threshold or more.

    Args:
        scores: A number for each example, shape (N,): the higher, the more likely positive. Finite.
        targets: 1 for positive, 0 for negative, shape (N,).

    Returns:
        False positive rate, true positive rate (the recall) and threshold. The thresholds fall from infinity, where
        there is no alarm, through all distinct scores.

    Raises:
        ValueError: The two differ in length, a score is not finite, a target is not 0 or 1, or one of the two classes
            is missing.
    """
    true_positives, false_positives, thresholds = _cumulative_counts(scores, targets)
    if true_positives[-1] == 0 or false_positives[-1] == 0:
        raise ValueError("the ROC curve needs examples of both classes, 0 and 1; only one of them is among the targets")
    start = torch.zeros(1, dtype=torch.float64)
    return (
        torch.cat([start, false_positives / false_positives[-1]]),
        torch.cat([start, true_positives / true_positives[-1]]),
        torch.cat([start + math.inf, thresholds]),
    )


def roc_auc(scores: Tensor, targets: Tensor) -> float:
    """Return the area under the ROC curve.

    It is the probability that a positive example, drawn at random, has a higher score than a negative one; equal
    scores count half. Source: Fawcett, "An introduction to ROC analysis" (2006).

    Args:
        scores: As for `roc_curve`.
        targets: As for `roc_curve`.

    Raises:
        ValueError: As for `roc_curve`.
    """
    false_positive_rate, true_positive_rate, _ = roc_curve(scores, targets)
    return torch.trapezoid(true_positive_rate, false_positive_rate).item()


def precision_recall_curve(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute precision and recall at every threshold; positive means a score of the threshold or more.

    Args:
        scores: As for `roc_curve`.
        targets: As for `roc_curve`; there must be positive ones.

    Returns:
        Precision, recall and threshold, the thresholds rising. Precision and recall have one entry more than there are
        thresholds, for the end of the curve where nothing is called positive: 1 and 0 by convention.

    Raises:
        ValueError: As for `roc_curve`, though without negative examples there is still a curve.
    """
    true_positives, false_positives, thresholds = _cumulative_counts(scores, targets)
    if true_positives[-1] == 0:
        raise ValueError("recall needs positive examples; there is no 1 among the targets")
    precision = true_positives / (true_positives + false_positives)
    recall = true_positives / true_positives[-1]
    end = torch.ones(1, dtype=torch.float64)
    return torch.cat([precision.flip(0), end]), torch.cat([recall.flip(0), 0 * end]), thresholds.flip(0)


def average_precision(scores: Tensor, targets: Tensor) -> float:
    """Return the mean of the precisions, each weighted by the step in recall up to it (no interpolation).

    Args:
        scores: As for `roc_curve`.
        targets: As for `precision_recall_curve`.

    Raises:
        ValueError: As for `precision_recall_curve`.
    """
    precision, recall, _ = precision_recall_curve(scores, targets)
    return ((recall[:-1] - recall[1:]) * precision[:-1]).sum().item()


def mean_cost(scores: Tensor, targets: Tensor, threshold: float, miss: float, false_alarm: float) -> float:
    """Return what an example costs on average when a score of the threshold or more raises the alarm.

    Args:
        scores: Shape (N,).
        targets: 1 for positive, 0 for negative, shape (N,).
        threshold: From which score on there is an alarm.
        miss: The cost of a positive without alarm.
        false_alarm: The cost of a negative with alarm.

    Raises:
        ValueError: The two differ in length, or a target is not 0 or 1.
    """
    targets = class_indices(targets, "targets", num_classes=2)
    check_lengths(scores, targets)
    alarms = scores.detach().cpu() >= threshold
    misses, false_alarms = ~alarms & (targets == 1), alarms & (targets == 0)
    return (miss * misses.double() + false_alarm * false_alarms.double()).mean().item()


def _cumulative_counts(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return true and false positives at each distinct score as threshold, from the highest down, and the scores."""
    if scores.ndim != 1:
        raise ValueError(f"scores must have shape (N,), one for each example, not {tuple(scores.shape)}")
    targets = class_indices(targets, "targets", num_classes=2)
    check_lengths(scores, targets)
    scores = scores.detach().cpu().double()
    if not scores.isfinite().all():
        raise ValueError(f"scores must be finite, not {scores[~scores.isfinite()][0].item()}")
    scores, order = scores.sort(descending=True)
    last_of_ties = torch.cat([scores.diff() != 0, torch.ones(1, dtype=torch.bool)])
    true_positives = targets[order].cumsum(dim=0)[last_of_ties].double()
    positives = torch.arange(1, len(scores) + 1)[last_of_ties].double()
    return true_positives, positives - true_positives, scores[last_of_ties]
