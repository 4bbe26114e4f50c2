"""The recorded learning curves: the shipped table, and studies that replay it."""

import functools
import itertools
import math
import pickle

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial, TrialState

from helper_utils.base.seeds import spawn_seeds
from helper_utils.optuna_tuning import run_study
from helper_utils.optuna_tuning.recorded_curves import (
    GRID,
    N_EPOCHS,
    N_RUNS,
    TABLE,
    RecordedCurves,
    ReplayedObjective,
    load_images,
    make_network,
    n_parameters,
    train_point,
)

run_quietly = functools.partial(run_study, progress=False, sampler=RandomSampler)
POINT = {"optimizer": "Adam", "n_layers": 1, "n_units": 32, "dropout": 0.2, "batch_size": 32, "lr": 1e-2}


@pytest.fixture(scope="module")
def curves() -> RecordedCurves:
    return RecordedCurves.load()


def points():
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


# ----------------------------------------------------------------------------------------------------- the table


def test_the_shipped_table_is_small_complete_and_says_how_it_was_made(curves):
    assert TABLE.stat().st_size <= 150_000
    assert curves.val_accuracies.shape == (*map(len, GRID.values()), N_RUNS, N_EPOCHS)
    assert curves.val_losses.shape == curves.test_accuracies.shape == curves.val_accuracies.shape[:-1]
    for accuracies in (curves.val_accuracies, curves.test_accuracies):
        assert accuracies.min() >= 0
        assert accuracies.max() <= 1
    assert np.isfinite(curves.val_losses).all()
    assert "benchmarks/record_curves.py" in curves.made_by
    assert curves.n_points == len(points())


def test_the_counts_are_of_the_parts_that_are_told(curves):
    data = load_images()
    for accuracies, part in ((curves.val_accuracies, data.val), (curves.test_accuracies, data.test)):
        counts = accuracies * len(part.targets)
        np.testing.assert_allclose(counts, counts.round(), atol=1e-6)


def test_the_runs_of_a_point_differ_less_than_the_points(curves):
    finals = curves.val_accuracies[..., -1]
    assert finals.std(axis=-1).mean() < 0.3 * finals.mean(axis=-1).std()
    assert (finals.std(axis=-1) > 0).mean() > 0.5


def test_a_point_that_is_trained_again_has_the_recorded_accuracy(curves):
    place = curves.index(POINT)
    number = np.ravel_multi_index(place[:-1], curves.val_accuracies.shape[:5])  # the points are seeded in their order
    seeds = spawn_seeds(int(number), N_RUNS)
    runs = train_point(POINT, load_images(), lrs=GRID["lr"], seeds=seeds)  # all rates, or dropout draws other numbers
    again = runs.val_accuracies[place[-1]].numpy()
    np.testing.assert_allclose(again[:, 0], curves.val_accuracies[place][:, 0], atol=0.02)
    np.testing.assert_allclose(again, curves.val_accuracies[place], atol=0.05)


def test_a_table_of_another_grid_is_refused(tmp_path):
    path = tmp_path / "table.npz"
    np.savez_compressed(
        path, val_correct=np.zeros((2, 3)), val_loss=0, test_correct=0, n_val=1, n_test=1, made_by="nobody"
    )
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        RecordedCurves.load(path)


# ------------------------------------------------------------------------------------------------------ its index


def test_every_point_is_its_own_nearest(curves):
    indices = [curves.index(point) for point in points()]
    assert indices == list(np.ndindex(curves.val_accuracies.shape[:6]))


def test_rates_and_widths_are_rounded_on_a_log_scale(curves):
    axis = list(GRID)
    for lr, expected in ((1.7e-3, 1e-3), (1.8e-3, 10**-2.5), (1e-9, 1e-5), (7, 1)):
        assert GRID["lr"][curves.index(POINT | {"lr": lr})[axis.index("lr")]] == pytest.approx(expected)
    for n_units, expected in ((22, 16), (23, 32)):  # 22.6 is half-way; on a linear scale 24 is
        assert GRID["n_units"][curves.index(POINT | {"n_units": n_units})[axis.index("n_units")]] == expected
    assert GRID["dropout"][curves.index(POINT | {"dropout": 0.31})[axis.index("dropout")]] == 0.4


def test_many_choices_at_once(curves):
    chosen = [points()[i] for i in (0, 5, 700, -1)]
    columns = {name: np.array([point[name] for point in chosen]) for name in GRID}
    at_once = np.stack(curves.index(columns), axis=1)
    assert at_once.tolist() == [list(curves.index(point)) for point in chosen]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "Lion"}, r"optimizer must be one of \('SGD', 'Adam'\), not 'Lion'"),
        ({"batch_size": 64}, "batch_size must be one of"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"lr": math.nan}, "lr must be a number"),
        ({"dropout": "much"}, "dropout must be a number from 0 to 0.6"),
        ({"momentum": 0.9}, "must have the hyperparameters"),
    ],
)
def test_a_bad_choice_is_named(curves, change, message):
    with pytest.raises(ValueError, match=message):
        curves.index(POINT | change)


