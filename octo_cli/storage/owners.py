"""Processes as lease owners: who this one is, and whether another one is certainly dead. No database here."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

_PROC: Final = Path("/proc")
_DEAD_STATES: Final = ("Z", "X")


class Owner(Struct, frozen=True):
    """A process as its lease names it.

    `host` is for people. `machine` tells whether `pid` means the same here: kernel boot and pid namespace, because two
    containers may share a host name and not their pids. `started` is clock ticks since boot, "" where unknown.
    """

    host: str
    machine: str
    pid: int
    started: str


def this_process() -> Owner:
    host, machine = _here()
    return Owner(host, machine, os.getpid(), _own_start(os.getpid()))


def can_tell(owner: Owner) -> bool:
    """Whether it can be known from here if `owner` lives: not on another machine, and not on Windows."""
    return sys.platform != "win32" and owner.machine == _here()[1]


def is_dead(owner: Owner) -> bool:
    """True only when certain; of an owner nothing is known about, a lease has to expire."""
    if not can_tell(owner):
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # Another start time is a recycled pid; a dead, unburied process shows none at all.
    started = _started(owner.pid)
    return bool(owner.started and started and started != owner.started)


@cache
def _own_start(pid: int) -> str:
    return _started(pid)


def _started(pid: int) -> str:
    """When `pid` started, its state letter once it is dead but unburied, "" where the system does not tell."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # proc(5): fields 3 (state) and 22 (starttime); field 2 is the name in parentheses, and may hold any character.
    fields = stat.rpartition(")")[2].split()
    return fields[0] if fields[0] in _DEAD_STATES else fields[19]


@cache
def _here() -> tuple[str, str]:
    """This host's name, and its machine mark (the name again where the kernel gives none)."""
    import platform

    host = platform.node() or "localhost"
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return host, f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return host, host
