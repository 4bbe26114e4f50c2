"""What a network costs when it is used: size, time, operations, memory. One MB is 1024² bytes here."""

import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from helper_utils.base.training import Batches, Device, evaluate_accuracy, evaluation_mode

_MB = 1024**2


def get_model_size(model: nn.Module) -> float:
    """Return how much memory a model's parameters and buffers take, in MB of 1024² bytes.

    What several tensors share is counted once: a layer that is used twice, tied weights, views of one tensor. Buffers
    such as the running statistics of batch norm count too, also those that are not saved. So do the packed weights of
    quantized layers and the constants of a network that was frozen by `torch.jit.freeze`; of a sparse tensor, its
    indices and values.

    Args:
        model: On any device, "meta" included.

    Raises:
        ValueError: A parameter is not there yet: it belongs to a lazy layer that has not seen a batch.
    """
    return sum(storage.nbytes() for storage in _storages(model).values()) / _MB


@dataclass(frozen=True)
class InferenceTimes:
    """How long each of several forward passes took, and under which conditions.

    Attributes:
        milliseconds: One number a pass, in the order in which they ran.
        batch_size: How many examples a pass had.
        num_threads: Of torch, on the CPU.
        device: Where the model was.
    """

    milliseconds: list[float]
    batch_size: int
    num_threads: int
    device: str

    @property
    def median(self) -> float:
        """The time that half of the passes stayed below, in ms: one interrupted pass does not move it."""
        return self._quantile(0.5)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The ends of the middle half of the times, in ms."""
        return self._quantile(0.25), self._quantile(0.75)

    @property
    def percentile_95(self) -> float:
        """The time that one pass in twenty exceeds, in ms."""
        return self._quantile(0.95)

    def _quantile(self, share: float) -> float:
        return float(np.quantile(self.milliseconds, share))


def inference_times(
    model: nn.Module, input_data: Tensor, num_iterations: int = 100, *, num_warmup: int = 10
) -> InferenceTimes:
    """Time forward passes of a model, one by one.

    The model is in eval mode and keeps no graph for gradients; afterwards each of its modules has the mode that it had
    before. The first passes are slower (memory is allocated, algorithms are chosen) and do not count. An accelerator
    is still at work when the call returns, so the clock waits for it. The number of threads on the CPU is the one that
    torch has at that time (`torch.set_num_threads`).

    Args:
        model: Any module that takes one tensor.
        input_data: A batch, its first axis the examples. It is moved to the model's device before the clock starts.
        num_iterations: How many passes are timed, at least 1.
        num_warmup: How many passes run before that, at least 0.

    Raises:
        ValueError: A number of passes is out of its range.
    """
    if num_iterations < 1 or num_warmup < 0:
        raise ValueError(
            f"num_iterations must be at least 1 and num_warmup at least 0, not {num_iterations} and {num_warmup}"
        )
    device = _device_of(model, input_data)
    input_data = input_data.to(device)
    milliseconds = []
    with evaluation_mode(model):
        for _ in range(num_warmup):
            model(input_data)
        _synchronize(device)
        for _ in range(num_iterations):
            start = time.perf_counter()
            model(input_data)
            _synchronize(device)
            milliseconds.append(1000 * (time.perf_counter() - start))
    return InferenceTimes(milliseconds, len(input_data), torch.get_num_threads(), str(device))


def measure_inference_time(
    model: nn.Module, input_data: Tensor, num_iterations: int = 100, *, num_warmup: int = 10
) -> float:
    """Return the median time of a forward pass on the whole batch, in ms.

    Arguments, conditions and errors are those of `inference_times`, which also has the quartiles and the 95th
    percentile.

    Args:
        model: Any module that takes one tensor.
        input_data: A batch, its first axis the examples.
        num_iterations: How many passes are timed, at least 1.
        num_warmup: How many passes run before that, at least 0.
    """
    return inference_times(model, input_data, num_iterations, num_warmup=num_warmup).median


def count_multiply_adds(model: nn.Module, input_data: Tensor) -> int:
    """Count the multiply-adds of a forward pass in eval mode, with torch's own counter.

    `torch.utils.flop_counter.FlopCounterMode` counts what matrix products, convolutions and attention compute, a
    multiply-add as 2 operations; this is half of it. Norms, activations, poolings and the addition of a bias count
    nothing there. Added here are products with a vector, recurrent layers and quantized layers; attention layers are
    computed by their parts meanwhile. A sparse weight counts as a dense one.

    Args:
        model: Any module that takes one tensor.
        input_data: A batch; twice as many examples are twice as many multiply-adds.

    Raises:
        ValueError: The model uses an operator whose work is hidden from the counter.
    """
    input_data = input_data.to(_device_of(model, input_data))
    counter = FlopCounterMode(display=False, custom_mapping=_more_products())
    with evaluation_mode(model), _without_fused_attention(), _RefuseHiddenWork(), counter:
        model(input_data)
    return counter.get_total_flops() // 2


def peak_memory(model: nn.Module, input_data: Tensor) -> float:
    """Return the most memory that tensors take at one moment of a forward pass in eval mode, in MB of 1024² bytes.

    Counted are the parameters, the buffers, the input, and every tensor that an operator of torch returns, for as long
    as it lives. Not counted is what an operator needs for itself while it runs, and what torch keeps in reserve: the
    process takes more. Unlike a time, it is the same on every run.

    Args:
        model: Any module that takes one tensor.
        input_data: A batch.

    Raises:
        ValueError: As for `get_model_size`.
    """
    input_data = input_data.to(_device_of(model, input_data))
    there_before = {key: storage.nbytes() for key, storage in _storages(model).items()}
    there_before[input_data.untyped_storage()._cdata] = input_data.nbytes  # of a slice, only the slice
    with evaluation_mode(model), _LivingTensors(there_before) as living:
        model(input_data)
    return living.peak / _MB


def evaluate_efficiency(
    model: nn.Module, dataloader: Batches, device: Device, *, num_iterations: int = 100, num_warmup: int = 10
) -> dict[str, float]:
    """Measure a classifier's accuracy and what it costs.

    Args:
        model: Gives logits of shape (N, classes) for a batch of inputs. It is moved to the device, and keeps the mode
            (train or eval) that it was in.
        dataloader: Any iterable of (inputs, targets), the targets being class numbers: validation data while models
            are compared; the test part once, for the one that was chosen.
        device: Where to measure.
        num_iterations: How many passes are timed, for the inference time and again for the throughput.
        num_warmup: How many passes run before each of these.

    Returns:
        "accuracy": on all examples, in [0, 1];
        "model_size_mb": `get_model_size`;
        "inference_time_ms": the median time for **one** example, the first;
        "throughput": examples a second when the first batch of the loader is passed as a whole, from its median time;
        "batch_size": how many examples that batch has;
        "multiply_adds": `count_multiply_adds` for one example;
        "parameters": how many numbers are learned, a shared parameter once;
        "peak_memory_mb": `peak_memory` for the first batch;
        "num_threads": torch's threads on the CPU while it was measured.

    Raises:
        ValueError: The loader gave no batches or can be iterated over only once, or a number of passes is out of its
            range.
    """
    model.to(device)
    batch = next((inputs for inputs, _ in dataloader), None)
    accuracy = evaluate_accuracy(model, dataloader, device)  # refuses a loader without batches
    if batch is None:
        raise ValueError("the data loader gave batches the second time only: give one that starts anew each time")
    passes = {"num_iterations": num_iterations, "num_warmup": num_warmup}
    of_one, of_batch = inference_times(model, batch[:1], **passes), inference_times(model, batch, **passes)
    return {
        "accuracy": accuracy,
        "model_size_mb": get_model_size(model),
        "inference_time_ms": of_one.median,
        "throughput": 1000 * of_batch.batch_size / of_batch.median,
        "batch_size": of_batch.batch_size,
        "multiply_adds": count_multiply_adds(model, batch[:1]),
        "parameters": _count_parameters(model),
        "peak_memory_mb": peak_memory(model, batch),
        "num_threads": of_one.num_threads,
    }


def _storages(model: nn.Module) -> dict[int, torch.UntypedStorage]:
    """Return the pieces of memory behind all tensors of a model, each once, under the address of torch's record."""
    storages = {}
    for name, tensor in _tensors(model):
        if nn.parameter.is_lazy(tensor):
            raise ValueError(
                f"{name!r} belongs to a lazy layer and has no shape yet: pass a batch through the model first"
            )
        for part in _dense_parts(tensor):
            storage = part.untyped_storage()
            storages[storage._cdata] = storage  # as torch.save does, to write a shared piece once
    return storages


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Give the parameters and the buffers, and the weights that are neither: packed ones, and constants."""
    yield from model.named_parameters()
    yield from model.named_buffers()
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            values = _constants(module)
        else:
            state: dict[str, Any] = {}
            module._save_to_state_dict(state, "", keep_vars=True)  # of this module alone, without its children
            known = {*module._parameters, *module._buffers, "_extra_state"}
            values = [value for key, value in state.items() if key not in known]
        yield from ((name, tensor) for tensor in _tensors_in(values))


def _constants(module: torch.jit.ScriptModule) -> list[Any]:
    """Return the constants of a scripted module: freezing makes them of its weights."""
    try:
        graph: Any = module.graph
    except RuntimeError:  # a module without a forward method
        return []
    return [node.output().toIValue() for node in graph.findAllNodes("prim::Constant")]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, torch.ScriptObject):  # packed weights
        yield from _tensors_in(value.__getstate__())
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _tensors_in(entry)


def _dense_parts(tensor: Tensor) -> list[Tensor]:
    """Return the dense tensors in which a tensor is stored."""
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]
    if tensor.layout != torch.strided:
        return [tensor.to_dense()]
    if tensor.is_quantized and tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        return [tensor, tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()]
    return [tensor]


def _count_parameters(model: nn.Module) -> int:
    """Count the numbers that are learned, a shared parameter once, those of packed and frozen layers included."""
    parameters = list(model.parameters())
    known = {id(tensor) for tensor in (*parameters, *model.buffers())}
    packed = [t for _, t in _tensors(model) if id(t) not in known and (isinstance(t, nn.Parameter) or t.ndim > 1)]
    return sum(_dense_parts(tensor)[-1 if tensor.is_sparse else 0].numel() for tensor in parameters + packed)


def _more_products() -> dict[Any, Any]:
    """Return how many operations (two for a multiply-add) the operators compute that torch's counter leaves out."""

    def of_vectors(*shapes: Any, out_shape: Any = None, **_: Any) -> int:  # noqa: ARG001
        matrix = max((shape for shape in shapes if isinstance(shape, torch.Size)), key=len)
        return 2 * matrix.numel()

    def of_packed(_inputs: Tensor, weight: Any, *_: Any, out_val: Tensor, **__: Any) -> int:
        return 2 * out_val.numel() * weight.unpack()[0][0].numel()  # each output sums over one filter

    def of_recurrent(inputs: Any, *weights: Any, out_shape: Any = None, **_: Any) -> int:  # noqa: ARG001
        of_layers = weights[0] if isinstance(weights[0], list) else weights[:2]  # cuDNN's are a list
        n_steps = inputs[:-1].numel()  # times examples
        return 2 * n_steps * sum(weight.numel() for weight in of_layers if len(weight) == 2)

    of_packed._get_raw = True  # type: ignore[attr-defined]  # the counter then gives tensors, not shapes
    aten = torch.ops.aten
    return {
        **dict.fromkeys((aten.mv, aten.addmv, aten.dot, aten.vdot), of_vectors),
        **dict.fromkeys((aten.mkldnn_rnn_layer, aten._cudnn_rnn, aten.miopen_rnn), of_recurrent),
        **{getattr(torch.ops.quantized, name): of_packed for name in _PACKED_PRODUCTS},
    }


