import copy
import inspect
import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import preprocessing
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils import fusion
from torch.optim.swa_utils import update_bn

from helper_utils import normalization

NAMES = ("BatchNorm1d", "BatchNorm2d", "LayerNorm", "InstanceNorm2d", "GroupNorm", "RMSNorm")
LIBRARIES = pytest.mark.parametrize("library", [normalization, nn], ids=["ours", "torch"])
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
TOLERANCE: dict[torch.dtype, dict[str, Any]] = {
    torch.float32: {"rtol": 1e-4, "atol": 1e-5},
    torch.float64: {"rtol": 1e-9, "atol": 1e-10},
}

# the name of a class, its positional arguments, its keywords, the shape of its inputs
CASES = [
    ("BatchNorm1d", (5,), {}, (7, 5)),
    ("BatchNorm1d", (5,), {"affine": False}, (2, 5)),
    ("BatchNorm1d", (5,), {"eps": 0.1, "momentum": 0.5}, (3, 5, 4)),
    ("BatchNorm1d", (5,), {"track_running_stats": False}, (1, 5, 4)),
    ("BatchNorm1d", (1,), {"bias": False}, (4, 1, 1)),
    ("BatchNorm2d", (3,), {}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"affine": False, "eps": 1e-3}, (1, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"track_running_stats": False, "affine": False}, (2, 3, 1, 1)),
    ("BatchNorm2d", (4, 1e-4, None, True, True), {"bias": False}, (2, 4, 3, 3)),
    ("LayerNorm", (6,), {}, (6,)),
    ("LayerNorm", (6,), {"eps": 0.1}, (3, 6)),
    ("LayerNorm", ((6,),), {"bias": False}, (3, 4, 6)),
    ("LayerNorm", ([4, 6],), {}, (3, 4, 6)),
    ("LayerNorm", (torch.Size([4, 6]),), {"elementwise_affine": False}, (2, 3, 4, 6)),
    ("LayerNorm", ((2, 4, 3),), {}, (3, 2, 4, 3)),
    ("LayerNorm", (5, 1e-3, False, False), {}, (2, 2, 2, 3, 5)),
    ("InstanceNorm2d", (3,), {}, (2, 3, 4, 5)),
    ("InstanceNorm2d", (3,), {"affine": True}, (2, 3, 4, 5)),
    ("InstanceNorm2d", (3,), {"affine": True, "bias": False, "eps": 0.1}, (3, 4, 5)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True}, (2, 3, 4, 5)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "affine": True, "momentum": None}, (2, 3, 1, 2)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "momentum": 0.7}, (3, 4, 5)),
    ("GroupNorm", (2, 6), {}, (3, 6)),
    ("GroupNorm", (3, 6), {"affine": False}, (3, 6, 4)),
    ("GroupNorm", (1, 6), {"eps": 0.1}, (3, 6, 4)),
    ("GroupNorm", (6, 6), {"bias": False}, (3, 6, 4, 2)),
    ("GroupNorm", (2, 4), {}, (1, 4, 3, 2)),
    ("GroupNorm", (2, 4, 1e-3, True), {}, (2, 4, 2, 3, 2)),
    ("RMSNorm", (6,), {}, (3, 6)),
    ("RMSNorm", (6, 0.1), {}, (2, 3, 6)),
    ("RMSNorm", ([4, 6],), {"elementwise_affine": False}, (2, 3, 4, 6)),
    ("RMSNorm", (1,), {"eps": 1e-6}, (3, 1)),
]
EACH_CASE = pytest.mark.parametrize(
    ("name", "arguments", "keywords", "shape"), CASES, ids=[f"{c[0]}{c[1]}{c[2]}{c[3]}".replace(" ", "") for c in CASES]
)


