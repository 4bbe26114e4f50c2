"""Checks of arguments that several modules make, and the limits of seeds. Nothing here imports torch."""

import numbers

MAX_SEED = 2**32 - 1  # NumPy's legacy generator takes 32 bits
SEEDS_PER_BASE = 1000
MAX_BASE_SEED = (MAX_SEED + 1) // SEEDS_PER_BASE - 1  # all of its seeds are within the limit of `set_seed`


def is_whole_number(value: object) -> bool:
    """Say whether a value is a whole number, of Python or of NumPy; a truth value is not one."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
