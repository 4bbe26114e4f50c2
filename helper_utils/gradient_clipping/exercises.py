"""Exercises of the lesson 07_gradient_clipping."""

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# --------------------------------------------------------------------------------- gradient_clipping.clip_by_norm


def clip_by_norm(gradients: list[torch.Tensor], max_norm: float) -> list[torch.Tensor]:
    """Return the gradients of all layers, scaled so that their common norm is at most max_norm.

    gradients: tensors of any shapes; they are not to be changed. Where the norm of all
    entries together is not above max_norm, they are returned as they are.
    """
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return [gradient * factor for gradient in gradients]


def squares_added_up(gradients, max_norm):
    """The root of the sum of all squares, and an if."""
    norm = sum((gradient**2).sum().item() for gradient in gradients) ** 0.5
    if norm <= max_norm:
        return list(gradients)
    return [gradient * (max_norm / norm) for gradient in gradients]


def norm_of_the_norms(gradients, max_norm):
    """The norms of the tensors, as one vector, have the norm of all entries."""
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
    factor = min(1.0, max_norm / (norm + 1e-6))
    return [factor * gradient for gradient in gradients]


def norm_of_each_tensor(gradients, max_norm):
    """A norm for each tensor."""
    return [gradient * (max_norm / (gradient.norm() + 1e-6)).clamp(max=1.0) for gradient in gradients]


def small_ones_scaled_up(gradients, max_norm):
    """The factor is not bounded by 1."""
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [gradient * max_norm / (norm + 1e-6) for gradient in gradients]


def zeros_scaled_too(gradients, max_norm):
    """The factor is not bounded by 1, and not defined for zeros."""
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [gradient * max_norm / norm for gradient in gradients]


def entries_cut(gradients, max_norm):
    """Clipping by value."""
    return [gradient.clamp(-max_norm, max_norm) for gradient in gradients]


def no_root(gradients, max_norm):
    """The squared norm for the norm."""
    squared_norm = sum((gradient**2).sum() for gradient in gradients)
    return [gradient * (max_norm / (squared_norm + 1e-6)).clamp(max=1.0) for gradient in gradients]


def sum_of_norms(gradients, max_norm):
    """The norms of the tensors are added."""
    norm = sum(gradient.norm() for gradient in gradients)
    return [gradient * (max_norm / (norm + 1e-6)).clamp(max=1.0) for gradient in gradients]