@pytest.fixture(autouse=True)
def _same_numbers() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def pair(name: str, *arguments, **keywords) -> tuple[Any, Any]:
    """Our norm and torch's, with the same random parameters and running statistics."""
    ours, theirs = (getattr(library, name)(*arguments, **keywords) for library in (normalization, nn))
    randomize(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def randomize(model: nn.Module) -> None:
    """Give parameters and running statistics other values than those that they start with."""
    for values in model.state_dict().values():
        if values.is_floating_point():
            values.uniform_(0.5, 1.5)


def assert_same_state(ours: nn.Module, theirs: nn.Module, **tolerance: Any) -> None:
    ours_state, their_state = ours.state_dict(), theirs.state_dict()
    assert list(ours_state) == list(their_state)
    for name, values in their_state.items():
        torch.testing.assert_close(ours_state[name], values, **tolerance)


# ------------------------------------------------------------------------------------------ norms, against torch.nn


@DTYPES
@MODES
@EACH_CASE
def test_norms_equal_torch(name, arguments, keywords, shape, dtype: torch.dtype, training: bool) -> None:
    ours, theirs = (norm.train(training) for norm in pair(name, *arguments, **keywords, dtype=dtype))
    for _ in range(2):  # the second batch meets statistics that the first has changed
        values, weights = 3 * torch.randn(shape, dtype=dtype) + 2, torch.randn(shape, dtype=dtype)
        outputs, gradients = [], []
        for norm in (ours, theirs):
            inputs = values.clone().requires_grad_()
            outputs.append(norm(inputs))
            gradients.append(torch.autograd.grad((outputs[-1] * weights).sum(), [inputs, *norm.parameters()]))
        assert outputs[0].dtype == dtype
        torch.testing.assert_close(*outputs, **TOLERANCE[dtype])
        torch.testing.assert_close(*gradients, **TOLERANCE[dtype])
        assert_same_state(ours, theirs, **TOLERANCE[dtype])
        assert not any(buffer.requires_grad for buffer in ours.buffers())  # no graph hangs on the statistics


@MODES
@EACH_CASE
def test_gradients_equal_differences(name, arguments, keywords, shape, training: bool) -> None:
    norm, _ = pair(name, *arguments, **keywords, dtype=torch.float64)
    norm.train(training)
    names = [name for name, _ in norm.named_parameters()]

    def normalize(inputs: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(copy.deepcopy(norm), dict(zip(names, parameters, strict=True)), inputs)

    inputs = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalize, (inputs, *norm.parameters()), fast_mode=True)


@pytest.mark.parametrize("momentum", [None, 0, 0.1, 1])
@pytest.mark.parametrize(
    ("name", "shape"), [("BatchNorm1d", ()), ("BatchNorm1d", (6,)), ("BatchNorm2d", (5, 4)), ("InstanceNorm2d", (5, 4))]
)
@DTYPES
def test_running_statistics_equal_torch_after_many_batches(name, shape, momentum, dtype) -> None:
    ours, theirs = pair(name, 3, momentum=momentum, affine=True, track_running_stats=True, dtype=dtype)
    batches = [2 * torch.randn(2 + step % 5, 3, *shape, dtype=dtype) + step for step in range(30)]  # of different sizes
    for step, inputs in enumerate(batches):
        for norm in (ours, theirs):
            norm.train(step % 7 != 6)  # some batches are only evaluated, and must leave no trace
            norm(inputs)
        assert_same_state(ours, theirs, **TOLERANCE[dtype])
    outputs = [norm.eval()(batches[-1]) for norm in (ours, theirs)]
    torch.testing.assert_close(*outputs, **TOLERANCE[dtype])


def test_running_variance_is_unbiased_and_the_normalising_one_is_not() -> None:
    norm = normalization.BatchNorm1d(1, eps=1e-12, momentum=1)
    outputs = norm(torch.tensor([[1.0], [3.0]]))
    assert outputs.flatten().tolist() == pytest.approx([-1, 1])  # (1 - 2) / sqrt(1): deviations of 1, n = 2
    assert norm.running_mean.item() == pytest.approx(2)
    assert norm.running_var.item() == pytest.approx(2)  # (1 + 1) / (2 - 1)
    assert norm.num_batches_tracked.item() == 1
    # in eval mode the running ones normalise, also a single example
    assert norm.eval()(torch.tensor([[4.0]])).item() == pytest.approx(2 / math.sqrt(2))


def test_momentum_none_averages_all_batches_alike() -> None:
    norm = normalization.BatchNorm1d(2, momentum=None)
    batches = [torch.randn(n, 2) * n + n for n in (2, 5, 3, 8)]
    for batch in batches:
        norm(batch)
    torch.testing.assert_close(norm.running_mean, torch.stack([batch.mean(dim=0) for batch in batches]).mean(dim=0))
    torch.testing.assert_close(norm.running_var, torch.stack([batch.var(dim=0) for batch in batches]).mean(dim=0))


def test_batch_norm_that_stops_tracking_keeps_its_statistics_as_torch_does() -> None:
    ours, theirs = pair("BatchNorm1d", 3)
    inputs = torch.randn(6, 3)
    before = ours.running_mean.clone()
    for norm in (ours, theirs):
        norm.track_running_stats = False
        norm(inputs)
    assert_same_state(ours, theirs)
    assert torch.equal(ours.running_mean, before)
    torch.testing.assert_close(ours.eval()(inputs), theirs.eval()(inputs))


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_those_of_torch(name: str) -> None:
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(getattr(library, name)).parameters.values()]
        for library in (normalization, nn)
    )
    assert ours == theirs


@EACH_CASE
def test_modules_look_alike_and_load_each_other(name, arguments, keywords, shape) -> None:
    ours, theirs = (getattr(library, name)(*arguments, **keywords) for library in (normalization, nn))
    assert repr(ours) == repr(theirs)
    assert_same_state(ours, theirs, rtol=0, atol=0)  # they start alike
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    for source, target in ((ours, theirs), (theirs, ours)):
        source(torch.randn(shape))
        randomize(source)
        target.load_state_dict(source.state_dict(), strict=True)
        assert_same_state(target, source, rtol=0, atol=0)


@EACH_CASE
def test_copies_and_moves_as_any_module(name, arguments, keywords, shape) -> None:
    norm, theirs = pair(name, *arguments, **keywords)
    inputs = torch.randn(shape)
    expected = norm(inputs)
    torch.testing.assert_close(copy.deepcopy(norm)(inputs), expected)
    before = copy.deepcopy(norm.state_dict())
    copy.deepcopy(norm)(inputs)  # a copy's statistics are its own
    assert all(torch.equal(before[key], values) for key, values in norm.state_dict().items())
    for dtype in (torch.float64, torch.bfloat16):
        ours_moved, theirs_moved = copy.deepcopy(norm).to(dtype), copy.deepcopy(theirs).to(dtype)
        assert {k: v.dtype for k, v in ours_moved.state_dict().items()} == {
            k: v.dtype for k, v in theirs_moved.state_dict().items()
        }
        assert ours_moved(inputs.to(dtype)).dtype == dtype
    meta = getattr(normalization, name)(*arguments, **keywords, device="meta", dtype=torch.float64)
    assert {v.device.type for v in meta.state_dict().values()} <= {"meta"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [1e-3, 1, 100])
