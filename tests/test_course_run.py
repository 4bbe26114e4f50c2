"""`course run` and `course refresh` with real kernels: what they write, and everything that can go wrong."""

import csv
import json
import os
import pickle
import re
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from support import PATIENCE, Course, wait_until, write_notebook

from helper_utils.course.commands.refresh import normalised
from helper_utils.course.running.notebook import TIMED_OUT, Job, kernel_environment, run_notebook
from helper_utils.course.running.processes import process_context

pytestmark = pytest.mark.slow

IMPORTS = "import os\nfrom pathlib import Path\nfrom helper_utils import claim, record"
PARAMETERS = """lr: float = 0.1  # step size
size: tuple[int, int] = (3, 4)
text: str = 'plain'"""
GOOD = (
    IMPORTS,
    "record('lr', lr)\nrecord('size', [type(size).__name__, *size])\nrecord('text', text)",
    "record('twice', 1)\nrecord('twice', {'b': [2.5, None]})",
    "record('strict', os.environ['HELPER_UTILS_STRICT'])\nrecord('threads', os.environ['OMP_NUM_THREADS'])\n"
    "record('spins', os.environ['GOMP_SPINCOUNT'])",
    "import sys\nrecord('python', sys.executable)\nrecord('folder', str(Path.cwd()))",
    "claim('a small <step> & \\x1b[31mno more', lr < 1, {'lr': lr})\nclaim('the step is 0.1', lr == 0.1)",
    "block = b'x' * 300_000_000\ndel block",
)
ENDLESS = ("print('so far')", "from pathlib import Path\nPath('started').touch()\nwhile True: pass")
ON_PURPOSE = ("1 / 0", ("raises-exception",))


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    folder = tmp_path_factory.mktemp("a course")
    notebooks = folder / "notes {1}"
    write_notebook(notebooks / "01_good.ipynb", *GOOD, ON_PURPOSE, "print('after')", parameters=PARAMETERS)
    write_notebook(
        notebooks / "02_raises.ipynb", IMPORTS, "record('a', 1)", "raise ValueError('\\x1b[31mred\\x00 text')", "2"
    )
    write_notebook(notebooks / "03_false.ipynb", IMPORTS, "claim('pigs fly', False)", "claim('birds fly', True)")
    write_notebook(
        notebooks / "04_exits.ipynb",
        "import subprocess; orphan = subprocess.Popen(['sleep', '1000'])",
        "import os; print('last words', flush=True); os._exit(1)",
    )
    write_notebook(notebooks / "05_killed.ipynb", "import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    (notebooks / "06_broken.ipynb").write_text("{ no JSON")
    write_notebook(notebooks / "07_endless.ipynb", *ENDLESS)
    write_notebook(notebooks / "08_leaves.ipynb", "import subprocess; p = subprocess.Popen(['sleep', '1000'])")
    return Course(folder)


@dataclass
class Finished:
    status: int
    output: str
    folder: Path
    left_behind: list[str]

    def rows(self, table: str) -> list[dict]:
        return json.loads((self.folder / f"{table}.json").read_text(encoding="utf-8"))

    def lesson(self, name: str) -> dict:
        return next(row for row in self.rows("lessons") if row["lesson"] == name)

    def values(self, lesson: str) -> dict:
        return {row["name"]: row["value"] for row in self.rows("values") if row["lesson"] == lesson}


@pytest.fixture(scope="module")
def finished(course) -> Finished:
    """All lessons that end by themselves, run once with their defaults."""
    status, output = course.run("run", "1", "2", "3", "4", "5", "6", "8", "--jobs", "2")
    return Finished(status, output, next((course.folder / "runs").iterdir()), course.left_behind())


def test_a_failing_lesson_fails_the_run_and_the_others_go_on(finished):
    assert finished.status == 1
    assert {row["lesson"]: row["status"] for row in finished.rows("lessons")} == {
        "01_good": "passed",
        "02_raises": "failed",
        "03_false": "failed",
        "04_exits": "kernel died",
        "05_killed": "kernel died",
        "06_broken": "unreadable",
        "08_leaves": "passed",
    }
    assert "2 of 7 lessons passed, 2 of 3 claims hold" in finished.output


def test_errors_name_the_cell_and_what_happened(finished):
    assert finished.lesson("02_raises")["error"].startswith("cell 3: ValueError: red")
    assert finished.lesson("03_false")["error"].startswith("cell 2: ClaimError: pigs fly")
    assert finished.lesson("04_exits")["error"].startswith("cell 2: the kernel died")
    assert "Traceback" not in finished.output
    assert "cell 3: ValueError: red" in finished.output
    assert "03_false: does not hold: pigs fly\n" in finished.output


def test_no_process_is_left_behind(finished):
    assert finished.left_behind == []


def test_piped_output_is_plain_and_says_where_everything_is(finished):
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", finished.output)
    assert re.search(r"^01_good: started, 10 cells$", finished.output, re.MULTILINE)
    assert re.search(r"^01_good: passed, 2 of 2 claims hold, \d+\.\d s$", finished.output, re.MULTILINE)
    assert f"Report: runs/{finished.folder.name}/index.html\n" in finished.output


def test_values_are_collected_the_last_of_a_name_counts(finished):
    values = finished.values("01_good")
    assert values["lr"] == 0.1
    assert values["twice"] == {"b": [2.5, None]}
    assert finished.values("02_raises") == {"a": 1}


def test_the_kernel_is_this_interpreter_in_the_users_folder(finished, course):
    values = finished.values("01_good")
    assert values["python"] == sys.executable
    assert values["folder"] == str(course.folder)
    assert values["strict"] == "1"
    assert values["threads"] == "1"
    assert values["spins"] == "0"


def test_peak_memory_counts_what_was_held_for_a_moment(finished):
    assert 300 < finished.lesson("01_good")["peak_memory_mb"] < 800
    assert finished.lesson("02_raises")["peak_memory_mb"] < 300


def test_executed_notebooks_keep_the_outputs_up_to_the_failure(finished):
    raised = nbformat.read(finished.folder / "02_raises.ipynb", as_version=4)
    errors = [output for cell in raised.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert [error.ename for error in errors] == ["ValueError"]
    died = nbformat.read(finished.folder / "04_exits.ipynb", as_version=4)
    assert died.cells[1].execution_count == 1
    assert not (finished.folder / "06_broken.ipynb").exists()


def test_an_error_that_is_there_to_be_shown_is_no_failure(finished):
    notebook = nbformat.read(finished.folder / "01_good.ipynb", as_version=4)
    assert notebook.cells[-2].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[-1].outputs[0].text == "after\n"
    assert "papermill" not in "".join(cell.source for cell in notebook.cells)


def test_the_source_notebooks_are_only_read(finished, course):  # noqa: ARG001
    names = {path.name for path in (course.folder / "notes {1}").iterdir()}
    assert all(name.endswith(".ipynb") for name in names)
    assert not nbformat.read(course.folder / "notes {1}" / "01_good.ipynb", as_version=4).cells[2].outputs


def test_tables_are_the_same_in_csv_and_json(finished):
    for table in ("lessons", "values", "claims"):
        with (finished.folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        expected = finished.rows(table)
        assert len(rows) == len(expected) > 0
        for row, values in zip(rows, expected, strict=True):
            assert set(row) == set(values)
            for name, value in values.items():
                assert row[name] == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def test_claims_come_with_their_evidence(finished):
    claims = finished.rows("claims")
    assert [claim["holds"] for claim in claims] == [True, True, False]
    assert claims[0]["evidence"] == {"lr": 0.1}


def test_junit_has_a_case_for_each_claim_and_each_execution(finished):
    root = ElementTree.parse(finished.folder / "junit.xml").getroot()  # noqa: S314 (we wrote it)
    suites = {suite.get("name"): suite for suite in root}
    assert next(suites["01_good"].iter("testcase")).get("name") == "execution"
    assert suites["01_good"].attrib.items() >= {"tests": "3", "failures": "0", "errors": "0"}.items()
    assert suites["03_false"].attrib.items() >= {"tests": "2", "failures": "1", "errors": "1"}.items()
    assert next(suites["02_raises"].iter("error")).get("message", "").startswith("cell 3: ValueError: red")
    assert suites["06_broken"].get("errors") == "1"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("10", "1", "5")


def test_the_report_links_what_exists_and_escapes_what_it_shows(finished):
    page = (finished.folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#]+)"', page)
    assert {"lessons.csv", "values.json", "junit.xml", "01_good.html", "01_good.ipynb", "04_exits.html"} <= set(links)
    assert all((finished.folder / link).is_file() for link in links)
    assert "06_broken.html" not in links
    assert "a small &lt;step&gt; &amp; " in page
    assert "<script" not in page
    assert "http" not in page


def test_every_page_leads_to_the_report_and_to_the_pages_beside_it(finished):
    pages = sorted(path.name for path in finished.folder.glob("*.html") if path.name != "index.html")
    for index, name in enumerate(pages):
        page = (finished.folder / name).read_text(encoding="utf-8")
        links = set(re.findall(r'href="([^"#]+)"', page))
        assert links == {"index.html", *pages[:index][-1:], *pages[index + 1 :][:1]}


def test_pages_need_no_network(finished):
    page = (finished.folder / "01_good.html").read_text(encoding="utf-8")
    assert "About good" in page
    assert "<math" in page  # the formula x^2, drawn by the browser itself
    assert not re.findall(r"<(?:script|link)[^>]*\b(?:src|href)=[^>]*>", page)


def test_parameters_are_injected_and_false_claims_only_counted(course):
    status, output = course.run("run", "1", "8", "-p", "lr", "5", "-p", "size", "7,8", "-p", "text", "a \\ \"'{}",
                                "--output", "new results", "--jobs", "1")  # fmt: skip
    finished = Finished(status, output, course.folder / "new results", [])
    assert status == 0
    values = finished.values("01_good")
    assert (values["lr"], values["size"], values["text"]) == (5.0, ["tuple", 7, 8], "a \\ \"'{}")
    assert values["strict"] == "0"
    assert values["threads"] == "1"  # also where a lesson has all cores for itself
    assert "lr is a parameter of 01_good only; the other lessons run without it\n" in output
    assert "does not hold: the step is 0.1 (not strict: the parameters are not the defaults)\n" in output
    assert finished.lesson("01_good")["parameters"] == {"lr": 5.0, "size": [7, 8], "text": "a \\ \"'{}"}
    root = ElementTree.parse(finished.folder / "junit.xml").getroot()  # noqa: S314 (we wrote it)
    assert (root[0].get("failures"), root[0].get("skipped")) == ("0", "2")
    assert course.left_behind() == []


@pytest.mark.skipif("forkserver" not in get_all_start_methods(), reason="there is no fork server")
def test_a_ctrl_c_while_the_fork_server_starts_is_not_lost(monkeypatch):
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            process_context([])
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.signal(signal.SIGINT, previous)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_kernel(course):
    (course.folder / "started").unlink(missing_ok=True)
    process = course.start("run", "8", "7", "--jobs", "2", "--output", "stopped")
    wait_until(lambda: (course.folder / "started").exists() and (course.folder / "stopped" / "08_leaves.html").exists())
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert course.left_behind() == []
    finished = Finished(130, output, course.folder / "stopped", [])
    assert {row["lesson"]: row["status"] for row in finished.rows("lessons")} == {
        "07_endless": "interrupted",
        "08_leaves": "passed",
    }
    assert "Report: stopped/index.html" in output
    assert "Traceback" not in output
    notebook = nbformat.read(finished.folder / "07_endless.ipynb", as_version=4)
    assert notebook.cells[1].outputs[0].text == "so far\n"


def test_a_full_disk_is_said_in_one_line_and_what_is_finished_is_kept(course, tmp_path):
    folder = tmp_path / "full"
    status, output = course.run("run", "8", "--output", str(folder), max_file_bytes=4000)
    assert status == 1
    assert "08_leaves: no HTML page: OSError: [Errno 27] File too large" in output
    assert output.splitlines()[-1] == f"Error: File too large: {folder / 'index.html'}"
    assert "Traceback" not in output
    assert not list(folder.rglob("*.part"))
    assert nbformat.read(folder / "08_leaves.ipynb", as_version=4).cells[1].execution_count == 1
    assert (folder / "lessons.csv").is_file()
    assert course.left_behind() == []


def test_a_folder_for_temporary_files_may_have_a_long_name_and_there_may_be_no_time_limit(course, tmp_path):
    long = tmp_path / ("too long for a socket " * 5)
    long.mkdir()
    arguments = ("run", "8", "--output", str(tmp_path / "new"), "--timeout", "inf")
    status, output = course.run(*arguments, TMPDIR=str(long))
    assert status == 0, output
    assert list(long.iterdir()) == []
    assert course.left_behind() == []


def test_a_user_who_asks_for_threads_gets_them(monkeypatch):
    job = Job("01_good", Path("01_good.ipynb"), Path("out.ipynb"), 3)
    for variable in ("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    threads = {name: value for name, value in kernel_environment(job).items() if name.endswith("_NUM_THREADS")}
    assert set(threads.values()) == {"3"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_kernel_survives_the_command(course, number, tmp_path):
    (course.folder / "started").unlink(missing_ok=True)
    process = course.start("run", "7", "--output", str(tmp_path / "results"))
    wait_until((course.folder / "started").exists)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert course.left_behind() == []


def test_a_job_can_be_run_by_any_process_and_stops_at_its_time_out(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = Job("07_endless", course.folder / "notes {1}" / "07_endless.ipynb", tmp_path / "07.ipynb", 2, timeout=6)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        result = pool.submit(run_notebook, job).result(timeout=PATIENCE)
    assert result.status == TIMED_OUT
    assert result.error == "cell 2: stopped, the lesson took longer than 6 s (--timeout)"
    assert nbformat.read(tmp_path / "07.ipynb", as_version=4).cells[1].outputs[0].text == "so far\n"
    assert result.page == tmp_path / "07.html"
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 (our own bytes)


def test_refresh_stores_fresh_outputs_and_tidy_metadata(tmp_path):
    notebooks = tmp_path / "notes {1}"
    path = write_notebook(
        notebooks / "01_good.ipynb", "print('one')\nprint('two')", "3", parameters="n: int = 1  # number"
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = {"kernelspec": {"name": "mine", "display_name": "Mine"}, "papermill": {"duration": 3}}
    notebook.cells[2].execution_count = 17
    nbformat.write(notebook, path)
    ids = [cell.id for cell in notebook.cells]
    failing = write_notebook(notebooks / "02_raises.ipynb", IMPORTS, "claim('pigs fly', False)")
    before = failing.read_bytes()

    status, output = Course(tmp_path).run("refresh", "--jobs", "2")

    assert status == 1
    assert failing.read_bytes() == before
    kept = re.search(r"^02_raises: not stored; what was executed is in (.+)$", output, re.MULTILINE)
    assert kept
    assert (tmp_path / kept[1]).is_file()
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert [cell.id for cell in notebook.cells] == ids
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3]
    assert [dict(cell.metadata) for cell in notebook.cells] == [{}, {"tags": ["parameters"]}, {}, {}]
    assert [output.text for output in notebook.cells[2].outputs] == ["one\ntwo\n"]
    assert notebook.cells[3].outputs[0].execution_count == 3
    assert sorted(path.name for path in notebooks.iterdir()) == ["01_good.ipynb", "02_raises.ipynb"]
    assert normalised(path) == path.read_text(encoding="utf-8")

    failing.unlink()
    (tmp_path / kept[1]).unlink()
    stored = path.read_bytes()
    assert Course(tmp_path).run("refresh", "1")[0] == 0
    assert path.read_bytes() == stored
