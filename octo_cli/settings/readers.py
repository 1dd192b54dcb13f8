"""How one value of a setting is read, and refused. Which settings there are is not said here."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from octo_cli.errors import UsageError

Source = Literal["flag", "environment", "project", "user", "default"]


class Place(NamedTuple):
    """Where a value was written: its layer, its name in a sentence, and the folder its relative paths start at."""

    source: Source
    name: str
    folder: Path


Reader = Callable[[Any, Place], Any]


def choice(*accepted: str) -> Reader:
    def read(value: Any, place: Place) -> Any:
        if value not in accepted:
            raise _refused(place, value, ", ".join(accepted))
        return value

    return read


def text(value: Any, place: Place) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _refused(place, value, '"…"')
    return value.strip()


def texts(value: Any, place: Place) -> tuple[str, ...]:
    """A list of texts; one text is a list of one, as a flag or a variable gives it with commas."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise _refused(place, value, '["…", "…"]')
    return tuple(item.strip() for item in items if item.strip())


def yes_or_no(value: Any, place: Place) -> bool:
    said = {"true": True, "false": False}.get(value.casefold()) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise _refused(place, value, "true, false")
    return said


def number(least: float, most: float) -> Reader:
    """A number between two bounds, both included."""

    def read(value: Any, place: Place) -> float:
        found = _number(value)
        if found is None or not least <= found <= most:
            raise _refused(place, value, f"{least:g} … {most:g}")
        return found

    return read


def whole(least: int, most: int) -> Reader:
    """A whole number between two bounds, both included."""

    def read(value: Any, place: Place) -> int:
        found = _number(value)
        if found is None or found != int(found) or not least <= found <= most:
            raise _refused(place, value, f"{least} … {most}")
        return int(found)

    return read


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def address(value: Any, place: Place) -> str:
    """The http address of a server, without a trailing slash."""
    said = text(value, place)
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", said):
        raise _refused(place, value, "http://…, https://…")
    return said.rstrip("/")


def cache(value: Any, place: Place) -> str:
    said = text(value, place)
    if said not in ("sqlite", "off") and not re.match(r"(rediss?|unix)://", said):
        raise _refused(place, value, "sqlite, off, redis://…")
    return said


def path(value: Any, place: Place) -> Path:
    return (place.folder / Path(text(value, place)).expanduser()).absolute()


def paths(value: Any, place: Place) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise _refused(place, value, '["folder", "folder"]')
    folders = tuple(path(item, place) for item in value)
    if place.source == "project":
        _stay_inside(folders, place)
    return folders


def _stay_inside(folders: Sequence[Path], place: Place) -> None:
    # A project file comes with somebody's checkout: it may offer its own papers for search, never the reader's home.
    root = place.folder.resolve()
    for folder in folders:
        if not folder.resolve().is_relative_to(root):
            raise UsageError("config_folder_outside", place=place.name, value=str(folder), root=str(root))


_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"(\d{1,5})\s*([mhdw])")


def duration(text: str) -> timedelta | None:
    """A length of time such as "30m", "12h", "7d" or "2w"; None when `text` is none, or nought."""
    if not (match := _DURATION.fullmatch(text.strip())):
        return None
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) or None


def length(span: timedelta) -> str:
    """How `duration` reads this length, in the largest unit that says it whole."""
    minutes = span // timedelta(minutes=1)
    for unit, most in (("d", 24 * 60), ("h", 60)):
        if minutes % most == 0:
            return f"{minutes // most}{unit}"
    return f"{minutes}m"


def span(value: Any, place: Place) -> timedelta:
    if not isinstance(value, str) or not (found := duration(value)):
        raise _refused(place, value, '"30m", "12h", "7d", "2w"')
    return found


def _refused(place: Place, value: object, accepted: str) -> UsageError:
    return UsageError("bad_setting", place=place.name, value=str(value), accepted=accepted)
