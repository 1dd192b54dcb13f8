"""Full text over both stores: what is found, what is not, and what leaves the index."""

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from octo_cli.storage.sealing import new_key
from octo_cli.wire.work import Message
from tests.databases import file
from tests.storage.storage_samples import AT, NOW, add_thread, draft

LEASE = "보증금 5천만원에 임대차계약서를 작성해줘. 임차인은 홍길동, NDA도 함께. The Deposit is C++ 100%."
SAID = (
    *("보증금", "증금", "보증", "대차", "홍길", "길", "서", "임대차 계약", "임차인은", "5천만원", "c++", "100%"),
    *("deposit", "DEPOSIT", "depos", "nda", "NDA도", "보증금 홍길동", '"임차인은 홍길동"', "-보증금", "보증*"),
    unicodedata.normalize("NFD", "보증금"),
)
NEVER_SAID = ("증보", "금보", "보금", "홍동", "posit", '"홍길동 임차인"', "보증금 날씨", "월세")
HOSTILE = (
    *(
        "",
        " ",
        "\0",
        "%",
        "_",
        "'",
        '"',
        '"""',
        "AND",
        "OR NOT",
        "NEAR(",
        "grams:x",
        "-",
        "*",
        "^보",
        "보*",
        "(",
        "{",
        "\\",
    ),
    *(
        "보증금' OR 1=1 --",
        "'보':* & !'증'",
        "\ud800",
        "보\0증",
        "보증금 " * 2000,
        "가" * 10_000,
        "a" * 10_000,
        "\u202e",
    ),
)


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        yield storage


def tell(storage: Storage, thread_id: str, *texts: str, title: str = "—") -> None:
    if storage.thread(thread_id) is None:
        add_thread(storage, thread_id, title=title)
    storage.keep_messages(thread_id, [Message("user", text, AT) for text in texts])


def found(storage: Storage, query: str) -> list[str]:
    return [thread.thread_id for thread in storage.search(query)]


def test_a_part_of_a_korean_word_or_an_english_word_finds_its_thread(storage: Storage) -> None:
    tell(storage, "lease", "안녕하세요", LEASE)
    tell(storage, "other", "날씨가 어떤가요", "It rains.")
    assert [query for query in SAID if found(storage, query) != ["lease"]] == []


def test_what_nobody_said_is_not_found(storage: Storage) -> None:
    tell(storage, "lease", LEASE, "날씨가 어떤가요")
    assert [query for query in NEVER_SAID if found(storage, query)] == []
    # Both pairs of syllables are there, and the word is not.
    tell(storage, "apart", "홍길, 길동")
    assert found(storage, "홍길동") == ["lease"]


def test_whatever_is_typed_is_text(storage: Storage) -> None:
    tell(storage, "lease", LEASE)
    assert [query for query in HOSTILE if not set(found(storage, query)) <= {"lease"}] == []


def test_titles_messages_and_the_newest_version_of_documents_are_places(storage: Storage) -> None:
    tell(storage, "thread-1", "첫 마디", title="임대차계약서")
    for number, text in enumerate(("임대인 김철수", "임대인 이영희"), 1):
        paper = draft(f"# 계약서\n\n| {text} |", version=number)
        storage.finish_document(storage.reserve_document(paper, NOW), NOW)
    assert found(storage, "김철수") == []
    (thread,) = storage.search("이영희")
    (match,) = thread.matches
    assert (match.where, match.document_id) == ("document", "doc-1")
    assert [match.snippet[begin:end] for begin, end in match.marks] == ["이영희"]
    assert [match.where for match in storage.search("임대차")[0].matches] == ["title"]
    assert [match.where for match in storage.search("마디")[0].matches] == ["message"]


def test_a_document_of_the_first_run_is_found_once_it_has_ended(storage: Storage) -> None:
    add_thread(storage)
    storage.finish_document(storage.reserve_document(draft(text="주택 임대차"), NOW), NOW)
    tell(storage, "thread-1", "계약서")
    assert [match.where for match in storage.search("주택")[0].matches] == ["document"]


