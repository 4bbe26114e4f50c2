"""`course sweep`: one lesson with every combination of some parameters.

The results folder holds `sweep.json`, which says what is swept, and for each combination `runs/NAME.ipynb`, the
executed notebook, and `runs/NAME.json`, its result. The result is written as soon as the run has ended, so that
`--resume` finds everything that was finished, however the sweep was stopped. The tables, the pictures and the page are
made from these files (`reports.sweep`).
"""

import contextlib
import datetime
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from helper_utils.base.files import write_text
from helper_utils.course.commands.run import make_job
from helper_utils.course.errors import CourseError, count
from helper_utils.course.files import results_folder, shown
from helper_utils.course.reports.sweep import SweepReport
from helper_utils.course.reports.tables import as_json, as_text
from helper_utils.course.running.cluster import connected, run_jobs_on_cluster
from helper_utils.course.running.display import make_progress
from helper_utils.course.running.notebook import Job, Result
from helper_utils.course.running.processes import choose_n_at_once
from helper_utils.course.running.supervisor import run_jobs
from helper_utils.course.sweep_plan import Sweep, label, product_text

DESCRIPTION = "sweep.json"


def run_sweep(
    sweep: Sweep,
    *,
    output: str | None,
    resume: bool,
    n_at_once: int | None,
    timeout: float,
    address: str | None = None,
) -> int:
    """Run what is to be run, write the report, and say where it is.

    Args:
        sweep: The lesson and its values.
        output: A new or empty folder, or with `resume` one of the same sweep; None for a new one under `runs/`.
        resume: Keep the runs in the folder that passed, and run the others.
        n_at_once: How many runs at the same time, or None for a choice by the number of cores.
        timeout: Seconds for each run.
        address: The scheduler of a Dask cluster; None for this machine.

    Returns:
        The exit status: 0, 1 if a run failed, 128 and the signal's number if the sweep was stopped.

    Raises:
        CourseError: If the folder or the cluster cannot be used.
    """
    started = datetime.datetime.now().astimezone()
    with connected(address) if address else contextlib.nullcontext() as client:
        folder = _open_folder(sweep, output, started, resume)
        passed = [name for name, result in read_results(sweep, folder).items() if result.passed]
        kept = f"; {len(passed)} passed before and stay as they are" if resume else ""
        click.echo(f"{count(len(sweep.runs), 'run')}: {product_text(sweep.parameters)}{kept}")
        _note_other_code(sweep, folder, passed)
        jobs = [_job(sweep, folder, name, timeout) for name in sweep.runs if name not in passed]
        stopped_by = _run(sweep, jobs, n_at_once, client) if jobs else 0
    report = SweepReport(sweep, started, read_results(sweep, folder))
    index = report.write(folder)
    for line in report.summary():
        click.echo(line)
    click.echo(f"Executed notebooks and tables: {shown(folder)}")
    click.echo(f"Report: {shown(index)}")
    if stopped_by:
        click.echo(f"Go on with: {resume_command(sys.argv[1:], folder)}")
        return 128 + stopped_by
    return int(report.n_passed < len(sweep.runs))


def read_results(sweep: Sweep, folder: Path) -> dict[str, Result]:
    """Read the results that a folder holds, by the names of the runs, in the order of the sweep."""
    results = {}
    for name in sweep.runs:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what cannot be read is run again
            notebook = folder / "runs" / f"{name}.ipynb"
            result = _read(folder, name)["result"] | {"notebook": notebook if notebook.exists() else None}
            results[name] = Result(**result)
    return results


def resume_command(arguments: Sequence[str], folder: Path) -> str:
    """Return the command that goes on with a sweep.

    Args:
        arguments: Those of the command that was stopped.
        folder: The folder of its results.
    """
    options = [] if any(word.split("=")[0] == "--output" for word in arguments) else ["--output", shown(folder)]
    options += [] if "--resume" in arguments else ["--resume"]
    return shlex.join(["course", *arguments, *options])


def _read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "runs" / f"{name}.json").read_text(encoding="utf-8"))


def _job(sweep: Sweep, folder: Path, name: str, timeout: float) -> Job:
    values = sweep.runs[name]
    job = make_job(sweep.lesson, values, folder / "runs" / f"{name}.ipynb", timeout=timeout, html=False)
    return replace(job, strict=sweep.strict, label=label(values))


def _run(sweep: Sweep, jobs: Sequence[Job], n_at_once: int | None, client: Any) -> int:
    """Run the jobs and store each result as it comes; return the number of the signal that stopped them, or 0."""

    def store(job: Job, result: Result) -> None:
        stored = asdict(replace(result, notebook=None))
        content = {"parameters": dict(job.parameters), "code": sweep.code, "result": stored}
        write_text(job.output.with_suffix(".json"), as_json(content))

    with make_progress(jobs) as progress:
        if client:
            return run_jobs_on_cluster(client, jobs, n_at_once, progress, store)
        return run_jobs(jobs, choose_n_at_once(n_at_once, len(jobs)), progress, store)[1]


def _open_folder(sweep: Sweep, output: str | None, started: datetime.datetime, resume: bool) -> Path:
    """Make the results folder, or check that it belongs to the same sweep."""
    if resume and output is None:
        raise CourseError("--resume needs --output DIR, the folder of the sweep to go on with")
    folder = Path(output or "").absolute()
    if resume and folder.is_dir() and any(folder.iterdir()):
        _check_same(sweep, folder)
    else:
        folder = results_folder(output, started, "sweep-")
        write_text(folder / DESCRIPTION, as_json(sweep.description))
    (folder / "runs").mkdir(exist_ok=True)
    return folder


def _check_same(sweep: Sweep, folder: Path) -> None:
    try:
        stored = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        differences = [
            f"{key}: there {as_text(stored[key])}, here {as_text(value)}"
            for key, value in sweep.description.items()
            if stored[key] != value
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise CourseError(
            f"--resume: {folder} is not the folder of a sweep: it has no readable {DESCRIPTION}"
        ) from None
    if differences:
        raise CourseError(f"--resume: {folder} belongs to another sweep ({'; '.join(differences)})")


def _note_other_code(sweep: Sweep, folder: Path, names: Iterable[str]) -> None:
    """Say which runs that are kept ran with a different lesson or a different package."""
    differences: dict[str, list[str]] = {}
    for name in names:
        code = _read(folder, name).get("code", {})
        for part, now in sweep.code.items():
            if code.get(part) != now:
                differences.setdefault(f"{part} {code.get(part, 'unknown')} (now {now})", []).append(name)
    for difference, differing in differences.items():
        click.echo(f"Note: {count(len(differing), 'run')} of those that are kept: {difference}")
