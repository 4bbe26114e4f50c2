"""Schedules step by step against torch's own, the plateau rule on generated metrics, and the range test."""

import copy
import itertools
import math
import warnings
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim import lr_scheduler as reference

from helper_utils import schedulers
from helper_utils.base.callbacks import EachBatch
from helper_utils.base.seeds import set_seed
from helper_utils.base.training import train_epoch, train_model
from helper_utils.data import TensorLoader
from helper_utils.schedulers import exercises

N_STEPS = 200
BASE_LRS = (0.1, 3e-4)


def make_optimizer(lr: float, kind: type[Optimizer] = SGD, **settings):
    return kind([nn.Parameter(torch.zeros(1))], lr=lr, **settings)  # type: ignore[call-arg] - every kind has a rate


def rates_of(scheduler, n_steps: int = N_STEPS) -> list[float]:
    """The rate of each of the first steps of a torch scheduler."""
    rates = []
    for _ in range(n_steps):
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def grid(ours, theirs, **values):
    """Every combination of some settings, as parameters of a test."""
    for combination in itertools.product(*values.values()):
        setting = dict(zip(values, combination, strict=True))
        words = ",".join(f"{name}={value}" for name, value in setting.items())
        yield pytest.param(ours, theirs, setting, id=f"{theirs.__name__}-{words}")


# --------------------------------------------------------------------------------------------- against torch's classes


@pytest.mark.parametrize("base_lr", BASE_LRS)
@pytest.mark.parametrize(
    ("ours", "theirs", "setting"),
    [
        *grid(schedulers.step_lr, reference.StepLR, step_size=(1, 7, 50, 300), gamma=(0.1, 0.5, 1.0)),
        *grid(
            schedulers.multi_step_lr,
            reference.MultiStepLR,
            milestones=([], [1], [30, 80], [0, 10, 10, 199], [250]),
            gamma=(0.1, 0.5),
        ),
        *grid(schedulers.exponential_lr, reference.ExponentialLR, gamma=(0.5, 0.95, 0.999, 1.0, 1.01)),
        *grid(schedulers.polynomial_lr, reference.PolynomialLR, total_iters=(1, 5, 150, 400), power=(0.5, 1.0, 2.0)),
        *grid(
            schedulers.cosine_annealing_lr, reference.CosineAnnealingLR, T_max=(1, 7, 60, 200, 1000), eta_min=(0, 1e-5)
        ),
        *grid(
            schedulers.cosine_annealing_warm_restarts,
            reference.CosineAnnealingWarmRestarts,
            T_0=(1, 7, 60, 300),
            T_mult=(1, 2, 3),
            eta_min=(0.0, 1e-5),
        ),
        *grid(schedulers.constant_lr, reference.ConstantLR, factor=(0.1, 1 / 3, 1.0), total_iters=(1, 5, 150, 300)),
        *grid(
            schedulers.linear_lr,
            reference.LinearLR,
            start_factor=(0.01, 1 / 3, 1.0),
            end_factor=(0.0, 0.5, 1.0),
            total_iters=(1, 5, 150, 300),
        ),
    ],
)
def test_a_schedule_equals_torch_step_by_step(ours, theirs, setting, base_lr):
    expected = rates_of(theirs(make_optimizer(base_lr), **setting))
    assert [ours(step, base_lr, **setting) for step in range(N_STEPS)] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("ours", "theirs", "needed"),
    [
        (schedulers.step_lr, reference.StepLR, {"step_size": 30}),
        (schedulers.multi_step_lr, reference.MultiStepLR, {"milestones": [30]}),
        (schedulers.polynomial_lr, reference.PolynomialLR, {}),
        (schedulers.cosine_annealing_lr, reference.CosineAnnealingLR, {"T_max": 90}),
        (schedulers.cosine_annealing_warm_restarts, reference.CosineAnnealingWarmRestarts, {"T_0": 30}),
        (schedulers.constant_lr, reference.ConstantLR, {}),
        (schedulers.linear_lr, reference.LinearLR, {}),
    ],
)
def test_the_defaults_are_torchs(ours, theirs, needed):
    expected = rates_of(theirs(make_optimizer(0.1), **needed))
    assert [ours(step, 0.1, **needed) for step in range(N_STEPS)] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(("n_constant", "gamma"), list(itertools.product((1, 10, 150, 300), (0.5, 0.9, 0.99))))
