"""The generated pictures of shapes and textures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helper_utils.data import load_dataset, make_shapes
from helper_utils.data.shapes import CLASS_NAMES, CLASSES


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
