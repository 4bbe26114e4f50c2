"""Data sets by name: parts, sizes, imbalance, normalisation."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helper_utils.data import DATASET_NAMES, Dataset, check_dataset, datasets, downloads, load_dataset
from helper_utils.data.sources import Images, Pictures, Source

PARTS = ("train", "val", "test")


def numbered_source(counts: list[int]) -> Source:
    """A source whose images tell which example they are."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2, 1)
    return Source(tuple(f"class {label}" for label in range(len(counts))), Pictures(images, labels))


def numbers(pictures: Images) -> set[int]:
    return set(pictures.read(None).reshape(-1, 4).copy().view(np.uint32).ravel().tolist())


def counts_of(data: Dataset, part: str) -> list[int]:
    return torch.bincount(getattr(data, part).targets, minlength=data.num_classes).tolist()


@settings(deadline=None)
@given(counts=st.lists(st.integers(3, 80), min_size=2, max_size=12), seed=st.integers(0, 2**40))
def test_parts_are_disjoint_and_stratified(counts: list[int], seed: int) -> None:
    source = numbered_source(counts)
    split = datasets._split(source, seed)
    parts = (split.train, split.val, split.test)
    assert sum(len(part.labels) for part in parts) == sum(counts)
    assert numbers(split.train) | numbers(split.val) | numbers(split.test) == set(range(sum(counts)))
    for part in parts:
        for number, label in zip(
            part.read(None).reshape(-1, 4).copy().view(np.uint32).ravel(), part.labels, strict=True
        ):
            assert source.train.labels[number] == label
        found = np.bincount(part.labels, minlength=len(counts))
        assert found.min() >= 1
        assert np.abs(found - np.array(counts) * len(part.labels) / sum(counts)).max() < 3


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(30, 200), min_size=2, max_size=6),
    ratio=st.one_of(st.none(), st.floats(0.02, 1)),
    share=st.floats(0.3, 1.5),
)
def test_subsets_keep_the_shares_of_the_classes(counts: list[int], ratio: float | None, share: float) -> None:
    split = datasets._split(numbered_source(counts), 0)
    available = datasets._available(split.train.labels, len(counts), ratio)
    size = max(round(share * available.sum()), len(counts))
    chosen = datasets._cut(split, size, ratio, 0).train
    n_chosen = min(size, available.sum())
    assert len(chosen.labels) == n_chosen == len(numbers(chosen))
    assert numbers(chosen) <= numbers(split.train)
    exact = available * n_chosen / available.sum()
    kept = np.bincount(chosen.labels, minlength=len(counts))
    assert kept.min() >= 1
    assert (kept <= available).all()
    assert (np.abs(kept - exact) < len(counts)).all()


@settings(deadline=None)
@given(weights=st.lists(st.floats(0.001, 1), min_size=1, max_size=12), extra=st.integers(0, 500))
def test_class_counts_sum_to_the_size(weights: list[float], extra: int) -> None:
    size = len(weights) + extra
    counts = datasets._class_counts(np.array(weights), size)
    assert counts.sum() == size
    assert counts.min() >= 1
    heavier = np.array(weights)[:, None] > np.array(weights)
    assert (counts[:, None] >= counts)[heavier].all()


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_shape_type_and_names(name: str) -> None:
    data = load_dataset(name, subset_size=400)
    assert (data.name, data.num_classes, len(data.class_names)) == (name, 10, 10)
    for part in PARTS:
        inputs, targets = getattr(data, part)
        assert inputs.dtype == torch.float32
        assert inputs.is_contiguous()
        assert tuple(inputs.shape[1:]) == data.image_shape
        assert targets.dtype == torch.int64
        assert len(inputs) == len(targets)
        assert set(targets.tolist()) == set(range(10))
    assert len(data.train.targets) == 400


