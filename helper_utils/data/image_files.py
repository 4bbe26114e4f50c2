"""Images in files: read, rotated upright, cut to a square and resized."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from .folders import ClassFiles, find_images
from .sources import Source

DEFAULT_IMAGE_SIZE = 32
MIN_FILES_FOR_PROGRESS_BAR = 2000

ORIENTATION = 0x0112
"""The number of the EXIF entry that tells how the camera was held."""
TURNED_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageFiles(NamedTuple):
    """Image files and their labels.

    Attributes:
        paths: Shape (N,), the path of each file.
        labels: Shape (N,), int64, numbers of classes.
    """

    paths: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "ImageFiles":
        """Return a copy with these files only."""
        return ImageFiles(self.paths[indices], self.labels[indices])

    def read(self, image_size: int | None) -> np.ndarray:
        """Read the files in several threads, with a progress bar when there are many.

        Images are rotated upright, put on a white background where they are transparent, and converted to RGB. Those
        that are not squares of `image_size` pixels are cut to their central square and resized.

        Args:
            image_size: Height and width in pixels; 32 by default.

        Returns:
            Shape (N, image_size, image_size, 3), uint8.

        Raises:
            ValueError: If an image is damaged or has more than 8 bits a colour.
        """
        size = image_size or DEFAULT_IMAGE_SIZE
        images = np.empty((len(self.paths), size, size, 3), np.uint8)

        def read_into_place(position: int) -> None:
            images[position] = _read_image(self.paths[position], size)

        with ThreadPoolExecutor(os.cpu_count()) as executor:
            progress = tqdm(
                executor.map(read_into_place, range(len(images))),
                total=len(images),
                desc="reading images",
                unit="image",
                disable=len(images) < MIN_FILES_FOR_PROGRESS_BAR,
            )
            for _ in progress:
                pass
        return images


def open_folder(path: str | Path) -> Source:
    """Find the images of a data set in a folder; see `find_images` for its form and the errors."""
    parts = find_images(path)
    files = {part: _label(classes) for part, classes in parts.items()}
    return Source(tuple(parts["train"]), files["train"], files.get("val"), files.get("test"))


def _label(classes: ClassFiles) -> ImageFiles:
    paths = [file for files in classes.values() for file in files]
    return ImageFiles(np.array(paths), np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()]))


def _read_image(file: Path, image_size: int) -> np.ndarray:
    try:
        with Image.open(file) as image:
            # JPEG files are decoded at a half, a quarter or an eighth of their size where that is enough.
            image.draft("RGB", (2 * image_size, 2 * image_size))
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels have more than 8 bits (mode {image.mode}); convert it to 8 bits")
            image.load()
            square = ImageOps.fit(_to_rgb(_upright(image)), (image_size, image_size), Image.Resampling.BILINEAR)
            return np.asarray(square)
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise ValueError(f"cannot read the image {file}: {error}. Replace or remove it.") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        method = TURNED_UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF may raise anything, and the image is usable without it
        return image
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
