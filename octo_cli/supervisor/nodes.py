"""How a turn begins and how its answer is made: the nodes before and after the work, and where the way goes.

The work itself is in `plans`, the edges are in `build`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from langgraph.runtime import Runtime
from msgspec import to_builtins

from octo_cli.agents.kit import Kit, ask
from octo_cli.credentials import scrub
from octo_cli.errors import OctoError, UsageError
from octo_cli.i18n import language_of, words
from octo_cli.outputs import OWN, made, output, subject_of
from octo_cli.reasoning.base import LOW_CONFIDENCE, Request
from octo_cli.supervisor import memory
from octo_cli.supervisor.state import State
from octo_cli.values.text import clean, one_line
from octo_cli.wire.events import (
    AggregatedData,
    ExecutionSummary,
    IntentRecognised,
    TextDelta,
    Warned,
)
from octo_cli.wire.forms import FormField, Question
from octo_cli.wire.memory import Wish
from octo_cli.wire.work import (
    Artifact,
    DocumentRef,
    Intent,
    Language,
    Message,
    Plan,
    StepResult,
)

if TYPE_CHECKING:
    from langgraph.graph._node import StateNode

log = logging.getLogger(__name__)

# The node that makes the formats of other packages.
FOREIGN: Final = "generate_foreign"

MOST_CLARIFICATIONS = 3
LONGEST_TEXT = 100_000
# Documents a follow-up may mean. Every checkpoint of a turn holds them.
MOST_RECALLED = 20

Update = dict[str, Any]


def admit(text: str) -> str:
    """The text as Octo takes it: NFC, without control characters. Raises UsageError for nothing, or for too much."""
    if len(text) > LONGEST_TEXT:
        raise UsageError("text_too_long", length=len(text), limit=LONGEST_TEXT)
    admitted = clean(text).strip()
    if not admitted:
        raise UsageError("text_empty")
    return admitted


# The turn begins


async def guard(state: State, runtime: Runtime[Kit]) -> Update:
    """Take the person's words in, and clear what the turn before left."""
    kit, text = runtime.context, admit(state["say"]["text"])
    at = kit.now().isoformat()
    before = state.get("request")
    # "010-1234-5678" is in no language: it goes on in the one of what was said before.
    written = before["text"] if before and language_of(text) is None else text
    request = {
        "text": text,
        "language": kit.settings.language_for(written),
        "turn": before["turn"] + 1 if before else 1,
        "at": at,
    }
    return {
        "messages": [to_builtins(Message("user", text, at))],
        "request": request,
        "format": state["say"]["format"],
        "wish": None,
        "intent": None,
        "asking": None,
        "chosen": {},
        "clarified": 0,
        "reviewing": None,
        "review": None,
        "reviews": 0,
        "replanned": False,
        "plan": None,
        "results": None,
        "allowed": None,
        "aggregated": None,
        "output": None,
    }


async def recall(state: State, runtime: Runtime[Kit]) -> Update:
    """What this thread made last and still has, newest first: a follow-up may mean it. And what to look back on."""
    kit = runtime.context
    storage, known = kit.storage, msgspec.convert(state.get("documents", {}), dict[str, Artifact])
    recalled = []
    for artifact in sorted(known.values(), key=lambda made: made.created_at, reverse=True)[:MOST_RECALLED]:
        if await asyncio.to_thread(storage.document, artifact.document_id, artifact.version):
            ref = DocumentRef(artifact.document_id, artifact.document_type, artifact.title, artifact.version)
            recalled.append(to_builtins(ref))
    enabled = kit.settings.memory.enabled
    await asyncio.to_thread(storage.leave_out, kit.thread_id, out=not enabled)
    if not enabled:
        return {"recalled": recalled, "memory": None}
    remembered = await memory.recall(
        *(storage, kit.settings, kit.mind, kit.thread_id, words(state["request"]["language"]))
    )
    return {"recalled": recalled, "memory": to_builtins(remembered)}


async def understand(state: State, runtime: Runtime[Kit]) -> Update:
    """What is asked; when that is not clear, the question to put."""
    kit, request = runtime.context, await request_of(state, runtime.context)
    if wish := await kit.mind.wish(request):
        intent = Intent("chat", 1.0, language=request.language)
        kit.tell(IntentRecognised(intent))
        return {"wish": to_builtins(wish), "intent": to_builtins(intent), "asking": None}
    intent = await kit.mind.understand(request)
    unclear = intent.confidence < LOW_CONFIDENCE and state.get("clarified", 0) < MOST_CLARIFICATIONS
    if unclear:
        return {"intent": to_builtins(intent), "asking": to_builtins(_which_work(state, kit))}
    kit.tell(IntentRecognised(intent))
    return {"intent": to_builtins(intent), "asking": None}


def clarify(state: State) -> Update:
    """Ask; the person may pick, or say it again in other words."""
    answer = ask(state["asking"] or {})
    said = {name: str(value) for name, value in answer.fields.items() if value}
    text = said.pop("request", "")
    request = {**state["request"], "text": clean(text).strip() or state["request"]["text"]}
    chosen = {**state.get("chosen", {}), **said} if answer.action == "submit" else state.get("chosen", {})
    return {"chosen": chosen, "request": request, "asking": None, "clarified": state.get("clarified", 0) + 1}


def after_understand(state: State) -> str:
    return "clarify" if state.get("asking") else "make_plan"


# The answer


