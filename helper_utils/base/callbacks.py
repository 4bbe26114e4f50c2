"""What happens around the training loop: each behaviour is a small class that `train_model` calls at given moments."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    epoch: int = 0
    batch: int = 0
    loss: float = math.nan
    stop: bool = False


class Callback:
    """Something that happens while a model trains: override the moments that you need."""

    def before_step(self, run: TrainingRun) -> None:
        """Act when a batch's gradients are there and the optimizer has not yet used them."""

    def after_step(self, run: TrainingRun) -> None:
        """Act after the optimizer's step."""

    def after_epoch(self, run: TrainingRun) -> None:
        """Act when the epoch is in the history."""

    def after_training(self, run: TrainingRun) -> None:
        """Act at the end, also when the training ends with an error."""


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


@dataclass(frozen=True)
class EachBatch:
    """Mark a scheduler that is to be stepped after each batch, not after each epoch."""

    scheduler: LRScheduler

    def __post_init__(self) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            raise ValueError("ReduceLROnPlateau waits for a metric of an epoch: pass it without EachBatch")


class EarlyStopping(Callback):
    """Stop when a metric has not improved for some epochs, and give the model its best weights back.

    Args:
        patience: How many epochs in a row may pass without an improvement; the next one such ends the training.
        metric: A name from the history. A loss is to fall, an accuracy is to rise.
        min_delta: How much better counts as an improvement.

    Raises:
        ValueError: The metric is not one of the history's, or patience or min_delta is negative. Also at the first
            epoch, if there is nothing to measure it on.
    """

    def __init__(self, patience: int, metric: str = "val_loss", min_delta: float = 0.0) -> None:
        metrics = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        if metric not in metrics:
            raise ValueError(f"metric must be one of {', '.join(metrics)}, not {metric!r}")
        if patience < 0 or min_delta < 0:
            raise ValueError(f"patience and min_delta must be at least 0, not {patience} and {min_delta}")
        self.patience, self.metric, self.min_delta = patience, metric, min_delta
        self.best_value, self.best_epoch, self.best_weights = math.inf, 0, {}

    def after_epoch(self, run: TrainingRun) -> None:
        """Compare the epoch with the best one so far."""
        value = getattr(run.history, self.metric)[-1]
        if math.isnan(value):
            raise ValueError(f"early stopping has no {self.metric} to look at: pass val_dataloader to train_model")
        value = -value if self.metric.endswith("accuracy") else value
        if value < self.best_value - self.min_delta:
            self.best_value, self.best_epoch = value, run.epoch
            self.best_weights = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
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
        scheduler: Of torch. `ReduceLROnPlateau` gets what its mode asks for: "min" the loss, "max" the accuracy, of the
            validation data if there is any, else of the training data.

    Raises:
        ValueError: The scheduler counts batches by its nature and is not marked.
    """

    def __init__(self, scheduler: LRScheduler | ReduceLROnPlateau | EachBatch) -> None:
        if isinstance(scheduler, OneCycleLR | CyclicLR):
            name = type(scheduler).__name__
            raise ValueError(f"{name} counts batches, not epochs: pass scheduler=EachBatch({name}(...))")
        self.scheduler = scheduler

    def after_step(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Step a scheduler of batches."""
        if isinstance(self.scheduler, EachBatch):
            self.scheduler.scheduler.step()

    def after_epoch(self, run: TrainingRun) -> None:
        """Step a scheduler of epochs."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            metric = "loss" if self.scheduler.mode == "min" else "accuracy"
            validation = getattr(run.history, f"val_{metric}")[-1]
            training = getattr(run.history, f"train_{metric}")[-1]
            self.scheduler.step(training if math.isnan(validation) else validation)
        elif isinstance(self.scheduler, LRScheduler):
            self.scheduler.step()
