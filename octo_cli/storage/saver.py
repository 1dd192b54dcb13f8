"""LangGraph's SQLite saver, made safe to interrupt. Importing this imports LangGraph.

The shipped saver inserts and commits in two steps. Cancelled (Ctrl-C) or failing between them, it would keep the file's
write lock until its next write, and everyone else would wait for that.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

_T = TypeVar("_T")


@asynccontextmanager
async def open_saver(location: str, *, busy_timeout: float) -> AsyncIterator["WholeWritesSaver"]:
    """`busy_timeout` is how many seconds another writer is waited for."""
    connection = _Connection(partial(sqlite3.connect, location, timeout=busy_timeout), iter_chunk_size=64)
    try:
        async with connection:
            saver = WholeWritesSaver(connection)
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


class WholeWritesSaver(AsyncSqliteSaver):
    """Each write is committed or rolled back before its caller goes on, cancelled or not."""

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
        await self._whole(super().aput_writes(config, writes, task_id, task_path))

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


async def _settled(task: asyncio.Task[Any]) -> None:
    """Wait until `task` is done, however often this is cancelled meanwhile; what it raised is dropped."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
