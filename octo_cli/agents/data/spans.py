"""Spans of time as a question names them: years, quarters, months, days, from today or by their numbers."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from octo_cli.agents.data import vocabulary as say


class Span(NamedTuple):
    """From `start` until before `end`; or, without a year, a `part` of any date ("month", "quarter") and its number."""

    start: date | None = None
    end: date | None = None
    part: str | None = None
    number: int | None = None


def span_of(match: re.Match[str], today: date) -> Span | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    kind = next(iter(groups), "").split("_")[0].rstrip("23")
    short = {name.split("_")[1]: value for name, value in groups.items()}
    try:
        return _SPAN_READERS[kind](short, today)
    except (ValueError, OverflowError):
        return None


def _year(year: int) -> Span:
    return Span(date(year, 1, 1), date(year + 1, 1, 1))


def _month(year: int, month: int, months: int = 1) -> Span:
    last = year * 12 + month - 1 + months
    return Span(date(year, month, 1), date(last // 12, last % 12 + 1, 1))


def _day(day: date) -> Span:
    return Span(day, day + timedelta(days=1))


def _name_of_month(written: str) -> int:
    return next(number for number, pattern in enumerate(say.MONTH_NAMES, 1) if pattern.fullmatch(written))


def _relative_year(short: Mapping[str, str], today: date) -> Span:
    back = {"작년": 1, "지난해": 1, "last year": 1, "재작년": 2}.get(short["year"].lower(), 0)
    return _year(today.year - back)


def _relative_month(short: Mapping[str, str], today: date) -> Span:
    back = 1 if re.match(r"지난|last", short["month"], re.I) else 0
    at = today.year * 12 + today.month - 1 - back
    return _month(at // 12, at % 12 + 1)


def _relative(short: Mapping[str, str], today: date) -> Span:
    if "year" in short:
        return _relative_year(short, today)
    if "month" in short:
        return _relative_month(short, today)
    return _day(today - timedelta(days=short["day"].lower() in ("어제", "yesterday")))


def _named_month(short: Mapping[str, str], _: date) -> Span:
    year, month = int(short["y"]), _name_of_month(short["name"])
    return _day(date(year, month, int(short["d"]))) if "d" in short else _month(year, month)


def _part(short: Mapping[str, str], _: date) -> Span:
    if "q" in short:
        return Span(part="quarter", number=int(short["q"]))
    return Span(part="month", number=int(short["m"]) if "m" in short else _name_of_month(short["name"]))


_SPAN_READERS: Final[Mapping[str, Callable[[Mapping[str, str], date], Span]]] = {
    "d": lambda short, _: _day(date(int(short["y"]), int(short["m"]), int(short["d"]))),
    "q": lambda short, _: _month(int(short["y"]), int(short["q"]) * 3 - 2, 3),
    "m": lambda short, _: _month(int(short["y"]), int(short["m"])),
    "n": _named_month,
    "y": lambda short, _: _year(int(short["y"])),
    "b": lambda short, _: _year(int(short["y"])),
    "r": _relative,
    "p": _part,
}
