"""Files that are never half written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give the place to write a file to, which takes the file's name when the block ends.

    Whoever reads meanwhile, or after the process was killed, finds the old file or the new one. If the block raises,
    nothing of it is left.

    Args:
        path: The file; its folder must exist.

    Yields:
        A path in the same folder, so that renaming is one step.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, as UTF-8; see `whole_file`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step; see `whole_file`.

    Raises:
        OSError: It cannot be written; the error names the file, which the one of a full disk does not.
    """
    try:
        with whole_file(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
