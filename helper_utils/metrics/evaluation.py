"""Metrics over a whole data set, computed by torchmetrics."""

from typing import TYPE_CHECKING, Literal

from torch import nn

if TYPE_CHECKING:
    pass
from helper_utils.base.training import Batches, Device, predict


def evaluate_metrics(
    model: nn.Module,
    val_dataloader: Batches,
    device: Device,
    num_classes: int = 10,
    average: Literal["macro", "micro", "weighted"] = "macro",
) -> tuple[float, float, float, float]:
    """Return accuracy, precision, recall and F1 over the whole data, as torchmetrics computes them.

    They are computed once from all predictions, which is not the mean of the batches' values. With `average="macro"`
    the accuracy is the mean of the classes' accuracies, and that is the macro recall: the two values are equal. For
    the plain share of right predictions use `evaluate_accuracy` or `average="micro"`.
    Source: https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html

    Args:
        model: Gives logits of shape (N, num_classes) for a batch of inputs; is on the device.
        val_dataloader: Any iterable of (inputs, targets), the targets being class numbers.
        device: Where the batches are moved to.
        num_classes: How many classes there are, at least 2; a class that is neither among the labels nor among
            the predictions is left out of the macro average.
        average: "macro" (every class weighs the same), "weighted" (by its number of examples) or "micro" (every
            example weighs the same).

    Raises:
        ValueError: The loader gave no batches, a label or a prediction is not in 0 ... num_classes - 1, or the average
            is not one of the three.
    """
    if average not in ("macro", "micro", "weighted"):
        raise ValueError(f"average must be 'macro', 'micro' or 'weighted', not {average!r}")
    predictions, targets = predict(model, val_dataloader, device)
    for name, values in (("a label", targets), ("a prediction", predictions)):
        smallest, largest = int(values.min()), int(values.max())
        if smallest < 0 or largest >= num_classes:
            outside = smallest if smallest < 0 else largest
            raise ValueError(f"{name} is {outside}, outside the classes 0 to {num_classes - 1}: check num_classes")

    from torchmetrics.functional import classification  # six seconds to import, hence only here

    metrics = (
        classification.multiclass_accuracy,
        classification.multiclass_precision,
        classification.multiclass_recall,
        classification.multiclass_f1_score,
    )
    accuracy, precision, recall, f1 = (
        metric(predictions, targets, num_classes=num_classes, average=average).item() for metric in metrics
    )
    return accuracy, precision, recall, f1
