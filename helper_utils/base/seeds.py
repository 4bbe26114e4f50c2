"""The seeds that make a computation repeatable."""

import random

import numpy as np
import torch

from helper_utils.base.checks import MAX_BASE_SEED, MAX_SEED, SEEDS_PER_BASE, is_whole_number


def set_seed(seed: int = 42) -> None:
    """Seed Python's `random`, NumPy and torch on every device.

    Two runs with the same seed on one machine give the same numbers; other machines or numbers of threads may round
    differently (https://docs.pytorch.org/docs/stable/notes/randomness.html).

    Args:
        seed: An integer from 0 to 2**32 - 1.

    Raises:
        ValueError: The seed is not such an integer.
    """
    if not is_whole_number(seed) or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed must be an integer from 0 to {MAX_SEED}, not {seed!r}")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # the CPU and all accelerators


def spawn_seeds(seed: int, n_seeds: int) -> list[int]:
    """Derive the seeds of several runs from one base seed; different base seeds share no run.

    Args:
        seed: The base seed, an integer from 0 to 4294966: beyond it `set_seed` would not take the seeds.
        n_seeds: How many seeds, from 1 to 1000.

    Raises:
        ValueError: An argument is out of its range.
    """
    if not is_whole_number(seed) or not 0 <= seed <= MAX_BASE_SEED:
        raise ValueError(f"a base seed must be an integer from 0 to {MAX_BASE_SEED}, not {seed!r}")
    if not is_whole_number(n_seeds) or not 1 <= n_seeds <= SEEDS_PER_BASE:
        raise ValueError(f"n_seeds must be from 1 to {SEEDS_PER_BASE}, not {n_seeds!r}")
    return [SEEDS_PER_BASE * int(seed) + run for run in range(n_seeds)]
