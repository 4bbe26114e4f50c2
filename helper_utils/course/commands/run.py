"""`course run`: from the selected lessons to a folder with notebooks, pages, tables and a report."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from helper_utils.course.errors import CourseError, nearest
from helper_utils.course.files import results_folder, shown
from helper_utils.course.lessons import Lesson, lesson_paths, source
from helper_utils.course.parameters import assign_options, check_classes, check_profile
from helper_utils.course.reports.run import Report
from helper_utils.course.running.display import make_progress
from helper_utils.course.running.notebook import UNREADABLE, Job, Result
from helper_utils.course.running.processes import choose_n_at_once
from helper_utils.course.running.supervisor import run_jobs


def set_parameters(
    lessons: Sequence[Lesson], notebooks: Path, options: Sequence[tuple[str, str]], profile: str
) -> dict[str, dict[str, Any]]:
    """Convert and check everything that is set from outside.

    Args:
        lessons: The selected lessons.
        notebooks: Their folder, which also holds `profiles/`.
        options: Names and texts of `-p`; they win over the profile.
        profile: `quick` for the defaults, or the name of a file in `profiles/`.

    Returns:
        For each lesson's name the values other than the defaults.

    Raises:
        CourseError: If a name is unknown, a value does not fit, or the profile cannot be read.
    """
    parameters = {lesson.name: lesson.parameters for lesson in lessons if not lesson.error}
    path = notebooks / "profiles" / f"{profile}.yaml"
    sets = {} if profile == "quick" else _read_profile(path)
    known_names = [lesson.stem for lesson in lesson_paths(notebooks)]
    try:
        for name in sets:
            if name not in known_names:
                raise CourseError(f"unknown lesson {name!r}: {nearest(str(name), known_names)}")
        from_profile = {name: check_profile(sets, name, known) for name, known in parameters.items()}
    except CourseError as error:
        raise CourseError(f"the profile {shown(path)}: {error.message}") from None
    from_options = assign_options(list(options), parameters)
    values = {name: from_profile[name] | from_options[name] for name in parameters}
    for name, known in parameters.items():
        check_classes(known, values[name])
    return values


def make_jobs(
    lessons: Sequence[Lesson],
    values: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    n_at_once: int | None,
    timeout: float,
    strict: bool = False,
    html: bool = True,
) -> tuple[list[Job], int]:
    """Return a job for each lesson that can be read, and how many run at once."""
    jobs = [
        make_job(
            lesson, values.get(lesson.name, {}), folder / lesson.path.name, timeout=timeout, strict=strict, html=html
        )
        for lesson in lessons
        if not lesson.error
    ]
    return jobs, choose_n_at_once(n_at_once, len(jobs))


def make_job(
    lesson: Lesson,
    changed: Mapping[str, Any],
    output: Path,
    *,
    timeout: float,
    strict: bool = False,
    html: bool = True,
) -> Job:
    """Return what runs a lesson with some parameters changed; with its defaults it is strict."""
    code_cells = [cell for cell in lesson.cells if cell.get("cell_type") == "code" and source(cell).strip()]
    return Job(
        lesson=lesson.name,
        notebook=lesson.path,
        output=output,
        n_cells=len(code_cells) + bool(changed),  # papermill adds a cell with the changed parameters
        parameters=changed,
        strict=strict or not changed,
        timeout=timeout,
        html=html,
    )


def execute(lessons: Sequence[Lesson], jobs: Sequence[Job], n_at_once: int) -> tuple[list[Result], int]:
    """Run the jobs with a progress display.

    Returns:
        A result for each lesson, also for those that cannot be read, and the number of the signal that stopped the
        run (0 if none did).
    """
    with make_progress(list(jobs)) as progress:
        results, stopped_by = run_jobs(jobs, n_at_once, progress)
    by_name = {result.lesson: result for result in results}
    unreadable = {
        lesson.name: Result(lesson.name, UNREADABLE, error=lesson.error) for lesson in lessons if lesson.error
    }
    return [(by_name | unreadable)[lesson.name] for lesson in lessons], stopped_by


def run_lessons(
    lessons: Sequence[Lesson],
    values: Mapping[str, Mapping[str, Any]],
    *,
    output: str | None,
    n_at_once: int | None,
    timeout: float,
    strict: bool,
) -> int:
    """Run lessons, write the report, and say where it is.

    Args:
        lessons: The selected lessons.
        values: For each lesson's name the values other than the defaults.
        output: A new or empty folder, or None for a new one under `runs/`.
        n_at_once: How many lessons at the same time, or None for a choice by the number of cores.
        timeout: Seconds for each lesson.
        strict: Whether a false claim fails a lesson also when its parameters are not the defaults.

    Returns:
        The exit status: 0, 1 if a lesson failed, 128 and the signal's number if the run was stopped.

    Raises:
        CourseError: If the folder cannot be used.
    """
    started = datetime.datetime.now().astimezone()
    folder = results_folder(output, started)
    jobs, n_at_once = make_jobs(lessons, values, folder, n_at_once=n_at_once, timeout=timeout, strict=strict)
    results, stopped_by = execute(lessons, jobs, n_at_once)
    report = Report(started, datetime.datetime.now().astimezone(), lessons, jobs, results)
    index = report.write(folder)
    for line in report.summary():
        click.echo(line)
    click.echo(f"Executed notebooks and tables: {shown(folder)}")
    click.echo(f"Report: {shown(index)}")
    return 128 + stopped_by if stopped_by else int(not all(result.passed for result in results))


def _read_profile(path: Path) -> dict[str, Any]:
    try:
        profile = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise CourseError(f"the profile {path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CourseError(f"the profile {path} is not valid YAML: {error}") from None
    if not isinstance(profile, dict):
        raise CourseError(f"the profile {path} must map lesson names to parameter sets")
    return profile
