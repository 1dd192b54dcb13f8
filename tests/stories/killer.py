"""Runs `octo` commands in forked children and kills them with -9 at chosen writes. A program, started by test_kill.

    python killer.py FOLDER count ARG…      prints, for each write the command does, the stage it belongs to
    python killer.py FOLDER kill N ARG…     kills the command at its N-th write (0: not at all), prints its wait status

Each write counts twice, once just before and once just after it reaches the database or the disk. The command itself is
the real one: only the calls that write are watched.
"""

import asyncio
import gc
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Watch:
    def __init__(self, kill_at: int, log: int | None) -> None:
        self.kill_at = kill_at
        self.log = log
        self.count = 0
        self.stage = "start"

    def tick(self) -> None:
        self.count += 1
        if self.log is not None:
            os.write(self.log, f"{self.stage}\n".encode())
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            self.tick()
            try:
                return write(*args, **named)
            finally:
                self.tick()

        return watched

    def around_async(self, write: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(saver: Any, config: Any, first: Any, *rest: Any) -> Any:
            self.tick()
            done = await write(saver, config, first, *rest)
            if isinstance(first, dict):
                self._now_at(first)
            self.tick()
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
    from octo_cli.storage.sqlite import SqliteDatabase
    from octo_cli.storage.sqlite.saver import WholeWritesSaver

    original = SqliteDatabase.write

    @contextmanager
    def write(database: SqliteDatabase, *keys: str) -> Iterator[Any]:
        watch.tick()
        with original(database, *keys) as run:
            yield run
        watch.tick()

    WholeWritesSaver.aput = watch.around_async(WholeWritesSaver.aput)  # type: ignore[method-assign]
    WholeWritesSaver.aput_writes = watch.around_async(WholeWritesSaver.aput_writes)  # type: ignore[method-assign]
    SqliteDatabase.write = write  # type: ignore[method-assign,assignment]
    writing.write_once = watch.around(writing.write_once)  # type: ignore[attr-defined]


def run(folder: Path, arguments: list[str], kill_at: int, log: int | None, out: Path) -> int:
    """The command in a child of its own, killed at write `kill_at`; returns the status `waitpid` gives."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    os.chdir(folder)
    with out.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    sys.argv = ["octo", *arguments]
    status = 70
    try:
        arm(Watch(kill_at, log))
        from octo_cli.__main__ import main

        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(status)


def main() -> None:
    """Trials on stdin, one JSON object a line: {"home", "folder", "kill_at", "count", "arguments"}; answers on stdout.

    What a process imports and compiles for its first request is done once here, and every child starts with it.
    """
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    os.environ["LANGSMITH_TRACING"] = "false"
    warm_up()
    for line in sys.stdin:
        trial = json.loads(line)
        os.environ["OCTO_HOME"] = trial["home"]
        out, counted = Path(trial["home"]) / "out", Path(trial["home"]) / "counted"
        out.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(counted, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        status = run(Path(trial["folder"]), trial["arguments"], trial["kill_at"], log, out)
        os.close(log)
        answer = {
            "killed": os.WIFSIGNALED(status),
            "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "out": out.read_text(encoding="utf-8"),
            "stages": counted.read_text().split(),
        }
        print(json.dumps(answer, ensure_ascii=False), flush=True)  # noqa: T201


def warm_up() -> None:
    """Ask for a lease in this process, at a home of its own that is gone afterwards."""
    from octo_cli import session
    from octo_cli.settings import resolve
    from octo_cli.ui.events import EventsFace

    with tempfile.TemporaryDirectory() as home:
        settings = resolve({}, {"OCTO_HOME": home}, Path(home))
        asyncio.run(session.ask(settings, EventsFace(io.StringIO()), "임대차계약서 작성해줘", session.Command()))
    # No child need search, or copy, what it starts with.
    gc.freeze()


if __name__ == "__main__":
    main()
