"""Which value belongs to which label: the cheapest way to pair them along the text, each used once, no crossing."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from octo_cli.reasoning.extraction.labels import Label


class Value(NamedTuple):
    """A value at text[start:end]. `anchor` is where the words about it begin: in "5천에서 4천으로" at 5천."""

    start: int
    end: int
    anchor: int
    value: Any
    confidence: float
    note: str | None = None
    corrects: bool = False


# cost(text between, label first?) → how far apart the two are, or None if they cannot belong together.
Cost = Callable[[str, bool], float | None]

_SKIPPED_VALUE: Final = 40.0
_SKIPPED_LABEL: Final = 1.0
_REACH: Final = 3  # tokens ahead that may still be partners
_FARTHEST: Final = 60  # characters


def tie(text: str, labels: Sequence[Label], values: Sequence[Value], cost: Cost) -> list[tuple[Label, Value]]:
    """Pairs of a label and its value, decoys included, minimising the sum of their distances.

    A value without a label costs more than any distance, so in "50만원 월세에 5만원 관리비" both values find theirs.
    """
    tokens: list[Label | Value] = sorted([*labels, *values], key=lambda token: (token.start, token.end))
    best: list[float] = [0.0] * (len(tokens) + 1)
    partner: list[int | None] = [None] * len(tokens)
    for first in range(len(tokens) - 1, -1, -1):
        best[first] = best[first + 1] + _skipping(tokens[first])
        for second in range(first + 1, min(first + 1 + _REACH, len(tokens))):
            price = _price(text, tokens, first, second, cost)
            if price is not None and price + best[second + 1] < best[first]:
                best[first], partner[first] = price + best[second + 1], second
    return _read_off(tokens, partner)


def _price(text: str, tokens: list[Label | Value], first: int, second: int, cost: Cost) -> float | None:
    one, other = tokens[first], tokens[second]
    if isinstance(one, Label) == isinstance(other, Label):
        return None
    begins = other.anchor if isinstance(other, Value) else other.start
    if begins - one.end > _FARTHEST:
        return None
    distance = cost(text[one.end : begins], isinstance(one, Label))
    if distance is None:
        return None
    return distance + sum(_between(token) for token in tokens[first + 1 : second])


def _between(token: Label | Value) -> float:
    # A label in between has the better claim, a value in between the nearer place.
    return 25.0 if isinstance(token, Label) else _SKIPPED_VALUE


def _skipping(token: Label | Value) -> float:
    return _SKIPPED_LABEL if isinstance(token, Label) else _SKIPPED_VALUE


def _read_off(tokens: list[Label | Value], partner: list[int | None]) -> list[tuple[Label, Value]]:
    pairs: list[tuple[Label, Value]] = []
    index = 0
    while index < len(tokens):
        second = partner[index]
        if second is None:
            index += 1
            continue
        one, other = tokens[index], tokens[second]
        if isinstance(one, Label) and isinstance(other, Value):
            pairs.append((one, other))
        elif isinstance(one, Value) and isinstance(other, Label):
            pairs.append((other, one))
        index = second + 1
    return pairs
