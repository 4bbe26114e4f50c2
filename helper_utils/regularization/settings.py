"""One small network trained under many settings at once: each run has its own strength of each regularizer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helper_utils.base.many_runs import train_many
from helper_utils.base.training import Device
from helper_utils.data.datasets import Part

_EVALUATED_AT_ONCE = 500  # examples; bounds the memory of an evaluation of many runs


@dataclass(frozen=True)
class Setting:
    """How strongly a run is regularized; 0 is off.

    Attributes:
        weight_decay: AdamW's, on the matrices only.
        dropout: The share of the hidden values that is dropped, in [0, 1).
        input_noise: Standard deviation of normal noise on the inputs.
        entropy: Strength of the `entropy_penalty`.

    Raises:
        ValueError: A value is out of its range.
    """

    weight_decay: float = 0.0
    dropout: float = 0.0
    input_noise: float = 0.0
    entropy: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0, not {value}")
            if value == math.inf:
                raise ValueError(f"{name} must be finite, not {value}")
        if self.dropout >= 1:
            raise ValueError(f"dropout is the share that is dropped, below 1, not {self.dropout}")


@dataclass(frozen=True, eq=False, repr=False)
class SettingRuns:
    """What came of the runs; the axes of every tensor are settings, seeds, epochs.

    Attributes:
        val_losses: Mean loss on the validation set after each epoch, in nats, without penalties.
        val_accuracies: In [0, 1], likewise.
        test_losses: On the test set; no epochs without one.
        test_accuracies: On the test set, likewise.
        train_losses: On the training set after the last epoch, without dropout and noise; shape (settings, seeds).
        train_accuracies: Likewise.
    """

    val_losses: Tensor
    val_accuracies: Tensor
    test_losses: Tensor
    test_accuracies: Tensor
    train_losses: Tensor
    train_accuracies: Tensor

    def __repr__(self) -> str:
        """Name the axes."""
        n_settings, n_seeds, n_epochs = self.val_losses.shape
        return f"SettingRuns({n_settings} settings x {n_seeds} seeds x {n_epochs} epochs)"


def train_settings(
    settings: Sequence[Setting],
    train: Part,
    val: Part,
    test: Part | None = None,
    *,
    seeds: Sequence[int],
    n_epochs: int,
    n_hidden: int = 128,
    n_classes: int = 10,
    lr: float = 0.003,
    batch_size: int = 50,
    every_epoch: bool = True,
    device: Device = "cpu",
) -> SettingRuns:
    """Train a network with one hidden layer by AdamW for each pair of a setting and a seed, all at the same time.

    Runs of one seed share their initial weights and batches, so that comparisons between settings are paired.

    Args:
        settings: The strengths; one network for each seed and setting.
        train: The training set, inputs of shape (N, F).
        val: The validation set, evaluated after each epoch.
        test: The test set, likewise if given: early stopping needs the test loss of the epoch that it keeps. Leave it
            out while strengths are chosen.
        seeds: The seeds, as from `spawn_seeds`.
        n_epochs: Passes over the data, at least 1.
        n_hidden: Hidden units.
        n_classes: The number of classes.
        lr: The learning rate.
        batch_size: Examples a step.
        every_epoch: Whether to evaluate after each epoch. False evaluates only after the last one, which is faster:
            the axis of the epochs then has one entry.
        device: Where to train.

    Raises:
        ValueError: There are no settings, n_epochs or n_hidden is below 1, n_classes below 2, the rate is not positive
            and finite, or as `train_many`. Or a part is empty, its inputs are not of shape (N, F), or not with the
            features of the training set, its targets are not of shape (N,), or a label is not from 0 to n_classes - 1.
        TypeError: The inputs of a part are integers, or its targets are not.
    """
    _check_arguments(settings, n_epochs, n_hidden, n_classes, lr)
    parts = [part for part in (val, test) if part is not None]
    for part, name in zip((train, *parts), ("training", "validation", "test"), strict=False):
        _check_part(part, name, train.inputs.shape[-1], n_classes)
    of_each_run = [setting for setting in settings for _ in seeds]
    remaining = iter(of_each_run)  # train_many makes the network of one run after the other
    used = {name for setting in settings for name, strength in vars(setting).items() if strength > 0}
    decays = torch.tensor([setting.weight_decay for setting in of_each_run], device=device)
    weights: list[Tensor] = []  # of both layers and all runs
    evaluated: list[list[tuple[Tensor, Tensor]]] = []  # for each epoch the losses and accuracies on each part

    def make_optimizer(stacked: list[Tensor], lr: float) -> torch.optim.Optimizer:
        weights.extend(stacked)
        return _AdamWithDecays(stacked, lr, decays)

    def evaluate_parts(_: object) -> None:
        evaluated.append([_evaluate(weights, part) for part in parts])

    train_many(
        lambda: _RegularizedNetwork(next(remaining), used, train.inputs.shape[1], n_hidden, n_classes),
        train,
        lrs=[lr],
        seeds=list(seeds) * len(settings),
        n_epochs=n_epochs,
        batch_size=batch_size,
        make_optimizer=make_optimizer,
        loss_fcn=_penalised_loss,
        after_epoch=evaluate_parts if every_epoch else None,
        device=device,
    )
    if not every_epoch:
        evaluate_parts(None)
    shape = (len(settings), len(seeds))
    trained = [values.view(shape) for values in _evaluate(weights, train)]
    curves = [
        torch.stack([epoch[part][measure] for epoch in evaluated], dim=1).view(*shape, -1)
        for part in range(len(parts))
        for measure in (0, 1)  # loss, accuracy
    ]
    nothing = torch.empty(*shape, 0)
    return SettingRuns(*curves, *[nothing] * (4 - len(curves)), *trained)


def _check_arguments(settings: Sequence[Setting], n_epochs: int, n_hidden: int, n_classes: int, lr: float) -> None:
    if not len(settings):
        raise ValueError("train_settings needs at least one setting")
    for name, number, lowest in (("n_epochs", n_epochs, 1), ("n_hidden", n_hidden, 1), ("n_classes", n_classes, 2)):
        if number < lowest:
            raise ValueError(f"{name} must be at least {lowest}, not {number}")
    if not 0 < lr < math.inf:
        raise ValueError(f"the rate lr must be positive and finite, not {lr}")


def _check_part(part: Part, name: str, n_features: int, n_classes: int) -> None:
    inputs, targets = part
    if not inputs.is_floating_point():
        raise TypeError(
            f"the {name} inputs must hold floating-point numbers, not {inputs.dtype}: convert with .float()"
        )
    if inputs.dim() != 2:
        raise ValueError(f"the {name} inputs must have the shape (N, F), not {tuple(inputs.shape)}: flatten them")
    if 0 in inputs.shape:
        raise ValueError(f"the {name} set is empty: its inputs have the shape {tuple(inputs.shape)}")
    if inputs.shape[1] != n_features:
        raise ValueError(f"the {name} inputs have {inputs.shape[1]} features, those of the training set {n_features}")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(f"the {name} targets must be class numbers (integers), not {targets.dtype}")
    if targets.shape != inputs.shape[:1]:
        raise ValueError(
            f"the {name} targets must have the shape (N,), which is ({len(inputs)},), not {tuple(targets.shape)}"
        )
    for label in (int(targets.min()), int(targets.max())):
        if not 0 <= label < n_classes:
            raise ValueError(
                f"there is a label {label}, but n_classes is {n_classes}: labels go from 0 to {n_classes - 1}"
            )


@torch.no_grad()
def _evaluate(weights: Sequence[Tensor], part: Part) -> tuple[Tensor, Tensor]:
    """Return mean loss and accuracy of each run; products of stacked matrices take half of the time of `vmap`."""
    weight, bias, last_weight, last_bias = weights  # each with the runs as the first axis
    n_runs = len(weight)
    total_loss, n_correct = torch.zeros(2, n_runs, device=weight.device)
    for inputs, targets in zip(*(values.to(weight.device).split(_EVALUATED_AT_ONCE) for values in part), strict=True):
        same_for_all = inputs.expand(n_runs, -1, -1)
        hidden = torch.baddbmm(bias[:, None], same_for_all, weight.mT).relu_()
        logits = torch.baddbmm(last_bias[:, None], hidden, last_weight.mT)  # (runs, examples, classes)
        total_loss += _negative_log_likelihood(logits.log_softmax(dim=2), targets.expand(n_runs, -1)).sum(dim=1)
        n_correct += (logits.argmax(dim=2) == targets).sum(dim=1)
    n_examples = len(part.targets)
    return (total_loss / n_examples).cpu(), (n_correct / n_examples).cpu()


def _negative_log_likelihood(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each example; `vmap` is slower with torch's."""
    return -log_probabilities.gather(-1, targets.long()[..., None])[..., 0]


