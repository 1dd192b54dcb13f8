"""The engine as other programs embed it: text and answers in, events out. `from octo_cli import open_engine`.

`Engine` serves Octo's own commands: it hands LangGraph's state to its neighbours, takes ids for granted, and its
process ends with it. Here is what strangers are promised, and no more: threads by any name a person could type, nothing
of LangGraph, an event loop of its own so that no other is held up, and an end that waits for what is going on.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar, Unpack

import msgspec
from msgspec import structs

from octo_cli import engine
from octo_cli.errors import InvalidAnswer, OctoError, UsageError
from octo_cli.i18n import Language, Words, describe, in_words, language_of_locale, words
from octo_cli.settings import Settings, resolve
from octo_cli.storage.looping import loop_factory
from octo_cli.wire.events import Answers, Continue, Event, RunFinished, Say, Summary, Turn
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.inspection import CheckpointRecord
from octo_cli.wire.work import Problem, ThreadRecord, ThreadStatus

T = TypeVar("T")
Begin = Callable[[], Awaitable[tuple[str, Turn]]]


class Options(TypedDict, total=False):
    """What every command takes as flags, by the same names; `home` stands for `OCTO_HOME`, `folder` for the folder a
    command is typed in. What is not given comes from the environment and the configuration files, as for a command.
    """

    sqlite: str | Path
    postgres: str
    model: str
    base_url: str
    lang: Language
    user: str
    config: str | Path
    home: str | Path
    folder: str | Path


@asynccontextmanager
async def open_engine(**options: Unpack[Options]) -> AsyncIterator["Octo"]:
    """Octo for as long as the block lasts. Any number of them may be open at once, on any event loop.

    What a run that died was asking is found, and questions whose time is over are closed. At the end of the block
    whatever still runs is cancelled, as by Ctrl-C: it is saved, and `resume` goes on with it.

    Raises UsageError for an option or a configuration file that cannot be taken, StorageError for a database that
    cannot be opened or written, TypeError for an option there is none of.
    """
    if unknown := options.keys() - Options.__annotations__.keys():
        raise TypeError(f"open_engine() got an unexpected keyword argument {min(unknown)!r}")
    settings = await asyncio.to_thread(_settled, options)
    octo = Octo(settings, words(settings.language_for()))
    with ThreadPoolExecutor(1, "octo") as thread:
        living = asyncio.get_running_loop().run_in_executor(thread, octo._live)
        try:
            await octo._opened(living)
            yield octo
        finally:
            octo._close()
            await asyncio.wait([living])
        living.result()


def _settled(options: Options) -> Settings:
    say = words(language_of_locale())
    with in_words(say):
        return _resolved(options)


def _resolved(options: Options) -> Settings:
    given = {name: str(value) for name, value in options.items() if value is not None}
    environment, folder = dict(os.environ), Path(given.pop("folder", ".")).absolute()
    if home := given.pop("home", None):
        environment["OCTO_HOME"] = str(folder / home)
    return resolve(given, environment, folder)


class Run:
    """What goes on in a thread until it is done or a person is needed; begun by who first waits for it.

    `await` it for how the thread then stands, or iterate over its events: the last is `RunFinished`, with the same
    under `summary`. Whoever stops listening before it cancels the run.
    """

    def __init__(self, events: AsyncGenerator[Event]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncGenerator[Event]:
        return self._events

    def __await__(self) -> Generator[Any, None, Summary]:
        return self._finished().__await__()

    async def aclose(self) -> None:
        """Cancel it, and wait until it is saved."""
        await self._events.aclose()

    async def _finished(self) -> Summary:
        async for event in self._events:
            if isinstance(event, RunFinished):
                return event.summary
        raise RuntimeError("this run was listened to already: every call begins one of its own")


class Octo:
    """Threads of work, and what can be done with them. Made by `open_engine`.

    A `thread` is named as on the command line: by its id, the beginning of one (4 characters or more), its exact title,
    or "last". After `open_engine`'s block every call raises UsageError "engine_closed"; each may raise StorageError.
    An OctoError reads as a sentence in the language of the settings, and has its `code` beside it.
    """

    def __init__(self, settings: Settings, say: Words) -> None:
        self._settings = settings
        self._say = say
        # The engine's event loop, in a thread of its own: what it imports, reads and computes holds up nobody else's.
        self._loop = (loop_factory(settings.database, sys.platform) or asyncio.new_event_loop)()
        self._ready: Future[None] = Future()
        self._over = asyncio.Event()
        self._closed = False
        self._going: set[asyncio.Task[Any]] = set()

    # Runs

    def run(self, text: str, thread: str | None = None, *, create: bool = False, format: str | None = None) -> Run:
        """Say `text` in a new thread, or go on talking in `thread`, which is made if there is none only with `create`.

        It ends when all is done, or when a person is needed: its summary is `waiting_human` then, and `answer` takes
        what stands under `interrupts`. `format` is one of Octo's output formats, "chat" unless configured.

        Raises UsageError for a text that cannot be taken ("text_empty", "text_too_long"), for an id that cannot be
        given ("thread_id_invalid") and where an answer is waited for ("question_open"); NotFound for a thread there is
        none of; ThreadBusy while something else runs it; ModelError where `resume` may do better.
        """

        async def begin() -> tuple[str, Turn]:
            thread_id = await self._engine.thread_for(text, thread, create=create)
            return thread_id, Say(text, format or self._settings.format)

        return Run(self._events(begin))

    def answer(self, question: Question, reply: Answer | Mapping[str, Any]) -> Run:
        """Answer a question, and go on until the next one or the end.

        `reply` is an `Answer`, or its JSON: `{"action": "submit", "fields": {"deposit": "5천만원"}}` with values as a
        person would write them, `{"action": "approve"}`, and what else section 4 of docs/contract.md lists. Without a
        `doc_hash` or `base_revision` of its own it means the text as `question` shows it.

        Raises InvalidAnswer for a reply that does not fit, or a question that was answered by somebody else; nothing is
        changed then. For the rest, see `run`.
        """

        async def begin() -> tuple[str, Turn]:
            return question.thread_id, Answers({question.id: _answer(question, reply)})

        return Run(self._events(begin))

    def resume(self, thread: str) -> Run:
        """Go on with what a crash, a cancelled run or a failure left undone. Raises as `run` does."""

        async def begin() -> tuple[str, Turn]:
            return await self._engine.resolve(thread), Continue()

        return Run(self._events(begin))

    # Threads

    async def threads(
        self, *, status: ThreadStatus | None = None, limit: int | None = None
    ) -> tuple[ThreadRecord, ...]:
        """The threads, or those that stand like that, the one touched last first; at most `limit`."""
        return await self._done(self._engine.threads(status=status, limit=limit))

    async def questions(self, thread: str | None = None) -> tuple[Question, ...]:
        """What waits for a person, oldest first, of one thread or of all. Raises NotFound for an unknown thread."""

        async def found() -> tuple[Question, ...]:
            await self._engine.catch_up()
            thread_id = await self._engine.resolve(thread) if thread else None
            return await self._engine.questions(thread_id)

        return await self._done(found())

    async def summary(self, thread: str) -> Summary:
        """The thread as it stands: its last turn's status, result, documents and questions. Raises NotFound."""

        async def summed_up() -> Summary:
            return await self._engine.summary(await self._engine.resolve(thread))

        return await self._done(summed_up())

    async def history(self, thread: str) -> tuple[CheckpointRecord, ...]:
        """Every checkpoint of a thread, oldest first, the agents' own among them. Raises NotFound."""
        return await self._done(self._engine.history(thread))

    async def fork(self, thread: str, at: str | None = None) -> ThreadRecord:
        """A new thread with the same past, up to the checkpoint `at`: an id of `history`, the beginning of one, or a
        stage's name. The questions of that moment are asked again; the original is untouched.

        Raises NotFound for an unknown thread or checkpoint, Failed "cannot_go_back" for one that nothing goes on from.
        """
        return await self._done(self._engine.fork(thread, at))

    def explain(self, error: OctoError) -> Problem:
        """An error as Octo's own commands tell it: its code, the sentence, and the next command to type, if any."""
        return Problem(error.code, *describe(error, self._say))

    # The engine's own thread

    def _live(self) -> None:
        """Be the engine, in this thread, until it is closed."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._alive())

    async def _alive(self) -> None:
        with in_words(self._say):
            async with engine.open_engine(self._settings) as self._engine:
                await self._engine.catch_up()
                self._ready.set_result(None)
                await self._over.wait()
                for task in self._going:
                    task.cancel()
                if self._going:
                    await asyncio.wait(self._going)

    async def _opened(self, living: "asyncio.Future[None]") -> None:
        """Wait until the engine can be used, or raise what kept it from that."""
        await asyncio.wait([living, asyncio.wrap_future(self._ready)], return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            living.result()

    def _close(self) -> None:
        self._closed = True
        # One that could not be opened has ended by itself.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over.set)

    async def _done(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to in the engine's thread; cancelled with whoever waits, it has ended before they go on."""
        with in_words(self._say):
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

    async def _events(self, begin: Begin) -> AsyncGenerator[Event]:
        """The events of one run, which goes on at its own pace."""
        told: asyncio.Queue[Event | None] = asyncio.Queue()
        listener = asyncio.get_running_loop()

        async def work() -> None:
            thread_id, turn = await begin()
            async with aclosing(self._engine.run(thread_id, turn)) as events:
                async for event in events:
                    listener.call_soon_threadsafe(told.put_nowait, event)

        running = asyncio.create_task(self._done(work()))
        running.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (event := await told.get()) is not None:
                yield event
            await running
        finally:
            running.cancel()
            await asyncio.wait([running])


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


def _answer(question: Question, reply: Answer | Mapping[str, Any]) -> Answer:
    """The reply, bound to the question as it was shown. Raises InvalidAnswer for what is none."""
    try:
        answer = reply if isinstance(reply, Answer) else msgspec.convert(reply, Answer)
    except msgspec.ValidationError as error:
        raise InvalidAnswer("malformed_answer", id=question.id, reason=str(error)) from error
    if answer.action == "approve" and answer.doc_hash is None:
        return structs.replace(answer, doc_hash=question.doc_hash)
    if answer.action == "submit" and answer.base_revision is None:
        return structs.replace(answer, base_revision=question.base_revision)
    return answer