def test_constant_then_exponential_equals_lambda_lr(n_constant, gamma):
    ours = partial(schedulers.constant_then_exponential_lr, n_constant=n_constant, gamma=gamma)
    scheduler = reference.LambdaLR(make_optimizer(0.1), lambda step: gamma ** max(0, step - n_constant + 1))
    rates = [ours(step, 0.1) for step in range(N_STEPS)]
    assert rates == pytest.approx(rates_of(scheduler))
    assert rates.count(0.1) == min(n_constant, N_STEPS)  # constant for exactly that many steps


@pytest.mark.parametrize("optimizer", [partial(make_optimizer, momentum=0.9), partial(make_optimizer, kind=Adam)])
@pytest.mark.parametrize("total_steps", [2, 10, 97, N_STEPS])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"pct_start": 0.25, "anneal_strategy": "linear"},
        {"pct_start": 0.0},
        {"pct_start": 0.9},
        {"three_phase": True, "pct_start": 0.4},
        {"three_phase": True, "anneal_strategy": "linear"},
        {"div_factor": 5.0, "final_div_factor": 10.0},
    ],
    ids=str,
)
def test_one_cycle_equals_torch_in_rate_and_momentum(optimizer, total_steps, setting):
    optimizer = optimizer(lr=0.1)
    scheduler = reference.OneCycleLR(
        optimizer, max_lr=0.2, total_steps=total_steps, base_momentum=0.8, max_momentum=0.9, **setting
    )
    shape = {name: value for name, value in setting.items() if "div" not in name}
    for step in range(total_steps + 1):  # the last one is the step after the last batch
        group = optimizer.param_groups[0]
        assert schedulers.one_cycle_lr(step, 0.2, total_steps, **setting) == pytest.approx(group["lr"], rel=1e-9)
        momentum = schedulers.one_cycle_momentum(step, total_steps, base_momentum=0.8, max_momentum=0.9, **shape)
        assert momentum == pytest.approx(group["momentum"] if "momentum" in group else group["betas"][0])
        optimizer.step()
        if step < total_steps:
            scheduler.step()


@given(st.integers(1, 12), st.integers(1, 3), st.floats(0, 300))
@settings(max_examples=300, deadline=None)
def test_warm_restarts_take_fractions_of_an_epoch(length, multiple, epoch):
    scheduler = reference.CosineAnnealingWarmRestarts(make_optimizer(0.1), T_0=length, T_mult=multiple)
    scheduler.optimizer.step()
    scheduler.step(epoch)  # which finds the cycle through a logarithm
    rate = schedulers.cosine_annealing_warm_restarts(epoch, 0.1, T_0=length, T_mult=multiple)
    # At a restart rounding decides which cycle it is: there the rate may be that of either end.
    assert rate == pytest.approx(scheduler.get_last_lr()[0], abs=1e-7) or math.isclose(rate, 0.1, rel_tol=1e-6)


SEQUENCES = {
    "warm-up then cosine": (
        [
            (schedulers.linear_lr, {"start_factor": 0.01, "total_iters": 20}),
            (schedulers.cosine_annealing_lr, {"T_max": 180}),
        ],
        [20],
    ),
    "cut off": (
        [
            (schedulers.exponential_lr, {"gamma": 0.9}),
            (schedulers.step_lr, {"step_size": 3}),
            (schedulers.constant_lr, {}),
        ],
        [7, 90],
    ),
    "with restarts": (
        [(schedulers.constant_lr, {"factor": 0.5}), (schedulers.cosine_annealing_warm_restarts, {"T_0": 30})],
        [12],
    ),
    "first one never": ([(schedulers.constant_lr, {}), (schedulers.linear_lr, {})], [0]),
    "alone": ([(schedulers.polynomial_lr, {"total_iters": 50})], []),
}
CLASSES = {
    schedulers.linear_lr: reference.LinearLR,
    schedulers.cosine_annealing_lr: reference.CosineAnnealingLR,
    schedulers.exponential_lr: reference.ExponentialLR,
    schedulers.step_lr: reference.StepLR,
    schedulers.constant_lr: reference.ConstantLR,
    schedulers.polynomial_lr: reference.PolynomialLR,
    schedulers.cosine_annealing_warm_restarts: reference.CosineAnnealingWarmRestarts,
}


