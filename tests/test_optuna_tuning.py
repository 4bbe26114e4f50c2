"""Studies that are stopped, killed, shared and fed with objectives that fail; the two objectives of the lesson."""

import dataclasses
import functools
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path
from typing import Any, cast

import optuna
import psutil
import pytest
import torch
from optuna.distributions import FloatDistribution
from optuna.samplers import GridSampler, PartialFixedSampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, TrialState
from support import free_port
from torch import nn

from helper_utils import load_dataset, set_seed
from helper_utils.base.callbacks import TrainingRun
from helper_utils.base.history import History
from helper_utils.flexible_cnn import FlexibleCNN, train_with_recipe
from helper_utils.optuna_tuning import FlexibleCNNObjective, FullyConnectedObjective, run_study
from helper_utils.optuna_tuning.objectives import ReportToTrial

FILES = ["trials.journal", "trials.db"]
run_quietly = functools.partial(run_study, progress=False)


def parabola(trial: optuna.Trial) -> float:
    x, y = (trial.suggest_float(name, -1, 1) for name in "xy")
    return -((x - 0.3) ** 2) - y**2


def params(study: optuna.Study) -> list[dict]:
    return [trial.params for trial in study.trials]


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


@pytest.fixture(autouse=True)
def _errors_of_optuna_only():
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


# -------------------------------------------------------------------------------------------------- one process


@pytest.mark.parametrize("sampler", [None, RandomSampler, functools.partial(TPESampler, n_startup_trials=3)])
def test_the_same_seed_gives_the_same_trials_and_another_seed_others(sampler):
    first, second, other = (params(run_quietly(parabola, n_trials=15, sampler=sampler, seed=s)) for s in (0, 0, 1))
    assert first == second
    assert first[0] != other[0]


def test_by_default_the_best_value_is_the_largest():
    study = run_quietly(parabola, n_trials=40)
    assert study.best_value == max(trial.value for trial in study.trials if trial.value is not None) > -0.1
    assert study.study_name == "study"


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("sampler", [None, RandomSampler])
def test_a_study_that_goes_on_is_the_one_that_was_not_stopped(tmp_path, file, sampler):
    path = tmp_path / "folder with a space" / file
    run_quietly(parabola, n_trials=6, storage=path, sampler=sampler, seed=3)
    resumed = run_quietly(parabola, n_trials=15, storage=str(path), sampler=sampler, seed=3)
    assert params(resumed) == params(run_quietly(parabola, n_trials=15, sampler=sampler, seed=3))


def test_a_sampler_object_does_not_repeat_itself_in_a_resumed_study(tmp_path):
    for n_trials in (5, 10):
        study = run_quietly(parabola, n_trials=n_trials, storage=tmp_path / "a.log", sampler=RandomSampler(seed=0))
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 10


def test_a_finished_study_runs_nothing_more(tmp_path):
    run_quietly(parabola, n_trials=4, storage=tmp_path / "a.journal")
    study = run_quietly(lambda _: pytest.fail("called"), n_trials=3, storage=tmp_path / "a.journal")
    assert len(study.trials) == 4


def test_studies_of_other_names_share_a_file(tmp_path):
    for name, n_trials in (("a/b", 2), ("c", 3)):
        study = run_quietly(parabola, n_trials=n_trials, storage=tmp_path / "a.db", study_name=name)
        assert len(study.trials) == n_trials


def test_trials_that_fail_are_recorded_with_their_reason_and_the_study_goes_on():
    def objective(trial):
        parabola(trial)
        if trial.number == 1:
            raise ValueError("too many layers")
        if trial.number == 2:
            raise MemoryError
        if trial.number == 3:
            raise optuna.TrialPruned
        return float("nan") if trial.number == 4 else 1.0

    study = run_quietly(objective, n_trials=7)
    assert states(study) == ["COMPLETE", "FAIL", "FAIL", "PRUNED", "FAIL", "COMPLETE", "COMPLETE"]
    assert [trial.user_attrs.get("error") for trial in study.trials[:5]] == [
        None,
        "ValueError: too many layers",
        "MemoryError: ",
        None,
        "FloatingPointError: the objective returned nan",
    ]


