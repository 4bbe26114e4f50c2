"""What a training run leaves: its losses, accuracies, rates and times, epoch by epoch."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class History:
    """What happened in each epoch: one entry a list and epoch, nan where there was nothing to measure.

    Attributes:
        train_loss: Mean loss over the epoch, while the model was changing.
        train_accuracy: In [0, 1], likewise.
        val_loss: On the validation data, after the epoch.
        val_accuracy: In [0, 1], likewise.
        lr: The learning rate (of the first parameter group) with which the epoch began.
        seconds: How long the epoch and its validation took.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def append(self, *values: float) -> None:
        """Add an epoch: a value for each list, in the order of the attributes."""
        for entries, value in zip(vars(self).values(), values, strict=True):
            entries.append(value)

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.train_loss)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each epoch, counted from 1, and a column for each list."""
        import pandas as pd

        return pd.DataFrame(vars(self), index=pd.RangeIndex(1, len(self) + 1, name="epoch"))
