"""The audit log: who changed what, in a chain of hashes a thread. Append-only; a rollback leaves it alone."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from octo_cli.storage.database import Database, Row, Run

_STORED: Final = (
    "thread_id, seq, entry_key, part, at, actor, event, document_id, step_id, field, old_value, new_value, doc_hash,"
    " checkpoint_id, detail"
)
_COLUMNS: Final = f"{_STORED}, prev_hash, hash"
_START: Final = (0, "")


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
            for part, entry in enumerate(entries):
                _append(run, entry, key, part)
        return True

    def audit(self, thread_id: str) -> list[AuditRow]:
        """Oldest first."""
        return [self._row(row) for row in self._chain(thread_id)]

    def verify_audit(self, thread_id: str) -> int | None:
        """The first `seq` that is not what was recorded, None for a whole chain.

        A row that was cut off the end is found too: the chain's head is kept apart.
        """
        seq, last = _START
        for row in self._chain(thread_id):
            seq += 1
            *stored, prev_hash, own = row
            if row[1] != seq or prev_hash != last or own != _hash(prev_hash, stored):
                return seq
            last = own
        head = self._database.read("SELECT seq, hash FROM octo_audit_heads WHERE thread_id = ?", thread_id)
        return None if (head[0] if head else _START) == (seq, last) else seq + 1

    def _chain(self, thread_id: str) -> list[Row]:
        return self._database.read(f"SELECT {_COLUMNS} FROM octo_audit WHERE thread_id = ? ORDER BY seq", thread_id)

    def _row(self, row: Row) -> AuditRow:
        (thread_id, seq, key, _part, at, actor, event, document_id, step_id, field, *values, prev_hash, own) = row
        old, new, doc_hash, checkpoint_id, detail = values
        entry = AuditEntry(
            *(thread_id, at, actor, event, document_id, step_id, field, self._value(old), self._value(new)),
            *(doc_hash, checkpoint_id, self._value(detail)),
        )
        return AuditRow(seq, key, entry, prev_hash, own)

    def _value(self, text: str | None) -> Any:
        return None if text is None else self._database.decode(text, object)


def _append(run: Run, entry: AuditEntry, key: str, part: int) -> None:
    head = run("SELECT seq, hash FROM octo_audit_heads WHERE thread_id = ?", (entry.thread_id,)).fetchone()
    last_seq, prev_hash = head or _START
    seq = last_seq + 1
    stored = (
        *(entry.thread_id, seq, key, part, entry.at, entry.actor, entry.event, entry.document_id, entry.step_id),
        *(entry.field, _text(entry.old), _text(entry.new), entry.doc_hash, entry.checkpoint_id, _text(entry.detail)),
    )
    own = _hash(prev_hash, stored)
    marks = ", ".join("?" * (len(stored) + 2))
    run(f"INSERT INTO octo_audit ({_COLUMNS}) VALUES ({marks})", (*stored, prev_hash, own))
    run(
        "INSERT INTO octo_audit_heads (thread_id, seq, hash) VALUES (?, ?, ?)"
        " ON CONFLICT (thread_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        (entry.thread_id, seq, own),
    )


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="deterministic").decode()


def _hash(prev_hash: str, stored: Iterable[object]) -> str:
    """SHA-256 in hex over the canonical JSON of the hash before and every stored column in order."""
    from hashlib import sha256

    canonical = json.dumps([prev_hash, *stored], ensure_ascii=False, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
