"""Splits against scikit-learn and by their laws, cross-validation against plain loops, errors against their formula."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import helper_utils as hu
from helper_utils import validation
from helper_utils.data.datasets import Part
from helper_utils.validation import experiments, plots, splits

classes = st.lists(st.integers(0, 3), min_size=10, max_size=60)
group_lists = st.lists(st.integers(0, 12), min_size=5, max_size=60)
seeds = st.integers(0, 2**20)


def assert_same_folds(ours: Any, reference: Any) -> None:
    reference = list(reference)
    assert len(ours) == len(reference)
    for (train, val), (other_train, other_val) in zip(ours, reference, strict=True):
        assert train.tolist() == other_train.tolist()
        assert val.tolist() == other_val.tolist()


def assert_partition(folds: splits.Folds, n_examples: int) -> None:
    """Each example is validated once, and in each fold it is on one side."""
    assert sorted(i for _, val in folds for i in val.tolist()) == list(range(n_examples))
    for train, val in folds:
        assert sorted([*train.tolist(), *val.tolist()]) == list(range(n_examples))
        assert train.tolist() == sorted(train.tolist())


# ------------------------------------------------------------------------------------------------ folds: the library's


@pytest.mark.parametrize("n_splits", [2, 3, 5, 7])
@pytest.mark.parametrize("n_examples", [7, 10, 23, 100])
def test_unshuffled_folds_are_scikit_learns(n_examples: int, n_splits: int) -> None:
    assert_same_folds(validation.k_fold(n_examples, n_splits), KFold(n_splits).split(np.zeros(n_examples)))


@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize(("n_examples", "n_splits"), [(12, 2), (20, 3), (23, 5), (100, 7)])
def test_splits_in_time_are_scikit_learns(n_examples: int, n_splits: int, gap: int) -> None:
    if n_examples - gap - n_splits * (n_examples // (n_splits + 1)) <= 0:
        pytest.skip("scikit-learn refuses it too")
    reference = TimeSeriesSplit(n_splits, gap=gap).split(np.zeros(n_examples))
    assert_same_folds(validation.time_series_split(n_examples, n_splits, gap=gap), reference)


def test_leave_one_out_is_scikit_learns() -> None:
    assert_same_folds(validation.leave_one_out(6), LeaveOneOut().split(np.zeros(6)))


@pytest.mark.parametrize("n_splits", [2, 3, 5])
def test_group_folds_are_as_even_as_scikit_learns(n_splits: int) -> None:
    groups = np.random.default_rng(n_splits).integers(0, 15, size=80)
    ours = sorted(len(val) for _, val in validation.group_k_fold(groups, n_splits))
    reference = sorted(len(val) for _, val in GroupKFold(n_splits).split(groups, groups=groups))
    assert ours == reference


def test_scikit_learn_takes_our_folds() -> None:
    inputs, targets = (values.numpy() for values in experiments.draw_blobs(60, 3, distance=2.0, seed=0))
    model = KNeighborsClassifier(1)
    folds = validation.stratified_k_fold(targets, 4)
    expected = [model.fit(inputs[t], targets[t]).score(inputs[v], targets[v]) for t, v in folds]
    assert cross_val_score(model, inputs, targets, cv=folds).tolist() == expected


# ----------------------------------------------------------------------------------------------------- folds: the laws


@given(n_examples=st.integers(2, 80), n_splits=st.integers(2, 10), shuffle=st.booleans(), seed=seeds)
def test_k_fold_validates_each_example_once_in_even_folds(
    n_examples: int, n_splits: int, shuffle: bool, seed: int
) -> None:
    if n_splits > n_examples:
        return
    folds = validation.k_fold(n_examples, n_splits, shuffle=shuffle, seed=seed)
    assert_partition(folds, n_examples)
    sizes = [len(val) for _, val in folds]
    assert max(sizes) - min(sizes) <= 1


def test_the_seed_decides_a_shuffle() -> None:
    first, again, other = (validation.k_fold(40, 4, shuffle=True, seed=seed) for seed in (1, 1, 2))
    assert_same_folds(first, again)
    assert first[0][1].tolist() != other[0][1].tolist()


def test_repeated_folds_are_shuffled_anew() -> None:
    folds = validation.repeated_k_fold(30, 3, n_repeats=4, seed=0)
    assert len(folds) == 12
    for repeat in range(4):
        assert_partition(folds[3 * repeat : 3 * repeat + 3], 30)
    assert len({tuple(val.tolist()) for _, val in folds}) == 12


@given(targets=classes, n_splits=st.integers(2, 4), seed=seeds)
def test_stratified_folds_are_even_in_each_class(targets: list[int], n_splits: int, seed: int) -> None:
    if min(Counter(targets).values()) < n_splits:
        with pytest.raises(ValueError, match=f"fewer than the {n_splits} folds"):
            validation.stratified_k_fold(targets, n_splits, seed=seed)
        return
    folds = validation.stratified_k_fold(targets, n_splits, seed=seed)
    assert_partition(folds, len(targets))
    sizes = [len(val) for _, val in folds]
    assert max(sizes) - min(sizes) <= 1
    for label, count in Counter(targets).items():
        for _, val in folds:
            assert abs(sum(targets[i] == label for i in val) - count / n_splits) < 1


@given(groups=group_lists, n_splits=st.integers(2, 5))
def test_no_group_is_on_both_sides(groups: list[int], n_splits: int) -> None:
    if len(set(groups)) < n_splits:
        with pytest.raises(ValueError, match=f"{len(set(groups))} groups, fewer than the {n_splits} folds"):
            validation.group_k_fold(groups, n_splits)
        return
    folds = validation.group_k_fold(groups, n_splits)
    assert_partition(folds, len(groups))
    for train, val in folds:
        assert not {groups[i] for i in train} & {groups[i] for i in val}
    sizes = [len(val) for _, val in folds]
    assert max(sizes) - min(sizes) <= max(Counter(groups).values())


@given(n_examples=st.integers(3, 80), n_splits=st.integers(2, 8), gap=st.integers(0, 3))
def test_time_never_runs_backwards(n_examples: int, n_splits: int, gap: int) -> None:
    try:
        folds = validation.time_series_split(n_examples, n_splits, gap=gap)
    except ValueError:
        assert n_examples < n_splits + 1 or n_examples - n_splits * (n_examples // (n_splits + 1)) <= gap
        return
    for train, val in folds:
        assert len(val) == n_examples // (n_splits + 1)
        assert train.max() + gap + 1 == val.min()
    assert folds[-1][1].max() == n_examples - 1


# --------------------------------------------------------------------------------------------------------- three sets


@settings(max_examples=200)
@given(targets=classes, val=st.sampled_from([0.0, 0.1, 0.2, 0.3]), test=st.sampled_from([0.1, 0.25, 0.4]), seed=seeds)
def test_each_class_gets_its_share_to_within_one(targets: list[int], val: float, test: float, seed: int) -> None:
    try:
        parts = validation.train_val_test_split(targets, val=val, test=test, seed=seed)
    except ValueError as error:
        assert "would be empty" in str(error)  # noqa: PT017 - which of the two it is decides the test
        assert min(1 - val - test, test, val or 1) * len(targets) < 4
        return
    assert sorted(i for part in parts for i in part.tolist()) == list(range(len(targets)))
    for share, part in zip((1 - val - test, val, test), parts, strict=True):
        assert part.tolist() == sorted(part.tolist())
        for label, count in Counter(targets).items():
            assert abs(sum(targets[i] == label for i in part) - share * count) < 1 + 1e-6


def test_the_sizes_are_the_shares_where_many_classes_are_small() -> None:
    targets = np.repeat(np.arange(10), 4)  # a tenth of each class is less than one example
    sizes = [len(part) for part in validation.train_val_test_split(targets, val=0.1, test=0.1, seed=3)]
    assert sizes == [32, 4, 4]


def test_tensors_and_texts_are_classes_too() -> None:
    of_list = validation.train_val_test_split([0, 1] * 20, seed=4)
    of_tensor = validation.train_val_test_split(torch.tensor([0, 1] * 20), seed=4)
    of_texts = validation.train_val_test_split(["cat", "dog"] * 20, seed=4)
    for a, b, c in zip(of_list, of_tensor, of_texts, strict=True):
        assert a.tolist() == b.tolist() == c.tolist()


@given(groups=group_lists, seed=seeds)
def test_a_group_is_in_one_of_three_sets(groups: list[int], seed: int) -> None:
    if len(set(groups)) < 3:
        return
    parts = validation.train_val_test_split([0] * len(groups), groups=groups, seed=seed)
    members = [{groups[i] for i in part} for part in parts]
    assert all(members)
    assert sum(map(len, members)) == len(set(groups))


def test_the_shares_hold_for_many_small_groups() -> None:
    groups = np.arange(600) // 3
    sizes = [len(p) for p in validation.train_val_test_split(groups * 0, val=0.2, test=0.3, groups=groups, seed=0)]
    assert sizes == pytest.approx([300, 120, 180], abs=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val": 0.5, "test": 0.5}, "less than 1, not 0.5 and 0.5"),
        ({"val": -0.1}, "at least 0 .* not -0.1"),
        ({"val": math.nan}, "not nan"),
        ({"groups": [1, 2, 3]}, "10 targets and 3 groups"),
        ({"groups": [1] * 10}, "too few groups"),
        ({"val": 0.01}, "validation set would be empty: there are too few examples"),
    ],
)
def test_bad_shares_and_groups_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validation.train_val_test_split([0, 1] * 5, **options)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (lambda: validation.k_fold(3, 5), "3 examples, fewer than the 5 folds"),
        (lambda: validation.k_fold(10, 2.5), "n_splits must be a whole number, not 2.5"),  # type: ignore[arg-type]
        (lambda: validation.time_series_split(10, 2, gap=0.5), "whole numbers, not 10 and 0.5"),  # type: ignore[arg-type]
        (lambda: validation.check_folds([(np.array([0, -1]), np.array([1]))]), "each once and from 0 on"),
        (lambda: validation.check_folds([(np.array([True, False]), np.array([1]))]), "turn a mask into numbers"),
        (lambda: validation.check_folds([(np.array([0, 0]), np.array([1]))]), "each once"),
        (lambda: validation.k_fold(3, 1), "n_splits must be at least 2, not 1"),
        (lambda: validation.leave_one_out(1), "at least 2, not 1"),
        (lambda: validation.repeated_k_fold(5, 2, n_repeats=0), "n_repeats must be a whole number, at least 1, not 0"),
        (lambda: validation.repeated_k_fold(5, 2, n_repeats=2.5), "at least 1, not 2.5"),  # type: ignore[arg-type]
        (lambda: validation.cross_validate(lambda *_: None, validation.k_fold(4, 2)), "in fold 0 it was None"),  # type: ignore[arg-type]
        (lambda: validation.stratified_k_fold([0, 0, 0, 1], 2), "class 1 has 1 examples, fewer than the 2 folds"),
        (lambda: validation.stratified_k_fold([[0, 1]], 2), r"shape \(N,\)"),
        (lambda: validation.stratified_k_fold([0.0, math.nan], 2), "hold nan"),
        (lambda: validation.time_series_split(5, 5), "fewer than the 5 folds"),
        (lambda: validation.time_series_split(10, 2, gap=-1), "gap must be at least 0, not -1"),
        (lambda: validation.time_series_split(10, 2, gap=4), "a gap of 4 leaves nothing of the 4 examples"),
        (lambda: validation.check_folds([]), "there are no folds"),
        (lambda: validation.check_folds([(np.array([0]), np.array([], int))]), "1 training and 0 validation"),
        (lambda: validation.check_folds([(np.array([0, 2]), np.array([2]))]), "fold 0 has example 2 in the training"),
    ],
)
def test_bad_folds_are_refused(split: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split()


# --------------------------------------------------------------------------------------------------- cross-validation


def test_each_fold_gets_its_own_seed_and_indices() -> None:
    calls = []

    def train_and_score(train: np.ndarray, val: np.ndarray, seed: int) -> float:
        calls.append((train.tolist(), val.tolist(), seed))
        return float(len(calls))

    folds = validation.k_fold(7, 3)
    result = validation.cross_validate(train_and_score, folds, seed=5)
    assert [call[:2] for call in calls] == [(t.tolist(), v.tolist()) for t, v in folds]
    assert [call[2] for call in calls] == validation.fold_seeds(5, 3)
    assert len({*validation.fold_seeds(5, 3), *validation.fold_seeds(6, 3)}) == 6
    assert (result.scores, result.mean, result.std, result.predictions) == ([1, 2, 3], 2, 1, None)
    assert repr(result) == "CrossValidation(3 folds, mean 2.000, deviation of the folds 1.000)"
    with pytest.raises(ValueError, match="no predictions were kept"):
        _ = result.out_of_fold


def test_predictions_come_back_in_the_order_of_the_examples() -> None:
    folds = validation.k_fold(23, 4, shuffle=True, seed=1)
    result = validation.cross_validate(lambda _, val, __: (0.0, np.stack([val, 10 * val], axis=1)), folds)
    assert result.out_of_fold.tolist() == [[i, 10 * i] for i in range(23)]


@pytest.mark.parametrize(
    "folds", [validation.repeated_k_fold(6, 2, n_repeats=2), validation.time_series_split(6, 2)], ids=["twice", "never"]
)
def test_out_of_fold_predictions_need_each_example_once(folds: Any) -> None:
    result = validation.cross_validate(lambda _, val, __: (0.0, val), folds)
    with pytest.raises(ValueError, match=r"example 0 was validated [02] times"):
        _ = result.out_of_fold


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (math.nan, "score of fold 0 is nan"),
        (math.inf, "score of fold 0 is inf"),
        ((0.5, [1, 2, 3]), r"2 validation examples and predictions of shape \(3,\)"),
        ((0.5, 1.0), r"predictions of shape \(\)"),
    ],
)
def test_useless_results_are_refused(outcome: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validation.cross_validate(lambda *_: outcome, validation.k_fold(4, 2))


def make_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("n_examples", [60, 61])
def test_folds_trained_at_once_are_those_of_the_plain_loop(n_examples: int) -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(n_examples) % 3
    inputs = torch.randn(n_examples, 1, 2, 2, generator=generator) + targets.view(-1, 1, 1, 1)
    folds = validation.k_fold(n_examples, 3, shuffle=True, seed=2)
    smallest = min(len(train) for train, _ in folds)

    def train_and_score(train: np.ndarray, val: np.ndarray, seed: int) -> tuple[float, torch.Tensor]:
        hu.set_seed(seed)
        model = make_model()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(4):
            order = torch.as_tensor(train)[torch.randperm(len(train), generator=generator)][:smallest]
            for batch in order.split(8):
                if len(batch) == 8:
                    loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        with torch.no_grad():
            logits = model(inputs[torch.as_tensor(val)])
        return (logits.argmax(dim=1) == targets[torch.as_tensor(val)]).double().mean().item(), logits

    plain = validation.cross_validate(train_and_score, folds, seed=7)
    at_once = validation.train_folds(make_model, Part(inputs, targets), folds, lr=0.1, n_epochs=4, batch_size=8, seed=7)
    assert at_once.scores == pytest.approx(plain.scores)
    torch.testing.assert_close(at_once.out_of_fold, plain.out_of_fold, rtol=1e-4, atol=1e-5)


def test_a_batch_larger_than_a_fold_is_refused() -> None:
    part = Part(torch.zeros(6, 1, 2, 2), torch.zeros(6, dtype=torch.long))
    with pytest.raises(ValueError, match="from 1 to the 3 training examples of a fold, not 4"):
        validation.train_folds(make_model, part, validation.k_fold(6, 2), lr=0.1, n_epochs=1, batch_size=4)


@pytest.mark.parametrize(
    ("lr", "n_epochs", "message"), [(0.1, 0, "n_epochs must be at least 1"), (math.nan, 1, "fold 0")]
)
def test_trainings_that_come_to_nothing_are_refused(lr: float, n_epochs: int, message: str) -> None:
    part = Part(torch.ones(6, 1, 2, 2), torch.zeros(6, dtype=torch.long))
    with pytest.raises(ValueError, match=message):
        validation.train_folds(make_model, part, validation.k_fold(6, 2), lr=lr, n_epochs=n_epochs, batch_size=3)


# ------------------------------------------------------------------------------------------------------ standard error


@given(
    scores=st.lists(st.floats(0, 1), min_size=2, max_size=20),
    n_train=st.integers(1, 1000),
    n_val=st.integers(1, 1000),
)
def test_the_corrected_error_is_nadeau_and_bengios(scores: list[float], n_train: int, n_val: int) -> None:
    variance = np.var(scores, ddof=1) * (1 / len(scores) + n_val / n_train)
    ours = validation.corrected_standard_error(scores, n_train, n_val)
    assert ours == pytest.approx(math.sqrt(variance), abs=1e-9)
    assert ours >= np.std(scores, ddof=1) / math.sqrt(len(scores)) - 1e-9


def test_a_cross_validation_knows_its_corrected_error() -> None:
    result = validation.cross_validate(lambda _, val, __: float(val[0]), validation.k_fold(10, 5))
    assert result.standard_error == pytest.approx(np.std([0, 2, 4, 6, 8], ddof=1) * math.sqrt(1 / 5 + 2 / 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5], 8, 2), "at least two scores, not 1"),
        (([0.5, math.nan], 8, 2), "scores must be finite"),
        (([0.5, 0.6], 0, 2), "above 0, not 0 and 2"),
    ],
)
def test_errors_of_nothing_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validation.corrected_standard_error(*arguments)


# --------------------------------------------------------------------------------------------------------- experiments


@pytest.mark.parametrize("k", [1, 3, 7])
def test_nearest_neighbours_are_scikit_learns(k: int) -> None:
    inputs, targets = experiments.draw_blobs(120, 4, distance=1.5, seed=k)
    reference = KNeighborsClassifier(k).fit(inputs[:80], targets[:80]).predict(inputs[80:])
    ours = experiments.nearest_neighbour(inputs[:80], targets[:80], inputs[80:], k)
    assert ours.tolist() == reference.tolist()


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_the_ridge_classifier_is_scikit_learns_in_every_run(penalty: float) -> None:
    groups = [experiments.draw_groups(6, 20, group_effect=0.5, n_classes=3, seed=seed) for seed in range(3)]
    inputs, targets = torch.stack([g.inputs for g in groups]), torch.stack([g.targets for g in groups])
    ours = experiments.ridge_classifier(inputs[:, :90], targets[:, :90], inputs[:, 90:], penalty=penalty, num_classes=3)
    for run in range(3):
        reference = RidgeClassifier(alpha=penalty).fit(inputs[run, :90].double(), targets[run, :90])
        assert ours[run].tolist() == list(np.asarray(reference.predict(inputs[run, 90:].double())))


def test_groups_share_classes_and_differ_in_style() -> None:
    first, second = (experiments.draw_groups(30, 40, group_effect=0.0, seed=s, effects_seed=1) for s in (2, 3))
    assert not torch.equal(first.inputs, second.inputs)
    assert first.groups.bincount().tolist() == [40] * 30
    for label in range(4):
        means = [d.inputs[d.targets == label].mean(dim=0) for d in (first, second)]
        torch.testing.assert_close(means[0], means[1], rtol=0, atol=0.4)


def test_noise_series_and_features_are_as_described() -> None:
    inputs, targets = experiments.draw_noise(50, 30, seed=1)
    assert (inputs.shape, targets[:4].tolist()) == ((50, 30), [0, 1, 0, 1])
    still, moving = (experiments.draw_series(2000, drift=drift, seed=1).values for drift in (0.0, 1.0))
    assert still.std() == pytest.approx(1, abs=0.1)
    assert moving.std() > 5
    _, rare = experiments.draw_blobs(200, 3, distance=1.0, rare_share=0.05, seed=1)
    assert rare.sum() == 10
    hidden = experiments.random_features(torch.randn(6, 1, 2, 2), 5, seed=0)
    assert hidden.shape == (6, 5)
    assert (hidden >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: experiments.nearest_neighbour(x, y, x, 0), "k must be from 1 to the 4"),
        (lambda x, y: experiments.ridge_classifier(x, y, x, penalty=0.0), "penalty must be above 0, not 0.0"),
    ],
)
def test_bad_options_of_models_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))


def test_all_folds_and_candidates_at_once_are_those_one_by_one() -> None:
    features = torch.stack([experiments.random_features(torch.randn(40, 6), 5, seed=seed) for seed in range(3)])
    targets = torch.arange(40) % 4
    members = torch.arange(40).flip(0)[:30]
    folds = validation.k_fold(30, 5)
    train_rows, val_rows = experiments.stack_folds(folds, members)
    at_once = experiments.right_predictions(features, targets, train_rows, val_rows)
    assert at_once.shape == (3, 5, 6)
    for candidate in range(3):
        for fold, (train, val) in enumerate(folds):
            rows = members[torch.as_tensor(train)], members[torch.as_tensor(val)]
            alone = experiments.right_predictions(features[candidate], targets, *rows)
            assert alone.tolist() == at_once[candidate, fold].tolist()
    with pytest.raises(ValueError, match="differ in size"):
        experiments.stack_folds(validation.k_fold(31, 5))


def test_labels_are_replaced_at_about_the_given_share() -> None:
    targets = torch.zeros(4000, dtype=torch.long)
    assert (experiments.flip_labels(targets, 0.3, 10, seed=0) != targets).double().mean() == pytest.approx(
        0.27, abs=0.03
    )


def test_a_forecast_is_the_mean_of_the_nearest_in_time() -> None:
    series = experiments.Series(torch.arange(6), torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 10.0]))
    rows = torch.tensor([0, 1, 4]), torch.tensor([5])
    assert experiments.forecast_error(series, *rows, k=2).item() == pytest.approx(7.5)
    several = experiments.Series(series.times, torch.stack([series.values, 2 * series.values]))
    assert experiments.forecast_error(several, *rows, k=2).tolist() == pytest.approx([7.5, 15.0])


@pytest.mark.parametrize("k", [1, 5])
def test_nearest_neighbours_of_several_runs_are_those_of_each(k: int) -> None:
    inputs, targets = experiments.draw_many_blobs(4, 60, 3, distance=1.0, seed=k)
    at_once = experiments.nearest_neighbour(inputs[:, :40], targets[:, :40], inputs[:, 40:], k)
    for run in range(4):
        alone = experiments.nearest_neighbour(inputs[run, :40], targets[run, :40], inputs[run, 40:], k)
        assert torch.equal(at_once[run], alone)


def test_many_linear_layers_descend_as_each_alone() -> None:
    inputs, targets = experiments.draw_many_blobs(3, 20, 4, distance=1.0, seed=1)
    many = experiments.ManyLinear(3, 4, 2, seed=5)
    assert many.weight.abs().max() <= 0.5
    layers = []
    for run in range(3):
        layer = torch.nn.Linear(4, 2)
        with torch.no_grad():
            layer.weight.copy_(many.weight[run].T)
            layer.bias.copy_(many.bias[run, 0])
        experiments.descend(layer, inputs[run], targets[run], lr=0.5, n_steps=3)
        layers.append(layer)
    experiments.descend(many, inputs, targets, lr=0.5, n_steps=3)
    for run, layer in enumerate(layers):
        torch.testing.assert_close(many(inputs)[run], layer(inputs[run]))


def test_the_drawing_of_folds_shows_training_validation_and_what_is_unused() -> None:
    figure, axis = plt.subplots()
    plots.plot_folds(axis, validation.time_series_split(6, 2), 6)
    [picture] = axis.get_images()
    train, val, unused = (list(to_rgb(color)) for color in (plots.TRAIN, plots.VAL, plots.UNUSED))
    assert np.asarray(picture.get_array()).tolist() == [
        [train, train, val, val, unused, unused],
        [train, train, train, train, val, val],
    ]
    plt.close(figure)


def test_the_drawing_of_nested_folds_names_all_rows() -> None:
    figure, axis = plt.subplots()
    plots.plot_nested(axis, 3, 2)
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "outer 0",
        "outer 1",
        "outer 2",
        "inner 0",
        "inner 1",
    ]
    plt.close(figure)


def test_columns_and_intervals_are_drawn_where_they_belong() -> None:
    figure, axes = plt.subplots(2)
    plots.plot_columns(axes[0], {"a": [1.0, 3.0], "b": [5.0]}, {"a": "red", "b": "blue"})
    means = [line.get_ydata()[0] for line in axes[0].lines[1::2]]  # type: ignore[index]
    assert means == [2.0, 5.0]
    plots.plot_intervals(axes[1], [10, 100], [(0.5, 0.9), (0.6, 0.8)], 0.7)
    assert [label.get_text() for label in axes[1].get_xticklabels()] == ["10", "100"]
    plt.close(figure)
