"""The lesson's data with a known truth, and models that one step trains, for thousands of trainings a second."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from helper_utils.validation.splits import Folds


class Grouped(NamedTuple):
    """Examples that come in groups.

    Attributes:
        inputs: Shape (N, features).
        targets: Class numbers, shape (N,).
        groups: The number of each example's group, shape (N,).
    """

    inputs: Tensor
    targets: Tensor
    groups: Tensor


class Series(NamedTuple):
    """Measurements in the order of time.

    Attributes:
        times: 0, 1, 2, ..., shape (N,).
        values: Shape (N,), or (series, N) for several series at the same times.
    """

    times: Tensor
    values: Tensor


def draw_noise(n_examples: int, n_features: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw features that say nothing about the classes: normal noise, and labels that alternate, 0, 1, 0, 1, ...

    Args:
        n_examples: How many examples.
        n_features: How many features.
        seed: Of the draw.

    Returns:
        Inputs of shape (n_examples, n_features), and targets of shape (n_examples,).
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_examples, n_features, generator=generator), torch.arange(n_examples) % 2


def draw_blobs(
    n_examples: int,
    n_features: int,
    *,
    distance: float,
    seed: int,
    rare_share: float = 0.5,
    n_informative: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw two classes as normal clouds of variance 1 with a given distance of their centres.

    Args:
        n_examples: How many examples.
        n_features: How many features.
        distance: Of the two centres.
        seed: Of the draw.
        rare_share: The share of class 1; its number is rounded, so it is the same for every seed.
        n_informative: In how many features, the first ones, the centres differ; in all by default.

    Returns:
        Inputs of shape (n_examples, n_features), and targets in random order.
    """
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.arange(n_examples) < round(rare_share * n_examples)).long()
    targets = targets[torch.randperm(n_examples, generator=generator)]
    n_informative = n_features if n_informative is None else n_informative
    centre = torch.zeros(n_features)
    centre[:n_informative] = distance / n_informative**0.5
    inputs = torch.randn(n_examples, n_features, generator=generator) + targets[:, None] * centre
    return inputs, targets


def draw_many_blobs(
    n_sets: int, n_examples: int, n_features: int, *, distance: float, seed: int, n_informative: int | None = None
) -> tuple[Tensor, Tensor]:
    """Draw several data sets as `draw_blobs` does; each label by itself, so the class counts vary.

    Args:
        n_sets: How many data sets.
        n_examples: Examples of each.
        n_features: How many features.
        distance: Of the centres of the two classes.
        seed: Of the draw.
        n_informative: In how many features, the first ones, the centres differ; in all by default.

    Returns:
        Inputs of shape (n_sets, n_examples, n_features), and targets of shape (n_sets, n_examples).
    """
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(2, (n_sets, n_examples), generator=generator)
    n_informative = n_features if n_informative is None else n_informative
    centre = torch.zeros(n_features)
    centre[:n_informative] = distance / n_informative**0.5
    inputs = torch.randn(n_sets, n_examples, n_features, generator=generator)
    return inputs + targets[..., None] * centre, targets


