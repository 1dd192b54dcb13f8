"""How a failure is told: one sentence and the next command, one JSON object, or the last line of an event stream."""

import json
import sys
from datetime import datetime
from typing import Any, Final

from octo_cli.credentials import scrub
from octo_cli.errors import OctoError
from octo_cli.i18n import Words, describe, said
from octo_cli.ui.cells import broken, clip
from octo_cli.ui.moments import clock_time
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.wire.work import Problem

_LONGEST_VALUE: Final = 300
_MOMENTS: Final = frozenset({"since"})


def worded(error: OctoError, say: Words) -> Problem:
    """The sentence and the hint of an error, with its values made safe and short enough to show."""
    values = {
        name: clip(one_line(scrub(_text(name, said(value, say)))), _LONGEST_VALUE)
        for name, value in error.values.items()
    }
    if not say.has(f"error.{error.code}"):
        return Problem(error.code, say("error.unworded", code=error.code))
    return Problem(error.code, *describe(OctoError(error.code, **values), say))


def _text(name: str, value: object) -> str:
    """A value as it stands in a sentence; a time as clocks here show it."""
    return clock_time(str(value), datetime.now().astimezone()) if name in _MOMENTS else str(value)


def as_sentence(problem: Problem) -> None:
    print(broken(f"octo: {visible(problem.message)}", sys.stderr), file=sys.stderr)  # noqa: T201
    for line in (problem.hint or "").splitlines():
        print(f"  → {visible(line)}", file=sys.stderr)  # noqa: T201


def as_object(problem: Problem, *, summary: bool) -> None:
    """The one object of `--json`; with `summary` in the shape `ask` and `resume` print."""
    from octo_cli.ui.events import failed, summary_json

    if summary:
        print(summary_json(failed(problem)))  # noqa: T201
        return
    error: dict[str, Any] = {"code": problem.code, "message": problem.message, "hint": problem.hint}
    print(json.dumps({"version": 1, "error": error}, ensure_ascii=False))  # noqa: T201


def as_event(problem: Problem) -> None:
    from octo_cli.ui.events import EventsFace

    EventsFace(sys.stdout).fail(problem)
