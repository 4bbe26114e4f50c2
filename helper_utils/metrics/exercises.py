"""Exercises of the lesson 01_metrics."""

import math

import torch

from helper_utils.teaching.registry import Exercise, WrongAnswer

# --------------------------------------------------------------------------------------------- metrics.confusion_matrix


def confusion_matrix(
    predictions: torch.Tensor,
    targets: torch.Tensor,
    num_classes: int,
) -> torch.Tensor:
    """Count how often each class was predicted for each true class.

    predictions, targets: class numbers, shape (N,). Returns integers, shape
    (num_classes, num_classes): a row for each true class, a column for each predicted
    class.
    """
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for i in range(len(targets)):
        matrix[targets[i], predictions[i]] += 1
    return matrix


def confusion_by_bincount(predictions, targets, num_classes):
    """Number the cells row by row, and count the numbers."""
    cells = targets * num_classes + predictions
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def confusion_by_one_hot(predictions, targets, num_classes):
    """A product of two tables of zeros and ones."""
    one_hot = torch.nn.functional.one_hot
    return one_hot(targets, num_classes).T @ one_hot(predictions, num_classes)


def rows_are_predictions(predictions, targets, num_classes):
    """Transposed."""
    return confusion_by_bincount(targets, predictions, num_classes)


def each_cell_once(predictions, targets, num_classes):
    """Indexed assignment does not count a cell that occurs twice in the index."""
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    matrix[targets, predictions] += 1
    return matrix


def shares_of_rows(predictions, targets, num_classes):
    """Normalised."""
    matrix = confusion_by_bincount(predictions, targets, num_classes)
    return matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)


def shares_of_all(predictions, targets, num_classes):
    """Divided by N."""
    return confusion_by_bincount(predictions, targets, num_classes) / len(targets)


def right_predictions_only(predictions, targets, num_classes):
    """The diagonal."""
    right = targets[predictions == targets]
    return torch.bincount(right, minlength=num_classes).diag()


def as_large_as_the_largest_label(predictions, targets, num_classes):  # noqa: ARG001 - that is the mistake
    """num_classes is not used."""
    n = int(max(predictions.max(), targets.max())) + 1
    return confusion_by_bincount(predictions, targets, n)


CONFUSION_MATRIX = Exercise(
    name="metrics.confusion_matrix",
    answer=confusion_matrix,
    difficulty=1,
    right_answers=(confusion_by_bincount, confusion_by_one_hot),
    cases=[
        (torch.tensor([1, 0, 1]), torch.tensor([0, 0, 1]), 2),
        (torch.tensor([0, 0, 1, 1, 1]), torch.tensor([1, 1, 1, 0, 1]), 2),
        (torch.tensor([2, 2, 0, 1, 2, 0]), torch.tensor([2, 0, 0, 2, 2, 1]), 3),
        (torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 4),
    ],
    wrong_answers=[
        WrongAnswer(
            rows_are_predictions,
            "Rows and columns have changed places. The row is the true class, so the first index is the target.",
        ),
        WrongAnswer(
            each_cell_once,
            "A cell that occurs several times counts only once: `matrix[targets, predictions] += 1` adds 1 to each "
            "cell at most. Use a loop over the examples, or number the cells and call `torch.bincount`.",
        ),
        WrongAnswer(
            shares_of_rows,
            "You divided each row by its sum. Such shares are good to draw, but precision cannot be computed from "
            "them. Return the counts.",
        ),
        WrongAnswer(shares_of_all, "You divided by the number of examples. Return the counts themselves."),
        WrongAnswer(
            right_predictions_only,
            "Only the diagonal is filled. The errors belong into the matrix too, in the row of the true class.",
        ),
        WrongAnswer(
            as_large_as_the_largest_label,
            "Your matrix is only as large as the largest label that occurs. Classes that do not occur have a row and a "
            "column too: use `num_classes`.",
        ),
    ],
    hints=[
        "Start from `torch.zeros(num_classes, num_classes, dtype=torch.long)`.",
        "Go through the examples, `for i in range(len(targets))`, and add 1 to one cell for each.",
        "The cell is `matrix[targets[i], predictions[i]]`: the true class chooses the row.",
    ],
    praise="Every number of sections 1 to 4 is now computed from your matrix.",
)

# --------------------------------------------------------------------------------------------- metrics.precision_recall


