"""One run of one thread: from a turn to the point where the thread is done or waits, as events."""

import asyncio
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import structs

from octo_cli.engine.answers import bound
from octo_cli.engine.views import questions_of, said_in, summarised, thread_status
from octo_cli.errors import Failed, InvalidAnswer, ModelError, NotFound, OctoError, UsageError
from octo_cli.i18n import describe, said, words
from octo_cli.settings import OFFLINE
from octo_cli.storage import Lease, Storage, ThreadDetails
from octo_cli.wire.events import (
    Answers,
    Event,
    InterruptAnswered,
    InterruptRaised,
    RunFinished,
    RunStarted,
    Say,
    StepFinished,
    Turn,
    UsageChanged,
    Warned,
)
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Plan, StepResult, ThreadRecord, ThreadStatus, Usage, total

if TYPE_CHECKING:
    from langgraph.types import Command, StateSnapshot

    from octo_cli.agents.kit import Kit
    from octo_cli.engine import Engine

# What streams the graph: (its input, its context) -> what it yields.
Stream = Callable[[Any, "Kit"], AsyncGenerator[Any]]

# Supersteps of one run, of the supervisor or of one agent; a revise loop takes four a round, a step of a plan three.
RECURSION_LIMIT: Final = 400
# Who asks when it is not an agent.
_SUPERVISOR: Final = "supervisor"
# The thread stands where it should: nothing to feed the graph.
_NOTHING: Final = object()


