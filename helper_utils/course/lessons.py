"""The lessons: which notebooks there are, and what their first cells say about them."""

import ast
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from helper_utils.course.errors import CourseError, nearest
from helper_utils.course.parameters import Parameter, read_parameters
from helper_utils.teaching.registry import checked_by

TIME_LABEL = r"\*\*(?:Run time|Time):?\*\*:?\s*"
FILE_NAME = re.compile(r"[0-9][0-9]_\w+\.ipynb")
OUTSIDE_LINK = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")
MAX_SHOWN = 80  # characters of a wrong name in its error
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Lesson:
    """One notebook `NN_topic.ipynb` of the course.

    Attributes:
        path: The notebook file.
        cells: Its cells as they are in the file; empty when the file cannot be read.
        error: Why the file cannot be read, or an empty string.
    """

    path: Path
    cells: list[dict[str, Any]] = field(default_factory=list, repr=False)
    error: str = ""

    @property
    def name(self) -> str:
        """The file name without its ending, such as `01_metrics`."""
        return self.path.stem

    @property
    def number(self) -> int:
        """The place in the course."""
        return int(self.name[:2])

    @property
    def topic(self) -> str:
        """What the lesson is about, such as `metrics`."""
        return self.name[3:]

    @cached_property
    def introduction(self) -> str:
        """The Markdown before the first code cell."""
        texts = []
        for cell in self.cells:
            if cell.get("cell_type") == "code":
                break
            texts.append(source(cell))
        return "\n\n".join(texts)

    @property
    def title(self) -> str:
        """The first heading without the lesson's number; the topic where there is no heading."""
        return self._find(r"^#\s+(?:\d+\s*[^\w\s]?\s*)?(.+)$") or self.topic.replace("_", " ")

    @property
    def promise(self) -> str:
        """The first paragraph under the title."""
        for paragraph in re.split(r"\n\s*\n|^#.*$", self.introduction, flags=re.MULTILINE):
            text = " ".join(paragraph.split())
            if text and not text.startswith(("#", "-", "*")):
                return text
        return ""

    @property
    def study_time(self) -> str:
        """How long a learner needs for it, in the author's words."""
        return self._find(r"\*\*Study time:\*\*\s*((?:.|\n)+?)\.?\s*\*\*Run time")

    @property
    def quick_time(self) -> str:
        """How long the lesson takes with its defaults, in the author's words."""
        return self._find(TIME_LABEL + r"([^,;*]+?)\s+quick")

    @property
    def full_time(self) -> str:
        """How long the full profile takes, in the author's words."""
        return self._find(TIME_LABEL + r"[^*]*?([^,;:*]+?)\s+full")

    @property
    def builds_on(self) -> str:
        """The lessons that this one needs, in the author's words."""
        return self._find(r"\*\*Builds on:?\*\*:?\s*(.+?)\.?\s*$")

    @property
    def objectives(self) -> list[str]:
        """What a learner can do afterwards: the list under the heading `Objectives`."""
        section = re.search(r"^#+\s*Objectives\b.*?$(.*?)(?=^#|\Z)", self.introduction, re.MULTILINE | re.DOTALL)
        if not section:
            return []
        items = re.split(r"^\s*(?:[-*+]|\d+[.)])\s+", section[1], flags=re.MULTILINE)[1:]
        return [" ".join(item.split("\n\n")[0].split()) for item in items]

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The values that can be set from outside, by name; empty where no cell is tagged `parameters`.

        Raises:
            CourseError: If the cell is not valid Python, or a cell's tags are not a list.
        """
        for number, cell in enumerate(self.cells, start=1):
            tags = cell.get("metadata", {}).get("tags", [])
            if not isinstance(tags, list):  # papermill would stop at it
                raise CourseError(f"{self.path.name}: the tags of cell {number} are {tags!r}, not a list: remove them")
            if "parameters" in tags:
                return read_parameters(source(cell), self.name)
        return {}

    def check(self) -> None:
        """Check what can be checked without running the lesson.

        Raises:
            CourseError: If the file cannot be read, a cell's tags are not a list, or the parameters cell is not Python.
        """
        if self.error:
            raise CourseError(self.error)
        _ = self.parameters

    def _find(self, pattern: str) -> str:
        """Return what the group of a pattern is in the introduction, or an empty text."""
        found = re.search(pattern, self.introduction, re.MULTILINE)
        return found[1].strip() if found else ""


def source(cell: dict[str, Any]) -> str:
    """Return a cell's text, which a notebook file stores as one string or as a list of lines."""
    return "".join(cell.get("source", ""))


