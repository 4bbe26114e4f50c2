"""`course release`: the lessons as a class gets them, without outputs and without answers."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from helper_utils.base.files import write_text
from helper_utils.course.errors import CourseError
from helper_utils.course.files import shown
from helper_utils.course.grading.submissions import DECORATOR, UnreadableError, read_answers
from helper_utils.course.lessons import Lesson, source, without_outside_links
from helper_utils.course.stored import KERNELSPEC, kept_metadata, language_info
from helper_utils.teaching.registry import UnknownExerciseError, find_exercise


def release_lessons(folder: str, lessons: Sequence[Lesson]) -> None:
    """Write a clean version of lessons into a folder; the same lessons give the same files under the same Python.

    Args:
        folder: A folder that is empty or does not exist.
        lessons: The lessons.

    Raises:
        CourseError: The folder is not empty or cannot be made, or a lesson cannot be read; nothing is written then.
    """
    target = Path(folder).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CourseError(f"{target} is not an empty folder; name a new one, nothing is ever overwritten")
    released = {lesson.path.name: clean(lesson) for lesson in lessons}
    # Written beside the folder and moved into it when all is there: no class gets half a course from a full disk.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        unfinished.mkdir(parents=True)
        for name, (text, _) in released.items():
            write_text(unfinished / name, text)
        target.mkdir(exist_ok=True)
        for name in released:
            (unfinished / name).replace(target / name)
    except OSError as error:
        raise CourseError(f"cannot write into {target}: {error.strerror}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for name, (_, reset) in released.items():
        click.echo(f"{name}: {', '.join(reset) + ' reset' if reset else 'no answers to remove'}")
    click.echo(f"Released: {shown(target)}")


def clean(lesson: Lesson) -> tuple[str, list[str]]:
    """Return the text of a notebook file without outputs and answers, and the exercises that were reset.

    A cell with an answer becomes the untouched cell of its exercises; all other cells keep their text, but for links
    out of the notebook's folder.

    Raises:
        CourseError: The lesson cannot be read, or names an exercise that does not exist.
    """
    import nbformat

    try:
        attempted = {name for name, answer in read_answers(lesson.path).items() if answer.attempted}
    except UnreadableError as error:
        raise CourseError(f"{lesson.path.name} cannot be released: {error}") from None
    # JupyterLab shows a file as unsaved where this is not what the kernel says of itself.
    metadata = {"kernelspec": KERNELSPEC, "language_info": language_info()}
    ids = [cell.get("id") for cell in lesson.cells]
    if None in ids or len(set(ids)) < len(ids):
        ids = [f"cell-{number}" for number in range(len(ids))]
    cells, reset = [], []
    for identifier, cell in zip(ids, lesson.cells, strict=True):
        text = source(cell)
        released = {
            "cell_type": cell.get("cell_type"),
            "id": identifier,
            "metadata": kept_metadata(cell.get("metadata", {})),
        }
        if cell.get("cell_type") == "code":
            exercises = DECORATOR.findall(text)
            if names := [name for name in exercises if name in attempted]:
                text = "\n\n".join(_untouched(name, lesson) for name in exercises)
                reset += names
            released |= {"outputs": [], "execution_count": None}
        else:
            text = without_outside_links(text)
            if "attachments" in cell:
                released["attachments"] = cell["attachments"]
        cells.append(released | {"source": text})
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.writes(nbformat.from_dict(notebook)) + "\n", reset


def _untouched(name: str, lesson: Lesson) -> str:
    try:
        text = find_exercise(name).cell.rstrip("\n")
    except UnknownExerciseError as error:
        raise CourseError(f"{lesson.path.name} cannot be released: {error}") from None
    return text
