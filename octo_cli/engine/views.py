"""A thread's state as the outside sees it: summary, questions, inspection. Reads snapshots, changes nothing."""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from octo_cli import outputs
from octo_cli.wire.events import AggregatedData, Summary
from octo_cli.wire.forms import Question
from octo_cli.wire.inspection import Inspection
from octo_cli.wire.memory import Recalled
from octo_cli.wire.work import (
    Artifact,
    Intent,
    Message,
    Plan,
    RunStatus,
    Step,
    StepResult,
    ThreadRecord,
    ThreadStatus,
    Usage,
)

if TYPE_CHECKING:
    from langgraph.types import StateSnapshot


def questions_of(state: "StateSnapshot", thread_id: str) -> tuple[Question, ...]:
    """The questions a thread waits with, by step. Their ids are LangGraph's, their thread is the one that asks now."""
    raised = {
        interrupt.id: structs.replace(msgspec.convert(interrupt.value, Question), id=interrupt.id, thread_id=thread_id)
        for interrupt in state.interrupts
    }
    return tuple(sorted(raised.values(), key=lambda question: (question.step_id, question.id)))


def summarised(
    record: ThreadRecord,
    state: "StateSnapshot",
    questions: tuple[Question, ...],
    *,
    usage: Usage,
    format: str | None = None,
) -> Summary:
    """The contract's one object for a thread as `state` has it; `questions` are those of the state.

    `format` asks for the result in another form than the turn made.
    """
    values = state.values
    results = results_of(state)
    data = _read(values, "aggregated", AggregatedData)
    format = format or values.get("format", "chat")
    problems = [result.problem for result in results.values() if result.problem]
    status = _run_status(state, questions)
    return Summary(
        thread_id=record.thread_id,
        checkpoint_id=_checkpoint_id(state),
        title=record.title,
        status=status,
        intent=_read(values, "intent", Intent),
        plan=_plan_as_told(values, results, questions),
        format=format,
        result=_result(values, format) if data else None,
        aggregated_data=data,
        interrupts=questions,
        documents=tuple(document for result in results.values() for document in result.documents),
        usage=usage,
        error=problems[0] if status == "failed" and problems else None,
    )


def _result(values: dict[str, Any], format: str) -> Any:
    """What the turn made in that format, or what is made of it now."""
    made, wanted = values.get("output") or {}, outputs.output(format)
    if format in made or not (wanted and values.get("request")):
        return made.get(format)
    if wanted.parts and made.keys() >= set(wanted.parts):
        return {part: made[part] for part in wanted.parts}
    return outputs.made(format, outputs.subject_of(values))


def inspected(record: ThreadRecord, state: "StateSnapshot", usage: Usage | None) -> Inspection:
    values, questions = state.values, questions_of(state, record.thread_id)
    plan = _read(values, "plan", Plan)
    if plan:
        plan = plan_with_status(plan, results_of(state), questions)
    return Inspection(
        thread=record,
        checkpoint_id=_checkpoint_id(state),
        intent=_read(values, "intent", Intent),
        plan=plan,
        messages=said_in(state),
        interrupts=questions,
        documents=tuple(msgspec.convert(values.get("documents") or {}, dict[str, Artifact]).values()),
        answer=(values.get("aggregated") or {}).get("final_answer", ""),
        usage=usage,
        memory=_read(values, "memory", Recalled),
    )


def thread_status(state: "StateSnapshot", questions: tuple[Question, ...]) -> ThreadStatus:
    """How a thread stands after a run that ended in order."""
    status = _run_status(state, questions)
    return "active" if status == "cancelled" else status


def _run_status(state: "StateSnapshot", questions: tuple[Question, ...]) -> RunStatus:
    if questions:
        return "waiting_human"
    # One without values was cut short before anything that was said in it was saved.
    if state.next or state.tasks or not state.values:
        return "cancelled"
    statuses = {result.status for result in results_of(state).values()}
    return "failed" if "failed" in statuses and "completed" not in statuses else "completed"


def _plan_as_told(
    values: dict[str, Any], results: dict[str, StepResult], questions: tuple[Question, ...]
) -> dict[str, Any] | None:
    plan = _read(values, "plan", Plan)
    if plan is None:
        return None
    steps = msgspec.to_builtins(plan_with_status(plan, results, questions).steps)
    # An agent's inputs are between it and the planner.
    return {"strategy": plan.strategy, "steps": [{k: v for k, v in step.items() if k != "inputs"} for step in steps]}


def plan_with_status(plan: Plan, results: dict[str, StepResult], questions: tuple[Question, ...]) -> Plan:
    waiting = {question.step_id for question in questions}

    def told(step: Step) -> Step:
        if step.step_id in results:
            return structs.replace(step, status=results[step.step_id].status)
        return structs.replace(step, status="waiting") if step.step_id in waiting else step

    return structs.replace(plan, steps=tuple(told(step) for step in plan.steps))


def results_of(state: "StateSnapshot") -> dict[str, StepResult]:
    """Results so far, those of steps included that are done while a step beside them still waits."""
    found = dict(state.values.get("results") or {})
    for task in state.tasks:
        if isinstance(task.result, dict):
            found |= task.result.get("results") or {}
    return msgspec.convert(found, dict[str, StepResult])


def _read(values: dict[str, Any], key: str, kind: type) -> Any:
    raw = values.get(key)
    return None if raw is None else msgspec.convert(raw, kind)


def _checkpoint_id(state: "StateSnapshot") -> str | None:
    return state.config.get("configurable", {}).get("checkpoint_id")


def said_in(state: "StateSnapshot") -> tuple[Message, ...]:
    """The conversation as the graph has it."""
    return msgspec.convert(state.values.get("messages") or [], tuple[Message, ...])
