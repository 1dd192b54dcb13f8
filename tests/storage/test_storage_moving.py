"""Threads carried between databases: what arrives is what the other saver would have written, or nothing arrives."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph

from octo_cli.errors import StorageError, ThreadBusy, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, moving, open_storage
from octo_cli.storage.portable import digest, parts
from octo_cli.storage.sealing import OUTLINE, new_key
from octo_cli.wire.memory import Recalled, Recap, Session
from octo_cli.wire.work import Message
from tests.storage.releases import WAITING, finish, settings_of, unpacked
from tests.storage.storage_samples import AT, NOW, add_thread, draft, entry

# The copy of a child that is killed before its nth call of the driver.
_KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import moving, open_storage

left = int(sys.argv[3])

def watch(_frame, event, called):
    global left
    left -= event == "c_call" and isinstance(getattr(called, "__self__", None), sqlite3.Connection)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

here, there = DatabaseSettings(Path(sys.argv[1])), DatabaseSettings(Path(sys.argv[2]), postgres=sys.argv[4] or None)
with open_storage(here) as source, open_storage(there) as to:
    to.database.make_checkpoint_tables()
    sys.setprofile(watch)
    moving.copy(source.database, to.database, None)
"""


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Storage]:
    """Real threads: finished, waiting at different questions, gone back, forked."""
    with open_storage(DatabaseSettings(unpacked(3, tmp_path / "old" / "octo.db"))) as storage:
        yield storage


def added(before: list[Any], new: list[Any]) -> list[Any]:
    return [*before, *(item for write in new for item in write)]


class Kinds(TypedDict, total=False):
    """A value of every kind that a saver treats in its own way."""

    said: Annotated[list[Any], DeltaChannel(added, snapshot_frequency=3)]
    text: str
    number: int
    share: float
    yes: bool
    nothing: None
    raw: bytes
    nested: dict[str, Any]


def kinds(turn: int) -> Kinds:
    return {
        "said": [{"speaker": "user", "text": f"안녕 {turn}"}],
        "text": f"한글 {turn}",
        "number": turn**12,
        "share": turn * 1e17 if turn % 2 else turn / 3,
        "yes": bool(turn % 2),
        "nothing": None,
        "raw": bytes(range(turn)),
        "nested": {"place": (1, 2), "at": NOW, "names": {"김": [turn, None, -0.5]}},
    }


async def talked(storage: Storage, thread_id: str, turns: range) -> Any:
    """The values after these turns."""
    graph = StateGraph(Kinds)
    graph.add_node("say", lambda state: kinds(state["number"]))
    graph.add_edge(START, "say")
    graph.add_edge("say", END)
    async with storage.checkpointer() as saver:
        compiled = graph.compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": thread_id}}
        for turn in turns:
            await compiled.ainvoke({"number": turn}, config)
        return (await compiled.aget_state(config)).values


async def read_back(storage: Storage, thread_id: str) -> list[Any]:
    """Every checkpoint as LangGraph reads it there, and where each delta channel begins."""
    async with storage.checkpointer() as saver:
        found: list[Any] = []
        for row in await asyncio.to_thread(storage.checkpoint_rows, thread_id):
            config: Any = {
                "configurable": {
                    "thread_id": thread_id,
                    "checkpoint_ns": row.checkpoint_ns,
                    "checkpoint_id": row.checkpoint_id,
                }
            }
            read = await saver.aget_tuple(config)
            assert read is not None
            channels = [name for name in ("said", "messages") if name in read.checkpoint["channel_versions"]]
            history = await saver.aget_delta_channel_history(config=config, channels=channels)
            whole = {name: {"writes": one["writes"], "seed": one.get("seed")} for name, one in history.items()}
            values = {name: value for name, value in read.checkpoint["channel_values"].items() if name not in channels}
            frame = {**read.checkpoint, "channel_values": values}
            # A server's checkpoint has a digest of its own there.
            metadata = {name: value for name, value in read.metadata.items() if name != OUTLINE}
            found.append(
                (
                    (row.checkpoint_ns, row.checkpoint_id, row.parent_checkpoint_id),
                    frame,
                    metadata,
                    read.parent_config,
                    read.pending_writes,
                    whole,
                )
            )
        return found


