"""Exercises of the lesson 01_metrics."""

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# ---------------------------------------------------------------------------------------------------- metrics.f1


def f1(tp: int, fp: int, fn: int) -> float:
    """Return F1 from the numbers of true and false positives and false negatives.

    Where there is nothing to count, 0/0, it is 0.
    """
    if tp == 0:
        return 0.0
    return 2 * tp / (2 * tp + fp + fn)


def mean_of_precision_and_recall(tp, fp, fn):
    """The arithmetic mean for the harmonic one."""
    return (tp / max(tp + fp, 1) + tp / max(tp + fn, 1)) / 2


def without_the_two(tp, fp, fn):
    """Half of F1: P R / (P + R)."""
    return tp / max(2 * tp + fp + fn, 1)


def intersection_over_union(tp, fp, fn):
    """The Jaccard index: true positives are not counted twice."""
    return tp / max(tp + fp + fn, 1)


def divides_by_zero(tp, fp, fn):
    """0/0 where there is nothing to count."""
    return 2 * tp / (2 * tp + fp + fn)


def divides_by_zero_without_true_positives(tp, fp, fn):
    """0/0 through precision and recall."""
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return 2 * precision * recall / (precision + recall)


F1 = Exercise(
    name="metrics.f1",
    answer=f1,
    cases=[(1, 1, 0), (10, 3, 2), (4, 0, 0), (5, 0, 15), (0, 2, 1), (0, 0, 3), (0, 0, 0)],
    wrong_answers=[
        WrongAnswer(
            mean_of_precision_and_recall,
            "That is the arithmetic mean of precision and recall. F1 is their harmonic mean, which stays near the "
            "smaller of the two.",
        ),
        WrongAnswer(
            without_the_two,
            "That is half of F1: a perfect classifier would get 0.5. The harmonic mean of two numbers has a factor 2.",
        ),
        WrongAnswer(
            intersection_over_union,
            "That is TP over everything but TN, known as intersection over union. In F1 the true positives count "
            "twice, above and below.",
        ),
        WrongAnswer(
            divides_by_zero,
            "All three counts can be 0, and then you divide 0 by 0. By convention F1 is 0 there.",
        ),
        WrongAnswer(
            divides_by_zero_without_true_positives,
            "Without true positives you divide 0 by 0 somewhere on the way. By convention F1 is 0 there.",
        ),
    ],
    hints=[
        "Precision is TP / (TP + FP), recall is TP / (TP + FN). F1 is the harmonic mean of the two.",
        "From counts alone it is 2 TP / (2 TP + FP + FN). This needs no precision and no recall.",
        "When is the number below the line 0? Return 0.0 before you divide.",
    ],
    praise="From three counts you can now check any F1 that a paper or a library reports.",
)

# ------------------------------------------------------------------------------------ metrics.cheapest_threshold


def cheapest_threshold(miss: float, false_alarm: float) -> float:
    """Return the probability from which on an alarm is the cheaper choice.

    miss: what a false negative costs, false_alarm: what a false positive costs;
    both above 0. The probabilities are honest.
    """
    return false_alarm / (false_alarm + miss)


def costs_exchanged(miss, false_alarm):
    """The share of the miss."""
    return miss / (false_alarm + miss)


def ratio_of_costs(miss, false_alarm):
    """A ratio, not a share."""
    return false_alarm / miss


def always_one_half(miss, false_alarm):  # noqa: ARG001 - that is the mistake
    """The habit."""
    return 0.5


CHEAPEST_THRESHOLD = Exercise(
    name="metrics.cheapest_threshold",
    answer=cheapest_threshold,
    cases=[(1, 1), (3, 1), (1, 19), (99, 1), (2.5, 0.5)],
    wrong_answers=[
        WrongAnswer(
            costs_exchanged,
            "The two costs have changed places. The dearer a miss is, the earlier the alarm must be raised, so the "
            "lower the threshold.",
        ),
        WrongAnswer(
            ratio_of_costs,
            "That is the ratio of the costs, and it can exceed 1. The threshold is the share of the false alarm in the "
            "sum of both costs.",
        ),
        WrongAnswer(
            always_one_half,
            "One half is the cheapest threshold only where both errors cost the same. Make it depend on the costs.",
        ),
    ],
    hints=[
        "With probability p for positive, an alarm costs (1 - p) · false_alarm on average, and silence costs p · miss.",
        "At the threshold the two cost the same. Set them equal and solve for p.",
        "(1 - p) · false_alarm = p · miss gives p = false_alarm / (false_alarm + miss).",
    ],
    praise="Whoever can say what the two errors cost never needs to guess a threshold again.",
)

# ------------------------------------------------------------------------------------------ metrics.macro_recall


