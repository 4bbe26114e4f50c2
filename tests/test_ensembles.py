"""Ensembles: combining against scikit-learn, the identities on random input, boosting and stacking step by step."""

import math
import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris, make_hastie_10_2
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from helper_utils.base.many_runs import train_many
from helper_utils.data import Part
from helper_utils.ensembles import (
    AdaBoost,
    GradientBoosting,
    Stacking,
    average_logits,
    average_probabilities,
    average_weights,
    choose_weights,
    continue_training,
    decompose_error,
    draw_bootstrap,
    error_correlation,
    fit_stump,
    geometric_mean,
    load_member,
    majority_accuracy,
    mutual_information,
    out_of_bag_probabilities,
    out_of_fold_probabilities,
    predict_members,
    stacked_features,
    train_bagged,
    train_snapshots,
    vote,
)
from helper_utils.validation import stratified_k_fold

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 5)


def random_probabilities(seed: int, n_members: int, n_examples: int = 7, n_classes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(n_members, n_examples, n_classes, generator=generator, dtype=torch.float64)).softmax(dim=2)


# ------------------------------------------------------------------------------------------------------- combining


def test_most_votes_win_and_a_tie_goes_to_the_lowest_class():
    predictions = torch.tensor([[2, 0, 3, 1], [2, 1, 0, 5], [1, 1, 3, 1], [0, 0, 0, 5]])
    assert vote(predictions).tolist() == [2, 0, 0, 1]


