"""Exercises of the lesson 08_skip_connections."""

import math
import statistics

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer


def _numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------- skip_connections.residual_output


def residual_output(inputs: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
    """Return the output of a residual block, as in He et al. (2016a).

    inputs are what the block gets, branch is what its layers have made of them; both
    have the same shape. The block adds the two, and applies ReLU to the sum. Leave the
    tensors that you get unchanged.
    """
    return torch.relu(inputs + branch)


def residual_by_clamp(inputs, branch):
    """Negative values of the sum are set to 0."""
    return (inputs + branch).clamp(min=0)


def residual_by_where(inputs, branch):
    """Keep the positive values of the sum."""
    total = torch.add(inputs, branch)
    return torch.where(total > 0, total, torch.zeros_like(total))


def shortcut_after_the_activation(inputs, branch):
    """The shortcut is added after ReLU."""
    return inputs + torch.relu(branch)


def relu_of_each(inputs, branch):
    """ReLU of both, then the sum."""
    return torch.relu(inputs) + torch.relu(branch)


def relu_of_the_inputs(inputs, branch):
    """Only the inputs pass ReLU."""
    return torch.relu(inputs) + branch


def no_activation(inputs, branch):
    """The sum alone."""
    return inputs + branch


def no_shortcut(inputs, branch):  # noqa: ARG001
    """A plain block."""
    return torch.relu(branch)


def mean_of_both(inputs, branch):
    """Half of the sum."""
    return torch.relu((inputs + branch) / 2)


def product_of_both(inputs, branch):
    """A gate instead of a sum."""
    return torch.relu(inputs * branch)


def difference_of_both(inputs, branch):
    """The branch minus the inputs."""
    return torch.relu(branch - inputs)


RESIDUAL_OUTPUT = Exercise(
    name="skip_connections.residual_output",
    difficulty=1,
    answer=residual_output,
    right_answers=[residual_by_clamp, residual_by_where],
    cases=[
        (torch.tensor([1.0, 2.0]), torch.tensor([0.5, -3.0])),
        (torch.tensor([-1.0, -1.0, 2.0]), torch.tensor([3.0, -2.0, 0.0])),
        (_numbers(0, 2, 3), _numbers(1, 2, 3)),
        (_numbers(2, 2, 2, 3, 3), _numbers(3, 2, 2, 3, 3)),
    ],
    wrong_answers=[
        WrongAnswer(
            shortcut_after_the_activation,
            "You apply ReLU to the branch and add the inputs afterwards. Add first: then the branch can also subtract.",
        ),
        WrongAnswer(relu_of_each, "You apply ReLU to each of the two. Apply it once, to their sum."),
        WrongAnswer(
            relu_of_the_inputs, "You apply ReLU to the inputs and not to the sum. Add first, then apply it to the sum."
        ),
        WrongAnswer(no_activation, "The sum is right, its ReLU is missing: your outputs have negative values."),
        WrongAnswer(no_shortcut, "That is a plain block: the inputs are lost. Add them before ReLU."),
        WrongAnswer(mean_of_both, "You halve the sum. The block adds the inputs as they are."),
        WrongAnswer(product_of_both, "You multiply the two, which is a gate. The block adds them."),
        WrongAnswer(difference_of_both, "You subtract the inputs. The block adds them."),
    ],
    hints=[
        "Two operations, in this order: a sum, then ReLU.",
        "torch.relu(x) sets negative values to 0. Give it the sum of the inputs and the branch.",
    ],
    praise="This sum is the only difference between a residual block and a plain one, and it adds no parameter.",
)

# --------------------------------------------------------------------------- skip_connections.derivative_of_stack


def derivative_of_stack(branch_derivatives: list[float], skip: bool) -> float:
    """Return the derivative of a stack of blocks with one number each.

    Block i computes F_i(x), or F_i(x) + x with skip. branch_derivatives[i] is the
    derivative of F_i at the place where block i gets its input. No block has an
    activation after the sum. Without blocks the stack returns its input.
    """
    derivative = 1.0
    for d in branch_derivatives:
        derivative *= d + 1 if skip else d
    return derivative


def derivative_by_torch(branch_derivatives, skip):
    """A product over a tensor."""
    values = torch.tensor(branch_derivatives, dtype=torch.float64)
    return (values + int(skip)).prod().item()


def derivative_by_recursion(branch_derivatives, skip):
    """The first block times the rest."""
    if not branch_derivatives:
        return 1.0
    first = branch_derivatives[0] + (1 if skip else 0)
    return first * derivative_by_recursion(branch_derivatives[1:], skip)


def one_skip_around_all(branch_derivatives, skip):
    """The product of the branches, plus 1."""
    product = 1.0
    for d in branch_derivatives:
        product *= d
    return product + 1 if skip else product


def skip_ignored(branch_derivatives, skip):  # noqa: ARG001
    """The plain stack in both cases."""
    product = 1.0
    for d in branch_derivatives:
        product *= d
    return product


def skip_in_both(branch_derivatives, skip):  # noqa: ARG001
    """The residual stack in both cases."""
    product = 1.0
    for d in branch_derivatives:
        product *= d + 1
    return product


def sum_of_derivatives(branch_derivatives, skip):
    """A sum over the blocks."""
    return sum(d + 1 if skip else d for d in branch_derivatives)


def one_plus_the_sum(branch_derivatives, skip):
    """A single 1, and the sum of the blocks' derivatives."""
    return 1.0 + sum(branch_derivatives) if skip else math.prod(branch_derivatives)


def one_minus_each(branch_derivatives, skip):
    """The sign of the branch is turned."""
    product = 1.0
    for d in branch_derivatives:
        product *= 1 - d if skip else d
    return product


def stack_of_none_is_zero(branch_derivatives, skip):
    """Without blocks the derivative is 0."""
    return derivative_of_stack(branch_derivatives, skip) if branch_derivatives else 0.0


def sizes_only(branch_derivatives, skip):
    """The signs are lost."""
    product = 1.0
    for d in branch_derivatives:
        product *= abs(d) + 1 if skip else abs(d)
    return product


DERIVATIVE_OF_STACK = Exercise(
    name="skip_connections.derivative_of_stack",
    difficulty=2,
    answer=derivative_of_stack,
    right_answers=[derivative_by_torch, derivative_by_recursion],
    cases=[
        ([0.5], False),
        ([0.5], True),
        ([0.5, 0.2], False),
        ([0.5, 0.2], True),
        ([-0.5, 0.3, 2.0], True),
        ([-0.5, 0.3, 2.0], False),
        ([], True),
        ([], False),
        ([0.1] * 10, True),
    ],
    wrong_answers=[
        WrongAnswer(
            one_skip_around_all,
            "You add 1 to the product: that is one skip around the whole stack. Here each block has its skip.",
        ),
        WrongAnswer(skip_ignored, "You leave skip out. The derivative of F(x) + x is F'(x) + 1."),
        WrongAnswer(skip_in_both, "You add 1 also without a skip. The derivative of F(x) alone is F'(x)."),
        WrongAnswer(sum_of_derivatives, "You add the blocks' derivatives. By the chain rule they are multiplied."),
        WrongAnswer(
            one_plus_the_sum,
            "With skips you add the derivatives to a single 1. Multiply the factors F' + 1, one for each block.",
        ),
        WrongAnswer(one_minus_each, "You subtract the branch's derivative from 1. The branch is added, so add it."),
        WrongAnswer(
            stack_of_none_is_zero,
            "Without blocks the stack returns its input x. The derivative of x by itself is not 0.",
        ),
        WrongAnswer(sizes_only, "You take the size of each derivative. A negative one counts with its sign."),
    ],
    hints=[
        "By the chain rule the derivative of a stack is the product of its blocks' derivatives.",
        "The derivative of F(x) + x is F'(x) + 1. Start from 1.0 and multiply, block by block.",
    ],
    praise="Multiplied out, the product has a term for every subset of the blocks: the empty one is the 1.",
)

# ------------------------------------------------------------------------------- skip_connections.autocorrelation


def autocorrelation(values: torch.Tensor, lag: int) -> float:
    """Return the autocorrelation of a series at a lag of 1 or more.

    values have the shape (N,), N above lag. Subtract their mean, multiply each value by
    the value that comes lag places later, and add up these N - lag products. Divide by
    the sum of the squares of all N values without their mean.
    """
    centred = values - values.mean()
    return ((centred[lag:] * centred[:-lag]).sum() / centred.square().sum()).item()


def autocorrelation_in_a_loop(values, lag):
    """With a loop over the places."""
    numbers = values.tolist()
    mean = sum(numbers) / len(numbers)
    products = [(numbers[i] - mean) * (numbers[i + lag] - mean) for i in range(len(numbers) - lag)]
    return sum(products) / sum((number - mean) ** 2 for number in numbers)


def autocorrelation_by_dot(values, lag):
    """With scalar products."""
    centred = values - values.mean()
    return float(torch.dot(centred[: len(centred) - lag], centred[lag:]) / torch.dot(centred, centred))


def mean_left_in(values, lag):
    """The mean is not subtracted."""
    return ((values[lag:] * values[:-lag]).sum() / values.square().sum()).item()


def not_divided(values, lag):
    """A covariance that is not divided."""
    centred = values - values.mean()
    return (centred[lag:] * centred[:-lag]).sum().item()


def means_of_products(values, lag):
    """Means instead of sums."""
    centred = values - values.mean()
    return ((centred[lag:] * centred[:-lag]).mean() / centred.square().mean()).item()


def rolled_round(values, lag):
    """The end is joined to the start."""
    centred = values - values.mean()
    return ((centred * centred.roll(-lag)).sum() / centred.square().sum()).item()


def lag_of_one(values, lag):  # noqa: ARG001
    """Always the neighbour."""
    centred = values - values.mean()
    return ((centred[1:] * centred[:-1]).sum() / centred.square().sum()).item()


def correlation_of_the_two_ends(values, lag):
    """The correlation coefficient of the two shifted series."""
    return torch.corrcoef(torch.stack([values[lag:], values[:-lag]]))[0, 1].item()


def absolute_products(values, lag):
    """The sign of the products is lost."""
    centred = values - values.mean()
    return ((centred[lag:] * centred[:-lag]).abs().sum() / centred.square().sum()).item()


AUTOCORRELATION = Exercise(
    name="skip_connections.autocorrelation",
    difficulty=2,
    answer=autocorrelation,
    right_answers=[autocorrelation_in_a_loop, autocorrelation_by_dot],
    tolerance=1e-4,
    cases=[
        (torch.tensor([1.0, 2.0, 3.0, 4.0]), 1),
        (torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0]), 1),
        (torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0]), 2),
        (_numbers(4, 30) + 1, 3),
        (_numbers(5, 30).cumsum(0), 5),
    ],
    wrong_answers=[
        WrongAnswer(mean_left_in, "Subtract the mean first: without that a series far from 0 looks correlated."),
        WrongAnswer(not_divided, "That is the sum of the products. Divide it by the sum of the squares."),
        WrongAnswer(means_of_products, "You divide means. Divide sums: of N - lag products by that of N squares."),
        WrongAnswer(rolled_round, "Your last values meet the first ones. They have no later value: leave them out."),
        WrongAnswer(lag_of_one, "You always take the next value. Take the one that comes lag places later."),
        WrongAnswer(
            correlation_of_the_two_ends,
            "You centre and scale the two shifted series separately. Use the mean and the squares of the whole series.",
        ),
        WrongAnswer(absolute_products, "A product keeps its sign: a series that swings has a negative value."),
    ],
    hints=[
        "With centred = values - values.mean(), the pairs are centred[:-lag] and centred[lag:].",
        "(centred[lag:] * centred[:-lag]).sum(), divided by centred.square().sum(), as a number with .item().",
    ],
    praise="It tells a gradient that changes gently from one that is like noise.",
)

