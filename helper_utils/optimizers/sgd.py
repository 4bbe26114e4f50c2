"""Stochastic gradient descent, with momentum and Nesterov's form."""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from helper_utils.optimizers.optimizer import Group, OneTensorAtATime, State, with_l2


class SGD(OneTensorAtATime):
    """Gradient descent, with momentum and Nesterov's variant of it.

        g ← g + weight_decay·w
        b ← momentum·b + (1 - dampening)·g        at the first step b ← g
        w ← w - lr·b                              nesterov: w ← w - lr·(g + momentum·b)

    Sources: Robbins and Monro (1951); momentum: Polyak (1964); Nesterov (1983), in the form of Sutskever et al.,
    "On the importance of initialization and momentum in deep learning" (2013).

    Other forms in books:
        - Momentum as an average, v ← β·v + (1-β)·g and w ← w - lr·v, is this one with lr·(1-β) for lr, momentum β and
          dampening 0: v is (1-β)·b. Dampening β and the same lr come close, but start at g where v starts at (1-β)·g.
        - Velocity that holds the rate, v ← μ·v - lr·g and w ← w + v, is the same while lr is constant; when a schedule
          changes it, here the old gradients get the new rate at once.
        - Nesterov's look-ahead, v ← μ·v - lr·g(w + μ·v) and w ← w + v, is the same while lr is constant, if the
          parameters here are taken for the point w + μ·v, at which the gradient is needed.
        - A penalty of λ·|w|² is weight_decay 2λ; one of λ/2·|w|² is weight_decay λ.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: The rate, 0 or more.
        momentum: How much of the last step is kept, 0 or more; 0 keeps nothing and needs no memory.
        dampening: What a gradient is lessened by as it enters the momentum.
        weight_decay: λ of the penalty λ/2·|w|², 0 or more.
        nesterov: Whether to take Nesterov's variant; needs momentum, and dampening 0.
        maximize: Whether to climb.

    Raises:
        ValueError: An argument is out of its range, nesterov has no momentum, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, settings: Group) -> None:
        super()._check(settings)
        if settings["nesterov"] and (settings["momentum"] == 0 or settings["dampening"] != 0):
            found = f"momentum {settings['momentum']} and dampening {settings['dampening']}"
            raise ValueError(f"nesterov needs a momentum above 0 and dampening 0, not {found}")

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        momentum = group["momentum"]
        grad = with_l2(grad, param, group)
        if momentum != 0:
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = grad.clone()
            else:
                state["momentum_buffer"].mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            buffer = state["momentum_buffer"]
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        param.add_(grad, alpha=-group["lr"])
