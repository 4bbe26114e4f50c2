"""Transforms of a batch of images in which each image has its own parameters, which are given.

Images are float tensors of shape (N, C, H, W) on any device. Each function returns a new tensor. For each image it does
what the function of the same purpose in `torchvision.transforms.v2.functional` does with these parameters.
"""

import functools
import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from helper_utils.augmentation.arguments import check_tensors, check_whole
from helper_utils.base.checks import is_whole_number

GREY = (0.2989, 0.587, 0.114)
"""The shares of red, green and blue in the grey value of a pixel, as torchvision has them."""


def check_images(images: Tensor) -> None:
    """Raise an error where a tensor is not a batch of images.

    Raises:
        TypeError: The images are not a tensor, or integers.
        ValueError: Their shape is not (N, C, H, W).
    """
    check_tensors(images=images)
    if not images.is_floating_point():
        raise TypeError(f"the images must be floating-point numbers, not {images.dtype}: convert with .float() / 255")
    if images.dim() != 4:
        raise ValueError(f"the images must have the shape (N, C, H, W), not {tuple(images.shape)}")


def _for_each(name: str, values: Tensor, images: Tensor) -> Tensor:
    """Return one value an image, with the shape (N, 1, 1, 1)."""
    check_tensors(**{name: values})
    if values.shape != images.shape[:1]:
        raise ValueError(
            f"{name} must hold one value for each of the {len(images)} images, but its shape is {tuple(values.shape)}"
        )
    return values.to(images.device).view(-1, 1, 1, 1)


def flip(images: Tensor, flipped: Tensor, *, vertical: bool = False) -> Tensor:
    """Mirror some of the images left to right, or top to bottom.

    Args:
        images: Shape (N, C, H, W).
        flipped: Which images, shape (N,), bool.
        vertical: Whether top and bottom change places instead of left and right.

    Raises:
        TypeError: The images are integers, or `flipped` is not bool.
        ValueError: A shape is wrong.
    """
    check_images(images)
    chosen = _for_each("flipped", flipped, images)
    if flipped.dtype != torch.bool:
        raise TypeError(f"flipped must hold True or False for each image, not {flipped.dtype}")
    return torch.where(chosen, images.flip(-2 if vertical else -1), images)


def crop(images: Tensor, top: Tensor, left: Tensor, size: tuple[int, int], *, padding: int = 0) -> Tensor:
    """Cut a window out of each image.

    Args:
        images: Shape (N, C, H, W).
        top: The first row of each window, counted in the padded image, shape (N,), integers.
        left: The first column, likewise.
        size: Height and width of the windows in pixels.
        padding: So many pixels of zeros are added on each side before the cut.

    Returns:
        Shape (N, C, *size).

    Raises:
        TypeError: The images are integers; or `top`, `left`, `size` or `padding` are not.
        ValueError: A shape is wrong, a size is below 1 or the padding below 0, or a window reaches beyond the padded
            image.
    """
    check_images(images)
    height, width = check_window(size, padding)
    padded = pad(images, [padding] * 4)
    for name, first, length, whole in (
        ("top", top, height, padded.shape[2]),
        ("left", left, width, padded.shape[3]),
    ):
        _for_each(name, first, images)
        check_whole(name, first)
        if len(first) and not 0 <= int(first.min()) <= int(first.max()) <= whole - length:
            raise ValueError(
                f"{name} must be from 0 to {whole - length}, so that {length} of {whole} pixels are cut out; it is "
                f"from {int(first.min())} to {int(first.max())}"
            )
    # The place of each pixel in its image as one number, since gathering along one axis is faster than along two.
    rows = (top[:, None] + torch.arange(height, device=top.device)).to(images.device)
    columns = (left[:, None] + torch.arange(width, device=left.device)).to(images.device)
    places = (rows[:, :, None] * padded.shape[3] + columns[:, None]).flatten(1)[:, None]
    pixels = padded.flatten(2).gather(2, places.expand(-1, images.shape[1], -1))
    return pixels.view(len(images), images.shape[1], height, width)


def check_window(size: int | tuple[int, int], padding: int) -> tuple[int, int]:
    """Return height and width of a window in pixels, or raise an error where it cannot be cut.

    Args:
        size: Both; one number for a square.
        padding: In pixels.

    Raises:
        TypeError: Something is not an integer.
        ValueError: A size is below 1, there are not two of them, or the padding is below 0.
    """
    sizes = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if not all(is_whole_number(number) for number in (*sizes, padding)):
        raise TypeError(f"size and padding must be whole pixels, integers, not {size!r} and {padding!r}")
    if len(sizes) != 2:
        raise ValueError(f"size must be one number, or height and width, not {size}")
    if min(sizes) < 1 or padding < 0:
        raise ValueError(f"a size of 1 or more and a padding of 0 or more are needed, not {size} and {padding}")
    return sizes[0], sizes[1]


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn each image counter-clockwise about its centre; what comes into view is zero.

    Pixels are interpolated bilinearly, as torchvision's `rotate` does with `InterpolationMode.BILINEAR`. At the border
    torchvision does not blend with the zeros outside, and we do, so pixels there may differ.

    Args:
        images: Shape (N, C, H, W).
        degrees: One angle for each image, shape (N,).

    Raises:
        TypeError: The images are integers.
        ValueError: A shape is wrong.
    """
    check_images(images)
    check_tensors(degrees=degrees)
    if not len(images):
        return images.clone()
    if not float(degrees.abs().max()) < math.inf:  # written so that NaN is refused as well
        raise ValueError("degrees must be finite numbers, but hold NaN or infinity")
    angles = _for_each("degrees", degrees, images).flatten().to(images.dtype) * (math.pi / 180)
    height, width = images.shape[2:]
    # The grid says for each new pixel where it was: the inverse of the turn, in units of half the width and height.
    turns = torch.stack([angles.cos(), angles.sin()], dim=1)
    grid = (turns @ _places(height, width, images.dtype, images.device)).view(-1, height, width, 2)
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@functools.lru_cache(maxsize=16)
def _places(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return what the cosine and the sine of a turn multiply to give the place of each pixel, shape (2, H * W * 2).

    The last axis runs over the pixels, and for each over x and y, from -1 to 1 between the image's edges.
    """
    y = ((torch.arange(height, dtype=dtype, device=device) * 2 + 1) / height - 1).view(-1, 1).expand(height, width)
    x = ((torch.arange(width, dtype=dtype, device=device) * 2 + 1) / width - 1).expand(height, width)
    of_cosine, of_sine = (x, y), (-y * height / width, x * width / height)
    return torch.stack([torch.stack(of_cosine, dim=-1), torch.stack(of_sine, dim=-1)]).flatten(1)


