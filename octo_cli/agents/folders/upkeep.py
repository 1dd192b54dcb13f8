"""What keeps the index true to the folders: new, changed, moved and deleted files. Knows no query."""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from octo_cli.agents.apart import Apart
from octo_cli.agents.folders import reading
from octo_cli.agents.folders.extraction import extractor, text_apart
from octo_cli.agents.folders.formats import Unreadable
from octo_cli.agents.folders.lines import headings
from octo_cli.agents.folders.reading import Reason, Stamp, Survey
from octo_cli.agents.folders.store import transaction
from octo_cli.values.terms import index_tokens, name_tokens
from octo_cli.values.text import one_line

Stopped = Callable[[], bool]
Progress = Callable[[int, int], None]

_BATCH: Final = 100  # files a transaction, so that others and a cancel wait for no more
_WORTH_TELLING: Final = 300  # files; fewer are read before anybody wonders
_PACKED_WEIGHS: Final = 20  # how many plain files take as long as one that a parser reads
_KEPT_DAYS: Final = 30  # how long a folder that is no longer searched stays indexed
# A file written this shortly before it was read may change again without a new time stamp (FAT counts two seconds).
_SETTLED_AFTER: Final = 2 * 10**9
_UNSETTLED: Final = -1


class _Row(NamedTuple):
    """What the index knows of a file."""

    id: int
    stamp: Stamp
    digest: bytes


class _Content(NamedTuple):
    """A file's hash, and its text or why there is none; `kept` where only a parser could read it again."""

    digest: bytes
    text: str | None
    reason: Reason | None = None
    kept: bool = False


class Upkeep:
    """One search's look at the folders, written into the index. `unreadable` are the files nobody would open.

    `progress` is told, about ten times, how many of how many files are read, when there are many.
    """

    def __init__(self, survey: Survey, stopped: Stopped, progress: Progress) -> None:
        self.unreadable: set[bytes] = set()
        self._survey = survey
        self._stopped = stopped
        self._progress = progress

    def run(self, connection: sqlite3.Connection) -> None:
        """Make the index say what the folders hold. Writes nothing when nothing changed."""
        self._remember_folders(connection)
        known = {row[0]: Stamp(*row[1:]) for row in connection.execute("SELECT path, size, mtime, ctime FROM files")}
        files = self._survey.files
        stale = [path for path in known if path not in files and self._survey.covers(path)]
        changed = [path for path, stamp in files.items() if known.get(path) != stamp]
        plain = [path for path in changed if reading.kind_of(path) is None]
        packed = [path for path in changed if reading.kind_of(path)]
        told = self._telling(len(plain) + len(packed), worth=len(plain) + _PACKED_WEIGHS * len(packed))
        for batch in _batches(stale + plain):
            if self._stopped():
                return
            with transaction(connection, "IMMEDIATE"):
                for path in batch:
                    self._take_in(connection, path)
            told(sum(path in files for path in batch))
        self._take_in_packed(connection, packed, told)

    def _telling(self, total: int, *, worth: int) -> Callable[[int], None]:
        done = 0

        def told(more: int) -> None:
            nonlocal done
            before, done = done, done + more
            if worth >= _WORTH_TELLING and before * 10 // total < done * 10 // total:
                self._progress(done, total)

        return told

    def _take_in(self, connection: sqlite3.Connection, path: bytes) -> None:
        """Index one plain file as it is now; another process may have done so since."""
        row = _row(connection, path)
        if row is None or row.stamp != self._survey.files.get(path):
            self._put(connection, path, row, self._plain(path))

    def _take_in_packed(
        self, connection: sqlite3.Connection, paths: Sequence[bytes], told: Callable[[int], None]
    ) -> None:
        """Index files that a parser must read, which may take long: outside any transaction, so that nobody waits."""
        with extractor(self._stopped) as child:
            for path in paths:
                if self._stopped():
                    return
                content = self._packed(path, child, _row(connection, path))
                if self._stopped():
                    return  # before it was read, perhaps
                with transaction(connection, "IMMEDIATE"):
                    self._put(connection, path, _row(connection, path), content)
                told(1)

    def _put(self, connection: sqlite3.Connection, path: bytes, row: _Row | None, content: _Content | None) -> None:
        stamp = self._survey.files.get(path)
        if stamp is None or content is None:
            _forget(connection, row)
            return
        if path not in self._survey.papers:
            stamp = _settled(stamp)
        if row and row.digest == content.digest:
            connection.execute("UPDATE files SET size = ?, mtime = ?, ctime = ? WHERE id = ?", (*stamp, row.id))
            return
        if content.text is None and content.reason is None:
            return  # It was the same as indexed, and another process has taken it out since.
        _forget(connection, row)
        _add(connection, path, stamp, content, self._name(path))

    def _plain(self, path: bytes) -> _Content | None:
        if paper := self._survey.papers.get(path):
            return _Content(paper.doc_hash.encode(), paper.load())
        raw = self.read(path) if path in self._survey.files else None
        if raw is None:
            return None
        text = reading.text_of(raw)
        return _Content(_digest(raw), text, None if text is not None else "binary")

    def _packed(self, path: bytes, child: Apart, row: _Row | None) -> _Content | None:
        raw = self.read(path)
        if raw is None:
            return None
        digest = _digest(raw)
        if row and row.digest == digest:
            return _Content(digest, None)
        try:
            return _Content(digest, text_apart(child, reading.kind_of(path) or "", raw), kept=True)
        except Unreadable as exc:
            return _Content(digest, None, exc.reason)
        except OSError:  # no process could be started; another time it may
            self.unreadable.add(path)
            return None

    def read(self, path: bytes) -> bytes | None:
        try:
            return reading.read(path)
        except FileNotFoundError:
            return None
        except OSError:
            self.unreadable.add(path)
            return None

    def _name(self, path: bytes) -> str:
        """What a file is called, without its suffix; a paper also by its title."""
        if paper := self._survey.papers.get(path):
            return f"{paper.title} {paper.path.stem}"
        return Path(os.fsdecode(path)).stem

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
        with transaction(connection, "IMMEDIATE"):
            connection.execute("DELETE FROM folders")
            connection.executemany("INSERT INTO folders VALUES (?, ?)", kept.items())
            if len(kept) < len(days):
                for row in connection.execute("SELECT path FROM files").fetchall():
                    if not any(reading.is_inside(row[0], root) for root in kept):
                        _forget(connection, _row(connection, row[0]))


