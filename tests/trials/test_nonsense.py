"""A model whose every answer is schema-valid nonsense: whatever it says and whatever is answered, Octo stays itself."""

import json
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from octo_cli.agents.loop import MOST_MODEL_CALLS, MOST_TOOL_CALLS
from octo_cli.agents.tools import sandbox
from octo_cli.errors import InvalidAnswer
from octo_cli.session import Read
from octo_cli.settings import CodeSettings
from octo_cli.storage import open_storage
from octo_cli.wire.forms import Answer, Question
from tests.agents import sites
from tests.conftest import Octo, Said
from tests.models import Asked, Reply, serving
from tests.reasoning.sensible import anything
from tests.trials.world import EDITED, Desk, World, served, web_config

RUNS, CHUNKS = 60, 6
MOST_COMMANDS = 3
# What stands in every answer that breaks off; no whole answer may ever hold it.
HALF = "HALF-AN-ANSWER"
REQUESTS = (
    "write code for me: a note in notes.md",
    "파이썬으로 노트 정리하는 코드를 짜줘",
    "mcp desk로 찾아서 보내줘",
    "use the desk server to look up the deposit",
    "내 메모에서 전입신고 찾아줘",
    "sales.csv에서 won 합계를 알려줘",
    "summarise {url}/page",
    "웹에서 전세 사기 예방법 찾아줘",
    "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동",
    "search my notes, then sum up sales.csv and write code that prints both",
    "안녕하세요",
)
WORKS = ("code", "code", "mcp", "mcp", "web", "data", "search", "contract")
PATHS = (
    *(
        "notes.md",
        "new/a.txt",
        "b.txt",
        "../outside/canary.txt",
        "way-out/canary.txt",
        "way-out/new.txt",
        "{outside}/x",
    ),
    *(
        "../home/config.toml",
        "../home/mcp.json",
        ".git/config",
        ".env",
        "~/x",
        "a\x00b",
        "",
        ".",
        "/etc/passwd",
        "x/" * 300,
    ),
)
TEXTS = ("", "전입", "\x1b[2J", "\u202eabc", "won", "x" * 3000, "{{7*7}}", "14일")
CODES = ("print(6*7)", "1/0", "while True: print('x' * 999)", "print('\\x1b[2J')", "import sys; sys.exit(3)", "def")
COMMANDS = ("echo hi", "ls -la", "cat ../outside/canary.txt", "false", "echo $OPENAI_API_KEY", "exit 9")
# Only where a cage keeps files as they are may somebody who approves anything be told to run these.
OUTWARD = (
    "open({canary!r}, 'w').write('dead')",
    "import os; os.remove({canary!r})",
    "import shutil; shutil.rmtree({root!r})",
)
CAGED = sandbox.cage(CodeSettings()) == "bubblewrap"


