"""Search strategies: the Gaussian process against scikit-learn's, improvements against integrals, laws and edges."""

import itertools
import math
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern
from torch import nn

from helper_utils.data import Part
from helper_utils.search_strategies import (
    GaussianProcess,
    bayesian_search,
    chance_of_a_good_trial,
    cma_es,
    copy_the_best,
    evolve,
    expected_improvement,
    grid_points,
    hyperband,
    hyperband_brackets,
    hypergradient_descent,
    hypergradients,
    loss_after_training,
    matern52,
    median_pruning,
    mu_lambda_strategy,
    parzen_density,
    parzen_search,
    quasi_random_points,
    random_points,
    rbf,
    successive_halving,
    to_hyperparameters,
    train_populations,
    trials_for_chance,
)
from helper_utils.search_strategies.gaussian_process import _log_likelihoods
from helper_utils.search_strategies.halving import rung_epochs
from helper_utils.search_strategies.population import Populations

# ---------------------------------------------------------------------------------------------------------- spaces


@given(st.integers(0, 200), st.floats(0, 1))
def test_the_chance_is_the_complement_of_missing_every_time(n_trials, share):
    assert 1 - chance_of_a_good_trial(n_trials, share) == pytest.approx(math.prod([1 - share] * n_trials))


@given(st.floats(0, 0.999), st.floats(0.001, 0.999))
def test_the_trials_for_a_chance_are_the_fewest(chance, share):
    n_trials = trials_for_chance(chance, share)
    assert chance_of_a_good_trial(n_trials, share) >= chance
    assert n_trials == 0 or chance_of_a_good_trial(n_trials - 1, share) < chance


def test_sixty_trials_hit_the_best_twentieth_with_95_percent():
    assert trials_for_chance(0.95, 0.05) == 59
    assert chance_of_a_good_trial(1, 0.3) == pytest.approx(0.3)


def test_a_grid_has_all_combinations_in_the_middle_of_its_cells():
    points = grid_points(3, 2)
    values = (1 / 6, 1 / 2, 5 / 6)
    np.testing.assert_allclose(points, list(itertools.product(values, values)))
    assert grid_points(2, 6).shape == (64, 6)


def test_points_are_of_the_seed_and_in_the_cube():
    for sample in (random_points, quasi_random_points):
        points = sample(50, 3, seed=1)
        assert points.shape == (50, 3)
        assert ((points >= 0) & (points < 1)).all()
        np.testing.assert_array_equal(points[:20], sample(20, 3, seed=1))
        assert not np.array_equal(points, sample(50, 3, seed=2))


def test_quasi_random_points_fill_every_axis_more_evenly_than_random_ones():
    gaps = {
        sample: [np.diff(np.sort(sample(64, 4, seed=seed), axis=0), axis=0).max() for seed in range(10)]
        for sample in (random_points, quasi_random_points)
    }
    assert max(gaps[quasi_random_points]) < min(gaps[random_points])


SPACE = {"lr": ("log", 1e-4, 1.0), "dropout": ("linear", 0.0, 0.6), "optimizer": ("choice", "SGD", "Adam")}


def test_hyperparameters_have_their_scales():
    values = to_hyperparameters([[0.5, 0.5, 0.49], [0.0, 0.0, 0.5], [1.0, 1.0, 1.0]], SPACE)
    np.testing.assert_allclose(values["lr"], [1e-2, 1e-4, 1.0])
    np.testing.assert_allclose(values["dropout"], [0.3, 0.0, 0.6])
    assert values["optimizer"].tolist() == ["SGD", "Adam", "Adam"]
    assert to_hyperparameters([0.5, 0.5, 0.5], SPACE)["lr"].shape == ()


