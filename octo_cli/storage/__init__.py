"""Memory: threads, open questions, audit, documents, leases and checkpoints, in one database. No graphs, no screens.

The index (everything but the checkpointer) is synchronous and imports neither asyncio nor LangGraph, so that lists are
quick. Its methods may be called from any thread; `database` says when they must not be called on an event loop's.
"""

from pathlib import Path
from types import TracebackType

from octo_cli.errors import StorageError
from octo_cli.storage.audit import Audit, AuditEntry, AuditRow
from octo_cli.storage.checkpoints import CheckpointRow, Checkpoints
from octo_cli.storage.database import Database, open_database
from octo_cli.storage.faults import storage_errors
from octo_cli.storage.leases import TTL, Holder, Lease, Leases
from octo_cli.storage.papers import DocumentDraft, DocumentRecord, Papers
from octo_cli.storage.questions import Questions
from octo_cli.storage.threads import ThreadDetails, Threads

__all__ = [
    "TTL",
    "AuditEntry",
    "AuditRow",
    "CheckpointRow",
    "DocumentDraft",
    "DocumentRecord",
    "Holder",
    "Lease",
    "Storage",
    "ThreadDetails",
    "open_storage",
    "storage_errors",
]


class Storage(Threads, Questions, Audit, Papers, Leases, Checkpoints):
    """One open database. A context manager; every error that is the database's is a StorageError with its path."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def path(self) -> Path:
        return self._database.path

    def check(self) -> None:
        """Look at every page and take the write lock once. Raises StorageError when the database is not sound."""
        ((verdict,), *_) = self._database.read("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StorageError("storage_corrupt", path=str(self.path), detail=str(verdict))
        with self._database.write():
            pass

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "Storage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_storage(path: Path, *, create: bool = True, timeout: float = 30) -> Storage:
    """Open the database file at `path`, bringing an older one up to date.

    A missing file is made with mode 0600, its folder with 0700; with `create=False` it stands for an empty store and is
    not made. `timeout` is how many seconds another process's write is waited for.
    Raises StorageError: storage_corrupt, storage_read_only, storage_full, storage_busy, storage_unreachable,
    storage_too_new, each with `path`.
    """
    return Storage(open_database(path, create=create, timeout=timeout))
