"""An agent that works in a loop with a language model and tools. Which tools and to what end, its caller says.

    START → begin ─ with a model → assist (LangChain's loop: model ⇄ tools, asking first) → report → END
                  └ without      → work ⇄ ask, act (a simple agent, as in `simple`)       → END

The graph has the same nodes with a model and without: without one `assist` only says that it needs a model, so that a
thread which waits in it can be taken up with one at any time. LangChain is imported only where a model is used.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from octo_cli.agents.kit import Done, Kit, StepOutput, StepState, Tools, Work, result_of, too_long
from octo_cli.agents.simple import add_nodes
from octo_cli.agents.tools import Tool
from octo_cli.errors import ModelError
from octo_cli.i18n import words
from octo_cli.values.contact import mask_rrn
from octo_cli.wire.work import Problem, StepResult

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

ToolsOf = Callable[[Kit], Awaitable[Sequence[Tool]]]

Update = dict[str, Any]
_LONGEST_EARLIER: Final = 8_000


class AssistState(StepState, total=False):
    """`messages` are LangChain's, `called` the tools that were called and what came of each, `assisted` whether a model
    works, `began` the turn's active seconds when the step began, `said` the conversation before, (speaker, text)."""

    messages: list[Any]
    called: list[dict[str, Any]]
    assisted: bool
    began: float
    said: list[list[str]]


def as_assistant(
    tools: ToolsOf, instructions: str, offline: Work, own_tools: Tools = (), *, assisted: bool = False
) -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """An agent as a sub-graph: a loop of model and tools, or `offline` when there is no model.

    `tools` are asked for anew before every model call and every tool call, so that they may come from elsewhere
    (MCP); `own_tools` are those `offline` may call. `instructions` go into the system message: they are the agent's own
    words, never a person's, a file's or a page's. `assisted` says whether this process has a model.
    """
    graph = StateGraph(AssistState, context_schema=Kit, output_schema=StepOutput)
    add_nodes(graph, offline, own_tools)
    graph.add_node("begin", _begin)
    graph.add_node("assist", _loop(tools, instructions) if assisted else _needs_a_model)
    graph.add_node("report", _report)
    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", lambda state: "assist" if state["assisted"] else "work", ["assist", "work"])
    graph.add_edge("assist", "report")
    graph.add_edge("report", END)
    return graph.compile()


def _loop(tools: ToolsOf, instructions: str) -> "CompiledStateGraph[Any, Any, Any, Any]":
    from octo_cli.agents.loop import loop

    return loop(tools, instructions)


def _begin(state: AssistState, runtime: Runtime[Kit]) -> Update:
    kit = runtime.context
    if kit.mind.models is None:
        return {"assisted": False}
    before = [("user" if speaker == "user" else "assistant", mask_rrn(text)) for speaker, text in state.get("said", [])]
    return {"assisted": True, "began": kit.active_seconds(), "messages": [*before, ("user", _errand(state))]}


def _errand(state: AssistState) -> str:
    """What is to be done, in the words of the request; what earlier steps found stands below it, as material.

    No model needs the back of a resident registration number; a cut must not leave half of one that is no longer seen.
    """
    step, text = state["step"], state["request"]["text"]
    earlier = msgspec.convert(state.get("earlier", {}), dict[str, StepResult])
    said = [text] if step["task"] in text else [text, f"({step['task']})"]
    found = [
        f"<result step={one.step_id!r} agent={one.agent!r}>\n{mask_rrn(one.text)[:_LONGEST_EARLIER]}\n</result>"
        for one in earlier.values()
    ]
    return "\n\n".join([*map(mask_rrn, said), *found])


def _needs_a_model(state: AssistState) -> Update:
    raise ModelError("model_needed", agent=state["step"]["agent"])


def _report(state: AssistState, runtime: Runtime[Kit]) -> Update:
    """Hand in the model's last word; one that is not the model's own is the loop's, which stopped at a limit."""
    seconds = max(runtime.context.active_seconds() - state.get("began", 0.0), 0.0)
    last, data = state["messages"][-1], {"calls": state.get("called", [])}
    if last.response_metadata and not last.tool_calls and (text := last.text.strip()):
        return result_of(state, Done(text, data=data), seconds=seconds)
    say, kit = words(state["request"]["language"]), runtime.context
    if seconds >= kit.settings.plan.timeout:
        problem = too_long(say, kit)
        return result_of(state, Done(problem.message, data=data, status="failed"), seconds=seconds, problem=problem)
    message = say("assistant.limit", count=len(data["calls"]))
    problem = Problem("assistant_limit", message)
    return result_of(state, Done(message, data=data, status="failed"), seconds=seconds, problem=problem)
