"""The course's style of pictures, and a way to show them that leaves nobody out."""

import html
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image

if TYPE_CHECKING:
    import ipywidgets as widgets

# The colour-blind-safe palette of Okabe and Ito (2008), https://jfly.uni-koeln.de/color/, most contrast first.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
}

_DPI = 110


def use_house_style() -> None:
    """Set matplotlib's defaults to the house style, for all figures that follow."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLORS.values()),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.grid": True,
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",  # readable on a dark page too
            "figure.figsize": (7.0, 3.2),
            "grid.alpha": 0.3,
            "image.cmap": "viridis",
            "legend.frameon": False,
            "lines.linewidth": 2.0,
        }
    )


def show_figure(figure: Figure, description: str) -> None:
    """Show a figure with the words that say what it shows, and close it.

    The words are the picture's alternative text, which the pages of `course run` use. JupyterLab and nbconvert's own
    pages ignore that text, so they also stand below the picture as its caption. nbval compares the words, not the
    pixels.

    Args:
        figure: A matplotlib figure.
        description: What the figure shows, for somebody who cannot see it: no numbers that differ between machines.

    Raises:
        ValueError: The description is empty.
    """
    _check_description(description)
    _show_picture(_to_png(figure), _width(figure), description)


def show_with_slider(draw: Callable[[Any], Figure], slider: "widgets.ValueWidget", description: str) -> None:
    """Show a figure that is drawn anew when a slider moves; where no kernel runs, a still picture stands there.

    One output holds both: JupyterLab with a running kernel shows the slider over the figure, everything else (GitHub,
    an exported page, a notebook that was just opened) the figure for the slider's first value.

    Args:
        draw: Makes the figure for a value of the slider.
        slider: Any widget with a value, such as `ipywidgets.FloatSlider`.
        description: What the figure shows, for all values, as in `show_figure`.

    Raises:
        ValueError: The description is empty.
    """
    import ipywidgets as widgets

    _check_description(description)
    figure = draw(slider.value)
    width, still = _width(figure), _to_png(figure)
    picture = widgets.Image(value=still, format="png", width=width)
    slider.observe(lambda change: picture.set_trait("value", _to_png(draw(change["new"]))), names="value")
    box = widgets.VBox([slider, picture])
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    _show_picture(still, width, description, {"application/vnd.jupyter.widget-view+json": view})


def _check_description(description: str) -> None:
    if not description.strip():
        raise ValueError("description is empty: say in a sentence what the figure shows")


def _show_picture(picture: bytes, width: int, description: str, more: dict[str, Any] | None = None) -> None:
    display(
        {**(more or {}), "image/png": picture, "text/plain": "(a picture)"},
        raw=True,
        metadata={"image/png": {"alt": description, "width": width}},
    )
    caption = f'<p style="font-size: 0.9em; opacity: 0.85; max-width: 50em">{html.escape(description)}</p>'
    display({"text/html": caption, "text/plain": description}, raw=True)


def _width(figure: Figure) -> int:
    return int(figure.get_size_inches()[0] * 96)  # CSS pixels an inch: the size on the page, whatever the resolution


def _to_png(figure: Figure) -> bytes:
    """Draw a figure with a palette of 256 colours (a third of the size, no difference to the eye), and close it."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(256).save(small, format="png", optimize=True)
    return small.getvalue()


def plot_median_band(
    axis: Axes, x: Sequence[float] | np.ndarray, values: Any, *, label: str, color: str | None = None, **line: Any
) -> None:
    """Draw the median of several runs as a line, and the middle half of them as a band around it.

    Args:
        axis: Where to draw.
        x: N positions.
        values: An array or tensor of shape (N, runs): a column for each run (each seed, say). A nan counts as missing:
            it leaves a gap in the line only where every run has one.
        label: The line's name in the legend.
        color: One of `COLORS`; the next of the house style by default.
        line: Further arguments of `axis.plot`, such as `linestyle` or `marker`.

    Raises:
        ValueError: The values are not N rows of runs.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) != len(x):
        raise ValueError(f"values must have the shape ({len(x)}, runs), a row for each x, not {values.shape}")
    quartiles = np.full((3, len(values)), np.nan)
    measured = ~np.isnan(values).all(axis=1)
    quartiles[:, measured] = np.nanquantile(values[measured], [0.25, 0.5, 0.75], axis=1)
    [drawn] = axis.plot(x, quartiles[1], label=label, color=color, **line)
    axis.fill_between(x, quartiles[0], quartiles[2], color=drawn.get_color(), alpha=0.2, linewidth=0)


def plot_contours(
    axis: Axes,
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    n_levels: int = 20,
) -> None:
    """Draw the contour lines of a function of two variables, closer together where it is low.

    Args:
        axis: Where to draw; its limits become the two ranges.
        function: Takes two arrays of one shape and returns the heights as a third.
        x_range: First and last x.
        y_range: First and last y.
        n_levels: The number of lines.
    """
    x, y = np.meshgrid(np.linspace(*x_range, 200), np.linspace(*y_range, 200))
    heights = function(x, y)
    levels = np.quantile(heights, np.linspace(0, 1, n_levels) ** 1.5)
    axis.contour(x, y, heights, levels=np.unique(levels), colors="grey", linewidths=0.7, alpha=0.6)
    axis.set(xlim=x_range, ylim=y_range)
    axis.grid(visible=False)


def image_grid(images: np.ndarray, titles: Sequence[str] | None = None, *, n_columns: int = 10) -> Figure:
    """Draw images side by side.

    Args:
        images: N x H x W x C (or N x H x W) in [0, 1]; one channel is drawn in grey.
        titles: One for each image.
        n_columns: Images in a row.

    Raises:
        ValueError: There are no images, or another number of titles.
    """
    images = np.asarray(images)
    if len(images) == 0:
        raise ValueError("there are no images to draw")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"there are {len(images)} images, but {len(titles)} titles")
    n_columns = min(n_columns, len(images))
    n_rows = -(-len(images) // n_columns)
    row_height = 1.0 if titles is None else 1.25
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(0.9 * n_columns, 0.9 * row_height * n_rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        if titles is not None:
            axis.set_title(titles[index], fontsize=8)
    return figure
