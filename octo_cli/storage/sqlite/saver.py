"""LangGraph's SQLite saver, made safe to interrupt. Importing this imports LangGraph.

The shipped saver inserts and commits in two steps. Cancelled (Ctrl-C) or failing between them, it would keep the file's
write lock until its next write, and everyone else would wait for that. It also goes to the connection's thread and back
for every statement and row it reads; here a read is one visit, by the saver LangGraph ships for threads.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.types import ERROR
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from octo_cli.storage.serializer import SealedSerializer, TellsDamage

if TYPE_CHECKING:
    from octo_cli.storage.sqlite import SqliteDatabase

_T = TypeVar("_T")


@asynccontextmanager
async def open_saver(database: "SqliteDatabase") -> AsyncIterator["WholeWritesSaver"]:
    connect = partial(sqlite3.connect, database.location, timeout=database.timeout)
    connection = _Connection(connect, iter_chunk_size=64)
    try:
        async with connection:
            saver = _Saver(connection, serde=SealedSerializer(database.sealed))
            saver.blame = database.blame
            await saver.setup()
            await connection.execute("PRAGMA synchronous = NORMAL")
            yield saver
    finally:
        if connection.stopped is not None:
            await connection.stopped


class _Connection(aiosqlite.Connection):
    """One whose thread can be waited for, also when the file did not open or closing was cancelled.

    A thread that outlives its event loop ends in a traceback on stderr.
    """

    stopped: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        self.stopped = super().stop()
        return self.stopped

    async def visit(self, work: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """Do `work` in the connection's thread, as a whole."""
        done: _T = await self._execute(work, *args, **named)  # type: ignore[no-untyped-call]
        return done

    def reader(self) -> SqliteSaver:
        """A saver to be used in the connection's thread only."""
        return SqliteSaver(self._conn)


class WholeWritesSaver(AsyncSqliteSaver):
    """Each write is committed or rolled back before its caller goes on, cancelled or not. Each read is one visit."""

    def __init__(self, connection: _Connection, *, serde: SealedSerializer) -> None:
        super().__init__(connection, serde=serde)
        self._visit = connection.visit
        self._reader = connection.reader()

    async def setup(self) -> None:
        await super().setup()
        self._reader.is_setup = True
        self._reader._has_task_path = self._has_task_path

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._read(SqliteSaver.get_tuple, config)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return await self._read(SqliteSaver.get_delta_channel_history, config=config, channels=channels)

    async def _read(self, read: Callable[..., _T], *args: Any, **named: Any) -> _T:
        async with self.lock:
            # A compiled graph reads through a copy of its saver, with a stricter serialiser.
            self._reader.serde = self.serde
            return await self._visit(read, self._reader, *args, **named)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await self._whole(super().aput(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._whole(super().aput_writes(config, _without_half_results(writes), task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._whole(super().adelete_thread(thread_id))

    async def _whole(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.create_task(self._or_rolled_back(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await _settled(task)
            raise

    async def _or_rolled_back(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return await work
        except BaseException:
            # Under the saver's lock nobody is in the middle of a write: an open transaction is the failed one.
            async with self.lock:
                await self.conn.rollback()
            raise


class _Saver(TellsDamage, WholeWritesSaver):
    """What runs are given."""


def _without_half_results(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """The writes of a task; of one that failed or was cancelled, only what LangGraph itself notes.

    Cancelled after a node returned and before its conditional edge was decided, LangGraph saves what the node wrote
    beside the error. The next run would take that for the whole result, follow no edge, and end with work undone.
    """
    if all(channel != ERROR for channel, _ in writes):
        return writes
    return [(channel, value) for channel, value in writes if channel in WRITES_IDX_MAP]


async def _settled(task: asyncio.Task[Any]) -> None:
    """Wait until `task` is done, however often this is cancelled meanwhile; what it raised is dropped."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
