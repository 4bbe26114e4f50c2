"""Dropout against torch's, penalties against scikit-learn and autograd, early stopping against the callback."""

import copy
import math
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet, Ridge
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from helper_utils.base.callbacks import EarlyStopping, TrainingRun
from helper_utils.base.history import History
from helper_utils.base.many_runs import train_many
from helper_utils.base.seeds import set_seed
from helper_utils.data import Part
from helper_utils.regularization import (
    Dropout,
    GaussianNoise,
    Setting,
    elastic_net_penalty,
    entropy_penalty,
    l1_penalty,
    l2_penalty,
    max_norm_,
    monte_carlo_probabilities,
    noisy_labels,
    ridge_weights,
    soft_threshold,
    stop_early,
    train_settings,
)

numbers = st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 3))


def random_tensors(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


# ---------------------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("shape", [(7,), (5, 3), (2, 3, 4, 4), (0, 3)])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.3, 0.5, 0.9])
def test_dropout_is_torchs_to_the_bit_forward_and_backward(p, shape):
    results = []
    for layer in (Dropout(p), nn.Dropout(p)):
        inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
        torch.manual_seed(2)
        outputs = layer(inputs)
        outputs.sum().backward()
        results.append((outputs.detach(), inputs.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_dropout_does_nothing_in_evaluation_and_leaves_its_inputs_as_they_are():
    inputs = torch.ones(100)
    assert Dropout(0.5).eval()(inputs) is inputs
    Dropout(0.5)(inputs)
    assert torch.equal(inputs, torch.ones(100))


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_dropout_keeps_the_mean_and_drops_the_share(p):
    torch.manual_seed(0)
    outputs = Dropout(p)(torch.ones(200_000))
    assert outputs.mean().item() == pytest.approx(1, abs=0.02)
    assert (outputs == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert outputs.unique().tolist() == pytest.approx([0, 1 / (1 - p)])


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan])
def test_dropout_refuses_other_shares(p):
    with pytest.raises(ValueError, match=r"p is the share of the values that is dropped"):
        Dropout(p)


def test_dropout_and_noise_refuse_integers_and_say_what_they_are():
    for layer in (Dropout(0.5), GaussianNoise(0.1)):
        with pytest.raises(TypeError, match=r"convert with .float\(\)"):
            layer(torch.ones(3, dtype=torch.int64))
    assert repr(Dropout(0.5)) == "Dropout(p=0.5)"
    assert repr(GaussianNoise(0.1)) == "GaussianNoise(std=0.1)"


def test_monte_carlo_passes_differ_in_dropout_only():
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), Dropout(0.5), nn.Linear(16, 3))
    model[3].eval()
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    set_seed(0)
    probabilities = monte_carlo_probabilities(model, torch.randn(5, 4), 20)
    assert probabilities.shape == (20, 5, 3)
    torch.testing.assert_close(probabilities.sum(dim=2), torch.ones(20, 5))
    assert probabilities.std(dim=0).max() > 0.01
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_monte_carlo_refuses_what_would_be_all_the_same():
    with pytest.raises(ValueError, match="no dropout layer"):
        monte_carlo_probabilities(nn.Linear(2, 2), torch.ones(1, 2), 3)
    with pytest.raises(ValueError, match="n_samples must be at least 1, not 0"):
        monte_carlo_probabilities(nn.Sequential(nn.Dropout2d()), torch.ones(1, 2), 0)


# --------------------------------------------------------------------------------------------------------- penalties


@pytest.mark.parametrize("strength", [0.0, 0.1, 3.0])
def test_penalties_are_sums_over_all_weights(strength):
    weights = random_tensors((4, 3), (5,), (2, 2, 2))
    flat = torch.cat([w.flatten() for w in weights])
    torch.testing.assert_close(l1_penalty(weights, strength), strength * flat.norm(1))
    torch.testing.assert_close(l2_penalty(weights, strength), strength * flat.norm(2) ** 2)
    torch.testing.assert_close(l1_penalty(weights[0], strength), l1_penalty(iter(weights[:1]), strength))


