"""Explanations of any model of a table: what a feature is worth to it, and what happens when it changes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from helper_utils.interpretability.models import at_least_one

Predict = Callable[[Tensor], Tensor]
"""A function from inputs of shape (N, features) to outputs of shape (N,)."""


def permutation_importance(
    score: Callable[[Tensor, Tensor], float],
    inputs: Tensor,
    targets: Tensor,
    *,
    groups: Sequence[Sequence[int]] | None = None,
    n_repeats: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Return by how much a score falls when features are shuffled between the examples.

    Breiman (2001), https://doi.org/10.1023/A:1010933404324; as `sklearn.inspection.permutation_importance`, but groups
    of features (the pixels of a region, or features that are correlated) may be shuffled together.

    Args:
        score: `score(inputs, targets)`, higher is better, such as the accuracy of a model.
        inputs: Shape (N, ...); a feature is a place of the flattened example.
        targets: Shape (N,).
        groups: Each a list of features that move together; by default each feature alone.
        n_repeats: Shuffles of each group.
        seed: Of the shuffles.

    Returns:
        Shape (groups, n_repeats).

    Raises:
        ValueError: There are fewer than 2 examples, the lengths differ, a feature does not exist or a group is empty,
            or n_repeats is below 1.
    """
    if len(inputs) != len(targets) or len(inputs) < 2:
        raise ValueError(f"there must be a target for each of 2 or more inputs, not {len(targets)} for {len(inputs)}")
    at_least_one("n_repeats", n_repeats)
    flat = inputs.flatten(1)
    groups = [[feature] for feature in range(flat.shape[1])] if groups is None else groups
    for group in groups:
        if len(group) == 0 or not all(0 <= feature < flat.shape[1] for feature in group):
            raise ValueError(f"each group must name features from 0 to {flat.shape[1] - 1}, not {list(group)}")
    generator = torch.Generator().manual_seed(seed)
    whole = float(score(inputs, targets))
    falls = np.empty((len(groups), n_repeats))
    for i, group in enumerate(groups):
        columns = torch.as_tensor(list(group))
        for repeat in range(n_repeats):
            order = torch.randperm(len(flat), generator=generator)
            shuffled = flat.clone()
            shuffled[:, columns] = flat[order][:, columns]
            falls[i, repeat] = whole - float(score(shuffled.view(inputs.shape), targets))
    return falls


def individual_expectations(predict: Predict, inputs: Tensor, feature: int, grid: Tensor) -> Tensor:
    """Return each example's output for each value of a feature, the others left as they are (ICE).

    Goldstein et al. (2015), arXiv:1309.6392.

    Args:
        predict: From inputs of shape (N, features) to outputs of shape (N,).
        inputs: Shape (N, features).
        feature: The column that is set.
        grid: The values that it is set to, shape (values,).

    Returns:
        Shape (N, values).

    Raises:
        TypeError: The inputs are not floating point.
        ValueError: The inputs are not a table, the feature does not exist, the grid is empty, or `predict` does not
            return one output an example.
    """
    if not inputs.is_floating_point():
        raise TypeError(f"inputs must be floating point, not {inputs.dtype}")
    if inputs.dim() != 2 or len(inputs) == 0:
        raise ValueError(f"inputs must have the shape (N, features) with N >= 1, not {tuple(inputs.shape)}")
    if not 0 <= feature < inputs.shape[1]:
        raise ValueError(f"feature is {feature}; expected from 0 to {inputs.shape[1] - 1}")
    if grid.dim() != 1 or len(grid) == 0:
        raise ValueError(f"grid must have the shape (values,), not {tuple(grid.shape)}")
    columns = []
    with torch.no_grad():
        for value in grid:
            changed = inputs.clone()
            changed[:, feature] = value
            outputs = predict(changed)
            if outputs.shape != (len(inputs),):
                raise ValueError(f"predict must return the shape ({len(inputs)},), not {tuple(outputs.shape)}")
            columns.append(outputs)
    return torch.stack(columns, dim=1)


def partial_dependence(predict: Predict, inputs: Tensor, feature: int, grid: Tensor) -> Tensor:
    """Return the mean output over the examples for each value of a feature (Friedman, 2001), shape (values,).

    Args and errors as in `individual_expectations`, whose mean it is.
    """
    return individual_expectations(predict, inputs, feature, grid).mean(dim=0)
