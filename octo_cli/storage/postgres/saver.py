"""LangGraph's PostgreSQL saver over a pool. Importing this imports LangGraph."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.postgres.base import MIGRATIONS
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.postgres import connected, only_one, parameters, session
from octo_cli.storage.sealing import OUTLINE, BrokenSealError, holds, outline
from octo_cli.storage.serializer import SealedSerializer, TellsDamage

if TYPE_CHECKING:
    from octo_cli.storage.postgres import PostgresDatabase

_INLINED: Final = (str, int, float, bool)
_MOST_CONNECTIONS: Final = 4
# What it tries meanwhile is nobody's business: what came of it is raised.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
logging.getLogger("psycopg.pool").propagate = False


@asynccontextmanager
async def open_saver(database: "PostgresDatabase") -> AsyncIterator["PooledSaver"]:
    settings = database.settings
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
        saver = _Saver(pool, serde=SealedSerializer(database.sealed))
        saver.blame = database.blame
        yield saver


class PooledSaver(AsyncPostgresSaver):
    """One saver for all runs of the process.

    LangGraph writes texts, numbers and booleans into the checkpoint's own JSON, unsealed. Here they lie with the other
    values: to it they are objects like any, until they are written. What stays in that JSON says which versions of the
    values belong together; its digest goes into the metadata, and is looked at before it is believed.
    """

    serde: SealedSerializer

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
        return await super().aput(config, whole, told, new_versions)

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
