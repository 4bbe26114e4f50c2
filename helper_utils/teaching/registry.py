"""What an exercise is made of, and where it is found by its name."""

import ast
import dataclasses
import difflib
import importlib
import inspect
import textwrap
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, Literal

PACKAGE = Path(__file__).parents[1]


class ShownInOneLine:
    """For errors whose sentence says all: a notebook shows them without the way through our code."""

    def _render_traceback_(self) -> list[str]:  # the name that IPython looks for
        return [f"{type(self).__name__}: {self}"]


class UnknownExerciseError(ShownInOneLine, ValueError):
    """There is no exercise of that name."""


@dataclasses.dataclass(frozen=True)
class WrongAnswer:
    """An answer that shows a misconception: a learner whose results are the same has the same misconception.

    Attributes:
        function: What somebody with the misconception writes; its name is the name of the misconception.
        hint: What helps them, in one or two sentences; it is shown with the first case on which the results differ.
    """

    function: Callable[..., Any]
    hint: str

    @property
    def misconception(self) -> str:
        """The name of the misconception, such as `mean_of_precision_and_recall`."""
        return self.function.__name__


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One function that a learner writes.

    Attributes:
        name: `topic.function`, such as `metrics.f1`.
        answer: The reference answer. Its signature and docstring are those of the cell in the notebook; it uses nothing
            of its module but imported libraries, because its source is shown to the learner.
        cases: The arguments on which answers are compared, the smallest and plainest first: numbers, text, lists,
            tuples, dicts, arrays and tensors. Every wrong answer must fail on one of them.
        wrong_answers: Known wrong answers, each with its hint; at least six.
        hints: Steps towards the answer, each saying more than the one before; at least two.
        praise: One sentence on what the function is good for, shown when it is right.
        tolerance: By how much numbers may differ, relative and absolute.
        difficulty: 1 (one line), 2 (some lines), 3 (a training, a decision from a table, a small design).
        right_answers: Answers written in another way than the reference, which the checks must take; at least two.
    """

    name: str
    answer: Callable[..., Any]
    cases: Sequence[tuple[Any, ...]]
    wrong_answers: Sequence[WrongAnswer]
    hints: Sequence[str]
    praise: str
    tolerance: float = 1e-5
    difficulty: Literal[1, 2, 3] = 1
    right_answers: Sequence[Callable[..., Any]] = ()

    @property
    def prompt(self) -> str:
        """What the function is to do: the docstring of the reference answer."""
        return inspect.getdoc(self.answer) or ""

    @property
    def parameters(self) -> list[str]:
        """The names of the function's parameters."""
        return list(inspect.signature(self.answer).parameters)

    @property
    def answer_source(self) -> str:
        """The reference answer as text."""
        return textwrap.dedent(inspect.getsource(self.answer)).rstrip() + "\n"

    @property
    def cell(self) -> str:
        """The untouched cell of the notebook: decorator, signature and docstring of the answer, and dots."""
        [definition] = ast.parse(self.answer_source).body
        assert isinstance(definition, ast.FunctionDef)  # noqa: S101 - the author's mistake, found by the tests
        docstring = definition.body[0]
        head = self.answer_source.splitlines()[: docstring.end_lineno]
        return "\n".join([f'@exercise("{self.name}")', *head, "    ...", ""])


def topics() -> list[str]:
    """Name the topics that have exercises, without importing them."""
    return sorted(file.parent.name for file in PACKAGE.glob("*/exercises.py"))


def exercises_of(topic: str) -> list[Exercise]:
    """Return the exercises of one topic, as they are in its file."""
    return importlib.import_module(f"helper_utils.{topic}.exercises").EXERCISES


def find_exercise(name: str) -> Exercise:
    """Return the exercise of that name; only the module of its topic is imported.

    Args:
        name: `topic.function`, such as `metrics.f1`.

    Raises:
        UnknownExerciseError: There is none. The message names the nearest one.
    """
    topic = name.partition(".")[0]
    if topic in topics():
        for exercise in exercises_of(topic):
            if exercise.name == name:
                return exercise
    known = [exercise.name for topic in topics() for exercise in exercises_of(topic)]
    nearest = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(known)}"
    raise UnknownExerciseError(f"unknown exercise {name!r}: {hint}")


def checked_by(call: ast.AST, names: Container[str] = ("exercise",)) -> str | None:
    """Return the exercise that somebody's code names in `exercise(name)`, a decorator mostly; None for anything else.

    Args:
        call: The syntax tree of an expression.
        names: What `exercise` is called there.
    """
    match call:
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function)) if function in names:
            for value in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "name")]:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value.value
    return None
