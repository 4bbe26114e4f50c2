"""Objectives for studies: two kinds of networks on a data set."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import optuna
import torch
from optuna.trial import BaseTrial
from torch import Tensor, nn

from helper_utils.base.callbacks import Callback, TrainingRun, latest_metric
from helper_utils.base.devices import get_device
from helper_utils.base.seeds import set_seed
from helper_utils.base.training import train_model
from helper_utils.data.datasets import Dataset, load_dataset
from helper_utils.data.loaders import TensorLoader
from helper_utils.flexible_cnn import FlexibleCNN
from helper_utils.flexible_cnn.recipe import train_with_recipe
from helper_utils.optuna_tuning.samplers import seed_of_trial


class ReportToTrial(Callback):
    """Tell a trial the validation accuracy of each epoch, and end the training where the pruner says so.

    Args:
        trial: The trial. With two objectives Optuna has no pruning: use this with one.

    Raises:
        optuna.TrialPruned: After an epoch, where the pruner says so.
        ValueError: There is no validation accuracy, or the object is used for a second training: Optuna keeps the first
            report of each epoch, and would judge the second training by the first.
    """

    def __init__(self, trial: BaseTrial) -> None:
        self.trial, self._used = trial, False

    def before_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Refuse a second training."""
        if self._used:
            raise ValueError("a trial takes the reports of one training: make another ReportToTrial of another trial")
        self._used = True

    def after_epoch(self, run: TrainingRun) -> None:
        """Report the epoch's validation accuracy, and ask the pruner."""
        self.trial.report(latest_metric(run, "val_accuracy", "the trial"), run.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"after epoch {run.epoch}")


_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": functools.partial(torch.optim.Adam, fused=True),  # a step in one call: a third of the time
    "RMSprop": torch.optim.RMSprop,
    "SGD": torch.optim.SGD,
}


@dataclass(frozen=True)
class FullyConnectedObjective:
    """The validation accuracy of a fully connected network: the space of Optuna's own PyTorch example.

    One to three hidden layers of 4 to 128 units, each with a dropout of 0.2 to 0.5; Adam, RMSprop or SGD; a rate from
    1e-5 to 1e-1. The example draws 30 batches of 128 in each of 10 epochs and validates on 1,280 images.
    Source: https://github.com/optuna/optuna-examples/blob/main/pytorch/pytorch_simple.py

    The seed and the trial's number decide its weights and its batches. To measure a choice of hyperparameters again
    with other ones, call the objective with `optuna.trial.FixedTrial(params, number=...)` and a number of no trial.

    Attributes:
        dataset: A name that `load_dataset` knows.
        n_epochs: Epochs a trial.
        n_batches: Batches an epoch, drawn from the whole training part.
        batch_size: Images a batch.
        n_val: Images that the accuracy is measured on.
        part: Which part they are from: "val", or "test" for the winner, once.
        seed: Base seed of the trials, and the seed of the data set's parts.
        device: As for `get_device`.
    """

    dataset: str = "mnist"
    n_epochs: int = 10
    n_batches: int = 30
    batch_size: int = 128
    n_val: int = 1280
    part: Literal["val", "test"] = "val"
    seed: int = 0
    device: str = "auto"

    def __call__(self, trial: BaseTrial) -> float:
        """Train a network as the trial suggests, and return its accuracy."""
        data, device = _load_once(self.dataset, self.seed), get_device(self.device)
        trial_seed = seed_of_trial(self.seed, trial.number)
        set_seed(trial_seed)
        model = self.make_model(trial, math.prod(data.image_shape), data.num_classes).to(device)
        make_optimizer = _OPTIMIZERS[trial.suggest_categorical("optimizer", list(_OPTIMIZERS))]
        optimizer = make_optimizer(model.parameters(), lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True))
        batches = TensorLoader(*data.train, self.batch_size, shuffle=True, seed=trial_seed, device=device)
        inputs, targets = getattr(data, self.part)
        history = train_model(
            model,
            optimizer,
            _FirstBatches(batches, self.n_batches),
            self.n_epochs,
            nn.functional.cross_entropy,
            device,
            val_dataloader=TensorLoader(inputs[: self.n_val], targets[: self.n_val], 640, device=device),
            callbacks=[ReportToTrial(trial)],
            progress=False,
        )
        return history.val_accuracy[-1]

    @staticmethod
    def make_model(trial: BaseTrial, n_inputs: int, num_classes: int) -> nn.Sequential:
        """Make the network that a trial suggests."""
        layers: list[nn.Module] = [nn.Flatten()]
        for i in range(trial.suggest_int("n_layers", 1, 3)):
            n_units = trial.suggest_int(f"n_units_l{i}", 4, 128)
            dropout = trial.suggest_float(f"dropout_l{i}", 0.2, 0.5)
            layers += [nn.Linear(n_inputs, n_units), nn.ReLU(), nn.Dropout(dropout)]
            n_inputs = n_units
        return nn.Sequential(*layers, nn.Linear(n_inputs, num_classes))


