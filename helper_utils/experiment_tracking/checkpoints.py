"""Checkpoints from which a training goes on as if it had not been stopped."""

import os
import pickle
import random
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from helper_utils.base.files import whole_file
from helper_utils.experiment_tracking.run_log import checked_epoch


class Stateful(Protocol):
    """What has a state: models, optimizers, schedulers, `TensorLoader`."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Go on from a state."""
        ...


def save_checkpoint(path: str | Path, *, epoch: int, **parts: Stateful) -> None:
    """Save the state of a training in one step: a process that is killed leaves the old file or the new one.

    The states of the random generators of Python, NumPy and torch (CPU and CUDA) are saved as well.

    Args:
        path: The file; its folder must exist.
        epoch: The last finished epoch.
        parts: All that changes while training, by name: the model, the optimizer, the scheduler if there is one, and
            the loader of the training set (its position in the data).

    Raises:
        TypeError: A part has no `state_dict`, or the epoch is not a whole number.
        ValueError: There are no parts, or the epoch is negative.
    """
    _check_parts(parts)
    epoch = checked_epoch("epoch", epoch)
    content = {
        "epoch": epoch,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "random": _random_states(),
    }
    with whole_file(path) as partial, partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())  # the content is on the disk before the name is


def load_checkpoint(path: str | Path, **parts: Stateful) -> int:
    """Give each part its saved state back, and the random generators theirs; return the last finished epoch.

    The file is read with `weights_only=True`, which is made to keep code in it from running. Still,
    load only files that you trust.

    Args:
        path: A file of `save_checkpoint`.
        parts: The same names as when it was saved, with new objects of the same shapes.

    Returns:
        The last finished epoch: go on with the next one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a checkpoint, or the names are not those that were saved.
        TypeError: A part has no `state_dict`.
        RuntimeError: A part has a different shape than what was saved.

    Warns:
        UserWarning: The states of CUDA's generators cannot be given back, since the number of GPUs is different.
    """
    _check_parts(parts)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        saved, epoch, states = content["parts"], content["epoch"], content["random"]
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError) as error:
        raise ValueError(f"{path} is not a checkpoint of save_checkpoint: {error}") from None
    if set(saved) != set(parts):
        left = ", ".join(sorted(set(saved) ^ set(parts)))
        raise ValueError(
            f"{path} holds {', '.join(sorted(saved))}; you passed {', '.join(sorted(parts))} (different: {left}). "
            "A part that is left out would begin anew, and the training would not go on as it was"
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    _set_random_states(states)
    return epoch


def _check_parts(parts: dict[str, Any]) -> None:
    if not parts:
        raise ValueError("a checkpoint needs parts: model=..., optimizer=..., and what else changes while training")
    for name, part in parts.items():
        if not hasattr(part, "state_dict") or isinstance(part, type):
            raise TypeError(f"{name} is an object of type {type(part).__name__}, which has no state_dict()")


def _random_states() -> dict[str, Any]:
    """Return the states of all generators as what `weights_only=True` can read: tensors, tuples, numbers."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # type: ignore[misc]
    return {
        "python": random.getstate(),
        "numpy": (str(name), torch.tensor(np.asarray(keys).astype(np.int64)), position, has_gauss, float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"])
    n_devices = torch.cuda.device_count()
    if states["cuda"] and n_devices == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    elif states["cuda"]:
        warnings.warn(
            f"the checkpoint was saved with {len(states['cuda'])} GPUs, and here are {n_devices}: their random states "
            "cannot be given back, so dropout on a GPU draws different masks",
            stacklevel=3,
        )
