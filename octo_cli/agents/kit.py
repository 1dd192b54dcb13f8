"""The kit every agent works with: what it is given, what it hands back, how it asks. No graph, no agent's own work."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import msgspec
from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import get_runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict as CheckedDict

from octo_cli.agents.tools import Outcome, Tool
from octo_cli.credentials import scrub
from octo_cli.documents.catalog import Catalog
from octo_cli.errors import Failed, ModelError, OctoError, StorageError, ThreadBusy
from octo_cli.i18n import Words, describe
from octo_cli.reasoning.base import Reasoner
from octo_cli.settings import Settings
from octo_cli.storage import Storage
from octo_cli.wire import events
from octo_cli.wire.forms import Answer, FormField
from octo_cli.wire.work import AgentCard, Artifact, Insight, Language, Problem, Step, StepResult, StepStatus

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

log = logging.getLogger(__name__)
T = TypeVar("T")


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
    # Tools the person has just allowed for the rest of the run; what they allowed before is in the state.
    allowed: tuple[str, ...] = ()

    def now(self) -> datetime:
        """The clock, timezone-aware."""
        return self.settings.now()

    @property
    def today(self) -> date:
        return self.now().date()

    def active_seconds(self) -> float:
        """How long this turn has worked so far, pauses left out."""
        return self.seconds_before + (time.monotonic() - self.began)

    def tell(self, event: events.Event) -> None:
        """Send an event up to whoever watches the run: progress, a warning. Outside of a run nobody does.

        A thread of an agent's own hands it over: `loop.call_soon_threadsafe(kit.tell, event)`.
        """
        try:
            write = get_stream_writer()
        except RuntimeError:
            return
        write(msgspec.to_builtins(event))

    def ask_until(self) -> tuple[str, str | None]:
        """When a question asked now was created and when it expires, both RFC 3339."""
        now, span = self.now(), self.settings.expire_after
        return now.isoformat(), (now + span).isoformat() if span else None


class StepState(TypedDict, total=False):
    """The state of one agent's sub-graph: JSON values only. An agent may extend it with keys of its own.

    `step` is a `wire.work.Step`, `request` what the person said (text, language), `earlier` the results of the steps
    this one depends on, by step id. `call` is a tool about to run, `outcomes` what came of those that ran, `allowed`
    the patterns of tools a person allowed for this run. The supervisor reads back `results` and `allowed`.
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
    allowed: list[str]
    results: dict[str, Any]


class StepOutput(TypedDict, total=False):
    allowed: list[str]
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

    @property
    def query(self) -> str:
        """This step's own part of what was said; all of it where the plan does not say."""
        return str(self.step.inputs.get("query") or "").strip() or self.text


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step. `text` is Markdown for a person, `data` JSON for the steps that follow.

    `problem` is the error of one that failed and still has something to show.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[Artifact, ...] = ()
    insights: tuple[Insight, ...] = ()
    confidence: float | None = None
    status: StepStatus = "completed"
    problem: Problem | None = None


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
Tools = Sequence[Tool] | Callable[[Kit], Awaitable[Sequence[Tool]]]


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
    scope: Literal["once", "run"]


def ask(question: Mapping[str, Any]) -> Answer:
    """Put `question` (a `wire.forms.Question` as JSON) to the person and return the answer.

    The node that calls this does nothing else: LangGraph runs it again from its first line when the answer is there.
    """
    return msgspec.convert(interrupt(dict(question), response_schema=Reply), Answer)


def result_of(state: StepState, done: Done, *, seconds: float, problem: Problem | None = None) -> dict[str, Any]:
    """The state update that hands a step's result to the supervisor. `seconds` of active time, pauses left out."""
    step, kit = msgspec.convert(state["step"], Step), get_runtime(Kit).context
    models = kit.mind.models
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
        ended=round(kit.active_seconds(), 6),
        pauses=state.get("pauses", 0),
        problem=problem or done.problem,
        usage=models.usage(step.step_id) if models else None,
    )
    return {"results": {step.step_id: msgspec.to_builtins(result)}}


async def attempted(work: Awaitable[T], say: Words, kit: Kit, *, spent: float = 0.0) -> T | Problem:
    """What `work` comes to, or why it failed: a failed step is a failed result, not a dead run.

    It is cancelled when its step has had the active seconds it may have; `spent` are those it had before. What `octo
    resume` can mend (storage, model) is raised on, so that only this piece of work is done again; so is what says that
    somebody else does it now.
    """
    limit = asyncio.timeout(max(kit.settings.plan.timeout - spent, 0.0))
    try:
        async with limit:
            return await work
    except (StorageError, ModelError, ThreadBusy, GraphBubbleUp):
        raise
    except OctoError as error:
        message, hint = describe(error, say, thread=kit.thread_id)
        return Problem(error.code, scrub(message), hint)
    except (Exception, SystemExit) as error:
        if limit.expired():
            return too_long(say, kit)
        log.exception("a step failed")
        return Problem("step_failed", say("error.step_failed", reason=scrub(f"{type(error).__name__}: {error}")))


def too_long(say: Words, kit: Kit) -> Problem:
    """What is wrong with a step that was cancelled because it did not end."""
    late = Failed("step_timeout", seconds=f"{kit.settings.plan.timeout:g}")
    return Problem(late.code, *describe(late, say, thread=kit.thread_id))


def as_graph(work: Work, tools: Tools = ()) -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """A simple agent as a sub-graph: `work` until it is done, `ask` whenever it asks, `act` whenever it calls a tool.

    `tools` are those it may call, or what tells at run time which these are. The rules decide whether a call is asked
    for first; that is settled in `work`, so that the node which asks does nothing else, and the node which acts asks
    nothing.
    """
    from octo_cli.agents.simple import graph_of

    return graph_of(work, tools)
