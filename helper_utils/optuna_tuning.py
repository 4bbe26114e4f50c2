"""Hyperparameter search with Optuna: a study that survives being killed, on one process or many, and two objectives.

`run_study` is `optuna.create_study` and `study.optimize` with what a long search asks for: it counts the trials that
are in the storage, so that the same call again does what is missing; a trial that fails is recorded and the study goes
on; several processes, on one machine or more, share the work.
"""

import contextlib
import functools
import itertools
import math
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import optuna
import torch
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import BaseTrial, FrozenTrial, Trial, TrialState
from torch import Tensor, nn

from .callbacks import Callback, EachBatch, TrainingRun
from .data.augmentation import chain, random_horizontal_flip, random_shift
from .data.datasets import Dataset, load_dataset
from .data.loaders import TensorLoader
from .devices import get_device, set_seed
from .flexible_cnn import FlexibleCNN
from .optimizers import MultiOptimizer, Muon
from .training import History, train_model

Objective = Callable[[Trial], float | Sequence[float]]
MakeSampler = Callable[..., BaseSampler]  # called with `seed=`

HEARTBEAT_SECONDS = 30
"""How often a worker of a database server says that it lives; one that was silent three times as long is lost."""
SECONDS_BETWEEN_LOOKS = 0.3
_ERROR = "error"  # the user attribute of a trial whose objective failed
_JOURNALS, _SQLITE = (".log", ".journal"), (".db", ".sqlite", ".sqlite3")


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
    memory): that is recorded in its user attribute "error", and the study goes on. With a storage, what was finished
    before counts: the same call again does what is missing. A trial whose process died does not count; it is marked
    as failed, and another one takes its place.

    Args:
        objective: Takes a trial and returns its value, or one for each direction. It must be picklable for n_workers
            above 1 (functions of a notebook are).
        n_trials: How many trials shall be finished in the end, those of earlier calls included.
        directions: "maximize" or "minimize" for each value. With two or more, Optuna does not prune.
        sampler: What suggests. Best is a class, or any function that takes `seed=` (`optuna.samplers.RandomSampler`,
            `functools.partial(TPESampler, n_startup_trials=20)`): it is seeded for each trial from `seed` and the
            trial's number, so a study that was stopped goes on as if it had not been. A sampler object is used as it
            is; in a resumed study and in workers its random numbers are drawn anew. By default `TPESampler`.
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
        TypeError: The storage is none of the above.
        RuntimeError: Another process runs a study of that name in that file.
    """
    _check_arguments(n_trials, directions, storage, n_workers, timeout)
    settings = _Settings(
        n_trials=n_trials,
        sampler=sampler if isinstance(sampler, BaseSampler) else SamplerForEachTrial(sampler or TPESampler, seed),
        pruner=pruner,
        study_name=study_name or "study",
        deadline=None if timeout is None else time.time() + timeout,
    )
    with contextlib.ExitStack() as stack:
        shared = storage
        if storage is None and n_workers > 1:  # processes cannot share the memory
            shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="optuna-"))) / "study.journal"
        stack.enter_context(_quiet_optuna())
        path = _path_of(shared)
        if path:
            stack.enter_context(_sole_user(path, settings.study_name))
        opened = _open_storage(shared)
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
    path = _path_of(storage)
    if path and path.suffix not in (*_JOURNALS, *_SQLITE):
        raise ValueError(
            f"storage is {str(storage)!r}: expected a file that ends in {', '.join(_JOURNALS)} (a journal) or in "
            f"{', '.join(_SQLITE)} (SQLite), or the URL of a database"
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


# --------------------------------------------------------------------------------------------------- the storage


class _JournalLock:
    """What Optuna asks of a journal's lock, from the operating system: it ends with the process that holds it.

    Optuna's own locks are files that a killed process leaves behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()

    def __reduce__(self) -> tuple:
        return _JournalLock, (self.path,)


