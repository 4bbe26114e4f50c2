"""Many small networks trained at once: a run for each learning rate and each seed, in one batched computation.

A laptop spends most of a small network's training on the overhead of each call, not on arithmetic. Here the weights of
all runs are stacked, and `torch.func.vmap` computes all of their losses in one call: a hundred runs take a fraction of
the time that they take one after the other (`benchmarks/many_runs.py` measures it).
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.optim import Optimizer

from helper_utils.base.late_bar import LateBar
from helper_utils.base.seeds import set_seed
from helper_utils.base.training import Device, LossFunction, check_classes
from helper_utils.data.augmentation import Augmentation
from helper_utils.data.datasets import Part

Mixing = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""A function `(inputs, targets, generator) -> (inputs, targets)`."""

_EVALUATED_AT_ONCE = 500  # examples; bounds the memory of an evaluation of many runs


@dataclass(frozen=True, eq=False, repr=False)
class ManyRuns:
    """What came of the runs. The first two axes of every tensor are the learning rates and the seeds.

    Attributes:
        batch_losses: The loss of each batch before the step on it, shape (rates, seeds, steps). From the step on at
            which a run overflows it is inf or nan.
        val_losses: Loss on the validation part after each epoch, shape (rates, seeds, epochs); no epochs without
            such a part.
        val_accuracies: In [0, 1], likewise; nan where the targets are not classes.
        parameters: The trained parameters by name, shape (rates, seeds, ...).
    """

    batch_losses: Tensor
    val_losses: Tensor
    val_accuracies: Tensor
    parameters: dict[str, Tensor]
    _stack: "_Stack"

    def __repr__(self) -> str:
        """Name the axes: the rates, the seeds, the steps."""
        n_lrs, n_seeds, n_steps = self.batch_losses.shape
        return f"ManyRuns({n_lrs} rates x {n_seeds} seeds x {n_steps} steps, {self.val_losses.shape[2]} validations)"

    def evaluate(self, part: Part) -> tuple[Tensor, Tensor]:
        """Return the mean loss and the accuracy in [0, 1] of every run, two tensors of shape (rates, seeds).

        Args:
            part: Inputs and targets, such as `dataset.test`.
        """
        return self._stack.evaluate(part)


