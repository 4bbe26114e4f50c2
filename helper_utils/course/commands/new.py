"""`course new`: a lesson that runs, with everything in it that is still to be written marked.

The scaffold is one small experiment in the form of a lesson. Each part that the author replaces is marked
`TODO (the part)`; tests/test_notebooks.py fails with the name of every part that is left.
"""

import contextlib
import keyword
import re
from pathlib import Path

import click

from helper_utils.base.files import write_bytes, write_text
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import CHECKOUT
from helper_utils.course.reports.tables import render

TEMPLATES = Path(__file__).parent / "new_lesson"
CLAIM = "On these images, a learning rate of 0.1 ends with a higher accuracy than 0.01."
MAX_TOPIC_LENGTH = 30
# The files that list all lessons: how an entry looks there, and the template of a new one.
LISTS = {
    "README.md": (r"^\| \[(\d\d) · .*\n", "row.md.j2"),
    "notebooks/profiles/full.yaml": (r"^(\d\d)_\w+:.*\n(?:[ #].*\n|\n)*", "profile.yaml.j2"),
}


def add_lesson(number: str, topic: str, title: str, checkout: Path = CHECKOUT) -> None:
    """Write a new lesson into the checkout: all of its files, or none.

    Args:
        number: Its place in the course, from 0 to 99, such as `22` or `2`.
        topic: The name that notebook, package and tests share: a Python identifier in lower case.
        title: The heading of the notebook.
        checkout: The root of the repository.

    Raises:
        CourseError: The folder is not a checkout, the number or the topic is taken or does not fit, or a file cannot
            be written. Nothing is changed then.
    """
    _check_checkout(checkout)
    _check_number(number, checkout)
    _check_topic(topic, checkout)
    _check_title(title)
    values = {"number": f"{int(number):02d}", "topic": topic, "title": title, "claim": CLAIM}
    new, edited = _new_files(values), _edited_files(values, checkout)
    _write_all(new, edited, checkout)
    for name in (*new, *edited):
        click.echo(f"{'changed' if name in edited else 'new':<8} {name}")
    click.echo(
        f"Next: course refresh {values['number']} runs it and stores its outputs. Then replace what is marked TODO"
    )
    click.echo(f"in the new files and the changed lines; pytest -k {topic} names what is left (see CONTRIBUTING.md)")


def _check_checkout(checkout: Path) -> None:
    missing = [name for name in (*LISTS, "tests", "helper_utils") if not (checkout / name).exists()]
    if missing:
        raise CourseError(
            f"{checkout} is not a checkout of the course, {missing[0]} is missing there: clone the repository, and run "
            "`make lint` in it to get a `course` that belongs to it"
        )


def _check_number(number: str, checkout: Path) -> None:
    if not re.fullmatch("[0-9]{1,2}", number):
        raise CourseError(f"{number!r} is not the number of a lesson: give one from 0 to 99, such as 22")
    taken = sorted((checkout / "notebooks").glob(f"{int(number):02d}_*.ipynb"))
    if taken:
        raise CourseError(f"the number {int(number):02d} is taken by {taken[0].name}: choose another one")


def _check_topic(topic: str, checkout: Path) -> None:
    import helper_utils

    if not re.fullmatch("[a-z][a-z0-9_]*", topic) or keyword.iskeyword(topic) or len(topic) > MAX_TOPIC_LENGTH:
        raise CourseError(
            f"{topic!r} cannot be the topic: give a name for a Python package, of a to z, 0 to 9 and _, "
            f"with at most {MAX_TOPIC_LENGTH} characters, such as weight_decay"
        )
    places = [
        *(checkout / "notebooks").glob(f"[0-9][0-9]_{topic}.ipynb"),
        checkout / "helper_utils" / topic,
        checkout / "helper_utils" / f"{topic}.py",
        checkout / "tests" / f"test_{topic}.py",
    ]
    for path in places:
        if path.exists():
            raise CourseError(
                f"the name {topic!r} is taken by {path.relative_to(checkout).as_posix()}: choose another topic"
            )
    if topic in dir(helper_utils):
        raise CourseError(
            f"the name {topic!r} is taken by the public function or class helper_utils.{topic}: choose another topic"
        )


def _check_title(title: str) -> None:
    if (
        not re.search(r"\w", title)
        or title != title.strip()
        or not title.isprintable()
        or set(title) & set("|[]*`<>\\")
    ):
        raise CourseError(
            f"{title!r} cannot be the title: give one line of text without any of | [ ] * ` < > and \\, such as "
            '"Weight decay"'
        )


def _new_files(values: dict[str, str]) -> dict[str, str]:
    """Return the text of each new file, by its name in the checkout."""
    topic = values["topic"]
    files = {f"notebooks/{values['number']}_{topic}.ipynb": _notebook(values)}
    for name in ("__init__.py", "experiment.py", "exercises.py", "quiz.json"):
        files[f"helper_utils/{topic}/{name}"] = _rendered(f"{name}.j2", values)
    return files | {f"tests/test_{topic}.py": _rendered("test.py.j2", values)}


def _edited_files(values: dict[str, str], checkout: Path) -> dict[str, str]:
    """Return the new text of the files that list all lessons, by their names in the checkout."""
    edited = {}
    for name, (entry, template) in LISTS.items():
        text = (checkout / name).read_text(encoding="utf-8")
        entries = list(re.finditer(entry, text, re.MULTILINE))
        if not entries:
            raise CourseError(
                f"{name} has no entry of a lesson after which the new one could stand: add one by hand first"
            )
        later = [found.start() for found in entries if found[1] > values["number"]]
        place = later[0] if later else entries[-1].end()
        edited[name] = text[:place] + _rendered(template, values) + text[place:]
    return edited


def _notebook(values: dict[str, str]) -> str:
    """Return the text of the notebook file."""
    try:
        import jupytext
    except ImportError:
        raise CourseError(
            "course new needs jupytext, which belongs to the development packages: run make lint"
        ) from None
    import nbformat

    from helper_utils.course.stored import METADATA

    notebook = jupytext.reads(_rendered("notebook.py.j2", values), fmt="py:percent")
    notebook.metadata = METADATA
    return nbformat.writes(notebook) + "\n"


def _rendered(name: str, values: dict[str, str]) -> str:
    return render(TEMPLATES / name, **values)


def _write_all(new: dict[str, str], edited: dict[str, str], checkout: Path) -> None:
    """Write all files; after a failure the checkout is as it was."""
    try:
        with contextlib.ExitStack() as undo:
            for name, text in (new | edited).items():
                path = checkout / name
                if not path.parent.exists():
                    path.parent.mkdir()
                    undo.callback(path.parent.rmdir)
                if name in edited:
                    undo.callback(write_bytes, path, path.read_bytes())
                else:
                    undo.callback(path.unlink, missing_ok=True)
                write_text(path, text)
            undo.pop_all()
    except OSError as error:
        raise CourseError(f"nothing was written: {error}") from None
