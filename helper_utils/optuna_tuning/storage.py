"""Where a study lies: a journal or a database, opened, locked and repaired."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

HEARTBEAT_SECONDS = 30

JOURNALS, SQLITE = (".log", ".journal"), (".db", ".sqlite", ".sqlite3")


class _JournalLock:
    """What Optuna asks of a journal's lock, from the operating system: it ends with the process that holds it.

    Optuna's own locks are files that a killed process leaves behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()

    def __reduce__(self) -> tuple:
        return _JournalLock, (self.path,)


def path_of(storage: str | Path | BaseStorage | None) -> Path | None:
    """Return the file of a storage that is a file."""
    if isinstance(storage, str) and storage.startswith("sqlite:///"):
        storage = storage.removeprefix("sqlite:///")
    elif isinstance(storage, str) and "://" in storage:
        return None
    return Path(storage).expanduser().resolve() if isinstance(storage, str | Path) else None


def open_storage(storage: str | Path | BaseStorage | None) -> BaseStorage:
    """Return the storage that is meant: an object, a database by its address, a journal or SQLite file, or memory."""
    if storage is None:
        return InMemoryStorage()
    if isinstance(storage, BaseStorage):
        return storage
    path = path_of(storage)
    if path is None:
        return RDBStorage(str(storage), heartbeat_interval=HEARTBEAT_SECONDS, grace_period=3 * HEARTBEAT_SECONDS)
    if path.suffix in JOURNALS:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_JournalLock(path)))  # pyright: ignore[reportArgumentType]
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})


@contextlib.contextmanager
def exclusive_lock(path: Path, study_name: str) -> Iterator[None]:
    """Make sure that nobody else runs this study in this file as long as this process lives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.{quote(study_name, safe='')}.running", timeout=0):
            if path.suffix in JOURNALS and path.exists():
                _drop_unfinished_line(path)
            yield
    except Timeout:
        raise RuntimeError(
            f"another process runs the study {study_name!r} in {path}: wait for it, or use n_workers there, "
            "or give this one another study_name"
        ) from None


def _drop_unfinished_line(path: Path) -> None:
    """Cut off what a process that was killed had begun to write: a journal cannot be read past it."""
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
