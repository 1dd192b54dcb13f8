"""What Octo adds to LangGraph: an `octo ask` and an answered question, next to the bare graph of `bare.py`.

    python benchmarks/turn.py [--rounds N] [--check]

`ask` is a whole process up to the first question, on a database that exists. `edit` is the time from an answer that
edits a field to the next question, in one process on open databases; the thread's start is not counted. Same
interpreter, same filesystem, same saver and pragmas, interleaved; --check exits 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import bare
from measure import Cost, Limit, finish, interleaved, process, report

from octo_cli.engine import Engine, open_engine
from octo_cli.settings import resolve
from octo_cli.wire.events import Answers, RunFinished, Say, Turn
from octo_cli.wire.forms import Answer, Question

ASK = (Limit("octo ask", "bare ask", 1.15),)
EDIT = (Limit("octo edit", "bare edit", 1.25),)
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
    async with (
        bare.open_graph(str(home / "bare.db")) as graph,
        open_engine(resolve({}, environment, home)) as engine,
    ):
        costs: dict[str, list[Cost]] = {"bare edit": [], "octo edit": []}
        for _ in range(rounds + 1):
            costs["bare edit"].append(await _bare_edit(graph))
            costs["octo edit"].append(await _octo_edit(engine))
    return {name: counted[1:] for name, counted in costs.items()}


async def _bare_edit(graph: bare.Graph) -> Cost:
    thread = uuid4().hex
    question = await bare.say(graph, thread, bare.TEXT)
    assert question is not None
    return await _cost(lambda: bare.answer(graph, thread, question, {"fields": {"deposit": 60_000_000}}))


async def _octo_edit(engine: Engine) -> Cost:
    thread = await engine.thread_for(bare.TEXT, None, create=False)
    form = await _until_asked(engine, thread, Say(bare.TEXT))
    values = {field.name: _value(field.name) for field in form.fields if field.required and field.value is None}
    edit = Answer("submit", fields={**values, "deposit": "6천만원"}, base_revision=form.base_revision)
    return await _cost(lambda: _until_asked(engine, thread, Answers({form.id: edit})))


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
