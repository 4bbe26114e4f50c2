"""The parameters of a lesson: read from its parameters cell, converted and checked by annotations and comments.

The cell is parsed, never run. (papermill's own inspection knows no `int | None` and no `Literal["a", "b"]`.)

A limit that a comment states is checked before anything runs. It is written as `at least 3`, `64 or more`, `at most 9`,
`from 8 to 40`, `above 0`, `below 1` or `one of macro, micro`; a list obeys it in each of its items. The limits of
`seed` are added to its comment. Where a comment offers `folder:PATH`, the value must name a data set; a number `below
the number of classes` is compared with the data set that the parameter `dataset` names.
"""

import ast
import io
import math
import operator
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from helper_utils.base.checks import MAX_BASE_SEED
from helper_utils.course.errors import CourseError, nearest

TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")

NUMBER = r"(-?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?)"
# How a comment states a limit, how it is checked, and what the error says before the number.
LIMITS = (
    (rf"\bat least {NUMBER}|{NUMBER} or more\b|\bfrom {NUMBER} to\b", operator.ge, "below the smallest value, "),
    (rf"\bat most {NUMBER}|\bfrom \S+ to {NUMBER}", operator.le, "above the largest value, "),
    (rf"\babove {NUMBER}", operator.gt, "not above "),
    (rf"\bbelow {NUMBER}", operator.lt, "not below "),
)
CHOICES = re.compile(r"\bone of ([^;:.()]+)")


@dataclass(frozen=True)
class Parameter:
    """One value that can be set from outside.

    Attributes:
        name: The variable's name in the notebook.
        annotation: Its type as written, such as `list[int]`; the type of the default where none is written.
        default: The default as written.
        help: The comment behind it.
        lesson: The lesson's name, for error messages.
    """

    name: str
    annotation: str
    default: str
    help: str = ""
    lesson: str = ""

    @property
    def default_value(self) -> Any:
        """The default as a value; as its text where it is an expression."""
        return _literal(self.default)

    def convert(self, value: Any) -> Any:
        """Turn a text from the command line, or a value from a profile, into a value of the annotated type.

        Args:
            value: A text such as `1e-3`, `yes` or `3,4`, or a value that is already typed.

        Returns:
            The value in the annotated type.

        Raises:
            CourseError: If it does not fit the type, breaks a limit of the comment or names a data set that is not
                there; the message names the parameter, the value and what was expected.
        """
        owner = f"parameter {self.name!r}" + (f" of {self.lesson}" if self.lesson else "")
        try:
            converted = _convert(value, ast.parse(self.annotation, mode="eval").body)
        except _MisfitError as misfit:
            raise CourseError(
                f"{owner}: {value!r} is not {misfit} (the type is {self.annotation}, the default {self.default})"
            ) from None
        for item in converted if isinstance(converted, list | tuple) else [converted]:
            if problem := broken_limit(item, self.help):
                raise CourseError(f"{owner}: {problem}")
        if "folder:PATH" in self.help and isinstance(converted, str):
            try:
                _count_classes(converted)
            except (OSError, ValueError) as error:
                raise CourseError(f"{owner}: {error}") from None
        return converted


class _MisfitError(Exception):
    """A value does not fit; the message says what was expected, with its article."""


