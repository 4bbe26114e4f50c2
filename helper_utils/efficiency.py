"""What a network costs when it is used, and which of several networks to choose.

Measuring: `get_model_size`, `inference_times` and its short form `measure_inference_time`, `count_multiply_adds`,
`peak_memory`, and all at once with the accuracy: `evaluate_efficiency`.

Choosing, from a table of results: `select_best_model_constraint_based`, `select_best_model_weighted`, `pareto_front`;
`plot_efficiency` draws the table. A table is a mapping from a model's name to its metrics, or a DataFrame with the
names as its index. It has the columns of `METRICS` and may have others, which are not looked at; as it is a choice, the
accuracy in it is that on validation data, never on the test part.

One MB is 1024² bytes here.
"""

import math
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from .training import Batches, Device, evaluate_accuracy, evaluation_mode

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

METRICS: tuple[str, ...] = ("accuracy", "model_size_mb", "inference_time_ms")  # the first is to be high, the others low
DEFAULT_WEIGHTS = {"accuracy": 0.5, "model_size_mb": 0.2, "inference_time_ms": 0.3}

Table = TypeVar("Table", bound="Mapping[str, Mapping[str, float]] | pd.DataFrame")

_MB = 1024**2

# ----------------------------------------------------------------------------------------------------- measuring


def get_model_size(model: nn.Module) -> float:
    """Return how much memory a model's parameters and buffers take, in MB of 1024² bytes.

    What several tensors share is counted once: a layer that is used twice, tied weights, views of one tensor. Buffers
    such as the running statistics of batch norm count too, also those that are not saved.

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
    nothing there.

    Args:
        model: Any module that takes one tensor.
        input_data: A batch; twice as many examples are twice as many multiply-adds.
    """
    with evaluation_mode(model), FlopCounterMode(display=False) as counter:
        model(input_data.to(_device_of(model, input_data)))
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
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "peak_memory_mb": peak_memory(model, batch),
        "num_threads": of_one.num_threads,
    }


# ------------------------------------------------------------------------------------------------------ choosing


def select_best_model_constraint_based(
    results: Table, max_size_mb: float, max_inference_ms: float
) -> tuple[str | None, Table]:
    """Choose the most accurate model among those that are small and fast enough.

    Of equally accurate ones it is the smaller, then the faster, then the first in the table.

    Args:
        results: The table, see the head of this module; it may be empty.
        max_size_mb: The largest size, itself allowed; `math.inf` for any.
        max_inference_ms: The longest time, itself allowed; `math.inf` for any.

    Returns:
        Always a pair: the chosen name, or None if no model is viable; and the rows of the viable models, in the order
        and of the kind (mapping or DataFrame) in which they were given.

    Raises:
        TypeError: The table is neither a mapping nor a DataFrame.
        ValueError: A column is missing, a metric is not a finite number, a name occurs twice, or a limit is not
            positive.
    """
    for name, limit in (("max_size_mb", max_size_mb), ("max_inference_ms", max_inference_ms)):
        if not limit > 0:
            raise ValueError(f"{name} must be above 0, not {limit}: use math.inf for no limit")
    table = _read(results)
    viable = [
        name for name, (_, size, duration) in table.items() if size <= max_size_mb and duration <= max_inference_ms
    ]
    best = min(viable, key=lambda name: _order(table[name]), default=None)
    return best, _rows(results, viable)


def select_best_model_weighted(
    results: "Mapping[str, Mapping[str, float]] | pd.DataFrame", weights: Mapping[str, float] | None = None
) -> tuple[str, dict[str, float]]:
    """Choose the model with the highest weighted sum of its metrics, each brought to [0, 1] within the table.

    Min-max: the worst of the table gets 0 and the best 1, the others lie between in proportion; for size and time the
    smallest is the best. Where all are equal nobody is worse than the best, and all get 1; so a single model scores 1.
    A score depends on the company: it changes when a model is added to the table. Of equal scores the more accurate
    model is chosen, then the smaller, then the faster, then the first in the table.

    Args:
        results: The table, see the head of this module; not empty.
        weights: One for each name of `METRICS`, at least 0, with the sum 1. By default accuracy 0.5, size 0.2, time
            0.3 (`DEFAULT_WEIGHTS`).

    Returns:
        The chosen name, and the score of every model, in [0, 1].

    Raises:
        TypeError: The table is neither a mapping nor a DataFrame.
        ValueError: The table is empty, a column is missing, a metric is not a finite number, a name occurs twice, or
            the weights are not as described.
    """
    weights = _checked_weights(DEFAULT_WEIGHTS if weights is None else weights)
    table = _read(results)
    if not table:
        raise ValueError("results is empty: there is no model to choose")
    accuracies, sizes, times = zip(*table.values(), strict=True)
    columns = {
        "accuracy": _from_worst_to_best(accuracies, min(accuracies), max(accuracies)),
        "model_size_mb": _from_worst_to_best(sizes, max(sizes), min(sizes)),
        "inference_time_ms": _from_worst_to_best(times, max(times), min(times)),
    }
    scores = {
        name: sum(weights[metric] * column[row] for metric, column in columns.items()) for row, name in enumerate(table)
    }
    best = min(table, key=lambda name: (-scores[name], *_order(table[name])))
    return best, scores


