"""The drawings of the lesson: each draws into axes that it is given."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from helper_utils.base.plots import COLORS
from helper_utils.validation.splits import Folds

TRAIN, VAL, TEST, UNUSED = COLORS["sky"], COLORS["orange"], COLORS["red"], "#E5E5E5"


def plot_folds(axis: Axes, folds: Folds, n_examples: int) -> None:
    """Draw a row for each fold: which examples are trained on, which validate, which are not used.

    Args:
        axis: Where to draw.
        folds: Pairs of indices.
        n_examples: How many examples there are.
    """
    picture = np.tile(np.array(to_rgb(UNUSED)), (len(folds), n_examples, 1))
    for row, (train, val) in enumerate(folds):
        picture[row, train], picture[row, val] = to_rgb(TRAIN), to_rgb(VAL)
    axis.imshow(picture, aspect="auto", interpolation="nearest")
    for row in range(1, len(folds)):
        axis.axhline(row - 0.5, color="white", linewidth=3)
    axis.set(xlabel="example", ylabel="fold", yticks=range(len(folds)))
    axis.grid(visible=False)
    _legend(axis, {"training": TRAIN, "validation": VAL})


def plot_nested(axis: Axes, n_outer: int, n_inner: int) -> None:
    """Draw nested cross-validation: the outer folds, and the inner folds of the first one.

    Args:
        axis: Where to draw.
        n_outer: Outer folds.
        n_inner: Inner folds.
    """
    for row in range(n_outer):
        for block in range(n_outer):
            axis.barh(row, 0.98, left=block, color=TEST if block == row else TRAIN)
    width = (n_outer - 1) / n_inner
    for row in range(n_inner):
        place = n_outer + 0.8 + row
        for block in range(n_inner):
            axis.barh(place, 0.98 * width, left=1 + block * width, color=VAL if block == row else TRAIN)
    labels = [f"outer {i}" for i in range(n_outer)] + [f"inner {i}" for i in range(n_inner)]
    places = [float(i) for i in range(n_outer)] + [n_outer + 0.8 + i for i in range(n_inner)]
    axis.set_yticks(places, labels)
    axis.set(xticks=[], xlabel="examples")
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.text(1, n_outer + 0.1, "the training examples of outer 0, cut again:", fontsize=8, va="center")
    _legend(axis, {"training": TRAIN, "inner validation: chooses": VAL, "outer validation: reports": TEST})


def _legend(axis: Axes, colors: Mapping[str, str]) -> None:
    handles = [Patch(color=color, label=name) for name, color in colors.items()]
    axis.legend(handles=handles, ncols=len(handles), loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)


def plot_columns(axis: Axes, values: Mapping[str, Sequence[float]], colors: Mapping[str, str]) -> None:
    """Draw a column of dots for each name, a dot for each run, and a bar at their mean.

    Args:
        axis: Where to draw.
        values: One result for each run, by name.
        colors: The colour of each name.
    """
    for place, (name, of_runs) in enumerate(values.items()):
        beside = place + np.linspace(-0.25, 0.25, len(of_runs))  # so that no dot hides another
        axis.plot(beside, of_runs, ".", color=colors[name], alpha=0.7)
        axis.plot([place - 0.35, place + 0.35], [fmean(of_runs)] * 2, color="black", linewidth=2)
    axis.set_xticks(range(len(values)), list(values))
    axis.set_xlim(-0.6, len(values) - 0.4)


def plot_intervals(axis: Axes, sizes: Sequence[int], intervals: Sequence[tuple[float, float]], truth: float) -> None:
    """Draw an interval for each number of examples, on a logarithmic axis, and the true value as a line.

    Args:
        axis: Where to draw.
        sizes: Numbers of examples.
        intervals: The ends for each.
        truth: What the intervals are to hold.
    """
    low, high = np.array(intervals).T
    axis.axhline(truth, color="0.4", linestyle=":")
    axis.vlines(sizes, low, high, color=VAL, linewidth=5)
    axis.set(xscale="log", xlabel="validation images", ylabel="accuracy")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
