"""Exercises of the lesson 17_compression."""

import math
import statistics
from collections import Counter

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ---------------------------------------------------------------------------------------- compression.magnitude_mask


def magnitude_mask(weight: torch.Tensor, amount: float) -> torch.Tensor:
    """Return a mask: 0 for the weights with the smallest absolute values, else 1.

    The mask has the shape of the weight, and round(amount * number of weights) zeros.
    """
    n_zeros = round(amount * weight.numel())
    mask = torch.ones(weight.numel())
    mask[weight.abs().flatten().argsort()[:n_zeros]] = 0
    return mask.view_as(weight)


def by_the_ranks(weight, amount):
    """A weight stays if enough weights are smaller."""
    ranks = weight.abs().flatten().argsort().argsort()
    return (ranks >= round(amount * weight.numel())).float().reshape(weight.shape)


def by_the_largest(weight, amount):
    """The other end: ones where the largest are."""
    n_kept = weight.numel() - round(amount * weight.numel())
    largest = weight.abs().flatten().topk(n_kept).indices
    return torch.zeros(weight.numel()).index_fill(0, largest, 1.0).view(weight.shape)


def removes_the_largest(weight, amount):
    """The order turned round."""
    mask = torch.ones(weight.numel())
    mask[weight.abs().flatten().argsort(descending=True)[: round(amount * weight.numel())]] = 0
    return mask.view_as(weight)


def ranks_with_the_sign(weight, amount):
    """Without the absolute value."""
    mask = torch.ones(weight.numel())
    mask[weight.flatten().argsort()[: round(amount * weight.numel())]] = 0
    return mask.view_as(weight)


def cuts_at_a_share_of_the_maximum(weight, amount):
    """A threshold between 0 and the largest weight."""
    return (weight.abs() > amount * weight.abs().max()).float()


def rounds_the_number_down(weight, amount):
    """The whole part of the number of zeros."""
    mask = torch.ones(weight.numel())
    mask[weight.abs().flatten().argsort()[: int(amount * weight.numel())]] = 0
    return mask.view_as(weight)


def returns_the_pruned_weight(weight, amount):
    """The product with the mask."""
    return weight * magnitude_mask(weight, amount)


def keeps_the_amount(weight, amount):
    """The share that stays taken for the share that goes."""
    return magnitude_mask(weight, 1 - amount)


def marks_what_goes(weight, amount):
    """Ones and zeros exchanged."""
    return 1 - magnitude_mask(weight, amount)


def cuts_at_a_quantile(weight, amount):
    """A quantile lies between two weights, so the number of zeros is not exact."""
    return (weight.abs() >= weight.abs().flatten().quantile(amount)).float()


def cuts_the_first_kept_weight_too(weight, amount):
    """The threshold is the smallest weight that should stay."""
    threshold = weight.abs().flatten().sort().values[round(amount * weight.numel())]
    return (weight.abs() > threshold).float()


MAGNITUDE_MASK = Exercise(
    name="compression.magnitude_mask",
    answer=magnitude_mask,
    cases=[
        (torch.tensor([[1.0, -3.0], [0.5, 2.0]]), 0.5),
        (torch.tensor([[-0.1, 0.9, 0.25, -4.0], [0.3, -0.2, 5.0, 0.75]]), 0.25),
        (torch.tensor([2.0, -1.0, 0.5]), 0.0),
        (torch.tensor([2.0, -1.0, 0.5, 8.0, -6.0, 0.1]), 0.6),
        (torch.tensor([0.9, -0.8, 0.7, 0.6, -0.5, 0.4, 0.3, -0.2]), 0.3),
    ],
    wrong_answers=[
        WrongAnswer(removes_the_largest, "Your zeros stand where the largest weights are. The smallest ones go."),
        WrongAnswer(
            ranks_with_the_sign,
            "You ranked the weights with their sign, so a large negative weight goes first. Rank absolute values.",
        ),
        WrongAnswer(
            cuts_at_a_share_of_the_maximum,
            "You cut at a share of the largest value. The amount is a share of the number of weights: sort them.",
        ),
        WrongAnswer(
            rounds_the_number_down,
            "You have a zero too few: the number of zeros was rounded down. Use `round`.",
        ),
        WrongAnswer(
            cuts_at_a_quantile,
            "The number of your zeros is not always the one asked for. A quantile lies between weights: rank them.",
        ),
        WrongAnswer(
            cuts_the_first_kept_weight_too,
            "You have a zero too many: the weight at your threshold goes too. Rank, and take the first ones.",
        ),
        WrongAnswer(returns_the_pruned_weight, "That is the pruned weight. The mask itself has only ones and zeros."),
        WrongAnswer(keeps_the_amount, "You kept the share that should go. `amount` is the share of zeros."),
        WrongAnswer(marks_what_goes, "Ones and zeros have changed places: 1 stands for a weight that stays."),
    ],
    hints=[
        "Which weights are small? `weight.abs().flatten().argsort()` lists their places, the smallest first.",
        "Start with `torch.ones(weight.numel())`, set the first places of that list to 0, and end with `view_as`.",
    ],
    praise="This is what `torch.nn.utils.prune.l1_unstructured` computes.",
    difficulty=2,
    right_answers=[by_the_ranks, by_the_largest],
)

# --------------------------------------------------------------------------------------------- compression.csr_bytes


def csr_bytes(weight: torch.Tensor) -> int:
    """Return the bytes that a float32 matrix takes in the form CSR.

    Stored are: each value that is not 0 (4 bytes) with its column (4 bytes), and the
    places where the rows begin and the last one ends (rows + 1, with 4 bytes each).
    """
    n_values = int((weight != 0).sum())
    return n_values * (4 + 4) + (len(weight) + 1) * 4


def by_the_places(weight):
    """The rows and columns of what is not 0."""
    rows, columns = weight.nonzero(as_tuple=True)
    return 4 * (len(rows) + len(columns) + weight.shape[0] + 1)


def row_by_row(weight):
    """The bytes of each row, and the pointers."""
    return sum(8 * int(torch.count_nonzero(row)) + 4 for row in weight) + 4


