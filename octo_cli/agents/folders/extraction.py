"""Text out of files that only a parser can read, in a child process: what hangs or eats memory there is ended there.

The child has no environment, may write no file, and gets bytes, never a path: a line "KIND LENGTH" and the file. It
answers each with a line of JSON, `{"text": …}` or `{"reason": …}`. One child serves a whole search.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Final

from octo_cli.agents.folders.formats import LONGEST, Unreadable, text_in

DEADLINE: Final = 20.0  # seconds for one file
_GLANCE: Final = 0.1  # seconds between two looks at whether anybody still waits
_MOST_MEMORY: Final = 2 * 1024**3
# JSON may write a character as twelve bytes.
_LONGEST_ANSWER: Final = 12 * LONGEST + 100
_CHILD: Final = "import sys; sys.path[:] = {path!r}; from octo_cli.agents.folders.extraction import serve; serve()"


class Extractor:
    """Reads files by their kind. A context manager; the child starts with the first file and ends with the block."""

    def __init__(self, stopped: Callable[[], bool] = lambda: False, *, deadline: float = DEADLINE) -> None:
        self._stopped = stopped
        self._deadline = deadline
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Extractor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def text_in(self, kind: str, raw: bytes) -> str:
        """The file's text. Raises Unreadable, also past the deadline and when stopped; OSError without a child."""
        child = self._child = self._child or _started()
        answered, late = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(child, answered, late), daemon=True).start()
        try:
            answer = _asked(child, kind, raw)
        finally:
            answered.set()
        if answer is None:
            self._end()
            raise Unreadable("slow" if late.is_set() else "broken")
        if "text" not in answer:
            raise Unreadable(answer["reason"])  # type: ignore[arg-type]
        return answer["text"]

    def _watch(self, child: "subprocess.Popen[bytes]", answered: threading.Event, late: threading.Event) -> None:
        """End a child that nobody waits for any longer."""
        until = time.monotonic() + self._deadline
        while not answered.wait(_GLANCE):
            if time.monotonic() > until:
                late.set()
            if late.is_set() or self._stopped():
                child.kill()
                return

    def _end(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        # Closing also writes what is left to write, to nobody.
        with suppress(OSError):
            self._child.__exit__(None, None, None)
        self._child = None


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _CHILD.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Windows starts nothing without it.
        env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
        start_new_session=True,
    )


def _asked(child: "subprocess.Popen[bytes]", kind: str, raw: bytes) -> dict[str, str] | None:
    """The child's answer; None when it gave none, or not one."""
    assert child.stdin
    assert child.stdout
    try:
        child.stdin.write(f"{kind} {len(raw)}\n".encode())
        child.stdin.write(raw)
        child.stdin.flush()
        line = child.stdout.readline(_LONGEST_ANSWER)
        answer: dict[str, str] = json.loads(line)
    except (OSError, ValueError):
        return None
    return answer


def serve() -> None:
    """The child's whole life."""
    answers = os.fdopen(os.dup(1), "wb")
    # A parser that prints must not be taken for an answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _confine()
    while header := sys.stdin.buffer.readline():
        kind, length = header.split()
        answers.write(_answer(kind.decode(), sys.stdin.buffer, int(length)) + b"\n")
        answers.flush()


def _answer(kind: str, source: BinaryIO, length: int) -> bytes:
    raw = source.read(length)
    try:
        return json.dumps({"text": text_in(kind, raw)}).encode()
    except Unreadable as exc:
        return json.dumps({"reason": exc.reason}).encode()


def _confine() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for limit, most in ((resource.RLIMIT_AS, _MOST_MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        # macOS takes no limit on memory.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
