"""Interpretability: attributions against captum, features against scikit-learn, Shapley's axioms on random games."""

import importlib
import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.inspection import partial_dependence as sklearn_partial_dependence
from sklearn.inspection import permutation_importance as sklearn_permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from helper_utils.interpretability import (
    add_marks,
    counterfactual,
    deletion_curve,
    fidelity,
    fit_rule_list,
    grad_cam,
    gradient_times_input,
    guided_backpropagation,
    heat_map,
    individual_expectations,
    integrated_gradients,
    layer_features,
    lime,
    load_scenes,
    logistic_weights,
    mark_place,
    nearest_neighbours,
    occlusion,
    partial_dependence,
    permutation_importance,
    pointing_game,
    randomize_from_top,
    rank_correlation,
    saliency,
    shapley_values,
    share_inside,
    smooth_grad,
    surrogate_tree,
)

seeds = st.integers(0, 10_000)
ATTRIBUTIONS: dict[str, Any] = {
    "saliency": saliency,
    "gradient times input": gradient_times_input,
    "smooth_grad": lambda model, x, *, target: smooth_grad(model, x, target=target, std=0.1, n_samples=2),
    "integrated_gradients": lambda model, x, *, target: integrated_gradients(model, x, target=target, baseline=0.0),
    "guided": guided_backpropagation,
    "occlusion": lambda model, x, *, target: occlusion(model, x, target=target, size=2),
    "grad_cam": lambda model, x, *, target: grad_cam(model, x, target=target, layer=model[2]),
}


def small_network(seed: int = 0, *, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Conv2d(4, 5, 3, stride=2, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 3),
    ).double()


def images(seed: int = 1, n: int = 4, size: int = 8) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


TARGETS = torch.tensor([0, 2, 1, 2])


@pytest.fixture
def captum() -> Any:
    return pytest.importorskip("captum.attr", reason='captum is missing: pip install ".[interpretability]"')


# ------------------------------------------------------------------------------------------------- against captum


@pytest.mark.parametrize("inplace", [False, True])
def test_gradients_equal_captums(captum: Any, inplace: bool) -> None:
    model, x = small_network(inplace=inplace).eval(), images()
    reference = small_network().eval()  # captum's hooks do not work with in-place ReLU
    close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}
    for absolute in (True, False):
        theirs = captum.Saliency(reference).attribute(x.clone().requires_grad_(), target=TARGETS, abs=absolute)
        torch.testing.assert_close(saliency(model, x, target=TARGETS, absolute=absolute), theirs, **close)
    theirs = captum.InputXGradient(reference).attribute(x.clone().requires_grad_(), target=TARGETS)
    torch.testing.assert_close(gradient_times_input(model, x, target=TARGETS), theirs, **close)
    with pytest.warns(UserWarning, match="hooks"):
        theirs = captum.GuidedBackprop(reference).attribute(x.clone().requires_grad_(), target=TARGETS)
    torch.testing.assert_close(guided_backpropagation(model, x, target=TARGETS), theirs, **close)


