"""LangGraph's checkpoints in the same database: the saver for a run, and what is done to them as plain rows.

Only `checkpointer` imports LangGraph. Checkpoint ids are UUIDv6: their text order is their order in time.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from octo_cli.errors import NotFound
from octo_cli.storage.database import Database, Run
from octo_cli.storage.faults import storage_errors

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

# LangGraph reads these once, when it is first imported: every way to a graph leads past here before that.
# Without it whoever can write the file can run code.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
# A growing value that is seldom added to is stored whole that often, or reading it would go back ever further.
os.environ.setdefault("LANGGRAPH_DELTA_MAX_SUPERSTEPS_SINCE_SNAPSHOT", "2000")


class CheckpointRow(Struct, frozen=True):
    """A checkpoint's place in the history, its state left unread. `checkpoint_ns` is "" for the root graph."""

    checkpoint_ns: str
    checkpoint_id: str
    parent_checkpoint_id: str | None
    metadata: dict[str, Any]


class Checkpoints:
    _database: Database

    @asynccontextmanager
    async def checkpointer(self) -> AsyncIterator["BaseCheckpointSaver[str]"]:
        """A saver that is set up, on a connection of its own, closed at the end whatever happens.

        Storage errors raised inside the block, the saver's own included, leave it as StorageError. While it is open the
        other methods are called through `asyncio.to_thread` (`database` says why).
        """
        database = self._database
        with storage_errors(database.name), database.beside_checkpointer():
            async with database.open_saver() as saver:
                yield saver

    def checkpoint_rows(self, thread_id: str) -> list[CheckpointRow]:
        """Every checkpoint of the thread, sub-graphs' included, oldest first."""
        if not self._database.has_table("checkpoints"):
            return []
        return rows_since(self._database, thread_id, "")

    def copy_checkpoints(self, source: str, target: str, *, until: str | None = None) -> int:
        """Give `target`, a thread without checkpoints, those of `source` with their writes; returns how many.

        `until`, a checkpoint of any namespace, stops the copy there, so that `target` goes on as `source` would have
        then: later checkpoints are left out, and so is what `until`'s tasks did and were answered afterwards; they run
        and ask again. The newest checkpoint of the root means everything, a pause inside a sub-graph included.
        Raises NotFound "checkpoint_not_found" when `source` has no such checkpoint.
        """
        if not self._database.has_table("checkpoints"):
            if until is None:
                return 0
            raise NotFound("checkpoint_not_found", ref=until, thread=source)
        whole, (checkpoints, *blobs, writes) = self._database.checkpoint_tables, self._database.checkpoint_tables
        with self._database.write(source, target) as run:
            copy = partial(_copy, run, whole, source, target)
            # On a server a run may write meanwhile. What a checkpoint is read from was there before it, so it is
            # copied after it; a value that only later checkpoints had does no harm.
            if until is None or _is_newest(run, source, until):
                copied = copy(checkpoints)
                copy(writes)
            else:
                copied = copy(checkpoints, "AND checkpoint_id <= ?", until)
                # Writes that led to a checkpoint among those copied; the others came after `until`.
                led_on = "SELECT parent_checkpoint_id FROM checkpoints WHERE thread_id = ?"
                copy(writes, f"AND checkpoint_id IN ({led_on})", target)
            for table in blobs:
                copy(table)
        return copied


def rows_since(database: Database, thread_id: str, since: str) -> list[CheckpointRow]:
    """Those of the thread from the id `since` on, oldest first."""
    rows = database.read(
        "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, CAST(metadata AS TEXT) FROM checkpoints"
        " WHERE thread_id = ? AND checkpoint_id >= ? ORDER BY checkpoint_id, checkpoint_ns",
        *(thread_id, since),
    )
    return [
        CheckpointRow(
            *(ns, checkpoint_id, parent_id),
            database.decode(metadata or "{}", dict[str, Any], "checkpoints", "metadata", thread_id, checkpoint_id),
        )
        for ns, checkpoint_id, parent_id, metadata in rows
    ]


def _is_newest(run: Run, thread_id: str, checkpoint_id: str) -> bool:
    """Whether the thread stands at this checkpoint. One of the root counts even if a sub-graph has gone on below it."""
    found = run(
        "SELECT checkpoint_ns FROM checkpoints WHERE thread_id = ? AND checkpoint_id = ?", (thread_id, checkpoint_id)
    ).fetchone()
    if found is None:
        raise NotFound("checkpoint_not_found", ref=checkpoint_id, thread=thread_id)
    below = "" if found[0] else " AND checkpoint_ns = ''"
    newer = f"SELECT 1 FROM checkpoints WHERE thread_id = ? AND checkpoint_id > ?{below} LIMIT 1"
    return run(newer, (thread_id, checkpoint_id)).fetchone() is None


def _copy(
    run: Run, tables: Mapping[str, str], source: str, target: str, table: str, only: str = "", *values: str
) -> int:
    columns = tables[table]
    sql = f"INSERT INTO {table} (thread_id, {columns}) SELECT ?, {columns} FROM {table} WHERE thread_id = ? {only}"
    return run(sql, (target, source, *values)).rowcount
