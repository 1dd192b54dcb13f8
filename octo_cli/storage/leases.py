"""Leases: at most one process runs a thread, and a dead one never keeps it.

A lease lives 30 seconds and is renewed while its owner works. It is taken over once it has expired, or at once when its
owner is a dead process of this machine; the old owner, should it wake up, stands before a fence (`fences`). Times are
those of the database's clock, whatever `OCTO_NOW` says: on a server, the same for every machine.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Final

from msgspec import Struct

from octo_cli.errors import StorageError, ThreadBusy
from octo_cli.storage.database import Database, Row, Run
from octo_cli.storage.fences import Fence, lease_lost
from octo_cli.storage.moments import stamp
from octo_cli.storage.owners import Owner, can_tell, is_dead, this_process

TTL: Final = timedelta(seconds=30)
_COLUMNS: Final = "thread_id, token, host, machine, pid, started, since, expires_at"
_BEAT: Final = TTL.total_seconds() / 3
# After a heartbeat that the storage did not take.
_BEAT_AGAIN: Final = 1.0


class Holder(Struct, frozen=True):
    """The live owner of a lease. Times are RFC 3339."""

    thread_id: str
    host: str
    pid: int
    since: str
    expires_at: str


class Lease:
    """The right to run one thread, until `given_back`. As a context manager it is, whatever happened.

    `when_lost` is called, from another thread, as soon as a heartbeat finds that somebody else has the lease.
    """

    def __init__(self, database: Database, thread_id: str, fence: Fence) -> None:
        self.thread_id = thread_id
        self.given_back = False
        self.lost = False
        self.when_lost: Callable[[], object] = lambda: None
        self._database = database
        self._fence = fence
        self._heart = Thread(target=self._beat, name=f"lease {thread_id}", daemon=True)
        self._at_rest = Event()
        self._every = _BEAT

    def keep(self, *, every: float = _BEAT) -> None:
        """Renew the lease until it ends, `every` so many seconds.

        In a thread of its own, which a node that blocks the event loop does not stop.
        """
        self._every = every
        self._heart.start()

    def renew(self, *, now: datetime | None = None) -> None:
        """Keep the lease `TTL` longer, unless it was given back.

        Raises ThreadBusy "lease_lost" when it was taken over: the caller stops; it could write nothing more.
        """
        if self.given_back:
            return
        with self._database.write(lease_key(self.thread_id)) as run:
            until = stamp((now or self._database.now()) + TTL)
            renewed = run(
                "UPDATE octo_leases SET expires_at = ? WHERE thread_id = ? AND token = ?",
                (until, self.thread_id, self._fence.token),
            ).rowcount
        if not renewed:
            raise lease_lost(self.thread_id)

    def release(self) -> None:
        """Give the lease back; nothing happens if it was lost, or given back before."""
        self._fence.open = False
        if not self.given_back:
            with suppress(ThreadBusy), self.ending():
                pass

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Give the lease back together with what is written inside: all of it happens, or nothing does."""
        self._at_rest.set()
        with self._database.write(self.thread_id) as run:
            yield
            run("DELETE FROM octo_leases WHERE thread_id = ? AND token = ?", (self.thread_id, self._fence.token))
        self.given_back = True
        self._fence.open = False
        self._database.fences.by_thread.pop(self.thread_id, None)

    @property
    def is_over(self) -> bool:
        """Whether it is given back and its heart has stopped: then `close` has nothing to do."""
        return self.given_back and not self._heart.is_alive()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the heart rest, and give the lease back if it still is this process's."""
        self._at_rest.set()
        if self._heart.is_alive():
            self._heart.join()
        # A lease that cannot be given back ends with its owner; that must not hide what went wrong before.
        with suppress(StorageError):
            self.release()

    def _beat(self) -> None:
        pause = self._every
        while not self._at_rest.wait(pause):
            try:
                self.renew()
                pause = self._every
            except StorageError:
                # However long it takes: as long as nobody else wants the thread, it is this process's.
                pause = min(_BEAT_AGAIN, self._every)
            except ThreadBusy:
                if not self._at_rest.is_set():
                    self.lost = True
                    self.when_lost()
                return


class Leases:
    _database: Database

    def take_lease(self, thread_id: str, *, now: datetime | None = None) -> Lease:
        """Raises ThreadBusy "thread_busy" (thread, host, pid, since) while someone alive holds it, this process too.

        A run of this process that lost its lease and has not ended yet counts as alive.
        """
        owner, fences = this_process(), self._database.fences.by_thread
        if (own := fences.get(thread_id)) and own.open:
            raise _busy(Holder(thread_id, owner.host, owner.pid, own.since, ""))
        with self._database.write(lease_key(thread_id)) as run:
            moment = now or self._database.now()
            refuse_if_held(run, thread_id, moment)
            fence = Fence(os.urandom(16).hex(), stamp(moment))
            run("DELETE FROM octo_leases WHERE thread_id = ?", (thread_id,))
            run(
                f"INSERT INTO octo_leases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(thread_id, fence.token, owner.host, owner.machine, owner.pid, owner.started),
                    *(fence.since, stamp(moment + TTL)),
                ),
            )
        fences[thread_id] = fence
        return Lease(self._database, thread_id, fence)

    def holder(self, thread_id: str, *, now: datetime | None = None) -> Holder | None:
        """Who runs the thread, if anyone alive does."""
        rows = self._database.read(f"SELECT {_COLUMNS} FROM octo_leases WHERE thread_id = ?", thread_id)
        return _live_holder(rows[0], now or self._database.now()) if rows else None


def held_threads(database: Database, now: datetime) -> set[str]:
    """The threads that someone alive is running."""
    rows = database.read(f"SELECT {_COLUMNS} FROM octo_leases")
    return {row[0] for row in rows if _live_holder(row, now)}


def refuse_if_held(run: Run, thread_id: str, now: datetime) -> None:
    """Raise ThreadBusy "thread_busy" if someone alive is running the thread."""
    row = run(f"SELECT {_COLUMNS} FROM octo_leases WHERE thread_id = ?", (thread_id,)).fetchone()
    if row and (holder := _live_holder(row, now)):
        raise _busy(holder)


def lease_key(thread_id: str) -> str:
    """What a transaction names that must not happen while the thread's lease is being taken.

    Not the thread itself: a stopped owner, in the middle of a write about it, would keep everyone from taking over.
    """
    return f"lease {thread_id}"


def _live_holder(row: Row, now: datetime) -> Holder | None:
    thread_id, _token, host, machine, pid, started, since, expires_at = row
    if not isinstance(pid, int) or not all(isinstance(part, str) and part for part in (since, expires_at)):
        # A file takes any value in any column. An owner who lives stands before the fence.
        return None
    owner = Owner(host, machine, pid, started)
    if expires_at <= stamp(now) or is_dead(owner):
        return None
    # No lease ends as late as that: the clock was put back since. A live owner soon renews it by the clock as it
    # is now; one that cannot be looked up would stand in the way for as long as the clock went back.
    if expires_at > stamp(now + 2 * TTL) and not can_tell(owner):
        return None
    return Holder(thread_id, host, pid, since, expires_at)


def _busy(holder: Holder) -> ThreadBusy:
    return ThreadBusy("thread_busy", thread=holder.thread_id, host=holder.host, pid=holder.pid, since=holder.since)
