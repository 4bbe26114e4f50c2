"""How small can a network for CIFAR-10 be? Narrow residual networks, alone and distilled, chosen on validation data.

The teacher is a wider network of the same kind. It says once what it sees in each augmented image that a student will
be given, and the logits are kept: the loader's seed is the same for every student, so all are given the same images. A
student sees at most as many as 10 epochs of 45,000. Each network is measured as it was trained, in float32, and with
its weights in bfloat16, which take half the memory, on validation images. For each limit on the size the tools of
lesson 16 choose one, and that one is measured on the test part.

Needs CIFAR-10 in the data directory (`HELPER_UTILS_DATA`), or `--dataset folder:PATH` with its images in folders.
"""

import argparse
import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import joblib
import torch
from torch import Tensor, nn
from torchvision.models import resnet34

from helper_utils.base.callbacks import EachBatch
from helper_utils.base.seeds import set_seed
from helper_utils.base.training import evaluate_accuracy, evaluation_mode, train_model
from helper_utils.data import Dataset, TensorLoader, load_dataset
from helper_utils.data.augmentation import chain, random_horizontal_flip, random_shift
from helper_utils.data.datasets import Part
from helper_utils.distillation import DistillationLoss, with_teacher
from helper_utils.efficiency import evaluate_efficiency, get_model_size, select_best_model_constraint_based

TEACHER_WIDTH = 24
WIDTHS = (16, 8)  # of the students, the longest training first
LIMITS_MB = {0.81: 0.85, 0.20: 0.78}  # the largest size, and the test accuracy to reach with it
IMAGES_SEEN = 10 * 45_000  # by each network, at most
BATCH_SIZE, MAX_LR, WEIGHT_DECAY, LABEL_SMOOTHING = 128, 0.01, 0.05, 0.1
TEMPERATURE, ALPHA = 4.0, 0.9
N_PROCESSES = 2  # one thread each


def convolution(n_in: int, n_out: int, *, halve: bool = False) -> nn.Sequential:
    """Return a convolution, batch norm and ReLU; with `halve`, the height and width are halved by max pooling."""
    pooling = [nn.MaxPool2d(2)] if halve else []
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), *pooling, nn.BatchNorm2d(n_out), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions whose result is added to what they were given."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(convolution(n_channels, n_channels), convolution(n_channels, n_channels))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return inputs + self.branch(inputs)


