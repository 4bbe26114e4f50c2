"""Notebooks on a Dask cluster that is there already, through `distributed`.

A run gets its notebook by content and sends the executed one back by content: the machines of the cluster need no file
system in common, only this package.
"""

import contextlib
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from helper_utils.base.files import write_text
from helper_utils.course.errors import CourseError
from helper_utils.course.running.display import Progress
from helper_utils.course.running.notebook import Job, Result, run_notebook
from helper_utils.course.running.processes import signals_noted
from helper_utils.course.running.supervisor import SECONDS_BETWEEN_LOOKS

SECONDS_TO_ANSWER = 10


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to an existing Dask cluster.

    Args:
        address: Its scheduler, such as `host:8786`.

    Raises:
        CourseError: Dask is not installed, no scheduler answers, or the cluster has no workers.
    """
    try:
        from distributed import Client  # type: ignore[import-not-found] (an optional extra)
    except ImportError:
        raise CourseError("--backend dask needs Dask: pip install 'helper-utils[cluster]'") from None
    try:
        client: Any = Client(address, timeout=SECONDS_TO_ANSWER)
    except (OSError, ValueError) as error:
        raise CourseError(f"no Dask scheduler answers at {address}: {error}") from None
    try:
        if not client.ncores():
            raise CourseError(f"the Dask cluster at {address} has no workers: start some first")
        yield client
    finally:
        client.close(timeout=SECONDS_TO_ANSWER)


def run_jobs_on_cluster(
    client: Any, jobs: Sequence[Job], n_at_once: int | None, progress: Progress, store: Callable[[Job, Result], None]
) -> int:
    """Run notebooks on a cluster, several at once.

    What runs there when a signal stops this comes to its own end, and is not collected.

    Args:
        client: A connected `distributed.Client`.
        jobs: What to run.
        n_at_once: How many at the same time, or None for as many as the cluster has cores.
        progress: Told what happens.
        store: Called with each result as soon as it is there.

    Returns:
        The number of the signal that stopped this (0 if none did).
    """
    waiting, running = deque(jobs), {}
    n_at_once = n_at_once or sum(client.ncores().values())
    with signals_noted() as signals:
        while (waiting or running) and not signals:
            while waiting and len(running) < n_at_once:
                job = waiting.popleft()
                progress.start(job)
                text = job.notebook.read_text(encoding="utf-8")
                running[client.submit(run_by_content, job, text, pure=False)] = job
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for future in [future for future in running if future.done()]:
                job = running.pop(future)
                result, text = _fetch(future)
                if text:
                    write_text(job.output, text)
                    result = replace(result, notebook=job.output)
                store(job, result)
                progress.finish(job, result)
    return signals[0] if signals else 0


def _fetch(future: Any) -> tuple[Result, str]:
    """Return what `run_by_content` returned on a worker, and raise here whatever was raised there."""
    try:
        return future.result(timeout=SECONDS_TO_ANSWER)
    except Exception as error:
        raise CourseError(f"the cluster gave up ({type(error).__name__}: {error}): go on with --resume") from None


def run_by_content(job: Job, notebook: str) -> tuple[Result, str]:
    """Run a notebook that is given as text, in a folder of its own, wherever this process is.

    Args:
        job: What to run; its paths are those of the caller and are not touched.
        notebook: The notebook file's text.

    Returns:
        The result without paths, and the text of the executed notebook (empty where there is none).
    """
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        given, executed = Path(folder, "given.ipynb"), Path(folder, job.notebook.name)
        given.write_text(notebook, encoding="utf-8")
        result = run_notebook(replace(job, notebook=given, output=executed))
        text = executed.read_text(encoding="utf-8") if result.notebook else ""
    return replace(result, notebook=None), text
