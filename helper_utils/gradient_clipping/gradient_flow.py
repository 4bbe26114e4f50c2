"""A look at the gradients: their norms by layer, during a training and at one moment."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from torch import Tensor, nn

from helper_utils.base.callbacks import Callback, TrainingRun
from helper_utils.gradient_clipping.clipping import get_gradients, total_norm

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

By = Literal["layer", "parameter"]


class GradientNorms(Callback):
    """Record the norms of the gradients at every step of `train_model`.

    What it sees depends on its place: callbacks act in the order in which they are passed, and `clip_norm` comes after
    all of them. Placed before a callback that clips it records the gradients as backward left them, placed after it
    what the optimizer gets.

    Args:
        by: Whether to record a norm for each layer (all parameters of one module together) or for each parameter.

    Attributes:
        steps: Epoch (from 1) and batch (from 0) of each step of the last training.
        totals: The norm over all parameters of the model.
        norms: For each layer or parameter, in the model's order, one entry a step; None where there was no gradient.
    """

    def __init__(self, by: By = "layer") -> None:
        _check_by(by)
        self.by: By = by
        self.steps: list[tuple[int, int]] = []
        self.totals: list[float] = []
        self.norms: dict[str, list[float | None]] = {}

    def before_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Begin a new record."""
        self.steps, self.totals, self.norms = [], [], {}

    def before_step(self, run: TrainingRun) -> None:
        """Record the norms of this step."""
        self.steps.append((run.epoch, run.batch))
        self.totals.append(total_norm(get_gradients(run.model.parameters())).item())
        for name, norm in gradient_norms(run.model, self.by).items():
            self.norms.setdefault(name, []).append(norm)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each epoch and batch: the total, then a column for each layer or parameter.

        A missing gradient is nan.
        """
        import pandas as pd

        index = pd.MultiIndex.from_tuples(self.steps, names=["epoch", "batch"])
        return pd.DataFrame({"total": self.totals, **self.norms}, index=index, dtype=float)


def gradient_norms(model: nn.Module, by: By = "layer") -> dict[str, float | None]:
    """Return the 2-norm of the gradient of each layer (or parameter), in the model's order; None where there is none.

    Args:
        model: After `backward`.
        by: A layer is a module that has parameters of its own; its norm is over all of them together.

    Raises:
        ValueError: `by` is neither "layer" nor "parameter", or the model has no parameters.
    """
    _check_by(by)
    groups: dict[str, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        layer = name.rpartition(".")[0] or type(model).__name__
        groups.setdefault(layer if by == "layer" else name, []).append(parameter)
    if not groups:
        raise ValueError(f"the model, a {type(model).__name__}, has no parameters, so it has no gradients")
    gradients = {name: [p.grad for p in group if p.grad is not None] for name, group in groups.items()}
    return {name: total_norm(group).item() if group else None for name, group in gradients.items()}


def plot_gradient_flow(source: nn.Module | GradientNorms, *, axis: "Axes | None" = None) -> "Figure":
    """Draw the norm of the gradient of each layer, on a logarithmic axis, from the first layer to the last.

    A cross at the bottom marks a layer without a gradient, a ring there one whose gradient is exactly 0, a triangle at
    the top one whose gradient is nan or infinite. Of a record the median over the steps is drawn, with a band from the
    smallest to the largest; the mark is there if any of the steps deserves it.

    Args:
        source: A model after `backward`, or the record of a training.
        axis: Where to draw; a new figure by default.

    Raises:
        ValueError: No layer has a gradient (was `backward` called?), or nothing is recorded yet.
    """
    from matplotlib import pyplot as plt

    from helper_utils.base.plots import COLORS

    if isinstance(source, GradientNorms):
        norms = source.norms
    else:
        norms = {name: [norm] for name, norm in gradient_norms(source).items()}
    if all(norm is None for values in norms.values() for norm in values):
        raise ValueError("there is no gradient to draw: call backward on a loss first, or train with the record")

    values = np.array([[np.nan if norm is None else norm for norm in values] for values in norms.values()])
    missing = np.array([any(norm is None for norm in values) for values in norms.values()])
    is_zero, is_positive = (values == 0).any(axis=1), np.isfinite(values) & (values > 0)
    not_finite = (~np.isfinite(values)).any(axis=1) & ~missing
    drawn = np.ma.masked_where(~is_positive, values)  # what a logarithmic axis can show
    x = np.arange(len(norms))

    if axis is None:
        _, axis = plt.subplots(figsize=(max(4.0, min(9.0, 0.35 * len(norms) + 2)), 3.2))
    axis.set_yscale("log")
    axis.plot(x, np.ma.median(drawn, axis=1).filled(np.nan), "o-", color=COLORS["blue"])
    if values.shape[1] > 1:
        low, high = drawn.min(axis=1).filled(np.nan), drawn.max(axis=1).filled(np.nan)
        axis.fill_between(x, low, high, color=COLORS["blue"], alpha=0.2, linewidth=0)
    for where, marker, label, height in (
        (missing, "x", "no gradient", 0.03),
        (is_zero, "o", "gradient is 0", 0.03),
        (not_finite, "^", "nan or infinite", 0.97),
    ):
        if where.any():
            place = axis.get_xaxis_transform()  # x in layers, y as a share of the height
            face = "none" if marker == "o" else COLORS["red"]
            axis.scatter(
                x[where],
                np.full(where.sum(), height),
                marker=marker,
                facecolors=face,
                edgecolors=None if marker == "x" else COLORS["red"],
                transform=place,
                label=label,
            )
            axis.legend(fontsize=8)
    axis.set_xticks(x, list(norms), rotation=90, fontsize=8)
    axis.set(xlabel="layer, from the input to the output", ylabel="norm of the gradient", xlim=(-0.5, len(norms) - 0.5))
    return axis.get_figure(root=True)  # type: ignore[return-value]


def _check_by(by: str) -> None:
    if by not in ("layer", "parameter"):
        raise ValueError(f"by must be 'layer' or 'parameter', not {by!r}")
