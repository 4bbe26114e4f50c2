"""The record of a run: one folder a run, in it one line of JSON for each thing that happened.

A line is written in one step as soon as something has happened. So a run that is killed leaves all of its finished
epochs. (A machine that loses power may lose the last seconds, which the system has not yet written to the disk.)
"""

import contextlib
import datetime
import hashlib
import json
import math
import operator
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from helper_utils.experiment_tracking.environment import data_fingerprint, describe_environment

if TYPE_CHECKING:
    import pandas as pd

RECORD = "run.jsonl"
LOCK = ".lock"
COLUMNS = ("run", "status", "n_epochs_run", "commit", "dirty", "threads", "data", "folder")
_SECRET_WORDS = {"password", "passwd", "secret", "secrets", "credential", "credentials"}
_SECRET_ENDINGS = ("token", "apikey", "api_key", "access_key", "private_key")


class RunLog:
    """The record of one run, which is written while the run goes on.

    The first line holds the settings, the commit of the working folder, the versions of packages and the machine;
    environment variables are never recorded. Then comes a line for each data set (`add_data`), each epoch (`epoch`),
    each file (`add_file`), and the end (`finish`). Used in a `with` block, it notes an exception as the end.

    Args:
        folder: The run's own folder. It is made if it does not exist.
        settings: All that decides the result and is chosen: rates, sizes, seeds, names. Values are numbers, texts,
            booleans, None, or lists and dicts of them. The texts "nan", "inf" and "-inf" come back as numbers.

    Attributes:
        folder: The run's folder.
        settings: As they were given.
        first_epoch: The number of the next epoch that `TrackRun` writes; above 1 in a resumed run.

    Raises:
        FileExistsError: The folder holds a run already.
        RuntimeError: A different process is writing this run.
        TypeError: A setting cannot be written as JSON.
        ValueError: A setting has the name of a password or key, or of a column of `load_runs`.
    """

    def __init__(self, folder: str | Path, **settings: Any) -> None:
        self.settings = _checked_settings(settings)
        self.folder = Path(folder)
        self.first_epoch = 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        if (self.folder / RECORD).exists():
            self._lock.release()
            raise FileExistsError(
                f"{self.folder} holds a run already: choose a different folder, or go on with it by RunLog.resume"
            )
        self._open()
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.write("start", settings=self.settings, started=started, **describe_environment())

    @classmethod
    def resume(cls, folder: str | Path, after_epoch: int) -> "RunLog":
        """Go on with a run that was stopped or killed.

        Later epochs in the record are void: they are written again. A last line that is cut off is removed.

        Args:
            folder: The run's folder.
            after_epoch: The last epoch that counts, such as that of the checkpoint; 0 to begin again.

        Raises:
            TypeError: The epoch is not a whole number.
            ValueError: The folder is not a run, or the epoch is negative or not in its record.
            RuntimeError: A different process is writing this run.
        """
        record = read_run(folder)
        after_epoch = checked_epoch("after_epoch", after_epoch)
        if after_epoch > len(record.epochs):
            raise ValueError(
                f"after_epoch is {after_epoch}, but the record of {folder} has {len(record.epochs)} epochs: "
                "use the epoch of a checkpoint that was saved after its epoch was logged"
            )
        log = cls.__new__(cls)
        log.folder, log.settings, log.first_epoch = Path(folder), record.settings, after_epoch + 1
        log._take_lock()
        path = log.folder / RECORD
        whole = path.read_bytes()
        os.truncate(path, whole.rfind(b"\n") + 1)
        log._open()
        log.write("resume", after_epoch=after_epoch, **describe_environment())
        return log

    def _take_lock(self) -> None:
        self._lock = FileLock(self.folder / LOCK)  # the system releases it when the process ends, however that happens
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RuntimeError(
                f"{self.folder} is being written by a different process (or a RunLog of this one that has not "
                "finished): give each run its own folder"
            ) from None

    def _open(self) -> None:
        self._file = (self.folder / RECORD).open("ab", buffering=0)  # unbuffered: what is written is out of our hands
        self._begun = time.perf_counter()

    def write(self, event: str, **values: Any) -> None:
        """Write a line of your own.

        Args:
            event: What kind of line, such as "note".
            values: What JSON can hold. Tensors and NumPy numbers with one element become plain numbers.

        Raises:
            ValueError: The log has finished.
            TypeError: A value cannot be written as JSON.
        """
        if self._file.closed:
            raise ValueError(f"the log of {self.folder} has finished: begin a new run, or use RunLog.resume")
        line = json.dumps({"event": event} | {name: _plain(name, value) for name, value in values.items()})
        self._file.write(line.encode() + b"\n")

    def add_data(self, **parts: Any) -> None:
        """Record the fingerprint and the size of each data set.

        Args:
            parts: Such as `train=data.train`: what `data_fingerprint` takes.
        """
        for name, part in parts.items():
            first = part[0] if isinstance(part, tuple) and len(part) else part
            size = len(first) if hasattr(first, "__len__") else 1
            self.write("data", name=name, fingerprint=data_fingerprint(part), n_examples=size)

    def epoch(self, epoch: int, **metrics: Any) -> None:
        """Record a finished epoch.

        Args:
            epoch: Its number, from 1 (Optuna's steps begin at 0). A second line with the same number adds its metrics.
            metrics: Numbers, or tensors with one element, of which the number is kept and not the graph.

        Raises:
            TypeError: The epoch is not a whole number, or a metric is not a number.
            ValueError: The epoch is negative.
        """
        epoch = checked_epoch("epoch", epoch)
        for name, value in metrics.items():
            if not isinstance(_plain(name, value), int | float | str) or isinstance(value, str):
                raise TypeError(f"metric {name!r} must be a number or a tensor with one element, not {value!r}")
        self.write("epoch", epoch=epoch, **metrics)

    def add_file(self, path: str | Path) -> None:
        """Record the size and the SHA-256 hash of a file, such as a checkpoint.

        Args:
            path: The file; a path in the run's folder is recorded as seen from there.
        """
        path = Path(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        inside = path.resolve().is_relative_to(self.folder.resolve())
        name = path.resolve().relative_to(self.folder.resolve()).as_posix() if inside else path.name
        self.write("file", name=name, sha256=digest, bytes=path.stat().st_size)

    def finish(self, status: str = "finished", **numbers: Any) -> None:
        """Record the end and close the file; a second call does nothing.

        Args:
            status: "finished", or what went wrong.
            numbers: Final numbers, such as the test accuracy.
        """
        if self._file.closed:
            return
        self.write("end", status=status, seconds=round(time.perf_counter() - self._begun, 3), **numbers)
        self.close()

    def close(self) -> None:
        """Close the file without an end, as a process does that is killed; `finish` is the usual way."""
        self._file.close()
        self._lock.release()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish; an exception is recorded by its type and message."""
        self.finish("finished" if kind is None else f"failed: {kind.__name__}: {error}")

    def __repr__(self) -> str:
        """Name the folder and the settings."""
        return f"RunLog({str(self.folder)!r}, {', '.join(f'{k}={v!r}' for k, v in self.settings.items())})"


@dataclass(frozen=True)
class RunRecord:
    """What the record of a run says.

    Attributes:
        folder: The run's folder.
        settings: What was chosen.
        environment: `code`, `versions` and `machine`; see `describe_environment`.
        data: For each data set its fingerprint.
        training: What `TrackRun` recorded of the model and the optimizer before the first epoch.
        epochs: The metrics of each finished epoch.
        files: For each recorded file its SHA-256 hash.
        result: The final numbers.
        status: "finished", "failed: ...", or "unfinished" for a run that is going on or was killed.
        is_cut: Whether the last line is cut off; it is left out.
    """

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    status: str = "unfinished"
    is_cut: bool = False

    def curve(self, metric: str) -> list[float]:
        """Return a metric, epoch by epoch.

        Raises:
            ValueError: No epoch has it.
        """
        if not any(metric in epoch for epoch in self.epochs):
            known = sorted({name for epoch in self.epochs for name in epoch})
            raise ValueError(f"{self.folder} has no metric {metric!r}; it has {', '.join(known) or 'no epochs'}")
        return [epoch.get(metric, math.nan) for epoch in self.epochs]


def read_run(folder: "str | Path | RunRecord | Mapping[str, Any] | pd.Series") -> RunRecord:
    """Read the record of a run, also of one that is going on or was killed.

    Args:
        folder: The run's folder, or a row of the table of `load_runs`.

    Raises:
        TypeError: It is neither a folder nor a row.
        ValueError: The folder is not a run, or a line before the last one is damaged.
    """
    if isinstance(folder, RunRecord):
        return folder
    if not isinstance(folder, str | Path) and not hasattr(folder, "keys"):
        raise TypeError(f"a run is read from its folder or from a row of load_runs, not from {folder!r}")
    path = Path(folder) if isinstance(folder, str | Path) else Path(str(folder["folder"]))
    try:
        content = (path / RECORD).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{path} is not a run: it has no {RECORD}. A run is a folder that RunLog(folder, ...) made"
        ) from None
    *lines, last = content.split(b"\n")
    events, is_cut = [], False
    for number, line in enumerate(lines, start=1):
        try:
            events.append(_read_line(line))
        except ValueError:
            raise ValueError(f"line {number} of {path / RECORD} is damaged: {line[:60]!r}") from None
    if last:  # no end of line: the writer was stopped in the middle, or just before it
        try:
            events.append(_read_line(last))
        except ValueError:
            is_cut = True
    try:
        return _from_events(path, events, is_cut)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path / RECORD} is damaged: a line lacks what RunLog writes into it ({error!r})") from None


def _read_line(line: bytes) -> dict[str, Any]:
    values = json.loads(line)
    if not isinstance(values, dict) or "event" not in values:
        raise ValueError("not an event")
    return values


def _from_events(folder: Path, events: list[dict[str, Any]], is_cut: bool) -> RunRecord:
    run: dict[str, Any] = {"folder": folder, "is_cut": is_cut, "data": {}, "files": {}}
    epochs: dict[int, dict[str, float]] = {}
    for values in events:
        match values.pop("event"):
            case "start":
                run["settings"] = _number(values.pop("settings", {}))
                run["environment"] = values
            case "resume":
                epochs = {epoch: metrics for epoch, metrics in epochs.items() if epoch <= values["after_epoch"]}
                run["status"] = "unfinished"
                run["result"] = {}
            case "data":
                run["data"][values["name"]] = values["fingerprint"]
            case "training":
                run.setdefault("training", values)  # of a resumed run, that of its beginning
            case "epoch":
                number = values.pop("epoch")
                epochs.setdefault(number, {}).update({name: float(value) for name, value in values.items()})
            case "file":
                run["files"][values["name"]] = values["sha256"]
            case "end":
                run["status"] = values.pop("status")
                run["result"] = {name: _number(value) for name, value in values.items()}
    return RunRecord(**run, epochs=[epochs[epoch] for epoch in sorted(epochs)])


def load_runs(folder: str | Path) -> "pd.DataFrame":
    """Return a table with a row for each run below a folder, sorted by name.

    Args:
        folder: A folder that has runs at any depth, or is a run.

    Returns:
        The columns `run` (the path as seen from the folder), `status` ("damaged" for a record that cannot be read),
        `n_epochs_run`, a column for each setting, for each metric of the last epoch (but those that have the name of
        a setting) and for each final number, then `commit`, `dirty`, `threads`, `data` (one fingerprint of all of the
        run's data) and `folder`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There is no run below it.
    """
    import pandas as pd

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    paths = sorted(path.parent for path in folder.rglob(RECORD))
    if not paths:
        raise ValueError(f"there is no run below {folder}: a run is a folder with the file {RECORD}, as RunLog makes")
    rows = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        name = path.name if name == "." else name
        try:
            rows.append({"run": name} | _row(read_run(path)))
        except ValueError:
            rows.append({"run": name, "status": "damaged", "folder": str(path)})
    table = pd.DataFrame(rows)
    last = [name for name in COLUMNS[3:] if name in table]
    return table.reindex(columns=[name for name in table if name not in last] + last)


def _row(run: RunRecord) -> dict[str, Any]:
    metrics = run.epochs[-1] if run.epochs else {}
    code, machine = run.environment.get("code", {}), run.environment.get("machine", {})
    row: dict[str, Any] = {"status": run.status, "n_epochs_run": len(run.epochs)}
    row |= metrics | run.result | run.settings  # a setting wins: its value is the one that was chosen
    row |= {"commit": code.get("commit"), "dirty": code.get("dirty"), "threads": machine.get("threads")}
    return row | {"data": data_fingerprint(run.data) if run.data else None, "folder": str(run.folder)}


def checked_epoch(name: str, value: Any) -> int:
    """Return the number of an epoch as an int.

    Args:
        name: What it is called, for the errors.
        value: The number: Python's, NumPy's, or a tensor with one element.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is negative.
    """
    try:
        epoch = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if isinstance(value, bool) or epoch < 0:
        raise ValueError(f"{name} is {value!r}: count epochs from 1; 0 is before the first one")
    return epoch


def _checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        lower = name.lower()
        if _SECRET_WORDS & set(lower.split("_")) or any(
            lower == end or lower.endswith(f"_{end}") for end in _SECRET_ENDINGS
        ):
            raise ValueError(f"setting {name!r} looks like a secret: a record is kept and shared, so leave it out")
        if name in COLUMNS:
            raise ValueError(f"setting {name!r} has the name of a column of load_runs: call it something else")
        _plain(name, value, tensors=False)
    return _number(json.loads(json.dumps({name: _plain(name, value) for name, value in settings.items()})))


def _plain(name: str, value: Any, *, tensors: bool = True) -> Any:
    """Return a value as JSON can hold it; floats that JSON does not know become texts, which `float` reads."""
    if isinstance(value, dict):
        return {str(key): _plain(f"{name}.{key}", single, tensors=tensors) for key, single in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, single, tensors=tensors) for single in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Path):
        return str(value)
    if (tensors and hasattr(value, "item")) or isinstance(value, np.generic):
        with contextlib.suppress(RuntimeError, ValueError, TypeError):  # more than one element
            value = value.item()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, bool | int):
        return value
    raise TypeError(
        f"{name} is an object of type {type(value).__name__}: a record holds numbers, texts, booleans, None, and lists "
        "and dicts of them; of a tensor keep its fingerprint or its size"
    )


def _number(value: Any) -> Any:
    """Turn texts that stand for floats that JSON does not know back into them, also within lists and dicts."""
    if isinstance(value, dict):
        return {name: _number(single) for name, single in value.items()}
    if isinstance(value, list):
        return [_number(single) for single in value]
    return float(value) if value in ("nan", "inf", "-inf") else value
