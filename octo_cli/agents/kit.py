"""The kit every agent works with, and the wrapper that makes a coroutine a sub-graph. No agent's own work."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import msgspec
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict as CheckedDict

from octo_cli.documents.catalog import Catalog
from octo_cli.errors import ModelError, OctoError, StorageError
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.base import Reasoner
from octo_cli.storage import Storage
from octo_cli.wire import events
from octo_cli.wire.forms import Answer, FormField, OnTimeout, Question
from octo_cli.wire.work import AgentCard, Artifact, Insight, Language, Problem, Step, StepResult, StepStatus

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

log = logging.getLogger(__name__)
T = TypeVar("T")

# A plug-in may ask again and again; a person would have left by then.
MOST_QUESTIONS = 50


@dataclass(frozen=True, slots=True)
class Kit:
    """What agents and supervisor work with in one run. Never saved: it is handed in anew with every run.

    `now` is the clock (timezone-aware), `language_for` the language to answer a text in; `output` is where `-o` wants
    the product, None for `documents_folder`;
    `folders` are the user's own, to search; `expire_after` is None when questions do not expire.
    """

    thread_id: str
    # Who decides in this run, as the audit log names them: "user:NAME" or "system".
    actor: str
    mind: Reasoner
    catalog: Catalog
    storage: Storage
    now: Callable[[], datetime]
    language_for: Callable[[str], Language]
    cards: tuple[AgentCard, ...]
    documents_folder: Path
    data_folder: Path
    output: Path | None = None
    # The output format this run was asked for, None for the turn's own.
    format: str | None = None
    folders: tuple[Path, ...] = ()
    expire_after: timedelta | None = None
    on_timeout: OnTimeout = "defer"
    # Active seconds that earlier runs of this turn took, and the moment this run began (monotonic seconds).
    seconds_before: float = 0.0
    began: float = 0.0

    @property
    def today(self) -> date:
        return self.now().date()

    def active_seconds(self) -> float:
        """How long this turn has worked so far, pauses left out."""
        return self.seconds_before + (time.monotonic() - self.began)

    def ask_until(self) -> tuple[str, str | None]:
        """When a question asked now was created and when it expires, both RFC 3339."""
        now = self.now()
        return now.isoformat(), (now + self.expire_after).isoformat() if self.expire_after else None


class StepState(TypedDict, total=False):
    """The state of one agent's sub-graph: JSON values only. An agent may extend it with keys of its own.

    `step` is a `wire.work.Step`, `request` what the person said (text, language), `earlier` the results of the steps
    this one depends on, by step id. `results` is the only key the supervisor reads back.
    """

    step: dict[str, Any]
    request: dict[str, Any]
    earlier: dict[str, Any]
    question: dict[str, Any] | None
    answers: list[dict[str, Any]]
    seconds: float
    pauses: int
    results: dict[str, Any]


class StepOutput(TypedDict, total=False):
    results: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What a simple agent is given. `answers` holds what the person said to its questions so far, oldest first."""

    step: Step
    text: str
    language: Language
    earlier: Mapping[str, StepResult]
    answers: tuple[Answer, ...] = ()


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


Work = Callable[[Task, Kit], Awaitable[Done | Ask]]


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
    except Exception as error:
        log.exception("a step failed")
        return Problem("step_failed", say("error.step_failed", reason=f"{type(error).__name__}: {error}"))


def as_graph(work: Work) -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """A simple agent as a sub-graph: `work` until it is done, `ask` whenever it asks."""

    async def do_work(state: StepState, runtime: Runtime[Kit]) -> dict[str, Any]:
        started = time.monotonic()
        say = words(state["request"]["language"])
        outcome = await attempted(work(_task(state), runtime.context), say, runtime.context.thread_id)
        seconds = state.get("seconds", 0.0) + time.monotonic() - started
        if isinstance(outcome, Problem):
            failed = Done(outcome.message, status="failed")
            return {"question": None, **result_of(state, failed, seconds=seconds, problem=outcome)}
        if isinstance(outcome, Ask):
            return {"question": _question(state, outcome, runtime.context), "seconds": seconds}
        return {"question": None, **result_of(state, outcome, seconds=seconds)}

    def ask_person(state: StepState) -> dict[str, Any]:
        answer = ask(state["question"] or {})
        answers = [*state.get("answers", []), msgspec.to_builtins(answer)]
        return {"answers": answers, "question": None, "pauses": state.get("pauses", 0) + 1}

    def after_work(state: StepState) -> str:
        return "ask" if state.get("question") and len(state.get("answers", [])) < MOST_QUESTIONS else END

    graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
    graph.add_node("work", do_work)
    graph.add_node("ask", ask_person)
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", after_work, ["ask", END])
    graph.add_edge("ask", "work")
    return graph.compile()


def _task(state: StepState) -> Task:
    return Task(
        step=msgspec.convert(state["step"], Step),
        text=state["request"]["text"],
        language=state["request"]["language"],
        earlier=msgspec.convert(state.get("earlier", {}), dict[str, StepResult]),
        answers=msgspec.convert(state.get("answers", []), tuple[Answer, ...]),
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
        on_timeout=kit.on_timeout,
    )
    builtins: dict[str, Any] = msgspec.to_builtins(question)
    return builtins
