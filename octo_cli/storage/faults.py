"""The databases' and the file system's errors as Octo's own: the one place where foreign storage errors are read.

SQLite's are read here; PostgreSQL's in `postgres.faults`, which only a process that uses a server loads.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from octo_cli.errors import StorageError

# Extended codes come first: they say more than the primary code they belong to.
_CODES: Final = {
    sqlite3.SQLITE_IOERR_SHMSIZE: "storage_full",
    sqlite3.SQLITE_IOERR_SHORT_READ: "storage_corrupt",
    sqlite3.SQLITE_READONLY_DBMOVED: "storage_unreachable",
    sqlite3.SQLITE_CORRUPT: "storage_corrupt",
    sqlite3.SQLITE_NOTADB: "storage_corrupt",
    sqlite3.SQLITE_FORMAT: "storage_corrupt",
    sqlite3.SQLITE_READONLY: "storage_read_only",
    sqlite3.SQLITE_FULL: "storage_full",
    sqlite3.SQLITE_BUSY: "storage_busy",
    sqlite3.SQLITE_LOCKED: "storage_busy",
    sqlite3.SQLITE_PROTOCOL: "storage_busy",
    sqlite3.SQLITE_CANTOPEN: "storage_unreachable",
    sqlite3.SQLITE_IOERR: "storage_unreachable",
    sqlite3.SQLITE_PERM: "storage_unreachable",
    sqlite3.SQLITE_AUTH: "storage_unreachable",
}
_ERRNOS: Final = {
    errno.EROFS: "storage_read_only",
    errno.ENOSPC: "storage_full",
    errno.EDQUOT: "storage_full",
}
_DAMAGE: Final = ("no such table", "no such column", "Could not decode to UTF-8")


@contextmanager
def storage_errors(name: str) -> Iterator[None]:
    """Raise a database's errors, LangGraph's savers' included, as `StorageError(code, path=name, detail=)`.

    `name` is the database as it is shown. An error that says nothing about the database (wrong SQL, a broken
    constraint) is a defect and passes unchanged.
    """
    try:
        yield
    except sqlite3.Error as exc:
        code = _code(exc, Path(name))
        if code is None:
            raise
        raise StorageError(code, path=name, detail=str(exc)) from exc
    except UnicodeDecodeError as exc:
        # A flipped byte inside a page that SQLite itself had no reason to doubt.
        raise StorageError("storage_corrupt", path=name, detail=str(exc)) from exc
    except Exception as exc:
        if not type(exc).__module__.startswith("psycopg"):
            raise
        from octo_cli.storage.postgres.faults import told

        if (error := told(exc, name)) is None:
            raise
        # The driver's own words may hold the address with its password.
        raise error from None


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise OSErrors met while the file and its folder are made as `StorageError(code, path=, detail=)`."""
    try:
        yield
    except OSError as exc:
        code = _ERRNOS.get(exc.errno or 0, "storage_unreachable")
        raise StorageError(code, path=str(path), detail=exc.strerror or str(exc)) from exc


def _code(exc: sqlite3.Error, path: Path) -> str | None:
    number = _number(exc)
    code = _CODES.get(number) or _CODES.get(number & 0xFF)
    # In a read-only folder SQLite cannot make the -shm file, and calls that "unable to open database file".
    if number & 0xFF == sqlite3.SQLITE_CANTOPEN and path.is_file() and not os.access(path.parent, os.W_OK):
        return "storage_read_only"
    if code is None and str(exc).startswith(_DAMAGE):
        return "storage_corrupt"
    return code


def _number(exc: sqlite3.Error) -> int:
    """SQLite's extended result code; 0 where Python itself raised."""
    number: int = getattr(exc, "sqlite_errorcode", 0)
    return number
