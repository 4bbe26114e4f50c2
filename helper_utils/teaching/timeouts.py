"""Calls that end: a function of somebody else's, stopped when it takes too long, with what it prints kept short."""

import contextlib
import ctypes
import io
import threading
from collections.abc import Callable

MAX_TEXT = 2_000  # characters of printed text that are kept
GRACE = 1.0  # seconds in which a function that does not want to stop is asked again
ONCE_MORE = 0.01  # seconds between two requests


class TookTooLong(Exception):  # noqa: N818 - it says what happened
    """The function did not end in time.

    Attributes:
        still_running: Whether it could not even be stopped, and goes on in the background.
    """

    def __init__(self, *, still_running: bool) -> None:
        super().__init__("the function did not end in time")
        self.still_running = still_running


class _Stop(BaseException):
    """Raised inside the function to stop it; no `except Exception` there catches it."""


class ShortText(io.TextIOBase):
    """A stream that keeps the first characters written to it and forgets the rest."""

    def __init__(self, most: int = MAX_TEXT) -> None:
        self.text = ""
        self._most = most

    def writable(self) -> bool:
        """Say yes, as every stream for writing does."""
        return True

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        self.text += text[: self._most - len(self.text)]
        return len(text)

    def clear(self) -> None:
        """Forget all."""
        self.text = ""


def run_limited(function: Callable[[], None], seconds: float, printed: ShortText) -> None:
    """Call a function that catches its own exceptions, and stop it after some seconds.

    It runs in a thread of its own, in which an exception is raised when its time is over: that works on every system,
    also under a notebook, and leaves the calling thread free. A function that waits inside C code cannot be stopped
    this way; it is left behind in the background. (One that computes in C without letting go of the interpreter's
    lock, such as 10**10**10, blocks the caller too: where answers may be hostile, call this in a process of its own.)

    Args:
        function: What to call.
        seconds: How long it may take.
        printed: Receives what it prints, also to stderr.

    Raises:
        TookTooLong: It did not end in time.
    """
    done = threading.Event()

    def body() -> None:
        try:
            function()
        except _Stop:
            pass
        finally:
            done.set()

    thread = threading.Thread(target=body, daemon=True)  # daemon: a thread left behind does not keep the kernel alive
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            thread.start()
            # Not thread.join(): interrupted by Ctrl-C, it takes a thread that runs for one that has ended.
            in_time = done.wait(seconds)
        finally:
            stopped = _stop(thread, done)
    if not in_time:
        raise TookTooLong(still_running=not stopped)


def _stop(thread: threading.Thread, done: threading.Event) -> bool:
    """Raise an exception in the thread until it ends, and say whether it did; a bare `except` may swallow some."""
    for _ in range(round(GRACE / ONCE_MORE)):
        if done.is_set():
            break
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
        done.wait(ONCE_MORE)
    if done.is_set():
        thread.join()
    return done.is_set()
