"""Tools of real MCP servers: connected to once allowed, asked for each time, their answers only data."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from octo_cli.agents import Kit, StepState
from octo_cli.agents.mcp.servers import card_for, is_trusted, read_servers, trust
from octo_cli.agents.registry import Registry
from octo_cli.reasoning.base import Reasoner
from tests.agents.kits import kit_in
from tests.agents.test_assistant import Thinking, calls, results, scripted
from tests.conftest import Octo

SERVER = str(Path(__file__).with_name("mcp_server.py"))
COUNTING = {"command": sys.executable, "args": [SERVER], "timeout": 20}
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def kit_with(
    tmp_path: Path, servers: dict[str, Any], *, trusted: bool = True, config: str = "", mind: Reasoner | None = None
) -> Kit:
    """A kit whose mcp.json has `servers`, all of them allowed already unless said otherwise."""
    kit = kit_in(tmp_path / "work", config=config, mind=mind)
    kit.settings.mcp_file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    for server in read_servers(kit.settings).servers:
        if trusted:
            trust(server, kit.settings)
    return kit


class Told:
    """What came of one request: the result, the questions that were put, the warnings."""

    def __init__(self) -> None:
        self.questions: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []
        self.result: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return str(self.result["text"])

    @property
    def code(self) -> str | None:
        problem = self.result["problem"]
        return str(problem["code"]) if problem else None


def told(kit: Kit, text: str, *, answers: tuple[dict[str, Any], ...] = ()) -> Told:
    return told_each(kit, [text], answers)[0]


def told_each(kit: Kit, texts: Sequence[str], answers: tuple[dict[str, Any], ...] = ()) -> list[Told]:
    """The agent at work on each text in turn, in one process; every question is approved unless `answers` differ."""

    async def story() -> list[Told]:
        graph = StateGraph(StepState, context_schema=Kit)
        graph.add_node("mcp", Registry(kit.settings).graph("mcp", assisted=kit.mind.models is not None))
        graph.add_edge(START, "mcp")
        graph.add_edge("mcp", END)
        compiled = graph.compile(checkpointer=InMemorySaver())
        given, all_heard = list(answers), []
        for number, text in enumerate(texts):
            heard = Told()
            request = {"text": text, "language": "en", "turn": 1, "steps": 1}
            step = {"step_id": "1", "agent": "mcp", "task": text}
            config: Any = {"configurable": {"thread_id": str(number)}}
            inputs: Any = {"step": step, "request": request, "earlier": {}}
            while inputs is not None:
                raised: dict[str, Any] = {}
                stream = compiled.astream(inputs, config, context=kit, stream_mode=["custom", "values"], subgraphs=True)
                async for item in stream:
                    _, mode, chunk = cast("tuple[Any, str, dict[str, Any]]", item)
                    if mode == "custom":
                        heard.warnings.append(chunk)
                    for interrupt in chunk.get("__interrupt__", ()):
                        raised[interrupt.id] = interrupt.value
                heard.questions += raised.values()
                given_now = {one: given.pop(0) if given else {"action": "approve"} for one in raised}
                inputs = Command(resume=given_now) if raised else None
            state = await compiled.aget_state(config)
            heard.result = state.values["results"]["1"]
            all_heard.append(heard)
        if kit.mind.models is not None:
            await kit.mind.models.aclose()
        return all_heard

    return asyncio.run(story())


@contextmanager
def http_server() -> Iterator[str]:
    """The same server over HTTP. It inherits a socket that listens already, so nobody need wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        child = subprocess.Popen(
            [sys.executable, SERVER, str(descriptor)], pass_fds=(descriptor,), stderr=subprocess.DEVNULL
        )
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            child.kill()
            child.wait()


