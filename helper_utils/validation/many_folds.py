"""The folds of a small network trained at once: a stack of networks, each with its own training examples."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.optim import Optimizer

from helper_utils.base.seeds import set_seed
from helper_utils.base.training import Device, LossFunction
from helper_utils.data.datasets import Part
from helper_utils.validation.cross_validation import CrossValidation, fold_seeds
from helper_utils.validation.splits import Fold, check_folds


def train_folds(
    make_model: Callable[[], nn.Module],
    data: Part,
    folds: Sequence[Fold],
    *,
    lr: float,
    n_epochs: int,
    batch_size: int = 32,
    make_optimizer: Callable[..., Optimizer] = torch.optim.SGD,
    loss_fcn: LossFunction = nn.functional.cross_entropy,
    seed: int = 0,
    device: Device = "cpu",
) -> CrossValidation:
    """Cross-validate a small classifier, all folds trained at the same time.

    Where the batch size divides the training sets, each fold gives what the plain loop gives, to rounding:
    `set_seed(fold_seed)`, `make_model()`, then epochs over batches of its training examples in an order that the fold's
    seed draws. Elsewhere the examples of the last, unfilled batch of an epoch are left out. It works where `train_many`
    does: rules that update entry by entry (SGD, Adam, ...), and networks that `torch.func.vmap` takes.

    Args:
        make_model: Makes a fresh network; called after `set_seed`, once for each fold.
        data: All examples that are folded: inputs, and the classes as targets.
        folds: A list of (train_indices, val_indices).
        lr: The learning rate.
        n_epochs: Passes over the training examples, at least 1.
        batch_size: Examples a step.
        make_optimizer: Makes the optimizer from a list of tensors and `lr`.
        loss_fcn: The mean loss of a batch.
        seed: The base of the folds' seeds, as in `cross_validate`.
        device: Where to train.

    Returns:
        The accuracies, and the logits of each validation example.

    Raises:
        ValueError: A fold is empty or has an example on both sides, there is no epoch, a batch is larger than a
            training set, or a fold's training overflowed.
    """
    folds = list(folds)
    check_folds(folds)
    seeds = fold_seeds(seed, len(folds))
    smallest = min(len(train) for train, _ in folds)
    if not 1 <= batch_size <= smallest:
        raise ValueError(f"batch_size must be from 1 to the {smallest} training examples of a fold, not {batch_size}")
    if n_epochs < 1:
        raise ValueError(f"n_epochs must be at least 1, not {n_epochs}")
    models = []
    for fold_seed in seeds:
        set_seed(fold_seed)
        models.append(make_model().to(device))
    parameters, buffers = stack_module_state(models)
    model, optimizer = models[0], make_optimizer(list(parameters.values()), lr=lr)
    inputs, targets = data.inputs.to(device), data.targets.to(device)
    generators = [torch.Generator().manual_seed(fold_seed) for fold_seed in seeds]
    rows = [torch.as_tensor(train) for train, _ in folds]

    def loss(parameters: dict, buffers: dict, inputs: Tensor, targets: Tensor) -> Tensor:
        return loss_fcn(functional_call(model, (parameters, buffers), (inputs,)), targets)

    losses_of_folds = vmap(loss, randomness="different")
    for _ in range(n_epochs):
        orders = [
            own[torch.randperm(len(own), generator=generator)][:smallest]
            for own, generator in zip(rows, generators, strict=True)
        ]
        order = torch.stack(orders).to(device)
        for start in range(0, smallest - batch_size + 1, batch_size):
            batch = order[:, start : start + batch_size]
            optimizer.zero_grad()
            # the sum: the loss of a fold depends on its own network only
            losses_of_folds(parameters, buffers, inputs[batch], targets[batch]).sum().backward()
            optimizer.step()

    model.eval()
    scores, predictions = [], []
    for fold, (_, val) in enumerate(folds):
        of_fold = ({name: stacked[fold] for name, stacked in values.items()} for values in (parameters, buffers))
        with torch.no_grad():
            logits = functional_call(model, tuple(of_fold), (inputs[torch.as_tensor(val)],))
        if not logits.isfinite().all():
            raise ValueError(
                f"the logits of fold {fold} are not finite: use a lower learning rate, or look for nan inputs"
            )
        scores.append((logits.argmax(dim=1) == targets[torch.as_tensor(val)]).double().mean().item())
        predictions.append(logits.cpu())
    return CrossValidation(scores, folds, predictions)
