"""What every reader of values hands back: something found in a sentence, or the reason a text cannot be read.

How sure a `Found` is says how explicit the writing was, nothing about which field it belongs to:

    EXPLICIT  0.95  complete and unmistakable: 5천만원, KRW 50,000,000, 2027-03-01, 2년, 매월 25일, a phone
    CLEAR     0.85  complete by convention: 3억5천 (= 3억 5천만), 내년 3월 1일, 2주 뒤, an address with its number
    INFERRED  0.7   a part was filled in: 12월 1일 (the next one), 월세 50000, 25일에
    GUESSED   0.5   one of two likely readings: 보증금 500 (= 500만), next Friday, an English address
    UNREAD    0.0   there is a value here that cannot be taken as it stands; `value` is None, `note` says why
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

EXPLICIT: Final = 0.95
CLEAR: Final = 0.85
INFERRED: Final = 0.7
GUESSED: Final = 0.5
UNREAD: Final = 0.0


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value at text[start:end], which is `raw`. `note` names why a person should look twice."""

    value: T | None
    start: int
    end: int
    raw: str
    confidence: float
    note: str | None = None


class Unreadable(ValueError):
    """A text that is no value of the kind asked for; `value.<reason>` of the catalogue, with `values`, says so."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values)
        self.reason = reason
        self.values = values


def found_at(
    match: re.Match[str],
    text: str,
    value: T | None,
    confidence: float,
    *,
    note: str | None = None,
    group: str | int = 0,
) -> Found[T]:
    """What a match (or one group of it) found, quoted from the text as it was given."""
    start, end = match.span(group)
    return Found(value, start, end, text[start:end], confidence, note)


def shorten(text: str) -> str:
    """The text as an error may quote it: one short line."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"


def in_order(founds: Iterable[Found[T]]) -> list[Found[T]]:
    """By position, with what overlaps an earlier or longer one left out."""
    kept: list[Found[T]] = []
    for found in sorted(founds, key=lambda found: (found.start, -found.end)):
        if not kept or found.start >= kept[-1].end:
            kept.append(found)
    return kept
