"""Callbacks that write a training for TensorBoard, MLflow and Weights & Biases: optional packages, and no network.

Install them by `pip install ".[tracking]"`. Nothing is sent anywhere: MLflow's telemetry is off, and Weights & Biases
works offline.
"""

import importlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from helper_utils.base.callbacks import Callback, TrainingRun
from helper_utils.experiment_tracking.run_log import RECORD, RunRecord, read_run

ADVICE = 'install the trackers by `pip install ".[tracking]"`'


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{name} needs {error.name}, which is not installed: {ADVICE}") from None


class Tracker(Callback):
    """A callback that writes settings, epochs and the end of a training: override the three methods.

    Args:
        settings: What was chosen.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def begin(self) -> None:
        """Begin a run, and write the settings."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics of an epoch, counted from 1."""

    def end(self, status: str) -> None:
        """End the run; the status is "finished" or something else."""

    def before_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Begin a run."""
        self.begin()

    def after_epoch(self, run: TrainingRun) -> None:
        """Write the epoch."""
        self.epoch(run.epoch, {name: values[-1] for name, values in vars(run.history).items()})

    def after_training(self, run: TrainingRun) -> None:
        """End the run."""
        self.end("finished" if len(run.history) == run.n_epochs or run.stop else "failed")


class LogToTensorBoard(Tracker):
    """Write event files, which `tensorboard --logdir` shows: a curve for each metric, and the settings as text.

    Args:
        folder: The run's own folder; TensorBoard calls the run by its name.
        settings: What was chosen.
    """

    def __init__(self, folder: str | Path, **settings: Any) -> None:
        super().__init__(**settings)
        self.folder = folder

    def begin(self) -> None:
        """Open the event file."""
        self.writer = _import("torch.utils.tensorboard").SummaryWriter(str(self.folder))
        self.writer.add_text("settings", f"```\n{json.dumps(self.settings, indent=1)}\n```")

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve; the step axis counts epochs."""
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, global_step=epoch)
        self.writer.flush()  # without it a run that is killed loses up to two minutes

    def end(self, status: str) -> None:  # noqa: ARG002
        """Close the event file."""
        self.writer.close()


class LogToMLflow(Tracker):
    """Write a run into an MLflow store: parameters, metrics, files. `mlflow ui` shows it.

    Args:
        store: The file of an SQLite database, which is made if it does not exist. Files go into a folder beside it.
        experiment: Runs are grouped by it.
        name: The run's name.
        files: Files that are copied into the store at the end, such as a record or a checkpoint.
        model_name: If given, the first file is registered as the next version of a model of this name.
        settings: What was chosen.

    Attributes:
        run_id: MLflow's name of the run, once it has begun.
    """

    def __init__(
        self,
        store: str | Path,
        experiment: str = "experiment_tracking",
        name: str | None = None,
        *,
        files: tuple[str | Path, ...] = (),
        model_name: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.store, self.experiment, self.name = Path(store), experiment, name
        self.files, self.model_name = files, model_name

    def begin(self) -> None:
        """Begin a run, in a new experiment if it is the first."""
        self.client = mlflow_client(self.store)
        experiment = self.client.get_experiment_by_name(self.experiment)
        if experiment is None:
            place = (self.store.absolute().parent / f"{self.store.stem}-files").as_uri()
            experiment_id = self.client.create_experiment(self.experiment, artifact_location=place)
        else:
            experiment_id = experiment.experiment_id
        self.run_id = self.client.create_run(experiment_id, run_name=self.name).info.run_id
        for name, value in self.settings.items():
            self.client.log_param(self.run_id, name, value)

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics in one request."""
        entities = _import("mlflow.entities")
        now = int(time.time() * 1000)  # MLflow counts milliseconds
        rows = [entities.Metric(name, value, now, epoch) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=rows)

    def end(self, status: str) -> None:
        """Copy the files, register the model, end the run."""
        for path in self.files:
            self.client.log_artifact(self.run_id, str(path))
        if self.model_name and self.files:
            exceptions = _import("mlflow.exceptions")
            try:
                self.client.create_registered_model(self.model_name)
            except exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{self.client.get_run(self.run_id).info.artifact_uri}/{Path(self.files[0]).name}"
            self.client.create_model_version(self.model_name, source, self.run_id)
        names = {"finished": "FINISHED", "unfinished": "KILLED"}
        self.client.set_terminated(self.run_id, names.get(status, "FAILED"))


def mlflow_client(store: str | Path) -> Any:
    """Return MLflow's client of an SQLite store, with telemetry off.

    Args:
        store: The file of the database.

    Raises:
        ModuleNotFoundError: MLflow is not installed.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # a new database is announced in two lines
    Path(store).parent.mkdir(parents=True, exist_ok=True)
    return _import("mlflow").MlflowClient(tracking_uri=sqlite_uri(store))


def sqlite_uri(store: str | Path) -> str:
    """Return the address of an SQLite file as MLflow and SQLAlchemy write it."""
    return f"sqlite:///{Path(store).absolute().as_posix()}"


class LogToWandb(Tracker):
    """Write a run for Weights & Biases, offline.

    `wandb leet` shows it in a terminal; `wandb sync` with an account would send it.

    A process of Weights & Biases writes the file; it may end a moment after the training.

    Args:
        folder: Where the folder `wandb` is made.
        project: Runs are grouped by it.
        name: The run's name.
        settings: What was chosen.
    """

    def __init__(
        self, folder: str | Path, project: str = "experiment_tracking", name: str | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.folder, self.project, self.name = Path(folder), project, name

    def begin(self) -> None:
        """Begin an offline run, which by our settings records neither the console nor the machine and its name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wandb = _import("wandb")
        quiet = wandb.Settings(
            console="off", silent=True, x_disable_stats=True, x_disable_meta=True, disable_git=True, host="-"
        )  # fmt: skip
        self.run = wandb.init(
            mode="offline", dir=str(self.folder), project=self.project, name=self.name, config=self.settings,
            reinit="create_new", settings=quiet,
        )  # fmt: skip

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics, with the epoch as their step."""
        self.run.log(dict(metrics), step=epoch)

    def end(self, status: str) -> None:
        """End the run."""
        self.run.finish(exit_code=0 if status == "finished" else 1)


def copy_runs(folder: str | Path, make_tracker: Callable[[RunRecord], Tracker]) -> int:
    """Write the runs below a folder for a tracker, from their records; return how many.

    Args:
        folder: A folder with runs of `RunLog`.
        make_tracker: Makes a tracker for a run, such as
            `lambda run: LogToTensorBoard(Path("events") / run.folder.name, **run.settings)`.
    """
    paths = sorted(path.parent for path in Path(folder).rglob(RECORD))
    for path in paths:
        run = read_run(path)
        tracker = make_tracker(run)
        tracker.begin()
        for epoch, metrics in enumerate(run.epochs, start=1):
            tracker.epoch(epoch, metrics)
        tracker.end(run.status)
    return len(paths)
