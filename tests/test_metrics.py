import itertools
import math
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from scipy import stats
from sklearn import calibration
from sklearn import metrics as sklearn_metrics
from torch import Tensor
from torchmetrics.functional import classification

from helper_utils import metrics
from helper_utils.data.datasets import Dataset, Part
from helper_utils.metrics import plots

AVERAGES = ("macro", "micro", "weighted")


@pytest.fixture(autouse=True)
def _quiet_libraries() -> Iterator[None]:
    """scikit-learn warns where a metric is 0/0 or a class is missing: those cases are the point of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def labels(case: int, num_classes: int, n_examples: int, n_present: int | None = None) -> tuple[Tensor, Tensor]:
    """Random predictions and targets; only the first n_present classes occur among the targets."""
    generator = torch.Generator().manual_seed(case)
    predictions = torch.randint(num_classes, (n_examples,), generator=generator)
    targets = torch.randint(n_present or num_classes, (n_examples,), generator=generator)
    return torch.where(torch.rand(n_examples, generator=generator) < 0.4, targets, predictions), targets


def scores(case: int, n_examples: int, n_levels: int) -> tuple[Tensor, Tensor]:
    """Random scores with ties, and targets of both classes that go with them."""
    generator = torch.Generator().manual_seed(case)
    values = torch.randint(n_levels, (n_examples,), generator=generator) / n_levels
    targets = (values + torch.randn(n_examples, generator=generator) > 0.5).long()
    targets[:2] = torch.tensor([0, 1])
    return values, targets


def probabilities(case: int, n_examples: int, num_classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(case)
    values = (2 * torch.randn(n_examples, num_classes, generator=generator, dtype=torch.float64)).softmax(dim=1)
    return values, torch.multinomial(values, 1, generator=generator)[:, 0]


LABEL_CASES = [
    pytest.param(
        *labels(case, num_classes, n_examples, n_present), num_classes, id=f"{num_classes}x{n_examples}#{case}"
    )
    for case, (num_classes, n_examples, n_present) in enumerate(
        itertools.product((2, 3, 10), (1, 5, 40, 300), (None, 1, 2))
    )
]


# ----------------------------------------------------------------------------------------------------- from counts


def test_the_worked_example() -> None:
    # cats are class 0: 10 right and 2 wrong; dogs are class 1: 15 right and 3 wrong
    targets = torch.tensor([0] * 12 + [1] * 18)
    predictions = torch.tensor([0] * 10 + [1] * 2 + [1] * 15 + [0] * 3)
    matrix = metrics.confusion_matrix(predictions, targets, 2)
    assert matrix.tolist() == [[10, 2], [3, 15]]
    assert metrics.accuracy(predictions, targets) == pytest.approx(25 / 30)
    precision, recall, f1 = metrics.precision_recall_f1(matrix)
    assert precision.tolist() == pytest.approx([10 / 13, 15 / 17])
    assert recall.tolist() == pytest.approx([10 / 12, 15 / 18])
    assert f1.tolist() == pytest.approx([20 / 25, 30 / 35])


@pytest.mark.parametrize(("predictions", "targets", "num_classes"), LABEL_CASES)
def test_counts_equal_scikit_learn(predictions: Tensor, targets: Tensor, num_classes: int) -> None:
    matrix = metrics.confusion_matrix(predictions, targets, num_classes)
    expected = sklearn_metrics.confusion_matrix(targets, predictions, labels=range(num_classes))
    assert matrix.tolist() == expected.tolist()
    assert metrics.accuracy(predictions, targets) == pytest.approx(sklearn_metrics.accuracy_score(targets, predictions))
    for average in AVERAGES:
        reference = sklearn_metrics.precision_recall_fscore_support(targets, predictions, average=average)
        assert [float(v) for v in metrics.precision_recall_f1(matrix, average)] == pytest.approx(reference[:3])
    reference = sklearn_metrics.precision_recall_fscore_support(targets, predictions, labels=range(num_classes))
    for values, expected in zip(metrics.precision_recall_f1(matrix), reference, strict=False):
        np.testing.assert_allclose(values, np.asarray(expected))
    reference = sklearn_metrics.matthews_corrcoef(targets, predictions)
    assert metrics.matthews_corrcoef(matrix) == pytest.approx(reference)


@pytest.mark.parametrize(("predictions", "targets", "num_classes"), LABEL_CASES)
def test_counts_equal_torchmetrics(predictions: Tensor, targets: Tensor, num_classes: int) -> None:
    matrix = metrics.confusion_matrix(predictions, targets, num_classes)
    expected = classification.multiclass_confusion_matrix(predictions, targets, num_classes)
    assert matrix.tolist() == expected.tolist()
    functions = (
        classification.multiclass_precision,
        classification.multiclass_recall,
        classification.multiclass_f1_score,
    )
    for average in (None, *AVERAGES):
        for values, function in zip(metrics.precision_recall_f1(matrix, average), functions, strict=True):
            expected = function(predictions, targets, num_classes=num_classes, average=average)
            torch.testing.assert_close(values, expected.double(), rtol=1e-6, atol=1e-6)
    if num_classes > 2 and len(targets) > 5:  # torchmetrics has other conventions for degenerate tables of two classes
        expected = classification.multiclass_matthews_corrcoef(predictions, targets, num_classes).item()
        assert metrics.matthews_corrcoef(matrix) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_labels_of_any_integer_type(dtype: torch.dtype) -> None:
    predictions, targets = labels(0, 20, 200)
    expected = metrics.confusion_matrix(predictions, targets, 20)
    # 20 classes have 400 cells: a type of 8 bits must not overflow
    assert torch.equal(metrics.confusion_matrix(predictions.to(dtype), targets.to(dtype), 20), expected)


def test_a_share_of_nothing_is_zero() -> None:
    # class 1 is never predicted, class 2 does not occur at all
    matrix = torch.tensor([[3, 0, 0], [2, 0, 0], [0, 0, 0]])
    precision, recall, f1 = metrics.precision_recall_f1(matrix)
    assert precision.tolist() == pytest.approx([0.6, 0, 0])
    assert recall.tolist() == [1, 0, 0]
    assert f1.tolist() == pytest.approx([0.75, 0, 0])
    # class 2 is left out of the macro average, class 1 is not
    assert [v.item() for v in metrics.precision_recall_f1(matrix, "macro")] == pytest.approx([0.3, 0.5, 0.375])
    assert metrics.matthews_corrcoef(matrix) == 0
    assert metrics.f1_of_means(torch.tensor([[0, 1], [1, 0]])) == 0


def test_the_two_definitions_of_macro_f1() -> None:
    matrix = torch.tensor([[8, 2], [45, 45]])
    precision, recall, f1 = metrics.precision_recall_f1(matrix, "macro")
    assert metrics.f1_of_means(matrix) == pytest.approx(2 * precision * recall / (precision + recall))
    assert metrics.f1_of_means(matrix) > f1 + 0.05


matrices = st.integers(2, 5).flatmap(
    lambda size: (
        st.lists(st.integers(0, 30), min_size=size**2, max_size=size**2)
        .filter(any)
        .map(lambda counts: torch.tensor(counts).view(size, size))
    )
)


@given(matrices)
def test_micro_averages_are_the_accuracy(matrix: Tensor) -> None:
    expected = matrix.trace().item() / matrix.sum().item()
    assert [v.item() for v in metrics.precision_recall_f1(matrix, "micro")] == pytest.approx([expected] * 3)
    # and the weighted recall is so too
    assert metrics.precision_recall_f1(matrix, "weighted")[1].item() == pytest.approx(expected)


@given(matrices, st.randoms(use_true_random=False))
def test_numbering_the_classes_otherwise_changes_no_average(matrix: Tensor, random) -> None:
    order = list(range(len(matrix)))
    random.shuffle(order)
    renumbered = matrix[order][:, order]
    for average in AVERAGES:
        values, expected = (metrics.precision_recall_f1(m, average) for m in (renumbered, matrix))
        assert [v.item() for v in values] == pytest.approx([v.item() for v in expected])
    assert metrics.matthews_corrcoef(renumbered) == pytest.approx(metrics.matthews_corrcoef(matrix), abs=1e-9)


@given(matrices)
def test_ranges(matrix: Tensor) -> None:
    for average in (None, *AVERAGES):
        for values in metrics.precision_recall_f1(matrix, average):
            assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    assert -1 - 1e-9 <= metrics.matthews_corrcoef(matrix) <= 1 + 1e-9
    # Opitz and Burst: the F1 of the means is never smaller than the mean of the F1
    assert metrics.f1_of_means(matrix) >= metrics.precision_recall_f1(matrix, "macro")[2].item() - 1e-12


@given(st.permutations(range(30)))
def test_the_order_of_the_examples_does_not_matter(order: list[int]) -> None:
    predictions, targets = labels(1, 4, 30)
    shuffled = metrics.confusion_matrix(predictions[order], targets[order], 4)
    assert torch.equal(shuffled, metrics.confusion_matrix(predictions, targets, 4))
    values, positives = scores(1, 30, 7)
    assert metrics.roc_auc(values[order], positives[order]) == pytest.approx(metrics.roc_auc(values, positives))
    expected = metrics.average_precision(values, positives)
    assert metrics.average_precision(values[order], positives[order]) == pytest.approx(expected)


# ----------------------------------------------------------------------------------------------------- from scores


SCORE_CASES = [
    pytest.param(*scores(case, n_examples, n_levels), id=f"{n_examples}x{n_levels}")
    for case, (n_examples, n_levels) in enumerate(itertools.product((2, 10, 200), (1, 2, 7, 1000)))
]


@pytest.mark.parametrize(("values", "targets"), SCORE_CASES)
def test_curves_equal_scikit_learn(values: Tensor, targets: Tensor) -> None:
    expected = sklearn_metrics.roc_curve(targets, values, drop_intermediate=False)
    for ours, reference in zip(metrics.roc_curve(values, targets), expected, strict=True):
        np.testing.assert_allclose(ours, reference)
    assert metrics.roc_auc(values, targets) == pytest.approx(sklearn_metrics.roc_auc_score(targets, values))
    expected = sklearn_metrics.precision_recall_curve(targets, values)
    for ours, reference in zip(metrics.precision_recall_curve(values, targets), expected, strict=True):
        np.testing.assert_allclose(ours, reference)
    reference = sklearn_metrics.average_precision_score(targets, values)
    assert metrics.average_precision(values, targets) == pytest.approx(reference)


@pytest.mark.parametrize(("values", "targets"), SCORE_CASES)
def test_curves_equal_torchmetrics(values: Tensor, targets: Tensor) -> None:
    expected = classification.binary_roc(values, targets)[:2]  # its thresholds begin with 1, ours with infinity
    for ours, reference in zip(metrics.roc_curve(values, targets)[:2], expected, strict=True):
        torch.testing.assert_close(ours, reference.double(), rtol=1e-5, atol=1e-6)
    expected = classification.binary_precision_recall_curve(values, targets)
    for ours, reference in zip(metrics.precision_recall_curve(values, targets), expected, strict=True):
        torch.testing.assert_close(ours, reference.double(), rtol=1e-5, atol=1e-6)
    assert metrics.roc_auc(values, targets) == pytest.approx(classification.binary_auroc(values, targets).item())
    reference = classification.binary_average_precision(values, targets).item()
    assert metrics.average_precision(values, targets) == pytest.approx(reference, abs=1e-6)


scored = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda examples: len({target for _, target in examples}) == 2
)


@given(scored)
def test_area_under_the_curve_is_the_probability_to_rank_right(examples: list[tuple[int, int]]) -> None:
    positives, negatives = ([s for s, t in examples if t == kind] for kind in (1, 0))
    pairs = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    values, targets = (torch.tensor(column) for column in zip(*examples, strict=True))
    assert metrics.roc_auc(values, targets) == pytest.approx(sum(pairs) / len(pairs))


@given(scored)
def test_a_higher_threshold_never_raises_recall(examples: list[tuple[int, int]]) -> None:
    values, targets = (torch.tensor(column) for column in zip(*examples, strict=True))
    _, recall, thresholds = metrics.precision_recall_curve(values, targets)
    assert (thresholds.diff() > 0).all()
    assert (recall.diff() <= 0).all()
    assert recall[0] == 1
    # the counts by the definition, at every threshold
    for threshold, value in zip(thresholds, recall, strict=False):
        assert value == ((values >= threshold) & (targets == 1)).sum() / (targets == 1).sum().double()


@given(scored, st.integers(2, 9))
def test_more_negatives_change_precision_and_not_the_roc_curve(examples: list[tuple[int, int]], times: int) -> None:
    more = examples + (times - 1) * [example for example in examples if example[1] == 0]
    before, after = ([torch.tensor(column) for column in zip(*table, strict=True)] for table in (examples, more))
    for a, b in zip(metrics.roc_curve(*before), metrics.roc_curve(*after), strict=True):
        torch.testing.assert_close(a, b)
    assert metrics.average_precision(*after) <= metrics.average_precision(*before) + 1e-12


def test_curves_of_one_class() -> None:
    values = torch.tensor([0.1, 0.5])
    for targets in (torch.zeros(2).long(), torch.ones(2).long()):
        with pytest.raises(ValueError, match="both classes"):
            metrics.roc_curve(values, targets)
    with pytest.raises(ValueError, match="positive"):
        metrics.precision_recall_curve(values, torch.zeros(2).long())
    assert metrics.average_precision(values, torch.ones(2).long()) == 1


# ---------------------------------------------------------------------------------------------- from probabilities


@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("n_examples", [1, 10, 500])
def test_probabilities_equal_the_libraries(num_classes: int, n_examples: int) -> None:
    values, targets = probabilities(num_classes, n_examples, num_classes)
    classes = range(num_classes)
    assert metrics.log_loss(values, targets) == pytest.approx(sklearn_metrics.log_loss(targets, values, labels=classes))
    expected = sklearn_metrics.brier_score_loss(targets, values, labels=classes, scale_by_half=False)  # type: ignore[arg-type]
    assert metrics.brier_score(values, targets) == pytest.approx(expected)
    for n_bins in (1, 10, 15):
        expected = classification.multiclass_calibration_error(values, targets, num_classes, n_bins=n_bins).item()
        assert metrics.expected_calibration_error(values, targets, n_bins) == pytest.approx(expected, abs=1e-5)


def test_calibration_curve_equals_scikit_learn() -> None:
    values, targets = probabilities(0, 800, 4)
    confidence, predictions = values.max(dim=1)
    expected = calibration.calibration_curve(predictions == targets, confidence, n_bins=10)
    ours = metrics.calibration_curve(values, targets, n_bins=10)
    np.testing.assert_allclose(ours[1], expected[0])
    np.testing.assert_allclose(ours[0], expected[1])
    assert ours[2].sum() == 800


def test_bins_hold_their_upper_edge() -> None:
    values = torch.tensor([[0.5, 0.5], [0.51, 0.49], [1.0, 0.0]], dtype=torch.float64)
    confidence, right, count = metrics.calibration_curve(values, torch.tensor([0, 1, 0]), n_bins=2)
    assert confidence.tolist() == pytest.approx([0.5, 0.755])
    assert right.tolist() == [1, 0.5]
    assert count.tolist() == [1, 2]


def test_extreme_probabilities() -> None:
    certain = torch.eye(3)
    assert metrics.log_loss(certain, torch.tensor([0, 1, 2])) == 0
    assert metrics.brier_score(certain, torch.tensor([0, 1, 2])) == 0
    assert metrics.expected_calibration_error(certain, torch.tensor([0, 1, 2])) == 0
    assert metrics.log_loss(certain, torch.tensor([0, 1, 1])) == math.inf
    assert metrics.brier_score(certain, torch.tensor([1, 2, 0])) == 2
    assert metrics.expected_calibration_error(certain, torch.tensor([1, 2, 0])) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_probabilities_of_any_float_type(dtype: torch.dtype) -> None:
    values, targets = probabilities(0, 100, 10)
    for metric in (metrics.log_loss, metrics.brier_score):
        assert metric(values.to(dtype), targets) == pytest.approx(metric(values, targets), rel=0.02)


# --------------------------------------------------------------------------------------------- how sure a figure is


def test_bootstrap_is_repeatable_and_holds_its_estimate() -> None:
    predictions, targets = labels(3, 3, 80)
    interval = metrics.bootstrap_interval(metrics.accuracy, predictions, targets, seed=5)
    assert interval == metrics.bootstrap_interval(metrics.accuracy, predictions, targets, seed=5)
    assert interval != metrics.bootstrap_interval(metrics.accuracy, predictions, targets, seed=6)
    assert interval.low < metrics.accuracy(predictions, targets) < interval.high
    narrower = metrics.bootstrap_interval(metrics.accuracy, predictions, targets, seed=5, level=0.5)
    assert narrower.width < interval.width


def test_bootstrap_has_the_width_of_the_normal_approximation() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400, generator=generator, dtype=torch.float64)
    interval = metrics.bootstrap_interval(torch.mean, values, n_resamples=4000)
    expected = 2 * 1.96 * values.std().item() / 20
    assert interval.width == pytest.approx(expected, rel=0.06)


def test_bootstrap_draws_the_same_examples_of_all_tensors() -> None:
    values = torch.arange(50.0)
    interval = metrics.bootstrap_interval(lambda a, b: (a - b).mean(), values + 1, values)
    assert (interval.low, interval.high) == (1, 1)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n_examples", [1, 2, 20, 359, 10_000])
def test_wilson_interval_equals_scipy(n_examples: int, level: float) -> None:
    for n_hits in {0, 1, n_examples // 3, n_examples - 1, n_examples}:
        expected = stats.binomtest(n_hits, n_examples).proportion_ci(level, method="wilson")
        interval = metrics.wilson_interval(n_hits, n_examples, level=level)
        assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 300), st.integers(0, 300))
def test_wilson_interval_is_symmetric_and_holds_the_observed_share(n_examples: int, n_hits: int) -> None:
    n_hits = min(n_hits, n_examples)
    low, high = metrics.wilson_interval(n_hits, n_examples)
    assert 0 <= low < high <= 1
    assert low - 1e-12 <= n_hits / n_examples <= high + 1e-12
    assert metrics.wilson_interval(n_examples - n_hits, n_examples) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0, 0.95), "n_examples must be at least 1, not 0"),
        ((-1, 5, 0.95), "n_hits must be from 0 to n_examples = 5, not -1"),
        ((6, 5, 0.95), "n_hits must be from 0 to n_examples = 5, not 6"),
        ((2, 5, 95), "level must be between 0 and 1, not 95"),
    ],
)
def test_wilson_interval_says_what_is_wrong(arguments: tuple[int, int, float], message: str) -> None:
    n_hits, n_examples, level = arguments
    with pytest.raises(ValueError, match=message):
        metrics.wilson_interval(n_hits, n_examples, level=level)


def test_precision_recall_is_drawn_in_steps_whose_area_is_the_average_precision() -> None:
    case = scores(4, 60, 12)
    figure, axes = plt.subplots(1, 2)
    roc_points = torch.stack(metrics.roc_curve(*case)[:2], dim=1)
    plots.plot_roc_and_precision_recall(axes, {"a": case, "b": case}, {"a": roc_points, "b": roc_points})
    corners = axes[1].lines[0].get_path().vertices
    assert isinstance(corners, np.ndarray)
    assert np.trapezoid(corners[::-1, 1], corners[::-1, 0]) == pytest.approx(metrics.average_precision(*case))
    plt.close(figure)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3))
@settings(max_examples=40)
def test_mcnemar_counts_all_ways_to_toss_coins(only_a: int, only_b: int, n_both: int) -> None:
    targets = torch.zeros(only_a + only_b + n_both + 1, dtype=torch.long)  # one that both have wrong
    right_a = torch.tensor([1] * only_a + [0] * only_b + [1] * n_both + [0])
    right_b = torch.tensor([0] * only_a + [1] * only_b + [1] * n_both + [0])
    n_tosses = only_a + only_b
    heads = np.array([bin(tosses).count("1") for tosses in range(2**n_tosses)])
    expected = np.mean(np.abs(heads - n_tosses / 2) >= abs(only_a - n_tosses / 2))
    assert metrics.mcnemar_test(1 - right_a, 1 - right_b, targets) == pytest.approx(expected)


def test_mcnemar_with_thousands_of_differences() -> None:
    targets = torch.zeros(6000, dtype=torch.long)
    other = torch.cat([torch.ones(3000), torch.zeros(3000)]).long()
    assert metrics.mcnemar_test(1 - other, other, targets) == 1
    assert metrics.mcnemar_test(other, targets, targets) < 1e-300


# -------------------------------------------------------------------------------------------------------- bad input


CLASSES = torch.tensor([0, 1, 1])
PROBABILITIES = torch.tensor([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.confusion_matrix(CLASSES[:2], CLASSES, 2), "2 predictions and 3 targets"),
        (lambda: metrics.confusion_matrix(CLASSES, CLASSES + 1, 2), "targets hold 2, outside the classes 0 to 1"),
        (lambda: metrics.confusion_matrix(CLASSES - 1, CLASSES, 2), "predictions hold -1, outside"),
        (lambda: metrics.confusion_matrix(CLASSES[:0], CLASSES[:0], 2), "empty"),
        (lambda: metrics.confusion_matrix(PROBABILITIES, CLASSES, 2), r"\(3, 2\): take argmax"),
        (lambda: metrics.confusion_matrix(CLASSES.float(), CLASSES, 2), "integers, .* not torch.float32"),
        (lambda: metrics.accuracy(CLASSES[:2], CLASSES), "2 predictions and 3 targets"),
        (lambda: metrics.accuracy(CLASSES, CLASSES - 1), "targets hold -1"),
        (lambda: metrics.precision_recall_f1(torch.ones(2, 3)), r"not \(2, 3\)"),
        (lambda: metrics.precision_recall_f1(torch.tensor([[1, -2], [0, 1]])), "not -2"),
        (lambda: metrics.precision_recall_f1(torch.tensor([[math.nan, 1], [0, 1]])), "not nan"),
        (lambda: metrics.precision_recall_f1(torch.zeros(2, 2)), "no example"),
        (lambda: metrics.precision_recall_f1(torch.eye(2), "median"), "not 'median'"),  # type: ignore[arg-type]
        (lambda: metrics.matthews_corrcoef(torch.zeros(2, 2)), "no example"),
        (lambda: metrics.roc_curve(torch.rand(2), CLASSES), "2 predictions and 3 targets"),
        (lambda: metrics.roc_curve(torch.tensor([0, math.nan, 1]), CLASSES), "finite, not nan"),
        (lambda: metrics.roc_curve(PROBABILITIES, CLASSES), r"one for each example, not \(3, 2\)"),
        (lambda: metrics.roc_auc(torch.rand(3), CLASSES + 1), "targets hold 2"),
        (lambda: metrics.log_loss(PROBABILITIES[:2], CLASSES), "2 predictions and 3 targets"),
        (lambda: metrics.log_loss(PROBABILITIES, CLASSES + 1), "targets hold 2"),
        (lambda: metrics.log_loss(PROBABILITIES[:, 0], CLASSES), r"\(N, classes\), not \(3,\)"),
        (lambda: metrics.brier_score(PROBABILITIES.logit(), CLASSES), r"outside \[0, 1\]"),
        (lambda: metrics.brier_score(PROBABILITIES * math.nan, CLASSES), "a probability is nan"),
        (lambda: metrics.brier_score(PROBABILITIES / 2, CLASSES), "row 0 sum to 0.5"),
        (lambda: metrics.calibration_curve(PROBABILITIES, CLASSES, n_bins=0), "n_bins must be at least 1, not 0"),
        (lambda: metrics.bootstrap_interval(torch.mean, level=0.9), "no examples"),
        (lambda: metrics.bootstrap_interval(torch.mean, torch.ones(0)), "no examples"),
        (lambda: metrics.bootstrap_interval(torch.mean, torch.ones(3), torch.ones(4)), r"\[3, 4\]"),
        (lambda: metrics.bootstrap_interval(torch.mean, torch.ones(3), level=95), "between 0 and 1, not 95"),
        (lambda: metrics.bootstrap_interval(torch.mean, torch.ones(3), n_resamples=0), "at least 2, not 0"),
        (lambda: metrics.mcnemar_test(CLASSES, CLASSES[:2], CLASSES), "2 predictions and 3 targets"),
    ],
)
def test_bad_input_says_what_is_wrong(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------------------------------------ costs and experiments


def test_mean_cost_counts_misses_and_false_alarms() -> None:
    values, targets = torch.tensor([0.9, 0.5, 0.4, 0.1]), torch.tensor([1, 0, 1, 0])
    assert metrics.mean_cost(values, targets, 0.5, miss=10, false_alarm=1) == (10 + 1) / 4  # 0.5 raises the alarm
    assert metrics.mean_cost(values, targets, 0.4, miss=10, false_alarm=1) == 1 / 4
    assert metrics.mean_cost(values, targets, math.inf, miss=10, false_alarm=1) == 20 / 4
    with pytest.raises(ValueError, match="2 predictions and 1 targets"):
        metrics.mean_cost(values[:2], targets[:1], 0.5, 1, 1)


def test_linear_runs_are_the_plain_loop_of_each_run() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(3, 30, 4, generator=generator), torch.randint(3, (3, 30), generator=generator)
    weights = torch.tensor([1.0, 2.0, 0.5])
    runs = metrics.train_linear_runs(inputs, targets, 3, weights, n_steps=20)
    for run in range(3):
        model = torch.nn.Linear(4, 3)
        torch.nn.init.zeros_(model.weight)
        torch.nn.init.zeros_(model.bias)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
        for _ in range(20):
            losses = torch.nn.functional.cross_entropy(
                model(inputs[run]), targets[run], weight=weights, reduction="none"
            )
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
        torch.testing.assert_close(runs(inputs)[run], model(inputs[run]).detach(), rtol=1e-3, atol=1e-4)
    assert repr(runs) == "LinearRuns(3 runs x 4 features x 3 classes)"


def test_linear_runs_refuse_shapes_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"targets \(runs, N\), not \(2, 5, 3\) and \(2, 4\)"):
        metrics.train_linear_runs(torch.zeros(2, 5, 3), torch.zeros(2, 4, dtype=torch.long), 2)


def small_data(n_rare: int = 40) -> Dataset:
    """Three classes; the image of example i holds i, so that a row is known by its pixels."""
    targets = torch.tensor([0] * 100 + [1] * 100 + [2] * n_rare)
    inputs = torch.arange(len(targets), dtype=torch.float32)[:, None, None, None].expand(-1, 1, 2, 2).clone()
    parts = [Part(inputs + 1000 * k, targets) for k in range(3)]
    return Dataset("numbers", *parts, class_names=("a", "b", "c"), mean=torch.zeros(1), std=torch.ones(1))


def test_rare_class_runs_have_the_share_and_share_no_image() -> None:
    drawn = metrics.draw_rare_class_runs(small_data(), [0, 1], rare_share=0.1, thumbnail=2, n_train=80, n_held_out=60)
    assert drawn.train.inputs.shape == (2, 80, 4)
    assert drawn.train.targets.sum(dim=1).tolist() == [8, 8]
    assert drawn.val.targets.sum(dim=1).tolist() == drawn.test.targets.sum(dim=1).tolist() == [6, 6]
    for run in range(2):
        held_out = torch.cat([drawn.val.inputs[run, :, 0], drawn.test.inputs[run, :, 0]])
        assert len(held_out.unique()) == len(held_out) == 120
    assert not torch.equal(drawn.test.inputs[0], drawn.test.inputs[1])
    assert "2 runs x 4 features; train 80 images (8 rare)" in repr(drawn)


def test_rare_class_runs_of_very_few_images() -> None:
    drawn = metrics.draw_rare_class_runs(small_data(n_rare=3), [0], rare_share=0.05, thumbnail=1)
    assert drawn.train.targets.sum() >= 2
    assert drawn.val.targets.sum() == drawn.test.targets.sum() == 3  # all six


@pytest.mark.parametrize(
    ("n_rare", "share", "message"),
    [(1, 0.1, r"class 'c' has 1 training images, at least 2 are needed"), (40, 0.0, "rare_share must be above 0")],
)
def test_rare_class_runs_say_what_is_missing(n_rare: int, share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.draw_rare_class_runs(small_data(n_rare), [0], share, 2)


def test_runs_are_drawn_with_as_many_images_of_each_class() -> None:
    drawn = metrics.draw_runs(small_data(), [3, 4], 5)
    assert drawn.inputs.shape == (2, 15, 64)
    assert all(targets.bincount().tolist() == [5, 5, 5] for targets in drawn.targets)
    with pytest.raises(ValueError, match="n_per_class must be at most 40"):
        metrics.draw_runs(small_data(), [3], 41)


def test_normal_scores_have_the_area_that_is_asked_for() -> None:
    for auc in (0.5, 0.8, 0.95):
        assert metrics.roc_auc(*metrics.normal_scores(auc, 400, 900)) == pytest.approx(auc, abs=1e-3)


def test_repeated_negatives() -> None:
    values, targets = metrics.repeat_negatives(torch.tensor([0.3, 0.7]), torch.tensor([0, 1]), 3)
    assert values.tolist() == pytest.approx([0.3, 0.3, 0.3, 0.7])
    assert targets.tolist() == [0, 0, 0, 1]