def train_many(
    make_model: Callable[[], nn.Module],
    train: Part,
    *,
    lrs: Sequence[float],
    seeds: Sequence[int],
    n_epochs: int,
    batch_size: int = 32,
    make_optimizer: Callable[..., Optimizer] = torch.optim.SGD,
    schedule: Callable[[int], float | Tensor] | None = None,
    clip_norm: float | None = None,
    loss_fcn: LossFunction = nn.functional.cross_entropy,
    augment: Augmentation | None = None,
    mix: Mixing | None = None,
    val: Part | None = None,
    after_epoch: Callable[[Callable[[Part], tuple[Tensor, Tensor]]], None] | None = None,
    device: Device = "cpu",
    progress: bool = True,
) -> ManyRuns:
    """Train a small network once for each pair of a learning rate and a seed, all at the same time.

    Each run is what the plain loop gives for its rate and seed, to rounding: `set_seed(seed)`, `make_model()`, then
    epochs over batches in an order that the seed draws. Runs of one seed share their initial weights and batches, so
    that comparisons between rates (and between two calls) are paired.

    The step of every common optimizer is proportional to the rate, and what the optimizer remembers does not depend on
    it. So one optimizer, made with rate 1, serves all runs: of the step that it takes, each run keeps its own multiple.
    This asks for a rule that works entry by entry (SGD, Adam, ...), since the weights that it sees are stacked.

    Args:
        make_model: Makes a network; called after `set_seed`, once for each seed. Networks that draw random numbers
            in their forward pass (dropout) draw other ones for each run.
        train: The training part.
        lrs: The learning rates.
        seeds: The seeds, as from `spawn_seeds`.
        n_epochs: Passes over the data. The last batch of an epoch is left out where it is not full.
        batch_size: Examples a step.
        make_optimizer: Makes the optimizer from a list of tensors and `lr=1.0`, such as `torch.optim.Adam` or
            `functools.partial(torch.optim.SGD, momentum=0.9)`.
        schedule: The factor of the rate at each step, counted from 0; constant by default. It may be a tensor with a
            factor for each run, of shape (rates * seeds,), the seeds of the first rate first: so one call compares
            several schedules.
        clip_norm: The largest norm of a run's gradient that a step may use.
        loss_fcn: The mean loss of a batch.
        augment: Changes the inputs of each batch, `augment(inputs, generator)`, as for `TensorLoader`. It is called
            once for each seed, with that seed's generator.
        mix: After that changes inputs and targets of each batch, `mix(inputs, targets, generator)`, such as `mixup`.
        val: Evaluated after each epoch, if given.
        after_epoch: Called after each epoch, if given, with a function that evaluates all runs as they are then, as
            `ManyRuns.evaluate` does.
        device: Where to train.
        progress: Whether a bar may appear; it does where the training takes longer than a few seconds.

    Raises:
        ValueError: There are no rates or no seeds, n_epochs is negative, clip_norm is not positive, a batch is larger
            than the training part, or the validation targets are integers whose shape is not (N,).
    """
    _check_arguments(lrs, seeds, n_epochs, clip_norm)
    n_batches = len(train.targets) // batch_size if batch_size > 0 else 0
    if n_batches == 0:
        raise ValueError(f"batch_size must be from 1 to the {len(train.targets)} training examples, not {batch_size}")
    stack = _Stack(make_model, len(lrs), seeds, loss_fcn, device)
    weights = list(stack.parameters.values())
    optimizer = make_optimizer(weights, lr=1.0)
    rates = torch.as_tensor(lrs, dtype=torch.float32, device=device).repeat_interleave(len(seeds))
    train = Part(train.inputs.to(device), train.targets.to(device))
    orders = _draw_orders(seeds, len(train.targets))
    # Apart from the orders', so that runs with and without augmentation see the same batches.
    generators = [torch.Generator().manual_seed(augmentation_seed(seed)) for seed in seeds]

    batch_losses, validations = [], []
    with LateBar(n_epochs * n_batches, shown=progress) as bar:
        for epoch in range(n_epochs):
            order = next(orders).to(device)
            for batch in range(n_batches):
                chosen = order[:, batch * batch_size : (batch + 1) * batch_size]
                inputs, targets = train.inputs[chosen], train.targets[chosen]
                if augment is not None or mix is not None:
                    inputs, targets = _change(inputs, targets, augment, mix, generators)
                losses = stack.losses(_for_each_rate(inputs, len(lrs)), _for_each_rate(targets, len(lrs)))
                _set_gradients(losses, weights)
                if clip_norm is not None:
                    _clip_each_run(weights, clip_norm)
                factor = 1.0 if schedule is None else schedule(epoch * n_batches + batch)
                _step_with_rates(optimizer, weights, rates * factor)
                batch_losses.append(losses.detach())
                bar.update()
            if val is not None:
                validations.append(stack.evaluate(val))
            if after_epoch is not None:
                after_epoch(stack.evaluate)
    return _collect(stack, batch_losses, validations)


def _check_arguments(lrs: Sequence[float], seeds: Sequence[int], n_epochs: int, clip_norm: float | None) -> None:
    if not len(lrs) or not len(seeds):
        raise ValueError(f"train_many needs at least one rate and one seed, not {len(lrs)} and {len(seeds)}")
    if n_epochs < 0:
        raise ValueError(f"n_epochs must be at least 0, not {n_epochs}")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"the norm to clip to must be positive, not {clip_norm}")


