"""Train a run again from its record, and compare."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from helper_utils.base.seeds import set_seed
from helper_utils.base.training import train_model
from helper_utils.data import TensorLoader, load_dataset
from helper_utils.experiment_tracking.run_log import RunLog, RunRecord, read_run
from helper_utils.experiment_tracking.tracking import TrackRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

Train = Callable[[RunLog], object]
NOT_COMPARED = {"seconds"}  # a clock
_RECORDED_BY_TRACK_RUN = (
    ("threads", "threads while training"), ("device", "device"), ("initial_weights", "initial weights"),
)  # fmt: skip


def train_classifier(log: RunLog) -> nn.Module:
    """Train a small network from the settings of a log, and from nothing else; `reproduce` uses it by default.

    Args:
        log: Its settings are `dataset`, `subset_size`, `data_seed` (which images are in which set), `n_hidden`,
            `dropout`, `lr`, `batch_size`, `n_epochs`, and `seed` (of weights, batches and dropout).

    Returns:
        The trained model. The log is finished.

    Raises:
        ValueError: A setting is missing.
    """
    wanted = ("dataset", "subset_size", "data_seed", "n_hidden", "dropout", "lr", "batch_size", "n_epochs", "seed")
    missing = [name for name in wanted if name not in log.settings]
    if missing:
        raise ValueError(f"the settings lack {', '.join(missing)}: train_classifier needs {', '.join(wanted)}")
    dataset, subset_size, data_seed, n_hidden, dropout, lr, batch_size, n_epochs, seed = map(log.settings.get, wanted)
    data = load_dataset(dataset, subset_size=subset_size, seed=data_seed)  # type: ignore[arg-type]
    log.add_data(train=data.train, val=data.val)
    set_seed(seed)  # type: ignore[arg-type]
    n_inputs = data.train.inputs[0].numel()
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(n_inputs, n_hidden), nn.ReLU(), nn.Dropout(dropout),  # type: ignore[arg-type]
        nn.Linear(n_hidden, data.num_classes),  # type: ignore[arg-type]
    )  # fmt: skip
    train_model(
        model,
        torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),  # type: ignore[arg-type]
        TensorLoader(*data.train, batch_size=batch_size, shuffle=True, seed=seed),  # type: ignore[arg-type]
        n_epochs,  # type: ignore[arg-type]
        nn.functional.cross_entropy,
        "cpu",
        val_dataloader=[data.val],
        callbacks=[TrackRun(log)],
        progress=False,
    )
    return model


@dataclass(frozen=True)
class Reproduction:
    """A run and its repetition.

    Attributes:
        recorded: The record of the run.
        again: The record of its repetition.
        first_difference: The first epoch, from 1, in which a metric differs; 0 if there is none.
        largest: For each metric the largest absolute difference over the epochs, nan where one of the two was not
            measured.
        reasons: What differs in the two records besides the metrics: settings, data, initial weights, threads,
            device, versions, code.
    """

    recorded: RunRecord
    again: RunRecord
    first_difference: int
    largest: dict[str, float]
    reasons: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all metrics of all recorded epochs, and the final weights if both have them, are equal to the bit."""
        weights = [run.result.get("weights") for run in (self.recorded, self.again)]
        return self.first_difference == 0 and (None in weights or weights[0] == weights[1])

    def __repr__(self) -> str:
        """Say whether they are equal, and if not, where they begin to differ and what else does."""
        n_epochs = len(self.recorded.epochs)
        if self.same:
            text = f"equal to the bit in {n_epochs} epochs"
        elif self.first_difference == 0:
            text = f"equal metrics in {n_epochs} epochs, but different weights"
        else:
            worst = ", ".join(f"{name} by up to {value:.2g}" for name, value in self.largest.items() if value)
            text = f"different from epoch {self.first_difference} on: {worst}"
        return f"{text}; other differences: {', '.join(self.reasons) or 'none'}"


def reproduce(
    run: "str | Path | RunRecord | Mapping[str, Any] | pd.Series",
    train: Train = train_classifier,
    *,
    folder: str | Path | None = None,
    **changes: Any,
) -> Reproduction:
    """Train a run again from its record, with its number of threads, and compare the two records.

    The packages and the code are those of now. If they differ from the recorded ones, `reasons` says so.

    Args:
        run: The run's folder, its record, or a row of the table of `load_runs`.
        train: Trains from the settings of the log that it is given, and writes into it.
        folder: Where the new run is kept; a temporary folder by default.
        changes: Settings that are to differ, to see what they change.

    Returns:
        What is equal and what is not.

    Raises:
        ValueError: The folder is not a run, or the record has no epoch to compare with.
    """
    recorded = read_run(run)
    if not recorded.epochs:
        raise ValueError(f"the record of {recorded.folder} has no finished epoch, so there is nothing to compare with")
    n_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="run-") as temporary:
        try:
            torch.set_num_threads(recorded.environment.get("machine", {}).get("threads") or n_threads)
            with RunLog(folder or Path(temporary) / "again", **recorded.settings | changes) as log:
                train(log)
        finally:
            torch.set_num_threads(n_threads)
        return compare_runs(recorded, read_run(log.folder))


def compare_runs(recorded: RunRecord, again: RunRecord) -> Reproduction:
    """Compare two records, epoch by epoch; see `Reproduction`.

    Metrics are compared over the epochs of the first one. Equal means equal to the bit, and nan equals nan.
    """
    first, largest = 0, {}
    for i, metrics in enumerate(recorded.epochs):
        other = again.epochs[i] if i < len(again.epochs) else {}
        for name in metrics.keys() - NOT_COMPARED:
            value, value_again = metrics[name], other.get(name, math.nan)
            equal = value == value_again or (math.isnan(value) and name in other and math.isnan(value_again))
            difference = 0.0 if equal else abs(value - value_again)
            before = largest.get(name, 0.0)
            largest[name] = math.nan if math.isnan(difference) or math.isnan(before) else max(before, difference)
            first = first if equal or first else i + 1
    return Reproduction(recorded, again, first, dict(sorted(largest.items())), tuple(_reasons(recorded, again)))


def _reasons(recorded: RunRecord, again: RunRecord) -> list[str]:
    groups: dict[str, tuple[Any, Any]] = {
        "setting": (recorded.settings, again.settings),
        "data": (recorded.data, again.data),
        "version of": (recorded.environment.get("versions", {}), again.environment.get("versions", {})),
        "machine's": (recorded.environment.get("machine", {}), again.environment.get("machine", {})),
        "code's": (recorded.environment.get("code", {}), again.environment.get("code", {})),
    }
    reasons = []
    for kind, (before, after) in groups.items():
        names = dict.fromkeys([*before, *after])
        reasons += [f"{kind} {name}" for name in names if before.get(name) != after.get(name)]
    for name, label in _RECORDED_BY_TRACK_RUN:
        values = [run.training.get(name) for run in (recorded, again)]
        reasons += [label] if None not in values and values[0] != values[1] else []
    return reasons
