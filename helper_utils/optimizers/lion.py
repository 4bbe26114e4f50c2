"""Lion: a step that follows the sign of an average."""

from torch import Tensor
from torch.optim.optimizer import ParamsT

from helper_utils.optimizers.optimizer import Group, OneTensorAtATime, State, get_memory


class Lion(OneTensorAtATime):
    """Only the sign of a moving average counts: every number moves by lr, up or down.

        c ← β₁·m + (1 - β₁)·g
        w ← w - lr·(sign(c) + weight_decay·w)
        m ← β₂·m + (1 - β₂)·g

    Source: Chen et al., "Symbolic discovery of optimization algorithms" (2023), https://arxiv.org/abs/2302.06675, and
    its code for PyTorch, whose names and defaults these are. The paper advises a rate 3 to 10 times smaller than
    AdamW's and a weight decay as many times larger.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: The size of a step, 0 or more.
        betas: How much of the average is kept for the step, and for the memory; both in [0, 1).
        weight_decay: What part of w, times lr, each step takes away; 0 or more.
        maximize: Whether to climb.

    Raises:
        ValueError: An argument is out of its range, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        exp_avg = get_memory(state, "exp_avg", param)
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(exp_avg.lerp(grad, 1 - beta1).sign_(), alpha=-lr)
        exp_avg.lerp_(grad, 1 - beta2)
