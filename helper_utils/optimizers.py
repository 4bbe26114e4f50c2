"""Optimizers: the rules that turn a gradient into a step, each written as its paper has it.

`SGD`, `Adagrad`, `RMSprop`, `Adadelta`, `Adam`, `AdamW`, `Lion` and `Muon` are subclasses of `torch.optim.Optimizer`
with parameter groups, closures and `state_dict`; `MultiOptimizer` makes one of several. Names, order and defaults of
the arguments are those of `torch.optim`, and so are the keys of the state: changing the import swaps one for the other,
even between two halves of a training. (torch has no Lion; that one follows the paper.)

Left out is what torch has for speed or for gradients of the step itself: `foreach`, `fused`, `capturable`,
`differentiable`, and rates that are tensors. A state of ours loads into torch's optimizer, which takes its defaults for
these, and the other way round, where they are ignored. Sparse and complex gradients are refused.

All rules but Muon's treat each number of a parameter for itself, so a parameter of any shape will do, also one that
holds the weights of many networks. In the formulas w is the parameter, g its gradient, t the number of the step from 1,
and all memories start at 0 where nothing else is said. A step goes downhill; with `maximize` it takes -g for g, uphill.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

Group = dict[str, Any]  # the parameters of a group and its settings: "params", "lr", "weight_decay", ...
State = dict[str, Any]  # what an optimizer remembers for one parameter


class _OneTensorAtATime(Optimizer):
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
            RuntimeError: A gradient is sparse or complex.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._refuse_sparse_and_complex(param.grad)
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


def _memory(state: State, name: str, param: Tensor, start: float = 0.0) -> Tensor:
    """Return a tensor that the optimizer keeps for a parameter, of the parameter's shape; at first it is filled."""
    if name not in state:
        state[name] = torch.full_like(param, start)
    return state[name]


def _count_step(state: State) -> float:
    """Return the number of this step of the parameter, from 1. It is kept as torch keeps it, as a tensor."""
    if "step" not in state:
        state["step"] = torch.tensor(0.0)
    state["step"] += 1
    return state["step"].item()


def _with_l2(grad: Tensor, param: Tensor, group: Group) -> Tensor:
    """Return the gradient of the loss plus weight_decay/2 · |w|²."""
    return grad.add(param, alpha=group["weight_decay"]) if group["weight_decay"] else grad


# ---------------------------------------------------------------------------------------- one rate for all numbers


class SGD(_OneTensorAtATime):
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
        grad = _with_l2(grad, param, group)
        if momentum != 0:
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = grad.clone()
            else:
                state["momentum_buffer"].mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            buffer = state["momentum_buffer"]
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        param.add_(grad, alpha=-group["lr"])


# ----------------------------------------------------------------------------------------- a rate for each number


class Adagrad(_OneTensorAtATime):
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
        step = _count_step(state)
        squares = _memory(state, "sum", param, start=group["initial_accumulator_value"])
        grad = _with_l2(grad, param, group)
        squares.addcmul_(grad, grad)
        lr = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        param.addcdiv_(grad, squares.sqrt().add_(group["eps"]), value=-lr)


class RMSprop(_OneTensorAtATime):
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
        _count_step(state)  # the rule does not need it, a state of torch's has it
        square_avg = _memory(state, "square_avg", param)
        grad = _with_l2(grad, param, group)
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            grad_avg = _memory(state, "grad_avg", param).lerp_(grad, 1 - alpha)
            root = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            root = square_avg.sqrt()
        update = grad / root.add_(group["eps"])
        if group["momentum"] > 0:
            update = _memory(state, "momentum_buffer", param).mul_(group["momentum"]).add_(update)
        param.add_(update, alpha=-group["lr"])


class Adadelta(_OneTensorAtATime):
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
        _count_step(state)  # the rule does not need it, a state of torch's has it
        square_avg, acc_delta = _memory(state, "square_avg", param), _memory(state, "acc_delta", param)
        grad = _with_l2(grad, param, group)
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = (acc_delta + eps).sqrt_().div_((square_avg + eps).sqrt_()).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-group["lr"])


class Adam(_OneTensorAtATime):
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
        step = _count_step(state)
        exp_avg, exp_avg_sq = _memory(state, "exp_avg", param), _memory(state, "exp_avg_sq", param)
        if group["decoupled_weight_decay"]:
            param.mul_(1 - lr * group["weight_decay"])
        else:
            grad = _with_l2(grad, param, group)
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            largest = _memory(state, "max_exp_avg_sq", param)
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


# ------------------------------------------------------------------------------------------- steps of a fixed size


class Lion(_OneTensorAtATime):
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
        exp_avg = _memory(state, "exp_avg", param)
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(exp_avg.lerp(grad, 1 - beta1).sign_(), alpha=-lr)
        exp_avg.lerp_(grad, 1 - beta2)


