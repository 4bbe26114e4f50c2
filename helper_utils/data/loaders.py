"""Batches served from tensors in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .augmentation import Augmentation
from .datasets import load_dataset


class TensorLoader:
    """Batches `(inputs, targets)` of tensors in memory, on the device where they are used.

    For data that fits into memory this replaces `torch.utils.data.DataLoader`: a batch is one indexing operation, not
    a Python call for each example. Every loop over the loader is an epoch, in a new order where `shuffle` is on. The
    orders and the augmentation follow from `seed` and the number of the epoch alone: they are the same on every
    device, and a loop that was left early changes nothing in later epochs.

    Args:
        inputs: Shape (N, ...), any type.
        targets: Shape (N, ...), any type.
        batch_size: The number of examples in a batch; the last batch holds what is left.
        shuffle: Whether each epoch has a new random order.
        seed: Decides the orders and the augmentation; 0 or more.
        augment: Changes the inputs of each batch; see `augmentation`.
        drop_last: Whether to leave out a last batch that is smaller than the others.
        device: Where to keep the tensors; where they are by default.

    Attributes:
        inputs: All inputs, on the device.
        targets: All targets, on the device.
        n_examples: N.

    Raises:
        ValueError: If inputs and targets differ in length, or no batch comes out.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int = 64,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augment: Augmentation | None = None,
        drop_last: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        if len(inputs) != len(targets):
            raise ValueError(f"{len(inputs)} inputs and {len(targets)} targets; expected the same number of both")
        if len(inputs) == 0:
            raise ValueError("there are no examples, so the loader would have no batches; give it at least one")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected 1 or more")
        if drop_last and len(inputs) < batch_size:
            raise ValueError(
                f"{len(inputs)} examples do not fill one batch of {batch_size}, and drop_last leaves out the rest, "
                "so the loader would have no batches; use a smaller batch_size or drop_last=False"
            )
        if seed < 0:
            raise ValueError(f"seed is {seed}; expected 0 or more")
        self.inputs = inputs.to(device)
        self.targets = targets.to(device)
        self.n_examples = len(inputs)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.augment = augment
        self.drop_last = drop_last
        self._epoch = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if self.drop_last:
            return self.n_examples // self.batch_size
        return -(-self.n_examples // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = self._generator_of_next_epoch()
        order = torch.randperm(self.n_examples, generator=generator) if self.shuffle else torch.arange(self.n_examples)
        return self._batches(order.to(self.inputs.device), generator)

    def state_dict(self) -> dict[str, int]:
        """Return the position in the data for a checkpoint: how many epochs have begun."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on after the epochs of a saved position: the next epoch has the order that it would have had."""
        self._epoch = state_dict["epoch"]

    def _generator_of_next_epoch(self) -> torch.Generator:
        # A generator on the CPU gives the same numbers whatever device the data is on.
        state = np.random.SeedSequence([self.seed, self._epoch]).generate_state(1, np.uint64)
        self._epoch += 1
        return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))

    def _batches(self, order: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in range(len(self)):
            indices = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            # index_select copies, so a batch may be changed in place; it is five times as fast as inputs[indices].
            inputs = self.inputs.index_select(0, indices)
            if self.augment is not None:
                inputs = self.augment(inputs, generator)
            yield inputs, self.targets.index_select(0, indices)


def get_dataset_dataloaders(
    batch_size: int = 64,
    subset_size: int | None = None,
    imbalanced: bool = False,
    *,
    dataset: str = "shapes",
    seed: int = 0,
    device: torch.device | str = "cpu",
    imbalance_ratio: float = 0.1,
    image_size: int | None = None,
    data_dir: str | Path | None = None,
    augment: Augmentation | None = None,
) -> tuple[TensorLoader, TensorLoader]:
    """Return loaders of a data set's training set (shuffled, augmented) and of its validation set (neither).

    The other arguments are those of `load_dataset`, which also gives the test set, the class names and the image
    shape.

    Args:
        batch_size: The number of images in a batch.
        subset_size: The number of training images, at most; all by default.
        imbalanced: Whether the classes are unequally frequent, with `imbalance_ratio` between the extremes.
        dataset: A name that `load_dataset` knows.
        seed: Decides which images are in which set, and the order of the training batches.
        device: Where the batches are.
        imbalance_ratio: The rarest class is this many times as frequent as the most frequent one.
        image_size: Height and width in pixels; those of the data set by default.
        data_dir: The data directory; see `data_directory`.
        augment: Changes the training images batch by batch; see `augmentation`.

    Returns:
        `(train_loader, val_loader)`, whose batches are images (N, C, H, W) and class numbers (N,).
    """
    data = load_dataset(
        dataset,
        subset_size=subset_size,
        imbalanced=imbalanced,
        imbalance_ratio=imbalance_ratio,
        seed=seed,
        data_dir=data_dir,
        image_size=image_size,
        device=device,
    )
    train_loader = TensorLoader(*data.train, batch_size, shuffle=True, seed=seed, augment=augment)
    val_loader = TensorLoader(*data.val, batch_size)
    return train_loader, val_loader