def _path_of(storage: str | Path | BaseStorage | None) -> Path | None:
    """Return the file of a storage that is a file."""
    if isinstance(storage, str) and storage.startswith("sqlite:///"):
        storage = storage.removeprefix("sqlite:///")
    elif isinstance(storage, str) and "://" in storage:
        return None
    return Path(storage).expanduser().resolve() if isinstance(storage, str | Path) else None


def _open_storage(storage: str | Path | BaseStorage | None) -> BaseStorage:
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, BaseStorage):
        return storage
    path = _path_of(storage)
    if path is None:
        return RDBStorage(str(storage), heartbeat_interval=HEARTBEAT_SECONDS, grace_period=3 * HEARTBEAT_SECONDS)
    if path.suffix in _JOURNALS:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_JournalLock(path)))  # pyright: ignore[reportArgumentType]
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})


@contextlib.contextmanager
def _sole_user(path: Path, study_name: str) -> Iterator[None]:
    """Make sure that nobody else runs this study in this file as long as this process lives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.{quote(study_name, safe='')}.running", timeout=0):
            if path.suffix in _JOURNALS and path.exists():
                _drop_unfinished_line(path)
            yield
    except Timeout:
        raise RuntimeError(
            f"another process runs the study {study_name!r} in {path}: wait for it, or use n_workers there, "
            "or give this one another study_name"
        ) from None


def _drop_unfinished_line(path: Path) -> None:
    """Cut off what a process that was killed had begun to write: a journal cannot be read past it."""
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


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
    return study


def _in_memory(storage: BaseStorage, settings: _Settings) -> Study:
    """Return a copy of a study whose storage is about to be deleted."""
    memory = InMemoryStorage()
    optuna.copy_study(from_study_name=settings.study_name, from_storage=storage, to_storage=memory)
    return optuna.load_study(
        study_name=settings.study_name, storage=memory, sampler=settings.sampler, pruner=settings.pruner
    )


# ------------------------------------------------------------------------------------------------------ the work


class _NotNeededError(Exception):
    """Enough other trials are finished or running."""


def _counts(trial: FrozenTrial) -> bool:
    """Say whether a trial is finished: complete, pruned, or failed by its objective's own fault."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or _ERROR in trial.user_attrs


def _count(study: Study) -> tuple[int, int]:
    """Return how many trials are finished, and how many are running."""
    trials = study.get_trials(deepcopy=False)
    n_finished = sum(map(_counts, trials))
    return n_finished, sum(trial.state == TrialState.RUNNING and not _counts(trial) for trial in trials)


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
    if sum(_counts(other) or other.state == TrialState.RUNNING for other in earlier) >= n_trials:
        raise _NotNeededError("another worker was quicker")  # two workers began the last trial at once
    try:
        values = objective(trial)
        if any(math.isnan(value) for value in (values if isinstance(values, Sequence) else [values])):
            raise FloatingPointError("the objective returned nan")
    except optuna.TrialPruned:
        raise
    except Exception as error:
        trial.set_user_attr(_ERROR, f"{type(error).__name__}: {error}")
        raise
    return values


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
        bar.n = min(sum(map(_counts, trials)), n_trials)
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


class SamplerForEachTrial(BaseSampler):
    """Make a sampler for each trial, seeded from a seed and the trial's number.

    What is suggested then depends on the earlier trials, the seed and the number, not on how often the process was
    started: a study that goes on after an interruption suggests what it would have suggested without it.

    Args:
        make_sampler: Called with `seed=`; a class such as `optuna.samplers.TPESampler`, or a `partial` of one.
        seed: 0 or more.
    """

    def __init__(self, make_sampler: MakeSampler, seed: int) -> None:
        self.make_sampler, self.seed = make_sampler, seed
        self.sampler = self._sampler_of(0)

    def _sampler_of(self, number: int) -> BaseSampler:
        return self.make_sampler(seed=_seed_of(self.seed, number))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial. Trials that got lost are not counted: another one takes their place."""
        earlier = study.get_trials(deepcopy=False)[: trial.number]
        n_lost = sum(other.state == TrialState.FAIL and not _counts(other) for other in earlier)
        self.sampler = self._sampler_of(trial.number - n_lost)
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Ask this trial's sampler."""
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask this trial's sampler."""
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Ask this trial's sampler."""
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell this trial's sampler."""
        self.sampler.after_trial(study, trial, state, values)


