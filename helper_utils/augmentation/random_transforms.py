"""Augmentations of whole batches that draw the parameters of each image from a generator.

Each function here makes an augmentation `(images, generator) -> images`, as `TensorLoader` and `train_many` take it.
The generator is on the CPU, so the same seed changes the same images on every device.
"""

import math

import torch
from torch import Generator, Tensor

from helper_utils.augmentation import transforms
from helper_utils.augmentation.arguments import is_number
from helper_utils.data.augmentation import Augmentation


def random_flip(p: float = 0.5, *, vertical: bool = False) -> Augmentation:
    """Mirror each image left to right (or top to bottom) with probability p.

    Args:
        p: In [0, 1].
        vertical: Whether top and bottom change places instead of left and right.

    Raises:
        TypeError: p is not a number.
        ValueError: p is not in [0, 1].
    """
    _check_share("p", p)

    def augment(images: Tensor, generator: Generator) -> Tensor:
        return transforms.flip(images, torch.rand(len(images), generator=generator) < p, vertical=vertical)

    return augment


def random_crop(size: int | tuple[int, int], *, padding: int = 0) -> Augmentation:
    """Cut a window at a random place out of each image, after `padding` pixels of zeros were added on each side.

    All places are equally likely. With the size of the image this moves it by up to `padding` pixels.

    Args:
        size: Height and width of the window in pixels; one number for both.
        padding: In pixels, at least 0.

    Raises:
        TypeError: A size or the padding is not an integer.
        ValueError: A size is below 1 or the padding below 0; later, if a window is larger than the padded images.
    """
    height, width = transforms.check_window(size, padding)

    def augment(images: Tensor, generator: Generator) -> Tensor:
        transforms.check_images(images)
        tops, lefts = (
            whole + 2 * padding - length + 1 for whole, length in zip(images.shape[2:], (height, width), strict=True)
        )
        if min(tops, lefts) < 1:
            raise ValueError(
                f"a window of {height} by {width} does not fit into images of {images.shape[2]} by {images.shape[3]} "
                f"with a padding of {padding}"
            )
        top = torch.randint(tops, (len(images),), generator=generator)
        left = torch.randint(lefts, (len(images),), generator=generator)
        return transforms.crop(images, top, left, (height, width), padding=padding)

    return augment


def random_rotation(max_degrees: float) -> Augmentation:
    """Turn each image by an angle between -max_degrees and max_degrees; all are equally likely.

    Raises:
        TypeError: max_degrees is not a number.
        ValueError: max_degrees is not from 0 to 180.
    """
    _check_number("max_degrees", max_degrees)
    if not 0 <= max_degrees <= 180:
        raise ValueError(f"max_degrees must be from 0 to 180, not {max_degrees}")

    def augment(images: Tensor, generator: Generator) -> Tensor:
        return transforms.rotate(images, max_degrees * (2 * torch.rand(len(images), generator=generator) - 1))

    return augment


def random_erase(
    p: float = 0.5,
    area: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    value: float = 0.0,
) -> Augmentation:
    """Replace a random box of each image by one value, with probability p.

    Source: Zhong et al., "Random erasing data augmentation" (2017). A box that does not fit is cut to the image, where
    torchvision's `RandomErasing` draws again.

    Args:
        p: In [0, 1].
        area: The smallest and the largest area of the box, as a share of the image; each is equally likely.
        ratio: The smallest and the largest height of the box divided by its width.
        value: What is put there; 0 is the mean colour of normalised images.

    Raises:
        TypeError: p is not a number.
        ValueError: p or an area is not in [0, 1], a ratio is not positive, or a pair is in the wrong order.
    """
    _check_share("p", p)
    if not 0 <= area[0] <= area[1] <= 1:
        raise ValueError(f"area must be two shares in [0, 1], the smaller first, not {area}")
    if not 0 < ratio[0] <= ratio[1] < math.inf:
        raise ValueError(f"ratio must be two positive numbers, the smaller first, not {ratio}")

    def augment(images: Tensor, generator: Generator) -> Tensor:
        transforms.check_images(images)
        n, (height, width) = len(images), images.shape[2:]
        erased, share, shape, down, right = torch.rand(5, n, generator=generator)
        size = (area[0] + share * (area[1] - area[0])) * height * width
        shape = torch.exp(math.log(ratio[0]) + shape * (math.log(ratio[1]) - math.log(ratio[0])))
        tall = (size * shape).sqrt().round().clamp(max=height)
        wide = (size / shape).sqrt().round().clamp(max=width)
        top = (down * (height - tall + 1)).floor()
        left = (right * (width - wide + 1)).floor()
        tall = torch.where(erased < p, tall, 0)
        boxes = torch.stack([top, left, top + tall, left + wide], dim=1).long()
        return transforms.erase(images, boxes, value)

    return augment


def random_color(brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0) -> Augmentation:
    """Change brightness, contrast and saturation of each image by factors from 1 - x to 1 + x, each equally likely.

    torchvision's `ColorJitter` does the three in a random order; here the order is the one of the arguments.

    Args:
        brightness: x for the brightness, in [0, 1].
        contrast: Likewise.
        saturation: Likewise; above 0 the images need 3 channels.

    Raises:
        TypeError: An argument is not a number.
        ValueError: An argument is not in [0, 1]; later, if a pixel is not in [0, 1].
    """
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, strength in strengths.items():
        _check_share(name, strength)

    def augment(images: Tensor, generator: Generator) -> Tensor:
        factors = {
            name: 1 + strength * (2 * torch.rand(len(images), generator=generator) - 1)
            for name, strength in strengths.items()
            if strength
        }
        return transforms.adjust_color(images, **factors)

    return augment


def random_noise(std: float) -> Augmentation:
    """Add normal noise to each pixel.

    Args:
        std: The standard deviation of the noise, at least 0, in the unit of the images.

    Raises:
        TypeError: std is not a number.
        ValueError: std is negative or not finite.
    """
    _check_number("std", std)
    if not 0 <= std < math.inf:
        raise ValueError(f"std must be at least 0 and finite, not {std}")

    def augment(images: Tensor, generator: Generator) -> Tensor:
        transforms.check_images(images)
        noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        return images + std * noise.to(images.device)

    return augment


def _check_number(name: str, value: float) -> None:
    if not is_number(value):
        raise TypeError(f"{name} must be a number, not {value!r}")


def _check_share(name: str, value: float) -> None:
    _check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], not {value}")
