"""What an agent is made of: a card, a task, a kit, and a sub-graph. All that a plug-in author imports.

A simple agent is one coroutine, `work(task, kit) -> Done | Ask`, wrapped by `as_graph` into a sub-graph of two nodes.
An agent with stages of its own hands in a compiled LangGraph graph over `StepState` (see `contract`).
"""

from octo_cli.agents.kit import Ask, Done, Kit, StepOutput, StepState, Task, Work, as_graph, ask, emit, result_of

__all__ = ["Ask", "Done", "Kit", "StepOutput", "StepState", "Task", "Work", "as_graph", "ask", "emit", "result_of"]
