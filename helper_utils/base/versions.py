"""Which versions of which packages are installed."""

import functools
import platform
from collections.abc import Iterable
from importlib import metadata

PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "scikit-learn",
    "numpy",
    "pandas",
    "matplotlib",
    "optuna",
    "jupyterlab",
    "ipykernel",
    "ipywidgets",
    "papermill",
    "nbclient",
    "nbconvert",
)


def installed_versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of packages, as far as they are installed.

    Args:
        packages: Their names; by default those that the lessons use.
    """
    versions = {"Python": platform.python_version()} | {package: version(package) for package in packages}
    return {package: found for package, found in versions.items() if found}


@functools.cache
def version(package: str) -> str:
    """Return a package's version, or an empty text where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
