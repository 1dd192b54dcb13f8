"""The voice: what a turn came to becomes what is handed out. One table, one file each.

Other packages add formats by entry points of the group `octo.outputs`; those are looked for only when a name is
none of Octo's own.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final

import msgspec

from octo_cli.errors import Failed, UsageError
from octo_cli.outputs import all as every
from octo_cli.outputs import chat, graph, json, report
from octo_cli.outputs.base import Output, Screen, Subject, subject_of, subject_told
from octo_cli.values.text import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "BROKEN",
    "FORMATS",
    "GROUP",
    "OWN",
    "Output",
    "Screen",
    "Subject",
    "broken",
    "formats",
    "made",
    "output",
    "problems",
    "subject_of",
    "subject_told",
    "wanted",
]

GROUP: Final = "octo.outputs"
OWN: Final = {made.name: made for made in (chat.OUTPUT, graph.OUTPUT, report.OUTPUT, json.OUTPUT, every.OUTPUT)}
FORMATS: Final[tuple[str, ...]] = tuple(OWN)
# What another package may raise: one that ends the process is a broken format, not the end of this process.
BROKEN: Final = (Exception, SystemExit)
_LONGEST_REASON: Final = 300


def output(name: str) -> Output | None:
    """The format of that name; None when there is none. Raises Failed "output_broken" for a package's that fails."""
    return OWN.get(name) or (_foreign(name) if name in _named() else None)


def formats() -> tuple[str, ...]:
    """The names of all formats there are: Octo's own, then those of other packages."""
    return (*FORMATS, *sorted(_named()))


def wanted(name: str) -> Output:
    """The format of that name. Raises UsageError "format_not_found" when there is none, and as `output` does."""
    found = output(name)
    if found is None:
        raise UsageError("format_not_found", name=one_line(name), known=", ".join(formats()))
    return found


def made(name: str, subject: Subject) -> Any:
    """The result in that format; of one with parts, the result of each by name.

    Raises UsageError "format_not_found", and Failed "output_broken" when another package's fails.
    """
    form = wanted(name)
    if name not in OWN:
        return _made_elsewhere(form, subject)
    if form.generate:
        return form.generate(subject)
    return {part: made(part, subject) for part in form.parts}


def _made_elsewhere(form: Output, subject: Subject) -> Any:
    try:
        assert form.generate, "it has no generate"
        result = form.generate(subject)
        if result is None:
            raise TypeError("generate returned None")
        # By way of JSON: what that cannot hold no state can, and no `--json` could show.
        return loads(dumps(result, ensure_ascii=False, allow_nan=False, default=_plain).encode())
    except BROKEN as exc:
        raise broken(form.name, exc) from exc


def _plain(made: Any) -> Any:
    if isinstance(made, msgspec.Struct):
        return msgspec.to_builtins(made)
    raise TypeError(f"JSON cannot hold {type(made).__name__}")


def broken(name: str, exc: BaseException) -> Failed:
    """What a format of another package did, as an error."""
    return Failed("output_broken", name=name, reason=one_line(f"{type(exc).__name__}: {exc}")[:_LONGEST_REASON])


def problems() -> Iterator[Failed]:
    """What keeps formats of other packages from being used: they fail, or their name is taken."""
    for point in _points():
        try:
            if (by := _named().get(point.name)) is not point:
                package = _package_of(by) if by else "octo-cli"
                raise Failed("output_name_taken", name=one_line(point.name), package=_package_of(point), by=package)
            _foreign(point.name)
        except Failed as error:
            yield error


@cache
def _named() -> Mapping[str, "EntryPoint"]:
    """The entry points that count: what is called as one of Octo's own, or as one before it, never does."""
    return {point.name: point for point in reversed(_points()) if point.name not in OWN}


@cache
def _points() -> Sequence["EntryPoint"]:
    # Looking through all that is installed takes longer than making most answers.
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package_of(point)))


def _package_of(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


@cache
def _foreign(name: str) -> Output:
    point = _named()[name]
    try:
        # stdout carries answers; what a package prints at import is none.
        with redirect_stdout(sys.stderr):
            found = point.load()
    except BROKEN as exc:
        raise broken(name, exc) from exc
    if not isinstance(found, Output) or found.name != name:
        raise Failed("output_broken", name=name, reason=f"{point.value} is no octo_cli.outputs.Output called {name!r}")
    return found
