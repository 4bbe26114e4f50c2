"""Explanations by regions: what happens without a patch, and where a layer answered."""

import torch
from torch import Tensor, nn

from helper_utils.interpretability.models import (
    Target,
    at_least_one,
    check_inputs,
    check_layer,
    ready_to_explain,
    target_outputs,
)


def occlusion(
    model: nn.Module, inputs: Tensor, *, target: Target, size: int, stride: int | None = None, fill: float = 0.0
) -> Tensor:
    """Return how much the target's logit falls when a patch is covered (Zeiler and Fergus, 2014, arXiv:1311.2901).

    Args:
        model: Returns logits of shape (N, classes).
        inputs: Images, shape (N, C, H, W).
        target: The class that is explained: one for all images, or one for each, shape (N,).
        size: Height and width of the patch in pixels, at most those of the image.
        stride: Pixels between patches, from 1 to `size`; by default `size`, so that patches do not overlap. The last
            patch of a row ends at the border.
        fill: The value that covers a patch, in the unit of the inputs (0 is the mean of normalised images).

    Returns:
        Shape (N, H, W), in logits: at each pixel the mean fall over the patches that cover it.

    Raises:
        TypeError: The inputs are not floating point, or the target holds no integers.
        ValueError: The inputs are not images, size or stride is out of range, the model returns no logits, or the
            target is not one of its classes.
    """
    check_inputs(inputs, 4)
    height, width = inputs.shape[2:]
    stride = size if stride is None else stride
    if not 1 <= size <= min(height, width):
        raise ValueError(f"size is {size}; expected from 1 to {min(height, width)} pixels")
    if not 1 <= stride <= size:
        raise ValueError(f"stride is {stride}; expected from 1 to size, which is {size}: pixels would be left out")
    inputs = inputs.detach()
    falls = torch.zeros_like(inputs[:, 0])
    covered = torch.zeros_like(inputs[0, 0])
    with ready_to_explain(model, gradients=False):
        whole = target_outputs(model, inputs, target)
        for top in _starts(height, size, stride):
            for left in _starts(width, size, stride):
                patch = (..., slice(top, top + size), slice(left, left + size))
                changed = inputs.clone()
                changed[patch] = fill
                falls[patch] += (whole - target_outputs(model, changed, target))[:, None, None]
                covered[patch] += 1
    return falls / covered


def _starts(length: int, size: int, stride: int) -> list[int]:
    last = length - size
    return sorted({*range(0, last, stride), last})


def grad_cam(
    model: nn.Module, inputs: Tensor, *, target: Target, layer: nn.Module, relu: bool = True, upsample: bool = True
) -> Tensor:
    """Return where the channels of a layer answered that speak for the class (Grad-CAM).

    Selvaraju et al. (2017), arXiv:1610.02391. The weight of a channel is the mean of its gradients; the map
    is the weighted sum of the
    channels, and its positive part.

    Args:
        model: Returns logits of shape (N, classes).
        inputs: Images, shape (N, C, H, W).
        target: The class that is explained: one for all images, or one for each, shape (N,).
        layer: A module of the model whose output has the shape (N, channels, h, w), mostly the last convolution's ReLU.
        relu: Whether to keep the positive part only, as the paper does (captum's default does not).
        upsample: Whether to enlarge the map to the images' size, bilinearly.

    Returns:
        Shape (N, H, W), or (N, h, w) without `upsample`.

    Raises:
        TypeError: The inputs are not floating point, or the target holds no integers.
        ValueError: The inputs are not images, the layer is not a module of the model or has no places, the model does
            not use it, returns no logits, or the target is not one of its classes.
    """
    check_inputs(inputs, 4)
    check_layer(model, layer)
    at_least_one("the number of images", len(inputs))
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # an in-place ReLU behind the layer changes the copy

    handle = layer.register_forward_hook(keep)
    try:
        with ready_to_explain(model):
            answers = target_outputs(model, inputs.detach().clone().requires_grad_(), target)
            if not kept:
                raise ValueError(f"the model's forward pass does not use the layer {layer}")
            activations = kept[-1]
            if activations.dim() != 4:
                raise ValueError(
                    f"the layer {layer} returns the shape {tuple(activations.shape)}; expected (N, channels, h, w): "
                    "choose a convolution or what follows it"
                )
            gradients = torch.autograd.grad(answers.sum(), activations)[0]
    finally:
        handle.remove()
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    maps = (weights * activations.detach()).sum(dim=1, keepdim=True)
    if relu:
        maps = maps.clamp_min(0)
    if upsample:
        maps = nn.functional.interpolate(maps, tuple(inputs.shape[2:]), mode="bilinear")
    return maps[:, 0]