def test_the_gradient_of_the_l2_penalty_is_twice_torchs_decay():
    [start] = random_tensors((6, 4))
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    optimizers = torch.optim.SGD([ours], lr=0.1), torch.optim.SGD([theirs], lr=0.1, weight_decay=0.6)
    for _ in range(5):
        optimizers[0].zero_grad()
        l2_penalty([ours], 0.3).backward()
        theirs.grad = torch.zeros_like(theirs)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_the_elastic_net_penalty_is_that_of_scikit_learn(l1_ratio):
    inputs, targets = random_tensors((60, 8), (60,))
    alpha = 0.05
    fitted = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-12, max_iter=100_000)
    with warnings.catch_warnings():  # coordinate descent advises against l1_ratio=0
        warnings.simplefilter("ignore")
        fitted.fit(inputs.numpy(), targets.numpy())
    best = torch.as_tensor(fitted.coef_)

    def objective(weights: Tensor) -> Tensor:
        return (inputs @ weights - targets).square().mean() / 2 + elastic_net_penalty(weights, alpha, l1_ratio)

    for direction in random_tensors(*[(8,)] * 20, seed=1):
        assert objective(best) < objective(best + 1e-3 * direction)
        assert objective(best) < objective(best - 1e-3 * direction)


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty, elastic_net_penalty])
def test_penalties_refuse_bad_input(penalty):
    with pytest.raises(ValueError, match="strength must be at least 0, not -1"):
        penalty([torch.ones(2)], -1)
    with pytest.raises(ValueError, match="strength must be at least 0, not nan"):
        penalty([torch.ones(2)], math.nan)
    with pytest.raises(ValueError, match="strength must be finite, not inf"):
        penalty([torch.zeros(2)], math.inf)
    with pytest.raises(ValueError, match="no parameters to penalise"):
        penalty([])
    with pytest.raises(TypeError, match=r"must hold floating-point numbers, not torch.int64"):
        penalty([torch.ones(2, dtype=torch.int64)])
    with pytest.raises(TypeError, match="must be a tensor, not of type str"):
        penalty(["weight"])


def test_the_elastic_net_refuses_other_ratios():
    with pytest.raises(ValueError, match=r"l1_ratio must be from 0 to 1, not 1.5"):
        elastic_net_penalty([torch.ones(2)], 1.0, 1.5)


def test_the_entropy_penalty_is_the_negative_entropy():
    [logits] = random_tensors((6, 5))
    entropy = torch.distributions.Categorical(logits=logits).entropy().mean()
    torch.testing.assert_close(entropy_penalty(logits, 0.7), -0.7 * entropy)
    assert entropy_penalty(torch.zeros(3, 4)).item() == pytest.approx(-math.log(4))
    confident = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]]).requires_grad_()
    entropy_penalty(confident).backward()
    assert entropy_penalty(confident).item() == 0
    assert confident.grad is not None
    assert confident.grad.isfinite().all()


def test_the_entropy_penalty_refuses_bad_input():
    for shape in ((3,), (0, 4), (4, 0), (2, 3, 4)):
        with pytest.raises(ValueError, match=r"must have the shape \(N, classes\)"):
            entropy_penalty(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"strength must be at least 0, not -0.1"):
        entropy_penalty(torch.zeros(2, 2), -0.1)
    with pytest.raises(TypeError, match="floating-point numbers"):
        entropy_penalty(torch.zeros(2, 2, dtype=torch.int64))


@given(st.lists(numbers, min_size=1, max_size=5), st.floats(0, 50))
def test_the_soft_threshold_minimises_its_problem(values, threshold):
    weights = torch.tensor(values, dtype=torch.float64)
    result = soft_threshold(weights, threshold)

    def objective(w: Tensor) -> Tensor:
        return (w - weights).square() / 2 + threshold * w.abs()

    for other in (weights, torch.zeros_like(weights), result + 0.01, result - 0.01):
        assert (objective(result) <= objective(other) + 1e-9).all()
    assert ((result == 0) == (weights.abs() <= threshold)).all()
    torch.testing.assert_close(soft_threshold(-weights, threshold), -result)