def test_what_arrives_is_read_as_it_was(old: Storage, database: DatabaseSettings) -> None:
    with open_storage(database._replace(sqlite=database.sqlite.with_name("to.db"))) as target:
        done = moving.copy(old.database, target.database, None)
        assert (done.copied, done.unchanged) == (6, 0)
        assert [one.thread_id for one in target.threads()] == [one.thread_id for one in old.threads()]
        for record in old.threads():
            thread_id = record.thread_id
            assert asyncio.run(read_back(target, thread_id)) == asyncio.run(read_back(old, thread_id))
            assert (target.thread(thread_id), target.questions(thread_id)) == (record, old.questions(thread_id))
            assert (target.audit(thread_id), target.verify_audit(thread_id)) == (old.audit(thread_id), None)
            assert target.documents(thread_id, whole=True) == old.documents(thread_id, whole=True)
            assert target.thread_details(thread_id) == old.thread_details(thread_id)
        assert moving.copy(old.database, target.database, None) == moving.Copied(0, 6, 0, done.checksum)


def test_values_of_every_kind_go_there_and_back_and_the_thread_goes_on(address: str, tmp_path: Path) -> None:
    files = [DatabaseSettings(tmp_path / f"{name}.db") for name in ("one", "two", "three")]
    server = DatabaseSettings(tmp_path / "none.db", postgres=address)
    with (
        open_storage(files[0]) as one,
        open_storage(server) as there,
        open_storage(files[1]) as two,
        open_storage(files[2]) as three,
    ):
        thread_id = add_thread(one)
        before = asyncio.run(talked(one, thread_id, range(1, 12)))
        there_sum = moving.copy(one.database, there.database, None).checksum
        assert moving.copy(there.database, two.database, None).checksum == there_sum
        for storage in (there, two):
            assert asyncio.run(read_back(storage, thread_id)) == asyncio.run(read_back(one, thread_id))
            assert asyncio.run(talked(storage, thread_id, range(0))) == before
        # What a server's own saver writes goes to a file as well.
        after = asyncio.run(talked(there, thread_id, range(12, 20)))
        assert [turn["text"] for turn in after["said"]] == [f"안녕 {turn}" for turn in range(1, 20)]
        moving.copy(there.database, three.database, None)
        assert asyncio.run(talked(three, thread_id, range(0))) == after
        asyncio.run(talked(three, thread_id, range(20, 24)))
        with pytest.raises(StorageError) as refused:
            moving.copy(three.database, there.database, None)
        assert (refused.value.code, refused.value.values["threads"]) == ("copy_differs", thread_id)


def test_a_question_that_was_put_here_is_answered_there(old: Storage, address: str, tmp_path: Path) -> None:
    server = DatabaseSettings(tmp_path / "none.db", postgres=address)
    with open_storage(server) as target:
        moving.copy(old.database, target.database, ["approving"])
        assert [record.thread_id for record in target.threads()] == ["approving"]
        (lease,) = old.documents("finished", whole=True)
        assert finish(settings_of(server, tmp_path), "approving").status == "completed"
        (made,) = target.documents("approving", whole=True)
        assert made.text == lease.text
    # And what was done on the server is found in a file.
    back = DatabaseSettings(tmp_path / "back.db")
    with open_storage(server) as source, open_storage(back) as target:
        moving.copy(source.database, target.database, None)
        assert target.documents("approving", whole=True) == source.documents("approving", whole=True)
        assert target.verify_audit("approving") is None


