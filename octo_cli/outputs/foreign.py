"""Formats of other packages, by entry points of the group `octo.outputs`: found, loaded, and kept from doing harm."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final

import msgspec

from octo_cli.errors import Failed
from octo_cli.outputs.base import Output, Subject
from octo_cli.settings.keys import FORMATS
from octo_cli.values.text import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "octo.outputs"
# What another package may raise: one that ends the process is a broken format, not the end of this process.
BROKEN: Final = (Exception, SystemExit)
_LONGEST_REASON: Final = 300


def output(name: str) -> Output | None:
    """The format of that name; None when there is none. Raises Failed "output_broken"."""
    return _loaded(name) if name in _named() else None


def names() -> Sequence[str]:
    return sorted(_named())


def made(form: Output, subject: Subject) -> Any:
    """Its result, as JSON holds it. Raises Failed "output_broken"."""
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
            _loaded(point.name)
        except Failed as error:
            yield error


@cache
def _named() -> Mapping[str, "EntryPoint"]:
    """The entry points that count: what is called as one of Octo's own, or as one before it, never does."""
    return {point.name: point for point in reversed(_points()) if point.name not in FORMATS}


@cache
def _points() -> Sequence["EntryPoint"]:
    # Looking through all that is installed takes longer than making most answers.
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package_of(point)))


def _package_of(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


@cache
def _loaded(name: str) -> Output:
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
