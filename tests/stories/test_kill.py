"""kill -9 at every write of the lease flow: what was approved is written once, and every decision is told once."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

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
# A share kills at every fifth write, so that all cores have work; no multiple of three, so that each kills twice too.
SHARES = 5
ASK = ["ask", LEASE, "--thread", THREAD, "--create"]


class Killer(Door):
    """The killing program, and the answers one person gives however often they must."""

    def __init__(self, octo: Octo, root: Path) -> None:
        super().__init__(octo.environment, root)
        self.octo = octo
        self.answers = [*octo.answered(), "--approve", "--json"]

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
def test_killed_at_every_write_the_lease_ends_the_same(share: int, killer: Killer) -> None:
    undisturbed = killer.run("undisturbed", 0, [*ASK, *killer.answers])
    assert undisturbed["status"] == 0, undisturbed["out"]
    wanted = killer.result("undisturbed")
    assert len(wanted[0]) == 1
    assert wanted[1]["submitted"] == wanted[1]["approved"] == wanted[1]["finalized"] == 1
    stages = undisturbed["stages"]
    assert set(stages) >= {*AGENT_STAGES, *SUPERVISOR_NODES}
    assert {stage: stages.count(stage) for stage in AGENT_STAGES if stages.count(stage) < 4} == {}

    killed_again = 0
    for kill_at, stage in list(enumerate(stages, 1))[share::SHARES]:
        name = f"kill-{kill_at}"
        killed = killer.run(name, kill_at, [*ASK, *killer.answers])
        assert killed["killed"], (kill_at, killed)
        # Bad luck comes twice: some of the stages' resumes are killed as well.
        if stage in AGENT_STAGES and kill_at % 3 == 0:
            killed_again += killer.run(name, 6 + kill_at % 5, ["resume", THREAD, *killer.answers])["killed"]
        killer.finish(name)
        assert killer.result(name) == wanted, (kill_at, stage)
    assert killed_again


def test_the_inbox_finds_a_question_whose_run_died_before_it_could_say_so(killer: Killer) -> None:
    stages = killer.run("undisturbed", 0, [*ASK, "--json"])["stages"]
    # The last writes of a run put the question into the index; die after the checkpoint, before them.
    last = len(stages) - stages[::-1].index("collaborate")
    found = set()
    for kill_at in range(last - 12, last):
        name = f"unsaid-{kill_at}"
        killer.run(name, kill_at, [*ASK, "--json"])
        inbox = json.loads(killer.run(name, 0, ["inbox", "--json"])["out"])["interrupts"]
        found.add(len(inbox))
        killer.finish(name)
    assert 1 in found
