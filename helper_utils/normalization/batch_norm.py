"""Around batch norm: statistics computed anew, and folding into the layer before it."""

import copy
from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from helper_utils.base.training import Device
from helper_utils.normalization.layers import BATCH_NORMS, BatchNorm, BatchNorm1d, BatchNorm2d


@torch.no_grad()
def recalibrate_running_statistics(
    model: nn.Module, batches: Iterable[Tensor | Sequence[Tensor]], device: Device
) -> None:
    """Forget the running statistics of all batch norms, torch's and ours, and average them anew with the weights fixed.

    Each batch counts the same. The variances of the batches are averaged, so what the batches' means differ is lost:
    draw the batches at random, of one size. All other layers are in eval mode meanwhile (no dropout), unlike in
    `torch.optim.swa_utils.update_bn`; afterwards every module is in the mode it was in, and has the momentum it had.
    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm" (2021), "precise BatchNorm".

    Args:
        model: Is on the device.
        batches: Inputs, or sequences whose first entry is the inputs, such as (inputs, targets).
        device: Where the inputs are moved to.

    Raises:
        ValueError: The model has no batch norm with running statistics, or there are no batches.
        TypeError: A batch is neither a tensor nor a sequence that begins with one.

    Whatever the error, those of the model itself included, the statistics are then as before.
    """
    layers = [module for module in model.modules() if isinstance(module, BATCH_NORMS) and module.track_running_stats]
    if not layers:
        raise ValueError("the model has no batch norm with running statistics: there is nothing to recalibrate")
    modes = {module: module.training for module in model.modules()}
    momenta = {layer: layer.momentum for layer in layers}
    before = {layer: [buffer.clone() for buffer in layer.buffers(recurse=False)] for layer in layers}
    n_batches = 0
    try:
        model.eval()
        for layer in layers:
            layer.train()
            layer.momentum = None
        for batch in batches:
            if n_batches == 0:
                for layer in layers:
                    layer.reset_running_stats()
            model(_inputs_of(batch).to(device))
            n_batches += 1
        if n_batches == 0:
            raise ValueError("there are no batches to take statistics of: an iterator is used up after one pass")
    except BaseException:  # an interruption included: half of the statistics are worse than the old ones
        for layer, buffers in before.items():
            for buffer, values in zip(layer.buffers(recurse=False), buffers, strict=True):
                buffer.copy_(values)
        raise
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode


def _inputs_of(batch: Tensor | Sequence[Tensor]) -> Tensor:
    inputs = batch[0] if isinstance(batch, Sequence) and len(batch) else batch
    if not isinstance(inputs, Tensor):
        raise TypeError(f"a batch must be a tensor, or a sequence that begins with one, not {type(batch).__name__}")
    return inputs


_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)

_FOLDABLE = ((nn.Conv2d, (BatchNorm2d, nn.BatchNorm2d)), (nn.Linear, (BatchNorm1d, nn.BatchNorm1d)))


@torch.no_grad()
def fold_batch_norm(conv: _Layer, batch_norm: BatchNorm | nn.BatchNorm1d | nn.BatchNorm2d) -> _Layer:
    """Return one layer that does what a convolution and the batch norm after it do in eval mode, to rounding.

    In eval mode a batch norm is y = scale * x + shift for each channel, with scale = weight / sqrt(variance + eps) and
    shift = bias - scale * mean; both go into the weight and the bias of the layer before.

    Args:
        conv: A convolution, or a linear layer on inputs of shape (N, features). It is not changed.
        batch_norm: What follows it: a `BatchNorm2d`, or a `BatchNorm1d` after a linear layer, torch's or ours.

    Raises:
        TypeError: The two are not such layers.
        ValueError: The batch norm has no running statistics, or not as many channels as the layer before gives.
    """
    if not any(isinstance(conv, layer) and isinstance(batch_norm, norms) for layer, norms in _FOLDABLE):
        raise TypeError(
            "only Conv2d with BatchNorm2d and Linear with BatchNorm1d can be folded, "
            f"not {type(conv).__name__} with {type(batch_norm).__name__}"
        )
    mean, variance = batch_norm.running_mean, batch_norm.running_var
    if mean is None or variance is None:
        raise ValueError("the batch norm has no running statistics (track_running_stats=False): it cannot be folded")
    if len(mean) != len(conv.weight):
        raise ValueError(f"the layer gives {len(conv.weight)} channels, but the batch norm takes {len(mean)}")
    scale = (variance + batch_norm.eps).rsqrt()
    if batch_norm.weight is not None:
        scale = scale * batch_norm.weight
    shift = -scale * mean
    if batch_norm.bias is not None:
        shift = shift + batch_norm.bias
    if conv.bias is not None:
        shift = shift + scale * conv.bias
    weight = scale.view(-1, *[1] * (conv.weight.ndim - 1)) * conv.weight
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(weight.to(conv.weight.dtype))
    folded.bias = nn.Parameter(shift.to(conv.weight.dtype))
    return folded
