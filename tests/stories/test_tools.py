"""A tool's call through the real door: shown, approved, changed, rejected, allowed, denied, and never run twice."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Octo, Said
from tests.models import ModelServer, Reply, serving

RUN = "실행해줘: print(6 * 7)"
WRITE = {"path": "note.txt", "content": "hello\n"}


def question(said: Said) -> dict[str, Any]:
    (asked,) = said.json["interrupts"]
    return dict(asked)


def audit(octo: Octo) -> list[tuple[str, str]]:
    with sqlite3.connect(octo.database) as database:
        return database.execute("SELECT event, actor FROM octo_audit ORDER BY seq").fetchall()


def test_code_is_shown_approved_and_run(octo: Octo) -> None:
    asked = octo("ask", RUN)
    assert (asked.status, asked.out) == (3, "")
    assert "  | print(6 * 7)" in asked.err
    thread = asked.err.rpartition("octo resume ")[2].split()[0]
    flags = ("--approve", "--reject [사유]", "--set code=…", "--allow-tool run_python")
    assert [flag for flag in flags if f"→ octo resume {thread} {flag}" not in asked.err] == []
    done = octo("resume", thread, "--approve")
    assert done.status == 0
    assert "42" in done.out
    assert [event for event, _ in audit(octo)] == ["tool_approved", "tool_ran"]


def test_a_changed_call_runs_as_it_was_changed(octo: Octo) -> None:
    octo("ask", RUN)
    assert octo("resume", "last", "--set", "cod=1").status == 2
    assert "99" in octo("resume", "last", "--set", "code=print(99)").out


def test_a_rejected_call_does_not_run(octo: Octo) -> None:
    octo("ask", "run this: open('x', 'w')")
    done = octo("resume", "last", "--reject", "not now", "--json").json
    assert (done["plan"]["steps"][0]["status"], "not now" in done["result"]) == ("cancelled", True)
    assert [event for event, _ in audit(octo)] == ["tool_rejected"]


def test_an_answer_that_does_not_fit_runs_nothing(octo: Octo) -> None:
    asked = question(octo("ask", RUN, "--json"))
    for answer, code in (({"action": "aprove"}, "malformed_answer"), ({"action": "edit"}, "edit_without_args")):
        (octo.folder / "answers.json").write_text(json.dumps({asked["id"]: answer}))
        refused = octo("resume", "last", "--answers", "answers.json", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (2, code)
    assert audit(octo) == []
    (octo.folder / "answers.json").write_text(json.dumps({asked["id"]: {"action": "approve"}}))
    assert "42" in octo("resume", "last", "--answers", "answers.json").out


def test_no_flag_given_beforehand_approves_what_nobody_has_seen(octo: Octo) -> None:
    assert octo("ask", RUN, "--approve").status == 3
    assert audit(octo) == []


def test_allowed_on_the_command_line_it_runs_unasked_unless_it_is_dangerous(octo: Octo) -> None:
    assert octo("ask", RUN, "--allow-tool", "run_python:import*").status == 3
    assert "42" in octo("resume", "last", "--allow-tool", "run_python").out
    risky = octo("ask", "run this shell command: ls; rm -rf x", "--allow-tool", "run_shell", "--json")
    assert risky.status == 3
    assert question(risky)["fields"][0]["issues"][0]["rule"] == "destructive"
    assert octo("resume", "last", "--allow-tool", "run_shell").status == 3


def test_a_rule_denies(octo: Octo) -> None:
    config = Path(octo.environment["OCTO_HOME"]) / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text('[approvals]\nallow = ["run_python"]\ndeny = ["run_python:*6*"]\n')
    denied = octo("ask", RUN, "--allow-tool", "run_python", "--json")
    assert (denied.status, denied.json["error"]["code"]) == (1, "tool_denied")
    assert denied.json["plan"]["steps"][0]["status"] == "failed"
    assert audit(octo) == [("tool_denied", "system")]


def test_without_a_model_code_says_what_it_needs(octo: Octo) -> None:
    done = octo("ask", "파이썬으로 퀵소트 짜줘")
    assert (done.status, "--model" in done.out) == (0, True)


def test_killed_while_it_runs_it_is_asked_for_again(octo: Octo) -> None:
    started, again = octo.folder / "started", octo.folder / "again"
    os.mkfifo(started)
    os.mkfifo(again)
    # Whoever opens the pipe for reading knows that the code runs; a second reader would only come if it ran twice.
    code = f"run this: open({str(started)!r}, 'w').write('x'); open({str(again)!r}).read()"
    octo("ask", code, "--json")
    config = Path(octo.environment["OCTO_HOME"]) / "config.toml"
    config.write_text('[code]\nsandbox = "subprocess"\n')
    running = octo.start("resume", "last", "--approve")
    with started.open() as pipe:
        assert pipe.read() == "x"
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    asked = octo("resume", "last", "--json")
    assert asked.status == 3
    assert "이미 실행되었을 수" in question(asked)["message"] or "may have happened" in question(asked)["message"]
    assert [event for event, _ in audit(octo)] == ["tool_approved"]
    assert octo("resume", "last", "--set", "code=print('second')").out.count("second") == 1
    assert [event for event, _ in audit(octo)] == ["tool_approved", "tool_approved", "tool_ran"]


def test_a_program_that_fails_is_a_failed_step_and_its_output_is_shown(octo: Octo) -> None:
    code = "run this: print('half'); raise SystemExit(7)"
    done = octo("ask", code, "--allow-tool", "run_python", "--json")
    assert (done.status, done.json["status"], done.json["error"]["code"]) == (1, "failed", "program_failed")
    assert ("half" in done.json["result"], "7" in done.json["result"]) == (True, True)


def test_leave_that_is_gone_when_it_is_resumed_means_ask_and_not_deny(octo: Octo) -> None:
    started, never = octo.folder / "started", octo.folder / "never"
    os.mkfifo(started)
    os.mkfifo(never)
    config = Path(octo.environment["OCTO_HOME"]) / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text('[code]\nsandbox = "subprocess"\n')
    # By their names alone: a path may hold a word that looks dangerous, and a dangerous call asks in spite of leave.
    code = f"run this: open({started.name!r}, 'w').write('x'); open({never.name!r}).read()"
    running = octo.start("ask", code, "--allow-tool", "run_python")
    with started.open() as pipe:
        assert pipe.read() == "x"
    os.kill(running.pid, signal.SIGTERM)
    running.communicate()
    asked = octo("resume", "last", "--json")
    assert asked.status == 3
    assert "may have happened already" in question(asked)["message"]
    assert [event for event, _ in audit(octo)] == ["tool_approved"]
    assert octo("resume", "last", "--set", "code=print('second')").out.count("second") == 1
    assert [event for event, _ in audit(octo)] == ["tool_approved", "tool_approved", "tool_ran"]


# With a model


@pytest.fixture
def writer(octo: Octo) -> Iterator[ModelServer]:
    """A model that writes a note, twice, and then says so."""
    octo.environment["OPENAI_API_KEY"] = "sk-test"
    with serving() as server:
        server.knows("Intent", {"category": "code", "confidence": 0.95, "keywords": ["code"], "language": "en"})

        def script(asked: Any) -> Reply:
            if not any(tool["function"]["name"] == "write_file" for tool in asked.body.get("tools", ())):
                return Reply(text="ok")
            results = [message for message in asked.body["messages"] if message["role"] == "tool"]
            if len(results) < 2:
                return Reply(text="For you.", tools=(("write_file", {**WRITE, "content": f"{len(results)}\n"}),))
            return Reply(text="Written.")

        server.otherwise(script)
        yield server


def test_a_file_is_written_only_as_it_was_shown(octo: Octo, writer: ModelServer) -> None:
    note = octo.folder / "note.txt"
    asked = question(octo("ask", "write code for me: a note", "--json", *writer.flags))
    assert ("+0" in asked["preview"], "For you." in asked["message"], note.exists()) == (True, True, False)
    # Somebody else writes the file meanwhile: what was approved is not what would happen now.
    note.write_text("mine\n")
    refused = octo("resume", "last", "--approve", "--json", *writer.flags)
    again = question(refused)
    assert note.read_text() == "mine\n"
    assert [warning["code"] for warning in refused.json["warnings"]] == ["tool_failed"]
    assert "-mine\n+1" in again["preview"]
    done = octo("resume", "last", "--approve", "--json", *writer.flags)
    assert (done.status, done.answer, note.read_text()) == (0, "Written.", "1\n")


@pytest.mark.parametrize("given", [(), ("--model", "offline")])
def test_an_approval_that_no_model_is_there_to_hear_is_not_taken(
    octo: Octo, writer: ModelServer, given: tuple[str, ...]
) -> None:
    asked = octo("ask", "write code for me: a note", *writer.flags)
    command = f"{writer.flags[0]} {writer.flags[1]} --base-url {writer.base_url} --approve"
    assert any(line.endswith(command) for line in asked.err.splitlines())
    before = question(octo("threads", "inspect", "last", "--json"))
    refused = octo("resume", "last", "--approve", "--json", *given)
    assert (refused.status, refused.json["error"]["code"]) == (6, "model_in_loop")
    assert refused.json["error"]["hint"].endswith(f"--model {writer.flags[1]}")
    assert (audit(octo), octo("threads", "inspect", "last", "--json").json["interrupts"]) == ([], [before])
    # The answer is there to be given once more, and one is enough.
    octo("resume", "last", "--approve", *writer.flags)
    assert (octo.folder / "note.txt").read_text() == "0\n"


def test_allowed_for_the_run_it_goes_through(octo: Octo, writer: ModelServer) -> None:
    asked = question(octo("ask", "write code for me: a note", "--json", *writer.flags))
    (octo.folder / "a.json").write_text(json.dumps({asked["id"]: {"action": "approve", "scope": "run"}}))
    done = octo("resume", "last", "--answers", "a.json", "--json", *writer.flags)
    assert (done.status, (octo.folder / "note.txt").read_text()) == (0, "1\n")
    approved = [actor for event, actor in audit(octo) if event == "tool_approved"]
    assert len(approved) == 2
    assert all(actor.startswith("user:") for actor in approved)
    # A follow-up is understood: the loop knows what was said before.
    octo("ask", "--thread", "last", "write code that reads it back", "--json", *writer.flags)
    said = [(message["role"], message["content"]) for message in writer.requests[-1].body["messages"]]
    assert said[1:3] == [("user", "write code for me: a note"), ("assistant", "Written.")]


def test_a_yes_at_a_terminal_runs_it(octo: Octo) -> None:
    screen = octo.terminal("--lang", "en", "ask", "run this: print(6 * 7)")
    screen.sees("1) run it")
    screen.at("> ", "y\r")
    status, said = screen.ends()
    assert (status, "42" in said) == (0, True)


@pytest.mark.parametrize(("language", "later"), [("ko", "나중에"), ("en", "later")])
def test_a_person_at_a_terminal_sees_changes_and_runs_it(octo: Octo, language: str, later: str) -> None:
    screen = octo.terminal("--lang", language, "ask", "run this: print('[bold]6')", columns=80)
    screen.sees("│ print('[bold]6')")
    screen.sees(f"5) {later}")
    screen.at("> ", "2\r")
    label = "코드" if language == "ko" else "Code"
    screen.at(f"{label} *: ", "\x15print('seven', 7)\r")
    status, said = screen.ends()
    assert status == 0
    assert "seven 7" in said
