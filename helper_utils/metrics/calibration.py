"""Metrics of probabilities: log loss, Brier score, and calibration."""

import torch
from torch import Tensor

from helper_utils.metrics.checks import check_lengths, class_indices


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


def _distributions(probabilities: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities as float64 and targets as int64 on the CPU, or say what is wrong with them."""
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities must have shape (N, classes), not {tuple(probabilities.shape)}")
    targets = class_indices(targets, "targets", num_classes=probabilities.shape[1])
    check_lengths(probabilities, targets)
    probabilities = probabilities.detach().cpu().double()
    outside = probabilities[~((probabilities >= 0) & (probabilities <= 1))]
    if len(outside):
        raise ValueError(f"a probability is {outside[0].item():g}, outside [0, 1]: apply softmax to logits first")
    sums = probabilities.sum(dim=1)
    if (sums - 1).abs().max() > 0.01:  # room for half precision
        row = int((sums - 1).abs().argmax())
        raise ValueError(f"the probabilities of row {row} sum to {sums[row].item():g}, not to 1: apply softmax first")
    return probabilities, targets
