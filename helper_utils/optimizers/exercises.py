"""Exercises of the lesson 05_optimizers."""

import math

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------- optimizers.momentum_step


def momentum_step(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    velocity: torch.Tensor,
    lr: float,
    momentum: float,
    nesterov: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight and the velocity after one step, as torch's SGD computes them.

    The new velocity is momentum times the old one, plus the gradient. The step goes
    against it; with nesterov, against the gradient plus momentum times the new
    velocity. All tensors have one shape; leave those that you get unchanged.
    """
    velocity = momentum * velocity + gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    return weight - lr * direction, velocity


def climbs(weight, gradient, velocity, lr, momentum, nesterov):
    """Both signs turned."""
    velocity = momentum * velocity + gradient
    return weight + lr * (gradient + momentum * velocity if nesterov else velocity), velocity


def sign_in_the_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The climbing form of the common mistakes."""
    velocity = momentum * velocity - gradient
    return weight - lr * (momentum * velocity - gradient if nesterov else velocity), velocity


def averaged_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The mean of the books for torch's sum."""
    velocity = momentum * velocity + (1 - momentum) * gradient
    return weight - lr * (gradient + momentum * velocity if nesterov else velocity), velocity


def rate_in_the_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The velocity holds steps."""
    velocity = momentum * velocity + lr * gradient
    return weight - (lr * gradient + momentum * velocity if nesterov else velocity), velocity


def steps_with_the_old_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The velocity is renewed too late."""
    direction = gradient + momentum * velocity if nesterov else velocity
    return weight - lr * direction, momentum * velocity + gradient


def steps_with_the_old_velocity_alone(weight, gradient, velocity, lr, momentum, nesterov):  # noqa: ARG001
    """The new velocity is returned, and not used."""
    return weight - lr * velocity, momentum * velocity + gradient


def steps_in_the_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The velocity holds finished steps, with their sign."""
    velocity = momentum * velocity - lr * gradient
    return weight + (momentum * velocity - lr * gradient if nesterov else velocity), velocity


def velocity_first(weight, gradient, velocity, lr, momentum, nesterov):
    """The two results are swapped."""
    return momentum_step(weight, gradient, velocity, lr, momentum, nesterov)[::-1]


def nesterov_with_the_old_velocity(weight, gradient, velocity, lr, momentum, nesterov):  # noqa: ARG001
    """With the old velocity, gradient + momentum * velocity is plain momentum."""
    direction = gradient + momentum * velocity
    return weight - lr * direction, momentum * velocity + gradient


def nesterov_adds_the_whole_velocity(weight, gradient, velocity, lr, momentum, nesterov):
    """The factor in front of the velocity is forgotten."""
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + velocity if nesterov else velocity), velocity


MOMENTUM_STEP = Exercise(
    name="optimizers.momentum_step",
    answer=momentum_step,
    cases=[
        (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([0.0]), 0.1, 0.5, False),
        (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([4.0]), 0.1, 0.5, False),
        (torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([4.0]), 0.1, 0.5, True),
        (torch.tensor([0.5, -1.0]), torch.tensor([-1.0, 3.0]), torch.tensor([2.0, 0.5]), 0.01, 0.9, False),
        (torch.tensor([[0.5], [-1.0]]), torch.tensor([[-1.0], [3.0]]), torch.tensor([[2.0], [0.5]]), 0.2, 0.9, True),
    ],
    wrong_answers=[
        WrongAnswer(
            climbs,
            "Your step goes uphill: the gradient points to where the loss grows. Subtract the step from the weight.",
        ),
        WrongAnswer(
            sign_in_the_velocity,
            "There is a minus in the velocity and another in the step, and together they climb. Keep one: add the "
            "gradient to the velocity, subtract the velocity from the weight.",
        ),
        WrongAnswer(
            averaged_velocity,
            "You average, with (1 - momentum) before the gradient, as many books do. torch's velocity is a sum: the "
            "gradient enters whole.",
        ),
        WrongAnswer(
            rate_in_the_velocity,
            "Your velocity has the rate in it. torch's holds gradients only, and the rate multiplies the step; with a "
            "rate that changes, this is not the same.",
        ),
        WrongAnswer(
            steps_with_the_old_velocity,
            "You step with the velocity as it was. Renew it first, so that this step's gradient is in it.",
        ),
        WrongAnswer(
            steps_with_the_old_velocity_alone,
            "You step with the velocity that you were given. Make the new one first, and step with that.",
        ),
        WrongAnswer(
            steps_in_the_velocity,
            "Your velocity holds finished steps, with the rate and the minus in it. torch's holds gradients only: the "
            "rate and the minus come with the step.",
        ),
        WrongAnswer(velocity_first, "You return the velocity first. The weight comes first, then the velocity."),
        WrongAnswer(
            nesterov_with_the_old_velocity,
            "With nesterov your step is still that of plain momentum. Either nesterov is not used, or the old velocity "
            "stands in its step: the gradient plus momentum times the old velocity is just the new velocity. Take the "
            "gradient plus momentum times the new one.",
        ),
        WrongAnswer(
            nesterov_adds_the_whole_velocity,
            "With nesterov you add the whole velocity to the gradient. It enters times momentum.",
        ),
    ],
    hints=[
        "Two lines make plain momentum: first the new velocity, then the step with it.",
        "With nesterov only the direction differs: gradient + momentum * velocity, with the new velocity.",
        "velocity = momentum * velocity + gradient makes a new tensor; velocity += gradient changes the one you got.",
    ],
    praise="This is torch's SGD, and with nesterov its rewriting of the look-ahead.",
)

# ---------------------------------------------------------------------------------------- optimizers.adamw_step


def adamw_step(
    weight: torch.Tensor,
    gradient: torch.Tensor,
    mean: torch.Tensor,
    square: torch.Tensor,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return weight, mean and square after one step of AdamW, as torch computes them.

    mean and square are the moving averages of the gradient and of its square, without
    correction, as they are before the step. step counts from 1. eps is added to the
    root. All tensors have one shape; leave those that you get unchanged.
    """
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    corrected_mean = mean / (1 - beta1**step)
    corrected_square = square / (1 - beta2**step)
    weight = weight * (1 - lr * weight_decay)
    return weight - lr * corrected_mean / (corrected_square.sqrt() + eps), mean, square


def adam_climbs(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The step is added."""
    shrunk = weight * (1 - lr * weight_decay)
    after, mean, square = adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay)
    return 2 * shrunk - after, mean, square


def square_forgotten(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The gradient stands where its square belongs."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient
    root = (square / (1 - beta2**step)).sqrt()
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - beta1**step) / (root + eps), mean, square


def no_correction(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):  # noqa: ARG001
    """The averages as they are."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    return weight * (1 - lr * weight_decay) - lr * mean / (square.sqrt() + eps), mean, square


def steps_counted_from_zero(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The correction counts one step too many."""
    return adamw_step(weight, gradient, mean, square, step + 1, lr, beta1, beta2, eps, weight_decay)


def returns_the_corrected_averages(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """What is remembered is corrected, and would be corrected again."""
    after, mean, square = adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay)
    return after, mean / (1 - beta1**step), square / (1 - beta2**step)


def eps_inside_the_root(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """Another rule where the gradients are small."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    root = (square / (1 - beta2**step) + eps).sqrt()
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - beta1**step) / root, mean, square


def decay_in_the_gradient(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """L2 in Adam."""
    gradient = gradient + weight_decay * weight
    return adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, 0.0)


def decay_without_the_rate(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The paper's form."""
    return adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay / lr)


def decay_forgotten(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):  # noqa: ARG001
    """Plain Adam."""
    return adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, 0.0)


def decay_after_the_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The step shrinks, too."""
    after, mean, square = adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, 0.0)
    return after * (1 - lr * weight_decay), mean, square


def eps_before_the_correction(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """The correction scales eps, too."""
    eps = eps / math.sqrt(1 - beta2**step)
    return adamw_step(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay)


def root_forgotten(weight, gradient, mean, square, step, lr, beta1, beta2, eps, weight_decay):
    """Divided by the mean square."""
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * gradient**2
    corrected = square / (1 - beta2**step)
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - beta1**step) / (corrected + eps), mean, square


ADAMW_STEP = Exercise(
    name="optimizers.adamw_step",
    answer=adamw_step,
    cases=[
        (
            torch.tensor([1.0]),
            torch.tensor([2.0]),
            torch.tensor([0.0]),
            torch.tensor([0.0]),
            1,
            0.1,
            0.9,
            0.99,
            1e-8,
            0.0,
        ),
        (
            torch.tensor([1.0]),
            torch.tensor([2.0]),
            torch.tensor([0.0]),
            torch.tensor([0.0]),
            1,
            0.1,
            0.9,
            0.99,
            1e-8,
            0.5,
        ),
        (
            torch.tensor([1.0]),
            torch.tensor([-2.0]),
            torch.tensor([0.5]),
            torch.tensor([4.0]),
            3,
            0.1,
            0.8,
            0.9,
            0.5,
            0.2,
        ),
        (
            torch.tensor([1.0, -3.0]),
            torch.tensor([0.01, -4.0]),
            torch.tensor([0.5, 1.0]),
            torch.tensor([0.25, 2.0]),
            10,
            0.01,
            0.9,
            0.99,
            0.1,
            2.0,
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            adam_climbs,
            "Your step goes uphill. The decay shrinks the weight, and then the step is subtracted from it.",
        ),
        WrongAnswer(
            square_forgotten,
            "Your second average is of the gradient itself. Average its square, gradient**2: it is never negative, so "
            "it has a root.",
        ),
        WrongAnswer(
            no_correction,
            "You use the averages as they are. Both start at zero and are too small at first: divide the mean by "
            "1 - beta1**step, and the square by 1 - beta2**step.",
        ),
        WrongAnswer(
            steps_counted_from_zero,
            "Your correction counts one step too many. The first step is 1 already, so the power is step.",
        ),
        WrongAnswer(
            returns_the_corrected_averages,
            "The weight is right, but you hand on the corrected averages, and the next step would correct them again. "
            "Return them as they are before the correction.",
        ),
        WrongAnswer(
            eps_inside_the_root,
            "Your eps is inside the root, where the same number weighs far more. torch adds it after the root.",
        ),
        WrongAnswer(
            decay_in_the_gradient,
            "You added the decay to the gradient: that is L2 in Adam, and it goes through both averages. In AdamW the "
            "weight shrinks by itself.",
        ),
        WrongAnswer(
            decay_without_the_rate,
            "You shrink the weight by weight_decay alone, as the paper writes it. torch multiplies it with the rate.",
        ),
        WrongAnswer(
            decay_forgotten,
            "That is Adam. AdamW also shrinks the weight, by the factor 1 - lr * weight_decay.",
        ),
        WrongAnswer(
            decay_after_the_step,
            "You decay after the step, so the step shrinks as well. Shrink the weight as you get it, then subtract the "
            "step.",
        ),
        WrongAnswer(
            eps_before_the_correction,
            "You add eps to the root before the correction, which then enlarges eps as well. Correct the square, take "
            "the root, and add eps to that.",
        ),
        WrongAnswer(
            root_forgotten,
            "You divide by the mean of the squares, not by its root, so the step depends on the gradient's scale.",
        ),
    ],
    hints=[
        "Five things in this order: the two averages, their corrections, the decay of the weight, the step.",
        "The corrections are for this step only: keep mean and square as they are, and divide copies of them by "
        "1 - beta1**step and 1 - beta2**step.",
        "The decay is weight * (1 - lr * weight_decay). From that goes lr * corrected mean / (root of corrected square "
        "+ eps).",
    ],
    praise="That is the whole of the optimizer that most large networks are trained with.",
)

# ----------------------------------------------------------------------------------- optimizers.working_decades


def working_decades(rates: list[float], losses: list[float], factor: float) -> float:
    """Return how many decades (powers of ten) lie between the first and the last rate that work.

    A rate works where its loss is at most factor times the lowest loss. The rates rise;
    the loss of a run that diverged is nan, and there is at least one that did not. All
    rates between the first and the last that work count. One rate alone: 0 decades.
    """
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return math.log10(working[-1] / working[0])


def ratio_of_rates(rates, losses, factor):
    """No logarithm."""
    return 10 ** working_decades(rates, losses, factor)


def natural_logarithm(rates, losses, factor):
    """Powers of e."""
    return working_decades(rates, losses, factor) * math.log(10)


def number_of_rates(rates, losses, factor):  # noqa: ARG001
    """Counts, whatever their distance."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    return float(sum(loss <= factor * lowest for loss in losses))


def half_the_number_of_rates(rates, losses, factor):
    """Right only on a grid of half decades, and then one rate too many."""
    return number_of_rates(rates, losses, factor) / 2


def rates_around_the_best(rates, losses, factor):
    """Stops at the first rate that does not work."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    first = last = losses.index(lowest)
    while first > 0 and losses[first - 1] <= factor * lowest:
        first -= 1
    while last < len(losses) - 1 and losses[last + 1] <= factor * lowest:
        last += 1
    return math.log10(rates[last] / rates[first])


def difference_of_rates(rates, losses, factor):
    """On a linear axis."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return working[-1] - working[0]


def without_the_boundary(rates, losses, factor):
    """Less than, for at most."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [r for r, loss in zip(rates, losses, strict=True) if loss < factor * lowest or loss == lowest]
    return math.log10(working[-1] / working[0])


def factor_added(rates, losses, factor):
    """An absolute margin."""
    lowest = min(loss for loss in losses if not math.isnan(loss))
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor + lowest]
    return math.log10(working[-1] / working[0])


def nan_left_in(rates, losses, factor):
    """A nan in front makes min return nan, so nothing works."""
    lowest = min(losses)
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * lowest]
    return math.log10(working[-1] / working[0]) if working else 0.0


def diverged_counts_as_zero(rates, losses, factor):
    """The lowest loss is 0 then."""
    losses = [0.0 if math.isnan(loss) else loss for loss in losses]
    working = [rate for rate, loss in zip(rates, losses, strict=True) if loss <= factor * min(losses)]
    return math.log10(working[-1] / working[0])


_NAN = float("nan")
WORKING_DECADES = Exercise(
    name="optimizers.working_decades",
    answer=working_decades,
    cases=[
        ([0.01, 0.1, 1.0], [0.5, 0.4, 0.6], 2.0),
        ([0.01, 0.1, 1.0], [2.0, 0.5, 3.0], 2.0),
        ([0.001, 0.01, 0.1, 1.0], [3.0, 1.0, 0.5, 4.0], 2.0),
        ([0.001, 0.01, 0.1, 1.0], [0.9, 0.5, 0.6, _NAN], 1.5),
        ([0.001, 0.01, 0.1, 1.0], [_NAN, 0.5, 0.6, 0.7], 1.5),
        ([0.0001, 0.001, 0.01, 0.1, 1.0], [2.3, 0.2, 0.5, 0.25, 2.2], 1.5),
    ],
    wrong_answers=[
        WrongAnswer(
            ratio_of_rates,
            "That is the ratio of the two rates. The number of decades is its logarithm to base 10.",
        ),
        WrongAnswer(natural_logarithm, "You took the natural logarithm. A decade is a power of ten: `math.log10`."),
        WrongAnswer(
            number_of_rates,
            "You counted the rates that work. With a finer grid there would be more of them: measure how far apart the "
            "first and the last are.",
        ),
        WrongAnswer(
            half_the_number_of_rates,
            "You count the rates and halve. That takes a grid of half decades for granted, and from the first to the "
            "last there is one gap fewer than there are rates: use the rates themselves.",
        ),
        WrongAnswer(
            rates_around_the_best,
            "You count only the rates that hang together around the best. A rate beyond a gap works too: take the "
            "first and the last of all that work.",
        ),
        WrongAnswer(
            difference_of_rates,
            "You subtracted the rates. From 0.001 to 0.01 is as far as from 0.1 to 1: a decade each.",
        ),
        WrongAnswer(
            without_the_boundary,
            "A loss of exactly factor times the lowest still works: at most, not below.",
        ),
        WrongAnswer(
            factor_added,
            "You added the factor to the lowest loss. Multiply: what is close to the best depends on its size.",
        ),
        WrongAnswer(
            nan_left_in,
            "With a nan first in the list, `min` returns nan: nothing is smaller than it. Leave out the runs that "
            "diverged before you look for the lowest loss.",
        ),
        WrongAnswer(
            diverged_counts_as_zero,
            "A run that diverged counts as a loss of 0 in yours, the best of all. It has no loss: leave it out.",
        ),
    ],
    hints=[
        "First the lowest loss, without the runs that diverged: `math.isnan(loss)` finds these.",
        "Then the rates whose loss is at most factor times that. A comparison with nan is false, as you want it.",
        "`math.log10(last / first)` is the number of decades between two rates.",
    ],
    praise="A wide valley forgives a rate that was guessed; now you can say how wide.",
)

EXERCISES = [MOMENTUM_STEP, ADAMW_STEP, WORKING_DECADES]
