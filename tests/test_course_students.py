"""The page of grades has a row for each student."""

import datetime
import re

from helper_utils.course.reports.grade import Grade, GradeReport, by_student


def grade(submission: str, exercise: str, verdict: str = "right", note: str = "") -> Grade:
    return Grade(submission, "", exercise, verdict, "", note)


GRADES = [
    grade("ann/01_metrics.ipynb", "metrics.f1"),
    grade("ann/late/05_optimizers.ipynb", "optimizers.sgd", "wrong"),
    grade("ben.ipynb", "metrics.f1", "broken", "it took longer than 5 seconds"),
    grade("ann/01_metrics-2.ipynb", "metrics.f1", "wrong"),
]


def test_a_student_is_a_folder_with_all_that_is_below_it_or_a_file_that_is_in_none():
    students = by_student(GRADES)
    assert {student: list(exercises) for student, exercises in students.items()} == {
        "ann": ["metrics.f1", "optimizers.sgd"],
        "ben.ipynb": ["metrics.f1"],
    }
    assert students["ann"]["metrics.f1"] == [GRADES[0], GRADES[3]]


def test_the_page_has_one_row_a_student_that_says_what_was_found():
    page = GradeReport(datetime.datetime(2026, 11, 1), "class", GRADES).page()
    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    ann, ben = (" ".join(re.sub("<[^>]+>", " ", row).split()) for row in table.split("</tr>")[:-1])
    assert ann == "ann ✔ right ann/01_metrics.ipynb ✘ wrong ann/01_metrics-2.ipynb ✘ wrong"
    assert ben == "ben.ipynb ! broken it took longer than 5 seconds"
