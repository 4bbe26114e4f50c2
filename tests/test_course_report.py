"""The plan of a run, its display and its report, without running anything."""

import errno
import io
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from helper_utils.base.files import write_text
from helper_utils.course.commands.run import make_jobs
from helper_utils.course.errors import CourseError
from helper_utils.course.files import check_writable, results_folder, shown
from helper_utils.course.lessons import Lesson
from helper_utils.course.reports.run import Report
from helper_utils.course.running import processes
from helper_utils.course.running.display import LineProgress, LiveProgress, make_progress
from helper_utils.course.running.notebook import NOT_RUN, Job, Result


def test_two_runs_in_one_second_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 11, 21, 10, 30, 0)
    names = [shown(results_folder(None, now)) for _ in range(3)]
    assert names == [str(Path("runs") / f"2026-11-21_10-30-00{end}") for end in ("", "-2", "-3")]
    assert shown(Path("/elsewhere")) == str(Path("/elsewhere"))


def test_a_folder_of_results_is_given_away_once(tmp_path):
    now = datetime(2026, 11, 21, 10, 30, 0)
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        assert results_folder(str(tmp_path / name), now) == tmp_path / name
        with pytest.raises(CourseError, match="the folder is not empty"):  # though nothing has been written yet
            results_folder(str(tmp_path / name), now)


def test_of_two_runs_that_find_a_folder_empty_one_gets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))
    results_folder(str(tmp_path), datetime(2026, 11, 21))
    with pytest.raises(CourseError, match="never overwritten"):
        results_folder(str(tmp_path), datetime(2026, 11, 21))


def test_what_does_not_fit_on_the_disk_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "kept.txt").write_text("before")

    def no_space(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(OSError, match=r"No space left on device.*kept\.txt"):
        write_text(tmp_path / "kept.txt", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text() == "before"


def test_a_folder_in_which_nothing_can_be_written_is_refused(tmp_path, monkeypatch):
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())

    def read_only(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with pytest.raises(CourseError, match=r"cannot write into .*: Read-only file system"):
        check_writable(tmp_path)


JOB = Job("01_good", Path("01_good.ipynb"), Path("runs/01_good.ipynb"), n_cells=3)
CLAIMS = [{"sentence": "yes", "holds": True, "evidence": None}, {"sentence": "no", "holds": False, "evidence": None}]


@pytest.fixture
def lessons(tmp_path) -> list[Lesson]:
    code = [{"cell_type": "code", "source": source, "metadata": {}} for source in ("lr = 1", "", "print(lr)")]
    return [Lesson(tmp_path / f"0{number}_topic.ipynb", code) for number in (1, 2, 3)]


def test_as_many_jobs_run_at_once_as_there_are_cores_but_never_more_than_four(lessons, tmp_path, monkeypatch):
    for cores, wanted, at_once in ((8, None, 4), (2, None, 2), (1, None, 1), (8, 1, 1), (2, 3, 3), (8, 20, 6)):
        monkeypatch.setattr(processes, "n_cores", lambda cores=cores: cores)
        assert make_jobs(lessons * 2, {}, tmp_path, n_at_once=wanted, timeout=5)[1] == at_once
    assert make_jobs([], {}, tmp_path, n_at_once=None, timeout=5) == ([], 1)


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


def test_of_many_jobs_the_live_table_shows_those_that_run():
    jobs = [replace(JOB, label=f"seed={seed}") for seed in range(99)]
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with LiveProgress(console, jobs) as progress:
        for job in jobs[:3]:
            progress.start(job)
        progress.finish(jobs[0], Result("01_good", "passed", 1.5))
        progress.finish(jobs[2], Result("01_good", "failed", 1.5))
    shown_last = file.getvalue().rpartition("status")[2]
    assert "seed=1 " in shown_last
    assert "2 of 99 ended" in shown_last
    assert "1 did not pass" in shown_last
    assert "seed=2 " not in shown_last
    assert "seed=50" not in shown_last


def test_a_file_gets_lines_instead_of_a_live_table(capsys):
    with make_progress([JOB]) as progress:
        assert isinstance(progress, LineProgress)
        progress.start(JOB)
        progress.cell(JOB, 2)
        progress.finish(JOB, Result("01_good", "passed", 1.5))
    assert capsys.readouterr().out == "01_good: started, 3 cells\n01_good: passed, no claims, 1.5 s\n"


def test_the_report_leads_to_the_pages_and_shows_numbers_with_four_digits(tmp_path):
    now = datetime(2026, 11, 21, 10, 30, 0)
    claims = [{"sentence": "yes", "holds": True, "shown": "", "evidence": {"score": [0.9714484661817551, 12345678]}}]
    page = tmp_path / "01_good.html"
    page.write_text("", encoding="utf-8")
    result = Result("01_good", "passed", 1.0, claims=claims, values={"loss": 0.123456789}, page=page)
    lessons = [Lesson(Path("01_good.ipynb")), Lesson(Path("02_bad.ipynb"))]
    text = Report(now, now, lessons, [JOB], [result, Result("02_bad", "failed")]).page()
    assert re.search(r'<th scope="row"><a href="01_good\.html">01 · good</a>', text)
    assert re.search(r'<th scope="row"><a href="#02_bad">02 · bad</a>', text)
    assert "[0.9714, 12345678]" in text
    assert ">0.1235<" in text
    targets = re.findall(r'href="#([^"]+)"', text)
    assert targets.count("top") >= len(lessons)
    assert all(f'id="{target}"' in text for target in targets)


def test_a_stopped_run_reports_the_lessons_that_never_started(tmp_path):
    now = datetime(2026, 11, 21, 10, 30, 0)
    lesson = Lesson(Path("01_good.ipynb"))
    report = Report(now, now, [lesson], [JOB], [Result("01_good", NOT_RUN)])
    assert report.write(tmp_path) == tmp_path / "index.html"
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314 (we wrote it)
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")
    assert "not run" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not list(tmp_path.glob(".*"))