class Nonsense:
    """What the model says, by seed. `calls` counts the requests that offered tools."""

    def __init__(self, seed: int, world: World) -> None:
        self.chance = random.Random(seed)
        self.world = world
        self.lock = threading.Lock()
        outward = [
            text.format(canary=str(world.outside / "canary.txt"), root=str(world.outside)) for text in OUTWARD if CAGED
        ]
        self.pools: dict[str, tuple[str, ...]] = {
            "path": tuple(path.format(outside=world.outside) for path in PATHS),
            "code": (*CODES, *outward),
            "command": (*COMMANDS, *(f"echo dead > {world.outside}/canary.txt" for _ in range(CAGED))),
        }

    def __call__(self, asked: Asked) -> Reply:
        # Steps side by side ask side by side.
        with self.lock:
            return self._shaped(asked) if asked.shape else self._said(asked)

    def _shaped(self, asked: Asked) -> Reply:
        schema = asked.body["response_format"]["json_schema"]["schema"]
        found = anything(schema, schema.get("$defs", {}), asked.text, self.chance)
        # Left to chance alone hardly any plan would hold, and hardly any run come to one.
        if asked.shape == "Intent" and self._sometimes(0.8):
            found |= {"category": self.chance.choice(WORKS), "confidence": 0.9}
        if asked.shape == "Plan" and self._sometimes(0.8):
            del found["steps"][self.chance.choice([1, 1, 2, 3]) :]
            for number, step in enumerate(found["steps"], 1):
                step["depends_on"] = [self.chance.randint(1, number - 1)] if number > 1 and self._sometimes(0.4) else []
        return Reply(text=json.dumps(found))

    def _said(self, asked: Asked) -> Reply:
        if self._sometimes(0.04):
            return self.chance.choice(
                [
                    Reply(text=f"{HALF} and some more of it", stop_after=3)
                    if asked.body.get("stream")
                    else Reply(status=500),
                    Reply(text=f"{HALF} too long", finish="length"),
                    Reply(text=f"{HALF} refused", finish="content_filter"),
                ]
            )
        tools = [tool["function"] for tool in asked.body.get("tools", ())]
        count = self.chance.choice([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7]) if tools else 0
        wanted = tuple(self._call(self.chance.choice(tools)) for _ in range(count))
        return Reply(
            text=self.chance.choice(["끝.", "**Done**", "\x1b[31mx\u202e", "", "`x`"]) or ("." if not wanted else ""),
            tools=wanted,
        )

    def _call(self, tool: Mapping[str, Any]) -> tuple[str, Any]:
        schema = tool["parameters"]
        args = anything(schema, schema.get("$defs", {}), "some text to take words of", self.chance)
        args = {name: self._value(name, value) for name, value in args.items()}
        if self._sometimes(0.05):
            return "no_such_tool", args
        return str(tool["name"]), args if not self._sometimes(0.03) else "{broken"

    def _value(self, name: str, value: Any) -> Any:
        return self.chance.choice(self.pools.get(name, TEXTS)) if isinstance(value, str) else value

    def _sometimes(self, share: float) -> bool:
        return self.chance.random() < share


