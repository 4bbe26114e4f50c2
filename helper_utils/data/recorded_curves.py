"""The table of learning curves of real trainings, recorded once, from which searches are replayed in no time.

It holds every point of a grid of hyperparameters, each trained several times with other seeds. Lesson 13 looks up its
trials here, and so does lesson 14 (`helper_utils.optuna_tuning.recorded_curves`, which also trains the points).
benchmarks/record_curves.py made the table, and can make it again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

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
N_RUNS = 4
"""How often each point was trained, with other weights and batches each time."""
N_EPOCHS = 10
LOSS_SCALE = 1000
"""Losses are stored in thousandths, up to `LARGEST_LOSS`; a larger one, or nan, counts as that."""
LARGEST_LOSS = 60.0


@dataclass(frozen=True, eq=False, repr=False)
class RecordedTable:
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
        return f"{type(self).__name__}({axes}; {n_runs} runs, {n_epochs} epochs)"

    @classmethod
    def load(cls, path: Path = TABLE) -> Self:
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
        return tuple(nearest_index(name, params[name]) for name in GRID)


def nearest_index(name: str, values: Any) -> Any:
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