@pytest.mark.parametrize(("parts", "milestones"), SEQUENCES.values(), ids=SEQUENCES)
def test_sequences_equal_torch(parts, milestones):
    optimizer = make_optimizer(0.1)
    theirs = [CLASSES[function](optimizer, **setting) for function, setting in parts]
    expected = rates_of(reference.SequentialLR(optimizer, theirs, milestones))
    ours = [partial(function, **setting) for function, setting in parts]
    rates = [schedulers.sequential_lr(step, 0.1, ours, milestones) for step in range(N_STEPS)]
    assert rates == pytest.approx(expected, rel=1e-9, abs=1e-13)


# --------------------------------------------------------------------------------------------------------- plateau

metric_series = st.lists(
    st.one_of(st.floats(-3, 3), st.sampled_from([1.0, 0.9999, 0.99, 0.0, math.nan, math.inf, -math.inf])), max_size=60
)


@given(
    metrics=metric_series,
    base_lr=st.sampled_from([0.1, 1.0, 1e-7]),
    setting=st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.sampled_from([0.0, 0.1, 0.5, 0.999]),
            "patience": st.integers(0, 4),
            "threshold": st.sampled_from([0.0, 1e-4, 0.1]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.01]),
            "eps": st.sampled_from([0.0, 1e-8, 0.02]),
        },
    ),
)
@settings(max_examples=400, deadline=None)
def test_plateau_equals_torch_on_any_metrics(metrics, base_lr, setting):
    setting = {"patience": 1} | setting
    theirs = reference.ReduceLROnPlateau(make_optimizer(base_lr), **setting)
    ours = schedulers.ReduceLROnPlateau(base_lr, **setting)
    for metric in metrics:
        theirs.step(metric)
        assert ours.step(metric) == theirs.optimizer.param_groups[0]["lr"]
        assert (ours.best, ours.num_bad_epochs) == (theirs.best, theirs.num_bad_epochs)
        assert ours.cooldown_counter == theirs.cooldown_counter


@pytest.mark.parametrize("patience", [0, 1, 5])
def test_the_rate_drops_after_patience_plus_one_bad_epochs(patience):
    plateau = schedulers.ReduceLROnPlateau(1.0, patience=patience, factor=0.5)
    plateau.step(1.0)
    rates = [plateau.step(1.0) for _ in range(2 * (patience + 1))]
    assert rates == [1.0] * patience + [0.5] * (patience + 1) + [0.25]


def test_cooldown_delays_the_next_drop_by_its_length():
    plateau = schedulers.ReduceLROnPlateau(1.0, patience=1, cooldown=3, factor=0.5)
    rates = [plateau.step(1.0) for _ in range(9)]
    assert rates == [1.0, 1.0] + [0.5] * 5 + [0.25] * 2