@EACH_CASE
def test_half_precision_is_computed_in_float32(name, arguments, keywords, shape, dtype, scale) -> None:
    ours, theirs = pair(name, *arguments, **keywords, dtype=dtype)
    inputs = (scale * torch.randn(shape)).to(dtype)
    eps = torch.finfo(dtype).eps  # the last bit may differ where the order of roundings does
    torch.testing.assert_close(ours(inputs), theirs(inputs), rtol=4 * eps, atol=8 * eps)


@EACH_CASE
def test_norms_take_inputs_of_any_memory_layout(name, arguments, keywords, shape) -> None:
    ours, theirs = pair(name, *arguments, **keywords)
    inputs = torch.randn(shape[::-1]).permute(*reversed(range(len(shape))))  # a transposed view
    torch.testing.assert_close(ours(inputs), theirs(inputs), **TOLERANCE[torch.float32])


def test_reset_starts_anew() -> None:
    norm, fresh = normalization.BatchNorm2d(3), normalization.BatchNorm2d(3)
    norm(torch.randn(2, 3, 4, 4))
    randomize(norm)
    norm.reset_running_stats()
    norm.reset_parameters()
    assert_same_state(norm, fresh)
    normalization.BatchNorm2d(3, track_running_stats=False).reset_running_stats()  # nothing to do


def test_many_norms_trained_at_once_keep_their_own_statistics() -> None:
    models = [normalization.BatchNorm1d(3, momentum=None) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    batches = torch.randn(5, 3, 6, 3)  # steps, models, examples, features
    outputs = torch.empty(0)
    for batch in batches:
        outputs = vmap(lambda p, b, inputs: functional_call(models[0], (p, b), (inputs,)))(parameters, buffers, batch)
    for run, model in enumerate(copy.deepcopy(models)):
        expected = torch.stack([model(batch[run]) for batch in batches])[-1]
        torch.testing.assert_close(outputs[run], expected)
        for name, values in model.named_buffers():
            torch.testing.assert_close(buffers[name][run], values)


# ----------------------------------------------------------------------------------- norms, what they have in common


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_group_norm_lies_between_layer_norm_and_instance_norm(eps: float) -> None:
    inputs = 2 * torch.randn(3, 6, 4, 5, dtype=torch.float64) + 1
    one_group, each_its_own = (normalization.GroupNorm(groups, 6, eps, affine=False)(inputs) for groups in (1, 6))
    torch.testing.assert_close(one_group, normalization.LayerNorm((6, 4, 5), eps, elementwise_affine=False)(inputs))
    torch.testing.assert_close(each_its_own, normalization.InstanceNorm2d(6, eps)(inputs))
    # and with neither is it batch norm, unless there is one image
    batch_norm = normalization.BatchNorm2d(6, eps, affine=False)
    torch.testing.assert_close(batch_norm(inputs[:1]), each_its_own[:1])
    assert (batch_norm(inputs) - each_its_own).abs().max() > 0.01


def test_rms_norm_of_centred_inputs_is_layer_norm() -> None:
    inputs = torch.randn(4, 6, dtype=torch.float64)
    rms_norm = normalization.RMSNorm(6, eps=1e-5, elementwise_affine=False)
    layer_norm = normalization.LayerNorm(6, elementwise_affine=False)
    centred = inputs - inputs.mean(dim=1, keepdim=True)
    torch.testing.assert_close(rms_norm(centred), layer_norm(inputs))
    assert (rms_norm(inputs) - layer_norm(inputs)).abs().max() > 0.01


# norms without parameters on inputs of 6 channels, and the axes over which (N, C, H, W) has mean 0 and variance 1
CENTRING = {
    "batch": (lambda eps: normalization.BatchNorm2d(6, eps, affine=False), (0, 2, 3)),
    "layer": (lambda eps: normalization.LayerNorm((6, 3, 4), eps, elementwise_affine=False), (1, 2, 3)),
    "layer, last axis": (lambda eps: normalization.LayerNorm(4, eps, elementwise_affine=False), (3,)),
    "instance": (lambda eps: normalization.InstanceNorm2d(6, eps), (2, 3)),
    "group": (lambda eps: normalization.GroupNorm(1, 6, eps, affine=False), (1, 2, 3)),
}
images = st.builds(
    lambda seed, n_images, scale, shift: (
        scale * torch.randn(n_images, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        + shift
    ),
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.floats(0.01, 100),
    st.floats(-100, 100),
)
kinds = st.sampled_from(sorted(CENTRING))


@given(images, kinds, st.sampled_from([1e-5, 0.1]))
def test_outputs_have_mean_0_and_variance_1_over_the_axes(inputs: Tensor, kind: str, eps: float) -> None:
    make_norm, axes = CENTRING[kind]
    outputs = make_norm(eps)(inputs)
    means, variances = outputs.mean(axes), outputs.var(axes, correction=0)
    torch.testing.assert_close(means, torch.zeros_like(means), rtol=0, atol=1e-9)
    before = inputs.var(axes, correction=0)
    torch.testing.assert_close(variances, before / (before + eps))  # eps makes it a little less than 1


@given(images, kinds, st.floats(0.1, 10), st.floats(-10, 10), st.randoms(use_true_random=False))
def test_a_positive_gain_and_a_shift_are_undone(inputs: Tensor, kind: str, gain: float, shift: float, random) -> None:
    make_norm, axes = CENTRING[kind]
    norm = make_norm(1e-14)
    # one gain and one shift for whatever shares a mean and a variance
    shape = [1 if axis in axes else length for axis, length in enumerate(inputs.shape)]
    factors = torch.tensor([random.uniform(0.5, 2) for _ in range(math.prod(shape))], dtype=torch.float64).view(shape)
    expected = norm(inputs)
    torch.testing.assert_close(norm(gain * factors * inputs + shift * factors), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm(-gain * inputs), -expected, rtol=1e-4, atol=1e-4)


@given(images, kinds)
def test_normalising_twice_is_normalising_once(inputs: Tensor, kind: str) -> None:
    norm = CENTRING[kind][0](1e-14)
    once = norm(inputs)
    torch.testing.assert_close(norm(once), once, rtol=1e-4, atol=1e-4)


@given(images, st.floats(0.1, 10))
def test_rms_norm_undoes_a_gain_but_no_shift(inputs: Tensor, gain: float) -> None:
    norm = normalization.RMSNorm((6, 3, 4), eps=1e-14)
    outputs = norm(inputs)
    mean_squares = outputs.square().mean((1, 2, 3))
    torch.testing.assert_close(mean_squares, torch.ones_like(mean_squares), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm(gain * inputs), outputs, rtol=1e-4, atol=1e-4)
    deviation = inputs.std()
    assert (norm(inputs - inputs.mean() + 3 * deviation) - norm(inputs - inputs.mean())).abs().max() > 0.1


@pytest.mark.parametrize("kind", sorted(CENTRING))
def test_only_batch_norm_mixes_the_examples(kind: str) -> None:
    norm = CENTRING[kind][0](1e-5)
    inputs = torch.randn(4, 6, 3, 4)
    others_changed = torch.cat([inputs[:1], 10 * inputs[1:] + 3])
    is_same = torch.allclose(norm(inputs)[0], norm(others_changed)[0], atol=1e-6)
    assert is_same == (kind != "batch")
    if kind == "batch":  # in eval mode it does not
        norm.eval()
        torch.testing.assert_close(norm(inputs)[0], norm(others_changed)[0])
    else:  # and the mode makes no difference to the others
        assert torch.equal(norm.train()(inputs), norm.eval()(inputs))


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4))
def test_layer_norm_of_a_sequence_does_not_depend_on_padding(lengths: list[int]) -> None:
    sequences = [torch.randn(length, 5) for length in lengths]
    padded = nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    norm = normalization.LayerNorm(5)
    for sequence, outputs in zip(sequences, norm(padded), strict=True):
        torch.testing.assert_close(outputs[: len(sequence)], norm(sequence))