def gradients_changed_in_place(gradients, max_norm):
    """As torch's function does."""
    factor = (max_norm / (torch.cat([gradient.flatten() for gradient in gradients]).norm() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient *= factor
    return gradients


CLIP_BY_NORM = Exercise(
    name="gradient_clipping.clip_by_norm",
    answer=clip_by_norm,
    cases=[
        ([torch.tensor([3.0, 4.0])], 1.0),
        ([torch.tensor([0.3, 0.4])], 1.0),
        ([torch.tensor([3.0]), torch.tensor([4.0])], 1.0),
        ([torch.tensor([[1.0, -2.0], [2.0, 0.0]]), torch.tensor([4.0])], 2.5),
        ([torch.tensor([0.0, 0.0]), torch.tensor([0.0])], 1.0),
        ([torch.tensor([0.1]), torch.tensor([[6.0, -8.0]])], 2.0),
    ],
    wrong_answers=[
        WrongAnswer(
            norm_of_each_tensor,
            "You clip each tensor by its own norm. Large layers are cut and small ones are not, so the direction "
            "changes. There is one norm, of all entries of all tensors together, and one factor.",
        ),
        WrongAnswer(
            small_ones_scaled_up,
            "A gradient whose norm is below max_norm becomes longer. Clipping only shortens: the factor is at most 1.",
        ),
        WrongAnswer(
            zeros_scaled_too,
            "You always divide by the norm: short gradients become longer, and zeros become nan. Clipping only "
            "shortens: the factor is at most 1.",
        ),
        WrongAnswer(
            entries_cut,
            "That is clipping by value: it cuts every entry, and turns the gradient. Multiply all entries by one "
            "factor.",
        ),
        WrongAnswer(
            no_root,
            "You divide by the sum of the squares. The norm is its root.",
        ),
        WrongAnswer(
            sum_of_norms,
            "The norms of the tensors do not add up to the norm of all entries: their squares do.",
        ),
        WrongAnswer(
            gradients_changed_in_place,
            "The values are right, but `*=` writes into the gradients that were given. Return new tensors: `gradient *"
            " factor`.",
        ),
    ],
    hints=[
        "Think of all gradients as one long vector. Its norm is the root of the sum of all squared entries.",
        "`torch.cat([g.flatten() for g in gradients]).norm()` is that norm.",
        "The factor is max_norm / norm, but never above 1. Multiply each tensor by it and return a new list.",
    ],
    praise="This is torch's clip_grad_norm_, except that torch changes the gradients in place.",
    difficulty=2,
    right_answers=[squares_added_up, norm_of_the_norms],
)

# ------------------------------------------------------------------------------- gradient_clipping.cosine_between


def cosine_between(gradient: torch.Tensor, other: torch.Tensor) -> float:
    """Return the cosine of the angle between two gradients of the same shape.

    It is 1 for the same direction, 0 for a right angle, -1 for opposite directions.
    Where one of them is zero everywhere, return 0.0.
    """
    norms = gradient.norm() * other.norm()
    if norms == 0:
        return 0.0
    return ((gradient * other).sum() / norms).item()


def product_of_unit_vectors(gradient, other):
    """Each divided by its norm first."""
    ours, theirs = gradient.flatten(), other.flatten()
    if not ours.any() or not theirs.any():
        return 0.0
    return torch.dot(ours / ours.norm(), theirs / theirs.norm()).item()


def similarity_of_torch(gradient, other):
    """Torch divides by at least 1e-8, so that zeros give 0."""
    return torch.nn.functional.cosine_similarity(gradient.flatten(), other.flatten(), dim=0).item()


def dot_product(gradient, other):
    """Not divided by the norms."""
    return (gradient * other).sum().item()


def squared_norms(gradient, other):
    """Divided by the squared norms."""
    return ((gradient * other).sum() / ((gradient**2).sum() * (other**2).sum()).clamp(min=1e-12)).item()


def constant_added(gradient, other):
    """A constant in the denominator."""
    return ((gradient * other).sum() / (gradient.norm() * other.norm() + 1e-6)).item()


def angle_in_degrees(gradient, other):
    """The angle for its cosine."""
    return torch.rad2deg(torch.acos(torch.tensor(cosine_between(gradient, other)).clamp(-1, 1))).item()


def row_by_row(gradient, other):
    """The mean of the rows' cosines."""
    return torch.nn.functional.cosine_similarity(gradient, other, dim=-1).mean().item()


def sign_lost(gradient, other):
    """The absolute value."""
    return abs(cosine_between(gradient, other))


def zero_divided_by_zero(gradient, other):
    """0/0 for a gradient of zeros."""
    return ((gradient * other).sum() / (gradient.norm() * other.norm())).item()


COSINE_BETWEEN = Exercise(
    name="gradient_clipping.cosine_between",
    answer=cosine_between,
    cases=[
        (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])),
        (torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.0])),
        (torch.tensor([3.0, 4.0]), torch.tensor([1.0, 1.0])),
        (torch.tensor([1.0, 2.0]), torch.tensor([-2.0, -4.0])),
        (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])),
        (torch.tensor([2.0, 0.0]), torch.tensor([3.0, 4.0])),
        (torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0])),
        (torch.tensor([3e-4, 4e-4]), torch.tensor([3e-4, 4e-4])),
    ],
    wrong_answers=[
        WrongAnswer(
            dot_product,
            "That is the dot product, which grows with the length of both. Divide it by the product of their norms.",
        ),
        WrongAnswer(
            squared_norms,
            "You divide by the squared norms: even two equal gradients do not get 1. Take the roots.",
        ),
        WrongAnswer(
            constant_added,
            "A constant in the denominator is large beside the product of two small norms. Treat only the exact zero "
            "separately.",
        ),
        WrongAnswer(
            angle_in_degrees,
            "That is the angle. Its cosine was asked for.",
        ),
        WrongAnswer(
            row_by_row,
            "You take a cosine for each row of a matrix. A gradient is one vector, whatever its shape: sum over all "
            "entries.",
        ),
        WrongAnswer(
            sign_lost,
            "Opposite directions have the cosine -1. The sign says whether a step along one goes up or down the other.",
        ),
        WrongAnswer(
            zero_divided_by_zero,
            "A gradient of zeros has no direction, and you divide 0 by 0. Return 0.0 there.",
        ),
    ],
    hints=[
        "The cosine is the dot product over the product of the two norms.",
        "`(gradient * other).sum()` is the dot product for any shape, `gradient.norm()` the norm.",
        "Look at the product of the norms before you divide by it.",
    ],
    praise="With this number you can tell whether a change to a gradient (clipping, compressing, noise) turned it.",
    difficulty=2,
    right_answers=[product_of_unit_vectors, similarity_of_torch],
)

