"""A simple agent as a sub-graph: one coroutine that works, a node that asks, a node that acts. No agent's own work."""

import asyncio
import time
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Any, Final

import msgspec
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from octo_cli.agents import calls
from octo_cli.agents.calls import Caller
from octo_cli.agents.kit import (
    Ask,
    Call,
    Done,
    Kit,
    StepOutput,
    StepState,
    Task,
    Tools,
    Work,
    ask,
    attempted,
    result_of,
)
from octo_cli.agents.tools import Outcome, Tool
from octo_cli.credentials import scrub
from octo_cli.errors import Failed, OctoError, Passing
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.models.metering import working_on
from octo_cli.values.text import one_line
from octo_cli.wire.events import StepProgress
from octo_cli.wire.forms import Answer, Question
from octo_cli.wire.work import Problem, Step, StepResult

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

Update = dict[str, Any]

# A plug-in may ask again and again; a person would have left by then.
MOST_QUESTIONS: Final = 50
MOST_CALLS: Final = 50
# Seconds before what failed by chance is tried again; twice as many before each try after that.
_FIRST_WAIT: Final = 0.5


def graph_of(work: Work, tools: Tools = ()) -> "CompiledStateGraph[Any, Kit, Any, Any]":
    """See `kit.as_graph`."""
    graph = StateGraph(StepState, context_schema=Kit, output_schema=StepOutput)
    add_nodes(graph, work, tools)
    graph.add_edge(START, "work")
    return graph.compile()


def add_nodes(graph: "StateGraph[Any, Kit, Any, Any]", work: Work, tools: Tools) -> None:
    """The nodes `work`, `ask` and `act`, and the ways between them."""
    agent = _Simple(work, tools)
    graph.add_node("work", agent.do_work)
    graph.add_node("ask", agent.ask_person)
    graph.add_node("act", agent.act)
    graph.add_conditional_edges("work", agent.after_work, ["ask", "act", END])
    graph.add_conditional_edges("ask", agent.after_ask, ["act", "work"])
    graph.add_conditional_edges("act", agent.after_act, ["ask", "work"])


