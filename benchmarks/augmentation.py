"""Augmenting a batch with a draw for each image, against torchvision's v2 on the batch and image by image."""

from functools import partial

import torch
from timing import alternate, main
from torch import Tensor
from torchvision.transforms import v2

from helper_utils.augmentation import (
    cutmix,
    mixup,
    random_color,
    random_crop,
    random_erase,
    random_flip,
    random_rotation,
)

N_THREADS = 1
N_IMAGES, SIZE, N_BATCHES = 64, 32, 20
images = torch.rand(N_IMAGES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
targets = torch.arange(N_IMAGES) % 10
BILINEAR = v2.InterpolationMode.BILINEAR
PAIRS = {
    "flip": (random_flip(), v2.RandomHorizontalFlip()),
    "crop with padding": (random_crop(SIZE, padding=4), v2.RandomCrop(SIZE, padding=4)),
    "rotation": (random_rotation(15), v2.RandomRotation([-15, 15], interpolation=BILINEAR)),
    "erase": (random_erase(), v2.RandomErasing()),
    "brightness, contrast, saturation": (random_color(0.4, 0.4, 0.4), v2.ColorJitter(0.4, 0.4, 0.4)),
}
MIXING = {"mixup": (mixup, v2.MixUp), "cutmix": (cutmix, v2.CutMix)}


def run_ours(augment, generator: torch.Generator) -> Tensor:
    """Augment some batches, with a draw for each image."""
    return torch.stack([augment(images, generator) for _ in range(N_BATCHES)])


def run_batch(transform) -> Tensor:
    """Let v2 change some batches, each by a single draw for all of its images."""
    return torch.stack([transform(images) for _ in range(N_BATCHES)])


def run_each(transform) -> Tensor:
    """Let v2 change each image of some batches by its own draw."""
    return torch.stack([torch.stack([transform(image) for image in images]) for _ in range(N_BATCHES)])


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    generator = torch.Generator().manual_seed(0)
    rows = []
    for name, (ours, theirs) in PAIRS.items():
        candidates = {
            "ours": lambda ours=ours: partial(run_ours, ours, generator),
            "v2, image by image": lambda theirs=theirs: partial(run_each, theirs),
            "v2, one draw for the batch": lambda theirs=theirs: partial(run_batch, theirs),
        }
        times = alternate(candidates, n_rounds)
        what = f"{name}, {N_BATCHES} batches of {N_IMAGES} images"
        rows += [times.row(what, "ours", other) for other in list(candidates)[1:]]
    for name, (ours, theirs) in MIXING.items():
        mix_ours = partial(ours, images, targets, 1.0, num_classes=10, generator=generator)
        mix_theirs = partial(theirs(num_classes=10), images, targets)
        candidates = {
            "ours": lambda mix_ours=mix_ours: lambda: [mix_ours() for _ in range(N_BATCHES)],
            "v2, one draw for the batch": lambda mix_theirs=mix_theirs: (
                lambda: [mix_theirs() for _ in range(N_BATCHES)]
            ),
        }
        what = f"{name}, {N_BATCHES} batches of {N_IMAGES} images"
        rows.append(alternate(candidates, n_rounds).row(what, *candidates))
    return f"{N_THREADS} thread, images of 3 by {SIZE} by {SIZE}, float32 on the CPU.", rows


if __name__ == "__main__":
    main(measure, n_rounds=8)
