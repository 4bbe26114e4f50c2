"""100 trials of a fully connected network on MNIST, against the same study written as a tutorial writes it.

The space and the budget are those of Optuna's PyTorch example: one to three layers, three optimizers, 10 epochs of 30
batches of 128 images, validated on 1,280; TPE and median pruning. The baseline reads images as people do: torchvision,
`ToTensor`, `DataLoader`, a `break` when enough batches are done. Ours keeps the images in memory and runs two worker
processes. Both are timed whole, the start of our processes included, and compared by the seconds for each epoch that
was trained. Needs MNIST in the data directory (`HELPER_UTILS_DATA`).
"""

from collections.abc import Callable

import optuna
import torch
from timing import alternate, main
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from helper_utils.data.directory import data_directory
from helper_utils.optuna_tuning import FullyConnectedObjective, run_study

N_TRIALS, N_WORKERS = 100, 2
N_TUTORIAL_TRIALS = 10  # a round; they take long
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


def tutorial_study(seed: int) -> optuna.Study:
    """Run some trials of the study as tutorials do."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(by_tutorial, n_trials=N_TUTORIAL_TRIALS)
    return study


def our_study(seed: int) -> optuna.Study:
    """Run the whole study."""
    objective = FullyConnectedObjective(device="cpu", seed=seed)
    return run_study(objective, n_trials=N_TRIALS, n_workers=N_WORKERS, seed=seed, progress=False)


def n_epochs_of(study: optuna.Study) -> int:
    """Count the epochs that were trained; a pruned trial has fewer."""
    return sum(len(trial.intermediate_values) for trial in study.trials)


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    studies: dict[str, list[optuna.Study]] = {"ours": [], "tutorial": []}

    def prepare(name: str, run: Callable[[int], optuna.Study]) -> Callable[[], None]:
        return lambda: studies[name].append(run(len(studies[name])))  # another seed each round

    times = alternate(
        {"ours": lambda: prepare("ours", our_study), "tutorial": lambda: prepare("tutorial", tutorial_study)},
        n_rounds,
        warm_up=False,
    )
    n_epochs = {name: [n_epochs_of(study) for study in studies[name]] for name in studies}
    for name, seconds in times.seconds.items():
        times.seconds[name] = [total / n for total, n in zip(seconds, n_epochs[name], strict=True)]
    what = f"an epoch of a study: {sum(n_epochs['ours'])} epochs of ours, {sum(n_epochs['tutorial'])} of the tutorial's"
    rows = [times.row(what, "ours", "tutorial", "at least 25")]
    for seed, study in enumerate(studies["ours"]):
        seconds = times.seconds["ours"][seed] * n_epochs["ours"][seed]
        rows.append(
            f"| {N_TRIALS} trials, seed {seed}: best accuracy {study.best_value:.3f} "
            f"| {seconds:.1f} s, {n_epochs['ours'][seed]} epochs | | | best at least 0.952 |"
        )
    tutorials_best = ", ".join(f"{study.best_value:.3f}" for study in studies["tutorial"])
    remark = (
        f"Float32 on the CPU; ours: {N_TRIALS} trials on {N_WORKERS} processes; the tutorial's: {N_TUTORIAL_TRIALS} "
        f"trials on all cores, best {tutorials_best}."
    )
    return remark, rows


if __name__ == "__main__":
    main(measure, n_rounds=3)
