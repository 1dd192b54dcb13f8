"""The thread index: lists, lookups, titles, details, deletion."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octo_cli.errors import NotFound, ThreadBusy, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, ThreadDetails, open_storage
from octo_cli.storage.sqlite import SqliteDatabase
from octo_cli.wire.work import ThreadRecord, Usage
from tests.databases import file
from tests.storage.storage_samples import AT, NOW, add_thread, draft, entry, later, question


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        yield storage


def test_a_new_thread_is_listed_with_everything_a_list_shows(storage: Storage) -> None:
    record = storage.create_thread("t.1-A_", title="임대차", user="lee", now=NOW)
    at = "2027-03-01T09:00:00.000000Z"
    assert record == ThreadRecord("t.1-A_", "임대차", "active", "lee", at, at)
    assert storage.threads() == [record]
    assert storage.thread("t.1-A_") == record
    assert storage.thread("t.1") is None


@pytest.mark.parametrize("thread_id", ["", "a" * 65, "한글", "a b", "a/b", "last", "a\n"])
def test_an_id_outside_the_rule_is_refused(storage: Storage, thread_id: str) -> None:
    with pytest.raises(UsageError) as caught:
        add_thread(storage, thread_id)
    assert caught.value.code == "thread_id_invalid"
    assert storage.threads() == []


def test_a_taken_id_is_refused(storage: Storage) -> None:
    add_thread(storage)
    with pytest.raises(UsageError) as caught:
        add_thread(storage, title="다른 것")
    assert caught.value.code == "thread_exists"
    assert [record.title for record in storage.threads()] == ["임대차계약서"]


def test_lists_are_newest_first_by_touch_even_when_the_clock_stands_still_or_goes_back(storage: Storage) -> None:
    for thread_id in ("a", "b", "c"):
        add_thread(storage, thread_id)
    storage.touch("a", now=NOW)
    storage.touch("b", now=later(days=-1))
    assert [record.thread_id for record in storage.threads()] == ["b", "a", "c"]
    assert storage.resolve("last") == "b"


def test_lists_filter_by_status_user_and_limit(storage: Storage) -> None:
    for number in range(6):
        thread_id = add_thread(storage, f"t{number}", user="lee" if number % 2 else "kim")
        storage.touch(thread_id, now=NOW, status="completed" if number < 4 else "waiting_human")

    def listed(**filters: Any) -> list[str]:
        return [record.thread_id for record in storage.threads(**filters)]

    assert listed(status="completed") == ["t3", "t2", "t1", "t0"]
    assert listed(status="completed", limit=2) == ["t3", "t2"]
    assert listed(user="kim") == ["t4", "t2", "t0"]
    assert listed(user="kim", status="waiting_human") == ["t4"]
    assert listed(limit=0) == []
    assert listed(status="failed") == []


def test_a_running_row_counts_as_running_only_while_its_lease_lives(storage: Storage) -> None:
    for thread_id in ("alive", "ownerless", "idle"):
        add_thread(storage, thread_id)
    storage.touch("alive", now=NOW, status="running")
    storage.touch("ownerless", now=NOW, status="running")
    lease = storage.take_lease("alive", now=NOW)

    def shown(**filters: Any) -> dict[str, str]:
        return {record.thread_id: record.status for record in storage.threads(now=NOW, **filters)}

    assert shown() == {"ownerless": "active", "alive": "running", "idle": "active"}
    assert shown(status="running") == {"alive": "running"}
    assert shown(status="active") == {"ownerless": "active", "idle": "active"}
    assert shown(status="active", limit=2) == {"ownerless": "active", "idle": "active"}
    assert storage.thread("alive", now=later(seconds=31)) == storage.threads(now=later(seconds=31))[1]
    assert [record.status for record in storage.threads(now=later(seconds=31))] == ["active"] * 3
    lease.release()
    assert shown(status="running") == {}


def test_touch_changes_what_it_names_and_nothing_else(storage: Storage) -> None:
    add_thread(storage)
    failure = {"code": "model_unreachable", "values": {"url": "…"}}
    storage.touch(
        "thread-1",
        now=later(hours=1),
        status="failed",
        turns_added=2,
        active_seconds=1.5,
        graph_version="3",
        failure=failure,
    )
    storage.touch("thread-1", now=later(hours=2), turns_added=1, status=None)
    record = storage.threads()[0]
    assert (record.status, record.turns, record.title) == ("failed", 3, "임대차계약서")
    assert record.updated_at == "2027-03-01T11:00:00.000000Z"
    assert record.created_at == "2027-03-01T09:00:00.000000Z"
    assert storage.thread_details("thread-1") == ThreadDetails("3", 1.5, failure, False)


def test_a_new_status_clears_the_failure(storage: Storage) -> None:
    add_thread(storage)
    storage.touch("thread-1", now=NOW, status="failed", failure={"code": "x"})
    storage.touch("thread-1", now=NOW, status="running")
    details = storage.thread_details("thread-1")
    assert details is not None
    assert details.failure is None


def test_an_automatic_title_never_replaces_a_persons(storage: Storage) -> None:
    add_thread(storage, title="")
    storage.touch("thread-1", now=NOW, title="자동 제목")
    assert storage.threads()[0].title == "자동 제목"
    storage.rename("thread-1", "우리 집 계약")
    storage.touch("thread-1", now=NOW, title="다시 자동")
    assert storage.threads()[0].title == "우리 집 계약"
    storage.rename("thread-1", "본가 계약")
    assert storage.threads()[0].title == "본가 계약"


def test_an_unknown_thread_is_not_touched_renamed_or_detailed_into_being(storage: Storage) -> None:
    with pytest.raises(NotFound):
        storage.touch("ghost", now=NOW)
    with pytest.raises(NotFound):
        storage.rename("ghost", "x")
    assert storage.thread_details("ghost") is None
    assert storage.threads() == []


class TestResolve:
    @pytest.fixture(autouse=True)
    def _threads(self, storage: Storage) -> None:
        add_thread(storage, "0193abcd-1", title="임대차계약서")
        add_thread(storage, "0193abce-2", title="비밀유지계약서")
        add_thread(storage, "0193", title="짧은 것")
        add_thread(storage, "nda", title="비밀유지계약서")
        add_thread(storage, "lease-2", title="일")
        add_thread(storage, "other", title="lease")

    @pytest.mark.parametrize(
        ("ref", "thread_id"),
        [
            ("0193abcd-1", "0193abcd-1"),
            ("0193abcd", "0193abcd-1"),
            ("0193", "0193"),
            ("임대차계약서", "0193abcd-1"),
            ("nda", "nda"),
            ("last", "other"),
        ],
    )
    def test_what_names_one_thread_finds_it(self, storage: Storage, ref: str, thread_id: str) -> None:
        assert storage.resolve(ref) == thread_id

    def test_decomposed_hangul_finds_the_composed_title(self, storage: Storage) -> None:
        from unicodedata import normalize

        assert storage.resolve(normalize("NFD", "임대차계약서")) == "0193abcd-1"

    @pytest.mark.parametrize("ref", ["0193a", "비밀유지계약서", "lease"])
    def test_what_names_several_lists_them(self, storage: Storage, ref: str) -> None:
        with pytest.raises(NotFound) as caught:
            storage.resolve(ref)
        assert caught.value.code == "thread_ambiguous"
        assert str(caught.value.values["matches"]).count('"') == 4

    @pytest.mark.parametrize("ref", ["019", "", "0193x", "0193ABCD", "임대차", "%", "0193abcd-1 ", "\udcff", "a\0b"])
    def test_what_names_none_is_not_found_and_makes_nothing(self, storage: Storage, ref: str) -> None:
        with pytest.raises(NotFound) as caught:
            storage.resolve(ref)
        assert caught.value.code == "thread_not_found"
        assert len(storage.threads()) == 6

    def test_near_matches_are_named_by_id_and_by_title(self, storage: Storage) -> None:
        for ref, near in [("0193abdd", "0193abcd-1"), ("임대차 계약서", '0193abcd-1 "임대차계약서"')]:
            with pytest.raises(NotFound) as caught:
                storage.resolve(ref)
            assert near in str(caught.value.values["near"])

    def test_nothing_near_names_none(self, storage: Storage) -> None:
        with pytest.raises(NotFound) as caught:
            storage.resolve("zzzzzzzzzz")
        assert caught.value.values["near"] == ""


def test_last_of_an_empty_store_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound):
        storage.resolve("last")


def test_delete_leaves_no_row_and_no_word_behind(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    secret = "880101-1234567"
    with open_storage(file(path)) as storage:
        for thread_id in ("thread-1", "thread-2"):
            add_thread(storage, thread_id)
            storage.put_questions(thread_id, [question(thread_id=thread_id, message=secret * 500)])
            storage.record([entry(thread_id, new=secret * 500)], key=thread_id)
            storage.reserve_document(draft(thread_id=thread_id, document_id=thread_id, text=secret * 5000), NOW)
        assert storage.delete(["thread-1", "unknown"]) == 1
        assert [record.thread_id for record in storage.threads()] == ["thread-2"]
        assert storage.audit("thread-1") == []
        assert storage.audit("thread-2") != []
        assert [found.thread_id for found in storage.questions()] == ["thread-2"]
        assert storage.delete(["thread-2"]) == 1
    assert secret.encode() not in path.read_bytes()


def test_a_thread_being_run_is_not_deleted_nor_is_any_other_of_the_same_call(storage: Storage) -> None:
    add_thread(storage, "a")
    add_thread(storage, "b")
    lease = storage.take_lease("b", now=NOW)
    with pytest.raises(ThreadBusy):
        storage.delete(["a", "b"], now=NOW)
    assert len(storage.threads()) == 2
    lease.release()
    assert storage.delete(["a", "b"], now=NOW) == 2


def test_ten_thousand_threads_are_listed_and_found_by_index(tmp_path: Path) -> None:
    storage = open_storage(file(tmp_path / "octo.db"))
    other = sqlite3.connect(storage.name)
    with other:
        other.executemany(
            "INSERT INTO octo_threads (thread_id, title, status, user_name, created_at, updated_at, recency)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (f"{n:05}-thread", f"제목 {n}", ("active", "completed")[n % 2], f"user{n % 7}", AT, AT, n)
                for n in range(10_000)
            ],
        )
    said: list[str] = []
    assert isinstance(storage._database, SqliteDatabase)
    storage._database._connection.set_trace_callback(said.append)
    assert [record.thread_id for record in storage.threads(limit=2)] == ["09999-thread", "09998-thread"]
    assert len(storage.threads(limit=20, status="completed")) == 20
    assert len(storage.threads(limit=20, user="user3")) == 20
    assert storage.resolve("07777") == "07777-thread"
    assert storage.resolve("제목 42") == "00042-thread"
    assert storage.resolve("last") == "09999-thread"
    storage.questions()
    storage._database._connection.set_trace_callback(None)

    selects = [sql for sql in said if "octo_threads" in sql or "octo_questions" in sql]
    assert len(selects) >= 7
    for sql in selects:
        plan = " / ".join(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {sql}"))
        assert "SCAN octo_threads" not in plan.replace("SCAN octo_threads USING INDEX octo_threads_recency", ""), plan
        # Only the handful that match a reference are sorted.
        assert "TEMP B-TREE" not in plan or "MULTI-INDEX OR" in plan, plan
    other.close()
    storage.close()


def test_what_models_used_is_kept_by_turn_and_added_up(storage: Storage) -> None:
    add_thread(storage)
    first, second = Usage("openai:a", 1, 10, 2, 0.5, 4), Usage("openai:b", 2, 20, 3, 0.25)
    storage.touch("thread-1", now=NOW, past_usage=first, turn_usage={"": first, "1": second})
    details = storage.thread_details("thread-1")
    assert details is not None
    assert details.turn_usage == {"": first, "1": second}
    assert details.usage == Usage("openai:a, openai:b", 4, 40, 7, 1.25, 8)
