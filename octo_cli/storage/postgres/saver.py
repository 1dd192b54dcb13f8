"""LangGraph's PostgreSQL saver over a pool. Importing this imports LangGraph."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.postgres.base import MIGRATIONS
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.postgres import connected, only_one, parameters, session
from octo_cli.storage.postgres.faults import was_cut_off

T = TypeVar("T")

_MOST_CONNECTIONS: Final = 4
# Seconds before what a broken connection left unsaid is said over another one.
_PAUSE: Final = 0.1


@asynccontextmanager
async def open_saver(settings: DatabaseSettings) -> AsyncIterator["PooledSaver"]:
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
        yield PooledSaver(pool, patience=settings.connect_timeout)


class PooledSaver(AsyncPostgresSaver):
    """One saver for all runs of the process.

    Work whose connection breaks is done once more over another one, for `patience` seconds: every write of LangGraph's
    is an upsert, so it does no harm when the first one was committed before the server fell silent.
    """

    def __init__(self, pool: "AsyncConnectionPool[AsyncConnection[DictRow]]", *, patience: float) -> None:
        super().__init__(pool)
        self._patience = patience

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._patiently(partial(super().aget_tuple, config))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return await self._patiently(partial(super().aget_delta_channel_history, config=config, channels=channels))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await self._patiently(partial(super().aput, config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._patiently(partial(super().aput_writes, config, writes, task_id, task_path))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return await work()
            except OperationalError as exc:
                if time.monotonic() > deadline or not was_cut_off(exc):
                    raise
            await asyncio.sleep(_PAUSE)


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
