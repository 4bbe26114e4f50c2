"""Run one notebook: a `Job` goes in, a `Result` comes out, whatever happens in between.

`run_notebook` is self-contained and both classes can be pickled, so it runs in any process.
"""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helper_utils.base.files import write_text
from helper_utils.course.errors import one_line
from helper_utils.course.lessons import CHECKOUT, source

if TYPE_CHECKING:
    from helper_utils.course.running.kernel import PeakMemory

PASSED, FAILED, TIMED_OUT, DIED = "passed", "failed", "timed out", "kernel died"
UNREADABLE, INTERRUPTED, NOT_RUN = "unreadable", "interrupted", "not run"

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
KERNEL = "python3"


@dataclass(frozen=True)
class Job:
    """What `run_notebook` needs to know.

    Attributes:
        lesson: The lesson's name, such as `01_metrics`.
        notebook: The notebook to run; it is only read.
        output: Where the executed notebook goes. The HTML page goes beside it.
        n_cells: How many code cells there are to run, for the progress.
        parameters: Values other than the defaults.
        strict: Whether a false claim stops the notebook.
        timeout: Seconds for the whole notebook, the start of the kernel included.
        html: Whether to write the HTML page.
        label: What the progress shows in place of the lesson's name, where one lesson is run several times.
    """

    lesson: str
    notebook: Path
    output: Path
    n_cells: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = True
    timeout: float = 600.0
    html: bool = True
    label: str = ""

    @property
    def name(self) -> str:
        """What the progress shows."""
        return self.label or self.lesson


@dataclass(frozen=True)
class Result:
    """What became of a `Job`.

    Attributes:
        lesson: The lesson's name.
        status: `passed`, or what went wrong: `failed`, `timed out`, `kernel died`, `unreadable`, `interrupted`,
            `not run`.
        seconds: From the start of the kernel to its end.
        peak_memory_mb: The most memory that the kernel's process held, in MB (0 where unknown).
        error: One line that says what went wrong, such as `cell 7: ValueError: message`, or an empty string.
        claims: The lesson's claims in their order, each with its `cell`, `sentence`, `holds`, `evidence`, and what
            `claim_higher` and the others keep of the effect: `effect`, `low`, `high`, `n`, `unit`, `shown`.
        values: The recorded values by name in their order; of two with the same name the last one counts.
        notebook: The executed notebook, as far as it came; None where there is none.
        page: The same as HTML; None where there is none.
    """

    lesson: str
    status: str
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    error: str = ""
    claims: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    notebook: Path | None = None
    page: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether every cell ran."""
        return self.status == PASSED

    @property
    def n_held(self) -> int:
        """How many claims hold."""
        return sum(claim["holds"] for claim in self.claims)


def run_notebook(job: Job, report: Callable[[int], None] | None = None) -> Result:
    """Run one notebook through papermill in a fresh kernel of this interpreter, in the current directory.

    Nothing that happens in the notebook raises here: an error, a dead kernel and the time-out become the result's
    status, and the executed notebook is written as far as it came.

    Args:
        job: What to run.
        report: Called with the number of each code cell, counted from 1, before it runs.

    Returns:
        What became of it.
    """
    from nbclient.exceptions import DeadKernelError

    from helper_utils.course.running.kernel import PeakMemory

    memory = PeakMemory()
    started = time.monotonic()
    deadline = started + job.timeout
    cell = 0

    def on_cell() -> None:
        nonlocal cell
        cell += 1
        if report:
            report(cell)

    try:
        error = _execute(job, memory, on_cell, deadline)
        status = FAILED if error else PASSED
    except DeadKernelError:
        status, error = DIED, f"cell {cell}: the kernel died (out of memory, or a crash in compiled code)"
    except Exception as problem:
        if time.monotonic() > deadline - 0.1:
            status, error = TIMED_OUT, f"stopped, the lesson took longer than {job.timeout:g} s (--timeout)"
        else:  # such as a kernel that does not start
            status, error = FAILED, one_line(f"{type(problem).__name__}: {problem}")
        error = f"cell {cell}: {error}" if cell else error
    result = collect(job, status, error, time.monotonic() - started, memory.peak / 1e6)
    return _with_page(result) if job.html else result


def collect(job: Job, status: str, error: str = "", seconds: float = 0.0, peak_memory_mb: float = 0.0) -> Result:
    """Make the result from the executed notebook as far as it was written; a half-written file is removed."""
    claims: list[dict[str, Any]] = []
    values: dict[str, Any] = {}
    notebook: Path | None = job.output
    try:
        for cell, content in _contents(json.loads(job.output.read_text(encoding="utf-8"))):
            if claim := content.get("claim"):
                claims.append({"cell": cell, **claim})
            if value := content.get("record"):
                values[value["name"]] = value["value"]
    except (OSError, ValueError):
        job.output.unlink(missing_ok=True)
        notebook = None
    return Result(job.lesson, status, round(seconds, 2), round(peak_memory_mb, 1), error, claims, values, notebook)


def _execute(job: Job, memory: "PeakMemory", on_cell: Callable[[], None], deadline: float) -> str:
    """Run the notebook, and return the error that stopped it as one line, or an empty string."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from helper_utils.course.running.kernel import ENGINE, LANGUAGE

    with tempfile.TemporaryDirectory(prefix="course-") as folder, contextlib.suppress(PapermillExecutionError):
        papermill.execute_notebook(
            _literal_path(job.notebook),
            _literal_path(job.output),
            parameters=dict(job.parameters),
            engine_name=ENGINE,
            kernel_name=KERNEL,
            language=LANGUAGE,
            progress_bar=False,
            environment=kernel_environment(job),
            connection_file=Path(folder) / "kernel.json",
            memory=memory,
            remaining=lambda: deadline - time.monotonic(),
            on_cell=on_cell,
        )
        return ""
    return _first_error(job.output)


