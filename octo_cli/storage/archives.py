"""Backups: a database as one SQLite file of Octo's, made while others work, and put back whole or not at all.

An archive carries a checksum over all its rows, is written beside its place, verified, and only then takes it. Leases
stay out of it. What is restored goes through a copy in the data folder: the archive itself is never written to.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

from msgspec import Struct

from octo_cli.errors import StorageError, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, moving, open_storage
from octo_cli.storage.database import Database
from octo_cli.storage.faults import file_errors, storage_errors
from octo_cli.storage.schema import refuse_newer
from octo_cli.storage.sqlite import SqliteDatabase, schema_version
from octo_cli.storage.upkeep import need_space

_CHECKSUM: Final = "archive_checksum"


class Archive(Struct, frozen=True):
    """`checksum` is the file's own, SHA-256 as `sha256sum` computes it.

    `broken_chains` are threads whose audit log was changed: here as in the database it was made of. `damaged` are
    threads and facts that were left out.
    """

    path: str
    bytes: int
    threads: int
    checksum: str
    broken_chains: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class Restored(Struct, frozen=True):
    """`checksum` is that of the archive's file; `kept` is where what was there before lies now.

    `damaged` are threads and facts that were left out.
    """

    threads: int
    checksum: str
    kept: str | None
    broken_chains: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def back_up(
    storage: Storage, settings: DatabaseSettings, file: Path, *, replace: bool = False, skip_damaged: bool = False
) -> Archive:
    """Write the whole database to `file`, mode 0600. A file's pages go as they are, damaged ones included.

    Raises UsageError "backup_exists" unless it may be replaced, "same_database"; StorageError "no_space" before
    anything is written, "copy_damaged" for a server's database that is not to be had whole.
    """
    database = storage.database
    damaged: tuple[str, ...] = ()
    if _is_the_file_of(settings, file):
        raise UsageError("same_database", path=file)
    if file.exists() and not replace:
        raise UsageError("backup_exists", path=file)
    need_space(file, database.sizes()["total"])
    with file_errors(file), tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as beside:
        part = Path(beside) / file.name
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with storage_errors(str(file)):
            if isinstance(database, SqliteDatabase):
                _copy_pages(database, part)
            encrypt = database.sealed.encrypts
            with open_storage(settings._replace(postgres=None, sqlite=part, encrypt=encrypt)) as archive:
                if database.dialect != "sqlite":
                    copied = moving.copy(database, archive.database, None, running=True, skip_damaged=skip_damaged)
                    damaged = copied.damaged
                threads, broken = _chains(archive)
            _sum_up(part)
        summed = _file_checksum(part)
        part.replace(file)
    return Archive(str(file), file.stat().st_size, threads, summed, broken, damaged)


def restore(file: Path, settings: DatabaseSettings, *, replace: bool = False, skip_damaged: bool = False) -> Restored:
    """Put what an archive holds into the database, in one transaction, read back before it counts.

    What a file held before is kept beside it, where `replace` allows that; a server's database has to be empty.
    Raises UsageError "restore_not_empty" or "restore_server_not_empty", ThreadBusy, StorageError "not_an_archive",
    "archive_changed", "archive_damaged", "copy_damaged", "storage_too_new" or "no_space".
    """
    if _is_the_file_of(settings, file):
        raise UsageError("same_database", path=file)
    # The archive first: a key that does not fit it must not become that of a new database.
    with _opened(file, settings) as archive, open_storage(settings) as storage:
        database, summed = storage.database, _file_checksum(file)
        need_space(settings.sqlite, archive.database.sizes()["total"] if database.dialect == "sqlite" else 0)
        there = _ids(database)
        moving.refuse_running(database, there)
        kept = _set_aside(storage, settings, len(there), replace=replace) if there else None
        database.make_checkpoint_tables()
        archive.database.make_checkpoint_tables()
        damaged, sums = moving.Damaged(archive.database), {}
        facts = moving.read_facts(archive.database, damaged)
        if facts:
            database.in_store(lambda _: None)
        with archive.database.snapshot(), database.write() as run:
            if there:
                storage.delete(there)
            moving.remove_facts(database, run)
            for one in _ids(archive.database):
                with damaged.noted(one):
                    sums[one] = moving.transfer(archive.database, database, run, one)
            if not skip_damaged:
                damaged.refuse(file)
            # What had arrived of them by then.
            storage.delete([one for one in damaged if one not in sums])
            moving.put_facts(database, run, facts)
        broken = _chains(storage)[1]
    return Restored(len(sums), summed, str(kept) if kept else None, broken, tuple(damaged))


def _is_the_file_of(settings: DatabaseSettings, file: Path) -> bool:
    both = not settings.postgres and settings.sqlite.exists() and file.exists()
    return both and file.samefile(settings.sqlite)


def _ids(database: Database) -> list[str]:
    """As they were touched."""
    return [str(row[0]) for row in database.read("SELECT thread_id FROM octo_threads ORDER BY recency, thread_id")]


def _copy_pages(database: SqliteDatabase, part: Path) -> None:
    # In one go: under WAL nobody waits for it, and what others write meanwhile does not start it anew.
    source = sqlite3.connect(database.location, timeout=database.timeout)
    with closing(source), closing(sqlite3.connect(part)) as archive:
        source.backup(archive)


def _chains(archive: Storage) -> tuple[int, tuple[str, ...]]:
    """How many threads there are, and those whose audit chain does not hold."""
    ids = _ids(archive.database)
    return len(ids), tuple(one for one in ids if archive.verify_audit(one) is not None)


def _file_checksum(file: Path) -> str:
    with file.open("rb") as archive:
        return f"sha256:{file_digest(archive, 'sha256').hexdigest()}"


def _sum_up(part: Path) -> None:
    """Close an archive: one file, without leases, checked, its checksum in it."""
    with closing(sqlite3.connect(part)) as archive:
        archive.execute("DELETE FROM octo_leases")
        summed = _checksum(archive)
        archive.execute("DELETE FROM octo_properties WHERE name = ?", (_CHECKSUM,))
        archive.execute("INSERT INTO octo_properties (name, value) VALUES (?, ?)", (_CHECKSUM, summed))
        archive.commit()
        archive.execute("PRAGMA journal_mode = DELETE")
        _refuse_unsound(archive, part)


@contextmanager
def _opened(file: Path, settings: DatabaseSettings) -> Iterator[Storage]:
    """A verified copy of an archive, brought up to date; the archive stays as it is."""
    with file_errors(file):
        size = file.stat().st_size
    need_space(settings.sqlite, size)
    with file_errors(settings.sqlite):
        settings.sqlite.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = tempfile.TemporaryDirectory(prefix=".octo-restore.", dir=settings.sqlite.parent)
    with private as folder:
        copy = Path(folder) / "octo.db"
        with file_errors(file):
            shutil.copyfile(file, copy)
        try:
            with storage_errors(str(copy)), closing(sqlite3.connect(copy)) as archive:
                _refuse_unfit(archive, file)
            with open_storage(settings._replace(postgres=None, sqlite=copy, encrypt=False)) as storage:
                yield storage
        except StorageError as error:
            if error.values.get("path") not in (file, str(copy)):
                raise
            code = "archive_damaged" if error.code == "storage_corrupt" else error.code
            raise StorageError(code, **{**error.values, "path": file}) from error


def _refuse_unfit(archive: sqlite3.Connection, file: Path) -> None:
    found = schema_version(archive)
    if not found:
        raise StorageError("not_an_archive", path=file)
    refuse_newer(found, str(file))
    _refuse_unsound(archive, file)
    # A database file of any age will do as well; only an archive knows what it held.
    if _has_properties(archive):
        noted = archive.execute("SELECT value FROM octo_properties WHERE name = ?", (_CHECKSUM,)).fetchone()
        if noted and noted[0] != _checksum(archive):
            raise StorageError("archive_changed", path=file)


def _refuse_unsound(archive: sqlite3.Connection, file: Path) -> None:
    (verdict,) = archive.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise StorageError("storage_corrupt", path=file, detail=verdict)


def _has_properties(archive: sqlite3.Connection) -> bool:
    return bool(archive.execute("SELECT 1 FROM sqlite_master WHERE name = 'octo_properties'").fetchone())


def _checksum(archive: sqlite3.Connection) -> str:
    """SHA-256 over every row of every table, as it is stored, but for the checksum itself."""
    total = sha256()
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    for (table,) in archive.execute(tables).fetchall():
        # In the order of the table and not of an index that another SQLite would not have taken.
        but = f" WHERE name <> '{_CHECKSUM}'" if table == "octo_properties" else ""
        for row in archive.execute(f'SELECT * FROM "{table}" NOT INDEXED{but}'):
            for value in (table, *row):
                data = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
                total.update(b"%d:" % len(data))
                total.update(data)
    return f"sha256:{total.hexdigest()}"


def _set_aside(storage: Storage, settings: DatabaseSettings, count: int, *, replace: bool) -> Path:
    """A backup of what is there, beside it, before something else takes its place."""
    if not isinstance(storage.database, SqliteDatabase):
        raise UsageError("restore_server_not_empty", path=storage.name, count=count)
    if not replace:
        raise UsageError("restore_not_empty", path=storage.name, count=count)
    at = storage.database.now().strftime("%Y%m%dT%H%M%S%f")
    kept = settings.sqlite.with_name(f"{settings.sqlite.name}.before-{at}")
    back_up(storage, settings, kept)
    return kept