def test_a_study_says_in_one_line_what_is_in_it():
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        if trial.number == 1:
            raise RuntimeError
        if trial.number == 2:
            raise optuna.TrialPruned
        return 0.5 + 0.0 * x

    assert repr(run_study(objective, n_trials=4, progress=False)) == (
        "Study(4 trials: 2 complete, 1 fail, 1 pruned; over x; maximize; best 0.5)"
    )
    two = run_study(lambda _: (1.0, 2.0), n_trials=1, directions=["maximize", "minimize"], progress=False)
    assert repr(two) == "Study(1 trial: 1 complete; maximize and minimize)"
    assert repr(run_study(objective, n_trials=0, progress=False)) == "Study(0 trials; maximize)"


def test_a_study_whose_every_trial_fails_comes_to_an_end():
    def objective(_trial):
        raise RuntimeError("always")

    assert states(run_quietly(objective, n_trials=3)) == ["FAIL"] * 3


@pytest.mark.parametrize(
    ("value", "directions", "error"),
    [
        ((0.5, 0.5), ("maximize",), "ValueError: the objective returned 2 value(s), the study has 1 direction(s)"),
        (0.5, ("maximize", "minimize"), "ValueError: the objective returned 1 value(s), the study has 2 direction(s)"),
        ((), ("maximize",), "ValueError: the objective returned 0 value(s)"),
        (None, ("maximize",), "TypeError: "),
        ("good", ("maximize",), "TypeError: "),
        ((0.5, None), ("maximize", "minimize"), "TypeError: "),
    ],
)
def test_a_study_whose_objective_returns_something_else_comes_to_an_end(value, directions, error):
    study = run_quietly(lambda _: value, n_trials=2, directions=directions, timeout=60)
    assert states(study) == ["FAIL"] * 2
    assert study.trials[1].user_attrs["error"].startswith(error)


def on_a_grid(trial: optuna.Trial) -> float:
    return trial.suggest_int("a", 0, 3) + trial.suggest_int("b", 0, 2)


@pytest.mark.parametrize("n_trials", [[12], [5, 12]])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_grid_given_as_a_function_visits_each_point_once(tmp_path, n_trials, seed):
    sampler = functools.partial(GridSampler, {"a": [0, 1, 2, 3], "b": [0, 1, 2]})
    studies = [
        run_quietly(on_a_grid, n_trials=n, sampler=sampler, seed=seed, storage=tmp_path / "a.journal") for n in n_trials
    ]
    assert len({tuple(trial.params.values()) for trial in studies[-1].trials}) == 12


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("fixed", [False, True])
def test_quasi_random_points_given_as_a_function_fill_each_cell_once(fixed):
    def sampler(seed: int) -> optuna.samplers.BaseSampler:
        points = QMCSampler(scramble=True, seed=seed)
        return PartialFixedSampler({"y": 0.5}, points) if fixed else points

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + (trial.suggest_float("y", 0, 1) if fixed else 0)

    cells = []
    for seed in (0, 1):
        study = run_quietly(objective, n_trials=17, sampler=sampler, seed=seed)  # the first one is drawn at random
        cells.append([int(trial.params["x"] * 16) for trial in study.trials[1:]])
        assert sorted(cells[-1]) == list(range(16))
    assert cells[0] != cells[1]


def test_what_is_no_sampler_is_named():
    with pytest.raises(TypeError, match="a function of seed=, not str"):
        run_quietly(parabola, n_trials=1, sampler="random")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must return a sampler of Optuna, not int"):
        run_quietly(parabola, n_trials=1, sampler=lambda seed: seed)  # type: ignore[arg-type]