class _Simple:
    """The nodes of a simple agent, and where the way goes from each."""

    def __init__(self, work: Work, tools: Tools) -> None:
        self.work = work
        self.tools = tools

    async def do_work(self, state: StepState, runtime: Runtime[Kit]) -> Update:
        started = time.monotonic()
        say = words(state["request"]["language"])
        with working_on(state["step"]["step_id"]):
            spent = state.get("seconds", 0.0)
            outcome = await attempted(self._tried(state, runtime.context, say), say, runtime.context, spent=spent)
        seconds = spent + time.monotonic() - started
        if isinstance(outcome, dict):
            return {**outcome, "seconds": seconds}
        done, problem = outcome, None
        if isinstance(outcome, Problem):
            done, problem = Done(outcome.message, status="failed"), outcome
        assert isinstance(done, Done)
        return {"question": None, "call": None, **result_of(state, done, seconds=seconds, problem=problem)}

    async def _tried(self, state: StepState, kit: Kit, say: Words) -> Done | Update:
        """What `work` comes to; what failed by chance is tried again, for what has an effect is in `act`."""
        step, retries = msgspec.convert(state["step"], Step), kit.settings.plan.retries
        for attempt in range(retries):
            try:
                return await self._worked(state, kit)
            except (Passing, ConnectionError, TimeoutError) as error:
                reason = describe(error, say)[0] if isinstance(error, OctoError) else f"{type(error).__name__}: {error}"
                message = say("plan.again", reason=scrub(one_line(reason)), attempt=attempt + 1, most=retries)
                kit.tell(StepProgress(step.step_id, step.agent, "retry", message))
                await asyncio.sleep(_FIRST_WAIT * 2**attempt)
        return await self._worked(state, kit)

    async def _worked(self, state: StepState, kit: Kit) -> Done | Update:
        outcome = await self.work(_task(state), kit)
        if isinstance(outcome, Ask):
            _keep_within(MOST_QUESTIONS, state.get("answers", []), kit)
            return {"question": _question(state, outcome, kit), "call": None}
        if not isinstance(outcome, Call):
            # A plug-in may hand in what no state can hold: its step fails then, before anything is saved.
            return msgspec.convert(msgspec.to_builtins(outcome), Done)
        _keep_within(MOST_CALLS, state.get("outcomes", []), kit)
        tool = await self._tool(outcome.tool, kit)
        call = {"tool": tool.name, "args": dict(outcome.args), "why": outcome.why}
        if caller_of(state, kit).ruling(tool, outcome.args).verdict != "ask":
            return {"call": call, "question": None}
        # What is shown may have to be read from files first.
        asked = await asyncio.to_thread(calls.question, tool, outcome.args, outcome.why, caller_of(state, kit))
        return {"call": call, "question": asked}

    async def ask_person(self, state: StepState, runtime: Runtime[Kit]) -> Update:
        call = state.get("call")
        # Allowed meanwhile, by a flag or beside it by the same person: then nobody need be asked.
        if call and not call.get("again") and await self._allowed(state, call, runtime.context):
            return {"question": None, "allowed": [*state.get("allowed", []), *runtime.context.allowed]}
        answer = ask(state["question"] or {})
        heard: Update = {"question": None, "pauses": state.get("pauses", 0) + 1}
        if not call:
            return {**heard, "answers": [*state.get("answers", []), msgspec.to_builtins(answer)]}
        if answer.scope == "run":
            heard["allowed"] = [*state.get("allowed", []), call["tool"]]
        return {**heard, "call": {**call, "answer": msgspec.to_builtins(answer)}}

    async def act(self, state: StepState, runtime: Runtime[Kit]) -> Update:
        started = time.monotonic()
        call, caller = state["call"] or {}, caller_of(state, runtime.context)
        info = runtime.execution_info
        with working_on(state["step"]["step_id"]):
            acted = self._acted(call, caller, key=info.task_id if info else "")
            update = await attempted(acted, caller.say, runtime.context, spent=state.get("seconds", 0.0))
        if isinstance(update, Problem):
            # The tool is gone since it was called, or what it would do cannot be shown any more.
            outcome = Outcome(call["tool"], "failed", call["args"], output=update.message)
            update = {"call": None, "question": None, "outcomes": [msgspec.to_builtins(outcome)]}
        outcomes = [*state.get("outcomes", []), *update.pop("outcomes", [])]
        return {**update, "outcomes": outcomes, "seconds": state.get("seconds", 0.0) + time.monotonic() - started}

    async def _acted(self, call: dict[str, Any], caller: Caller, *, key: str) -> Update:
        answer = msgspec.convert(call.get("answer"), Answer | None)
        tool = await self._tool(call["tool"], caller.kit)
        outcome = await calls.run(tool, call["args"], answer, caller, key=key)
        if outcome is not None:
            return {"call": None, "question": None, "outcomes": [msgspec.to_builtins(outcome)]}
        asked = await asyncio.to_thread(calls.question, tool, call["args"], call.get("why", ""), caller, again=True)
        return {"call": {**call, "again": True, "answer": None}, "question": asked}

    def after_work(self, state: StepState) -> str:
        if state.get("question"):
            return "ask"
        return "act" if state.get("call") else END

    def after_ask(self, state: StepState) -> str:
        return "act" if state.get("call") else "work"

    def after_act(self, state: StepState) -> str:
        return "ask" if state.get("question") else "work"

    async def _allowed(self, state: StepState, call: Mapping[str, Any], kit: Kit) -> bool:
        # A tool that is gone by now is told of by `act`: what is raised in a node that asks spoils the thread.
        tool = (await self._tools(kit)).get(call["tool"])
        return tool is not None and caller_of(state, kit).ruling(tool, call["args"]).verdict != "ask"

    async def _tool(self, name: str, kit: Kit) -> Tool:
        known = await self._tools(kit)
        if name not in known:
            raise Failed("tool_unknown", tool=name, known=", ".join(known))
        return known[name]

    async def _tools(self, kit: Kit) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in (await self.tools(kit) if callable(self.tools) else self.tools)}


def _keep_within(most: int, so_far: Sized, kit: Kit) -> None:
    """Raise Failed for a step that would ask or call again and again: without a result it would begin anew."""
    if len(so_far) >= most:
        raise Failed("went_in_circles", thread=kit.thread_id)


def caller_of(state: Mapping[str, Any], kit: Kit) -> Caller:
    step = msgspec.convert(state["step"], Step)
    return Caller(step, kit, words(state["request"]["language"]), tuple(state.get("allowed", ())))


def _task(state: StepState) -> Task:
    return Task(
        step=msgspec.convert(state["step"], Step),
        text=state["request"]["text"],
        language=state["request"]["language"],
        earlier=msgspec.convert(state.get("earlier", {}), dict[str, StepResult]),
        answers=msgspec.convert(state.get("answers", []), tuple[Answer, ...]),
        outcomes=msgspec.convert(state.get("outcomes", []), tuple[Outcome, ...]),
    )


def _question(state: StepState, asked: Ask, kit: Kit) -> dict[str, Any]:
    step = msgspec.convert(state["step"], Step)
    created_at, expires_at = kit.ask_until()
    question = Question(
        id="",  # LangGraph names it when it is raised; the engine fills it in.
        type="clarification_required",
        thread_id=kit.thread_id,
        step_id=step.step_id,
        agent=step.agent,
        title=asked.title,
        message=asked.message,
        fields=asked.fields,
        editable_fields=tuple(field.name for field in asked.fields),
        created_at=created_at,
        expires_at=expires_at,
        on_timeout=kit.settings.on_timeout,
    )
    builtins: dict[str, Any] = msgspec.to_builtins(question)
    return builtins
