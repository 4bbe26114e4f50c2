"""Our loader of batches against torch's `DataLoader` over PIL images with the same transforms.

Both give shuffled batches of the same pictures, mirrored at random, moved by up to 4 pixels and normalised. Ours turns
the pictures into normalised tensors once, before the first epoch, and augments whole batches; `DataLoader` calls
torchvision's transforms for each image. It runs in the training process, as it does by default, and once more with two
worker processes, which may use further cores while ours stays on one.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
from models import small_cnn
from PIL import Image
from timing import alternate, main
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from helper_utils import set_seed, train_model
from helper_utils.base.training import Batches
from helper_utils.data.augmentation import chain, random_horizontal_flip, random_shift
from helper_utils.data.loaders import TensorLoader
from helper_utils.data.shapes import make_shapes

N_THREADS, N_IMAGES, BATCH_SIZE, SHIFT = 1, 6000, 64, 4
IN_PROCESS, WITH_WORKERS = "DataLoader", "DataLoader, 2 workers"


class Pictures(Dataset[tuple[Tensor, int]]):
    """PIL images with transforms, as most tutorials have it."""

    def __init__(self, images: list[Image.Image], labels: list[int], transform: Callable) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def make_loaders() -> tuple[dict[str, Batches], float]:
    """Return the loaders by name, and the seconds that ours spends once on its tensors."""
    images, labels = make_shapes(N_IMAGES)

    start = time.perf_counter()
    inputs = torch.from_numpy(images).movedim(-1, 1).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    std, mean = torch.std_mean(inputs, dim=(0, 2, 3), correction=0)
    inputs.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
    augment = chain(random_horizontal_flip, random_shift(SHIFT))
    ours = TensorLoader(inputs, torch.from_numpy(labels), BATCH_SIZE, shuffle=True, augment=augment)
    seconds = time.perf_counter() - start

    fill = tuple(round(255 * value) for value in mean.tolist())  # the mean colour, which is 0 when normalised
    transform = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(images.shape[1], padding=SHIFT, fill=fill),  # pyright: ignore[reportArgumentType] (tuples are documented)
            transforms.ToTensor(),
            transforms.Normalize(mean.tolist(), std.tolist()),
        ]
    )
    pictures = Pictures([Image.fromarray(image) for image in images], labels.tolist(), transform)
    in_process = DataLoader(pictures, BATCH_SIZE, shuffle=True)
    with_workers = DataLoader(pictures, BATCH_SIZE, shuffle=True, num_workers=2, persistent_workers=True)
    return {"TensorLoader": ours, IN_PROCESS: in_process, WITH_WORKERS: with_workers}, seconds


def load(loader: Batches) -> None:
    """Go through an epoch."""
    for _ in loader:
        pass


def train(loader: Batches) -> None:
    """Train a small CNN from scratch for an epoch."""
    set_seed(0)
    model = small_cnn()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    train_model(model, optimizer, loader, 1, nn.CrossEntropyLoss(), "cpu", progress=False)


def measure(n_rounds: int) -> tuple[str, list[str]]:
    """Return a remark and the lines of the table."""
    torch.set_num_threads(N_THREADS)
    loaders, seconds = make_loaders()
    rows = []
    for what, use, target in (("loading", load, "20"), ("training a small CNN", train, "1.3")):
        times = alternate({name: partial(partial, use, loader) for name, loader in loaders.items()}, n_rounds)
        what = f"{what}, {N_IMAGES} images of 32 by 32"
        rows.append(times.row(what, "TensorLoader", IN_PROCESS, f"at least {target}"))
        rows.append(times.row(what, "TensorLoader", WITH_WORKERS))
    remark = f"{torch.get_num_threads()} thread, batches of {BATCH_SIZE}, on the CPU."
    return f"{remark} Before its first epoch ours spends {seconds:.2g} s on its tensors, once.", rows


if __name__ == "__main__":
    main(measure, n_rounds=8)
