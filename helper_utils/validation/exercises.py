"""Exercises of the lesson 02_validation."""

import math

import numpy as np
import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ---------------------------------------------------------------------------------------------- validation.three_sets


def three_sets(
    order: np.ndarray,
    val: float,
    test: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut examples in random order into a training, a validation and a test set.

    order: the numbers of all N examples in random order. Its first round(val * N)
    entries are the validation set, the next round(test * N) the test set, the rest the
    training set. Returns (train, val, test), each in the order given.
    """
    n_val, n_test = round(val * len(order)), round(test * len(order))
    return order[n_val + n_test :], order[:n_val], order[n_val : n_val + n_test]


def sets_by_split(order, val, test):
    """Numpy's split."""
    n_val = round(val * len(order))
    val_set, test_set, train_set = np.split(order, [n_val, n_val + round(test * len(order))])
    return train_set, val_set, test_set


def sets_one_by_one(order, val, test):
    """A loop."""
    train_set, val_set, test_set = [], [], []
    for place, example in enumerate(order):
        if place < round(val * len(order)):
            val_set.append(example)
        elif place < round(val * len(order)) + round(test * len(order)):
            test_set.append(example)
        else:
            train_set.append(example)
    return np.array(train_set), np.array(val_set), np.array(test_set)


def training_set_last(order, val, test):
    """The order of the three."""
    train_set, val_set, test_set = three_sets(order, val, test)
    return val_set, test_set, train_set


def test_before_validation(order, val, test):
    """Validation and test exchanged in the result."""
    train_set, val_set, test_set = three_sets(order, val, test)
    return train_set, test_set, val_set


def places_in_place_of_examples(order, val, test):
    """The order is not used: neighbours stay together."""
    return three_sets(np.arange(len(order)), val, test)


def test_set_inside_validation_set(order, val, test):
    """Both are cut off at the front."""
    n_val, n_test = round(val * len(order)), round(test * len(order))
    return order[n_val + n_test :], order[:n_val], order[:n_test]


def trained_on_validation_examples(order, val, test):
    """The training set is everything but the test set."""
    n_val, n_test = round(val * len(order)), round(test * len(order))
    return np.concatenate([order[:n_val], order[n_val + n_test :]]), order[:n_val], order[n_val : n_val + n_test]


def sizes_rounded_down(order, val, test):
    """int() cuts off."""
    n_val, n_test = int(val * len(order)), int(test * len(order))
    return order[n_val + n_test :], order[:n_val], order[n_val : n_val + n_test]


def test_share_of_the_rest(order, val, test):
    """The second share is taken of what the first has left."""
    n_val = round(val * len(order))
    n_test = round(test * (len(order) - n_val))
    return order[n_val + n_test :], order[:n_val], order[n_val : n_val + n_test]


def training_set_cut_off_first(order, val, test):
    """The front of the order is the training set."""
    n_val, n_test = round(val * len(order)), round(test * len(order))
    n_train = len(order) - n_val - n_test
    return order[:n_train], order[n_train : n_train + n_val], order[n_train + n_val :]


THREE_SETS = Exercise(
    name="validation.three_sets",
    answer=three_sets,
    cases=[
        (np.array([3, 0, 4, 1, 2]), 0.2, 0.4),
        (np.array([6, 2, 0, 5, 7, 1, 4, 3]), 0.25, 0.25),
        (np.array([1, 6, 2, 0, 5, 4, 3]), 0.25, 0.4),
        (np.array([2, 1, 0, 3]), 0.5, 0.25),
    ],
    wrong_answers=[
        WrongAnswer(
            training_set_cut_off_first,
            "You cut the training set off first. The front of `order` is the validation set, then comes the test set.",
        ),
        WrongAnswer(training_set_last, "The three come back in another order: training, validation, test."),
        WrongAnswer(
            test_before_validation,
            "Validation and test set have changed places: the front of `order` is the validation set.",
        ),
        WrongAnswer(
            places_in_place_of_examples,
            "You returned places, not examples: the sets are cut from `order` itself, or nothing is random about them.",
        ),
        WrongAnswer(
            test_set_inside_validation_set,
            "Validation and test set share examples. The test set begins where the validation set ends.",
        ),
        WrongAnswer(
            trained_on_validation_examples,
            "The training set holds the validation examples, so a model could learn them by heart.",
        ),
        WrongAnswer(sizes_rounded_down, "`int` cuts off the fraction. The sizes are rounded: `round(val * N)`."),
        WrongAnswer(
            test_share_of_the_rest,
            "Your test set is a share of what the validation set left over. Both shares are of all N examples.",
        ),
    ],
    hints=[
        "First compute the two sizes, `n_val` and `n_test`, from `len(order)`.",
        "The sets are slices: `order[:n_val]`, then from `n_val` to `n_val + n_test`, then the rest.",
    ],
    praise="No example is in two sets, which is the first condition for an honest score.",
    difficulty=1,
    right_answers=[sets_by_split, sets_one_by_one],
)

# ------------------------------------------------------------------------------------------ validation.examples_needed


def examples_needed(accuracy: float, half_width: float) -> int:
    """Return the smallest number of validation examples that is enough.

    Enough means that 1.96 standard errors of the accuracy are at most half_width. The
    standard error is the root of accuracy * (1 - accuracy) / n.
    """
    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / half_width**2)


def needed_by_trying(accuracy, half_width):
    """A loop over n."""
    n = 1
    while 1.96 * (accuracy * (1 - accuracy) / n) ** 0.5 > half_width:
        n += 1
    return n


