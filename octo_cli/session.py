"""The loop every command shares: events go to the face, questions to the person, answers back to the engine.

One `ask`, `resume` or turn of `chat` is one command's worth of work, however many runs it takes: run, ask, answer, run
again. It shows exactly one `RunFinished`, always last. Nothing here draws, parses flags or knows LangGraph.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec import Struct, field, structs

from octo_cli import outputs
from octo_cli.credentials import scrub
from octo_cli.documents.files import write_once, write_over
from octo_cli.engine import Engine, open_engine
from octo_cli.errors import Failed, InvalidAnswer, NotFound, OctoError, ThreadBusy, TimedOut
from octo_cli.i18n import Words, describe, language_of, words
from octo_cli.prepared import Prepared
from octo_cli.settings import Settings
from octo_cli.wire.events import Answers, Continue, Event, RunFinished, Say, Summary, Turn, Warned
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Problem

# What a form calls for each value typed: (field name, text) -> (value, how it reads). Raises InvalidAnswer.
Read = Callable[[str, str], tuple[Any, str]]
Find = Callable[[], Awaitable[str]]
T = TypeVar("T")

WAITING = 3
INTERRUPTED = 130
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_OVERTAKEN = ("answered_first", "answered_elsewhere")
_UNASKED = ("nothing_to_answer", "question_not_open")


class Face(Protocol):
    """Whoever shows the work: a terminal, a pipe, one JSON object, or a stream of events."""

    def speak(self, say: Words) -> None:
        """Use these words from here on."""
        ...

    def show(self, event: Event) -> None: ...

    async def ask(self, question: Question, read: Read) -> Answer | None:
        """The person's answer, or None to leave the question open."""
        ...


class TalkingFace(Face, Protocol):
    def open(self) -> None:
        """Say what can be done here, before anything was said."""
        ...

    async def read_line(self) -> str | None:
        """What the person typed next; None when they leave, "" for a new thread."""
        ...


class Command(Struct, frozen=True):
    """How one command wants its work done; every member is a flag of `octo ask` or `octo resume`."""

    thread: str | None = None
    create: bool = False
    at: str | None = None
    format: str | None = None
    output: Path | None = None
    force: bool = False
    prepared: Prepared = field(default_factory=Prepared)
    timeout: float | None = None


class Outcome(Struct, frozen=True):
    """What a command ends with: the contract's one object, and the process's exit status."""

    summary: Summary
    status: int


async def ask(settings: Settings, face: Face, text: str, command: Command) -> Outcome:
    """A turn on a new thread, or on `command.thread` (a new id only with `command.create`)."""
    async with open_engine(settings, output=command.output) as engine:

        async def find() -> str:
            return await engine.thread_for(text, command.thread, create=command.create)

        say = Say(text, command.format or settings.format)
        return await _Work(engine, face, command).do(find, say)


async def resume(settings: Settings, face: Face, command: Command) -> Outcome:
    """Go on with `command.thread`: answer its open questions, or finish what a crash, a cancel or a failure left."""
    async with open_engine(settings, output=command.output) as engine:

        async def find() -> str:
            thread_id = await engine.resolve(command.thread or "last")
            if command.at is not None:
                await engine.rollback(thread_id, command.at)
            return thread_id

        return await _Work(engine, face, command).do(find, Continue())


async def chat(settings: Settings, face: TalkingFace, text: str | None, thread: str | None) -> int:
    """Turn after turn in one thread until the person leaves or leaves a question open. Returns the exit status."""
    async with open_engine(settings) as engine:
        thread_id = await engine.resolve(thread) if thread else None
        if not (text or thread_id):
            face.open()
        if thread_id and not text:
            outcome = await _chat_turn(engine, face, thread_id, Continue())
            if outcome.status == WAITING:
                return WAITING
        while (line := text or await face.read_line()) is not None:
            text = None
            if not line:
                thread_id = None
                continue
            outcome = await _chat_turn(engine, face, thread_id, Say(line))
            if outcome.status == WAITING:
                return WAITING
            thread_id = outcome.summary.thread_id or thread_id
    return 0


async def _chat_turn(engine: Engine, face: Face, thread_id: str | None, turn: Turn) -> Outcome:
    text = turn.text if isinstance(turn, Say) else ""

    async def find() -> str:
        return thread_id or await engine.thread_for(text, None, create=False)

    return await _Work(engine, face, Command()).do(find, turn)


