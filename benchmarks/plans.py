"""What steps side by side take: slow pages as steps of a plan next to a single one, `-f all` next to its slowest part.

    python benchmarks/plans.py [--rounds N] [--check]

A server on loopback keeps every reader waiting for `WAIT` seconds, as a site far away does. `N at once` is a plan of N
steps that read a page each, `N in line` the same with each step after the one before. Octo's own graph with its own
agents does them; only the plan is given. A format is made of what such a plan came to, `TIMES` times.

One process, one database, interleaved; --check exits 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from measure import Cost, Limit, Runs, finish, interleaved, report

from octo_cli.agents.kit import Kit
from octo_cli.engine import Engine, open_engine
from octo_cli.outputs import Subject, made, subject_of
from octo_cli.reasoning.base import Request
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import resolve
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.work import Intent, Plan, Step

WAIT: Final = 1.0
MANY: Final = 4
TIMES: Final = 50
STEPS: Final = (
    Limit(f"{MANY} at once", "1 alone", 1.5, of="wall"),
    Limit(f"{MANY} at once", f"{MANY} in line", 0.5, of="wall"),
)
FORMATS: Final = (Limit("all", "report", 1.5), Limit("all", "graph", None), Limit("all", "chat", None))
CONFIG: Final = '[web]\nallow_private = ["127.0.0.1"]\nrobots = false\n'
PAGE: Final = b"There is one thing to be said about this page."

Graph = CompiledStateGraph[Any, Kit, Any, Any]


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, _slow_site() as site:
        steps, subject = asyncio.run(_plans(Path(folder), site, arguments.rounds))
    formats = interleaved(
        {name: partial(_formatted, subject, name) for name in ("chat", "graph", "report", "all")},
        arguments.rounds,
    )
    kept = report(steps, STEPS), report(formats, FORMATS)
    finish(all(kept), check=arguments.check)


class Given(Offline):
    """The offline mind with a plan in its head."""

    def __init__(self, site: str, steps: int, *, in_line: bool) -> None:
        self.site = site
        self.steps = tuple(
            Step(
                str(number),
                "web",
                f"read page {number}",
                _before(number) if in_line else (),
                inputs={"urls": [f"{site}{number}"]},
            )
            for number in range(1, steps + 1)
        )

    async def plan(self, request: Request, intent: Intent) -> Plan:  # noqa: ARG002
        return Plan("sequential", self.steps)


def _before(number: int) -> tuple[str, ...]:
    return (str(number - 1),) if number > 1 else ()


async def _plans(home: Path, site: str, rounds: int) -> tuple[Runs, Subject]:
    (home / "config.toml").write_text(CONFIG, encoding="utf-8")
    settings = resolve({}, {**os.environ, "OCTO_HOME": str(home)}, home)
    cases = {
        "1 alone": Given(site, 1, in_line=False),
        f"{MANY} at once": Given(site, MANY, in_line=False),
        f"{MANY} in line": Given(site, MANY, in_line=True),
    }
    async with open_engine(settings) as engine:
        with open_storage(settings.database) as storage:
            graph, counted = await engine.graph(), []
            for _ in range(rounds + 1):
                counted.append({name: await _done(engine, graph, storage, mind) for name, mind in cases.items()})
    subject = counted[-1][f"{MANY} in line"][1]
    return {name: [one[name][0] for one in counted[1:]] for name in cases}, subject


async def _done(engine: Engine, graph: Graph, storage: Storage, mind: Given) -> tuple[Cost, Subject]:
    thread = uuid4().hex
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    kit = engine.kit(thread, storage, "user:bench", mind)
    cpu, wall = time.process_time(), time.perf_counter()
    said = {"say": {"text": f"Summarize {mind.site}", "format": "chat"}}
    values = await graph.ainvoke(said, config, context=kit, durability="sync")
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall)
    subject = subject_of(values)
    if subject.data.execution_summary.completed_steps != len(mind.steps):
        raise RuntimeError(f"not all steps were done: {subject.data.steps}")
    return cost, subject


def _formatted(subject: Subject, name: str) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(TIMES):
        made(name, subject)
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


@contextmanager
def _slow_site() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(WAIT)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
