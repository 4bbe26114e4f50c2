"""`course sweep`: one lesson with every combination of some parameters, through joblib.

The results folder holds `sweep.json`, which says what is swept, and for each combination `runs/NAME.ipynb`, the
executed notebook, and `runs/NAME.json`, its result. Both are written by this process as soon as the run has ended, the
result last, so that `--resume` finds everything that was finished, however the sweep was stopped. The tables, the
pictures and the page are made from these files (`sweep_report`).

A run gets its notebook by content and sends the executed one back by content: the machines of a Dask cluster need no
file system in common, only this package.
"""

import contextlib
import datetime
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from helper_utils.course.commands.run import MOST_AT_ONCE
from helper_utils.course.errors import CourseError, count
from helper_utils.course.files import results_folder, shown, write_text
from helper_utils.course.reports.tables import as_text
from helper_utils.course.running.display import claims_text
from helper_utils.course.running.notebook import Job, Result, run_notebook
from helper_utils.course.running.processes import kill_tree, n_cores, stop_signals
from helper_utils.course.running.supervisor import SECONDS_BETWEEN_LOOKS, log_path
from helper_utils.course.sweep_plan import MAX_RUNS, Sweep, label, product_text

DESCRIPTION = "sweep.json"

SECONDS_FOR_A_CLUSTER = 10

Outcome = tuple[Job, Result, str]  # what `run_by_content` returns