@given(seeds, sizes)
@settings(deadline=None, max_examples=30)
def test_a_vote_is_the_mode(seed: int, n_members: int):
    predictions = torch.randint(4, (n_members, 9), generator=torch.Generator().manual_seed(seed))
    expected = [int(np.bincount(column).argmax()) for column in predictions.T.numpy()]
    assert vote(predictions).tolist() == expected


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (torch.zeros(0, 3, dtype=torch.long), "predictions are empty, of shape (0, 3): give at least one member's"),
        (torch.zeros(3, dtype=torch.long), "predictions must have shape (members, N), not (3,)"),
        (torch.zeros(2, 3, 4), "not (2, 3, 4): take argmax(dim=2) of probabilities"),
        (torch.zeros(2, 3), "predictions must be integers, the numbers of the classes, not torch.float32"),
        (torch.tensor([[-1, 0]]), "predictions must be class numbers from 0 on, not -1"),
        (torch.tensor([[True, False]]), "predictions must be integers, the numbers of the classes, not torch.bool"),
    ],
)
def test_votes_that_cannot_be_counted_are_refused(predictions: Tensor, message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        vote(predictions)


def test_averages_by_hand():
    probabilities = torch.tensor([[[0.9, 0.1]], [[0.3, 0.7]]])
    torch.testing.assert_close(average_probabilities(probabilities), torch.tensor([[0.6, 0.4]]))
    torch.testing.assert_close(average_probabilities(probabilities, [3, 1]), torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(average_probabilities(probabilities, torch.tensor([0, 2])), probabilities[1])
    roots = (0.9 * 0.3) ** 0.5, (0.1 * 0.7) ** 0.5
    torch.testing.assert_close(geometric_mean(probabilities)[0, 0].item(), roots[0] / sum(roots))
    torch.testing.assert_close(average_logits(probabilities.log()), probabilities.log().mean(dim=0))


@given(seeds, sizes)
@settings(deadline=None, max_examples=30)
def test_mean_logits_are_the_geometric_mean(seed: int, n_members: int):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n_members, 6, 3, generator=generator, dtype=torch.float64)
    weights = torch.rand(n_members, generator=generator) + 0.1
    torch.testing.assert_close(
        average_logits(logits, weights).softmax(dim=1), geometric_mean(logits.softmax(dim=2), weights)
    )


def test_a_zero_probability_counts_only_with_its_member():
    probabilities = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]])
    torch.testing.assert_close(geometric_mean(probabilities[[0, 2]]), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(geometric_mean(probabilities, [0, 1, 1]), torch.tensor([[0.0, 1.0]]))
    with pytest.raises(ValueError, match="in row 0 each class has probability 0 for a member"):
        geometric_mean(probabilities[:2])


@pytest.mark.parametrize("combine", [average_probabilities, geometric_mean])
@pytest.mark.parametrize(
    ("probabilities", "weights", "message"),
    [
        (torch.zeros(0, 2, 3), None, "probabilities are empty, of shape (0, 2, 3): give at least one member's"),
        (torch.full((2, 3), 1 / 3), None, "probabilities must have shape (members, N, classes), not (2, 3)"),
        (torch.ones(1, 2, 2), None, "the probabilities of member 0, row 0 sum to 2, not to 1"),
        (torch.tensor([[[2.0, -1.0]]]), None, "a probability is 2, outside [0, 1]: apply softmax to logits first"),
        (torch.full((1, 1, 2), torch.nan), None, "a probability is nan, outside [0, 1]"),
        (torch.ones(1, 1, 1, dtype=torch.long), None, "probabilities must be floating-point numbers, not torch.int64"),
        (torch.full((2, 1, 2), 0.5), [1.0], "weights must be one for each of 2 members, not of shape (1,)"),
        (torch.full((2, 1, 2), 0.5), [1.0, -1.0], "weights must be finite and not negative, not [1.0, -1.0]"),
        (torch.full((2, 1, 2), 0.5), [0.0, 0.0], "all weights are 0: at least one member must count"),
        (torch.full((2, 1, 2), 0.5), "ab", "weights must be numbers, one for each of 2 members, not 'ab'"),
    ],
)
def test_what_cannot_be_averaged_is_refused(combine, probabilities: Tensor, weights: Any, message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        combine(probabilities, weights)


LISTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "vote": (vote, "predictions must be a tensor, not list: use torch.as_tensor"),
    "probabilities": (average_probabilities, "probabilities must be a tensor, not list"),
    "logits": (average_logits, "logits must be a tensor, not list"),
    "geometric": (geometric_mean, "probabilities must be a tensor, not list"),
    "information": (mutual_information, "probabilities must be a tensor, not list"),
    "errors": (error_correlation, "errors must be a tensor, not list"),
    "parts": (lambda values: decompose_error(values, torch.zeros(1)), "predictions must be a tensor, not list"),
    "targets": (
        lambda values: choose_weights(torch.full((1, 1, 2), 0.5), values),
        "targets must be a tensor, not list",
    ),
    "drawn": (lambda values: out_of_bag_probabilities(torch.full((1, 1, 2), 0.5), values), "drawn must be a tensor"),
    "stump": (lambda values: fit_stump(values, torch.tensor([0, 1]), torch.ones(2)), "inputs must be a tensor"),
    "stump's weights": (
        lambda values: fit_stump(torch.rand(2, 1), torch.tensor([0, 1]), values),
        "weights must be a tensor, not list",
    ),
    "adaboost": (lambda values: AdaBoost().fit(torch.rand(2, 1), values), "targets must be a tensor, not list"),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_refused_where_tensors_are_needed(name: str):
    function, message = LISTS[name]
    with pytest.raises(TypeError, match=message):
        function([[0.5, 0.5]])


def test_arrays_and_lists_of_tensors_are_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"predictions must be a tensor, not ndarray: use torch\.as_tensor"):
        vote(cast(Any, np.zeros((2, 3), dtype=int)))
    with pytest.raises(TypeError, match=r"probabilities must be a tensor, not list: use torch\.stack"):
        average_probabilities(cast(Any, [torch.full((1, 2), 0.5)]))


def log_losses(probabilities: Tensor, targets: Tensor) -> Tensor:
    return -probabilities[..., torch.arange(len(targets)), targets].log().mean(dim=-1)


def test_chosen_weights_have_the_lowest_loss():
    probabilities = random_probabilities(0, 3, 60)
    targets = torch.multinomial(0.7 * probabilities[0] + 0.3 * probabilities[2], 1).squeeze(1)
    weights = choose_weights(probabilities, targets, n_steps=2000)
    assert weights.sum().item() == pytest.approx(1)
    chosen = log_losses(average_probabilities(probabilities, weights), targets)
    grid = [(i / 20, j / 20, (20 - i - j) / 20) for i in range(21) for j in range(21 - i)]
    assert all(chosen <= log_losses(average_probabilities(probabilities, w), targets) + 1e-6 for w in grid)
    assert choose_weights(probabilities, targets, n_steps=0).tolist() == [1 / 3] * 3


@given(seeds, st.integers(2, 5), st.sampled_from([0, 5, 50]))
@settings(deadline=None, max_examples=20)
def test_the_ratios_bound_how_far_chosen_weights_are_from_the_best(seed: int, n_members: int, n_steps: int):
    probabilities = random_probabilities(seed, n_members, 30)
    targets = torch.randint(4, (30,), generator=torch.Generator().manual_seed(seed))
    weights = choose_weights(probabilities, targets, n_steps=n_steps)
    of_truth = probabilities[:, torch.arange(30), targets]
    bound = (of_truth / (weights @ of_truth)).mean(dim=1).max().item() - 1
    best = choose_weights(probabilities, targets, n_steps=3000)
    losses = [log_losses(average_probabilities(probabilities, w), targets).item() for w in (weights, best)]
    assert -1e-12 <= losses[0] - losses[1] <= bound + 1e-12


def test_targets_without_a_class_or_with_probability_0_are_refused():
    probabilities = random_probabilities(0, 2, 3)
    with pytest.raises(ValueError, match=re.escape("targets must be 3 integers, not torch.int64 of shape (2,)")):
        choose_weights(probabilities, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="targets must be from 0 to 3, not 0 to 4"):
        choose_weights(probabilities, torch.tensor([0, 1, 4]))
    with pytest.raises(ValueError, match="n_steps must be at least 0, not -1"):
        choose_weights(probabilities, torch.tensor([0, 1, 2]), n_steps=-1)
    with pytest.raises(ValueError, match="all members give example 0 the probability 0"):
        choose_weights(torch.tensor([[[1.0, 0.0]]]), torch.tensor([1]))


# ------------------------------------------------------------------------------------------------------- diversity


def test_majorities_by_hand():
    assert majority_accuracy(0.7, 1) == pytest.approx(0.7)
    assert majority_accuracy(0.7, 3) == pytest.approx(0.7**3 + 3 * 0.7**2 * 0.3)
    assert majority_accuracy(0.5, 9) == pytest.approx(0.5)
    assert majority_accuracy(0.6, 201) > 0.99
    with pytest.raises(ValueError, match="n_voters must be odd and positive, not 4"):
        majority_accuracy(0.6, 4)
    for n_voters in (3.0, 2.5, "3"):
        with pytest.raises(ValueError, match=f"n_voters must be an integer, not {n_voters!r}"):
            majority_accuracy(0.6, cast(Any, n_voters))
    with pytest.raises(ValueError, match=re.escape("accuracy must be from 0 to 1, not 1.2")):
        majority_accuracy(1.2, 3)


@given(seeds, sizes, st.booleans())
@settings(deadline=None, max_examples=50)
def test_ensemble_error_is_mean_error_minus_disagreement(seed: int, n_members: int, weighted: bool):
    generator = torch.Generator().manual_seed(seed)
    predictions = 10 * torch.randn(n_members, 6, 2, generator=generator, dtype=torch.float64)
    targets = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    weights = torch.rand(n_members, generator=generator) + 0.01 if weighted else None
    parts = decompose_error(predictions, targets, weights)
    assert parts.ensemble == pytest.approx(parts.mean_member - parts.disagreement, abs=1e-9)
    assert min(parts) >= 0


def test_the_squares_are_summed_over_outputs_and_averaged_over_examples():
    parts = decompose_error(torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[3.0, 1.0], [0.0, 0.0]]]), torch.zeros(2, 2))
    assert list(parts) == pytest.approx([(4 + 1) / 2, (2 + 10) / 4, 0.5])
    assert list(decompose_error(torch.tensor([[1.0, 0.0]]), torch.zeros(2))) == pytest.approx([0.5, 0.5, 0])
    with pytest.raises(ValueError, match=re.escape("not (2, 3, 4) for targets of shape (3,): turn class numbers")):
        decompose_error(torch.zeros(2, 3, 4), torch.zeros(3))


