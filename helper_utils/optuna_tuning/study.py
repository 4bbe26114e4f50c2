"""A study that survives being killed, on one process or many.

`run_study` is `optuna.create_study` and `study.optimize` with what a long search asks for: it counts the trials that
are in the storage, so that the same call again does what is missing; a trial that fails is recorded and the study goes
on; several processes, on one machine or more, share the work.
"""

import contextlib
import functools
import math
import os
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from helper_utils.optuna_tuning.samplers import MakeSampler, make_sampler
from helper_utils.optuna_tuning.storage import JOURNALS, SQLITE, exclusive_lock, open_storage, path_of
from helper_utils.optuna_tuning.trials import ERROR, counts

Objective = Callable[[Trial], float | Sequence[float]]

SECONDS_BETWEEN_LOOKS = 0.3


def run_study(
    objective: Objective,
    *,
    n_trials: int,
    directions: Sequence[Literal["maximize", "minimize"]] = ("maximize",),
    sampler: BaseSampler | MakeSampler | None = None,
    pruner: BasePruner | None = None,
    storage: str | Path | BaseStorage | None = None,
    study_name: str | None = None,
    n_workers: int = 1,
    seed: int = 0,
    timeout: float | None = None,
    progress: bool = True,
) -> Study:
    """Run a study until it has so many finished trials, and return it.

    A finished trial is one that is complete, was pruned, or failed by its objective's own fault (an exception, nan, no
    memory, another number of values than directions): that is recorded in its user attribute "error", and the study
    goes on. With a storage, what was finished before counts: the same call again does what is missing. A trial whose
    process died does not count; it is marked as failed, and another one takes its place.

    Args:
        objective: Takes a trial and returns its value, or one for each direction. It must be picklable for n_workers
            above 1 (functions of a notebook are).
        n_trials: How many trials shall be finished in the end, those of earlier calls included.
        directions: "maximize" or "minimize" for each value. With two or more, Optuna does not prune.
        sampler: What suggests. Best is a class, or any function that takes `seed=` (`optuna.samplers.RandomSampler`,
            `functools.partial(TPESampler, n_startup_trials=20)`): it is seeded for each trial from `seed` and the
            trial's number, so a study that was stopped goes on as if it had not been. A sampler object is used as it
            is; in a resumed study and in workers its random numbers are drawn anew. So is what a function returns whose
            plan follows from its seed (`GridSampler`, `QMCSampler`): it is made once. By default `TPESampler`.
        pruner: What stops bad trials early; Optuna's median pruner by default.
        storage: Where the trials are kept: None for the memory; a path that ends in .log or .journal for a journal
            file, in .db or .sqlite for SQLite; the URL of a database (`postgresql+psycopg://...`, `mysql://...`),
            which workers on other machines join by the same call; or a storage of Optuna, used as it is.
        study_name: Several studies can share a storage; "study" by default.
        n_workers: Processes on this machine. With more than one, the order of the trials, and hence what the sampler
            knows, differs from run to run.
        seed: Decides what the sampler suggests.
        timeout: Seconds after which no new trial is begun.
        progress: Whether to show a progress bar.

    Returns:
        The study. With one worker, the same seed gives the same trials.

    Raises:
        ValueError: An argument is out of its range, or the stored study has other directions.
        TypeError: The storage or the sampler is none of the above.
        RuntimeError: Another process runs a study of that name in that file.
    """
    _check_arguments(n_trials, directions, storage, n_workers, timeout)
    settings = _Settings(
        n_trials=n_trials,
        sampler=make_sampler(TPESampler if sampler is None else sampler, seed),
        pruner=pruner,
        study_name=study_name or "study",
        deadline=None if timeout is None else time.time() + timeout,
    )
    with contextlib.ExitStack() as stack:
        shared = storage
        if storage is None and n_workers > 1:  # processes cannot share the memory
            shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="optuna-"))) / "study.journal"
        stack.enter_context(_quiet_optuna())
        path = path_of(shared)
        if path:
            stack.enter_context(exclusive_lock(path, settings.study_name))
        opened = open_storage(shared)
        study = _create_study(opened, directions, settings)
        if path:  # nobody else uses the file, so what is running there was left behind
            for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                study.tell(trial.number, state=TrialState.FAIL)
        if progress:
            stack.enter_context(_progress_bar(study, n_trials))
        if n_workers == 1:
            if study.get_trials(deepcopy=False):
                settings.sampler.reseed_rng()  # a seeded sampler would suggest its first points again
            _work(study, objective, settings)
        else:
            _work_together(opened, objective, settings, n_workers)
        return study if shared is storage else _in_memory(opened, settings)


