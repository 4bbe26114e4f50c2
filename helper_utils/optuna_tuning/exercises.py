"""Exercises of the lesson 14_optuna_tuning."""

import math
import statistics

import numpy as np

from helper_utils.teaching.registry import Exercise, WrongAnswer

# -------------------------------------------------------------------------------------- optuna_tuning.log_uniform


def log_uniform(u: float, low: float, high: float) -> float:
    """Return the value at the share u of the way from low to high on a logarithmic scale.

    With u drawn evenly from [0, 1], every decade between low and high is equally likely.
    0 < low < high.
    """
    return low * (high / low) ** u


def between_the_logarithms(u, low, high):
    """To logarithms and back."""
    return math.exp(math.log(low) + u * (math.log(high) - math.log(low)))


def weighted_geometric_mean(u, low, high):
    """The ends with exponents that add up to 1."""
    return low ** (1 - u) * high**u


def linear_scale(u, low, high):
    """Evenly spread over the values, not over the decades."""
    return low + u * (high - low)


def exponent_only(u, low, high):
    """The exponent is not raised again."""
    return math.log10(low) + u * (math.log10(high) - math.log10(low))


def natural_exponent(u, low, high):
    """The natural logarithm is not undone."""
    return math.log(low) + u * (math.log(high) - math.log(low))


def difference_for_ratio(u, low, high):
    """The factor over the whole range is the ratio of its ends."""
    return low * (high - low) ** u


def from_high_to_low(u, low, high):
    """The ends exchanged."""
    return high * (low / high) ** u


def mixed_bases(u, low, high):
    """A natural logarithm, undone with a power of ten."""
    return 10 ** (math.log(low) + u * (math.log(high) - math.log(low)))


LOG_UNIFORM = Exercise(
    name="optuna_tuning.log_uniform",
    answer=log_uniform,
    cases=[
        (0.5, 1.0, 100.0),
        (0.0, 1.0, 10.0),
        (0.25, 1e-4, 1.0),
        (1.0, 0.5, 8.0),
        (0.5, 1e-5, 1e-1),
        (0.3, 4.0, 128.0),
        (0.5, 2.0, 9.0),
    ],
    wrong_answers=[
        WrongAnswer(
            linear_scale,
            "That is the linear scale: between 0.00001 and 1, nine of ten rates would lie above 0.1. Go the share u of "
            "the way between the logarithms.",
        ),
        WrongAnswer(
            exponent_only,
            "That is the exponent (the logarithm of the value). Undo the logarithm: raise the base to it.",
        ),
        WrongAnswer(
            natural_exponent,
            "That is the natural logarithm of the value. Undo it with `math.exp`.",
        ),
        WrongAnswer(
            difference_for_ratio,
            "On a logarithmic scale the whole way from low to high is a factor, high / low, not the difference.",
        ),
        WrongAnswer(
            from_high_to_low,
            "You walk from high to low: u = 0 must give low and u = 1 must give high.",
        ),
        WrongAnswer(
            mixed_bases,
            "You took a natural logarithm and undid it with a power of ten. Take both in one base: `math.log` with "
            "`math.exp`, or `math.log10` with `10 **`.",
        ),
    ],
    hints=[
        "Half of the way from 1 to 100 is 10 on this scale: equal steps are equal factors.",
        "Interpolate between `math.log(low)` and `math.log(high)`, then undo the logarithm.",
        "The factor of the whole way is `high / low`; of the share u of it, `(high / low) ** u`.",
    ],
    praise="This is what `suggest_float(..., log=True)` does for you; a rate belongs on this scale.",
    difficulty=1,
    right_answers=[between_the_logarithms, weighted_geometric_mean],
)

# ------------------------------------------------------------------------------------- optuna_tuning.should_prune