def stores_rows_as_coo(weight):
    """A row and a column for each value."""
    return int((weight != 0).sum()) * 12


def forgets_the_last_end(weight):
    """As many pointers as rows."""
    return int((weight != 0).sum()) * 8 + len(weight) * 4


def forgets_the_rows(weight):
    """Values and columns only."""
    return int((weight != 0).sum()) * 8


def counts_the_zeros(weight):
    """The wrong numbers."""
    return int((weight == 0).sum()) * 8 + (len(weight) + 1) * 4


def counts_all_values(weight):
    """Zeros stored too."""
    return weight.numel() * 8 + (len(weight) + 1) * 4


def forgets_the_columns(weight):
    """No index beside the values."""
    return int((weight != 0).sum()) * 4 + (len(weight) + 1) * 4


def points_at_columns(weight):
    """A pointer for each column: the form CSC."""
    return int((weight != 0).sum()) * 8 + (weight.shape[1] + 1) * 4


def counts_positive_values(weight):
    """Greater than 0 taken for not 0."""
    return int((weight > 0).sum()) * 8 + (len(weight) + 1) * 4


CSR_BYTES = Exercise(
    name="compression.csr_bytes",
    answer=csr_bytes,
    cases=[
        (torch.tensor([[0.0, 2.0, 0.0, 0.0], [1.0, 0.0, 0.0, -3.0]]),),
        (torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),),
        (torch.tensor([[1.0, 2.0, 0.0]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            stores_rows_as_coo,
            "You stored a row for each value: that is the form COO. CSR stores only where each row begins.",
        ),
        WrongAnswer(forgets_the_last_end, "Four bytes are missing: the end of the last row is stored too."),
        WrongAnswer(forgets_the_rows, "The beginnings of the rows are missing: one more than there are rows."),
        WrongAnswer(counts_the_zeros, "You counted the zeros. Stored are the values that are not 0."),
        WrongAnswer(counts_positive_values, "Negative values are missing. Stored is what is not 0: `weight != 0`."),
        WrongAnswer(counts_all_values, "You stored all values. Zeros are left out; that is the idea of the form."),
        WrongAnswer(forgets_the_columns, "The column of each value is missing: 4 more bytes for each of them."),
        WrongAnswer(points_at_columns, "You stored where each column begins: that is CSC. Count the rows."),
    ],
    hints=[
        "How many values are not 0? `(weight != 0).sum()`. Each takes 8 bytes.",
        "Then add 4 bytes for each of `len(weight) + 1` places.",
    ],
    praise="With it the next figure shows from which sparsity on the sparse form is smaller.",
    difficulty=2,
    right_answers=[by_the_places, row_by_row],
)

# ----------------------------------------------------------------------------------------- compression.gradual_share


def gradual_share(step: int, n_steps: int, final: float) -> float:
    """Return the share of zeros after a step of gradual pruning.

    It is final * (1 - left³), where left is the share of the steps that are still to
    come: 1 at step 0, and 0 at step n_steps.
    """
    left = 1 - step / n_steps
    return final * (1 - left**3)


def from_the_steps_to_come(step, n_steps, final):
    """The steps to come, counted."""
    return final - final * ((n_steps - step) / n_steps) ** 3


def by_the_binomial(step, n_steps, final):
    """1 - (1 - t)³ = 3t - 3t² + t³."""
    t = step / n_steps
    return final * (3 * t - 3 * t**2 + t**3)


def rises_evenly(step, n_steps, final):
    """A straight line."""
    return final * step / n_steps


def slow_at_first(step, n_steps, final):
    """The cube of the steps that are done."""
    return final * (step / n_steps) ** 3


def falls_from_the_end(step, n_steps, final):
    """The share that would still be added."""
    return final * (1 - step / n_steps) ** 3


def with_the_square(step, n_steps, final):
    """The power 2."""
    return final * (1 - (1 - step / n_steps) ** 2)


def final_inside_the_power(step, n_steps, final):
    """What is left is multiplied in each step."""
    return 1 - (1 - final * step / n_steps) ** 3


def ends_at_everything(step, n_steps, final):  # noqa: ARG001 - that is the mistake
    """The final share forgotten."""
    return 1 - (1 - step / n_steps) ** 3


def one_step_too_early(step, n_steps, final):
    """Counts from 1."""
    return final * (1 - (1 - (step + 1) / n_steps) ** 3)


def counts_what_is_done(step, n_steps, final):
    """The steps that are done taken for those that are left."""
    return final * (1 - (step / n_steps) ** 3)


def counts_the_steps_that_are_left(step, n_steps, final):
    """A number of steps, not a share of them."""
    return final * (1 - (n_steps - step) ** 3)


GRADUAL_SHARE = Exercise(
    name="compression.gradual_share",
    answer=gradual_share,
    cases=[(1, 2, 0.8), (0, 4, 0.9), (4, 4, 0.9), (1, 4, 0.96), (3, 5, 0.5)],
    wrong_answers=[
        WrongAnswer(
            rises_evenly, "Your share rises by the same amount in each step. The cube makes it slow at the end."
        ),
        WrongAnswer(
            slow_at_first, "Your share rises slowly first and fast at the end: cube what is left, not what is done."
        ),
        WrongAnswer(
            falls_from_the_end, "Your share falls. That is what is still to come; subtract it from the final share."
        ),
        WrongAnswer(
            counts_what_is_done,
            "Your share is the final one at step 0. `left` counts the steps to come, not the done ones.",
        ),
        WrongAnswer(
            counts_the_steps_that_are_left, "Your `left` is a number of steps. It is a share: divide by `n_steps`."
        ),
        WrongAnswer(with_the_square, "You squared the share of the steps that are left. The power is 3."),
        WrongAnswer(final_inside_the_power, "The final share stands inside your power. It is a factor outside."),
        WrongAnswer(ends_at_everything, "Your share ends at 1: all weights would go. Multiply by the final share."),
        WrongAnswer(one_step_too_early, "You are a step ahead: at step 0 nothing has been pruned yet."),
    ],
    hints=[
        "The share of the steps that are left is `1 - step / n_steps`.",
        "Take its third power, subtract it from 1, and multiply by the final share.",
    ],
    praise="It takes many weights while there are many, and few at the end.",
    difficulty=1,
    right_answers=[from_the_steps_to_come, by_the_binomial],
)

# --------------------------------------------------------------------------------------- compression.filters_to_keep


def filters_to_keep(weight: torch.Tensor, amount: float) -> list[int]:
    """Return the numbers of the filters that stay, in ascending order.

    weight: shape (filters, inputs, height, width). The filters with the smallest norm
    (root of the sum of squares of all their weights) go: round(amount * filters).
    """
    n_gone = round(amount * len(weight))
    order = weight.flatten(1).norm(dim=1).argsort()
    return sorted(order[n_gone:].tolist())


def by_sorting_numbers(weight, amount):
    """Python's own sort, with the sum of squares as its key."""
    squares = weight.square().sum(dim=(1, 2, 3)).tolist()
    numbers = sorted(range(len(squares)), key=squares.__getitem__)
    return sorted(numbers[round(amount * len(squares)) :])


def by_the_largest_norms(weight, amount):
    """The other end of the order."""
    n_kept = len(weight) - round(amount * len(weight))
    return torch.linalg.vector_norm(weight, dim=(1, 2, 3)).topk(n_kept).indices.sort().values.tolist()


def keeps_the_smallest_filters(weight, amount):
    """The wrong end."""
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)
    return sorted(order[round(amount * len(weight)) :].tolist())


