import io

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.contour import ContourSet
from PIL import Image

from helper_utils.base import plots


@pytest.fixture(autouse=True)
def _no_window():
    with mpl.rc_context():
        mpl.use("agg")
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    outputs = []
    monkeypatch.setattr(
        plots, "display", lambda data, *, raw, metadata=None: outputs.append((data, metadata)) if raw else None
    )
    return outputs


def test_a_figure_carries_its_description_in_both_places(shown):
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    plots.show_figure(figure, "A line <rises>.")
    (picture, metadata), (caption, _) = shown
    assert Image.open(io.BytesIO(picture["image/png"])).format == "PNG"
    assert metadata["image/png"]["alt"] == "A line <rises>."  # exported HTML
    assert "A line &lt;rises&gt;." in caption["text/html"]  # JupyterLab
    assert not plt.get_fignums()


def test_words_do_not_depend_on_the_picture(shown):
    """Nbval compares text, so two different pictures with one description must give the same text."""
    for height in (1, 2):
        figure, axis = plt.subplots()
        axis.plot([0, height])
        plots.show_figure(figure, "A line.")
    texts = [{kind: text for kind, text in data.items() if kind != "image/png"} for data, _ in shown]
    assert texts[:2] == texts[2:]
    assert shown[0][0]["image/png"] != shown[2][0]["image/png"]


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match="description"):
        plots.show_figure(plt.figure(), "  ")


def test_house_style_uses_the_colour_blind_safe_palette():
    plots.use_house_style()
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.COLORS.values())


@pytest.mark.parametrize("shape", [(7, 4, 4, 3), (7, 4, 4, 1), (7, 4, 4)])
def test_image_grid_draws_every_image(shape):
    figure = plots.image_grid(np.zeros(shape), [str(i) for i in range(7)], n_columns=3)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == list("0123456")
    assert len(figure.axes) == 9


def test_image_grid_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="no images"):
        plots.image_grid(np.zeros((0, 4, 4)))
    with pytest.raises(ValueError, match="2 images, but 3 titles"):
        plots.image_grid(np.zeros((2, 4, 4)), ["a", "b", "c"])


VIEW = "application/vnd.jupyter.widget-view+json"


def draw(height):
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.bar([0], [height])
    axis.set_ylim(0, 10)
    return figure


def test_a_still_picture_and_its_words_are_there_without_a_slider(shown):
    plots.show_with_slider(draw, widgets.IntSlider(value=3), "A bar <of> some height.")
    (output, metadata), (caption, _) = shown
    assert Image.open(io.BytesIO(output["image/png"])).format == "PNG"
    assert metadata["image/png"] == {"alt": "A bar <of> some height.", "width": 192}
    assert caption["text/plain"] == "A bar <of> some height."
    assert "A bar &lt;of&gt; some height." in caption["text/html"]
    assert not plt.get_fignums()


def test_the_picture_follows_the_slider(shown, monkeypatch):
    pictures = []
    make_picture = widgets.Image
    monkeypatch.setattr(widgets, "Image", lambda **options: pictures.append(make_picture(**options)) or pictures[0])
    slider = widgets.IntSlider(value=3, max=10)
    plots.show_with_slider(draw, slider, "A bar of some height.")
    [picture] = pictures
    still = shown[0][0]["image/png"]
    assert picture.value == still
    slider.value = 7
    assert picture.value != still
    slider.value = 3
    assert picture.value == still
    assert not plt.get_fignums()


def test_every_output_but_the_view_is_the_same_each_time(shown):
    for _ in range(2):
        plots.show_with_slider(draw, widgets.IntSlider(value=3), "A bar of some height.")
    (first, _), caption, (second, _), caption_again = shown
    assert first.pop(VIEW) != second.pop(VIEW)
    assert first == second
    assert caption == caption_again


def test_an_empty_description_is_refused_before_anything_is_shown(shown):
    with pytest.raises(ValueError, match="description is empty"):
        plots.show_with_slider(draw, widgets.IntSlider(), "  ")
    assert not shown


def test_a_band_holds_the_middle_half_of_the_runs():
    _, axis = plt.subplots()
    values = np.array([[1.0, 2, 3, 4, 5], [np.nan, 10, 20, 30, 40], [np.nan] * 5])
    plots.plot_median_band(axis, [0.1, 1, 10], values, label="five runs", color=plots.COLORS["red"], marker="o")
    [line], [band] = axis.lines, axis.collections
    np.testing.assert_array_equal(line.get_ydata(), [3, 25, np.nan])
    assert (line.get_label(), line.get_marker()) == ("five runs", "o")
    [path] = band.get_paths()
    assert {(0.1, 2), (0.1, 4), (1, 17.5), (1, 32.5)} <= set(map(tuple, np.asarray(path.vertices)))


def test_a_band_takes_a_tensor_and_names_a_wrong_shape():
    _, axis = plt.subplots()
    plots.plot_median_band(axis, [1, 2], torch.ones(2, 3), label="runs")
    with pytest.raises(ValueError, match=r"shape \(2, runs\), a row for each x, not \(3, 2\)"):
        plots.plot_median_band(axis, [1, 2], torch.ones(3, 2), label="runs")


def test_contours_fill_the_ranges_and_are_closer_where_the_function_is_low():
    _, axis = plt.subplots()
    plots.plot_contours(axis, lambda x, y: x**2 + y**2, (-1, 1), (-2, 2), n_levels=5)
    assert (axis.get_xlim(), axis.get_ylim()) == ((-1, 1), (-2, 2))
    [contours] = axis.collections
    assert isinstance(contours, ContourSet)
    levels = np.asarray(contours.levels)
    assert len(levels) == 5
    assert np.all(np.diff(levels, 2) > 0)