def needed_by_the_ratio_of_errors(accuracy, half_width):
    """The standard error of one example over the wanted one, squared."""
    ratio = math.sqrt(accuracy - accuracy**2) / (half_width / 1.96)
    return int(-(-(ratio**2) // 1))


def needed_without_1_96(accuracy, half_width):
    """One standard error only."""
    return math.ceil(accuracy * (1 - accuracy) / half_width**2)


def needed_rounded_down(accuracy, half_width):
    """int() in place of ceil."""
    return int(1.96**2 * accuracy * (1 - accuracy) / half_width**2)


def needed_without_the_square(accuracy, half_width):
    """The root is forgotten."""
    return math.ceil(1.96 * accuracy * (1 - accuracy) / half_width)


def needed_for_the_whole_width(accuracy, half_width):
    """half_width taken for the distance of both ends."""
    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / (half_width / 2) ** 2)


def needed_from_the_accuracy_alone(accuracy, half_width):
    """Without 1 - accuracy."""
    return math.ceil(1.96**2 * accuracy / half_width**2)


def needed_as_if_it_were_half(accuracy, half_width):  # noqa: ARG001 - that is the mistake
    """The cautious formula for an unknown accuracy."""
    return math.ceil(1.96**2 / 4 / half_width**2)


EXAMPLES_NEEDED = Exercise(
    name="validation.examples_needed",
    answer=examples_needed,
    cases=[(0.8, 0.1), (0.9, 0.02), (0.5, 0.05), (0.85, 0.05), (0.99, 0.01)],
    wrong_answers=[
        WrongAnswer(needed_without_1_96, "That is enough for one standard error. 95 % needs 1.96 of them."),
        WrongAnswer(
            needed_rounded_down,
            "With your number the interval is still a little too wide: round up, with `math.ceil`.",
        ),
        WrongAnswer(
            needed_without_the_square,
            "The standard error falls with the *root* of n. Square both sides before you solve for n.",
        ),
        WrongAnswer(
            needed_for_the_whole_width,
            "You halved half_width. It is already the distance from the middle to one end.",
        ),
        WrongAnswer(needed_from_the_accuracy_alone, "The variance of one example is accuracy * (1 - accuracy)."),
        WrongAnswer(
            needed_as_if_it_were_half,
            "That is the number for an accuracy of one half, where most are needed. Use the accuracy that is given.",
        ),
    ],
    hints=[
        "Write the condition down: 1.96 * root of (accuracy * (1 - accuracy) / n) ≤ half_width.",
        "Square it and solve for n: n ≥ 1.96² * accuracy * (1 - accuracy) / half_width².",
        "`math.ceil` rounds up.",
    ],
    praise="The number of examples counts, not their share of the data.",
    difficulty=1,
    right_answers=[needed_by_trying, needed_by_the_ratio_of_errors],
)

# -------------------------------------------------------------------------------------------------- validation.k_fold


def k_fold(n_examples: int, n_splits: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a list of n_splits pairs (train, val) of arrays of example numbers.

    The examples 0, 1, 2, ... are cut into n_splits blocks of neighbours. Each block is
    val once; train is all others, in ascending order. Where the examples cannot be
    shared out evenly, the first blocks have one more than the last ones.
    """
    examples = np.arange(n_examples)
    folds = []
    for val in np.array_split(examples, n_splits):
        folds.append((np.setdiff1d(examples, val), val))
    return folds


def folds_by_counting(n_examples, n_splits):
    """Start and end of each block by hand."""
    folds, start = [], 0
    for fold in range(n_splits):
        end = start + n_examples // n_splits + (fold < n_examples % n_splits)
        train = [i for i in range(n_examples) if not start <= i < end]
        folds.append((np.array(train), np.arange(start, end)))
        start = end
    return folds


def folds_by_masks(n_examples, n_splits):
    """A fold number for each example, and comparisons."""
    sizes = [n_examples // n_splits + (fold < n_examples % n_splits) for fold in range(n_splits)]
    numbers = np.repeat(np.arange(n_splits), sizes)
    return [(np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)) for fold in range(n_splits)]


def val_before_train(n_examples, n_splits):
    """The pairs the other way round."""
    return [(val, train) for train, val in k_fold(n_examples, n_splits)]


def the_rest_is_never_validated(n_examples, n_splits):
    """Blocks of n // k; the remainder is trained on only."""
    size = n_examples // n_splits
    everything = np.arange(n_examples)
    blocks = [np.arange(fold * size, (fold + 1) * size) for fold in range(n_splits)]
    return [(np.setdiff1d(everything, val), val) for val in blocks]


def last_block_takes_the_rest(n_examples, n_splits):
    """All of the remainder in one block."""
    size, everything = n_examples // n_splits, np.arange(n_examples)
    ends = [size * (fold + 1) for fold in range(n_splits - 1)] + [n_examples]
    blocks = [np.arange(fold * size, end) for fold, end in enumerate(ends)]
    return [(np.setdiff1d(everything, val), val) for val in blocks]


def trained_on_everything(n_examples, n_splits):
    """The validation block is not taken out."""
    return [(np.arange(n_examples), val) for _, val in k_fold(n_examples, n_splits)]


def dealt_like_cards(n_examples, n_splits):
    """Every k-th example."""
    everything = np.arange(n_examples)
    return [
        (np.setdiff1d(everything, everything[fold::n_splits]), everything[fold::n_splits]) for fold in range(n_splits)
    ]


def trained_on_the_past_only(n_examples, n_splits):
    """What comes after the block is left out."""
    return [(train[train < val[0]], val) for train, val in k_fold(n_examples, n_splits)]


def one_fold_too_few(n_examples, n_splits):
    """range(n_splits - 1)."""
    return k_fold(n_examples, n_splits)[:-1]


def blocks_overlap_by_one(n_examples, n_splits):
    """The end of a block is counted in."""
    everything = np.arange(n_examples)
    blocks = [everything[val[0] : val[-1] + 2] for _, val in k_fold(n_examples, n_splits)]
    return [(np.setdiff1d(everything, val), val) for val in blocks]


K_FOLD = Exercise(
    name="validation.k_fold",
    answer=k_fold,
    cases=[(6, 3), (7, 3), (4, 4), (11, 4)],
    wrong_answers=[
        WrongAnswer(val_before_train, "The pairs are the wrong way round: train comes first, val second."),
        WrongAnswer(
            the_rest_is_never_validated,
            "The examples at the end are never validated. Give one more to each of the first blocks.",
        ),
        WrongAnswer(
            last_block_takes_the_rest,
            "Your last block takes all that is left over. The sizes of two blocks differ by one at most.",
        ),
        WrongAnswer(
            trained_on_everything,
            "Your models are trained on the examples that score them. Take the block out of train.",
        ),
        WrongAnswer(
            dealt_like_cards,
            "You dealt the examples like cards. The blocks here are neighbours: 0, 1, ... in the first one.",
        ),
        WrongAnswer(
            trained_on_the_past_only,
            "You train only on what comes before the block. That is for data in the order of time; here train is all "
            "other examples.",
        ),
        WrongAnswer(one_fold_too_few, "One fold is missing, so its examples are never validated: check the `range`."),
        WrongAnswer(
            blocks_overlap_by_one,
            "Neighbouring blocks share an example. The end of a slice is the first number that is *not* in it.",
        ),
    ],
    hints=[
        "`np.array_split(np.arange(n_examples), n_splits)` makes the blocks; the first ones get one more.",
        "For each block, train is everything else: `np.setdiff1d(all_examples, block)`.",
    ],
    praise="Each example is validated exactly once, by a model that has not seen it.",
    difficulty=2,
    right_answers=[folds_by_counting, folds_by_masks],
)

# ------------------------------------------------------------------------------------------ validation.cross_validate


def scored_by_sums(train: np.ndarray, val: np.ndarray, seed: int) -> float:
    """Stand in for a training: a number that tells what it was given."""
    return float(np.sum(train)) + 100.0 * float(np.sum(val)) + seed / 1000


def scored_by_sizes(train: np.ndarray, val: np.ndarray, seed: int) -> float:
    """Stand in for another one."""
    return 10.0 * len(train) + float(val[0]) + 0.1 * (seed % 7)


def cross_validate(train_and_score, folds: list, seeds: list) -> list:
    """Return the list of the folds' scores.

    train_and_score(train, val, seed) trains a fresh model on the examples train, and
    returns its score on the examples val. folds: pairs (train, val). seeds: a seed for
    each fold.
    """
    scores = []
    for i, (train, val) in enumerate(folds):
        scores.append(train_and_score(train, val, seeds[i]))
    return scores


def scores_by_numbers(train_and_score, folds, seeds):
    """By the number of the fold."""
    return [train_and_score(folds[i][0], folds[i][1], seeds[i]) for i in range(len(folds))]


def scores_by_map(train_and_score, folds, seeds):
    """Without a loop."""
    return list(map(lambda fold, seed: train_and_score(*fold, seed), folds, seeds))


def trains_on_the_validation_fold(train_and_score, folds, seeds):
    """The pair is exchanged."""
    return [train_and_score(val, train, seed) for (train, val), seed in zip(folds, seeds, strict=True)]


def scores_the_training_examples(train_and_score, folds, seeds):
    """Training examples on both sides."""
    return [train_and_score(train, train, seed) for (train, _), seed in zip(folds, seeds, strict=True)]


def one_seed_for_all_folds(train_and_score, folds, seeds):
    """The first seed."""
    return [train_and_score(train, val, seeds[0]) for train, val in folds]


def number_of_the_fold_as_seed(train_and_score, folds, seeds):  # noqa: ARG001 - that is the mistake
    """The seeds are not used."""
    return [train_and_score(train, val, i) for i, (train, val) in enumerate(folds)]


def mean_of_the_scores(train_and_score, folds, seeds):
    """One number."""
    scores = cross_validate(train_and_score, folds, seeds)
    return sum(scores) / len(scores)


def score_of_the_last_fold(train_and_score, folds, seeds):
    """The variable is overwritten in the loop."""
    return cross_validate(train_and_score, folds, seeds)[-1]


def training_examples_pile_up(train_and_score, folds, seeds):
    """The training sets of the earlier folds stay in."""
    seen, scores = np.array([], dtype=int), []
    for (train, val), seed in zip(folds, seeds, strict=True):
        seen = np.union1d(seen, train)
        scores.append(train_and_score(seen, val, seed))
    return scores


CROSS_VALIDATE = Exercise(
    name="validation.cross_validate",
    answer=cross_validate,
    cases=[
        (scored_by_sums, [(np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))], [11, 12]),
        (
            scored_by_sizes,
            [
                (np.array([2, 3, 4]), np.array([0, 1])),
                (np.array([0, 1, 4]), np.array([2, 3])),
                (np.array([0, 1, 2, 3]), np.array([4])),
            ],
            [5, 9, 2],
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            trains_on_the_validation_fold,
            "You train on val and score on train: the pairs of folds are (train, val).",
        ),
        WrongAnswer(
            scores_the_training_examples,
            "You score the examples that the model was trained on. Hand over `val` as the second argument.",
        ),
        WrongAnswer(
            one_seed_for_all_folds,
            "All folds use the first seed, so they share initial weights. Use the seed of each fold.",
        ),
        WrongAnswer(number_of_the_fold_as_seed, "You used the number of the fold as its seed. Use `seeds`."),
        WrongAnswer(mean_of_the_scores, "That is the mean. Return all scores: their spread is needed, too."),
        WrongAnswer(score_of_the_last_fold, "Only the last score is returned. Collect all of them in a list."),
        WrongAnswer(
            training_examples_pile_up,
            "The training set grows from fold to fold, and soon holds the validation examples. Start each fold anew.",
        ),
    ],
    hints=[
        "Start with `scores = []`, and loop over the folds: `for i, (train, val) in enumerate(folds)`.",
        "In the loop: `scores.append(train_and_score(train, val, seeds[i]))`.",
    ],
    praise="It cross-validates any training, since it knows nothing of the model.",
    difficulty=2,
    right_answers=[scores_by_numbers, scores_by_map],
)

# --------------------------------------------------------------------------------------------- validation.winners_gap


def winners_gap(
    val_scores: torch.Tensor,
    fresh_scores: torch.Tensor,
    k: int,
) -> float:
    """Return by how much the validation score of the best of k overstates, on average.

    Both tensors hold the score of each candidate, shape (C,). The candidates compete k
    at a time: the first k, the next k, and so on (C is a multiple of k). The winner is
    the one with the highest validation score (the first of equals). Its gap is its
    validation score minus its score on fresh data. Return the mean gap of the winners.
    """
    val_groups, fresh_groups = val_scores.view(-1, k), fresh_scores.view(-1, k)
    winners = val_groups.argmax(dim=1, keepdim=True)
    gaps = val_groups.gather(1, winners) - fresh_groups.gather(1, winners)
    return gaps.mean().item()


def gap_by_a_loop(val_scores, fresh_scores, k):
    """Group by group."""
    gaps = []
    for start in range(0, len(val_scores), k):
        winner = start + int(torch.argmax(val_scores[start : start + k]))
        gaps.append(float(val_scores[winner] - fresh_scores[winner]))
    return sum(gaps) / len(gaps)


def gap_of_two_means(val_scores, fresh_scores, k):
    """Mean of the winners' validation scores minus mean of their fresh scores."""
    winners = [s + int(val_scores[s : s + k].argmax()) for s in range(0, len(val_scores), k)]
    return (val_scores[winners].mean() - fresh_scores[winners].mean()).item()


def gap_of_both_maxima(val_scores, fresh_scores, k):
    """The fresh score is another candidate's."""
    return (val_scores.view(-1, k).amax(dim=1) - fresh_scores.view(-1, k).amax(dim=1)).mean().item()


def gap_to_the_mean_of_the_group(val_scores, fresh_scores, k):
    """The fresh scores of the losers are averaged in."""
    return (val_scores.view(-1, k).amax(dim=1) - fresh_scores.view(-1, k).mean(dim=1)).mean().item()


def gap_of_the_fresh_winner(val_scores, fresh_scores, k):
    """The winner is chosen by the fresh score."""
    return -winners_gap(fresh_scores, val_scores, k)


def gap_with_the_sign_turned(val_scores, fresh_scores, k):
    """Fresh minus validation."""
    return -winners_gap(val_scores, fresh_scores, k)


def gap_of_all_candidates(val_scores, fresh_scores, k):  # noqa: ARG001 - that is the mistake
    """Nobody wins."""
    return (val_scores - fresh_scores).mean().item()


def gap_of_the_first_group(val_scores, fresh_scores, k):
    """The other groups are forgotten."""
    return winners_gap(val_scores[:k], fresh_scores[:k], k)


def gap_of_the_best_of_all(val_scores, fresh_scores, k):  # noqa: ARG001 - that is the mistake
    """K is not used."""
    return winners_gap(val_scores, fresh_scores, len(val_scores))


def gap_of_the_losers(val_scores, fresh_scores, k):
    """Argmin."""
    return -winners_gap(-val_scores, -fresh_scores, k)


def gap_of_every_kth(val_scores, fresh_scores, k):
    """The groups are columns."""
    columns = val_scores.view(k, -1).T.reshape(-1), fresh_scores.view(k, -1).T.reshape(-1)
    return winners_gap(*columns, k)


WINNERS_GAP = Exercise(
    name="validation.winners_gap",
    answer=winners_gap,
    cases=[
        (torch.tensor([0.7, 0.9]), torch.tensor([0.75, 0.7]), 2),
        (torch.tensor([0.7, 0.9, 0.8, 0.6, 0.5, 0.95]), torch.tensor([0.72, 0.8, 0.9, 0.6, 0.7, 0.65]), 3),
        (torch.tensor([0.7, 0.9, 0.8, 0.8, 0.5, 0.3]), torch.tensor([0.75, 0.8, 0.7, 0.6, 0.55, 0.2]), 2),
        (torch.tensor([0.7, 0.9, 0.6]), torch.tensor([0.75, 0.8, 0.4]), 1),
    ],
    wrong_answers=[
        WrongAnswer(
            gap_of_both_maxima,
            "The best fresh score may be another candidate's. Subtract the winner's own fresh score.",
        ),
        WrongAnswer(
            gap_to_the_mean_of_the_group,
            "You subtract the mean fresh score of the group. Subtract the winner's own.",
        ),
        WrongAnswer(
            gap_of_the_fresh_winner,
            "Your winner has the best fresh score. Fresh data are not known yet: choose by the validation score.",
        ),
        WrongAnswer(gap_with_the_sign_turned, "The sign is turned round: validation minus fresh."),
        WrongAnswer(gap_of_all_candidates, "You averaged over all candidates. Only the winners count."),
        WrongAnswer(gap_of_the_first_group, "Only the first k compete. The next k are another competition."),
        WrongAnswer(gap_of_the_best_of_all, "You chose the best of all candidates. Only k compete at a time."),
        WrongAnswer(gap_of_the_losers, "You took the worst of each group: the winner has the highest score."),
        WrongAnswer(
            gap_of_every_kth,
            "Your groups hold candidates that are far apart. The first group is the first k: `view(-1, k)`.",
        ),
    ],
    hints=[
        "`val_scores.view(-1, k)` has a row for each group.",
        "`argmax(dim=1)` gives the place of each row's winner. The same place in `fresh_scores` is its fresh score.",
        "With `keepdim=True` the places fit `gather(1, places)`; a loop over the groups does it, too.",
    ],
    praise="It measures the winner's curse: how much of the best score was luck.",
    difficulty=2,
    right_answers=[gap_by_a_loop, gap_of_two_means],
)

# ------------------------------------------------------------------------------------------ validation.choose_features


def choose_features(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    n_features: int,
) -> torch.Tensor:
    """Return the numbers of the n_features features most correlated with the targets.

    inputs: shape (N, features); no feature is constant. targets: 0 or 1, shape (N,).
    Strong negative correlation counts as much as positive. The strongest comes first.
    """
    centred = inputs - inputs.mean(dim=0)
    centred_targets = targets.float() - targets.float().mean()
    correlations = (centred_targets @ centred) / centred.norm(dim=0)
    return correlations.abs().topk(n_features).indices


def features_by_corrcoef(inputs, targets, n_features):
    """Torch's correlation matrix."""
    table = torch.corrcoef(torch.cat([targets[:, None].float(), inputs], dim=1).T)
    return table[0, 1:].abs().argsort(descending=True)[:n_features]


def features_one_by_one(inputs, targets, n_features):
    """A loop, and Python's sort."""
    strengths = []
    for feature in inputs.T:
        both = torch.stack([feature, targets.to(feature.dtype)])
        strengths.append(abs(torch.corrcoef(both)[0, 1].item()))
    order = sorted(range(len(strengths)), key=lambda i: -strengths[i])
    return torch.tensor(order[:n_features])


def positive_correlation_only(inputs, targets, n_features):
    """Without abs."""
    centred = inputs - inputs.mean(dim=0)
    correlations = (targets.float() @ centred) / centred.norm(dim=0)
    return correlations.topk(n_features).indices


def covariance_for_correlation(inputs, targets, n_features):
    """Not divided by the spread of the feature."""
    centred = inputs - inputs.mean(dim=0)
    return (targets.float() @ centred).abs().topk(n_features).indices


def weakest_features(inputs, targets, n_features):
    """The wrong end."""
    return features_by_corrcoef(inputs, targets, inputs.shape[1]).flip(0)[:n_features]


def means_not_subtracted(inputs, targets, n_features):
    """Cosines."""
    return ((targets.float() @ inputs) / inputs.norm(dim=0)).abs().topk(n_features).indices


def largest_spread(inputs, targets, n_features):  # noqa: ARG001 - that is the mistake
    """The targets are not used."""
    return inputs.std(dim=0).topk(n_features).indices


def correlations_for_their_places(inputs, targets, n_features):
    """Topk's values."""
    centred = inputs - inputs.mean(dim=0)
    centred_targets = targets.float() - targets.float().mean()
    correlations = (centred_targets @ centred) / (centred.norm(dim=0) * centred_targets.norm())
    return correlations.abs().topk(n_features).values


def places_in_ascending_order(inputs, targets, n_features):
    """Sorted by number, not by strength."""
    return choose_features(inputs, targets, n_features).sort().values


CHOOSE_FEATURES = Exercise(
    name="validation.choose_features",
    answer=choose_features,
    cases=[
        (torch.tensor([[1.0, 9.0], [2.0, 0.0], [5.0, 1.0], [6.0, 8.0]]), torch.tensor([0, 0, 1, 1]), 1),
        (
            torch.tensor(
                [
                    [5.0, 0.1, 30.0, 2.0],
                    [6.0, 0.2, 10.0, 1.0],
                    [5.5, 0.1, 50.0, 9.0],
                    [1.0, 0.4, 20.0, 4.0],
                    [2.0, 0.4, 60.0, 3.0],
                    [0.5, 0.3, 40.0, 7.0],
                ]
            ),
            torch.tensor([0, 0, 0, 1, 1, 1]),
            2,
        ),
        (
            torch.tensor([[20.0, 0.0, 3.0], [21.0, 1.0, 0.0], [20.5, 5.0, 1.0], [22.0, 6.0, 0.5], [21.8, 2.0, 2.0]]),
            torch.tensor([0, 0, 0, 1, 1]),
            2,
        ),
        (torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [1.0, 5.0, 0.0]]), torch.tensor([0, 0, 1]), 3),
    ],
    wrong_answers=[
        WrongAnswer(
            positive_correlation_only,
            "A feature that falls where the target rises is as useful as one that rises: take the absolute value.",
        ),
        WrongAnswer(
            covariance_for_correlation,
            "That is the covariance: a feature in larger units wins. Divide by the norm of the centred feature.",
        ),
        WrongAnswer(weakest_features, "Those are the weakest features. Take the strongest."),
        WrongAnswer(
            means_not_subtracted,
            "You did not subtract the means, so a feature that is always large looks correlated.",
        ),
        WrongAnswer(largest_spread, "You chose by the spread of the features. The targets decide."),
        WrongAnswer(correlations_for_their_places, "Those are correlations. Return the features' numbers, `.indices`."),
        WrongAnswer(places_in_ascending_order, "The features are the right ones; the strongest has to come first."),
    ],
    hints=[
        "Subtract the mean of each feature, and that of the targets (as floats).",
        "The correlation is `(centred_targets @ centred) / (norm of the feature * norm of the targets)`; the last norm "
        "is the same for all features.",
        "`.abs().topk(n_features).indices` gives the numbers, the strongest first.",
    ],
    praise="It looks at the targets, so it belongs inside the folds.",
    difficulty=2,
    right_answers=[features_by_corrcoef, features_one_by_one],
)