def lists_what_goes(weight, amount):
    """The filters that are removed."""
    return sorted(weight.flatten(1).norm(dim=1).argsort()[: round(amount * len(weight))].tolist())


def ranks_the_inputs(weight, amount):
    """The second axis."""
    order = weight.transpose(0, 1).flatten(1).norm(dim=1).argsort()
    return sorted(order[round(amount * weight.shape[1]) :].tolist())


def sums_with_the_sign(weight, amount):
    """A sum in which weights cancel."""
    return sorted(weight.flatten(1).sum(dim=1).argsort()[round(amount * len(weight)) :].tolist())


def in_the_order_of_the_norms(weight, amount):
    """Not sorted again."""
    return weight.flatten(1).norm(dim=1).argsort()[round(amount * len(weight)) :].tolist()


def by_the_largest_weight(weight, amount):
    """The largest single weight of each filter."""
    return sorted(weight.flatten(1).abs().amax(dim=1).argsort()[round(amount * len(weight)) :].tolist())


def counts_filters_down(weight, amount):
    """The number that goes, rounded down."""
    return sorted(weight.flatten(1).norm(dim=1).argsort()[int(amount * len(weight)) :].tolist())


def rounds_the_number_that_stays(weight, amount):
    """The other number is rounded."""
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)
    return sorted(order[: round((1 - amount) * len(weight))].tolist())


def _filters(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows).view(len(rows), -1, 1, 2)


FILTERS_TO_KEEP = Exercise(
    name="compression.filters_to_keep",
    answer=filters_to_keep,
    cases=[
        (_filters([3.0, 0.0], [1.0, 0.0], [2.0, 2.5], [0.0, 0.5]), 0.5),
        (_filters([-4.0, 3.0], [2.0, 2.0], [0.5, 0.25]), 0.25),
        (_filters([0.0, 4.0, 0.0, 0.0], [3.0, 3.0, 3.0, 3.0], [1.0, -1.0, 1.0, 1.0]), 0.6),
        (_filters([1.0, 1.0], [-3.0, 0.5], [2.0, 2.0], [0.25, 0.25], [0.5, -5.0]), 0.3),
        (_filters([1.0, 0.0], [4.0, 0.0], [2.0, 0.0], [0.5, 0.0], [3.0, 0.0]), 0.1),
    ],
    wrong_answers=[
        WrongAnswer(keeps_the_smallest_filters, "You kept the filters with the smallest norms. These go."),
        WrongAnswer(lists_what_goes, "These are the filters that go. Return the numbers of those that stay."),
        WrongAnswer(
            ranks_the_inputs,
            "Your norms belong to the inputs, axis 1. A filter is one entry of axis 0, with all of its inputs.",
        ),
        WrongAnswer(sums_with_the_sign, "In a plain sum, positive and negative weights cancel. Take the norm."),
        WrongAnswer(
            in_the_order_of_the_norms,
            "The right filters, in the order of their norms. Sort the numbers, or the channels change places.",
        ),
        WrongAnswer(
            by_the_largest_weight, "You looked at the largest weight of each filter. The norm counts all of them."
        ),
        WrongAnswer(
            rounds_the_number_that_stays,
            "You rounded the number of filters that stay. Round the number that go: `round(amount * filters)`.",
        ),
        WrongAnswer(counts_filters_down, "One filter too many stays: round the number that goes, do not cut it off."),
    ],
    hints=[
        "`weight.flatten(1)` has a row for each filter; `.norm(dim=1)` gives the norms.",
        "`argsort` lists the filters, the smallest norm first. Drop the first ones and sort the rest.",
    ],
    praise="The next cell makes a smaller convolution of the filters that you kept.",
    difficulty=2,
    right_answers=[by_sorting_numbers, by_the_largest_norms],
)

# ------------------------------------------------------------------------------------ compression.quantize_symmetric


def quantize_symmetric(x: torch.Tensor, n_bits: int) -> tuple[torch.Tensor, float]:
    """Return codes (whole numbers, int8) and the scale: x is about scale * codes.

    The largest code is L = 2 ** (n_bits - 1) - 1, the smallest -L. The scale is the
    largest absolute value in x divided by L. Each code is the nearest whole number.
    """
    largest = 2 ** (n_bits - 1) - 1
    scale = x.abs().max().item() / largest
    return (x / scale).round().to(torch.int8), scale


