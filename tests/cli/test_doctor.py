"""doctor: each line says how it is and what to type; and the one offer that a newcomer gets."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octo_cli.ui.cells import width
from tests.conftest import Octo
from tests.loopback import Loopback, loopback

KEY = "sk-test-0123456789abcdefWXYZ"
CHECKS = (
    *("octo", "terminal", "disk", "keys", "config", "database", "model", "servers", "extras", "sandbox", "agents"),
    *("formats", "mcp"),
)


def listing(*models: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in models]}).encode()


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback({"/v1/models": (200, listing("nomic-embed-text", "qwen3:8b", "$(touch pwned)"))}) as running:
        yield running


@pytest.fixture(autouse=True)
def ports(octo: Octo) -> None:
    """Where the servers that can be moved would be: nowhere. A port number of 9 is nobody's."""
    octo.environment |= {"OLLAMA_HOST": "127.0.0.1:9", "LLAMA_ARG_PORT": "9"}


def home(octo: Octo) -> Path:
    folder = Path(octo.environment["OCTO_HOME"])
    folder.mkdir(exist_ok=True)
    return folder


def configured(octo: Octo, text: str) -> Octo:
    (home(octo) / "config.toml").write_text(text)
    return octo


def checks(octo: Octo, *options: str, status: int = 0) -> dict[str, dict[str, Any]]:
    said = octo("doctor", "--json", "--lang", "en", *options)
    assert (said.status, said.err) == (status, "")
    assert said.json["ok"] == (status == 0)
    return {check["check"]: check for check in said.json["checks"]}


def test_a_fresh_home_has_no_errors(octo: Octo) -> None:
    found = checks(octo)
    assert tuple(found) == CHECKS
    assert {check["level"] for check in found.values()} <= {"ok", "warning"}
    assert not Path(octo.environment["OCTO_HOME"]).exists()


@pytest.mark.parametrize(("language", "word"), [("ko", "저장소"), ("en", "database")])
def test_a_person_reads_lines_that_fit_the_screen(octo: Octo, language: str, word: str) -> None:
    terminal = octo.terminal("doctor", "--lang", language, columns=80)
    status, screen = terminal.ends()
    assert status == 0
    assert word in screen
    lines = screen.replace("\x1b[2m", "").replace("\x1b[33m", "").replace("\x1b[0m", "").splitlines()
    # A path to copy is better whole than folded.
    assert all(width(line) <= 80 for line in lines if "/" not in line)


def test_a_sound_database_and_a_broken_one(octo: Octo) -> None:
    octo("ask", "안녕")
    assert checks(octo)["database"]["message"].startswith("sound")
    octo.database.write_bytes(b"broken" * 1000)
    found = checks(octo, status=1)["database"]
    assert (found["level"], "--sqlite" in found["hint"]) == ("error", True)


def test_pages_are_looked_at(octo: Octo) -> None:
    octo("ask", "안녕")
    whole = bytearray(octo.database.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 4096] = b"\xff" * 4096
    octo.database.write_bytes(whole)
    assert checks(octo, status=1)["database"]["level"] == "error"


def test_a_broken_settings_file_is_told_and_the_machine_looked_at(octo: Octo) -> None:
    found = checks(configured(octo, "lang = \n"), status=1)
    assert tuple(found) == ("octo", "terminal", "disk", "keys", "config")
    assert "config.toml" in found["config"]["message"]


def test_a_model_without_a_key_says_how_to_give_one(octo: Octo) -> None:
    found = checks(configured(octo, 'model = "openai:gpt-5-mini"\n'), status=1)["model"]
    assert found["hint"] == "octo auth set openai\nexport OPENAI_API_KEY=…"
    octo.environment["OPENAI_API_KEY"] = KEY
    said = octo("doctor")
    assert said.status == 0
    assert KEY not in said.out
    assert KEY[-4:] not in said.out


