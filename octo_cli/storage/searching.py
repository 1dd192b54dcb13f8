"""Full text: which threads say something, in their titles, in what was said and in their documents.

The database says which texts hold the grams of a query, newest first (`texts`); whether one really matches is read in
the text itself, so an index that says too much does no harm. An encrypted database has no grams, since those would be
words in clear: there every text is decrypted and read.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import structs

from octo_cli.storage.database import Database, Row, TextIndex
from octo_cli.storage.texts import ThreadTexts, read_text
from octo_cli.storage.threads import Threads
from octo_cli.wire.work import FoundThread, Match

if TYPE_CHECKING:
    from octo_cli.values.terms import Spelling, Term

MOST_MATCHES: Final = 3
ELLIPSIS: Final = "…"
_BATCH: Final = 50
_AT_ONCE: Final = 100
_NEWEST: Final = 2**62
_BEFORE: Final = 24
_LONGEST_SNIPPET: Final = 160
_EVERY: Final = "SELECT id, thread_id, kind, ref FROM octo_texts WHERE id < ? ORDER BY id DESC LIMIT ?"


class Searching(Threads):
    _database: Database

    def search(self, query: str, *, limit: int | None = None, now: datetime | None = None) -> list[FoundThread]:
        """The threads where one text holds every word and "phrase" of `query`, that with the newest such text first.

        Each comes with the newest of its matches, at most `MOST_MATCHES`, and none older than what it took to find
        `limit` threads. Whatever is neither a letter nor a digit only separates; a query without any finds nothing.
        """
        from octo_cli.values.terms import terms_of

        terms = terms_of(query)
        found: dict[str, list[Match]] = {}
        for thread_id, kind, ref in self._candidates(terms) if terms else ():
            text, at = read_text(self._database, thread_id, kind, ref)
            if (snippet := _snippet(text, terms)) is None:
                continue
            if thread_id not in found and len(found) == limit:
                break
            matches = found.setdefault(thread_id, [])
            if len(matches) < MOST_MATCHES:
                matches.append(Match(kind, at, *snippet, ref.rpartition("/")[0] or None))
        records = ((self.thread(thread_id, now=now), tuple(matches)) for thread_id, matches in found.items())
        return [FoundThread(**structs.asdict(record), matches=matches) for record, matches in records if record]

    def unindexed(self) -> list[str]:
        """Threads all of which only their checkpoints know: an older Octo's, and those whose first run broke off."""
        sql = "SELECT thread_id FROM octo_threads WHERE indexed = 0 AND status <> 'running' ORDER BY recency"
        return [thread_id for (thread_id,) in self._database.read(sql)]

    def index_again(self) -> None:
        """Make the index anew of titles, messages and documents: after they came from elsewhere, or were encrypted."""
        with self._database.write() as run:
            run("DELETE FROM octo_texts", ())
            if self._database.text_index.wipe:
                run(self._database.text_index.wipe, ())
        known = self._database.read("SELECT thread_id FROM octo_threads WHERE indexed = 1 ORDER BY recency")
        for start in range(0, len(known), _AT_ONCE):
            thread_ids = [thread_id for (thread_id,) in known[start : start + _AT_ONCE]]
            with self._database.write(*thread_ids) as run:
                for thread_id in thread_ids:
                    ThreadTexts(self._database, run, thread_id).put_all()

    def _candidates(self, terms: Sequence["Term"]) -> Iterator[Row]:
        """(thread_id, kind, ref) of every text that may match, the newest first."""
        index = self._database.text_index
        sql, values = (_EVERY, ()) if self._database.encrypts else (index.candidates, (_expression(index, terms),))
        before = _NEWEST
        while rows := self._database.read(sql, *values, before, _BATCH):
            yield from (row[1:] for row in rows)
            before = rows[-1][0]


def _expression(index: TextIndex, terms: Sequence["Term"]) -> str:
    """Which texts may hold every term, in any of its spellings. Grams are letters and digits: nothing is syntax."""

    def spelled(spelling: "Spelling") -> str:
        *whole, last = spelling.tokens
        grams = (*map(index.word.format, whole), (index.beginning if spelling.is_open else index.word).format(last))
        return f"({index.both.join(dict.fromkeys(grams))})"

    return index.both.join(f"({index.either.join(map(spelled, term.spellings))})" for term in terms)


def _snippet(text: str, terms: Sequence["Term"]) -> tuple[str, tuple[tuple[int, int], ...]] | None:
    """A piece of `text` around its first match, and where in it the terms stand; None unless it holds all of them."""
    from octo_cli.values.terms import fold

    line = " ".join(text.split())
    folded = fold(line)
    first = [match.start() for term in terms if (match := term.pattern.search(folded))]
    if len(first) < len(terms):
        return None
    start = max(0, min(first) - _BEFORE)
    end = start + _LONGEST_SNIPPET
    marks = _joined(found.span() for term in terms for found in term.pattern.finditer(folded, start, end))
    head, tail = ELLIPSIS if start else "", ELLIPSIS if end < len(line) else ""
    moved = len(head) - start
    return f"{head}{line[start:end]}{tail}", tuple((begin + moved, stop + moved) for begin, stop in marks)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, and none touching another."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            begin, before = joined.pop()
            end = max(end, before)
        joined.append((begin, end))
    return joined
