"""`course refresh`: run the stored notebooks with their defaults and store them again, tidy."""

import datetime
import shutil
from collections.abc import Sequence

import click

from helper_utils.base.files import write_text
from helper_utils.course.commands.run import execute, make_jobs
from helper_utils.course.files import check_writable, results_folder, shown
from helper_utils.course.lessons import Lesson
from helper_utils.course.stored import normalised


def refresh_lessons(lessons: Sequence[Lesson], *, n_at_once: int | None, timeout: float) -> int:
    """Run lessons with their defaults in strict mode and replace the stored notebooks by the executed ones.

    A notebook that fails is left as it was; the executed one stays under `runs/`.

    Args:
        lessons: The lessons.
        n_at_once: How many at the same time, or None for a choice by the number of cores.
        timeout: Seconds for each lesson.

    Returns:
        The exit status: 0, 1 if a lesson failed, 128 and the signal's number if the run was stopped.

    Raises:
        CourseError: The notebooks cannot be written; nothing has run then.
    """
    for directory in {lesson.path.parent for lesson in lessons}:
        check_writable(directory)
    folder = results_folder(None, datetime.datetime.now().astimezone())
    jobs, n_at_once = make_jobs(lessons, {}, folder, n_at_once=n_at_once, timeout=timeout, html=False)
    results, stopped_by = execute(lessons, jobs, n_at_once)
    for lesson, result in zip(lessons, results, strict=True):
        if result.passed and result.notebook:
            write_text(lesson.path, normalised(result.notebook))
            result.notebook.unlink()
        elif result.notebook:
            click.echo(f"{lesson.name}: not stored; what was executed is in {shown(result.notebook)}")
    if not any(folder.iterdir()):
        shutil.rmtree(folder)
    return 128 + stopped_by if stopped_by else int(not all(result.passed for result in results))
