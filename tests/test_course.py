"""`course list`, `course params` and everything that is checked before a notebook runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from helper_utils.course import lessons as lessons_module
from helper_utils.course.cli import course
from helper_utils.course.commands.run import set_parameters
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import find_lessons, notebooks_directory, read_lesson, select_lessons
from helper_utils.course.parameters import Parameter, assign_options, check_profile, read_parameters

INTRODUCTION = """# 01 · How good is it?

Shows what accuracy
hides.

**Time:** 15 s quick, 2 min full. **Builds on:** 00.
"""
OBJECTIVES = """## Objectives

- Compute precision
  from counts
- Explain recall
"""
PARAMETERS = """from typing import Literal

# The data
dataset: str = "digits"  # which data set
n_epochs: int = 3  # passes over the data
lr: float = 1e-3  # step size
pretrained: bool = False
widths: list[int] = [16, 32]  # filters of each layer
size: tuple[int, int] = (8, 8)
seed: int | None = None
average: Literal["macro", "micro"] = "macro"
names: list[str] = []
plain = 2  # no annotation
many: list = []
"""


def write_lesson(path: Path, *, introduction: str = INTRODUCTION, parameters: str = PARAMETERS) -> Path:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": introduction.splitlines(keepends=True)},
        {"cell_type": "markdown", "metadata": {}, "source": OBJECTIVES},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters, "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": "print(lr)", "outputs": []},
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


@pytest.fixture
def notebooks(tmp_path) -> Path:
    folder = tmp_path / "my notebooks"
    folder.mkdir()
    write_lesson(folder / "01_metrics.ipynb")
    write_lesson(folder / "14_optuna_tuning.ipynb", parameters="n_trials: int = 10  # how many")
    (folder / "Untitled.ipynb").write_text("{}")
    return folder


@pytest.fixture
def parameters() -> dict[str, Parameter]:
    return read_parameters(PARAMETERS, "01_metrics")


def call(*arguments: str, notebooks: Path) -> Result:
    return CliRunner().invoke(course, [*arguments, "--notebooks", str(notebooks)])


# Lessons


def test_a_lesson_tells_what_its_first_cells_say(notebooks):
    lesson = find_lessons(notebooks)[0]
    assert (lesson.number, lesson.topic, lesson.title) == (1, "metrics", "How good is it?")
    assert lesson.promise == "Shows what accuracy hides."
    assert (lesson.quick_time, lesson.full_time, lesson.builds_on) == ("15 s", "2 min", "00")
    assert lesson.objectives == ["Compute precision from counts", "Explain recall"]


def test_a_lesson_without_any_of_it_is_listed_with_what_is_there(tmp_path):
    write_lesson(tmp_path / "03_schedulers.ipynb", introduction="Some text.", parameters="")
    lesson = find_lessons(tmp_path)[0]
    assert (lesson.title, lesson.quick_time, lesson.full_time, lesson.builds_on) == ("schedulers", "", "", "")
    assert "03_schedulers" in call("list", notebooks=tmp_path).output


def test_a_number_in_the_title_is_only_taken_off_at_its_start(tmp_path):
    path = write_lesson(tmp_path / "07_gradient_clipping.ipynb", introduction="# 07: Clip at norm 1")
    assert read_lesson(path).title == "Clip at norm 1"


def test_list_shows_lessons_in_order(notebooks):
    output = call("list", notebooks=notebooks).output
    assert output.index("01_metrics  How good is it?") < output.index("14_optuna_tuning")
    for text in ("15 s quick, 2 min full", "- Explain recall", "Builds on: 00"):
        assert text in output
    assert "Untitled" not in output


def test_list_starts_without_torch_papermill_and_pandas(notebooks):
    code = (
        "import sys; from helper_utils.course.cli import course; course(['list'], standalone_mode=False); "
        "print(sorted({'torch', 'papermill', 'nbconvert', 'nbformat', 'pandas', 'IPython'} & set(sys.modules)))"
    )
    environment = {"HELPER_UTILS_NOTEBOOKS": str(notebooks), "PYTHONPATH": str(Path(__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    assert answer.stdout.splitlines()[-1] == "[]"
    assert "01_metrics" in answer.stdout


@pytest.mark.parametrize("name", ["1", "01", "metrics", "01_metrics", "01_metrics.ipynb", "notebooks/01_metrics.ipynb"])
def test_a_lesson_has_many_names(notebooks, name):
    assert [lesson.name for lesson in select_lessons(find_lessons(notebooks), [name])] == ["01_metrics"]


def test_lessons_are_selected_once_and_in_reading_order(notebooks):
    lessons = find_lessons(notebooks)
    assert [lesson.number for lesson in select_lessons(lessons, ["14", "metrics", "1"])] == [1, 14]
    assert select_lessons(lessons, []) == lessons


@pytest.mark.parametrize(("name", "hint"), [("metrcs", "did you mean 'metrics'?"), ("3", "known are: 01, 14")])
def test_an_unknown_lesson_suggests_a_known_one(notebooks, name, hint):
    for command in ("run", "params"):
        result = call(command, name, notebooks=notebooks)
        assert result.exit_code == 1
        assert result.output == f"Error: unknown lesson {name!r}: {hint}\n"


def test_the_folder_of_the_notebooks_is_found(notebooks, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons_module, "CHECKOUT", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match="name one with --notebooks DIR"):
        notebooks_directory()
    (tmp_path / "notebooks").mkdir()
    assert notebooks_directory() == tmp_path / "notebooks"
    with pytest.raises(CourseError, match="holds no lessons"):
        find_lessons(notebooks_directory())
    with pytest.raises(CourseError, match="not a folder"):
        notebooks_directory(tmp_path / "missing")
    assert "01_metrics" in CliRunner().invoke(course, ["list"], env={"HELPER_UTILS_NOTEBOOKS": str(notebooks)}).output


@pytest.mark.parametrize(
    "content",
    [
        "{ no JSON",
        "[]",
        "{}",
        '{"cells": [3]}',
        '{"cells": [{"source": 3}]}',
        '{"cells": [{"metadata": null}]}',
        "\xff",
    ],
)
def test_a_file_that_is_no_notebook_is_listed_with_the_reason(notebooks, content):
    (notebooks / "02_validation.ipynb").write_bytes(content.encode("latin-1"))
    result = call("list", notebooks=notebooks)
    assert result.exit_code == 0
    assert "02_validation.ipynb" in result.output
    assert "14_optuna_tuning" in result.output
    assert call("params", "2", notebooks=notebooks).exit_code == 1


# Parameters


def test_params_shows_type_default_and_help(notebooks):
    output = call("params", "metrics", notebooks=notebooks).output
    assert "lr: float = 1e-3\n    step size\n" in output
    assert "seed: int | None = None\n" in output
    assert "plain: int = 2\n    no annotation\n" in output


def test_params_says_when_there_are_none(tmp_path):
    write_lesson(tmp_path / "00_start.ipynb", parameters="")
    assert call("params", "0", notebooks=tmp_path).output == "00_start has no parameters\n"


def test_a_parameters_cell_that_is_not_python_is_an_error(tmp_path):
    write_lesson(tmp_path / "01_metrics.ipynb", parameters="lr: float = ")
    result = call("run", "1", "-p", "lr", "1", notebooks=tmp_path)
    assert result.exit_code == 1
    assert "the parameters cell of 01_metrics is not valid Python" in result.output


def test_a_default_over_several_lines_keeps_the_comment_behind_it():
    parameter = read_parameters("widths: list[int] = [\n  16,\n  32,\n]  # filters", "01")["widths"]
    assert parameter.default_value == [16, 32]
    assert parameter.help == "filters"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dataset", "mnist", "mnist"),
        ("dataset", "007", "007"),
        ("n_epochs", "007", 7),
        ("n_epochs", "-1", -1),
        ("lr", "1e-3", 0.001),
        ("lr", "1", 1.0),
        ("pretrained", "yes", True),
        ("pretrained", "True", True),
        ("pretrained", "0", False),
        ("widths", "3,4", [3, 4]),
        ("widths", "3", [3]),
        ("widths", "[3, 4]", [3, 4]),
        ("widths", "[]", []),
        ("names", "a, b", ["a", "b"]),
        ("names", "['a', 'b,c']", ["a", "b,c"]),
        ("names", "[a, b]", ["a", "b"]),
        ("names", "3,4", ["3", "4"]),
        ("names", "'a,b'", ["a,b"]),
        ("many", "[1, x]", [1, "x"]),
        ("size", "3,4", (3, 4)),
        ("size", "(3, 4)", (3, 4)),
        ("seed", "none", None),
        ("seed", "5", 5),
        ("average", "micro", "micro"),
        ("plain", "5", 5),
    ],
)
def test_texts_become_values_of_the_annotated_type(parameters, name, text, value):
    converted = parameters[name].convert(text)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n_epochs", "3.5", "a whole number"),
        ("n_epochs", "1e3", "a whole number"),
        ("lr", "fast", "a number"),
        ("lr", "nan", "a number"),
        ("pretrained", "maybe", "true or false"),
        ("widths", "3,x", "a whole number"),
        ("widths", "3,,4", "a whole number"),
        ("widths", "", r"write an empty one as \[\]"),
        ("size", "3,4,5", "2 values"),
        ("seed", "x", "a whole number, such as 3 or none"),
        ("average", "makro", "did you mean 'macro'"),
        ("plain", "x", "a whole number"),
    ],
)
def test_a_text_that_does_not_fit_says_what_was_expected(parameters, name, text, expected):
    with pytest.raises(CourseError, match=expected) as caught:
        parameters[name].convert(text)
    assert repr(name) in caught.value.message
    assert repr(text) in caught.value.message


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.lists(st.integers(), min_size=1)))
def test_whatever_python_writes_is_read_back(value):
    annotation = "list[int]" if isinstance(value, list) else type(value).__name__
    assert Parameter("x", annotation, "").convert(str(value)) == value


@given(st.text())
def test_a_text_parameter_takes_any_text_as_it_is(text):
    assert Parameter("x", "str", "").convert(text) == text


@given(st.text(), st.sampled_from(["int", "float", "bool", "list[float]", "tuple[int, ...]", "int | None", "dict"]))
def test_no_text_leads_to_anything_but_a_value_or_a_clear_error(text, annotation):
    try:
        Parameter("x", annotation, "").convert(text)
    except CourseError as error:
        assert "'x'" in error.message  # noqa: PT017 (either outcome is right)


def test_options_go_to_the_lessons_that_have_them():
    lessons = {
        "01": read_parameters("lr: float = 0.1\nseed: int = 1", "01"),
        "02": read_parameters("seed: int = 1", "02"),
    }
    assert assign_options([("lr", "1"), ("seed", "3"), ("seed", "4")], lessons) == {
        "01": {"lr": 1.0, "seed": 4},
        "02": {"seed": 4},
    }
    with pytest.raises(CourseError, match="unknown parameter 'sed': did you mean 'seed'"):
        assign_options([("sed", "3")], lessons)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "lrr", "1"], "unknown parameter 'lrr': did you mean 'lr'?"),
        (["-p", "lr", "fast"], "parameter 'lr': 'fast' is not a number"),
        (["--profile", "full"], "the profile sets an unknown parameter 'epochs' of 14_optuna_tuning"),
    ],
)
def test_nothing_runs_when_a_parameter_is_wrong(notebooks, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (notebooks / "profiles").mkdir()
    (notebooks / "profiles" / "full.yaml").write_text("14_optuna_tuning: {epochs: 3}")
    result = call("run", *arguments, notebooks=notebooks)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "runs").exists()


def test_options_win_over_the_profile(notebooks):
    (notebooks / "profiles").mkdir()
    (notebooks / "profiles" / "full.yaml").write_text("01_metrics:\n  dataset: mnist\n  lr: 1e-2\n  size: [3, 4]\n")
    values = set_parameters(find_lessons(notebooks), notebooks, [("dataset", "shapes")], "full")
    assert values == {"01_metrics": {"dataset": "shapes", "lr": 0.01, "size": (3, 4)}, "14_optuna_tuning": {}}


@pytest.mark.parametrize(
    ("values", "message"), [({"lr": True}, "a number"), ({"dataset": 3}, "a text"), ({"n_epochs": 2.0}, "whole")]
)
def test_typed_values_of_a_profile_are_checked_too(parameters, values, message):
    with pytest.raises(CourseError, match=message):
        check_profile({"01_metrics": values}, "01_metrics", parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "No such file"), ("a: [", "not valid YAML"), ("[1]", "map"), ("01_metrics: 3", "not a set")],
)
def test_a_profile_that_cannot_be_used_is_an_error(notebooks, text, message):
    if text is not None:
        (notebooks / "profiles").mkdir()
        (notebooks / "profiles" / "full.yaml").write_text(text)
    result = call("run", "1", "--profile", "full", notebooks=notebooks)
    assert result.exit_code == 1
    assert message in result.output


def test_the_full_profile_of_the_course_fits_its_lessons():
    directory = Path(__file__).parents[1] / "notebooks"
    lessons = find_lessons(directory)
    profile = yaml.safe_load((directory / "profiles" / "full.yaml").read_text(encoding="utf-8"))
    assert set(profile) <= {lesson.name for lesson in lessons}
    values = set_parameters(lessons, directory, [], "full")
    assert {name: set(values[name]) for name in profile} == {name: set(profile[name]) for name in profile}


def test_results_are_never_overwritten(notebooks, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()
    for output in (tmp_path / "old", tmp_path / "old" / "file"):
        result = call("run", "1", "--output", str(output), notebooks=notebooks)
        assert result.exit_code == 1
        assert result.output.startswith("Error:")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["file"]
