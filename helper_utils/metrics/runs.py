"""The experiments of the lesson: examples drawn with given counts, and many linear classifiers trained at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from helper_utils.data.datasets import Dataset


class Drawn(NamedTuple):
    """The examples of every run: inputs (runs, N, features) and targets (runs, N)."""

    inputs: Tensor
    targets: Tensor


class LinearRuns:
    """One linear classifier for each run, all trained at once.

    Attributes:
        weights: Shape (runs, features, classes).
        biases: Shape (runs, 1, classes).
    """

    def __init__(self, weights: Tensor, biases: Tensor) -> None:
        self.weights, self.biases = weights, biases

    def __repr__(self) -> str:
        """Name the axes: runs, features, classes."""
        n_runs, n_features, n_classes = self.weights.shape
        return f"LinearRuns({n_runs} runs x {n_features} features x {n_classes} classes)"

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the logits of every run, shape (runs, N, classes).

        Args:
            inputs: Shape (runs, N, features), or (N, features) for the same examples in every run.
        """
        return inputs @ self.weights + self.biases


def train_linear_runs(
    inputs: Tensor,
    targets: Tensor,
    num_classes: int,
    class_weights: Tensor | None = None,
    *,
    n_steps: int = 150,
    lr: float = 0.2,
) -> LinearRuns:
    """Train a softmax regression for each run, on all examples of the run in every step, with Adam from zero weights.

    No run shares a weight with another, and Adam treats each weight by itself, so the sum of all losses trains each run
    as if it were alone.

    Args:
        inputs: Shape (runs, N, features).
        targets: Class numbers, shape (runs, N).
        num_classes: How many classes there are.
        class_weights: How much an example of each class counts in the loss, shape (num_classes,); 1 by default.
        n_steps: Steps of Adam.
        lr: Its learning rate.

    Raises:
        ValueError: Inputs and targets have shapes that do not go together.
    """
    if inputs.ndim != 3 or targets.shape != inputs.shape[:2]:
        raise ValueError(
            f"inputs must have shape (runs, N, features) and targets (runs, N), "
            f"not {tuple(inputs.shape)} and {tuple(targets.shape)}"
        )
    n_runs, n_examples, n_features = inputs.shape
    weights = torch.zeros(n_runs, n_features, num_classes, device=inputs.device, requires_grad=True)
    biases = torch.zeros(n_runs, 1, num_classes, device=inputs.device, requires_grad=True)
    optimizer = torch.optim.Adam([weights, biases], lr=lr)
    for _ in range(n_steps):
        logits = (inputs @ weights + biases).flatten(0, 1)
        loss = cross_entropy(logits, targets.flatten(), weight=class_weights, reduction="sum") / n_examples
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return LinearRuns(weights.detach(), biases.detach())


def draw_examples(targets: Tensor, counts: Sequence[int], seed: int) -> Tensor:
    """Draw different examples of each class: counts[c] of class c, or all where there are fewer.

    Args:
        targets: Class numbers, shape (N,).
        counts: How many of each class.
        seed: Of the draw.

    Returns:
        Indices into the targets on the CPU, class by class.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label, count in enumerate(counts):
        candidates = (targets.cpu() == label).nonzero()[:, 0]
        chosen.append(candidates[torch.randperm(len(candidates), generator=generator)[:count]])
    return torch.cat(chosen)


def draw_runs(data: Dataset, seeds: Sequence[int], n_per_class: int, size: int = 8) -> Drawn:
    """Draw n_per_class training images of each class for each seed, shrunk to size x size pixels.

    Args:
        data: What to draw from.
        seeds: One for each run.
        n_per_class: How many of each class; each class must have as many.
        size: Height and width of the shrunk images.

    Raises:
        ValueError: A class has fewer images.
    """
    fewest = int(data.train.targets.bincount(minlength=data.num_classes).min())
    if n_per_class > fewest:
        raise ValueError(f"n_per_class must be at most {fewest}, the images of the smallest class, not {n_per_class}")
    counts = [n_per_class] * data.num_classes
    rows = torch.stack([draw_examples(data.train.targets, counts, seed) for seed in seeds]).to(data.train.inputs.device)
    return Drawn(thumbnails(data.train.inputs, size)[rows], data.train.targets[rows])


def repeat_negatives(scores: Tensor, targets: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Count each negative example several times, as if positives were that much rarer.

    Args:
        scores: Shape (N,).
        targets: 1 for positive, 0 for negative, shape (N,).
        times: How often each negative is counted.
    """
    copies = torch.where(targets == 0, times, 1)
    return scores.repeat_interleave(copies), targets.repeat_interleave(copies)


def normal_scores(auc: float, n_positive: int, n_negative: int) -> tuple[Tensor, Tensor]:
    """Return scores and targets of an ideal detector: normal scores, as far apart as the AUC says, without any chance.

    The scores are evenly spaced quantiles of two normal distributions of variance 1, positives first.

    Args:
        auc: The area under the ROC curve, above 0 and below 1.
        n_positive: The number of positives.
        n_negative: The number of negatives.
    """

    def quantiles(n: int) -> Tensor:
        return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)

    distance = 2**0.5 * torch.special.ndtri(torch.tensor(auc, dtype=torch.float64))
    targets = torch.cat([torch.ones(n_positive, dtype=torch.long), torch.zeros(n_negative, dtype=torch.long)])
    return torch.cat([quantiles(n_positive) + distance, quantiles(n_negative)]), targets


