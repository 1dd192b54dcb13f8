"""What Octo costs: an `octo ask` next to a bare LangGraph script, an answered question next to the same graph alone.

    python benchmarks/turn.py [--rounds N] [--check]

`ask` is a whole process up to the first question, on a database that exists; `bare ask` is `bare.py`, five nodes that
do next to nothing. `edit` is the time from an answer that edits a field to the next question, in one process on open
databases; the thread's start is not counted. There `graph edit` is Octo's own graph with the same agents and the same
saver, run by LangGraph alone: no lease, no index, no check of the answer, no events. What the engine adds to it is
limited; what reading a form and drawing up a lease cost beside five empty nodes (`bare edit`) is told only.

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
from typing import Any
from uuid import uuid4

import bare
import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StreamMode
from measure import Cost, Limit, finish, interleaved, process, report

from octo_cli.engine import Engine, open_engine
from octo_cli.settings import resolve
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.events import Answers, RunFinished, Say, Turn
from octo_cli.wire.forms import Answer, Question

ASK = (Limit("octo ask", "bare ask", 1.15),)
EDIT = (Limit("octo edit", "graph edit", 1.25), Limit("octo edit", "bare edit", None))
WAITING = 3


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "OCTO_HOME": folder, "OCTO_NOW": "2027-02-20T10:00:00+09:00"}
        asked = report(interleaved(_processes(home, environment), arguments.rounds), ASK)
        edited = report(asyncio.run(_edits(home, environment, arguments.rounds)), EDIT)
    finish(asked and edited, check=arguments.check)


def _processes(home: Path, environment: dict[str, str]) -> dict[str, Callable[[], Cost]]:
    script, database = str(Path(bare.__file__)), str(home / "bare.db")
    octo = str(Path(sys.executable).with_name("octo"))
    return {
        "bare ask": lambda: process([sys.executable, script, database], environment),
        "octo ask": lambda: process([octo, "ask", bare.TEXT], environment, exits=WAITING),
    }


async def _edits(home: Path, environment: dict[str, str], rounds: int) -> dict[str, list[Cost]]:
    settings = resolve({}, environment, home)
    async with bare.open_graph(str(home / "bare.db")) as graph, open_engine(settings) as engine:
        with open_storage(settings.database) as storage:
            cases: dict[str, Callable[[], Awaitable[Cost]]] = {
                "bare edit": lambda: _bare_edit(graph),
                "graph edit": lambda: _graph_edit(engine, storage),
                "octo edit": lambda: _octo_edit(engine),
            }
            for cost in cases.values():
                await cost()
            # As `session` does once a graph is built: the collector need not walk what was imported.
            gc.freeze()
            costs = [{name: await cost() for name, cost in cases.items()} for _ in range(rounds)]
    return {name: [counted[name] for counted in costs] for name in cases}


async def _bare_edit(graph: bare.Graph) -> Cost:
    thread = uuid4().hex
    question = await bare.say(graph, thread, bare.TEXT)
    assert question is not None
    return await _cost(lambda: bare.answer(graph, thread, question, {"fields": {"deposit": 60_000_000}}))


async def _graph_edit(engine: Engine, storage: Storage) -> Cost:
    form, edit = await _asked(engine)
    graph, kit = await engine.graph(), engine.kit(form.thread_id, storage, "user:bench", 0.0)
    config: RunnableConfig = {"configurable": {"thread_id": form.thread_id}}

    async def answer() -> None:
        resume: Any = Command(resume={form.id: msgspec.to_builtins(edit)})
        modes: list[StreamMode] = ["custom", "updates"]
        stream = graph.astream(
            resume, config, context=kit, stream_mode=modes, subgraphs=True, version="v2", durability="sync"
        )
        async for _ in stream:
            pass

    return await _cost(answer)


async def _octo_edit(engine: Engine) -> Cost:
    form, edit = await _asked(engine)
    return await _cost(lambda: _until_asked(engine, form.thread_id, Answers({form.id: edit})))


async def _asked(engine: Engine) -> tuple[Question, Answer]:
    """A new thread's first form, and an answer that fills it and edits the deposit."""
    thread = await engine.thread_for(bare.TEXT, None, create=False)
    form = await _until_asked(engine, thread, Say(bare.TEXT))
    values = {field.name: _value(field.name) for field in form.fields if field.required and field.value is None}
    return form, Answer("submit", fields={**values, "deposit": "6천만원"}, base_revision=form.base_revision)


async def _until_asked(engine: Engine, thread: str, turn: Turn) -> Question:
    asked: tuple[Question, ...] = ()
    async for event in engine.run(thread, turn):
        if isinstance(event, RunFinished):
            asked = event.summary.interrupts
    return asked[0]


async def _cost(work: Callable[[], Awaitable[object]]) -> Cost:
    """Processor time counts the whole process: a saver works in a thread of its own."""
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def _value(field: str) -> str:
    return {"landlord_name": "김철수", "property_address": "서울특별시 마포구 월드컵로 1", "payment_day": "25일"}[field]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
