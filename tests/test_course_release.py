"""`course release`: no outputs, no answers, the same files every time; and nothing in them is attempted."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helper_utils.course.cli import course
from helper_utils.course.commands.release import clean
from helper_utils.course.grading.submissions import DECORATOR, read_answers
from helper_utils.course.lessons import read_lesson
from helper_utils.teaching.registry import find_exercise

F1 = find_exercise("metrics.f1")
RECALL = find_exercise("metrics.macro_recall")
ANSWERED = '@exercise("metrics.f1")\n' + F1.answer_source
NOT_PYTHON = '@exercise("metrics.macro_recall")\ndef macro_recall(matrix):\n    return (matrix'
OWN_TEXT = '# Yours:\n@exercise("metrics.cheapest_threshold")\ndef cheapest_threshold(miss, false_alarm):\n    ...\n'
KEPT = "data = 1  # stays"


@pytest.fixture
def lessons(tmp_path) -> Path:
    shown = new_output("display_data", {"text/plain": "✔ Right"})
    cells = [
        new_markdown_cell("# 01 · Metrics\n\nA promise.", metadata={"collapsed": True}),
        new_code_cell("lr: float = 0.1", metadata={"tags": ["parameters"], "papermill": {"duration": 1.5}}),
        new_code_cell("from helper_utils import exercise\n%matplotlib inline"),
        new_code_cell("helper = 1\n" + ANSWERED, outputs=[shown], execution_count=7),
        new_code_cell(NOT_PYTHON),
        new_code_cell(OWN_TEXT, outputs=[shown]),
        new_code_cell(KEPT, metadata={"scrolled": True, "tags": []}),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    folder = tmp_path / "course of {2}"
    folder.mkdir()
    metadata = {"language_info": {"name": "python", "version": "3.14.1"}, "widgets": {"state": {}}, "author": "me"}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / "01_metrics.ipynb")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 02 · Data")]), folder / "02_data.ipynb")
    return folder


def release(folder: Path, lessons: Path, *names: str) -> tuple[int, str]:
    result = CliRunner().invoke(course, ["release", str(folder), *names, "--notebooks", str(lessons)])
    return result.exit_code, result.output


def test_outputs_and_answers_are_gone_and_the_rest_stays(tmp_path, lessons):
    status, text = release(tmp_path / "for class", lessons)
    assert status == 0, text
    assert "01_metrics.ipynb: metrics.f1, metrics.macro_recall reset" in text
    assert "02_data.ipynb: no answers to remove" in text
    notebook = nbformat.read(tmp_path / "for class" / "01_metrics.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == kernels_own_words()  # else JupyterLab opens it as unsaved
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert [cell.metadata for cell in notebook.cells] == [{}, {"tags": ["parameters"]}, {}, {}, {}, {}, {}]
    assert [cell.id for cell in notebook.cells] == [f"cell-{i}" for i in range(7)]
    assert [cell.source for cell in code[2:]] == [F1.cell.rstrip(), RECALL.cell.rstrip(), OWN_TEXT, KEPT]
    assert not any(answer.attempted for answer in read_answers(tmp_path / "for class" / "01_metrics.ipynb").values())


def test_the_same_files_every_time(tmp_path, lessons):
    stored = (lessons / "01_metrics.ipynb").read_bytes()
    for name in ("one", "two"):
        assert release(tmp_path / name, lessons)[0] == 0
    assert release(tmp_path / "three", tmp_path / "one")[0] == 0  # releasing what is released changes nothing
    texts = [(tmp_path / name / "01_metrics.ipynb").read_bytes() for name in ("one", "two", "three")]
    assert texts[0] == texts[1] == texts[2]
    assert (lessons / "01_metrics.ipynb").read_bytes() == stored


@pytest.mark.parametrize("ids", [[None, None], ["a", None], ["a", "a"]])
def test_cells_without_ids_of_their_own_get_the_same_ids_every_time(tmp_path, ids):
    cells = [{"cell_type": "markdown", "metadata": {"tags": None}, "source": ["# 1\n", "two"]} for _ in ids]
    cells = [cell | ({"id": name} if name else {}) for cell, name in zip(cells, ids, strict=True)]
    (tmp_path / "lessons").mkdir()
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 2})
    (tmp_path / "lessons" / "01_old.ipynb").write_text(text)
    for name in ("one", "two"):
        assert release(tmp_path / name, tmp_path / "lessons")[0] == 0
    released = nbformat.read(tmp_path / "one" / "01_old.ipynb", as_version=4)
    nbformat.validate(released)
    assert [cell.id for cell in released.cells] == ["cell-0", "cell-1"]
    assert [cell.source for cell in released.cells] == ["# 1\ntwo"] * 2
    assert (tmp_path / "one" / "01_old.ipynb").read_bytes() == (tmp_path / "two" / "01_old.ipynb").read_bytes()


def test_folded_cells_and_attached_pictures_stay(tmp_path):
    picture = {"a.png": {"image/png": "aGVsbG8="}}
    cells = [
        new_markdown_cell("![a](attachment:a.png)", attachments=picture),
        new_code_cell("1", metadata={"tags": ["hide-input"], "jupyter": {"outputs_hidden": True}}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_folded.ipynb")
    assert release(tmp_path / "class", tmp_path)[0] == 0
    text, code = nbformat.read(tmp_path / "class" / "01_folded.ipynb", as_version=4).cells
    assert text.attachments == picture
    assert code.metadata == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}


def test_a_link_out_of_the_folder_becomes_words_and_one_to_a_lesson_stays(tmp_path):
    text = "See [the *data* sets](../data/README.md) and [02](02_data.ipynb)."
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "01_a.ipynb")
    released, _ = clean(read_lesson(tmp_path / "01_a.ipynb"))
    assert nbformat.reads(released, as_version=4).cells[0].source == "See the *data* sets and [02](02_data.ipynb)."


def test_nothing_stays_when_the_disk_is_full_half_way(tmp_path, lessons, monkeypatch):
    def write(path, text):
        path.write_text(text[:10], encoding="utf-8")
        if path.name.startswith("02"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("helper_utils.course.commands.release.write_text", write)
    (tmp_path / "empty").mkdir()
    for folder in ("class", "empty"):
        status, text = release(tmp_path / folder, lessons)
        assert status == 1
        assert text == f"Error: cannot write into {tmp_path / folder}: No space left on device\n"
    assert list((tmp_path / "empty").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"empty", lessons.name}


def test_only_the_named_lessons_are_released(tmp_path, lessons):
    assert release(tmp_path / "some", lessons, "2")[0] == 0
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["02_data.ipynb"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, lessons):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    status, text = release(folder, lessons)
    assert status == 1
    assert "is not an empty folder" in text
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert release(folder / "notes.txt", lessons)[0] == 1
    assert release(folder / "notes.txt" / "below", lessons)[0] == 1


@pytest.mark.parametrize(
    ("content", "words"), [("{", "cannot be released"), ('@exercise("metrics.f2")\ndef f2(): return 1', "'metrics.f1'")]
)
def test_nothing_is_written_where_one_lesson_cannot_be_released(tmp_path, lessons, content, words):
    path = lessons / "03_broken.ipynb"
    if content == "{":
        path.write_text(content)
    else:
        nbformat.write(new_notebook(cells=[new_code_cell(content)]), path)
    status, text = release(tmp_path / "class", lessons)
    assert status == 1
    assert words in text
    assert not (tmp_path / "class").exists()


def answer_all(path: Path) -> None:
    """Put the reference answers, as if somebody had typed them, into a notebook."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for name in DECORATOR.findall(cell.source):
            cell.source = f'@exercise("{name}")\n{find_exercise(name).answer_source}'
    nbformat.write(notebook, path)


def kernels_own_words() -> dict:
    # In another process: tqdm takes one that has loaded the kernel for a notebook.
    code = "import json; from ipykernel.ipkernel import IPythonKernel; print(json.dumps(IPythonKernel.language_info))"
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.mark.slow
def test_a_released_course_is_not_attempted_and_can_be_answered(tmp_path):
    root = Path(__file__).parents[1]
    for name in ("before", "after"):
        assert release(tmp_path / "class" / name, root / "notebooks")[0] == 0
    for path in (tmp_path / "class" / "after").iterdir():
        answer_all(path)
    subprocess.run(
        [sys.executable, "-m", "helper_utils", "grade", tmp_path / "class", "--output", tmp_path / "grades"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        check=True,
        timeout=900,
    )
    grades = json.loads((tmp_path / "grades" / "grades.json").read_text(encoding="utf-8"))
    for name, verdict in (("before", "not attempted"), ("after", "right")):
        found = [grade["verdict"] for grade in grades if grade["submission"].startswith(name)]
        assert len(found) >= 4
        assert set(found) == {verdict}
