"""Whole threads from one database to another, of either kind: all of a thread arrives, or nothing of it does.

What arrived is read back and compared before it is kept. A thread that is there already and equal is left alone, so a
copy that was interrupted is finished by another; one that differs is refused by name and never merged.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from octo_cli.errors import StorageError, ThreadBusy, UsageError
from octo_cli.storage import Storage
from octo_cli.storage.database import Database, Run
from octo_cli.storage.leases import held_threads
from octo_cli.storage.memory import fact_place, is_fact
from octo_cli.storage.portable import Digest, digest, new_names, parts, put, renamed
from octo_cli.storage.texts import ThreadTexts

# Called after every thread with how many are done and how many there are.
Progress = Callable[[int, int], None]
Facts = dict[tuple[str, str], str]
_NAMED: Final = 5
# What one thread of a database has and no other.
_UNIQUE: Final = {"octo_documents": ("document_id", "version"), "octo_audit": ("entry_key", "part")}


class Copied(Struct, frozen=True):
    """`checksum` is over the threads and facts that now are in both databases; `damaged` were left out."""

    copied: int
    unchanged: int
    facts: int
    checksum: str
    damaged: tuple[str, ...] = ()


class Damaged(dict[str, None]):
    """What of a database cannot be read, in the order in which it was met."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._path = database.name

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Damage met inside is noted under `name`, and ends what is done inside."""
        try:
            yield
        except StorageError as error:
            if error.code != "storage_corrupt" or error.values.get("path") != self._path:
                raise
            self[name] = None

    def refuse(self, path: object) -> None:
        """Raise StorageError "copy_damaged" (threads) if there is any."""
        if self:
            raise StorageError("copy_damaged", path=path, threads=", ".join(self))


def copy(
    source: Database,
    target: Database,
    thread_ids: Sequence[str] | None,
    progress: Progress = lambda _done, _all: None,
    *,
    running: bool = False,
    skip_damaged: bool = False,
) -> Copied:
    """Copy these threads, or all threads and facts. `running`: also those that are being run, as they stand.

    Raises UsageError "same_database", ThreadBusy "thread_busy" for a thread that is being run, and StorageError
    "copy_differs" (threads) before anything is written; "copy_damaged" (threads) after all that is whole has arrived,
    unless damaged ones are to be left out.
    """
    if source.same_as(target):
        raise UsageError("same_database", path=target.name)
    for database in (source, target):
        database.make_checkpoint_tables()
    damaged = Damaged(source)
    with source.snapshot():
        wanted = _in_order(source, thread_ids)
        if not running:
            refuse_running(source, wanted)
        there = _already_there(source, target, wanted, damaged)
        sums = dict(there)
        for done, thread_id in enumerate(wanted, 1):
            if thread_id not in {**there, **damaged}:
                with damaged.noted(thread_id), target.write(thread_id) as run:
                    # Another copy may have brought it meanwhile.
                    if _is_there(target, thread_id):
                        there[thread_id] = _equal(source, target, thread_id)
                    sums[thread_id] = there.get(thread_id) or transfer(source, target, run, thread_id)
            progress(done, len(wanted))
        facts = _copy_facts(source, target, damaged) if thread_ids is None else {}
    if not skip_damaged:
        damaged.refuse(source.name)
    return Copied(len(sums) - len(there), len(there), len(facts), checksum(sums, facts), tuple(damaged))


def transfer(source: Database, target: Database, run: Run, thread_id: str) -> Digest:
    """Write a thread inside the target's transaction, and read it back. Raises StorageError "copy_mismatch"."""
    _refuse_taken(source, target, run, thread_id)
    names = new_names(source, target, thread_id)
    for part in parts(source, thread_id):
        put(target, run, thread_id, renamed(part, names))
    # A chain that does not hold stays as it is: a new one would make it pass for whole.
    recorded = run("SELECT 1 FROM octo_audit WHERE thread_id = ? LIMIT 1", (thread_id,)).fetchone()
    if recorded and Storage(source).verify_audit(thread_id) is None:
        Storage(target).rechain(thread_id)
    indexed = run("SELECT 1 FROM octo_threads WHERE thread_id = ? AND indexed = 1", (thread_id,)).fetchone()
    if indexed:
        ThreadTexts(target, run, thread_id).put_all()
    copied = digest(parts(target, thread_id))
    if copied != digest(renamed(part, names) for part in parts(source, thread_id)):
        raise StorageError("copy_mismatch", path=target.name, thread=thread_id)
    return copied


def refuse_running(database: Database, thread_ids: Iterable[str]) -> None:
    """Raise ThreadBusy "thread_busy" if someone alive runs one of these threads."""
    if held := held_threads(database, database.now()) & set(thread_ids):
        thread_id = min(held)
        ((host, pid, since),) = database.read("SELECT host, pid, since FROM octo_leases WHERE thread_id = ?", thread_id)
        raise ThreadBusy("thread_busy", thread=thread_id, host=host, pid=pid, since=since)


def checksum(sums: dict[str, Digest], facts: Facts) -> str:
    lines = [*(f"{thread_id} {sums[thread_id].thread}" for thread_id in sorted(sums))]
    lines += [json.dumps([*key, facts[key]], ensure_ascii=False) for key in sorted(facts)]
    summed = sha256("\n".join(lines).encode()).hexdigest()
    return f"sha256:{summed}"


