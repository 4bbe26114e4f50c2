"""The training loop, the evaluation, and the history of a training run.

`train_epoch` is the loop that every lesson talks about. Whatever else happens while a model trains (clipping,
schedules, early stopping, progress) is a `Callback` that `train_model` calls around it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from helper_utils.base.callbacks import (
    Callback,
    ClipGradNorm,
    ProgressBar,
    Scheduler,
    StepScheduler,
    StopIfNotFinite,
    TrainingRun,
    describe_object,
)
from helper_utils.base.history import History

Batches = Iterable[tuple[Tensor, Tensor]]  # anything that gives (inputs, targets) each time it is iterated over

LossFunction = Callable[[Tensor, Tensor], Tensor]  # the mean loss of a batch, from logits and targets

Device = torch.device | str

_NO_BATCHES = "the data loader gave no batches: is the data set empty, or is the loader an iterator that is used up?"


def train_epoch(
    model: nn.Module,
    train_dataloader: Batches,
    optimizer: Optimizer,
    loss_fcn: LossFunction,
    device: Device,
    *,
    accuracy: bool = True,
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
        accuracy: Whether to measure it. Without it outputs and integer targets may have any shapes that the loss takes,
            such as a class for each pixel.
        before_step: Called with the batch's number (from 0) and its loss when the gradients are there and the step is
            not yet taken.
        after_step: Called after the step.

    Returns:
        The mean loss and the accuracy in [0, 1] over all examples, each taken before the step on its batch. The
        accuracy is nan where the targets are not classes (not integers), or where it is not asked for.

    Raises:
        ValueError: The loader gave no batches, or the accuracy of integer targets is asked for and they are not of
            shape (N,), or the outputs not of shape (N, classes).
    """
    model.train()
    totals = _Totals(accuracy)
    for batch, (inputs, targets) in enumerate(train_dataloader):
        inputs, targets = inputs.to(device), targets.to(device)
        logits = model(inputs)
        totals.add_predictions(logits, targets)
        loss = loss_fcn(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        batch_loss = loss.item()
        totals.add_loss(batch_loss, len(targets))
        if before_step:
            before_step(batch, batch_loss)
        optimizer.step()
        if after_step:
            after_step()
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
    scheduler: Scheduler | None = None,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    accuracy: bool = True,
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
            `ReduceLROnPlateau`, torch's or that of `helper_utils.schedulers`, gets what its mode asks for: "min" the
            loss, "max" the accuracy, of the validation data if there is any, else of the training data.
        clip_norm: The largest norm of the gradient (2-norm over all parameters) that a step may use.
        callbacks: What else happens, called in this order. An object can be used for several trainings.
        accuracy: Whether to measure it, as for `train_epoch`.
        progress: Whether to show a progress bar.

    Raises:
        FloatingPointError: The loss is not finite. It says in which epoch and batch; the step on it was not taken.
        TypeError: The optimizer, the scheduler or a callback is something else.
        ValueError: n_epochs is negative, clip_norm is not positive, the optimizer holds none of the model's parameters,
            the scheduler was made for another optimizer or counts batches and is not wrapped in `EachBatch`, a loader
            gives no batches, or outputs and targets have shapes of which there is no accuracy.
    """
    if n_epochs < 0:
        raise ValueError(f"n_epochs must be at least 0, not {n_epochs}")
    model.to(device)
    check_optimizer(optimizer, model)
    callbacks = [StopIfNotFinite(), *_checked_callbacks(callbacks)]
    if clip_norm is not None:
        callbacks.append(ClipGradNorm(clip_norm))
    if scheduler is not None:
        callbacks.append(StepScheduler(scheduler))
    if progress:
        callbacks.append(ProgressBar())

    n_batches = _number_of_batches(train_dataloader)
    run = TrainingRun(model, optimizer, History(), n_epochs, n_batches, val_dataloader is not None)

    def before_step(batch: int, loss: float) -> None:
        run.batch, run.loss = batch, loss
        for callback in callbacks:
            callback.before_step(run)

    def after_step() -> None:
        for callback in callbacks:
            callback.after_step(run)

    begun: list[Callback] = []
    try:
        for callback in callbacks:
            callback.before_training(run)
            begun.append(callback)
        for run.epoch in range(1, n_epochs + 1):
            start, lr = time.perf_counter(), optimizer.param_groups[0]["lr"]
            train_loss, train_accuracy = train_epoch(
                model,
                train_dataloader,
                optimizer,
                loss_fcn,
                device,
                accuracy=accuracy,
                before_step=before_step,
                after_step=after_step,
            )
            val_loss, val_accuracy = math.nan, math.nan
            if val_dataloader is not None:
                val_loss, val_accuracy = _evaluate(model, val_dataloader, loss_fcn, device, accuracy=accuracy)
            seconds = time.perf_counter() - start
            run.history.append(train_loss, train_accuracy, val_loss, val_accuracy, lr, seconds)
            for callback in callbacks:
                callback.after_epoch(run)
            if run.stop:
                break
    finally:
        with ExitStack() as stack:  # where one raises, the others are called all the same
            for callback in reversed(begun):
                stack.callback(callback.after_training, run)
    return run.history


def check_optimizer(optimizer: Optimizer, model: nn.Module) -> None:
    """Refuse an optimizer whose steps would leave the model as it is.

    Raises:
        TypeError: It is no optimizer.
        ValueError: It holds none of the model's parameters.
    """
    if not hasattr(optimizer, "param_groups"):  # an optimizer class has none
        raise TypeError(f"optimizer must be an optimizer as those of torch.optim, not {describe_object(optimizer)}")
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(id(parameter) in held for parameter in model.parameters()):
        raise ValueError("the optimizer does not hold the model's parameters: make it from model.parameters()")


def _checked_callbacks(callbacks: Sequence[Callback]) -> list[Callback]:
    if isinstance(callbacks, Callback | type):
        raise TypeError(f"callbacks must be a list, not {describe_object(callbacks)}: put it into brackets")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must hold objects of subclasses of Callback, not {describe_object(callback)}")
    return callbacks


def evaluate_accuracy(model: nn.Module, dataloader: Batches, device: Device) -> float:
    """Return the share of right predictions, in [0, 1]; the model keeps the mode (train or eval) that it was in.

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs; is on the device.
        dataloader: Any iterable of (inputs, targets), the targets being class numbers.
        device: Where the batches are moved to.

    Raises:
        ValueError: The loader gave no batches, the targets are not integers of shape (N,), or the outputs not of shape
            (N, classes).
    """
    predictions, targets = predict(model, dataloader, device)
    return (predictions == targets).float().mean().item()


def evaluate_loss(model: nn.Module, dataloader: Batches, loss_fcn: LossFunction, device: Device) -> float:
    """Return the mean loss over all examples; the model keeps the mode (train or eval) that it was in.

    Args:
        model: Gives logits for a batch of inputs; is on the device.
        dataloader: Any iterable of (inputs, targets).
        loss_fcn: The mean loss of a batch.
        device: Where the batches are moved to.

    Raises:
        ValueError: The loader gave no batches.
    """
    return _evaluate(model, dataloader, loss_fcn, device, accuracy=False)[0]


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model in eval mode without gradients, and afterwards each of its modules in the mode that it was in.

    A module that was frozen by `torch.jit.freeze` has no mode, and one that `torch.export` made computes in the mode in
    which it was exported; both are left as they are.
    """
    modes = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    try:
        with suppress(NotImplementedError):  # an exported module, which refuses to change its mode
            model.eval()
        for module, _ in modes:  # also those behind an exported one
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


class _Totals:
    """Sums over batches from which the means over examples come."""

    def __init__(self, accuracy: bool) -> None:
        self.accuracy = accuracy
        self.loss, self.n_correct, self.n_examples = 0.0, 0.0, 0

    def add_predictions(self, outputs: Tensor, targets: Tensor) -> None:
        if self.accuracy and not targets.is_floating_point():
            check_classes(outputs, targets)
            self.n_correct += (outputs.argmax(dim=1) == targets).sum().item()
        else:  # no classes, so no accuracy
            self.n_correct = math.nan

    def add_loss(self, loss: float, n_examples: int) -> None:
        self.loss += loss * n_examples
        self.n_examples += n_examples

    def means(self) -> tuple[float, float]:
        if self.n_examples == 0:
            raise ValueError(_NO_BATCHES)
        return self.loss / self.n_examples, self.n_correct / self.n_examples


def check_classes(outputs: Tensor, targets: Tensor) -> None:
    """Refuse what has no accuracy: PyTorch would compare other shapes too, each output with each target.

    Args:
        outputs: Of a model.
        targets: What they are compared with.

    Raises:
        ValueError: The targets are not integers of shape (N,), or the outputs not of shape (N, classes) with two
            classes or more.
    """
    if targets.ndim != 1:
        shape, hint = tuple(targets.shape), "train with accuracy=False, or evaluate the loss only"
        if targets.ndim == 2 and shape[1] == 1:
            hint = "take targets.squeeze(1)"
        elif shape == tuple(outputs.shape):
            hint = "take targets.argmax(dim=1)"
        raise ValueError(f"targets must have shape (N,), not {shape}: {hint}")
    if targets.is_floating_point() or targets.is_complex():
        raise ValueError(f"targets must be integers, the numbers of the classes, not {targets.dtype}")
    if outputs.ndim != 2 or len(outputs) != len(targets):
        raise ValueError(f"outputs must have shape ({len(targets)}, classes), not {tuple(outputs.shape)}")
    if outputs.shape[1] == 1:
        raise ValueError(
            f"outputs must have shape (N, classes), not {tuple(outputs.shape)}: a single logit has no largest one; "
            "give the last layer an output for each class"
        )


def _evaluate(
    model: nn.Module, dataloader: Batches, loss_fcn: LossFunction, device: Device, *, accuracy: bool
) -> tuple[float, float]:
    totals = _Totals(accuracy)
    with evaluation_mode(model):
        for inputs, targets in dataloader:
            inputs, targets = inputs.to(device), targets.to(device)
            outputs = model(inputs)
            totals.add_predictions(outputs, targets)
            totals.add_loss(loss_fcn(outputs, targets).item(), len(targets))
    return totals.means()


def predict(model: nn.Module, dataloader: Batches, device: Device) -> tuple[Tensor, Tensor]:
    """Return the predicted and the true classes of all examples, two tensors of shape (N,).

    Arguments, mode and errors as in `evaluate_accuracy`.
    """
    predictions, all_targets = [], []
    with evaluation_mode(model):
        for inputs, targets in dataloader:
            inputs, targets = inputs.to(device), targets.to(device)
            outputs = model(inputs)
            check_classes(outputs, targets)
            predictions.append(outputs.argmax(dim=1))
            all_targets.append(targets)
    if not all_targets:
        raise ValueError(_NO_BATCHES)
    return torch.cat(predictions), torch.cat(all_targets)


def _number_of_batches(dataloader: Batches) -> int | None:
    try:
        return len(dataloader)  # type: ignore[arg-type]
    except TypeError:
        return None
