"""The verdict on a learner's answer: run it on the exercise's cases, compare, and recognise what went wrong.

Whatever the answer does, the verdict comes within seconds and speaks of the learner's code only.
"""

import ast
import copy
import dataclasses
import inspect
import linecache
import re
import traceback
import types
from collections.abc import Callable
from typing import Any, Literal

from helper_utils.teaching.compare import difference, short_text, short_texts
from helper_utils.teaching.registry import Exercise
from helper_utils.teaching.timeouts import ShortText, TookTooLong, run_limited

SECONDS = 5.0  # in which an answer must be through all cases
INPUT_DIGITS = 6
MAX_ERROR_TEXT = 200  # characters
MAX_PRINTED = 300  # characters
IMPORTS = {  # what people mean by a name that they have not imported
    "np": "import numpy as np",
    "numpy": "import numpy",
    "math": "import math",
    "statistics": "import statistics",
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
    "nn": "from torch import nn",
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is said about an answer.

    Attributes:
        verdict: In one or two words.
        misconception: The name of the misconception where the answer shows a known one.
        message: The sentence for the learner: what to do, what went wrong, or what the function is good for.
        evidence: What goes with the message, as pairs of a label and a text: the input, expected, got, printed.
    """

    verdict: Literal["not attempted", "wrong", "right"]
    misconception: str | None
    message: str
    evidence: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    value: Any = None
    error: str = ""  # the exception's type
    error_text: str = ""  # its type, message and line, for the learner
    changed: tuple[str, ...] = ()  # arguments that are not what they were
    changed_text: str = ""  # their names and what they are now
    printed: str = ""


def check(exercise: Exercise, function: Callable[..., Any], *, seconds: float = SECONDS) -> Verdict:
    """Judge an answer, without showing or storing anything.

    Args:
        exercise: What the function is to do.
        function: The answer.
        seconds: How long it may take for all cases together.
    """
    function_inside = inspect.unwrap(function) if callable(function) else function
    if isinstance(function_inside, types.FunctionType) and _is_untouched_function(function_inside):
        return _not_attempted(exercise)
    if refusal := refuse(function, exercise.parameters):
        return refusal

    outcomes: list[Outcome] = []
    printed = ShortText()

    def call_all() -> None:
        for case in exercise.cases:
            outcomes.append(call_case(exercise.parameters, function, case, printed))

    try:
        run_limited(call_all, seconds, printed)
    except TookTooLong as error:
        return too_long_verdict(exercise, min(len(outcomes), len(exercise.cases) - 1), seconds, error.still_running)
    return judge_outcomes(exercise, outcomes)


# ------------------------------------------------------------------------------------------------- not attempted


def _not_attempted(exercise: Exercise) -> Verdict:
    return Verdict(
        "not attempted", None, f'Replace the dots and run the cell again. `hint("{exercise.name}")` gives a hint.'
    )


def _is_untouched_function(function: types.FunctionType) -> bool:
    try:
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function)))
    except (OSError, SyntaxError):  # no source, or a part of a line: somebody wrote that
        return False
    return isinstance(tree.body[0], ast.FunctionDef) and is_untouched(tree.body[0])


def is_untouched(definition: ast.FunctionDef) -> bool:
    """Say whether a function has no body but a docstring and a placeholder, whatever that would do when it is run."""
    return all(_is_placeholder(statement) for statement in definition.body)


def _is_placeholder(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant(value=str() | types.EllipsisType())):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False


# --------------------------------------------------------------------------------------------------------- calls


def refuse(function: Any, parameters: list[str]) -> Verdict | None:
    """Return the verdict on an answer that cannot be called as its exercise asks; None if it can.

    Args:
        function: What stands under the line `@exercise(...)`.
        parameters: The names of the exercise's parameters.
    """
    if not callable(function) or not inspect.isfunction(inspect.unwrap(function)):
        return Verdict("wrong", None, "The line `@exercise(...)` belongs directly over a function, `def ...`.")
    if takes_parameters(function, parameters):
        return None
    got = ", ".join(inspect.signature(function).parameters)
    evidence = (("expected", f"({', '.join(parameters)})"), ("got", f"({got})"))
    return Verdict("wrong", None, "Your function has other parameters than the exercise gave it.", evidence)


def takes_parameters(function: Callable[..., Any], parameters: list[str]) -> bool:
    """Say whether a function has these parameters first, and needs no others."""
    own = list(inspect.signature(function).parameters.values())
    n = len(parameters)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in own[:n] if p.kind in positional] == parameters and all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own[n:]
    )


def call_case(
    parameters: list[str], function: Callable[..., Any], case: tuple[Any, ...], printed: ShortText
) -> Outcome:
    """Call the answer with copies of a case's inputs; whatever it does becomes an outcome."""
    printed.clear()
    arguments = copy.deepcopy(case)
    try:
        value = function(*arguments)
    except (Exception, SystemExit) as error:  # exit() in an answer must not end the kernel
        file_name = inspect.unwrap(function).__code__.co_filename
        return Outcome(error=type(error).__name__, error_text=describe_error(error, file_name), printed=printed.text)
    triples = zip(parameters, case, arguments, strict=True)
    changed = {name: after for name, before, after in triples if before is not after and _difference(before, after, 0)}
    return Outcome(value, changed=tuple(changed), changed_text=_named(changed), printed=printed.text)


def describe_error(error: BaseException, file_name: str) -> str:
    """Return an exception's type and message, and the last line of the learner's own code on the way to it."""
    try:
        text = _without_addresses(str(error))[:MAX_ERROR_TEXT]
    except Exception:  # an exception of the learner's own may not even have a text
        text = ""
    lines = [n for frame, n in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file_name]
    described = type(error).__name__ + (f": {text}" if text else "")
    if lines:
        described += f", in line {lines[-1]}: {linecache.getline(file_name, lines[-1]).strip()}"
    return described


def _without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-fA-F]{4,}", "0x…", text)


