"""At rest: nothing said is in the database's bytes, the wrong key reads nothing, and every changed row is named."""

import asyncio
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict

import pytest

from octo_cli.errors import StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.storage.sealing import BrokenSealError, Seal, locked, new_key, read_key, read_lock, unlocked
from octo_cli.wire.memory import Recap, Session
from octo_cli.wire.work import Message, Usage
from tests.databases import file
from tests.storage.storage_samples import AT, NOW, add_thread, draft, entry, question

ENVIRONMENT = {"OCTO_ENCRYPTION_KEY": new_key()}
SAID = "보증금 오천만원, the tenant is Hong"
GARBAGE = b"\x93nonsense" * 9
# Every column that is JSON or sealed with or without a key, and what only a key protects.
ALWAYS = (
    ("octo_threads", "failure"),
    ("octo_threads", "turn_usage"),
    ("octo_threads", "past_usage"),
    ("octo_questions", "question"),
    ("octo_audit", "old_value"),
    ("octo_audit", "new_value"),
    ("octo_audit", "detail"),
    ("octo_documents", "fields"),
    ("octo_recalled", "text"),
)
KEYED = (
    ("octo_threads", "title"),
    ("octo_documents", "title"),
    ("octo_documents", "path"),
    ("octo_documents", "text"),
    ("octo_messages", "text"),
    ("octo_summaries", "text"),
)
CHAINED = (
    *("entry_key", "part", "at", "actor", "event", "document_id", "step_id", "field", "old_value", "new_value"),
    *("doc_hash", "checkpoint_id", "detail", "prev_hash", "hash"),
)

# Ways to change a log of three entries: each is one or more statements.
TAMPERINGS = (
    ("DELETE FROM octo_audit WHERE thread_id = 'thread-1' AND seq = 2",),
    ("UPDATE octo_audit SET seq = 9 WHERE thread_id = 'thread-1' AND seq = 3",),
    ("DELETE FROM octo_audit_heads WHERE thread_id = 'thread-1'",),
    ("UPDATE octo_threads SET audit_head = '0:' WHERE thread_id = 'thread-1'",),
    # The tail, and the head made to fit.
    (
        "DELETE FROM octo_audit WHERE thread_id = 'thread-1' AND seq = 3",
        "UPDATE octo_audit_heads SET seq = 2, hash = (SELECT hash FROM octo_audit WHERE thread_id = 'thread-1'"
        " AND seq = 2) WHERE thread_id = 'thread-1'",
    ),
    # All of it, head and all.
    (
        "DELETE FROM octo_audit WHERE thread_id = 'thread-1'",
        "DELETE FROM octo_audit_heads WHERE thread_id = 'thread-1'",
    ),
    # Two entries in each other's place.
    (
        "UPDATE octo_audit SET seq = 7 WHERE thread_id = 'thread-1' AND seq = 2",
        "UPDATE octo_audit SET seq = 2 WHERE thread_id = 'thread-1' AND seq = 3",
        "UPDATE octo_audit SET seq = 3 WHERE thread_id = 'thread-1' AND seq = 7",
    ),
    # One put in.
    (
        "INSERT INTO octo_audit (thread_id, seq, entry_key, part, at, actor, event, prev_hash, hash)"
        " SELECT thread_id, 4, 'x', 0, at, actor, 'approved', hash, hash FROM octo_audit"
        " WHERE thread_id = 'thread-1' AND seq = 3",
    ),
)


class State(TypedDict):
    said: str
    list: list[str]


@pytest.fixture(params=[False, True], ids=["plain", "keyed"])
def settings(request: pytest.FixtureRequest, database: DatabaseSettings) -> DatabaseSettings:
    return database._replace(encrypt=request.param)


@pytest.fixture
def storage(settings: DatabaseSettings) -> Iterator[Storage]:
    """Two threads with something in every table."""
    with open_storage(settings, environment=ENVIRONMENT) as storage:
        for thread_id in ("thread-1", "thread-2"):
            _fill(storage, thread_id)
        yield storage