def test_a_thread_that_differs_is_named_and_nothing_is_copied(old: Storage, tmp_path: Path) -> None:
    with open_storage(DatabaseSettings(tmp_path / "to.db")) as target:
        moving.copy(old.database, target.database, ["talk", "finished"])
        target.rename("talk", "다른 제목")
        with pytest.raises(StorageError) as refused:
            moving.copy(old.database, target.database, None)
        assert (refused.value.code, refused.value.values["threads"]) == ("copy_differs", "talk")
        assert len(target.threads()) == 2
        assert moving.copy(old.database, target.database, [*WAITING, "finished"]).copied == 3


def test_what_another_copy_brought_meanwhile_is_there_already(old: Storage, database: DatabaseSettings) -> None:
    with open_storage(database) as target, open_storage(database) as theirs:

        def copy_too(done: int, _all: int) -> None:
            if done == 1:
                with open_storage(DatabaseSettings(Path(old.name))) as again:
                    moving.copy(again.database, theirs.database, None)

        done = moving.copy(old.database, target.database, None, copy_too)
        assert (done.copied, done.unchanged) == (1, len(old.threads()) - 1)


@pytest.mark.parametrize("what", ["doc-1 1", "timeout:q1 0"])
def test_what_another_thread_there_has_is_not_taken_from_it(what: str, tmp_path: Path) -> None:
    files = [DatabaseSettings(tmp_path / name) for name in ("a.db", "b.db")]
    with open_storage(files[0]) as one, open_storage(files[1]) as two:
        for storage, thread_id in ((one, "here"), (two, "there")):
            add_thread(storage, thread_id)
            if what.startswith("doc"):
                storage.reserve_document(draft(thread_id=thread_id), NOW)
            else:
                storage.record([entry(thread_id)], key="timeout:q1")
        with pytest.raises(StorageError) as refused:
            moving.copy(one.database, two.database, None)
        assert (refused.value.code, refused.value.values["what"]) == ("copy_taken", what)
        assert two.thread("here") is None


def test_a_thread_that_is_being_run_is_not_copied(old: Storage, tmp_path: Path) -> None:
    with open_storage(DatabaseSettings(tmp_path / "to.db")) as target:
        with old.take_lease("talk", now=old.database.now()), pytest.raises(ThreadBusy) as refused:
            moving.copy(old.database, target.database, None)
        assert refused.value.values["thread"] == "talk"
        assert target.threads() == []


def test_a_database_is_not_copied_into_itself(database: DatabaseSettings) -> None:
    with open_storage(database) as one, open_storage(database) as other, pytest.raises(UsageError) as refused:
        moving.copy(one.database, other.database, None)
    assert refused.value.code == "same_database"


@pytest.mark.parametrize("after", [20, 120, 250])
def test_a_copy_that_was_killed_is_finished_by_another(old: Storage, database: DatabaseSettings, after: int) -> None:
    arguments = (old.name, str(database.sqlite), str(after), database.postgres or "")
    command = [sys.executable, "-c", _KILLED, *arguments]
    killed = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    with open_storage(database) as target:
        there = {record.thread_id for record in target.threads()}
        for thread_id in there:
            with old.database.snapshot(), target.database.snapshot():
                assert digest(parts(target.database, thread_id)) == digest(parts(old.database, thread_id))
        done = moving.copy(old.database, target.database, None)
        assert (done.copied, done.unchanged) == (6 - len(there), len(there))


def test_damage_is_named_and_does_not_arrive(old: Storage, database: DatabaseSettings) -> None:
    with closing(sqlite3.connect(old.name)) as connection, connection:
        connection.execute("UPDATE writes SET value = substr(value, 1, 3), type = 'json' WHERE thread_id = 'talk'")
        connection.execute("UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 50) WHERE thread_id = 'finished'")
    with open_storage(database._replace(sqlite=database.sqlite.with_name("to.db"))) as target:
        with pytest.raises(StorageError) as damaged:
            moving.copy(old.database, target.database, ["finished"])
        assert damaged.value.code == "copy_damaged"
        assert (damaged.value.values["path"], damaged.value.values["threads"]) == (old.name, "finished")
        assert target.threads() == []


