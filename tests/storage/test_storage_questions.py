"""Open questions: the inbox, first-seen times, deadlines that act once."""

from collections.abc import Iterator

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.forms import FormField, Issue
from tests.storage.storage_samples import NOW, add_thread, later, question


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        add_thread(storage)
        yield storage


def test_a_question_comes_back_as_it_was_put(storage: Storage) -> None:
    whole = question(
        fields=(FormField("deposit", "보증금", "won", True, value=50_000_000, issues=(Issue("error", "L1", "…"),)),),
        actions=("submit", "back"),
        preview="# 계약\n____",
        expires_at="2027-03-02T09:00:00+09:00",
        on_timeout="reject",
    )
    assert storage.put_questions("thread-1", [whole]) == [whole]
    assert storage.questions() == [whole]
    assert storage.questions("thread-1") == [whole]
    assert storage.questions("other") == []


def test_the_open_set_is_replaced_and_counted(storage: Storage) -> None:
    storage.put_questions("thread-1", [question("q1"), question("q2")])
    assert storage.threads()[0].pending == 2
    storage.put_questions("thread-1", [question("q3")])
    assert [found.id for found in storage.questions()] == ["q3"]
    assert storage.threads()[0].pending == 1
    storage.put_questions("thread-1", [])
    assert storage.questions() == []
    assert storage.threads()[0].pending == 0


def test_a_question_asked_again_keeps_its_first_times_and_takes_the_new_words(storage: Storage) -> None:
    storage.put_questions("thread-1", [question(expires_at="2027-03-01T10:00:00Z"), question("q2")])
    again = question(message="다시", created_at="2027-03-01T09:30:00Z", expires_at="2027-03-01T10:30:00Z")
    (stored,) = storage.put_questions("thread-1", [again])
    assert (stored.message, stored.created_at, stored.expires_at) == (
        "다시",
        "2027-03-01T09:00:00Z",
        "2027-03-01T10:00:00Z",
    )
    assert storage.questions() == [stored]


def test_the_inbox_is_oldest_first_by_instant_and_not_by_text(storage: Storage) -> None:
    add_thread(storage, "thread-2")
    storage.put_questions("thread-1", [question("seoul", created_at="2027-03-01T18:10:00+09:00")])
    storage.put_questions(
        "thread-2",
        [question("utc", thread_id="thread-2", created_at="2027-03-01T09:05:00Z"), question("timeless", created_at="")],
    )
    assert [found.id for found in storage.questions()] == ["timeless", "utc", "seoul"]


def test_a_deadline_is_due_once(storage: Storage) -> None:
    storage.put_questions("thread-1", [question("soon", expires_at="2027-03-01T19:00:00+09:00"), question("never")])
    assert storage.due_questions(NOW) == []
    assert [found.id for found in storage.due_questions(later(hours=1))] == ["soon"]
    assert storage.mark_timed_out("soon", later(hours=1)) is True
    assert storage.mark_timed_out("soon", later(hours=1)) is False
    assert storage.due_questions(later(hours=2)) == []
    assert [found.id for found in storage.questions()] == ["soon", "never"]


def test_a_marked_question_asked_again_stays_marked(storage: Storage) -> None:
    asked = question(expires_at="2027-03-01T09:30:00Z")
    storage.put_questions("thread-1", [asked])
    storage.mark_timed_out("q1", later(hours=1))
    storage.put_questions("thread-1", [asked])
    assert storage.due_questions(later(hours=2)) == []


def test_a_fork_holds_the_same_question_id_apart(storage: Storage) -> None:
    add_thread(storage, "fork")
    asked = question(expires_at="2027-03-01T09:30:00Z")
    storage.put_questions("thread-1", [asked])
    storage.put_questions("fork", [question(thread_id="fork", expires_at="2027-03-01T09:30:00Z")])
    assert storage.mark_timed_out("q1", later(hours=1), thread_id="fork") is True
    assert [found.thread_id for found in storage.due_questions(later(hours=1))] == ["thread-1"]
    assert storage.mark_timed_out("unknown", NOW) is False
