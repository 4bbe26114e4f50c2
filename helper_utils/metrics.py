"""Metrics of classifiers, computed from counts, from scores or from probabilities.

Counts: `confusion_matrix`, and what follows from it. Scores of two classes: `roc_curve` and `precision_recall_curve`.
Probabilities: `log_loss`, `brier_score` and calibration. How sure a figure is: `bootstrap_interval`, `mcnemar_test`.

Predictions come first and targets second, as in torchmetrics; scikit-learn has them the other way round. Tensors may be
on any device and of any number type; the results are computed on the CPU in float64. A share of nothing (0/0, such as
the precision of a class that is never predicted) counts as 0, as torchmetrics and scikit-learn have it by default.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Average = Literal["macro", "micro", "weighted"]

# --------------------------------------------------------------------------------------------------- from counts


def confusion_matrix(predictions: Tensor, targets: Tensor, num_classes: int) -> Tensor:
    """Count how often each class was predicted for each true class.

    Args:
        predictions: Predicted classes, shape (N,), integers.
        targets: True classes, likewise.
        num_classes: How many classes there are.

    Returns:
        Shape (num_classes, num_classes), int64: a row for each true class, a column for each predicted class.

    Raises:
        ValueError: The two differ in length, are empty, or hold something else than classes 0 to num_classes - 1.
    """
    predictions, targets = _classes(predictions, "predictions", num_classes), _classes(targets, "targets", num_classes)
    _check_lengths(predictions, targets)
    cells = targets * num_classes + predictions
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def accuracy(predictions: Tensor, targets: Tensor) -> float:
    """Return the share of right predictions, in [0, 1].

    Args:
        predictions: Predicted classes, shape (N,), integers.
        targets: True classes, likewise.

    Raises:
        ValueError: The two differ in length, are empty or do not hold classes.
    """
    predictions, targets = _classes(predictions, "predictions"), _classes(targets, "targets")
    _check_lengths(predictions, targets)
    return (predictions == targets).double().mean().item()


def precision_recall_f1(matrix: Tensor, average: Average | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Compute precision, recall and F1 of each class, or averaged over the classes.

    A class without any example or prediction is left out of the macro average. The macro F1 is the mean of the
    classes' F1; for the other definition see `f1_of_means`.

    Args:
        matrix: A confusion matrix: rows are true classes, columns are predicted classes.
        average: None for a value of each class; "macro", every class weighs the same; "weighted", by the number of
            its examples; "micro", from the counts of all classes together.

    Returns:
        Precision, recall and F1 in float64, of shape (num_classes,), or () where there is an average.

    Raises:
        ValueError: It is not a confusion matrix, or the average is unknown.
    """
    matrix = _counts(matrix)
    right, predicted, actual = matrix.diagonal(), matrix.sum(dim=0), matrix.sum(dim=1)
    if average == "micro":
        right, predicted, actual = right.sum(), predicted.sum(), actual.sum()
    values = _divide(right, predicted), _divide(right, actual), _divide(2 * right, predicted + actual)
    if average in (None, "micro"):
        return values
    if average == "macro":
        weights = ((predicted + actual) > 0).double()
    elif average == "weighted":
        weights = actual
    else:
        raise ValueError(f"average must be None, 'macro', 'micro' or 'weighted', not {average!r}")
    precision, recall, f1 = ((weights * value).sum() / weights.sum() for value in values)
    return precision, recall, f1


def f1_of_means(matrix: Tensor) -> float:
    """Return the other macro F1: the harmonic mean of macro precision and macro recall.

    It is never smaller than the mean of the classes' F1, and can put two classifiers into another order.
    Source: Opitz and Burst, "Macro F1 and Macro F1" (2019), https://arxiv.org/abs/1911.03347.

    Args:
        matrix: A confusion matrix.

    Raises:
        ValueError: It is not a confusion matrix.
    """
    precision, recall, _ = precision_recall_f1(matrix, "macro")
    return _divide(2 * precision * recall, precision + recall).item()


