"""What models cost is counted as defined, and the choice among them follows its rules on any table."""

import copy
import io
import math
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from helper_utils.base.training import evaluate_accuracy
from helper_utils.efficiency import (
    METRICS,
    InferenceTimes,
    count_multiply_adds,
    evaluate_efficiency,
    get_model_size,
    inference_times,
    measure_inference_time,
    measuring,
    pareto_front,
    peak_memory,
    plot_efficiency,
    select_best_model_constraint_based,
    select_best_model_weighted,
)
from helper_utils.flexible_cnn import FlexibleCNN, layer_table

MB = 1024**2

# ---------------------------------------------------------------------------------------------------- model size


def test_the_size_is_that_of_parameters_and_buffers():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    n_bytes = 4 * (3 * 8 * 9 + 8 + 2 * 8) + 4 * 2 * 8 + 8  # weights; running statistics; a counter in int64
    assert get_model_size(model) * MB == n_bytes


def test_a_mb_has_1024_squared_bytes():
    assert get_model_size(nn.Linear(1024, 256, bias=False)) == 1.0


def test_half_precision_is_half_the_size():
    model = nn.Linear(100, 100)
    assert get_model_size(copy.deepcopy(model).half()) == get_model_size(model) / 2


def tied(kind: str) -> nn.Module:
    """Two layers of one weight of 10 x 10, in various ways."""
    first, second = nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False)
    if kind == "one module twice":
        second = first
    elif kind == "one parameter":
        second.weight = first.weight
    elif kind == "two parameters, one memory":
        second.weight = nn.Parameter(first.weight.data)
    elif kind == "a transposed view":
        second.weight = nn.Parameter(first.weight.data.T)
    return nn.Sequential(first, second)


@pytest.mark.parametrize(
    "kind", ["one module twice", "one parameter", "two parameters, one memory", "a transposed view"]
)
def test_shared_memory_is_counted_once(kind):
    assert get_model_size(tied(kind)) * MB == 400
    assert get_model_size(tied("not at all")) * MB == 800


def test_buffers_that_are_not_saved_take_memory_too():
    model = nn.Module()
    model.register_buffer("table", torch.zeros(256), persistent=False)
    assert get_model_size(model) * MB == 1024


def test_the_size_is_known_without_memory():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**5, 10**5, bias=False), nn.Linear(10**5, 10**5, bias=False))
    assert get_model_size(model) == 2 * 4 * 10**10 / MB


def test_a_model_without_tensors_has_size_zero():
    assert get_model_size(nn.ReLU()) == 0


def test_lazy_layers_are_refused_until_they_have_a_shape():
    model = nn.Sequential(nn.LazyLinear(5))
    with pytest.raises(ValueError, match=r"'0\.weight' belongs to a lazy layer .*pass a batch"):
        get_model_size(model)
    model(torch.zeros(1, 4))
    assert get_model_size(model) * MB == 4 * 25


def test_the_file_is_a_little_larger_than_the_memory():
    model = nn.Linear(500, 500)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    assert 0 < file.tell() - get_model_size(model) * MB < 4000


# -------------------------------------------------------------------------------------------------------- timing


