"""Processes that end when they should: made, killed as a whole tree, and asked to stop."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_context(preloaded: Sequence[str]) -> Any:
    """Return how processes are made: forked from a server that has these modules loaded, where the system can."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preloaded))
        return context
    return multiprocessing.get_context("spawn")


def kill_tree(process: psutil.Process, *, keep_root: bool = False) -> None:
    """Kill a process with all its descendants."""
    tree = process.children(recursive=True)
    for member in tree if keep_root else [*tree, process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


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


def end_with_parent(tidy_up: Callable[[], None] = lambda: None) -> None:
    """From now on, when the parent of this process is gone, killed perhaps, end this process and all it has started.

    Args:
        tidy_up: Called before the end.
    """

    def wait_and_end() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
            kill_tree(psutil.Process(), keep_root=True)
            tidy_up()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()
