"""threads prune: what goes by which criterion, what is shown first, and what stays usable."""

from datetime import datetime, timedelta

import pytest

from octo_cli.storage import open_storage
from octo_cli.wire.work import ThreadStatus
from tests.conftest import LEASE, NOW, Octo
from tests.databases import file

MOMENT = datetime.fromisoformat(NOW)


FILLED: tuple[tuple[str, int, ThreadStatus], ...] = (
    ("oldest", 100, "completed"),
    ("older", 40, "completed"),
    ("failed", 40, "failed"),
    ("waits", 40, "waiting_human"),
    ("fresh", 1, "completed"),
)


@pytest.fixture
def filled(octo: Octo) -> Octo:
    """Threads as lists see them: finished ones of 1, 40 and 100 days ago, one that failed, one that waits."""
    octo.environment |= {"OCTO_LANG": "en", "OCTO_USER": "kim"}
    with open_storage(file(octo.database)) as storage:
        for name, days, status in FILLED:
            then = MOMENT - timedelta(days=days)
            storage.create_thread(name, title=name, user="kim", now=then)
            storage.touch(name, now=then, status=status)
    return octo


def left(octo: Octo) -> set[str]:
    return {thread["thread_id"] for thread in octo("threads", "list", "--json").json["threads"]}


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (["--older-than", "30d"], {"oldest", "older", "failed"}),
        (["--older-than", "30d", "--status", "waiting_human"], {"waits"}),
        (["--older-than", "30d", "--status", "completed", "--keep-last", "2"], {"oldest"}),
        (["--older-than", "30d", "--user", "lee"], set()),
        (["--older-than", "30d", "--user", "lee", "--all-users"], {"oldest", "older", "failed"}),
    ],
)
def test_only_what_fits_goes_and_a_dry_run_says_the_same(filled: Octo, said: list[str], gone: set[str]) -> None:
    before = left(filled)
    shown = filled("threads", "prune", *said, "--dry-run", "--json").json
    assert (set(shown["deleted"]), shown["dry_run"], left(filled)) == (gone, True, before)
    done = filled("threads", "prune", *said, "--yes", "--json").json
    assert (set(done["deleted"]), left(filled)) == (gone, before - gone)
    assert done["shrunk"] is (True if gone else None)


def test_without_a_criterion_the_policy_decides_and_without_one_it_says_so(filled: Octo) -> None:
    told = filled("threads", "prune", "--yes")
    assert (told.status, "no retention policy is set" in told.err) == (2, True)
    filled("config", "set", "retention.threads", "30d")
    shown = filled("threads", "prune", "--dry-run")
    assert shown.out.splitlines()[-1].startswith("Would be deleted (threads: 2)")
    assert filled("threads", "prune").status == 2
    assert filled("threads", "prune", "--yes").status == 0
    # What failed may still be resumed: only finished threads go by themselves.
    assert left(filled) == {"failed", "waits", "fresh"}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (["--status", "running"], "--status"),
        (["--older-than", "soon"], "--older-than"),
        (["--keep-last", "0"], "--keep"),
    ],
)
def test_a_criterion_that_cannot_be_read_is_named(filled: Octo, said: list[str], named: str) -> None:
    told = filled("threads", "prune", *said, "--yes")
    assert (told.status, named in told.err) == (2, True)
    assert len(left(filled)) == 5


def test_a_person_is_asked_first_and_may_say_no(filled: Octo) -> None:
    terminal = filled.terminal("threads", "prune", "--older-than", "60d")
    assert "oldest" in terminal.at("[y/N]", "n\r")
    assert terminal.ends()[0] == 1
    assert "oldest" in left(filled)


def test_a_thinned_thread_is_inspected_forked_and_gone_back_in(octo: Octo) -> None:
    thread = octo("ask", LEASE, "--json").json["thread_id"]
    octo("resume", thread, *octo.answered())
    assert octo("resume", thread, "--approve").status == 0
    thinned = octo("threads", "prune", "--history", "--yes", "--json").json
    inspected = octo("threads", "inspect", thread, "--history", "--json").json
    history = inspected["history"]
    assert len(inspected["messages"]) == 2
    assert (thinned["checkpoints"] >= 10, thinned["bytes"] > 0) == (True, True)
    question = next(one for one in history if one["next"] == ["user_confirm"])
    assert octo("threads", "inspect", thread, "--at", question["checkpoint_id"]).status == 0
    fork = octo("threads", "fork", thread, "--at", question["checkpoint_id"], "--json").json
    assert fork["status"] == "waiting_human"
    back = octo("threads", "rollback", thread, "--to", "user_confirm", "--json").json
    assert back["interrupts"][0]["type"] == "approval_required"
    assert octo("resume", thread, "--approve").status == 0