# --------------------------------------------------------------------------------------------- validation.group_folds


def group_folds(groups: np.ndarray, n_splits: int) -> np.ndarray:
    """Return the number of the fold, from 0 to n_splits - 1, of each example.

    groups: the group of each example, an integer; there are at least n_splits groups.
    All examples of a group get the same fold. Go through the groups from the largest to
    the smallest (of equals, the smaller number first). Put each into the fold that has
    the fewest examples so far (of equals, the first).
    """
    numbers, sizes = np.unique(groups, return_counts=True)
    filled = [0] * n_splits
    folds = np.empty(len(groups), dtype=int)
    for i in np.argsort(-sizes, kind="stable"):
        fold = filled.index(min(filled))
        folds[groups == numbers[i]] = fold
        filled[fold] += int(sizes[i])
    return folds


def folds_by_a_dictionary(groups, n_splits):
    """Plain Python."""
    sizes: dict[int, int] = {}
    for group in groups.tolist():
        sizes[group] = sizes.get(group, 0) + 1
    filled, fold_of = [0] * n_splits, {}
    for group in sorted(sizes, key=lambda g: (-sizes[g], g)):
        fold_of[group] = min(range(n_splits), key=lambda f: filled[f])
        filled[fold_of[group]] += sizes[group]
    return np.array([fold_of[group] for group in groups.tolist()])


