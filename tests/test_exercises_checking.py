"""What is said about answers of every kind: loops, exceptions, wrong types, changed arguments; about cells as text."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from cells import check_cell

from helper_utils.teaching import Exercise, Verdict, WrongAnswer, check


def total(values: list[float]) -> float:
    """Return the sum of the values."""
    return float(sum(values))


def product(values):
    """Times for plus."""
    return float(np.prod(values))


def first_value(values):
    """No guard for an empty list."""
    return float(values[0])


def sorts(values):
    """The argument is sorted in place."""
    values.sort()
    return float(sum(values))


TOTAL = Exercise(
    name="test.total",
    answer=total,
    cases=[([1.0],), ([2.0, 1.0],), ([3.0, 2.0, 2.5],), ([],)],
    wrong_answers=[
        WrongAnswer(product, "Product."),
        WrongAnswer(first_value, "First."),
        WrongAnswer(sorts, "Sorts."),
    ],
    hints=["Add.", "Use `sum`."],
    praise="Sums are useful.",
)


def exercise_with(answer: Callable, *case) -> Exercise:
    return Exercise("test.any", answer, [case], [], [], "Good.")


def shown(verdict: Verdict) -> str:
    return "\n".join([verdict.message, *(f"{label}: {text}" for label, text in verdict.evidence)])


# ------------------------------------------------------------------------------------------------- not attempted


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "pass",
        '"""Words."""',
        '"""Words."""\n    ...',
        "raise NotImplementedError",
        "raise NotImplementedError('x')",
    ],
)
def test_a_placeholder_is_not_attempted(body):
    verdict = check_cell("metrics.f1", f"def f1(tp, fp, fn):\n    {body}  # your turn")
    assert verdict.verdict == "not attempted"
    assert 'hint("metrics.f1")' in verdict.message


@pytest.mark.parametrize("body", ["return ...", "return None", "raise ValueError", "tp = ...\n    return tp"])
def test_whoever_writes_something_has_attempted_it(body):
    assert check_cell("metrics.f1", f"def f1(tp, fp, fn):\n    {body}").verdict == "wrong"


def test_a_function_without_source_is_run():
    names: dict = {}
    exec("def total(values):\n    return float(sum(values))", names)  # noqa: S102
    assert check(TOTAL, names["total"]).verdict == "right"


# ---------------------------------------------------------------------------------------- right, and recognised


def test_a_right_answer_gets_the_praise():
    assert check(TOTAL, lambda values: sum(values, 0.0)) == Verdict("right", None, "Sums are useful.")


def test_a_misconception_is_recognised_by_its_results_and_shown_on_the_first_case_that_fails():
    def times(values):
        result = 1.0
        for value in values:
            result *= value
        return result

    verdict = check(TOTAL, times)
    assert (verdict.misconception, verdict.message) == ("product", "Product.")
    assert verdict.evidence == (("input", "values = [2.0, 1.0]"), ("expected", "3.0"), ("got", "2.0"))


def test_a_misconception_is_recognised_beside_an_exception_on_a_later_case():
    def times(values):
        result = values[0]
        for value in values[1:]:
            result *= value
        return result

    assert check(TOTAL, times).misconception == "product"


def test_an_exception_can_be_the_misconception():
    verdict = check(TOTAL, lambda values: values[0] + sum(values[1:]))
    assert verdict.misconception is None
    assert "IndexError: list index out of range, in line" in shown(verdict)

    exercise = Exercise("test.total", total, [([1.0],), ([],)], TOTAL.wrong_answers, [], "")
    assert check(exercise, lambda values: values[0] + sum(values[1:])).misconception == "first_value"


def test_what_is_not_recognised_is_shown_as_it_is():
    verdict = check(TOTAL, lambda values: sum(values) + 1.0)
    assert verdict.misconception is None
    assert verdict.message == "The result has another value than expected."
    assert verdict.evidence == (("input", "values = [1.0]"), ("expected", "1.0"), ("got", "2.0"))


# ------------------------------------------------------------------------------------------- answers that misbehave


def endless(values):  # noqa: ARG001
    while True:
        pass


def endless_print(values):  # noqa: ARG001
    while True:
        print("again")  # noqa: T201


def endless_in_except_exception(values):  # noqa: ARG001
    while True:
        with contextlib.suppress(Exception):
            float("no number")


@pytest.mark.parametrize("function", [endless, endless_print, endless_in_except_exception])
def test_a_loop_is_stopped(function, capfd):
    n_threads = threading.active_count()
    verdict = check(TOTAL, function, seconds=0.2)
    assert verdict.verdict == "wrong"
    assert "did not finish within 0.2 seconds" in verdict.message
    assert "restart" not in verdict.message
    assert verdict.evidence == (("input", "values = [1.0]"),)
    assert threading.active_count() == n_threads
    assert capfd.readouterr() == ("", "")


def test_a_loop_on_a_later_case_is_shown_with_that_case():
    def loops_on_two(values):
        while len(values) == 2:
            pass
        return float(sum(values))

    assert check(TOTAL, loops_on_two, seconds=0.2).evidence == (("input", "values = [2.0, 1.0]"),)


def test_what_cannot_be_stopped_is_left_behind(monkeypatch):
    monkeypatch.setattr("helper_utils.teaching.timeouts.GRACE", 0.1)
    verdict = check(TOTAL, lambda values: time.sleep(1.5), seconds=0.1)  # noqa: ARG005
    assert "restart the kernel" in verdict.message


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C there")
def test_an_interrupt_by_the_learner_ends_the_loop():
    n_threads = threading.active_count()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it

    def interrupted(values):  # noqa: ARG001
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass

    try:
        with pytest.raises(KeyboardInterrupt):
            check(TOTAL, interrupted, seconds=60)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert threading.active_count() == n_threads


def test_an_exception_names_the_line_of_the_learner():
    verdict = check_cell("metrics.f1", "def f1(tp, fp, fn):\n    total = tp + fp\n    return tp / int('x')\n")
    assert verdict.message == "Your function breaks on this input."
    assert dict(verdict.evidence)["input"] == "tp = 1, fp = 1, fn = 0"
    got = dict(verdict.evidence)["got"]
    assert got == "ValueError: invalid literal for int() with base 10: 'x', in line 3: return tp / int('x')"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("np", "Nothing is called `np` yet. Run `import numpy as np` in a new cell above, and then this cell again."),
        ("valeus", "Nothing is called `valeus` here. Is it misspelled, or does a cell above still have to run?"),
    ],
)
def test_a_name_that_is_not_defined_is_named(name, message):
    verdict = check_cell("metrics.f1", f"def f1(tp, fp, fn):\n    return {name}.mean()\n")
    assert verdict.verdict == "wrong"
    assert verdict.message == message
    assert f"NameError: name '{name}' is not defined" in shown(verdict)


def test_an_exception_inside_a_library_names_the_line_of_the_learner():
    cell = "def macro_recall(matrix):\n    return torch.linalg.inv(matrix @ torch.ones(7, 3))\n"
    got = dict(check_cell("metrics.macro_recall", cell).evidence)["got"]
    assert got.startswith("RuntimeError: ")
    assert got.endswith("in line 2: return torch.linalg.inv(matrix @ torch.ones(7, 3))")


class WithoutText(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "error", [WithoutText(), SystemExit(3), Exception("x" * 10_000), Exception("at 0x7f00deadbeef")]
)
def test_odd_exceptions_get_a_short_message(error):
    def breaks(values):  # noqa: ARG001
        raise error

    verdict = check(TOTAL, breaks)
    assert verdict.message == "Your function breaks on this input."
    assert len(shown(verdict)) < 500
    assert "deadbeef" not in shown(verdict)


def test_endless_recursion_is_named():
    def recurses(values):
        return recurses(values)

    assert "calls itself without an end" in check(TOTAL, recurses).message


def test_a_changed_argument_is_named_and_later_cases_are_not_touched():
    def clears(values):
        result = float(sum(values))
        values.clear()
        return result

    for _ in range(2):
        verdict = check(TOTAL, clears)
        assert "changes its argument `values`" in verdict.message
        assert dict(verdict.evidence)["afterwards"] == "values = []"
    assert check(TOTAL, sorts).misconception == "sorts"
    assert check(TOTAL, total).verdict == "right"


def test_a_tensor_changed_in_place_is_noticed():
    exercise = exercise_with(lambda w: w + 1, torch.zeros(2))
    assert check(exercise, lambda w: w.add_(1)).message.startswith("Your function changes its argument `w`.")


def test_a_function_may_be_an_argument():
    exercise = exercise_with(lambda function, x: function(x), abs, -1.0)
    assert check(exercise, lambda function, x: function(x)).verdict == "right"


def test_printed_text_is_shown_shortly_and_only_where_something_is_wrong(capfd):
    def prints(values):
        print("sum of", len(values))  # noqa: T201
        for _ in range(1000):
            print("much", object())  # noqa: T201
        return float(sum(values))

    assert check(TOTAL, prints).evidence == ()
    verdict = check(TOTAL, lambda values: prints(values) + 1)
    printed = dict(verdict.evidence)["printed"]
    assert printed.startswith("sum of 1\nmuch <object object at 0x…>")
    assert len(printed) <= 301
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda: 1, "()"),
        (lambda items: sum(items), "(items)"),
        (lambda values, start: sum(values) + start, "(values, start)"),
        (lambda *values: sum(values), "(values)"),
    ],
)
def test_other_parameters_are_named(function, got):
    verdict = check(TOTAL, function)
    assert "other parameters" in verdict.message
    assert verdict.evidence == (("expected", "(values)"), ("got", got))


def test_a_further_parameter_with_a_default_is_fine():
    assert check(TOTAL, lambda values, start=0.0: sum(values, start)).verdict == "right"


@pytest.mark.parametrize("thing", [int, TOTAL, 3, WithoutText])
def test_what_is_no_function_is_named(thing):
    assert "directly over a function" in check(TOTAL, thing).message


def test_a_decorator_below_is_fine():
    @torch.no_grad()
    def decorated(values):
        return float(sum(values))

    assert check(TOTAL, decorated).verdict == "right"


# ------------------------------------------------------------------------------------------------- types and shapes


@pytest.mark.parametrize("result", [1.0, 1, np.float32(1), np.int64(1), Fraction(1), 1.0000001])
def test_any_number_stands_for_a_float(result):
    assert check(exercise_with(lambda x: x, 1.0), lambda x: result).verdict == "right"  # noqa: ARG005


@pytest.mark.parametrize(
    ("expected", "result", "message"),
    [
        (1.0, None, "The result is None (did you forget `return`?); expected is a float."),
        (1.0, ..., "The result is `...` (replace the dots); expected is a float."),
        (1.0, True, "The result is a bool; expected is a float."),
        (1.0, "1.0", "The result is a str; expected is a float."),
        (
            1.0,
            torch.tensor(1.0),
            "The result is a tensor (`.item()` makes a number of its single entry); expected is a ",
        ),
        (1.0, torch.ones(2), "The result is a tensor; expected is a float."),
        (1.0, (x for x in "ab"), "The result is a generator (use `return`, not `yield`); expected is a float."),
        (1.0, 10**400, "The result has another value than expected."),
        (1, 1.0, "The result is a float; expected is an int."),
        (True, 1, "The result is an int; expected is a bool."),
        ((1.0, 2.0), 1.0, "The result is a float; expected is a tuple."),
        ((1.0, 2.0), (1.0,), "The result has 1 entry; expected are 2."),
        ((1.0, 2.0), (1.0, None), "Entry 1 of the result is None"),
        ({"a": 1}, {"b": 1}, "The result has other keys than expected."),
        ({"a": 1}, {"a": 2}, "The result at 'a' has another value"),
        (torch.ones(2), torch.ones(2, 1), "The result has the shape (2, 1); expected is (2,)."),
        (
            torch.ones(2),
            torch.ones(2, dtype=torch.long),
            "The result holds integers; expected are floating-point numbers.",
        ),
        (torch.ones(2), [1.0, 1.0], "The result is a list; expected is a tensor."),
        (torch.ones(2), np.ones(2), "The result is a NumPy array; expected is a tensor."),
        (torch.ones(2), torch.ones(2).to_sparse(), "The result cannot be compared with the expected one."),
        (np.ones(2), np.zeros(2), "The result has another value than expected."),
    ],
)
def test_the_difference_is_said(expected, result, message):
    verdict = check(exercise_with(lambda x: x, expected), lambda x: result)  # noqa: ARG005
    assert verdict.verdict == "wrong"
    assert verdict.message.startswith(message)
    assert "0x" not in shown(verdict)
    assert len(shown(verdict)) < 400


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ((1.0, 2), [1, 2]),
        (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan], dtype=torch.float64)),
        (torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
        (torch.ones(2), torch.ones(2, requires_grad=True)),
        (np.array([True]), np.array([True])),
        (None, None),
        ("text", "text"),
        ({"a": [torch.zeros(1)]}, {"a": (torch.zeros(1),)}),
    ],
)
def test_the_same_is_right(expected, result):
    assert check(exercise_with(lambda x: expected, 0), lambda x: result).verdict == "right"  # noqa: ARG005
