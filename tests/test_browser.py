"""The first lessons as a learner meets them: the real JupyterLab in a headless chromium.

Pictures of the steps and the server's log are left in build/browser, to look at.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from chromium import CHROMIUM, NEEDS_CHROMIUM

from helper_utils.course.commands.release import clean
from helper_utils.course.lessons import read_lesson
from helper_utils.teaching.progress import ENVIRONMENT_VARIABLE as PROGRESS_VARIABLE
from helper_utils.teaching.quiz import read_quiz
from helper_utils.teaching.registry import find_exercise

pytest.importorskip("playwright", reason="playwright is not installed: it comes with the extra `dev`")
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "build" / "browser"
PATIENCE = 300  # seconds until a step is given up; each ends as soon as what it waits for has happened

# What the tests call in the page. Cells are found in JupyterLab's model: the page itself may hold only those in view.
FUNCTIONS = """
    const lesson = () => window.jupyterapp.shell.currentWidget;
    const codeCells = () => [...lesson().content.model.cells].filter(cell => cell.type === "code");

    // JupyterLab's promises, such as that of a command, have no end of their own.
    const inTime = promise => Promise.race([promise, new Promise((_, reject) =>
        setTimeout(() => reject(Error("not done in PATIENCE seconds")), PATIENCE * 1000))]);

    const ready = () => inTime(Promise.all([lesson().revealed, lesson().sessionContext.ready]));

    // JupyterLab draws a cell when it is in view: in the next frame, or the one after.
    const painted = () => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));

    async function runAll() {
        await inTime(jupyterapp.commands.execute("notebook:clear-all-cell-outputs"));
        await inTime(jupyterapp.commands.execute("notebook:run-all-cells"));
        return codeCells().map(cell => ({ count: cell.executionCount, outputs: cell.outputs.toJSON() }));
    }

    async function replaceAndRun({ marker, old, code }) {
        const cell = codeCells().find(cell => cell.sharedModel.source.includes(marker));
        cell.sharedModel.setSource(cell.sharedModel.source.replace(old, code));
        lesson().content.activeCellIndex = lesson().content.widgets.findIndex(widget => widget.model === cell);
        await inTime(jupyterapp.commands.execute("notebook:run-cell"));
    }
""".replace("PATIENCE", str(PATIENCE))


# ------------------------------------------------------------------------------------------------ server and browser


@dataclass(frozen=True)
class Server:
    """A running JupyterLab with copies of the lessons, and where it keeps a learner's progress."""

    url: str
    token: str
    progress: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start JupyterLab as a learner would, with settings of its own; end it with all its kernels."""
    folder = tmp_path_factory.mktemp("my course")
    lessons, config, runtime, progress = (folder / name for name in ("lessons", "config", "runtime", "progress"))
    lessons.mkdir()
    for path in (ROOT / "notebooks").glob("0[013]_*.ipynb"):
        shutil.copy(path, lessons)
    [schedulers] = (ROOT / "notebooks").glob("03_*.ipynb")
    (lessons / "03_handout.ipynb").write_text(clean(read_lesson(schedulers))[0], encoding="utf-8")
    page_config = config / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)  # no question whether one wants to have the news of Jupyter
    page_config.write_text('{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}')

    token = secrets.token_hex()
    environment = os.environ | {
        "HELPER_UTILS_STRICT": "0",
        PROGRESS_VARIABLE: str(progress),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(folder / "ipython"),
        "OMP_NUM_THREADS": "1",  # two kernels and a browser share the cores without a fight
    }
    options = (
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",  # any that is free
        f"--ServerApp.root_dir={lessons}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.expose_app_in_browser=True",  # as window.jupyterapp
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (PICTURES / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield Server(wait_for_url(process, runtime), token, progress)
    finally:
        end(process)


def wait_for_url(process: subprocess.Popen, runtime: Path) -> str:
    """Return the address, which the server writes into a file as soon as it listens."""
    information = runtime / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, f"JupyterLab ended at once, see {PICTURES / 'server.log'}"
        try:
            return json.loads(information.read_text())["url"]
        except (FileNotFoundError, json.JSONDecodeError):  # not yet there, or not yet whole
            time.sleep(0.05)
    raise TimeoutError(f"JupyterLab did not start in {PATIENCE} seconds, see {PICTURES / 'server.log'}")


def end(process: subprocess.Popen) -> None:
    """Ask the server to end, and its kernels with it; what is left after that is killed and reported."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(family, timeout=PATIENCE)
    for other in left:
        other.kill()
    process.wait()
    assert left == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM) as browser:
        yield browser


# -------------------------------------------------------------------------------------------------- a learner's steps


