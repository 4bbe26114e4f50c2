"""Metrics that follow from counts: the confusion matrix, and what is computed from it."""

from typing import Literal

import torch
from torch import Tensor

from helper_utils.metrics.checks import check_lengths, class_indices

Average = Literal["macro", "micro", "weighted"]


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
    predictions, targets = (
        class_indices(predictions, "predictions", num_classes),
        class_indices(targets, "targets", num_classes),
    )
    check_lengths(predictions, targets)
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
    predictions, targets = class_indices(predictions, "predictions"), class_indices(targets, "targets")
    check_lengths(predictions, targets)
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


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide, and let 0/0 be 0."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)


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