@given(st.floats(1e-8, 1e3), st.floats(1.001, 1e6), st.floats(0, 1), st.floats(0, 1))
def test_a_logarithmic_range_gives_equal_shares_equal_factors(low, factor, first, second):
    values = to_hyperparameters([[first], [second]], {"x": ("log", low, low * factor)})["x"]
    assert math.log(values[1] / values[0]) == pytest.approx((second - first) * math.log(factor), abs=1e-9)
    assert (values >= low * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(chance_of_a_good_trial, -1, 0.1), "n_trials must be at least 0"),
        (partial(chance_of_a_good_trial, 5, 1.5), "share from 0 to 1"),
        (partial(trials_for_chance, 1.0, 0.1), "below 1"),
        (partial(trials_for_chance, 0.5, 0.0), "share between 0 and 1"),
        (partial(grid_points, 0, 2), "n_values must be at least 1, not 0"),
        (partial(grid_points, 2.5, 2), "n_values must be a whole number, not 2.5"),  # type: ignore[arg-type]
        (partial(grid_points, math.inf, 2), "n_values must be a whole number, not inf"),  # type: ignore[arg-type]
        (partial(random_points, 3, 0, seed=0), "n_dims must be at least 1, not 0"),
        (partial(quasi_random_points, 0, 2, seed=0), "n_points must be at least 1, not 0"),
        (partial(to_hyperparameters, [0.5], {}), "space is empty"),
        (partial(to_hyperparameters, [0.5], SPACE), "3 columns"),
        (partial(to_hyperparameters, [1.5], {"x": ("linear", 0, 1)}), "from 0 to 1"),
        (partial(to_hyperparameters, [math.nan], {"x": ("linear", 0, 1)}), "from 0 to 1"),
        (partial(to_hyperparameters, [0.5], {"x": ("linear", 1, 1)}), "range of x must be two finite numbers"),
        (partial(to_hyperparameters, [0.5], {"x": ("linear", 0, math.inf)}), "range of x must be two finite"),
        (partial(to_hyperparameters, [0.5], {"x": ("log", 0, 1)}), "must begin above 0"),
        (partial(to_hyperparameters, [0.5], {"x": ("choice",)}), "nothing to choose from"),
        (partial(to_hyperparameters, [0.5], {"x": ("uniform", 0, 1)}), "kind of x must be one of"),
    ],
)
def test_bad_spaces_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------ Gaussian process


@pytest.mark.parametrize("n_dims", [1, 2, 6])
@pytest.mark.parametrize("n_points", [1, 3, 20])
@pytest.mark.parametrize("noise", [1e-4, 0.1])
@pytest.mark.parametrize(
    ("ours", "reference"), [(rbf, RBF), (matern52, partial(Matern, nu=2.5))], ids=["rbf", "matern52"]
)
def test_the_posterior_is_scikit_learns(n_dims, n_points, noise, ours, reference):
    rng = np.random.default_rng(n_points)
    inputs, values = rng.random((n_points, n_dims)), rng.standard_normal(n_points)
    new = rng.random((30, n_dims))
    for scales in (0.3, rng.uniform(0.2, 2, n_dims)):
        process = GaussianProcess(ours(scales), noise).fit(inputs, values)
        regressor: Any = GaussianProcessRegressor(reference(scales), alpha=noise, optimizer=cast("Any", None))
        regressor.fit(inputs, values)
        mean, std = process.predict(new)
        expected_mean, expected_std = regressor.predict(new, return_std=True)
        np.testing.assert_allclose(mean, expected_mean, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(std, expected_std, rtol=1e-5, atol=1e-6)
        expected = regressor.log_marginal_likelihood(regressor.kernel_.theta)
        assert process.log_likelihood() == pytest.approx(expected, rel=1e-6)


def test_a_process_without_observations_is_the_prior():
    mean, std = GaussianProcess(rbf(1.0), 0.1).predict(np.zeros((4, 2)))
    assert mean.tolist() == [0] * 4
    assert std.tolist() == [1] * 4


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(-5, 5))
def test_the_improvement_is_the_integral(mean, std, best):
    def gain(value: float) -> float:
        return (value - best) * float(norm.pdf(value, mean, std))

    integral, _ = quad(gain, max(best, mean - 12 * std), max(best, mean + 12 * std), limit=200)
    assert float(expected_improvement(mean, std, best)) == pytest.approx(integral, abs=1e-6)


