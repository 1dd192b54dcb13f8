"""LangGraph's PostgreSQL saver over a pool. Importing this imports LangGraph."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.base import MIGRATIONS
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import DivisionByZero
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.fences import Fences, lease_lost
from octo_cli.storage.postgres import connected, parameters, session
from octo_cli.storage.postgres.migrating import migrate
from octo_cli.storage.postgres.patience import PatientSaver
from octo_cli.storage.savers import made_before, without_half_results
from octo_cli.storage.sealing import OUTLINE, BrokenSealError, holds, outline
from octo_cli.storage.serializer import SealedSerializer, TellsDamage

if TYPE_CHECKING:
    from octo_cli.storage.postgres import PostgresDatabase

_INLINED: Final = (str, int, float, bool)
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


@asynccontextmanager
async def open_saver(database: "PostgresDatabase") -> AsyncIterator["PooledSaver"]:
    settings = database.settings
    await asyncio.to_thread(make_tables, settings)

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
        saver = _Saver(pool, database.fences, serde=SealedSerializer(database.sealed))
        saver.blame = database.blame
        yield saver


class PooledSaver(PatientSaver):
    """One saver for all runs of the process. It writes only under the lease a thread was taken with.

    LangGraph writes texts, numbers and booleans into the checkpoint's own JSON, unsealed. Here they lie with the other
    values: to it they are objects like any, until they are written. What stays in that JSON says which versions of the
    values belong together; its digest goes into the metadata, and is looked at before it is believed.
    """

    serde: SealedSerializer

    def __init__(
        self, pool: "AsyncConnectionPool[AsyncConnection[DictRow]]", fences: Fences, *, serde: SealedSerializer
    ) -> None:
        super().__init__(pool, serde=serde)
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
        values = checkpoint["channel_values"].items()
        apart = {name: _Apart(value) if isinstance(value, _INLINED) else value for name, value in values}
        whole: Checkpoint = {**checkpoint, "channel_values": apart}
        told: Any = {**metadata, OUTLINE: outline(self.serde.seal, {**checkpoint})}
        with self._writing(config["configurable"]["thread_id"]):
            return await super().aput(config, whole, told, new_versions)

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

    async def _load_checkpoint_tuple(self, value: DictRow) -> CheckpointTuple:
        if not holds(self.serde.seal, value["checkpoint"], value["metadata"]):
            raise BrokenSealError(f"{value['checkpoint_id']}: changed")
        return await super()._load_checkpoint_tuple(value)

    def _dump_blobs(
        self, thread_id: str, checkpoint_ns: str, values: dict[str, Any], versions: ChannelVersions
    ) -> list[tuple[str, str, str, str, str, bytes | None]]:
        plain = {name: value.value if isinstance(value, _Apart) else value for name, value in values.items()}
        return super()._dump_blobs(thread_id, checkpoint_ns, plain, versions)


class _Saver(TellsDamage, PooledSaver):
    """What runs are given."""


class _Apart:
    """A value that LangGraph would have written into the checkpoint's JSON."""

    def __init__(self, value: Any) -> None:
        self.value = value


def make_tables(settings: DatabaseSettings) -> None:
    """LangGraph's tables, by LangGraph's own migrations, which it leaves to others to guard."""
    with connected(settings, patient=True) as connection:
        migrate(connection, "checkpoint_migrations", len(MIGRATIONS), _make_tables)


def _make_tables(connection: Any) -> None:
    from langgraph.checkpoint.postgres import PostgresSaver

    PostgresSaver(connection).setup()
