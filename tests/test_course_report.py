"""The plan of a run, its display and its report, without running anything."""

import io
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from helper_utils.course.commands import run
from helper_utils.course.commands.run import make_jobs
from helper_utils.course.files import results_folder, shown
from helper_utils.course.lessons import Lesson
from helper_utils.course.reports.run import Report
from helper_utils.course.running.display import LineProgress, LiveProgress, make_progress
from helper_utils.course.running.notebook import NOT_RUN, Job, Result


def test_two_runs_in_one_second_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 11, 21, 10, 30, 0)
    names = [shown(results_folder(None, now)) for _ in range(3)]
    assert names == [str(Path("runs") / f"2026-11-21_10-30-00{end}") for end in ("", "-2", "-3")]
    assert shown(Path("/elsewhere")) == str(Path("/elsewhere"))


JOB = Job("01_good", Path("01_good.ipynb"), Path("runs/01_good.ipynb"), n_cells=3)
CLAIMS = [{"sentence": "yes", "holds": True, "evidence": None}, {"sentence": "no", "holds": False, "evidence": None}]


@pytest.fixture
def lessons(tmp_path) -> list[Lesson]:
    code = [{"cell_type": "code", "source": source, "metadata": {}} for source in ("lr = 1", "", "print(lr)")]
    return [Lesson(tmp_path / f"0{number}_topic.ipynb", code) for number in (1, 2, 3)]


def test_jobs_divide_the_cores(lessons, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "n_cores", lambda: 8)
    for wanted, at_once, threads in ((None, 3, 2), (1, 1, 8), (2, 2, 4), (20, 3, 2)):
        jobs, n_at_once = make_jobs(lessons, {}, tmp_path, n_at_once=wanted, timeout=5)
        assert n_at_once == at_once
        assert {job.n_threads for job in jobs} == {threads}
    monkeypatch.setattr(run, "n_cores", lambda: 1)
    assert make_jobs(lessons, {}, tmp_path, n_at_once=3, timeout=5)[0][0].n_threads == 1


def test_claims_are_strict_where_the_parameters_are_the_defaults(lessons, tmp_path):
    values = {"01_topic": {"lr": 3}, "02_topic": {}}
    for strict, expected in ((False, [False, True, True]), (True, [True, True, True])):
        jobs, _ = make_jobs(lessons, values, tmp_path, n_at_once=1, timeout=5, strict=strict)
        assert [job.strict for job in jobs] == expected
        assert [job.n_cells for job in jobs] == [3, 2, 2]  # one more where papermill adds the parameters


def test_lessons_that_cannot_be_read_are_not_run(lessons, tmp_path):
    broken = Lesson(tmp_path / "04_broken.ipynb", error="no JSON")
    jobs, _ = make_jobs([*lessons, broken], {}, tmp_path, n_at_once=1, timeout=5)
    assert [job.lesson for job in jobs] == ["01_topic", "02_topic", "03_topic"]


def test_the_live_table_shows_cells_and_status():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with LiveProgress(console, [JOB]) as progress:
        progress.start(JOB)
        progress.cell(JOB, 2)
        progress.finish(JOB, Result("01_good", "failed", 1.5, error="cell 2: ValueError: [red]", claims=CLAIMS))
    shown_last = file.getvalue().rpartition("lesson")[2]
    for text in ("01_good", "2/3", "1.5", "failed", "1 of 2 claims hold", "cell 2: ValueError: [red]"):
        assert text in shown_last


def test_a_file_gets_lines_instead_of_a_live_table(capsys):
    with make_progress([JOB]) as progress:
        assert isinstance(progress, LineProgress)
        progress.start(JOB)
        progress.cell(JOB, 2)
        progress.finish(JOB, Result("01_good", "passed", 1.5))
    assert capsys.readouterr().out == "01_good: started, 3 cells\n01_good: passed, no claims, 1.5 s\n"


def test_a_stopped_run_reports_the_lessons_that_never_started(tmp_path):
    now = datetime(2026, 11, 21, 10, 30, 0)
    lesson = Lesson(Path("01_good.ipynb"))
    report = Report(now, now, [lesson], [JOB], [Result("01_good", NOT_RUN)])
    assert report.write(tmp_path) == tmp_path / "index.html"
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314 (we wrote it)
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")
    assert "not run" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not list(tmp_path.glob(".*"))
