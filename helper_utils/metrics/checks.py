"""What the functions of this topic ask of predictions and targets."""

from torch import Tensor


def check_lengths(predictions: Tensor, targets: Tensor) -> None:
    """Refuse predictions and targets of different lengths."""
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions and {len(targets)} targets: each example needs one of both")


def class_indices(labels: Tensor, name: str, num_classes: int | None = None) -> Tensor:
    """Return class numbers as int64 on the CPU, or say what is wrong with them."""
    if labels.ndim != 1:
        hint = ": take argmax(dim=1) of logits" if labels.ndim == 2 else ""
        raise ValueError(f"{name} must have shape (N,), not {tuple(labels.shape)}{hint}")
    if len(labels) == 0:
        raise ValueError(f"{name} are empty: there is nothing to measure")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"{name} must be integers, the numbers of the classes, not {labels.dtype}")
    labels = labels.detach().cpu().long()
    smallest, largest = int(labels.min()), int(labels.max())
    if smallest < 0 or (num_classes is not None and largest >= num_classes):
        classes = "0 and up" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(f"{name} hold {smallest if smallest < 0 else largest}, outside the classes {classes}")
    return labels
