"""A recipe that trains small convolutional networks well in few epochs."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from helper_utils.base.callbacks import Callback, EachBatch
from helper_utils.base.history import History
from helper_utils.base.training import train_model
from helper_utils.data.augmentation import chain, random_horizontal_flip, random_shift
from helper_utils.data.datasets import Dataset
from helper_utils.data.loaders import TensorLoader
from helper_utils.optimizers import MultiOptimizer, Muon


def train_with_recipe(
    model: nn.Module,
    data: Dataset,
    n_epochs: int,
    *,
    batch_size: int = 32,
    max_lr: float = 5e-3,
    weight_decay: float = 0.05,
    use_muon: bool = True,
    label_smoothing: float = 0.1,
    flip: bool = True,
    max_shift: int = 2,
    part: Literal["val", "test"] = "val",
    seed: int = 0,
    device: torch.device | str = "cpu",
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train an image classifier in few epochs: Muon and AdamW, one cycle of the rate, flips and shifts, soft labels.

    Each part has its reason: Muon moves a convolution equally far in all directions, also in those in which the
    gradient is weak (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), and is scaled so that AdamW's
    rate and weight decay suit it (Liu et al. 2025, https://arxiv.org/abs/2502.16982); the rate rises to `max_lr` and
    falls to almost nothing, so few epochs are enough (Smith 2018, https://arxiv.org/abs/1803.09820); flipped and
    shifted images are as many new ones; smoothed labels keep the logits small (Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567); weight decay is decoupled from the gradient (Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101).

    Args:
        model: Gives logits for images of the data set.
        data: As from `load_dataset`.
        n_epochs: Epochs, at least 1.
        batch_size: Images a step; the last, smaller batch of an epoch is left out.
        max_lr: The largest rate of the cycle.
        weight_decay: As in AdamW.
        use_muon: Whether Muon trains the convolutions; if not, AdamW trains them too.
        label_smoothing: The share of a label that is spread over all classes, in [0, 1).
        flip: Whether images are mirrored at random. Not for images whose left and right matter, such as digits.
        max_shift: By how many pixels images are shifted, at most.
        part: What the history measures after each epoch.
        seed: Of the batches and their changes; the weights of the model are there already.
        device: Where to train.
        callbacks: What else shall happen while it trains.

    Returns:
        The history; its last accuracy is the one to look at, the earlier ones are from larger rates.
    """
    shift = random_shift(max_shift)
    augment = chain(random_horizontal_flip, shift) if flip else shift
    batches = TensorLoader(
        *data.train, batch_size, shuffle=True, seed=seed, augment=augment, drop_last=True, device=device
    )
    inputs, targets = getattr(data, part)
    optimizer = _recipe_optimizer(model, max_lr, weight_decay, use_muon)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, total_steps=n_epochs * len(batches), cycle_momentum=False
    )
    return train_model(
        model.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue] (quicker convolutions)
        optimizer,
        batches,
        n_epochs,
        nn.CrossEntropyLoss(label_smoothing=label_smoothing),
        device,
        val_dataloader=TensorLoader(inputs, targets, 500, device=device),
        scheduler=EachBatch(cycle),
        callbacks=callbacks,
        progress=False,
    )


def _recipe_optimizer(model: nn.Module, lr: float, weight_decay: float, use_muon: bool) -> torch.optim.Optimizer:
    convolutions = [parameter for parameter in model.parameters() if parameter.ndim == 4]
    if not (use_muon and convolutions):
        return torch.optim.AdamW(model.parameters(), lr, weight_decay=weight_decay)
    others = [parameter for parameter in model.parameters() if parameter.ndim != 4]
    return MultiOptimizer(
        Muon(convolutions, lr, weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr, weight_decay=weight_decay),
    )
