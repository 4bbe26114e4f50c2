import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from helper_utils.flexible_cnn import ACTIVATIONS, FlexibleCNN, layer_table

USUAL = {"n_layers": 2, "n_filters": [8, 12], "kernel_sizes": [5, 3], "dropout_rate": 0.25, "fc_size": 20}


def usual(**changes: object) -> FlexibleCNN:
    torch.manual_seed(0)
    return FlexibleCNN(**{**USUAL, "image_size": 16, **changes})  # type: ignore[arg-type]


def images(model: FlexibleCNN, n_images: int = 3) -> Tensor:
    return torch.randn(n_images, *model.image_shape, generator=torch.Generator().manual_seed(1))


def n_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@st.composite
def valid_settings(draw: st.DrawFn) -> dict:
    n_layers = draw(st.integers(1, 4))
    of_each_layer: dict[str, Any] = {"min_size": n_layers, "max_size": n_layers}
    return {
        "n_layers": n_layers,
        "n_filters": draw(st.lists(st.integers(1, 6), **of_each_layer)),
        "kernel_sizes": draw(st.lists(st.sampled_from([1, 3, 5, 7]), **of_each_layer)),
        "dropout_rate": draw(st.floats(0, 0.99)),
        "fc_size": draw(st.integers(1, 9)),
        "num_classes": draw(st.integers(1, 11)),
        "in_channels": draw(st.integers(1, 4)),
        "image_size": draw(st.integers(2**n_layers, 40)),
        "batch_norm": draw(st.booleans()),
        "activation": draw(st.sampled_from(list(ACTIVATIONS))),
    }


# ------------------------------------------------------------------------------------------------------ the network


@given(valid_settings())
@settings(max_examples=60)
def test_any_valid_settings_give_logits_and_the_counts_of_the_formulas(values: dict) -> None:
    model = FlexibleCNN(**values)
    assert model.settings == values
    assert model.eval()(torch.zeros(2, *model.image_shape)).shape == (2, values["num_classes"])

    expected, channels, size = 0, values["in_channels"], values["image_size"]
    for n_filters, kernel_size in zip(values["n_filters"], values["kernel_sizes"], strict=True):
        # a bias a filter, or of batch norm a scale and a shift
        expected += n_filters * (channels * kernel_size**2 + (2 if values["batch_norm"] else 1))
        channels, size = n_filters, size // 2
    expected += (channels * size**2 + 1) * values["fc_size"]
    expected += (values["fc_size"] + 1) * values["num_classes"]
    assert n_parameters(model) == expected
    assert layer_table(model, model.image_shape)["parameters"].sum() == expected


def test_the_layers_are_the_documented_ones_in_order() -> None:
    layers = [type(layer) for layer in usual(batch_norm=True, activation="silu").modules() if not [*layer.children()]]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.SiLU, nn.MaxPool2d]
    assert layers == [*block, *block, nn.Flatten, nn.Dropout, nn.Linear, nn.SiLU, nn.Dropout, nn.Linear]
    assert [layer.bias is None for layer in usual(batch_norm=True).modules() if isinstance(layer, nn.Conv2d)] == [
        True
    ] * 2
    assert [layer.p for layer in usual().modules() if isinstance(layer, nn.Dropout)] == [0.25, 0.25]


def test_it_computes_what_the_functions_of_torch_compute() -> None:
    model = usual(dropout_rate=0.0)
    weights = list(model.parameters())
    x = images(model)
    expected = x
    for block, padding in enumerate((2, 1)):
        expected = nn.functional.conv2d(expected, weights[2 * block], weights[2 * block + 1], padding=padding)
        expected = nn.functional.max_pool2d(expected.relu(), 2)
    expected = nn.functional.linear(expected.flatten(1), *weights[4:6]).relu()
    torch.testing.assert_close(model(x), nn.functional.linear(expected, *weights[6:]))