# ------------------------------------------------------------------------------ skip_connections.needs_projection


def needs_projection(in_channels: int, out_channels: int, stride: int) -> bool:
    """Say whether the shortcut of a residual block needs a projection.

    It needs one where the inputs cannot be added to the branch's outputs as they are:
    the branch changes the number of channels, or its stride changes the image's size.
    """
    return stride != 1 or in_channels != out_channels


def projection_by_shape(in_channels, out_channels, stride):
    """The two shapes are compared."""
    return (in_channels, 1) != (out_channels, stride)


def projection_by_cases(in_channels, out_channels, stride):
    """Case by case."""
    if stride > 1:
        return True
    return in_channels != out_channels


def always_projects(in_channels, out_channels, stride):  # noqa: ARG001
    """A projection everywhere."""
    return True


def channels_only(in_channels, out_channels, stride):  # noqa: ARG001
    """The stride is forgotten."""
    return in_channels != out_channels


def stride_only(in_channels, out_channels, stride):  # noqa: ARG001
    """The channels are forgotten."""
    return stride != 1


def both_must_change(in_channels, out_channels, stride):
    """And instead of or."""
    return stride != 1 and in_channels != out_channels


def only_more_channels(in_channels, out_channels, stride):
    """Fewer channels are forgotten."""
    return stride != 1 or out_channels > in_channels