class Spy(nn.Module):
    """Notes each call: its mode, whether gradients are on, and the batch; fails at a given call."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(4, 3), nn.Dropout(0.5)
        self.calls: list[tuple[bool, bool, int]] = []
        self.fails_at = fails_at

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls.append((self.training or self.dropout.training, torch.is_grad_enabled(), len(inputs)))
        if len(self.calls) == self.fails_at:
            raise RuntimeError("no")
        return self.layer(self.dropout(inputs))


MEASURES: dict[str, Callable[[nn.Module, Tensor], object]] = {
    "inference_times": lambda model, inputs: inference_times(model, inputs, 4, num_warmup=2),
    "measure_inference_time": lambda model, inputs: measure_inference_time(model, inputs, 4, num_warmup=2),
    "count_multiply_adds": count_multiply_adds,
    "peak_memory": peak_memory,
    "evaluate_efficiency": lambda model, inputs: evaluate_efficiency(
        model, [(inputs, torch.zeros(len(inputs), dtype=torch.long))], "cpu", num_iterations=3
    ),
}
each_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


@each_measure
@pytest.mark.parametrize("gradients", [True, False])
def test_a_model_is_measured_in_eval_mode_without_gradients_and_left_as_it_was(measure, gradients):
    model = Spy()
    model.dropout.eval()  # a mixture of modes
    weights = copy.deepcopy(model.state_dict())
    with torch.set_grad_enabled(gradients):
        measure(model, torch.randn(5, 4))
        assert torch.is_grad_enabled() == gradients
    assert {(training, with_gradients) for training, with_gradients, _ in model.calls} == {(False, False)}
    assert [module.training for module in model.modules()] == [True, True, False]
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert model.layer.weight.grad is None


@each_measure
def test_also_a_model_that_raises_is_left_as_it_was(measure):
    model = Spy(fails_at=1)
    with pytest.raises(RuntimeError, match="no"):
        measure(model, torch.randn(5, 4))
    assert all(module.training for module in model.modules())
    assert torch.is_grad_enabled()
    model(torch.zeros(1, 4))  # and no counter listens any longer


@pytest.mark.parametrize(("num_iterations", "num_warmup"), [(1, 0), (7, 3), (100, 10)])
def test_the_number_of_passes(num_iterations, num_warmup):
    model = Spy()
    times = inference_times(model, torch.randn(5, 4), num_iterations, num_warmup=num_warmup)
    assert len(times.milliseconds) == num_iterations
    assert len(model.calls) == num_iterations + num_warmup
    assert all(milliseconds > 0 for milliseconds in times.milliseconds)
    assert (times.batch_size, times.num_threads, times.device) == (5, torch.get_num_threads(), "cpu")


def test_warm_up_passes_are_there_by_default_and_are_not_in_the_times(monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    model = Spy()
    assert inference_times(model, torch.randn(5, 4), 20).milliseconds == [1000.0] * 20
    assert len(model.calls) == 30
    assert next(clock) == 40  # the clock was read twice for each timed pass, and never in the warm-up


def test_the_clock_waits_for_the_device(monkeypatch: pytest.MonkeyPatch):
    events: list[str] = []
    monkeypatch.setattr(measuring, "_synchronize", lambda _: events.append("wait"))
    monkeypatch.setattr(time, "perf_counter", lambda: events.append("clock") or 0.0)
    inference_times(Spy(), torch.randn(5, 4), 2, num_warmup=1)
    assert events == ["wait", *["clock", "wait", "clock"] * 2]


def test_waiting_is_for_accelerators_only(monkeypatch: pytest.MonkeyPatch):
    waited_for = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited_for.append)
    for name in ("cpu", "cuda:1", "mps"):
        measuring._synchronize(torch.device(name))
    assert waited_for == [torch.device("cuda:1"), torch.device("mps")]


def test_the_times_are_summed_up_by_quantiles(monkeypatch: pytest.MonkeyPatch):
    times = InferenceTimes([3.0, 1.0, 2.0, 5.0, 4.0, 1000.0], 1, 1, "cpu")
    assert times.median == 3.5
    assert times.quartiles == tuple(np.percentile(times.milliseconds, [25, 75]))
    assert times.percentile_95 == np.percentile(times.milliseconds, 95)
    monkeypatch.setattr(measuring, "inference_times", lambda *_, **__: times)
    assert measure_inference_time(Spy(), torch.randn(5, 4)) == 3.5


@pytest.mark.parametrize(("num_iterations", "num_warmup"), [(0, 1), (-1, 1), (1, -1)])
def test_numbers_of_passes_out_of_range_are_refused(num_iterations, num_warmup):
    with pytest.raises(ValueError, match=f"not {num_iterations} and {num_warmup}"):
        inference_times(Spy(), torch.randn(5, 4), num_iterations, num_warmup=num_warmup)


# ---------------------------------------------------------------------------------------- multiply-adds, memory


@pytest.mark.parametrize("batch_norm", [False, True])
def test_multiply_adds_are_those_of_torchs_counter_and_of_the_layer_table(batch_norm):
    model = FlexibleCNN(2, [4, 6], [3, 5], 0.0, 8, image_size=16, batch_norm=batch_norm)
    image = torch.randn(1, *model.image_shape)
    with FlopCounterMode(display=False) as counter:
        model.eval()(image)
    assert count_multiply_adds(model, image) * 2 == counter.get_total_flops()
    assert count_multiply_adds(model, image) == layer_table(model, model.image_shape)["multiply-adds"].sum()
    assert count_multiply_adds(model, image.expand(3, -1, -1, -1)) == 3 * count_multiply_adds(model, image)


def test_multiply_adds_of_a_layer_by_hand():
    assert count_multiply_adds(nn.Linear(5, 7), torch.randn(2, 5)) == 2 * 5 * 7
    convolution = nn.Conv2d(4, 6, 3, groups=2, padding=1)
    assert count_multiply_adds(convolution, torch.randn(1, 4, 8, 8)) == 8 * 8 * 6 * 2 * 9
    assert count_multiply_adds(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(5)), torch.randn(2, 5)) == 0


def test_the_peak_is_the_model_the_input_and_the_two_largest_neighbours():
    layers = [nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 10), nn.ReLU(), nn.Linear(10, 20), nn.Linear(20, 10)]
    model = nn.Sequential(*layers)
    hidden, inputs = 4 * 100 * 1000, 4 * 100 * 10
    assert peak_memory(model, torch.randn(100, 10)) * MB == get_model_size(model) * MB + inputs + 2 * hidden


def test_the_depth_of_a_chain_does_not_matter_but_its_model_does():
    shallow, deep = (nn.Sequential(*[nn.ReLU() for _ in range(n)]) for n in (2, 30))
    assert peak_memory(shallow, torch.randn(8, 100)) == peak_memory(deep, torch.randn(8, 100)) == 3 * 4 * 800 / MB


def test_of_a_slice_only_the_slice_counts():
    batch = torch.randn(64, 100)
    assert peak_memory(nn.ReLU(), batch[:2]) == peak_memory(nn.ReLU(), batch[:2].clone()) == 2 * 4 * 200 / MB


def test_views_and_work_in_place_take_nothing():
    model = nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True), nn.Unflatten(1, (2, 50)))
    assert peak_memory(model, torch.randn(8, 2, 50)) == 4 * 800 / MB


class Branches(nn.Module):
    """Keeps the results of all branches until the end."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([inputs + 1, inputs + 2, inputs + 3]).sum(dim=0)


