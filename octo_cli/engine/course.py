"""How a thread's last turn went, as a graph: what ran by its checkpoints, what can run by the graph itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from octo_cli.engine.history import History, Ran
from octo_cli.engine.views import results_of
from octo_cli.outputs.graph import COLORS
from octo_cli.wire.inspection import Course, GraphEdge, GraphNode, Inspection
from octo_cli.wire.work import Step, StepResult, StepStatus

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StateSnapshot

SUPERVISOR: Final = "supervisor"
_END: Final = "__end__"
# How that stands which would run next, by the thread's own status.
_NEXT: Final[Mapping[str, StepStatus]] = MappingProxyType(
    {"waiting_human": "waiting", "running": "running", "failed": "failed"}
)
Edges = Mapping[str, Sequence[str]]


class _Part(NamedTuple):
    """A node of either graph, as far as it has come."""

    name: str
    status: StepStatus
    runs: int = 0
    seconds: float | None = None


def course(
    graph: "CompiledStateGraph[Any, Any, Any, Any]", history: History, state: "StateSnapshot", found: Inspection
) -> Course:
    drawn = _Drawn(graph)
    turn = history.last_turn(str(state.config["configurable"].get("checkpoint_id", "")))
    chains = history.steps({ran.checkpoint_id for ran in turn})
    steps = found.plan.steps if found.plan and turn else ()
    results, stuck = results_of(state), _NEXT.get(found.thread.status, "pending")
    own = [name for task in state.tasks if (name := task.name) not in drawn.agents]
    supervisor = _parts(turn, dict.fromkeys(own, stuck), drawn.edges, state.next, drawn.agents)
    nodes = [_node(part.name, part.name, SUPERVISOR, part) for part in supervisor]
    edges = _inside(drawn.edges, {part.name: part.name for part in supervisor})
    for step in steps:
        chain, result = chains.get(step.step_id, []), results.get(step.step_id)
        status: StepStatus = stuck if step.status == "pending" and chain and stuck != "waiting" else step.status
        step_node = _step_node(step, status, len(chain), result)
        stages = _stages(chain, status, drawn.stages(step.agent))
        nodes.append(step_node)
        nodes += [_node(f"{step_node.id}.{part.name}", part.name, step.agent, part, step_node.id) for part in stages]
        edges += _inside(drawn.stages(step.agent), {part.name: f"{step_node.id}.{part.name}" for part in stages})
    edges += _between(steps, drawn, {part.name for part in supervisor})
    return Course(found.thread.thread_id, tuple(nodes), tuple(edges))


class _Drawn:
    """The compiled graph as LangGraph draws it: the supervisor's edges, and those inside each agent."""

    def __init__(self, graph: "CompiledStateGraph[Any, Any, Any, Any]") -> None:
        whole = graph.get_graph()
        self.agents: Final = frozenset(name for name, _ in graph.get_subgraphs())
        self.edges: Final = _targets((edge.source, edge.target) for edge in whole.edges)
        self._xray: Final = [(edge.source, edge.target) for edge in graph.get_graph(xray=True).edges]

    def stages(self, agent: str) -> Edges:
        mark = f"{agent}:"
        own = (pair for pair in self._xray if all(name.startswith(mark) for name in pair))
        return _targets((source.removeprefix(mark), target.removeprefix(mark)) for source, target in own)

    def around(self, agent: str) -> tuple[list[str], Sequence[str]]:
        """The nodes that lead to an agent, and those it leads to."""
        return [source for source, targets in self.edges.items() if agent in targets], self.edges.get(agent, ())


def _targets(pairs: Iterable[tuple[str, str]]) -> Edges:
    targets: dict[str, list[str]] = {}
    for source, target in pairs:
        targets.setdefault(source, []).append(target)
    return targets