def test_a_model_whose_extra_is_missing_names_it(octo: Octo) -> None:
    found = checks(configured(octo, 'model = "mistral:m"\n'), status=1)["model"]
    assert found["hint"] == "pip install 'octo-cli[mistral]'"


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        ((200, listing("m", "other")), "ok", "answers"),
        ((200, listing("other")), "warning", "does not list openai:m"),
        ((401, b"{}"), "error", "refused"),
        ((500, b"oops"), "warning", "500"),
        ((302, b""), "warning", "302"),
        ((200, b"no json"), "error", "cannot be reached"),
        ((200, b'["odd"]'), "ok", "answers"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_model_nearby_is_asked(octo: Octo, answer: tuple[int, bytes], level: str, said: str) -> None:
    octo.environment["OPENAI_API_KEY"] = KEY
    with loopback({"/v1/models": answer}) as server:
        configured(octo, f'[model]\nname = "openai:m"\nbase_url = "{server.address}/v1"\n')
        found = checks(octo, status=int(level == "error"))["model"]
    assert (found["level"], said in found["message"]) == (level, True)
    (request,) = server.requests
    assert (request.path, request.headers["Authorization"]) == ("/v1/models", f"Bearer {KEY}")


def test_a_model_far_away_is_asked_only_when_told(octo: Octo) -> None:
    octo.environment["OPENAI_API_KEY"] = KEY
    configured(octo, '[model]\nname = "openai:m"\nbase_url = "http://far.invalid/v1"\n')
    assert checks(octo)["model"]["hint"] == "octo doctor --online"
    assert "far.invalid" in checks(octo, "--online", status=1)["model"]["message"]


def test_a_server_on_this_machine_is_offered_with_commands_that_work(octo: Octo, server: Loopback) -> None:
    octo.environment["OLLAMA_HOST"] = f"127.0.0.1:{server.port}"
    offered = checks(octo)["servers"]
    assert offered["message"] == f"Ollama answers at {server.address}/v1 with qwen3:8b, nomic-embed-text"
    for command in offered["hint"].splitlines():
        assert octo(*command.split()[1:]).status == 0
    found = checks(octo)
    assert "in use" in found["servers"]["message"]
    assert (found["model"]["level"], "qwen3:8b" in found["model"]["message"]) == ("ok", True)


def test_whoever_else_listens_there_is_no_model_server(octo: Octo) -> None:
    with loopback({"/v1/models": (200, b"<html>hello</html>")}) as other:
        octo.environment["OLLAMA_HOST"] = f"http://127.0.0.1:{other.port}/"
        assert f":{other.port}" not in checks(octo)["servers"]["message"]
        assert other.requests


def test_a_sandbox_that_is_not_there_is_an_error(octo: Octo, tmp_path: Path) -> None:
    configured(octo, '[code]\nsandbox = "docker"\n')
    octo.environment["PATH"] = str(tmp_path)
    assert checks(octo, status=1)["sandbox"]["hint"] == "octo config set code.sandbox auto"


def test_mcp_servers_are_named_and_a_broken_file_told(octo: Octo) -> None:
    file = home(octo) / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"notes": {"command": "x", "env": {"A_TOKEN": "opensesame1"}}}}))
    assert checks(octo)["mcp"]["message"] == "servers: notes"
    file.write_text('{"mcpServers": ["opensesame1"]}')
    assert checks(octo, status=1)["mcp"]["level"] == "error"


def test_an_open_key_file_is_a_warning(octo: Octo) -> None:
    octo("auth", "set", "brave", "--plaintext", stdin=KEY)
    file = home(octo) / "keys.json"
    file.chmod(0o644)
    found = [check for check in octo("doctor", "--json").json["checks"] if check["level"] == "warning"]
    assert f"chmod 600 {file}" in [check["hint"] for check in found]


def test_a_newcomer_is_told_once_of_the_server_on_their_machine(octo: Octo, server: Loopback) -> None:
    octo.environment["OLLAMA_HOST"] = f"127.0.0.1:{server.port}"
    shown = []
    for _ in range(2):
        terminal = octo.terminal("chat", "--lang", "en")
        shown.append(terminal.at("› ", "\x04"))
        assert terminal.ends()[0] == 0
    assert "octo config set model openai:qwen3:8b" in shown[0]
    assert f"octo config set model.base_url {server.address}/v1" in shown[0]
    assert "Ollama" not in shown[1]


def test_who_has_set_something_up_is_not_told(octo: Octo, server: Loopback) -> None:
    octo.environment["OLLAMA_HOST"] = f"127.0.0.1:{server.port}"
    terminal = configured(octo, 'lang = "en"\n').terminal("chat")
    assert "Ollama" not in terminal.at("› ", "\x04")
    terminal.ends()
    assert not server.requests
