"""Skip connections: against torchvision's blocks, against their definitions, and with bad input."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, replace_all_batch_norm_modules_, vmap

from helper_utils.skip_connections import (
    DenseBlock,
    DenseLayer,
    ResidualBlock,
    ResNet,
    StochasticDepth,
    Transition,
    UNet,
    border,
    filter_normalized_direction,
    loss_slice,
)
from helper_utils.skip_connections.exercises import convolution_matrix


def images(n: int = 4, channels: int = 4, size: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def outputs_and_gradients(module: nn.Module, inputs: Tensor) -> list[Tensor]:
    """The outputs, the gradients of inputs and parameters, and the buffers after it, in order of their names."""
    inputs = inputs.clone().requires_grad_()
    outputs = module(inputs)
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    (outputs * weights).sum().backward()
    found = [outputs.detach(), inputs.grad]
    found += [p.grad for _, p in sorted(module.named_parameters())]
    found += [b for _, b in sorted(module.named_buffers())]
    assert all(value is not None for value in found)
    return [value for value in found if value is not None]


def assert_same(ours: nn.Module, theirs: nn.Module, inputs: Tensor) -> None:
    for training in (True, False):
        pairs = zip(
            outputs_and_gradients(ours.train(training), inputs),
            outputs_and_gradients(theirs.train(training), inputs),
            strict=True,
        )
        for mine, other in pairs:
            torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
        ours.zero_grad()
        theirs.zero_grad()


# ------------------------------------------------------------------------------------------------ residual blocks


@pytest.mark.parametrize(("out_channels", "stride"), [(4, 1), (6, 1), (4, 2), (8, 2), (6, 3)])
def test_a_block_is_torchvisions_basic_block(out_channels: int, stride: int) -> None:
    from torchvision.models.resnet import BasicBlock

    torch.manual_seed(0)
    ours = ResidualBlock(4, out_channels, stride)
    projects = stride != 1 or out_channels != 4
    shortcut = (
        nn.Sequential(nn.Conv2d(4, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
        if projects
        else None
    )
    theirs = BasicBlock(4, out_channels, stride, shortcut)
    theirs.load_state_dict(ours.state_dict())
    for inputs in (images(), images(size=7), images()[..., :5]):  # even, odd, and not square
        assert_same(ours, theirs, inputs)
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize(
    ("channels", "stride", "norm", "pre", "size"),
    [
        (c, s, n, p, z)
        for c, s, n, p, z in itertools.product((4, 6), (1, 2), ("batch", "group", "none"), (0, 1), (7, 8))
    ],
)
def test_a_block_adds_its_shortcut(channels: int, stride: int, norm: Any, pre: int, size: int) -> None:
    torch.manual_seed(1)
    block = ResidualBlock(4, channels, stride, norm=norm, pre_activation=bool(pre))
    inputs = images(size=size)
    outputs = block(inputs)
    side = -(-size // stride)
    assert outputs.shape == (4, channels, side, side)
    plain = ResidualBlock(4, channels, stride, norm=norm, pre_activation=bool(pre), skip=False)
    shared = {name: value for name, value in block.state_dict().items() if "downsample" not in name}
    plain.load_state_dict(shared)
    if pre:  # nothing comes after the sum, so the shortcut is the difference
        shortcut = inputs if block.downsample is None else block.downsample(inputs)
        torch.testing.assert_close(outputs - plain(inputs), shortcut, rtol=1e-4, atol=1e-5)
    assert (block.downsample is None) == (channels == 4 and stride == 1)


@pytest.mark.parametrize(("norm", "pre"), list(itertools.product(("batch", "group", "none"), (False, True))))
def test_with_zero_init_a_block_is_the_identity_at_first(norm: Any, pre: bool) -> None:
    inputs = images().abs()  # the activation after the sum changes nothing
    block = ResidualBlock(4, 4, norm=norm, pre_activation=pre, zero_init=True)
    torch.testing.assert_close(block(inputs), inputs, rtol=0, atol=0)
    block(inputs).square().sum().backward()
    last = block.conv2.weight if pre or norm == "none" else block.bn2.weight
    assert isinstance(last, nn.Parameter)
    assert last.grad is not None
    assert last.grad.abs().sum() > 0  # it can leave 0


def test_a_block_leaves_its_inputs_as_they_are() -> None:
    inputs = images()
    before = inputs.clone()
    for pre in (False, True):
        ResidualBlock(4, 4, pre_activation=pre)(inputs)
    assert torch.equal(inputs, before)


@settings(deadline=None, max_examples=20)
@given(survival=st.floats(0.1, 1), seed=st.integers(0, 1000))
def test_stochastic_depth_keeps_whole_examples(survival: float, seed: int) -> None:
    torch.manual_seed(seed)
    branch = torch.rand(50, 2, 3) + 1
    layer = StochasticDepth(survival)
    dropped = layer(branch)
    ratio = dropped / branch
    per_example = ratio.flatten(1)
    assert torch.allclose(per_example, per_example[:, :1])
    assert all(value == 0 or abs(value - 1 / survival) < 1e-4 for value in per_example[:, 0].tolist())
    assert torch.equal(layer.eval()(branch), branch)


def test_stochastic_depth_has_the_mean_of_the_branch() -> None:
    torch.manual_seed(0)
    assert StochasticDepth(0.25)(torch.ones(40_000, 1)).mean().item() == pytest.approx(1, abs=0.05)


def test_stochastic_depth_is_torchvisions() -> None:
    from torchvision.ops import stochastic_depth

    branch = images(500, 2, 3)
    ours = StochasticDepth(0.7)(branch)
    theirs = stochastic_depth(branch, p=0.3, mode="row")
    for result in (ours, theirs):  # the random numbers differ, the two values that a row can be multiplied by do not
        factors = {round(value, 4) for value in (result / branch).flatten(1)[:, 0].tolist()}
        assert factors == {0.0, round(1 / 0.7, 4)}


# ----------------------------------------------------------------------------------------------- residual networks


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("n_blocks", [1, 3, (2, 1, 3)])
def test_a_network_has_as_many_convolutions_as_it_says(skip: bool, n_blocks: Any) -> None:
    model = ResNet(5, in_channels=1, widths=(4, 6, 8), n_blocks=n_blocks, skip=skip)
    count = 3 * n_blocks if isinstance(n_blocks, int) else sum(n_blocks)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    projections = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert len(convolutions) == 1 + 2 * count
    assert len(projections) == (2 if skip else 0)
    assert model(images(3, 1, 8)).shape == (3, 5)


@pytest.mark.parametrize(
    "options", [{"pre_activation": True}, {"zero_init": True}, {"survival": 0.5}, {"norm": "none"}]
)
def test_every_parameter_of_a_network_gets_a_gradient(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = ResNet(3, in_channels=4, widths=(4, 8), n_blocks=2, **options)
    model(images(32)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_survival_falls_linearly_to_that_of_the_last_block() -> None:
    model = ResNet(3, widths=(4,), n_blocks=4, survival=0.6)
    found = [m.survival for m in model.modules() if isinstance(m, StochasticDepth)]
    assert found == pytest.approx([0.9, 0.8, 0.7, 0.6])


def test_the_network_of_the_paper_has_its_number_of_parameters() -> None:
    model = ResNet(10, n_blocks=3)  # 20 layers: 0.27 million (He et al., 2016a, table 6)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(0.27e6, rel=0.02)


# ---------------------------------------------------------------------------------------------------- dense blocks


def test_a_dense_layer_is_torchvisions() -> None:
    from torchvision.models.densenet import _DenseLayer

    torch.manual_seed(0)
    ours, theirs = DenseLayer(4, 3, bottleneck=4), _DenseLayer(4, 3, bn_size=4, drop_rate=0.0)
    theirs.load_state_dict(ours.state_dict())
    assert_same(ours, theirs, images())


@pytest.mark.parametrize(("growth_rate", "n_layers"), [(1, 1), (3, 4), (5, 2)])
def test_a_dense_block_is_torchvisions(growth_rate: int, n_layers: int) -> None:
    from torchvision.models.densenet import _DenseBlock

    torch.manual_seed(0)
    ours = DenseBlock(4, growth_rate, n_layers, bottleneck=2)
    theirs = _DenseBlock(n_layers, 4, 2, growth_rate, drop_rate=0.0)
    state = {name.replace("layers.", ""): value for name, value in ours.state_dict().items()}
    theirs.load_state_dict({f"denselayer{int(n.split('.')[0]) + 1}.{n.split('.', 1)[1]}": v for n, v in state.items()})
    assert_same(ours, theirs, images())


def test_a_transition_is_torchvisions() -> None:
    from torchvision.models.densenet import _Transition

    torch.manual_seed(0)
    ours, theirs = Transition(4, 2), _Transition(4, 2)
    theirs.load_state_dict(ours.state_dict())
    assert_same(ours, theirs, images())
    assert Transition(7).out_channels == 3


@pytest.mark.parametrize("bottleneck", [0, 4])
def test_a_dense_block_hands_its_inputs_on(bottleneck: int) -> None:
    block = DenseBlock(4, 3, 5, bottleneck=bottleneck)
    inputs = images()
    outputs = block(inputs)
    assert outputs.shape == (4, 19, 8, 8)
    assert block.out_channels == 19
    assert torch.equal(outputs[:, :4], inputs)


# ----------------------------------------------------------------------------------------------------------- U-Net


@pytest.mark.parametrize(
    ("n_levels", "long_skips", "upsampling"), list(itertools.product((1, 2), (True, False), ("transposed", "resize")))
)
def test_a_unet_has_a_logit_for_each_pixel(n_levels: int, long_skips: bool, upsampling: Any) -> None:
    model = UNet(3, 2, width=4, n_levels=n_levels, long_skips=long_skips, upsampling=upsampling)
    logits = model(images(2, 3, 16))
    assert logits.shape == (2, 2, 16, 16)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1)


def test_without_long_skips_all_passes_through_the_middle() -> None:
    torch.manual_seed(0)
    inputs = images(2, 3, 16)
    changes = {}
    for long_skips in (True, False):
        model = UNet(width=4, long_skips=long_skips).eval()
        model.up[0].register_forward_hook(lambda *arguments: torch.zeros_like(arguments[2]))
        changes[long_skips] = (model(inputs)[0] - model(inputs)[1]).abs().max().item()
    assert changes[True] > 0
    assert changes[False] == 0


def test_a_border_is_both_sides_of_the_outline() -> None:
    masks = torch.zeros(1, 6, 6, dtype=torch.bool)
    masks[0, 2:, 2:5] = True
    found = border(masks)
    wanted = torch.zeros(1, 6, 6, dtype=torch.bool)
    wanted[0, 1:, 1:6] = True
    wanted[0, 3:, 3] = False
    assert torch.equal(found, wanted)
    assert torch.equal(border(~masks), found)
    assert not border(torch.ones(2, 5, 5, dtype=torch.bool)).any()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_border_has_its_width(width: int) -> None:
    masks = torch.zeros(1, 20, 20, dtype=torch.bool)
    masks[:, :, 10:] = True
    assert border(masks, width=width)[0].sum(1).tolist() == [2 * width] * 20


# ---------------------------------------------------------------------------------------- a convolution's transpose


@settings(deadline=None, max_examples=40)
@given(size=st.integers(3, 12), kernel_size=st.integers(1, 3), stride=st.integers(1, 3), seed=st.integers(0, 1000))
def test_a_transposed_convolution_is_the_transpose(size: int, kernel_size: int, stride: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(kernel_size, generator=generator, dtype=torch.float64)
    x = torch.randn(size, generator=generator, dtype=torch.float64)
    matrix = convolution_matrix(kernel, size, stride)
    forward = nn.functional.conv1d(x[None, None], kernel[None, None], stride=stride)[0, 0]
    torch.testing.assert_close(matrix @ x, forward)
    y = torch.randn(len(forward), generator=generator, dtype=torch.float64)
    left_over = (size - kernel_size) % stride
    backward = nn.functional.conv_transpose1d(
        y[None, None], kernel[None, None], stride=stride, output_padding=left_over if left_over < stride else 0
    )[0, 0]
    torch.testing.assert_close(matrix.T @ y, backward)
    torch.testing.assert_close(y @ matrix, backward)  # the same product, written as a row
    if matrix.shape[0] != matrix.shape[1]:  # "the product in reverse order" does not fit
        with pytest.raises(RuntimeError):
            _ = x @ matrix
    torch.testing.assert_close((matrix @ x) @ y, x @ backward)


# ---------------------------------------------------------------------------------------------- slices of the loss


def test_a_direction_is_as_long_as_each_filter() -> None:
    torch.manual_seed(0)
    model = ResNet(3, in_channels=1, widths=(4,), n_blocks=1)
    direction = filter_normalized_direction(model, torch.Generator().manual_seed(1))
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            assert not direction[name].any()
        else:
            lengths = [v.detach().flatten(1).norm(dim=1) for v in (direction[name], parameter)]
            torch.testing.assert_close(*lengths)


def test_a_slice_goes_through_the_model_and_leaves_it() -> None:
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 4.0]]))
    before = copy.deepcopy(model.state_dict())
    along_x, along_y = ({"weight": torch.tensor([row])} for row in ([1.0, 0.0], [0.0, 1.0]))
    steps = [-1.0, 0.0, 2.0]

    def loss(model: nn.Module) -> Tensor:
        assert isinstance(model, nn.Linear)
        return model.weight.square().sum()

    assert loss_slice(model, loss, [along_x], steps).tolist() == [20, 25, 41]
    grid = loss_slice(model, loss, [along_x, along_y], steps)
    assert grid.tolist() == [[(3 + a) ** 2 + (4 + b) ** 2 for b in steps] for a in steps]
    assert torch.equal(model.weight, before["weight"])


def test_a_slice_is_the_one_computed_at_all_places_at_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    inputs = torch.randn(20, 3)
    generator = torch.Generator().manual_seed(1)
    directions = [filter_normalized_direction(model, generator) for _ in range(2)]
    steps = torch.linspace(-1, 1, 5)
    one_by_one = loss_slice(model, lambda model: model(inputs).square().mean(), directions, steps.tolist())
    assert one_by_one.std() > 0.01
    places = torch.cartesian_prod(steps, steps)
    moved = {
        name: values.detach() + sum(torch.tensordot(a, d[name], 0) for a, d in zip(places.T, directions, strict=True))
        for name, values in model.named_parameters()
    }
    together = replace_all_batch_norm_modules_(copy.deepcopy(model))
    found = vmap(lambda weights: functional_call(together, weights, (inputs,)).square().mean())(moved)
    torch.testing.assert_close(found.view(5, 5), one_by_one, rtol=1e-4, atol=1e-5)


# ----------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResidualBlock(0, 4), "in_channels is 0"),
        (lambda: ResidualBlock(4, -1), "out_channels is -1"),
        (lambda: ResidualBlock(4, 4, 0), "stride is 0"),
        (lambda: ResidualBlock(4, 4, norm="layer"), "norm is 'layer'"),  # pyright: ignore[reportArgumentType]
        (lambda: ResidualBlock(4, 4, survival=0.0), "survival is 0.0"),
        (lambda: ResidualBlock(4, 4, survival=1.1), "survival is 1.1"),
        (lambda: ResidualBlock(4, 4, skip=False, zero_init=True), "need a shortcut"),
        (lambda: ResNet(3, widths=()), "there are 0 widths"),
        (lambda: ResNet(3, widths=(4, 8), n_blocks=(1, 1, 1)), "2 widths and 3 numbers of blocks"),
        (lambda: ResNet(0), "num_classes is 0"),
        (lambda: ResNet(3, n_blocks=0), "n_blocks is 0"),
        (lambda: ResNet(3, survival=-0.5), "survival is -0.5"),
        (lambda: DenseBlock(4, 0, 1), "growth_rate is 0"),
        (lambda: DenseBlock(4, 1, 0), "n_layers is 0"),
        (lambda: DenseBlock(4, 1, 1, bottleneck=-1), "bottleneck is -1"),
        (lambda: Transition(1), "1 and 0"),
        (lambda: DenseLayer(0, 3), "in_channels is 0"),
        (lambda: DenseLayer(3, 3, bottleneck=-1), "bottleneck is -1"),
        (lambda: DenseLayer(4, 3)(torch.zeros(1, 5, 8, 8)), r"DenseLayer is for inputs of shape \(N, 4, H, W\)"),
        (lambda: Transition(4)(torch.zeros(1, 5, 8, 8)), r"Transition is for inputs of shape \(N, 4, H, W\)"),
        (lambda: Transition(4)(torch.zeros(1, 4, 1, 8)), "2 x 2 pixels or more"),
        (lambda: UNet(width=0), "width is 0"),
        (lambda: UNet(n_levels=0), "n_levels is 0"),
        (lambda: UNet(upsampling="bilinear"), "upsampling is 'bilinear'"),  # pyright: ignore[reportArgumentType]
        (lambda: UNet()(torch.zeros(1, 3, 10, 8)), "multiples of 4"),
        (lambda: UNet()(torch.zeros(1, 1, 8, 8)), r"\(N, 3, H, W\)"),
        (lambda: ResidualBlock(4, 4)(torch.zeros(1, 3, 8, 8)), r"\(N, 4, H, W\), not \(1, 3, 8, 8\)"),
        (lambda: ResNet(3)(torch.zeros(3, 8, 8)), r"not \(3, 8, 8\)"),
        (lambda: DenseBlock(4, 1, 1)(torch.zeros(1, 5, 8, 8)), "not"),
        (lambda: border(torch.zeros(2, 3, dtype=torch.bool)), r"\(N, H, W\)"),
        (lambda: border(torch.zeros(1, 2, 3, dtype=torch.bool), width=0), "width is 0"),
        (lambda: border(torch.zeros(1, 0, 3, dtype=torch.bool)), r"at least one pixel, not the shape \(1, 0, 3\)"),
        (lambda: StochasticDepth(0.5)(torch.tensor(1.0)), r"\(N, ...\), one row for each example"),
        (lambda: ResidualBlock(4, 4)(torch.zeros(1, 4, 0, 8)), r"at least one pixel, not of shape \(1, 4, 0, 8\)"),
        (lambda: ResNet(3)(torch.zeros(2, 3, 0, 0)), "at least one pixel"),
        (lambda: DenseBlock(4, 1, 1)(torch.zeros(1, 4, 8, 0)), "at least one pixel"),
        (lambda: UNet()(torch.zeros(1, 3, 0, 0)), "at least one pixel"),
        (lambda: loss_slice(nn.Linear(1, 1), lambda _: torch.zeros(()), [], [0.0]), "one or two directions"),
        (lambda: loss_slice(nn.Linear(1, 1), lambda _: torch.zeros(()), [{}], [0.0]), "has nothing for .* 'weight'"),
        (lambda: slice_of_a_layer(torch.ones(1, 1)), r"shape \(1, 1\) for .* 'weight'; expected the shape \(2, 2\)"),
        (lambda: slice_of_a_layer(torch.ones(2, 2), torch.ones(2)), r"loss has the shape \(2,\); expected one number"),
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def slice_of_a_layer(direction: Tensor, loss: Tensor | None = None) -> Tensor:
    loss = torch.zeros(()) if loss is None else loss
    return loss_slice(nn.Linear(2, 2, bias=False), lambda _: loss, [{"weight": direction}], [0.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResidualBlock(4.5, 4), "in_channels must be a whole number, not 4.5"),  # pyright: ignore[reportArgumentType]
        (lambda: ResidualBlock(True, 4), "in_channels must be a whole number, not True"),
        (lambda: ResidualBlock(4, 4, 1.5), "stride must be a whole number, not 1.5"),  # pyright: ignore[reportArgumentType]
        (lambda: ResNet(3, n_blocks=2.5), "n_blocks must be a whole number, not 2.5"),  # pyright: ignore[reportArgumentType]
        (lambda: ResNet(3, n_blocks=True), "n_blocks must be a whole number, not True"),
        (lambda: ResNet(3, n_blocks="333"), "n_blocks must be a whole number, not '3'"),  # pyright: ignore[reportArgumentType]
        (lambda: ResNet(3, widths=4), r"widths must be one number for each stage, .* not 4"),  # pyright: ignore[reportArgumentType]
        (lambda: ResNet(3, widths=(4, 8.5), n_blocks=1), "widths must be a whole number, not 8.5"),  # pyright: ignore[reportArgumentType]
        (lambda: DenseLayer(4, 1, bottleneck=1.5), "bottleneck must be a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: DenseBlock(4, 1.5, 2), "growth_rate must be a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: Transition(4.0), "in_channels must be a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: Transition(4, 2.5), "out_channels must be a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: UNet(width=6.5), "width must be a whole number, not 6.5"),  # pyright: ignore[reportArgumentType]
        (lambda: border(torch.zeros(1, 4, 4, dtype=torch.bool), width=1.5), "width must be a whole number"),  # pyright: ignore[reportArgumentType]
        (lambda: ResNet(3)([1, 2]), "ResNet needs a tensor, not list"),
        (lambda: StochasticDepth(0.5)(torch.ones(4, 2, dtype=torch.int64)), "StochasticDepth needs floating point"),
        (lambda: StochasticDepth(1.0)(torch.ones(4, 2, dtype=torch.bool)), "StochasticDepth needs floating point"),
    ],
)
def test_arguments_of_a_wrong_type(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    blocks: Any = np.int64(2)
    channels: Any = np.int64(4)
    assert len(ResNet(3, widths=(4, 8), n_blocks=blocks).blocks) == 4
    assert ResidualBlock(channels, channels)(images()).shape == (4, 4, 8, 8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResidualBlock(3, 3),
        lambda: ResNet(3),
        lambda: DenseLayer(3, 1),
        lambda: DenseBlock(3, 1, 1),
        lambda: Transition(3),
        UNet,
    ],
)
def test_integers_are_refused(make: Any) -> None:
    with pytest.raises(TypeError, match="floating point"):
        make()(torch.zeros(1, 3, 8, 8, dtype=torch.int64))


def test_masks_that_are_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="must be bool"):
        border(torch.zeros(1, 3, 3))