@given(seeds, sizes)
@settings(deadline=None, max_examples=50)
def test_the_loss_of_the_mean_is_never_above_the_mean_loss(seed: int, n_members: int):
    probabilities = random_probabilities(seed, n_members)
    targets = torch.randint(4, (7,), generator=torch.Generator().manual_seed(seed))
    for combine in (average_probabilities, geometric_mean):
        assert log_losses(combine(probabilities), targets) <= log_losses(probabilities, targets).mean() + 1e-12


def test_correlation_is_numpys_and_skips_members_without_errors():
    errors = (torch.rand(4, 50, generator=torch.Generator().manual_seed(0)) < 0.3).double()
    expected = np.corrcoef(errors.numpy())[np.triu_indices(4, 1)].mean()
    assert error_correlation(errors) == pytest.approx(expected)
    assert error_correlation(torch.cat([errors, torch.zeros(1, 50)])) == pytest.approx(expected)
    assert error_correlation(errors[:1].repeat(3, 1)) == pytest.approx(1)
    assert math.isnan(error_correlation(torch.zeros(2, 5)))
    with pytest.raises(ValueError, match="with two members or more"):
        error_correlation(errors[:1])


def test_information_is_0_without_disagreement_and_log_2_for_two_sure_opponents():
    same = random_probabilities(1, 1).repeat(3, 1, 1)
    torch.testing.assert_close(mutual_information(same), torch.zeros(7, dtype=torch.float64))
    opponents = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(mutual_information(opponents), torch.tensor([math.log(2)]))