@functools.lru_cache(maxsize=2)  # every trial of a process uses the same images
def _load_once(name: str, seed: int, subset_size: int | None = None, image_size: int | None = None) -> Dataset:
    return load_dataset(name, seed=seed, subset_size=subset_size, image_size=image_size)


@dataclass(frozen=True)
class _FirstBatches:
    """The first batches of each epoch of a loader."""

    loader: TensorLoader
    n_batches: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return itertools.islice(iter(self.loader), self.n_batches)

    def __len__(self) -> int:
        return min(self.n_batches, len(self.loader))


@dataclass(frozen=True)
class FlexibleCNNObjective:
    """The validation accuracy of a `FlexibleCNN`, trained with `train_with_recipe`; or that and its size.

    One to three blocks, each with filters and a kernel size of its own, one dropout and one classifier width. The seed
    and the trial's number decide its weights and its batches, as in `FullyConnectedObjective`.

    Attributes:
        dataset: A name that `load_dataset` knows.
        subset_size: The number of training images; all by default.
        image_size: Height and width in pixels; those of the data set by default.
        n_epochs: Epochs a trial.
        max_layers: The largest number of blocks.
        n_filters: Smallest and largest number of filters of a block.
        kernel_sizes: The kernel sizes to choose from.
        dropout_rate: Smallest and largest dropout.
        fc_size: Smallest and largest width of the classifier.
        log_scale: Whether filters and width are searched on a log scale, where small networks are as likely as large
            ones; if not, all numbers are equally likely.
        recipe: Further arguments of `train_with_recipe`, such as `{"flip": False}` for digits.
        with_size: Whether to return the size in MB (1024² bytes of parameters) as a second value, to be minimized.
        part: Which part the accuracy is measured on: "val", or "test" for the winner, once.
        seed: Base seed of the trials, and the seed of the data set's parts.
        device: As for `get_device`.
    """

    dataset: str = "shapes"
    subset_size: int | None = None
    image_size: int | None = None
    n_epochs: int = 10
    max_layers: int = 3
    n_filters: tuple[int, int] = (16, 128)
    kernel_sizes: tuple[int, ...] = (3, 5)
    dropout_rate: tuple[float, float] = (0.1, 0.5)
    fc_size: tuple[int, int] = (64, 256)
    log_scale: bool = True
    recipe: Mapping[str, Any] = field(default_factory=dict)
    with_size: bool = False
    part: Literal["val", "test"] = "val"
    seed: int = 0
    device: str = "auto"

    def __call__(self, trial: BaseTrial) -> float | tuple[float, float]:
        """Train a network as the trial suggests, and return its accuracy (and its size)."""
        data, device = _load_once(self.dataset, self.seed, self.subset_size, self.image_size), get_device(self.device)
        trial_seed = seed_of_trial(self.seed, trial.number)
        set_seed(trial_seed)
        model = self.make_model(trial, data)
        history = train_with_recipe(
            model,
            data,
            self.n_epochs,
            part=self.part,
            seed=trial_seed,
            device=device,
            callbacks=[] if self.with_size else [ReportToTrial(trial)],
            **self.recipe,
        )
        if not self.with_size:
            return history.val_accuracy[-1]
        return history.val_accuracy[-1], sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20

    def make_model(self, trial: BaseTrial, data: Dataset) -> FlexibleCNN:
        """Make the network that a trial suggests; what a block has exists only for the blocks that there are."""
        n_layers = trial.suggest_int("n_layers", 1, self.max_layers)
        channels, image_size, _ = data.image_shape
        return FlexibleCNN(
            n_layers,
            [trial.suggest_int(f"n_filters_{i}", *self.n_filters, log=self.log_scale) for i in range(n_layers)],
            [trial.suggest_categorical(f"kernel_size_{i}", self.kernel_sizes) for i in range(n_layers)],
            trial.suggest_float("dropout_rate", *self.dropout_rate),
            trial.suggest_int("fc_size", *self.fc_size, log=self.log_scale),
            num_classes=data.num_classes,
            in_channels=channels,
            image_size=image_size,
            batch_norm=True,
        )