def narrow_resnet(width: int) -> nn.Sequential:
    """Return a residual network of eight layers; its weights grow with the square of the width."""
    model = nn.Sequential(
        convolution(3, width),
        convolution(width, 2 * width, halve=True),
        Residual(2 * width),
        convolution(2 * width, 4 * width, halve=True),
        convolution(4 * width, 8 * width, halve=True),
        Residual(8 * width),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (quicker convolutions)


class MixedPrecision(nn.Module):
    """Compute a network's convolutions in bfloat16, where the processor has fast instructions for it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits in float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.model(inputs).float()


def data_of(name: str) -> Dataset:
    """Load the images; each training does it for itself, in its process."""
    return load_dataset(name, seed=0)


def augmented_batches(train: Part) -> TensorLoader:
    """Return a loader that gives the same augmented images, epoch by epoch, each time that it is made."""
    augment = chain(random_horizontal_flip, random_shift(2))
    return TensorLoader(*train, BATCH_SIZE, shuffle=True, seed=0, augment=augment, drop_last=True)


class Taught:
    """The batches of `augmented_batches` with the teacher's logits for them, from the first epoch on."""

    def __init__(self, train: Part, teacher_logits: Tensor) -> None:
        self.loader, self.teacher_logits, self.n_seen = augmented_batches(train), teacher_logits, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, targets in self.loader:
            logits = self.teacher_logits[self.n_seen : self.n_seen + len(targets)]
            self.n_seen += len(targets)
            yield inputs, with_teacher(targets, logits)

    def __len__(self) -> int:
        return len(self.loader)


def n_epochs_for(train: Part) -> int:
    """Return how many epochs show no more images than agreed."""
    return IMAGES_SEEN // len(train.targets)


def train(dataset: str, width: int, seed: int, teacher_logits: Tensor | None = None) -> tuple[nn.Module, float]:
    """Train a network, alone or with a teacher; returns it and the seconds."""
    torch.set_num_threads(1)
    data = data_of(dataset)
    set_seed(seed)
    model = narrow_resnet(width)
    batches = augmented_batches(data.train) if teacher_logits is None else Taught(data.train, teacher_logits)
    n_epochs = n_epochs_for(data.train)
    alone = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.AdamW(model.parameters(), lr=MAX_LR, weight_decay=WEIGHT_DECAY, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LR, total_steps=n_epochs * len(batches), pct_start=0.2)
    start = time.perf_counter()
    train_model(
        MixedPrecision(model),
        optimizer,
        batches,
        n_epochs,
        alone if teacher_logits is None else DistillationLoss(TEMPERATURE, ALPHA),
        "cpu",
        scheduler=EachBatch(cycle),
        progress=False,
    )
    seconds = time.perf_counter() - start
    print(f"width {width}, seed {seed}: {seconds:.0f} s", file=sys.stderr)
    return model, seconds


def logits_of(dataset: str, teacher: nn.Module) -> Tensor:
    """Return what a teacher says about all augmented images that a student will see, in their order."""
    torch.set_num_threads(1)
    train = data_of(dataset).train
    loader, teacher = augmented_batches(train), MixedPrecision(teacher)
    with evaluation_mode(teacher):
        return torch.cat([teacher(inputs) for _ in range(n_epochs_for(train)) for inputs, _ in loader])


def batches_for(model: nn.Module, part: Part) -> TensorLoader:
    """Return batches of the type of a network's weights."""
    return TensorLoader(part.inputs.to(next(model.parameters()).dtype), part.targets, 100)


def in_processes(function: Callable[..., Any], jobs: Iterable[tuple]) -> list[Any]:
    """Call a function for each tuple of arguments, some at a time, each on one thread."""
    with joblib.parallel_config("loky", n_jobs=N_PROCESSES, inner_max_num_threads=1):
        return list(joblib.Parallel()(joblib.delayed(function)(*job) for job in jobs) or [])


def most_accurate(results: dict[str, dict[str, float]], limit_mb: float) -> str:
    """Return the name of the network with the best validation accuracy among those that are small enough."""
    name, _ = select_best_model_constraint_based(results, limit_mb, math.inf)
    if name is None:
        raise ValueError(f"no network takes at most {limit_mb} MB: make one of WIDTHS smaller")
    return name


def table(results: dict[str, dict[str, float]], seconds: dict[str, float], chosen: dict[str, float]) -> list[str]:
    """Return the lines of a table; `chosen` has the test accuracy of those that were chosen."""
    lines = [
        "| network | MB | parameters | multiply-adds | ms for one image | validation | test | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, metrics in results.items():
        test = f"**{chosen[name]:.3f}**" if name in chosen else ""
        lines.append(
            f"| {name} | {metrics['model_size_mb']:.3f} | {metrics['parameters']:,.0f} "
            f"| {metrics['multiply_adds'] / 1e6:.1f} M | {metrics['inference_time_ms']:.2f} "
            f"| {metrics['accuracy']:.3f} | {test} | {seconds[name.rpartition(',')[0]]:.0f} s |"
        )
    return lines


def main() -> None:
    """Train all, choose, and print the section of the results."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dataset", default="cifar10", help="or folder:PATH")
    dataset = parser.parse_args().dataset
    data = data_of(dataset)

    alone = {f"width {width}, alone": (dataset, width, seed) for seed, width in enumerate(WIDTHS)}
    jobs = {f"teacher, width {TEACHER_WIDTH}": (dataset, TEACHER_WIDTH, len(WIDTHS)), **alone}
    trained = dict(zip(jobs, in_processes(train, jobs.values()), strict=True))
    teacher, _ = trained[f"teacher, width {TEACHER_WIDTH}"]
    [logits] = in_processes(logits_of, [(dataset, teacher)])
    jobs = {f"width {width}, distilled": (dataset, width, seed, logits) for seed, width in enumerate(WIDTHS)}
    trained |= dict(zip(jobs, in_processes(train, jobs.values()), strict=True))

    models = {
        f"{name}, {str(dtype).removeprefix('torch.')}": copy.deepcopy(model).to(dtype)
        for name, (model, _) in trained.items()
        for dtype in (torch.float32, torch.bfloat16)
    }
    results = {
        name: evaluate_efficiency(model, batches_for(model, data.val), "cpu", num_iterations=20, num_warmup=3)
        for name, model in models.items()
    }
    chosen = {limit: most_accurate(results, limit) for limit in LIMITS_MB}
    test_accuracies = {
        name: evaluate_accuracy(models[name], batches_for(models[name], data.test), "cpu") for name in chosen.values()
    }

    images = "read from files (the image files here are JPEG, re-encoded)" if ":" in dataset else "CIFAR-10"
    n_images = n_epochs_for(data.train) * len(data.train.targets)
    print(
        f"Images: {images}; {len(data.train.targets):,} to train, {len(data.val.targets):,} to validate, "
        f"{len(data.test.targets):,} to test. Every network, the teacher included, saw {n_images:,} augmented images "
        f"(10 epochs of 45,000 are {IMAGES_SEEN:,}), on one thread, {N_PROCESSES} at a time; the last part of a name "
        f"is the type of the weights. Temperature {TEMPERATURE}, alpha {ALPHA}, one run each. For comparison: "
        f"torchvision's ResNet-34 for 10 classes takes {get_model_size(resnet34(num_classes=10)):.2f} MB.\n\n"
        "| limit on the size | chosen by validation accuracy | test accuracy | target |\n|---|---|---|---|"
    )
    for limit, name in chosen.items():
        print(f"| {limit:.2f} MB | {name} | {test_accuracies[name]:.3f} | at least {LIMITS_MB[limit]} |")
    print("", *table(results, {name: seconds for name, (_, seconds) in trained.items()}, test_accuracies), sep="\n")


if __name__ == "__main__":
    main()
