"""How small can a file with a network for CIFAR-10 be? Lesson 18's networks, better trained, with weights of few bits.

Two networks are trained as in `cifar_distillation.py`, but with lesson 14's recipe: Muon for the convolutions, AdamW
for the rest. The narrow one learns from the logits of the wide one. Their weights are then rounded to few bits, once
after the training and once during a short further one, for the same logits (quantization-aware). Batch norms are folded
where nothing stands between them and their convolution. Each network is written to a file that holds all it needs
(codes, scales, biases, norms), compressed by zlib. Its accuracy is that of the network read back from the file, and its
size that of the file. Only weights are rounded: the network computes in float32. For each limit on the size the most
accurate file on validation images is chosen, and that one is measured on the test part.

Needs CIFAR-10 in the data directory (`HELPER_UTILS_DATA`), or `--dataset folder:PATH` with its images in folders.
"""

import argparse
import copy
import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from cifar_distillation import (
    ALPHA,
    BATCH_SIZE,
    LABEL_SMOOTHING,
    TEMPERATURE,
    WEIGHT_DECAY,
    MixedPrecision,
    Taught,
    augmented_batches,
    narrow_resnet,
)
from matplotlib import pyplot as plt
from torch import Tensor, nn

from helper_utils.base.callbacks import Callback, EachBatch, TrainingRun
from helper_utils.base.plots import COLORS, FULL_WIDTH, label_with_plain_numbers, to_png, use_house_style
from helper_utils.base.seeds import set_seed
from helper_utils.base.training import evaluate_accuracy, evaluation_mode, train_model
from helper_utils.compression import pack_model, remove_masks, unpack_model, with_fake_quantization
from helper_utils.data import Dataset, TensorLoader, load_dataset
from helper_utils.data.datasets import Part
from helper_utils.distillation import DistillationLoss
from helper_utils.normalization import fold_batch_norm
from helper_utils.optimizers import MultiOptimizer, Muon

TEACHER_WIDTH, TEACHER_EPOCHS = 16, 8
SECOND_CYCLE_EPOCHS = 14  # of the teacher: a warm restart from what the first ones found
STUDENT_WIDTH, STUDENT_EPOCHS = 12, 10
TAUGHT_EPOCHS = 3  # how many epochs of images the teacher looks at; after them, a student sees the same ones again
LIMITS_MB = {0.25: 0.86, 0.11: 0.83}  # the largest file in 10^6 bytes, and the test accuracy to reach with it
BITS = (32, 16, 8, 5, 4, 3)  # of a weight; 16 is float16, 32 is float32
AWARE_BITS, AWARE_EPOCHS, AWARE_LR = (5, 4), 2, 2e-3  # of quantization-aware training
MAX_LR = 0.01
LESSON_18 = {0.828: 0.861, 0.209: 0.828}  # MB and validation accuracy of the two networks that were chosen there
PICTURE = Path(__file__).with_suffix(".png")


@dataclass(frozen=True)
class Result:
    """What one file is and does."""

    width: int
    n_bits: int
    aware: bool  # of the rounding, during training
    path: Path
    unzipped_bytes: int
    accuracy: float  # on the validation part

    @property
    def megabytes(self) -> float:
        """The size of the file in 10^6 bytes."""
        return self.path.stat().st_size / 1e6

    @property
    def how(self) -> str:
        """How its weights were made small, in words."""
        if self.n_bits >= 16:
            return f"float{self.n_bits}"
        return f"{self.n_bits} bits, " + ("quantization-aware training" if self.aware else "rounded after training")


class TaughtAgain(Taught):
    """Batches with the teacher's logits, from the first epoch again when there are no more."""

    def __init__(self, train: Part, teacher_logits: Tensor) -> None:
        super().__init__(train, teacher_logits)
        self.train = train

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.n_seen == len(self.teacher_logits):
            self.loader, self.n_seen = augmented_batches(self.train), 0
        return super().__iter__()


