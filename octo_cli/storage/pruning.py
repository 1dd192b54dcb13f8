"""Pruning: which checkpoints of a thread may go, and their removal. Which threads are meant is the caller's business.

What stays is every checkpoint a person can name, unchanged: the first and the last of every branch, the end of every
turn, each question, what its answer led to, where branches part, and what the audit log names. With them stays what
their growing values are read from (LangGraph rebuilds a delta channel from the writes on its ancestors, back to a
snapshot): every checkpoint with such a write, and the snapshots. Each that stays follows the nearest one before it
that does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from octo_cli.storage.checkpoints import CheckpointRow, rows_since
from octo_cli.storage.database import Database, Run
from octo_cli.storage.leases import refuse_if_held

# Checkpoints of the supervisor that are looked at when a turn has ended: no turn is longer.
WINDOW: Final = 500
_ASKED: Final = "__interrupt__"
_COUNTERS: Final = "counters_since_delta_snapshot"
_BRANCHED: Final = frozenset({"fork", "update"})
_NOTHING_OPEN: Final = "\x7f"
_A_STATEMENT: Final = 500
# What of a thread takes room beside its checkpoints.
_TEXTS: Final = {"octo_messages": "text", "octo_documents": "fields, text", "octo_questions": "question"}

Place = tuple[str, str]
Written = Mapping[Place, set[str]]


class Thinned(Struct, frozen=True):
    """How many checkpoints went, and the bytes of all that went with them."""

    checkpoints: int
    bytes: int


class Pruning:
    _database: Database

    def thinned(self, thread_id: str, *, dry: bool = False) -> Thinned:
        """`thin` and what it came to; a `dry` one is done like any other and taken back.

        Raises ThreadBusy when someone alive is running the thread.
        """
        told = Thinned(0, 0)
        with suppress(_TakenBackError), self._database.write(thread_id) as run:
            refuse_if_held(run, thread_id, self._database.now())
            before = self.bytes_of(thread_id)
            went = self.thin(thread_id)
            told = Thinned(went, before - self.bytes_of(thread_id) if went else 0)
            if dry:
                raise _TakenBackError
        return told

    def thin(self, thread_id: str, *, recent: bool = False) -> int:
        """Remove the superseded checkpoints of a thread's finished turns; returns how many went.

        The caller holds the thread's lease, or sees in the same transaction that nobody does.

        `recent` looks at the newest ones only, so that a turn costs the same however many came before it.
        """
        if not self._database.has_table("checkpoints"):
            return 0
        with self._database.write(thread_id) as run:
            since = self._window(thread_id) if recent else ""
            rows = rows_since(self._database, thread_id, since)
            choice = _Choice(rows, self.written(thread_id, since), self._named(thread_id), self._open(thread_id, rows))
            kept = choice.kept()
            for ns, checkpoint_id, parent_id in _relinked(rows, kept):
                run(
                    "UPDATE checkpoints SET parent_checkpoint_id = ?"
                    " WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
                    (parent_id, thread_id, ns, checkpoint_id),
                )
            gone = [place for row in rows if (place := _place(row)) not in kept]
            self._remove(run, thread_id, gone)
        return len(gone)

    def bytes_of(self, thread_id: str) -> int:
        """What a thread's checkpoints and texts hold, without what the database spends on keeping them."""
        tables = {name: columns for name, columns in self._database.checkpoint_tables.items() if self._has(name)}
        total = 0
        for table, columns in (tables | _TEXTS).items():
            size = " + ".join(f"COALESCE({self._database.size_of(column)}, 0)" for column in columns.split(", "))
            sql = f"SELECT COALESCE(SUM({size}), 0) FROM {table} WHERE thread_id = ?"
            total += int(self._database.read(sql, thread_id)[0][0])
        return total

    def shrink(self) -> bool:
        """Give the room of what was deleted back to the disk; False when the disk is too full for that."""
        return self._database.shrink()

    def _has(self, table: str) -> bool:
        return self._database.has_table(table)

    def _window(self, thread_id: str) -> str:
        found = self._database.read(
            "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ''"
            " ORDER BY checkpoint_id DESC LIMIT 1 OFFSET ?",
            *(thread_id, WINDOW),
        )
        return str(found[0][0]) if found else ""

    def written(self, thread_id: str, since: str = "") -> Written:
        """The channels that were written to on each checkpoint."""
        *_, writes = self._database.checkpoint_tables
        rows = self._database.read(
            f"SELECT DISTINCT checkpoint_ns, checkpoint_id, channel FROM {writes}"
            " WHERE thread_id = ? AND checkpoint_id >= ?",
            *(thread_id, since),
        )
        written: dict[Place, set[str]] = defaultdict(set)
        for ns, checkpoint_id, channel in rows:
            written[ns, checkpoint_id].add(channel)
        return written

    def _named(self, thread_id: str) -> set[str]:
        sql = "SELECT DISTINCT checkpoint_id FROM octo_audit WHERE thread_id = ? AND checkpoint_id IS NOT NULL"
        return {checkpoint_id for (checkpoint_id,) in self._database.read(sql, thread_id)}

    def _open(self, thread_id: str, rows: Sequence[CheckpointRow]) -> str:
        """Where the turn began that is not finished: from there on all is kept."""
        if self._database.read("SELECT 1 FROM octo_threads WHERE thread_id = ? AND status = 'completed'", thread_id):
            return _NOTHING_OPEN
        begun = [row.checkpoint_id for row in rows if not row.checkpoint_ns and _source(row) == "input"]
        return max(begun, default="")

    def _remove(self, run: Run, thread_id: str, gone: Sequence[Place]) -> None:
        checkpoints, *_, writes = self._database.checkpoint_tables
        by_namespace: dict[str, list[str]] = defaultdict(list)
        for ns, checkpoint_id in gone:
            by_namespace[ns].append(checkpoint_id)
        for ns, ids in by_namespace.items():
            for start in range(0, len(ids), _A_STATEMENT):
                some = ids[start : start + _A_STATEMENT]
                where = f"thread_id = ? AND checkpoint_ns = ? AND checkpoint_id IN ({', '.join('?' * len(some))})"
                for table in (checkpoints, writes):
                    run(f"DELETE FROM {table} WHERE {where}", (thread_id, ns, *some))
        if gone:
            self._database.drop_unnamed(run, thread_id)


