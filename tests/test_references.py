"""Whoever is sent to another lesson finds it: references name lessons that exist, or say that they are planned."""

import re
from pathlib import Path

import pytest

from helper_utils.course.lessons import find_lessons, notebooks_directory, source

ROOT = Path(__file__).parent.parent
LESSONS = find_lessons(notebooks_directory())
TITLES = {lesson.name[:2]: lesson.title for lesson in LESSONS}
# "lesson 06", "lessons 04 and 05", "**06 · Initialization**", "**03**"
REFERENCE = re.compile(
    r"\blessons? (?P<numbers>\d\d(?!\d)(?:(?:, | and | or | to )\d\d(?!\d))*)"
    r"|(?<![\w)])\*\*(?P<number>\d\d)(?: · (?P<title>[^*]+))?\*\*"
)
PLANNED = re.compile(r"[\s),]*\(?planned\b")


def broken_references(text: str) -> list[str]:
    """The references in a text to lessons that neither exist nor are called planned."""
    broken = []
    text = " ".join(text.split())
    for found in REFERENCE.finditer(text):
        numbers = re.findall(r"\d\d", found["numbers"] or found["number"])
        other_title = found["title"] not in (None, TITLES.get(numbers[0]))
        if (other_title or not set(numbers) <= set(TITLES)) and not PLANNED.match(text, found.end()):
            broken.append(found[0])
    return broken


@pytest.mark.parametrize(
    "text",
    [
        "as in lesson 01, and in lessons 03 and 04",
        "The next lesson: **01 · Metrics**.",
        "first **03** rates, then **05** optimizers",
        "where to start (lesson 99, planned)",
        "where to start (lesson\n99 (planned))",
        "The next lesson: **99 · Nothing** (planned).",
        "## 99 · A section of this lesson",
        "lesson 2026 is a year and lessons 1000 a number",
    ],
)
def test_a_reference_that_leads_somewhere_is_good(text):
    assert broken_references(text) == []


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("see lesson 99.", "lesson 99"),
        ("see lesson\n99.", "lesson 99"),
        ("see lessons 01 and 99.", "lessons 01 and 99"),
        ("The next lesson: **99 · Nothing**.", "**99 · Nothing**"),
        ("The next lesson: **01 · Nothing**.", "**01 · Nothing**"),
        ("first **03**, then **99**; more is planned", "**99**"),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text, reference):
    assert broken_references(text) == [reference]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_refers_to_lessons_that_exist(lesson):
    folder = ROOT / "helper_utils" / lesson.topic
    texts = [source(cell) for cell in lesson.cells]
    texts += [path.read_text() for path in [*folder.glob("*.py"), *folder.glob("*.json")]]
    broken = [reference for text in texts for reference in broken_references(text)]
    assert not broken, f"{lesson.name}: {', '.join(broken)}: no such lesson; if one is planned, say so: (planned)"


@pytest.mark.parametrize("lesson", LESSONS[1:], ids=lambda lesson: lesson.name)
def test_a_lesson_builds_on_earlier_ones(lesson):
    outside_brackets = re.sub(r"\([^)]*\)", "", lesson.builds_on)
    numbers = re.findall(r"\b\d\d\b", outside_brackets)
    assert numbers, f"{lesson.name}: no lesson after **Builds on:**"
    for number in numbers:
        assert number in TITLES, f"{lesson.name} builds on {number}: no such lesson"
        assert int(number) < lesson.number, f"{lesson.name} builds on {number}, which comes later"


def test_the_other_texts_refer_to_lessons_that_exist():
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"]
    paths += [
        path for room in ("base", "data", "teaching", "course") for path in (ROOT / "helper_utils" / room).rglob("*.py")
    ]
    for path in paths:
        assert broken_references(path.read_text()) == [], path
