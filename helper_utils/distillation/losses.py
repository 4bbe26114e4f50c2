"""The loss of distillation, and targets that carry a teacher's logits."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def distillation_loss(
    student_logits: Tensor, teacher_logits: Tensor, targets: Tensor | None, temperature: float, alpha: float
) -> Tensor:
    """Return alpha · T² · KL(teacher ‖ student, both at temperature T) + (1 - alpha) · cross-entropy with the labels.

    Both terms are means over the batch, and the labels are compared at temperature 1. The gradient of the divergence
    falls like 1/T² as T grows; the factor T² keeps the balance of the two terms. No gradient flows into the teacher's
    logits. With half precision logits all is computed, and the loss returned, in float32. For large T the divergence
    is a small rest of numbers that cancel: in float32 its value (not its gradient) gets inexact beyond T = 100.
    Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015), arXiv:1503.02531, section 2.

    Args:
        student_logits: Shape (N, classes), finite.
        teacher_logits: Likewise. The teacher should have been in eval mode.
        targets: Class numbers, shape (N,), integers. They may be None where alpha is 1: pictures without labels.
        temperature: T, above 0 and finite.
        alpha: The weight of the soft term, from 0 (labels only) to 1 (teacher only).

    Returns:
        The loss, a tensor without dimensions.

    Raises:
        ValueError: temperature or alpha is out of range, the shapes do not fit, the batch is empty, or targets are
            missing.
        TypeError: The logits are not floating-point numbers, or the targets are not integers.
        IndexError: A target is not among the classes.
    """
    check_weights(temperature, alpha)
    _check_logits(student_logits, teacher_logits)
    if student_logits.dtype in (torch.float16, torch.bfloat16):
        student_logits = student_logits.float()
    teacher_logits = teacher_logits.detach().to(student_logits.dtype)

    loss = student_logits.new_zeros(())
    if alpha > 0:
        log_student = (student_logits / temperature).log_softmax(dim=1)
        log_teacher = (teacher_logits / temperature).log_softmax(dim=1)
        divergence = (log_teacher.exp() * (log_teacher - log_student)).sum(dim=1)  # torch's kl_div is slow under vmap
        loss = loss + alpha * temperature**2 * divergence.mean()
    if alpha < 1:
        labels = _check_targets(targets, len(student_logits))
        loss = loss + (1 - alpha) * cross_entropy(student_logits, labels, ignore_index=_NO_CLASS)
    return loss


_NO_CLASS = -(2**40)  # cross_entropy's default, -100, would pass over such a target in silence


@dataclass(frozen=True)
class DistillationLoss:
    """The loss of a student, for targets made by `with_teacher`: what `train_model` and `train_many` take as loss_fcn.

    For targets that are class numbers, as those of a validation part, it is the plain cross-entropy.

    Args:
        temperature: T, above 0 and finite.
        alpha: The weight of the soft term, in [0, 1].

    Raises:
        ValueError: temperature or alpha is out of range.
    """

    temperature: float
    alpha: float

    def __post_init__(self) -> None:
        check_weights(self.temperature, self.alpha)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            logits: The student's, shape (N, classes).
            targets: Of `with_teacher`, shape (N, classes + 1), or class numbers, shape (N,).

        Raises:
            ValueError: The shapes do not fit.
        """
        if not targets.is_floating_point():
            return cross_entropy(logits, _check_targets(targets, len(logits)), ignore_index=_NO_CLASS)
        if targets.dim() != 2:
            raise ValueError(
                "targets must be class numbers, integers of shape (N,), or those of with_teacher, of shape "
                f"(N, classes + 1), not {targets.dtype} of shape {tuple(targets.shape)}"
            )
        teacher_logits, labels = targets[:, :-1], targets[:, -1].long()
        return distillation_loss(logits, teacher_logits, labels, self.temperature, self.alpha)


def with_teacher(targets: Tensor | None, teacher_logits: Tensor) -> Tensor:
    """Put the teacher's logits beside the labels, so that both travel together through any loader.

    Args:
        targets: Class numbers, shape (N,); None for pictures without labels, which only a loss with alpha = 1 takes.
        teacher_logits: Shape (N, classes).

    Returns:
        Shape (N, classes + 1), float32 or the float64 of the logits: the logits, and the labels as the last column.

    Raises:
        ValueError: The shapes do not fit.
        TypeError: The logits are not floating-point numbers, or the targets are not integers.
    """
    _check_logits(teacher_logits, teacher_logits)
    if teacher_logits.dtype != torch.float64:
        teacher_logits = teacher_logits.float()  # holds class numbers exactly up to 2**24
    if targets is None:
        targets = torch.full((len(teacher_logits),), -1, device=teacher_logits.device)  # refused by every hard term
    labels = _check_targets(targets, len(teacher_logits))
    return torch.cat([teacher_logits.detach(), labels[:, None].to(teacher_logits)], dim=1)


def check_weights(temperature: float, alpha: float) -> None:
    """Refuse a temperature or an alpha outside its range."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0 and finite, not {temperature}: 1 changes nothing, 4 softens")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 (labels only) to 1 (teacher only), not {alpha}")


def _check_logits(student_logits: Tensor, teacher_logits: Tensor) -> None:
    if student_logits.dim() != 2 or student_logits.numel() == 0:
        raise ValueError(f"logits must have the shape (N, classes) and not be empty, not {tuple(student_logits.shape)}")
    if teacher_logits.shape != student_logits.shape:
        raise ValueError(
            f"the teacher's logits have the shape {tuple(teacher_logits.shape)}, the student's "
            f"{tuple(student_logits.shape)}: both must say something on the same inputs and classes"
        )
    for logits in (student_logits, teacher_logits):
        if not logits.is_floating_point():
            raise TypeError(f"logits must be floating-point numbers, not {logits.dtype}: are they labels?")


def _check_targets(targets: Tensor | None, n_examples: int) -> Tensor:
    """Return the targets as int64."""
    if targets is None:
        raise ValueError("there are no targets: without labels only alpha = 1, the teacher alone, is possible")
    if targets.dtype == torch.bool or targets.is_floating_point() or targets.is_complex():
        raise TypeError(f"targets must be class numbers, integers, not {targets.dtype}")
    if targets.shape != (n_examples,):
        raise ValueError(f"targets must be one class number a row, ({n_examples},), not {tuple(targets.shape)}")
    return targets.long()
