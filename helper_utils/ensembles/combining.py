"""Ways to combine the predictions of several models. The first axis of every argument is the members."""

from collections.abc import Sequence

import torch
from torch import Tensor

Weights = Sequence[float] | Tensor  # one for each member, none negative; only their ratios count


def vote(predictions: Tensor) -> Tensor:
    """Return the class that most members predict, for each example.

    Where several classes have equally many votes, the one with the lowest number wins, as in scikit-learn's
    `VotingClassifier(voting="hard")`.

    Args:
        predictions: Class numbers, shape (members, N).

    Returns:
        Class numbers, shape (N,).

    Raises:
        TypeError: The predictions are not a tensor.
        ValueError: There is no member or no example, or the predictions are not integers from 0 on of this shape.
    """
    check_tensor(predictions, "predictions")
    if predictions.ndim != 2:
        hint = ": take argmax(dim=2) of probabilities" if predictions.ndim == 3 else ""
        raise ValueError(f"predictions must have shape (members, N), not {tuple(predictions.shape)}{hint}")
    if predictions.numel() == 0:
        raise ValueError(f"predictions are empty, of shape {tuple(predictions.shape)}: give at least one member's")
    if predictions.is_floating_point() or predictions.is_complex() or predictions.dtype == torch.bool:
        raise ValueError(f"predictions must be integers, the numbers of the classes, not {predictions.dtype}")
    if int(predictions.min()) < 0:
        raise ValueError(f"predictions must be class numbers from 0 on, not {int(predictions.min())}")
    votes = torch.nn.functional.one_hot(predictions.long()).sum(dim=0)
    return votes.argmax(dim=1)


def average_probabilities(probabilities: Tensor, weights: Weights | None = None) -> Tensor:
    """Return the mean of the members' probabilities ("soft vote", a mixture).

    Its log loss is never above the mean log loss of the members (Jensen's inequality).

    Args:
        probabilities: Shape (members, N, classes), each row summing to 1.
        weights: One for each member; equal by default. They are divided by their sum.

    Returns:
        Shape (N, classes), each row summing to 1.

    Raises:
        TypeError: The probabilities are not a tensor.
        ValueError: There is no member, the shape is a different one, a row is not a distribution, or the weights do not
            fit, are negative or all 0.
    """
    check_probabilities(probabilities)
    return _weighted_mean(probabilities, weights)


def average_logits(logits: Tensor, weights: Weights | None = None) -> Tensor:
    """Return the mean of the members' logits, shape (N, classes).

    Its softmax is the `geometric_mean` of the members' probabilities.

    Args:
        logits: Shape (members, N, classes).
        weights: As for `average_probabilities`.

    Raises:
        TypeError: The logits are not a tensor.
        ValueError: There is no member, the shape is a different one, a logit is nan or infinity, or the weights do not
            fit, are negative or all 0. Minus infinity is allowed.
    """
    _check_shape(logits, "logits")
    if not (logits < torch.inf).all():
        raise ValueError("a logit is nan or infinity: logits must be numbers or minus infinity")
    weights = check_weights(weights, len(logits)).to(logits)
    used = weights > 0  # 0 * minus infinity is nan
    return torch.einsum("m,mnc->nc", weights[used], logits[used])


def geometric_mean(probabilities: Tensor, weights: Weights | None = None) -> Tensor:
    """Return the geometric mean of the members' probabilities, scaled so that each row sums to 1.

    A class that one member with a positive weight gives the probability 0 has the probability 0.

    Args:
        probabilities: As for `average_probabilities`.
        weights: As for `average_probabilities`.

    Raises:
        TypeError: As for `average_probabilities`.
        ValueError: As for `average_probabilities`, or the members of a row rule out every class.
    """
    check_probabilities(probabilities)
    weights = check_weights(weights, len(probabilities)).to(probabilities)
    used = weights > 0  # 0 * log(0) is nan
    mean_logs = torch.einsum("m,mnc->nc", weights[used], probabilities[used].log())
    if (mean_logs.amax(dim=1) == -torch.inf).any():
        row = int((mean_logs.amax(dim=1) == -torch.inf).int().argmax())
        raise ValueError(f"in row {row} each class has probability 0 for a member: use average_probabilities")
    return mean_logs.softmax(dim=1)