@given(metrics=metric_series, cut=st.integers(0, 60))
@settings(deadline=None)
def test_plateau_goes_on_from_its_state(metrics, cut):
    whole = schedulers.ReduceLROnPlateau(0.1, patience=1, cooldown=1)
    rates = [whole.step(metric) for metric in metrics]
    first = schedulers.ReduceLROnPlateau(0.1, patience=1, cooldown=1)
    before = [first.step(metric) for metric in metrics[:cut]]
    second = schedulers.ReduceLROnPlateau(9.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert before + [second.step(metric) for metric in metrics[cut:]] == rates


def test_a_wrong_state_is_refused():
    with pytest.raises(ValueError, match=r"missing or unknown are base_lr, .*speed"):
        schedulers.ReduceLROnPlateau(0.1).load_state_dict({"speed": 1})


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedulers.step_lr(-1, 0.1, 5), "step must be at least 0, not -1"),
        (lambda: schedulers.step_lr(math.nan, 0.1, 5), "step must be at least 0, not nan"),
        (lambda: schedulers.exponential_lr(1, -0.1, 0.5), "base rate must be finite and at least 0, not -0.1"),
        (lambda: schedulers.exponential_lr(1, math.inf, 0.5), "base rate must be finite"),
        (lambda: schedulers.step_lr(1, 0.1, 0), "step_size must be above 0, not 0"),
        (lambda: schedulers.multi_step_lr(1, 0.1, [5, 3]), r"milestones must rise, .* not \[5, 3\]"),
        (lambda: schedulers.constant_then_exponential_lr(1, 0.1, 0), "n_constant must be above 0, not 0"),
        (lambda: schedulers.polynomial_lr(1, 0.1, 0), "total_iters must be above 0"),
        (lambda: schedulers.cosine_annealing_lr(1, 0.1, -3), "T_max must be above 0, not -3"),
        (lambda: schedulers.cosine_annealing_warm_restarts(1, 0.1, 0), "T_0 must be above 0"),
        (lambda: schedulers.cosine_annealing_warm_restarts(1, 0.1, 5, 0), "T_mult must be above 0"),
        (lambda: schedulers.cosine_annealing_warm_restarts(1, 0.1, 5, 1.5), "T_mult must be an integer"),  # type: ignore[arg-type]
        (lambda: schedulers.constant_lr(1, 0.1, factor=2), r"factor must be in \[0, 1\], not 2"),
        (lambda: schedulers.linear_lr(1, 0.1, start_factor=0), r"start_factor must be in \(0, 1\], not 0"),
        (lambda: schedulers.linear_lr(1, 0.1, end_factor=-1), r"end_factor must be in \[0, 1\], not -1"),
        (lambda: schedulers.one_cycle_lr(11, 0.1, 10), "step 11 is past the end of the cycle of 10 steps"),
        (lambda: schedulers.one_cycle_lr(1, 0.1, 0), "total_steps must be above 0"),
        (lambda: schedulers.one_cycle_lr(1, 0.1, 10, pct_start=30), r"pct_start must be in \[0, 1\], not 30"),
        (lambda: schedulers.one_cycle_lr(0, 0.1, 10, pct_start=0.1), "leaves a phase without steps"),
        (lambda: schedulers.one_cycle_lr(1, 0.1, 10, anneal_strategy="sin"), "'cos' or 'linear', not 'sin'"),  # type: ignore[arg-type]
        (lambda: schedulers.one_cycle_momentum(11, 10), "step 11 is past the end"),
        (lambda: schedulers.sequential_lr(1, 0.1, [], []), "at least one"),
        (lambda: schedulers.sequential_lr(1, 0.1, [schedulers.constant_lr], [3]), "need 0 milestones, not 1"),
        (lambda: schedulers.ReduceLROnPlateau(0.1, mode="loss"), "mode must be 'min' or 'max', not 'loss'"),  # type: ignore[arg-type]
        (lambda: schedulers.ReduceLROnPlateau(0.1, threshold_mode="x"), "threshold_mode must be 'rel' or 'abs'"),  # type: ignore[arg-type]
        (lambda: schedulers.ReduceLROnPlateau(0.1, factor=1.0), "factor must be at least 0 and below 1, not 1.0"),
        (lambda: schedulers.ReduceLROnPlateau(-0.1), "base_lr must be at least 0, not -0.1"),
        (lambda: schedulers.ReduceLROnPlateau(0.1, patience=-1), "patience must be at least 0, not -1"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------------------ range test


@pytest.fixture
def loader() -> TensorLoader:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 6, generator=generator)
    return TensorLoader(inputs, inputs[:, :3].argmax(dim=1), batch_size=20, shuffle=True)