@given(st.floats(-3, 3), st.floats(0, 3), st.floats(0, 3), st.floats(-3, 3))
def test_the_improvement_grows_with_the_uncertainty_and_is_never_negative(mean, std, more, best):
    low, high = expected_improvement([mean, mean], [std, std + more], best)
    assert 0 <= low <= high + 1e-12
    assert low >= mean - best - 1e-12


def test_without_uncertainty_the_improvement_is_the_gain():
    assert expected_improvement([1.0, 3.0], 0.0, 2.0).tolist() == [0.0, 1.0]


def peak(point):
    return -float(((point - 0.3) ** 2).sum())


def test_a_bayesian_search_finds_a_peak_and_repeats_itself():
    trials = bayesian_search(peak, 3, 30, seed=0)
    assert trials.points.shape == (30, 3)
    assert ((trials.points >= 0) & (trials.points <= 1)).all()
    np.testing.assert_allclose(trials.scores, [peak(point) for point in trials.points])
    assert trials.scores.max() > -0.003
    np.testing.assert_array_equal(trials.points, bayesian_search(peak, 3, 30, seed=0).points)


def test_likelihoods_of_many_settings_at_once_are_those_of_one_by_one():
    rng = np.random.default_rng(0)
    points, scores = rng.random((12, 3)), rng.standard_normal(12)
    scales, noises = rng.uniform(0.2, 3, (5, 3)), rng.uniform(1e-4, 0.1, 5)
    squares = (points[:, None] - points) ** 2
    expected = [
        GaussianProcess(matern52(scale), noise).fit(points, scores).log_likelihood()
        for scale, noise in zip(scales, noises, strict=True)
    ]
    assert _log_likelihoods(squares, scores, scales, noises) == pytest.approx(expected, rel=1e-6)


def test_equal_scores_do_not_stop_a_bayesian_search():
    assert len(bayesian_search(lambda _: 1.0, 2, 20, seed=0).scores) == 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(GaussianProcess, rbf(1.0), -1.0), "noise is a variance"),
        (partial(GaussianProcess, rbf(1.0), math.nan), "noise is a variance"),
        (partial(rbf, 0.0), "length_scales must be above 0"),
        (partial(matern52, [1.0, -1.0]), "length_scales must be above 0"),
        (partial(GaussianProcess(rbf(1.0), 0.1).fit, [[0.0]], [math.nan]), "must be finite"),
        (partial(GaussianProcess(rbf(1.0), 0.1).fit, [[math.inf]], [0.0]), "must be finite"),
        (partial(GaussianProcess(rbf(1.0), 0.1).fit, [[0.0]], [0.0, 1.0]), "shape"),
        (partial(GaussianProcess(rbf(1.0), 0.1).fit, np.empty((0, 2)), []), "N at least 1"),
        (GaussianProcess(rbf(1.0), 0.1).log_likelihood, "call fit first"),
        (partial(GaussianProcess(rbf(1.0), 0.1).fit([[0.0]], [0.0]).predict, [[0.0, 1.0]]), "shape"),
        (partial(expected_improvement, 0.0, -1.0, 0.0), "std must be at least 0"),
        (partial(expected_improvement, math.nan, 1.0, 0.0), "must be finite"),
        (partial(bayesian_search, peak, 2, 5, n_start=10, seed=0), "n_trials at least n_start"),
        (partial(bayesian_search, lambda _: math.nan, 2, 20, seed=0), "finite score"),
    ],
)
def test_bad_observations_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------------------------------------------------- parzen


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0.05, 1))
def test_a_parzen_density_is_the_mean_of_its_bells_and_a_flat_one(centres, width):
    x = np.linspace(-1, 2, 7)
    bells = [norm.pdf(x, centre, width) for centre in centres]
    np.testing.assert_allclose(
        parzen_density(x, centres, width), np.mean([*bells, np.ones(7)], axis=0), rtol=1e-9, atol=1e-12
    )


def test_a_parzen_search_stays_at_the_end_where_the_peak_is():
    for seed in range(10):
        later = parzen_search(lambda x: -x, 40, seed=seed).points[20:, 0]
        assert ((later >= 0) & (later <= 1)).all()
        assert (later > 0.9).mean() <= 0.1  # they do not leave at 0 to come back at 1


