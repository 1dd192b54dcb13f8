"""The thread index: one row a thread, so that lists, lookups and titles never read a checkpoint."""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypedDict, Unpack
from unicodedata import normalize

import msgspec
from msgspec import Struct

from octo_cli.errors import NotFound, StorageError, UsageError
from octo_cli.storage.audit import NO_ENTRIES
from octo_cli.storage.database import Database, Row, Run
from octo_cli.storage.leases import held_threads, lease_key, refuse_if_held
from octo_cli.storage.memory import memory_key
from octo_cli.storage.moments import stamp
from octo_cli.storage.texts import ThreadTexts
from octo_cli.wire.forms import Answer
from octo_cli.wire.work import ThreadRecord, ThreadStatus, Usage, total

PREFIX: Final = 4
LAST: Final = "last"

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_COLUMNS: Final = "thread_id, title, status, user_name, created_at, updated_at, pending, turns, documents"
NEXT_RECENCY: Final = "(SELECT COALESCE(MAX(recency), 0) + 1 FROM octo_threads)"
# A row left `running` by an owner who died is shown as `active`.
_STORED_AS: Final[dict[ThreadStatus, tuple[ThreadStatus, ...]]] = {"active": ("active", "running")}
_SETS: Final = {
    "status": "status = ?",
    "title": "title = CASE WHEN titled_by_user = 1 THEN title ELSE ? END",
    "turns_added": "turns = turns + ?",
    "active_seconds": "active_seconds = ?",
    "graph_version": "graph_version = ?",
    "failure": "failure = ?",
    "turn_usage": "turn_usage = ?",
    "past_usage": "past_usage = ?",
    "model": "model = ?",
    "answers": "answers = ?",
    "going_to": "going_to = ?",
}
_JSON: Final = frozenset({"failure", "turn_usage", "past_usage", "answers"})
# What people said is encrypted where the database is.
_SEALED: Final = frozenset({"failure", "answers"})
_TABLE: Final = "octo_threads"
_TABLES: Final = (
    *("octo_questions", "octo_audit", "octo_audit_heads", "octo_documents", "octo_leases", "octo_messages"),
    *("octo_summaries", "octo_recalled", "octo_threads"),
)
_TIMES: Final = ("created_at", "updated_at")
_NEAR_AMONG: Final = 200
_NAMED: Final = 5
_ALL: Final = 2**62


class ThreadDetails(Struct, frozen=True):
    """What `inspect` and the engine ask of a thread beyond its row. `active_seconds` leaves pauses out.

    `turn_usage` is what the turn that runs or ran last used of models, by step id; `past_usage` what those before did.
    `model` is what its last run thought with, None before the first. `answers` are those a run was given, by question,
    until it ends in order: of one that died they are there to be worked in. `going_to` is the checkpoint that a
    rollback takes the thread to, None when it stands where it should.
    """

    graph_version: str | None
    active_seconds: float
    failure: dict[str, Any] | None
    titled_by_user: bool
    turn_usage: dict[str, Usage] = {}
    past_usage: Usage | None = None
    model: str | None = None
    answers: dict[str, Answer] = {}
    going_to: str | None = None

    @property
    def usage(self) -> Usage | None:
        """What the whole thread has used; None when no model was ever asked."""
        return total((*((self.past_usage,) if self.past_usage else ()), *self.turn_usage.values()))


class Changes(TypedDict, total=False):
    """What `touch` may change; None and absent both mean unchanged.

    `title` is an automatic one and never replaces a person's. `failure` is JSON; a `status` given without it clears it.
    An empty `going_to` means that the thread stands where it should.
    """

    status: ThreadStatus | None
    title: str | None
    turns_added: int
    active_seconds: float | None
    graph_version: str | None
    failure: dict[str, Any] | None
    turn_usage: dict[str, Usage]
    past_usage: Usage | None
    model: str | None
    answers: dict[str, Answer]
    going_to: str


