"""Residual blocks and networks (He et al., 2016a, https://arxiv.org/abs/1512.03385, and 2016b, arXiv:1603.05027)."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from helper_utils.base.checks import is_whole_number

NormName = Literal["batch", "group", "none"]
NORMS = ("batch", "group", "none")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them.

    After the activation, as in He et al. (2016a): `relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))`; with
    `pre_activation`, as in He et al. (2016b), norm and activation stand before each convolution and nothing after the
    sum. The shortcut is the identity where the shapes agree, and else a 1x1 convolution with a norm (a projection;
    without a norm in a block with `pre_activation`). Unlike there, the shortcut of the first block is not activated.

    With the default settings it computes what torchvision's `BasicBlock` computes, and has the same parameters under
    the same names, so that each loads the other's `state_dict`.

    Args:
        in_channels: Channels of the inputs.
        out_channels: Channels of the outputs.
        stride: Of the first convolution and of the projection; 2 halves height and width.
        norm: "batch", "group" (the largest of 8, 4, 2 and 1 groups that divides the channels) or "none".
        skip: Whether there is a shortcut. Without one the block is plain, for comparisons.
        pre_activation: Norm and activation before the convolutions.
        zero_init: Whether the scale of the last norm starts at 0 (Goyal et al., 2017), so that the branch gives 0 at
            first. Without a norm, and with `pre_activation`, the last convolution starts at 0.
        survival: The probability that the branch of an example is kept in training; see `StochasticDepth`.

    Raises:
        TypeError: A number of channels or the stride is not a whole number.
        ValueError: A number is below 1, `survival` is not in (0, 1], the norm is unknown, or `zero_init` or `survival`
            is asked for without a shortcut: nothing would pass.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        *,
        norm: NormName = "batch",
        skip: bool = True,
        pre_activation: bool = False,
        zero_init: bool = False,
        survival: float = 1.0,
    ) -> None:
        super().__init__()
        check_positive(in_channels=in_channels, out_channels=out_channels, stride=stride)
        if not skip and (zero_init or survival != 1):
            raise ValueError("zero_init and survival need a shortcut (skip=True): without one nothing would pass")
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        self.skip, self.pre_activation = skip, pre_activation
        bias = norm == "none"  # a norm subtracts the mean, and a bias with it
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=bias)
        self.bn1 = make_norm(norm, in_channels if pre_activation else out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.bn2 = make_norm(norm, out_channels)
        self.downsample: nn.Module | None = None
        if skip and (stride != 1 or in_channels != out_channels):
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=bias)
            self.downsample = projection if pre_activation else nn.Sequential(projection, make_norm(norm, out_channels))
        self.stochastic_depth = StochasticDepth(survival)
        if zero_init:
            last = self.conv2 if pre_activation or norm == "none" else self.bn2
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the block's outputs.

        Args:
            inputs: Shape (N, in_channels, H, W).

        Returns:
            Shape (N, out_channels, ceil(H / stride), ceil(W / stride)).

        Raises:
            TypeError: The inputs are not floating point.
            ValueError: They are not of this shape.
        """
        check_images(self, inputs, self.in_channels)
        if self.pre_activation:
            branch = self.conv1(torch.relu(self.bn1(inputs)))
            branch = self.conv2(torch.relu(self.bn2(branch)))
        else:
            branch = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(inputs)))))
        if self.skip:
            shortcut = inputs if self.downsample is None else self.downsample(inputs)
            branch = shortcut + self.stochastic_depth(branch)
        return branch if self.pre_activation else torch.relu(branch)


class StochasticDepth(nn.Module):
    """Drop the branch of a residual block for some examples in training (Huang et al., 2016, arXiv:1603.09382).

    A branch that is kept is divided by `survival`, so that its mean is that of the branch, and in evaluation nothing
    has to be scaled. (Huang et al. drop a branch for a whole mini-batch, and multiply in evaluation instead.)

    Args:
        survival: The probability that the branch of an example is kept, in (0, 1].

    Raises:
        ValueError: `survival` is not in (0, 1].
    """

    def __init__(self, survival: float) -> None:
        super().__init__()
        if not 0 < survival <= 1:
            raise ValueError(f"survival is {survival}; expected a probability above 0 and at most 1")
        self.survival = survival

    def forward(self, branch: Tensor) -> Tensor:
        """Return the branch, of any shape (N, ...), with that of some examples set to 0 in training.

        Raises:
            TypeError: The branch is not floating point.
            ValueError: It has no dimension for the examples.
        """
        check_floating_point(self, branch)
        if branch.dim() == 0:
            raise ValueError("the branch must have the shape (N, ...), one row for each example, not ()")
        if not self.training or self.survival == 1:
            return branch
        shape = (len(branch), *[1] * (branch.dim() - 1))
        kept = torch.rand(shape, device=branch.device) < self.survival
        return branch * kept / self.survival

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"survival={self.survival}"


