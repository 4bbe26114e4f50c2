"""What passes through a network: the sizes of activations and gradients by layer, and weights scaled to keep them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from helper_utils.base.training import LossFunction
from helper_utils.initialization.initializers import orthogonal_

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WEIGHT_LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)

Quantity = Literal["stds", "means", "spreads", "gradient_stds"]


def measured_gain(activation: Callable[[Tensor], Tensor], *, n_draws: int = 1_000_000, seed: int = 0) -> float:
    """Return the gain that keeps the mean square through an activation: 1 / sqrt(mean of f(z)²) for z normal.

    With weights of variance gain² / fan_in, what comes into the activation has variance 1 in the next layer if it has
    in this one. Measured on random draws, so right to about three digits.

    Args:
        activation: Works entry by entry, such as `torch.tanh` or `nn.SELU()`.
        n_draws: How many normal numbers are drawn.
        seed: Of their generator.

    Raises:
        ValueError: n_draws is below 1, or the activation's outputs are all zero or not finite.
    """
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, not {n_draws}")
    z = torch.randn(n_draws, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        mean_square = activation(z).double().square().mean().item()
    if not 0 < mean_square < float("inf"):
        raise ValueError(f"the mean square of the activation's outputs must be positive and finite, not {mean_square}")
    return mean_square**-0.5


@dataclass(frozen=True, eq=False, repr=False)
class SignalStatistics:
    """What came out of the layers of a network for a batch, and the gradients with respect to it.

    Attributes:
        activations: The outputs by layer, in the order in which the layers were run, shape (N, ...).
        gradients: The gradients of the loss with respect to these outputs, likewise; empty without targets.
    """

    activations: dict[str, Tensor]
    gradients: dict[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"SignalStatistics({len(self.activations)} layers, {'with' if self.gradients else 'without'} gradients)"

    @property
    def means(self) -> Tensor:
        """The mean over all outputs of a layer, shape (layers,)."""
        return torch.stack([values.mean() for values in self.activations.values()])

    @property
    def stds(self) -> Tensor:
        """The standard deviation of all outputs of a layer, over examples and units, shape (layers,)."""
        return torch.stack([values.std(correction=0) for values in self.activations.values()])

    @property
    def spreads(self) -> Tensor:
        """How much the examples differ: the standard deviation over examples, root mean square over units."""
        deviations = [values - values.mean(dim=0) for values in self.activations.values()]
        return torch.stack([values.square().mean() for values in deviations]).sqrt()

    @property
    def gradient_stds(self) -> Tensor:
        """The standard deviation of all gradients with respect to a layer's outputs, shape (layers,).

        Raises:
            ValueError: The statistics were taken without targets.
        """
        if not self.gradients:
            raise ValueError("there are no gradients: give activation_statistics the targets too")
        return torch.stack([values.std(correction=0) for values in self.gradients.values()])

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each layer."""
        import pandas as pd

        columns = {"mean": self.means, "std": self.stds, "spread": self.spreads}
        if self.gradients:
            columns["gradient std"] = self.gradient_stds
        return pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()}, index=[*self.activations])


def activation_statistics(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor | None = None,
    *,
    layers: type[nn.Module] | tuple[type[nn.Module], ...] = WEIGHT_LAYERS,
    loss_fcn: LossFunction = nn.functional.cross_entropy,
) -> SignalStatistics:
    """Send a batch through a network, and keep what comes out of its layers.

    By default these are the linear and convolutional layers, so their outputs are what the activation functions get.
    The model runs in the mode that it is in; weights, buffers and gradients are afterwards as before.

    Args:
        model: Any network.
        inputs: A batch, shape (N, ...), on the model's device.
        targets: Their targets; with them the gradients of the loss are kept too.
        layers: The kinds of layers that are watched.
        loss_fcn: The mean loss of the batch.

    Returns:
        The activations and gradients by the layers' names. A layer that is run twice has two entries: `name`, `name#2`.

    Raises:
        ValueError: No layer of these kinds was run, or the inputs are empty.
        TypeError: A layer returns something that is not a tensor, as recurrent ones do.
    """
    if len(inputs) == 0:
        raise ValueError("the inputs are empty: give a batch with at least one example")
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        n_before = sum(key.partition("#")[0] == name for key in outputs)
        outputs[f"{name}#{n_before + 1}" if n_before else name] = output

    if targets is not None and inputs.is_floating_point():
        inputs = inputs.detach().requires_grad_()  # so that frozen layers have gradients too
    with _buffers_kept(model), _watching(model, layers, keep), torch.set_grad_enabled(targets is not None):
        results = model(inputs)
        if not outputs:
            raise ValueError(f"the model, a {type(model).__name__}, has run no layer of the kinds that were asked for")
        if targets is None:
            return SignalStatistics({name: output.detach() for name, output in outputs.items()})
        loss = loss_fcn(results, targets)
        found = torch.autograd.grad(loss, list(outputs.values()), allow_unused=True, materialize_grads=True)
    detached = {name: output.detach() for name, output in outputs.items()}
    return SignalStatistics(detached, dict(zip(outputs, found, strict=True)))


