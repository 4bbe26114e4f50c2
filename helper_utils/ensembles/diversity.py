"""How much members differ, and what that gains."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from helper_utils.base.checks import is_whole_number
from helper_utils.ensembles.combining import Weights, check_probabilities, check_tensor, check_weights


def majority_accuracy(accuracy: float, n_voters: int) -> float:
    """Return how often the majority of independent voters is right, if each is right with the same probability.

    The jury theorem says that for a probability above 1/2 this grows with the number of voters, towards 1.
    Source: Condorcet (1785).

    Args:
        accuracy: How often a voter is right, in [0, 1].
        n_voters: An odd number, so that there are no ties.

    Raises:
        ValueError: The accuracy is not in [0, 1], or n_voters is not an odd positive integer.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be from 0 to 1, not {accuracy}")
    if not is_whole_number(n_voters):
        raise ValueError(f"n_voters must be an integer, not {n_voters!r}")
    if n_voters < 1 or n_voters % 2 == 0:
        raise ValueError(f"n_voters must be odd and positive, not {n_voters}: an even number has ties")
    if accuracy in (0, 1):
        return float(accuracy)

    def log_chance(n_right: int) -> float:  # in logs, since the binomials of many voters exceed floating point
        n_wrong = n_voters - n_right
        log_ways = math.lgamma(n_voters + 1) - math.lgamma(n_right + 1) - math.lgamma(n_wrong + 1)
        return log_ways + n_right * math.log(accuracy) + n_wrong * math.log1p(-accuracy)

    return min(1.0, math.fsum(math.exp(log_chance(k)) for k in range(n_voters // 2 + 1, n_voters + 1)))


class ErrorParts(NamedTuple):
    """The parts of an ensemble's squared error: ensemble = mean_member - disagreement.

    Attributes:
        ensemble: Squared error of the mean prediction.
        mean_member: Mean squared error of the members.
        disagreement: Mean squared distance of the members from the mean prediction.
    """

    ensemble: float
    mean_member: float
    disagreement: float


def decompose_error(predictions: Tensor, targets: Tensor, weights: Weights | None = None) -> ErrorParts:
    """Compute the three parts of Krogh and Vedelsby's identity for squared error, each by itself.

    The squares are summed over an example's outputs and averaged over the examples. For probabilities and one-hot
    targets this is the Brier score.
    Source: Krogh and Vedelsby, "Neural network ensembles, cross validation, and active learning" (1995).

    Args:
        predictions: Shape (members, N, outputs) or (members, N).
        targets: What is right, shape (N, outputs) or (N,), floating-point.
        weights: One for each member, divided by their sum; equal by default.

    Raises:
        TypeError: The predictions or the targets are not a tensor.
        ValueError: There is no member, the shapes do not fit, a value is not finite, or the weights are not valid.
    """
    check_tensor(predictions, "predictions")
    check_tensor(targets, "targets")
    if predictions.ndim not in (2, 3) or predictions.numel() == 0 or predictions.shape[1:] != targets.shape:
        raise ValueError(
            f"predictions must have shape (members, *targets.shape), not {tuple(predictions.shape)} for targets of "
            f"shape {tuple(targets.shape)}: turn class numbers into one-hot rows"
        )
    if not (predictions.isfinite().all() and targets.isfinite().all()):
        raise ValueError("predictions and targets must be finite, and one is nan or infinite")
    member_weights = check_weights(weights, len(predictions)).to(predictions.device)
    predictions, targets = predictions.double(), targets.double()
    mean = torch.tensordot(member_weights, predictions, dims=1)
    return ErrorParts(
        ensemble=_squared(mean - targets).item(),
        mean_member=(member_weights @ torch.stack([_squared(p - targets) for p in predictions])).item(),
        disagreement=(member_weights @ torch.stack([_squared(p - mean) for p in predictions])).item(),
    )


def error_correlation(is_wrong: Tensor) -> float:
    """Return the mean correlation of the errors over all pairs of members.

    1 means that all members are wrong on the same examples, 0 that their errors are unrelated. Pairs with a member that
    is always or never wrong have no correlation and are left out; without any pair the result is nan.

    Args:
        is_wrong: For each member and example whether it is wrong (or a real-valued error), shape (members, N).

    Raises:
        TypeError: The errors are not a tensor.
        ValueError: The shape is a different one, there are fewer than two members, or an error is not finite.
    """
    check_tensor(is_wrong, "errors")
    if is_wrong.ndim != 2 or len(is_wrong) < 2:
        raise ValueError(f"errors must have shape (members, N) with two members or more, not {tuple(is_wrong.shape)}")
    if not is_wrong.isfinite().all():
        raise ValueError("errors must be finite, and one is nan or infinite")
    centred = is_wrong.double() - is_wrong.double().mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1)
    used = centred[norms > 0] / norms[norms > 0, None]
    if len(used) < 2:
        return math.nan
    first, second = torch.triu_indices(len(used), len(used), offset=1)
    return (used @ used.T)[first, second].mean().item()


def mutual_information(probabilities: Tensor) -> Tensor:
    """Return how much the members disagree on each example: entropy of the mean minus mean entropy, in nats.

    It is 0 where all members predict the same probabilities, however unsure they are.
    Source: Depeweg et al., "Decomposition of uncertainty in Bayesian deep learning" (2018).

    Args:
        probabilities: Shape (members, N, classes), each row summing to 1.

    Returns:
        Shape (N,), not negative.

    Raises:
        TypeError: The probabilities are not a tensor.
        ValueError: There is no member, or a row is not a distribution.
    """
    check_probabilities(probabilities)
    return (_entropy(probabilities.mean(dim=0)) - _entropy(probabilities).mean(dim=0)).clamp(min=0)


def _entropy(probabilities: Tensor) -> Tensor:
    return -torch.xlogy(probabilities, probabilities).sum(dim=-1)


def _squared(differences: Tensor) -> Tensor:
    return differences.square().reshape(len(differences), -1).sum(dim=1).mean()
