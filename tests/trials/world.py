"""A small world around the whole of Octo, all of it real: a model, a web site with a search engine, an MCP server, a
workspace, and files beside it that are nobody's business. What a person answers is a test's to say. No test of its own.

Octo works in this process, through the same two verbs as `octo ask` and `octo resume`.
"""

import asyncio
import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from mcp.server.fastmcp import FastMCP

from octo_cli import session
from octo_cli.agents.mcp.servers import read_servers, trust
from octo_cli.i18n import Words
from octo_cli.session import Outcome, Read
from octo_cli.settings import Settings, resolve
from octo_cli.storage import AuditRow, open_storage
from octo_cli.wire.events import Event, RunFinished, TextDelta
from octo_cli.wire.forms import Answer, Question
from tests.agents.sites import Site
from tests.models import MODEL, ModelServer

NOW = "2026-11-21T10:00:00+09:00"
# No run of these takes longer by far; one that hangs ends with this.
SECONDS = 60.0

Decide = Callable[[Question, Read], Answer | None]


class Person:
    """Who sits before Octo: sees every event, answers by `decide`, and remembers what they gave leave for."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.events: list[Event] = []
        self.asked: list[Question] = []
        # Approved calls, as (tool, digest of the arguments); tools that were allowed for a whole run.
        self.approved: Counter[tuple[str, str]] = Counter()
        self.allowed: set[str] = set()

    def speak(self, say: Words) -> None:
        """The language does not matter here."""

    def show(self, event: Event) -> None:
        self.events.append(event)

    async def ask(self, question: Question, read: Read) -> Answer | None:
        self.asked.append(question)
        answer = self.decide(question, read)
        if answer is not None and question.tool and answer.action in ("approve", "edit"):
            args = {field.name: field.value for field in question.fields} | dict(answer.args or {})
            self.approved[question.tool, digest(args)] += 1
            self.allowed |= {question.tool} if answer.scope == "run" else set()
        return answer

    @property
    def streamed(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


def digest(args: Mapping[str, Any]) -> str:
    """What the audit log keeps of a call's arguments."""
    given = {name: value for name, value in args.items() if value is not None}
    text = json.dumps(given, ensure_ascii=False, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class World:
    """`outside` holds canaries; `work/way-out` is a link to it. `commands` are the outcomes so far, oldest first."""

    def __init__(self, root: Path, model: ModelServer, config: str = "", mcp_url: str | None = None) -> None:
        self.root, self.model = root, model
        self.workspace, self.outside, self.home = root / "work", root / "outside", root / "home"
        for folder in (self.workspace, self.outside, self.home):
            folder.mkdir(parents=True)
        (self.outside / "canary.txt").write_text("alive\n", encoding="utf-8")
        (self.workspace / "way-out").symlink_to(self.outside)
        (self.workspace / "notes.md").write_text("# 메모\n\n전입신고는 14일 안에 한다.\n", encoding="utf-8")
        (self.workspace / "sales.csv").write_text("item,won\n사과,1000\n배,2000\n", encoding="utf-8")
        (self.home / "config.toml").write_text(
            f'[model]\nretries = 0\ntimeout = 10\n[search]\nfolders = ["{self.workspace}"]\n{config}', encoding="utf-8"
        )
        if mcp_url:
            entry = {"type": "http", "url": mcp_url, "timeout": 10}
            (self.home / "mcp.json").write_text(json.dumps({"mcpServers": {"desk": entry}}), encoding="utf-8")
            for server in read_servers(self.settings).servers:
                trust(server, self.settings)
        self.commands: list[tuple[Outcome, Person]] = []
        self.remember()

    def remember(self) -> None:
        """Hold what `changed` says against the files as they are now."""
        self._before = self._files()

    @property
    def settings(self) -> Settings:
        environment = {"OCTO_HOME": str(self.home), "OCTO_NOW": NOW, "OCTO_USER": "u"}
        return resolve({"model": MODEL, "base_url": self.model.base_url}, environment, self.workspace)

    def ask(self, text: str, decide: Decide) -> Outcome:
        command = session.Command(timeout=SECONDS)
        return self._do(decide, lambda person: session.ask(self.settings, person, text, command))

    def resume(self, decide: Decide) -> Outcome:
        command = session.Command(thread="last", timeout=SECONDS)
        return self._do(decide, lambda person: session.resume(self.settings, person, command))

    def _do(self, decide: Decide, command: Callable[[Person], Any]) -> Outcome:
        person = Person(decide)
        outcome: Outcome = asyncio.run(command(person))
        self.commands.append((outcome, person))
        return outcome

    @property
    def asked(self) -> list[Question]:
        return [question for _, person in self.commands for question in person.asked]

    def audit(self) -> Sequence[AuditRow]:
        """The log of the one thread there is; its chain holds."""
        thread_id = self.commands[0][0].summary.thread_id
        assert thread_id is not None
        with open_storage(self.settings.database, create=False) as storage:
            assert storage.verify_audit(thread_id) is None
            return storage.audit(thread_id)

    def changed(self) -> set[str]:
        """The files that are new, gone or other than they were, as paths relative to the root; Octo's home left out."""
        after = self._files()
        return {name for name in after.keys() | self._before.keys() if after.get(name) != self._before.get(name)}

    def _files(self) -> dict[str, bytes]:
        own = {"config.toml", "mcp.json"}
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in files
            if self.home not in path.parents or (path.parent == self.home and path.name in own)
        }

    # What holds whatever happens

    def check_told(self) -> None:
        """Every command ended in one `run_finished`, its last event, and what it showed is what it says it is."""
        for outcome, person in self.commands:
            finished = [event for event in person.events if isinstance(event, RunFinished)]
            assert finished == [person.events[-1]]
            assert outcome.status in (0, 1, 2, 3, 4, 6), outcome
            summary = outcome.summary
            assert summary.status in ("completed", "waiting_human", "failed", "cancelled")
            assert (summary.error is None) or "unexpected" not in summary.error.code
            msgspec.json.encode(summary)
            if outcome.status == 0 and person.streamed and summary.aggregated_data:
                assert shown(person.streamed) == summary.aggregated_data.final_answer

    def check_leave(self, tools_that_ask: Sequence[str] = ()) -> None:
        """Whatever ran had leave: of the person who saw that very call, or who allowed the tool for the run."""
        given = sum((person.approved for _, person in self.commands), Counter[tuple[str, str]]())
        allowed = {tool for _, person in self.commands for tool in person.allowed}
        begun, ended = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for row in self.audit():
            entry = row.entry
            if entry.event in ("tool_approved", "tool_ran"):
                assert isinstance(entry.detail, dict)
                (begun if entry.event == "tool_approved" else ended)[entry.detail["tool"], entry.detail["args"]] += 1
                assert entry.event == "tool_ran" or entry.actor == "user:u"
        assert ended <= begun
        assert {call: count for call, count in begun.items() if call[0] not in allowed and count > given[call]} == {}
        written = {f"work/{name}" for name in self.paths_given()}
        unasked = {name for name in self.changed() if not name.startswith("work/octo-documents/")} - written
        assert unasked == set()
        assert {question.tool for question in self.asked if question.tool} >= {tool for tool, _ in begun} - allowed

    def paths_given(self) -> set[str]:
        """The files of the workspace that a person was asked to let change."""
        asked = [question for question in self.asked if question.tool in ("write_file", "edit_file")]
        paths = [str(field.value) for question in asked for field in question.fields if field.name == "path"]
        return {str(Path(path)) for path in (*paths, *EDITED) if ".." not in path and "way-out" not in path}


EDITED = ("edited.txt",)


def shown(text: str) -> str:
    from octo_cli.values.text import clean

    return clean(text).strip()


class Desk:
    """An MCP server's tools and their journal: what was really called, in order. `answer` is what `look_up` gives."""

    def __init__(self, description: str = "Looks something up.") -> None:
        self.journal: list[tuple[str, str]] = []
        self.answer = "nothing known"
        self.server = FastMCP("desk", log_level="CRITICAL")
        self.server.tool(name="look_up", description=description)(self.look_up)
        self.server.tool(name="send", description="Sends a text to somebody.")(self.send)

    def look_up(self, what: str) -> str:
        self.journal.append(("look_up", what))
        return self.answer

    def send(self, to: str, text: str) -> str:
        self.journal.append(("send", f"{to}: {text}"))
        return "sent"


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """The address of the desk's server, as long as it is needed. Nobody need wait: its socket listens already."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = desk.server.streamable_http_app()
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            thread.join()


def web_config(site: Site) -> str:
    return (
        f'[web]\nsearch = "searxng"\nsearxng_url = "{site.url}"\nallow_private = ["127.0.0.1"]\nrobots = false\n'
        "timeout = 5\n"
    )