def lsuv_(
    model: nn.Module, inputs: Tensor, *, tolerance: float = 0.05, max_steps: int = 10, orthogonal: bool = True
) -> dict[str, float]:
    """Scale each layer's weights, from the first to the last, so that its outputs for a batch have variance 1.

    "Layer-sequential unit variance": first the weights are drawn orthogonal and the biases set to zero, then each layer
    is divided by the standard deviation of its outputs until their variance is 1 to the tolerance. It works
    for every activation and needs no gain. The model runs in the mode that it is in, and keeps its buffers.
    Source: Mishkin and Matas (2016), https://arxiv.org/abs/1511.06422.

    Args:
        model: Its linear and convolutional layers are changed in place.
        inputs: A batch, shape (N, ...), on the model's device.
        tolerance: How far the variance may be from 1, above 0.
        max_steps: How often a layer is scaled at most.
        orthogonal: Whether the weights are drawn anew first; otherwise those that are there are scaled.

    Returns:
        The standard deviation of each layer's outputs afterwards, by the layer's name.

    Raises:
        ValueError: The tolerance or max_steps is not positive, there are fewer than two examples, no layer is run, the
            outputs of a layer are constant or not finite, or max_steps do not suffice.

    Whatever the error, the weights are then as before.
    """
    if not tolerance > 0 or max_steps < 1:
        raise ValueError(f"tolerance must be positive and max_steps at least 1, not {tolerance} and {max_steps}")
    if len(inputs) < 2:
        raise ValueError(f"a variance needs two examples or more, not {len(inputs)}: give a larger batch")
    modules = dict(model.named_modules())
    names = [name for name in activation_statistics(model, inputs).activations if "#" not in name]
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    try:
        with torch.no_grad():
            for name in names if orthogonal else []:
                weight, bias = modules[name].weight, modules[name].bias
                orthogonal_(weight)  # type: ignore[arg-type]
                if isinstance(bias, Tensor):
                    bias.zero_()
            return {name: _scale_to_unit_variance(model, inputs, name, tolerance, max_steps) for name in names}
    except BaseException:  # an interruption included: half-scaled weights are worse than the old ones
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(before[name])
        raise


def plot_activation_statistics(
    statistics: Mapping[str, SignalStatistics],
    *,
    of: Quantity = "stds",
    axis: "Axes | None" = None,
    looks: Mapping[str, Mapping] | None = None,
) -> "Axes":
    """Draw a statistic against the layer on a logarithmic axis, with a line for each network.

    Of the means the absolute values are drawn. Zeros, which a logarithmic axis does not have, are rings at the bottom.

    Args:
        statistics: By the name that stands in the legend.
        of: Which property of `SignalStatistics`.
        axis: Where to draw; a new figure by default.
        looks: Further arguments of `axis.plot` by name, such as color and marker.

    Returns:
        The axis.

    Raises:
        ValueError: There is nothing to draw, or `of` is not such a property.
    """
    from matplotlib import pyplot as plt

    labels = {
        "stds": "standard deviation",
        "means": "absolute mean",
        "spreads": "spread between examples",
        "gradient_stds": "standard deviation of the gradient",
    }
    if of not in labels:
        raise ValueError(f"of must be one of {', '.join(labels)}, not {of!r}")
    if not statistics:
        raise ValueError("there are no statistics to draw: give at least one, by its name")
    if axis is None:
        _, axis = plt.subplots()
    axis.set_yscale("log")
    for name, measured in statistics.items():
        values = getattr(measured, of).abs().cpu()
        layers = torch.arange(1, len(values) + 1)
        look = dict(looks[name]) if looks and name in looks else {}
        [line] = axis.plot(layers, values.where(values > 0, torch.nan), label=name, **look)
        if (values == 0).any():
            bottom = axis.get_xaxis_transform()  # x in layers, y as a share of the height
            where, color = layers[values == 0], line.get_color()
            axis.scatter(where, [0.03] * len(where), s=20, facecolors="none", edgecolors=color, transform=bottom)
    axis.set(xlabel="layer, from the input to the output", ylabel=labels[of])
    return axis


def _scale_to_unit_variance(model: nn.Module, inputs: Tensor, name: str, tolerance: float, max_steps: int) -> float:
    layer = model.get_submodule(name)
    variance = _output_variance(model, inputs, name)
    for _ in range(max_steps):
        if abs(variance - 1) <= tolerance:
            break
        layer.weight.div_(variance**0.5)  # type: ignore[operator, union-attr]
        variance = _output_variance(model, inputs, name)
    if abs(variance - 1) > tolerance:
        raise ValueError(
            f"after {max_steps} steps the outputs of the layer {name!r} have the variance {variance:.3g}, not 1: "
            f"set its bias to zero (orthogonal=True does), switch dropout off, or allow more steps"
        )
    return variance**0.5


def _output_variance(model: nn.Module, inputs: Tensor, name: str) -> float:
    outputs = activation_statistics(model, inputs).activations
    both = [values.flatten() for key, values in outputs.items() if key.partition("#")[0] == name]
    variance = torch.cat(both).var(correction=0).item()
    if not 0 < variance < float("inf"):
        raise ValueError(f"the outputs of the layer {name!r} have the variance {variance}: it cannot be scaled to 1")
    return variance


@contextmanager
def _watching(
    model: nn.Module, layers: type[nn.Module] | tuple[type[nn.Module], ...], keep: Callable[[str, Tensor], None]
) -> Iterator[None]:
    """Call `keep` with the name and the outputs of each layer of these kinds that is run; the model itself is ""."""

    def make_hook(name: str) -> Callable[[nn.Module, tuple, Tensor], Tensor]:
        def hook(module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
            if not isinstance(output, Tensor):
                kind = type(module).__name__
                raise TypeError(f"the layer {name!r}, {kind}, returns a {type(output).__name__}, not a tensor")
            keep(name, output)
            return output.clone()  # which an activation may change in place

        return hook

    watched = [(name, module) for name, module in model.named_modules() if isinstance(module, layers)]
    handles = [module.register_forward_hook(make_hook(name)) for name, module in watched]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    """Leave running statistics as they are."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
