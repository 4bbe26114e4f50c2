"""What all rules share: a base class that goes through the parameters one tensor at a time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

Group = dict[str, Any]  # the parameters of a group and its settings: "params", "lr", "weight_decay", ...

State = dict[str, Any]  # what an optimizer remembers for one parameter


class OneTensorAtATime(Optimizer):
    """What the optimizers share: a subclass says in `_update` how one parameter changes, and no more."""

    def __init__(self, params: ParamsT, defaults: Group) -> None:
        self._check(defaults)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters; what it does not set itself is as given to the optimizer.

        Raises:
            ValueError: A setting is out of its range, or a parameter cannot be optimized or is already in a group.
        """
        self._check(self.defaults | param_group)
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient.

        Args:
            closure: Computes the loss and the gradients anew and returns the loss; called once, before the change.

        Returns:
            What the closure returned, or None without one.

        Raises:
            RuntimeError: A gradient is sparse or complex; no parameter has changed then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._refuse_sparse_and_complex(param.grad)
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    grad = -param.grad if group.get("maximize") else param.grad
                    self._update(param, grad, self.state[param], group)
        return loss

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        """Change the parameter in place; `grad` is not to be changed."""
        raise NotImplementedError

    def _check(self, settings: Group) -> None:
        """Raise ValueError for a setting out of its range."""
        if isinstance(settings["lr"], Tensor):
            raise TypeError(f"{type(self).__name__} needs a number as lr, not a tensor: give it lr.item()")
        for name in _NOT_NEGATIVE & settings.keys():
            if not settings[name] >= 0:  # so that nan is refused too
                raise ValueError(f"{name} must be 0 or more, not {settings[name]}")
        if "rho" in settings and not 0 <= settings["rho"] <= 1:
            raise ValueError(f"rho must be in [0, 1], not {settings['rho']}")
        for index, beta in enumerate(settings.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"betas[{index}] must be in [0, 1), not {beta}")

    def _refuse_sparse_and_complex(self, grad: Tensor) -> None:
        what = f"{type(self).__name__} does not take the %s gradient of a parameter of shape {tuple(grad.shape)}: "
        if grad.layout != torch.strided:
            raise RuntimeError(what % "sparse" + "build its layer with sparse=False, or use torch.optim.SparseAdam")
        if grad.is_complex():
            raise RuntimeError(
                what % "complex" + "keep the parameter as torch.view_as_real gives it, or use torch.optim"
            )


_NOT_NEGATIVE = {"lr", "momentum", "weight_decay", "eps", "alpha", "lr_decay", "initial_accumulator_value"}


def get_memory(state: State, name: str, param: Tensor, start: float = 0.0) -> Tensor:
    """Return a tensor that the optimizer keeps for a parameter, of the parameter's shape; at first it is filled."""
    if name not in state:
        state[name] = torch.full_like(param, start)
    return state[name]


def count_step(state: State) -> float:
    """Return the number of this step of the parameter, from 1. It is kept as torch keeps it, as a tensor."""
    if "step" not in state:
        state["step"] = torch.tensor(0.0)
    state["step"] += 1
    return state["step"].item()


def with_l2(grad: Tensor, param: Tensor, group: Group) -> Tensor:
    """Return the gradient of the loss plus weight_decay/2 · |w|²."""
    return grad.add(param, alpha=group["weight_decay"]) if group["weight_decay"] else grad
