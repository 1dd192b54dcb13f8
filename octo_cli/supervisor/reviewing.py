"""A plan before a person: its steps as a form, and what an answer makes of them. No graph, no asking."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import Words
from octo_cli.values.text import one_line
from octo_cli.wire.forms import FormField, Question
from octo_cli.wire.work import AgentCard, Step

_ORDER: Final = "order"
_IDS: Final = re.compile(r"[\s,;→>]+")


def fields_of(steps: Sequence[Step], cards: Sequence[AgentCard], say: Words) -> tuple[FormField, ...]:
    """`order`, and of each step its task, its agent and the steps it comes after."""
    agents = tuple(card.name for card in cards)
    order = _listed(step.step_id for step in steps)
    fields = [FormField(_ORDER, say("plan.order"), "text", True, order, order, help=say("plan.order_help"))]
    for step in steps:
        number, after = step.step_id, _listed(step.depends_on)
        labels = {name: say(f"plan.{name}", step=number) for name in ("task", "agent", "after")}
        fields += (
            FormField(f"step_{number}", labels["task"], "text", False, step.task, step.task),
            FormField(f"agent_{number}", labels["agent"], "choice", True, step.agent, step.agent, choices=agents),
            FormField(f"after_{number}", labels["after"], "text", False, after, after, help=say("plan.after_help")),
        )
    return tuple(fields)


def drawn(steps: Sequence[Step], say: Words) -> str:
    """The steps a line each, as Markdown."""
    return "\n".join(_line(step, say) for step in steps)


def read(question: Question, field: FormField, raw: Any) -> str:
    """A value of a plan's form as it is kept: the ids of steps separated by commas, or a line of text.

    A list is what a JSON file would say of steps. Raises InvalidAnswer for a step there is none of, or that is there
    twice in the order.
    """
    text = one_line(_listed(map(str, raw)) if isinstance(raw, list) else str(raw)).strip()
    if field.name.startswith("step_"):
        return text
    named = _ids(text)
    steps = steps_in(question)
    known = [step.step_id for step in steps]
    if field.name != _ORDER:
        known += [need for step in steps for need in step.depends_on if need not in known]
    if stranger := next((name for name in named if name not in known), None):
        raise InvalidAnswer(
            "invalid_value",
            field=field.name,
            label=field.label,
            value=stranger,
            accepts=_listed(known),
            reason="not_a_step",
            details={"text": stranger},
        )
    return _listed(_each_once(named) if field.name == _ORDER else dict.fromkeys(named))


def steps_in(question: Question) -> tuple[Step, ...]:
    """The steps a question shows, without what only their agents need."""
    value = {field.name: field.value for field in question.fields}
    return tuple(
        Step(number, value[f"agent_{number}"], value[f"step_{number}"], tuple(_ids(value[f"after_{number}"])))
        for number in _ids(value[_ORDER])
    )


def revised(steps: Sequence[Step], given: Mapping[str, Any]) -> tuple[Step, ...]:
    """`steps` as a person wants them; `given` are values of the form's fields, each readable by itself.

    A step that is left out of the order, or whose task is blank, is dropped; what came after it comes after what it
    came after itself. Raises InvalidAnswer for a plan that could not be done: plan_twice, plan_empty, plan_order,
    plan_circle.
    """
    wanted = {step.step_id: _changed(step, given) for step in steps}
    order = _each_once(_ids(given[_ORDER] or "")) if _ORDER in given else list(wanted)
    kept = [wanted[number] for number in order if number in wanted and wanted[number].task]
    if not kept:
        raise InvalidAnswer("plan_empty")
    dropped = {number: step for number, step in wanted.items() if step not in kept}
    kept = [structs.replace(step, depends_on=_linked(step, dropped)) for step in kept]
    ordered = in_order(kept)
    if len(ordered) < len(kept):
        circle = [step.step_id for step in kept if step not in ordered]
        raise InvalidAnswer("plan_circle", steps=_listed(circle), step=circle[0])
    if _ORDER in given and ordered != kept:
        late = next(step for step, other in zip(kept, ordered, strict=True) if step != other)
        raise InvalidAnswer("plan_order", step=late.step_id, needs=_listed(late.depends_on))
    return tuple(ordered)


def in_order(steps: Sequence[Step]) -> list[Step]:
    """The steps, each behind those it needs and else as they stand; without those that wait for each other."""
    left, ordered = list(steps), list[Step]()
    while ready := next((step for step in left if not _needs(step, left)), None):
        ordered.append(ready)
        left.remove(ready)
    return ordered


def _changed(step: Step, given: Mapping[str, Any]) -> Step:
    number = step.step_id
    after = given.get(f"after_{number}", _listed(step.depends_on)) or ""
    return structs.replace(
        step,
        task=one_line(str(given.get(f"step_{number}", step.task) or "")).strip(),
        agent=given.get(f"agent_{number}") or step.agent,
        depends_on=tuple(_ids(after)),
    )


def _linked(step: Step, dropped: Mapping[str, Step]) -> tuple[str, ...]:
    """What `step` comes after when the dropped ones are gone."""
    found: list[str] = []
    waiting, seen = list(step.depends_on), set[str]()
    while waiting:
        need = waiting.pop(0)
        if need not in dropped:
            found.append(need)
        elif need not in seen:
            seen.add(need)
            waiting += dropped[need].depends_on
    return tuple(dict.fromkeys(found))


def _needs(step: Step, others: Sequence[Step]) -> bool:
    return any(other.step_id in step.depends_on for other in others)


def _line(step: Step, say: Words) -> str:
    line = f"{step.step_id}. [{step.agent}] {one_line(step.task)}"
    return f"{line} ({say('plan.comes_after', steps=_listed(step.depends_on))})" if step.depends_on else line


def _ids(text: str) -> list[str]:
    return list(filter(None, _IDS.split(text)))


def _each_once(named: list[str]) -> list[str]:
    """An order, unless a step stands in it twice: it may have been meant to be another, which would be lost."""
    if twice := next((name for place, name in enumerate(named) if name in named[:place]), None):
        raise InvalidAnswer("plan_twice", step=twice, order=_listed(named))
    return named


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