def test_an_optimizer_made_at_once_moves_every_parameter() -> None:
    model = usual(batch_norm=True, dropout_rate=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = copy.deepcopy(model.state_dict())
    nn.functional.cross_entropy(model(images(model, 16)), torch.arange(16) % 10).backward()
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_the_settings_rebuild_it_and_belong_to_it() -> None:
    lists = [8, 12], [5, 3]
    model = usual(n_filters=lists[0], kernel_sizes=lists[1])
    lists[0].append(99)
    model.settings["n_filters"].append(99)
    assert usual().settings["n_filters"] == [8, 12]
    with pytest.raises(ValueError, match=r"n_filters .* not \[8, 12, 99\]"):
        FlexibleCNN(**model.settings)


def test_numbers_of_numpy_become_plain_ones() -> None:
    model = usual(
        n_layers=np.int64(2),
        n_filters=np.array([8, 12]),
        kernel_sizes=(5, 3),
        dropout_rate=np.float64(0.25),
        fc_size=np.int32(20),
    )
    assert model.settings == usual().settings
    plain = [model.settings["n_layers"], *model.settings["n_filters"], model.settings["fc_size"]]
    assert {type(value) for value in plain} == {int}
    assert type(model.settings["dropout_rate"]) is float


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 0}, "n_layers must be a whole number of at least 1, not 0"),
        ({"n_layers": 2.0}, "n_layers must be a whole number of at least 1, not 2.0"),
        ({"n_layers": True}, "n_layers must be .* not True"),
        ({"n_layers": 3}, r"n_filters must be a list with a number for each of the 3 layers, not \[8, 12\]"),
        ({"n_filters": [8]}, r"n_filters .* 2 layers, not \[8\]: change the list or n_layers"),
        ({"n_filters": 8}, "n_filters must be a list .* not 8"),
        ({"n_filters": [8, 0]}, r"n_filters\[1\] must be a whole number of at least 1, not 0"),
        ({"n_filters": [8, 1.5]}, r"n_filters\[1\] .* not 1.5"),
        ({"n_filters": "ab"}, r"n_filters\[0\] .* not 'a'"),
        ({"kernel_sizes": [3, 3, 3]}, r"kernel_sizes .* 2 layers, not \[3, 3, 3\]"),
        ({"kernel_sizes": [3, 4]}, r"kernel_sizes\[1\] must be odd, .* not 4: use 3 or 5"),
        ({"kernel_sizes": [-3, 3]}, r"kernel_sizes\[0\] must be a whole number of at least 1, not -3"),
        ({"dropout_rate": 1}, r"dropout_rate must be a share in \[0, 1\), not 1"),
        ({"dropout_rate": -0.1}, "dropout_rate .* not -0.1"),
        ({"dropout_rate": float("nan")}, "dropout_rate .* not nan"),
        ({"dropout_rate": "0.5"}, "dropout_rate .* not '0.5'"),
        ({"fc_size": 0}, "fc_size must be a whole number of at least 1, not 0"),
        ({"num_classes": -1}, "num_classes .* not -1"),
        ({"in_channels": 0}, "in_channels .* not 0"),
        ({"image_size": 0}, "image_size .* not 0"),
        ({"image_size": 3}, "n_layers must be at most 1 for images of 3 x 3 pixels, not 2"),
        ({"activation": "rleu"}, "unknown activation 'rleu': did you mean 'relu'"),
        ({"activation": "ReLU"}, "unknown activation 'ReLU': did you mean 'relu'"),
        ({"activation": "LeakyReLU"}, "did you mean 'leaky_relu'"),
        ({"activation": "softmax"}, "unknown activation 'softmax': known are relu, leaky_relu, silu, tanh, sigmoid"),
    ],
)
def test_bad_settings_are_named(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        usual(**changes)


@pytest.mark.parametrize(("image_size", "most"), [(1, 0), (2, 1), (7, 2), (8, 3), (28, 4), (32, 5)])
def test_the_image_bounds_the_number_of_poolings(image_size: int, most: int) -> None:
    for n_layers in range(1, most + 1):
        model = FlexibleCNN(n_layers, [1] * n_layers, [3] * n_layers, 0.0, 2, image_size=image_size)
        assert model(images(model)).shape == (3, 10)
    with pytest.raises(ValueError, match=f"n_layers must be at most {most} for images of {image_size} x"):
        FlexibleCNN(most + 1, [1] * (most + 1), [3] * (most + 1), 0.0, 2, image_size=image_size)


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 16, 16), (2, 1, 16, 16), (2, 3, 16, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"the shape {re.escape(str(shape))}, but .* made for \(N, 3, 16, 16\)"):
        usual()(torch.zeros(shape))


