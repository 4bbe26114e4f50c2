"""The rule that lowers the learning rate when a score stops improving."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    pass


@dataclass
class ReduceLROnPlateau:
    """The rate that falls when a metric stops improving: the rule of PyTorch's class of that name, without optimizer.

    After each epoch call `step(metric)`. An epoch is **bad** if it does not improve on the best metric so far by more
    than the threshold. With `cooldown=0` the rate drops at the end of the epoch that is number patience + 1 in a row of
    bad ones. After a drop the next `cooldown` epochs do not count as bad, whatever they bring. A nan is bad.

    With `threshold_mode="rel"` a metric below zero is compared with the wrong sign (in PyTorch too): in mode "min" a
    best of -1 is then "improved" by -0.99995. Use "abs" for such metrics.

    Args:
        base_lr: The rate at the beginning, at least 0.
        mode: "min" for what is to fall (a loss), "max" for what is to rise (an accuracy).
        factor: What a drop multiplies the rate by, in [0, 1).
        patience: How many bad epochs in a row are tolerated.
        threshold: By how much a metric must be better to count as an improvement, at least 0.
        threshold_mode: Whether that is a share of the best metric, "rel", or a difference, "abs".
        cooldown: Epochs after a drop in which no epoch counts as bad.
        min_lr: The rate does not fall below.
        eps: A drop by no more than this is not made.

    Attributes:
        lr: The rate now.
        best: The best metric so far.
        num_bad_epochs: Bad epochs in a row so far.
        cooldown_counter: Epochs of cooldown that are left.

    Raises:
        ValueError: An argument is out of its range.
    """

    base_lr: float
    mode: Literal["min", "max"] = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    lr: float = field(init=False)
    best: float = field(init=False)
    num_bad_epochs: int = field(init=False)
    cooldown_counter: int = field(init=False)

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {self.mode!r}")
        if self.threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', not {self.threshold_mode!r}")
        if not 0 <= self.factor < 1:
            raise ValueError(f"factor must be at least 0 and below 1, not {self.factor}: it makes the rate smaller")
        for name in ("base_lr", "patience", "threshold", "cooldown", "min_lr", "eps"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        self.lr = self.base_lr
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: float) -> float:
        """Take the metric of an epoch and return the rate for the next one."""
        metrics = float(metrics)
        if self._improves(metrics):
            self.best, self.num_bad_epochs = metrics, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            lower = max(self.lr * self.factor, self.min_lr)
            if self.lr - lower > self.eps:
                self.lr = lower
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        return self.lr

    def _improves(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            target = self.best * (1 + sign * self.threshold)
        else:
            target = self.best + sign * self.threshold
        return metric > target if self.mode == "max" else metric < target

    def state_dict(self) -> dict[str, Any]:
        """Return everything that it knows, as plain values."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another one was when it gave its `state_dict`.

        Args:
            state_dict: From `state_dict`.

        Raises:
            ValueError: It is not such a dict.
        """
        if state_dict.keys() != vars(self).keys():
            different = sorted(state_dict.keys() ^ vars(self).keys())
            raise ValueError(
                f"not the state_dict of a ReduceLROnPlateau: missing or unknown are {', '.join(different)}"
            )
        vars(self).update(state_dict)
