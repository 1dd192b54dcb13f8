"""Reading back a value that grows, without opening every checkpoint on the way to its last snapshot.

The shipped saver reads all ancestors of a checkpoint whole until it meets the value. How many steps back that is stands
in the checkpoint's metadata; so only the ids are followed, and one checkpoint is opened: the one that has to hold it.
Pruning takes steps out between them; then the metadata on the way tell which it is.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from langgraph.checkpoint.base import DeltaChannelHistory, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

_COUNTERS: Final = "counters_since_delta_snapshot"
_METADATA: Final = "SELECT metadata FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
# CROSS JOIN keeps the order of the loops: each step is one look into the primary key.
_ANCESTORS: Final = """
WITH RECURSIVE ancestors(back, checkpoint_id, parent_id) AS (
    SELECT 0, checkpoint_id, parent_checkpoint_id FROM checkpoints
    WHERE thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :checkpoint
    UNION ALL
    SELECT a.back + 1, c.checkpoint_id, c.parent_checkpoint_id FROM ancestors a CROSS JOIN checkpoints c
    ON c.thread_id = :thread AND c.checkpoint_ns = :ns AND c.checkpoint_id = a.parent_id
    WHERE a.back < :steps
)
"""
_OLDEST: Final = f"""{_ANCESTORS}
SELECT c.parent_checkpoint_id, c.type, c.checkpoint FROM
    (SELECT checkpoint_id FROM ancestors ORDER BY back DESC LIMIT 1) o CROSS JOIN checkpoints c
    ON c.thread_id = :thread AND c.checkpoint_ns = :ns AND c.checkpoint_id = o.checkpoint_id
"""
_WALK: Final = f"""{_ANCESTORS}
SELECT a.back, c.metadata FROM ancestors a CROSS JOIN checkpoints c
    ON c.thread_id = :thread AND c.checkpoint_ns = :ns AND c.checkpoint_id = a.checkpoint_id
WHERE a.back > 0 ORDER BY a.back
"""
_WRITES: Final = f"""{_ANCESTORS}
SELECT a.back, w.task_path, w.task_id, w.idx, w.type, w.value FROM ancestors a CROSS JOIN writes w
    ON w.thread_id = :thread AND w.checkpoint_ns = :ns AND w.checkpoint_id = a.checkpoint_id
WHERE a.back > 0 AND w.channel = :channel
"""


def histories(
    connection: sqlite3.Connection, serde: SerializerProtocol, place: tuple[str, str, str], channels: Sequence[str]
) -> dict[str, DeltaChannelHistory] | None:
    """What the saver's `get_delta_channel_history` returns for the checkpoint at `place` (thread, namespace, id).

    None when the metadata does not lead to a snapshot or to the first checkpoint: then every ancestor has to be looked
    into.
    """
    found = connection.execute(_METADATA, place).fetchone()
    counters = json.loads(found[0] or "{}").get(_COUNTERS, {}) if found else {}
    read: dict[str, DeltaChannelHistory] = {}
    for channel in channels:
        if channel not in counters:
            return None
        steps = counters[channel][1]
        history = _history(connection, serde, place, channel, steps)
        if history is None and (nearer := _pruned(connection, place, channel, steps)):
            history = _history(connection, serde, place, channel, nearer)
        if history is None:
            return None
        read[channel] = history
    return read


def _history(
    connection: sqlite3.Connection, serde: SerializerProtocol, place: tuple[str, str, str], channel: str, steps: int
) -> DeltaChannelHistory | None:
    thread, ns, checkpoint = place
    asked: dict[str, Any] = {"thread": thread, "ns": ns, "checkpoint": checkpoint, "steps": steps, "channel": channel}
    parent_id, kind, blob = connection.execute(_OLDEST, asked).fetchone()
    values = serde.loads_typed((kind, blob)).get("channel_values") or {}
    if channel not in values and parent_id is not None:
        return None
    rows = connection.execute(_WRITES, asked).fetchall()
    # The furthest back first; within one step as LangGraph applied them.
    rows.sort(key=lambda row: (-row[0], writes_sort_key(*row[1:4])))
    history: DeltaChannelHistory = {"writes": [(row[2], channel, serde.loads_typed(row[4:])) for row in rows]}
    return {**history, "seed": values[channel]} if channel in values else history


def _pruned(connection: sqlite3.Connection, place: tuple[str, str, str], channel: str, steps: int) -> int:
    """How many kept checkpoints to go back: to the one that counts nothing since, so holds the value; 0 for none."""
    thread, ns, checkpoint = place
    asked = {"thread": thread, "ns": ns, "checkpoint": checkpoint, "steps": steps}
    for back, metadata in connection.execute(_WALK, asked):
        if channel not in json.loads(metadata or "{}").get(_COUNTERS, {}):
            return int(back)
    return 0
