"""`course doctor`."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from helper_utils.course.cli import course
from helper_utils.course.commands import doctor
from helper_utils.course.reports.versions import installed_versions


@pytest.fixture
def notebooks(tmp_path, monkeypatch) -> Path:
    """A folder with one lesson, on a machine where torch starts at once."""
    monkeypatch.setattr(doctor, "DEVICE_QUESTION", "print('cpu (because we say so)')")
    (tmp_path / "01_metrics.ipynb").write_text('{"cells": []}')
    return tmp_path


def findings(notebooks: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(notebooks)}


def test_a_machine_that_has_everything_is_fine(notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "MNIST" / "raw").mkdir(parents=True)
    result = CliRunner().invoke(course, ["doctor", "--notebooks", str(notebooks)])
    assert result.exit_code == 0
    for text in (sys.executable, "torch ", "cpu (because we say so)", f"1 in {notebooks}", "data: mnist", "GB in"):
        assert text in result.output


def test_the_device_is_the_one_that_torch_finds():
    finding = doctor._device()
    assert finding.state == doctor.OK
    assert finding.text.split()[0].split(":")[0] in ("cpu", "cuda", "mps")


@pytest.mark.parametrize(
    ("question", "text"), [("import no_such_torch", "No module named 'no_such_torch'"), ("exit(3)", "no message")]
)
def test_a_torch_that_does_not_start_is_broken(notebooks, monkeypatch, question, text):
    monkeypatch.setattr(doctor, "DEVICE_QUESTION", question)
    finding = findings(notebooks)["device"]
    assert finding.state == doctor.BROKEN
    assert text in finding.text
    result = CliRunner().invoke(course, ["doctor", "--notebooks", str(notebooks)])
    assert result.exit_code == 1
    assert "something broken" in result.output


def test_missing_packages_are_named(notebooks, monkeypatch):
    monkeypatch.setattr("helper_utils.course.commands.doctor.PACKAGES", ("no-such-package",))
    monkeypatch.setattr(doctor, "DEVELOPERS_PACKAGES", ("no-such-tool",))
    found = findings(notebooks)
    assert found["no-such-package"].state == doctor.BROKEN
    assert found["no-such-tool"].state == doctor.NOTE
    assert "no-such-package" not in installed_versions()


def test_notebooks_that_cannot_be_read_are_broken(notebooks, tmp_path):
    (notebooks / "02_validation.ipynb").write_text("{")
    assert findings(notebooks)["notebooks"].state == doctor.BROKEN
    assert findings(tmp_path / "missing")["notebooks"].state == doctor.BROKEN


def test_a_data_directory_that_cannot_be_written_is_broken(notebooks, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "file"))
    finding = findings(notebooks)["data"]
    assert finding.state == doctor.BROKEN
    assert "not writable" in finding.text