def test_batch_norm_of_a_sequence_depends_on_padding() -> None:
    sequence = torch.randn(1, 5, 3)  # one sequence of 3 steps with 5 features
    padded = nn.functional.pad(sequence, (0, 4))
    norm = normalization.BatchNorm1d(5)
    assert (norm(padded)[..., :3] - norm(sequence)).abs().max() > 0.01


def test_a_bias_before_batch_norm_and_the_scale_of_the_weight_do_nothing() -> None:
    inputs, layer = torch.randn(8, 4, dtype=torch.float64), nn.Linear(4, 3, dtype=torch.float64)
    norm = normalization.BatchNorm1d(3, eps=1e-10, dtype=torch.float64)
    expected = norm(layer(inputs))
    with torch.no_grad():
        layer.bias.add_(5)
        layer.weight.mul_(7)
    torch.testing.assert_close(norm(layer(inputs)), expected)


# ---------------------------------------------------------------------------------------------------------- scalers


def features(n_examples: int, dtype: torch.dtype) -> Tensor:
    """Features of very different scales, two of them constant; the last is 0.1, which no binary number is."""
    scales, shifts = torch.tensor([1, 1e4, 1e-3, 0, 0]), torch.tensor([0, 5e3, -2, 7, 0.1])
    return (torch.randn(n_examples, 5) * scales + shifts).to(dtype)


