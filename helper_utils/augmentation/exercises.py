"""Exercises of the lesson 10_augmentation."""

import math

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer


def _images(n, size=4, seed=0):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(seed))


# --------------------------------------------------------------------------------------------- augmentation.flip_some


def flip_some(images: torch.Tensor, flipped: torch.Tensor) -> torch.Tensor:
    """Return the images, those that are flipped mirrored left to right.

    images: shape (N, C, H, W). flipped: shape (N,), True for each image to mirror.
    Leave the tensor that you get unchanged.
    """
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)


def flip_by_index(images, flipped):
    """Flip by index."""
    result = images.clone()
    result[flipped] = images[flipped].flip(3)
    return result


def flip_one_by_one(images, flipped):
    """Flip one by one."""
    return torch.stack([images[i].flip(-1) if flipped[i] else images[i] for i in range(len(images))])


def upside_down(images, flipped):
    """Upside down."""
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-2), images)


def all_images_flipped(images, flipped):  # noqa: ARG001 - that is the mistake
    """All images flipped."""
    return images.flip(-1)


def the_first_decides_for_all(images, flipped):
    """The first decides for all."""
    return images.flip(-1) if flipped[0] else images


def the_other_images_flipped(images, flipped):
    """The other images flipped."""
    return flip_some(images, ~flipped)


def only_the_flipped_ones(images, flipped):
    """Only the flipped ones."""
    return images[flipped].flip(-1)


def turned_by_half_a_turn(images, flipped):
    """Turned by half a turn."""
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1).flip(-2), images)


def order_of_the_batch_reversed(images, flipped):
    """Order of the batch reversed."""
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(0), images)


def flags_without_view(images, flipped):
    """Flags without view."""
    return torch.where(flipped, images.flip(-1), images)


FLIP_SOME = Exercise(
    name="augmentation.flip_some",
    difficulty=1,
    answer=flip_some,
    right_answers=[flip_by_index, flip_one_by_one],
    cases=[
        (torch.arange(8.0).view(2, 1, 2, 2), torch.tensor([True, False])),
        (_images(5, 3), torch.tensor([False, True, True, False, True])),
        (_images(3, 4, 1), torch.tensor([False, False, True])),
    ],
    wrong_answers=[
        WrongAnswer(upside_down, "The last axis runs from left to right, the one before it from top to bottom."),
        WrongAnswer(all_images_flipped, "Some images must stay as they are: use `flipped`."),
        WrongAnswer(the_first_decides_for_all, "Each image has its own value in `flipped`, not one for the batch."),
        WrongAnswer(the_other_images_flipped, "True means mirrored: you mirror the images where it is False."),
        WrongAnswer(only_the_flipped_ones, "Return all N images, also those that stay as they are."),
        WrongAnswer(turned_by_half_a_turn, "Mirroring top and bottom as well is half a turn. Flip one axis only."),
        WrongAnswer(
            flags_without_view,
            "`flipped` counts columns here, not images. Give it the shape (N, 1, 1, 1) with `view`.",
        ),
        WrongAnswer(order_of_the_batch_reversed, "The first axis counts the images. Flip the last one."),
    ],
    hints=[
        "`images.flip(-1)` mirrors all of them. For each image choose between that and the original.",
        "`torch.where` chooses; give `flipped` the shape (N, 1, 1, 1) with `view`.",
    ],
    praise="One call for the whole batch, and each image has its own draw.",
)

# ------------------------------------------------------------------------------------ augmentation.choose_augmentations


def choose_augmentations(
    accuracies: dict[str, list[float]],
    baseline: list[float],
) -> list[str]:
    """Return the names of the augmentations that help, the largest mean gain first.

    accuracies: for each augmentation the validation accuracy of each seed. baseline:
    those without augmentation, of the same seeds in the same order, at least two.
    One helps if its mean gain over the baseline, seed by seed, is above two standard
    errors of that mean (standard deviation with n - 1, divided by the root of n).
    """
    gains = {}
    for name, values in accuracies.items():
        gain = torch.tensor(values) - torch.tensor(baseline)
        if gain.mean() > 2 * gain.std() / len(gain) ** 0.5:
            gains[name] = gain.mean().item()
    return sorted(gains, key=lambda name: gains[name], reverse=True)


def choose_with_plain_python(accuracies, baseline):
    """Choose with plain Python."""
    n, found = len(baseline), []
    for name, values in accuracies.items():
        gains = [a - b for a, b in zip(values, baseline, strict=True)]
        mean = sum(gains) / n
        error = math.sqrt(sum((g - mean) ** 2 for g in gains) / (n - 1) / n)
        if mean > 2 * error:
            found.append((-mean, name))
    return [name for _, name in sorted(found)]


def choose_all_at_once(accuracies, baseline):
    """Choose all at once."""
    names = list(accuracies)
    if not names:
        return []
    gains = torch.tensor([accuracies[name] for name in names]) - torch.tensor(baseline)
    mean, error = gains.mean(dim=1), gains.std(dim=1) / math.sqrt(gains.shape[1])
    order = mean.argsort(descending=True).tolist()
    return [names[i] for i in order if mean[i] > 2 * error[i]]


