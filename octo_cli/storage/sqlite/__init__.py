"""A file as the database: how it is opened, read, written and shared between threads and processes.

What must be on disk before Octo says so (an approval, a reserved path) is written here, so this connection runs with
synchronous=FULL: under WAL, NORMAL survives a killed process but can lose the last commits when the power goes.
The checkpointer's own connection runs NORMAL: both share one WAL, every commit here syncs what came before it, and so a
power cut can only take a tail of checkpoints, whose nodes then run again.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from octo_cli.errors import StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage.database import Database, Row, Run, TextIndex
from octo_cli.storage.faults import file_errors, storage_errors
from octo_cli.storage.moments import wall_clock
from octo_cli.storage.schema import LANGGRAPH_TABLES, VERSION, bring_up_to_date, refuse_newer

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore
    from langgraph.store.sqlite import SqliteStore

    from octo_cli.storage.sqlite.saver import WholeWritesSaver

_T = TypeVar("_T")
IN_MEMORY: Final = ":memory:"


class SqliteDatabase(Database):
    """`location` is what a second connection opens; `timeout` is how many seconds another writer is waited for."""

    dialect = "sqlite"
    checkpoint_tables = MappingProxyType(
        {
            "checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
            "writes": "checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value",
        }
    )
    checkpoint_values = MappingProxyType({"checkpoints": "checkpoint", "writes": "value"})
    text_index = TextIndex(
        put="INSERT INTO octo_grams (rowid, grams) SELECT id, ? FROM octo_texts"
        " WHERE thread_id = ? AND kind = ? AND ref = ?",
        take="INSERT INTO octo_grams (octo_grams, rowid, grams) SELECT 'delete', id, ? FROM octo_texts"
        " WHERE thread_id = ? AND kind = ? AND ref = ?",
        # Until its parts are merged, FTS5 only notes that a word is gone.
        tidy="INSERT INTO octo_grams (octo_grams) VALUES ('optimize')",
        wipe="INSERT INTO octo_grams (octo_grams) VALUES ('delete-all')",
        candidates="SELECT id, thread_id, kind, ref FROM octo_grams CROSS JOIN octo_texts ON id = octo_grams.rowid"
        " WHERE octo_grams MATCH ? AND octo_grams.rowid < ? ORDER BY octo_grams.rowid DESC LIMIT ?",
        word='"{}"',
        beginning='"{}"*',
        both=" AND ",
        either=" OR ",
    )

    def __init__(self, path: Path, location: str, *, timeout: float) -> None:
        super().__init__(str(path))
        self.path = path
        self.location = location
        self.timeout = timeout
        with storage_errors(self.name):
            self._connection, self.found = _connected(path, location, timeout)

    def read(self, sql: str, *parameters: object) -> list[Row]:
        with self._taken():
            return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def write(self, *keys: str) -> Iterator[Run]:
        # A file has one writer at a time, whatever the key.
        with self._taken():
            if self._connection.in_transaction:
                self._enter(self._connection.execute, keys)
                yield self._connection.execute
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._entered.clear()
                self._enter(self._connection.execute, keys)
                yield self._connection.execute
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._taken():
            self._connection.execute("BEGIN")
            try:
                # The moment is that of the first look.
                self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
                yield
            finally:
                self._connection.rollback()

    def stream(self, sql: str, *parameters: object) -> Iterator[Row]:
        with storage_errors(self.name):
            yield from self._connection.execute(sql, parameters)

    def has_table(self, name: str) -> bool:
        return bool(self.read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name))

    def columns(self, table: str) -> tuple[str, ...]:
        return tuple(sorted(row[0] for row in self.read("SELECT name FROM pragma_table_info(?)", table)))

    def same_as(self, other: Database) -> bool:
        return isinstance(other, SqliteDatabase) and _is_one_file(self.path, other.path)

    def software(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def sizes(self) -> dict[str, int]:
        files = {"file": self.path, "wal": self.path.with_name(f"{self.path.name}-wal")}
        with file_errors(self.path):
            found = {name: path.stat().st_size if path.exists() else 0 for name, path in files.items()}
        return {"total": sum(found.values()), **found}

    def now(self) -> datetime:
        return wall_clock()

    def shrink(self) -> bool:
        with self._taken():
            # A vacuum writes the file anew, into the log first.
            needed = 2 * self.sizes()["total"]
            if self.path.exists() and shutil.disk_usage(self.path.parent).free < needed:
                return False
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True

    def check(self) -> None:
        ((verdict,), *_) = self.read("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StorageError("storage_corrupt", path=self.name, detail=str(verdict))
        with self.write():
            pass

    def make_checkpoint_tables(self) -> None:
        from langgraph.checkpoint.sqlite import SqliteSaver

        if self.location == IN_MEMORY:
            # A second connection would see a database of its own.
            with self._taken():
                SqliteSaver(self._connection).setup()
            return
        with storage_errors(self.name), closing(sqlite3.connect(self.location, timeout=self.timeout)) as connection:
            SqliteSaver(connection).setup()

    def open_saver(self) -> AbstractAsyncContextManager["WholeWritesSaver"]:
        from octo_cli.storage.sqlite.saver import open_saver

        return open_saver(self)

    def in_store(self, do: Callable[["BaseStore"], _T]) -> _T:
        with storage_errors(self.name):
            return _in_store(self.location, self.timeout, do)

    def wipe(self) -> None:
        # Pages were overwritten in the file, but the log still has them as they were. Readers may keep it.
        with self._taken():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size_of(self, column: str) -> str:
        return f"LENGTH(CAST({column} AS BLOB))"

    def drop_unnamed(self, run: Run, thread_id: str) -> None:
        """Nothing: a checkpoint's values lie in its row."""

    def close(self) -> None:
        with self._lock, storage_errors(self.name):
            self._connection.close()