@DTYPES
@pytest.mark.parametrize("n_examples", [1, 2, 50])
@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (normalization.MinMaxScaler(), preprocessing.MinMaxScaler()),
        (normalization.MinMaxScaler((-1, 1)), preprocessing.MinMaxScaler(feature_range=(-1, 1))),
        (normalization.MinMaxScaler((3, 3.5)), preprocessing.MinMaxScaler(feature_range=(3, 3.5))),
        (normalization.StandardScaler(), preprocessing.StandardScaler()),
    ],
    ids=["0 to 1", "-1 to 1", "3 to 3.5", "standard"],
)
def test_scalers_equal_scikit_learn(ours, reference, n_examples: int, dtype: torch.dtype) -> None:
    tolerance: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    train, test = features(n_examples, dtype), features(20, dtype)
    scaled = ours.fit_transform(train)
    assert scaled.dtype == dtype
    np.testing.assert_allclose(scaled, reference.fit_transform(train.numpy()), **tolerance)
    np.testing.assert_allclose(ours.transform(test), reference.transform(test.numpy()), **tolerance)
    expected = reference.inverse_transform(test.numpy())
    np.testing.assert_allclose(ours.inverse_transform(test), expected, **tolerance)
    for attribute in ("scale_", "min_", "mean_", "var_", "data_min_", "data_max_"):
        assert hasattr(ours, attribute) == hasattr(reference, attribute)
        if hasattr(ours, attribute):
            np.testing.assert_allclose(getattr(ours, attribute), getattr(reference, attribute), **tolerance)


def test_a_feature_that_varies_in_its_last_bit_only_is_constant() -> None:
    train = torch.tensor([[7, 1], [7 + 1e-15, 2], [7, 3]], dtype=torch.float64)
    assert train[0, 0] != train[1, 0]
    pairs = [
        (normalization.MinMaxScaler(), preprocessing.MinMaxScaler()),
        (normalization.StandardScaler(), preprocessing.StandardScaler()),
    ]
    for ours, reference in pairs:
        np.testing.assert_allclose(ours.fit_transform(train), reference.fit_transform(train.numpy()), atol=1e-12)
        assert ours.scale_[0] == 1


@pytest.mark.parametrize("ddof", [0, 1])
def test_ddof_is_the_divisor(ddof: int) -> None:
    train = torch.randn(4, 3)
    scaler = normalization.StandardScaler(ddof).fit(train)
    np.testing.assert_allclose(scaler.scale_, np.std(train.numpy(), axis=0, ddof=ddof), rtol=1e-6)
    scaled = scaler.transform(train)
    torch.testing.assert_close(scaled.std(dim=0, correction=ddof), torch.ones(3))


scalers = st.one_of(
    st.builds(normalization.StandardScaler, st.integers(0, 1)),
    st.builds(
        lambda low, width: normalization.MinMaxScaler((low, low + width)), st.floats(-10, 10), st.floats(0.1, 10)
    ),
)
tables = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e-2, 1e-2), st.just(0.1)), min_size=2, max_size=20).map(
    lambda rows: torch.tensor(rows, dtype=torch.float64)
)


@given(scalers, tables)
def test_inverse_transform_undoes_transform(scaler, inputs: Tensor) -> None:
    scaled = scaler.fit_transform(inputs)
    torch.testing.assert_close(scaler.inverse_transform(scaled), inputs, rtol=1e-6, atol=1e-6)


@given(scalers, tables)
def test_scaling_twice_is_scaling_once(scaler, inputs: Tensor) -> None:
    # apart from features that vary no more than rounding does
    inputs = inputs[:, inputs.std(dim=0) > 1e-6 * (1 + inputs.abs().amax(dim=0))]
    if inputs.shape[1]:
        once = scaler.fit_transform(inputs)
        torch.testing.assert_close(scaler.fit_transform(once), once, rtol=1e-6, atol=1e-6)


@given(tables, st.floats(-10, 10), st.floats(0.1, 10))
def test_min_max_scaling_fills_the_range(inputs: Tensor, low: float, width: float) -> None:
    scaled = normalization.MinMaxScaler((low, low + width)).fit_transform(inputs)
    varies = inputs.amax(dim=0) - inputs.amin(dim=0) > 1e-9
    assert scaled.amin(dim=0).tolist() == pytest.approx([low] * 3, abs=1e-6)
    assert scaled[:, varies].amax(dim=0).tolist() == pytest.approx([low + width] * int(varies.sum()), abs=1e-6)
    assert scaled[:, 2].tolist() == pytest.approx([low] * len(inputs))  # the constant feature


def test_scalers_leave_the_data_alone_and_pass_gradients_and_missing_values() -> None:
    train = torch.randn(5, 2)
    before = train.clone()
    for scaler in (normalization.MinMaxScaler(), normalization.StandardScaler()):
        scaler.fit_transform(train)
        assert torch.equal(train, before)
        inputs = torch.tensor([[math.nan, 1.0]], requires_grad=True)
        scaled = scaler.transform(inputs)
        assert scaled.isnan().tolist() == [[True, False]]
        scaled[0, 1].backward()
        assert inputs.grad is not None
        assert inputs.grad[0, 1] != 0


# ------------------------------------------------------------------------------------------------ around batch norm


@LIBRARIES
def test_recalibration_averages_over_the_batches(library) -> None:
    norm = library.BatchNorm1d(3, momentum=0.2)
    randomize(norm)
    norm.running_var[0] = math.nan  # what went wrong before is forgotten
    batches = [torch.randn(n, 3) * n + n for n in (2, 6, 4)]
    normalization.recalibrate_running_statistics(norm, iter(batches), "cpu")
    torch.testing.assert_close(norm.running_mean, torch.stack([batch.mean(dim=0) for batch in batches]).mean(dim=0))
    torch.testing.assert_close(norm.running_var, torch.stack([batch.var(dim=0) for batch in batches]).mean(dim=0))
    assert norm.num_batches_tracked == 3