# --------------------------------------------------------------------------------------------------------- members


def two_classes(n: int = 40) -> Part:
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(n, 3, generator=generator)
    return Part(inputs, (inputs[:, 0] + 0.3 * torch.randn(n, generator=generator) > 0).long())


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_members_predict_what_their_modules_predict():
    part = two_classes()
    runs = train_many(make_model, part, lrs=[0.01, 0.3], seeds=[1, 2, 3], n_epochs=2, batch_size=10)
    for rate in (0, 1):
        logits = predict_members(make_model, runs, part.inputs, rate=rate)
        for member in range(3):
            module = load_member(make_model, runs, member, rate=rate)
            torch.testing.assert_close(logits[member], module(part.inputs))
        accuracy = (logits.argmax(dim=2) == part.targets).float().mean(dim=1)
        torch.testing.assert_close(accuracy, runs.evaluate(part)[1][rate])


def test_training_goes_on_from_the_earlier_weights():
    part = two_classes()
    earlier = train_many(make_model, part, lrs=[0.1], seeds=[1, 2], n_epochs=1, batch_size=10)
    same = continue_training(make_model, earlier, part, seeds=[7, 8, 9], lrs=[0.1], n_epochs=0, batch_size=10)
    for name, values in earlier.parameters.items():
        assert torch.equal(same.parameters[name][0], values[0, [0, 1, 0]])


def test_snapshots_start_where_the_last_one_ended():
    part = two_classes()
    options = {"lr": 0.1, "seeds": [1, 2], "batch_size": 10}
    three = train_snapshots(make_model, part, n_epochs=6, n_cycles=3, **options)
    one = train_snapshots(make_model, part, n_epochs=2, n_cycles=1, **options)
    assert len(three) == 3
    assert all(torch.equal(three[0].parameters[name], one[0].parameters[name]) for name in one[0].parameters)
    assert three[0].batch_losses.shape == (1, 2, 8)
    assert three[2].batch_losses.mean() < three[0].batch_losses.mean()
    with pytest.raises(ValueError, match="n_epochs must be a positive multiple of n_cycles, not 5 and 3"):
        train_snapshots(make_model, part, n_epochs=5, n_cycles=3, **options)


def test_weights_are_averaged_and_the_models_stay():
    models = [nn.Linear(3, 2) for _ in range(3)]
    before = [model.weight.clone() for model in models]
    averaged = average_weights(models)
    torch.testing.assert_close(averaged.state_dict()["weight"], torch.stack(before).mean(dim=0))
    assert all(torch.equal(model.weight, weight) for model, weight in zip(models, before, strict=True))
    norms = [nn.BatchNorm1d(2), nn.BatchNorm1d(2)]
    norms[0](torch.randn(5, 2))
    torch.testing.assert_close(
        average_weights(norms).state_dict()["running_mean"], cast(Tensor, norms[0].running_mean) / 2
    )
    with pytest.raises(ValueError, match="there are no models to average"):
        average_weights([])
    with pytest.raises(ValueError, match="model 1 has other parameters than model 0"):
        average_weights([nn.Linear(2, 2), nn.Linear(2, 3)])