@pytest.mark.parametrize("baseline", [0.0, -1.5])
@pytest.mark.parametrize("n_steps", [2, 7])
def test_integrated_gradients_equal_captums(captum: Any, baseline: float, n_steps: int) -> None:
    model, x = small_network().eval(), images()
    theirs = captum.IntegratedGradients(model).attribute(
        x, baselines=baseline, target=TARGETS, n_steps=n_steps, method="riemann_middle"
    )
    ours = integrated_gradients(model, x, target=TARGETS, baseline=baseline, n_steps=n_steps)
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=1e-4, atol=1e-6)  # captum's steps are float32


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (4, 2), (8, 8), (3, 1)])
def test_occlusion_equals_captums(captum: Any, size: int, stride: int) -> None:
    model, x = small_network().eval(), images()
    theirs = captum.Occlusion(model).attribute(
        x, sliding_window_shapes=(3, size, size), strides=(3, stride, stride), baselines=0.3, target=TARGETS
    )
    ours = occlusion(model, x, target=TARGETS, size=size, stride=stride, fill=0.3)
    torch.testing.assert_close(ours.float(), theirs[:, 0].float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_grad_cam_equals_captums(captum: Any, layer: int, relu: bool) -> None:
    model, x = small_network().eval(), images()
    theirs = captum.LayerGradCam(model, model[layer]).attribute(x, target=TARGETS, relu_attributions=relu)
    ours = grad_cam(model, x, target=TARGETS, layer=model[layer], relu=relu, upsample=False)
    torch.testing.assert_close(ours, theirs[:, 0])
    whole = grad_cam(model, x, target=TARGETS, layer=model[layer], relu=relu)
    torch.testing.assert_close(whole, captum.LayerAttribution.interpolate(theirs, (8, 8), "bilinear")[:, 0])


def test_shapley_values_equal_captums(captum: Any) -> None:
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x = torch.randn(1, 5, dtype=torch.float64)

    def value(subset: frozenset[int]) -> float:
        kept = torch.zeros(5, dtype=torch.bool)
        kept[list(subset)] = True
        return model(torch.where(kept, x, 0.0))[0, 1].item()

    ours = shapley_values(value, 5)
    # captum's ShapleyValueSampling draws orders; over all of them it is exact.
    theirs = captum.ShapleyValueSampling(model).attribute(x, target=1, n_samples=400)
    np.testing.assert_allclose(ours, theirs[0].detach().numpy(), atol=0.08)


# --------------------------------------------------------------------------------------------------- attributions


def test_in_place_relus_change_nothing() -> None:
    x = images()
    for name, attribute in ATTRIBUTIONS.items():
        ours = attribute(small_network(inplace=True), x, target=1)
        torch.testing.assert_close(ours, attribute(small_network(), x, target=1), msg=name)


def test_the_model_is_left_as_it_was() -> None:
    model, x = small_network().train(), images()
    before = x.clone()
    for attribute in ATTRIBUTIONS.values():
        attribute(model, x, target=0)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or "forward" in vars(m) for m in model.modules())
    assert torch.equal(x, before)
    assert x.grad is None


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_integrated_gradients_are_complete(seed: int) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x, baseline = torch.randn(5, 6, dtype=torch.float64), torch.randn(1, 6, dtype=torch.float64)
    ours = integrated_gradients(model, x, target=2, baseline=baseline, n_steps=200).sum(dim=1)
    difference = (model(x) - model(baseline))[:, 2]
    torch.testing.assert_close(ours, difference, rtol=0, atol=0.05)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_on_a_linear_model_the_attributions_agree(seed: int) -> None:
    torch.manual_seed(seed)
    model, x = nn.Linear(4, 3).double(), torch.randn(3, 4, dtype=torch.float64)
    expected = model.weight[1] * x
    torch.testing.assert_close(gradient_times_input(model, x, target=1), expected.detach())
    torch.testing.assert_close(integrated_gradients(model, x, target=1, baseline=0.0, n_steps=3), expected.detach())
    smooth = smooth_grad(model, x, target=1, std=0.5, n_samples=3)
    torch.testing.assert_close(smooth, model.weight[1].detach().expand_as(x))


