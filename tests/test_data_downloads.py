"""The downloaded data sets, on small files of the same form from a server on this machine."""

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from helper_utils.data import available_downloads, downloads, load_dataset

N_TRAIN, N_TEST = 100, 20


class Server:
    """Serves `files` by name; `cut` halves what it sends."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.cut = False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/")
                server.requests.append(name)
                content = server.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if server.cut else content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def pictures(n: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 10


def mnist_files() -> dict[str, bytes]:
    files = {}
    for part, n in (("train", N_TRAIN), ("t10k", N_TEST)):
        images, labels = pictures(n, 28, 28)
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(labels)
    return files


def cifar10_files() -> dict[str, bytes]:
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    images, labels = pictures(N_TEST, 3072)
    return dict.fromkeys(names, np.column_stack([labels, images]).tobytes())


def tar_gz(folder: str, files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with small stand-ins, whose sizes and checksums are the expected ones."""
    from torchvision import datasets

    server = Server()
    for name, dataset in (("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)):
        archives = {f"{file}.gz": gzip.compress(content, mtime=0) for file, content in mnist_files().items()}
        server.files.update(archives)
        _expect(monkeypatch, name, mnist_files(), archives)
        monkeypatch.setattr(dataset, "mirrors", [server.url])
        monkeypatch.setattr(dataset, "resources", [(file, md5(content)) for file, content in archives.items()])
    archive = {"cifar-10-binary.tar.gz": tar_gz("cifar-10-batches-bin", cifar10_files())}
    server.files.update(archive)
    _expect(monkeypatch, "cifar10", cifar10_files(), archive)
    monkeypatch.setattr(downloads, "CIFAR10_URL", f"{server.url}cifar-10-binary.tar.gz")
    yield server
    server.close()


def _expect(monkeypatch: pytest.MonkeyPatch, name: str, files: dict[str, bytes], archives: dict[str, bytes]) -> None:
    real = downloads.DOWNLOADS[name]
    assert files.keys() == real.files.keys()
    assert archives.keys() == real.archives.keys()
    stand_in = downloads.Download(
        real.class_names,
        real.folder,
        {file: (len(content), md5(content)) for file, content in files.items()},
        real.archive_folder,
        {file: md5(content) for file, content in archives.items()},
    )
    monkeypatch.setitem(downloads.DOWNLOADS, name, stand_in)


def everything_in(directory: Path) -> set[str]:
    return {file.relative_to(directory).as_posix() for file in directory.rglob("*")}


NAMES = pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])


