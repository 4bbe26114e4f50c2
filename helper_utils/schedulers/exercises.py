"""Exercises of the lesson 03_schedulers."""

import math

import numpy as np

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------ schedulers.suggested_rate


def suggested_rate(lrs: list[float], losses: list[float]) -> float:
    """Return the suggestion of a range test: a tenth of the rate with the lowest loss.

    lrs: the rates, rising; losses: the smoothed losses at these rates. A loss may be nan or
    infinite: such steps are left out. Where two losses are equally low, the smaller rate counts.
    """
    pairs = [(loss, lr) for lr, loss in zip(lrs, losses, strict=True) if math.isfinite(loss)]
    return min(pairs)[1] / 10


def one_pass_over_the_losses(lrs, losses):
    """Keep the lowest loss and its rate."""
    lowest, rate = math.inf, lrs[0]
    for lr, loss in zip(lrs, losses, strict=True):
        if math.isfinite(loss) and loss < lowest:
            lowest, rate = loss, lr
    return rate / 10


def what_is_not_finite_comes_last(lrs, losses):
    """Infinity in place of nan keeps the places."""
    comparable = [loss if math.isfinite(loss) else math.inf for loss in losses]
    return 0.1 * lrs[comparable.index(min(comparable))]


def rate_of_the_lowest_loss(lrs, losses):
    """The edge itself, not a tenth of it."""
    return 10 * suggested_rate(lrs, losses)


def rate_before_the_first_rise(lrs, losses):
    """The first wiggle taken for the end of the fall."""
    for i in range(len(losses) - 1):
        if not losses[i + 1] < losses[i]:
            return lrs[i] / 10
    return lrs[-1] / 10


def rate_of_the_steepest_fall(lrs, losses):
    """The other rule in use."""
    falls = [losses[i] - losses[i + 1] for i in range(len(losses) - 1)]
    return lrs[max(range(len(falls)), key=lambda i: falls[i] if math.isfinite(falls[i]) else -math.inf)]


def tenth_of_the_largest_rate(lrs, losses):  # noqa: ARG001 - that is the mistake
    """The end of the test, whatever the losses are."""
    return lrs[-1] / 10


def lowest_loss_for_its_rate(lrs, losses):  # noqa: ARG001 - that is the mistake
    """A tenth of the loss."""
    return min(loss for loss in losses if math.isfinite(loss)) / 10


def not_a_number_wins(lrs, losses):
    """A nan at the front of min() is never replaced."""
    return lrs[losses.index(min(losses))] / 10


def larger_of_equal_ones(lrs, losses):
    """The last of the lowest losses for the first."""
    return max((-loss, lr) for lr, loss in zip(lrs, losses, strict=True) if math.isfinite(loss))[1] / 10


def place_in_the_shorter_list(lrs, losses):
    """The rates are not filtered along with the losses."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    return lrs[finite.index(min(finite))] / 10


def near_the_lowest_loss(lrs, losses):
    """The first rate whose loss is within 10 % of the lowest."""
    lowest = min(loss for loss in losses if math.isfinite(loss))
    return next(lr for lr, loss in zip(lrs, losses, strict=True) if loss <= 1.1 * lowest) / 10


def rate_after_the_steepest_fall(lrs, losses):
    """The other rule, with the rate at the end of the fall."""
    falls = [losses[i] - losses[i + 1] for i in range(len(losses) - 1)]
    return lrs[1 + max(range(len(falls)), key=lambda i: falls[i] if math.isfinite(falls[i]) else -math.inf)]


def argmin_takes_nan(lrs, losses):
    """NumPy's argmin returns the place of a nan."""
    return lrs[int(np.argmin(losses))] / 10


