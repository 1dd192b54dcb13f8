"""A thread laid open: what was said, planned, asked and made, every checkpoint on the way, and the audit log."""

from typing import Any

from msgspec import Struct

from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.memory import Recalled
from octo_cli.wire.work import Artifact, Intent, Message, Plan, StepResult, StepStatus, ThreadRecord, Usage


class CheckpointRecord(Struct, frozen=True):
    """One checkpoint. `namespace` is "" for the supervisor and the agent's node otherwise ("contract:1" for step 1);
    `node` is the node that wrote it, `next` what would run from here, `changed` the state's keys it changed.

    `parent_id` is None for the first of its namespace; two checkpoints with one parent are a fork. `head` marks where
    the thread stands.
    """

    checkpoint_id: str
    parent_id: str | None
    namespace: str
    at: str
    node: str
    next: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    head: bool = False


class Inspection(Struct, frozen=True):
    thread: ThreadRecord
    checkpoint_id: str | None
    intent: Intent | None
    plan: Plan | None
    messages: tuple[Message, ...] = ()
    interrupts: tuple[Question, ...] = ()
    documents: tuple[Artifact, ...] = ()
    answer: str = ""
    # Of all turns together; None when no model was asked.
    usage: Usage | None = None
    # What the last turn looked back on; None when it could not.
    memory: Recalled | None = None


class AuditRecord(Struct, frozen=True):
    """One thing that happened, as the audit log has it. `old`, `new` and `detail` are JSON values; `hash` is the link
    to it that the next entry holds."""

    seq: int
    thread_id: str
    at: str
    actor: str
    event: str
    document_id: str | None
    step_id: str | None
    field: str | None
    old: Any
    new: Any
    doc_hash: str | None
    checkpoint_id: str | None
    detail: Any
    hash: str


class AuditChain(Struct, frozen=True):
    """A thread's audit log as a whole; `broken_at` is the first entry that is not what was recorded."""

    thread_id: str
    entries: int
    broken_at: int | None


class GraphNode(Struct, frozen=True):
    """`type` is "supervisor" or the agent. `metadata`: `runs`, `seconds` (None where they were not measured), `parent`
    (the step a stage belongs to, else None); of a step also `step_id`, `agent`, `description`, `result`, `confidence`
    and `problem`."""

    id: str
    label: str
    type: str
    status: StepStatus
    color: str
    metadata: dict[str, Any]


class GraphEdge(Struct, frozen=True):
    id: str
    source: str
    target: str
    label: str = ""
    type: str = "default"


class Course(Struct, frozen=True):
    """How a thread's last turn went, as a graph: the supervisor's nodes in the order they ran, the plan's steps, and
    each step's stages. What has yet to run is there as far as it is certain."""

    thread_id: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    layout: str = "hierarchical"


class TurnRecord(Struct, frozen=True):
    """What was asked at `at`, and what came of it; the plan's steps have their status."""

    asked: str
    at: str
    plan: Plan | None
    results: tuple[StepResult, ...] = ()
    answer: str = ""


class Exchange(Struct, frozen=True):
    """A question, and how it was answered: `by` whom ("user:NAME") as far as the audit log says, `at` what time.

    `open`: it is still put. One that is not and has no answer was left behind by going back.
    """

    question: Question
    open: bool
    answer: Answer | None = None
    by: str | None = None
    at: str | None = None


class DocumentText(Artifact, frozen=True):
    """A finished version, whole. `intact`: the text is the one its hash was taken of."""

    finished_at: str
    fields: dict[str, Any]
    text: str
    intact: bool


class Dossier(Struct, frozen=True):
    """All there is to read of a thread: turns on the branch it stands on, questions and checkpoints of all."""

    found: Inspection
    turns: tuple[TurnRecord, ...]
    exchanges: tuple[Exchange, ...]
    documents: tuple[DocumentText, ...]
    audit: tuple[AuditRecord, ...]
    chain: AuditChain
    history: tuple[CheckpointRecord, ...]