class _RegularizedNetwork(nn.Module):
    """The strengths are buffers, so that stacked networks keep one each; what no run uses is left out."""

    dropout: Tensor
    input_noise: Tensor
    entropy: Tensor

    def __init__(self, setting: Setting, used: set[str], n_inputs: int, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        self.used = used
        self.hidden, self.last = nn.Linear(n_inputs, n_hidden), nn.Linear(n_hidden, n_classes)
        for name in ("dropout", "input_noise", "entropy"):
            self.register_buffer(name, torch.tensor(getattr(setting, name)))

    def forward(self, inputs: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return the logits, and the strength of the entropy penalty if a run uses it. Called in training only."""
        if "input_noise" in self.used:
            inputs = inputs + self.input_noise * torch.randn_like(inputs)
        hidden = self.hidden(inputs).relu()
        if "dropout" in self.used:
            kept = torch.rand_like(hidden) >= self.dropout
            hidden = hidden * kept / (1 - self.dropout)
        logits = self.last(hidden)
        return (logits, self.entropy) if "entropy" in self.used else logits


def _penalised_loss(outputs: Tensor | tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    logits, strength = (outputs, None) if isinstance(outputs, Tensor) else outputs
    log_probabilities = logits.log_softmax(dim=1)
    loss = _negative_log_likelihood(log_probabilities, targets).mean()
    if strength is None:
        return loss
    entropies = -(log_probabilities.exp() * log_probabilities).sum(dim=1)
    return loss - strength * entropies.mean()  # as `entropy_penalty`


class _AdamWithDecays(torch.optim.Adam):
    """AdamW with a decay for each run, the first axis of the weights; only matrices decay (three axes with that)."""

    def __init__(self, params: list[Tensor], lr: float, decays: Tensor) -> None:
        super().__init__(params, lr, fused=True)
        self.decays = decays

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.dim() == 3:
                    weights.mul_((1 - group["lr"] * self.decays).view(-1, 1, 1))
        return super().step(closure)