class Muon(_OneTensorAtATime):
    """For matrices: the averaged gradient with all its singular values brought near 1.

        b ← momentum·b + (1 - momentum)·g
        c ← momentum·b + (1 - momentum)·g         without nesterov c ← b
        w ← w - lr·weight_decay·w
        w ← w - lr·r·O(c)                         O: see `orthogonalize`

    For a matrix of m rows and n columns the factor r is √max(1, m/n) with adjust_lr_fn None or "original", √(m/n) with
    "spectral_unclamped", and 0.2·√max(m, n) with "match_rms_adamw", which fits rates that were tuned for AdamW.

    Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024),
    https://kellerjordan.github.io/posts/muon/; match_rms_adamw: Liu et al., "Muon is scalable for LLM training" (2025),
    https://arxiv.org/abs/2502.16982; spectral_unclamped: Bernstein, "Deriving Muon" (2025). Books sum the momentum,
    b ← momentum·b + g: that is the same here, since the size of c does not matter.

    torch orthogonalizes in bfloat16; here it is done in the parameter's own type, so that the two agree to about two
    digits. torch takes matrices only; here a parameter of shape (N, m, n) is a stack of N matrices, each treated for
    itself, and the weight of a 2-D convolution, of shape (out, in, height, width), is the matrix with a row for each
    filter. The weight of a 1-D convolution has three dimensions, but is no stack: give it to `AdamW`.

    Args:
        params: Parameters with two to four dimensions, named parameters or groups of them: the weights of hidden
            layers. Biases, norms and embeddings, and often the last layer, are for `AdamW`.
        lr: The rate, 0 or more.
        weight_decay: What part of w, times lr, each step takes away; 0 or more.
        momentum: How much of the average is kept, 0 or more and sensibly below 1.
        nesterov: Whether the gradient counts once more in the step.
        ns_coefficients: The three coefficients of `orthogonalize`.
        eps: The smallest norm by which c is divided, 0 or more.
        ns_steps: How many steps `orthogonalize` takes, 0 to 99.
        adjust_lr_fn: How the rate depends on the shape.

    Raises:
        ValueError: An argument is out of its range, a parameter has another number of dimensions, or there are none.
        TypeError: The rate is a tensor.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, as for the other optimizers; each must have two to four dimensions."""
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            if param.ndim not in (2, 3, 4):
                del self.param_groups[-1]
                raise ValueError(
                    f"Muon is for matrices, of two dimensions, stacks of them, of three, and convolutions, of four; a "
                    f"parameter has shape {tuple(param.shape)}: give it to AdamW"
                )

    def _check(self, settings: Group) -> None:
        super()._check(settings)
        if len(settings["ns_coefficients"]) != 3:
            raise ValueError(f"ns_coefficients must be three numbers, not {settings['ns_coefficients']}")
        if not 0 <= settings["ns_steps"] < 100:
            raise ValueError(f"ns_steps must be 0 to 99, not {settings['ns_steps']}")
        if settings["adjust_lr_fn"] not in (None, *_LR_FACTORS):
            expected = ", ".join(map(repr, _LR_FACTORS))
            raise ValueError(f"adjust_lr_fn must be None, {expected}, not {settings['adjust_lr_fn']!r}")

    def _update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        lr, momentum = group["lr"], group["momentum"]
        buffer = _memory(state, "momentum_buffer", param).lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        if param.ndim == 4:
            update = update.flatten(1)  # a row for each filter
        update = orthogonalize(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        param.mul_(1 - lr * group["weight_decay"])
        lr_factor = _LR_FACTORS[group["adjust_lr_fn"] or "original"]
        param.add_(update.view(param.shape), alpha=-lr * lr_factor(*update.shape[-2:]))


_LR_FACTORS: dict[str, Callable[[int, int], float]] = {
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
    "spectral_unclamped": lambda rows, columns: math.sqrt(rows / columns),
}


def orthogonalize(
    matrix: Tensor,
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    n_steps: int = 5,
    eps: float = 1e-7,
) -> Tensor:
    """Bring the singular values of a matrix near 1 and keep its singular vectors, by matrix products alone.

        X ← matrix / |matrix|                     its norm (Frobenius), so that no singular value is above 1
        X ← a·X + b·(X Xᵀ) X + c·(X Xᵀ)² X        n_steps times

    A step turns each singular value s into a·s + b·s³ + c·s⁵. With these coefficients, chosen to lift small values
    fast, five steps bring every value above 1/500 of the norm between about 0.7 and 1.2; they do not settle at 1.

    Source: Jordan et al. (2024), as for `Muon`; iterations of this kind go back to Björck and Bowie (1971).

    Args:
        matrix: Shape (..., m, n), floating point: each matrix is treated for itself.
        coefficients: a, b and c.
        n_steps: How many steps.
        eps: The smallest norm that is divided by.

    Returns:
        The same shape and type.
    """
    a, b, c = coefficients
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if is_tall else matrix  # X Xᵀ is then the smaller of the two products
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=eps)
    for _ in range(n_steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x


# ------------------------------------------------------------------------------------------------ several as one


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
            ValueError: The state is that of another number of parts, or does not fit a part.
        """
        states = state_dict["optimizers"]
        if len(states) != len(self.optimizers):
            raise ValueError(f"the state has {len(states)} parts, this MultiOptimizer {len(self.optimizers)}")
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
