"""Every exercise, checked: the untouched cell, the right answers, and each wrong answer with its own hint."""

import pytest
from cells import check_cell

from helper_utils.course.lessons import exercise_names, find_lessons, notebooks_directory, source
from helper_utils.teaching import Exercise, check, find_exercise
from helper_utils.teaching.registry import UnknownExerciseError, exercises_of, topics

EXERCISES = [exercise for topic in topics() for exercise in exercises_of(topic)]
RIGHT_ANSWERS = [(exercise, right) for exercise in EXERCISES for right in exercise.right_answers]
WRONG_ANSWERS = [(exercise, wrong) for exercise in EXERCISES for wrong in exercise.wrong_answers]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
each_right_answer = pytest.mark.parametrize(
    ("exercise", "right"), RIGHT_ANSWERS, ids=[f"{e.name}-{right.__name__}" for e, right in RIGHT_ANSWERS]
)
each_wrong_answer = pytest.mark.parametrize(
    ("exercise", "wrong"), WRONG_ANSWERS, ids=[f"{e.name}-{w.misconception}" for e, w in WRONG_ANSWERS]
)


def test_the_topics_are_the_files_with_exercises():
    assert {"metrics", "start_here"} <= set(topics())
    assert "checking" not in topics()


@pytest.mark.parametrize("topic", topics())
def test_names_are_those_of_topic_and_function_and_differ(topic):
    names = [exercise.name for exercise in exercises_of(topic)]
    assert names == [f"{topic}.{exercise.answer.__name__}" for exercise in exercises_of(topic)]
    assert len(set(names)) == len(names) >= 2
    functions = [wrong.function for exercise in exercises_of(topic) for wrong in exercise.wrong_answers]
    functions += [right for exercise in exercises_of(topic) for right in exercise.right_answers]
    assert len({function.__name__ for function in functions}) == len(functions)


@each_exercise
def test_an_exercise_is_complete(exercise: Exercise):
    assert exercise.difficulty in (1, 2, 3)
    assert len(exercise.hints) >= 2
    texts = [*exercise.hints, *(wrong.hint for wrong in exercise.wrong_answers), exercise.praise]
    assert len(set(texts)) == len(texts)
    for text in (*texts, exercise.prompt):
        assert text.strip() == text != ""
        assert text.endswith(".")


@each_exercise
def test_an_exercise_knows_other_right_answers_and_many_wrong_ones(exercise: Exercise):
    assert len(exercise.wrong_answers) >= 6
    assert len(exercise.right_answers) >= 2
    bodies = [function.__code__.co_code for function in (exercise.answer, *exercise.right_answers)]
    assert len(set(bodies)) == len(bodies)  # written in another way


@each_exercise
def test_the_untouched_cell_is_not_attempted(exercise: Exercise):
    assert check_cell(exercise.name, exercise.cell).verdict == "not attempted"


@each_exercise
def test_the_reference_answer_is_right(exercise: Exercise):
    verdict = check(exercise, exercise.answer)
    assert (verdict.verdict, verdict.message, verdict.misconception) == ("right", exercise.praise, None)


@each_right_answer
def test_another_right_answer_is_right(exercise: Exercise, right):
    verdict = check(exercise, right)
    assert (verdict.verdict, verdict.evidence) == ("right", ())


@each_exercise
def test_the_answer_that_is_shown_is_right_when_it_is_pasted_into_the_cell(exercise: Exercise):
    cell = f'@exercise("{exercise.name}")\n{exercise.answer_source}'
    assert check_cell(exercise.name, cell).verdict == "right"


@pytest.mark.parametrize("lesson", find_lessons(notebooks_directory()), ids=lambda lesson: lesson.name)
def test_the_cells_of_a_lesson_are_the_untouched_cells_of_its_exercises(lesson):
    cells = [source(cell).strip() for cell in lesson.cells]
    for name in exercise_names(lesson):
        assert find_exercise(name).cell.strip() in cells


@each_wrong_answer
def test_each_wrong_answer_draws_its_own_hint(exercise: Exercise, wrong):
    verdict = check(exercise, wrong.function)
    assert (verdict.verdict, verdict.message) == ("wrong", wrong.hint)
    assert verdict.misconception == wrong.misconception
    shown = dict(verdict.evidence)
    assert shown["input"].startswith(f"{exercise.parameters[0]} = ")
    assert shown["expected"] != shown["got"] or "afterwards" in shown


@each_wrong_answer
def test_the_shown_input_is_complete(exercise: Exercise, wrong):
    assert "…" not in dict(check(exercise, wrong.function).evidence)["input"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("metrics.f2", "did you mean 'metrics.f1'"),
        ("Metrics.F1", "did you mean 'metrics.f1'"),
        ("metric.roc_point", "did you mean 'metrics.roc_point'"),
        ("checking.check", "unknown exercise 'checking.check'"),
        ("../metrics.f1", "did you mean 'metrics.f1'"),
        ("", "known are: .*metrics.f1"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, message):
    with pytest.raises(UnknownExerciseError, match=message):
        find_exercise(name)