# --------------------------------------------------------------------------------------------------------- bagging


def test_a_bootstrap_sample_holds_about_63_percent_of_the_examples():
    drawn = draw_bootstrap(1000, 20, seed=0)
    shares = [len(sample.unique()) / 1000 for sample in drawn]
    assert sum(shares) / 20 == pytest.approx(1 - 1 / math.e, abs=0.01)
    assert torch.equal(drawn, draw_bootstrap(1000, 20, seed=0))
    with pytest.raises(ValueError, match="n_examples and n_members must be at least 1, not 0 and 2"):
        draw_bootstrap(0, 2, seed=0)


def test_out_of_bag_takes_only_members_that_have_not_drawn_the_example():
    probabilities = random_probabilities(0, 3, n_examples=3)
    drawn = torch.tensor([[0, 0, 1], [1, 1, 1], [0, 1, 1]])
    averaged, has_any = out_of_bag_probabilities(probabilities, drawn)
    assert has_any.tolist() == [True, False, True]
    torch.testing.assert_close(averaged[0], probabilities[1, 0])
    torch.testing.assert_close(averaged[2], probabilities[:, 2].mean(dim=0))
    assert averaged[1].isnan().all()
    with pytest.raises(ValueError, match="drawn must be from 0 to 2, not 0 to 3"):
        out_of_bag_probabilities(probabilities, torch.full((3, 2), 3).fill_diagonal_(0))
    with pytest.raises(ValueError, match=re.escape("drawn must hold integers of shape (3, draws)")):
        out_of_bag_probabilities(probabilities, drawn[:2])


def test_a_bagged_member_is_the_plain_training_on_its_sample():
    part = two_classes()
    bag = train_bagged(make_model, part, lr=0.2, seeds=[3, 4], n_epochs=3, batch_size=10)
    assert repr(bag) == "BaggedRuns(2 members, each on 40 draws)"
    for member, seed in enumerate([3, 4]):
        sample = Part(part.inputs[bag.drawn[member]], part.targets[bag.drawn[member]])
        alone = train_many(make_model, sample, lrs=[0.2], seeds=[seed], n_epochs=3, batch_size=10)
        expected = predict_members(make_model, alone, part.inputs)[0]
        torch.testing.assert_close(bag.predict(part.inputs)[member], expected, rtol=1e-4, atol=1e-5)


def test_one_call_trains_the_bags_of_several_training_sets():
    part = two_classes()
    drawn = torch.tensor([[0, 5, 5, 7, 9, 11, 20, 21, 30, 31], [1, 2, 2, 2, 3, 24, 25, 26, 38, 39]])
    bag = train_bagged(make_model, part, lr=0.2, seeds=[3, 4], drawn=drawn, n_epochs=3, batch_size=5)
    assert repr(bag) == "BaggedRuns(2 members, each on 10 draws)"
    for member, seed in enumerate([3, 4]):
        sample = Part(part.inputs[drawn[member]], part.targets[drawn[member]])
        alone = train_many(make_model, sample, lrs=[0.2], seeds=[seed], n_epochs=3, batch_size=5)
        expected = predict_members(make_model, alone, part.inputs)[0]
        torch.testing.assert_close(bag.predict(part.inputs)[member], expected, rtol=1e-4, atol=1e-5)
    for wrong, message in (
        (drawn[:1], re.escape("drawn must hold integers of shape (2, draws)")),
        (drawn + 5, "drawn must be from 0 to 39, not 5 to 44"),
        (drawn[:, :0], "drawn has no draws"),
    ):
        with pytest.raises(ValueError, match=message):
            train_bagged(make_model, part, lr=0.2, seeds=[3, 4], drawn=wrong, n_epochs=1)


# -------------------------------------------------------------------------------------------------------- boosting