def from_low_and_high(x, n_bits):
    """The two ends of the range, and a product for the quotient."""
    top = (1 << n_bits - 1) - 1
    step = max(-float(x.min()), float(x.max())) / top
    return torch.round(x * (1 / step)).clamp(-top, top).char(), step


def one_number_after_another(x, n_bits):
    """Python's round."""
    top = 2 ** (n_bits - 1) - 1
    step = max(abs(value) for value in x.flatten().tolist()) / top
    codes = [round(value / step) for value in x.flatten().tolist()]
    return torch.tensor(codes, dtype=torch.int8).view(x.shape), step


def one_level_too_many(x, n_bits):
    """2^(n-1) as the largest code."""
    scale = x.abs().max().item() / 2 ** (n_bits - 1)
    return (x / scale).round().clamp(-127, 127).to(torch.int8), scale


def rounds_toward_zero(x, n_bits):
    """The fraction cut off."""
    largest = 2 ** (n_bits - 1) - 1
    scale = x.abs().max().item() / largest
    return (x / scale).to(torch.int8), scale


def rounds_down(x, n_bits):
    """The floor."""
    largest = 2 ** (n_bits - 1) - 1
    scale = x.abs().max().item() / largest
    return (x / scale).floor().to(torch.int8), scale


def range_of_the_positive(x, n_bits):
    """The maximum without the absolute value."""
    largest = 2 ** (n_bits - 1) - 1
    scale = x.max().item() / largest
    return (x / scale).round().clamp(-largest, largest).to(torch.int8), scale


def returns_the_inverse(x, n_bits):
    """By which x is multiplied."""
    codes, scale = quantize_symmetric(x, n_bits)
    return codes, 1 / scale


def returns_the_values(x, n_bits):
    """Codes times scale."""
    codes, scale = quantize_symmetric(x, n_bits)
    return codes * scale, scale


def whole_range_by_all_levels(x, n_bits):
    """The width of the range over 2^n - 1 steps."""
    scale = (x.max() - x.min()).item() / (2**n_bits - 1)
    return (x / scale).round().clamp(-127, 127).to(torch.int8), scale


QUANTIZE_SYMMETRIC = Exercise(
    name="compression.quantize_symmetric",
    answer=quantize_symmetric,
    cases=[
        (torch.tensor([1.0, -3.5, 0.8, 3.0]), 4),
        (torch.tensor([[0.3, -0.9], [1.5, 0.7]]), 3),
        (torch.tensor([0.26, -0.77, 1.27, -0.044]), 8),
        (torch.tensor([2.0, -0.9, 1.2]), 2),
    ],
    wrong_answers=[
        WrongAnswer(
            one_level_too_many, "Your largest code is 2^(n-1). It is one less: 7 for 4 bits, so that -7 to 7 fit."
        ),
        WrongAnswer(
            rounds_toward_zero, "You cut the fraction off, so errors reach a whole step. Use `.round()` first."
        ),
        WrongAnswer(rounds_down, "You rounded down, so all values become smaller. Take the nearest whole number."),
        WrongAnswer(
            range_of_the_positive,
            "The scale comes from the largest value, so large negative values are cut off. Take the absolute value.",
        ),
        WrongAnswer(returns_the_inverse, "Your scale is turned upside down: x is about scale times codes."),
        WrongAnswer(returns_the_values, "You multiplied by the scale again. Codes are whole numbers."),
        WrongAnswer(
            whole_range_by_all_levels,
            "You divided the width of the range by all levels. Symmetric ones take the largest absolute value over L.",
        ),
    ],
    hints=[
        "`scale = x.abs().max().item() / largest`, with `largest = 2 ** (n_bits - 1) - 1`.",
        "The codes are `(x / scale).round()`, as int8 by `.to(torch.int8)`.",
    ],
    praise="`quantize` does this, for each channel if you ask for it.",
    difficulty=2,
    right_answers=[from_low_and_high, one_number_after_another],
)

# ---------------------------------------------------------------------------------- compression.scale_and_zero_point


def scale_and_zero_point(low: float, high: float, n_bits: int) -> tuple[float, int]:
    """Return the step between levels and the code of 0, for asymmetric codes.

    The codes go from 0 to 2 ** n_bits - 1. The range from low to high is first widened
    so that it contains 0. The lowest value has code 0, and the zero point is rounded.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**n_bits - 1)
    return scale, round(-low / scale)


def with_conditions(low, high, n_bits):
    """The widening by hand."""
    if low > 0:
        low = 0.0
    if high < 0:
        high = 0.0
    n_steps = 2**n_bits - 1
    return (high - low) / n_steps, round(n_steps * -low / (high - low))


def with_torch(low, high, n_bits):
    """The three values as a tensor."""
    ends = torch.tensor([low, 0.0, high], dtype=torch.float64)
    scale = (ends.max() - ends.min()) / (2**n_bits - 1)
    return scale.item(), int((-ends.min() / scale).round())


def zero_outside_the_range(low, high, n_bits):
    """No widening."""
    scale = (high - low) / (2**n_bits - 1)
    return scale, round(-low / scale)


def steps_taken_for_levels(low, high, n_bits):
    """2^n steps."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 2**n_bits
    return scale, round(-low / scale)


def zero_point_one_too_high(low, high, n_bits):
    """Codes counted from 1."""
    scale, zero_point = scale_and_zero_point(low, high, n_bits)
    return scale, zero_point + 1


def zero_point_cut_off(low, high, n_bits):
    """Toward zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**n_bits - 1)
    return scale, int(-low / scale)


def zero_point_with_the_sign(low, high, n_bits):
    """The code of the lowest value, counted from 0."""
    scale, zero_point = scale_and_zero_point(low, high, n_bits)
    return scale, -zero_point


def zero_point_from_the_top(low, high, n_bits):
    """Counted from the other end."""
    scale, zero_point = scale_and_zero_point(low, high, n_bits)
    return scale, 2**n_bits - 1 - zero_point


def middle_of_the_codes(low, high, n_bits):
    """As for symmetric codes."""
    return scale_and_zero_point(low, high, n_bits)[0], 2 ** (n_bits - 1)


def one_bit_for_the_sign(low, high, n_bits):
    """Half of the levels."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2 ** (n_bits - 1) - 1)
    return scale, round(-low / scale)