def should_prune(curve: list[float], earlier_curves: list[list[float]]) -> bool:
    """Say whether the median rule ends a trial now. Higher values are better.

    curve: what the trial has reported so far, a value for each epoch.
    earlier_curves: the same of the trials that ran to their end.
    The rule: the best value so far is below the median of what those trials had
    reported at the same epoch. Without earlier trials, or without a report of its own
    (an empty curve), the trial goes on.
    """
    if not curve or not earlier_curves:
        return False
    epoch = len(curve)
    return max(curve) < statistics.median(earlier[epoch - 1] for earlier in earlier_curves)


def median_of_numpy(curve, earlier_curves):
    """The cases one after the other, and NumPy's median."""
    if len(curve) == 0 or len(earlier_curves) == 0:
        return False
    there = np.median([earlier[len(curve) - 1] for earlier in earlier_curves])
    return bool(there > max(curve))


def median_by_hand(curve, earlier_curves):
    """The two in the middle of the sorted values, which are one where their number is odd."""
    if curve and earlier_curves:
        ordered = sorted(earlier[len(curve) - 1] for earlier in earlier_curves)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        return all(value < middle for value in curve)
    return False


def at_same_epoch(curve, earlier_curves):
    """What the earlier trials had reported when they were as far."""
    return [earlier[len(curve) - 1] for earlier in earlier_curves]


def prunes_before_reporting(curve, earlier_curves):
    """A trial that has not reported yet counts as the worst."""
    return not curve or should_prune(curve, earlier_curves)


def mean_for_median(curve, earlier_curves):
    """A single failed trial moves the mean."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.mean(at_same_epoch(curve, earlier_curves))


def upper_median(curve, earlier_curves):
    """Of an even number of values, the upper of the two in the middle."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.median_high(at_same_epoch(curve, earlier_curves))


def lower_median(curve, earlier_curves):
    """Of an even number of values, the lower of the two in the middle."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.median_low(at_same_epoch(curve, earlier_curves))


def best_of_the_others(curve, earlier_curves):
    """The earlier trials' best values so far, too."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.median(max(earlier[: len(curve)]) for earlier in earlier_curves)


def minimises(curve, earlier_curves):
    """Ends the good ones."""
    if not curve or not earlier_curves:
        return False
    return min(curve) > statistics.median(at_same_epoch(curve, earlier_curves))


def last_for_best(curve, earlier_curves):
    """One bad epoch ends a good trial."""
    return bool(curve) and should_prune([-math.inf] * (len(curve) - 1) + curve[-1:], earlier_curves)


def final_values(curve, earlier_curves):
    """Compares a beginner with those who are at the end."""
    return bool(curve) and bool(earlier_curves) and max(curve) < statistics.median(c[-1] for c in earlier_curves)


