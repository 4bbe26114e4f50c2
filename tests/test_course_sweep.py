"""`course sweep`: the combinations, the report of made-up results, and real sweeps with all that can end them."""

import csv
import datetime
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import PATIENCE, Course, wait_until, write_notebook

from helper_utils.course.commands.sweep import resume_command, run_sweep
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import Lesson
from helper_utils.course.reports.sweep import SweepReport
from helper_utils.course.running.notebook import FAILED, PASSED, Result
from helper_utils.course.sweep_plan import Sweep, make_sweep, run_name, split_values

PARAMETERS = """lr: float = 0.1  # step size
seed: int = 0
dataset: str = 'digits'
sizes: list[int] = [8]
value: int | None = None
seconds: float = 0.0"""
IMPORTS = "import os, time\nfrom pathlib import Path\nfrom helper_utils import claim, record"
RUN = (
    IMPORTS,
    "with open('ran.txt', 'a') as file: print(seed, dataset, file=file)",
    "record('early', seed)\nif seed == 1 and not Path('mended').exists(): raise ValueError('no luck')",
    "record('accuracy', 0.5 + seed / 10)\nrecord('f1', {'cat': 0.25, 'dog': {'big': 1}})\nrecord('note', dataset)",
    "record('strict', os.environ['HELPER_UTILS_STRICT'])\nrecord('folder', str(Path.cwd()))",
    "claim('the data are <plain>', dataset == 'a', dataset)\nclaim('it runs', True)",
)
WAITING = (
    IMPORTS,
    "Path(f'started{seed}').touch()\nwhile seed and not Path('go').exists(): time.sleep(0.05)\nrecord('a', seed)",
)


LESSON = Lesson(
    Path("01_swept.ipynb"), [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": PARAMETERS}]
)


# Values and names


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0,1, 2", ["0", "1", "2"]),
        ("[8, 16],[32]", ["[8, 16]", "[32]"]),
        ("([1, 2], 3),none", ["([1, 2], 3)", "none"]),
        ("['a,]', 'b'],[]", ["['a,]', 'b']", "[]"]),
        ("'a,b',it's,\"c,d\"", ["'a,b'", "it's", '"c,d"']),
        ("0,", ["0", ""]),
    ],
)
def test_commas_in_brackets_and_quotes_do_not_split(text, values):
    assert split_values(text) == values


def test_each_value_is_converted_by_the_annotation():
    options = [("sizes", "[8, 16],[32],[]"), ("value", "3,none"), ("lr", "1,1e-3"), ("dataset", "a,'b,c',''")]
    sweep = make_sweep(LESSON, options)
    assert sweep.parameters == {
        "lr": [1.0, 0.001],
        "dataset": ["a", "b,c", ""],
        "sizes": [[8, 16], [32], []],
        "value": [3, None],
    }
    assert list(sweep.parameters) == ["lr", "dataset", "sizes", "value"]  # the lesson's order
    assert len(sweep.runs) == 2 * 3 * 3 * 2


def test_without_brackets_a_list_is_one_value_as_in_course_run():
    assert make_sweep(LESSON, [("sizes", "8,16")]).parameters == {"sizes": [[8, 16]]}


