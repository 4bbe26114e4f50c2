"""An encoder and a decoder with long skips between them (Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597)."""

from typing import Literal

import torch
from torch import Tensor, nn

from helper_utils.skip_connections.residual import check_images, check_positive, check_whole

Upsampling = Literal["transposed", "resize"]


class UNet(nn.Module):
    """A logit for each pixel: an encoder that halves the image, a decoder that doubles it, and long skips.

    Each level of the decoder gets the features of the encoder's level of the same size beside its own ones. Unlike the
    original the convolutions are padded, so the outputs are as large as the inputs, and each has a batch norm.

    Args:
        in_channels: Channels of the images.
        num_classes: Logits of each pixel; 1 for an object and its background.
        width: Channels of the first level; each further level has twice as many.
        n_levels: How often the image is halved.
        long_skips: Whether the decoder gets the encoder's features. Without them it has fewer parameters; a larger
            `width` makes up for that.
        upsampling: "transposed" (a transposed convolution of kernel 2 and stride 2) or "resize" (the nearest pixel is
            repeated, then a 3x3 convolution).

    Raises:
        TypeError: A number is not a whole number.
        ValueError: A number is below 1, or `upsampling` is unknown.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1,
        *,
        width: int = 8,
        n_levels: int = 2,
        long_skips: bool = True,
        upsampling: Upsampling = "transposed",
    ) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, num_classes=num_classes, width=width, n_levels=n_levels)
        if upsampling not in ("transposed", "resize"):
            raise ValueError(f"upsampling is {upsampling!r}; expected 'transposed' or 'resize'")
        self.in_channels, self.n_levels, self.long_skips = in_channels, n_levels, long_skips
        widths = [width * 2**level for level in range(n_levels + 1)]
        before = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList(_two_convolutions(a, b) for a, b in zip(before, widths, strict=True))
        self.up, self.decode = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(n_levels)):
            wide, narrow = widths[level + 1], widths[level]
            self.up.append(
                nn.ConvTranspose2d(wide, narrow, 2, stride=2)
                if upsampling == "transposed"
                else nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(wide, narrow, 3, padding=1))
            )
            self.decode.append(_two_convolutions(2 * narrow if long_skips else narrow, narrow))
        self.last = nn.Conv2d(width, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, shape (N, num_classes, H, W).

        Args:
            images: Shape (N, in_channels, H, W); H and W are multiples of `2 ** n_levels`.

        Raises:
            TypeError: The images are not floating point.
            ValueError: They are not of this shape.
        """
        check_images(self, images, self.in_channels)
        factor = 2**self.n_levels
        if images.shape[2] % factor or images.shape[3] % factor:
            raise ValueError(
                f"height and width must be multiples of {factor} (2 ** n_levels), not {tuple(images.shape[2:])}: "
                "pad the images"
            )
        features, kept = images, []
        for level, convolutions in enumerate(self.down):
            if level > 0:
                features = nn.functional.max_pool2d(features, 2)
            features = convolutions(features)
            kept.append(features)
        for up, convolutions, from_encoder in zip(self.up, self.decode, reversed(kept[:-1]), strict=True):
            features = up(features)
            if self.long_skips:
                features = torch.cat([from_encoder, features], dim=1)
            features = convolutions(features)
        return self.last(features)


def border(masks: Tensor, *, width: int = 1) -> Tensor:
    """Return the pixels within `width` pixels of the other side of an object's outline, inside it and outside.

    Args:
        masks: Objects, shape (N, H, W), bool.
        width: In pixels; diagonal neighbours count as one pixel away.

    Returns:
        Shape (N, H, W), bool. What lies outside the image has no side.

    Raises:
        TypeError: The masks are not bool, or `width` is not a whole number.
        ValueError: They are not of this shape, or `width` is below 1.
    """
    if masks.dtype != torch.bool:
        raise TypeError(f"masks must be bool, not {masks.dtype}: compare with a threshold first")
    if masks.dim() != 3:
        raise ValueError(f"masks must have the shape (N, H, W), not {tuple(masks.shape)}")
    if 0 in masks.shape[1:]:
        raise ValueError(f"masks must have at least one pixel, not the shape {tuple(masks.shape)}")
    check_whole(width=width)
    if width < 1:
        raise ValueError(f"width is {width}; expected 1 pixel or more")
    inside = masks.float()[:, None]
    grown = nn.functional.max_pool2d(inside, 2 * width + 1, 1, width)
    # Both are padded with -inf, so the edge of the image is no outline.
    shrunk = -nn.functional.max_pool2d(-inside, 2 * width + 1, 1, width)
    return (grown != shrunk)[:, 0]


def _two_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice a 3x3 convolution, a batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
