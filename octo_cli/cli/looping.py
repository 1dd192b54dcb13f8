"""Where a command's event loop starts."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from octo_cli.settings import Settings
from octo_cli.storage.looping import loop_factory

T = TypeVar("T")


def finished(work: Coroutine[Any, Any, T], settings: Settings) -> T:
    """What `work` comes to, on an event loop of its own."""
    # Lists never wait for anything: asyncio is loaded by the commands that do.
    import asyncio
    import sys

    with asyncio.Runner(loop_factory=loop_factory(settings.database, sys.platform)) as runner:
        return runner.run(work)
