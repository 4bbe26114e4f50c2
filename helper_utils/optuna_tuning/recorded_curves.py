"""Learning curves of real trainings, recorded once, so that a search over hyperparameters can be replayed in no time.

The table (`helper_utils.data.recorded_curves`) holds every point of a grid of hyperparameters, each trained several
times with other seeds. A replayed trial looks its training up where a real one computes it: thousands of studies can
be compared in seconds, and each sees the numbers that it would have seen. benchmarks/record_curves.py made the table,
and can make it again.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from optuna.trial import BaseTrial, FrozenTrial
from torch import nn

from helper_utils.base.many_runs import ManyRuns, train_many
from helper_utils.data.datasets import Dataset, load_dataset
from helper_utils.data.recorded_curves import GRID as GRID
from helper_utils.data.recorded_curves import LARGEST_LOSS as LARGEST_LOSS
from helper_utils.data.recorded_curves import LOG_SCALED as LOG_SCALED
from helper_utils.data.recorded_curves import LOSS_SCALE as LOSS_SCALE
from helper_utils.data.recorded_curves import N_EPOCHS as N_EPOCHS
from helper_utils.data.recorded_curves import N_RUNS as N_RUNS
from helper_utils.data.recorded_curves import TABLE as TABLE
from helper_utils.data.recorded_curves import RecordedTable, nearest_index

N_INPUTS, N_CLASSES = 64, 10
OPTIMIZERS = {"SGD": functools.partial(torch.optim.SGD, momentum=0.9), "Adam": torch.optim.Adam}


def load_images() -> Dataset:
    """Return the images that the recorded networks learned from: 400 digits; 288 validate, 359 test."""
    return load_dataset("digits", subset_size=400, seed=0)


def make_network(n_layers: int, n_units: int, dropout: float) -> nn.Sequential:
    """Make a fully connected network with hidden layers of one width, each with ReLU and dropout."""
    layers: list[nn.Module] = [nn.Flatten()]
    n_inputs = N_INPUTS
    for _ in range(n_layers):
        layers += [nn.Linear(n_inputs, n_units), nn.ReLU(), nn.Dropout(dropout)]
        n_inputs = n_units
    return nn.Sequential(*layers, nn.Linear(n_inputs, N_CLASSES))


def train_point(point: Mapping[str, Any], data: Dataset, *, lrs: Sequence[float], seeds: Sequence[int]) -> ManyRuns:
    """Train a point of the grid (all but its rate) with each rate and each seed, as the table was made.

    Args:
        point: A value for each hyperparameter; its "lr" is not used.
        data: As from `load_images`.
        lrs: The learning rates.
        seeds: Of the weights and the batches.
    """
    return train_many(
        functools.partial(make_network, point["n_layers"], point["n_units"], point["dropout"]),
        data.train,
        lrs=lrs,
        seeds=seeds,
        n_epochs=N_EPOCHS,
        batch_size=point["batch_size"],
        make_optimizer=OPTIMIZERS[point["optimizer"]],
        val=data.val,
    )


class RecordedCurves(RecordedTable):
    """The recorded table, with objectives for Optuna that replay it."""

    def objective(
        self,
        *,
        seed: int = 0,
        fixed: Mapping[str, Any] | None = None,
        metric: Literal["accuracy", "error", "log_loss"] = "accuracy",
        with_size: bool = False,
    ) -> "ReplayedObjective":
        """Return an objective for a study, as `ReplayedObjective` describes."""
        return ReplayedObjective(self, seed=seed, fixed=fixed or {}, metric=metric, with_size=with_size)


@dataclass
class ReplayedObjective:
    """What an objective that trains would do, replayed: suggest, report after each epoch, ask the pruner, return.

    Rates, widths and dropouts are searched on continuous scales and rounded to the nearest recorded value. Which of a
    point's recorded runs a trial sees follows from the seed and the trial's number, as a real training's weights would.

    Attributes:
        curves: The table.
        seed: Decides which run each trial sees.
        fixed: Hyperparameters that are not searched, with their values.
        metric: What is returned and reported: "accuracy" and "error" (its complement) after each epoch; "log_loss",
            which was recorded after the last epoch only, and is not reported.
        with_size: Whether to return the number of parameters as a second value. Nothing is reported then.
        n_epochs_used: How many epochs the trials so far would have trained.
    """

    curves: RecordedCurves
    seed: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    metric: Literal["accuracy", "error", "log_loss"] = "accuracy"
    with_size: bool = False
    n_epochs_used: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.metric not in ("accuracy", "error", "log_loss"):
            raise ValueError(f"metric must be 'accuracy', 'error' or 'log_loss', not {self.metric!r}")
        if set(self.fixed) - set(GRID):
            raise ValueError(f"fixed may have the hyperparameters {', '.join(GRID)}, not {', '.join(self.fixed)}")

    def __call__(self, trial: BaseTrial) -> float | tuple[float, float]:
        """Replay the training of the hyperparameters that a trial suggests.

        Raises:
            optuna.TrialPruned: After an epoch, where the study's pruner says so.
        """
        params = {**self.suggest(trial), **self.fixed}
        place = (*self.curves.index(params), self.run_of(trial.number))
        curve = self.curves.val_accuracies[place]
        values = 1 - curve if self.metric == "error" else curve
        if self.metric == "log_loss":
            values = [self.curves.val_losses[place]]
        elif not self.with_size:
            for epoch, value in enumerate(values, 1):
                self.n_epochs_used += 1
                trial.report(float(value), epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned(f"after epoch {epoch}")
            return float(values[-1])
        self.n_epochs_used += len(curve)
        return (float(values[-1]), n_parameters(params)) if self.with_size else float(values[-1])

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """Let a trial suggest every hyperparameter that is not fixed."""
        suggestions = {
            "optimizer": lambda: trial.suggest_categorical("optimizer", GRID["optimizer"]),
            "n_layers": lambda: trial.suggest_int("n_layers", *GRID["n_layers"]),
            "n_units": lambda: trial.suggest_int("n_units", GRID["n_units"][0], GRID["n_units"][-1], log=True),
            "dropout": lambda: trial.suggest_float("dropout", GRID["dropout"][0], GRID["dropout"][-1]),
            "batch_size": lambda: trial.suggest_categorical("batch_size", GRID["batch_size"]),
            "lr": lambda: trial.suggest_float("lr", GRID["lr"][0], GRID["lr"][-1], log=True),
        }
        return {name: suggest() for name, suggest in suggestions.items() if name not in self.fixed}

    def run_of(self, number: int) -> int:
        """Return which of the recorded runs the trial of that number sees."""
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0] % N_RUNS)

    def fresh(self, trial: FrozenTrial, part: Literal["val", "test"] = "val") -> NDArray[np.float64]:
        """Return the accuracies of a trial's hyperparameters with fresh seeds: of the runs that the trial did not see.

        Args:
            trial: Such as `study.best_trial`.
            part: What the accuracy is measured on.
        """
        place = self.curves.index({**trial.params, **self.fixed})
        accuracies = self.curves.test_accuracies[place] if part == "test" else self.curves.val_accuracies[place][:, -1]
        return np.delete(accuracies, self.run_of(trial.number))


def n_parameters(params: Mapping[str, Any]) -> int:
    """Return how many parameters the network of a choice of hyperparameters has, after rounding to a recorded one."""
    n_layers, n_units = (GRID[name][nearest_index(name, params[name])] for name in ("n_layers", "n_units"))
    sizes = [N_INPUTS, *[n_units] * n_layers, N_CLASSES]
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))
