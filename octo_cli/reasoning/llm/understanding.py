"""What a request is about and who does it, as a model sees it. What the person picked in a form is not asked again."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from octo_cli.i18n import language_of
from octo_cli.reasoning.base import Models, Request
from octo_cli.reasoning.llm import prompts, recalling, shapes
from octo_cli.reasoning.planning import title_of
from octo_cli.reasoning.recent import LONGEST_GLANCE, conversation, glance
from octo_cli.values.text import one_line
from octo_cli.wire.work import Intent, Plan, Step, StepResult

LONGEST_TASK = 120


async def understand(models: Models, request: Request) -> Intent:
    """Raises UnusableAnswer when the model names no category there is."""
    asked = prompts.about(prompts.UNDERSTAND, **_seen(request))
    shape = shapes.understood((*(card.name for card in request.agents), "chat"))
    found = await models.structured("router", asked, shape, name="Intent")
    keywords = tuple(word for word in map(one_line, found.keywords[:8]) if word)
    return Intent(found.category, round(found.confidence, 2), keywords, language_of(request.text) or request.language)


async def plan(models: Models, request: Request, intent: Intent) -> Plan:
    """Raises UnusableAnswer for steps nobody can do, or that wait for each other."""
    if not request.agents:
        return Plan()
    asked = prompts.about(
        prompts.PLAN.format(most=shapes.MOST_STEPS),
        **_seen(request),
        language=intent.language,
        category=intent.category,
        chosen=dict(request.chosen),
    )
    shape = shapes.planned(
        tuple(card.name for card in request.agents),
        tuple(card.name for card in request.document_types),
        tuple(ref.document_id for ref in request.documents),
    )
    found = await models.structured("planner", asked, shape, name="Plan")
    steps = tuple(_step(number, planned, request) for number, planned in enumerate(found.steps, 1))
    return Plan(steps=steps)


async def replan(
    models: Models, request: Request, failed: Mapping[str, Step], results: Sequence[StepResult]
) -> tuple[Step, ...]:
    """Raises UnusableAnswer for a step nobody can do, or in place of one that did not fail."""
    # A document is the person's own matter: they were asked already.
    agents = tuple(card.name for card in request.agents if card.name != "contract")
    mendable = {number: step for number, step in failed.items() if step.agent in agents}
    if not mendable:
        return ()
    asked = prompts.about(
        prompts.REPLAN,
        **_seen(request),
        language=request.language,
        failed=[{"id": number, "agent": step.agent, "task": step.task} for number, step in mendable.items()],
        results=[
            {"id": one.step_id, "status": one.status, "text": glance(one.text, LONGEST_GLANCE // 4)} for one in results
        ],
    )
    found = await models.structured("planner", asked, shapes.replanned(agents, tuple(mendable)), name="Replan")
    return tuple(step for other in found.steps if (step := _other(other, mendable)))


def _other(other: shapes.OtherStep, failed: Mapping[str, Step]) -> Step | None:
    """The step that takes another's place; None for the same once more."""
    before = failed[other.instead_of]
    task = one_line(other.task)[:LONGEST_TASK] or before.task
    query = one_line(other.query) or task
    if other.agent == before.agent and query in (before.task, before.inputs.get("query")):
        return None
    return structs.replace(before, agent=other.agent, task=task, inputs={"query": query})


def _seen(request: Request) -> dict[str, Any]:
    """What a model may know to understand a request."""
    language = request.language
    return {
        "request": glance(request.text),
        "today": request.today.isoformat(),
        "agents": [
            {"name": card.name, "use": card.when.get(language, ""), "examples": card.examples[:4]}
            for card in request.agents
        ],
        "document_types": [
            {"name": card.name, "title": title_of(request.document_types, card.name, language)}
            for card in request.document_types
        ],
        "documents": [
            {"document_id": ref.document_id, "type": ref.document_type, "title": ref.title} for ref in request.documents
        ],
        "conversation": conversation(request.history, LONGEST_GLANCE // 4),
        **({"remembered": remembered} if (remembered := recalling.shown(request, brief=True)) else {}),
    }


def _step(number: int, planned: shapes.PlannedStep, request: Request) -> Step:
    task = one_line(planned.task)[:LONGEST_TASK] or glance(one_line(request.text), LONGEST_TASK)
    inputs = _document(planned, request) if planned.agent == "contract" else {"query": one_line(planned.query) or task}
    depends_on = tuple(dict.fromkeys(str(earlier) for earlier in planned.depends_on))
    return Step(str(number), planned.agent, task, depends_on, inputs=inputs)


def _document(planned: shapes.PlannedStep, request: Request) -> dict[str, Any]:
    """Which document a step is about; nothing while that is still to be asked."""
    edited = next((ref for ref in request.documents if ref.document_id == planned.document_id), None)
    if edited is not None:
        return {"document_id": edited.document_id, "document_type": edited.document_type}
    if planned.document_type == "unsupported":
        return {"unsupported": one_line(planned.document_name or planned.task)[:LONGEST_TASK]}
    named = planned.document_type or request.chosen.get("document_type")
    return {"document_type": named} if named else {}