def _fill(storage: Storage, thread_id: str) -> None:
    add_thread(storage, thread_id, title=f"{SAID} {thread_id}")
    paper = draft(SAID, document_id=f"doc-{thread_id}", thread_id=thread_id, title=SAID, path=f"/{SAID}.md")
    approved = {"event": "approved", "document_id": paper.document_id, "doc_hash": paper.doc_hash}
    said = entry(thread_id, old=SAID, new=SAID, detail={"why": SAID}, **approved)
    storage.record([said], key=f"{thread_id}:1")
    storage.record([entry(thread_id, new=number) for number in range(2)], key=f"{thread_id}:2")
    storage.put_questions(thread_id, [question(f"{thread_id}-q", thread_id=thread_id, message=SAID)])
    storage.keep_messages(thread_id, [Message("user", SAID, AT), Message("octo", SAID, AT)])
    (earlier,) = (one for one in storage.earlier("lee", but=None, limit=9) if one.thread_id == thread_id)
    storage.keep_summary(earlier, "long", Recap(SAID, "offline"), now=NOW)
    storage.keep_recalled([(Session(thread_id, "long", AT, summary=SAID), 1)])
    storage.keep_fact("lee", f"{SAID} {thread_id}", thread_id=thread_id, now=NOW)
    usage = Usage("m", requests=1)
    storage.touch(thread_id, now=NOW, status="failed", failure={"code": SAID}, turn_usage={"1": usage})
    storage.touch(thread_id, now=NOW, past_usage=usage)
    storage.finish_document(storage.reserve_document(paper, NOW), NOW)
    asyncio.run(_paused(storage, thread_id))


async def _paused(storage: Storage, thread_id: str) -> None:
    """A graph that holds a text and a list, and waits with a question."""
    async with storage.checkpointer() as saver:
        from langgraph.graph import START, StateGraph
        from langgraph.types import interrupt

        graph = StateGraph(State)
        graph.add_node("ask", lambda _: {"said": interrupt({"message": SAID})})
        graph.add_edge(START, "ask")
        compiled = graph.compile(checkpointer=saver)
        await compiled.ainvoke({"said": SAID, "list": [SAID]}, _config(thread_id), durability="sync")


def _config(thread_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id}}


def _read(storage: Storage, thread_id: str) -> Any:
    """The thread's newest checkpoint, as a run gets it."""

    async def read() -> Any:
        async with storage.checkpointer() as saver:
            return await saver.aget_tuple(_config(thread_id))

    return asyncio.run(read())


def _told(storage: Storage) -> list[str]:
    """What is wrong, as it is told."""
    return [f"{error.code} {' '.join(map(str, error.values.values()))}" for error in storage.faults()]


class _Undo(Exception):
    pass


@contextmanager
def _tampered(storage: Storage, sql: str, *values: object) -> Iterator[None]:
    """The database after somebody's SQL, and then as it was."""
    with suppress(_Undo), storage._database.write() as run:
        assert run(sql, values).rowcount, sql
        yield
        raise _Undo


def _change(storage: Storage, sql: str, *values: object) -> None:
    with storage._database.write() as run:
        assert run(sql, values).rowcount, sql


