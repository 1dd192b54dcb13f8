"""The index: one SQLite file, brought up to date by every search and rebuilt whenever it cannot be trusted.

The index says which files, the files say which lines. All of it can be made again from the folders, so nothing here is
worth an error as long as the folders can be read: where the file cannot be used, the search makes its index in memory.
"""

import hashlib
import os
import sqlite3
import time
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from octo_cli.agents.folders import reading
from octo_cli.agents.folders.lines import Line, best_lines, headings, opening
from octo_cli.agents.folders.reading import Skipped, Stamp, Survey
from octo_cli.agents.folders.terms import Term, index_tokens, terms_of
from octo_cli.values.text import one_line

MOST_FILES: Final = 5

# A name or a heading says more about a file than a line in it: weights of name, headings and body for bm25.
_WEIGHTS: Final = "4.0, 2.0, 1.0"
# The best lines decide among the files that rank first; more would only be read in vain.
_CANDIDATES: Final = 12
_PATIENCE: Final = 30.0  # seconds to wait for another process that is indexing
_BATCH: Final = 100  # files a transaction, so that others and a cancel wait for no more
_KEPT_DAYS: Final = 30  # how long a folder that is no longer searched stays indexed
# A file written this shortly before it was read may change again without a new time stamp (FAT counts two seconds).
_SETTLED_AFTER: Final = 2 * 10**9
_UNSETTLED: Final = -1

_SCHEMA: Final = """
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,
    digest BLOB NOT NULL, is_text INTEGER NOT NULL
);
CREATE VIRTUAL TABLE pages USING fts5 (name, headings, body, tokenize = 'ascii');
CREATE TABLE folders (path BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
"""
# Tokens depend on Unicode's tables as much as on the code; raise the number when either schema or tokens change.
_VERSION: Final = zlib.crc32(f"1 {unicodedata.unidata_version}".encode()) & 0x7FFFFFFF

Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Place:
    """A line that matches. `line` counts from 1; `snippet` is escaped Markdown, terms in `**…**`; 0 < `score` <= 1."""

    line: int
    snippet: str
    heading: str
    score: float


@dataclass(frozen=True)
class FoundFile:
    """A file that matches: `path` from its folder's name on, its best places, and the best place's score."""

    path: str
    places: tuple[Place, ...]
    score: float


@dataclass(frozen=True)
class Findings:
    """What a search found. `files` are the best, best first, of the `matching` ones among `searched`.

    `share` is how much of the query the best file holds, 0..1: half for the terms anywhere in it, half for those
    together on one line; None when nothing matches. `absent` are the terms no file has; `terms` counts them all, 0 for
    a query without letters.
    """

    files: tuple[FoundFile, ...]
    matching: int
    searched: int
    terms: int
    absent: tuple[str, ...]
    share: float | None
    skipped: tuple[Skipped, ...]
    missing: tuple[Path, ...]


class FolderIndex:
    """Full text of `folders`, indexed in `file`. Several processes may search at once."""

    def __init__(self, file: Path, folders: Sequence[Path]) -> None:
        self._file = file
        self._folders = tuple(dict.fromkeys(folders))

    def search(self, query: str, *, stopped: Stopped = lambda: False) -> Findings:
        """The best places for a query of words, "phrases" and beginnings*. Blocks; ends early when `stopped` says so.

        Nothing in the query is syntax beyond that. Raises sqlite3.OperationalError only where SQLite lacks FTS5.
        """
        search = _Search(terms_of(query), reading.survey(self._folders, stopped), stopped)
        try:
            return self._search_file(search)
        except (sqlite3.Error, OSError):
            # Read-only or full disk, no home, no end of waiting: slower, but an answer all the same.
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                connection.executescript(_SCHEMA)
                return search.run(connection)

    def _search_file(self, search: "_Search") -> Findings:
        _make_file(self._file)
        seen = _identity(self._file)
        try:
            return _search_in(self._file, search)
        except sqlite3.DatabaseError as exc:
            if not _is_damage(exc):
                raise
            _discard(self._file, seen)
        return _search_in(self._file, search)


class _Candidate(NamedTuple):
    path: bytes
    covered: int
    relevance: float


