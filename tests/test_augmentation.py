"""Transforms against torchvision.transforms.v2, mixing against its MixUp and CutMix, smoothing against torch's."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torchvision.transforms.v2 as v2
import torchvision.transforms.v2.functional as tv
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from helper_utils.augmentation import (
    adjust_color,
    average_over_views,
    crop,
    cutmix,
    draw_lambda,
    erase,
    flip,
    mix,
    mixup,
    mixup_pair,
    one_hot,
    paste_boxes,
    random_color,
    random_crop,
    random_erase,
    random_flip,
    random_noise,
    random_rotation,
    rotate,
    smooth_labels,
)
from helper_utils.augmentation.mixing import _boxes
from helper_utils.base.many_runs import augmentation_seed, train_many
from helper_utils.base.seeds import set_seed
from helper_utils.data import Part, chain

SIZES = [(8, 8), (7, 12)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(n: int = 6, channels: int = 3, size: tuple[int, int] = (8, 8), seed: int = 0) -> Tensor:
    return torch.rand(n, channels, *size, generator=seeded(seed))


# ------------------------------------------------------------------------------- transforms, the parameters given


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("vertical", [False, True])
def test_flip_is_torchvisions_for_the_images_that_are_flipped(size, vertical):
    images = random_images(size=size)
    flipped = torch.tensor([True, False, True, True, False, False])
    theirs = tv.vertical_flip if vertical else tv.horizontal_flip
    expected = torch.stack([theirs(image) if f else image for image, f in zip(images, flipped, strict=True)])
    assert torch.equal(flip(images, flipped, vertical=vertical), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("window", "padding"), [((5, 4), 0), ((7, 8), 1), ((1, 1), 0), ((8, 8), 3)])
def test_crop_is_torchvisions(size, window, padding):
    images = random_images(size=size)
    top = torch.arange(6) % (size[0] + 2 * padding - window[0] + 1)
    left = (torch.arange(6) * 2) % (size[1] + 2 * padding - window[1] + 1)
    expected = torch.stack(
        [
            tv.crop(tv.pad(image, [padding]), t, x, *window)
            for image, t, x in zip(images, top.tolist(), left.tolist(), strict=True)
        ]
    )
    assert torch.equal(crop(images, top, left, window, padding=padding), expected)


@pytest.mark.parametrize("size", [(8, 8), (8, 12), (9, 9), (16, 10)])
def test_rotate_is_torchvisions_away_from_the_border(size):
    # torchvision treats the border of the image differently, so the images have an empty frame.
    images = nn.functional.pad(random_images(size=size), [4] * 4)
    degrees = torch.tensor([0.0, 15.0, -30.0, 90.0, 180.0, 7.7])
    expected = torch.stack(
        [
            tv.rotate(image, angle, interpolation=v2.InterpolationMode.BILINEAR)
            for image, angle in zip(images, degrees.tolist(), strict=True)
        ]
    )
    torch.testing.assert_close(rotate(images, degrees), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_erase_is_torchvisions(size):
    images = random_images(size=size)
    boxes = torch.tensor([[0, 0, 3, 2], [1, 2, 5, 7], [0, 0, 0, 0], [2, 2, 2, 5], [6, 3, 7, 8], [0, 0, *size]])
    expected = torch.stack(
        [
            tv.erase(image, t, x, b - t, r - x, v=torch.tensor(0.25))
            for image, (t, x, b, r) in zip(images, boxes.tolist(), strict=True)
        ]
    )
    assert torch.equal(erase(images, boxes, 0.25), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_each_colour_change_is_torchvisions(channels, name):
    if channels == 1 and name == "saturation":
        pytest.skip("a grey image has no saturation")
    images = random_images(channels=channels)
    factors = torch.tensor([0.0, 0.3, 1.0, 1.2, 2.0, 0.9])
    theirs = getattr(tv, f"adjust_{name}")
    expected = torch.stack([theirs(image, f) for image, f in zip(images, factors.tolist(), strict=True)])
    torch.testing.assert_close(adjust_color(images, **{name: factors}), expected, rtol=0, atol=1e-6)


def test_colours_change_in_the_order_of_the_arguments():
    images, factors = random_images(), torch.linspace(0.5, 1.5, 6)
    one_by_one = images
    for name in ("brightness", "contrast", "saturation"):
        one_by_one = adjust_color(one_by_one, **{name: factors})
    assert torch.equal(adjust_color(images, factors, factors, factors), one_by_one)


@given(st.integers(0, 10**6))
def test_two_flips_or_four_quarter_turns_give_the_images_back(seed):
    images = random_images(seed=seed)
    flipped = torch.rand(6, generator=seeded(seed)) < 0.5
    assert torch.equal(flip(flip(images, flipped), flipped), images)
    turned = images
    for _ in range(4):
        turned = rotate(turned, torch.full((6,), 90.0))
    torch.testing.assert_close(turned, images, rtol=0, atol=1e-4)


# --------------------------------------------------------------------------------- augmentations, which draw them

AUGMENTATIONS = {
    "flip": random_flip(),
    "vertical flip": random_flip(vertical=True),
    "crop": random_crop(6),
    "padded crop": random_crop((8, 8), padding=2),
    "rotation": random_rotation(30),
    "erase": random_erase(),
    "color": random_color(0.4, 0.4, 0.4),
    "noise": random_noise(0.1),
    "chain": chain(random_flip(), random_crop(8, padding=1), random_erase()),
}
each_augmentation = pytest.mark.parametrize("augment", AUGMENTATIONS.values(), ids=AUGMENTATIONS)


@each_augmentation
def test_the_same_seed_changes_the_same_images_and_leaves_the_originals_alone(augment):
    images = random_images(20)
    before = images.clone()
    first = augment(images, seeded(3))
    assert torch.equal(first, augment(images, seeded(3)))
    assert not torch.equal(first, augment(images, seeded(4)))
    assert torch.equal(images, before)


@each_augmentation
def test_each_image_has_its_own_parameters(augment):
    copies = random_images(1).repeat(40, 1, 1, 1)
    assert len(augment(copies, seeded()).flatten(1).unique(dim=0)) > 1


@each_augmentation
def test_a_generator_goes_on_so_a_second_batch_is_changed_in_another_way(augment):
    generator = seeded()
    images = random_images(40)
    assert not torch.equal(augment(images, generator), augment(images, generator))


@each_augmentation
def test_no_images_are_no_images(augment):
    assert len(augment(random_images(0), seeded())) == 0


@each_augmentation
def test_double_precision_stays(augment):
    assert augment(random_images().double(), seeded()).dtype == torch.float64


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
def test_flips_have_their_probability(p):
    images = torch.arange(2.0).view(1, 1, 1, 2).repeat(5000, 1, 1, 1)
    flipped = random_flip(p)(images, seeded())[:, 0, 0, 0]
    assert flipped.mean().item() == pytest.approx(p, abs=0.03)


def test_all_places_of_a_crop_are_equally_likely():
    images = torch.arange(16.0).view(1, 1, 4, 4).repeat(9000, 1, 1, 1)
    corners = random_crop(2)(images, seeded())[:, 0, 0, 0]
    values, counts = corners.unique(return_counts=True)
    assert values.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert (counts / 9000).tolist() == pytest.approx([1 / 9] * 9, abs=0.02)


def test_rotations_stay_below_the_largest_angle():
    # A pixel right of the centre is turned: the direction of what is left of it says the angle.
    images = torch.zeros(500, 1, 41, 41)
    images[:, :, 20, 40] = 1
    rows = torch.arange(41.0).view(-1, 1) - 20
    turned = random_rotation(20)(images, seeded())
    heights = (turned * rows).sum(dim=(1, 2, 3)) / turned.sum(dim=(1, 2, 3))
    angles = torch.asin(-heights / 20) * 180 / math.pi
    assert 15 < angles.max() < 22
    assert -22 < angles.min() < -15


@pytest.mark.parametrize("area", [(0.1, 0.1), (0.02, 0.33), (1.0, 1.0)])
def test_erased_boxes_have_their_area_and_probability(area):
    erased = random_erase(0.5, area, (1.0, 1.0))(torch.ones(2000, 1, 20, 20), seeded()) == 0
    shares = erased.float().mean(dim=(1, 2, 3))
    hit = shares > 0
    assert hit.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert shares[hit].mean().item() == pytest.approx(sum(area) / 2, rel=0.1)


def test_colour_factors_lie_in_their_range():
    grey = torch.full((2000, 3, 2, 2), 0.5)
    values = random_color(brightness=0.4)(grey, seeded())[:, 0, 0, 0] / 0.5
    assert values.min().item() == pytest.approx(0.6, abs=0.01)
    assert values.max().item() == pytest.approx(1.4, abs=0.01)


def test_noise_has_its_standard_deviation():
    noise = random_noise(0.3)(torch.zeros(100, 1, 10, 10), seeded())
    assert noise.std().item() == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: random_flip(1.5), "p must be in"),
        (lambda: random_flip(math.nan), "p must be in"),
        (lambda: random_crop(0), "a size of 1 or more"),
        (lambda: random_crop(4, padding=-1), "padding of 0 or more"),
        (lambda: random_crop((4, 4, 4)), "one number, or height and width"),  # pyright: ignore[reportArgumentType]
        (lambda: crop(random_images(), torch.zeros(6).long(), torch.zeros(6).long(), (4, 0)), "a size of 1 or more"),
        (lambda: random_rotation(200), "max_degrees must be from 0 to 180, not 200"),
        (lambda: random_erase(area=(0.5, 0.2)), "area must be two shares"),
        (lambda: random_erase(ratio=(0.0, 1.0)), "ratio must be two positive"),
        (lambda: random_erase(-0.1), "p must be in"),
        (lambda: random_color(contrast=2), "contrast must be in"),
        (lambda: random_noise(-1), "std must be at least 0"),
        (lambda: random_crop(12)(random_images(), seeded()), "a window of 12 by 12 does not fit into images of 8 by 8"),
        (lambda: random_color(0.1)(random_images() * 3 - 1, seeded()), "before the images are normalised"),
        (lambda: random_color(saturation=0.1)(random_images(channels=1), seeded()), "3 channels"),
        (lambda: flip(random_images(), torch.ones(5)), "one value for each of the 6 images"),
        (lambda: flip(random_images()[0], torch.ones(3)), r"the shape \(N, C, H, W\)"),
        (lambda: crop(random_images(), torch.full((6,), 5), torch.zeros(6).long(), (4, 4)), "top must be from 0 to 4"),
        (lambda: rotate(random_images(), torch.ones(6, 1)), "degrees must hold one value"),
        (lambda: erase(random_images(), torch.ones(6, 3)), r"the boxes must have the shape \(6, 4\)"),
        (lambda: adjust_color(random_images(), torch.full((6,), -1.0)), "brightness must be at least 0"),
    ],
)
def test_bad_arguments_of_transforms_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("augment", [*AUGMENTATIONS.values()][:6], ids=[*AUGMENTATIONS][:6])
def test_images_of_integers_are_refused(augment):
    with pytest.raises(TypeError, match="floating-point"):
        augment(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), seeded())


def test_probabilities_are_no_flags_and_angles_are_numbers():
    images = random_images()
    with pytest.raises(TypeError, match="True or False"):
        flip(images, torch.full((6,), 0.5))
    with pytest.raises(ValueError, match="finite"):
        rotate(images, torch.full((6,), math.nan))
    with pytest.raises(ValueError, match="finite"):
        random_noise(math.inf)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (torch.full((6,), 0.5), "top must be integers, not torch.float32"),
        (torch.ones(6, dtype=torch.bool), "top must be integers, not torch.bool"),
        ([0] * 6, "top must be a tensor, not list: convert with torch.as_tensor"),
    ],
)
def test_a_crop_begins_at_a_whole_pixel(positions, message):
    with pytest.raises(TypeError, match=message):
        crop(random_images(), positions, torch.zeros(6).long(), (4, 4))


@pytest.mark.parametrize("size", [2.5, (4, 2.5), True, "4", None])
def test_a_window_has_whole_pixels(size):
    with pytest.raises(TypeError, match="size and padding must be whole pixels, integers, not"):
        random_crop(size)
    with pytest.raises(TypeError, match="whole pixels"):
        random_crop(4, padding=size)
    with pytest.raises(TypeError, match="whole pixels"):
        crop(random_images(), torch.zeros(6).long(), torch.zeros(6).long(), size)


@pytest.mark.parametrize("make", [random_flip, random_rotation, random_erase, random_color, random_noise])
@pytest.mark.parametrize("value", ["0.5", None, True])
def test_the_strength_of_an_augmentation_is_a_number(make, value):
    with pytest.raises(TypeError, match="must be a number, not"):
        make(value)


@pytest.mark.parametrize("augment", [*AUGMENTATIONS.values()][:6], ids=[*AUGMENTATIONS][:6])
def test_lists_and_arrays_are_no_images(augment):
    for images in (random_images().tolist(), random_images().numpy()):
        with pytest.raises(TypeError, match=r"images must be a tensor, not (list|ndarray): .*as_tensor"):
            augment(images, seeded())


def test_boxes_are_whole_pixels_in_their_order_and_may_be_empty_or_reach_beyond_the_image():
    images = random_images()
    with pytest.raises(TypeError, match="boxes must be whole pixels"):
        erase(images, torch.ones(6, 4))
    with pytest.raises(ValueError, match="but box 5 is"):
        erase(images, torch.tensor([[1, 1, 1, 1]] * 5 + [[0, 3, 4, 2]]))
    assert torch.equal(erase(images, torch.tensor([[1, 1, 1, 1]] * 6)), images)
    pasted, kept = paste_boxes(images, torch.arange(6).roll(1), torch.tensor([[-4, -9, 99, 99]] * 6))
    assert torch.equal(pasted, images.roll(1, 0))
    assert kept.eq(0).all()


# --------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 1.0])
def test_smoothed_targets_give_torchs_loss(num_classes, smoothing):
    logits = torch.randn(20, num_classes, generator=seeded())
    targets = torch.arange(20) % num_classes
    ours = cross_entropy(logits, smooth_labels(targets, num_classes, smoothing))
    torch.testing.assert_close(ours, cross_entropy(logits, targets, label_smoothing=smoothing))


def test_three_classes_and_a_tenth():
    assert smooth_labels(torch.tensor([0]), 3, 0.1)[0].tolist() == pytest.approx([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    assert smooth_labels(torch.tensor([0]), 3, 0.15)[0].tolist() == pytest.approx([0.9, 0.05, 0.05])


@given(st.integers(2, 12), st.floats(0, 1), st.integers(0, 1000))
def test_smoothed_targets_are_probabilities_and_smoothing_twice_is_smoothing_once(num_classes, smoothing, seed):
    targets = torch.randint(num_classes, (9,), generator=seeded(seed))
    smooth = smooth_labels(targets, num_classes, smoothing)
    torch.testing.assert_close(smooth.sum(dim=1), torch.ones(9))
    assert (smooth >= 0).all()
    twice = smooth_labels(smooth, num_classes, smoothing)
    torch.testing.assert_close(twice, smooth_labels(targets, num_classes, 1 - (1 - smoothing) ** 2), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("targets", "num_classes", "smoothing", "error", "message"),
    [
        ([0, 1], 3, -0.1, ValueError, "smoothing must be in"),
        ([0, 1], 3, 1.1, ValueError, "smoothing must be in"),
        ([0, 1], 3, math.nan, ValueError, "smoothing must be in"),
        ([0, 3], 3, 0.1, ValueError, "the classes must be from 0 to 2, but are from 0 to 3"),
        ([-1, 1], 3, 0.1, ValueError, "from -1 to 1"),
        ([0, 0], 1, 0.1, ValueError, "num_classes must be at least 2"),
        ([0.0, 1.0], 3, 0.1, TypeError, "class numbers must be integers"),
        ([[0, 1]], 3, 0.1, ValueError, "the targets must be class numbers"),
        ([[0.5, 0.5]], 3, 0.1, ValueError, "the targets have 2 columns"),
        ([[0.5, 0.6, 0.0]], 3, 0.1, ValueError, "a sum of 1"),
        ([[1.5, -0.5, 0.0]], 3, 0.1, ValueError, "not negative"),
        ([[math.nan, 0.5, 0.5]], 3, 0.1, ValueError, "a sum of 1"),
        ([0, 1], 3.0, 0.1, TypeError, "num_classes must be an integer, not 3.0"),
        ([0, 1], 3, "0.1", TypeError, "smoothing must be a number in"),
        ([True, False], 3, 0.1, TypeError, "class numbers must be integers"),
    ],
)
def test_bad_targets_are_named(targets, num_classes, smoothing, error, message):
    with pytest.raises(error, match=message):
        smooth_labels(torch.tensor(targets), num_classes, smoothing)


# --------------------------------------------------------------------------------------------------------- mixing


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_mixing_is_torchvisions_mixup_given_its_share_and_partners(lam):
    images, targets = random_images(5), torch.tensor([0, 3, 1, 1, 2])
    theirs = v2.MixUp(num_classes=4)
    parameters = {"labels": targets, "batch_size": 5, "lam": lam}
    partners, shares = torch.arange(5).roll(1), torch.full((5,), lam)
    torch.testing.assert_close(mix(images, partners, shares), theirs.transform(images, parameters))
    torch.testing.assert_close(mix(one_hot(targets, 4), partners, shares), theirs.transform(targets, parameters))


@pytest.mark.parametrize("box", [(1, 2, 4, 7), (0, 0, 8, 8), (3, 3, 3, 3)])
def test_pasting_is_torchvisions_cutmix_given_its_box_and_partners(box):
    images, targets = random_images(5), torch.tensor([0, 3, 1, 1, 2])
    top, left, bottom, right = box
    area = 1 - (bottom - top) * (right - left) / 64
    parameters = {"labels": targets, "batch_size": 5, "box": (left, top, right, bottom), "lam_adjusted": area}
    theirs = v2.CutMix(num_classes=4)
    partners = torch.arange(5).roll(1)
    pasted, lam = paste_boxes(images, partners, torch.tensor([box] * 5))
    assert torch.equal(pasted, theirs.transform(images, parameters))
    torch.testing.assert_close(lam, torch.full((5,), area))
    torch.testing.assert_close(mix(one_hot(targets, 4), partners, lam), theirs.transform(targets, parameters))


@given(st.floats(0, 1), st.integers(0, 6), st.integers(0, 11))
def test_boxes_are_torchvisions_for_the_same_draw(lam, row, column):
    half = 0.5 * math.sqrt(1 - lam)
    tall, wide = int(half * 7), int(half * 12)
    expected = [max(row - tall, 0), max(column - wide, 0), min(row + tall, 7), min(column + wide, 12)]
    ours = _boxes(torch.tensor([lam], dtype=torch.float64), torch.tensor([row]), torch.tensor([column]), 7, 12)
    assert ours[0].tolist() == expected


@pytest.mark.parametrize("method", [mixup, cutmix])
@given(seed=st.integers(0, 10**6), alpha=st.floats(0.05, 5))
def test_mixed_targets_are_probabilities_of_at_most_two_classes(method: Callable, seed, alpha):
    images, targets = random_images(12, seed=seed), torch.arange(12)
    mixed, soft = method(images, targets, alpha, num_classes=12, generator=seeded(seed))
    assert mixed.shape == images.shape
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(12))
    assert (soft >= 0).all()
    assert ((soft > 0).sum(dim=1) <= 2).all()
    # The targets say what the images are made of: in shares of the pixels, each image has its own colour here.
    colours = torch.arange(12.0).view(-1, 1, 1, 1).expand(12, 1, 8, 8)
    mixed, soft = method(colours, targets, alpha, num_classes=12, generator=seeded(seed))
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), soft @ torch.arange(12.0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", [mixup, cutmix])
def test_soft_targets_can_be_mixed_and_the_inputs_are_left_alone(method: Callable):
    images, targets = random_images(8), torch.arange(8) % 3
    before = images.clone(), targets.clone()
    hard = method(images, targets, 0.4, num_classes=3, generator=seeded())
    soft = method(images, one_hot(targets, 3), 0.4, num_classes=3, generator=seeded())
    assert all(torch.equal(a, b) for a, b in zip(hard, soft, strict=True))
    assert torch.equal(images, before[0])
    assert torch.equal(targets, before[1])


@pytest.mark.parametrize("method", [mixup, cutmix])
def test_without_a_generator_the_global_one_is_used(method: Callable):
    images, targets = random_images(8), torch.arange(8)
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(method(images, targets, 0.4, num_classes=8))
    assert torch.equal(results[0][0], results[1][0])
    assert not torch.equal(results[0][0], method(images, targets, 0.4, num_classes=8)[0])


def test_each_example_has_its_own_share():
    _, soft = mixup(random_images(30), torch.arange(30), 1.0, num_classes=30, generator=seeded())
    own = soft.diagonal()
    assert len(own[own < 1].unique()) > 20


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_moments_of_the_beta_distribution(alpha):
    lam = draw_lambda(alpha, 20_000, seeded())
    assert lam.mean().item() == pytest.approx(0.5, abs=0.01)
    assert lam.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


@given(st.floats(0, 1), st.integers(0, 1000))
def test_the_loss_with_mixed_targets_is_the_mixture_of_the_two_losses(lam, seed):
    logits = torch.randn(6, 4, generator=seeded(seed))
    a, b = torch.randint(4, (2, 6), generator=seeded(seed + 1))
    soft = lam * one_hot(a, 4) + (1 - lam) * one_hot(b, 4)
    mixture = lam * cross_entropy(logits, a) + (1 - lam) * cross_entropy(logits, b)
    torch.testing.assert_close(cross_entropy(logits, soft), mixture)


def test_a_pair_is_mixed_by_one_share():
    x1, x2 = random_images(2)
    y1, y2 = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    x, y = mixup_pair(x1, x2, y1, y2, generator=seeded())
    assert y.sum().item() == pytest.approx(1)
    torch.testing.assert_close(x, y[0] * x1 + y[1] * x2)
    assert 0 <= y[0] <= 1
    values = [mixup_pair(x1, x2, y1, y2, generator=seeded(s))[1][0].item() for s in range(400)]
    assert np.var(values) == pytest.approx(1 / (4 * 1.4), rel=0.15)  # alpha is 0.2


@pytest.mark.parametrize("method", [mixup, cutmix])
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"alpha": 0.0}, ValueError, "alpha must be a number above 0, not 0.0"),
        ({"alpha": -1.0}, ValueError, "above 0"),
        ({"alpha": math.nan}, ValueError, "above 0"),
        ({"targets": torch.arange(5)}, ValueError, "8 inputs and 5 targets"),
        ({"num_classes": 7}, ValueError, "the classes must be from 0 to 6"),
        ({"inputs": torch.zeros(8, 1, 4, 4, dtype=torch.int64)}, TypeError, "floating-point"),
        ({"targets": torch.full((8, 8), 0.5)}, ValueError, "the sums are from 4 to 4"),
        ({"targets": torch.full((8, 8), math.nan)}, ValueError, "a sum of 1"),
        ({"alpha": "0.2"}, TypeError, "alpha must be a number above 0, not '0.2'"),
        ({"alpha": None}, TypeError, "alpha must be a number"),
        ({"num_classes": 8.0}, TypeError, "num_classes must be an integer, not 8.0"),
        ({"inputs": [[0.0]] * 8}, TypeError, "inputs must be a tensor, not list: convert with torch.as_tensor"),
        ({"inputs": np.zeros((8, 1, 4, 4))}, TypeError, "inputs must be a tensor, not ndarray"),
        ({"targets": list(range(8))}, TypeError, "targets must be a tensor, not list"),
        ({"inputs": torch.tensor(1.0)}, ValueError, "must be a batch"),
    ],
)
def test_bad_arguments_of_mixing_are_named(method: Callable, changed, error, message):
    arguments = {"inputs": random_images(8), "targets": torch.arange(8), "alpha": 0.2, "num_classes": 8, **changed}
    with pytest.raises(error, match=message):
        method(**arguments)


def test_more_bad_arguments_of_mixing_are_named():
    images = random_images()
    with pytest.raises(ValueError, match="lam must be in"):
        mix(images, torch.arange(6), torch.full((6,), 1.2))
    with pytest.raises(ValueError, match=r"must have the shape \(6,\)"):
        mix(images, torch.arange(5), torch.ones(6))
    with pytest.raises(TypeError, match="one_hot first"):
        mix(torch.arange(6), torch.arange(6), torch.ones(6))
    with pytest.raises(TypeError, match="positions in the batch"):
        mix(images, torch.ones(6, dtype=torch.bool), torch.ones(6))
    with pytest.raises(ValueError, match="partners must be from 0 to 5, but are from -1 to 4"):
        mix(images, torch.arange(6) - 1, torch.ones(6))
    with pytest.raises(ValueError, match="partners must have the shape"):
        paste_boxes(images, torch.arange(5), torch.zeros(6, 4))
    with pytest.raises(TypeError, match=r"boxes must be whole pixels, integers, not torch.float32: .*\.long"):
        paste_boxes(images, torch.arange(6), torch.full((6, 4), 2.5))
    with pytest.raises(ValueError, match=r"top <= bottom and left <= right, but box 1 is \(5, 0, 2, 4\)"):
        paste_boxes(images, torch.arange(6), torch.tensor([[0, 0, 2, 2], [5, 0, 2, 4], *[[0, 4, 2, 1]] * 4]))
    with pytest.raises(TypeError, match=r"one share for each example, not 0.5: use torch.full\(\(6,\), 0.5\)"):
        mix(images, torch.arange(6), 0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="lam must be a tensor, not list"):
        mix(images, torch.arange(6), [0.5] * 6)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="classes need one_hot"):
        mixup_pair(images[0], images[1], torch.tensor(1), torch.tensor(2))
    with pytest.raises(ValueError, match="x1 and x2 must have the same shape"):
        mixup_pair(images[0], images, torch.ones(2), torch.ones(2))


@pytest.mark.parametrize(
    ("y1", "message"),
    [
        ([3.0, 0.0], "each row of the targets y1 must be probabilities: .* the sums are from 3 to 3"),
        ([-0.5, 1.5], "the smallest number is -0.5"),
        ([math.nan, 0.0], "each row of the targets y1"),
        ([[0.5, 0.5], [0.5, 0.6]], "the sums are from 1 to 1.1"),
        (1.0, r"must have the shape \(\.\.\., classes\), not \(\)"),
    ],
)
def test_a_pair_needs_probabilities(y1, message):
    x1, x2 = random_images(2)
    y1 = torch.tensor(y1)
    y2 = torch.zeros_like(y1)
    if y1.dim():
        y2[..., 0] = 1
    with pytest.raises(ValueError, match=message):
        mixup_pair(x1, x2, y1, y2)
    if y1.dim():  # the other target is checked as well
        with pytest.raises(ValueError, match="each row of the targets y2"):
            mixup_pair(x1, x2, y2, y1)


# ---------------------------------------------------------------------------------------------------------- views


def test_views_are_averaged_as_probabilities():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4))
    images = random_images()
    views = [lambda images: images, lambda images: images.flip(-1)]
    expected = (model(images).softmax(1) + model(images.flip(-1)).softmax(1)) / 2
    ours = average_over_views(model, images, views)
    torch.testing.assert_close(ours, expected.detach())
    assert not ours.requires_grad
    torch.testing.assert_close(average_over_views(model, images, views[:1] * 3), model(images).softmax(1).detach())


def test_bad_views_are_named():
    with pytest.raises(ValueError, match="at least one view"):
        average_over_views(lambda x: x, random_images(), [])
    with pytest.raises(ValueError, match=r"expected logits of shape \(6, classes\)"):
        average_over_views(lambda x: x, random_images(), [lambda images: images])


# ------------------------------------------------------------------------------------------- within `train_many`


def test_train_many_augments_and_mixes_as_the_plain_loop_does():
    part = Part(random_images(20, 1), torch.arange(20) % 3)
    augment = chain(random_flip(), random_erase())
    mixing = partial(mixup, alpha=0.4, num_classes=3)

    def make_model():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    runs = train_many(
        make_model, part, lrs=[0.1, 0.5], seeds=[3, 8], n_epochs=2, batch_size=8, augment=augment,
        mix=lambda inputs, targets, generator: mixing(inputs, targets, generator=generator),
    )  # fmt: skip
    for i, lr in enumerate([0.1, 0.5]):
        for j, seed in enumerate([3, 8]):
            set_seed(seed)
            model = make_model()
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            order_generator, generator = seeded(seed), seeded(augmentation_seed(seed))
            losses = []
            for _ in range(2):
                for chosen in torch.randperm(20, generator=order_generator)[:16].split(8):
                    inputs = augment(part.inputs[chosen], generator)
                    inputs, targets = mixing(inputs, part.targets[chosen], generator=generator)
                    loss = cross_entropy(model(inputs), targets)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
            torch.testing.assert_close(runs.batch_losses[i, j], torch.tensor(losses), rtol=1e-4, atol=1e-5)
