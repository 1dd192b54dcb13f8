"""Reading back a value that grows, without opening every checkpoint on the way to its last snapshot.

The shipped saver reads all ancestors of a checkpoint whole until it meets the value. How many steps back that is stands
in the checkpoint's metadata; so only the ids are followed, and one checkpoint is opened: the one that has to hold it.
Where pruning took steps out between them it lies nearer, and is found by its number.
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langgraph.checkpoint.base import DeltaChannelHistory, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

_COUNTERS: Final = "counters_since_delta_snapshot"
_METADATA: Final = "SELECT metadata FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
# CROSS JOIN keeps the order of the loops: each step is one look into the primary key.
_ANCESTORS: Final = """
WITH RECURSIVE ancestors(back, checkpoint_id, parent_id) AS MATERIALIZED (
    SELECT 0, checkpoint_id, parent_checkpoint_id FROM checkpoints
    WHERE thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :checkpoint
    UNION ALL
    SELECT a.back + 1, c.checkpoint_id, c.parent_checkpoint_id FROM ancestors a CROSS JOIN checkpoints c
    ON c.thread_id = :thread AND c.checkpoint_ns = :ns AND c.checkpoint_id = a.parent_id
    WHERE a.back < :steps
)
"""
# The checkpoints that many steps back, the furthest of all if there are not so many; then the writes on the way there.
_READ: Final = f"""{_ANCESTORS}
SELECT a.back, NULL, a.parent_id, NULL, NULL, c.type, c.checkpoint FROM ancestors a CROSS JOIN checkpoints c
    ON c.thread_id = :thread AND c.checkpoint_ns = :ns AND c.checkpoint_id = a.checkpoint_id
    WHERE a.back IN ({{ends}}) OR a.back = (SELECT MAX(back) FROM ancestors)
UNION ALL
SELECT a.back, w.channel, w.task_path, w.task_id, w.idx, w.type, w.value FROM ancestors a CROSS JOIN writes w
    ON w.thread_id = :thread AND w.checkpoint_ns = :ns AND w.checkpoint_id = a.checkpoint_id
    WHERE a.back > 0 AND ({{writes}})
"""
_WALK: Final = f"{_ANCESTORS} SELECT checkpoint_id FROM ancestors ORDER BY back"

# Thread, namespace and id of a checkpoint.
Place = tuple[str, str, str]


def histories(
    connection: sqlite3.Connection, serde: SerializerProtocol, place: Place, channels: Sequence[str]
) -> dict[str, DeltaChannelHistory] | None:
    """What the saver's `get_delta_channel_history` returns for the checkpoint at `place`.

    None when the metadata does not lead to a snapshot or to the first checkpoint: then every ancestor has to be looked
    into.
    """
    metadata = _metadata(connection, place)
    counters = metadata.get(_COUNTERS, {})
    if not channels:
        return {}
    if not counters.keys() >= set(channels):
        return None
    steps = {channel: counters[channel][1] for channel in channels}
    asked = {"thread": place[0], "ns": place[1], "checkpoint": place[2], "steps": max(steps.values())}
    chain = [row[0] for row in connection.execute(_WALK, asked)]

    def step_of(checkpoint_id: str) -> int:
        return int(_metadata(connection, (*place[:2], checkpoint_id)).get("step", 0))

    ends = {channel: _end(chain, back, metadata.get("step", 0) - back, step_of) for channel, back in steps.items()}
    read = _histories(connection, serde, place, ends)
    return read if len(read) == len(channels) else None


def _metadata(connection: sqlite3.Connection, place: Place) -> dict[str, Any]:
    found = connection.execute(_METADATA, place).fetchone()
    metadata: dict[str, Any] = json.loads(found[0] or "{}") if found else {}
    return metadata


def _end(chain: Sequence[str], back: int, step: int, step_of: Callable[[str], int]) -> int:
    """How far back in the chain the checkpoint of that step is: `back` where none was taken out; or else the last."""
    if back < len(chain) and step_of(chain[back]) == step:
        return back
    return min(bisect_left(chain, -step, key=lambda one: -step_of(one)), len(chain) - 1)


def _histories(
    connection: sqlite3.Connection, serde: SerializerProtocol, place: Place, steps: Mapping[str, int]
) -> dict[str, DeltaChannelHistory]:
    """By channel, of those whose value, or nothing before it, is so many steps back."""
    asked: dict[str, Any] = {"thread": place[0], "ns": place[1], "checkpoint": place[2], "steps": max(steps.values())}
    asked |= {f"channel{number}": channel for number, channel in enumerate(steps)}
    writes = (f"w.channel = :channel{n} AND a.back <= {int(back)}" for n, back in enumerate(steps.values()))
    ends = ", ".join(str(int(back)) for back in steps.values())
    rows = connection.execute(_READ.format(ends=ends, writes=" OR ".join(writes)), asked).fetchall()
    opened = {row[0]: row for row in rows if row[1] is None}
    furthest = max(opened)
    read: dict[str, DeltaChannelHistory] = {}
    for channel, back in steps.items():
        _, _, parent_id, _, _, *stored = opened[min(back, furthest)]
        values = serde.loads_typed(tuple(stored)).get("channel_values") or {}
        if channel not in values and parent_id is not None:
            continue
        mine = [row for row in rows if row[1] == channel]
        # The furthest back first; within one step as LangGraph applied them.
        mine.sort(key=lambda row: (-row[0], writes_sort_key(*row[2:5])))
        history: DeltaChannelHistory = {"writes": [(row[3], channel, serde.loads_typed(row[5:])) for row in mine]}
        read[channel] = {**history, "seed": values[channel]} if channel in values else history
    return read
