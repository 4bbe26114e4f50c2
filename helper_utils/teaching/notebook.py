"""What a notebook uses: `exercise` over a function, `hint`, `show_answer` and `use_my_answer`.

The cells below an exercise run on the learner's function once it is right, and on the course's own answer until then.

The verdict is shown as text that is the same on every machine, and kept in the metadata of the output:
`{"helper_utils": {"exercise": {"name": ..., "verdict": ..., "misconception": ...}}}`.
"""

import html
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from IPython.display import display

from helper_utils.teaching.progress import save_verdict
from helper_utils.teaching.registry import Exercise, ShownInOneLine, find_exercise
from helper_utils.teaching.verdict import Verdict, check

Function = TypeVar("Function", bound=Callable[..., Any])

# Mark, words, and colour of the line at the left: readable on light and dark pages, and to the colour-blind.
LOOKS = {
    "not attempted": ("○", "Not attempted", "#888888"),
    "wrong": ("✘", "Not yet right", "#D55E00"),
    "right": ("✔", "Right", "#009E73"),
    "hint": ("➜", "Hint", "#0072B2"),
    "answer": ("➜", "One answer", "#0072B2"),
    "in use": ("➜", "In use", "#0072B2"),
}
RUNS = {True: "Your function runs from here on.", False: "The course's answer runs until yours is right."}

_n_hints: dict[str, int] = {}  # how many hints of each exercise were shown in this kernel
_latest: list[str] = []  # the exercise that was checked last, for hint() and show_answer() without a name
_own: dict[str, Callable[..., Any]] = {}  # what the learner has written for each exercise in this kernel


class NoAnswerError(ShownInOneLine, ValueError):
    """There is no answer of the learner's that could be meant."""


class NotANameError(ShownInOneLine, TypeError):
    """The name of an exercise is not a text."""


def exercise(name: str) -> Callable[[Function], Function]:
    """Check the function below at once, and decide what runs in the cells that use it.

    The verdict is shown: not attempted, not yet right with a hint, or right. The hints and one answer stand folded
    below it.

    Args:
        name: The exercise's name, such as "metrics.f1".

    Returns:
        A decorator that returns the function if it is right, and the course's own answer otherwise, so that later cells
        can call it either way. `use_my_answer` gives them the function although it is not right.

    Raises:
        UnknownExerciseError: There is no exercise of that name. The message names the nearest one.
        NotANameError: The name is not a text, as where `@exercise` stands alone over a function.
    """
    found = find_exercise(_text(name, "@exercise"))

    def decorate(function: Function) -> Function:
        names = _names_around(function)
        names[_name_of(function)] = function  # if it calls itself, it must not meet an older one
        verdict = check(found, function)
        _latest[:] = [name]
        _own.pop(name, None)
        if verdict.verdict != "not attempted":
            _own[name] = function
        trouble = save_verdict(name, verdict.verdict)
        _show_verdict(found, verdict, [*verdict.evidence, *([("note", trouble)] if trouble else [])])
        runs = function if verdict.verdict == "right" else cast(Function, found.answer)
        names[_name_of(found.answer)] = runs  # the cells below call it by this name, whatever the learner's is
        return runs

    return decorate


def hint(name: str | None = None) -> None:
    """Show a hint, and with each further call one more.

    Args:
        name: The exercise's name; by default the one that was checked last.

    Raises:
        UnknownExerciseError: There is no exercise of that name.
        NoAnswerError: No name is given, and none was checked.
        NotANameError: The name is not a text.
    """
    found = find_exercise(_chosen(name, "hint"))
    n_all = len(found.hints)
    n_shown = _n_hints[found.name] = min(_n_hints.get(found.name, 0) + 1, n_all)
    after = f'`hint("{found.name}")` again gives one more.'
    if n_shown == n_all:
        after = f'That was the last one; `show_answer("{found.name}")` shows an answer.'
    hints = [f"{i} of {n_all}: {text}" for i, text in enumerate(found.hints[:n_shown], start=1)]
    _show("hint", [f"for `{found.name}`", *hints], after)


def show_answer(name: str | None = None) -> None:
    """Show the reference answer of an exercise.

    Args:
        name: As for `hint`.

    Raises:
        UnknownExerciseError: As for `hint`.
        NoAnswerError: As for `hint`.
        NotANameError: As for `hint`.
    """
    found = find_exercise(_chosen(name, "show_answer"))
    cell = _answer_cell(found)
    _display("answer", f"\n\n{cell}", _code(cell), {})