@NAMES
def test_downloads_once_and_leaves_only_the_files(server: Server, tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / "my data"
    first = load_dataset(name, data_dir=data_dir)
    download = downloads.DOWNLOADS[name]
    folders = {Path(download.folder).as_posix(), *(parent.as_posix() for parent in Path(download.folder).parents)}
    assert everything_in(data_dir) == (folders - {"."}) | {f"{download.folder}/{file}" for file in download.files}
    n_requests = len(server.requests)
    again = load_dataset(name, data_dir=data_dir)
    assert len(server.requests) == n_requests
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert available_downloads(data_dir) == (name,)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_is_read_as_written(tmp_path: Path, name: str) -> None:
    data = load_dataset(name, data_dir=tmp_path)
    assert data.image_shape == (1, 28, 28)
    assert [len(part.targets) for part in (data.train, data.val, data.test)] == [80, 20, 20]
    images, labels = pictures(N_TEST, 28, 28)
    assert data.test.targets.tolist() == labels.tolist()
    assert torch.equal((255 * data.to_pictures(data.test.inputs)[..., 0]).round(), torch.from_numpy(images).float())


@pytest.mark.usefixtures("server")
def test_cifar10_is_read_as_written(tmp_path: Path) -> None:
    data = load_dataset("cifar10", data_dir=tmp_path)
    assert data.image_shape == (3, 32, 32)
    assert [len(part.targets) for part in (data.train, data.val, data.test)] == [80, 20, 20]
    records, labels = pictures(N_TEST, 3072)
    assert data.test.targets.tolist() == labels.tolist()
    planes = torch.from_numpy(records).view(-1, 3, 32, 32)
    assert torch.equal((255 * data.to_pictures(data.test.inputs)).round().movedim(-1, 1), planes.float())
    assert data.class_names[labels[3]] == "cat"


def cut_off(server: Server) -> None:
    server.cut = True


def wrong_bytes(server: Server) -> None:
    server.files = {name: content[:-1] + b"?" for name, content in server.files.items()}


@pytest.mark.parametrize("spoil", [cut_off, wrong_bytes])
@NAMES
def test_a_failed_download_leaves_nothing_and_the_next_one_starts_clean(
    server: Server, tmp_path: Path, name: str, spoil: Callable[[Server], None]
) -> None:
    files = dict(server.files)
    spoil(server)
    with pytest.raises(RuntimeError, match=rf"could not download {name}: .*'digits' or 'shapes'.*data/README\.md"):
        load_dataset(name, data_dir=tmp_path)
    assert everything_in(tmp_path) == set()
    server.files, server.cut = files, False
    assert len(load_dataset(name, data_dir=tmp_path).train.targets) == 80


@pytest.mark.usefixtures("server")
def test_what_a_killed_download_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".download-mnist" / "MNIST" / "raw" / "train-images-idx3-ubyte"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    load_dataset("mnist", data_dir=tmp_path)
    assert not (tmp_path / ".download-mnist").exists()


@NAMES
def test_no_network(server: Server, tmp_path: Path, name: str) -> None:
    server.close()
    archive = list(downloads.DOWNLOADS[name].archives)[-1]
    with pytest.raises(
        RuntimeError, match=rf"could not download {name}: .*refused.*need no download, or put .*{archive} into"
    ):
        load_dataset(name, data_dir=tmp_path)
    assert everything_in(tmp_path) == set()


@NAMES
def test_archives_brought_by_hand_need_no_network(server: Server, tmp_path: Path, name: str) -> None:
    folder = tmp_path / downloads.DOWNLOADS[name].archive_folder
    folder.mkdir(parents=True, exist_ok=True)
    for archive in downloads.DOWNLOADS[name].archives:
        (folder / archive).write_bytes(server.files[archive])
    assert len(load_dataset(name, data_dir=tmp_path).train.targets) == 80
    assert server.requests == []


def test_a_damaged_archive_brought_by_hand(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"half of it")
    with pytest.raises(RuntimeError, match=r"cifar-10-binary\.tar\.gz is damaged: its md5 is .* expected .*Delete it"):
        load_dataset("cifar10", data_dir=tmp_path)
    assert server.requests == []


@pytest.mark.usefixtures("server")
@NAMES
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    load_dataset(name, data_dir=tmp_path)
    folder = tmp_path / downloads.DOWNLOADS[name].folder
    file = folder / list(downloads.DOWNLOADS[name].files)[-1]
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(RuntimeError, match=rf"{file.name} is damaged: it has .* bytes, expected .*Delete it"):
        load_dataset(name, data_dir=tmp_path)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(RuntimeError, match=rf"{file.name} is damaged: its md5 is"):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.usefixtures("server")
@NAMES
def test_damage_that_only_the_content_shows(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without a known md5: a label that is no class number, a header that does not fit."""
    load_dataset(name, data_dir=tmp_path)
    folder = tmp_path / downloads.DOWNLOADS[name].folder
    monkeypatch.setattr(downloads, "_check", lambda *_: None)
    label_file, place = ("test_batch.bin", 0) if name == "cifar10" else ("t10k-labels-idx1-ubyte", 8)
    content = bytearray((folder / label_file).read_bytes())
    content[place] = 77
    (folder / label_file).write_bytes(content)
    with pytest.raises(RuntimeError, match="a label is no class number"):
        load_dataset(name, data_dir=tmp_path)
    (folder / label_file).write_bytes(content + b"?")
    with pytest.raises(RuntimeError, match=r"files in .* are damaged"):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.usefixtures("server")
def test_files_that_are_there_need_no_write_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_dataset("mnist", data_dir=tmp_path)
    monkeypatch.setattr(downloads, "require_writable", lambda _: pytest.fail("asked for write permission"))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    load_dataset("mnist", data_dir=tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_a_data_directory_that_is_not_writable(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermissionError, match=r"data directory .* is not writable"):
        load_dataset("mnist", data_dir=tmp_path / "file")
    assert server.requests == []


def start_together(n: int, target: Callable[[], object]) -> None:
    threads = [threading.Thread(target=target) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_several_at_once_download_once(server: Server, tmp_path: Path) -> None:
    start_together(3, lambda: load_dataset("cifar10", data_dir=tmp_path))
    assert available_downloads(tmp_path) == ("cifar10",)
    assert len(set(server.requests)) == 1
    assert len(server.requests) <= 2  # torchvision asks for each address twice: redirects first, then the file
    assert not list(tmp_path.glob(".*"))


def test_one_at_a_time_although_the_lock_file_is_removed(tmp_path: Path) -> None:
    lock_file = tmp_path / ".lock"
    n_inside, most_inside = [], []

    def enter_often() -> None:
        for _ in range(5):
            with downloads._exclusive_lock(lock_file):
                n_inside.append(1)
                most_inside.append(len(n_inside))
                time.sleep(0.001)
                n_inside.pop()

    start_together(4, enter_often)
    assert most_inside == [1] * 20
    assert not lock_file.exists()


@pytest.mark.usefixtures("server")
def test_files_that_are_cut_off_are_not_available(tmp_path: Path) -> None:
    load_dataset("mnist", data_dir=tmp_path)
    assert available_downloads(tmp_path) == ("mnist",)
    file = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    assert available_downloads(tmp_path) == ()


def test_checksums_are_those_of_torchvision() -> None:
    from torchvision import datasets

    assert downloads.DOWNLOADS["mnist"].archives == dict(datasets.MNIST.resources)
    assert downloads.DOWNLOADS["fashion_mnist"].archives == dict(datasets.FashionMNIST.resources)
    assert downloads.DOWNLOADS["fashion_mnist"].class_names == tuple(datasets.FashionMNIST.classes)


def test_the_cards_name_every_file_and_checksum() -> None:
    cards = (Path(__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")
    for download in downloads.DOWNLOADS.values():
        for archive, checksum in download.archives.items():
            assert archive in cards
            assert checksum in cards