def _seed_of(seed: int, number: int) -> int:
    """Derive a seed for one trial; other base seeds and other numbers give unrelated ones."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


# ------------------------------------------------------------------------------------------------ the objectives


class ReportToTrial(Callback):
    """Tell a trial the validation accuracy of each epoch, and end the training where the pruner says so.

    Args:
        trial: The trial. With two objectives Optuna has no pruning, and nothing is told.

    Raises:
        optuna.TrialPruned: After an epoch, where the pruner says so.
    """

    def __init__(self, trial: BaseTrial) -> None:
        self.trial = trial

    def after_epoch(self, run: TrainingRun) -> None:
        """Report the epoch's validation accuracy, and ask the pruner."""
        self.trial.report(run.history.val_accuracy[-1], run.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"after epoch {run.epoch}")


_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": functools.partial(torch.optim.Adam, fused=True),  # a step in one call: a third of the time
    "RMSprop": torch.optim.RMSprop,
    "SGD": torch.optim.SGD,
}


@dataclass(frozen=True)
class FullyConnectedObjective:
    """The validation accuracy of a fully connected network: the space of Optuna's own PyTorch example.

    One to three hidden layers of 4 to 128 units, each with a dropout of 0.2 to 0.5; Adam, RMSprop or SGD; a rate from
    1e-5 to 1e-1. The example draws 30 batches of 128 in each of 10 epochs and validates on 1,280 images.
    Source: https://github.com/optuna/optuna-examples/blob/main/pytorch/pytorch_simple.py

    The seed and the trial's number decide its weights and its batches. To measure a choice of hyperparameters again
    with other ones, call the objective with `optuna.trial.FixedTrial(params, number=...)` and a number of no trial.

    Attributes:
        dataset: A name that `load_dataset` knows.
        n_epochs: Epochs a trial.
        n_batches: Batches an epoch, drawn from the whole training part.
        batch_size: Images a batch.
        n_val: Images that the accuracy is measured on.
        part: Which part they are from: "val", or "test" for the winner, once.
        seed: Base seed of the trials, and the seed of the data set's parts.
        device: As for `get_device`.
    """

    dataset: str = "mnist"
    n_epochs: int = 10
    n_batches: int = 30
    batch_size: int = 128
    n_val: int = 1280
    part: Literal["val", "test"] = "val"
    seed: int = 0
    device: str = "auto"

    def __call__(self, trial: BaseTrial) -> float:
        """Train a network as the trial suggests, and return its accuracy."""
        data, device = _load_once(self.dataset, self.seed), get_device(self.device)
        trial_seed = _seed_of(self.seed, trial.number)
        set_seed(trial_seed)
        model = self.make_model(trial, math.prod(data.image_shape), data.num_classes).to(device)
        make_optimizer = _OPTIMIZERS[trial.suggest_categorical("optimizer", list(_OPTIMIZERS))]
        optimizer = make_optimizer(model.parameters(), lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True))
        batches = TensorLoader(*data.train, self.batch_size, shuffle=True, seed=trial_seed, device=device)
        inputs, targets = getattr(data, self.part)
        history = train_model(
            model,
            optimizer,
            _FirstBatches(batches, self.n_batches),
            self.n_epochs,
            nn.functional.cross_entropy,
            device,
            val_dataloader=TensorLoader(inputs[: self.n_val], targets[: self.n_val], 640, device=device),
            callbacks=[ReportToTrial(trial)],
            progress=False,
        )
        return history.val_accuracy[-1]

    @staticmethod
    def make_model(trial: BaseTrial, n_inputs: int, num_classes: int) -> nn.Sequential:
        """Make the network that a trial suggests."""
        layers: list[nn.Module] = [nn.Flatten()]
        for i in range(trial.suggest_int("n_layers", 1, 3)):
            n_units = trial.suggest_int(f"n_units_l{i}", 4, 128)
            dropout = trial.suggest_float(f"dropout_l{i}", 0.2, 0.5)
            layers += [nn.Linear(n_inputs, n_units), nn.ReLU(), nn.Dropout(dropout)]
            n_inputs = n_units
        return nn.Sequential(*layers, nn.Linear(n_inputs, num_classes))


