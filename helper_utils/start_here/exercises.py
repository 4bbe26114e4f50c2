"""Exercises of the lesson 00_start_here."""

import math
import statistics

import torch
from torch.nn.functional import cross_entropy

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------------ start_here.standard_error


def standard_error(values: list[float]) -> float:
    """Return the standard error of the mean of two or more values.

    It is the standard deviation (statistics.stdev) divided by the square root of the
    number of values.
    """
    return statistics.stdev(values) / math.sqrt(len(values))


def standard_error_in_torch(values):
    """With tensors."""
    return (torch.tensor(values, dtype=torch.float64).std() / len(values) ** 0.5).item()


def standard_error_by_hand(values):
    """From the sum of squares."""
    n, mean = len(values), sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / (n - 1) / n) ** 0.5


def standard_deviation_alone(values):
    """Not divided at all."""
    return statistics.stdev(values)


def divided_by_the_number(values):
    """Divided by n, not by its root."""
    return statistics.stdev(values) / len(values)


def population_deviation(values):
    """The squares are divided by n, not by n - 1."""
    return statistics.pstdev(values) / math.sqrt(len(values))


def variance_of_the_mean(values):
    """The square of what is asked for."""
    return statistics.variance(values) / len(values)


def variance_over_root(values):
    """The variance in place of the deviation."""
    return statistics.variance(values) / math.sqrt(len(values))


def root_of_one_less(values):
    """N - 1 once more."""
    return statistics.stdev(values) / math.sqrt(len(values) - 1)


STANDARD_ERROR = Exercise(
    name="start_here.standard_error",
    difficulty=2,
    answer=standard_error,
    cases=[
        ([1.0, 3.0],),
        ([0.9, 0.8, 1.0, 0.7],),
        ([10.0, 10.0, 10.0],),
        ([0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 2.0],),
    ],
    right_answers=[standard_error_in_torch, standard_error_by_hand],
    wrong_answers=[
        WrongAnswer(
            standard_deviation_alone,
            "That is the standard deviation: how far single values lie from their mean. Divide it by the square root "
            "of the number of values.",
        ),
        WrongAnswer(
            divided_by_the_number,
            "You divided by the number of values. Divide by its square root: four times the runs halve the error.",
        ),
        WrongAnswer(
            population_deviation,
            "Your standard deviation divides the sum of squares by n, as `statistics.pstdev` does. `statistics.stdev` "
            "divides it by n - 1.",
        ),
        WrongAnswer(
            variance_of_the_mean, "That is the square of the standard error. Take the square root of your result."
        ),
        WrongAnswer(
            variance_over_root,
            "You started from the variance. The standard deviation is its square root, `statistics.stdev`.",
        ),
        WrongAnswer(
            root_of_one_less,
            "You divided by the square root of n - 1. The n - 1 is inside the standard deviation already: divide by "
            "the square root of n.",
        ),
    ],
    hints=[
        "`statistics.stdev(values)` is the numerator. The number of values is `len(values)`.",
        "Divide by `math.sqrt(len(values))`.",
    ],
    praise="In this lesson, ± stands for two standard errors on each side of a mean.",
)

# -------------------------------------------------------------------------------------- start_here.channel_statistics


def channel_statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the standard deviation of each channel.

    images: shape (N, C, H, W). Both results have the shape (C,). The standard deviation
    is that of torch's `std` with its default.
    """
    return images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3))


def statistics_of_rows(images):
    """A row of all pixels for each channel."""
    pixels = images.movedim(1, 0).flatten(1)
    return pixels.mean(dim=1), pixels.std(dim=1)


def statistics_channel_by_channel(images):
    """With a loop."""
    channels = [images[:, c] for c in range(images.shape[1])]
    return torch.stack([c.mean() for c in channels]), torch.stack([c.std() for c in channels])


def one_number_for_all_channels(images):
    """The channels are mixed."""
    return images.mean(), images.std()


def one_number_for_each_image(images):
    """Over channels, rows and columns."""
    return images.mean(dim=(1, 2, 3)), images.std(dim=(1, 2, 3))


def one_number_for_each_pixel(images):
    """Over the images only."""
    return images.mean(dim=0), images.std(dim=0)


def variance_in_place_of_deviation(images):
    """No square root."""
    return images.mean(dim=(0, 2, 3)), images.var(dim=(0, 2, 3))


def with_kept_dimensions(images):
    """Shape (1, C, 1, 1)."""
    return images.mean(dim=(0, 2, 3), keepdim=True), images.std(dim=(0, 2, 3), keepdim=True)


def deviation_before_mean(images):
    """The two in the wrong order."""
    return images.std(dim=(0, 2, 3)), images.mean(dim=(0, 2, 3))


def mean_of_the_images_deviations(images):
    """The spread within each image, averaged: the differences between images are lost."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(2, 3)).mean(dim=0)