# --------------------------------------------------------------------------------------------------- the replay


def test_a_trial_sees_a_recorded_run_of_its_nearest_point(curves):
    objective = curves.objective(seed=1)
    for trial in run_quietly(objective, n_trials=20, pruner=NopPruner()).trials:
        recorded = curves.val_accuracies[curves.index(trial.params)][objective.run_of(trial.number)]
        assert list(trial.intermediate_values) == list(range(1, N_EPOCHS + 1))
        assert list(trial.intermediate_values.values()) == recorded.tolist()
        assert trial.value == recorded[-1]
    assert objective.n_epochs_used == 20 * N_EPOCHS


def test_the_run_follows_from_seed_and_number_and_all_are_used(curves):
    first, again, other = (curves.objective(seed=seed) for seed in (0, 0, 1))
    runs = [first.run_of(number) for number in range(200)]
    assert runs == [again.run_of(number) for number in range(200)]
    assert runs != [other.run_of(number) for number in range(200)]
    assert min(np.bincount(runs, minlength=N_RUNS)) > 30


def test_the_epochs_of_pruned_trials_count_as_far_as_they_went(curves):
    objective = curves.objective()
    study = run_quietly(objective, n_trials=40, pruner=MedianPruner())
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert pruned
    assert objective.n_epochs_used == sum(len(trial.intermediate_values) for trial in study.trials) < 40 * N_EPOCHS


def test_the_error_is_the_complement_of_the_accuracy_and_the_loss_is_its_own(curves):
    trial = FixedTrial(POINT, number=3)
    accuracy = curves.objective()(trial)
    assert curves.objective(metric="error")(trial) == pytest.approx(1 - accuracy)
    place = (*curves.index(POINT), curves.objective().run_of(3))
    assert curves.objective(metric="log_loss")(trial) == curves.val_losses[place]


def test_fixed_hyperparameters_are_not_searched(curves):
    fixed = {"optimizer": "SGD", "n_layers": 2, "batch_size": 8}
    objective = curves.objective(fixed=fixed)
    study = run_quietly(objective, n_trials=5, pruner=NopPruner())
    assert set(study.best_params) == set(GRID) - set(fixed)
    recorded = curves.val_accuracies[curves.index({**study.best_params, **fixed})][..., -1]
    assert study.best_value in recorded
    assert len(objective.fresh(study.best_trial)) == N_RUNS - 1


def test_two_objectives_are_accuracy_and_size(curves):
    study = run_quietly(curves.objective(with_size=True), n_trials=10, directions=("maximize", "minimize"))
    for trial in study.trials:
        assert trial.values[1] == n_parameters(trial.params)
        assert trial.values[0] in curves.val_accuracies[curves.index(trial.params)][:, -1]


def test_the_number_of_parameters_is_that_of_the_network():
    for n_layers, n_units in itertools.product(GRID["n_layers"], GRID["n_units"]):
        network = make_network(n_layers, n_units, 0.1)
        expected = sum(parameter.numel() for parameter in network.parameters())
        assert n_parameters({"n_layers": n_layers, "n_units": n_units}) == expected
    assert n_parameters({"n_layers": 1, "n_units": 35}) == n_parameters({"n_layers": 1, "n_units": 32})


@pytest.mark.parametrize("part", ["val", "test"])
def test_fresh_runs_are_the_ones_that_the_trial_did_not_see(curves, part):
    objective = curves.objective(seed=2)
    trial = run_quietly(objective, n_trials=8, pruner=NopPruner()).best_trial
    place, seen = curves.index(trial.params), objective.run_of(trial.number)
    recorded = curves.test_accuracies[place] if part == "test" else curves.val_accuracies[place][:, -1]
    assert objective.fresh(trial, part).tolist() == [value for run, value in enumerate(recorded) if run != seen]


def test_an_objective_is_picklable(curves):
    objective = pickle.loads(pickle.dumps(curves.objective(seed=5)))  # noqa: S301 - our own
    assert objective(FixedTrial(POINT, number=1)) == curves.objective(seed=5)(FixedTrial(POINT, number=1))


def test_bad_settings_are_named(curves):
    with pytest.raises(ValueError, match="metric must be 'accuracy', 'error' or 'log_loss', not 'f1'"):
        curves.objective(metric="f1")
    with pytest.raises(ValueError, match="fixed may have"):
        ReplayedObjective(curves, fixed={"momentum": 0.9})
    with pytest.raises(ValueError, match="one of"):
        curves.objective(fixed={"optimizer": "Lion"})(FixedTrial(POINT))


def test_the_table_names_its_axes(curves):
    axes = "2 optimizer x 2 n_layers x 6 n_units x 4 dropout x 3 batch_size x 11 lr"
    assert repr(curves) == f"RecordedCurves({axes}; 4 runs, 10 epochs)"


def test_searches_are_reproducible(curves):
    first, second = (run_quietly(curves.objective(), n_trials=12, seed=4) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]
    assert isinstance(first.best_trial, optuna.trial.FrozenTrial)