def _choose(accuracies, baseline, helps, *, reverse=True):
    gains = {name: torch.tensor(v) - torch.tensor(baseline) for name, v in accuracies.items()}
    chosen = [name for name, gain in gains.items() if helps(gain)]
    return sorted(chosen, key=lambda name: gains[name].mean().item(), reverse=reverse)


def any_gain_counts(accuracies, baseline):
    """Any gain counts."""
    return _choose(accuracies, baseline, lambda g: g.mean() > 0)


def one_standard_error_is_enough(accuracies, baseline):
    """One standard error is enough."""
    return _choose(accuracies, baseline, lambda g: g.mean() > g.std() / len(g) ** 0.5)


def standard_deviation_of_the_gains(accuracies, baseline):
    """Standard deviation of the gains."""
    return _choose(accuracies, baseline, lambda g: g.mean() > 2 * g.std())


def errors_not_paired(accuracies, baseline):
    """Errors not paired."""
    b = torch.tensor(baseline)
    return _choose(
        accuracies,
        baseline,
        lambda g: g.mean() > 2 * (((g + b).var() + b.var()) / len(b)).sqrt(),
    )


def smallest_gain_first(accuracies, baseline):
    """Smallest gain first."""
    return _choose(accuracies, baseline, lambda g: g.mean() > 2 * g.std() / len(g) ** 0.5, reverse=False)


def in_the_order_of_the_table(accuracies, baseline):
    """In the order of the table."""
    chosen = choose_augmentations(accuracies, baseline)
    return [name for name in accuracies if name in chosen]


def only_the_best_one(accuracies, baseline):
    """Only the best one."""
    return choose_augmentations(accuracies, baseline)[:1]


def harm_counts_as_well(accuracies, baseline):
    """Harm counts as well."""
    return _choose(accuracies, baseline, lambda g: g.mean().abs() > 2 * g.std() / len(g) ** 0.5)


def every_seed_must_gain(accuracies, baseline):
    """Every seed must gain."""
    return _choose(accuracies, baseline, lambda g: (g > 0).all())


def standard_deviation_with_n(accuracies, baseline):
    """Standard deviation with n."""
    return _choose(accuracies, baseline, lambda g: g.mean() > 2 * g.std(correction=0) / len(g) ** 0.5)


CHOOSE_AUGMENTATIONS = Exercise(
    name="augmentation.choose_augmentations",
    difficulty=3,
    answer=choose_augmentations,
    right_answers=[choose_with_plain_python, choose_all_at_once],
    cases=[
        ({"flip": [0.80, 0.82, 0.84], "turn": [0.93, 0.94, 0.95]}, [0.90, 0.92, 0.93]),
        (
            {"crop": [0.93, 0.96, 0.92, 0.95], "turn": [0.97, 0.95, 0.96, 0.98], "erase": [0.97, 0.85, 0.97, 0.89]},
            [0.90, 0.92, 0.91, 0.91],
        ),
        ({"a": [0.5, 0.7, 0.9, 0.3], "b": [0.52, 0.73, 0.93, 0.32]}, [0.48, 0.7, 0.88, 0.29]),
        ({"a": [0.93, 0.89, 0.92, 0.91], "b": [0.905, 0.91, 0.93, 0.91]}, [0.9, 0.9, 0.9, 0.9]),
        ({"c": [0.95, 0.99, 0.94, 0.96, 0.99, 0.899], "d": [0.9, 0.9, 0.9, 0.8, 0.9, 0.9]}, [0.9] * 6),
        ({"e": [0.91, 0.92, 0.91, 0.92], "f": [0.96, 0.97, 0.96, 0.97], "g": [0.94, 0.93, 0.94, 0.93]}, [0.9] * 4),
        ({"h": [0.9, 0.93]}, [0.92, 0.93]),
        ({"i": [0.93, 0.91], "j": [0.94, 0.93]}, [0.903, 0.903]),
    ],
    wrong_answers=[
        WrongAnswer(any_gain_counts, "A mean gain above 0 may be chance. It must be above two standard errors."),
        WrongAnswer(one_standard_error_is_enough, "Two standard errors are asked for, not one."),
        WrongAnswer(
            standard_deviation_of_the_gains,
            "The standard error of a mean is the standard deviation divided by the root of n.",
        ),
        WrongAnswer(
            errors_not_paired,
            "The seeds are paired: take the differences first, and then the spread of these differences.",
        ),
        WrongAnswer(smallest_gain_first, "The largest gain comes first: sort in falling order."),
        WrongAnswer(in_the_order_of_the_table, "Sort the names by their mean gain."),
        WrongAnswer(only_the_best_one, "Return all that help, not only the first."),
        WrongAnswer(harm_counts_as_well, "An augmentation that clearly lowers the accuracy does not help."),
        WrongAnswer(
            standard_deviation_with_n,
            "The standard deviation divides by n - 1: in torch `correction=1`, in NumPy `ddof=1`.",
        ),
        WrongAnswer(every_seed_must_gain, "A single seed may lose. The rule is about the mean and its standard error."),
    ],
    hints=[
        "For each name take the difference to the baseline, seed by seed. Then take mean and standard deviation of it.",
        "`gain.std()` divides by n - 1. Its standard error is `gain.std() / len(gain) ** 0.5`.",
        "Keep the mean gains in a dictionary, and sort its names by them with `reverse=True`.",
    ],
    praise="The seeds are shared, so the spread that all runs have in common cancels.",
)

