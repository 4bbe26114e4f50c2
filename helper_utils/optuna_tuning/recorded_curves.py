"""Learning curves of real trainings, recorded once, so that a search over hyperparameters can be replayed in no time.

The table holds every point of a grid of hyperparameters, each trained several times with other seeds. A replayed trial
looks its training up where a real one computes it: thousands of studies can be compared in seconds, and each sees the
numbers that it would have seen. benchmarks/record_curves.py made the table, and can make it again.
"""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from optuna.trial import BaseTrial, FrozenTrial
from torch import nn

from helper_utils.base.many_runs import ManyRuns, train_many
from helper_utils.data.datasets import Dataset, load_dataset

TABLE = Path(__file__).with_suffix(".npz")
"""The table that is shipped: arrays of integers, read without pickles."""

GRID: dict[str, tuple] = {
    "optimizer": ("SGD", "Adam"),
    "n_layers": (1, 2),
    "n_units": (4, 8, 16, 32, 64, 128),
    "dropout": (0.0, 0.2, 0.4, 0.6),
    "batch_size": (8, 32, 128),
    "lr": tuple(10 ** (exponent / 2) for exponent in range(-10, 1)),
}
"""The recorded values of each hyperparameter, in the order of the table's axes. SGD has a momentum of 0.9."""
LOG_SCALED = ("n_units", "lr")
N_INPUTS, N_CLASSES = 64, 10
N_RUNS = 4
"""How often each point was trained, with other weights and batches each time."""
N_EPOCHS = 10
OPTIMIZERS = {"SGD": functools.partial(torch.optim.SGD, momentum=0.9), "Adam": torch.optim.Adam}
LOSS_SCALE = 1000
"""Losses are stored in thousandths, up to `LARGEST_LOSS`; a larger one, or nan, counts as that."""
LARGEST_LOSS = 60.0


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


@dataclass(frozen=True, eq=False, repr=False)
class RecordedCurves:
    """The recorded trainings. The first six axes of every array are the hyperparameters of `GRID`, the next the runs.

    Attributes:
        val_accuracies: In [0, 1], after each epoch, shape (*grid, runs, epochs).
        val_losses: Log loss on the validation part after the last epoch, shape (*grid, runs).
        test_accuracies: After the last epoch, shape (*grid, runs).
        made_by: The command that made the table, and its version of torch.
    """

    val_accuracies: NDArray[np.float64]
    val_losses: NDArray[np.float64]
    test_accuracies: NDArray[np.float64]
    made_by: str

    def __repr__(self) -> str:
        """Name the axes: a number of values for each hyperparameter, the runs, the epochs."""
        *grid, n_runs, n_epochs = self.val_accuracies.shape
        axes = " x ".join(f"{n} {name}" for n, name in zip(grid, GRID, strict=True))
        return f"RecordedCurves({axes}; {n_runs} runs, {n_epochs} epochs)"

    @classmethod
    def load(cls, path: Path = TABLE) -> "RecordedCurves":
        """Read the table.

        Args:
            path: Another one than the one that is shipped.

        Raises:
            ValueError: The table is one of another grid.
        """
        with np.load(path, allow_pickle=False) as arrays:
            curves = cls(
                val_accuracies=arrays["val_correct"] / arrays["n_val"],
                val_losses=arrays["val_loss"] / LOSS_SCALE,
                test_accuracies=arrays["test_correct"] / arrays["n_test"],
                made_by=str(arrays["made_by"]),
            )
        expected = (*map(len, GRID.values()), N_RUNS, N_EPOCHS)
        if curves.val_accuracies.shape != expected:
            raise ValueError(
                f"{path} has the shape {curves.val_accuracies.shape}, not {expected}: make it again with "
                "benchmarks/record_curves.py"
            )
        return curves

    @property
    def n_points(self) -> int:
        """The number of points of the grid."""
        return math.prod(map(len, GRID.values()))

    @staticmethod
    def index(params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the place of the recorded point that is nearest to a choice of hyperparameters.

        Rates and widths are compared on a logarithmic scale, since they are searched on one.

        Args:
            params: A value for each hyperparameter of `GRID`, or an array of them for many choices at once.

        Returns:
            An index for each of the first axes of the arrays: numbers, or arrays of the values' shape.

        Raises:
            ValueError: A hyperparameter is missing or unknown, or a value is not a number or a name of the grid.
        """
        if set(params) != set(GRID):
            raise ValueError(f"params must have the hyperparameters {', '.join(GRID)}, not {', '.join(params)}")
        return tuple(_nearest(name, params[name]) for name in GRID)

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


def _nearest(name: str, values: Any) -> Any:
    """Return the index of the nearest value of a hyperparameter, or of many."""
    grid, values = np.array(GRID[name]), np.asarray(values)
    if grid.dtype.kind == "U" or name == "batch_size":  # choices without an order
        unknown = set(values.ravel().tolist()) - set(GRID[name])
        if unknown:
            raise ValueError(f"{name} must be one of {GRID[name]}, not {unknown.pop()!r}")
        distances = (values[..., None] != grid).astype(float)
    else:
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise ValueError(f"{name} must be a number from {grid[0]:g} to {grid[-1]:g}, not {values}")
        if name in LOG_SCALED:
            if (values <= 0).any():
                raise ValueError(f"{name} must be above 0, not {values}")
            grid, values = np.log(grid), np.log(values)
        distances = np.abs(values[..., None] - grid)
    nearest = distances.argmin(axis=-1)
    return int(nearest) if nearest.ndim == 0 else nearest


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
    n_layers, n_units = (GRID[name][_nearest(name, params[name])] for name in ("n_layers", "n_units"))
    sizes = [N_INPUTS, *[n_units] * n_layers, N_CLASSES]
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))