@functools.lru_cache(maxsize=2)  # every trial of a process uses the same images
def _load_once(name: str, seed: int, subset_size: int | None = None, image_size: int | None = None) -> Dataset:
    return load_dataset(name, seed=seed, subset_size=subset_size, image_size=image_size)


@dataclass(frozen=True)
class _FirstBatches:
    """The first batches of each epoch of a loader."""

    loader: TensorLoader
    n_batches: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return itertools.islice(iter(self.loader), self.n_batches)

    def __len__(self) -> int:
        return min(self.n_batches, len(self.loader))


@dataclass(frozen=True)
class FlexibleCNNObjective:
    """The validation accuracy of a `FlexibleCNN`, trained with `train_with_recipe`; or that and its size.

    One to three blocks, each with filters and a kernel size of its own, one dropout and one classifier width. The seed
    and the trial's number decide its weights and its batches, as in `FullyConnectedObjective`.

    Attributes:
        dataset: A name that `load_dataset` knows.
        subset_size: The number of training images; all by default.
        image_size: Height and width in pixels; those of the data set by default.
        n_epochs: Epochs a trial.
        max_layers: The largest number of blocks.
        n_filters: Smallest and largest number of filters of a block.
        kernel_sizes: The kernel sizes to choose from.
        dropout_rate: Smallest and largest dropout.
        fc_size: Smallest and largest width of the classifier.
        log_scale: Whether filters and width are searched on a log scale, where small networks are as likely as large
            ones; if not, all numbers are equally likely.
        recipe: Further arguments of `train_with_recipe`, such as `{"flip": False}` for digits.
        with_size: Whether to return the size in MB (1024² bytes of parameters) as a second value, to be minimized.
        part: Which part the accuracy is measured on: "val", or "test" for the winner, once.
        seed: Base seed of the trials, and the seed of the data set's parts.
        device: As for `get_device`.
    """

    dataset: str = "shapes"
    subset_size: int | None = None
    image_size: int | None = None
    n_epochs: int = 10
    max_layers: int = 3
    n_filters: tuple[int, int] = (16, 128)
    kernel_sizes: tuple[int, ...] = (3, 5)
    dropout_rate: tuple[float, float] = (0.1, 0.5)
    fc_size: tuple[int, int] = (64, 256)
    log_scale: bool = True
    recipe: Mapping[str, Any] = field(default_factory=dict)
    with_size: bool = False
    part: Literal["val", "test"] = "val"
    seed: int = 0
    device: str = "auto"

    def __call__(self, trial: BaseTrial) -> float | tuple[float, float]:
        """Train a network as the trial suggests, and return its accuracy (and its size)."""
        data, device = _load_once(self.dataset, self.seed, self.subset_size, self.image_size), get_device(self.device)
        trial_seed = _seed_of(self.seed, trial.number)
        set_seed(trial_seed)
        model = self.make_model(trial, data)
        history = train_with_recipe(
            model,
            data,
            self.n_epochs,
            part=self.part,
            seed=trial_seed,
            device=device,
            callbacks=[] if self.with_size else [ReportToTrial(trial)],
            **self.recipe,
        )
        if not self.with_size:
            return history.val_accuracy[-1]
        return history.val_accuracy[-1], sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20

    def make_model(self, trial: BaseTrial, data: Dataset) -> FlexibleCNN:
        """Make the network that a trial suggests; what a block has exists only for the blocks that there are."""
        n_layers = trial.suggest_int("n_layers", 1, self.max_layers)
        channels, image_size, _ = data.image_shape
        return FlexibleCNN(
            n_layers,
            [trial.suggest_int(f"n_filters_{i}", *self.n_filters, log=self.log_scale) for i in range(n_layers)],
            [trial.suggest_categorical(f"kernel_size_{i}", self.kernel_sizes) for i in range(n_layers)],
            trial.suggest_float("dropout_rate", *self.dropout_rate),
            trial.suggest_int("fc_size", *self.fc_size, log=self.log_scale),
            num_classes=data.num_classes,
            in_channels=channels,
            image_size=image_size,
            batch_norm=True,
        )