@pytest.mark.parametrize("n_members", [1, 5, 30])
def test_adaboost_is_scikit_learns_step_by_step(n_members: int):
    inputs, signs = make_hastie_10_2(300, random_state=n_members)
    targets = (signs > 0).astype(int)
    ours = AdaBoost(n_members).fit(torch.tensor(inputs), torch.tensor(targets))
    reference = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=n_members).fit(inputs, targets)
    assert ours.errors == pytest.approx(reference.estimator_errors_[: len(ours.errors)])
    assert ours.member_weights == pytest.approx(reference.estimator_weights_[: len(ours.errors)])
    scores = ours.staged_scores(torch.tensor(inputs)).numpy()
    for stage, expected in enumerate(reference.staged_decision_function(inputs)):
        np.testing.assert_allclose(2 * scores[stage], expected, atol=1e-9)  # theirs is twice the mean vote
    assert (ours.predict(torch.tensor(inputs)).numpy() == reference.predict(inputs)).all()


def test_after_a_step_the_stump_is_right_on_half_of_the_weight():
    inputs, signs = make_hastie_10_2(200, random_state=0)
    x, y = torch.tensor(inputs), torch.tensor(signs > 0).long()
    ours = AdaBoost(10).fit(x, y)
    for stump, weights in zip(ours.members, ours.example_weights[1:], strict=False):
        assert weights[stump.predict(x) != y].sum().item() == pytest.approx(0.5)


def test_adaboost_ends_with_a_perfect_stump_and_with_a_useless_one():
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    perfect = AdaBoost(10).fit(x, torch.tensor([0, 0, 1, 1]))
    assert len(perfect.members) == 1
    assert perfect.members[0].threshold == 1.5
    assert perfect.predict(x).tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="not trained yet: call fit first"):
        AdaBoost().predict(x)
    with pytest.raises(ValueError, match="n_members must be at least 1, not 0"):
        AdaBoost(0).fit(x, torch.tensor([0, 0, 1, 1]))
    with pytest.raises(ValueError, match=re.escape("targets must be the classes 0 and 1, not [0, 2]")):
        AdaBoost().fit(x, torch.tensor([0, 0, 2, 2]))
    with pytest.raises(ValueError, match="every feature has only one value"):
        fit_stump(torch.ones(4, 2), torch.tensor([0, 0, 1, 1]), torch.ones(4))
    with pytest.raises(ValueError, match="weights must be one for each example"):
        fit_stump(x, torch.tensor([0, 0, 1, 1]), -torch.ones(4))


@pytest.mark.parametrize(("lr", "max_depth"), [(0.1, 1), (0.3, 2), (1.0, 1)])
def test_gradient_boosting_is_scikit_learns(lr: float, max_depth: int):
    inputs, signs = make_hastie_10_2(200, random_state=1)
    options = {"n_estimators": 12, "learning_rate": lr, "max_depth": max_depth, "random_state": 0}
    squares = inputs[:, 0] ** 2 + np.sin(inputs[:, 1])
    ours = GradientBoosting("squared_error", 12, lr, max_depth).fit(inputs, squares)
    reference = GradientBoostingRegressor(**options).fit(inputs, squares)
    np.testing.assert_allclose(ours.staged_scores(inputs), list(reference.staged_predict(inputs)), atol=1e-6)

    targets = (signs > 0).astype(int)
    ours = GradientBoosting("log_loss", 12, lr, max_depth).fit(inputs, targets)
    classifier = GradientBoostingClassifier(**options).fit(inputs, targets)
    expected = [scores.ravel() for scores in classifier.staged_decision_function(inputs)]
    np.testing.assert_allclose(ours.staged_scores(inputs), expected, atol=1e-6)
    np.testing.assert_allclose(ours.predict(inputs), classifier.predict_proba(inputs)[:, 1], atol=1e-6)


