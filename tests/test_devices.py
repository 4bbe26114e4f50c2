import random
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helper_utils import describe_device, get_device, set_seed, spawn_seeds
from helper_utils.base import devices
from helper_utils.base.checks import MAX_BASE_SEED


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
    assert re.match(rf"{expected}[ ,].*\(.*available.*\)$", describe_device())
    assert "\n" not in describe_device()


def test_a_named_device_is_used_or_refused(monkeypatch):
    assert get_device("cpu") == torch.device("cpu")
    assert re.match(r"cpu, .* \(as asked for.*\)$", describe_device("cpu"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert get_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(RuntimeError, match="'cuda:1' is not available"):
        get_device("cuda:1")
    with pytest.raises(ValueError, match="'gpu'"):
        get_device("gpu")


@pytest.fixture
def threads(monkeypatch):
    """Threads of torch that a test may change, as in a fresh process whose environment says nothing about them."""
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    devices.use_one_thread.cache_clear()
    torch.set_num_threads(2)
    yield monkeypatch
    torch.set_num_threads(before)
    devices.use_one_thread.cache_clear()


def test_outside_a_notebook_the_number_of_threads_is_left_alone(threads):  # noqa: ARG001
    assert describe_device("cpu").startswith("cpu, 2 threads on ")
    assert "set OMP_NUM_THREADS" not in describe_device("cpu")
    assert torch.get_num_threads() == 2


def test_a_lesson_takes_one_thread_and_says_so(threads):
    threads.setattr(devices, "_in_kernel", lambda: True)
    get_device()
    assert torch.get_num_threads() == 2  # only the line that says it changes it
    line = describe_device("cpu")
    assert line.startswith("cpu, one thread on ")
    assert line.endswith("; for more, set OMP_NUM_THREADS before Jupyter starts)")
    assert torch.get_num_threads() == 1


def test_on_an_accelerator_the_number_of_threads_is_left_alone(threads):
    threads.setattr(devices, "_in_kernel", lambda: True)
    threads.setattr(torch.cuda, "is_available", lambda: True)
    threads.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    assert describe_device() == "cuda (CUDA is available: Some GPU)"
    assert torch.get_num_threads() == 2


def test_who_asks_for_more_threads_in_a_lesson_keeps_them(threads):
    threads.setattr(devices, "_in_kernel", lambda: True)
    describe_device()
    torch.set_num_threads(2)
    assert describe_device("cpu").startswith("cpu, 2 threads on ")
    assert torch.get_num_threads() == 2


def test_a_number_of_threads_in_the_environment_wins(threads):
    threads.setattr(devices, "_in_kernel", lambda: True)
    threads.setenv("OMP_NUM_THREADS", "2")
    assert "set OMP_NUM_THREADS" not in describe_device("cpu")
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("shell", "expected"), [(None, False), (object(), False), (SimpleNamespace(kernel=1), True)])
def test_a_kernel_is_told_from_other_pythons(monkeypatch, shell, expected):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert devices._in_kernel() == expected
    monkeypatch.delitem(sys.modules, "IPython")
    assert not devices._in_kernel()
