"""Exercises of the lesson 04_normalization."""

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ------------------------------------------------------------------------------------- normalization.standardise


def standardise(train: torch.Tensor, test: torch.Tensor) -> torch.Tensor:
    """Return the test data, standardised with the statistics of the training data.

    train, test: shape (N, features). The standard deviation divides by N, as scikit-learn's
    does. A feature that is constant in the training data is only centred.
    """
    is_constant = (train == train[0]).all(dim=0)
    std = torch.where(is_constant, 1.0, train.std(dim=0, correction=0))
    return (test - train.mean(dim=0)) / std


def column_by_column(train, test):
    """A loop over the features."""
    columns = []
    for of_train, of_test in zip(train.T, test.T, strict=True):
        centred = of_test - of_train.mean()
        is_constant = bool((of_train == of_train[0]).all())
        columns.append(centred if is_constant else centred / of_train.std(correction=0))
    return torch.stack(columns, dim=1)


def root_of_the_mean_square(train, test):
    """The standard deviation by its definition; a feature is constant where its extremes are equal."""
    mean = train.mean(dim=0)
    std = ((train - mean) ** 2).mean(dim=0).sqrt()
    std[train.amax(dim=0) == train.amin(dim=0)] = 1.0
    return (test - mean) / std


def fitted_on_the_test_part(train, test):  # noqa: ARG001 - that is the mistake
    """The test data's own statistics."""
    return standardise(test, test)


def fitted_on_all_data(train, test):
    """Statistics of training and test data together."""
    return standardise(torch.cat([train, test]), test)


def with_bessels_correction(train, test):
    """Divided by N - 1, torch's default."""
    std = train.std(dim=0)
    return (test - train.mean(dim=0)) / torch.where(std == 0, torch.ones_like(std), std)


def one_mean_for_all_features(train, test):
    """The statistics of the whole table."""
    return (test - train.mean()) / train.std(correction=0)


def divides_by_the_variance(train, test):
    """No root."""
    variance = train.var(dim=0, correction=0)
    return (test - train.mean(dim=0)) / torch.where(variance == 0, torch.ones_like(variance), variance)


def scaled_but_not_centred(train, test):
    """No mean is subtracted."""
    std = train.std(dim=0, correction=0)
    return test / torch.where(std == 0, torch.ones_like(std), std)


def constant_feature_divides_by_zero(train, test):
    """No care for a spread of 0."""
    return (test - train.mean(dim=0)) / train.std(dim=0, correction=0)


def constant_feature_by_a_spread_of_zero(train, test):
    """Rounding may leave a tiny spread."""
    std = train.std(dim=0, correction=0)
    return (test - train.mean(dim=0)) / torch.where(std == 0, torch.ones_like(std), std)


def plain_mean_and_std(train, test):
    """Torch's default, and no care for a spread of 0."""
    return (test - train.mean(dim=0)) / train.std(dim=0)


def small_number_added(train, test):
    """A constant feature is divided by next to nothing."""
    return (test - train.mean(dim=0)) / (train.std(dim=0, correction=0) + 1e-8)


