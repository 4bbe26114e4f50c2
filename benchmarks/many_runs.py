"""`train_many` against the same runs one after the other, each in the plain loop with torch's optimizer."""

from functools import partial

import torch
from timing import alternate, main
from torch import Tensor, nn

from helper_utils import load_dataset, set_seed, spawn_seeds
from helper_utils.base.many_runs import train_many

N_THREADS = 1
LRS, SEEDS, N_EPOCHS, BATCH_SIZE = [10 ** (k / 4) for k in range(-15, -5)], spawn_seeds(0, 10), 2, 32
make_optimizer = partial(torch.optim.SGD, momentum=0.9)
train = load_dataset("digits").train


def make_model() -> nn.Module:
    """Make the small network of which many are trained."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def together() -> Tensor:
    """Train all runs at once; returns the loss of each one's last batch."""
    runs = train_many(
        make_model,
        train,
        lrs=LRS,
        seeds=SEEDS,
        n_epochs=N_EPOCHS,
        batch_size=BATCH_SIZE,
        make_optimizer=make_optimizer,
    )
    return runs.batch_losses[..., -1]


def one_by_one() -> Tensor:
    """Train run by run, as a textbook does; returns the same."""
    return torch.tensor([[train_one(lr, seed) for seed in SEEDS] for lr in LRS])


def train_one(lr: float, seed: int) -> float:
    """Train one network; returns the loss of its last batch."""
    set_seed(seed)
    model = make_model()
    optimizer = make_optimizer(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    loss = torch.tensor(torch.nan)
    for _ in range(N_EPOCHS):
        order = torch.randperm(len(train.targets), generator=generator)
        for chosen in order[: len(order) // BATCH_SIZE * BATCH_SIZE].split(BATCH_SIZE):
            loss = nn.functional.cross_entropy(model(train.inputs[chosen]), train.targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the line of the table."""
    torch.set_num_threads(N_THREADS)
    times = alternate({"train_many": lambda: together, "one by one": lambda: one_by_one}, n_rounds)
    losses = list(times.results.values())
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-2, atol=1e-3)  # the same runs, to rounding
    what = f"{len(LRS) * len(SEEDS)} runs of a small MLP on digits, {N_EPOCHS} epochs"
    return f"{N_THREADS} thread, batches of {BATCH_SIZE}, float32 on the CPU.", [
        times.row(what, "train_many", "one by one")
    ]


if __name__ == "__main__":
    main(measure, n_rounds=8)
