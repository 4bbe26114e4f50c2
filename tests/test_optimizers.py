import copy
import inspect
import io
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import Optimizer

from helper_utils import optimizers

Settings = dict[str, Any]
Maker = Callable[[str], type[Optimizer]]

SHAPES = [(), (1,), (3,), (4, 3), (2, 3, 4)]
MATRICES = [(4, 3), (3, 4), (5, 5), (1, 6), (6, 1)]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
ONLY_FOR_SPEED = {"foreach", "fused", "capturable", "differentiable"}

RATES = [1e-3, 0.1]  # each combination is tried with both, in two groups

# For each optimizer the values that are tried, all with all.
GRIDS: dict[str, dict[str, list]] = {
    "SGD": {
        "momentum": [0, 0.5, 0.9],
        "dampening": [0, 0.3],
        "nesterov": [False, True],
        "weight_decay": [0, 0.1],
        "maximize": [False, True],
    },
    "Adagrad": {
        "lr_decay": [0, 0.1],
        "weight_decay": [0, 0.1],
        "initial_accumulator_value": [0, 0.5],
        "eps": [1e-10, 1e-3],
        "maximize": [False, True],
    },
    "RMSprop": {
        "alpha": [0.5, 0.99],
        "eps": [1e-4],  # the default is tried in other tests
        "weight_decay": [0, 0.1],
        "momentum": [0, 0.9],
        "centered": [False, True],
        "maximize": [False, True],
    },
    "Adadelta": {
        "rho": [0.5, 0.95],
        "eps": [1e-6, 1e-3],
        "weight_decay": [0, 0.1],
        "maximize": [False, True],
    },
    "Adam": {
        "betas": [(0.9, 0.999), (0.5, 0.0)],
        "eps": [1e-8, 1e-3],
        "weight_decay": [0, 0.1],
        "amsgrad": [False, True],
        "maximize": [False, True],
    },
}
GRIDS["AdamW"] = GRIDS["Adam"]
MUON_GRID = {
    "weight_decay": [0, 0.1],
    "momentum": [0, 0.95],
    "nesterov": [False, True],
    "adjust_lr_fn": [None, "original", "match_rms_adamw", "spectral_unclamped"],
}

# For each optimizer settings in which everything takes part and every memory is kept.
FULL: dict[str, Settings] = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.2},
    "RMSprop": {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1},
    "Adadelta": {"rho": 0.8, "weight_decay": 0.1},
    "Adam": {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.1, "amsgrad": True},
}
OTHERS: dict[str, Settings] = {"Lion": {"lr": 0.01, "weight_decay": 0.1}, "Muon": {"lr": 0.01}}
ALL = FULL | OTHERS


def ours(name: str) -> Callable[..., Optimizer]:
    return getattr(optimizers, name)


def torchs(name: str) -> Callable[..., Optimizer]:
    return getattr(torch.optim, name)


def combinations(grid: dict[str, list]) -> list[Settings]:
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return [settings for settings in every if is_allowed(settings)]


def is_allowed(settings: Settings) -> bool:
    """Nesterov of SGD needs momentum and no dampening."""
    if "dampening" not in settings or not settings["nesterov"]:
        return True
    return settings["momentum"] > 0 and settings["dampening"] == 0


def label(value: object) -> str | None:
    return " ".join(f"{name}={setting}" for name, setting in value.items()) if isinstance(value, dict) else None


def shapes_for(name: str) -> list[tuple[int, ...]]:
    return MATRICES if name == "Muon" else SHAPES


def parameters(shapes: Iterable[tuple[int, ...]], dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)) for shape in shapes]


def groups_of_both_rates(shapes: list[tuple[int, ...]], dtype: torch.dtype) -> list[Settings]:
    params = parameters(shapes, dtype)
    return [{"params": params[:2], "lr": RATES[0]}, {"params": params[2:], "lr": RATES[1]}]


def gradients(
    shapes: Iterable[tuple[int, ...]], n_steps: int, dtype: torch.dtype = torch.float64
) -> list[list[Tensor]]:
    """For each step and parameter a gradient: of sizes from 0.001 to 10, with some zeros."""
    generator = torch.Generator().manual_seed(2)

    def over_time(shape: tuple[int, ...]) -> Tensor:
        size, power, zero = torch.rand((3, n_steps, *shape), generator=generator, dtype=torch.float64)
        return torch.where(zero < 0.1, 0.0, (size - 0.4) * 10 ** (4 * power - 3)).to(dtype)

    return [list(step) for step in zip(*map(over_time, shapes), strict=True)]