def _in_order(source: Database, thread_ids: Sequence[str] | None) -> list[str]:
    """As they were touched, so that the list has the same order on the other side."""
    every = [str(row[0]) for row in source.read("SELECT thread_id FROM octo_threads ORDER BY recency, thread_id")]
    if thread_ids is None:
        return every
    wanted = set(thread_ids)
    return [thread_id for thread_id in every if thread_id in wanted]


def _already_there(source: Database, target: Database, wanted: Sequence[str], damaged: Damaged) -> dict[str, Digest]:
    """Those that the target has, equal in all a person or a graph put there."""
    # A graph of another program may have left checkpoints under the same name.
    ids = target.read("SELECT thread_id FROM octo_threads UNION SELECT thread_id FROM checkpoints")
    there, equal, other = {str(row[0]) for row in ids}, {}, []
    with target.snapshot():
        for thread_id in (one for one in wanted if one in there):
            theirs = digest(parts(target, thread_id))
            with damaged.noted(thread_id):
                if digest(parts(source, thread_id)).thread == theirs.thread:
                    equal[thread_id] = theirs
                else:
                    other.append(thread_id)
    if other:
        raise _differs(target, other)
    return equal


def _is_there(target: Database, thread_id: str) -> bool:
    return bool(target.read("SELECT 1 FROM octo_threads WHERE thread_id = ?", thread_id))


def _equal(source: Database, target: Database, thread_id: str) -> Digest:
    """The digest of a thread that both have. Raises StorageError "copy_differs"."""
    theirs = digest(parts(target, thread_id))
    if digest(parts(source, thread_id)).thread != theirs.thread:
        raise _differs(target, [thread_id])
    return theirs


def _differs(target: Database, threads: Sequence[str]) -> StorageError:
    return StorageError(
        "copy_differs", path=target.name, threads=_named(threads), there=_flag(target), which=threads[0]
    )


def _flag(database: Database) -> str:
    """The database as it is named on a command line."""
    return f"--{database.dialect} {shlex.quote(database.name)}"


def _refuse_taken(source: Database, target: Database, run: Run, thread_id: str) -> None:
    """Raise StorageError "copy_taken" if another thread there has what only one can have.

    A fork writes the next version of its original's document, and answers for the same question: in two databases, two
    forks may have done so.
    """
    for table, key in _UNIQUE.items():
        for row in source.read(f"SELECT {', '.join(key)} FROM {table} WHERE thread_id = ?", thread_id):
            same = " AND ".join(f"{name} = ?" for name in key)
            if taken := run(f"SELECT thread_id FROM {table} WHERE {same}", row).fetchone():
                what = " ".join(map(str, row))
                raise StorageError("copy_taken", thread=thread_id, what=what, there=_flag(target), by=taken[0])


def put_facts(database: Database, run: Run, facts: Facts) -> None:
    """Write those that are not there. Raises StorageError "copy_fact_differs" for one that is, with other words."""
    there = read_facts(database)
    if other := sorted(name for name in facts.keys() & there.keys() if facts[name] != there[name]):
        names = [key for _, key in other]
        raise StorageError(
            "copy_fact_differs", path=database.name, facts=_named(names), there=_flag(database), which=names[0]
        )
    kind = {"sqlite": "TEXT", "postgres": "JSONB"}[database.dialect]
    for name in facts.keys() - there.keys():
        sealed = _with_text(database, name, facts[name], database.seal)
        run(f"INSERT INTO store (prefix, key, value) VALUES (?, ?, CAST(? AS {kind}))", (*name, sealed))


def remove_facts(database: Database, run: Run) -> None:
    if database.has_table("store"):
        run("DELETE FROM store", ())


def _copy_facts(source: Database, target: Database, damaged: Damaged) -> Facts:
    """LangGraph's store: what people asked to be remembered."""
    if facts := read_facts(source, damaged):
        target.in_store(lambda _: None)
        with target.write("store") as run:
            put_facts(target, run, facts)
    return facts


def read_facts(database: Database, damaged: Damaged | None = None) -> Facts:
    """By namespace and key, as JSON with its names in order, the texts open. A damaged one is noted, or else raised."""
    if not database.has_table("store"):
        return {}
    facts = {}
    for prefix, key, value in database.read("SELECT prefix, key, CAST(value AS TEXT) FROM store ORDER BY prefix, key"):
        with damaged.noted(key) if damaged is not None else nullcontext():
            facts[prefix, key] = _with_text(database, (prefix, key), value, database.unseal)
    return facts


def _with_text(database: Database, name: tuple[str, str], value: str, change: Callable[..., str]) -> str:
    """The JSON of an item of the store, a fact's text changed."""
    place = fact_place(*name)
    item = database.decode(value, dict[str, Any], *place)
    if is_fact(name[0]):
        if not isinstance(item.get("text"), str):
            raise database.damaged(*place, detail="no text")
        item["text"] = change(item["text"], *place)
    return json.dumps(item, ensure_ascii=False, sort_keys=True)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