def convolutional_network(library, *extra: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), library.BatchNorm2d(4), nn.ReLU(), *extra, nn.Conv2d(4, 3, 2), library.BatchNorm2d(3)
    )


@LIBRARIES
def test_recalibration_equals_torch(library) -> None:
    ours = convolutional_network(library)
    theirs = convolutional_network(nn)
    randomize(theirs)
    ours.load_state_dict(theirs.state_dict())
    batches = [(torch.randn(5, 2, 6, 6), torch.zeros(5)) for _ in range(4)]
    normalization.recalibrate_running_statistics(ours, batches, torch.device("cpu"))
    update_bn(batches, theirs)
    assert_same_state(ours, theirs, **TOLERANCE[torch.float32])
    assert ours[0].weight.grad is None


def test_recalibration_is_done_without_dropout() -> None:
    with_dropout = convolutional_network(normalization, nn.Dropout(0.5))
    without = convolutional_network(normalization, nn.Identity())
    without.load_state_dict(with_dropout.state_dict())
    batches = torch.randn(3, 5, 2, 6, 6)
    for model in (with_dropout, without):
        normalization.recalibrate_running_statistics(model, batches.unbind(), "cpu")
    assert_same_state(with_dropout, without)


@LIBRARIES
@pytest.mark.parametrize("fails", [False, True])
def test_recalibration_restores_modes_and_momenta(library, fails: bool) -> None:
    model: Any = convolutional_network(library, nn.Dropout(0.5)).train()
    model[1].eval()  # a frozen layer
    model[1].momentum, model[5].momentum = 0.3, None
    modes = [module.training for module in model.modules()]
    batches = [torch.randn(5, 2, 6, 6), torch.randn(5, 7 if fails else 2, 6, 6)]
    if fails:
        with pytest.raises(RuntimeError, match="channels"):
            normalization.recalibrate_running_statistics(model, batches, "cpu")
    else:
        normalization.recalibrate_running_statistics(model, batches, "cpu")
    assert [module.training for module in model.modules()] == modes
    assert (model[1].momentum, model[5].momentum) == (0.3, None)


@LIBRARIES
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (torch.randn(1, 4), ValueError),  # as the last batch of a loader may be
        (torch.randn(8, 5), RuntimeError),
        ({"image": torch.randn(8, 4)}, TypeError),
        ((), TypeError),
    ],
)
def test_recalibration_that_fails_gives_the_statistics_back(library, bad, error) -> None:
    model = nn.Sequential(nn.Linear(4, 3), library.BatchNorm1d(3))
    model(torch.randn(16, 4))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(error):
        normalization.recalibrate_running_statistics(model, [torch.randn(16, 4), bad], "cpu")
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())


def test_recalibration_that_is_interrupted_gives_the_statistics_back() -> None:
    def batches():
        yield torch.randn(16, 3)
        raise KeyboardInterrupt

    norm = normalization.BatchNorm1d(3)
    before = copy.deepcopy(norm.state_dict())
    with pytest.raises(KeyboardInterrupt):
        normalization.recalibrate_running_statistics(norm, batches(), "cpu")
    assert all(torch.equal(before[name], values) for name, values in norm.state_dict().items())


def test_recalibration_wants_batches_drawn_at_random() -> None:
    examples = torch.randn(512, 1).sort(dim=0).values
    variances = {}
    for name, order in (("sorted", torch.arange(512)), ("random", torch.randperm(512))):
        norm = normalization.BatchNorm1d(1)
        normalization.recalibrate_running_statistics(norm, examples[order].split(32), "cpu")
        assert norm.running_mean.item() == pytest.approx(examples.mean().item(), abs=1e-5)
        variances[name] = norm.running_var.item() / examples.var().item()
    assert variances["sorted"] < 0.2
    assert 0.9 < variances["random"] < 1.1


FOLDED = [
    {"bias": True},
    {"bias": False},
    {"groups": 2, "bias": False},
    {"groups": 4, "stride": 2},
    {"dilation": 2, "padding": "same"},
    {"padding": 1, "padding_mode": "reflect"},
]


@LIBRARIES
@DTYPES
@pytest.mark.parametrize("norm_keywords", [{}, {"affine": False}, {"bias": False, "eps": 0.1}], ids=str)
@pytest.mark.parametrize("conv_keywords", FOLDED, ids=str)
def test_folded_convolution_gives_the_same(library, dtype, norm_keywords, conv_keywords) -> None:
    conv = nn.Conv2d(4, 8, 3, **conv_keywords, dtype=dtype).eval()
    norm = library.BatchNorm2d(8, **norm_keywords, dtype=dtype).eval()
    theirs = nn.BatchNorm2d(8, **norm_keywords, dtype=dtype).eval()
    randomize(theirs)
    norm.load_state_dict(theirs.state_dict())
    before = copy.deepcopy((conv.state_dict(), norm.state_dict()))
    inputs = torch.randn(3, 4, 9, 9, dtype=dtype)
    folded = normalization.fold_batch_norm(conv, norm)
    torch.testing.assert_close(folded(inputs), norm(conv(inputs)), **TOLERANCE[dtype])
    expected = fusion.fuse_conv_bn_eval(conv, theirs)
    assert_same_state(folded, expected, **TOLERANCE[dtype])
    assert repr(folded) == repr(conv).replace(", bias=False", "")
    torch.testing.assert_close((conv.state_dict(), norm.state_dict()), before, rtol=0, atol=0)


