"""Documents by version: what was approved, where it is written, and that it is written once.

A finished document is written in three steps: its path is reserved, its file is written, it is finished. Killed between
any two of them, the second try gets the first one's path and version back, and writes the same bytes to the same place.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from octo_cli.errors import NotFound
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

    def finish_document(self, reserved: DocumentRecord, now: datetime, *, path: str | None = None) -> None:
        """The file is written, at `path` when another text had taken the reserved name. A second time changes nothing.

        Raises NotFound "document_not_found" if it is not reserved.
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
        """A finished version with its fields and text, the newest by default."""
        rows = self._database.read(
            f"SELECT {_WHOLE} FROM octo_documents WHERE document_id = ? AND finished_at IS NOT NULL"
            " AND version = COALESCE(?, version) ORDER BY version DESC LIMIT 1",
            *(document_id, version),
        )
        return self._record(rows[0]) if rows else None

    def next_version(self, document_id: str) -> int:
        """1 for an unknown document. A reserved version counts, finished or not."""
        sql = "SELECT COALESCE(MAX(version), 0) + 1 FROM octo_documents WHERE document_id = ?"
        return int(self._database.read(sql, document_id)[0][0])

    def _record(self, row: Row) -> DocumentRecord:
        record, unseal = DocumentRecord(*row[:_CARD_WIDTH]), self._database.unseal
        key = (record.document_id, record.version)
        title, path = unseal(record.title, _TABLE, "title", *key), unseal(record.path, _TABLE, "path", *key)
        record = msgspec.structs.replace(record, title=title, path=path)
        if len(row) == _CARD_WIDTH:
            return record
        fields = self._database.decode_sealed(row[-2], dict[str, Any], _TABLE, "fields", *key)
        return msgspec.structs.replace(record, fields=fields, text=unseal(row[-1], _TABLE, "text", *key))
