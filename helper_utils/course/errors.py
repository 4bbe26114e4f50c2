"""What went wrong, said in one line."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

import click

# Colours, and what else a terminal obeys; characters that turn the direction of what is shown after them.
CONTROLS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MAX_LINE = 500  # characters


class CourseError(click.ClickException):
    """A mistake that the user can fix: the command line shows one line, no traceback, and exits with status 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


def explained(error: OSError | UnicodeError) -> str:
    """Say in one line what is wrong with a file, a folder or a text."""
    if isinstance(error, UnicodeError):
        where = ""
        if isinstance(error, UnicodeEncodeError):
            where = f": {error.object[max(0, error.start - 30) : error.end + 30]!r}"
        return f"a name or a text is not valid UTF-8{where}"
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the current directory does not exist any more; change to another one"
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def one_line(text: str) -> str:
    """Return a text, perhaps a stranger's, as one line that shows as it is and is not too long."""
    line = " ".join(CONTROLS.sub(" ", text).split()).encode("utf-8", "replace").decode("utf-8")
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 run` or `6 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is closest to `name`, or list the known ones; the second half of an error message."""
    known = list(known)
    matches = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"known are: {', '.join(known)}" if known else "there are none"