STANDARDISE = Exercise(
    name="normalization.standardise",
    answer=standardise,
    cases=[
        (torch.tensor([[1.0], [5.0]]), torch.tensor([[1.0], [9.0], [11.0]])),
        (torch.tensor([[1.0, 10.0], [3.0, 30.0], [8.0, 20.0]]), torch.tensor([[2.0, 40.0], [3.0, 25.0]])),
        (torch.tensor([[0.0, 100.0], [1.0, 300.0], [5.0, 200.0], [2.0, 0.0]]), torch.tensor([[1.0, 150.0]])),
        (torch.tensor([[1.0, 7.0], [5.0, 7.0]]), torch.tensor([[2.0, 7.0], [4.0, 9.0]])),
        # in float32, in whatever order the six are added up, their mean is not 1.7
        (torch.tensor([[1.7]] * 6), torch.tensor([[1.7], [2.7]])),
    ],
    wrong_answers=[
        WrongAnswer(
            fitted_on_the_test_part,
            "You took mean and standard deviation of the test data. Then a shift of all test data disappears, and a "
            "single example becomes 0. Take those of `train`.",
        ),
        WrongAnswer(
            fitted_on_all_data,
            "Your mean and standard deviation include the test data, which nobody has yet when the model is trained. "
            "Take those of `train` alone.",
        ),
        WrongAnswer(
            with_bessels_correction,
            "Your standard deviation divides by N - 1, as torch does by default. Asked for is N: `correction=0`.",
        ),
        WrongAnswer(
            one_mean_for_all_features,
            "You took one mean and one standard deviation for the whole table. Each feature, a column, has its own: "
            "`dim=0`.",
        ),
        WrongAnswer(
            divides_by_the_variance,
            "You divided by the variance. The standard deviation is its root, and has the unit of the feature.",
        ),
        WrongAnswer(
            scaled_but_not_centred,
            "The spread is right, but the mean is still there. Subtract it before you divide.",
        ),
        WrongAnswer(
            constant_feature_divides_by_zero,
            "A feature that is constant in the training data has a standard deviation of 0, and you divide by it. "
            "Divide by 1 there instead.",
        ),
        WrongAnswer(
            plain_mean_and_std,
            "`train.std(dim=0)` divides by N - 1; with `correction=0` it divides by N. After that, look at constant "
            "features: you divide by their standard deviation, which is 0.",
        ),
        WrongAnswer(
            small_number_added,
            "With a tiny number in the denominator, a new value of a constant feature becomes huge. Divide by 1 there.",
        ),
        WrongAnswer(
            constant_feature_by_a_spread_of_zero,
            "The mean of equal values may be off by rounding. Then their standard deviation is tiny, not 0, and you "
            "divide by it. Ask the values themselves: `(train == train[0]).all(dim=0)`.",
        ),
    ],
    hints=[
        "All statistics come from `train`; `test` is only shifted and divided.",
        "`train.mean(dim=0)` and `train.std(dim=0, correction=0)` give one number a feature.",
        "Rounding can make the standard deviation of a constant column tiny in place of 0, so ask the values: "
        "`torch.where((train == train[0]).all(dim=0), 1.0, std)`.",
    ],
    praise="This is scikit-learn's StandardScaler: fit on the training part, transform the rest.",
    difficulty=2,
    right_answers=[column_by_column, root_of_the_mean_square],
)

# -------------------------------------------------------------------------------------- normalization.batch_norm


def batch_norm(inputs: torch.Tensor, eps: float) -> torch.Tensor:
    """Return what batch norm makes of a batch in training, without weight and bias.

    inputs: shape (N, C, L).
    """
    mean = inputs.mean(dim=(0, 2), keepdim=True)
    variance = inputs.var(dim=(0, 2), correction=0, keepdim=True)
    return (inputs - mean) / (variance + eps).sqrt()


def torchs_own_function(inputs, eps):
    """What the layer calls."""
    return torch.nn.functional.batch_norm(inputs, None, None, training=True, eps=eps)


def a_row_for_each_channel(inputs, eps):
    """The channels to the front, then everything of a channel in one row."""
    channels = inputs.transpose(0, 1)
    rows = channels.flatten(1)
    centred = rows - rows.mean(dim=1, keepdim=True)
    scaled = centred / ((centred**2).mean(dim=1, keepdim=True) + eps) ** 0.5
    return scaled.view(channels.shape).transpose(0, 1)


def _normalized(inputs, eps, axes, correction=0):
    mean = inputs.mean(dim=axes, keepdim=True)
    variance = inputs.var(dim=axes, correction=correction, keepdim=True)
    return (inputs - mean) / (variance + eps).sqrt()


def layer_norm_instead(inputs, eps):
    """Over each example."""
    return _normalized(inputs, eps, (1, 2))


def instance_norm_instead(inputs, eps):
    """Over each example and channel."""
    return _normalized(inputs, eps, 2)


def each_position_by_itself(inputs, eps):
    """Over the batch only."""
    return _normalized(inputs, eps, 0)


def over_everything(inputs, eps):
    """One mean for the whole batch."""
    return _normalized(inputs, eps, (0, 1, 2))


def unbiased_variance(inputs, eps):
    """Divided by n - 1."""
    return _normalized(inputs, eps, (0, 2), correction=1)


def eps_outside_the_root(inputs, eps):
    """Added to the standard deviation."""
    mean = inputs.mean(dim=(0, 2), keepdim=True)
    std = inputs.std(dim=(0, 2), correction=0, keepdim=True)
    return (inputs - mean) / (std + eps)


def variance_without_root(inputs, eps):
    """Divides by the variance."""
    mean = inputs.mean(dim=(0, 2), keepdim=True)
    return (inputs - mean) / (inputs.var(dim=(0, 2), correction=0, keepdim=True) + eps)


def without_keepdim(inputs, eps):
    """The statistics line up with the last axis."""
    variance = inputs.var(dim=(0, 2), correction=0)
    return (inputs - inputs.mean(dim=(0, 2))) / (variance + eps).sqrt()


def eps_is_not_used(inputs, eps):  # noqa: ARG001 - that is the mistake
    """Nothing is added to the variance."""
    return _normalized(inputs, 0.0, (0, 2))