def precision_recall(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the precision and the recall of each class, both of shape (classes,).

    matrix: rows are true classes, columns are predicted classes. 0/0 is 0.
    """
    right = matrix.diagonal()
    predicted, actual = matrix.sum(dim=0), matrix.sum(dim=1)
    return right / predicted.clamp(min=1), right / actual.clamp(min=1)


def precision_recall_class_by_class(matrix):
    """A loop, and the case of 0/0 by itself."""
    n = len(matrix)
    precision, recall = torch.zeros(n), torch.zeros(n)
    for k in range(n):
        if matrix[k, k] > 0:
            precision[k] = matrix[k, k] / sum(matrix[row, k] for row in range(n))
            recall[k] = matrix[k, k] / sum(matrix[k, column] for column in range(n))
    return precision, recall


def precision_recall_nan_replaced(matrix):
    """Divide, then replace."""
    right = torch.diag(matrix).double()
    return (right / matrix.sum(0)).nan_to_num(0.0), (right / matrix.sum(1)).nan_to_num(0.0)


def recall_and_precision(matrix):
    """The order."""
    return precision_recall(matrix)[::-1]


def nan_for_a_class_never_predicted(matrix):
    """0/0."""
    return matrix.diagonal() / matrix.sum(dim=0), matrix.diagonal() / matrix.sum(dim=1)


def right_over_all_examples(matrix):
    """Both shares of the whole."""
    share = matrix.diagonal() / matrix.sum()
    return share, share


def means_over_classes(matrix):
    """Macro averages."""
    precision, recall = precision_recall(matrix)
    return precision.mean(), recall.mean()


def right_over_errors(matrix):
    """The diagonal is left out below the line."""
    right = matrix.diagonal()
    return right / (matrix.sum(dim=0) - right).clamp(min=1), right / (matrix.sum(dim=1) - right).clamp(min=1)


def other_classes_right_too(matrix):
    """True negatives count as right: the accuracy of each class against the rest."""
    right, predicted, actual = matrix.diagonal(), matrix.sum(dim=0), matrix.sum(dim=1)
    share = (matrix.sum() - predicted - actual + 2 * right) / matrix.sum()
    return share, share


def whole_numbers_only(matrix):
    """Integer division."""
    right = matrix.diagonal()
    return right // matrix.sum(dim=0).clamp(min=1), right // matrix.sum(dim=1).clamp(min=1)


PRECISION_RECALL = Exercise(
    name="metrics.precision_recall",
    answer=precision_recall,
    difficulty=2,
    right_answers=(precision_recall_class_by_class, precision_recall_nan_replaced),
    cases=[
        (torch.tensor([[10, 2], [3, 15]]),),
        (torch.tensor([[90, 8, 2], [10, 35, 5], [3, 3, 4]]),),
        (torch.tensor([[3, 0], [2, 0]]),),
        (torch.tensor([[3, 0, 1], [0, 2, 0], [0, 0, 0]]),),
    ],
    wrong_answers=[
        WrongAnswer(
            recall_and_precision,
            "The two have changed places. Precision divides by the sum of a *column* (all that was predicted as this "
            "class), recall by the sum of a *row*; precision comes first.",
        ),
        WrongAnswer(
            nan_for_a_class_never_predicted,
            "A class that is never predicted, or never occurs, gives 0/0, which is nan. By convention it is 0.",
        ),
        WrongAnswer(
            right_over_all_examples,
            "You divided by the number of all examples. Precision divides by what was predicted as this class, recall "
            "by the examples of this class.",
        ),
        WrongAnswer(
            means_over_classes,
            "You averaged over the classes. Return one precision and one recall for each class.",
        ),
        WrongAnswer(
            right_over_errors,
            "You divided by the errors only. The right ones belong to the whole too: divide by the full sum of the "
            "column or row.",
        ),
        WrongAnswer(
            other_classes_right_too,
            "That is the accuracy of each class against the rest: it counts true negatives as right. Only the diagonal "
            "entry stands above the line.",
        ),
        WrongAnswer(whole_numbers_only, "`//` cuts off the fraction. Divide with `/`."),
    ],
    hints=[
        "`matrix.diagonal()` holds the right predictions of each class.",
        "`matrix.sum(dim=0)` adds up each column: how often a class was predicted. `dim=1` adds up each row.",
        "`.clamp(min=1)` on the sums turns 0/0 into 0/1.",
    ],
    praise="Two numbers for each class say more than one for all.",
)

# ---------------------------------------------------------------------------------------------------- metrics.f1


def f1(tp: int, fp: int, fn: int) -> float:
    """Return F1 from the numbers of true and false positives and false negatives.

    Where there is nothing to count, 0/0, it is 0.
    """
    if tp == 0:
        return 0.0
    return 2 * tp / (2 * tp + fp + fn)


def f1_from_precision_and_recall(tp, fp, fn):
    """The harmonic mean of the two."""
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def f1_from_the_mean_of_both_sums(tp, fp, fn):
    """Right over the mean of predicted and actual."""
    mean_size = ((tp + fp) + (tp + fn)) / 2
    return tp / mean_size if mean_size > 0 else 0.0


def geometric_mean(tp, fp, fn):
    """The root of the product."""
    return (tp / max(tp + fp, 1) * tp / max(tp + fn, 1)) ** 0.5


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
    difficulty=1,
    right_answers=(f1_from_precision_and_recall, f1_from_the_mean_of_both_sums),
    cases=[(1, 1, 0), (10, 3, 2), (4, 0, 0), (5, 0, 15), (0, 2, 1), (0, 0, 3), (0, 0, 0)],
    wrong_answers=[
        WrongAnswer(
            mean_of_precision_and_recall,
            "That is the arithmetic mean of precision and recall. F1 is their harmonic mean, which stays near the "
            "smaller of the two.",
        ),
        WrongAnswer(
            geometric_mean,
            "That is the geometric mean of precision and recall, the root of their product. F1 is the harmonic mean.",
        ),
        WrongAnswer(
            without_the_two,
            "That is half of F1: a perfect classifier would get 0.5. The harmonic mean of two numbers has a factor 2.",
        ),
        WrongAnswer(
            intersection_over_union,
            "That is TP over everything but TN, known as intersection over union. In F1 the true positives count "
            "twice, above and below the line.",
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

    miss: what a false negative costs, false_alarm: what a false positive costs; both
    above 0. The probabilities are calibrated.
    """
    return false_alarm / (false_alarm + miss)


def threshold_from_the_ratio(miss, false_alarm):
    """The same share, from how many times a miss costs a false alarm."""
    return 1 / (1 + miss / false_alarm)


def threshold_by_bisection(miss, false_alarm):
    """Where an alarm and silence cost the same."""
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        if (1 - p) * false_alarm > p * miss:
            low = p
        else:
            high = p
    return (low + high) / 2


def one_over_the_miss(miss, false_alarm):
    """The other cost is not added."""
    return min(1.0, false_alarm / max(miss, false_alarm))


def shifted_by_the_costs(miss, false_alarm):
    """Half, moved by the difference."""
    return 0.5 - 0.5 * (miss - false_alarm) / max(miss, false_alarm)


def odds_of_the_root(miss, false_alarm):
    """The costs as squares."""
    return false_alarm**2 / (false_alarm**2 + miss**2)


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
    difficulty=1,
    right_answers=(threshold_from_the_ratio, threshold_by_bisection),
    cases=[(1, 1), (3, 1), (1, 19), (99, 1), (2.5, 0.5)],
    wrong_answers=[
        WrongAnswer(
            costs_exchanged,
            "The two costs have changed places. The more a miss costs, the earlier the alarm must be raised, so "
            "the lower the threshold.",
        ),
        WrongAnswer(
            ratio_of_costs,
            "That is the ratio of the costs, and it can exceed 1. The threshold is the share of the false alarm in the "
            "sum of both costs.",
        ),
        WrongAnswer(
            one_over_the_miss,
            "You divided by the larger cost alone. Divide by the *sum* of both: equal costs must give 0.5.",
        ),
        WrongAnswer(
            shifted_by_the_costs,
            "You moved the threshold in proportion to the difference of the costs. Set the expected costs of alarm and "
            "no alarm equal, and solve for p.",
        ),
        WrongAnswer(
            odds_of_the_root,
            "You squared the costs. They enter the expected cost as they are.",
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
    praise="If you know what the two errors cost, and the probabilities are calibrated, nothing is left to tune.",
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


def macro_recall_class_by_class(matrix):
    """A loop over the classes."""
    recalls = []
    for k in range(len(matrix)):
        row, column = int(matrix[k].sum()), int(matrix[:, k].sum())
        if row > 0:
            recalls.append(int(matrix[k, k]) / row)
        elif column > 0:
            recalls.append(0.0)
    return sum(recalls) / len(recalls)


def macro_recall_with_nan(matrix):
    """Replace nan where the class is predicted, and let nanmean leave out the rest."""
    recalls = matrix.diagonal() / matrix.sum(dim=1)
    predicted_only = (matrix.sum(dim=1) == 0) & (matrix.sum(dim=0) > 0)
    return torch.where(predicted_only, 0.0, recalls).nanmean().item()


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
    difficulty=2,
    right_answers=(macro_recall_class_by_class, macro_recall_with_nan),
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
            "A class without examples makes 0/0, which is nan, and nan makes the whole mean nan. Deal with "
            "empty rows before you divide.",
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
    praise="This is what torchmetrics calls macro accuracy. A rare class counts as much as any other in it.",
)

# --------------------------------------------------------------------------------------------- metrics.roc_point


def roc_point(
    scores: torch.Tensor,
    targets: torch.Tensor,
    threshold: float,
) -> tuple[float, float]:
    """Return one point of the ROC curve: the false positive rate and the recall.

    An alarm is a score of the threshold or more. targets: 1 for positive, 0 for
    negative; both occur.
    """
    alarms = scores >= threshold
    return alarms[targets == 0].float().mean().item(), alarms[targets == 1].float().mean().item()


def roc_point_from_counts(scores, targets, threshold):
    """Counts, then shares."""
    alarms = scores >= threshold
    fp, tp = (alarms & (targets == 0)).sum(), (alarms & (targets == 1)).sum()
    return (fp / (targets == 0).sum()).item(), (tp / (targets == 1).sum()).item()


def roc_point_in_plain_python(scores, targets, threshold):
    """Without masks."""
    negatives = [score for score, target in zip(scores.tolist(), targets.tolist(), strict=True) if target == 0]
    positives = [score for score, target in zip(scores.tolist(), targets.tolist(), strict=True) if target == 1]
    return (
        sum(score >= threshold for score in negatives) / len(negatives),
        sum(score >= threshold for score in positives) / len(positives),
    )


def share_without_alarm(scores, targets, threshold):
    """The true negative rate for the false positive rate."""
    false_positive_rate, recall = roc_point_in_plain_python(scores, targets, threshold)
    return 1 - false_positive_rate, recall


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
    difficulty=2,
    right_answers=(roc_point_from_counts, roc_point_in_plain_python),
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
            share_without_alarm,
            "The first number is the share of the negatives *without* an alarm (the true negative rate, or "
            "specificity). The false positive rate is 1 minus that.",
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

# --------------------------------------------------------------------------------------------- metrics.choose_threshold


def choose_threshold(
    scores: torch.Tensor,
    targets: torch.Tensor,
    miss: float,
    false_alarm: float,
) -> float:
    """Return the threshold with the lowest total cost on these examples.

    An alarm is a score of the threshold or more; a missed positive costs miss, a false
    alarm costs false_alarm. Candidates are the scores and infinity (no alarm). Of
    equally cheap candidates return the highest.
    """
    best, lowest_cost = float("inf"), miss * (targets == 1).sum().item()
    for threshold in sorted(scores.tolist(), reverse=True):
        alarms = scores >= threshold
        misses = (~alarms & (targets == 1)).sum().item()
        false_alarms = (alarms & (targets == 0)).sum().item()
        cost = miss * misses + false_alarm * false_alarms
        if cost < lowest_cost:
            best, lowest_cost = threshold, cost
    return best


def choose_by_table(scores, targets, miss, false_alarm):
    """All candidates at once: a row for each."""
    candidates = torch.cat([scores.unique(), torch.tensor([torch.inf])]).flip(0)
    alarms = scores >= candidates[:, None]
    cost = miss * (~alarms & (targets == 1)).sum(dim=1) + false_alarm * (alarms & (targets == 0)).sum(dim=1)
    return candidates[(cost == cost.min()).nonzero()[0, 0]].item()


def choose_by_sorting(scores, targets, miss, false_alarm):
    """Lower the threshold past one distinct score after another, and keep account of the cost."""
    pairs = sorted(zip(scores.tolist(), targets.tolist(), strict=True), reverse=True)
    cost = best_cost = miss * sum(target == 1 for _, target in pairs)
    best = float("inf")
    for i, (score, target) in enumerate(pairs):
        cost += -miss if target == 1 else false_alarm
        last_of_ties = i + 1 == len(pairs) or pairs[i + 1][0] < score
        if last_of_ties and cost < best_cost:
            best, best_cost = score, cost
    return best


def fewest_errors(scores, targets, miss, false_alarm):  # noqa: ARG001 - that is the mistake
    """Both errors cost the same."""
    return choose_by_table(scores, targets, 1, 1)


def error_costs_exchanged(scores, targets, miss, false_alarm):
    """A miss costs what a false alarm costs, and the other way round."""
    return choose_by_table(scores, targets, false_alarm, miss)


def some_alarm_is_needed(scores, targets, miss, false_alarm):
    """Infinity is not tried."""
    candidates = sorted(set(scores.tolist()), reverse=True)
    costs = []
    for threshold in candidates:
        alarms = scores >= threshold
        costs.append(
            miss * (~alarms & (targets == 1)).sum().item() + false_alarm * (alarms & (targets == 0)).sum().item()
        )
    return candidates[costs.index(min(costs))]


def score_at_the_threshold_is_no_alarm(scores, targets, miss, false_alarm):
    """Above for at or above."""
    candidates = [float("inf"), *sorted(set(scores.tolist()), reverse=True)]
    costs = []
    for threshold in candidates:
        alarms = scores > threshold
        costs.append(
            miss * (~alarms & (targets == 1)).sum().item() + false_alarm * (alarms & (targets == 0)).sum().item()
        )
    return candidates[costs.index(min(costs))]


def lowest_of_equally_cheap(scores, targets, miss, false_alarm):
    """The other end of a tie."""
    candidates = [*sorted(set(scores.tolist())), float("inf")]
    costs = []
    for threshold in candidates:
        alarms = scores >= threshold
        costs.append(
            miss * (~alarms & (targets == 1)).sum().item() + false_alarm * (alarms & (targets == 0)).sum().item()
        )
    return candidates[costs.index(min(costs))]


def threshold_of_the_formula(scores, targets, miss, false_alarm):  # noqa: ARG001 - that is the mistake
    """The scores are not looked at."""
    return false_alarm / (miss + false_alarm)


def lowest_cost_itself(scores, targets, miss, false_alarm):
    """The minimum in place of where it is."""
    threshold = choose_by_table(scores, targets, miss, false_alarm)
    alarms = scores >= threshold
    return miss * (~alarms & (targets == 1)).sum().item() + false_alarm * (alarms & (targets == 0)).sum().item()


def costs_of_rates(scores, targets, miss, false_alarm):
    """Shares within the classes for counts."""
    candidates = [float("inf"), *sorted(set(scores.tolist()), reverse=True)]
    costs = []
    for threshold in candidates:
        alarms = (scores >= threshold).double()
        costs.append(miss * (1 - alarms[targets == 1].mean().item()) + false_alarm * alarms[targets == 0].mean().item())
    return candidates[costs.index(min(costs))]


CHOOSE_THRESHOLD = Exercise(
    name="metrics.choose_threshold",
    answer=choose_threshold,
    difficulty=2,
    right_answers=(choose_by_table, choose_by_sorting),
    cases=[
        (torch.tensor([0.75, 0.5, 0.25]), torch.tensor([1, 0, 0]), 1.0, 1.0),
        (torch.tensor([0.875, 0.75, 0.5, 0.375, 0.25]), torch.tensor([1, 0, 0, 1, 0]), 10.0, 1.0),
        (torch.tensor([0.875, 0.75, 0.5, 0.375, 0.25]), torch.tensor([1, 0, 0, 1, 0]), 1.0, 10.0),
        (torch.tensor([0.75, 0.5, 0.25]), torch.tensor([0, 1, 0]), 1.0, 5.0),
        (torch.tensor([0.75, 0.5, 0.5, 0.25]), torch.tensor([1, 0, 1, 0]), 1.0, 1.0),
        (torch.tensor([0.25, 0.875, 0.75, 0.5]), torch.tensor([1, 1, 0, 0]), 2.0, 1.0),
        (
            torch.tensor([0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]),
            torch.tensor([1, 0, 0, 0, 1, 0, 0, 0]),
            2.0,
            1.0,
        ),
    ],
    wrong_answers=[
        WrongAnswer(
            fewest_errors,
            "That threshold makes the fewest errors: both kinds cost 1. Weigh the misses with `miss` and the false "
            "alarms with `false_alarm`.",
        ),
        WrongAnswer(
            error_costs_exchanged,
            "The two costs have changed places. A miss is a positive without an alarm, a false alarm a negative with "
            "one.",
        ),
        WrongAnswer(
            some_alarm_is_needed,
            "Sometimes the cheapest choice is no alarm at all. Try the threshold infinity, too.",
        ),
        WrongAnswer(
            score_at_the_threshold_is_no_alarm,
            "A score that equals the threshold raises the alarm too: `>=`, not `>`.",
        ),
        WrongAnswer(
            lowest_of_equally_cheap,
            "Of several equally cheap thresholds you return the lowest; the highest is asked for.",
        ),
        WrongAnswer(
            threshold_of_the_formula,
            "That is the formula for calibrated probabilities, which does not look at the scores. Compute the cost of "
            "each candidate on these examples.",
        ),
        WrongAnswer(
            lowest_cost_itself,
            "That is the lowest cost. Return the threshold at which it occurs.",
        ),
        WrongAnswer(
            costs_of_rates,
            "You weighed the miss rate and the false positive rate, as if there were as many positives as negatives. "
            "Weigh the *numbers* of misses and false alarms.",
        ),
    ],
    hints=[
        'The candidates are `[float("inf"), *sorted(scores.tolist(), reverse=True)]`.',
        "For each, `alarms = scores >= threshold`. Misses are `~alarms & (targets == 1)`, false alarms "
        "`alarms & (targets == 0)`.",
        "Go from the highest candidate to the lowest, and keep a new one only if it is cheaper (`<`).",
    ],
    praise="Costs in, threshold out: no habit of 0.5 is needed.",
)

# ------------------------------------------------------------------------------------------ metrics.percentile_interval


def percentile_interval(
    values: torch.Tensor,
    rows: torch.Tensor,
) -> tuple[float, float]:
    """Return the ends of the 95 % bootstrap interval of the mean.

    values: one number for each example, shape (N,), such as 1.0 for right and 0.0 for
    wrong. rows: indices into values, shape (resamples, N). The ends are the 2.5 % and
    the 97.5 % quantile of the resampled means, as torch.quantile computes them.
    """
    means = values[rows].mean(dim=1)
    return means.quantile(0.025).item(), means.quantile(0.975).item()


def interval_by_a_loop(values, rows):
    """One resample at a time."""
    means = torch.stack([values[row].mean() for row in rows])
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return low, high


def interval_by_sorting(values, rows):
    """The quantile by hand, interpolated between its neighbours."""
    means = sorted(values[rows].double().mean(dim=1).tolist())

    def quantile(share):
        place = share * (len(means) - 1)
        below = int(place)
        above = min(below + 1, len(means) - 1)
        return means[below] + (place - below) * (means[above] - means[below])

    return quantile(0.025), quantile(0.975)


def five_percent_at_each_end(values, rows):
    """A 90 % interval."""
    means = values[rows].mean(dim=1)
    return means.quantile(0.05).item(), means.quantile(0.95).item()


def ninety_five_percent_quantile_only(values, rows):
    """Zero to 95 %."""
    means = values[rows].mean(dim=1)
    return means.min().item(), means.quantile(0.95).item()


def smallest_and_largest_mean(values, rows):
    """The range."""
    means = values[rows].mean(dim=1)
    return means.min().item(), means.max().item()


def quantiles_of_the_values(values, rows):
    """Nothing is averaged."""
    drawn = values[rows].flatten()
    return drawn.quantile(0.025).item(), drawn.quantile(0.975).item()


def mean_over_the_resamples(values, rows):
    """The other dimension."""
    means = values[rows].mean(dim=0)
    return means.quantile(0.025).item(), means.quantile(0.975).item()


def mean_with_two_standard_errors(values, rows):
    """The normal approximation."""
    means = values[rows].mean(dim=1)
    return (means.mean() - 1.96 * means.std()).item(), (means.mean() + 1.96 * means.std()).item()


def rows_taken_for_values(values, rows):  # noqa: ARG001 - that is the mistake
    """The indices are averaged."""
    means = rows.double().mean(dim=1)
    return means.quantile(0.025).item(), means.quantile(0.975).item()


_ROWS = torch.randint(8, (60, 8), generator=torch.Generator().manual_seed(0))

PERCENTILE_INTERVAL = Exercise(
    name="metrics.percentile_interval",
    answer=percentile_interval,
    difficulty=2,
    right_answers=(interval_by_a_loop, interval_by_sorting),
    cases=[
        (torch.tensor([1.0, 0.0]), torch.tensor([[0, 0], [0, 1], [1, 1]])),
        (torch.tensor([1.0, 0.0, 0.5]), torch.tensor([[0, 0, 0], [0, 1, 2], [1, 1, 2], [2, 2, 2]])),
        (torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]), _ROWS),
        (torch.tensor([0.5, 3.0, 0.25, 8.0, 0.0, 1.0, 2.0, 1.0]), _ROWS),
    ],
    wrong_answers=[
        WrongAnswer(
            five_percent_at_each_end,
            "You left 5 % out at each end, so this is a 90 % interval. 95 % in the middle leaves 2.5 % at each end.",
        ),
        WrongAnswer(
            ninety_five_percent_quantile_only,
            "You took the lowest 95 %. The interval is the *middle* 95 %: leave out 2.5 % at each end.",
        ),
        WrongAnswer(
            smallest_and_largest_mean,
            "That is the range of all resampled means, which grows with every further resample. Take the 2.5 % and "
            "the 97.5 % quantile.",
        ),
        WrongAnswer(
            quantiles_of_the_values,
            "You took quantiles of single values. First average each resample (each row), then take quantiles of the "
            "means.",
        ),
        WrongAnswer(
            mean_over_the_resamples,
            "You averaged over the resamples. Each *row* is one resampled test set: average along a row, `dim=1`.",
        ),
        WrongAnswer(
            mean_with_two_standard_errors,
            "That is the normal approximation, mean ± 1.96 standard deviations. The bootstrap's interval has the "
            "quantiles of the resampled means as its ends.",
        ),
        WrongAnswer(
            rows_taken_for_values,
            "You averaged the indices. They choose values: `values[rows]` has the shape (resamples, N).",
        ),
    ],
    hints=[
        "`values[rows]` draws all resamples at once: shape (resamples, N).",
        "Average each row: `.mean(dim=1)`.",
        "`means.quantile(0.025)` is the lower end; `.item()` makes a number of it.",
    ],
    praise="The same five words, resample and take the quantiles, work for any metric.",
)