def says_the_opposite(in_channels, out_channels, stride):
    """Whether the identity suffices."""
    return stride == 1 and in_channels == out_channels


def stride_of_two_only(in_channels, out_channels, stride):
    """Larger strides are forgotten."""
    return stride == 2 or in_channels != out_channels


NEEDS_PROJECTION = Exercise(
    name="skip_connections.needs_projection",
    difficulty=1,
    answer=needs_projection,
    right_answers=[projection_by_shape, projection_by_cases],
    cases=[(16, 16, 1), (16, 32, 1), (16, 16, 2), (16, 32, 2), (32, 16, 1), (16, 16, 4)],
    wrong_answers=[
        WrongAnswer(
            always_projects,
            "You project everywhere. Where the shapes agree the identity costs nothing, and passes the gradient on.",
        ),
        WrongAnswer(
            channels_only, "You look at the channels only. With a stride of 2 the branch's image is half as large."
        ),
        WrongAnswer(stride_only, "You look at the stride only. Different numbers of channels cannot be added either."),
        WrongAnswer(both_must_change, "One of the two changes is enough: use or instead of and."),
        WrongAnswer(only_more_channels, "Fewer channels do not fit either. Ask whether the numbers differ."),
        WrongAnswer(says_the_opposite, "You say where the identity is enough. The question is where it is not."),
        WrongAnswer(stride_of_two_only, "Any stride above 1 changes the image's size, not only 2."),
    ],
    hints=[
        "A sum needs the same channels, height and width on both sides.",
        "Compare in_channels with out_channels, and stride with 1. One difference is enough.",
    ],
    praise="A residual network of three stages projects twice; all its other shortcuts are free.",
)

# ------------------------------------------------------------------------------ skip_connections.block_parameters


def block_parameters(in_channels: int, out_channels: int, stride: int) -> int:
    """Return the number of parameters of a residual block for images.

    The branch has two 3x3 convolutions without bias, each followed by a batch norm (a
    scale and a bias for each channel). Where the shapes differ, the shortcut is a 1x1
    convolution without bias and a batch norm; elsewhere it is the identity.
    """
    n_parameters = 9 * in_channels * out_channels + 9 * out_channels**2 + 4 * out_channels
    if stride != 1 or in_channels != out_channels:
        n_parameters += in_channels * out_channels + 2 * out_channels
    return n_parameters


