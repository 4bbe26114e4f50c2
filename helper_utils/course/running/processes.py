"""Processes that end when they should: made, killed as a whole tree, and asked to stop."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

MAX_AT_ONCE = 4  # a process with torch holds about half a gigabyte
MAX_SOCKET_FOLDER = 60  # characters: a socket's path may have about 104, and the fork server adds 32


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_n_at_once(wanted: int | None, n_jobs: int) -> int:
    """Return how many processes to run at once: as many as wanted, else one for each core; never more than jobs."""
    return min(wanted or min(n_cores(), MAX_AT_ONCE), max(1, n_jobs))


def process_context(preloaded: Sequence[str]) -> Any:
    """Return how processes are made: forked from a server that has these modules loaded, where the system can."""
    has_room = len(tempfile.gettempdir()) <= MAX_SOCKET_FOLDER
    if not has_room or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    # Ctrl-C reaches the server too, which would print a traceback if it is still loading; it ends with us anyway. So it
    # starts with the signal blocked, and so do its children, until they call `work_in`. Here it only waits.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    return context


def start_process(
    context: Any, main: Callable[..., None], *arguments: Any, duplex: bool = False
) -> tuple[BaseProcess, Connection]:
    """Start a process whose main function gets one end of a pipe first; return the process and the other end."""
    ours, theirs = context.Pipe(duplex)
    process = context.Process(target=main, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def kill_tree(process: psutil.Process, *, keep_root: bool = False) -> None:
    """Kill a process with all its descendants; one that is gone already is left alone, also where its number lives on.

    Args:
        process: Made when the process was started, so that a later process of the same number is not taken for it.
        keep_root: Whether to kill the descendants only.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        if not keep_root:
            process.suspend()  # so that it starts nothing more while its descendants are listed
        for member in [*process.children(recursive=True), *([] if keep_root else [process])]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def end_process(process: BaseProcess) -> None:
    """Kill a process that may lead a session of its own, and everything that it has started there."""
    if process.pid is None:
        return
    signal_group(process.pid, "SIGSTOP")  # so that nothing more is started meanwhile
    if process.is_alive():
        with contextlib.suppress(psutil.Error):
            kill_tree(psutil.Process(process.pid))
    signal_group(process.pid, "SIGKILL")  # also what has been left behind by its own parent
    process.join()


def signal_group(leader: int, name: str) -> None:
    """Send a signal to the processes of a group, where the system has groups and there is one of this leader."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, getattr(signal, name))


def kill_marked(folder: str) -> None:
    """Kill all processes whose folder for temporary files is this one, wherever in the tree of processes they are."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR") == folder:
                process.kill()


def memory_mb(process: BaseProcess) -> float:
    """Return how much memory a process holds together with all that it has started."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        for member in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total / 1e6


@contextlib.contextmanager
def signals_noted() -> Iterator[list[int]]:
    """Collect the signals that ask for an end, instead of letting them interrupt whatever runs at that moment."""
    noted: list[int] = []
    previous = {number: signal.signal(number, lambda number, _frame: noted.append(number)) for number in stop_signals()}
    try:
        yield noted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask a run to end, as far as the system has them."""
    return [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


def work_in(scratch: str) -> None:
    """Keep this process's temporary files in a folder, which goes with it if its parent ends first; heed Ctrl-C."""
    tempfile.tempdir = os.environ["TMPDIR"] = scratch
    end_with_parent(scratch)
    if hasattr(signal, "pthread_sigmask"):  # the fork server blocks it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_with_parent(scratch: str = "") -> None:
    """From now on, when the parent of this process is gone, killed perhaps, end this process and all it has started.

    Args:
        scratch: A folder to remove before the end, or an empty text.
    """

    def wait_and_end() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            kill_tree(psutil.Process(), keep_root=True)
            shutil.rmtree(scratch, ignore_errors=True)
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()
