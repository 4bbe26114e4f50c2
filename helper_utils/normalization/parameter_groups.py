"""Parameter groups for an optimizer: weight decay for weights, none for biases and norms."""

import math

from torch import nn

from helper_utils.normalization.layers import BATCH_NORMS, Norm

_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

_NORMS = (Norm, *BATCH_NORMS, *_INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Sort a model's trainable parameters into two groups for an optimizer: with weight decay, and without.

    Without are all parameters of norms, and all others with fewer than two axes, which are biases and gains. A norm
    that follows a layer undoes any rescaling of its weight, so decay there changes only the effective learning rate
    (van Laarhoven, "L2 regularization versus batch and weight normalization", 2017); on the norm's own parameters it
    pulls the outputs towards 0.

    Args:
        model: A parameter that is used in several places comes once. Lazy layers must have seen a batch.
        weight_decay: Of the first group, at least 0.

    Returns:
        Two dictionaries with "params" and "weight_decay", in the order of the model. One of the lists may be empty.

    Raises:
        ValueError: weight_decay is negative, the model has no trainable parameters, or one of a lazy layer has no shape
            yet.
    """
    if not 0 <= weight_decay < math.inf:
        raise ValueError(f"weight_decay must be at least 0 and finite, not {weight_decay}")
    of_norms = {
        parameter for module in model.modules() if isinstance(module, _NORMS) for parameter in module.parameters()
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError("the model has no trainable parameters: is everything frozen?")
    if any(nn.parameter.is_lazy(parameter) for parameter in trainable):
        raise ValueError(
            "a lazy layer has no parameters yet: run a batch through the model before making the optimizer"
        )
    without_decay = [parameter for parameter in trainable if parameter.ndim < 2 or parameter in of_norms]
    with_decay = [parameter for parameter in trainable if parameter.ndim >= 2 and parameter not in of_norms]
    return [
        {"params": with_decay, "weight_decay": weight_decay},
        {"params": without_decay, "weight_decay": 0.0},
    ]
