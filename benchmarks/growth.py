"""What one more turn of a long thread takes: bytes in the database and time, Octo's next to a plain LangGraph graph's.

    python benchmarks/growth.py [--turns N] [--postgres URL] [--check]

`octo` is a thread as `octo chat` leaves it, every tenth turn a lease with its two questions; `octo named` is another
one with `retention.history = "named"`. `plain` is a graph of one node over LangGraph's shipped saver with
`add_messages`, told the same and answering the same. All in one database, in turns, a quarter of the turns at a time.

Bytes are those that checkpoints, writes, messages and documents hold. --check exits 1 when the last quarter of an Octo
thread takes more than 1.1 times what the second took, or more than the plain one's last.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from measure import finish

from octo_cli.engine import Engine, open_engine
from octo_cli.settings import RetentionSettings, Settings, resolve
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.events import Answers, RunFinished, Say, Summary, Turn
from octo_cli.wire.forms import Answer

HELLO: Final = "안녕하세요"
LEASE: Final = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
REST: Final = {"landlord_name": "김철수", "property_address": "서울특별시 마포구 월드컵로 1", "payment_day": "25일"}
EVERY: Final = 10
QUARTERS: Final = 4
MOST_GROWTH: Final = 1.1

Say_ = Callable[[int], Awaitable[None]]


class Quarter(NamedTuple):
    """What one turn took, on average."""

    bytes: float
    milliseconds: float


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "OCTO_HOME": folder, "OCTO_NOW": "2027-02-20T10:00:00+09:00"}
        settings = resolve({"postgres": arguments.postgres}, environment, home)
        measured = asyncio.run(_measured(settings, arguments.turns // QUARTERS))
    finish(_told(measured, arguments.turns), check=arguments.check)


async def _measured(settings: Settings, turns: int) -> dict[str, list[Quarter]]:
    """By case, four quarters of `turns` turns each."""
    named = replace(settings, retention=RetentionSettings(history="named"))
    async with open_engine(settings) as whole, open_engine(named) as thin, _shipped(settings) as saver:
        with open_storage(settings.database) as storage:
            threads = {"octo": await _thread(whole), "octo named": await _thread(thin), "plain": "plain"}
            plain = _plain(saver)
            cases: dict[str, Say_] = {
                "octo": lambda turn: _turn(whole, threads["octo"], turn),
                "octo named": lambda turn: _turn(thin, threads["octo named"], turn),
                "plain": lambda turn: _plain_turn(plain, turn),
            }
            measured: dict[str, list[Quarter]] = {name: [] for name in cases}
            for quarter in range(QUARTERS):
                for name, say in cases.items():
                    span = range(quarter * turns, (quarter + 1) * turns)
                    measured[name].append(await _quarter(storage, threads[name], say, span))
    return measured


async def _quarter(storage: Storage, thread: str, say: Say_, turns: range) -> Quarter:
    before, began = await asyncio.to_thread(storage.bytes_of, thread), time.process_time()
    for turn in turns:
        await say(turn)
    seconds = time.process_time() - began
    held = await asyncio.to_thread(storage.bytes_of, thread) - before
    return Quarter(held / len(turns), 1000 * seconds / len(turns))


async def _thread(engine: Engine) -> str:
    return await engine.thread_for(HELLO, None, create=False)


async def _turn(engine: Engine, thread: str, turn: int) -> None:
    if (turn + 1) % EVERY:
        await _ran(engine, thread, Say(HELLO))
        return
    (form,) = (await _ran(engine, thread, Say(LEASE))).interrupts
    filled = Answer("submit", fields=dict(REST), base_revision=form.base_revision)
    (draft,) = (await _ran(engine, thread, Answers({form.id: filled}))).interrupts
    await _ran(engine, thread, Answers({draft.id: Answer("approve", doc_hash=draft.doc_hash)}))


async def _ran(engine: Engine, thread: str, turn: Turn) -> Summary:
    *_, finished = [event async for event in engine.run(thread, turn)]
    assert isinstance(finished, RunFinished)
    return finished.summary


class _Said(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def _shipped(settings: Settings) -> AbstractAsyncContextManager[Any]:
    """LangGraph's own saver over the same database."""
    if settings.database.postgres:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        return AsyncPostgresSaver.from_conn_string(settings.database.postgres)
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    settings.database.sqlite.parent.mkdir(parents=True, exist_ok=True)
    return AsyncSqliteSaver.from_conn_string(str(settings.database.sqlite))


def _plain(saver: Any) -> Any:
    graph = StateGraph(_Said)
    # As long as Octo's greeting.
    graph.add_node("answer", lambda _: {"messages": [AIMessage("안녕하세요. " * 40)]})
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=saver)


async def _plain_turn(graph: Any, turn: int) -> None:
    text = HELLO if (turn + 1) % EVERY else LEASE
    config = {"configurable": {"thread_id": "plain"}}
    await graph.ainvoke({"messages": [HumanMessage(text)]}, config, durability="sync")


def _told(measured: dict[str, list[Quarter]], turns: int) -> bool:
    """Print the quarters of each case; true when Octo's keep their limits."""
    print(f"{turns} turns, by quarter{'':12}{'kB a turn':>36}{'cpu ms a turn':>36}")
    for name, quarters in measured.items():
        held = "".join(f"{quarter.bytes / 1000:9.1f}" for quarter in quarters)
        spent = "".join(f"{quarter.milliseconds:9.1f}" for quarter in quarters)
        print(f"{name:32}{held:>36}{spent:>36}")
    kept = True
    for name in ("octo", "octo named"):
        _, second, _, last = (quarter.bytes for quarter in measured[name])
        plain = measured["plain"][-1].bytes
        good = last <= MOST_GROWTH * second and last <= plain
        kept &= good
        verdict = "ok" if good else "over"
        print(f"{name:32}last quarter {last / second:.2f} of the second, {last / plain:.2f} of plain's  {verdict}")
    return kept


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--postgres", metavar="URL", help="a server to use instead of a file")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
