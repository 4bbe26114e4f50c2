"""The training loop, the evaluation, and the history of a training run.

`train_epoch` is the loop that every lesson talks about. Whatever else happens while a model trains (clipping,
schedules, early stopping, progress) is a `Callback` that `train_model` calls around it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .callbacks import Callback, ClipGradNorm, EachBatch, ProgressBar, StepScheduler, StopIfNotFinite, TrainingRun

if TYPE_CHECKING:
    import pandas as pd

Batches = Iterable[tuple[Tensor, Tensor]]  # anything that gives (inputs, targets) each time it is iterated over
LossFunction = Callable[[Tensor, Tensor], Tensor]  # the mean loss of a batch, from logits and targets
Device = torch.device | str


@dataclass
class History:
    """What happened in each epoch: one entry a list and epoch, nan where there was nothing to measure.

    Attributes:
        train_loss: Mean loss over the epoch, while the model was changing.
        train_accuracy: In [0, 1], likewise.
        val_loss: On the validation data, after the epoch.
        val_accuracy: In [0, 1], likewise.
        lr: The learning rate (of the first parameter group) with which the epoch began.
        seconds: How long the epoch and its validation took.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def append(self, *values: float) -> None:
        """Add an epoch: a value for each list, in the order of the attributes."""
        for entries, value in zip(vars(self).values(), values, strict=True):
            entries.append(value)

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.train_loss)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each epoch, counted from 1, and a column for each list."""
        import pandas as pd

        return pd.DataFrame(vars(self), index=pd.RangeIndex(1, len(self) + 1, name="epoch"))


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

    What happens around the loop comes from outside it: each behaviour is a callback (see `helper_utils.callbacks`).

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


# ---------------------------------------------------------------------------------------------------- evaluation


def evaluate_accuracy(model: nn.Module, dataloader: Batches, device: Device) -> float:
    """Return the share of right predictions, in [0, 1]; the model keeps the mode (train or eval) that it was in.

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs; is on the device.
        dataloader: Any iterable of (inputs, targets), the targets being class numbers.
        device: Where the batches are moved to.

    Raises:
        ValueError: The loader gave no batches.
    """
    predictions, targets = _predict(model, dataloader, device)
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


def evaluate_metrics(
    model: nn.Module,
    val_dataloader: Batches,
    device: Device,
    num_classes: int = 10,
    average: Literal["macro", "micro", "weighted"] = "macro",
) -> tuple[float, float, float, float]:
    """Return accuracy, precision, recall and F1 over the whole data, as torchmetrics computes them.

    They are computed once from all predictions, which is not the mean of the batches' values. With `average="macro"`
    the accuracy is the mean of the classes' accuracies, and that is the macro recall: the two values are equal. For
    the plain share of right predictions use `evaluate_accuracy` or `average="micro"`.
    Source: https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html

    Args:
        model: Gives logits of shape (N, num_classes) for a batch of inputs; is on the device.
        val_dataloader: Any iterable of (inputs, targets), the targets being class numbers.
        device: Where the batches are moved to.
        num_classes: How many classes there are, at least 2; a class that is neither among the labels nor among
            the predictions is left out of the macro average.
        average: "macro" (every class weighs the same), "weighted" (by its number of examples) or "micro" (every
            example weighs the same).

    Raises:
        ValueError: The loader gave no batches, a label or a prediction is not in 0 ... num_classes - 1, or the average
            is not one of the three.
    """
    if average not in ("macro", "micro", "weighted"):
        raise ValueError(f"average must be 'macro', 'micro' or 'weighted', not {average!r}")
    predictions, targets = _predict(model, val_dataloader, device)
    for name, values in (("a label", targets), ("a prediction", predictions)):
        smallest, largest = int(values.min()), int(values.max())
        if smallest < 0 or largest >= num_classes:
            outside = smallest if smallest < 0 else largest
            raise ValueError(f"{name} is {outside}, outside the classes 0 to {num_classes - 1}: check num_classes")

    from torchmetrics.functional import classification  # six seconds to import, hence only here

    metrics = (
        classification.multiclass_accuracy,
        classification.multiclass_precision,
        classification.multiclass_recall,
        classification.multiclass_f1_score,
    )
    accuracy, precision, recall, f1 = (
        metric(predictions, targets, num_classes=num_classes, average=average).item() for metric in metrics
    )
    return accuracy, precision, recall, f1


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


# --------------------------------------------------------------------------------------------------------- inside


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


def _predict(model: nn.Module, dataloader: Batches, device: Device) -> tuple[Tensor, Tensor]:
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
