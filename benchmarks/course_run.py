"""`course run` against plain papermill on the same notebooks: its command, and its API in one process.

`course run` also writes HTML pages, tables and a report. It runs several notebooks at once and divides the cores among
them; papermill runs one after the other, and each kernel may use all cores.
"""

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from timing import alternate, main

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
N_NOTEBOOKS = 2
API = """
import pathlib, sys, papermill
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.ipynb")):
    papermill.execute_notebook(path, pathlib.Path(sys.argv[2], path.name), progress_bar=False)
"""


def copy_notebooks(folder: Path) -> None:
    """Copy lessons, each as often as needed to have N_NOTEBOOKS of them."""
    lessons = itertools.cycle(sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
    for number, path in enumerate(itertools.islice(lessons, N_NOTEBOOKS), 1):
        shutil.copy(path, folder / f"{number:02}_{path.stem[3:]}.ipynb")


def call(*arguments: str | Path) -> None:
    """Run this Python with some arguments; what it prints is shown only when it fails."""
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))} failed:\n{done.stdout}")


def course(source: Path, target: Path) -> None:
    """Run the notebooks with `course run`."""
    call("-m", "helper_utils", "run", "--notebooks", source, "--output", target)


def command(source: Path, target: Path) -> None:
    """Run the notebooks with papermill's command, one call each."""
    for path in sorted(source.glob("*.ipynb")):
        call("-m", "papermill", path, target / path.name)


def api(source: Path, target: Path) -> None:
    """Run the notebooks with papermill's API."""
    call("-c", API, source, target)


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "notebooks")
        source.mkdir()
        copy_notebooks(source)

        def into_new_folder(run: Callable[[Path, Path], None]) -> Callable[[], None]:
            return partial(run, source, Path(tempfile.mkdtemp(dir=folder)))

        runs = {"course run": course, "papermill (command)": command, "papermill (API)": api}
        # Without a warm-up, to save time: if the file system is slow at first, it is ours that goes first and waits.
        times = alternate({name: partial(into_new_folder, run) for name, run in runs.items()}, n_rounds, warm_up=False)
        names = ", ".join(path.stem for path in sorted(source.glob("*.ipynb")))
        rows = [times.row(f"running {N_NOTEBOOKS} notebooks", "course run", other) for other in list(runs)[1:]]
    return f"Threads as each tool sets them for its kernels. Notebooks: {names}.", rows


if __name__ == "__main__":
    main(measure, n_rounds=2)