def parameters_layer_by_layer(in_channels, out_channels, stride):
    """Layer by layer."""
    norm = 2 * out_channels
    layers = [9 * in_channels * out_channels, norm, 9 * out_channels * out_channels, norm]
    if (in_channels, stride) != (out_channels, 1):
        layers += [in_channels * out_channels, norm]
    return sum(layers)


def parameters_by_torch(in_channels, out_channels, stride):
    """The layers themselves are asked."""
    layers = [
        torch.nn.Conv2d(in_channels, out_channels, 3, bias=False),
        torch.nn.Conv2d(out_channels, out_channels, 3, bias=False),
        torch.nn.BatchNorm2d(out_channels),
        torch.nn.BatchNorm2d(out_channels),
    ]
    if stride > 1 or in_channels != out_channels:
        layers += [torch.nn.Conv2d(in_channels, out_channels, 1, bias=False), torch.nn.BatchNorm2d(out_channels)]
    return sum(p.numel() for layer in layers for p in layer.parameters())


def norms_forgotten(in_channels, out_channels, stride):
    """Convolutions only."""
    n = 9 * in_channels * out_channels + 9 * out_channels**2
    return n + (in_channels * out_channels if stride != 1 or in_channels != out_channels else 0)


def norm_of_the_shortcut_forgotten(in_channels, out_channels, stride):
    """The projection without its norm."""
    n = 9 * in_channels * out_channels + 9 * out_channels**2 + 4 * out_channels
    return n + (in_channels * out_channels if stride != 1 or in_channels != out_channels else 0)


def always_with_a_projection(in_channels, out_channels, stride):  # noqa: ARG001
    """A projection everywhere."""
    return 9 * in_channels * out_channels + 9 * out_channels**2 + in_channels * out_channels + 6 * out_channels


def never_with_a_projection(in_channels, out_channels, stride):  # noqa: ARG001
    """The projection is forgotten."""
    return 9 * in_channels * out_channels + 9 * out_channels**2 + 4 * out_channels


def projection_of_three(in_channels, out_channels, stride):
    """A 3x3 projection."""
    n = 9 * in_channels * out_channels + 9 * out_channels**2 + 4 * out_channels
    changes = stride != 1 or in_channels != out_channels
    return n + (9 * in_channels * out_channels + 2 * out_channels if changes else 0)


def both_from_the_inputs(in_channels, out_channels, stride):
    """The second convolution gets in_channels."""
    n = 18 * in_channels * out_channels + 4 * out_channels
    changes = stride != 1 or in_channels != out_channels
    return n + (in_channels * out_channels + 2 * out_channels if changes else 0)


def one_number_a_norm(in_channels, out_channels, stride):
    """A norm has a scale only."""
    n = 9 * in_channels * out_channels + 9 * out_channels**2 + 2 * out_channels
    changes = stride != 1 or in_channels != out_channels
    return n + (in_channels * out_channels + out_channels if changes else 0)


def stride_forgotten(in_channels, out_channels, stride):  # noqa: ARG001
    """A stride alone needs no projection."""
    n = 9 * in_channels * out_channels + 9 * out_channels**2 + 4 * out_channels
    return n + (in_channels * out_channels + 2 * out_channels if in_channels != out_channels else 0)


BLOCK_PARAMETERS = Exercise(
    name="skip_connections.block_parameters",
    difficulty=2,
    answer=block_parameters,
    right_answers=[parameters_layer_by_layer, parameters_by_torch],
    cases=[(1, 1, 1), (4, 4, 1), (4, 8, 2), (8, 4, 1), (3, 5, 1), (4, 4, 2)],
    wrong_answers=[
        WrongAnswer(norms_forgotten, "The norms are missing: a scale and a bias for each of their channels."),
        WrongAnswer(norm_of_the_shortcut_forgotten, "The shortcut's projection has a norm, too: count its parameters."),
        WrongAnswer(always_with_a_projection, "You count a projection where the identity is enough."),
        WrongAnswer(never_with_a_projection, "The projection is missing where the shapes differ."),
        WrongAnswer(projection_of_three, "You count a projection of 3x3. It is a 1x1 convolution: one weight a pair."),
        WrongAnswer(
            both_from_the_inputs, "The second convolution gets the out_channels of the first, not in_channels."
        ),
        WrongAnswer(one_number_a_norm, "A batch norm has two parameters a channel: a scale and a bias."),
        WrongAnswer(stride_forgotten, "A stride alone needs a projection, too: the image's size changes."),
    ],
    hints=[
        "A k x k convolution from a to b channels without bias has k * k * a * b weights; a norm of b channels 2 * b.",
        "The branch: 9ab + 2b + 9bb + 2b. The projection, where the shapes differ: ab + 2b.",
    ],
    praise="With it you compare networks at equal size: a projection is a small part of its block.",
)

# -------------------------------------------------------------------------------- skip_connections.depth_to_use


def depth_to_use(losses: dict[int, list[float]]) -> int:
    """Return the depth that you would use: as small as the validation losses allow.

    losses: for each depth its validation losses, one for each seed, same seeds in all.
    The best depth has the lowest mean loss. A depth is clearly worse if its mean paired
    difference to the best one is above two standard errors (standard deviation with
    n - 1, divided by the root of n). Of the depths that are not clearly worse (the best
    included) return the smallest.
    """
    best = min(losses, key=lambda depth: statistics.fmean(losses[depth]))
    good = []
    for depth, values in losses.items():
        differences = [a - b for a, b in zip(values, losses[best], strict=True)]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        if statistics.fmean(differences) <= 2 * error:
            good.append(depth)
    return min(good)