def broken_limit(value: Any, comment: str) -> str:
    """Say which limit of a comment a value breaks, such as `1 is below the smallest value, 3`; else nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for pattern, holds, words in LIMITS:
            for match in re.finditer(pattern, comment):
                (limit,) = filter(None, match.groups())
                if not holds(value, float(limit.replace(",", ""))):
                    return f"{value!r} is {words}{limit}"
    if (choices := CHOICES.search(comment)) and value is not None:
        known = re.split(r",\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+", choices[1].strip())
        if str(value) not in known:
            return f"{value!r} is not one of {', '.join(known)}"
    return ""


def read_parameters(cell: str, lesson: str) -> dict[str, Parameter]:
    """Read the assignments of a parameters cell.

    Args:
        cell: The cell's source.
        lesson: The lesson's name, for error messages.

    Returns:
        The parameters by name, in their order.

    Raises:
        CourseError: If the cell is not valid Python.
    """
    try:
        statements = ast.parse(cell).body
        tokens = list(tokenize.generate_tokens(io.StringIO(cell).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise CourseError(f"the parameters cell of {lesson} is not valid Python: {error}") from None
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    parameters = {}
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            name, annotation, value = statement.target.id, ast.unparse(statement.annotation), statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, annotation, value = statement.targets[0].id, _type_of(statement.value), statement.value
        else:
            continue
        default = " ".join(str(ast.get_source_segment(cell, value)).split())
        comment = comments.get(statement.end_lineno or 0, "")
        if name == "seed":
            comment += f"{', ' if comment else ''}from 0 to {MAX_BASE_SEED}"
        parameters[name] = Parameter(name, annotation, default, comment, lesson)
    return parameters


def assign_options(
    options: list[tuple[str, str]], lessons: Mapping[str, Mapping[str, Parameter]]
) -> dict[str, dict[str, Any]]:
    """Give each `-p NAME VALUE` to the lessons that have the parameter.

    Args:
        options: Names and texts as given; the last one wins.
        lessons: The parameters of each selected lesson, by the lesson's name.

    Returns:
        The converted values for each lesson.

    Raises:
        CourseError: If no lesson has the parameter, or the value does not fit.
    """
    values: dict[str, dict[str, Any]] = {lesson: {} for lesson in lessons}
    for name, text in options:
        owners = [lesson for lesson, parameters in lessons.items() if name in parameters]
        if not owners:
            known = dict.fromkeys(known for parameters in lessons.values() for known in parameters)
            raise CourseError(f"unknown parameter {name!r}: {nearest(name, known)}")
        for lesson in owners:
            values[lesson][name] = lessons[lesson][name].convert(text)
    return values


def check_profile(profile: Mapping[str, Any], lesson: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Convert and check one lesson's parameter set of a profile.

    Args:
        profile: The profile: a parameter set for each lesson's name. A lesson without one keeps its defaults.
        lesson: The lesson's name.
        parameters: The lesson's parameters.

    Returns:
        The converted values.

    Raises:
        CourseError: If the set is not a mapping, names an unknown parameter, or a value does not fit.
    """
    values = profile.get(lesson) or {}
    if not isinstance(values, Mapping):
        raise CourseError(f"the entry {lesson} is not a set of parameters: {values!r}")
    for name in values:
        if name not in parameters:
            raise CourseError(f"unknown parameter {name!r} of {lesson}: {nearest(str(name), parameters)}")
    return {name: parameters[name].convert(value) for name, value in values.items()}


