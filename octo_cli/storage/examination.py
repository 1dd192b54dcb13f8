"""Every row looked at: what was damaged, or changed by somebody else, is named. Nothing is mended or changed."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from octo_cli.errors import StorageError

if TYPE_CHECKING:
    from octo_cli.storage import Storage

_TABLES: Final = (
    *("octo_threads", "octo_questions", "octo_audit", "octo_audit_heads", "octo_documents", "octo_messages"),
    *("octo_summaries", "octo_recalled"),
    *("checkpoints", "writes", "checkpoint_writes", "checkpoint_blobs"),
)


def faults(storage: "Storage") -> Iterator[StorageError]:
    """What is wrong with the database, thread by thread, then fact by fact; nothing for a sound one."""
    database = storage._database
    there = [name for name in _TABLES if database.has_table(name)]
    threads = database.read(f"{' UNION '.join(f'SELECT thread_id FROM {name}' for name in there)} ORDER BY 1")
    for (thread_id,) in threads:
        for look in _looks(storage, thread_id):
            try:
                look()
            except StorageError as error:
                yield error
        yield from database.broken_values(thread_id)
        if (entry := storage.verify_audit(thread_id)) is not None:
            yield StorageError("audit_broken", thread=thread_id, entry=entry)
    yield from storage.broken_facts()


def _looks(storage: "Storage", thread_id: str) -> tuple[Callable[[], object], ...]:
    """All that is read of a thread without its graph."""
    return (
        lambda: storage.thread(thread_id),
        lambda: storage.thread_details(thread_id),
        lambda: storage.questions(thread_id),
        lambda: storage.messages(thread_id),
        lambda: storage.remembered(thread_id),
        lambda: storage.documents(thread_id, whole=True),
        lambda: storage.audit(thread_id),
        lambda: storage.checkpoint_rows(thread_id),
    )
