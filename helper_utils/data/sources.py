"""What every source of images hands over before it is normalised."""

from typing import NamedTuple, Protocol, Self

import numpy as np


class Images(Protocol):
    """Labelled images that are in memory (`Pictures`) or still in files (`image_files.ImageFiles`)."""

    @property
    def labels(self) -> np.ndarray:
        """Shape (N,), int64, numbers of classes."""
        ...

    def take(self, indices: np.ndarray) -> Self:
        """Return a copy with these images only."""
        ...

    def read(self, image_size: int | None) -> np.ndarray:
        """Return the images, shape (N, H, W, C), uint8, in this size where the source has a choice."""
        ...


class Pictures(NamedTuple):
    """Images in memory.

    Attributes:
        images: Shape (N, H, W, C), uint8; C is 1 or 3.
        labels: Shape (N,), int64, numbers of classes.
        masks: Which pixels belong to the object, shape (N, H, W), bool, where the source knows it.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None = None

    def take(self, indices: np.ndarray) -> "Pictures":
        """Return a copy with these images only."""
        masks = None if self.masks is None else self.masks[indices]
        return Pictures(self.images[indices], self.labels[indices], masks)

    def read(self, image_size: int | None) -> np.ndarray:  # noqa: ARG002 - they have the size that they have
        """Return the images in their own size."""
        return self.images


class Source(NamedTuple):
    """A data set as it comes from its source; `val` and `test` where the source has them separately."""

    class_names: tuple[str, ...]
    train: Images
    val: Images | None = None
    test: Images | None = None


class SplitSource(NamedTuple):
    """A data set with all three sets of images."""

    class_names: tuple[str, ...]
    train: Images
    val: Images
    test: Images