class Run:
    """One run of one thread, under its lease; a run that ends in order gives it back itself."""

    def __init__(self, engine: "Engine", storage: Storage, lease: Lease, *, format: str | None, actor: str) -> None:
        self.engine = engine
        self.storage = storage
        self.lease = lease
        self.thread_id = lease.thread_id
        self.format = format
        self.actor = actor
        self.warnings: list[dict[str, Any]] = []
        # What this run was told and what one before it was, and did not live to work in; by question.
        self._given: dict[str, Answer] = {}
        # Those of them that nobody was told of yet.
        self._fresh: dict[str, Answer] = {}
        # The tools that answers of this run allow for the rest of it.
        self.allowed: tuple[str, ...] = ()
        # What the mind warned of and nobody was told yet; what this turn used of models, by step.
        self._unsaid: list[Warned] = []
        self._spent: dict[str, Usage] = {}
        # What all turns before this one used.
        self._past: Usage | None = None
        self.title = ""
        # Whether the graph was set to work, and whether it is certain to have what it was given.
        self._ran = self._fed = False
        self._say = words(engine.settings.language_for())

    async def events(self, turn: Turn) -> AsyncGenerator[Event]:
        """The run as events; the last is `RunFinished`."""
        inputs, kit = await self._begun(turn)
        started = RunStarted(self.title, resumed=not isinstance(turn, Say), thread_id=self.thread_id)
        if inputs is _NOTHING:
            yield started
            self._tell_of_agents()
        else:
            try:
                async with self._at_work(turn, inputs, kit):
                    # Said only now that it is kept: an answer that was acknowledged is never asked for again.
                    yield started
                    self._tell_of_agents()
                    for question_id, answer in self._fresh.items():
                        yield InterruptAnswered(question_id, answer.action, self.actor)
                    async for event in self._stream(inputs, kit):
                        yield event
            except OctoError:
                # A generator that is being closed may not speak; whoever closed it does not listen either.
                for event in self._unheard():
                    yield event
                raise
        async for event in self._end(kit):
            yield event

    async def chunks(self, turn: Turn, stream: Stream) -> AsyncGenerator[Any]:
        """The same run for a host that streams the graph itself: `stream` is given its input and its context."""
        inputs, kit = await self._begun(turn)
        if inputs is not _NOTHING:
            async with self._at_work(turn, inputs, kit), aclosing(stream(inputs, kit)) as chunks:
                async for chunk in chunks:
                    self._fed = True
                    yield chunk
        async for _ in self._end(kit):
            pass

    async def _begun(self, turn: Turn) -> tuple[Any, "Kit"]:
        """What the graph is fed, and its context. Raises for a turn that does not fit; nothing is changed then."""
        record, details, questions = await self._left()
        inputs = await self._inputs(turn, record, details, questions)
        new = isinstance(turn, Say)
        self.title, self._past = record.title, details.usage
        self._say = words(self.engine.settings.language_for(turn.text if isinstance(turn, Say) else record.title))
        self._fresh = {name: answer for name, answer in self._given.items() if name not in details.answers}
        self._spent |= {} if new else details.turn_usage
        mind = self.engine.mind(self._warn, self._spent)
        seconds_before = 0.0 if new else details.active_seconds
        kit = self.engine.kit(self.thread_id, self.storage, self.actor, mind, seconds_before=seconds_before)
        return inputs, replace(kit, format=self.format, allowed=self.allowed)

    @asynccontextmanager
    async def _at_work(self, turn: Turn, inputs: Any, kit: "Kit") -> AsyncIterator[None]:
        """The thread stands as running meanwhile; when it breaks off, as what it was left as."""
        self._ran = True
        begun = {"turns_added": 1, "turn_usage": {}, "past_usage": self._past} if isinstance(turn, Say) else {}
        model = self.engine.settings.model
        touching = asyncio.ensure_future(
            asyncio.to_thread(self._touch, "running", model=model, answers=self._given, **begun)
        )
        try:
            await asyncio.shield(touching)
            yield
        except BaseException as error:
            await asyncio.wait([touching])
            await asyncio.shield(self._broken_off(error, inputs, kit))
            raise
        finally:
            if kit.mind.models is not None:
                await kit.mind.models.aclose()

    def _tell_of_agents(self) -> None:
        """What was left out, agents and nodes; once a process is enough for whoever watches."""
        problems = (*self.engine.registry.problems, *(found.error for found in self.engine.nodes if found.error))
        told = [Warned(error.code, describe(error, self._say)[0]) for error in problems]
        self.warnings += [{"code": warned.code, "message": warned.message} for warned in told]
        if not self.engine.told:
            self._unsaid += told
        self.engine.told = True

    async def _left(self) -> tuple[ThreadRecord, ThreadDetails, tuple[Question, ...] | None]:
        """`_as_left`, after a rollback that died half-way has been finished."""
        left = await asyncio.to_thread(self._as_left)
        if left[1].going_to:
            await self.engine.arrive(self.storage, self.thread_id)
            left = await asyncio.to_thread(self._as_left)
        return left

    def _as_left(self) -> tuple[ThreadRecord, ThreadDetails, tuple[Question, ...] | None]:
        """What the index knows of the thread. The questions only of a run that ended in order.

        It put them down together with its status; after a crash only the graph can tell which are open.
        """
        record, details = self.storage.thread(self.thread_id), self.storage.thread_details(self.thread_id)
        if record is None or details is None:
            raise NotFound("thread_not_found", ref=self.thread_id, near="")
        in_order = record.status == "waiting_human"
        return record, details, tuple(self.storage.questions(self.thread_id)) if in_order else None

    async def _inputs(
        self, turn: Turn, record: ThreadRecord, details: ThreadDetails, questions: tuple[Question, ...] | None
    ) -> Any:
        """What the graph is fed. Raises for a turn that does not fit the thread as it stands."""
        self._check_version(turn, details.graph_version)
        self._check_agents(question.agent for question in questions or ())
        if not isinstance(turn, Say):
            await self._check_mind(details.model, in_order=questions is not None)
        if isinstance(turn, Answers) and questions:
            return self._resumed(turn.by_id, questions, details)
        if isinstance(turn, Say) and record.status == "completed":
            # Put down together with the end of its run: the longer a conversation, the dearer a look at its state.
            return self._said(turn)
        state = await self.engine.state(self.thread_id)
        unfinished = bool(state.next or state.tasks)
        if isinstance(turn, Say):
            if state.interrupts and unfinished:
                raise UsageError("question_open", thread=self.thread_id)
            return self._said(turn)
        self._check_agents(_still_to_work(state))
        await self._check_nodes(state)
        if not (state.values or unfinished):
            raise Failed("thread_empty", thread=self.thread_id)
        open_now = questions_of(state, self.thread_id)
        if isinstance(turn, Answers) or any(question.id in details.answers for question in open_now):
            return self._resumed(turn.by_id if isinstance(turn, Answers) else {}, open_now, details)
        asked = bool(questions and state.interrupts) and not self._may_be_allowed(questions or ())
        return _NOTHING if not unfinished or asked else None

    def _said(self, turn: Say) -> dict[str, Any]:
        return {"say": {"text": turn.text, "format": self.format or turn.format}}

    def _may_be_allowed(self, questions: tuple[Question, ...]) -> bool:
        """Whether `--allow-tool` may answer a question that is open: then the step that asked looks at it again."""
        return bool(self.engine.settings.approvals.allow_now) and any(question.tool for question in questions)

    def _check_version(self, turn: Turn, graph_version: str | None) -> None:
        """A thread that waits in a graph of another shape would silently do nothing: say so instead."""
        from octo_cli.supervisor.build import GRAPH_VERSION

        if graph_version not in (None, GRAPH_VERSION) and not isinstance(turn, Say):
            raise Failed("graph_changed", thread=self.thread_id, theirs=graph_version, ours=GRAPH_VERSION)

    def _check_agents(self, wanted: Iterable[str]) -> None:
        """A step whose agent is not here any more would silently do nothing, and its question be forgotten."""
        here = {_SUPERVISOR, *(card.name for card in self.engine.registry.cards())}
        if gone := next((agent for agent in wanted if agent not in here), None):
            raise Failed("agent_gone", agent=gone, thread=self.thread_id)

    async def _check_nodes(self, state: "StateSnapshot") -> None:
        """A thread that stopped in front of another package's node goes on only with it."""
        nodes = (await self.engine.graph()).nodes
        if gone := next((name for name in state.next if name not in nodes), None):
            raise Failed("agent_gone", agent=gone, thread=self.thread_id)

    async def _check_mind(self, model: str | None, *, in_order: bool) -> None:
        """What a model began, rules do not finish unless a person says so; a loop of model and tools they never can.

        Raises ModelError before an answer is taken: it is there to be given again.
        """
        settings = self.engine.settings
        if settings.model != OFFLINE or model in (None, OFFLINE):
            return
        state = await self.engine.state(self.thread_id, subgraphs=True)
        if any("assist" in task.state.next for task in state.tasks if isinstance(task.state, tuple)):
            raise ModelError("model_in_loop", model=shlex.quote(model), thread=self.thread_id)
        broke_off = not in_order and bool(state.next or state.tasks)
        if broke_off and settings.sources.get("model", "default") == "default":
            raise ModelError("model_left_out", model=shlex.quote(model), thread=self.thread_id)

    def _resumed(
        self, given: Mapping[str, Answer], questions: tuple[Question, ...], details: ThreadDetails
    ) -> "Command[Any]":
        """The answers as LangGraph takes them: by id, each fitting its question as it stands now.

        Those that a run before this one took and did not live to work in go first: nobody was asked a second time.
        """
        from langgraph.types import Command

        open_now = {question.id: question for question in questions}
        kept = {name: answer for name, answer in details.answers.items() if name in open_now}
        for question_id, answer in given.items():
            if question_id not in open_now:
                raise InvalidAnswer("question_not_open", id=question_id, thread=self.thread_id)
            self.engine.check(open_now[question_id], answer)
        today = self.engine.settings.now().date()
        told = {name: bound(open_now[name], answer, self.engine.catalog, today) for name, answer in given.items()}
        self._given = told | kept
        self.allowed = tuple(open_now[name].tool or "" for name, answer in self._given.items() if answer.scope == "run")
        return Command(resume={name: msgspec.to_builtins(answer) for name, answer in self._given.items()})

    async def _stream(self, inputs: Any, kit: "Kit") -> AsyncIterator[Event]:
        """LangGraph's chunks as events, until the stream is drained: only then is everything saved."""
        from langgraph.errors import GraphRecursionError

        graph = await self.engine.graph()
        chunks = graph.astream(
            inputs,
            {"configurable": {"thread_id": self.thread_id}, "recursion_limit": RECURSION_LIMIT},
            context=kit,
            stream_mode=["custom", "updates"],
            subgraphs=True,
            version="v2",
            durability="sync",
        )
        try:
            async with aclosing(cast("AsyncGenerator[Any]", chunks)) as drained:
                async for chunk in drained:
                    self._fed = True
                    for warned in self._unheard():
                        yield warned
                    for event in _events(chunk):
                        if isinstance(event, Warned):
                            self.warnings.append({"code": event.code, "message": event.message})
                        yield event
                        if isinstance(event, StepFinished) and (used := total(self._spent.values())):
                            yield UsageChanged(used)
        except GraphRecursionError as error:
            raise Failed("went_in_circles", thread=self.thread_id) from error

    def _warn(self, code: str, **values: object) -> None:
        message = self._say(f"warning.{code}", **{name: said(value, self._say) for name, value in values.items()})
        self.warnings.append({"code": code, "message": message})
        self._unsaid.append(Warned(code, message))

    def _unheard(self) -> list[Warned]:
        unsaid, self._unsaid = self._unsaid, []
        return unsaid

    async def _end(self, kit: "Kit") -> AsyncIterator[Event]:
        """Put down how the run ended, where lists and the inbox find it, and say so."""
        state = await self.engine.state(self.thread_id)
        questions = questions_of(state, self.thread_id)
        record = await asyncio.to_thread(self._put_down, state, questions, kit.active_seconds())
        for event in self._unheard():
            yield event
        for question in questions:
            yield InterruptRaised(question)
        usage = total(self._spent.values()) or Usage(model=self.engine.settings.model)
        yield UsageChanged(usage)
        # Whatever ran has made the format that was wanted, or said why not; one that stood still is told in it now.
        format = None if self._ran else self.format
        summary = summarised(record, state, questions, usage=usage, format=format)
        yield RunFinished(structs.replace(summary, warnings=tuple(self.warnings)))

    def _put_down(self, state: "StateSnapshot", questions: tuple[Question, ...], seconds: float) -> ThreadRecord:
        # One transaction is one wait for the disk, and nobody sees a thread that waits without its question.
        with self.lease.ending():
            self.storage.put_questions(self.thread_id, questions)
            self.storage.keep_messages(self.thread_id, said_in(state))
            self._touch(thread_status(state, questions), active_seconds=seconds, turn_usage=self._spent, answers={})
            if self.engine.settings.retention.history == "named":
                self.storage.thin(self.thread_id, recent=True)
        record = self.storage.thread(self.thread_id)
        assert record is not None  # it was updated just now
        return record

    async def _broken_off(self, error: BaseException, inputs: Any, kit: "Kit") -> None:
        cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
        failure = None if cancelled else {"code": error.code if isinstance(error, OctoError) else "unexpected"}
        # Storage may be what broke; the error on its way up says more than a second one could.
        with suppress(Exception):
            status: ThreadStatus = "active" if cancelled else "failed"
            await asyncio.to_thread(
                self._touch, status, active_seconds=kit.active_seconds(), failure=failure, turn_usage=self._spent
            )
            if cancelled and not self._fed:
                await self._keep_said(inputs)

    async def _keep_said(self, inputs: Any) -> None:
        """Whoever left before the graph took in what was said can go on from it all the same."""
        from langgraph.constants import START

        state = await self.engine.state(self.thread_id)
        if not isinstance(inputs, dict) or (state.next and state.values.get("say") == inputs["say"]):
            return
        graph = await self.engine.graph()
        await graph.aupdate_state({"configurable": {"thread_id": self.thread_id}}, inputs, as_node=START)

    def _touch(self, status: ThreadStatus, **columns: Any) -> None:
        from octo_cli.supervisor.build import GRAPH_VERSION

        now = self.engine.settings.now()
        self.storage.touch(self.thread_id, now=now, status=status, graph_version=GRAPH_VERSION, **columns)


def _events(chunk: Any) -> Iterator[Event]:
    """The events in one LangGraph chunk: what nodes emit, and a step's end when its sub-graph hands it in."""
    if chunk["type"] == "custom":
        # A plug-in may write what it likes into the stream; only Octo's own events go further.
        with suppress(msgspec.ValidationError):
            yield msgspec.convert(chunk["data"], Event)
    elif not chunk["ns"] and not chunk["data"].get("__metadata__", {}).get("cached"):
        for update in chunk["data"].values():
            for result in _results(update):
                yield StepFinished(result.step_id, result.agent, result.status, result.seconds)
                if result.problem is not None:
                    yield Warned(result.problem.code, f"[{result.step_id}] {result.problem.message}")


def _still_to_work(state: "StateSnapshot") -> Iterator[str]:
    """The agents of the steps that have no result yet."""
    plan, results = msgspec.convert(state.values.get("plan"), Plan | None), state.values.get("results") or {}
    return (step.agent for step in (plan.steps if plan else ()) if step.step_id not in results)


def _results(update: Any) -> Iterator[StepResult]:
    results = update.get("results") if isinstance(update, dict) else None
    yield from msgspec.convert(results or {}, dict[str, StepResult]).values()
