"""What the user did wrong, said in one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches

import click


class CourseError(click.ClickException):
    """A mistake that the user can mend: the command line shows the message, no traceback, and exits with status 1."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is closest to `name`, or lists the known ones; the second half of an error message."""
    known = list(known)
    matches = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"known are: {', '.join(known)}" if known else "there are none"
