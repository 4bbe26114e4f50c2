"""`import helper_utils` against a bare start of Python, each in a fresh process."""

import subprocess
import sys
from functools import partial

from timing import alternate, main, quartiles


def start(code: str) -> None:
    """Run a line in a fresh Python."""
    subprocess.run([sys.executable, "-c", code], check=True)


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the line of the table."""
    codes = {"import helper_utils": "import helper_utils", "python": "pass"}
    seconds = alternate({name: partial(partial, start, code) for name, code in codes.items()}, n_rounds).seconds
    more = [ours - bare for ours, bare in zip(*seconds.values(), strict=True)]
    ours, bare = (f"{name}: {quartiles(values)[0]:.3g} s" for name, values in seconds.items())
    median, low, high = quartiles(more)
    difference = f"{median:+.3f} s ({low:+.3f} to {high:+.3f})"
    return "Single-threaded.", [f"| starting Python | {ours} | {bare} | takes {difference} | 0.15 s at most |"]


if __name__ == "__main__":
    main(measure, n_rounds=30)
