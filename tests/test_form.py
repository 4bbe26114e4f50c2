"""The rules of tests/form.py fail where they should, on small made-up lessons."""

import form
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)})


def text(source: str) -> NotebookNode:
    return new_markdown_cell(source)


DEEPER = text("## Going deeper")


def lines(n: int) -> str:
    return "\n\n".join(["x = 1"] * n)


def exercise(function: str = "f1", heading: str = "### Exercise · F1 (difficulty {} of 3)") -> list[NotebookNode]:
    difficulty = form.find_exercise("metrics.f1").difficulty
    return [text(heading.format(difficulty)), code(f'@exercise("metrics.f1")\ndef {function}(tp, fp, fn):\n    ...')]


@pytest.mark.parametrize(
    ("cells", "n_problems"),
    [
        ([code(lines(25))], 0),
        ([code(lines(26))], 1),
        ([code("# Draws it\n" + lines(300), "hide-input")], 0),
        ([code(lines(25))] * 10 + [DEEPER] + [code(lines(25))] * 8, 0),
        ([code(lines(25))] * 10 + [code("x"), DEEPER], 1),
        ([code(lines(25))] * 10 + [DEEPER] + [code(lines(25))] * 8 + [code("x")], 1),
        ([code("x = 1", "hide-input")], 1),
    ],
)
def test_lines_that_are_shown_are_counted(cells, n_problems):
    assert len(list(form.length_problems(cells))) == n_problems


def test_an_exercise_is_live_where_a_later_cell_uses_its_function():
    assert [e.name for e in form.exercises(exercise())] == ["metrics.f1"]
    assert form.live_exercises(exercise()) == []
    assert form.live_exercises([code("f1(1, 2, 3)"), *exercise()]) == []
    assert form.live_exercises([*exercise(), text("`f1` is yours"), code("%time\nresult.f1")]) == []
    assert len(form.live_exercises([*exercise(), code("train(loss=f1)")])) == 1


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (exercise(), ""),
        (exercise(heading="**Exercise · F1** (difficulty {} of 3)"), "no heading"),
        (exercise(heading="### Exercise · F1 (difficulty 9{} of 3)"), "no heading"),
        ([exercise()[0], text("More."), exercise()[1]], "no heading"),
        (exercise(heading="### Exercise · F1 (difficulty 3 of 3)"), "says difficulty 3"),
    ],
)
def test_an_exercise_stands_under_its_heading(cells, named):
    found = [problem for problem in form.exercise_problems(cells) if problem.startswith("metrics.f1")]
    assert len(found) == bool(named)
    assert all(named in problem for problem in found)


def test_few_exercises_are_a_problem():
    found = list(form.exercise_problems([*exercise(), code("f1(1, 1, 1)")]))
    assert [problem.partition(" ")[0] for problem in found] == ["8", "4"]


PREDICT, ANSWER = text("> **Predict.** How much?"), text("**Answer.** Three.")


@pytest.mark.parametrize(
    ("cells", "n_problems"),
    [
        ([PREDICT, code("x = 1"), ANSWER], 0),
        ([PREDICT, code("x = 1"), code("# Tests it\nclaim('3', x == 3, x)", "hide-input"), ANSWER], 0),
        ([PREDICT, code("claim('3', x == 3, x)"), ANSWER], 1),
        ([PREDICT, code("hu.show_figure(figure, 'It is three.')"), ANSWER], 1),
        ([PREDICT, text("Now."), code("claim('3', x == 3, x)"), ANSWER], 0),
        ([PREDICT, code("x = 1")], 1),
        ([PREDICT, code("x = 1"), PREDICT, ANSWER], 1),
        ([PREDICT, code("x = 1"), text("**Answer.** Three.\n\n> **Predict.** And now?"), ANSWER], 0),
        ([code("x = 1")], 1),
    ],
)
def test_a_prediction_is_answered_and_not_given_away(cells, n_problems):
    assert len(list(form.prediction_problems(cells))) == n_problems


@pytest.mark.parametrize(
    ("cells", "n_questions", "named"),
    [
        ([text("## An erratum"), code('show_quiz("metrics")')], 6, []),
        ([text("## An error"), code('show_quiz("metrics")')], 6, ["no erratum"]),
        ([text("**Erratum.**"), code('hu.show_quiz("metrics")')], 5, ["6 questions"]),
        ([code("# erratum")], 0, ["no erratum"]),
    ],
)
def test_an_erratum_and_six_questions_are_asked_for(cells, n_questions, named, monkeypatch):
    monkeypatch.setattr(form, "read_quiz", lambda _: [{}] * n_questions)
    assert [problem[: len(start)] for problem, start in zip(form.content_problems(cells), named, strict=True)] == named


HEADINGS = ["## Objectives", "## Parameters", "## Set-up", "## 1 · Why?", "## Recipe", "## Quiz", "## Going deeper",
            "## Common mistakes", "## What to take away", "### Read more"]  # fmt: skip


def test_headings_are_there_and_in_order():
    cells = [text(heading) for heading in HEADINGS]
    assert list(form.order_problems(cells)) == []
    assert len(list(form.order_problems(cells[1:]))) == 1
    assert "not in the order" in next(form.order_problems([cells[1], cells[0], *cells[2:]]))


def test_links_lead_to_lessons_that_exist():
    after = text("Next: [03](03_schedulers.ipynb)")
    assert list(form.forward_references([text("see [00](00_start_here.ipynb)"), after], 1, {0, 1, 3})) == []
    assert len(list(form.forward_references([text("see [02](02_validation.ipynb)"), after], 1, {0, 1, 3}))) == 1
    assert len(list(form.forward_references([after, text("The end")], 1, {0, 1, 3}))) == 1
    assert list(form.forward_references([text("The end")], 3, {0, 1, 3})) == []


def test_a_lesson_is_in_the_new_form_when_it_goes_deeper():
    assert form.is_in_new_form([text("# 00"), DEEPER])
    assert not form.is_in_new_form([text("# 00"), code("'## Going deeper'")])
