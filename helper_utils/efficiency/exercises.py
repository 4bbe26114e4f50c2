"""Exercises of the lesson 16_efficiency."""

import itertools
import math
import statistics
from statistics import fmean, median

import numpy as np
import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# --------------------------------------------------------------------------------------- efficiency.size_in_kb


def size_in_kb(
    parameters: dict[str, torch.Tensor],
    buffers: dict[str, torch.Tensor],
) -> float:
    """Return the size of a model in kB of 1024 bytes.

    parameters, buffers: tensors of any number type, by name.
    """
    tensors = [*parameters.values(), *buffers.values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1024


def bytes_that_torch_counts(parameters, buffers):
    """`nbytes` is the product."""
    n_bytes = sum(tensor.nbytes for tensor in parameters.values()) + sum(tensor.nbytes for tensor in buffers.values())
    return n_bytes / 2**10


def loop_over_both(parameters, buffers):
    """A running total."""
    kb = 0.0
    for tensors in (parameters, buffers):
        for name in tensors:
            kb += tensors[name].nelement() * tensors[name].dtype.itemsize / 1024
    return kb


def buffers_forgotten(parameters, buffers):  # noqa: ARG001 - that is the mistake
    """Parameters only."""
    return size_in_kb(parameters, {})


def bits_for_bytes(parameters, buffers):
    """Eight times as much."""
    return 8 * size_in_kb(parameters, buffers)


def bytes_taken_for_bits(parameters, buffers):
    """Divided by eight once too often."""
    return size_in_kb(parameters, buffers) / 8


def a_thousand_bytes(parameters, buffers):
    """The decimal kB."""
    return size_in_kb(parameters, buffers) * 1024 / 1000


def four_bytes_each(parameters, buffers):
    """Every number taken for a float32."""
    return sum(tensor.numel() * 4 for tensor in [*parameters.values(), *buffers.values()]) / 1024


def numbers_for_bytes(parameters, buffers):
    """Numbers counted, not their bytes."""
    return sum(tensor.numel() for tensor in [*parameters.values(), *buffers.values()]) / 1024


def rows_for_numbers(parameters, buffers):
    """len() of a tensor: its first axis only."""
    tensors = [*parameters.values(), *buffers.values()]
    return sum(len(tensor) * tensor.element_size() for tensor in tensors) / 1024


SIZE_IN_KB = Exercise(
    name="efficiency.size_in_kb",
    answer=size_in_kb,
    cases=[
        ({"weight": torch.zeros(2, 4)}, {}),
        ({"weight": torch.zeros(4, 8), "bias": torch.zeros(4)}, {"mean": torch.zeros(4)}),
        ({"weight": torch.zeros(3, 8, dtype=torch.float16)}, {"n_batches": torch.zeros(2, dtype=torch.int64)}),
        ({}, {}),
    ],
    wrong_answers=[
        WrongAnswer(
            buffers_forgotten,
            "Only the parameters are counted. Buffers, such as the running statistics of batch norm, take memory too.",
        ),
        WrongAnswer(
            bits_for_bytes,
            "That is eight times too much: bits, not bytes. `element_size()` is in bytes already.",
        ),
        WrongAnswer(
            bytes_taken_for_bits,
            "That is an eighth of it: you turned bits into bytes, but `element_size()` is in bytes already.",
        ),
        WrongAnswer(
            a_thousand_bytes,
            "You divided by a thousand. Here one kB has 1024 bytes.",
        ),
        WrongAnswer(
            four_bytes_each,
            "You gave every number four bytes. A float16 has two and an int64 has eight: ask each tensor.",
        ),
        WrongAnswer(
            numbers_for_bytes,
            "You counted numbers, not bytes. A float32 has four bytes.",
        ),
        WrongAnswer(
            rows_for_numbers,
            "`len` of a tensor is the length of its first axis. A matrix of 2 x 4 has eight numbers.",
        ),
    ],
    hints=[
        "The bytes of a tensor are how many numbers it has times the bytes of one number.",
        "`tensor.numel()` and `tensor.element_size()` are the two factors.",
        "Add up over `[*parameters.values(), *buffers.values()]`, and divide by 1024.",
    ],
    praise="You can now check what a model summary, a file manager and a paper call the size of a model.",
    difficulty=1,
    right_answers=[bytes_that_torch_counts, loop_over_both],
)

# ------------------------------------------------------------------------------- efficiency.conv_multiply_adds


def conv_multiply_adds(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    image_size: int,
    stride: int,
) -> int:
    """Return the multiply-adds of a convolution on one square image.

    The padding is such that the output has image_size / stride pixels in height and width,
    rounded up. There is no bias.
    """
    output_size = -(-image_size // stride)
    return output_size**2 * out_channels * in_channels * kernel_size**2


def ceiling_of_math(in_channels, out_channels, kernel_size, image_size, stride):
    """Work of one value times the number of values."""
    of_one_value = in_channels * kernel_size * kernel_size
    return of_one_value * out_channels * math.ceil(image_size / stride) ** 2


def places_of_the_window(in_channels, out_channels, kernel_size, image_size, stride):
    """As many stops as there are first pixels."""
    n_stops = len(range(0, image_size, stride))
    return (n_stops * kernel_size) ** 2 * in_channels * out_channels


def stride_forgotten(in_channels, out_channels, kernel_size, image_size, stride):  # noqa: ARG001 - the mistake
    """The size of the input for that of the output."""
    return image_size**2 * out_channels * in_channels * kernel_size**2


def stride_in_one_direction(in_channels, out_channels, kernel_size, image_size, stride):
    """The stride shortens height and width."""
    return image_size * -(-image_size // stride) * out_channels * in_channels * kernel_size**2


def rounded_down(in_channels, out_channels, kernel_size, image_size, stride):
    """Floor for ceiling."""
    return (image_size // stride) ** 2 * out_channels * in_channels * kernel_size**2


def rounded_to_nearest(in_channels, out_channels, kernel_size, image_size, stride):
    """round() for ceiling."""
    return round(image_size / stride) ** 2 * out_channels * in_channels * kernel_size**2


def kernel_not_squared(in_channels, out_channels, kernel_size, image_size, stride):
    """A row of the kernel only."""
    return conv_multiply_adds(in_channels, out_channels, kernel_size, image_size, stride) // kernel_size


def input_channels_forgotten(in_channels, out_channels, kernel_size, image_size, stride):  # noqa: ARG001
    """As if each filter looked at one channel."""
    return conv_multiply_adds(1, out_channels, kernel_size, image_size, stride)


def output_channels_forgotten(in_channels, out_channels, kernel_size, image_size, stride):  # noqa: ARG001
    """As if there were one filter."""
    return conv_multiply_adds(in_channels, 1, kernel_size, image_size, stride)


def operations(in_channels, out_channels, kernel_size, image_size, stride):
    """A multiplication and an addition are two."""
    return 2 * conv_multiply_adds(in_channels, out_channels, kernel_size, image_size, stride)


def parameters_only(in_channels, out_channels, kernel_size, image_size, stride):  # noqa: ARG001
    """The weights, each once."""
    return out_channels * in_channels * kernel_size**2


CONV_MULTIPLY_ADDS = Exercise(
    name="efficiency.conv_multiply_adds",
    answer=conv_multiply_adds,
    cases=[
        (2, 3, 1, 4, 1),
        (3, 8, 3, 16, 1),
        (8, 16, 3, 16, 2),
        (4, 5, 3, 7, 2),
        (4, 5, 3, 7, 3),
        (4, 5, 3, 8, 3),
    ],
    wrong_answers=[
        WrongAnswer(
            stride_forgotten,
            "With a stride the window stops at fewer places: count the pixels of the output, not those of the input.",
        ),
        WrongAnswer(
            stride_in_one_direction,
            "The stride shortens the output in height and in width; yours is shorter in one direction only.",
        ),
        WrongAnswer(
            rounded_down,
            "Where the stride does not divide the image size, the size of the output is rounded up here.",
        ),
        WrongAnswer(
            rounded_to_nearest,
            "You rounded to the nearest number. Here it is rounded up, always: 7 pixels with a stride of 3 give 3.",
        ),
        WrongAnswer(
            kernel_not_squared,
            "A kernel is a square: it has kernel_size times kernel_size weights for each channel.",
        ),
        WrongAnswer(
            input_channels_forgotten,
            "Each filter looks at all channels that come in, and has weights for each of them.",
        ),
        WrongAnswer(
            output_channels_forgotten,
            "That is the work for one channel of the output. There are out_channels filters.",
        ),
        WrongAnswer(
            operations,
            "That counts a multiplication and its addition as two operations. As a multiply-add they are one.",
        ),
        WrongAnswer(
            parameters_only,
            "That is the number of weights. Each of them is used once for every pixel of the output.",
        ),
    ],
    hints=[
        "One value of the output is a sum over all channels that come in and all places of the kernel.",
        "So it takes in_channels · kernel_size² multiply-adds. Now count the values of the output.",
        "`-(-image_size // stride)` is the quotient rounded up; the output has its square times out_channels values.",
    ],
    praise="With this one formula you can see where the work of any convolutional network is, without running it.",
    difficulty=1,
    right_answers=[ceiling_of_math, places_of_the_window],
)

# ------------------------------------------------------------------------------------ efficiency.summarize_passes


def summarize_passes(looks: list[float], n_warmup: int) -> tuple[float, float]:
    """Return the median and the third quartile of the times of the passes, in s.

    looks: what the clock showed, in s: once before the first pass, then after each.
    The first n_warmup passes do not count. The quartile is the smallest of the times
    that at least 75 % of them do not exceed.
    """
    times = sorted(looks[i + 1] - looks[i] for i in range(n_warmup, len(looks) - 1))
    return statistics.median(times), times[math.ceil(0.75 * len(times)) - 1]


def _looks(times: list[float]) -> list[float]:
    """What a clock shows before the first of these passes and after each."""
    return list(itertools.accumulate(times, initial=100.0))


def _times(looks: list[float], n_warmup: int) -> list[float]:
    """The times that count, in the order of the passes."""
    return [after - before for before, after in itertools.pairwise(looks)][n_warmup:]


def passes_with_numpy(looks, n_warmup):
    """NumPy's quartile, by the method that gives one of the values."""
    times = np.diff(looks)[n_warmup:]
    return float(np.median(times)), float(np.percentile(times, 75, method="inverted_cdf"))


def passes_by_definition(looks, n_warmup):
    """The quartile counted from its definition, in whole numbers."""
    times = _times(looks, n_warmup)
    long_enough = [t for t in times if 100 * sum(other <= t for other in times) >= 75 * len(times)]
    return median(times), min(long_enough)


def warmup_timed(looks, n_warmup):  # noqa: ARG001 - that is the mistake
    """The slow first passes are among the times."""
    return summarize_passes(looks, 0)


def one_pass_too_many_left_out(looks, n_warmup):
    """The look before the first pass is taken for a pass."""
    return summarize_passes(looks, n_warmup + 1) if len(looks) > n_warmup + 2 else (0.0, 0.0)


def time_since_the_start(looks, n_warmup):
    """Times from the start of all, not from the look before."""
    times = [look - looks[n_warmup] for look in looks[n_warmup + 1 :]]
    return median(times), times[math.ceil(0.75 * len(times)) - 1]


def mean_for_the_median(looks, n_warmup):
    """An outlier moves it."""
    return fmean(_times(looks, n_warmup)), summarize_passes(looks, n_warmup)[1]


def minimum_for_the_median(looks, n_warmup):
    """What the machine can do."""
    return min(_times(looks, n_warmup)), summarize_passes(looks, n_warmup)[1]


def upper_of_two_middles(looks, n_warmup):
    """times[n // 2], also where their number is even."""
    times = sorted(_times(looks, n_warmup))
    return times[len(times) // 2], summarize_passes(looks, n_warmup)[1]


def maximum_for_the_quartile(looks, n_warmup):
    """The slowest pass."""
    times = _times(looks, n_warmup)
    return median(times), max(times)


def counted_from_one(looks, n_warmup):
    """The position, without the 1 that is subtracted."""
    times = sorted(_times(looks, n_warmup))
    return median(times), times[int(0.75 * len(times))]


def interpolated_quartile(looks, n_warmup):
    """NumPy's default, between two of the times."""
    times = _times(looks, n_warmup)
    return median(times), float(np.percentile(times, 75))


def times_not_sorted(looks, n_warmup):
    """The position counted in the order in which the passes ran."""
    times = _times(looks, n_warmup)
    return median(times), times[math.ceil(0.75 * len(times)) - 1]


def milliseconds_for_seconds(looks, n_warmup):
    """A thousand times as much."""
    middle, quartile = summarize_passes(looks, n_warmup)
    return 1000 * middle, 1000 * quartile


SUMMARIZE_PASSES = Exercise(
    name="efficiency.summarize_passes",
    answer=summarize_passes,
    cases=[
        (_looks([9.0, 2.0, 7.0, 3.0]), 1),
        (_looks([9.0, 8.0, 1.0, 6.0, 2.0, 4.0]), 2),
        (_looks([0.5]), 0),
        (_looks([16.0, 2.0, 2.0, 8.0, 2.0, 2.0, 2.0]), 1),
        (_looks([7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]), 0),
    ],
    wrong_answers=[
        WrongAnswer(
            warmup_timed,
            "The passes of the warm-up are among your times. Leave the first n_warmup of them out.",
        ),
        WrongAnswer(
            one_pass_too_many_left_out,
            "You left one pass too many out: the first look at the clock is where the first pass begins.",
        ),
        WrongAnswer(
            time_since_the_start,
            "You took the time since the warm-up. The time of a pass is the difference of two looks in a row.",
        ),
        WrongAnswer(
            mean_for_the_median,
            "The first value is the mean, and one interrupted pass moves it. Return the median, the middle time.",
        ),
        WrongAnswer(
            minimum_for_the_median,
            "The first value is the shortest time. That is what the machine can do; a user usually gets the median.",
        ),
        WrongAnswer(
            upper_of_two_middles,
            "With an even number of passes there are two middle times, and the median is their mean.",
        ),
        WrongAnswer(
            maximum_for_the_quartile,
            "The second value is the slowest pass. Of 4 passes the third quartile is the second slowest.",
        ),
        WrongAnswer(
            counted_from_one,
            "Your quartile is one position too far: the time at position 1 has the index 0.",
        ),
        WrongAnswer(
            interpolated_quartile,
            "Your quartile lies between two times. Here it is one of the times that were measured.",
        ),
        WrongAnswer(
            times_not_sorted,
            "Your quartile is a time at a position in the order of the passes. Sort the times before you count.",
        ),
        WrongAnswer(
            milliseconds_for_seconds,
            "That is a thousand times too much: the clock is in s, and so is the answer.",
        ),
    ],
    hints=[
        "The time of pass i, counted from 0, is `looks[i + 1] - looks[i]`.",
        "Leave the first n_warmup times out, and sort the others: `statistics.median` gives the middle.",
        "The quartile stands at position `math.ceil(0.75 * len(times))`, counted from 1.",
    ],
    praise="These lines summarize whatever was timed: a network below, a data loader or a server elsewhere.",
    difficulty=2,
    right_answers=[passes_with_numpy, passes_by_definition],
)

# ----------------------------------------------------------------------------------- efficiency.min_max_scores


def min_max_scores(values: list[float], higher_is_better: bool) -> list[float]:
    """Return a score for each value: 0 for the worst, 1 for the best, linear between.

    Where all values are equal, nobody is worse than the best, and all get 1.
    """
    low, high = min(values), max(values)
    if low == high:
        return [1.0] * len(values)
    rising = [(value - low) / (high - low) for value in values]
    return rising if higher_is_better else [1 - score for score in rising]


def from_worst_to_best(values, higher_is_better):
    """The same formula for both directions."""
    worst, best = (min(values), max(values)) if higher_is_better else (max(values), min(values))
    if worst == best:
        return [1.0 for _ in values]
    return [(value - worst) / (best - worst) for value in values]


def tensor_of_scores(values, higher_is_better):
    """All values at once, with the sign turned round first."""
    goodness = torch.tensor(values, dtype=torch.float64) * (1 if higher_is_better else -1)
    spread = goodness.max() - goodness.min()
    if spread == 0:
        return torch.ones_like(goodness).tolist()
    return ((goodness - goodness.min()) / spread).tolist()


def never_inverted(values, higher_is_better):  # noqa: ARG001 - that is the mistake
    """The largest is always the best."""
    return min_max_scores(values, True)


def always_inverted(values, higher_is_better):
    """The other way round."""
    return min_max_scores(values, not higher_is_better)


def share_of_the_largest(values, higher_is_better):
    """Divided by the maximum, the minimum not subtracted."""
    if min(values) == max(values):
        return [1.0] * len(values)
    rising = [value / max(values) for value in values]
    return rising if higher_is_better else [1 - score for score in rising]


def reciprocal(values, higher_is_better):
    """Inverted by 1/x: not linear."""
    if higher_is_better:
        return min_max_scores(values, True)
    return min_max_scores([1 / value for value in values], True)


def divides_by_zero(values, higher_is_better):
    """0/0 where all are equal."""
    low, high = min(values), max(values)
    rising = [(value - low) / (high - low) for value in values]
    return rising if higher_is_better else [1 - score for score in rising]


def all_equal_gives_zero(values, higher_is_better):
    """The worst of its column."""
    if min(values) == max(values):
        return [0.0] * len(values)
    return min_max_scores(values, higher_is_better)


def negative(values, higher_is_better):
    """Inverted by a sign: from -1 to 0."""
    rising = min_max_scores(values, True)
    return rising if higher_is_better or min(values) == max(values) else [-score for score in rising]


def nan_where_all_are_equal(values, higher_is_better):
    """Arrays and tensors divide 0 by 0 without an error."""
    column = torch.tensor(values, dtype=torch.float64)
    rising = (column - column.min()) / (column.max() - column.min())
    return (rising if higher_is_better else 1 - rising).tolist()


MIN_MAX_SCORES = Exercise(
    name="efficiency.min_max_scores",
    answer=min_max_scores,
    cases=[
        ([0.8, 0.9, 0.85], True),
        ([10.0, 40.0, 20.0], False),
        ([3.0, 3.0], True),
        ([5.0], False),
    ],
    wrong_answers=[
        WrongAnswer(
            never_inverted,
            "Where higher_is_better is False the smallest value is the best and gets 1. Turn the scale round.",
        ),
        WrongAnswer(
            always_inverted,
            "The scale is turned round in the wrong case: it is so where higher_is_better is False.",
        ),
        WrongAnswer(
            share_of_the_largest,
            "You divided by the largest value. The smallest must be subtracted first, or the worst does not get 0.",
        ),
        WrongAnswer(
            reciprocal,
            "1/x turns the order round, but it is not linear. Bring the values to [0, 1], and subtract that from 1.",
        ),
        WrongAnswer(
            divides_by_zero,
            "Where all values are equal you divide 0 by 0. Nobody is worse than the best there, and all get 1.",
        ),
        WrongAnswer(
            nan_where_all_are_equal,
            "Where all values are equal, 0 / 0 of an array or a tensor is nan, without an error. All get 1 there.",
        ),
        WrongAnswer(
            all_equal_gives_zero,
            "Where all values are equal you call all of them the worst. They are all the best too, and get 1.",
        ),
        WrongAnswer(
            negative,
            "A minus turns the order round, but the scores must lie between 0 and 1. Subtract the score from 1.",
        ),
    ],
    hints=[
        "Subtract the smallest value, and divide by the largest minus the smallest: that runs from 0 to 1.",
        "If small values are the good ones, the score is 1 minus that.",
        "Look at `min(values) == max(values)` before you divide, and return `[1.0] * len(values)` there.",
    ],
    praise="You know the score from the inside now: it hangs on the worst and the best of the table.",
    difficulty=2,
    right_answers=[from_worst_to_best, tensor_of_scores],
)

# ---------------------------------------------------------------------------------------- efficiency.dominates


def dominates(one: dict[str, float], other: dict[str, float]) -> bool:
    """Say whether one model dominates the other.

    It is at least as accurate, as small and as fast, and better in one of the three.
    Keys: "accuracy", "model_size_mb", "inference_time_ms".
    """
    ours = (one["accuracy"], -one["model_size_mb"], -one["inference_time_ms"])
    theirs = (other["accuracy"], -other["model_size_mb"], -other["inference_time_ms"])
    return ours != theirs and all(a >= b for a, b in zip(ours, theirs, strict=True))


def written_out(one, other):
    """Six comparisons."""
    no_worse = (
        one["accuracy"] >= other["accuracy"]
        and one["model_size_mb"] <= other["model_size_mb"]
        and one["inference_time_ms"] <= other["inference_time_ms"]
    )
    better = (
        one["accuracy"] > other["accuracy"]
        or one["model_size_mb"] < other["model_size_mb"]
        or one["inference_time_ms"] < other["inference_time_ms"]
    )
    return no_worse and better


def signs_of_the_advantages(one, other):
    """The advantages as numbers: none below 0, one above."""
    advantages = [one["accuracy"] - other["accuracy"]]
    advantages += [other[key] - one[key] for key in ("model_size_mb", "inference_time_ms")]
    return min(advantages) >= 0 and max(advantages) > 0


def better_in_all(one, other):
    """Strictly better everywhere."""
    return (
        one["accuracy"] > other["accuracy"]
        and one["model_size_mb"] < other["model_size_mb"]
        and one["inference_time_ms"] < other["inference_time_ms"]
    )


def better_in_any(one, other):
    """One advantage is enough."""
    return (
        one["accuracy"] > other["accuracy"]
        or one["model_size_mb"] < other["model_size_mb"]
        or one["inference_time_ms"] < other["inference_time_ms"]
    )


def not_worse(one, other):
    """A model would dominate itself."""
    return (
        one["accuracy"] >= other["accuracy"]
        and one["model_size_mb"] <= other["model_size_mb"]
        and one["inference_time_ms"] <= other["inference_time_ms"]
    )


def large_is_good(one, other):
    """Size and time not turned round."""
    return one != other and all(one[key] >= other[key] for key in ("accuracy", "model_size_mb", "inference_time_ms"))


def small_is_good(one, other):
    """Accuracy turned round too."""
    return one != other and all(one[key] <= other[key] for key in ("accuracy", "model_size_mb", "inference_time_ms"))


def size_forgotten(one, other):
    """Accuracy and time only."""
    return dominates({**one, "model_size_mb": 0.0}, {**other, "model_size_mb": 0.0})


def time_forgotten(one, other):
    """Accuracy and size only."""
    return dominates({**one, "inference_time_ms": 0.0}, {**other, "inference_time_ms": 0.0})


def other_way_round(one, other):
    """The two have changed places."""
    return dominates(other, one)


def _model(accuracy: float, size: float, time: float) -> dict[str, float]:
    return {"accuracy": accuracy, "model_size_mb": size, "inference_time_ms": time}


DOMINATES = Exercise(
    name="efficiency.dominates",
    answer=dominates,
    cases=[
        (_model(0.9, 10.0, 1.0), _model(0.8, 20.0, 2.0)),
        (_model(0.9, 10.0, 1.0), _model(0.9, 10.0, 2.0)),
        (_model(0.9, 10.0, 1.0), _model(0.9, 20.0, 1.0)),
        (_model(0.9, 10.0, 1.0), _model(0.8, 10.0, 1.0)),
        (_model(0.9, 10.0, 1.0), _model(0.9, 10.0, 1.0)),
        (_model(0.9, 20.0, 2.0), _model(0.8, 10.0, 1.0)),
        (_model(0.8, 10.0, 1.0), _model(0.9, 20.0, 2.0)),
        (_model(0.9, 20.0, 1.0), _model(0.8, 10.0, 2.0)),
        (_model(0.9, 10.0, 2.0), _model(0.8, 20.0, 1.0)),
    ],
    wrong_answers=[
        WrongAnswer(
            better_in_all,
            "A model that is better in one of the three and equal in the others dominates too. Yours misses that.",
        ),
        WrongAnswer(
            better_in_any,
            "One advantage is not enough: in the other two the model must not be worse.",
        ),
        WrongAnswer(
            not_worse,
            "Two equal models do not dominate each other, and yours do. Ask for one advantage as well.",
        ),
        WrongAnswer(
            large_is_good,
            "A large model and a long time are taken for good. Only of accuracy is more better.",
        ),
        WrongAnswer(
            small_is_good,
            "A low accuracy is taken for good. Only of size and time is less better.",
        ),
        WrongAnswer(
            size_forgotten,
            "The size is not looked at: a model that is larger than the other does not dominate it.",
        ),
        WrongAnswer(
            time_forgotten,
            "The time is not looked at: a model that is slower than the other does not dominate it.",
        ),
        WrongAnswer(
            other_way_round,
            "That says whether the *other* dominates the *one*: the two have changed places.",
        ),
    ],
    hints=[
        "There are two conditions: nowhere worse, and somewhere better.",
        "Nowhere worse: `>=` for the accuracy, `<=` for size and time, joined by `and`.",
        "If it is nowhere worse, then it is somewhere better exactly if the two differ in one of the three.",
    ],
    praise="With this word you can say what a front is: all models that nobody dominates.",
    difficulty=2,
    right_answers=[written_out, signs_of_the_advantages],
)

EXERCISES = [SIZE_IN_KB, CONV_MULTIPLY_ADDS, SUMMARIZE_PASSES, MIN_MAX_SCORES, DOMINATES]