def divided_by_the_number_of_pixels(images):
    """The squares are divided by n, not by n - 1."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3), correction=0)


TWO_IMAGES = torch.tensor([[[[0.0, 1.0]], [[0.5, 0.5]]], [[[0.0, 0.0]], [[1.0, 0.0]]]])
THREE_IMAGES = torch.arange(24.0).reshape(2, 3, 2, 2) ** 1.5

CHANNEL_STATISTICS = Exercise(
    name="start_here.channel_statistics",
    difficulty=2,
    answer=channel_statistics,
    cases=[(TWO_IMAGES,), (THREE_IMAGES,), (torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]], [[[1.0, 1.0], [1.0, 0.5]]]]),)],
    right_answers=[statistics_of_rows, statistics_channel_by_channel],
    wrong_answers=[
        WrongAnswer(
            one_number_for_all_channels,
            "You have one mean for everything. Give each channel its own: `dim=` names the axes that are averaged "
            "over, all but the second.",
        ),
        WrongAnswer(
            one_number_for_each_image,
            "You have a mean for each image. Average over the images too, and not over the channels.",
        ),
        WrongAnswer(
            one_number_for_each_pixel,
            "You have a mean for each place in the image. Average over rows and columns too.",
        ),
        WrongAnswer(
            variance_in_place_of_deviation,
            "The second result is the variance. The standard deviation is its square root: use `std`.",
        ),
        WrongAnswer(
            with_kept_dimensions,
            "The numbers are right, and the shape is (1, C, 1, 1). Leave `keepdim` out to get (C,).",
        ),
        WrongAnswer(deviation_before_mean, "Return the mean first, then the standard deviation."),
        WrongAnswer(
            mean_of_the_images_deviations,
            "You averaged the standard deviations of single images. Take one standard deviation over all pixels of a "
            "channel, in all images.",
        ),
        WrongAnswer(
            divided_by_the_number_of_pixels,
            "Your standard deviation divides the sum of squares by n, as NumPy's `std` and `correction=0` do. torch's "
            "default divides by n - 1.",
        ),
    ],
    hints=[
        "The axes of `images` are 0: images, 1: channels, 2: rows, 3: columns.",
        "`images.mean(dim=(...))` averages over the axes that you name. One of the four must stay.",
        "Average over the axes 0, 2 and 3, once with `mean` and once with `std`.",
    ],
    praise="These numbers belong to the network as its weights do: new images are normalised with them.",
)

# ------------------------------------------------------------------------------------------------ start_here.one_step


def one_step(w: torch.Tensor, grad: torch.Tensor, lr: float) -> torch.Tensor:
    """Return the weights after one step of gradient descent.

    w: weights, grad: the gradient of the loss at w, of the same shape, lr: the learning
    rate. w itself stays as it is.
    """
    return w - lr * grad


def one_step_with_add(w, grad, lr):
    """With torch's function."""
    return torch.add(w, grad, alpha=-lr)


def one_step_on_a_copy(w, grad, lr):
    """In place, on a copy."""
    stepped = w.clone()
    stepped -= lr * grad
    return stepped


def uphill(w, grad, lr):
    """A plus sign."""
    return w + lr * grad


def without_learning_rate(w, grad, lr):  # noqa: ARG001 - that is the mistake
    """The whole gradient."""
    return w - grad


def step_alone(w, grad, lr):  # noqa: ARG001 - that is the mistake
    """What is added to the weights."""
    return -lr * grad


def changes_weights_in_place(w, grad, lr):
    """The caller's tensor changes."""
    w -= lr * grad
    return w


def rate_times_weights(w, grad, lr):
    """The rate multiplies the weights."""
    return lr * w - grad


def divided_by_the_rate(w, grad, lr):
    """A small rate gives a long step."""
    return w - grad / lr


def sign_of_the_gradient(w, grad, lr):
    """All steps have the same length."""
    return w - lr * grad.sign()


