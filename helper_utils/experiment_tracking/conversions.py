"""Optuna's studies and the sweeps of `course` as runs, so that `load_runs` finds them with the others."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helper_utils.experiment_tracking.run_log import RunLog

if TYPE_CHECKING:
    from optuna.study import Study


def runs_from_study(study: "Study", folder: str | Path) -> int:
    """Write a run for each trial of a study that has ended; return how many.

    A run is named by the trial's number. Its settings are the trial's parameters and the study's name. Its epochs are
    the values that the trial reported, as the metric `value`, and its final number is `value`, or `value_0`, `value_1`
    and so on. A pruned or failed trial has that as its status.

    Args:
        study: The study, as `run_study` returns it.
        folder: A folder of its own; the runs are its subfolders.

    Raises:
        FileExistsError: A trial of that number is there already.
    """
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    for trial in ended:
        log = RunLog(Path(folder) / f"trial_{trial.number:04d}", study=study.study_name, **trial.params)
        for epoch, value in sorted(trial.intermediate_values.items()):
            log.epoch(epoch, value=value)
        values = trial.values or []
        names = ["value"] if len(values) == 1 else [f"value_{i}" for i in range(len(values))]
        status = "finished" if trial.state.name == "COMPLETE" else trial.state.name.lower()
        log.finish(status, **dict(zip(names, values, strict=True)))
    return len(ended)


def runs_from_sweep(sweep: str | Path, folder: str | Path) -> int:
    """Write a run for each finished combination of `course sweep`; return how many.

    Args:
        sweep: The results folder of the sweep, which holds `sweep.json`.
        folder: Where to write the runs, named as the sweep names its combinations.

    Raises:
        ValueError: The first folder is not that of a sweep, or its `sweep.json` cannot be read.
        FileExistsError: A combination of that name is there already.
    """
    sweep = Path(sweep)
    if not (sweep / "sweep.json").is_file():
        raise ValueError(f"{sweep} is not the folder of a sweep: it has no sweep.json, which `course sweep` writes")
    try:
        lesson = json.loads((sweep / "sweep.json").read_text(encoding="utf-8"))["lesson"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{sweep / 'sweep.json'} is not what `course sweep` writes: {error!r}") from None
    paths = sorted((sweep / "runs").glob("*.json"))
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        result = content["result"]
        log = RunLog(Path(folder) / path.stem, lesson=lesson, **content["parameters"])
        log.write("code", **content["code"])
        numbers: dict[str, Any] = {
            name: value for name, value in (result.get("values") or {}).items() if isinstance(value, int | float)
        }
        log.finish("finished" if result.get("status") == "passed" else str(result.get("status")), **numbers)
    return len(paths)
