"""LangGraph's own migrations on a server, which it leaves to others to guard."""

from collections.abc import Callable
from typing import Any

from psycopg.rows import dict_row

from octo_cli.storage.postgres import Connection, only_one


def migrate(connection: Connection, table: str, all_of_them: int, do: Callable[[Any], object]) -> None:
    """Have all migrations done by one process; `table` numbers from 0 those that are. From here on rows are read by
    name, as LangGraph wants it."""
    if not _are_done(connection, table, all_of_them):
        with only_one(connection):
            if not _are_done(connection, table, all_of_them):
                _by_name(connection)
                do(connection)
    _by_name(connection)


def _are_done(connection: Connection, table: str, all_of_them: int) -> bool:
    # The table is there before the first of them is done.
    ((there,),) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchall()
    if not there:
        return False
    ((last,),) = connection.execute(f"SELECT COALESCE(MAX(v), -1) FROM {table}").fetchall()
    return int(last) >= all_of_them - 1


def _by_name(connection: Any) -> None:
    connection.row_factory = dict_row
