"""Exercises of the lesson 05_optimizers."""

import math
import operator
import statistics

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------ optimizers.batch_for_error


def batch_for_error(batch_size: float, error: float, wanted: float) -> float:
    """Return the batch size at which a gradient's typical error is `wanted`.

    A batch of batch_size examples has the typical error `error`. Examples are drawn
    with replacement. The result need not be a whole number.
    """
    return batch_size * (error / wanted) ** 2


def batch_by_the_square_of_each(batch_size, error, wanted):
    """Batch by the square of each."""
    return batch_size * error**2 / wanted**2


def batch_by_the_variance(batch_size, error, wanted):
    """Batch by the variance."""
    variance_of_one_example = batch_size * error * error
    return variance_of_one_example / (wanted * wanted)


def error_in_proportion(batch_size, error, wanted):
    """Error in proportion."""
    return batch_size * error / wanted


def error_by_the_square(batch_size, error, wanted):
    """Error by the square."""
    return batch_size * (error / wanted) ** 0.5


def ratio_turned_round(batch_size, error, wanted):
    """Ratio turned round."""
    return batch_size * (wanted / error) ** 2


def batch_size_left_out(batch_size, error, wanted):  # noqa: ARG001
    """Batch size left out."""
    return (error / wanted) ** 2


def batch_size_squared(batch_size, error, wanted):
    """Batch size squared."""
    return (batch_size * error / wanted) ** 2


def rounded_down(batch_size, error, wanted):
    """Rounded down."""
    return float(int(batch_size * (error / wanted) ** 2 + 1e-9))


BATCH_FOR_ERROR = Exercise(
    name="optimizers.batch_for_error",
    difficulty=1,
    answer=batch_for_error,
    right_answers=[batch_by_the_square_of_each, batch_by_the_variance],
    cases=[(16, 1.0, 0.5), (1, 3.0, 1.0), (64, 0.2, 0.4), (10, 1.5, 1.0)],
    wrong_answers=[
        WrongAnswer(
            error_in_proportion,
            "The variance falls as 1 over the batch size. The error is its root, so it falls more slowly.",
        ),
        WrongAnswer(
            error_by_the_square,
            "You take a root where a square is needed: half the error costs four times the examples.",
        ),
        WrongAnswer(
            ratio_turned_round,
            "Your batch shrinks when a smaller error is wanted. A smaller error needs more examples.",
        ),
        WrongAnswer(
            batch_size_left_out,
            "That is the factor by which the batch has to grow. Multiply the present batch size by it.",
        ),
        WrongAnswer(batch_size_squared, "You square the batch size as well. Only the ratio of the errors is squared."),
        WrongAnswer(rounded_down, "You made the result a whole number. Return it as it is."),
    ],
    hints=[
        "The variance of a mean of B draws is the variance of one draw, divided by B. The error is its root.",
        "To divide the error by r, multiply the batch size by r squared.",
    ],
    praise="Halving the noise of a gradient costs four times the work.",
)

# ------------------------------------------------------------------------------------- optimizers.momentum_step


def momentum_step(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    velocity: torch.Tensor,
    lr: float,
    momentum: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight and the velocity after one step of SGD with momentum.

    The new velocity is momentum times the old one, plus the gradient. The weight moves
    against the new velocity, times lr. Leave the tensors that you get unchanged.
    """
    velocity = momentum * velocity + gradient
    return weight - lr * velocity, velocity


def momentum_with_torch(weight, gradient, velocity, lr, momentum):
    """Momentum with torch."""
    new = torch.add(gradient, velocity, alpha=momentum)
    return torch.sub(weight, new, alpha=lr), new


def momentum_on_copies(weight, gradient, velocity, lr, momentum):
    """Momentum on copies."""
    weight, velocity = weight.clone(), velocity.clone()
    velocity *= momentum
    velocity += gradient
    weight -= lr * velocity
    return weight, velocity


def climbs(weight, gradient, velocity, lr, momentum):
    """Climbs."""
    velocity = momentum * velocity + gradient
    return weight + lr * velocity, velocity


def two_minus_signs(weight, gradient, velocity, lr, momentum):
    """Two minus signs."""
    velocity = momentum * velocity - gradient
    return weight - lr * velocity, velocity


def averaged_velocity(weight, gradient, velocity, lr, momentum):
    """Averaged velocity."""
    velocity = momentum * velocity + (1 - momentum) * gradient
    return weight - lr * velocity, velocity


def rate_in_the_velocity(weight, gradient, velocity, lr, momentum):
    """Rate in the velocity."""
    velocity = momentum * velocity + lr * gradient
    return weight - velocity, velocity


def negative_velocity(weight, gradient, velocity, lr, momentum):
    """Negative velocity."""
    velocity = momentum * velocity - lr * gradient
    return weight + velocity, velocity


def steps_with_the_old_velocity(weight, gradient, velocity, lr, momentum):
    """Steps with the old velocity."""
    return weight - lr * velocity, momentum * velocity + gradient


def velocity_first(weight, gradient, velocity, lr, momentum):
    """Velocity first."""
    velocity = momentum * velocity + gradient
    return velocity, weight - lr * velocity


def steps_along_the_gradient(weight, gradient, velocity, lr, momentum):
    """Steps along the gradient."""
    return weight - lr * gradient, momentum * velocity + gradient


def looks_ahead(weight, gradient, velocity, lr, momentum):
    """Looks ahead."""
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + momentum * velocity), velocity


_MOMENTUM_CASES = [
    (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([0.0]), 0.1, 0.5),
    (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([4.0]), 0.1, 0.5),
    (torch.tensor([0.5, -1.0]), torch.tensor([-1.0, 3.0]), torch.tensor([2.0, 0.5]), 0.01, 0.9),
    (torch.tensor([[0.5], [-1.0]]), torch.tensor([[-1.0], [3.0]]), torch.tensor([[2.0], [0.5]]), 0.2, 0.0),
]

MOMENTUM_STEP = Exercise(
    name="optimizers.momentum_step",
    difficulty=1,
    answer=momentum_step,
    right_answers=[momentum_with_torch, momentum_on_copies],
    cases=_MOMENTUM_CASES,
    wrong_answers=[
        WrongAnswer(climbs, "Your step goes uphill. Subtract the step from the weight."),
        WrongAnswer(
            two_minus_signs,
            "There is a minus in the velocity and a minus in the step; together they go uphill. Keep the "
            "second one only.",
        ),
        WrongAnswer(
            averaged_velocity,
            "You average, with (1 - momentum) before the gradient, as many books do. PyTorch adds the whole gradient.",
        ),
        WrongAnswer(
            rate_in_the_velocity, "Your velocity contains the learning rate. Here it enters only when the weight moves."
        ),
        WrongAnswer(
            negative_velocity,
            "Your velocity is the step itself, with its sign and its rate. Here it is a sum of gradients.",
        ),
        WrongAnswer(
            steps_with_the_old_velocity, "You move the weight with the old velocity. Update the velocity first."
        ),
        WrongAnswer(velocity_first, "Return the weight first, then the velocity."),
        WrongAnswer(
            steps_along_the_gradient,
            "You update the velocity but move along the gradient alone. Move along the new velocity.",
        ),
        WrongAnswer(looks_ahead, "That is Nesterov's variant. Plain momentum moves along the velocity alone."),
    ],
    hints=[
        "Two lines: first the new velocity, then the step with it.",
        "velocity = momentum * velocity + gradient makes a new tensor; velocity += gradient changes the one you got.",
    ],
    praise="This is the whole of `torch.optim.SGD(momentum=…)`.",
)

# ----------------------------------------------------------------------------------------- optimizers.adamw_step


def adamw_step(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    mean: torch.Tensor,
    square: torch.Tensor,
    step: int,
    lr: float,
    weight_decay: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return weight, mean and square after one step of AdamW, as in PyTorch.

    beta1 is 0.9, beta2 0.999 and eps 1e-8. mean and square are the moving averages
    before this step, without correction. step counts from 1. Leave the tensors that
    you get unchanged.
    """
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    corrected_mean = mean / (1 - 0.9**step)
    corrected_square = square / (1 - 0.999**step)
    weight = weight * (1 - lr * weight_decay)
    weight = weight - lr * corrected_mean / (corrected_square.sqrt() + 1e-8)
    return weight, mean, square


def adamw_with_torch(weight, gradient, mean, square, step, lr, weight_decay):
    """Adamw with torch."""
    mean = torch.lerp(mean, gradient, 0.1)
    square = torch.addcmul(0.999 * square, gradient, gradient, value=1 - 0.999)
    root = torch.sqrt(square) / math.sqrt(1 - 0.999**step) + 1e-8
    return weight - lr * weight_decay * weight - lr / (1 - 0.9**step) * mean / root, mean, square


def adamw_in_one_sum(weight, gradient, mean, square, step, lr, weight_decay):
    """Adamw in one sum."""
    beta1, beta2 = 0.9, 0.999
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient * gradient
    direction = mean / (1 - beta1**step) / ((square / (1 - beta2**step)) ** 0.5 + 1e-8)
    return weight - lr * (direction + weight_decay * weight), mean, square


def _adamw(weight, gradient, mean, square, step, lr, weight_decay, *, betas=(0.9, 0.999), eps=1e-8):
    """A rule with other settings, for the wrong answers."""
    beta1, beta2 = betas
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    root = (square / (1 - beta2**step)).sqrt() + eps
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - beta1**step) / root, mean, square


