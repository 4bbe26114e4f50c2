"""The form that every lesson has: what papermill reads, what nbval compares, what everybody can see."""

import re
from pathlib import Path

import form
import nbformat
import pytest
from papermill.inspection import inspect_notebook

from helper_utils.course.lessons import exercise_names, read_lesson
from helper_utils.teaching.quiz import read_quiz
from helper_utils.teaching.registry import exercises_of

ROOT = Path(__file__).parent.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def test_a_lesson_opens_with_title_promise_times_and_objectives(path, notebook):
    introduction = "\n".join(cell.source for cell in notebook.cells[:3] if cell.cell_type == "markdown")
    assert re.match(rf"# {path.stem[:2]} · \S", introduction)
    times = r"^\*\*Time:\*\* .*quick.*full.*\*\*Builds on:\*\*"
    if form.is_in_new_form(notebook.cells):
        times = r"^\*\*Study time:\*\* .*core.*\*\*Run time:\*\* \d+ to \d+ s quick, \d+ .*full\. \*\*Builds on:\*\*"
        assert read_lesson(path).study_time
    assert re.search(times, introduction, re.MULTILINE)
    objectives = re.findall(r"^- ", introduction.partition("## Objectives")[2], re.MULTILINE)
    assert 3 <= len(objectives) <= 5
    assert read_lesson(path).quick_time
    assert read_lesson(path).full_time


def test_every_parameter_is_typed_and_explained(path, notebook):
    assert sum("parameters" in tags(cell) for cell in notebook.cells) == 1
    parameters = inspect_notebook(str(path))
    assert {"dataset", "seed"} <= set(parameters)
    for name, parameter in parameters.items():
        assert parameter["inferred_type_name"] != "None", name
        assert len(parameter["help"]) > 10, name


def test_outputs_are_stored_whole_and_without_noise(path, notebook):  # noqa: ARG001
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})  # dead without its kernel


def test_most_outputs_are_compared_strictly(path, notebook):  # noqa: ARG001
    with_output = [cell for cell in code_cells(notebook) if cell.outputs]
    strict = [cell for cell in with_output if "nbval-ignore-output" not in tags(cell)]
    assert not any("nbval-skip" in tags(cell) for cell in with_output)
    assert len(strict) >= len(with_output) / 2


def test_every_claim_that_is_stored_holds(path, notebook):  # noqa: ARG001
    claims = [
        output.metadata["helper_utils"]["claim"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "claim" in output.get("metadata", {}).get("helper_utils", {})
    ]
    assert claims
    assert all(claim["holds"] for claim in claims)
    sentences = [claim["sentence"] for claim in claims]
    assert len(set(sentences)) == len(sentences)


def test_every_picture_has_its_words(path, notebook):  # noqa: ARG001
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        words = picture.metadata.get("image/png", {}).get("alt", "")
        assert len(words.split()) >= 5
        assert any(output.get("data", {}).get("text/plain") == words for output in outputs)  # the caption


def test_the_file_is_small_and_tells_nothing_about_its_machine(path, notebook):
    assert path.stat().st_size <= 700_000
    assert notebook.metadata.kernelspec == KERNEL
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}, cell.metadata
        folded = {"jupyter": {"source_hidden": True}} if "hide-input" in tags(cell) else {}
        assert {name: cell.metadata[name] for name in cell.metadata if name != "tags"} == folded


def test_it_ends_with_what_to_take_away_and_read(path, notebook):  # noqa: ARG001
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.search(r"^## .*mistake", text, re.MULTILINE | re.IGNORECASE)
    ending = text.partition("What to take away")[2]
    assert re.search(r"\b(19|20)\d\d\b", ending)  # papers with their year


def test_no_sentence_is_true_of_stored_results_only(path, notebook):  # noqa: ARG001 - a handout has none
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"stored results|comes with its (results|outputs)", text)


def lesson_texts(path: Path) -> dict[str, str]:
    """All that is written for a lesson, by the name of the place where it stands."""
    topic = path.stem[3:]
    folder = ROOT / "helper_utils" / topic
    files = [path, *folder.glob("*.py"), *folder.glob("*.json"), *(ROOT / "tests").glob(f"test_{topic}.py")]
    texts = {file.relative_to(ROOT).as_posix(): file.read_text() for file in files}
    entries = {
        "README.md": rf".*\(notebooks/{path.name}\).*",
        "notebooks/profiles/full.yaml": rf"^{path.stem}:.*(?:\n .*)*",
    }
    for name, entry in entries.items():
        found = re.search(entry, (ROOT / name).read_text(), re.MULTILINE)
        texts[name] = found[0] if found else ""
    return texts


def test_nothing_of_the_scaffold_is_left(path):
    left = [
        f"{path.stem}: {part} is still the scaffold's ({name})"
        for name, text in lesson_texts(path).items()
        for part in re.findall(r"TODO \(([^)]+)\)", text)
    ]
    assert not left, "\n".join(left)


def test_the_lists_of_lessons_have_this_one(path):
    texts = lesson_texts(path)
    assert texts["README.md"], f"{path.stem}: the table of lessons in README.md has no row of it"
    assert texts["notebooks/profiles/full.yaml"], f"{path.stem}: notebooks/profiles/full.yaml has no entry of it"


def test_exercises_and_quiz_exist_and_are_shown(path, notebook):
    topic = path.stem[3:]
    exercises = {exercise.name for exercise in exercises_of(topic)}
    shown = set(exercise_names(read_lesson(path)))
    problems = [f"{name} is not in the notebook" for name in sorted(exercises - shown)]
    problems += [f"{name} is in the notebook and not in exercises.py" for name in sorted(shown - exercises)]
    if len(exercises) < 2:
        problems.append(f"two exercises are asked for, there is {len(exercises)}")
    if not (ROOT / "helper_utils" / topic / "quiz.json").exists():
        problems.append(f"helper_utils/{topic}/quiz.json is missing")
    if not any(f'show_quiz("{topic}")' in cell.source for cell in code_cells(notebook)):
        problems.append(f'show_quiz("{topic}") is not in the notebook')
    assert not problems, f"{path.stem}: {'; '.join(problems)}"


def test_a_rebuilt_lesson_has_the_form(path, notebook):
    if form.is_in_new_form(notebook.cells):
        existing = {int(lesson.name[:2]) for lesson in LESSONS}
        problems = form.problems(notebook.cells, int(path.name[:2]), existing)
        if (n_questions := len(read_quiz(path.stem[3:]))) < 6:
            problems.append(f"six questions are asked for in the quiz, there are {n_questions}")
        assert not problems, f"{path.stem}:\n" + "\n".join(problems)


def test_a_negative_control_and_a_common_mistake_are_tagged(path, notebook):
    for tag in ("negative-control", "common-mistake"):
        assert any(tag in tags(cell) for cell in code_cells(notebook)), f"{path.stem}: no {tag} is tagged"
