"""What happens around the training loop: each behaviour is a small class that `train_model` calls at given moments."""

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

if TYPE_CHECKING:
    from helper_utils.base.history import History


@dataclass
class TrainingRun:
    """What a callback sees of a training run, and may change.

    Attributes:
        model: The model in training.
        optimizer: Its optimizer.
        history: The epochs that are finished.
        n_epochs: How many epochs are asked for.
        n_batches: Batches an epoch; None where the loader does not know.
        validates: Whether there is validation data to evaluate after each epoch.
        epoch: The epoch that is running, from 1.
        batch: The batch that is running, from 0.
        loss: Its loss.
        stop: Set it to True to end the training after this epoch.
    """

    model: nn.Module
    optimizer: Optimizer
    history: "History"
    n_epochs: int
    n_batches: int | None
    validates: bool = False
    epoch: int = 0
    batch: int = 0
    loss: float = math.nan
    stop: bool = False


class Callback:
    """Something that happens while a model trains: override the moments that you need.

    One object can serve several trainings, one after the other: what it remembers of a training starts anew in
    `before_training`.
    """

    def before_training(self, run: TrainingRun) -> None:
        """Act before the first epoch: forget an earlier training, refuse what cannot work."""

    def before_step(self, run: TrainingRun) -> None:
        """Act when a batch's gradients are there and the optimizer has not yet used them."""

    def after_step(self, run: TrainingRun) -> None:
        """Act after the optimizer's step."""

    def after_epoch(self, run: TrainingRun) -> None:
        """Act when the epoch is in the history."""

    def after_training(self, run: TrainingRun) -> None:
        """Act at the end, also when the training ends with an error (but not when `before_training` raised it)."""


def latest_metric(run: TrainingRun, metric: str, user: str) -> float:
    """Return a metric of the epoch that has just ended.

    Args:
        run: The training.
        metric: A name from the history, such as "val_loss".
        user: What needs the metric, for the message.

    Raises:
        ValueError: The metric is nan, or was not measured: there is no validation data, or no accuracy.
    """
    value = getattr(run.history, metric)[-1]
    if not math.isnan(value):
        return value
    if metric.startswith("val") and not run.validates:
        raise ValueError(f"{user} has no {metric} to look at: pass val_dataloader to train_model")
    if metric.endswith("accuracy"):
        loss = metric.replace("accuracy", "loss")
        raise ValueError(f"{user} has no {metric} to look at, since the targets are not class numbers: use {loss}")
    part = "validation" if metric.startswith("val") else "training"
    raise ValueError(f"{metric} is nan in epoch {run.epoch}: look at the {part} inputs")


class StopIfNotFinite(Callback):
    """Raise FloatingPointError at the first loss that is nan or infinite, before the step that would spread it."""

    def before_step(self, run: TrainingRun) -> None:
        """Look at the loss of the batch."""
        if not math.isfinite(run.loss):
            raise FloatingPointError(
                f"the loss is {run.loss} in epoch {run.epoch}, batch {run.batch} (counted from 0): "
                "the step on it was not taken. Try a smaller learning rate, clip_norm, or look for such inputs."
            )


class ClipGradNorm(Callback):
    """Scale the gradient down to a norm of at most max_norm (2-norm over all parameters together).

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks" (2013).

    Args:
        max_norm: The largest norm, above 0.

    Raises:
        ValueError: max_norm is not positive.
    """

    def __init__(self, max_norm: float) -> None:
        if not max_norm > 0:
            raise ValueError(f"the norm to clip to must be positive, not {max_norm}")
        self.max_norm = max_norm

    def before_step(self, run: TrainingRun) -> None:
        """Clip the gradients."""
        parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.max_norm)


@runtime_checkable
class PlateauRule(Protocol):
    """A rule that turns the metric of an epoch into the next rate, such as `helper_utils.schedulers.ReduceLROnPlateau`.

    Attributes:
        mode: "min" for a rule that is given the loss, "max" for the accuracy.
        lr: The rate now.
    """

    mode: Literal["min", "max"]
    lr: float

    def step(self, metrics: float) -> float:
        """Take the metric of an epoch and return the rate for the next one."""
        ...


@dataclass(frozen=True)
class EachBatch:
    """Mark a scheduler that is to be stepped after each batch, not after each epoch.

    Raises:
        TypeError: It is not a scheduler of torch.
        ValueError: It waits for a metric, which only an epoch has.
    """

    scheduler: LRScheduler

    def __post_init__(self) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau | PlateauRule):
            raise ValueError("ReduceLROnPlateau waits for a metric of an epoch: pass it without EachBatch")
        if not isinstance(self.scheduler, LRScheduler):
            raise TypeError(
                f"EachBatch takes a scheduler of torch.optim.lr_scheduler, not {describe_object(self.scheduler)}"
            )


Scheduler = LRScheduler | ReduceLROnPlateau | PlateauRule | EachBatch


def describe_object(value: object) -> str:
    """Name a value's type for an error message."""
    return f"the class {value.__name__}" if isinstance(value, type) else f"an object of type {type(value).__name__}"