def test_a_parzen_search_crowds_around_the_peak():
    near = [np.abs(parzen_search(lambda x: -abs(x - 0.7), 40, seed=s).points[20:] - 0.7).mean() for s in range(10)]
    assert np.mean(near) < 0.15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(parzen_density, [0.0], [0.0], 0.0), "width must be above 0"),
        (partial(parzen_density, [math.nan], [0.0], 1.0), "finite"),
        (partial(parzen_search, lambda x: x, 3, n_start=5, seed=0), "n_start must be from 2 to n_trials"),
        (partial(parzen_search, lambda _: math.inf, 9, seed=0), "not finite"),
    ],
)
def test_bad_parzen_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------------------------------------------------- halving


def test_halving_keeps_the_best_and_counts_the_epochs():
    curves = np.array([[0.1, 0.2, 0.3], [0.5, 0.5, 0.5], [0.4, 0.6, 0.9], [0.0, 0.0, 0.0]])
    found = successive_halving(
        lambda configs, epochs: curves[configs, epochs // 2], range(4), min_epochs=1, max_epochs=4, eta=2
    )
    assert [rung.configs for rung in found.rungs] == [(0, 1, 2, 3), (1, 2), (2,)]
    assert [rung.n_epochs for rung in found.rungs] == [1, 2, 4]
    assert (found.best, found.best_score, found.n_epochs) == (2, 0.9, 4 + 2 + 2)


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 60), st.integers(2, 4), st.integers(0, 9))
def test_halving_costs_no_more_than_training_all_and_keeps_ordered_rungs(n, min_epochs, more, eta, seed):
    scores = np.random.default_rng(seed).random((n, min_epochs + more + 1))
    found = successive_halving(
        lambda configs, epochs: scores[configs, epochs],
        range(n),
        min_epochs=min_epochs,
        max_epochs=min_epochs + more,
        eta=eta,
    )
    assert found.n_epochs <= n * (min_epochs + more)
    assert found.best_score == max(found.rungs[-1].scores)
    for first, second in itertools.pairwise(found.rungs):
        assert set(second.configs) < set(first.configs) or len(first.configs) == 1
        assert first.n_epochs < second.n_epochs


def test_a_constant_order_makes_halving_find_the_best():
    quality = np.random.default_rng(0).permutation(50)
    found = successive_halving(lambda configs, epochs: quality[configs] * epochs, range(50), max_epochs=27)
    assert found.best == quality.argmax()


def test_nan_counts_as_the_worst_score():
    found = successive_halving(lambda configs, _: np.array([math.nan, 1.0, 0.0])[configs], range(3), max_epochs=3)
    assert found.best == 1


def test_the_table_of_hyperband_is_the_papers():
    """Table 1 of Li et al. (2018): R = 81, eta = 3."""
    assert [list(zip(b.n_configs, b.n_epochs, strict=True)) for b in hyperband_brackets(81, 3)] == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


@given(st.integers(2, 300), st.integers(2, 5))
def test_every_bracket_ends_with_all_epochs_and_one_configuration_at_least(max_epochs, eta):
    if max_epochs < eta:
        return
    for bracket in hyperband_brackets(max_epochs, eta):
        assert bracket.n_epochs[-1] == max_epochs
        assert bracket.n_epochs[0] >= 1
        assert min(bracket.n_configs) >= 1
        assert list(bracket.n_epochs) == sorted(set(bracket.n_epochs))


def test_hyperband_trains_what_its_table_says():
    rng = np.random.default_rng(0)
    quality = rng.random(1000)
    found = hyperband(lambda configs, _: quality[configs], lambda n: rng.choice(1000, n, replace=False), max_epochs=10)
    assert [(len(r.configs), r.n_epochs) for r in found.rungs] == [
        pair for b in hyperband_brackets(10) for pair in zip(b.n_configs, b.n_epochs, strict=True)
    ]
    assert found.best_score == max(quality[c] for r in found.rungs for c in r.configs)


