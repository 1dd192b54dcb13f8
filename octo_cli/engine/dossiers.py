"""All of a thread that can be read: its turns, and every question with its answer, out of the checkpoints.

LangGraph keeps what a node asked and was answered among the writes of the checkpoint it ran from. Who answered stands
in the audit log, under the id of the task that worked the answer in: one that ran from the checkpoint after.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import structs

from octo_cli.engine.views import plan_with_status, results_of
from octo_cli.storage import AuditRow, DocumentRecord
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.inspection import DocumentText, Exchange, TurnRecord
from octo_cli.wire.work import Plan, StepResult

if TYPE_CHECKING:
    from langgraph.checkpoint.base import CheckpointTuple
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StateSnapshot

_INTERRUPT: Final = "__interrupt__"
_RESUME: Final = "__resume__"
# The audit log's words for what a person answers.
ANSWERS: Final = frozenset(
    {"submitted", "revised", "sent_back", "approved", "rejected", "tool_approved", "tool_rejected"}
)

Place = tuple[str, str]


class _Asked(NamedTuple):
    """A question as it was put from a checkpoint, and what a task was told."""

    question: Question
    checkpoint: Place
    answer: Answer | None


class Told:
    """A thread's checkpoints, read once from the newest to the oldest."""

    def __init__(self) -> None:
        self.turns: list[TurnRecord] = []
        self._asked: dict[str, _Asked] = {}
        # By the checkpoint before: when it was written, and the tasks that ran from it.
        self._after: dict[Place, tuple[str, set[str]]] = {}

    @classmethod
    async def of(cls, graph: "CompiledStateGraph[Any, Any, Any, Any]", state: "StateSnapshot") -> "Told":
        """`state` is where the thread stands now."""
        told = cls()
        # The engine's graph always has one.
        saver: Any = graph.checkpointer
        configurable = state.config["configurable"]
        wanted, turns = configurable.get("checkpoint_id"), dict[int, TurnRecord]()
        async for item in saver.alist({"configurable": {"thread_id": configurable["thread_id"]}}):
            told._see(item)
            if _place(item) != ("", wanted):
                continue
            wanted, values = _parent(item), item.checkpoint["channel_values"]
            # On the way back from where the thread stands, the first checkpoint of a turn is how it ended.
            if (request := values.get("request")) and request["turn"] not in turns:
                turns[request["turn"]] = _turn(values)
        told.turns = [turns[number] for number in sorted(turns)]
        if told.turns:
            told.turns[-1] = structs.replace(told.turns[-1], **_as_it_stands(state))
        return told

    def exchanges(
        self, open_now: Mapping[str, Question], given: Mapping[str, Answer], audit: Sequence[AuditRow]
    ) -> tuple[Exchange, ...]:
        """Every question once, in the order they were put. `given` are answers that no run has worked in yet."""
        asked = dict(sorted(self._asked.items(), key=lambda item: (item[1].checkpoint[1], item[0])))
        rows = [row for row in audit if row.entry.event in ANSWERS]
        exchanges = []
        for name, one in asked.items():
            answer = one.answer or given.get(name)
            row = self._entry(one, rows) if one.answer else None
            if row is not None:
                rows.remove(row)
            at, _ = self._after.get(one.checkpoint, (None, ()))
            told_at = (row.entry.at if row else at) if answer else None
            question = open_now.get(name, structs.replace(one.question, id=name))
            exchanges.append(Exchange(question, name in open_now, answer, row.entry.actor if row else None, told_at))
        return tuple(exchanges)

    def _entry(self, one: _Asked, rows: Sequence[AuditRow]) -> AuditRow | None:
        """The entry of this answer: by a task that ran next, or else the first of its step."""
        _, tasks = self._after.get(one.checkpoint, ("", set()))
        of_step = [row for row in rows if row.entry.step_id == one.question.step_id]
        by_task = (row for row in of_step if any(task in row.key for task in tasks))
        return next(by_task, of_step[0] if of_step else None)

    def _see(self, item: "CheckpointTuple") -> None:
        writes: dict[str, dict[str, Any]] = defaultdict(dict)
        for task_id, channel, value in item.pending_writes or ():
            writes[task_id][channel] = value
        if (parent := _parent(item)) is not None:
            self._after[_place(item)[0], parent] = (item.checkpoint["ts"], set(writes))
        for written in writes.values():
            for interrupt in written.get(_INTERRUPT, ()):
                # The supervisor's checkpoint repeats what an agent's asked; only the agent's knows the answer.
                known = self._asked.get(interrupt.id)
                if known is not None and known.checkpoint[0]:
                    continue
                with suppress(msgspec.ValidationError):
                    question = msgspec.convert(interrupt.value, Question)
                    self._asked[interrupt.id] = _Asked(question, _place(item), _answer(written.get(_RESUME)))


def document_text(record: DocumentRecord) -> DocumentText:
    values = {name: getattr(record, name) for name in DocumentText.__struct_fields__ if name != "intact"}
    summed = sha256(record.text.encode("utf-8", "surrogatepass")).hexdigest()
    return DocumentText(**values, intact=record.doc_hash == f"sha256:{summed}")


def _turn(values: Mapping[str, Any]) -> TurnRecord:
    """The turn of a checkpoint, as far as it had come."""
    request = values["request"]
    results = msgspec.convert(values.get("results") or {}, dict[str, StepResult])
    plan = msgspec.convert(values.get("plan"), Plan | None)
    answer = (values.get("aggregated") or {}).get("final_answer", "")
    return TurnRecord(
        request["text"],
        request.get("at", ""),
        plan and plan_with_status(plan, results, ()),
        tuple(results.values()),
        answer,
    )


def _as_it_stands(state: "StateSnapshot") -> dict[str, Any]:
    """Of the last turn, what is known beyond its checkpoint: steps that are done beside one that waits."""
    results = results_of(state)
    plan = msgspec.convert(state.values.get("plan"), Plan | None)
    questions = [interrupt.value for interrupt in state.interrupts]
    waiting = tuple(msgspec.convert(questions, tuple[Question, ...]))
    return {"results": tuple(results.values()), "plan": plan and plan_with_status(plan, results, waiting)}


def _answer(resumed: Any) -> Answer | None:
    """What a task was told last. An answer of another shape is none that Octo gave."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(resumed[-1], Answer) if resumed else None
    return None


def _place(item: "CheckpointTuple") -> Place:
    return str(item.config["configurable"].get("checkpoint_ns", "")), str(item.checkpoint["id"])


def _parent(item: "CheckpointTuple") -> str | None:
    return str(item.parent_config["configurable"]["checkpoint_id"]) if item.parent_config else None
