"""A table of what the layers of a network do: shapes, cost, and how far each one sees."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import pandas as pd


def layer_table(model: nn.Module, image_shape: Sequence[int]) -> "pd.DataFrame":
    """Send one empty image through a network and note what each layer does to it; the network stays as it is.

    The network is a chain of layers, each used once, such as `FlexibleCNN` or an `nn.Sequential`.

    Args:
        model: Takes images of shape (1, C, H, W).
        image_shape: C, H and W, such as `dataset.image_shape`.

    Returns:
        A row for each layer, in the order in which they run, under its name in the model. Columns:
        `layer`: its class; `output`: what comes out for one image, as channels x height x width; `parameters`: how many
        it learns; `multiply-adds`: how many it computes for one image (convolutions and linear layers; the others
        cost little); `receptive field`: how many pixels in height (and width) one value of the output can depend on,
        counted as if the image had no border, and the height of the image once all places come together.
    """
    import pandas as pd

    model = copy.deepcopy(model).eval()
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    _, height, _ = image_shape
    rows: dict[str, dict[str, Any]] = {}
    field, distance = 1, 1  # of one value; between neighbouring values: both in pixels of the image

    def note(name: str, layer: nn.Module, output: Tensor) -> None:
        nonlocal field, distance
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel_size, stride, dilation = (
                _one(getattr(layer, what, 1)) for what in ("kernel_size", "stride", "dilation")
            )
            field += (kernel_size - 1) * dilation * distance
            distance *= stride
        elif isinstance(layer, nn.Linear | nn.Flatten | nn.AdaptiveAvgPool2d):
            field = height
        rows[name] = {
            "layer": type(layer).__name__,
            "output": " x ".join(map(str, output.shape[1:])),
            "parameters": sum(parameter.numel() for parameter in layer.parameters()),
            "multiply-adds": _multiply_adds(layer, output),
            "receptive field": field,
        }

    for name, layer in model.named_modules():
        if next(layer.children(), None) is None:
            layer.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
    with torch.no_grad():
        model(torch.zeros(1, *image_shape, device=device))
    return pd.DataFrame.from_dict(rows, orient="index")


def _multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Each value of the output is a weighted sum: as many products as one row of the weights has entries."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return output[0].numel() * layer.weight[0].numel()
    return 0


def _one(size: int | Sequence[int]) -> int:
    """Return the size along the height of what torch keeps as a number or a pair."""
    return size if isinstance(size, int) else size[0]
