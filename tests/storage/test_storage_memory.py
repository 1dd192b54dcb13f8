"""Facts in LangGraph's store, summaries and a turn's memory in the index: kept, found, and really forgotten."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from octo_cli.errors import StorageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.memory import Recalled, Recap, Session
from octo_cli.wire.work import Message
from tests.storage.storage_samples import AT, NOW, add_thread, later

WORDS = "나는 마포구 성산동에 산다"


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        yield storage


def talked(storage: Storage, thread_id: str, *texts: str, user: str = "lee") -> None:
    if storage.thread(thread_id) is None:
        add_thread(storage, thread_id, user=user)
    said = [Message("user" if place % 2 == 0 else "octo", text, AT) for place, text in enumerate(texts)]
    storage.keep_messages(thread_id, said)


def test_a_fact_is_kept_once_for_its_user_and_forgotten_for_good(storage: Storage) -> None:
    assert storage.facts("lee.k") == []
    fact, new = storage.keep_fact("lee.k", WORDS, thread_id="thread-1", now=NOW)
    assert new
    assert storage.keep_fact("lee.k", f"{WORDS}. ", thread_id="thread-2", now=later(days=1)) == (fact, False)
    newer, _ = storage.keep_fact("lee.k", "A4를 쓴다", thread_id="thread-1", now=later(days=1))
    assert storage.facts("lee.k") == [newer, fact]
    assert (fact.text, fact.thread_id) == (WORDS, "thread-1")
    # "lee" is the beginning of another name, and somebody else.
    assert storage.facts("lee") == []
    assert storage.find_fact("lee.k", fact.fact_id[:6]) == fact
    assert storage.find_fact("lee", fact.fact_id) is None
    storage.forget_facts("lee", [fact.fact_id])
    assert storage.facts("lee.k") == [newer, fact]
    storage.forget_facts("lee.k", [fact.fact_id])
    assert storage.facts("lee.k") == [newer]


def test_facts_outlive_the_process_that_kept_them(database: DatabaseSettings) -> None:
    with open_storage(database) as storage:
        fact, _ = storage.keep_fact("lee", WORDS, thread_id="", now=NOW)
    with open_storage(database) as storage:
        assert storage.facts("lee") == [fact]


def test_earlier_conversations_are_those_of_the_user_that_have_words_and_were_not_forgotten(storage: Storage) -> None:
    for number in range(4):
        talked(storage, f"thread-{number}", f"질문 {number}", "답")
    talked(storage, "foreign", "비밀", "답", user="kim")
    add_thread(storage, "unindexed")
    storage.forget_conversations(["thread-1"])
    storage.touch("thread-0", now=NOW)
    found = storage.earlier("lee", but="thread-3", limit=20)
    assert [one.thread_id for one in found] == ["thread-0", "thread-2"]
    assert [one.thread_id for one in storage.earlier("lee", but=None, limit=2)] == ["thread-0", "thread-3"]
    assert storage.is_forgotten("thread-1")
    assert storage.messages("thread-1") != []


def test_a_summary_is_of_the_conversation_as_it_stood(storage: Storage) -> None:
    talked(storage, "thread-1", "a", "b")
    (before,) = storage.earlier("lee", but=None, limit=1)
    storage.keep_summary(before, "long", Recap("요약", "offline"), now=NOW)
    storage.keep_summary(before, "long", Recap("요약 2", "llm"), now=NOW)
    assert storage.summary("thread-1", "long", digest=before.digest) == Recap("요약 2", "llm")
    assert storage.summary("thread-1", "short") is None
    talked(storage, "thread-1", "a", "b", "c", "d")
    (after,) = storage.earlier("lee", but=None, limit=1)
    assert storage.summary("thread-1", "long", digest=after.digest) is None
    storage.forget_conversations(["thread-1"])
    storage.keep_summary(after, "long", Recap("요약 3", "offline"), now=NOW)
    assert storage.summary("thread-1", "long") is None


def test_what_was_brought_stays_until_it_is_forgotten_or_deleted(storage: Storage) -> None:
    for name in ("thread-1", "thread-2"):
        talked(storage, name, "a", "b")
    fact, _ = storage.keep_fact("lee", WORDS, thread_id="", now=NOW)
    sessions = [Session(name, "long", AT, summary=f"{name} 요약") for name in ("thread-1", "thread-2")]
    named = storage.keep_recalled([(session, 10) for session in sessions])
    assert storage.keep_recalled([(session, 10) for session in sessions]) == named
    recalled = Recalled((fact.fact_id,), named, 20)
    talked(storage, "thread-1", "a", "b", "c", "d")
    assert storage.recalled("lee", recalled).sessions == tuple(sessions)
    assert storage.recalled("lee", recalled).facts == (fact,)
    storage.forget_conversations(["thread-1"])
    assert storage.recalled("lee", recalled).sessions == (sessions[1],)
    storage.forget_facts("lee", [fact.fact_id])
    storage.delete(["thread-2"])
    assert storage.recalled("lee", recalled) == storage.recalled("lee", Recalled())


@pytest.mark.parametrize("value", ["{", "[]", "{}", '{"text": 1}', '"a"'])
def test_a_damaged_fact_is_named_and_can_be_forgotten(storage: Storage, value: str) -> None:
    whole, _ = storage.keep_fact("lee", WORDS, thread_id="", now=NOW)
    bad, _ = storage.keep_fact("lee", "A4를 쓴다", thread_id="", now=later(days=1))
    if value == "{" and storage._database.dialect == "postgres":
        pytest.skip("no server's column holds it")
    with storage._database.write() as run:
        assert run("UPDATE store SET value = ? WHERE key = ?", (value, bad.fact_id)).rowcount
    for read in (lambda: storage.facts("lee"), lambda: storage.find_fact("lee", bad.fact_id)):
        with pytest.raises(StorageError) as caught:
            read()
        assert (caught.value.code, caught.value.values["fact"]) == ("fact_damaged", bad.fact_id)
    assert [(error.code, error.values["fact"]) for error in storage.faults()] == [("fact_damaged", bad.fact_id)]
    found = storage.find_fact("lee", bad.fact_id[:6], damaged=True)
    assert found is not None
    storage.forget_facts("lee", [found.fact_id])
    assert storage.facts("lee") == [whole]


def test_a_thread_that_was_taken_over_is_still_looked_back_on(storage: Storage, database: DatabaseSettings) -> None:
    talked(storage, "thread-1", "a", "b")
    storage.take_lease("thread-1", now=NOW)
    with open_storage(database) as other:
        other.take_lease("thread-1", now=later(seconds=31))
        (earlier,) = storage.earlier("lee", but=None, limit=1)
        storage.keep_summary(earlier, "long", Recap("요약", "offline"), now=NOW)
        session = Session("thread-1", "long", AT, summary="요약")
        named = storage.keep_recalled([(session, 10)])
        assert other.recalled("lee", Recalled((), named, 10)).sessions == (session,)
        assert other.summary("thread-1", "long") == Recap("요약", "offline")
        storage.forget_conversations(["thread-1"])
        assert other.is_forgotten("thread-1")


def test_no_byte_of_what_was_forgotten_stays_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    secret = "Seongsan-Apartment-1203"
    with open_storage(DatabaseSettings(path)) as storage:
        fact, _ = storage.keep_fact("lee", f"I live in {secret}", thread_id="", now=NOW)
        talked(storage, "thread-1", "a", "b")
        (earlier,) = storage.earlier("lee", but=None, limit=1)
        storage.keep_summary(earlier, "long", Recap(f"About {secret}", "offline"), now=NOW)
        storage.keep_recalled([(Session("thread-1", "long", AT, summary=f"About {secret}"), 10)])
        files = [path, path.with_name("octo.db-wal")]
        assert any(secret.encode() in file.read_bytes() for file in files)
        storage.forget_facts("lee", [fact.fact_id])
        storage.forget_conversations(["thread-1"])
        # While the database is still open: nobody has to close it first.
        assert not any(secret.encode() in file.read_bytes() for file in files)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM store").fetchone() == (0,)
    connection.close()
