"""Checkpoints beside the index: one file, two connections, no lock error and no deadlock; copies, rows, deletion."""

import asyncio
import operator
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from octo_cli.errors import NotFound, StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.storage.sqlite import SqliteDatabase
from tests.databases import by_hand, file
from tests.storage.storage_samples import NOW, add_thread, entry, later


class _State(TypedDict):
    said: Annotated[list[str], operator.add]


class _Paper(TypedDict, total=False):
    answers: Annotated[list[str], operator.add]


class _Whole(_State, _Paper):
    """Both; the sub-graph shares only what it answers."""


@asynccontextmanager
async def _graph(storage: Storage) -> AsyncIterator[Any]:
    """A node, a sub-graph that asks twice, a node: nested checkpoints, pending writes, and a history to go back in."""
    async with storage.checkpointer() as saver:
        from langgraph.graph import END, START, StateGraph
        from langgraph.types import interrupt

        async def ask(state: _Paper) -> _Paper:
            return {"answers": [str(interrupt({"answered": state.get("answers", [])}))]}

        inner = StateGraph(_Paper)
        inner.add_node("collaborate", ask)
        inner.add_node("confirm", ask)
        inner.add_edge(START, "collaborate")
        inner.add_edge("collaborate", "confirm")
        inner.add_edge("confirm", END)
        outer = StateGraph(_Whole)
        outer.add_node("first", lambda _: {"said": ["first"]})
        outer.add_node("paper", inner.compile())
        outer.add_node("last", lambda _: {"said": ["last"]})
        outer.add_edge(START, "first")
        outer.add_edge("first", "paper")
        outer.add_edge("paper", "last")
        yield outer.compile(checkpointer=saver)


def _config(thread_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id}}


async def _asked(graph: Any, thread_id: str) -> list[str]:
    """What had been answered when the open question was asked."""
    state = await graph.aget_state(_config(thread_id))
    (asked,) = state.interrupts
    answered: list[str] = asked.value["answered"]
    return answered


async def _resume(graph: Any, thread_id: str, value: str) -> Any:
    from langgraph.types import Command

    state = await graph.aget_state(_config(thread_id))
    (asked,) = state.interrupts
    return await graph.ainvoke(Command(resume={asked.id: value}), _config(thread_id), durability="sync")


def test_a_pause_survives_closing_and_is_resumed_from_the_same_database(database: DatabaseSettings) -> None:
    async def start() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("t"), durability="sync")

    async def go_on(value: str) -> Any:
        async with _graph(storage) as graph:
            return await _resume(graph, "t", value)

    for work in (start(), go_on("a")):
        with open_storage(database) as storage:
            asyncio.run(work)
    with open_storage(database) as storage:
        result = asyncio.run(go_on("b"))
    assert result == {"said": ["hello", "first", "last"], "answers": ["a", "b"]}
    if not database.postgres:
        assert [found.name for found in database.sqlite.parent.iterdir()] == ["octo.db"]


def test_rows_are_read_in_order_of_time_without_states(database: DatabaseSettings) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("t"), durability="sync")
            await graph.ainvoke({"said": ["hello"]}, _config("other"), durability="sync")

    with open_storage(database) as storage:
        assert storage.checkpoint_rows("t") == []
        asyncio.run(run())
        rows = storage.checkpoint_rows("t")
    roots = [row for row in rows if row.checkpoint_ns == ""]
    assert [row.metadata["step"] for row in roots] == [-1, 0, 1]
    assert [row.parent_checkpoint_id for row in roots] == [None, *(row.checkpoint_id for row in roots[:-1])]
    assert any(row.checkpoint_ns.startswith("paper:") for row in rows)
    assert rows == sorted(rows, key=lambda row: (row.checkpoint_id, row.checkpoint_ns))


@pytest.mark.parametrize("at_head", [False, True])
def test_a_copy_of_a_paused_thread_resumes_on_its_own_and_the_original_is_untouched(
    database: DatabaseSettings, at_head: bool
) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("t"), durability="sync")
            await _resume(graph, "t", "a")
            rows = await asyncio.to_thread(storage.checkpoint_rows, "t")
            head = max(row.checkpoint_id for row in rows if row.checkpoint_ns == "") if at_head else None
            assert await asyncio.to_thread(lambda: storage.copy_checkpoints("t", "fork", until=head)) == len(rows)
            assert (await _resume(graph, "fork", "fork"))["answers"] == ["a", "fork"]
            assert await _asked(graph, "t") == ["a"]
            assert (await _resume(graph, "t", "b"))["answers"] == ["a", "b"]

    with open_storage(database) as storage:
        asyncio.run(run())


