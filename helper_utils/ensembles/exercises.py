"""Exercises of the lesson 11_ensembles."""

import math
import statistics
from collections import Counter

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ----------------------------------------------------------------------------------- ensembles.majority_accuracy


def majority_accuracy(p: float, n_voters: int) -> float:
    """Return the probability that more than half of n_voters voters are right.

    n_voters is odd. Each voter is right with probability p, and independently of the
    others.
    """
    majority = range(n_voters // 2 + 1, n_voters + 1)
    return sum(math.comb(n_voters, k) * p**k * (1 - p) ** (n_voters - k) for k in majority)


def voter_by_voter(p, n_voters):
    """Voter by voter."""
    n_right = [1.0]  # the probability of 0, 1, ... right votes so far
    for _ in range(n_voters):
        without, with_one = [*n_right, 0.0], [0.0, *n_right]
        n_right = [(1 - p) * a + p * b for a, b in zip(without, with_one, strict=True)]
    return sum(n_right[n_voters // 2 + 1 :])


def one_minus_the_minority(p, n_voters):
    """One minus the minority."""
    q = 1 - p
    return 1 - sum(math.comb(n_voters, k) * p**k * q ** (n_voters - k) for k in range((n_voters + 1) // 2))


def without_the_number_of_ways(p, n_voters):
    """Without the number of ways."""
    return sum(p**k * (1 - p) ** (n_voters - k) for k in range(n_voters // 2 + 1, n_voters + 1))


def half_is_a_majority(p, n_voters):
    """Half is a majority."""
    half = range(n_voters // 2, n_voters + 1)
    return sum(math.comb(n_voters, k) * p**k * (1 - p) ** (n_voters - k) for k in half)


def all_are_right(p, n_voters):
    """All are right."""
    return p**n_voters


def somebody_is_right(p, n_voters):
    """Somebody is right."""
    return 1 - (1 - p) ** n_voters


def only_the_smallest_majority(p, n_voters):
    """Only the smallest majority."""
    k = n_voters // 2 + 1
    return math.comb(n_voters, k) * p**k * (1 - p) ** (n_voters - k)


def unanimity_left_out(p, n_voters):
    """Unanimity left out."""
    majority = range(n_voters // 2 + 1, n_voters)
    return float(sum(math.comb(n_voters, k) * p**k * (1 - p) ** (n_voters - k) for k in majority))


def majority_is_wrong(p, n_voters):
    """Majority is wrong."""
    return 1 - majority_accuracy(p, n_voters)


def normal_approximation(p, n_voters):
    """Normal approximation."""
    if p in (0, 1):
        return float(p)
    normal = statistics.NormalDist(n_voters * p, math.sqrt(n_voters * p * (1 - p)))
    return 1 - normal.cdf(n_voters / 2)


def mean_voter(p, n_voters):  # noqa: ARG001
    """Mean voter."""
    return p


MAJORITY_ACCURACY = Exercise(
    name="ensembles.majority_accuracy",
    difficulty=2,
    answer=majority_accuracy,
    right_answers=[voter_by_voter, one_minus_the_minority],
    cases=[(0.6, 3), (0.6, 1), (0.7, 5), (0.4, 11), (1.0, 3), (0.5, 7)],
    wrong_answers=[
        WrongAnswer(
            without_the_number_of_ways,
            "k right voters can be chosen in math.comb(n_voters, k) ways. Count each of those ways.",
        ),
        WrongAnswer(half_is_a_majority, "n_voters // 2 of an odd number is less than half. Start one higher."),
        WrongAnswer(all_are_right, "That is the probability that all voters are right. A majority is enough."),
        WrongAnswer(somebody_is_right, "One right voter is not a majority. More than half must be right."),
        WrongAnswer(
            only_the_smallest_majority, "You count the smallest majority only. Larger majorities are right as well."
        ),
        WrongAnswer(unanimity_left_out, "range leaves out its end, so the case in which all are right is missing."),
        WrongAnswer(majority_is_wrong, "That is how often the majority is wrong. Take the other side."),
        WrongAnswer(
            normal_approximation,
            "A normal distribution is only close to the exact probability. Add up the probabilities of each majority.",
        ),
        WrongAnswer(mean_voter, "That is one voter's probability. It does not depend on n_voters."),
    ],
    hints=[
        "Exactly k voters are right with probability math.comb(n, k) * p**k * (1 - p) ** (n - k).",
        "Add this up over all k from n_voters // 2 + 1 to n_voters.",
    ],
    praise="Condorcet's jury theorem of 1785 says: for p above 1/2, this sum grows with n_voters, towards 1.",
)

# ------------------------------------------------------------------------------------------------ ensembles.vote


def vote(predictions: torch.Tensor) -> torch.Tensor:
    """Return the class that most members predict for each example, shape (N,).

    predictions: class numbers, integers of shape (members, N). Where several classes
    have equally many votes, return the one with the lowest number.
    """
    votes = torch.nn.functional.one_hot(predictions).sum(dim=0)
    return votes.argmax(dim=1)


def with_bincount(predictions):
    """With bincount."""
    return torch.stack([column.bincount().argmax() for column in predictions.T])


def class_by_class(predictions):
    """Class by class."""
    counts = [(predictions == c).sum(dim=0) for c in range(int(predictions.max()) + 1)]
    return torch.stack(counts).argmax(dim=0)


def with_mode(predictions):
    """With mode."""
    return predictions.mode(dim=0).values


def sum_of_the_numbers(predictions):
    """Sum of the numbers."""
    return (predictions.float().mean(dim=0)).round().long()


def median_of_the_numbers(predictions):
    """Median of the numbers."""
    return predictions.median(dim=0).values


def first_member(predictions):
    """First member."""
    return predictions[0]


def largest_number(predictions):
    """Largest number."""
    return predictions.amax(dim=0)


def ties_to_the_highest(predictions):
    """Ties to the highest."""
    votes = torch.nn.functional.one_hot(predictions).sum(dim=0)
    return votes.shape[1] - 1 - votes.flip(1).argmax(dim=1)


def ties_to_the_first_vote(predictions):
    """Ties to the first vote."""
    return torch.tensor([Counter(column.tolist()).most_common(1)[0][0] for column in predictions.T])


def votes_over_examples(predictions):
    """Votes over examples."""
    return torch.nn.functional.one_hot(predictions).sum(dim=1).argmax(dim=1)


def number_of_votes(predictions):
    """Number of votes."""
    return torch.nn.functional.one_hot(predictions).sum(dim=0).amax(dim=1)


def least_votes(predictions):
    """Least votes."""
    return torch.nn.functional.one_hot(predictions).sum(dim=0).argmin(dim=1)


VOTE = Exercise(
    name="ensembles.vote",
    difficulty=2,
    answer=vote,
    right_answers=[with_bincount, class_by_class, with_mode],
    cases=[
        (torch.tensor([[0, 4], [0, 2], [9, 2]]),),
        (torch.tensor([[3, 1, 2, 0], [1, 1, 5, 0], [1, 4, 2, 2], [3, 0, 5, 1]]),),
        (torch.tensor([[5, 0, 1]]),),
        (torch.tensor([[12, 0], [12, 25], [3, 25]]),),
        (torch.tensor([[0, 4], [3, 4], [0, 1], [2, 0], [5, 1]]),),
        (torch.tensor([[0, 3, 3, 3, 1], [2, 2, 2, 3, 1]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            sum_of_the_numbers,
            "A class number is a name: the mean of class 0 and class 4 is not class 2. Count votes instead.",
        ),
        WrongAnswer(
            median_of_the_numbers,
            "Class numbers have no order, so they have no median. Count the votes of each class.",
        ),
        WrongAnswer(first_member, "That is the prediction of the first member. All members vote."),
        WrongAnswer(largest_number, "You return the largest class number. The class with most votes is asked for."),
        WrongAnswer(ties_to_the_highest, "Of classes with equally many votes, the lowest number wins."),
        WrongAnswer(
            ties_to_the_first_vote,
            "Of classes with equally many votes you return the one that was voted for first. Return the lowest number.",
        ),
        WrongAnswer(
            votes_over_examples,
            "You add up the votes over the examples. Add them up over the members, which are the first axis.",
        ),
        WrongAnswer(number_of_votes, "You return how many votes the winner has. Return the class: argmax."),
        WrongAnswer(least_votes, "That is the class with the fewest votes. Take the one with the most."),
    ],
    hints=[
        "torch.nn.functional.one_hot turns each prediction into a row with a 1 at its class.",
        "Add the rows up over the members, and take the argmax over the classes; it returns the first of equal ones.",
    ],
    praise="It is scikit-learn's hard voting, ties included.",
)

# ------------------------------------------------------------------------------- ensembles.average_probabilities


def average_probabilities(
    probabilities: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Return the weighted mean of the members' probabilities, shape (N, classes).

    probabilities: shape (members, N, classes), each row sums to 1. weights: one for
    each member, at least 0, and not all 0. Their sum can be any number, but each row of
    the result sums to 1.
    """
    shares = weights / weights.sum()
    return (shares[:, None, None] * probabilities).sum(dim=0)


def with_tensordot(probabilities, weights):
    """With tensordot."""
    return torch.tensordot(weights, probabilities, dims=1) / weights.sum()


def with_einsum(probabilities, weights):
    """With einsum."""
    return torch.einsum("m,mnc->nc", weights / weights.sum(), probabilities)


def scaled_at_the_end(probabilities, weights):
    """Scaled at the end."""
    total = torch.stack([w * p for w, p in zip(weights, probabilities, strict=True)]).sum(dim=0)
    return total / total.sum(dim=1, keepdim=True)


def weights_not_renormalised(probabilities, weights):
    """Weights not renormalised."""
    return (weights[:, None, None] * probabilities).sum(dim=0)


def divided_by_the_members(probabilities, weights):
    """Divided by the members."""
    return (weights[:, None, None] * probabilities).mean(dim=0)


def weights_on_the_classes(probabilities, weights):
    """Weights on the classes."""
    return (weights * probabilities).sum(dim=0) / weights.sum()


def weights_ignored(probabilities, weights):  # noqa: ARG001
    """Weights ignored."""
    return probabilities.mean(dim=0)


def softmax_of_the_weights(probabilities, weights):
    """Softmax of the weights."""
    return (weights.softmax(dim=0)[:, None, None] * probabilities).sum(dim=0)


def softmax_at_the_end(probabilities, weights):
    """Softmax at the end."""
    return (weights[:, None, None] * probabilities).sum(dim=0).softmax(dim=1)


def best_member_only(probabilities, weights):
    """Best member only."""
    return probabilities[weights.argmax()]


def logs_averaged(probabilities, weights):
    """Logs averaged."""
    shares = weights / weights.sum()
    return (shares[:, None, None] * probabilities.log()).sum(dim=0).softmax(dim=1)


def one_hot_votes(probabilities, weights):
    """One hot votes."""
    shares = weights / weights.sum()
    votes = torch.nn.functional.one_hot(probabilities.argmax(dim=2), probabilities.shape[2])
    return (shares[:, None, None] * votes).sum(dim=0)


_THREE_MEMBERS = torch.tensor([[[0.9, 0.1], [0.4, 0.6]], [[0.5, 0.5], [0.3, 0.7]], [[0.2, 0.8], [0.6, 0.4]]])

AVERAGE_PROBABILITIES = Exercise(
    name="ensembles.average_probabilities",
    difficulty=1,
    answer=average_probabilities,
    right_answers=[with_tensordot, with_einsum, scaled_at_the_end],
    cases=[
        (_THREE_MEMBERS, torch.tensor([1.0, 1.0, 1.0])),
        (_THREE_MEMBERS, torch.tensor([3.0, 0.5, 0.5])),
        (_THREE_MEMBERS[:2], torch.tensor([0.2, 0.6])),
        (torch.tensor([[[0.2, 0.3, 0.5]]]), torch.tensor([2.0])),
    ],
    wrong_answers=[
        WrongAnswer(weights_not_renormalised, "Your rows do not sum to 1. Divide the weights by their sum."),
        WrongAnswer(
            divided_by_the_members,
            "You divide by the number of members, which is right only if the weights sum to it. Divide by their sum.",
        ),
        WrongAnswer(
            weights_on_the_classes,
            "torch lines up the weights with the last axis, the classes. For the first use weights[:, None, None].",
        ),
        WrongAnswer(weights_ignored, "All members count equally in your mean. Multiply each by its weight."),
        WrongAnswer(softmax_of_the_weights, "The softmax changes the ratios of the weights. Divide by their sum."),
        WrongAnswer(
            softmax_at_the_end, "A softmax of probabilities makes them nearly equal. Divide the weights by their sum."
        ),
        WrongAnswer(best_member_only, "That is the member with the largest weight alone. Add up all members."),
        WrongAnswer(logs_averaged, "That is the geometric mean. Average the probabilities themselves."),
        WrongAnswer(one_hot_votes, "You average the votes. Leave the probabilities as they are, without argmax."),
    ],
    hints=[
        "Divide the weights by their sum first.",
        "weights[:, None, None] has the shape (members, 1, 1), so it multiplies each member's probabilities.",
    ],
    praise="Averaged probabilities are never worse in log loss than the mean member.",
)

# ---------------------------------------------------------------------------------------- ensembles.disagreement


def disagreement(predictions: torch.Tensor) -> float:
    """Return the mean squared distance of the members from their mean prediction.

    predictions: shape (members, N, outputs). Sum the squares over the outputs. Take the
    mean over the members and the examples.
    """
    mean = predictions.mean(dim=0)
    return (predictions - mean).square().sum(dim=2).mean().item()


def from_pairs(predictions):
    """From pairs."""
    between = (predictions[:, None] - predictions[None]).square().sum(dim=3)
    return between.mean().item() / 2


def with_var(predictions):
    """With var."""
    return predictions.var(dim=0, correction=0).sum(dim=1).mean().item()


def mean_square_minus_square(predictions):
    """Mean square minus square."""
    p = predictions.double()
    return (p.square().mean(dim=0) - p.mean(dim=0).square()).sum(dim=1).mean().item()


def bessels_correction(predictions):
    """Bessel's correction."""
    return (predictions - predictions.mean(dim=0)).square().sum(dim=(0, 2)).mean().item() / max(len(predictions) - 1, 1)


def var_of_a_sample(predictions):
    """Var of a sample."""
    return _sample_variances(predictions).sum(dim=1).mean().item()


def _sample_variances(predictions):
    """As predictions.var(dim=0), without its warning for a single member."""
    return (predictions - predictions.mean(dim=0)).square().sum(dim=0) / (len(predictions) - 1)


def mean_of_sample_variances(predictions):
    """Mean of sample variances."""
    return _sample_variances(predictions).mean().item()


def one_mean_for_everything(predictions):
    """One mean for everything."""
    return (predictions - predictions.mean()).square().sum(dim=2).mean().item()


def mean_over_outputs(predictions):
    """Mean over outputs."""
    return (predictions - predictions.mean(dim=0)).square().mean().item()


def sum_over_members(predictions):
    """Sum over members."""
    return (predictions - predictions.mean(dim=0)).square().sum(dim=(0, 2)).mean().item()


def root_taken(predictions):
    """Root taken."""
    return (predictions - predictions.mean(dim=0)).square().sum(dim=2).sqrt().mean().item()


def mean_over_examples(predictions):
    """Mean over examples."""
    return (predictions - predictions.mean(dim=1, keepdim=True)).square().sum(dim=2).mean().item()


def distances_not_squared(predictions):
    """Distances not squared."""
    return (predictions - predictions.mean(dim=0)).abs().sum(dim=2).mean().item()


def all_pairs_not_halved(predictions):
    """All pairs not halved."""
    return 2 * disagreement(predictions)


def signs_cancel(predictions):
    """Signs cancel."""
    return (predictions - predictions.mean(dim=0)).sum(dim=2).mean().square().item()


DISAGREEMENT = Exercise(
    name="ensembles.disagreement",
    difficulty=2,
    answer=disagreement,
    right_answers=[from_pairs, with_var, mean_square_minus_square],
    cases=[
        (torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]),),
        (torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[3.0, 2.5], [0.0, 1.0]], [[2.0, 0.0], [1.5, 0.0]]]),),
        (torch.tensor([[[1.0], [4.0], [2.0]], [[1.0], [2.0], [3.0]]]),),
        (torch.tensor([[[0.2, 0.8], [0.7, 0.3]]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            bessels_correction, "Divide by the number of members, not by one less: the identity holds for plain means."
        ),
        WrongAnswer(
            var_of_a_sample,
            "var divides by one less than the number of members, so a single member gives nan. Use correction=0.",
        ),
        WrongAnswer(
            mean_of_sample_variances,
            "Two things: var divides by one less than the number of members, so use correction=0; and the squares are "
            "summed over the outputs, dim=1 of what var returns, before the mean over the examples.",
        ),
        WrongAnswer(
            one_mean_for_everything,
            "You subtract one mean of all numbers. Each example and output has its own mean over the members.",
        ),
        WrongAnswer(mean_over_outputs, "You average over the outputs. Sum the squares over them."),
        WrongAnswer(sum_over_members, "You add up over the members. Take their mean."),
        WrongAnswer(root_taken, "Leave out the root: squared distances are asked for."),
        WrongAnswer(
            mean_over_examples, "Your mean prediction is over the examples. The members are the first axis, dim=0."
        ),
        WrongAnswer(distances_not_squared, "You take absolute distances. Square them."),
        WrongAnswer(
            all_pairs_not_halved,
            "That is the mean squared distance between two members, which is twice the one from their mean.",
        ),
        WrongAnswer(signs_cancel, "Positive and negative distances cancel. Square each before you add them up."),
    ],
    hints=[
        "The mean prediction is predictions.mean(dim=0).",
        "Square the difference, sum over dim=2, and take the mean of the rest.",
    ],
    praise="For squared error this number is exactly what averaging gains.",
)

# ------------------------------------------------------------------------------------------ ensembles.out_of_bag


def out_of_bag(
    probabilities: torch.Tensor,
    drawn: torch.Tensor,
) -> torch.Tensor:
    """Return for each example the mean probabilities of the members that never drew it.

    probabilities: of the training examples, shape (members, N, classes). drawn: the
    numbers of the examples in each member's bootstrap sample, shape (members, draws).
    Return the shape (N, classes). The row of an example that every member drew is nan.
    """
    is_out = torch.ones(probabilities.shape[:2])
    for member, sample in enumerate(drawn):
        is_out[member, sample] = 0
    total = (is_out[:, :, None] * probabilities).sum(dim=0)
    return total / is_out.sum(dim=0)[:, None]


def example_by_example(probabilities, drawn):
    """Example by example."""
    rows = []
    for i in range(probabilities.shape[1]):
        has_not_drawn = ~(drawn == i).any(dim=1)
        rows.append(probabilities[has_not_drawn, i].mean(dim=0))
    return torch.stack(rows)


def with_nanmean(probabilities, drawn):
    """With nanmean."""
    masked = probabilities.clone()
    for member, sample in enumerate(drawn):
        masked[member, sample] = torch.nan
    return masked.nanmean(dim=0)


def _drawn_mask(probabilities, drawn):
    is_drawn = torch.zeros(probabilities.shape[:2])
    for member, sample in enumerate(drawn):
        is_drawn[member, sample] = 1
    return is_drawn


def in_the_bag(probabilities, drawn):
    """In the bag."""
    is_drawn = _drawn_mask(probabilities, drawn)
    return (is_drawn[:, :, None] * probabilities).sum(dim=0) / is_drawn.sum(dim=0).clamp(min=1)[:, None]


def all_members(probabilities, drawn):  # noqa: ARG001
    """All members."""
    return probabilities.mean(dim=0)


def divided_by_all_members(probabilities, drawn):
    """Divided by all members."""
    is_out = 1 - _drawn_mask(probabilities, drawn)
    return (is_out[:, :, None] * probabilities).mean(dim=0)


def not_divided(probabilities, drawn):
    """Not divided."""
    is_out = 1 - _drawn_mask(probabilities, drawn)
    return (is_out[:, :, None] * probabilities).sum(dim=0)


def first_free_member(probabilities, drawn):
    """First free member."""
    is_out = 1 - _drawn_mask(probabilities, drawn)
    return probabilities[is_out.argmax(dim=0), torch.arange(probabilities.shape[1])]


def weighted_by_draws(probabilities, drawn):
    """Weighted by draws."""
    counts = torch.stack([sample.bincount(minlength=probabilities.shape[1]) for sample in drawn]).float()
    return (counts[:, :, None] * probabilities).sum(dim=0) / counts.sum(dim=0).clamp(min=1)[:, None]


def anybody_drew_it(probabilities, drawn):
    """Anybody drew it."""
    is_out = torch.ones(probabilities.shape[:2])
    is_out[:, drawn.flatten()] = 0
    return (is_out[:, :, None] * probabilities).sum(dim=0) / is_out.sum(dim=0).clamp(min=1)[:, None]


def cleared_in_every_row(probabilities, drawn):
    """Cleared in every row."""
    is_out = torch.ones(probabilities.shape[:2])
    is_out[:, drawn] = 0
    return (is_out[:, :, None] * probabilities).sum(dim=0) / is_out.sum(dim=0)[:, None]


def rows_of_members_cleared(probabilities, drawn):
    """Rows of members cleared."""
    is_out = torch.ones(probabilities.shape[:2])
    is_out[drawn] = 0
    return (is_out[:, :, None] * probabilities).sum(dim=0) / is_out.sum(dim=0)[:, None]


def zero_instead_of_nan(probabilities, drawn):
    """Zero instead of nan."""
    is_out = 1 - _drawn_mask(probabilities, drawn)
    return (is_out[:, :, None] * probabilities).sum(dim=0) / is_out.sum(dim=0).clamp(min=1)[:, None]


def minus_one_for_each_draw(probabilities, drawn):
    """Minus one for each draw."""
    counts = torch.stack([sample.bincount(minlength=probabilities.shape[1]) for sample in drawn])
    is_out = 1.0 - counts
    return (is_out[:, :, None] * probabilities).sum(dim=0) / is_out.sum(dim=0)[:, None]


def places_of_the_sample(probabilities, drawn):
    """Places of the sample."""
    return torch.stack([probabilities[m, sample] for m, sample in enumerate(drawn)]).mean(dim=0)


_BAGGED = torch.tensor(
    [
        [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]],
        [[0.7, 0.3], [0.3, 0.7], [0.5, 0.5]],
        [[0.4, 0.6], [0.1, 0.9], [0.8, 0.2]],
    ]
)

OUT_OF_BAG = Exercise(
    name="ensembles.out_of_bag",
    difficulty=2,
    answer=out_of_bag,
    right_answers=[example_by_example, with_nanmean],
    cases=[
        (_BAGGED, torch.tensor([[0, 0, 1], [2, 2, 2], [1, 1, 2]])),
        (_BAGGED, torch.tensor([[1, 1, 1], [0, 0, 2], [0, 0, 0]])),
        (_BAGGED.flip(1), torch.tensor([[1, 2, 2], [2, 0, 0], [0, 1, 0]])),
        (_BAGGED, torch.tensor([[0, 1, 1], [1, 2, 1], [1, 0, 1]])),  # everybody drew example 1
        (_BAGGED, torch.tensor([[0, 0, 0], [1, 1, 1], [0, 1, 0]])),  # nobody drew example 2
    ],
    wrong_answers=[
        WrongAnswer(
            in_the_bag, "You average the members that drew the example: they were trained on it. Take the others."
        ),
        WrongAnswer(all_members, "Some of these members were trained on the example. Leave out those that drew it."),
        WrongAnswer(
            divided_by_all_members, "You divide by all members. Divide by the number of those that did not draw it."
        ),
        WrongAnswer(not_divided, "You return a sum. Divide it by the number of members that did not draw the example."),
        WrongAnswer(first_free_member, "You take one member. Average all that did not draw the example."),
        WrongAnswer(
            weighted_by_draws, "You weight each member by how often it drew the example. Only 0 draws count here."
        ),
        WrongAnswer(
            anybody_drew_it, "You drop an example as soon as any member drew it. Ask this for each member separately."
        ),
        WrongAnswer(
            cleared_in_every_row,
            "What any member drew is left out for all members, and where nobody is left the row is nan. Each member "
            "leaves out only what it drew itself.",
        ),
        WrongAnswer(
            rows_of_members_cleared,
            "drawn holds numbers of examples, and they are used as numbers of members, the first axis. Go through the "
            "members: row m of your mask belongs to the examples in drawn[m].",
        ),
        WrongAnswer(
            zero_instead_of_nan,
            "An example that every member drew has no such prediction: its row is nan, and yours is 0. Divide by the "
            "number of members as it is, 0 included.",
        ),
        WrongAnswer(
            minus_one_for_each_draw,
            "You subtract 1 for each draw, so an example that was drawn twice counts negatively. Drawn is drawn: 0.",
        ),
        WrongAnswer(
            places_of_the_sample,
            "drawn holds the numbers of training examples that a member saw, and not where to read its predictions.",
        ),
    ],
    hints=[
        "Make a mask of shape (members, N) that is 1, and 0 where a member drew the example.",
        "Multiply the probabilities by mask[:, :, None], add up over the members, and divide by mask.sum(dim=0).",
    ],
    praise="It is a validation score that costs no validation set.",
)

# -------------------------------------------------------------------------------------- ensembles.boosting_round


def boosting_round(
    weights: torch.Tensor,
    is_wrong: torch.Tensor,
) -> tuple[float, torch.Tensor]:
    """Return the stump's weight in the vote and the new weights of the examples.

    weights: of the examples, with the sum 1. is_wrong: booleans, where the stump is
    wrong; its weighted error e is above 0 and below 1/2. The stump's weight is
    log((1 - e) / e). The weights of wrong examples are multiplied by (1 - e) / e, and
    then all of them are divided by their sum.
    """
    error = weights[is_wrong].sum()
    factor = (1 - error) / error
    new = torch.where(is_wrong, weights * factor, weights)
    return factor.log().item(), new / new.sum()


def half_of_the_weight_each(weights, is_wrong):
    """Half of the weight each."""
    error = (weights * is_wrong).sum().item()
    new = torch.where(is_wrong, weights / (2 * error), weights / (2 * (1 - error)))
    return math.log(1 / error - 1), new


def with_exponentials(weights, is_wrong):
    """With exponentials."""
    error = weights[is_wrong].sum()
    alpha = (1 - error).log() - error.log()
    new = weights * (alpha * is_wrong).exp()
    return float(alpha), new / new.sum()


def error_not_weighted(weights, is_wrong):
    """Error not weighted."""
    error = is_wrong.float().mean()
    new = torch.where(is_wrong, weights * (1 - error) / error, weights)
    return ((1 - error) / error).log().item(), new / new.sum()


def right_ones_raised(weights, is_wrong):
    """Right ones raised."""
    alpha, _ = boosting_round(weights, is_wrong)
    new = torch.where(is_wrong, weights, weights * math.exp(alpha))
    return alpha, new / new.sum()


def not_divided_by_the_sum(weights, is_wrong):
    """Not divided by the sum."""
    alpha, _ = boosting_round(weights, is_wrong)
    return alpha, torch.where(is_wrong, weights * math.exp(alpha), weights)


def half_of_the_log(weights, is_wrong):
    """Half of the log."""
    alpha, new = boosting_round(weights, is_wrong)
    return alpha / 2, new


def log_upside_down(weights, is_wrong):
    """Log upside down."""
    alpha, new = boosting_round(weights, is_wrong)
    return -alpha, new


def weights_unchanged(weights, is_wrong):
    """Weights unchanged."""
    return boosting_round(weights, is_wrong)[0], weights


def multiplied_by_the_log(weights, is_wrong):
    """Multiplied by the log."""
    alpha, _ = boosting_round(weights, is_wrong)
    new = torch.where(is_wrong, weights * alpha, weights)
    return alpha, new / new.sum()


def odds_without_log(weights, is_wrong):
    """Odds without log."""
    alpha, new = boosting_round(weights, is_wrong)
    return math.exp(alpha), new


BOOSTING_ROUND = Exercise(
    name="ensembles.boosting_round",
    difficulty=2,
    answer=boosting_round,
    right_answers=[half_of_the_weight_each, with_exponentials],
    cases=[
        (torch.tensor([0.25, 0.25, 0.25, 0.25]), torch.tensor([True, False, False, False])),
        (torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([True, True, False, False])),
        (torch.tensor([0.05, 0.15, 0.6, 0.2]), torch.tensor([False, True, False, True])),
    ],
    wrong_answers=[
        WrongAnswer(error_not_weighted, "The error is the sum of the weights of the wrong examples, not their share."),
        WrongAnswer(right_ones_raised, "You raise the weights of the right examples. Raise those of the wrong ones."),
        WrongAnswer(not_divided_by_the_sum, "The new weights do not sum to 1. Divide them by their sum."),
        WrongAnswer(
            half_of_the_log,
            "You halve the log, as Schapire and Singer (1999) do. Here it is not halved, as in scikit-learn.",
        ),
        WrongAnswer(log_upside_down, "Your logarithm is negative: a stump that is mostly right must count positively."),
        WrongAnswer(weights_unchanged, "The weights of the examples are unchanged. Raise those of the wrong ones."),
        WrongAnswer(multiplied_by_the_log, "You multiply by the logarithm. Multiply by (1 - e) / e itself."),
        WrongAnswer(odds_without_log, "The stump's weight is the logarithm of (1 - e) / e."),
    ],
    hints=[
        "The weighted error is weights[is_wrong].sum().",
        "torch.where(is_wrong, weights * factor, weights) raises the wrong ones; then divide by the sum.",
    ],
    praise="After this step the stump is wrong on exactly half of the weight.",
)

# ------------------------------------------------------------------------------------ ensembles.log_loss_residual


def log_loss_residual(targets: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Return the negative gradient of the log loss with respect to each score.

    targets: 0 or 1. scores: the log odds of class 1, so its probability is
    sigmoid(score). The loss of an example is minus the log of the probability of its
    target.
    """
    return targets - torch.sigmoid(scores)


def by_autograd(targets, scores):
    """By autograd."""
    scores = scores.detach().clone().requires_grad_()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, targets.float(), reduction="sum")
    return -torch.autograd.grad(loss, scores)[0]


def case_by_case(targets, scores):
    """Case by case."""
    p = 1 / (1 + torch.exp(-scores))
    return torch.where(targets == 1, 1 - p, -p)


def gradient_itself(targets, scores):
    """Gradient itself."""
    return torch.sigmoid(scores) - targets


def residual_of_squared_error(targets, scores):
    """Residual of squared error."""
    return targets - scores


def signs_as_targets(targets, scores):
    """Signs as targets."""
    return 2 * targets - 1 - torch.sigmoid(scores)


def only_the_sign(targets, scores):
    """Only the sign."""
    return (targets - torch.sigmoid(scores)).sign()


def through_the_sigmoid(targets, scores):
    """Through the sigmoid."""
    p = torch.sigmoid(scores)
    return (targets - p) * p * (1 - p)


def newton_step(targets, scores):
    """Newton step."""
    p = torch.sigmoid(scores)
    return (targets - p) / (p * (1 - p))


def divided_by_n(targets, scores):
    """Divided by n."""
    return (targets - torch.sigmoid(scores)) / len(targets)


def hard_prediction(targets, scores):
    """Hard prediction."""
    return targets - (scores > 0).float()


LOG_LOSS_RESIDUAL = Exercise(
    name="ensembles.log_loss_residual",
    difficulty=1,
    answer=log_loss_residual,
    right_answers=[by_autograd, case_by_case],
    cases=[
        (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0])),
        (torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.tensor([2.0, 2.0, -1.0, -3.0])),
        (torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.5, 0.5, 4.0])),
    ],
    wrong_answers=[
        WrongAnswer(gradient_itself, "That is the gradient. The next tree goes against it, so change the sign."),
        WrongAnswer(
            residual_of_squared_error,
            "That is for squared error. Turn the scores into probabilities first.",
        ),
        WrongAnswer(signs_as_targets, "The targets are 0 and 1 here, not -1 and 1."),
        WrongAnswer(only_the_sign, "Keep the size as well: a sure mistake counts more than an unsure one."),
        WrongAnswer(
            through_the_sigmoid, "That is for the squared error of the probability. For log loss p (1 - p) cancels."
        ),
        WrongAnswer(newton_step, "The division by p (1 - p) belongs to the leaf's step, not to the residual."),
        WrongAnswer(divided_by_n, "Each example has its own loss. Do not divide by their number."),
        WrongAnswer(hard_prediction, "Take the probability, sigmoid(score), and not the predicted class."),
    ],
    hints=[
        "The derivative of -log(sigmoid(s)) is sigmoid(s) - 1, and that of -log(1 - sigmoid(s)) is sigmoid(s).",
        "Both are sigmoid(s) - target. Change the sign.",
    ],
    praise="Each tree learns these residuals, so log loss needs only regression trees.",
)

# ---------------------------------------------------------------------------------------- ensembles.pick_members


def pick_members(
    probabilities: torch.Tensor,
    targets: torch.Tensor,
    n_picks: int,
) -> list[int]:
    """Return the members that greedy selection picks, in this order.

    probabilities: of validation images, shape (members, N, classes). Begin without any
    member. Then n_picks times add the member for which the mean probabilities of all
    picks have the lowest log loss on the targets. A member can be picked more than
    once, and then counts as often. Of equal ones take the one with the lowest number.
    """
    of_truth = probabilities[:, torch.arange(len(targets)), targets]
    total, picks = torch.zeros(len(targets)), []
    for n in range(1, n_picks + 1):
        losses = -((total + of_truth) / n).log().mean(dim=1)
        picks.append(int(losses.argmin()))
        total = total + of_truth[picks[-1]]
    return picks


def with_whole_averages(probabilities, targets, n_picks):
    """With whole averages."""
    picks = []
    for _ in range(n_picks):
        losses = []
        for member in range(len(probabilities)):
            mean = probabilities[[*picks, member]].mean(dim=0)
            losses.append(torch.nn.functional.nll_loss(mean.log(), targets).item())
        picks.append(losses.index(min(losses)))
    return picks


def with_a_running_mean(probabilities, targets, n_picks):
    """With a running mean."""
    rows = torch.arange(len(targets))
    mean, picks = torch.zeros_like(probabilities[0]), []
    for n in range(n_picks):
        tried = (n * mean + probabilities) / (n + 1)
        best = int((-tried[:, rows, targets].log()).mean(dim=1).argmin())
        picks, mean = [*picks, best], tried[best]
    return picks


def _pick(probabilities, targets, n_picks, measure, repeat=True):
    picks = []
    for _ in range(n_picks):
        left = [m for m in range(len(probabilities)) if repeat or m not in picks]
        scores = {m: measure(probabilities[[*picks, m]], targets) for m in left}
        picks.append(min(scores, key=lambda m: scores[m]))
    return picks


def _mean_log_loss(chosen, targets):
    return torch.nn.functional.nll_loss(chosen.mean(dim=0).log(), targets).item()


def best_members_alone(probabilities, targets, n_picks):
    """Best members alone."""
    losses = [_mean_log_loss(p[None], targets) for p in probabilities]
    return sorted(range(len(losses)), key=lambda m: losses[m])[:n_picks]


def never_twice(probabilities, targets, n_picks):
    """Never twice."""
    return _pick(probabilities, targets, n_picks, _mean_log_loss, repeat=False)


def softmax_of_probabilities(probabilities, targets, n_picks):
    """Softmax of probabilities."""
    return _pick(
        probabilities,
        targets,
        n_picks,
        lambda p, t: torch.nn.functional.cross_entropy(p.mean(dim=0), t).item(),
    )


def by_accuracy(probabilities, targets, n_picks):
    """By accuracy."""
    return _pick(
        probabilities, targets, n_picks, lambda p, t: -(p.mean(dim=0).argmax(dim=1) == t).float().mean().item()
    )


def mean_of_the_losses(probabilities, targets, n_picks):
    """Mean of the losses."""
    return _pick(probabilities, targets, n_picks, lambda p, t: -p.log()[:, torch.arange(len(t)), t].mean().item())


def highest_loss(probabilities, targets, n_picks):
    """Highest loss."""
    return _pick(probabilities, targets, n_picks, lambda p, t: -_mean_log_loss(p, t))


def last_pick_only(probabilities, targets, n_picks):
    """Last pick only."""
    picks = []
    for _ in range(n_picks):
        losses = [_mean_log_loss(probabilities[[*picks[-1:], m]], targets) for m in range(len(probabilities))]
        picks.append(losses.index(min(losses)))
    return picks


def sorted_picks(probabilities, targets, n_picks):
    """Sorted picks."""
    return sorted(pick_members(probabilities, targets, n_picks))


def _members_to_pick() -> torch.Tensor:
    of_class_1 = torch.tensor(
        [
            [0.85, 0.15, 0.70, 0.40, 0.70],
            [0.05, 0.05, 0.60, 0.55, 0.95],
            [0.65, 0.80, 0.25, 0.90, 0.75],
            [0.55, 0.60, 0.25, 0.25, 0.35],
        ]
    )
    return torch.stack([1 - of_class_1, of_class_1], dim=2)


_PICKED_TARGETS = torch.tensor([0, 0, 1, 0, 0])

PICK_MEMBERS = Exercise(
    name="ensembles.pick_members",
    difficulty=3,
    answer=pick_members,
    right_answers=[with_whole_averages, with_a_running_mean],
    cases=[
        (_members_to_pick(), _PICKED_TARGETS, 4),
        (_members_to_pick().flip(0), _PICKED_TARGETS, 4),  # never more picks than members, so that all answers that
        (_members_to_pick(), torch.tensor([1, 0, 1, 1, 0]), 4),  # rule out a picked member do the same
        (_members_to_pick()[[3, 0]], _PICKED_TARGETS, 2),
        (_members_to_pick()[:3], torch.tensor([0, 1, 0, 0, 0]), 3),
    ],
    wrong_answers=[
        WrongAnswer(
            best_members_alone,
            "You sort the members by their own losses. Judge each together with those that are picked already.",
        ),
        WrongAnswer(never_twice, "A member can be picked again. Keep all members in each round."),
        WrongAnswer(
            softmax_of_probabilities,
            "cross_entropy expects logits and applies a softmax to your probabilities. Take the mean of -log of the "
            "true class's probability.",
        ),
        WrongAnswer(by_accuracy, "You pick by accuracy. Pick by the log loss of the mean probabilities."),
        WrongAnswer(
            mean_of_the_losses, "You average the losses of the picks. Average their probabilities, then take the loss."
        ),
        WrongAnswer(highest_loss, "You add the member with the highest loss. Take the lowest."),
        WrongAnswer(last_pick_only, "You average with the last pick only. Keep all picks in the mean."),
        WrongAnswer(sorted_picks, "Return the picks in the order in which they were made."),
    ],
    hints=[
        "In each round try every member: the mean of picks + [member], its log loss, and keep the lowest.",
        "Only probabilities[:, torch.arange(N), targets] counts, the probabilities of the true classes.",
        "Keep their sum over the picks; the mean with one more member is (total + of_truth) / n.",
    ],
    praise="This is the ensemble selection of Caruana et al. (2004).",
)

# ------------------------------------------------------------------------------------ ensembles.average_parameters


def average_parameters(
    states: list[dict[str, torch.Tensor]],
) -> dict[str, torch.Tensor]:
    """Return the parameters of a soup: under each name the mean over the networks.

    states: the state_dict of each network, all with the same names and shapes. Leave
    them unchanged.
    """
    names = states[0].keys()
    return {name: torch.stack([s[name] for s in states]).mean(dim=0) for name in names}


def with_sums(states):
    """With sums."""
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}


def in_a_loop(states):
    """In a loop."""
    averaged = {name: torch.zeros_like(value) for name, value in states[0].items()}
    for state in states:
        for name, value in state.items():
            averaged[name] += value / len(states)
    return averaged


def sums_only(states):
    """Sums only."""
    return {name: torch.stack([s[name] for s in states]).sum(dim=0) for name in states[0]}


def first_state(states):
    """First state."""
    return dict(states[0])


def last_state(states):
    """Last state."""
    return dict(states[-1])


def one_number_each(states):
    """One number each."""
    return {name: torch.stack([s[name] for s in states]).mean() for name in states[0]}


def first_and_last(states):
    """First and last."""
    return {name: (states[0][name] + states[-1][name]) / 2 for name in states[0]}


def medians(states):
    """Medians."""
    return {name: torch.stack([s[name] for s in states]).median(dim=0).values for name in states[0]}


def running_halves(states):
    """Running halves."""
    averaged = dict(states[0])
    for state in states[1:]:
        averaged = {name: (averaged[name] + state[name]) / 2 for name in averaged}
    return averaged


def weights_only(states):
    """Weights only."""
    averaged = average_parameters(states)
    return {name: states[0][name] if "bias" in name else value for name, value in averaged.items()}


_STATES = [
    {"0.weight": torch.tensor([[1.0, 2.0], [0.0, 4.0]]), "0.bias": torch.tensor([1.0, -1.0])},
    {"0.weight": torch.tensor([[3.0, 0.0], [1.0, -2.0]]), "0.bias": torch.tensor([0.0, 3.0])},
    {"0.weight": torch.tensor([[8.0, 1.0], [-4.0, 1.0]]), "0.bias": torch.tensor([5.0, 1.0])},
    {"0.weight": torch.tensor([[0.0, 1.0], [2.0, 2.0]]), "0.bias": torch.tensor([2.0, 2.0])},
]

AVERAGE_PARAMETERS = Exercise(
    name="ensembles.average_parameters",
    difficulty=1,
    answer=average_parameters,
    right_answers=[with_sums, in_a_loop],
    cases=[(_STATES[:2],), (_STATES,), (_STATES[1:],), (_STATES[:1],)],
    wrong_answers=[
        WrongAnswer(sums_only, "You add up and do not divide. Take the mean over the networks."),
        WrongAnswer(first_state, "These are the parameters of the first network alone. Average all networks."),
        WrongAnswer(last_state, "These are the parameters of the last network. Average all networks."),
        WrongAnswer(one_number_each, "You average over all entries. Keep the shape: mean(dim=0) of the stack."),
        WrongAnswer(first_and_last, "Only the first and the last network are in your mean."),
        WrongAnswer(medians, "That is a median. Take the mean."),
        WrongAnswer(running_halves, "Halving in each step counts the last network most. All count equally."),
        WrongAnswer(weights_only, "The biases are those of the first network. Average them as well."),
    ],
    hints=[
        "Go through the names of the first state.",
        "torch.stack([s[name] for s in states]).mean(dim=0) is the mean of one parameter.",
    ],
    praise="One network of this kind predicts as fast as a single member.",
)

EXERCISES = [
    MAJORITY_ACCURACY,
    VOTE,
    AVERAGE_PROBABILITIES,
    DISAGREEMENT,
    OUT_OF_BAG,
    BOOSTING_ROUND,
    LOG_LOSS_RESIDUAL,
    AVERAGE_PARAMETERS,
    PICK_MEMBERS,
]
