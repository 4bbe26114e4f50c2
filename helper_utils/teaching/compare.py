"""Two things with values: say how they differ, and show them in a few characters that are the same on every machine."""

import math
import numbers
import reprlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

MAX_ENTRIES = 8  # of a list, and in each direction of a tensor
MAX_DEPTH = 4  # a batch of images has four axes
MAX_CHARACTERS = 80
MAX_BITS = 64

SPOKEN = {"None": "None", "array": "a NumPy array", "...": "`...`"}
KINDS_OF_NUMBERS = {
    "b": "booleans",
    "i": "integers",
    "u": "integers",
    "f": "floating-point numbers",
    "c": "complex numbers",
}


def kind(value: Any) -> str:
    """Name the kind of a value: `int`, `float`, `bool`, `None`, `tensor`, `array`, `list`, ... or its type's name."""
    torch = sys.modules.get("torch")  # whoever holds a tensor has imported torch
    if torch is not None and isinstance(value, torch.Tensor):
        return "tensor"
    if isinstance(value, np.ndarray):
        return "array"
    if value is None or value is ...:
        return "None" if value is None else "..."
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, numbers.Integral):
        return "int"
    if isinstance(value, numbers.Real):
        return "float"
    for name, type_ in (("str", str), ("list", list), ("tuple", tuple), ("dict", dict)):
        if isinstance(value, type_):
            return name
    return type(value).__name__


def difference(expected: Any, got: Any, tolerance: float, what: str = "the result") -> str:
    """Say in a sentence how a value differs from the expected one.

    An int may stand for a float, a list for a tuple, and any precision for any other; nan equals nan. Tensors may be on
    any device.

    Args:
        expected: A number, text, list, tuple, dict, array, tensor or function, or one in another.
        got: Anything.
        tolerance: By how much numbers may differ, relative and absolute.
        what: What the value is called in the sentence.

    Returns:
        The sentence, or an empty string where they are the same.

    Raises:
        TypeError: The expected value is something else.
    """
    kinds = kind(expected), kind(got)
    if kinds[1] != kinds[0] and kinds not in (("float", "int"), ("tuple", "list"), ("list", "tuple")):
        return f"{what} is {_with_article(kinds[1])}{_advice(kinds, got)}; expected is {_with_article(kinds[0])}"
    if kinds[0] in ("tensor", "array"):
        return _difference_of_arrays(_as_array(expected), _as_array(got), tolerance, what)
    if kinds[0] in ("list", "tuple"):
        if len(got) != len(expected):
            return f"{what} has {_count(len(got), 'entry', 'entries')}; expected {_are(len(expected))}"
        parts = [(f"entry {i} of {what}", *pair) for i, pair in enumerate(zip(expected, got, strict=True))]
    elif kinds[0] == "dict":
        if got.keys() != expected.keys():
            return f"{what} has other keys than expected"
        parts = [(f"{what} at {short_text(key)}", expected[key], got[key]) for key in expected]
    else:
        return "" if _equal(expected, got, tolerance, kinds[0]) else f"{what} has another value than expected"
    return next(filter(None, (difference(e, g, tolerance, part) for part, e, g in parts)), "")


def short_text(value: Any, digits: int = 4) -> str:
    """Show a value in a few characters: numbers rounded to some digits, long things cut off, no addresses."""
    try:
        return _short_text(value, digits, 0)
    except Exception:  # a sparse tensor, say, or an object that refuses to be looked at
        return _with_article(kind(value))


def short_texts(expected: Any, got: Any) -> tuple[str, str]:
    """Show two values, with as many digits as it takes to see that they differ, if they do."""
    for digits in (4, 8, 17):
        texts = short_text(expected, digits), short_text(got, digits)
        if texts[0] != texts[1]:
            return texts
    return short_text(expected), short_text(got)


