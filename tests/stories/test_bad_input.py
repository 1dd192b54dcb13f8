"""Bad input: one clear sentence, the right exit status, and nothing lost."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import LEASE, PROGRAM, Octo

# Waiting leases, for a disk of 1.4 MB.
MORE_THAN_FIT = 60


def calm(err: str) -> None:
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["", "   ", "\n\t \n", "\x00\x01", "\u200b\u200b"])
def test_nothing_to_read(octo: Octo, text: str) -> None:
    said = octo("ask", "-", stdin=text)
    calm(said.err)
    assert said.status == 2
    assert octo("threads", "list", "--json").json["threads"] == []


def test_a_megabyte_of_text(octo: Octo) -> None:
    said = octo("ask", "-", "--json", stdin="가" * 350_000)
    assert (said.status, said.json["error"]["code"]) == (2, "text_too_long")
    assert octo("threads", "list", "--json").json["threads"] == []


@pytest.mark.parametrize("hidden", ["\x00", "\x1b[31m", "\x07", "\x9b2J"])
def test_control_characters_are_refused(octo: Octo, hidden: str) -> None:
    said = octo("ask", "-", "--json", stdin=f"{LEASE}{hidden}")
    assert (said.status, said.json["error"]["code"]) == (2, "text_control")
    assert octo("threads", "list", "--json").json["threads"] == []


def test_marks_that_turn_or_hide_text_are_dropped(octo: Octo) -> None:
    asked = octo("ask", f"{LEASE}\u202e\u200b", "--json").json
    fields = {field["name"]: field["value"] for field in asked["interrupts"][0]["fields"]}
    assert fields["tenant_name"] == "홍길동"
    assert "\u202e" not in octo("threads", "inspect", asked["thread_id"], "--json").json["messages"][0]["text"]


def test_decomposed_hangul_is_composed(octo: Octo) -> None:
    asked = octo("ask", unicodedata.normalize("NFD", LEASE), "--json").json
    fields = {field["name"]: field["value"] for field in asked["interrupts"][0]["fields"]}
    assert (asked["intent"]["category"], fields["tenant_name"]) == ("contract", "홍길동")
    done = octo("resume", asked["thread_id"], "--set", unicodedata.normalize("NFD", "landlord_name=김철수"), "--json")
    fields = {field["name"]: field["value"] for field in done.json["interrupts"][0]["fields"]}
    assert fields["landlord_name"] == "김철수"


def test_unknown_and_ambiguous_threads(octo: Octo) -> None:
    for name in ("work-one", "work-two"):
        octo("ask", "안녕", "--thread", name, "--create")
    unknown = octo("resume", "work-three", "--json")
    assert (unknown.status, unknown.json["error"]["code"]) == (4, "thread_not_found")
    assert "work-one" in unknown.json["error"]["message"]
    ambiguous = octo("resume", "work", "--json")
    assert (ambiguous.status, ambiguous.json["error"]["code"]) == (4, "thread_ambiguous")
    assert octo("ask", "안녕", "--thread", "nowhere").status == 4
    assert len(octo("threads", "list", "--json").json["threads"]) == 2


def test_a_question_that_is_no_longer_open(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json").json
    (question,) = asked["interrupts"]
    octo("resume", asked["thread_id"], *octo.answered())
    late = {question["id"]: {"action": "submit", "fields": {"landlord_name": "박서준"}}}
    (octo.folder / "late.json").write_text(json.dumps(late), encoding="utf-8")
    said = octo("resume", asked["thread_id"], "--answers", "late.json", "--json")
    assert said.status == 2
    assert said.json["error"]["code"] == "question_not_open"
    again = octo("resume", asked["thread_id"], *octo.answered())
    calm(again.err)
    assert again.status == 2
    assert octo("resume", asked["thread_id"], "--approve").status == 0
    assert "김철수" in octo.documents[0].read_text(encoding="utf-8")


def test_an_invalid_value_is_named_and_the_question_stays(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json").json
    for wrong in (
        *("deposit=많이", "deposit=-5", "start_date=2027-02-30", "payment_day=32"),
        *("lease_kind=사글세", "nonsense=1", "term_months=0"),
    ):
        said = octo("resume", asked["thread_id"], *octo.answered(), "--set", wrong, "--json")
        assert said.status == 2, wrong
        name, value = wrong.split("=")
        assert name in said.json["error"]["message"]
        assert name == "nonsense" or value in said.json["error"]["message"]
        plain = octo("resume", asked["thread_id"], *octo.answered(), "--set", wrong)
        calm(plain.err)
        assert plain.status == 2, wrong
    assert octo("resume", asked["thread_id"], "--json").json["interrupts"] == asked["interrupts"]


def test_a_stale_revision_is_refused_with_the_newer_values(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json").json
    (old,) = asked["interrupts"]
    octo("resume", asked["thread_id"], "--set", "landlord_name=김철수")
    (new,) = octo("resume", asked["thread_id"], "--json").json["interrupts"]
    stale = {
        new["id"]: {"action": "submit", "fields": {"landlord_name": "박서준"}, "base_revision": old["base_revision"]}
    }
    (octo.folder / "stale.json").write_text(json.dumps(stale), encoding="utf-8")
    said = octo("resume", asked["thread_id"], "--answers", "stale.json", "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "stale_revision")
    assert "김철수" in said.json["error"]["message"]


@pytest.mark.parametrize(
    "content", [b"not a database at all, just a text file\n" * 50, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_corrupt_database(octo: Octo, content: bytes) -> None:
    octo.database.parent.mkdir()
    octo.database.write_bytes(content)
    for command in (["ask", LEASE], ["resume", "last"], ["threads", "list"], ["inbox"]):
        said = octo(*command, "--json")
        assert said.status == 5, command
        assert said.json["error"]["code"] == "storage_corrupt"
    assert octo.database.read_bytes() == content


def test_a_folder_that_cannot_be_written_keeps_the_approval(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    (octo.folder / "octo-documents").write_text("a file in the way")
    failed = octo("resume", thread_id, "--approve", "--json")
    assert failed.status == 5, failed.out
    assert failed.json["error"]["code"] == "document_unwritable"
    (octo.folder / "octo-documents").unlink()
    assert octo("resume", thread_id).status == 0
    assert len(octo.documents) == 1


def test_a_home_that_does_not_exist(octo: Octo, tmp_path: Path) -> None:
    octo.environment["OCTO_HOME"] = str(tmp_path / "a" / "b" / "c")
    assert octo("threads", "list").status == 0
    assert octo("ask", LEASE).status == 3
    octo.environment["OCTO_HOME"] = "/dev/null/home"
    said = octo("ask", LEASE, "--json")
    assert said.status == 5
    calm(said.err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["threads", "list", "--json"], ["ask", LEASE, "--json"], ["ask", "안녕"]])
def test_a_full_output_is_told_on_stderr(octo: Octo, command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            env=octo.environment,
            cwd=octo.folder,
            check=False,
        )
    said = done.stderr.decode()
    calm(said)
    assert done.returncode == 1
    assert "No space left" in said


def test_a_reader_that_leaves_early(octo: Octo) -> None:
    octo("ask", LEASE)
    command = " ".join([*PROGRAM, "threads", "inspect", "last", "--history", "--json"])
    done = subprocess.run(
        f"{command} | head -c 10", shell=True, capture_output=True, env=octo.environment, cwd=octo.folder, check=False
    )
    calm(done.stderr.decode())
    assert done.stderr == b""


def test_two_processes_on_one_thread(octo: Octo) -> None:
    """The second one is told who has the thread; the first one's work is whole."""
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(octo.database), thread_id], stdout=subprocess.PIPE, env=octo.environment
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        refused = octo("resume", thread_id, "--approve", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (7, "thread_busy")
        assert str(holder.pid) in refused.json["error"]["message"]
    finally:
        holder.kill()
        holder.communicate()
    # Its owner is dead: no waiting for the lease to expire.
    began = time.monotonic()
    assert octo("resume", thread_id, "--approve").status == 0
    assert time.monotonic() - began < 25


HOLD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
with open_storage(DatabaseSettings(Path(sys.argv[1]))) as storage:
    lease = storage.take_lease(sys.argv[2], now=datetime.now(UTC))
    print("held", flush=True)
    time.sleep(60)
"""


def test_ten_resumes_at_once_write_one_document(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    racing = [octo.start("resume", thread_id, "--approve") for _ in range(4)]
    statuses = sorted(process.wait(60) for process in racing)
    for process in racing:
        assert process.stdout is not None
        assert process.stderr is not None
        calm(process.stderr.read().decode())
        process.stdout.close()
        process.stderr.close()
    assert 0 in statuses
    assert set(statuses) <= {0, 2, 7}
    assert len(octo.documents) == 1


def test_a_new_request_on_a_waiting_thread_is_not_taken(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json").json
    said = octo("ask", "안녕", "--thread", asked["thread_id"], "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "question_open")
    assert octo("resume", asked["thread_id"], "--json").json["interrupts"] == asked["interrupts"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "--json", "--events", "안녕"],
        ["ask", "--nonsense", "안녕", "--json"],
        ["ask", "안녕", "-f", "pdf", "--json"],
        ["ask", "안녕", "--set", "novalue", "--json"],
        ["ask", "안녕", "--answers", "missing.toml", "--json"],
        ["resume", "last", "--json", "--at"],
        ["nonsense", "--json"],
    ],
)
def test_wrong_flags_are_json_too(octo: Octo, arguments: list[str]) -> None:
    said = octo(*arguments)
    calm(said.err)
    assert said.status == 2
    if "--events" not in arguments:
        assert said.json["error"]["message"]


def test_bare_octo_in_a_pipe_is_help(octo: Octo) -> None:
    said = octo()
    assert (said.status, said.out) == (2, "")
    assert "ask" in said.err


def test_a_model_that_is_not_there(octo: Octo) -> None:
    said = octo("ask", LEASE, "--model", "openai:gpt-5", "--json")
    assert (said.status, said.json["error"]["code"]) == (6, "model_no_key")


def test_interrupted_and_resumed(octo: Octo) -> None:
    """Ctrl-C at any moment: 130, one run_finished, and the thread goes on."""
    process = octo.start("ask", LEASE, "--events")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["type"] == "intent_recognised":
            os.kill(process.pid, 2)
            break
    lines += [json.loads(line) for line in process.stdout]
    status = process.wait(30)
    assert process.stderr is not None
    calm(process.stderr.read().decode())
    process.stdout.close()
    process.stderr.close()
    assert lines[-1]["type"] == "run_finished"
    assert [line["type"] for line in lines].count("run_finished") == 1
    assert status in {130, 3}  # 3: it had already reached the question
    if status == 130:
        assert lines[-1]["summary"]["status"] == "cancelled"
    assert octo("resume", lines[0]["thread_id"], *octo.answered(), "--approve").status == 0


def test_a_full_disk_loses_nothing(octo: Octo, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1400k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        octo.environment["OCTO_HOME"] = str(small / "home")
        said = [octo("ask", LEASE, "--json")]
        while said[-1].status == 3 and len(said) < MORE_THAN_FIT:
            said.append(octo("ask", LEASE, "--json"))
        full = said[-1]
        assert (full.status, full.json["error"]["code"]) == (5, "storage_full")
        waiting = {question["id"] for question in octo("inbox", "--json").json["interrupts"]}
        acknowledged = {question["id"] for one in said if one.status == 3 for question in one.json["interrupts"]}
        # What a run could save before there was no room is found as well.
        assert acknowledged
        assert acknowledged <= waiting
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        if thread_id := full.json["thread_id"]:  # None: there was not even room for the thread
            again = octo("resume", thread_id, "--json")
            assert again.status == 3 or again.json["error"]["code"] == "thread_empty"
        assert octo("ask", LEASE).status == 3
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_thread_of_another_graph_says_so(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    with closing(sqlite3.connect(octo.database)) as database, database:
        database.execute("UPDATE octo_threads SET graph_version = '0'")
    said = octo("resume", thread_id, *octo.answered(), "--json")
    assert (said.status, said.json["error"]["code"]) == (1, "graph_changed")
    assert octo("threads", "inspect", thread_id).status == 0


def test_an_unknown_setting_is_named(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text("foo = 1\n")
    for command in (["threads", "list"], ["ask", "안녕"], ["config", "list"]):
        said = octo(*command, "--json")
        assert (said.status, said.json["error"]["code"]) == (2, "config_unknown_key")
        assert "foo" in said.json["error"]["message"]


def test_answers_to_a_finished_thread_are_not_taken_for_granted(octo: Octo) -> None:
    octo("ask", LEASE, *octo.answered(), "--approve")
    for answer in (["--approve"], ["--reject"], ["--submit"], ["--set", "deposit=1억"]):
        said = octo("resume", "last", *answer, "--json")
        assert (said.status, said.json["error"]["code"]) == (2, "nothing_to_answer")
        assert said.json["result"] is None
    assert octo("resume", "last").status == 0


def test_another_programs_database_is_left_alone(octo: Octo) -> None:
    with closing(sqlite3.connect(octo.folder / "users.db")) as database, database:
        database.execute("CREATE TABLE users (name TEXT)")
    before = (octo.folder / "users.db").read_bytes()
    for command in (["threads", "list"], ["ask", LEASE]):
        said = octo("--sqlite", "users.db", *command, "--json")
        assert (said.status, said.json["error"]["code"]) == (5, "storage_corrupt")
    assert (octo.folder / "users.db").read_bytes() == before


def test_a_document_that_cannot_be_written_there_is_written_elsewhere(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--json").json["thread_id"]
    failed = octo("resume", thread_id, "--approve", "-o", "n" * 300 + ".md", "--json")
    assert (failed.status, failed.json["error"]["code"]) == (5, "document_unwritable")
    done = octo("resume", thread_id, "-o", "elsewhere", "--json")
    assert done.status == 0, done.out
    assert (octo.folder / "elsewhere" / Path(done.json["documents"][0]["path"]).name).exists()


def test_terminated_like_interrupted(octo: Octo) -> None:
    process = octo.start("ask", LEASE, "--events")
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline())]
    process.terminate()
    out, err = process.communicate(timeout=30)
    calm(err.decode())
    lines += [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["type"] == "run_finished"


@pytest.mark.parametrize("closed", ["2>&-", ">&-"])
def test_a_stream_that_is_closed(octo: Octo, closed: str) -> None:
    command = f"{' '.join(PROGRAM)} ask hi {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, env=octo.environment, cwd=octo.folder, check=False)
    calm(done.stderr.decode())
    assert done.returncode == 0


@pytest.mark.parametrize("command", [["ask", "hi"], ["agents", "list"]])
def test_a_folder_that_is_gone_is_said(octo: Octo, command: list[str]) -> None:
    gone = octo.folder / "gone"
    gone.mkdir()
    program = ("import os, sys; os.rmdir(os.getcwd()); from octo_cli.cli import run; sys.exit(run(sys.argv[1:]))",)
    said = subprocess.run(
        [sys.executable, "-c", *program, *command], cwd=gone, env=octo.environment, capture_output=True, check=False
    )
    assert (said.returncode, said.stdout) == (1, b"")
    assert said.stderr.decode().splitlines()[-1].strip() == "→ cd ANOTHER-FOLDER"
    calm(said.stderr.decode())