def test_smooth_grad_without_noise_is_the_gradient_and_its_seed_counts() -> None:
    model, x = small_network(), images()
    plain = saliency(model, x, target=1, absolute=False)
    torch.testing.assert_close(smooth_grad(model, x, target=1, std=0.0, n_samples=3), plain)
    first, again, other = (smooth_grad(model, x, target=1, std=0.2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_grad_cam_with_average_pooling_is_the_class_activation_map() -> None:
    last = nn.Linear(4, 2)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    x = images().float()
    ours = grad_cam(model, x, target=1, layer=model[1], relu=False, upsample=False)
    activations = model[1](model[0](x))
    expected = torch.einsum("c,nchw->nhw", last.weight[1], activations) / activations[0, 0].numel()
    torch.testing.assert_close(ours, expected.detach())


def test_occlusion_of_a_sum_is_the_patch() -> None:
    linear = nn.Linear(12, 1)
    nn.init.ones_(linear.weight)
    model = nn.Sequential(nn.Flatten(), linear)
    x = torch.arange(12.0).view(1, 3, 2, 2)
    ours = occlusion(model, x, target=0, size=1)
    torch.testing.assert_close(ours, x.sum(dim=1))
    rows = occlusion(model, torch.ones(1, 3, 2, 2), target=0, size=2)
    assert rows.tolist() == [[[12.0, 12.0], [12.0, 12.0]]]


@pytest.mark.parametrize("attribute", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_bad_inputs_and_targets_are_refused(attribute: Any) -> None:
    model = small_network()
    with pytest.raises(TypeError, match=r"inputs must be floating point, not torch\.int64"):
        attribute(model, torch.ones(1, 3, 8, 8, dtype=torch.int64), target=0)
    with pytest.raises(ValueError, match="target is 3; expected a class from 0 to 2"):
        attribute(model, images(), target=3)
    with pytest.raises(ValueError, match="target is -1"):
        attribute(model, images(), target=torch.tensor([0, 1, -1, 2]))
    with pytest.raises(ValueError, match="a class for each of the 4 inputs"):
        attribute(model, images(), target=torch.tensor([0, 1]))
    with pytest.raises(TypeError, match="target must"):
        attribute(model, images(), target=0.5)
    with pytest.raises(TypeError, match="target must"):
        attribute(model, images(), target=torch.zeros(4))
    with pytest.raises(ValueError, match="N >= 1"):
        attribute(model, images()[:0], target=0)
    with pytest.raises(ValueError, match="the model must return logits of shape"):
        attribute(
            nn.Sequential(nn.Conv2d(3, 4, 1).double(), nn.ReLU(), nn.Conv2d(4, 4, 1).double()), images(), target=0
        )


def test_unusable_settings_are_refused() -> None:
    model, x = small_network(), images()
    with pytest.raises(ValueError, match="n_steps is 0"):
        integrated_gradients(model, x, target=0, baseline=0.0, n_steps=0)
    with pytest.raises(ValueError, match="the baseline equals the inputs"):
        integrated_gradients(model, x, target=0, baseline=x)
    with pytest.raises(ValueError, match="does not fit inputs of shape"):
        integrated_gradients(model, x, target=0, baseline=torch.zeros(5, 5))
    with pytest.raises(ValueError, match=r"std is -0\.1"):
        smooth_grad(model, x, target=0, std=-0.1)
    with pytest.raises(ValueError, match="n_samples is 0"):
        smooth_grad(model, x, target=0, std=0.1, n_samples=0)
    with pytest.raises(ValueError, match=r"the model has no nn\.ReLU module"):
        guided_backpropagation(nn.Sequential(nn.Flatten(), nn.Linear(192, 3).double()), x, target=0)
    with pytest.raises(ValueError, match="is not a module of the model"):
        grad_cam(model, x, target=0, layer=nn.ReLU())
    with pytest.raises(ValueError, match=r"expected \(N, channels, h, w\)"):
        grad_cam(model, x, target=0, layer=model[7])
    with pytest.raises(ValueError, match="size is 9"):
        occlusion(model, x, target=0, size=9)
    with pytest.raises(ValueError, match="stride is 3"):
        occlusion(model, x, target=0, size=2, stride=3)
    with pytest.raises(ValueError, match=r"inputs must be images of shape \(N, C, H, W\)"):
        occlusion(nn.Linear(4, 2), torch.zeros(3, 4), target=0, size=1)


def test_a_layer_that_the_forward_pass_leaves_out_is_refused() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left_out, self.last = nn.ReLU(), nn.Linear(12, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x.flatten(1))

    model = Unused()
    with pytest.raises(ValueError, match="does not use the layer"):
        grad_cam(model, torch.zeros(1, 3, 2, 2), target=0, layer=model.left_out)
    with pytest.raises(ValueError, match="does not use the layer"):
        layer_features(model, torch.zeros(1, 3, 2, 2), layer=model.left_out)


def test_heat_map_adds_absolute_values() -> None:
    assert heat_map(torch.tensor([[[[1.0]], [[-2.0]]]])).tolist() == [[[3.0]]]
    with pytest.raises(ValueError, match="images of shape"):
        heat_map(torch.zeros(2, 2))


# --------------------------------------------------------------------------------------------------------- checks


def test_share_inside_and_pointing_game() -> None:
    maps = torch.tensor([[[1.0, -2.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    masks = torch.tensor([[[False, True], [False, True]]] * 2)
    share = share_inside(maps, masks)
    assert share[0] == 0.75
    assert math.isnan(share[1])
    assert pointing_game(maps, masks).tolist() == [False, False]
    assert pointing_game(maps.abs(), masks).tolist() == [True, False]
    for check in (share_inside, pointing_game):
        with pytest.raises(TypeError, match="masks must be bool"):
            check(maps, masks.float())
        with pytest.raises(ValueError, match="must both have the shape"):
            check(maps, masks[0])


@given(seeds, st.integers(2, 12))
@settings(max_examples=30, deadline=None)
def test_rank_correlation_equals_scipys(seed: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randint(0, 6, (3, n), generator=generator).float() for _ in range(2))
    ours = rank_correlation(a, b)
    for value, x, y in zip(ours, a, b, strict=True):
        if x.unique().numel() > 1 and y.unique().numel() > 1:
            assert value.item() == pytest.approx(cast(Any, spearmanr(x, y)).statistic)
        else:
            assert math.isnan(value.item())


def test_rank_correlation_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="same shape"):
        rank_correlation(torch.zeros(2, 3), torch.zeros(2, 4))


def test_randomising_goes_from_the_top_and_keeps_the_model() -> None:
    model = small_network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    steps = list(randomize_from_top(model, seed=3))
    assert torch.equal(state, torch.random.get_rng_state())
    assert [name for name, _ in steps] == ["7", "2", "0"]
    for number, (_, changed) in enumerate(steps):
        new = [name for name, value in changed.state_dict().items() if not torch.equal(value, before[name])]
        layers = sorted({name.split(".")[0] for name in new})
        assert layers == sorted(["7", "2", "0"][: number + 1])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again = list(randomize_from_top(model, seed=3))[-1][1]
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), steps[-1][1].parameters(), strict=True))
    with pytest.raises(ValueError, match="no layer with weights"):
        randomize_from_top(nn.Sequential(nn.ReLU(), nn.Flatten()))


def test_deletion_starts_with_the_highest_values() -> None:
    linear = nn.Linear(4, 2, bias=False)
    model = nn.Sequential(nn.Flatten(), linear)
    linear.weight.data = torch.tensor([[0.0] * 4, [4.0, 3.0, 2.0, 1.0]])
    x = torch.ones(1, 1, 2, 2)
    true_map = torch.tensor([[[4.0, 3.0], [2.0, 1.0]]])
    curve = deletion_curve(model, x, true_map, target=1, n_steps=4)[0]
    torch.testing.assert_close(curve, torch.tensor([10.0, 6.0, 3.0, 1.0, 0.0]).sigmoid())
    last_first = deletion_curve(model, x, -true_map, target=1, n_steps=4)[0]
    torch.testing.assert_close(last_first, torch.tensor([10.0, 9.0, 7.0, 4.0, 0.0]).sigmoid())
    with pytest.raises(ValueError, match="n_steps is 5"):
        deletion_curve(model, x, true_map, target=1, n_steps=5)
    with pytest.raises(ValueError, match=r"maps must have the shape \(N, H, W\)"):
        deletion_curve(model, x, true_map[0], target=1)
    with pytest.raises(ValueError, match="target is 2"):
        deletion_curve(model, x, true_map, target=2, n_steps=4)


# ------------------------------------------------------------------------------------------------------- features


def table() -> tuple[Tensor, Tensor, LinearRegression]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    y = 3 * x[:, 0] + x[:, 1]
    return torch.from_numpy(x), torch.from_numpy(y), LinearRegression().fit(x, y)


def test_permutation_importance_equals_sklearns_on_average() -> None:
    x, y, model = table()
    ours = permutation_importance(lambda a, b: float(model.score(a, b)), x, y, n_repeats=100)
    theirs: Any = sklearn_permutation_importance(model, x.numpy(), y.numpy(), n_repeats=100, random_state=0)
    np.testing.assert_allclose(ours.mean(axis=1), theirs.importances_mean, atol=0.06)
    np.testing.assert_allclose(ours.std(axis=1), theirs.importances_std, atol=0.06)
    assert abs(ours[2]).max() < 1e-6


def test_permuted_groups_move_together() -> None:
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    x[:, 1] = x[:, 0]
    y = x[:, 0]

    def worst_difference(a: Tensor, _targets: Tensor) -> float:
        return -(a[:, 0] - a[:, 1]).abs().max().item()

    apart = permutation_importance(worst_difference, x, y)
    together = permutation_importance(worst_difference, x, y, groups=[[0, 1]])
    assert apart.min() > 0.5
    assert together.tolist() == [[0.0] * 5]


@pytest.mark.parametrize(("kind", "ours"), [("average", partial_dependence), ("individual", individual_expectations)])
def test_partial_dependence_equals_sklearns(kind: Any, ours: Any) -> None:
    x, _, model = table()
    grid = torch.linspace(-1, 1, 5, dtype=torch.float64)

    def predict(a: Tensor) -> Tensor:
        return torch.from_numpy(model.predict(a.numpy()))

    theirs = sklearn_partial_dependence(
        model, x.numpy(), [1], kind=kind, method="brute", custom_values={1: grid.numpy()}
    )
    np.testing.assert_allclose(ours(predict, x, 1, grid), theirs[kind][0])


def test_feature_functions_refuse_bad_input() -> None:
    x, y, _ = table()
    with pytest.raises(ValueError, match="each group must name features from 0 to 2"):
        permutation_importance(lambda _a, _b: 0.0, x, y, groups=[[3]])
    with pytest.raises(ValueError, match="each group must name"):
        permutation_importance(lambda _a, _b: 0.0, x, y, groups=[[]])
    with pytest.raises(ValueError, match="a target for each"):
        permutation_importance(lambda _a, _b: 0.0, x, y[:3])
    with pytest.raises(ValueError, match="n_repeats is 0"):
        permutation_importance(lambda _a, _b: 0.0, x, y, n_repeats=0)
    grid = torch.zeros(2)
    with pytest.raises(ValueError, match="feature is 3; expected from 0 to 2"):
        partial_dependence(lambda a: a[:, 0], x, 3, grid)
    with pytest.raises(TypeError, match="inputs must be floating point"):
        partial_dependence(lambda a: a[:, 0], x.long(), 0, grid)
    with pytest.raises(ValueError, match=r"predict must return the shape \(200,\)"):
        partial_dependence(lambda a: a, x, 0, grid)
    with pytest.raises(ValueError, match="grid must have the shape"):
        partial_dependence(lambda a: a[:, 0], x, 0, torch.zeros(0))
    with pytest.raises(ValueError, match="inputs must have the shape"):
        partial_dependence(lambda a: a[:, 0], x[0], 0, grid)


# -------------------------------------------------------------------------------------------------------- players


def random_game(seed: int, n_players: int) -> dict[frozenset[int], float]:
    rng = np.random.default_rng(seed)
    subsets = [frozenset(i for i in range(n_players) if number >> i & 1) for number in range(2**n_players)]
    return {subset: float(rng.normal()) for subset in subsets}


@given(seeds, st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_shapley_values_are_efficient_and_linear(seed: int, n: int) -> None:
    first, second = random_game(seed, n), random_game(seed + 1, n)
    a, b = shapley_values(first.__getitem__, n), shapley_values(second.__getitem__, n)
    assert a.sum() == pytest.approx(first[frozenset(range(n))] - first[frozenset()])
    both = shapley_values(lambda s: 2 * first[s] - second[s], n)
    np.testing.assert_allclose(both, 2 * a - b, atol=1e-9)
    side_by_side = shapley_values(lambda s: [first[s], second[s]], n)
    np.testing.assert_allclose(side_by_side, np.stack([a, b], axis=1), atol=1e-9)


@given(seeds, st.integers(3, 6))
@settings(max_examples=40, deadline=None)
def test_equal_players_share_and_a_dummy_gets_nothing(seed: int, n: int) -> None:
    game = random_game(seed, n)

    def value(subset: frozenset[int]) -> float:  # player 0 and 1 are exchangeable, and the last adds 2 to everything
        others = subset - {0, 1, n - 1}
        return game[others | frozenset(range(len(subset & {0, 1})))] + 2.0 * (n - 1 in subset)

    values = shapley_values(value, n)
    assert values[0] == pytest.approx(values[1])
    assert values[n - 1] == pytest.approx(2.0)
    without = shapley_values(lambda s: value(s - {n - 1}), n)
    assert without[n - 1] == pytest.approx(0.0)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_sampled_shapley_values_are_efficient_and_come_near(seed: int) -> None:
    game = random_game(seed, 5)
    exact = shapley_values(game.__getitem__, 5)
    sampled = shapley_values(game.__getitem__, 5, n_samples=400, seed=seed)
    assert sampled.sum() == pytest.approx(exact.sum())
    np.testing.assert_allclose(sampled, exact, atol=0.5)


def test_every_subset_is_asked_once() -> None:
    asked: list[frozenset[int]] = []

    def value(subset: frozenset[int]) -> int:
        asked.append(subset)
        return len(subset)

    assert shapley_values(value, 7).tolist() == pytest.approx([1.0] * 7)
    assert len(asked) == len(set(asked)) == 2**7


def test_shapley_refuses_too_many_players() -> None:
    with pytest.raises(ValueError, match="n_players is 13: exact values of more than 12 players"):
        shapley_values(len, 13)
    assert shapley_values(len, 13, n_samples=2).tolist() == pytest.approx([1.0] * 13)
    with pytest.raises(ValueError, match="n_players is 0"):
        shapley_values(len, 0)
    with pytest.raises(ValueError, match="n_samples is 0"):
        shapley_values(len, 3, n_samples=0)


@pytest.mark.parametrize("kernel_width", [0.25, 2.0])
def test_lime_equals_a_weighted_ridge_regression(kernel_width: float) -> None:
    seen: list[np.ndarray] = []

    def outputs(is_on: np.ndarray) -> np.ndarray:
        seen.append(is_on)
        return np.sin(is_on @ np.arange(1.0, 5.0))

    ours = lime(outputs, 4, n_samples=50, kernel_width=kernel_width, ridge=0.1)
    x = seen[0]
    weights = np.exp(-(((1 - x.mean(axis=1)) / kernel_width) ** 2))
    theirs = Ridge(alpha=0.1).fit(x, outputs(x), sample_weight=weights)
    np.testing.assert_allclose(ours, theirs.coef_)


def test_lime_finds_a_linear_model_and_refuses_bad_arguments() -> None:
    found = lime(lambda is_on: is_on @ np.array([2.0, -1.0, 0.0]) + 5, 3, ridge=0.0)
    np.testing.assert_allclose(found, [2, -1, 0], atol=1e-9)
    bad: list[dict[str, Any]] = [{"n_samples": 1}, {"kernel_width": 0.0}, {"ridge": -1.0}]
    for arguments in bad:
        with pytest.raises(ValueError, match=f"{next(iter(arguments))} is"):
            lime(lambda is_on: is_on[:, 0], 3, **arguments)
    with pytest.raises(ValueError, match="n_features is 0"):
        lime(lambda is_on: is_on[:, 0], 0)
    with pytest.raises(ValueError, match=r"outputs must return the shape \(200,\)"):
        lime(lambda is_on: is_on, 3)


# --------------------------------------------------------------------------------------- other models and examples


def test_a_surrogate_tree_finds_the_rule() -> None:
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    predictions = (x[:, 2] > 0.3).long()
    tree = surrogate_tree(predictions, x, max_depth=1)
    assert fidelity(torch.from_numpy(tree.predict(x.numpy())), predictions) == 1.0
    assert tree.tree_.feature[0] == 2
    with pytest.raises(ValueError, match="max_depth is 0"):
        surrogate_tree(predictions, x, max_depth=0)
    with pytest.raises(ValueError, match="inputs must have the shape"):
        surrogate_tree(predictions[:5], x)


def test_fidelity_is_the_share_of_equal_predictions() -> None:
    assert fidelity(torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 1, 1])) == 0.75
    with pytest.raises(ValueError, match=r"both must have the shape \(N,\)"):
        fidelity(torch.tensor([]), torch.tensor([]))


def test_nearest_neighbours() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]])
    assert nearest_neighbours(features, torch.tensor([[0.9, 0.0]]), k=2).tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="k is 4"):
        nearest_neighbours(features, features, k=4)
    with pytest.raises(ValueError, match="must have the shapes"):
        nearest_neighbours(features, torch.zeros(2, 3))


