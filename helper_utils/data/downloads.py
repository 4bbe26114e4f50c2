"""MNIST, Fashion-MNIST and CIFAR-10: downloaded and checked by torchvision at first use, read from their files.

torchvision is imported only to download (it takes seconds to import), so the files are read here, by NumPy. CIFAR-10
is taken in its binary version: the Python version holds pickles, which can run any code when they are read.
"""

import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
from filelock import FileLock

from .directory import data_directory, require_writable
from .sources import Pictures, Source

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
TIMEOUT = 30.0
"""Seconds without an answer after which a download fails."""


@dataclass(frozen=True)
class Download:
    """The files of a data set.

    Attributes:
        class_names: The names of the classes.
        folder: Where the files are in the data directory.
        files: Of each file, the size in bytes and the md5 (None where nobody publishes it).
        archive_folder: Where published archives are looked for in the data directory before anything is downloaded.
        archives: The md5 of each published archive.
    """

    class_names: tuple[str, ...]
    folder: str
    files: dict[str, tuple[int, str | None]]
    archive_folder: str
    archives: dict[str, str]


DOWNLOADS = {
    "mnist": Download(
        class_names=tuple("0123456789"),
        folder="MNIST/raw",
        files={
            "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
            "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
            "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
            "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
        },
        archive_folder="MNIST/raw",
        archives={
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion_mnist": Download(
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        folder="FashionMNIST/raw",
        files={
            "train-images-idx3-ubyte": (47_040_016, None),
            "train-labels-idx1-ubyte": (60_008, None),
            "t10k-images-idx3-ubyte": (7_840_016, None),
            "t10k-labels-idx1-ubyte": (10_008, None),
        },
        archive_folder="FashionMNIST/raw",
        archives={
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    "cifar10": Download(
        class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        folder="cifar-10-batches-bin",
        files={
            **{f"data_batch_{number}.bin": (30_730_000, None) for number in range(1, 6)},
            "test_batch.bin": (30_730_000, None),
        },
        archive_folder=".",
        archives={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    ),
}


def available_downloads(data_dir: str | Path | None = None) -> tuple[str, ...]:
    """Return the names of the downloaded data sets whose files are all in the data directory, in their full size.

    Args:
        data_dir: The data directory; see `data_directory`.
    """
    directory = data_directory(data_dir)
    return tuple(
        name
        for name, download in DOWNLOADS.items()
        if not _missing(name, directory)
        and all(
            (directory / download.folder / file).stat().st_size == size for file, (size, _) in download.files.items()
        )
    )


def read(name: str, directory: Path) -> Source:
    """Read a data set, and download it before that where files are missing.

    Args:
        name: A key of `DOWNLOADS`.
        directory: The data directory. It must be writable only where something is missing.

    Raises:
        RuntimeError: If the download failed or a file is damaged. A failed download leaves nothing behind.
        PermissionError: If something is missing and the directory is not writable.
    """
    if _missing(name, directory):
        _fetch(name, directory)
    download = DOWNLOADS[name]
    folder = directory / download.folder
    for file, (size, md5) in download.files.items():
        _check(folder / file, size, md5)
    try:
        train, test = _read_cifar10(folder) if name == "cifar10" else _read_mnist(folder)
    except ValueError as error:  # the shape in the header of an IDX file does not fit
        raise RuntimeError(f"the files in {folder} are damaged ({error}). {_REPLACE_IT}") from error
    if max(train.labels.max(), test.labels.max()) >= len(download.class_names):
        raise RuntimeError(f"the files in {folder} are damaged (a label is no class number). {_REPLACE_IT}")
    return Source(download.class_names, train, test=test)


_REPLACE_IT = "Delete it and load the data set again, which downloads it, or put a good copy there (data/README.md)."


def _missing(name: str, directory: Path) -> list[str]:
    download = DOWNLOADS[name]
    return [file for file in download.files if not (directory / download.folder / file).is_file()]


def _check(file: Path, size: int | None, md5: str | None) -> None:
    if size is not None and file.stat().st_size != size:
        raise RuntimeError(f"{file} is damaged: it has {file.stat().st_size:,} bytes, expected {size:,}. {_REPLACE_IT}")
    if md5 is not None:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != md5:
            raise RuntimeError(f"{file} is damaged: its md5 is {found}, expected {md5}. {_REPLACE_IT}")


def _fetch(name: str, directory: Path) -> None:
    """Download a data set next to its place and move it there when it is complete and checked."""
    require_writable(directory)
    download = DOWNLOADS[name]
    staging = directory / f".download-{name}"
    with _exclusive_lock(directory / f".download-{name}.lock"):
        if not _missing(name, directory):
            return
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
        try:
            _copy_local_archives(download, directory, staging)
            _download(name, staging)
            for file, (size, md5) in download.files.items():
                _check(staging / download.folder / file, size, md5)
            (directory / download.folder).mkdir(parents=True, exist_ok=True)
            for file in download.files:
                (staging / download.folder / file).replace(directory / download.folder / file)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _exclusive_lock(file: Path) -> Iterator[None]:
    """Let two lessons that start together wait for each other, so that the second one finds the files of the first.

    The lock file is removed at the end, while it is still locked: filelock (4 and later) then sees that the file it
    waited for is gone, and starts over with a new one. Windows refuses to remove an open file.
    """
    with FileLock(file):
        try:
            yield
        finally:
            with suppress(OSError):
                file.unlink()


def _copy_local_archives(download: Download, directory: Path, staging: Path) -> None:
    """Copy archives that the user put into the data directory to where torchvision looks for them."""
    target = staging / download.archive_folder
    target.mkdir(parents=True)
    for archive, md5 in download.archives.items():
        file = directory / download.archive_folder / archive
        if file.is_file():
            _check(file, None, md5)
            shutil.copyfile(file, target / archive)


def _download(name: str, staging: Path) -> None:
    from torchvision.datasets import MNIST, FashionMNIST
    from torchvision.datasets.utils import download_and_extract_archive

    download = DOWNLOADS[name]
    try:
        with _socket_timeout(TIMEOUT):
            if name == "cifar10":
                ((archive, md5),) = download.archives.items()
                download_and_extract_archive(CIFAR10_URL, staging, filename=archive, md5=md5)
            else:
                {"mnist": MNIST, "fashion_mnist": FashionMNIST}[name](staging, download=True)
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise RuntimeError(
            f"could not download {name}: {reason}. Unfinished files were removed. Try again when this machine is "
            "online, use the data set 'digits' or 'shapes', which need no download, or put "
            f"{', '.join(download.archives)} into {staging.parent / download.archive_folder} "
            "(data/README.md says where from)."
        ) from error


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Let connections without a time-out of their own fail after this long, as torchvision sets none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_mnist(folder: Path) -> tuple[Pictures, Pictures]:
    train, test = (
        Pictures(
            _read_idx(folder / f"{part}-images-idx3-ubyte")[..., None],
            _read_idx(folder / f"{part}-labels-idx1-ubyte").astype(np.int64),
        )
        for part in ("train", "t10k")
    )
    return train, test


def _read_idx(file: Path) -> np.ndarray:
    """Read the IDX format of MNIST: two zeros, a type, the number of axes, their lengths (big-endian), data."""
    content = np.fromfile(file, np.uint8)
    n_axes = int(content[3])
    shape = content[4 : 4 + 4 * n_axes].view(">u4").astype(int)
    return content[4 + 4 * n_axes :].reshape(shape)


def _read_cifar10(folder: Path) -> tuple[Pictures, Pictures]:
    """Read records of one label byte and 3,072 pixels: 1,024 red, 1,024 green, 1,024 blue, each row by row."""

    def read_batches(*files: str) -> Pictures:
        records = np.concatenate([np.fromfile(folder / file, np.uint8).reshape(-1, 3073) for file in files])
        return Pictures(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0].astype(np.int64))

    return read_batches(*(f"data_batch_{number}.bin" for number in range(1, 6))), read_batches("test_batch.bin")
