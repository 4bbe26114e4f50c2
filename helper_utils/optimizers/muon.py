"""Muon: steps of matrices made orthogonal."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from helper_utils.optimizers.optimizer import Group, OneTensorAtATime, State, get_memory


class Muon(OneTensorAtATime):
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
        buffer = get_memory(state, "momentum_buffer", param).lerp_(grad, 1 - momentum)
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
