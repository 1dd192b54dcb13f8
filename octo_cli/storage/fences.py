"""Fences: a runner whose lease was taken over writes nothing more. How a lease is taken and kept is in `leases`.

A process that was stopped, or whose machine slept, does not know that its lease is over: its next write would go in
between those of whoever runs the thread now. So every transaction about a thread that this process runs looks, inside
itself, whether the thread's lease still is the one this process took.
"""

from typing import Any, Final

from msgspec import Struct

from octo_cli.errors import ThreadBusy

_HELD: Final = "SELECT 1 FROM octo_leases WHERE thread_id = ? AND token = ?"


class Fence(Struct):
    """The token of the lease this process took, and since when. Of a lease that was lost it stays, no longer `open`:
    what a cancelled run left behind in some thread must not write either."""

    token: str
    since: str
    open: bool = True


class Fences:
    """Of one open database. `locking` is said after the look where others may write at the same time."""

    def __init__(self, locking: str = "") -> None:
        self._held: Final = f"{_HELD} {locking}".rstrip()
        self.by_thread: Final[dict[str, Fence]] = {}

    def check(self, run: Any, *keys: str) -> None:
        """Raise ThreadBusy "lease_lost" if one of `keys` is a thread whose lease this process had and has no longer.

        `run` executes a statement in the transaction that is about to write, or to be committed.
        """
        for key in keys:
            fence = self.by_thread.get(key)
            if fence and run(self._held, (key, fence.token)).fetchone() is None:
                raise lease_lost(key)


def lease_lost(thread_id: str) -> ThreadBusy:
    return ThreadBusy("lease_lost", thread=thread_id)