class _Work:
    """One command's runs on one thread, and the one outcome they end in."""

    def __init__(self, engine: Engine, face: Face, command: Command) -> None:
        self.engine = engine
        self.face = face
        self.words = words(engine.settings.language_for())
        self.command = command
        self.thread_id: str | None = None
        self.prepared = command.prepared.once()
        # What the person put off is not put to them again by the same command; after Ctrl-C nothing is.
        self.put_off: set[str] = set()
        self.left = False
        # The questions that were put, and how much had happened by then; whether a person answered any.
        self.put: dict[str, tuple[Question, int]] = {}
        self.by_hand = False
        # Whether the command says something new, rather than go on with what was said.
        self.says = False
        # How the thread stands in the format that was asked for, once all is done.
        self.done: Summary | None = None

    async def do(self, find: Find, turn: Turn) -> Outcome:
        """Run until nothing more can be answered; every way this can end becomes an outcome."""
        self.says = isinstance(turn, Say)
        self._speak_as(turn.text if isinstance(turn, Say) else "")
        try:
            async with asyncio.timeout(self.command.timeout):
                outcome = await _interruptible(self._converse(find, turn))
        except OctoError as error:
            outcome = await self._ended(error, error.status)
        except TimeoutError:
            late = TimedOut("timed_out", seconds=self.command.timeout, thread=self.thread_id or "last")
            outcome = await self._ended(late, late.status)
        except asyncio.CancelledError:
            outcome = await self._ended(OctoError("interrupted", thread=self.thread_id or "last"), INTERRUPTED)
        if (problem := outcome.summary.error) is not None and problem.hint:
            problem = structs.replace(problem, hint=self.engine.settings.again(problem.hint))
            outcome = structs.replace(outcome, summary=structs.replace(outcome.summary, error=problem))
        self.face.show(RunFinished(outcome.summary))
        return outcome

    async def _converse(self, find: Find, turn: Turn) -> Outcome:
        await self.engine.catch_up()
        self.thread_id = await find()
        self.prepared.seen = await self.engine.asked(self.thread_id)
        if not isinstance(turn, Say) or language_of(turn.text) is None:
            self._speak_as((await self.engine.record(self.thread_id)).title)
        next_turn: Turn | None = turn
        summary = Summary(thread_id=self.thread_id, status="failed")
        while next_turn is not None:
            try:
                async for event in self.engine.run(self.thread_id, next_turn, format=self.command.format):
                    _collect_from_here_on()
                    if isinstance(event, RunFinished):
                        summary = event.summary
                    else:
                        self.face.show(event)
            except InvalidAnswer as error:
                summary = await self._overtaken(self.thread_id, error)
            next_turn = await self._answers(summary.interrupts)
        self.done = summary if summary.status == "completed" else None
        summary = self._all_used(summary)
        await self._keep(summary)
        return Outcome(summary, _status(summary))

    def _speak_as(self, text: str) -> None:
        """In the language asked for, else the one `text` is written in, else the locale's."""
        self.words = words(self.engine.settings.language_for(text))
        self.face.speak(self.words)

    async def _answers(self, questions: tuple[Question, ...]) -> Turn | None:
        """The answers that can be had now: from the command line first, then from the person."""
        self.prepared.check(questions, self.engine.takes)
        by_id: dict[str, Answer] = {}
        allowed: set[str] = set()
        for question in questions:
            if question.tool in allowed:
                continue  # Allowed for this run beside it; if it is asked all the same, it comes back.
            answer = self.prepared.answer(question, self.engine.takes(question))
            if answer is not None or not (self.left or question.id in self.put_off):
                self.put[question.id] = question, await self.engine.happened(question.thread_id)
                answer = answer or await self._asked(question)
            if answer is not None and answer.action == "defer":
                self.put_off.add(question.id)
                await self.engine.defer(question)
            elif answer is not None:
                by_id[question.id] = answer
                allowed |= {question.tool} if question.tool and answer.scope == "run" else set()
        return Answers(by_id) if by_id else None

    async def _asked(self, question: Question) -> Answer | None:
        """What the person says; what does not fit the question is told, and asked again with all they typed."""
        while (answer := await self.face.ask(question, self.engine.reader(question))) is not None:
            try:
                self.engine.check(question, answer)
                break
            except InvalidAnswer as error:
                self.face.show(Warned(error.code, describe(error, self.words)[0]))
        self.left = answer is None
        self.by_hand |= answer is not None
        return answer

    async def _overtaken(self, thread_id: str, error: InvalidAnswer) -> Summary:
        """The thread as it stands, when somebody answered first and a person is there for what it asks now.

        Raises InvalidAnswer saying who it was when nothing is left to ask, and `error` when it is about something else.
        """
        if error.code != "question_not_open":
            raise error
        question, happened = self.put[str(error.values["id"])]
        overtaken = InvalidAnswer("answered_elsewhere", title=question.title)
        if first := await self.engine.answered(question, happened):
            who, action = first.actor.partition(":")[2] or first.actor, self.words(f"audit.{first.event}")
            when = f"{datetime.fromisoformat(first.at).astimezone(self.engine.settings.now().tzinfo):%Y-%m-%d %H:%M}"
            overtaken = InvalidAnswer("answered_first", who=who, action=action, when=when)
        summary = await self.engine.summary(thread_id)
        if not (self.by_hand and any(question.id not in self.put_off for question in summary.interrupts)):
            raise overtaken from error
        self.face.show(Warned(overtaken.code, describe(overtaken, self.words)[0]))
        return summary

    def _all_used(self, summary: Summary) -> Summary:
        """`summary`, with a word about flags that nothing took.

        Raises InvalidAnswer when that is all they did, unless the person answered what they were meant for.
        """
        try:
            self.prepared.check_all_used(summary.interrupts)
        except InvalidAnswer as error:
            if not self.by_hand:
                raise
            warned = Warned(error.code, describe(error, self.words)[0])
        else:
            if not (unused := ", ".join(self.prepared.unused)):
                return summary
            warned = Warned("answer_unused", self.words("warning.answer_unused", flags=unused))
        self.face.show(warned)
        told = {"code": warned.code, "message": warned.message}
        return structs.replace(summary, warnings=(*summary.warnings, told))

    async def _keep(self, summary: Summary) -> None:
        """With `-o`, the answer itself is written, unless the documents made are what was meant."""
        output = self.command.output
        if output is None or summary.status != "completed":
            return
        path = _answer_path(output, summary)
        if path is None:
            return
        write = write_over if self.command.force else write_once
        await asyncio.to_thread(write, path, await asyncio.to_thread(_content, summary, path.suffix.lower()))

    async def _ended(self, error: OctoError, status: int) -> Outcome:
        """The outcome of a run cut short, with what is known of the thread as it stands."""
        summary = Summary(thread_id=self.thread_id, status="failed")
        # While another process has the thread, how it stands is not this one's to tell.
        if self.thread_id is not None and not isinstance(error, ThreadBusy):
            # The thread may be what failed; the first error is the one to tell.
            with suppress(OctoError):
                summary = self.done or await self.engine.summary(self.thread_id)
        if error.code in _OVERTAKEN or (error.code in _UNASKED and not self.says):
            # It says "you", and means somebody else; or was told long ago, and nothing was asked now.
            summary = structs.replace(summary, result=None)
        message, hint = describe(error, self.words, thread=self.thread_id)
        cut_short = status in (INTERRUPTED, TimedOut.status)
        # "last" would be another thread than the one that did not come to be.
        problem = Problem(error.code, scrub(message), hint if self.thread_id or not cut_short else None)
        return Outcome(structs.replace(summary, status="cancelled" if cut_short else "failed", error=problem), status)


