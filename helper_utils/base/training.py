"""The training loop, the evaluation, and the history of a training run.

`train_epoch` is the loop that every lesson talks about. Whatever else happens while a model trains (clipping,
schedules, early stopping, progress) is a `Callback` that `train_model` calls around it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from helper_utils.base.callbacks import (
    Callback,
    ClipGradNorm,
    EachBatch,
    ProgressBar,
    StepScheduler,
    StopIfNotFinite,
    TrainingRun,
)

if TYPE_CHECKING:
    pass
from helper_utils.base.history import History

Batches = Iterable[tuple[Tensor, Tensor]]  # anything that gives (inputs, targets) each time it is iterated over

LossFunction = Callable[[Tensor, Tensor], Tensor]  # the mean loss of a batch, from logits and targets

Device = torch.device | str


def train_epoch(
    model: nn.Module,
    train_dataloader: Batches,
    optimizer: Optimizer,
    loss_fcn: LossFunction,
    device: Device,
    *,
    before_step: Callable[[int, float], None] | None = None,
    after_step: Callable[[], None] | None = None,
) -> tuple[float, float]:
    """Train for one pass over the data.

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs; is on the device.
        train_dataloader: Any iterable of (inputs, targets).
        optimizer: Holds the model's parameters.
        loss_fcn: The mean loss of a batch.
        device: Where the batches are moved to.
        before_step: Called with the batch's number (from 0) and its loss when the gradients are there and the step is
            not yet taken.
        after_step: Called after the step.

    Returns:
        The mean loss and the accuracy in [0, 1] over all examples, each taken before the step on its batch. The
        accuracy is nan where the targets are not classes (not integers).

    Raises:
        ValueError: The loader gave no batches.
    """
    model.train()
    totals = _Totals()
    for batch, (inputs, targets) in enumerate(train_dataloader):
        inputs, targets = inputs.to(device), targets.to(device)
        logits = model(inputs)
        loss = loss_fcn(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        batch_loss = loss.item()
        if before_step:
            before_step(batch, batch_loss)
        optimizer.step()
        if after_step:
            after_step()
        totals.add(logits, targets, batch_loss)
    return totals.means()


def train_model(
    model: nn.Module,
    optimizer: Optimizer,
    train_dataloader: Batches,
    n_epochs: int,
    loss_fcn: LossFunction,
    device: Device,
    *,
    val_dataloader: Batches | None = None,
    scheduler: LRScheduler | ReduceLROnPlateau | EachBatch | None = None,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> History:
    """Train for some epochs and return the history.

    What happens around the loop comes from outside it: each behaviour is a callback (`helper_utils.base.callbacks`).

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs. It is moved to the device.
        optimizer: Holds the model's parameters.
        train_dataloader: Any iterable of (inputs, targets).
        n_epochs: How many passes over the data.
        loss_fcn: The mean loss of a batch.
        device: Where to train.
        val_dataloader: Evaluated after each epoch, if there is one.
        scheduler: Of torch. It is stepped after each epoch; wrapped as `EachBatch(scheduler)`, after each batch.
            `ReduceLROnPlateau` gets what its mode asks for: "min" the loss, "max" the accuracy, of the validation
            data if there is any, else of the training data.
        clip_norm: The largest norm of the gradient (2-norm over all parameters) that a step may use.
        callbacks: What else shall happen, called in this order.
        progress: Whether to show a progress bar.

    Raises:
        FloatingPointError: The loss is not finite. It says in which epoch and batch; the step on it was not taken.
        ValueError: n_epochs is negative, clip_norm is not positive, a scheduler that counts batches is not wrapped in
            `EachBatch`, or a loader gives no batches.
    """
    if n_epochs < 0:
        raise ValueError(f"n_epochs must be at least 0, not {n_epochs}")
    model.to(device)
    callbacks = [StopIfNotFinite(), *callbacks]
    if clip_norm is not None:
        callbacks.append(ClipGradNorm(clip_norm))
    if scheduler is not None:
        callbacks.append(StepScheduler(scheduler))
    if progress:
        callbacks.append(ProgressBar())

    run = TrainingRun(model, optimizer, History(), n_epochs, _number_of_batches(train_dataloader))

    def before_step(batch: int, loss: float) -> None:
        run.batch, run.loss = batch, loss
        for callback in callbacks:
            callback.before_step(run)

    def after_step() -> None:
        for callback in callbacks:
            callback.after_step(run)

    try:
        for run.epoch in range(1, n_epochs + 1):
            start, lr = time.perf_counter(), optimizer.param_groups[0]["lr"]
            train_loss, train_accuracy = train_epoch(
                model, train_dataloader, optimizer, loss_fcn, device, before_step=before_step, after_step=after_step
            )
            val_loss, val_accuracy = math.nan, math.nan
            if val_dataloader is not None:
                val_loss, val_accuracy = _evaluate(model, val_dataloader, loss_fcn, device)
            seconds = time.perf_counter() - start
            run.history.append(train_loss, train_accuracy, val_loss, val_accuracy, lr, seconds)
            for callback in callbacks:
                callback.after_epoch(run)
            if run.stop:
                break
    finally:
        for callback in callbacks:
            callback.after_training(run)
    return run.history


def evaluate_accuracy(model: nn.Module, dataloader: Batches, device: Device) -> float:
    """Return the share of right predictions, in [0, 1]; the model keeps the mode (train or eval) that it was in.

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs; is on the device.
        dataloader: Any iterable of (inputs, targets), the targets being class numbers.
        device: Where the batches are moved to.

    Raises:
        ValueError: The loader gave no batches.
    """
    predictions, targets = predict(model, dataloader, device)
    return (predictions == targets).float().mean().item()


def evaluate_loss(model: nn.Module, dataloader: Batches, loss_fcn: LossFunction, device: Device) -> float:
    """Return the mean loss over all examples; arguments, mode and errors as in `evaluate_accuracy`.

    Args:
        model: Gives logits for a batch of inputs; is on the device.
        dataloader: Any iterable of (inputs, targets).
        loss_fcn: The mean loss of a batch.
        device: Where the batches are moved to.
    """
    return _evaluate(model, dataloader, loss_fcn, device)[0]


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model in eval mode without gradients, and afterwards each of its modules in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


class _Totals:
    """Sums over batches from which the means over examples come."""

    def __init__(self) -> None:
        self.loss, self.n_correct, self.n_examples = 0.0, 0.0, 0

    def add(self, logits: Tensor, targets: Tensor, loss: float) -> None:
        self.loss += loss * len(targets)
        self.n_examples += len(targets)
        if targets.is_floating_point():  # no classes, so no accuracy
            self.n_correct = math.nan
        else:
            self.n_correct += (logits.argmax(dim=1) == targets).sum().item()

    def means(self) -> tuple[float, float]:
        if self.n_examples == 0:
            raise ValueError(_NO_BATCHES)
        return self.loss / self.n_examples, self.n_correct / self.n_examples


_NO_BATCHES = "the data loader gave no batches: is the data set empty, or is the loader an iterator that is used up?"


def _evaluate(model: nn.Module, dataloader: Batches, loss_fcn: LossFunction, device: Device) -> tuple[float, float]:
    totals = _Totals()
    with evaluation_mode(model):
        for inputs, targets in dataloader:
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)
            totals.add(logits, targets, loss_fcn(logits, targets).item())
    return totals.means()


def predict(model: nn.Module, dataloader: Batches, device: Device) -> tuple[Tensor, Tensor]:
    """Return the predicted and the true classes of all examples, two tensors of shape (N,)."""
    predictions, all_targets = [], []
    with evaluation_mode(model):
        for inputs, targets in dataloader:
            predictions.append(model(inputs.to(device)).argmax(dim=1))
            all_targets.append(targets.to(device))
    if not all_targets:
        raise ValueError(_NO_BATCHES)
    return torch.cat(predictions), torch.cat(all_targets)


def _number_of_batches(dataloader: Batches) -> int | None:
    try:
        return len(dataloader)  # type: ignore[arg-type]
    except TypeError:
        return None
