"""kill -9 before writes of the lease flow: what was approved is written once, and every decision is told once."""

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octo_cli.storage import open_storage
from tests.conftest import LEASE, Octo
from tests.databases import file
from tests.stories.killer import Door

AGENT_STAGES = (
    *("initialize", "collect_context", "generate_draft", "collaborate", "user_confirm", "ai_review", "finalize"),
)
SUPERVISOR_NODES = (
    *("guard", "recall", "understand", "make_plan", "dispatch", "gather", "aggregate", "choose_output"),
    *("generate_chat", "remember"),
)
THREAD = "lease"
# A share for every worker. What is on the disk after a write is what is there before the next one, so commands die
# only before writes; every few of them, since `tests/trials/crash` kills at any instant at all.
SHARES, EVERY = 2, 4
ASK = ["ask", LEASE, "--thread", THREAD, "--create"]


class Killer(Door):
    """The killing program, and the answers one person gives however often they must."""

    def __init__(self, octo: Octo, root: Path) -> None:
        super().__init__(octo.environment, root)
        self.octo = octo
        self.answers = [*octo.answered(), "--approve", "--json"]

    def copied(self, source: str, name: str, kill_at: int, arguments: list[str]) -> dict[str, Any]:
        """The command in a copy of the home `source`."""
        shutil.copytree(self.root / source, self.root / name)
        return self.run(name, kill_at, arguments)

    def json(self, name: str, arguments: list[str]) -> Any:
        return json.loads(self.run(name, 0, [*arguments, "--json"])["out"])

    def finish(self, name: str) -> None:
        """What a person does after a crash: resume, with the answers at hand; ask again if nothing had been taken."""
        for _ in range(4):
            done = self.run(name, 0, ["resume", THREAD, *self.answers])
            if done["status"] == 4 or '"thread_empty"' in done["out"]:
                done = self.run(name, 0, [*ASK, *self.answers])
            if done["status"] == 2:  # an answer given before the crash was kept: only the approval is still open
                done = self.run(name, 0, ["resume", THREAD, "--approve", "--json"])
            if done["status"] == 2:  # the approval was kept too: nothing is open any more
                done = self.run(name, 0, ["resume", THREAD, "--json"])
            if done["status"] == 0:
                return
        pytest.fail(f"{name} did not finish: {done}")

    def result(self, name: str) -> tuple[list[bytes], Counter[str]]:
        """The documents' bytes, and how often each decision stands in an audit log whose chain holds."""
        with open_storage(file(self.root / name / "home" / "octo.db"), create=False) as storage:
            assert storage.verify_audit(THREAD) is None
            events = Counter(row.entry.event for row in storage.audit(THREAD))
        files = sorted(path for path in (self.root / name / "work").rglob("*") if path.is_file())
        return [path.read_bytes() for path in files], events


@pytest.fixture
def killer(octo: Octo, tmp_path: Path) -> Iterator[Killer]:
    killer = Killer(octo, tmp_path / "trials")
    yield killer
    killer.close()


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_before_a_write_the_lease_ends_the_same(share: int, killer: Killer) -> None:
    undisturbed = killer.run("undisturbed", 0, [*ASK, *killer.answers])
    assert undisturbed["status"] == 0, undisturbed["out"]
    wanted = killer.result("undisturbed")
    assert len(wanted[0]) == 1
    assert wanted[1]["submitted"] == wanted[1]["approved"] == wanted[1]["finalized"] == 1
    chosen = list(enumerate(undisturbed["stages"], 1))[::EVERY]
    assert {stage for _, stage in chosen} >= {*AGENT_STAGES, *SUPERVISOR_NODES}

    killed_again = 0
    for place, (kill_at, stage) in enumerate(chosen[share::SHARES]):
        name = f"kill-{kill_at}"
        killed = killer.run(name, kill_at, [*ASK, *killer.answers])
        assert killed["killed"], (kill_at, killed)
        # Bad luck comes twice: some of the stages' resumes are killed as well.
        if stage in AGENT_STAGES and place % 3 == 0:
            killed_again += killer.run(name, 6 + kill_at % 5, ["resume", THREAD, *killer.answers])["killed"]
        killer.finish(name)
        assert killer.result(name) == wanted, (kill_at, stage)
    assert killed_again


