"""Gradient-based tuning: the derivative of a loss with respect to the learning rate and the weight decay."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from helper_utils.data.datasets import Part

LossFunction = Callable[[Tensor, Tensor], Tensor]


def loss_after_training(
    model: nn.Module,
    batches: Sequence[Part],
    val: Part,
    lr: Tensor,
    weight_decay: Tensor,
    *,
    loss_fcn: LossFunction = cross_entropy,
) -> Tensor:
    """Train by SGD and return the validation loss, as a tensor that can be differentiated by lr and weight_decay.

    Every step w - lr (g + weight_decay w) stays in the graph (`create_graph=True`), so memory grows with the number of
    steps. The model's own weights stay as they are.

    Args:
        model: Where the training starts.
        batches: One for each step, at least one.
        val: What the loss is measured on.
        lr: The learning rate, a tensor without axes.
        weight_decay: Likewise; it acts on all parameters.
        loss_fcn: The mean loss of a batch.

    Raises:
        ValueError: There are no batches.
    """
    if not batches:
        raise ValueError("batches is empty: give one batch for each training step, at least one")
    weights = {name: weight.detach().requires_grad_() for name, weight in model.named_parameters()}
    for inputs, targets in batches:
        loss = loss_fcn(functional_call(model, weights, (inputs,)), targets)
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {
            name: weight - lr * (gradient + weight_decay * weight)
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
        }
    return loss_fcn(functional_call(model, weights, (val.inputs,)), val.targets)


@dataclass(frozen=True)
class Hypergradients:
    """A validation loss and its derivatives.

    Attributes:
        val_loss: After the training.
        lr: Its derivative with respect to the learning rate.
        weight_decay: Its derivative with respect to the weight decay.
    """

    val_loss: float
    lr: float
    weight_decay: float


def hypergradients(
    model: nn.Module,
    batches: Sequence[Part],
    val: Part,
    *,
    lr: float,
    weight_decay: float,
    loss_fcn: LossFunction = cross_entropy,
) -> Hypergradients:
    """Return the validation loss after a training by SGD, and its derivatives (Maclaurin et al., 2015).

    Args:
        model: Where the training starts; its precision is that of the computation.
        batches: One for each step.
        val: What the loss is measured on.
        lr: The learning rate.
        weight_decay: The weight decay, on all parameters.
        loss_fcn: The mean loss of a batch.

    Raises:
        ValueError: There are no batches, or a hyperparameter is not finite.
    """
    if not (math.isfinite(lr) and math.isfinite(weight_decay)):
        raise ValueError(f"lr and weight_decay must be finite, not {lr} and {weight_decay}")
    dtype = next(model.parameters()).dtype
    lr_, decay = (torch.tensor(value, dtype=dtype, requires_grad=True) for value in (lr, weight_decay))
    loss = loss_after_training(model, batches, val, lr_, decay, loss_fcn=loss_fcn)
    by_lr, by_decay = torch.autograd.grad(loss, [lr_, decay])
    return Hypergradients(loss.item(), by_lr.item(), by_decay.item())


@dataclass(frozen=True, eq=False)
class Descent:
    """What a descent did.

    Attributes:
        weights: Before each step and after the last, shape (steps + 1, ...).
        lrs: The rate of each step, shape (steps,).
    """

    weights: Tensor
    lrs: Tensor


def hypergradient_descent(
    gradient: Callable[[Tensor], Tensor], weights: Tensor, *, lr: float, hyper_lr: float, n_steps: int
) -> Descent:
    """Descend by SGD whose rate descends as well: it grows while successive gradients agree (Baydin et al., 2018).

    Before each step but the first the rate becomes lr + hyper_lr · (this gradient) · (the last one). The product is the
    negative derivative of the loss with respect to the rate of the last step.

    Args:
        gradient: Returns the gradient of the loss at some weights.
        weights: Where to start.
        lr: The first rate.
        hyper_lr: The rate of the rate, at least 0; with 0 this is SGD.
        n_steps: How many steps, at least 1.

    Raises:
        ValueError: A number is out of its range.
    """
    if n_steps < 1 or not hyper_lr >= 0 or not math.isfinite(lr):
        raise ValueError(
            f"n_steps must be at least 1, hyper_lr at least 0 and lr finite, not {n_steps}, {hyper_lr} and {lr}"
        )
    path, lrs = [weights], []
    last = torch.zeros_like(weights)
    for _ in range(n_steps):
        now = gradient(path[-1])
        lr = lr + hyper_lr * float((now * last).sum())
        path.append(path[-1] - lr * now)
        lrs.append(lr)
        last = now
    return Descent(torch.stack(path), torch.tensor(lrs, dtype=torch.float64))
