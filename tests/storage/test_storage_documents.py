"""Documents: a second try writes to the first one's place, a new text is a new version."""

from collections.abc import Iterator

import pytest

from octo_cli.errors import NotFound
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.wire.work import Artifact
from tests.storage.storage_samples import NOW, add_thread, draft, later


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        add_thread(storage)
        yield storage


def test_a_finished_document_comes_back_whole(storage: Storage) -> None:
    reserved = storage.reserve_document(draft(), NOW)
    assert (reserved.version, reserved.path, reserved.finished_at) == (1, "/papers/lease.md", None)
    assert storage.document("doc-1") is None
    assert storage.documents() == []
    assert storage.threads()[0].documents == 0

    storage.finish_document(reserved, later(minutes=1))
    latest = storage.document("doc-1")
    assert latest is not None
    assert latest.fields == draft().fields
    assert latest.text == draft().text
    assert latest.finished_at == "2027-03-01T09:01:00.000000Z"
    assert latest.artifact == Artifact(
        "doc-1",
        "lease",
        "주택임대차계약서",
        1,
        "ko",
        draft().doc_hash,
        "/papers/lease.md",
        "2027-03-01T09:00:00.000000Z",
    )
    assert storage.threads()[0].documents == 1


def test_a_second_try_gets_the_first_path_and_version(storage: Storage) -> None:
    first = storage.reserve_document(draft(), NOW)
    for again in (draft(path="/else/lease-v2.md"), draft(version=2, path="/papers/other.md")):
        assert storage.reserve_document(again, later(hours=1)) == first
    storage.finish_document(first, NOW)
    assert storage.reserve_document(draft(path="/else"), later(hours=2)).path == first.path
    assert storage.next_version("doc-1") == 2


def test_finishing_twice_changes_nothing(storage: Storage) -> None:
    reserved = storage.reserve_document(draft(), NOW)
    storage.finish_document(reserved, NOW)
    storage.finish_document(reserved, later(hours=1))
    assert [found.finished_at for found in storage.documents()] == ["2027-03-01T09:00:00.000000Z"]
    assert storage.threads()[0].documents == 1


def test_a_new_text_is_a_new_version_and_a_taken_number_gives_way(storage: Storage) -> None:
    storage.reserve_document(draft(), NOW)
    second = storage.reserve_document(draft("b", path="/papers/lease-v2.md"), NOW)
    assert (second.version, second.path) == (2, "/papers/lease-v2.md")
    assert storage.reserve_document(draft("c", version=7), NOW).version == 7
    assert storage.next_version("doc-1") == 8


def test_a_text_that_comes_back_after_another_is_a_version_of_its_own(storage: Storage) -> None:
    for number, text in enumerate(("a", "b", "a"), start=1):
        reserved = storage.reserve_document(draft(text, version=number, path=f"/v{number}"), NOW)
        storage.finish_document(reserved, later(minutes=number))
        assert (reserved.version, reserved.path) == (number, f"/v{number}")
    assert storage.reserve_document(draft("a", version=4, path="/v4"), NOW).path == "/v3"
    assert [found.version for found in storage.documents()] == [3, 2, 1]
    latest = storage.document("doc-1")
    assert latest is not None
    assert latest.version == 3


def test_a_fork_editing_the_same_document_does_not_disturb_a_second_try(storage: Storage) -> None:
    first = storage.reserve_document(draft(), NOW)
    fork = storage.reserve_document(draft("b", thread_id="fork", path="/fork"), NOW)
    assert fork.version == 2
    assert storage.reserve_document(draft(path="/else"), NOW) == first
    assert storage.reserve_document(draft("b", thread_id="fork", path="/else"), NOW) == fork


def test_the_same_text_in_a_fork_is_finished_by_the_thread_that_wrote_it(storage: Storage) -> None:
    add_thread(storage, "fork")
    first = storage.reserve_document(draft(), NOW)
    fork = storage.reserve_document(draft(thread_id="fork", path="/fork"), NOW)
    storage.finish_document(first, NOW, path="/papers/other.md")
    storage.give_up_document(fork)
    (finished,) = storage.documents()
    assert (finished.thread_id, finished.version, finished.path) == ("thread-1", 1, "/papers/other.md")
    assert {record.thread_id: record.documents for record in storage.threads()} == {"thread-1": 1, "fork": 0}


def test_lists_are_newest_first_light_unless_asked_and_of_one_thread(storage: Storage) -> None:
    add_thread(storage, "thread-2")
    for thread_id, document_id, minutes in (("thread-1", "old", 1), ("thread-2", "new", 2), ("thread-1", "mid", 1.5)):
        reserved = storage.reserve_document(draft(thread_id=thread_id, document_id=document_id), NOW)
        storage.finish_document(reserved, later(minutes=minutes))
    assert [found.document_id for found in storage.documents()] == ["new", "mid", "old"]
    assert [found.document_id for found in storage.documents("thread-1")] == ["mid", "old"]
    assert {(found.text, len(found.fields)) for found in storage.documents()} == {("", 0)}
    assert {found.text for found in storage.documents(whole=True)} == {draft().text}
    assert {record.thread_id: record.documents for record in storage.threads()} == {"thread-1": 2, "thread-2": 1}


def test_what_was_never_reserved_cannot_be_finished(storage: Storage) -> None:
    given_up = storage.reserve_document(draft(), NOW)
    storage.give_up_document(given_up)
    with pytest.raises(NotFound) as caught:
        storage.finish_document(given_up, NOW)
    assert caught.value.code == "document_not_found"
    assert storage.next_version("unknown") == 1
