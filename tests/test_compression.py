"""Compression against torch's pruning, quantization and GradScaler, and against onnxruntime; bounds by hypothesis."""

import copy
import math
import warnings
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune

from helper_utils.base.many_runs import train_many
from helper_utils.compression import (
    LossScaler,
    OnnxModel,
    QuantizedActivations,
    dequantize,
    entropy,
    export_onnx,
    fake_quantize,
    find_range,
    gradual_amount,
    huffman_lengths,
    low_rank,
    magnitude_masks,
    pack_int4,
    pack_model,
    quantize,
    quantize_onnx,
    quantize_pt2e,
    quantize_torchao,
    quantize_weights,
    random_masks,
    remove_masks,
    saved_bytes,
    share_values,
    shrink,
    sparsity,
    stored_bytes,
    two_of_four_mask,
    unpack_int4,
    unpack_model,
    why_not,
    with_fake_quantization,
    with_masks,
    zero_filters,
)
from helper_utils.data import Part

NO_ONNX = not (find_spec("onnx") and find_spec("onnxruntime"))
needs_onnx = pytest.mark.skipif(NO_ONNX, reason="onnx and onnxruntime are not installed: the extra `compression`")
AMOUNTS = (0.0, 0.3, 0.5, 0.77, 0.99)
BITS = (2, 3, 4, 8, 16)