def use_my_answer(name: str | None = None) -> None:
    """Put the learner's own function to work in the cells below although it is not right, to see what it does.

    Running the cell of the exercise again takes it back.

    Args:
        name: As for `hint`.

    Raises:
        UnknownExerciseError: As for `hint`.
        NoAnswerError: Nothing has been written for this exercise in this kernel.
        NotANameError: As for `hint`.
    """
    found = find_exercise(_chosen(name, "use_my_answer"))
    if found.name not in _own:
        raise NoAnswerError(f"write your function for {found.name} and run its cell first")
    own = _own[found.name]
    _names_around(own).update({_name_of(own): own, _name_of(found.answer): own})
    _show("in use", [f"your function for `{found.name}`, right or not."], "Run its cell again to take that back.")


def _names_around(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names of the notebook in which a function stands; names that nobody reads, if it stands in none."""
    inside = inspect.unwrap(function) if callable(function) else function
    if inspect.isfunction(inside) and inside.__qualname__ == inside.__name__:
        return inside.__globals__
    return {}


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "")


def _chosen(name: str | None, function: str) -> str:
    if name is None and not _latest:
        raise NoAnswerError(f'run the cell of an exercise first, or give its name, such as {function}("metrics.f1")')
    return _latest[0] if name is None else _text(name, function)


def _text(name: str, function: str) -> str:
    if not isinstance(name, str):
        raise NotANameError(f'give the name of the exercise as a text, such as {function}("metrics.f1"), not {name!r}')
    return name


def _show_verdict(exercise: Exercise, verdict: Verdict, evidence: list[tuple[str, str]]) -> None:
    width = max((len(label) for label, _ in evidence), default=0)
    lines = [f"    {label:{width}}  {_indented(text, width + 6)}" for label, text in evidence]
    rows = "".join(map(_row, evidence))
    table = f"<table>{rows}</table>" if rows else ""
    runs = RUNS[verdict.verdict == "right"]
    kept = {"exercise": {"name": exercise.name, "verdict": verdict.verdict, "misconception": verdict.misconception}}
    page = f"{_formatted(verdict.message)}{table}<br><em>{runs}</em>{_folded_help(exercise)}"
    _display(verdict.verdict, "\n".join([verdict.message, *lines, runs]), page, kept)


def _folded_help(exercise: Exercise) -> str:
    """Return the hints and one answer, each folded: whoever reads without a kernel has them too."""
    n = len(exercise.hints)
    parts = [(f"Hint {i} of {n}", _formatted(text)) for i, text in enumerate(exercise.hints, start=1)]
    parts.append(("One answer", _code(_answer_cell(exercise))))
    return "".join(f"<details><summary>{title}</summary>{text}</details>" for title, text in parts)


def _answer_cell(exercise: Exercise) -> str:
    return f'@exercise("{exercise.name}")\n{exercise.answer_source}'


def _code(text: str) -> str:
    return f"<pre><code>{html.escape(text)}</code></pre>"


def _row(labelled: tuple[str, str]) -> str:
    label, text = labelled
    left = "text-align: left; vertical-align: top"
    code = f'<code style="white-space: pre-wrap">{html.escape(text)}</code>'
    return f'<tr><th scope="row" style="{left}">{label}</th><td style="{left}">{code}</td></tr>'


def _indented(text: str, n: int) -> str:
    return text.replace("\n", "\n" + " " * n)


def _show(look: str, items: list[str], after: str) -> None:
    plain = "\n".join([*items, after])
    _display(look, plain, "<br>".join(map(_formatted, [*items, after])), {})


def _formatted(text: str) -> str:
    """Turn a sentence into HTML; what is between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _display(look: str, plain: str, page: str, kept: dict[str, Any]) -> None:
    mark, words, color = LOOKS[look]
    box = (
        f'<div style="border-left: 4px solid {color}; padding-left: 0.6em; margin: 0.3em 0">'
        f"{mark} <strong>{words}:</strong> {page}</div>"
    )
    metadata = {"helper_utils": kept} if kept else {}
    display({"text/plain": f"{mark} {words}: {plain}", "text/html": box}, raw=True, metadata=metadata)