def test_branches_that_wait_for_each_other_add_up():
    assert peak_memory(Branches(), torch.randn(100)) * MB == 400 * (1 + 3 + 3)


def test_the_peak_is_repeatable_and_leaves_nothing_behind():
    model = FlexibleCNN(2, [4, 6], [3, 5], 0.1, 8, image_size=16, batch_norm=True)
    images = torch.randn(7, *model.image_shape)
    assert len({peak_memory(model, images) for _ in range(3)}) == 1
    assert peak_memory(model, images[:1]) < peak_memory(model, images)


# ------------------------------------------------------------------------------------------------- all together


def batches(n_batches: int = 3, batch_size: int = 5) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(batch_size, 4, generator=generator),
            torch.randint(3, (batch_size,), generator=generator),
        )
        for _ in range(n_batches)
    ]


def test_everything_about_a_model():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    result = evaluate_efficiency(model, batches(), "cpu", num_iterations=3, num_warmup=1)
    assert list(result) == [
        "accuracy",
        "model_size_mb",
        "inference_time_ms",
        "throughput",
        "batch_size",
        "multiply_adds",
        "parameters",
        "peak_memory_mb",
        "num_threads",
    ]
    assert all(isinstance(value, float | int) and value > 0 for value in result.values())
    assert result["accuracy"] == evaluate_accuracy(model, batches(), "cpu") <= 1
    assert result["model_size_mb"] == get_model_size(model)
    assert result["batch_size"] == 5
    assert result["parameters"] == 4 * 10 + 10 + 10 * 3 + 3
    assert result["multiply_adds"] == 4 * 10 + 10 * 3  # of one example
    assert result["peak_memory_mb"] == peak_memory(model, batches()[0][0])
    assert result["num_threads"] == torch.get_num_threads()


def test_time_is_for_one_example_and_throughput_for_the_first_batch(monkeypatch: pytest.MonkeyPatch):
    def pretend(model: nn.Module, inputs: Tensor, num_iterations: int, *, num_warmup: int) -> InferenceTimes:  # noqa: ARG001
        return InferenceTimes([10.0 + len(inputs)] * num_iterations, len(inputs), 1, "cpu")

    monkeypatch.setattr(measuring, "inference_times", pretend)
    result = evaluate_efficiency(nn.Linear(4, 3), batches(batch_size=10), "cpu")
    assert result["inference_time_ms"] == 11.0
    assert result["throughput"] == 500.0  # 10 examples in 20 ms


