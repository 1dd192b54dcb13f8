"""The supervisor's edges, and only edges.

START → guard → recall → understand → make_plan → dispatch ⇉ one sub-graph per ready step ⇉ gather
                           ▲ clarify (asks) ▲  │      ▲  ▲               more steps ready ──────┤
               review_plan (asks) → settle_plan ──────┘  └── replan, once, when one has failed ─┘
dispatch, none left → aggregate → choose_output ⇉ generators → remember → END

Nodes of other packages (`foreign`) stand before and after those that every turn passes.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from langgraph.graph import END, START, StateGraph

from octo_cli.agents.kit import Kit
from octo_cli.agents.registry import Registry
from octo_cli.outputs import OWN
from octo_cli.supervisor import nodes, plans
from octo_cli.supervisor.foreign import PLACES, Found, guarded
from octo_cli.supervisor.state import State

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

# Raise it whenever a thread that waits in the old graph could not go on in the new one (nodes renamed or removed).
GRAPH_VERSION = "1"


def build(
    registry: Registry,
    checkpointer: "BaseCheckpointSaver[str] | None" = None,
    *,
    assisted: bool = False,
    step_timeout: float | None = None,
    nodes_of_others: Sequence[Found] = (),
) -> "CompiledStateGraph[State, Kit, State, State]":
    """The graph of this process; `assisted` says that it has a language model, which agents may need to be built.

    `step_timeout` bounds a run of another package's agent, in seconds; its own graph may not know when to stop.
    """
    graph = StateGraph(State, context_schema=Kit)
    agents = [card.name for card in registry.cards()]
    made = [name for name, output in OWN.items() if output.generate]
    for node in (nodes.guard, nodes.recall, nodes.understand, nodes.clarify, nodes.aggregate):
        graph.add_node(node.__name__, node)
    for node in (plans.make_plan, plans.review_plan, plans.settle_plan, plans.dispatch, plans.gather, plans.replan):
        graph.add_node(node.__name__, node)
    for name in agents:
        # A plug-in's graph does not tell its failures from a dead run, nor end one: the supervisor does it for it.
        # A step that can end itself does so first, and says how long it took.
        foreign: dict[str, Any] = {"error_handler": plans.failed, "timeout": step_timeout and step_timeout + 1}
        bounds = foreign if registry.is_foreign(name) else {}
        graph.add_node(name, registry.graph(name, assisted=assisted), **bounds)
    graph.add_node("choose_output", nodes.choose_output)
    for name in made:
        graph.add_node(f"generate_{name}", nodes.generator(name))
    graph.add_node(nodes.FOREIGN, nodes.generate_foreign)
    graph.add_node("remember", nodes.remember)

    route = _Route(graph, nodes_of_others)
    route.edge(START, "guard")
    route.edge("guard", "recall")
    route.edge("recall", "understand")
    route.branch("understand", nodes.after_understand, ["clarify", "make_plan"])
    route.edge("clarify", "understand")
    route.branch("make_plan", plans.after_plan, ["clarify", "review_plan", "dispatch"])
    route.edge("review_plan", "settle_plan")
    route.branch("settle_plan", plans.after_review, ["review_plan", "dispatch"])
    route.branch("dispatch", plans.ready_steps, [*agents, "aggregate"])
    for name in agents:
        route.edge(name, "gather")
    route.branch("gather", plans.after_gather, ["replan", "dispatch"])
    route.branch("replan", plans.after_review, ["review_plan", "dispatch"])
    route.edge("aggregate", "choose_output")
    generators = [*(f"generate_{name}" for name in made), nodes.FOREIGN]
    route.branch("choose_output", nodes.generators, generators)
    for name in generators:
        route.edge(name, "remember")
    route.edge("remember", END)
    return graph.compile(checkpointer=checkpointer)


class _Route:
    """Edges between the supervisor's nodes, by way of other packages' nodes before and after them."""

    def __init__(self, graph: "StateGraph[State, Kit, State, State]", others: Sequence[Found]) -> None:
        self.graph = graph
        self.first: dict[str, str] = {}
        self.last: dict[str, str] = {}
        for found in others:
            if found.node is not None:
                graph.add_node(found.key, guarded(found))
        for place in PLACES:
            before = [found.key for found in others if found.node and found.node.before == place]
            after = [found.key for found in others if found.node and found.node.after == place]
            chain = [*before, place, *after]
            self.first[place], self.last[place] = chain[0], chain[-1]
            for one, next_one in pairwise(chain):
                graph.add_edge(one, next_one)

    def edge(self, start: str, end: str) -> None:
        self.graph.add_edge(self.last.get(start, start), self.first.get(end, end))

    def branch(self, start: str, path: Callable[..., Any], ends: Sequence[str]) -> None:
        to = {end: self.first.get(end, end) for end in ends}
        self.graph.add_conditional_edges(self.last.get(start, start), path, cast("dict[Hashable, str]", to))