def without_outside_links(markdown: str) -> str:
    """Return Markdown in which links out of the notebook's folder, as to `../data/README.md`, are plain words.

    A handout and a page stand elsewhere, where such a link leads nowhere.
    """
    return OUTSIDE_LINK.sub(r"\1", markdown)


def read_lesson(path: Path) -> Lesson:
    """Read a notebook file; one that is not a notebook becomes a lesson with an `error`."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))  # Windows may put a mark before it
        if "worksheets" in notebook:
            return Lesson(path, error=f"{path.name} is in an old notebook format: save it again with Jupyter")
        cells = notebook["cells"]
        if not all(isinstance(source(cell), str) and isinstance(cell.get("metadata", {}), dict) for cell in cells):
            raise TypeError
    except (OSError, ValueError) as error:
        return Lesson(path, error=f"{path.name} cannot be read: {error}")
    except (KeyError, TypeError, AttributeError, RecursionError, MemoryError):
        return Lesson(path, error=f"{path.name} is not a notebook: its cells are missing or broken")
    return Lesson(path, cells)


def notebooks_directory(path: str | Path | None = None) -> Path:
    """Find the folder of the notebooks.

    Args:
        path: The folder to use; by default `notebooks/` of the checkout that this package lies in, else
            `notebooks/` in the current directory.

    Returns:
        The folder as an absolute path.

    Raises:
        CourseError: If there is no such folder.
    """
    if path is not None:
        chosen = Path(path)
        if not chosen.is_dir():
            raise CourseError(f"{chosen} is not a folder: --notebooks needs the folder with the files NN_topic.ipynb")
        return chosen.resolve()
    in_checkout = CHECKOUT / "notebooks"
    if in_checkout.is_dir():
        return in_checkout
    here = Path.cwd() / "notebooks"
    if here.is_dir():
        return here
    raise CourseError(
        f"found no notebooks: neither {in_checkout} nor {here} is a folder; name one with --notebooks DIR "
        "or in HELPER_UTILS_NOTEBOOKS"
    )


def find_lessons(directory: Path, wanted: Sequence[str] = ()) -> list[Lesson]:
    """Read the lessons in a folder, in reading order; only these files are opened.

    Args:
        directory: The folder.
        wanted: Numbers (`1`, `01`), topics (`metrics`) or names (`01_metrics`) of lessons; all lessons when empty.

    Raises:
        CourseError: If no file in the folder is named like a lesson, or a name fits none of them.
    """
    paths = lesson_paths(directory)
    chosen = {path for name in wanted for path in _named(paths, name)}
    return [read_lesson(path) for path in paths if path in chosen or not wanted]


def lesson_paths(directory: Path) -> list[Path]:
    """Return the notebook files of the lessons in a folder, in reading order.

    Raises:
        CourseError: If no file in the folder is named like a lesson.
    """
    paths = sorted(path for path in directory.glob("*.ipynb") if FILE_NAME.fullmatch(path.name))
    if not paths:
        raise CourseError(
            f"{directory} holds no lessons: they are files named NN_topic.ipynb, such as 01_metrics.ipynb"
        )
    return paths


def _named(paths: Sequence[Path], wanted: str) -> list[Path]:
    name = wanted.removesuffix(".ipynb").rpartition(os.sep)[2]
    number = name.lstrip("0").zfill(2) if name.isascii() and name.isdigit() else ""
    found = [path for path in paths if name in (path.stem, path.stem[3:]) or path.stem[:2] == number]
    if not found:
        shown = wanted if len(wanted) <= MAX_SHOWN else f"{wanted[:MAX_SHOWN]}…"
        known = [path.stem[:2] if number else path.stem[3:] for path in paths]
        raise CourseError(f"unknown lesson {shown!r}: {nearest(name, known)}")
    return found


def exercise_names(lesson: Lesson) -> list[str]:
    """Return the names of a lesson's exercises in their order: its functions that are decorated `@exercise(name)`."""
    names = []
    for cell in lesson.cells:
        if cell.get("cell_type") != "code":
            continue
        try:
            statements = ast.parse(source(cell)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # such as %timeit: no exercise
            continue
        for statement in statements:
            if isinstance(statement, ast.FunctionDef):
                names += filter(None, map(checked_by, statement.decorator_list))
    return names