@pytest.mark.parametrize("inplace", [False, True])
def test_layer_features_are_those_before_what_follows(inplace: bool) -> None:
    model, x = small_network(inplace=inplace), images()
    torch.testing.assert_close(layer_features(model, x, layer=model[0]), model[0](x).flatten(1).detach())
    assert model.training


def test_counterfactuals_of_a_linear_model_lie_at_the_border() -> None:
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    x = torch.tensor([[1.0, 3.0], [-2.0, 1.0], [50.0, 0.0]])
    changed, reached = counterfactual(model, x, target=1, step=0.5, n_steps=20)
    assert reached.tolist() == [True, True, False]
    torch.testing.assert_close(changed[0], torch.tensor([0.0, 3.0]), atol=0.01, rtol=0)
    assert changed[0, 0] < 0
    torch.testing.assert_close(changed[1], x[1])
    with pytest.raises(ValueError, match="step is 0"):
        counterfactual(model, x, target=1, step=0)
    with pytest.raises(ValueError, match="target is 2"):
        counterfactual(model, x, target=2)
    with pytest.raises(ValueError, match="two or more classes"):
        counterfactual(nn.Linear(2, 1), x, target=0)


# --------------------------------------------------------------------------------------------------------- scenes


def test_scenes_hold_the_classes_and_know_their_objects() -> None:
    train, val, test = load_scenes(subset_size=40, image_size=18, object_size=12, class_names=("cross", "ring"), seed=3)
    assert (len(train.targets), len(val.targets), len(test.targets)) == (8, 200, 200)
    for scenes in (train, val, test):
        assert scenes.inputs.shape[1:] == (3, 18, 18)
        assert scenes.masks.shape == (len(scenes.targets), 18, 18)
        assert scenes.targets.bincount().tolist() == [len(scenes.targets) // 2] * 2
        assert not (scenes.masks & mark_place(scenes.masks)).any()
    columns = test.masks.any(dim=1).float().argmax(dim=1)  # where the objects begin: not in one place
    assert columns.float().std() > 1
    again = load_scenes(subset_size=40, image_size=18, object_size=12, class_names=("cross", "ring"), seed=3)
    assert torch.equal(again[0].inputs, train.inputs)
    background = test.inputs.flatten(2).median(dim=2).values[:, :, None, None]
    distance = (test.inputs - background).abs().mean(dim=1)
    assert distance[test.masks].mean() > 2 * distance[~test.masks].mean()  # the masks moved with the objects


def test_unknown_scenes_are_refused() -> None:
    with pytest.raises(ValueError, match="'digits' has no masks"):
        load_scenes("digits")
    with pytest.raises(ValueError, match="class_names must be two or more of circle, square"):
        load_scenes(subset_size=20, class_names=("circle", "house"))
    with pytest.raises(ValueError, match="object_size is 20"):
        load_scenes(object_size=20)


def test_marks_are_put_on_a_copy() -> None:
    plain = torch.zeros(2, 3, 6, 6)
    marked = add_marks(plain, torch.tensor([0, 1]))
    assert plain.abs().max() == 0
    assert marked[:, :, 0, 0].tolist() == [[2, -2, -2], [-2, -2, 2]]
    assert torch.equal((marked != 0).all(dim=1), mark_place(plain[:, 0]))
    for colors in (torch.tensor([0, 2]), torch.tensor([0])):
        with pytest.raises(ValueError, match="colors must hold 0 or 1 for each of the 2 images"):
            add_marks(plain, colors)


def test_marks_may_stand_anywhere() -> None:
    inputs = torch.zeros(3, 3, 9, 7)
    places = torch.tensor([[0, 0], [6, 4], [2, 1]])
    marked = add_marks(inputs, torch.tensor([0, 1, 0]), places)
    is_mark = mark_place(inputs[:, 0], places)
    assert torch.equal((marked != 0).all(dim=1), is_mark)
    assert is_mark.flatten(1).sum(dim=1).tolist() == [9, 9, 9]
    assert is_mark[1, 6:, 4:].all()
    assert torch.equal(add_marks(inputs[:1], torch.tensor([0]), places[:1]), add_marks(inputs[:1], torch.tensor([0])))
    for bad in (places[:2], torch.tensor([[0, 0], [7, 4], [2, 1]]), torch.tensor([[0, 0], [-1, 4], [2, 1]])):
        with pytest.raises(ValueError, match="places"):
            add_marks(inputs, torch.tensor([0, 1, 0]), bad)


# ------------------------------------------------------------------------------------------------- readable models


def patients(seed: int, n: int = 150) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    targets = (torch.rand(n, generator=generator) < torch.sigmoid(2 * z[:, 0] + z[:, 1])).long()
    return torch.tensor([37.0, 70_000.0, 1e-4]) + z * torch.tensor([0.7, 12_000.0, 2e-5]), targets


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_logistic_weights_equal_sklearns(penalty: float) -> None:
    x, y = patients(0)
    weights, intercept = logistic_weights(x, y, penalty=penalty)
    scaler = StandardScaler().fit(x.numpy())
    scaled = scaler.transform(x.numpy())
    theirs: Any = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1000).fit(scaled, y.numpy())
    scale: Any = scaler.scale_
    np.testing.assert_allclose(weights.numpy() * scale, theirs.coef_[0], rtol=1e-4, atol=1e-6)
    logits = (x @ weights + intercept).numpy()
    np.testing.assert_allclose(logits, theirs.decision_function(scaled), rtol=1e-4, atol=1e-5)