BATCH_NORM = Exercise(
    name="normalization.batch_norm",
    answer=batch_norm,
    cases=[
        (torch.tensor([[[1.0, 2.0], [0.0, 4.0]], [[5.0, 4.0], [8.0, 4.0]]]), 1e-5),
        (torch.tensor([[[0.0, 1.0, 2.0]], [[4.0, 5.0, 9.0]]]), 0.1),
        (torch.tensor([[[1.0], [2.0]], [[3.0], [6.0]], [[8.0], [1.0]]]), 0.5),
        (torch.tensor([[[2.0, 2.0], [2.0, 2.0]], [[2.0, 2.0], [2.0, 2.0]]]), 1e-3),
    ],
    wrong_answers=[
        WrongAnswer(
            layer_norm_instead,
            "Your mean goes over all channels of one example: that is layer norm. In batch norm a channel shares its "
            "mean over all examples.",
        ),
        WrongAnswer(
            instance_norm_instead,
            "Your mean goes over one example at a time: that is instance norm. Batch norm also goes over the examples, "
            "axis 0.",
        ),
        WrongAnswer(
            each_position_by_itself,
            "Each position has a mean of its own. In batch norm the positions of a channel share theirs: the last axis "
            "belongs to it as well.",
        ),
        WrongAnswer(
            over_everything,
            "There is one mean for all channels together. Each channel, axis 1, has its own: leave that axis out.",
        ),
        WrongAnswer(
            unbiased_variance,
            "Your variance divides by n - 1. A batch is normalised by the one that divides by n: `correction=0`.",
        ),
        WrongAnswer(
            eps_outside_the_root,
            "You added eps to the standard deviation. It is added to the variance, inside the root.",
        ),
        WrongAnswer(
            variance_without_root,
            "You divided by the variance. Divide by its root, `(variance + eps).sqrt()`.",
        ),
        WrongAnswer(
            without_keepdim,
            "Your statistics have the shape (C,), and torch lines them up with the last axis, the positions. With "
            "`keepdim=True` they have the shape (1, C, 1).",
        ),
        WrongAnswer(
            eps_is_not_used,
            "Your eps changes nothing, and a constant channel becomes 0/0. Add it to the variance before the root.",
        ),
    ],
    hints=[
        "Which axes share a mean? All but the one that names the channel.",
        "`inputs.mean(dim=(0, 2), keepdim=True)` has the shape (1, C, 1), which fits the inputs.",
        "`inputs.var(..., correction=0, keepdim=True)` is the variance. Subtract the mean, divide by "
        "`(variance + eps).sqrt()`.",
    ],
    praise="These three lines are the layer that made very deep networks trainable.",
    difficulty=2,
    right_answers=[torchs_own_function, a_row_for_each_channel],
)

# -------------------------------------------------------------------------------------- normalization.group_norm


def group_norm(inputs: torch.Tensor, num_groups: int, eps: float) -> torch.Tensor:
    """Return what group norm makes of a batch, without weight and bias.

    inputs: shape (N, C, L). Each group holds C / num_groups neighbouring channels.
    """
    groups = inputs.unflatten(1, (num_groups, -1))  # (N, groups, C / groups, L)
    mean = groups.mean(dim=(2, 3), keepdim=True)
    variance = groups.var(dim=(2, 3), correction=0, keepdim=True)
    return ((groups - mean) / (variance + eps).sqrt()).flatten(1, 2)


def torchs_group_norm(inputs, num_groups, eps):
    """What the layer calls."""
    return torch.nn.functional.group_norm(inputs, num_groups, eps=eps)


def group_by_group(inputs, num_groups, eps):
    """A loop over pieces of the channel axis."""
    scaled = []
    for group in inputs.chunk(num_groups, dim=1):
        variance, mean = torch.var_mean(group, dim=(1, 2), correction=0, keepdim=True)
        scaled.append((group - mean) * (variance + eps).rsqrt())
    return torch.cat(scaled, dim=1)


