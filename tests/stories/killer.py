"""Runs `octo` commands in forked children and kills them with -9: at chosen writes, or at chosen instants.

Run as a program it is the parent of those children; `Door` is how a test or a trial speaks to it.

Each write counts twice, once just before and once just after it reaches the database or the disk. The command itself is
the real one: only the calls that write are watched.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.parent import become, warm_up

PROJECT: Final = Path(__file__).parents[2]
# Seconds between two looks at how far a child is; what it waits for meanwhile may be hit as well.
_LOOK_EVERY: Final = 0.001


class Door:
    """The parent of killed commands, all in one folder for homes and work; close it when done."""

    def __init__(self, environment: Mapping[str, str], root: Path) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment), cwd=PROJECT, text=True,
        )  # fmt: skip

    def run(self, name: str, kill_at: int, arguments: Sequence[str], **more: Any) -> dict[str, Any]:
        """What became of a command in the home `name`, killed at write `kill_at` (0: none) or `after` seconds.

        `killed`, `status`, what it said (`out`), the `stages` of all its writes, the `stage` it was in last and whether
        it was `writing`, how many `seconds` it ran, and after how many it wrote `first`. Seconds are those of the
        processor, which a busy machine does not stretch. `environment` is put over the parent's.
        """
        folder = self.root / name / "work"
        folder.mkdir(parents=True, exist_ok=True)
        trial = {"home": str(self.root / name / "home"), "folder": str(folder), "kill_at": kill_at, **more}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**trial, "arguments": list(arguments)}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        self.process.communicate(timeout=10)


class Watch:
    """Counts a command's writes, and logs each before and after it: `(` or `)`, the stage, how many seconds it ran."""

    def __init__(self, kill_at: int, log: int) -> None:
        self.kill_at = kill_at
        self.log = log
        self.count = 0
        self.stage = "opening"

    def tick(self, bracket: str) -> None:
        self.count += 1
        os.write(self.log, f"{bracket} {self.stage} {time.process_time():.4f}\n".encode())
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.tick("(")
        try:
            yield
        finally:
            self.tick(")")

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            with self.writing():
                return write(*args, **named)

        return watched

    def around_async(self, write: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(saver: Any, config: Any, first: Any, *rest: Any) -> Any:
            with self.writing():
                done = await write(saver, config, first, *rest)
                if isinstance(first, dict):
                    self._now_at(first)
            return done

        return watched

    def _now_at(self, checkpoint: dict[str, Any]) -> None:
        """The stage that starts from a checkpoint that was just saved."""
        values = checkpoint["channel_values"]
        scheduled = [name.removeprefix("branch:to:") for name in values if name.startswith("branch:to:")]
        if scheduled:
            self.stage = scheduled[0]


def arm(watch: Watch) -> None:
    """Put the watch around everything that writes: checkpoints, the index, the document's file."""
    from octo_cli.agents.contract import writing
    from octo_cli.storage.postgres import PostgresDatabase
    from octo_cli.storage.postgres.saver import PooledSaver
    from octo_cli.storage.sqlite import SqliteDatabase
    from octo_cli.storage.sqlite.saver import WholeWritesSaver

    for database in (SqliteDatabase, PostgresDatabase):
        database.write = _watched(database.write, watch)  # type: ignore[method-assign]
    for saver in (WholeWritesSaver, PooledSaver):
        saver.aput = watch.around_async(saver.aput)  # type: ignore[method-assign]
        saver.aput_writes = watch.around_async(saver.aput_writes)  # type: ignore[method-assign]
    writing.write_once = watch.around(writing.write_once)  # type: ignore[attr-defined]


def _watched(original: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    @contextmanager
    def write(database: Any, *keys: str) -> Iterator[Any]:
        with watch.writing(), original(database, *keys) as run:
            yield run

    return write


def run(trial: Mapping[str, Any], log: int, out: Path) -> tuple[int, float]:
    """The command in a child of its own, killed as the trial wants; the status `waitpid` gives, and its seconds."""
    child = os.fork()
    if not child:
        # Whatever it starts of its own is killed with it, and no timer of its parent's is its own.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        arm(Watch(trial["kill_at"], log))
        nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(out, os.O_WRONLY)
        environment = {**os.environ, "OCTO_HOME": trial["home"], **trial.get("environment", {})}
        become(trial["arguments"], trial["folder"], environment, [nothing, file, os.dup(file)])
    return _waited(child, trial.get("after"))


def _waited(child: int, after: float | None) -> tuple[int, float]:
    # Linux's name for the clock of another process (CPUCLOCK_SCHED).
    clock = (~child << 3) | 2
    while after is not None and signal.sigtimedwait({signal.SIGCHLD}, _LOOK_EVERY) is None:
        if time.clock_gettime(clock) >= after:
            os.kill(child, signal.SIGKILL)
            break
    _, status, used = os.wait4(child, 0)
    return status, used.ru_utime + used.ru_stime


def main() -> None:
    """Trials on stdin, one JSON object a line, as `Door.run` writes them; answers on stdout.

    What a process imports and compiles for its first request is done once here, and every child starts with it.
    """
    warm_up()
    # A child's end is waited for like a timer's; one that comes before it is waited for stays until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line)), ensure_ascii=False), flush=True)  # noqa: T201


def answered(trial: Mapping[str, Any]) -> dict[str, Any]:
    out, counted = Path(trial["home"]) / "out", Path(trial["home"]) / "counted"
    out.parent.mkdir(parents=True, exist_ok=True)
    # A child that dies at once has said nothing, and not what the one before it said.
    out.write_bytes(b"")
    log = os.open(counted, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    while signal.sigtimedwait({signal.SIGCHLD}, 0) is not None:
        pass  # of the child before this one
    status, seconds = run(trial, log, out)
    os.close(log)
    marks = [line.split() for line in counted.read_text().splitlines()]
    return {
        "killed": os.WIFSIGNALED(status),
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "out": out.read_text(encoding="utf-8", errors="replace"),
        "stages": [stage for _, stage, _ in marks],
        "stage": marks[-1][1] if marks else "start",
        "writing": sum(1 if bracket == "(" else -1 for bracket, *_ in marks) > 0,
        "first": float(marks[0][2]) if marks else None,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
