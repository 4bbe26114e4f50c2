import copy
import io
import textwrap

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.contour import ContourSet
from matplotlib.patches import Rectangle
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
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
    """The outputs of a cell, (data, metadata), as they are stored: an update replaces what it updates."""
    outputs = []

    class Handle:
        def __init__(self, place: int) -> None:
            self.place = place

        def update(self, data: dict, *, raw: bool, metadata: dict) -> None:
            assert raw
            outputs[self.place] = (data, metadata)

    def display(data: dict, *, raw: bool, metadata: dict | None = None, display_id: bool = False) -> Handle | None:
        assert raw
        outputs.append((data, metadata))
        return Handle(len(outputs) - 1) if display_id else None

    monkeypatch.setattr(plots, "display", display)
    return outputs


def test_a_figure_carries_its_description_in_both_places(shown):
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    plots.show_figure(figure, "A line <rises>.")
    (picture, metadata), (caption, _) = shown
    assert Image.open(io.BytesIO(picture["image/png"])).format == "PNG"
    assert metadata["image/png"]["alt"] == "A line <rises>."  # the pages of `course run`
    assert picture["text/plain"] == "A line <rises>."  # VS Code
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


def test_a_figure_is_sharp_and_stands_on_a_white_plate_with_round_corners(shown):
    figure = plt.figure(figsize=(2, 1), facecolor="white")
    figure.patches.append(Rectangle((0, 0), 1, 1, transform=figure.transFigure, color=plots.COLORS["red"]))
    plots.show_figure(figure, "A red rectangle.")
    data, metadata = shown[0]
    picture = Image.open(io.BytesIO(data["image/png"]))
    assert picture.width == 2 * metadata["image/png"]["width"] == 2 * (2 * 96 + 16)
    assert picture.mode == "P"  # a palette: a notebook with many figures stays small
    colors = np.asarray(picture.convert("RGBA"))
    assert not colors[[0, 0, -1, -1], [0, -1, 0, -1], 3].any()  # the corners
    height, width, _ = colors.shape
    assert colors[2, width // 2].tolist() == [255, 255, 255, 255]
    assert colors[height // 2, width // 2].tolist() == [0xD5, 0x5E, 0, 255]


def test_panels_fill_the_column_whatever_their_number():
    for n_columns, n_rows in ((1, 1), (3, 2)):
        figure, axes = plots.panels(n_columns, n_rows, height=2.0, squeeze=False, sharey=True)
        assert tuple(figure.get_size_inches()) == (plots.FULL_WIDTH, 2.0 * n_rows)
        assert axes.shape == (n_rows, n_columns)
    with pytest.raises(ValueError, match="must be at least 1, not 0 and 1"):
        plots.panels(0)


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


def test_slider_and_picture_are_two_outputs_so_that_a_saved_notebook_keeps_the_picture(shown):
    slider = widgets.IntSlider(value=3)
    plots.show_with_slider(draw, slider, "A bar <of> some height.")
    (control, _), (picture, metadata), (caption, _) = shown
    assert control[VIEW]["model_id"] == slider.model_id
    assert VIEW not in picture
    assert Image.open(io.BytesIO(picture["image/png"])).format == "PNG"
    assert metadata["image/png"]["alt"] == picture["text/plain"] == "A bar <of> some height."
    assert caption["text/plain"] == "A bar <of> some height."
    assert "A bar &lt;of&gt; some height." in caption["text/html"]
    assert not plt.get_fignums()


def test_the_picture_follows_the_slider(shown):
    slider = widgets.IntSlider(value=3, max=10)
    plots.show_with_slider(draw, slider, "A bar of some height.")
    first = shown[1]
    slider.value = 7
    assert shown[1][0]["image/png"] != first[0]["image/png"]
    slider.value = 3
    assert shown[1] == first
    assert len(shown) == 3
    assert not plt.get_fignums()


def test_every_output_but_the_view_is_the_same_each_time(shown):
    for _ in range(2):
        plots.show_with_slider(draw, widgets.IntSlider(value=3), "A bar of some height.")
    first, second = shown[:3], shown[3:]
    assert first[0][0].pop(VIEW) != second[0][0].pop(VIEW)
    assert first == second


@pytest.mark.slow
def test_in_a_real_kernel_the_stored_picture_is_the_last_one():
    code = """
        import ipywidgets as widgets
        from matplotlib import pyplot as plt
        from helper_utils.base.plots import show_with_slider

        def draw(height):
            figure, axis = plt.subplots()
            axis.bar([0], [height])
            return figure

        slider = widgets.IntSlider(value=3, max=10)
        show_with_slider(draw, slider, "A bar of some height.")
    """
    notebook = new_notebook(cells=[new_code_cell(textwrap.dedent(code)), new_code_cell("slider.value = 7")])
    client = NotebookClient(notebook, timeout=60)
    with client.setup_kernel():
        client.execute_cell(notebook.cells[0], 0)
        before = copy.deepcopy(notebook.cells[0].outputs)
        client.execute_cell(notebook.cells[1], 1)
    after = notebook.cells[0].outputs
    assert before[1].data["image/png"] != after[1].data["image/png"]
    assert before[1].metadata == after[1].metadata
    assert (before[0], before[2]) == (after[0], after[2])


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


def test_a_logarithmic_axis_over_less_than_a_decade_has_plain_numbers() -> None:
    figure, axis = plt.subplots()
    axis.plot([0.03, 0.6], [1, 1])
    axis.set_xscale("log")
    plots.label_with_plain_numbers(axis.xaxis)
    figure.canvas.draw()
    labels = [label.get_text() for label in axis.get_xticklabels(which="both") if label.get_text()]
    assert {"0.05", "0.1", "0.2", "0.5"} <= set(labels)
    assert not any("times" in label for label in labels)
    plt.close(figure)


def test_a_stored_picture_is_shown_with_its_words(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda data, **options: shown.append((data, options)))
    Image.new("RGB", (300, 20), "red").save(tmp_path / "a.png")
    plots.show_picture(tmp_path / "a.png", "A red stripe from left to right.")
    assert shown[0][0]["image/png"] == (tmp_path / "a.png").read_bytes()
    assert shown[0][1]["metadata"]["image/png"] == {"alt": "A red stripe from left to right.", "width": 300}
    assert shown[1][0]["text/plain"] == "A red stripe from left to right."
    with pytest.raises(FileNotFoundError):
        plots.show_picture(tmp_path / "b.png", "Nothing to see here at all.")