def test_messages_and_facts_go_along(database: DatabaseSettings, tmp_path: Path) -> None:
    said = [Message("user", "안녕", "2027-03-01T09:00:00Z"), Message("octo", "안녕하세요", "2027-03-01T09:00:01Z")]
    facts = {("facts.lee", "a4"): '{"at": "2027-03-01", "text": "A4를 좋아합니다"}'}
    with open_storage(database) as one, open_storage(DatabaseSettings(tmp_path / "to.db")) as two:
        thread_id = add_thread(one)
        one.keep_messages(thread_id, said[:1])
        one.keep_messages(thread_id, said)
        one.database.in_store(lambda _: None)
        with one.database.write() as run:
            moving.put_facts(one.database, run, facts)
        assert moving.copy(one.database, two.database, None).facts == 1
        assert (two.messages(thread_id), moving.read_facts(two.database)) == (said, facts)
        assert moving.copy(two.database, one.database, None).unchanged == 1
        with two.database.write() as run:
            run("UPDATE store SET value = ?", ('{"text": "B5"}',))
        with pytest.raises(StorageError) as refused:
            moving.copy(two.database, one.database, None)
        assert (refused.value.code, refused.value.values["facts"]) == ("copy_fact_differs", "a4")


def test_a_copy_is_encrypted_and_comes_back_in_clear(old: Storage, address: str, tmp_path: Path) -> None:
    key = {"OCTO_ENCRYPTION_KEY": new_key()}
    there = DatabaseSettings(tmp_path / "none.db", postgres=address, encrypt=True)
    with (
        open_storage(there, environment=key) as sealed,
        open_storage(DatabaseSettings(tmp_path / "back.db")) as back,
    ):
        done = moving.copy(old.database, sealed.database, None)
        assert moving.copy(sealed.database, back.database, None).checksum == done.checksum
        for storage in (sealed, back):
            assert [storage.verify_audit(one.thread_id) for one in storage.threads()] == [None] * 6
            assert storage.documents("finished", whole=True) == old.documents("finished", whole=True)
            for thread_id in ("approving", "finished"):
                assert asyncio.run(read_back(storage, thread_id)) == asyncio.run(read_back(old, thread_id))
        ((stored,),) = sealed.database.read("SELECT text FROM octo_documents WHERE thread_id = 'finished'")
        assert "홍길동" not in stored


def _said(*texts: str) -> list[Message]:
    return [Message("octo" if place % 2 else "user", text, AT) for place, text in enumerate(texts)]


def test_what_is_said_and_remembered_goes_on_under_every_key(address: str, tmp_path: Path) -> None:
    keys = [{"OCTO_ENCRYPTION_KEY": new_key()} for _ in range(2)]
    chain: list[tuple[DatabaseSettings, dict[str, str]]] = [
        (DatabaseSettings(tmp_path / "plain.db"), {}),
        (DatabaseSettings(tmp_path / "none.db", postgres=address, encrypt=True), keys[0]),
        (DatabaseSettings(tmp_path / "other.db", encrypt=True), keys[1]),
        (DatabaseSettings(tmp_path / "back.db"), {}),
    ]
    branch, now = _said("보증금은?", "오천만원", "월세는?"), _said("보증금은?", "오천만원", "A4 용지", "네")
    with ExitStack() as opened:
        first, *others = [opened.enter_context(open_storage(one, environment=env)) for one, env in chain]
        thread_id = add_thread(first, user="lee")
        first.keep_messages(thread_id, branch)
        first.keep_messages(thread_id, now)
        (earlier,) = first.earlier("lee", but=None, limit=1)
        first.keep_summary(earlier, "long", Recap("보증금 이야기", "offline"), now=NOW)
        session = Session(thread_id, "long", AT, summary="보증금 이야기")
        fact, _ = first.keep_fact("lee", "A4를 좋아한다", thread_id=thread_id, now=NOW)
        recalled = Recalled((fact.fact_id,), first.keep_recalled([(session, 10)]), 10)
        sums, before = [], first
        for there in others:
            sums.append(moving.copy(before.database, there.database, None).checksum)
            before = there
        assert len(set(sums)) == 1
        for storage in (first, *others):
            assert storage.recalled("lee", recalled).sessions == (session,)
            assert storage.recalled("lee", recalled).facts == (fact,)
            assert storage.keep_fact("lee", "A4를 좋아한다.", thread_id="", now=NOW) == (fact, False)
            (earlier,) = storage.earlier("lee", but=None, limit=1)
            assert storage.summary(thread_id, "long", digest=earlier.digest) == Recap("보증금 이야기", "offline")
            assert [found.thread_id for found in storage.search("용지")] == [thread_id]
            assert storage.keep_messages(thread_id, [*now, *_said("하나")]) == 1
            assert storage.keep_messages(thread_id, branch) == 0
            assert (storage.messages(thread_id), storage.search("용지")) == (branch, [])
            assert list(storage.faults()) == []