def test_gradient_boosting_refuses_bad_input():
    x, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="loss must be 'squared_error' or 'log_loss', not 'hinge'"):
        GradientBoosting("hinge").fit(x, y)  # type: ignore[arg-type]
    for lr in (0, math.inf, math.nan):
        with pytest.raises(ValueError, match="n_members and max_depth must be at least 1 and lr above 0 and finite"):
            GradientBoosting(lr=lr).fit(x, y)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="targets must be finite, and one is nan or infinite"):
            GradientBoosting().fit(x, np.array([0, 1, value, 1]))
    with pytest.raises(ValueError, match=re.escape("not (4, 2) and (3,)")):
        GradientBoosting().fit(x, y[:3])
    with pytest.raises(ValueError, match="targets must be 0 and 1, each at least once"):
        GradientBoosting("log_loss").fit(x, np.zeros(4))
    with pytest.raises(ValueError, match="not trained yet: call fit first"):
        GradientBoosting().predict(x)


# -------------------------------------------------------------------------------------------------------- stacking


def iris(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = (np.asarray(values) for values in load_iris(return_X_y=True))
    return inputs[targets < n_classes], targets[targets < n_classes]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_is_scikit_learns_with_the_same_folds(n_classes: int):
    inputs, targets = iris(n_classes)
    inputs = inputs + np.random.default_rng(0).normal(0, 1, inputs.shape)
    folds = stratified_k_fold(targets, 4, seed=1)
    members = [DecisionTreeClassifier(random_state=0), KNeighborsClassifier(5)]
    ours = Stacking(members, LogisticRegression()).fit(inputs, targets, folds)
    reference = StackingClassifier(
        [("tree", members[0]), ("neighbours", members[1])], LogisticRegression(), cv=folds, stack_method="predict_proba"
    ).fit(inputs, targets)
    np.testing.assert_allclose(ours.predict_proba(inputs), reference.predict_proba(inputs))
    assert ours.features.shape == (len(targets), 2 if n_classes == 2 else 6)

    leak = Stacking(members, LogisticRegression(), leak=True).fit(inputs, targets, folds)
    prefit = StackingClassifier(
        [("tree", members[0].fit(inputs, targets)), ("neighbours", members[1].fit(inputs, targets))],
        LogisticRegression(),
        cv="prefit",
        stack_method="predict_proba",
    ).fit(inputs, targets)
    np.testing.assert_allclose(leak.predict_proba(inputs), prefit.predict_proba(inputs))


def test_stacking_refuses_bad_input():
    inputs, targets = iris(3)
    with pytest.raises(ValueError, match="there are no members to stack"):
        Stacking([], LogisticRegression())
    with pytest.raises(ValueError, match=re.escape("must have shape (members, N, classes), not (3, 2)")):
        stacked_features(np.zeros((3, 2)))
    for rows in ([1.0, 1.0], [0.3, 0.3], [1.5, -0.5]):
        with pytest.raises(ValueError, match="a row of probabilities is negative or does not sum to 1"):
            stacked_features(np.tile(rows, (2, 3, 1)))
    one_class_missing = [(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))]
    with pytest.raises(ValueError, match="training set has only the classes"):
        out_of_fold_probabilities(KNeighborsClassifier(), inputs, targets, one_class_missing)


# --------------------------------------------------------------------------------------------------- silent faults


def with_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def test_networks_with_running_statistics_are_refused():
    runs = train_many(with_batch_norm, two_classes(), lrs=[0.1], seeds=[1], n_epochs=1)
    with pytest.raises(ValueError, match=re.escape("the network has buffers (1.running_mean")):
        predict_members(with_batch_norm, runs, two_classes().inputs)
    with pytest.raises(ValueError, match=re.escape("the network has buffers (1.running_mean")):
        load_member(with_batch_norm, runs, 0)
    with pytest.raises(ValueError, match=re.escape("the network has buffers (1.running_mean")):
        train_bagged(with_batch_norm, two_classes(), lr=0.1, seeds=[1], n_epochs=1)


def test_parameters_of_another_network_are_refused():
    def other_model() -> nn.Module:
        return nn.Sequential(make_model(), nn.Linear(2, 2))

    runs = train_many(make_model, two_classes(), lrs=[0.1], seeds=[1], n_epochs=1)
    with pytest.raises(ValueError, match="give the make_model that train_many had"):
        predict_members(other_model, runs, two_classes().inputs)
    with pytest.raises(ValueError, match="give the make_model that train_many had"):
        load_member(other_model, runs, 0)