def depth_by_torch(losses):
    """With tensors."""
    table = {depth: torch.tensor(values, dtype=torch.float64) for depth, values in losses.items()}
    best = min(table, key=lambda depth: table[depth].mean().item())
    for depth in sorted(table):
        difference = table[depth] - table[best]
        if difference.mean() <= 2 * difference.std() / len(difference) ** 0.5:
            return depth
    return best


def depth_by_removal(losses):
    """What is clearly worse is struck off a sorted list."""
    best = sorted((statistics.fmean(values), depth) for depth, values in losses.items())[0][1]
    left = sorted(losses)
    for depth in sorted(losses):
        d = [a - b for a, b in zip(losses[depth], losses[best], strict=True)]
        if statistics.fmean(d) > 2 * statistics.stdev(d) / len(d) ** 0.5:
            left.remove(depth)
    return left[0]


def lowest_mean(losses):
    """The depth of the lowest mean loss."""
    return min(losses, key=lambda depth: statistics.fmean(losses[depth]))


def smallest_depth(losses):
    """The smallest depth of all."""
    return min(losses)


def deepest_that_is_good(losses):
    """The largest depth that is not clearly worse."""
    best = lowest_mean(losses)
    good = []
    for depth, values in losses.items():
        d = [a - b for a, b in zip(values, losses[best], strict=True)]
        if statistics.fmean(d) <= 2 * statistics.stdev(d) / len(d) ** 0.5:
            good.append(depth)
    return max(good)


def unpaired_errors(losses):
    """The standard error of each depth's losses instead of that of the differences."""
    best = lowest_mean(losses)
    good = []
    for depth, values in losses.items():
        a, b = (statistics.variance(v) / len(v) for v in (values, losses[best]))
        if statistics.fmean(values) - statistics.fmean(losses[best]) <= 2 * (a + b) ** 0.5:
            good.append(depth)
    return min(good)


def deviation_for_error(losses):
    """The standard deviation instead of the standard error."""
    best = lowest_mean(losses)
    good = []
    for depth, values in losses.items():
        d = [a - b for a, b in zip(values, losses[best], strict=True)]
        if statistics.fmean(d) <= 2 * statistics.stdev(d):
            good.append(depth)
    return min(good)


def lowest_single_loss(losses):
    """The depth of the luckiest run."""
    return min(losses, key=lambda depth: min(losses[depth]))


def one_standard_error(losses):
    """One standard error instead of two."""
    best = lowest_mean(losses)
    good = []
    for depth, values in losses.items():
        d = [a - b for a, b in zip(values, losses[best], strict=True)]
        if statistics.fmean(d) <= statistics.stdev(d) / len(d) ** 0.5:
            good.append(depth)
    return min(good)


def divided_by_n(losses):
    """The standard deviation with n in place of n - 1."""
    best = lowest_mean(losses)
    good = []
    for depth, values in losses.items():
        d = [a - b for a, b in zip(values, losses[best], strict=True)]
        if statistics.fmean(d) <= 2 * statistics.pstdev(d) / len(d) ** 0.5:
            good.append(depth)
    return min(good)


DEPTH_TO_USE = Exercise(
    name="skip_connections.depth_to_use",
    difficulty=3,
    answer=depth_to_use,
    right_answers=[depth_by_torch, depth_by_removal],
    cases=[
        ({1: [0.9, 0.8, 0.9], 3: [0.5, 0.4, 0.4]},),
        ({1: [0.50, 0.44, 0.52], 3: [0.49, 0.45, 0.50], 10: [0.70, 0.73, 0.71]},),
        ({10: [0.40, 0.50, 0.60, 0.70], 3: [0.41, 0.52, 0.60, 0.69], 1: [0.46, 0.55, 0.67, 0.75]},),
        ({1: [0.32, 0.38, 0.34, 0.31], 3: [0.30, 0.36, 0.36, 0.28], 10: [0.25, 0.40, 0.35, 0.28]},),
        ({1: [0.60, 0.62, 0.61], 3: [0.50, 0.52, 0.20], 10: [0.40, 0.41, 0.40]},),
        ({1: [0.30, 0.90, 0.50, 0.70], 3: [0.24, 0.86, 0.42, 0.66]},),
        (
            {
                1: [0.51, 0.46, 0.59, 0.36, 0.47],
                3: [0.5, 0.42, 0.59, 0.37, 0.51],
                8: [0.46, 0.42, 0.54, 0.33, 0.46],
                10: [0.48, 0.45, 0.55, 0.31, 0.53],
            },
        ),
        ({1: [0.33, 0.40, 0.38, 0.41, 0.37], 3: [0.32, 0.36, 0.38, 0.36, 0.37]},),
        ({1: [0.40, 0.51, 0.66], 3: [0.40, 0.50, 0.60]},),
        ({1: [0.41, 0.53, 0.68], 3: [0.40, 0.50, 0.60]},),
    ],
    wrong_answers=[
        WrongAnswer(
            lowest_mean,
            "You take the lowest mean. A smaller depth that is not clearly worse costs less.",
        ),
        WrongAnswer(smallest_depth, "You take the smallest depth of all, even where it is clearly worse."),
        WrongAnswer(deepest_that_is_good, "Of the depths that are not clearly worse you take the largest one."),
        WrongAnswer(
            unpaired_errors,
            "You compare two separate spreads. The seeds are the same, so take the spread of the paired differences.",
        ),
        WrongAnswer(
            deviation_for_error,
            "You compare with two standard deviations. Divide by the root of the number of seeds first.",
        ),
        WrongAnswer(lowest_single_loss, "You take the depth of the luckiest run. Compare means over all seeds."),
        WrongAnswer(one_standard_error, "You compare with one standard error. The task asks for two."),
        WrongAnswer(divided_by_n, "Your standard deviation divides by n. The task asks for n - 1: statistics.stdev."),
    ],
    hints=[
        "First the best depth, by the mean. Then, for each depth, the list of differences to it, seed by seed.",
        "statistics.stdev divides by n - 1. Keep a depth if the mean difference is at most 2 * stdev / n ** 0.5.",
    ],
    praise="A deeper network has to earn its cost by a difference that can be told from chance.",
)

