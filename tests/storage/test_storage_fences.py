"""A runner whose lease was taken over writes nothing more, over both databases."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from octo_cli.errors import StorageError, ThreadBusy
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import DocumentRecord, Storage, open_storage
from octo_cli.wire.work import Message
from tests.databases import file
from tests.storage.storage_samples import AT, NOW, add_thread, draft, entry, later, question

CONFIG: Any = {"configurable": {"thread_id": "thread-1", "checkpoint_ns": ""}}
SAID: Any = {"configurable": {**CONFIG["configurable"], "checkpoint_id": "1"}}
RESERVED = DocumentRecord("doc-1", "lease", "", 1, "ko", "sha256:a", "", "", thread_id="thread-1")

WRITES: dict[str, Callable[[Storage], object]] = {
    "question": lambda storage: storage.put_questions("thread-1", [question("q2")]),
    "message": lambda storage: storage.keep_messages("thread-1", [Message("user", "안녕", AT)]),
    "audit": lambda storage: storage.record([entry()], key="k2"),
    "status": lambda storage: storage.touch("thread-1", now=NOW, status="failed"),
    "reserved": lambda storage: storage.reserve_document(draft("b"), NOW),
    "finished": lambda storage: storage.finish_document(RESERVED, NOW),
    "given up": lambda storage: storage.give_up_document(RESERVED),
}


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        add_thread(storage)
        storage.put_questions("thread-1", [question()])
        storage.reserve_document(draft(), NOW)
        yield storage


@pytest.fixture
def other(storage: Storage, database: DatabaseSettings) -> Iterator[Storage]:
    """What another process has of the same database."""
    with open_storage(database) as other:
        yield other


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_index_takes_nothing_from_a_runner_that_lost_its_lease(
    write: Callable[[Storage], object], storage: Storage, other: Storage
) -> None:
    storage.take_lease("thread-1", now=NOW)
    storage.touch("thread-1", now=NOW, status="running")
    other.take_lease("thread-1", now=later(seconds=31))
    before = _everything(other)
    with _lost():
        write(storage)
    assert _everything(other) == before
    write(other)


def test_a_run_does_not_end_under_a_lease_it_lost(storage: Storage, other: Storage) -> None:
    lost = storage.take_lease("thread-1", now=NOW)
    kept = other.take_lease("thread-1", now=later(seconds=31))
    before = _everything(other)
    with _lost(), lost.ending():
        storage.touch("thread-1", now=NOW, status="completed")
    lost.close()
    assert _everything(other) == before
    with kept.ending():
        other.touch("thread-1", now=NOW, status="completed")
    assert other.holder("thread-1") is None


def test_checkpoints_are_saved_under_the_lease_only_and_as_a_whole(storage: Storage, other: Storage) -> None:
    async def run() -> None:
        async with storage.checkpointer() as saver:
            await asyncio.to_thread(storage.take_lease, "thread-1", now=NOW)
            first = empty_checkpoint() | {"channel_values": {"said": ["kept"]}, "channel_versions": {"said": "1"}}
            await saver.aput(CONFIG, first, {"step": 0}, {"said": "1"})
            await saver.aput_writes(SAID, [("said", "kept"), ("more", [1])], "task-1")
            await asyncio.to_thread(partial(other.take_lease, "thread-1", now=later(seconds=31)))
            before = await asyncio.to_thread(_everything, other)
            later_one = empty_checkpoint() | {"channel_values": {"said": ["lost"]}, "channel_versions": {"said": "2"}}
            with _lost():
                await saver.aput(CONFIG, later_one, {"step": 1}, {"said": "2"})
            with _lost():
                await saver.aput_writes(SAID, [("said", "lost"), ("more", [2])], "task-2")
            assert await asyncio.to_thread(_everything, other) == before
            found = await saver.aget_tuple(CONFIG)
            assert found
            assert found.checkpoint["channel_values"] == {"said": ["kept"]}

    asyncio.run(run())


def test_one_process_does_not_take_a_thread_from_its_own_run(storage: Storage, other: Storage) -> None:
    """A run that has not ended yet could write under the next one's lease."""
    lost = storage.take_lease("thread-1", now=NOW)
    with pytest.raises(ThreadBusy) as caught:
        storage.take_lease("thread-1", now=later(seconds=31))
    assert caught.value.code == "thread_busy"
    with other.take_lease("thread-1", now=later(seconds=31)):
        pass
    with pytest.raises(ThreadBusy):
        storage.take_lease("thread-1", now=later(seconds=32))
    lost.close()
    # What is left of that run still writes nothing; the next run does.
    with _lost():
        storage.record([entry()], key="k")
    with storage.take_lease("thread-1", now=later(seconds=33)):
        assert storage.record([entry()], key="k")
    assert storage.record([entry()], key="k2")


