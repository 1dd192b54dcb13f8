"""kill -9 while a model speaks and around a tool's effect: nothing is lost, nothing happens twice unless asked for."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octo_cli.storage import open_storage
from tests.conftest import Octo
from tests.databases import file
from tests.models import Asked, ModelServer, Reply
from tests.stories.test_kill import Killer
from tests.trials.world import Desk, World, served

CHAT = {"category": "chat", "confidence": 0.95, "keywords": []}
SEND = {"to": "kim", "text": "hello"}
SENT = ("send", "kim: hello")


def sends_once(asked: Asked) -> Reply:
    """A model that sends one text by MCP, and then says so."""
    if asked.shape == "Intent":
        return Reply(text=json.dumps({**CHAT, "category": "mcp"}))
    if asked.shape is not None:
        return Reply(text="{}")
    if any(message["role"] == "tool" for message in asked.body["messages"]):
        return Reply(text="Settled.")
    return Reply(tools=(("desk__send", SEND),))


def test_killed_while_a_model_speaks_only_its_answer_is_asked_for_again(octo: Octo, model_server: ModelServer) -> None:
    model_server.says(CHAT, Reply(text="파리는 프랑스의 수도입니다.", stop_after=3, hold=True))
    process = octo.start("ask", "프랑스의 수도는?", "--events", *model_server.flags)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "text_delta":
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    model_server.says("파리입니다.")
    done = octo("resume", "last", "--json", *model_server.flags)
    assert (done.status, done.json["result"]) == (0, "파리입니다.")
    assert [asked.shape for asked in model_server.requests] == ["Intent", None, None]


class Killed:
    """A thread that waits for leave to send a text, killed at a write of its approval and taken up again."""

    def __init__(self, killer: Killer, desk: Desk) -> None:
        self.killer, self.desk = killer, desk

    def approve(self, name: str, kill_at: int) -> dict[str, Any]:
        """A copy of the waiting thread, killed at a write of `octo resume --approve`; 0 for not at all."""
        shutil.copytree(self.killer.root / "asked", self.killer.root / name)
        self.desk.journal.clear()
        return self.killer.run(name, kill_at, ["resume", "last", "--approve", "--json"])

    def finish(self, name: str) -> bool:
        """What a person does then: leave, but none for what may have happened already. Whether they were told so."""
        warned, answer = False, list[str]()
        for _ in range(4):
            said = json.loads(self.killer.run(name, 0, ["resume", "last", *answer, "--json"])["out"])
            if not said["interrupts"]:
                break
            (question,) = said["interrupts"]
            again = "이미 실행되었을 수" in question["message"]
            warned, answer = warned or again, ["--reject" if again else "--approve"]
        assert (said["status"], said["aggregated_data"]["final_answer"]) == ("completed", "Settled."), said
        return warned

    def audit(self, name: str) -> list[str]:
        with open_storage(file(self.killer.root / name / "home" / "octo.db"), create=False) as storage:
            (thread,) = storage.threads()
            assert storage.verify_audit(thread.thread_id) is None
            return [row.entry.event for row in storage.audit(thread.thread_id)]


@pytest.fixture
def killed(octo: Octo, model_server: ModelServer, tmp_path: Path) -> Iterator[Killed]:
    model_server.otherwise(sends_once)
    desk, root = Desk(), tmp_path / "trials"
    with served(desk) as mcp_url:
        World(root / "asked", model_server, mcp_url=mcp_url)
        octo.environment |= {"OCTO_MODEL": model_server.flags[1], "OCTO_BASE_URL": model_server.base_url}
        killer = Killer(octo, root)
        try:
            asked = killer.run("asked", 0, ["ask", "desk로 kim에게 보내줘", "--json"])
            assert asked["status"] == 3, asked
            yield Killed(killer, desk)
        finally:
            killer.close()


def test_killed_around_an_effect_it_happens_once_at_most(killed: Killed) -> None:
    undisturbed = killed.approve("undisturbed", 0)
    assert (undisturbed["status"], killed.desk.journal) == (0, [SENT])
    assert killed.audit("undisturbed") == ["tool_approved", "tool_ran"]
    seen: set[tuple[int, bool]] = set()
    # From the last write before the call to the first one after what came of it is saved.
    saved = undisturbed["stages"].index("ModelCallLimitMiddleware.before_model") + 1
    for kill_at in (saved - 7, saved - 6, saved - 5, saved - 3, saved - 1):
        name = f"kill-{kill_at}"
        assert killed.approve(name, kill_at)["killed"]
        at_the_kill = len(killed.desk.journal)
        warned = killed.finish(name)
        seen.add((at_the_kill, warned))
        assert killed.desk.journal == [SENT] * (at_the_kill if warned else 1)
        assert killed.audit(name).count("tool_approved") == 1
    # Before its start was put down; begun but not done; done but not saved; done and saved.
    assert seen == {(0, False), (0, True), (1, True), (1, False)}
