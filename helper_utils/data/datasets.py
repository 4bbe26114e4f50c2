"""Data sets by name: read, split, cut to size and normalised."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import downloads, image_files, shapes
from .dataset_names import FOLDER, unknown_dataset
from .directory import data_directory
from .sources import Images, Pictures, Source, SplitSource
from .splitting import stratified_split

HELD_OUT = 0.2
"""The share of the images that is set aside for a validation or test set that the source does not have."""
N_SHAPES = (4000, 1000, 1000)
"""The number of training, validation and test images of `shapes`."""
MIN_VAL_SIZE = 1000
"""`subset_size` does not cut the validation set below this: a smaller one measures too little."""


class Part(NamedTuple):
    """The images and labels of a training, validation or test set.

    Attributes:
        inputs: Normalised images, shape (N, C, H, W), float32.
        targets: Class numbers, shape (N,), int64.
    """

    inputs: Tensor
    targets: Tensor


class Masks(NamedTuple):
    """Which pixels of the images belong to the object, for each of the three sets.

    Attributes:
        train: Shape (N, H, W), bool, in the order of the training images.
        val: Likewise for the validation images.
        test: Likewise for the test images.
    """

    train: Tensor
    val: Tensor
    test: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set in memory, split and normalised.

    Attributes:
        name: The name it was asked for by.
        train: What a model learns from.
        val: What choices are made by.
        test: What the chosen model is measured on, once.
        class_names: The names of the classes, in the order of their numbers.
        mean: Mean of each channel over the training set, of pixels in [0, 1], shape (C,).
        std: Standard deviation of each channel, likewise.
        masks: The objects' pixels (`shapes` only, else None), also where something in front covers the object.
    """

    name: str
    train: Part
    val: Part
    test: Part
    class_names: tuple[str, ...]
    mean: Tensor
    std: Tensor
    masks: Masks | None = None

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={len(getattr(self, part).targets)}" for part in ("train", "val", "test"))
        return f"Dataset({self.name!r}, {sizes}, image_shape={self.image_shape}, num_classes={self.num_classes})"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.inputs.shape[1:]
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def to_pictures(self, images: Tensor) -> Tensor:
        """Turn normalised images back into pictures that `matplotlib.pyplot.imshow` shows.

        Args:
            images: Shape (N, C, H, W) or (C, H, W), normalised.

        Returns:
            Shape (N, H, W, C) or (H, W, C), on the CPU, values in [0, 1].
        """
        mean, std = (statistic.cpu().view(-1, 1, 1) for statistic in (self.mean, self.std))
        return (images.detach().cpu() * std + mean).clamp(0, 1).movedim(-3, -1)


