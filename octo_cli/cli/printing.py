"""What data commands print: lines for a person, or the contract's JSON with its version. Nothing else on stdout.

Before something goes for good a person is asked, on stderr.
"""

import shutil
import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

import msgspec
import typer

# ㅛ is y on a keyboard that is set to Korean.
_YES: Final = frozenset({"y", "yes", "예", "네", "ㅛ"})


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def screen_columns(stream: TextIO) -> int:
    """A screen's width; a pipe has none, and whoever reads it wants the whole title."""
    return shutil.get_terminal_size().columns if stream.isatty() else 10_000


def ask_to_go_on(lines: Iterable[str], question: str) -> None:
    """Show what is meant and ask; anything but a yes ends the command."""
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201
    print(question, end=" ", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.readline().strip().casefold() not in _YES:
        raise typer.Exit(1)


def print_json(*parts: Any) -> None:
    """One object: `version`, then the members of every struct or dictionary in `parts`."""
    from octo_cli.ui.events import outside, plain_json
    from octo_cli.wire.events import VERSION

    body: dict[str, Any] = {"version": VERSION}
    for part in parts:
        body.update(msgspec.to_builtins(part))
    sys.stdout.write(plain_json(outside(body)) + "\n")
