"""A thread as parts that either database reads and writes, and the digest over them. Which threads move: `moving`.

LangGraph's saver for a file keeps a whole state in the row of its checkpoint; the one for a server keeps the values
apart, one row for each version of a channel. Here both are a frame and packed values. Nothing in a value is ever built:
what MessagePack calls an extension stays the bytes it was, so a type this machine does not know arrives as it left.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import msgpack

from octo_cli.errors import StorageError
from octo_cli.storage.database import Database, Run
from octo_cli.storage.messages import START, chained
from octo_cli.storage.sealing import OUTLINE, BrokenSealError, holds, outline, unsealed
from octo_cli.wire.work import Message

# The index, by thread: what orders a thread's rows. A table that is not there is left out.
INDEX: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "octo_threads": ("thread_id",),
        "octo_questions": ("question_id",),
        "octo_audit": ("seq",),
        "octo_audit_heads": ("thread_id",),
        "octo_documents": ("document_id", "version"),
        "octo_messages": ("digest",),
        "octo_summaries": ("length",),
        "octo_recalled": ("digest",),
    }
)
# What each database finds out by itself: two threads may differ in it and still be the same.
_DERIVED: Final = ("octo_messages", "octo_summaries", "octo_recalled")
# Where `digest` is that of a message. What was recalled goes by a name that stands in threads, and keeps it.
_NAMED_BY_WORDS: Final = ("octo_messages", "octo_summaries")
_OF_THE_DATABASE: Final = frozenset({"recency", "indexed"})
_NEXT_RECENCY: Final = "(SELECT COALESCE(MAX(recency), 0) + 1 FROM octo_threads)"
# Columns whose text is sealed for its place in the database it is in; the place is completed by the row's key.
_SEALED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "octo_threads": ("title", "failure", "answers", "audit_head"),
        "octo_questions": ("question",),
        "octo_audit": ("old_value", "new_value", "detail"),
        "octo_documents": ("title", "path", "fields", "text"),
        "octo_messages": ("text",),
        "octo_summaries": ("text",),
        "octo_recalled": ("text",),
    }
)
# The key of a row is its thread and what orders it there, but for these.
_KEYS: Final = {"octo_documents": ("document_id", "version")}
# With a key of its own each database has a chain of its own: `Audit.rechain` makes it anew.
_CHAINED: Final = frozenset({"prev_hash", "hash", "audit_head"})
# langgraph.checkpoint.serde.jsonplus.EXT_DELTA_SNAPSHOT: a delta channel's value, where its chain of writes begins.
_SNAPSHOT: Final = 7

Packed = tuple[str, bytes]


class Line(NamedTuple):
    """A row of the index, its sealed texts open."""

    table: str
    values: dict[str, Any]


class State(NamedTuple):
    """A checkpoint: `frame` is LangGraph's dictionary without the channels' values, `values` are those, packed."""

    ns: str
    checkpoint_id: str
    parent_id: str | None
    metadata: dict[str, Any]
    frame: dict[str, Any]
    values: dict[str, Packed]


class Write(NamedTuple):
    """What a task wrote after a checkpoint; `idx` and `task_path` give the order in which it counts."""

    ns: str
    checkpoint_id: str
    task_id: str
    task_path: str
    idx: int
    channel: str
    value: Packed


Part = Line | State | Write


class Digest(NamedTuple):
    """SHA-256 in hex of a thread, and of what the database derived from it."""

    thread: str
    derived: str


def parts(database: Database, thread_id: str) -> Iterator[Part]:
    """The thread, part by part and always in one order; inside `snapshot` or `write`. A lease is no part of it."""
    for table, order in INDEX.items():
        yield from _lines(database, thread_id, table, order)
    if database.has_table("checkpoints"):
        yield from _FORMS[database.dialect].states(database, thread_id)
        yield from _writes(database, thread_id)


def put(database: Database, run: Run, thread_id: str, part: Part) -> None:
    """Write a part of a thread that was not there, inside the transaction of `run`."""
    match part:
        case Line():
            _put_line(database, run, part)
        case State():
            _FORMS[database.dialect].put(database, run, thread_id, part)
        case Write():
            _put_write(database, run, thread_id, part)


def digest(thread: Iterable[Part]) -> Digest:
    """What only an equal thread has, whichever kind of database holds it."""
    whole, derived = sha256(), []
    for part in thread:
        if isinstance(part, Line) and part.table in _DERIVED:
            derived.append(sha256(_canonical(part)).digest())
        else:
            whole.update(_canonical(part))
    # Under another key what was said has other names, and another order.
    return Digest(whole.hexdigest(), sha256(b"".join(sorted(derived))).hexdigest())


def new_names(source: Database, target: Database, thread_id: str) -> Mapping[str, str]:
    """The digests of what was said, each with what the target's key makes of it; none where both make the same.

    Every message was said after one that is the place before, whichever branch it is on: the one that fits.
    """
    names: dict[str, str] = {}
    if source.sealed.digest("") == target.sealed.digest(""):
        return names
    here, before, latest = -1, {START: START}, {START: START}
    for line in _lines(source, thread_id, "octo_messages", ("place", "digest")):
        row = line.values
        if row["place"] > here:
            here, before, latest = row["place"], latest, {}
        message, old = Message(row["speaker"], row["text"], row["at"]), row["digest"]
        for theirs, ours in before.items():
            if chained(source.sealed, theirs, message) == old:
                names[old] = latest[old] = chained(target.sealed, ours, message)
    return names


def renamed(part: Part, names: Mapping[str, str]) -> Part:
    """The part as `new_names` has it."""
    if not isinstance(part, Line) or part.table not in _NAMED_BY_WORDS:
        return part
    old = part.values["digest"]
    return Line(part.table, {**part.values, "digest": names.get(old, old)})


def _canonical(part: Part) -> bytes:
    """One line of JSON: names in order, bytes as their SHA-256."""
    if isinstance(part, Line):
        values = {name: value for name, value in part.values.items() if name not in _OF_THE_DATABASE | _CHAINED}
        return _json([part.table, values])
    if isinstance(part, Write):
        return _json([*part[:-1], _summed(part.value)])
    values = {channel: _summed(value) for channel, value in part.values.items()}
    return _json([*part[:-1], values])


def _json(value: object) -> bytes:
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """Numbers as a server gives them back: it does not tell 1.0 from 1."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _summed(value: Packed) -> tuple[str, str]:
    return value[0], sha256(value[1]).hexdigest()


