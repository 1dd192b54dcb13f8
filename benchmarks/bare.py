"""A bare LangGraph program of Octo's shape, to measure Octo against. Nothing of Octo is in it.

Five nodes in a row; the third is a sub-graph that asks twice: for the fields, then for approval of the draft. As a
script (`python benchmarks/bare.py DATABASE`) it runs one request up to the first question, as `octo ask` does.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

TEXT = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
LETTER = "제{number}조 임대인과 임차인은 보증금 {deposit}원에 합의한다.\n"


class DraftState(TypedDict, total=False):
    text: str
    fields: dict[str, Any]
    draft: str
    approved: bool


class State(DraftState, total=False):
    intent: str
    plan: list[dict[str, str]]
    result: dict[str, Any]
    answer: str


Graph = CompiledStateGraph[Any, Any, Any, Any]


@asynccontextmanager
async def open_graph(database: str) -> AsyncIterator[Graph]:
    async with aiosqlite.connect(database, timeout=30) as connection:
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield _supervisor().compile(checkpointer=saver)


async def say(graph: Graph, thread: str, text: str) -> str | None:
    """Run a request; the id of the question it stops at, or None when it is done."""
    return await _run(graph, thread, {"text": text})


async def answer(graph: Graph, thread: str, question: str, reply: dict[str, Any]) -> str | None:
    return await _run(graph, thread, Command(resume={question: reply}))


async def _run(graph: Graph, thread: str, given: Any) -> str | None:
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    question = None
    stream = graph.astream(given, config, stream_mode=["updates", "custom"], subgraphs=True, durability="sync")
    async for _namespace, _mode, chunk in stream:
        if isinstance(chunk, dict) and (asked := chunk.get("__interrupt__")):
            question = asked[0].id
    return question


def _supervisor() -> StateGraph[Any, Any, Any, Any]:
    graph = StateGraph(State)
    graph.add_node("understand", lambda _: {"intent": "contract"})
    graph.add_node("make_plan", lambda state: {"plan": [{"agent": "contract", "task": state["text"]}]})
    graph.add_node("contract", _contract().compile())
    graph.add_node("aggregate", lambda state: {"result": {"document": state["draft"]}})
    graph.add_node("reply", lambda state: {"answer": f"{len(state['draft'])} characters"})
    for earlier, later in zip(
        (START, "understand", "make_plan", "contract", "aggregate", "reply"),
        ("understand", "make_plan", "contract", "aggregate", "reply", END),
        strict=True,
    ):
        graph.add_edge(earlier, later)
    return graph


def _contract() -> StateGraph[Any, Any, Any, Any]:
    """As in Octo, an edited form is drafted anew before its text is put up for approval."""
    graph = StateGraph(DraftState)
    graph.add_node("begin", lambda _: {"fields": {"deposit": 50_000_000}})
    graph.add_node("collaborate", _collaborate)
    graph.add_node("draft", lambda state: {"draft": _letter(state["fields"]["deposit"])})
    graph.add_node("confirm", _confirm)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "collaborate")
    graph.add_edge("collaborate", "draft")
    graph.add_edge("draft", "confirm")
    graph.add_edge("confirm", END)
    return graph


def _collaborate(state: DraftState) -> DraftState:
    reply = interrupt({"fields": state["fields"], "preview": _letter(state["fields"]["deposit"])})
    return {"fields": reply["fields"]}


def _confirm(state: DraftState) -> DraftState:
    return {"approved": interrupt({"preview": state["draft"]})["action"] == "approve"}


def _letter(deposit: int) -> str:
    """About as long as a short lease."""
    return "".join(LETTER.format(number=number, deposit=deposit) for number in range(1, 41))


async def main(database: str) -> None:
    async with open_graph(database) as graph:
        print(await say(graph, "bare", TEXT))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