def macro_recall(matrix: torch.Tensor) -> float:
    """Return the mean of the classes' recalls.

    matrix: rows are true classes, columns are predicted classes. A class that neither
    occurs nor is predicted is left out of the mean; a class that is predicted but never
    occurs has recall 0.
    """
    right, actual, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    recalls = right / actual.clamp(min=1)
    return recalls[actual + predicted > 0].mean().item()


def macro_precision(matrix):
    """Columns for rows."""
    return macro_recall(matrix.T)


def micro_recall(matrix):
    """The accuracy."""
    return (matrix.diagonal().sum() / matrix.sum()).item()


def absent_class_counts_as_zero(matrix):
    """The mean goes over all classes."""
    return (matrix.diagonal() / matrix.sum(dim=1).clamp(min=1)).mean().item()


def absent_class_gives_nan(matrix):
    """0/0 in the mean."""
    return (matrix.diagonal() / matrix.sum(dim=1)).mean().item()


def predicted_class_left_out(matrix):
    """The mean goes over the classes that occur."""
    recalls = matrix.diagonal() / matrix.sum(dim=1)
    return recalls[matrix.sum(dim=1) > 0].mean().item()


def never_predicted_class_left_out(matrix):
    """The mean goes over the classes that are predicted."""
    recalls = matrix.diagonal() / matrix.sum(dim=1).clamp(min=1)
    return recalls[matrix.sum(dim=0) > 0].mean().item()


