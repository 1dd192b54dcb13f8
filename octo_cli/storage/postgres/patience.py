"""LangGraph's PostgreSQL saver, made to outlive its connections. Importing this imports LangGraph."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from octo_cli.storage.postgres.faults import was_cut_off

T = TypeVar("T")

# Seconds before what a broken connection left undone is done over another one.
_PAUSE: Final = 0.1
# Seconds for a connection once another was waited for in vain: whoever ends has more to write down.
_HASTE: Final = 1.0


class PatientSaver(AsyncPostgresSaver):
    """What breaks with its connection is done again over another one, for as long as the pool waits for one.

    Every write of LangGraph's is an upsert, so it may well have been committed before the server fell silent.
    """

    def __init__(
        self, pool: "AsyncConnectionPool[AsyncConnection[DictRow]]", *, serde: SerializerProtocol | None = None
    ) -> None:
        super().__init__(pool, serde=serde)
        self._pool = pool
        self._patience = pool.timeout

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
                done = await work()
            except PoolTimeout:
                self._pool.timeout = _HASTE
                raise
            except OperationalError as exc:
                if time.monotonic() > deadline or not was_cut_off(exc):
                    raise
            else:
                self._pool.timeout = self._patience
                return done
            await asyncio.sleep(_PAUSE)