# ------------------------------------------------------------------------------- skip_connections.drop_branches


def drop_branches(
    branch: torch.Tensor,
    drawn: torch.Tensor,
    survival: float,
) -> torch.Tensor:
    """Return the branch of a residual block after stochastic depth, in training.

    branch has the shape (N, C), drawn (N,), uniform random numbers from 0 to 1. An
    example keeps its branch where its number is below survival; elsewhere its whole
    row becomes 0. Kept rows are divided by survival, so that the mean stays.
    """
    kept = (drawn < survival).to(branch.dtype)
    return branch * kept[:, None] / survival


def drop_by_where(branch, drawn, survival):
    """With where."""
    return torch.where((drawn < survival).unsqueeze(1), branch / survival, torch.zeros_like(branch))


def drop_in_a_copy(branch, drawn, survival):
    """In a copy."""
    result = branch.clone() / survival
    result[drawn >= survival] = 0
    return result


def scale_forgotten(branch, drawn, survival):
    """Nothing is divided."""
    return branch * (drawn < survival)[:, None]


def survival_taken_for_drop(branch, drawn, survival):
    """Keeps with 1 - survival."""
    return branch * (drawn < 1 - survival)[:, None] / survival


def divided_by_the_drop(branch, drawn, survival):
    """Divided by 1 - survival."""
    return branch * (drawn < survival)[:, None] / (1 - survival + 1e-9)


def keeps_the_others(branch, drawn, survival):
    """Above instead of below."""
    return branch * (drawn >= survival)[:, None] / survival


def scaled_twice(branch, drawn, survival):
    """Divided twice."""
    return branch * (drawn < survival)[:, None] / survival**2


def multiplied_by_survival(branch, drawn, survival):
    """Multiplied instead of divided."""
    return branch * (drawn < survival)[:, None] * survival


def only_scaled(branch, drawn, survival):  # noqa: ARG001
    """Nothing is dropped."""
    return branch / survival


def all_are_scaled_to_the_mean(branch, drawn, survival):
    """Divided by the share that was kept."""
    kept = (drawn < survival).to(branch.dtype)
    return branch * kept[:, None] / kept.mean().clamp_min(1e-9)


_BRANCH = torch.tensor([[1.0, -2.0], [3.0, 4.0], [0.5, 0.5]])
DROP_BRANCHES = Exercise(
    name="skip_connections.drop_branches",
    difficulty=2,
    answer=drop_branches,
    right_answers=[drop_by_where, drop_in_a_copy],
    cases=[
        (_BRANCH, torch.tensor([0.1, 0.9, 0.4]), 0.5),
        (_BRANCH, torch.tensor([0.1, 0.9, 0.79]), 0.8),
        (_BRANCH, torch.tensor([0.3, 0.05, 0.25]), 0.25),
        (_numbers(6, 4, 4), torch.tensor([0.2, 0.6, 0.7, 0.1]), 0.65),
        (_numbers(7, 2, 3), torch.tensor([0.0, 0.99]), 1.0),
    ],
    wrong_answers=[
        WrongAnswer(scale_forgotten, "Divide kept rows by survival. Without that the mean of the branch shrinks."),
        WrongAnswer(
            survival_taken_for_drop,
            "You keep a row with probability 1 - survival. Keep it with survival.",
        ),
        WrongAnswer(divided_by_the_drop, "You divide by 1 - survival. Divide by the probability that a row is kept."),
        WrongAnswer(keeps_the_others, "You keep the rows whose number is not below survival, and drop the others."),
        WrongAnswer(scaled_twice, "You divide by survival twice. Once keeps the mean."),
        WrongAnswer(multiplied_by_survival, "You multiply by survival. That would shrink the mean twice: divide."),
        WrongAnswer(only_scaled, "You divide all rows and drop none. Rows that are not kept become 0."),
        WrongAnswer(
            all_are_scaled_to_the_mean,
            "You divide by the share that was kept in this batch. Divide by survival, which does not depend on chance.",
        ),
    ],
    hints=[
        "kept = drawn < survival is one truth value an example. It must reach all columns of its row: kept[:, None].",
        "Multiply the branch by kept[:, None], and divide the result by survival.",
    ],
    praise="In evaluation nothing has to be scaled, because the mean was kept in training.",
)