def _check_arguments(
    n_trials: int, directions: Sequence[str], storage: Any, n_workers: int, timeout: float | None
) -> None:
    if n_trials < 0:
        raise ValueError(f"n_trials must be at least 0, not {n_trials}")
    if n_workers < 1:
        raise ValueError(f"n_workers must be at least 1, not {n_workers}")
    if timeout is not None and timeout < 0:
        raise ValueError(f"timeout must be at least 0 seconds, not {timeout}")
    if isinstance(directions, str) or not directions or set(directions) - {"maximize", "minimize"}:
        raise ValueError(f"directions must be a list of 'maximize' and 'minimize', one or more, not {directions!r}")
    if not isinstance(storage, str | Path | BaseStorage | None):
        raise TypeError(f"storage must be a path, a URL, a storage of Optuna or None, not {type(storage).__name__}")
    if n_workers > 1 and isinstance(storage, InMemoryStorage):
        raise ValueError(f"{n_workers} workers cannot share an InMemoryStorage: pass None, a file or a database")
    path = path_of(storage)
    if path and path.suffix not in (*JOURNALS, *SQLITE):
        raise ValueError(
            f"storage is {str(storage)!r}: expected a file that ends in {', '.join(JOURNALS)} (a journal) or in "
            f"{', '.join(SQLITE)} (SQLite), or the URL of a database"
        )


@dataclass(frozen=True)
class _Settings:
    """What every worker is told."""

    n_trials: int
    sampler: BaseSampler
    pruner: BasePruner | None
    study_name: str
    deadline: float | None  # by time.time()

    def seconds_left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.time())


class ShownStudy(Study):
    """A study that says in one line what is in it."""

    def __repr__(self) -> str:
        """Name the trials by their state, the hyperparameters, the directions, and the best value."""
        trials = self.get_trials(deepcopy=False)
        states = Counter(trial.state.name.lower() for trial in trials)
        names = dict.fromkeys(name for trial in trials for name in trial.params)
        counted = ", ".join(f"{n} {name}" for name, n in sorted(states.items()))
        shown = [
            f"{len(trials)} trial{'s' * (len(trials) != 1)}{': ' * bool(trials)}{counted}",
            f"over {', '.join(names)}" if names else "",
            " and ".join(direction.name.lower() for direction in self.directions),
            f"best {self.best_value:.4g}" if len(self.directions) == 1 and states["complete"] else "",
        ]
        return f"Study({'; '.join(filter(None, shown))})"


def _create_study(storage: BaseStorage, directions: Sequence[str], settings: _Settings) -> Study:
    study = optuna.create_study(
        storage=storage,
        sampler=settings.sampler,
        pruner=settings.pruner,
        study_name=settings.study_name,
        directions=list(directions),  # pyright: ignore[reportArgumentType]
        load_if_exists=True,
    )
    stored = [direction.name.lower() for direction in study.directions]
    if stored != list(directions):
        raise ValueError(
            f"the stored study {settings.study_name!r} has the directions {stored}, not {list(directions)}: use those, "
            "or another study_name"
        )
    return _shown(storage, settings)


def _shown(storage: BaseStorage, settings: _Settings) -> Study:
    return ShownStudy(settings.study_name, storage, settings.sampler, settings.pruner)


def _in_memory(storage: BaseStorage, settings: _Settings) -> Study:
    """Return a copy of a study whose storage is about to be deleted."""
    memory = InMemoryStorage()
    optuna.copy_study(from_study_name=settings.study_name, from_storage=storage, to_storage=memory)
    return _shown(memory, settings)


class _NotNeededError(Exception):
    """Enough other trials are finished or running."""


