"""What an agent is made of: a card, a task, a kit, and a sub-graph. All that a plug-in author imports.

A simple agent is one coroutine, `work(task, kit) -> Done | Ask`, wrapped by `as_graph` into a sub-graph of two nodes.
An agent with stages of its own hands in a compiled LangGraph graph over `StepState` (see `contract`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octo_cli.agents.kit import (
        Ask,
        Call,
        Done,
        Kit,
        StepOutput,
        StepState,
        Task,
        Work,
        as_graph,
        ask,
        result_of,
    )

__all__ = [
    "Ask",
    "Call",
    "Done",
    "Kit",
    "StepOutput",
    "StepState",
    "Task",
    "Work",
    "as_graph",
    "ask",
    "result_of",
]


def __getattr__(name: str) -> Any:
    # Who only lists the agents (`registry`) need not wait for LangGraph.
    if name in __all__:
        from octo_cli.agents import kit

        return getattr(kit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