def replay(optimizer: Optimizer, steps: Iterable[Sequence[Tensor | None]]) -> list[Tensor]:
    """Step with each list of gradients; returns the parameters as they are then."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for step in steps:
        for param, gradient in zip(params, step, strict=True):
            param.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    return [param.detach().clone() for param in params]


def assert_close(actual: object, expected: object, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.fixture
def _torchs_muon_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch orthogonalizes in bfloat16, always; without that, its Muon can be compared to all digits."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


# -------------------------------------------------------------------------------------------------- equal to torch's


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name in GRIDS for settings in combinations(GRIDS[name])], ids=label
)
def test_a_hundred_steps_equal_torchs(name: str, settings: Settings, dtype: torch.dtype) -> None:
    steps = gradients(SHAPES, 100, dtype)
    results = [
        replay(make(groups_of_both_rates(SHAPES, dtype), **settings, **options), steps)
        for make, options in ((ours(name), {}), (torchs(name), {"foreach": False}))
    ]
    assert all(values.isfinite().all() for values in results[0])
    assert_close(results[0], results[1], TOLERANCE[dtype])


@pytest.mark.parametrize("settings", combinations(MUON_GRID), ids=label)
@pytest.mark.usefixtures("_torchs_muon_in_full_precision")
def test_a_hundred_steps_of_muon_equal_torchs(settings: Settings) -> None:
    steps = gradients(MATRICES, 100)
    results = [
        replay(muon(groups_of_both_rates(MATRICES, torch.float64), **settings), steps)
        for muon in (optimizers.Muon, torch.optim.Muon)
    ]
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", GRIDS)
def test_defaults_are_torchs(name: str) -> None:
    steps = gradients(SHAPES, 20)
    results = [replay(make(parameters(SHAPES)), steps) for make in (ours(name), torchs(name))]
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", [*GRIDS, "Muon"])
def test_arguments_are_torchs_but_for_those_about_speed(name: str) -> None:
    mine, reference = (inspect.signature(make).parameters for make in (ours(name), torchs(name)))
    assert reference.keys() - mine.keys() <= ONLY_FOR_SPEED
    assert {argument: mine[argument].default for argument in mine} == {
        argument: reference[argument].default for argument in mine
    }
    by_position = [argument for argument in mine if mine[argument].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert by_position == list(reference)[: len(by_position)]


@pytest.mark.parametrize("name", GRIDS)
def test_a_network_trains_as_with_torchs(name: str) -> None:
    inputs, targets = parameters([(50, 6), (50, 2)])
    trained = []
    for make in (ours(name), torchs(name)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 2)).double()
        weights, rest = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim == 1]
        optimizer = make([{"params": weights, "lr": 0.02}, {"params": rest, "weight_decay": 0}], **FULL[name])
        for _ in range(30):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
        trained.append([param.detach() for param in model.parameters()])
    assert_close(trained[0], trained[1], 1e-10)  # rounding grows through the network


@pytest.mark.parametrize("name", [*GRIDS, "Muon"])
@pytest.mark.usefixtures("_torchs_muon_in_full_precision")
def test_groups_with_their_own_settings(name: str) -> None:
    shapes = shapes_for(name)
    grid = {
        key: values for key, values in (GRIDS | {"Muon": MUON_GRID})[name].items() if key != "initial_accumulator_value"
    }  # torch ignores a group's
    first, *_, last = combinations(grid)
    results = []
    for make in (ours(name), torchs(name)):
        params = parameters(shapes)
        groups = [{"params": params[:1]}, {"params": params[1:3], **first}, {"params": params[3:], **last}]
        results.append(replay(make(groups, **ALL[name]), gradients(shapes, 50)))
    assert_close(results[0], results[1])


def test_a_group_has_its_own_start_of_adagrad() -> None:
    params = parameters([(3,), (3,)])
    optimizer = optimizers.Adagrad([{"params": params[:1], "initial_accumulator_value": 2.0}, {"params": params[1:]}])
    before = [param.detach().clone() for param in params]
    after = replay(optimizer, [[torch.ones(3, dtype=torch.float64)] * 2])
    assert_close(before[0] - after[0], torch.full((3,), 0.01 / math.sqrt(2 + 1), dtype=torch.float64), 1e-9)
    assert_close(before[1] - after[1], torch.full((3,), 0.01, dtype=torch.float64), 1e-9)


@pytest.mark.parametrize("name", [*GRIDS, "Muon"])
@pytest.mark.usefixtures("_torchs_muon_in_full_precision")
def test_parameters_without_gradient_stay_and_do_not_count_the_step(name: str) -> None:
    shapes = shapes_for(name)
    steps: list[list[Tensor | None]] = [[*step] for step in gradients(shapes, 60)]
    for number, step in enumerate(steps):
        step[0] = None
        step[1 + number % 3] = None
    results = [replay(make(parameters(shapes), **ALL[name]), steps) for make in (ours(name), torchs(name))]
    assert_close(results[0], results[1])
    assert torch.equal(results[0][0], parameters(shapes)[0])


@pytest.mark.parametrize("name", ALL)
def test_parameters_in_any_layout_of_memory(name: str) -> None:
    dense, transposed = parameters([(4, 3)])[0], nn.Parameter(parameters([(4, 3)])[0].detach().T.contiguous().T)
    [step] = gradients([(4, 3)], 1)
    results = [replay(ours(name)([param], **ALL[name]), [step] * 5) for param in (dense, transposed)]
    assert transposed.stride() != dense.stride()
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", ALL)
def test_a_step_leaves_the_gradients_as_they_are(name: str) -> None:
    for settings in (ALL[name], {**ALL[name], "weight_decay": 0}):
        params = parameters(shapes_for(name))
        optimizer = ours(name)(params, **settings)
        steps = gradients(shapes_for(name), 3)
        for step in steps:
            for param, gradient in zip(params, step, strict=True):
                param.grad = gradient  # the tensor itself, which a training may use again
            optimizer.step()
        assert_close(steps, gradients(shapes_for(name), 3), 0)


# ----------------------------------------------------------------------------------------------- saved and continued


def through_a_file(state: Settings) -> Settings:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", [*GRIDS, "Muon"])
@pytest.mark.parametrize(("first", "second"), [(ours, ours), (ours, torchs), (torchs, ours)])
@pytest.mark.usefixtures("_torchs_muon_in_full_precision")
def test_a_state_saved_half_way_goes_on(name: str, first: Maker, second: Maker) -> None:
    shapes = shapes_for(name)
    steps: list[list[Tensor | None]] = [[*step] for step in gradients(shapes, 60)]
    for step in steps[:45]:
        step[0] = None  # at the half there is a parameter that has no state yet
    groups = [{"params": parameters(shapes)[:3]}, {"params": parameters(shapes)[3:], "weight_decay": 0.0}]
    expected = replay(ours(name)(copy.deepcopy(groups), **ALL[name]), steps)
    before = first(name)(groups, **ALL[name])
    replay(before, steps[:30])
    copies = [{"params": copy.deepcopy(group["params"])} for group in before.param_groups]
    after = second(name)(copies, **{**ALL[name], "lr": 123.0})  # the rate comes with the state
    after.load_state_dict(through_a_file(before.state_dict()))
    assert_close(replay(after, steps[30:]), expected)


@pytest.mark.parametrize("name", [*FULL, "Muon"])
def test_a_state_has_torchs_keys(name: str) -> None:
    steps = gradients(shapes_for(name), 3)
    states = []
    for make in (ours(name), torchs(name)):
        optimizer = make(parameters(shapes_for(name)), **ALL[name])
        replay(optimizer, steps)
        states.append({number: set(state) for number, state in optimizer.state_dict()["state"].items()})
        assert all(memory.dtype == torch.float64 for p in optimizer.state.values() for memory in list(p.values())[1:])
    assert states[0] == states[1]


@pytest.mark.parametrize("name", [*FULL, "Muon"])
def test_a_state_that_was_never_used_loads(name: str) -> None:
    steps = gradients(shapes_for(name), 3)
    mine, reference = (make(parameters(shapes_for(name)), **ALL[name]) for make in (ours(name), torchs(name)))
    other = ours(name)(parameters(shapes_for(name)), lr=123.0)
    other.load_state_dict(reference.state_dict())
    reference.load_state_dict(mine.state_dict())
    expected = replay(mine, steps)
    assert_close(replay(other, steps), expected, 1e-12)
    assert_close(replay(reference, steps), expected, 0.05 if name == "Muon" else 1e-12)


def test_adamw_decays_as_adamw_after_loading_the_state_of_adam() -> None:
    steps = gradients(SHAPES, 10)
    results = []
    for adam, adamw in ((optimizers.Adam, optimizers.AdamW), (torch.optim.Adam, torch.optim.AdamW)):
        before, after = adam(parameters(SHAPES), weight_decay=0.1), adamw(parameters(SHAPES))
        replay(before, steps[:5])
        after.load_state_dict(before.state_dict())
        results.append(replay(after, steps[5:]))
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", ALL)
def test_a_copy_goes_on_by_itself(name: str) -> None:
    steps = gradients(shapes_for(name), 20)
    optimizer = ours(name)(parameters(shapes_for(name)), **ALL[name])
    halfway = replay(optimizer, steps[:10])
    twin = copy.deepcopy(optimizer)
    expected = replay(twin, steps[10:])
    assert_close(replay(optimizer, []), halfway)
    assert_close(replay(optimizer, steps[10:]), expected)


def test_a_state_of_lion_goes_on() -> None:
    steps = gradients(SHAPES, 20)
    expected = replay(optimizers.Lion(parameters(SHAPES), **ALL["Lion"]), steps)
    before = optimizers.Lion(parameters(SHAPES), **ALL["Lion"])
    after = optimizers.Lion([nn.Parameter(values) for values in replay(before, steps[:10])])
    after.load_state_dict(through_a_file(before.state_dict()))
    assert_close(replay(after, steps[10:]), expected)


# ------------------------------------------------------------------------------------------------- used as torch's are


@pytest.mark.parametrize("name", ALL)
def test_a_closure_computes_the_gradients_and_its_loss_is_returned(name: str) -> None:
    [param] = parameters([(4, 3)])
    before = param.detach().clone()
    optimizer = ours(name)([param], **ALL[name])
    calls = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (param**2).sum()
        assert loss.requires_grad
        loss.backward()
        calls.append(param.detach().clone())
        return loss

    loss: Any = optimizer.step(cast(Any, closure))  # torch's stubs want a float, its own examples return a tensor
    assert [value.tolist() for value in calls] == [before.tolist()]  # once, before the step
    assert loss.item() == pytest.approx((before**2).sum().item())
    assert not torch.equal(param, before)
    assert param.requires_grad
    assert param.is_leaf
    assert optimizer.step() is None


@pytest.mark.parametrize("name", ALL)
def test_zero_grad_forgets_the_gradients(name: str) -> None:
    params = parameters(shapes_for(name))
    optimizer = ours(name)(params, **ALL[name])
    before = replay(optimizer, gradients(shapes_for(name), 2))
    optimizer.zero_grad()
    optimizer.step()
    assert_close([param.detach() for param in params], before)


@pytest.mark.parametrize("name", GRIDS)
def test_schedulers_of_torch_set_the_rate(name: str) -> None:
    steps = gradients(SHAPES, 12)
    results = []
    for make in (ours(name), torchs(name)):
        optimizer = make(parameters(SHAPES), **FULL[name])
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
        for step in steps:
            replay(optimizer, [step])
            scheduler.step()
        results.append([param.detach().clone() for group in optimizer.param_groups for param in group["params"]])
        assert optimizer.param_groups[0]["lr"] == pytest.approx(optimizer.defaults["lr"] * 1e-4)
    assert_close(results[0], results[1])


@pytest.mark.parametrize("name", ALL)
def test_a_group_added_later(name: str) -> None:
    shapes = shapes_for(name)
    params = parameters(shapes)
    steps = gradients(shapes, 10)
    optimizer = ours(name)(params[:2], **ALL[name])
    replay(optimizer, [step[:2] for step in steps[:5]])
    optimizer.add_param_group({"params": params[2:], "lr": 0.5})
    late = replay(optimizer, steps[5:])
    assert [group["lr"] for group in optimizer.param_groups] == [optimizer.defaults["lr"], 0.5]
    alone = ours(name)(parameters(shapes)[2:], **{**ALL[name], "lr": 0.5})
    assert_close(late[2:], replay(alone, [step[2:] for step in steps[5:]]))


@pytest.mark.parametrize("name", ALL)
def test_shown_with_name_and_settings(name: str) -> None:
    shown = repr(ours(name)(parameters([(4, 3)]), lr=0.125))
    assert shown.startswith(f"{name} (")
    assert "lr: 0.125" in shown


def test_named_parameters() -> None:
    optimizer = optimizers.Adam(nn.Linear(2, 1).named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]


# ----------------------------------------------------------------------------------------- forms of books and papers


def test_momentum_as_an_average_is_the_sum_with_a_smaller_rate() -> None:
    lr, beta = 0.3, 0.9
    [param] = parameters([(3,)])
    w, v = param.detach().clone(), torch.zeros(3)
    steps = gradients([(3,)], 50)
    for [g] in steps:
        v = beta * v + (1 - beta) * g
        w = w - lr * v
    assert_close(replay(optimizers.SGD([param], lr * (1 - beta), momentum=beta), steps), [w])


def test_nesterovs_look_ahead_is_torchs_form_at_the_point_ahead() -> None:
    lr, mu = 0.05, 0.9
    curvature = torch.tensor([1.0, 10.0], dtype=torch.float64)  # the loss is half of curvature times w²
    [param] = parameters([(2,)])
    w, v = param.detach().clone(), torch.zeros(2)
    optimizer = optimizers.SGD([param], lr, momentum=mu, nesterov=True)
    for _ in range(50):
        assert_close(param.detach(), w + mu * v)
        v = mu * v - lr * curvature * (w + mu * v)
        w = w + v
        replay(optimizer, [[curvature * param.detach()]])


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam"])
def test_weight_decay_is_the_gradient_of_half_the_squared_weights(name: str) -> None:
    decay = 0.3
    trained = []
    for weight_decay, penalty in ((decay, 0.0), (0.0, decay / 2)):
        [param] = parameters([(4, 3)])
        optimizer = ours(name)([param], lr=0.1, weight_decay=weight_decay)
        for _ in range(30):
            optimizer.zero_grad()
            (torch.cos(param).sum() + penalty * (param**2).sum()).backward()
            optimizer.step()
        trained.append(param.detach())
    assert_close(*trained)


def test_decoupled_decay_shrinks_every_weight_alike_whatever_its_gradients() -> None:
    sizes = torch.tensor([1e-3, 1.0, 1e3], dtype=torch.float64)
    for adam, is_alike in ((optimizers.AdamW, True), (optimizers.Adam, False)):
        moved = []
        for weight_decay in (0.0, 0.1):
            param = nn.Parameter(torch.ones(3, dtype=torch.float64))
            steps = [[sizes * (-1) ** number] for number in range(20)]
            moved += replay(adam([param], 0.01, weight_decay=weight_decay), steps)
        shrunk = moved[0] - moved[1]
        assert (shrunk > 0).all()
        assert (shrunk.max() / shrunk.min() < 1.01) == is_alike


def test_adams_first_step_without_correction_would_be_longer() -> None:
    lr, beta1, beta2 = 0.1, 0.9, 0.999
    [step] = gradients([(4, 3)], 1)
    m, v = (1 - beta1) * step[0], (1 - beta2) * step[0] ** 2
    [before], [param] = parameters([(4, 3)]), parameters([(4, 3)])
    [after] = replay(optimizers.Adam([param], lr, (beta1, beta2), eps=0), [[torch.where(step[0] == 0, 1.0, step[0])]])
    uncorrected = (lr * m / v.sqrt())[step[0] != 0]
    corrected = (before - after)[step[0] != 0]
    assert_close(uncorrected / corrected, torch.full_like(corrected, (1 - beta1) / math.sqrt(1 - beta2)), 1e-9)


def test_lion_is_the_papers_rule() -> None:
    """Algorithm 2 of Chen et al. (2023), number by number."""
    lr, beta1, beta2, decay = 0.01, 0.9, 0.99, 0.3
    [param] = parameters([(6,)])
    steps = gradients([(6,)], 100)
    weights = param.tolist()
    for index in range(6):
        momentum = 0.0
        for step in steps:
            g = step[0][index].item()
            c = beta1 * momentum + (1 - beta1) * g
            weights[index] -= lr * (float(np.sign(c)) + decay * weights[index])
            momentum = beta2 * momentum + (1 - beta2) * g
    optimizer = optimizers.Lion([param], lr, (beta1, beta2), decay)
    assert_close(replay(optimizer, steps)[0], torch.tensor(weights, dtype=torch.float64))


# ------------------------------------------------------------------------------------------------------------- Muon


def random_matrix(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(20, 20), (40, 10), (10, 40), (64, 63), (1, 8), (8, 1)])
def test_orthogonalize_brings_singular_values_near_1(shape: tuple[int, int]) -> None:
    for seed in range(10):
        values = torch.linalg.svdvals(optimizers.orthogonalize(random_matrix(shape, seed)))
        weak = torch.linalg.svdvals(random_matrix(shape, seed)) < random_matrix(shape, seed).norm() / 500
        assert (values <= 1.21).all()
        assert (values[~weak] >= 0.68).all()
        assert weak.sum() <= 1  # else there is nothing to test


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7), (1, 5), (2, 5, 3)])
@pytest.mark.parametrize("n_steps", [0, 1, 5])
def test_orthogonalize_applies_the_quintic_to_each_singular_value(shape: tuple[int, ...], n_steps: int) -> None:
    a, b, c = 3.4445, -4.7750, 2.0315
    matrix = random_matrix(shape)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / (s**2).sum(dim=-1, keepdim=True).sqrt()
    for _ in range(n_steps):
        s = a * s + b * s**3 + c * s**5
    assert_close(optimizers.orthogonalize(matrix, n_steps=n_steps), u @ torch.diag_embed(s) @ vh)


def test_orthogonalize_with_converging_coefficients_gives_the_orthogonal_factor() -> None:
    u, _, vh = torch.linalg.svd(random_matrix((5, 3)), full_matrices=False)
    converging = (15 / 8, -10 / 8, 3 / 8)  # the classical quintic, whose fixed point is 1
    assert_close(optimizers.orthogonalize(random_matrix((5, 3)), converging, n_steps=30), u @ vh)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_muon_keeps_the_type_of_the_parameter(dtype: torch.dtype) -> None:
    optimizer = optimizers.Muon(parameters([(4, 3)], dtype), nesterov=False)
    [param] = replay(optimizer, gradients([(4, 3)], 3, dtype))
    assert param.dtype == dtype
    assert param.isfinite().all()


@pytest.mark.parametrize("shape", [(30, 30), (60, 20), (20, 60)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_is_torchs_as_far_as_bfloat16_goes(shape: tuple[int, int], nesterov: bool) -> None:
    results = []
    for muon in (optimizers.Muon, torch.optim.Muon):
        optimizer = muon(parameters([shape], torch.float32), lr=0.1, weight_decay=0, nesterov=nesterov)
        results.append(replay(optimizer, [[random_matrix(shape, seed).float()] for seed in range(100)])[0])
    way = (results[1] - parameters([shape], torch.float32)[0]).norm()
    assert (results[0] - results[1]).norm() < 0.02 * way


def test_the_step_of_muon_is_its_orthogonalized_gradient() -> None:
    for shape, longer in (((12, 12), 1.0), ((27, 12), 1.5), ((12, 27), 1.0)):
        optimizer = optimizers.Muon(parameters([shape]), lr=0.1, weight_decay=0)
        [after] = replay(optimizer, [[random_matrix(shape)]])
        step = (parameters([shape])[0].detach() - after) / 0.1
        assert_close(step, longer * optimizers.orthogonalize(random_matrix(shape)), 1e-10)


def test_muon_with_momentum_as_a_sum_is_the_same() -> None:
    lr, momentum = 0.1, 0.9
    [param] = parameters([(4, 3)])
    steps = gradients([(4, 3)], 30)
    w, b = param.detach().clone(), torch.zeros(4, 3)
    for [g] in steps:
        b = momentum * b + g
        w = w - lr * math.sqrt(4 / 3) * optimizers.orthogonalize(g + momentum * b)
    assert_close(replay(optimizers.Muon([param], lr, 0, momentum), steps), [w], 1e-10)


# ---------------------------------------------------------------------------------------------------------- properties

names = st.sampled_from(sorted(ALL))
sizes = st.floats(min_value=1e-3, max_value=1e3)
numbers = st.builds(lambda size, sign: size * sign, sizes, st.sampled_from([-1.0, 1.0]))


@st.composite
def histories(draw: st.DrawFn) -> list[list[Tensor]]:
    """Gradients of three parameters of shape (2, 2) over one to five steps."""
    n_steps = draw(st.integers(min_value=1, max_value=5))
    tensors = st.lists(numbers, min_size=4, max_size=4).map(lambda v: torch.tensor(v, dtype=torch.float64).view(2, 2))
    return draw(st.lists(st.lists(tensors, min_size=3, max_size=3), min_size=n_steps, max_size=n_steps))


THREE = [(2, 2)] * 3


@given(names, histories(), st.permutations(range(3)))
def test_the_order_of_the_parameters_does_not_matter(name: str, steps: list, order: list[int]) -> None:
    expected = replay(ours(name)(parameters(THREE), **ALL[name]), steps)
    params = parameters(THREE)
    shuffled = ours(name)([params[index] for index in order], **ALL[name])
    results = replay(shuffled, [[step[index] for index in order] for step in steps])
    assert all(torch.equal(result, expected[index]) for result, index in zip(results, order, strict=True))


@given(st.sampled_from(sorted(set(ALL) - {"Muon"})), histories())
def test_parameters_stacked_into_one_tensor_change_as_they_do_apart(name: str, steps: list) -> None:
    expected = replay(ours(name)(parameters(THREE), **ALL[name]), steps)
    stack = nn.Parameter(torch.stack([param.detach() for param in parameters(THREE)]))
    [result] = replay(ours(name)([stack], **ALL[name]), [[torch.stack(step)] for step in steps])
    assert_close(result, torch.stack(expected))


@given(histories())
def test_muon_treats_each_matrix_of_a_stack_for_itself(steps: list) -> None:
    expected = replay(optimizers.Muon(parameters(THREE)), steps)
    stack = nn.Parameter(torch.stack([param.detach() for param in parameters(THREE)]))
    [result] = replay(optimizers.Muon([stack]), [[torch.stack(step)] for step in steps])
    assert_close(result, torch.stack(expected), 1e-9)  # a matrix near singular magnifies rounding


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("adjust_lr_fn", [None, "match_rms_adamw", "spectral_unclamped"])
def test_muon_treats_a_convolution_as_the_matrix_of_its_filters(
    memory_format: torch.memory_format, adjust_lr_fn: str | None
) -> None:
    shape = (6, 2, 3, 3)
    [kernels], steps = parameters([shape]), gradients([shape], 5)
    matrix = nn.Parameter(kernels.detach().clone().flatten(1))
    flat_steps = [[gradient.flatten(1) for gradient in step] for step in steps]
    [expected] = replay(optimizers.Muon([matrix], adjust_lr_fn=adjust_lr_fn), flat_steps)
    kernels = nn.Parameter(kernels.detach().to(memory_format=memory_format))
    [result] = replay(optimizers.Muon([kernels], adjust_lr_fn=adjust_lr_fn), steps)
    assert_close(result, expected.view(shape))


@given(names, histories())
def test_signs_of_parameters_and_gradients_flip_together(name: str, steps: list) -> None:
    expected = replay(ours(name)(parameters(THREE), **ALL[name]), steps)
    mirrored = [nn.Parameter(-param.detach()) for param in parameters(THREE)]
    results = replay(ours(name)(mirrored, **ALL[name]), [[-gradient for gradient in step] for step in steps])
    assert_close(results, [-values for values in expected])


@given(st.sampled_from(sorted(set(ALL) - {"Muon"})), histories())
def test_to_maximize_is_to_minimize_the_negative(name: str, steps: list) -> None:
    settings = {**ALL[name], "weight_decay": 0.1}  # the penalty shrinks in both
    uphill = replay(ours(name)(parameters(THREE), **settings, maximize=True), steps)
    downhill = replay(ours(name)(parameters(THREE), **settings), [[-gradient for gradient in step] for step in steps])
    assert_close(uphill, downhill)


@given(names, histories())
def test_a_rate_of_0_changes_nothing(name: str, steps: list) -> None:
    results = replay(ours(name)(parameters(THREE), **{**ALL[name], "lr": 0.0}), steps)
    assert all(torch.equal(result, param) for result, param in zip(results, parameters(THREE), strict=True))


@given(names, st.integers(min_value=1, max_value=5))
def test_zero_gradients_without_weight_decay_change_nothing(name: str, n_steps: int) -> None:
    optimizer = ours(name)(parameters(THREE), **{**ALL[name], "weight_decay": 0.0})
    results = replay(optimizer, [[torch.zeros(2, 2, dtype=torch.float64)] * 3] * n_steps)
    assert all(torch.equal(result, param) for result, param in zip(results, parameters(THREE), strict=True))


@given(st.sampled_from(["Adam", "AdamW"]), st.lists(numbers, min_size=1, max_size=5), sizes, st.booleans())
def test_adams_first_step_has_the_size_of_the_rate(name: str, values: list[float], lr: float, amsgrad: bool) -> None:
    gradient = torch.tensor(values, dtype=torch.float64)
    optimizer = ours(name)([nn.Parameter(torch.zeros_like(gradient))], lr, weight_decay=0, amsgrad=amsgrad)
    [after] = replay(optimizer, [[gradient]])
    torch.testing.assert_close(after, -lr * gradient.sign(), rtol=1.1e-5, atol=0)  # eps is 1e-8, gradients 1e-3 or more


@given(st.lists(numbers, min_size=2, max_size=20), st.sampled_from([0.0, 0.1]))
def test_the_effective_rate_of_adagrad_never_rises(values: list[float], lr_decay: float) -> None:
    optimizer = optimizers.Adagrad([nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=1.0, lr_decay=lr_decay)
    rates, before = [], 0.0
    for value in values:
        [after] = replay(optimizer, [[torch.tensor([value], dtype=torch.float64)]])
        rates.append((before - after.item()) / value)
        before = after.item()
    assert all(later < earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(rates))


@given(histories(), sizes)
def test_the_scale_of_the_loss_does_not_matter_to_lion(steps: list, scale: float) -> None:
    results = [
        replay(optimizers.Lion(parameters(THREE), 0.01), [[factor * gradient for gradient in step] for step in steps])
        for factor in (1.0, 2.0 ** math.floor(math.log2(scale)))  # a power of two rounds nothing
    ]
    assert_close(results[0], results[1])


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        *[(name, {"lr": -0.1}, "lr must be 0 or more, not -0.1") for name in ALL],
        *[(name, {"weight_decay": -1}, "weight_decay must be 0 or more, not -1") for name in ALL],
        *[(name, {"momentum": -0.5}, "momentum must be 0 or more, not -0.5") for name in ("SGD", "RMSprop", "Muon")],
        *[(name, {"eps": -1e-8}, "eps must be 0 or more, not -1e-08") for name in ("Adagrad", "RMSprop", "Adadelta")],
        *[(name, {"eps": -1e-8}, "eps must be 0 or more, not -1e-08") for name in ("Adam", "AdamW")],
        *[(name, {"betas": (1.0, 0.9)}, r"betas\[0\] must be in \[0, 1\), not 1.0") for name in ("Adam", "AdamW")],
        *[(name, {"betas": (0.9, -0.1)}, r"betas\[1\] must be in \[0, 1\), not -0.1") for name in ("Adam", "AdamW")],
        ("Lion", {"betas": (0.9, 1.5)}, r"betas\[1\] must be in \[0, 1\), not 1.5"),
        (
            "SGD",
            {"nesterov": True},
            "nesterov needs a momentum above 0 and dampening 0, not momentum 0 and dampening 0",
        ),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "not momentum 0.9 and dampening 0.1"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay must be 0 or more, not -1"),
        ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value must be 0 or more, not -1"),
        ("RMSprop", {"alpha": -0.9}, "alpha must be 0 or more, not -0.9"),
        ("Adadelta", {"rho": 1.5}, r"rho must be in \[0, 1\], not 1.5"),
        ("Adadelta", {"rho": -0.5}, r"rho must be in \[0, 1\], not -0.5"),
        ("Muon", {"adjust_lr_fn": "largest"}, "adjust_lr_fn must be None, 'original', .*, not 'largest'"),
    ],
)
def test_settings_out_of_their_range(name: str, settings: Settings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(name)(parameters([(2, 2)]), **settings)
    with pytest.raises(ValueError, match=message):
        ours(name)([{"params": parameters([(2, 2)]), **settings}])
    if name != "Lion":
        with pytest.raises(ValueError, match=r"."):  # torch refuses the same
            torchs(name)(parameters([(2, 2)]), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": math.nan}, "lr must be 0 or more, not nan"),
        ({"ns_steps": 100}, "ns_steps must be 0 to 99, not 100"),
        ({"ns_coefficients": (1, 2)}, r"ns_coefficients must be three numbers, not \(1, 2\)"),
    ],
)
def test_settings_that_torch_finds_later_or_never(settings: Settings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimizers.Muon(parameters([(2, 2)]), **settings)


def test_a_group_that_is_refused_is_not_added() -> None:
    for name, shape, settings in (("Adam", (2, 2), {"lr": -1}), ("Muon", (2,), {})):
        optimizer = ours(name)(parameters([(2, 2)]))
        with pytest.raises(ValueError, match=r"must be 0 or more|for matrices"):
            optimizer.add_param_group({"params": parameters([shape]), **settings})
        assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", ALL)
def test_parameters_that_cannot_be_optimized(name: str) -> None:
    with pytest.raises(ValueError, match="empty parameter list"):
        ours(name)([])
    with pytest.raises(ValueError, match="non-leaf"):
        ours(name)([parameters([(2, 2)])[0] * 2])
    with pytest.raises(TypeError, match="iterable of Tensors"):
        ours(name)(torch.ones(2, 2))
    with pytest.raises(TypeError, match="needs a number as lr, not a tensor"):
        ours(name)(parameters([(2, 2)]), lr=torch.tensor(0.1))


@pytest.mark.parametrize("name", ALL)
def test_sparse_and_complex_gradients_are_refused(name: str) -> None:
    embedding = nn.Embedding(10, 4, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    before = embedding.weight.detach().clone()
    with pytest.raises(RuntimeError, match=rf"{name} does not take the sparse gradient .* \(10, 4\): .*sparse=False"):
        ours(name)(embedding.parameters()).step()
    assert torch.equal(embedding.weight, before)
    param = nn.Parameter(torch.ones(2, 3, dtype=torch.complex64))
    param.grad = torch.ones_like(param)
    with pytest.raises(RuntimeError, match=rf"{name} does not take the complex gradient .* \(2, 3\): .*view_as_real"):
        ours(name)([param]).step()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4, 4, 4)])
def test_muon_refuses_what_is_no_matrix(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(.*\): give it to AdamW"):
        optimizers.Muon([*parameters([(2, 2)]), *parameters([shape])])


def test_what_stands_elsewhere_in_torchs_arguments_goes_by_name_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        optimizers.RMSprop(parameters([(2,)]), 0.1, 0.9, 1e-8, 0, 0, False, True)  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------- several as one


def muon_and_adamw(lr: float = 0.1) -> optimizers.MultiOptimizer:
    [matrix, bias] = parameters([(4, 3), (4,)])
    return optimizers.MultiOptimizer(optimizers.Muon([matrix], lr), optimizers.AdamW([bias], lr / 10))


def test_several_optimizers_as_one_step_as_they_do_alone() -> None:
    steps = gradients([(4, 3), (4,)], 5)
    alone = [
        replay(part, [[step[index]] for step in steps])[0] for index, part in enumerate(muon_and_adamw().optimizers)
    ]
    assert_close(replay(muon_and_adamw(), steps), alone)


def test_a_schedule_reaches_every_part() -> None:
    optimizer = muon_and_adamw(lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    replay(optimizer, gradients([(4, 3), (4,)], 1))
    schedule.step()
    assert [part.param_groups[0]["lr"] for part in optimizer.optimizers] == [0.5, 0.05]


def test_several_as_one_clear_all_gradients_and_call_a_closure_once() -> None:
    optimizer, n_calls = muon_and_adamw(), 0

    def closure() -> float:
        nonlocal n_calls
        n_calls += 1
        return 3.0

    replay(optimizer, gradients([(4, 3), (4,)], 1))
    optimizer.zero_grad()
    assert all(param.grad is None for group in optimizer.param_groups for param in group["params"])
    assert optimizer.step(closure) == 3.0
    assert n_calls == 1


@pytest.mark.parametrize("how", ["state_dict", "deepcopy"])
def test_several_as_one_go_on_where_they_were(how: str) -> None:
    steps = gradients([(4, 3), (4,)], 6)
    expected = replay(muon_and_adamw(), steps)
    first = muon_and_adamw()
    replay(first, steps[:3])
    if how == "deepcopy":
        second = copy.deepcopy(first)
    else:
        second = muon_and_adamw()
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        for ours, theirs in zip(second.param_groups, first.param_groups, strict=True):
            for param, trained in zip(ours["params"], theirs["params"], strict=True):
                param.data.copy_(trained.data)
    assert second.param_groups[0] is second.optimizers[0].param_groups[0]
    assert_close(replay(second, steps[3:]), expected)


def test_a_group_that_no_part_would_step_is_refused() -> None:
    optimizer = muon_and_adamw()
    group = {"params": parameters([(2, 2)])}
    with pytest.raises(ValueError, match=r"add it to one of \.optimizers, and make a new MultiOptimizer"):
        optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 2
    optimizer.optimizers[1].add_param_group(group)  # as the message says
    renewed = optimizers.MultiOptimizer(*optimizer.optimizers)
    before = group["params"][0].detach().clone()
    replay(renewed, gradients([(4, 3), (4,), (2, 2)], 1))
    assert not torch.equal(before, group["params"][0])


def test_states_of_which_one_does_not_fit_change_no_part() -> None:
    first, second = muon_and_adamw(), muon_and_adamw(lr=7.0)
    replay(first, gradients([(4, 3), (4,)], 2))
    before = copy.deepcopy(second.state_dict())
    state = first.state_dict()
    state["optimizers"][1]["param_groups"] *= 2
    with pytest.raises(ValueError, match="parameter groups"):
        second.load_state_dict(state)
    assert second.state_dict() == before


def test_a_gradient_that_is_refused_leaves_the_parameters_before_it_alone() -> None:
    embedding, [first] = nn.Embedding(10, 4, sparse=True), parameters([(3,)])
    first.grad = torch.ones_like(first)
    embedding(torch.tensor([1])).sum().backward()
    before = first.detach().clone()
    with pytest.raises(RuntimeError, match="sparse"):
        optimizers.SGD([first, embedding.weight], 0.1).step()
    assert torch.equal(first, before)


def test_several_as_one_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least one optimizer"):
        optimizers.MultiOptimizer()
    [matrix] = parameters([(4, 3)])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizers.MultiOptimizer(optimizers.Muon([matrix]), optimizers.AdamW([matrix]))
    with pytest.raises(ValueError, match="the state has 1 parts, this MultiOptimizer 2"):
        muon_and_adamw().load_state_dict({"optimizers": muon_and_adamw().state_dict()["optimizers"][:1]})


# ------------------------------------------------------------------------------------- the usual pair, toy problems


@pytest.mark.parametrize("stacked", [False, True])
def test_muon_gets_the_matrices_and_adamw_the_rest(stacked: bool) -> None:
    runs = (2,) if stacked else ()
    matrix, bias = (nn.Parameter(torch.ones(*runs, *shape)) for shape in ((4, 3), (3,)))
    pair = optimizers.muon_and_adamw([matrix, bias], lr=0.1, weight_decay=0.5, stacked=stacked)
    muon, adamw = pair.optimizers
    assert isinstance(muon, optimizers.Muon)
    assert isinstance(adamw, optimizers.AdamW)
    assert [group["params"] for group in pair.param_groups] == [[matrix], [bias]]
    assert [(group["lr"], group["weight_decay"]) for group in pair.param_groups] == [(0.1, 0.5)] * 2


@pytest.mark.parametrize("depths", [(0.7, 1.0), (1.0, 0.7), (1.4, 1.0)])
def test_the_loss_with_two_minima_has_them_where_it_says(depths: tuple[float, float]) -> None:
    places = torch.linspace(-4, 6, 2001)
    slopes = optimizers.two_minima_slope(places, depths)
    turns = places[1:][(slopes[:-1] < 0) & (slopes[1:] >= 0)]  # from falling to rising
    assert torch.allclose(turns, torch.tensor([-1.5, 2.0]), atol=0.2)  # the bowl moves them


def test_full_batches_leave_no_minimum_and_small_ones_leave_the_narrow_one_more_often() -> None:
    full, small = (optimizers.share_that_left((0.7, 1.0), size, [0, 1]) for size in (256, 2))
    assert full.shape == (2, 2)
    assert not full.any()
    assert (small[:, 0] > small[:, 1] + 0.3).all()


def test_small_batches_leave_a_wide_minimum_more_often_where_it_is_much_shallower() -> None:
    small = optimizers.share_that_left((1.0, 0.3), 4, [0, 1])
    assert (small[:, 1] > small[:, 0] + 0.03).all()


def test_the_share_that_left_follows_from_the_seed() -> None:
    first, again, other = (optimizers.share_that_left((0.7, 1.0), 4, [seed], n_runs=50) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
