"""100 trials of a fully connected network on MNIST, against the same trials written as a tutorial writes them.

The space and the budget are those of Optuna's PyTorch example: one to three layers, three optimizers, 10 epochs of 30
batches of 128 images, validated on 1,280. The baseline reads images as people do: torchvision, `ToTensor`,
`DataLoader`, a `break` when enough batches are done. The table's first line times the same trials in both, in turns and
without pruning; the others are our whole study, with TPE and median pruning. Needs MNIST in the data directory
(`HELPER_UTILS_DATA`).
"""

import time

import optuna
import torch
from timing import alternate, main
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from helper_utils.data.directory import data_directory
from helper_utils.optuna_tuning import FullyConnectedObjective, run_study

N_THREADS = 2
N_TRIALS = 100
N_TIMED_TRIALS = 4  # in a round, the same ones for both
SEEDS = (0, 1, 2)
BATCH_SIZE, N_TRAIN, N_VAL, N_EPOCHS = 128, 30 * 128, 10 * 128, 10


def by_tutorial(trial: optuna.trial.BaseTrial) -> float:
    """Train a trial as tutorials do; returns the accuracy on the first validation batches."""
    model = FullyConnectedObjective.make_model(trial, 28 * 28, 10)
    name = trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"])
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True))
    folder = str(data_directory())
    train_loader, val_loader = (
        DataLoader(
            datasets.MNIST(folder, train=train, transform=transforms.ToTensor()), batch_size=BATCH_SIZE, shuffle=True
        )
        for train in (True, False)
    )
    accuracy = 0.0
    for epoch in range(N_EPOCHS):
        model.train()
        for batch, (inputs, targets) in enumerate(train_loader):
            if batch * BATCH_SIZE >= N_TRAIN:
                break
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        model.eval()
        n_correct = 0
        with torch.no_grad():
            for batch, (inputs, targets) in enumerate(val_loader):
                if batch * BATCH_SIZE >= N_VAL:
                    break
                n_correct += (model(inputs).argmax(dim=1) == targets).sum().item()
        accuracy = n_correct / N_VAL
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


def some_trials(seed: int) -> list[optuna.trial.FixedTrial]:
    """Draw trials at random, for both to train."""
    study = run_study(
        _suggest_only, n_trials=N_TIMED_TRIALS, sampler=optuna.samplers.RandomSampler, seed=seed, progress=False
    )
    return [optuna.trial.FixedTrial(trial.params, number=trial.number) for trial in study.trials]


def _suggest_only(trial: optuna.Trial) -> float:
    FullyConnectedObjective.make_model(trial, 28 * 28, 10)
    trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"])
    return trial.suggest_float("lr", 1e-5, 1e-1, log=True)


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    objective = FullyConnectedObjective(device="cpu")
    rounds = iter([some_trials(seed) for seed in range(n_rounds + 1) for _ in range(2)])  # a warm-up, and both ways

    def prepare(train):
        trials = next(rounds)
        return lambda: [train(trial) for trial in trials]

    times = alternate({"ours": lambda: prepare(objective), "tutorial": lambda: prepare(by_tutorial)}, n_rounds)
    rows = [
        times.row(f"{N_TIMED_TRIALS} trials, {N_TIMED_TRIALS * N_EPOCHS} epochs", "ours", "tutorial", "at least 25")
    ]
    for seed in SEEDS:
        start = time.perf_counter()
        study = run_study(FullyConnectedObjective(device="cpu", seed=seed), n_trials=N_TRIALS, seed=seed)
        seconds = time.perf_counter() - start
        n_epochs = sum(len(trial.intermediate_values) for trial in study.trials)
        rows.append(
            f"| study of {N_TRIALS} trials, seed {seed}: best accuracy {study.best_value:.3f} "
            f"| {seconds:.1f} s, {n_epochs} epochs | | | best at least 0.952 |"
        )
    return f"{N_THREADS} threads, float32 on the CPU.", rows


if __name__ == "__main__":
    main(measure, n_rounds=5)