@pytest.mark.parametrize(
    ("name", "options", "sizes"),
    [
        ("digits", {}, [1150, 288, 359]),
        ("shapes", {"image_size": 8}, [4000, 1000, 1000]),
        ("shapes", {"image_size": 8, "subset_size": 5000}, [5000, 1000, 1000]),
    ],
)
def test_sizes_of_the_parts(name: str, options: dict[str, Any], sizes: list[int]) -> None:
    data = load_dataset(name, **options)
    assert [len(getattr(data, part).targets) for part in PARTS] == sizes


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_normalised_with_the_training_part_only(name: str) -> None:
    data = load_dataset(name, subset_size=300)
    std, mean = torch.std_mean(data.train.inputs, dim=(0, 2, 3), correction=0)
    assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-5)
    assert torch.allclose(std, torch.ones_like(std), atol=1e-5)
    pixels = data.to_pictures(data.train.inputs)
    assert torch.allclose(pixels.mean((0, 1, 2)), data.mean, atol=1e-5)
    for part in (data.val, data.test):
        assert part.inputs.mean().abs() > 1e-4
        again = (data.to_pictures(part.inputs).movedim(-1, 1) - data.mean.view(-1, 1, 1)) / data.std.view(-1, 1, 1)
        assert torch.allclose(again, part.inputs, atol=1e-5)


def test_to_pictures_gives_back_the_pixels_for_imshow() -> None:
    from sklearn.datasets import load_digits

    data = load_dataset("digits")
    pictures = data.to_pictures(data.train.inputs)
    assert pictures.shape == (1150, 8, 8, 1)
    assert (pictures.min(), pictures.max()) == (0, 1)
    assert torch.equal(data.to_pictures(data.train.inputs[3]), pictures[3])
    originals = {image.astype(int).tobytes() for image in load_digits(return_X_y=True)[0]}
    found = {image.numpy().astype(int).tobytes() for image in (pictures[..., 0] * 16).round()}
    assert found <= originals
    assert len(found) > 1100


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_same_seed_same_data(name: str) -> None:
    first, again, other = (load_dataset(name, subset_size=100, seed=seed) for seed in (7, 7, 8))
    for part in PARTS:
        assert all(map(torch.equal, getattr(first, part), getattr(again, part)))
        assert not torch.equal(getattr(first, part).inputs, getattr(other, part).inputs)


@pytest.mark.parametrize("imbalanced", [False, True])
@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_evaluation_does_not_depend_on_the_subset(name: str, imbalanced: bool) -> None:
    small, large = (load_dataset(name, subset_size=size, imbalanced=imbalanced) for size in (100, 400))
    for part in ("val", "test"):
        assert torch.equal(getattr(small, part).targets, getattr(large, part).targets)
        ours, theirs = (data.to_pictures(getattr(data, part).inputs) for data in (small, large))
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_validation_part_shrinks_with_a_small_subset_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "MIN_VAL_SIZE", 60)
    full = load_dataset("digits")
    for subset_size, expected in ((100, 60), (400, 100), (1150, 287)):
        data = load_dataset("digits", subset_size=subset_size)
        assert len(data.val.targets) == expected
        assert len(data.test.targets) == len(full.test.targets)


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.5])
def test_imbalance_falls_geometrically_in_every_part(ratio: float) -> None:
    data = load_dataset("shapes", image_size=8, imbalanced=True, imbalance_ratio=ratio)
    for part, size in zip(PARTS, (4000, 1000, 1000), strict=True):
        counts = counts_of(data, part)
        assert sum(counts) == size
        expected = ratio ** (np.arange(10) / 9)
        assert np.allclose(counts, expected * size / expected.sum(), atol=1)


def test_imbalance_of_a_set_with_a_fixed_number_of_images() -> None:
    balanced = load_dataset("digits")
    data = load_dataset("digits", imbalanced=True, imbalance_ratio=0.1)
    for part in PARTS:
        counts = counts_of(data, part)
        assert counts == sorted(counts, reverse=True)
        assert counts[0] >= 0.9 * min(counts_of(balanced, part))
        assert abs(counts[-1] - 0.1 * counts[0]) <= 1
    subset = load_dataset("digits", imbalanced=True, imbalance_ratio=0.1, subset_size=200)
    assert np.allclose(np.array(counts_of(subset, "train")) / 200, np.array(counts_of(data, "train")) / 461, atol=0.01)