def open_file(settings: DatabaseSettings, *, create: bool) -> SqliteDatabase:
    """The database file, its schema current. A missing one is made; with `create=False` it reads as empty."""
    path, timeout = settings.sqlite, settings.statement_timeout
    need_folder(settings)
    with file_errors(path):
        if not path.exists():
            if not create:
                return SqliteDatabase(path, IN_MEMORY, timeout=timeout)
            _make_file(path)
        elif not path.stat().st_size:
            # Somebody else made it, for whom nothing in it was secret yet.
            with suppress(PermissionError):
                path.chmod(0o600)
    with storage_errors(str(path)):
        _look_before_touching(path, timeout)
    return SqliteDatabase(path, str(path), timeout=timeout)


def need_folder(settings: DatabaseSettings) -> None:
    """Raise StorageError "storage_folder_missing" for a named file without its folder: a mount may be missing."""
    folder = settings.sqlite.parent
    if settings.given and not folder.exists():
        raise StorageError("storage_folder_missing", path=str(settings.sqlite), folder=str(folder))


def _in_store(location: str, timeout: float, do: Callable[["BaseStore"], _T]) -> _T:
    from langgraph.store.sqlite import SqliteStore

    connection = sqlite3.connect(location, timeout=timeout, isolation_level=None, check_same_thread=False)
    with closing(connection):
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        store = SqliteStore(connection)
        _set_up(store, timeout)
        return do(store)


def _set_up(store: "SqliteStore", timeout: float) -> None:
    """Make its tables. Two processes that do so at once get into each other's way; then one of them is done."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            store.setup()
            return
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _is_one_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


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
        _refuse_foreign(connection, path)


def _connected(path: Path, location: str, timeout: float) -> tuple[sqlite3.Connection, int]:
    """A connection to a current file, and the version that was found there."""
    connection = sqlite3.connect(location, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _refuse_foreign(connection, path)
        _use_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        # A deleted thread's words are overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        found = schema_version(connection)
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection, found


def schema_version(connection: sqlite3.Connection) -> int:
    """The file's version; 0 for a file Octo has not written to."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'octo_schema'").fetchone():
        return 0
    row = connection.execute("SELECT version FROM octo_schema").fetchone()
    if row and not isinstance(row[0], int):
        (_, _, path), *_ = connection.execute("PRAGMA database_list")
        raise StorageError("storage_corrupt", path=path, detail=f"octo_schema.version: {row[0]!r}")
    return int(row[0]) if row else 0


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StorageError: "storage_too_new" for a later Octo's file, "storage_corrupt" for another program's."""
    # The tables first: between two looks another process may make its own, and they would pass for a stranger's.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = schema_version(connection) if "octo_schema" in tables else 0
    if not found and tables - LANGGRAPH_TABLES:
        raise StorageError("storage_corrupt", path=str(path), detail="another program's tables")
    refuse_newer(found, str(path))


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION` in one transaction; of several processes at once, one does the work."""
    if schema_version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Statement by statement: `executescript` would commit first and leave a half-made schema after a crash.
        bring_up_to_date(connection.execute, schema_version(connection), "sqlite")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


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