SUGGESTED_RATE = Exercise(
    name="schedulers.suggested_rate",
    answer=suggested_rate,
    cases=[
        ([0.01, 0.1, 1.0], [2.0, 1.0, 3.0]),
        ([0.001, 0.01, 0.1, 1.0], [2.0, 1.9, 0.8, 4.0]),
        ([0.001, 0.01, 0.1, 1.0, 10.0], [2.0, 2.1, 1.2, 0.9, 5.0]),
        ([0.01, 0.1, 1.0, 10.0], [2.0, 1.0, 1.0, 4.0]),
        ([0.01, 0.1, 1.0, 10.0], [2.0, 0.5, math.inf, math.nan]),
        ([0.01, 0.1, 1.0, 10.0], [math.nan, 0.9, 0.5, 4.0]),
        ([0.001, 0.003, 0.1, 1.0], [2.0, 1.05, 1.0, 3.0]),
    ],
    wrong_answers=[
        WrongAnswer(
            rate_of_the_lowest_loss,
            "That is the rate with the lowest loss itself: the edge at which things break. Stay a factor of ten below.",
        ),
        WrongAnswer(
            rate_before_the_first_rise,
            "You stopped at the first rise. A smoothed loss still wiggles: look for the lowest point of the whole "
            "curve.",
        ),
        WrongAnswer(
            rate_of_the_steepest_fall,
            "That is the rate of the steepest fall, the other rule in use. Here the lowest point is asked for, and a "
            "tenth of its rate.",
        ),
        WrongAnswer(
            tenth_of_the_largest_rate,
            "You took a tenth of the last rate. How far the test went says nothing; the place of the lowest loss does.",
        ),
        WrongAnswer(
            lowest_loss_for_its_rate,
            "That is a tenth of a loss. Find where in the list the lowest loss is, and take the rate from there.",
        ),
        WrongAnswer(
            not_a_number_wins,
            "No comparison with nan is ever true, so a nan at the front stays the minimum. Leave out what is not "
            "finite.",
        ),
        WrongAnswer(
            larger_of_equal_ones,
            "Two losses are equally low, and you took the larger rate. The smaller one counts: it is the safer one.",
        ),
        WrongAnswer(
            place_in_the_shorter_list,
            "You left out losses, but looked the place up in the full list of rates. Leave out their rates as well.",
        ),
        WrongAnswer(
            near_the_lowest_loss,
            "You took the first loss that is close to the lowest one. Asked for is the lowest itself, however close "
            "others come.",
        ),
        WrongAnswer(
            rate_after_the_steepest_fall,
            "That is the rate after the steepest fall. The rule of this exercise looks at the lowest loss, and takes a"
            " tenth of its rate.",
        ),
        WrongAnswer(
            argmin_takes_nan,
            "`argmin` of NumPy or torch returns the place of a nan where there is one. Leave out what is not finite "
            "first.",
        ),
    ],
    hints=[
        "`math.isfinite(loss)` is false for nan and for infinity.",
        "Make pairs (loss, rate) of the finite ones. The smallest pair is the one with the lowest loss, and of equal "
        "ones the one with the smaller rate.",
        "`min(pairs)[1] / 10` is the suggestion.",
    ],
    praise="A few seconds of range test and this line replace the first sweep over many decades.",
    difficulty=2,
    right_answers=[one_pass_over_the_losses, what_is_not_finite_comes_last],
)

# --------------------------------------------------------------------------------------- schedulers.cosine_rate


def cosine_rate(step: int, base_lr: float, n_steps: int, eta_min: float) -> float:
    """Return the rate on half a cosine: base_lr at step 0, eta_min at step n_steps.

    After n_steps it stays at eta_min.
    """
    share = min(step, n_steps) / n_steps
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * share)) / 2


def square_of_a_quarter_turn(step, base_lr, n_steps, eta_min):
    """(1 + cos x) / 2 is the square of cos(x / 2)."""
    share = min(step / n_steps, 1.0)
    return eta_min + (base_lr - eta_min) * math.cos(math.pi * share / 2) ** 2


def mean_of_both_rates(step, base_lr, n_steps, eta_min):
    """A weighted mean of the first and the last rate."""
    if step >= n_steps:
        return eta_min
    weight = 0.5 + 0.5 * math.cos(math.pi * step / n_steps)
    return weight * base_lr + (1 - weight) * eta_min


def degrees_for_radians(step, base_lr, n_steps, eta_min):
    """The cosine of 180 radians."""
    share = min(step, n_steps) / n_steps
    return eta_min + (base_lr - eta_min) * (1 + math.cos(180 * share)) / 2


def rises_again(step, base_lr, n_steps, eta_min):
    """What torch's class does after T_max."""
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * step / n_steps)) / 2


def off_by_one_at_the_end(step, base_lr, n_steps, eta_min):
    """The bottom is reached a step early."""
    last = max(n_steps - 1, 1)
    return cosine_rate(min(step, last), base_lr, last, eta_min)


