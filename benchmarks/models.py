"""The small models that the benchmarks train."""

from torch import nn


def small_cnn(n_channels: int = 3, image_size: int = 32) -> nn.Sequential:
    """Return two convolutions and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(n_channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (image_size // 4) ** 2, 10),
    )


def small_mlp() -> nn.Sequential:
    """Return a network for images of 8 by 8 pixels, whose steps are so short that a loop's own time shows."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
