"""Gradient clipping: torch's two functions written plainly, an adaptive threshold, and a look at the gradients.

`clip_grad_norm_` and `clip_grad_value_` have the signatures of `torch.nn.utils`, without `foreach`, which only chooses
between two ways to compute the same. `AdaptiveClip` and `GradientNorms` are callbacks for `train_model`. For a fixed
threshold `train_model` has `clip_norm`.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from .callbacks import Callback, TrainingRun
from .plots import COLORS

if TYPE_CHECKING:
    import pandas as pd

By = Literal["layer", "parameter"]

# ------------------------------------------------------------------------------------------------------- clipping


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients, in place and by one factor, so that their norm is at most max_norm.

    The norm is that of all gradients put together into one long vector. A smaller gradient is left as it is. The factor
    is max_norm / (norm + 1e-6), as in torch, so a clipped gradient is a trace shorter than max_norm. An infinite
    gradient makes the factor 0 (and itself nan, as infinity times 0 is), a nan makes everything nan.
    Sources: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013);
    https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html

    Args:
        parameters: One tensor or several, of any shapes. Those whose `grad` is None are left out.
        max_norm: The largest norm, above 0; with infinity the norm is measured and nothing is clipped.
        norm_type: Which p-norm, above 0; infinity (also "inf") for the largest absolute value.
        error_if_nonfinite: Whether to raise instead of scaling by a norm that is nan or infinite.

    Returns:
        The norm before clipping, a tensor without dimensions; 0 where no parameter has a gradient.

    Raises:
        ValueError: There are no parameters, or max_norm or norm_type is not positive. torch takes a max_norm of 0,
            which erases the gradients, and a negative one, which turns them round.
        RuntimeError: The norm is nan or infinite, and error_if_nonfinite is on.
    """
    _check_positive("max_norm", max_norm)
    _check_positive("norm_type", norm_type)
    gradients = _gradients(parameters)
    norm = total_norm(gradients, norm_type)
    if error_if_nonfinite and not norm.isfinite():
        raise RuntimeError(
            f"the norm of the gradients is {norm.item()}, so there is nothing sensible to clip to: look for the first "
            "loss or layer that is not finite, or pass error_if_nonfinite=False"
        )
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)  # never above 1: small gradients stay as they are
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))
    return norm


@torch.no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut every entry of every gradient, in place, to the range from -clip_value to clip_value.

    Each entry is cut on its own, so the direction of the gradient changes. An infinite entry becomes clip_value, a nan
    stays nan.
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html

    Args:
        parameters: One tensor or several, of any shapes. Those whose `grad` is None are left out.
        clip_value: The largest absolute value of an entry, above 0.

    Raises:
        ValueError: There are no parameters, or clip_value is not positive. torch takes a negative one, which sets every
            entry to it.
    """
    _check_positive("clip_value", clip_value)
    for gradient in _gradients(parameters):
        gradient.clamp_(min=-float(clip_value), max=float(clip_value))


def total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """Return the p-norm of all entries of all tensors together; 0 where there are no tensors.

    Args:
        tensors: Of any shapes.
        norm_type: p; infinity for the largest absolute value.
    """
    norms = [torch.linalg.vector_norm(tensor, float(norm_type)) for tensor in tensors]
    if not norms:
        return torch.tensor(0.0)
    # The p-norm of the tensors' p-norms is the p-norm of everything.
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]), float(norm_type))


# ------------------------------------------------------------------------------------------------------ callbacks


class AdaptiveClip(Callback):
    """Clip the gradient's norm to a percentile of all norms so far, this step's included.

    The threshold follows the training: no number in the units of the loss has to be chosen, and a rare spike is cut to
    the size of an ordinary gradient. Norms of 0 are left out of the history.
    Source: Seetharaman, Wichern, Pardo and Le Roux, "AutoClip: adaptive gradient clipping for source separation
    networks" (2020), arXiv:2007.14469.

    Args:
        percentile: Above 0, at most 100, which never clips. The paper found 10 a good choice for its networks.

    Attributes:
        norms: The norm at each step before clipping.
        thresholds: What each of them was clipped to.

    Raises:
        ValueError: The percentile is not in its range.
        FloatingPointError: While training: a gradient is nan or infinite. The step on it was not taken.
    """

    def __init__(self, percentile: float = 10.0) -> None:
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile must be above 0 and at most 100, not {percentile}")
        self.percentile = percentile
        self.norms: list[float] = []
        self.thresholds: list[float] = []

    def before_step(self, run: TrainingRun) -> None:
        """Clip the gradients of the optimizer's parameters."""
        parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        norm = total_norm(_gradients(parameters)).item()
        if not math.isfinite(norm):
            raise FloatingPointError(
                f"the norm of the gradients is {norm} in epoch {run.epoch}, batch {run.batch} (counted from 0): "
                "the step was not taken"
            )
        if norm == 0:
            return
        self.norms.append(norm)
        self.thresholds.append(float(np.percentile(self.norms, self.percentile)))
        clip_grad_norm_(parameters, self.thresholds[-1])


class GradientNorms(Callback):
    """Record the norms of the gradients at every step of `train_model`.

    What it sees depends on its place: callbacks act in the order in which they are passed, and `clip_norm` comes after
    all of them. Placed before a callback that clips it records the gradients as backward left them, placed after it
    what the optimizer gets.

    Args:
        by: Whether to record a norm for each layer (all parameters of one module together) or for each parameter.

    Attributes:
        steps: Epoch (from 1) and batch (from 0) of each step.
        totals: The norm over all parameters of the model.
        norms: For each layer or parameter, in the model's order, one entry a step; None where there was no gradient.
    """

    def __init__(self, by: By = "layer") -> None:
        _check_by(by)
        self.by: By = by
        self.steps: list[tuple[int, int]] = []
        self.totals: list[float] = []
        self.norms: dict[str, list[float | None]] = {}

    def before_step(self, run: TrainingRun) -> None:
        """Record the norms of this step."""
        self.steps.append((run.epoch, run.batch))
        self.totals.append(total_norm(_gradients(run.model.parameters())).item())
        for name, norm in gradient_norms(run.model, self.by).items():
            self.norms.setdefault(name, []).append(norm)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each epoch and batch: the total, then a column for each layer or parameter.

        A missing gradient is nan.
        """
        import pandas as pd

        index = pd.MultiIndex.from_tuples(self.steps, names=["epoch", "batch"])
        return pd.DataFrame({"total": self.totals, **self.norms}, index=index, dtype=float)


# -------------------------------------------------------------------------------------------- looking at gradients


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


def plot_gradient_flow(source: nn.Module | GradientNorms, *, axis: Axes | None = None) -> Figure:
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


# --------------------------------------------------------------------------------------------------------- inside


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that are there."""
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not parameters:
        raise ValueError(
            "there are no parameters, so nothing would be clipped: is model.parameters() kept in a variable and "
            "used up by an earlier loop?"
        )
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _check_positive(name: str, value: float) -> None:
    if not float(value) > 0:
        raise ValueError(f"{name} must be positive, not {value}")


def _check_by(by: str) -> None:
    if by not in ("layer", "parameter"):
        raise ValueError(f"by must be 'layer' or 'parameter', not {by!r}")