def whole_cosine(step, base_lr, n_steps, eta_min):
    """Down and up again."""
    share = min(step, n_steps) / n_steps
    return eta_min + (base_lr - eta_min) * (1 + math.cos(2 * math.pi * share)) / 2


def integer_division(step, base_lr, n_steps, eta_min):
    """The share is 0 until the end."""
    share = min(step, n_steps) // n_steps
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * share)) / 2


def eta_min_as_a_floor(step, base_lr, n_steps, eta_min):
    """A cosine to 0 that is cut off below."""
    return max(cosine_rate(step, base_lr, n_steps, 0.0), eta_min)


def height_of_the_base_rate(step, base_lr, n_steps, eta_min):
    """The minimum is added, but the height is not made smaller."""
    return eta_min + cosine_rate(step, base_lr, n_steps, 0.0)


def quarter_of_a_cosine(step, base_lr, n_steps, eta_min):
    """From 1 to 0 on the first quarter of a turn: steepest at the end."""
    share = min(step, n_steps) / n_steps
    return eta_min + (base_lr - eta_min) * math.cos(math.pi * share / 2)


def divides_by_one_step_less(step, base_lr, n_steps, eta_min):
    """Divided by n_steps - 1, but the step may reach n_steps."""
    share = min(step, n_steps) / (n_steps - 1)
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * share)) / 2


COSINE_RATE = Exercise(
    name="schedulers.cosine_rate",
    answer=cosine_rate,
    cases=[
        (0, 1.0, 4, 0.0),
        (2, 1.0, 4, 0.0),
        (4, 1.0, 4, 0.0),
        (1, 0.1, 4, 0.02),
        (3, 0.1, 4, 0.02),
        (6, 0.1, 4, 0.02),
        (100, 0.1, 200, 0.001),
    ],
    wrong_answers=[
        WrongAnswer(
            degrees_for_radians,
            "`math.cos` takes radians: half a turn is `math.pi`, not 180.",
        ),
        WrongAnswer(
            rises_again,
            "After n_steps your rate rises again, as the cosine does (and PyTorch's class too). Let the step be at "
            "most n_steps.",
        ),
        WrongAnswer(
            off_by_one_at_the_end,
            "You reach eta_min a step early: at n_steps - 1. From step 0 to step n_steps there are n_steps steps, so "
            "divide by n_steps.",
        ),
        WrongAnswer(
            whole_cosine,
            "Your rate goes down and up again: that is a whole turn, 2π. Half of it, π, ends at the bottom.",
        ),
        WrongAnswer(
            integer_division,
            "`//` throws the fraction away, so the share stays 0 until the end. Divide with `/`.",
        ),
        WrongAnswer(
            eta_min_as_a_floor,
            "You let a cosine to 0 run into a floor. eta_min is where the curve itself ends: shrink its height to "
            "base_lr - eta_min.",
        ),
        WrongAnswer(
            height_of_the_base_rate,
            "Your curve starts at base_lr + eta_min. What is added below must come off the height: base_lr - eta_min.",
        ),
        WrongAnswer(
            quarter_of_a_cosine,
            "That is a quarter of a turn: flat at the top, steepest at the end. Half a turn goes from 1 to -1: add 1 "
            "and halve it.",
        ),
        WrongAnswer(
            divides_by_one_step_less,
            "You divide by n_steps - 1, so the bottom comes a step early and the rate rises again. Divide by n_steps.",
        ),
    ],
    hints=[
        "The share of the way is `step / n_steps`, at most 1.",
        "`(1 + math.cos(math.pi * share)) / 2` goes from 1 to 0 as the share goes from 0 to 1.",
        "Stretch that to the height `base_lr - eta_min`, and lift it by eta_min.",
    ],
    praise="That is the schedule of most large models of today, and it cannot rise again by accident.",
    difficulty=1,
    right_answers=[square_of_a_quarter_turn, mean_of_both_rates],
)

# ------------------------------------------------------------------------------- schedulers.warm_up_cosine_rate


def warm_up_cosine_rate(
    step: int,
    peak_lr: float,
    n_warm_up: int,
    n_steps: int,
) -> float:
    """Return the rate of a linear warm-up that is followed by half a cosine down to 0.

    The first step is step 0, and n_warm_up is at least 1. The warm-up takes the steps 0 to
    n_warm_up - 1: it rises by peak_lr / n_warm_up at each step, and step 0 has that much
    already. Step n_warm_up is the first of the cosine and has peak_lr; step n_steps would
    have 0.
    """
    if step < n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    share = (step - n_warm_up) / (n_steps - n_warm_up)
    return peak_lr * (1 + math.cos(math.pi * share)) / 2