class _TakenBackError(Exception):
    """Rolls a transaction back."""


class _Choice:
    """Which of `rows`, oldest first, stay. `written`: the channels written to on each; `named`: ids to keep;
    everything of the supervisor's from `open_from` on is of a turn that is not finished."""

    def __init__(self, rows: Sequence[CheckpointRow], written: Written, named: set[str], open_from: str) -> None:
        self.written = written
        self.named = named
        self.open_from = open_from
        self.chains: dict[str, list[CheckpointRow]] = defaultdict(list)
        for row in rows:
            self.chains[row.checkpoint_ns].append(row)
        self.callers = {ns: _caller(chain[-1]) for ns, chain in self.chains.items() if ns}
        self.deltas = {channel for row in rows for channel in _counters(row)}

    def kept(self) -> set[Place]:
        kept: set[Place] = set()
        known = {_place(row) for chain in self.chains.values() for row in chain}
        together = Counter(self.callers.values())
        # A chain belongs to a checkpoint of the chain above it, which is decided before it.
        for ns, chain in sorted(self.chains.items(), key=lambda item: (bool(item[0]), item[0].count("|"))):
            caller = self.callers.get(ns)
            if caller in known and caller not in kept:
                continue
            # Of steps side by side, going back puts each where it stood then: any place may be wanted.
            whole = caller is not None and (caller not in known or self._is_open(caller) or together[caller] > 1)
            kept.update(map(_place, chain) if whole else self._named_in(chain))
        return kept

    def _named_in(self, chain: Sequence[CheckpointRow]) -> Iterator[Place]:
        rows = {row.checkpoint_id: row for row in chain}
        children: dict[str, list[CheckpointRow]] = defaultdict(list)
        for row in chain:
            if row.parent_checkpoint_id:
                children[row.parent_checkpoint_id].append(row)
        for row in chain:
            parent = rows.get(row.parent_checkpoint_id or "")
            if parent is None or self._can_be_named(row, parent, children[row.checkpoint_id]):
                yield _place(row)

    def _can_be_named(self, row: CheckpointRow, parent: CheckpointRow, children: Sequence[CheckpointRow]) -> bool:
        if len(children) != 1 or self._is_open(_place(row)) or row.checkpoint_id in self.named:
            return True
        (child,) = children
        if self._went_on_without(row, child) or self._went_on_without(parent, row):
            return True
        if not _BRANCHED.isdisjoint({_source(row), _source(child)}) or not self._left_something(row):
            return True
        return self._asked(row) or self._asked(parent) or self._is_read_from(row, child)

    def _went_on_without(self, row: CheckpointRow, child: CheckpointRow) -> bool:
        """Whether a new turn left this one unfinished; where it began stays too, or nothing would tell this later."""
        return _source(child) == "input" and self._left_something(row)

    def _left_something(self, row: CheckpointRow) -> bool:
        """Whether anything ran from here: a finished turn ends where nothing did."""
        return bool(self.written.get(_place(row)))

    def _asked(self, row: CheckpointRow) -> bool:
        return _ASKED in self.written.get(_place(row), ())

    def _is_read_from(self, row: CheckpointRow, child: CheckpointRow) -> bool:
        """Whether later values need it: writes of a growing one hang on it, or it holds a snapshot.

        A checkpoint that holds a value whole does not count what came since; the one after it does.
        """
        return not self.deltas.isdisjoint(self.written.get(_place(row), ())) or bool(_counters(child) - _counters(row))

    def _is_open(self, place: Place) -> bool:
        ns, checkpoint_id = place
        while ns:
            ns, checkpoint_id = self.callers.get(ns, (_up(ns), checkpoint_id))
        return checkpoint_id >= self.open_from


def _relinked(rows: Iterable[CheckpointRow], kept: set[Place]) -> Iterator[tuple[str, str, str | None]]:
    """Namespace, id and new parent of each that stays and whose parent goes."""
    parents = {_place(row): row.parent_checkpoint_id for row in rows}
    for (ns, checkpoint_id), parent_id in parents.items():
        nearest = parent_id
        while nearest is not None and (ns, nearest) in parents and (ns, nearest) not in kept:
            nearest = parents[ns, nearest]
        if nearest != parent_id and (ns, checkpoint_id) in kept:
            yield ns, checkpoint_id, nearest


def _place(row: CheckpointRow) -> Place:
    return row.checkpoint_ns, row.checkpoint_id


def _source(row: CheckpointRow) -> str:
    return str(row.metadata.get("source"))


def _counters(row: CheckpointRow) -> set[str]:
    """The growing values of which something came since they were last stored whole."""
    return set(row.metadata.get(_COUNTERS) or ())


def _caller(row: CheckpointRow) -> Place:
    """The checkpoint whose task this one is part of."""
    above = _up(row.checkpoint_ns)
    return above, str(row.metadata.get("parents", {}).get(above, ""))


def _up(ns: str) -> str:
    return ns.rpartition("|")[0]
