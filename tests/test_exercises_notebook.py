"""What a learner sees in a notebook, and what is kept of it."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console

from helper_utils.course.commands.progress import show_progress
from helper_utils.course.lessons import exercise_names, find_lessons
from helper_utils.teaching import exercise, find_exercise, hint, notebook, show_answer, use_my_answer
from helper_utils.teaching.progress import ENVIRONMENT_VARIABLE, progress_directory, read_progress, save_verdict
from helper_utils.teaching.registry import UnknownExerciseError


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    """The outputs that are displayed: (data, metadata)."""
    outputs = []

    def display(data: dict, *, raw: bool, metadata: dict) -> None:
        assert raw
        outputs.append((data, metadata))

    monkeypatch.setattr(notebook, "display", display)
    monkeypatch.setattr(notebook, "_n_hints", {})
    monkeypatch.setattr(notebook, "_latest", [])
    monkeypatch.setattr(notebook, "_own", {})
    return outputs


@pytest.fixture(autouse=True)
def progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "a folder" / "progress"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(folder))
    return folder


def right(tp, fp, fn):
    return 2 * tp / max(2 * tp + fp + fn, 1)


def wrong(tp, fp, fn):
    return tp / max(tp + fp + fn, 1)


def untouched(tp, fp, fn): ...


# --------------------------------------------------------------------------------------------------- the decorator


@pytest.mark.parametrize(
    ("function", "verdict", "misconception", "start"),
    [
        (untouched, "not attempted", None, "○ Not attempted: Replace the dots"),
        (wrong, "wrong", "intersection_over_union", "✘ Not yet right: That is TP over everything"),
        (right, "right", None, "✔ Right: From three counts"),
    ],
)
def test_the_verdict_is_shown_and_kept(shown, function, verdict, misconception, start):
    exercise("metrics.f1")(function)
    [(data, metadata)] = shown
    assert data["text/plain"].startswith(start)
    kept = {"name": "metrics.f1", "verdict": verdict, "misconception": misconception}
    assert metadata == {"helper_utils": {"exercise": kept}}


def test_the_evidence_is_a_table(shown):
    exercise("metrics.f1")(wrong)
    [(data, _)] = shown
    assert data["text/plain"].splitlines()[1:] == [
        "    input     tp = 1, fp = 1, fn = 0",
        "    expected  0.6667",
        "    got       0.5",
        "The course's answer runs until yours is right.",
    ]
    assert data["text/html"].count('<th scope="row"') == 3


def test_what_a_learner_writes_is_no_markup(shown):
    def f1(tp, fp, fn):  # noqa: ARG001
        raise ValueError("<script>a & b</script>")

    exercise("metrics.f1")(f1)
    assert "&lt;script&gt;a &amp; b" in shown[0][0]["text/html"]
    assert "<script>" not in shown[0][0]["text/html"]


def test_an_unattempted_exercise_does_not_raise_in_strict_mode(shown, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_STRICT", "1")
    for function in (untouched, wrong):
        exercise("metrics.f1")(function)
    assert len(shown) == 2


def test_an_unknown_name_is_an_error_before_the_function_is_looked_at(shown):
    with pytest.raises(UnknownExerciseError, match=r"metrics\.f1"):
        exercise("metrics.f11")
    assert shown == []


# ------------------------------------------------------------------------------------- what runs in the cells below


def test_a_right_function_runs_and_until_then_the_courses_answer_does(shown):
    answer = find_exercise("metrics.f1").answer
    assert [exercise("metrics.f1")(function) for function in (untouched, wrong, right)] == [answer, answer, right]
    runs = [data["text/plain"].splitlines()[-1] for data, _ in shown]
    assert runs == [*["The course's answer runs until yours is right."] * 2, "Your function runs from here on."]


def in_a_notebook(body: str) -> str:
    return f'@exercise("metrics.f1")\ndef f1(tp, fp, fn):\n    {body}\n'


def test_what_the_learner_changes_takes_effect_below(shown):
    cells = {"untouched": in_a_notebook("..."), "wrong": in_a_notebook("return tp / max(tp + fp + fn, 1)"),
             "right": in_a_notebook("return 2 * tp / max(2 * tp + fp + fn, 1)")}  # fmt: skip
    names: dict[str, Any] = {"exercise": exercise}
    answers = []
    for state in ("untouched", "wrong", "right", "wrong"):
        exec(cells[state], names)  # noqa: S102 - cells of a notebook
        answers.append(names["f1"](1, 1, 0))
    assert answers == [pytest.approx(2 / 3)] * 4
    use_my_answer()
    assert names["f1"](1, 1, 0) == 0.5
    assert shown[-1][0]["text/plain"].startswith("➜ In use: your function for `metrics.f1`")
    exec(cells["untouched"], names)  # noqa: S102
    assert names["f1"](1, 1, 0) == pytest.approx(2 / 3)


def test_a_function_of_another_name_runs_under_the_name_of_the_exercise(shown):  # noqa: ARG001
    names: dict[str, Any] = {"exercise": exercise}
    exec(in_a_notebook("return 2 * tp / max(2 * tp + fp + fn, 1)").replace("def f1", "def mine"), names)  # noqa: S102
    assert names["f1"] is names["mine"]
    exec(in_a_notebook("return mine(tp, fp, fn) if fn > 9 else 0.5").replace("def f1", "def mine"), names)  # noqa: S102
    assert names["f1"] is names["mine"] is find_exercise("metrics.f1").answer
    use_my_answer()
    assert names["f1"](1, 1, 1) == names["mine"](1, 1, 1) == 0.5


def test_there_must_be_an_answer_to_put_to_work(shown):  # noqa: ARG001
    with pytest.raises(ValueError, match=r"write your function for metrics\.f1 and run its cell first"):
        use_my_answer("metrics.f1")
    exercise("metrics.f1")(wrong)
    exercise("metrics.f1")(untouched)  # the learner has taken it out again
    with pytest.raises(ValueError, match=r"write your function for metrics\.f1"):
        use_my_answer()
    with pytest.raises(UnknownExerciseError):
        use_my_answer("metrics.f11")


# ------------------------------------------------------------------------------------------------ hints and answers


def test_hints_and_an_answer_stand_folded_below_each_verdict(shown):
    found = find_exercise("metrics.f1")
    for function in (untouched, wrong, right):
        exercise("metrics.f1")(function)
    for data, _ in shown:
        page = data["text/html"]
        assert page.count("<details>") == page.count("</details>") == len(found.hints) + 1
        assert re.findall(r"<summary>(.*?)</summary>", page)[0] == f"Hint 1 of {len(found.hints)}"
        assert html.escape(found.answer_source) in page
        assert found.answer_source not in data["text/plain"]


def test_each_call_gives_one_more_hint(shown):
    hints = find_exercise("metrics.f1").hints
    for _ in range(len(hints) + 1):
        hint("metrics.f1")
    texts = [data["text/plain"] for data, _ in shown]
    plain = [text.replace("`", "") for text in hints]
    for n_shown, text in enumerate(texts[:-1], start=1):
        assert [one in text.replace("`", "") for one in plain] == [i < n_shown for i in range(len(hints))]
    assert texts[-1] == texts[-2]
    assert 'show_answer("metrics.f1")' in texts[-1]
    assert "show_answer" not in texts[0]


def test_without_a_name_the_exercise_that_was_checked_last_is_meant(shown):
    with pytest.raises(ValueError, match="run the cell of an exercise first"):
        hint()
    exercise("metrics.f1")(untouched)
    hint()
    show_answer()
    assert find_exercise("metrics.f1").hints[0] in shown[1][0]["text/plain"]
    assert find_exercise("metrics.f1").answer_source in shown[2][0]["text/plain"]


# --------------------------------------------------------------------------------------------------------- progress


def test_progress_is_kept_and_what_was_right_stays_right(shown, progress):
    exercise("metrics.f1")(untouched)
    assert not progress.exists()
    exercise("metrics.f1")(wrong)
    assert read_progress() == {"metrics.f1": "tried"}
    exercise("metrics.f1")(right)
    exercise("metrics.f1")(wrong)
    save_verdict("metrics.roc_point", "wrong")
    assert read_progress() == {"metrics.f1": "right", "metrics.roc_point": "tried"}
    assert "progress" not in shown[-1][0]["text/plain"]


def test_nothing_is_kept_where_it_is_off(monkeypatch, shown, progress):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "off")
    exercise("metrics.f1")(right)
    assert len(shown) == 1
    assert not progress.exists()
    assert (progress_directory(), read_progress()) == (None, {})


def test_by_default_progress_is_with_the_users_data(monkeypatch, tmp_path):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    assert progress_directory() == tmp_path / "helper_utils" / "progress"


def test_progress_that_cannot_be_written_is_said_and_the_verdict_is_shown(shown, progress):
    progress.parent.mkdir()
    progress.write_text("a file where the folder should be")
    exercise("metrics.f1")(right)
    [(data, _)] = shown
    assert data["text/plain"].startswith("✔ Right")
    assert "your progress could not be saved in" in data["text/plain"]
    assert read_progress() == {}


def test_other_files_in_the_folder_do_no_harm(progress):
    save_verdict("metrics.f1", "right")
    (progress / ".DS_Store").touch()
    (progress / "metrics.f1.txt").touch()
    assert read_progress() == {"metrics.f1": "right"}


def test_two_processes_keep_each_others_entries(progress):
    code = (
        "import sys\nfrom helper_utils.teaching.progress import save_verdict\n"
        "for i in range(50): save_verdict(f'{sys.argv[1]}.e{i}', 'right')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(read_progress()) == 100
    assert progress.is_dir()


# -------------------------------------------------------------------------------------------------- course progress


def lesson_folder(folder: Path, **cells: list[str]) -> Path:
    folder.mkdir()
    for name, sources in cells.items():
        contents = [nbformat.v4.new_markdown_cell("# A title"), *map(nbformat.v4.new_code_cell, sources)]
        nbformat.write(nbformat.v4.new_notebook(cells=contents), folder / f"{name.removeprefix('n')}.ipynb")
    return folder


def page(lessons) -> str:
    console = Console(width=100, force_terminal=False)
    with console.capture() as captured:
        show_progress(lessons, console)
    return captured.get()


@pytest.fixture
def lessons(tmp_path):
    both = (
        '@exercise("metrics.f1")\ndef f1(a):\n    ...\n\n@helper_utils.exercise("metrics.roc_point")\ndef g():\n    ...'
    )
    other = "%timeit 1", '# @exercise("metrics.no")', '@exercise("start_here.accuracy")\ndef h():\n    ...'
    return find_lessons(lesson_folder(tmp_path / "notebooks", n01_one=[both], n02_two=list(other), n03_none=["1"]))


def test_the_exercises_of_a_lesson_are_found_in_its_notebook(lessons):
    names = [["metrics.f1", "metrics.roc_point"], ["start_here.accuracy"], []]
    assert [exercise_names(lesson) for lesson in lessons] == names


def test_the_picture_shows_marks_and_words(lessons):
    assert "○○" in page(lessons)
    assert "0 of 3 exercises are right (3 open)." in page(lessons)
    assert "Start with 01_one.ipynb" in page(lessons)
    save_verdict("metrics.roc_point", "wrong")
    save_verdict("metrics.f1", "right")
    save_verdict("gone.exercise", "right")
    lines = page(lessons).splitlines()
    assert lines[0].split() == ["01_one", "A", "title", "●◐", "1", "right,", "1", "tried"]
    assert lines[2].rstrip().endswith("no exercises")
    assert "1 of 3 exercises are right (1 right, 1 tried, 1 open)." in lines
    assert "Go on with 01_one.ipynb" in page(lessons)
    for name in ("metrics.roc_point", "start_here.accuracy"):
        save_verdict(name, "right")
    assert "All of them: well done." in page(lessons)


def test_without_exercises_or_progress_the_page_says_so(lessons, monkeypatch):
    assert page(lessons[2:]) == "These lessons have no exercises.\n"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "off")
    assert "Nothing is kept" in page(lessons)


# ---------------------------------------------------------------------------------------------------- in a real kernel


def test_importing_what_the_course_reads_is_cheap():
    code = (
        "import sys, helper_utils.course.commands.progress, helper_utils.teaching.notebook\n"
        "import json; print(json.dumps([n for n in ('torch', 'pandas', 'sklearn', 'matplotlib') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.slow
def test_a_loop_in_a_notebook_ends_and_the_kernel_goes_on(progress):
    sources = [
        "from helper_utils.teaching import exercise",
        '@exercise("metrics.f1")\ndef f1(tp, fp, fn):\n    while True:\n        print(tp)',
        # A function that calls itself must not meet the older one of its name.
        '@exercise("metrics.f1")\ndef f1(tp, fp, fn, again=True):\n'
        "    return f1(tp, fp, fn, False) if again else 2 * tp / max(2 * tp + fp + fn, 1)",
        "f1(1, 1, 0)",
    ]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    NotebookClient(notebook, timeout=60).execute()
    texts = [[output.data["text/plain"] for output in cell.outputs] for cell in notebook.cells]
    assert texts[0] == []
    assert "did not finish within 5 seconds" in texts[1][0]
    assert texts[2][0].startswith("✔ Right")
    assert texts[3] == ["0.6666666666666666"]
    assert {path.name for path in progress.iterdir()} == {"metrics.f1.tried", "metrics.f1.right"}


@pytest.mark.slow
def test_a_wrong_name_is_told_in_one_line(progress):  # noqa: ARG001
    sources = ['from helper_utils import hint\nhint("metrics")', "hint(hint)", "hint()"]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    NotebookClient(notebook, timeout=60, allow_errors=True).execute()
    errors = [output.traceback for cell in notebook.cells for output in cell.outputs]
    assert [len(lines) for lines in errors] == [1, 1, 1]
    names = [lines[0].partition(":")[0] for lines in errors]
    assert names == ["UnknownExerciseError", "NotANameError", "NoAnswerError"]


@pytest.mark.parametrize("function", [exercise, hint, show_answer, use_my_answer])
def test_a_function_for_the_name_is_refused_with_advice(function):
    with pytest.raises(TypeError, match="name of the exercise as a text"):
        function(print)