def product_of_two_factors(step, peak_lr, n_warm_up, n_steps):
    """Each factor is 1 where the other one acts."""
    rise = min(1.0, (step + 1) / n_warm_up)
    share = max(0, step - n_warm_up) / (n_steps - n_warm_up)
    return peak_lr * rise * (1 + math.cos(math.pi * share)) / 2


def counted_from_the_end(step, peak_lr, n_warm_up, n_steps):
    """The share of the way that is left, and a squared sine."""
    if step >= n_warm_up:
        left = (n_steps - step) / (n_steps - n_warm_up)
        return peak_lr * math.sin(math.pi * left / 2) ** 2
    return (1 + step) * (peak_lr / n_warm_up)


def first_step_without_a_rate(step, peak_lr, n_warm_up, n_steps):
    """Step 0 has the rate 0."""
    if step < n_warm_up:
        return peak_lr * step / n_warm_up
    return warm_up_cosine_rate(step, peak_lr, n_warm_up, n_steps)


def cosine_counts_from_zero(step, peak_lr, n_warm_up, n_steps):
    """The cosine has begun during the warm-up."""
    if step < n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    return peak_lr * (1 + math.cos(math.pi * step / n_steps)) / 2


def cosine_is_too_long(step, peak_lr, n_warm_up, n_steps):
    """The cosine takes n_steps after the warm-up."""
    if step < n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    return peak_lr * (1 + math.cos(math.pi * (step - n_warm_up) / n_steps)) / 2


def warm_up_times_cosine(step, peak_lr, n_warm_up, n_steps):
    """Both factors at once."""
    rise = min(1.0, (step + 1) / n_warm_up)
    return peak_lr * rise * (1 + math.cos(math.pi * step / n_steps)) / 2


def boundary_belongs_to_the_warm_up(step, peak_lr, n_warm_up, n_steps):
    """Off by one: the warm-up goes beyond the peak."""
    if step <= n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    return warm_up_cosine_rate(step, peak_lr, n_warm_up, n_steps)


def no_fall(step, peak_lr, n_warm_up, n_steps):  # noqa: ARG001 - that is the mistake
    """Constant after the warm-up."""
    return peak_lr * min(1.0, (step + 1) / n_warm_up)


def warm_up_from_zero_to_the_peak(step, peak_lr, n_warm_up, n_steps):
    """From 0 at step 0 to the peak at step n_warm_up - 1."""
    if step < n_warm_up:
        return peak_lr * step / (n_warm_up - 1)
    return warm_up_cosine_rate(step, peak_lr, n_warm_up, n_steps)


def whole_step_in_the_short_cosine(step, peak_lr, n_warm_up, n_steps):
    """The length leaves the warm-up out, the step does not."""
    if step < n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    return cosine_rate(step, peak_lr, n_steps - n_warm_up, 0.0)


def bottom_a_step_early(step, peak_lr, n_warm_up, n_steps):
    """The last step, counted from 0, has the rate 0."""
    if step < n_warm_up:
        return peak_lr * (step + 1) / n_warm_up
    share = (step - n_warm_up) / (n_steps - n_warm_up - 1)
    return peak_lr * (1 + math.cos(math.pi * share)) / 2