def test_an_interrupted_trial_does_not_count(tmp_path):
    def objective(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return parabola(trial)

    with pytest.raises(KeyboardInterrupt):
        run_quietly(objective, n_trials=4, storage=tmp_path / "a.journal")
    study = run_quietly(objective, n_trials=4, storage=tmp_path / "a.journal")
    assert states(study) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    finished = [trial.params for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert finished == params(run_quietly(parabola, n_trials=4))


def test_a_grid_that_is_used_up_ends_the_study():
    study = run_quietly(
        lambda trial: trial.suggest_int("n", 0, 5), n_trials=100, sampler=GridSampler({"n": [0, 2, 5]}, seed=0)
    )
    assert sorted(trial.params["n"] for trial in study.trials) == [0, 2, 5]


def test_the_objective_can_stop_the_study():
    def objective(trial):
        if trial.number == 2:
            trial.study.stop()
        return 1.0

    assert len(run_quietly(objective, n_trials=10).trials) == 3


def test_after_the_timeout_no_trial_is_begun():
    assert run_quietly(parabola, n_trials=10, timeout=0).trials == []


def test_two_values_in_two_directions():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x, x**2

    study = run_quietly(objective, n_trials=10, directions=("maximize", "minimize"))
    assert len(study.best_trials) == 10  # each is better than the others in one of the two


def test_a_known_good_point_is_tried_first_and_a_storage_of_optuna_is_used_as_it_is():
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name="study", direction="maximize").enqueue_trial({"x": 0.3, "y": 0.0})
    study = run_quietly(parabola, n_trials=5, storage=storage)
    assert (study.trials[0].params, study.best_value) == ({"x": 0.3, "y": 0.0}, 0)


def test_the_pruner_is_asked():
    def objective(trial):
        for step in range(10):
            trial.report(-trial.number, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return -trial.number

    study = run_quietly(objective, n_trials=4, pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    assert states(study) == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]


def test_the_progress_bar_shows_all_and_the_best(capsys):
    study = run_study(parabola, n_trials=5)
    assert "5/5" in (bar := capsys.readouterr().err)
    assert f"best={study.best_value:.4g}" in bar


def test_verbosity_and_warnings_are_as_before():
    optuna.logging.set_verbosity(optuna.logging.INFO)
    run_quietly(parabola, n_trials=1)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_trials": -1}, "n_trials must be at least 0, not -1"),
        ({"n_workers": 0}, "n_workers must be at least 1, not 0"),
        ({"timeout": -1}, "timeout must be at least 0 seconds, not -1"),
        ({"directions": ()}, "directions must be a list"),
        ({"directions": "maximize"}, "directions must be a list of .*, not 'maximize'"),
        ({"directions": ["up"]}, "not \\['up'\\]"),
        ({"storage": "trials.txt"}, "storage is 'trials.txt': expected a file that ends in .log"),
        ({"storage": InMemoryStorage(), "n_workers": 2}, "2 workers cannot share an InMemoryStorage"),
    ],
)
def test_bad_arguments_are_named(changed, message):
    with pytest.raises(ValueError, match=message):
        run_quietly(parabola, **{"n_trials": 1, **changed})


def test_a_storage_of_another_type_is_named():
    with pytest.raises(TypeError, match="storage must be a path, a URL, a storage of Optuna or None, not int"):
        run_quietly(parabola, n_trials=1, storage=cast(Any, 3))


def test_other_directions_than_the_stored_ones_are_an_error(tmp_path):
    run_quietly(parabola, n_trials=1, storage=tmp_path / "a.journal")
    with pytest.raises(ValueError, match=r"has the directions \['maximize'\], not \['minimize'\]"):
        run_quietly(parabola, n_trials=2, storage=tmp_path / "a.journal", directions=["minimize"])


# ---------------------------------------------------------------------------------------------- killed processes

N_FINISHED = 4
SCRIPT = f"""
import sys, time
from pathlib import Path
from helper_utils.optuna_tuning import run_study

N_FINISHED = {N_FINISHED}

def objective(trial):
    Path(sys.argv[1]).with_suffix(".begun").touch()
    x = trial.suggest_float("x", 0, 1)
    while trial.number >= N_FINISHED:  # goes on until it is killed
        time.sleep(0.1)
    return x

if __name__ == "__main__":
    run_study(objective, n_trials=1000, storage=sys.argv[1], n_workers=int(sys.argv[2]), progress=False)
"""


def count(state: TrialState, storage, name: str = "study") -> int:
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return 0
    return sum(trial.state == state for trial in study.trials)


def n_complete(storage, name: str = "study") -> int:
    return count(TrialState.COMPLETE, storage, name)


def wait_for(condition, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.1)