def matthews_corrcoef(matrix: Tensor) -> float:
    """Return the Matthews correlation: 1 for a perfect classifier, about 0 for guesses, for two classes down to -1.

    It is the correlation of the predicted and the true classes, and 0 where one of the two never changes.
    Sources: Matthews (1975) for two classes, Gorodkin, "Comparing two K-category assignments by a K-category
    correlation coefficient" (2004), for more.

    Args:
        matrix: A confusion matrix.

    Raises:
        ValueError: It is not a confusion matrix.
    """
    matrix = _counts(matrix)
    total, predicted, actual = matrix.sum(), matrix.sum(dim=0), matrix.sum(dim=1)
    covariance = matrix.trace() * total - predicted @ actual
    variances = (total**2 - predicted @ predicted) * (total**2 - actual @ actual)
    return _divide(covariance, variances.sqrt()).item()


# --------------------------------------------------------------------------------------------------- from scores


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


# -------------------------------------------------------------------------------------------- from probabilities


def log_loss(probabilities: Tensor, targets: Tensor) -> float:
    """Return the mean of -log(probability of the true class): 0 is perfect, infinite if one of them is 0.

    Args:
        probabilities: One for each example and class, shape (N, C), each row summing to 1.
        targets: True classes, shape (N,).

    Raises:
        ValueError: The two differ in length, are empty, a target is not one of the classes, or a row is not a
            distribution.
    """
    probabilities, targets = _distributions(probabilities, targets)
    return -probabilities.gather(1, targets[:, None]).log().mean().item()


def brier_score(probabilities: Tensor, targets: Tensor) -> float:
    """Return the mean squared distance between the probabilities and the truth: 0 is perfect, 2 is the worst.

    The squares are summed over all classes, as Brier did (1950). Others look at the positive class of two only, which
    gives half of it; scikit-learn's `brier_score_loss` does so for two classes, unless `scale_by_half=False`.

    Args:
        probabilities: As for `log_loss`.
        targets: As for `log_loss`.

    Raises:
        ValueError: As for `log_loss`.
    """
    probabilities, targets = _distributions(probabilities, targets)
    truth = torch.nn.functional.one_hot(targets, probabilities.shape[1])
    return (probabilities - truth).square().sum(dim=1).mean().item()