SCALE_AND_ZERO_POINT = Exercise(
    name="compression.scale_and_zero_point",
    answer=scale_and_zero_point,
    cases=[(-1.0, 3.0, 8), (0.5, 2.0, 4), (-3.0, -1.0, 4), (0.0, 6.0, 8), (-2.0, 4.4, 3)],
    wrong_answers=[
        WrongAnswer(
            zero_outside_the_range,
            "Your range does not always contain 0. Then zero padding has no code: widen it with `min` and `max`.",
        ),
        WrongAnswer(steps_taken_for_levels, "2^n levels have 2^n - 1 steps between them. Divide the range by these."),
        WrongAnswer(zero_point_one_too_high, "Your zero point is one too high. The lowest value has code 0, not 1."),
        WrongAnswer(zero_point_cut_off, "Your zero point was cut off. Round it to the nearest code."),
        WrongAnswer(
            zero_point_with_the_sign, "Your zero point is negative. Codes from 0 up have no sign: -low / scale."
        ),
        WrongAnswer(
            zero_point_from_the_top, "You counted from the top. The zero point counts steps from the lowest value."
        ),
        WrongAnswer(
            middle_of_the_codes,
            "Your zero point is the middle of the codes. It follows from where 0 lies in the range.",
        ),
        WrongAnswer(one_bit_for_the_sign, "You left a bit for the sign. These codes have none: 2^n - 1 steps."),
    ],
    hints=[
        "Widen first: `low = min(low, 0.0)`, and `high` likewise.",
        "The scale is the width over `2 ** n_bits - 1`; the zero point is `round(-low / scale)`.",
    ],
    praise="After a ReLU the lowest value is 0, so all levels lie where activations are.",
    difficulty=2,
    right_answers=[with_conditions, with_torch],
)

# ----------------------------------------------------------------------------------------- compression.pass_gradient


def pass_gradient(
    gradient: torch.Tensor,
    weight: torch.Tensor,
    scale: float,
    n_bits: int,
) -> torch.Tensor:
    """Return the straight-through gradient of the float32 weight.

    gradient: of the rounded weight. It passes unchanged where weight / scale lies in
    [-L, L], the ends included, with L = 2 ** (n_bits - 1) - 1. Beyond, it is 0.
    """
    largest = 2 ** (n_bits - 1) - 1
    return gradient * ((weight / scale).abs() <= largest)


def where_it_is_inside(gradient, weight, scale, n_bits):
    """With torch.where."""
    end = scale * (2 ** (n_bits - 1) - 1)
    inside = (weight >= -end) & (weight <= end)
    return torch.where(inside, gradient, torch.zeros_like(gradient))


def fills_the_rest(gradient, weight, scale, n_bits):
    """Zeros written beyond."""
    beyond = (weight / scale).abs() > 2 ** (n_bits - 1) - 1
    return gradient.masked_fill(beyond, 0.0)


def passes_everything(gradient, weight, scale, n_bits):  # noqa: ARG001 - that is the mistake
    """Without the cut."""
    return gradient.clone()


def true_derivative(gradient, weight, scale, n_bits):  # noqa: ARG001 - that is the mistake
    """Rounding is flat."""
    return torch.zeros_like(gradient)


def times_the_scale(gradient, weight, scale, n_bits):
    """The inner derivative forgotten."""
    return scale * pass_gradient(gradient, weight, scale, n_bits)


def over_the_scale(gradient, weight, scale, n_bits):
    """The outer derivative forgotten."""
    return pass_gradient(gradient, weight, scale, n_bits) / scale


def cuts_the_weight_itself(gradient, weight, scale, n_bits):  # noqa: ARG001 - that is the mistake
    """The weight in its own unit."""
    return gradient * (weight.abs() <= 2 ** (n_bits - 1) - 1)


def cuts_above_only(gradient, weight, scale, n_bits):
    """One end of the range."""
    return gradient * (weight / scale <= 2 ** (n_bits - 1) - 1)


def cuts_a_level_later(gradient, weight, scale, n_bits):
    """L = 2^(n-1)."""
    return gradient * ((weight / scale).abs() <= 2 ** (n_bits - 1))


def passes_only_beyond(gradient, weight, scale, n_bits):
    """The condition turned round."""
    return gradient - pass_gradient(gradient, weight, scale, n_bits)


def cuts_the_last_level(gradient, weight, scale, n_bits):
    """Without the ends."""
    return gradient * ((weight / scale).abs() < 2 ** (n_bits - 1) - 1)


def rounds_first(gradient, weight, scale, n_bits):
    """The code is compared, not the weight."""
    return gradient * ((weight / scale).round().abs() <= 2 ** (n_bits - 1) - 1)


PASS_GRADIENT = Exercise(
    name="compression.pass_gradient",
    answer=pass_gradient,
    cases=[
        (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.25, -1.0, 5.0]), 0.5, 3),
        (torch.tensor([[1.0, -2.0], [0.5, 4.0]]), torch.tensor([[-4.0, 0.5], [3.0, -0.25]]), 2.0, 2),
        (torch.tensor([5.0, 6.0, 7.0, 8.0]), torch.tensor([0.9, -1.1, 0.76, -0.5]), 0.25, 3),
        (torch.tensor([2.0, 3.0, 4.0]), torch.tensor([1.5, -1.5, 1.0]), 0.5, 3),
    ],
    wrong_answers=[
        WrongAnswer(
            passes_everything, "The gradient passes everywhere. Beyond the last code the value is cut off: 0 there."
        ),
        WrongAnswer(
            true_derivative,
            "That is rounding's true derivative: zero nearly everywhere, so nothing is learned. Let it pass inside.",
        ),
        WrongAnswer(
            times_the_scale, "You multiplied by the scale. Divided by it and multiplied again, the factor is 1."
        ),
        WrongAnswer(over_the_scale, "You divided by the scale. The product with the scale afterwards cancels it."),
        WrongAnswer(
            cuts_the_weight_itself, "You compared the weight itself with a code. Divide it by the scale first."
        ),
        WrongAnswer(cuts_above_only, "You cut off at the top only. Below -L the code is cut off too."),
        WrongAnswer(cuts_a_level_later, "Your last code is 2^(n-1). It is one less."),
        WrongAnswer(
            cuts_the_last_level, "At the last level itself the gradient passes too: the largest weight lies there."
        ),
        WrongAnswer(
            rounds_first,
            "You compared the rounded code, as torch does, so the gradient passes half a step further. "
            "Compare weight / scale before rounding.",
        ),
        WrongAnswer(
            passes_only_beyond, "Your gradient passes beyond the range and not inside: turn the condition round."
        ),
    ],
    hints=[
        "Which weights are inside? Compare `(weight / scale).abs()` with the largest code.",
        "A product with a condition keeps the gradient where it is true: `gradient * (... <= largest)`.",
    ],
    praise="This is not the derivative, and yet the weight of the next experiment finds its best level with it.",
    difficulty=2,
    right_answers=[where_it_is_inside, fills_the_rest],
)

