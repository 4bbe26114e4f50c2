"""Members that are trained at once, their predictions, and one model made of several."""

import copy
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from helper_utils.base.many_runs import ManyRuns, train_many
from helper_utils.base.training import evaluation_mode
from helper_utils.data.datasets import Part
from helper_utils.ensembles.bagging import check_no_buffers
from helper_utils.schedulers import cosine_annealing_lr


@torch.no_grad()
def predict_members(make_model: Callable[[], nn.Module], runs: ManyRuns, inputs: Tensor, *, rate: int = 0) -> Tensor:
    """Return the logits of all runs of one learning rate, shape (seeds, N, classes).

    Args:
        make_model: As for `train_many`.
        runs: What `train_many` returned. The networks have no buffers (no batch norm).
        inputs: N inputs.
        rate: The index of the learning rate.

    Raises:
        ValueError: The network has buffers, or its parameters have other names than those of the runs.
    """
    model = make_model().to(inputs.device)
    _check_same_kind(model, runs)
    parameters = {name: values[rate] for name, values in runs.parameters.items()}
    with evaluation_mode(model):
        return vmap(lambda weights: functional_call(model, weights, (inputs,)))(parameters)


def load_member(make_model: Callable[[], nn.Module], runs: ManyRuns, member: int, *, rate: int = 0) -> nn.Module:
    """Return one of the trained networks as an ordinary module.

    Args:
        make_model: As for `train_many`.
        runs: What `train_many` returned. The networks have no buffers (no batch norm).
        member: The index of the seed.
        rate: The index of the learning rate.

    Raises:
        ValueError: The network has buffers, or its parameters have other names than those of the runs.
    """
    model = make_model()
    _check_same_kind(model, runs)
    model.load_state_dict({name: values[rate, member] for name, values in runs.parameters.items()})
    return model


def _check_same_kind(model: nn.Module, runs: ManyRuns) -> None:
    check_no_buffers(model)
    names = {name for name, _ in model.named_parameters()}
    if names != set(runs.parameters):
        raise ValueError(
            f"make_model has the parameters {sorted(names)}, and the runs have {sorted(runs.parameters)}: give the "
            "make_model that train_many had"
        )


def continue_training(
    make_model: Callable[[], nn.Module],
    runs: ManyRuns,
    train: Part,
    *,
    seeds: Sequence[int],
    rate: int = 0,
    **options: Any,
) -> ManyRuns:
    """Train on from the weights of earlier runs; the optimizer starts anew.

    Args:
        make_model: As for `train_many`.
        runs: What `train_many` returned. Run i of the result starts from run i modulo the number of earlier runs.
        train: The training set.
        seeds: One for each new run. They draw the order of the examples.
        rate: The index of the learning rate of the earlier runs.
        options: Further arguments of `train_many`, `lrs` and `n_epochs` among them.
    """
    numbers = count()
    n_earlier = next(iter(runs.parameters.values())).shape[1]
    return train_many(
        lambda: load_member(make_model, runs, next(numbers) % n_earlier, rate=rate), train, seeds=seeds, **options
    )


def train_snapshots(
    make_model: Callable[[], nn.Module],
    train: Part,
    *,
    lr: float,
    seeds: Sequence[int],
    n_epochs: int,
    n_cycles: int,
    batch_size: int = 32,
    **options: Any,
) -> list[ManyRuns]:
    """Keep the network at the end of each cycle of one training with warm restarts, for each seed.

    In each cycle the rate falls from lr to 0 along a cosine, and each cycle starts from the weights of the one before,
    with a new optimizer and a new order of the examples.
    Source: Huang et al., "Snapshot ensembles: train 1, get M for free" (2017).

    Args:
        make_model: As for `train_many`.
        train: The training set.
        lr: The learning rate at the start of each cycle.
        seeds: One for each training. The seeds of the later cycles' orders are derived from it.
        n_epochs: Of all cycles together; a multiple of n_cycles.
        n_cycles: How many snapshots.
        batch_size: Examples a step.
        options: Further arguments of `train_many`, without `lrs` and `schedule`, which the cycles set.

    Returns:
        The runs at the end of each cycle.

    Raises:
        ValueError: n_cycles is below 1, n_epochs is not a positive multiple of it, or options has lrs or schedule.
    """
    if n_cycles < 1 or n_epochs < 1 or n_epochs % n_cycles:
        raise ValueError(f"n_epochs must be a positive multiple of n_cycles, not {n_epochs} and {n_cycles}")
    for name in ("lrs", "schedule"):
        if name in options:
            raise ValueError(f"train_snapshots sets {name} itself: leave it out")
    n_steps = n_epochs // n_cycles * (len(train.targets) // batch_size)
    options |= {
        "lrs": [lr],
        "n_epochs": n_epochs // n_cycles,
        "batch_size": batch_size,
        "schedule": lambda step: cosine_annealing_lr(step, 1.0, T_max=n_steps),
    }
    snapshots = [train_many(make_model, train, seeds=seeds, **options)]
    for cycle in range(1, n_cycles):
        later = [int(np.random.SeedSequence([seed, cycle]).generate_state(1)[0]) for seed in seeds]
        snapshots.append(continue_training(make_model, snapshots[-1], train, seeds=later, **options))
    return snapshots


def average_weights(models: Sequence[nn.Module]) -> nn.Module:
    """Return one network whose parameters are the means of the models' parameters (a "model soup").

    This makes sense only for networks that share the beginning of their training. The running statistics of batch norms
    are averaged as well, which does not make them right: take new ones with
    `helper_utils.normalization.recalibrate_running_statistics`.
    Source: Wortsman et al., "Model soups" (2022).

    Args:
        models: Networks of the same kind. They stay as they are.

    Raises:
        ValueError: There are no models, or their parameters differ in name or shape.
    """
    if not len(models):
        raise ValueError("there are no models to average: give at least one")
    states = [model.state_dict() for model in models]
    shapes = [{name: tuple(value.shape) for name, value in state.items()} for state in states]
    for number, other in enumerate(shapes):
        if other != shapes[0]:
            raise ValueError(f"model {number} has other parameters than model 0: only networks of one kind have a mean")
    averaged = copy.deepcopy(models[0])
    for name, value in averaged.state_dict().items():  # the tensors themselves, not copies
        if value.is_floating_point():
            value.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return averaged
