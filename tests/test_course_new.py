"""`course new`: a lesson that runs, whose unfinished parts the tests name; whole or nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import CliRunner

from helper_utils.course import cli
from helper_utils.course.commands import new
from helper_utils.course.commands.new import add_lesson
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import read_lesson

ROOT = Path(__file__).parent.parent
README = """# A course

| lesson | what it answers |
|---|---|
| [01 · Metrics](notebooks/01_metrics.ipynb) | Why? |
| [18 · Distillation](notebooks/18_distillation.ipynb) | What? |

The end.
"""
PROFILE = """# Sets of parameters.
01_metrics:
  dataset: mnist
# The last one.
18_distillation:
  dataset: mnist
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The skeleton of a repository with two lessons."""
    for folder in ("notebooks/profiles", "helper_utils/base", "helper_utils/metrics", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("01_metrics", "18_distillation"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}")
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "notebooks" / "profiles" / "full.yaml").write_text(PROFILE)
    (tmp_path / "tests" / "test_plots.py").write_text("")
    return tmp_path


def contents(folder: Path) -> dict[str, str | bool]:
    return {str(path.relative_to(folder)): path.is_file() and path.read_text() for path in folder.rglob("*")}


def test_a_lesson_is_written_in_all_its_places(checkout, capsys):
    before = contents(checkout)
    add_lesson("2", "validation", "Validation", checkout)
    after = contents(checkout)
    assert after.keys() - before.keys() == {
        "notebooks/02_validation.ipynb",
        "helper_utils/validation",
        "helper_utils/validation/__init__.py",
        "helper_utils/validation/experiment.py",
        "helper_utils/validation/exercises.py",
        "helper_utils/validation/quiz.json",
        "tests/test_validation.py",
    }
    assert {name for name in before if before[name] != after[name]} == {"README.md", "notebooks/profiles/full.yaml"}
    shown = capsys.readouterr().out
    assert all(name in shown for name in after.keys() - before.keys() - {"helper_utils/validation"})
    lesson = read_lesson(checkout / "notebooks" / "02_validation.ipynb")
    assert (lesson.title, lesson.quick_time, lesson.full_time) == ("Validation", "5 to 10 s", "20 to 40 s")
    assert {"dataset", "seed", "n_seeds"} <= set(lesson.parameters)


@pytest.mark.parametrize("number", ["0", "02", "17", "22"])
def test_what_is_added_to_the_lists_stands_in_the_order_of_the_numbers(number, checkout):
    add_lesson(number, "weight_decay", "Weight decay", checkout)
    readme = (checkout / "README.md").read_text()
    rows = [line for line in readme.splitlines() if "(notebooks/" in line]
    assert len(rows) == 3
    assert rows == sorted(rows)
    assert "\n".join(line for line in readme.splitlines() if "weight_decay" not in line) + "\n" == README
    profile = (checkout / "notebooks" / "profiles" / "full.yaml").read_text()
    assert list(yaml.safe_load(profile)) == sorted(yaml.safe_load(profile))
    assert len(yaml.safe_load(profile)) == 3
    added = new._rendered("profile.yaml.j2", {"number": number.zfill(2), "topic": "weight_decay"})
    assert profile.replace(added, "") == PROFILE


@pytest.mark.parametrize("topic", ["a", "augmentation_2", "zero_shot", "a_name_with_exactly_30_letters"])
def test_what_is_written_is_in_the_form_that_ruff_asks_for(topic, checkout):
    for name in ("pyproject.toml", "notebooks/ruff.toml"):
        shutil.copy(ROOT / name, checkout / name)
    add_lesson("22", topic, "Café: it's “good”", checkout)
    ours = 'lint.isort.known-first-party = ["helper_utils"]'  # most of the package is not in this skeleton
    for arguments in (["check", "--config", ours], ["format", "--check", "--diff"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--exclude", "0*,18*", "."],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_title_is_taken_as_it_is(checkout):
    title = 'What "good" means: 95 % & {{ more }}'
    add_lesson("22", "baselines", title, checkout)
    assert read_lesson(checkout / "notebooks" / "22_baselines.ipynb").title == title
    assert f"| [22 · {title}](notebooks/22_baselines.ipynb) |" in (checkout / "README.md").read_text()


@pytest.mark.parametrize(
    ("number", "topic", "title", "message"),
    [
        ("18", "baselines", "Baselines", "the number 18 is taken by 18_distillation.ipynb"),
        ("1", "baselines", "Baselines", "the number 01 is taken by 01_metrics.ipynb"),
        ("100", "baselines", "Baselines", "'100' is not the number of a lesson"),
        ("-1", "baselines", "Baselines", "'-1' is not the number of a lesson"),
        ("22.0", "baselines", "Baselines", "'22.0' is not the number of a lesson"),
        ("２２", "baselines", "Baselines", "'２２' is not the number of a lesson"),  # noqa: RUF001 - full-width digits
        ("²", "baselines", "Baselines", "'²' is not the number of a lesson"),
        ("", "baselines", "Baselines", "'' is not the number of a lesson"),
        ("22", "metrics", "Metrics", "the name 'metrics' is taken by notebooks/01_metrics.ipynb"),
        ("22", "base", "Base", "the name 'base' is taken by helper_utils/base"),
        ("22", "plots", "Plots", "the name 'plots' is taken by tests/test_plots.py"),
        ("22", "record", "Records", "the name 'record' is taken by the public function or class helper_utils.record"),
        ("22", "two words", "Two", "'two words' cannot be the topic"),
        ("22", "2nd", "Two", "'2nd' cannot be the topic"),
        ("22", "Baselines", "Baselines", "'Baselines' cannot be the topic"),
        ("22", "../up", "Up", "'../up' cannot be the topic"),
        ("22", "lambda", "Lambda", "'lambda' cannot be the topic"),
        ("22", "grün", "Green", "'grün' cannot be the topic"),
        ("22", "topic\n", "Topic", r"'topic\n' cannot be the topic"),
        ("22", "t" * 31, "Long", "with at most 30 characters"),
        ("22", "baselines", "", "'' cannot be the title"),
        ("22", "baselines", "Two\nlines", r"'Two\nlines' cannot be the title"),
        ("22", "baselines", "A | B", "'A | B' cannot be the title"),
        ("22", "baselines", "<b>", "'<b>' cannot be the title"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(number, topic, title, message, checkout, monkeypatch):
    before = contents(checkout)
    monkeypatch.setattr(new, "CHECKOUT", checkout)
    result = CliRunner().invoke(cli.course, ["new", "--", number, topic, title])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert result.output.count("\n") == 1
    assert contents(checkout) == before


@pytest.mark.parametrize("room", ["course", "data", "teaching", "base"])
def test_the_rooms_of_the_package_are_no_topics(room):
    with pytest.raises(CourseError, match=f"'{room}' is taken by helper_utils/{room}"):
        new._check_topic(room, ROOT)


@pytest.mark.parametrize("missing", ["README.md", "notebooks/profiles/full.yaml", "tests"])
def test_a_folder_that_is_not_a_checkout_is_refused(missing, checkout):
    path = checkout / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = contents(checkout)
    with pytest.raises(CourseError, match=f"is not a checkout of the course, {missing} is missing there"):
        add_lesson("22", "baselines", "Baselines", checkout)
    assert contents(checkout) == before


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("n_written", range(8))
def test_a_failure_in_the_middle_leaves_nothing(n_written, error, checkout, monkeypatch):
    before = contents(checkout)
    written: list[Path] = []
    write_text = new.write_text

    def failing(path: Path, text: str) -> None:
        if len(written) == n_written:
            monkeypatch.setattr(new, "write_text", write_text)
            raise error
        write_text(path, text)
        written.append(path)

    monkeypatch.setattr(new, "write_text", failing)
    expected = CourseError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        add_lesson("22", "baselines", "Baselines", checkout)
    assert contents(checkout) == before


@pytest.mark.parametrize("name", ["README.md", "notebooks/profiles/full.yaml"])
def test_a_list_without_entries_is_named(name, checkout):
    (checkout / name).write_text("Nothing here.\n")
    before = contents(checkout)
    with pytest.raises(CourseError, match=f"{name} has no entry of a lesson"):
        add_lesson("22", "baselines", "Baselines", checkout)
    assert contents(checkout) == before


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository, to which two lessons were added."""
    copy = tmp_path_factory.mktemp("a copy")
    for name in ("helper_utils", "tests", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("README.md", "conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    add_lesson("22", "baselines", "Baselines", copy)
    add_lesson("23", "unfinished", "Unfinished", copy)
    return copy


def in_copy(copy: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the copy, with the copy's package."""
    paths = [str(copy), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_scaffold_runs_and_is_stored(copy):
    result = in_copy(copy, "helper_utils", "refresh", "22")
    assert result.returncode == 0, result.stdout
    notebook = nbformat.read(copy / "notebooks" / "22_baselines.ipynb", as_version=4)
    contents = [
        output.get("metadata", {}).get("helper_utils", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert [content["claim"]["holds"] for content in contents if "claim" in content] == [True, True]
    assert any(cell.metadata.get("jupyter") for cell in notebook.cells)
    result = in_copy(copy, "pytest", "-q", "tests/test_baselines.py")
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
def test_what_is_missing_fails_the_tests_with_its_name(copy):
    path = copy / "notebooks" / "23_unfinished.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "show_quiz(" not in cell.source]
    for cell in notebook.cells:
        cell.metadata = {}
    nbformat.write(notebook, path)
    result = in_copy(copy, "pytest", "-q", "tests/test_notebooks.py", "tests/test_quizzes.py", "-k", "unfinished")
    assert result.returncode == 1
    for part in ("the promise", "the first objective", "the claim of section 1", "the exercises", "the tests"):
        assert f"23_unfinished: {part} is still the scaffold's" in result.stdout
    assert "two exercises are asked for, there is 1" in result.stdout
    assert "fewer than four questions" in result.stdout
    for problem in ("8 exercises are asked for, there are 1", "4 live exercises are asked for"):
        assert problem in result.stdout
    assert 'show_quiz("unfinished") is not in the notebook' in result.stdout
