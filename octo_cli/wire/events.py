"""What goes into a run and what comes out of it.

In: `Turn`. Out: `Event`, a closed union tagged by `type`; each line of `--events` is one of them with
`version`, `seq`, `ts` and `thread_id` added where it is printed.
"""

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType, field

from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Artifact, Intent, Plan, Problem, RunStatus, StepStatus, Usage

VERSION: Final = 1


class Say(Struct, frozen=True, tag="say"):
    """A person says something; on a finished or idle thread this starts a turn."""

    text: str
    format: str = "chat"


class Answers(Struct, frozen=True, tag="answers"):
    """Answers to open questions by interrupt id; questions not named stay open."""

    by_id: dict[str, Answer]


class Continue(Struct, frozen=True, tag="continue"):
    """Go on where the thread stopped: after a crash, a cancel or a failure."""


Turn = Say | Answers | Continue


class ExecutionSummary(Struct, frozen=True):
    total_steps: int = 0
    completed_steps: int = 0
    failed_steps: int = 0
    hitl_interactions: int = 0
    execution_time: float = 0.0


class AggregatedData(Struct, frozen=True):
    """Everything the output generators draw from.

    `steps` have step_id, agent, task, depends_on, status, result, confidence and problem (its sentence) or None, and
    the measured `seconds` with `started`, the second of the turn's active time they began at; None for one that never
    did.
    """

    final_answer: str = ""
    steps: tuple[dict[str, Any], ...] = ()
    insights: tuple[dict[str, Any], ...] = ()
    execution_summary: ExecutionSummary = ExecutionSummary()


class Summary(Struct, frozen=True):
    """The one object `ask --json` and `resume --json` print; also `run_finished.summary`."""

    thread_id: str | None
    status: RunStatus
    version: int = VERSION
    checkpoint_id: str | None = None
    title: str = ""
    intent: Intent | None = None
    plan: dict[str, Any] | None = None
    format: str = "chat"
    result: Any = None
    aggregated_data: AggregatedData | None = None
    interrupts: tuple[Question, ...] = ()
    documents: tuple[Artifact, ...] = ()
    usage: Usage = field(default_factory=Usage)
    warnings: tuple[dict[str, Any], ...] = ()
    error: Problem | None = None


class RunStarted(Struct, frozen=True, tag_field="type", tag="run_started"):
    """`thread_id` is stamped on this and every later line of `--events`."""

    title: str
    resumed: bool = False
    thread_id: str | None = None


class IntentRecognised(Struct, frozen=True, tag_field="type", tag="intent_recognised"):
    intent: Intent


class PlanReady(Struct, frozen=True, tag_field="type", tag="plan_ready"):
    plan: Plan


class StepStarted(Struct, frozen=True, tag_field="type", tag="step_started"):
    step_id: str
    agent: str
    task: str


class StepProgress(Struct, frozen=True, tag_field="type", tag="step_progress"):
    """`stage` is the sub-graph's node, `message` a sentence for a person.

    `fraction`, 0 to 1, says how much of the stage is done where that can be counted; else it is left out.
    """

    step_id: str
    agent: str
    stage: str
    message: str
    fraction: float | UnsetType = UNSET


def share(done: int, total: int) -> float:
    """How much of a countable whole is done, 0 to 1."""
    return round(min(max(done / total, 0.0), 1.0), 4) if total > 0 else 1.0


class StepFinished(Struct, frozen=True, tag_field="type", tag="step_finished"):
    step_id: str
    agent: str
    status: StepStatus
    seconds: float = 0.0


class TextDelta(Struct, frozen=True, tag_field="type", tag="text_delta"):
    text: str


class DocumentReady(Struct, frozen=True, tag_field="type", tag="document_ready"):
    document: Artifact


class InterruptRaised(Struct, frozen=True, tag_field="type", tag="interrupt_raised"):
    interrupt: Question


class InterruptAnswered(Struct, frozen=True, tag_field="type", tag="interrupt_answered"):
    interrupt_id: str
    action: str
    actor: str


class UsageChanged(Struct, frozen=True, tag_field="type", tag="usage"):
    usage: Usage


class Warned(Struct, frozen=True, tag_field="type", tag="warning"):
    code: str
    message: str


class RunFinished(Struct, frozen=True, tag_field="type", tag="run_finished"):
    summary: Summary


Event = (
    RunStarted
    | IntentRecognised
    | PlanReady
    | StepStarted
    | StepProgress
    | StepFinished
    | TextDelta
    | DocumentReady
    | InterruptRaised
    | InterruptAnswered
    | UsageChanged
    | Warned
    | RunFinished
)
