"""Dropout, written out, and predictions that keep it on."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Set each value to 0 with probability p in training, and divide those that are kept by 1 - p.

    The expected value of each output is the input ("inverted" dropout); in evaluation nothing happens. With the same
    state of the random generator this is `torch.nn.Dropout` on the CPU, to the bit. The paper's p is the share that is
    kept, and its networks are scaled in evaluation instead.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).

    Args:
        p: The share that is dropped, in [0, 1).

    Raises:
        ValueError: p is not in [0, 1).
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is the share of the values that is dropped, at least 0 and below 1, not {p}")
        self.p = p

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs with some of them dropped; any shape.

        Raises:
            TypeError: The inputs are integers, which cannot be scaled.
        """
        if not inputs.is_floating_point():
            raise TypeError(f"Dropout takes floating-point inputs, not {inputs.dtype}: convert with .float()")
        if not self.training or self.p == 0:
            return inputs
        kept = torch.empty_like(inputs).bernoulli_(1 - self.p)
        return inputs * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        """Return the share that is dropped."""
        return f"p={self.p}"


@torch.no_grad()
def monte_carlo_probabilities(model: nn.Module, inputs: Tensor, n_samples: int) -> Tensor:
    """Return the class probabilities of several forward passes with dropout left on ("Monte-Carlo dropout").

    Only dropout layers, torch's and ours, are in training mode; batch norms and all others are in evaluation mode.
    Afterwards every module is in the mode that it was in. The mean over the first axis is the prediction.
    Source: Gal and Ghahramani, "Dropout as a Bayesian approximation" (2016).

    Args:
        model: Gives logits of shape (N, classes).
        inputs: A batch.
        n_samples: How many passes, at least 1.

    Returns:
        Shape (n_samples, N, classes).

    Raises:
        ValueError: n_samples is below 1, or the model has no dropout layer: all passes would be the same.
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, not {n_samples}")
    layers = [module for module in model.modules() if isinstance(module, _DROPOUTS)]
    if not layers:
        raise ValueError("the model has no dropout layer, so all passes would be the same")
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        for layer in layers:
            layer.train()
        return torch.stack([model(inputs).softmax(dim=1) for _ in range(n_samples)])
    finally:
        for module, training in modes.items():
            module.training = training


_DROPOUTS = (Dropout, nn.modules.dropout._DropoutNd)
