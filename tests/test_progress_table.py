"""A learner's progress as a table in the notebook."""

import re
from pathlib import Path

import pytest

from helper_utils import show_progress
from helper_utils.teaching import progress_table
from helper_utils.teaching.progress import ENVIRONMENT_VARIABLE, save_verdict
from helper_utils.teaching.registry import exercises_of, topics


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict]:
    """The outputs that are displayed; the progress is empty."""
    outputs = []
    monkeypatch.setattr(progress_table, "display", lambda data, *, raw: outputs.append(data) if raw else None)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "progress"))
    return outputs


def rows(page: str) -> list[list[str]]:
    """The table without its head."""
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in page.split("<tr>")[2:]]


def test_of_one_lesson_every_exercise_has_a_row_with_its_state(shown):
    names = [exercise.name for exercise in exercises_of("metrics")]
    save_verdict(names[0], "right")
    save_verdict(names[1], "wrong")
    show_progress("metrics")
    [data] = shown
    assert f"1 of {len(names)} exercises are right" in data["text/html"]
    assert rows(data["text/html"]) == [
        [names[0], "✔ right"],
        [names[1], "◐ tried"],
        *([name, "○ not yet"] for name in names[2:]),
    ]
    assert re.search(rf"^{names[1]} +◐ tried$", data["text/plain"], re.MULTILINE)


def test_of_all_lessons_each_has_a_row_with_its_counts(shown):
    n_metrics = len(exercises_of("metrics"))
    save_verdict(exercises_of("metrics")[0].name, "right")
    save_verdict(exercises_of("schedulers")[0].name, "wrong")
    show_progress()
    table = {name: counts for name, *counts in rows(shown[0]["text/html"])}
    assert list(table) == topics()
    assert table["metrics"] == ["1", "0", str(n_metrics - 1)]
    assert table["schedulers"][:2] == ["0", "1"]


def test_where_nothing_is_kept_the_table_is_that_of_somebody_who_begins(shown, monkeypatch):
    show_progress("metrics")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "off")
    show_progress("metrics")
    assert shown[0] == shown[1]


def test_a_lesson_that_has_no_exercises_is_named(shown):
    with pytest.raises(ValueError, match=r"no lesson 'metric' has exercises: choose one of .*metrics"):
        show_progress("metric")
    assert not shown