# ------------------------------------------------------------------------------------- metrics.paired_gain


def paired_gain(right_a: torch.Tensor, right_b: torch.Tensor) -> tuple[float, float]:
    """Return the mean of the differences B - A, and its standard error.

    right_a, right_b: 1.0 where a model is right and 0.0 where it is wrong, on the same
    examples, shape (N,). The standard deviation divides by N - 1, as torch does by
    default.
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


def gain_by_hand(right_a, right_b):
    """Sums in plain Python."""
    differences = [b - a for a, b in zip(right_a.tolist(), right_b.tolist(), strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    return mean, (variance / n) ** 0.5


def gain_from_covariance(right_a, right_b):
    """Var(b) + Var(a) - 2 Cov(a, b)."""
    covariance = torch.cov(torch.stack([right_a, right_b]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return (right_b.mean() - right_a.mean()).item(), (variance.clamp(min=0) / len(right_a)).sqrt().item()


def a_minus_b(right_a, right_b):
    """The other sign."""
    return paired_gain(right_b, right_a)


PAIRED_GAIN = Exercise(
    name="metrics.paired_gain",
    answer=paired_gain,
    difficulty=2,
    right_answers=(gain_by_hand, gain_from_covariance),
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
    praise="The mean tells how large the gain is; the standard error tells whether to believe it.",
)

# ------------------------------------------------------------------------------------------- metrics.brier_score


def brier_score(probabilities: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the Brier score: squared errors of the probabilities.

    They are summed over the classes and averaged over the examples.
    probabilities: shape (N, classes), targets: true classes, shape (N,).
    """
    truth = torch.nn.functional.one_hot(targets, probabilities.shape[1])
    return (probabilities - truth).square().sum(dim=1).mean().item()


