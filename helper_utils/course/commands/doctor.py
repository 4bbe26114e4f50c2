"""`course doctor`: whether this machine has what the course needs."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helper_utils.base.versions import PACKAGES, version
from helper_utils.course.errors import CourseError
from helper_utils.course.lessons import find_lessons, notebooks_directory

OK, NOTE, BROKEN = "ok", "note", "broken"
DEVELOPERS_PACKAGES = ("nbval", "pytest", "ruff")
ENOUGH_DISK = 2e9  # bytes
DEVICE_QUESTION = "from helper_utils.base.devices import describe_device; print(describe_device())"


@dataclass(frozen=True)
class Finding:
    """One line of the report: its state is `ok`, `note` (works, but good to know) or `broken`."""

    state: str
    name: str
    text: str


def examine(notebooks: str | Path | None = None) -> Iterator[Finding]:
    """Look at the machine, one finding after the other."""
    enough = sys.version_info >= (3, 11)
    yield Finding(OK if enough else BROKEN, "Python", f"{platform.python_version()} ({sys.executable})")
    yield from _packages()
    yield _device()
    yield _notebooks(notebooks)
    yield _data()
    yield _network()
    yield _disk()


def _packages() -> Iterator[Finding]:
    for package in PACKAGES:
        found = version(package)
        yield Finding(OK if found else BROKEN, package, found or "not installed: run `make clean course`")
    for package in DEVELOPERS_PACKAGES:
        found = version(package)
        yield Finding(OK if found else NOTE, package, found or "not installed: needed by `make test` only")


def _device() -> Finding:
    # In a process of its own, because only this line needs torch.
    try:
        answer = subprocess.run(  # noqa: S603 (our own text, run by this interpreter)
            [sys.executable, "-c", DEVICE_QUESTION], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(BROKEN, "device", "torch did not start within 120 s")
    if answer.returncode:
        last_line = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding(BROKEN, "device", f"torch does not start: {last_line}")
    return Finding(OK, "device", answer.stdout.strip())


def _notebooks(notebooks: str | Path | None) -> Finding:
    try:
        directory = notebooks_directory(notebooks)
        lessons = find_lessons(directory)
    except CourseError as error:
        return Finding(BROKEN, "notebooks", error.message)
    errors = [lesson.error for lesson in lessons if lesson.error]
    if errors:
        return Finding(BROKEN, "notebooks", "; ".join(errors))
    return Finding(OK, "notebooks", f"{len(lessons)} in {directory}")


def _data() -> Finding:
    from helper_utils.data import available_downloads, data_directory
    from helper_utils.data.directory import require_writable

    try:
        directory = data_directory()
    except (ValueError, OSError) as error:
        return Finding(BROKEN, "data", str(error))
    downloaded = available_downloads()
    text = f"{directory}: {', '.join(downloaded) or 'nothing downloaded'}; digits and shapes need no file"
    try:
        require_writable(directory)
    except PermissionError as error:
        return Finding(NOTE if downloaded else BROKEN, "data", f"{text}; {error}")
    return Finding(OK, "data", text)


def _network() -> Finding:
    unshare = shutil.which("unshare")
    command = [str(unshare), "-rn", "true"]
    if unshare and not subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 (fixed text)
        return Finding(OK, "network", "can be cut off for the tests (unshare)")
    return Finding(NOTE, "network", "cannot be cut off here; the tests' own guard against sockets is used alone")


def _disk() -> Finding:
    try:
        folder = Path.cwd()
    except FileNotFoundError:
        return Finding(BROKEN, "free disk", "the current directory has been deleted; change to one that exists")
    free = shutil.disk_usage(folder).free
    return Finding(OK if free > ENOUGH_DISK else NOTE, "free disk", f"{free / 1e9:.1f} GB in {folder}")
