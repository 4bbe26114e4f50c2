"""axe-core finds no fault in the pages of lessons and reports: on a phone and on a laptop, light and dark."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, NEEDS_CHROMIUM
from support import Course, write_notebook

from helper_utils.course.reports.notebook_page import write_page

pytest.importorskip("playwright", reason="playwright is not installed: it comes with the extra `dev`")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
if not os.environ.get("ALL_PAGES"):  # an audit of a page takes seconds; `make test-browser` looks at all of them
    LESSONS = LESSONS[::10]
WIDTHS = {"phone": 390, "laptop": 1366}  # pixels
CELLS = (
    "from helper_utils import claim, record\nclaim('<pigs> fly', lr > 0.1, 'no')\nrecord('accuracy', lr)",
    "import pandas\npandas.DataFrame({'a name': [1.0], 'another': ['word ' * 60]})",
    "raise ValueError('x' * 300)",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM) as browser:
        yield browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report and the page of a lesson that fails, the report of a sweep over it, and that of grading."""
    course = Course(tmp_path_factory.mktemp("course"))
    notebooks = course.folder / "notes {1}"
    write_notebook(notebooks / "01_small.ipynb", *CELLS, parameters="lr: float = 0.1  # step size")
    course.run("run", "--output", "run")
    course.run("sweep", "1", "-p", "lr", "0.1,0.2", "--output", "sweep")
    course.run("grade", str(notebooks), "--output", "grade")
    pages = {name: course.folder / name / "index.html" for name in ("run", "sweep", "grade")}
    return pages | {"lesson": course.folder / "run" / "01_small.html"}


def faults(browser: Browser, page: Path, size: str, scheme: str) -> list[str]:
    """Open a page and return a line for each element that axe-core finds a fault with."""
    viewport = {"width": WIDTHS[size], "height": 900}
    with browser.new_context(viewport=viewport, color_scheme=scheme) as context:  # type: ignore[arg-type]
        opened = context.new_page()
        opened.goto(page.as_uri())
        violations = Axe().run(opened).response["violations"]
    return [f"{found['id']}: {node['html'][:200]}" for found in violations for node in found["nodes"]]


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("laptop", "dark")])
@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.stem for lesson in LESSONS])
def test_the_pages_of_lessons(browser, tmp_path, lesson, size, scheme):
    page = tmp_path / "lesson.html"
    write_page(lesson, page)
    assert faults(browser, page, size, scheme) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("name", ["run", "lesson", "sweep", "grade"])
def test_the_reports(browser, reports, name, size, scheme):
    assert faults(browser, reports[name], size, scheme) == []


def test_a_fault_is_found(browser, tmp_path):
    page = tmp_path / "faulty.html"
    page.write_text('<!DOCTYPE html><html lang="en"><title>t</title><main><h1>t</h1><img src="a.png"></main></html>')
    assert [line.split(":")[0] for line in faults(browser, page, "phone", "light")] == ["image-alt"]