def brier_by_a_loop(probabilities, targets):
    """Example by example, class by class."""
    total = 0.0
    for row, target in zip(probabilities.tolist(), targets.tolist(), strict=True):
        total += sum((p - (k == target)) ** 2 for k, p in enumerate(row))
    return total / len(targets)


def brier_by_subtraction(probabilities, targets):
    """Subtract 1 in the column of the true class of a copy."""
    errors = probabilities.clone()
    errors[torch.arange(len(targets)), targets] -= 1
    return (errors**2).sum().item() / len(targets)


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
    difficulty=1,
    right_answers=(brier_by_a_loop, brier_by_subtraction),
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
            "You scored the predicted classes, the `argmax`. The Brier score compares the probabilities themselves.",
        ),
        WrongAnswer(
            absolute_error,
            "You took absolute errors. They are lowest for forecasts of 0 or 1, whatever the chance is; square them.",
        ),
    ],
    hints=[
        "The truth is a row for each example: 1 for the true class, 0 for all others. "
        "`torch.nn.functional.one_hot(targets, classes)` makes it.",
        "Square the differences between the probabilities and the truth; they have the shape (N, classes).",
        "`.sum(dim=1)` adds over the classes, `.mean()` averages over the examples, `.item()` makes a number of it.",
    ],
    praise="The expected score is lowest for the true probabilities, so overconfidence does not pay.",
)

