"""The drawings of the lesson: each draws into axes that it is given."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from helper_utils.base.plots import COLORS
from helper_utils.metrics.calibration import calibration_curve
from helper_utils.metrics.ranking import precision_recall_curve


def plot_confusion_matrix(axis: Axes, matrix: Tensor, class_names: Sequence[str]) -> None:
    """Draw a confusion matrix: counts as numbers, and the share of each row as colour."""
    shares = matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set(xlabel="predicted class", ylabel="true class")
    long_names = max(map(len, class_names)) > 4
    axis.set_xticks(range(len(matrix)), class_names, rotation=90 if long_names else 0)
    axis.set_yticks(range(len(matrix)), class_names)
    axis.grid(visible=False)
    for row, column in matrix.nonzero().tolist():
        color = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, str(int(matrix[row, column])), ha="center", va="center", color=color, fontsize=8)


def plot_pairs(axis: Axes, values: Mapping[str, Sequence[float]]) -> None:
    """Draw the results of two models: a column of dots for each, and a line between their means."""
    axis.plot([fmean(of_runs) for of_runs in values.values()], color="0.5", marker="_", markersize=25)
    for place, (of_runs, color) in enumerate(zip(values.values(), ("blue", "red"), strict=True)):
        beside = place + np.linspace(-0.2, 0.2, len(of_runs))  # so that no dot hides another
        axis.plot(beside, of_runs, ".", color=COLORS[color])
    axis.set_xticks(range(len(values)), list(values))
    axis.set_xlim(-0.5, len(values) - 0.5)


def plot_roc_and_precision_recall(
    axes: Sequence[Axes], cases: Mapping[str, tuple[Tensor, Tensor]], roc_points: Mapping[str, Tensor]
) -> None:
    """Draw two cases of scores and targets: their ROC points left, their precision-recall curves right.

    The precision-recall curves are steps, whose area is the average precision: unlike in the ROC plot, no threshold
    leads to the points of a straight line. Source: Davis and Goadrich (2006).
    """
    looks: tuple[dict[str, Any], ...] = (
        {"color": COLORS["blue"], "linewidth": 4},
        {"color": COLORS["red"], "linestyle": "--"},
    )
    for (name, (scores, targets)), look in zip(cases.items(), looks, strict=True):
        false_positive_rates, recalls = roc_points[name].T
        axes[0].plot(false_positive_rates, recalls, label=name, **look)
        precisions, recalls, _ = precision_recall_curve(scores, targets)
        axes[1].step(recalls, precisions, where="post", **look)
        axes[1].axhline(targets.double().mean().item(), color=look["color"], linestyle=":", linewidth=1)
    axes[0].plot([0, 1], [0, 1], ":", color="0.5", label="guessing")
    axes[0].set(title="ROC", xlabel="false positive rate", ylabel="recall")
    axes[0].legend(fontsize=8)
    axes[1].set(title="precision-recall", xlabel="recall", ylabel="precision", ylim=(0, 1.05))


def plot_two_errors(
    axis: Axes, gains: Tensor, unpaired_errors: Sequence[float], paired_errors: Sequence[float]
) -> None:
    """Draw the gain of each run with two standard errors to either side, once unpaired and once paired."""
    runs = torch.arange(len(gains))
    for shift, name, errors, color in (
        (-0.15, "unpaired", unpaired_errors, "orange"),
        (0.15, "paired", paired_errors, "blue"),
    ):
        margins = 2 * torch.tensor(errors)
        axis.vlines(runs + shift, gains - margins, gains + margins, color=COLORS[color], linewidth=4, label=name)
        axis.plot(runs + shift, gains, ".", color="black", markersize=3)
    axis.axhline(0, color="black", linewidth=1)
    axis.set(xlabel="run", ylabel="accuracy of B minus A", xticks=[])
    axis.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1))


def plot_reliability(axis: Axes, probabilities: Tensor, targets: Tensor, label: str, color: str) -> None:
    """Draw the share of right predictions against the confidence; a larger dot is a bin with more predictions."""
    confidence, share_right, count = calibration_curve(probabilities, targets)
    axis.plot([0, 1], [0, 1], ":", color="0.5")
    axis.plot(confidence, share_right, color=color, linewidth=1, label=label)
    axis.scatter(confidence, share_right, s=10 + 250 * count / count.sum(), color=color)
    axis.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1.05), ylim=(0, 1.05))
    axis.legend(fontsize=8, loc="upper left")