def kernel_environment(job: Job) -> dict[str, str]:
    """Return the kernel's environment: ours, and what the course needs."""
    environment = dict(os.environ)
    # One thread, where the user does not ask for more: small networks gain nothing from several, and on a busy machine
    # threads that wait for each other take many times as long. GNU's then at least sleep while they wait.
    n_threads = environment.get("OMP_NUM_THREADS", "1")
    for variable in THREAD_VARIABLES:
        environment.setdefault(variable, n_threads)
    environment.setdefault("GOMP_SPINCOUNT", "0")
    environment["HELPER_UTILS_STRICT"] = "1" if job.strict else "0"
    environment["HELPER_UTILS_PROGRESS"] = "off"  # nobody learns, nobody watches a bar
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # The notebooks import the package that runs them, also where it is not installed.
    paths = [str(CHECKOUT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _literal_path(path: Path) -> str:
    """Return a path as papermill reads it: braces are fields to fill in for it, doubled ones are braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _contents(notebook: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Return what claims and `record` have stored in the outputs, in order, each with the number of its code cell.

    The cell that papermill adds for the parameters does not count, so the numbers are those of the stored notebook.
    """
    added = "injected-parameters"
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and source(cell).strip()]
    own = [cell for cell in cells if added not in cell.get("metadata", {}).get("tags", [])]
    for number, cell in enumerate(own, start=1):
        for output in cell.get("outputs", []):
            content = output.get("metadata", {}).get("helper_utils")
            if content:
                yield number, content


def _first_error(path: Path) -> str:
    """Find the error that stopped a notebook, and return it as one line.

    papermill takes every error for a failure, also one in a cell tagged `raises-exception`, which is there to be
    shown. Where there are only such errors the result is empty, and papermill's own markers are taken out again.
    """
    import nbformat
    from papermill.execute import remove_error_markers

    notebook: Any = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "raises-exception" in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return one_line(f"cell {cell.execution_count}: {output.ename}: {output.evalue}")
    write_text(path, nbformat.writes(remove_error_markers(notebook)))
    return ""


def _with_page(result: Result) -> Result:
    """Write the notebook as an HTML page beside it."""
    if not result.notebook:
        return result
    from helper_utils.course.reports.notebook_page import write_page

    page = result.notebook.with_suffix(".html")
    try:
        write_page(result.notebook, page)
    except Exception as problem:
        note = one_line(f"no HTML page: {type(problem).__name__}: {problem}")
        full = isinstance(problem, OSError)  # such as a full disk; a page that cannot be made does not fail the lesson
        return replace(result, status=FAILED if full else result.status, error=result.error or note)
    return replace(result, page=page)
