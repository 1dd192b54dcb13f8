"""LangGraph's PostgreSQL saver over a pool. Importing this imports LangGraph."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from langgraph.checkpoint.postgres.base import MIGRATIONS
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.postgres import connected, only_one, parameters, session
from octo_cli.storage.postgres.patience import PatientSaver

_MOST_CONNECTIONS: Final = 4


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
        yield PooledSaver(pool)


class PooledSaver(PatientSaver):
    """One saver for all runs of the process."""


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
