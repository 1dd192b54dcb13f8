"""Memory: threads, open questions, audit, documents, leases and checkpoints, in one database. No graphs, no screens.

The index (everything but the checkpointer) is synchronous and imports neither asyncio nor LangGraph, so that lists are
quick. Its methods may be called from any thread; `database` says when they must not be called on an event loop's.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType

from octo_cli.errors import StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage.audit import Audit, AuditEntry, AuditRow
from octo_cli.storage.checkpoints import CheckpointRow, Checkpoints
from octo_cli.storage.database import Database
from octo_cli.storage.examination import faults
from octo_cli.storage.faults import storage_errors
from octo_cli.storage.keys import need_key, seal_of
from octo_cli.storage.leases import TTL, Holder, Lease, Leases
from octo_cli.storage.memory import Earlier, Memories
from octo_cli.storage.messages import Messages
from octo_cli.storage.papers import DocumentDraft, DocumentRecord, Finished, Papers, record_digest
from octo_cli.storage.pruning import Pruning, Thinned
from octo_cli.storage.questions import Questions
from octo_cli.storage.searching import Searching
from octo_cli.storage.threads import ThreadDetails
from octo_cli.storage.upkeep import DatabaseInfo, Upkeep

__all__ = [
    "TTL",
    "AuditEntry",
    "AuditRow",
    "CheckpointRow",
    "DatabaseInfo",
    "DocumentDraft",
    "DocumentRecord",
    "Earlier",
    "Finished",
    "Holder",
    "Lease",
    "Storage",
    "Thinned",
    "ThreadDetails",
    "open_storage",
    "record_digest",
    "storage_errors",
]


class Storage(Searching, Questions, Messages, Memories, Audit, Papers, Leases, Checkpoints, Pruning, Upkeep):
    """One open database. A context manager; every error that is the database's is a StorageError with its path."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def name(self) -> str:
        """The database as it is shown."""
        return self._database.name

    @property
    def encrypts(self) -> bool:
        """Whether what people wrote stands here encrypted."""
        return self._database.encrypts

    def check(self) -> None:
        """Look at all there is and write once. Raises StorageError when the database is not sound."""
        self._database.check()

    def faults(self) -> Iterator[StorageError]:
        """Every damaged row and broken audit chain there is; reads all of the database."""
        return faults(self)

    def whole(self, *threads: str) -> AbstractContextManager[object]:
        """What is written inside, to these threads, is all kept, or nothing of it is."""
        return self._database.write(*threads)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> "Storage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_storage(
    settings: DatabaseSettings, *, create: bool = True, environment: Mapping[str, str] = os.environ
) -> Storage:
    """Open the database, bringing an older one up to date; the key of an encrypted one is looked for in `environment`.

    A missing file is made with mode 0600, its folder with 0700; with `create=False` it stands for an empty store and is
    not made. Raises StorageError: storage_corrupt, storage_read_only, storage_full, storage_busy, storage_unreachable,
    storage_too_new, of a file storage_folder_missing, of a server storage_refused, storage_no_database,
    storage_no_rights, and of encryption storage_key_missing, storage_key_malformed, storage_key_wrong,
    storage_not_encrypted, each with `path`.
    """
    if settings.encrypt and create and not settings.postgres and not settings.sqlite.exists():
        # Before there is a file: one that nothing could be written to would be left behind.
        need_key(settings.name, environment)
    database = _opened(settings, create=create)
    try:
        database.sealed = seal_of(database, encrypt=settings.encrypt, environment=environment)
    except BaseException:
        database.close()
        raise
    return Storage(database)


def _opened(settings: DatabaseSettings, *, create: bool) -> Database:
    if settings.postgres:
        # The driver costs a file's users nothing.
        from octo_cli.storage.postgres import PostgresDatabase

        return PostgresDatabase(settings)
    from octo_cli.storage.sqlite import open_file

    return open_file(settings, create=create)
