"""LangGraph's store on a server. Importing this imports LangGraph."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langgraph.store.postgres import PostgresStore

from octo_cli.settings import DatabaseSettings
from octo_cli.storage.postgres import connected
from octo_cli.storage.postgres.migrating import migrate


@contextmanager
def open_store(settings: DatabaseSettings) -> Iterator[PostgresStore]:
    """The store, set up, on a connection of its own."""
    with connected(settings, patient=True) as connection:
        migrate(connection, "store_migrations", len(PostgresStore.MIGRATIONS), _make_tables)
        by_name: Any = connection
        yield PostgresStore(by_name)


def _make_tables(connection: Any) -> None:
    PostgresStore(connection).setup()