def test_rungs_end_at_the_largest_budget():
    assert rung_epochs(1, 10, 3) == [1, 3, 10]
    assert rung_epochs(1, 9, 3) == [1, 3, 9]
    assert rung_epochs(5, 5, 2) == [5]


def test_the_median_rule_stops_what_is_below_the_median_of_the_earlier_ones():
    curves = [[0.5, 0.6, 0.7], [0.3, 0.4, 0.5], [0.4, 0.5, 0.6], [0.1, 0.9, 0.9], [0.45, 0.45, 0.9]]
    assert median_pruning(curves, n_startup_trials=3).tolist() == [3, 3, 3, 1, 2]
    assert median_pruning(curves, n_startup_trials=3, n_warmup_epochs=2).tolist() == [3, 3, 3, 3, 2]
    assert median_pruning(curves, n_startup_trials=5).tolist() == [3] * 5


def constant_scores(configs, n_epochs):  # noqa: ARG001
    return [0.0] * len(configs)


def one_score(configs, n_epochs):  # noqa: ARG001
    return [0.0]


def no_score(configs, n_epochs):  # noqa: ARG001
    return [math.nan]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(successive_halving, constant_scores, [], max_epochs=3), "one configuration at least"),
        (partial(successive_halving, one_score, [1, 2], max_epochs=3), "must return 2 scores"),
        (partial(successive_halving, one_score, [1], max_epochs=0), "min_epochs from 1 to max_epochs"),
        (partial(successive_halving, one_score, [1], max_epochs=3, eta=1), "eta must be at least 2"),
        (partial(successive_halving, no_score, [1], max_epochs=3), "raise min_epochs"),
        (partial(hyperband_brackets, 2, 3), "no bracket can halve"),
        (partial(hyperband_brackets, 9, 1), "eta must be at least 2"),
        (partial(hyperband_brackets, math.inf, 3), "max_epochs must be a whole number, not inf"),  # type: ignore[arg-type]
        (partial(hyperband_brackets, 81, 2.5), "eta must be a whole number, not 2.5"),  # type: ignore[arg-type]
        (partial(successive_halving, one_score, [1], max_epochs=math.inf), "max_epochs must be a whole number"),  # type: ignore[arg-type]
        (partial(hyperband, constant_scores, lambda _: [1], max_epochs=9), "draw must return 9 configurations, not 1"),
        (partial(median_pruning, [1.0, 2.0]), "shape"),
        (partial(median_pruning, [[math.nan]]), "finite"),
        (partial(median_pruning, [[1.0]], n_startup_trials=0), "at least 1"),
    ],
)
def test_bad_budgets_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# -------------------------------------------------------------------------------------------------------- evolution


def peaks(points):
    return -((points - 0.7) ** 2).sum(axis=1)


@pytest.mark.parametrize("search", [evolve, mu_lambda_strategy, cma_es])
def test_evolution_climbs_a_peak_and_repeats_itself(search):
    found = search(peaks, 4, n_generations=25, seed=3)
    assert found.points.shape == (25, 20, 4)
    assert ((found.points >= 0) & (found.points <= 1)).all()
    np.testing.assert_allclose(found.scores, [peaks(points) for points in found.points])
    assert found.scores[-5:].mean() > found.scores[0].mean()
    assert found.scores[-5:].max() > found.scores[0].max()
    np.testing.assert_array_equal(found.points, search(peaks, 4, n_generations=25, seed=3).points)


def test_without_mutation_and_crossover_evolution_only_selects():
    found = evolve(peaks, 2, n_generations=10, mutation=0.0, crossover=False, seed=0)
    first = {tuple(point) for point in found.points[0]}
    assert {tuple(point) for points in found.points for point in points} == first
    best = found.points[0][found.scores[0].argmax()]
    assert found.scores[-1].max() == found.scores[0].max()
    assert any((point == best).all() for point in found.points[-1])


@pytest.mark.parametrize("search", [evolve, mu_lambda_strategy, cma_es])
def test_bad_populations_are_refused(search):
    with pytest.raises(ValueError, match="n_generations must be at least 1"):
        search(peaks, 2, n_generations=0, seed=0)
    with pytest.raises(ValueError, match="must return 20 scores"):
        search(lambda points: points, 2, n_generations=2, seed=0)
    with pytest.raises(ValueError, match="not finite"):
        search(lambda points: np.full(len(points), np.nan), 2, n_generations=2, seed=0)