def _draw_orders(seeds: Sequence[int], n_examples: int) -> Iterator[Tensor]:
    """Give the order of the examples in each epoch, shape (seeds, examples), without end."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        yield torch.stack([torch.randperm(n_examples, generator=generator) for generator in generators])


def augmentation_seed(seed: int) -> int:
    """Return the seed of the generator from which `train_many` augments the batches of a run."""
    return int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])


def _change(
    inputs: Tensor,
    targets: Tensor,
    augment: Augmentation | None,
    mix: Mixing | None,
    generators: Sequence[torch.Generator],
) -> tuple[Tensor, Tensor]:
    """Augment the batch of each seed; the first axis of inputs and targets are the seeds."""
    if augment is not None:
        inputs = torch.stack([augment(x, generator) for x, generator in zip(inputs, generators, strict=True)])
    if mix is not None:
        changed = [mix(x, y, generator) for x, y, generator in zip(inputs, targets, generators, strict=True)]
        inputs, targets = (torch.stack(values) for values in zip(*changed, strict=True))
    return inputs, targets


def _collect(stack: "_Stack", batch_losses: list[Tensor], validations: list[tuple[Tensor, Tensor]]) -> ManyRuns:
    """Put the losses of all steps and the validations of all epochs along a last axis."""
    nothing = torch.empty(*stack.shape, 0)
    return ManyRuns(
        batch_losses=torch.stack(batch_losses, dim=1).cpu().view(*stack.shape, -1) if batch_losses else nothing,
        val_losses=torch.stack([loss for loss, _ in validations], dim=2) if validations else nothing,
        val_accuracies=torch.stack([accuracy for _, accuracy in validations], dim=2) if validations else nothing,
        parameters={name: weight.detach().unflatten(0, stack.shape) for name, weight in stack.parameters.items()},
        _stack=stack,
    )


class _Stack:
    """The weights of all runs, stacked along a first axis (rate by rate, in each seed by seed), and one network."""

    def __init__(
        self,
        make_model: Callable[[], nn.Module],
        n_lrs: int,
        seeds: Sequence[int],
        loss_fcn: LossFunction,
        device: Device,
    ) -> None:
        models = []
        for seed in seeds:
            set_seed(seed)
            models.append(make_model().to(device))
        parameters, buffers = stack_module_state(models)
        self.shape, self.device = (n_lrs, len(seeds)), device
        self.parameters = {
            name: _for_each_rate(value.detach(), n_lrs).clone().requires_grad_() for name, value in parameters.items()
        }
        self.buffers = {name: _for_each_rate(value.detach(), n_lrs).clone() for name, value in buffers.items()}
        self.model = copy.deepcopy(models[0]).to("meta")  # the computation only: its weights are never used

        def loss(parameters: dict, buffers: dict, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            logits = functional_call(self.model, (parameters, buffers), (inputs,))
            if not self.model.training and not targets.is_floating_point():
                check_classes(logits, targets)
            return loss_fcn(logits, targets), logits

        self._of_own_batches = vmap(loss, randomness="different")
        self._of_same_batch = vmap(loss, in_dims=(0, 0, None, None), randomness="different")

    def losses(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each run on a batch of its own, shape (runs,)."""
        self.model.train()
        return self._of_own_batches(self.parameters, self.buffers, inputs, targets)[0]

    @torch.no_grad()
    def evaluate(self, part: Part) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy of each run on the same examples, shape (rates, seeds)."""
        self.model.eval()
        total_loss, n_correct = torch.zeros(2, *self.shape, device=self.device).flatten(1)
        for inputs, targets in zip(*(values.to(self.device).split(_EVALUATED_AT_ONCE) for values in part), strict=True):
            losses, logits = self._of_same_batch(self.parameters, self.buffers, inputs, targets)
            total_loss += losses * len(targets)
            if targets.is_floating_point():  # no classes, so no accuracy
                n_correct += torch.nan
            else:
                n_correct += (logits.argmax(dim=-1) == targets).sum(dim=-1)
        n_examples = len(part.targets)
        return (total_loss / n_examples).cpu().view(self.shape), (n_correct / n_examples).cpu().view(self.shape)


def _for_each_rate(values: Tensor, n_lrs: int) -> Tensor:
    """Repeat what belongs to the seeds, their first axis, for each rate."""
    return values.repeat(n_lrs, *[1] * (values.dim() - 1))


def _set_gradients(losses: Tensor, weights: Sequence[Tensor]) -> None:
    gradients = torch.autograd.grad(losses.sum(), weights)  # a run's loss depends on its own weights only
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.contiguous()  # a fused optimizer reads it in the order of the weight's memory


def _clip_each_run(weights: Sequence[Tensor], clip_norm: float) -> None:
    """Scale the gradients of each run whose norm over all of its weights is above `clip_norm` down to it."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factors = (clip_norm / (norms + 1e-6)).clamp(max=1.0)  # the constant as in torch's clip_grad_norm_
    for gradient in gradients:
        gradient.mul_(_along_first_axis(factors, gradient))


@torch.no_grad()
def _step_with_rates(optimizer: Optimizer, weights: Sequence[Tensor], rates: Tensor) -> None:
    """Take a step with rate 1, and keep of it what each run's own rate asks for."""
    before = [weight.clone() for weight in weights]
    optimizer.step()
    for weight, old in zip(weights, before, strict=True):
        torch.lerp(old, weight, _along_first_axis(rates, weight), out=weight)


def _along_first_axis(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).view(-1, *[1] * (like.dim() - 1))
