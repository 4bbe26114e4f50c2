"""Where the data directory is."""

import subprocess
import sys
from pathlib import Path

import pytest

import helper_utils.data.directory as directory_module
from helper_utils.data import check_dataset
from helper_utils.data.directory import data_directory, require_writable


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELPER_UTILS_DATA", raising=False)


def test_argument_comes_before_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELPER_UTILS_DATA", str(tmp_path / "variable"))
    assert data_directory(tmp_path / "argument") == tmp_path / "argument"
    assert data_directory() == tmp_path / "variable"


def test_checkout_comes_before_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = tmp_path / "helper_utils" / "data" / "directory.py"
    monkeypatch.setattr(directory_module, "__file__", str(module))
    monkeypatch.setattr(directory_module.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    assert data_directory() == tmp_path / "cache" / "helper_utils"
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").touch()
    assert data_directory() == tmp_path / "data"


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without = data_directory()
    monkeypatch.setenv("HELPER_UTILS_DATA", "")
    assert data_directory() == without


def test_paths_are_absolute_and_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert data_directory("~/data sets") == tmp_path / "data sets"
    assert data_directory("here") == tmp_path / "here"


def test_a_home_folder_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no home folder '~no-such-user', which '~no-such-user/data' begins with"):
        data_directory("~no-such-user/data")
    monkeypatch.setenv("HELPER_UTILS_DATA", "~no-such-user/data")
    with pytest.raises(ValueError, match="no home folder '~no-such-user'"):
        check_dataset("mnist")


def test_a_current_directory_that_was_deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert data_directory(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="'data' starts from the current directory, which has been deleted"):
        data_directory("data")


def test_nothing_is_made_until_something_is_written(tmp_path: Path) -> None:
    wanted = data_directory(tmp_path / "a" / "b")
    assert not wanted.exists()
    require_writable(wanted)
    assert wanted.is_dir()
    assert not list(wanted.iterdir())


def test_a_directory_that_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermissionError, match=r"not writable.*data_dir=.*HELPER_UTILS_DATA"):
        require_writable(tmp_path / "file" / "data")


def test_torch_is_not_imported_to_find_the_directory() -> None:
    code = "import sys; from helper_utils.data import available_downloads, data_directory; data_directory(); "
    code += "available_downloads(); sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