def test_the_limits_of_each_evolution_are_named():
    with pytest.raises(ValueError, match="n_parents from 1 to size"):
        evolve(peaks, 2, n_generations=2, size=4, n_parents=5, seed=0)
    with pytest.raises(ValueError, match="mutation must be at least 0"):
        evolve(peaks, 2, n_generations=2, mutation=-1.0, seed=0)
    with pytest.raises(ValueError, match="step must be above 0"):
        mu_lambda_strategy(peaks, 2, n_generations=2, step=0.0, seed=0)
    with pytest.raises(ValueError, match="n_dims of at least 2"):
        cma_es(peaks, 1, n_generations=2, seed=0)


# --------------------------------------------------------------------------------------- population-based training


def test_the_worst_copy_the_best():
    scores, lrs = np.array([3.0, np.nan, 1.0, 2.0]), np.array([0.1, 1.0, 2.0, 3.0])
    sources, new = copy_the_best(scores, lrs, np.random.default_rng(0))
    assert sources == [0, 0, 2, 3]
    assert new[0] == 0.1
    assert new[1] in (pytest.approx(0.08), pytest.approx(0.125))
    assert new[2:] == [2.0, 3.0]
    with pytest.raises(ValueError, match="share must be above 0"):
        copy_the_best(scores, lrs, np.random.default_rng(0), share=0.9)
    with pytest.raises(ValueError, match="of 3 members is nobody"):
        copy_the_best(scores[:3], lrs[:3], np.random.default_rng(0))


def blobs(seed: int) -> Part:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(3, (60,), generator=generator)
    return Part(torch.randn(60, 4, generator=generator) + 2 * nn.functional.one_hot(targets, 4), targets)


def linear_model() -> nn.Module:
    return nn.Linear(4, 3)


def test_a_population_follows_its_rates_and_its_sources():
    lrs = [[0.01, 0.1, 1.0, 0.001]] * 2
    trained = train_populations(linear_model, blobs(0), blobs(1), lrs=lrs, seeds=[1, 2], n_steps=5, n_rounds=4)
    assert trained.val_losses.shape == trained.lrs.shape == trained.sources.shape == (2, 4, 4)
    for p, m, i in itertools.product(range(2), range(4), range(3)):
        source = trained.sources[p, m, i]
        factor = trained.lrs[p, m, i + 1] / trained.lrs[p, source, i]
        assert factor in (pytest.approx(1.0), pytest.approx(0.8), pytest.approx(1.25))
        assert (factor == 1.0) == (source == m)
    assert trained.schedules().shape == (2, 4)
    assert trained.schedules()[0, -1] in trained.lrs[0, :, -1]


def test_without_exchange_the_rates_stay_and_a_given_schedule_gives_the_same():
    lrs = [[0.01, 0.1, 1.0]]
    alone = partial(train_populations, linear_model, blobs(0), blobs(1), seeds=[1], n_steps=5)
    trained = alone(lrs=lrs, n_rounds=3, exchange=None)
    again = alone(lrs=torch.tensor(lrs)[:, :, None].repeat(1, 1, 3))
    assert torch.equal(trained.val_losses, again.val_losses)
    assert (trained.val_losses[:, :, -1] < trained.val_losses[:, :, 0]).all()
    assert torch.equal(trained.schedules()[0], torch.full((3,), 1.0, dtype=torch.float64))


def test_the_test_set_judges_and_changes_nothing():
    call = partial(train_populations, linear_model, blobs(0), blobs(1), seeds=[1, 2], n_steps=5, n_rounds=3)
    lrs = [[0.01, 0.1, 1.0, 0.001]] * 2
    trained, without = call(lrs=lrs, test=blobs(1)), call(lrs=lrs)
    assert without.test_losses is None
    assert trained.test_losses is not None
    assert torch.equal(trained.test_losses, trained.val_losses[:, :, -1])  # here both are the same examples
    assert torch.equal(trained.lrs, without.lrs)


