"""Where the computation runs."""

import os

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