async def aggregate(state: State, runtime: Runtime[Kit]) -> Update:
    """One answer out of all steps; without steps, the mind talks for itself."""
    kit, results = runtime.context, list(results_of(state).values())
    request = await request_of(state, kit)
    needs = {step.step_id: step.depends_on for step in plan_of(state).steps}
    if results:
        told = kit.mind.summarise(request, results)
    elif request.wish and request.wish.action != "recall":
        told = _obeyed(request.wish, request.language, kit)
    else:
        told = kit.mind.answer(request, msgspec.convert(state["intent"], Intent))
    answer = await _said(told, runtime)
    data = AggregatedData(
        final_answer=answer,
        steps=tuple(_told(result, needs.get(result.step_id, ())) for result in results),
        insights=tuple(to_builtins(insight) for result in results for insight in result.insights),
        execution_summary=ExecutionSummary(
            total_steps=len(results),
            completed_steps=sum(result.status == "completed" for result in results),
            failed_steps=sum(result.status == "failed" for result in results),
            hitl_interactions=state.get("clarified", 0)
            + state.get("reviews", 0)
            + sum(result.pauses for result in results),
            execution_time=round(kit.active_seconds(), 3),
        ),
    )
    return {"aggregated": to_builtins(data)}


async def _obeyed(wish: Wish, language: Language, kit: Kit) -> AsyncIterator[str]:
    yield await asyncio.to_thread(memory.obey, kit.storage, kit.settings, wish, kit.thread_id, words(language))


async def _said(told: AsyncIterator[str], runtime: Runtime[Kit]) -> str:
    """The whole of what is told, shown as it comes. One that breaks off raises: half an answer is none."""
    said = []
    async for text in told:
        runtime.context.tell(TextDelta(text))
        said.append(text)
    return clean("".join(said)).strip()


def _told(result: StepResult, needs: Sequence[str]) -> dict[str, Any]:
    return {
        "step_id": result.step_id,
        "agent": result.agent,
        "task": result.task,
        "depends_on": list(needs),
        "status": result.status,
        "result": result.text,
        "confidence": result.confidence,
        "problem": result.reason,
        "seconds": result.seconds,
        "started": None if result.ended is None else round(max(0.0, result.ended - result.seconds), 6),
    }


def choose_output(state: State, runtime: Runtime[Kit]) -> Update:
    """Settle the format; one that this version cannot make becomes `chat`, and is said."""
    wanted = runtime.context.format or state.get("format", "chat")
    if output(wanted):
        return {"format": wanted}
    say = words(state["request"]["language"])
    runtime.context.tell(Warned("format_unknown", say("supervisor.format_unknown", format=wanted)))
    return {"format": "chat"}


def generators(state: State) -> Sequence[str]:
    """The nodes that make the format, side by side if it has parts; one node makes those of other packages."""
    wanted = OWN.get(state["format"])
    return [f"generate_{name}" for name in wanted.parts or (wanted.name,)] if wanted else [FOREIGN]


def generator(name: str) -> "StateNode[State, Kit]":
    """The node that makes one of Octo's own formats."""

    def generate(state: State) -> Update:
        return {"output": {name: made(name, subject_of(state))}}

    return generate


def generate_foreign(state: State, runtime: Runtime[Kit]) -> Update:
    """The format of another package; whatever goes wrong there, the answer is told as `chat`."""
    name, subject = state["format"], subject_of(state)
    try:
        return {"output": {name: made(name, subject)}}
    except OctoError as error:
        log.exception("the format %s failed", name)
        say = words(state["request"]["language"])
        reason = scrub(one_line(str(error.values.get("reason", error.code))))
        runtime.context.tell(Warned("output_failed", say("supervisor.output_failed", format=name, reason=reason)))
        return {"format": "chat", "output": {"chat": made("chat", subject)}}


def remember(state: State, runtime: Runtime[Kit]) -> Update:
    """Octo's own words join the conversation."""
    aggregated = state["aggregated"] or {}
    return {"messages": [to_builtins(Message("octo", aggregated["final_answer"], runtime.context.now().isoformat()))]}


# What the mind is told, and what the person is asked


async def request_of(state: State, kit: Kit) -> Request:
    request = state["request"]
    return Request(
        text=request["text"],
        language=request["language"],
        today=kit.today,
        agents=kit.cards,
        document_types=kit.catalog.cards(),
        documents=msgspec.convert(state.get("recalled", []), tuple[DocumentRef, ...]),
        chosen=state.get("chosen", {}),
        history=history_of(state),
        memory=await memory.brought(kit.storage, kit.settings, state.get("memory")),
        wish=msgspec.convert(state.get("wish"), Wish | None),
    )


def history_of(state: State) -> tuple[Message, ...]:
    """What was said before; the last line is what is asked now."""
    return msgspec.convert(state.get("messages", [])[:-1], tuple[Message, ...])


def _which_work(state: State, kit: Kit) -> Question:
    language = state["request"]["language"]
    say = words(language)
    categories = (*(card.name for card in kit.cards), "chat")
    labels = (*(card.when[language] for card in kit.cards), say("supervisor.just_talk"))
    return question_of(
        state,
        kit,
        "unclear",
        (
            FormField("category", say("supervisor.category"), "choice", True, choices=categories, choice_labels=labels),
            FormField("request", say("supervisor.say_again"), "longtext", False),
        ),
    )


def question_of(state: State, kit: Kit, key: str, fields: tuple[FormField, ...]) -> Question:
    say = words(state["request"]["language"])
    created_at, expires_at = kit.ask_until()
    return Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="clarification_required",
        thread_id=kit.thread_id,
        step_id="",
        agent="supervisor",
        title=say(f"supervisor.{key}_title"),
        message=say(f"supervisor.{key}_message", text=state["request"]["text"]),
        fields=fields,
        editable_fields=tuple(field.name for field in fields),
        actions=("submit", "defer"),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
    )


def plan_of(state: State) -> Plan:
    return msgspec.convert(state["plan"], Plan)


def results_of(state: State) -> dict[str, StepResult]:
    return msgspec.convert(state.get("results") or {}, dict[str, StepResult])
