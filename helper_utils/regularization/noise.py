"""Noise: on labels, to have something that can be memorised, and on inputs, as a regularizer."""

import math

import torch
from torch import Tensor, nn


def noisy_labels(targets: Tensor, share: float, n_classes: int, seed: int) -> Tensor:
    """Return the labels with a share of them replaced by random classes, the right one included.

    Exactly round(share * N) labels are drawn anew, so about share * (1 - 1 / n_classes) are wrong.

    Args:
        targets: Class numbers, shape (N,), integers.
        share: In [0, 1].
        n_classes: The number of classes, at least 2.
        seed: Decides which labels are replaced, and by what.

    Raises:
        ValueError: An argument is out of its range, the targets are not of shape (N,) with classes below n_classes, or
            their type cannot hold n_classes classes.
        TypeError: The targets are not integers.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, not {share}")
    if n_classes < 2:
        raise ValueError(f"n_classes must be at least 2, not {n_classes}")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(f"the targets must be class numbers (integers), not {targets.dtype}")
    if n_classes - 1 > torch.iinfo(targets.dtype).max:
        raise ValueError(f"{targets.dtype} cannot hold {n_classes} classes: convert the targets with .long()")
    if targets.dim() != 1 or (len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < n_classes):
        raise ValueError(
            f"the targets must have the shape (N,) and lie from 0 to {n_classes - 1}; their shape is "
            f"{tuple(targets.shape)}"
        )
    generator = torch.Generator().manual_seed(seed)
    n_replaced = round(share * len(targets))
    replaced = torch.randperm(len(targets), generator=generator)[:n_replaced].to(targets.device)
    drawn = torch.randint(n_classes, (n_replaced,), generator=generator)
    noisy = targets.clone()
    noisy[replaced] = drawn.to(targets)
    return noisy


class GaussianNoise(nn.Module):
    """Add normal noise to each value in training; in evaluation nothing happens.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization" (1995).

    Args:
        std: The standard deviation of the noise, at least 0 and finite, in the unit of the inputs.

    Raises:
        ValueError: std is negative or infinite.
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        if not 0 <= std < math.inf:
            raise ValueError(f"std must be {'finite' if std == math.inf else 'at least 0'}, not {std}")
        self.std = std

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs with noise; any shape.

        Raises:
            TypeError: The inputs are integers.
        """
        if not inputs.is_floating_point():
            raise TypeError(f"GaussianNoise takes floating-point inputs, not {inputs.dtype}: convert with .float()")
        return inputs + self.std * torch.randn_like(inputs) if self.training else inputs

    def extra_repr(self) -> str:
        """Return the standard deviation."""
        return f"std={self.std}"