class PrintEpoch(Callback):
    """Print the accuracy and the seconds of each epoch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def after_epoch(self, run: TrainingRun) -> None:
        """Print a line."""
        history = run.history
        accuracy, seconds = history.val_accuracy[-1], history.seconds[-1]
        print(f"{self.name}, epoch {len(history)}: {accuracy:.3f} in {seconds:.0f} s", file=sys.stderr, flush=True)


class Trainer:
    """Trains networks one after the other on one thread, and keeps what is done in a folder."""

    def __init__(self, data: Dataset, folder: Path, *, mixed_precision: bool) -> None:
        self.data, self.folder, self.mixed_precision = data, folder, mixed_precision

    def train(self, name: str, model: nn.Module, n_epochs: int, max_lr: float, logits: Tensor | None) -> nn.Module:
        """Train a network, alone or with a teacher's logits, or load it if that was done before; returns it."""
        file = self.folder / f"{name}, {n_epochs} epochs.pt"
        if not file.exists():
            batches = augmented_batches(self.data.train) if logits is None else TaughtAgain(self.data.train, logits)
            optimizer = muon_and_adamw(model, max_lr)
            cycle = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, max_lr, total_steps=n_epochs * len(batches), pct_start=0.2, cycle_momentum=False
            )
            alone = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
            train_model(
                self.quick(model),
                optimizer,
                batches,
                n_epochs,
                alone if logits is None else DistillationLoss(TEMPERATURE, ALPHA),
                "cpu",
                val_dataloader=TensorLoader(self.data.val.inputs[:2000], self.data.val.targets[:2000], 500),
                scheduler=EachBatch(cycle),
                callbacks=[PrintEpoch(name)],
                progress=False,
            )
            save(model.state_dict(), file)
        model.load_state_dict(torch.load(file, weights_only=True))
        return model

    def quick(self, model: nn.Module) -> nn.Module:
        """Return the network as it is trained: in mixed precision, if that was asked for."""
        return MixedPrecision(model) if self.mixed_precision else model

    def logits_of(self, teacher: nn.Module) -> Tensor:
        """Return what a teacher says about the augmented images of some epochs, in their order."""
        file = self.folder / f"logits of {TAUGHT_EPOCHS} epochs.pt"
        if not file.exists():
            loader, teacher = augmented_batches(self.data.train), self.quick(teacher)
            with evaluation_mode(teacher):
                save(torch.cat([teacher(inputs) for _ in range(TAUGHT_EPOCHS) for inputs, _ in loader]), file)
        return torch.load(file, weights_only=True)

    def store(self, model: nn.Module, width: int, n_bits: int, *, aware: bool = False) -> Result:
        """Write a network to a file, and measure on the validation part what is read back from it."""
        path = self.folder / f"width {width}, {n_bits} bits{', aware' if aware else ''}.network"
        path.write_bytes(pack_model(folded(model), n_bits, zipped=True))
        accuracy = accuracy_of(path, width, self.data.val)
        result = Result(width, n_bits, aware, path, len(pack_model(folded(model), n_bits)), accuracy)
        print(f"width {width}, {result.how}: {accuracy:.4f}, {result.megabytes:.4f} MB", file=sys.stderr, flush=True)
        return result


def muon_and_adamw(model: nn.Module, lr: float) -> MultiOptimizer:
    """Return lesson 14's optimizer: Muon for the convolutions, AdamW for the rest."""
    convolutions = [parameter for parameter in model.parameters() if parameter.ndim == 4]
    others = [parameter for parameter in model.parameters() if parameter.ndim != 4]
    return MultiOptimizer(
        Muon(convolutions, lr, WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr, weight_decay=WEIGHT_DECAY),
    )


def save(content: object, file: Path) -> None:
    """Save what `torch.save` can; the file appears when it is whole."""
    unfinished = file.with_suffix(".part")
    torch.save(content, unfinished)
    unfinished.replace(file)


