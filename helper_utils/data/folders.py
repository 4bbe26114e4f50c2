"""Find your own images, one folder a class. Only names are looked at here; `image_files` reads the images."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .directory import absolute_path

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

PART_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
"""The set (training, validation or test) that each of these folder names means, in capitals or small letters."""
ADDED_TO_PART_NAMES = re.compile(r"(?<=.)(data)?(set|split|part|folder|images?|imgs?|pictures?|photos?)?$")
"""What may follow the name of a set: `training_set`, `test_images`, `ValData`."""

SYSTEM_FOLDERS = frozenset(
    {"__MACOSX", "@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information"}
    | {"lost+found", "__pycache__"}
)
"""Folders that operating systems and storage devices add; like names with a leading dot, they are skipped."""

ClassFiles = dict[str, list[Path]]
"""The image files of each class, classes and files in the order of their names."""


def find_images(path: str | Path) -> dict[str, ClassFiles]:
    """Find the images of a data set in a folder.

    Either `PATH/CLASS/IMAGE`, or `PATH/train/CLASS/IMAGE` with `PATH/test/CLASS/IMAGE`, `PATH/val/CLASS/IMAGE` or
    both beside it; `Training`, `valid`, `test_set` and the like mean the same. Files with other suffixes, hidden
    files and hidden folders are skipped. Folders inside a class folder belong to that class.

    Args:
        path: The folder; `~` stands for the home folder, a relative path starts from the current directory.

    Returns:
        `train`, and `val` and `test` where they are there, each with the same classes.

    Raises:
        FileNotFoundError: If the folder does not exist.
        OSError: If the folder cannot be read.
        ValueError: If it does not hold two or more classes with enough images in each; if it is unclear what a folder
            means or which class an image belongs to; if the sets have different classes.
    """
    if not str(path):
        raise FileNotFoundError(
            "there is no path after 'folder:'; 'folder:PATH' needs the path of a folder with one folder of images a "
            "class"
        )
    root = absolute_path(path)
    parts = {part: _find_classes(folder) for part, folder in _find_parts(root).items()}
    for part, classes in parts.items():
        differing = sorted(classes.keys() ^ parts["train"].keys())
        if differing:
            raise ValueError(
                f"the '{part}' and the 'train' folder in {root} have different classes: {', '.join(differing)} in one "
                "of them only; expected the same class folders in both"
            )
    _check_sizes(parts)
    return parts


def _find_parts(root: Path) -> dict[str, Path]:
    """The folder of each set; where there are none, the folder itself holds the training set."""
    parts: dict[str, Path] = {}
    others = []
    for folder in _folders(root):
        part = _part_of(folder.name)
        if part is None:
            others.append(folder.name)
        elif part in parts:
            raise ValueError(
                f"{root} holds '{parts[part].name}' and '{folder.name}', which both mean '{part}'; expected one of them"
            )
        else:
            parts[part] = folder
    if not parts:
        _refuse_names_of_parts(root, others)
        return {"train": root}
    named = next(iter(parts.values())).name
    if others:
        raise ValueError(
            f"{root} holds '{others[0]}' beside '{named}'; expected nothing but 'train', 'val' and 'test' there, with "
            f"one folder a class in each (if '{named}' is a class, give it another name)"
        )
    if "train" not in parts:
        raise ValueError(f"{root} has a folder '{named}' but no folder 'train' with one folder a class; add it")
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def _part_of(folder_name: str) -> str | None:
    letters = re.sub(r"[\W\d_]+", "", folder_name.casefold())
    return PART_NAMES.get(letters) or PART_NAMES.get(ADDED_TO_PART_NAMES.sub("", letters))


def _refuse_names_of_parts(path: Path, folder_names: list[str]) -> None:
    """Refuse folders such as `seg_train` and `seg_test`, or `cat_train` and `cat_test`, as classes."""
    part_in = {name: {_part_of(word) for word in re.split(r"[\W\d_]+", name)} - {None} for name in folder_names}
    if len(set().union(*part_in.values())) > 1:
        named = ", ".join(f"'{name}'" for name, parts in part_in.items() if parts)
        raise ValueError(
            f"{path} holds {named}, which look like training and test sets, not like classes; expected 'train', 'val' "
            "and 'test' in the data set's own folder, with one folder a class in each"
        )


def _find_classes(path: Path) -> ClassFiles:
    loose = [entry.name for entry in _entries(path) if _is_image(entry)]
    if loose:
        more = f" and {len(loose) - 1} more" if len(loose) > 1 else ""
        raise ValueError(
            f"{path} holds images in no class folder ('{loose[0]}'{more}); expected one folder a class there, with its "
            "images inside: move them into the folder of their class, or remove them"
        )
    folders = _folders(path)
    if len(folders) < 2:
        found = f"one folder ('{folders[0].name}')" if folders else "no folders"
        hint = f". Did you mean 'folder:{folders[0]}'?" if folders and len(_folders(folders[0])) > 1 else ""
        raise ValueError(
            f"{path} holds {found}; expected two or more, one for each class, with its images inside{hint}"
        )
    classes: ClassFiles = {}
    for folder in folders:
        _refuse_names_of_parts(folder, [inner.name for inner in _folders(folder)])
        classes[folder.name] = list(_image_files(folder))
        if not classes[folder.name]:
            raise ValueError(
                f"class folder {folder} holds no images (looked for {', '.join(sorted(SUFFIXES))}); "
                "add some or remove the folder"
            )
    return classes


def _check_sizes(parts: dict[str, ClassFiles]) -> None:
    """Check that each class has an image for every set that is split off the training set."""
    needing = [part for part in ("train", "val", "test") if part == "train" or part not in parts]
    for name, files in parts["train"].items():
        if len(files) < len(needing):
            raise ValueError(
                f"class '{name}' has {len(files)} image{'s' if len(files) > 1 else ''}, and one is needed for each of "
                f"{', '.join(needing)}; add images until every class has {len(needing)} or more"
            )


def _image_files(folder: Path) -> Iterator[Path]:
    """All images in a folder and the folders inside it. Links to folders are not followed, as they may form a ring."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _image_files(folder / entry.name)
        elif _is_image(entry):
            yield folder / entry.name


def _is_image(entry: os.DirEntry[str]) -> bool:
    return Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file()


def _folders(path: Path) -> list[Path]:
    return [path / entry.name for entry in _entries(path) if entry.is_dir()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, in the order of the names."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in SYSTEM_FOLDERS]
    except (FileNotFoundError, NotADirectoryError) as error:
        found = f"{folder} is a file" if isinstance(error, NotADirectoryError) else f"there is no folder {folder}"
        raise FileNotFoundError(
            f"{found}; 'folder:PATH' needs the path of a folder with one folder of images a class"
        ) from error
    except OSError as error:
        raise type(error)(
            f"cannot read the folder {folder} ({error.strerror}); make it readable, or use another one"
        ) from error
    return sorted(shown, key=lambda entry: entry.name)