# -------------------------------------------------------------------------- gradient_clipping.accumulate_and_clip


def accumulate_and_clip(gradients: torch.Tensor, max_norm: float) -> torch.Tensor:
    """Return the gradient of one step from those of several small batches of equal size.

    gradients: shape (batches, weights), a row for the mean loss of each small batch.
    The step is to be that of one large batch, with its norm clipped to max_norm.
    """
    mean = gradients.mean(dim=0)
    return mean * (max_norm / (mean.norm() + 1e-6)).clamp(max=1.0)


def added_up_in_a_loop(gradients, max_norm):
    """As a loop over small batches does it, each divided by their number."""
    total = torch.zeros_like(gradients[0])
    for gradient in gradients:
        total = total + gradient / len(gradients)
    norm = total.norm().item()
    return total * (max_norm / norm) if norm > max_norm else total


def unit_vector_times_its_length(gradients, max_norm):
    """The direction and the clipped length apart."""
    mean = gradients.sum(dim=0) / gradients.shape[0]
    return torch.nn.functional.normalize(mean, dim=0) * mean.norm().clamp(max=max_norm)


def clipped_before_the_mean(gradients, max_norm):
    """Each small batch is clipped."""
    norms = gradients.norm(dim=1, keepdim=True)
    return (gradients * (max_norm / (norms + 1e-6)).clamp(max=1.0)).mean(dim=0)


def summed_not_averaged(gradients, max_norm):
    """The sum for the mean."""
    total = gradients.sum(dim=0)
    return total * (max_norm / (total.norm() + 1e-6)).clamp(max=1.0)


def divided_after_clipping(gradients, max_norm):
    """The sum is clipped, then divided."""
    return summed_not_averaged(gradients, max_norm) / len(gradients)


def clipped_while_adding(gradients, max_norm):
    """The running sum is clipped after every batch."""
    total = torch.zeros_like(gradients[0])
    for gradient in gradients:
        total = total + gradient / len(gradients)
        total = total * (max_norm / (total.norm() + 1e-6)).clamp(max=1.0)
    return total


def always_max_norm(gradients, max_norm):
    """Small gradients are scaled up."""
    mean = gradients.mean(dim=0)
    return mean * max_norm / (mean.norm() + 1e-6)


def mean_cut_by_value(gradients, max_norm):
    """By value for by norm."""
    return gradients.mean(dim=0).clamp(-max_norm, max_norm)


ACCUMULATE_AND_CLIP = Exercise(
    name="gradient_clipping.accumulate_and_clip",
    answer=accumulate_and_clip,
    cases=[
        (torch.tensor([[0.2, 0.0], [0.0, 0.2]]), 1.0),
        (torch.tensor([[2.0, 0.0], [0.0, 2.0]]), 10.0),
        (torch.tensor([[6.0, 0.0], [0.0, 8.0]]), 1.0),
        (torch.tensor([[1.0, 0.0], [1.0, 0.0], [-10.0, 3.0]]), 1.0),
        (torch.tensor([[30.0, 0.0, 0.0], [-30.0, 1.0, 0.5]]), 2.0),
    ],
    wrong_answers=[
        WrongAnswer(
            clipped_before_the_mean,
            "You clip each small batch and then average. That turns the mean: average first, clip once.",
        ),
        WrongAnswer(
            clipped_while_adding,
            "You clip after every small batch what has been added up so far. Clip once, after the last of them.",
        ),
        WrongAnswer(
            summed_not_averaged,
            "You add the gradients. The loss of the large batch is the mean of the small ones' losses, and so is its "
            "gradient.",
        ),
        WrongAnswer(
            divided_after_clipping,
            "You clip the sum and then divide it by the number of batches, which makes a clipped step too short. "
            "Divide first.",
        ),
        WrongAnswer(
            always_max_norm,
            "A mean whose norm is below max_norm becomes longer. Clipping only shortens: the factor is at most 1.",
        ),
        WrongAnswer(
            mean_cut_by_value,
            "You cut every entry of the mean, which is clipping by value. Scale the whole mean by one factor.",
        ),
    ],
    hints=[
        "With batches of equal size, the gradient of the large batch is the mean of the rows.",
        "Take that mean first. Then the norm, the factor max_norm / norm, and the bound 1 on the factor.",
    ],
    praise="Now eight small batches take the very step of one large batch, clipped or not.",
    difficulty=2,
    right_answers=[added_up_in_a_loop, unit_vector_times_its_length],
)

EXERCISES = [CLIP_BY_NORM, COSINE_BETWEEN, ACCUMULATE_AND_CLIP]
