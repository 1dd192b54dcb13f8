"""Over a server: every command goes there, tells its refusals alike, and loses nothing when it restarts."""

import random
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage
from tests.conftest import LEASE, Octo
from tests.servers import PASSWORD, TcpServer
from tests.storage.storage_samples import add_thread

# Every command that looks into the database, and what it takes.
COMMANDS = {
    "ask": ("안녕",),
    "resume": ("last",),
    "inbox": (),
    "threads list": (),
    "threads inspect": ("last",),
    "threads rename": ("last", "x"),
    "threads fork": ("last",),
    "threads rollback": ("last", "--to", "guard"),
    "threads delete": ("last", "--yes"),
    "documents list": (),
}
TRACES = re.compile(r"Traceback|psycopg|\bpool\b")


def tidy(octo: Octo, *said: str) -> None:
    """No password and no traceback on the screen or in any file of Octo's."""
    home = Path(octo.environment["OCTO_HOME"])
    kept = [path.read_text(errors="replace") for path in home.glob("**/*") if path.is_file()]
    for text in (*said, *kept):
        assert PASSWORD not in text
    for text in said:
        assert not TRACES.search(text)


@pytest.mark.parametrize("named", ["flag before", "flag after", "environment", "another spelling"])
def test_a_server_is_named_by_a_flag_or_a_variable(octo: Octo, tcp_server: TcpServer, named: str) -> None:
    address = tcp_server.address(tcp_server.new_database())
    with open_storage(DatabaseSettings(octo.database, postgres=address)) as storage:
        add_thread(storage)
    flags = (
        "--postgres",
        address.replace("postgresql", "postgresql+psycopg" if named == "another spelling" else "postgres"),
    )
    if named == "environment":
        octo.environment["OCTO_POSTGRES_URL"] = address
        said = octo("threads", "list", "--json")
    else:
        before, after = (flags, ()) if named == "flag before" else ((), flags)
        said = octo(*before, "threads", "list", "--json", *after)
    assert (said.status, said.err) == (0, "")
    assert [thread["thread_id"] for thread in said.json["threads"]] == ["thread-1"]
    assert not octo.database.exists()
    tidy(octo, said.out, said.err)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_refusal_is_one_sentence_of_every_command(octo: Octo, tcp_server: TcpServer, command: str) -> None:
    address = tcp_server.address("nowhere", password=f"{PASSWORD}x")
    said = octo(*command.split(), *COMMANDS[command], "--postgres", address, "--lang", "en", "--verbose")
    assert (said.status, said.out) == (5, "")
    refused, hint = said.err.splitlines()
    assert refused.startswith("octo: The database server did not let us in: postgresql://postgres@127.0.0.1:")
    assert hint.endswith(f"octo --postgres {tcp_server.address('nowhere', password=None)} doctor")
    tidy(octo, said.out, said.err)


def test_doctor_and_completion_say_it_their_way(octo: Octo, tcp_server: TcpServer) -> None:
    octo.environment["OCTO_POSTGRES_URL"] = tcp_server.address("nowhere")
    said = octo("doctor", "--json", "--lang", "en")
    assert said.status == 1
    (database,) = [check for check in said.json["checks"] if check["check"] == "database"]
    assert database["message"].startswith("There is no such database on the server: postgresql://postgres@127.0.0.1")
    octo.environment["_OCTO_COMPLETE"] = "fish"
    completed = octo("resume", "")
    assert (completed.out, completed.err) == ("", "")
    tidy(octo, said.out, said.err, completed.out)


def test_settings_are_shown_without_the_password(octo: Octo) -> None:
    address = f"postgresql://kim:{PASSWORD}@db.example:5433/octo?sslmode=require&password={PASSWORD}"
    assert octo("config", "set", "database.postgres", address).status == 0
    shown = "postgresql://kim@db.example:5433/octo?sslmode=require"
    assert octo("config", "get", "database.postgres").out == f"{shown}\n"
    for command in (("config", "list"), ("config", "list", "--json"), ("config", "get", "database.postgres", "--json")):
        said = octo(*command)
        assert PASSWORD not in said.out
        assert "kim@db.example" in said.out
    # What the file says is still what is used.
    assert PASSWORD in (Path(octo.environment["OCTO_HOME"]) / "config.toml").read_text()


def test_a_stranger_to_the_command_line_is_scrubbed_too(octo: Octo) -> None:
    said = octo("threads", "list", f"postgresql://kim:{PASSWORD}@db/x?password={PASSWORD}")
    assert said.status == 2
    tidy(octo, said.err)