@LIBRARIES
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_folded_linear_layer_gives_the_same(library, bias: bool, affine: bool) -> None:
    linear, norm = nn.Linear(4, 6, bias=bias).eval(), library.BatchNorm1d(6, affine=affine).eval()
    randomize(norm)
    inputs = torch.randn(3, 4)
    folded = normalization.fold_batch_norm(linear, norm)
    torch.testing.assert_close(folded(inputs), norm(linear(inputs)))
    if affine:  # torch's needs a weight and a bias here
        theirs = nn.BatchNorm1d(6).eval()
        theirs.load_state_dict(norm.state_dict())
        assert_same_state(folded, fusion.fuse_linear_bn_eval(linear, theirs))


# -------------------------------------------------------------------------------------------------- parameter groups


class Network(nn.Module):
    """Norms of one library, a gain, tied weights and a frozen layer."""

    def __init__(self, library) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.conv = nn.Conv2d(3, 4, 3)
        self.batch_norm = library.BatchNorm2d(4)
        self.layer_norm = library.LayerNorm((4, 5))  # its weight and bias have two axes
        self.others = nn.ModuleList([library.GroupNorm(2, 4), library.RMSNorm((2, 3)), library.InstanceNorm2d(3)])
        self.gain = nn.Parameter(torch.ones(()))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.head = nn.Linear(6, 7)
        self.head.weight = self.embedding.weight


@LIBRARIES
def test_parameter_groups_hold_every_trainable_parameter_once(library) -> None:
    model = Network(library)
    with_decay, without_decay = normalization.parameter_groups(model, 0.01)
    assert (with_decay["weight_decay"], without_decay["weight_decay"]) == (0.01, 0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[id(parameter)] for parameter in with_decay["params"]] == ["embedding.weight", "conv.weight"]
    assert [names[id(parameter)] for parameter in without_decay["params"]] == [
        "gain", "conv.bias", "batch_norm.weight", "batch_norm.bias", "layer_norm.weight", "layer_norm.bias",
        "others.0.weight", "others.0.bias", "others.1.weight", "head.bias",
    ]  # fmt: skip