_PACKED_PRODUCTS = (
    *("linear", "linear_relu", "linear_dynamic", "linear_relu_dynamic", "linear_dynamic_fp16"),
    *(f"conv{n}d{end}" for n in (1, 2, 3) for end in ("", "_relu", "_dynamic")),
)

_HIDDEN_WORK = {
    "aten::_cdist_forward",
    "aten::_native_multi_head_attention",
    "aten::_transformer_encoder_layer_fwd",
    "aten::_trilinear",
    "aten::to_mkldnn",
}


class _RefuseHiddenWork(TorchDispatchMode):
    """While it is active: an error for operators that multiply and that the counter would count as no work."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = func._schema.name
        is_packed = any(isinstance(argument, torch.ScriptObject) for argument in tree_leaves(args))
        if name in _HIDDEN_WORK or (is_packed and name.removeprefix("quantized::") not in _PACKED_PRODUCTS):
            raise ValueError(
                f"the multiply-adds of {name} cannot be counted: count those of the network as it was trained"
            )
        return func(*args, **(kwargs or {}))


@contextmanager
def _without_fused_attention() -> Iterator[None]:
    """Compute attention layers by products that can be counted, not by one operator for the whole layer."""
    mha = torch.backends.mha
    fastpath = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        mha.set_fastpath_enabled(fastpath)


def _device_of(model: nn.Module, input_data: Tensor) -> torch.device:
    return next((tensor.device for _, tensor in _tensors(model)), input_data.device)


def _synchronize(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given; the CPU has always done it."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


class _LivingTensors(TorchDispatchMode):
    """While it is active: the bytes of all tensors that operators returned and that are still alive, and their peak."""

    def __init__(self, there_before: dict[int, int]) -> None:
        super().__init__()
        self.living = there_before
        self.total = self.peak = sum(there_before.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        for output in outputs if isinstance(outputs, tuple | list) else (outputs,):
            for part in _dense_parts(output) if isinstance(output, Tensor) else ():
                self._add(part.untyped_storage())
        return outputs

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self.living:  # a view, or written in place
            return
        self.living[storage._cdata] = storage.nbytes()
        self.total += storage.nbytes()
        self.peak = max(self.peak, self.total)
        weakref.finalize(storage, self._remove, storage._cdata)

    def _remove(self, key: int) -> None:
        self.total -= self.living.pop(key, 0)