def _with_article(name: str) -> str:
    return SPOKEN.get(name, f"{'an' if name[0] in 'aeio' else 'a'} {name}")


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count}"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _advice(kinds: tuple[str, str], got: Any) -> str:
    """Say how a value of the wrong kind comes about."""
    expected, found = kinds
    if found == "None":
        return " (did you forget `return`?)"
    if found == "...":
        return " (replace the dots)"
    if found == "generator":
        return " (use `return`, not `yield`)"
    if expected in ("float", "int", "bool") and found in ("tensor", "array") and math.prod(got.shape) == 1:
        return " (`.item()` makes a number of its single entry)"
    return ""


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    value = value.detach().cpu()
    return (value.double() if value.is_floating_point() else value).numpy()  # NumPy has no bfloat16


def _difference_of_arrays(expected: np.ndarray, got: np.ndarray, tolerance: float, what: str) -> str:
    if got.shape != expected.shape:
        return f"{what} has the shape {got.shape}; expected is {expected.shape}"
    names = [KINDS_OF_NUMBERS.get(array.dtype.kind, str(array.dtype)) for array in (expected, got)]
    if names[0] != names[1]:
        return f"{what} holds {names[1]}; expected are {names[0]}"
    same = np.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    return "" if same else f"{what} has another value than expected"


def _equal(expected: Any, got: Any, tolerance: float, name: str) -> bool:
    if name == "float":
        try:
            expected, got = float(expected), float(got)
        except OverflowError:  # an int beyond all floats
            return False
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance) or (
            got != got and expected != expected
        )
    if name in ("int", "bool", "str", "None", "function"):
        return bool(expected == got)
    raise TypeError(f"cannot compare a value of type {type(expected).__name__}: see the docstring of difference")


def _short_text(value: Any, digits: int, depth: int) -> str:
    name = kind(value)
    if name in ("tensor", "array"):
        whole = math.prod(value.shape) and all(size <= MAX_ENTRIES for size in value.shape)
        # The numbers themselves are taken before they are shown: a tensor's own text has as many digits as it likes.
        content = _short_text(_first_entries(value), digits, depth)
        return f"{name}({content})" if whole else f"{name} of shape {tuple(value.shape)}: {content}"
    if name == "int":
        return str(int(value)) if int(value).bit_length() <= MAX_BITS else f"an int of {int(value).bit_length()} bits"
    if name == "float":
        return _short_float(float(value), digits)
    if name in ("bool", "None"):
        return str(value)
    if name == "...":
        return "..."
    if name == "str":
        limited = reprlib.Repr()
        limited.maxstring = MAX_CHARACTERS
        return limited.repr(str(value))
    if name in ("list", "tuple"):
        return _short_sequence(value, digits, depth)
    if name == "dict":
        shown = [
            f"{_short_text(key, digits, depth + 1)}: {_short_text(value[key], digits, depth + 1)}"
            for key in list(value)[:MAX_ENTRIES]
        ]
        return "{" + ", ".join(shown + ["…"] * (len(value) > MAX_ENTRIES)) + "}"
    return _with_article(name)[:MAX_CHARACTERS]


def _first_entries(value: Any) -> Any:
    """Return the first entries of a tensor or an array as nested lists."""
    some = value[tuple(slice(MAX_ENTRIES + 1) for _ in value.shape)]  # one more than is shown, for the ellipsis
    return _as_array(some).tolist()


def _short_float(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return text if any(character in text for character in ".en") else text + ".0"


def _short_sequence(value: Sequence[Any], digits: int, depth: int) -> str:
    left, right = "()" if isinstance(value, tuple) else "[]"
    if depth >= MAX_DEPTH:
        return f"{left}…{right}"
    shown = [_short_text(entry, digits, depth + 1) for entry in value[:MAX_ENTRIES]]
    comma = "," if len(value) == 1 and left == "(" else ""
    return left + ", ".join(shown + ["…"] * (len(value) > MAX_ENTRIES)) + comma + right
