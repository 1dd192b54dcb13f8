"""The transcripts of a page: its ```console blocks, run in order in one fresh folder, and compared with what is shown.

A block reads as a terminal does: `$ ` and a command, then what it printed. A line `…` stands for any lines, and
`# exits N` says the status when it is not 0. A longer fence holds output with fences in it. A block after
`<!-- file: NAME -->` is written to that file.

    python -m tests.project.console README.md docs/agents.md      write fresh output where the page shows another
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.parent import Parent

PROJECT: Final = Path(__file__).resolve().parents[2]
# When the pages were written. Every command is later than the one before it, or what lists by age had no one order.
NOW: Final = datetime.fromisoformat("2027-02-20T10:15:00+09:00")
STEP: Final = timedelta(milliseconds=100)
# A page in Korean is read on a Korean machine.
LOCALES: Final = {".ko.md": "ko_KR.UTF-8", ".md": "en_US.UTF-8"}
HOME: Final = "/home/hong"
ELISION: Final = "…"

BLOCK: Final = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?(?P<fence>`{3,})(?P<kind>\w+)\n(?P<body>.*?)^(?P=fence)$", re.DOTALL | re.M
)
COMMAND: Final = re.compile(r"^\$ (?P<line>.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.M)
STATUS: Final = re.compile(r"^# exits (\d+)$")
# What differs from run to run: as much of a checkpoint's id as tells it from the others, its time, how long work took.
# The slower the machine, the further apart are the times in those ids, and the less of them tells.
CHANGING: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f][-0-9a-f]*"), "1f1e599c-30ee"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b"), "2027-02-20 10:15:00"),
    (re.compile(r"\(\d+\.\d\d?( s|초)\)"), r"(0.1\1)"),
    # A fact's id: where it is kept, and in the list of facts.
    (re.compile(r"(?<=\(`)[0-9a-f]{12}(?=`\))|(?<=^  )[0-9a-f]{12}(?=  )"), "3fac7c0ffee1"),
)
# A thread's id, or the beginning of it that lists show.
THREAD: Final = re.compile(r"\b([0-9a-f]{8})([0-9a-f]{8})?\b(?!-)")


@dataclass(frozen=True)
class Shown:
    """A command of a page with the lines it is said to print; `start` and `end` are where those stand in the page."""

    command: str
    lines: tuple[str, ...]
    status: int
    start: int
    end: int


@dataclass(frozen=True)
class Printed:
    lines: tuple[str, ...]
    status: int


def transcript(page: Path) -> Iterator[Shown | tuple[str, str]]:
    """The page's commands in order; among them the files it wants written, as (name, text)."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        if block["file"]:
            yield block["file"], block["body"]
        elif block["kind"] == "console":
            for command in COMMAND.finditer(block["body"]):
                yield _shown(command, block.start("body"))


def run(page: Path, folder: Path, parent: Parent | None = None) -> Iterator[tuple[Shown, Printed]]:
    """Every command of the page as a person would type it, one after the other, in `folder`/papers.

    `octo` is a child of the parent, if there is one.
    """
    work = folder / "papers"
    work.mkdir()
    environment = _environment(folder, next(LOCALES[end] for end in LOCALES if page.name.endswith(end)))
    if parent:
        octo = folder / "bin" / "octo"
        octo.parent.mkdir()
        octo.write_text(f'#!/bin/sh\nexec {" ".join(parent.command)} "$@"\n', encoding="utf-8")
        octo.chmod(0o700)
        environment["PATH"] = f"{octo.parent}{os.pathsep}{environment['PATH']}"
    names = _Names(folder)
    for place, part in enumerate(transcript(page)):
        if isinstance(part, Shown):
            now = {"OCTO_NOW": (NOW + place * STEP).isoformat()}
            yield part, names.steady(_typed(part.command, work, environment | now))
        else:
            (work / part[0]).write_text(part[1], encoding="utf-8")


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the printed lines are those shown, `…` standing for any."""
    if not shown:
        return not printed
    if shown[0] == ELISION:
        return any(matches(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and matches(shown[1:], printed[1:])


def refreshed(page: Path, folder: Path, parent: Parent | None = None) -> str:
    """The page's text with fresh output at every command whose output is not what is shown."""
    text = page.read_text(encoding="utf-8")
    for shown, printed in reversed(list(run(page, folder, parent))):
        if matches(shown.lines, printed.lines) and shown.status == printed.status:
            continue
        status = [f"# exits {printed.status}"] if printed.status else []
        fresh = "".join(f"{line}\n" for line in (*printed.lines, *status))
        text = text[: shown.start] + fresh + text[shown.end :]
    return text


class _Names:
    """Ids and folders of this run, told by names that every run has in common."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.threads: dict[str, str] = {}

    def steady(self, printed: Printed) -> Printed:
        return Printed(tuple(map(self._steady, printed.lines)), printed.status)

    def _steady(self, line: str) -> str:
        line = line.replace(str(self.folder), HOME)
        for pattern, name in CHANGING:
            line = pattern.sub(name, line)
        return THREAD.sub(self._thread, line)

    def _thread(self, match: re.Match[str]) -> str:
        # As long as a real one, or the columns of a list would move.
        name = self.threads.setdefault(match[1], f"{len(self.threads) + 10:x}c0ffee"[:8].ljust(8, "0"))
        return name + ("0123abcd" if match[2] else "")


def _shown(command: re.Match[str], offset: int) -> Shown:
    lines = command["shown"].splitlines()
    status = STATUS.match(lines[-1]) if lines else None
    return Shown(
        command=command["line"],
        lines=tuple(lines[:-1] if status else lines),
        status=int(status[1]) if status else 0,
        start=offset + command.start("shown"),
        end=offset + command.end("shown"),
    )


def _typed(line: str, work: Path, environment: dict[str, str]) -> Printed:
    done = subprocess.run(
        ["bash", "-c", line],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        cwd=work, env=environment, timeout=60, check=False,
    )  # fmt: skip
    return Printed(tuple(done.stdout.decode().splitlines()), done.returncode)


def _environment(folder: Path, locale: str) -> dict[str, str]:
    """A new person's: `octo` is on the path, nothing was ever said to it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **{name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR") if name in os.environ},
        **{"PATH": path, "HOME": str(folder), "LOGNAME": "hong", "LANG": locale, "TERM": "dumb"},
        **{"OCTO_HOME": str(folder / "octo")},
        # Nor was a key ever given: the keyring is whoever's who runs the tests.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def main(names: Sequence[str]) -> None:
    with closing(Parent()) as parent:
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                fresh = refreshed(PROJECT / name, Path(folder), parent)
            (PROJECT / name).write_text(fresh, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
