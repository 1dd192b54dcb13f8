"""A model fails in the middle of the work: status 6, nothing lost, and `octo resume` repeats only what failed."""

import asyncio
import io
import json
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from octo_cli import session
from octo_cli.settings import Settings, resolve
from octo_cli.ui.events import EventsFace
from tests.conftest import NOW, Octo
from tests.models import KEY, ModelServer, Reply
from tests.reasoning.sensible import be_sensible

QUESTION = "프랑스의 수도는 어디인가요?"
ANSWER = "프랑스의 수도는 파리입니다."
CHAT = {"category": "chat", "confidence": 0.95, "keywords": []}


class Desk:
    """Octo in this process, on one thread: `ask` and `resume` as the commands do them, each told as its events."""

    def __init__(self, server: ModelServer, folder: Path, config: str = "") -> None:
        (folder / "config.toml").write_text(f"[model]\nretries = 0\ntimeout = 5\n{config}", encoding="utf-8")
        self.server = server
        self.folder = folder
        self.events: list[dict[str, Any]] = []

    def ask(self, text: str, thread: str | None = None, **flags: Any) -> int:
        command = session.Command(thread=thread)
        return self._run(lambda settings, face: session.ask(settings, face, text, command), flags)

    def resume(self, **flags: Any) -> int:
        return self._run(lambda settings, face: session.resume(settings, face, session.Command(thread="last")), flags)

    def _run(self, command: Any, flags: dict[str, Any]) -> int:
        out = io.StringIO()
        outcome = asyncio.run(command(self._settings(flags), EventsFace(out)))
        self.events = [json.loads(line) for line in out.getvalue().splitlines()]
        return int(outcome.status)

    def _settings(self, flags: dict[str, Any]) -> Settings:
        given = {"model": "openai:gpt-4o-mini", "base_url": self.server.base_url, **flags}
        return resolve(given, {"OCTO_HOME": str(self.folder), "OCTO_NOW": NOW, "OCTO_USER": "u"}, self.folder)

    @property
    def summary(self) -> Any:
        return self.events[-1]["summary"]

    def shapes_asked(self) -> list[str | None]:
        return [asked.shape for asked in self.server.requests]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Reply(status=401), "model_key_refused"),
        (Reply(status=404), "model_not_found"),
        (Reply(status=429), "model_rate_limited"),
        (Reply(status=500), "model_server_error"),
        (Reply(text="프랑스의 수", stop_after=3), "model_cut_off"),
        (Reply(text="", finish="stop"), "model_empty"),
        (Reply(text="", finish="content_filter"), "model_refused"),
        (Reply(raw=b"data: {oops\n\n"), "model_malformed"),
    ],
)
def test_only_what_failed_is_done_again(fault: Reply, code: str, model_server: ModelServer, tmp_path: Path) -> None:
    desk = Desk(model_server, tmp_path)
    model_server.knows("Intent", CHAT)
    model_server.says(CHAT, fault, ANSWER)
    assert desk.ask(QUESTION) == 6
    error = desk.summary["error"]
    assert error["code"] == code
    assert "octo resume" in error["hint"]
    assert desk.summary["result"] is None
    assert desk.summary["usage"]["requests"] == 2
    assert desk.resume() == 0
    assert desk.summary["result"] == ANSWER
    assert desk.summary["usage"]["requests"] == 3
    assert desk.shapes_asked() == ["Intent", None, None]


def test_nonsense_from_a_model_falls_back_to_the_rules_with_a_warning(
    model_server: ModelServer, tmp_path: Path
) -> None:
    desk = Desk(model_server, tmp_path)
    model_server.says("?", "??", ANSWER)
    assert desk.ask("안녕하세요") == 0
    warned = [event["code"] for event in desk.events if event["type"] == "warning"]
    assert warned == [warning["code"] for warning in desk.summary["warnings"]] == ["mind_fell_back"]


def test_another_model_takes_over_and_it_is_said(model_server: ModelServer, tmp_path: Path) -> None:
    desk = Desk(model_server, tmp_path, 'fallback = ["openai:gpt-4o"]')
    model_server.otherwise(
        lambda asked: Reply(status=500) if asked.body["model"] == "gpt-4o-mini" else CHAT if asked.shape else ANSWER
    )
    assert desk.ask(QUESTION) == 0
    assert desk.summary["result"] == ANSWER
    first = desk.summary["warnings"][0]
    assert first["code"] == "model_fell_back"
    assert "openai:gpt-4o" in first["message"]
    assert "{" not in first["message"]


def test_no_model_left_but_the_rules(model_server: ModelServer, tmp_path: Path) -> None:
    desk = Desk(model_server, tmp_path, 'fallback = ["offline"]')
    model_server.otherwise(lambda _: Reply(status=503))
    assert desk.ask("안녕하세요") == 0
    assert {warning["code"] for warning in desk.summary["warnings"]} == {"model_fell_back", "mind_fell_back"}


def test_a_bound_is_one_of_the_turn_and_resuming_takes_a_higher_one(model_server: ModelServer, tmp_path: Path) -> None:
    desk = Desk(model_server, tmp_path)
    model_server.says(Reply(text=json.dumps(CHAT), tokens=(2000, 100, 0)))
    assert desk.ask(QUESTION, max_tokens="2150") == 6
    assert desk.summary["error"]["code"] == "budget_reached"
    assert desk.resume(max_tokens="2160") == 6
    assert len(model_server.requests) == 1
    assert desk.resume(max_tokens="5000") == 0
    assert [warning["code"] for warning in desk.summary["warnings"]] == []
    assert (desk.summary["usage"]["requests"], desk.summary["usage"]["input_tokens"]) == (2, 2100)
    assert desk.summary["usage"]["cost_usd"] > 0


