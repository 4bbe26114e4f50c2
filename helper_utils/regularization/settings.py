"""One small network trained under many settings at once: each run has its own strength of each regularizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from helper_utils.base.many_runs import train_many
from helper_utils.base.training import Device
from helper_utils.data.datasets import Part
from helper_utils.optimizers import AdamW
from helper_utils.regularization.penalties import entropy_penalty


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
        ValueError: There are no settings, n_epochs is below 1, the inputs are not of shape (N, F), a label is not below
            n_classes, or as `train_many`.
    """
    if not len(settings):
        raise ValueError("train_settings needs at least one setting")
    if n_epochs < 1:
        raise ValueError(f"n_epochs must be at least 1, not {n_epochs}")
    if train.inputs.dim() != 2:
        raise ValueError(f"the inputs must have the shape (N, F), not {tuple(train.inputs.shape)}: flatten them")
    if int(train.targets.max()) >= n_classes:
        raise ValueError(f"there is a label {int(train.targets.max())}, but n_classes is {n_classes}")
    of_each_run = [setting for setting in settings for _ in seeds]
    remaining = iter(of_each_run)  # train_many makes the network of one run after the other
    decays = torch.tensor([setting.weight_decay for setting in of_each_run], device=device)
    evaluated: list[list[tuple[Tensor, Tensor]]] = []  # for each epoch the losses and accuracies on each part
    parts = [val] if test is None else [val, test]

    def evaluate_parts(evaluate: Callable[[Part], tuple[Tensor, Tensor]]) -> None:
        evaluated.append([evaluate(part) for part in parts])

    runs = train_many(
        lambda: _RegularizedNetwork(next(remaining), train.inputs.shape[1], n_hidden, n_classes),
        train,
        lrs=[lr],
        seeds=list(seeds) * len(settings),
        n_epochs=n_epochs,
        batch_size=batch_size,
        make_optimizer=partial(_AdamWithDecays, decays=decays),
        loss_fcn=_penalised_loss,
        after_epoch=evaluate_parts if every_epoch else None,
        device=device,
    )
    if not every_epoch:
        evaluate_parts(runs.evaluate)
    shape = (len(settings), len(seeds))
    trained = [values.view(shape) for values in runs.evaluate(train)]
    curves = [
        torch.stack([epoch[part][measure] for epoch in evaluated], dim=2).view(*shape, -1)
        for part in range(len(parts))
        for measure in (0, 1)  # loss, accuracy
    ]
    nothing = torch.empty(*shape, 0)
    return SettingRuns(*curves, *[nothing] * (4 - len(curves)), *trained)


class _RegularizedNetwork(nn.Module):
    """The strengths are buffers, so that stacked networks keep one each."""

    dropout: Tensor
    input_noise: Tensor
    entropy: Tensor

    def __init__(self, setting: Setting, n_inputs: int, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(n_inputs, n_hidden), nn.Linear(n_hidden, n_classes)
        for name in ("dropout", "input_noise", "entropy"):
            self.register_buffer(name, torch.tensor(getattr(setting, name)))

    def forward(self, inputs: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if not self.training:
            return self.last(self.hidden(inputs).relu())
        inputs = inputs + self.input_noise * torch.randn_like(inputs)
        hidden = self.hidden(inputs).relu()
        kept = torch.rand_like(hidden) >= self.dropout
        return self.last(hidden * kept / (1 - self.dropout)), self.entropy


def _penalised_loss(outputs: Tensor | tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    if isinstance(outputs, Tensor):  # in evaluation
        return cross_entropy(outputs, targets)
    logits, strength = outputs
    return cross_entropy(logits, targets) + strength * entropy_penalty(logits)


class _AdamWithDecays(AdamW):
    """AdamW with a decay for each run, the first axis of the weights; only matrices decay (three axes with that)."""

    def __init__(self, params: list[Tensor], lr: float, decays: Tensor) -> None:
        super().__init__(params, lr, weight_decay=0.0)
        self.decays = decays

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.dim() == 3:
                    weights.mul_((1 - group["lr"] * self.decays).view(-1, 1, 1))
        return super().step(closure)