# -------------------------------------------------------------------------------- copied, moved, compiled, exported


def test_copies_compute_the_same_and_are_apart() -> None:
    model = usual(batch_norm=True).eval()
    expected = model(images(model))
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]  # noqa: S301 - our own bytes
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    for other in copies:
        assert torch.equal(other(images(model)), expected)
        assert other.settings == model.settings
        assert other.settings["n_filters"] is not model.settings["n_filters"]


def test_it_is_moved_to_another_type_and_to_no_device_at_all() -> None:
    model = usual(batch_norm=True).to(torch.float64)
    assert model(images(model).double()).dtype == torch.float64
    assert usual().to("meta")(torch.zeros(5, 3, 16, 16, device="meta")).shape == (5, 10)
    with torch.device("meta"):  # a billion parameters, counted without memory
        assert n_parameters(FlexibleCNN(1, [4000], [3], 0.0, 1000)) > 10**9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_it_runs_on_cuda_and_comes_back_through_a_file(tmp_path: Path) -> None:
    model = usual(batch_norm=True).to("cuda").eval()
    model.save(tmp_path / "model.pt")
    for device in ("cpu", "cuda"):
        other = FlexibleCNN.load(tmp_path / "model.pt", device).eval()
        torch.testing.assert_close(other(images(model).to(device)).cpu(), model(images(model).cuda()).cpu())


def test_it_is_exported_for_any_number_of_images() -> None:
    model = usual(batch_norm=True).eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (images(model),), dynamic_shapes=({0: batch},))
    for n_images in (2, 7):
        torch.testing.assert_close(program.module()(images(model, n_images)), model(images(model, n_images)))


@pytest.mark.slow
def test_it_is_compiled() -> None:
    model = usual(batch_norm=True).eval()
    compiled = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(images(model)), model(images(model)))


# ------------------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("changes", [{}, {"batch_norm": True, "activation": "leaky_relu", "in_channels": 1}])
def test_a_file_brings_back_the_same_network(tmp_path: Path, changes: dict) -> None:
    model = usual(**changes)
    model(images(model))  # moves the running statistics, if there are any
    model.save(str(tmp_path / "model.pt"))
    other = FlexibleCNN.load(tmp_path / "model.pt")
    assert other.settings == model.settings
    assert torch.equal(other.eval()(images(model)), model.eval()(images(model)))
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


