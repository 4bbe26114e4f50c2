"""Augmentation of whole batches.

An augmentation is a function `(images, generator) -> images`: images are float tensors of shape (N, C, H, W) on any
device, the generator is a seeded one on the CPU, so that the same seed changes the same images on every device.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

Augmentation = Callable[[Tensor, Generator], Tensor]


def random_horizontal_flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each image left to right with probability one half.

    Args:
        images: Shape (N, C, H, W).
        generator: A seeded generator on the CPU.

    Returns:
        A new tensor of the same shape.
    """
    n = len(images)
    flipped = torch.rand(n, generator=generator) < 0.5
    both = torch.cat([images, images.flip(-1)])
    return both.index_select(0, (torch.arange(n) + n * flipped).to(images.device))


def random_shift(max_shift: int) -> Augmentation:
    """Make an augmentation that moves each image by up to `max_shift` pixels, up or down and left or right.

    What comes into view is filled with zeros, which in normalised images is the mean colour. Each of the
    `(2 * max_shift + 1) ** 2` moves is equally likely. For images smaller than about 100 pixels this is the "random
    crop with padding" of He et al. (2016, https://arxiv.org/abs/1512.03385).

    Args:
        max_shift: The largest move in pixels, 0 or more.

    Raises:
        ValueError: If `max_shift` is negative.
    """
    if max_shift < 0:
        raise ValueError(f"max_shift is {max_shift}; expected a number of pixels, 0 or more")

    def shift(images: Tensor, generator: Generator) -> Tensor:
        n, channels, height, width = images.shape
        down, right = torch.randint(0, 2 * max_shift + 1, (2, n, 1, 1), generator=generator)
        padded = torch.nn.functional.pad(images, [max_shift] * 4)
        # Each row of a moved image is a run of `width` numbers in `padded`. Whole runs are copied much faster than
        # single pixels are gathered.
        rows = torch.arange(n * channels * padded.shape[2]).view(n, channels, -1)[:, :, :height] + down
        starts = (rows * padded.shape[3] + right).flatten().to(images.device)
        return padded.reshape(-1).unfold(0, width, 1).index_select(0, starts).view(images.shape)

    return shift


def chain(*augmentations: Augmentation) -> Augmentation:
    """Make one augmentation that applies several in the order given."""

    def apply_all(images: Tensor, generator: Generator) -> Tensor:
        for augmentation in augmentations:
            images = augmentation(images, generator)
        return images

    return apply_all