@pytest.mark.parametrize(
    ("inside", "step", "already_answered"),
    [("", 0, []), ("", 1, []), ("paper:", 0, []), ("paper:", 1, ["a"])],
)
def test_a_copy_until_a_checkpoint_asks_again_what_was_answered_after_it(
    database: DatabaseSettings, inside: str, step: int, already_answered: list[str]
) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("t"), durability="sync")
            await _resume(graph, "t", "a")
            await _resume(graph, "t", "b")
            until = next(
                row.checkpoint_id
                for row in await asyncio.to_thread(storage.checkpoint_rows, "t")
                if row.checkpoint_ns.partition(":")[0] == inside.rstrip(":") and row.metadata["step"] == step
            )
            await asyncio.to_thread(lambda: storage.copy_checkpoints("t", "fork", until=until))
            await graph.ainvoke(None, _config("fork"), durability="sync")
            assert await _asked(graph, "fork") == already_answered
            answers = [*already_answered, *["x", "y"][len(already_answered) :]]
            for value in answers[len(already_answered) :]:
                result = await _resume(graph, "fork", value)
            assert result == {"said": ["hello", "first", "last"], "answers": answers}
            assert (await graph.aget_state(_config("t"))).values["answers"] == ["a", "b"]

    with open_storage(database) as storage:
        asyncio.run(run())


# The first row of the copy lets the runner go on, and waits for it.
BESIDE = """
    CREATE FUNCTION run_beside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.thread_id = 'fork' AND pg_advisory_unlock(2) THEN PERFORM pg_advisory_xact_lock(1); END IF;
        RETURN NEW;
    END $$
"""


def test_a_thread_is_copied_whole_while_it_is_being_run(address: str, tmp_path: Path) -> None:
    async def turn(storage: Storage, text: str) -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": [text]}, _config("t"), durability="sync")

    async def copied() -> list[str]:
        async with _graph(storage) as graph:
            said: list[str] = (await graph.aget_state(_config("fork"))).values["said"]
        return said

    database = DatabaseSettings(tmp_path / "octo.db", postgres=address)
    with open_storage(database) as storage, open_storage(database) as other, open_storage(database) as runner:
        asyncio.run(turn(runner, "hello"))
        tables = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
        beside = (f"CREATE TRIGGER beside BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION" for name in tables)
        by_hand(database, BESIDE, *(f"{trigger} run_beside()" for trigger in beside))
        storage.database.read("SELECT pg_advisory_lock(2)")
        other.database.read("SELECT pg_advisory_lock(1)")
        copy = threading.Thread(target=storage.copy_checkpoints, args=("t", "fork"))
        copy.start()
        other.database.read("SELECT pg_advisory_lock(2)")
        asyncio.run(turn(runner, "again"))
        other.database.read("SELECT pg_advisory_unlock(1)")
        copy.join()
        assert asyncio.run(copied()) == ["hello", "first"]


def test_a_copy_until_an_unknown_checkpoint_is_not_found(database: DatabaseSettings) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("t"), durability="sync")

    with open_storage(database) as storage:
        assert storage.copy_checkpoints("t", "fork") == 0
        for _ in range(2):
            with pytest.raises(NotFound) as caught:
                storage.copy_checkpoints("t", "fork", until="1f0")
            assert caught.value.code == "checkpoint_not_found"
            asyncio.run(run())
        assert storage.checkpoint_rows("fork") == []


def test_delete_removes_checkpoints_and_writes(database: DatabaseSettings) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            await graph.ainvoke({"said": ["hello"]}, _config("thread-1"), durability="sync")
            await graph.ainvoke({"said": ["hello"]}, _config("kept"), durability="sync")

    with open_storage(database) as storage:
        add_thread(storage)
        asyncio.run(run())
        assert storage.delete(["thread-1"]) == 1
        for table in storage._database.checkpoint_tables:
            assert {row[0] for row in storage._database.read(f"SELECT DISTINCT thread_id FROM {table}")} == {"kept"}


def test_saver_and_index_write_together_without_lock_error_or_deadlock(database: DatabaseSettings) -> None:
    async def thread(graph: Any, number: int) -> None:
        thread_id = f"t{number}"
        await asyncio.to_thread(storage.create_thread, thread_id, title="", user="u", now=NOW)
        lease = await asyncio.to_thread(lambda: storage.take_lease(thread_id, now=NOW))
        await graph.ainvoke({"said": ["hello"]}, _config(thread_id), durability="sync")
        for turn in range(5):
            await asyncio.to_thread(partial(storage.record, [entry(thread_id)], key=f"{thread_id}:{turn}"))
            await asyncio.to_thread(lambda: storage.touch(thread_id, now=later(seconds=1), turns_added=1))
        await _resume(graph, thread_id, "a")
        assert (await _resume(graph, thread_id, "b"))["answers"] == ["a", "b"]
        await asyncio.to_thread(lease.release)

    async def run() -> None:
        async with _graph(storage) as graph, asyncio.timeout(60):
            await asyncio.gather(*(thread(graph, number) for number in range(20)))

    # With a timeout this short a lock held across the event loop would show as storage_busy.
    with open_storage(database._replace(statement_timeout=5)) as storage:
        asyncio.run(run())
        records = storage.threads()
        assert len(records) == 20
        assert {record.turns for record in records} == {5}
        assert [storage.verify_audit(record.thread_id) for record in records] == [None] * 20