class _Search:
    """One search: its terms, the folders as they stand, and what it does with whichever index it is given."""

    def __init__(self, terms: tuple[Term, ...], survey: Survey, stopped: Stopped) -> None:
        self._terms = terms
        self._survey = survey
        self._stopped = stopped
        self._unreadable: set[bytes] = set()

    def run(self, connection: sqlite3.Connection) -> Findings:
        self._bring_up_to_date(connection)
        with _transaction(connection, "DEFERRED"):
            live, not_text = self._live(connection)
            covered = self._coverage(connection, live)
            candidates = self._ranked(connection, live, covered)
        best = max((candidate.covered for candidate in candidates), default=0)
        # What holds only a small part of what the best file holds was not meant.
        candidates = [candidate for candidate in candidates if candidate.covered * 2 >= best]
        found = [pair for candidate in candidates[:_CANDIDATES] if (pair := self._places(candidate))]
        found.sort(key=lambda pair: -pair[0].score)
        return Findings(
            files=tuple(file for file, _ in found[:MOST_FILES]),
            matching=len(candidates),
            searched=len(live),
            terms=len(self._terms),
            absent=tuple(term.typed for term, ids in zip(self._terms, covered, strict=True) if not ids),
            share=found[0][1] if found else None,
            skipped=tuple(dict.fromkeys([*self._survey.skipped, *self._skipped(not_text)])),
            missing=tuple(self._survey.missing),
        )

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """Make the index say what the folders hold. Writes nothing when nothing changed."""
        self._remember_folders(connection)
        known = {row[0]: Stamp(*row[1:]) for row in connection.execute("SELECT path, size, mtime, ctime FROM files")}
        files = self._survey.files
        stale = [path for path in known if path not in files and self._survey.covers(path)]
        changed = [path for path, stamp in files.items() if known.get(path) != stamp]
        for batch in _batches(stale + changed):
            if self._stopped():
                return
            with _transaction(connection, "IMMEDIATE"):
                for path in batch:
                    self._take_in(connection, path)

    def _take_in(self, connection: sqlite3.Connection, path: bytes) -> None:
        """Index one file as it is now; another process may have done so since."""
        stamp = self._survey.files.get(path)
        row = connection.execute("SELECT id, size, mtime, ctime, digest FROM files WHERE path = ?", (path,)).fetchone()
        if row and Stamp(*row[1:4]) == stamp:
            return
        raw = self._read(path) if stamp else None
        if stamp is None or raw is None:
            _forget(connection, row)
            return
        stamp, digest = _settled(stamp), hashlib.blake2b(raw, digest_size=16).digest()
        if row and row[4] == digest:
            connection.execute("UPDATE files SET size = ?, mtime = ?, ctime = ? WHERE id = ?", (*stamp, row[0]))
            return
        _forget(connection, row)
        _add(connection, path, stamp, digest, reading.text_of(raw))

    def _read(self, path: bytes) -> bytes | None:
        try:
            return reading.read(path)
        except FileNotFoundError:
            return None
        except OSError:
            self._unreadable.add(path)
            return None

    def _remember_folders(self, connection: sqlite3.Connection) -> None:
        """Note once a day which folders are searched; forget what was indexed of folders that no longer are.

        Not at once, because a project's own folders and the user's take turns.
        """
        today = int(time.time() // 86400)
        days = dict(connection.execute("SELECT path, day FROM folders"))
        if all(days.get(root) == today for root in self._survey.roots):
            return
        days |= dict.fromkeys(self._survey.roots, today)
        kept = {root: day for root, day in days.items() if day > today - _KEPT_DAYS}
        with _transaction(connection, "IMMEDIATE"):
            connection.execute("DELETE FROM folders")
            connection.executemany("INSERT INTO folders VALUES (?, ?)", kept.items())
            if len(kept) < len(days):
                for row in connection.execute("SELECT id, path FROM files").fetchall():
                    if not any(reading.is_inside(row[1], root) for root in kept):
                        _forget(connection, row)

    def _live(self, connection: sqlite3.Connection) -> tuple[dict[int, bytes], list[bytes]]:
        """The indexed files that are there now, by page, and those that turned out to be no text."""
        rows = [
            row for row in connection.execute("SELECT id, path, is_text FROM files") if row[1] in self._survey.files
        ]
        return {row[0]: row[1] for row in rows if row[2]}, [row[1] for row in rows if not row[2]]

    def _coverage(self, connection: sqlite3.Connection, live: dict[int, bytes]) -> list[set[int]]:
        """For every term, the pages that have it."""
        asked = "SELECT rowid FROM pages WHERE pages MATCH ?"
        return [{page for (page,) in connection.execute(asked, (term.match,)) if page in live} for term in self._terms]

    def _ranked(
        self, connection: sqlite3.Connection, live: dict[int, bytes], covered: Sequence[set[int]]
    ) -> list[_Candidate]:
        """Pages with any of the terms: those with more of them first, the more relevant among equals."""
        if not any(covered):
            return []
        count = Counter(page for pages in covered for page in pages)
        asked = f"SELECT rowid, -bm25(pages, {_WEIGHTS}) FROM pages WHERE pages MATCH ?"
        any_term = " OR ".join(term.match for term in self._terms)
        rows = [row for row in connection.execute(asked, (any_term,)) if row[0] in live]
        ranked = [_Candidate(live[page], count[page], max(relevance, 0.0)) for page, relevance in rows]
        return sorted(ranked, key=lambda candidate: (-candidate.covered, -candidate.relevance, candidate.path))

    def _places(self, candidate: _Candidate) -> tuple[FoundFile, float] | None:
        """Where in the file the terms stand, and the share of the query it holds; None when it cannot be read now."""
        raw = self._read(candidate.path)
        text = None if raw is None else reading.text_of(raw)
        if text is None:
            return None
        lines = best_lines(text, self._terms, markdown=reading.is_markdown(candidate.path)) or [opening(text)]
        places = tuple(Place(line.number, line.snippet, line.heading, self._score(candidate, line)) for line in lines)
        together = max(line.terms for line in lines)
        share = (candidate.covered + together) / (2 * len(self._terms))
        file = FoundFile(self._survey.shown(candidate.path), places, max(place.score for place in places))
        return file, round(share, 2)

    def _score(self, candidate: _Candidate, line: Line) -> float:
        """Half for the terms in the file, three tenths for those on the line, the rest for bm25, squeezed below one."""
        terms = len(self._terms)
        relevance = candidate.relevance / (1 + candidate.relevance)
        return round(0.5 * candidate.covered / terms + 0.3 * line.terms / terms + 0.2 * relevance, 4)

    def _skipped(self, not_text: Sequence[bytes]) -> Iterator[Skipped]:
        for path in not_text:
            yield Skipped(self._survey.shown(path), "binary")
        for path in sorted(self._unreadable):
            yield Skipped(self._survey.shown(path), "unreadable")


def _search_in(file: Path, search: _Search) -> Findings:
    with closing(sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)) as connection:
        _make_current(connection)
        return search.run(connection)