def folded(model: nn.Module) -> nn.Module:
    """Return a copy whose batch norms are part of the convolutions before them.

    Those behind a max pooling stay: a negative scale would have to turn its maximum into a minimum.
    """
    model = copy.deepcopy(model).eval()
    for block in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for i, (layer, norm) in enumerate(itertools.pairwise(block)):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[i], block[i + 1] = fold_batch_norm(layer, norm), nn.Identity()
    return model


def accuracy_of(path: Path, width: int, part: Part) -> float:
    """Return the accuracy of the network that is read back from a file."""
    model = unpack_model(path.read_bytes(), folded(narrow_resnet(width)))
    return evaluate_accuracy(model, TensorLoader(*part, 500), "cpu")


def train_and_store(trainer: Trainer, epochs: int | None) -> list[Result]:
    """Train both networks, and store all their files."""
    results, logits = [], None
    for width, n_epochs in {TEACHER_WIDTH: TEACHER_EPOCHS, STUDENT_WIDTH: STUDENT_EPOCHS}.items():
        set_seed(width)
        model = trainer.train(f"width {width}", narrow_resnet(width), epochs or n_epochs, MAX_LR, logits)
        if logits is None:
            model = trainer.train(f"width {width}, again", model, epochs or SECOND_CYCLE_EPOCHS, MAX_LR, None)
        results += [trainer.store(model, width, n_bits) for n_bits in BITS]
        if logits is None:
            logits = trainer.logits_of(model)
        # One scale for each channel: what the folding multiplies a channel with changes the scale, not the codes.
        for n_bits in AWARE_BITS:
            aware = with_fake_quantization(copy.deepcopy(model), n_bits)
            aware = trainer.train(f"width {width}, {n_bits} bits", aware, epochs or AWARE_EPOCHS, AWARE_LR, logits)
            results.append(trainer.store(remove_masks(aware), width, n_bits, aware=True))
    return results


def most_accurate(results: list[Result], limit_mb: float) -> Result:
    """Return the file with the best validation accuracy among those that are small enough."""
    small = [result for result in results if result.megabytes <= limit_mb]
    if not small:
        raise ValueError(f"no file takes at most {limit_mb} MB: make the student narrower")
    return max(small, key=lambda result: result.accuracy)


def draw(results: list[Result], chosen: dict[Path, float]) -> str:
    """Draw accuracy against size into PICTURE; returns what it shows, in words."""
    use_house_style()
    figure, axis = plt.subplots(figsize=(FULL_WIDTH, 4.2))
    lowest = 0.74
    for width, color in zip((TEACHER_WIDTH, STUDENT_WIDTH), COLORS.values(), strict=False):
        for aware, style, offset, how in (
            (False, "o-", (0, 6), "rounded after training"),
            (True, "D", (-9, -3), "quantization-aware"),
        ):
            ours = [result for result in results if (result.width, result.aware) == (width, aware)]
            places = [(result.megabytes, result.accuracy) for result in ours]
            axis.plot(*zip(*places, strict=True), style, color=color, alpha=0.8, label=f"width {width}, {how}")
            for result, place in zip(ours, places, strict=True):
                if result.accuracy > lowest:
                    text = f"{result.n_bits}"
                    axis.annotate(text, place, offset, textcoords="offset points", ha="center", fontsize=8)
    axis.plot(*zip(*LESSON_18.items(), strict=True), "s", color=COLORS["purple"], label="lesson 18, bfloat16")
    tested = [(result.megabytes, chosen[result.path]) for result in results if result.path in chosen]
    axis.plot(*zip(*tested, strict=True), "x", markersize=9, color=COLORS["black"], label="chosen, on the test part")
    for limit, target in LIMITS_MB.items():
        axis.plot([limit, limit, 0.04], [lowest, target, target], color="grey", linestyle=":", linewidth=1.2)
        axis.annotate("target", (0.065, target), (0, 2), textcoords="offset points", color="grey", fontsize=8)
    axis.set(xscale="log", xlabel="file on disk (MB)", ylabel="accuracy on the validation part")
    axis.set_xlim(0.06, 3)
    axis.set_ylim(lowest, None)
    label_with_plain_numbers(axis.xaxis)
    axis.legend(loc="lower right", fontsize=8)
    PICTURE.write_bytes(to_png(figure))
    return (
        "Accuracy against the size of the file, on a logarithmic axis: one line for each network, from float32 down "
        "to few bits a weight (the numbers), the quantization-aware ones, and lesson 18's. The dotted lines are the "
        f"limits and targets. Points below {lowest} are left out."
    )


