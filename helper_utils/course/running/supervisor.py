"""Run many notebooks at once, each in a process of its own that can be killed with everything it started."""

import contextlib
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from helper_utils.course.running.notebook import (
    DIED,
    FAILED,
    INTERRUPTED,
    NOT_RUN,
    TIMED_OUT,
    Job,
    Result,
    collect,
    run_notebook,
)
from helper_utils.course.running.processes import (
    kill_tree,
    process_context,
    signals_noted,
    start_process,
    stop_signals,
    work_in,
)

if TYPE_CHECKING:
    from helper_utils.course.running.display import Progress

PRELOADED = ["helper_utils.course.running.kernel", "helper_utils.course.reports.notebook_page"]
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_FOR_THE_REST = 30.0  # a worker's own time-out comes first; this one is for a worker that is stuck itself


def run_jobs(
    jobs: Sequence[Job],
    n_at_once: int,
    progress: "Progress",
    store: Callable[[Job, Result], None] = lambda _job, _result: None,
) -> tuple[list[Result], int]:
    """Run notebooks, several at once.

    On SIGINT (Ctrl-C), SIGTERM and SIGHUP everything that runs is killed; what was finished is kept.

    Args:
        jobs: What to run.
        n_at_once: How many at the same time, at least 1.
        progress: Told what happens.
        store: Called with each result as soon as it is there. If it raises, everything that runs is killed.

    Returns:
        The results in the order of the jobs, and the number of the signal that stopped the run (0 if none did).
    """
    waiting = deque(jobs)
    running: list[_Worker] = []
    results: dict[Path, Result] = {}  # by where the notebook goes, which no two jobs share

    def finish(job: Job, result: Result) -> None:
        results[job.output] = result
        store(job, result)
        progress.finish(job, result)

    with signals_noted() as signals, tempfile.TemporaryDirectory(prefix="course-") as scratch:
        context = process_context(PRELOADED)
        try:
            while (waiting or running) and not signals:
                while waiting and len(running) < n_at_once:
                    job = waiting.popleft()
                    progress.start(job)
                    running.append(_Worker(context, job, scratch))
                wait([worker.connection for worker in running], timeout=SECONDS_BETWEEN_LOOKS)
                for worker in list(running):
                    for number in worker.new_cells():
                        progress.cell(worker.job, number)
                    if worker.result:
                        running.remove(worker)
                        worker.end()
                        finish(worker.job, worker.result)
        finally:
            for worker in running:
                worker.end()
        for worker in running:
            finish(worker.job, collect(worker.job, INTERRUPTED, "stopped by the user", worker.seconds))
        for job in waiting:
            results[job.output] = Result(job.lesson, NOT_RUN)
    return [results[job.output] for job in jobs], signals[0] if signals else 0


class _Worker:
    """A process that runs one notebook, seen from outside."""

    def __init__(self, context: Any, job: Job, scratch: str) -> None:
        self.job = job
        self.result: Result | None = None
        self.started = time.monotonic()
        self.process, self.connection = start_process(context, _work, job, scratch)
        self.tree: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):  # dead already
            self.tree = psutil.Process(self.process.pid)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def new_cells(self) -> list[int]:
        """Read what the process has sent; set `result` when it has ended or overstayed."""
        cells = []
        try:
            while not self.result and self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Result):
                    self.result = message
                else:
                    cells.append(message)
        except (EOFError, OSError):
            self.result = collect(self.job, DIED, "the process that ran the notebook died", self.seconds)
        if not self.result and self.seconds > self.job.timeout + SECONDS_FOR_THE_REST:
            self.end()
            error = f"stopped, the lesson took longer than {self.job.timeout:g} s (--timeout)"
            self.result = collect(self.job, TIMED_OUT, error, self.seconds)
        return cells

    def end(self) -> None:
        """Kill the process and everything that it started, and tidy up its log. A second call does nothing."""
        if self.connection.closed:
            return
        if self.tree:
            kill_tree(self.tree)
        self.process.join()
        self.connection.close()
        log = log_path(self.job)
        if log.exists() and (log.stat().st_size == 0 or (self.result and self.result.passed)):
            log.unlink()


def log_path(job: Job) -> Path:
    """Return where a job keeps what its processes print outside the notebook."""
    return job.output.with_suffix(".log")


def _work(connection: Connection, job: Job, scratch: str) -> None:
    """Run one notebook; this is the process's main function."""
    # A signal for the whole group, such as Ctrl-C, reaches the parent too, and the parent ends us together with the
    # kernel. A handler instead of SIG_IGN, because the kernel would inherit that.
    for number in stop_signals():
        signal.signal(number, lambda _number, _frame: None)
    work_in(scratch)
    try:
        # What compiled code and dying kernels print must not tear the progress display.
        with log_path(job).open("w", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        connection.send(run_notebook(job, report=connection.send))
    except OSError as error:  # the disk is full, or the folder is gone
        connection.send(collect(job, FAILED, f"{type(error).__name__}: {error}"))
