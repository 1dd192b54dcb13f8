"""Many threads at once, in many processes and in one: everything is done once, and nothing is ever locked.

    python -m tests.trials.concurrency [--store sqlite|postgres] [--processes 8] [--threads 50] [--alone 1000]
        [--outages N]

Every process works through its threads on one database: a lease contract is begun, waits, is answered, waits, is
approved and written. Then one process does as many alone, twenty at a time. A server may go away meanwhile and come
back: what this breaks off is gone on with, as `octo resume` would. Prints what it took; ends with an exception if a
thread is not done, a document is missing or there twice, or an audit chain does not hold.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, cast

from octo_cli.engine import Engine, open_engine
from octo_cli.errors import Failed, StorageError
from octo_cli.settings import resolve
from octo_cli.storage import open_storage
from octo_cli.wire.events import Answers, Continue, RunFinished, Say, Turn
from octo_cli.wire.forms import Answer, Question
from tests.conftest import LEASE, NOW, REST
from tests.databases import Server, started

HERE: Final = Path(__file__).parents[2]
# Runs that a thread may take, those an outage broke off included.
MOST_RUNS: Final = 50
# Seconds from one outage to the next.
OUTAGE_EVERY: Final = 5
# Seconds after which a person tries again.
SOON: Final = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--alone", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--outages", type=int, default=0, help="how often the server goes away meanwhile")
    parser.add_argument("--work-in", type=Path, help="do --threads threads here and say nothing: one of the processes")
    given = parser.parse_args()
    if given.work_in:
        asyncio.run(work(given.work_in, given.threads, at_once=given.at_once))
        return
    with tempfile.TemporaryDirectory() as folder, _server(given.store, Path(folder)) as server:
        for processes, threads, at_once in ((given.processes, given.threads, 1), (1, given.alone, given.at_once)):
            home = Path(folder) / f"{processes}x{threads}"
            home.mkdir()
            address, before = server.make() if server else None, _cpu()
            outages = partial(_outages, server, given.outages)
            seconds = together(home, address, processes=processes, threads=threads, at_once=at_once, meanwhile=outages)
            cpu, most = _cpu() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            check(home, address, done := processes * threads)
            told = f"{given.store}: {processes} processes x {threads} threads, {at_once} at once"
            took = f"{seconds:.1f} s, {done / seconds:.1f} threads/s, {cpu:.1f} s of CPU, {most} MiB at most in one"
            print(f"{told}: {took}", flush=True)  # noqa: T201


def together(
    home: Path,
    address: str | None,
    *,
    processes: int,
    threads: int,
    at_once: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> float:
    """Let the processes work on one database, and do `meanwhile`; returns the seconds it took."""
    own = ("--work-in", str(home), "--threads", str(threads), "--at-once", str(at_once))
    began = time.monotonic()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.trials.concurrency", *own],
            stderr=subprocess.PIPE, cwd=HERE, env=_environment(home, address),
        )
        for _ in range(processes)
    ]  # fmt: skip
    meanwhile()
    said = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    return time.monotonic() - began


async def work(home: Path, threads: int, *, at_once: int) -> None:
    """Do that many threads in this process."""
    free = asyncio.Semaphore(at_once)
    async with open_engine(resolve({}, dict(os.environ), home)) as engine:

        async def one() -> None:
            async with free:
                await _a_lease(engine)

        async with asyncio.TaskGroup() as group:
            for _ in range(threads):
                group.create_task(one())


def check(home: Path, address: str | None, expected: int) -> None:
    """Everything was done, and once."""
    with open_storage(resolve({}, _environment(home, address), home).database) as storage:
        records, documents = storage.threads(), storage.documents()
        assert len(records) == len(documents) == len({document.thread_id for document in documents}) == expected
        assert {(record.status, record.pending) for record in records} == {("completed", 0)}
        assert {storage.verify_audit(record.thread_id) for record in records} == {None}
        assert {len(storage.messages(record.thread_id)) for record in records} == {2}
        paths = {document.path for document in documents}
        assert sum(Path(path).is_file() for path in paths) == expected
        assert storage._database.read("SELECT thread_id FROM octo_leases") == []


async def _a_lease(engine: Engine) -> None:
    thread_id, turn = await _thread(engine), cast("Turn", Say(LEASE))
    for _ in range(MOST_RUNS):
        try:
            asked = await _until_asked(engine, thread_id, turn)
        except StorageError:
            turn = Continue()
            await asyncio.sleep(SOON)
        except Failed as error:
            if error.code != "thread_empty":
                raise
            turn = Say(LEASE)
        else:
            if not asked:
                return
            turn = Answers({question.id: _answer(question, thread_id) for question in asked})
    raise AssertionError(f"{thread_id} never ends")


async def _thread(engine: Engine) -> str:
    for _ in range(MOST_RUNS):
        with suppress(StorageError):
            return await engine.thread_for(LEASE, None, create=False)
        await asyncio.sleep(SOON)
    raise AssertionError("no thread")


def _answer(question: Question, thread_id: str) -> Answer:
    if "approve" in question.actions:
        return Answer("approve", doc_hash=question.doc_hash)
    # Every contract is another one: the same text would be the same file.
    deposit = f"{int(thread_id, 16)}"[-9:].lstrip("0")
    return Answer("submit", fields={**REST, "deposit": f"{deposit}원"}, base_revision=question.base_revision)


async def _until_asked(engine: Engine, thread_id: str, turn: Turn) -> Sequence[Question]:
    asked: Sequence[Question] = ()
    async for event in engine.run(thread_id, turn):
        if isinstance(event, RunFinished):
            asked = event.summary.interrupts
    return asked


def _cpu() -> float:
    """Seconds of CPU of the processes that ended, a server's not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(home: Path, address: str | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    own = {"OCTO_HOME": str(home), "OCTO_NOW": NOW, "OCTO_USER": "u"}
    return {**kept, **own, **({"OCTO_POSTGRES_URL": address} if address else {})}


def _outages(server: Server | None, times: int) -> None:
    for _ in range(times):
        time.sleep(OUTAGE_EVERY)
        assert server
        server.crash()


@contextmanager
def _server(store: str, folder: Path) -> Iterator[Server | None]:
    if store == "sqlite":
        yield None
        return
    with started(folder / "server") as server:
        yield server


if __name__ == "__main__":
    main()
