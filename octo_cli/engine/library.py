"""The engine as other programs embed it: text and answers in, events out. `from octo_cli import open_engine`.

`Engine` serves Octo's own commands: it hands LangGraph's state to its neighbours, takes ids for granted, and its
process ends with it. Here is what strangers are promised, and no more: threads by any name a person could type, nothing
of LangGraph, and an engine `apart` from their event loop.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, get_args

import msgspec
from msgspec import structs

from octo_cli import outputs
from octo_cli.engine.apart import Apart, Told, open_apart
from octo_cli.engine.sentences import in_words, told
from octo_cli.errors import InvalidAnswer, OctoError, UsageError
from octo_cli.i18n import Language, language_of_locale, words
from octo_cli.settings import Settings, resolve
from octo_cli.wire.events import Answers, Continue, Event, RunFinished, Say, Summary
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.inspection import CheckpointRecord
from octo_cli.wire.work import Problem, ThreadRecord, ThreadStatus

_LONGEST_SHOWN: Final = 80


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
    async with open_apart(settings) as apart:
        yield Octo(apart)


def _settled(options: Options) -> Settings:
    given = {name: str(value) for name, value in options.items() if value is not None}
    environment, folder = dict(os.environ), Path(given.pop("folder", ".")).absolute()
    if home := given.pop("home", None):
        environment["OCTO_HOME"] = str(folder / home)
    with in_words(words(language_of_locale())):
        return resolve(given, environment, folder)


class Run:
    """What goes on in a thread until it is done or a person is needed; begun by who first waits for it, or never.

    `await` it for how the thread then stands, as often as you like, or iterate over its events: the last is
    `RunFinished`, with the same under `summary`. Whoever leaves before it cancels the run: what was said and done is
    saved, and whatever is asked of the engine next waits for that. Awaiting a run that was left raises UsageError
    "run_left".
    """

    def __init__(self, events: Told[Event]) -> None:
        self._events = events
        self._summary: Summary | None = None

    def __aiter__(self) -> AsyncIterator[Event]:
        return _Listener(self)

    def __await__(self) -> Generator[Any, None, Summary]:
        return self._finished().__await__()

    async def aclose(self) -> None:
        """Cancel it, and wait until it is saved."""
        await self._events.aclose()

    async def _next(self) -> Event:
        event = await anext(self._events)
        if isinstance(event, RunFinished):
            self._summary = event.summary
        return event

    async def _finished(self) -> Summary:
        with suppress(StopAsyncIteration):
            while self._summary is None:
                await self._next()
        assert self._summary is not None  # it is the last thing told
        return self._summary


class _Listener:
    """What `async for` holds of a run. Python tells nobody of a `break`, but lets go of this."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __aiter__(self) -> "_Listener":
        return self

    async def __anext__(self) -> Event:
        return await self._run._next()

    def __del__(self) -> None:
        self._run._events.leave()