MACRO_RECALL = Exercise(
    name="metrics.macro_recall",
    answer=macro_recall,
    cases=[
        (torch.tensor([[1, 1], [0, 1]]),),
        (torch.tensor([[8, 2], [1, 1]]),),
        (torch.tensor([[90, 8, 2], [10, 35, 5], [3, 3, 4]]),),
        (torch.tensor([[2, 0], [1, 0]]),),
        (torch.tensor([[2, 0, 0], [1, 1, 0], [0, 0, 0]]),),
        (torch.tensor([[2, 0, 0], [0, 1, 1], [0, 0, 0]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            macro_precision,
            "That is the macro precision: you divided by the sums of the columns, the predicted classes. Recall looks "
            "along a row, at one true class.",
        ),
        WrongAnswer(
            micro_recall,
            "That is the micro recall, which is the accuracy: every example weighs the same. For the macro average "
            "take the recall of each class first, then their mean.",
        ),
        WrongAnswer(
            absent_class_counts_as_zero,
            "Your mean counts a class that neither occurs nor is predicted as a recall of 0. Leave such a class out.",
        ),
        WrongAnswer(
            absent_class_gives_nan,
            "A class without examples makes 0/0, which is nan, and nan spoils the whole mean. See to empty rows before "
            "you divide.",
        ),
        WrongAnswer(
            never_predicted_class_left_out,
            "You left out a class that occurs but is never predicted. Its recall is 0, and that is just what the macro "
            "average is there to show.",
        ),
        WrongAnswer(
            predicted_class_left_out,
            "A class that never occurs but is predicted still counts, with recall 0. Only a class that is nowhere is "
            "left out.",
        ),
    ],
    hints=[
        "The diagonal holds the right answers of each class; the sum of a row is how many examples that class has.",
        "`matrix.diagonal()` and `matrix.sum(dim=1)` give one number a class. Their quotient is the recall.",
        "`.clamp(min=1)` on the sums of the rows keeps an empty row from making 0/0.",
        "A class takes part where the sum of its row or of its column is above 0. Pick those with a mask, then take "
        "`.mean().item()`.",
    ],
    praise="This is what torchmetrics calls macro accuracy, and it does not look away from a rare class.",
)

# --------------------------------------------------------------------------------------------- metrics.roc_point


def roc_point(
    scores: torch.Tensor,
    targets: torch.Tensor,
    threshold: float,
) -> tuple[float, float]:
    """Return one point of the ROC curve: the false positive rate and the recall.

    An alarm is a score of the threshold or more. targets: 1 for positive, 0 for negative; both occur.
    """
    alarms = scores >= threshold
    return alarms[targets == 0].float().mean().item(), alarms[targets == 1].float().mean().item()


def threshold_is_no_alarm(scores, targets, threshold):
    """Above for at or above."""
    alarms = scores > threshold
    return alarms[targets == 0].float().mean().item(), alarms[targets == 1].float().mean().item()


def precision_for_recall(scores, targets, threshold):
    """Right alarms over all alarms."""
    false_positive_rate, _ = roc_point(scores, targets, threshold)
    alarms = scores >= threshold
    return false_positive_rate, ((alarms & (targets == 1)).sum() / alarms.sum().clamp(min=1)).item()


def false_alarms_over_all(scores, targets, threshold):
    """False alarms over all examples."""
    _, recall = roc_point(scores, targets, threshold)
    return ((scores >= threshold) & (targets == 0)).float().mean().item(), recall


def false_alarms_over_alarms(scores, targets, threshold):
    """False alarms over all alarms: 1 - precision."""
    _, recall = roc_point(scores, targets, threshold)
    alarms = scores >= threshold
    return ((alarms & (targets == 0)).sum() / alarms.sum().clamp(min=1)).item(), recall


def axes_exchanged(scores, targets, threshold):
    """Recall first."""
    return roc_point(scores, targets, threshold)[::-1]


ROC_POINT = Exercise(
    name="metrics.roc_point",
    answer=roc_point,
    cases=[
        (torch.tensor([0.9, 0.2, 0.1]), torch.tensor([1, 0, 0]), 0.5),
        (torch.tensor([0.75, 0.5, 0.25]), torch.tensor([1, 1, 0]), 0.5),
        (torch.tensor([0.75, 0.5, 0.25, 0.5]), torch.tensor([1, 0, 0, 1]), 0.25),
        (torch.tensor([0.75, 0.25, 0.75, 0.25, 0.75]), torch.tensor([1, 1, 0, 0, 1]), 0.5),
        (torch.tensor([0.75, 0.5]), torch.tensor([1, 0]), 0.9),
    ],
    wrong_answers=[
        WrongAnswer(
            threshold_is_no_alarm,
            "A score that equals the threshold raises the alarm too: at or above it, `>=`, not above it.",
        ),
        WrongAnswer(
            precision_for_recall,
            "The second number is the precision: you divided by all alarms. Recall divides the right alarms by all "
            "positives.",
        ),
        WrongAnswer(
            false_alarms_over_all,
            "The first number divides the false alarms by all examples. The false positive rate divides them by the "
            "negatives only: each axis of ROC is a share within one class.",
        ),
        WrongAnswer(
            false_alarms_over_alarms,
            "The first number is the share of alarms that are false, which is 1 - precision. The false positive rate "
            "divides the false alarms by all negatives.",
        ),
        WrongAnswer(
            axes_exchanged,
            "Both numbers are right, but they have changed places: the false positive rate, the horizontal axis, comes "
            "first.",
        ),
    ],
    hints=[
        "`alarms = scores >= threshold` says for each example whether there is an alarm.",
        "The false positive rate is the share of alarms among the negatives, the recall that among the positives.",
        "`alarms[targets == 0]` picks the negatives; `.float().mean().item()` is the share of True among them.",
    ],
    praise="Move the threshold from high to low, and these points draw the whole ROC curve.",
)

# ------------------------------------------------------------------------------------- metrics.paired_gain


def paired_gain(right_a: torch.Tensor, right_b: torch.Tensor) -> tuple[float, float]:
    """Return the mean of the differences B - A on the same examples, and its standard error.

    right_a, right_b: 1.0 where a model is right and 0.0 where it is wrong, shape (N,).
    The standard error is the standard deviation of the differences (divided by N - 1, as
    torch does by default) over the root of N.
    """
    differences = right_b - right_a
    return differences.mean().item(), differences.std().item() / len(differences) ** 0.5


def unpaired(right_a, right_b):
    """The variances are added, as if the examples were different ones."""
    variance = (right_a.var() + right_b.var()) / len(right_a)
    return (right_b - right_a).mean().item(), variance.item() ** 0.5


def standard_deviation(right_a, right_b):
    """Not divided by the root of N."""
    differences = right_b - right_a
    return differences.mean().item(), differences.std().item()


def divided_by_n(right_a, right_b):
    """Divided by N, not by its root."""
    differences = right_b - right_a
    return differences.mean().item(), differences.std().item() / len(differences)


def without_correction(right_a, right_b):
    """Divided by N for N - 1 in the variance."""
    differences = right_b - right_a
    return differences.mean().item(), differences.std(correction=0).item() / len(differences) ** 0.5


def root_of_differing_pairs(right_a, right_b):
    """The root of how many pictures tell the two apart, over N."""
    differences = right_b - right_a
    return differences.mean().item(), differences.abs().sum().item() ** 0.5 / len(differences)


def a_minus_b(right_a, right_b):
    """The other sign."""
    return paired_gain(right_b, right_a)


PAIRED_GAIN = Exercise(
    name="metrics.paired_gain",
    answer=paired_gain,
    cases=[
        (torch.tensor([1.0, 0.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, 0.0, 1.0])),
        (torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0])),
        (torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])),
        (torch.tensor([1.0, 0.0, 0.0, 1.0]), torch.tensor([1.0, 1.0, 1.0, 1.0])),
        (torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])),
    ],
    wrong_answers=[
        WrongAnswer(
            unpaired,
            "That is the standard error for two sets of different examples: you added two variances. Here both models "
            "saw the same examples. Take the difference on each example first, then the spread of the differences.",
        ),
        WrongAnswer(
            standard_deviation,
            "That is how far one difference spreads. Their mean is surer, the more examples there are: divide by the "
            "root of N.",
        ),
        WrongAnswer(
            divided_by_n,
            "You divided by N. Variances are divided by N, standard deviations by its root.",
        ),
        WrongAnswer(
            without_correction,
            "Your standard deviation is without Bessel's correction, as `numpy.std` has it by default. `torch.std` "
            "divides by N - 1.",
        ),
        WrongAnswer(
            root_of_differing_pairs,
            "That is the spread if A and B were equally good. The standard deviation is taken around the mean of the "
            "differences, not around 0, and with Bessel's correction.",
        ),
        WrongAnswer(a_minus_b, "The sign is the other one: B minus A, so that a gain of B is positive."),
    ],
    hints=[
        "Subtract first: one difference for each example, 1, 0 or -1.",
        "The mean of the differences is the gain; `.std()` is how far they spread.",
        "The standard error of a mean is the standard deviation over the root of the number of values: "
        "`len(differences) ** 0.5`.",
    ],
    praise="A gain of three standard errors or more is one that you can believe, and this course claims no less.",
)

