"""Where the computation runs, and the seeds that make it repeatable."""

import os
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


def get_device(name: str = "auto") -> torch.device:
    """Choose the device: CUDA if there is one, else Apple's MPS, else the CPU; or the one that is named.

    Args:
        name: "auto", or a name that torch knows, such as "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ValueError: torch does not know the name.
        RuntimeError: The named device is not available here.
    """
    return _choose(name)[0]


def describe_device(name: str = "auto") -> str:
    """Say in one line which device `get_device(name)` chooses and why; arguments and errors are the same."""
    device, reason = _choose(name)
    return f"{device} ({reason})"


def _choose(name: str) -> tuple[torch.device, str]:
    if name != "auto":
        return _named(name), "as asked for"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"CUDA is available: {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "Apple's MPS is available"
    threads = f"{torch.get_num_threads()} of {os.cpu_count()} cores in use"
    return torch.device("cpu"), f"neither CUDA nor MPS is available; {threads}"


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: expected 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'") from error
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= available.get(device.type, 1):
        raise RuntimeError(f"device {name!r} is not available here: use 'auto' or 'cpu'")
    return device
