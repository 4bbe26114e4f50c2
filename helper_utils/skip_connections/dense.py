"""Dense blocks, whose layers see all earlier outputs side by side (Huang et al., 2017, arXiv:1608.06993)."""

import torch
from torch import Tensor, nn

from helper_utils.skip_connections.residual import check_images, check_positive, check_whole


class DenseLayer(nn.Module):
    """Norm, ReLU and convolution, without a bottleneck, or with one of `bottleneck * growth_rate` channels.

    With a bottleneck it computes what torchvision's `_DenseLayer` computes, and has the same parameters under the same
    names.

    Args:
        in_channels: Channels of the inputs.
        growth_rate: Channels of the outputs.
        bottleneck: How many times `growth_rate` channels a 1x1 convolution before the 3x3 one has; 0 for none.

    Raises:
        TypeError: A number is not a whole number.
        ValueError: A number is below 1, or `bottleneck` below 0.
    """

    def __init__(self, in_channels: int, growth_rate: int, bottleneck: int = 0) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, growth_rate=growth_rate)
        check_whole(bottleneck=bottleneck)
        if bottleneck < 0:
            raise ValueError(f"bottleneck is {bottleneck}; expected 0 or more")
        self.in_channels = in_channels
        self.norm1 = nn.BatchNorm2d(in_channels)
        if bottleneck:
            inner = bottleneck * growth_rate
            self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(inner)
            self.conv2 = nn.Conv2d(inner, growth_rate, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)
            self.norm2, self.conv2 = None, None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the new channels, shape (N, growth_rate, H, W).

        Args:
            inputs: Shape (N, in_channels, H, W).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They are not of this shape.
        """
        check_images(self, inputs, self.in_channels)
        new = self.conv1(torch.relu(self.norm1(inputs)))
        if self.norm2 is not None and self.conv2 is not None:
            new = self.conv2(torch.relu(self.norm2(new)))
        return new


class DenseBlock(nn.Module):
    """Layers each of which gets the inputs and the outputs of all layers before it, side by side.

    Args:
        in_channels: Channels of the inputs.
        growth_rate: Channels that each layer adds.
        n_layers: The number of layers.
        bottleneck: As in `DenseLayer`; 4 in torchvision's networks.

    Attributes:
        out_channels: `in_channels + n_layers * growth_rate`.

    Raises:
        TypeError: A number is not a whole number.
        ValueError: A number is below 1, or `bottleneck` below 0.
    """

    def __init__(self, in_channels: int, growth_rate: int, n_layers: int, *, bottleneck: int = 0) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, growth_rate=growth_rate, n_layers=n_layers)
        self.in_channels = in_channels
        self.out_channels = in_channels + n_layers * growth_rate
        self.layers = nn.ModuleList(
            DenseLayer(in_channels + i * growth_rate, growth_rate, bottleneck) for i in range(n_layers)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs and all new channels, shape (N, out_channels, H, W).

        Args:
            inputs: Shape (N, in_channels, H, W).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They are not of this shape.
        """
        check_images(self, inputs, self.in_channels)
        features = [inputs]
        for layer in self.layers:
            features.append(layer(torch.cat(features, dim=1)))
        return torch.cat(features, dim=1)


class Transition(nn.Sequential):
    """Between two dense blocks: norm, ReLU, a 1x1 convolution to fewer channels, and a mean over 2x2 pixels.

    Has the parameters and the computation of torchvision's `_Transition`.

    Args:
        in_channels: Channels of the inputs, such as the `out_channels` of a `DenseBlock`.
        out_channels: Channels of the outputs; half of them by default.

    Raises:
        TypeError: A number is not a whole number.
        ValueError: A number is below 1.
    """

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        check_whole(in_channels=in_channels)
        out_channels = in_channels // 2 if out_channels is None else out_channels
        check_whole(out_channels=out_channels)
        if in_channels < 1 or out_channels < 1:
            raise ValueError(f"in_channels and out_channels are {in_channels} and {out_channels}; expected 1 or more")
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.pool = nn.AvgPool2d(2)
        self.in_channels = in_channels
        self.out_channels = out_channels

    def forward(self, inputs: Tensor) -> Tensor:  # type: ignore[override]
        """Return images of half the height and width, shape (N, out_channels, H // 2, W // 2).

        Args:
            inputs: Shape (N, in_channels, H, W), H and W at least 2.

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They are not of this shape, or smaller than 2 x 2 pixels.
        """
        check_images(self, inputs, self.in_channels)
        if min(inputs.shape[2:]) < 2:
            raise ValueError(f"a Transition halves the image: expected 2 x 2 pixels or more, not {tuple(inputs.shape)}")
        return super().forward(inputs)