WARM_UP_COSINE_RATE = Exercise(
    name="schedulers.warm_up_cosine_rate",
    answer=warm_up_cosine_rate,
    cases=[
        (0, 1.0, 2, 6),
        (1, 1.0, 2, 6),
        (2, 1.0, 2, 6),
        (4, 1.0, 2, 6),
        (5, 0.2, 3, 9),
        (8, 0.2, 3, 9),
        (60, 0.5, 20, 100),
        (0, 1.0, 1, 4),
    ],
    wrong_answers=[
        WrongAnswer(
            first_step_without_a_rate,
            "Your first step has the rate 0 and is lost. Step 0 is the first of n_warm_up rises: it has peak_lr / "
            "n_warm_up.",
        ),
        WrongAnswer(
            cosine_counts_from_zero,
            "Your cosine counts from the start of the training, so the rate jumps where it takes over. It has its own"
            " count: step - n_warm_up.",
        ),
        WrongAnswer(
            cosine_is_too_long,
            "Your cosine is not at 0 at step n_steps. Only n_steps - n_warm_up steps are left for it.",
        ),
        WrongAnswer(
            warm_up_times_cosine,
            "You multiplied the two, so the cosine falls while the warm-up rises. One follows the other: use an if.",
        ),
        WrongAnswer(
            boundary_belongs_to_the_warm_up,
            "Step n_warm_up is above the peak: off by one. The warm-up ends with step n_warm_up - 1.",
        ),
        WrongAnswer(
            bottom_a_step_early,
            "You divide by one step less, so the last step of the training has the rate 0 and is lost. Divide by "
            "n_steps - n_warm_up: step n_steps, which does not come, would have 0.",
        ),
        WrongAnswer(
            no_fall,
            "The warm-up is right, but after it your rate stays at the peak. Half a cosine takes it down to 0.",
        ),
        WrongAnswer(
            warm_up_from_zero_to_the_peak,
            "Your warm-up begins with the rate 0 and divides by n_warm_up - 1. Step 0 has peak_lr / n_warm_up already,"
            " and n_warm_up may be 1.",
        ),
        WrongAnswer(
            whole_step_in_the_short_cosine,
            "Your cosine has the right length, but it is given the step of the whole training. Its own count is step -"
            " n_warm_up.",
        ),
    ],
    hints=[
        "Two cases: `step < n_warm_up`, and the rest.",
        "In the warm-up, step 0 has one n_warm_up-th of the peak, step 1 two of them, and so on.",
        "After it, the share of the cosine's way is `(step - n_warm_up) / (n_steps - n_warm_up)`.",
    ],
    praise="Wrap it in LambdaLR with a peak of 1, and any optimizer of PyTorch follows it.",
    difficulty=2,
    right_answers=[product_of_two_factors, counted_from_the_end],
)

# ------------------------------------------------------------------------------------- schedulers.plateau_rates


def plateau_rates(
    losses: list[float],
    lr: float,
    factor: float,
    patience: int,
) -> list[float]:
    """Return the rate after each epoch by the plateau rule, with no threshold and no cooldown.

    An epoch is bad if its loss is not below the lowest one before it. When more than
    patience bad epochs come in a row, the rate is multiplied by factor, and counting
    begins anew.
    """
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        if loss < best:
            best, n_bad = loss, 0
        else:
            n_bad += 1
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def compares_with_all_losses_before(losses, lr, factor, patience):
    """The lowest loss so far is computed anew in each epoch."""
    rates, n_bad = [], 0
    for epoch, loss in enumerate(losses):
        is_better = all(loss < earlier for earlier in losses[:epoch])
        n_bad = 0 if is_better else n_bad + 1
        if n_bad == patience + 1:
            lr *= factor
            n_bad = 0
        rates += [lr]
    return rates


def remembers_the_epoch(losses, lr, factor, patience):
    """The epoch of the last improvement or drop in place of a count."""
    best, since, n_drops, rates = math.inf, 0, 0, []
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, since = loss, epoch
        elif epoch - since > patience:
            n_drops, since = n_drops + 1, epoch
        rates.append(lr * factor**n_drops)
    return rates


def drops_one_epoch_early(losses, lr, factor, patience):
    """At patience bad epochs."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best else (best, n_bad + 1)
        if n_bad >= patience and n_bad > 0:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def no_bad_epoch_is_enough(losses, lr, factor, patience):
    """At patience bad epochs, so that with patience 0 even a good epoch drops the rate."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best else (best, n_bad + 1)
        if n_bad >= patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def forgets_the_best_loss_at_a_drop(losses, lr, factor, patience):
    """With the count the best loss is set back too."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best else (best, n_bad + 1)
        if n_bad > patience:
            best, lr, n_bad = math.inf, lr * factor, 0
        rates.append(lr)
    return rates


def default_threshold(losses, lr, factor, patience):
    """What torch's class does if it is not told otherwise."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best * (1 - 1e-4) else (best, n_bad + 1)
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def compares_with_the_last_loss(losses, lr, factor, patience):
    """The epoch before for the best one."""
    last, n_bad, rates = math.inf, 0, []
    for loss in losses:
        n_bad = 0 if loss < last else n_bad + 1
        last = loss
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def never_forgives(losses, lr, factor, patience):
    """Bad epochs are counted over the whole training."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, n_bad) if loss < best else (best, n_bad + 1)
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def keeps_counting_after_a_drop(losses, lr, factor, patience):
    """The count is not set back, so every further bad epoch drops the rate."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best else (best, n_bad + 1)
        if n_bad > patience:
            lr *= factor
        rates.append(lr)
    return rates


