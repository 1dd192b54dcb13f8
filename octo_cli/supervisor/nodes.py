"""What each of the supervisor's nodes does, and where the way goes from it. The edges are in `build`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from langgraph.errors import NodeError, NodeTimeoutError
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from msgspec import structs, to_builtins

from octo_cli.agents.kit import Kit, ask, too_long
from octo_cli.agents.registry import is_met
from octo_cli.credentials import scrub
from octo_cli.errors import InvalidAnswer, NotFound, UsageError
from octo_cli.i18n import Words, describe, language_of, words
from octo_cli.outputs import OWN, formats, made, output, subject_of
from octo_cli.reasoning import planning
from octo_cli.reasoning.base import LOW_CONFIDENCE, Request
from octo_cli.reasoning.recent import conversation
from octo_cli.storage import AuditEntry
from octo_cli.supervisor import memory, reviewing
from octo_cli.supervisor.state import State
from octo_cli.values.text import clean, one_line
from octo_cli.wire.events import (
    AggregatedData,
    ExecutionSummary,
    IntentRecognised,
    PlanReady,
    StepStarted,
    TextDelta,
    Warned,
)
from octo_cli.wire.forms import Answer, FormField, Question
from octo_cli.wire.memory import Wish
from octo_cli.wire.work import (
    AgentCard,
    Artifact,
    DocumentRef,
    Intent,
    Language,
    Message,
    Plan,
    Problem,
    Step,
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

# What is answered to a plan, in the audit log's words.
_DECIDED: Final = {"approve": "approved", "submit": "submitted", "reject": "rejected"}

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
    kit, request = runtime.context, await _request(state, runtime.context)
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


async def make_plan(state: State, runtime: Runtime[Kit]) -> Update:
    """Which agents do what. A document whose type is not known yet is asked for."""
    kit, intent = runtime.context, msgspec.convert(state["intent"], Intent)
    plan = await kit.mind.plan(await _request(state, kit), intent)
    if any(_lacks_type(step) for step in plan.steps) and state.get("clarified", 0) < MOST_CLARIFICATIONS:
        return {"asking": to_builtins(_which_document(state, kit))}
    plan = structs.replace(plan, steps=tuple(_prepared(step, intent, state) for step in plan.steps))
    kit.tell(PlanReady(plan))
    if plan.steps and plan.unserved:
        say = words(state["request"]["language"])
        kit.tell(Warned("not_served", say("supervisor.not_served", tasks="; ".join(plan.unserved))))
    return {**_kept(plan, state), **_to_review(plan, state, kit), **_format(plan, state, kit), "asking": None}


def _format(plan: Plan, state: State, kit: Kit) -> Update:
    """The format that the request itself asks for; `-f` goes before it, and a document is no answer to be formatted."""
    wanted = planning.format_in(state["request"]["text"])
    given = kit.format or state["say"]["format"] != kit.settings.format
    asked = wanted and not given and any(step.agent != "contract" for step in plan.steps)
    return {"format": wanted} if asked and wanted in formats() else {}


def after_plan(state: State) -> str:
    return "clarify" if state.get("asking") else _review_or_dispatch(state)


def review_plan(state: State) -> Update:
    answer = ask(state["reviewing"] or {})
    return {"review": to_builtins(answer), "reviews": state.get("reviews", 0) + 1}


async def settle_plan(state: State, runtime: Runtime[Kit]) -> Update:
    """Make of the plan what the person wants of it; a plan that was turned down ends the turn."""
    kit, plan = runtime.context, _plan(state)
    answer = msgspec.convert(state["review"], Answer)
    settled: Update = {"reviewing": None, "review": None}
    await _noted(answer, runtime)
    if answer.action == "reject":
        return {**settled, "results": to_builtins(_turned_down(plan, state, answer.reason))}
    if answer.action != "submit":
        return settled
    done = _results(state)
    before = [step for step in plan.steps if step.step_id not in done]
    try:
        after = reviewing.revised(before, answer.fields)
    except InvalidAnswer as error:
        # Octo's own door has refused it already; another one (a LangGraph server) may not have.
        question = {**(state["reviewing"] or {}), "message": describe(error, words(state["request"]["language"]))[0]}
        return {"reviewing": question, "review": None}
    request = await _request(state, kit)
    finished = [step for step in plan.steps if step.step_id in done]
    tasks = {step.step_id: step for step in before}
    fitting = [_refitted(step, tasks[step.step_id], request, state) for step in after]
    plan = reviewing.planned(plan, [*finished, *fitting])
    kit.tell(PlanReady(plan))
    return {**settled, **_kept(plan, state)}


async def _noted(answer: Answer, runtime: Runtime[Kit]) -> None:
    """Keep in the audit log who decided what about the plan; once, however often the node runs."""
    kit, info = runtime.context, runtime.execution_info
    said = {"reason": answer.reason, "changes": answer.fields}
    entry = AuditEntry(
        thread_id=kit.thread_id,
        at=kit.now().isoformat(),
        actor=kit.actor,
        event=_DECIDED[answer.action],
        detail={"plan": True, **{name: value for name, value in said.items() if value}},
    )
    await asyncio.to_thread(kit.storage.record, [entry], key=f"plan:{info.task_id if info else ''}")


def after_review(state: State) -> str:
    return _review_or_dispatch(state)


def _review_or_dispatch(state: State) -> str:
    return "review_plan" if state.get("reviewing") else "dispatch"


def _kept(plan: Plan, state: State) -> Update:
    return {"plan": to_builtins(plan), "request": {**state["request"], "steps": len(plan.steps)}}


def _to_review(plan: Plan, state: State, kit: Kit) -> Update:
    """The question about the steps still to be done, if the person wants to be asked."""
    steps = [step for step in plan.steps if step.step_id not in _results(state)]
    if not (kit.settings.plan.review and steps):
        return {"reviewing": None}
    say = words(state["request"]["language"])
    fields = reviewing.fields_of(steps, kit.cards, say)
    question = structs.replace(
        _question(state, kit, "plan_review", fields),
        type="plan_review_required",
        editable_fields=reviewing.main_fields(fields),
        preview=reviewing.drawn(steps, say),
        actions=("approve", "submit", "reject", "defer"),
    )
    return {"reviewing": to_builtins(question)}


def _turned_down(plan: Plan, state: State, reason: str | None) -> dict[str, StepResult]:
    say, done = words(state["request"]["language"]), _results(state)
    text = say("plan.rejected_for", reason=reason) if reason else say("plan.rejected")
    steps = (step for step in plan.steps if step.step_id not in done)
    return {step.step_id: StepResult(step.step_id, step.agent, step.task, "cancelled", text) for step in steps}


def _refitted(step: Step, before: Step, request: Request, state: State) -> Step:
    """`step` with what its agent needs for its task, when that or the agent is another than `before`."""
    if (step.agent, step.task) == (before.agent, before.task):
        return structs.replace(step, inputs=before.inputs)
    inputs = planning.inputs_for(request, step.agent, step.task)
    if step.agent == before.agent == "contract":
        inputs = inputs or before.inputs
    intent = msgspec.convert(state["intent"], Intent)
    return _prepared(structs.replace(step, inputs=inputs), intent, state)


def _lacks_type(step: Step) -> bool:
    return step.agent == "contract" and not {"document_type", "unsupported"} & step.inputs.keys()


def _prepared(step: Step, intent: Intent, state: State) -> Step:
    """`step` with what its agent needs of the turn: the request's language, and the version an edit starts from."""
    inputs = {"language": intent.language, **step.inputs}
    if known := state.get("documents", {}).get(str(inputs.get("document_id"))):
        inputs["version"] = known["version"]
    return structs.replace(step, inputs=inputs)


