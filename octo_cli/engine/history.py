"""A thread's checkpoints: what each one is, and how to stand on an earlier one again. Nothing is ever erased.

LangGraph keeps one chain for the supervisor (namespace "") and one for every agent at work ("contract:<task id>").
An agent's chain belongs to the supervisor's checkpoint its step started from, under the id of that step's task. So
going back to a stage inside an agent means: that supervisor checkpoint becomes the head again, and the chain's
checkpoint is put under the new head's task of the same step. LangGraph goes on from there as it does after a crash.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from octo_cli.errors import Failed, NotFound
from octo_cli.wire.inspection import CheckpointRecord

if TYPE_CHECKING:
    from langgraph.checkpoint.base import CheckpointTuple
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import PregelTask

SHORTEST_PREFIX = 4
_SCHEDULED = "branch:to:"
_TASKS = "__pregel_tasks"
_TAKEN_UP = "__interrupt__"
_TOLD_BY = frozenset({_TASKS, "step"})


class Target(Struct, frozen=True):
    """A checkpoint to go to: the supervisor's `root_id`, and the agent's `namespace` (as stored) when it is one's."""

    record: CheckpointRecord
    root_id: str
    namespace: str


class Ran(NamedTuple):
    """Between a checkpoint's parent and it: the nodes that ran, and the seconds that took, or None over a pause.

    `next` is what would run from here, `broke` whether a stage put down here what went wrong.
    """

    checkpoint_id: str
    nodes: tuple[str, ...]
    seconds: float | None
    next: tuple[str, ...]
    broke: bool


