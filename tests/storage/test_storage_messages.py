"""The conversation beside its checkpoints: turn after turn, and over branches."""

from collections.abc import Iterator

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.work import Message
from tests.storage.storage_samples import AT, add_thread


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        add_thread(storage)
        yield storage


def said(*texts: str) -> list[Message]:
    return [Message("user" if place % 2 == 0 else "octo", text, AT) for place, text in enumerate(texts)]


def test_every_turn_adds_what_is_new(storage: Storage) -> None:
    assert storage.keep_messages("thread-1", said("안녕", "hello")) == 2
    assert storage.keep_messages("thread-1", said("안녕", "hello")) == 0
    assert storage.keep_messages("thread-1", said("안녕", "hello", "안녕", "hello")) == 2
    assert storage.messages("thread-1") == said("안녕", "hello", "안녕", "hello")


def test_nothing_is_kept_of_a_thread_that_was_deleted_meanwhile(storage: Storage) -> None:
    storage.delete(["thread-1"])
    assert storage.keep_messages("thread-1", said("안녕"), only_first=True) == 0
    assert storage.messages("thread-1") == []


def test_a_branch_that_was_left_is_no_longer_the_conversation_and_comes_back_whole(storage: Storage) -> None:
    first, second = said("a", "b", "c", "d"), said("a", "b", "x", "y", "z")
    assert storage.keep_messages("thread-1", first) == 4
    assert storage.keep_messages("thread-1", second) == 3
    assert storage.messages("thread-1") == second
    assert storage.keep_messages("thread-1", said("a", "b")) == 0
    assert storage.messages("thread-1") == said("a", "b")
    assert storage.keep_messages("thread-1", first) == 0
    assert storage.messages("thread-1") == first
