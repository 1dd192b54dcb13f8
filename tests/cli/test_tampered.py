"""What somebody's SQL did to the database is found, named, and nothing is made or approved of it."""

import sqlite3
from contextlib import closing

import pytest

from tests.conftest import LEASE, Octo

HEAD = "checkpoint_id = (SELECT MAX(checkpoint_id) FROM checkpoints WHERE checkpoint_ns = '' AND thread_id = 'done')"
# What is done to a thread that made a lease, or to one that waits; and what is named.
TAMPERINGS = {
    "UPDATE octo_documents SET text = replace(text, '50,000,000', '5,000')": "octo_documents.text done-1-1 1",
    "UPDATE octo_documents SET doc_hash = 'sha256:0'": "octo_documents.text done-1-1 1",
    "UPDATE octo_documents SET fields = replace(fields, '김철수', '박영희')": "octo_documents.fields done-1-1 1",
    "UPDATE octo_documents SET path = '/else.md'": "octo_documents.fields done-1-1 1",
    "DELETE FROM octo_documents": "octo_documents.version done-1-1 1",
    "UPDATE octo_documents SET finished_at = NULL": "octo_documents.version done-1-1 1",
    "DELETE FROM octo_audit; DELETE FROM octo_audit_heads; UPDATE octo_threads SET audit_head = '0:'": (
        "octo_documents.doc_hash done-1-1 1"
    ),
    "DELETE FROM writes WHERE thread_id = 'done'": "writes.value done",
    "DELETE FROM writes WHERE thread_id = 'waits'": "checkpoints.checkpoint_id waits",
    "DELETE FROM checkpoints WHERE thread_id = 'done'": "checkpoints.checkpoint_id done",
    f"DELETE FROM writes WHERE {HEAD}; DELETE FROM checkpoints WHERE {HEAD}": "checkpoints.checkpoint_id done",
    "DELETE FROM octo_questions": "octo_threads.pending waits",
    "DELETE FROM octo_questions; UPDATE octo_threads SET pending = 0": "octo_threads.status waits",
    "DELETE FROM octo_threads WHERE thread_id = 'waits'": "octo_threads.thread_id waits",
    "UPDATE octo_messages SET text = 'no' WHERE thread_id = 'done' AND place = 0": "octo_messages.text done",
    "DELETE FROM octo_messages WHERE thread_id = 'done'": "octo_messages.text done",
    "DELETE FROM octo_messages WHERE thread_id = 'done' AND place = 0": "octo_messages.text done",
    "UPDATE octo_threads SET turns = 'x' WHERE thread_id = 'done'": "octo_threads.turns done",
    "UPDATE octo_threads SET active_seconds = 'x' WHERE thread_id = 'done'": "octo_threads.active_seconds done",
    "UPDATE octo_threads SET created_at = '' WHERE thread_id = 'done'": "octo_threads.created_at done",
    "UPDATE octo_questions SET place = 'x'": "octo_questions.question waits",
    "UPDATE octo_questions SET created_at = ''": "octo_questions.question waits",
    "UPDATE octo_messages SET speaker = 'nobody' WHERE thread_id = 'done'": "octo_messages.speaker done",
    "UPDATE octo_messages SET at = 'x' WHERE thread_id = 'done'": "octo_messages.at done",
    "UPDATE octo_messages SET place = 'x' WHERE thread_id = 'done'": "octo_messages.place done",
    "UPDATE octo_documents SET language = 'fr'": "octo_documents.language done-1-1 1",
}


@pytest.fixture
def filled(octo: Octo) -> Octo:
    """A thread that made a lease, and one that waits with a question."""
    octo("ask", LEASE, "--thread", "done", "--create")
    made = octo("resume", "done", *octo.answered(), "--approve", "--submit", "--json").json
    assert made["status"] == "completed"
    assert octo("ask", LEASE, "--thread", "waits", "--create").status == 3
    return octo


def _sql(octo: Octo, script: str) -> None:
    with closing(sqlite3.connect(octo.database)) as other, other:
        other.executescript(script)


def _deep(octo: Octo) -> list[str]:
    checks = octo("doctor", "--deep", "--json").json["checks"]
    return [check["message"] for check in checks if check["check"] == "database" and check["level"] == "error"]


def test_whatever_sql_did_is_named(filled: Octo) -> None:
    from octo_cli.settings import DatabaseSettings
    from octo_cli.storage import open_storage

    sound = filled.database.read_bytes()
    assert _deep(filled) == []
    for tampering, named in TAMPERINGS.items():
        filled.database.write_bytes(sound)
        _sql(filled, tampering)
        with open_storage(DatabaseSettings(filled.database)) as storage:
            told = [str(fault.values.get("detail")) for fault in storage.faults()]
        assert any(one.startswith(named) for one in told), (tampering, told)
        filled.database.with_name("octo.db-wal").unlink(missing_ok=True)
    assert _deep(filled) != []


def test_nothing_is_made_of_a_changed_document(filled: Octo) -> None:
    _sql(filled, "UPDATE octo_documents SET fields = replace(fields, '김철수', '박영희')")
    for command in (("documents", "log", "done-1-1"), ("threads", "inspect", "done", "--audit")):
        log = filled(*command, "--lang", "en")
        assert log.status == 5
        assert "(octo_documents.fields done-1-1 1: changed)" in log.err
        told = filled(*command, "--json")
        assert (told.status, told.json["verified"], len(told.json["changed"])) == (5, False, 1)
    edited = filled("ask", "보증금을 6천만원으로 바꿔줘", "--thread", "done", "--lang", "ko")
    assert "octo_documents.fields done-1-1 1" in edited.out + edited.err
    assert "박영희" not in edited.out + edited.err


def test_what_was_shown_otherwise_than_it_is_is_not_approved(octo: Octo) -> None:
    octo("ask", LEASE, "--thread", "waits", "--create")
    octo("resume", "waits", *octo.answered(), "--submit")
    _sql(octo, "UPDATE octo_questions SET question = replace(question, '50,000,000', '5,000,000')")
    refused = octo("resume", "waits", "--approve", "--json")
    (question,) = refused.json["interrupts"]
    assert (refused.status, refused.json["status"]) == (3, "waiting_human")
    assert "50,000,000" in question["preview"]
    assert octo("inbox", "--json").json["interrupts"] == [question]
    assert octo("resume", "waits", "--approve", "--json").json["status"] == "completed"


def test_a_row_that_is_none_does_not_hide_the_others(filled: Octo) -> None:
    _sql(filled, "UPDATE octo_threads SET status = 'bogus' WHERE thread_id = 'done'")
    for language, sentence in {"en": "The storage is damaged", "ko": "저장소가 손상되었"}.items():
        listed = filled("threads", "list", "--lang", language)
        assert listed.status == 5
        assert "wait" in listed.out
        assert sentence in listed.err
        assert "octo_threads.status done" in listed.err
    told = filled("threads", "list", "--json")
    assert (told.status, [thread["thread_id"] for thread in told.json["threads"]]) == (5, ["waits"])
    _sql(filled, "UPDATE octo_questions SET question = '{'")
    inbox = filled("inbox", "--lang", "en")
    assert inbox.status == 5
    assert "octo_questions.question waits" in inbox.err
    _sql(filled, "UPDATE octo_schema SET version = 'abc'")
    refused = filled("threads", "list", "--lang", "en")
    assert refused.status == 5
    assert "octo_schema.version: 'abc'" in refused.err
    assert "Traceback" not in refused.err