@given(seeds, st.floats(1e-3, 1e3))
@settings(max_examples=10, deadline=None)
def test_a_unit_changes_the_weight_and_not_the_prediction(seed: int, factor: float) -> None:
    x, y = patients(seed)
    other = x * torch.tensor([1.0, factor, 1.0], dtype=torch.float64)
    (a, b), (c, d) = logistic_weights(x, y), logistic_weights(other, y)
    torch.testing.assert_close(x @ a + b, other @ c + d, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(a[1], c[1] * factor, rtol=1e-5, atol=0)


def test_a_rule_list_finds_rules_and_can_be_read() -> None:
    x = torch.rand(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = (x[:, 1] > 0.7).long()
    rules = fit_rule_list(x, y, n_rules=2)
    assert [rule.feature for rule in rules.rules] == [1, 1]
    assert (rules.predict(x) == y).double().mean() > 0.9
    assert rules.describe(["a", "b", "c"]).count("\n") == 2
    assert "b" in rules.describe(["a", "b", "c"]).splitlines()[0]


@given(seeds, st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_the_first_rule_that_holds_answers(seed: int, n_rules: int) -> None:
    x, y = patients(seed, 80)
    rules = fit_rule_list(x, y, n_rules=n_rules)
    assert 1 <= len(rules.rules) <= n_rules
    one_by_one = []
    for row in x:
        holding = [rule.answer for rule in rules.rules if bool(rule.holds(row[None]))]
        one_by_one.append(holding[0] if holding else rules.otherwise)
    assert rules.predict(x).tolist() == one_by_one
    first = rules.rules[0]
    assert first.n_covered == int(first.holds(x).sum()) >= 8
    assert first.n_right == int((y[first.holds(x)] == first.answer).sum())


def test_readable_models_refuse_bad_input() -> None:
    x, y = patients(0)
    for fit in (fit_rule_list, logistic_weights):
        with pytest.raises(ValueError, match="targets"):
            fit(x, y + 1)
        with pytest.raises(ValueError, match="inputs"):
            fit(x.long(), y)
        with pytest.raises(ValueError, match="inputs"):
            fit(x, y[:-1])
    with pytest.raises(ValueError, match="min_share"):
        fit_rule_list(x, y, min_share=0.6)
    with pytest.raises(ValueError, match="n_rules"):
        fit_rule_list(x, y, n_rules=0)
    with pytest.raises(ValueError, match="penalty"):
        logistic_weights(x, y, penalty=0.0)
    with pytest.raises(ValueError, match="constant"):
        logistic_weights(torch.ones_like(x), y)


def test_the_package_does_not_import_captum_or_scikit_learn() -> None:
    module = importlib.import_module("helper_utils.interpretability.surrogates")
    assert "DecisionTreeClassifier" not in vars(module)