def test_a_server_is_allowed_once_and_each_call_is_asked_for(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "mcp.json").write_text(json.dumps({"mcpServers": {"calc": COUNTING}}), encoding="utf-8")
    assert "mcp" in {agent["name"] for agent in octo("agents", "list", "--json").json["agents"]}

    asked = octo("ask", "--json", "--no-input", 'calc.add {"a": 1, "b": 2}')
    (question,) = asked.json["interrupts"]
    assert (asked.status, question["type"]) == (3, "tool_approval_required")
    assert sys.executable in question["preview"]
    assert not (home / "state" / "logs" / "mcp-calc.log").exists()

    (call,) = octo("resume", "last", "--json", "--no-input", "--approve").json["interrupts"]
    assert [(field["name"], field["value"]) for field in call["fields"]] == [("a", 1), ("b", 2)]

    done = octo("resume", "last", "--json", "--approve")
    assert (done.status, done.answer) == (0, "`calc__add`\n\n```\n3\n```")
    assert "a server may complain here" in (home / "state" / "logs" / "mcp-calc.log").read_text(encoding="utf-8")
    assert done.err == ""


def test_over_http_with_a_key_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTING_KEY", "secret")
    with http_server() as url:
        entry = {"type": "http", "url": url, "headers": {"Authorization": "Bearer ${COUNTING_KEY}"}, "timeout": 20}
        heard = told(kit_with(tmp_path, {"far": entry}, trusted=False), 'far.add {"a": 1, "b": 2}')

    assert heard.text == "`far__add`\n\n```\n3\n```"
    assert "${COUNTING_KEY}" in heard.questions[0]["preview"]
    assert "secret" not in json.dumps(heard.questions)


def test_a_model_connects_calls_and_is_asked_about_each(tmp_path: Path) -> None:
    script = (calls(("calc__connect", {})), calls(("calc__add", {"a": 40, "b": 2})), "It is 42.")
    with scripted(*script) as server:
        kit = kit_with(tmp_path, {"calc": COUNTING}, trusted=False, mind=Thinking(server))
        heard = told(kit, "how much is 40 and 2?")
        offered = [{tool["function"]["name"] for tool in request.body["tools"]} for request in server.requests]
        answered = results(server)

    assert [question["tool"] for question in heard.questions] == ["calc__connect", "calc__add"]
    assert offered[0] == {"calc__connect"}
    assert "calc__add" in offered[1]
    assert "42" in answered[-1]
    assert heard.text == "It is 42."


def test_a_child_sees_only_what_its_entry_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("MINE", "kept promise")
    entry = {**COUNTING, "env": {"PROMISED": "${MINE}"}}

    text = told(kit_with(tmp_path, {"calc": entry}), "calc.environment").text

    assert "OPENAI_API_KEY" not in text
    assert "OCTO" not in text
    assert "kept promise" in text


def test_one_session_serves_every_call_of_a_process_and_a_dead_one_is_opened_again(tmp_path: Path) -> None:
    kit = kit_with(tmp_path, {"calc": COUNTING})

    *_, twice, dying, anew = told_each(kit, ["calc.count", "calc.count", "calc.die", "calc.count"])

    assert "\n2\n" in twice.text
    assert (dying.result["status"], dying.code) == ("failed", "mcp_failed")
    assert "\n1\n" in anew.text


def test_what_a_server_says_is_data(tmp_path: Path) -> None:
    kit = kit_with(tmp_path, {"calc": COUNTING})
    heard, listed = told_each(kit, ["calc.hostile", "mcp"])

    assert "\x1b" not in heard.text
    assert heard.text.splitlines()[2] == "````"  # a fence longer than any in the answer
    assert len(heard.text) < 60_000
    assert "\x1b" not in listed.text


FAILURES = {
    "calc.nothing": "mcp_tool_missing",
    "calc.add {a: 1}": "mcp_arguments_unreadable",
    "calc.add {bad": "mcp_arguments_unreadable",
    'calc.add {"a": 1}': "mcp_arguments_missing",
    "mcp nobody.add {}": "mcp_server_unknown",
    "calc.fail": "mcp_failed",
    "dead.add": "mcp_unreachable",
    "slow.hang": "mcp_failed",
    "unset.add": "mcp_variable_missing",
}


