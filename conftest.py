"""What every test shares, the notebooks' included: no network, a scratch home for Jupyter, strict claims."""

import getpass
import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import nbformat
import pytest

ROOT = Path(__file__).parent
TESTS = ROOT / "tests"
FAILED_NOTEBOOKS = ROOT / "build" / "failed-notebooks"

# Processes that the tests start, notebook kernels among them, load the guard against the network by themselves.
_paths = [str(TESTS / "every_process"), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(_paths)
sys.path.insert(0, str(TESTS))

from no_network import forbid_network  # noqa: E402 - found through the path that was just set

forbid_network()

# Nothing is read from or written into the configuration of the person who runs the tests.
_home = Path(tempfile.gettempdir()) / f"helper-utils-tests-{getpass.getuser()}"
for _variable in (
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR", "HELPER_UTILS_DATA"
):  # fmt: skip
    _folder = _home / _variable.lower()
    _folder.mkdir(parents=True, exist_ok=True)
    os.environ[_variable] = str(_folder)

os.environ["HELPER_UTILS_STRICT"] = "1"
os.environ["HELPER_UTILS_PROGRESS"] = "off"

# A busy machine is slow, not wrong; and the same examples are tried in every run, so that a failure can be repeated.
hypothesis.settings.register_profile("any machine", deadline=None, derandomize=True)
hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a notebook that failed, with the outputs it had this time, to look at."""
    report = yield
    cell = getattr(item, "cell", None)  # only nbval's items have one
    outputs = getattr(item, "test_outputs", None)
    if cell is not None and report.when == "call":
        if outputs is not None:
            cell.outputs = outputs
        if report.failed:
            FAILED_NOTEBOOKS.mkdir(parents=True, exist_ok=True)
            nbformat.write(item.parent.nb, FAILED_NOTEBOOKS / item.path.name)  # type: ignore[union-attr]
    return report