def test_the_soft_threshold_is_torchs_softshrink_and_refuses_bad_input():
    [weights] = random_tensors((50,))
    torch.testing.assert_close(soft_threshold(weights, 0.4), nn.functional.softshrink(weights, 0.4))
    assert torch.equal(soft_threshold(weights, 0.0), weights)
    with pytest.raises(ValueError, match=r"threshold must be at least 0, not -0.1"):
        soft_threshold(weights, -0.1)
    with pytest.raises(TypeError, match="floating-point numbers"):
        soft_threshold(torch.ones(2, dtype=torch.int64), 0.1)


@pytest.mark.parametrize("strength", [1e-6, 0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_features", [1, 5, 30])
def test_ridge_equals_scikit_learn(n_features, strength):
    inputs, targets = random_tensors((20, n_features), (20,))
    reference = Ridge(alpha=20 * strength, fit_intercept=False, solver="svd").fit(inputs.numpy(), targets.numpy())
    coefficients = torch.as_tensor(np.ravel(reference.coef_))
    torch.testing.assert_close(ridge_weights(inputs, targets, strength), coefficients, rtol=1e-6, atol=1e-8)


def test_ridge_is_the_minimum_of_its_loss():
    inputs, targets = random_tensors((20, 4), (20,))
    weights = ridge_weights(inputs, targets, 0.3).requires_grad_()
    ((inputs @ weights - targets).square().mean() + l2_penalty(weights, 0.3)).backward()
    torch.testing.assert_close(weights.grad, torch.zeros_like(weights))


def test_ridge_refuses_bad_input():
    with pytest.raises(ValueError, match=r"inputs must have the shape \(N, F\)"):
        ridge_weights(torch.ones(3, 2), torch.ones(3, 1), 0.1)
    with pytest.raises(ValueError, match="with N above 0"):
        ridge_weights(torch.ones(0, 2), torch.ones(0), 0.1)
    with pytest.raises(ValueError, match="strength must be at least 0"):
        ridge_weights(torch.ones(3, 2), torch.ones(3), -0.1)
    with pytest.raises(TypeError, match="the targets must hold floating-point"):
        ridge_weights(torch.ones(3, 2), torch.ones(3, dtype=torch.int64), 0.1)


@given(st.integers(0, 1000), st.floats(0.01, 5))
def test_max_norm_shortens_long_rows_only(seed, max_norm):
    [weight] = random_tensors((6, 2, 3), seed=seed)
    before = weight.clone()
    max_norm_(weight, max_norm)
    norms, old = weight.flatten(1).norm(dim=1), before.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, old.clamp(max=max_norm))
    torch.testing.assert_close(weight, torch.renorm(before, 2, 0, max_norm), rtol=1e-6, atol=1e-6)


def test_max_norm_refuses_bad_input():
    for wrong in (0, -1, math.nan, math.inf):
        weight = torch.ones(2, 2)
        with pytest.raises(ValueError, match=f"max_norm must be above 0 and finite, not {wrong}"):
            max_norm_(weight, wrong)
        assert torch.equal(weight, torch.ones(2, 2))
    with pytest.raises(ValueError, match="two dimensions or more"):
        max_norm_(torch.ones(2), 1)
    with pytest.raises(TypeError, match="floating-point numbers"):
        max_norm_(torch.ones(2, 2, dtype=torch.int64), 1)


# ------------------------------------------------------------------------------------------------------------- noise


@given(st.integers(0, 60), st.floats(0, 1), st.integers(2, 10), st.integers(0, 1000))
def test_noisy_labels_keep_the_others(n_labels, share, n_classes, seed):
    targets = torch.arange(n_labels) % n_classes
    noisy = noisy_labels(targets, share, n_classes, seed)
    assert noisy.dtype == targets.dtype
    assert (noisy != targets).sum() <= round(share * n_labels)
    assert not n_labels or 0 <= noisy.min() <= noisy.max() < n_classes
    assert torch.equal(noisy, noisy_labels(targets, share, n_classes, seed))


def test_the_share_of_wrong_labels_is_the_expected_one():
    targets = torch.arange(50_000) % 10
    assert (noisy_labels(targets, 0.4, 10, 1) != targets).float().mean().item() == pytest.approx(0.36, abs=0.01)
    assert torch.equal(noisy_labels(targets, 0.0, 10, 1), targets)


def test_noisy_labels_refuse_bad_input():
    targets = torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, not 1.1"):
        noisy_labels(targets, 1.1, 3, 0)
    with pytest.raises(ValueError, match="n_classes must be at least 2, not 1"):
        noisy_labels(targets, 0.5, 1, 0)
    with pytest.raises(ValueError, match="lie from 0 to 1"):
        noisy_labels(targets, 0.5, 2, 0)
    for wrong in (targets.float(), targets > 0, targets.to(torch.complex64)):
        with pytest.raises(TypeError, match="class numbers"):
            noisy_labels(wrong, 0.5, 3, 0)
    assert noisy_labels(targets.to(torch.uint8), 1.0, 256, 0).dtype == torch.uint8
    with pytest.raises(ValueError, match=r"torch.uint8 cannot hold 300 classes: convert the targets with .long\(\)"):
        noisy_labels(targets.to(torch.uint8), 1.0, 300, 0)


def test_gaussian_noise_has_its_standard_deviation_in_training_only():
    layer, inputs = GaussianNoise(0.3), torch.zeros(100_000)
    torch.manual_seed(0)
    noise = layer(inputs)
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert layer.eval()(inputs) is inputs
    with pytest.raises(ValueError, match="std must be at least 0, not -1"):
        GaussianNoise(-1)
    with pytest.raises(ValueError, match="std must be finite, not inf"):
        GaussianNoise(math.inf)


# ---------------------------------------------------------------------------------------------------- early stopping


@given(
    st.lists(st.integers(0, 8).map(float), min_size=1, max_size=20), st.integers(0, 6), st.sampled_from([0.0, 1.0, 2.5])
)
def test_stopping_on_a_curve_is_that_of_the_callback(losses, patience, min_delta):
    model = nn.Linear(1, 1)
    run = TrainingRun(model, torch.optim.SGD(model.parameters()), History(), len(losses), 1, validates=True)
    stopping = EarlyStopping(patience, min_delta=min_delta)
    stopping.before_training(run)
    for run.epoch, loss in enumerate(losses, start=1):
        run.history.append(1.0, 1.0, loss, 1.0, 0.1, 1.0)
        stopping.after_epoch(run)
        if run.stop:
            break
    assert stop_early(losses, patience, min_delta) == (stopping.best_epoch, run.epoch)


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "expected"),
    [
        ([3, 2, 1], 0, 0.0, (3, 3)),
        ([3, 2, 2, 1], 0, 0.0, (2, 3)),
        ([3, 2, 2, 1], 1, 0.0, (4, 4)),
        ([3, 2, 2.5, 2.5, 1], 2, 0.0, (5, 5)),
        ([3, 2, 2.5, 2.5, 1], 1, 0.0, (2, 4)),
        ([3, 2.9, 2.8, 2.7, 1], 1, 0.5, (1, 3)),
        ([math.inf, math.inf, math.inf], 1, 0.0, (1, 3)),
    ],
)
def test_stopping_on_small_curves(losses, patience, min_delta, expected):
    assert stop_early(losses, patience, min_delta) == expected


