"""What a notebook uses: `exercise` over a function, `hint` and `show_answer`.

The verdict is shown as text that is the same on every machine, and kept in the metadata of the output:
`{"helper_utils": {"exercise": {"name": ..., "verdict": ..., "misconception": ...}}}`.
"""

import html
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from IPython.display import display

from helper_utils.teaching.progress import save_verdict
from helper_utils.teaching.registry import find_exercise
from helper_utils.teaching.verdict import Verdict, check

Function = TypeVar("Function", bound=Callable[..., Any])

# Mark, words, and colour of the line at the left: readable on light and dark pages, and to the colour-blind.
LOOKS = {
    "not attempted": ("○", "Not attempted", "#888888"),
    "wrong": ("✘", "Not yet right", "#D55E00"),
    "right": ("✔", "Right", "#009E73"),
    "hint": ("➜", "Hint", "#0072B2"),
    "answer": ("➜", "One answer", "#0072B2"),
}

_n_hints: dict[str, int] = {}  # how many hints of each exercise were shown in this kernel
_latest: list[str] = []  # the exercise that was checked last, for hint() and show_answer() without a name


def exercise(name: str) -> Callable[[Function], Function]:
    """Check the function below at once, and show the verdict: not attempted, not yet right with a hint, or right.

    Args:
        name: The exercise's name, such as "metrics.f1".

    Returns:
        A decorator that leaves the function as it is, so that later cells can call it.

    Raises:
        UnknownExerciseError: There is no exercise of that name. The message names the nearest one.
    """
    found = find_exercise(name)

    def decorate(function: Function) -> Function:
        _bind(function)
        verdict = check(found, function)
        _latest[:] = [name]
        trouble = save_verdict(name, verdict.verdict)
        _show_verdict(name, verdict, [*verdict.evidence, *([("note", trouble)] if trouble else [])])
        return function

    return decorate


def hint(name: str | None = None) -> None:
    """Show a hint, and with each further call one more.

    Args:
        name: The exercise's name; by default the one that was checked last.

    Raises:
        UnknownExerciseError: There is no exercise of that name.
        ValueError: No name is given, and none was checked.
        TypeError: The name is not a text.
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
        ValueError: As for `hint`.
        TypeError: As for `hint`.
    """
    found = find_exercise(_chosen(name, "show_answer"))
    cell = f'@exercise("{found.name}")\n{found.answer_source}'
    _display("answer", f"\n\n{cell}", f"<pre><code>{html.escape(cell)}</code></pre>", {})


def _bind(function: Callable[..., Any]) -> None:
    """Give a function its name now, before its decorator returns: one that calls itself must not meet an older one."""
    inside = inspect.unwrap(function) if callable(function) else function
    if inspect.isfunction(inside) and inside.__qualname__ == inside.__name__:
        inside.__globals__[inside.__name__] = function


def _chosen(name: str | None, function: str) -> str:
    if name is None and not _latest:
        raise ValueError(f'run the cell of an exercise first, or give its name, such as {function}("metrics.f1")')
    if name is not None and not isinstance(name, str):
        raise TypeError(f'give the name of the exercise as a text, such as {function}("metrics.f1"), not {name!r}')
    return _latest[0] if name is None else name


def _show_verdict(name: str, verdict: Verdict, evidence: list[tuple[str, str]]) -> None:
    width = max((len(label) for label, _ in evidence), default=0)
    lines = [f"    {label:{width}}  {_indented(text, width + 6)}" for label, text in evidence]
    rows = "".join(map(_row, evidence))
    table = f"<table>{rows}</table>" if rows else ""
    kept = {"exercise": {"name": name, "verdict": verdict.verdict, "misconception": verdict.misconception}}
    _display(verdict.verdict, "\n".join([verdict.message, *lines]), _formatted(verdict.message) + table, kept)


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
