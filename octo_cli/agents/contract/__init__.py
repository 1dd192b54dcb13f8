"""The contract agent: a document from one sentence to an approved file, through two questions.

    initialize → collect_context → generate_draft ⇄ collaborate
                                         │  ▲
                                         ▼  └───────────────┐ revise, back, errors found
                                   user_confirm → ai_review ┴→ finalize

A stage that asks does nothing else. What the person said is recorded and worked in by the stage after it, so the
draft a person approves is always made by `generate_draft`, from the fields they agreed to.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from langgraph.graph import END, START, StateGraph

from octo_cli.agents.contract import stages
from octo_cli.agents.contract.draft import ContractState
from octo_cli.agents.kit import Kit, StepOutput

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

# Where each answer leads; any other leaves the question as it is.
_AFTER_COLLABORATE: Final = {"submit": "generate_draft", "reject": "finalize"}
_AFTER_USER_CONFIRM: Final = {
    "approve": "ai_review",
    "reject": "finalize",
    "revise": "generate_draft",
    "back": "generate_draft",
}


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """The agent's sub-graph, compiled without a checkpointer: it uses its parent's."""
    graph = StateGraph(ContractState, context_schema=Kit, output_schema=StepOutput)
    graph.add_node("initialize", stages.node("initialize", stages.initialize))
    graph.add_node("collect_context", stages.node("collect_context", stages.collect_context))
    graph.add_node("generate_draft", stages.node("generate_draft", stages.generate_draft))
    graph.add_node("collaborate", stages.ask_person)
    graph.add_node("user_confirm", stages.ask_person)
    graph.add_node("ai_review", stages.node("ai_review", stages.ai_review))
    graph.add_node("finalize", stages.node("finalize", stages.finalize))
    graph.add_node("error_handler", stages.error_handler)
    # With all their ends, so that the graph can be drawn.
    graph.add_edge(START, "initialize")
    graph.add_conditional_edges("initialize", _unless_failed("collect_context"), ["collect_context", "error_handler"])
    graph.add_conditional_edges(
        "collect_context", _unless_failed("generate_draft"), ["generate_draft", "error_handler"]
    )
    graph.add_conditional_edges("generate_draft", _to_question, ["collaborate", "user_confirm", "error_handler"])
    graph.add_conditional_edges(
        "collaborate", _after(_AFTER_COLLABORATE, "collaborate"), [*_AFTER_COLLABORATE.values(), "collaborate"]
    )
    graph.add_conditional_edges(
        "user_confirm", _after(_AFTER_USER_CONFIRM, "user_confirm"), [*_AFTER_USER_CONFIRM.values(), "user_confirm"]
    )
    graph.add_conditional_edges("ai_review", _after_review, ["finalize", "generate_draft", "error_handler"])
    graph.add_conditional_edges("finalize", _unless_failed(END), [END, "error_handler"])
    graph.add_edge("error_handler", END)
    return graph.compile()


def _unless_failed(target: str) -> Callable[[ContractState], str]:
    def route(state: ContractState) -> str:
        return "error_handler" if state.get("problem") else target

    return route


def _after(targets: dict[str, str], again: str) -> Callable[[ContractState], str]:
    def route(state: ContractState) -> str:
        answer = state.get("answer") or {}
        return targets.get(answer.get("action", ""), again)

    return route


def _to_question(state: ContractState) -> str:
    if state.get("problem"):
        return "error_handler"
    question = state.get("question") or {}
    return "user_confirm" if question["type"] == "approval_required" else "collaborate"


def _after_review(state: ContractState) -> str:
    if state.get("problem"):
        return "error_handler"
    return "finalize" if state.get("verdict") == "approved" else "generate_draft"