@pytest.mark.parametrize("model", [nn.Linear(2, 2, bias=False), nn.LayerNorm(3), nn.Linear(2, 2)], ids=str)
def test_an_optimizer_takes_the_groups_even_if_one_is_empty(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(normalization.parameter_groups(model, 0.5), lr=0.1)
    before = copy.deepcopy(list(model.parameters()))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # without gradients only the decay acts
    for parameter, old in zip(model.parameters(), before, strict=True):
        expected = 0.95 * old if parameter.ndim == 2 else old
        torch.testing.assert_close(parameter, expected)


# -------------------------------------------------------------------------------------------------------- bad input

IMAGES = torch.randn(2, 4, 3, 3)
FITTED = normalization.StandardScaler().fit(torch.randn(5, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normalization.BatchNorm1d(0), "num_features must be at least 1, not 0"),
        (lambda: normalization.BatchNorm1d(3, momentum=1.5), "momentum must be from 0 to 1, .* not 1.5"),
        (lambda: normalization.BatchNorm2d(3)(IMAGES), r"BatchNorm2d is for 3 channels.*\(2, 4, 3, 3\) have 4"),
        (lambda: normalization.BatchNorm2d(4)(IMAGES[0]), r"shape \(N, C, H, W\), not \(4, 3, 3\)"),
        (lambda: normalization.BatchNorm1d(4)(IMAGES), r"\(N, C\) or \(N, C, L\), not \(2, 4, 3, 3\)"),
        (lambda: normalization.BatchNorm1d(4)(torch.randn(1, 4)), "more than 1 value .* got 1: .*larger batch"),
        (lambda: normalization.BatchNorm1d(4)(torch.randn(0, 4)), "more than 1 value .* got 0"),
        (lambda: normalization.BatchNorm2d(4)(IMAGES[:1, :, :1, :1]), "more than 1 value"),
        (
            lambda: normalization.BatchNorm1d(4, track_running_stats=False).eval()(torch.randn(1, 4)),
            "more than 1 value",
        ),
        (lambda: normalization.InstanceNorm2d(3)(IMAGES), "InstanceNorm2d is for 3 channels"),
        (lambda: normalization.InstanceNorm2d(4)(IMAGES[0, 0]), r"or \(C, H, W\), not \(3, 3\)"),
        (lambda: normalization.InstanceNorm2d(4)(IMAGES[:, :, :1, :1]), "more than 1 value"),
        (lambda: normalization.LayerNorm(4)(IMAGES), r"shape \(4,\) \(normalized_shape\); inputs are \(2, 4, 3, 3\)"),
        (lambda: normalization.LayerNorm((3, 3))(torch.randn(3)), r"shape \(3, 3\)"),
        (lambda: normalization.LayerNorm(1)(torch.randn(3, 1)), "more than 1 value"),
        (lambda: normalization.LayerNorm(()), r"normalized_shape must hold .* not \(\)"),
        (lambda: normalization.RMSNorm((2, 0)), r"normalized_shape must hold .* not \(2, 0\)"),
        (lambda: normalization.RMSNorm(4)(IMAGES), r"shape \(4,\)"),
        (lambda: normalization.GroupNorm(3, 4), r"num_channels \(4\) must be divisible by num_groups \(3\)"),
        (lambda: normalization.GroupNorm(0, 4), r"num_groups \(0\), and both positive"),
        (lambda: normalization.GroupNorm(2, 6)(IMAGES), "GroupNorm is for 6 channels"),
        (lambda: normalization.GroupNorm(2, 4)(torch.randn(4)), r"shape \(N, C, ...\), not \(4,\)"),
        (lambda: normalization.GroupNorm(4, 4)(torch.randn(2, 4)), "more than 1 value"),
        (lambda: normalization.MinMaxScaler((1, 1)), r"low below high, not \(1, 1\)"),
        (lambda: normalization.MinMaxScaler((0, math.nan)), r"low below high, not \(0, nan\)"),
        (lambda: normalization.StandardScaler(ddof=-1), "ddof must be at least 0, not -1"),
        (lambda: normalization.StandardScaler(ddof=1).fit(torch.randn(1, 2)), "more than 1 examples, not 1"),
        (lambda: normalization.StandardScaler().transform(torch.randn(1, 2)), "StandardScaler is not fitted"),
        (lambda: normalization.MinMaxScaler().inverse_transform(torch.randn(1, 2)), "MinMaxScaler is not fitted"),
        (lambda: FITTED.transform(torch.randn(4, 3)), "inputs have 3 features, the scaler was fitted to 2"),
        (lambda: FITTED.inverse_transform(torch.randn(4, 1)), "inputs have 1 features"),
        (lambda: FITTED.transform(torch.randn(2)), r"\(N, features\), not \(2,\): .*inputs\[:, None\]"),
        (lambda: normalization.MinMaxScaler().fit(IMAGES), r"\(N, features\), not \(2, 4, 3, 3\): .*flatten"),
        (lambda: normalization.MinMaxScaler().fit(torch.randn(0, 2)), r"nothing to fit .* \(0, 2\)"),
        (lambda: FITTED.fit(torch.tensor([[1, 2], [3, math.nan]])), r"hold nan \(row 1, feature 1\)"),
        (lambda: FITTED.fit(torch.tensor([[1, -math.inf]])), r"hold -inf \(row 0, feature 1\)"),
        (
            lambda: normalization.recalibrate_running_statistics(nn.GroupNorm(1, 2), [IMAGES], "cpu"),
            "no batch norm with running statistics",
        ),
        (
            lambda: normalization.fold_batch_norm(nn.Conv2d(2, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
            "no running statistics",
        ),
        (
            lambda: normalization.fold_batch_norm(nn.Conv2d(2, 4, 1), normalization.BatchNorm2d(2)),
            "gives 4 channels, but the batch norm takes 2",
        ),
        (lambda: normalization.parameter_groups(nn.Linear(1, 1), -0.1), "weight_decay must be at least 0 .* not -0.1"),
        (lambda: normalization.parameter_groups(nn.ReLU(), 0.1), "no trainable parameters"),
        (lambda: normalization.parameter_groups(nn.LazyLinear(2), 0.1), "run a batch through the model"),
    ],
)
def test_bad_input_says_what_is_wrong(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FITTED.transform(torch.ones(4, 2).long()), r"not torch.int64: call inputs.float\(\) first"),
        (lambda: FITTED.fit(cast(Any, np.ones((4, 2)))), "must be a tensor, not ndarray: use torch.from_numpy"),
        (lambda: normalization.fold_batch_norm(nn.Conv2d(2, 4, 1), nn.BatchNorm1d(4)), "not Conv2d with BatchNorm1d"),
        (
            lambda: normalization.fold_batch_norm(nn.Linear(2, 4), cast(Any, nn.LayerNorm(4))),
            "not Linear with LayerNorm",
        ),
        (
            lambda: normalization.fold_batch_norm(cast(Any, nn.ConvTranspose2d(2, 4, 1)), nn.BatchNorm2d(4)),
            "ConvTranspose2d",
        ),
    ],
)
def test_bad_types_say_what_is_wrong(call, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@EACH_CASE
def test_norms_refuse_integers_and_an_eps_that_is_not_positive(name, arguments, keywords, shape) -> None:
    with pytest.raises(TypeError, match=f"{name} needs floating point inputs, not torch.int64: call inputs.float"):
        getattr(normalization, name)(*arguments, **keywords)(torch.ones(shape, dtype=torch.int64))
    signature = inspect.signature(getattr(normalization, name))
    for eps in (0, -1e-5, math.nan, math.inf):
        bound = signature.bind(*arguments, **keywords)
        bound.arguments["eps"] = eps
        with pytest.raises(ValueError, match=f"eps must be positive and finite, not {eps}"):
            getattr(normalization, name)(*bound.args, **bound.kwargs)


def test_a_refused_batch_changes_no_statistics() -> None:
    norm = normalization.BatchNorm1d(4)
    before = copy.deepcopy(norm.state_dict())
    with pytest.raises(ValueError, match="more than 1 value"):
        norm(torch.randn(1, 4))
    with pytest.raises(ValueError, match="no batches"):
        normalization.recalibrate_running_statistics(norm, [], "cpu")
    assert all(torch.equal(before[name], values) for name, values in norm.state_dict().items())
