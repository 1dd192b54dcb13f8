"""A simple agent as a sub-graph: it works, it asks, it goes on with the answer, and its failure is a result."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import ValidationError

from octo_cli.agents import Ask, Done, Kit, StepState, Task, Work, as_graph
from octo_cli.errors import Failed, StorageError
from octo_cli.wire.forms import FormField

STEP = {"step_id": "1", "agent": "email", "task": "write"}
INPUT: dict[str, Any] = {"step": STEP, "request": {"text": "메일 써줘", "language": "ko", "turn": 1, "steps": 1}}
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def graph_of(work: Work) -> Any:
    graph = StateGraph(StepState, context_schema=Kit)
    graph.add_node("email", as_graph(work))
    graph.add_edge(START, "email")
    graph.add_edge("email", END)
    return graph.compile(checkpointer=InMemorySaver())


def kit(tmp_path: Path) -> Kit:
    nothing = cast(Any, None)
    return Kit(
        thread_id="t",
        actor="user:test",
        mind=nothing,
        catalog=nothing,
        storage=nothing,
        now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        language_for=lambda text: "ko",
        cards=(),
        documents_folder=tmp_path,
        data_folder=tmp_path,
    )


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


@pytest.mark.parametrize(
    ("error", "code"), [(Failed("went_in_circles"), "went_in_circles"), (ValueError("?"), "step_failed")]
)
def test_a_failure_is_a_result(tmp_path: Path, error: Exception, code: str) -> None:
    async def work(task: Task, kit: Kit) -> Done | Ask:
        raise error

    done = asyncio.run(graph_of(work).ainvoke(INPUT, CONFIG, context=kit(tmp_path)))
    result = done["results"]["1"]
    assert (result["status"], result["problem"]["code"]) == ("failed", code)


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