def test_loaders_without_batches_are_refused():
    with pytest.raises(ValueError, match="gave no batches"):
        evaluate_efficiency(nn.Linear(4, 3), [], "cpu")
    with pytest.raises(ValueError, match="gave no batches"):
        evaluate_efficiency(nn.Linear(4, 3), iter(batches(1)), "cpu")


# --------------------------------------------------------------------------------------- packed, sparse and frozen

OF_OLD_TOOLS = [
    pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*sparse csr tensor support is in beta:UserWarning"),
]


def of_old_tools(test: Callable) -> Callable:
    for mark in OF_OLD_TOOLS:
        test = mark(test)
    return test


def make_float() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)).eval()


def quantized() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(make_float(), {nn.Linear}, dtype=torch.qint8)


@of_old_tools
def test_a_quantized_network_weighs_a_quarter_and_works_as_much():
    small, large = quantized(), make_float()
    n_weights, n_biases = 64 * 256 + 256 * 10, 256 + 10
    scales_and_zero_points = 2 * (4 + 8)
    assert get_model_size(small) * MB == pytest.approx(n_weights + 4 * n_biases, abs=4 * scales_and_zero_points)
    batches = [(torch.randn(4, 1, 8, 8), torch.arange(4))]
    of_small, of_large = (evaluate_efficiency(model, batches, "cpu", num_iterations=1) for model in (small, large))
    for name in ("parameters", "multiply_adds"):
        assert of_small[name] == of_large[name] > 0
    assert 0 < of_small["peak_memory_mb"] < of_large["peak_memory_mb"]


@of_old_tools
def test_a_quantized_layer_that_is_used_twice_is_counted_once():
    layer = quantized()[1]  # type: ignore[index]
    assert get_model_size(nn.Sequential(layer, nn.ReLU(), layer)) == get_model_size(layer) > 0


@of_old_tools
def test_a_quantized_recurrent_layer_weighs_what_its_state_holds():
    small = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(6, 8)).eval(), {nn.LSTM})
    assert get_model_size(small) * MB == 32 * 6 + 32 * 8 + 4 * 2 * 32  # weights, and two biases for each gate


@of_old_tools
@pytest.mark.parametrize(
    ("convert", "n_bytes"),
    [
        (lambda t: t.to_sparse(), 3 * (2 * 8 + 4)),  # two indices in int64 and a value for each entry that is not 0
        (lambda t: t.to_sparse_csr(), 3 * (8 + 4) + 5 * 8),  # one index and a value; where each row begins
        (lambda t: t.to_sparse_csc(), 3 * (8 + 4) + 7 * 8),
    ],
)
def test_a_sparse_weight_weighs_its_indices_and_values(convert, n_bytes):
    dense = torch.zeros(4, 6)
    dense[[0, 1, 3], [5, 2, 2]] = 1.0
    layer = nn.Linear(6, 4, bias=False)
    layer.weight = nn.Parameter(convert(dense).clone())
    assert get_model_size(layer) * MB == n_bytes


