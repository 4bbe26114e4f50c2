"""Which versions of which packages are installed."""

import platform
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


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that the lessons use, as far as they are installed."""
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        if found := version(package):
            versions[package] = found
    return versions


def version(package: str) -> str:
    """Return a package's version, or an empty text where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