class Octo:
    """Threads of work, and what can be done with them. Made by `open_engine`.

    A `thread` is named as on the command line: by its id, the beginning of one (4 characters or more), its exact title,
    or "last". After `open_engine`'s block every call raises UsageError "engine_closed"; each may raise StorageError.
    An OctoError reads as a sentence in the language of the settings, and has its `code` beside it.
    """

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._engine = apart.engine

    # Runs

    def run(self, text: str, thread: str | None = None, *, create: bool = False, format: str | None = None) -> Run:
        """Say `text` in a new thread, or go on talking in `thread`, which is made if there is none only with `create`.

        It ends when all is done, or when a person is needed: its summary is `waiting_human` then, and `answer` takes
        what stands under `interrupts`. `format` is an output format, Octo's own or another package's; "chat" unless
        configured.

        Raises UsageError for a text that cannot be taken ("text_empty", "text_too_long"), for a format there is none of
        ("format_not_found"), for an id that cannot be given ("thread_id_invalid") and where an answer is waited for
        ("question_open"); NotFound for a thread there is none of; ThreadBusy while something else runs it; ModelError
        where `resume` may do better.
        """

        async def begin() -> AsyncGenerator[Event]:
            wanted = self._engine.settings.format if format is None else outputs.wanted(_fit("format", format)).name
            said, ref = _fit("text", text), None if thread is None else _fit("thread", thread)
            thread_id = await self._engine.thread_for(said, ref, create=create)
            return self._engine.run(thread_id, Say(said, wanted))

        return Run(self._apart.told(begin, whole_start=True))

    def answer(self, question: Question, reply: Answer | Mapping[str, Any]) -> Run:
        """Answer a question, and go on until the next one or the end.

        `reply` is an `Answer`, or its JSON: `{"action": "submit", "fields": {"deposit": "5천만원"}}` with values as a
        person would write them, `{"action": "approve"}`, and what else section 4 of docs/contract.md lists. Without a
        `doc_hash` or `base_revision` of its own it means the text as `question` shows it.

        Raises InvalidAnswer for a reply that does not fit, or a question that was answered by somebody else; nothing is
        changed then. For the rest, see `run`.
        """

        async def begin() -> AsyncGenerator[Event]:
            if not isinstance(question, Question):
                raise _unfit("question", question, "Question")
            return self._engine.run(question.thread_id, Answers({question.id: _answer(question, reply)}))

        return Run(self._apart.told(begin, whole_start=True))

    def resume(self, thread: str) -> Run:
        """Go on with what a crash, a cancelled run or a failure left undone. Raises as `run` does."""

        async def begin() -> AsyncGenerator[Event]:
            return self._engine.run(await self._engine.resolve(_fit("thread", thread)), Continue())

        return Run(self._apart.told(begin, whole_start=True))

    # Threads

    async def threads(
        self, *, status: ThreadStatus | None = None, limit: int | None = None
    ) -> tuple[ThreadRecord, ...]:
        """The threads, or those that stand like that, the one touched last first; at most `limit`, 1 or more."""

        async def listed() -> tuple[ThreadRecord, ...]:
            if status is not None and status not in get_args(ThreadStatus):
                raise _unfit("status", status, ", ".join(get_args(ThreadStatus)))
            if limit is not None and not (type(limit) is int and 0 < limit <= sys.maxsize):
                raise _unfit("limit", limit, "1, 2, 3 …")
            return await self._engine.threads(status=status, limit=limit)

        return await self._apart.done(listed)

    async def questions(self, thread: str | None = None) -> tuple[Question, ...]:
        """What waits for a person, oldest first, of one thread or of all. Raises NotFound for an unknown thread."""

        async def found() -> tuple[Question, ...]:
            await self._engine.catch_up()
            thread_id = None if thread is None else await self._engine.resolve(_fit("thread", thread))
            return await self._engine.questions(thread_id)

        return await self._apart.done(found)

    async def summary(self, thread: str) -> Summary:
        """The thread as it stands: its last turn's status, result, documents and questions. Raises NotFound."""

        async def summed_up() -> Summary:
            return await self._engine.summary(await self._engine.resolve(_fit("thread", thread)))

        return await self._apart.done(summed_up)

    async def history(self, thread: str) -> tuple[CheckpointRecord, ...]:
        """Every checkpoint of a thread, oldest first, the agents' own among them. Raises NotFound."""

        async def gone_by() -> tuple[CheckpointRecord, ...]:
            return await self._engine.history(_fit("thread", thread))

        return await self._apart.done(gone_by)

    async def fork(self, thread: str, at: str | None = None) -> ThreadRecord:
        """A new thread with the same past, up to the checkpoint `at`: an id of `history`, the beginning of one, or a
        stage's name. The questions of that moment are asked again; the original is untouched.

        Raises NotFound for an unknown thread or checkpoint, Failed "cannot_go_back" for one that nothing goes on from.
        """

        async def forked() -> ThreadRecord:
            return await self._engine.fork(_fit("thread", thread), None if at is None else _fit("at", at))

        return await self._apart.done(forked)

    def explain(self, error: OctoError) -> Problem:
        """An error as Octo's own commands tell it: its code, the sentence, and the next command to type, if any."""
        return told(error, self._apart.say)


def _fit(place: str, value: object) -> str:
    """An argument that has to be a text, without what is no character (a lone surrogate). Raises UsageError."""
    if not isinstance(value, str):
        raise _unfit(place, value, "str")
    return value.encode(errors="replace").decode()


def _unfit(place: str, value: object, accepted: str) -> UsageError:
    return UsageError("bad_setting", place=place, value=ascii(value)[:_LONGEST_SHOWN], accepted=accepted)


def _answer(question: Question, reply: Answer | Mapping[str, Any]) -> Answer:
    """The reply, bound to the question as it was shown. Raises InvalidAnswer for what is none."""
    try:
        answer = msgspec.convert(msgspec.to_builtins(reply), Answer)
        msgspec.json.encode(answer)  # A lone surrogate is no character, and would be found out half-way.
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise InvalidAnswer("malformed_answer", id=question.id, reason=str(error)) from error
    if answer.action == "approve" and answer.doc_hash is None:
        return structs.replace(answer, doc_hash=question.doc_hash)
    if answer.action == "submit" and answer.base_revision is None:
        return structs.replace(answer, base_revision=question.base_revision)
    return answer
