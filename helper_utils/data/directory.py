"""The data directory: where the downloaded data sets are."""

import os
import tempfile
from pathlib import Path

import platformdirs

ENVIRONMENT_VARIABLE = "HELPER_UTILS_DATA"


def data_directory(path: str | Path | None = None) -> Path:
    """Return the folder that holds the downloaded data sets. It need not exist yet.

    The first of these that is given: `path`, the environment variable `HELPER_UTILS_DATA`, `data/` of the checkout
    that this package is imported from, the user's cache.

    Args:
        path: The folder, where the caller has one in mind; `~` stands for the home folder.

    Returns:
        An absolute path.

    Raises:
        ValueError: If the path begins with the home folder of a user that does not exist.
        FileNotFoundError: If a relative path starts from a current directory that has been deleted.
    """
    chosen = path or os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return absolute_path(chosen)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "data" / "README.md").is_file():
        return checkout / "data"
    return platformdirs.user_cache_path("helper_utils")


def absolute_path(path: str | Path) -> Path:
    """Return an absolute path, with `~` and `~user` replaced by home folders. It need not exist.

    Raises:
        ValueError: If there is no such home folder.
        FileNotFoundError: If the path is relative and the current directory has been deleted.
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder '{Path(path).parts[0]}', which '{path}' begins with") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"'{path}' starts from the current directory, which has been deleted; change to one that exists, or write "
            "the whole path"
        ) from error


def require_writable(directory: Path) -> None:
    """Make `directory` where it is missing, and check that files can be written there.

    Raises:
        PermissionError: If they cannot.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise PermissionError(
            f"the data directory {directory} is not writable ({error.strerror}). Make it writable, or choose another "
            f"one with data_dir=... or the environment variable {ENVIRONMENT_VARIABLE}."
        ) from error