def test_the_peak_of_sparse_activations_is_counted():
    class ToSparse(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.to_sparse().to_dense()

    assert peak_memory(ToSparse(), torch.eye(8)) * MB >= 4 * 64 + 8 * (2 * 8 + 4)


@of_old_tools
@pytest.mark.parametrize("kind", ["scripted", "frozen", "exported"])
def test_networks_made_for_deployment_cost_what_they_cost_before(kind):
    model, batch = make_float(), torch.randn(4, 1, 8, 8)
    deployed = {
        "scripted": lambda: torch.jit.script(model),
        "frozen": lambda: torch.jit.freeze(torch.jit.script(model)),
        "exported": lambda: torch.export.export(model, (batch,)).module(),
    }[kind]()
    assert measure_inference_time(deployed, batch, 1) > 0
    assert count_multiply_adds(deployed, batch) == count_multiply_adds(model, batch)
    assert get_model_size(deployed) == pytest.approx(get_model_size(model), abs=64 / MB)  # frozen: a few constants more
    assert peak_memory(deployed, batch) == pytest.approx(peak_memory(model, batch), abs=1500 / MB)


# ------------------------------------------------------------------------------------------------ fused operators


class First(nn.Module):
    """Gives the first of a layer's outputs, for layers that return several."""

    def __init__(self, layer: nn.Module, n_inputs: int = 1, **options: object) -> None:
        super().__init__()
        self.layer, self.n_inputs, self.options = layer, n_inputs, options

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(*[inputs] * self.n_inputs, **self.options)[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (First(nn.LSTM(6, 8, batch_first=True)), 4 * 5 * 4 * 8 * (6 + 8)),  # examples, steps, gates, units, inputs
        (First(nn.LSTM(6, 8, 2, bidirectional=True)), 4 * 5 * 2 * 4 * 8 * ((6 + 8) + (16 + 8))),
        (First(nn.GRU(6, 8, batch_first=True)), 4 * 5 * 3 * 8 * (6 + 8)),
        (First(nn.RNN(6, 8, batch_first=True)), 4 * 5 * 8 * (6 + 8)),
        # four projections, then scores and their products with the values
        (First(nn.MultiheadAttention(6, 2, batch_first=True), 3), 4 * (4 * 5 * 6 * 6 + 2 * 5 * 5 * 6)),
        (nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), 4 * (4 * 5 * 6 * 6 + 2 * 5 * 5 * 6 + 2 * 5 * 6 * 8)),
    ],
)
def test_layers_that_torch_fuses_are_work_all_the_same(model, expected):
    assert count_multiply_adds(model, torch.randn(4, 5, 6)) == expected


def test_products_with_a_vector_are_work():
    class Vector(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs @ inputs[0] + inputs[0] @ inputs[1]

    assert count_multiply_adds(Vector(), torch.randn(4, 6)) == 4 * 6 + 6


def test_what_torch_would_do_at_once_is_so_again_afterwards():
    before = torch.backends.mha.get_fastpath_enabled()
    count_multiply_adds(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), torch.randn(4, 5, 6))
    assert torch.backends.mha.get_fastpath_enabled() == before


class Pairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(6, 6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs, inputs)


@of_old_tools
@pytest.mark.parametrize(
    ("make_model", "inputs", "name"),
    [
        (Pairs, torch.randn(4, 6), "aten::_trilinear"),
        (
            lambda: First(torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(6, 8)), {nn.LSTM})[0]),
            torch.randn(5, 4, 6),
            "aten::quantized_lstm",
        ),
    ],
)
def test_work_that_cannot_be_seen_is_refused_by_name(make_model, inputs, name):
    with pytest.raises(ValueError, match=f"multiply-adds of {name} cannot be counted"):
        count_multiply_adds(make_model(), inputs)


# ------------------------------------------------------------------------------------------------------- tables

PUBLISHED = pd.DataFrame(
    {
        "accuracy": [0.92, 0.93, 0.94, 0.95, 0.96],
        "model_size_mb": [42, 81, 98, 168, 230],
        "inference_time_ms": [2.0, 3.8, 5.0, 8.0, 12.0],
    },
    index=["ResNet18", "ResNet34", "ResNet50", "ResNet101", "ResNet152"],
)


def table(*rows: tuple[float, float, float]) -> dict[str, dict[str, float]]:
    """Models a, b, c, ... with accuracy, size and time."""
    return {chr(ord("a") + number): dict(zip(METRICS, row, strict=True)) for number, row in enumerate(rows)}


BOTH_KINDS = pytest.mark.parametrize("kind", [lambda frame: frame, lambda frame: frame.to_dict(orient="index")])


@BOTH_KINDS
def test_the_published_table(kind):
    best, scores = select_best_model_weighted(kind(PUBLISHED))
    assert best == "ResNet50"
    assert list(scores) == list(PUBLISHED.index)
    assert [f"{score:.2f}" for score in scores.values()] == ["0.50", "0.53", "0.60", "0.56", "0.50"]
    assert pareto_front(kind(PUBLISHED)) == list(PUBLISHED.index)


