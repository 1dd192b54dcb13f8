"""Keys: given unseen, kept where they belong, and never seen again, in the keyring of a real backend package."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from threading import Event

import keyring
import msgspec
import pytest
from keyring.backend import KeyringBackend

from octo_cli import credentials
from octo_cli.cli import _unforeseen
from octo_cli.cli.commands import Caller
from octo_cli.credentials import Credential, find, find_all, looks_like_key, scrub
from tests.conftest import Octo

KEY = "sk-test-0123456789abcdefWXYZ"
# A keyring that keeps: what a desktop has, in a file.
RING = """
import json, os
from pathlib import Path
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1
    name = "test ring"
    file = Path(os.environ["RING"])

    def _all(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self.file.write_text(json.dumps({**self._all(), f"{service}/{username}": password}))

    def delete_password(self, service, username):
        kept = self._all()
        del kept[f"{service}/{username}"]
        self.file.write_text(json.dumps(kept))
"""


@pytest.fixture
def ring(octo: Octo, tmp_path: Path) -> Path:
    """The file behind the keyring that `octo` finds."""
    (tmp_path / "octo_test_ring.py").write_text(RING)
    file = tmp_path / "ring.json"
    octo.environment |= {
        "PYTHONPATH": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "octo_test_ring.Ring",
        "RING": str(file),
    }
    return file


def key_file(octo: Octo) -> Path:
    return Path(octo.environment["OCTO_HOME"]) / "keys.json"


def test_a_key_is_kept_shown_by_its_end_and_removed(octo: Octo, ring: Path) -> None:
    kept = octo("auth", "set", "openai", "--lang", "ko", stdin=f"{KEY}\n")
    assert (kept.status, kept.err, kept.out) == (0, "", "키를 보관했습니다: openai → 키링\n")
    assert json.loads(ring.read_text()) == {"octo/openai": KEY}
    assert not key_file(octo).exists()
    (row,) = [row for row in octo("auth", "status", "--json").json["keys"] if row["source"]]
    assert row == {"provider": "openai", "source": "keyring", "ending": "WXYZ", "variable": "OPENAI_API_KEY"}
    assert octo("auth", "status", "openai", "--json").json["keys"] == [row]
    shown = octo("auth", "status").out
    assert "…WXYZ" in shown
    assert KEY not in shown
    assert octo("auth", "remove", "openai", "--json").json == {
        "version": 1,
        "provider": "openai",
        "removed": ["keyring"],
    }
    assert (octo("auth", "remove", "openai").status, json.loads(ring.read_text())) == (4, {})


def test_a_provider_has_one_key_whatever_it_is_called(octo: Octo, ring: Path) -> None:
    assert octo("auth", "set", "google_genai", stdin=KEY).status == 0
    assert octo("auth", "remove", "Gemini").status == 0


@pytest.mark.parametrize(
    ("language", "prompt"), [("ko", "openai 키(화면에 보이지"), ("en", "Key of openai (not shown)")]
)
def test_a_person_types_it_unseen(octo: Octo, ring: Path, language: str, prompt: str) -> None:
    terminal = octo.terminal("auth", "set", "openai", "--lang", language)
    terminal.at(prompt, f"{KEY}\r")
    status, after = terminal.ends()
    assert status == 0
    assert KEY not in after
    assert KEY in ring.read_text()


def test_a_key_is_no_argument_and_is_not_repeated(octo: Octo, ring: Path) -> None:
    said = octo("auth", "set", "openai", "opensesame1234")
    assert said.status == 2
    assert "opensesame" not in said.err + said.out
    assert "octo auth set openai" in said.err
    assert not ring.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "key_empty"),
        ("\n", "key_empty"),
        ("two words", "key_malformed"),
        (" sk-before", "key_malformed"),
        ("one\ntwo\n", "key_malformed"),
        ("열쇠", "key_malformed"),
        ("x" * 5000, "key_malformed"),
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(octo: Octo, ring: Path, given: str, code: str) -> None:
    said = octo("auth", "set", "openai", "--json", stdin=given)
    assert (said.status, said.json["error"]["code"]) == (2, code)
    assert not given.strip() or given.strip() not in said.out
    assert not ring.exists()


@pytest.mark.parametrize("provider", ["", "open ai", "../x", "1", "x" * 50])
def test_what_is_no_provider_is_refused(octo: Octo, provider: str) -> None:
    assert octo("auth", "set", "--json", "--", provider, stdin=KEY).status == 2


@pytest.mark.parametrize("backend", ["null", "fail"])
def test_without_a_keyring_it_says_what_else_there_is(octo: Octo, backend: str) -> None:
    octo.environment["PYTHON_KEYRING_BACKEND"] = f"keyring.backends.{backend}.Keyring"
    said = octo("auth", "set", "mistral", stdin=KEY)
    assert said.status == 1
    assert "MISTRAL_API_KEY" in said.err
    assert "octo auth set mistral --plaintext" in said.err
    assert not key_file(octo).exists()


def test_a_file_is_for_its_owner_and_only_when_asked_for(octo: Octo) -> None:
    assert octo("auth", "set", "brave", "--plaintext", stdin=KEY).status == 0
    assert octo("auth", "set", "acme", "--plaintext", stdin=f"{KEY}2").status == 0
    assert key_file(octo).stat().st_mode & 0o777 == 0o600
    shown = {row["provider"]: row["source"] for row in octo("auth", "status", "--json").json["keys"]}
    assert (shown["brave"], shown["acme"], shown["openai"]) == ("file", "file", None)
    assert octo("auth", "remove", "brave").status == octo("auth", "remove", "acme").status == 0
    assert not key_file(octo).exists()


def test_a_key_is_never_in_two_places(octo: Octo, ring: Path) -> None:
    octo("auth", "set", "openai", "--plaintext", stdin=f"{KEY}old")
    octo("auth", "set", "openai", stdin=KEY)
    assert (key_file(octo).exists(), KEY in ring.read_text()) == (False, True)
    octo("auth", "set", "openai", "--plaintext", stdin=f"{KEY}new")
    assert json.loads(ring.read_text()) == {}


def test_the_environment_goes_first_and_is_left_alone(octo: Octo, ring: Path) -> None:
    octo.environment["OPENAI_API_KEY"] = f"{KEY}env1"
    said = octo("auth", "set", "openai", stdin=KEY)
    assert "OPENAI_API_KEY" in said.err
    (row,) = [row for row in octo("auth", "status", "--json").json["keys"] if row["source"]]
    assert (row["source"], row["ending"]) == ("environment", "env1")
    assert octo("auth", "remove", "openai").status == 0
    assert "unset OPENAI_API_KEY" in octo("auth", "remove", "openai").err


def test_a_broken_key_file_is_one_sentence(octo: Octo) -> None:
    key_file(octo).parent.mkdir()
    key_file(octo).write_text(f'{{"openai": "{KEY}"')
    said = octo("auth", "status")
    assert said.status == 2
    assert str(key_file(octo)) in said.err
    assert KEY not in said.err


def test_a_short_key_shows_nothing_of_itself(tmp_path: Path) -> None:
    found = find("openai", {"OPENAI_API_KEY": "abc123", "OCTO_HOME": str(tmp_path)})
    assert found is not None
    assert (found.secret, found.ending) == ("abc123", "")


def test_a_credential_shows_and_stores_nothing() -> None:
    held = Credential(KEY, "keyring")
    assert KEY not in f"{held} {held!r} {[held]} {held.__class__.__slots__}"
    assert not hasattr(held, "__dict__")
    for write in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.to_builtins, msgspec.json.encode, json.dumps):
        with pytest.raises(TypeError):
            write(held)


class Hanging(KeyringBackend):
    """As a locked D-Bus whose prompt nobody answers."""

    priority = 1
    released = Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.released.wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.released.wait()


def test_a_keyring_that_never_answers_is_no_keyring(tmp_path: Path) -> None:
    before, hanging = keyring.get_keyring(), Hanging()  # type: ignore[no-untyped-call]
    keyring.set_keyring(hanging)
    try:
        environment = {"OCTO_HOME": str(tmp_path), "BRAVE_API_KEY": KEY}
        found = find_all(("openai", "brave"), environment, patience=0.05)
    finally:
        hanging.released.set()
        keyring.set_keyring(before)
    assert found["openai"] is None
    assert found["brave"] is not None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"refused: {KEY}!", "refused: ***!"),
        ("Bearer opensesame-1 ok", "Bearer *** ok"),
        ("key=open%2Fsesame%3F", "key=***"),
        ("postgresql://octo:hunter2@db/x", "postgresql://octo:***@db/x"),
        ("other AIzaSyA1234567890123456789012 here", "other *** here"),
        ("task-risk-assessment-document and sk-learn", "task-risk-assessment-document and sk-learn"),
        ("the key is short", "the key is short"),
    ],
)
def test_keys_are_taken_out_of_a_text(text: str, left: str) -> None:
    environment = {"ACME_API_KEY": KEY, "MY_TOKEN": "opensesame-1", "SOME_SECRET": "open/sesame?", "A_KEY": "short"}
    assert scrub(text, environment) == left


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        *((name, False) for name in ("PATH", "HOME", "OCTO_MAX_TOKENS", "KEYBOARD", "OCTO_POSTGRES_URL")),
        *((name, True) for name in ("OPENAI_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD")),
        *((name, True) for name in ("PGPASSWORD", "OTEL_EXPORTER_OTLP_HEADERS")),
    ],
)
def test_what_a_variable_is_called_tells_whether_it_is_a_secret(name: str, hidden: bool) -> None:
    assert (scrub("is opensesame-1", {name: "opensesame-1"}) == "is ***") is hidden


def test_of_a_servers_address_only_the_password_is_a_secret(octo: Octo) -> None:
    for address, shown in {
        "mysql://kim@db.example.org/octo": "mysql://kim@db.example.org/octo",
        "mysql://kim:open@sesame/1@db.example.org/octo": "mysql://kim…",
    }.items():
        octo.environment["OCTO_POSTGRES_URL"] = address
        said = octo("threads", "list").err
        assert (shown.partition("@")[0] in said, "sesame" in said, "***" in said) == (True, False, False), said
        assert "sesame" not in scrub(f"could not connect to {address}", octo.environment)
    address = "postgresql://kim@db.example.org/octo"
    assert scrub(f"at {address}", {"OCTO_POSTGRES_URL": address}) == f"at {address}"


def test_the_key_of_the_database_is_not_removed_without_a_yes(octo: Octo) -> None:
    octo.environment["OCTO_LANG"] = "en"
    refused = octo("auth", "set", "database", "--generate")
    assert "octo auth set database --generate --plaintext" in refused.err
    assert octo("auth", "set", "database", "--generate", "--plaintext").status == 0
    refused = octo("auth", "remove", "database")
    assert (refused.status, "octo auth remove database --yes" in refused.err) == (2, True)
    assert octo("auth", "status", "database", "--json").json["keys"][0]["source"] == "file"
    assert octo("auth", "remove", "database", "--yes").status == 0


def test_an_error_that_quotes_a_key_does_not_show_it(octo: Octo) -> None:
    octo.environment["ACME_API_KEY"] = "opensesame-1234"
    for said in (octo("threads", "inspect", "opensesame-1234"), octo("threads", "inspect", KEY, "--json")):
        assert said.status == 4
        assert "***" in said.err + said.out
        assert "opensesame" not in said.err
        assert KEY not in said.out


def test_a_defect_leaves_no_key_in_its_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    caller = Caller(("ask", "x", "--verbose"), {"OCTO_HOME": str(tmp_path)})
    try:
        raise RuntimeError(f"HTTP 401 for {KEY}")
    except RuntimeError as exc:
        error = _unforeseen(caller, exc)
    written = Path(str(error.values["log"])).read_text()
    for text in (written, capsys.readouterr().err):
        assert "RuntimeError: HTTP 401 for ***" in text


LOGGING = """
import logging, sys
from pathlib import Path
from octo_cli.cli.logs import log_to_file
from octo_cli.credentials import Credential
from octo_cli.settings import resolve
log_to_file(resolve({}, {"OCTO_HOME": sys.argv[1]}, Path.cwd()))
key = Credential("an-opensesame-of-no-known-shape", "keyring")
try:
    raise ValueError(f"sent {key.secret}")
except ValueError:
    logging.getLogger("some.library").exception("header %s", key.secret)
"""


def test_what_is_logged_holds_no_key(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LOGGING, str(tmp_path)], check=True, timeout=60)
    log = (tmp_path / "state" / "logs" / "octo.log").read_text()
    assert "header ***" in log
    assert "ValueError: sent ***" in log
    assert "opensesame" not in log


def test_shapes_are_those_of_keys() -> None:
    assert all(map(looks_like_key, (KEY, "tvly-dev-abcdefgh12345678", "x=AIzaSyA1234567890123456789012")))
    assert not any(map(looks_like_key, ("openai:gpt-5-mini", "sk-", "http://127.0.0.1:8000/v1", "~/notes")))


def test_the_variables_are_the_usual_ones() -> None:
    assert [credentials.variables(name)[0] for name in ("openai", "google_genai", "some-thing")] == [
        *("OPENAI_API_KEY", "GOOGLE_API_KEY", "SOME_THING_API_KEY"),
    ]
