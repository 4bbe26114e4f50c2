"""Rules with a rate for each number: Adagrad, RMSprop, Adadelta, Adam and AdamW."""

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from helper_utils.optimizers.optimizer import Group, OneTensorAtATime, State, count_step, get_memory, with_l2


class Adagrad(OneTensorAtATime):
    """Each number has its own rate, which falls with the squares of all its gradients so far.

        g ← g + weight_decay·w
        s ← s + g²                                at first s is initial_accumulator_value
        w ← w - lr/(1 + (t-1)·lr_decay) · g/(√s + eps)

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization"
    (2011). Books often write √(s + eps). The rate falls by itself: `lr_decay` is an addition of Torch's, seldom needed.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: The rate, 0 or more.
        lr_decay: How fast the rate falls besides, 0 or more.
        weight_decay: λ of the penalty λ/2·|w|², 0 or more.
        initial_accumulator_value: Where s starts, 0 or more. (torch ignores it where a group sets its own.)
        eps: Added to the root against division by 0, 0 or more.
        maximize: Whether to climb.

    Raises:
        ValueError: An argument is out of its range, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        step = count_step(state)
        squares = get_memory(state, "sum", param, start=group["initial_accumulator_value"])
        grad = with_l2(grad, param, group)
        squares.addcmul_(grad, grad)
        lr = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        param.addcdiv_(grad, squares.sqrt().add_(group["eps"]), value=-lr)


class RMSprop(OneTensorAtATime):
    """Adagrad that forgets: the gradient is divided by the root of a moving average of its square.

        g ← g + weight_decay·w
        v ← alpha·v + (1 - alpha)·g²
        centered: a ← alpha·a + (1 - alpha)·g, and v - a², the variance, takes the place of v below
        b ← momentum·b + g/(√v + eps)
        w ← w - lr·b

    Sources: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012); centred: Graves,
    "Generating sequences with recurrent neural networks" (2013), https://arxiv.org/abs/1308.0850. Graves and
    TensorFlow have eps inside the root, where the same value weighs far more; books often have alpha 0.9.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: The rate, 0 or more.
        alpha: How much of the average is kept, 0 or more and sensibly below 1.
        eps: Added to the root against division by 0, 0 or more.
        weight_decay: λ of the penalty λ/2·|w|², 0 or more.
        momentum: How much of the last step is kept, 0 or more; 0 needs no memory b.
        centered: Whether to divide by the standard deviation of the gradient in place of its root mean square.
        maximize: Whether to climb; by its name only, since torch has other arguments before it.

    Raises:
        ValueError: An argument is out of its range, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        alpha = group["alpha"]
        count_step(state)  # the rule does not need it, a state of torch's has it
        square_avg = get_memory(state, "square_avg", param)
        grad = with_l2(grad, param, group)
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            grad_avg = get_memory(state, "grad_avg", param).lerp_(grad, 1 - alpha)
            root = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            root = square_avg.sqrt()
        update = grad / root.add_(group["eps"])
        if group["momentum"] > 0:
            update = get_memory(state, "momentum_buffer", param).mul_(group["momentum"]).add_(update)
        param.add_(update, alpha=-group["lr"])


class Adadelta(OneTensorAtATime):
    """RMSprop whose rate is the size of its own steps so far.

        g ← g + weight_decay·w
        v ← rho·v + (1 - rho)·g²
        d ← √(u + eps)/√(v + eps) · g
        u ← rho·u + (1 - rho)·d²
        w ← w - lr·d

    Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012), https://arxiv.org/abs/1212.5701. The paper has
    no rate, which is lr 1 here, and rho 0.95; some libraries have 0.001 as default. Since u starts at 0, eps sets the
    size of the first steps: it does the work of a rate.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: What each step is multiplied with, 0 or more.
        rho: How much of both averages is kept, in [0, 1].
        eps: Added inside both roots, 0 or more.
        weight_decay: λ of the penalty λ/2·|w|², 0 or more.
        maximize: Whether to climb.

    Raises:
        ValueError: An argument is out of its range, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        rho, eps = group["rho"], group["eps"]
        count_step(state)  # the rule does not need it, a state of torch's has it
        square_avg, acc_delta = get_memory(state, "square_avg", param), get_memory(state, "acc_delta", param)
        grad = with_l2(grad, param, group)
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = (acc_delta + eps).sqrt_().div_((square_avg + eps).sqrt_()).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-group["lr"])


class Adam(OneTensorAtATime):
    """Moving averages of the gradient and of its square, both corrected for their start at 0.

        g ← g + weight_decay·w
        m ← β₁·m + (1 - β₁)·g
        v ← β₂·v + (1 - β₂)·g²
        w ← w - lr · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + eps)

    With amsgrad the largest v so far takes the place of v in the last line.

    Sources: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), https://arxiv.org/abs/1412.6980;
    AMSGrad: Reddi, Kale and Kumar, "On the convergence of Adam and beyond" (2018), https://arxiv.org/abs/1904.09237,
    whose rule has no correction of the start. The penalty is part of g, and so is divided by √v too: `AdamW` has it
    outside.

    Args:
        params: Parameters, named parameters or groups of them.
        lr: The rate, 0 or more: about the size of a step while the gradients agree.
        betas: How much of the two averages is kept, both in [0, 1).
        eps: Added to the root against division by 0, 0 or more.
        weight_decay: λ of the penalty λ/2·|w|², 0 or more.
        amsgrad: Whether the rate of a number may only fall.
        maximize: Whether to climb.
        decoupled_weight_decay: Whether to decay as `AdamW` does.

    Raises:
        ValueError: An argument is out of its range, or there are no parameters.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        step = count_step(state)
        exp_avg, exp_avg_sq = get_memory(state, "exp_avg", param), get_memory(state, "exp_avg_sq", param)
        if group["decoupled_weight_decay"]:
            param.mul_(1 - lr * group["weight_decay"])
        else:
            grad = with_l2(grad, param, group)
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            largest = get_memory(state, "max_exp_avg_sq", param)
            exp_avg_sq = torch.maximum(largest, exp_avg_sq, out=largest)
        root = (exp_avg_sq / (1 - beta2**step)).sqrt_().add_(group["eps"])
        param.addcdiv_(exp_avg, root, value=-lr / (1 - beta1**step))


class AdamW(Adam):
    """Adam whose weight decay does not pass through the averages.

        w ← w - lr·weight_decay·w
        then as `Adam` with weight_decay 0

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), https://arxiv.org/abs/1711.05101. The
    paper does not multiply its λ with the rate, only with a schedule's factor: its λ is lr·weight_decay here.

    Args:
        params: As for `Adam`.
        lr: As for `Adam`.
        betas: As for `Adam`.
        eps: As for `Adam`.
        weight_decay: What part of w, times lr, each step takes away; 0 or more.
        amsgrad: As for `Adam`.
        maximize: As for `Adam`.

    Raises:
        ValueError: As for `Adam`.
        TypeError: As for `Adam`.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)

    def __setstate__(self, state: State) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # also where the state was that of an Adam