# The steps


async def dispatch(state: State, runtime: Runtime[Kit]) -> Update:
    """Announce the steps that can start now, and close those that never will."""
    plan, results = _plan(state), _results(state)
    closed = _closed(plan, results, runtime.context, words(state["request"]["language"]))
    for step in _ready(plan, results | closed):
        runtime.context.tell(StepStarted(step.step_id, step.agent, step.task))
    return {"results": to_builtins(closed)}


def ready_steps(state: State, runtime: Runtime[Kit]) -> list[Send] | str:
    results = _results(state)
    # Only a model reads it, and every step's checkpoints repeat what it is sent.
    said = conversation(_history(state)) if runtime.context.mind.models else []
    sends = []
    for step in _ready(_plan(state), results):
        earlier = {step_id: to_builtins(results[step_id]) for step_id in step.depends_on}
        step_state = {"step": to_builtins(step), "request": state["request"], "earlier": earlier}
        shared = {"allowed": state.get("allowed", []), "said": said}
        sends.append(Send(step.agent, {**step_state, **shared}))
    return sends or "aggregate"


def failed(state: dict[str, Any], error: NodeError, runtime: Runtime[Kit]) -> Command[str]:
    """A plug-in's graph that raised: its step failed, and the run goes on without it."""
    step, say = msgspec.convert(state["step"], Step), words(state["request"]["language"])
    log.error("agent %s failed", step.agent, exc_info=error.error)
    if isinstance(error.error, NodeTimeoutError):
        problem = too_long(say, runtime.context)
    else:
        reason = scrub(one_line(f"{type(error.error).__name__}: {error.error}"))
        problem = Problem("step_failed", say("error.step_failed", reason=reason))
    result = _undone(step, problem)
    # A handler stands in for its node, but not on the node's edges.
    return Command(update={"results": {step.step_id: to_builtins(result)}}, goto="gather")