# ------------------------------------------------------------------------------------------- augmentation.data_worth


def data_worth(
    sizes: list[int],
    plain: list[float],
    augmented: float,
    size: int,
) -> float:
    """Return how many times the data an augmentation is worth at one size.

    plain: the accuracy without augmentation at each of the sizes; both lists rise.
    augmented: the accuracy with it at `size`. Find the number of images that gives
    this accuracy without augmentation: between two sizes the accuracy is a straight
    line in log(size), and outside all sizes the nearest size counts. Divide by `size`.
    """
    if augmented <= plain[0]:
        return sizes[0] / size
    for i in range(1, len(sizes)):
        if augmented <= plain[i]:
            share = (augmented - plain[i - 1]) / (plain[i] - plain[i - 1])
            low, high = math.log(sizes[i - 1]), math.log(sizes[i])
            return math.exp(low + share * (high - low)) / size
    return sizes[-1] / size


def worth_by_powers(sizes, plain, augmented, size):
    """Worth by powers."""
    for i in range(len(sizes) - 1):
        if plain[i] <= augmented <= plain[i + 1]:
            share = (augmented - plain[i]) / (plain[i + 1] - plain[i])
            return sizes[i] * (sizes[i + 1] / sizes[i]) ** share / size
    return (sizes[0] if augmented < plain[0] else sizes[-1]) / size


def worth_by_a_search(sizes, plain, augmented, size):
    """Worth by a search."""
    if augmented <= plain[0] or augmented >= plain[-1]:
        return sizes[0 if augmented <= plain[0] else -1] / size
    low, high = math.log(sizes[0]), math.log(sizes[-1])
    for _ in range(60):
        middle = (low + high) / 2
        i = max(k for k in range(len(sizes) - 1) if math.log(sizes[k]) <= middle)
        share = (middle - math.log(sizes[i])) / math.log(sizes[i + 1] / sizes[i])
        if plain[i] + share * (plain[i + 1] - plain[i]) < augmented:
            low = middle
        else:
            high = middle
    return math.exp(low) / size


def straight_in_the_size(sizes, plain, augmented, size):
    """Straight in the size."""
    if augmented <= plain[0]:
        return sizes[0] / size
    for i in range(1, len(sizes)):
        if augmented <= plain[i]:
            share = (augmented - plain[i - 1]) / (plain[i] - plain[i - 1])
            return (sizes[i - 1] + share * (sizes[i] - sizes[i - 1])) / size
    return sizes[-1] / size


def number_of_images(sizes, plain, augmented, size):
    """Number of images."""
    return data_worth(sizes, plain, augmented, size) * size


def additional_data(sizes, plain, augmented, size):
    """Additional data."""
    return data_worth(sizes, plain, augmented, size) - 1


def ratio_upside_down(sizes, plain, augmented, size):
    """Ratio upside down."""
    return 1 / data_worth(sizes, plain, augmented, size)


def next_larger_size(sizes, plain, augmented, size):
    """Next larger size."""
    larger = [s for s, accuracy in zip(sizes, plain, strict=True) if accuracy >= augmented]
    return (larger[0] if larger else sizes[-1]) / size


def next_smaller_size(sizes, plain, augmented, size):
    """Next smaller size."""
    smaller = [s for s, accuracy in zip(sizes, plain, strict=True) if accuracy <= augmented]
    return (smaller[-1] if smaller else sizes[0]) / size


def vertical_distance(sizes, plain, augmented, size):
    """Vertical distance."""
    return augmented - plain[sizes.index(size)]


def line_is_continued(sizes, plain, augmented, size):
    """Line is continued."""
    i = 1
    while i < len(sizes) - 1 and augmented > plain[i]:
        i += 1
    share = (augmented - plain[i - 1]) / (plain[i] - plain[i - 1])
    return sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share / size


def logarithm_not_undone(sizes, plain, augmented, size):
    """Logarithm not undone."""
    if augmented <= plain[0]:
        return sizes[0] / size
    for i in range(1, len(sizes)):
        if augmented <= plain[i]:
            share = (augmented - plain[i - 1]) / (plain[i] - plain[i - 1])
            low, high = math.log(sizes[i - 1]), math.log(sizes[i])
            return (low + share * (high - low)) / size
    return sizes[-1] / size