def _answer_path(output: Path, summary: Summary) -> Path | None:
    """Where the answer goes; None when `output` was meant for the documents that were made."""
    # os.path, not pathlib: a name too long is no folder, and no crash.
    is_folder = os.path.isdir(output) or not output.suffix  # noqa: PTH112
    if summary.documents and (is_folder or output.suffix.lower() == ".md"):
        return None
    return output / f"answer{next(iter(_files(summary.format)))}" if is_folder else output


def _files(format: str) -> Mapping[str, Callable[[Any, outputs.Subject], bytes]]:
    found = outputs.output(format)
    return found.files if found else {}


def _content(summary: Summary, suffix: str) -> bytes:
    """The answer as it stands in a file of that kind; in one that the format has none of, as in its first.

    Raises Failed "output_broken" when another package's format cannot write it.
    """
    files = _files(summary.format)
    write = files.get(suffix) or next(iter(files.values()))
    try:
        content = write(summary.result, outputs.subject_told(summary))
        if not isinstance(content, bytes):
            raise TypeError(f"{suffix} is no bytes but {type(content).__name__}")
        return content
    except OctoError:
        raise
    except outputs.BROKEN as exc:
        if summary.format in outputs.OWN:
            raise
        raise outputs.broken(summary.format, exc) from exc


def _status(summary: Summary) -> int:
    """The exit status of a run that ended in order."""
    if summary.interrupts:
        return WAITING
    if summary.status != "failed":
        return 0
    missing = summary.error is not None and summary.error.code.endswith("_not_found")
    return NotFound.status if missing else Failed.status


def _collect_from_here_on() -> None:
    """Start the collector that `__main__` held back: a run may go on for long, and a chat has many.

    By a run's first event the graph is built; it and all that was imported for it stay, and are not walked.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; Ctrl-C or SIGTERM cancels it, and nothing else, however often a session sees one."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    try:
        for number in _STOPPING:
            loop.add_signal_handler(number, task.cancel)
    except (NotImplementedError, RuntimeError):  # Windows, or a loop outside the main thread
        return await task
    try:
        return await task
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