@pytest.mark.parametrize("skip", [False, True])
def test_all_that_is_damaged_is_named_at_once_and_can_be_left_out(
    database: DatabaseSettings, tmp_path: Path, *, skip: bool
) -> None:
    with open_storage(database) as source, open_storage(DatabaseSettings(tmp_path / "to.db")) as target:
        for number in range(4):
            asyncio.run(talked(source, add_thread(source, f"thread-{number}"), range(1, 3)))
        facts = [source.keep_fact("lee", text, thread_id="", now=NOW)[0] for text in ("하나", "둘")]
        moving.copy(source.database, target.database, ["thread-3"])
        with source.database.write() as run:
            for table, column in source.database.checkpoint_values.items():
                run(f"UPDATE {table} SET {column} = ? WHERE thread_id IN ('thread-1', 'thread-3')", (b"no",))
            run("UPDATE store SET value = ? WHERE key = ?", ("{}", facts[1].fact_id))
        damaged = ("thread-3", "thread-1", facts[1].fact_id)
        if skip:
            done = moving.copy(source.database, target.database, None, skip_damaged=True)
            assert (done.copied, done.unchanged, done.facts, done.damaged) == (2, 0, 1, damaged)
        else:
            with pytest.raises(StorageError) as refused:
                moving.copy(source.database, target.database, None)
            assert (refused.value.code, refused.value.values["threads"]) == ("copy_damaged", ", ".join(damaged))
        assert {record.thread_id for record in target.threads()} == {"thread-0", "thread-2", "thread-3"}
        assert target.facts("lee") == facts[:1]


def test_threads_that_arrive_in_one_transaction_take_no_lock_each(old: Storage, address: str, tmp_path: Path) -> None:
    with open_storage(DatabaseSettings(tmp_path / "none.db", postgres=address)) as target:
        target.database.make_checkpoint_tables()
        with old.database.snapshot(), target.database.write() as run:
            for record in old.threads():
                moving.transfer(old.database, target.database, run, record.thread_id)
            # All locks of a server, whoever holds them, lie in a table of a few thousand places.
            held = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert run(held, ()).fetchone() == (0,)
        assert [target.verify_audit(record.thread_id) for record in old.threads()] == [None] * 6


def test_a_broken_chain_is_no_whole_one_on_the_other_side(old: Storage, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old.name)) as connection, connection:
        connection.execute("UPDATE octo_audit SET actor = 'user:eve' WHERE thread_id = 'finished' AND seq = 3")
    with open_storage(DatabaseSettings(tmp_path / "to.db")) as target:
        moving.copy(old.database, target.database, None)
        assert target.verify_audit("finished") == old.verify_audit("finished") == 3