DATA_WORTH = Exercise(
    name="augmentation.data_worth",
    difficulty=3,
    answer=data_worth,
    right_answers=[worth_by_powers, worth_by_a_search],
    cases=[
        ([100, 400], [0.8, 0.9], 0.85, 100),
        ([50, 100, 400, 800], [0.7, 0.8, 0.9, 0.92], 0.83, 100),
        ([50, 100, 400], [0.7, 0.8, 0.9], 0.95, 400),
        ([50, 100, 400], [0.7, 0.8, 0.9], 0.65, 100),
        ([50, 100, 400], [0.7, 0.8, 0.9], 0.8, 50),
        ([50, 100, 400], [0.7, 0.8, 0.9], 0.85, 400),
    ],
    wrong_answers=[
        WrongAnswer(straight_in_the_size, "The line is straight in log(size), not in the size."),
        WrongAnswer(logarithm_not_undone, "That is the logarithm of a number of images. Take `math.exp` of it."),
        WrongAnswer(number_of_images, "Divide that number of images by `size`."),
        WrongAnswer(additional_data, "Twice the data is 2, not 1: leave out the minus one."),
        WrongAnswer(ratio_upside_down, "The number of images that are needed without augmentation is on top."),
        WrongAnswer(next_larger_size, "The number lies between two sizes: follow the line in log(size)."),
        WrongAnswer(next_smaller_size, "You take the size below. The number lies between two sizes."),
        WrongAnswer(vertical_distance, "That is the gain in accuracy. The horizontal distance is asked for."),
        WrongAnswer(line_is_continued, "Outside all sizes nothing was measured: take the nearest size there."),
    ],
    hints=[
        "Find the two sizes whose accuracies lie around `augmented`, and the share of the way between the two.",
        "Go the same share of the way between the logarithms of the sizes, and take `math.exp`.",
        "Below the first accuracy return sizes[0] / size, above the last one sizes[-1] / size.",
    ],
    praise="A gain in accuracy means little by itself; a number of images can be compared with what labels cost.",
)

# ------------------------------------------------------------------------------------------- augmentation.mix_batch


