"""The course's style of pictures, and a way to show them that leaves nobody out."""

import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
import numpy as np
from IPython.display import DisplayHandle, display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image, ImageDraw, ImageOps

if TYPE_CHECKING:
    import ipywidgets as widgets
    from matplotlib.axis import Axis

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

FULL_WIDTH = 8.0  # inches: of a figure with several panels, the column of a notebook

_CSS_DPI = 96  # CSS pixels an inch: the size on the page, whatever the resolution
_SHARPNESS = 2  # pixels of a picture a CSS pixel, as high-density screens have
_PADDING = 8  # CSS pixels of white around a figure
_RADIUS = 8  # CSS pixels: the plate's rounded corners, seen on dark pages
_TRANSPARENT = 127  # the palette's last entry


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


def panels(n_columns: int, n_rows: int = 1, *, height: float = 2.6, **options: Any) -> tuple[Figure, Any]:
    """Make a figure with panels side by side, as wide as a notebook's column.

    Args:
        n_columns: Panels in a row.
        n_rows: Rows of panels.
        height: The height of a row in inches.
        options: Further arguments of `matplotlib.pyplot.subplots`, such as `sharey` or `width_ratios`.

    Returns:
        The figure and its axes, as `matplotlib.pyplot.subplots` does.

    Raises:
        ValueError: The number of rows or columns is below 1.
    """
    if n_columns < 1 or n_rows < 1:
        raise ValueError(f"n_columns and n_rows must be at least 1, not {n_columns} and {n_rows}")
    return plt.subplots(n_rows, n_columns, figsize=(FULL_WIDTH, height * n_rows), **options)


def show_figure(figure: Figure, description: str) -> None:
    """Show a figure with the words that say what it shows, and close it.

    The words are the picture's alternative text: VS Code takes them from the output's text, the pages of `course run`
    from its metadata. JupyterLab ignores both, so they also stand below the picture as its caption. nbval compares the
    words, not the pixels.

    Args:
        figure: A matplotlib figure.
        description: What the figure shows, for somebody who cannot see it: no numbers that differ between machines.

    Raises:
        ValueError: The description is empty.
    """
    _check_description(description)
    data, metadata = _picture(figure, description)
    display(data, raw=True, metadata=metadata)
    _show_caption(description)


def show_picture(path: str | Path, description: str) -> None:
    """Show a stored PNG, such as a screenshot, with the words that say what it shows, as `show_figure` does.

    Args:
        path: The file. It is shown in its size, or as wide as the column if it is wider than that.
        description: What the picture shows, for somebody who cannot see it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The description is empty.
    """
    _check_description(description)
    content = Path(path).read_bytes()
    width = min(Image.open(io.BytesIO(content)).width, round(FULL_WIDTH * _CSS_DPI))
    metadata = {"image/png": {"alt": description, "width": width}}
    display({"image/png": content, "text/plain": description}, raw=True, metadata=metadata)
    _show_caption(description)


def show_with_slider(draw: Callable[[Any], Figure], slider: "widgets.ValueWidget", description: str) -> None:
    """Show a slider, and below it a figure that is drawn again when the slider moves.

    They are two outputs: a notebook that was saved keeps the last figure, which every program shows without a kernel.
    The slider itself needs one.

    Args:
        draw: Makes the figure for a value of the slider.
        slider: Any widget with a value, such as `ipywidgets.FloatSlider`.
        description: What the figure shows, for all values, as in `show_figure`.

    Raises:
        ValueError: The description is empty.
    """
    _check_description(description)
    data, metadata = _picture(draw(slider.value), description)
    view = {"version_major": 2, "version_minor": 0, "model_id": slider.model_id}
    control = {"application/vnd.jupyter.widget-view+json": view, "text/plain": "(A slider: run this cell to move it.)"}
    display(control, raw=True)
    shown = cast(DisplayHandle, display(data, raw=True, metadata=metadata, display_id=True))
    _show_caption(description)

    def draw_again(change: dict[str, Any]) -> None:
        data, metadata = _picture(draw(change["new"]), description)
        shown.update(data, raw=True, metadata=metadata)

    slider.observe(draw_again, names="value")


def _check_description(description: str) -> None:
    if not description.strip():
        raise ValueError("description is empty: say in a sentence what the figure shows")


def _picture(figure: Figure, description: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the data and the metadata of an output that shows a figure, and close it."""
    width = round(figure.get_size_inches()[0] * _CSS_DPI) + 2 * _PADDING
    data = {"image/png": to_png(figure), "text/plain": description}
    return data, {"image/png": {"alt": description, "width": width}}


def _show_caption(description: str) -> None:
    caption = f'<p style="font-size: 0.9em; opacity: 0.85; max-width: 50em">{html.escape(description)}</p>'
    display({"text/html": caption, "text/plain": description}, raw=True)


def to_png(figure: Figure) -> bytes:
    """Draw a figure on a white plate with round corners, for screens of high density, and close it.

    A palette of 127 colours and one that is transparent makes a quarter of the size and no difference to the eye.
    """
    figure.set_dpi(_CSS_DPI * _SHARPNESS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # `savefig` would lay out and draw twice
    plt.close(figure)
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    plate = ImageOps.expand(drawn, _PADDING * _SHARPNESS, "white")
    inside = Image.new("1", plate.size)
    corner = _RADIUS * _SHARPNESS
    ImageDraw.Draw(inside).rounded_rectangle((0, 0, plate.width - 1, plate.height - 1), corner, fill=1)
    picture = plate.quantize(_TRANSPARENT)
    colors = bytes(picture.getpalette() or [])
    picture.putpalette(colors.ljust(3 * (_TRANSPARENT + 1), b"\xff"))  # PNG knows no transparency beyond the palette
    picture.paste(_TRANSPARENT, mask=ImageOps.invert(inside.convert("L")))
    png = io.BytesIO()
    picture.save(png, format="png", compress_level=8, transparency=_TRANSPARENT)
    return png.getvalue()


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


def label_with_plain_numbers(axis: "Axis") -> None:
    """Label a logarithmic axis with 1, 2 and 5 of each decade, as plain numbers.

    Over one decade or less, matplotlib's own labels (3 x 10^-1) run into one another.

    Args:
        axis: `figure.axes[0].xaxis` or `.yaxis`, already logarithmic.
    """
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


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