def check_classes(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> None:
    """Check the numbers that must be `below the number of classes` of the data set.

    Args:
        parameters: A lesson's parameters.
        values: The values other than the defaults.

    Raises:
        CourseError: One of them is not.
    """
    limited = [parameter for parameter in parameters.values() if "below the number of classes" in parameter.help]
    if not limited or "dataset" not in parameters:
        return
    dataset = values.get("dataset", parameters["dataset"].default_value)
    n_classes = _count_classes(dataset)
    for parameter in limited:
        value = values.get(parameter.name, parameter.default_value)
        if value is not None and value >= n_classes:
            raise CourseError(
                f"parameter {parameter.name!r} of {parameter.lesson}: {value} is not below the number of classes of "
                f"{dataset!r}, {n_classes}"
            )


def _type_of(default: ast.expr) -> str:
    try:
        return type(ast.literal_eval(default)).__name__
    except (ValueError, SyntaxError):
        return "Any"


def _convert(value: Any, annotation: ast.expr) -> Any:
    """Convert a text, or check a typed value, by an annotation's syntax tree."""
    match annotation:
        case ast.Constant(value=str(quoted)):
            return _convert(value, ast.parse(quoted, mode="eval").body)
        case ast.Constant(value=None) | ast.Name(id="None" | "NoneType"):
            return _to_none(value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _to_one_of(value, [left, right])
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _to_one_of(value, [inner, ast.Constant(None)])
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
            return _to_one_of(value, members)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            return _to_choice(value, choices)
        case ast.Subscript(value=ast.Name(id="list" | "List" | "Sequence"), slice=inner):
            return [_convert(item, inner) for item in _items(value)]
        case ast.Subscript(value=ast.Name(id="tuple" | "Tuple"), slice=inner):
            return _to_tuple(value, inner)
        case ast.Name(id="list"):
            return [_convert(item, ast.Name("Any")) for item in _items(value)]
        case ast.Name(id="tuple"):
            return tuple(_convert(item, ast.Name("Any")) for item in _items(value))
        case ast.Name(id=name) if name in _SCALARS:
            return _SCALARS[name](value)
    return _literal(value) if isinstance(value, str) else value


def _to_int(value: Any) -> int:
    try:
        if isinstance(value, bool | float):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise _MisfitError("a whole number, such as 3") from None


def _to_float(value: Any) -> float:
    try:
        if isinstance(value, bool) or math.isnan(number := float(value)):
            raise ValueError
    except (TypeError, ValueError):
        raise _MisfitError("a number, such as 0.1 or 1e-3") from None
    return number


def _to_bool(value: Any) -> bool:
    text = str(value).lower()
    if text not in TRUE + FALSE:
        raise _MisfitError("a truth value: true or false")
    return text in TRUE


def _to_str(value: Any) -> str:
    if not isinstance(value, str):
        raise _MisfitError("a text (write it in quotes)")
    return value


def _to_none(value: Any) -> None:
    if value is not None and str(value).lower() not in ("none", "null"):
        raise _MisfitError("none")


_SCALARS = {"int": _to_int, "float": _to_float, "bool": _to_bool, "str": _to_str}


def _to_one_of(value: Any, members: list[ast.expr]) -> Any:
    # None first: in `str | None` the text "none" means None.
    expected = []
    for member in sorted(members, key=lambda member: ast.unparse(member) != "None"):
        try:
            return _convert(value, member)
        except _MisfitError as misfit:
            expected.append(str(misfit))
    raise _MisfitError(" or ".join(reversed(expected)))


def _to_choice(value: Any, choices: ast.expr) -> Any:
    known = [ast.literal_eval(choice) for choice in (choices.elts if isinstance(choices, ast.Tuple) else [choices])]
    for choice in known:
        if str(choice) == str(value):
            return choice
    raise _MisfitError(f"one of {', '.join(map(str, known))}")


def _to_tuple(value: Any, inner: ast.expr) -> tuple[Any, ...]:
    items = _items(value)
    members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if len(members) == 2 and ast.unparse(members[1]) == "...":
        return tuple(_convert(item, members[0]) for item in items)
    if len(items) != len(members):
        raise _MisfitError(f"a list of {len(members)} values separated by commas")
    return tuple(_convert(item, member) for item, member in zip(items, members, strict=True))


def _items(value: Any) -> list[Any]:
    """Split `3,4`, `[3, 4]`, `(3, 4)` or `a,b` into its items; a list or tuple stays as it is."""
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str) or not value.strip():
        raise _MisfitError("a list, such as 3,4 or [3, 4]; write an empty one as []")
    text = value.strip()
    inner = text[1:-1] if text[0] + text[-1] in ("[]", "()") else text
    if any(mark in inner for mark in "'\"[("):
        for whole in (text, f"[{text}]"):
            parsed = _literal(whole)
            if isinstance(parsed, list | tuple):
                return list(parsed)
    # No Python: texts without quotes, in which an apostrophe or a bracket is a character like any other.
    return [item.strip() for item in inner.split(",")] if inner.strip() else []


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


@cache  # the lessons of a run mostly have the same data set
def _count_classes(dataset: str) -> int:
    """Check that a data set is there, without reading its images, and return how many classes it has."""
    from helper_utils.data import check_dataset

    return check_dataset(dataset)
