"""Encryption and the audit log through the door: read with the key, closed without it, told when changed."""

import sqlite3
from contextlib import closing

import pytest

from octo_cli.storage.sealing import new_key
from tests.conftest import LEASE, REST, Octo

WORDS = ("홍길동", "김철수", "오천만", "50000000", "50,000,000", "월드컵북로", "임대차", "lease agreement")


def _finished(octo: Octo) -> tuple[str, str]:
    """The ids of a finished lease's thread and document."""
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    done = octo("resume", thread_id, *octo.answered(), "--approve", "--submit", "--json").json
    assert done["status"] == "completed", done
    return thread_id, done["documents"][0]["document_id"]


def test_a_lease_made_in_an_encrypted_storage_leaves_no_word_on_the_disk(octo: Octo) -> None:
    octo.environment["OCTO_ENCRYPTION_KEY"] = new_key()
    octo("config", "set", "database.encrypt", "true")
    thread_id, document_id = _finished(octo)
    # What came with the program is kept there as well: the templates of documents.
    home = octo.database.parent
    files = [path for path in home.glob("**/*") if path.is_file() and home / "cache" / "templates" not in path.parents]
    assert octo.database in files
    for path in files:
        content = path.read_bytes()
        found = [word for word in WORDS if word.encode() in content or word.encode("utf-16-le") in content]
        assert not found, (path, found)
    log = octo("documents", "log", document_id[:12], "--json")
    assert (log.status, log.json["verified"]) == (0, True)
    changes = {entry["field"]: entry["new"] for entry in log.json["entries"] if entry["event"] == "edited"}
    assert changes["landlord_name"] == REST["landlord_name"]
    whole = octo("doctor", "--deep", "--json").json["checks"]
    assert {check["level"] for check in whole if check["check"] == "database"} == {"ok"}

    for key, sentence in (
        (new_key(), "이 저장소의 키가 아닙니다"),
        ("", "키가 없습니다"),
        ("x", "형식이 맞지 않습니다"),
    ):
        octo.environment["OCTO_ENCRYPTION_KEY"] = key
        refused = octo("threads", "inspect", thread_id, "--lang", "ko")
        assert (refused.status, refused.out) == (5, "")
        assert sentence in refused.err
        assert "  → " in refused.err


def test_the_log_of_a_document_and_of_its_thread(octo: Octo) -> None:
    thread_id, document_id = _finished(octo)
    log = octo("documents", "log", document_id, "--lang", "en")
    assert log.status == 0
    assert "changed  landlord_name: 김철수" in log.out
    assert log.out.splitlines()[-1] == f"Chain of {thread_id} verified: 12 entries."
    assert octo("threads", "inspect", thread_id, "--audit", "--lang", "en").out == log.out
    data = octo("threads", "inspect", "last", "--audit", "--json").json
    assert data["chains"] == [{"thread_id": thread_id, "entries": 12, "broken_at": None}]
    missing = octo("documents", "log", "nothing", "--lang", "en")
    assert (missing.status, missing.err) == (4, "octo: There is no document nothing.\n  → octo documents list\n")

    with closing(sqlite3.connect(octo.database)) as other, other:
        other.execute("UPDATE octo_audit SET new_value = '\"박영희\"' WHERE field = 'landlord_name'")
    changed = octo("documents", "log", document_id, "--lang", "en")
    assert changed.status == 5
    assert "landlord_name: 박영희" in changed.out
    assert "verified" not in changed.out
    assert changed.err.startswith(f"octo: The audit log of thread {thread_id} is not what was recorded: entry 8\n")
    told = octo("documents", "log", document_id, "--json")
    assert (told.status, told.json["verified"], told.json["chains"][0]["broken_at"]) == (5, False, 8)
    assert f"thread {thread_id} is not what was recorded" in octo("doctor", "--deep", "--lang", "en").out


def test_a_damaged_thread_is_named_and_the_others_go_on(octo: Octo) -> None:
    damaged, sound = (octo("ask", LEASE, "--json").json["thread_id"] for _ in range(2))
    with closing(sqlite3.connect(octo.database)) as other, other:
        other.execute("UPDATE checkpoints SET checkpoint = X'00' WHERE thread_id = ?", (damaged,))
    for command in (("threads", "inspect", damaged), ("resume", damaged, *octo.answered(), "--submit")):
        said = octo(*command, "--lang", "en")
        assert said.status == 5
        assert f"checkpoints.checkpoint {damaged}" in said.err
        assert "Traceback" not in said.err
    assert octo("resume", sound, *octo.answered(), "--submit", "--json").status == 3
    found = octo("doctor", "--deep", "--json").json["checks"]
    faults = [check["message"] for check in found if check["check"] == "database"]
    assert faults
    assert all(damaged in message for message in faults)


def test_a_file_that_others_may_read_is_told(octo: Octo) -> None:
    octo("ask", LEASE)
    octo.database.chmod(0o644)
    said = octo("doctor", "--lang", "en").out
    assert f"others on this machine can read {octo.database}" in said
    assert f"→ chmod 600 {octo.database}" in said


def test_octo_makes_the_key_of_a_database_and_never_another_one_over_it(octo: Octo) -> None:
    octo("config", "set", "database.encrypt", "true")
    missing = octo("ask", LEASE, "--lang", "en")
    assert missing.status == 5
    assert "octo auth set database --generate" in missing.err
    assert not octo.database.exists() or b"octo_threads" in octo.database.read_bytes()

    made = octo("auth", "set", "database", "--generate", "--plaintext", "--lang", "en")
    assert made.status == 0
    (key,) = made.out.split()
    assert len(key) == 43
    assert "Put a copy of the key above somewhere safe" in made.err
    assert octo("ask", LEASE, "--json").status == 3
    assert octo("auth", "status", "database", "--json").json["keys"][0]["ending"] == key[-4:]

    again = octo("auth", "set", "database", "--generate", "--plaintext", "--lang", "en")
    assert (again.status, again.out) == (2, "")
    assert "There is a key of database already" in again.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("auth", "set", "database", "--plaintext"), "That is no key for the database"),
        (("auth", "set", "openai", "--generate", "--plaintext"), "--generate"),
    ],
)
def test_what_cannot_be_kept_is_refused(octo: Octo, arguments: tuple[str, ...], sentence: str) -> None:
    said = octo(*arguments, "--lang", "en", stdin="too-short\n")
    assert said.status == 2
    assert sentence in said.err