def choose_weights(probabilities: Tensor, targets: Tensor, *, n_steps: int = 200) -> Tensor:
    """Return the weights whose `average_probabilities` has the lowest log loss on these examples.

    Take examples that trained no member. The loss is convex in the weights. Several weights can be
    equally good, as those of two equal members. Each step of expectation maximisation gives
    a member its mean share of the mixture's probability of the true class; it never raises the loss.
    So the steps approach the minimum. They have come within g of it, where 1 + g is the largest mean, over the
    members, of the ratio of a member's to the mixture's probability of the true class.

    Args:
        probabilities: As for `average_probabilities`.
        targets: True classes, shape (N,).
        n_steps: Steps from equal weights on, at least 0.

    Returns:
        One weight for each member, not negative, with the sum 1, in float64.

    Raises:
        TypeError: The probabilities or the targets are not a tensor.
        ValueError: As for `average_probabilities`, the targets do not fit, n_steps is negative, or all members give the
            true class of an example the probability 0.
    """
    check_probabilities(probabilities)
    check_tensor(targets, "targets")
    n_members, n_examples, n_classes = probabilities.shape
    if targets.shape != (n_examples,) or targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(f"targets must be {n_examples} integers, not {targets.dtype} of shape {tuple(targets.shape)}")
    if int(targets.min()) < 0 or int(targets.max()) >= n_classes:
        raise ValueError(f"targets must be from 0 to {n_classes - 1}, not {int(targets.min())} to {int(targets.max())}")
    if n_steps < 0:
        raise ValueError(f"n_steps must be at least 0, not {n_steps}")
    of_truth = probabilities.double()[:, torch.arange(n_examples), targets]
    if (of_truth.amax(dim=0) == 0).any():
        example = int((of_truth.amax(dim=0) == 0).int().argmax())
        raise ValueError(
            f"all members give example {example} the probability 0 for its true class: the loss is infinite"
        )
    weights = torch.full((n_members,), 1 / n_members, dtype=torch.float64, device=probabilities.device)
    for _ in range(n_steps):
        shares = weights[:, None] * of_truth
        weights = (shares / shares.sum(dim=0)).mean(dim=1)
    return weights


def check_probabilities(probabilities: Tensor) -> None:
    """Refuse what is not a distribution for each member and example.

    Raises:
        TypeError: They are not a tensor.
        ValueError: As for `average_probabilities`.
    """
    _check_shape(probabilities, "probabilities")
    outside = probabilities[~((probabilities >= 0) & (probabilities <= 1 + 1e-6))]
    if len(outside):
        raise ValueError(f"a probability is {outside[0].item():g}, outside [0, 1]: apply softmax to logits first")
    sums = probabilities.sum(dim=2)
    if (sums - 1).abs().max() > 0.01:  # room for half precision
        member, row = divmod(int((sums - 1).abs().argmax()), sums.shape[1])
        raise ValueError(
            f"the probabilities of member {member}, row {row} sum to {sums[member, row].item():g}, not to 1: apply "
            "softmax over the classes, the last axis"
        )


def check_weights(weights: Weights | None, n_members: int) -> Tensor:
    """Return the weights divided by their sum, in float64; equal ones for None.

    Raises:
        ValueError: There is not one finite weight for each member, one is negative, or all are 0.
    """
    if weights is None:
        return torch.full((n_members,), 1 / n_members, dtype=torch.float64)
    try:
        weights = torch.as_tensor(weights, dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"weights must be numbers, one for each of {n_members} members, not {weights!r}") from error
    if weights.shape != (n_members,):
        raise ValueError(f"weights must be one for each of {n_members} members, not of shape {tuple(weights.shape)}")
    if not (weights.isfinite() & (weights >= 0)).all():
        raise ValueError(f"weights must be finite and not negative, not {weights.tolist()}")
    if weights.sum() == 0:
        raise ValueError("all weights are 0: at least one member must count")
    return weights / weights.sum()


def _weighted_mean(values: Tensor, weights: Weights | None) -> Tensor:
    return torch.einsum("m,mnc->nc", check_weights(weights, len(values)).to(values), values)


def check_tensor(values: object, name: str) -> None:
    """Refuse lists and arrays.

    Raises:
        TypeError: It is not a tensor.
    """
    if not isinstance(values, Tensor):
        advice = (
            "torch.stack"
            if isinstance(values, list) and values and isinstance(values[0], Tensor)
            else "torch.as_tensor"
        )
        raise TypeError(f"{name} must be a tensor, not {type(values).__name__}: use {advice}")


def _check_shape(values: Tensor, name: str) -> None:
    check_tensor(values, name)
    if values.ndim != 3:
        raise ValueError(f"{name} must have shape (members, N, classes), not {tuple(values.shape)}")
    if values.numel() == 0:
        raise ValueError(f"{name} are empty, of shape {tuple(values.shape)}: give at least one member's")
    if not values.is_floating_point():
        raise ValueError(f"{name} must be floating-point numbers, not {values.dtype}")