def gather(state: State) -> Update:
    """Keep what the steps made."""
    made = [document for result in _results(state).values() for document in result.documents]
    # An update that adds nothing would count as one.
    return {"documents": {document.document_id: to_builtins(document) for document in made}} if made else {}


def after_gather(state: State) -> str:
    failed = any(result.status == "failed" for result in _results(state).values())
    return "replan" if failed and not state.get("replanned") else "dispatch"


async def replan(state: State, runtime: Runtime[Kit]) -> Update:
    """Once a turn: another way to what failed, if the mind knows one. What waited for the one waits for the other."""
    kit, plan, results = runtime.context, _plan(state), _results(state)
    failed = {step.step_id: step for step in plan.steps if _failed(step, results)}
    request = structs.replace(await _request(state, kit), agents=_equipped(kit))
    others = {step.step_id: step for step in await kit.mind.replan(request, failed, tuple(results.values()))}
    if not others:
        return {"replanned": True}
    highest = max((int(step.step_id) for step in plan.steps if step.step_id.isdecimal()), default=0)
    names = {number: str(highest + place) for place, number in enumerate(others, 1)}
    intent = msgspec.convert(state["intent"], Intent)
    steps: list[Step] = []
    for step in plan.steps:
        needs = step.depends_on if step.step_id in results else [names.get(need, need) for need in step.depends_on]
        steps.append(structs.replace(step, depends_on=tuple(needs)))
        if other := others.get(step.step_id):
            steps.append(_prepared(structs.replace(other, step_id=names[step.step_id]), intent, state))
    plan = reviewing.planned(plan, steps)
    kit.tell(PlanReady(plan))
    told = "; ".join(f"[{number}] → [{names[number]}] {other.task}" for number, other in others.items())
    kit.tell(Warned("replanned", words(request.language)("supervisor.replanned", steps=told)))
    return {"replanned": True, **_kept(plan, state), **_to_review(plan, state, kit)}


def _failed(step: Step, results: Mapping[str, StepResult]) -> bool:
    return step.step_id in results and results[step.step_id].status == "failed"


def _equipped(kit: Kit) -> tuple[AgentCard, ...]:
    """The agents that have what they need to do something useful."""
    return tuple(card for card in kit.cards if all(is_met(need, kit.settings) for need in card.needs))


def _ready(plan: Plan, results: dict[str, StepResult]) -> list[Step]:
    done = {step_id for step_id, result in results.items() if result.status == "completed"}
    return [step for step in plan.steps if step.step_id not in results and done.issuperset(step.depends_on)]


def _closed(plan: Plan, results: Mapping[str, StepResult], kit: Kit, say: Words) -> dict[str, StepResult]:
    """What is known already of steps that will never run: nobody does them, or what they need will not come."""
    waiting = [step for step in plan.steps if step.step_id not in results]
    closed = {step.step_id: _nobody_does(step, kit, say) for step in waiting if step.agent not in _here(kit)}
    # Each stands behind those it needs; what is left out of that order waits for itself.
    ordered = reviewing.in_order(waiting)
    circle = [step for step in waiting if step not in ordered]
    known = {step.step_id for step in plan.steps}
    for step in (*ordered, *circle):
        if step.step_id in closed:
            continue
        if reason := _blocked(step, {**results, **closed}, known, say):
            closed[step.step_id] = StepResult(step.step_id, step.agent, step.task, "skipped", reason)
        elif step in circle:
            message = say("supervisor.circle", steps=", ".join(step.depends_on))
            closed[step.step_id] = _undone(step, Problem("plan_circle", message))
    return closed