def _count(study: Study) -> tuple[int, int]:
    """Return how many trials are finished, and how many are running."""
    trials = study.get_trials(deepcopy=False)
    n_finished = sum(map(counts, trials))
    return n_finished, sum(trial.state == TrialState.RUNNING and not counts(trial) for trial in trials)


def _work(study: Study, objective: Objective, settings: _Settings) -> None:
    """Run trials until enough are finished in the storage, whoever ran them."""
    stopped_by_us = True

    def stop_when_enough(study: Study, _trial: FrozenTrial) -> None:
        nonlocal stopped_by_us
        if sum(_count(study)) >= settings.n_trials:
            stopped_by_us = True
            study.stop()

    while stopped_by_us and settings.seconds_left() != 0:
        n_finished, n_running = _count(study)
        if n_finished >= settings.n_trials:
            return
        if n_finished + n_running >= settings.n_trials:  # others do the last ones; one of them may get lost
            optuna.storages.fail_stale_trials(study)
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        stopped_by_us = False  # else the sampler (a grid that is used up), the objective or the timeout did
        study.optimize(
            functools.partial(_run_objective, objective, settings.n_trials),
            timeout=settings.seconds_left(),
            catch=(Exception,),
            callbacks=[stop_when_enough],
        )


def _run_objective(objective: Objective, n_trials: int, trial: Trial) -> float | Sequence[float]:
    """Run a trial; where it fails, say in the trial why."""
    earlier = trial.study.get_trials(deepcopy=False)[: trial.number]
    if sum(counts(other) or other.state == TrialState.RUNNING for other in earlier) >= n_trials:
        raise _NotNeededError("another worker was quicker")  # two workers began the last trial at once
    try:
        values = objective(trial)
        _check_values(values, len(trial.study.directions))
    except optuna.TrialPruned:
        raise
    except Exception as error:
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
        raise
    return values


def _check_values(values: float | Sequence[float], n_directions: int) -> None:
    """Refuse what Optuna would refuse without an exception: such a trial would not count, and the study never end."""
    values = values if isinstance(values, Sequence) else [values]
    if any(math.isnan(value) for value in values):
        raise FloatingPointError("the objective returned nan")
    if len(values) != n_directions:
        raise ValueError(
            f"the objective returned {len(values)} value(s), the study has {n_directions} direction(s): "
            "give run_study a direction for each value"
        )


def _work_together(storage: BaseStorage, objective: Objective, settings: _Settings, n_workers: int) -> None:
    import joblib

    threads = max(1, (os.cpu_count() or 1) // n_workers)
    with joblib.parallel_config("loky", n_jobs=n_workers, inner_max_num_threads=threads):
        tasks = (joblib.delayed(_worker)(storage, objective, settings, os.getpid()) for _ in range(n_workers))
        joblib.Parallel()(tasks)


def _worker(storage: BaseStorage, objective: Objective, settings: _Settings, parent: int) -> None:
    """Work in a process of its own, which ends when its parent does."""
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    settings.sampler.reseed_rng()
    with _quiet_optuna():
        study = optuna.load_study(
            study_name=settings.study_name, storage=storage, sampler=settings.sampler, pruner=settings.pruner
        )
        _work(study, objective, settings)


def _end_with(parent: int) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Leave out Optuna's line for each trial (not its warnings of failed ones) and "experimental" for what we use."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _progress_bar(study: Study, n_trials: int) -> Iterator[None]:
    """Show how many trials are finished, whoever runs them, and the best value."""
    from tqdm.auto import tqdm

    done = threading.Event()
    bar = tqdm(total=n_trials, unit="trial")

    def update() -> None:
        trials = study.get_trials(deepcopy=False)
        bar.n = min(sum(map(counts, trials)), n_trials)
        shown = {
            "pruned": sum(trial.state == TrialState.PRUNED for trial in trials),
            "failed": sum(trial.state == TrialState.FAIL for trial in trials),
        }
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        if len(study.directions) == 1 and complete:
            shown = {"best": f"{study.best_value:.4g}", **shown}
        bar.set_postfix({name: value for name, value in shown.items() if value})

    def update_now_and_then() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            update()

    thread = threading.Thread(target=update_now_and_then, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        update()
        bar.close()
