"""A study of 20 small networks on 10,000 CIFAR-10 images with a good recipe, beside the recipe of a published course.

Each trial is a `FlexibleCNN` of one to three blocks (16 to 128 filters, kernels of 3 or 5, dropout 0.1 to 0.5, a
classifier of 64 to 256 units), trained with `train_with_recipe` for 10 epochs on 8,000 images and validated on 2,000.
Successive halving ends the worse ones early. The winner is trained again with fresh seeds, and one of these networks is
measured on the test part. The published recipe (Adam at 1e-3, no augmentation, no batch norm, no schedule) trains
the winner's architecture too.

Needs CIFAR-10 in the data directory (`HELPER_UTILS_DATA`), or `--dataset folder:PATH` with its images in folders.
"""

import argparse
import statistics
import time

import torch
from optuna.pruners import SuccessiveHalvingPruner
from optuna.trial import BaseTrial, FixedTrial
from torch import Tensor, nn

from helper_utils.data import Dataset, TensorLoader, load_dataset
from helper_utils.devices import set_seed
from helper_utils.flexible_cnn import FlexibleCNN
from helper_utils.optuna_tuning import FlexibleCNNObjective, run_study, train_with_recipe
from helper_utils.training import evaluate_accuracy, train_model

N_TRIALS, N_EPOCHS, N_TRAIN, N_WORKERS = 20, 10, 8000, 2
N_FRESH_SEEDS = 3


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


def train_as_published(model: nn.Module, data: Dataset, seed: int) -> float:
    """Train as the published course does; returns the validation accuracy after the last epoch."""
    history = train_model(
        model,
        torch.optim.Adam(model.parameters(), lr=1e-3),
        TensorLoader(*data.train, batch_size=64, shuffle=True, seed=seed),
        N_EPOCHS,
        nn.functional.cross_entropy,
        "cpu",
        val_dataloader=TensorLoader(*data.val, batch_size=500),
    )
    return history.val_accuracy[-1]


def main() -> None:
    """Run the study and print the section of the results."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dataset", default="cifar10", help="or folder:PATH")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seed = options.seed

    objective = Objective(
        options.dataset, subset_size=N_TRAIN, n_epochs=N_EPOCHS, seed=seed, device="cpu", recipe={"max_shift": 4}
    )
    start = time.perf_counter()
    study = run_study(
        objective,
        n_trials=N_TRIALS,
        pruner=SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
        n_workers=N_WORKERS,
        seed=seed,
    )
    seconds = time.perf_counter() - start
    n_epochs = sum(len(trial.intermediate_values) for trial in study.trials)

    data = load_dataset(options.dataset, subset_size=N_TRAIN, seed=seed)
    winner = objective.make_model(FixedTrial(study.best_params), data).settings
    fresh, published = [], []
    model = MixedPrecisionCNN(**winner)
    for fresh_seed in range(1000 * (seed + 1), 1000 * (seed + 1) + N_FRESH_SEEDS):
        set_seed(fresh_seed)
        model = MixedPrecisionCNN(**winner)
        history = train_with_recipe(model, data, N_EPOCHS, seed=fresh_seed, **objective.recipe)
        fresh.append(history.val_accuracy[-1])
        set_seed(fresh_seed)
        published.append(train_as_published(MixedPrecisionCNN(**{**winner, "batch_norm": False}), data, fresh_seed))
    test_accuracy = evaluate_accuracy(model, TensorLoader(*data.test, batch_size=500), "cpu")

    n_filters = ", ".join(map(str, winner["n_filters"]))
    kernels = ", ".join(map(str, winner["kernel_sizes"]))
    images = "read from files (the image files here are JPEG, re-encoded)" if ":" in options.dataset else "CIFAR-10"
    print(
        f"{N_TRIALS} trials on {N_WORKERS} processes, seed {seed}; images: {images}; {N_TRAIN} to train, "
        f"{len(data.val.targets)} to validate, {len(data.test.targets)} to test. The winner: filters {n_filters}; "
        f"kernels {kernels}; dropout {winner['dropout_rate']:.2f}; classifier of {winner['fc_size']} units.\n\n"
        "| what | accuracy | epochs | target |\n|---|---|---|---|\n"
        f"| best trial of the study, validation | {study.best_value:.3f} | {n_epochs} in all, {seconds:.0f} s "
        f"| at least 0.73 in at most {N_TRIALS * N_EPOCHS // 2} |\n"
        f"| the winner with fresh seeds, validation | {spread(fresh)} | {N_EPOCHS} each | |\n"
        f"| one of these networks, test | {test_accuracy:.3f} | | |\n"
        f"| the winner's architecture with the published recipe, validation | {spread(published)} "
        f"| {N_EPOCHS} each | published: 0.556 |"
    )


def spread(accuracies: list[float]) -> str:
    """Return the median and the range."""
    return f"{statistics.median(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f})"


if __name__ == "__main__":
    main()
