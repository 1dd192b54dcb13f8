"""LangGraph's PostgreSQL saver over a pool. Importing this imports LangGraph."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.postgres.base import MIGRATIONS
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import DivisionByZero
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.fences import Fences, lease_lost
from octo_cli.storage.postgres import connected, only_one, parameters, session
from octo_cli.storage.savers import made_before, without_half_results

_MOST_CONNECTIONS: Final = 4
# What a pipeline sends is one transaction: this one fails, and so all of it does, when the thread was taken over. A
# takeover deletes the row and waits for the lock; a heartbeat does not.
_FENCE: Final = """
    SELECT 1 / (SELECT COUNT(*) FROM (
        SELECT 1 FROM octo_leases WHERE thread_id = %s AND token = %s FOR KEY SHARE
    ) AS held)
"""
# The thread that is written about, and the token to show for it.
_SHOWN: ContextVar[tuple[str, str] | None] = ContextVar("shown", default=None)
# What it tries meanwhile is nobody's business: what came of it is raised.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
logging.getLogger("psycopg.pool").propagate = False


@asynccontextmanager
async def open_saver(settings: DatabaseSettings, fences: Fences) -> AsyncIterator["PooledSaver"]:
    await asyncio.to_thread(_set_up, settings)

    async def configure(connection: "AsyncConnection[DictRow]") -> None:
        await connection.execute(session(settings))

    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        kwargs={**parameters(settings), "autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        min_size=1,
        max_size=_MOST_CONNECTIONS,
        timeout=settings.connect_timeout,
        check=AsyncConnectionPool.check_connection,
        configure=configure,
        open=False,
    )
    async with pool:
        yield PooledSaver(pool, fences)


class PooledSaver(AsyncPostgresSaver):
    """One saver for all runs of the process. It writes only under the lease a thread was taken with."""

    def __init__(self, pool: "AsyncConnectionPool[AsyncConnection[DictRow]]", fences: Fences) -> None:
        super().__init__(pool)
        # LangGraph lets one operation go at a time, as if there were one connection.
        self.lock = asyncio.Semaphore(pool.max_size)  # type: ignore[assignment]
        self._fences = fences

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await super().aget_tuple(config)
        if found:
            made_before(found)
        return found

    async def alist(self, config: RunnableConfig | None, **named: Any) -> AsyncIterator[CheckpointTuple]:
        async for found in super().alist(config, **named):
            made_before(found)
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        with self._writing(config["configurable"]["thread_id"]):
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with self._writing(config["configurable"]["thread_id"]):
            await super().aput_writes(config, without_half_results(writes), task_id, task_path)

    @contextmanager
    def _writing(self, thread_id: str) -> Iterator[None]:
        fence = self._fences.by_thread.get(thread_id)
        before = _SHOWN.set((thread_id, fence.token) if fence else None)
        try:
            yield
        except DivisionByZero:
            raise lease_lost(thread_id) from None
        finally:
            _SHOWN.reset(before)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator["AsyncCursor[DictRow]"]:
        async with super()._cursor(pipeline=pipeline) as cursor:
            yield cursor
            # Last of all and unasked: it goes out together with the commit, and costs no journey of its own.
            if pipeline and (shown := _SHOWN.get()):
                await cursor.execute(_FENCE, shown)


def _set_up(settings: DatabaseSettings) -> None:
    """LangGraph's tables, by LangGraph's own migrations, which it leaves to others to guard."""
    with connected(settings, patient=True) as connection:
        if _is_set_up(connection):
            return
        with only_one(connection):
            if not _is_set_up(connection):
                from langgraph.checkpoint.postgres import PostgresSaver

                connection.row_factory = dict_row  # type: ignore[assignment]
                PostgresSaver(connection).setup()  # type: ignore[arg-type]


def _is_set_up(connection: Any) -> bool:
    (there,) = connection.execute("SELECT to_regclass('checkpoint_migrations') IS NOT NULL").fetchone()
    if not there:
        return False
    (version,) = connection.execute("SELECT COALESCE(MAX(v), -1) FROM checkpoint_migrations").fetchone()
    return bool(version >= len(MIGRATIONS) - 1)
