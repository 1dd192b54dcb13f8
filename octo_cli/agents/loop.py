"""LangChain's loop of model and tools, and the gate every call passes in it. Imports LangChain: only with a model.

Nothing runs but through `Gate`: the loop itself knows no tool. What a model wants is checked, ruled on, asked for and
recorded as any other call (`calls`); what comes back is data for the model, never an instruction of Octo's.
"""

import asyncio
import json
import operator
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, Required

from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ModelResponse,
    ToolCallLimitMiddleware,
)
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, AnyMessage, SystemMessage, ToolCall, ToolMessage
from langgraph.graph.message import _messages_delta_reducer
from langgraph.types import Command

from octo_cli.agents import approvals, calls
from octo_cli.agents.assistant import ToolsOf
from octo_cli.agents.calls import Caller
from octo_cli.agents.growing import Growing
from octo_cli.agents.kit import Call, Kit, ask, attempted
from octo_cli.agents.simple import caller_of
from octo_cli.agents.tools import Outcome, Tool
from octo_cli.errors import ModelError
from octo_cli.reasoning.models.metering import working_on
from octo_cli.values.contact import mask_rrn
from octo_cli.values.text import one_line
from octo_cli.wire.events import StepProgress, Warned
from octo_cli.wire.forms import Answer
from octo_cli.wire.work import Problem

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

# Bounds of one step. They count over pauses: a person who approves again and again does not lift them.
MOST_MODEL_CALLS: Final = 25
MOST_TOOL_CALLS: Final = 50
# How often one call may be begun: each time after the first a person said so, knowing it may have run already.
MOST_STARTS: Final = 5
# Tokens at which old results leave the model's view, and characters of one result that enter it.
CROWDED: Final = 60_000
LONGEST_RESULT: Final = 20_000

_LANGUAGES: Final = {"ko": "Korean", "en": "English"}


class LoopState(AgentState[Any]):
    """The loop's own state; what it shares with the step is handed in and back by name."""

    # Otherwise each checkpoint would hold all that was said, and each call makes two of them.
    messages: Required[Annotated[list[AnyMessage], Growing(_messages_delta_reducer)]]
    step: NotRequired[dict[str, Any]]
    request: NotRequired[dict[str, Any]]
    allowed: NotRequired[Annotated[list[str], operator.add]]
    called: NotRequired[Annotated[list[dict[str, Any]], operator.add]]
    pauses: NotRequired[Annotated[int, operator.add]]
    began: NotRequired[float]


def loop(tools: ToolsOf, instructions: str) -> "CompiledStateGraph[Any, Any, Any, Any]":
    """The loop as a graph without a checkpointer: it uses its parent's."""
    limits: list[AgentMiddleware[Any, Any, Any]] = [
        # What is over the limit comes back as an error, so that the model can still say what it has.
        ToolCallLimitMiddleware(thread_limit=MOST_TOOL_CALLS, exit_behavior="continue"),
        ModelCallLimitMiddleware(thread_limit=MOST_MODEL_CALLS, exit_behavior="end"),
        ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=CROWDED)]),
    ]
    return create_agent(
        # Never called: the gate puts the run's own model in its place.
        FakeListChatModel(responses=[]),
        tools=[],
        middleware=[*limits, Gate(tools, instructions)],
        state_schema=LoopState,
        context_schema=Kit,
    )