class Threads:
    _database: Database

    def create_thread(self, thread_id: str, *, title: str, user: str, now: datetime) -> ThreadRecord:
        """Raises UsageError "thread_id_invalid" or "thread_exists"."""
        if not is_thread_id(thread_id):
            raise UsageError("thread_id_invalid", ref=thread_id)
        at = stamp(now)
        record = ThreadRecord(thread_id, normalize("NFC", title), "active", user, at, at)
        with self._database.write(thread_id) as run:
            if run("SELECT 1 FROM octo_threads WHERE thread_id = ?", (thread_id,)).fetchone():
                raise UsageError("thread_exists", ref=thread_id)
            run(
                "INSERT INTO octo_threads"
                " (thread_id, title, status, user_name, created_at, updated_at, audit_head, recency)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, {NEXT_RECENCY})",
                (
                    *(thread_id, self._seal_own("title", record.title, thread_id), record.status, user, at, at),
                    self._seal_own("audit_head", NO_ENTRIES, thread_id),
                ),
            )
        return record

    def thread(self, thread_id: str, *, now: datetime | None = None) -> ThreadRecord | None:
        rows = self._database.read(f"SELECT {_COLUMNS} FROM octo_threads WHERE thread_id = ?", thread_id)
        return self._shown(rows, now)[0] if rows else None

    def thread_details(self, thread_id: str) -> ThreadDetails | None:
        rows = self._database.read(
            "SELECT graph_version, active_seconds, failure, titled_by_user, turn_usage, past_usage, model,"
            " answers, going_to FROM octo_threads WHERE thread_id = ?",
            thread_id,
        )
        if not rows:
            return None
        graph_version, active_seconds, failure, titled_by_user, turn, past, model, answers, going_to = rows[0]
        plain = ThreadDetails(
            graph_version, active_seconds, None, titled_by_user in (1, True), model=model, going_to=going_to
        )
        self._database.checked(plain, (), _TABLE, thread_id)
        decode = self._database.decode
        return ThreadDetails(
            graph_version,
            active_seconds,
            self._database.decode_sealed(failure, dict[str, Any], _TABLE, "failure", thread_id) if failure else None,
            bool(titled_by_user),
            decode(turn, dict[str, Usage], _TABLE, "turn_usage", thread_id),
            decode(past, Usage, _TABLE, "past_usage", thread_id) if past else None,
            model,
            self._database.decode_sealed(answers, dict[str, Answer], _TABLE, "answers", thread_id) if answers else {},
            going_to or None,
        )

    def threads(
        self,
        *,
        status: ThreadStatus | None = None,
        user: str | None = None,
        limit: int | None = None,
        now: datetime | None = None,
        damaged: list[StorageError] | None = None,
    ) -> list[ThreadRecord]:
        """Most recently touched first. `now` is real time, for telling a live owner from an expired one.

        Raises StorageError for a row that is none; with `damaged` it is told there, and the others are listed.
        """
        # Few threads run, and of those that stand as running some may be shown as active.
        enough = None if status == "running" else limit
        stored = _STORED_AS.get(status, (status,)) if status else (None,)
        rows = [row for one in stored for row in self._listed(one, user, None if one == "running" else enough)]
        rows.sort(key=_recency, reverse=True)
        shown = self._shown([row[1:] for row in rows], now, damaged)
        return list(islice((record for record in shown if status in (None, record.status)), limit))

    def count_threads(self, *, status: ThreadStatus | None = None, user: str | None = None) -> int:
        """How many rows `threads` has to tell of, a dead owner's counted as it stands."""
        stored = _STORED_AS.get(status, (status,)) if status else (None,)
        return sum(self._count(one, user) for one in stored)

    def abandoned(self, *, now: datetime | None = None) -> list[str]:
        """The threads whose run died: they stand as running, and nobody alive runs them."""
        running = self._database.read("SELECT thread_id FROM octo_threads WHERE status = 'running'")
        held = held_threads(self._database, now or self._database.now()) if running else set()
        return [thread_id for (thread_id,) in running if thread_id not in held]

    def resolve(self, ref: str) -> str:
        """The full id of what a person typed: an id, a prefix of 4 characters or more, an exact title, or "last".

        Raises NotFound "thread_not_found" (ref, near) or "thread_ambiguous" (ref, matches); `near` and `matches` are
        `id "title"` lists, `near` an empty one when nothing is.
        """
        # An argument of the command line may hold bytes that are no text.
        ref = normalize("NFC", ref).encode("utf-8", "replace").decode("utf-8")
        if self._database.read("SELECT 1 FROM octo_threads WHERE thread_id = ?", ref):
            return ref
        matches = self._newest(1) if ref == LAST else [*self._titled(ref), *self._beginning(ref)]
        matches = list(dict.fromkeys(matches))[:_NAMED]
        if not matches:
            raise NotFound("thread_not_found", ref=ref, near=_named(self._near(ref)))
        if len(matches) > 1:
            raise NotFound("thread_ambiguous", ref=ref, matches=_named(matches))
        return str(matches[0][0])

    def touch(self, thread_id: str, *, now: datetime, **changes: Unpack[Changes]) -> None:
        """Note that something happened to the thread, which makes it the most recent one."""
        given: dict[str, object] = {name: value for name, value in changes.items() if value is not None}
        if "status" in given:
            given.setdefault("failure", None)
        sets = ", ".join(["updated_at = ?", f"recency = {NEXT_RECENCY}", *(_SETS[name] for name in given)])
        columns = (self._column(thread_id, name, value) for name, value in given.items())
        values = (stamp(now), *columns, thread_id)
        with self._database.write(thread_id) as run:
            texts = ThreadTexts(self._database, run, thread_id)
            with texts.retitling() if "title" in given else nullcontext():
                _one_row(run(f"UPDATE octo_threads SET {sets} WHERE thread_id = ?", values).rowcount, thread_id)

    def rename(self, thread_id: str, title: str) -> None:
        """A person's title: no automatic one replaces it."""
        with self._database.write(thread_id) as run, ThreadTexts(self._database, run, thread_id).retitling():
            renamed = run(
                "UPDATE octo_threads SET title = ?, titled_by_user = 1 WHERE thread_id = ?",
                (self._seal_own("title", normalize("NFC", title), thread_id), thread_id),
            )
            _one_row(renamed.rowcount, thread_id)

    def delete(self, thread_ids: Sequence[str], *, now: datetime | None = None) -> int:
        """Remove every row of these threads, checkpoints and audit included; returns how many threads there were.

        Raises ThreadBusy, and removes none, when one of them is being run.
        """
        theirs = [name for name in self._database.checkpoint_tables if self._database.has_table(name)]
        tables = [*theirs, *_TABLES]
        with self._database.write(*thread_ids, *map(lease_key, thread_ids), *map(memory_key, thread_ids)) as run:
            for thread_id in thread_ids:
                refuse_if_held(run, thread_id, now or self._database.now())
                ThreadTexts(self._database, run, thread_id).take_all()
            if self._database.text_index.tidy:
                run(self._database.text_index.tidy, ())
            return sum(_delete_thread(run, tables, thread_id) for thread_id in thread_ids)

    def _listed(self, status: str | None, user: str | None, limit: int | None) -> list[Row]:
        where, values = _where(status, user)
        sql = f"SELECT recency, {_COLUMNS} FROM octo_threads{where} ORDER BY recency DESC LIMIT ?"
        return self._database.read(sql, *values, _ALL if limit is None else limit)

    def _count(self, status: str | None, user: str | None) -> int:
        where, values = _where(status, user)
        return int(self._database.read(f"SELECT COUNT(*) FROM octo_threads{where}", *values)[0][0])

    def _shown(
        self, rows: Sequence[Row], now: datetime | None, damaged: list[StorageError] | None = None
    ) -> list[ThreadRecord]:
        """Rows as they are told: one whose run died is active."""
        records = []
        for row in rows:
            try:
                records.append(self._thread(row))
            except StorageError as error:
                if damaged is None:
                    raise
                damaged.append(error)
        # Asking after an owner means asking the system about a process: only for who needs it.
        if all(record.status != "running" for record in records):
            return records
        held = held_threads(self._database, now or self._database.now())
        return [
            msgspec.structs.replace(record, status="active")
            if record.status == "running" and record.thread_id not in held
            else record
            for record in records
        ]

    def _titled(self, title: str) -> list[Row]:
        if self._database.encrypts:
            # No two sealed titles are alike: they have to be opened to be compared.
            return list(islice((row for row in self._newest(None) if row[1] == title != ""), _NAMED))
        sql = "SELECT thread_id, title FROM octo_threads WHERE title = ? AND title <> '' ORDER BY recency DESC LIMIT ?"
        return self._database.read(sql, title, _NAMED)

    def _beginning(self, prefix: str) -> list[Row]:
        if len(prefix) < PREFIX:
            return []
        # A range, since LIKE would ignore case and so the index. All ids are ASCII: "\x7f" comes after any of them.
        between = "thread_id >= ? AND thread_id < ? ORDER BY thread_id LIMIT ?"
        sql = f"SELECT thread_id, title FROM octo_threads WHERE {between}"
        return self._with_titles(self._database.read(sql, prefix, f"{prefix}\x7f", _NAMED))

    def _near(self, ref: str) -> list[Row]:
        from difflib import get_close_matches

        rows = self._newest(_NEAR_AMONG)
        named = {name: row for row in reversed(rows) for name in (row[0], row[0][: len(ref)], row[1])}
        close = get_close_matches(ref, named, n=_NAMED, cutoff=0.5)
        return list({named[name][0]: named[name] for name in close}.values())

    def _newest(self, count: int | None) -> list[Row]:
        limit, values = ("", ()) if count is None else (" LIMIT ?", (count,))
        rows = self._database.read(f"SELECT thread_id, title FROM octo_threads ORDER BY recency DESC{limit}", *values)
        return self._with_titles(rows)

    def _with_titles(self, rows: Sequence[Row]) -> list[Row]:
        return [(thread_id, self._database.unseal(title, _TABLE, "title", thread_id)) for thread_id, title in rows]

    def _thread(self, row: Row) -> ThreadRecord:
        thread_id, title, *rest = row
        record = ThreadRecord(thread_id, self._database.unseal(title, _TABLE, "title", thread_id), *rest)
        return self._database.checked(record, _TIMES, _TABLE, thread_id)

    def _column(self, thread_id: str, name: str, value: object) -> object:
        if name == "title" and isinstance(value, str):
            return self._seal_own(name, normalize("NFC", value), thread_id)
        if name not in _JSON or value is None:
            return value
        text = msgspec.json.encode(value).decode()
        return self._seal_own(name, text, thread_id) if name in _SEALED else text

    def _seal_own(self, column: str, text: str, thread_id: str) -> str:
        return self._database.seal(text, _TABLE, column, thread_id)


def _where(status: str | None, user: str | None) -> tuple[str, tuple[str, ...]]:
    given = {"status": status, "user_name": user}
    asked = {column: value for column, value in given.items() if value is not None}
    where = " AND ".join(f"{column} = ?" for column in asked)
    return f" WHERE {where}" if where else "", tuple(asked.values())


def _one_row(rows: int, thread_id: str) -> None:
    if not rows:
        raise NotFound("thread_not_found", ref=thread_id, near=_named([]))


def _recency(row: Row) -> int:
    # A file takes any value in any column; `check` names it.
    return row[0] if isinstance(row[0], int) else 0


def _named(rows: Sequence[Row]) -> str:
    return ", ".join(f'{thread_id} "{title}"' for thread_id, title in rows)


def _delete_thread(run: Run, tables: Sequence[str], thread_id: str) -> int:
    """1 if the thread was in the index (the last table), else 0."""
    return [run(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,)).rowcount for table in tables][-1]


def is_thread_id(text: str) -> bool:
    """Whether a thread may be called so."""
    return bool(_ID.fullmatch(text)) and text != LAST
