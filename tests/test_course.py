"""`course list`, `course params` and everything that is checked before a notebook runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from helper_utils.base.checks import MAX_BASE_SEED
from helper_utils.base.seeds import set_seed, spawn_seeds
from helper_utils.course import lessons as lessons_module
from helper_utils.course.cli import course
from helper_utils.course.commands.run import set_parameters
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import find_lessons, notebooks_directory, read_lesson
from helper_utils.course.parameters import (
    Parameter,
    assign_options,
    check_classes,
    check_profile,
    read_parameters,
)

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


def test_a_lesson_tells_how_long_it_takes_to_study_and_to_run(tmp_path):
    introduction = (
        "# 05 · Optimizers\nWhich one?\n\n**Study time:** 60 to 75 min for the core, about 50 min for going deeper. "
        "**Run time:** 6 to 15 s quick, 40 to 90 s full. **Builds on:** 01 (metrics)."
    )
    lesson = read_lesson(write_lesson(tmp_path / "05_optimizers.ipynb", introduction=introduction))
    assert lesson.study_time == "60 to 75 min for the core, about 50 min for going deeper"
    assert (lesson.quick_time, lesson.full_time) == ("6 to 15 s", "40 to 90 s")
    assert (lesson.promise, lesson.builds_on) == ("Which one?", "01 (metrics)")
    listed = call("list", notebooks=tmp_path).output
    assert "Study time: 60 to 75 min" in listed
    assert "Run time: 6 to 15 s quick, 40 to 90 s full" in listed


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


def test_commands_that_read_notebooks_build_no_grammar_of_web_addresses():
    code = "import sys; import helper_utils.course.cli; import nbformat; print('lark' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize("name", ["1", "01", "metrics", "01_metrics", "01_metrics.ipynb", "notebooks/01_metrics.ipynb"])
def test_a_lesson_has_many_names(notebooks, name):
    assert [lesson.name for lesson in find_lessons(notebooks, [name])] == ["01_metrics"]


def test_lessons_are_selected_once_and_in_reading_order(notebooks):
    assert [lesson.number for lesson in find_lessons(notebooks, ["14", "metrics", "1"])] == [1, 14]
    assert [lesson.number for lesson in find_lessons(notebooks)] == [1, 14]


def test_only_the_selected_lessons_are_opened(notebooks, monkeypatch):
    opened = []
    monkeypatch.setattr(lessons_module, "read_lesson", lambda path: opened.append(path.stem))
    find_lessons(notebooks, ["14"])
    assert opened == ["14_optuna_tuning"]


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
    assert "seed: int | None = None\n    from 0 to 4294966\n" in output
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
        ("names", "it's,b", ["it's", "b"]),
        ("names", "pic (1),b", ["pic (1)", "b"]),
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
        ("average", "makro", r"'makro' is not one of macro, micro \("),
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
        (["-p", "lr", "fast"], "parameter 'lr' of 01_metrics: 'fast' is not a number"),
        (["--profile", "full"], "full.yaml: unknown parameter 'epochs' of 14_optuna_tuning"),
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


# Limits


LIMITED = {
    "at least 3": ([3, 4], [2], "below the smallest value, 3"),
    "training images, 64 or more": ([64], [63], "below the smallest value, 64"),
    "hidden layers, from 8 to 40": ([8, 40], [7, 41], "value, "),
    "at most 1,000 of them": ([1000, -5], [1001], "above the largest value, 1,000"),
    "a share above 0 and below 1": ([0.5], [0, 0.0, 1], "not "),
    "from 1e-5 to 0.1": ([1e-5, 0.1], [0, 0.11], "value, "),
    "one of macro, micro or none; see section 3": (["macro", "none"], ["mean"], "not one of macro, micro, none"),
    "at least 8: three poolings need them": ([[8, 9]], [[9, 7]], "7 is below"),
    "how many times more, from small to large": ([0, -1, "x"], [], ""),
}


@pytest.mark.parametrize("comment", LIMITED)
def test_a_limit_in_a_comment_is_checked(comment):
    allowed, refused, words = LIMITED[comment]
    parameter = Parameter("x", "Any", "", comment, "01_metrics")
    for value in allowed:
        assert parameter.convert(value) == value
    for value in refused:
        with pytest.raises(CourseError, match=words):
            parameter.convert(value)


def test_a_broken_limit_names_parameter_lesson_value_and_limit(notebooks):
    write_lesson(notebooks / "04_normalization.ipynb", parameters="n_seeds: int = 6  # runs, at least 3")
    for arguments in (["run", "4", "-p", "n_seeds", "1"], ["sweep", "4", "-p", "n_seeds", "3,1"]):
        result = call(*arguments, notebooks=notebooks)
        assert result.exit_code == 1
        assert result.output == "Error: parameter 'n_seeds' of 04_normalization: 1 is below the smallest value, 3\n"


@pytest.mark.parametrize(("seed", "limit"), [("-1", "smallest value, 0"), ("5000000", "largest value, 4294966")])
def test_a_seed_that_spawn_seeds_cannot_take_is_refused_with_the_given_number(parameters, seed, limit):
    with pytest.raises(CourseError, match=rf"'seed' of 01_metrics: {seed} is \w+ the {limit}"):
        parameters["seed"].convert(seed)


def test_the_largest_seed_is_the_last_one_whose_thousand_runs_can_be_seeded():
    set_seed(spawn_seeds(MAX_BASE_SEED, 1000)[-1])
    with pytest.raises(ValueError, match="seed must be"):
        set_seed(spawn_seeds(MAX_BASE_SEED + 1, 1000)[-1])


@pytest.mark.parametrize("lesson", find_lessons(notebooks_directory()), ids=lambda lesson: lesson.name)
def test_the_defaults_of_the_course_keep_the_limits_of_their_comments(lesson):
    for parameter in lesson.parameters.values():
        parameter.convert(parameter.default_value)
    with pytest.raises(CourseError, match="below the smallest value, 0"):
        lesson.parameters["seed"].convert("-1")


@pytest.fixture
def pictures(tmp_path) -> str:
    for name in ("ant", "bee", "wasp"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "pictures" / name / f"{number}.png").touch()
    return f"folder:{tmp_path / 'pictures'}"


DATASET = 'dataset: str = "digits"  # digits, shapes, or folder:PATH\nunseen: int = 3  # below the number of classes'


@pytest.mark.parametrize("value", ["mnsit", "folder:/no/such/folder", "folder:notebooks"])
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_data_set_that_is_not_there_is_refused_before_anything_runs(notebooks, tmp_path, monkeypatch, value, command):
    monkeypatch.chdir(tmp_path)
    write_lesson(notebooks / "05_optimizers.ipynb", parameters=DATASET)
    result = call(command, "5", "-p", "dataset", value, notebooks=notebooks)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith("Error: parameter 'dataset' of 05_optimizers: ")
    assert value.removeprefix("folder:") in result.output
    assert list(tmp_path.iterdir()) == [notebooks]


def test_a_class_that_the_data_set_does_not_have(pictures):
    parameters = read_parameters(DATASET, "18_distillation")
    check_classes(parameters, {})
    check_classes(parameters, {"unseen": 9})
    check_classes(parameters, {"dataset": pictures, "unseen": 2})
    for values, message in [
        ({"unseen": 10}, "'unseen' of 18_distillation: 10 is not below the number of classes of 'digits', 10"),
        ({"dataset": pictures}, "'unseen' of 18_distillation: 3 is not below the number of classes of .*, 3"),
    ]:
        with pytest.raises(CourseError, match=message):
            check_classes(parameters, values)


def test_the_lessons_of_the_course_state_what_their_data_sets_must_have(pictures):
    refused = [("12", {"fine_dataset": "shaps"}), ("14", {"dataset": "digit"}), ("18", {"unseen_class": "-1"})]
    for number, values in refused:
        (lesson,) = find_lessons(notebooks_directory(), [number])
        with pytest.raises(CourseError, match=rf"of {lesson.name}: "):
            assign_options(list(values.items()), {lesson.name: lesson.parameters})
    (lesson,) = find_lessons(notebooks_directory(), ["18"])
    check_classes(lesson.parameters, {"dataset": pictures, "unseen_class": 3})  # it takes the last class there is


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_run_and_sweep_compare_a_class_with_the_data_set(notebooks, pictures, command):
    write_lesson(notebooks / "18_distillation.ipynb", parameters=DATASET)
    result = call(command, "18", "-p", "dataset", pictures, notebooks=notebooks)
    assert result.exit_code == 1
    assert "3 is not below the number of classes" in result.output


def test_the_profile_names_itself_in_every_error(notebooks):
    (notebooks / "profiles").mkdir()
    for text, message in [
        ("01_metrcs: {lr: 1}", "unknown lesson '01_metrcs': did you mean '01_metrics'?"),
        ("01_metrics: {seed: -3}", "parameter 'seed' of 01_metrics: -3 is below the smallest value, 0"),
        ("1: {}", "unknown lesson 1: known are: 01_metrics, 14_optuna_tuning"),
    ]:
        (notebooks / "profiles" / "full.yaml").write_text(text)
        result = call("run", "--profile", "full", notebooks=notebooks)
        assert result.exit_code == 1
        assert result.output.startswith("Error: the profile ")
        assert result.output.endswith(f"full.yaml: {message}\n")


# Whatever goes wrong: one line, status 1, nothing left behind


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--notebooks", "~nosuchuser/x"],
        ["run", "1", "--output", "~nosuchuser"],
        ["sweep", "1", "-p", "seed", "1", "--output", "~nosuchuser"],
        ["grade", "~nosuchuser"],
        ["release", "~nosuchuser"],
    ],
)
def test_the_home_folder_of_nobody(notebooks, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(course, arguments, env={"HELPER_UTILS_NOTEBOOKS": str(notebooks)})
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "no home folder is known" in result.output
    assert list(tmp_path.iterdir()) == [notebooks]


@pytest.mark.parametrize("number", ["１", "1" * 5000, "²", "٣"])  # noqa: RUF001 - digits of other scripts
def test_only_our_digits_make_the_number_of_a_lesson(notebooks, tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    result = call("run", number, notebooks=notebooks)
    assert result.exit_code == 1
    assert result.output.startswith("Error: unknown lesson ")
    assert len(result.output) < 200
    assert list(tmp_path.iterdir()) == [notebooks]


@pytest.mark.parametrize(
    "arguments", [["run", "1", "-p", "dataset", "\udcff"], ["grade", "\udcff"], ["list", "\udcff"]]
)
def test_arguments_that_are_not_utf_8_are_refused_at_once(notebooks, arguments):
    result = call(*arguments, notebooks=notebooks)
    assert result.exit_code == 1
    assert result.output == "Error: a name or a text is not valid UTF-8: '\\udcff'\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "is not a notebook"),
        ('{"cells": ' + "[" * 100_000 + "]" * 100_000 + "}", "is not a notebook"),
        ('{"nbformat": 3, "metadata": {}, "worksheets": [{"cells": []}]}', "save it again with Jupyter"),
    ],
    ids=["deep", "deep cells", "format 3"],
)
@pytest.mark.parametrize("command", ["params", "sweep", "release", "refresh"])
def test_files_that_no_command_can_use(notebooks, tmp_path, monkeypatch, content, message, command):
    monkeypatch.chdir(tmp_path)
    (notebooks / "02_validation.ipynb").write_text(content)
    assert message in call("list", notebooks=notebooks).output
    assert call("progress", notebooks=notebooks).exit_code == 0
    arguments = {"params": ["2"], "sweep": ["2", "-p", "seed", "1"], "release": ["class", "2"], "refresh": []}[command]
    result = call(command, *arguments, notebooks=notebooks)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert message in result.output
    assert list(tmp_path.iterdir()) == [notebooks]


def test_tags_that_are_null(notebooks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_lesson(notebooks / "01_metrics.ipynb")
    path.write_text(path.read_text(encoding="utf-8").replace('"metadata": {}', '"metadata": {"tags": null}', 1))
    for command in (["params", "1"], ["run"], ["sweep", "1", "-p", "seed", "1"], ["refresh"]):
        result = call(*command, notebooks=notebooks)
        assert result.exit_code == 1
        assert result.output == "Error: 01_metrics.ipynb: the tags of cell 1 are None, not a list: remove them\n"
    for command in (["list"], ["progress"], ["release", "class"]):
        assert call(*command, notebooks=notebooks).exit_code == 0


def test_seconds_that_are_no_number_are_refused(notebooks):
    result = call("run", "1", "--timeout", "nan", notebooks=notebooks)
    assert result.exit_code == 1
    assert result.output == "Error: --timeout nan: expected a number of seconds, or inf for no limit\n"


@pytest.mark.parametrize(("text", "seconds"), [("inf", 1e9), ("0.5", 0.5)])
def test_infinite_seconds_are_no_limit_and_a_number_that_timers_can_take(notebooks, monkeypatch, text, seconds):
    given = []
    monkeypatch.setattr(
        "helper_utils.course.commands.run.run_lessons", lambda *_, **options: given.append(options["timeout"])
    )
    assert call("run", "--timeout", text, notebooks=notebooks).exit_code == 0
    assert given == [seconds]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (OSError(28, "No space left on device", "x.json"), 1, "Error: No space left on device: x.json\n"),
        (FileNotFoundError(2, "No such file or directory"), 1, "Error: the current directory does not exist any more"),
        (
            UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "no"),
            1,
            "Error: a name or a text is not valid UTF-8: 'a\\udcff'",
        ),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_wrong_outside_a_command_is_one_line(notebooks, monkeypatch, error, status, line):
    def fail(*_):
        raise error

    monkeypatch.setattr("helper_utils.course.commands.progress.show_progress", fail)
    result = call("progress", notebooks=notebooks)
    assert result.exit_code == status
    assert result.output.startswith(line)
    assert result.output.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["list", "params 1", "run 1", "sweep 1 -p seed 1", "progress", "--help"])
def test_an_output_that_cannot_be_written(notebooks, tmp_path, output, command):
    result = in_shell(f"{command} {output}", notebooks, tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: the standard output cannot be written: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [notebooks]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
@pytest.mark.parametrize("command", ["run 1", "sweep 1 -p seed 1", "release class"])
def test_a_current_directory_that_is_deleted(notebooks, tmp_path, command):
    (tmp_path / "gone").mkdir()
    result = in_shell(command, notebooks, tmp_path / "gone", before='rmdir "$PWD"')
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith("the current directory does not exist any more; change to another one\n")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [notebooks]


def in_shell(command: str, notebooks: Path, folder: Path, before: str = "true") -> subprocess.CompletedProcess[str]:
    code = "import sys; from helper_utils.course.cli import main; main()"
    environment = os.environ | {
        "HELPER_UTILS_NOTEBOOKS": str(notebooks),
        "HELPER_UTILS_PROGRESS": str(notebooks / "progress"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    return subprocess.run(
        ["/bin/sh", "-c", f"{before}; exec \"{sys.executable}\" -c '{code}' {command}"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