def test_a_ratio_of_one_is_balanced() -> None:
    assert counts_of(load_dataset("shapes", image_size=8, imbalanced=True, imbalance_ratio=1), "train") == [400] * 10


@pytest.mark.parametrize(("name", "channels"), [("digits", 1), ("shapes", 3)])
@pytest.mark.parametrize("image_size", [16, 32])
def test_image_size(name: str, channels: int, image_size: int) -> None:
    data = load_dataset(name, subset_size=50, image_size=image_size)
    assert data.image_shape == (channels, image_size, image_size)


def test_a_set_of_one_colour_stays_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    black = Pictures(np.zeros((60, 8, 8, 1), np.uint8), np.arange(60) % 3)
    monkeypatch.setattr(datasets, "_read_digits", lambda: Source(("a", "b", "c"), black))
    assert load_dataset("digits").train.inputs.isfinite().all()


def test_device() -> None:
    data = load_dataset("digits", device="meta")
    assert data.train.inputs.device.type == data.test.targets.device.type == data.mean.device.type == "meta"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shape", "unknown data set 'shape'; known are digits, shapes, mnist.*Did you mean 'shapes'"),
        ("CIFAR-10", "Did you mean 'cifar10'"),
        ("imagenet", "known are"),
        ("", "unknown data set ''"),
        ("/home/me/images", "Did you mean 'folder:/home/me/images'"),
        ("~/images", "Did you mean 'folder:~/images'"),
        ("~no-such-user/images", "Did you mean 'folder:~no-such-user/images'"),
        ("../images", "Did you mean 'folder:../images'"),
        ("Folder:~/images", "Did you mean 'folder:~/images'"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    for refuse in (load_dataset, check_dataset):
        with pytest.raises(ValueError, match=message):
            refuse(name)


def test_an_existing_folder_without_the_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"unknown data set 'pictures'.*Did you mean 'folder:pictures'"):
        load_dataset("pictures")


def test_known_names_pass_the_check_without_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path))
    *names, folder = DATASET_NAMES
    assert names == ["digits", "shapes", *downloads.DOWNLOADS]
    assert folder == "folder:PATH"
    for name in names:
        assert check_dataset(name) == 10
    assert not list(tmp_path.iterdir())


def test_the_check_loads_nothing_that_takes_time() -> None:
    code = "import sys; from helper_utils.data import check_dataset; check_dataset('digits'); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "helper_utils.data.dataset_names" in modules
    assert not {"torch", "numpy", "PIL", "sklearn", "tqdm"} & set(modules)


@pytest.mark.parametrize("name", ["digits", "shapes"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset_size": 0}, "subset_size is 0"),
        ({"subset_size": 9}, "subset_size is 9, less than the 10 classes"),
        ({"imbalance_ratio": 0.0}, "imbalance_ratio is 0.0"),
        ({"imbalance_ratio": 1.5}, "imbalance_ratio is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"image_size": 4}, "image_size is 4"),
    ],
)
def test_bad_arguments(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_dataset(name, **options)


def assert_same(ours: Dataset, theirs: Dataset) -> None:
    for part in PARTS:
        assert all(map(torch.equal, getattr(ours, part), getattr(theirs, part)))


def test_a_subset_is_at_most_what_is_there() -> None:
    assert_same(load_dataset("digits", subset_size=1151), load_dataset("digits"))
    imbalanced = load_dataset("digits", imbalanced=True)
    assert len(imbalanced.train.targets) == 461
    assert_same(load_dataset("digits", imbalanced=True, subset_size=1000), imbalanced)


def test_a_data_set_is_shown_in_one_line() -> None:
    shown = "Dataset('digits', train=50, val=288, test=359, image_shape=(1, 8, 8), num_classes=10)"
    assert repr(load_dataset("digits", subset_size=50)) == shown
