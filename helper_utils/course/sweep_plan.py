"""What a sweep is to run: every combination of the values of some parameters, each under its file name."""

import hashlib
import itertools
import json
import math
import re
from ast import Name, parse, walk
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from helper_utils.base.versions import version
from helper_utils.course.errors import CourseError, nearest
from helper_utils.course.lessons import Lesson, source
from helper_utils.course.parameters import Parameter, check_classes
from helper_utils.course.reports.tables import as_text

PACKAGE = Path(__file__).parents[1]
MAX_RUNS = 1000
MAX_NAME_LENGTH = 120
LISTS = {"list", "List", "Sequence", "tuple", "Tuple"}
UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9_.,=+-]+")


@dataclass(frozen=True)
class Sweep:
    """What is to be run.

    Attributes:
        lesson: The lesson.
        parameters: The values of each swept parameter, in the lesson's order of parameters.
        strict: Whether a false claim stops a run.
    """

    lesson: Lesson
    parameters: dict[str, list[Any]]
    strict: bool = False

    @cached_property
    def runs(self) -> dict[str, dict[str, Any]]:
        """The values of each combination, by its file name without ending; the last parameter changes fastest."""
        return {
            run_name(values): values
            for combination in itertools.product(*self.parameters.values())
            for values in [dict(zip(self.parameters, combination, strict=True))]
        }

    @property
    def description(self) -> dict[str, Any]:
        """What `sweep.json` holds."""
        parameters = json.loads(json.dumps(self.parameters))  # tuples become lists, as they come back from the file
        return {"lesson": self.lesson.name, "strict": self.strict, "parameters": parameters}

    @cached_property
    def code(self) -> dict[str, str]:
        """What the results depend on besides the values: the package's version, and fingerprints of all code."""
        cells = [source(cell) for cell in self.lesson.cells if cell.get("cell_type") == "code"]
        files = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
        package = [part for path in files for part in (path.as_posix(), (PACKAGE / path).read_text(encoding="utf-8"))]
        return {
            "version of helper_utils": version("helper-utils"),
            "code of the lesson": fingerprint("\n\n".join(cells)),
            "code of helper_utils": fingerprint("\n\n".join(package)),
        }


def make_sweep(lesson: Lesson, options: Sequence[tuple[str, str]], *, strict: bool = False) -> Sweep:
    """Convert and check the swept values.

    Args:
        lesson: The lesson.
        options: Names and texts of `-p`; `split_values` says how a text holds several values.
        strict: Whether a false claim stops a run.

    Returns:
        The sweep.

    Raises:
        CourseError: If the lesson cannot be read, a parameter is unknown or named twice, a value does not fit or is
            given twice, or there are more than `MAX_RUNS` combinations.
    """
    lesson.check()
    texts: dict[str, str] = {}
    for name, text in options:
        if name not in lesson.parameters:
            raise CourseError(f"unknown parameter {name!r} of {lesson.name}: {nearest(name, lesson.parameters)}")
        if name in texts:
            raise CourseError(f"-p {name} is given twice: give all its values once, separated by commas")
        texts[name] = text
    parameters = {
        name: _values(parameter, texts[name]) for name, parameter in lesson.parameters.items() if name in texts
    }
    n_runs = math.prod(map(len, parameters.values()))
    if n_runs > MAX_RUNS:
        raise CourseError(
            f"{n_runs} runs, {product_text(parameters)}: more than {MAX_RUNS} in one sweep; leave some out"
        )
    sweep = Sweep(lesson, parameters, strict)
    if len({name.lower() for name in sweep.runs}) < n_runs:  # macOS and Windows do not tell `a` from `A`
        raise CourseError(
            "two combinations would have the same file name: do two values differ in upper and lower case only?"
        )
    for values in sweep.runs.values():
        check_classes(lesson.parameters, values)
    return sweep


def split_values(text: str) -> list[str]:
    """Split the values of a parameter at the commas that stand in no brackets and no quotes.

    `0,1` holds two values, `[8, 16],[32]` two lists, `'a,b',c` two texts. Quotes around a whole value are taken off.
    """
    values, closing, quote = [""], [], ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and (closing or not values[-1].strip()):
            quote = character
        elif character in "[(":
            closing.append({"[": "]", "(": ")"}[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            values.append("")
            continue
        values[-1] += character
    return [value.strip() for value in values]


def run_name(values: dict[str, Any]) -> str:
    """Return a combination's file name without ending, such as `seed=0_sizes=8,16`; it depends on the values only."""
    texts = {
        name: ",".join(map(as_text, value)) if isinstance(value, list | tuple) else as_text(value)
        for name, value in values.items()
    }
    return file_name("_".join(f"{name}={text}" for name, text in texts.items()))


def file_name(text: str) -> str:
    """Return a text as a file name; where it is too long or needs other characters, it ends with a fingerprint."""
    safe = UNSAFE_IN_NAMES.sub("-", text)[:MAX_NAME_LENGTH]
    return safe if safe == text else f"{safe}~{fingerprint(text)[:8]}"


def fingerprint(text: str) -> str:
    """Return a short text that is different where the text is."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def label(values: dict[str, Any]) -> str:
    """Return a combination as it is shown, such as `seed=0 dataset=digits`."""
    return " ".join(f"{name}={as_text(value)}" for name, value in values.items())


def _values(parameter: Parameter, text: str) -> list[Any]:
    """Return the values of one parameter; for one that is a list itself, `8,16` is one list, as in `course run`."""
    is_list = any(isinstance(node, Name) and node.id in LISTS for node in walk(parse(parameter.annotation)))
    texts = [text] if is_list and not any(bracket in text for bracket in "[(") else split_values(text)
    if "" in texts:
        raise CourseError(f"parameter {parameter.name!r}: {text!r} holds an empty value; write '' for an empty text")
    values = []
    for single in texts:
        quoted = len(single) > 1 and single[0] == single[-1] and single[0] in "'\""
        value = parameter.convert(single[1:-1] if quoted else single)
        if value in values:
            raise CourseError(f"parameter {parameter.name!r}: the value {as_text(value)} is given twice")
        values.append(value)
    return values


def product_text(parameters: dict[str, list[Any]]) -> str:
    """Return how many runs there are and why, such as `3 seed x 2 dataset`."""
    return " x ".join(f"{len(values)} {name}" for name, values in parameters.items())