def adam_climbs(weight, gradient, mean, square, step, lr, weight_decay):
    """Adam climbs."""
    after, mean, square = _adamw(weight, gradient, mean, square, step, lr, weight_decay)
    return 2 * weight * (1 - lr * weight_decay) - after, mean, square


def square_forgotten(weight, gradient, mean, square, step, lr, weight_decay):
    """Square forgotten."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient
    root = (square / (1 - 0.999**step)).sqrt()
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - 0.9**step) / (root + 1e-8), mean, square


def no_correction(weight, gradient, mean, square, step, lr, weight_decay):  # noqa: ARG001
    """No correction."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    return weight * (1 - lr * weight_decay) - lr * mean / (square.sqrt() + 1e-8), mean, square


def only_the_mean_corrected(weight, gradient, mean, square, step, lr, weight_decay):
    """Only the mean corrected."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - 0.9**step) / (square.sqrt() + 1e-8), mean, square


def power_forgotten(weight, gradient, mean, square, step, lr, weight_decay):  # noqa: ARG001
    """Power forgotten."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    root = (square / (1 - 0.999)).sqrt() + 1e-8
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - 0.9) / root, mean, square


def steps_counted_from_zero(weight, gradient, mean, square, step, lr, weight_decay):
    """Steps counted from zero."""
    return _adamw(weight, gradient, mean, square, step + 1, lr, weight_decay)


def returns_the_corrected_averages(weight, gradient, mean, square, step, lr, weight_decay):
    """Returns the corrected averages."""
    after, mean, square = _adamw(weight, gradient, mean, square, step, lr, weight_decay)
    return after, mean / (1 - 0.9**step), square / (1 - 0.999**step)


def gradient_for_the_mean(weight, gradient, mean, square, step, lr, weight_decay):
    """Gradient for the mean."""
    _, mean, square = _adamw(weight, gradient, mean, square, step, lr, weight_decay)
    root = (square / (1 - 0.999**step)).sqrt() + 1e-8
    return weight * (1 - lr * weight_decay) - lr * gradient / root, mean, square


def betas_exchanged(weight, gradient, mean, square, step, lr, weight_decay):
    """Betas exchanged."""
    return _adamw(weight, gradient, mean, square, step, lr, weight_decay, betas=(0.999, 0.9))


def eps_forgotten(weight, gradient, mean, square, step, lr, weight_decay):
    """Eps forgotten."""
    return _adamw(weight, gradient, mean, square, step, lr, weight_decay, eps=0.0)


def eps_inside_the_root(weight, gradient, mean, square, step, lr, weight_decay):
    """Eps inside the root."""
    _, mean, square = _adamw(weight, gradient, mean, square, step, lr, weight_decay)
    root = (square / (1 - 0.999**step) + 1e-8).sqrt()
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - 0.9**step) / root, mean, square


def decay_in_the_gradient(weight, gradient, mean, square, step, lr, weight_decay):
    """Decay in the gradient."""
    return _adamw(weight, gradient + weight_decay * weight, mean, square, step, lr, 0.0)


def decay_without_the_rate(weight, gradient, mean, square, step, lr, weight_decay):
    """Decay without the rate."""
    return _adamw(weight, gradient, mean, square, step, lr, weight_decay / lr)


def decay_forgotten(weight, gradient, mean, square, step, lr, weight_decay):  # noqa: ARG001
    """Decay forgotten."""
    return _adamw(weight, gradient, mean, square, step, lr, 0.0)


def decay_after_the_step(weight, gradient, mean, square, step, lr, weight_decay):
    """Decay after the step."""
    after, mean, square = _adamw(weight, gradient, mean, square, step, lr, 0.0)
    return after * (1 - lr * weight_decay), mean, square


def root_forgotten(weight, gradient, mean, square, step, lr, weight_decay):
    """Root forgotten."""
    _, mean, square = _adamw(weight, gradient, mean, square, step, lr, weight_decay)
    corrected = square / (1 - 0.999**step)
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - 0.9**step) / (corrected + 1e-8), mean, square


