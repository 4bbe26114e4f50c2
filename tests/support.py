"""What tests of the command share: small notebooks, the command in a process of its own, and what it leaves behind."""

import contextlib
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PATIENCE = 120  # seconds until a test that waits gives up; a busy machine is slow, not wrong


def write_notebook(path: Path, *cells: str | tuple[str, tuple[str, ...]], parameters: str = "") -> Path:
    notebook = new_notebook(
        cells=[new_markdown_cell(f"# {path.stem[:2]} · About {path.stem[3:]}\n\nA promise: $x^2$.")]
    )
    if parameters:
        notebook.cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    for cell in cells:
        source, tags = (cell, ()) if isinstance(cell, str) else cell
        notebook.cells.append(new_code_cell(source, metadata={"tags": list(tags)} if tags else {}))
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return path


def free_port() -> int:
    """Return a port for a server that starts a moment later.

    It lies below those that systems hand out (from 32768 on Linux): one of these can go to a kernel of another test
    before the server takes it.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as attempt, contextlib.suppress(OSError):
            attempt.bind(("127.0.0.1", port))
            return port
    raise OSError("a hundred ports between 20000 and 32000 are taken")


@dataclass
class Course:
    """The command in a process of its own, and what it leaves behind."""

    folder: Path

    def start(self, *arguments: str, max_file_bytes: int | None = None, **environment: str) -> subprocess.Popen[str]:
        """Starts the command, perhaps with a limit on the size of files: each write above it fails."""

        def limit() -> None:
            if max_file_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

        self.mark = uuid4().hex
        no_threads = {
            name: value
            for name, value in os.environ.items()
            if not name.endswith("_NUM_THREADS") and name != "GOMP_SPINCOUNT"
        }
        return subprocess.Popen(
            [sys.executable, "-m", "helper_utils", *arguments],
            cwd=self.folder,
            env={
                **no_threads,
                "HELPER_UTILS_NOTEBOOKS": "notes {1}",
                "COURSE_TEST": self.mark,
                "PYTHONPATH": self.python_path(),
                **environment,
            },
            preexec_fn=limit,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, max_file_bytes: int | None = None, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, max_file_bytes=max_file_bytes, **environment)
        output, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, output

    @staticmethod
    def python_path() -> str:
        return os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))

    def left_behind(self) -> list[str]:
        """Waits until no process of the last run is left, and returns those that stay."""
        wait_until(lambda: not self._processes(), give_up_after=10)
        return self._processes()

    def _processes(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("COURSE_TEST") == self.mark:
                    found.append(" ".join(process.cmdline()))
        return found


def wait_until(condition: Callable[[], bool], give_up_after: float = PATIENCE) -> None:
    end = time.monotonic() + give_up_after
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