def _make_file(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made here and not by SQLite, so that others can never read it; its -wal and -shm take over the mode.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _make_current(connection: sqlite3.Connection) -> None:
    """Give the database this version's tables; those of any other version are dropped, since all can be made again."""
    connection.execute("PRAGMA synchronous = NORMAL")
    # A deleted note's words are overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    if _version(connection) != _VERSION:
        _make_tables(connection)
    # SQLite does not wait here for another process; whoever comes next tries again.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _make_tables(connection: sqlite3.Connection) -> None:
    with _transaction(connection, "IMMEDIATE"):
        if _version(connection) == _VERSION:  # Another process was faster.
            return
        for table in ("pages", "files", "folders"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _discard(file: Path, seen: "_Identity") -> None:
    """Replace a damaged index by an empty one, unless another process has done so since it was `seen`."""
    # SQLite's locks work on every system and die with their owner.
    with closing(sqlite3.connect(f"{file}.lock", timeout=_PATIENCE, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if _identity(file) != seen:
            return
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        _make_file(file)


class _Identity(NamedTuple):
    inode: int
    size: int
    mtime: int


def _identity(file: Path) -> _Identity:
    status = file.stat()
    return _Identity(status.st_ino, status.st_size, status.st_mtime_ns)


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    code: int = getattr(exc, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself when the disk is full.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _add(connection: sqlite3.Connection, path: bytes, stamp: Stamp, digest: bytes, text: str | None) -> None:
    page = connection.execute(
        "INSERT INTO files (path, size, mtime, ctime, digest, is_text) VALUES (?, ?, ?, ?, ?, ?)",
        (path, *stamp, digest, text is not None),
    ).lastrowid
    if text is None:
        return
    name = Path(os.fsdecode(path)).stem
    titles = "\n".join(heading.title for heading in headings(text)) if reading.is_markdown(path) else ""
    columns = (index_tokens(one_line(name)), index_tokens(titles), index_tokens(text))
    connection.execute("INSERT INTO pages (rowid, name, headings, body) VALUES (?, ?, ?, ?)", (page, *columns))


def _forget(connection: sqlite3.Connection, row: Sequence[object] | None) -> None:
    """Take a file out; `row` begins with its id, None is a file that was never in."""
    if row is not None:
        connection.execute("DELETE FROM files WHERE id = ?", (row[0],))
        connection.execute("DELETE FROM pages WHERE rowid = ?", (row[0],))


def _settled(stamp: Stamp) -> Stamp:
    newest = max(stamp.mtime, stamp.ctime)
    return stamp if time.time_ns() - newest > _SETTLED_AFTER else stamp._replace(mtime=_UNSETTLED)


def _batches(paths: Sequence[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(paths)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