def test_a_call_on_the_event_loop_is_refused_while_a_checkpointer_is_open(database: DatabaseSettings) -> None:
    async def run() -> None:
        assert storage.threads() == []
        async with storage.checkpointer():
            with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
                storage.threads()
            with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
                add_thread(storage)
        add_thread(storage)

    with open_storage(database) as storage:
        asyncio.run(run())
        assert len(storage.threads()) == 1


PUT: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "1"}}


def test_a_put_that_is_cancelled_is_done_before_its_caller_goes_on_and_keeps_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"

    async def run() -> None:
        async with storage.checkpointer() as saver:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                put = asyncio.create_task(saver.aput_writes(PUT, [("channel", "x" * 10_000)] * 200, "task"))
                for _ in range(3):
                    # Begun, then cancelled again and again while it waits for the file.
                    await asyncio.sleep(0)
                    put.cancel()
                await asyncio.sleep(0)
                assert not put.done()
                other.execute("COMMIT")
            with pytest.raises(asyncio.CancelledError):
                await put
            assert written() == [(200,)]
            await asyncio.to_thread(storage.record, [entry()], key="k")

    def written() -> list[tuple[int]]:
        with closing(sqlite3.connect(path)) as reader:
            return reader.execute("SELECT COUNT(*) FROM writes").fetchall()

    with open_storage(file(path, timeout=5)) as storage:
        asyncio.run(run())


def test_a_put_that_fails_half_way_leaves_nothing_and_keeps_no_lock(tmp_path: Path) -> None:
    async def run() -> None:
        async with storage.checkpointer() as saver:
            with pytest.raises(UnicodeEncodeError):
                await saver.aput_writes(PUT, [("good", "x"), ("bad \ud800", "y")], "task")
            await asyncio.to_thread(storage.record, [entry()], key="k")
            await saver.aput_writes(PUT, [("good", "x")], "next")

    with open_storage(file(tmp_path / "octo.db", timeout=0.5)) as storage:
        asyncio.run(run())
        assert storage._database.read("SELECT task_id FROM writes") == [("next",)]


def test_a_put_that_waits_in_vain_is_told_as_busy_and_leaves_no_thread_running(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    path = tmp_path / "octo.db"

    async def run() -> None:
        async with storage.checkpointer() as saver:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await saver.aput_writes(PUT, [("channel", "x")], "task")

    with open_storage(file(path, timeout=0.1)) as storage:
        with pytest.raises(StorageError) as caught:
            asyncio.run(run())
        assert caught.value.code == "storage_busy"
        add_thread(storage)
    assert set(threading.enumerate()) <= before


def test_a_checkpointer_that_cannot_be_set_up_leaves_no_thread_running(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    path = tmp_path / "octo.db"

    async def run() -> None:
        async with storage.checkpointer():
            pass

    with open_storage(file(path)) as storage:
        assert isinstance(storage._database, SqliteDatabase)
        storage._database.location = str(tmp_path / "missing" / "octo.db")
        with pytest.raises(StorageError) as caught:
            asyncio.run(run())
        assert caught.value.code == "storage_unreachable"
        assert storage.threads() == []
    assert set(threading.enumerate()) <= before


def test_an_empty_stand_in_for_a_missing_file_has_a_checkpointer_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with _graph(storage) as graph:
            assert (await graph.aget_state(_config("t"))).values == {}

    with open_storage(file(tmp_path / "octo.db"), create=False) as storage:
        asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_cancelled_before_its_edge_is_decided_a_node_runs_again(database: DatabaseSettings) -> None:
    """LangGraph would keep what the node wrote, follow no edge, and call the thread finished."""
    decided = threading.Event()

    async def interrupted(storage: Storage) -> list[str]:
        from langgraph.graph import END, START, StateGraph

        deciding = asyncio.Event()

        async def decide(_: _State) -> str:
            deciding.set()
            await asyncio.to_thread(decided.wait)
            return "last"

        graph = StateGraph(_State)
        graph.add_node("first", lambda _: {"said": ["first"]})
        graph.add_node("last", lambda _: {"said": ["last"]})
        graph.add_edge(START, "first")
        graph.add_conditional_edges("first", decide, ["last"])
        graph.add_edge("last", END)
        async with storage.checkpointer() as saver:
            compiled = graph.compile(checkpointer=saver)
            # As the engine streams; with the default mode LangGraph saves nothing of a cancelled node.
            named: Any = {"stream_mode": ["updates", "custom"], "version": "v2", "durability": "sync"}
            run = asyncio.ensure_future(anext(compiled.astream({"said": []}, _config("thread-1"), **named)))
            await deciding.wait()
            run.cancel()
            decided.set()
            await asyncio.wait([run])
            done = await compiled.ainvoke(None, _config("thread-1"), durability="sync")
        said: list[str] = done["said"]
        return said

    with open_storage(database) as storage:
        assert asyncio.run(interrupted(storage)) == ["first", "last"]
