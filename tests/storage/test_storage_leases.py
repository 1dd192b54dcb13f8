"""Leases between real processes: one winner, a dead owner never in the way, a live one never robbed."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from octo_cli.errors import ThreadBusy
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, open_storage
from tests.storage.storage_samples import NOW, add_thread, answer, child, later, question

TAKER = """
with open_storage(path) as storage:
    leases = []
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            leases.append(storage.take_lease(line.strip(), now=NOW))
            print("won", flush=True)
        except ThreadBusy as busy:
            print(busy.code, busy.values["pid"], flush=True)
"""
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="process start times come from /proc")


@pytest.fixture
def storage(database: DatabaseSettings) -> Iterator[Storage]:
    with open_storage(database) as storage:
        add_thread(storage)
        yield storage


@pytest.fixture
def other(storage: Storage, database: DatabaseSettings) -> Iterator[Storage]:
    """What another process has of the same database."""
    with open_storage(database) as other:
        yield other


def test_of_two_processes_racing_exactly_one_wins_and_the_other_is_told_who(storage: Storage) -> None:
    racers = [child(TAKER, storage.name) for _ in range(2)]
    assert [answer(racer) for racer in racers] == ["ready", "ready"]
    for number in range(25):
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"t{number}\n")
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.flush()
        said = {racer.pid: answer(racer) for racer in racers}
        (winner,) = [pid for pid, word in said.items() if word == "won"]
        assert sorted(said.values()) == [f"thread_busy {winner}", "won"]
    for racer in racers:
        racer.communicate()


def test_a_killed_owner_is_taken_over_at_once(storage: Storage) -> None:
    owner = child(TAKER, storage.name)
    assert answer(owner) == "ready"
    assert answer(owner, "thread-1") == "won"
    storage.touch("thread-1", now=NOW, status="running")
    with pytest.raises(ThreadBusy) as caught:
        storage.take_lease("thread-1", now=later(seconds=1))
    assert caught.value.values["pid"] == owner.pid
    assert storage.threads(now=later(seconds=1))[0].status == "running"

    os.kill(owner.pid, signal.SIGKILL)
    os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)  # dead, but its parent has not buried it
    assert storage.holder("thread-1", now=later(seconds=1)) is None
    assert storage.threads(now=later(seconds=1))[0].status == "active"
    with storage.take_lease("thread-1", now=later(seconds=1)):
        holder = storage.holder("thread-1", now=later(seconds=1))
        assert holder is not None
        assert holder.pid == os.getpid()
    owner.communicate()
    assert storage.take_lease("thread-1", now=later(seconds=2))


def test_a_buried_owner_is_taken_over_at_once(storage: Storage) -> None:
    owner = child(TAKER, storage.name)
    assert answer(owner) == "ready"
    assert answer(owner, "thread-1") == "won"
    owner.kill()
    owner.communicate()
    assert storage.take_lease("thread-1", now=later(seconds=1))


@needs_proc
def test_a_recycled_pid_is_not_mistaken_for_the_owner(storage: Storage, other: Storage) -> None:
    storage.take_lease("thread-1", now=NOW)
    with pytest.raises(ThreadBusy):
        other.take_lease("thread-1", now=NOW)
    _alter(other, "started = '1'")
    assert other.take_lease("thread-1", now=NOW)


@needs_proc
def test_an_owner_on_another_machine_is_believed_until_its_lease_expires(storage: Storage, other: Storage) -> None:
    lost = storage.take_lease("thread-1", now=NOW)
    _alter(other, "machine = 'elsewhere', host = 'other-host', pid = 4194304, started = '1'")
    with pytest.raises(ThreadBusy) as caught:
        other.take_lease("thread-1", now=later(seconds=29))
    assert caught.value.values == {
        "thread": "thread-1",
        "host": "other-host",
        "pid": 4194304,
        "since": "2027-03-01T09:00:00.000000Z",
    }
    assert caught.value.status == 7
    other.take_lease("thread-1", now=later(seconds=30))
    with pytest.raises(ThreadBusy) as caught:
        lost.renew(now=later(seconds=31))
    assert caught.value.code == "lease_lost"
    lost.release()
    assert storage.holder("thread-1", now=later(seconds=31)) is not None


def test_a_heartbeat_keeps_a_lease(storage: Storage, other: Storage) -> None:
    lease = storage.take_lease("thread-1", now=NOW)
    lease.renew(now=later(seconds=25))
    with pytest.raises(ThreadBusy):
        other.take_lease("thread-1", now=later(seconds=50))
    holder = storage.holder("thread-1", now=later(seconds=50))
    assert holder is not None
    assert (holder.since, holder.expires_at) == ("2027-03-01T09:00:00.000000Z", "2027-03-01T09:00:55.000000Z")
    assert other.take_lease("thread-1", now=later(seconds=56))


def test_a_lease_is_given_back_when_the_work_fails_and_one_process_holds_it_once(storage: Storage) -> None:
    def fail_at_work() -> None:
        with storage.take_lease("thread-1", now=NOW):
            with pytest.raises(ThreadBusy):
                storage.take_lease("thread-1", now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_work()
    assert storage.holder("thread-1", now=NOW) is None


def test_a_lease_ends_together_with_what_is_written_or_not_at_all(storage: Storage, other: Storage) -> None:
    lease = storage.take_lease("thread-1", now=NOW)
    with suppress(LookupError), lease.ending():
        storage.put_questions("thread-1", [question()])
        raise LookupError
    assert storage.questions("thread-1") == []
    assert not lease.given_back
    assert storage.holder("thread-1", now=NOW) is not None
    with lease.ending():
        storage.put_questions("thread-1", [question()])
        storage.touch("thread-1", now=NOW, status="waiting_human")
        assert _seen_by(other) == ("active", 0)
    assert _seen_by(other) == ("waiting_human", 1)
    assert storage.holder("thread-1", now=NOW) is None
    lease.renew(now=later(seconds=20))
    assert storage.holder("thread-1", now=NOW) is None


@pytest.mark.skipif(sys.platform == "win32", reason="a process's name may hold anything on POSIX only")
def test_a_process_whose_name_looks_like_its_state_is_read_right(
    storage: Storage, other: Storage, tmp_path: Path
) -> None:
    odd = tmp_path / ") Z 1 1"
    odd.symlink_to(Path("/bin/sleep"))
    import subprocess

    process = subprocess.Popen([odd, "60"])
    try:
        storage.take_lease("thread-1", now=NOW)
        _alter(other, f"pid = {process.pid}, started = ''")
        with pytest.raises(ThreadBusy):
            other.take_lease("thread-1", now=NOW)
    finally:
        process.kill()
        process.wait()


def _seen_by(other: Storage) -> tuple[str, int]:
    """The thread's status and how many questions it has, as another connection reads them now."""
    record = other.thread("thread-1", now=NOW)
    assert record is not None
    return record.status, len(other.questions("thread-1"))


def _alter(other: Storage, columns: str) -> None:
    with other.database.write() as run:
        run(f"UPDATE octo_leases SET {columns}", ())