def erase(images: Tensor, boxes: Tensor, value: float = 0.0) -> Tensor:
    """Replace a box of each image by one value.

    Args:
        images: Shape (N, C, H, W).
        boxes: Top, left, bottom, right of each image's box in pixels, shape (N, 4), integers; the last two are
            excluded. A box may be empty, and may reach beyond the image.
        value: What is put there; 0 is the mean colour of normalised images.

    Raises:
        TypeError: The images are integers, or the boxes are not.
        ValueError: A shape is wrong, or a box is upside down.
    """
    check_images(images)
    return torch.where(inside(boxes, images), torch.as_tensor(value, dtype=images.dtype, device=images.device), images)


def inside(boxes: Tensor, images: Tensor) -> Tensor:
    """Say which pixels lie in each image's box, shape (N, 1, H, W), bool.

    Args:
        boxes: As for `erase`.
        images: Shape (N, C, H, W).

    Raises:
        TypeError: The boxes are not integers.
        ValueError: The boxes do not have the shape (N, 4), or a bottom is above its top or a right edge left of its
            left one.
    """
    check_tensors(boxes=boxes)
    if boxes.shape != (len(images), 4):
        raise ValueError(f"the boxes must have the shape ({len(images)}, 4), not {tuple(boxes.shape)}")
    if boxes.is_floating_point() or boxes.dtype == torch.bool:
        raise TypeError(f"boxes must be whole pixels, integers, not {boxes.dtype}: round them and convert with .long()")
    upside_down = (boxes[:, 2:] < boxes[:, :2]).any(dim=1)
    if bool(upside_down.any()):
        i = int(upside_down.int().argmax())
        raise ValueError(
            f"a box is (top, left, bottom, right) with top <= bottom and left <= right, but box {i} is "
            f"{tuple(boxes[i].tolist())}"
        )
    top, left, bottom, right = boxes.to(images.device).view(-1, 4, 1, 1, 1).unbind(1)
    row = torch.arange(images.shape[2], device=images.device).view(-1, 1)
    column = torch.arange(images.shape[3], device=images.device)
    return (row >= top) & (row < bottom) & (column >= left) & (column < right)


def adjust_color(
    images: Tensor,
    brightness: Tensor | None = None,
    contrast: Tensor | None = None,
    saturation: Tensor | None = None,
) -> Tensor:
    """Change the brightness, then the contrast, then the saturation of each image.

    Each is a factor: 1 changes nothing, and 0 gives black, the mean grey, or a grey image.

    Args:
        images: Shape (N, 3, H, W), or (N, 1, H, W) without saturation; values in [0, 1], so not normalised.
        brightness: One factor for each image, shape (N,), at least 0; or None.
        contrast: Likewise.
        saturation: Likewise.

    Raises:
        TypeError: The images are integers.
        ValueError: A shape is wrong, a factor is negative, or a pixel is not in [0, 1].
    """
    check_images(images)
    if images.shape[1] not in (1, 3) or (saturation is not None and images.shape[1] != 3):
        raise ValueError(f"images of 3 channels are needed (1 without saturation), not of {images.shape[1]}")
    if images.numel() and not 0 <= float(images.min()) <= float(images.max()) <= 1:
        raise ValueError(
            f"the pixels must be in [0, 1], but are from {float(images.min()):.3g} to {float(images.max()):.3g}: "
            "change colours before the images are normalised"
        )
    for name, factors in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)):
        if factors is None:
            continue
        check_tensors(**{name: factors})
        if len(factors) and not 0 <= float(factors.min()) <= float(factors.max()) < math.inf:
            raise ValueError(
                f"the factors of {name} must be at least 0 and finite; they are from {float(factors.min())} to "
                f"{float(factors.max())}"
            )
        if name == "brightness":
            other = torch.zeros_like(images[:, :1])
        else:
            other = _grey(images)
            other = other.mean(dim=(1, 2, 3), keepdim=True) if name == "contrast" else other
        factors = _for_each(name, factors, images).to(images.dtype)
        images = (factors * images + (1 - factors) * other).clamp(0, 1)
    return images


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    shares = torch.tensor(GREY, dtype=images.dtype, device=images.device).view(3, 1, 1)
    return (images * shares).sum(dim=1, keepdim=True)