class Anybody:
    """A person who answers anything, by seed, and leaves when they have been asked too often."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"person {seed}")
        self.patience = 12

    def __call__(self, question: Question, read: Read) -> Answer | None:
        self.patience -= 1
        if self.patience < 0:
            return None
        if question.tool:
            return self._leave(question)
        if question.type == "approval_required":
            return self.chance.choice(
                [
                    Answer("approve", doc_hash=question.doc_hash),
                    Answer("approve", doc_hash=question.doc_hash),
                    Answer("revise", feedback="보증금을 6천만원으로"),
                    Answer("back", to="collaborate"),
                    Answer("reject", reason="no"),
                    Answer("defer"),
                ]
            )
        if self.chance.random() < 0.05:
            return Answer("defer")
        return Answer("submit", fields=self._filled(question, read))

    def _leave(self, question: Question) -> Answer | None:
        action = self.chance.choices(["approve", "run", "edit", "reject", "defer"], [0.42, 0.05, 0.23, 0.25, 0.05])[0]
        if action == "run":
            return Answer("approve", scope="run")
        edited = {"path": EDITED[0], "code": "print('edited')", "command": "echo edited", "text": "edited"}
        known = {field.name: edited[field.name] for field in question.fields if field.name in edited}
        if action == "edit" and known:
            return Answer("edit", args=known)
        return (
            Answer("reject", reason="no") if action == "reject" else Answer("defer" if action == "defer" else "approve")
        )

    def _filled(self, question: Question, read: Read) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for field in question.fields:
            if field.value is None and field.required:
                said = self.chance.choice(field.choices) if field.choices else self.chance.choice(_SAID)
                try:
                    read(field.name, said)
                except InvalidAnswer:
                    continue
                given[field.name] = said
        return given


_SAID = ("홍길동", "2027-03-01", "5천만원", "2년", "25일", "서울특별시 마포구 월드컵북로 396", "네", "010-1234-5678")


@pytest.fixture(scope="module")
def around() -> Iterator[tuple[sites.Site, Desk, str]]:
    """The site, the MCP server and its address."""
    with ExitStack() as stack:
        site = stack.enter_context(sites.serving({"/page": sites.page("<p>쪽입니다. 문장 하나.</p>")}))
        found = {"results": [{"url": f"{site.url}/page", "title": "t", "content": "c"}]}
        site.pages["/search"] = sites.page(json.dumps(found), "application/json")
        desk = Desk()
        yield site, desk, stack.enter_context(served(desk))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_a_model_says_octo_stays_itself(
    chunk: int,
    around: tuple[sites.Site, Desk, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nonsense")
    site, desk, mcp_url = around
    for seed in range(chunk, RUNS, CHUNKS):
        desk.journal.clear()
        with serving() as model:
            world = World(tmp_path / str(seed), model, web_config(site), mcp_url)
            lived(world, seed, REQUESTS[seed % len(REQUESTS)].format(url=site.url))
        check(world, desk)
        broken = [record for record in caplog.records if record.exc_info and record.name.startswith("octo_cli")]
        assert [f"{seed}: {record.getMessage()} {record.exc_info}" for record in broken] == []


def lived(world: World, seed: int, text: str) -> None:
    """One request, and what a person does until it is done or they have had enough."""
    nonsense, anybody = Nonsense(seed, world), Anybody(seed)
    world.model.otherwise(nonsense)
    outcome = world.ask(text, anybody)
    while outcome.status not in (0, 1, 4) and anybody.patience > 0 and len(world.commands) < MOST_COMMANDS:
        outcome = world.resume(anybody)


def check(world: World, desk: Desk) -> None:
    world.check_told()
    world.check_leave()
    audit = [row.entry for row in world.audit()]
    sent = [entry for entry in audit if entry.event == "tool_approved" and entry.detail["tool"].startswith("desk__")]
    assert len(desk.journal) <= len(sent)
    last, steps = world.commands[-1][0].summary, set[str]()
    for outcome, _ in world.commands:
        assert HALF not in json.dumps(outcome.summary.result)
        steps |= {step["step_id"] for step in (outcome.summary.plan or {"steps": ()})["steps"]}
    loops = [asked for asked in world.model.requests if asked.body.get("tools")]
    # Each model call of a loop may be repeated once for a call that cannot be read, and once a command after a failure.
    assert len(loops) <= len(steps) * (2 * MOST_MODEL_CALLS + 2 * len(world.commands))
    for step in steps:
        ran = [entry for entry in audit if entry.event == "tool_ran" and entry.step_id == step]
        assert len(ran) <= MOST_TOOL_CALLS
    assert last.usage.requests == len(world.model.requests)


@pytest.mark.parametrize("seed", range(1000, 1003))
def test_the_program_itself_stays_so_too(
    seed: int, octo: Octo, around: tuple[sites.Site, Desk, str], tmp_path: Path
) -> None:
    """The same through the real door, for a person who rejects whatever a model wants to do."""
    site, desk, mcp_url = around
    desk.journal.clear()
    with serving() as model:
        world = World(tmp_path / "world", model, web_config(site), mcp_url)
        model.otherwise(Nonsense(seed, world))
        program = Octo(
            world.workspace, {**octo.environment, "OCTO_HOME": str(world.home), "OPENAI_API_KEY": "sk-nonsense"}
        )
        said = program("ask", REQUESTS[seed % 4], "--events", "--no-input", *model.flags)
        for _ in range(3):
            check_said(said)
            if said.status not in (3, 6):
                break
            said = program("resume", "last", "--reject", "no", "--events", "--no-input", *model.flags)
        assert world.changed() == set()
        assert desk.journal == []
        with open_storage(world.settings.database, create=False) as storage:
            (thread,) = storage.threads()
            assert storage.verify_audit(thread.thread_id) is None
            assert "tool_approved" not in {row.entry.event for row in storage.audit(thread.thread_id)}


def check_said(said: Said) -> None:
    assert said.status in (0, 1, 2, 3, 4, 6), said
    assert "Traceback" not in said.err + said.out
    finished = [event for event in said.events if event["type"] == "run_finished"]
    assert finished == [said.events[-1]]
    assert HALF not in json.dumps(finished[0]["summary"]["result"])