def channels_of_a_group_for_groups(inputs, num_groups, eps):
    """The number of groups is taken for the size of a group."""
    return group_norm(inputs, inputs.shape[1] // num_groups, eps)


def every_other_channel(inputs, num_groups, eps):
    """Groups of channels that are not neighbours."""
    groups = inputs.unflatten(1, (-1, num_groups))
    return _normalized(groups, eps, (1, 3)).flatten(1, 2)


def groups_shared_by_the_batch(inputs, num_groups, eps):
    """The mean goes over the examples as well."""
    return _normalized(inputs.unflatten(1, (num_groups, -1)), eps, (0, 2, 3)).flatten(1, 2)


def each_channel_by_itself(inputs, num_groups, eps):  # noqa: ARG001 - that is the mistake
    """Instance norm."""
    return _normalized(inputs, eps, 2)


def each_position_of_a_group_by_itself(inputs, num_groups, eps):
    """The mean goes over the channels of a group only."""
    return _normalized(inputs.unflatten(1, (num_groups, -1)), eps, 2).flatten(1, 2)


def groups_with_unbiased_variance(inputs, num_groups, eps):
    """Divided by n - 1."""
    return _normalized(inputs.unflatten(1, (num_groups, -1)), eps, (2, 3), correction=1).flatten(1, 2)


def groups_still_apart(inputs, num_groups, eps):
    """The axis of the groups stays."""
    return _normalized(inputs.unflatten(1, (num_groups, -1)), eps, (2, 3))


def eps_added_to_the_std(inputs, num_groups, eps):
    """Eps outside the root."""
    groups = inputs.unflatten(1, (num_groups, -1))
    mean = groups.mean(dim=(2, 3), keepdim=True)
    std = groups.std(dim=(2, 3), correction=0, keepdim=True)
    return ((groups - mean) / (std + eps)).flatten(1, 2)


def eps_is_left_out(inputs, num_groups, eps):  # noqa: ARG001 - that is the mistake
    """Nothing is added to the variance."""
    return group_norm(inputs, num_groups, 0.0)


GROUP_NORM = Exercise(
    name="normalization.group_norm",
    answer=group_norm,
    cases=[
        (torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 4.0], [8.0, 1.0]]]), 1, 1e-5),
        (torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 4.0], [8.0, 1.0]]]), 2, 0.1),
        (
            torch.tensor([[[1.0], [2.0], [4.0], [8.0], [3.0], [0.0]], [[0.0], [5.0], [1.0], [1.0], [9.0], [2.0]]]),
            3,
            0.5,
        ),
        (torch.tensor([[[1.0, 2.0], [4.0, 8.0], [3.0, 0.0], [5.0, 1.0]]]), 2, 0.5),
    ],
    wrong_answers=[
        WrongAnswer(
            channels_of_a_group_for_groups,
            "You made groups of `num_groups` channels. It is the number of groups; each holds C / num_groups channels.",
        ),
        WrongAnswer(
            every_other_channel,
            "Your groups take channels at equal distances. A group holds neighbours, such as channels 0 and 1.",
        ),
        WrongAnswer(
            groups_shared_by_the_batch,
            "Your mean goes over all examples. In group norm each example has its own: leave axis 0 out.",
        ),
        WrongAnswer(
            each_channel_by_itself,
            "Each channel has a mean of its own: that is instance norm, which is group norm with C groups only.",
        ),
        WrongAnswer(
            each_position_of_a_group_by_itself,
            "Your mean goes over the channels of a group, but not over their positions. The last axis belongs to it.",
        ),
        WrongAnswer(
            groups_with_unbiased_variance,
            "Your variance divides by n - 1. Every norm divides by n: `correction=0`.",
        ),
        WrongAnswer(
            groups_still_apart,
            "The values are right, but the groups still have an axis of their own. Bring the result back to the shape "
            "of the inputs.",
        ),
        WrongAnswer(
            eps_added_to_the_std,
            "You added eps to the standard deviation. It belongs to the variance, inside the root.",
        ),
        WrongAnswer(
            eps_is_left_out,
            "Your eps changes nothing. Add it to the variance of each group before you take the root.",
        ),
    ],
    hints=[
        "Give the groups an axis of their own: `inputs.unflatten(1, (num_groups, -1))` has the shape "
        "(N, groups, C / groups, L).",
        "A group of one example shares its mean: take it over the last two axes, with `keepdim=True`.",
        "`.flatten(1, 2)` undoes what unflatten did.",
    ],
    praise="One argument leads from layer norm to instance norm, and no batch size can disturb it.",
    difficulty=2,
    right_answers=[torchs_group_norm, group_by_group],
)

# ---------------------------------------------------------------------------------- normalization.running_update