# ------------------------------------------------------------------------------------------------------- metrics.decide


def decide(gain: float, standard_error: float, worth: float) -> str:
    """Decide whether to replace the model in use, from a mean gain in accuracy.

    A gain is believed when it is more than 3 standard errors away from worth. Return
    "replace" if the gain is believed to be above worth, "keep" if it is believed to be
    below worth, and "measure more" otherwise. A standard error of nan (from a single
    run) says nothing: "measure more".
    """
    if gain - worth > 3 * standard_error:
        return "replace"
    if worth - gain > 3 * standard_error:
        return "keep"
    return "measure more"


def decide_by_interval(gain, standard_error, worth):
    """Where is the interval of three standard errors?"""
    low, high = gain - 3 * standard_error, gain + 3 * standard_error
    return "replace" if low > worth else "keep" if high < worth else "measure more"


def decide_by_distance(gain, standard_error, worth):
    """First whether, then which."""
    if not abs(gain - worth) > 3 * standard_error:
        return "measure more"
    return "replace" if gain > worth else "keep"


def larger_is_better(gain, standard_error, worth):  # noqa: ARG001 - that is the mistake
    """No uncertainty."""
    return "replace" if gain > worth else "keep"


def keep_when_in_doubt(gain, standard_error, worth):
    """Not significant, so no difference."""
    return "replace" if gain - worth > 3 * standard_error else "keep"