def pareto_front(results: "Mapping[str, Mapping[str, float]] | pd.DataFrame") -> list[str]:
    """Return the names of the models that no other dominates, in the order of the table.

    One model dominates another if it is at least as accurate, as small and as fast, and better in one of the three. Two
    models that are equal in all three do not dominate each other.

    Args:
        results: The table, see the head of this module; it may be empty.

    Raises:
        TypeError: The table is neither a mapping nor a DataFrame.
        ValueError: A column is missing, a metric is not a finite number, or a name occurs twice.
    """
    table = {name: _order(metrics) for name, metrics in _read(results).items()}
    return [name for name, ours in table.items() if not any(_dominates(other, ours) for other in table.values())]


def plot_efficiency(
    axis: "Axes",
    results: "Mapping[str, Mapping[str, float]] | pd.DataFrame",
    *,
    accuracy_errors: Mapping[str, float] | None = None,
    time_ranges: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw time against accuracy, one marker a model, its area in proportion to the model's size.

    Filled markers are the Pareto front; hollow ones are dominated.

    Args:
        axis: Where to draw.
        results: The table, see the head of this module; not empty.
        accuracy_errors: Half the length of a model's vertical bar, such as the standard error over seeds.
        time_ranges: The ends of a model's horizontal bar in ms, such as the quartiles of its times.

    Raises:
        TypeError: As for `pareto_front`.
        ValueError: As for `pareto_front`, or the table is empty.
    """
    table = _read(results)
    if not table:
        raise ValueError("results is empty: there is nothing to draw")
    front = pareto_front(results)
    largest = max(size for _, size, _ in table.values())
    for name, (accuracy, size, duration) in table.items():
        color = "C0" if name in front else "0.5"
        if accuracy_errors and name in accuracy_errors:
            axis.errorbar(duration, accuracy, yerr=accuracy_errors[name], color=color, linewidth=1, capsize=2)
        if time_ranges and name in time_ranges:
            low, high = time_ranges[name]
            axis.plot([low, high], [accuracy, accuracy], color=color, linewidth=1)
        area = 20 + 380 * (size / largest if largest else 0)
        axis.scatter(
            duration, accuracy, s=area, edgecolors=color, facecolors=color if name in front else "none", alpha=0.7
        )
        below = (3, -10 - area**0.5 / 2)  # in points; beside the bar and under the marker, whose radius is in it
        axis.annotate(name, (duration, accuracy), below, textcoords="offset points", fontsize=8)
    axis.set(xlabel="inference time in ms", ylabel="accuracy")


# -------------------------------------------------------------------------------------------------------- inside


def _storages(model: nn.Module) -> dict[int, torch.UntypedStorage]:
    """Return the pieces of memory behind parameters and buffers, each once, under the address of torch's record."""
    storages = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if nn.parameter.is_lazy(tensor):
            raise ValueError(
                f"{name!r} belongs to a lazy layer and has no shape yet: pass a batch through the model first"
            )
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage  # as torch.save does, to write a shared piece once
    return storages


def _device_of(model: nn.Module, input_data: Tensor) -> torch.device:
    tensors = (*model.parameters(), *model.buffers())
    return tensors[0].device if tensors else input_data.device


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
            if isinstance(output, Tensor):
                self._add(output.untyped_storage())
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


def _read(results: Any) -> dict[str, tuple[float, float, float]]:
    """Return each model's accuracy, size and time, checked."""
    if isinstance(results, Mapping):
        rows, columns = results, None
    elif hasattr(results, "columns") and hasattr(results, "to_dict"):  # a DataFrame; no need to import pandas to know
        if not results.index.is_unique:
            twice = results.index[results.index.duplicated()][0]
            raise ValueError(f"the name {twice!r} occurs twice in the table: give each model its own")
        rows, columns = results.to_dict(orient="index"), list(results.columns)
    else:
        raise TypeError(
            "results must be a mapping from names to metrics, or a DataFrame with the names as its index, "
            f"not {type(results).__name__}"
        )
    table = {}
    if columns is not None:
        _check_columns(columns, "the table")
    for name, metrics in rows.items():
        _check_columns(metrics, f"the model {name!r}")
        values = tuple(metrics[metric] for metric in METRICS)
        for metric, value in zip(METRICS, values, strict=True):
            if not _is_finite(value):
                raise ValueError(
                    f"{metric} of {name!r} is {value!r}, not a finite number: measure it, or leave the model out"
                )
        table[name] = values
    return table


def _check_columns(columns: Iterable[str], where: str) -> None:
    missing = [metric for metric in METRICS if metric not in columns]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}: a table of results needs {', '.join(METRICS)}")


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def _rows(results: Any, names: list[str]) -> Any:
    if isinstance(results, Mapping):
        return {name: results[name] for name in names}
    return results.loc[names]


def _order(metrics: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a key that is lower for a more accurate model, then for a smaller, then for a faster one."""
    accuracy, size, duration = metrics
    return -accuracy, size, duration


def _dominates(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    """Say whether ours is lower or equal everywhere, and lower somewhere."""
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _from_worst_to_best(values: tuple[float, ...], worst: float, best: float) -> list[float]:
    return [1.0 if worst == best else (value - worst) / (best - worst) for value in values]


def _checked_weights(weights: Mapping[str, float]) -> Mapping[str, float]:
    if set(weights) != set(METRICS):
        raise ValueError(
            f"weights must name exactly {', '.join(METRICS)}, not {', '.join(map(str, weights)) or 'nothing'}"
        )
    for metric, weight in weights.items():
        if not _is_finite(weight) or weight < 0:
            raise ValueError(f"the weight of {metric} must be at least 0, not {weight!r}")
    total = sum(weights.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"the weights must have the sum 1, not {total}: divide each by {total}")
    return weights
