"""What is seen while the notebooks run: a live table in a terminal, one line for each start and end elsewhere."""

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Self, TypeAlias

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from helper_utils.course.errors import count
from helper_utils.course.running.notebook import Job, Result

COLOURS = {True: "green", False: "red"}
MAX_ROWS = 24  # more jobs than this are not all shown


def claims_text(result: Result) -> str:
    """Return how many claims hold, such as `3 of 4 claims hold`."""
    n_claims = len(result.claims)
    if not n_claims:
        return "no claims"
    return f"{result.n_held} of {count(n_claims, 'claim')} hold{'s' if n_claims == 1 else ''}"


def make_progress(jobs: Sequence[Job]) -> "Progress":
    """Return the display that suits what the standard output is: a terminal or a file."""
    console = Console()
    # rich alone would also take a file for a terminal where FORCE_COLOR is set.
    live = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
    return LiveProgress(console, jobs) if live else LineProgress()


class LineProgress(AbstractContextManager):
    """One line when a notebook starts and one when it ends, without control characters."""

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""

    def start(self, job: Job) -> None:
        """Say that a notebook starts."""
        click.echo(f"{job.name}: started, {job.n_cells} cells")

    def cell(self, job: Job, number: int) -> None:
        """Say nothing."""

    def finish(self, job: Job, result: Result) -> None:
        """Say how a notebook ended."""
        click.echo(f"{job.name}: {result.status}, {claims_text(result)}, {result.seconds:.1f} s")
        if result.error:
            click.echo(f"{job.name}: {result.error}")


class LiveProgress(AbstractContextManager):
    """A table of the notebooks with the cell that runs and the seconds so far; of many only those that run."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._started: dict[str, float] = {}
        self._cells: dict[str, int] = {}
        self._results: dict[str, Result] = {}
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=5)

    def __enter__(self) -> Self:
        """Show the table."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the table as it is."""
        self._live.stop()

    def start(self, job: Job) -> None:
        """Note that a notebook starts."""
        self._started[job.name] = time.monotonic()

    def cell(self, job: Job, number: int) -> None:
        """Note that a cell starts."""
        self._cells[job.name] = number

    def finish(self, job: Job, result: Result) -> None:
        """Note how a notebook ended."""
        self._results[job.name] = result

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("lesson", "cell", "seconds", "status"):
            table.add_column(
                heading, justify="right" if heading in ("cell", "seconds") else "left", no_wrap=heading != "status"
            )
        for job in self._jobs:
            if len(self._jobs) <= MAX_ROWS or (job.name in self._started and job.name not in self._results):
                table.add_row(*self._row(job))
        if len(self._jobs) > MAX_ROWS:
            failed = sum(not result.passed for result in self._results.values())
            table.add_row(f"{len(self._results)} of {len(self._jobs)} ended", "", "", f"{failed} did not pass")
        return table

    def _row(self, job: Job) -> list[str | Text]:
        result = self._results.get(job.name)
        cells = f"{self._cells.get(job.name, 0)}/{job.n_cells}"
        if result:
            status = Text(result.status, style=COLOURS[result.passed]).append(
                f", {claims_text(result)}", style="default"
            )
            if result.error:
                status.append(f"\n{result.error}", style="default")
            return [job.name, cells, f"{result.seconds:.1f}", status]
        if job.name in self._started:
            return [job.name, cells, f"{time.monotonic() - self._started[job.name]:.1f}", "running"]
        return [job.name, cells, "", Text("waiting", style="dim")]


Progress: TypeAlias = LineProgress | LiveProgress