Outcomes = Generator[Outcome, None, None]


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
    from helper_utils.course.reports.sweep import SweepReport

    started = datetime.datetime.now().astimezone()
    folder = None
    with _interrupting_signals() as signals:
        try:
            with _cluster(address) as client:
                folder = _open_folder(sweep, output, started, resume)
                passed = [name for name, result in read_results(sweep, folder).items() if result.passed]
                missing = [name for name in sweep.runs if name not in passed]
                kept = f"; {len(passed)} passed before and stay as they are" if resume else ""
                click.echo(f"{count(len(sweep.runs), 'run')}: {product_text(sweep.parameters)}{kept}")
                if missing:
                    # A cluster knows its own size.
                    most = MAX_RUNS if client else min(n_cores(), MOST_AT_ONCE)
                    n_at_once = min(n_at_once or most, len(missing))
                    jobs = [_job(sweep, folder, name, timeout, max(1, n_cores() // n_at_once)) for name in missing]
                    _run(jobs, n_at_once, client)
        except KeyboardInterrupt:
            click.echo("Stopped; what is finished is kept.")
        if folder is None:  # stopped before anything was there
            return 128 + signals[0]
        report = SweepReport(sweep, started, read_results(sweep, folder))
        index = report.write(folder)
    for line in report.summary():
        click.echo(line)
    click.echo(f"Executed notebooks and tables: {shown(folder)}")
    click.echo(f"Report: {shown(index)}")
    return 128 + signals[0] if signals else int(report.n_passed < len(sweep.runs))


def read_results(sweep: Sweep, folder: Path) -> dict[str, Result]:
    """Read the results that a folder holds, by the names of the runs, in the order of the sweep."""
    results = {}
    for name in sweep.runs:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # what cannot be read is run again
            stored = json.loads((folder / "runs" / f"{name}.json").read_text(encoding="utf-8"))
            notebook = folder / "runs" / f"{name}.ipynb"
            results[name] = Result(**stored["result"] | {"notebook": notebook if notebook.exists() else None})
    return results


def run_by_content(job: Job, notebook: str) -> Outcome:
    """Run a notebook that is given as text, in a folder of its own, wherever this process is.

    Args:
        job: What to run; its paths are those of the caller and are not touched.
        notebook: The notebook file's text.

    Returns:
        The job, the result without paths, and the text of the executed notebook (empty where there is none).
    """
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        given, executed = Path(folder, "given.ipynb"), Path(folder, job.notebook.name)
        given.write_text(notebook, encoding="utf-8")
        result = run_notebook(replace(job, notebook=given, output=executed))
        text = executed.read_text(encoding="utf-8") if result.notebook else ""
    return job, replace(result, notebook=None), text


def _job(sweep: Sweep, folder: Path, name: str, timeout: float, n_threads: int) -> Job:
    return Job(
        lesson=label(sweep.runs[name]),  # what the progress shows
        notebook=sweep.lesson.path,
        output=folder / "runs" / f"{name}.ipynb",
        n_cells=0,  # the progress here counts runs, not cells
        parameters=sweep.runs[name],
        strict=sweep.strict,
        n_threads=n_threads,
        timeout=timeout,
        html=False,
    )


def _open_folder(sweep: Sweep, output: str | None, started: datetime.datetime, resume: bool) -> Path:
    """Make the results folder, or check that it belongs to the same sweep."""
    if resume and output is None:
        raise CourseError("--resume needs --output DIR, the folder of the sweep to go on with")
    folder = Path(output or f"runs/sweep-{started:%Y-%m-%d_%H-%M-%S}").expanduser().absolute()
    if resume and folder.is_dir() and any(folder.iterdir()):
        _check_same(sweep, folder)
    else:
        folder = results_folder(str(folder), started)
        write_text(folder / DESCRIPTION, json.dumps(sweep.description, indent=1, ensure_ascii=False) + "\n")
    (folder / "runs").mkdir(exist_ok=True)
    return folder


def _check_same(sweep: Sweep, folder: Path) -> None:
    try:
        stored = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        differences = [
            f"{key}: there {as_text(stored[key])}, here {as_text(value)}"
            for key, value in sweep.description.items()
            if stored[key] != value and key != "code"
        ]
        same_code = stored["code"] == sweep.description["code"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CourseError(
            f"--resume: {folder} is not the folder of a sweep: it has no readable {DESCRIPTION}"
        ) from None
    if differences:
        raise CourseError(f"--resume: {folder} belongs to another sweep ({'; '.join(differences)})")
    if not same_code:
        click.echo(
            f"Note: {sweep.lesson.name} has changed since this sweep began; finished runs are of the older state."
        )


def _run(jobs: Sequence[Job], n_at_once: int, client: Any) -> None:
    """Run the jobs, and write each result as it comes."""
    console = Console()
    live = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not live)
    runs = _on_cluster(jobs, n_at_once) if client else _on_this_machine(jobs, n_at_once)
    with contextlib.closing(runs), bar:
        for job, result, notebook in bar.track(runs, total=len(jobs)):
            _store(job, result, notebook)
            line = f"{job.lesson}: {result.status}, {claims_text(result)}, {result.seconds:.1f} s"
            if result.error:
                line += f"\n{job.lesson}: {result.error}"
            console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _store(job: Job, result: Result, notebook: str) -> None:
    if notebook:
        write_text(job.output, notebook)
    else:
        job.output.unlink(missing_ok=True)
    stored = {"parameters": dict(job.parameters), "result": asdict(result)}
    write_text(job.output.with_suffix(".json"), json.dumps(stored, indent=1, ensure_ascii=False) + "\n")


def _on_this_machine(jobs: Sequence[Job], n_at_once: int) -> Outcomes:
    """Yield what comes out of the jobs as they end, from processes of this machine."""
    from joblib import parallel_config
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    n_threads = None if "OMP_NUM_THREADS" in os.environ else jobs[0].n_threads  # the user's own number wins
    with tempfile.TemporaryDirectory(prefix="course-") as scratch:
        settle = {"initializer": _settle, "initargs": (os.getpid(), scratch)}
        try:
            with parallel_config("loky", inner_max_num_threads=n_threads, **settle):
                # With one worker joblib would run the notebooks in this process, where Ctrl-C and what compiled code
                # prints cannot be kept apart; of two workers one stays idle then.
                yield from _in_parallel(_run_logged, jobs, max(2, n_at_once), n_at_once)
        except TerminatedWorkerError:
            click.echo(
                "A process that ran a notebook was killed (out of memory?); go on with --resume and fewer --jobs"
            )
        finally:
            get_reusable_executor(kill_workers=True).shutdown()
            for job in jobs:
                if log_path(job).exists() and log_path(job).stat().st_size == 0:
                    log_path(job).unlink()


def _on_cluster(jobs: Sequence[Job], n_at_once: int) -> Outcomes:
    """Yield what comes out of the jobs as they end, from the Dask cluster that `_cluster` has connected."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker  # type: ignore[import-not-found] (an optional extra)
    from joblib import parallel_config

    try:
        with parallel_config("dask"):
            yield from _in_parallel(run_by_content, jobs, -1, n_at_once)
    except (KilledWorker, CancelledError, OSError) as error:
        click.echo(f"The cluster gave up ({type(error).__name__}: {error}): go on with --resume")


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to an existing Dask cluster, where joblib then finds it; without an address do nothing."""
    if not address:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise CourseError("--backend dask needs Dask: pip install 'helper-utils[cluster]'") from None
    try:
        client: Any = Client(address, timeout=SECONDS_FOR_A_CLUSTER)
    except (OSError, ValueError) as error:
        raise CourseError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        # joblib would run everything in this process for a cluster of one core.
        if sum(client.ncores().values()) < 2:
            raise CourseError(f"the Dask cluster at {address} has fewer than two cores: start workers first")
        yield client


def _in_parallel(function: Callable[[Job, str], Outcome], jobs: Sequence[Job], n_jobs: int, n_at_once: int) -> Outcomes:
    from joblib import Parallel, delayed

    notebook = jobs[0].notebook.read_text(encoding="utf-8")
    options: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": n_at_once}
    runs: Any = None
    try:
        with _signals_ignored():  # the new processes inherit this, and start undisturbed
            runs = Parallel(n_jobs, **options)(delayed(function)(job, notebook) for job in jobs)
        yield from runs
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's advice on results that are not used; we mean to stop
            if runs:
                runs.close()


def _run_logged(job: Job, notebook: str) -> Outcome:
    """Run one notebook in a process of this machine; what compiled code and dying kernels print goes into a log."""
    log = log_path(job)
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    outcome = run_by_content(job, notebook)
    if outcome[1].passed:
        log.unlink(missing_ok=True)
    return outcome


def _settle(parent: int, scratch: str) -> None:
    """Prepare a process that runs notebooks on this machine, as `runner` does with its own."""
    # Ctrl-C reaches the parent too, and the parent ends us. No SIG_IGN: the kernel would inherit that.
    for number in stop_signals():
        signal.signal(number, lambda _number, _frame: None)
    threading.Thread(target=_end_with, args=[parent, scratch], daemon=True).start()
    tempfile.tempdir = os.environ["TMPDIR"] = scratch


def _end_with(parent: int, scratch: str) -> None:
    """Wait until the parent is gone, killed perhaps, and then end this process and its kernel, and tidy up."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:  # dead, not yet fetched by its parent
            time.sleep(SECONDS_BETWEEN_LOOKS)
    kill_tree(psutil.Process(), keep_root=True)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


@contextlib.contextmanager
def _interrupting_signals() -> Iterator[list[int]]:
    """Let every signal that asks for an end interrupt as Ctrl-C does, once, and collect their numbers."""
    noted: list[int] = []

    def interrupt(number: int, _frame: Any) -> None:
        noted.append(number)
        if len(noted) == 1:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in stop_signals()}
    try:
        yield noted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore the signals that ask for an end, for the moment in which the processes are made.

    The new processes inherit that and start undisturbed; a Ctrl-C in this moment is lost and must be given again.
    """
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