def lower_end_decides_both(gain, standard_error, worth):
    """The interval's lower end says keep, too."""
    low = gain - 3 * standard_error
    return "replace" if low > worth else "keep" if low < worth else "measure more"


def worth_is_ignored(gain, standard_error, worth):  # noqa: ARG001 - that is the mistake
    """Compared with zero."""
    return decide_by_distance(gain, standard_error, 0.0)


def worth_after_significance(gain, standard_error, worth):
    """Significant against zero, and above worth: two questions mixed up."""
    if not abs(gain) > 3 * standard_error:
        return "measure more"
    return "replace" if gain > worth else "keep"


def one_standard_error(gain, standard_error, worth):
    """Too easily convinced."""
    return decide_by_distance(gain, 3 * standard_error / 9, worth)


def nan_decides(gain, standard_error, worth):
    """Every comparison with nan is false, also the one that asks for doubt."""
    if abs(gain - worth) <= 3 * standard_error:
        return "measure more"
    return "replace" if gain > worth else "keep"


def never_keeps(gain, standard_error, worth):
    """A gain that is certainly too small is measured on and on."""
    return "replace" if gain - worth > 3 * standard_error else "measure more"


DECIDE = Exercise(
    name="metrics.decide",
    answer=decide,
    difficulty=3,
    right_answers=(decide_by_interval, decide_by_distance),
    cases=[
        (0.05, 0.01, 0.0),
        (-0.05, 0.01, 0.0),
        (0.02, 0.01, 0.0),
        (0.05, 0.01, 0.04),
        (0.05, 0.005, 0.03),
        (0.01, 0.005, 0.03),
        (0.0, 0.005, 0.03),
        (0.02, 0.005, 0.05),
        (0.05, math.nan, 0.0),
        (-0.05, math.nan, 0.0),
    ],
    wrong_answers=[
        WrongAnswer(
            larger_is_better,
            "You compared the gain with `worth` and did not use the standard error. The same gain can be luck.",
        ),
        WrongAnswer(
            keep_when_in_doubt,
            'When the gain is not clear you say "keep". That it was not shown to be above `worth` does not show that '
            'it is below: "measure more".',
        ),
        WrongAnswer(
            lower_end_decides_both,
            'You say "keep" as soon as the lower end of the interval is below `worth`. A gain is believed to be below '
            "`worth` when the upper end is: gain + 3 * standard_error.",
        ),
        WrongAnswer(
            worth_is_ignored,
            "You compared the gain with 0. It must be compared with `worth`.",
        ),
        WrongAnswer(
            worth_after_significance,
            "You asked whether the gain differs from 0, and then whether it is above `worth`. One question is enough: "
            "whether it is more than 3 standard errors away from `worth`.",
        ),
        WrongAnswer(
            one_standard_error,
            "You believe a gain from one standard error on. A third of all gains of equals are that far off; 3 are "
            "asked for.",
        ),
        WrongAnswer(
            nan_decides,
            "A standard error of nan leads to a decision. Every comparison with nan is False, also the one for "
            '"measure more": let the *clear* cases be the ones that must be True.',
        ),
        WrongAnswer(
            never_keeps,
            'A gain that is clearly below `worth` is a result too: "keep", with no further measuring.',
        ),
    ],
    hints=[
        "Look at `gain - worth`: above 0 it speaks for the new model, below 0 against it.",
        'Compare it with `3 * standard_error` on each side. What is left is "measure more".',
        'Comparisons with nan are False. If "measure more" is what remains at the end, nan gets there by itself.',
    ],
    praise='You have three answers now, not two: "not shown" is not "shown not".',
)

