"""Exercises of the lesson 06_initialization."""

import math

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------- initialization.weight_std


def weight_std(fan_in: int, mean_square: float) -> float:
    """Return the standard deviation of weights that give each output the variance 1.

    An output is a sum of fan_in inputs, each times its own weight. The weights are
    independent, with mean 0. The inputs have the mean square mean_square.
    """
    return math.sqrt(1 / (fan_in * mean_square))


def one_over_the_root(fan_in, mean_square):
    """The variance of the sum at weights of variance 1, and its root."""
    variance_of_sum = fan_in * mean_square
    return variance_of_sum**-0.5


def two_roots(fan_in, mean_square):
    """The root of each factor."""
    return 1 / (math.sqrt(fan_in) * math.sqrt(mean_square))


def variance_of_the_weights(fan_in, mean_square):
    """The root is missing."""
    return 1 / (fan_in * mean_square)


def mean_square_forgotten(fan_in, mean_square):  # noqa: ARG001 - that is the mistake
    """Right for inputs of mean square 1 only."""
    return 1 / math.sqrt(fan_in)


def fan_in_forgotten(fan_in, mean_square):  # noqa: ARG001 - that is the mistake
    """One input for a sum of them."""
    return 1 / math.sqrt(mean_square)


def multiplied_by_mean_square(fan_in, mean_square):
    """Larger inputs get larger weights."""
    return math.sqrt(mean_square / fan_in)


def std_of_the_sum(fan_in, mean_square):
    """The size that is to be undone."""
    return math.sqrt(fan_in * mean_square)


def root_of_fan_in_only(fan_in, mean_square):
    """The mean square is taken for its root."""
    return 1 / (math.sqrt(fan_in) * mean_square)


WEIGHT_STD = Exercise(
    name="initialization.weight_std",
    answer=weight_std,
    cases=[(4, 1.0), (100, 1.0), (4, 0.25), (50, 0.5), (64, 3.0)],
    wrong_answers=[
        WrongAnswer(
            variance_of_the_weights, "That is the variance of the weights. The standard deviation is its square root."
        ),
        WrongAnswer(
            mean_square_forgotten,
            "That is right for inputs whose mean square is 1. The variance of the sum is also proportional to "
            "mean_square.",
        ),
        WrongAnswer(
            fan_in_forgotten,
            "You look at one term of the sum. The variances of independent terms add up, and there are fan_in of them.",
        ),
        WrongAnswer(
            multiplied_by_mean_square,
            "Larger inputs need smaller weights: mean_square belongs in the denominator.",
        ),
        WrongAnswer(
            std_of_the_sum,
            "That is the standard deviation of the output for weights of variance 1. The weights have to undo it.",
        ),
        WrongAnswer(
            root_of_fan_in_only,
            "Take the root of the whole product fan_in times mean_square, not of fan_in alone.",
        ),
    ],
    hints=[
        "The variance of one term, weight times input, is the variance of the weight times mean_square.",
        "The output has fan_in such terms: its variance is fan_in * mean_square * std**2. Set that to 1.",
    ],
    praise="LeCun's initialiser is this formula with the mean square 1; one number more, and it fits any activation.",
    difficulty=1,
    right_answers=[one_over_the_root, two_roots],
)

