"""Lists over a real database that no graph ever ran on."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pexpect
import pytest

from octo_cli.storage import open_storage
from octo_cli.ui.cells import width
from octo_cli.wire.forms import Question
from octo_cli.wire.work import Message
from tests.conftest import NOW, Octo, Said
from tests.databases import file

MOMENT = datetime.fromisoformat(NOW)
LONG = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
HOSTILE = "evil \x1b[31m\n\u202e [red]x[/red]"


@pytest.fixture
def filled(octo: Octo) -> Octo:
    with open_storage(file(octo.database)) as storage:
        storage.create_thread("aaaa0001bbbb", title=LONG, user="kim", now=MOMENT - timedelta(hours=3))
        storage.create_thread(
            "aaaa0002bbbb", title="evil \x1b[31m\n\u202e [red]x[/red]", user="kim", now=MOMENT - timedelta(days=30)
        )
        storage.create_thread("nda.2026", title="비밀유지계약서", user="lee", now=MOMENT)
        storage.touch("nda.2026", now=MOMENT, status="waiting_human")
        for thread_id in ("aaaa0001bbbb", "aaaa0002bbbb", "nda.2026"):
            storage.keep_messages(thread_id, ())
        storage.put_questions("nda.2026", [question("q2", "두 번째", hours=1), question("q1", "첫 번째", hours=2)])
    octo.environment["OCTO_LANG"] = "ko"
    return octo


def question(name: str, title: str, *, hours: int) -> Question:
    asked = (MOMENT - timedelta(hours=hours)).isoformat()
    return Question(name, "collaboration_required", "nda.2026", "1", "contract", title, "", created_at=asked)


def test_a_list_is_a_table_of_safe_text(filled: Octo) -> None:
    said = filled("threads", "list")
    assert (said.status, said.err) == (0, "")
    header, *rows = said.out.splitlines()
    assert header.split() == ["ID", "상태", "최근", "사용자", "제목"]
    assert rows[0].split()[:3] == ["nda.2026", "답변", "대기"]
    assert "한 달" not in rows[1]
    assert "‹U+001B›[31m ‹U+202E› [red]x[/red]" in said.out
    assert "\x1b" not in said.out
    titles = ("제목", "비밀", "evil", "임대차")
    starts = {width(line[: line.index(title)]) for line, title in zip([header, *rows], titles, strict=True)}
    assert len(starts) == 1


def test_a_list_is_json_with_its_version(filled: Octo) -> None:
    body = filled("threads", "list", "--json").json
    assert body["version"] == 1
    assert [thread["thread_id"] for thread in body["threads"]] == ["nda.2026", "aaaa0002bbbb", "aaaa0001bbbb"]
    assert body["threads"][0]["status"] == "waiting_human"


def test_a_list_can_be_narrowed(filled: Octo) -> None:
    for narrowing, count in (
        (["--status", "active"], 2),
        (["--user", "lee"], 1),
        (["--limit", "1"], 1),
        (["--user", "x"], 0),
    ):
        assert len(filled("threads", "list", *narrowing, "--json").json["threads"]) == count


def test_a_screen_is_never_overflown(filled: Octo) -> None:
    child = pexpect.spawn(
        *(sys.executable, ["-m", "octo_cli", "threads", "list"]),
        encoding="utf-8", dimensions=(24, 60), timeout=20, env=filled.environment, cwd=str(filled.folder),
    )  # fmt: skip
    lines = str(child.read()).split("\r\n")
    assert any(line.endswith("…") for line in lines)
    assert all(width(line) <= 60 for line in lines)


def test_looking_makes_no_database(octo: Octo) -> None:
    for command in (["threads", "list"], ["inbox"], ["documents", "list"]):
        assert octo(*command).status == 0
    assert not octo.database.parent.exists()


def test_the_inbox_can_be_one_persons(filled: Octo) -> None:
    assert filled("inbox", "--user", "kim", "--json").json["interrupts"] == []
    assert len(filled("inbox", "--user", "lee", "--json").json["interrupts"]) == 2
    assert "--user lee --limit all" in filled("inbox", "--user", "lee", "--limit", "1").err


def test_the_inbox_is_oldest_first(filled: Octo) -> None:
    assert [one["id"] for one in filled("inbox", "--json").json["interrupts"]] == ["q1", "q2"]
    _, first, second = filled("inbox").out.splitlines()
    assert "첫 번째" in first
    assert "두 번째" in second
    assert "2시간 전" in first


def test_a_thread_is_renamed_by_prefix_title_or_last(filled: Octo) -> None:
    for ref, title in (("nda.", "하나"), ("하나", "둘"), ("last", "\u1112\u1161\u11ab")):
        assert filled("threads", "rename", ref, title).status == 0
    assert filled("threads", "list", "--json").json["threads"][0]["title"] == "한"


@pytest.mark.parametrize(
    ("ref", "code"), [("aaaa", "thread_ambiguous"), ("zzzz", "thread_not_found"), ("nda", "thread_not_found")]
)
def test_an_unknown_thread_is_status_four(filled: Octo, ref: str, code: str) -> None:
    said = filled("threads", "rename", ref, "x", "--json")
    assert (said.status, said.json["error"]["code"]) == (4, code)


def test_deleting_needs_a_yes(filled: Octo) -> None:
    said = filled("threads", "delete", "nda.")
    assert (said.status, said.out) == (2, "")
    assert "--yes" in said.err
    assert filled("threads", "delete", "nda.", "aaaa0001", "--yes", "--json").json["deleted"] == [
        "nda.2026",
        "aaaa0001bbbb",
    ]
    assert [one["thread_id"] for one in filled("threads", "list", "--json").json["threads"]] == ["aaaa0002bbbb"]


def test_deleting_asks_on_a_terminal(filled: Octo) -> None:
    for said, left in (("n", 3), ("예", 2)):
        child = pexpect.spawn(
            *(sys.executable, ["-m", "octo_cli", "threads", "delete", "nda."]),
            encoding="utf-8", dimensions=(24, 80), timeout=20, env=filled.environment, cwd=str(filled.folder),
        )  # fmt: skip
        child.expect_exact("[y/N]")
        child.sendline(said)
        child.expect(pexpect.EOF)
        assert len(filled("threads", "list", "--json").json["threads"]) == left


def test_one_unknown_thread_deletes_nothing(filled: Octo) -> None:
    assert filled("threads", "delete", "nda.", "zzzz", "--yes").status == 4
    assert len(filled("threads", "list", "--json").json["threads"]) == 3


def test_a_damaged_database_is_status_five(octo: Octo) -> None:
    octo.database.parent.mkdir()
    octo.database.write_bytes(b"this is no database, but it is long enough to look like one" * 40)
    said = octo("threads", "list", "--json")
    assert (said.status, said.json["error"]["code"]) == (5, "storage_corrupt")
    assert octo.database.read_bytes().startswith(b"this is no database")


def test_document_types_are_listed_and_shown(octo: Octo) -> None:
    assert {"lease", "nda"} <= {one["name"] for one in octo("documents", "types", "--json").json["types"]}
    assert "deposit" in octo("documents", "show", "lease").out
    assert octo("documents", "show", "lease", "--json").json["type"] == "lease"
    said = octo("documents", "show", "leese", "--json")
    assert (said.status, said.json["error"]["code"]) == (4, "document_type_not_found")


def test_light_commands_import_no_heavy_module(filled: Octo) -> None:
    for command in (["threads", "list"], ["inbox"], ["threads", "list", "--json"], ["threads", "rename", "last", "x"]):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "octo_cli", *command],
            capture_output=True, text=True, env=filled.environment, cwd=filled.folder, check=True,
        )  # fmt: skip
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert imported.isdisjoint({"pydantic", "asyncio", "langgraph", "rich", "prompt_toolkit", "jinja2"})


def test_times_are_read_in_the_callers_zone() -> None:
    assert MOMENT.astimezone(UTC).hour == 1


def test_a_search_shows_where_it_was_said(filled: Octo) -> None:
    with open_storage(file(filled.database)) as storage:
        storage.keep_messages("aaaa0001bbbb", [Message("user", f"{'가' * 50} 특약은 \x1b[31m없습니다", NOW)])
        storage.keep_messages("aaaa0002bbbb", [Message("user", HOSTILE, NOW)])
    said = filled("threads", "search", "특약")
    assert (said.status, said.err) == (0, "")
    header, row, place = said.out.splitlines()
    assert header.split() == ["ID", "상태", "최근", "제목"]
    assert row.startswith("aaaa0001")
    assert place.split()[:3] == ["대화", "·", "방금"]
    assert place.endswith("특약은 ‹U+001B›[31m없습니다")
    assert [one["thread_id"] for one in filled("threads", "search", "계약", "--json").json["threads"]] == [
        "aaaa0001bbbb",
        "nda.2026",
    ]
    assert "\x1b" not in filled("threads", "search", "evil").out


def test_a_search_is_json_with_marks(filled: Octo) -> None:
    body = filled("threads", "search", "비밀 유지", "--json").json
    (thread,) = body["threads"]
    (match,) = thread.pop("matches")
    assert (body["version"], thread) == (1, filled("threads", "list", "--limit", "1", "--json").json["threads"][0])
    assert (match["where"], match["snippet"], match["marks"]) == ("title", "비밀유지계약서", [[0, 4]])


def test_a_search_marks_its_hits_on_a_screen_and_fits_it(filled: Octo) -> None:
    with open_storage(file(filled.database)) as storage:
        storage.keep_messages("nda.2026", [Message("user", "보증금은 " * 40, NOW)])
    child = pexpect.spawn(
        *(sys.executable, ["-m", "octo_cli", "threads", "search", "증금"]),
        encoding="utf-8", dimensions=(24, 60), timeout=20, cwd=str(filled.folder),
        env={**filled.environment, "TERM": "xterm"},
    )  # fmt: skip
    lines = str(child.read()).split("\r\n")
    assert any("보\x1b[1m증금\x1b[0m은" in line for line in lines)
    assert all(width(re.sub(r"\x1b\[\dm", "", line)) <= 60 for line in lines)


def test_nothing_found_is_no_failure_and_says_what_next(filled: Octo) -> None:
    for query in ("뷁뷁", '"NEAR('):
        said = filled("threads", "search", query)
        assert (said.status, said.out) == (0, "찾은 대화가 없습니다.\n")
        assert "octo threads list" in said.err
    for query in ("", "%", "*", "🏠"):
        said = filled("threads", "search", query)
        assert (said.status, said.out, "octo threads search" in said.err) == (2, "", True)
    filled.environment["OCTO_LANG"] = "en"
    assert filled("threads", "search", "뷁뷁", "--quiet") == Said(0, "Nothing found.\n", "")
    assert filled("threads", "search", "뷁뷁", "--json").json == {"version": 1, "threads": []}


def test_long_lists_show_their_beginning_and_how_much_is_left(filled: Octo) -> None:
    with open_storage(file(filled.database)) as storage:
        for number in range(60):
            storage.create_thread(f"many{number:02}", title=f"보증금 {number}", user="park", now=MOMENT)
        many = [question(f"many{number:02}", "물음", hours=3) for number in range(60)]
        storage.put_questions("many00", many)
    said = filled("threads", "list")
    assert (len(said.out.splitlines()), said.err) == (51, "13개 더 있습니다: octo threads list --limit all\n")
    assert len(filled("threads", "list", "--limit", "all").out.splitlines()) == 64
    assert len(filled("threads", "list", "--json").json["threads"]) == 63
    said = filled("inbox")
    assert (len(said.out.splitlines()), said.err) == (51, "12개 더 있습니다: octo inbox --limit all\n")
    assert len(filled("inbox", "--json").json["interrupts"]) == 62
    assert len(filled("inbox", "--limit", "3", "--json").json["interrupts"]) == 3
    said = filled("threads", "search", "보증", "--limit", "30")
    assert said.out.splitlines()[1].startswith("many59")
    assert "--limit all" in said.err
    assert len(filled("threads", "search", "보증", "--limit", "all", "--json").json["threads"]) == 61


def test_what_an_older_octo_left_is_found_by_the_first_search(octo: Octo) -> None:
    thread = octo("ask", "보증금이 무엇인지 설명해 줘", "--json").json["thread_id"]
    with closing(sqlite3.connect(octo.database)) as connection, connection:
        # As the migration leaves a thread that was there before it.
        connection.executescript(
            "DELETE FROM octo_messages; DELETE FROM octo_texts; UPDATE octo_threads SET indexed = 0;"
            "INSERT INTO octo_grams (octo_grams) VALUES ('delete-all')"
        )
    for _ in range(2):
        assert [one["thread_id"] for one in octo("threads", "search", "무엇인지", "--json").json["threads"]] == [thread]


def test_a_fork_and_a_rollback_are_found_as_they_stand(octo: Octo) -> None:
    thread = octo("ask", "보증금이 무엇인지 설명해 줘", "--json").json["thread_id"]
    octo("ask", "월세는 무엇인가요", "--thread", thread, "--json")
    fork = octo("threads", "fork", thread, "--json").json["thread_id"]
    found = [one["thread_id"] for one in octo("threads", "search", "월세는", "--json").json["threads"]]
    assert found == [fork, thread]
    history = octo("threads", "inspect", thread, "--history", "--json").json["history"]
    assert octo("threads", "rollback", thread, "--to", history[0]["checkpoint_id"]).status == 0
    found = [one["thread_id"] for one in octo("threads", "search", "월세는", "--json").json["threads"]]
    assert found == [fork]


def test_a_title_has_an_end(filled: Octo) -> None:
    said = filled("threads", "rename", "nda.", "가" * 501, "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "text_too_long")
    assert filled("threads", "rename", "nda.", "가" * 500).status == 0