def make_model() -> nn.Sequential:
    set_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def test_the_range_test_is_the_plain_loop_with_a_growing_rate(loader):
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    test = schedulers.lr_range_test(
        model, optimizer, loader, nn.functional.cross_entropy, "cpu", min_lr=1e-4, max_lr=1e-2, n_steps=21
    )
    ratios = [later / earlier for earlier, later in itertools.pairwise(test.lrs)]
    assert ratios == pytest.approx([100 ** (1 / 20)] * 20)  # two epochs and a batch
    assert (test.lrs[0], test.lrs[-1]) == pytest.approx((1e-4, 1e-2))

    loader = TensorLoader(loader.inputs, loader.targets, batch_size=20, shuffle=True)
    growing = reference.ExponentialLR(SGD(model.parameters(), lr=1e-4, momentum=0.9), gamma=100 ** (1 / 20))
    losses = []
    for _ in range(3):
        train_epoch(
            model, loader, growing.optimizer, nn.functional.cross_entropy, "cpu",
            before_step=lambda _, loss: losses.append(loss), after_step=growing.step,
        )  # fmt: skip
    assert test.losses == pytest.approx(losses[:21], rel=1e-5)


@pytest.mark.parametrize("kind", [partial(SGD, momentum=0.9), Adam])
def test_the_range_test_leaves_model_and_optimizer_as_they_were(loader, kind):
    model = make_model().eval()
    model[0].train()
    optimizer = kind(model.parameters(), lr=0.01)
    model(loader.inputs).sum().backward()
    optimizer.step()
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    schedulers.lr_range_test(model, optimizer, loader, nn.functional.cross_entropy, "cpu", n_steps=30)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert str(state) == str(optimizer.state_dict())
    assert [module.training for module in model] == [True, False, False, False]


def test_the_range_test_stops_when_the_loss_explodes(loader):
    model = nn.Linear(6, 3)
    optimizer = SGD(model.parameters(), lr=0.1)
    test = schedulers.lr_range_test(
        model, optimizer, loader, nn.functional.cross_entropy, "cpu", max_lr=1e6, n_steps=100, stop_factor=3.0
    )
    assert len(test.lrs) == len(test.losses) == len(test.smoothed_losses) < 100
    assert test.smoothed_losses[-1] > 3 * min(test.smoothed_losses)
    assert all(value <= 3 * min(test.smoothed_losses[: i + 1]) for i, value in enumerate(test.smoothed_losses[:-1]))
    assert test.lrs[0] < test.suggestion < test.lrs[test.smoothed_losses.index(min(test.smoothed_losses))]
    frame = test.to_frame()
    assert list(frame.columns) == ["lr", "loss", "smoothed_loss"]
    assert frame["loss"].tolist() == test.losses


def test_the_range_test_keeps_no_loss_that_is_not_finite(loader):
    model = nn.Linear(6, 3)
    seen = []

    def loss_fcn(logits, targets):
        seen.append(targets)
        return nn.functional.cross_entropy(logits, targets) * (math.nan if len(seen) == 13 else 1.0)

    test = schedulers.lr_range_test(model, SGD(model.parameters(), lr=0.1), loader, loss_fcn, "cpu", n_steps=30)
    assert len(seen) == 13
    assert len(test.losses) == 12
    assert all(math.isfinite(loss) for loss in test.losses)


def test_all_parameter_groups_get_the_rate(loader):
    model = make_model()
    groups = [{"params": model[0].parameters(), "lr": 1.0}, {"params": model[3].parameters(), "lr": 0.0}]
    run = partial(schedulers.lr_range_test, model, loss_fcn=nn.functional.cross_entropy, device="cpu", n_steps=25)
    data = {"inputs": loader.inputs, "targets": loader.targets, "batch_size": 20}
    one = run(optimizer=SGD(groups, lr=0.3), train_dataloader=TensorLoader(**data))
    other = run(
        optimizer=SGD([*model[0].parameters(), *model[3].parameters()], lr=9.0), train_dataloader=TensorLoader(**data)
    )
    assert one == other


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"min_lr": 0.0}, "0 < min_lr < max_lr"),
        ({"min_lr": 1.0, "max_lr": 0.1}, "0 < min_lr < max_lr < inf, not 1.0 and 0.1"),
        ({"max_lr": math.inf}, "0 < min_lr < max_lr < inf"),
        ({"n_steps": 9}, "n_steps must be at least 10, not 9"),
        ({"smoothing": 1.0}, r"smoothing must be in \[0, 1\), not 1.0"),
        ({"stop_factor": 1.0}, "stop_factor must be above 1, not 1.0"),
        ({"train_dataloader": []}, "gave no batches"),
        ({"loss_fcn": lambda logits, _: logits.sum() * math.nan}, "the loss of the first batch is not finite"),
    ],
)
def test_the_range_test_refuses_bad_input(loader, setting, message):
    model = make_model()
    arguments = {
        "model": model,
        "optimizer": SGD(model.parameters(), lr=0.1),
        "train_dataloader": loader,
        "loss_fcn": nn.functional.cross_entropy,
        "device": "cpu",
    }
    with pytest.raises(ValueError, match=message):
        schedulers.lr_range_test(**arguments | setting)


