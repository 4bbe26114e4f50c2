"""`course progress`: a picture of what a learner has done, lesson by lesson."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helper_utils.course.errors import count
from helper_utils.course.files import shown
from helper_utils.course.lessons import Lesson, exercise_names
from helper_utils.teaching.progress import ENVIRONMENT_VARIABLE, progress_directory, read_progress

# Of each state the mark, its colour and the words, in the order in which they are shown.
LOOKS = {"right": ("●", "green", "right"), "tried": ("◐", "yellow", "tried"), "open": ("○", "default", "open")}


def show_progress(lessons: Sequence[Lesson], console: Console | None = None) -> None:
    """Print, for each lesson, a mark for each of its exercises, and the same in words.

    Args:
        lessons: The lessons to show.
        console: Where to print; by default the terminal.
    """
    console = console or Console(highlight=False)
    known = read_progress()
    states = {lesson.name: [known.get(name, "open") for name in exercise_names(lesson)] for lesson in lessons}
    total = Counter(state for of_lesson in states.values() for state in of_lesson)
    if not total.total():
        console.print("These lessons have no exercises.")
        return

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for lesson in lessons:
        of_lesson = Counter(states[lesson.name])
        marks = Text()
        for state, (mark, colour, _) in LOOKS.items():
            marks.append(mark * of_lesson[state], style=colour)
        table.add_row(lesson.name, lesson.title, marks, _words(of_lesson) or "no exercises")
    console.print(table)
    verb = "is" if total.total() == 1 else "are"
    console.print(f"\n{total['right']} of {count(total.total(), 'exercise')} {verb} right ({_words(total)}).")
    console.print(_advice(states, lessons), soft_wrap=True)


def _words(count: Counter[str]) -> str:
    return ", ".join(f"{count[state]} {word}" for state, (_, _, word) in LOOKS.items() if count[state])


def _advice(states: dict[str, list[str]], lessons: Sequence[Lesson]) -> str:
    """Say where to go on, and where all this is kept."""
    directory = progress_directory()
    if directory is None:
        return f"Nothing is kept: the environment variable {ENVIRONMENT_VARIABLE} says off."
    unfinished = [lesson for lesson in lessons if set(states[lesson.name]) - {"right"}]
    if not unfinished:
        return f"All of them: well done. Kept in {shown(directory)}."
    started = any(set(of_lesson) - {"open"} for of_lesson in states.values())
    return f"{'Go on' if started else 'Start'} with {unfinished[0].path.name}. Kept in {shown(directory)}."
