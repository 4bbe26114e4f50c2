"""Early stopping on a curve that is already there; `helper_utils.EarlyStopping` does the same while a model trains."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class StoppedAt(NamedTuple):
    """Where early stopping has stopped; epochs count from 1.

    Attributes:
        best: The epoch whose weights are kept.
        last: The last epoch that was trained.
    """

    best: int
    last: int


def stop_early(losses: Iterable[float], patience: int, min_delta: float = 0.0) -> StoppedAt:
    """Say where `EarlyStopping(patience, min_delta=min_delta)` stops on a curve of losses.

    Args:
        losses: The loss after each epoch, none of them nan.
        patience: How many epochs in a row may pass without an improvement; the next one such ends the training. Keras
            and Lightning end it one epoch earlier: their patience is ours plus 1.
        min_delta: An epoch improves if its loss is below the best one so far by more than this; at least 0.

    Raises:
        ValueError: There are no losses, one is nan, or patience or min_delta is negative.
    """
    if not (patience >= 0 and min_delta >= 0):
        raise ValueError(f"patience and min_delta must be at least 0, not {patience} and {min_delta}")
    lowest, best, epoch = math.inf, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if math.isnan(loss):
            raise ValueError(f"the loss of epoch {epoch} is nan")
        if loss < lowest - min_delta or best == 0:
            lowest, best = loss, epoch
        elif epoch - best > patience:
            break
    if epoch == 0:
        raise ValueError("there are no losses to stop on")
    return StoppedAt(best, epoch)