ADAMW_STEP = Exercise(
    name="optimizers.adamw_step",
    difficulty=2,
    answer=adamw_step,
    right_answers=[adamw_with_torch, adamw_in_one_sum],
    cases=[
        (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([0.0]), torch.tensor([0.0]), 1, 0.1, 0.0),
        (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([0.0]), torch.tensor([0.0]), 1, 0.1, 0.5),
        (torch.tensor([1.0]), torch.tensor([-2.0]), torch.tensor([0.5]), torch.tensor([4.0]), 3, 0.1, 2.0),
        (
            torch.tensor([1.0, -3.0]),
            torch.tensor([0.01, -4.0]),
            torch.tensor([0.5, 1.0]),
            torch.tensor([0.25, 2.0]),
            10,
            0.5,
            1.0,
        ),
        (torch.tensor([1.0]), torch.tensor([1e-8]), torch.tensor([0.0]), torch.tensor([0.0]), 1, 0.1, 0.0),
    ],
    wrong_answers=[
        WrongAnswer(
            adam_climbs,
            "Your step goes uphill. The decay shrinks the weight, and then the step is subtracted from it.",
        ),
        WrongAnswer(
            square_forgotten, "Your second average is of the gradient itself. Average its square, gradient**2."
        ),
        WrongAnswer(
            no_correction,
            "You use the averages as they are. Both start at zero and are too small at first: divide the mean by "
            "1 - 0.9**step, and the square by 1 - 0.999**step.",
        ),
        WrongAnswer(
            only_the_mean_corrected, "You correct the mean but not the square, which is divided by 1 - 0.999**step."
        ),
        WrongAnswer(power_forgotten, "Your corrections lack the power: 1 - 0.9**step, and 1 - 0.999**step."),
        WrongAnswer(
            steps_counted_from_zero,
            "Your correction counts one step too many. The first step is 1 already, so the power is step.",
        ),
        WrongAnswer(
            returns_the_corrected_averages,
            "You return the corrected averages. They would be corrected again in the next step: return them without "
            "correction.",
        ),
        WrongAnswer(gradient_for_the_mean, "You step along the gradient. Adam steps along the corrected mean."),
        WrongAnswer(betas_exchanged, "The two betas are exchanged: 0.9 is for the mean and 0.999 for the square."),
        WrongAnswer(eps_forgotten, "eps is missing: add 1e-8 to the root."),
        WrongAnswer(eps_inside_the_root, "You add eps under the root. Add it to the root."),
        WrongAnswer(
            decay_in_the_gradient,
            "You add the decay to the gradient: that is L2 in Adam, and it goes through both averages. In AdamW the "
            "weight shrinks separately.",
        ),
        WrongAnswer(
            decay_without_the_rate,
            "You shrink the weight by weight_decay alone. PyTorch multiplies it by the learning rate.",
        ),
        WrongAnswer(
            decay_forgotten, "That is Adam. AdamW also shrinks the weight, by the factor 1 - lr * weight_decay."
        ),
        WrongAnswer(
            decay_after_the_step,
            "You decay after the step, so the step shrinks as well. Shrink the weight first, then subtract the step.",
        ),
        WrongAnswer(
            root_forgotten,
            "You divide by the mean of the squares instead of its root, so the step depends on the gradient's scale.",
        ),
    ],
    hints=[
        "Five things in this order: the two averages, their corrections, the decay of the weight, the step.",
        "The corrections are for this step only: keep mean and square as they are, and divide copies of them by "
        "1 - 0.9**step and 1 - 0.999**step.",
        "The decay is weight * (1 - lr * weight_decay). From that subtract lr * corrected mean / (root of corrected "
        "square + 1e-8).",
    ],
    praise="That is the whole of the optimizer that most large networks are trained with.",
)

# ------------------------------------------------------------------------------------------ optimizers.rate_grid


def rate_grid(lowest: float, highest: float, per_decade: int) -> list[float]:
    """Return learning rates from lowest to highest, both included, even on a log axis.

    There are per_decade steps in each decade (factor of ten). From lowest to highest
    is a whole number of such steps.
    """
    n_steps = round(math.log10(highest / lowest) * per_decade)
    return [lowest * 10 ** (step / per_decade) for step in range(n_steps + 1)]


def grid_by_factor(lowest, highest, per_decade):
    """Grid by factor."""
    factor = 10 ** (1 / per_decade)
    rates = [lowest]
    while rates[-1] * factor < highest * 1.001:
        rates.append(rates[-1] * factor)
    return rates


def grid_with_logspace(lowest, highest, per_decade):
    """Grid with logspace."""
    n_rates = round(math.log10(highest / lowest) * per_decade) + 1
    exponents = torch.linspace(math.log10(lowest), math.log10(highest), n_rates, dtype=torch.float64)
    return (10**exponents).tolist()


def truncated_number_of_steps(lowest, highest, per_decade):
    """Int for round."""
    n_steps = int(math.log10(highest / lowest) * per_decade)
    return [lowest * 10 ** (step / per_decade) for step in range(n_steps + 1)]


def whole_decades(lowest, highest, per_decade):
    """Rounded too early."""
    n_steps = round(math.log10(highest / lowest)) * per_decade
    return [lowest * 10 ** (step / per_decade) for step in range(n_steps + 1)]


def whole_decades_cut(lowest, highest, per_decade):
    """Cut too early."""
    n_steps = int(math.log10(highest / lowest)) * per_decade
    return [lowest * 10 ** (step / per_decade) for step in range(n_steps + 1)]


def loop_ended_by_rounding(lowest, highest, per_decade):
    """Compares the product with the highest rate."""
    rates, rate = [], lowest
    while rate <= highest:
        rates.append(rate)
        rate *= 10 ** (1 / per_decade)
    return rates


def last_rate_missing(lowest, highest, per_decade):
    """Last rate missing."""
    return rate_grid(lowest, highest, per_decade)[:-1]


def first_rate_missing(lowest, highest, per_decade):
    """First rate missing."""
    return rate_grid(lowest, highest, per_decade)[1:]


def evenly_on_a_plain_axis(lowest, highest, per_decade):
    """Evenly on a plain axis."""
    n_steps = round(math.log10(highest / lowest) * per_decade)
    return [lowest + (highest - lowest) * step / n_steps for step in range(n_steps + 1)]


def one_rate_a_decade(lowest, highest, per_decade):  # noqa: ARG001
    """One rate a decade."""
    return rate_grid(lowest, highest, 1)


def per_decade_rates_in_all(lowest, highest, per_decade):
    """Per decade rates in all."""
    factor = (highest / lowest) ** (1 / max(per_decade - 1, 1))
    return [lowest * factor**step for step in range(max(per_decade, 2))]


def natural_powers(lowest, highest, per_decade):
    """Natural powers."""
    n_steps = round(math.log(highest / lowest) * per_decade)
    return [lowest * math.exp(step / per_decade) for step in range(n_steps + 1)]


def falling_rates(lowest, highest, per_decade):
    """Falling rates."""
    return rate_grid(lowest, highest, per_decade)[::-1]