# ------------------------------------------------------------------------------------------- initialization.fans


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fan-in and the fan-out of a weight of this shape.

    shape: (outputs, inputs) of a linear layer, or (outputs, inputs, *kernel) of a
    convolution with any number of kernel axes. The fan-in counts the numbers that one
    output sums over. The fan-out counts the outputs that one input contributes to
    (ignore the borders of the image; the stride is 1).
    """
    n_outputs, n_inputs, *kernel = shape
    positions = math.prod(kernel)
    return n_inputs * positions, n_outputs * positions


def counted_in_a_loop(shape):
    """The axes of the kernel one by one."""
    fan_in, fan_out = shape[1], shape[0]
    for size in shape[2:]:
        fan_in *= size
        fan_out *= size
    return fan_in, fan_out


def all_entries_divided(shape):
    """The number of entries over that of the outputs, or of the inputs."""
    n_entries = math.prod(shape)
    return n_entries // shape[0], n_entries // shape[1]


def exchanged(shape):
    """The first axis for the inputs."""
    fan_in, fan_out = fans(shape)
    return fan_out, fan_in


def kernel_forgotten(shape):
    """Right for linear layers only."""
    return shape[1], shape[0]


def kernel_for_fan_in_only(shape):
    """The fan-out of a linear layer."""
    return math.prod(shape[1:]), shape[0]


def one_axis_of_the_kernel(shape):
    """Right for kernels with one axis."""
    size = shape[2] if len(shape) > 2 else 1
    return shape[1] * size, shape[0] * size


def sum_of_the_kernel(shape):
    """3 + 3 for 3 x 3."""
    positions = sum(shape[2:]) if len(shape) > 2 else 1
    return shape[1] * positions, shape[0] * positions


def first_axis_squared(shape):
    """The kernel is taken to be square."""
    positions = shape[2] ** (len(shape) - 2) if len(shape) > 2 else 1
    return shape[1] * positions, shape[0] * positions


def number_of_entries(shape):
    """All weights of the layer for both."""
    return math.prod(shape), math.prod(shape)


FANS = Exercise(
    name="initialization.fans",
    answer=fans,
    cases=[((64, 32),), ((10, 784),), ((32, 4, 5),), ((16, 3, 3, 3),), ((8, 6, 2, 5),), ((7, 5, 1, 1),)],
    wrong_answers=[
        WrongAnswer(
            exchanged,
            "The two are exchanged. PyTorch stores a weight as (outputs, inputs, ...): shape[1] belongs to the fan-in.",
        ),
        WrongAnswer(
            kernel_forgotten,
            "That is right for linear layers. An output of a convolution sums over all positions of the kernel in every"
            " input channel.",
        ),
        WrongAnswer(
            kernel_for_fan_in_only,
            "The fan-in is right. An input also contributes to one output for every position of the kernel.",
        ),
        WrongAnswer(
            one_axis_of_the_kernel,
            "The kernel may have two axes or more. Multiply by all of them.",
        ),
        WrongAnswer(sum_of_the_kernel, "A kernel of 3 x 3 has 3 * 3 positions, not 3 + 3."),
        WrongAnswer(first_axis_squared, "The axes of a kernel may differ: multiply the sizes that the shape has."),
        WrongAnswer(
            number_of_entries,
            "That is the number of weights in the layer. Count those that meet in one output, or leave one input.",
        ),
    ],
    hints=[
        "`n_outputs, n_inputs, *kernel = shape` takes the shape apart; kernel is empty for a linear layer.",
        "A kernel has `math.prod(kernel)` positions, and the product of nothing is 1.",
        "One output sums over all positions in each of the inputs; one input reaches all positions of each output.",
    ],
    praise="torch.nn.init counts in this way too, and ignores the groups of a convolution.",
    difficulty=2,
    right_answers=[counted_in_a_loop, all_entries_divided],
)

# ------------------------------------------------------------------------------ initialization.uniform_variance


def uniform_variance(low: float, high: float) -> float:
    """Return the variance of a number that is drawn uniformly between low and high."""
    return (high - low) ** 2 / 12


def half_the_width_squared(low, high):
    """A third of the square of half the width."""
    return ((high - low) / 2) ** 2 / 3


def mean_square_less_squared_mean(low, high):
    """The two moments."""
    mean_square = (high**2 + high * low + low**2) / 3
    return mean_square - ((low + high) / 2) ** 2


def std_of_the_uniform(low, high):
    """The root of what was asked for."""
    return (high - low) / math.sqrt(12)


def width_not_squared(low, high):
    """A length over 12."""
    return (high - low) / 12


def bound_squared(low, high):
    """As if all numbers lay at the ends."""
    return ((high - low) / 2) ** 2


def third_of_the_width_squared(low, high):
    """The width for half of it."""
    return (high - low) ** 2 / 3


def mean_square_of_the_uniform(low, high):
    """Right where the mean is 0."""
    return (high**2 + high * low + low**2) / 3


def third_of_high_squared(low, high):  # noqa: ARG001 - that is the mistake
    """Right where low is -high."""
    return high**2 / 3


UNIFORM_VARIANCE = Exercise(
    name="initialization.uniform_variance",
    answer=uniform_variance,
    cases=[(-1.0, 1.0), (0.0, 1.0), (-0.1, 0.1), (2.0, 5.0), (-3.0, 1.0)],
    wrong_answers=[
        WrongAnswer(std_of_the_uniform, "That is the standard deviation. The variance is its square."),
        WrongAnswer(width_not_squared, "A variance has the square of the unit: square the width first."),
        WrongAnswer(
            bound_squared,
            "That would be the variance if all numbers were equal to low or high. Most of them are nearer to the mean.",
        ),
        WrongAnswer(
            third_of_the_width_squared,
            "It is a third of the square of *half* the width, so a twelfth of the square of the width.",
        ),
        WrongAnswer(
            mean_square_of_the_uniform,
            "That is the mean square. It is the variance only where the mean is 0: subtract the squared mean.",
        ),
        WrongAnswer(
            third_of_high_squared,
            "That is right where low is -high. In general only the width, high - low, counts.",
        ),
    ],
    hints=[
        "A shift does not change a variance. So look at a number between -b and b, where b is half the width.",
        "The mean of x**2 over -b to b is the integral of x**2, which is 2 b**3 / 3, over the width 2 b.",
    ],
    praise="With it you can read the variance off every uniform initialiser in a library's source.",
    difficulty=1,
    right_answers=[half_the_width_squared, mean_square_less_squared_mean],
)

# --------------------------------------------------------------------------------- initialization.layer_factors


def layer_factors(fan_in: int, fan_out: int, variance: float) -> tuple[float, float]:
    """Return by which factors a linear layer and its ReLU change two sizes.

    A size is a standard deviation. First the forward factor: that of what enters the
    ReLU, from one layer to the next. The layer has fan_in inputs, which are the last
    ReLU's outputs (half of the mean square). Then the backward factor: that of the
    gradient. It is a sum over fan_out outputs, and the ReLU lets half of it through.
    The weights have this variance and mean 0.
    """
    return math.sqrt(fan_in * variance / 2), math.sqrt(fan_out * variance / 2)


def powers_of_a_half(fan_in, fan_out, variance):
    """The same for both numbers."""
    forward, backward = ((0.5 * fan * variance) ** 0.5 for fan in (fan_in, fan_out))
    return forward, backward


def compared_with_he(fan_in, fan_out, variance):
    """Relative to the variance that keeps the size."""
    return math.sqrt(variance / (2 / fan_in)), math.sqrt(variance / (2 / fan_out))


def factors_of_the_variance(fan_in, fan_out, variance):
    """The roots are missing."""
    return fan_in * variance / 2, fan_out * variance / 2


def relu_forgotten(fan_in, fan_out, variance):
    """The factors of a linear network."""
    return math.sqrt(fan_in * variance), math.sqrt(fan_out * variance)


def factors_exchanged(fan_in, fan_out, variance):
    """The fan-out forward."""
    return math.sqrt(fan_out * variance / 2), math.sqrt(fan_in * variance / 2)


def fan_in_for_both(fan_in, fan_out, variance):  # noqa: ARG001 - that is the mistake
    """Right where both fans are equal."""
    return math.sqrt(fan_in * variance / 2), math.sqrt(fan_in * variance / 2)


def variance_as_std(fan_in, fan_out, variance):
    """The variance is squared."""
    return math.sqrt(fan_in / 2) * variance, math.sqrt(fan_out / 2) * variance


def half_outside_the_root(fan_in, fan_out, variance):
    """Half of the standard deviation for half of the mean square."""
    return math.sqrt(fan_in * variance) / 2, math.sqrt(fan_out * variance) / 2


def relu_forward_only(fan_in, fan_out, variance):
    """The gradient passes the ReLU unchanged."""
    return math.sqrt(fan_in * variance / 2), math.sqrt(fan_out * variance)


LAYER_FACTORS = Exercise(
    name="initialization.layer_factors",
    answer=layer_factors,
    cases=[(8, 8, 1.0), (50, 50, 0.04), (100, 400, 0.02), (64, 16, 0.5), (3, 27, 0.25)],
    wrong_answers=[
        WrongAnswer(
            factors_of_the_variance,
            "Those are the factors of the variances. Those of the standard deviations are their roots.",
        ),
        WrongAnswer(
            relu_forgotten, "Those are the factors without ReLU, which halves the mean square in both directions."
        ),
        WrongAnswer(
            factors_exchanged,
            "The two are exchanged: forward, an output sums over fan_in inputs; backward, over fan_out outputs.",
        ),
        WrongAnswer(
            fan_in_for_both,
            "The forward factor is right. Backward, the gradient of an input is a sum over fan_out outputs.",
        ),
        WrongAnswer(
            variance_as_std,
            "The variance of the weights goes into the root too: the standard deviation of a weight is its root.",
        ),
        WrongAnswer(
            half_outside_the_root,
            "ReLU halves the mean square, so the 2 belongs under the root.",
        ),
        WrongAnswer(
            relu_forward_only,
            "Where a ReLU is off, no gradient passes. That is half of the entries, so the backward factor has the 1/2 "
            "too.",
        ),
    ],
    hints=[
        "Forward: the variance of a sum over fan_in terms is fan_in times variance times the mean square of an input.",
        "Half of the mean square passes a ReLU, so the variance is multiplied by fan_in * variance / 2.",
        "Backward it is the same sum over fan_out terms. Take the root of each.",
    ],
    praise="In a deep network of equal layers both factors are taken to the power of its depth.",
    difficulty=2,
    right_answers=[powers_of_a_half, compared_with_he],
)

# ---------------------------------------------------------------------------- initialization.plan_initialization


def plan_initialization(shapes: dict[str, tuple[int, ...]]) -> dict[str, float]:
    """Return the standard deviation to draw each parameter of a ReLU network with.

    shapes: the shape of each parameter by its name, from the first layer to the last.
    A weight that is drawn has two axes or more: (outputs, inputs, *kernel). It gets the
    standard deviation that keeps the size of the activations (He, by its fan-in). The
    last of these weights makes the logits, which start smaller: it gets half of He's
    variance. All other parameters (biases, norms) are not drawn: 0.0.
    """
    weights = [name for name, shape in shapes.items() if len(shape) >= 2]
    plan = {}
    for name, shape in shapes.items():
        if name not in weights:
            plan[name] = 0.0
        else:
            gain = 1 if name == weights[-1] else 2
            plan[name] = math.sqrt(gain / math.prod(shape[1:]))
    return plan


def backwards_through_the_layers(shapes):
    """The last weight comes first."""
    plan, squared_gain = {}, 1.0
    for name in reversed(list(shapes)):
        shape = shapes[name]
        if len(shape) < 2:
            plan[name] = 0.0
            continue
        plan[name] = (squared_gain * shape[0] / math.prod(shape)) ** 0.5
        squared_gain = 2.0
    return {name: plan[name] for name in shapes}


def all_by_he_then_the_last(shapes):
    """The last weight is divided by the root of two."""
    plan = {n: (2 / math.prod(s[1:])) ** 0.5 if len(s) > 1 else 0.0 for n, s in shapes.items()}
    for name in reversed(list(plan)):
        if plan[name] > 0:
            plan[name] /= 2**0.5
            break
    return plan


def last_weight_as_the_others(shapes):
    """He for all of them."""
    return {n: math.sqrt(2 / math.prod(s[1:])) if len(s) > 1 else 0.0 for n, s in shapes.items()}


def variances_planned(shapes):
    """The roots are missing."""
    return {name: std**2 for name, std in plan_initialization(shapes).items()}


def gain_nowhere(shapes):
    """The factor 2 of ReLU is missing."""
    return {n: math.sqrt(1 / math.prod(s[1:])) if len(s) > 1 else 0.0 for n, s in shapes.items()}


def planned_by_fan_out(shapes):
    """What keeps the gradients."""
    weights = [name for name, shape in shapes.items() if len(shape) >= 2]
    return {
        n: math.sqrt((1 if n == weights[-1] else 2) / (s[0] * math.prod(s[2:]))) if n in weights else 0.0
        for n, s in shapes.items()
    }


def kernel_not_counted(shapes):
    """The inputs without the positions of the kernel."""
    weights = [name for name, shape in shapes.items() if len(shape) >= 2]
    return {n: math.sqrt((1 if n == weights[-1] else 2) / s[1]) if n in weights else 0.0 for n, s in shapes.items()}


def last_parameter_for_last_weight(shapes):
    """The last entry, mostly a bias, is looked at."""
    last = list(shapes)[-1]
    return {n: math.sqrt((1 if n == last else 2) / math.prod(s[1:])) if len(s) > 1 else 0.0 for n, s in shapes.items()}


def half_of_the_std(shapes):
    """Half of the standard deviation for half of the variance."""
    plan = last_weight_as_the_others(shapes)
    last = [name for name, shape in shapes.items() if len(shape) >= 2][-1]
    return {name: std / 2 if name == last else std for name, std in plan.items()}


def told_by_their_names(shapes):
    """A norm's scale is called weight too."""
    weights = [name for name in shapes if "weight" in name]
    return {
        n: math.sqrt((1 if n == weights[-1] else 2) / math.prod(s[1:])) if n in weights else 0.0
        for n, s in shapes.items()
    }