def load_dataset(
    name: str,
    *,
    subset_size: int | None = None,
    imbalanced: bool = False,
    imbalance_ratio: float = 0.1,
    seed: int = 0,
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Load a data set and split it into a training, a validation and a test set.

    An official test set is used where there is one. A set that the source does not have is a fifth of the images, split
    off at random with the same shares of the classes. `shapes` draws 4,000, 1,000 and 1,000 images.
    The cards in data/README.md describe each data set.

    Args:
        name: `digits`, `shapes`, `mnist`, `fashion_mnist`, `cifar10`, or `folder:PATH` for your own images.
        subset_size: The number of training images, at most: a data set that has fewer gives all of them (`shapes` draws
            any number). All by default. The validation set is cut to a quarter of it, though never below 1,000
            images (or all, where there are fewer). The test set is not cut, so that results for different sizes are
            measured on the same images.
        imbalanced: Whether the classes are unequally frequent, in all three sets alike. The first class is the most
            frequent and the frequencies fall geometrically to the last class, as in Cui et al. (2019,
            https://arxiv.org/abs/1901.05555).
        imbalance_ratio: The last class is this many times as frequent as the first one; above 0, at most 1. Used only
            with `imbalanced`.
        seed: Decides which images are drawn, split off and kept. The same seed gives the same data.
        data_dir: The data directory; see `data_directory`.
        image_size: Height and width in pixels; those of the data set by default (folders: 32). Other sizes of
            downloaded images and digits are interpolated; shapes are drawn in this size.
        device: Where the tensors are put.

    Returns:
        The data set, normalised with the mean and standard deviation of each channel of the training set. Its `repr`
        says how many images each set has. That of `shapes` has `masks`: which pixels belong to the object.

    Raises:
        ValueError: If the name is unknown, an argument is out of range, or a folder cannot be used as a data set.
        FileNotFoundError: If a folder does not exist.
        RuntimeError: If a download failed or a downloaded file is damaged.
        PermissionError: If something must be downloaded and the data directory is not writable.
    """
    _check_arguments(subset_size, imbalance_ratio, seed, image_size)
    ratio = imbalance_ratio if imbalanced else None
    if name == "shapes":  # drawn to order: there is nothing to split or to cut
        source = _draw_shapes(subset_size, ratio, seed, image_size)
    else:
        source = _cut(_split(_open(name, data_dir), seed), subset_size, ratio, seed)
    train, val, test = (_to_part(images, image_size) for images in (source.train, source.val, source.test))
    std, mean = torch.std_mean(train.inputs, dim=(0, 2, 3), correction=0)
    std = std.clamp_min(1 / 255)  # a channel of one colour stays finite
    for part in (train, val, test):
        part.inputs.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
    train, val, test = (Part(part.inputs.to(device), part.targets.to(device)) for part in (train, val, test))
    masks = _masks(source, device)
    return Dataset(name, train, val, test, source.class_names, mean.to(device), std.to(device), masks)


def _masks(source: SplitSource, device: torch.device | str) -> Masks | None:
    """Return the masks of all three sets, where the source knows them."""
    train, val, test = (getattr(images, "masks", None) for images in (source.train, source.val, source.test))
    if train is None or val is None or test is None:
        return None
    return Masks(*(torch.from_numpy(masks).to(device) for masks in (train, val, test)))


def _check_arguments(subset_size: int | None, imbalance_ratio: float, seed: int, image_size: int | None) -> None:
    if subset_size is not None and subset_size < 1:
        raise ValueError(f"subset_size is {subset_size}; expected a number of training images, 1 or more")
    if not 0 < imbalance_ratio <= 1:
        raise ValueError(f"imbalance_ratio is {imbalance_ratio}; expected a number above 0 and at most 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    if image_size is not None and image_size < 8:
        raise ValueError(f"image_size is {image_size}; expected 8 pixels or more")


def _open(name: str, data_dir: str | Path | None) -> Source:
    if name == "digits":
        return _read_digits()
    if name in downloads.DOWNLOADS:
        return downloads.read(name, data_directory(data_dir))
    if name.startswith(FOLDER):
        return image_files.open_folder(name.removeprefix(FOLDER))
    raise unknown_dataset(name)


def _read_digits() -> Source:
    # What `sklearn.datasets.load_digits` reads. Importing scikit-learn for it would take fifty times as long.
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the digits come with scikit-learn, which is missing: pip install scikit-learn")
    rows = np.loadtxt(Path(spec.origin).parent / "datasets/data/digits.csv.gz", delimiter=",", dtype=np.int64)
    images = np.rint(rows[:, :-1] * (255 / 16)).astype(np.uint8)  # scikit-learn has grey levels 0 to 16
    return Source(tuple("0123456789"), Pictures(images.reshape(-1, 8, 8, 1), rows[:, -1]))


def _draw_shapes(subset_size: int | None, ratio: float | None, seed: int, image_size: int | None) -> SplitSource:
    weights = _class_weights(len(shapes.CLASS_NAMES), ratio or 1.0)
    # Each set has its own random numbers: the validation and test images are the same for every subset_size.
    train, val, test = (
        Pictures(*shapes.draw(_class_counts(weights, size), image_size or shapes.DEFAULT_IMAGE_SIZE, [seed, number]))
        for number, size in enumerate((subset_size or N_SHAPES[0], *N_SHAPES[1:]))
    )
    return SplitSource(shapes.CLASS_NAMES, train, val, test)


def _split(source: Source, seed: int) -> SplitSource:
    """Split off the sets that the source does not have."""
    train, val, test = source.train, source.val, source.test
    if test is None:
        train, test = _split_off(train, seed)
    if val is None:
        train, val = _split_off(train, seed)
    return SplitSource(source.class_names, train, val, test)


def _split_off(images: Images, seed: int) -> tuple[Images, Images]:
    """Split off a set in which every class has its share, and at least one image."""
    labels = images.labels
    n_classes = labels.max() + 1
    n_held_out = max(round(HELD_OUT * len(labels)), n_classes)
    kept, held_out = stratified_split(labels, n_held_out, int(np.random.SeedSequence(seed).generate_state(1)[0]))
    # The share of a rare class may have been rounded to nothing.
    left_out = np.setdiff1d(np.arange(n_classes), labels[held_out])
    moved = [np.flatnonzero(labels[kept] == label)[0] for label in left_out]
    held_out = np.append(held_out, kept[moved])
    return images.take(np.delete(kept, moved)), images.take(held_out)


def _cut(source: SplitSource, subset_size: int | None, ratio: float | None, seed: int) -> SplitSource:
    """Keep at most `subset_size` training images, in the shares of the classes or of the imbalance `ratio`."""
    if subset_size is None and ratio is None:
        return source
    n_classes = len(source.class_names)
    val_size = None if subset_size is None else max(MIN_VAL_SIZE, subset_size // 4)
    parts = ((source.train, subset_size), (source.val, val_size), (source.test, None))
    # Each set has its own random numbers: which test images are kept does not depend on subset_size.
    train, val, test = (
        _choose(images, size, n_classes, ratio, np.random.default_rng([seed, number]))
        for number, (images, size) in enumerate(parts)
    )
    return SplitSource(source.class_names, train, val, test)


def _choose(images: Images, size: int | None, n_classes: int, ratio: float | None, rng: np.random.Generator) -> Images:
    """Choose `size` images at random, or as many as there are, that keep the imbalance `ratio`."""
    available = _available(images.labels, n_classes, ratio)
    counts = available if size is None or size >= available.sum() else _class_counts(available, size)
    chosen = [
        rng.choice(np.flatnonzero(images.labels == label), count, replace=False) for label, count in enumerate(counts)
    ]
    return images.take(np.sort(np.concatenate(chosen)))


def _available(labels: np.ndarray, n_classes: int, ratio: float | None) -> np.ndarray:
    """The largest numbers of images in each class that keep the imbalance `ratio`."""
    counts = np.bincount(labels, minlength=n_classes)
    if ratio is None:
        return counts
    weights = _class_weights(n_classes, ratio)
    return np.maximum(np.floor(weights * (counts / weights).min() + 1e-9), 1).astype(np.int64)


def _class_weights(n_classes: int, ratio: float) -> np.ndarray:
    """Frequencies that fall geometrically from 1 for the first class to `ratio` for the last."""
    return np.geomspace(1, ratio, n_classes)


def _class_counts(weights: np.ndarray, size: int) -> np.ndarray:
    """Whole numbers, 1 or more, that are in proportion to `weights` and sum to `size`."""
    if size < len(weights):
        raise ValueError(f"subset_size is {size}, less than the {len(weights)} classes; ask for one image a class")
    exact = weights * (size / weights.sum())
    counts = np.maximum(np.floor(exact), 1).astype(np.int64)
    while counts.sum() < size:
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > size:
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return counts


def _to_part(images: Images, image_size: int | None) -> Part:
    """Read images and turn them into floats in [0, 1] of shape (N, C, H, W)."""
    pixels = torch.from_numpy(images.read(image_size)).movedim(-1, 1)
    if image_size is not None and pixels.shape[-2:] != (image_size, image_size):
        pixels = torch.nn.functional.interpolate(
            pixels.contiguous(), (image_size, image_size), mode="bilinear", antialias=True
        )
    inputs = pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    return Part(inputs, torch.from_numpy(images.labels))
