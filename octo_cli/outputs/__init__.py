"""The voice: what a turn came to becomes what is handed out. One table, one file each.

Other packages add formats by entry points of the group `octo.outputs`; those are looked for only when a name is
none of Octo's own.
"""

from functools import cache
from typing import Any, Final

import msgspec

from octo_cli.errors import Failed, NotFound
from octo_cli.outputs import all as every
from octo_cli.outputs import chat, graph, json, report
from octo_cli.outputs.base import Output, Screen, Subject, subject_of, subject_told

__all__ = [
    "FORMATS",
    "GROUP",
    "OWN",
    "Output",
    "Screen",
    "Subject",
    "formats",
    "made",
    "output",
    "subject_of",
    "subject_told",
]

GROUP: Final = "octo.outputs"
OWN: Final = {made.name: made for made in (chat.OUTPUT, graph.OUTPUT, report.OUTPUT, json.OUTPUT, every.OUTPUT)}
FORMATS: Final[tuple[str, ...]] = tuple(OWN)


def output(name: str) -> Output | None:
    """The format of that name; None when there is none. Raises Failed "output_broken" for a package's that fails."""
    return OWN.get(name) or (_foreign(name) if name in _names() else None)


def formats() -> tuple[str, ...]:
    """The names of all formats there are: Octo's own, then those of other packages."""
    return (*FORMATS, *_names())


def made(name: str, subject: Subject) -> Any:
    """The result in that format; of one with parts, the result of each by name.

    Raises NotFound "format_not_found", and Failed "output_broken" when another package's fails.
    """
    wanted = output(name)
    if wanted is None:
        raise NotFound("format_not_found", name=name, known=", ".join(formats()))
    if name not in OWN:
        return _made_elsewhere(wanted, subject)
    if wanted.generate:
        return wanted.generate(subject)
    return {part: made(part, subject) for part in wanted.parts}


def _made_elsewhere(wanted: Output, subject: Subject) -> Any:
    try:
        assert wanted.generate, "it has no generate"
        return msgspec.to_builtins(wanted.generate(subject))
    except Exception as exc:
        raise Failed("output_broken", name=wanted.name, reason=f"{type(exc).__name__}: {exc}") from exc


@cache
def _names() -> tuple[str, ...]:
    # Looking through all that is installed takes longer than making most answers.
    from importlib.metadata import entry_points

    return tuple(sorted({point.name for point in entry_points(group=GROUP)} - OWN.keys()))


@cache
def _foreign(name: str) -> Output:
    from importlib.metadata import entry_points

    point = next(iter(entry_points(group=GROUP, name=name)))
    try:
        found = point.load()
    except Exception as exc:
        raise Failed("output_broken", name=name, reason=f"{type(exc).__name__}: {exc}") from exc
    if not isinstance(found, Output) or found.name != name:
        raise Failed("output_broken", name=name, reason=f"{point.value} is no octo_cli.outputs.Output called {name!r}")
    return found
