"""A simple agent as a sub-graph: it works, it asks, it goes on with the answer, and its failure is a result."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import ValidationError

from octo_cli.agents import Ask, Call, Done, Kit, StepState, Task, Work, as_graph
from octo_cli.agents.tools import Tool
from octo_cli.errors import Failed, StorageError
from octo_cli.wire.events import StepProgress
from octo_cli.wire.forms import FormField
from tests.agents.kits import kit_in

STEP = {"step_id": "1", "agent": "email", "task": "write"}
INPUT: dict[str, Any] = {"step": STEP, "request": {"text": "메일 써줘", "language": "ko", "turn": 1, "steps": 1}}
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def graph_of(work: Work, *tools: Tool) -> Any:
    graph = StateGraph(StepState, context_schema=Kit)
    graph.add_node("email", as_graph(work, tools))
    graph.add_edge(START, "email")
    graph.add_edge("email", END)
    return graph.compile(checkpointer=InMemorySaver())


def kit(tmp_path: Path) -> Kit:
    return kit_in(tmp_path / "work")


def test_an_agent_asks_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    async def work(task: Task, kit: Kit) -> Done | Ask:
        if not task.answers:
            return Ask("받는 사람", "누구에게 보낼까요?", (FormField("to", "받는 사람", "email", True),))
        return Done(f"{task.answers[0].fields['to']} 앞으로 썼습니다.", data={"to": task.answers[0].fields["to"]})

    async def story() -> None:
        graph, context = graph_of(work), kit(tmp_path)
        asked = await graph.ainvoke(INPUT, CONFIG, context=context)
        (raised,) = asked["__interrupt__"]
        assert raised.value["fields"][0]["name"] == "to"
        with pytest.raises(ValidationError):
            await graph.ainvoke(Command(resume={raised.id: {"action": "explode"}}), CONFIG, context=context)
        answer = {"action": "submit", "fields": {"to": "a@example.com"}}
        done = await graph.ainvoke(Command(resume={raised.id: answer}), CONFIG, context=context)
        result = done["results"]["1"]
        assert (result["status"], result["data"], result["pauses"]) == ("completed", {"to": "a@example.com"}, 1)

    asyncio.run(story())


def test_an_agent_tells_how_far_it_is_also_from_a_thread(tmp_path: Path) -> None:
    async def work(task: Task, kit: Kit) -> Done:
        loop = asyncio.get_running_loop()

        def told(message: str) -> StepProgress:
            return StepProgress(task.step.step_id, task.step.agent, "writing", message)

        kit.tell(told("one"))
        await asyncio.to_thread(loop.call_soon_threadsafe, kit.tell, told("two"))
        return Done("written")

    async def story() -> list[Any]:
        events = graph_of(work).astream(INPUT, CONFIG, context=kit(tmp_path), stream_mode="custom", subgraphs=True)
        return [event async for _, event in events]

    told = {"type": "step_progress", "step_id": "1", "agent": "email", "stage": "writing"}
    assert asyncio.run(story()) == [{**told, "message": "one"}, {**told, "message": "two"}]


def test_outside_of_a_run_nobody_is_told(tmp_path: Path) -> None:
    kit(tmp_path).tell(StepProgress("1", "email", "writing", "one"))


@pytest.mark.parametrize(
    ("error", "code"), [(Failed("went_in_circles"), "went_in_circles"), (ValueError("?"), "step_failed")]
)
def test_a_failure_is_a_result(tmp_path: Path, error: Exception, code: str) -> None:
    async def work(task: Task, kit: Kit) -> Done | Ask:
        raise error

    done = asyncio.run(graph_of(work).ainvoke(INPUT, CONFIG, context=kit(tmp_path)))
    result = done["results"]["1"]
    assert (result["status"], result["problem"]["code"]) == ("failed", code)


@pytest.mark.parametrize("kind", [ValueError, lambda said: Failed("output_unwritable", reason=said)])
def test_a_failure_that_quotes_a_key_leaves_it_out_of_the_thread(
    tmp_path: Path, kind: Callable[[str], Exception]
) -> None:
    async def work(task: Task, kit: Kit) -> Done | Ask:
        raise kind("401 for sk-test-0123456789abcdefWXYZ")

    done = asyncio.run(graph_of(work).ainvoke(INPUT, CONFIG, context=kit(tmp_path)))
    assert "401 for ***" in done["results"]["1"]["problem"]["message"]
    assert "sk-test" not in str(done)


def test_what_resume_can_mend_is_no_result(tmp_path: Path) -> None:
    broken = [True]

    async def work(task: Task, kit: Kit) -> Done | Ask:
        if broken:
            raise StorageError("storage_full", path="x")
        return Done("ok")

    async def story() -> None:
        graph = graph_of(work)
        with pytest.raises(StorageError):
            await graph.ainvoke(INPUT, CONFIG, context=kit(tmp_path))
        broken.clear()
        done = await graph.ainvoke(None, CONFIG, context=kit(tmp_path))
        assert done["results"]["1"]["status"] == "completed"

    asyncio.run(story())


def writer(written: list[str]) -> Tool:
    async def run(args: Mapping[str, Any], kit: Kit) -> str:
        written.append(args["text"])
        return f"{len(args['text'])} characters"

    parameters = {"type": "object", "properties": {"text": {"type": "string", "title": "Text"}}, "required": ["text"]}
    return Tool("write", "Writes.", "write", parameters, run, subject="text")


async def says_what_came_of_it(task: Task, kit: Kit) -> Done | Call:
    if not task.outcomes:
        return Call("write", {"text": "hello"}, why="because")
    last = task.outcomes[-1]
    return Done(f"{last.status}: {last.output or last.reason}")


@pytest.mark.parametrize(
    ("answer", "text", "effects"),
    [
        ({"action": "approve"}, "done: 5 characters", ["hello"]),
        ({"action": "edit", "args": {"text": "bye"}}, "done: 3 characters", ["bye"]),
        ({"action": "reject", "reason": "no"}, "rejected: no", []),
    ],
)
def test_a_call_waits_for_leave(tmp_path: Path, answer: dict[str, Any], text: str, effects: list[str]) -> None:
    written: list[str] = []

    async def story() -> Any:
        graph, context = graph_of(says_what_came_of_it, writer(written)), kit(tmp_path)
        asked = await graph.ainvoke(INPUT, CONFIG, context=context)
        (raised,) = asked["__interrupt__"]
        assert (raised.value["type"], raised.value["fields"][0]["value"]) == ("tool_approval_required", "hello")
        assert written == []
        return await graph.ainvoke(Command(resume={raised.id: answer}), CONFIG, context=context)

    done = asyncio.run(story())
    assert done["results"]["1"]["text"] == text
    assert written == effects


@pytest.mark.parametrize(
    ("config", "text", "effects"),
    [
        ('[approvals]\nallow = ["write:h*"]', "done: 5 characters", ["hello"]),
        ('[approvals]\nallow = ["write"]\ndeny = ["*:hello"]', "denied: *:hello", []),
    ],
)
def test_rules_spare_the_question_and_deny_wins(tmp_path: Path, config: str, text: str, effects: list[str]) -> None:
    written: list[str] = []
    graph = graph_of(says_what_came_of_it, writer(written))
    done = asyncio.run(graph.ainvoke(INPUT, CONFIG, context=kit_in(tmp_path / "work", config=config)))
    assert done["results"]["1"]["text"] == text
    assert written == effects


def test_a_step_that_calls_without_end_fails_instead_of_beginning_anew(tmp_path: Path) -> None:
    async def work(task: Task, kit: Kit) -> Done | Call:
        return Call("look", {})

    async def look(args: Mapping[str, Any], kit: Kit) -> str:
        return "nothing"

    tool = Tool("look", "Looks.", "read", {"type": "object", "properties": {}}, look)
    done = asyncio.run(graph_of(work, tool).ainvoke(INPUT, {**CONFIG, "recursion_limit": 200}, context=kit(tmp_path)))
    result = done["results"]["1"]
    assert (result["status"], result["problem"]["code"]) == ("failed", "went_in_circles")


def test_a_tool_that_is_gone_when_the_answer_comes_is_an_outcome(tmp_path: Path) -> None:
    written: list[str] = []
    here = [writer(written)]

    async def tools(kit: Kit) -> list[Tool]:
        return here

    async def story() -> Any:
        graph = StateGraph(StepState, context_schema=Kit)
        graph.add_node("email", as_graph(says_what_came_of_it, tools))
        graph.add_edge(START, "email")
        compiled, context = graph.compile(checkpointer=InMemorySaver()), kit(tmp_path)
        asked = await compiled.ainvoke(INPUT, CONFIG, context=context)  # type: ignore[call-overload]
        (raised,) = asked["__interrupt__"]
        here.clear()
        answers: Any = Command(resume={raised.id: {"action": "approve"}})
        return await compiled.ainvoke(answers, CONFIG, context=context)

    done = asyncio.run(story())
    assert done["results"]["1"]["text"].startswith("failed: ")
    assert written == []
