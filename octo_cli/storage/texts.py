"""What of a thread can be searched: its title, what was said and its documents, each cut into grams for the index.

Grams are `values.terms`: pairs of Hangul syllables, whole words of other letters. The texts stay where they are; of an
encrypted database none of their grams are kept. `searching` asks what is put in here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from octo_cli.storage.database import Database, Row, Run

# More grams than fit a server's row: of a longer text only the beginning is found.
LONGEST_TEXT: Final = 100_000
# What (thread_id, ref) means, by kind: the table and column of the text, and what reads it, when it was made, and the
# key of its row.
_TEXTS: Final = {
    "title": (
        ("octo_threads", "title"),
        "SELECT title, created_at, thread_id FROM octo_threads WHERE thread_id = ? AND ? = ''",
    ),
    "message": (
        ("octo_messages", "text"),
        "SELECT text, at, thread_id, digest FROM octo_messages WHERE thread_id = ? AND current = 1 AND place = ?",
    ),
    "document": (
        ("octo_documents", "text"),
        "SELECT text, finished_at, document_id, version FROM octo_documents"
        " WHERE thread_id = ? AND document_id || '/' || version = ?",
    ),
}
# The newest finished version of every document of a thread.
_VERSIONS: Final = (
    "SELECT document_id || '/' || MAX(version) FROM octo_documents"
    " WHERE thread_id = ? AND finished_at IS NOT NULL GROUP BY document_id"
)


class ThreadTexts:
    """What the index holds of one thread, changed inside a transaction. A text is taken out before it changes."""

    def __init__(self, database: Database, run: Run, thread_id: str) -> None:
        self._database = database
        self._run = run
        self._thread_id = thread_id

    def put_all(self) -> None:
        """Everything anew."""
        self.take_all()
        said = "SELECT CAST(place AS TEXT) FROM octo_messages WHERE thread_id = ? AND current = 1 ORDER BY place"
        self.put("title", "")
        for kind, sql in (("message", said), ("document", _VERSIONS)):
            for (ref,) in self._run(sql, (self._thread_id,)).fetchall():
                self.put(kind, ref)

    def take_all(self) -> None:
        for kind, ref in self._refs():
            self.take(kind, ref)

    def put(self, kind: str, ref: str) -> None:
        row = (self._thread_id, kind, ref)
        self._run("INSERT INTO octo_texts (thread_id, kind, ref) VALUES (?, ?, ?)", row)
        self._tell(self._database.text_index.put, row)

    def take(self, kind: str, ref: str) -> None:
        row = (self._thread_id, kind, ref)
        self._tell(self._database.text_index.take, row)
        self._run("DELETE FROM octo_texts WHERE thread_id = ? AND kind = ? AND ref = ?", row)

    def put_document(self, document_id: str, version: int) -> None:
        """A version in the place of any other, unless the whole thread still waits to be put in."""
        if not self.is_indexed():
            return
        for kind, ref in self._refs("AND kind = 'document'"):
            if ref.rpartition("/")[0] == document_id:
                self.take(kind, ref)
        self.put("document", f"{document_id}/{version}")

    @contextmanager
    def retitling(self) -> Iterator[None]:
        """The title changes inside."""
        indexed = self.is_indexed()
        if indexed:
            self.take("title", "")
        yield
        if indexed:
            self.put("title", "")

    def is_indexed(self) -> bool:
        """Whether all of the thread is in the index; until its first run has ended, nothing is."""
        row = self._run("SELECT indexed FROM octo_threads WHERE thread_id = ?", (self._thread_id,)).fetchone()
        return bool(row and row[0])

    def _refs(self, only: str = "") -> list[Row]:
        rows = self._run(f"SELECT kind, ref FROM octo_texts WHERE thread_id = ? {only}", (self._thread_id,))
        return list(rows.fetchall())

    def _tell(self, sql: str, row: tuple[str, str, str]) -> None:
        if sql and not self._database.encrypts:
            text, _ = read_text(self._database, *row)
            self._run(sql, (grams(text), *row))


def read_text(database: Database, thread_id: str, kind: str, ref: str) -> tuple[str, str]:
    """The text of a row, and when it was made; "" for one that is gone."""
    place, sql = _TEXTS[kind]
    for text, at, *key in database.read(sql, thread_id, ref):
        return database.unseal(text, *place, *key), at
    return "", ""


def grams(text: str) -> str:
    """The grams of a text, each once, separated by spaces; of a very long one those of its beginning."""
    from octo_cli.values.terms import LONGEST_WORD, index_tokens

    tokens = index_tokens(text[:LONGEST_TEXT]).split()
    return " ".join(dict.fromkeys(token[:LONGEST_WORD] for token in tokens))
