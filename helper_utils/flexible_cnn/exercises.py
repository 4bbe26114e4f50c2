"""Exercises of the lesson 12_flexible_cnn."""

import math

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ----------------------------------------------------------------------------------- flexible_cnn.flattened_size


def flattened_size(image_size: int, n_filters: list[int]) -> int:
    """Return how many numbers the last block of a network gives for one image.

    A block for each entry of n_filters: a convolution with same padding and so many
    filters, then a pooling of 2 x 2 that rounds down. Images are square.
    """
    for _ in n_filters:
        image_size = image_size // 2
    return n_filters[-1] * image_size**2


def divided_by_a_power_of_two(image_size, n_filters):
    """Rounding down once gives the same as rounding down at each halving."""
    return n_filters[-1] * (image_size // 2 ** len(n_filters)) ** 2


def an_image_sent_through_the_poolings(image_size, n_filters):
    """Let torch do the counting."""
    image = torch.zeros(n_filters[-1], image_size, image_size)
    for _ in n_filters:
        image = torch.nn.functional.max_pool2d(image, 2)
    return image.numel()


def channels_forgotten(image_size, n_filters):
    """The places of one map."""
    return (image_size // 2 ** len(n_filters)) ** 2


def poolings_forgotten(image_size, n_filters):
    """The convolutions keep the size, and nothing halves it."""
    return n_filters[-1] * image_size**2


def one_pooling_only(image_size, n_filters):
    """Halved once, however many blocks there are."""
    return n_filters[-1] * (image_size // 2) ** 2


def ceiling_for_floor(image_size, n_filters):
    """An odd size is rounded up."""
    for _ in n_filters:
        image_size = (image_size + 1) // 2
    return n_filters[-1] * image_size**2


def valid_padding(image_size, n_filters):
    """Each convolution takes a border of one pixel away, as with a kernel of 3 and no padding."""
    for _ in n_filters:
        image_size = max(image_size - 2, 0) // 2
    return n_filters[-1] * image_size**2


def height_only(image_size, n_filters):
    """The size is not squared."""
    return n_filters[-1] * (image_size // 2 ** len(n_filters))


def filters_added_up(image_size, n_filters):
    """The maps of all blocks."""
    return sum(n_filters) * (image_size // 2 ** len(n_filters)) ** 2


def rounded_after_squaring(image_size, n_filters):
    """Rounded once, at the very end."""
    return int((image_size / 2 ** len(n_filters)) ** 2) * n_filters[-1]


def divided_by_twice_the_blocks(image_size, n_filters):
    """Two for each block, added up."""
    return n_filters[-1] * (image_size // (2 * len(n_filters))) ** 2


FLATTENED_SIZE = Exercise(
    name="flexible_cnn.flattened_size",
    answer=flattened_size,
    cases=[(8, [3]), (32, [16, 32]), (28, [8, 16, 16]), (9, [4]), (64, [8, 8, 16, 16])],
    wrong_answers=[
        WrongAnswer(
            channels_forgotten,
            "Those are the places of one map. The last block gives a map for each of its filters.",
        ),
        WrongAnswer(
            poolings_forgotten,
            "Your images keep their size. Each block ends with a pooling, which halves height and width.",
        ),
        WrongAnswer(
            one_pooling_only,
            "You halved once. Every block has a pooling of its own.",
        ),
        WrongAnswer(
            ceiling_for_floor,
            "You rounded up. A pooling drops the last row and column of an odd size: 7 becomes 3.",
        ),
        WrongAnswer(
            valid_padding,
            "Your convolutions shrink the image by their border. With same padding they keep height and width.",
        ),
        WrongAnswer(
            height_only,
            "You counted the rows. A map has as many columns, too: square the size.",
        ),
        WrongAnswer(
            filters_added_up,
            "You added up the filters of all blocks. Each block reads the maps of the one before; only the last one's "
            "reach the classifier.",
        ),
        WrongAnswer(
            rounded_after_squaring,
            "You rounded once, at the end. Each pooling rounds height and width by itself, before they are multiplied.",
        ),
        WrongAnswer(
            divided_by_twice_the_blocks,
            "You divided by 2 times the blocks. Each block halves what the one before has left: three divide by 8.",
        ),
    ],
    hints=[
        "Follow height and width through the blocks: the convolution keeps them, the pooling halves them.",
        "In Python `//` divides and rounds down. Do it once for each block.",
        "At the end there are `n_filters[-1]` maps, and each is a square.",
    ],
    praise="This is the number that `nn.Linear` asks for, for any image size and any depth.",
    difficulty=2,
    right_answers=[divided_by_a_power_of_two, an_image_sent_through_the_poolings],
)

# --------------------------------------------------------------------------- flexible_cnn.convolution_parameters


def convolution_parameters(
    in_channels: int,
    n_filters: int,
    kernel_size: int,
    bias: bool,
) -> int:
    """Return how many parameters a convolution learns.

    Its kernels are kernel_size high and wide. bias: whether each filter has one.
    """
    return n_filters * (in_channels * kernel_size**2 + (1 if bias else 0))


def counted_in_torchs_layer(in_channels, n_filters, kernel_size, bias):
    """The layer itself, asked."""
    layer = torch.nn.Conv2d(in_channels, n_filters, kernel_size, bias=bias)
    return sum(parameter.numel() for parameter in layer.parameters())


def weights_and_biases_apart(in_channels, n_filters, kernel_size, bias):
    """Two terms."""
    n_weights = n_filters * in_channels * kernel_size * kernel_size
    return n_weights + n_filters if bias else n_weights


def bias_forgotten(in_channels, n_filters, kernel_size, bias):  # noqa: ARG001 - the misconception
    """The weights alone."""
    return n_filters * in_channels * kernel_size**2


def bias_always(in_channels, n_filters, kernel_size, bias):  # noqa: ARG001 - the misconception
    """As if there always was one."""
    return n_filters * (in_channels * kernel_size**2 + 1)


def kernel_not_squared(in_channels, n_filters, kernel_size, bias):
    """A row of the kernel."""
    return n_filters * (in_channels * kernel_size + bias)


def input_channels_forgotten(in_channels, n_filters, kernel_size, bias):  # noqa: ARG001 - the misconception
    """As if each filter read one map."""
    return n_filters * (kernel_size**2 + bias)


def one_bias_for_all(in_channels, n_filters, kernel_size, bias):
    """One bias a layer."""
    return n_filters * in_channels * kernel_size**2 + bias


def bias_for_each_input_channel(in_channels, n_filters, kernel_size, bias):
    """A bias for each pair of channels."""
    return n_filters * in_channels * (kernel_size**2 + bias)


def bias_for_input_channels(in_channels, n_filters, kernel_size, bias):
    """A bias for each input channel, not for each filter."""
    return in_channels * (n_filters * kernel_size**2 + bias)


CONVOLUTION_PARAMETERS = Exercise(
    name="flexible_cnn.convolution_parameters",
    answer=convolution_parameters,
    cases=[(2, 3, 3, True), (3, 16, 5, True), (4, 6, 3, False), (16, 32, 1, False)],
    wrong_answers=[
        WrongAnswer(
            bias_forgotten,
            "Those are the weights. Where `bias` is true, each filter has one number more.",
        ),
        WrongAnswer(
            bias_always,
            "You count a bias even where `bias` is false, as it is before batch norm.",
        ),
        WrongAnswer(
            kernel_not_squared,
            "Your kernel has one dimension. It is `kernel_size` high and `kernel_size` wide.",
        ),
        WrongAnswer(
            input_channels_forgotten,
            "Each of your filters reads one map. A filter has a kernel for every input channel, and adds them up.",
        ),
        WrongAnswer(
            one_bias_for_all,
            "You have one bias for the whole layer. Each filter has its own.",
        ),
        WrongAnswer(
            bias_for_each_input_channel,
            "You have a bias for each pair of an input channel and a filter. A filter adds its bias once, after the "
            "sum over its input channels.",
        ),
        WrongAnswer(
            bias_for_input_channels,
            "You have a bias for each input channel. It is the filters that have one each.",
        ),
    ],
    hints=[
        "Count one filter first: a kernel for each input channel, and perhaps a bias.",
        "One filter has `in_channels * kernel_size**2` weights.",
        "Add 1 where `bias` is true, then multiply by the number of filters.",
    ],
    praise="Height and width of the image do not occur in it: that is what sharing weights means.",
    difficulty=1,
    right_answers=[counted_in_torchs_layer, weights_and_biases_apart],
)

# ---------------------------------------------------------------------------------- flexible_cnn.receptive_field


def receptive_field(kernel_sizes: list[int], strides: list[int]) -> int:
    """Return the width in pixels of what one value of the last layer depends on.

    Layer by layer, first to last: the kernel's width and the stride, of convolutions
    and poolings alike. The image has no border.
    """
    field, distance = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field += (kernel_size - 1) * distance
        distance *= stride
    return field


def from_the_last_layer_back(kernel_sizes, strides):
    """How many inputs of a layer so many of its outputs need."""
    field = 1
    for kernel_size, stride in zip(reversed(kernel_sizes), reversed(strides), strict=True):
        field = (field - 1) * stride + kernel_size
    return field


def sum_with_products_of_strides(kernel_sizes, strides):
    """The closed formula."""
    distances = [math.prod(strides[:layer]) for layer in range(len(strides))]
    return 1 + sum((k - 1) * distance for k, distance in zip(kernel_sizes, distances, strict=True))


def strides_ignored(kernel_sizes, strides):  # noqa: ARG001 - the misconception
    """Neighbours stay one pixel apart."""
    return 1 + sum(kernel_size - 1 for kernel_size in kernel_sizes)


def kernels_added_up(kernel_sizes, strides):
    """The whole kernel for each layer, where the first value is counted again."""
    field, distance = 0, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field += kernel_size * distance
        distance *= stride
    return field


def stride_before_its_layer(kernel_sizes, strides):
    """A layer's own stride already counts for its kernel."""
    field, distance = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        distance *= stride
        field += (kernel_size - 1) * distance
    return field


def distances_added(kernel_sizes, strides):
    """Strides are added up, not multiplied."""
    field, distance = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        field += (kernel_size - 1) * distance
        distance += stride - 1
    return field


def without_the_first_pixel(kernel_sizes, strides):
    """Starts at 0."""
    return receptive_field(kernel_sizes, strides) - 1


def whole_kernels_on_top(kernel_sizes, strides):
    """The whole kernel for each layer, on top of the first pixel."""
    return kernels_added_up(kernel_sizes, strides) + 1


def pooling_after_each_layer(kernel_sizes, strides):  # noqa: ARG001 - the misconception
    """The loop of the lesson, which has a pooling of its own in each round."""
    field, distance = 1, 1
    for kernel_size in kernel_sizes:
        field += kernel_size * distance
        distance *= 2
    return field


RECEPTIVE_FIELD = Exercise(
    name="flexible_cnn.receptive_field",
    answer=receptive_field,
    cases=[
        ([3], [1]),
        ([3, 2, 3], [1, 2, 1]),
        ([3, 2, 3, 2, 3, 2], [1, 2, 1, 2, 1, 2]),
        ([5, 3, 3], [2, 1, 1]),
        ([7, 3, 1], [2, 2, 1]),
    ],
    wrong_answers=[
        WrongAnswer(
            strides_ignored,
            "You left the strides out. After a pooling with stride 2, neighbours in the map lie two pixels apart in "
            "the image.",
        ),
        WrongAnswer(
            kernels_added_up,
            "You added whole kernels. A kernel of width 3 adds 2 neighbours to the value that is there already.",
        ),
        WrongAnswer(
            stride_before_its_layer,
            "A layer's stride sets its outputs apart, not the inputs of its own kernel. Multiply the distance after "
            "you have enlarged the field.",
        ),
        WrongAnswer(
            distances_added,
            "Your distance grows by addition. Two poolings with stride 2 lead to a distance of 4, three to 8.",
        ),
        WrongAnswer(
            without_the_first_pixel,
            "You are one short: before the first layer a value sees one pixel, itself.",
        ),
        WrongAnswer(
            whole_kernels_on_top,
            "You add k distances for a kernel of k. Its k places lie only k - 1 distances apart.",
        ),
        WrongAnswer(
            pooling_after_each_layer,
            "You add a pooling after each layer yourself. Here every pooling is an entry of the lists.",
        ),
    ],
    hints=[
        "Keep two numbers: the field, and the distance in pixels between neighbours. Both begin with 1.",
        "A layer adds `(kernel_size - 1) * distance` to the field.",
        "Then its stride multiplies the distance, for the layers that follow.",
    ],
    praise="With it you can tell before any training whether a network can see a whole object at once.",
    difficulty=2,
    right_answers=[from_the_last_layer_back, sum_with_products_of_strides],
)

# --------------------------------------------------------------------------------- flexible_cnn.softmax_jacobian


def softmax_jacobian(probabilities: torch.Tensor) -> torch.Tensor:
    """Return the derivatives of softmax: entry (i, j) is that of output i by input j.

    probabilities: the outputs of softmax, shape (classes,).
    """
    return torch.diag(probabilities) - torch.outer(probabilities, probabilities)


def rows_times_differences(probabilities):
    """p_i (1 - p_j) on the diagonal and p_i (0 - p_j) elsewhere."""
    return probabilities[:, None] * (torch.eye(len(probabilities)) - probabilities)


def torchs_derivatives(probabilities):
    """The logarithms of the probabilities are logits that lead to them."""
    jacobian = torch.autograd.functional.jacobian(lambda logits: logits.softmax(dim=0), probabilities.log())
    return jacobian.detach()


def diagonal_only(probabilities):
    """As for sigmoid: p (1 - p), entry by entry."""
    return torch.diag(probabilities * (1 - probabilities))


def diagonal_as_a_vector(probabilities):
    """The diagonal, not as a matrix."""
    return probabilities * (1 - probabilities)


def wrong_sign(probabilities):
    """The outer product first."""
    return torch.outer(probabilities, probabilities) - torch.diag(probabilities)


def sum_for_difference(probabilities):
    """The other outputs rise as well."""
    return torch.diag(probabilities) + torch.outer(probabilities, probabilities)


def identity_for_diagonal(probabilities):
    """1 where the probabilities belong."""
    return torch.eye(len(probabilities), dtype=probabilities.dtype) - torch.outer(probabilities, probabilities)


def softmax_once_more(probabilities):
    """The probabilities are taken for logits."""
    return softmax_jacobian(probabilities.softmax(dim=0))


def squares_for_products(probabilities):
    """Squares, entry by entry, where all products of two entries belong."""
    return torch.diag(probabilities) - probabilities * probabilities


def scalar_for_products(probabilities):
    """The product of two vectors, one number."""
    return torch.diag(probabilities) - probabilities @ probabilities


SOFTMAX_JACOBIAN = Exercise(
    name="flexible_cnn.softmax_jacobian",
    answer=softmax_jacobian,
    cases=[
        (torch.tensor([0.75, 0.25]),),
        (torch.tensor([0.5, 0.3, 0.2]),),
        (torch.tensor([0.97, 0.01, 0.01, 0.01]),),
    ],
    wrong_answers=[
        WrongAnswer(
            diagonal_only,
            "Beside the diagonal you have zeros, as for sigmoid. Softmax divides by a sum, so each input moves every "
            "output.",
        ),
        WrongAnswer(
            diagonal_as_a_vector,
            "That is the diagonal as a vector. The Jacobian is a matrix, a row for each output and a column for each "
            "input.",
        ),
        WrongAnswer(
            wrong_sign,
            "The signs are the wrong way round: raising an input must raise its own output.",
        ),
        WrongAnswer(
            sum_for_difference,
            "In your matrix all outputs rise together. They always add up to 1, so each column must add up to 0.",
        ),
        WrongAnswer(
            identity_for_diagonal,
            "Your diagonal is 1 minus a square. It should be the probability minus its square.",
        ),
        WrongAnswer(
            softmax_once_more,
            "You applied softmax again. The argument already holds its outputs.",
        ),
        WrongAnswer(
            squares_for_products,
            "`p * p` is entry by entry. You need every product p_i p_j: `torch.outer(p, p)`.",
        ),
        WrongAnswer(
            scalar_for_products,
            "`p @ p` of two vectors is one number, with `.T` as well. You need every product p_i p_j: "
            "`torch.outer(p, p)`.",
        ),
    ],
    hints=[
        "There are two cases: how an output moves with its own input, and how it moves with another one.",
        "The derivative of output i by input j is p_i (1 - p_i) for i = j, and - p_i p_j otherwise.",
        "`torch.outer(p, p)` holds all products p_i p_j, and `torch.diag(p)` puts p on a diagonal.",
    ],
    praise="Multiply it by the gradient of the log loss, and probabilities minus truth is left.",
    difficulty=2,
    right_answers=[rows_times_differences, torchs_derivatives],
)

EXERCISES = [FLATTENED_SIZE, CONVOLUTION_PARAMETERS, RECEPTIVE_FIELD, SOFTMAX_JACOBIAN]