def biases_drawn_too(shapes):
    """Vectors get a spread."""
    plan = plan_initialization(shapes)
    return {name: std if std else math.sqrt(1 / shapes[name][0]) for name, std in plan.items()}


PLAN_INITIALIZATION = Exercise(
    name="initialization.plan_initialization",
    answer=plan_initialization,
    cases=[
        ({"0.weight": (16, 8), "2.weight": (4, 16)},),
        ({"0.weight": (32, 64), "0.bias": (32,), "2.weight": (10, 32)},),
        ({"0.weight": (8, 3, 3, 3), "0.bias": (8,), "2.weight": (16, 8, 2, 3), "5.weight": (10, 32), "5.bias": (10,)},),
        ({"only.weight": (5, 20), "only.bias": (5,)},),
        ({"0.weight": (8, 4), "1.weight": (8,), "1.bias": (8,), "3.weight": (2, 8), "4.weight": (2,)},),
    ],
    wrong_answers=[
        WrongAnswer(
            last_weight_as_the_others,
            "The last weight is drawn like the others. Half of the variance is asked for there.",
        ),
        WrongAnswer(variances_planned, "Those are variances. A standard deviation is the root of a variance."),
        WrongAnswer(gain_nowhere, "The factor 2 for ReLU is missing in the weights before the last one."),
        WrongAnswer(
            planned_by_fan_out,
            "You divide by the fan-out, which keeps the gradients. What keeps the activations is the fan-in.",
        ),
        WrongAnswer(
            kernel_not_counted,
            "The fan-in of a convolution counts the positions of its kernel too: the product of shape[1:].",
        ),
        WrongAnswer(
            last_parameter_for_last_weight,
            "The last parameter may be a bias. Look for the last one that has two axes or more.",
        ),
        WrongAnswer(
            half_of_the_std,
            "Half of the *variance* was asked for in the last weight: divide the standard deviation by the root of 2.",
        ),
        WrongAnswer(
            told_by_their_names,
            "The scale of a norm is called weight as well, and has one axis. Look at the number of axes, not at names.",
        ),
        WrongAnswer(
            biases_drawn_too,
            "Parameters with one axis (biases, scales of norms) are not drawn: their standard deviation is 0.0.",
        ),
    ],
    hints=[
        "First make the list of names whose shape has two axes or more. Its last entry is the weight for the logits.",
        "The fan-in is `math.prod(shape[1:])`, for linear layers and convolutions alike.",
        "The variance is 2 / fan_in, and 1 / fan_in for the last weight. Return the roots.",
    ],
    praise="A plan like this one is what a function for `model.apply` carries out, and it can be read and tested.",
    difficulty=3,
    right_answers=[backwards_through_the_layers, all_by_he_then_the_last],
)

