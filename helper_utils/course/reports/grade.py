"""The table of a grading, as CSV, as JSON and as a page."""

import datetime
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from helper_utils.course.errors import count
from helper_utils.course.files import write_text
from helper_utils.course.reports.students import by_student
from helper_utils.course.reports.tables import as_csv, render

RIGHT, WRONG, NOT_ATTEMPTED, MISSING, BROKEN = "right", "wrong", "not attempted", "missing", "broken"
VERDICTS = (RIGHT, WRONG, NOT_ATTEMPTED, MISSING, BROKEN)
COLUMNS = ("submission", "lesson", "exercise", "verdict", "misconception", "note")


@dataclass(frozen=True)
class Grade:
    """One line of the table.

    Attributes:
        submission: The file, from the folder of submissions.
        lesson: The lesson that it belongs to, or an empty string where that cannot be told.
        exercise: The exercise's name; empty where the whole submission is broken and its lesson unknown.
        verdict: `right`, `wrong`, `not attempted`, `missing` (the cell is gone) or `broken` (could not be judged).
        misconception: Its name, where the answer shows a known one.
        note: What is wrong, in a sentence.
    """

    submission: str
    lesson: str
    exercise: str
    verdict: str
    misconception: str = ""
    note: str = ""


def summary(grades: Sequence[Grade]) -> str:
    """Return what came out, such as `2 right, 1 wrong`."""
    counts = Counter(grade.verdict for grade in grades)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]) or "no exercises"


@dataclass(frozen=True)
class GradeReport:
    """The finished table.

    Attributes:
        time: When the grading began.
        folder: The name of the folder of submissions.
        grades: The lines, by submission.
    """

    time: datetime.datetime
    folder: str
    grades: Sequence[Grade]

    @cached_property
    def submissions(self) -> dict[str, dict[str, Grade]]:
        """For each submission the grade of each exercise."""
        table: dict[str, dict[str, Grade]] = {}
        for grade in self.grades:
            table.setdefault(grade.submission, {})[grade.exercise] = grade
        return table

    @property
    def exercises(self) -> list[str]:
        """All exercises, in the order in which they were met."""
        return list(dict.fromkeys(grade.exercise for grade in self.grades))

    @property
    def counts(self) -> dict[str, int]:
        """How often each verdict was given."""
        found = Counter(grade.verdict for grade in self.grades)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def misconceptions(self) -> list[tuple[str, str, int]]:
        """The exercise, the misconception and how many have it, the most frequent first."""
        found = Counter((grade.exercise, grade.misconception) for grade in self.grades if grade.misconception)
        return [(exercise, name, n) for (exercise, name), n in found.most_common()]

    def summary(self) -> list[str]:
        """Return what the terminal shows at the end."""
        lines = ["", f"{count(len(self.submissions), 'submission')}: {summary(self.grades)}"]
        return lines + [f"  {exercise}: {name} ({n})" for exercise, name, n in self.misconceptions]

    def write(self, folder: Path) -> Path:
        """Write the table as CSV and JSON, and the page; return the page."""
        rows = [asdict(grade) for grade in self.grades]
        write_text(folder / "grades.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        write_text(folder / "grades.csv", as_csv(COLUMNS, rows))
        index = folder / "index.html"
        write_text(index, self.page())
        return index

    def page(self) -> str:
        """Return the page with the table, the misconceptions and the notes."""
        return render("grade.html.j2", report=self, students=by_student(self.grades))
