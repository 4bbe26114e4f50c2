"""Images whose truth is known: where the object is, and a coloured mark in a corner that may go with the class."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from helper_utils.data import load_dataset

MARK_SIZE = 3
"""Height and width of the mark in pixels."""
MARK_COLORS = ((2.0, -2.0, -2.0), (-2.0, -2.0, 2.0))
"""Red and blue, in the unit of the normalised images."""


class Scenes(NamedTuple):
    """Images with the pixels of their objects.

    Attributes:
        inputs: Normalised images, shape (N, 3, H, W), float32.
        targets: Class numbers, shape (N,), int64.
        masks: The objects' pixels, shape (N, H, W), bool; the place of the mark is never among them.
    """

    inputs: Tensor
    targets: Tensor
    masks: Tensor


def load_scenes(
    dataset: str = "shapes",
    *,
    class_names: Sequence[str] = ("circle", "cross"),
    subset_size: int = 2000,
    image_size: int = 18,
    object_size: int = 14,
    seed: int = 0,
) -> tuple[Scenes, Scenes, Scenes]:
    """Load images of some classes, each put at a random place of a larger image.

    In the data set all objects are near the centre, so that every explanation that prefers the centre looks right. Here
    the border of each image is continued outwards, and a window is cut out at random.

    Args:
        dataset: A data set that has masks, which is `shapes`.
        class_names: The classes that are kept, two or more; they are numbered in this order.
        subset_size: Training images of all classes together, before those of `class_names` are kept.
        image_size: Height and width in pixels.
        object_size: Height and width of the original images in pixels, from 8 to `image_size`.
        seed: Of images and places.

    Returns:
        Training, validation and test set.

    Raises:
        ValueError: The data set has no masks, a class does not exist, or a size is out of range.
    """
    if not 8 <= object_size <= image_size:
        raise ValueError(f"object_size is {object_size}; expected from 8 to image_size, which is {image_size}")
    data = load_dataset(dataset, subset_size=subset_size, image_size=object_size, seed=seed)
    if data.masks is None:
        raise ValueError(f"the data set {dataset!r} has no masks of its objects; use 'shapes'")
    unknown = [name for name in class_names if name not in data.class_names]
    if unknown or len(class_names) < 2:
        raise ValueError(f"class_names must be two or more of {', '.join(data.class_names)}, not {list(class_names)}")
    numbers = torch.tensor([data.class_names.index(name) for name in class_names])
    generator = torch.Generator().manual_seed(seed)
    sets = []
    for part, masks in zip((data.train, data.val, data.test), data.masks, strict=True):
        is_class = part.targets[:, None] == numbers
        kept = is_class.any(dim=1)
        inputs, masks = _moved(part.inputs[kept], masks[kept], image_size - object_size, generator)
        sets.append(Scenes(inputs, is_class[kept].int().argmax(dim=1), masks & ~mark_place(masks)))
    train, val, test = sets
    return train, val, test


def _moved(images: Tensor, masks: Tensor, n_pixels: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Enlarge images by `n_pixels`, the original one at a random place."""
    images = torch.nn.functional.pad(images, [n_pixels] * 4, mode="replicate")
    masks = torch.nn.functional.pad(masks, [n_pixels] * 4)
    size = images.shape[-1] - n_pixels
    windows = [
        (..., slice(top, top + size), slice(left, left + size))
        for top, left in torch.randint(n_pixels + 1, (len(images), 2), generator=generator).tolist()
    ]
    return (
        torch.stack([image[window] for image, window in zip(images, windows, strict=True)]),
        torch.stack([mask[window] for mask, window in zip(masks, windows, strict=True)]),
    )


def mark_place(like: Tensor, places: Tensor | None = None) -> Tensor:
    """Return where the mark is, bool, of the shape of `like`, which is (..., H, W).

    Args:
        like: Gives the shape.
        places: As in `add_marks`; then `like` has the shape (N, H, W).
    """
    if places is None:
        place = torch.zeros_like(like, dtype=torch.bool)
        place[..., :MARK_SIZE, :MARK_SIZE] = True
        return place
    rows, columns = (torch.arange(size) - first[:, None] for size, first in zip(like.shape[1:], places.T, strict=True))
    in_rows, in_columns = ((x >= 0) & (x < MARK_SIZE) for x in (rows, columns))
    return in_rows[:, :, None] & in_columns[:, None, :]


def add_marks(inputs: Tensor, colors: Tensor, places: Tensor | None = None) -> Tensor:
    """Return copies of images with a mark, by default in the upper left corner.

    Args:
        inputs: Shape (N, 3, H, W).
        colors: 0 (red) or 1 (blue) for each image, shape (N,), int64.
        places: Row and column of the mark's upper left pixel for each image, shape (N, 2), int64.

    Raises:
        ValueError: There is not one colour for each image, it is neither 0 nor 1, or a mark is not inside its image.
    """
    if colors.shape != (len(inputs),) or not bool(((colors == 0) | (colors == 1)).all()):
        raise ValueError(f"colors must hold 0 or 1 for each of the {len(inputs)} images, not {colors}")
    last = torch.tensor(inputs.shape[2:]) - MARK_SIZE
    if places is not None and (places.shape != (len(inputs), 2) or bool(((places < 0) | (places > last)).any())):
        raise ValueError(
            f"places must hold row and column for each of the {len(inputs)} images, from 0 to {last.tolist()}"
        )
    is_mark = mark_place(inputs[:, 0], places)[:, None]
    return torch.where(is_mark, torch.tensor(MARK_COLORS).to(inputs)[colors][:, :, None, None], inputs)