def test_a_heart_outlives_a_storage_that_does_not_answer_and_tells_when_the_lease_is_lost(tmp_path: Path) -> None:
    """It beats while the event loop is blocked, too: here by whoever waits for it."""
    lost, storage = Event(), open_storage(file(tmp_path / "octo.db", timeout=0.01))

    async def run() -> None:
        lease = await asyncio.to_thread(storage.take_lease, "thread-1")
        lease.when_lost = lost.set
        intruder = sqlite3.connect(tmp_path / "octo.db", isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        lease.keep(every=0.01)
        lost.wait(0.1)  # some heartbeats that the storage does not take
        intruder.execute("DELETE FROM octo_leases")
        intruder.execute("COMMIT")
        intruder.close()
        assert lost.wait(30)
        assert lease.lost
        await asyncio.to_thread(lease.close)

    with storage:
        add_thread(storage)
        asyncio.run(run())


def test_a_heart_renews_by_the_databases_clock(storage: Storage, other: Storage) -> None:
    with storage.take_lease("thread-1") as lease:
        taken = other.holder("thread-1")
        lease.renew()
        renewed = other.holder("thread-1")
    assert taken
    assert renewed
    assert taken.since == renewed.since
    assert taken.expires_at < renewed.expires_at


def test_the_lease_of_a_clock_that_was_put_back_stands_as_long_as_its_owner_lives(
    storage: Storage, other: Storage
) -> None:
    storage.take_lease("thread-1", now=later(days=300))
    with pytest.raises(ThreadBusy):
        other.take_lease("thread-1", now=NOW)
    with storage._database.write() as run:
        run("UPDATE octo_leases SET machine = ?", ("one that cannot be asked",))
    assert other.take_lease("thread-1", now=NOW)


def test_a_process_stopped_in_the_middle_of_a_write_does_not_keep_a_server_from_others(address: str) -> None:
    """The server ends its transaction, so that its thread can be taken over."""
    settings = DatabaseSettings(Path("octo.db"), postgres=address, statement_timeout=1)
    with open_storage(settings) as stopped, open_storage(settings) as other:
        add_thread(stopped)
        stopped.take_lease("thread-1", now=NOW)

        def write() -> None:
            with stopped._database.write("thread-1") as run:
                other.take_lease("thread-1", now=later(seconds=31))
                run("UPDATE octo_threads SET title = 'lost'", ())

        with pytest.raises(StorageError):
            write()
        assert [record.title for record in other.threads()] != ["lost"]


@contextmanager
def _lost() -> Iterator[None]:
    with pytest.raises(ThreadBusy) as caught:
        yield
    assert (caught.value.code, caught.value.status) == ("lease_lost", 7)


def _everything(storage: Storage) -> dict[str, list[str]]:
    """Every row of every table."""
    database = storage._database
    octo = ("threads", "questions", "audit", "audit_heads", "documents", "leases", "messages", "summaries")
    tables = [*(f"octo_{name}" for name in octo), *database.checkpoint_tables]
    return {
        name: sorted(map(repr, database.read(f"SELECT * FROM {name}"))) for name in tables if database.has_table(name)
    }