# --------------------------------------------------------------------------------------- compression.smallest_within


def smallest_within(
    accuracies: dict[str, list[float]],
    sizes: dict[str, int],
    reference: str,
    margin: float,
) -> str:
    """Return the smallest model whose loss of accuracy is within a margin.

    accuracies: of each model, one for each seed, the seeds in the same order. The loss
    is the reference's accuracy minus the model's, seed by seed. A model qualifies if
    mean loss plus 2 standard errors (standard deviation with n - 1, over the root of n)
    is at most the margin. The reference qualifies too. Of equal sizes, the first wins.
    """
    qualified = []
    for name, values in accuracies.items():
        losses = [r - v for r, v in zip(accuracies[reference], values, strict=True)]
        error = statistics.stdev(losses) / math.sqrt(len(losses))
        if statistics.fmean(losses) + 2 * error <= margin:
            qualified.append(name)
    return min(qualified, key=lambda name: sizes[name])


def _losses(accuracies, reference, name):
    return [r - v for r, v in zip(accuracies[reference], accuracies[name], strict=True)]


def in_one_pass(accuracies, sizes, reference, margin):
    """The best so far."""
    best = reference
    for name in accuracies:
        losses = torch.tensor(_losses(accuracies, reference, name), dtype=torch.float64)
        if losses.mean() + 2 * losses.std() / len(losses) ** 0.5 > margin:
            continue
        if sizes[name] < sizes[best] or name == best:
            best = name
    return best


def smallest_first(accuracies, sizes, reference, margin):
    """The models sorted by size; the first that qualifies."""
    for name in sorted(accuracies, key=sizes.__getitem__):
        losses = _losses(accuracies, reference, name)
        if sum(losses) / len(losses) + 2 * statistics.stdev(losses) / len(losses) ** 0.5 <= margin:
            return name
    return reference


def _choose(accuracies, sizes, reference, bound, margin):
    good = [name for name in accuracies if bound(_losses(accuracies, reference, name)) <= margin + 1e-12]
    return min(good, key=lambda name: sizes[name]) if good else reference


def by_the_mean_alone(accuracies, sizes, reference, margin):
    """No standard error."""
    return _choose(accuracies, sizes, reference, statistics.fmean, margin)


def by_the_most_hopeful_end(accuracies, sizes, reference, margin):
    """Minus two standard errors."""
    return _choose(
        accuracies, sizes, reference, lambda v: statistics.fmean(v) - 2 * statistics.stdev(v) / len(v) ** 0.5, margin
    )


def by_the_standard_deviation(accuracies, sizes, reference, margin):
    """Not divided by the root of n."""
    return _choose(accuracies, sizes, reference, lambda v: statistics.fmean(v) + 2 * statistics.stdev(v), margin)


def by_the_worst_seed(accuracies, sizes, reference, margin):
    """The largest loss."""
    return _choose(accuracies, sizes, reference, max, margin)


def most_accurate(accuracies, sizes, reference, margin):  # noqa: ARG001 - that is the mistake
    """The size is not looked at."""
    return max(accuracies, key=lambda name: statistics.fmean(accuracies[name]))


def smallest_of_all(accuracies, sizes, reference, margin):  # noqa: ARG001 - that is the mistake
    """The accuracy is not looked at."""
    return min(accuracies, key=lambda name: sizes[name])


def without_pairs(accuracies, sizes, reference, margin):
    """The standard errors of the two means added as if the seeds differed."""

    def squared_error(values):
        return statistics.variance(values) / len(values)

    good = [
        name
        for name, values in accuracies.items()
        if name == reference
        or statistics.fmean(accuracies[reference])
        - statistics.fmean(values)
        + 2 * math.sqrt(squared_error(values) + squared_error(accuracies[reference]))
        <= margin
    ]
    return min(good, key=lambda name: sizes[name])


def returns_the_size(accuracies, sizes, reference, margin):
    """The number for the name."""
    return sizes[smallest_within(accuracies, sizes, reference, margin)]


def divides_by_n(accuracies, sizes, reference, margin):
    """The standard deviation of numpy."""
    return _choose(
        accuracies, sizes, reference, lambda v: statistics.fmean(v) + 2 * statistics.pstdev(v) / len(v) ** 0.5, margin
    )


def below_the_margin(accuracies, sizes, reference, margin):
    """A bound that is the margin does not qualify."""
    return _choose(
        accuracies, sizes, reference, lambda v: statistics.fmean(v) + 2 * statistics.stdev(v) / len(v) ** 0.5,
        margin - 1e-9,
    )  # fmt: skip


def by_the_absolute_loss(accuracies, sizes, reference, margin):
    """A gain counts as a loss."""
    return _choose(
        accuracies,
        sizes,
        reference,
        lambda v: abs(statistics.fmean(v)) + 2 * statistics.stdev(v) / len(v) ** 0.5,
        margin,
    )


