"""The names of the data sets, and a check of a name that reads no image and imports no torch."""

import difflib
from pathlib import Path

from .directory import data_directory
from .folders import find_images

FOLDER = "folder:"
DATASET_NAMES = ("digits", "shapes", "mnist", "fashion_mnist", "cifar10", f"{FOLDER}PATH")
N_CLASSES = 10  # of each of those with a name


def check_dataset(name: str) -> int:
    """Check in milliseconds what `load_dataset(name)` would find wrong at once.

    That is an unknown name, a folder that does not exist or cannot be read, one with too few classes or images, or one
    whose training, validation and test folders are unclear. No image is opened and nothing is downloaded: a data set
    that is still to be downloaded passes.

    Args:
        name: A name for `load_dataset`.

    Returns:
        The number of classes.

    Raises:
        ValueError: As `load_dataset` raises it.
        OSError: As `load_dataset` raises it.
    """
    if name.startswith(FOLDER):
        return len(find_images(name.removeprefix(FOLDER))["train"])
    if name not in DATASET_NAMES:
        raise unknown_dataset(name)
    data_directory()
    return N_CLASSES


def unknown_dataset(name: str) -> ValueError:
    """The error for a name that no data set has, with the nearest one that is known."""
    nearest = difflib.get_close_matches(name.lower(), DATASET_NAMES, n=1)
    if _is_path(name):
        hint = f" Did you mean '{FOLDER}{name}'?"
    elif name.lower().startswith(FOLDER):
        hint = f" Did you mean '{FOLDER}{name[len(FOLDER) :]}'?"
    else:
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return ValueError(f"unknown data set '{name}'; known are {', '.join(DATASET_NAMES)}.{hint}")


def _is_path(name: str) -> bool:
    if name.startswith((".", "~")) or "/" in name or "\\" in name:
        return not name.lower().startswith(FOLDER)
    try:
        return bool(name) and Path(name).is_dir()
    except OSError:
        return False
