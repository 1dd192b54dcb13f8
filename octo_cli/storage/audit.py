"""The audit log: who changed what, in a chain of hashes a thread. Append-only; a rollback leaves it alone.

A thread's chain ends where `octo_audit_heads` and the thread's own row say it does. So an entry that was changed, put
in, moved or taken out is found, and so is a tail, or all of it, cut off together with its head. Without a key, somebody
who may write everything can make a chain anew and change all three places to fit; nothing inside a database prevents
that. With a key the hashes are keyed and the thread's own copy is sealed: then he can only bring back an end he kept.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from octo_cli.errors import NotFound, StorageError
from octo_cli.storage.database import Database, Row, Run

_STORED: Final = (
    "thread_id, seq, entry_key, part, at, actor, event, document_id, step_id, field, old_value, new_value, doc_hash,"
    " checkpoint_id, detail"
)
_COLUMNS: Final = f"{_STORED}, prev_hash, hash"
_START: Final = (0, "")
# The end of an empty chain, as the thread's row keeps it.
NO_ENTRIES: Final = "0:"
_PREFIX: Final = 4
_NAMED: Final = 5
_HEAD: Final = ("octo_threads", "audit_head")


class AuditEntry(Struct, frozen=True):
    """One thing that happened. `at` is RFC 3339; `actor` is "user:NAME", "system" or "model:NAME".

    `old`, `new` and `detail` are JSON values; resident registration numbers come masked.
    """

    thread_id: str
    at: str
    actor: str
    event: str
    document_id: str | None = None
    step_id: str | None = None
    field: str | None = None
    old: Any = None
    new: Any = None
    doc_hash: str | None = None
    checkpoint_id: str | None = None
    detail: Any = None


class AuditRow(Struct, frozen=True):
    """An entry in its place: `seq` counts from 1 in its thread, `key` is what it was recorded under."""

    seq: int
    key: str
    entry: AuditEntry
    prev_hash: str
    hash: str


class Audit:
    _database: Database

    def record(self, entries: Sequence[AuditEntry], *, key: str) -> bool:
        """Append all entries in one transaction, unless `key` was recorded before: a node that runs twice records once.

        False when nothing was appended.
        """
        if not entries:
            return False
        with self._database.write(key, *(entry.thread_id for entry in entries)) as run:
            if run("SELECT 1 FROM octo_audit WHERE entry_key = ? LIMIT 1", (key,)).fetchone():
                return False
            ends = {entry.thread_id: self._end(run, entry.thread_id) for entry in entries}
            for part, entry in enumerate(entries):
                ends[entry.thread_id] = self._append(run, entry, key, part, ends[entry.thread_id])
            for thread_id, end in ends.items():
                self._put_head(run, thread_id, *end)
        return True

    def audit(self, thread_id: str) -> list[AuditRow]:
        """Oldest first."""
        return [self._row(row) for row in self._chain(thread_id)]

    def document_audit(self, document_id: str) -> list[AuditRow]:
        """What happened to a document, in whichever threads, oldest first."""
        sql = f"SELECT {_COLUMNS} FROM octo_audit WHERE document_id = ? ORDER BY at, thread_id, seq"
        return [self._row(row) for row in self._database.read(sql, document_id)]

    def audit_length(self, thread_id: str) -> int:
        """How many entries there are."""
        ((count,),) = self._database.read("SELECT COUNT(*) FROM octo_audit WHERE thread_id = ?", thread_id)
        return int(count)

    def resolve_document(self, ref: str) -> str:
        """The full id of a document: an id, or a prefix of 4 characters or more that only one has.

        Raises NotFound "document_not_found" (ref) or "document_ambiguous" (ref, matches).
        """
        ref = ref.encode("utf-8", "replace").decode("utf-8")
        within = "document_id = ? OR (document_id >= ? AND document_id < ?)"
        values = (ref, *((ref, f"{ref}\x7f") if len(ref) >= _PREFIX else ("", "")))
        rows = self._database.read(
            f"SELECT document_id FROM octo_documents WHERE {within}"
            f" UNION SELECT document_id FROM octo_audit WHERE {within} ORDER BY 1 LIMIT {_NAMED}",
            *(*values, *values),
        )
        if not rows:
            raise NotFound("document_not_found", ref=ref)
        if len(rows) > 1 and rows[0][0] != ref:
            raise NotFound("document_ambiguous", ref=ref, matches=", ".join(row[0] for row in rows))
        return str(rows[0][0])

    def document_threads(self, document_id: str) -> list[str]:
        """The threads that had to do with a document: each has its part of what happened to it in its own chain."""
        rows = self._database.read(
            "SELECT thread_id FROM octo_audit WHERE document_id = ?"
            " UNION SELECT thread_id FROM octo_documents WHERE document_id = ? ORDER BY 1",
            *(document_id, document_id),
        )
        return [thread_id for (thread_id,) in rows]

    def verify_audit(self, thread_id: str) -> int | None:
        """The first `seq` that is not what was recorded, None for a whole chain; one past the end for a cut one."""
        seq, last = _START
        for row in self._chain(thread_id):
            seq += 1
            *stored, prev_hash, own = row
            if row[1] != seq or prev_hash != last or own != self._hash(prev_hash, stored):
                return seq
            last = own
        return None if self._ends(thread_id, seq, last) else seq + 1

    def rechain(self, thread_id: str) -> None:
        """Make the thread's chain anew, over its entries as they stand: they were copied here from under another key.

        Whoever copies verifies the original first, and has made sure that nobody else writes to this thread.
        """
        # No key of its own: a restore has thousands of threads in one transaction, and a server room for few locks.
        with self._database.write() as run:
            seq, last = _START
            for *stored, _prev_hash, _hash in self._chain(thread_id):
                prev_hash, seq, last = last, stored[1], self._hash(last, stored)
                changed = (prev_hash, last, thread_id, seq)
                run("UPDATE octo_audit SET prev_hash = ?, hash = ? WHERE thread_id = ? AND seq = ?", changed)
            self._put_head(run, thread_id, seq, last)

    def _end(self, run: Run, thread_id: str) -> tuple[int, str]:
        """Where the thread's chain ends: the last `seq` and its hash."""
        head = run("SELECT seq, hash FROM octo_audit_heads WHERE thread_id = ?", (thread_id,)).fetchone()
        return tuple(head) if head else _START

    def _append(self, run: Run, entry: AuditEntry, key: str, part: int, end: tuple[int, str]) -> tuple[int, str]:
        """The chain's new end."""
        seq, prev_hash = end[0] + 1, end[1]
        values = {"old_value": entry.old, "new_value": entry.new, "detail": entry.detail}
        old, new, detail = (self._sealed(value, name, entry.thread_id, seq) for name, value in values.items())
        stored = (
            *(entry.thread_id, seq, key, part, entry.at, entry.actor, entry.event, entry.document_id, entry.step_id),
            *(entry.field, old, new, entry.doc_hash, entry.checkpoint_id, detail),
        )
        own = self._hash(prev_hash, stored)
        marks = ", ".join("?" * (len(stored) + 2))
        run(f"INSERT INTO octo_audit ({_COLUMNS}) VALUES ({marks})", (*stored, prev_hash, own))
        return seq, own

    def _put_head(self, run: Run, thread_id: str, seq: int, own: str) -> None:
        run(
            "INSERT INTO octo_audit_heads (thread_id, seq, hash) VALUES (?, ?, ?)"
            " ON CONFLICT (thread_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
            (thread_id, seq, own),
        )
        sealed = self._database.seal(f"{seq}:{own}", *_HEAD, thread_id)
        run("UPDATE octo_threads SET audit_head = ? WHERE thread_id = ?", (sealed, thread_id))

    def _ends(self, thread_id: str, seq: int, last: str) -> bool:
        """Whether a chain that ends here is a whole one."""
        head = self._database.read("SELECT seq, hash FROM octo_audit_heads WHERE thread_id = ?", thread_id)
        if (head[0] if head else _START) != (seq, last):
            return False
        threads = self._database.read("SELECT audit_head FROM octo_threads WHERE thread_id = ?", thread_id)
        try:
            # A chain can be older than its thread's row is, or have none.
            return not threads or self._database.unseal(threads[0][0], *_HEAD, thread_id) == f"{seq}:{last}"
        except StorageError:
            return False

    def _chain(self, thread_id: str) -> list[Row]:
        return self._database.read(f"SELECT {_COLUMNS} FROM octo_audit WHERE thread_id = ? ORDER BY seq", thread_id)

    def _row(self, row: Row) -> AuditRow:
        (thread_id, seq, key, _part, at, actor, event, document_id, step_id, field, *values, prev_hash, own) = row
        old, new, doc_hash, checkpoint_id, detail = values
        entry = AuditEntry(
            *(thread_id, at, actor, event, document_id, step_id, field),
            *(self._value(old, "old_value", thread_id, seq), self._value(new, "new_value", thread_id, seq)),
            *(doc_hash, checkpoint_id, self._value(detail, "detail", thread_id, seq)),
        )
        return AuditRow(seq, key, entry, prev_hash, own)

    def _value(self, stored: str | None, column: str, thread_id: str, seq: int) -> Any:
        if stored is None:
            return None
        return self._database.decode_sealed(stored, object, "octo_audit", column, thread_id, seq)

    def _sealed(self, value: Any, column: str, thread_id: str, seq: int) -> str | None:
        if value is None:
            return None
        text = msgspec.json.encode(value, order="deterministic").decode()
        return self._database.seal(text, "octo_audit", column, thread_id, seq)

    def _hash(self, prev_hash: str, stored: Iterable[object]) -> str:
        """The digest of the canonical JSON of the hash before and every column in order, sealed ones as they are."""
        canonical = json.dumps([prev_hash, *stored], ensure_ascii=False, separators=(",", ":"))
        return self._database.sealed.digest(canonical)
