"""The kit every agent works with, and the wrapper that makes a coroutine a sub-graph. No agent's own work."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import msgspec
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict as CheckedDict

from octo_cli.agents import approvals
from octo_cli.agents.tools import Outcome, Tool
from octo_cli.documents.catalog import Catalog
from octo_cli.errors import Failed, ModelError, OctoError, StorageError
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.base import Reasoner
from octo_cli.settings import Settings
from octo_cli.storage import Storage
from octo_cli.wire import events
from octo_cli.wire.forms import Answer, FormField, Question
from octo_cli.wire.work import AgentCard, Artifact, Insight, Language, Problem, Step, StepResult, StepStatus

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

log = logging.getLogger(__name__)
T = TypeVar("T")

# A plug-in may ask again and again; a person would have left by then.
MOST_QUESTIONS = 50
MOST_CALLS = 50


@dataclass(frozen=True, slots=True)
class Kit:
    """What agents and supervisor work with in one run. Never saved: it is handed in anew with every run.

    `output` is where `-o` wants the product, None for the settings' documents folder. `mind.models` are the language
    models, None when Octo works without one.
    """

    thread_id: str
    # Who decides in this run, as the audit log names them: "user:NAME" or "system".
    actor: str
    mind: Reasoner
    catalog: Catalog
    storage: Storage
    cards: tuple[AgentCard, ...]
    settings: Settings
    output: Path | None = None
    # The output format this run was asked for, None for the turn's own.
    format: str | None = None
    # Active seconds that earlier runs of this turn took, and the moment this run began (monotonic seconds).
    seconds_before: float = 0.0
    began: float = 0.0

    def now(self) -> datetime:
        """The clock, timezone-aware."""
        return self.settings.now()

    @property
    def today(self) -> date:
        return self.now().date()

    def active_seconds(self) -> float:
        """How long this turn has worked so far, pauses left out."""
        return self.seconds_before + (time.monotonic() - self.began)

    def ask_until(self) -> tuple[str, str | None]:
        """When a question asked now was created and when it expires, both RFC 3339."""
        now, span = self.now(), self.settings.expire_after
        return now.isoformat(), (now + span).isoformat() if span else None


class StepState(TypedDict, total=False):
    """The state of one agent's sub-graph: JSON values only. An agent may extend it with keys of its own.

    `step` is a `wire.work.Step`, `request` what the person said (text, language), `earlier` the results of the steps
    this one depends on, by step id. `call` is a tool about to run, `outcomes` what came of those that ran. `results` is
    the only key the supervisor reads back.
    """

    step: dict[str, Any]
    request: dict[str, Any]
    earlier: dict[str, Any]
    question: dict[str, Any] | None
    answers: list[dict[str, Any]]
    call: dict[str, Any] | None
    outcomes: list[dict[str, Any]]
    seconds: float
    pauses: int
    results: dict[str, Any]


class StepOutput(TypedDict, total=False):
    results: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What a simple agent is given.

    `answers` holds what the person said to its questions so far, `outcomes` what came of its calls, oldest first.
    """

    step: Step
    text: str
    language: Language
    earlier: Mapping[str, StepResult]
    answers: tuple[Answer, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step. `text` is Markdown for a person, `data` JSON for the steps that follow."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[Artifact, ...] = ()
    insights: tuple[Insight, ...] = ()
    confidence: float | None = None
    status: StepStatus = "completed"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the person: a title, a message and typed fields; the answers come with the next call of `work`."""

    title: str
    message: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool of the agent's to be run, by leave of the person where the rules want it.

    The next call of `work` finds what came of it in `task.outcomes`. `why` is one sentence for whoever is asked.
    """

    tool: str
    args: Mapping[str, Any]
    why: str = ""


Work = Callable[[Task, Kit], Awaitable[Done | Ask | Call]]


class Reply(CheckedDict, total=False):
    """The shape of an answer as LangGraph checks it before it saves one (`wire.forms.Answer` as a typed dictionary)."""

    action: Literal["submit", "approve", "reject", "revise", "back", "defer", "edit"]
    fields: dict[str, Any]
    base_revision: int | None
    doc_hash: str | None
    feedback: str | None
    reason: str | None
    to: str | None
    args: dict[str, Any] | None


def ask(question: Mapping[str, Any]) -> Answer:
    """Put `question` (a `wire.forms.Question` as JSON) to the person and return the answer.

    The node that calls this does nothing else: LangGraph runs it again from its first line when the answer is there.
    """
    return msgspec.convert(interrupt(dict(question), response_schema=Reply), Answer)


def emit(runtime: Runtime[Kit], event: events.Event) -> None:
    """Send an event up to whoever watches the run."""
    runtime.stream_writer(msgspec.to_builtins(event))


def result_of(state: StepState, done: Done, *, seconds: float, problem: Problem | None = None) -> dict[str, Any]:
    """The state update that hands a step's result to the supervisor. `seconds` of active time, pauses left out."""
    step = msgspec.convert(state["step"], Step)
    result = StepResult(
        step_id=step.step_id,
        agent=step.agent,
        task=step.task,
        status=done.status,
        text=done.text,
        data=dict(done.data),
        documents=done.documents,
        insights=done.insights,
        confidence=done.confidence,
        seconds=round(seconds, 6),
        pauses=state.get("pauses", 0),
        problem=problem,
    )
    return {"results": {step.step_id: msgspec.to_builtins(result)}}


async def attempted(work: Awaitable[T], say: Words, thread_id: str) -> T | Problem:
    """What `work` comes to, or why it failed: a failed step is a failed result, not a dead run.

    What `octo resume` can mend (storage, model) is raised on, so that only this piece of work is done again.
    """
    try:
        return await work
    except (StorageError, ModelError, GraphBubbleUp):
        raise
    except OctoError as error:
        message, hint = describe(error, say, thread=thread_id)
        return Problem(error.code, message, hint)
    except (Exception, SystemExit) as error:
        log.exception("a step failed")
        return Problem("step_failed", say("error.step_failed", reason=f"{type(error).__name__}: {error}"))


def as_graph(work: Work, tools: Sequence[Tool] | Mapping[str, Tool] = ()) -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """A simple agent as a sub-graph: `work` until it is done, `ask` whenever it asks, `act` whenever it calls a tool.

    `tools` are those it may call. The rules decide whether a call is asked for first; that is settled in `work`, so
    that the node which asks does nothing else, and the node which acts asks nothing.
    """
    agent = _Simple(work, tools if isinstance(tools, Mapping) else {tool.name: tool for tool in tools})
    graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
    graph.add_node("work", agent.do_work)
    graph.add_node("ask", agent.ask_person)
    graph.add_node("act", agent.act)
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", agent.after_work, ["ask", "act", END])
    graph.add_conditional_edges("ask", agent.after_ask, ["act", "work"])
    graph.add_edge("act", "work")
    return graph.compile()


class _Simple:
    """The nodes of a simple agent, and where the way goes from each."""

    def __init__(self, work: Work, tools: Mapping[str, Tool]) -> None:
        self.work = work
        self.tools = tools

    async def do_work(self, state: StepState, runtime: Runtime[Kit]) -> dict[str, Any]:
        started = time.monotonic()
        say = words(state["request"]["language"])
        outcome = await attempted(self._worked(state, runtime.context), say, runtime.context.thread_id)
        seconds = state.get("seconds", 0.0) + time.monotonic() - started
        if isinstance(outcome, dict):
            return {**outcome, "seconds": seconds}
        done, problem = outcome, None
        if isinstance(outcome, Problem):
            done, problem = Done(outcome.message, status="failed"), outcome
        assert isinstance(done, Done)
        return {"question": None, "call": None, **result_of(state, done, seconds=seconds, problem=problem)}

    async def _worked(self, state: StepState, kit: Kit) -> Done | dict[str, Any]:
        outcome = await self.work(_task(state), kit)
        if isinstance(outcome, Ask):
            return {"question": _question(state, outcome, kit), "call": None}
        if isinstance(outcome, Call):
            return _called(state, outcome, self.tools, kit)
        # A plug-in may hand in what no state can hold; that is its step's failure, found before anything is saved.
        return msgspec.convert(msgspec.to_builtins(outcome), Done)

    def ask_person(self, state: StepState) -> dict[str, Any]:
        answer = msgspec.to_builtins(ask(state["question"] or {}))
        heard = {"question": None, "pauses": state.get("pauses", 0) + 1}
        if call := state.get("call"):
            return {**heard, "call": {**call, "answer": answer}}
        return {**heard, "answers": [*state.get("answers", []), answer]}

    async def act(self, state: StepState, runtime: Runtime[Kit]) -> dict[str, Any]:
        started = time.monotonic()
        call = state["call"] or {}
        outcome = await acted(self.tools[call["tool"]], call, runtime.context, words(state["request"]["language"]))
        return {
            "call": None,
            "outcomes": [*state.get("outcomes", []), msgspec.to_builtins(outcome)],
            "seconds": state.get("seconds", 0.0) + time.monotonic() - started,
        }

    def after_work(self, state: StepState) -> str:
        if state.get("question") and len(state.get("answers", [])) < MOST_QUESTIONS:
            return "ask"
        return "act" if state.get("call") and len(state.get("outcomes", [])) < MOST_CALLS else END

    def after_ask(self, state: StepState) -> str:
        return "act" if state.get("call") else "work"


def _called(state: StepState, call: Call, known: Mapping[str, Tool], kit: Kit) -> dict[str, Any]:
    """The state that leads to `call` being run, or asked for first."""
    if call.tool not in known:
        raise Failed("tool_unknown", tool=call.tool, known=", ".join(known))
    tool = known[call.tool]
    decided = approvals.ruling(tool, call.args, kit.settings.approvals)
    wanted = {"tool": call.tool, "args": dict(call.args), "verdict": decided.verdict, "rule": decided.rule}
    if decided.verdict != "ask":
        return {"call": wanted, "question": None}
    return {"call": wanted, "question": _tool_question(state, call, tool, kit)}


async def acted(tool: Tool, call: Mapping[str, Any], kit: Kit, say: Words) -> Outcome:
    """What comes of a call that was decided on: by rule (`verdict`), or by the person (`answer`)."""
    args, answer = call["args"], msgspec.convert(call.get("answer"), Answer | None)
    if call["verdict"] == "deny":
        return Outcome(tool.name, "denied", args, reason=call.get("rule"))
    if answer is not None and answer.action not in ("approve", "edit"):
        return Outcome(tool.name, "rejected", args, reason=answer.reason)
    if answer is not None and answer.action == "edit":
        args = {**args, **(answer.args or {})}
    done = await attempted(tool.run(args, kit), say, kit.thread_id)
    if isinstance(done, Problem):
        return Outcome(tool.name, "failed", args, output=done.message)
    return Outcome(tool.name, "done", args, output=done)


def _tool_question(state: StepState, call: Call, tool: Tool, kit: Kit) -> dict[str, Any]:
    step, say = msgspec.convert(state["step"], Step), words(state["request"]["language"])
    created_at, expires_at = kit.ask_until()
    question = Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="tool_approval_required",
        thread_id=kit.thread_id,
        step_id=step.step_id,
        agent=step.agent,
        title=say("approval.title", tool=tool.name),
        message=call.why or tool.description,
        fields=approvals.fields_of(tool, call.args),
        editable_fields=tuple(tool.parameters.get("properties", {})),
        preview=tool.shown(call.args, kit) if tool.shown else approvals.shown(tool, call.args),
        actions=("approve", "edit", "reject", "defer"),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
    )
    builtins: dict[str, Any] = msgspec.to_builtins(question)
    return builtins


def _task(state: StepState) -> Task:
    return Task(
        step=msgspec.convert(state["step"], Step),
        text=state["request"]["text"],
        language=state["request"]["language"],
        earlier=msgspec.convert(state.get("earlier", {}), dict[str, StepResult]),
        answers=msgspec.convert(state.get("answers", []), tuple[Answer, ...]),
        outcomes=msgspec.convert(state.get("outcomes", []), tuple[Outcome, ...]),
    )


def _question(state: StepState, asked: Ask, kit: Kit) -> dict[str, Any]:
    step = msgspec.convert(state["step"], Step)
    created_at, expires_at = kit.ask_until()
    question = Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="clarification_required",
        thread_id=kit.thread_id,
        step_id=step.step_id,
        agent=step.agent,
        title=asked.title,
        message=asked.message,
        fields=asked.fields,
        editable_fields=tuple(field.name for field in asked.fields),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
    )
    builtins: dict[str, Any] = msgspec.to_builtins(question)
    return builtins