@BOTH_KINDS
def test_the_viable_models_are_a_dict_in_the_order_of_the_table(kind):
    results = kind(PUBLISHED.assign(note="more columns do no harm").iloc[::-1])
    best, viable = select_best_model_constraint_based(results, max_size_mb=100, max_inference_ms=5.0)
    assert best == "ResNet50"  # the limits themselves are allowed
    assert type(viable) is dict
    assert list(viable) == ["ResNet50", "ResNet34", "ResNet18"]
    row = {"accuracy": 0.92, "model_size_mb": 42, "inference_time_ms": 2.0, "note": "more columns do no harm"}
    assert viable["ResNet18"] == row


@BOTH_KINDS
@pytest.mark.parametrize("limits", [(41.9, 100.0), (1000.0, 1.9), (81.0, 1.0)])
def test_where_nothing_is_viable_there_is_still_a_pair(kind, limits):
    best, viable = select_best_model_constraint_based(kind(PUBLISHED), *limits)
    assert (best, viable) == (None, {})
    assert pareto_front(viable) == []


def test_no_limit():
    best, viable = select_best_model_constraint_based(PUBLISHED, math.inf, math.inf)
    assert best == "ResNet152"
    assert viable == PUBLISHED.to_dict(orient="index")


def test_ties_go_to_the_smaller_then_the_faster_then_the_first():
    choose = lambda *rows: select_best_model_constraint_based(table(*rows), 100, 100)[0]  # noqa: E731
    assert choose((0.9, 5, 1), (0.9, 4, 9)) == "b"
    assert choose((0.9, 5, 3), (0.9, 5, 2)) == "b"
    assert choose((0.9, 5, 3), (0.9, 5, 3)) == "a"
    weights = dict(zip(METRICS, (1.0, 0.0, 0.0), strict=True))
    assert select_best_model_weighted(table((0.9, 5, 3), (0.9, 5, 2), (0.1, 1, 1)), weights)[0] == "b"
    assert (
        select_best_model_weighted(table((0.5, 9, 9), (0.4, 1, 9)), {**weights, "accuracy": 0.5, "model_size_mb": 0.5})[
            0
        ]
        == "a"
    )
    assert select_best_model_weighted(table((0.9, 5, 3), (0.9, 5, 3)))[0] == "a"
    assert pareto_front(table((0.9, 5, 3), (0.9, 5, 3))) == ["a", "b"]


def test_one_model():
    one = table((0.3, 200, 9))
    assert select_best_model_constraint_based(one, 300, 10) == ("a", one)
    assert select_best_model_constraint_based(one, 100, 10) == (None, {})
    assert select_best_model_weighted(one) == ("a", {"a": 1.0})
    assert pareto_front(one) == ["a"]


def test_where_all_are_equal_nobody_is_worse_than_the_best():
    _, scores = select_best_model_weighted(table((0.9, 7, 1), (0.8, 7, 2)))
    assert scores == pytest.approx({"a": 1.0, "b": 0.2})


@pytest.mark.parametrize("empty", [{}, pd.DataFrame(columns=list(METRICS))])
def test_an_empty_table(empty):
    assert select_best_model_constraint_based(empty, 1, 1) == (None, {})
    assert pareto_front(empty) == []
    with pytest.raises(ValueError, match="results is empty: there is no model"):
        select_best_model_weighted(empty)


CHOOSERS: dict[str, Callable] = {
    "constraint": lambda results: select_best_model_constraint_based(results, 10, 10),
    "weighted": select_best_model_weighted,
    "pareto": pareto_front,
}
each_chooser = pytest.mark.parametrize("choose", CHOOSERS.values(), ids=CHOOSERS)


@each_chooser
@BOTH_KINDS
@pytest.mark.parametrize("metric", METRICS)
def test_missing_columns_are_named(choose, kind, metric):
    with pytest.raises(ValueError, match=f"lacks {metric}: a table of results needs accuracy, model_size_mb"):
        choose(kind(PUBLISHED.drop(columns=metric)))


@each_chooser
def test_an_empty_frame_without_columns_is_refused(choose):
    with pytest.raises(ValueError, match="the table lacks accuracy"):
        choose(pd.DataFrame())


@each_chooser
@BOTH_KINDS
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_numbers_that_are_not_finite_are_refused(choose, kind, value, metric):
    broken = PUBLISHED.astype(float)
    broken.loc["ResNet50", metric] = value
    with pytest.raises(ValueError, match=f"{metric} of 'ResNet50' is .*{value}.*, not a finite number"):
        choose(kind(broken))


