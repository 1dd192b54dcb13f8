"""One SQLite file and the one connection the index uses: how it is opened, read, written and shared between threads.

What must be on disk before Octo says so (an approval, a reserved path) is written here, so this connection runs with
synchronous=FULL: under WAL, NORMAL survives a killed process but can lose the last commits when the power goes.
The checkpointer's own connection runs NORMAL: both share one WAL, every commit here syncs what came before it, and so a
power cut can only take a tail of checkpoints, whose nodes then run again.

Deadlock to know about: the checkpointer holds the write lock from its INSERT until the event loop gives it the COMMIT.
A call here on the event loop's thread would wait for that lock while keeping the loop from releasing it. So, while a
checkpointer is open, calls come from worker threads (`asyncio.to_thread`); one on a loop's thread raises RuntimeError.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeVar

import msgspec

from octo_cli.errors import StorageError
from octo_cli.storage.faults import file_errors, storage_errors
from octo_cli.storage.schema import migrate, refuse_foreign

_T = TypeVar("_T")
Row = tuple[Any, ...]
Run = Callable[[str, tuple[Any, ...]], sqlite3.Cursor]

IN_MEMORY: Final = ":memory:"


class Database:
    """A connection that any thread may use, one at a time. Every error it raises is already a StorageError.

    `location` is what a second connection to the same data opens; `timeout` is how many seconds a writer is waited for.
    """

    def __init__(self, path: Path, location: str, *, timeout: float) -> None:
        self.path = path
        self.location = location
        self.timeout = timeout
        self._lock = RLock()
        self._checkpointers = 0
        with storage_errors(path):
            self._connection = _connected(path, location, timeout)

    def read(self, sql: str, *parameters: object) -> list[Row]:
        with self._taken():
            return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def write(self) -> Iterator[Run]:
        """A transaction that holds the write lock from its start: `with database.write() as run: run(sql, values)`.

        Inside another one of the same thread it is part of that one.
        """
        with self._taken():
            if self._connection.in_transaction:
                yield self._connection.execute
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def decode(self, text: str | bytes, kind: type[_T]) -> _T:
        """A JSON column as `kind`; a value that is no such thing means a damaged file."""
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError as exc:
            raise StorageError("storage_corrupt", path=str(self.path), detail=str(exc)) from exc

    def has_table(self, name: str) -> bool:
        return bool(self.read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name))

    @contextmanager
    def beside_checkpointer(self) -> Iterator[None]:
        """While this is open, calls from an event loop's thread are refused."""
        self._checkpointers += 1
        try:
            yield
        finally:
            self._checkpointers -= 1

    def close(self) -> None:
        with self._lock, storage_errors(self.path):
            self._connection.close()

    @contextmanager
    def _taken(self) -> Iterator[None]:
        if self._checkpointers and _on_event_loop():
            raise RuntimeError("storage is called on the event loop's thread: use asyncio.to_thread")
        with self._lock, storage_errors(self.path):
            yield


def open_database(path: Path, *, create: bool, timeout: float) -> Database:
    """The database at `path`, its schema current. A missing file is made; with `create=False` it reads as empty."""
    with file_errors(path):
        if not path.exists():
            if not create:
                return Database(path, IN_MEMORY, timeout=timeout)
            _make_file(path)
    with storage_errors(path):
        _look_before_touching(path, timeout)
    return Database(path, str(path), timeout=timeout)


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made here and not by SQLite, so that others cannot read it for an instant; -wal and -shm take its mode.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _look_before_touching(path: Path, timeout: float) -> None:
    """Refuse a newer file without folding into it the WAL of a killed process, as a writable connection would."""
    if not path.with_name(f"{path.name}-wal").exists():
        return
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=timeout)) as connection:
        refuse_foreign(connection, path)


def _connected(path: Path, location: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(location, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        refuse_foreign(connection, path)
        _use_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        # A deleted thread's words are overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch the file to WAL. SQLite does not wait for another process that is doing the same; so this does."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _on_event_loop() -> bool:
    import asyncio  # loaded already where a checkpointer is open

    return asyncio._get_running_loop() is not None
