"""A study of 20 small networks on 10,000 CIFAR-10 images with a good recipe, beside the recipe of a published course.

Each trial is a `FlexibleCNN` of one to three blocks (16 to 128 filters, kernels of 3 or 5, dropout 0.1 to 0.5, a
classifier of 64 to 256 units), trained with `train_with_recipe` for 10 epochs on 8,000 images and validated on 2,000.
The first trial is an ordinary network, the others are TPE's; successive halving ends the worse ones early. The winner
is trained again with fresh seeds: with the whole recipe, with one part of it left out, and with the published recipe
(Adam at 1e-3, no augmentation, no batch norm, no schedule). All of them are measured on the test part too.

Needs CIFAR-10 in the data directory (`HELPER_UTILS_DATA`), or `--dataset folder:PATH` with its images in folders.
"""

import argparse
import functools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import optuna
import torch
from optuna.pruners import SuccessiveHalvingPruner
from optuna.samplers import TPESampler
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial
from torch import Tensor, nn

from helper_utils.base.seeds import set_seed
from helper_utils.base.training import evaluate_accuracy, train_model
from helper_utils.data import Dataset, TensorLoader, load_dataset
from helper_utils.flexible_cnn import FlexibleCNN, train_with_recipe
from helper_utils.optuna_tuning import FlexibleCNNObjective, run_study

N_TRIALS, N_EPOCHS, N_TRAIN, N_WORKERS = 20, 10, 8000, 2
N_FRESH_SEEDS = 3
KNOWN_SETTING = {  # an ordinary small network: the first trial
    "n_layers": 3,
    **{f"n_filters_{i}": n for i, n in enumerate((32, 64, 64))},
    **{f"kernel_size_{i}": 3 for i in range(3)},
    "dropout_rate": 0.2,
    "fc_size": 128,
}
WHOLE, PUBLISHED = "the whole recipe", "the published recipe (best there: 0.556)"
RECIPES: dict[str, dict[str, Any]] = {  # what each changes in the arguments of the network and of the recipe
    WHOLE: {},
    "AdamW for the convolutions too": {"use_muon": False},
    "no flips, no shifts": {"flip": False, "max_shift": 0},
    "no label smoothing": {"label_smoothing": 0.0},
    "no batch norm": {"batch_norm": False},
    PUBLISHED: {"batch_norm": False},
}


class MixedPrecisionCNN(FlexibleCNN):
    """Compute the convolutions in bfloat16, where the processor has fast instructions for it."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits in float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(images).float()


class Objective(FlexibleCNNObjective):
    """The package's objective, in mixed precision."""

    def make_model(self, trial: BaseTrial, data: Dataset) -> MixedPrecisionCNN:
        """Make the network that a trial suggests."""
        return MixedPrecisionCNN(**super().make_model(trial, data).settings)


def train_as_published(model: nn.Module, data: Dataset, seed: int) -> None:
    """Train as the published course does."""
    train_model(
        model,
        torch.optim.Adam(model.parameters(), lr=1e-3),
        TensorLoader(*data.train, batch_size=64, shuffle=True, seed=seed),
        N_EPOCHS,
        nn.functional.cross_entropy,
        "cpu",
        progress=False,
    )


def accuracies(dataset: str, data_seed: int, winner: dict[str, Any], name: str, seed: int) -> tuple[float, float]:
    """Train the winner's architecture by a recipe; returns the accuracies on the validation and on the test part."""
    torch.set_num_threads(1)
    data = load_dataset(dataset, subset_size=N_TRAIN, seed=data_seed)
    recipe = dict(RECIPES[name])
    set_seed(seed)
    model = MixedPrecisionCNN(**{**winner, "batch_norm": recipe.pop("batch_norm", True)})
    if name == PUBLISHED:
        train_as_published(model, data, seed)
    else:
        train_with_recipe(model, data, N_EPOCHS, seed=seed, **recipe)
    val, test = (evaluate_accuracy(model, TensorLoader(*part, batch_size=500), "cpu") for part in (data.val, data.test))
    print(f"{name}, seed {seed}: {val:.4f}", file=sys.stderr)
    return val, test


def search(objective: Objective, seed: int) -> tuple[FrozenTrial, int]:
    """Run the study: a known setting first, then TPE; two thirds of the trials end after 2 epochs.

    Returns the best trial, and how many epochs all of them trained.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        new = optuna.create_study(storage=f"sqlite:///{path}", study_name="study", direction="maximize")
        new.enqueue_trial(KNOWN_SETTING)
        study = run_study(
            objective,
            n_trials=N_TRIALS,
            sampler=functools.partial(
                TPESampler, n_startup_trials=5, multivariate=True, group=True, constant_liar=True
            ),
            pruner=SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
            storage=path,
            n_workers=N_WORKERS,
            seed=seed,
        )
        return study.best_trial, sum(len(trial.intermediate_values) for trial in study.trials)


def main() -> None:
    """Run the study and print the section of the results."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dataset", default="cifar10", help="or folder:PATH")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seed = options.seed

    objective = Objective(
        options.dataset, subset_size=N_TRAIN, n_epochs=N_EPOCHS, log_scale=False, seed=seed, device="cpu"
    )
    start = time.perf_counter()
    best, n_epochs = search(objective, seed)
    seconds = time.perf_counter() - start
    print(f"best {best.value:.4f} of {n_epochs} epochs: {best.params}", file=sys.stderr)

    data = load_dataset(options.dataset, subset_size=N_TRAIN, seed=seed)
    winner = objective.make_model(FixedTrial(best.params), data).settings
    fresh_seeds = range(1000 * (seed + 1), 1000 * (seed + 1) + N_FRESH_SEEDS)
    jobs = [(options.dataset, seed, winner, name, fresh_seed) for name in RECIPES for fresh_seed in fresh_seeds]
    with joblib.parallel_config("loky", n_jobs=N_WORKERS, inner_max_num_threads=1):
        results = list(joblib.Parallel()(joblib.delayed(accuracies)(*job) for job in jobs) or [])
    of_recipe = {name: results[i * N_FRESH_SEEDS : (i + 1) * N_FRESH_SEEDS] for i, name in enumerate(RECIPES)}

    n_filters = ", ".join(map(str, winner["n_filters"]))
    kernels = ", ".join(map(str, winner["kernel_sizes"]))
    images = (
        "read from files (the image files here are JPEG, re-encoded)" if ":" in options.dataset else options.dataset
    )
    print(
        f"{N_TRIALS} trials on {N_WORKERS} processes, seed {seed}; images: {images}; {N_TRAIN} to train, "
        f"{len(data.val.targets)} to validate, {len(data.test.targets)} to test. The winner: filters {n_filters}; "
        f"kernels {kernels}; dropout {winner['dropout_rate']:.2f}; classifier of {winner['fc_size']} units. "
        f"Below it: {N_FRESH_SEEDS} fresh seeds, median and range, {N_EPOCHS} epochs each.\n\n"
        "| what | validation accuracy | test accuracy |\n|---|---|---|\n"
        f"| best trial; {n_epochs} epochs in all, {seconds:.0f} s (target: at least 0.73 in at most "
        f"{N_TRIALS * N_EPOCHS // 2}) | {best.value:.3f} | |\n"
        + "\n".join(
            f"| the winner, {name} | "
            + " | ".join(spread(values) for values in zip(*of_recipe[name], strict=True))
            + " |"
            for name in RECIPES
        )
    )


def spread(accuracies: tuple[float, ...]) -> str:
    """Return the median and the range."""
    return f"{statistics.median(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f})"


if __name__ == "__main__":
    main()