# The index


def _lines(database: Database, thread_id: str, table: str, order: tuple[str, ...]) -> Iterator[Line]:
    columns = database.columns(table)
    if not columns:
        return
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE thread_id = ? ORDER BY {', '.join(order)}"
    for row in database.stream(sql, thread_id):
        line = Line(table, dict(zip(columns, row, strict=True)))
        yield Line(table, line.values | _changed(line, database.unseal))


def _put_line(database: Database, run: Run, line: Line) -> None:
    columns = [name for name in database.columns(line.table) if name in line.values and name != "recency"]
    if not columns:
        return
    stored = line.values | _changed(line, database.seal)
    values = tuple(stored[name] for name in columns)
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    if line.table == "octo_threads":
        # Its place among the threads that are here already: the newest of them, as the threads come in their order.
        names, marks = f"{names}, recency", f"{marks}, {_NEXT_RECENCY}"
    run(f"INSERT INTO {line.table} ({names}) VALUES ({marks})", values)


def _changed(line: Line, change: Callable[..., str]) -> dict[str, str]:
    """The texts of the row that are sealed, by column, sealed or unsealed by `change`."""
    key = [line.values[name] for name in dict.fromkeys(_KEYS.get(line.table, ("thread_id", *INDEX[line.table])))]
    texts = {name: line.values[name] for name in _SEALED.get(line.table, ()) if line.values[name] is not None}
    return {name: change(text, line.table, name, *key) for name, text in texts.items()}


# Checkpoints


def _whole_states(database: Database, thread_id: str) -> Iterator[State]:
    sql = (
        "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata, type, checkpoint FROM checkpoints"
        " WHERE thread_id = ? ORDER BY checkpoint_ns, checkpoint_id"
    )
    for ns, checkpoint_id, parent_id, metadata, kind, packed in database.stream(sql, thread_id):
        with _damage(database, thread_id):
            frame = _unpacked(_opened(database, kind, packed))
            values = {channel: _packed(value) for channel, value in frame.pop("channel_values").items()}
            state = State(ns, checkpoint_id, parent_id, json.loads(metadata or "{}"), frame, values)
        yield state


def _put_whole(database: Database, run: Run, thread_id: str, state: State) -> None:
    values = {channel: _unpacked(value) for channel, value in state.values.items()}
    kind, packed = _closed(database, _packed({**state.frame, "channel_values": values}))
    run(
        "INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata, type,"
        " checkpoint) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (thread_id, *state[:3], json.dumps(state.metadata, ensure_ascii=False).encode(), kind, packed),
    )


def _split_states(database: Database, thread_id: str) -> Iterator[State]:
    # As LangGraph's own reading does, the values are those of the versions that the checkpoint names.
    sql = (
        "SELECT c.checkpoint_ns, c.checkpoint_id, c.parent_checkpoint_id, c.metadata, c.checkpoint,"
        " b.channels, b.types, b.blobs FROM checkpoints c LEFT JOIN LATERAL"
        " (SELECT array_agg(x.channel) AS channels, array_agg(x.type) AS types, array_agg(x.blob) AS blobs"
        " FROM jsonb_each_text(c.checkpoint -> 'channel_versions') v JOIN checkpoint_blobs x"
        " ON x.thread_id = c.thread_id AND x.checkpoint_ns = c.checkpoint_ns AND x.channel = v.key"
        " AND x.version = v.value AND x.type <> 'empty') b ON TRUE"
        ' WHERE c.thread_id = ? ORDER BY c.checkpoint_ns COLLATE "C", c.checkpoint_id COLLATE "C"'
    )
    for ns, checkpoint_id, parent_id, metadata, frame, channels, kinds, blobs in database.stream(sql, thread_id):
        with _damage(database, thread_id):
            if not holds(database.sealed, frame, metadata):
                raise BrokenSealError(f"{checkpoint_id}: changed")
            metadata.pop(OUTLINE, None)
            inline = frame.pop("channel_values", None) or {}
            values = {channel: _packed(value) for channel, value in inline.items()}
            for channel, kind, blob in zip(channels or (), kinds or (), blobs or (), strict=True):
                value = _opened(database, kind, blob)
                # The snapshot lies at a version; only the checkpoint that has the mark was saved with it.
                if channel in inline or not _is_snapshot(value):
                    values[channel] = value
            state = State(ns, checkpoint_id, parent_id, metadata, frame, values)
        yield state