RATE_GRID = Exercise(
    name="optimizers.rate_grid",
    difficulty=1,
    answer=rate_grid,
    right_answers=[grid_by_factor, grid_with_logspace],
    # 3e-4 / 3e-5 is a little less than 10 in floating point; the last range is one decade and a half
    cases=[(0.1, 1.0, 2), (0.01, 1.0, 1), (0.001, 0.1, 3), (0.3, 300.0, 4), (3e-5, 3e-4, 3), (0.01, 0.1 * 10**0.5, 2)],
    wrong_answers=[
        WrongAnswer(last_rate_missing, "The highest rate is missing: n steps have n + 1 ends."),
        WrongAnswer(first_rate_missing, "The lowest rate is missing."),
        WrongAnswer(
            truncated_number_of_steps,
            "`int` cuts off, and a logarithm that should be 1 may come out as 0.9999999. Use `round`.",
        ),
        WrongAnswer(
            whole_decades,
            "You round the number of decades. Round the number of steps: a range may end in the middle of a decade.",
        ),
        WrongAnswer(
            whole_decades_cut,
            "You cut the number of decades to a whole number. Round the number of steps, decades times per_decade.",
        ),
        WrongAnswer(
            loop_ended_by_rounding,
            "Your loop ends early where a product comes out a little above the highest rate. Count the steps instead.",
        ),
        WrongAnswer(
            evenly_on_a_plain_axis,
            "Your rates have equal differences, so nearly all are in the top decade. Make their ratios equal.",
        ),
        WrongAnswer(
            one_rate_a_decade, "You take whole decades. With per_decade = 2 neighbours differ by 10 ** (1 / 2)."
        ),
        WrongAnswer(per_decade_rates_in_all, "You return per_decade rates in all. That many steps are in each decade."),
        WrongAnswer(
            natural_powers, "You divide factors of e. A decade is a factor of ten: use `math.log10` and `10 **`."
        ),
        WrongAnswer(falling_rates, "Return the rates from the lowest to the highest."),
    ],
    hints=[
        "Neighbours differ by the factor 10 ** (1 / per_decade).",
        "The number of steps is round(math.log10(highest / lowest) * per_decade); step k is at "
        "lowest * 10 ** (k / per_decade).",
    ],
    praise="Rates are compared by their ratio, so they are searched on a logarithmic axis.",
)

# ------------------------------------------------------------------------------------ optimizers.working_decades


def working_decades(rates: list[float], losses: list[float], factor: float) -> float:
    """Return how many decades (factors of ten) the working rates span.

    A rate works where its loss is at most factor times the lowest loss. The result is
    the distance from the first to the last rate that works; rates between them that do
    not work are included. Rates rise, in steps of any size. The loss of a run that
    diverged is nan; at least one loss is a number.
    """
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return math.log10(working[-1] / working[0])


def decades_by_index(rates, losses, factor):
    """Decades by index."""
    best = math.inf
    for loss in losses:
        if loss < best:  # false for nan
            best = loss
    works = [i for i in range(len(losses)) if losses[i] <= factor * best]
    return math.log10(rates[max(works)]) - math.log10(rates[min(works)])


def decades_with_torch(rates, losses, factor):
    """Decades with torch."""
    values = torch.tensor(losses, dtype=torch.float64).nan_to_num(math.inf)
    works = torch.tensor(rates, dtype=torch.float64)[values <= factor * values.min()]
    return (works.max() / works.min()).log10().item()


def _working(rates, losses, factor):
    lowest = min(loss for loss in losses if not math.isnan(loss))
    return [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]


def ratio_of_rates(rates, losses, factor):
    """Ratio of rates."""
    working = _working(rates, losses, factor)
    return working[-1] / working[0]


def natural_logarithm(rates, losses, factor):
    """Natural logarithm."""
    return math.log(ratio_of_rates(rates, losses, factor))


def nan_for_the_lowest(rates, losses, factor):
    """Nan for the lowest."""
    lowest = min(losses)
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return math.log10(working[-1] / working[0])


def number_of_rates(rates, losses, factor):
    """Number of rates."""
    return float(len(_working(rates, losses, factor)))


def gaps_between_working_rates(rates, losses, factor):
    """Gaps between working rates."""
    return float(len(_working(rates, losses, factor)) - 1)


def grid_steps(rates, losses, factor):
    """Grid steps."""
    working = _working(rates, losses, factor)
    return float(rates.index(working[-1]) - rates.index(working[0]))


def half_the_grid_steps(rates, losses, factor):
    """Half the grid steps."""
    return grid_steps(rates, losses, factor) / 2


def quarter_of_the_number(rates, losses, factor):
    """Quarter of the number."""
    return len(_working(rates, losses, factor)) / 4


def quarter_of_the_gaps(rates, losses, factor):
    """Quarter of the gaps."""
    return (len(_working(rates, losses, factor)) - 1) / 4


def rounded_to_whole_decades(rates, losses, factor):
    """Rounded to whole decades."""
    return float(round(math.log10(ratio_of_rates(rates, losses, factor))))


def cut_to_whole_decades(rates, losses, factor):
    """Cut to whole decades."""
    return float(int(math.log10(ratio_of_rates(rates, losses, factor)) + 1e-9))


def rates_shifted_by_nan(rates, losses, factor):
    """Rates shifted by nan."""
    clean = [loss for loss in losses if not math.isnan(loss)]
    working = [rates[i] for i, loss in enumerate(clean) if loss <= factor * min(clean)]
    return math.log10(working[-1] / working[0])


def rates_around_the_best(rates, losses, factor):
    """Rates around the best."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    first = last = losses.index(lowest)
    while first > 0 and losses[first - 1] <= factor * lowest:
        first -= 1
    while last < len(losses) - 1 and losses[last + 1] <= factor * lowest:
        last += 1
    return math.log10(rates[last] / rates[first])


def difference_of_rates(rates, losses, factor):
    """Difference of rates."""
    working = _working(rates, losses, factor)
    return working[-1] - working[0]


def without_the_boundary(rates, losses, factor):
    """Without the boundary."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [r for r, loss in zip(rates, losses, strict=True) if loss < factor * lowest or loss == lowest]
    return math.log10(working[-1] / working[0])


