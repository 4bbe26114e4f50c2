"""Examples that are mixed from two: mixup and cutmix, with their soft targets."""

import numpy as np
import torch
from torch import Generator, Tensor

from helper_utils.augmentation.arguments import check_probabilities, check_tensors, is_number
from helper_utils.augmentation.labels import one_hot
from helper_utils.augmentation.transforms import check_images, inside


def draw_lambda(alpha: float, n: int, generator: Generator | None = None) -> Tensor:
    """Draw n numbers in [0, 1] from the Beta distribution with both parameters alpha, shape (n,), float32.

    Args:
        alpha: Above 0. At 1 all numbers are equally likely; below, most are near 0 or 1; above, most are near 0.5.
        n: How many.
        generator: On the CPU; torch's global one by default.

    Raises:
        ValueError: alpha is not positive, or not finite.
        TypeError: alpha is not a number.
    """
    if not is_number(alpha):
        raise TypeError(f"alpha must be a number above 0, not {alpha!r}")
    if not 0 < alpha < float("inf"):
        raise ValueError(f"alpha must be a number above 0, not {alpha}; to mix nothing, leave the mixing out")
    # torch.distributions takes no generator, so one number of ours seeds NumPy's.
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, n)).float()


def mix(values: Tensor, partners: Tensor, lam: Tensor) -> Tensor:
    """Return lam * values + (1 - lam) * (the partners' values), example by example.

    Args:
        values: Images or soft targets, shape (N, ...), floating-point.
        partners: The position of each example's partner, shape (N,), integers.
        lam: The share that each example keeps, shape (N,), in [0, 1].

    Raises:
        TypeError: Something is not a tensor, the values are integers, or the partners are not.
        ValueError: A shape is wrong, a partner is not in the batch, or lam is not in [0, 1].
    """
    check_tensors(values=values, partners=partners)
    if is_number(lam):
        raise TypeError(f"lam must hold one share for each example, not {lam}: use torch.full(({len(values)},), {lam})")
    check_tensors(lam=lam)
    if not values.is_floating_point():
        raise TypeError(
            f"only floating-point numbers can be mixed, not {values.dtype}: class numbers need one_hot first"
        )
    if partners.shape != (len(values),) or lam.shape != (len(values),):
        raise ValueError(
            f"partners and lam must have the shape ({len(values)},), not {tuple(partners.shape)} and {tuple(lam.shape)}"
        )
    if len(lam) and not 0 <= float(lam.min()) <= float(lam.max()) <= 1:
        raise ValueError(f"lam must be in [0, 1], but is from {float(lam.min()):.3g} to {float(lam.max()):.3g}")
    _check_partners(partners)
    share = lam.to(values).view(-1, *[1] * (values.dim() - 1))
    return share * values + (1 - share) * values[partners.to(values.device)]


