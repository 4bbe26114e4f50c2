"""The quiz files are what they should be, and are readable with and without scripts."""

import copy
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from latex2mathml.converter import convert
from matplotlib.mathtext import MathTextParser

from helper_utils.teaching import quiz as quizzes
from helper_utils.teaching.quiz import Question, read_quiz, show_quiz

TOPICS = sorted(path.parent.name for path in quizzes.PACKAGE.glob("*/quiz.json"))

# The keys that must be there, and those that may.
CHOICE_KEYS = ({"answer", "correct", "feedback"}, set())
QUESTION_KEYS = ({"question", "type", "answers"}, {"code"})


def problems(quiz: list[Question]) -> list[str]:
    """Everything that is wrong with a quiz, in the order of its questions."""
    found = list(form_problems(quiz))
    if found:
        return found  # the other checks count on the form
    return [*content_problems(quiz), *text_problems(quiz)]


def form_problems(quiz: list[Question]) -> Iterator[str]:
    for number, question in enumerate(quiz, start=1):
        numeric = question.get("type") == "numeric"
        needed, allowed = QUESTION_KEYS
        yield from key_problems(question, needed, allowed | ({"precision"} if numeric else set()), f"question {number}")
        if question.get("type") not in ("multiple_choice", "many_choice", "numeric"):
            yield f"question {number}: unknown type"
        for answer in question.get("answers", []):
            needed, allowed = numeric_keys(answer) if numeric else CHOICE_KEYS
            yield from key_problems(answer, needed, allowed, f"question {number}, an answer")


def numeric_keys(answer: dict) -> tuple[set[str], set[str]]:
    if answer.get("type") == "default":
        return {"type", "feedback"}, set()
    return {"range" if "range" in answer else "value", "correct", "feedback"}, set()


def key_problems(thing: dict, needed: set[str], allowed: set[str], place: str) -> Iterator[str]:
    if missing := needed - thing.keys():
        yield f"{place}: missing {sorted(missing)}"
    if unknown := thing.keys() - needed - allowed:
        yield f"{place}: unknown {sorted(unknown)}"
    for key in thing.keys() & {"question", "answer", "feedback", "code"}:
        if not isinstance(thing[key], str) or not thing[key].strip():
            yield f"{place}: empty {key}"
    if not isinstance(thing.get("correct", True), bool):
        yield f"{place}: correct is not true or false"


def content_problems(quiz: list[Question]) -> Iterator[str]:
    if len(quiz) < 4:
        yield "fewer than four questions"
    if repeated([question["question"] for question in quiz]):
        yield "two questions alike"
    for number, question in enumerate(quiz, start=1):
        answers, kind = question["answers"], question["type"]
        n_right = sum(answer.get("correct", False) for answer in answers)
        n_wrong = len(answers) - n_right
        if kind == "multiple_choice" and n_right != 1:
            yield f"question {number}: {n_right} right answers where one is meant"
        if kind == "many_choice" and n_right < 2:
            yield f"question {number}: fewer than two right answers, so it is shown as a multiple_choice"
        if kind == "numeric" and n_right == 0:
            yield f"question {number}: no right value"
        if kind == "numeric" and not any(answer.get("type") == "default" for answer in answers):
            yield f"question {number}: no feedback for other numbers"
        if n_wrong < 2:
            yield f"question {number}: fewer than two wrong answers are explained"
        if kind != "numeric" and repeated([answer["answer"] for answer in answers]):
            yield f"question {number}: two choices alike"
        if kind == "numeric" and repeated(submitted(question)):
            yield f"question {number}: two values alike"
        if repeated([answer["feedback"] for answer in answers]):
            yield f"question {number}: two explanations alike"
    places = [right_place(question) for question in quiz if question["type"] == "multiple_choice"]
    if len(places) > 1 and max(places.count(place) for place in places) > (len(places) + 1) // 2:
        yield "the right choice stands mostly in the same place"


def submitted(question: Question) -> list[str]:
    """Each value of a numeric question as jupyterquiz compares it: rounded to `precision` significant digits."""
    digits = question.get("precision", 15)
    return [f"{answer['value']:.{digits}g}" for answer in question["answers"] if "value" in answer]


def right_place(question: Question) -> int | None:
    return next((place for place, answer in enumerate(question["answers"]) if answer["correct"]), None)


def repeated(texts: list[str]) -> bool:
    """Whether two texts differ in nothing but case, spaces and punctuation at the end."""
    plain = [" ".join(text.lower().split()).rstrip(".!? ") for text in texts]
    return len(set(plain)) < len(plain)