def _here(kit: Kit) -> set[str]:
    return {card.name for card in kit.cards}


def _nobody_does(step: Step, kit: Kit, say: Words) -> StepResult:
    message, hint = describe(NotFound("agent_not_found", name=step.agent, known=", ".join(sorted(_here(kit)))), say)
    return _undone(step, Problem("agent_not_found", message, hint))


def _undone(step: Step, problem: Problem) -> StepResult:
    return StepResult(step.step_id, step.agent, step.task, "failed", problem.message, problem=problem)


def _blocked(step: Step, results: Mapping[str, StepResult], known: Collection[str], say: Words) -> str | None:
    """Why `step` will never have what it needs; None as long as it may."""
    gone = [need for need in step.depends_on if need not in known]
    undone = [results[need] for need in step.depends_on if need in results and results[need].status != "completed"]
    if gone:
        return say("supervisor.skipped", steps=", ".join(gone))
    if not undone:
        return None
    steps = ", ".join(result.step_id for result in undone)
    reasons = " ".join(dict.fromkeys(one_line(result.text) for result in undone if result.text))
    return say("supervisor.skipped_because" if reasons else "supervisor.skipped", steps=steps, reason=reasons)


# The answer


async def aggregate(state: State, runtime: Runtime[Kit]) -> Update:
    """One answer out of all steps; without steps, the mind talks for itself."""
    kit, results = runtime.context, list(_results(state).values())
    request = await _request(state, kit)
    needs = {step.step_id: step.depends_on for step in _plan(state).steps}
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
        "problem": result.problem.message if result.problem else None,
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
        return {"output": {name: to_builtins(made(name, subject))}}
    except Exception as error:
        log.exception("the format %s failed", name)
        reason = scrub(one_line(f"{type(error).__name__}: {error}"))
        say = words(state["request"]["language"])
        runtime.context.tell(Warned("output_failed", say("supervisor.output_failed", format=name, reason=reason)))
        return {"format": "chat", "output": {"chat": made("chat", subject)}}


def remember(state: State, runtime: Runtime[Kit]) -> Update:
    """Octo's own words join the conversation."""
    aggregated = state["aggregated"] or {}
    return {"messages": [to_builtins(Message("octo", aggregated["final_answer"], runtime.context.now().isoformat()))]}


# What the mind is told, and what the person is asked


async def _request(state: State, kit: Kit) -> Request:
    request = state["request"]
    return Request(
        text=request["text"],
        language=request["language"],
        today=kit.today,
        agents=kit.cards,
        document_types=kit.catalog.cards(),
        documents=msgspec.convert(state.get("recalled", []), tuple[DocumentRef, ...]),
        chosen=state.get("chosen", {}),
        history=_history(state),
        memory=await memory.brought(kit.storage, kit.settings, state.get("memory")),
        wish=msgspec.convert(state.get("wish"), Wish | None),
    )


def _history(state: State) -> tuple[Message, ...]:
    """What was said before; the last line is what is asked now."""
    return msgspec.convert(state.get("messages", [])[:-1], tuple[Message, ...])


def _which_work(state: State, kit: Kit) -> Question:
    language = state["request"]["language"]
    say = words(language)
    categories = (*(card.name for card in kit.cards), "chat")
    labels = (*(card.when[language] for card in kit.cards), say("supervisor.just_talk"))
    return _question(
        state,
        kit,
        "unclear",
        (
            FormField("category", say("supervisor.category"), "choice", True, choices=categories, choice_labels=labels),
            FormField("request", say("supervisor.say_again"), "longtext", False),
        ),
    )


def _which_document(state: State, kit: Kit) -> Question:
    language = state["request"]["language"]
    cards = kit.catalog.cards()
    label = words(language)("supervisor.document_type")
    names, titles = tuple(card.name for card in cards), tuple(card.title[language] for card in cards)
    field = FormField("document_type", label, "choice", True, choices=names, choice_labels=titles)
    return _question(state, kit, "which_document", (field,))


def _question(state: State, kit: Kit, key: str, fields: tuple[FormField, ...]) -> Question:
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


def _plan(state: State) -> Plan:
    return msgspec.convert(state["plan"], Plan)


def _results(state: State) -> dict[str, StepResult]:
    return msgspec.convert(state.get("results") or {}, dict[str, StepResult])
