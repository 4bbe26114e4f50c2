"""Penalties that are added to a loss, and what goes with them: ridge's closed form, the proximal step, max-norm."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

Parameters = Tensor | Iterable[Tensor]


def l1_penalty(parameters: Parameters, strength: float = 1.0) -> Tensor:
    """Return strength * (sum of the absolute values of all weights), a number to add to the loss.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso" (1996).

    Args:
        parameters: A tensor, or an iterable of tensors of any shapes. Pass the weights of the layers, without biases
            and norms.
        strength: At least 0, and finite.

    Raises:
        ValueError: The strength is negative or infinite, or there are no parameters.
        TypeError: A tensor holds integers, or something is not a tensor.
    """
    _check_strength("strength", strength)
    return strength * _total([weights.abs().sum() for weights in _checked(parameters)])


def l2_penalty(parameters: Parameters, strength: float = 1.0) -> Tensor:
    """Return strength * (sum of the squares of all weights), a number to add to the loss; it is not halved.

    Its gradient is 2 * strength * weights: in `torch.optim.SGD` that is `weight_decay=2 * strength`.
    Source: Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems" (1970).

    Args:
        parameters: As in `l1_penalty`.
        strength: At least 0, and finite.

    Raises:
        ValueError: As `l1_penalty`.
        TypeError: As `l1_penalty`.
    """
    _check_strength("strength", strength)
    return strength * _total([weights.square().sum() for weights in _checked(parameters)])


def elastic_net_penalty(parameters: Parameters, strength: float = 1.0, l1_ratio: float = 0.5) -> Tensor:
    """Return strength * (l1_ratio * sum |w| + (1 - l1_ratio) / 2 * sum w²), as scikit-learn's `ElasticNet` has it.

    Here the squares are halved, so `l1_ratio=0` is `l2_penalty` with half of the strength.
    Source: Zou and Hastie, "Regularization and variable selection via the elastic net" (2005).

    Args:
        parameters: As in `l1_penalty`.
        strength: At least 0, and finite.
        l1_ratio: From 0 (squares only) to 1 (absolute values only).

    Raises:
        ValueError: As `l1_penalty`, or l1_ratio is not in [0, 1].
        TypeError: As `l1_penalty`.
    """
    _check_strength("strength", strength)
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be from 0 to 1, not {l1_ratio}")
    weights = _checked(parameters)
    return l1_penalty(weights, strength * l1_ratio) + l2_penalty(weights, strength * (1 - l1_ratio) / 2)


def entropy_penalty(logits: Tensor, strength: float = 1.0) -> Tensor:
    """Return -strength * (mean entropy of the predictions, in nats): added to a loss it makes confidence expensive.

    Source: Pereyra et al., "Regularizing neural networks by penalizing confident output distributions" (2017).

    Args:
        logits: Shape (N, classes), before the softmax; finite.
        strength: At least 0, and finite.

    Raises:
        ValueError: The strength is negative or infinite, or the logits are not of shape (N, classes), both above 0.
        TypeError: The logits are integers.
    """
    _check_strength("strength", strength)
    _check_floats("the logits", logits)
    if logits.dim() != 2 or 0 in logits.shape:
        raise ValueError(f"the logits must have the shape (N, classes), both above 0, not {tuple(logits.shape)}")
    log_probabilities = logits.log_softmax(dim=1)
    return strength * (log_probabilities.exp() * log_probabilities).sum(dim=1).mean()


def soft_threshold(weights: Tensor, threshold: float) -> Tensor:
    """Move every weight towards 0 by the threshold, and to exactly 0 where it is not further away.

    This is the proximal step of the L1 penalty: the w that minimises |w - weights|² / 2 + threshold * |w|. After a step
    of gradient descent on the rest of the loss the threshold is lr * strength.
    Source: Daubechies, Defrise and De Mol, "An iterative thresholding algorithm for linear inverse problems" (2004).

    Args:
        weights: Any shape.
        threshold: At least 0, and finite.

    Returns:
        A new tensor of the same shape.

    Raises:
        ValueError: The threshold is negative or infinite.
        TypeError: The weights are integers.
    """
    _check_strength("threshold", threshold)
    _check_floats("the weights", weights)
    return weights.sign() * (weights.abs() - threshold).clamp(min=0)


@torch.no_grad()
def max_norm_(weight: Tensor, max_norm: float) -> None:
    """Scale the rows of a weight matrix, in place, to a length of at most max_norm; call it after each step.

    A row holds what enters one output of a linear layer or of a convolution.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014), section 5.1.

    Args:
        weight: Shape (outputs, ...), two dimensions or more.
        max_norm: Above 0, and finite.

    Raises:
        ValueError: max_norm is not above 0 and finite, or the weight has fewer than two dimensions.
        TypeError: The weights are integers.
    """
    if not 0 < max_norm < math.inf:  # inf / inf would be nan
        raise ValueError(f"max_norm must be above 0 and finite, not {max_norm}")
    _check_floats("the weight", weight)
    if weight.dim() < 2:
        raise ValueError(f"max_norm_ takes a weight with two dimensions or more, not of shape {tuple(weight.shape)}")
    norms = weight.flatten(1).norm(dim=1).clamp(min=max_norm)  # rows that are short enough keep their length
    weight.mul_((max_norm / norms).view(-1, *[1] * (weight.dim() - 1)))


def ridge_weights(inputs: Tensor, targets: Tensor, strength: float) -> Tensor:
    """Return the weights that minimise (mean of (inputs @ w - targets)²) + strength * (sum of w²), without a bias.

    Setting the gradient to zero gives (XᵀX / N + strength I) w = Xᵀy / N. The same weights minimise half of both terms.
    `sklearn.linear_model.Ridge` sums over the examples: its alpha is N * strength.

    Args:
        inputs: Shape (N, F).
        targets: Shape (N,), N above 0.
        strength: At least 0, and finite; with 0 the columns of the inputs must be independent, so at most N.

    Returns:
        Shape (F,).

    Raises:
        ValueError: The strength is negative or infinite, or the shapes are different.
        TypeError: Inputs or targets are integers.
    """
    _check_strength("strength", strength)
    _check_floats("the inputs", inputs)
    _check_floats("the targets", targets)
    if inputs.dim() != 2 or targets.shape != inputs.shape[:1] or len(targets) == 0:
        raise ValueError(
            "inputs must have the shape (N, F) and targets (N,), with N above 0, not "
            f"{tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    n_examples, n_features = inputs.shape
    identity = torch.eye(n_features, dtype=inputs.dtype, device=inputs.device)
    return torch.linalg.solve(inputs.T @ inputs / n_examples + strength * identity, inputs.T @ targets / n_examples)


def _checked(parameters: Parameters) -> list[Tensor]:
    weights = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not weights:
        raise ValueError("there are no parameters to penalise: an iterator such as model.parameters() is used up once")
    for tensor in weights:
        _check_floats("a parameter", tensor)
    return weights


def _total(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum()


def _check_strength(name: str, strength: float) -> None:
    if not 0 <= strength < math.inf:  # so that nan is refused too; 0 times inf would be nan
        wanted = "finite" if strength == math.inf else "at least 0"
        raise ValueError(f"{name} must be {wanted}, not {strength}")


def _check_floats(name: str, values: Any) -> None:
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} must be a tensor, not of type {type(values).__name__}")
    if not values.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, not {values.dtype}: convert with .float()")
