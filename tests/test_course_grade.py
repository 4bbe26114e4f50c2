"""`course grade` on a class of five honest submissions and many that are broken or cheat."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from helper_utils.course.commands.grade import find_submissions
from helper_utils.course.errors import CourseError
from helper_utils.course.grading.grader import Grader, Limits, lesson_of
from helper_utils.course.grading.judge import Judge
from helper_utils.course.grading.submissions import UnreadableError, read_answers
from helper_utils.course.reports.tables import as_csv
from helper_utils.course.running.processes import process_context
from helper_utils.teaching.codec import decode, encode
from helper_utils.teaching.compare import difference, kind, short_text
from helper_utils.teaching.registry import exercises_of, find_exercise, topics

PATIENCE = 600  # seconds until a test that waits gives up
TIMEOUT = 10  # seconds for an answer, on a busy machine
MEMORY = 1000  # MB

NAMES = ("metrics.f1", "metrics.cheapest_threshold", "metrics.macro_recall")
IMPORTS = "import torch\nfrom helper_utils import claim, exercise, record"

F1 = '@exercise("metrics.f1")\ndef f1(tp: int, fp: int, fn: int) -> float:\n    '
F1_RIGHT = F1 + "return 2 * tp / (2 * tp + fp + fn) if tp else 0.0"
F1_WRONG = F1 + "return (tp / max(tp + fp, 1) + tp / max(tp + fn, 1)) / 2"
THRESHOLD = '@exercise("metrics.cheapest_threshold")\ndef cheapest_threshold(miss, false_alarm):\n    '
THRESHOLD_RIGHT = THRESHOLD + "return false_alarm / (miss + false_alarm)"
RECALL = '@exercise("metrics.macro_recall")\ndef macro_recall(matrix: torch.Tensor) -> float:\n    '
RECALL_RIGHT = (
    RECALL
    + """right, actual = matrix.diagonal(), matrix.sum(dim=1)
    there = actual + matrix.sum(dim=0) > 0
    return (right / actual.clamp(min=1))[there].mean().item()"""
)
RIGHT = (F1_RIGHT, THRESHOLD_RIGHT, RECALL_RIGHT)
UNTOUCHED = tuple(find_exercise(name).cell for name in NAMES)
ALL_RIGHT = ["right"] * 3

# Of each submission its cells, and the verdicts on the three exercises. The known misconception follows a colon.
HONEST = {
    "anna/01_metrics.ipynb": ([IMPORTS, *RIGHT], ALL_RIGHT),
    "ben/01_metrics.ipynb": (
        [
            IMPORTS,
            F1_WRONG,
            THRESHOLD + "return miss / (miss + false_alarm)",
            RECALL + "return (matrix.diagonal().sum() / matrix.sum()).item()",
        ],
        ["wrong: mean_of_precision_and_recall", "wrong: costs_exchanged", "wrong: micro_recall"],
    ),
    "chris/01_metrics.ipynb": (
        [
            IMPORTS,
            F1 + "return 0.123",
            THRESHOLD + "return undefined_name",
            RECALL + "print('thinking')\n    return matrix.diagonal()",
        ],
        ["wrong", "wrong", "wrong"],
    ),
    "dora/01_metrics.ipynb": ([IMPORTS, *UNTOUCHED], ["not attempted"] * 3),
    # A renamed file with cells of her own, a helper that uses a constant and another import, and magics; the answer to
    # the first exercise is used by nothing but herself.
    "homework of eva (2).ipynb": (
        [
            "%matplotlib inline\n" + IMPORTS,
            "from fractions import Fraction as Share\nNOTHING = 0",
            "def ratio(above, below):\n    return float(Share(above, below)) if below else float(NOTHING)",
            F1 + "return ratio(2 * tp, 2 * tp + fp + fn)",
            "f1(1, 2, 3)",
            "%%time\n" + THRESHOLD_RIGHT,
            "class Parts:\n    def __init__(self, matrix):\n        self.rows = matrix.sum(dim=NOTHING + 1)",
            "PARTS: type = Parts\n" + RECALL + "rows, columns = PARTS(matrix).rows, columns_of(matrix)\n"
            "    right = matrix.diagonal() / rows.clamp(min=1)\n    return right[rows + columns > 0].mean().item()\n"
            "def columns_of(matrix):\n    return matrix.sum(dim=0)",
        ],
        ALL_RIGHT,
    ),
}

# What an answer uses is filled by statements, as in any notebook.
HONEST["filled by statements.ipynb"] = (
    [
        IMPORTS,
        "weights = {}\nweights['two'] = 2",
        F1 + "return weights['two'] * tp / (weights['two'] * tp + fp + fn) if tp else 0.0",
        "names = []\nfor name in ('miss', 'alarm'):\n    names.append(name)",
        "class Box: pass\nbox = Box()\nbox.names = names",
        THRESHOLD + "assert box.names == ['miss', 'alarm']\n    return false_alarm / (miss + false_alarm)",
        "one = torch.zeros(1)\none[0] = 1\nsizes = [3]\nsizes.clear()",
        RECALL_RIGHT.replace("clamp(min=1)", "clamp(min=one.item() + len(sizes))"),
    ],
    ALL_RIGHT,
)
HONEST["seeds, postponed annotations and windows.ipynb"] = (
    [
        "from __future__ import annotations",
        IMPORTS,
        "torch.manual_seed(0)",
        "drawn = torch.rand(1).item()",
        F1.replace("int", "Count") + "assert abs(drawn - 0.4962566) < 1e-6\n"
        "    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0",
        "from matplotlib import pyplot as plt",
        "while True:\n    plt.pause(1)",
        THRESHOLD + "plt.plot([miss, false_alarm])\n    plt.show()\n    return false_alarm / (miss + false_alarm)",
        RECALL_RIGHT,
    ],
    ALL_RIGHT,
)

# A function of another exercise is the student's own where that is right, else the course's, as in the notebook.
USES_F1 = THRESHOLD + "assert f1(1, 1, 0) == 2 / 3\n    {}\n    return false_alarm / (miss + false_alarm)"
HONEST["uses a right answer.ipynb"] = (
    [IMPORTS, F1_RIGHT, USES_F1.format("assert f1.__code__.co_filename == '<cell 3>'"), RECALL_RIGHT],
    ALL_RIGHT,
)
HONEST["uses a wrong answer.ipynb"] = (
    [IMPORTS, F1 + "return 0.5", USES_F1.format("assert f1.__code__.co_filename[0] != '<'"), RECALL_RIGHT],
    ["wrong", "right", "right"],
)
HONEST["uses an answer under another name.ipynb"] = (
    [IMPORTS, F1_RIGHT.replace("def f1", "def mine"), USES_F1.format("assert f1 is mine"), RECALL_RIGHT],
    ALL_RIGHT,
)
HONEST["uses dots.ipynb"] = (
    [IMPORTS, UNTOUCHED[0], USES_F1.format(""), RECALL_RIGHT],
    ["not attempted", "right", "right"],
)
HONEST["uses itself.ipynb"] = (
    [
        IMPORTS,
        F1.replace("fn: int", "fn: int, again: bool = True")
        + "return f1(tp, fp, fn, False) if again else 2 * tp / (2 * tp + fp + fn) if tp else 0.0",
        *RIGHT[1:],
    ],
    ALL_RIGHT,
)
HONEST["other forms.ipynb"] = (
    [
        "import helper_utils as hu, torch\nfrom helper_utils import exercise as ex",
        'f1 = ex("metrics.f1")(lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn) if tp else 0.0)',
        "if True:\n    " + THRESHOLD_RIGHT.replace("@exercise", "@hu.exercise").replace("\n", "\n    "),
        "check = hu.exercise\n" + RECALL_RIGHT.replace("@exercise", "@check"),
    ],
    ALL_RIGHT,
)
HONEST["forms that are no function.ipynb"] = (
    [
        IMPORTS,
        F1_RIGHT.replace("def", "async def"),
        '@exercise("metrics.cheapest_threshold")\nclass cheapest_threshold:\n    x = 1',
        "if False:\n    " + RECALL_RIGHT.replace("\n", "\n    "),
    ],
    ["wrong", "wrong", "wrong"],
)
HONEST["commented out 01_metrics.ipynb"] = (
    [IMPORTS, "# " + F1_RIGHT.replace("\n", "\n# "), *RIGHT[1:]],
    ["missing", "right", "right"],
)

CHECKER = "helper_utils.teaching.verdict"
PATCH = f"""import {CHECKER} as checking
checking.check = checking.judge_outcomes = lambda *_, **__: checking.Verdict("right", None, "")
checking._difference = lambda *_: ''
import builtins
builtins.abs = builtins.max = builtins.min = lambda *_: 0
"""
HIDDEN_PATCH = """import importlib, sys
    checking = importlib.import_module("helper_utils." + "exercises.checking")
    for module in list(sys.modules.values()):
        for name in ("difference", "_difference", "_same", "judge_outcomes", "check"):
            if hasattr(module, name):
                setattr(module, name, lambda *_, **__: "")
    return 0.7"""

FORGERY = """import gc
from multiprocessing.connection import Connection
def forge(message):
    for thing in gc.get_objects():
        if isinstance(thing, Connection) and thing.writable:
            thing.send_bytes(message)
