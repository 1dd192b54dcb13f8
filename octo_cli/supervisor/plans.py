"""What is done in a turn, and in which order: the plan, a person's look at it, its steps, another way to what failed.

The edges are in `build`; what a person may change of a plan is in `reviewing`.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from langgraph.errors import NodeError, NodeTimeoutError
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from msgspec import structs, to_builtins

from octo_cli.agents.kit import Kit, ask, too_long
from octo_cli.agents.registry import is_met
from octo_cli.credentials import scrub
from octo_cli.errors import InvalidAnswer, NotFound
from octo_cli.i18n import Words, describe, words
from octo_cli.outputs import formats
from octo_cli.reasoning import planning
from octo_cli.reasoning.base import Request
from octo_cli.reasoning.formats import format_in
from octo_cli.reasoning.recent import conversation
from octo_cli.storage import AuditEntry
from octo_cli.supervisor import reviewing
from octo_cli.supervisor.nodes import MOST_CLARIFICATIONS, history_of, plan_of, question_of, request_of, results_of
from octo_cli.supervisor.state import State
from octo_cli.values.text import one_line
from octo_cli.wire.events import PlanReady, StepStarted, Warned
from octo_cli.wire.forms import Answer, FormField, Question
from octo_cli.wire.work import AgentCard, Intent, Plan, Problem, Step, StepResult

log = logging.getLogger(__name__)

# What is answered to a plan, in the audit log's words.
_DECIDED: Final = {"approve": "approved", "submit": "submitted", "reject": "rejected"}

Update = dict[str, Any]


async def make_plan(state: State, runtime: Runtime[Kit]) -> Update:
    """Which agents do what. A document whose type is not known yet is asked for."""
    kit, intent = runtime.context, msgspec.convert(state["intent"], Intent)
    plan = await kit.mind.plan(await request_of(state, kit), intent)
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
    wanted = format_in(state["request"]["text"])
    given = kit.format or state["say"]["format"] != kit.settings.format
    asked = wanted and not given and any(step.agent != "contract" for step in plan.steps)
    return {"format": wanted} if asked and wanted in formats() else {}


def after_plan(state: State) -> str:
    return "clarify" if state.get("asking") else after_review(state)


def review_plan(state: State) -> Update:
    answer = ask(state["reviewing"] or {})
    return {"review": to_builtins(answer), "reviews": state.get("reviews", 0) + 1}


async def settle_plan(state: State, runtime: Runtime[Kit]) -> Update:
    """Make of the plan what the person wants of it; a plan that was turned down ends the turn."""
    kit, plan = runtime.context, plan_of(state)
    answer = msgspec.convert(state["review"], Answer)
    settled: Update = {"reviewing": None, "review": None}
    if answer.action not in _DECIDED:
        return {"review": None}  # Asked again.
    await _noted(answer, runtime)
    if answer.action == "reject":
        return {**settled, "results": to_builtins(_turned_down(plan, state, answer.reason))}
    if answer.action != "submit":
        return settled
    done = results_of(state)
    before = [step for step in plan.steps if step.step_id not in done]
    try:
        after = reviewing.revised(before, answer.fields)
    except InvalidAnswer as error:
        # Octo's own door has refused it already; another one (a LangGraph server) may not have.
        question = {**(state["reviewing"] or {}), "message": describe(error, words(state["request"]["language"]))[0]}
        return {"reviewing": question, "review": None}
    request = await request_of(state, kit)
    finished = [step for step in plan.steps if step.step_id in done]
    tasks = {step.step_id: step for step in before}
    fitting = [_refitted(step, tasks[step.step_id], request, state) for step in after]
    plan = structs.replace(plan, steps=(*finished, *fitting))
    kit.tell(PlanReady(plan))
    kept = {step.step_id for step in after}
    if dropped := [f"[{step.step_id}] {step.task}" for step in before if step.step_id not in kept]:
        say = words(state["request"]["language"])
        kit.tell(Warned("steps_dropped", say("plan.dropped", steps="; ".join(dropped))))
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
    return "review_plan" if state.get("reviewing") else "dispatch"


def _kept(plan: Plan, state: State) -> Update:
    return {"plan": to_builtins(plan), "request": {**state["request"], "steps": len(plan.steps)}}


def _to_review(plan: Plan, state: State, kit: Kit) -> Update:
    """The question about the steps still to be done, if the person wants to be asked."""
    steps = [step for step in plan.steps if step.step_id not in results_of(state)]
    if not (kit.settings.plan.review and steps):
        return {"reviewing": None}
    say = words(state["request"]["language"])
    fields = reviewing.fields_of(steps, kit.cards, say)
    question = structs.replace(
        question_of(state, kit, "plan_review", fields),
        type="plan_review_required",
        editable_fields=tuple(field.name for field in fields),
        preview=reviewing.drawn(steps, say),
        actions=("approve", "submit", "reject", "defer"),
    )
    return {"reviewing": to_builtins(question)}


def _turned_down(plan: Plan, state: State, reason: str | None) -> dict[str, StepResult]:
    say, done = words(state["request"]["language"]), results_of(state)
    text = say("plan.rejected_for", reason=reason) if reason else say("plan.rejected")
    steps = (step for step in plan.steps if step.step_id not in done)
    return {step.step_id: StepResult(step.step_id, step.agent, step.task, "cancelled", text) for step in steps}


def _refitted(step: Step, before: Step, request: Request, state: State) -> Step:
    """`step` with what its agent needs for its task, when that or the agent is another than `before`."""
    if (step.agent, step.task) == (before.agent, before.task):
        return structs.replace(step, inputs=before.inputs)
    inputs = planning.inputs_for(request, step.agent, step.task)
    if step.agent == "contract":
        # A task in a person's own words may say what is to stand in the document.
        kept = before.inputs if before.agent == step.agent else {}
        inputs = {**(inputs or kept), "words": step.task}
    intent = msgspec.convert(state["intent"], Intent)
    return _prepared(structs.replace(step, inputs=inputs), intent, state)


def _lacks_type(step: Step) -> bool:
    return step.agent == "contract" and not {"document_type", "unsupported"} & step.inputs.keys()


def _which_document(state: State, kit: Kit) -> Question:
    language = state["request"]["language"]
    cards = kit.catalog.cards()
    label = words(language)("supervisor.document_type")
    names, titles = tuple(card.name for card in cards), tuple(card.title[language] for card in cards)
    field = FormField("document_type", label, "choice", True, choices=names, choice_labels=titles)
    return question_of(state, kit, "which_document", (field,))


def _prepared(step: Step, intent: Intent, state: State) -> Step:
    """`step` with what its agent needs of the turn: the request's language, and the version an edit starts from."""
    inputs = {"language": intent.language, **step.inputs}
    if known := state.get("documents", {}).get(str(inputs.get("document_id"))):
        inputs["version"] = known["version"]
    return structs.replace(step, inputs=inputs)


