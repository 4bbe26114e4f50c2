"""Checks of arguments that several modules make."""

import numpy as np


def is_whole_number(value: object) -> bool:
    """Say whether a value is a whole number, of Python or of NumPy; a truth value is not one."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