def test_commands_to_type_go_to_the_database_that_was_named(octo: Octo, tmp_path: Path) -> None:
    folder = tmp_path / "else where"
    folder.mkdir()
    elsewhere = ("--sqlite", str(folder / "octo.db"))
    asked = octo("ask", LEASE, *elsewhere)
    assert asked.status == 3
    inspected = octo("threads", "inspect", "last", *elsewhere)
    for text in (asked.err, inspected.out):
        commands = [shlex.split(line)[1:] for line in text.splitlines() if "→ octo" in line]
        assert commands
        assert all(tuple(command[1:3]) == elsewhere and command[3] == "resume" for command in commands)
    # A command that starts with such flags is still the command that it is.
    assert "interrupts" in octo(*elsewhere, "resume", "nothing-like-it", "--json").json
    assert not octo.database.exists()


def test_the_whole_way_over_either_database(octo_anywhere: Octo) -> None:
    octo = octo_anywhere
    asked = octo("ask", LEASE, "--json")
    assert asked.status == 3
    thread = asked.json["thread_id"]
    (question,) = octo("inbox", "--json").json["interrupts"]
    assert question["id"] == asked.json["interrupts"][0]["id"]
    octo("threads", "rename", thread, "마포 집")
    fork = octo("threads", "fork", "마포 집", "--json").json["thread_id"]
    done = octo("resume", thread, *octo.answered(), "--approve", "--json")
    assert done.status == 0, done.err
    (first,) = [path.read_bytes() for path in octo.documents]
    assert octo("documents", "list", "--json").json["documents"][0]["thread_id"] == thread
    # The fork still asks what the original asked.
    listed = octo("threads", "list", "--json").json["threads"]
    assert {one["thread_id"]: one["status"] for one in listed} == {thread: "completed", fork: "waiting_human"}

    assert octo("threads", "rollback", thread, "--to", "collaborate").status == 0
    again = octo("resume", thread, *octo.answered(), "--set", "rent_amount=60만원", "--approve", "--json")
    assert (again.status, again.json["documents"][0]["version"]) == (0, 2)
    assert first in [path.read_bytes() for path in octo.documents]
    whole = octo("threads", "inspect", thread, "--history", "--json").json
    assert [message["speaker"] for message in whole["messages"]] == ["user", "octo"]
    assert len(whole["history"]) > 10
    octo.environment["_OCTO_COMPLETE"] = "fish"
    assert f"{fork}\t마포 집" in octo("resume", "").out
    del octo.environment["_OCTO_COMPLETE"]
    (looked_at,) = [one for one in octo("doctor", "--json").json["checks"] if one["check"] == "database"]
    assert looked_at["level"] == "ok"
    assert octo("threads", "delete", thread, fork, "--yes").status == 0
    assert octo("threads", "list", "--json").json["threads"] == []


def through(octo: Octo, server: TcpServer, thread: str, mode: str, after: int) -> dict[str, Any]:
    """The lease in one command, the server started anew after so many events; then whatever is left to do."""
    arguments = (LEASE, *octo.answered(), "--approve", "--thread", thread, "--create", "--events")
    with octo.start("ask", *arguments) as running:
        assert running.stdout is not None
        for _ in range(after):
            running.stdout.readline()
        server.restart(mode)
        out, err = (text.decode() for text in running.communicate())
    tidy(octo, out, err)
    assert running.returncode in (0, 5), err
    if running.returncode == 5:
        octo("resume", thread, *octo.answered(), "--approve")
    summary: dict[str, Any] = octo("threads", "inspect", thread, "--json").json
    return summary


@pytest.fixture
def over(octo: Octo, own_server: TcpServer) -> Octo:
    octo.environment["OCTO_POSTGRES_URL"] = own_server.address(own_server.new_database())
    return octo


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_in_the_middle_of_a_run_loses_nothing(over: Octo, own_server: TcpServer, mode: str) -> None:
    after = random.randrange(1, 9)
    whole = through(over, own_server, "lease-1", mode, after)
    assert whole["status"] == "completed", after
    (document,) = whole["documents"]
    assert "금 오천만원정" in Path(document["path"]).read_text(encoding="utf-8")
    assert len(over.documents) == 1
    with open_storage(DatabaseSettings(over.database, postgres=over.environment["OCTO_POSTGRES_URL"])) as storage:
        assert storage.verify_audit("lease-1") is None
        events = [row.entry.event for row in storage.audit("lease-1")]
        assert events.count("finalized") == 1, events
        assert storage.questions() == []


def test_a_restart_during_a_pause_is_not_noticed(over: Octo, own_server: TcpServer) -> None:
    thread = over("ask", LEASE, "--json").json["thread_id"]
    own_server.restart("immediate")
    done = over("resume", thread, *over.answered(), "--approve", "--json")
    assert done.status == 0, done.err