# ------------------------------------------------------------------------ skip_connections.intersection_over_union


def intersection_over_union(predicted: torch.Tensor, masks: torch.Tensor) -> float:
    """Return the mean over the images of intersection over union.

    Both are bool and have the shape (N, H, W). The intersection of an image counts the
    pixels that are in both masks, the union those in at least one of them. An image in
    which both masks are empty counts as 1.
    """
    intersection = (predicted & masks).sum(dim=(1, 2))
    union = (predicted | masks).sum(dim=(1, 2))
    ratio = torch.where(union == 0, 1.0, intersection / union.clamp_min(1))
    return ratio.mean().item()


def iou_image_by_image(predicted, masks):
    """Image by image."""
    ratios = []
    for a, b in zip(predicted, masks, strict=True):
        union = (a | b).sum().item()
        ratios.append((a & b).sum().item() / union if union else 1.0)
    return sum(ratios) / len(ratios)


def iou_by_counting(predicted, masks):
    """From the sizes of the two masks."""
    a, b = predicted.flatten(1).float(), masks.flatten(1).float()
    both = (a * b).sum(1)
    union = a.sum(1) + b.sum(1) - both
    return ((both + (union == 0)) / (union + (union == 0))).mean().item()


def dice(predicted, masks):
    """The Dice coefficient."""
    both = (predicted & masks).sum(dim=(1, 2))
    sizes = predicted.sum(dim=(1, 2)) + masks.sum(dim=(1, 2))
    return torch.where(sizes == 0, 1.0, 2 * both / sizes.clamp_min(1)).mean().item()


def pixel_accuracy(predicted, masks):
    """The share of pixels that are right."""
    return (predicted == masks).float().mean().item()


def pooled_over_images(predicted, masks):
    """One ratio for all pixels of all images."""
    union = (predicted | masks).sum().item()
    return (predicted & masks).sum().item() / union if union else 1.0


def recall_of_pixels(predicted, masks):
    """Divided by the object."""
    both, size = (predicted & masks).sum(dim=(1, 2)), masks.sum(dim=(1, 2))
    return torch.where(size == 0, 1.0, both / size.clamp_min(1)).mean().item()


def precision_of_pixels(predicted, masks):
    """Divided by the prediction."""
    both, size = (predicted & masks).sum(dim=(1, 2)), predicted.sum(dim=(1, 2))
    return torch.where(size == 0, 1.0, both / size.clamp_min(1)).mean().item()


def empty_is_nan(predicted, masks):
    """0 / 0 where both masks are empty."""
    intersection, union = (predicted & masks).sum(dim=(1, 2)), (predicted | masks).sum(dim=(1, 2))
    return (intersection / union).mean().item()


def empty_counts_as_zero(predicted, masks):
    """An image without object and prediction counts as 0."""
    both, union = (predicted & masks).sum(dim=(1, 2)), (predicted | masks).sum(dim=(1, 2))
    return (both / union.clamp_min(1)).mean().item()


def both_over_sizes(predicted, masks):
    """The intersection is counted twice in the union."""
    both = (predicted & masks).sum(dim=(1, 2))
    sizes = predicted.sum(dim=(1, 2)) + masks.sum(dim=(1, 2))
    return torch.where(sizes == 0, 1.0, both / sizes.clamp_min(1)).mean().item()


def _squares() -> list[tuple[torch.Tensor, torch.Tensor]]:
    empty = torch.zeros(1, 4, 4, dtype=torch.bool)
    left, middle, small = empty.clone(), empty.clone(), empty.clone()
    left[:, :, :2], middle[:, :, 1:3], small[:, 1:2, 1:2] = True, True, True
    return [
        (left, left),
        (left, middle),
        (torch.cat([left, small, middle]), torch.cat([middle, left, small])),
        (torch.cat([empty, left]), torch.cat([empty, middle])),
        (empty, left),
        (left, empty),
        (torch.cat([left, small]), torch.cat([left, middle])),
    ]


INTERSECTION_OVER_UNION = Exercise(
    name="skip_connections.intersection_over_union",
    difficulty=2,
    answer=intersection_over_union,
    right_answers=[iou_image_by_image, iou_by_counting],
    cases=_squares(),
    wrong_answers=[
        WrongAnswer(dice, "That is the Dice coefficient, twice the intersection over both sizes. Divide by the union."),
        WrongAnswer(
            pixel_accuracy, "That is the share of right pixels. The many pixels of the background make it large."
        ),
        WrongAnswer(
            pooled_over_images,
            "You pool the pixels of all images, so large objects count more. Take the mean of each image's ratio.",
        ),
        WrongAnswer(recall_of_pixels, "You divide by the object's size. Divide by the union of both masks."),
        WrongAnswer(precision_of_pixels, "You divide by the predicted size. Divide by the union of both masks."),
        WrongAnswer(empty_counts_as_zero, "Two empty masks agree: such an image counts as 1."),
        WrongAnswer(empty_is_nan, "Your result is nan: an image with two empty masks gives 0 / 0. Let it count as 1."),
        WrongAnswer(both_over_sizes, "The sum of both sizes counts the intersection twice. Use the union."),
    ],
    hints=[
        "For bool tensors & is the intersection and | the union. Sum over dim=(1, 2), one count for each image.",
        "Divide the two counts image by image, put 1 where the union is 0 (torch.where), and take the mean.",
    ],
    praise="Unlike the share of right pixels, it does not grow with the background.",
)