def _bytes(storage: Storage) -> bytes:
    """All that the database holds, as somebody without a key finds it."""
    path = Path(storage.name)
    if path.exists():
        return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
    read = storage._database.read
    tables = [name for (name,) in read("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    dumped = "\n".join(str(row[0]) for name in tables for row in read(f"SELECT t::text FROM {name} t"))
    blobs = [
        bytes(value)
        for table, column in storage._database.checkpoint_values.items()
        if storage._database.has_table(table)
        for (value,) in read(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
    ]
    return dumped.encode() + b"".join(blobs)


def test_what_was_sealed_comes_back(storage: Storage, settings: DatabaseSettings) -> None:
    assert storage.encrypts is settings.encrypt
    with open_storage(settings, environment=ENVIRONMENT) as again:
        record, details = again.thread("thread-1"), again.thread_details("thread-1")
        assert record is not None
        assert details is not None
        assert (record.title, details.failure) == (f"{SAID} thread-1", {"code": SAID})
        assert [one.title for one in again.threads()] == [f"{SAID} thread-2", f"{SAID} thread-1"]
        assert [one.message for one in again.questions()] == [SAID, SAID]
        assert [one.text for one in again.messages("thread-1")] == [SAID, SAID]
        assert [row.entry.new for row in again.audit("thread-1")] == [SAID, 0, 1]
        document = again.document("doc-thread-1")
        assert document is not None
        assert (document.title, document.text, document.path) == (SAID, SAID, f"/{SAID}.md")
        assert document.fields == draft().fields
        assert _read(again, "thread-1").checkpoint["channel_values"]["said"] == SAID
        assert again.resolve(f"{SAID} thread-1") == "thread-1"
        assert again.resolve("thread-2") == "thread-2"
        assert _told(again) == []


def test_no_word_of_it_is_in_the_bytes_of_an_encrypted_database(storage: Storage, settings: DatabaseSettings) -> None:
    found = [word for word in ("보증금", "오천만원", "tenant", "Hong", "애완동물") if word.encode() in _bytes(storage)]
    assert found == ([] if settings.encrypt else ["보증금", "오천만원", "tenant", "Hong", "애완동물"])


def test_another_key_none_and_no_key_at_all_open_nothing(database: DatabaseSettings) -> None:
    settings = database._replace(encrypt=True)
    with open_storage(settings, environment=ENVIRONMENT) as storage:
        add_thread(storage)
    before = None if database.postgres else database.sqlite.read_bytes()
    cases = {
        "storage_key_wrong": {"OCTO_ENCRYPTION_KEY": new_key()},
        "storage_key_malformed": {"OCTO_ENCRYPTION_KEY": "short"},
        "storage_key_missing": {},
    }
    for code, environment in cases.items():
        # It is encrypted whatever the setting says.
        for asked in (settings, database):
            with pytest.raises(StorageError) as caught:
                open_storage(asked, environment={"OCTO_HOME": str(database.sqlite.parent), **environment})
            assert caught.value.code == code
    assert before == (None if database.postgres else database.sqlite.read_bytes())
    with open_storage(database, environment=ENVIRONMENT) as storage:
        assert storage.threads()[0].title == "임대차계약서"


def test_an_encrypted_database_without_its_lock_does_not_pass_for_a_plain_one(database: DatabaseSettings) -> None:
    with open_storage(database._replace(encrypt=True), environment=ENVIRONMENT) as storage:
        add_thread(storage)
        _change(storage, "DELETE FROM octo_properties WHERE name = 'encryption'")
    for encrypt, code in {False: "storage_corrupt", True: "storage_not_encrypted"}.items():
        with pytest.raises(StorageError) as caught:
            open_storage(database._replace(encrypt=encrypt), environment=ENVIRONMENT)
        assert caught.value.code == code


def test_a_plain_database_that_holds_something_is_not_taken_for_an_encrypted_one(database: DatabaseSettings) -> None:
    open_storage(database).close()  # An empty one may still become one.
    with open_storage(database._replace(encrypt=True), environment=ENVIRONMENT) as storage:
        assert storage.encrypts
    plain = database._replace(sqlite=database.sqlite.with_name("plain.db"), postgres=None)
    with open_storage(plain) as storage:
        add_thread(storage)
    with pytest.raises(StorageError) as caught:
        open_storage(plain._replace(encrypt=True), environment=ENVIRONMENT)
    assert caught.value.code == "storage_not_encrypted"


def test_processes_that_begin_an_encrypted_database_together_share_its_key(database: DatabaseSettings) -> None:
    from concurrent.futures import ThreadPoolExecutor

    settings = database._replace(encrypt=True)

    def begin(number: int) -> None:
        with open_storage(settings, environment=ENVIRONMENT) as storage:
            add_thread(storage, f"t{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(begin, range(6)))
    with open_storage(settings, environment=ENVIRONMENT) as storage:
        assert len(storage.threads()) == 6


def test_a_change_to_any_column_by_sql_is_found_and_named(storage: Storage, settings: DatabaseSettings) -> None:
    for table, column in (*ALWAYS, *(KEYED if settings.encrypt else ())):
        with _tampered(storage, f"UPDATE {table} SET {column} = ? WHERE thread_id = 'thread-1'", '{"a": 1'):
            told = _told(storage)
            assert any(f"{table}.{column}" in one and "thread-1" in one for one in told), (table, column, told)
            assert not any("thread-2" in one for one in told), told
    for column in CHAINED:
        value = 9 if column == "part" else "[9]"
        sql = f"UPDATE octo_audit SET {column} = ? WHERE thread_id = 'thread-1' AND seq = 2"
        with _tampered(storage, sql, value):
            assert any(one.startswith("audit_broken thread-1 2") for one in _told(storage)), column
    for table, column in storage._database.checkpoint_values.items():
        with _tampered(storage, f"UPDATE {table} SET {column} = ? WHERE thread_id = 'thread-1'", GARBAGE):
            told = _told(storage)
            assert told
            assert all(f"{table}.{column} thread-1" in one for one in told), told


def test_what_belongs_elsewhere_is_found_in_an_encrypted_database(storage: Storage, settings: DatabaseSettings) -> None:
    if not settings.encrypt:
        pytest.skip("what nobody sealed fits everywhere")
    for table, column in (*ALWAYS[3:], *KEYED):
        of_another = f"(SELECT MAX({column}) FROM {table} WHERE thread_id = 'thread-2')"
        with _tampered(storage, f"UPDATE {table} SET {column} = {of_another} WHERE thread_id = 'thread-1'"):
            told = _told(storage)
            assert any(f"{table}.{column}" in one for one in told), (table, column, told)
    with _tampered(storage, "UPDATE octo_documents SET title = path"):
        assert "octo_documents.title" in _told(storage)[0]
    with _tampered(storage, "UPDATE store SET value = (SELECT value FROM store ORDER BY key LIMIT 1)"):
        assert [one.partition(" ")[0] for one in _told(storage)] == ["fact_damaged"]


def test_no_way_of_changing_the_audit_log_by_sql_stays_unseen(storage: Storage) -> None:
    for tampering in TAMPERINGS:
        with suppress(_Undo), storage._database.write() as run:
            for sql in tampering:
                assert run(sql, ()).rowcount
            assert storage.verify_audit("thread-1") is not None, tampering
            assert storage.verify_audit("thread-2") is None
            raise _Undo
    assert storage.verify_audit("thread-1") is None


def test_a_chain_that_somebody_made_anew_is_found_only_with_a_key(storage: Storage, settings: DatabaseSettings) -> None:
    """What the docstring of `audit` says: all three places changed to fit, by who can write and has no key."""
    _change(storage, "UPDATE octo_audit SET actor = 'user:nobody' WHERE thread_id = 'thread-1' AND seq = 1")
    keyed, storage._database.sealed = storage._database.sealed, Seal()
    storage.rechain("thread-1")
    storage._database.sealed = keyed
    assert storage.verify_audit("thread-1") == (1 if settings.encrypt else None)


def test_a_chain_is_made_anew_after_a_copy_under_another_key(storage: Storage) -> None:
    storage.rechain("thread-1")
    assert storage.verify_audit("thread-1") is None
    storage.record([entry(new=4)], key="after")
    assert storage.verify_audit("thread-1") is None


@pytest.mark.parametrize("kind", ["pickle", "json", "pickle+z", "json+z", "msgpack+other"])
def test_a_value_of_another_type_is_neither_built_nor_run(storage: Storage, kind: str, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    payload = f"cposix\nsystem\n(S'touch {witness}'\ntR.".encode()
    if kind.startswith("json"):
        called = {"lc": 2, "type": "constructor", "id": ["pathlib", "Path", "touch"], "args": [str(witness)]}
        payload = json.dumps(called).encode()
    value = zlib.compress(payload) if kind.endswith("+z") else payload
    for table, column in storage._database.checkpoint_values.items():
        _change(storage, f"UPDATE {table} SET type = ?, {column} = ? WHERE thread_id = 'thread-1'", kind, value)
    with pytest.raises(StorageError) as caught:
        _read(storage, "thread-1")
    assert caught.value.code == "storage_corrupt"
    assert "thread-1" in str(caught.value.values["detail"])
    assert not witness.exists()
    assert _read(storage, "thread-2").checkpoint["channel_values"]["said"] == SAID
    assert all("thread-1" in one for one in _told(storage))


def test_a_plain_value_is_refused_where_all_are_encrypted(storage: Storage, settings: DatabaseSettings) -> None:
    import ormsgpack

    forged = ormsgpack.packb("approved")
    for table, column in list(storage._database.checkpoint_values.items())[-1:]:
        _change(storage, f"UPDATE {table} SET type = 'msgpack', {column} = ? WHERE thread_id = 'thread-1'", forged)
    if settings.encrypt:
        with pytest.raises(StorageError) as caught:
            _read(storage, "thread-1")
        assert caught.value.code == "storage_corrupt"
    else:
        # A database of before there were seals is read as it is.
        assert {value for *_, value in _read(storage, "thread-1").pending_writes} == {"approved"}


def test_a_foreign_object_is_not_rebuilt(storage: Storage) -> None:
    import ormsgpack

    seal = storage._database.sealed
    # As LangGraph writes an object of a class: extension 0, [module, class, argument].
    ext = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(["subprocess", "Popen", "id"])))
    table, column = list(storage._database.checkpoint_values.items())[-1]
    kind, value = f"msgpack+{seal.mark}", seal.pack(ext, "msgpack")
    _change(storage, f"UPDATE {table} SET type = ?, {column} = ? WHERE thread_id = 'thread-1'", kind, value)
    assert {type(value) for *_, value in _read(storage, "thread-1").pending_writes} == {str}


def test_a_file_where_checkpoints_changed_places_is_found(tmp_path: Path) -> None:
    with open_storage(file(tmp_path / "octo.db")) as storage:
        _fill(storage, "thread-1")
        _change(
            storage,
            "UPDATE checkpoints SET checkpoint = (SELECT checkpoint FROM checkpoints ORDER BY checkpoint_id LIMIT 1)",
        )
        with pytest.raises(StorageError, match="another checkpoint"):
            _read(storage, "thread-1")


def test_a_servers_checkpoint_whose_json_changed_is_found(storage: Storage) -> None:
    if storage._database.dialect != "postgres":
        pytest.skip("a file's checkpoint is one sealed value")
    for column, value in (("checkpoint", '{"ts": "2020-01-01"}'), ("checkpoint", '{"versions_seen": {}}')):
        _change(storage, f"UPDATE checkpoints SET {column} = {column} || '{value}' WHERE thread_id = 'thread-1'")
        with pytest.raises(StorageError, match=r"checkpoints.checkpoint thread-1.*changed"):
            _read(storage, "thread-1")
    _change(storage, "UPDATE checkpoints SET metadata = '[1]' WHERE thread_id = 'thread-1'")
    with pytest.raises(StorageError, match="thread-1"):
        _read(storage, "thread-1")
    assert all("thread-1" in one for one in _told(storage))
    assert _read(storage, "thread-2") is not None


def test_checkpoints_of_before_there_were_seals_are_read(tmp_path: Path) -> None:
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver

    path = tmp_path / "octo.db"
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        checkpoint = {**empty_checkpoint(), "channel_values": {"said": SAID}}
        config = {"configurable": {"thread_id": "thread-1", "checkpoint_ns": ""}}
        SqliteSaver(connection).put(config, checkpoint, {}, {})  # type: ignore[arg-type]
    with open_storage(file(path)) as storage:
        assert _read(storage, "thread-1").checkpoint["channel_values"] == {"said": SAID}
        assert _told(storage) == []


def test_a_row_whose_metadata_is_no_json_is_told(tmp_path: Path) -> None:
    with open_storage(file(tmp_path / "octo.db")) as storage:
        _fill(storage, "thread-1")
        _change(storage, "UPDATE checkpoints SET metadata = ?", b"{")
        with pytest.raises(StorageError) as caught:
            _read(storage, "thread-1")
        assert "thread-1" in str(caught.value.values["detail"])
        assert "checkpoints.metadata thread-1" in _told(storage)[0]


@pytest.mark.parametrize("key", ["", "x", "A" * 42, "A" * 44, "=" * 43, "é" * 43])
def test_what_is_no_key_is_taken_for_none(key: str) -> None:
    assert read_key(key) is None


def test_a_key_reads_in_both_alphabets_of_base64() -> None:
    key = read_key("-_" * 21 + "8")
    assert key is not None
    assert read_key("+/" * 21 + "8=") == key


def test_a_seal_holds_for_one_place_and_one_database() -> None:
    key = read_key(new_key())
    assert key is not None
    lock = locked(key)
    assert read_lock(lock.text) == lock
    assert unlocked(lock, bytes(32)) is None
    seal, other = unlocked(lock, key), unlocked(locked(key), key)
    assert seal is not None
    assert other is not None
    stored = seal.seal(SAID, "table", "column", 1)
    assert seal.unseal(stored, "table", "column", 1) == SAID
    for opener, place in ((seal, ("table", "column", 2)), (other, ("table", "column", 1)), (seal, ())):
        with pytest.raises(BrokenSealError):
            opener.unseal(stored, *place)
    assert seal.digest(SAID) != other.digest(SAID) != Seal().digest(SAID)


def test_a_value_that_would_unpack_to_more_than_anybody_stores_is_refused() -> None:
    bomb = zlib.compress(bytes((1 << 28) + 1), 1)
    assert len(bomb) < 2_000_000
    with pytest.raises(BrokenSealError):
        Seal().unpack(bomb)
