"""The supervisor's edges, and only edges.

START → guard → recall → understand → make_plan → dispatch ⇉ one sub-graph per ready step ⇉ gather
                           ▲ clarify (asks) ▲                 ▲          more steps ready ──────┘
gather, none left → aggregate → choose_output ⇉ generators → remember → END
"""

from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph

from octo_cli.agents.kit import Kit
from octo_cli.agents.registry import Registry
from octo_cli.outputs import OWN
from octo_cli.supervisor import nodes
from octo_cli.supervisor.state import State

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

# Raise it whenever a thread that waits in the old graph could not go on in the new one (nodes renamed or removed).
GRAPH_VERSION = "1"


def build(
    registry: Registry, checkpointer: "BaseCheckpointSaver[str] | None" = None, *, assisted: bool = False
) -> "CompiledStateGraph[State, Kit, State, State]":
    """The graph of this process; `assisted` says that it has a language model, which agents may need to be built."""
    graph = StateGraph(State, context_schema=Kit)
    agents = [card.name for card in registry.cards()]
    made = [name for name, output in OWN.items() if output.generate]
    for name in ("guard", "recall", "understand", "clarify", "make_plan", "review_plan", "settle_plan"):
        graph.add_node(name, getattr(nodes, name))
    for name in ("dispatch", "gather", "aggregate"):
        graph.add_node(name, getattr(nodes, name))
    for name in agents:
        # A plug-in's graph does not tell its failures from a dead run: the supervisor does it for it.
        failed: Any = nodes.failed if registry.is_foreign(name) else None
        graph.add_node(name, registry.graph(name, assisted=assisted), error_handler=failed)
    graph.add_node("choose_output", nodes.choose_output)
    for name in made:
        graph.add_node(f"generate_{name}", nodes.generator(name))
    graph.add_node(nodes.FOREIGN, nodes.generate_foreign)
    graph.add_node("remember", nodes.remember)

    graph.add_edge(START, "guard")
    graph.add_edge("guard", "recall")
    graph.add_edge("recall", "understand")
    graph.add_conditional_edges("understand", nodes.after_understand, ["clarify", "make_plan"])
    graph.add_edge("clarify", "understand")
    graph.add_conditional_edges("make_plan", nodes.after_plan, ["clarify", "review_plan", "dispatch"])
    graph.add_edge("review_plan", "settle_plan")
    graph.add_conditional_edges("settle_plan", nodes.after_review, ["review_plan", "dispatch"])
    graph.add_conditional_edges("dispatch", nodes.ready_steps, [*agents, "aggregate"])
    for name in agents:
        graph.add_edge(name, "gather")
    graph.add_edge("gather", "dispatch")
    graph.add_edge("aggregate", "choose_output")
    generators = [*(f"generate_{name}" for name in made), nodes.FOREIGN]
    graph.add_conditional_edges("choose_output", nodes.generators, generators)
    for name in generators:
        graph.add_edge(name, "remember")
    graph.add_edge("remember", END)
    return graph.compile(checkpointer=checkpointer)
