"""Your own images: one folder a class."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from .sources import Pictures, Source

DEFAULT_IMAGE_SIZE = 32
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MIN_FILES_FOR_PROGRESS_BAR = 2000


def find(path: str | Path) -> Source:
    """Find the images of a data set in a folder; `images` of the result are the paths of the files.

    Either `PATH/CLASS/IMAGE`, or `PATH/train/CLASS/IMAGE` with `PATH/test/CLASS/IMAGE`, `PATH/val/CLASS/IMAGE` or
    both beside it. Files with other suffixes and hidden files are passed over.

    Args:
        path: The folder; `~` stands for the home folder, a relative path starts from the current directory.

    Raises:
        FileNotFoundError: If the folder does not exist.
        ValueError: If it does not hold at least two classes with images, or its parts have different classes.
    """
    root = Path(path).expanduser().absolute()
    if not str(path) or not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder {root}; 'folder:PATH' needs the path of a folder with one folder of images a class"
        )
    if not (root / "train").is_dir() or not _folders(root / "train"):
        if (root / "test").is_dir() and _folders(root / "test"):
            raise ValueError(f"{root} has a folder 'test' but no folder 'train' with one folder a class; add it")
        class_names, train = _find_part(root)
        return Source(class_names, train)
    unknown = [folder.name for folder in _folders(root) if folder.name not in ("train", "val", "test")]
    if unknown:
        raise ValueError(f"{root} holds '{unknown[0]}' beside 'train'; expected nothing but 'val' and 'test' there")
    class_names, train = _find_part(root / "train")
    val, test = (_find_other_part(root / part, class_names) for part in ("val", "test"))
    return Source(class_names, train, val, test)


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _image_files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))


def _find_part(path: Path) -> tuple[tuple[str, ...], Pictures]:
    classes = _folders(path)
    if len(classes) < 2:
        found = f"one folder ('{classes[0].name}')" if classes else "no folders"
        raise ValueError(f"{path} holds {found}; expected two or more, one for each class, with its images inside")
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(classes):
        images = _image_files(folder)
        if not images:
            raise ValueError(
                f"class folder {folder} holds no images (looked for {', '.join(sorted(SUFFIXES))}); "
                "add some or remove the folder"
            )
        files += images
        labels += [label] * len(images)
    return tuple(folder.name for folder in classes), Pictures(np.array(files), np.array(labels))


def _find_other_part(path: Path, class_names: tuple[str, ...]) -> Pictures | None:
    if not path.is_dir():
        return None
    differing = {folder.name for folder in _folders(path)} ^ set(class_names)
    if differing:
        raise ValueError(
            f"{path} and {path.parent / 'train'} have different classes: "
            f"{', '.join(sorted(differing))} in one of them only; expected the same class folders in both"
        )
    return _find_part(path)[1]


def read(files: np.ndarray, image_size: int) -> np.ndarray:
    """Read images in several threads, with a progress bar when there are many.

    Images are turned upright and converted to RGB; those that are not squares of `image_size` pixels are cut to their
    central square and resized.

    Args:
        files: Paths, shape (N,).
        image_size: Height and width in pixels.

    Returns:
        Shape (N, image_size, image_size, 3), uint8.

    Raises:
        ValueError: If an image is damaged or has more than 8 bits a colour.
    """
    images = np.empty((len(files), image_size, image_size, 3), np.uint8)

    def read_into_place(position: int) -> None:
        images[position] = _read_image(files[position], image_size)

    with ThreadPoolExecutor(os.cpu_count()) as executor:
        progress = tqdm(
            executor.map(read_into_place, range(len(files))),
            total=len(files),
            desc="reading images",
            unit="image",
            disable=len(files) < MIN_FILES_FOR_PROGRESS_BAR,
        )
        for _ in progress:
            pass
    return images


def _read_image(file: Path, image_size: int) -> np.ndarray:
    try:
        with Image.open(file) as image:
            # JPEG files are decoded at a half, a quarter or an eighth of their size where that is enough.
            image.draft("RGB", (2 * image_size, 2 * image_size))
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels have more than 8 bits (mode {upright.mode}); convert it to 8 bits")
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
            square = ImageOps.fit(upright.convert("RGB"), (image_size, image_size), Image.Resampling.BILINEAR)
            return np.asarray(square)
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise ValueError(f"cannot read the image {file}: {error}. Replace or remove it.") from error