def mixup(
    inputs: Tensor,
    targets: Tensor,
    alpha: float,
    *,
    num_classes: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Mix each example with another one of the batch, in a share that is drawn for each.

    torchvision's `MixUp` and the paper draw one share for the whole batch. Source: Zhang et al., "mixup: Beyond
    empirical risk minimization" (2018).

    Args:
        inputs: Shape (N, ...), floating-point.
        targets: Class numbers, shape (N,), or probabilities, shape (N, num_classes).
        alpha: Of the Beta distribution from which the shares are drawn; see `draw_lambda`.
        num_classes: The number of classes.
        generator: On the CPU; torch's global one by default.

    Returns:
        Mixed inputs of the shape of the inputs, and soft targets of shape (N, num_classes).

    Raises:
        ValueError: Inputs and targets differ in length, alpha is not positive, or as `one_hot`.
        TypeError: The inputs are integers or not a tensor, alpha is not a number, or as `one_hot`.
    """
    soft = _checked(inputs, targets, num_classes)
    lam = draw_lambda(alpha, len(inputs), generator)
    partners = torch.randperm(len(inputs), generator=generator)
    return mix(inputs, partners, lam), mix(soft, partners, lam)


def cutmix(
    inputs: Tensor,
    targets: Tensor,
    alpha: float,
    *,
    num_classes: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Paste a box of another image of the batch into each image; the targets are mixed by the area.

    A share lam is drawn, and a box with the area 1 - lam around a random pixel. Where the border cuts the box off, lam
    is corrected to the area that was really kept. Source: Yun et al., "CutMix: Regularization strategy to train strong
    classifiers with localizable features" (2019).

    Args:
        inputs: Images, shape (N, C, H, W), floating-point.
        targets: As for `mixup`.
        alpha: As for `mixup`.
        num_classes: As for `mixup`.
        generator: As for `mixup`.

    Returns:
        As `mixup`.

    Raises:
        ValueError: As `mixup`, or the inputs are not of shape (N, C, H, W).
        TypeError: As `mixup`.
    """
    soft = _checked(inputs, targets, num_classes)
    check_images(inputs)
    n, (height, width) = len(inputs), inputs.shape[2:]
    lam = draw_lambda(alpha, n, generator)
    partners = torch.randperm(n, generator=generator)
    row = torch.randint(height, (n,), generator=generator)
    column = torch.randint(width, (n,), generator=generator)
    images, kept = paste_boxes(inputs, partners, _boxes(lam, row, column, height, width))
    return images, mix(soft, partners, kept)


def _boxes(lam: Tensor, row: Tensor, column: Tensor, height: int, width: int) -> Tensor:
    """Return boxes around pixels, cut to the image, shape (N, 4); torchvision rounds half the sides in this way."""
    half = 0.5 * (1 - lam).sqrt()
    tall, wide = (half * height).long(), (half * width).long()
    edges = [
        (row - tall).clamp(min=0),
        (column - wide).clamp(min=0),
        (row + tall).clamp(max=height),
        (column + wide).clamp(max=width),
    ]
    return torch.stack(edges, dim=1)


def paste_boxes(images: Tensor, partners: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Replace a box of each image by the same box of its partner; also return the share of the area that was kept.

    Args:
        images: Shape (N, C, H, W).
        partners: The position of each image's partner, shape (N,), integers.
        boxes: Top, left, bottom, right of each box in pixels, shape (N, 4), integers; the last two are excluded. A box
            may reach beyond the image: only the part inside is pasted.

    Returns:
        The new images, and lam: the share of the pixels that are each image's own, shape (N,).

    Raises:
        TypeError: The images are integers, or the partners or the boxes are not.
        ValueError: A shape is wrong, a partner is not in the batch, or a box is upside down.
    """
    check_images(images)
    check_tensors(partners=partners, boxes=boxes)
    if partners.shape != (len(images),):
        raise ValueError(f"partners must have the shape ({len(images)},), not {tuple(partners.shape)}")
    _check_partners(partners)
    replaced = inside(boxes, images)
    pasted = torch.where(replaced, images[partners.to(images.device)], images)
    return pasted, 1 - replaced.float().mean(dim=(1, 2, 3)).cpu()


def mixup_pair(
    x1: Tensor,
    x2: Tensor,
    y1: Tensor,
    y2: Tensor,
    alpha: float = 0.2,
    *,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Mix two examples, or two batches, by one share: the listing that circulates.

    Args:
        x1: Inputs of any shape, floating-point.
        x2: Inputs of the same shape.
        y1: Probabilities of the classes, shape (..., classes); not class numbers.
        y2: Probabilities of the same shape.
        alpha: As for `mixup`.
        generator: As for `mixup`.

    Returns:
        lam * x1 + (1 - lam) * x2, and the same of the targets.

    Raises:
        TypeError: Something holds integers or is not a tensor, or alpha is not a number.
        ValueError: Two shapes differ, the targets are not probabilities, or alpha is not positive.
    """
    check_tensors(x1=x1, x2=x2, y1=y1, y2=y2)
    for name, one, other in (("x1 and x2", x1, x2), ("y1 and y2", y1, y2)):
        if not (one.is_floating_point() and other.is_floating_point()):
            raise TypeError(f"{name} must be floating-point, not {one.dtype} and {other.dtype}; classes need one_hot")
        if one.shape != other.shape:
            raise ValueError(f"{name} must have the same shape, not {tuple(one.shape)} and {tuple(other.shape)}")
    for name, targets in (("targets y1", y1), ("targets y2", y2)):
        check_probabilities(name, targets)
    lam = draw_lambda(alpha, 1, generator).item()
    return lam * x1 + (1 - lam) * x2, lam * y1 + (1 - lam) * y2


def _check_partners(partners: Tensor) -> None:
    """Raise an error where the partners are not positions in a batch of their length."""
    if partners.is_floating_point() or partners.dtype == torch.bool:
        raise TypeError(f"partners must be positions in the batch, integers, not {partners.dtype}")
    if len(partners) and not 0 <= int(partners.min()) <= int(partners.max()) < len(partners):
        raise ValueError(
            f"partners must be from 0 to {len(partners) - 1}, but are from {int(partners.min())} to "
            f"{int(partners.max())}"
        )


def _checked(inputs: Tensor, targets: Tensor, num_classes: int) -> Tensor:
    check_tensors(inputs=inputs, targets=targets)
    if inputs.dim() == 0 or targets.dim() == 0:
        raise ValueError("inputs and targets must be a batch, but one of them is a single number")
    if not inputs.is_floating_point():
        raise TypeError(f"the inputs must be floating-point, not {inputs.dtype}: convert images with .float() / 255")
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs and {len(targets)} targets; expected the same number of both")
    return one_hot(targets, num_classes).to(inputs.device)