def running_update(
    running: tuple[torch.Tensor, torch.Tensor], batch: torch.Tensor, momentum: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the running mean and variance of a batch norm after one more batch.

    running: mean and variance so far, each of shape (C,). batch: shape (N, C).
    momentum: as torch.nn.BatchNorm1d has it. The tensors that were given stay as they are.
    """
    mean, variance = running
    mean = (1 - momentum) * mean + momentum * batch.mean(dim=0)
    variance = (1 - momentum) * variance + momentum * batch.var(dim=0, correction=1)
    return mean, variance


def a_step_towards_the_batch(running, batch, momentum):
    """Old plus momentum times the difference."""
    mean, variance = running
    return mean + momentum * (batch.mean(dim=0) - mean), torch.lerp(variance, batch.var(dim=0), momentum)


def copies_given_to_torch(running, batch, momentum):
    """Torch updates the buffers that it is given in place."""
    mean, variance = (values.clone() for values in running)
    torch.nn.functional.batch_norm(batch, mean, variance, training=True, momentum=momentum)
    return mean, variance


def momentum_of_an_optimizer(running, batch, momentum):
    """The weight of the past."""
    return running_update(running, batch, 1 - momentum)


def running_variance_is_biased(running, batch, momentum):
    """Divided by N."""
    mean, variance = running
    mean = (1 - momentum) * mean + momentum * batch.mean(dim=0)
    return mean, (1 - momentum) * variance + momentum * batch.var(dim=0, correction=0)


def running_standard_deviation(running, batch, momentum):
    """The standard deviation is averaged into the variance."""
    mean, variance = running
    mean = (1 - momentum) * mean + momentum * batch.mean(dim=0)
    return mean, (1 - momentum) * variance + momentum * batch.std(dim=0)


def forgets_the_past(running, batch, momentum):  # noqa: ARG001 - that is the mistake
    """The statistics of the batch."""
    return batch.mean(dim=0), batch.var(dim=0)


def weights_exceed_one(running, batch, momentum):
    """The past is not made smaller."""
    mean, variance = running
    return mean + momentum * batch.mean(dim=0), variance + momentum * batch.var(dim=0)


def over_the_channels(running, batch, momentum):
    """One mean for the whole batch."""
    mean, variance = running
    mean = (1 - momentum) * mean + momentum * batch.mean()
    return mean, (1 - momentum) * variance + momentum * batch.var()


def running_changed_in_place(running, batch, momentum):
    """As torch's layer does with its own buffers."""
    mean, variance = running
    mean.lerp_(batch.mean(dim=0), momentum)
    variance.lerp_(batch.var(dim=0), momentum)
    return mean, variance


RUNNING_UPDATE = Exercise(
    name="normalization.running_update",
    answer=running_update,
    cases=[
        ((torch.tensor([0.0]), torch.tensor([1.0])), torch.tensor([[2.0], [6.0]]), 0.1),
        (
            (torch.tensor([1.0, -2.0]), torch.tensor([4.0, 0.5])),
            torch.tensor([[2.0, 1.0], [4.0, 0.0], [9.0, -4.0]]),
            0.25,
        ),
        ((torch.tensor([3.0, 0.0]), torch.tensor([2.0, 1.0])), torch.tensor([[1.0, 5.0], [2.0, 5.5]]), 0.01),
    ],
    wrong_answers=[
        WrongAnswer(
            momentum_of_an_optimizer,
            "You gave the momentum to the past, as an optimizer does. In batch norm it is the weight of the new batch.",
        ),
        WrongAnswer(
            running_variance_is_biased,
            "Your variance of the batch divides by N. The running one is told the unbiased variance, divided by N - 1.",
        ),
        WrongAnswer(
            running_standard_deviation,
            "You averaged the standard deviation of the batch into a running variance. Average variances.",
        ),
        WrongAnswer(
            forgets_the_past,
            "These are the statistics of the batch alone. The running ones keep a share of 1 - momentum of the past.",
        ),
        WrongAnswer(
            weights_exceed_one,
            "The past keeps its full weight and the batch is added on top, so your statistics grow and grow. The "
            "weights of past and batch must add up to 1.",
        ),
        WrongAnswer(
            over_the_channels,
            "You took one mean and one variance of the whole batch. Each channel, a column, has its own: `dim=0`.",
        ),
        WrongAnswer(
            running_changed_in_place,
            "The values are right, but you changed the tensors that were given. Compute new ones: no `+=`, and no "
            "method whose name ends in `_`.",
        ),
    ],
    hints=[
        "New = (1 - momentum) times old + momentum times that of the batch. The same for mean and variance.",
        "`batch.mean(dim=0)` is one number a channel.",
        "`batch.var(dim=0)` divides by N - 1 by default, and that is what torch's running variance is told.",
    ],
    praise="You know now what the two buffers of every batch norm hold, and when they are stale.",
    difficulty=2,
    right_answers=[a_step_towards_the_batch, copies_given_to_torch],
)

EXERCISES = [STANDARDISE, BATCH_NORM, GROUP_NORM, RUNNING_UPDATE]