def _parts(
    line: Sequence[Ran], coming: Mapping[str, StepStatus], edges: Edges, next_: Collection[str], not_: Collection[str]
) -> list[_Part]:
    """What ran, in order; then what comes next, and what is sure to come after it."""
    parts: dict[str, _Part] = {}
    for ran in line:
        nodes = [name for name in ran.nodes if name not in not_]
        # Of those that ran side by side, nobody measured one alone.
        seconds = ran.seconds if len(ran.nodes) == 1 else None
        for name in nodes:
            before = parts.get(name, _Part(name, "completed", 0, 0.0))
            both = None if seconds is None or before.seconds is None else before.seconds + seconds
            parts[name] = before._replace(runs=before.runs + 1, seconds=both)
    for name, status in coming.items():
        parts[name] = parts.get(name, _Part(name, status))._replace(status=status)
    for name in _certain(edges, next_):
        if name not in not_:
            parts.setdefault(name, _Part(name, "pending"))
    return list(parts.values())


def _certain(edges: Edges, next_: Collection[str]) -> Iterator[str]:
    """The nodes that every way from here to the end leads through."""
    for name in _reached(edges, next_, without=""):
        if name != _END and name not in next_ and _END not in _reached(edges, next_, without=name):
            yield name


def _reached(edges: Edges, start: Iterable[str], *, without: str) -> dict[str, None]:
    found: dict[str, None] = {}
    ahead = [name for name in start if name != without]
    for name in ahead:
        if name not in found:
            found[name] = None
            ahead += [target for target in edges.get(name, ()) if target != without]
    return found


def _stages(line: Sequence[Ran], status: StepStatus, edges: Edges) -> list[_Part]:
    """The stages of a step that stands like this."""
    if not line:
        return []
    over = status in ("completed", "failed", "skipped", "cancelled") and not line[-1].next
    coming = {} if over else dict.fromkeys(line[-1].next, status)
    parts = _parts(line, coming, edges, tuple(coming), ())
    if over and status == "failed":
        ran = [one for one in line if one.nodes]
        broke = next((one for one in reversed(ran) if one.broke), ran[-1] if ran else None)
        failed = broke.nodes if broke else ()
        return [part._replace(status="failed") if part.name in failed else part for part in parts]
    return parts


def _step_node(step: Step, status: StepStatus, runs: int, result: StepResult | None) -> GraphNode:
    done = result if result and result.seconds else None
    part = _Part(step.step_id, status, min(runs, 1), done.seconds if done else None)
    node = _node(f"step_{step.step_id}", step.task, step.agent, part)
    told = {
        "step_id": step.step_id,
        "agent": step.agent,
        "description": step.task,
        "depends_on": list(step.depends_on),
        "result": result.text if result else None,
        "confidence": result.confidence if result else None,
        "problem": result.reason if result else None,
    }
    return GraphNode(node.id, node.label, node.type, status, node.color, {**told, **node.metadata})


def _node(node_id: str, label: str, kind: str, part: _Part, parent: str | None = None) -> GraphNode:
    metadata = {"runs": part.runs, "seconds": part.seconds, "parent": parent}
    return GraphNode(node_id, label, kind, part.status, COLORS[part.status], metadata)


def _inside(edges: Edges, names: Mapping[str, str]) -> list[GraphEdge]:
    """The graph's edges between nodes that are shown, under the ids they are shown by."""
    return [
        _edge(names[source], names[target])
        for source, targets in edges.items()
        for target in targets
        if source in names and target in names
    ]


def _between(steps: Sequence[Step], drawn: _Drawn, shown: Collection[str]) -> list[GraphEdge]:
    """From the supervisor to its first steps, from step to step, and from the last ones back."""
    edges, known = [], {step.step_id for step in steps}
    needed = {before for step in steps for before in step.depends_on}
    for step in steps:
        before, after = drawn.around(step.agent)
        needs = [one for one in step.depends_on if one in known]
        edges += [_edge(f"step_{one}", f"step_{step.step_id}") for one in needs]
        if not needs:
            edges += [_edge(name, f"step_{step.step_id}") for name in before if name in shown]
        if step.step_id not in needed:
            edges += [_edge(f"step_{step.step_id}", name) for name in after if name in shown]
    return edges


def _edge(source: str, target: str) -> GraphEdge:
    return GraphEdge(f"edge_{source}_to_{target}", source, target)
