"""Population-based training: networks that train side by side, and copy the better ones' weights and rates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from helper_utils.base.seeds import set_seed
from helper_utils.data.datasets import Part

Exchange = Callable[[NDArray[np.float64], NDArray[np.float64], np.random.Generator], tuple[list[int], list[float]]]
"""Takes scores and rates of a population and a generator; returns whose weights each member goes on with, and at which
rate."""


@dataclass(frozen=True, eq=False)
class Populations:
    """What some populations did, with their members along the second axis.

    Attributes:
        lrs: The rate of each member in each round, shape (populations, members, rounds).
        sources: Whose weights each member continued after each round, shape (populations, members, rounds).
        val_losses: After each round, before the exchange, in nats, shape (populations, members, rounds).
        val_accuracies: Likewise, in [0, 1].
        test_losses: After the last round, in nats, shape (populations, members); None without a test set.
    """

    lrs: Tensor
    sources: Tensor
    val_losses: Tensor
    val_accuracies: Tensor
    test_losses: Tensor | None = None

    def schedules(self) -> Tensor:
        """Return the rates that led to the best last loss of each population, shape (populations, rounds).

        They are those of the line of ancestors: where a member copied another one, the other one's rates before.
        """
        member = self.val_losses[:, :, -1].nan_to_num(torch.inf).argmin(dim=1)  # argmin would take a nan for the least
        rows = torch.arange(len(member))
        rates = []
        for i in range(self.lrs.shape[2] - 1, -1, -1):
            rates.append(self.lrs[rows, member, i])
            if i:
                member = self.sources[rows, member, i - 1]
        return torch.stack(rates[::-1], dim=1)


def copy_the_best(
    scores: NDArray[np.float64], lrs: NDArray[np.float64], rng: np.random.Generator, *, share: float = 0.25
) -> tuple[list[int], list[float]]:
    """Let the worst share of a population go on from a random one of the best share, at 0.8 or 1.25 times its rate.

    This is truncation selection (Jaderberg et al., 2017, arXiv:1711.09846, with a share of 0.2, and factors of 0.8 and
    1.2).

    Args:
        scores: Of the members; higher is better. A nan counts as the worst.
        lrs: Their rates.
        rng: Draws whom to copy, and the factors.
        share: Above 0, at most 0.5.

    Returns:
        For each member the number of the one whose weights it goes on with, and its new rate.

    Raises:
        ValueError: share is out of its range or less than one member, or scores and rates have other lengths.
    """
    if not 0 < share <= 0.5 or len(scores) != len(lrs):
        raise ValueError(
            f"share must be above 0 and at most 0.5, and there must be as many scores as rates, not {share}, "
            f"{len(scores)} and {len(lrs)}"
        )
    n_copied = int(share * len(scores))
    if n_copied < 1:
        raise ValueError(f"a share of {share} of {len(scores)} members is nobody: use more members or a larger share")
    order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
    sources, new_lrs = list(range(len(scores))), [float(lr) for lr in lrs]
    for loser in order[len(scores) - n_copied :]:
        winner = int(rng.choice(order[:n_copied]))
        sources[loser] = winner
        new_lrs[loser] = float(lrs[winner] * rng.choice([0.8, 1.25]))
    return sources, new_lrs


def train_populations(
    make_model: Callable[[], nn.Module],
    train: Part,
    val: Part,
    *,
    lrs: Sequence[Sequence[float]] | Tensor,
    seeds: Sequence[int],
    n_steps: int,
    batch_size: int = 32,
    exchange: Exchange | None = copy_the_best,
    n_rounds: int | None = None,
    test: Part | None = None,
) -> Populations:
    """Train populations by SGD, all members of all of them at the same time, and exchange after each round.

    Args:
        make_model: Makes a network; called after `set_seed` with a seed of the member's own.
        train: What they learn from.
        val: What the exchange looks at.
        lrs: The first rate of each member, shape (populations, members); or with n_rounds None the rate of each member
            in each round, shape (populations, members, rounds), and nothing is exchanged.
        seeds: Of the populations.
        n_steps: Steps of a round.
        batch_size: Examples of a step, drawn with replacement.
        exchange: What happens between two rounds; None for nothing.
        n_rounds: How many rounds.
        test: Evaluated once, after the last round, if given; no exchange looks at it.

    Raises:
        ValueError: A shape or a number does not fit.
    """
    rates = torch.as_tensor(np.asarray(lrs), dtype=torch.float64)
    given = n_rounds is None
    if rates.dim() != (3 if given else 2) or rates.shape[0] != len(seeds) or 0 in rates.shape:
        raise ValueError(
            f"lrs must have the shape (populations, members), with rounds as a third axis if n_rounds is None, and a "
            f"seed for each population; not {tuple(rates.shape)} and {len(seeds)} seeds"
        )
    n_rounds = rates.shape[2] if n_rounds is None else n_rounds
    if n_rounds < 1 or n_steps < 1 or batch_size < 1:
        raise ValueError(
            f"n_rounds, n_steps and batch_size must be at least 1, not {n_rounds}, {n_steps}, {batch_size}"
        )
    n_members = rates.shape[1]
    weights, losses_of = _stack(make_model, seeds, n_members)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    rngs = [np.random.default_rng(seed) for seed in seeds]
    now = rates[:, :, 0] if given else rates
    kept: dict[str, list[Tensor]] = {"lrs": [], "sources": [], "val_losses": [], "val_accuracies": []}
    for i in range(n_rounds):
        now = rates[:, :, i] if given else now
        _train_round(weights, losses_of, train, now.flatten().float(), generators, n_members, n_steps, batch_size)
        val_losses, accuracies = _evaluate(weights, losses_of, val, now.shape)
        sources = torch.arange(n_members).expand(now.shape).clone()
        kept["lrs"].append(now.clone())
        if exchange is not None and not given and i + 1 < n_rounds:
            now = now.clone()
            for p, rng in enumerate(rngs):
                chosen, new = exchange(-val_losses[p].double().numpy(), now[p].numpy().copy(), rng)
                sources[p], now[p] = torch.tensor(chosen), torch.tensor(new, dtype=now.dtype)
            flat = (sources + n_members * torch.arange(len(seeds))[:, None]).flatten()
            weights = {name: weight.detach()[flat].requires_grad_() for name, weight in weights.items()}
        kept["sources"].append(sources)
        kept["val_losses"].append(val_losses)
        kept["val_accuracies"].append(accuracies)
    test_losses = None if test is None else _evaluate(weights, losses_of, test, now.shape)[0]
    return Populations(**{name: torch.stack(values, dim=2) for name, values in kept.items()}, test_losses=test_losses)


def _stack(make_model: Callable[[], nn.Module], seeds: Sequence[int], n_members: int) -> tuple[dict, Callable]:
    models = []
    for seed in seeds:
        set_seed(seed)
        models += [make_model() for _ in range(n_members)]
    weights, _ = stack_module_state(models)
    model = models[0].to("meta")

    def loss(weights: dict, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = functional_call(model, weights, (inputs,))
        return cross_entropy(logits, targets), (logits.argmax(dim=1) == targets).float().mean()

    return {name: weight.detach().requires_grad_() for name, weight in weights.items()}, loss


def _train_round(
    weights: dict[str, Tensor],
    loss: Callable,
    train: Part,
    lrs: Tensor,
    generators: list[torch.Generator],
    n_members: int,
    n_steps: int,
    batch_size: int,
) -> None:
    """Take the steps of a round, in place; the members of a population see the same batches."""
    tensors = list(weights.values())
    for _ in range(n_steps):
        drawn = [torch.randint(len(train.targets), (batch_size,), generator=g) for g in generators]
        chosen = torch.stack(drawn).repeat_interleave(n_members, dim=0)
        losses, _ = vmap(loss)(weights, train.inputs[chosen], train.targets[chosen])
        gradients = torch.autograd.grad(losses.sum(), tensors)
        with torch.no_grad():
            for weight, gradient in zip(tensors, gradients, strict=True):
                weight -= lrs.view(-1, *[1] * (weight.dim() - 1)) * gradient


@torch.no_grad()
def _evaluate(weights: dict[str, Tensor], loss: Callable, val: Part, shape: torch.Size) -> tuple[Tensor, Tensor]:
    losses, accuracies = vmap(loss, in_dims=(0, None, None))(weights, val.inputs, val.targets)
    return losses.view(shape), accuracies.view(shape)