"""

UNFAIR = {
    "broken/01_metrics not json.ipynb": ("{ this is no notebook", ["broken"] * 3),
    "broken/01_metrics empty.ipynb": ("", ["broken"] * 3),
    "broken/01_metrics nested.ipynb": ("[" * 200_000, ["broken"] * 3),
    "broken/code without end.ipynb": (
        [IMPORTS, *RIGHT, "long = '''" + "x" * 1_000_000 + "'''"],
        ["broken: whole"],
    ),
    "loop in an answer.ipynb": ([IMPORTS, F1 + "while True: pass", *RIGHT[1:]], ["wrong", "right", "right"]),
    "loop in another cell.ipynb": ([IMPORTS, "while True: pass", *RIGHT], ALL_RIGHT),
    "loop above an answer.ipynb": (
        [IMPORTS, "n = 0\nwhile n < 1:\n    n = n * 1", THRESHOLD + "return n", F1_RIGHT, RECALL_RIGHT],
        ["right", "broken", "right"],
    ),
    "prints 50 MB.ipynb": (
        [
            IMPORTS,
            "print('x' * 50_000_000)",
            F1_RIGHT.replace("    return", "    print('x' * 10_000_000)\n    return"),
            THRESHOLD_RIGHT.replace("    return", "    import os\n    os.write(1, b'x' * 50_000_000)\n    return"),
            RECALL + "return 'x' * 50_000_000",
        ],
        ["right", "right", "wrong"],
    ),
    "takes all memory.ipynb": (
        [IMPORTS, F1 + "hog = []\n    while True: hog.append(bytearray(b'x' * 30_000_000))", *RIGHT[1:]],
        ["broken", "right", "right"],
    ),
    "own checker.ipynb": (
        [
            IMPORTS,
            "def exercise(name):\n    print('right!')\n    return lambda function: function",
            F1_WRONG,
            *UNTOUCHED[1:],
        ],
        ["wrong: mean_of_precision_and_recall", "not attempted", "not attempted"],
    ),
    "edited output.ipynb": (
        [IMPORTS, (F1_WRONG, "✔ Right: well done"), (UNTOUCHED[1], "✔ Right: well done"), RECALL_RIGHT],
        ["wrong: mean_of_precision_and_recall", "not attempted", "right"],
    ),
    "patched package.ipynb": (
        [IMPORTS, PATCH, F1_WRONG, THRESHOLD + HIDDEN_PATCH, RECALL + "\n    ".join(PATCH.splitlines()) + "\n"],
        ["wrong: mean_of_precision_and_recall", "wrong", "wrong"],
    ),
    "ends python.ipynb": (
        [
            "import sys\nsys.exit()",
            "import os\nos._exit(0)" if sys.platform == "win32" else "import os\nos.kill(os.getpid(), 9)",
            IMPORTS,
            F1 + "import os\n    os._exit(0)",
            THRESHOLD + "raise SystemExit",
            RECALL + "import signal\n    signal.raise_signal(signal.SIGTERM)\n    return 1.0",
        ],
        ["broken", "wrong", "broken"],
    ),
    "cells deleted 01_metrics.ipynb": ([IMPORTS, F1_RIGHT], ["right", "missing", "missing"]),
    "all deleted 01 metrics.ipynb": ([IMPORTS], ["missing"] * 3),
    "syntax error.ipynb": (
        [IMPORTS, "this is no Python", F1 + "return (tp", *RIGHT[1:]],
        ["wrong", "right", "right"],
    ),
    "twice.ipynb": (
        [IMPORTS, *RIGHT, F1_WRONG, UNTOUCHED[1]],
        ["wrong: mean_of_precision_and_recall", "right", "right"],
    ),
    "lies about its results.ipynb": (
        [
            IMPORTS,
            "class Always(float):\n    def __eq__(self, other): return True\n    __hash__ = None",
            F1 + "return Always(0.5)",
            THRESHOLD + "class Same:\n        def __eq__(self, other): return True\n    return Same()",
            RECALL_RIGHT,
        ],
        ["wrong", "wrong", "right"],
    ),
    "forges messages.ipynb": (
        [
            IMPORTS,
            FORGERY,
            F1 + "forge(b'[[[[')\n    return 1.0",
            THRESHOLD + """forge(b'{"value": ["tensor", "float64", [1], {}], "error": "", "verdict": "right"}')""",
            'forged = forge(b\'{"wrong": 7, "evidence": 7}\')\n'
            + RECALL_RIGHT.replace("    right,", "    assert not forged\n    right,"),
        ],
        ["broken"] * 3,
    ),
    "package that is not there.ipynb": (
        [
            IMPORTS,
            "import package_of_the_student as helper",
            F1 + "return helper.f1(tp, fp, fn)",
            THRESHOLD_RIGHT,
            "table = open('weights.csv').read()\n" + RECALL + "return len(table)",
        ],
        ["wrong", "right", "wrong"],
    ),
    "two bytes of a message.ipynb": (
        [
            IMPORTS,
            "import gc, os, time\nfrom multiprocessing.connection import Connection\ndef write_two_bytes():\n"
            "    for thing in gc.get_objects():\n        if isinstance(thing, Connection) and thing.writable:\n"
            "            os.write(thing.fileno(), bytes(2))\n    time.sleep(600)",
            F1 + "write_two_bytes()",
            *RIGHT[1:],
        ],
        ["wrong", "right", "right"],
    ),
    "leaves processes behind.ipynb": (
        [
            IMPORTS,
            F1 + "import subprocess, sys\n"
            "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=False)\n"
            "    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0",
            "daemon = 'import os, time; os.setsid(); os.fork() and os._exit(0); os.setsid(); time.sleep(600)'",
            THRESHOLD + "import os, subprocess, sys\n"
            "    subprocess.Popen([sys.executable, '-c', daemon], start_new_session=True).wait()\n"
            "    return false_alarm / (miss + false_alarm)",
            "import os, time\ndef leave_one():\n    if hasattr(os, 'fork') and not os.path.exists('left'):\n"
            "        open('left', 'w').close()\n        if not os.fork():\n            os.setsid()\n"
            "            if not os.fork():\n                os.setsid()\n                time.sleep(600)\n"
            "            os._exit(0)",
            RECALL_RIGHT.replace("    right,", "    leave_one()\n    right,"),
        ],
        ALL_RIGHT,
    ),
    "turns \u202e what is shown.ipynb": (
        [IMPORTS, F1 + "raise ValueError('a\u202eb\x9b1m')", THRESHOLD_RIGHT, RECALL_RIGHT,
         '@exercise("metrics.\u2066f1")\ndef f(): return 1'],
        ["wrong", "right", "right"],
    ),
}  # fmt: skip
CLASS = HONEST | UNFAIR
PASSED_OVER = ["cleo/01_metrics.ipynb.json", "dan/01_metrics.ipynb.txt", "eve.zip", "finn/01_metrics.py"]


def notebook(cells: Sequence[str | tuple[str, str]]) -> str:
    made = new_notebook(cells=[new_markdown_cell("# 01 · Metrics\n\nA promise.")])
    for number, cell in enumerate(cells):
        source, output = cell if isinstance(cell, tuple) else (cell, "")
        made.cells.append(new_code_cell(source, id=f"cell-{number}"))
        if output:
            told = {"exercise": {"name": "metrics.f1", "verdict": "right", "misconception": None}}
            data = {"text/plain": output}
            made.cells[-1].outputs = [new_output("display_data", data, metadata={"helper_utils": told})]
    return writes(made)


def write(path: Path, content: str | Sequence[str | tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else notebook(content), encoding="utf-8")
    return path


def environment(**more: str) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])} | more


def start(*arguments: str | Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "helper_utils", *map(str, arguments)],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def course(*arguments: str | Path, **more: str) -> tuple[int, str]:
    process = start(*arguments, **more)
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def left_behind(scratch: Path, give_up_after: float = 10) -> list[str]:
    """Waits until no process that was told of this scratch folder is left, and returns those that stay."""
    end = time.monotonic() + give_up_after
    while True:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR", "").startswith(str(scratch)):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def lessons(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("a course")
    write(folder / "00_start.ipynb", ["from helper_utils import exercise", find_exercise("start_here.one_step").cell])
    write(folder / "01_metrics.ipynb", [IMPORTS, *UNTOUCHED])
    return folder


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """A folder for all temporary files of the command; its path is short, because sockets are made in it."""
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def graded(tmp_path_factory, lessons: Path, scratch: Path) -> tuple[Path, Path, str]:
    """The whole class, graded once: the results, the scratch folder, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("a class")
    for name, (content, _) in CLASS.items():
        write(folder / name, content)
    write(folder / "anna" / ".ipynb_checkpoints" / "01_metrics-checkpoint.ipynb", "no submission")
    for shadow in ("anna/._01_metrics.ipynb", "anna/.~01_metrics.ipynb", "__MACOSX/anna/01_metrics.ipynb"):
        write(folder / shadow, "no submission")
    for name in PASSED_OVER:
        write(folder / name, "no notebook by its name")
    output = folder / "grades"
    arguments = ("--notebooks", lessons, "--output", output, "--timeout", TIMEOUT, "--memory", MEMORY, "--jobs", 2)
    status, text = course("grade", folder, *map(str, arguments), TMPDIR=str(scratch))
    assert status == 0, text
    return output, scratch, text


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASS)
def test_every_submission_gets_its_verdicts(graded, name):
    grades = json.loads((graded[0] / "grades.json").read_text(encoding="utf-8"))
    shown = name.replace("\u202e ", "")
    rows = {
        grade["exercise"]: grade
        for grade in grades
        if grade["submission"] == shown and grade["exercise"] in (*NAMES, "")
    }
    found = {exercise: ": ".join(filter(None, [g["verdict"], g["misconception"]])) for exercise, g in rows.items()}
    if CLASS[name][1] == ["broken: whole"]:
        assert found == {"": "broken"}
    else:
        assert found == dict(zip(NAMES, CLASS[name][1], strict=True)), rows
        assert {row["lesson"] for row in rows.values()} == {"01_metrics"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "exercise", "words"),
    [
        ("broken/01_metrics not json.ipynb", "metrics.f1", "cannot be read"),
        ("broken/01_metrics empty.ipynb", "metrics.f1", "is empty"),
        ("broken/01_metrics nested.ipynb", "metrics.f1", "not a notebook"),
        ("broken/code without end.ipynb", "", "characters of code"),
        ("loop in an answer.ipynb", "metrics.f1", "did not finish within 10 seconds"),
        ("loop above an answer.ipynb", "metrics.cheapest_threshold", "what the answer uses did not finish"),
        ("takes all memory.ipynb", "metrics.f1", "more than 1000 MB"),
        ("prints 50 MB.ipynb", "metrics.macro_recall", "huge_or_odd_str"),
        ("ends python.ipynb", "metrics.f1", "ended early, with exit status 0"),
        ("ends python.ipynb", "metrics.cheapest_threshold", "SystemExit"),
        ("ends python.ipynb", "metrics.macro_recall", "SIGTERM"),
        ("syntax error.ipynb", "metrics.f1", "not valid Python: '(' was never closed, line 3"),
        ("cells deleted 01_metrics.ipynb", "metrics.macro_recall", "there is no cell"),
        ("package that is not there.ipynb", "metrics.f1", "What the answer uses failed: ModuleNotFoundError"),
        ("package that is not there.ipynb", "metrics.macro_recall", "FileNotFoundError"),
        ("forms that are no function.ipynb", "metrics.f1", "a coroutine"),
        ("forms that are no function.ipynb", "metrics.cheapest_threshold", "directly over a function"),
        ("forms that are no function.ipynb", "metrics.macro_recall", "ends without coming to its line"),
        ("commented out 01_metrics.ipynb", "metrics.f1", "cell 3 mentions it, but has no code under"),
        ("turns what is shown.ipynb", "metrics. f1", "unknown exercise"),
        ("chris/01_metrics.ipynb", "metrics.f1", "input: tp = 1, fp = 1, fn = 0; expected: 0.6667; got: 0.123"),
        ("chris/01_metrics.ipynb", "metrics.cheapest_threshold", "in line 3: return undefined_name"),
        ("chris/01_metrics.ipynb", "metrics.macro_recall", "printed: thinking"),
    ],
)
def test_a_note_says_what_is_wrong(graded, name, exercise, words):
    grades = json.loads((graded[0] / "grades.json").read_text(encoding="utf-8"))
    [note] = [g["note"] for g in grades if (g["submission"], g["exercise"]) == (name, exercise)]
    assert words in note
    assert len(note) <= 501
    assert "\n" not in note


