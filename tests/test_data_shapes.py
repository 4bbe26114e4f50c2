"""The generated pictures of shapes and textures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helper_utils.data import load_dataset, make_shapes
from helper_utils.data.shapes import CLASS_NAMES, CLASSES, draw


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 150), image_size=st.integers(8, 40), seed=st.integers(0, 2**40))
def test_shape_type_and_balance(n: int, image_size: int, seed: int) -> None:
    images, labels = make_shapes(n, image_size=image_size, seed=seed)
    assert images.shape == (n, image_size, image_size, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (n,)
    assert labels.dtype == np.int64
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == len(CLASS_NAMES) == 10
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("image_size", [16, 32])
def test_same_seed_same_pictures(image_size: int) -> None:
    first, again, other = (make_shapes(200, image_size=image_size, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_all_pictures_differ_and_use_the_whole_range_of_colours() -> None:
    images, labels = make_shapes(1000)
    assert len({image.tobytes() for image in images}) == 1000
    assert images.min() < 10
    assert images.max() > 245
    assert (np.abs(images.mean((0, 1, 2)) - 120) < 25).all()
    assert (labels[:-1] == labels[1:]).mean() < 0.2  # in random order


def test_every_outline_is_negative_inside_and_positive_outside() -> None:
    across = np.linspace(-1.5, 1.5, 151)
    x, y = np.meshgrid(across, across)
    for name, (outline, _) in CLASSES.items():
        distance = outline(x, y)
        inside = (distance < 0).mean() * 9  # in units of area, of which the picture has 9
        assert 0.8 < inside < 3, name
        assert distance[np.hypot(x, y) > 1.15].min() > 0, name


def test_a_texture_has_both_its_colours() -> None:
    x, y = np.meshgrid(np.linspace(0, 10, 400), np.linspace(0, 10, 400))
    for name, (_, texture) in CLASSES.items():
        if texture is not None:
            assert 0.25 < (texture(x, y) > 0).mean() < 0.75, name


@settings(deadline=None, max_examples=10)
@given(image_size=st.integers(8, 40), seed=st.integers(0, 2**40))
def test_the_pictures_with_masks_are_those_without(image_size: int, seed: int) -> None:
    images, labels, masks = draw(np.full(10, 3), image_size, seed)
    again = make_shapes(30, image_size=image_size, seed=seed)
    assert np.array_equal(images, again[0])
    assert np.array_equal(labels, again[1])
    assert masks.shape == (30, image_size, image_size)
    assert masks.dtype == bool


def test_pictures_are_what_they_were_before_there_were_masks() -> None:
    images, labels = make_shapes(40, image_size=16, seed=3)
    assert (labels.tolist()[:6], int(labels.sum())) == ([4, 7, 1, 2, 3, 9], 180)
    assert abs(float(images.mean()) - 117.516) < 0.05  # machines may round differently
    assert images[7, 3, 5].tolist() == pytest.approx([52, 148, 155], abs=1)


def test_a_mask_is_the_object() -> None:
    images, labels, masks = draw(np.full(10, 40), 32, 0)
    shares = masks.mean((1, 2))
    assert shares.min() > 0.03
    assert shares.max() < 0.8
    colours = images.astype(float)
    for label, name in enumerate(CLASS_NAMES):
        if CLASSES[name][1] is not None:
            continue  # a texture has two colours, one of which may be the background's
        for image, mask in zip(colours[labels == label], masks[labels == label], strict=True):
            inside, outside = image[mask], image[~mask]
            apart = np.abs(np.median(inside, 0) - np.median(outside, 0)).max()
            assert apart > np.abs(inside - np.median(inside, 0)).mean(), name


def test_a_ring_has_a_hole_in_its_mask() -> None:
    counts = np.zeros(10, int)
    counts[CLASS_NAMES.index("ring")] = 20
    masks = draw(counts, 32, 1)[2]
    y, x = np.mgrid[:32, :32]
    for mask in masks:
        middle = round(float(y[mask].mean())), round(float(x[mask].mean()))
        assert not mask[middle]


def test_a_data_set_of_shapes_has_masks_in_the_order_of_its_images() -> None:
    data = load_dataset("shapes", subset_size=30, image_size=16, seed=5)
    assert data.masks is not None
    for number, (part, masks) in enumerate(zip((data.train, data.val, data.test), data.masks, strict=True)):
        assert masks.shape == (len(part.targets), 16, 16)
        assert masks.dtype == torch.bool
        drawn = draw(np.bincount(part.targets.numpy(), minlength=10), 16, [5, number])
        assert np.array_equal(part.targets.numpy(), drawn[1])
        assert np.array_equal(masks.numpy(), drawn[2])


def test_other_data_sets_have_no_masks() -> None:
    assert load_dataset("digits", subset_size=50).masks is None


def test_a_linear_classifier_stays_under_45_percent() -> None:
    from sklearn.linear_model import RidgeClassifier

    data = load_dataset("shapes", image_size=16)
    classifier = RidgeClassifier(alpha=1e4).fit(data.train.inputs.flatten(1).numpy(), data.train.targets.numpy())
    accuracy = classifier.score(data.val.inputs.flatten(1).numpy(), data.val.targets.numpy())
    assert 0.1 < accuracy < 0.45


@pytest.mark.parametrize(("options", "message"), [({"n": 0}, "n is 0"), ({"n": 1, "image_size": 7}, "image_size is 7")])
def test_bad_arguments(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_shapes(**options)