# -------------------------------------------------------------------------- initialization.gain_from_outputs


def gain_from_outputs(outputs: torch.Tensor) -> float:
    """Return the gain of an activation from its outputs for standard normal inputs.

    The gain is the factor that brings the root mean square of the outputs to 1.
    """
    return (1 / outputs.square().mean().sqrt()).item()


def norm_of_the_outputs(outputs):
    """The root of the number over the norm."""
    return math.sqrt(outputs.numel()) / outputs.norm().item()


def sum_of_squares_in_a_loop(outputs):
    """Number by number."""
    total = sum(value**2 for value in outputs.flatten().tolist())
    return (total / outputs.numel()) ** -0.5


def std_for_root_mean_square(outputs):
    """The mean is subtracted."""
    return (1 / outputs.std(correction=0)).item()


def root_missing(outputs):
    """The mean square itself."""
    return (1 / outputs.square().mean()).item()


def not_inverted(outputs):
    """The size, not what undoes it."""
    return outputs.square().mean().sqrt().item()


def mean_of_the_sizes(outputs):
    """The mean of the absolute values."""
    return (1 / outputs.abs().mean()).item()


def largest_output(outputs):
    """The maximum for the root mean square."""
    return (1 / outputs.abs().max()).item()


def root_of_the_mean(outputs):
    """The mean, without squares."""
    return (1 / outputs.abs().mean().sqrt()).item()


