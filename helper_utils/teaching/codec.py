"""Values as data: what an answer returns, on its way from the process that ran it to the one that judges it.

A value becomes lists, numbers and texts that JSON can hold. Unlike a pickle, these can be read from anybody.
Of functions only those that an exercise's module defines are sent, by their name.
(`torch.load(weights_only=True)` reads no arrays, and unpacks a small file to any size; what an answer returns would
have to be sorted into data, too large and odd before it all the same.)
"""

import contextlib
import importlib
import math
import re
from typing import Any

from helper_utils.teaching.compare import kind

MAX_ENTRIES = 100_000  # of a tensor that an answer returns
MAX_CHARACTERS = 10_000
MAX_BITS = 4_000  # of an int
MAX_DEPTH = 20  # of lists in lists
OPAQUE = "opaque"
KINDS = {"None", "bool", "int", "float", "str", "list", "tuple", "dict", "tensor", "array"}  # what can be sent
OF_EXERCISES = re.compile(r"helper_utils\.[a-z0-9_]+\.exercises")  # modules whose functions can be sent, by name


def encode(value: Any, depth: int = 0) -> Any:
    """Turn a value into something that JSON can hold; of what is neither data nor small, only the kind is left."""
    name = kind(value)
    with contextlib.suppress(Exception):  # a sparse tensor, or an object that refuses to be read
        if name == "None":
            return [name]
        if name in ("bool", "float"):
            return [name, {"bool": bool, "float": float}[name](value)]
        if name == "int" and int(value).bit_length() <= MAX_BITS:
            return [name, int(value)]
        if name == "str" and len(value) <= MAX_CHARACTERS:
            return [name, str(value)]
        if name in ("list", "tuple") and depth < MAX_DEPTH and len(value) <= MAX_ENTRIES:
            return [name, [encode(entry, depth + 1) for entry in value]]
        if name == "dict" and depth < MAX_DEPTH and len(value) <= MAX_ENTRIES:
            return [name, [[encode(key, MAX_DEPTH), encode(entry, depth + 1)] for key, entry in value.items()]]
        if name == "tensor" and not value.is_complex() and math.prod(value.shape) <= MAX_ENTRIES:
            return [name, str(value.dtype).removeprefix("torch."), list(value.shape), value.detach().cpu().tolist()]
        if name == "function" and decode(named := [name, value.__module__, value.__qualname__]) is value:
            return named
        if name == "array" and value.dtype.kind in "biuf" and value.size <= MAX_ENTRIES:
            return [name, value.dtype.str, list(value.shape), value.tolist()]
    return [OPAQUE, f"huge_or_odd_{name}" if name in KINDS else name]


def decode(coded: Any) -> Any:
    """Turn what `encode` has made back into the value.

    Raises:
        ValueError: It is something else.
    """
    try:
        match coded:
            case ["None"]:
                return None
            case ["bool", bool(value)] | ["float", float(value)] | ["int", int(value)] | ["str", str(value)]:
                return value
            case ["list", list(entries)]:
                return [decode(entry) for entry in entries]
            case ["tuple", list(entries)]:
                return tuple(decode(entry) for entry in entries)
            case ["dict", list(entries)]:
                return {decode(key): decode(entry) for key, entry in entries}
            case ["tensor", str(dtype), list(shape), entries]:
                import torch

                return torch.tensor(entries, dtype=getattr(torch, dtype)).reshape(shape)
            case ["function", str(module), str(function)] if OF_EXERCISES.fullmatch(module):  # an input of an exercise
                return getattr(importlib.import_module(module), function)
            case ["array", str(dtype), list(shape), entries]:
                import numpy as np

                return np.array(entries, dtype=np.dtype(dtype)).reshape(shape)
            case ["opaque", "..."]:
                return ...
            case ["opaque", str(name)] if name not in KINDS:  # an object of a type with that name, for the message
                return type(re.sub(r"\W", "_", name)[:80] or "object", (), {})()
    except (TypeError, AttributeError, ImportError, RuntimeError, RecursionError) as error:
        raise ValueError(f"cannot be decoded: {error}") from None
    raise ValueError("cannot be decoded")