def test_a_thread_adds_up_its_turns(octo: Octo, model_server: ModelServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    desk = Desk(model_server, home)
    model_server.knows("Intent", CHAT)
    model_server.otherwise(lambda _: ANSWER)
    assert desk.ask(QUESTION) == 0
    assert desk.ask("그럼 독일은 어떤가요?", thread="last") == 0
    assert desk.summary["usage"]["requests"] == 2
    usage = octo("threads", "inspect", "last", "--json").json["usage"]
    assert (usage["model"], usage["requests"], usage["input_tokens"]) == ("openai:gpt-4o-mini", 4, 400)
    assert "gpt-4o-mini" in octo("threads", "inspect", "last").out


def test_a_key_is_nowhere_to_be_seen(octo: Octo, model_server: ModelServer) -> None:
    octo.environment["OPENAI_API_KEY"] = KEY
    echo = Reply(status=401, error=f"Incorrect API key provided: {KEY}. Authorization: Bearer {KEY}")
    model_server.otherwise(lambda _: echo)
    said = octo("ask", QUESTION, "--events", "--verbose", *model_server.flags)
    assert said.status == 6
    assert model_server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    home = Path(octo.environment["OCTO_HOME"])
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"model_key_refused" in written
    assert KEY.encode() not in written
    assert KEY not in said.out + said.err


def test_interrupting_a_stream_hangs_up_and_loses_nothing(octo: Octo, model_server: ModelServer) -> None:
    model_server.knows("Intent", CHAT)
    model_server.says(CHAT, Reply(text=ANSWER, stop_after=3, hold=True))
    process = octo.start("ask", QUESTION, "--events", *model_server.flags)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "text_delta":
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(rest.splitlines()[-1])["summary"]["result"] is None
    assert model_server.closed_by_client.wait(5)
    model_server.says(ANSWER)
    done = octo("resume", "last", *model_server.flags)
    assert (done.status, done.out.strip()) == (0, ANSWER)
    assert [asked.shape for asked in model_server.requests] == ["Intent", None, None]


def test_a_hint_is_the_whole_command(octo: Octo, model_server: ModelServer) -> None:
    octo.environment["OPENAI_API_KEY"] = KEY
    address = f"{model_server.base_url}/it's&more"
    model_server.otherwise(lambda _: Reply(status=401))
    failed = octo("ask", QUESTION, "--model", "openai:it's", "--base-url", address, "--max-tokens", "9000")
    assert failed.status == 6
    _, _, command = next(line for line in failed.err.splitlines() if "octo resume" in line).partition("octo resume ")
    assert shlex.split(command)[1:] == ["--model", "openai:it's", "--base-url", address]
    octo.environment["OCTO_MODEL"] = "openai:m"
    told = octo("ask", QUESTION, "--json", "--base-url", model_server.base_url).json
    # What the environment says, it says again.
    assert told["error"]["hint"].endswith(f"octo resume {told['thread_id']} --base-url {model_server.base_url}")
    model_server.otherwise(lambda _: Reply(status=404))
    told = octo("ask", QUESTION, "--json", "--model", "openai:m", "--base-url", model_server.base_url).json
    _, _, command = told["error"]["hint"].partition("octo resume ")
    assert [word for word in shlex.split(command) if word.startswith("--")] == ["--model", "--base-url"]


def test_what_a_model_began_is_not_finished_by_rules_unasked(octo: Octo, model_server: ModelServer) -> None:
    model_server.says(CHAT, Reply(status=500))
    octo.environment["OPENAI_API_KEY"] = KEY
    (octo.folder / "once.toml").write_text("[model]\nretries = 0\n")
    assert octo("ask", QUESTION, "--config", "once.toml", *model_server.flags).status == 6
    refused = octo("resume", "last", "--json")
    error, thread = refused.json["error"], refused.json["thread_id"]
    assert (refused.status, error["code"]) == (6, "model_left_out")
    commands = error["hint"].splitlines()
    assert commands[0] == f"octo resume {thread} --model openai:octo-test"
    assert commands[1].startswith(f"octo resume {thread} --model offline ")
    model_server.says(ANSWER)
    forked = octo("threads", "fork", "last", "--json").json["thread_id"]
    assert octo("resume", forked).status == 6
    assert octo("resume", thread, *model_server.flags).out.strip() == ANSWER
    # Rules are welcome when a person asks for them, wherever that is said.
    octo.environment["OCTO_MODEL"] = "offline"
    assert octo("resume", forked).status == 0
    assert len(model_server.requests) == 3


def test_going_back_to_a_question_needs_no_model(octo: Octo, model_server: ModelServer) -> None:
    octo.environment["OPENAI_API_KEY"] = KEY
    be_sensible(model_server)
    assert octo("ask", "비밀유지계약서 작성해줘", "--no-input", *model_server.flags).status == 3
    waiting = octo("threads", "rollback", "last", "--to", "collaborate", "--json")
    assert (waiting.status, waiting.json["status"]) == (0, "waiting_human")
