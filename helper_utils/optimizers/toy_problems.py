"""Small problems with a known answer, on which lesson 05 tries what is said about optimizers."""

from collections.abc import Sequence

import torch
from torch import Tensor

NARROW, WIDE = -1.5, 2.0  # where the two minima are
_WIDTHS = (0.3, 1.6)
_BORDER = -0.75  # between the two minima


def two_minima_slope(weight: Tensor, depths: tuple[float, float]) -> Tensor:
    """Return the slope of a loss with a narrow minimum at `NARROW` and a wide one at `WIDE`, in a shallow bowl.

    Args:
        weight: Any shape.
        depths: How deep the narrow and the wide one are.
    """
    slope = 0.02 * weight
    for depth, width, place in zip(depths, _WIDTHS, (NARROW, WIDE), strict=True):
        away = (weight - place) / width
        slope = slope + depth / width * away * torch.exp(-(away**2) / 2)
    return slope


def share_that_left(
    depths: tuple[float, float],
    batch_size: int,
    seeds: Sequence[int],
    *,
    lr: float = 0.1,
    n_steps: int = 200,
    n_runs: int = 100,
    n_examples: int = 256,
) -> Tensor:
    """Start SGD in each of the two minima and return the share of the runs that ended on the other side.

    Each seed draws a data set whose examples add slopes of mean zero; a batch adds the mean of its own, drawn with
    replacement. A batch of all examples adds nothing.

    Args:
        depths: As in `two_minima_slope`.
        batch_size: Examples in a batch; `n_examples` is the full batch.
        seeds: One data set each.
        lr: The learning rate.
        n_steps: Steps of each run.
        n_runs: Runs from each minimum, for each seed.
        n_examples: Size of a data set.

    Returns:
        Shape (seeds, 2): started in the narrow minimum, and in the wide one.
    """
    shares = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        slopes = 4 * torch.randn(n_examples, generator=generator)
        slopes -= slopes.mean()
        weight = torch.tensor([[NARROW], [WIDE]]).repeat(1, n_runs)
        for _ in range(n_steps):
            noise = torch.zeros_like(weight)
            if batch_size < n_examples:
                chosen = torch.randint(n_examples, (*weight.shape, batch_size), generator=generator)
                noise = slopes[chosen].mean(dim=-1)
            weight = weight - lr * (two_minima_slope(weight, depths) + noise)
        is_right = weight > _BORDER
        shares.append(torch.stack([is_right[0], ~is_right[1]]).float().mean(dim=1))
    return torch.stack(shares)
