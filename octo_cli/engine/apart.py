"""An engine in a thread of its own, for hosts whose event loop serves others as well.

Octo imports, reads and computes where it needs to, and so may a plug-in: a command waits for it anyway. Here the engine
has an event loop to itself, and a host on any other loop waits for it without being held up.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
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
        self.loop = (loop_factory(settings.database, sys.platform) or asyncio.new_event_loop)()
        self._ready: Future[None] = Future()
        self._over = asyncio.Event()
        self._closed = False
        # What goes on in the engine's thread, and of that what was told to end: nothing new begins before it has.
        self.going: set[_Errand[Any]] = set()
        self.leaving: set[asyncio.Task[Any]] = set()

    # For the host, on any event loop

    async def done(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` comes to in the engine's thread; cancelled with whoever waits, it has ended before they go on.

        Raises UsageError "engine_closed" when the engine is closed, or was before the work had ended.
        """
        with in_words(self.say):
            errand = self.errand(work)
            try:
                return await errand.result()
            except asyncio.CancelledError:
                errand.cancel()
                await errand.ended()
                raise

    def told(self, begin: Callable[[], Awaitable[AsyncGenerator[T]]], *, whole_start: bool = False) -> "Told[T]":
        """What a run yields; see `Told`."""
        return Told(self, begin, whole_start=whole_start)

    def errand(self, work: Callable[[], Coroutine[Any, Any, T]], *, whole_start: bool = False) -> "_Errand[T]":
        if self._closed:
            raise UsageError("engine_closed")
        return _Errand(self, work, whole_start=whole_start)

    async def opened(self, living: "asyncio.Future[None]") -> None:
        """Wait until the engine can be used, or raise what kept it from that."""
        await asyncio.wait([living, asyncio.wrap_future(self._ready)], return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            living.result()

    def close(self) -> None:
        self._closed = True
        self.there(self._over.set)

    def there(self, call: Callable[[], object]) -> None:
        """Make the call in the engine's thread, unless that has ended."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call)

    # The thread

    def live(self) -> None:
        """Be the engine, in this thread, until it is closed."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._alive())

    async def _alive(self) -> None:
        with in_words(self.say):
            async with open_engine(self.settings) as self.engine:
                await self.engine.catch_up()
                self._ready.set_result(None)
                await self._over.wait()
                for errand in tuple(self.going):
                    errand.stop()
                if self.going:
                    await asyncio.wait([errand.task for errand in self.going])


class Told(Generic[T]):
    """What a run yields, for whoever listens on another loop. It waits to be asked on, and is cancelled by `leave`.

    `begin` begins it, in the engine's thread, when it is first asked for anything. With `whole_start` it is not
    cancelled before it has yielded something. Raises UsageError "run_left" when it is asked on after it was left.
    """

    def __init__(
        self, apart: Apart, begin: Callable[[], Awaitable[AsyncGenerator[T]]], *, whole_start: bool = False
    ) -> None:
        self.left = False
        self._apart, self._begin, self._whole_start = apart, begin, whole_start
        # None ends it, for everyone who waits.
        self._yielded: asyncio.Queue[T | None] = asyncio.Queue()
        self._asked = asyncio.Semaphore(0)
        self._errand: _Errand[None] | None = None

    def __aiter__(self) -> "Told[T]":
        return self

    async def __anext__(self) -> T:
        with in_words(self._apart.say):
            self._check_kept()
            self._ask_on()
            try:
                one = await self._yielded.get()
            except asyncio.CancelledError:
                await self.aclose()
                raise
            if one is not None:
                return one
            self._yielded.put_nowait(None)
            self._check_kept()
            assert self._errand is not None  # it was asked just now
            await self._errand.result()
            raise StopAsyncIteration

    def _check_kept(self) -> None:
        if self.left:
            raise UsageError("run_left")

    def leave(self) -> None:
        """Cancel it unless it has ended. Whatever else is asked of the engine waits until it is saved."""
        if self._errand is None or not self._errand.over.done():
            self.left = True
        if self._errand is not None:
            self._errand.cancel()

    async def aclose(self) -> None:
        """Cancel it, and wait until it is saved."""
        self.leave()
        if self._errand is not None:
            await self._errand.ended()

    def _ask_on(self) -> None:
        if self._errand is not None:
            self._apart.there(self._asked.release)
            return
        listener = asyncio.get_running_loop()

        def tell(one: T | None) -> None:
            # A host whose loop is gone does not listen any more.
            with suppress(RuntimeError):
                listener.call_soon_threadsafe(self._yielded.put_nowait, one)

        async def work() -> None:
            async with aclosing(await self._begin()) as made:
                async for one in made:
                    errand.started()
                    tell(one)
                    await self._asked.acquire()

        self._errand = errand = self._apart.errand(work, whole_start=self._whole_start)
        errand.over.add_done_callback(lambda _: tell(None))


class _Errand(Generic[T]):
    """Work in the engine's thread for whoever waits on another; `over` is set when its task has ended, however it did.

    With `whole_start` it is stopped no sooner than it says that it has `started`.
    """

    task: asyncio.Task[T]

    def __init__(self, apart: Apart, work: Callable[[], Coroutine[Any, Any, T]], *, whole_start: bool) -> None:
        self.over: Future[None] = Future()
        self._apart, self._work = apart, work
        self._starting, self._stopped = whole_start, False
        apart.loop.call_soon_threadsafe(self._begin)

    # For the host

    async def result(self) -> T:
        """What it came to. Raises UsageError "engine_closed" if it was cancelled."""
        await self.ended()
        if self.task.cancelled():
            raise UsageError("engine_closed")
        return self.task.result()

    async def ended(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self.over))

    def cancel(self) -> None:
        self._apart.there(self.stop)

    # In the engine's thread

    def _begin(self) -> None:
        self.task = self._apart.loop.create_task(self._after(tuple(self._apart.leaving)))
        self._apart.going.add(self)
        self.task.add_done_callback(self._end)

    async def _after(self, others: Sequence[asyncio.Task[Any]]) -> T:
        if others:
            await asyncio.wait(others)
        return await self._work()

    def started(self) -> None:
        self._starting = False
        if self._stopped:
            self.task.cancel()

    def stop(self) -> None:
        self._stopped = True
        if self.task.done():
            return
        self._apart.leaving.add(self.task)
        if not self._starting:
            self.task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        self._apart.going.discard(self)
        self._apart.leaving.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever left does not want to know.
        self.over.set_result(None)
