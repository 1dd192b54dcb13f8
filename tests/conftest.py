"""Octo as its users meet it: the installed program in a child process, with a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.databases import address as address
from tests.databases import database as database
from tests.databases import server as server
from tests.models import model_server as model_server
from tests.parent import Parent
from tests.servers import own_server as own_server
from tests.servers import tcp_server as tcp_server

NOW = "2026-11-21T10:00:00+09:00"
# The keyring of whoever runs the tests is not theirs to read or write, in this process either.
NO_KEYRING = "keyring.backends.null.Keyring"
os.environ["PYTHON_KEYRING_BACKEND"] = NO_KEYRING
# As the program's entry does: LangGraph reads it once, when it is first imported.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
LEASE = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"
# What the lease still needs after that sentence.
REST = {
    "landlord_name": "김철수",
    "property_address": "서울특별시 마포구 월드컵북로 396, 101동 1203호",
    "payment_day": "25일",
}


@dataclass(frozen=True)
class Said:
    """What one run of `octo` said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def answer(self) -> str:
        """What was said, without how the work went."""
        return str(self.json["aggregated_data"]["final_answer"])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Terminal:
    """Keys in, screen out."""

    child: "pexpect.spawn[str]"

    def __post_init__(self) -> None:
        # A prompt is on the screen only when the program reads raw keys: nothing would be echoed.
        self.child.delaybeforesend = None

    def sees(self, text: str) -> str:
        """Wait for `text`; returns what came before it."""
        self.child.expect_exact(text)
        return str(self.child.before)

    def at(self, prompt: str, keys: str) -> str:
        """Wait for `prompt` and type. Trailing blanks are drawn as cursor movements, so they do not count."""
        before = self.sees(prompt.rstrip())
        self.child.send(keys)
        return before

    def ends(self) -> tuple[int | None, str]:
        """The exit status, and what was said last."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus, str(self.child.before)


@dataclass
class Octo:
    """`octo("ask", "…")` runs the program in `folder` and returns what it said; with a `parent`, as its child."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    parent: Parent | None = None

    def __call__(self, *arguments: str, stdin: str | bytes | None = None, timeout: float = 60) -> Said:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        program = self.parent.command if self.parent else PROGRAM
        done = subprocess.run(
            [*program, *arguments],
            input=given if given is not None else b"",
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=timeout,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """The program running on its own, to be killed or raced."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**self.environment, **variables},
        )

    def terminal(self, *arguments: str, columns: int = 100, **variables: str) -> "Terminal":
        """The program on a terminal of its own."""
        # pexpect answers no cursor reports, so prompts must not wait for one.
        environment = {**self.environment, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **variables}
        return Terminal(
            pexpect.spawn(
                *(PROGRAM[0], [*PROGRAM[1:], *arguments]),
                encoding="utf-8", dimensions=(40, columns), timeout=20, env=environment, cwd=str(self.folder),
            )
        )  # fmt: skip

    def answered(self, fields: Mapping[str, str] = REST) -> list[str]:
        return [argument for name, value in fields.items() for argument in ("--set", f"{name}={value}")]

    @property
    def documents(self) -> list[Path]:
        return (
            sorted((self.folder / "octo-documents").glob("**/*")) if (self.folder / "octo-documents").exists() else []
        )

    @property
    def database(self) -> Path:
        return Path(self.environment["OCTO_HOME"]) / "octo.db"


PROGRAM = (sys.executable, "-m", "octo_cli")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--own-processes", action="store_true", help="start Octo anew for every command: 3 times as long")


@pytest.fixture(scope="session")
def parent(request: pytest.FixtureRequest) -> Iterator[Parent | None]:
    """One of this worker's tests, or none when every command is to be a process of its own."""
    if request.config.getoption("--own-processes"):
        yield None
        return
    parent = Parent()
    yield parent
    parent.close()


@pytest.fixture
def octo(tmp_path: Path, parent: Parent | None) -> Octo:
    """Octo in an empty folder with an empty home, at a fixed time, in Korean unless told otherwise."""
    folder = tmp_path / "work"
    folder.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    kept["PYTHON_KEYRING_BACKEND"] = NO_KEYRING
    return Octo(
        folder,
        {**kept, "OCTO_HOME": str(tmp_path / "home"), "OCTO_NOW": NOW, "LANG": "C.UTF-8", "TERM": "dumb"},
        parent,
    )


@pytest.fixture(params=["sqlite", "postgres"])
def octo_anywhere(request: pytest.FixtureRequest, octo: Octo) -> Octo:
    """The same over a file and over a server: what a command does over one it does over the other."""
    if request.param == "postgres":
        octo.environment["OCTO_POSTGRES_URL"] = request.getfixturevalue("address")
    return octo
