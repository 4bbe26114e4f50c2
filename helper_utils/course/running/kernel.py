"""How papermill runs a notebook here: the kernel is this interpreter, and it always ends. Imports papermill: slow."""

import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.translators import PythonTranslator, papermill_translators

from helper_utils.course.running.processes import signal_group

ENGINE = "course"
LANGUAGE = "python"
MAX_SOCKET_PATH = 90  # Unix allows about 104 characters; Jupyter adds "-ipc-5"
MAX_SECONDS = 1e6  # the limit of a cell is counted in milliseconds, in 32 bits; above this there is none
SECONDS_BETWEEN_SAMPLES = 0.05
SECONDS_BETWEEN_SAVES = 1.0


class ThisInterpreter(KernelSpecManager):
    """Starts every kernel with the running interpreter, whatever kernels the user has installed under that name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the one kernel there is, under any name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language=LANGUAGE)


class TupleTranslator(PythonTranslator):
    """Writes parameters as Python; papermill's own translator turns a tuple into a string."""

    @classmethod
    def translate(cls, val: Any) -> str:
        """Return the Python expression for a value."""
        if isinstance(val, tuple):
            return f"({''.join(cls.translate(item) + ', ' for item in val)})"
        return super().translate(val)


class PeakMemory:
    """Watches a process's memory from a thread.

    Attributes:
        peak: The most memory the process has held so far, in bytes.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._stop = threading.Event()

    def watch(self, pid: int) -> None:
        """Start to watch a process."""
        threading.Thread(target=self._sample, args=[psutil.Process(pid)], daemon=True).start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _sample(self, process: psutil.Process) -> None:
        try:
            while not self._stop.wait(SECONDS_BETWEEN_SAMPLES):
                self.peak = max(self.peak, _resident(process))
        except psutil.Error:  # the process has ended
            return


class LessonEngine(NBClientEngine):
    """papermill's engine with our kernel manager, a deadline for the whole notebook, and a memory gauge."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *_: Any,
        environment: Mapping[str, str],
        connection_file: Path,
        memory: PeakMemory,
        remaining: Callable[[], float],
        on_cell: Callable[[], None],
        **__: Any,
    ) -> NotebookNode:
        """Run the notebook.

        Args:
            nb_man: papermill's state of the notebook.
            kernel_name: Goes into the notebook's metadata; the kernel is always this interpreter.
            environment: The kernel's environment variables.
            connection_file: Where the kernel reads its addresses; its sockets lie in the same folder.
            memory: Told which process to watch.
            remaining: Returns the seconds left for the notebook.
            on_cell: Called before each code cell.

        Returns:
            The executed notebook.
        """
        # Sockets in our own folder: no port to collide with, and no warning about unencrypted TCP in every output.
        ipc = sys.platform != "win32" and len(str(connection_file)) <= MAX_SOCKET_PATH
        kernel = AsyncKernelManager(
            kernel_name=kernel_name,
            kernel_spec_manager=ThisInterpreter(),
            connection_file=str(connection_file),
            transport="ipc" if ipc else "tcp",
            shutdown_wait_time=1.0,
        )

        pids = []

        def on_start(notebook: Any) -> None:  # noqa: ARG001 (nbclient passes it by name)
            pids.append(kernel.provisioner.pid)  # type: ignore[union-attr]
            memory.watch(pids[0])

        def before_cell(cell: Any, cell_index: int) -> None:  # noqa: ARG001 (nbclient passes them by name)
            NotebookExecutionManager.save(nb_man)  # it may never end
            on_cell()

        client = PapermillNotebookClient(
            nb_man,
            km=kernel,
            kernel_name=kernel_name,
            startup_timeout=max(1, int(min(60, remaining()))),
            timeout_func=lambda _cell: max(remaining(), 0.01) if remaining() < MAX_SECONDS else None,
            iopub_timeout=30,
            coalesce_streams=True,
            shutdown_kernel="immediate",  # all is saved, and a kernel with torch takes half a second to end politely
            on_notebook_start=on_start,
            on_cell_execute=before_cell,
        )
        _save_rarely(nb_man)
        try:
            return client.execute(env=dict(environment), cleanup_kc=True)
        finally:
            del nb_man.save  # papermill saves the whole once more
            _drop_widgets(nb_man.nb)
            memory.stop()
            for pid in pids:
                signal_group(pid, "SIGKILL")  # what the kernel has started and left behind: it leads a group


def _save_rarely(nb_man: NotebookExecutionManager) -> None:
    """Save the notebook at most once a second: papermill does it twice a cell, which takes seconds of a lesson."""

    def save_if_due(**_: Any) -> None:
        if (nb_man.now() - nb_man.last_save_time).total_seconds() >= SECONDS_BETWEEN_SAVES:
            NotebookExecutionManager.save(nb_man)

    nb_man.save = save_if_due


def _drop_widgets(notebook: NotebookNode) -> None:
    """Remove widgets, which are dead without their kernel and have random ids; a picture beside one stays."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def _resident(process: psutil.Process) -> int:
    """Return the most memory a process has held, where the system keeps it (Linux), else what it holds now."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return process.memory_info().rss


papermill_engines.register(ENGINE, LessonEngine)
papermill_translators.register(LANGUAGE, TupleTranslator)
