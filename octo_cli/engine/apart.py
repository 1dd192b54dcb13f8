"""An engine in a thread of its own, for hosts whose event loop serves others as well.

Octo imports, reads and computes where it needs to, and so may a plug-in: a command waits for it anyway. Here the engine
has an event loop to itself, and a host on any other loop waits for it without being held up.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from octo_cli.engine import Engine, open_engine
from octo_cli.engine.sentences import in_words
from octo_cli.errors import UsageError
from octo_cli.i18n import words
from octo_cli.settings import Settings
from octo_cli.storage.looping import loop_factory

T = TypeVar("T")


@asynccontextmanager
async def open_apart(settings: Settings) -> AsyncIterator["Apart"]:
    """The engine as long as the block lasts; what still goes on at its end is cancelled, and saved.

    Raises StorageError for a database that cannot be opened or written.
    """
    apart = Apart(settings)
    with ThreadPoolExecutor(1, "octo") as thread:
        living = asyncio.get_running_loop().run_in_executor(thread, apart.live)
        try:
            await apart.opened(living)
            yield apart
        finally:
            apart.close()
            await asyncio.wait([living])
        living.result()


class Apart:
    """Made by `open_apart`. An OctoError that leaves it reads as its sentence, in the language of the settings."""

    engine: Engine

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.say = words(settings.language_for())
        self._loop = (loop_factory(settings.database, sys.platform) or asyncio.new_event_loop)()
        self._ready: Future[None] = Future()
        self._over = asyncio.Event()
        self._closed = False
        self._going: set[asyncio.Task[Any]] = set()

    # For the host, on any event loop

    async def done(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to in the engine's thread; cancelled with whoever waits, it has ended before they go on.

        Raises UsageError "engine_closed" when the engine is closed, or was before the work had ended.
        """
        with in_words(self.say):
            if self._closed:
                work.close()
                raise UsageError("engine_closed")
            errand = _Errand(self._loop, work, self._going)
            over = asyncio.wrap_future(errand.over)
            try:
                await asyncio.shield(over)
            except asyncio.CancelledError:
                errand.cancel()
                await asyncio.wait([over])
                raise
            if errand.task.cancelled():
                raise UsageError("engine_closed")
            return errand.task.result()

    async def told(self, begin: Callable[[], Awaitable[AsyncGenerator[T]]]) -> AsyncGenerator[T]:
        """What a run yields; `begin` begins it, in the engine's thread. Like any generator it waits to be asked on.

        Whoever stops listening before its end cancels it.
        """
        told: asyncio.Queue[T | None] = asyncio.Queue()
        listener, asked = asyncio.get_running_loop(), asyncio.Semaphore(0)

        async def work() -> None:
            async with aclosing(await begin()) as made:
                async for one in made:
                    listener.call_soon_threadsafe(told.put_nowait, one)
                    await asked.acquire()

        running = asyncio.create_task(self.done(work()))
        running.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (one := await told.get()) is not None:
                yield one
                self._there(asked.release)
            await running
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def opened(self, living: "asyncio.Future[None]") -> None:
        """Wait until the engine can be used, or raise what kept it from that."""
        await asyncio.wait([living, asyncio.wrap_future(self._ready)], return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            living.result()

    def close(self) -> None:
        self._closed = True
        self._there(self._over.set)

    def _there(self, call: Callable[[], object]) -> None:
        """Make the call in the engine's thread, unless that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    # The thread

    def live(self) -> None:
        """Be the engine, in this thread, until it is closed."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._alive())

    async def _alive(self) -> None:
        with in_words(self.say):
            async with open_engine(self.settings) as self.engine:
                await self.engine.catch_up()
                self._ready.set_result(None)
                await self._over.wait()
                for task in self._going:
                    task.cancel()
                if self._going:
                    await asyncio.wait(self._going)


class _Errand(Generic[T]):
    """Work on one event loop for whoever waits on another; `over` is there when its task has ended, however it did."""

    task: asyncio.Task[T]

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], going: set[asyncio.Task[Any]]
    ) -> None:
        self.over: Future[None] = Future()
        self._loop, self._work, self._going = loop, work, going
        loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self.task = self._loop.create_task(self._work)
        self._going.add(self.task)
        self.task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        self._going.discard(task)
        self.over.set_result(None)

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(lambda: self.task.cancel())
