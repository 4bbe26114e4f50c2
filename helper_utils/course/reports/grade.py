"""The table of a grading, as CSV, as JSON and as a page."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from helper_utils.base.files import write_text
from helper_utils.course.errors import count
from helper_utils.course.reports.tables import render, write_table

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


def by_student(grades: Iterable[Grade]) -> dict[str, dict[str, list[Grade]]]:
    """Return the grades of each student by exercise; one who handed in an exercise twice has two.

    A student is a folder with all that is below it, or a file that is in none.
    """
    students: dict[str, dict[str, list[Grade]]] = {}
    for grade in grades:
        of_student = students.setdefault(PurePosixPath(grade.submission).parts[0], {})
        of_student.setdefault(grade.exercise, []).append(grade)
    return students


@dataclass(frozen=True)
class GradeReport:
    """The finished table.

    Attributes:
        started: When the grading began.
        folder: The name of the folder of submissions.
        grades: The lines, by submission.
    """

    started: datetime.datetime
    folder: str
    grades: Sequence[Grade]

    @property
    def submissions(self) -> set[str]:
        """The files."""
        return {grade.submission for grade in self.grades}

    @property
    def exercises(self) -> list[str]:
        """All exercises, in the order in which they were met."""
        return list(dict.fromkeys(grade.exercise for grade in self.grades))

    @property
    def numbers(self) -> dict[str, int]:
        """What the page shows first: how many submissions there are, and how often each verdict was given."""
        found = Counter(grade.verdict for grade in self.grades)
        return {"Submissions": len(self.submissions)} | {verdict.capitalize(): found[verdict] for verdict in VERDICTS}

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
        write_table(folder, "grades", COLUMNS, [asdict(grade) for grade in self.grades])
        index = folder / "index.html"
        write_text(index, self.page())
        return index

    def page(self) -> str:
        """Return the page with the table, the misconceptions and the notes."""
        return render("grade.html.j2", report=self, students=by_student(self.grades))
