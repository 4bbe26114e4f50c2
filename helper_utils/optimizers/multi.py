"""Several optimizers as one."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from helper_utils.optimizers.adaptive import AdamW
from helper_utils.optimizers.muon import Muon


class MultiOptimizer(Optimizer):
    """Several optimizers as one, such as `Muon` for the matrices and `AdamW` for the rest.

    Its parameter groups are theirs, in their order: what a schedule of torch changes in it, it changes in them. (Such a
    schedule must leave the momentum alone, `cycle_momentum=False`, since not every part may have one.) What the parts
    remember is in `state` of each.

    Args:
        optimizers: The parts, each with parameters of its own.

    Attributes:
        optimizers: The same.

    Raises:
        ValueError: There are no parts, or a parameter is in two of them.
    """

    def __init__(self, *optimizers: Optimizer) -> None:
        if not optimizers:
            raise ValueError("MultiOptimizer needs at least one optimizer")
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self.optimizers = optimizers

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse a group, since no part would take its steps.

        Raises:
            ValueError: Always, once the parts are there.
        """
        if hasattr(self, "optimizers"):
            raise ValueError(
                "a MultiOptimizer cannot tell which of its parts a new group belongs to: add it to one of .optimizers, "
                "and make a new MultiOptimizer of them"
            )
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"optimizers": self.optimizers}  # for copies

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Let each part take its step.

        Args:
            closure: Computes the loss and the gradients anew and returns the loss; called once, before the steps.

        Returns:
            What the closure returned, or None without one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the parts."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each part its state back.

        Raises:
            ValueError: The state is that of another number of parts, or does not fit a part; nothing has changed then.
        """
        states = state_dict["optimizers"]
        if len(states) != len(self.optimizers):
            raise ValueError(f"the state has {len(states)} parts, this MultiOptimizer {len(self.optimizers)}")
        before = copy.deepcopy([optimizer.state_dict() for optimizer in self.optimizers])
        try:
            for optimizer, state in zip(self.optimizers, states, strict=True):
                optimizer.load_state_dict(state)
        except Exception:  # a later part refuses its state: the earlier ones get theirs back
            for optimizer, state in zip(self.optimizers, before, strict=True):
                optimizer.load_state_dict(state)
            raise
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]


def muon_and_adamw(
    params: Iterable[Tensor], lr: float, *, weight_decay: float = 0.01, stacked: bool = False
) -> MultiOptimizer:
    """Return an optimizer that gives the matrices to `Muon` and all other parameters to `AdamW`, at the same rate.

    Args:
        params: The parameters of a model, with at least one matrix and one other.
        lr: The learning rate of both.
        weight_decay: Of both.
        stacked: Whether the first axis of every parameter is that of the runs, as in `train_many`.
    """
    params = list(params)
    n_axes = 3 if stacked else 2
    matrices = [param for param in params if param.ndim >= n_axes]
    others = [param for param in params if param.ndim < n_axes]
    return MultiOptimizer(Muon(matrices, lr, weight_decay), AdamW(others, lr, weight_decay=weight_decay))
