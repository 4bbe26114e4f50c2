"""Quizzes: the questions of a lesson in one JSON file beside this one, shown with jupyterquiz.

A file is a list of questions in jupyterquiz's format: `multiple_choice` with one right answer, `many_choice` with
several, or `numeric`, where `precision` counts significant digits; `code` is a block in a fixed-width font. All texts
are plain, with `$...$` around LaTeX, backticks around code, and no HTML. tests/test_quizzes.py checks the files.
To give a lesson a quiz, add `<topic>.json`.
"""

import difflib
import html
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from IPython.display import display
from latex2mathml import converter

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parent

SPACED = '<li style="margin-bottom: 1.5em">'  # also where the style sheet is taken out, as in a notebook not trusted

Question = dict[str, Any]


def show_quiz(topic: str) -> None:
    """Show the questions of a lesson; a click on a choice, or Enter after a number, answers with an explanation.

    The output is one page of HTML that needs nothing from the network and is the same at every call. Where scripts do
    not run (a notebook that is not trusted, GitHub) the questions stand there as text, their answers folded away.

    Args:
        topic: Name of the lesson, as in the notebook's file name: `metrics` for 01_metrics.

    Raises:
        ValueError: There is no quiz of that name.
    """
    questions = read_quiz(topic)
    style = _jupyterquiz("styles.css") + _read(FOLDER / "quiz.css")
    page = (
        f'<div class="course-quiz"><style>{style}</style>{_as_text(questions)}</div>'
        f"<script>{_script(questions)}</script>"
    )
    title = f"Quiz on {topic.replace('_', ' ')}: {len(questions)} questions"
    display({"text/html": page, "text/plain": title}, raw=True)


def read_quiz(topic: str) -> list[Question]:
    """Read the questions of a lesson as they are in its file.

    Args:
        topic: As in `show_quiz`.

    Raises:
        ValueError: There is no quiz of that name.
    """
    topics = sorted(path.parent.name for path in PACKAGE.glob("*/quiz.json"))
    if topic not in topics:
        nearest = difflib.get_close_matches(topic.lower(), topics, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        raise ValueError(f"unknown quiz '{topic}'; known are {', '.join(topics)}.{hint}")
    return json.loads(_read(PACKAGE / topic / "quiz.json"))


def _script(questions: list[Question]) -> str:
    """Return a script that makes the quiz alive, with everything it needs inside one function.

    jupyterquiz's own way to start leads into trouble in JupyterLab as soon as the notebook holds a formula: it finds
    a MathJax without `typeset`, loads another one from the network, and shows LaTeX as it is written. So only its
    question types are used; formulas come as MathML, and MathJax is hidden from it.
    """
    data = json.dumps([_translate(question, _to_page) for question in questions], ensure_ascii=False)
    question_types = [_jupyterquiz(f"js/{name}.js") for name in ("helpers", "multiple_choice", "numeric")]
    parts = ["const MathJax = undefined;", *question_types, f"const questions = {data};", _read(FOLDER / "quiz.js")]
    return "(() => {\n" + "\n".join(parts).replace("</script", "<\\/script") + "})();"


def _as_text(questions: list[Question]) -> str:
    """Return the questions as HTML that needs no script: choices in a list, explanations folded."""
    items = []
    for question in (_translate(question, _to_html) for question in questions):
        answers = question["answers"]
        code = f"<pre>{question['code']}</pre>" if "code" in question else ""
        if question["type"] == "numeric":
            choices = "<p>(The answer is a number.)</p>"
            names = [f"{_name(answer)}: " for answer in answers]
        else:
            choices = '<ol type="a">' + "".join(f"<li>{answer['answer']}</li>" for answer in answers) + "</ol>"
            names = [""] * len(answers)  # numbered as the choices are
        explanations = "".join(
            f"<li>{'✔' if answer.get('correct') else '✘'} {name}{answer['feedback']}</li>"
            for name, answer in zip(names, answers, strict=True)
        )
        folded = f'<details><summary>Answer and explanations</summary><ol type="a">{explanations}</ol></details>'
        items.append(f"{SPACED}<p>{question['question']}</p>{code}{choices}{folded}</li>")
    return f'<ol class="course-quiz-text">{"".join(items)}</ol>'


def _name(answer: dict[str, Any]) -> str:
    """Say which numbers an answer to a numeric question is about."""
    if "range" in answer:
        low, high = answer["range"]
        return f"from {low} to below {high}"
    return str(answer.get("value", "any other number"))


def _translate(question: Question, to_html: Callable[[str], str]) -> Question:
    """Return a question, or one of its answers, with its texts as HTML."""
    translated = dict(question)
    for key in question.keys() & {"question", "answer", "feedback"}:
        translated[key] = to_html(question[key])
    if "code" in question:
        translated["code"] = html.escape(question["code"])
    if "answers" in question:
        translated["answers"] = [_translate(answer, to_html) for answer in question["answers"]]
    return translated


def _to_html(text: str) -> str:
    """Turn plain text with backticks into HTML; `$...$` stays, for whatever shows formulas on the page."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _to_page(text: str) -> str:
    """Turn plain text with backticks and `$...$` into HTML with MathML, which browsers show by themselves."""
    return re.sub(r"\$([^$]+)\$", lambda found: _to_mathml(html.unescape(found[1])), _to_html(text))


def _to_mathml(latex: str) -> str:
    return re.sub(r"<math[^>]*>", "<math>", converter.convert(latex))  # HTML needs no address of a namespace


def _jupyterquiz(name: str) -> str:
    """Return a file of jupyterquiz without its indentation and its lines of comment: every notebook holds a copy."""
    text = (resources.files("jupyterquiz") / name).read_text(encoding="utf-8")
    return re.sub(r"^[ \t]*//.*\n|^\s*\n|^[ \t]+", "", text, flags=re.MULTILINE)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