class History:
    def __init__(self, graph: "CompiledStateGraph[Any, Any, Any, Any]", thread_id: str) -> None:
        self.graph = graph
        self.thread_id = thread_id
        self.records: tuple[CheckpointRecord, ...] = ()
        self._stored: list[CheckpointTuple] = []

    @classmethod
    async def of(cls, graph: "CompiledStateGraph[Any, Any, Any, Any]", thread_id: str) -> "History":
        """All checkpoints of a thread, oldest first (their ids are ordered by time)."""
        history = cls(graph, thread_id)
        # A long thread's states together fill the memory; what is not told of them is read again where it is needed.
        stored = [_told_of(item) async for item in _saver(graph).alist({"configurable": {"thread_id": thread_id}})]
        # One that was put back has the id of the one it was taken from.
        history._stored = sorted(stored, key=lambda item: (_id(item), _namespace(item)))
        by_id = {(_namespace(item), _id(item)): item for item in history._stored}
        heads = {_namespace(item): _id(item) for item in history._stored}
        steps = _steps(history._stored)
        history.records = tuple(_record(item, by_id, heads, steps) for item in history._stored)
        return history

    async def find(self, ref: str) -> Target:
        """The checkpoint `ref` names: an id, its beginning, or the last one from which the stage `ref` would run."""
        named = self._named(ref)
        if not named:
            raise NotFound("checkpoint_not_found", ref=ref, thread=self.thread_id)
        if len(named) > 1:
            raise NotFound("checkpoint_ambiguous", ref=ref, matches=", ".join(named[:5]), thread=self.thread_id)
        # Going back puts an agent's checkpoint under a new head, by the same id. The first one has all beside it, a
        # later one may be of a rollback that died half-way.
        places = [n for n, record in enumerate(self.records) if record.checkpoint_id == named[0]]
        chosen = self._after_input(min(places, key=self._root_id))
        return Target(self.records[chosen], self._root_id(chosen), _namespace(self._stored[chosen]))

    def last_turn(self, head: str) -> list[Ran]:
        """What the supervisor did since the last input, on the way to its checkpoint `head`."""
        line = self._line("", head)
        begun = max((n for n, item in enumerate(line) if item.metadata.get("source") == "input"), default=0)
        return _ran(line)[begun:]

    def steps(self, roots: Collection[str]) -> dict[str, list[Ran]]:
        """By step, the stages of the chain that was last at work, of those that started from one of `roots`."""
        heads = {_namespace(item): item for item in self._stored if item.metadata.get("parents", {}).get("") in roots}
        named = _steps(self._stored)
        return {
            named[namespace]: _ran(self._line(namespace, _id(item)))
            for namespace, item in sorted(heads.items(), key=lambda head: _id(head[1]))
            if namespace in named
        }

    def _line(self, namespace: str, checkpoint_id: str) -> list["CheckpointTuple"]:
        """A checkpoint and those before it, oldest first. One that was put back goes on where it was taken from."""
        places = {(_namespace(item), _id(item)): item for item in self._stored}
        first = {_id(item): item for item in reversed(self._stored) if item.parent_config}
        line: list[CheckpointTuple] = []
        item = places.get((namespace, checkpoint_id))
        while item is not None:
            line.append(item)
            if _parent_id(item) is None and item.metadata.get("source") == "fork":
                item = first.get(_id(item), item)
            item = places.get((_namespace(item), _parent_id(item) or ""))
        return line[::-1]

    def _named(self, ref: str) -> list[str]:
        ids = list(dict.fromkeys(record.checkpoint_id for record in self.records))
        if ref in ids:
            return [ref]
        begun = [one for one in ids if one.startswith(ref)] if len(ref) >= SHORTEST_PREFIX else []
        return begun or [record.checkpoint_id for record in self.records if ref in record.next][-1:]

    def _root_id(self, place: int) -> str:
        """The supervisor's checkpoint that one belongs to, itself or the one its agent's step started from."""
        stored = self._stored[place]
        return str(stored.metadata.get("parents", {}).get("", "")) if _namespace(stored) else _id(stored)

    def _after_input(self, place: int) -> int:
        """A chain's first checkpoint holds nothing but its input; what can be stood on is the one after it."""
        stored = self._stored[place]
        if _parent_id(stored) is not None:
            return place
        chain = (n for n, other in enumerate(self._stored) if _namespace(other) == _namespace(stored))
        return next((n for n in chain if _parent_id(self._stored[n]) == _id(stored)), place)

    async def go_back(self, target: Target) -> str:
        """Make `target` the head; returns the new head's id. The old branch stays where it is."""
        before = await self.graph.aget_state(self._config(target.root_id))
        head = await self.graph.aupdate_state(before.config, None, as_node="__copy__")
        head_id = str(head["configurable"]["checkpoint_id"])
        if target.namespace:
            after = await self.graph.aget_state(self._config(head_id))
            await self._put_back(target, before.tasks, after.tasks, head_id)
        return head_id

    async def _put_back(
        self, target: Target, old: Sequence["PregelTask"], new: Sequence["PregelTask"], head_id: str
    ) -> None:
        """Put every agent's chain, as it stood at `target`, under the tasks of the new head."""
        if target.namespace not in {_chain(task) for task in old} or len(old) != len(new):
            raise Failed("cannot_go_back", thread=self.thread_id, checkpoint=target.record.checkpoint_id)
        for was, now in zip(old, new, strict=True):
            chain = [item for item in self._stored if _namespace(item) == _chain(was)]
            until = [item for item in chain if _id(item) <= target.record.checkpoint_id]
            if not until:
                continue
            stored = await _saver(self.graph).aget_tuple(until[-1].config)
            config = {"configurable": {"thread_id": self.thread_id, "checkpoint_ns": _chain(now)}}
            metadata: Any = {**stored.metadata, "source": "fork", "parents": {"": head_id}}
            versions = stored.checkpoint["channel_versions"]
            await _saver(self.graph).aput(config, stored.checkpoint, metadata, versions)

    def _config(self, checkpoint_id: str) -> Any:
        return {"configurable": {"thread_id": self.thread_id, "checkpoint_id": checkpoint_id}}


def _told_of(item: "CheckpointTuple") -> "CheckpointTuple":
    """The checkpoint with only those of its values that its place in the history is told by."""
    values = {
        name: value
        for name, value in item.checkpoint["channel_values"].items()
        if name in _TOLD_BY or name.startswith(_SCHEDULED)
    }
    return item._replace(checkpoint={**item.checkpoint, "channel_values": values}, pending_writes=None)