def factor_added(rates, losses, factor):
    """Factor added."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor + lowest]
    return math.log10(working[-1] / working[0])


def factor_for_the_limit(rates, losses, factor):
    """Factor for the limit."""
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor]
    return math.log10(working[-1] / working[0]) if working else 0.0


def nan_left_in(rates, losses, factor):
    """Nan left in."""
    lowest = min(losses)
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return math.log10(working[-1] / working[0]) if working else 0.0


def diverged_counts_as_zero(rates, losses, factor):
    """Diverged counts as zero."""
    losses = [0.0 if math.isnan(loss) else loss for loss in losses]
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * min(losses)]
    return math.log10(working[-1] / working[0])


_NAN = float("nan")
WORKING_DECADES = Exercise(
    name="optimizers.working_decades",
    difficulty=2,
    answer=working_decades,
    right_answers=[decades_by_index, decades_with_torch],
    cases=[
        ([0.01, 0.1, 1.0], [0.5, 0.4, 0.6], 2.0),
        ([0.01, 0.1, 1.0], [2.0, 0.5, 3.0], 2.0),
        ([0.001, 0.003, 0.1, 1.0], [_NAN, 0.5, 0.6, 0.7], 1.5),
        ([0.001, 0.01, 0.1, 1.0], [0.9, 0.5, 0.6, _NAN], 1.5),
        ([0.001, 0.003, 0.01, 0.03], [2.0, 0.5, 0.6, _NAN], 1.5),
        ([0.0001, 0.001, 0.01, 0.2, 1.0], [2.3, 0.2, 0.5, 0.25, 2.2], 1.5),
        ([0.001, 0.01, 0.1], [6.0, 4.0, 8.0], 2.0),
    ],
    wrong_answers=[
        WrongAnswer(
            ratio_of_rates, "That is the ratio of the two rates. The number of decades is its logarithm to base 10."
        ),
        WrongAnswer(natural_logarithm, "You took the natural logarithm. A decade is a factor of ten: `math.log10`."),
        WrongAnswer(
            number_of_rates,
            "You counted the rates that work. Measure how far apart the first and the last are.",
        ),
        WrongAnswer(
            gaps_between_working_rates,
            "You counted the gaps between the working rates, which need not be one decade each. Use the rates "
            "themselves.",
        ),
        WrongAnswer(
            grid_steps,
            "You counted the steps of the grid, from the first to the last working rate. A step need not be a decade.",
        ),
        WrongAnswer(
            half_the_grid_steps, "You assume a grid of half decades. The steps can have any size: use the rates."
        ),
        WrongAnswer(
            quarter_of_the_number,
            "You divide the number of working rates by four. The steps can have any size: use the first and the last.",
        ),
        WrongAnswer(
            quarter_of_the_gaps,
            "You counted the gaps as quarters of a decade, as on one grid. Take the logarithm of last over first.",
        ),
        WrongAnswer(rounded_to_whole_decades, "You rounded. The distance need not be a whole number of decades."),
        WrongAnswer(cut_to_whole_decades, "You cut off what follows the decimal point. Return the distance itself."),
        WrongAnswer(
            rates_shifted_by_nan,
            "You removed the nan from the losses but not its rate, so the losses stand at the wrong rates.",
        ),
        WrongAnswer(
            rates_around_the_best,
            "You stop at the first rate that does not work. Take the first and the last of all that work.",
        ),
        WrongAnswer(
            difference_of_rates,
            "You subtracted the rates. From 0.001 to 0.01 is as far as from 0.1 to 1: a decade each.",
        ),
        WrongAnswer(without_the_boundary, "A loss of exactly factor times the lowest still works: at most, not below."),
        WrongAnswer(factor_added, "You added the factor to the lowest loss. Multiply the lowest loss by it."),
        WrongAnswer(
            factor_for_the_limit,
            "You compare the losses with the factor itself. The limit is factor times the lowest loss.",
        ),
        WrongAnswer(
            nan_for_the_lowest,
            "With a nan first in the list, `min` returns nan, and no loss is below it. Leave out what diverged before "
            "you look for the lowest loss.",
        ),
        WrongAnswer(
            nan_left_in,
            "With a nan first in the list, `min` returns nan. Leave out the runs that diverged before you look for the "
            "lowest loss.",
        ),
        WrongAnswer(
            diverged_counts_as_zero,
            "A run that diverged counts as a loss of 0 in yours, the best of all. Leave it out.",
        ),
    ],
    hints=[
        "First the lowest loss, without the runs that diverged: `math.isnan(loss)` finds these.",
        "Then the rates whose loss is at most factor times that. A comparison with nan is false, as you want it.",
        "`math.log10(last / first)` is the number of decades between two rates.",
    ],
    praise="A wide valley forgives a rate that was guessed; now you can measure how wide.",
)

# ----------------------------------------------------------------------------------- optimizers.choose_optimizer


def choose_optimizer(losses: dict[str, list[float]], kept: dict[str, int]) -> str:
    """Return the name of the optimizer that you would use.

    losses: for each optimizer its validation losses, one a seed, same seeds in all.
    kept: how many numbers it keeps in memory for each weight.
    The best has the lowest mean loss. Another one is clearly worse if its mean paired
    difference to the best is above two standard errors (standard deviation with n - 1,
    divided by the root of n). Of those that are not clearly worse (the best included)
    take the one that keeps the fewest numbers; among equals the lower mean loss.
    """
    means = {name: statistics.mean(values) for name, values in losses.items()}
    best = min(means, key=lambda name: means[name])
    candidates = []
    for name, values in losses.items():
        differences = [a - b for a, b in zip(values, losses[best], strict=True)]
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        if means[name] - means[best] <= 2 * error or name == best:
            candidates.append(name)
    return min(candidates, key=lambda name: (kept[name], means[name]))


def choose_with_torch(losses, kept):
    """Choose with torch."""
    names = list(losses)
    table = torch.tensor([losses[name] for name in names], dtype=torch.float64)  # (optimizers, seeds)
    best = table.mean(dim=1).argmin()
    worse = table - table[best]
    margin = 2 * worse.std(dim=1) / table.shape[1] ** 0.5
    left = [name for name, clear in zip(names, worse.mean(dim=1) > margin, strict=True) if not clear]
    left.sort(key=lambda name: sum(losses[name]))
    return min(left, key=lambda name: kept[name])  # the first of equals


def choose_by_elimination(losses, kept):
    """Choose by elimination."""
    ranked = sorted(losses, key=lambda name: sum(losses[name]))
    best = ranked[0]
    chosen = best
    for name in ranked[1:]:
        gaps = [losses[name][i] - losses[best][i] for i in range(len(losses[name]))]
        mean = sum(gaps) / len(gaps)
        variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
        if mean <= 2 * (variance / len(gaps)) ** 0.5 and kept[name] < kept[chosen]:
            chosen = name
    return chosen


def _paired(values, others):
    return statistics.stdev(a - b for a, b in zip(values, others, strict=True))


def _two_errors(values, others):
    return 2 * _paired(values, others) / math.sqrt(len(values))


def _choose(losses, kept, margin=_two_errors, stays=operator.le, order=lambda numbers, mean: (numbers, mean)):
    means = {name: statistics.mean(values) for name, values in losses.items()}
    best = min(means, key=lambda name: means[name])
    left = [name for name in losses if stays(means[name] - means[best], margin(losses[name], losses[best]))]
    return min(left, key=lambda name: order(kept[name], means[name]))


def lowest_mean(losses, kept):  # noqa: ARG001
    """Lowest mean."""
    return min(losses, key=lambda name: statistics.mean(losses[name]))


def fewest_numbers(losses, kept):  # noqa: ARG001
    """Fewest numbers."""
    return min(kept, key=lambda name: kept[name])


def lowest_single_loss(losses, kept):  # noqa: ARG001
    """Lowest single loss."""
    return min(losses, key=lambda name: min(losses[name]))


def deviation_for_error(losses, kept):
    """Deviation for error."""
    return _choose(losses, kept, lambda a, b: 2 * _paired(a, b))


def one_standard_error(losses, kept):
    """One standard error."""
    return _choose(losses, kept, lambda a, b: _paired(a, b) / math.sqrt(len(a)))


def error_without_the_root(losses, kept):
    """Error without the root."""
    return _choose(losses, kept, lambda a, b: 2 * _paired(a, b) / len(a))


def keeps_the_clearly_worse(losses, kept):
    """Keeps the clearly worse."""
    return _choose(losses, kept, stays=lambda difference, margin: difference > margin or difference == 0)


def leaves_out_the_best(losses, kept):
    """Leaves out the best."""
    return _choose(losses, kept, stays=operator.lt)


def median_for_mean(losses, kept):
    """Median for mean."""
    medians = {name: statistics.median_high(values) for name, values in losses.items()}
    best = min(medians, key=lambda name: medians[name])
    left = []
    for name, values in losses.items():
        differences = [a - b for a, b in zip(values, losses[best], strict=True)]
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        if statistics.mean(differences) <= 2 * error or name == best:
            left.append(name)
    return min(left, key=lambda name: (kept[name], medians[name]))


def memory_times_loss(losses, kept):
    """Memory times loss."""
    return _choose(losses, kept, order=lambda numbers, mean: (numbers * mean, mean))


def seeds_not_paired(losses, kept):
    """Seeds not paired."""
    return _choose(
        losses,
        kept,
        lambda a, b: 0.0 if a is b else 2 * math.sqrt((statistics.variance(a) + statistics.variance(b)) / len(a)),
    )


def most_numbers(losses, kept):
    """Most numbers."""
    return _choose(losses, kept, order=lambda numbers, mean: (-numbers, mean))


def ties_by_order(losses, kept):
    """Ties by order."""
    return _choose(losses, kept, order=lambda numbers, mean: numbers)  # noqa: ARG005


def population_deviation(losses, kept):
    """Divides by n."""

    def bound(a, b):
        return 2 * statistics.pstdev([x - y for x, y in zip(a, b, strict=True)]) / math.sqrt(len(a))

    return _choose(losses, kept, bound)


_KEPT = {"SGD": 0, "momentum": 1, "AdamW": 2}
CHOOSE_OPTIMIZER = Exercise(
    name="optimizers.choose_optimizer",
    difficulty=3,
    answer=choose_optimizer,
    right_answers=[choose_with_torch, choose_by_elimination],
    cases=[
        # SGD is clearly worse; momentum is not.
        (
            {"SGD": [0.9, 0.8, 0.85], "momentum": [0.31, 0.29, 0.32], "AdamW": [0.3, 0.3, 0.3]},
            _KEPT,
        ),
        # momentum is worse by little but always: clearly worse.
        (
            {"SGD": [0.5, 0.6, 0.4, 0.7], "momentum": [0.21, 0.52, 0.31, 0.43], "AdamW": [0.2, 0.5, 0.3, 0.4]},
            _KEPT,
        ),
        # between one and two standard errors; the lowest single loss is SGD's.
        (
            {"SGD": [0.1, 0.9, 0.9, 0.9], "momentum": [0.3, 0.34, 0.32, 0.36], "AdamW": [0.3, 0.3, 0.3, 0.36]},
            {"SGD": 3, "momentum": 1, "AdamW": 2},
        ),
        # equal numbers kept: the lower mean, though it comes later.
        (
            {"Lion": [0.32, 0.29, 0.31, 0.28], "momentum": [0.29, 0.31, 0.3, 0.29], "AdamW": [0.3, 0.3, 0.29, 0.29]},
            {"Lion": 1, "momentum": 1, "AdamW": 2},
        ),
        # between two standard errors and two standard deviations.
        (
            {"SGD": [0.5, 0.7, 0.6, 0.9], "momentum": [0.4, 0.3, 0.35, 0.36], "AdamW": [0.3, 0.3, 0.3, 0.3]},
            _KEPT,
        ),
        # six seeds: between one standard error and two deviations over n.
        (
            {"SGD": [0.9, 0.8, 0.9, 0.8, 0.9, 0.8], "momentum": [0.3, 0.3, 0.296, 0.3, 0.3, 0.4], "AdamW": [0.3] * 6},
            _KEPT,
        ),
        # the lowest mean is AdamW's, the lowest median momentum's.
        (
            {"Lion": [0.3, 0.31, 0.3], "momentum": [0.1, 0.1, 0.9], "AdamW": [0.2, 0.2, 0.2]},
            {"Lion": 1, "momentum": 3, "AdamW": 2},
        ),
        # Lion keeps the fewest numbers, AdamW has the lowest product of memory and loss.
        (
            {"Lion": [0.2, 0.9, 0.5], "AdamW": [0.2, 0.2, 0.2]},
            {"Lion": 1, "AdamW": 2},
        ),
        # between two standard errors with n and with n - 1.
        (
            {"SGD": [0.5, 0.7, 0.6, 0.9], "momentum": [0.295, 0.31, 0.33, 0.33], "AdamW": [0.3, 0.3, 0.3, 0.3]},
            _KEPT,
        ),
    ],
    wrong_answers=[
        WrongAnswer(lowest_mean, "You take the lowest mean loss. Another one may be as good, and keep fewer numbers."),
        WrongAnswer(
            fewest_numbers, "You look at the memory only. First leave out what is clearly worse than the best."
        ),
        WrongAnswer(lowest_single_loss, "You take the best single run. Compare the means over all seeds."),
        WrongAnswer(
            deviation_for_error,
            "You compare with two standard deviations. The standard error is smaller by the root of n.",
        ),
        WrongAnswer(one_standard_error, "You allow one standard error. The rule says two."),
        WrongAnswer(error_without_the_root, "You divide the standard deviation by n. Divide it by the root of n."),
        WrongAnswer(keeps_the_clearly_worse, "You keep what is clearly worse. Leave it out, and keep the rest."),
        WrongAnswer(
            leaves_out_the_best,
            "You leave out the best itself: its difference to itself is 0, and so is the error. It is not clearly "
            "worse, so it stays.",
        ),
        WrongAnswer(median_for_mean, "You compare medians. The best has the lowest mean."),
        WrongAnswer(
            memory_times_loss, "You multiply memory and loss. Take the fewest numbers; the loss decides among equals."
        ),
        WrongAnswer(
            population_deviation,
            "Your standard deviation divides by n. The seeds are a sample: divide by n - 1 (`statistics.stdev`).",
        ),
        WrongAnswer(
            seeds_not_paired,
            "You compare two separate groups. The seeds are the same: take the difference seed by seed, and the "
            "standard error of these differences.",
        ),
        WrongAnswer(most_numbers, "Of those that are left you take the one that keeps the most numbers."),
        WrongAnswer(ties_by_order, "Two that keep equally many numbers: take the one with the lower mean loss."),
    ],
    hints=[
        "Three parts: find the best; leave out what is clearly worse; take the smallest memory among the rest.",
        "`statistics.stdev` of the list of differences, divided by the root of its length, is the standard error.",
        "`min(names, key=lambda name: (kept[name], mean[name]))` decides equal memories by the mean.",
    ],
    praise="A difference that seeds explain is no reason to pay for memory.",
)

# --------------------------------------------------------------------------------------- optimizers.decay_groups


def decay_groups(
    parameters: dict[str, torch.Tensor],
    weight_decay: float,
) -> list[dict]:
    """Return two groups for an optimizer, each a dict with "params" and "weight_decay".

    First the parameters with two or more dimensions (the matrices), which decay by
    weight_decay; then all others (biases, scales of norms), whose decay is 0.0.
    "params" is a list of tensors, in the order in which they came.
    """
    matrices = [p for p in parameters.values() if p.dim() >= 2]
    others = [p for p in parameters.values() if p.dim() < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def groups_by_a_loop(parameters, weight_decay):
    """Groups by a loop."""
    decays, stays = {"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}
    for parameter in parameters.values():
        (decays if len(parameter.shape) > 1 else stays)["params"].append(parameter)
    return [decays, stays]


def groups_by_filter(parameters, weight_decay):
    """Groups by filter."""

    def is_vector(parameter):
        return parameter.ndim <= 1

    others = list(filter(is_vector, parameters.values()))
    matrices = [parameter for parameter in parameters.values() if not is_vector(parameter)]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0}]


def one_group_for_all(parameters, weight_decay):
    """One group for all."""
    return [{"params": list(parameters.values()), "weight_decay": weight_decay}]


def by_the_end_of_the_name(parameters, weight_decay):
    """By the end of the name."""
    weights = [p for name, p in parameters.items() if name.endswith("weight")]
    others = [p for name, p in parameters.items() if not name.endswith("weight")]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def all_but_biases(parameters, weight_decay):
    """All but biases."""
    weights = [p for name, p in parameters.items() if not name.endswith("bias")]
    biases = [p for name, p in parameters.items() if name.endswith("bias")]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]


def others_left_out(parameters, weight_decay):
    """Others left out."""
    return decay_groups(parameters, weight_decay)[:1]


def decay_in_both_groups(parameters, weight_decay):
    """Decay in both groups."""
    return [{**group, "weight_decay": weight_decay} for group in decay_groups(parameters, weight_decay)]


def decay_left_to_the_default(parameters, weight_decay):
    """Decay left to the default."""
    first, second = decay_groups(parameters, weight_decay)
    return [first, {"params": second["params"]}]


def groups_swapped(parameters, weight_decay):
    """Groups swapped."""
    return decay_groups(parameters, weight_decay)[::-1]


def exactly_two_dimensions(parameters, weight_decay):
    """A kernel is not a matrix."""
    matrices = [p for p in parameters.values() if p.dim() == 2]
    others = [p for p in parameters.values() if p.dim() != 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def names_for_tensors(parameters, weight_decay):
    """Names for tensors."""
    matrices = [name for name, p in parameters.items() if p.dim() >= 2]
    others = [name for name, p in parameters.items() if p.dim() < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


DECAY_GROUPS = Exercise(
    name="optimizers.decay_groups",
    difficulty=2,
    answer=decay_groups,
    right_answers=[groups_by_a_loop, groups_by_filter],
    cases=[
        ({"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0])}, 0.1),
        (
            {
                "0.weight": torch.tensor([[1.0], [2.0]]),
                "0.bias": torch.tensor([3.0, 4.0]),
                "1.weight": torch.tensor([1.0, 1.5]),
                "1.bias": torch.tensor([0.5, 0.0]),
            },
            0.01,
        ),
        ({"matrix": torch.tensor([[1.0], [2.0]]), "scale": torch.tensor(1.0)}, 0.5),
        ({"kernel": torch.tensor([[[1.0], [2.0]]]), "bias": torch.tensor([0.5])}, 0.1),
    ],
    wrong_answers=[
        WrongAnswer(
            one_group_for_all, "All parameters are in one group, so biases and norms decay too. Make two groups."
        ),
        WrongAnswer(
            by_the_end_of_the_name,
            "You go by the name. The scale of a norm is called weight, too: go by the number of dimensions.",
        ),
        WrongAnswer(
            all_but_biases,
            "You let everything decay that is not called bias. The scale of a norm is not either: go by the number of "
            "dimensions.",
        ),
        WrongAnswer(
            others_left_out,
            "Biases and norms are in no group, so the optimizer would never change them. Add a group without decay.",
        ),
        WrongAnswer(decay_in_both_groups, "Both groups decay. The second group's weight_decay is 0.0."),
        WrongAnswer(
            decay_left_to_the_default,
            "The second group has no weight_decay, so it gets the optimizer's default (0.01 in AdamW). Set it to 0.0.",
        ),
        WrongAnswer(groups_swapped, "The group that decays comes first."),
        WrongAnswer(
            exactly_two_dimensions,
            "Only tensors with exactly two dimensions decay. The kernel of a convolution has three or more, and decays "
            "too.",
        ),
        WrongAnswer(names_for_tensors, "Your groups hold the names. An optimizer needs the tensors."),
    ],
    hints=[
        "`parameters.values()` are the tensors, and `tensor.dim()` is its number of dimensions.",
        "Two list comprehensions, one with `p.dim() >= 2` and one with `p.dim() < 2`.",
    ],
    praise="Optimizers of PyTorch take such a list in place of the parameters.",
)

# --------------------------------------------------------------------------------------- optimizers.train_linear


def train_linear(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lr: float,
    weight_decay: float,
    n_steps: int,
) -> torch.Tensor:
    """Train a linear model without bias, and return its weights, shape (F,).

    inputs have the shape (N, F), targets (N,). The weights start at zero. The loss is
    the mean squared error of inputs @ weights over all examples. Each of the n_steps
    subtracts lr * (gradient of the loss + weight_decay * weights). Write the step
    yourself, without torch.optim.
    """
    weights = torch.zeros(inputs.shape[1], requires_grad=True)
    for _ in range(n_steps):
        loss = ((inputs @ weights - targets) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            weights -= lr * (gradient + weight_decay * weights)
    return weights.detach()


def train_by_the_formula(inputs, targets, lr, weight_decay, n_steps):
    """Train by the formula."""
    weights = torch.zeros(inputs.shape[1])
    for _ in range(n_steps):
        gradient = 2 * inputs.T @ (inputs @ weights - targets) / len(targets)
        weights = weights - lr * (gradient + weight_decay * weights)
    return weights


def train_with_a_penalty(inputs, targets, lr, weight_decay, n_steps):
    """Train with a penalty."""
    weights = torch.zeros(inputs.shape[1])
    for _ in range(n_steps):
        weights.requires_grad_()
        error = torch.nn.functional.mse_loss(inputs @ weights, targets)
        [gradient] = torch.autograd.grad(error + weight_decay / 2 * weights.square().sum(), weights)
        weights = weights.detach() - lr * gradient
    return weights


def _train(inputs, targets, lr, weight_decay, n_steps, *, zero_grad=True, penalty=0.0, scale=1.0, momentum=0.0):
    """Train with one thing changed, for the wrong answers."""
    weights = torch.zeros(inputs.shape[1], requires_grad=True)
    velocity = torch.zeros(inputs.shape[1])
    for _ in range(n_steps):
        if zero_grad:
            weights.grad = None
        (scale * ((inputs @ weights - targets) ** 2).mean() + penalty / 2 * weights.square().sum()).backward()
        with torch.no_grad():
            velocity = momentum * velocity + torch.as_tensor(weights.grad) + weight_decay * weights
            weights -= lr * velocity
    return weights.detach()


def never_clears_the_gradient(inputs, targets, lr, weight_decay, n_steps):
    """Never clears the gradient."""
    return _train(inputs, targets, lr, weight_decay, n_steps, zero_grad=False)


def decays_twice(inputs, targets, lr, weight_decay, n_steps):
    """Decays twice."""
    return _train(inputs, targets, lr, weight_decay, n_steps, penalty=weight_decay)


def no_decay_at_all(inputs, targets, lr, weight_decay, n_steps):  # noqa: ARG001
    """No decay at all."""
    return _train(inputs, targets, lr, 0.0, n_steps)


def summed_loss(inputs, targets, lr, weight_decay, n_steps):
    """Summed loss."""
    return _train(inputs, targets, lr, weight_decay, n_steps, scale=len(targets))


def half_the_squared_error(inputs, targets, lr, weight_decay, n_steps):
    """Half the squared error."""
    return _train(inputs, targets, lr, weight_decay, n_steps, scale=0.5)


def one_step_missing(inputs, targets, lr, weight_decay, n_steps):
    """One step missing."""
    return _train(inputs, targets, lr, weight_decay, n_steps - 1)


def with_momentum(inputs, targets, lr, weight_decay, n_steps):
    """With momentum."""
    return _train(inputs, targets, lr, weight_decay, n_steps, momentum=0.9)


def decay_without_the_loss_rate(inputs, targets, lr, weight_decay, n_steps):
    """Decay without the loss rate."""
    return _train(inputs, targets, lr, weight_decay / lr, n_steps)


def columns_of_targets(inputs, targets, lr, weight_decay, n_steps):
    """Columns of targets."""
    weights = torch.zeros(inputs.shape[1], 1, requires_grad=True)
    for _ in range(n_steps):
        weights.grad = None
        ((inputs @ weights - targets) ** 2).mean().backward()  # (N, 1) - (N,) is (N, N)
        with torch.no_grad():
            weights -= lr * (weights.grad + weight_decay * weights)
    return weights.detach()[:, 0]


_X = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
_Y = torch.tensor([1.0, -1.0, 2.0])
TRAIN_LINEAR = Exercise(
    name="optimizers.train_linear",
    difficulty=3,
    answer=train_linear,
    right_answers=[train_by_the_formula, train_with_a_penalty],
    cases=[
        (torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 3.0]), 0.1, 0.0, 1),
        (_X, _Y, 0.1, 0.0, 3),
        (_X, _Y, 0.1, 0.5, 3),
        (_X, _Y, 0.05, 0.1, 20),
    ],
    wrong_answers=[
        WrongAnswer(
            never_clears_the_gradient,
            "The gradients of all steps add up: set weights.grad to None (or to zero) before backward().",
        ),
        WrongAnswer(decays_twice, "The decay is in your loss and in your step, so it counts twice. Keep one of them."),
        WrongAnswer(no_decay_at_all, "Your weights do not decay: add weight_decay * weights to the gradient."),
        WrongAnswer(
            decay_without_the_loss_rate,
            "You shrink the weights by weight_decay alone. The rate lr multiplies it as well.",
        ),
        WrongAnswer(summed_loss, "Your loss is the sum of the squared errors. Take their mean."),
        WrongAnswer(
            half_the_squared_error,
            "Your gradient is half of that of the mean squared error. You halved the error, or forgot the 2 of the "
            "derivative.",
        ),
        WrongAnswer(one_step_missing, "You take one step too few."),
        WrongAnswer(with_momentum, "Your step has momentum. Go along the gradient of this step alone."),
        WrongAnswer(
            columns_of_targets,
            "Your outputs have the shape (N, 1) and the targets (N,), so their difference is (N, N). Use weights of "
            "shape (F,).",
        ),
    ],
    hints=[
        "Begin with `weights = torch.zeros(inputs.shape[1], requires_grad=True)`.",
        "In each step: clear the gradient, compute the loss, backward, change the weights under `torch.no_grad()`.",
        "The loss is `((inputs @ weights - targets) ** 2).mean()`, and `weights -= lr * (weights.grad + weight_decay * "
        "weights)` is the step.",
    ],
    praise="This loop, with an optimizer for its last line, is every training in PyTorch.",
)

# -------------------------------------------------------------------------------------- optimizers.nesterov_step


def nesterov_step(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    velocity: torch.Tensor,
    lr: float,
    momentum: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight and the velocity after one step of Nesterov's momentum.

    The new velocity is that of plain momentum. The weight moves against the gradient
    plus momentum times the new velocity, times lr, as in PyTorch. Leave the tensors
    that you get unchanged.
    """
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + momentum * velocity), velocity