def test_what_cannot_be_done_is_a_failed_step(tmp_path: Path) -> None:
    servers = {
        "calc": COUNTING,
        "dead": {"command": "/nonexistent/server"},
        "slow": {**COUNTING, "timeout": 3},
        "unset": {**COUNTING, "env": {"KEY": "${OCTO_TEST_NEVER_SET}"}},
    }
    heard = told_each(kit_with(tmp_path, servers), list(FAILURES))

    assert dict(zip(FAILURES, [one.code for one in heard], strict=True)) == FAILURES
    assert {one.result["status"] for one in heard} == {"failed"}


def test_a_dead_server_is_a_warning_and_the_others_go_on(tmp_path: Path) -> None:
    servers = {"dead": {"command": "/nonexistent/server"}, "calc": {**COUNTING, "allow": ["a*"]}, "off": COUNTING}
    kit = kit_with(tmp_path, {**servers, "off": {**COUNTING, "disabled": True}})

    heard = told(kit, "mcp 도구 목록")

    assert list(heard.result["data"]["tools"]) == ["calc__add"]
    assert [warning["code"] for warning in heard.warnings] == ["mcp_unreachable"]


def test_rules_hold_for_servers_and_tools(tmp_path: Path) -> None:
    config = '[approvals]\nallow = ["calc__add"]\ndeny = ["calc__count"]\n'
    kit = kit_with(tmp_path, {"calc": COUNTING}, config=config)

    allowed, denied = told_each(kit, ['calc.add {"a": 1, "b": 2}', "calc.count"])
    assert (allowed.questions, allowed.result["data"].get("output")) == ([], "3")
    assert (denied.questions, denied.result["data"], "calc__count" in denied.text) == ([], {}, True)


def test_edited_arguments_are_read_as_the_tool_wants_them(tmp_path: Path) -> None:
    edit = {"action": "edit", "args": {"a": "40"}}

    assert "42" in told(kit_with(tmp_path, {"calc": COUNTING}), 'calc.add {"a": 1, "b": 2}', answers=(edit,)).text


def test_a_changed_entry_is_asked_about_again_and_a_refused_one_is_not_run(tmp_path: Path) -> None:
    kit = kit_with(tmp_path, {"calc": COUNTING})
    changed = {**COUNTING, "env": {"LD_PRELOAD": "/tmp/evil.so"}}
    kit.settings.mcp_file.write_text(json.dumps({"mcpServers": {"calc": changed}}), encoding="utf-8")

    refused = told(kit, "calc.count", answers=({"action": "reject", "reason": "no"},))

    (question,) = refused.questions
    assert "LD_PRELOAD" in question["preview"]
    assert not is_trusted(read_servers(kit.settings).servers[0], kit.settings)
    assert not (kit.settings.folders.state / "logs").exists()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "command | url"),
        ({"command": "x", "url": "http://a"}, "command | url"),
        ({"url": "file:///etc/passwd"}, "http://"),
        ({"command": "x", "type": "http"}, "type"),
        ({"command": ["x"]}, "str"),
        ({"command": "x", "timeout": -1}, "timeout"),
        ("x", "object"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(tmp_path: Path, entry: Any, reason: str) -> None:
    found = read_servers(kit_with(tmp_path, {"odd": entry, "calc": COUNTING}).settings)

    assert [server.name for server in found.servers] == ["calc"]
    assert reason in str(found.problems[0].values["reason"])


@pytest.mark.parametrize("text", ["", "[]", '{"mcpServers": []}', "\x00", "[" * 100_000])
def test_a_broken_file_is_a_problem_and_no_agent(tmp_path: Path, text: str) -> None:
    kit = kit_in(tmp_path / "work")
    kit.settings.mcp_file.write_text(text, encoding="utf-8")

    assert card_for(kit.settings) is None
    assert [error.code for error in Registry(kit.settings).problems] == ["mcp_file_unusable"]


def test_without_servers_there_is_no_such_agent(tmp_path: Path) -> None:
    assert "mcp" not in {card.name for card in Registry(kit_in(tmp_path / "work").settings).cards()}