def text_problems(quiz: list[Question]) -> Iterator[str]:
    for text in texts_of(quiz):
        if not re.search(r"[.?!]$", text):
            yield f"no punctuation at the end: {text}"
        if re.search(r"&\w+;|</?\w+>|\]\(|://", text):
            yield f"HTML, a link or an address: {text}"
        if text.count("$") % 2 or text.count("`") % 2:
            yield f"a $ or ` without its partner: {text}"
        for latex in re.findall(r"\$([^$]*)\$", text):
            if not parses(latex):
                yield f"LaTeX that does not parse: {latex}"


def texts_of(quiz: list[Question]) -> Iterator[str]:
    for question in quiz:
        yield question["question"]
        for answer in question["answers"]:
            yield from (answer[key] for key in ("answer", "feedback") if key in answer)


def parses(latex: str) -> bool:
    """Whether two parsers of LaTeX accept it, matplotlib's and the one that the quiz is shown with."""
    try:
        MathTextParser("path").parse(f"${latex}$")
        return "\\" not in convert(latex)  # latex2mathml copies a command that it does not know
    except Exception:  # matplotlib raises ValueError, latex2mathml a class for each mistake
        return False


@pytest.mark.parametrize("topic", TOPICS)
def test_the_file_has_no_problems(topic):
    assert problems(read_quiz(topic)) == []


def example() -> list[Question]:
    """A quiz without problems, to be broken."""

    def choice(text: str, correct: bool) -> dict:
        return {"answer": text, "correct": correct, "feedback": f"Because of {text}"}

    def choices(*marks: bool) -> list[dict]:
        return [choice(f"Choice $x_{place}$.", mark) for place, mark in enumerate(marks)]

    return [
        {"question": "First?", "type": "multiple_choice", "answers": choices(True, False, False)},
        {"question": "Second?", "type": "multiple_choice", "answers": choices(False, True, False)},
        {"question": "Third?", "type": "many_choice", "answers": choices(True, True, False, False)},
        {
            "question": "Fourth: `a < b`?",
            "code": "a = 1 < 2",
            "type": "numeric",
            "precision": 2,
            "answers": [
                {"value": 0.25, "correct": True, "feedback": "A quarter."},
                {"range": [1, 2], "correct": False, "feedback": "Too large."},
                {"type": "default", "feedback": "No."},
            ],
        },
    ]


def test_the_example_has_no_problems():
    assert problems(example()) == []


BREAK: dict[str, tuple[Callable[[list[Question]], object], str]] = {
    "no type": (lambda quiz: quiz[0].pop("type"), "missing ['type']"),
    "unknown type": (lambda quiz: quiz[0].update(type="essay"), "unknown type"),
    "misspelt key": (lambda quiz: quiz[0].update(questoin="Where?"), "unknown ['questoin']"),
    "precision of a choice": (lambda quiz: quiz[0].update(precision=2), "unknown ['precision']"),
    "no answers": (lambda quiz: quiz[0].pop("answers"), "missing ['answers']"),
    "no explanation": (lambda quiz: quiz[0]["answers"][1].pop("feedback"), "missing ['feedback']"),
    "empty explanation": (lambda quiz: quiz[0]["answers"][1].update(feedback=" "), "empty feedback"),
    "empty default": (lambda quiz: quiz[3]["answers"][2].update(feedback=""), "empty feedback"),
    "correct is a word": (lambda quiz: quiz[0]["answers"][1].update(correct="no"), "not true or false"),
    "three questions": (lambda quiz: quiz.pop(), "fewer than four"),
    "questions alike": (lambda quiz: quiz[0].update(question="second ?"), "two questions alike"),
    "two right": (lambda quiz: quiz[0]["answers"][1].update(correct=True), "2 right answers where one is meant"),
    "none right": (lambda quiz: quiz[0]["answers"][0].update(correct=False), "0 right answers where one is meant"),
    "many, one right": (lambda quiz: quiz[2]["answers"][0].update(correct=False), "fewer than two right"),
    "many, all right": (lambda quiz: [a.update(correct=True) for a in quiz[2]["answers"]], "fewer than two wrong"),
    "no right value": (lambda quiz: quiz[3]["answers"][0].update(correct=False), "no right value"),
    "no default": (lambda quiz: quiz[3]["answers"].pop(), "no feedback for other numbers"),
    "values alike": (
        lambda quiz: quiz[3]["answers"].append({"value": 0.2501, "correct": False, "feedback": "Near."}),
        "two values alike",
    ),
    "choices alike": (lambda quiz: quiz[0]["answers"][0].update(answer="choice  $x_1$!"), "two choices alike"),
    "explanations alike": (
        lambda quiz: [answer.update(feedback="Wrong.") for answer in quiz[0]["answers"]],
        "two explanations alike",
    ),
    "right is always first": (lambda quiz: quiz[1]["answers"].insert(0, quiz[1]["answers"].pop(1)), "the same place"),
    "no full stop": (lambda quiz: quiz[0]["answers"][0].update(feedback="Because"), "no punctuation"),
    "an entity": (lambda quiz: quiz[0].update(question="Is a &lt; b?"), "HTML"),
    "a tag": (lambda quiz: quiz[0].update(question="Is it <b>so</b>?"), "HTML"),
    "a link": (lambda quiz: quiz[0].update(question="Read [this](there)?"), "a link"),
    "an odd dollar": (lambda quiz: quiz[0].update(question="Is it $x?"), "without its partner"),
    "an open fraction": (lambda quiz: quiz[0].update(question=r"Is it $\frac{a}{$?"), "does not parse"),
    "an unknown command": (lambda quiz: quiz[0].update(question=r"Is it $\nosuch{a}$?"), "does not parse"),
}