def test_snapshots_refuse_what_the_cycles_set():
    for name, value in {"lrs": [0.1], "schedule": lambda _: 1.0}.items():
        with pytest.raises(ValueError, match=f"train_snapshots sets {name} itself"):
            train_snapshots(
                make_model, two_classes(), lr=0.1, seeds=[1], n_epochs=2, n_cycles=2, **cast(dict, {name: value})
            )


def test_bagging_refuses_no_seeds_and_float_targets():
    train = two_classes()
    with pytest.raises(ValueError, match="there are no seeds"):
        train_bagged(make_model, train, lr=0.1, seeds=[], n_epochs=1)
    with pytest.raises(ValueError, match="the targets must be classes"):
        train_bagged(make_model, Part(train.inputs, train.targets.float()), lr=0.1, seeds=[1], n_epochs=1)


def test_gradient_boosting_refuses_infinite_inputs_and_other_features():
    inputs, targets = np.random.default_rng(0).random((20, 3)), np.arange(20) % 2
    boosting = GradientBoosting("log_loss", n_members=2).fit(inputs, targets)
    with pytest.raises(ValueError, match=re.escape("inputs must have shape (N, 3), not (20, 2)")):
        boosting.predict(inputs[:, :2])
    inputs[4, 1] = np.nan
    with pytest.raises(ValueError, match="inputs must be finite"):
        boosting.predict(inputs)
    with pytest.raises(ValueError, match="inputs must be finite"):
        GradientBoosting("log_loss").fit(inputs, targets)


def test_masks_are_not_taken_for_numbers():
    probabilities = random_probabilities(0, 2, n_examples=3)
    with pytest.raises(ValueError, match=r"targets must be 3 integers, not torch\.bool"):
        choose_weights(probabilities, torch.tensor([True, False, True]))
    with pytest.raises(ValueError, match="drawn must hold integers"):
        out_of_bag_probabilities(probabilities, torch.ones(2, 3, dtype=torch.bool))


def test_many_voters_do_not_overflow():
    assert majority_accuracy(0.5, 5001) == pytest.approx(0.5, rel=1e-9)
    assert majority_accuracy(0.6, 2001) == pytest.approx(1.0)
    assert [majority_accuracy(p, 2001) for p in (0.0, 1.0)] == [0.0, 1.0]
    by_hand = sum(math.comb(101, k) * 0.6**k * 0.4 ** (101 - k) for k in range(51, 102))
    assert majority_accuracy(0.6, 101) == pytest.approx(by_hand, rel=1e-11)


def test_nan_and_infinity_are_refused():
    nan = torch.full((2, 3, 4), math.nan)
    with pytest.raises(ValueError, match="a logit is nan or infinity"):
        average_logits(nan)
    with pytest.raises(ValueError, match="predictions and targets must be finite"):
        decompose_error(nan, torch.zeros(3, 4))
    with pytest.raises(ValueError, match="errors must be finite"):
        error_correlation(nan[0])
    with pytest.raises(ValueError, match="probabilities must be finite"):
        stacked_features(nan.numpy())
    targets = torch.tensor([0, 1, 1])
    for fit in (lambda x: fit_stump(x, targets, torch.ones(3)), lambda x: AdaBoost().fit(x, targets)):
        with pytest.raises(ValueError, match="inputs must be finite"):
            fit(torch.tensor([[0.0], [math.inf], [1.0]]))
        with pytest.raises(ValueError, match=re.escape("inputs must have shape (N, features)")):
            fit(torch.zeros(3, 0))
    with pytest.raises(ValueError, match="weights must be one for each example, finite"):
        fit_stump(torch.tensor([[0.0], [1.0], [2.0]]), targets, torch.tensor([1.0, math.inf, 1.0]))


def test_a_member_without_weight_may_rule_out_a_class():
    logits = torch.tensor([[[0.0, -math.inf]], [[1.0, 2.0]]])
    assert average_logits(logits, [0, 1]).tolist() == [[1.0, 2.0]]


def test_an_untrained_stack_says_so():
    with pytest.raises(ValueError, match="this Stacking is not trained yet: call fit first"):
        Stacking([LogisticRegression()], LogisticRegression()).predict_proba(np.zeros((2, 2)))
