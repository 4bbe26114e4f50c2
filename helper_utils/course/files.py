"""Where results go: folders that are never reused, files that are never half written."""

import datetime
from pathlib import Path

from helper_utils.course.errors import CourseError, explained


def results_folder(output: str | None, started: datetime.datetime) -> Path:
    """Make the folder for the results and return its absolute path.

    Args:
        output: A folder that is empty or does not exist; None for `runs/DATE-TIME` in the current directory, with a
            number behind it if that is taken.
        started: The date and time.

    Raises:
        CourseError: If the folder is not empty or cannot be made.
    """
    try:
        if output is not None:
            folder = Path(output).expanduser().absolute()
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise CourseError(
                    f"--output {output}: the folder is not empty; name a new one, results are never overwritten"
                )
            return folder
        base = Path.cwd() / "runs"
        base.mkdir(exist_ok=True)
        name = started.strftime("%Y-%m-%d_%H-%M-%S")
        number = 1
        while True:
            folder = base / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        raise CourseError(f"cannot make a folder for the results: {explained(error)}") from None


def shown(path: Path) -> str:
    """Return a path as it is shown: from the current directory where that is shorter."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: nobody ever sees half of it."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
