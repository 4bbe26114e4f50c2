"""`course doctor`."""

import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from helper_utils.base.versions import installed_versions
from helper_utils.course.cli import course
from helper_utils.course.commands import doctor
from helper_utils.data.downloads import DOWNLOADS


@pytest.fixture
def notebooks(tmp_path, monkeypatch) -> Path:
    """A folder with one lesson, on a machine where torch starts at once."""
    monkeypatch.setattr(doctor, "DEVICE_QUESTION", "print('cpu (because we say so)')")
    (tmp_path / "01_metrics.ipynb").write_text('{"cells": []}')
    return tmp_path


def findings(notebooks: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(notebooks)}


def make_downloads(directory: Path, *names: str) -> None:
    """Make files of the right names and sizes, which hold nothing."""
    for name in names:
        folder = directory / DOWNLOADS[name].folder
        folder.mkdir(parents=True)
        for file, (size, _) in DOWNLOADS[name].files.items():
            (folder / file).touch()
            os.truncate(folder / file, size)


def test_a_machine_that_has_everything_is_fine(notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "data"))
    make_downloads(tmp_path / "data", "mnist")
    result = CliRunner().invoke(course, ["doctor", "--notebooks", str(notebooks)])
    assert result.exit_code == 0
    for text in (sys.executable, "torch ", "cpu (because we say so)", f"1 in {notebooks}", "data: mnist", "GB in"):
        assert text in result.output


def test_the_device_is_the_one_that_torch_finds():
    finding = doctor._device()
    assert finding.state == doctor.OK
    assert re.match(r"(cpu|cuda|mps)\b", finding.text)


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
    assert "no-such-package" not in installed_versions(["no-such-package"])


def test_notebooks_that_cannot_be_read_are_broken(notebooks, tmp_path):
    (notebooks / "02_validation.ipynb").write_text("{")
    assert findings(notebooks)["notebooks"].state == doctor.BROKEN
    assert findings(tmp_path / "missing")["notebooks"].state == doctor.BROKEN


def test_only_data_that_the_loader_uses_is_there(notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "cifar-10-batches-py").mkdir()
    (tmp_path / "data" / "cifar-10-python.tar.gz").touch()
    assert "nothing downloaded" in findings(notebooks)["data"].text
    make_downloads(tmp_path / "data", "fashion_mnist", "cifar10")
    assert ": fashion_mnist, cifar10;" in findings(notebooks)["data"].text


def test_a_data_directory_of_a_user_that_does_not_exist(notebooks, monkeypatch):
    monkeypatch.setenv("HELPER_UTILS_DATA", "~no-such-user/data")
    finding = findings(notebooks)["data"]
    assert finding.state == doctor.BROKEN
    assert "no home folder '~no-such-user'" in finding.text


def test_a_data_directory_that_cannot_be_written_is_broken(notebooks, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "file"))
    finding = findings(notebooks)["data"]
    assert finding.state == doctor.BROKEN
    assert "not writable" in finding.text


def test_a_current_directory_that_was_deleted_is_broken(notebooks, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    finding = findings(notebooks)["free disk"]
    assert finding.state == doctor.BROKEN
    assert "has been deleted" in finding.text