def _put_split(database: Database, run: Run, thread_id: str, state: State) -> None:
    """All values lie apart, those included that LangGraph would write into the checkpoint: it reads both."""
    inline: dict[str, Any] = {}
    for channel, value in state.values.items():
        if value[0] == "null":
            inline[channel] = None
            continue
        if _is_snapshot(value):
            inline[channel] = True
        run(
            "INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (thread_id, state.ns, channel, state.frame["channel_versions"].get(channel, ""), *_closed(database, value)),
        )
    metadata = {**state.metadata, OUTLINE: outline(database.sealed, state.frame)}
    run(
        "INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata, checkpoint)"
        " VALUES (?, ?, ?, ?, CAST(? AS JSONB), CAST(? AS JSONB))",
        (
            *(thread_id, *state[:3], json.dumps(metadata)),
            json.dumps({**state.frame, "channel_values": inline}),
        ),
    )


class _Form(NamedTuple):
    """How a saver lays out checkpoints, and where it keeps what tasks wrote."""

    states: Callable[[Database, str], Iterator[State]]
    put: Callable[[Database, Run, str, State], None]
    writes: str
    value: str
    collation: str


_FORMS: Final[Mapping[str, _Form]] = MappingProxyType(
    {
        "sqlite": _Form(_whole_states, _put_whole, "writes", "value", ""),
        "postgres": _Form(_split_states, _put_split, "checkpoint_writes", "blob", ' COLLATE "C"'),
    }
)


def _writes(database: Database, thread_id: str) -> Iterator[Write]:
    form = _FORMS[database.dialect]
    order = ", ".join(f"{name}{form.collation}" for name in ("checkpoint_ns", "checkpoint_id", "task_id"))
    sql = (
        f"SELECT checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, {form.value} FROM {form.writes}"
        f" WHERE thread_id = ? ORDER BY {order}, idx"
    )
    for ns, checkpoint_id, task_id, task_path, idx, channel, kind, value in database.stream(sql, thread_id):
        with _damage(database, thread_id):
            write = Write(ns, checkpoint_id, task_id, task_path, idx, channel, _opened(database, kind, value))
        yield write


def _put_write(database: Database, run: Run, thread_id: str, write: Write) -> None:
    form = _FORMS[database.dialect]
    run(
        f"INSERT INTO {form.writes} (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type,"
        f" {form.value}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (thread_id, *write[:-1], *_closed(database, write.value)),
    )


# Values


def _opened(database: Database, kind: str, value: bytes) -> Packed:
    return unsealed(database.sealed, kind, bytes(value))


def _closed(database: Database, value: Packed) -> Packed:
    kind, packed = value
    return f"{kind}+{database.sealed.mark}", database.sealed.pack(packed, kind)


def _packed(value: Any) -> Packed:
    """As LangGraph's serializer packs it, byte for byte."""
    if value is None:
        return "null", b""
    return ("bytes", value) if isinstance(value, bytes) else ("msgpack", msgpack.encode(value))


def _unpacked(value: Packed) -> Any:
    kind, packed = value
    if kind == "null":
        return None
    if kind in ("bytes", "bytearray"):
        return packed
    if kind != "msgpack":
        raise ValueError(f"type {kind!r}")
    return msgpack.decode(packed)


def _is_snapshot(value: Packed) -> bool:
    # Fixed and variable lengths of MessagePack's extensions begin with these bytes; most values with none of them.
    if value[0] != "msgpack" or value[1][:1] not in _EXTENSIONS:
        return False
    found = msgpack.decode(value[1])
    return isinstance(found, msgpack.Ext) and found.code == _SNAPSHOT


_EXTENSIONS: Final = frozenset(bytes([first]) for first in (*range(0xC7, 0xCA), *range(0xD4, 0xD9)))


@contextmanager
def _damage(database: Database, thread_id: str) -> Iterator[None]:
    """Bytes that are none of LangGraph's are damage to one thread, and it is named."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, msgspec.MsgspecError) as exc:
        raise StorageError("storage_corrupt", path=database.name, detail=f"{thread_id}: {exc}") from exc
