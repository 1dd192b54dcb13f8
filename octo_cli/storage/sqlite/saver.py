"""LangGraph's SQLite saver, made whole and fenced. Importing this imports LangGraph.

The shipped saver inserts and commits in two steps, and goes to the connection's thread and back for every statement and
row. Cancelled (Ctrl-C) or failing in between, it would keep the file's write lock until its next write, and everyone
else would wait for that. Here each read and each write is one visit to that thread, by the saver LangGraph ships for
threads.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from octo_cli.storage.fences import Fences
from octo_cli.storage.savers import made_before, without_half_results
from octo_cli.storage.serializer import SealedSerializer, TellsDamage
from octo_cli.storage.sqlite.deltas import histories

if TYPE_CHECKING:
    from octo_cli.storage.sqlite import SqliteDatabase

_P = ParamSpec("_P")
_T = TypeVar("_T")


@asynccontextmanager
async def open_saver(database: "SqliteDatabase") -> AsyncIterator["WholeWritesSaver"]:
    connect = partial(sqlite3.connect, database.location, timeout=database.timeout)
    connection = _Connection(connect, iter_chunk_size=64)
    try:
        async with connection:
            saver = _Saver(connection, database.fences, serde=SealedSerializer(database.sealed))
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

    async def visit(self, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Do `work` in the connection's thread; it is done before its caller goes on, cancelled or not."""
        try:
            done: _T = await self._execute(work, *args, **named)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            # Visits take place one after another: this one comes after what was begun.
            await _settled(asyncio.ensure_future(self._execute(int)))  # type: ignore[no-untyped-call]
            raise
        return done

    def rows(self) -> "_Rows":
        return _Rows(self._conn)


class _Rows(SqliteSaver):
    """What is done in the connection's thread, inside a transaction that is somebody else's to end."""

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:  # noqa: ARG002 (see above)
        with closing(self.conn.cursor()) as cursor:
            yield cursor

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        at = config["configurable"]
        place = (str(at["thread_id"]), str(at.get("checkpoint_ns", "")), str(at.get("checkpoint_id", "")))
        found = histories(self.conn, self.serde, place, channels)
        return super().get_delta_channel_history(config=config, channels=channels) if found is None else found


class WholeWritesSaver(AsyncSqliteSaver):
    """Each write happens or does not before its caller goes on, and only under the lease its thread was taken with."""

    def __init__(self, connection: _Connection, fences: Fences, *, serde: SealedSerializer) -> None:
        super().__init__(connection, serde=serde)
        self._visit = connection.visit
        self._rows = connection.rows()
        self._fences = fences

    async def setup(self) -> None:
        await super().setup()
        self._rows._has_task_path = self._has_task_path

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await self._read(SqliteSaver.get_tuple, config)
        if found:
            made_before(found)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        def listed(rows: SqliteSaver) -> list[CheckpointTuple]:
            return list(rows.list(config, filter=filter, before=before, limit=limit))

        for found in await self._read(listed):
            made_before(found)
            yield found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return await self._read(_Rows.get_delta_channel_history, config=config, channels=channels)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        thread_id = str(config["configurable"]["thread_id"])
        return await self._write(thread_id, SqliteSaver.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        thread_id, whole = str(config["configurable"]["thread_id"]), without_half_results(writes)
        await self._write(thread_id, SqliteSaver.put_writes, config, whole, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await self._write(thread_id, SqliteSaver.delete_thread, thread_id)

    async def _read(self, read: Callable[Concatenate[_Rows, _P], _T], *args: _P.args, **named: _P.kwargs) -> _T:
        # A compiled graph reads through a copy of its saver, with a stricter serialiser.
        serde = self.serde

        def visit() -> _T:
            self._rows.serde = serde
            return read(self._rows, *args, **named)

        return await self._visit(visit)

    async def _write(
        self, thread_id: str, write: Callable[Concatenate[SqliteSaver, _P], _T], *args: _P.args, **named: _P.kwargs
    ) -> _T:
        serde, connection = self.serde, self._rows.conn

        def visit() -> _T:
            self._rows.serde = serde
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                self._fences.check(connection.execute, thread_id)
                return write(self._rows, *args, **named)

        return await self._visit(visit)


class _Saver(TellsDamage, WholeWritesSaver):
    """What runs are given."""


async def _settled(task: asyncio.Future[Any]) -> None:
    """Wait until `task` is done, however often this is cancelled meanwhile; what it raised is dropped."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
