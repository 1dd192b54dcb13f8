"""One thread's work, run by run: a turn goes in, plain events come out. LangGraph's words end here.

`open_engine(settings)` costs nothing; storage is opened by the first call that needs it, the graph by the first run.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from octo_cli.documents.catalog import PACKAGE_TYPES, Catalog
from octo_cli.engine.answers import check, read_value
from octo_cli.engine.dossiers import ANSWERS, Told, document_text
from octo_cli.engine.run import Run, Stream
from octo_cli.engine.views import inspected, questions_of, said_in, summarised
from octo_cli.errors import InvalidAnswer, ModelError, NotFound, StorageError, ThreadBusy
from octo_cli.reasoning.base import Reasoner, Warn
from octo_cli.settings import OFFLINE, Settings
from octo_cli.storage import AuditEntry, Lease, Storage, open_storage, storage_errors
from octo_cli.values.text import one_line
from octo_cli.wire.events import Answers, Continue, Event, Summary, Turn
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.inspection import AuditChain, AuditRecord, CheckpointRecord, Course, Dossier, Inspection
from octo_cli.wire.work import ThreadRecord, ThreadStatus, Usage, total

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StateSnapshot

    from octo_cli.agents.kit import Kit
    from octo_cli.agents.registry import Registry
    from octo_cli.engine.history import History
    from octo_cli.supervisor.foreign import Found

T = TypeVar("T")

LONGEST_TITLE = 60
# Stages that only ask: going back to one puts its question again at once, and nothing else happens.
ASKING = frozenset({"clarify", "review_plan", "collaborate", "user_confirm", "ask"})


@asynccontextmanager
async def open_engine(settings: Settings, *, output: Path | None = None) -> AsyncIterator["Engine"]:
    """An engine for one process; `output` is where this command wants its documents instead of the usual folder."""
    async with AsyncExitStack() as stack:
        yield Engine(settings, stack, output)


class Engine:
    def __init__(self, settings: Settings, stack: AsyncExitStack, output: Path | None) -> None:
        self.settings = settings
        self.catalog = Catalog((settings.types_folder, PACKAGE_TYPES), cache=settings.folders.cache)
        self._stack = stack
        self._output = output
        # Whether the registry's problems were told: once is enough.
        self.told = False
        self._storage: Storage | None = None
        self._graph: CompiledStateGraph[Any, Kit, Any, Any] | None = None
        # Two runs may be the first at once.
        self._opening, self._building = asyncio.Lock(), asyncio.Lock()

    # Threads

    async def thread_for(self, text: str, ref: str | None, *, create: bool) -> str:
        """The thread a text goes to: a new one, or the one `ref` names (a new one of that id only with `create`).

        Raises UsageError for a text that cannot be taken, before any thread is made.
        """
        from octo_cli.supervisor.nodes import admit

        admitted = admit(text)
        storage = await self._open()
        if ref is not None:
            try:
                return await asyncio.to_thread(storage.resolve, ref)
            except NotFound:
                if not create:
                    raise
        thread_id, title = ref or secrets.token_hex(8), _title(admitted)
        now = self.settings.now()
        await asyncio.to_thread(storage.create_thread, thread_id, title=title, user=self.settings.user, now=now)
        return thread_id

    async def resolve(self, ref: str) -> str:
        storage = await self._open()
        return await asyncio.to_thread(storage.resolve, ref)

    async def threads(self, *, status: ThreadStatus | None, limit: int | None) -> tuple[ThreadRecord, ...]:
        storage = await self._open()
        return tuple(await asyncio.to_thread(storage.threads, status=status, limit=limit))

    async def questions(self, thread_id: str | None) -> tuple[Question, ...]:
        """What waits for a person, oldest first, of one thread or of all."""
        storage = await self._open()
        return tuple(await asyncio.to_thread(storage.questions, thread_id))

    # Runs

    def run(
        self, thread_id: str, turn: Turn, *, format: str | None = None, actor: str | None = None
    ) -> AsyncGenerator[Event]:
        """Run `thread_id` until it is done or waits for a person; the last event is `RunFinished`.

        Raises ThreadBusy when another process runs it or takes it over, InvalidAnswer when an answer does not fit its
        question (nothing is changed then), StorageError and ModelError when `Continue` may succeed later.
        """
        return self._held(thread_id, lambda run: run.events(turn), format=format, actor=actor)

    def hosted(self, thread_id: str, turn: Turn, stream: Stream, *, actor: str | None = None) -> AsyncGenerator[Any]:
        """`run` for a host that streams the graph itself, by `stream(input, context)`: what that yields."""
        return self._held(thread_id, lambda run: run.chunks(turn, stream), actor=actor)

    async def _held(
        self,
        thread_id: str,
        work: Callable[[Run], AsyncGenerator[T]],
        *,
        format: str | None = None,
        actor: str | None = None,
    ) -> AsyncGenerator[T]:
        """What the run's work yields, as long as the thread is this process's to run."""
        storage = await self._open()
        with storage_errors(self.settings.database.name):
            async with self._lease(storage, thread_id) as lease:
                run = Run(self, storage, lease, format=format, actor=actor or self._person)
                async with aclosing(work(run)) as made:
                    with _ended_when_lost(lease, made):
                        async for one in made:
                            yield one

    async def summary(self, thread_id: str) -> Summary:
        """The thread as it stands, as the contract's one object."""
        with storage_errors(self.settings.database.name):
            record = await self.record(thread_id)
            state = await self.state(thread_id)
            details = await asyncio.to_thread((await self._open()).thread_details, thread_id)
            usage = total(details.turn_usage.values() if details else ()) or Usage(model=self.settings.model)
            return summarised(record, state, questions_of(state, thread_id), usage=usage)

    async def asked(self, thread_id: str) -> dict[str, Question]:
        """The questions that a thread was left with, by id, as lists showed them."""
        storage = await self._open()
        return {question.id: question for question in await asyncio.to_thread(storage.questions, thread_id)}

    async def happened(self, thread_id: str) -> int:
        """How much the thread's audit log holds."""
        return await asyncio.to_thread((await self._open()).audit_length, thread_id)

    async def answered(self, question: Question, since: int) -> AuditEntry | None:
        """How `question` was answered after so many entries of the audit log, as far as that keeps it."""
        rows = await asyncio.to_thread((await self._open()).audit, question.thread_id)
        entries = (row.entry for row in rows[since:])
        return next((entry for entry in entries if entry.event in ANSWERS and entry.step_id == question.step_id), None)

    async def defer(self, question: Question) -> None:
        """Keep in the audit log that a person chose to leave `question` open."""
        storage = await self._open()
        entry = self._entry(question.thread_id, "deferred", document_id=question.document_id, step_id=question.step_id)
        await asyncio.to_thread(storage.record, [entry], key=f"defer:{question.id}:{entry.at}")

    async def catch_up(self) -> None:
        """What happened while nobody looked: runs that died left their questions unsaid, and deadlines passed."""
        storage = await self._open()
        # On a full or read-only disk, or without the model it takes, it has to wait; what the index knows can be read.
        for thread_id in await asyncio.to_thread(storage.abandoned):
            with suppress(ThreadBusy, StorageError):
                await self._find_questions(storage, thread_id)
        for question in await asyncio.to_thread(storage.due_questions, self.settings.now()):
            with suppress(ThreadBusy, StorageError, ModelError):
                await self._expire(storage, question)

    async def index_messages(self, thread_ids: Sequence[str]) -> None:
        """Put into the index what only the checkpoints of these threads know: those of an older Octo."""
        storage = await self._open()
        for thread_id in thread_ids:
            # One that is damaged, or a disk nothing can be written to, does not keep the others from being found.
            with suppress(StorageError), storage_errors(self.settings.database.name):
                said = said_in(await self.state(thread_id))
                await asyncio.to_thread(storage.keep_messages, thread_id, said, only_first=True)

    async def _find_questions(self, storage: Storage, thread_id: str) -> None:
        """Put down what a dead run was asking. The thread stays `active`: the next run makes sure of it."""
        with storage_errors(self.settings.database.name):
            async with self._lease(storage, thread_id):
                await self.arrive(storage, thread_id)
                details = await asyncio.to_thread(storage.thread_details, thread_id)
                answered = details.answers if details else {}
                asked = questions_of(await self.state(thread_id), thread_id)
                questions = [question for question in asked if question.id not in answered]
                await asyncio.to_thread(storage.put_questions, thread_id, questions)
                await asyncio.to_thread(storage.touch, thread_id, now=self.settings.now(), status="active")

    async def _expire(self, storage: Storage, question: Question) -> None:
        """Do what an overdue question says should happen to it: it is put off, or rejected; never approved."""
        now, thread_id = self.settings.now(), question.thread_id
        entry = self._entry(
            thread_id,
            "timed_out",
            actor="system",
            document_id=question.document_id,
            step_id=question.step_id,
            detail={"on_timeout": question.on_timeout},
        )
        await asyncio.to_thread(storage.record, [entry], key=f"timeout:{question.id}")
        if question.on_timeout == "reject" and "reject" in question.actions:
            rejection = Answers({question.id: Answer("reject", reason="expired")})
            # Somebody may have answered meanwhile: then there is nothing left to reject.
            with suppress(InvalidAnswer):
                async for _ in self.run(thread_id, rejection, actor="system"):
                    pass
        await asyncio.to_thread(storage.mark_timed_out, question.id, now, thread_id=thread_id)

    def takes(self, question: Question) -> frozenset[str]:
        """The fields an answer to `question` may give: of a document all its type has, those not shown yet included."""
        if question.document_type is None:
            return frozenset(field.name for field in question.fields)
        return frozenset(spec.name for spec in self.catalog.find(question.document_type).fields)

    def check(self, question: Question, answer: Answer) -> None:
        """Raise InvalidAnswer unless `answer` fits `question` as it stands."""
        check(question, answer, self.catalog, self.settings.now().date())

    def reader(self, question: Question) -> Callable[[str, str], tuple[Any, str]]:
        """How a form reads what is typed: (field name, text) -> (value, how it reads). Raises InvalidAnswer."""

        def read(name: str, text: str) -> tuple[Any, str]:
            return read_value(question, name, text, self.catalog, self.settings.now().date())

        return read

    # History

    async def inspect(self, ref: str, at: str | None = None) -> Inspection:
        """The conversation, plan, questions and documents of a thread, now or at a checkpoint."""
        storage = await self._open()
        thread_id = await asyncio.to_thread(storage.resolve, ref)
        with storage_errors(self.settings.database.name):
            record = await self.record(thread_id)
            checkpoint = (await (await self._history(thread_id)).find(at)).root_id if at else None
            state = await self.state(thread_id, checkpoint)
            details = await asyncio.to_thread(storage.thread_details, thread_id)
        return inspected(record, state, details.usage if details else None)

    async def history(self, ref: str) -> tuple[CheckpointRecord, ...]:
        """Every checkpoint of a thread, oldest first, the agents' own among them."""
        thread_id = await self.resolve(ref)
        with storage_errors(self.settings.database.name):
            return (await self._history(thread_id)).records

    async def course(self, ref: str) -> Course:
        """How a thread's last turn went, as a graph."""
        from octo_cli.engine.course import course

        found = await self.inspect(ref)
        thread_id = found.thread.thread_id
        with storage_errors(self.settings.database.name):
            state = await self.state(thread_id)
            return course(await self.graph(), await self._history(thread_id), state, found)

    async def dossier(self, ref: str) -> Dossier:
        """All there is to read of a thread."""
        found = await self.inspect(ref)
        storage, thread_id = await self._open(), found.thread.thread_id
        with storage_errors(self.settings.database.name):
            told = await Told.of(await self.graph(), await self.state(thread_id))
            details = await asyncio.to_thread(storage.thread_details, thread_id)
            audit = await asyncio.to_thread(storage.audit, thread_id)
            papers = await asyncio.to_thread(partial(storage.documents, thread_id, whole=True))
            broken_at = await asyncio.to_thread(storage.verify_audit, thread_id)
        open_now = {question.id: question for question in found.interrupts}
        return Dossier(
            found,
            turns=tuple(told.turns),
            exchanges=told.exchanges(open_now, details.answers if details else {}, audit),
            documents=tuple(document_text(paper) for paper in reversed(papers)),
            audit=tuple(AuditRecord(seq=row.seq, hash=row.hash, **msgspec.structs.asdict(row.entry)) for row in audit),
            chain=AuditChain(thread_id, len(audit), broken_at),
            history=await self.history(thread_id),
        )

    async def rollback(self, thread_id: str, to: str) -> CheckpointRecord:
        """Make the checkpoint `to` (an id, its beginning, or a stage's name) the thread's head. Nothing is erased."""
        storage = await self._open()
        with storage_errors(self.settings.database.name):
            async with self._lease(storage, thread_id):
                record = (await (await self._history(thread_id)).find(to)).record
                # Going there takes several writes: whoever comes after one that died half-way goes on from here.
                now, there = self.settings.now(), record.checkpoint_id
                await asyncio.to_thread(storage.touch, thread_id, now=now, status="running", going_to=there)
                await self.arrive(storage, thread_id)
        if _only_asks(record):
            async for _ in self.run(thread_id, Continue()):
                pass
        return record

    async def arrive(self, storage: Storage, thread_id: str) -> None:
        """Take the thread to where a rollback was going, if one is under way."""
        details = await asyncio.to_thread(storage.thread_details, thread_id)
        if details is None or not details.going_to:
            return
        history = await self._history(thread_id)
        target = await history.find(details.going_to)
        head = await history.go_back(target)
        detail = {"to": target.record.checkpoint_id}
        entry = self._entry(thread_id, "rolled_back", checkpoint_id=head, detail=detail)
        # A stage that only asks needs no model to ask again.
        model = OFFLINE if _only_asks(target.record) else None
        said = said_in(await self.state(thread_id))

        def put_down() -> None:
            with storage.whole(thread_id):
                storage.record([entry], key=f"rollback:{head}")
                storage.put_questions(thread_id, ())
                storage.keep_messages(thread_id, said)
                now = self.settings.now()
                storage.touch(thread_id, now=now, status="active", model=model, answers={}, going_to="")

        await asyncio.to_thread(put_down)

    async def fork(self, ref: str, at: str | None = None) -> ThreadRecord:
        """A new thread with the same past, up to checkpoint `at`; the original is untouched."""
        storage = await self._open()
        source = await asyncio.to_thread(storage.resolve, ref)
        with storage_errors(self.settings.database.name):
            original = await self.record(source)
            until = (await (await self._history(source)).find(at)).record.checkpoint_id if at is not None else None
            target, now = secrets.token_hex(8), self.settings.now()
            entry = self._entry(target, "forked", detail={"from": source, "at": until})

            def copy() -> None:
                with storage.whole(source, target):
                    storage.create_thread(target, title=original.title, user=self.settings.user, now=now)
                    storage.copy_checkpoints(source, target, until=until)
                    storage.record([entry], key=f"fork:{target}")
                    under_way = storage.thread_details(source)
                    assert under_way is not None  # it was there when it was resolved
                    answers, going_to = under_way.answers, under_way.going_to or ""
                    # Whoever comes after one that died here finds out what the new thread asks.
                    storage.touch(target, now=now, status="running", answers=answers, going_to=going_to)

            await asyncio.to_thread(copy)
            if until is None:
                state = await self.state(target)
                await asyncio.to_thread(storage.put_questions, target, questions_of(state, target))
                await asyncio.to_thread(storage.keep_messages, target, said_in(state))
                details = await asyncio.to_thread(storage.thread_details, source)
                model = details.model if details else None
                await asyncio.to_thread(storage.touch, target, now=now, status=original.status, model=model)
        if until is not None:
            await self.rollback(target, until)
        return await self.record(target)

    # What runs are made of

    async def state(
        self, thread_id: str, checkpoint_id: str | None = None, *, subgraphs: bool = False
    ) -> "StateSnapshot":
        configurable = {"thread_id": thread_id}
        if checkpoint_id:
            configurable["checkpoint_id"] = checkpoint_id
        return await (await self.graph()).aget_state({"configurable": configurable}, subgraphs=subgraphs)

    @cached_property
    def registry(self) -> "Registry":
        """The agents of this process; plug-ins are looked at once."""
        from octo_cli.agents.registry import Registry

        return Registry(self.settings)

    @cached_property
    def nodes(self) -> "tuple[Found, ...]":
        """The nodes of other packages; looked at once."""
        from octo_cli.supervisor.foreign import nodes

        return tuple(nodes())

    async def graph(self) -> "CompiledStateGraph[Any, Kit, Any, Any]":
        from octo_cli.supervisor.build import build

        storage = await self._open()
        async with self._building:
            if self._graph is None:
                saver = await self._stack.enter_async_context(storage.checkpointer())
                assisted = self.settings.model != OFFLINE
                self._graph = build(
                    self.registry,
                    saver,
                    assisted=assisted,
                    step_timeout=self.settings.plan.timeout,
                    nodes_of_others=self.nodes,
                )
            return self._graph

    def kit(
        self, thread_id: str, storage: Storage, actor: str, mind: Reasoner, *, seconds_before: float = 0.0
    ) -> "Kit":
        from octo_cli.agents.kit import Kit

        return Kit(
            thread_id=thread_id,
            actor=actor,
            mind=mind,
            catalog=self.catalog,
            storage=storage,
            settings=self.settings,
            cards=self.registry.cards(),
            output=self._output,
            seconds_before=seconds_before,
            began=time.monotonic(),
        )

    def mind(self, warn: Warn, spent: dict[str, Usage]) -> Reasoner:
        """A mind for one run; `spent` is what its turn has used so far, by step, and grows."""
        from octo_cli.engine.cache import open_cache
        from octo_cli.reasoning.minds import open_mind

        settings = self.settings
        cache = None if settings.model == OFFLINE else open_cache(settings, warn)
        return open_mind(settings.models, key_for=_key_for, warn=warn, cache=cache, spent=spent)

    async def _open(self) -> Storage:
        async with self._opening:
            if self._storage is None:
                self._storage = await asyncio.to_thread(open_storage, self.settings.database)
                self._stack.callback(self._storage.close)
            return self._storage

    async def record(self, thread_id: str) -> ThreadRecord:
        record = await asyncio.to_thread((await self._open()).thread, thread_id)
        if record is None:
            raise NotFound("thread_not_found", ref=thread_id, near="")
        return record

    async def _history(self, thread_id: str) -> "History":
        from octo_cli.engine.history import History

        return await History.of(await self.graph(), thread_id)

    def _entry(self, thread_id: str, event: str, *, actor: str | None = None, **members: Any) -> AuditEntry:
        at = self.settings.now().isoformat()
        return AuditEntry(thread_id=thread_id, at=at, actor=actor or self._person, event=event, **members)

    @property
    def _person(self) -> str:
        return f"user:{self.settings.user}"

    @asynccontextmanager
    async def _lease(self, storage: Storage, thread_id: str) -> AsyncIterator[Lease]:
        """Hold the thread's lease, renewed as long as the work goes on."""
        taking = asyncio.ensure_future(asyncio.to_thread(storage.take_lease, thread_id))
        try:
            lease = await asyncio.shield(taking)
        except asyncio.CancelledError:
            # Whoever takes it in a thread cannot be cancelled; what that brings goes back.
            with suppress(ThreadBusy, StorageError):
                await asyncio.to_thread((await taking).close)
            raise
        lease.keep()
        try:
            yield lease
        finally:
            if not lease.is_over:
                await asyncio.shield(asyncio.to_thread(lease.close))


@contextmanager
def _ended_when_lost(lease: Lease, events: Any) -> Iterator[None]:
    """Cancel the work, an async generator, when another process took the thread over: ThreadBusy "lease_lost"."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        # Not whoever listens: between two events it is theirs, and the next write will be refused.
        if task and events.ag_running:
            task.cancel()

    lease.when_lost = partial(loop.call_soon_threadsafe, cancel)
    try:
        yield
    except asyncio.CancelledError:
        if not (task and lease.lost):
            raise
        task.uncancel()
        raise ThreadBusy("lease_lost", thread=lease.thread_id) from None


def _key_for(provider: str) -> str | None:
    from octo_cli import credentials

    found = credentials.find(provider, os.environ)
    return found.secret if found else None


def _only_asks(record: CheckpointRecord) -> bool:
    return bool(record.next) and ASKING.issuperset(record.next)


def _title(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"