def nesterov_in_two_steps(weight, gradient, velocity, lr, momentum):
    """Nesterov in two steps."""
    velocity = momentum * velocity + gradient
    weight = weight - lr * gradient
    return weight - lr * momentum * velocity, velocity


def nesterov_with_torch(weight, gradient, velocity, lr, momentum):
    """Nesterov with torch."""
    new = torch.add(gradient, velocity, alpha=momentum)
    return torch.sub(weight, torch.add(gradient, new, alpha=momentum), alpha=lr), new


def nesterov_climbs(weight, gradient, velocity, lr, momentum):
    """Nesterov climbs."""
    velocity = momentum * velocity + gradient
    return weight + lr * (gradient + momentum * velocity), velocity


def nesterov_with_the_old_velocity(weight, gradient, velocity, lr, momentum):
    """Nesterov with the old velocity."""
    direction = gradient + momentum * velocity
    return weight - lr * direction, direction


def adds_the_whole_velocity(weight, gradient, velocity, lr, momentum):
    """Adds the whole velocity."""
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + velocity), velocity


def gradient_left_out(weight, gradient, velocity, lr, momentum):
    """Gradient left out."""
    velocity = momentum * velocity + gradient
    return weight - lr * momentum * velocity, velocity


def returns_the_direction(weight, gradient, velocity, lr, momentum):
    """Returns the direction."""
    velocity = momentum * velocity + gradient
    velocity = gradient + momentum * velocity
    return weight - lr * velocity, velocity