def test_writing_that_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual().save(tmp_path / "model.pt")
    before = (tmp_path / "model.pt").read_bytes()

    def full_disk(content: object, path: Path) -> None:  # noqa: ARG001 - the signature of torch.save
        path.write_bytes(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        usual(fc_size=7).save(tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    model = usual()
    path = tmp_path / "model.pt"
    model.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model\.pt' is damaged, or is not a file that FlexibleCNN\.save wrote"):
        FlexibleCNN.load(path)
    renamed = {"format": "helper_utils.FlexibleCNN 2", "settings": model.settings, "state_dict": model.state_dict()}
    other_weights = {**torch.load(_saved(model, path)), "state_dict": usual(fc_size=5).state_dict()}
    for content in (model.state_dict(), model, torch.zeros(3), [1, 2], renamed, other_weights):
        torch.save(content, path)
        with pytest.raises(ValueError, match=r"is not a file that FlexibleCNN\.save wrote"):
            FlexibleCNN.load(path)
    for content in (b"", b"no torch file"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            FlexibleCNN.load(path)
    with pytest.raises(FileNotFoundError, match=r"no file '.*nowhere\.pt'"):
        FlexibleCNN.load(tmp_path / "nowhere.pt")


def _saved(model: FlexibleCNN, path: Path) -> Path:
    model.save(path)
    return path


# -------------------------------------------------------------------------------------------------------- the table


def test_the_worked_table() -> None:
    table = layer_table(usual(image_size=10), (3, 10, 10))
    weighing = table[table["parameters"] > 0]
    assert weighing.index.tolist() == [
        "features.0.convolution",
        "features.1.convolution",
        "classifier.hidden",
        "classifier.output",
    ]
    assert weighing["layer"].tolist() == ["Conv2d", "Conv2d", "Linear", "Linear"]
    assert weighing["output"].tolist() == ["8 x 10 x 10", "12 x 5 x 5", "20", "10"]
    assert weighing["parameters"].tolist() == [8 * (3 * 25 + 1), 12 * (8 * 9 + 1), 20 * (12 * 4 + 1), 10 * (20 + 1)]
    assert weighing["multiply-adds"].tolist() == [8 * 75 * 100, 12 * 72 * 25, 20 * 48, 10 * 20]
    assert sum(table["multiply-adds"].tolist()) == sum(weighing["multiply-adds"].tolist())
    assert table["receptive field"].tolist()[:6] == [5, 5, 6, 10, 10, 12]
    assert set(table["receptive field"][6:]) == {10}


def measured_receptive_field(features: nn.Sequential, in_channels: int, image_size: int) -> int:
    """Rows of the image on which a value in the middle depends, by gradients that can neither vanish nor cancel.

    For this the weights become positive, the activation the identity, and the pooling takes the mean.
    """
    plain = nn.Sequential()
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.uniform_(layer.weight, 0.5, 1.0)
            plain.append(layer)
        elif isinstance(layer, nn.MaxPool2d):
            plain.append(nn.AvgPool2d(2))
    image = torch.zeros(1, in_channels, image_size, image_size, requires_grad=True)
    output = plain(image)
    output[0, 0, output.shape[2] // 2, output.shape[3] // 2].backward()
    assert image.grad is not None
    return int((image.grad[0, 0].sum(dim=1) > 0).sum())


@given(valid_settings())
@settings(max_examples=25)
def test_the_receptive_field_is_the_one_that_gradients_measure(values: dict) -> None:
    model = FlexibleCNN(**values)
    table = layer_table(model, model.image_shape)
    field = table.loc[f"features.{values['n_layers'] - 1}.pooling", "receptive field"]
    # the image of the measurement is so large that the field of a value in its middle ends inside
    assert measured_receptive_field(model.features, values["in_channels"], 224) == field


def test_the_table_knows_strides_dilations_and_global_pooling() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        nn.Conv2d(4, 4, 3, dilation=2, groups=2, bias=False),
        nn.AvgPool2d(2, stride=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LazyLinear(3),
    )
    table = layer_table(model, (1, 20, 20))
    assert table["receptive field"].tolist() == [3, 3 + 2 * 2 * 2, 13, 20, 20, 20]
    assert table["output"].tolist() == ["4 x 9 x 9", "4 x 5 x 5", "4 x 4 x 4", "4 x 1 x 1", "4", "3"]
    assert table["parameters"].tolist() == [40, 4 * 2 * 9, 0, 0, 0, 15]
    assert table["multiply-adds"].tolist() == [4 * 81 * 9, 4 * 25 * 18, 0, 0, 0, 12]
    assert isinstance(model[-1], nn.LazyLinear)  # the table was made on a copy


def test_the_table_leaves_the_network_as_it_is() -> None:
    model = usual(batch_norm=True)
    before = copy.deepcopy(model.state_dict())
    layer_table(model, model.image_shape)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
