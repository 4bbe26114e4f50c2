"""`course release`: the lessons as a class gets them, without outputs and without answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from helper_utils.course.errors import CourseError
from helper_utils.course.files import shown, write_text
from helper_utils.course.grading.submissions import DECORATOR, UnreadableError, read_answers
from helper_utils.course.lessons import Lesson
from helper_utils.course.stored import KERNELSPEC, LANGUAGE_INFO, kept_metadata


def release_lessons(folder: str, lessons: Sequence[Lesson]) -> None:
    """Write a clean version of lessons into a folder; the same lessons always give the same files.

    Args:
        folder: A folder that is empty or does not exist.
        lessons: The lessons.

    Raises:
        CourseError: The folder is not empty or cannot be made, or a lesson cannot be read; nothing is written then.
    """
    target = Path(folder).expanduser().absolute()
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise CourseError(f"{target} is not an empty folder; name a new one, nothing is ever overwritten")
        released = {lesson.path.name: clean(lesson) for lesson in lessons}
        target.mkdir(parents=True, exist_ok=True)
        for name, (text, reset) in released.items():
            write_text(target / name, text)
            click.echo(f"{name}: {', '.join(reset) + ' reset' if reset else 'no answers to remove'}")
    except OSError as error:
        raise CourseError(f"cannot write into {target}: {error.strerror}") from None
    click.echo(f"Released: {shown(target)}")


def clean(lesson: Lesson) -> tuple[str, list[str]]:
    """Return the text of a notebook file without outputs and answers, and the exercises that were reset.

    A cell with an answer becomes the untouched cell of its exercises; all other cells keep their text.

    Raises:
        CourseError: The lesson cannot be read, or names an exercise that does not exist.
    """
    import nbformat

    try:
        attempted = {name for name, answer in read_answers(lesson.path).items() if answer.attempted}
        notebook: Any = nbformat.read(lesson.path, as_version=4)
    except (UnreadableError, ValueError) as error:
        raise CourseError(f"{lesson.path.name} cannot be released: {error}") from None
    notebook.metadata = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO}
    reset = []
    for cell in notebook.cells:
        cell.metadata = kept_metadata(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            names = [name for name in DECORATOR.findall(cell.source) if name in attempted]
            if names:
                cell.source = "\n\n".join(_untouched(name, lesson) for name in DECORATOR.findall(cell.source))
                reset += names
    return nbformat.writes(notebook) + "\n", reset


def _untouched(name: str, lesson: Lesson) -> str:
    from helper_utils.teaching.registry import UnknownExerciseError, find_exercise

    try:
        text = find_exercise(name).cell.rstrip("\n")
    except UnknownExerciseError as error:
        raise CourseError(f"{lesson.path.name} cannot be released: {error}") from None
    return text
