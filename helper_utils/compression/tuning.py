"""Networks of one shape trained further at once, each with its own weights and masks."""

import copy
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from helper_utils.base.many_runs import train_many
from helper_utils.data import Part
from helper_utils.normalization import BatchNorm1d, BatchNorm2d, fold_batch_norm, recalibrate_running_statistics

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, BatchNorm1d, BatchNorm2d)


def tune_together(
    models: Sequence[nn.Module],
    train: Part,
    *,
    seeds: Sequence[int],
    n_epochs: int,
    lr: float,
    batch_size: int = 50,
    momentum: float = 0.9,
) -> list[nn.Module]:
    """Train networks further, all at once by `train_many`, with SGD and a rate that falls to zero by half a cosine.

    The networks have one shape; weights and masks differ. Afterwards the running statistics of batch norms are averaged
    anew over the training part.

    Args:
        models: Are not changed.
        train: The training part.
        seeds: One for each network; it decides the order of the batches, so runs with one seed are paired.
        n_epochs: Passes over the training part.
        lr: The first learning rate.
        batch_size: Examples a step.
        momentum: Of SGD.

    Returns:
        The trained networks, in eval mode.

    Raises:
        ValueError: There are not as many seeds as networks, or an argument is out of range.
    """
    if len(seeds) != len(models):
        raise ValueError(f"tune_together needs a seed for each network, not {len(seeds)} for {len(models)}")
    queue = iter(models)
    n_steps = n_epochs * (len(train.targets) // batch_size)
    runs = train_many(
        lambda: copy.deepcopy(next(queue)), train, lrs=[lr], seeds=seeds, n_epochs=n_epochs, batch_size=batch_size,
        make_optimizer=partial(torch.optim.SGD, momentum=momentum),
        schedule=lambda step: 0.5 * (1 + math.cos(math.pi * step / n_steps)),
    )  # fmt: skip
    trained = []
    for i, model in enumerate(models):
        model = copy.deepcopy(model)
        model.load_state_dict({name: values[0, i] for name, values in runs.parameters.items()}, strict=False)
        trained.append(with_new_statistics(model, train))
    return trained


def with_new_statistics(model: nn.Module, train: Part, batch_size: int = 100) -> nn.Module:
    """Average the running statistics of batch norms anew, if there are any. The model is changed and returned."""
    model.eval()
    if any(isinstance(module, _NORMS) and module.track_running_stats for module in model.modules()):
        batches = [b for b in train.inputs.split(batch_size) if len(b) == batch_size] or [train.inputs]
        recalibrate_running_statistics(model, batches, "cpu")
    return model


def fold_norms(model: nn.Sequential) -> nn.Sequential:
    """Return a copy of a chain of layers in which each batch norm is folded into the layer before it (lesson 04).

    Raises:
        ValueError: A batch norm does not directly follow a layer that it can be folded into.
    """
    layers: list[nn.Module] = []
    for module in model:
        if not isinstance(module, _NORMS):
            layers.append(copy.deepcopy(module))
            continue
        before = layers[-1] if layers else None
        if isinstance(before, nn.Conv2d):  # noqa: SIM114 - the type checker needs the two apart
            layers[-1] = fold_batch_norm(before, module)
        elif isinstance(before, nn.Linear):
            layers[-1] = fold_batch_norm(before, module)
        else:
            raise ValueError(f"{type(module).__name__} does not directly follow a convolution or a linear layer")
    return nn.Sequential(*layers).eval()
