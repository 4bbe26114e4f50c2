"""`show_progress`: a learner's progress as a table in the notebook."""

import html
from collections import Counter
from collections.abc import Sequence

from IPython.display import display

from helper_utils.teaching.progress import read_progress
from helper_utils.teaching.registry import ShownInOneLine, exercises_of, topics

LOOKS = {"right": "✔ right", "tried": "◐ tried", "open": "○ not yet"}


class NoTopicError(ShownInOneLine, ValueError):
    """No lesson of that name has exercises."""


def show_progress(topic: str | None = None) -> None:
    """Show which exercises are right, which were tried, and which were not.

    Args:
        topic: Name of a lesson, as in the notebook's file name: `metrics` for 01_metrics, for a row an exercise; by
            default all lessons, for a row a lesson.

    Raises:
        ValueError: No lesson of that name has exercises.
    """
    known = topics()
    if topic is not None and topic not in known:
        raise NoTopicError(f"no lesson {topic!r} has exercises: choose one of {', '.join(known)}, or none for all")
    progress = read_progress()
    states = {
        name: [(exercise.name, progress.get(exercise.name, "open")) for exercise in exercises_of(name)]
        for name in ([topic] if topic else known)
    }
    counts = {name: Counter(state for _, state in of_topic) for name, of_topic in states.items()}
    n_right = sum(count["right"] for count in counts.values())
    n_all = sum(count.total() for count in counts.values())
    title = f"{n_right} of {n_all} exercises are right"
    if topic:
        head, rows = ["exercise", "state"], [[name, LOOKS[state]] for name, state in states[topic]]
    else:
        head = ["lesson", *LOOKS.values()]
        rows = [[name, *(str(count[state]) for state in LOOKS)] for name, count in counts.items()]
    display({"text/html": _page(title, head, rows), "text/plain": _text(title, head, rows)}, raw=True)


def _page(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    left = 'style="text-align: left"'
    names = "".join(f'<th scope="col" {left}>{html.escape(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row" {left}>{html.escape(row[0])}</th>'
        + "".join(f"<td {left}>{html.escape(entry)}</td>" for entry in row[1:])
        + "</tr>"
        for row in rows
    )
    caption = f'<caption style="text-align: left; white-space: nowrap">{title}</caption>'
    return f'<table style="margin: 0.3em 0">{caption}<tr>{names}</tr>{lines}</table>'


def _text(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(f"{entry:{width}}" for entry, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join([title, *(line.rstrip() for line in lines)])
