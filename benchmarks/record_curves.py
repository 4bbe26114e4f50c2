"""Record the learning curves that lesson 14 replays: every point of a grid of hyperparameters, four times each.

It trains the 12,672 networks of `GRID` and writes the table, `helper_utils/data/recorded_curves.npz`, in about ten
minutes. It measures no speed, so `run_all.py` does not run it.
"""

import argparse
import itertools
import math
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from helper_utils.base.seeds import spawn_seeds
from helper_utils.optuna_tuning.recorded_curves import (
    GRID,
    LARGEST_LOSS,
    LOSS_SCALE,
    N_EPOCHS,
    N_RUNS,
    TABLE,
    load_images,
    train_point,
)

COMMAND = "OMP_NUM_THREADS=1 python benchmarks/record_curves.py"


def record() -> dict[str, np.ndarray]:
    """Train every point of the grid and return the arrays of the table."""
    data = load_images()
    n_val, n_test = len(data.val.targets), len(data.test.targets)
    *others, last = GRID  # the rates are trained together
    assert last == "lr"  # noqa: S101
    shape = (*map(len, GRID.values()), N_RUNS)
    val_correct = np.zeros((*shape, N_EPOCHS), dtype=np.uint16)
    test_correct, val_loss = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.uint16)
    indices = list(itertools.product(*(range(len(GRID[name])) for name in others)))
    for number, index in enumerate(tqdm(indices, unit="point")):
        point = {name: GRID[name][i] for name, i in zip(others, index, strict=True)}
        runs = train_point(point, data, lrs=GRID["lr"], seeds=spawn_seeds(number, N_RUNS))
        val_correct[index] = torch.round(runs.val_accuracies * n_val)
        test_correct[index] = torch.round(runs.evaluate(data.test)[1] * n_test)
        losses = runs.val_losses[..., -1].nan_to_num(math.inf).clamp(max=LARGEST_LOSS)
        val_loss[index] = torch.round(losses * LOSS_SCALE)
    return {
        "val_correct": val_correct,
        "test_correct": test_correct,
        "val_loss": val_loss,
        "n_val": np.array(n_val),
        "n_test": np.array(n_test),
        "made_by": np.array(f"{COMMAND} (torch {torch.__version__})"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record the learning curves that lesson 14 replays.")
    parser.add_argument("--output", type=Path, default=TABLE, help="the file to write")
    np.savez_compressed(parser.parse_args().output, **record())  # pyright: ignore[reportArgumentType]