def _record(
    item: "CheckpointTuple",
    by_id: dict[tuple[str, str], "CheckpointTuple"],
    heads: dict[str, str],
    steps: dict[str, str],
) -> CheckpointRecord:
    namespace, parent_id = _namespace(item), _parent_id(item)
    parent = by_id.get((namespace, parent_id)) if parent_id else None
    return CheckpointRecord(
        checkpoint_id=_id(item),
        parent_id=parent_id,
        namespace=_told(namespace, steps),
        at=item.checkpoint["ts"],
        node=", ".join(_wrote(item, parent)) or str(item.metadata.get("source", "")),
        next=_scheduled(item),
        changed=_changed(item, parent),
        head=not namespace and heads[""] == _id(item),
    )


def _wrote(item: "CheckpointTuple", parent: "CheckpointTuple | None") -> list[str]:
    """The nodes that ran between the parent and this checkpoint: those that have seen something newer."""
    before = parent.checkpoint["versions_seen"] if parent else {}
    seen = item.checkpoint["versions_seen"]
    # "__input__" and "__interrupt__" are LangGraph's own marks.
    return sorted(node for node in seen if seen[node] != before.get(node) and not node.startswith("__"))


def _ran(line: Sequence["CheckpointTuple"]) -> list[Ran]:
    return [
        Ran(_id(item), tuple(_wrote(item, parent)), _seconds(item, parent), _scheduled(item), "problem" in told)
        for parent, item in zip((None, *line), line, strict=False)
        for told in (_changed(item, parent),)
    ]


def _seconds(item: "CheckpointTuple", parent: "CheckpointTuple | None") -> float | None:
    # LangGraph notes what it has seen whenever it takes a graph up again: time passed that nobody worked.
    seen = [one.checkpoint["versions_seen"].get(_TAKEN_UP) for one in (item, parent) if one is not None]
    if parent is None or seen[0] != seen[1]:
        return None
    ended, began = (datetime.fromisoformat(one.checkpoint["ts"]) for one in (item, parent))
    return (ended - began).total_seconds()


def _scheduled(item: "CheckpointTuple") -> tuple[str, ...]:
    values = item.checkpoint["channel_values"]
    edges = [name.removeprefix(_SCHEDULED) for name in values if name.startswith(_SCHEDULED)]
    sends = [send.node for send in values.get(_TASKS) or []]
    return tuple(dict.fromkeys((*sorted(edges), *sends)))


def _changed(item: "CheckpointTuple", parent: "CheckpointTuple | None") -> tuple[str, ...]:
    before = parent.checkpoint["channel_versions"] if parent else {}
    versions = item.checkpoint["channel_versions"]
    return tuple(
        sorted(
            name
            for name in versions
            if versions[name] != before.get(name) and ":" not in name and not name.startswith("__")
        )
    )


def _steps(stored: Sequence["CheckpointTuple"]) -> dict[str, str]:
    """The step each agent's chain works on. Its first checkpoint does not hold it yet, all later ones do."""
    found = ((_namespace(item), item.checkpoint["channel_values"].get("step")) for item in stored)
    return {namespace: step["step_id"] for namespace, step in found if namespace and step}


def _told(namespace: str, steps: dict[str, str]) -> str:
    """A namespace as people know it: "contract:1" is the contract agent's chain for step 1."""
    return f"{namespace.split(':', 1)[0]}:{steps.get(namespace, '?')}" if namespace else ""


def _saver(graph: "CompiledStateGraph[Any, Any, Any, Any]") -> Any:
    return graph.checkpointer


def _chain(task: "PregelTask") -> str:
    return f"{task.name}:{task.id}"


def _id(item: "CheckpointTuple") -> str:
    return str(item.checkpoint["id"])


def _parent_id(item: "CheckpointTuple") -> str | None:
    return str(item.parent_config["configurable"]["checkpoint_id"]) if item.parent_config else None


def _namespace(item: "CheckpointTuple") -> str:
    return str(item.config["configurable"].get("checkpoint_ns", ""))