def test_a_new_title_takes_the_place_of_the_old_one(storage: Storage) -> None:
    tell(storage, "one", "말", title="옛 제목")
    storage.rename("one", "새 이름")
    assert (found(storage, "이름"), found(storage, "제목")) == (["one"], [])


def test_what_was_said_last_comes_first_and_a_limit_counts_threads(storage: Storage) -> None:
    for number in range(70):
        tell(storage, f"t{number:02}", *(["보증금"] * 5))
    tell(storage, "t03", *(["보증금"] * 6))
    assert found(storage, "보증금")[:2] == ["t03", "t69"]
    assert len(found(storage, "보증금")) == 70
    threads = storage.search("보증금", limit=2)
    assert [(thread.thread_id, len(thread.matches)) for thread in threads] == [("t03", 1), ("t69", 3)]


def test_only_the_branch_that_stands_is_found(storage: Storage) -> None:
    tell(storage, "one", "a", "bbbb", "cccc")
    tell(storage, "one", "a", "dddd")
    assert [found(storage, word) for word in ("bbbb", "cccc", "dddd", "a")] == [[], [], ["one"], ["one"]]
    tell(storage, "one", "a", "bbbb", "cccc")
    assert [found(storage, word) for word in ("bbbb", "cccc", "dddd", "a")] == [["one"], ["one"], [], ["one"]]


def test_a_long_text_is_found_by_its_beginning_and_breaks_nothing(storage: Storage) -> None:
    syllables = "".join(chr(0xAC00 + (number * 7919) % 11172) for number in range(150_000))
    tell(storage, "long", "첫머리 " + syllables, "x" * 200_000, "word " * 40_000)
    assert found(storage, "첫머리") == found(storage, "word") == ["long"]


def test_a_thread_that_waits_to_be_indexed_is_named_until_it_is(storage: Storage) -> None:
    for thread_id in ("old", "running"):
        add_thread(storage, thread_id)
    storage.touch("running", now=NOW, status="running")
    assert storage.unindexed() == ["old"]
    assert storage.keep_messages("old", [Message("user", "옛말", AT)], only_first=True) == 1
    assert storage.keep_messages("old", [], only_first=True) == 0
    assert (storage.unindexed(), found(storage, "옛말")) == ([], ["old"])


def test_the_index_can_be_made_again(storage: Storage) -> None:
    tell(storage, "one", LEASE, title="제목")
    storage.index_again()
    storage.index_again()
    assert found(storage, "보증금") == found(storage, "제목") == ["one"]


def test_a_deleted_thread_leaves_no_word_in_the_index(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    with open_storage(file(path)) as storage:
        tell(storage, "kept", "kept-word 남는다")
        for number in range(20):
            tell(storage, f"gone{number}", "zanzibarword 사라진다", title="quetzalcoatl")
        storage.rename("gone1", "popocatepetl")
        storage.delete([f"gone{number}" for number in range(20)])
        assert (found(storage, "zanzibarword"), found(storage, "kept")) == ([], ["kept"])
    # Closed and checkpointed: the file is all there is.
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["octo.db"]
    left = path.read_bytes()
    assert b"kept" in left
    assert all(word not in left for word in (b"zanzibar", b"quetzal", b"popocat", "사라".encode()))


def test_a_thread_of_a_deleted_ones_name_has_none_of_its_words(storage: Storage) -> None:
    tell(storage, "gone", "사라진다")
    storage.delete(["gone"])
    tell(storage, "gone", "돌아온다")
    assert (found(storage, "사라"), found(storage, "돌아")) == ([], ["gone"])


def test_an_encrypted_database_is_searched_without_a_word_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "octo.db"
    encrypted = file(path)._replace(encrypt=True)
    with open_storage(encrypted, environment={"OCTO_ENCRYPTION_KEY": new_key()}) as storage:
        tell(storage, "one", "zanzibarword 보증금", "또 보증금")
        tell(storage, "two", "월세")
        assert (found(storage, "보증"), found(storage, "zanzi"), found(storage, "전세")) == (["one"], ["one"], [])
        storage.rename("one", "새 이름")
        storage.delete(["two"])
    assert b"zanzibar" not in path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT rowid FROM octo_grams WHERE octo_grams MATCH '보증'").fetchall() == []