@given(lists=st.lists(st.lists(st.integers()), min_size=1, max_size=9, unique_by=tuple))
def test_any_lists_come_back(lists):
    assert make_sweep(LESSON, [("sizes", ",".join(map(str, lists)))]).parameters == {"sizes": lists}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([("sede", "0")], "did you mean 'seed'?"),
        ([("seed", "0,one")], "'one' is not a whole number"),
        ([("seed", "0,1,0")], "the value 0 is given twice"),
        ([("lr", "1,1.0")], "the value 1.0 is given twice"),
        ([("seed", "0,")], "empty value"),
        ([("seed", "0"), ("seed", "1")], "-p seed is given twice"),
        (
            [("seed", ",".join(map(str, range(40)))), ("lr", ",".join(map(str, range(40))))],
            "1600 runs, 40 lr x 40 seed",
        ),
        ([("dataset", "Digits,digits")], "same file name"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(CourseError, match=re.escape(message)):
        make_sweep(LESSON, options)


def test_names_are_readable_and_depend_on_the_values_only():
    few, many = (make_sweep(LESSON, [("seed", seeds), ("dataset", "a")]) for seeds in ("2", "3,2,1"))
    assert list(few.runs) == ["seed=2_dataset=a"]
    assert set(few.runs) < set(many.runs)
    assert run_name({"lr": 1e-5, "sizes": [8, 16], "value": None}) == "lr=1e-05_sizes=8,16_value=null"


@given(texts=st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_every_value_gets_a_file_name_of_its_own(texts):
    names = [run_name({"dataset": text}) for text in texts]
    assert names[0] != names[1]
    assert all(re.fullmatch(r"dataset=[A-Za-z0-9_.,=+~-]*", name) and len(name) < 140 for name in names)


# The folder


def test_resume_refuses_the_folder_of_another_sweep(tmp_path):
    sweep = Sweep(LESSON, {"sizes": [[8], [16]]})
    (tmp_path / "sweep.json").write_text(json.dumps(sweep.description), encoding="utf-8")
    (empty := tmp_path / "other").mkdir()
    (empty / "file").touch()
    for wanted, output, resume, message in (
        (sweep, tmp_path, False, "the folder is not empty"),
        (sweep, None, True, "--resume needs --output DIR"),
        (sweep, empty, True, "is not the folder of a sweep"),
        (Sweep(LESSON, sweep.parameters, strict=True), tmp_path, True, "strict: there false, here true"),
        (Sweep(LESSON, {"sizes": [[8]]}), tmp_path, True, 'there {"sizes": [[8], [16]]}, here {"sizes": [[8]]}'),
        (Sweep(Lesson(Path("02_b.ipynb")), sweep.parameters), tmp_path, True, "lesson: there 01_swept, here 02_b"),
    ):
        with pytest.raises(CourseError, match=re.escape(message)):
            run_sweep(wanted, output=output and str(output), resume=resume, n_at_once=1, timeout=1)


def test_the_fingerprints_follow_the_code():
    cells = [*LESSON.cells, {"cell_type": "code", "source": "1"}]
    code, other = (Sweep(Lesson(LESSON.path, content), {"seed": [0]}).code for content in (LESSON.cells, cells))
    assert {part for part in code if code[part] != other[part]} == {"code of the lesson"}
    assert all(code.values())


def test_the_command_to_go_on_with_is_complete(tmp_path):
    words = ["sweep", "01", "-p", "dataset", "a b,c"]
    assert resume_command(words, tmp_path) == f"course sweep 01 -p dataset 'a b,c' --output {tmp_path} --resume"
    for named in (["--output", "x"], ["--output=x"]):
        assert resume_command([*words, *named], tmp_path).endswith(f"{shlex.join(named)} --resume")
    assert resume_command([*words, "--output", "x", "--resume"], tmp_path).endswith("'a b,c' --output x --resume")


def test_a_finished_sweep_runs_nothing_again_and_says_what_has_changed(tmp_path, capsys):
    sweep = Sweep(LESSON, {"seed": [3]})
    (tmp_path / "sweep.json").write_text(json.dumps(sweep.description), encoding="utf-8")
    (tmp_path / "runs").mkdir()
    stored = {"code": sweep.code, "result": {"lesson": "01_swept", "status": PASSED, "values": {"a": 1}}}
    for code, notes in (
        (sweep.code, []),
        (sweep.code | {"version of helper_utils": "0.0.7"}, ["version of helper_utils 0.0.7 (now "]),
        (sweep.code | {"code of helper_utils": "older"}, ["code of helper_utils older (now "]),
        ({}, ["version of helper_utils unknown", "code of the lesson unknown", "code of helper_utils unknown"]),
    ):
        (tmp_path / "runs" / "seed=3.json").write_text(json.dumps(stored | {"code": code}), encoding="utf-8")
        assert run_sweep(sweep, output=str(tmp_path), resume=True, n_at_once=1, timeout=1) == 0
        output = capsys.readouterr().out
        assert "1 run: 1 seed; 1 passed before and stay as they are\n" in output
        lines = [line for line in output.splitlines() if line.startswith("Note: ")]
        assert len(lines) == len(notes)
        for line, note in zip(lines, notes, strict=True):
            assert line.startswith("Note: 1 run of those that are kept: ")
            assert note in line
    assert "A over seed. The lowest value is 1 (seed = 3)" in (tmp_path / "index.html").read_text(encoding="utf-8")


# The report


def report_of(sweep: Sweep, values: dict[str, dict], **more: Result) -> SweepReport:
    claims = [{"sentence": "it is <so>", "holds": True, "evidence": None}]
    results = {
        name: Result(name, PASSED, 1.0, values=values[name], claims=claims) for name in sweep.runs if name in values
    }
    return SweepReport(sweep, datetime.datetime(2026, 11, 1, 12), results | more)


def descriptions(report: SweepReport, folder: Path) -> dict[str, str]:
    pictures = report.draw(folder)
    assert all((folder / picture.path).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    return {picture.name: picture.description for picture in pictures}


def test_numbers_are_drawn_over_the_numeric_parameter_with_the_mean_over_seeds(tmp_path):
    sweep = Sweep(LESSON, {"dataset": ["b", "a"], "lr": [0.1, 1.0], "seed": [0, 1]})
    values = {name: {"loss": run["lr"] + run["seed"] + (run["dataset"] == "a")} for name, run in sweep.runs.items()}
    assert descriptions(report_of(sweep, values), tmp_path) == {
        "loss": "Loss over lr, one line each for dataset = b; dataset = a. "
        "The lowest mean is 0.6 (lr = 0.1, dataset = b), the highest 2.5 (lr = 1.0, dataset = a)."
    }


@pytest.mark.parametrize(
    ("parameters", "x"),
    [
        ({"seed": [3, 5, 9]}, "seed"),
        ({"dataset": ["a", "b"]}, "dataset"),
        ({"lr": [0.1], "sizes": [[8], [8, 16]]}, "sizes"),
        ({"value": [None, 3], "seed": [0, 1]}, "value"),
        ({"lr": [0.1]}, "lr"),
        ({"lr": [0.001, 0.01, 1.0]}, "lr"),
    ],
)
def test_any_kind_of_parameter_can_be_the_x_axis(tmp_path, parameters, x):
    sweep = Sweep(LESSON, parameters)
    report = report_of(sweep, {name: {"loss": number} for number, name in enumerate(sweep.runs)})
    assert descriptions(report, tmp_path)["loss"].startswith(f"Loss over {x}. ")


def test_each_key_of_a_dict_is_a_line_and_what_is_no_number_is_left_out(tmp_path):
    sweep = Sweep(LESSON, {"lr": [0.1, 0.2]})
    values = {
        "lr=0.1": {"f1/dog": {"a": 1, "b": {"c": 2.5}}, "some": "nan", "list": [1], "text": "x", "yes": True},
        "lr=0.2": {"f1/dog": {"a": 3, "b": {"c": None}}, "some": 1.5, "many": {str(key): key for key in range(99)}},
    }
    report = report_of(sweep, values)
    drawn = descriptions(report, tmp_path)
    assert drawn["f1/dog"].startswith("F1/dog over lr, one line each for a; b.c. The lowest value is 1 (lr = 0.1, a)")
    assert list(drawn) == ["f1/dog", "some", "yes"]
    assert report.not_drawn == ["list", "text", "many"]


def test_what_never_changes_is_named_and_not_drawn(tmp_path):
    sweep = Sweep(LESSON, {"lr": [0.1, 0.2]})
    values = {
        "lr=0.1": {"n_images": 500, "sizes": {"a": 1, "b": 2}, "mixed": {"a": 1, "b": 2}},
        "lr=0.2": {"n_images": 500, "sizes": {"a": 1, "b": 2}, "mixed": {"a": 1, "b": 3}},
    }
    report = report_of(sweep, values)
    assert list(descriptions(report, tmp_path)) == ["mixed"]
    assert report.not_drawn == []
    page = report.write(tmp_path).read_text(encoding="utf-8").replace("&nbsp;", " ")
    words = " ".join(page.split())
    assert "The same in all runs: n_images = 500, sizes.a = 1, sizes.b = 2." in words


def test_tables_have_a_row_for_each_value_and_claim_and_a_column_for_each_parameter(tmp_path):
    sweep = Sweep(LESSON, {"seed": [0, 1], "value": [7]})
    report = report_of(sweep, {"seed=0_value=7": {"f1": {"cat": 0.5, "dog": {"big": 1}}, "list": [1, 2]}})
    report.write(tmp_path)
    rows = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    run = {"seed": 0, "parameter value": 7, "run": "seed=0_value=7", "status": "passed"}
    assert rows == [
        run | {"kind": "value", "name": "f1", "key": "cat", "value": 0.5, "evidence": None},
        run | {"kind": "value", "name": "f1", "key": "dog.big", "value": 1, "evidence": None},
        run | {"kind": "value", "name": "list", "key": "", "value": [1, 2], "evidence": None},
        run | {"kind": "claim", "name": "it is <so>", "key": "", "value": True, "evidence": None},
    ]
    for table in ("runs", "results", "claims"):
        with (tmp_path / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        expected = json.loads((tmp_path / f"{table}.json").read_text(encoding="utf-8"))
        plain = [
            {key: item if isinstance(item, str) else json.dumps(item) for key, item in row.items()} for row in expected
        ]
        assert rows == plain
    assert [row["status"] for row in report.run_rows] == ["passed", "not run"]


def test_claims_are_counted_over_the_runs():
    sweep = Sweep(LESSON, {"seed": [0, 1, 2]})
    false = [{"sentence": "it is <so>", "holds": False, "evidence": 3}]
    report = report_of(sweep, {"seed=0": {}, "seed=1": {}}, **{"seed=2": Result("", FAILED, error="why", claims=false)})
    assert report.claim_rows == [{"sentence": "it is <so>", "held": 2, "of": 3, "does_not_hold_in": ["seed=2"]}]
    assert report.summary()[1:] == [
        "2 of 3 runs passed, 2 of 3 claims hold",
        "  seed=2: failed: why",
        "  holds in 2 of 3: it is <so>",
    ]


def test_the_page_shows_every_picture_with_its_words_and_links_what_exists(tmp_path):
    sweep = Sweep(LESSON, {"dataset": ["a b", "c"]})
    values = {name: {"loss & co": number} for number, name in enumerate(sweep.runs)}
    page = report_of(sweep, values).write(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "sweep.json").touch()  # written when a sweep begins
    assert re.search(r'<img src="pictures/01_loss-co\.png" alt="Loss &amp; co over dataset. The lowest', page)
    assert all((tmp_path / link).is_file() for link in re.findall(r'(?:src|href)="([^"#]+)"', page))
    assert "it is &lt;so&gt;" in page
    assert "2 of 2" in page
    assert "http" not in page
    assert "<script" not in page


# Real sweeps


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    folder = tmp_path_factory.mktemp("a sweep")
    write_notebook(folder / "notes {1}" / "01_swept.ipynb", *RUN, parameters=PARAMETERS)
    write_notebook(folder / "notes {1}" / "02_waiting.ipynb", *WAITING, parameters="seed: int = 0")
    return Course(folder)


def table(folder: Path, name: str) -> list[dict]:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def statuses(folder: Path) -> dict[str, str]:
    return {row["run"]: row["status"] for row in table(folder, "runs")}


def ran(course: Course) -> list[str]:
    """Returns which combinations have run since the last call."""
    path = course.folder / "ran.txt"
    lines = sorted(path.read_text().splitlines())
    path.unlink()
    return lines


@pytest.mark.slow
def test_a_sweep_collects_everything_and_resume_runs_what_failed(course):
    command = ("sweep", "swept", "-p", "seed", "0,1", "-p", "dataset", "a,b/c", "--output", "swept")
    status, output = course.run(*command, "--jobs", "2")
    folder = course.folder / "swept"
    assert status == 1
    assert course.left_behind() == []
    assert output.startswith("4 runs: 2 seed x 2 dataset\n")
    assert "seed=1 dataset=b/c: failed, no claims, " in output
    assert "seed=1 dataset=b/c: cell 5: ValueError: no luck\n" in output
    assert "2 of 4 runs passed, 3 of 4 claims hold\n" in output
    assert "holds in 1 of 2: the data are <plain>\n" in output
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", output)
    assert len(ran(course)) == 4
    described = json.loads((folder / "sweep.json").read_text())
    assert described["lesson"] == "01_swept"
    assert described["parameters"] == {"seed": [0, 1], "dataset": ["a", "b/c"]}
    assert described["strict"] is False
    rows = table(folder, "results")
    assert [row["value"] for row in rows if (row["name"], row["dataset"]) == ("accuracy", "b/c")] == [0.5]
    assert {row["value"] for row in rows if row["name"] == "strict"} == {"0"}
    assert [row["value"] for row in rows if (row["seed"], row["name"]) == (1, "early")] == [1, 1]  # before it failed
    executed = nbformat.read(folder / "runs" / "seed=0_dataset=a.ipynb", as_version=4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    # What both runs that came so far have recorded alike is not drawn.
    assert [path.name for path in (folder / "pictures").iterdir()] == ["01_early.png"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all((folder / link.replace("%3D", "=")).is_file() for link in re.findall(r'(?:src|href)="([^"#]+)"', page))
    assert page.count('.ipynb"') == 4

    (course.folder / "mended").touch()
    status, output = course.run(*command, "--resume")
    (course.folder / "mended").unlink()
    assert status == 0
    assert output.startswith("4 runs: 2 seed x 2 dataset; 2 passed before and stay as they are\n")
    assert ran(course) == ["1 a", "1 b/c"]
    assert set(statuses(folder).values()) == {"passed"}


@pytest.mark.slow
def test_strict_makes_a_false_claim_a_failure(course):
    status, output = course.run("sweep", "1", "-p", "dataset", "b", "--strict", "--jobs", "1")
    ran(course)
    assert status == 1
    assert output.startswith("1 run: 1 dataset\n")
    (folder,) = (course.folder / "runs").iterdir()
    assert re.fullmatch(r"sweep-[\d_-]+", folder.name)
    assert f"Report: runs/{folder.name}/index.html\n" in output
    assert statuses(folder) == {"dataset=b": "failed"}
    assert {row["value"] for row in table(folder, "results") if row["kind"] == "claim"} == {False}


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(course):
    folder = course.folder / "stopped"
    process = course.start("sweep", "2", "-p", "seed", "0,1,2,3", "--output", "stopped", "--jobs", "2")
    wait_until(lambda: (course.folder / "started2").exists() and (course.folder / "started1").exists())
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert course.left_behind() == []
    assert "1 of 4 runs passed (1 not run)" in output
    assert "Traceback" not in output
    stopped = dict.fromkeys(("seed=1", "seed=2"), "interrupted")
    assert statuses(folder) == {"seed=0": "passed", **stopped, "seed=3": "not run"}
    assert (folder / "index.html").is_file()
    assert "Go on with: course sweep 2 -p seed 0,1,2,3 --output stopped --jobs 2 --resume\n" in output


@pytest.mark.slow
def test_ctrl_c_while_the_processes_start_is_quiet(course, tmp_path):
    process = course.start("sweep", "2", "-p", "seed", "1,2", "--output", str(tmp_path / "early"), "--jobs", "2")
    assert process.stdout
    assert process.stdout.readline().startswith("2 runs")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert course.left_behind() == []


@pytest.mark.slow
def test_a_killed_sweep_loses_only_what_was_running(course, tmp_path):
    for started in course.folder.glob("started*"):
        started.unlink()
    folder = tmp_path / "killed"
    command = ("sweep", "2", "-p", "seed", "0,1", "--output", str(folder), "--jobs", "2")
    process = course.start(*command)
    wait_until(lambda: (course.folder / "started1").exists() and (folder / "runs" / "seed=0.json").exists())
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert course.left_behind() == []
    assert not (folder / "index.html").exists()
    (course.folder / "started0").unlink()
    (course.folder / "go").touch()
    status, output = course.run(*command, "--resume")
    (course.folder / "go").unlink()
    assert status == 0
    assert "1 passed before" in output
    assert statuses(folder) == {"seed=0": "passed", "seed=1": "passed"}
    assert not (course.folder / "started0").exists()


@pytest.mark.slow
def test_dask_needs_an_address_and_says_what_is_missing(course):
    assert "belong together" in course.run("sweep", "1", "-p", "seed", "0", "--backend", "dask")[1]
    status, output = course.run(
        "sweep", "1", "-p", "seed", "0", "--backend", "dask", "--address", "127.0.0.1:1", "--output", "x"
    )
    assert status == 1
    expected = (
        "no Dask scheduler answers at 127.0.0.1:1"
        if find_spec("distributed")
        else "pip install 'helper-utils[cluster]'"
    )
    assert expected in output
    assert not (course.folder / "x").exists()


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("distributed"), reason="Dask is not installed: pip install 'helper-utils[cluster]'")
def test_a_dask_cluster_runs_the_notebooks_in_its_own_folder(course, tmp_path):
    address = tmp_path / "scheduler.json"
    log = (tmp_path / "log.txt").open("w")
    environment = os.environ | {"PYTHONPATH": course.python_path()}
    cluster = []
    try:
        for module, *arguments in (
            ("dask_scheduler", "--host", "127.0.0.1", "--port", "0"),
            ("dask_worker", "--nworkers", "2", "--nthreads", "1"),
        ):
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"]
            command += ["--scheduler-file", str(address)]
            cluster.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
            wait_until(address.exists)
        wait_until(lambda: (tmp_path / "log.txt").read_text().count("Registered to:") == 2)
        host = json.loads(address.read_text())["address"].removeprefix("tcp://")
        status, output = course.run(
            "sweep", "1", "-p", "seed", "0,2,3", "--output", "clustered", "--backend", "dask", "--address", host
        )
    finally:
        for process in reversed(cluster):
            process.terminate()
            process.wait(timeout=PATIENCE)
        log.close()
    folder = course.folder / "clustered"
    assert status == 0, output
    assert set(statuses(folder).values()) == {"passed"}
    assert {row["value"] for row in table(folder, "results") if row["name"] == "folder"} == {str(tmp_path)}
    executed = nbformat.read(folder / "runs" / "seed=3.ipynb", as_version=4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    assert not (course.folder / "ran.txt").exists()