# ---------------------------------------------------------------------------- skip_connections.convolution_matrix


def convolution_matrix(kernel: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Return the matrix A for which A @ x is the convolution of x with a kernel.

    kernel has the shape (K,), x has the shape (size,). As in PyTorch the kernel is not
    turned round: output i is the sum over k of kernel[k] * x[i * stride + k]. There is
    no padding; places that the kernel does not reach wholly have no output.
    """
    n_outputs = (size - len(kernel)) // stride + 1
    matrix = torch.zeros(n_outputs, size, dtype=kernel.dtype)
    for i in range(n_outputs):
        matrix[i, i * stride : i * stride + len(kernel)] = kernel
    return matrix


def matrix_entry_by_entry(kernel, size, stride):
    """Entry by entry."""
    rows = []
    for start in range(0, size - len(kernel) + 1, stride):
        rows.append([kernel[j - start].item() if 0 <= j - start < len(kernel) else 0.0 for j in range(size)])
    return torch.tensor(rows, dtype=kernel.dtype)


def matrix_from_unit_vectors(kernel, size, stride):
    """The convolution of each unit vector is a column."""
    units = torch.eye(size, dtype=kernel.dtype)[:, None]
    return torch.nn.functional.conv1d(units, kernel[None, None], stride=stride)[:, 0].T


def matrix_of_the_turned_kernel(kernel, size, stride):
    """The kernel is turned round."""
    return convolution_matrix(kernel.flip(0), size, stride)


def matrix_transposed(kernel, size, stride):
    """Rows and columns are exchanged."""
    return convolution_matrix(kernel, size, stride).T


def matrix_without_stride(kernel, size, stride):  # noqa: ARG001
    """The stride is forgotten."""
    return convolution_matrix(kernel, size, 1)


def matrix_with_padding(kernel, size, stride):
    """Places that the kernel reaches in part have an output."""
    wide = convolution_matrix(kernel, size + len(kernel) - 1, stride)
    return wide[:, :size]


def matrix_that_goes_round(kernel, size, stride):
    """The kernel goes round the end."""
    rows = []
    for start in range(0, size, stride):
        row = torch.zeros(size, dtype=kernel.dtype)
        row[: len(kernel)] = kernel
        rows.append(row.roll(start))
    return torch.stack(rows)


def matrix_one_row_short(kernel, size, stride):
    """The last output is left out."""
    return convolution_matrix(kernel, size, stride)[:-1]


def matrix_of_a_mean(kernel, size, stride):
    """Rows are divided by the length of the kernel."""
    return convolution_matrix(kernel, size, stride) / len(kernel)


CONVOLUTION_MATRIX = Exercise(
    name="skip_connections.convolution_matrix",
    difficulty=3,
    answer=convolution_matrix,
    right_answers=[matrix_entry_by_entry, matrix_from_unit_vectors],
    cases=[
        (torch.tensor([1.0, 2.0]), 3, 1),
        (torch.tensor([1.0, 2.0, 3.0]), 5, 1),
        (torch.tensor([1.0, -1.0]), 4, 2),
        (torch.tensor([1.0, 2.0, 3.0]), 8, 2),
        (torch.tensor([1.0, 0.5, -2.0]), 7, 3),
        (torch.tensor([2.0]), 3, 1),
    ],
    wrong_answers=[
        WrongAnswer(
            matrix_of_the_turned_kernel,
            "Your kernel is turned round, as in mathematics. PyTorch's layers use it as it is.",
        ),
        WrongAnswer(matrix_transposed, "Rows and columns are exchanged. There is a row for each output."),
        WrongAnswer(matrix_without_stride, "You move by one place a row. The kernel moves by stride places."),
        WrongAnswer(
            matrix_with_padding, "Your last rows hold a part of the kernel. Without padding they do not exist."
        ),
        WrongAnswer(matrix_that_goes_round, "Your kernel goes round the end of x and comes in at its start."),
        WrongAnswer(matrix_one_row_short, "The last row is missing: there are (size - K) // stride + 1 outputs."),
        WrongAnswer(matrix_of_a_mean, "You divide the rows. The entries are those of the kernel."),
    ],
    hints=[
        "There are (size - K) // stride + 1 rows. Start with a matrix of zeros in the kernel's dtype.",
        "Row i holds the kernel in the columns from i * stride to i * stride + K - 1.",
    ],
    praise="A convolution is a matrix with few different numbers in it, so it has a transpose like every matrix.",
)

EXERCISES = [
    RESIDUAL_OUTPUT,
    DERIVATIVE_OF_STACK,
    AUTOCORRELATION,
    NEEDS_PROJECTION,
    BLOCK_PARAMETERS,
    DEPTH_TO_USE,
    DROP_BRANCHES,
    INTERSECTION_OVER_UNION,
    CONVOLUTION_MATRIX,
]