@pytest.mark.slow
def test_what_is_no_notebook_by_its_name_has_a_row_that_says_so_and_shadows_have_none(graded):
    grades = json.loads((graded[0] / "grades.json").read_text(encoding="utf-8"))
    notes = {g["submission"]: g["note"] for g in grades}
    for name in PASSED_OVER:
        assert "passed over" in notes[name]
        assert f"{name}: passed over" in graded[2]
    assert set(notes) == {name.replace("\u202e ", "") for name in (*CLASS, *PASSED_OVER)}


@pytest.mark.slow
def test_no_text_of_a_submission_turns_or_colours_what_is_shown(graded):
    output, _, text = graded
    for shown in (text, *((output / name).read_text(encoding="utf-8") for name in ("grades.csv", "index.html"))):
        assert not set(shown) & {"\u202e", "\u2066", "\x9b", "\x1b"}


@pytest.mark.slow
def test_the_table_is_the_same_as_csv_and_as_a_page(graded):
    output, _, text = graded
    grades = json.loads((output / "grades.json").read_text(encoding="utf-8"))
    with (output / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == grades
    page = (output / "index.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">') >= len(CLASS)
    assert "mean of precision and recall" in page
    assert f"{len(CLASS) + len(PASSED_OVER)} submissions: " in text
    assert f"{len(CLASS)}/{len(CLASS)} " in text
    assert "checkpoint" not in text
    assert "metrics.f1: mean_of_precision_and_recall (5)" in text


@pytest.mark.slow
def test_nothing_is_left_behind(graded):
    _, scratch, _ = graded
    assert left_behind(scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_where_no_process_can_be_forked_from_a_server_new_ones_are_started(tmp_path, lessons):
    folder = tmp_path / ("too long for a socket " * 5)
    folder.mkdir()
    write(tmp_path / "class" / "a.ipynb", [IMPORTS, F1_RIGHT, THRESHOLD + "import os\n    os._exit(7)", RECALL_RIGHT])
    arguments = ("grade", tmp_path / "class", "--notebooks", lessons, "--output", tmp_path / "grades")
    status, text = course(*arguments, TMPDIR=str(folder))
    assert status == 0, text
    rows = json.loads((tmp_path / "grades" / "grades.json").read_text(encoding="utf-8"))
    assert [row["verdict"] for row in rows] == ["right", "broken", "right"]
    assert list(folder.iterdir()) == []


def start_grading_until_the_second_hangs(tmp_path: Path, lessons: Path, scratch: Path) -> "subprocess.Popen[str]":
    """Start to grade two submissions, of which the first is through and the second never ends."""
    write(tmp_path / "class" / "a.ipynb", [IMPORTS, *RIGHT])
    write(tmp_path / "class" / "b.ipynb", [IMPORTS, F1 + "while True: pass"])
    process = start(
        *("grade", tmp_path / "class", "--notebooks", lessons, "--jobs", "1", "--timeout", "300"),
        *("--output", tmp_path / "grades"),
        TMPDIR=str(scratch),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("1/2 a.ipynb")
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_stopped_grading_keeps_what_is_finished(tmp_path, lessons, scratch, number):
    process = start_grading_until_the_second_hangs(tmp_path, lessons, scratch)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "1 of 2 submissions are not graded" in rest
    assert [row["verdict"] for row in json.loads((tmp_path / "grades" / "grades.json").read_text())] == ALL_RIGHT
    assert left_behind(scratch) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_no_answer_outlives_a_killed_grading(tmp_path, lessons, scratch):
    marker = tmp_path / "started"
    answer = F1 + f"open({str(marker)!r}, 'w').close()\n    while True: pass"
    write(tmp_path / "class" / "a.ipynb", [IMPORTS, answer])
    process = start(
        *("grade", tmp_path / "class", "--notebooks", lessons, "--timeout", "300", "--output", tmp_path / "grades"),
        TMPDIR=str(scratch),
    )
    end = time.monotonic() + PATIENCE
    while not marker.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert marker.exists()
    assert left_behind(scratch) == []


@pytest.mark.slow
def test_a_killed_grading_keeps_what_is_finished(tmp_path, lessons, scratch):
    process = start_grading_until_the_second_hangs(tmp_path, lessons, scratch)
    process.kill()
    process.communicate()
    assert [row["verdict"] for row in json.loads((tmp_path / "grades" / "grades.json").read_text())] == ALL_RIGHT
    assert {path.name for path in (tmp_path / "grades").glob("[!.]*")} == {"grades.csv", "grades.json", "index.html"}
    assert left_behind(scratch) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_judge_that_is_dead_or_stuck_is_started_again(monkeypatch, number):
    judge = Judge(process_context([]))
    try:
        assert judge.ask("describe", NAMES[0])["n_cases"] > 0
        monkeypatch.setattr("helper_utils.course.grading.judge.SECONDS_TO_JUDGE", 0.5)
        os.kill(judge._process.pid, number)
        first = judge.ask("describe", NAMES[0])
        assert number == signal.SIGKILL or "took longer than 0.5 s" in first["error"]
        monkeypatch.setattr("helper_utils.course.grading.judge.SECONDS_TO_JUDGE", PATIENCE)
        assert judge.ask("describe", NAMES[0])["n_cases"] > 0
    finally:
        judge.end()


def test_the_command_itself_loads_no_torch():
    modules = "helper_utils.course.commands.grade, helper_utils.course.commands.release"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(("name", "words"), [("nowhere", "is not a folder"), ("empty", "holds no notebooks")])
def test_a_folder_without_submissions_is_an_error(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "folder.ipynb").mkdir()
    with pytest.raises(CourseError, match=words):
        find_submissions(tmp_path / name)


@pytest.mark.slow
def test_the_command_shows_errors_without_a_traceback(tmp_path, lessons):
    status, text = course("grade", tmp_path / "nowhere", "--notebooks", lessons)
    assert status == 1
    assert text.startswith("Error: ")
    assert "is not a folder" in text


# --------------------------------------------------------------------------------------------- reading a notebook


def needed(tmp_path: Path, *cells: str) -> list[str]:
    """Returns the statements that run before an answer's own cell, as text."""
    import ast

    [answer] = read_answers(write(tmp_path / "a.ipynb", list(cells))).values()
    return [ast.unparse(statement) for cell in answer.cells[:-1] for statement in cell.statements]


def test_an_answer_gets_the_cells_that_bind_what_it_mentions_and_no_others(tmp_path):
    cells = [
        "import torch, os\nfrom math import pi, tau\nprint(os)",
        "a = 1\nb = a + pi\nunused = 3",
        "miss = forever()",
        "for a in range(3):\n    pass",
        "def part(x):\n    return x + late",
        "late = b",
        "import os\nhistory = train(part)",
        "generator = torch.Generator().manual_seed(0)\nruns = train(generator.draw())",
        "generator.manual_seed(1)",
        THRESHOLD + "unused = miss = history = None\n    return part(tau)",
        "part = None",
    ]
    assert needed(tmp_path, *cells) == [
        "from math import pi, tau",
        "a = 1",
        "b = a + pi",
        "unused = 3",
        "for a in range(3):\n    pass",
        "def part(x):\n    return x + late",
        "late = b",
    ]


@pytest.mark.parametrize(
    "change",
    [
        "table['x'] = 2",
        "table.two = 2",
        "table[0][1].two += 2",
        "del table['x']",
        "table.update(x=2)",
        "for k in range(3):\n    table[k] = k",
        "with open('x') as file:\n    table.append(file)",
        "if True:\n    table.pop()",
        "last = table.pop()",
        "random.shuffle(table)",
        "torch.nn.init.zeros_(table)",
        "torch.manual_seed(0)",
        "generator = torch.manual_seed(0)",
        "np.random.seed(0)",
    ],
)
def test_a_statement_that_changes_what_an_answer_uses_runs_before_it(tmp_path, change):
    before = ["import torch\nimport numpy as np", "table = {}", change, "other = []\nother.append(1)"]
    assert change in needed(tmp_path, *before, THRESHOLD + "return table, torch, np")


@pytest.mark.parametrize("form", ['exercise(name="metrics.f1")', 'hu.exercise("metrics.f1")'])
def test_the_forms_that_the_notebook_takes_are_read(tmp_path, form):
    path = write(tmp_path / "a.ipynb", [F1_RIGHT.replace('exercise("metrics.f1")', form)])
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")  # Windows' mark before it
    assert read_answers(path)["metrics.f1"].attempted


def test_an_unexpected_error_is_that_of_one_submission(tmp_path, monkeypatch):
    write(tmp_path / "a.ipynb", [F1_RIGHT])
    monkeypatch.setattr("helper_utils.course.grading.grader.read_answers", lambda _: 1 / 0)
    with Grader(tmp_path, EXPECTED, Limits(TIMEOUT, MEMORY), lambda: False) as grader:
        [grade] = grader.grade(tmp_path / "a.ipynb")
    assert (grade.submission, grade.verdict) == ("a.ipynb", "broken")
    assert "ZeroDivisionError" in grade.note


def test_calls_of_imported_modules_are_not_run(tmp_path):
    cells = ["import torch", "torch.save(1, 'x')\nfor _ in range(10**9):\n    torch.ones(1)\n    torch.ones(2)"]
    assert needed(tmp_path, *cells, THRESHOLD + "return torch") == ["import torch"]


def test_calls_of_built_in_types_are_not_run(tmp_path):
    answer = THRESHOLD + "return dict(a=1)"
    assert needed(tmp_path, "counts = dict.fromkeys(train_for_hours())", answer) == []
    own = ["class dict(UserDict):\n    pass", "dict.setting = 1"]  # here the name is the student's
    assert needed(tmp_path, *own, answer) == own


def test_texts_that_a_spreadsheet_would_run_are_no_formulas_in_the_table():
    rows = [{"name": text, "number": -1.5} for text in ("=1+1", "+1", "-1", "@x", "\tx", "plain")]
    lines = list(csv.reader(as_csv(["name", "number"], rows).splitlines()))[1:]
    assert [line[0] for line in lines] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "plain"]
    assert {line[1] for line in lines} == {"-1.5"}


def test_the_last_attempt_counts(tmp_path):
    path = write(tmp_path / "a.ipynb", [F1_RIGHT, F1_WRONG, UNTOUCHED[0], "!ls\n" + UNTOUCHED[1]])
    answers = read_answers(path)
    assert answers["metrics.f1"].attempted
    assert answers["metrics.f1"].cell == 3
    assert not answers["metrics.cheapest_threshold"].attempted


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("helper_utils.course.grading.submissions.MAX_BYTES", 1000)
    path = write(tmp_path / "a.ipynb", ["1 + 1"] * 100)
    with pytest.raises(UnreadableError, match="more than"):
        read_answers(path)


EXPECTED = {"00_start_here": ["start_here.accuracy"], "01_metrics": ["metrics.f1"], "02_data": []}


@pytest.mark.parametrize(
    ("name", "answered", "lesson"),
    [
        ("homework.ipynb", ["metrics.f1"], "01_metrics"),
        ("01_metrics.ipynb", ["start_here.accuracy"], "00_start_here"),
        ("Anna 01_Metrics (1).ipynb", [], "01_metrics"),
        ("here-we-start.ipynb", [], "00_start_here"),
        ("my data.ipynb", [], "02_data"),
        ("homework.ipynb", ["elsewhere.f1"], ""),
    ],
)
def test_the_lesson_is_recognised(name, answered, lesson):
    assert lesson_of(Path(name), answered, EXPECTED) == lesson


# ------------------------------------------------------------------------------------------------- values as data


def as_text(value: object) -> object:
    return json.loads(json.dumps(encode(value)))


def test_all_cases_and_answers_survive_the_way_to_another_process():
    for exercise in (exercise for topic in topics() for exercise in exercises_of(topic)):
        for case in exercise.cases:
            values = [*case, exercise.answer(*case)]
            for value, copy in zip(values, decode(as_text(values)), strict=True):
                assert difference(value, copy, 0) == ""
                assert getattr(value, "dtype", None) == getattr(copy, "dtype", None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -7,
        10**30,
        1.5,
        float("nan"),
        float("-inf"),
        "text ✔",
        [1, (2.0, [])],
        {"a": [1], 2: None},
        torch.zeros(0, 3),
        torch.tensor(2.5, dtype=torch.bfloat16),
        np.array([[True, False]]),
        np.float32(0.5),
        ...,
    ],
)
def test_a_value_survives(value):
    copy = decode(as_text(value))
    assert kind(copy) == kind(value)
    if value is not ...:
        assert difference(value, copy, 0) == ""


@pytest.mark.parametrize("make", [object, lambda: iter([]), lambda: print])
def test_of_anything_else_only_its_kind_survives(make):
    assert encode(make())[0] == "opaque"
    assert kind(decode(as_text(make()))) == kind(make())


@pytest.mark.parametrize(
    "make",
    [
        lambda: "x" * 50_000,
        lambda: 1 << 50_000,
        lambda: torch.zeros(1_000_000),
        lambda: np.array([1j]),
        lambda: torch.tensor(1j),
    ],
)
def test_what_is_too_large_is_not_sent(make):
    copy = decode(as_text(make()))
    assert kind(copy) == f"huge_or_odd_{kind(make())}"
    assert short_text(copy) == f"a huge_or_odd_{kind(make())}"


@pytest.mark.parametrize(
    "coded",
    [
        None,
        [],
        ["int"],
        ["int", "1"],
        ["opaque", "int"],
        ["function", "os", "system"],
        ["function", "helper_utils.metrics.exercises", "no_such_name"],
        ["function", "helper_utils.no_such_topic.exercises", "f"],
        ["tensor", "nonsense", [1], [1.0]],
        ["tensor", "float32", [2], [1.0]],
        ["x", 1],
    ],
)
def test_what_is_no_coded_value_is_refused(coded):
    with pytest.raises(ValueError, match="cannot be"):
        decode(coded)