class EarlyStopping(Callback):
    """Stop when a metric has not improved for some epochs, and give the model its best weights back.

    Args:
        patience: How many epochs in a row may pass without an improvement; the next one such ends the training.
        metric: A name from the history. A loss is to fall, an accuracy is to rise.
        min_delta: How much better counts as an improvement.

    Attributes:
        best_value: The best metric of this training so far (an accuracy with its sign changed).
        best_epoch: Its epoch, from 1; 0 before there is one.
        best_weights: The model's `state_dict` after that epoch.

    Raises:
        ValueError: The metric is not one of the history's, or patience or min_delta is negative. While training: the
            metric is nan, or there is nothing to measure it on.
    """

    def __init__(self, patience: int, metric: str = "val_loss", min_delta: float = 0.0) -> None:
        metrics = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        if metric not in metrics:
            raise ValueError(f"metric must be one of {', '.join(metrics)}, not {metric!r}")
        if not (patience >= 0 and min_delta >= 0):  # so that nan is refused too
            raise ValueError(f"patience and min_delta must be at least 0, not {patience} and {min_delta}")
        self.patience, self.metric, self.min_delta = patience, metric, min_delta
        self._forget()

    def _forget(self) -> None:
        self.best_value, self.best_epoch, self.best_weights = math.inf, 0, {}

    def before_training(self, run: TrainingRun) -> None:
        """Forget the best epoch of an earlier training."""
        self._forget()
        if self.metric.startswith("val") and not run.validates:
            raise ValueError(f"early stopping has no {self.metric} to look at: pass val_dataloader to train_model")

    def after_epoch(self, run: TrainingRun) -> None:
        """Compare the epoch with the best one so far."""
        value = latest_metric(run, self.metric, "early stopping")
        value = -value if self.metric.endswith("accuracy") else value
        if value < self.best_value - self.min_delta:
            self.best_value, self.best_epoch = value, run.epoch
            self.best_weights = copy.deepcopy(run.model.state_dict())  # deep: an extra state may be any object
        elif run.epoch - self.best_epoch > self.patience:
            run.stop = True

    def after_training(self, run: TrainingRun) -> None:
        """Give the best weights back."""
        if self.best_weights:
            run.model.load_state_dict(self.best_weights)


class ProgressBar(Callback):
    """Show a bar of epochs and batches, with the metrics of the last epoch."""

    def __init__(self) -> None:
        self.bar = None

    def before_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Begin without a bar; it is made at the first step, so that an error before it leaves none."""
        self.bar = None

    def after_step(self, run: TrainingRun) -> None:
        """Move the bar by one batch."""
        if self.bar is None:
            from tqdm.auto import tqdm

            total = None if run.n_batches is None else run.n_epochs * run.n_batches
            self.bar = tqdm(total=total, unit="batch", desc=f"epoch 1/{run.n_epochs}")
        self.bar.update()

    def after_epoch(self, run: TrainingRun) -> None:
        """Show the metrics of the epoch."""
        if self.bar is not None:
            self.bar.set_description(f"epoch {min(run.epoch + 1, run.n_epochs)}/{run.n_epochs}", refresh=False)
            last = {name: values[-1] for name, values in vars(run.history).items() if name not in ("lr", "seconds")}
            self.bar.set_postfix({name: f"{value:.3f}" for name, value in last.items() if not math.isnan(value)})

    def after_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()


class StepScheduler(Callback):
    """Step a scheduler after each epoch, or after each batch where it is marked with EachBatch.

    Args:
        scheduler: Of torch, or a `PlateauRule`, whose rate is given to all parameter groups. `ReduceLROnPlateau` of
            both kinds gets what its mode asks for: "min" the loss, "max" the accuracy, of the validation data if there
            is any, else of the training data.

    Raises:
        TypeError: It is not a scheduler.
        ValueError: The scheduler counts batches by its nature and is not marked. When training begins: it was made for
            another optimizer, or for another rate.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        if isinstance(scheduler, type) or not isinstance(scheduler, Scheduler):
            raise TypeError(
                "scheduler must be an object of torch.optim.lr_scheduler, EachBatch(one of them) or a "
                f"helper_utils.schedulers.ReduceLROnPlateau, not {describe_object(scheduler)}"
            )
        for part in (scheduler, *getattr(scheduler, "_schedulers", ())):  # those of SequentialLR and ChainedScheduler
            if isinstance(part, OneCycleLR | CyclicLR):
                name, passed = type(part).__name__, type(scheduler).__name__
                raise ValueError(f"{name} counts batches, not epochs: pass scheduler=EachBatch({passed}(...))")
        self.scheduler = scheduler

    def before_training(self, run: TrainingRun) -> None:
        """Refuse a scheduler that changes another optimizer's rates, or a rule that begins at another rate."""
        scheduler = self.scheduler.scheduler if isinstance(self.scheduler, EachBatch) else self.scheduler
        if isinstance(scheduler, LRScheduler | ReduceLROnPlateau):
            ours = {id(group) for group in run.optimizer.param_groups}
            if not any(id(group) in ours for group in scheduler.optimizer.param_groups):
                raise ValueError(
                    f"the {type(scheduler).__name__} was made for another optimizer: make it from the one that "
                    "train_model is given"
                )
        else:
            rates = [float(group["lr"]) for group in run.optimizer.param_groups]
            if not all(math.isclose(rate, scheduler.lr) for rate in rates):
                raise ValueError(
                    f"the {type(scheduler).__name__} is at a rate of {scheduler.lr}, the optimizer at "
                    f"{', '.join(map(str, rates))}: make a new one with the optimizer's rate as base_lr"
                )

    def after_step(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Step a scheduler of batches."""
        if isinstance(self.scheduler, EachBatch):
            self.scheduler.scheduler.step()

    def after_epoch(self, run: TrainingRun) -> None:
        """Step a scheduler of epochs."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(self._metric(run, self.scheduler.mode))
        elif isinstance(self.scheduler, LRScheduler):
            self.scheduler.step()
        elif isinstance(self.scheduler, PlateauRule):
            lr = self.scheduler.step(self._metric(run, self.scheduler.mode))
            for group in run.optimizer.param_groups:
                group["lr"] = lr

    def _metric(self, run: TrainingRun, mode: str) -> float:
        part, metric = "val" if run.validates else "train", "loss" if mode == "min" else "accuracy"
        return latest_metric(run, f"{part}_{metric}", "ReduceLROnPlateau")