@each_chooser
@pytest.mark.parametrize("value", [None, "fast"])
def test_what_is_no_number_is_refused(choose, value):
    broken = {**table((0.9, 1, 1)), "b": {"accuracy": 0.8, "model_size_mb": 1, "inference_time_ms": value}}
    with pytest.raises(ValueError, match=f"inference_time_ms of 'b' is {value!r}"):
        choose(broken)


@each_chooser
def test_names_that_occur_twice_are_refused(choose):
    with pytest.raises(ValueError, match="'ResNet18' occurs twice"):
        choose(pd.concat([PUBLISHED, PUBLISHED]))


@each_chooser
def test_other_things_are_no_tables(choose):
    with pytest.raises(TypeError, match="not list"):
        choose([("a", 0.9, 1, 1)])


@pytest.mark.parametrize("limits", [(0, 1), (-1, 1), (1, 0), (math.nan, 1), (1, math.nan)])
def test_limits_out_of_range_are_refused(limits):
    with pytest.raises(ValueError, match=r"max_(size_mb|inference_ms) must be above 0"):
        select_best_model_constraint_based(PUBLISHED, *limits)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "not nothing"),
        ({"accuracy": 1.0}, "must name exactly accuracy, model_size_mb, inference_time_ms, not accuracy"),
        ({"accuracy": 0.5, "size": 0.2, "inference_time_ms": 0.3}, "not accuracy, size, inference_time_ms"),
        ({"accuracy": 0.5, "model_size_mb": 0.2, "inference_time_ms": 0.3, "energy": 0.0}, "must name exactly"),
        ({"accuracy": 1.5, "model_size_mb": -0.5, "inference_time_ms": 0.0}, "of model_size_mb must be at least 0"),
        ({"accuracy": math.nan, "model_size_mb": 0.5, "inference_time_ms": 0.5}, "of accuracy must be at least 0"),
        ({"accuracy": 5, "model_size_mb": 2, "inference_time_ms": 3}, "sum 1, not 10: divide each by 10"),
    ],
)
def test_weights_that_are_not_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        select_best_model_weighted(PUBLISHED, weights)


# ------------------------------------------------------------------------------------------------ on any table

few_values = st.integers(0, 6).map(float)  # so that ties and constant columns are frequent
any_values = st.floats(0, 1000, allow_subnormal=False).map(lambda value: round(value, 6))
rows = st.one_of(st.tuples(few_values, few_values, few_values), st.tuples(any_values, any_values, any_values))
tables = st.lists(rows, min_size=1, max_size=12).map(lambda drawn: table(*drawn))


def dominates(ours: dict[str, float], theirs: dict[str, float]) -> bool:
    """From the definition, one sign at a time."""
    as_good = (
        ours["accuracy"] >= theirs["accuracy"]
        and ours["model_size_mb"] <= theirs["model_size_mb"]
        and ours["inference_time_ms"] <= theirs["inference_time_ms"]
    )
    better = (
        ours["accuracy"] > theirs["accuracy"]
        or ours["model_size_mb"] < theirs["model_size_mb"]
        or ours["inference_time_ms"] < theirs["inference_time_ms"]
    )
    return as_good and better


@given(tables)
def test_the_front_is_what_nobody_dominates(results):
    front = pareto_front(results)
    for name, ours in results.items():
        dominators = [other for other in results if dominates(results[other], ours)]
        assert (name in front) == (not dominators)
        assert not dominators or any(other in front for other in dominators)  # one on the front does it, too


@given(tables, st.randoms())
def test_the_front_does_not_depend_on_the_order(results, random):
    names = list(results)
    random.shuffle(names)
    assert set(pareto_front({name: results[name] for name in names})) == set(pareto_front(results))


@given(tables)
def test_the_front_does_not_depend_on_the_scales(results):
    rescaled = {
        name: {
            "accuracy": 2 * row["accuracy"] - 7,
            "model_size_mb": row["model_size_mb"] ** 3,
            "inference_time_ms": math.sqrt(row["inference_time_ms"]),
        }
        for name, row in results.items()
    }
    distinct = all(len({t[m] for t in results.values()}) == len({t[m] for t in rescaled.values()}) for m in METRICS)
    if distinct:  # rounding may make two values equal
        assert pareto_front(rescaled) == pareto_front(results)


