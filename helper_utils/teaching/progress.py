"""A learner's progress: which exercises were tried, and which are right.

It is a folder with an empty file for each fact, such as `metrics.f1.tried` and `metrics.f1.right`. So there is nothing
that could be half written, and kernels side by side cannot overwrite each other's entries. What was right stays right.
"""

import os
from pathlib import Path
from typing import Literal

import platformdirs

ENVIRONMENT_VARIABLE = "HELPER_UTILS_PROGRESS"
STATES = {"wrong": "tried", "right": "right"}  # a verdict, and what is kept of it

State = Literal["tried", "right"]


def progress_directory() -> Path | None:
    """Return the folder that holds the progress; it need not exist yet.

    It is the one in the environment variable `HELPER_UTILS_PROGRESS`, else in the place for the user's own data.

    Returns:
        An absolute path, or None where the variable says `off`: nothing is kept then.
    """
    chosen = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_data_path("helper_utils") / "progress"


def save_verdict(name: str, verdict: str) -> str:
    """Keep a verdict on an exercise.

    Args:
        name: The exercise's name.
        verdict: "not attempted", of which nothing is kept, "wrong" or "right".

    Returns:
        A sentence for the learner where the progress cannot be written, else an empty string: no exercise fails because
        of it.
    """
    directory = progress_directory()
    if directory is None or verdict not in STATES:
        return ""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.{STATES[verdict]}").touch()
    except OSError as error:
        return f"your progress could not be saved in {directory}: {error.strerror}"
    return ""


def read_progress() -> dict[str, State]:
    """Return what is known of each exercise that was tried, by its name; nothing where nothing is kept."""
    directory = progress_directory()
    if directory is None or not directory.is_dir():
        return {}
    tried: dict[str, State] = {path.stem: "tried" for path in directory.glob("*.tried")}
    right: dict[str, State] = {path.stem: "right" for path in directory.glob("*.right")}
    return tried | right
