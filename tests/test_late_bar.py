"""The bar that appears only where somebody has to wait."""

import pytest

from helper_utils.base import late_bar
from helper_utils.base.late_bar import NOBODY_WATCHES, LateBar


@pytest.fixture(autouse=True)
def somebody_watches(monkeypatch):
    monkeypatch.delenv(NOBODY_WATCHES[0], raising=False)


def work(n_steps: int, **options: bool) -> None:
    with LateBar(n_steps, **options) as bar:
        for _ in range(n_steps):
            bar.update()


def test_short_work_shows_nothing(capsys):
    work(10)
    assert capsys.readouterr() == ("", "")


def test_long_work_shows_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(late_bar, "SECONDS_WITHOUT_BAR", -1.0)
    work(3)
    assert "1/3" in capsys.readouterr().err


def test_the_bar_goes_also_when_the_work_fails(monkeypatch):
    monkeypatch.setattr(late_bar, "SECONDS_WITHOUT_BAR", -1.0)
    bar = LateBar(2)

    def fail() -> None:
        with bar:
            bar.update()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert bar.bar.disable  # as tqdm calls a bar that is closed


@pytest.mark.parametrize(("shown", "variable"), [(False, ""), (True, "off"), (True, "OFF")])
def test_no_bar_where_none_is_wanted_or_nobody_watches(capsys, monkeypatch, shown, variable):
    monkeypatch.setattr(late_bar, "SECONDS_WITHOUT_BAR", -1.0)
    monkeypatch.setenv(NOBODY_WATCHES[0], variable)
    work(3, shown=shown)
    assert capsys.readouterr() == ("", "")
