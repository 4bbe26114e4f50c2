"""The pages of TensorBoard and MLflow on the runs of lesson 15: `make tensorboard`, `make mlflow`.

    python -m helper_utils.experiment_tracking.pages mlflow --runs FOLDER --port 5000

Without `--runs`, six short runs are trained first, if they are not there yet. Both pages listen on this machine only.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from helper_utils.experiment_tracking.run_log import RECORD, RunLog, RunRecord
from helper_utils.experiment_tracking.trackers import ADVICE, LogToMLflow, LogToTensorBoard, Tracker, copy_runs

PORTS = {"tensorboard": 6006, "mlflow": 5000}
RUNS = "build/experiment_tracking/runs"
MARK = "made-by-the-course.txt"


def train_example_runs(folder: str | Path) -> None:
    """Train six short runs on digits, three learning rates with two seeds each, into subfolders of a folder."""
    from helper_utils.experiment_tracking.reproduction import train_classifier

    fixed = {
        "dataset": "digits", "subset_size": 400, "data_seed": 0, "n_hidden": 32, "dropout": 0.0, "batch_size": 32,
        "n_epochs": 10,
    }  # fmt: skip
    for lr in (0.01, 0.05, 0.2):
        for seed in (0, 1):
            with RunLog(Path(folder) / f"lr={lr}_seed={seed}", lr=lr, seed=seed, **fixed) as log:
                train_classifier(log)


def prepare(page: str, runs: str | Path, store: str | Path) -> list[str]:
    """Write the runs for a page, and return the command that serves it, without its port.

    Args:
        page: "tensorboard" or "mlflow".
        runs: A folder with runs of `RunLog`; if it has none, six are trained into it.
        store: A folder for what the page reads. It is replaced if this function made it.

    Raises:
        FileExistsError: The store's folder holds files of somebody else.
        ModuleNotFoundError: The package is not installed.
        ValueError: A record below the folder is damaged.
    """
    if importlib.util.find_spec(page) is None:
        raise ModuleNotFoundError(f"{page} is not installed: {ADVICE}")
    runs, store = Path(runs), Path(store)
    if not any(runs.rglob(RECORD)):
        train_example_runs(runs)
    if store.exists() and not (store / MARK).is_file() and any(store.iterdir()):
        raise FileExistsError(f"{store} holds files that this command did not write: rename it, or delete it yourself")
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    (store / MARK).write_text("Made from the records; the command deletes it and makes it again.\n", encoding="utf-8")

    def make_tracker(run: RunRecord) -> Tracker:
        name = run.folder.relative_to(runs).as_posix()
        if page == "tensorboard":
            return LogToTensorBoard(store / name, **run.settings)
        return LogToMLflow(store / "mlflow.db", "lesson 15", name, files=(run.folder / RECORD,), **run.settings)

    copy_runs(runs, make_tracker)
    if page == "tensorboard":
        return [sys.executable, "-m", "tensorboard.main", "--logdir", str(store), "--host", "127.0.0.1"]
    database = f"sqlite:///{(store / 'mlflow.db').absolute().as_posix()}"
    server = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--workers", "1"]
    return [*server, "--artifacts-destination", (store / "mlflow-files").absolute().as_uri(), "--host", "127.0.0.1"]


def environment() -> dict[str, str]:
    """Return the environment of the pages: no telemetry, no look for a newer version."""
    return {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare a page and serve it until Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(description="Serve the runs of lesson 15.")
    parser.add_argument("page", choices=sorted(PORTS))
    parser.add_argument("--runs", default=RUNS, help="folder with runs (default: %(default)s)")
    parser.add_argument("--port", type=int, help="by default 6006 (TensorBoard) and 5000 (MLflow)")
    options = parser.parse_args(arguments)
    store = Path(options.runs).absolute().parent / f"{Path(options.runs).name}-{options.page}"
    runs = Path(options.runs)
    if options.runs != RUNS and not (runs.is_dir() and any(runs.rglob(RECORD))):
        print(f"there is no run below {runs}: a run is a folder with the file {RECORD}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        command = prepare(options.page, options.runs, store)
    except (FileExistsError, ModuleNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    port = options.port or PORTS[options.page]
    print(f"open http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)  # noqa: T201
    try:
        return subprocess.run([*command, "--port", str(port)], env=environment(), check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
