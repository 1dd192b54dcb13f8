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
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool

from octo_cli.storage.postgres.faults import was_cut_off

T = TypeVar("T")

# Seconds before what a broken connection left undone is done over another one.
_PAUSE: Final = 0.1


class PatientSaver(AsyncPostgresSaver):
    """What breaks with its connection is done again over another one, for as long as the pool waits for one.

    Every write of LangGraph's is an upsert, so it may well have been committed before the server fell silent.
    """

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
        patience = self.conn.timeout if isinstance(self.conn, AsyncConnectionPool) else 0
        deadline = time.monotonic() + patience
        while True:
            try:
                return await work()
            except OperationalError as exc:
                if time.monotonic() > deadline or not was_cut_off(exc):
                    raise
            await asyncio.sleep(_PAUSE)