ONE_STEP = Exercise(
    name="start_here.one_step",
    difficulty=1,
    answer=one_step,
    cases=[
        (torch.tensor([1.0]), torch.tensor([2.0]), 0.1),
        (torch.tensor([1.0, -1.0]), torch.tensor([0.5, -2.0]), 0.5),
        (torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[1.0, 0.0], [-1.0, 4.0]]), 0.25),
        (torch.tensor([3.0]), torch.tensor([1.0]), 1.0),
    ],
    right_answers=[one_step_with_add, one_step_on_a_copy],
    wrong_answers=[
        WrongAnswer(
            uphill,
            "The gradient points to where the loss grows. Your step goes with it, uphill; go against it.",
        ),
        WrongAnswer(
            without_learning_rate,
            "Your step is as long as the whole gradient. Multiply the gradient by the learning rate `lr` first.",
        ),
        WrongAnswer(step_alone, "That is the step. The new weights are the old weights plus the step."),
        WrongAnswer(
            changes_weights_in_place,
            "The values are right, but `w -= ...` writes into the tensor of whoever called you. `w - ...` makes a new "
            "one.",
        ),
        WrongAnswer(
            rate_times_weights,
            "You multiplied the weights by the learning rate. Multiply the gradient by it.",
        ),
        WrongAnswer(
            divided_by_the_rate,
            "You divided the gradient by the learning rate. Multiply: a small rate is to give a small step.",
        ),
        WrongAnswer(
            sign_of_the_gradient,
            "Your step has the same length for each weight. In plain gradient descent a steeper slope gives a longer "
            "step.",
        ),
    ],
    hints=[
        "The gradient says in which direction the loss grows fastest. You want it to fall.",
        "The step is the gradient times the learning rate, and it is subtracted from the weights.",
    ],
    praise="Every optimizer of this course is a variation of this one line.",
)

# ------------------------------------------------------------------------------------------------ start_here.accuracy


