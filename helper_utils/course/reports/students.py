"""Grades by student."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Protocol, TypeVar


class Graded(Protocol):
    """A line of the table of grades."""

    @property
    def submission(self) -> str:
        """The path of the notebook below the folder of submissions."""
        ...

    @property
    def exercise(self) -> str:
        """The exercise's name."""
        ...


AGrade = TypeVar("AGrade", bound=Graded)


def by_student(grades: Iterable[AGrade]) -> dict[str, dict[str, list[AGrade]]]:
    """Return the grades of each student by exercise; one who handed in an exercise twice has two.

    A student is a folder with all that is below it, or a file that is in none.
    """
    students: dict[str, dict[str, list[AGrade]]] = {}
    for grade in grades:
        of_student = students.setdefault(PurePosixPath(grade.submission).parts[0], {})
        of_student.setdefault(grade.exercise, []).append(grade)
    return students
