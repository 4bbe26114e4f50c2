"""What every source of images hands over before it is normalised."""

from typing import NamedTuple

import numpy as np


class Pictures(NamedTuple):
    """Images and labels as they come from a source.

    Attributes:
        images: Shape (N, H, W, C), uint8; C is 1 or 3. Or shape (N,), paths of image files that are still to be read.
        labels: Shape (N,), int64, numbers of classes.
    """

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Pictures":
        """Return a copy with these images only."""
        return Pictures(self.images[indices], self.labels[indices])


class Source(NamedTuple):
    """A data set as it comes from its source; `val` and `test` where the source has them as separate parts."""

    class_names: tuple[str, ...]
    train: Pictures
    val: Pictures | None = None
    test: Pictures | None = None


class SplitSource(NamedTuple):
    """A data set with all its parts."""

    class_names: tuple[str, ...]
    train: Pictures
    val: Pictures
    test: Pictures