def test_stopping_refuses_bad_input():
    with pytest.raises(ValueError, match=r"patience and min_delta must be at least 0, not -1 and 0.0"):
        stop_early([1.0], -1)
    with pytest.raises(ValueError, match=r"not 0 and -0.1"):
        stop_early([1.0], 0, -0.1)
    with pytest.raises(ValueError, match="there are no losses"):
        stop_early([], 1)
    with pytest.raises(ValueError, match="the loss of epoch 2 is nan"):
        stop_early([1.0, math.nan], 5)


# ------------------------------------------------------------------------------------------------ runs with settings


def three_parts(n_examples: int = 40) -> tuple[Part, Part, Part]:
    generator = torch.Generator().manual_seed(0)

    def draw() -> Part:
        inputs = torch.randn(n_examples, 6, generator=generator)
        return Part(inputs, inputs[:, :3].argmax(dim=1))

    return draw(), draw(), draw()


def test_runs_without_regularizers_are_those_of_train_many():
    train, val, test = three_parts()
    run = partial(train_settings, train=train, val=val, test=test, seeds=[3, 4], n_epochs=3, n_hidden=8, n_classes=3)
    ours = run([Setting(), Setting(weight_decay=2.0)], lr=0.01, batch_size=10)

    def make_model() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    theirs = train_many(
        make_model, train, lrs=[0.01], seeds=[3, 4], n_epochs=3, batch_size=10, make_optimizer=torch.optim.Adam, val=val
    )
    torch.testing.assert_close(ours.val_losses[0], theirs.val_losses[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.test_losses[0, :, -1], theirs.evaluate(test)[0][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.train_losses[0], theirs.evaluate(train)[0][0], rtol=1e-4, atol=1e-5)
    assert ours.test_accuracies.shape == (2, 2, 3)
    short = train_settings([Setting()], train, val, seeds=[3], n_epochs=1, n_classes=3, batch_size=10)
    assert short.test_losses.shape == (1, 1, 0)
    assert repr(ours) == "SettingRuns(2 settings x 2 seeds x 3 epochs)"
    at_the_end = run([Setting(), Setting(weight_decay=2.0)], lr=0.01, batch_size=10, every_epoch=False)
    for name in ("val_losses", "val_accuracies", "test_losses", "test_accuracies"):
        torch.testing.assert_close(getattr(at_the_end, name), getattr(ours, name)[:, :, -1:])


def test_each_run_has_its_own_decay_on_the_matrices_only():
    train, val, test = three_parts()
    decays, n_steps = (0.0, 0.5, 5.0), 8
    ours = train_settings(
        [Setting(weight_decay=decay) for decay in decays], train, val, test, seeds=[5], n_epochs=2, n_hidden=8,
        n_classes=3, lr=0.02, batch_size=10,
    )  # fmt: skip
    order = torch.Generator().manual_seed(5)
    batches = [batch for _ in range(2) for batch in torch.randperm(40, generator=order).split(10)]
    assert len(batches) == n_steps
    for number, decay in enumerate(decays):
        set_seed(5)
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        matrices, biases = ([p for p in model.parameters() if (p.dim() == 2) == wanted] for wanted in (True, False))
        groups = [{"params": matrices, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=0.02)
        for batch in batches:
            optimizer.zero_grad()
            cross_entropy(model(train.inputs[batch]), train.targets[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            loss = cross_entropy(model(val.inputs), val.targets)
        torch.testing.assert_close(ours.val_losses[number, 0, -1], loss, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["dropout", "input_noise", "entropy"])
def test_each_regularizer_changes_its_own_runs_only(name):
    train, val, test = three_parts()
    run = partial(train_settings, train=train, val=val, test=test, seeds=[1, 2], n_epochs=4, n_classes=3, batch_size=10)
    alone, both = run([Setting()]), run([Setting(), Setting(**{name: 0.5})])
    torch.testing.assert_close(both.val_losses[0], alone.val_losses[0], rtol=1e-4, atol=1e-5)
    assert (both.train_losses[1] > both.train_losses[0]).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dropout": 1.0}, "dropout is the share that is dropped, below 1, not 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0, not -0.1"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, not -1.0"),
        ({"input_noise": math.nan}, "input_noise must be at least 0, not nan"),
        ({"entropy": -1.0}, "entropy must be at least 0, not -1.0"),
        ({"weight_decay": math.inf}, "weight_decay must be finite, not inf"),
    ],
)
def test_settings_refuse_bad_values(values, message):
    with pytest.raises(ValueError, match=message):
        Setting(**values)


def test_the_confidence_penalty_is_the_entropy_penalty():
    train, val, _ = three_parts()
    ours = train_settings(
        [Setting(entropy=0.4)], train, val, seeds=[5], n_epochs=2, n_hidden=8, n_classes=3, lr=0.02, batch_size=10
    )
    order = torch.Generator().manual_seed(5)
    set_seed(5)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for batch in [batch for _ in range(2) for batch in torch.randperm(40, generator=order).split(10)]:
        optimizer.zero_grad()
        logits = model(train.inputs[batch])
        (cross_entropy(logits, train.targets[batch]) + entropy_penalty(logits, 0.4)).backward()
        optimizer.step()
    with torch.no_grad():
        loss = cross_entropy(model(val.inputs), val.targets)
    torch.testing.assert_close(ours.val_losses[0, 0, -1], loss, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_epochs": 0}, "n_epochs must be at least 1, not 0"),
        ({"n_hidden": 0}, "n_hidden must be at least 1, not 0"),
        ({"n_classes": 1}, "n_classes must be at least 2, not 1"),
        ({"n_classes": 2}, "there is a label 2, but n_classes is 2: labels go from 0 to 1"),
        ({"lr": -0.1}, "lr must be positive and finite, not -0.1"),
        ({"lr": 0.0}, "lr must be positive and finite, not 0.0"),
        ({"lr": math.nan}, "lr must be positive and finite, not nan"),
        ({"lr": math.inf}, "lr must be positive and finite, not inf"),
        ({"settings": []}, "at least one setting"),
        ({"seeds": []}, "at least one rate and one seed"),
        ({"batch_size": 41}, "batch_size must be from 1 to the 40 training examples, not 41"),
    ],
)
def test_runs_refuse_bad_arguments(values, message):
    train, val, test = three_parts()
    good: dict[str, Any] = {
        "settings": [Setting()],
        "train": train,
        "val": val,
        "test": test,
        "seeds": [1],
        "n_epochs": 1,
    }
    with pytest.raises(ValueError, match=message):
        train_settings(**good | {"n_classes": 3} | values)


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_runs_refuse_bad_parts_and_say_which(name):
    parts = dict(zip(("train", "val", "test"), three_parts(), strict=True))
    inputs, targets = parts[name]
    said = {"train": "training", "val": "validation", "test": "test"}[name]
    wrong = [
        (Part(inputs[:, None], targets), ValueError, r"must have the shape \(N, F\), not \(40, 1, 6\): flatten"),
        (Part(inputs[:0], targets[:0]), ValueError, r"set is empty: its inputs have the shape \(0, 6\)"),
        (Part(inputs.long(), targets), TypeError, r"must hold floating-point numbers, not torch.int64: convert"),
        (Part(inputs, inputs[:, 0]), TypeError, r"must be class numbers \(integers\), not torch.float32"),
        (Part(inputs, targets[:, None]), ValueError, r"must have the shape \(N,\), which is \(40,\), not \(40, 1\)"),
    ]
    if name != "train":
        wrong.append((Part(inputs[:, :5], targets), ValueError, "have 5 features, those of the training set 6"))

    def train(parts: dict[str, Part]) -> None:
        train_settings([Setting()], parts["train"], parts["val"], parts["test"], seeds=[1], n_epochs=1, n_classes=3)

    for part, error, message in wrong:
        with pytest.raises(error, match=f"the {said} .*{message}"):
            train(parts | {name: part})
    negative = Part(inputs, targets - 1)
    with pytest.raises(ValueError, match="there is a label -1, but n_classes is 3: labels go from 0 to 2"):
        train(parts | {name: negative})