def table(results: list[Result], chosen: dict[Path, float]) -> list[str]:
    """Return the lines of a table; `chosen` has the test accuracy of those that were chosen."""
    lines = ["| network | weights | MB on disk | not zipped | validation | test |", "|---|---|---|---|---|---|"]
    for result in results:
        test = f"**{chosen[result.path]:.3f}**" if result.path in chosen else ""
        lines.append(
            f"| width {result.width} | {result.how} | {result.megabytes:.3f} | {result.unzipped_bytes / 1e6:.3f} "
            f"| {result.accuracy:.3f} | {test} |"
        )
    return lines


def section(
    options: argparse.Namespace,
    data: Dataset,
    results: list[Result],
    best: dict[float, Result],
    chosen: dict[Path, float],
) -> list[str]:
    """Return the lines of the results, and draw the picture that they show."""
    images = "read from files (the image files here are JPEG, re-encoded)" if ":" in options.dataset else "CIFAR-10"
    n_first, n_second = options.epochs or TEACHER_EPOCHS, options.epochs or SECOND_CYCLE_EPOCHS
    return [
        f"Images: {images}; {len(data.train.targets):,} to train, {len(data.val.targets):,} to validate, "
        f"{len(data.test.targets):,} to test. Width {TEACHER_WIDTH} was trained alone for {n_first} epochs and, with "
        f"a second cycle of the learning rate, for {n_second} more (added since the first gave too little on "
        f"validation images); width {STUDENT_WIDTH} for "
        f"{options.epochs or STUDENT_EPOCHS} epochs with the logits of width {TEACHER_WIDTH} (temperature "
        f"{TEMPERATURE}, alpha {ALPHA}) for the images of {TAUGHT_EPOCHS} epochs, again and again. Quantization-aware "
        f"training took {options.epochs or AWARE_EPOCHS} epochs more, with the same logits. One thread, batches of "
        f"{BATCH_SIZE}. One run each: differences of a point may be chance. A file holds all that the network needs "
        "and is compressed by zlib; a MB has 10^6 bytes. Each accuracy is that of the network read back from its file. "
        "Only weights are rounded: it computes in float32.",
        "",
        "| limit on the file | chosen by validation accuracy | MB | test accuracy | target |",
        "|---|---|---|---|---|",
        *(
            f"| {limit:.2f} MB | width {result.width}, {result.how} | {result.megabytes:.3f} "
            f"| {chosen[result.path]:.3f} | at least {LIMITS_MB[limit]} |"
            for limit, result in best.items()
        ),
        "",
        f"![{draw(results, chosen)}]({PICTURE.name})",
        "",
        *table(results, chosen),
    ]


def main() -> None:
    """Train all, choose, draw, and print the section of the results."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--dataset", default="cifar10", help="or folder:PATH")
    folder = Path(tempfile.gettempdir()) / "cifar_compression"
    parser.add_argument("--folder", type=Path, default=folder, help="keeps what is done; one for each setting")
    parser.add_argument("--bfloat16", action="store_true", help="train convolutions in bfloat16, where that is quick")
    parser.add_argument("--n-images", type=int, help="to train with, for a trial; default: all")
    parser.add_argument("--epochs", type=int, help="of every training, for a trial")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    data = load_dataset(options.dataset, subset_size=options.n_images, seed=0)

    results = train_and_store(Trainer(data, options.folder, mixed_precision=options.bfloat16), options.epochs)
    best = {limit: most_accurate(results, limit) for limit in LIMITS_MB}
    chosen = {result.path: accuracy_of(result.path, result.width, data.test) for result in best.values()}
    print(*section(options, data, results, best, chosen), sep="\n")


if __name__ == "__main__":
    main()
