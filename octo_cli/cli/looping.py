"""Where Octo's event loop starts, and which one it is."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from octo_cli.settings import DatabaseSettings, Settings

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")


def finished(work: Coroutine[Any, Any, T], settings: Settings) -> T:
    """What `work` comes to, on an event loop of its own."""
    # Lists never wait for anything: asyncio is loaded by the commands that do.
    import asyncio
    import sys

    with asyncio.Runner(loop_factory=loop_factory(settings.database, sys.platform)) as runner:
        return runner.run(work)


def loop_factory(database: DatabaseSettings, platform: str) -> "Callable[[], AbstractEventLoop] | None":
    """What makes the loop; None for the platform's own.

    On Windows that one cannot wait for a socket as psycopg does; the one that can starts no child processes, so it is
    taken for a server only.
    """
    import asyncio

    return asyncio.SelectorEventLoop if platform == "win32" and database.postgres else None
