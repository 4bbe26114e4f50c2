"""What a run depends on besides its settings: the code, the packages, the machine and the data."""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from helper_utils.base.versions import installed_versions

PACKAGES = ("helper-utils", "torch", "torchvision", "numpy", "scikit-learn", "pandas", "optuna")


def describe_environment(folder: str | Path = ".") -> dict[str, Any]:
    """Return what the results depend on besides settings and data, as values that JSON can hold.

    It holds no environment variable, no host name and no name of a person.

    Args:
        folder: Where the code is; its git commit is recorded. By default it is the working folder: code that stands
            elsewhere, such as an installed package, is known by its version only.

    Returns:
        `code` (see `describe_code`), `versions` (of Python and of `PACKAGES`, as far as they are installed), and
        `machine`: the system, the processor's architecture, and torch's number of threads and set of vector
        instructions, if torch has been imported.
    """
    machine: dict[str, Any] = {"system": platform.system(), "architecture": platform.machine()}
    torch = sys.modules.get("torch")
    if torch is not None:
        machine["threads"] = torch.get_num_threads()
        machine["instructions"] = torch.backends.cpu.get_cpu_capability()
    return {"code": describe_code(folder), "versions": installed_versions(PACKAGES), "machine": machine}


def describe_code(folder: str | Path = ".") -> dict[str, Any]:
    """Return the git commit of a folder, and whether files differ from it (`dirty`).

    Both are None where there is no git or no repository. A run of dirty code cannot be made again from its commit.

    Args:
        folder: Any folder of the repository.
    """
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    lines = done.stdout.splitlines()
    commits = [line.split()[2] for line in lines if line.startswith("# branch.oid ")]
    dirty = any(not line.startswith("#") for line in lines)
    return {"commit": commits[0] if commits and commits[0] != "(initial)" else None, "dirty": dirty}


def data_fingerprint(*values: Any) -> str:
    """Return a short text that is different where the data is: its values, types, shapes or order.

    It is the beginning of a SHA-256 hash, 16 hexadecimal digits.

    Args:
        values: Tensors, NumPy arrays, numbers, texts, None, or tuples, lists and dicts of them (such as a `Part`).

    Raises:
        TypeError: A value is something else, whose content we do not know.
    """
    state = hashlib.sha256()
    _add(state, values)
    return state.hexdigest()[:16]


def _add(state: Any, value: Any) -> None:
    if isinstance(value, tuple | list):
        state.update(f"{len(value)} values:".encode())
        for single in value:
            _add(state, single)
    elif isinstance(value, dict):
        state.update(f"{len(value)} names:".encode())
        for name, single in value.items():
            _add(state, name)
            _add(state, single)
    elif hasattr(value, "detach"):  # a tensor
        if str(value.layout) != "torch.strided":
            raise TypeError(f"no fingerprint of a tensor with the layout {value.layout}: pass tensor.to_dense()")
        tensor = value.detach().cpu().contiguous()
        state.update(f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}:".encode())
        state.update(tensor.reshape(-1).view(_bytes_of(tensor)).numpy().tobytes())
    elif hasattr(value, "__array_interface__"):
        value = np.asarray(value)  # pictures of PIL have the interface too
        if value.dtype.hasobject:
            raise TypeError("no fingerprint of an array of objects: its bytes are addresses, which change")
        state.update(f"{value.dtype} {tuple(value.shape)}:".encode())
        state.update(value.tobytes())
    elif value is None or isinstance(value, str | bytes | bool | int | float):
        state.update(f"{type(value).__name__} {value!r}:".encode())
    else:
        raise TypeError(
            f"no fingerprint of an object of type {type(value).__name__}: pass tensors, arrays, numbers, texts, or "
            "tuples, lists and dicts of them"
        )


def _bytes_of(tensor: Any) -> Any:
    import torch

    return torch.uint8 if tensor.numel() else tensor.dtype
