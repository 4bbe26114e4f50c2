import random

import numpy as np
import pytest
import torch

from helper_utils import describe_device, get_device, set_seed, spawn_seeds
from helper_utils.base.seeds import MAX_BASE_SEED


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), torch.rand(1).item()


def test_the_same_seed_gives_the_same_numbers_everywhere():
    set_seed(7)
    first = draw()
    set_seed(7)
    assert draw() == first
    set_seed(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, "7", True])
def test_a_seed_that_is_none_is_named(seed):
    with pytest.raises(ValueError, match=repr(seed)):
        set_seed(seed)


def test_base_seeds_share_no_run():
    seeds = [seed for base in range(20) for seed in spawn_seeds(base, 1000)]
    assert len(set(seeds)) == len(seeds)
    assert spawn_seeds(3, 2) == spawn_seeds(3, 5)[:2]


@pytest.mark.parametrize(("seed", "n_seeds"), [(-1, 3), (0, 0), (0, 1001), (0, 1.5), (0.5, 3), (True, 3), ("7", 3)])
def test_spawn_seeds_refuses_what_would_collide(seed, n_seeds):
    with pytest.raises(ValueError, match="must be"):
        spawn_seeds(seed, n_seeds)


def test_every_spawned_seed_can_be_set_and_a_base_seed_too_large_is_named_as_it_was_given():
    set_seed(spawn_seeds(MAX_BASE_SEED, 1000)[-1])
    with pytest.raises(ValueError, match="from 0 to 4294966, not 5000000"):
        spawn_seeds(5_000_000, 1)
    with pytest.raises(ValueError, match=f"not {MAX_BASE_SEED + 1}"):
        spawn_seeds(MAX_BASE_SEED + 1, 1000)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_best_device_is_chosen_and_the_reason_is_one_line(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert get_device() == torch.device(expected)
    assert describe_device().startswith(f"{expected} (")
    assert "\n" not in describe_device()


def test_a_named_device_is_used_or_refused(monkeypatch):
    assert get_device("cpu") == torch.device("cpu")
    assert describe_device("cpu") == "cpu (as asked for)"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert get_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(RuntimeError, match="'cuda:1' is not available"):
        get_device("cuda:1")
    with pytest.raises(ValueError, match="'gpu'"):
        get_device("gpu")
