"""`course grade`: a folder of submitted notebooks becomes one table.

Submissions are read, not run (`grading.submissions`). Each answer is run in a fresh process (`grading.answer`), from
which others get data, never code; when it is over, everything that it has started ends with it, also in sessions of its
own. A process that runs nothing of a submission computes the verdict (`grading.judge`).

So nothing that is written into a notebook by mistake or for a better mark changes the verdict. But an answer has the
rights of whoever grades: it can write files, the tables of the grades included, look up the course's own answer, and
start processes that hide by clearing their environment. `course grade --help` says for whom that is right.
"""

import contextlib
import datetime
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import click

from helper_utils.course.errors import CourseError
from helper_utils.course.files import results_folder, shown
from helper_utils.course.grading.grader import Grader, Limits, Stopped, clean_grade
from helper_utils.course.lessons import Lesson, exercise_names
from helper_utils.course.reports.grade import BROKEN, Grade, GradeReport, summary
from helper_utils.course.running.processes import choose_n_at_once, signals_noted

PASSED_OVER = "passed over: its name does not end in .ipynb; unpack or rename it"


def grade_folder(
    folder: str, lessons: Sequence[Lesson], *, output: str | None, limits: Limits, n_at_once: int | None
) -> int:
    """Grade all notebooks below a folder, write the table, and say where it is.

    Args:
        folder: The folder of submissions.
        lessons: The lessons of the course, which say what exercises there are.
        output: A new or empty folder for the table, or None for a new one under `runs/`.
        limits: What each answer may use.
        n_at_once: How many submissions at the same time, or None for a choice by the number of cores.

    Returns:
        The exit status: 0 also where submissions are broken, 128 and the signal's number if it was stopped.

    Raises:
        CourseError: The folder is missing or holds no notebooks, or the results' folder cannot be used.
    """
    started = datetime.datetime.now().astimezone()
    top = Path(folder).absolute()
    paths = find_submissions(top)
    others = [
        clean_grade(path.relative_to(top).as_posix(), "", "", BROKEN, note=PASSED_OVER) for path in passed_over(top)
    ]
    results = results_folder(output, started)
    expected = {lesson.name: exercise_names(lesson) for lesson in lessons if not lesson.error}
    grades: dict[Path, list[Grade]] = {}

    def report() -> GradeReport:
        return GradeReport(started, top.name, [grade for path in paths for grade in grades.get(path, [])] + others)

    n_at_once = choose_n_at_once(n_at_once, len(paths))
    with (
        signals_noted() as signals,
        Grader(top, expected, limits, lambda: bool(signals)) as grader,
        ThreadPoolExecutor(n_at_once) as pool,  # its threads only wait for the processes
    ):
        futures = {pool.submit(grader.grade, path): path for path in paths}
        for future in as_completed(futures):
            with contextlib.suppress(Stopped):
                graded = grades[futures[future]] = future.result()
                report().write(results)  # whatever happens later, what is finished is there
                click.echo(f"{len(grades)}/{len(paths)} {graded[0].submission}: {summary(graded)}")
    for grade in others:
        click.echo(f"{grade.submission}: {grade.note}")
    index = report().write(results)
    for line in report().summary():
        click.echo(line)
    if len(grades) < len(paths):
        click.echo(f"Stopped: {len(paths) - len(grades)} of {len(paths)} submissions are not graded")
    click.echo(f"Tables: {shown(results / 'grades.csv')}, {shown(results / 'grades.json')}")
    click.echo(f"Report: {shown(index)}")
    return 128 + signals[0] if signals else 0


def find_submissions(folder: Path) -> list[Path]:
    """Return the notebooks below a folder, without the copies that Jupyter keeps for itself.

    Raises:
        CourseError: There is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder} is not a folder: name the one that holds the submitted notebooks")
    paths = [path for path in _files(folder) if path.suffix.lower() == ".ipynb"]
    if not paths:
        others = ", ".join(path.name for path in passed_over(folder)[:3])
        hint = f" (unpack or rename {others} ...)" if others else ""
        raise CourseError(f"{folder} holds no notebooks: submissions are files *.ipynb in it or below it{hint}")
    return paths


def passed_over(folder: Path) -> list[Path]:
    """Return the files that may be meant as submissions and are no notebooks by their names."""
    return [path for path in _files(folder) if path.suffix.lower() in (".py", ".zip") or ".ipynb." in path.name.lower()]


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder, without hidden ones and the shadows that systems and Jupyter keep."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in found
        if not any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
    ]