class ManyLinear(nn.Module):
    """Linear layers of several runs, each with its own weights and its own inputs.

    Args:
        n_runs: How many runs.
        n_inputs: Inputs of each layer.
        n_outputs: Outputs of each layer.
        seed: Of the weights, which are drawn as `nn.Linear` draws them: uniform between ±1/√n_inputs.
    """

    def __init__(self, n_runs: int, n_inputs: int, n_outputs: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.rand(n_runs, n_inputs + 1, n_outputs, generator=generator)
        drawn = (2 * drawn - 1) / n_inputs**0.5
        self.weight, self.bias = nn.Parameter(drawn[:, :-1].clone()), nn.Parameter(drawn[:, -1:].clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs, shape (n_runs, N, n_outputs), for inputs of shape (n_runs, N, n_inputs)."""
        return torch.baddbmm(self.bias, inputs, self.weight)


def descend(model: nn.Module, inputs: Any, targets: Any, lr: float, n_steps: int) -> None:
    """Take some steps of gradient descent on the cross-entropy of all examples.

    Args:
        model: Changed in place.
        inputs: Shape (N, ...): a tensor or an array; or (runs, N, features) for a model that trains several runs.
        targets: Class numbers, shape (N,) or (runs, N); each run descends the mean loss of its own examples.
        lr: The learning rate.
        n_steps: How many steps.
    """
    inputs, targets = torch.as_tensor(inputs), torch.as_tensor(targets)
    weights = list(model.parameters())
    for _ in range(n_steps):  # as torch.optim.SGD, which takes longer to make than these small models take to train
        logits = model(inputs).flatten(0, -2)
        loss = cross_entropy(logits, targets.flatten(), reduction="sum") / targets.shape[-1]
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.add_(gradient, alpha=-lr)


def draw_groups(
    n_groups: int,
    n_per_group: int,
    *,
    group_effect: float,
    class_effect: float = 1.0,
    n_features: int = 10,
    n_classes: int = 4,
    seed: int = 0,
    effects_seed: int | None = None,
) -> Grouped:
    """Draw examples of several writers, say: each is class effect + group effect + noise of variance 1.

    The class effect (what a 7 looks like) is shared by all. The group effect (how this writer makes a 7) is drawn for
    each group and class. All effects are normal in each feature.

    Args:
        n_groups: How many groups.
        n_per_group: Examples of each group; the classes are drawn evenly.
        group_effect: The standard deviation of the groups' effects; 0 makes all examples independent.
        class_effect: That of the classes' effects.
        n_features: How many features.
        n_classes: How many classes.
        seed: Of the groups and the noise.
        effects_seed: Of the classes' effects; `seed` by default. Draws with the same one show the same classes, so
            other seeds give new groups of the same world.
    """
    world = torch.Generator().manual_seed(seed if effects_seed is None else effects_seed)
    classes = class_effect * torch.randn(n_classes, n_features, generator=world)
    generator = torch.Generator().manual_seed(seed + 1_000_000_007)  # not the stream of the classes
    styles = group_effect * torch.randn(n_groups, n_classes, n_features, generator=generator)
    groups = torch.arange(n_groups).repeat_interleave(n_per_group)
    targets = torch.randint(n_classes, (len(groups),), generator=generator)
    noise = torch.randn(len(groups), n_features, generator=generator)
    return Grouped(classes[targets] + styles[groups, targets] + noise, targets, groups)


def draw_series(n_examples: int, *, drift: float, seed: int, noise: float = 1.0, n_series: int | None = None) -> Series:
    """Draw a series whose level wanders: a random walk, plus noise.

    Args:
        n_examples: How many measurements.
        drift: The standard deviation of a step of the random walk; 0 gives a constant level.
        seed: Of the draw.
        noise: The standard deviation of the noise.
        n_series: How many independent series; by default a single one, without an axis for them.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (n_examples,) if n_series is None else (n_series, n_examples)
    level = drift * torch.randn(shape, generator=generator).cumsum(dim=-1)
    return Series(torch.arange(n_examples), level + noise * torch.randn(shape, generator=generator))


def nearest_neighbour(train_inputs: Tensor, train_targets: Tensor, inputs: Tensor, k: int = 1) -> Tensor:
    """Predict the most frequent class among the k nearest training examples; of several the smallest.

    Args:
        train_inputs: Shape (N, ...); flattened. Or (runs, N, features): the runs are predicted at once.
        train_targets: Class numbers, shape (N,) or (runs, N).
        inputs: Shape (M, ...) or (runs, M, features).
        k: How many neighbours vote.

    Returns:
        Classes, shape (M,) or (runs, M).

    Raises:
        ValueError: k is not from 1 to N.
    """
    if not 1 <= k <= train_targets.shape[-1]:
        raise ValueError(f"k must be from 1 to the {train_targets.shape[-1]} training examples, not {k}")
    if train_targets.dim() == 1:
        inputs, train_inputs = inputs.flatten(1), train_inputs.flatten(1)
    distances = torch.cdist(inputs, train_inputs)
    if k == 1:
        return train_targets.gather(-1, distances.argmin(dim=-1))
    nearest = distances.topk(k, largest=False).indices  # (..., M, k)
    votes = train_targets.unsqueeze(-2).expand(*nearest.shape[:-1], -1).gather(-1, nearest)
    return one_hot(votes).sum(dim=-2).argmax(dim=-1)


def ridge_classifier(
    train_inputs: Tensor, train_targets: Tensor, inputs: Tensor, *, penalty: float = 1.0, num_classes: int | None = None
) -> Tensor:
    """Predict by ridge regression on one-hot targets: the largest of the linear outputs. One solve, no steps.

    Leading axes are runs: all of them are solved at once.

    Args:
        train_inputs: Shape (..., N, features). Single precision is enough where the penalty is not tiny.
        train_targets: Class numbers, shape (..., N).
        inputs: Shape (..., M, features).
        penalty: Of the squared weights, above 0; the intercept is free.
        num_classes: How many classes there are; by default those that occur.

    Returns:
        Classes, shape (..., M).

    Raises:
        ValueError: The penalty is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"penalty must be above 0, not {penalty}")
    outputs = one_hot(train_targets, num_classes or -1).to(train_inputs.dtype)
    mean = train_inputs.mean(dim=-2, keepdim=True)
    centred = train_inputs - mean
    square = centred.mT @ centred + penalty * torch.eye(centred.shape[-1], dtype=mean.dtype, device=mean.device)
    mean_outputs = outputs.mean(dim=-2, keepdim=True)
    weights = torch.linalg.solve(square, centred.mT @ (outputs - mean_outputs))
    intercept = mean_outputs - mean @ weights
    return (inputs @ weights + intercept).argmax(dim=-1)


def random_features(inputs: Tensor, n_hidden: int, seed: int) -> Tensor:
    """Return the outputs of a hidden ReLU layer whose weights are drawn and never trained, shape (N, n_hidden).

    With a ridge classifier on top this is a network of which only the last layer learns: a candidate whose quality
    depends on luck (Rahimi and Recht, 2008, "Weighted sums of random kitchen sinks").

    Args:
        inputs: Shape (N, ...); flattened.
        n_hidden: Units of the layer.
        seed: Of the weights.
    """
    flat = inputs.flatten(1)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(flat.shape[1], n_hidden, generator=generator) / flat.shape[1] ** 0.5
    biases = torch.randn(n_hidden, generator=generator)
    return (flat @ weights.to(flat.device) + biases.to(flat.device)).relu()


def stack_folds(folds: Folds, members: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Turn folds of equal size into two tensors of rows, so that all folds can be computed at once.

    Args:
        folds: Pairs of indices; all training sets are of one size, and all validation sets.
        members: The rows of the examples that are folded, shape (n,); by default the examples are the rows.

    Returns:
        Training rows, shape (folds, n_train), and validation rows, shape (folds, n_val).

    Raises:
        ValueError: The sizes differ.
    """
    sides = [[torch.as_tensor(side) for side in sides] for sides in zip(*folds, strict=True)]
    if any(len({len(rows) for rows in side}) > 1 for side in sides):
        raise ValueError("the folds differ in size: use a number of examples that the number of folds divides")
    train, val = (torch.stack(side) for side in sides)
    return (train, val) if members is None else (members[train], members[val])


def right_predictions(
    features: Tensor, targets: Tensor, train_rows: Tensor, rows: Tensor, *, penalty: float = 1.0
) -> Tensor:
    """Train a ridge classifier on some rows, and say which of other rows it predicts right.

    Args:
        features: Shape (N, features), or (candidates, N, features): each candidate is trained for itself.
        targets: Classes, shape (N,).
        train_rows: Shape (n_train,), or (folds, n_train) for several trainings.
        rows: What is predicted, shape (n,) or (folds, n).
        penalty: As in `ridge_classifier`.

    Returns:
        1.0 for right and 0.0 for wrong, shape (n,), (folds, n) or (candidates, folds, n).
    """
    known = _take_rows(features, train_rows)
    train_targets = targets[train_rows].expand(known.shape[:-1])
    num_classes = int(targets.max()) + 1
    predictions = ridge_classifier(
        known, train_targets, _take_rows(features, rows), penalty=penalty, num_classes=num_classes
    )
    return (predictions == targets[rows]).double()


def _take_rows(features: Tensor, rows: Tensor) -> Tensor:
    """Return `features[..., rows, :]`, in a quarter of the time."""
    rows = torch.as_tensor(rows)
    return features.index_select(-2, rows.flatten()).unflatten(-2, rows.shape)


def flip_labels(targets: Tensor, share: float, num_classes: int, seed: int) -> Tensor:
    """Replace a share of the labels by random ones (which may be the right ones).

    Args:
        targets: Classes, shape (N,).
        share: The probability of each label to be replaced.
        num_classes: How many classes there are.
        seed: Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    replaced = torch.rand(len(targets), generator=generator) < share
    return torch.where(replaced, torch.randint(num_classes, (len(targets),), generator=generator), targets)


def forecast_error(series: Series, train_rows: Tensor, rows: Tensor, k: int = 5) -> Tensor:
    """Return the mean absolute error of a forecast: the mean of the k training values that are nearest in time.

    It is a single number, or a tensor of shape (series,) where there are several.

    Args:
        series: As `draw_series` returns it.
        train_rows: The measurements that are known.
        rows: Those that are predicted.
        k: How many neighbours are averaged.
    """
    train_rows, rows = torch.as_tensor(train_rows), torch.as_tensor(rows)
    distances = (series.times[rows][:, None] - series.times[train_rows]).abs().double()
    nearest = train_rows[distances.topk(k, largest=False).indices]
    forecasts = series.values[..., nearest].mean(dim=-1)
    return (forecasts - series.values[..., rows]).abs().mean(dim=-1)
