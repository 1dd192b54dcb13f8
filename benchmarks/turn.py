"""What Octo costs: an `octo ask` next to a bare LangGraph script, an answered question next to the same graph alone.

    python benchmarks/turn.py [--rounds N] [--check]

`ask` is a whole process up to the first question, on a database that exists; `bare ask` is `bare.py`, five nodes that
do next to nothing. A `cycle` is pause, edit and resume in one process on open databases: a request up to its first
question, and an answer that edits a field up to the next; `edit` is its second half. There `graph` is Octo's own graph
with the same agents and the same saver, run by LangGraph alone: no lease, no index, no check of the answer, no events.
What the engine adds to a cycle of it is limited; what reading a request and drawing up a lease cost beside five empty
nodes (`bare`) is told only.

Same interpreter, same filesystem, same pragmas, interleaved; --check exits 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import bare
import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StreamMode
from measure import Cost, Limit, finish, interleaved, process, report
from msgspec import structs

from octo_cli.agents.kit import Kit
from octo_cli.engine import Engine, open_engine
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import resolve
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.events import Answers, RunFinished, Say, Turn
from octo_cli.wire.forms import Answer, Question

ASK = (Limit("octo ask", "bare ask", 1.15),)
CYCLE = (
    Limit("octo cycle", "graph cycle", 1.25),
    Limit("octo cycle", "bare cycle", None),
    Limit("octo edit", "graph edit", None),
    Limit("octo edit", "bare edit", None),
)
WAITING = 3

T = TypeVar("T")
Graph = CompiledStateGraph[Any, Kit, Any, Any]


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "OCTO_HOME": folder, "OCTO_NOW": "2027-02-20T10:00:00+09:00"}
        asked = report(interleaved(_processes(home, environment), arguments.rounds), ASK)
        edited = report(asyncio.run(_cycles(home, environment, arguments.rounds)), CYCLE)
    finish(asked and edited, check=arguments.check)


def _processes(home: Path, environment: dict[str, str]) -> dict[str, Callable[[], Cost]]:
    script, database = str(Path(bare.__file__)), str(home / "bare.db")
    octo = str(Path(sys.executable).with_name("octo"))
    return {
        "bare ask": lambda: process([sys.executable, script, database], environment),
        "octo ask": lambda: process([octo, "ask", bare.TEXT], environment, exits=WAITING),
    }


async def _cycles(home: Path, environment: dict[str, str], rounds: int) -> dict[str, list[Cost]]:
    settings = resolve({}, environment, home)
    async with bare.open_graph(str(home / "bare.db")) as five, open_engine(settings) as engine:
        with open_storage(settings.database) as storage:
            graph = await engine.graph()
            cases: dict[str, Callable[[], Awaitable[Cycle]]] = {
                "bare": lambda: _bare_cycle(five),
                "graph": lambda: _graph_cycle(engine, graph, storage),
                "octo": lambda: _octo_cycle(engine),
            }
            for cycle in cases.values():
                await cycle()
            # As `session` does once a graph is built: the collector need not walk what was imported.
            gc.freeze()
            counted = [{name: await cycle() for name, cycle in cases.items()} for _ in range(rounds)]
    edits = {f"{name} edit": [one[name].edit for one in counted] for name in cases}
    return edits | {f"{name} cycle": [one[name].whole for one in counted] for name in cases}


class Cycle(NamedTuple):
    """A request up to its first question, and an answer up to the next."""

    pause: Cost
    edit: Cost

    @property
    def whole(self) -> Cost:
        return Cost(self.pause.cpu + self.edit.cpu, self.pause.wall + self.edit.wall)


async def _bare_cycle(graph: bare.Graph) -> Cycle:
    thread = uuid4().hex
    pause, question = await _timed(bare.say(graph, thread, bare.TEXT))
    assert question is not None
    edit, _ = await _timed(bare.answer(graph, thread, question, {"fields": {"deposit": 60_000_000}}))
    return Cycle(pause, edit)


async def _graph_cycle(engine: Engine, graph: Graph, storage: Storage) -> Cycle:
    thread = uuid4().hex
    kit = engine.kit(thread, storage, "user:bench", Offline())
    pause, asked = await _timed(_streamed(graph, thread, kit, {"say": {"text": bare.TEXT, "format": "chat"}}))
    form = structs.replace(msgspec.convert(asked.value, Question), id=asked.id)
    resume: Any = Command(resume={form.id: msgspec.to_builtins(_edit(form))})
    edit, _ = await _timed(_streamed(graph, thread, kit, resume))
    return Cycle(pause, edit)


async def _streamed(graph: Graph, thread: str, kit: Kit, given: Any) -> Any:
    """The question LangGraph stops at."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    modes: list[StreamMode] = ["custom", "updates"]
    stream = graph.astream(
        given, config, context=kit, stream_mode=modes, subgraphs=True, version="v2", durability="sync"
    )
    asked = None
    async for chunk in stream:
        if chunk["type"] == "updates" and "__interrupt__" in chunk["data"]:
            asked = chunk["data"]["__interrupt__"][0]
    return asked


async def _octo_cycle(engine: Engine) -> Cycle:
    thread = await engine.thread_for(bare.TEXT, None, create=False)
    pause, form = await _timed(_until_asked(engine, thread, Say(bare.TEXT)))
    edit, _ = await _timed(_until_asked(engine, thread, Answers({form.id: _edit(form)})))
    return Cycle(pause, edit)


def _edit(form: Question) -> Answer:
    """What fills the form and edits its deposit."""
    values = {field.name: _value(field.name) for field in form.fields if field.required and field.value is None}
    return Answer("submit", fields={**values, "deposit": "6천만원"}, base_revision=form.base_revision)


async def _until_asked(engine: Engine, thread: str, turn: Turn) -> Question:
    asked: tuple[Question, ...] = ()
    async for event in engine.run(thread, turn):
        if isinstance(event, RunFinished):
            asked = event.summary.interrupts
    return asked[0]


async def _timed(work: Awaitable[T]) -> tuple[Cost, T]:
    """Processor time counts the whole process: a saver works in a thread of its own."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = await work
    return Cost(time.process_time() - cpu, time.perf_counter() - wall), done


def _value(field: str) -> str:
    return {"landlord_name": "김철수", "property_address": "서울특별시 마포구 월드컵로 1", "payment_day": "25일"}[field]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