def test_an_answer_that_was_acknowledged_is_not_asked_for_again(killer: Killer) -> None:
    killer.run("asked", 0, [*ASK, "--json"])
    answering = ["resume", THREAD, *killer.octo.answered(), "--events"]
    acknowledged = 0
    for kill_at in itertools.count(1, 2):
        killed = killer.copied("asked", f"kill-{kill_at}", kill_at, answering)
        if '"interrupt_answered"' in killed["out"]:
            acknowledged += 1
            assert killer.json(f"kill-{kill_at}", ["inbox"])["interrupts"] == []
            (question,) = killer.json(f"kill-{kill_at}", ["resume", THREAD])["interrupts"]
            assert question["type"] == "approval_required"
            assert "김철수" in question["preview"]
        if killed["stage"] == "generate_draft":
            break
    assert acknowledged > 1


def test_a_rollback_that_died_half_way_is_finished_or_never_was(killer: Killer) -> None:
    killer.run("asked", 0, [*ASK, *killer.octo.answered(), "--json"])
    revised = killer.json("asked", ["resume", THREAD, "--revise", "월세를 55만원으로 바꿔줘"])["interrupts"]
    back = ["threads", "rollback", THREAD, "--to", "user_confirm"]
    undisturbed = killer.copied("asked", "undisturbed", 0, back)
    agreed = killer.json("undisturbed", ["resume", THREAD])["interrupts"]
    assert (agreed[0]["type"], revised[0]["type"]) == ("approval_required", "collaboration_required")
    seen = []
    for kill_at in range(1, len(undisturbed["stages"]) + 1, 3):
        assert killer.copied("asked", f"kill-{kill_at}", kill_at, back)["killed"]
        (question,) = killer.json(f"kill-{kill_at}", ["resume", THREAD])["interrupts"]
        asked = revised if question["id"] == revised[0]["id"] else agreed
        assert (question["type"], question["preview"]) == (asked[0]["type"], asked[0]["preview"])
        assert len(killer.json(f"kill-{kill_at}", ["inbox"])["interrupts"]) == 1
        seen.append(question["type"])
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"collaboration_required", "approval_required"}


def test_a_fork_that_died_half_way_is_whole_or_never_was(killer: Killer) -> None:
    killer.run("asked", 0, [*ASK, "--json"])
    fork = ["threads", "fork", THREAD]
    undisturbed = killer.copied("asked", "undisturbed", 0, fork)
    seen = set()
    for kill_at in range(1, len(undisturbed["stages"]) + 1, 3):
        assert killer.copied("asked", f"kill-{kill_at}", kill_at, fork)["killed"]
        questions = killer.json(f"kill-{kill_at}", ["inbox"])["interrupts"]
        assert len({question["preview"] for question in questions}) == 1
        threads = killer.json(f"kill-{kill_at}", ["threads", "list"])["threads"]
        assert {thread["thread_id"] for thread in threads} == {question["thread_id"] for question in questions}
        seen.add(len(threads))
    assert seen == {1, 2}


def test_the_inbox_finds_a_question_whose_run_died_before_it_could_say_so(killer: Killer) -> None:
    stages = killer.run("undisturbed", 0, [*ASK, "--json"])["stages"]
    # The last writes of a run put the question into the index; die after the checkpoint, before them.
    last = len(stages) - stages[::-1].index("collaborate")
    found = set()
    for kill_at in range(last - 11, last, 2):
        name = f"unsaid-{kill_at}"
        killer.run(name, kill_at, [*ASK, "--json"])
        inbox = json.loads(killer.run(name, 0, ["inbox", "--json"])["out"])["interrupts"]
        found.add(len(inbox))
    assert 1 in found