def _difference(expected: Any, got: Any, tolerance: float) -> str:
    try:
        return difference(expected, got, tolerance)
    except Exception:  # a sparse tensor, say, or an object that refuses to be compared
        return "the result cannot be compared with the expected one"


# --------------------------------------------------------------------------------------------------- the verdict


def judge_outcomes(exercise: Exercise, outcomes: list[Outcome]) -> Verdict:
    """Compare what came of each case with the reference answer, and name the misconception that explains it."""
    expected = _outcomes(exercise, exercise.answer)
    failing = [i for i, pair in enumerate(zip(expected, outcomes, strict=True)) if not _same(exercise, *pair)]
    if not failing:
        return Verdict("right", None, exercise.praise)
    first = failing[0]
    evidence = _evidence(exercise, first, expected[first], outcomes[first])
    for leniently in (False, True):
        for wrong in exercise.wrong_answers:
            if _shows(exercise, _outcomes(exercise, wrong.function), outcomes, first, leniently):
                return Verdict("wrong", wrong.misconception, wrong.hint, evidence)
    return Verdict("wrong", None, _what_is_wrong(exercise, expected[first], outcomes[first]), evidence)


def _outcomes(exercise: Exercise, function: Callable[..., Any]) -> list[Outcome]:
    """Call a function of the exercise's own module on all cases."""
    return [call_case(exercise.parameters, function, case, ShortText()) for case in exercise.cases]


def _same(exercise: Exercise, expected: Outcome, got: Outcome) -> bool:
    return (expected.error, expected.changed) == (got.error, got.changed) and not _difference(
        expected.value, got.value, exercise.tolerance
    )


def _shows(exercise: Exercise, known: list[Outcome], outcomes: list[Outcome], first: int, leniently: bool) -> bool:
    """Say whether the outcomes are those of a known wrong answer.

    Leniently: an answer may break on some inputs besides, as one without a guard against 0/0 does; where it fails first
    it must still do what the known one does.
    """
    return all(
        (leniently and i != first and bool(got.error)) or _same(exercise, wrong, got)
        for i, (wrong, got) in enumerate(zip(known, outcomes, strict=True))
    )


def _what_is_wrong(exercise: Exercise, expected: Outcome, got: Outcome) -> str:
    if got.error == "RecursionError":
        return "Your function calls itself without an end."
    if got.error == "NameError" and (name := re.match(r"NameError: name '(\w+)' is not defined", got.error_text)):
        return _unknown_name(name[1])
    if got.error:
        return "Your function breaks on this input."
    if got.changed:
        names = " and ".join(f"`{name}`" for name in got.changed)
        return f"Your function changes its argument {names}. Compute a new value, and leave the argument as it is."
    sentence = _difference(expected.value, got.value, exercise.tolerance)
    return sentence[0].upper() + sentence[1:] + "."


def _unknown_name(name: str) -> str:
    if name in IMPORTS:
        return f"Nothing is called `{name}` yet. Run `{IMPORTS[name]}` in a new cell above, and then this cell again."
    return f"Nothing is called `{name}` here. Is it misspelled, or does a cell above still have to run?"


def _evidence(exercise: Exercise, number: int, expected: Outcome, got: Outcome) -> tuple[tuple[str, str], ...]:
    texts = (short_text(expected.value), got.error_text) if got.error else short_texts(expected.value, got.value)
    rows = [("input", _input(exercise, number)), ("expected", texts[0]), ("got", texts[1])]
    if got.changed:
        rows.append(("afterwards", got.changed_text))
    if got.printed:
        rows.append(("printed", _printed(got.printed)))
    return tuple(rows)


def _input(exercise: Exercise, number: int) -> str:
    return _named(dict(zip(exercise.parameters, exercise.cases[number], strict=True)))


def _named(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {short_text(value, INPUT_DIGITS)}" for name, value in values.items())


def _printed(text: str) -> str:
    text = _without_addresses(text).rstrip()
    return text if len(text) <= MAX_PRINTED else text[:MAX_PRINTED] + "…"


def too_long_verdict(exercise: Exercise, number: int, seconds: float, still_running: bool) -> Verdict:
    """Say that the answer did not come to an end, and on which input."""
    message = f"Your function did not finish within {seconds:g} seconds. Does it hold a loop that never ends?"
    if still_running:
        message += " It could not be stopped: restart the kernel."
    return Verdict("wrong", None, message, (("input", _input(exercise, number)),))
