"""Where results go: folders that are never reused."""

import contextlib
import datetime
import tempfile
from pathlib import Path

from helper_utils.course.errors import CourseError, explained

TAKEN = ".started"  # marks a folder of results, so that of two runs that find it empty only one gets it


def results_folder(output: str | None, started: datetime.datetime, prefix: str = "") -> Path:
    """Make the folder for the results and return its absolute path.

    Args:
        output: A folder that is empty or does not exist; None for `runs/DATE-TIME` in the current directory, with a
            number behind it if that is taken.
        started: The date and time.
        prefix: Stands before the date.

    Raises:
        CourseError: If the folder is not empty, another run has just taken it, or it cannot be made.
    """
    try:
        if output is not None:
            return _take(Path(output).absolute(), output)
        base = Path.cwd() / "runs"
        base.mkdir(exist_ok=True)
        name = f"{prefix}{started:%Y-%m-%d_%H-%M-%S}"
        number = 1
        while True:
            folder = base / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
            number += 1
    except OSError as error:
        raise CourseError(f"cannot make a folder for the results: {explained(error)}") from None


def _take(folder: Path, name: str) -> Path:
    """Make a folder where there is none, and mark it as taken."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if any(folder.iterdir()):
            raise FileExistsError
        (folder / TAKEN).touch(exist_ok=False)
    except FileExistsError:
        raise CourseError(
            f"--output {name}: the folder is not empty; name a new one, results are never overwritten"
        ) from None
    return folder


def check_writable(folder: Path) -> None:
    """Refuse a folder in which no file can be made.

    Raises:
        CourseError: It is read-only, or the disk is full.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CourseError(f"cannot write into {folder}: {explained(error)}") from None


def shown(path: Path) -> str:
    """Return a path as it is shown: from the current directory where that is shorter."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