@dataclass(frozen=True)
class Lesson:
    """A lesson that is open in JupyterLab, and what a learner does in it."""

    name: str
    page: Page

    def look(self, step: str, at: Locator) -> None:
        """Leave a picture of the page where something is."""
        for _ in range(2):  # a cell that comes into view gets its true height, and what is below it moves
            at.scroll_into_view_if_needed()
            self.page.evaluate("painted()")
        expect(at).to_be_in_viewport()
        self.page.screenshot(path=PICTURES / f"{self.name}-{step}.png", animations="disabled")

    def run_all(self) -> None:
        """Clear what the file holds and run all cells: each of them once, without an error."""
        cells = self.page.evaluate("runAll()")
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert [output for output in outputs if output["output_type"] == "error"] == []
        assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
        self.look("run", self.page.locator(".jp-Cell").last)

    def answer(self, exercise: str, old: str, code: str) -> Locator:
        """Replace a part of an exercise's cell and run it; return what the cell shows then."""
        marker = f'@exercise("{exercise}")'
        self.page.evaluate("replaceAndRun", {"marker": marker, "old": old, "code": code})
        return self.page.locator(".jp-CodeCell", has_text=marker).locator(".jp-OutputArea-output")

    def answer_wrong_then_right(self, exercise: str, wrong: str, misconception: str, right: str) -> None:
        """Answer an exercise twice: the first verdict names the misconception, the second says what it is good for."""
        known = find_exercise(exercise)
        [hint] = [answer.hint for answer in known.wrong_answers if answer.misconception == misconception]
        shown = self.answer(exercise, "...", wrong)
        expect(shown).to_contain_text(f"✘ Not yet right: {hint}")
        self.look("wrong", shown)
        shown = self.answer(exercise, wrong, right)
        expect(shown).to_contain_text(f"✔ Right: {known.praise}")
        self.look("right", shown)

    def answer_quiz(self, topic: str) -> None:
        """Click on a wrong choice of a question: its explanation appears."""
        question = next(question for question in read_quiz(topic) if question["type"] == "multiple_choice")
        wrong = next(answer for answer in question["answers"] if not answer["correct"])
        box = self.page.locator(".Quiz", has_text=question["question"].replace("`", ""))
        explanation = box.locator(".Feedback")
        expect(explanation).to_be_empty()
        box.locator(".MCButton", has_text=wrong["answer"].replace("`", "")).click()
        expect(explanation).to_have_text(wrong["feedback"].replace("`", ""))
        self.look("quiz", explanation)

    def move_slider(self) -> None:
        """Move the slider to its left end with the keyboard: the number beside it changes, and the picture below."""
        box = self.page.locator(".jp-CodeCell", has=self.page.locator(".widget-slider"))
        number, picture = box.locator(".widget-readout"), box.locator(".jp-RenderedImage img")
        number_before, picture_before = number.inner_text(), picture.get_attribute("src")
        assert picture_before
        self.look("slider-before", picture)
        box.locator(".noUi-handle").press("Home")
        expect(number).not_to_have_text(number_before)
        expect(picture).not_to_have_attribute("src", picture_before)
        self.look("slider-after", picture)


@pytest.fixture
def open_lesson(server: Server, browser: Browser) -> Iterator[Callable[[str], Lesson]]:
    """Open a lesson in the browser; afterwards nothing may have gone wrong there, and nothing have left the machine."""
    errors: list[Any] = []
    urls: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 1400}) as context:
        context.set_default_timeout(PATIENCE * 1000)
        context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: errors.append(error.error))
        context.on("request", lambda request: urls.append(request.url))
        page = context.new_page()
        page.on("websocket", lambda socket: urls.append(socket.url))

        def open_one(name: str) -> Lesson:
            # A workspace of its own: the default one opens again what was open before.
            page.goto(f"{server.url}lab/workspaces/{name}/tree/{name}.ipynb?token={server.token}&reset")
            page.wait_for_function(f"window.jupyterapp?.shell.currentWidget?.context?.path === '{name}.ipynb'")
            page.add_script_tag(content=FUNCTIONS)
            page.evaluate("ready()")
            lesson = Lesson(name, page)
            lesson.look("opened", page.locator(".jp-Cell").first)
            return lesson

        yield open_one

    parts = [urlsplit(url) for url in urls]
    assert {"http", "ws"} <= {part.scheme for part in parts}
    here = urlsplit(server.url).netloc
    assert [part.geturl() for part in parts if part.netloc != here and part.scheme not in ("data", "blob")] == []
    assert errors == []


# -------------------------------------------------------------------------------------------------------------- tests


def test_lesson_00_start_here(open_lesson, server):
    lesson = open_lesson("00_start_here")
    lesson.run_all()
    lesson.answer_wrong_then_right(
        "start_here.one_step",
        wrong="return w + lr * grad",
        misconception="uphill",
        right="return w - lr * grad",
    )
    lesson.move_slider()
    lesson.answer_quiz("start_here")
    assert "1 right" in progress_in(server, lesson)


def test_lesson_01_metrics(open_lesson, server):
    lesson = open_lesson("01_metrics")
    lesson.run_all()
    lesson.answer_wrong_then_right(
        "metrics.f1",
        wrong="return (tp / max(tp + fp, 1) + tp / max(tp + fn, 1)) / 2",
        misconception="mean_of_precision_and_recall",
        right="return 2 * tp / max(2 * tp + fp + fn, 1)",
    )
    lesson.answer_quiz("metrics")
    assert "1 right" in progress_in(server, lesson)


def test_lesson_03_schedulers(open_lesson, server):
    lesson = open_lesson("03_schedulers")
    lesson.run_all()
    cosine = "return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * {} / n_steps)) / 2"
    lesson.answer_wrong_then_right(
        "schedulers.cosine_rate",
        wrong=cosine.format("step"),
        misconception="rises_again",
        right=cosine.format("min(step, n_steps)"),
    )
    lesson.move_slider()
    lesson.answer_quiz("schedulers")
    assert "1 right" in progress_in(server, lesson)


def test_a_handout_opens_as_saved(open_lesson):
    lesson = open_lesson("03_handout")
    info = lesson.page.evaluate("lesson().sessionContext.session.kernel.info.then(info => info.language_info)")
    lesson.page.evaluate("painted()")
    assert lesson.page.evaluate("lesson().content.model.getMetadata('language_info')") == info
    assert not lesson.page.evaluate("lesson().context.model.dirty")


def progress_in(server: Server, lesson: Lesson) -> str:
    """Return what `course progress` says about a lesson."""
    environment = os.environ | {PROGRESS_VARIABLE: str(server.progress)}
    command = [sys.executable, "-m", "helper_utils", "progress"]
    page = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT).stdout
    [line] = [line for line in page.splitlines() if line.startswith(lesson.name)]
    return line