def test_an_optimizer_of_another_model_is_refused(loader):
    optimizer = SGD(make_model().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="the optimizer does not hold the model's parameters"):
        schedulers.lr_range_test(make_model(), optimizer, loader, nn.functional.cross_entropy, "cpu")


# ------------------------------------------------------------------------------------------------ in a training run


def test_in_training_the_rates_are_those_of_the_functions(loader):
    cosine = partial(schedulers.cosine_annealing_lr, T_max=50)

    def rates_in_training(each_batch: bool) -> list[float]:
        model = make_model()
        optimizer = SGD(model.parameters(), lr=0.1)
        scheduler = reference.CosineAnnealingLR(optimizer, T_max=50)
        history = train_model(
            model, optimizer, loader, 5, nn.functional.cross_entropy, "cpu",
            scheduler=EachBatch(scheduler) if each_batch else scheduler, progress=False,
        )  # fmt: skip
        return history.lr

    assert rates_in_training(each_batch=False) == pytest.approx([cosine(epoch, 0.1) for epoch in range(5)])
    n_batches = len(loader)
    assert rates_in_training(each_batch=True) == pytest.approx([cosine(n_batches * e, 0.1) for e in range(5)])


def test_the_functions_serve_lambda_lr_as_factors():
    warm_up_and_cosine = partial(
        schedulers.sequential_lr,
        base_lr=1.0,
        schedulers=[schedulers.linear_lr, partial(schedulers.cosine_annealing_lr, T_max=195)],
        milestones=[5],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates = rates_of(reference.LambdaLR(make_optimizer(0.1), warm_up_and_cosine))
    assert rates == pytest.approx([0.1 * warm_up_and_cosine(step) for step in range(N_STEPS)])


# ---------------------------------------------------------------------------------- the exercises' reference answers


def test_the_exercises_are_checked_against_torch():
    cosine = rates_of(reference.CosineAnnealingLR(make_optimizer(0.1), T_max=50, eta_min=0.01), 51)
    assert [exercises.cosine_rate(step, 0.1, 50, 0.01) for step in range(51)] == pytest.approx(cosine)

    optimizer = make_optimizer(0.1)
    warm_up = reference.LinearLR(optimizer, start_factor=0.1, total_iters=9)  # step 0 has a tenth, step 9 the peak
    down = reference.CosineAnnealingLR(optimizer, T_max=40)
    sequence = rates_of(reference.SequentialLR(optimizer, [warm_up, down], milestones=[10]), 50)
    assert [exercises.warm_up_cosine_rate(step, 0.1, 10, 50) for step in range(50)] == pytest.approx(sequence)


@given(st.lists(st.floats(0, 2), max_size=30), st.integers(0, 3))
@settings(deadline=None)
def test_the_exercise_on_the_plateau_is_checked_against_torch(losses, patience):
    theirs = reference.ReduceLROnPlateau(make_optimizer(0.1), factor=0.5, patience=patience, threshold=0, eps=0)
    expected = []
    for loss in losses:
        theirs.step(loss)
        expected.append(theirs.optimizer.param_groups[0]["lr"])
    assert exercises.plateau_rates(losses, 0.1, 0.5, patience) == expected