class Gate(AgentMiddleware[Any, Any, Any]):
    """Offers the tools there are at run time, and lets none run but by the rules and the person."""

    def __init__(self, tools: ToolsOf, instructions: str) -> None:
        super().__init__()
        self.tools_of = tools
        self.instructions = instructions

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        kit: Kit = request.runtime.context
        state: Mapping[str, Any] = {**request.state}
        if kit.mind.models is None:
            raise ModelError("model_needed", agent=state["step"]["agent"])
        language = _LANGUAGES[state["request"]["language"]]
        asked = request.override(
            model=kit.mind.models.chat_model("writer"),
            system_message=SystemMessage(f"{self.instructions}\n\nToday is {kit.today}. Answer in {language}."),
            tools=[_offered(tool) for tool in await self.tools_of(kit)],
        )
        limit = asyncio.timeout(max(kit.settings.plan.timeout - kit.active_seconds() + state.get("began", 0.0), 0.0))
        try:
            async with limit:
                with working_on(state["step"]["step_id"]):
                    response = await handler(asked)
        except TimeoutError:
            if not limit.expired():
                raise
            # No word of a model's: `assistant` tells why the loop ended.
            return ModelResponse(result=[AIMessage("")])
        for message in response.result:
            if isinstance(message, AIMessage):
                _tell_apart(message.tool_calls)
        return response

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],  # noqa: ARG002 (runs nothing)
    ) -> ToolMessage | Command[Any]:
        # A tool's runtime is generic in its context, and says None.
        runtime: Any = request.runtime
        kit: Kit = runtime.context
        wanted, caller = request.tool_call, caller_of(request.state, kit)
        say, step = caller.say, caller.step
        tool = {tool.name: tool for tool in await self.tools_of(kit)}.get(wanted["name"])
        if tool is None:
            return _Settled(Outcome(wanted["name"], "failed", {}, output="There is no such tool.")).command(
                wanted["id"]
            )
        progress = StepProgress(step.step_id, step.agent, "tools", say("assistant.calls", tool=tool.name))
        kit.tell(progress)
        call = Call(tool.name, wanted["args"], why=_said_beside(request.state["messages"]))
        settled = await _settled(tool, call, caller, key=runtime.execution_info.task_id)
        if settled.pauses and settled.outcome.status == "failed":
            # The person said yes to it, and only the model would hear why nothing came of it.
            reason = one_line(str(settled.outcome.output))
            kit.tell(Warned("tool_failed", say("warning.tool_failed", tool=tool.name, reason=reason)))
        return settled.command(wanted["id"])


class _Settled:
    """What came of a call, and what the person said on the way."""

    def __init__(self, outcome: Outcome, pauses: int = 0, allowed: Collection[str] = ()) -> None:
        self.outcome = outcome
        self.pauses = pauses
        self.allowed = allowed

    def command(self, call_id: str | None) -> Command[Any]:
        outcome = self.outcome
        status = "success" if outcome.status == "done" else "error"
        message = ToolMessage(_told(outcome), tool_call_id=call_id or "", name=outcome.tool, status=status)
        called = {"tool": outcome.tool, "status": outcome.status}
        update = {"messages": [message], "called": [called], "pauses": self.pauses, "allowed": sorted(self.allowed)}
        return Command(update=update)


async def _settled(tool: Tool, call: Call, caller: Caller, *, key: str) -> _Settled:
    """Check, rule, ask and run. This runs again from its first line whenever a person has answered."""
    answer: Answer | None = None
    pauses, allowed = 0, set(caller.kit.allowed)
    for start in range(MOST_STARTS):
        ready = await attempted(_ready(tool, call, caller, again=start > 0), caller.say, caller.kit)
        if isinstance(ready, Problem):
            return _Settled(Outcome(tool.name, "failed", call.args, output=ready.message), pauses)
        args, asked = ready
        if start or caller.ruling(tool, args).verdict == "ask":
            answer = ask(asked)
            pauses += 1
            allowed |= {tool.name} if answer.scope == "run" else set()
        outcome = await calls.run(tool, args, answer, caller, key=f"{key}:{start}")
        if outcome is not None:
            return _Settled(outcome, pauses, allowed.difference(caller.allowed))
    return _Settled(Outcome(tool.name, "failed", call.args, output=caller.say("approval.too_often")), pauses)


async def _ready(tool: Tool, call: Call, caller: Caller, *, again: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The call's arguments as the tool takes them, and the question about it. Raises what is wrong with it."""
    args = approvals.checked(tool, call.args)
    return args, await asyncio.to_thread(calls.question, tool, args, call.why, caller, again=again)


def _said_beside(messages: Sequence[Any]) -> str:
    """What the model said along with its calls: why it wants them, often enough."""
    return next((message.text for message in reversed(messages) if isinstance(message, AIMessage)), "")


def _offered(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _told(outcome: Outcome) -> str:
    """What the model reads of a call, without the backs of resident registration numbers, as all that it reads."""
    if outcome.status == "rejected":
        return f"The user rejected this call. Reason: {mask_rrn(outcome.reason or 'none given')}. Do not try it again."
    if outcome.status == "denied":
        return "The user's rules forbid this call. Do not try it again."
    output = outcome.output
    text = mask_rrn(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, default=str))
    return text if len(text) <= LONGEST_RESULT else f"{text[:LONGEST_RESULT]}\n[cut: {len(text)} characters in all]"


def _tell_apart(wanted: list[ToolCall]) -> None:
    """Give each call an id of its own: servers leave them out, or give one to several."""
    taken: set[str] = set()
    for number, call in enumerate(wanted):
        name = call["id"] or f"call_{number}"
        call["id"] = name = name if name not in taken else f"{name}_{number}"
        taken.add(name)