def train_with_recipe(
    model: nn.Module,
    data: Dataset,
    n_epochs: int,
    *,
    batch_size: int = 32,
    max_lr: float = 5e-3,
    weight_decay: float = 0.05,
    use_muon: bool = True,
    label_smoothing: float = 0.1,
    flip: bool = True,
    max_shift: int = 2,
    part: Literal["val", "test"] = "val",
    seed: int = 0,
    device: torch.device | str = "cpu",
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train an image classifier in few epochs: Muon and AdamW, one cycle of the rate, flips and shifts, soft labels.

    Each part has its reason: Muon moves a convolution equally far in all directions, also in those in which the
    gradient is weak (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), and is scaled so that AdamW's
    rate and weight decay suit it (Liu et al. 2025, https://arxiv.org/abs/2502.16982); the rate rises to `max_lr` and
    falls to almost nothing, so few epochs are enough (Smith 2018, https://arxiv.org/abs/1803.09820); flipped and
    shifted images are as many new ones; smoothed labels keep the logits small (Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567); weight decay is decoupled from the gradient (Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101).

    Args:
        model: Gives logits for images of the data set.
        data: As from `load_dataset`.
        n_epochs: Epochs, at least 1.
        batch_size: Images a step; the last, smaller batch of an epoch is left out.
        max_lr: The largest rate of the cycle.
        weight_decay: As in AdamW.
        use_muon: Whether Muon trains the convolutions; if not, AdamW trains them too.
        label_smoothing: The share of a label that is spread over all classes, in [0, 1).
        flip: Whether images are mirrored at random. Not for images whose left and right matter, such as digits.
        max_shift: By how many pixels images are shifted, at most.
        part: What the history measures after each epoch.
        seed: Of the batches and their changes; the weights of the model are there already.
        device: Where to train.
        callbacks: What else shall happen while it trains.

    Returns:
        The history; its last accuracy is the one to look at, the earlier ones are from larger rates.
    """
    shift = random_shift(max_shift)
    augment = chain(random_horizontal_flip, shift) if flip else shift
    batches = TensorLoader(
        *data.train, batch_size, shuffle=True, seed=seed, augment=augment, drop_last=True, device=device
    )
    inputs, targets = getattr(data, part)
    optimizer = _recipe_optimizer(model, max_lr, weight_decay, use_muon)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, total_steps=n_epochs * len(batches), cycle_momentum=False
    )
    return train_model(
        model.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue] (quicker convolutions)
        optimizer,
        batches,
        n_epochs,
        nn.CrossEntropyLoss(label_smoothing=label_smoothing),
        device,
        val_dataloader=TensorLoader(inputs, targets, 500, device=device),
        scheduler=EachBatch(cycle),
        callbacks=callbacks,
        progress=False,
    )


def _recipe_optimizer(model: nn.Module, lr: float, weight_decay: float, use_muon: bool) -> torch.optim.Optimizer:
    convolutions = [parameter for parameter in model.parameters() if parameter.ndim == 4]
    if not (use_muon and convolutions):
        return torch.optim.AdamW(model.parameters(), lr, weight_decay=weight_decay)
    others = [parameter for parameter in model.parameters() if parameter.ndim != 4]
    return MultiOptimizer(
        Muon(convolutions, lr, weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr, weight_decay=weight_decay),
    )
