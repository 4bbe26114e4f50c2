"""Gradient clipping: torch's two functions written plainly, and an adaptive threshold."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from helper_utils.base.callbacks import Callback, TrainingRun

if TYPE_CHECKING:
    pass


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients, in place and by one factor, so that their norm is at most max_norm.

    The norm is that of all gradients put together into one long vector. A smaller gradient is left as it is. The factor
    is max_norm / (norm + 1e-6), as in torch, so a clipped gradient is a trace shorter than max_norm. An infinite
    gradient makes the factor 0 (and itself nan, as infinity times 0 is), a nan makes everything nan.
    Sources: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013);
    https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html

    Args:
        parameters: One tensor or several, of any shapes. Those whose `grad` is None are left out.
        max_norm: The largest norm, above 0; with infinity the norm is measured and nothing is clipped.
        norm_type: Which p-norm, above 0; infinity (also "inf") for the largest absolute value.
        error_if_nonfinite: Whether to raise instead of scaling by a norm that is nan or infinite.

    Returns:
        The norm before clipping, a tensor without dimensions; 0 where no parameter has a gradient.

    Raises:
        ValueError: There are no parameters, or max_norm or norm_type is not positive. torch takes a max_norm of 0,
            which erases the gradients, and a negative one, which turns them round.
        RuntimeError: The norm is nan or infinite, and error_if_nonfinite is on.
    """
    _check_positive("max_norm", max_norm)
    _check_positive("norm_type", norm_type)
    gradients = get_gradients(parameters)
    norm = total_norm(gradients, norm_type)
    if error_if_nonfinite and not norm.isfinite():
        raise RuntimeError(
            f"the norm of the gradients is {norm.item()}, so there is nothing sensible to clip to: look for the first "
            "loss or layer that is not finite, or pass error_if_nonfinite=False"
        )
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)  # never above 1: small gradients stay as they are
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))
    return norm


@torch.no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut every entry of every gradient, in place, to the range from -clip_value to clip_value.

    Each entry is cut on its own, so the direction of the gradient changes. An infinite entry becomes clip_value, a nan
    stays nan.
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html

    Args:
        parameters: One tensor or several, of any shapes. Those whose `grad` is None are left out.
        clip_value: The largest absolute value of an entry, above 0.

    Raises:
        ValueError: There are no parameters, or clip_value is not positive. torch takes a negative one, which sets every
            entry to it.
    """
    _check_positive("clip_value", clip_value)
    for gradient in get_gradients(parameters):
        gradient.clamp_(min=-float(clip_value), max=float(clip_value))


def total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """Return the p-norm of all entries of all tensors together; 0 where there are no tensors.

    Args:
        tensors: Of any shapes.
        norm_type: p; infinity for the largest absolute value.
    """
    norms = [torch.linalg.vector_norm(tensor, float(norm_type)) for tensor in tensors]
    if not norms:
        return torch.tensor(0.0)
    # The p-norm of the tensors' p-norms is the p-norm of everything.
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]), float(norm_type))


class AdaptiveClip(Callback):
    """Clip the gradient's norm to a percentile of all norms so far, this step's included.

    The threshold follows the training: no number in the units of the loss has to be chosen, and a rare spike is cut to
    the size of an ordinary gradient. Norms of 0 are left out of the history.
    Source: Seetharaman, Wichern, Pardo and Le Roux, "AutoClip: adaptive gradient clipping for source separation
    networks" (2020), arXiv:2007.14469.

    Args:
        percentile: Above 0, at most 100, which never clips. The paper found 10 a good choice for its networks.

    Attributes:
        norms: The norm at each step of the last training before clipping.
        thresholds: What each of them was clipped to.

    Raises:
        ValueError: The percentile is not in its range.
        FloatingPointError: While training: a gradient is nan or infinite. The step on it was not taken.
    """

    def __init__(self, percentile: float = 10.0) -> None:
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile must be above 0 and at most 100, not {percentile}")
        self.percentile = percentile
        self.norms: list[float] = []
        self.thresholds: list[float] = []

    def before_training(self, run: TrainingRun) -> None:  # noqa: ARG002
        """Forget the norms of an earlier training."""
        self.norms, self.thresholds = [], []

    def before_step(self, run: TrainingRun) -> None:
        """Clip the gradients of the optimizer's parameters."""
        parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        norm = total_norm(get_gradients(parameters)).item()
        if not math.isfinite(norm):
            raise FloatingPointError(
                f"the norm of the gradients is {norm} in epoch {run.epoch}, batch {run.batch} (counted from 0): "
                "the step was not taken"
            )
        if norm == 0:
            return
        self.norms.append(norm)
        self.thresholds.append(float(np.percentile(self.norms, self.percentile)))
        clip_grad_norm_(parameters, self.thresholds[-1])


def get_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that are there."""
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not parameters:
        raise ValueError(
            "there are no parameters, so nothing would be clipped: is model.parameters() kept in a variable and "
            "used up by an earlier loop?"
        )
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _check_positive(name: str, value: float) -> None:
    if not float(value) > 0:
        raise ValueError(f"{name} must be positive, not {value}")
