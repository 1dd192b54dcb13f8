"""Documents by version: what was approved, where it is written, and that it is written once.

A finished document is written in three steps: its path is reserved, its file is written, it is finished. Killed between
any two of them, the second try gets the first one's path and version back, and writes the same bytes to the same place.

What is finished stays as it was approved: its text is bound by its hash, and both, with all the rest of the row, by the
audit log (`record_digest`; what an earlier Octo finished, by its hash only).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from octo_cli.errors import NotFound, StorageError
from octo_cli.storage.database import Database, Row
from octo_cli.storage.moments import stamp
from octo_cli.storage.texts import ThreadTexts
from octo_cli.wire.work import Artifact, Language

_CARD: Final = (
    "document_id, document_type, title, version, language, doc_hash, path, reserved_at, thread_id, finished_at"
)
_TABLE: Final = "octo_documents"
_CARD_WIDTH: Final = len(_CARD.split(","))
_WHOLE: Final = f"{_CARD}, fields, text"
# All of a version but its text, which `doc_hash` stands for.
_BOUND: Final = (
    *("document_id", "document_type", "title", "version", "language", "doc_hash", "path", "created_at"),
    *("thread_id", "finished_at", "fields"),
)


class DocumentDraft(Struct, frozen=True):
    """An approved text that is about to be written. `doc_hash` is "sha256:…" of its bytes, `fields` are JSON values."""

    document_id: str
    version: int
    thread_id: str
    document_type: str
    title: str
    language: Language
    doc_hash: str
    text: str
    fields: dict[str, Any]
    path: str


class DocumentRecord(Artifact, frozen=True):
    """A version of a document. `created_at` is when its path was reserved.

    `finished_at` is None while its file may be missing. Lists leave `fields` and `text` empty unless asked
    for the whole.
    """

    thread_id: str
    finished_at: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def artifact(self) -> Artifact:
        """The part that the outside contract shows."""
        return Artifact(**{name: getattr(self, name) for name in Artifact.__struct_fields__})


class Finished(Struct, frozen=True):
    """What the audit entry of a finished version says besides its hash; nothing in one by an earlier Octo."""

    version: int | None = None
    record: str = ""


class Papers:
    _database: Database

    def reserve_document(self, draft: DocumentDraft, now: datetime) -> DocumentRecord:
        """The version and path to write to: the draft's own, or those reserved before if this is a second try.

        A second try is one whose text is the thread's newest version of the document. A text that comes back after
        another one was made is a new version. A version number that is taken already gives way to the next one.
        """
        fields, seal = msgspec.json.encode(draft.fields).decode(), self._database.seal
        with self._database.write(draft.document_id, draft.thread_id) as run:
            newest = run(
                f"SELECT {_WHOLE} FROM octo_documents WHERE document_id = ? AND thread_id = ?"
                " ORDER BY version DESC LIMIT 1",
                (draft.document_id, draft.thread_id),
            ).fetchone()
            if newest and (first := self._record(newest)).doc_hash == draft.doc_hash:
                return first
            (free,) = run(
                "SELECT COALESCE(MAX(version), 0) + 1 FROM octo_documents WHERE document_id = ?", (draft.document_id,)
            ).fetchone()
            key = (draft.document_id, max(draft.version, free))
            row = (
                *(draft.document_id, draft.document_type, seal(draft.title, _TABLE, "title", *key), key[1]),
                *(draft.language, draft.doc_hash, seal(draft.path, _TABLE, "path", *key), stamp(now), draft.thread_id),
                *(None, seal(fields, _TABLE, "fields", *key), seal(draft.text, _TABLE, "text", *key)),
            )
            run(f"INSERT INTO octo_documents ({_WHOLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return self._record(row)

    def give_up_document(self, reserved: DocumentRecord) -> None:
        """Its file could not be written: the next try may be at another place. A finished one stays."""
        key = (reserved.document_id, reserved.version)
        with self._database.write(reserved.document_id, reserved.thread_id) as run:
            run("DELETE FROM octo_documents WHERE document_id = ? AND version = ? AND finished_at IS NULL", key)

    def finish_document(self, reserved: DocumentRecord, now: datetime, *, path: str | None = None) -> DocumentRecord:
        """The file is written, at `path` when another text had taken the reserved name. A second time changes nothing.

        Returns the version as it stands. Raises NotFound "document_not_found" if it is not reserved.
        """
        key, thread_id = (reserved.document_id, reserved.version), reserved.thread_id
        with self._database.write(reserved.document_id, thread_id) as run:
            if not run("SELECT 1 FROM octo_documents WHERE document_id = ? AND version = ?", key).fetchone():
                raise NotFound("document_not_found", ref=reserved.document_id)
            first = run(
                "UPDATE octo_documents SET finished_at = ?, path = COALESCE(?, path)"
                " WHERE document_id = ? AND version = ? AND finished_at IS NULL",
                (stamp(now), path and self._database.seal(path, _TABLE, "path", *key), *key),
            )
            if first.rowcount:
                ThreadTexts(self._database, run, thread_id).put_document(*key)
            run(
                "UPDATE octo_threads SET documents = (SELECT COUNT(DISTINCT document_id) FROM octo_documents"
                " WHERE thread_id = ? AND finished_at IS NOT NULL) WHERE thread_id = ?",
                (thread_id, thread_id),
            )
            row = run(f"SELECT {_WHOLE} FROM octo_documents WHERE document_id = ? AND version = ?", key).fetchone()
        return self._record(row)

    def documents(self, thread_id: str | None = None, *, whole: bool = False) -> list[DocumentRecord]:
        """Finished versions, newest first, of one thread or of all."""
        columns = _WHOLE if whole else _CARD
        where, values = ("", ()) if thread_id is None else (" AND thread_id = ?", (thread_id,))
        rows = self._database.read(
            f"SELECT {columns} FROM octo_documents WHERE finished_at IS NOT NULL{where}"
            " ORDER BY finished_at DESC, version DESC, document_id",
            *values,
        )
        return [self._record(row) for row in rows]

    def document(self, document_id: str, version: int | None = None) -> DocumentRecord | None:
        """A finished version with its fields and text, the newest by default.

        Raises StorageError "storage_corrupt" for one that is not what was finished: nothing is made of it.
        """
        rows = self._database.read(
            f"SELECT {_WHOLE} FROM octo_documents WHERE document_id = ? AND finished_at IS NOT NULL"
            " AND version = COALESCE(?, version) ORDER BY version DESC LIMIT 1",
            *(document_id, version),
        )
        if not rows:
            return None
        record = self._record(rows[0])
        if column := self._changed(record):
            raise self._not_as_recorded(record, column)
        return record

    def document_faults(self, thread_id: str) -> Iterator[StorageError]:
        """Every version of the thread's documents that is not what its audit log says was approved and finished."""
        rows = self._database.read(
            f"SELECT {_WHOLE}, (SELECT COUNT(*) FROM octo_audit a WHERE a.document_id = octo_documents.document_id"
            " AND a.doc_hash = octo_documents.doc_hash AND a.event IN ('approved', 'finalized'))"
            " FROM octo_documents WHERE thread_id = ? AND finished_at IS NOT NULL ORDER BY document_id, version",
            thread_id,
        )
        for *row, approvals in rows:
            try:
                record = self._record(tuple(row))
            except StorageError as error:
                yield error
                continue
            if column := self._changed(record) or ("" if approvals else "doc_hash"):
                yield self._not_as_recorded(record, column)
        yield from self._missing(thread_id)

    def next_version(self, document_id: str) -> int:
        """1 for an unknown document. A reserved version counts, finished or not."""
        sql = "SELECT COALESCE(MAX(version), 0) + 1 FROM octo_documents WHERE document_id = ?"
        return int(self._database.read(sql, document_id)[0][0])

    def _changed(self, record: DocumentRecord) -> str:
        """The column that is not what was finished, "fields" for any beside the text; "" for none."""
        if record.doc_hash != _hashed(record.text.encode()):
            return "text"
        entries = self._database.read(
            "SELECT seq, new_value FROM octo_audit WHERE document_id = ? AND thread_id = ? AND doc_hash = ?"
            " AND event = 'finalized' ORDER BY seq",
            *(record.document_id, record.thread_id, record.doc_hash),
        )
        told = [self._finished(record.thread_id, *entry) for entry in entries]
        bound = {one.record for one in told if one.version == record.version}
        return "fields" if bound and record_digest(record) not in bound else ""

    def _missing(self, thread_id: str) -> Iterator[StorageError]:
        """The versions that the thread's audit log says were finished, and that are not here as finished ones."""
        rows = self._database.read(
            "SELECT a.document_id, a.seq, a.new_value, d.version FROM octo_audit a LEFT JOIN octo_documents d"
            " ON d.document_id = a.document_id AND d.thread_id = a.thread_id AND d.doc_hash = a.doc_hash"
            " AND d.finished_at IS NOT NULL WHERE a.thread_id = ? AND a.event = 'finalized' ORDER BY a.seq",
            thread_id,
        )
        here: dict[Row, set[int | None]] = defaultdict(set)
        for *entry, version in rows:
            here[tuple(entry)].add(version)
        for (document_id, seq, told), versions in here.items():
            version = self._finished(thread_id, seq, told).version
            if versions == {None} or version not in (None, *versions):
                detail = f"missing, finished by entry {seq} of the audit log of {thread_id}"
                yield self._database.damaged(_TABLE, "version", document_id, version, detail=detail)

    def _finished(self, thread_id: str, seq: int, told: str | None) -> "Finished":
        if told is None:
            return Finished()
        return self._database.decode_sealed(told, Finished, "octo_audit", "new_value", thread_id, seq)

    def _not_as_recorded(self, record: DocumentRecord, column: str) -> StorageError:
        return self._database.damaged(_TABLE, column, record.document_id, record.version, detail="changed")

    def _record(self, row: Row) -> DocumentRecord:
        record, unseal = DocumentRecord(*row[:_CARD_WIDTH]), self._database.unseal
        key = (record.document_id, record.version)
        title, path = unseal(record.title, _TABLE, "title", *key), unseal(record.path, _TABLE, "path", *key)
        record = msgspec.structs.replace(record, title=title, path=path)
        self._database.checked(record, ("created_at", "finished_at"), _TABLE, *key)
        if len(row) == _CARD_WIDTH:
            return record
        fields = self._database.decode_sealed(row[-2], dict[str, Any], _TABLE, "fields", *key)
        return msgspec.structs.replace(record, fields=fields, text=unseal(row[-1], _TABLE, "text", *key))


def record_digest(record: DocumentRecord) -> str:
    """ "sha256:…" of all that a finished version is beside its text."""
    told = {name: getattr(record, name) for name in _BOUND}
    return _hashed(msgspec.json.encode(told, order="deterministic"))


def _hashed(data: bytes) -> str:
    # Lists of documents have no use for it.
    from hashlib import sha256

    return f"sha256:{sha256(data).hexdigest()}"