def last_of_equal_sizes(accuracies, sizes, reference, margin):
    """The order turned round."""
    return smallest_within(dict(reversed(accuracies.items())), sizes, reference, margin)


_ACCURACIES = {
    "whole": [0.9, 0.95, 0.85],
    "sure": [0.895, 0.94, 0.845],
    "spread": [0.94, 0.95, 0.81],
    "hopeless": [0.1, 0.15, 0.12],
}

SMALLEST_WITHIN = Exercise(
    name="compression.smallest_within",
    answer=smallest_within,
    cases=[
        (_ACCURACIES, {"whole": 100, "sure": 50, "spread": 40, "hopeless": 10}, "whole", 0.02),
        (
            {"a": [0.90, 0.90, 0.90], "b": [0.87, 0.85, 0.86], "c": [0.90, 0.88, 0.86]},
            {"a": 40, "b": 20, "c": 10},
            "a",
            0.03,
        ),
        (
            {"a": [0.8, 0.9, 0.7, 0.8], "b": [0.81, 0.87, 0.70, 0.78], "c": [0.75, 0.89, 0.71, 0.81]},
            {"a": 8, "b": 4, "c": 2},
            "a",
            0.032,
        ),
        (
            {"a": [0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8], "b": [0.89, 0.89, 0.89, 0.89, 0.79, 0.79, 0.79, 0.77]},
            {"a": 9, "b": 5},
            "a",
            0.02,
        ),
        ({"a": [0.9, 0.8, 0.9, 0.8], "b": [0.89, 0.75, 0.88, 0.76]}, {"a": 9, "b": 5}, "a", 0.02),
        ({"a": [0.9, 0.8, 0.7], "b": [0.95, 0.85, 0.75], "c": [0.9, 0.8, 0.7]}, {"a": 9, "b": 12, "c": 9}, "a", 0.01),
        ({"a": [0.9, 0.9, 0.9], "b": [0.89, 0.87, 0.88]}, {"a": 9, "b": 5}, "a", 0.03),
        ({"a": [0.75, 0.5, 1.0], "b": [0.625, 0.375, 0.875]}, {"a": 9, "b": 5}, "a", 0.125),
        ({"a": [0.5, 0.5, 0.5], "b": [0.75, 0.7, 0.8]}, {"a": 9, "b": 5}, "a", 0.02),
    ],
    wrong_answers=[
        WrongAnswer(
            by_the_mean_alone,
            "You looked at the mean loss alone. With few seeds it may be small by luck: add 2 standard errors.",
        ),
        WrongAnswer(
            by_the_most_hopeful_end,
            "You subtracted the standard errors, which lets doubtful models pass. Add them.",
        ),
        WrongAnswer(
            by_the_standard_deviation,
            "You added the standard deviation of one seed. The error of a mean is that over the root of n.",
        ),
        WrongAnswer(
            by_the_worst_seed, "You asked of every seed what is asked of the mean. Take mean and standard error."
        ),
        WrongAnswer(most_accurate, "You took the most accurate model. Within the margin, the smallest one wins."),
        WrongAnswer(
            smallest_of_all, "You took the smallest model, whatever it loses. First keep those within the margin."
        ),
        WrongAnswer(
            without_pairs,
            "You compared two separate means. The seeds are shared: take differences first, seed by seed.",
        ),
        WrongAnswer(divides_by_n, "Your standard deviation divides by n. With few seeds that is too small: n - 1."),
        WrongAnswer(
            below_the_margin, "A model whose loss plus 2 errors is just the margin qualifies: at most, not below."
        ),
        WrongAnswer(by_the_absolute_loss, "A more accurate model has a negative loss, and qualifies. Drop the `abs`."),
        WrongAnswer(last_of_equal_sizes, "Of equal sizes you took the last model. The first one wins."),
        WrongAnswer(returns_the_size, "You returned the size. The name of the model is asked for."),
    ],
    hints=[
        "For one model: the list of losses, then `statistics.fmean` and `statistics.stdev`.",
        "Collect the names whose mean plus 2 errors is at most the margin.",
        "`min(qualified, key=lambda name: sizes[name])` gives the smallest of them.",
    ],
    praise="You decide by a rule that was fixed before the numbers were seen.",
    difficulty=3,
    right_answers=[in_one_pass, smallest_first],
)

# ------------------------------------------------------------------------------------------ compression.entropy_bits


def entropy_bits(codes: torch.Tensor) -> float:
    """Return the entropy of the codes: the mean of -log2(share) over them, in bits.

    The share of a code is how often its value occurs, divided by the number of codes.
    """
    _, counts = codes.flatten().unique(return_counts=True)
    shares = counts / counts.sum()
    return -(shares * shares.log2()).sum().item()


def with_a_counter(codes):
    """Python's own counting."""
    counts = Counter(codes.flatten().tolist())
    n = sum(counts.values())
    return sum(count / n * math.log2(n / count) for count in counts.values())


def code_by_code(codes):
    """The mean over all codes, as the text says."""
    flat = codes.flatten()
    shares = (flat[:, None] == flat).double().mean(dim=1)
    return float(-torch.log2(shares).mean())


def in_nats(codes):
    """The natural logarithm."""
    return entropy_bits(codes) * math.log(2)


def with_the_wrong_sign(codes):
    """No minus."""
    return -entropy_bits(codes)


def for_all_codes(codes):
    """The sum, not the mean."""
    return entropy_bits(codes) * codes.numel()


def every_value_counts_the_same(codes):
    """The logarithm of the number of values."""
    return math.log2(len(codes.unique()))


def mean_over_the_values(codes):
    """Not weighted by how often they occur."""
    counts = codes.flatten().unique(return_counts=True)[1]
    return -(counts / counts.sum()).log2().mean().item()


def bits_of_the_largest(codes):
    """What the type of the codes would take."""
    return float(math.ceil(math.log2(len(codes.unique()) + 1)))


def counts_without_division(codes):
    """Counts taken for shares."""
    counts = codes.flatten().unique(return_counts=True)[1]
    return -(counts * counts.log2()).sum().item()