def accuracy(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of predictions that equal their target, between 0 and 1.

    Both hold N class numbers, shape (N,). Comparing them with == gives True and False,
    which .double() makes 1 and 0. The share is a Python number, as .item() makes it of
    a tensor with one element.
    """
    return (predictions == targets).double().mean().item()


def accuracy_from_the_count(predictions, targets):
    """The count, divided."""
    return (predictions == targets).sum().item() / len(targets)


def accuracy_with_a_loop(predictions, targets):
    """In plain Python."""
    return sum(int(p) == int(t) for p, t in zip(predictions, targets, strict=True)) / len(targets)


def number_of_right_answers(predictions, targets):
    """The count is not divided."""
    return float((predictions == targets).sum())


def share_of_wrong_answers(predictions, targets):
    """The error rate."""
    return (predictions != targets).float().mean().item()


def percent(predictions, targets):
    """From 0 to 100."""
    return 100 * accuracy(predictions, targets)


def tensor_instead_of_number(predictions, targets):
    """No `.item()`."""
    return (predictions == targets).float().mean()


def mean_of_true_and_false(predictions, targets):
    """As NumPy would allow it; torch takes no mean of bool."""
    return (predictions == targets).mean().item()


def argmax_along_classes(predictions, targets):
    """Takes the predictions for logits."""
    return (predictions.argmax(dim=1) == targets).float().mean().item()


def argmax_of_all(predictions, targets):
    """The place of the highest class number, in place of the predictions."""
    return (predictions.argmax() == targets).float().mean().item()


def all_or_nothing(predictions, targets):
    """1 only if everything is right."""
    return float(torch.equal(predictions, targets))


def mean_distance_of_classes(predictions, targets):
    """Takes class numbers for quantities."""
    return 1 - (predictions - targets).abs().float().mean().item()


ACCURACY = Exercise(
    name="start_here.accuracy",
    difficulty=1,
    answer=accuracy,
    cases=[
        (torch.tensor([1, 0]), torch.tensor([1, 1])),
        (torch.tensor([2, 0, 1]), torch.tensor([2, 1, 1])),
        (torch.tensor([3, 3, 3, 3]), torch.tensor([3, 3, 3, 3])),
        (torch.tensor([0, 1, 2, 3, 4]), torch.tensor([4, 0, 1, 3, 2])),
        (torch.tensor([1, 2]), torch.tensor([2, 1])),
    ],
    right_answers=[accuracy_from_the_count, accuracy_with_a_loop],
    wrong_answers=[
        WrongAnswer(
            number_of_right_answers,
            "That is how many predictions are right. A share is that number divided by the number of all predictions.",
        ),
        WrongAnswer(
            share_of_wrong_answers,
            "That is the share of predictions that are wrong, the error rate. The accuracy is what is left of 1.",
        ),
        WrongAnswer(percent, "That is the accuracy in percent. Return it between 0 and 1: do not multiply by 100."),
        WrongAnswer(
            tensor_instead_of_number,
            "The number is right, but it is still inside a tensor. `.item()` makes a Python number of a tensor with "
            "one entry.",
        ),
        WrongAnswer(
            mean_of_true_and_false,
            "torch takes no mean of True and False. Make numbers of them first, with `.double()`.",
        ),
        WrongAnswer(
            argmax_along_classes,
            "`predictions` has a single axis, and you use another one. It holds class numbers already, shape (N,): "
            "compare them with `targets` as they are, without `argmax`.",
        ),
        WrongAnswer(
            argmax_of_all,
            "You compare the targets with the place of the highest class number. `predictions` holds class numbers "
            "already: leave `argmax` out.",
        ),
        WrongAnswer(
            all_or_nothing,
            "You ask whether all predictions are right. Count the share: compare entry by entry with `==`.",
        ),
        WrongAnswer(
            mean_distance_of_classes,
            "You measured how far the class numbers lie apart. Class 3 is not nearer to class 4 than to class 9: a "
            "prediction is right or wrong.",
        ),
    ],
    hints=[
        "`predictions == targets` compares entry by entry and gives a tensor of True and False.",
        "True counts as 1 and False as 0. So the mean of that tensor is the share of True; `.double()` first, because "
        "a mean is taken of floating-point numbers.",
        "`.mean()` gives a tensor with one entry, and `.item()` makes a Python number of it.",
    ],
    praise="This is the first number that anybody asks for, and lesson 01 shows what it hides.",
)

# -------------------------------------------------------------------------------------------- start_here.guessing_loss


def guessing_loss(n_classes: int) -> float:
    """Return the cross-entropy of a network that gives every class the same logit.

    Its probability for the right class is 1 / n_classes. The cross-entropy is minus the
    natural logarithm of that probability.
    """
    return math.log(n_classes)


def guessing_loss_from_the_probability(n_classes):
    """As it is told."""
    return -math.log(1 / n_classes)


def guessing_loss_in_torch(n_classes):
    """The loss itself, on equal logits."""
    return cross_entropy(torch.zeros(1, n_classes, dtype=torch.float64), torch.tensor([0])).item()


def without_the_minus(n_classes):
    """A negative loss."""
    return math.log(1 / n_classes)


def base_two(n_classes):
    """In bits."""
    return math.log2(n_classes)


def base_ten(n_classes):
    """The logarithm of school tables."""
    return math.log10(n_classes)


def the_probability(n_classes):
    """No logarithm."""
    return 1 / n_classes


def one_minus_the_probability(n_classes):
    """The error rate of guessing."""
    return 1 - 1 / n_classes


def summed_over_the_classes(n_classes):
    """Every class counts, not the right one alone."""
    return n_classes * math.log(n_classes)


GUESSING_LOSS = Exercise(
    name="start_here.guessing_loss",
    difficulty=1,
    answer=guessing_loss,
    cases=[(10,), (2,), (4,), (1000,)],
    right_answers=[guessing_loss_from_the_probability, guessing_loss_in_torch],
    wrong_answers=[
        WrongAnswer(
            without_the_minus, "The logarithm of a probability is negative. The loss is *minus* that logarithm."
        ),
        WrongAnswer(base_two, "You took the logarithm to base 2. `math.log` is the natural one, which torch uses."),
        WrongAnswer(base_ten, "You took the logarithm to base 10. `math.log` is the natural one, which torch uses."),
        WrongAnswer(the_probability, "That is the probability of the right class. Take minus its logarithm."),
        WrongAnswer(one_minus_the_probability, "That is the share of wrong guesses. Take minus the logarithm instead."),
        WrongAnswer(
            summed_over_the_classes,
            "You added up all classes. Only the right class's probability enters the loss.",
        ),
    ],
    hints=[
        "With ten classes the probability of the right one is 1 / 10.",
        "`math.log` is the natural logarithm. Minus the logarithm of 1 / n is the logarithm of n.",
    ],
    praise="A training whose loss stays at this number has learned nothing yet: look there first.",
)

# ------------------------------------------------------------------------------------------- start_here.choose_network


def choose_network(accuracies: dict[int, list[float]]) -> int:
    """Choose a network size by its validation accuracies, and return it.

    accuracies: for each number of hidden units the accuracies of several runs, the runs
    in the same order for all sizes. The best size has the highest mean. Compare each
    smaller size with it, run by run: take the smallest size whose mean is behind that
    of the best by at most two standard errors of the differences.
    """
    best = max(accuracies, key=lambda size: statistics.fmean(accuracies[size]))
    for size in sorted(accuracies):
        leads = [b - a for b, a in zip(accuracies[best], accuracies[size], strict=True)]
        error = statistics.stdev(leads) / math.sqrt(len(leads))  # as standard_error does
        if statistics.fmean(leads) <= 2 * error:  # the best one leads itself by 0
            return size
    return best


def choose_with_a_list(accuracies):
    """All sizes that are good enough, then the smallest."""
    runs = {size: torch.tensor(values, dtype=torch.float64) for size, values in accuracies.items()}
    best = max(runs, key=lambda size: runs[size].mean())
    leads = {size: runs[best] - runs[size] for size in runs}
    return min(
        size for size, lead in leads.items() if lead.mean() <= 2 * lead.std() / len(lead) ** 0.5 and size <= best
    )


def choose_going_down(accuracies):
    """From the best size down; a smaller size counts even if one between is not good enough."""
    chosen = best = max(accuracies, key=lambda size: sum(accuracies[size]))
    for size in sorted((size for size in accuracies if size < best), reverse=True):
        if _is_close(accuracies[best], accuracies[size]):
            chosen = size
    return chosen


def highest_mean(accuracies):
    """No rule of two standard errors."""
    return max(accuracies, key=lambda size: statistics.fmean(accuracies[size]))


def smallest_size(accuracies):
    """Without a look at the accuracies."""
    return min(accuracies)


def largest_size(accuracies):
    """The more, the better."""
    return max(accuracies)


def best_single_run(accuracies):
    """The luckiest run decides."""
    return _first_close(accuracies, sorted(accuracies), best=max(accuracies, key=lambda size: max(accuracies[size])))


def in_the_order_given(accuracies):
    """Not sorted."""
    return _first_close(accuracies, accuracies)


def larger_ones_too(accuracies):
    """The largest size that is close enough."""
    others = [size for size in accuracies if size != highest_mean(accuracies)]
    return _first_close(accuracies, sorted(others, reverse=True))


def one_standard_error(accuracies):
    """A narrower margin."""
    return _first_close(accuracies, sorted(accuracies), lambda ours, theirs: standard_error(_leads(ours, theirs)))


def not_run_by_run(accuracies):
    """Each size has its own error; what the runs share is lost."""
    return _first_close(
        accuracies,
        sorted(accuracies),
        lambda ours, theirs: 2 * math.hypot(standard_error(ours), standard_error(theirs)),
    )


def two_standard_deviations(accuracies):
    """The spread of single runs in place of the error of the mean."""
    return _first_close(accuracies, sorted(accuracies), lambda ours, theirs: 2 * statistics.stdev(_leads(ours, theirs)))


def _leads(ours, theirs):
    """Return by how much we are ahead, run by run."""
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _two_standard_errors(ours, theirs):
    """The margin of the rule."""
    return 2 * standard_error(_leads(ours, theirs))


def _is_close(ours, theirs, margin=_two_standard_errors):
    """Say whether our mean is ahead by the margin at most."""
    return statistics.fmean(_leads(ours, theirs)) <= margin(ours, theirs)


def _first_close(accuracies, sizes, margin=_two_standard_errors, *, best=None):
    """Return the first of the sizes that is close to the best one, or the best one."""
    best = highest_mean(accuracies) if best is None else best
    return next((size for size in sizes if _is_close(accuracies[best], accuracies[size], margin)), best)


CHOOSE_NETWORK = Exercise(
    name="start_here.choose_network",
    difficulty=3,
    answer=choose_network,
    cases=[
        ({4: [0.70, 0.74, 0.72], 16: [0.90, 0.92, 0.91], 64: [0.91, 0.91, 0.92]},),  # 16 is as good as 64
        ({4: [0.80, 0.82, 0.81], 64: [0.92, 0.91, 0.93], 256: [0.90, 0.89, 0.91]},),  # the largest is not the best
        ({8: [0.85, 0.87, 0.86, 0.88], 32: [0.87, 0.86, 0.89, 0.88]},),  # a lead of one standard error
        # Sizes in any order, and the best one may be the smallest.
        ({64: [0.93, 0.92, 0.94], 16: [0.92, 0.93, 0.935], 4: [0.70, 0.71, 0.72]},),
        ({4: [0.91, 0.92, 0.93], 16: [0.90, 0.93, 0.91]},),
        # Two smaller sizes are close enough; or the smallest is, and the one between is not.
        ({4: [0.90, 0.93, 0.915], 16: [0.92, 0.91, 0.925], 64: [0.91, 0.92, 0.93]},),
        ({4: [0.90, 0.93, 0.915], 16: [0.80, 0.81, 0.80], 64: [0.91, 0.92, 0.93]},),
        # The runs of both sizes vary together: paired, the small lead is told apart.
        ({16: [0.80, 0.85, 0.90, 0.95], 64: [0.82, 0.87, 0.93, 0.97]},),
        # The best single run belongs to the small network, the best mean to the large one.
        ({64: [0.93, 0.80, 0.81, 0.80, 0.80, 0.81], 128: [0.90, 0.91, 0.90, 0.92, 0.90, 0.91]},),
        ({8: [0.85, 0.87, 0.85, 0.87, 0.85], 32: [0.86, 0.88, 0.87, 0.88, 0.85], 128: [0.60, 0.61, 0.62, 0.60, 0.61]},),
    ],
    right_answers=[choose_with_a_list, choose_going_down],
    wrong_answers=[
        WrongAnswer(
            highest_mean,
            "You took the highest mean. Where a smaller network is within two standard errors of it, take the smaller.",
        ),
        WrongAnswer(smallest_size, "You took the smallest network, however far it is behind the best one."),
        WrongAnswer(largest_size, "You took the largest network. The best one is that with the highest mean."),
        WrongAnswer(
            best_single_run,
            "You compare with the size of the best single run, which may be luck. Compare the means.",
        ),
        WrongAnswer(
            in_the_order_given,
            "You go through the sizes in the order given. Start with the smallest: `sorted(accuracies)`.",
        ),
        WrongAnswer(
            larger_ones_too,
            "You took the largest size that is close enough to the best one. Take the smallest, which may be the best.",
        ),
        WrongAnswer(
            one_standard_error,
            "You allow one standard error. The exercise asks for two.",
        ),
        WrongAnswer(
            not_run_by_run,
            "Your margin is not the standard error of the differences. The runs share their data and seeds: take the "
            "difference run by run, and then the standard error of these.",
        ),
        WrongAnswer(
            two_standard_deviations,
            "Your margin is two standard deviations of the differences. Divide by the square root of their number, "
            "as `standard_error` does.",
        ),
    ],
    hints=[
        "First find the size with the highest mean: `max(accuracies, key=...)`.",
        "Then go through the sizes from the smallest on, and compute the differences to the best one run by run.",
        "Return the first size for which the mean difference is at most twice `standard_error(differences)`, or which "
        "is the best itself.",
    ],
    praise="The rule keeps you from paying for a lead that chance may have made.",
)

# -------------------------------------------------------------------------------------- start_here.accuracy_if_sure


def accuracy_if_sure(
    confidence: torch.Tensor,
    right: torch.Tensor,
    threshold: float,
) -> tuple[float, float]:
    """Return the share of images that are answered, and the accuracy on these.

    confidence: in [0, 1], shape (N,). right: whether each prediction is right, bool. An
    image is answered if its confidence is at least the threshold. Where none is
    answered the accuracy is nan.
    """
    answered = confidence >= threshold
    return answered.float().mean().item(), right[answered].float().mean().item()


def if_sure_from_counts(confidence, right, threshold):
    """By counting."""
    answered = confidence >= threshold
    n = int(answered.sum())
    return n / len(confidence), int((answered & right).sum()) / n if n else math.nan


def if_sure_with_a_loop(confidence, right, threshold):
    """In plain Python."""
    kept = [bool(r) for c, r in zip(confidence, right, strict=True) if c >= threshold]
    return len(kept) / len(right), sum(kept) / len(kept) if kept else float("nan")


def above_the_threshold_only(confidence, right, threshold):
    """An image at the threshold is not answered."""
    answered = confidence > threshold
    return answered.float().mean().item(), right[answered].float().mean().item()


def divided_by_all_images(confidence, right, threshold):
    """What is not answered counts as wrong."""
    answered = confidence >= threshold
    return answered.float().mean().item(), (right & answered).float().mean().item()


def accuracy_on_all(confidence, right, threshold):
    """The threshold changes the share only."""
    return (confidence >= threshold).float().mean().item(), right.float().mean().item()


def number_of_answers(confidence, right, threshold):
    """A count in place of a share."""
    answered = confidence >= threshold
    return float(answered.sum()), right[answered].float().mean().item()


def accuracy_first(confidence, right, threshold):
    """The two in the wrong order."""
    share, accuracy_of_answers = accuracy_if_sure(confidence, right, threshold)
    return accuracy_of_answers, share


def zero_where_none_is_answered(confidence, right, threshold):
    """0 in place of nan."""
    answered = confidence >= threshold
    return answered.float().mean().item(), (answered & right).sum().item() / max(1, int(answered.sum()))


def the_unsure_ones(confidence, right, threshold):
    """The other side of the threshold."""
    answered = confidence < threshold
    return answered.float().mean().item(), right[answered].float().mean().item()


ACCURACY_IF_SURE = Exercise(
    name="start_here.accuracy_if_sure",
    difficulty=2,
    answer=accuracy_if_sure,
    cases=[
        (torch.tensor([0.9, 0.6, 0.4, 0.8]), torch.tensor([True, True, False, False]), 0.7),
        (torch.tensor([0.5, 0.75, 0.25]), torch.tensor([True, False, False]), 0.5),
        (torch.tensor([0.3, 0.4]), torch.tensor([True, False]), 0.9),
        (torch.tensor([0.3, 0.4, 0.9]), torch.tensor([True, False, True]), 0.0),
    ],
    right_answers=[if_sure_from_counts, if_sure_with_a_loop],
    wrong_answers=[
        WrongAnswer(
            above_the_threshold_only, "An image whose confidence equals the threshold is answered too: use `>=`."
        ),
        WrongAnswer(
            divided_by_all_images,
            "Your accuracy counts images that are not answered as wrong. Divide by the number of answered images.",
        ),
        WrongAnswer(accuracy_on_all, "Your accuracy is that of all images. Keep the answered ones: `right[answered]`."),
        WrongAnswer(number_of_answers, "The first result is a count. Divide it by the number of all images."),
        WrongAnswer(accuracy_first, "Return the share of answered images first, then the accuracy on them."),
        WrongAnswer(
            zero_where_none_is_answered,
            "Where nothing is answered there is no accuracy: return nan, which the mean of an empty tensor is.",
        ),
        WrongAnswer(the_unsure_ones, "You kept the images below the threshold. Answered are those at or above it."),
    ],
    hints=[
        "`answered = confidence >= threshold` is True for the answered images.",
        "The share is the mean of `answered.float()`. `right[answered]` keeps the entries of the answered images.",
        "Its mean is the accuracy; of no entries the mean is nan, as it should be.",
    ],
    praise="Most systems in use have such a threshold: an unsure case goes to a human.",
)

# --------------------------------------------------------------------------------------------- start_here.train_linear


def train_linear(
    images: torch.Tensor,
    targets: torch.Tensor,
    n_classes: int,
    lr: float,
    n_steps: int,
) -> torch.Tensor:
    """Train a model of one layer without bias, and return its weights.

    images: shape (N, D), targets: class numbers, shape (N,). The weights, of shape
    (n_classes, D), start at 0; the logits are images @ weights.T. Each of the n_steps
    steps of gradient descent uses all images and the mean cross-entropy
    (torch.nn.functional.cross_entropy).
    """
    weights = torch.zeros(n_classes, images.shape[1], requires_grad=True)
    for _ in range(n_steps):
        loss = torch.nn.functional.cross_entropy(images @ weights.T, targets)
        (gradient,) = torch.autograd.grad(loss, weights)
        weights = (weights - lr * gradient).detach().requires_grad_()
    return weights.detach()


def train_linear_with_a_layer(images, targets, n_classes, lr, n_steps):
    """With torch's layer and a step by hand."""
    layer = torch.nn.Linear(images.shape[1], n_classes, bias=False)
    torch.nn.init.zeros_(layer.weight)
    for _ in range(n_steps):
        layer.zero_grad()
        cross_entropy(layer(images), targets).backward()
        with torch.no_grad():
            layer.weight -= lr * layer.weight.grad
    return layer.weight.detach()


def train_linear_by_hand(images, targets, n_classes, lr, n_steps):
    """With the gradient of softmax and cross-entropy."""
    weights = torch.zeros(n_classes, images.shape[1])
    for _ in range(n_steps):
        error = (images @ weights.T).softmax(dim=1) - torch.eye(n_classes)[targets]
        weights = weights - lr * error.T @ images / len(images)
    return weights


def gradients_add_up(images, targets, n_classes, lr, n_steps):
    """The gradient of the step before is not forgotten."""
    weights = torch.zeros(n_classes, images.shape[1], requires_grad=True)
    for _ in range(n_steps):
        cross_entropy(images @ weights.T, targets).backward()
        with torch.no_grad():
            weights -= lr * weights.grad
    return weights.detach()


def one_step_too_few(images, targets, n_classes, lr, n_steps):
    """Counts from 1."""
    return train_linear(images, targets, n_classes, lr, max(0, n_steps - 1))


def climbs(images, targets, n_classes, lr, n_steps):
    """A plus sign."""
    return train_linear(images, targets, n_classes, -lr, n_steps)


def softmax_before_the_loss(images, targets, n_classes, lr, n_steps):
    """The loss applies softmax again."""
    return _train_with(lambda logits: cross_entropy(logits.softmax(dim=1), targets), images, n_classes, lr, n_steps)


def summed_loss(images, targets, n_classes, lr, n_steps):
    """The step grows with the number of images."""
    return _train_with(lambda logits: cross_entropy(logits, targets, reduction="sum"), images, n_classes, lr, n_steps)


def squared_error(images, targets, n_classes, lr, n_steps):
    """Another loss."""
    return _train_with(
        lambda logits: ((logits - torch.eye(n_classes)[targets]) ** 2).mean(), images, n_classes, lr, n_steps
    )


def first_image_only(images, targets, n_classes, lr, n_steps):
    """A step for each image, the first n_steps of them."""
    weights = torch.zeros(n_classes, images.shape[1])
    for step in range(n_steps):
        i = step % len(images)
        weights = weights - lr * _gradient(weights, images[i : i + 1], targets[i : i + 1])
    return weights


def weights_turned_round(images, targets, n_classes, lr, n_steps):
    """Shape (D, n_classes)."""
    return train_linear(images, targets, n_classes, lr, n_steps).T


def _gradient(weights, images, targets):
    weights = weights.clone().requires_grad_()
    return torch.autograd.grad(cross_entropy(images @ weights.T, targets), weights)[0]


def _train_with(loss_of, images, n_classes, lr, n_steps):
    weights = torch.zeros(n_classes, images.shape[1], requires_grad=True)
    for _ in range(n_steps):
        (gradient,) = torch.autograd.grad(loss_of(images @ weights.T), weights)
        weights = (weights - lr * gradient).detach().requires_grad_()
    return weights.detach()


POINTS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
MORE_POINTS = torch.tensor([[1.0, 2.0, 0.0], [0.0, -1.0, 1.0], [2.0, 0.5, 1.0], [-1.0, 0.0, 0.5]])

TRAIN_LINEAR = Exercise(
    name="start_here.train_linear",
    difficulty=3,
    answer=train_linear,
    cases=[
        (POINTS, torch.tensor([0, 1, 0]), 2, 0.5, 1),
        (POINTS, torch.tensor([0, 1, 0]), 2, 0.5, 3),
        (MORE_POINTS, torch.tensor([0, 1, 2, 1]), 3, 0.25, 5),
        (POINTS, torch.tensor([0, 1, 0]), 2, 0.5, 0),
    ],
    tolerance=1e-4,
    right_answers=[train_linear_with_a_layer, train_linear_by_hand],
    wrong_answers=[
        WrongAnswer(
            gradients_add_up,
            "From the second step on you use the sum of all gradients so far: `backward` adds to `weights.grad`. Set "
            "it to None (or zero) after each step.",
        ),
        WrongAnswer(one_step_too_few, "You take one step too few."),
        WrongAnswer(climbs, "Your steps make the loss larger: subtract the gradient."),
        WrongAnswer(
            softmax_before_the_loss,
            "You applied softmax before `cross_entropy`, which applies it itself. Give it the logits.",
        ),
        WrongAnswer(summed_loss, "You summed the loss over the images. Take the mean, which is its default."),
        WrongAnswer(squared_error, "You trained with the squared error. Use `cross_entropy`."),
        WrongAnswer(first_image_only, "Each of your steps sees one image. Use all images in each step."),
        WrongAnswer(weights_turned_round, "Your weights have the shape (D, n_classes). Return (n_classes, D)."),
    ],
    hints=[
        "Start with `weights = torch.zeros(n_classes, images.shape[1], requires_grad=True)`.",
        "In each step compute `loss = cross_entropy(images @ weights.T, targets)` and its gradient: "
        "`loss.backward()`, then `weights.grad`.",
        "Update inside `with torch.no_grad():`, then set `weights.grad = None`. At the end return `weights.detach()`.",
    ],
    praise="A complete training in a few lines. Everything that this course adds makes it faster or safer.",
)

EXERCISES = [
    STANDARD_ERROR,
    CHANNEL_STATISTICS,
    ONE_STEP,
    ACCURACY,
    GUESSING_LOSS,
    CHOOSE_NETWORK,
    ACCURACY_IF_SURE,
    TRAIN_LINEAR,
]
