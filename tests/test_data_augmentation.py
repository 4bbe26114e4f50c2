"""Augmentation of whole batches."""

import pytest
import torch

from helper_utils.data import chain, random_horizontal_flip, random_shift


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(200, 3, 8, 6, generator=generator(1))


def test_flip_gives_each_image_or_its_mirror_image(images: torch.Tensor) -> None:
    flipped = random_horizontal_flip(images, generator())
    same = (flipped == images).flatten(1).all(1)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_shift_moves_each_image_as_a_whole_and_fills_with_zeros(images: torch.Tensor) -> None:
    shifted = random_shift(2)(images, generator())
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    moves = set()
    for image, wide in zip(shifted, padded, strict=True):
        found = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if torch.equal(image, wide[:, down : down + 8, right : right + 6])
        ]
        assert len(found) == 1
        moves.update(found)
    assert len(moves) == 25


def test_shift_by_nothing_changes_nothing(images: torch.Tensor) -> None:
    assert torch.equal(random_shift(0)(images, generator()), images)


def test_shift_rejects_a_negative_distance() -> None:
    with pytest.raises(ValueError, match="max_shift is -1"):
        random_shift(-1)


@pytest.mark.parametrize("augment", [random_horizontal_flip, random_shift(3)])
def test_same_generator_same_result_and_the_originals_stay(augment, images: torch.Tensor) -> None:
    before = images.clone()
    first = augment(images, generator(5))
    assert torch.equal(first, augment(images, generator(5)))
    assert not torch.equal(first, augment(images, generator(6)))
    assert torch.equal(images, before)


def test_chain_applies_in_order(images: torch.Tensor) -> None:
    both = chain(random_horizontal_flip, random_shift(2))(images, generator())
    one_generator = generator()
    expected = random_shift(2)(random_horizontal_flip(images, one_generator), one_generator)
    assert torch.equal(both, expected)
    assert torch.equal(chain()(images, generator()), images)
