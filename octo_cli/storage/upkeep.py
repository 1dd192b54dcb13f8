"""The database as a whole: what it holds, the room it takes, and what was noted about it. Moving it is elsewhere."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from octo_cli.errors import StorageError
from octo_cli.storage.database import Database
from octo_cli.storage.faults import file_errors
from octo_cli.storage.leases import held_threads
from octo_cli.storage.moments import stamp
from octo_cli.storage.schema import VERSION
from octo_cli.values.sizes import size

_LAST_BACKUP: Final = "last_backup"
# What writing takes beside the data itself.
_SPARE: Final = 1.1
_COUNTED: Final = {
    "questions": "octo_questions",
    "documents": "octo_documents",
    "audit_entries": "octo_audit",
    "messages": "octo_messages",
    "checkpoints": "checkpoints",
}


class Backup(Struct, frozen=True):
    at: str
    path: str


class DatabaseInfo(Struct, frozen=True):
    """`sizes` in bytes, `free` on the disk of a file; `threads` by status; times are RFC 3339."""

    name: str
    software: str
    schema: int
    encrypted: bool
    sizes: dict[str, int]
    free: int | None
    threads: dict[str, int]
    counts: dict[str, int]
    oldest: str | None
    newest: str | None
    last_backup: Backup | None


class Upkeep:
    _database: Database

    @property
    def database(self) -> Database:
        """For what moves whole databases."""
        return self._database

    def info(self) -> DatabaseInfo:
        read = self._database.read
        counted = {name: table for name, table in _COUNTED.items() if self._database.has_table(table)}
        ((oldest, newest),) = read("SELECT MIN(created_at), MAX(updated_at) FROM octo_threads")
        return DatabaseInfo(
            name=self._database.name,
            software=self._database.software(),
            schema=VERSION,
            encrypted=self._database.encrypts,
            sizes=self._database.sizes(),
            free=self._free(),
            threads=self._by_status(),
            counts={name: read(f"SELECT COUNT(*) FROM {table}")[0][0] for name, table in counted.items()},
            oldest=oldest,
            newest=newest,
            last_backup=self._last_backup(),
        )

    def note_backup(self, path: Path, *, now: datetime) -> None:
        """Keep in mind that the database was backed up to `path`."""
        with self._database.write(_LAST_BACKUP) as run:
            run("DELETE FROM octo_properties WHERE name = ?", (_LAST_BACKUP,))
            value = f"{stamp(now)} {path.absolute()}"
            run("INSERT INTO octo_properties (name, value) VALUES (?, ?)", (_LAST_BACKUP, value))

    def _by_status(self) -> dict[str, int]:
        found = self._database.read("SELECT status, COUNT(*) FROM octo_threads GROUP BY status ORDER BY status")
        counts = {str(status): int(count) for status, count in found}
        if stored := counts.pop("running", 0):
            # One whose owner died is shown as active, here as in lists.
            running = self._database.read("SELECT thread_id FROM octo_threads WHERE status = 'running'")
            alive = len(held_threads(self._database, self._database.now()) & {row[0] for row in running})
            counts |= {"running": alive, "active": counts.get("active", 0) + stored - alive}
        return counts

    def _free(self) -> int | None:
        path = Path(self._database.name)
        if self._database.dialect != "sqlite" or not path.parent.exists():
            return None
        return shutil.disk_usage(path.parent).free

    def _last_backup(self) -> Backup | None:
        rows = self._database.read("SELECT value FROM octo_properties WHERE name = ?", _LAST_BACKUP)
        at, _, path = rows[0][0].partition(" ") if rows else ("", "", "")
        return Backup(at, path) if at else None


def need_space(path: Path, needed: int) -> None:
    """Raise StorageError "no_space" unless the disk where `path` is to be has room for `needed` bytes and some."""
    with file_errors(path):
        free = shutil.disk_usage(next(place for place in path.absolute().parents if place.exists())).free
    if free < needed * _SPARE:
        raise StorageError("no_space", path=path.parent, needed=size(needed), free=size(free))
