import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from helper_utils import plots


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
