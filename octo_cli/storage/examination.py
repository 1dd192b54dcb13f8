"""Every row looked at, and what stands twice compared: what was damaged, changed or removed is named, nothing mended.

Not found without an encrypted storage's key: a chain of hashes made anew to fit. Not found at all: what an idle thread
was put back to as a whole, and what nothing else tells of (a fact, a summary, an automatic title's words).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from octo_cli.errors import StorageError

if TYPE_CHECKING:
    from octo_cli.storage import CheckpointRow, Storage

# A graph of another program may have left checkpoints; all else is of a thread in the index.
_OWN: Final = (
    *("octo_questions", "octo_audit", "octo_audit_heads", "octo_documents", "octo_messages", "octo_leases"),
    *("octo_summaries", "octo_recalled"),
)
_TABLES: Final = (*_OWN, "octo_threads", "checkpoints", "writes", "checkpoint_writes", "checkpoint_blobs")
# One statement sees one moment, whatever runs beside it.
_TOLD_TWICE: Final = """
SELECT t.status, t.turns, t.indexed, t.pending, t.documents,
    (SELECT COUNT(*) FROM octo_questions q WHERE q.thread_id = t.thread_id),
    (SELECT COUNT(DISTINCT document_id) FROM octo_documents d WHERE d.thread_id = t.thread_id
        AND finished_at IS NOT NULL),
    (SELECT COUNT(*) FROM octo_messages m WHERE m.thread_id = t.thread_id)
FROM octo_threads t WHERE t.thread_id = ?
"""
_ASKED: Final = "__interrupt__"


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
        yield from storage.message_faults(thread_id)
        yield from database.broken_values(thread_id)
        yield from storage.document_faults(thread_id)
        yield from _unlike_each_other(storage, thread_id)
        if (entry := storage.verify_audit(thread_id)) is not None:
            yield StorageError("audit_broken", thread=thread_id, entry=entry)
    yield from storage.broken_facts()


def _looks(storage: "Storage", thread_id: str) -> tuple[Callable[[], object], ...]:
    """All that is read of a thread without its graph."""
    return (
        lambda: storage.thread(thread_id),
        lambda: storage.thread_details(thread_id),
        lambda: storage.questions(thread_id),
        lambda: storage.remembered(thread_id),
        lambda: storage.audit(thread_id),
        lambda: storage.checkpoint_rows(thread_id),
    )


def _unlike_each_other(storage: "Storage", thread_id: str) -> Iterator[StorageError]:
    """Where the thread's row, what belongs to it and its checkpoints do not say the same."""
    database = storage._database
    if not (rows := database.read(_TOLD_TWICE, thread_id)):
        yield from _orphans(storage, thread_id)
        return
    status, turns, indexed, pending, documents, *counted, messages = rows[0]
    columns = {"pending": (pending, counted[0]), "documents": (documents, counted[1])}
    for column, (said, count) in columns.items():
        if said != count:
            yield database.damaged("octo_threads", column, thread_id, detail=f"{said!r}, {count} there")
    if status == "waiting_human" and not counted[0]:
        yield database.damaged("octo_threads", "status", thread_id, detail="waits without a question")
    if indexed and turns and not messages:
        yield database.damaged("octo_messages", "text", thread_id, detail="missing")
    if turns and status in ("waiting_human", "completed"):
        yield from _unfounded(storage, thread_id, status)


def _orphans(storage: "Storage", thread_id: str) -> Iterator[StorageError]:
    tables = " UNION ALL ".join(f"SELECT '{name}' FROM {name} WHERE thread_id = ?" for name in _OWN)
    for (table,) in storage._database.read(f"{tables} LIMIT 1", *(thread_id,) * len(_OWN)):
        yield storage._database.damaged("octo_threads", "thread_id", thread_id, detail=f"missing, but in {table}")


def _unfounded(storage: "Storage", thread_id: str, status: str) -> Iterator[StorageError]:
    """What is gone of the checkpoints of a thread whose last run ended in order."""
    database = storage._database
    try:
        rows = storage.checkpoint_rows(thread_id)
    except StorageError:
        return  # It was named.
    written = storage.written(thread_id) if rows else {}
    head = max((row.checkpoint_id for row in rows if not row.checkpoint_ns), default="")
    # A finished turn ends where nothing ran, one that waits where somebody was asked.
    left = written.get(("", head), set())
    if not head or (_ASKED not in left if status == "waiting_human" else left):
        yield database.damaged("checkpoints", "checkpoint_id", thread_id, detail="the newest are missing")
    steps = {(row.checkpoint_ns, row.checkpoint_id): row.metadata.get("step") for row in rows}
    for row in rows:
        if row.parent_checkpoint_id is None:
            continue
        parent = (row.checkpoint_ns, row.parent_checkpoint_id)
        if parent not in steps:
            yield database.damaged("checkpoints", "checkpoint_id", thread_id, *parent, detail="missing")
        elif _followed(row, steps[parent]) and not written.get(parent):
            yield database.damaged([*database.checkpoint_tables][-1], "value", thread_id, *parent, detail="missing")


def _followed(row: "CheckpointRow", step: object) -> bool:
    """Whether `row` came of what the tasks of the checkpoint before it, of that `step`, wrote."""
    # Pruning puts a checkpoint under an earlier one than it came of.
    return row.metadata.get("source") == "loop" and isinstance(step, int) and row.metadata.get("step") == step + 1
