"""Leases: at most one process runs a thread, and a dead one never keeps it.

A lease lives 30 seconds and is renewed while its owner works. It is taken over once it has expired, or at once when its
owner is a dead process of this machine. Times are real time, whatever `OCTO_NOW` says.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final

from msgspec import Struct

from octo_cli.errors import StorageError, ThreadBusy
from octo_cli.storage.database import Database, Row, Run
from octo_cli.storage.moments import stamp
from octo_cli.storage.owners import Owner, is_dead, this_process

TTL: Final = timedelta(seconds=30)
_COLUMNS: Final = "thread_id, token, host, machine, pid, started, since, expires_at"


class Holder(Struct, frozen=True):
    """The live owner of a lease. Times are RFC 3339."""

    thread_id: str
    host: str
    pid: int
    since: str
    expires_at: str


class Lease:
    """The right to run one thread, until `given_back`. As a context manager it is, whatever happened."""

    def __init__(self, database: Database, thread_id: str, token: str) -> None:
        self.thread_id = thread_id
        self._database = database
        self._token = token
        self.given_back = False

    def renew(self, *, now: datetime) -> None:
        """Keep the lease `TTL` longer, unless it was given back.

        Raises ThreadBusy "lease_lost" when it was taken over: the caller stops and writes nothing more.
        """
        if self.given_back:
            return
        with self._database.write(self.thread_id) as run:
            renewed = run(
                "UPDATE octo_leases SET expires_at = ? WHERE thread_id = ? AND token = ?",
                (stamp(now + TTL), self.thread_id, self._token),
            ).rowcount
        if not renewed:
            raise ThreadBusy("lease_lost", thread=self.thread_id)

    def release(self) -> None:
        """Give the lease back; nothing happens if it was lost, or given back before."""
        if not self.given_back:
            with self.ending():
                pass

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Give the lease back together with what is written inside: all of it happens, or nothing does."""
        with self._database.write(self.thread_id) as run:
            yield
            run("DELETE FROM octo_leases WHERE thread_id = ? AND token = ?", (self.thread_id, self._token))
        self.given_back = True

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A lease that cannot be given back ends with its owner; that must not hide what went wrong before.
        with suppress(StorageError):
            self.release()


class Leases:
    _database: Database

    def take_lease(self, thread_id: str, *, now: datetime) -> Lease:
        """Raises ThreadBusy "thread_busy" (thread, host, pid, since) while someone alive holds it, this process too."""
        token, owner = os.urandom(16).hex(), this_process()
        with self._database.write(thread_id) as run:
            refuse_if_held(run, thread_id, now)
            run("DELETE FROM octo_leases WHERE thread_id = ?", (thread_id,))
            run(
                f"INSERT INTO octo_leases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(thread_id, token, owner.host, owner.machine, owner.pid, owner.started),
                    *(stamp(now), stamp(now + TTL)),
                ),
            )
        return Lease(self._database, thread_id, token)

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
        raise ThreadBusy("thread_busy", thread=thread_id, host=holder.host, pid=holder.pid, since=holder.since)


def _live_holder(row: Row, now: datetime) -> Holder | None:
    thread_id, _token, host, machine, pid, started, since, expires_at = row
    if expires_at <= stamp(now) or is_dead(Owner(host, machine, pid, started)):
        return None
    return Holder(thread_id, host, pid, since, expires_at)