# ---------------------------------------------------------------------------------------------- metrics.fit_temperature


def fit_temperature(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the temperature T with the lowest mean cross-entropy of logits / T.

    logits: shape (N, classes), targets: true classes, shape (N,). T is between 0.1 and
    100, and may be off by 2 %.
    """
    temperatures = torch.logspace(-1, 2, 300)
    losses = [torch.nn.functional.cross_entropy(logits / T, targets) for T in temperatures]
    return temperatures[torch.stack(losses).argmin()].item()


def temperature_by_gradient_descent(logits, targets):
    """Plain steps on the logarithm of T."""
    log_t = torch.zeros((), requires_grad=True)
    for _ in range(300):
        loss = torch.nn.functional.cross_entropy(logits / log_t.exp(), targets)
        [gradient] = torch.autograd.grad(loss, log_t)
        log_t = (log_t - 0.5 * gradient).detach().requires_grad_()
    return log_t.exp().clamp(0.1, 100).item()


def temperature_by_narrowing(logits, targets):
    """Three times a grid around the best value so far."""
    low, high, best = 0.1, 100.0, 1.0
    for _ in range(3):
        ratio = (high / low) ** (1 / 30)
        grid = [low * ratio**k for k in range(31)]
        losses = [torch.nn.functional.cross_entropy(logits / t, targets).item() for t in grid]
        best = grid[losses.index(min(losses))]
        low, high = max(0.1, best / ratio), min(100.0, best * ratio)
    return best


def inverse_temperature(logits, targets):
    """The logits are multiplied."""
    return 1 / temperature_by_narrowing(logits, targets)


def log_temperature(logits, targets):
    """The parameter of the training in place of T."""
    return torch.tensor(temperature_by_narrowing(logits, targets)).log().item()


def most_accurate_temperature(logits, targets):
    """Accuracy does not depend on T: the first one wins."""
    grid = torch.logspace(-1, 2, 300)
    right = torch.stack([((logits / t).argmax(dim=1) == targets).float().mean() for t in grid])
    return grid[right.argmax()].item()


def probabilities_taken_for_logits(logits, targets):
    """Softmax twice."""
    grid = torch.logspace(-1, 2, 300)
    losses = [torch.nn.functional.cross_entropy((logits / t).softmax(dim=1), targets) for t in grid]
    return grid[torch.stack(losses).argmin()].item()


def lowest_loss_itself(logits, targets):
    """The minimum in place of where it is."""
    grid = torch.logspace(-1, 2, 300)
    return min(torch.nn.functional.cross_entropy(logits / t, targets).item() for t in grid)


def temperature_one(logits, targets):  # noqa: ARG001 - that is the mistake
    """Nothing is trained."""
    return 1.0


def only_cools_down(logits, targets):
    """T from 1 on."""
    return max(1.0, temperature_by_narrowing(logits, targets))


def even_grid(logits, targets):
    """Steps of a tenth."""
    temperatures = torch.linspace(0.1, 100, 1000)
    losses = torch.stack([torch.nn.functional.cross_entropy(logits / T, targets) for T in temperatures])
    return temperatures[losses.argmin()].item()


def stopped_too_early(logits, targets):
    """A few steps of plain gradient descent from T = 1."""
    t = torch.ones((), requires_grad=True)
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(logits / t, targets)
        [gradient] = torch.autograd.grad(loss, t)
        t = (t - 0.1 * gradient).detach().requires_grad_()
    return t.item()


def _logits(case: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets that follow calibrated probabilities, and logits that are `scale` times too large."""
    generator = torch.Generator().manual_seed(case)
    logits = 1.5 * torch.randn(200, 3, generator=generator)
    return scale * logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]


