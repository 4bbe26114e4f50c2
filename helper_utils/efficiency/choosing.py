"""Which of several networks to choose, from a table of results."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

METRICS: tuple[str, ...] = ("accuracy", "model_size_mb", "inference_time_ms")  # the first is to be high, the others low

DEFAULT_WEIGHTS = {"accuracy": 0.5, "model_size_mb": 0.2, "inference_time_ms": 0.3}


def select_best_model_constraint_based(
    results: "Mapping[str, Mapping[str, float]] | pd.DataFrame", max_size_mb: float, max_inference_ms: float
) -> tuple[str | None, dict[str, dict[str, float]]]:
    """Choose the most accurate model among those that are small and fast enough.

    Of equally accurate ones it is the smaller, then the faster, then the first in the table.

    Args:
        results: The table, see the head of this module; it may be empty.
        max_size_mb: The largest size, itself allowed; `math.inf` for any.
        max_inference_ms: The longest time, itself allowed; `math.inf` for any.

    Returns:
        Always a pair: the chosen name, or None if no model is viable; and a dict from the names of the viable models to
        their metrics, in the order of the table, with all of its columns. If no model is viable: None and an empty
        dict.

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
    rows = results if isinstance(results, Mapping) else results.to_dict(orient="index")
    return best, {name: dict(rows[name]) for name in viable}


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
