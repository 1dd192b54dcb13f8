"""A process is stopped in the middle of a run, another takes its thread over; a clock is put back between two runs."""

import json
import signal
import subprocess
import sys
from threading import Event
from typing import Any

import pytest

from octo_cli.settings import resolve
from octo_cli.storage import Storage, open_storage
from tests.conftest import LEASE, Octo
from tests.models import KEY, Asked, ModelServer, Reply

QUESTION = "프랑스의 수도는 어디인가요?"
CHAT = {"category": "chat", "confidence": 0.95, "keywords": []}


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, octo: Octo) -> Octo:
    """Octo over a database of either kind."""
    octo.environment["OPENAI_API_KEY"] = KEY
    if request.param == "postgres":
        octo.environment["OCTO_POSTGRES_URL"] = request.getfixturevalue("address")
    return octo


def test_who_wakes_up_after_a_takeover_changes_nothing_and_is_told(shared: Octo, model_server: ModelServer) -> None:
    asked, go_on = Event(), Event()

    def answer(_: Asked) -> Reply:
        if asked.is_set():
            return Reply("파리입니다.")
        asked.set()
        go_on.wait(60)
        return Reply("리옹입니다.")

    model_server.knows("Intent", CHAT)
    model_server.otherwise(answer)
    first = shared.start("ask", QUESTION, "--json", *model_server.flags)
    try:
        assert asked.wait(60)
        first.send_signal(signal.SIGSTOP)
        with _storage(shared) as storage:
            (thread_id,) = [record.thread_id for record in storage.threads()]
        refused = shared("resume", thread_id, *model_server.flags, "--json")
        assert (refused.status, refused.json["error"]["code"]) == (7, "thread_busy")
        assert f"pid {first.pid}" in refused.json["error"]["message"].lower()

        _expire(shared)
        second = shared("resume", thread_id, *model_server.flags, "--json")
        assert (second.status, second.json["result"]) == (0, "파리입니다.")
        before = _everything(shared)
        go_on.set()
        first.send_signal(signal.SIGCONT)
        out, _ = first.communicate(timeout=60)
    finally:
        go_on.set()
        first.kill()
        first.wait()
    told = json.loads(out)["error"]
    assert (first.returncode, told["code"]) == (7, "lease_lost")
    assert told["hint"] == f"octo threads inspect {thread_id}"
    assert _everything(shared) == before
    assert _is_one_chain(shared, thread_id)


AN_HOUR_BACK = """
import sys, time
now = time.time_ns
time.time_ns = lambda: now() - 3_600 * 10**9
from octo_cli.__main__ import main
sys.argv = ["octo", *sys.argv[1:]]
main()
"""


def test_a_run_after_the_clock_was_put_back_goes_on_where_the_thread_stands(shared: Octo) -> None:
    """A checkpoint's id begins with the time, and a thread stands at the greatest."""
    thread_id = shared("ask", LEASE, "--json").json["thread_id"]
    for answers in (shared.answered(), ["--approve"]):
        back = subprocess.run(
            [sys.executable, "-c", AN_HOUR_BACK, "resume", thread_id, *answers, "--json"],
            capture_output=True,
            cwd=shared.folder,
            env=shared.environment,
            check=False,
        )
    assert (back.returncode, len(shared.documents)) == (0, 1)
    seen = shared("threads", "inspect", thread_id, "--json").json
    assert (seen["status"], seen["interrupts"], len(seen["documents"])) == ("completed", [], 1)
    assert _is_one_chain(shared, thread_id)


def _storage(octo: Octo) -> Storage:
    return open_storage(resolve({}, octo.environment, octo.folder).database)


def _expire(octo: Octo) -> None:
    """Half a minute passes."""
    with _storage(octo) as storage, storage._database.write() as run:
        run("UPDATE octo_leases SET expires_at = ?", ("2000-01-01T00:00:00.000000Z",))


def _everything(octo: Octo) -> dict[str, list[Any]]:
    """Every row of every table that a run writes to."""
    with _storage(octo) as storage:
        database = storage._database
        octos = ("threads", "questions", "audit", "audit_heads", "documents", "leases", "messages")
        tables = (*(f"octo_{name}" for name in octos), *database.checkpoint_tables)
        return {name: sorted(database.read(f"SELECT * FROM {name}"), key=repr) for name in tables}


def _is_one_chain(octo: Octo, thread_id: str) -> bool:
    """Whether no checkpoint of the supervisor has two that follow it."""
    with _storage(octo) as storage:
        rows = [row for row in storage.checkpoint_rows(thread_id) if not row.checkpoint_ns]
    return [row.parent_checkpoint_id for row in rows] == [None, *(row.checkpoint_id for row in rows[:-1])]