class ResNet(nn.Module):
    """A residual network for small images: a 3x3 convolution, stages of residual blocks, a mean, a linear layer.

    The first block of each stage but the first halves height and width. With `widths=(16, 32, 64)` and three equal
    numbers of blocks it is the network that He et al. (2016a, section 4.2) trained on CIFAR-10.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        widths: Channels of each stage.
        n_blocks: Blocks of each stage; a number is for every stage.
        norm: As in `ResidualBlock`.
        skip: Whether the blocks have their shortcuts. The plain network has the same convolutions and no projections.
        pre_activation: As in `ResidualBlock`; a norm and an activation then stand before the mean.
        zero_init: As in `ResidualBlock`.
        survival: Of the last block; it falls linearly from 1 before the first one (Huang et al., 2016).

    Raises:
        TypeError: As `ResidualBlock`; or `widths` or `n_blocks` has something else than whole numbers.
        ValueError: As `ResidualBlock`; or there is no stage, or another number of `n_blocks` than of `widths`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        widths: Sequence[int] = (16, 32, 64),
        n_blocks: int | Sequence[int] = 3,
        norm: NormName = "batch",
        skip: bool = True,
        pre_activation: bool = False,
        zero_init: bool = False,
        survival: float = 1.0,
    ) -> None:
        super().__init__()
        if not isinstance(widths, Iterable):
            raise TypeError(f"widths must be one number for each stage, such as (16, 32, 64), not {widths!r}")
        counts = list(n_blocks) if isinstance(n_blocks, Iterable) else [n_blocks] * len(widths)
        if not widths or len(counts) != len(widths):
            raise ValueError(
                f"there are {len(widths)} widths and {len(counts)} numbers of blocks; give each stage one of both"
            )
        check_positive(num_classes=num_classes, in_channels=in_channels)
        for width, count in zip(widths, counts, strict=True):
            check_positive(widths=width, n_blocks=count)
        StochasticDepth(survival)  # checks it
        self.in_channels = in_channels
        self.stem = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=norm == "none")
        self.stem_norm = nn.Identity() if pre_activation else make_norm(norm, widths[0])
        self.pre_activation = pre_activation
        blocks: list[nn.Module] = []
        channels = widths[0]
        for stage, (width, count) in enumerate(zip(widths, counts, strict=True)):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                share = (len(blocks) + 1) / sum(counts)
                blocks.append(
                    ResidualBlock(
                        channels,
                        width,
                        stride,
                        norm=norm,
                        skip=skip,
                        pre_activation=pre_activation,
                        zero_init=zero_init,
                        survival=1 - share * (1 - survival),
                    )
                )
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.last_norm = make_norm(norm, channels) if pre_activation else nn.Identity()
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, shape (N, num_classes), of images of shape (N, in_channels, H, W).

        Raises:
            TypeError: The images are not floating point.
            ValueError: They are not of this shape.
        """
        check_images(self, images, self.in_channels)
        features = self.stem_norm(self.stem(images))
        if not self.pre_activation:
            features = torch.relu(features)
        features = self.blocks(features)
        if self.pre_activation:
            features = torch.relu(self.last_norm(features))
        return self.classifier(features.mean(dim=(2, 3)))


def make_norm(norm: NormName, channels: int) -> nn.Module:
    """Return a norm for images by its name; "none" is the identity.

    Raises:
        ValueError: The name is unknown.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(max(groups for groups in (1, 2, 4, 8) if channels % groups == 0), channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm is {norm!r}; expected one of {', '.join(NORMS)}")


def check_images(module: nn.Module, inputs: Tensor, channels: int) -> None:
    """Refuse inputs that are not floating point images of that many channels and of at least one pixel."""
    check_floating_point(module, inputs)
    if inputs.dim() != 4 or inputs.shape[1] != channels:
        raise ValueError(
            f"this {type(module).__name__} is for inputs of shape (N, {channels}, H, W), not {tuple(inputs.shape)}"
        )
    if 0 in inputs.shape[2:]:
        raise ValueError(
            f"this {type(module).__name__} needs images of at least one pixel, not of shape {tuple(inputs.shape)}"
        )


def check_floating_point(module: nn.Module, inputs: Tensor) -> None:
    """Refuse inputs that are not a tensor of floating point numbers."""
    name = type(module).__name__
    if not isinstance(inputs, Tensor):
        raise TypeError(f"{name} needs a tensor, not {type(inputs).__name__}: call torch.as_tensor(inputs)")
    if not inputs.is_floating_point():
        raise TypeError(f"{name} needs floating point inputs, not {inputs.dtype}: call inputs.float()")


def check_whole(**values: int) -> None:
    """Refuse what is not a whole number, by its name; a bool is not one."""
    for name, value in values.items():
        if not is_whole_number(value):
            raise TypeError(f"{name} must be a whole number, not {value!r}")


def check_positive(**values: int) -> None:
    """Refuse what is not a whole number of at least 1, by its name."""
    check_whole(**values)
    for name, number in values.items():
        if number < 1:
            raise ValueError(f"{name} is {number}; expected 1 or more")
