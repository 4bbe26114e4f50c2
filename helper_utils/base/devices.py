"""Where the computation runs."""

import functools
import os
import sys

import torch


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
    """Say in one line which device `get_device(name)` chooses and why; arguments and errors are the same.

    Lessons print it when they set up. In a Jupyter kernel, and nowhere else, it therefore calls `use_one_thread` first
    where the device is the CPU.
    """
    device, reason = _choose(name)
    if device.type != "cpu":
        return f"{device} ({reason})"
    is_limited = _in_kernel() and use_one_thread()
    n_threads = torch.get_num_threads()
    threads = "one thread" if n_threads == 1 else f"{n_threads} threads"
    advice = "; for more, set OMP_NUM_THREADS before Jupyter starts" if is_limited and n_threads == 1 else ""
    return f"{device}, {threads} on {os.cpu_count()} cores ({reason}{advice})"


@functools.cache  # the first call decides; a later torch.set_num_threads stays as it is
def use_one_thread() -> bool:
    """Let torch compute in one thread from now on, unless the environment sets OMP_NUM_THREADS; say whether it did.

    The lessons' networks are so small that several threads gain little. Threads wait for each other in a busy loop, and
    where another program wants a core, a lesson would take four to ten times as long. For more threads, set
    OMP_NUM_THREADS before Jupyter starts, or call `torch.set_num_threads` afterwards.
    """
    if os.environ.get("OMP_NUM_THREADS"):
        return False
    torch.set_num_threads(1)
    return True


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _choose(name: str) -> tuple[torch.device, str]:
    if name != "auto":
        return _named(name), "as asked for"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"CUDA is available: {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "Apple's MPS is available"
    return torch.device("cpu"), "neither CUDA nor MPS is available"


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: expected 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'") from error
    available = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= available.get(device.type, 1):
        raise RuntimeError(f"device {name!r} is not available here: use 'auto' or 'cpu'")
    return device