def thumbnails(images: Tensor, size: int) -> Tensor:
    """Shrink images (N, C, H, W) to size x size pixels, and flatten them to (N, features)."""
    return adaptive_avg_pool2d(images, size).flatten(1)


@dataclass(frozen=True, eq=False, repr=False)
class RareClassRuns:
    """Two classes, the rest (0) and the rare one (1), drawn anew for each run.

    Attributes:
        train: What the run's model learns from.
        val: What its threshold is chosen on.
        test: What it is measured on; it shares no image with `val`.
    """

    train: Drawn
    val: Drawn
    test: Drawn

    def __repr__(self) -> str:
        """Name the axes and how many examples are rare."""
        parts = [
            f"{name} {part.targets.shape[1]} images ({int(part.targets[0].sum())} rare)"
            for name, part in (("train", self.train), ("val", self.val), ("test", self.test))
        ]
        n_runs, _, n_features = self.train.inputs.shape
        return f"RareClassRuns({n_runs} runs x {n_features} features; {', '.join(parts)})"


def draw_rare_class_runs(
    data: Dataset, seeds: Sequence[int], rare_share: float, thumbnail: int, n_train: int = 400, n_held_out: int = 200
) -> RareClassRuns:
    """Draw training, validation and test images for each seed; the last class is the rare one, all others are the rest.

    Validation and test images of a run are drawn from the data's two sets together, so that they differ by chance only.
    Not all images are drawn, so that the runs differ. The features are standardised by the training set.

    Args:
        data: What to draw from.
        seeds: One for each run.
        rare_share: The share of the rare class, above 0 and below 1.
        thumbnail: Height and width to which the images are shrunk.
        n_train: Training images of a run.
        n_held_out: Validation images of a run, and test images.

    Raises:
        ValueError: The share is out of its range, or there are fewer than two training or four held-out images of the
            rare class.
    """
    if not 0 < rare_share < 1:
        raise ValueError(f"rare_share must be above 0 and below 1, not {rare_share}")
    rare = data.num_classes - 1
    train_targets = (data.train.targets == rare).long()
    held_out_targets = (torch.cat([data.val.targets, data.test.targets]) == rare).long()
    for name, targets, least in (("training", train_targets, 2), ("validation and test", held_out_targets, 4)):
        if int(targets.sum()) < least:
            raise ValueError(
                f"class {data.class_names[rare]!r} has {int(targets.sum())} {name} images, "
                f"at least {least} are needed: add images, or use a data set whose last class has more"
            )
    train_inputs = thumbnails(data.train.inputs, thumbnail)
    held_out_inputs = thumbnails(torch.cat([data.val.inputs, data.test.inputs]), thumbnail)
    mean, std = train_inputs.mean(dim=0), train_inputs.std(dim=0).clamp(min=1e-6)
    train_inputs, held_out_inputs = (train_inputs - mean) / std, (held_out_inputs - mean) / std

    train_counts = _counts(train_targets, n_train, rare_share, n_sets=1)
    held_out_counts = _counts(held_out_targets, n_held_out, rare_share, n_sets=2)
    both = [2 * count for count in held_out_counts]
    train_rows = torch.stack([draw_examples(train_targets, train_counts, seed) for seed in seeds])
    held_out_rows = torch.stack([draw_examples(held_out_targets, both, seed) for seed in seeds])

    def drawn(inputs: Tensor, targets: Tensor, rows: Tensor) -> Drawn:
        rows = rows.to(inputs.device)
        return Drawn(inputs[rows], targets[rows])

    # each class has an even number of rows in random order: every other one is a random half
    return RareClassRuns(
        train=drawn(train_inputs, train_targets, train_rows),
        val=drawn(held_out_inputs, held_out_targets, held_out_rows[:, 0::2]),
        test=drawn(held_out_inputs, held_out_targets, held_out_rows[:, 1::2]),
    )


def _counts(targets: Tensor, n_examples: int, rare_share: float, n_sets: int) -> list[int]:
    """Return how many examples of the rest and of the rare class each of n_sets sets has."""
    n_examples = min(n_examples, len(targets) // (n_sets + 1))  # leave some, so that the runs differ
    n_rare_at_most, n_rest_at_most = int(targets.sum()) // n_sets, int((1 - targets).sum()) // n_sets
    n_rare = max(2, min(round(rare_share * n_examples), n_rare_at_most))
    return [max(1, min(n_examples - n_rare, n_rest_at_most)), n_rare]


def random_labels(case: int, num_classes: int, n_examples: int) -> tuple[Tensor, Tensor]:
    """Draw predictions and targets, each of shape (N,); about half of the predictions are right."""
    generator = torch.Generator().manual_seed(case)
    predictions, targets = torch.randint(num_classes, (2, n_examples), generator=generator)
    copied = torch.rand(n_examples, generator=generator) < 0.4
    return torch.where(copied, targets, predictions), targets


def random_scores(case: int, n_examples: int) -> tuple[Tensor, Tensor]:
    """Draw scores in [0, 1), with ties, and targets 0 or 1 that go with them, each of shape (N,)."""
    generator = torch.Generator().manual_seed(case)
    scores = torch.randint(20, (n_examples,), generator=generator) / 20
    targets = torch.rand(n_examples, generator=generator) < 0.2 + 0.6 * scores
    return scores, targets.long()