def start(tmp_path: Path, storage: Path, n_workers: int) -> subprocess.Popen:
    """Start a study; its storage is complete when this returns: two processes may not make the tables of one file."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, script, storage, str(n_workers)], start_new_session=True)
    wait_for(lambda: storage.with_suffix(".begun").exists() or process.poll() is not None)
    assert process.poll() is None, "the study ended before its first trial"
    return process


def open_file(path: Path):
    if path.suffix == ".db":
        return RDBStorage(f"sqlite:///{path}")
    backend = JournalFileBackend(str(path))
    return optuna.storages.JournalStorage(backend)


def quick(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_killed_study_goes_on_and_loses_nothing_that_was_finished(tmp_path, file, n_workers):
    path = tmp_path / file
    process = start(tmp_path, path, n_workers)
    wait_for(lambda: n_complete(open_file(path)) == N_FINISHED)
    wait_for(lambda: count(TrialState.RUNNING, open_file(path)) == n_workers)
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(
        lambda: not any(psutil.pid_exists(p.pid) and psutil.Process(p.pid).status() != "zombie" for p in family[1:])
    )
    before = optuna.load_study(study_name="study", storage=open_file(path)).trials
    running = [trial.number for trial in before if trial.state == TrialState.RUNNING]
    finished = {trial.number: trial for trial in before if trial.state == TrialState.COMPLETE}
    assert (len(running), len(finished)) == (n_workers, N_FINISHED)

    study = run_quietly(quick, n_trials=len(finished) + 4, storage=path)
    assert [study.trials[number].state.name for number in running] == ["FAIL"] * len(running)
    assert all(study.trials[number] == trial for number, trial in finished.items())
    assert n_complete(open_file(path)) == len(finished) + 4
    if n_workers == 1:  # the lost trial was tried again, and all is as if nothing had happened
        undisturbed = run_quietly(quick, n_trials=len(finished) + 4)
        assert [t.params for t in study.trials if t.state == TrialState.COMPLETE] == params(undisturbed)


@pytest.mark.slow
def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path):
    process = start(tmp_path, path := tmp_path / "a.journal", 1)
    try:
        wait_for(lambda: n_complete(open_file(path)) >= 1)
        with pytest.raises(RuntimeError, match=r"another process runs the study 'study' in .*a.journal"):
            run_quietly(quick, n_trials=2, storage=path)
    finally:
        process.kill()
        process.wait()


def test_a_line_that_was_being_written_is_dropped(tmp_path):
    path = tmp_path / "a.journal"
    run_quietly(parabola, n_trials=3, storage=path)
    with path.open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"')
    study = run_quietly(parabola, n_trials=5, storage=path)
    assert params(study) == params(run_quietly(parabola, n_trials=5))
    assert n_complete(open_file(path)) == 5


# ------------------------------------------------------------------------------------------------ many processes


@pytest.mark.slow
@pytest.mark.parametrize("file", [None, *FILES])
def test_workers_share_a_study_and_run_exactly_what_was_asked_for(tmp_path, file):
    def objective(trial):  # as in a notebook: not importable by its name
        trial.set_user_attr("process", os.getpid())
        x = trial.suggest_float("x", 0, 1)
        time.sleep(0.1)
        if trial.number == 3:
            raise ValueError("one fails")
        return x

    storage = tmp_path / file if file else None
    study = run_quietly(objective, n_trials=20, n_workers=2, storage=storage, sampler=RandomSampler, seed=0)
    counted = [t for t in study.trials if t.state == TrialState.COMPLETE or "error" in t.user_attrs]
    assert len(counted) == 20
    assert sum("error" in trial.user_attrs for trial in study.trials) == 1
    assert len({trial.user_attrs["process"] for trial in counted}) == 2
    assert os.getpid() not in {trial.user_attrs["process"] for trial in counted}
    assert len({trial.params["x"] for trial in counted}) == 20


def find_postgres() -> Path | None:
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # where Debian has it
    return found[-1].parent if found else None


@pytest.fixture
def postgres():
    """The URL of a database server of our own, which ends with the test."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    binaries = find_postgres()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path("/tmp") / f"postgres-{uuid.uuid4().hex[:8]}"  # noqa: S108 - a short path, for its socket
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            shutil.chown(folder, "postgres", "postgres")
        except OSError:
            folder.rmdir()
            pytest.skip("PostgreSQL refuses to run as root, and there is no other user here (unshare -r)")
    port = free_port()
    run_as = {}
    if os.geteuid() == 0:
        run_as = {"user": "postgres", "group": "postgres", "extra_groups": []}
    run = functools.partial(subprocess.run, check=True, capture_output=True, cwd=folder, **run_as)
    data, options = folder / "data", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run([binaries / "initdb", "-D", data, "-A", "trust", "-U", "course"])
    server = [binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options]
    run([*server, "start"])
    try:
        yield f"postgresql+psycopg://course@127.0.0.1:{port}/postgres"
    finally:
        run([*server, "-m", "immediate", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_workers_on_a_database_server_share_a_study_and_notice_one_that_died(postgres, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(
        textwrap.dedent("""
        import sys, time
        from optuna.storages import RDBStorage
        from helper_utils.optuna_tuning import run_study

        def objective(trial):
            x = trial.suggest_float("x", 0, 1)
            trial.set_user_attr("worker", sys.argv[2])
            time.sleep(1000 if sys.argv[2] == "hangs" else 0.2)
            return x

        storage = RDBStorage(sys.argv[1], heartbeat_interval=1, grace_period=10)
        run_study(objective, n_trials=12, storage=storage, progress=False)
        """)
    )
    command = [sys.executable, script, postgres]
    storage = RDBStorage(postgres)
    optuna.create_study(storage=storage, study_name="study", direction="maximize")  # makes the tables
    hangs = subprocess.Popen([*command, "hangs"])
    wait_for(lambda: len(optuna.load_study(study_name="study", storage=storage).trials) == 1)
    workers = [subprocess.Popen([*command, name]) for name in ("first", "second")]
    wait_for(lambda: n_complete(storage) >= 2)
    hangs.kill()
    assert [worker.wait(timeout=300) for worker in (hangs, *workers)] == [-signal.SIGKILL, 0, 0]
    trials = optuna.load_study(study_name="study", storage=storage).trials
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(complete) == 12
    assert {trial.user_attrs["worker"] for trial in complete} == {"first", "second"}
    assert trials[0].state == TrialState.FAIL
    storage.remove_session()
    storage.engine.dispose()


# ------------------------------------------------------------------------------------------------ the objectives

FULLY_CONNECTED = FullyConnectedObjective(dataset="digits", n_epochs=2, n_batches=5, device="cpu")
CNN = FlexibleCNNObjective(
    dataset="digits",
    n_epochs=2,
    n_filters=(4, 8),
    fc_size=(8, 16),
    max_layers=2,
    recipe={"flip": False, "max_shift": 1},
    device="cpu",
)
each_objective = pytest.mark.parametrize("objective", [FULLY_CONNECTED, CNN], ids=["fully connected", "cnn"])


@each_objective
def test_an_objective_is_picklable_and_follows_from_seed_and_number(objective):
    again = pickle.loads(pickle.dumps(objective))  # noqa: S301 - our own
    first, second = (run_quietly(o, n_trials=3, seed=1) for o in (objective, again))
    assert params(first) == params(second)
    assert [t.intermediate_values for t in first.trials] == [t.intermediate_values for t in second.trials]
    assert set(first.trials[0].intermediate_values) == {1, 2}
    fixed = FixedTrial(first.trials[0].params, number=0)
    assert objective(fixed) == first.trials[0].value
    fresh = {objective(FixedTrial(first.trials[0].params, number=number)) for number in range(100, 104)}
    assert len(fresh | {first.trials[0].value}) > 1


@each_objective
def test_the_test_part_is_used_only_when_asked_for(objective):
    point = run_quietly(objective, n_trials=1).trials[0].params
    data = load_dataset("digits", seed=0)
    n_images = {"val": len(data.val.targets), "test": len(data.test.targets)}
    for part, n in n_images.items():
        accuracy = dataclasses.replace(objective, part=part)(FixedTrial(point, number=0))
        assert accuracy * n == pytest.approx(round(accuracy * n), abs=1e-4)


def test_the_spaces_are_the_ones_that_are_told():
    study = run_quietly(FULLY_CONNECTED, n_trials=8, sampler=RandomSampler)
    distributions = {name: d for trial in study.trials for name, d in trial.distributions.items()}
    assert set(distributions) == {
        "n_layers", "optimizer", "lr", *(f"{what}_l{i}" for what in ("n_units", "dropout") for i in range(3))
    }  # fmt: skip
    assert distributions["lr"] == FloatDistribution(1e-5, 1e-1, log=True)
    for trial in study.trials:  # conditional: what a layer has exists only where the layer is
        assert sum(name.startswith("n_units") for name in trial.params) == trial.params["n_layers"]


def test_the_two_objectives_of_a_cnn_are_accuracy_and_size():
    objective = dataclasses.replace(CNN, with_size=True)
    study = run_quietly(objective, n_trials=3, directions=("maximize", "minimize"))
    for trial in study.trials:
        accuracy, size = trial.values
        model = objective.make_model(FixedTrial(trial.params), load_dataset("digits"))
        assert 0 <= accuracy <= 1
        assert size == sum(parameter.numel() for parameter in model.parameters()) * 4 / 1024**2


def test_a_trial_takes_the_reports_of_one_training_only():
    callback, run = ReportToTrial(FixedTrial({})), TrainingRun(nn.Linear(1, 1), None, History(), 1, 1)  # type: ignore[arg-type]
    callback.before_training(run)
    with pytest.raises(ValueError, match="the reports of one training"):
        callback.before_training(run)


def test_a_training_without_validation_data_has_nothing_to_report():
    run = TrainingRun(nn.Linear(1, 1), None, History(), 1, 1)  # type: ignore[arg-type]
    run.history.append(0.5, 0.5, math.nan, math.nan, 0.1, 1.0)
    with pytest.raises(ValueError, match="the trial has no val_accuracy"):
        ReportToTrial(FixedTrial({})).after_epoch(run)


def test_a_trial_is_pruned_after_the_epoch_in_which_it_falls_behind():
    class Cut(optuna.pruners.BasePruner):
        def prune(self, study, trial):  # noqa: ARG002
            return trial.last_step == 1

    study = run_quietly(CNN, n_trials=2, pruner=Cut())
    assert states(study) == ["PRUNED"] * 2
    assert [list(trial.intermediate_values) for trial in study.trials] == [[1], [1]]


@pytest.mark.parametrize("use_muon", [True, False])
def test_the_recipe_learns_and_is_repeatable(use_muon):
    data = load_dataset("digits", seed=0)
    histories = []
    for _ in range(2):
        set_seed(0)
        model = FlexibleCNN(1, [8], [3], 0.1, 32, in_channels=1, image_size=8, batch_norm=True)
        histories.append(train_with_recipe(model, data, 5, flip=False, max_shift=1, use_muon=use_muon, seed=0))
    assert histories[0].val_accuracy == histories[1].val_accuracy
    assert histories[0].val_accuracy[-1] > 0.8
    lrs = torch.tensor(histories[0].lr)
    assert lrs.max() > 5 * lrs[0]
    assert lrs[-1] < lrs.max() / 2


def test_the_recipe_trains_every_parameter_also_of_networks_without_convolutions():
    data = load_dataset("digits", subset_size=64, seed=0)
    networks = [
        FlexibleCNN(2, [4, 4], [3, 3], 0.0, 8, in_channels=1, image_size=8, batch_norm=True),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
    ]
    for network in networks:
        before = [parameter.detach().clone() for parameter in network.parameters()]
        train_with_recipe(network, data, 1, flip=False)
        assert not any(map(torch.equal, before, network.parameters()))


def test_without_the_log_scale_wide_networks_are_as_likely_as_their_numbers():
    data = load_dataset("digits", seed=0)
    shares = {}
    for log_scale in (True, False):
        objective = FlexibleCNNObjective(dataset="digits", max_layers=1, log_scale=log_scale)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        networks = [objective.make_model(study.ask(), data) for _ in range(200)]
        shares[log_scale] = sum(network.settings["n_filters"][0] > 72 for network in networks) / 200
    assert shares[False] == pytest.approx(0.5, abs=0.1)  # of 16 to 128
    assert shares[True] == pytest.approx(0.28, abs=0.1)