def equal_counts_as_better(losses, lr, factor, patience):
    """At or below for below."""
    best, n_bad, rates = math.inf, 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss <= best else (best, n_bad + 1)
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


def rates_before_the_epochs(losses, lr, factor, patience):
    """The rate with which each epoch was trained."""
    return [lr, *plateau_rates(losses, lr, factor, patience)[:-1]]


def first_epoch_counts_as_bad(losses, lr, factor, patience):
    """Begins with the first loss as the best one."""
    best, n_bad, rates = losses[0], 0, []
    for loss in losses:
        best, n_bad = (loss, 0) if loss < best else (best, n_bad + 1)
        if n_bad > patience:
            lr, n_bad = lr * factor, 0
        rates.append(lr)
    return rates


PLATEAU_RATES = Exercise(
    name="schedulers.plateau_rates",
    answer=plateau_rates,
    cases=[
        ([1.0, 2.0, 2.0], 0.1, 0.5, 1),
        ([1.0, 2.0, 2.0, 2.0, 2.0], 0.1, 0.5, 1),
        ([1.0, 0.5, 0.7, 0.6, 0.55], 0.1, 0.5, 1),
        ([1.0, 2.0, 0.5, 2.0, 0.4, 2.0], 0.1, 0.1, 1),
        ([1.0, 1.0, 1.0, 1.0], 0.1, 0.1, 2),
        ([1.0, 0.9, 0.8], 0.1, 0.1, 0),
        ([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 1.0, 0.5, 2),
        ([1.0, 0.99999, 0.99998, 0.99997], 0.1, 0.5, 0),
    ],
    wrong_answers=[
        WrongAnswer(
            drops_one_epoch_early,
            "You drop after patience bad epochs. Patience is how many are tolerated: the drop comes with the next "
            "one, patience + 1.",
        ),
        WrongAnswer(
            no_bad_epoch_is_enough,
            "You drop as soon as the count reaches patience; with patience 0 even a good epoch drops the rate. More "
            "than patience are needed: > for >=.",
        ),
        WrongAnswer(
            forgets_the_best_loss_at_a_drop,
            "At a drop you forget the best loss, so the next epoch counts as good whatever it brings. Only the count "
            "is set back.",
        ),
        WrongAnswer(
            default_threshold,
            "A loss that is lower by less than 0.01 % counts as bad with you: that is PyTorch's default threshold. "
            "Here every lower loss is better (threshold=0).",
        ),
        WrongAnswer(
            compares_with_the_last_loss,
            "You compare with the epoch before. A loss that jumped up and creeps down again is still not an "
            "improvement: compare with the lowest so far.",
        ),
        WrongAnswer(
            never_forgives,
            "You count bad epochs over the whole training. Only those in a row count: an improvement sets the count "
            "back to 0.",
        ),
        WrongAnswer(
            keeps_counting_after_a_drop,
            "After a drop your count goes on, so every further bad epoch drops the rate again. Set it back to 0.",
        ),
        WrongAnswer(
            equal_counts_as_better,
            "A loss that equals the best one counts as an improvement with you. It is not below it, so the epoch is "
            "bad.",
        ),
        WrongAnswer(
            rates_before_the_epochs,
            "Your list begins with the first rate: those are the rates during the epochs. Asked for is the rate after"
            " each epoch.",
        ),
        WrongAnswer(
            first_epoch_counts_as_bad,
            "You begin with the first loss as the best one, so the first epoch is not below it and counts as bad. "
            "Begin with `math.inf`.",
        ),
    ],
    hints=[
        "Keep three things from epoch to epoch: the best loss, the number of bad epochs in a row, and the rate.",
        "Begin with `best = math.inf`. A loss below it becomes the best one and sets the count to 0; any other adds 1.",
        "If the count is above patience: multiply the rate, and set the count to 0. Then append the rate.",
    ],
    praise="You can now say from a log of losses in which epoch the rate dropped, and why.",
    difficulty=3,
    right_answers=[compares_with_all_losses_before, remembers_the_epoch],
)

# ------------------------------------------------------------------------------------- schedulers.cosine_length


def cosine_length(n_examples: int, batch_size: int, n_epochs: int) -> int:
    """Return T_max for a cosine that ends with the training and is stepped after every batch.

    The loader keeps the last batch of an epoch also where it is not full.
    """
    return math.ceil(n_examples / batch_size) * n_epochs


def floor_of_the_negative(n_examples, batch_size, n_epochs):
    """Rounded up with two signs."""
    return -(-n_examples // batch_size) * n_epochs


def counts_the_batches(n_examples, batch_size, n_epochs):
    """As many as there are first examples of a batch."""
    return n_epochs * len(range(0, n_examples, batch_size))


def length_in_epochs(n_examples, batch_size, n_epochs):  # noqa: ARG001 - that is the mistake
    """The unit of a schedule that is stepped per epoch."""
    return n_epochs


def last_batch_left_out(n_examples, batch_size, n_epochs):
    """Rounded down."""
    return n_examples // batch_size * n_epochs


def length_in_examples(n_examples, batch_size, n_epochs):  # noqa: ARG001 - that is the mistake
    """Every example counted as a step."""
    return n_examples * n_epochs


def length_of_one_epoch(n_examples, batch_size, n_epochs):  # noqa: ARG001 - that is the mistake
    """The rate is at the bottom after the first epoch."""
    return math.ceil(n_examples / batch_size)


def epochs_run_together(n_examples, batch_size, n_epochs):
    """Rounded up once, at the very end."""
    return math.ceil(n_examples * n_epochs / batch_size)


def last_step_left_out(n_examples, batch_size, n_epochs):
    """The number of the last step, counted from 0."""
    return cosine_length(n_examples, batch_size, n_epochs) - 1


def always_one_batch_more(n_examples, batch_size, n_epochs):
    """Rounded down and one added, also where nothing is left over."""
    return (n_examples // batch_size + 1) * n_epochs


def rounded_to_the_nearest(n_examples, batch_size, n_epochs):
    """round() for ceil()."""
    return round(n_examples / batch_size) * n_epochs


COSINE_LENGTH = Exercise(
    name="schedulers.cosine_length",
    answer=cosine_length,
    cases=[(100, 50, 3), (100, 30, 3), (1000, 32, 10), (10, 64, 5), (64, 64, 1), (80, 30, 2), (65, 32, 2)],
    wrong_answers=[
        WrongAnswer(
            length_in_epochs,
            "That is the length in epochs. Stepped after every batch, the rate would be at the bottom after so many "
            "batches, and then rise again.",
        ),
        WrongAnswer(
            last_batch_left_out,
            "You rounded down, but the last batch of an epoch is kept although it is not full: it is a step too.",
        ),
        WrongAnswer(
            length_in_examples,
            "That counts examples. A step of the optimizer, and so of the schedule, takes a whole batch of them.",
        ),
        WrongAnswer(
            length_of_one_epoch,
            "That is one epoch. The cosine is to end with the training, after all epochs.",
        ),
        WrongAnswer(
            epochs_run_together,
            "You rounded up once for the whole training. Every epoch has its own last batch: round up first, then "
            "multiply.",
        ),
        WrongAnswer(
            last_step_left_out,
            "That is the number of the last step, counted from 0. Asked for is how many steps there are.",
        ),
        WrongAnswer(
            always_one_batch_more,
            "You add a batch also where the examples fill all batches and nothing is left over. Round up instead.",
        ),
        WrongAnswer(
            rounded_to_the_nearest,
            "You rounded to the nearest number, so a last batch that is less than half full is lost. Round up, with "
            "`math.ceil`.",
        ),
    ],
    hints=[
        "How many batches has an epoch? The last one may be small.",
        "`math.ceil` rounds up; `len(loader)` would give the same number.",
    ],
    praise="With this number and EachBatch, the rate reaches the bottom with the last batch.",
    difficulty=1,
    right_answers=[floor_of_the_negative, counts_the_batches],
)

EXERCISES = [SUGGESTED_RATE, COSINE_RATE, WARM_UP_COSINE_RATE, PLATEAU_RATES, COSINE_LENGTH]