def test_a_diverged_member_is_no_winner():
    lrs, losses = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]]), torch.tensor([[[1.0, 0.5], [2.0, math.nan]]])
    stay = torch.tensor([[[0, 0], [1, 1]]])
    populations = Populations(lrs=lrs, sources=stay, val_losses=losses, val_accuracies=losses)
    assert torch.equal(populations.schedules(), torch.tensor([[0.1, 0.2]]))


def test_bad_populations_of_networks_are_refused():
    call = partial(train_populations, linear_model, blobs(0), blobs(1), seeds=[1], n_steps=5)
    with pytest.raises(ValueError, match="shape"):
        call(lrs=torch.tensor([0.1]))
    with pytest.raises(ValueError, match="at least 1"):
        call(lrs=[[0.1]], n_rounds=0)


# ---------------------------------------------------------------------------------------------------- hypergradients


@pytest.mark.parametrize("n_steps", [1, 3, 10])
@pytest.mark.parametrize(("lr", "decay"), [(0.05, 0.0), (0.3, 0.1)])
def test_hypergradients_are_finite_differences(n_steps, lr, decay):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    parts = [Part(part.inputs.double(), part.targets) for part in map(blobs, range(n_steps + 1))]
    found = hypergradients(model, parts[1:], parts[0], lr=lr, weight_decay=decay)

    def loss(lr: float, decay: float) -> float:
        lr_, decay_ = torch.tensor(lr, dtype=torch.float64), torch.tensor(decay, dtype=torch.float64)
        return loss_after_training(model, parts[1:], parts[0], lr_, decay_).item()

    h = 1e-6
    assert found.val_loss == pytest.approx(loss(lr, decay))
    assert found.lr == pytest.approx((loss(lr + h, decay) - loss(lr - h, decay)) / (2 * h), rel=1e-5)
    assert found.weight_decay == pytest.approx((loss(lr, decay + h) - loss(lr, decay - h)) / (2 * h), rel=1e-4)


def test_the_unrolled_training_is_that_of_torchs_sgd():
    torch.manual_seed(0)
    model = linear_model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    loss = hypergradients(model, [blobs(1), blobs(2)], blobs(0), lr=0.2, weight_decay=0.1).val_loss
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, weight_decay=0.1)
    for batch in (blobs(1), blobs(2)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch.inputs), batch.targets).backward()
        optimizer.step()
    assert loss == pytest.approx(nn.functional.cross_entropy(model(blobs(0).inputs), blobs(0).targets).item(), rel=1e-5)


CURVATURES = torch.tensor([1.0, 5.0], dtype=torch.float64)
START = torch.ones(2, dtype=torch.float64)


def test_the_rate_climbs_while_gradients_agree_and_is_constant_without_a_hyper_rate():
    plain = hypergradient_descent(lambda w: CURVATURES * w, START, lr=0.01, hyper_lr=0.0, n_steps=20)
    torch.testing.assert_close(plain.weights[-1], (1 - 0.01 * CURVATURES) ** 20)
    assert plain.lrs.tolist() == [0.01] * 20
    learned = hypergradient_descent(lambda w: CURVATURES * w, START, lr=0.01, hyper_lr=1e-3, n_steps=20)
    assert (learned.lrs[1:] > 0.01).all()
    assert learned.weights[-1].norm() < plain.weights[-1].norm()
    first, second = CURVATURES, CURVATURES * learned.weights[1]
    assert learned.lrs[1].item() == pytest.approx(0.01 + 1e-3 * (first * second).sum().item())


def test_bad_hypergradient_arguments_are_refused():
    with pytest.raises(ValueError, match="batches is empty"):
        hypergradients(linear_model(), [], blobs(0), lr=0.1, weight_decay=0.0)
    with pytest.raises(ValueError, match="must be finite"):
        hypergradients(linear_model(), [blobs(1)], blobs(0), lr=math.nan, weight_decay=0.0)
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        hypergradient_descent(lambda w: w, START, lr=0.1, hyper_lr=0.0, n_steps=0)
