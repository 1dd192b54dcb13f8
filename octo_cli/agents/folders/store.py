"""The index file: one SQLite database, made anew whenever it cannot be trusted. Knows no query and no folder.

All of it can be made again from the folders, so nothing here is worth an error as long as those can be read.
"""

import os
import sqlite3
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_PATIENCE: Final = 30.0  # seconds to wait for another process that is indexing

# `reason` is "" for a file with text; `text` is kept only where it takes a parser to read it again. `passages` are
# what meaning is compared by, each with the line it begins on; a vector belongs to a text and a model, not to a file.
_SCHEMA: Final = """
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,
    digest BLOB NOT NULL, reason TEXT NOT NULL, text TEXT
);
CREATE VIRTUAL TABLE pages USING fts5 (name, headings, body, parts, tokenize = 'ascii');
CREATE TABLE folders (path BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE passages (
    file INTEGER NOT NULL, number INTEGER NOT NULL, line INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (file, number)
);
CREATE INDEX passages_by_digest ON passages (digest);
CREATE TABLE vectors (digest BLOB NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (digest, model));
"""
_TABLES: Final = ("pages", "files", "folders", "passages", "vectors")
# Tokens depend on Unicode's tables as much as on the code; raise the number when either schema or tokens change.
_VERSION: Final = zlib.crc32(f"2 {unicodedata.unidata_version}".encode()) & 0x7FFFFFFF


def with_index(file: Path, work: Work[T]) -> T:
    """What `work` makes of the index in `file`, or of one in memory where the file cannot be used."""
    try:
        return _with_file(file, work)
    except (sqlite3.Error, OSError):
        # Read-only or full disk, no home, no end of waiting: slower, but an answer all the same.
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.executescript(_SCHEMA)
            return work(connection)


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself when the disk is full.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _with_file(file: Path, work: Work[T]) -> T:
    _make_file(file)
    seen = _identity(file)
    try:
        return _with_database(file, work)
    except sqlite3.DatabaseError as exc:
        if not _is_damage(exc):
            raise
        _discard(file, seen)
    return _with_database(file, work)


def _with_database(file: Path, work: Work[T]) -> T:
    with closing(sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)) as connection:
        _make_current(connection)
        return work(connection)


def _make_file(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made here and not by SQLite, so that others can never read it; its -wal and -shm take over the mode.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _make_current(connection: sqlite3.Connection) -> None:
    """Give the database this version's tables; those of any other version are dropped, since all can be made again."""
    connection.execute("PRAGMA synchronous = NORMAL")
    # A deleted note's words are overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    if _version(connection) != _VERSION:
        _make_tables(connection)
    # SQLite does not wait here for another process; whoever comes next tries again.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _make_tables(connection: sqlite3.Connection) -> None:
    with transaction(connection, "IMMEDIATE"):
        if _version(connection) == _VERSION:  # Another process was faster.
            return
        for table in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _discard(file: Path, seen: "_Identity") -> None:
    """Replace a damaged index by an empty one, unless another process has done so since it was `seen`."""
    # SQLite's locks work on every system and die with their owner.
    with closing(sqlite3.connect(f"{file}.lock", timeout=_PATIENCE, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if _identity(file) != seen:
            return
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        _make_file(file)


class _Identity(NamedTuple):
    inode: int
    size: int
    mtime: int


def _identity(file: Path) -> _Identity:
    status = file.stat()
    return _Identity(status.st_ino, status.st_size, status.st_mtime_ns)


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    code: int = getattr(exc, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
