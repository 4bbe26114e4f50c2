"""What teachers say: logits computed once or batch by batch, and those of several teachers."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from helper_utils.base.training import Batches, Device, evaluation_mode
from helper_utils.distillation.losses import check_weights, with_teacher


def predict_logits(model: nn.Module, inputs: Tensor, *, batch_size: int = 500) -> Tensor:
    """Return the logits of many inputs, in eval mode and without gradients; the mode is restored afterwards.

    Args:
        model: Gives logits of shape (N, classes); on the device of the inputs.
        inputs: Shape (N, ...), at least one.
        batch_size: Inputs at once.

    Returns:
        Shape (N, classes), on the same device.
    """
    with evaluation_mode(model):
        return torch.cat([model(batch) for batch in inputs.split(batch_size)])


class TaughtLoader:
    """A loader whose targets are joined by the teacher's logits for the very inputs of the batch, augmented or not.

    Source: Beyer et al., "Knowledge distillation: a good teacher is patient and consistent" (2022), arXiv:2106.05237.

    Args:
        loader: Any iterable of (inputs, targets), the targets being class numbers.
        teacher: Gives logits of shape (N, classes). It is moved to the device and evaluated in eval mode.
        device: Where the teacher computes.
    """

    def __init__(self, loader: Batches, teacher: nn.Module, device: Device) -> None:
        self.loader, self.teacher, self.device = loader, teacher.to(device), device

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give batches of inputs and targets, both on the device, the targets as `with_teacher` makes them."""
        for inputs, targets in self.loader:
            inputs, targets = inputs.to(self.device), targets.to(self.device)
            yield inputs, with_teacher(targets, predict_logits(self.teacher, inputs))

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.loader)  # type: ignore[arg-type]  # a loader without a length says so itself


def ensemble_logits(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return logits of which softmax at this temperature is the mean of the members' probabilities at it.

    The mean of probabilities and a temperature do not commute: the result for T = 1, softened with T = 4 afterwards, is
    not the mean of the members softened with T = 4. Use the temperature of the loss, and compute anew for another one.

    Args:
        logits: One teacher after the other, shape (teachers, N, classes).
        temperature: T, above 0 and finite.

    Returns:
        Shape (N, classes).

    Raises:
        ValueError: The temperature is out of range, or the logits have another number of dimensions.
    """
    check_weights(temperature, 1.0)
    if logits.dim() != 3 or len(logits) == 0:
        raise ValueError(f"logits must have the shape (teachers, N, classes), not {tuple(logits.shape)}: stack them")
    log_probabilities = (logits / temperature).log_softmax(dim=2)
    return temperature * (log_probabilities.logsumexp(dim=0) - math.log(len(logits)))
