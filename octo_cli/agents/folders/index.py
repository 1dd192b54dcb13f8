"""A search: the folders looked at, the index brought up to date, the files ranked, their best places shown.

The index says which files, the files say which lines.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from octo_cli.agents.folders import reading
from octo_cli.agents.folders.formats import PAGE_BREAK
from octo_cli.agents.folders.lines import Line, around, best_lines, opening
from octo_cli.agents.folders.meaning import Embedder, Meaning, Near
from octo_cli.agents.folders.queries import Query, query_of
from octo_cli.agents.folders.reading import Paper, Shelf, Skipped, Survey, Unit
from octo_cli.agents.folders.store import transaction, with_index
from octo_cli.agents.folders.upkeep import Progress, Stopped, Upkeep
from octo_cli.errors import ModelError

MOST_FILES: Final = 5

# A name or a heading says more about a file than a line in it: weights of name, headings, body and parts for bm25.
_WEIGHTS: Final = "4.0, 2.0, 1.0, 1.0"
# The best lines decide among the files that rank first; more would only be read in vain.
_CANDIDATES: Final = 12
# Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): 60 is the paper's constant.
_FUSION: Final = 60


@dataclass(frozen=True)
class Place:
    """Where a file matches: its `number`-th line, page or paragraph from 1.

    `snippet` is escaped Markdown, terms in `**…**`; `context` is the file's own text around it; 0 < `score` <= 1.
    """

    number: int
    snippet: str
    heading: str
    score: float
    context: str


@dataclass(frozen=True)
class FoundFile:
    """A file that matches: `path` from its folder's name on, its best places, and the best place's score.

    `paper` is set for a document of Octo's own; `by_meaning` where no word of the query stands in it.
    """

    path: str
    places: tuple[Place, ...]
    score: float
    unit: Unit = "line"
    paper: Paper | None = None
    by_meaning: bool = False


@dataclass(frozen=True)
class Findings:
    """What a search found. `files` are the best, best first, of the `matching` ones among `searched`.

    `share` is how much of the query the best file holds, 0..1: half for the terms anywhere in it, half for those
    together on one line; None when no word matches. `absent` are the terms no file has; `terms` counts them all, 0 for
    a query without letters. `words_only` says why a search that should go by meaning too did not.
    """

    files: tuple[FoundFile, ...]
    matching: int
    searched: int
    terms: int
    absent: tuple[str, ...]
    share: float | None
    skipped: tuple[Skipped, ...]
    missing: tuple[Path, ...]
    words_only: ModelError | None = None


class FolderIndex:
    """Full text of `folders`, indexed in `file`. Several processes may search at once."""

    def __init__(self, file: Path, folders: Sequence[Path], *, embedder: Embedder | None = None) -> None:
        self._file = file
        self._folders = tuple(dict.fromkeys(folders))
        self._embedder = embedder

    def search(
        self,
        query: Query | str,
        *,
        shelf: Shelf | None = None,
        stopped: Stopped = lambda: False,
        progress: Progress = lambda _done, _total: None,
    ) -> Findings:
        """The best places for a query, in the folders and on `shelf`. Blocks; ends early when `stopped` says so.

        Raises sqlite3.OperationalError only where SQLite lacks FTS5.
        """
        survey = reading.survey(self._folders, stopped)
        if shelf:
            survey.add(shelf)
        wanted = query_of(query) if isinstance(query, str) else query
        upkeep = Upkeep(survey, stopped, progress)
        return with_index(self._file, _Search(wanted, survey, upkeep, stopped, self._embedder).run)


class _Candidate(NamedTuple):
    page: int
    path: bytes
    covered: int
    relevance: float


class _Found(NamedTuple):
    file: FoundFile
    share: float | None


class _Search:
    """One search: its query, the folders as they stand, and what it does with whichever index it is given."""

    def __init__(
        self, query: Query, survey: Survey, upkeep: Upkeep, stopped: Stopped, embedder: Embedder | None
    ) -> None:
        self._query = query
        self._survey = survey
        self._upkeep = upkeep
        self._stopped = stopped
        self._embedder = embedder
        self._words_only: ModelError | None = None

    def run(self, connection: sqlite3.Connection) -> Findings:
        self._upkeep.run(connection)
        with transaction(connection, "DEFERRED"):
            live, silent = self._live(connection)
            covered = self._coverage(connection, live)
            candidates = self._ranked(connection, live, covered)
        best = max((candidate.covered for candidate in candidates), default=0)
        # What holds only a small part of what the best file holds was not meant.
        candidates = [candidate for candidate in candidates if candidate.covered * 2 >= best]
        found = {
            candidate.page: pair
            for candidate in candidates[:_CANDIDATES]
            if (pair := self._found(connection, candidate))
        }
        found = dict(sorted(found.items(), key=lambda item: -item[1].file.score))
        share = next((pair.share for pair in found.values()), None)
        found, more = self._with_meaning(connection, live, found)
        return Findings(
            files=tuple(pair.file for pair in found.values())[:MOST_FILES],
            matching=len(candidates) + more,
            searched=len(live),
            terms=len(self._query.terms),
            absent=tuple(term.typed for term, ids in zip(self._query.terms, covered, strict=True) if not ids),
            share=share,
            skipped=tuple(dict.fromkeys([*self._survey.skipped, *self._skipped(silent)])),
            missing=tuple(self._survey.missing),
            words_only=self._words_only,
        )

    def _live(self, connection: sqlite3.Connection) -> tuple[dict[int, bytes], list[Skipped]]:
        """The indexed files that are there now and are meant, by page; and those that turned out to hold no text."""
        rows = [row for row in connection.execute("SELECT id, path, reason FROM files") if row[1] in self._survey.files]
        silent = [Skipped(self._survey.shown(path), reason) for _, path, reason in rows if reason]
        live = {page: path for page, path, reason in rows if not reason and self._meant(path)}
        for term in self._query.without:
            for page in self._pages(connection, term.match):
                live.pop(page, None)
        return live, silent

    def _meant(self, path: bytes) -> bool:
        query = self._query
        return not (query.suffixes or query.folders) or query.admits(self._survey.shown(path), path)

    def _pages(self, connection: sqlite3.Connection, match: str) -> Iterator[int]:
        return (page for (page,) in connection.execute("SELECT rowid FROM pages WHERE pages MATCH ?", (match,)))

    def _coverage(self, connection: sqlite3.Connection, live: Mapping[int, bytes]) -> list[set[int]]:
        """For every term, the pages that have it."""
        return [{page for page in self._pages(connection, term.match) if page in live} for term in self._query.terms]

    def _ranked(
        self, connection: sqlite3.Connection, live: Mapping[int, bytes], covered: Sequence[set[int]]
    ) -> list[_Candidate]:
        """Pages with any of the terms: those with more of them first, the more relevant among equals."""
        if not any(covered):
            return []
        count = Counter(page for pages in covered for page in pages)
        asked = f"SELECT rowid, -bm25(pages, {_WEIGHTS}) FROM pages WHERE pages MATCH ?"
        any_term = " OR ".join(term.match for term in self._query.terms)
        rows = [row for row in connection.execute(asked, (any_term,)) if row[0] in live]
        ranked = [_Candidate(page, live[page], count[page], max(relevance, 0.0)) for page, relevance in rows]
        return sorted(ranked, key=lambda candidate: (-candidate.covered, -candidate.relevance, candidate.path))

    def _found(self, connection: sqlite3.Connection, candidate: _Candidate) -> _Found | None:
        """Where in the file the terms stand, and the share of the query it holds; None when it cannot be read now."""
        text = self._text(connection, candidate.page, candidate.path)
        if text is None:
            return None
        markdown, code = reading.has_headings(candidate.path), reading.is_code(candidate.path)
        lines = best_lines(text, self._query.terms, markdown=markdown, code=code) or [opening(text, markdown=markdown)]
        places = tuple(self._place(text, line, candidate.path, self._score(candidate, line)) for line in lines)
        together = max(line.terms for line in lines)
        share = (candidate.covered + together) / (2 * len(self._query.terms))
        return _Found(self._file(candidate.path, places), round(share, 2))

    def _with_meaning(
        self, connection: sqlite3.Connection, live: Mapping[int, bytes], found: dict[int, _Found]
    ) -> tuple[dict[int, _Found], int]:
        """What was found by its words, ranked together with what is near in meaning; and how many the latter adds."""
        if self._embedder is None or not self._query.terms:
            return found, 0
        sought = " ".join(term.typed for term in self._query.terms)
        meaning = Meaning(connection, self._embedder, self._stopped)
        try:
            near = meaning.nearest(sought, live, lambda page: self._text(connection, page, live[page]))
        except ModelError as exc:
            self._words_only = exc
            return found, 0
        added = {
            item.file: pair for item in near if item.file not in found and (pair := self._near(connection, live, item))
        }
        rank: defaultdict[int, float] = defaultdict(float)
        for ranking in (list(found), [item.file for item in near]):
            for at, page in enumerate(ranking, start=1):
                rank[page] += 1 / (_FUSION + at)
        together = found | added
        return {page: together[page] for page in sorted(together, key=lambda page: -rank[page])}, len(added)

    def _near(self, connection: sqlite3.Connection, live: Mapping[int, bytes], near: Near) -> _Found | None:
        path = live[near.file]
        text = self._text(connection, near.file, path)
        if text is None:
            return None
        line = opening(text, start=near.line, markdown=reading.has_headings(path))
        # Half at most, as for a file that has every term but none of them together.
        place = self._place(text, line, path, round(near.likeness / 2, 4))
        return _Found(self._file(path, (place,), by_meaning=True), None)

    def _file(self, path: bytes, places: tuple[Place, ...], *, by_meaning: bool = False) -> FoundFile:
        score = max(place.score for place in places)
        papers = self._survey.papers
        return FoundFile(
            self._survey.shown(path), places, score, reading.unit_of(path), papers.get(path), by_meaning=by_meaning
        )

    def _place(self, text: str, line: Line, path: bytes, score: float) -> Place:
        number = line.number
        if reading.unit_of(path) == "page":
            number = 1 + text.count(PAGE_BREAK, 0, line.at + 1)
        return Place(number, line.snippet, line.heading, score, around(text, line.at))

    def _text(self, connection: sqlite3.Connection, page: int, path: bytes) -> str | None:
        """The file's text as it is now; of one that a parser must read, as it was when it was indexed."""
        if paper := self._survey.papers.get(path):
            return paper.load()
        if reading.kind_of(path):
            row = connection.execute("SELECT text FROM files WHERE id = ?", (page,)).fetchone()
            return row[0] if row else None
        raw = self._upkeep.read(path)
        return None if raw is None else reading.text_of(raw)

    def _score(self, candidate: _Candidate, line: Line) -> float:
        """Half for the terms in the file, three tenths for those on the line, the rest for bm25, squeezed below one."""
        terms = len(self._query.terms)
        relevance = candidate.relevance / (1 + candidate.relevance)
        return round(0.5 * candidate.covered / terms + 0.3 * line.terms / terms + 0.2 * relevance, 4)

    def _skipped(self, silent: Sequence[Skipped]) -> Iterator[Skipped]:
        yield from silent
        for path in sorted(self._upkeep.unreadable):
            yield Skipped(self._survey.shown(path), "unreadable")
