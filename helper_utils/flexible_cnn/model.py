"""A small convolutional network whose architecture is a handful of settings."""

import difflib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from helper_utils.base.checks import is_whole_number
from helper_utils.base.files import whole_file
from helper_utils.base.training import Device

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

_FORMAT = "helper_utils.FlexibleCNN 1"  # the mark of our files


class FlexibleCNN(nn.Module):
    """Blocks of convolution, [batch norm], activation and 2 x 2 max pooling, then a classifier of two linear layers.

    The classifier is flatten, dropout, linear, activation, dropout, linear. A convolution keeps height and width (it
    pads with zeros), a pooling halves them and rounds down. So the constructor can compute what reaches the
    classifier, and all parameters exist when it returns: an optimizer made at once trains them all.

    Args:
        n_layers: The number of blocks, at least 1.
        n_filters: The channels that each block gives, one number a block.
        kernel_sizes: Height and width of each block's kernels, odd, one number a block.
        dropout_rate: The share of values that dropout sets to zero, in [0, 1).
        fc_size: The width of the hidden linear layer.
        num_classes: How many logits come out.
        in_channels: Channels of an image.
        image_size: Height and width of an image in pixels; each block halves it, and at least one pixel must be left.
        batch_norm: Whether each convolution is followed by batch norm, which replaces its bias.
        activation: A name from `ACTIVATIONS`.

    Attributes:
        settings: A plain dict of all arguments: `FlexibleCNN(**model.settings)` is a new network of the same form.
        features: The blocks, an `nn.Sequential`: images (N, C, H, W) to maps (N, n_filters[-1], h, w).
        classifier: The rest, an `nn.Sequential`: maps to logits (N, num_classes).

    Raises:
        ValueError: An argument is not what is described above; the message names it.
    """

    def __init__(
        self,
        n_layers: int,
        n_filters: Sequence[int],
        kernel_sizes: Sequence[int],
        dropout_rate: float,
        fc_size: int,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        batch_norm: bool = False,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        n_layers = _positive(n_layers, "n_layers")
        n_filters = _one_each(n_filters, "n_filters", n_layers)
        kernel_sizes = _odd(_one_each(kernel_sizes, "kernel_sizes", n_layers))
        dropout_rate = _share(dropout_rate, "dropout_rate")
        fc_size = _positive(fc_size, "fc_size")
        num_classes = _positive(num_classes, "num_classes")
        in_channels = _positive(in_channels, "in_channels")
        image_size = _large_enough(_positive(image_size, "image_size"), n_layers)
        make_activation = _activation(activation)
        self.settings: dict[str, Any] = {
            "n_layers": n_layers,
            "n_filters": n_filters,
            "kernel_sizes": kernel_sizes,
            "dropout_rate": dropout_rate,
            "fc_size": fc_size,
            "num_classes": num_classes,
            "in_channels": in_channels,
            "image_size": image_size,
            "batch_norm": batch_norm,
            "activation": activation,
        }

        channels = [in_channels, *n_filters]
        blocks = []
        for block, kernel_size in enumerate(kernel_sizes):
            layers: dict[str, nn.Module] = {
                "convolution": nn.Conv2d(
                    channels[block],
                    channels[block + 1],
                    kernel_size,
                    padding=kernel_size // 2,  # so that height and width stay
                    bias=not batch_norm,  # batch norm would subtract it again
                )
            }
            if batch_norm:
                layers["norm"] = nn.BatchNorm2d(channels[block + 1])
            layers["activation"] = make_activation()
            layers["pooling"] = nn.MaxPool2d(2)
            blocks.append(nn.Sequential(OrderedDict(layers)))
        self.features = nn.Sequential(*blocks)

        n_features = channels[-1] * (image_size // 2**n_layers) ** 2
        self.classifier = nn.Sequential(
            OrderedDict(
                flatten=nn.Flatten(),
                dropout=nn.Dropout(dropout_rate),
                hidden=nn.Linear(n_features, fc_size),
                activation=make_activation(),
                hidden_dropout=nn.Dropout(dropout_rate),
                output=nn.Linear(fc_size, num_classes),
            )
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        size = self.settings["image_size"]
        return self.settings["in_channels"], size, size

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, shape (N, num_classes), of images of shape (N, in_channels, image_size, image_size).

        Raises:
            ValueError: The images have another shape.
        """
        if tuple(images.shape[1:]) != self.image_shape:
            channels, height, width = self.image_shape
            raise ValueError(
                f"images have the shape {tuple(images.shape)}, but this network was made for "
                f"(N, {channels}, {height}, {width}): set in_channels and image_size, or resize the images"
            )
        return self.classifier(self.features(images))

    def save(self, path: str | Path) -> None:
        """Write the settings and the weights into one file, whole or not at all; an older file is replaced.

        Args:
            path: Where to; its folder exists.
        """
        content = {"format": _FORMAT, "settings": self.settings, "state_dict": self.state_dict()}
        with whole_file(path) as partial:
            torch.save(content, partial)

    @classmethod
    def load(cls, path: str | Path, device: Device = "cpu") -> Self:
        """Read a network that `save` wrote; it runs no code from the file.

        Args:
            path: The file.
            device: Where to put the network.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, or was not written by `save`.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no file {str(path)!r}: give the path that FlexibleCNN.save was called with")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["format"] != _FORMAT:
                raise ValueError(f"unknown format {content['format']!r}")
            model = cls(**content["settings"])
            model.load_state_dict(content["state_dict"])
        except Exception as error:  # of a dozen kinds, depending on what the file holds instead
            raise ValueError(
                f"{str(path)!r} is damaged, or is not a file that FlexibleCNN.save wrote: save the network again"
            ) from error
        return model.to(device)


def _positive(value: int, name: str) -> int:
    if not is_whole_number(value) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)  # NumPy's numbers too become plain ones


def _one_each(values: Sequence[int], name: str, n_layers: int) -> list[int]:
    if not isinstance(values, Iterable) or len(values) != n_layers:
        raise ValueError(
            f"{name} must be a list with a number for each of the {n_layers} layers, not {values!r}: "
            "change the list or n_layers"
        )
    return [_positive(value, f"{name}[{block}]") for block, value in enumerate(values)]


def _odd(kernel_sizes: list[int]) -> list[int]:
    for block, size in enumerate(kernel_sizes):
        if size % 2 == 0:
            raise ValueError(
                f"kernel_sizes[{block}] must be odd, so that padding can keep the image's size, not {size}: "
                f"use {size - 1} or {size + 1}"
            )
    return kernel_sizes


def _share(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a share in [0, 1), not {value!r}: 0 drops nothing, 1 would drop all")
    return float(value)


def _large_enough(image_size: int, n_layers: int) -> int:
    most = image_size.bit_length() - 1  # how often it can be halved
    if n_layers > most:
        raise ValueError(
            f"n_layers must be at most {most} for images of {image_size} x {image_size} pixels, not {n_layers}: "
            "each layer halves the image, and at least one pixel must be left"
        )
    return image_size


def _activation(name: str) -> type[nn.Module]:
    if name not in ACTIVATIONS:
        nearest = difflib.get_close_matches(str(name).lower(), ACTIVATIONS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(ACTIVATIONS)}"
        raise ValueError(f"unknown activation {name!r}: {hint}")
    return ACTIVATIONS[name]