@given(tables, st.data())
def test_dominated_models_never_change_the_front(results, data):
    front = pareto_front(results)
    dominator = results[data.draw(st.sampled_from(sorted(results)))]
    steps = data.draw(st.tuples(few_values, few_values, few_values).filter(any))
    worse = {
        metric: dominator[metric] + sign * step for metric, sign, step in zip(METRICS, (-1, 1, 1), steps, strict=True)
    }
    assert pareto_front({**results, "dominated": worse}) == front
    assert pareto_front({"dominated": worse, **results}) == front


@given(tables, st.integers(1, 6), st.integers(1, 6))
def test_the_constraint_winner_is_on_the_front_of_the_viable(results, max_size_mb, max_inference_ms):
    best, viable = select_best_model_constraint_based(results, max_size_mb, max_inference_ms)
    expected = [
        name
        for name, row in results.items()
        if row["model_size_mb"] <= max_size_mb and row["inference_time_ms"] <= max_inference_ms
    ]
    assert list(viable) == expected
    assert (best is None) == (not expected)
    if best is not None:
        assert best in pareto_front(viable)
        assert best in pareto_front(results)  # what dominates a viable model is viable
        assert results[best]["accuracy"] == max(row["accuracy"] for row in viable.values())


weights_of_any_kind = (
    st.tuples(*[st.integers(0, 10)] * 3)
    .filter(any)
    .map(lambda parts: {metric: part / sum(parts) for metric, part in zip(METRICS, parts, strict=True)})
)


@given(tables, weights_of_any_kind)
def test_scores_are_shares_and_the_winner_has_the_highest(results, weights):
    best, scores = select_best_model_weighted(results, weights)
    assert list(scores) == list(results)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores.values())
    assert scores[best] == max(scores.values())


@given(tables, st.tuples(*[st.floats(0.1, 10)] * 3), st.tuples(*[st.floats(0, 100)] * 3))
def test_scores_do_not_depend_on_the_unit_or_the_zero_of_a_column(results, factors, offsets):
    spread = [max(values) - min(values) for values in zip(*(row.values() for row in results.values()), strict=True)]
    if any(0 < width < 1e-3 for width in spread):
        return  # an offset would round such a column away
    _, scores = select_best_model_weighted(results)
    changed = {
        name: {m: f * row[m] + o for m, f, o in zip(METRICS, factors, offsets, strict=True)}
        for name, row in results.items()
    }
    assert select_best_model_weighted(changed)[1] == pytest.approx(scores, abs=1e-6)


@given(st.tuples(rows, rows))
def test_of_two_models_every_metric_becomes_0_or_1(pair):
    for metric in METRICS:
        weights = {name: float(name == metric) for name in METRICS}
        assert set(select_best_model_weighted(table(*pair), weights)[1].values()) <= {0.0, 1.0}


# ------------------------------------------------------------------------------------------------------ picture


@pytest.mark.parametrize("n_models", [1, 2, 5, 30])
def test_any_number_of_models_is_drawn(n_models):
    results = table(*[(0.9 - 0.01 * i, 10 - 0.1 * i, 1 + 0.1 * i) for i in range(n_models)])
    figure, axis = plt.subplots()
    errors = dict.fromkeys(results, 0.01)
    plot_efficiency(axis, results, accuracy_errors=errors, time_ranges={"a": (0.9, 1.2)})
    assert [text.get_text() for text in axis.texts] == list(results)
    areas = [marker.get_sizes()[0] for marker in axis.collections if isinstance(marker, PathCollection)]
    assert len(areas) == n_models
    assert areas == sorted(areas, reverse=True)
    assert "ms" in axis.get_xlabel()
    plt.close(figure)


def test_dominated_models_are_hollow():
    figure, axis = plt.subplots()
    plot_efficiency(axis, table((0.9, 1, 1), (0.8, 2, 2)))
    assert [len(collection.get_facecolor()) for collection in axis.collections] == [1, 0]
    plt.close(figure)


def test_an_empty_picture_is_refused():
    figure, axis = plt.subplots()
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_efficiency(axis, {})
    plt.close(figure)
