"""The seeds that make a computation repeatable."""

import random

import numpy as np
import torch

_MAX_SEED = 2**32 - 1  # NumPy's legacy generator takes 32 bits

_SEEDS_PER_BASE = 1000


def set_seed(seed: int = 42) -> None:
    """Seed Python's `random`, NumPy and torch on every device.

    Two runs with the same seed on one machine give the same numbers; other machines or numbers of threads may round
    differently (https://docs.pytorch.org/docs/stable/notes/randomness.html).

    Args:
        seed: An integer from 0 to 2**32 - 1.

    Raises:
        ValueError: The seed is not such an integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= _MAX_SEED:
        raise ValueError(f"seed must be an integer from 0 to {_MAX_SEED}, not {seed!r}")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # the CPU and all accelerators


def spawn_seeds(seed: int, n_seeds: int) -> list[int]:
    """Derive the seeds of several runs from one base seed; different base seeds share no run.

    Args:
        seed: The base seed, at least 0.
        n_seeds: How many seeds, from 1 to 1000.

    Raises:
        ValueError: An argument is out of its range.
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    if not 1 <= n_seeds <= _SEEDS_PER_BASE:
        raise ValueError(f"n_seeds must be from 1 to {_SEEDS_PER_BASE}, not {n_seeds}")
    return [_SEEDS_PER_BASE * seed + run for run in range(n_seeds)]