@pytest.mark.parametrize("name", BREAK)
def test_a_broken_quiz_is_found_out(name):
    quiz = example()
    damage, expected = BREAK[name]
    damage(quiz)
    assert any(expected in problem for problem in problems(quiz)), problems(quiz)


class Text(HTMLParser):
    """What a reader sees of a page that runs no scripts: with folded parts, or without."""

    def __init__(self, page: str, *, unfolded: bool) -> None:
        super().__init__()
        self.hidden = {"script", "style"} | (set() if unfolded else {"details"})
        self.depth, self.text = 0, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's names
        self.depth += tag in self.hidden

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in self.hidden

    def handle_data(self, data: str) -> None:
        self.text += data if not self.depth else ""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | list[Question]], dict[str, str]]:
    """Shows a quiz, given by its name or its questions, and returns the one output."""
    outputs = []
    monkeypatch.setattr(quizzes, "display", lambda data, *, raw: outputs.append(data) if raw else None)

    def show(quiz: str | list[Question]) -> dict[str, str]:
        if not isinstance(quiz, str):
            monkeypatch.setattr(quizzes, "read_quiz", lambda _: copy.deepcopy(quiz))
        show_quiz(quiz if isinstance(quiz, str) else "example")
        return outputs.pop()

    return show


@pytest.mark.parametrize("topic", TOPICS)
def test_without_scripts_questions_and_choices_are_readable_and_answers_folded(topic, shown):
    page = shown(topic)["text/html"]
    open_text, whole_text = (Text(page, unfolded=unfolded).text for unfolded in (False, True))
    for question in read_quiz(topic):
        assert question["question"].replace("`", "") in open_text
        assert question.get("code", "") in open_text
        for answer in question["answers"]:
            assert answer.get("answer", "").replace("`", "") in open_text
            assert answer["feedback"].replace("`", "") in whole_text
            assert answer["feedback"].replace("`", "") not in open_text
    static = page.partition("<script>")[0]
    n_right = sum(answer.get("correct", False) for question in read_quiz(topic) for answer in question["answers"])
    assert static.count("<li>✔ ") == n_right
    assert "<li>✔ " not in re.sub(r"<details>.*?</details>", "", static)


def test_what_stands_for_code_and_formulas(shown):
    static, _, live = shown(example())["text/html"].partition("<script>")
    assert "Fourth: <code>a &lt; b</code>?" in static
    assert "<pre>a = 1 &lt; 2</pre>" in static
    assert "Choice $x_1$." in static  # JupyterLab and GitHub show formulas in this form
    assert "Choice <math>" in live  # no script is needed to show this one
    assert "$x_1$" not in live


@pytest.mark.parametrize("topic", TOPICS)
def test_the_output_needs_nothing_from_elsewhere(topic, shown):
    page = shown(topic)["text/html"]
    assert "://" not in page
    assert not re.search(r"<(link|img|iframe)\b|\bsrc=|@import|\burl\(|\bfetch\(|XMLHttpRequest", page)


def test_the_output_is_small_and_always_the_same(shown):
    output = shown("metrics")
    assert output == shown("metrics")
    assert len(output["text/html"].encode()) < 60_000
    assert output["text/plain"] == f"Quiz on metrics: {len(read_quiz('metrics'))} questions"


def test_a_text_cannot_end_the_script(shown):
    quiz = example()
    quiz[0]["code"] = "</script><script>"
    assert shown(quiz)["text/html"].count("</script>") == 1


@pytest.mark.parametrize("topic", ["metric", "Metrics", "../quizzes/metrics", ""])
def test_an_unknown_quiz_is_refused(topic):
    with pytest.raises(ValueError, match=rf"unknown quiz '{re.escape(topic)}'; known are .*metrics"):
        show_quiz(topic)


def test_the_nearest_quiz_is_suggested():
    with pytest.raises(ValueError, match="Did you mean 'metrics'"):
        show_quiz("metric")