GAIN_FROM_OUTPUTS = Exercise(
    name="initialization.gain_from_outputs",
    answer=gain_from_outputs,
    cases=[
        (torch.tensor([2.0, -2.0]),),
        (torch.tensor([0.0, 0.0, 1.0, 3.0]),),
        (torch.tensor([0.5, -0.25, 0.75, 0.1]),),
        (torch.tensor([[0.0, 4.0], [-1.0, 2.0]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            std_for_root_mean_square,
            "You subtract the mean first. The next layer's weights have mean 0, so what counts is the mean square of "
            "its inputs, whatever their mean.",
        ),
        WrongAnswer(root_missing, "You divide by the mean square. The gain multiplies weights, so take its root."),
        WrongAnswer(not_inverted, "That is the root mean square. The gain has to bring it back to 1: invert it."),
        WrongAnswer(mean_of_the_sizes, "Variances are about squares: take the mean of the squares, then the root."),
        WrongAnswer(largest_output, "That brings the largest output to 1. The root *mean* square was asked for."),
        WrongAnswer(root_of_the_mean, "You took the root of a mean, but the squares are missing under it."),
    ],
    hints=[
        "Root mean square, read from right to left: square the outputs, take the mean, take the root.",
        "The gain is 1 divided by it; `.item()` makes a number of a tensor.",
    ],
    praise="It gives a gain for every activation, also for those that no library has a name for.",
    difficulty=2,
    right_answers=[norm_of_the_outputs, sum_of_squares_in_a_loop],
)

# ----------------------------------------------------------------------------- initialization.orthogonal_from


def orthogonal_from(normal: torch.Tensor) -> torch.Tensor:
    """Return an orthogonal matrix made from a square matrix of normal numbers.

    It is the Q of the decomposition normal = Q @ R, where R is upper triangular and
    has positive numbers on its diagonal. (`torch.linalg.qr` gives some Q and R whose
    diagonal may be negative.) Leave the matrix that you get unchanged.
    """
    q, r = torch.linalg.qr(normal)
    return q * r.diagonal().sign()


def gram_schmidt(normal):
    """Column by column."""
    columns = []
    for column in normal.double().T:
        for earlier in columns:
            column = column - (column @ earlier) * earlier
        columns.append(column / column.norm())
    return torch.stack(columns, dim=1).to(normal.dtype)


def diagonal_matrix_of_signs(normal):
    """A product with a diagonal matrix."""
    q, r = torch.linalg.qr(normal)
    return q @ torch.diag(torch.sign(torch.diagonal(r)))


def signs_left(normal):
    """The Q that the library gives."""
    return torch.linalg.qr(normal)[0]


def rows_scaled(normal):
    """The signs along the wrong axis."""
    q, r = torch.linalg.qr(normal)
    return q * r.diagonal().sign()[:, None]


def columns_normalised(normal):
    """Length 1, and no right angles."""
    return normal / normal.norm(dim=0)


def triangle_returned(normal):
    """R for Q."""
    r = torch.linalg.qr(normal).R
    return r * r.diagonal().sign()[:, None]


def nearest_orthogonal(normal):
    """The polar factor."""
    u, _, v = torch.linalg.svd(normal)
    return u @ v


def scaled_by_the_diagonal(normal):
    """The diagonal for its sign."""
    q, r = torch.linalg.qr(normal)
    return q * r.diagonal()


def transposed(normal):
    """Also orthogonal, and not Q."""
    q, r = torch.linalg.qr(normal)
    return (q * r.diagonal().sign()).T


ORTHOGONAL_FROM = Exercise(
    name="initialization.orthogonal_from",
    answer=orthogonal_from,
    cases=[
        (torch.tensor([[3.0, 1.0], [4.0, 2.0]]),),
        (torch.tensor([[1.0, 2.0], [1.0, -1.0]]),),
        (torch.tensor([[-1.0, 0.5, 2.0], [0.0, 2.0, 1.0], [2.0, 1.0, -1.0]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            signs_left,
            "The diagonal of R has negative numbers here. Change the sign of those columns of Q.",
        ),
        WrongAnswer(
            rows_scaled,
            "You change the signs of rows. R's diagonal belongs to the columns of Q: `q * signs` multiplies columns.",
        ),
        WrongAnswer(columns_normalised, "Your columns have length 1, but they are not at right angles to each other."),
        WrongAnswer(triangle_returned, "That is R, the triangular one. Q was asked for."),
        WrongAnswer(
            nearest_orthogonal,
            "That is the orthogonal matrix nearest to the given one. It is a good start too, but not the Q of Q @ R.",
        ),
        WrongAnswer(
            scaled_by_the_diagonal,
            "You multiply by the diagonal itself, so the columns no longer have length 1. Multiply by its sign.",
        ),
        WrongAnswer(
            transposed, "That is the transpose of Q: its rows, not its columns, come from your matrix in turn."
        ),
    ],
    hints=[
        "`q, r = torch.linalg.qr(normal)` gives one of the possible pairs.",
        "Where `r.diagonal()` is negative, change the sign of that column of q (and of that row of r).",
        "`q * r.diagonal().sign()` multiplies each column of q by its sign.",
    ],
    praise="This is how torch.nn.init.orthogonal_ works; with the signs fixed, every rotation is equally likely.",
    difficulty=2,
    right_answers=[gram_schmidt, diagonal_matrix_of_signs],
)

# --------------------------------------------------------------------------------- initialization.prior_logit


def prior_logit(share: float) -> float:
    """Return the bias at which a detector starts with the right share of positives.

    The detector has one output, a logit. With all weights of the last layer at zero,
    the logit is the bias, and its sigmoid is the probability of a positive.
    """
    return math.log(share / (1 - share))


def difference_of_logarithms(share):
    """The logarithms of both shares."""
    return math.log(share) - math.log1p(-share)


def logit_of_torch(share):
    """The library's function."""
    return torch.logit(torch.tensor(share, dtype=torch.float64)).item()


def log_of_the_share(share):
    """Right for softmax with free sums."""
    return math.log(share)


def negative_logit(share):
    """Negatives and positives exchanged."""
    return -math.log(share / (1 - share))


def odds(share):
    """The logarithm is missing."""
    return share / (1 - share)


def share_itself(share):
    """The probability for the logit."""
    return share


def sigmoid_of_the_share(share):
    """The wrong direction."""
    return 1 / (1 + math.exp(-share))


def logarithm_to_base_ten(share):
    """Decades for nats."""
    return math.log10(share / (1 - share))


PRIOR_LOGIT = Exercise(
    name="initialization.prior_logit",
    answer=prior_logit,
    cases=[(0.2,), (0.5,), (0.01,), (0.9,)],
    wrong_answers=[
        WrongAnswer(
            log_of_the_share,
            "The sigmoid of log(share) is share / (1 + share), which is too small. Divide by 1 - share first.",
        ),
        WrongAnswer(
            negative_logit,
            "The sign is turned round: a rare class needs a negative logit.",
        ),
        WrongAnswer(odds, "Those are the odds. The logit is their logarithm."),
        WrongAnswer(share_itself, "That is the probability. The bias is the number whose sigmoid is this probability."),
        WrongAnswer(sigmoid_of_the_share, "The sigmoid leads from the bias to the probability. You need the way back."),
        WrongAnswer(logarithm_to_base_ten, "The sigmoid is made with e: take the natural logarithm, `math.log`."),
    ],
    hints=[
        "Solve share = 1 / (1 + exp(-bias)) for the bias.",
        "exp(-bias) = (1 - share) / share. Take the logarithm, and mind the sign.",
    ],
    praise="RetinaNet (Lin et al., 2017) starts with such a bias, because nearly all of its examples are background.",
    difficulty=1,
    right_answers=[difference_of_logarithms, logit_of_torch],
)

# ------------------------------------------------------------------------------- initialization.unit_variance


def unit_variance(
    weights: list[torch.Tensor],
    inputs: torch.Tensor,
) -> list[torch.Tensor]:
    """Return the weights of a ReLU network, each layer scaled to outputs with std 1.

    weights: one matrix a layer, shape (outputs, inputs); there are no biases.
    inputs: a batch, shape (N, inputs of the first layer).
    From the first layer to the last: compute the outputs `values @ weight.T` (before
    the ReLU), and divide the weight by the standard deviation of all of these entries
    (with correction=0). The next layer gets the ReLU of the new outputs. Leave the
    tensors that you get unchanged.
    """
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).std(correction=0)
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


def outputs_divided_as_well(weights, inputs):
    """The outputs are scaled instead of being computed again."""
    scaled, values = [], inputs
    for weight in weights:
        outputs = torch.nn.functional.linear(values, weight)
        std = outputs.var(correction=0).sqrt()
        scaled.append(weight / std)
        values = torch.clamp(outputs / std, min=0)
    return scaled


def scaled_from_the_old_outputs(weights, inputs):
    """A factor that cancels: ReLU keeps positive factors."""
    scaled, values, before = [], inputs, 1.0
    for weight in weights:
        outputs = values @ weight.T
        std = torch.sqrt(((outputs - outputs.mean()) ** 2).mean())
        scaled.append(weight * before / std)
        values, before = outputs.relu(), std
    return scaled


def old_outputs_passed_on(weights, inputs):
    """The next layer gets what the old weights give."""
    scaled, values = [], inputs
    for weight in weights:
        outputs = values @ weight.T
        scaled.append(weight / outputs.std(correction=0))
        values = outputs.relu()
    return scaled


def relu_left_out(weights, inputs):
    """A linear network."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).std(correction=0)
        values = values @ weight.T
        scaled.append(weight)
    return scaled


def divided_by_variance(weights, inputs):
    """The root is missing."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).var(correction=0)
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


def with_bessels_correction(weights, inputs):
    """The default of std."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).std()
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


def each_unit_for_itself(weights, inputs):
    """A standard deviation for each output."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).std(dim=0, correction=0)[:, None]
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


def root_mean_square_for_std(weights, inputs):
    """The mean is not subtracted."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).square().mean().sqrt()
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


def std_after_the_relu(weights, inputs):
    """The outputs of the activation are brought to 1."""
    scaled, values = [], inputs
    for weight in weights:
        weight = weight / (values @ weight.T).relu().std(correction=0)
        values = (values @ weight.T).relu()
        scaled.append(weight)
    return scaled


UNIT_VARIANCE = Exercise(
    name="initialization.unit_variance",
    answer=unit_variance,
    cases=[
        ([torch.tensor([[1.0, 0.0], [0.0, 2.0]])], torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])),
        (
            [torch.tensor([[1.0, 2.0], [-1.0, 0.5]]), torch.tensor([[0.5, -1.0]])],
            torch.tensor([[1.0, 2.0], [2.0, -1.0], [-1.0, 0.5]]),
        ),
        (
            [torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 2.0]]), torch.tensor([[0.1, 0.2, -0.1], [0.3, 0.0, 0.2]])],
            torch.tensor([[1.0, 0.0], [0.5, 2.0], [-1.0, 1.0], [2.0, -3.0]]),
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            old_outputs_passed_on,
            "The next layer gets the outputs of the old weights. Compute them again with the scaled weight.",
        ),
        WrongAnswer(
            relu_left_out,
            "The ReLU between the layers is missing: the next layer gets `.relu()` of the outputs.",
        ),
        WrongAnswer(divided_by_variance, "You divide by the variance. Divide by its root, the standard deviation."),
        WrongAnswer(
            with_bessels_correction,
            "`.std()` divides by the number of entries less one. Here it is `.std(correction=0)`.",
        ),
        WrongAnswer(
            each_unit_for_itself,
            "You scale each unit for itself. One number for the whole layer was asked for: the std of all entries.",
        ),
        WrongAnswer(
            root_mean_square_for_std,
            "You divide by the root mean square. A standard deviation is measured from the mean.",
        ),
        WrongAnswer(
            std_after_the_relu,
            "You measure after the ReLU. The outputs of the layer itself are to have the standard deviation 1.",
        ),
    ],
    hints=[
        "Go through the layers with a variable `values`, which is the batch at first.",
        "In each layer: `outputs = values @ weight.T`, then `weight = weight / outputs.std(correction=0)`.",
        "Before the next layer, `values = (values @ weight.T).relu()`, with the new weight.",
    ],
    praise="That is LSUV (Mishkin and Matas, 2016) in one pass: it measures instead of deriving.",
    difficulty=3,
    right_answers=[outputs_divided_as_well, scaled_from_the_old_outputs],
)

EXERCISES = [
    WEIGHT_STD,
    UNIFORM_VARIANCE,
    LAYER_FACTORS,
    FANS,
    PLAN_INITIALIZATION,
    GAIN_FROM_OUTPUTS,
    ORTHOGONAL_FROM,
    PRIOR_LOGIT,
    UNIT_VARIANCE,
]