def all_values(curve, earlier_curves):
    """The values of all epochs, thrown together."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.median(value for earlier in earlier_curves for value in earlier)


def ties_end(curve, earlier_curves):
    """At or below the median."""
    if not curve or not earlier_curves:
        return False
    return max(curve) <= statistics.median(at_same_epoch(curve, earlier_curves))


def one_epoch_later(curve, earlier_curves):
    """Indices taken to begin with 1."""
    if not curve or not earlier_curves:
        return False
    return max(curve) < statistics.median(earlier[len(curve)] for earlier in earlier_curves)


SHOULD_PRUNE = Exercise(
    name="optuna_tuning.should_prune",
    answer=should_prune,
    cases=[
        ([0.5], [[0.25], [0.75], [0.75]]),
        ([0.75], [[0.25], [0.5], [0.625]]),
        ([0.5], [[0.25], [0.75]]),
        ([0.4375], [[0.25], [0.75]]),
        ([0.5], [[0.25, 0.75], [0.375, 0.875], [0.25, 0.75]]),
        ([0.5, 0.625], [[0.25, 0.75], [0.375, 0.6875], [0.5, 0.875]]),
        ([0.5, 0.5], [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25]]),
        ([0.5], [[0.5, 0.75], [0.25, 0.5], [0.75, 0.875]]),
        ([0.5], [[0.0, 0.1], [0.5625, 0.75], [0.625, 0.75]]),
        ([0.75, 0.25], [[0.25, 0.5], [0.5, 0.5], [0.25, 0.625]]),
        ([0.25], [[0.5, 0.75]]),
        ([0.5, 0.5], [[0.75, 0.25, 0.875], [0.625, 0.375, 0.75], [0.75, 0.25, 0.75]]),
        ([0.5], []),
        ([], [[0.5, 0.75], [0.25, 0.5]]),
    ],
    wrong_answers=[
        WrongAnswer(
            prunes_before_reporting,
            "You end a trial that has reported nothing yet. Report first, ask then: an empty curve goes on.",
        ),
        WrongAnswer(
            mean_for_median,
            "That is the mean. A few trials that never learned pull it down, and mediocre trials are kept: take the "
            "median.",
        ),
        WrongAnswer(
            upper_median,
            "Of an even number of values you took the upper of the two in the middle. The median lies half-way between "
            "the two: `statistics.median`.",
        ),
        WrongAnswer(
            lower_median,
            "You took the lower of the two in the middle, where the number of values is even. The median lies half-way "
            "between the two: `statistics.median`.",
        ),
        WrongAnswer(
            best_of_the_others,
            "You took the best so far of the earlier trials, too. The best counts for the trial that is judged; of the "
            "others, what they reported at this very epoch.",
        ),
        WrongAnswer(
            minimises,
            "You end the trials that are above the others: that is the rule for a value to be minimized. Here higher "
            "is better.",
        ),
        WrongAnswer(
            last_for_best,
            "You looked at the last value only. One bad epoch must not end a good trial: compare the best so far.",
        ),
        WrongAnswer(
            final_values,
            "You compared with the last values of the earlier trials. A trial in its first epoch would hardly ever "
            "pass: compare at the same epoch.",
        ),
        WrongAnswer(
            all_values,
            "You took the median over all epochs of the earlier trials. Early and late values do not compare: take one "
            "value of each, that of the same epoch.",
        ),
        WrongAnswer(
            one_epoch_later,
            "Index `len(curve)` is the epoch after this one. Indices begin with 0, so the same epoch is "
            "`len(curve) - 1`.",
        ),
        WrongAnswer(
            ties_end,
            "A trial that is level with the median goes on: it ends when it is below.",
        ),
    ],
    hints=[
        "The epoch is `len(curve)`. What each earlier trial had reported then is `earlier[epoch - 1]`.",
        "See to the two empty cases: where nothing is reported, or nothing to compare with, return False.",
        "Then return `max(curve) < statistics.median(...)` (`import statistics`).",
    ],
    praise="This is the rule of Optuna's `MedianPruner`, which spares its first five trials.",
    difficulty=2,
    right_answers=[median_of_numpy, median_by_hand],
)

# ------------------------------------------------------------------------------------- optuna_tuning.pareto_front


def pareto_front(accuracies: list[float], sizes: list[float]) -> list[int]:
    """Return the indices of the networks that no other one dominates, in ascending order.

    One network dominates another if it is at least as accurate and at most as large, and
    better in one of the two. Equal networks do not dominate each other.
    """
    pairs = list(zip(accuracies, sizes, strict=True))
    return [
        i
        for i, (accuracy, size) in enumerate(pairs)
        if not any(a >= accuracy and s <= size and (a, s) != (accuracy, size) for a, s in pairs)
    ]


def loop_over_all_pairs(accuracies, sizes):
    """Two loops and a flag."""
    front = []
    for i in range(len(sizes)):
        dominated = False
        for j in range(len(sizes)):
            no_worse = accuracies[j] >= accuracies[i] and sizes[j] <= sizes[i]
            better = accuracies[j] > accuracies[i] or sizes[j] < sizes[i]
            dominated = dominated or (no_worse and better)
        if not dominated:
            front.append(i)
    return front


def walk_by_size(accuracies, sizes):
    """From the smallest up: on the front is what is more accurate than all before, and what equals it."""
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], -accuracies[i]))
    front: list[int] = []
    for i in order:
        last = front[-1] if front else i
        if (
            not front
            or accuracies[i] > accuracies[last]
            or (accuracies[i], sizes[i]) == (accuracies[last], sizes[last])
        ):
            front.append(i)
    return sorted(front)


def large_is_good(accuracies, sizes):
    """The size is maximised."""
    return pareto_front(accuracies, [-size for size in sizes])


def inaccurate_is_good(accuracies, sizes):
    """The accuracy is minimised."""
    return pareto_front([-accuracy for accuracy in accuracies], sizes)


def equals_drop_out(accuracies, sizes):
    """Two equal networks dominate each other."""
    pairs = list(zip(accuracies, sizes, strict=True))
    return [
        i
        for i, (accuracy, size) in enumerate(pairs)
        if not any(j != i and a >= accuracy and s <= size for j, (a, s) in enumerate(pairs))
    ]


def better_in_both(accuracies, sizes):
    """Only what is strictly better in both dominates."""
    pairs = list(zip(accuracies, sizes, strict=True))
    return [i for i, (acc, size) in enumerate(pairs) if not any(a > acc and s < size for a, s in pairs)]


def the_two_ends(accuracies, sizes):
    """The best of each alone."""
    ranks = range(len(sizes))
    most_accurate = max(ranks, key=lambda i: (accuracies[i], -sizes[i]))
    smallest = min(ranks, key=lambda i: (sizes[i], -accuracies[i]))
    return sorted({most_accurate, smallest})


def in_order_of_size(accuracies, sizes):
    """Sorted by the size."""
    return sorted(pareto_front(accuracies, sizes), key=lambda i: (sizes[i], i))


PARETO_FRONT = Exercise(
    name="optuna_tuning.pareto_front",
    answer=pareto_front,
    cases=[
        ([0.9, 0.8], [10, 20]),
        ([0.8, 0.9, 0.7], [10, 20, 15]),
        ([0.7, 0.8, 0.9], [1, 2, 3]),
        ([0.9, 0.9, 0.8], [10, 20, 10]),
        ([0.9, 0.9, 0.5], [10, 10, 5]),
        ([0.95, 0.9, 0.6, 0.85, 0.5], [50, 20, 5, 25, 5]),
    ],
    wrong_answers=[
        WrongAnswer(
            large_is_good,
            "You kept the large networks: that is the front for maximizing the size. A smaller network is better.",
        ),
        WrongAnswer(
            inaccurate_is_good,
            "You kept the inaccurate networks: that is the front for minimizing the accuracy. A higher one is better.",
        ),
        WrongAnswer(
            equals_drop_out,
            "Two equal networks threw each other out. To dominate, one must be better in at least one of the two.",
        ),
        WrongAnswer(
            better_in_both,
            "You asked for better in both. A network of the same size and a higher accuracy dominates, too: as good in "
            "one and better in the other is enough.",
        ),
        WrongAnswer(
            the_two_ends,
            "You kept the two ends, the most accurate and the smallest. The front also holds what lies between: each "
            "network that nothing else beats in both.",
        ),
        WrongAnswer(in_order_of_size, "The right networks, in another order: return their indices in ascending order."),
    ],
    hints=[
        "Take one network after the other and ask of all others whether one of them dominates it.",
        "`a >= accuracy and s <= size` says that (a, s) is nowhere worse; that the pairs differ says that it is "
        "somewhere better.",
        "`[i for i in ... if not any(... for a, s in zip(accuracies, sizes))]`.",
    ],
    praise="These are `study.best_trials`: from here on taste and budget decide, not the search.",
    difficulty=3,
    right_answers=[loop_over_all_pairs, walk_by_size],
)

# -------------------------------------------------------------------------------------- optuna_tuning.best_so_far


def best_so_far(values: list[float]) -> list[float]:
    """Return, for each trial, the highest value of all trials up to it.

    A trial that failed has the value nan and changes nothing. Before the first value
    there is nothing yet: nan.
    """
    best, curve = math.nan, []
    for value in values:
        if not math.isnan(value) and not value <= best:
            best = value
        curve.append(best)
    return curve


def highest_of_each_beginning(values):
    """The maximum of what came until then, without nan."""
    beginnings = [values[: i + 1] for i in range(len(values))]
    return [max((v for v in beginning if not math.isnan(v)), default=math.nan) for beginning in beginnings]


def fmax_of_numpy(values):
    """`fmax` takes the number where the other one is nan."""
    return np.fmax.accumulate(values).tolist()


def lowest_so_far(values):
    """For a loss."""
    return [-value for value in best_so_far([-value for value in values])]


def knows_the_future(values):
    """The best of all trials, from the start."""
    return [max(value for value in values if not math.isnan(value))] * len(values)


def failure_spreads(values):
    """From the first nan on, all is nan."""
    curve = []
    for value in values:
        spoiled = math.isnan(value) or (curve and math.isnan(curve[-1]))
        curve.append(math.nan if spoiled else max([*curve[-1:], value]))
    return curve


def failures_left_out(values):
    """The curve is shorter than the study."""
    return [best for best, value in zip(best_so_far(values), values, strict=True) if not math.isnan(value)]


def failure_is_zero(values):
    """A trial that failed has an accuracy of 0."""
    return best_so_far([0.0 if math.isnan(value) else value for value in values])


def better_of_two(values):
    """Looks back one trial only."""
    return [best_so_far(values[max(0, i - 1) : i + 1])[-1] for i in range(len(values))]


BEST_SO_FAR = Exercise(
    name="optuna_tuning.best_so_far",
    answer=best_so_far,
    cases=[
        ([0.5, 0.75],),
        ([0.5, 0.75, 0.25, 0.25],),
        ([0.75, 0.5, 0.25, 0.875],),
        ([0.5, math.nan, 0.75],),
        ([math.nan, 0.5, math.nan, 0.25],),
        ([-2.0, math.nan, -1.0],),
    ],
    wrong_answers=[
        WrongAnswer(lowest_so_far, "That is the lowest so far, as for a loss. Here a higher value is better."),
        WrongAnswer(
            knows_the_future,
            "Your curve knows from the start what the last trial will find. A point holds the trials up to it only.",
        ),
        WrongAnswer(
            failure_spreads,
            "One trial that failed spoils all that follows: nan spreads through `max`. Leave the best as it was.",
        ),
        WrongAnswer(
            failures_left_out,
            "Your curve is shorter than the study. A trial that failed has cost its time: it keeps its place, with the "
            "best so far.",
        ),
        WrongAnswer(
            failure_is_zero,
            "You counted a trial that failed as 0. Before the first value there is nothing yet, and where values are "
            "below 0 a failure would be the best.",
        ),
        WrongAnswer(
            better_of_two,
            "You compared each trial with the one before it. The best so far goes back to the first.",
        ),
    ],
    hints=[
        "Walk through the values and keep the best in a variable that starts as `math.nan` (`import math`).",
        "A comparison with nan is always false, so ask with `math.isnan(value)` first.",
        "`not value <= best` is true when the best is still nan, and when the value is higher.",
    ],
    praise="This is the curve on which searches are compared: many of them, with their median and their spread.",
    difficulty=2,
    right_answers=[highest_of_each_beginning, fmax_of_numpy],
)

EXERCISES = [BEST_SO_FAR, LOG_UNIFORM, SHOULD_PRUNE, PARETO_FRONT]
