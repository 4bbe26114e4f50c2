"""Bagging: members on bootstrap samples, and their score on what they have not drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.functional import cross_entropy

from helper_utils.base.many_runs import train_many
from helper_utils.base.training import evaluation_mode
from helper_utils.data.datasets import Part
from helper_utils.ensembles.combining import check_probabilities, check_tensor


def draw_bootstrap(n_examples: int, n_members: int, seed: int) -> Tensor:
    """Draw n_examples example numbers with replacement, for each member: shape (members, n_examples).

    Args:
        n_examples: At least 1.
        n_members: At least 1.
        seed: Of the draw.

    Raises:
        ValueError: A number is below 1.
    """
    if n_examples < 1 or n_members < 1:
        raise ValueError(f"n_examples and n_members must be at least 1, not {n_examples} and {n_members}")
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(n_examples, (n_members, n_examples), generator=generator)


def out_of_bag_probabilities(probabilities: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Average for each training example the members that have not drawn it.

    Source: Breiman, "Bagging predictors" (1996).

    Args:
        probabilities: Of the training examples, shape (members, N, classes).
        drawn: The numbers of the examples that each member drew, shape (members, draws).

    Returns:
        The mean probabilities, shape (N, classes), and whether an example has any such member, shape (N,). Rows of
        examples without one are nan.

    Raises:
        TypeError: The probabilities or the drawn numbers are not a tensor.
        ValueError: There is no member, a row is not a distribution, or the drawn numbers do not fit.
    """
    check_probabilities(probabilities)
    n_members, n_examples, _ = probabilities.shape
    _check_drawn(drawn, n_members, n_examples)
    is_out = torch.ones(n_members, n_examples, dtype=probabilities.dtype, device=probabilities.device)
    is_out.scatter_(1, drawn.to(probabilities.device), 0)
    n_out = is_out.sum(dim=0)
    return torch.einsum("mn,mnc->nc", is_out, probabilities) / n_out[:, None], n_out > 0


def _check_drawn(drawn: Tensor, n_members: int, n_examples: int) -> None:
    check_tensor(drawn, "drawn")
    if drawn.ndim != 2 or len(drawn) != n_members or drawn.is_floating_point() or drawn.dtype == torch.bool:
        raise ValueError(
            f"drawn must hold integers of shape ({n_members}, draws), not {drawn.dtype} {tuple(drawn.shape)}"
        )
    if drawn.numel() and not 0 <= int(drawn.min()) <= int(drawn.max()) < n_examples:
        raise ValueError(f"drawn must be from 0 to {n_examples - 1}, not {int(drawn.min())} to {int(drawn.max())}")


@dataclass(frozen=True, eq=False)
class BaggedRuns:
    """Networks that were trained on bootstrap samples.

    Attributes:
        parameters: The trained parameters by name, shape (members, ...).
        drawn: The numbers of the examples that each member drew, shape (members, draws).
    """

    parameters: dict[str, Tensor]
    drawn: Tensor
    _make_model: Callable[[], nn.Module]

    def __repr__(self) -> str:
        return f"BaggedRuns({self.drawn.shape[0]} members, each on {self.drawn.shape[1]} draws)"

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> Tensor:
        """Return the logits of all members, shape (members, N, classes)."""
        model = self._make_model().to(inputs.device)
        with evaluation_mode(model):
            return vmap(lambda weights: functional_call(model, weights, (inputs,)))(self.parameters)


def train_bagged(
    make_model: Callable[[], nn.Module],
    train: Part,
    *,
    lr: float,
    seeds: Sequence[int],
    drawn: Tensor | None = None,
    **options: Any,
) -> BaggedRuns:
    """Train a network on a bootstrap sample for each seed, all at once.

    Args:
        make_model: Makes a network without buffers, as for `train_many`.
        train: The training set; the targets are classes.
        lr: The learning rate.
        seeds: One for each member: of its weights, its sample, and the order of its batches.
        drawn: The numbers of the examples that each member learns from, shape (members, draws). Left out, each member
            gets a bootstrap sample of the whole training set. So one call trains the bags of several training sets.
        options: Further arguments of `train_many`, `n_epochs` among them.

    Raises:
        TypeError: The drawn numbers are not a tensor.
        ValueError: There are no seeds, the targets are not integers, drawn does not hold a row of example numbers for
            each seed, or the network has buffers.
    """
    if not len(seeds):
        raise ValueError("there are no seeds: give one for each member")
    if train.targets.is_floating_point():
        raise ValueError(f"the targets must be classes, integers, not {train.targets.dtype}")
    device = options.get("device", "cpu")
    train = Part(train.inputs.to(device), train.targets.to(device))
    n_examples = len(train.targets)
    if drawn is None:
        drawn = torch.cat([draw_bootstrap(n_examples, 1, seed) for seed in seeds])
    _check_drawn(drawn, len(seeds), n_examples)
    if not drawn.numel():
        raise ValueError("drawn has no draws: give each member at least one example")
    rows = iter(drawn)
    # A member sees numbers from 0 on, and looks up which example it drew there.
    numbers = Part(torch.arange(drawn.shape[1]), train.targets[drawn[0]])
    runs = train_many(
        lambda: _OnItsSample(make_model(), train, next(rows)),
        numbers,
        lrs=[lr],
        seeds=seeds,
        loss_fcn=_own_loss,
        **options,
    )
    parameters = {name.removeprefix("model."): values[0] for name, values in runs.parameters.items()}
    return BaggedRuns(parameters, drawn, make_model)


def check_no_buffers(model: nn.Module) -> None:
    """Refuse networks whose running statistics would be lost, since only parameters are kept.

    Raises:
        ValueError: The network has buffers.
    """
    names = [name for name, _ in model.named_buffers()]
    if names:
        raise ValueError(
            f"the network has buffers ({', '.join(names[:3])}), and only parameters are kept: use a network without "
            "batch norm"
        )


class _OnItsSample(nn.Module):
    """The sample is a buffer, so that stacked networks keep one each."""

    drawn: Tensor

    def __init__(self, model: nn.Module, train: Part, drawn: Tensor) -> None:
        super().__init__()
        check_no_buffers(model)
        self.model, self.train_set = model, train
        self.register_buffer("drawn", drawn)

    def forward(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        chosen = self.drawn[numbers]
        return self.model(self.train_set.inputs[chosen]), self.train_set.targets[chosen]


def _own_loss(outputs: Tensor | tuple[Tensor, Tensor], _: Tensor) -> Tensor:
    logits, targets = outputs
    return cross_entropy(logits, targets)
