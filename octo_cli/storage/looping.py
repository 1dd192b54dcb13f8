"""Which event loop a database needs. No loop is started here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from octo_cli.settings import DatabaseSettings

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


def loop_factory(database: DatabaseSettings, platform: str) -> "Callable[[], AbstractEventLoop] | None":
    """What makes the loop; None for the platform's own.

    On Windows that one cannot wait for a socket as psycopg does; the one that can starts no child processes, so it is
    taken for a server only.
    """
    # Lists never wait for anything: asyncio is loaded by the commands that do.
    import asyncio

    return asyncio.SelectorEventLoop if platform == "win32" and database.postgres else None