def mix_batch(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    partners: torch.Tensor,
    lam: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mixed inputs and the mixed targets of a batch.

    inputs: images as rows of numbers, (N, F). targets: probabilities of the classes,
    (N, K). Example i is mixed with example partners[i]: it keeps the share lam[i] of
    itself. Both have the shape (N,).
    """
    share = lam.view(-1, 1)
    mixed = share * inputs + (1 - share) * inputs[partners]
    return mixed, share * targets + (1 - share) * targets[partners]


def mix_with_lerp(inputs, targets, partners, lam):
    """Mix with lerp."""
    return (
        torch.lerp(inputs[partners], inputs, lam[:, None]),
        torch.lerp(targets[partners], targets, lam[:, None]),
    )


def mix_one_by_one(inputs, targets, partners, lam):
    """Mix one by one."""
    images, labels = [], []
    for i, (j, share) in enumerate(zip(partners.tolist(), lam.tolist(), strict=True)):
        images.append(share * inputs[i] + (1 - share) * inputs[j])
        labels.append(share * targets[i] + (1 - share) * targets[j])
    return torch.stack(images), torch.stack(labels)


def targets_not_mixed(inputs, targets, partners, lam):
    """Targets not mixed."""
    return mix_batch(inputs, targets, partners, lam)[0], targets


def shares_swapped(inputs, targets, partners, lam):
    """Shares swapped."""
    return mix_batch(inputs, targets, partners, 1 - lam)


def shares_swapped_in_the_targets(inputs, targets, partners, lam):
    """Shares swapped in the targets."""
    return mix_batch(inputs, targets, partners, lam)[0], mix_batch(inputs, targets, partners, 1 - lam)[1]


def one_share_for_the_batch(inputs, targets, partners, lam):
    """One share for the batch."""
    return mix_batch(inputs, targets, partners, lam[:1].expand(len(lam)))


def inputs_not_mixed(inputs, targets, partners, lam):
    """Inputs not mixed."""
    return inputs, mix_batch(inputs, targets, partners, lam)[1]


def targets_of_the_partners(inputs, targets, partners, lam):
    """Targets of the partners."""
    return mix_batch(inputs, targets, partners, lam)[0], targets[partners]


def partners_ignored(inputs, targets, partners, lam):
    """Partners ignored."""
    return mix_batch(inputs, targets, torch.arange(len(partners)).roll(1), lam)


def larger_share_takes_the_target(inputs, targets, partners, lam):
    """Larger share takes the target."""
    kept = (lam >= 0.5).view(-1, 1)
    return mix_batch(inputs, targets, partners, lam)[0], torch.where(kept, targets, targets[partners])


def shares_for_columns(inputs, targets, partners, lam):
    """Shares for columns."""
    mixed = lam * inputs + (1 - lam) * inputs[partners]
    return mixed, lam * targets + (1 - lam) * targets[partners]


def partners_the_other_way_round(inputs, targets, partners, lam):
    """Partners the other way round."""
    return mix_batch(inputs, targets, partners.argsort(), lam)


_eye = torch.eye(3)
MIX_BATCH = Exercise(
    name="augmentation.mix_batch",
    difficulty=2,
    answer=mix_batch,
    right_answers=[mix_with_lerp, mix_one_by_one],
    cases=[
        (torch.tensor([[0.0], [1.0]]), torch.eye(2), torch.tensor([1, 0]), torch.tensor([0.9, 0.7])),
        (_images(4, 2).flatten(1), _eye[[0, 2, 1, 2]], torch.tensor([2, 3, 1, 0]), torch.tensor([0.3, 0.8, 1.0, 0.45])),
        (_images(3, 2, 1).flatten(1), _eye[[1, 1, 0]], torch.tensor([0, 2, 1]), torch.tensor([0.2, 0.4, 0.6])),
    ],
    wrong_answers=[
        WrongAnswer(targets_not_mixed, "The targets are mixed as well, in the same shares as the inputs."),
        WrongAnswer(shares_swapped, "lam is the share of the example itself, and 1 - lam that of its partner."),
        WrongAnswer(
            shares_swapped_in_the_targets, "Inputs and targets need the same shares: yours are swapped in one."
        ),
        WrongAnswer(one_share_for_the_batch, "Each example has its own share: give lam the shape (N, 1)."),
        WrongAnswer(inputs_not_mixed, "The inputs are mixed as well, in the same shares as the targets."),
        WrongAnswer(targets_of_the_partners, "The targets are a mixture too, not those of the partners."),
        WrongAnswer(partners_ignored, "The partner of example i is example partners[i], not its neighbour."),
        WrongAnswer(
            shares_for_columns, "Your shares belong to columns, not to examples. Give lam the shape (N, 1) with `view`."
        ),
        WrongAnswer(
            partners_the_other_way_round,
            "Read the partners with `inputs[partners]`. Writing to these places turns the partners round.",
        ),
        WrongAnswer(
            larger_share_takes_the_target, "No side wins: the target is a mixture in the shares lam and 1 - lam."
        ),
    ],
    hints=[
        "`inputs[partners]` are the partners' images, in the order of the batch.",
        "lam has the shape (N,). To multiply rows by it, give it the shape (N, 1) with `view`.",
    ],
    praise="Two lines, and the targets say what is in the image.",
)

# ------------------------------------------------------------------------------------------- augmentation.smooth


def smooth(targets: torch.Tensor, n_classes: int, smoothing: float) -> torch.Tensor:
    """Return smoothed targets of shape (N, n_classes), as torch's label_smoothing.

    targets: class numbers, shape (N,). The share smoothing of each target's
    probability is spread over all n_classes classes, the true one included.
    """
    one_hot = torch.nn.functional.one_hot(targets, n_classes).float()
    return (1 - smoothing) * one_hot + smoothing / n_classes


def smooth_by_filling(targets, n_classes, smoothing):
    """Smooth by filling."""
    result = torch.full((len(targets), n_classes), smoothing / n_classes)
    result[torch.arange(len(targets)), targets] += 1 - smoothing
    return result


def smooth_with_eye(targets, n_classes, smoothing):
    """Smooth with eye."""
    return torch.lerp(torch.eye(n_classes)[targets], torch.tensor(1 / n_classes), smoothing)


def spread_over_the_others_only(targets, n_classes, smoothing):
    """Spread over the others only."""
    return smooth(targets, n_classes, smoothing * n_classes / (n_classes - 1))


def not_divided_by_the_classes(targets, n_classes, smoothing):
    """Not divided by the classes."""
    return (1 - smoothing) * torch.eye(n_classes)[targets] + smoothing


def true_class_keeps_its_one(targets, n_classes, smoothing):
    """True class keeps its one."""
    return torch.eye(n_classes)[targets] + smoothing / n_classes


def others_get_the_whole_share(targets, n_classes, smoothing):
    """Others get the whole share."""
    one_hot = torch.eye(n_classes)[targets]
    return torch.where(one_hot == 1, 1 - smoothing, smoothing)


def divided_by_the_other_classes(targets, n_classes, smoothing):
    """Divided by the other classes."""
    return (1 - smoothing) * torch.eye(n_classes)[targets] + smoothing / (n_classes - 1)


def smoothing_is_what_stays(targets, n_classes, smoothing):
    """Smoothing is what stays."""
    return smooth(targets, n_classes, 1 - smoothing)


def hard_targets(targets, n_classes, smoothing):  # noqa: ARG001 - that is the mistake
    """Hard targets."""
    return torch.eye(n_classes)[targets]


def true_class_gets_no_part(targets, n_classes, smoothing):
    """True class gets no part."""
    return torch.where(torch.eye(n_classes)[targets] == 1, 1 - smoothing, smoothing / n_classes)


SMOOTH = Exercise(
    name="augmentation.smooth",
    difficulty=1,
    answer=smooth,
    right_answers=[smooth_by_filling, smooth_with_eye],
    cases=[
        (torch.tensor([0]), 3, 0.1),
        (torch.tensor([2, 0, 1, 1]), 3, 0.3),
        (torch.tensor([1, 0]), 2, 0.0),
        (torch.tensor([4, 0, 2]), 5, 0.9),
    ],
    wrong_answers=[
        WrongAnswer(
            spread_over_the_others_only,
            "You spread the share over the other classes. torch spreads it over all, the true one included.",
        ),
        WrongAnswer(
            true_class_gets_no_part,
            "Your rows do not sum to 1: the true class also gets its part, smoothing / n_classes.",
        ),
        WrongAnswer(not_divided_by_the_classes, "Each class gets its part of the share: smoothing / n_classes."),
        WrongAnswer(true_class_keeps_its_one, "The share is taken from the true class: multiply by 1 - smoothing."),
        WrongAnswer(others_get_the_whole_share, "A row must sum to 1. Each class gets smoothing / n_classes."),
        WrongAnswer(divided_by_the_other_classes, "All n_classes classes get a part, so divide by n_classes."),
        WrongAnswer(smoothing_is_what_stays, "smoothing is the share that is spread, not the share that stays."),
        WrongAnswer(hard_targets, "These are the targets without smoothing."),
    ],
    hints=[
        "Begin with `torch.nn.functional.one_hot(targets, n_classes).float()`.",
        "Multiply it by 1 - smoothing, and add smoothing / n_classes to every class.",
    ],
    praise="It is what `cross_entropy(..., label_smoothing=...)` does inside.",
)

# ------------------------------------------------------------------------------------- augmentation.same_smoothing


def same_smoothing(rest: float, n_classes: int) -> float:
    """Return the label_smoothing of torch that gives the targets of another convention.

    There the true class gets 1 - rest, and the n_classes - 1 others share the rest
    equally. In torch, smoothing / n_classes goes to every class, the true one included.
    """
    return rest * n_classes / (n_classes - 1)


def from_one_other_class(rest, n_classes):
    """From one other class."""
    of_one_class = rest / (n_classes - 1)
    return n_classes * of_one_class


def from_the_true_class(rest, n_classes):
    """From the true class."""
    return rest / (1 - 1 / n_classes)


def the_same_number(rest, n_classes):  # noqa: ARG001 - that is the mistake
    """The same number."""
    return rest


def factor_upside_down(rest, n_classes):
    """Factor upside down."""
    return rest * (n_classes - 1) / n_classes


def what_one_class_gets(rest, n_classes):
    """What one class gets."""
    return rest / (n_classes - 1)


def divided_by_all_classes(rest, n_classes):
    """Divided by all classes."""
    return rest / n_classes


def one_class_too_many(rest, n_classes):
    """One class too many."""
    return rest * (n_classes + 1) / n_classes


def what_the_true_class_keeps(rest, n_classes):
    """What the true class keeps."""
    return 1 - rest * n_classes / (n_classes - 1)


SAME_SMOOTHING = Exercise(
    name="augmentation.same_smoothing",
    difficulty=1,
    answer=same_smoothing,
    right_answers=[from_one_other_class, from_the_true_class],
    cases=[(0.1, 3), (0.1, 10), (0.3, 2), (0.0, 5)],
    wrong_answers=[
        WrongAnswer(the_same_number, "With the same number torch gives the true class more than 1 - rest."),
        WrongAnswer(factor_upside_down, "torch gives part of its smoothing back to the true class, so it needs more."),
        WrongAnswer(what_one_class_gets, "That is what one other class gets. In torch it gets smoothing / n_classes."),
        WrongAnswer(divided_by_all_classes, "The others share the rest: each of them gets rest / (n_classes - 1)."),
        WrongAnswer(one_class_too_many, "There are n_classes - 1 other classes. Count again."),
        WrongAnswer(what_the_true_class_keeps, "Return the share that is spread, not 1 minus it."),
    ],
    hints=[
        "One other class gets rest / (n_classes - 1) there, and smoothing / n_classes in torch.",
        "Set the two equal, and solve for the smoothing.",
    ],
    praise="With 1,000 classes the two conventions are almost the same; with 3 they are not.",
)

# ------------------------------------------------------------------------------------------ augmentation.best_gap


def best_gap(n_classes: int, smoothing: float) -> float:
    """Return the gap of the logits at which the loss on smoothed targets is lowest.

    The gap: the logit of the true class minus that of another one; all others are
    equal. smoothing is torch's, above 0 and at most 1. The loss is lowest where the
    softmax of the logits equals the smoothed target.
    """
    other = smoothing / n_classes
    return math.log((1 - smoothing + other) / other)


def gap_in_one_formula(n_classes, smoothing):
    """Gap in one formula."""
    return math.log(n_classes * (1 - smoothing) / smoothing + 1)


def gap_as_a_difference_of_logarithms(n_classes, smoothing):
    """Gap as a difference of logarithms."""
    target = torch.full((n_classes,), smoothing / n_classes, dtype=torch.float64)
    target[0] += 1 - smoothing
    return (target[0].log() - target[1].log()).item()


def ratio_without_logarithm(n_classes, smoothing):
    """Ratio without logarithm."""
    return (1 - smoothing) * n_classes / smoothing + 1


def difference_of_probabilities(n_classes, smoothing):  # noqa: ARG001
    """Difference of probabilities."""
    return 1 - smoothing


def gap_of_the_other_convention(n_classes, smoothing):
    """Gap of the other convention."""
    return math.log((1 - smoothing) * (n_classes - 1) / smoothing) if smoothing < 1 else -math.inf


def true_class_gets_nothing_back(n_classes, smoothing):
    """True class gets nothing back."""
    return math.log((1 - smoothing) * n_classes / smoothing) if smoothing < 1 else -math.inf


def sign_swapped(n_classes, smoothing):
    """Sign swapped."""
    return -best_gap(n_classes, smoothing)


def log_of_the_true_class(n_classes, smoothing):
    """Log of the true class."""
    return math.log(1 - smoothing + smoothing / n_classes)


def share_not_divided(n_classes, smoothing):  # noqa: ARG001
    """Share not divided."""
    return math.log(1 / smoothing)


def against_all_others_together(n_classes, smoothing):
    """Against all others together."""
    own = 1 - smoothing + smoothing / n_classes
    return math.log(own / (1 - own))


BEST_GAP = Exercise(
    name="augmentation.best_gap",
    difficulty=2,
    answer=best_gap,
    right_answers=[gap_in_one_formula, gap_as_a_difference_of_logarithms],
    cases=[(3, 0.1), (10, 0.1), (2, 0.5), (10, 0.01), (4, 1.0)],
    wrong_answers=[
        WrongAnswer(ratio_without_logarithm, "That is the ratio of the probabilities. The gap is its logarithm."),
        WrongAnswer(difference_of_probabilities, "The gap is between logits: take logarithms of the probabilities."),
        WrongAnswer(
            gap_of_the_other_convention,
            "torch gives smoothing / n_classes to every class, so the others do not share all of it.",
        ),
        WrongAnswer(
            true_class_gets_nothing_back, "The true class gets 1 - smoothing, and smoothing / n_classes on top."
        ),
        WrongAnswer(
            against_all_others_together,
            "Compare with one other class, not with all others together.",
        ),
        WrongAnswer(sign_swapped, "The true class's logit is the larger one, so the gap is not negative."),
        WrongAnswer(log_of_the_true_class, "Subtract the logarithm of another class's probability."),
        WrongAnswer(
            share_not_divided, "Another class gets smoothing / n_classes, and the true one 1 - smoothing more."
        ),
    ],
    hints=[
        "In a softmax the ratio of two probabilities is exp(gap). So the gap is the logarithm of the ratio.",
        "The true class's target is 1 - smoothing + smoothing / n_classes, another one's smoothing / n_classes.",
    ],
    praise="Hard targets have no such gap: the loss falls as long as the gap grows.",
)

# ------------------------------------------------------------------------------------------- augmentation.kept_area


def kept_area(
    height: int,
    width: int,
    box: tuple[int, int, int, int],
) -> float:
    """Return the share of an image's pixels that stay after a box is pasted into it.

    box: top, left, bottom, right in pixels; the last two are excluded. It may reach
    beyond the image of height by width pixels: only the part inside is pasted.
    """
    top, left, bottom, right = box
    tall = max(min(bottom, height) - max(top, 0), 0)
    wide = max(min(right, width) - max(left, 0), 0)
    return 1 - tall * wide / (height * width)


def count_the_pixels(height, width, box):
    """Count the pixels."""
    top, left, bottom, right = box
    kept = [not (top <= row < bottom and left <= column < right) for row in range(height) for column in range(width)]
    return sum(kept) / len(kept)


def mark_the_pixels(height, width, box):
    """Mark the pixels."""
    top, left, bottom, right = (max(edge, 0) for edge in box)
    image = torch.ones(height, width)
    image[top:bottom, left:right] = 0
    return image.mean().item()


def box_not_cut(height, width, box):
    """Box not cut."""
    top, left, bottom, right = box
    return 1 - (bottom - top) * (right - left) / (height * width)


def pasted_share(height, width, box):
    """Pasted share."""
    return 1 - kept_area(height, width, box)


def cut_only_below_and_right(height, width, box):
    """Cut only below and right."""
    top, left, bottom, right = box
    return 1 - max(min(bottom, height) - top, 0) * max(min(right, width) - left, 0) / (height * width)


def cut_only_above_and_left(height, width, box):
    """Cut only above and left."""
    top, left, bottom, right = box
    return 1 - max(bottom - max(top, 0), 0) * max(right - max(left, 0), 0) / (height * width)


def last_row_included(height, width, box):
    """Last row included."""
    top, left, bottom, right = box
    return kept_area(height, width, (top, left, bottom + 1, right + 1))


def height_and_width_swapped(height, width, box):
    """Height and width swapped."""
    return kept_area(width, height, box)


def pixels_that_stay(height, width, box):
    """Pixels that stay."""
    return kept_area(height, width, box) * height * width


def negative_sides(height, width, box):
    """Negative sides."""
    top, left, bottom, right = box
    tall, wide = min(bottom, height) - max(top, 0), min(right, width) - max(left, 0)
    return 1 - tall * wide / (height * width)


def slice_from_a_negative_start(height, width, box):
    """Slice from a negative start."""
    top, left, bottom, right = box
    image = torch.ones(height, width)
    image[top:bottom, left:right] = 0
    return image.mean().item()


KEPT_AREA = Exercise(
    name="augmentation.kept_area",
    difficulty=2,
    answer=kept_area,
    right_answers=[count_the_pixels, mark_the_pixels],
    cases=[
        (8, 8, (2, 2, 6, 6)),
        (8, 8, (-2, 5, 4, 11)),
        (6, 10, (1, -3, 9, 8)),
        (8, 8, (3, 3, 3, 3)),
        (8, 8, (9, 2, 12, 6)),
        (4, 12, (0, 0, 4, 6)),
    ],
    wrong_answers=[
        WrongAnswer(box_not_cut, "Part of the box may lie outside the image. Cut it at the border first."),
        WrongAnswer(pasted_share, "That is the share that is pasted. Return the share that stays."),
        WrongAnswer(
            slice_from_a_negative_start, "A slice that starts below 0 counts from the end. Cut the box at 0 first."
        ),
        WrongAnswer(cut_only_below_and_right, "The box can also begin above or left of the image, below 0."),
        WrongAnswer(cut_only_above_and_left, "The box can also end below or right of the image."),
        WrongAnswer(last_row_included, "bottom and right are excluded: the box has bottom - top rows."),
        WrongAnswer(height_and_width_swapped, "top and bottom count rows, up to the height; left and right columns."),
        WrongAnswer(pixels_that_stay, "Return a share: divide by the number of pixels."),
        WrongAnswer(negative_sides, "A box that lies outside has no pixels in the image. Let no side be below 0."),
    ],
    hints=[
        "First cut the box: top at least 0, bottom at most the height, and so on.",
        "The pasted share is rows times columns of the cut box, divided by height times width.",
    ],
    praise="With it the targets say what is really in the image.",
)

# ------------------------------------------------------------------------------------------- augmentation.mixed_loss


def mixed_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    partner_targets: torch.Tensor,
    lam: torch.Tensor,
) -> torch.Tensor:
    """Return the mean loss of mixed examples, without making soft targets.

    logits: (N, K), of mixed inputs. targets, partner_targets: class numbers, (N,).
    lam: the share of the first class in each example, (N,). The loss of an example is
    lam times its cross-entropy with targets plus the rest times the other one.
    """
    own = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    other = torch.nn.functional.cross_entropy(logits, partner_targets, reduction="none")
    return (lam * own + (1 - lam) * other).mean()


def loss_from_log_probabilities(logits, targets, partner_targets, lam):
    """Loss from log probabilities."""
    log_p = logits.log_softmax(dim=1)
    rows = torch.arange(len(lam))
    return -(lam * log_p[rows, targets] + (1 - lam) * log_p[rows, partner_targets]).mean()


def loss_with_soft_targets(logits, targets, partner_targets, lam):
    """Loss with soft targets."""
    eye = torch.eye(logits.shape[1])
    soft = lam[:, None] * eye[targets] + (1 - lam[:, None]) * eye[partner_targets]
    return torch.nn.functional.cross_entropy(logits, soft)


def shares_of_the_losses_swapped(logits, targets, partner_targets, lam):
    """Shares of the losses swapped."""
    return mixed_loss(logits, partner_targets, targets, lam)


def means_before_mixing(logits, targets, partner_targets, lam):
    """Means before mixing."""
    own = torch.nn.functional.cross_entropy(logits, targets)
    other = torch.nn.functional.cross_entropy(logits, partner_targets)
    return (lam * own + (1 - lam) * other).mean()


def first_class_only(logits, targets, partner_targets, lam):  # noqa: ARG001
    """First class only."""
    return torch.nn.functional.cross_entropy(logits, targets)


def summed_over_the_batch(logits, targets, partner_targets, lam):
    """Summed over the batch."""
    return mixed_loss(logits, targets, partner_targets, lam) * len(lam)


def equal_shares(logits, targets, partner_targets, lam):
    """Equal shares."""
    return mixed_loss(logits, targets, partner_targets, torch.full_like(lam, 0.5))


def one_loss_an_example(logits, targets, partner_targets, lam):
    """One loss an example."""
    own = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    other = torch.nn.functional.cross_entropy(logits, partner_targets, reduction="none")
    return lam * own + (1 - lam) * other


def logarithm_of_the_mixed_probability(logits, targets, partner_targets, lam):
    """Logarithm of the mixed probability."""
    p, rows = logits.softmax(dim=1), torch.arange(len(lam))
    return -(lam * p[rows, targets] + (1 - lam) * p[rows, partner_targets]).log().mean()


_logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
MIXED_LOSS = Exercise(
    name="augmentation.mixed_loss",
    difficulty=2,
    answer=mixed_loss,
    right_answers=[loss_from_log_probabilities, loss_with_soft_targets],
    cases=[
        (torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([0.9, 0.3])),
        (
            _logits,
            torch.tensor([0, 3, 2, 1, 1]),
            torch.tensor([2, 3, 0, 0, 3]),
            torch.tensor([0.2, 0.9, 1.0, 0.0, 0.6]),
        ),
    ],
    wrong_answers=[
        WrongAnswer(shares_of_the_losses_swapped, "lam belongs to `targets`, and 1 - lam to `partner_targets`."),
        WrongAnswer(
            means_before_mixing,
            'Each example has its own share. Take the loss of each with `reduction="none"`, and the mean at the end.',
        ),
        WrongAnswer(first_class_only, "The second class is in the image as well: add (1 - lam) times its loss."),
        WrongAnswer(summed_over_the_batch, "Return the mean over the examples, not their sum."),
        WrongAnswer(equal_shares, "The shares are lam and 1 - lam, not one half each."),
        WrongAnswer(one_loss_an_example, "Return one number: the mean over the examples."),
        WrongAnswer(logarithm_of_the_mixed_probability, "Mix the two losses, not the two probabilities."),
    ],
    hints=[
        '`cross_entropy(logits, targets, reduction="none")` gives one loss for each example.',
        "Multiply the two by lam and 1 - lam, add them, and take the mean.",
    ],
    praise="This form needs no soft targets, so it is the one in most listings.",
)

EXERCISES = [
    FLIP_SOME,
    CHOOSE_AUGMENTATIONS,
    DATA_WORTH,
    MIX_BATCH,
    MIXED_LOSS,
    SMOOTH,
    SAME_SMOOTHING,
    BEST_GAP,
    KEPT_AREA,
]