def nesterov_averaged(weight, gradient, velocity, lr, momentum):
    """Nesterov averaged."""
    velocity = momentum * velocity + (1 - momentum) * gradient
    return weight - lr * (gradient + momentum * velocity), velocity


NESTEROV_STEP = Exercise(
    name="optimizers.nesterov_step",
    difficulty=1,
    answer=nesterov_step,
    right_answers=[nesterov_in_two_steps, nesterov_with_torch],
    cases=_MOMENTUM_CASES,
    wrong_answers=[
        WrongAnswer(nesterov_climbs, "Your step increases the loss. Subtract it from the weight."),
        WrongAnswer(
            nesterov_with_the_old_velocity,
            "That is plain momentum. The direction is gradient + momentum * velocity, with the new velocity.",
        ),
        WrongAnswer(
            adds_the_whole_velocity, "You add the whole velocity to the gradient. Multiply it by momentum first."
        ),
        WrongAnswer(gradient_left_out, "You move along the velocity's share alone. The gradient is added once more."),
        WrongAnswer(
            returns_the_direction,
            "You return the direction of the step as the velocity. Give the direction a different name.",
        ),
        WrongAnswer(nesterov_averaged, "You average with (1 - momentum). Here the whole gradient enters the velocity."),
    ],
    hints=[
        "The velocity is updated as in momentum_step. Only the direction of the step differs.",
        "The direction is gradient + momentum * velocity, with the new velocity.",
    ],
    praise="This is `torch.optim.SGD(momentum=…, nesterov=True)`.",
)

EXERCISES = [
    BATCH_FOR_ERROR,
    MOMENTUM_STEP,
    ADAMW_STEP,
    RATE_GRID,
    WORKING_DECADES,
    CHOOSE_OPTIMIZER,
    DECAY_GROUPS,
    TRAIN_LINEAR,
    NESTEROV_STEP,
]