def _row(connection: sqlite3.Connection, path: bytes) -> _Row | None:
    asked = "SELECT id, size, mtime, ctime, digest FROM files WHERE path = ?"
    row = connection.execute(asked, (path,)).fetchone()
    return _Row(row[0], Stamp(*row[1:4]), row[4]) if row else None


def _add(connection: sqlite3.Connection, path: bytes, stamp: Stamp, content: _Content, name: str) -> None:
    text = content.text
    page = connection.execute(
        "INSERT INTO files (path, size, mtime, ctime, digest, reason, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (path, *stamp, content.digest, content.reason or "", text if content.kept else None),
    ).lastrowid
    if text is None:
        return
    titles = "\n".join(heading.title for heading in headings(text)) if reading.has_headings(path) else ""
    parts = name_tokens(f"{name}\n{text}") if reading.is_code(path) else ""
    columns = (index_tokens(one_line(name)), index_tokens(titles), index_tokens(text), parts)
    connection.execute(
        "INSERT INTO pages (rowid, name, headings, body, parts) VALUES (?, ?, ?, ?, ?)", (page, *columns)
    )


def _forget(connection: sqlite3.Connection, row: _Row | None) -> None:
    if row is not None:
        connection.execute("DELETE FROM files WHERE id = ?", (row.id,))
        connection.execute("DELETE FROM pages WHERE rowid = ?", (row.id,))
        connection.execute("DELETE FROM passages WHERE file = ?", (row.id,))


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest()


def _settled(stamp: Stamp) -> Stamp:
    newest = max(stamp.mtime, stamp.ctime)
    return stamp if time.time_ns() - newest > _SETTLED_AFTER else stamp._replace(mtime=_UNSETTLED)


def _batches(paths: Sequence[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(paths)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
