"""Batches served from tensors."""

import inspect
import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helper_utils.data import TensorLoader, get_dataset_dataloaders, load_dataset


def numbered(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs that tell which example they are, with targets derived from them."""
    return torch.arange(n).float().view(-1, 1).expand(-1, 2), torch.arange(n) * 10


def order(loader: TensorLoader) -> list[int]:
    return torch.cat([targets for _, targets in loader]).tolist()


@settings(deadline=None)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 70), shuffle=st.booleans(), seed=st.integers(0, 2**40))
def test_every_example_once_an_epoch(n: int, batch_size: int, shuffle: bool, seed: int) -> None:
    inputs, targets = numbered(n)
    loader = TensorLoader(inputs, targets, batch_size, shuffle=shuffle, seed=seed)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert all(len(batch[0]) == batch_size for batch in batches[:-1])
    assert sorted(torch.cat([batch[1] for batch in batches]).tolist()) == targets.tolist()
    for batch_inputs, batch_targets in batches:
        assert torch.equal(batch_inputs[:, 0] * 10, batch_targets)


@settings(deadline=None)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 60))
def test_drop_last_leaves_full_batches_only(n: int, batch_size: int) -> None:
    if n < batch_size:
        with pytest.raises(ValueError, match="no batches"):
            TensorLoader(*numbered(n), batch_size, drop_last=True)
        return
    loader = TensorLoader(*numbered(n), batch_size, drop_last=True)
    batches = list(loader)
    assert len(batches) == len(loader) == n // batch_size
    assert all(len(targets) == batch_size for _, targets in batches)


def test_order_is_kept_without_shuffle() -> None:
    loader = TensorLoader(*numbered(10), 3)
    assert order(loader) == order(loader) == [10 * number for number in range(10)]


def test_same_seed_same_sequence_of_epochs() -> None:
    loaders = [TensorLoader(*numbered(50), 8, shuffle=True, seed=seed) for seed in (3, 3, 4)]
    first, again, other = ([order(loader) for _ in range(3)] for loader in loaders)
    assert first == again
    assert all(mine != theirs for mine, theirs in zip(first, other, strict=True))
    assert all(one != two for one, two in itertools.combinations(first, 2))


def test_an_epoch_left_early_does_not_change_the_next() -> None:
    def noise(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return images + torch.randn(images.shape, generator=generator)

    whole, left = (TensorLoader(*numbered(50), 8, shuffle=True, augment=noise) for _ in range(2))
    list(whole)
    next(iter(left))
    for (mine, _), (theirs, _) in zip(whole, left, strict=True):
        assert torch.equal(mine, theirs)


def test_augment_changes_the_inputs_batch_by_batch() -> None:
    sizes = []

    def negate(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        assert generator.device.type == "cpu"
        sizes.append(len(images))
        return -images

    inputs, targets = numbered(10)
    batches = list(TensorLoader(inputs, targets, 4, augment=negate))
    assert sizes == [4, 4, 2]
    assert torch.equal(torch.cat([batch[0] for batch in batches]), -inputs)
    assert torch.equal(torch.cat([batch[1] for batch in batches]), targets)


def test_a_batch_changed_in_place_leaves_the_data_alone() -> None:
    inputs, targets = torch.ones(10, 2), torch.ones(10)
    for batch_inputs, batch_targets in TensorLoader(inputs, targets, 5):
        batch_inputs.zero_()
        batch_targets.zero_()
    assert inputs.all()
    assert targets.all()


def test_device_and_attributes() -> None:
    loader = TensorLoader(*numbered(10), 4, device="meta")
    assert loader.inputs.device.type == loader.targets.device.type == "meta"
    assert (loader.n_examples, loader.batch_size) == (10, 4)
    assert TensorLoader(*numbered(10)).inputs.device.type == "cpu"


@pytest.mark.parametrize(
    ("n_inputs", "n_targets", "options", "message"),
    [
        (3, 2, {}, "3 inputs and 2 targets"),
        (0, 0, {}, "no examples"),
        (3, 3, {"batch_size": 0}, "batch_size is 0"),
        (3, 3, {"seed": -1}, "seed is -1"),
    ],
)
def test_bad_arguments(n_inputs: int, n_targets: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorLoader(torch.zeros(n_inputs, 1), torch.zeros(n_targets), **options)


def test_get_dataset_dataloaders_keeps_its_public_arguments() -> None:
    signature = inspect.signature(get_dataset_dataloaders)
    first = [(name, parameter.default) for name, parameter in signature.parameters.items()][:6]
    assert first == [
        ("batch_size", 64),
        ("subset_size", None),
        ("imbalanced", False),
        ("dataset", "shapes"),
        ("seed", 0),
        ("device", "cpu"),
    ]


def test_get_dataset_dataloaders_serves_the_parts_of_the_data_set() -> None:
    train_loader, val_loader = get_dataset_dataloaders(32, 300, True, dataset="digits", seed=2, augment=lambda x, _: -x)
    data = load_dataset("digits", subset_size=300, imbalanced=True, seed=2)
    assert torch.equal(train_loader.inputs, data.train.inputs)
    assert torch.equal(val_loader.targets, data.val.targets)
    assert order(train_loader) != data.train.targets.tolist()
    assert order(val_loader) == data.val.targets.tolist()
    inputs, _ = next(iter(val_loader))
    assert torch.equal(inputs, data.val.inputs[:32])  # the validation images are not augmented
    assert len(train_loader) == 10