def network(seed: int = 0, *, norm: bool = True) -> nn.Sequential:
    """A small chain of layers, its batch norms with statistics that are not those of the start."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.BatchNorm2d(6) if norm else nn.Identity(),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 5, 3, padding=1),
        nn.BatchNorm2d(5) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )
    model(torch.randn(16, 2, 4, 4))
    for module in model:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
    return model.eval()


IMAGES = torch.randn(7, 2, 4, 4, generator=torch.Generator().manual_seed(1))


def weight(model: nn.Module, name: str) -> Tensor:
    return cast(Tensor, model.get_submodule(name).weight).detach()


# ------------------------------------------------------------------------------------------------------------ pruning


@pytest.mark.parametrize("amount", AMOUNTS)
def test_masks_equal_those_of_torch(amount: float):
    model, reference = network(), network()
    layers = [(reference.get_submodule(name), "weight") for name in ("0", "4", "8", "10")]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=amount)
    masks = magnitude_masks(model, amount)
    for name in masks:
        assert torch.equal(masks[name], cast(Tensor, reference.get_submodule(name).weight_mask))

    reference = network()
    masks = magnitude_masks(model, amount, scope="layer")
    for name in masks:
        prune.l1_unstructured(reference.get_submodule(name), "weight", amount)
        assert torch.equal(masks[name], cast(Tensor, reference.get_submodule(name).weight_mask))


def test_a_masked_model_computes_with_zeros_that_stay_in_training():
    model = network()
    masks = magnitude_masks(model, 0.6)
    expected = copy.deepcopy(model)
    for name, mask in masks.items():
        cast(Tensor, expected.get_submodule(name).weight).data.mul_(mask)
    with_masks(model, masks)
    assert torch.allclose(model(IMAGES), expected(IMAGES), atol=1e-6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model(IMAGES).square().sum().backward()
        optimizer.step()
    remove_masks(model)
    assert sparsity(model) == pytest.approx(0.6, abs=0.01)
    for name, mask in masks.items():
        assert torch.equal(weight(model, name) != 0, mask.bool())
        assert not torch.equal(weight(model, name), weight(expected, name))


def test_a_second_mask_takes_the_place_of_the_first():
    model = with_masks(network(), magnitude_masks(network(), 0.5))
    with_masks(model, magnitude_masks(model, 0.8))
    assert sparsity(model) == pytest.approx(0.8, abs=0.01)
    assert sparsity(remove_masks(model)) == pytest.approx(0.8, abs=0.01)


def test_many_masked_runs_are_trained_at_once():
    masked = [with_masks(network(seed, norm=False), magnitude_masks(network(seed), 0.5)) for seed in (1, 2)]
    models = iter(copy.deepcopy(masked))
    part = Part(IMAGES, torch.tensor([0, 1, 2, 0, 1, 2, 0]))
    runs = train_many(lambda: next(models), part, lrs=[0.1], seeds=[3, 4], n_epochs=2, batch_size=7)
    trained = runs.parameters["0.parametrizations.weight.original"][0]
    first = [cast(Tensor, model.get_parameter("0.parametrizations.weight.original")) for model in masked]
    masks = [cast(Tensor, model.get_buffer("0.parametrizations.weight.0.mask")) for model in masked]
    for i in range(2):
        changed = trained[i] != first[i]
        assert changed.any()
        assert not changed[masks[i] == 0].any()


def test_random_masks_keep_the_number_of_zeros_of_each_layer():
    masks = magnitude_masks(network(), 0.7)
    drawn = random_masks(masks, seed=3)
    assert {name: mask.sum().item() for name, mask in masks.items()} == {n: m.sum().item() for n, m in drawn.items()}
    assert any(not torch.equal(masks[name], drawn[name]) for name in masks)
    assert all(torch.equal(drawn[name], again) for name, again in random_masks(masks, seed=3).items())


def test_two_of_four_keeps_the_two_largest_of_each_four():
    mask = two_of_four_mask(torch.tensor([[1.0, -4.0, 3.0, 2.0, 0.1, 0.2, -0.3, 0.0]]))
    assert mask.tolist() == [[0, 1, 1, 0, 0, 1, 1, 0]]
    assert (two_of_four_mask(torch.randn(6, 4, 3, 3)).view(-1, 4).sum(dim=1) == 2).all()
    with pytest.raises(ValueError, match="multiple of 4 inputs for each output, not 18"):
        two_of_four_mask(torch.randn(2, 2, 3, 3))


@given(st.integers(1, 50), st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_gradual_amount_goes_from_start_to_final(n_steps: int, start: float, final: float):
    amounts = [gradual_amount(step, n_steps, final, start=start) for step in range(n_steps + 2)]
    assert amounts[0] == pytest.approx(start)
    assert amounts[-1] == amounts[-2] == pytest.approx(final)
    assert amounts == sorted(amounts, reverse=final < start) or math.isclose(start, final)


@pytest.mark.parametrize("amount", [-0.1, 1.0, 1.5, math.nan])
def test_amounts_out_of_range_are_refused(amount: float):
    for call in (lambda: magnitude_masks(network(), amount), lambda: zero_filters(network(), amount)):
        with pytest.raises(ValueError, match="the amount must be at least 0 and below 1, not"):
            call()
    with pytest.raises(ValueError, match="the amount must be"):
        gradual_amount(1, 2, amount)


def test_bad_arguments_of_pruning_are_named():
    with pytest.raises(ValueError, match="Sequential has no linear layer and no convolution"):
        magnitude_masks(nn.Sequential(nn.ReLU()), 0.5)
    with pytest.raises(ValueError, match="the scope must be 'global' or 'layer', not 'all'"):
        magnitude_masks(network(), 0.5, scope="all")
    with pytest.raises(ValueError, match="no layer 'x' to mask"):
        with_masks(network(), {"x": torch.ones(1)})
    with pytest.raises(ValueError, match=r"the mask of layer '10' has the shape \(1,\), its weight \(3, 8\)"):
        with_masks(network(), {"10": torch.ones(1)})
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        gradual_amount(0, 0, 0.5)


# ------------------------------------------------------------------------------------------------------------ filters


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("amount", [0.0, 0.2, 0.5, 0.8, 0.95])
def test_a_shrunk_network_has_equal_outputs_and_fewer_weights(amount: float, norm: bool):
    model = zero_filters(network(norm=norm), amount)
    small = shrink(model)
    assert torch.allclose(small(IMAGES), model(IMAGES), atol=1e-5)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (small, model)]
    assert sizes[0] < sizes[1] if amount else sizes[0] == sizes[1]
    kept = [6, 5, 8]
    kept = [n - min(round(amount * n), n - 1) for n in kept]
    assert [small[0].out_channels, small[4].out_channels, small[8].out_features] == kept
    assert small[10].out_features == 3
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in network(norm=norm).parameters())


def test_the_same_filters_go_as_in_torch():
    model, reference = network(), network()
    prune.ln_structured(reference.get_submodule("4"), "weight", amount=0.4, n=2, dim=0)
    zero_filters(model, 0.4)
    assert torch.equal(weight(model, "4"), weight(reference, "4"))


def test_random_filters_are_as_many_and_follow_from_the_seed():
    def zeros(seed: int | None) -> list[list[bool]]:
        model = zero_filters(network(), 0.4, seed=seed)
        return [(weight(model, name).flatten(1) == 0).all(dim=1).tolist() for name in ("0", "4", "8", "10")]

    assert zeros(1) == zeros(1)
    assert zeros(1) != zeros(2)
    assert zeros(1) != zeros(None)
    assert list(map(sum, zeros(1))) == list(map(sum, zeros(None))) == [2, 2, 3, 0]


def test_filters_of_a_model_that_is_no_chain_are_refused():
    with pytest.raises(ValueError, match=r"Sigmoid.*may turn zero into something else"):
        shrink(nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="at least two linear layers"):
        shrink(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="whose order is known, not Linear"):
        shrink(cast(Any, nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="has 2 groups"):
        shrink(nn.Sequential(nn.Conv2d(2, 2, 1, groups=2), nn.Flatten(), nn.Linear(2, 2)))


# ------------------------------------------------------------------------------------------------------- quantization

FINITE = st.floats(-1e3, 1e3, width=32)
TENSORS = st.lists(st.lists(FINITE, min_size=3, max_size=3), min_size=1, max_size=4).map(torch.tensor)


@given(TENSORS, st.integers(2, 12), st.booleans())
def test_the_symmetric_error_is_at_most_half_a_step(x: Tensor, n_bits: int, per_channel: bool):
    rounded = quantize(x, n_bits, per_channel=per_channel)
    largest = 2 ** (n_bits - 1) - 1
    assert rounded.codes.abs().max() <= largest
    assert ((dequantize(rounded) - x).abs() <= rounded.scale * 0.5001 + 1e-30).all()
    assert (rounded.codes[x == 0] == 0).all()


@given(TENSORS, st.integers(2, 12), st.booleans())
def test_the_asymmetric_error_is_at_most_a_step_and_zero_is_exact(x: Tensor, n_bits: int, per_channel: bool):
    rounded = quantize(x, n_bits, symmetric=False, per_channel=per_channel)
    assert rounded.codes.min() >= 0
    assert rounded.codes.max() <= 2**n_bits - 1
    assert ((dequantize(rounded) - x).abs() <= rounded.scale * 1.001 + 1e-30).all()
    assert (dequantize(rounded)[x == 0] == 0).all()


@given(TENSORS, st.integers(2, 12))
def test_a_channel_never_has_a_larger_step_than_the_tensor(x: Tensor, n_bits: int):
    whole, channels = quantize(x, n_bits), quantize(x, n_bits, per_channel=True)
    used = x.abs().amax(dim=1, keepdim=True) > 0  # a channel of zeros has the step 1
    assert (channels.scale[used] <= whole.scale * (1 + 1e-6)).all()


@given(TENSORS, st.integers(2, 8), st.booleans(), st.booleans())
def test_rounding_twice_changes_nothing(x: Tensor, n_bits: int, symmetric: bool, per_channel: bool):
    once = fake_quantize(x, n_bits, symmetric=symmetric, per_channel=per_channel)
    limits = None
    if not per_channel and symmetric:
        limits = (-float(x.abs().max()), float(x.abs().max())) if x.abs().max() > 0 else None
    twice = fake_quantize(once, n_bits, symmetric=symmetric, per_channel=per_channel, limits=limits)
    scale = quantize(x, n_bits, symmetric=symmetric, per_channel=per_channel).scale
    assert ((once - twice).abs() <= scale * 0.51 + 1e-6).all()


@pytest.mark.parametrize("n_bits", BITS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_values_equal_torchs_fake_quantization(n_bits: int, symmetric: bool):
    x = torch.randn(5, 40, generator=torch.Generator().manual_seed(n_bits))
    low, high = (-(2 ** (n_bits - 1) - 1), 2 ** (n_bits - 1) - 1) if symmetric else (0, 2**n_bits - 1)
    ours = quantize(x, n_bits, symmetric=symmetric)
    theirs = torch.fake_quantize_per_tensor_affine(x, float(ours.scale), int(ours.zero_point), low, high)
    # With 16 bits, x * (1 / scale), as torch computes, and x / scale are sometimes rounded to neighbouring codes.
    tolerance = 1.01 * float(ours.scale) if n_bits == 16 else 1e-6
    assert torch.allclose(dequantize(ours), theirs, atol=tolerance)
    ours = quantize(x, n_bits, symmetric=symmetric, per_channel=True)
    theirs = torch.fake_quantize_per_channel_affine(
        x, ours.scale.flatten(), ours.zero_point.flatten().int(), 0, low, high
    )
    assert torch.allclose(dequantize(ours), theirs, atol=tolerance)
    assert torch.allclose(fake_quantize(x, n_bits, symmetric=symmetric, per_channel=True), theirs, atol=tolerance)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_gradient_equals_torchs_also_beyond_the_limits(symmetric: bool):
    ours = (4 * torch.randn(200, generator=torch.Generator().manual_seed(0))).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    limits = (-3.0, 3.0)
    rounded = quantize(ours, 4, symmetric=symmetric, limits=limits)
    ends = (-7, 7) if symmetric else (0, 15)
    factors = torch.linspace(-1, 1, 200)
    (fake_quantize(ours, 4, symmetric=symmetric, limits=limits) * factors).sum().backward()
    (
        torch.fake_quantize_per_tensor_affine(theirs, float(rounded.scale), int(rounded.zero_point), *ends) * factors
    ).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad)


def test_under_vmap_the_values_are_the_same():
    x = torch.randn(3, 4, 5)
    together = torch.func.vmap(lambda one: fake_quantize(one, 3, per_channel=True))(x)
    assert torch.allclose(together, torch.stack([fake_quantize(one, 3, per_channel=True) for one in x]))


def test_zeros_and_half_precision():
    zeros = quantize(torch.zeros(2, 3), 4, per_channel=True)
    assert dequantize(zeros).abs().max() == 0
    half = torch.tensor([0.1, -1.0], dtype=torch.float16)
    assert fake_quantize(half, 8).dtype == torch.float16
    assert dequantize(quantize(half, 8)).dtype == torch.float32


@pytest.mark.parametrize("n_bits", [1, 0, -4, 17])
def test_bits_out_of_range_are_refused(n_bits: int):
    for call in (quantize, fake_quantize, lambda x, n: find_range(x, n_bits=n)):
        with pytest.raises(ValueError, match=f"n_bits must be from 2 to 16, not {n_bits}"):
            call(torch.ones(2), n_bits)
    with pytest.raises(ValueError, match="n_bits must be from 2 to 16"):
        quantize_weights(network(), n_bits)


def test_bad_values_are_refused():
    with pytest.raises(TypeError, match=r"floating-point numbers, not torch.int64: convert them with .float\(\)"):
        quantize(torch.tensor([1, 2]))
    with pytest.raises(TypeError, match=r"n_bits must be an int, not 4.0"):
        quantize(torch.ones(2), cast(int, 4.0))
    with pytest.raises(ValueError, match="nan or infinity"):
        fake_quantize(torch.tensor([1.0, math.inf]))
    with pytest.raises(ValueError, match="without entries"):
        quantize(torch.empty(0, 2))
    with pytest.raises(ValueError, match="per_channel needs channels along a first axis"):
        quantize(torch.ones(3), per_channel=True)
    with pytest.raises(ValueError, match="low below high"):
        quantize(torch.ones(3), limits=(1.0, 1.0))
    with pytest.raises(ValueError, match="leave out per_channel=True"):
        quantize(torch.ones(3, 2), limits=(0.0, 1.0), per_channel=True)
    with pytest.raises(ValueError, match="no linear layer"):
        quantize_weights(nn.ReLU())


@given(st.lists(FINITE, min_size=1, max_size=40).map(torch.tensor), st.integers(2, 6), st.booleans())
@settings(max_examples=25)
def test_the_range_of_least_error_has_no_larger_error_than_the_whole_range(x: Tensor, n_bits: int, symmetric: bool):
    def error(method: str) -> float:
        limits = find_range(x, method, n_bits=n_bits, symmetric=symmetric)
        rounded = dequantize(quantize(x.double(), n_bits, symmetric=symmetric, limits=limits))
        return float((rounded - x).square().sum())

    assert error("mse") <= error("min-max") * (1 + 1e-9)


def test_ranges():
    x = torch.cat((torch.linspace(0, 1, 1000), torch.tensor([50.0])))
    assert find_range(x, symmetric=False) == (0.0, 50.0)
    assert find_range(x) == (-50.0, 50.0)
    low, high = find_range(x, "percentile", symmetric=False, percentile=99.5)
    assert 0 <= low < 0.01
    assert high == pytest.approx(float(torch.quantile(x, 0.995)), rel=1e-3)
    assert find_range(torch.zeros(4)) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="'min-max', 'percentile' or 'mse', not 'max'"):
        find_range(x, "max")
    with pytest.raises(ValueError, match="above 50 and at most 100, not 50"):
        find_range(x, "percentile", percentile=50)


def test_rounded_activations_come_close_and_their_ranges_from_calibration_only():
    model = network(norm=False)
    rounded = QuantizedActivations(model, IMAGES, 8)
    assert rounded.limits["0"] == (float(IMAGES.min()), float(IMAGES.max()))
    assert (rounded(IMAGES) - model(IMAGES)).abs().max() < 0.05
    far = rounded(100 * IMAGES)
    assert far.abs().max() < model(100 * IMAGES).abs().max()  # cut off at the calibrated range


def test_training_through_the_rounding_reaches_a_target_that_rounding_afterwards_misses():
    torch.manual_seed(0)
    model = with_fake_quantization(nn.Sequential(nn.Linear(8, 4)), 3)
    x, y = torch.randn(64, 8), torch.randn(64, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    plain = remove_masks(copy.deepcopy(model))
    assert torch.allclose(plain(x), model(x), atol=1e-6)
    assert all(len(row.unique()) <= 7 for row in weight(plain, "0"))
    with pytest.raises(ValueError, match="has a parametrization already"):
        with_fake_quantization(model, 3)


@given(st.lists(st.integers(-8, 7), max_size=9).map(lambda v: torch.tensor(v, dtype=torch.int8)))
def test_int4_survives_packing(codes: Tensor):
    packed = pack_int4(codes)
    assert (packed.dtype, len(packed)) == (torch.uint8, (len(codes) + 1) // 2)
    assert torch.equal(unpack_int4(packed, codes.shape), codes)


def test_int4_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="4 bits hold -8 to 7, not 0 to 8"):
        pack_int4(torch.tensor([0, 8]))
    with pytest.raises(TypeError, match="integer codes"):
        pack_int4(torch.tensor([0.5]))
    with pytest.raises(ValueError, match="not the 5 of"):
        unpack_int4(torch.zeros(2, dtype=torch.uint8), (5,))


# -------------------------------------------------------------------------------------------------------------- files


def test_stored_bytes_equal_what_torch_and_zlib_store():
    x = magnitude_masks(network(), 0.7)["8"] * weight(network(), "8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CSR is in beta
        coo, csr = x.to_sparse_coo().coalesce(), x.to_sparse_csr()
    assert stored_bytes(x) == x.untyped_storage().nbytes()
    assert stored_bytes(x, "coo", index_bytes=8) == coo.values().nbytes + coo.indices().nbytes
    assert stored_bytes(x, "csr", index_bytes=8) == sum(
        part.nbytes for part in (csr.values(), csr.col_indices(), csr.crow_indices())
    )
    assert stored_bytes(x, "zip") == len(zlib.compress(x.numpy().tobytes(), 9)) < stored_bytes(x)
    with pytest.raises(ValueError, match="the form must be one of dense, coo, csr, zip, not 'rar'"):
        stored_bytes(x, "rar")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("n_bits", [2, 3, 4, 5, 8, 16, 32])
def test_a_packed_model_comes_back_as_its_rounded_form(n_bits: int, per_channel: bool, zipped: bool):
    model = network()
    content = pack_model(model, n_bits, per_channel=per_channel, zipped=zipped)
    again = unpack_model(content, network(5))
    if n_bits == 32:
        assert torch.equal(again(IMAGES), model(IMAGES))
    elif n_bits < 16:
        assert torch.allclose(
            again(IMAGES), quantize_weights(model, n_bits, per_channel=per_channel)(IMAGES), atol=1e-5
        )
    else:
        assert torch.equal(weight(again, "8"), weight(model, "8").half().float())
    assert len(content) < saved_bytes(model)


def test_files_are_refused():
    with pytest.raises(ValueError, match="call remove_masks before you store it"):
        pack_model(with_masks(network(), magnitude_masks(network(), 0.5)))
    with pytest.raises(ValueError, match="n_bits must be 2 to 8, 16"):
        pack_model(network(), 12)
    with pytest.raises(ValueError, match="not the content of a file"):
        unpack_model(b"something else", network())


# -------------------------------------------------------------------------------------------------- low rank, coding


@pytest.mark.parametrize("rank", [1, 3, 8])
@torch.no_grad()
def test_low_rank_has_the_error_of_eckart_and_young(rank: int):
    layer = cast(nn.Linear, network().get_submodule("8"))
    two = low_rank(layer, rank)
    product = cast(nn.Linear, two[1]).weight @ cast(nn.Linear, two[0]).weight
    values = torch.linalg.svdvals(layer.weight)
    assert float((product - layer.weight).square().sum()) == pytest.approx(
        float(values[rank:].square().sum()), abs=1e-5
    )
    x = torch.randn(4, 20)
    assert torch.allclose(two(x), x @ product.T + layer.bias, atol=1e-5)


def test_low_rank_refuses():
    with pytest.raises(ValueError, match="the rank must be from 1 to 3, not 4"):
        low_rank(nn.Linear(5, 3), 4)
    with pytest.raises(TypeError, match="not Conv2d"):
        low_rank(cast(Any, nn.Conv2d(1, 1, 1)), 1)


@given(st.dictionaries(st.integers(0, 30), st.integers(1, 1000), min_size=2))
def test_huffman_lies_between_the_entropy_and_one_bit_more(counts: dict[int, int]):
    codes = torch.cat([torch.full((count,), symbol) for symbol, count in counts.items()])
    lengths = huffman_lengths(counts)
    mean = sum(counts[symbol] * lengths[symbol] for symbol in counts) / len(codes)
    assert entropy(codes) - 1e-9 <= mean < entropy(codes) + 1
    assert sum(2.0**-length for length in lengths.values()) == 1  # Kraft: a full prefix code


def test_coding_of_little():
    assert huffman_lengths({7: 3}) == {7: 1}
    assert entropy(torch.tensor([4, 4])) == 0
    for call in (lambda: huffman_lengths({}), lambda: huffman_lengths({1: 0})):
        with pytest.raises(ValueError, match="a count above 0"):
            call()
    with pytest.raises(ValueError, match="no codes"):
        entropy(torch.empty(0))


def test_shared_values_keep_zeros_and_are_means():
    x = torch.tensor([[0.0, 1.0, 1.2], [-3.0, 0.0, -3.4]])
    codes, values = share_values(x, 2)
    assert codes.tolist() == [[0, 2, 2], [1, 0, 1]]
    assert torch.allclose(values, torch.tensor([0.0, -3.2, 1.1]))
    assert share_values(torch.zeros(3), 4)[1].abs().sum() == 0
    with pytest.raises(ValueError, match="at least 1, not 0"):
        share_values(x, 0)


# ------------------------------------------------------------------------------------------------------- loss scaling


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_decisions_equal_those_of_torchs_scaler(finite: list[bool], interval: int):
    options: dict[str, Any] = {"init_scale": 1024.0, "growth_interval": interval}
    parameters = [nn.Parameter(torch.ones(2)) for _ in range(2)]
    ours, theirs = LossScaler(**options), torch.amp.GradScaler("cpu", **options)
    optimizers = [torch.optim.SGD([parameter], lr=0.1) for parameter in parameters]
    for good in finite:
        factor = torch.tensor([1.0, 1.0 if good else math.inf])
        for parameter in parameters:
            parameter.grad = None
        ours.scale((parameters[0] * factor).sum()).backward()
        ours.step(optimizers[0])
        theirs.scale((parameters[1] * factor).sum()).backward()
        theirs.step(optimizers[1])
        theirs.update()
        assert torch.equal(parameters[0], parameters[1])
        assert ours.scale_now == theirs.get_scale()
    assert ours.skipped == finite.count(False)


def test_the_scaler_divides_before_it_clips_and_refuses():
    parameter = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    seen = []
    scaler = LossScaler(8.0)
    scaler.scale(3 * parameter.sum()).backward()
    assert scaler.step(optimizer, before_step=lambda: seen.append(cast(Tensor, parameter.grad).item()))
    assert (seen, parameter.item()) == ([3.0], -2.0)
    with pytest.raises(ValueError, match="no parameter of the optimizer has a gradient"):
        LossScaler().step(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0))
    for options in ({"init_scale": 0.0}, {"growth_factor": 1.0}, {"backoff_factor": 1.0}, {"growth_interval": 0}):
        with pytest.raises(ValueError, match="init_scale must be above 0"):
            LossScaler(**cast(Any, options))


# --------------------------------------------------------------------------------------------------------- deployment


@needs_onnx
@pytest.mark.filterwarnings("ignore")
def test_onnx_has_equal_outputs_and_int8_has_close_ones(tmp_path: Path):
    model = network()
    path = export_onnx(model, tmp_path / "model.onnx", IMAGES)
    assert torch.allclose(OnnxModel(path)(IMAGES), model(IMAGES), atol=1e-5)
    small = quantize_onnx(path, tmp_path / "int8.onnx", IMAGES)
    ours = QuantizedActivations(quantize_weights(model, 8), IMAGES, 8)(IMAGES)
    theirs = OnnxModel(small)(IMAGES[:3])
    spread = float(model(IMAGES).std())
    assert (theirs - model(IMAGES[:3])).abs().max() < 0.1 * spread
    assert (theirs - ours[:3]).abs().max() < 0.1 * spread


@needs_onnx
def test_levels_equal_onnxruntimes_quantize_linear():
    import onnx
    import onnxruntime

    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    ours = quantize(x, 8, symmetric=False)
    nodes = [onnx.helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])]
    graph = onnx.helper.make_graph(
        nodes, "levels",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [3, 50])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, [3, 50])],
        [
            onnx.helper.make_tensor("scale", onnx.TensorProto.FLOAT, [], [float(ours.scale)]),
            onnx.helper.make_tensor("zero", onnx.TensorProto.UINT8, [], [int(ours.zero_point)]),
        ],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert torch.equal(torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), ours.codes)


@pytest.mark.skipif(not find_spec("torchao"), reason="torchao is not installed: the extra `compression`")
@pytest.mark.filterwarnings("ignore")
def test_torchao_passes_over_convolutions_and_pt2e_does_not():
    model = network(norm=False)
    by_torchao, by_pt2e = quantize_torchao(model), quantize_pt2e(model, IMAGES)
    kinds = {name: type(by_torchao.get_submodule(name).weight.data) for name in ("0", "4", "8", "10")}
    assert [kind is Tensor for kind in kinds.values()] == [True, True, False, False]
    spread = float(model(IMAGES).std())
    for quantized in (by_torchao, by_pt2e):
        error = float((quantized(IMAGES) - model(IMAGES)).detach().abs().max())
        assert 0 < error < 0.1 * spread


def test_a_missing_package_is_named_with_what_to_do():
    assert why_not("torch") == ""
    assert "no_such_package is not installed" in why_not("torch", "no_such_package")
    assert "[compression]" in why_not("no_such_package")