def calibration_curve(probabilities: Tensor, targets: Tensor, n_bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """Compare confidence and accuracy: sort the predictions into bins of equal width by their confidence.

    The confidence of a prediction is its highest probability. Bin m of M holds confidences above (m - 1) / M and up to
    m / M; empty bins are left out. Source: Guo et al., "On calibration of modern neural networks" (2017).

    Args:
        probabilities: As for `log_loss`.
        targets: As for `log_loss`.
        n_bins: M, at least 1.

    Returns:
        Mean confidence, accuracy, and number of examples of each bin, by rising confidence.

    Raises:
        ValueError: As for `log_loss`, or there is no bin.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, not {n_bins}")
    probabilities, targets = _distributions(probabilities, targets)
    confidence, predictions = probabilities.max(dim=1)
    inner_edges = torch.linspace(0, 1, n_bins + 1, dtype=torch.float64)[1:-1]
    bins = torch.bucketize(confidence, inner_edges)
    count, total_confidence, total_right = (
        torch.bincount(bins, weights, minlength=n_bins)
        for weights in (torch.ones_like(confidence), confidence, (predictions == targets).double())
    )
    used = count > 0
    return total_confidence[used] / count[used], total_right[used] / count[used], count[used].long()


def expected_calibration_error(probabilities: Tensor, targets: Tensor, n_bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over the bins of `calibration_curve`, weighted by their size.

    Args:
        probabilities: As for `log_loss`.
        targets: As for `log_loss`.
        n_bins: As for `calibration_curve`.

    Raises:
        ValueError: As for `calibration_curve`.
    """
    confidence, accuracy, count = calibration_curve(probabilities, targets, n_bins)
    return ((confidence - accuracy).abs() * count).sum().item() / int(count.sum())


# ------------------------------------------------------------------------------------------ how sure a figure is


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
    predictions_a, predictions_b = _classes(predictions_a, "predictions_a"), _classes(predictions_b, "predictions_b")
    targets = _classes(targets, "targets")
    _check_lengths(predictions_a, targets)
    _check_lengths(predictions_b, targets)
    right_a, right_b = predictions_a == targets, predictions_b == targets
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    n_different = only_a + only_b
    tail = sum(math.comb(n_different, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**n_different)  # whole numbers of any size: nothing overflows


# --------------------------------------------------------------------------------------------------------- inside


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide, and let 0/0 be 0."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)


def _check_lengths(predictions: Tensor, targets: Tensor) -> None:
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: each example needs one of both")


def _classes(labels: Tensor, name: str, num_classes: int | None = None) -> Tensor:
    """Return class numbers as int64 on the CPU, or say what is wrong with them."""
    if labels.ndim != 1:
        hint = ": take argmax(dim=1) of logits" if labels.ndim == 2 else ""
        raise ValueError(f"{name} must have shape (N,), not {tuple(labels.shape)}{hint}")
    if len(labels) == 0:
        raise ValueError(f"{name} are empty: there is nothing to measure")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"{name} must be integers, the numbers of the classes, not {labels.dtype}")
    labels = labels.detach().cpu().long()
    smallest, largest = int(labels.min()), int(labels.max())
    if smallest < 0 or (num_classes is not None and largest >= num_classes):
        classes = "0 and up" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(f"{name} hold {smallest if smallest < 0 else largest}, outside the classes {classes}")
    return labels


def _counts(matrix: Tensor) -> Tensor:
    """Return a confusion matrix as float64 on the CPU, or say what is wrong with it."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a confusion matrix has shape (classes, classes), not {tuple(matrix.shape)}")
    matrix = matrix.detach().cpu().double()
    wrong = matrix[~(matrix >= 0) | matrix.isinf()]
    if len(wrong):
        raise ValueError(f"a confusion matrix holds counts of 0 or more, not {wrong[0].item():g}")
    if matrix.sum() == 0:
        raise ValueError("the confusion matrix counts no example: there is nothing to measure")
    return matrix


def _cumulative_counts(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return true and false positives at each distinct score as threshold, from the highest down, and the scores."""
    if scores.ndim != 1:
        raise ValueError(f"scores must have shape (N,), one for each example, not {tuple(scores.shape)}")
    targets = _classes(targets, "targets", num_classes=2)
    _check_lengths(scores, targets)
    scores = scores.detach().cpu().double()
    if not scores.isfinite().all():
        raise ValueError(f"scores must be finite, not {scores[~scores.isfinite()][0].item()}")
    scores, order = scores.sort(descending=True)
    last_of_ties = torch.cat([scores.diff() != 0, torch.ones(1, dtype=torch.bool)])
    true_positives = targets[order].cumsum(dim=0)[last_of_ties].double()
    positives = torch.arange(1, len(scores) + 1)[last_of_ties].double()
    return true_positives, positives - true_positives, scores[last_of_ties]


def _distributions(probabilities: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities as float64 and targets as int64 on the CPU, or say what is wrong with them."""
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities must have shape (N, classes), not {tuple(probabilities.shape)}")
    targets = _classes(targets, "targets", num_classes=probabilities.shape[1])
    _check_lengths(probabilities, targets)
    probabilities = probabilities.detach().cpu().double()
    outside = probabilities[~((probabilities >= 0) & (probabilities <= 1))]
    if len(outside):
        raise ValueError(f"a probability is {outside[0].item():g}, outside [0, 1]: apply softmax to logits first")
    sums = probabilities.sum(dim=1)
    if (sums - 1).abs().max() > 0.01:  # room for half precision
        row = int((sums - 1).abs().argmax())
        raise ValueError(f"the probabilities of row {row} sum to {sums[row].item():g}, not to 1: apply softmax first")
    return probabilities, targets
