"""The learning rate range test (Smith, 2017): one short training while the rate grows."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from helper_utils.base.training import Batches, Device, LossFunction, check_optimizer

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RangeTest:
    """What a learning rate range test has seen.

    Attributes:
        lrs: The rate of each step, rising.
        losses: The loss of each batch, before the step on it.
        smoothed_losses: Their running means.
    """

    lrs: list[float]
    losses: list[float]
    smoothed_losses: list[float]

    @property
    def lr_of_lowest_loss(self) -> float:
        """The rate at which the smoothed loss was lowest: the edge of what is stable."""
        return self.lrs[self.smoothed_losses.index(min(self.smoothed_losses))]

    @property
    def suggestion(self) -> float:
        """A rate to begin with: a tenth of the one at which the smoothed loss was lowest.

        It is a rule of thumb: take it as the middle of a small sweep. The other rule in use, the rate at which the loss
        falls most steeply, came nearer to the best rate for a shallow network with plain SGD, but was ten times too
        high for a deeper one with momentum (lesson 03), where this rule was within a factor of three.
        """
        return self.lr_of_lowest_loss / 10

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each step, counted from 0, and the columns lr, loss and smoothed_loss."""
        import pandas as pd

        columns = {"lr": self.lrs, "loss": self.losses, "smoothed_loss": self.smoothed_losses}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self.lrs), name="step"))


def lr_range_test(
    model: nn.Module,
    optimizer: Optimizer,
    train_dataloader: Batches,
    loss_fcn: LossFunction,
    device: Device,
    *,
    min_lr: float = 1e-5,
    max_lr: float = 10.0,
    n_steps: int = 100,
    smoothing: float = 0.8,
    stop_factor: float = 4.0,
) -> RangeTest:
    """Train for some batches with a rate that grows by the same factor from batch to batch, and watch the loss.

    Source: Smith, "Cyclical learning rates for training neural networks" (WACV 2017, arXiv:1506.01186), section 3.3,
    where the rate grows linearly. The exponential growth and the early stop are those of the library fastai.

    It works on copies: model and optimizer stay as they are. Only the loader is used, over as many epochs as it takes;
    if it shuffles, its next epoch is another one than without the test.

    Args:
        model: Gives logits for a batch of inputs.
        optimizer: Holds the model's parameters. All of its parameter groups get the same rate.
        train_dataloader: Any iterable of (inputs, targets) that can be iterated over again.
        loss_fcn: The mean loss of a batch.
        device: Where to compute.
        min_lr: The first rate, so small that nothing happens.
        max_lr: The last rate, so large that the loss explodes.
        n_steps: Batches from the first rate to the last, at least 10.
        smoothing: How much of the running mean stays at each step, in [0, 1). Its bias towards 0 is corrected.
        stop_factor: The test ends when the smoothed loss is more than this many times its lowest value, or when a loss
            is not finite (that loss is left out).

    Raises:
        ValueError: An argument is out of its range, the loader gives no batches, the optimizer holds none of the
            model's parameters, or already the first loss is not finite.
    """
    if not 0 < min_lr < max_lr < math.inf:
        raise ValueError(f"the rates must be 0 < min_lr < max_lr < inf, not {min_lr} and {max_lr}")
    if n_steps < 10:
        raise ValueError(f"n_steps must be at least 10, not {n_steps}: fewer show no curve")
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be in [0, 1), not {smoothing}")
    if not stop_factor > 1:
        raise ValueError(f"stop_factor must be above 1, not {stop_factor}")
    check_optimizer(optimizer, model)

    model, optimizer = copy.deepcopy((model, optimizer))  # in one go, so that one copy holds the other's parameters
    model.to(device).train()
    growth = (max_lr / min_lr) ** (1 / (n_steps - 1))
    test, mean = RangeTest([], [], []), 0.0
    for step, (inputs, targets) in zip(range(n_steps), _batches_without_end(train_dataloader), strict=False):
        lr = min_lr * growth**step
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = loss_fcn(model(inputs.to(device)), targets.to(device))
        optimizer.zero_grad()
        loss.backward()
        if not torch.isfinite(loss):
            break
        mean = smoothing * mean + (1 - smoothing) * loss.item()
        test.lrs.append(lr)
        test.losses.append(loss.item())
        test.smoothed_losses.append(mean / (1 - smoothing ** (step + 1)))
        if test.smoothed_losses[-1] > stop_factor * min(test.smoothed_losses):
            break
        optimizer.step()
    if not test.losses:
        raise ValueError("the loss of the first batch is not finite: look at the inputs and the initial weights")
    return test


def _batches_without_end(dataloader: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        n_batches = 0
        for batch in dataloader:
            n_batches += 1
            yield batch
        if n_batches == 0:
            raise ValueError("the data loader gave no batches: is the data set empty, or the loader used up?")