# The steps


async def dispatch(state: State, runtime: Runtime[Kit]) -> Update:
    """Announce the steps that can start now, and close those that never will."""
    plan, results = plan_of(state), results_of(state)
    closed = _closed(plan, results, runtime.context, words(state["request"]["language"]))
    for step in _ready(plan, results | closed):
        runtime.context.tell(StepStarted(step.step_id, step.agent, step.task))
    return {"results": to_builtins(closed)}


def ready_steps(state: State, runtime: Runtime[Kit]) -> list[Send] | str:
    results = results_of(state)
    # Only a model reads it, and every step's checkpoints repeat what it is sent.
    said = conversation(history_of(state)) if runtime.context.mind.models else []
    sends = []
    for step in _ready(plan_of(state), results):
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
    made = [document for result in results_of(state).values() for document in result.documents]
    # An update that adds nothing would count as one.
    return {"documents": {document.document_id: to_builtins(document) for document in made}} if made else {}


def after_gather(state: State) -> str:
    failed = any(result.status == "failed" for result in results_of(state).values())
    return "replan" if failed and not state.get("replanned") else "dispatch"


async def replan(state: State, runtime: Runtime[Kit]) -> Update:
    """Once a turn: another way to what failed, if the mind knows one. What waited for the one waits for the other."""
    kit, plan, results = runtime.context, plan_of(state), results_of(state)
    failed = {step.step_id: step for step in plan.steps if _failed(step, results)}
    request = structs.replace(await request_of(state, kit), agents=_equipped(kit))
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
    plan = structs.replace(plan, steps=tuple(steps))
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
