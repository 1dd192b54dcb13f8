"""A child process for what strangers wrote: what hangs, eats memory or takes its reader over, does so there.

The child has no environment, may write no file, and gets bytes, never a path. A message and its answer are frames:
eight bytes of length, and so many bytes. One child answers any number of messages. What is read is not known here.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import IO, Final, NamedTuple

_GLANCE: Final = 0.1  # seconds between two looks at whether anybody still waits
_LENGTH: Final = 8
_LONGEST_ANSWER: Final = 64 << 20
_CHILD: Final = (
    "import sys; sys.path[:] = {path!r}; from octo_cli.agents.apart import serve; serve({answer!r}, {most!r})"
)


class Most(NamedTuple):
    """Bounds of a child: seconds for one answer, bytes of memory."""

    seconds: float
    memory: int


class NoAnswer(Exception):
    """The child gave none; `slow` when it was for want of time."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__(slow)
        self.slow = slow


class Apart:
    """`answer` ("module:function", bytes in and bytes out) in a child. A context manager, used from one thread.

    The child starts with the first message and ends with the block; one that failed to answer is replaced.
    """

    def __init__(self, answer: str, most: Most, stopped: Callable[[], bool] = lambda: False) -> None:
        self._answer = answer
        self._most = most
        self._stopped = stopped
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Apart":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, message: bytes) -> bytes:
        """The answer. Raises NoAnswer, also past the deadline and when stopped; OSError where no child can start."""
        child = self._child = self._child or self._started()
        answered, late = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(child, answered, late), daemon=True).start()
        try:
            answer = _asked(child, message)
        finally:
            answered.set()
        if answer is None:
            self._end()
            raise NoAnswer(slow=late.is_set())
        return answer

    def _watch(self, child: "subprocess.Popen[bytes]", answered: threading.Event, late: threading.Event) -> None:
        """End a child that nobody waits for any longer."""
        until = time.monotonic() + self._most.seconds
        while not answered.wait(_GLANCE):
            if time.monotonic() > until:
                late.set()
            if late.is_set() or self._stopped():
                child.kill()
                return

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [
                *(sys.executable, "-I", "-c"),
                _CHILD.format(path=sys.path, answer=self._answer, most=tuple(self._most)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Windows starts nothing without it.
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
            start_new_session=True,
        )

    def _end(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        # Closing also writes what is left to write, to nobody.
        with suppress(OSError):
            self._child.__exit__(None, None, None)
        self._child = None


async def asked(answer: str, message: bytes, most: Most) -> bytes:
    """One answer of a child of its own, which ends at once when this is cancelled. Raises as `Apart.ask` does."""
    left = threading.Event()

    def ask() -> bytes:
        with Apart(answer, most, left.is_set) as child:
            return child.ask(message)

    try:
        return await asyncio.to_thread(ask)
    finally:
        left.set()


def _asked(child: "subprocess.Popen[bytes]", message: bytes) -> bytes | None:
    assert child.stdin
    assert child.stdout
    try:
        _send(child.stdin, message)
        return _received(child.stdout)
    except OSError:
        return None


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_LENGTH))
    stream.write(message)
    stream.flush()


def _received(stream: IO[bytes], longest: int = _LONGEST_ANSWER) -> bytes | None:
    """The next message; None at the end, in the middle of one, and before one that is too long."""
    length = int.from_bytes(head) if len(head := stream.read(_LENGTH)) == _LENGTH else longest + 1
    message = stream.read(length) if length <= longest else b""
    return message if len(message) == length else None


# The child


def serve(answer: str, most: tuple[float, int]) -> None:
    """The child's whole life."""
    answers = os.fdopen(os.dup(1), "wb")
    # A parser that prints must not be taken for an answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    seconds, memory = most
    module, _, function = answer.partition(":")
    _confine(memory)
    answering: Callable[[bytes], bytes] = getattr(import_module(module), function)
    while (message := _received(sys.stdin.buffer, sys.maxsize)) is not None:
        _limit_time(seconds)
        _send(answers, answering(message))


def _confine(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        # macOS takes no limit on memory.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))


def _limit_time(seconds: float) -> None:
    """So many seconds of computing from now: they end a child whose parent was killed and no longer watches."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, resource.RLIM_INFINITY))
