"""The initialisers against torch's over a grid, and by their laws; the statistics against plain loops."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from torch import Tensor, nn

from helper_utils.base.seeds import set_seed
from helper_utils.initialization import (
    activation_statistics,
    calculate_gain,
    fan_in_and_out,
    kaiming_normal_,
    kaiming_uniform_,
    lsuv_,
    measured_gain,
    orthogonal_,
    plot_activation_statistics,
    trunc_normal_,
    xavier_normal_,
    xavier_uniform_,
)

SHAPES = [(5, 3), (3, 5), (64, 32), (8, 3, 5), (8, 4, 3, 3), (6, 1, 3, 2), (4, 2, 2, 3, 3), (1, 1)]
NONLINEARITIES = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d"]
DRAWN = [xavier_uniform_, xavier_normal_, kaiming_uniform_, kaiming_normal_, orthogonal_, trunc_normal_]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------------ fans and gains


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_torchs_without_groups(shape):
    weight = torch.empty(shape)
    assert fan_in_and_out(weight) == nn.init._calculate_fan_in_and_fan_out(weight)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_fans_of_a_grouped_convolution_are_counted(groups, outputs, inputs, height, width):
    convolution = nn.Conv2d(groups * inputs, groups * outputs, (height, width), groups=groups, bias=False)
    nn.init.ones_(convolution.weight)
    # Away from the border each output adds up fan_in ones, and the gradient of an input fan_out ones.
    image = torch.ones(1, groups * inputs, 3 * height, 3 * width, requires_grad=True)
    sums = convolution(image)
    sums.sum().backward()
    assert image.grad is not None
    fan_out = image.grad[0, 0, height - 1 : 1 - height or None, width - 1 : 1 - width or None].max().item()
    assert fan_in_and_out(convolution.weight, groups=groups) == (sums[0, 0, 0, 0].item(), fan_out)


def test_fan_in_times_outputs_counts_all_weights():
    weight = torch.empty(12, 5, 3, 2)
    fan_in, fan_out = fan_in_and_out(weight)
    assert fan_in * 12 == fan_out * 5 == weight.numel()


@pytest.mark.parametrize(
    ("shape", "groups", "message"),
    [
        ((3,), 1, r"two axes or more .* not the shape \(3,\)"),
        ((), 1, "two axes or more"),
        ((3, 0), 1, "has no entries"),
        ((6, 2, 3), 4, "a divisor of the 6 outputs, not 4"),
        ((6, 2, 3), 0, "a divisor of the 6 outputs, not 0"),
    ],
)
def test_what_has_no_fans_is_refused(shape, groups, message):
    with pytest.raises(ValueError, match=message):
        fan_in_and_out(torch.empty(shape), groups=groups)


@pytest.mark.parametrize("name", [*NONLINEARITIES, "conv1d", "conv3d", "conv_transpose2d"])
@pytest.mark.parametrize("param", [None, 0, 0.2, 5**0.5])
def test_gains_are_torchs(name, param):
    assert calculate_gain(name, param) == pytest.approx(nn.init.calculate_gain(name, param))


def test_unknown_activations_and_slopes_are_refused():
    with pytest.raises(ValueError, match="unknown nonlinearity 'gelu'"):
        calculate_gain("gelu")
    with pytest.raises(ValueError, match="slope of leaky_relu must be a number, not 'steep'"):
        calculate_gain("leaky_relu", "steep")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be a number, not nan"):
        calculate_gain("leaky_relu", float("nan"))
    with pytest.raises(ValueError, match="not True"):
        calculate_gain("leaky_relu", True)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (nn.Identity(), 1.0),
        (torch.relu, 2**0.5),
        (nn.LeakyReLU(0.2), (2 / 1.04) ** 0.5),
        (nn.SELU(), 1.0),  # by its construction; torch's table says 3/4
        (torch.tanh, 1.5925),  # by numerical integration; torch's table says 5/3
    ],
)
def test_measured_gains(activation, expected):
    assert measured_gain(activation) == pytest.approx(expected, rel=5e-3)


def test_gains_that_cannot_be_measured_are_refused():
    with pytest.raises(ValueError, match="n_draws must be at least 1, not 0"):
        measured_gain(torch.relu, n_draws=0)
    with pytest.raises(ValueError, match="positive and finite, not 0"):
        measured_gain(torch.zeros_like)


# ----------------------------------------------------------------------------------------------- the same as torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_xavier_and_orthogonal_draw_torchs_numbers(shape, dtype):
    for name in ("xavier_uniform_", "xavier_normal_", "orthogonal_"):
        for gain in (1.0, 5 / 3):
            ours, theirs = torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=dtype)
            function = {"xavier_uniform_": xavier_uniform_, "xavier_normal_": xavier_normal_}.get(name, orthogonal_)
            assert function(ours, gain, generator=generator(3)) is ours
            getattr(nn.init, name)(theirs, gain, generator=generator(3))
            torch.testing.assert_close(ours, theirs, msg=f"{name} {gain}")


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("shape", SHAPES)
def test_kaiming_draws_torchs_numbers(shape, mode, nonlinearity):
    for a in (0, 0.2, 5**0.5):
        for function in (kaiming_uniform_, kaiming_normal_):
            ours, theirs = torch.empty(shape), torch.empty(shape)
            assert function(ours, a, mode, nonlinearity, generator(1)) is ours
            getattr(nn.init, function.__name__)(theirs, a, mode, nonlinearity, generator(1))
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "layer", [nn.Linear(6, 4), nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3, groups=2), nn.Conv1d(3, 5, 2)]
)
def test_the_default_of_torchs_layers_is_kaiming_uniform_with_root_five(layer):
    set_seed(5)
    layer.reset_parameters()
    set_seed(5)
    ours = kaiming_uniform_(torch.empty_like(layer.weight), a=5**0.5)
    torch.testing.assert_close(ours, layer.weight.detach())
    assert ours.abs().max() <= fan_in_and_out(layer.weight)[0] ** -0.5


@pytest.mark.parametrize("function", DRAWN)
def test_without_a_generator_torchs_own_is_used(function):
    weight = nn.Parameter(torch.empty(4, 3))
    set_seed(1)
    first = function(weight).detach().clone()
    assert not torch.equal(first, function(weight))
    set_seed(1)
    assert torch.equal(first, function(weight))
    assert weight.requires_grad
    assert weight.grad_fn is None


# ------------------------------------------------------------------------------------------------------ by law


def interval_of_the_variance(values: Tensor) -> tuple[float, float]:
    """Where the true variance lies, wrong about once in 15,000 (four standard errors)."""
    squares = (values.double() ** 2).flatten()
    mean, error = squares.mean().item(), squares.std().item() / math.sqrt(squares.numel())
    return mean - 4 * error, mean + 4 * error


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (20, 8, 3, 3)])
def test_variances_and_bounds_are_those_of_the_formulas(shape):
    fan_in, fan_out = fan_in_and_out(torch.empty(shape))
    g = generator()
    expected = {
        "xavier": (2 / (fan_in + fan_out), xavier_uniform_, xavier_normal_, {}),
        "he": (2 / fan_in, kaiming_uniform_, kaiming_normal_, {"nonlinearity": "relu"}),
        "he backward": (2 / fan_out, kaiming_uniform_, kaiming_normal_, {"mode": "fan_out", "nonlinearity": "relu"}),
        "torch": (1 / (3 * fan_in), kaiming_uniform_, kaiming_normal_, {"a": 5**0.5}),
    }
    for variance, uniform, normal, options in expected.values():
        for function in (uniform, normal):
            drawn = torch.stack([function(torch.empty(shape), generator=g, **options) for _ in range(20)])
            low, high = interval_of_the_variance(drawn)
            assert low < variance < high
            if function is uniform:
                assert 0.99 * math.sqrt(3 * variance) < drawn.abs().max() <= math.sqrt(3 * variance) * (1 + 1e-6)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 3), st.floats(0.1, 5.0), st.integers(0, 2**31))
def test_orthogonal_rows_or_columns(n_outputs, n_inputs, kernel, gain, seed):
    weight = orthogonal_(torch.empty(n_outputs, n_inputs, kernel, dtype=torch.float64), gain, generator(seed))
    matrix = weight.flatten(1) / gain
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(product, torch.eye(len(product), dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0.0, 1.0, -2.0, 2.0), (0.5, 2.0, -1.0, 0.7), (0.0, 0.02, -2, 2), (3.0, 1.0, -2, 1)]
)
def test_truncated_normals_have_torchs_distribution(mean, std, a, b):
    ours = trunc_normal_(torch.empty(40_000), mean, std, a, b, generator(0))
    theirs = nn.init.trunc_normal_(torch.empty(40_000), mean, std, a, b, generator=generator(1))
    assert ours.min() >= a
    assert ours.max() <= b
    both = torch.cat([ours, theirs]).sort().values
    shares = [torch.searchsorted(values.sort().values, both, right=True) / len(values) for values in (ours, theirs)]
    assert (shares[0] - shares[1]).abs().max() < 0.017  # Kolmogorov and Smirnov: chance once in 50,000


@pytest.mark.parametrize("function", DRAWN)
def test_integers_are_refused(function):
    with pytest.raises(TypeError, match=r"floating point, not torch\.int64"):
        function(torch.zeros(3, 3, dtype=torch.int64))


@pytest.mark.parametrize("function", DRAWN[:-1])
def test_vectors_and_empty_weights_are_refused(function):
    for shape in ((3,), (0, 3), (3, 0)):
        with pytest.raises(ValueError, match=r"not the shape|has no entries"):
            function(torch.empty(shape))


@pytest.mark.parametrize("function", [xavier_uniform_, xavier_normal_, orthogonal_])
@pytest.mark.parametrize("gain", [0, -1.0, math.nan, math.inf])
def test_gains_that_are_not_positive_are_refused(function, gain):
    with pytest.raises(ValueError, match="gain must be a positive number, not"):
        function(torch.empty(3, 3), gain)


def test_unknown_modes_and_wrong_bounds_are_refused():
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', not 'fan_avg'"):
        kaiming_normal_(torch.empty(3, 3), mode="fan_avg")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a must be below the upper bound b, not 2 and -2"):
        trunc_normal_(torch.empty(3), a=2, b=-2)
    with pytest.raises(ValueError, match="mean must be a finite number, not nan"):
        trunc_normal_(torch.empty(3), mean=float("nan"))
    with pytest.raises(ValueError, match="std must be positive, not 0"):
        trunc_normal_(torch.empty(3), std=0)
    with pytest.raises(ValueError, match="next to nothing"):
        trunc_normal_(torch.empty(3), mean=100.0)


# --------------------------------------------------------------------------------------------------- statistics


def make_network() -> nn.Sequential:
    set_seed(0)
    layers = [nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)]
    return nn.Sequential(*layers)


def make_batch() -> tuple[Tensor, Tensor]:
    return torch.randn(20, 6, generator=generator(4)), torch.arange(20) % 3


def test_statistics_are_those_of_a_plain_loop():
    model, (inputs, targets) = make_network(), make_batch()
    measured = activation_statistics(model, inputs, targets)
    assert list(measured.activations) == ["0", "2", "5"]

    model[1] = nn.ReLU()  # which leaves what it gets for us to look at
    values, outputs = inputs, []
    for layer in model:
        values = layer(values)
        if isinstance(layer, nn.Linear):
            values.retain_grad()
            outputs.append(values)
    nn.functional.cross_entropy(values, targets).backward()
    gradients = [output.grad for output in outputs if output.grad is not None]
    torch.testing.assert_close(measured.means, torch.stack([o.mean() for o in outputs]))
    torch.testing.assert_close(measured.stds, torch.stack([o.std(correction=0) for o in outputs]))
    torch.testing.assert_close(measured.spreads, torch.stack([o.var(0, correction=0).mean().sqrt() for o in outputs]))
    torch.testing.assert_close(measured.gradient_stds, torch.stack([g.std(correction=0) for g in gradients]))


def test_a_bias_widens_the_std_and_not_the_spread():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
        layer.bias.copy_(torch.tensor([10.0, -10.0]))
    inputs = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    measured = activation_statistics(layer, inputs)
    assert list(measured.activations) == [""]  # the model itself
    assert measured.spreads.item() == pytest.approx(1.0)
    assert measured.stds.item() == pytest.approx(math.sqrt(101))


def test_the_model_is_left_as_it_was():
    model, (inputs, targets) = make_network(), make_batch()
    model[3].eval()
    nn.functional.cross_entropy(model(inputs), targets).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    activation_statistics(model, inputs, targets)
    model[3].train()
    activation_statistics(model, inputs)
    model[3].eval()
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    for old, p in zip(gradients, model.parameters(), strict=True):
        assert p.grad is not None
        assert torch.equal(old, p.grad)
    assert not inputs.requires_grad
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_is_run_twice_has_two_entries_and_frozen_ones_have_gradients():
    shared = nn.Linear(4, 4).requires_grad_(False)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    measured = activation_statistics(model, torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0]))
    assert list(measured.activations) == list(measured.gradients) == ["0", "0#2"]
    assert "2 layers, with gradients" in repr(measured)


def test_other_layers_can_be_watched_and_the_table_has_a_row_for_each():
    model, (inputs, targets) = make_network(), make_batch()
    measured = activation_statistics(model, inputs, targets, layers=nn.ReLU)
    table = measured.to_frame()
    assert list(table.index) == ["1", "4"]
    assert list(table.columns) == ["mean", "std", "spread", "gradient std"]
    assert np.allclose(table["std"], measured.stds)
    assert "gradient std" not in activation_statistics(model, inputs).to_frame()


def test_statistics_of_nothing_are_refused():
    model, (inputs, _) = make_network(), make_batch()
    with pytest.raises(ValueError, match="has run no layer"):
        activation_statistics(nn.Sequential(nn.ReLU()), inputs)
    with pytest.raises(ValueError, match="inputs are empty"):
        activation_statistics(model, inputs[:0])
    with pytest.raises(ValueError, match="give activation_statistics the targets too"):
        _ = activation_statistics(model, inputs).gradient_stds


def test_the_picture_has_a_line_for_each_network_and_rings_for_zeros():
    model, (inputs, targets) = make_network(), make_batch()
    zeros = copy.deepcopy(model)
    for p in zeros.parameters():
        nn.init.zeros_(p)
    named = {name: activation_statistics(m, inputs, targets) for name, m in (("drawn", model), ("zeros", zeros))}
    for quantity in ("stds", "means", "spreads", "gradient_stds"):
        axis = plot_activation_statistics(named, of=quantity, looks={"drawn": {"color": "#123456"}})
        assert axis.get_yscale() == "log"
        drawn, empty = axis.lines
        assert np.allclose(np.asarray(drawn.get_ydata(), float), getattr(named["drawn"], quantity).abs())
        assert drawn.get_color() == "#123456"
        n_zeros = int((getattr(named["zeros"], quantity) == 0).sum())
        assert np.isnan(np.asarray(empty.get_ydata(), float)).sum() == n_zeros > 0
        assert len(np.asarray(axis.collections[0].get_offsets())) == n_zeros
        plt.close("all")
    with pytest.raises(ValueError, match="of must be one of stds"):
        plot_activation_statistics(named, of="medians")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no statistics to draw"):
        plot_activation_statistics({})


# --------------------------------------------------------------------------------------------------------- LSUV


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.SELU, nn.GELU, nn.Sigmoid])
@pytest.mark.parametrize("orthogonal", [True, False])
def test_lsuv_gives_every_layer_unit_variance(activation, orthogonal):
    set_seed(0)
    convolution, linear = nn.Conv2d(1, 4, 3), nn.Linear(144, 20)
    model = nn.Sequential(convolution, activation(), nn.Flatten(), linear, activation(), nn.Linear(20, 5))
    assert convolution.bias is not None
    inputs = 3 + torch.randn(50, 1, 8, 8, generator=generator(2))
    bias = convolution.bias.detach().clone()
    stds = lsuv_(model, inputs, tolerance=0.01, orthogonal=orthogonal)
    measured = activation_statistics(model, inputs)
    assert list(stds) == list(measured.activations)
    torch.testing.assert_close(measured.stds, torch.tensor(list(stds.values())))
    assert ((measured.stds**2 - 1).abs() <= 0.011).all()
    if orthogonal:
        matrix = linear.weight.detach()
        gram = matrix @ matrix.T
        torch.testing.assert_close(gram / gram[0, 0], torch.eye(20), rtol=0, atol=1e-4)
        assert not convolution.bias.any()
    else:
        assert torch.equal(bias, convolution.bias)


def test_lsuv_handles_shared_layers_and_leaves_what_has_unit_variance():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    stds = lsuv_(model, make_batch()[0])
    assert list(stds) == ["0"]
    before = shared.weight.detach().clone()
    lsuv_(model, make_batch()[0], orthogonal=False)
    assert torch.equal(before, shared.weight)


def test_lsuv_refuses_what_cannot_be_scaled_and_leaves_the_weights():
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="layer '0' have the variance 0"):
        lsuv_(model, torch.zeros(3, 6))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="tolerance must be positive and max_steps at least 1, not 0"):
        lsuv_(model, torch.ones(3, 6), tolerance=0)
    with pytest.raises(ValueError, match=r"not 0\.05 and 0"):
        lsuv_(model, torch.ones(3, 6), max_steps=0)


def test_lsuv_refuses_a_layer_that_is_mostly_bias_and_single_examples():
    layer = nn.Linear(6, 4)
    nn.init.normal_(layer.bias, std=30.0, generator=generator())
    model = nn.Sequential(layer)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="after 10 steps the outputs of the layer '0' have the variance"):
        lsuv_(model, make_batch()[0], orthogonal=False)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="two examples or more, not 1"):
        lsuv_(model, torch.ones(1, 6))