def folds_counted_anew(groups, n_splits):
    """The folds are counted before each step."""
    folds = np.full(len(groups), -1)
    names = sorted(set(groups.tolist()), key=lambda g: (-(groups == g).sum(), g))
    for group in names:
        counts = [(folds == fold).sum() for fold in range(n_splits)]
        folds[groups == group] = int(np.argmin(counts))
    return folds


def groups_in_turn(groups, n_splits):
    """Round robin by number."""
    numbers = np.unique(groups, return_inverse=True)[1]
    return numbers % n_splits


def groups_in_turn_by_size(groups, n_splits):
    """Round robin, the largest first."""
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    fold_of_group = np.empty(len(sizes), dtype=int)
    fold_of_group[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % n_splits
    return fold_of_group[inverse]


def smallest_group_first(groups, n_splits):
    """Ascending sizes."""
    numbers, sizes = np.unique(groups, return_counts=True)
    filled, folds = [0] * n_splits, np.empty(len(groups), dtype=int)
    for i in np.argsort(sizes, kind="stable"):
        fold = filled.index(min(filled))
        folds[groups == numbers[i]] = fold
        filled[fold] += int(sizes[i])
    return folds


def groups_by_number(groups, n_splits):
    """Without sorting by size."""
    filled, folds = [0] * n_splits, np.empty(len(groups), dtype=int)
    for number in np.unique(groups):
        fold = filled.index(min(filled))
        folds[groups == number] = fold
        filled[fold] += int((groups == number).sum())
    return folds


def groups_are_split(groups, n_splits):
    """Blocks of examples."""
    return np.arange(len(groups)) * n_splits // len(groups)


def fold_of_each_group(groups, n_splits):
    """One entry for each group."""
    numbers = np.unique(groups)
    folds = group_folds(groups, n_splits)
    return np.array([folds[groups == number][0] for number in numbers])


def all_in_the_first_fold(groups, n_splits):
    """What a fold holds is never counted."""
    return np.zeros(len(groups), dtype=int) + 0 * n_splits


def fullest_fold_first(groups, n_splits):
    """The fold with the most examples."""
    numbers, sizes = np.unique(groups, return_counts=True)
    filled, folds = [0] * n_splits, np.empty(len(groups), dtype=int)
    for turn, i in enumerate(np.argsort(-sizes, kind="stable")):
        fold = turn if turn < n_splits else filled.index(max(filled))
        folds[groups == numbers[i]] = fold
        filled[fold] += int(sizes[i])
    return folds


def larger_number_first_of_equals(groups, n_splits):
    """Ascending order turned round: ties come the wrong way."""
    numbers, sizes = np.unique(groups, return_counts=True)
    filled, folds = [0] * n_splits, np.empty(len(groups), dtype=int)
    for i in np.argsort(sizes, kind="stable")[::-1]:
        fold = filled.index(min(filled))
        folds[groups == numbers[i]] = fold
        filled[fold] += int(sizes[i])
    return folds


def examples_in_turn(groups, n_splits):
    """The groups are not used."""
    return np.arange(len(groups)) % n_splits


GROUP_FOLDS = Exercise(
    name="validation.group_folds",
    answer=group_folds,
    cases=[
        (np.array([0, 1, 1, 2, 2, 2]), 2),
        (np.array([3, 0, 0, 1, 1, 2, 3, 3]), 2),
        (np.array([5, 5, 1, 2, 2, 2, 2, 7]), 3),
        (np.array([0, 0, 0, 0, 1, 1, 2, 3]), 2),
        (np.array([4, 2, 4, 9, 2, 9]), 3),
    ],
    wrong_answers=[
        WrongAnswer(
            groups_in_turn,
            "You dealt the groups in turn, by their number. A large group then makes a large fold: look for the "
            "emptiest fold each time.",
        ),
        WrongAnswer(
            groups_in_turn_by_size,
            "You dealt the groups in turn, the largest first, so fold 0 always gets the larger one. Look for the fold "
            "with the fewest examples each time.",
        ),
        WrongAnswer(smallest_group_first, "You began with the smallest group. The largest comes first."),
        WrongAnswer(groups_by_number, "You went through the groups by number. The largest group comes first."),
        WrongAnswer(
            groups_are_split,
            "A group is on both sides: you cut the examples into blocks. All examples of a group get the same fold.",
        ),
        WrongAnswer(
            examples_in_turn,
            "You dealt the examples in turn, so a group is in several folds. All its examples get the same fold.",
        ),
        WrongAnswer(
            larger_number_first_of_equals,
            "Among groups of equal size you begin with the larger number: `[::-1]` turns ties round, too. "
            "Sort `-sizes` with `kind='stable'`.",
        ),
        WrongAnswer(fold_of_each_group, "You returned one fold for each group. Return one for each *example*."),
        WrongAnswer(
            all_in_the_first_fold,
            "Everything is in fold 0. Add the size of a group to its fold once it is placed.",
        ),
        WrongAnswer(
            fullest_fold_first,
            "You fill the fold that already has the most examples. Take the one with the fewest.",
        ),
    ],
    hints=[
        "`np.unique(groups, return_counts=True)` gives the groups' numbers and their sizes.",
        "`np.argsort(-sizes, kind='stable')` sorts from large to small and keeps the order of equals.",
        "Keep a list `filled` with the number of examples in each fold; `filled.index(min(filled))` is the emptiest.",
        "`folds[groups == number] = fold` sets all examples of a group at once.",
    ],
    praise="No writer, patient or product is on both sides now.",
    difficulty=3,
    right_answers=[folds_by_a_dictionary, folds_counted_anew],
)

# -------------------------------------------------------------------------------------------- validation.deal_classes


def deal_classes(targets: np.ndarray, n_splits: int) -> np.ndarray:
    """Return the number of the fold, from 0 to n_splits - 1, of each example.

    targets: the class of each example, an integer. Lay the examples out class by class,
    class 0 first, and within a class in the order given. Then deal them like cards: the
    first to fold 0, the next to fold 1, and so on, round and round without a restart.
    """
    order = np.argsort(targets, kind="stable")
    folds = np.empty(len(targets), dtype=int)
    folds[order] = np.arange(len(targets)) % n_splits
    return folds


def dealt_by_rank(targets, n_splits):
    """The place of each example in the layout, modulo."""
    return np.argsort(np.argsort(targets, kind="stable"), kind="stable") % n_splits


def dealt_one_by_one(targets, n_splits):
    """Two loops and a counter."""
    folds, card = np.zeros(len(targets), dtype=int), 0
    for label in sorted(set(targets.tolist())):
        for example in range(len(targets)):
            if targets[example] == label:
                folds[example] = card % n_splits
                card += 1
    return folds


def dealt_without_classes(targets, n_splits):
    """In the order given."""
    return np.arange(len(targets)) % n_splits


def dealt_anew_for_each_class(targets, n_splits):
    """Each class starts at fold 0."""
    folds = np.empty(len(targets), dtype=int)
    for label in np.unique(targets):
        members = np.flatnonzero(targets == label)
        folds[members] = np.arange(len(members)) % n_splits
    return folds


def blocks_of_the_layout(targets, n_splits):
    """Cut, not dealt: whole classes fall into one fold."""
    folds = np.empty(len(targets), dtype=int)
    folds[np.argsort(targets, kind="stable")] = np.arange(len(targets)) * n_splits // len(targets)
    return folds


def folds_of_the_layout(targets, n_splits):
    """The examples' order is taken for the layout's: order[i] in place of its inverse."""
    return np.argsort(targets, kind="stable") % n_splits


def a_fold_for_each_class(targets, n_splits):
    """The class decides."""
    return targets % n_splits


def dealt_from_one(targets, n_splits):
    """Folds from 1."""
    return deal_classes(targets, n_splits) + 1


def last_class_first(targets, n_splits):
    """Descending classes."""
    folds = np.empty(len(targets), dtype=int)
    folds[np.argsort(-targets, kind="stable")] = np.arange(len(targets)) % n_splits
    return folds


DEAL_CLASSES = Exercise(
    name="validation.deal_classes",
    answer=deal_classes,
    cases=[
        (np.array([0, 0, 0, 1, 1, 1]), 3),
        (np.array([1, 0, 1, 0, 0, 1, 0]), 2),
        (np.array([2, 0, 1, 1, 0, 2, 2, 0]), 3),
        (np.array([0, 1, 0, 1, 0, 1]), 2),
    ],
    wrong_answers=[
        WrongAnswer(
            dealt_without_classes,
            "You dealt the examples in the order given. Lay them out class by class first, or chance decides again.",
        ),
        WrongAnswer(
            dealt_anew_for_each_class,
            "You start again at fold 0 for each class, so the first folds become larger. Go on where the last class "
            "ended.",
        ),
        WrongAnswer(
            blocks_of_the_layout,
            "You cut the layout into blocks, so that a fold holds one or two classes. Deal it out in turn.",
        ),
        WrongAnswer(
            folds_of_the_layout,
            "`argsort` names the example at each place of the layout, not the place of each example: write "
            "`folds[order] = ...`.",
        ),
        WrongAnswer(a_fold_for_each_class, "All examples of a class are in one fold. Each fold needs some of each."),
        WrongAnswer(dealt_from_one, "Your folds begin with 1. The first is fold 0."),
        WrongAnswer(last_class_first, "You began with the last class. Class 0 is laid out first."),
    ],
    hints=[
        "`order = np.argsort(targets, kind='stable')` lays the examples out class by class.",
        "The example at place i of the layout gets the fold `i % n_splits`.",
        "`folds[order] = np.arange(len(targets)) % n_splits` puts the numbers back at the examples.",
    ],
    praise="Of each class, two folds differ by one example at most.",
    difficulty=2,
    right_answers=[dealt_by_rank, dealt_one_by_one],
)

# ----------------------------------------------------------------------------------------- validation.count_trainings


def count_trainings(n_candidates: int, n_outer: int, n_inner: int) -> int:
    """Return how many trainings nested cross-validation takes.

    In each outer fold, every candidate is scored by cross-validation with n_inner
    folds. Then the best one is trained once more, on the whole outer training set.
    """
    return n_outer * (n_candidates * n_inner + 1)


def trainings_added_up(n_candidates, n_outer, n_inner):
    """Inner and outer ones by themselves."""
    return n_outer * n_candidates * n_inner + n_outer


def trainings_counted(n_candidates, n_outer, n_inner):
    """A loop."""
    count = 0
    for _ in range(n_outer):
        for _ in range(n_candidates):
            count += n_inner
        count += 1
    return count


def no_training_of_the_best(n_candidates, n_outer, n_inner):
    """The last training of a fold is forgotten."""
    return n_outer * n_candidates * n_inner


def best_trained_once_in_all(n_candidates, n_outer, n_inner):
    """One for all outer folds."""
    return n_outer * n_candidates * n_inner + 1


def folds_added(n_candidates, n_outer, n_inner):
    """One after the other in place of one inside the other."""
    return n_candidates * (n_outer + n_inner)


def without_outer_folds(n_candidates, n_outer, n_inner):  # noqa: ARG001 - that is the mistake
    """A plain search with its refit."""
    return n_candidates * n_inner + 1


def all_candidates_trained_again(n_candidates, n_outer, n_inner):
    """Each candidate gets the last training."""
    return n_outer * n_candidates * (n_inner + 1)


def one_candidate_only(n_candidates, n_outer, n_inner):  # noqa: ARG001 - that is the mistake
    """The candidates are forgotten."""
    return n_outer * (n_inner + 1)


COUNT_TRAININGS = Exercise(
    name="validation.count_trainings",
    answer=count_trainings,
    cases=[(3, 2, 4), (20, 5, 5), (1, 5, 3), (10, 3, 1)],
    wrong_answers=[
        WrongAnswer(
            no_training_of_the_best,
            "The best candidate of each outer fold is trained once more, on the whole outer training set.",
        ),
        WrongAnswer(
            best_trained_once_in_all,
            "Each *outer fold* has its own best candidate, and trains it once more: that is n_outer trainings.",
        ),
        WrongAnswer(
            folds_added,
            "The inner folds are inside each outer fold: their numbers are multiplied, not added.",
        ),
        WrongAnswer(without_outer_folds, "That is one search. It takes place in each of the n_outer outer folds."),
        WrongAnswer(all_candidates_trained_again, "Only the best candidate is trained once more, not all of them."),
        WrongAnswer(one_candidate_only, "The inner folds are trained for each of the n_candidates candidates."),
    ],
    hints=[
        "Count one outer fold first: candidates times inner folds, and one more training.",
        "There are `n_outer` such folds.",
    ],
    praise="Count the trainings before you start a search.",
    difficulty=1,
    right_answers=[trainings_added_up, trainings_counted],
)

# ----------------------------------------------------------------------------------------- validation.corrected_error


def corrected_error(scores: torch.Tensor, n_train: int, n_val: int) -> float:
    """Return the corrected standard error of the mean of k cross-validated scores.

    It is s times the root of (1/k + n_val/n_train), where s is the standard deviation
    of the scores (dividing by k - 1, as torch does by default). n_train and n_val:
    training and validation examples of a fold.
    """
    return scores.std().item() * math.sqrt(1 / len(scores) + n_val / n_train)


def corrected_by_the_variance(scores, n_train, n_val):
    """The variance of the mean and what is added to it."""
    variance = scores.var()
    return (variance / len(scores) + variance * n_val / n_train).sqrt().item()


def corrected_by_hand(scores, n_train, n_val):
    """Sums."""
    k = len(scores)
    mean = sum(scores.tolist()) / k
    squares = sum((score - mean) ** 2 for score in scores.tolist())
    return (squares / (k - 1) * (1 / k + n_val / n_train)) ** 0.5


def error_without_correction(scores, n_train, n_val):  # noqa: ARG001 - that is the mistake
    """S over the root of k."""
    return scores.std().item() / len(scores) ** 0.5


def deviation_for_error(scores, n_train, n_val):  # noqa: ARG001 - that is the mistake
    """S itself."""
    return scores.std().item()


def sizes_exchanged(scores, n_train, n_val):
    """n_train over n_val."""
    return corrected_error(scores, n_val, n_train)


def root_forgotten(scores, n_train, n_val):
    """Without the root."""
    return scores.std().item() * (1 / len(scores) + n_val / n_train)


def deviation_divided_by_k(scores, n_train, n_val):
    """Biased."""
    return scores.std(correction=0).item() * math.sqrt(1 / len(scores) + n_val / n_train)


def share_of_all_examples(scores, n_train, n_val):
    """n_val over all."""
    return scores.std().item() * math.sqrt(1 / len(scores) + n_val / (n_train + n_val))


def root_of_each_term(scores, n_train, n_val):
    """The root of a sum is not the sum of the roots."""
    return scores.std().item() * (math.sqrt(1 / len(scores)) + math.sqrt(n_val / n_train))


def variance_for_deviation(scores, n_train, n_val):
    """S squared."""
    return scores.var().item() * math.sqrt(1 / len(scores) + n_val / n_train)


CORRECTED_ERROR = Exercise(
    name="validation.corrected_error",
    answer=corrected_error,
    cases=[
        (torch.tensor([0.8, 0.9]), 50, 50),
        (torch.tensor([0.8, 0.9, 0.7, 0.85, 0.75]), 80, 20),
        (torch.tensor([0.91, 0.89, 0.95]), 40, 20),
    ],
    wrong_answers=[
        WrongAnswer(
            error_without_correction,
            "That is the standard error of independent scores. Add n_val/n_train under the root.",
        ),
        WrongAnswer(
            deviation_for_error,
            "That is the standard deviation of the scores: how far *one* fold is from the mean.",
        ),
        WrongAnswer(sizes_exchanged, "The fraction is upside down: validation examples over training examples."),
        WrongAnswer(root_forgotten, "You left out the root over the sum."),
        WrongAnswer(deviation_divided_by_k, "Your deviation divides by k. Divide by k - 1, as `scores.std()` does."),
        WrongAnswer(share_of_all_examples, "You divided n_val by all examples. Divide by n_train."),
        WrongAnswer(root_of_each_term, "The root is over the whole sum, not over each term."),
        WrongAnswer(variance_for_deviation, "You multiply by the variance. Use the standard deviation."),
    ],
    hints=[
        "`scores.std()` divides by k - 1; `.item()` makes a number of it.",
        "Multiply by `math.sqrt(1 / len(scores) + n_val / n_train)`.",
    ],
    praise="The coverage below is measured with it.",
    difficulty=1,
    right_answers=[corrected_by_the_variance, corrected_by_hand],
)

# -------------------------------------------------------------------------------------- validation.one_standard_error


def one_standard_error(scores: torch.Tensor) -> int:
    """Return the number of the candidate that the one-standard-error rule chooses.

    scores: shape (candidates, folds), the simplest candidate first; higher is better.
    The best candidate has the highest mean (the first of equals). Its standard error is
    its deviation over the folds (dividing by folds - 1) over the root of their number.
    The rule takes the simplest candidate whose mean is not below the best mean minus
    this standard error.
    """
    means = scores.mean(dim=1)
    best = int(means.argmax())
    error = scores[best].std() / scores.shape[1] ** 0.5
    return int((means >= means[best] - error).nonzero()[0])


def rule_by_a_loop(scores):
    """Return from the loop at the first."""
    means = scores.mean(dim=1).tolist()
    best = means.index(max(means))
    lowest = means[best] - (scores[best].var() / len(scores[best])).sqrt().item()
    for number, mean in enumerate(means):
        if mean >= lowest:
            return number
    return best


def rule_by_argmax(scores):
    """The first of the ones."""
    means, errors = scores.mean(dim=1), scores.std(dim=1) / scores.shape[1] ** 0.5
    best = means.argmax()
    return (means + errors[best] >= means[best]).int().argmax().item()


def best_mean_only(scores):
    """No rule."""
    return int(scores.mean(dim=1).argmax())


def deviation_for_standard_error(scores):
    """Not divided by the root of the folds."""
    means = scores.mean(dim=1)
    best = int(means.argmax())
    return int((means >= means[best] - scores[best].std()).nonzero()[0])


def own_error_of_each(scores):
    """Each candidate's own error."""
    means, errors = scores.mean(dim=1), scores.std(dim=1) / scores.shape[1] ** 0.5
    return int((means + errors >= means.max()).nonzero()[0])


def most_complex_within(scores):
    """The last."""
    means = scores.mean(dim=1)
    best = int(means.argmax())
    error = scores[best].std() / scores.shape[1] ** 0.5
    return int((means >= means[best] - error).nonzero()[-1])


def simplest_of_all(scores):
    """Always 0."""
    return 0 * len(scores)


def worst_within(scores):
    """The lowest mean within, simple or not."""
    means = scores.mean(dim=1)
    best = int(means.argmax())
    allowed = means >= means[best] - scores[best].std() / scores.shape[1] ** 0.5
    return int(torch.where(allowed, means, torch.inf).argmin())


def error_divided_by_the_folds(scores):
    """Without the root."""
    means = scores.mean(dim=1)
    best = int(means.argmax())
    return int((means >= means[best] - scores[best].std() / scores.shape[1]).nonzero()[0])


def error_of_the_first(scores):
    """The simplest one's error."""
    means = scores.mean(dim=1)
    return int((means >= means.max() - scores[0].std() / scores.shape[1] ** 0.5).nonzero()[0])


ONE_STANDARD_ERROR = Exercise(
    name="validation.one_standard_error",
    answer=one_standard_error,
    cases=[
        (torch.tensor([[0.5, 0.5], [0.8, 0.8], [0.7, 0.95]]),),
        (torch.tensor([[0.5, 0.6, 0.7, 0.6], [0.79, 0.79, 0.8, 0.8], [0.7, 0.9, 0.8, 0.84], [0.78, 0.82, 0.8, 0.82]]),),
        (torch.tensor([[0.6, 0.62, 0.61], [0.7, 0.7, 0.73], [0.75, 0.75, 0.78], [0.69, 0.7, 0.71]]),),
        (torch.tensor([[0.5, 0.98, 0.6, 0.9], [0.75, 0.85, 0.8, 0.8], [0.76, 0.86, 0.84, 0.79]]),),
        (torch.tensor([[0.765, 0.765, 0.765, 0.765], [0.7, 0.9, 0.8, 0.8], [0.77, 0.77, 0.77, 0.77]]),),
        (torch.tensor([[0.78, 0.78, 0.78, 0.78], [0.8, 0.8, 0.8, 0.8], [0.76, 0.86, 0.84, 0.79]]),),
        (torch.tensor([[0.785, 0.785, 0.785, 0.785], [0.775, 0.775, 0.775, 0.775], [0.7, 0.9, 0.8, 0.8]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            best_mean_only, "That is the best candidate. The rule prefers a simpler one within one standard error."
        ),
        WrongAnswer(
            deviation_for_standard_error,
            "You allow a whole standard deviation. The standard error is that over the root of the number of folds.",
        ),
        WrongAnswer(own_error_of_each, "You use each candidate's own error. The rule uses that of the *best* one."),
        WrongAnswer(most_complex_within, "You took the last candidate within the error. The simplest comes first."),
        WrongAnswer(simplest_of_all, "The simplest may be far worse: it must be within the error of the best."),
        WrongAnswer(worst_within, "You took the lowest mean that is allowed. The rule takes the simplest candidate."),
        WrongAnswer(
            error_divided_by_the_folds,
            "You divided the deviation by the number of folds. Divide by its root.",
        ),
        WrongAnswer(error_of_the_first, "You used the error of the first candidate. It is the best one's that counts."),
    ],
    hints=[
        "`scores.mean(dim=1)` has one mean for each candidate; its `argmax` is the best.",
        "The error is `scores[best].std() / scores.shape[1] ** 0.5`.",
        "`(means >= means[best] - error).nonzero()[0]` is the first candidate that is good enough.",
    ],
    praise="A simpler model is often cheaper, and here it is hardly told apart from the best.",
    difficulty=3,
    right_answers=[rule_by_a_loop, rule_by_argmax],
)

EXERCISES = [
    THREE_SETS,
    EXAMPLES_NEEDED,
    K_FOLD,
    CROSS_VALIDATE,
    WINNERS_GAP,
    CHOOSE_FEATURES,
    GROUP_FOLDS,
    DEAL_CLASSES,
    COUNT_TRAININGS,
    CORRECTED_ERROR,
    ONE_STANDARD_ERROR,
]