# ------------------------------------------------------------------------------------------- metrics.brier_score


def brier_score(probabilities: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the Brier score: squared errors of the probabilities.

    They are summed over the classes and averaged over the examples.
    probabilities: shape (N, classes), targets: true classes, shape (N,).
    """
    truth = torch.nn.functional.one_hot(targets, probabilities.shape[1])
    return (probabilities - truth).square().sum(dim=1).mean().item()


def mean_over_classes(probabilities, targets):
    """Divided by the number of classes, too."""
    return brier_score(probabilities, targets) / probabilities.shape[1]


def sum_over_examples(probabilities, targets):
    """Not averaged."""
    return brier_score(probabilities, targets) * len(targets)


def true_class_only(probabilities, targets):
    """The probabilities of the other classes are left out."""
    return (1 - probabilities.gather(1, targets[:, None])).square().mean().item()


def answers_for_probabilities(probabilities, targets):
    """The argmax is scored."""
    answers = torch.nn.functional.one_hot(probabilities.argmax(dim=1), probabilities.shape[1])
    return brier_score(answers.float(), targets)


def absolute_error(probabilities, targets):
    """The score that is not proper."""
    truth = torch.nn.functional.one_hot(targets, probabilities.shape[1])
    return (probabilities - truth).abs().sum(dim=1).mean().item()


def halved(probabilities, targets):
    """The convention for two classes."""
    return brier_score(probabilities, targets) / 2


BRIER_SCORE = Exercise(
    name="metrics.brier_score",
    answer=brier_score,
    cases=[
        (torch.tensor([[0.75, 0.25]]), torch.tensor([0])),
        (torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([1])),
        (torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]), torch.tensor([0, 1])),
        (torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), torch.tensor([0, 0, 1])),
    ],
    wrong_answers=[
        WrongAnswer(
            mean_over_classes,
            "You averaged over the classes. The squares of one example are summed over its classes; only the examples "
            "are averaged.",
        ),
        WrongAnswer(
            halved,
            "That is half of it: the other convention, for two classes. Here the squares of all classes are summed.",
        ),
        WrongAnswer(
            sum_over_examples,
            "You summed over the examples, so a larger test set gets a larger score. Average over them.",
        ),
        WrongAnswer(
            true_class_only,
            "Only the probability of the true class enters. The others have errors too: the truth for them is 0.",
        ),
        WrongAnswer(
            answers_for_probabilities,
            "You scored the answers, the `argmax`. The Brier score compares the probabilities themselves, so that "
            "honesty pays.",
        ),
        WrongAnswer(
            absolute_error,
            "You took absolute errors. These reward a claim of certainty, as the picture above shows; square them.",
        ),
    ],
    hints=[
        "The truth is a row for each example: 1 for the true class, 0 for all others. "
        "`torch.nn.functional.one_hot(targets, classes)` makes it.",
        "Square the differences between the probabilities and the truth; they have the shape (N, classes).",
        "`.sum(dim=1)` adds over the classes, `.mean()` averages over the examples, `.item()` makes a number of it.",
    ],
    praise="The score is lowest for honest probabilities, so a model cannot improve it by shouting.",
)

EXERCISES = [F1, CHEAPEST_THRESHOLD, MACRO_RECALL, ROC_POINT, PAIRED_GAIN, BRIER_SCORE]