ENTROPY_BITS = Exercise(
    name="compression.entropy_bits",
    answer=entropy_bits,
    cases=[
        (torch.tensor([0, 0, 0, 0, 1, 1, 2, 3]),),
        (torch.tensor([[5, 5, 5], [5, 7, 9]]),),
        (torch.tensor([1, 2, 2, 2]),),
    ],
    wrong_answers=[
        WrongAnswer(in_nats, "Your logarithm is the natural one, so the unit is nats. Bits take log2."),
        WrongAnswer(
            with_the_wrong_sign, "Your entropy is negative: the logarithm of a share is. Put a minus before it."
        ),
        WrongAnswer(for_all_codes, "That is what all codes take together. The mean for one code is asked for."),
        WrongAnswer(
            every_value_counts_the_same,
            "That is the logarithm of how many values there are. Frequent values take fewer bits: use their shares.",
        ),
        WrongAnswer(
            mean_over_the_values,
            "You took the mean over the different values. Over the codes, a frequent value counts more often.",
        ),
        WrongAnswer(bits_of_the_largest, "You rounded up to whole bits. The entropy is a mean, and may be a fraction."),
        WrongAnswer(counts_without_division, "You used counts. Divide them by the number of codes to get shares."),
    ],
    hints=[
        "`codes.flatten().unique(return_counts=True)` gives the values and how often each occurs.",
        "With `shares = counts / counts.sum()`, it is `-(shares * shares.log2()).sum().item()`.",
    ],
    praise="A code that writes the codes one by one needs at least as many bits on average.",
    difficulty=1,
    right_answers=[with_a_counter, code_by_code],
)

# -------------------------------------------------------------------------------------------- compression.next_scale


def next_scale(
    scale: float,
    good_steps: int,
    found_inf: bool,
    interval: int,
) -> tuple[float, int]:
    """Return the scale of the next step, and how many good steps in a row there were.

    If a gradient was not finite (found_inf), the scale is halved and the count starts
    again at 0. Else the step was good: count it. When the count reaches the interval,
    the scale is doubled and the count starts again at 0.
    """
    if found_inf:
        return scale / 2, 0
    if good_steps + 1 == interval:
        return scale * 2, 0
    return scale, good_steps + 1


def by_the_remainder(scale, good_steps, found_inf, interval):
    """The count modulo the interval."""
    if found_inf:
        return 0.5 * scale, 0
    count = (good_steps + 1) % interval
    return (scale if count else 2 * scale), count


def by_factors(scale, good_steps, found_inf, interval):
    """A factor and a count."""
    count = 0 if found_inf else good_steps + 1
    full = count >= interval
    factor = 0.5 if found_inf else 2.0 if full else 1.0
    return scale * factor, 0 if full else count


def counts_the_bad_step(scale, good_steps, found_inf, interval):
    """The count goes on."""
    if found_inf:
        return scale / 2, good_steps
    return next_scale(scale, good_steps, False, interval)


def doubles_when_it_overflows(scale, good_steps, found_inf, interval):
    """The wrong direction."""
    if found_inf:
        return scale * 2, 0
    return next_scale(scale, good_steps, False, interval)


def one_step_late(scale, good_steps, found_inf, interval):
    """Looks at the count before this step."""
    if found_inf:
        return scale / 2, 0
    if good_steps == interval:
        return scale * 2, 0
    return scale, good_steps + 1


def counts_on_after_doubling(scale, good_steps, found_inf, interval):
    """No new start."""
    if found_inf:
        return scale / 2, 0
    return (scale * 2 if good_steps + 1 == interval else scale), good_steps + 1


def grows_with_each_good_step(scale, good_steps, found_inf, interval):
    """The interval is not looked at."""
    if found_inf:
        return scale / 2, 0
    return scale * 2, (good_steps + 1) % interval


def starts_again_at_one(scale, good_steps, found_inf, interval):
    """The step that overflowed counted as the first good one."""
    if found_inf:
        return scale / 2, 1
    return next_scale(scale, good_steps, False, interval)


def counts_the_overflow_too(scale, good_steps, found_inf, interval):
    """Every step is counted."""
    if found_inf:
        return scale / 2, good_steps + 1
    return next_scale(scale, good_steps, False, interval)


NEXT_SCALE = Exercise(
    name="compression.next_scale",
    answer=next_scale,
    cases=[
        (1024.0, 3, True, 10),
        (1024.0, 3, False, 10),
        (1024.0, 9, False, 10),
        (8.0, 0, False, 1),
        (64.0, 10, True, 20),
    ],
    wrong_answers=[
        WrongAnswer(
            counts_the_bad_step, "After an overflow your count goes on. The good steps must be in a row: 0 again."
        ),
        WrongAnswer(
            doubles_when_it_overflows, "You doubled after an overflow, so the next step overflows too. Halve it."
        ),
        WrongAnswer(one_step_late, "You do not double when the count reaches the interval: count this step first."),
        WrongAnswer(counts_on_after_doubling, "After doubling, the count starts again at 0."),
        WrongAnswer(grows_with_each_good_step, "You double after every good step. Wait for as many as the interval."),
        WrongAnswer(
            counts_the_overflow_too, "You counted the step that overflowed as a good one. It sets the count to 0."
        ),
        WrongAnswer(starts_again_at_one, "The step that overflowed was not good: the count starts at 0, not 1."),
    ],
    hints=[
        "Begin with the bad step: `if found_inf: return scale / 2, 0`.",
        "A good step makes the count `good_steps + 1`. Is it the interval? Then double, and start at 0.",
    ],
    praise="These are the decisions of `torch.amp.GradScaler`.",
    difficulty=2,
    right_answers=[by_the_remainder, by_factors],
)

EXERCISES = [
    MAGNITUDE_MASK,
    CSR_BYTES,
    GRADUAL_SHARE,
    FILTERS_TO_KEEP,
    QUANTIZE_SYMMETRIC,
    SCALE_AND_ZERO_POINT,
    PASS_GRADIENT,
    SMALLEST_WITHIN,
    ENTROPY_BITS,
    NEXT_SCALE,
]