FIT_TEMPERATURE = Exercise(
    name="metrics.fit_temperature",
    answer=fit_temperature,
    difficulty=3,
    right_answers=(temperature_by_gradient_descent, temperature_by_narrowing),
    tolerance=0.025,
    cases=[
        (torch.tensor([[3.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])),
        (torch.tensor([[0.5, 0.0]] * 5), torch.tensor([0, 0, 0, 1, 0])),
        _logits(0, 4.0),
        _logits(1, 0.5),
    ],
    wrong_answers=[
        WrongAnswer(
            inverse_temperature,
            "You multiplied the logits by your number. The temperature divides them: a large T brings the "
            "probabilities closer together.",
        ),
        WrongAnswer(log_temperature, "You returned the logarithm of the temperature. Return T itself: `.exp()`."),
        WrongAnswer(
            most_accurate_temperature,
            "You chose by accuracy, which is the same for every T. Choose by the cross-entropy.",
        ),
        WrongAnswer(
            probabilities_taken_for_logits,
            "`cross_entropy` applies the softmax itself. Give it logits / T, not probabilities.",
        ),
        WrongAnswer(lowest_loss_itself, "That is the lowest loss. Return the T at which it occurs."),
        WrongAnswer(temperature_one, "You return 1, which changes nothing. Find the T with the lowest loss."),
        WrongAnswer(
            only_cools_down,
            "You tried temperatures from 1 on only. An underconfident model needs a T below 1.",
        ),
        WrongAnswer(
            even_grid,
            "Your temperatures have even steps, which are too coarse for a T below 1: 2 % of 0.4 is 0.008. Use a "
            "logarithmic grid.",
        ),
        WrongAnswer(
            stopped_too_early,
            "Your training has not arrived: the loss still falls. Take more or larger steps, or train log T, whose "
            "scale is the same everywhere.",
        ),
    ],
    hints=[
        "The loss of one T is `torch.nn.functional.cross_entropy(logits / T, targets)`.",
        "There is only one parameter, so you can try many values: `torch.logspace(-1, 2, 300)` goes from 0.1 to 100 in "
        "steps of about 2 %.",
        "`.argmin()` of the losses gives the place of the best T. Or train log T with an optimizer.",
    ],
    praise="One parameter, fitted on the validation set, and no prediction changes.",
)

# ---------------------------------------------------------------------------------------------------- metrics.r_squared


def r_squared(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """Return R² of predictions, both of shape (N,); the targets are not all equal."""
    squared_error = (targets - predictions).square().sum()
    return (1 - squared_error / (targets - targets.mean()).square().sum()).item()


def r_squared_from_means(predictions, targets):
    """Mean squared error over the variance (divided by N)."""
    mse = ((predictions - targets) ** 2).mean()
    return 1 - (mse / targets.var(correction=0)).item()


def r_squared_in_plain_python(predictions, targets):
    """Sums."""
    y, y_hat = targets.tolist(), predictions.tolist()
    mean = sum(y) / len(y)
    return 1 - sum((a - b) ** 2 for a, b in zip(y, y_hat, strict=True)) / sum((a - mean) ** 2 for a in y)


def squared_correlation(predictions, targets):
    """Blind to shift and scale."""
    return torch.corrcoef(torch.stack([predictions, targets]))[0, 1].square().item()


def variance_with_bessel(predictions, targets):
    """Divided by N above, by N - 1 below the line."""
    return 1 - ((predictions - targets).square().mean() / targets.var()).item()


def mean_of_the_predictions(predictions, targets):
    """The wrong mean."""
    return 1 - ((targets - predictions).square().sum() / (targets - predictions.mean()).square().sum()).item()


def variance_of_the_predictions(predictions, targets):
    """Compared with the predictions' spread."""
    total = (predictions - predictions.mean()).square().sum()
    return 1 - ((targets - predictions).square().sum() / total).item()


def unexplained_share(predictions, targets):
    """Without 1 - ."""
    return 1 - r_squared_in_plain_python(predictions, targets)


def absolute_errors(predictions, targets):
    """Not squared."""
    return 1 - ((targets - predictions).abs().sum() / (targets - targets.mean()).abs().sum()).item()


def never_below_zero(predictions, targets):
    """A square cannot be negative, can it?"""
    return max(0.0, r_squared_in_plain_python(predictions, targets))


def variance_of_the_errors(predictions, targets):
    """Explained variance: a constant error is free."""
    return 1 - ((targets - predictions).var() / targets.var()).item()


R_SQUARED = Exercise(
    name="metrics.r_squared",
    answer=r_squared,
    difficulty=2,
    right_answers=(r_squared_from_means, r_squared_in_plain_python),
    cases=[
        (torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.0, 2.0, 3.0])),
        (torch.tensor([1.5, 2.0, 2.75, 4.0]), torch.tensor([1.0, 2.0, 3.0, 5.0])),
        (torch.tensor([3.0, 4.0, 5.0]), torch.tensor([1.0, 2.0, 3.0])),
        (torch.tensor([2.0, 4.0, 6.0, 9.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])),
    ],
    wrong_answers=[
        WrongAnswer(
            squared_correlation,
            "That is the squared correlation, which does not see a shift or a wrong scale. R² compares the errors "
            "themselves.",
        ),
        WrongAnswer(
            variance_with_bessel,
            "You divided by N above the line, and by N - 1 below it (`var` does so by default). Use sums in both, or "
            "`correction=0`.",
        ),
        WrongAnswer(
            mean_of_the_predictions,
            "The model to compare with predicts the mean of the *targets*, not of the predictions.",
        ),
        WrongAnswer(
            variance_of_the_predictions,
            "Below the line stands the spread of the *targets* around their mean, not that of the predictions.",
        ),
        WrongAnswer(unexplained_share, "That is the share that is left unexplained. R² is 1 minus that."),
        WrongAnswer(absolute_errors, "You added absolute errors. Square them, above and below the line."),
        WrongAnswer(
            never_below_zero,
            "You cut negative values off. R² is below 0 when the predictions are worse than the mean of the targets.",
        ),
        WrongAnswer(
            variance_of_the_errors,
            "You took the variance of the errors, so a constant error costs nothing (scikit-learn calls this explained "
            "variance). Take their squares.",
        ),
    ],
    hints=[
        "Above the line: the sum of squared errors, `(targets - predictions).square().sum()`.",
        "Below the line: the same for a model that always predicts `targets.mean()`.",
        "R² is 1 minus that ratio; `.item()` makes a number of it.",
    ],
    praise="1 is perfect, 0 is as good as predicting the mean, and below 0 is worse than that.",
)

EXERCISES = [
    CONFUSION_MATRIX,
    PRECISION_RECALL,
    F1,
    MACRO_RECALL,
    ROC_POINT,
    CHOOSE_THRESHOLD,
    PERCENTILE_INTERVAL,
    PAIRED_GAIN,
    DECIDE,
    CHEAPEST_THRESHOLD,
    FIT_TEMPERATURE,
    BRIER_SCORE,
    R_SQUARED,
]
