"""A progress bar for work that mostly takes no time: it appears only where somebody has to wait."""

import os
import time
from typing import Any

SECONDS_WITHOUT_BAR = 3.0
NOBODY_WATCHES = ("HELPER_UTILS_PROGRESS", "off")  # set where notebooks run by themselves; their outputs hold no bars


class LateBar:
    """A bar that appears after a few seconds, and goes when the work is done or has failed. A context manager.

    Args:
        total: How many steps there are.
        shown: Whether it may appear at all.
    """

    def __init__(self, total: int, *, shown: bool = True) -> None:
        self.total, self.n = total, 0
        self.shown = shown and os.environ.get(NOBODY_WATCHES[0], "").lower() != NOBODY_WATCHES[1]
        self.bar: Any = None
        self.started = time.monotonic()

    def __enter__(self) -> "LateBar":
        """Begin without a bar."""
        return self

    def update(self) -> None:
        """Count a step, and move the bar if there is one."""
        self.n += 1
        if self.bar is not None:
            self.bar.update()
        elif self.shown and time.monotonic() - self.started > SECONDS_WITHOUT_BAR:
            from tqdm.auto import tqdm

            self.bar = tqdm(total=self.total, initial=self.n, unit="step", leave=False)

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()
