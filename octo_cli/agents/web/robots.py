"""What a site asks of programs: its robots.txt, read as RFC 9309 says. Fetches nothing."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote

# RFC 9309, 2.5: at least 500 kibibytes must be read.
LARGEST: Final = 500 * 1024
_LINE: Final = re.compile(r"\s*([A-Za-z-]+)\s*:\s*([^#]*)")
_PRODUCT: Final = re.compile(r"[A-Za-z_-]+|\*")


class _Rule(NamedTuple):
    pattern: str
    allows: bool


class Robots:
    """The rules of one site for one program. `urllib.robotparser` knows neither `*` nor the longest match."""

    def __init__(self, text: str = "", product: str = "") -> None:
        groups = _groups(text)
        self._rules = groups.get(product.lower(), groups.get("*", []))

    def allows(self, path: str) -> bool:
        """Whether `path`, percent-encoded and with its query, may be fetched: the longest rule decides."""
        matching = [rule for rule in self._rules if _matches(rule.pattern, path)]
        return path == "/robots.txt" or max(matching, key=_weight, default=_Rule("", True)).allows


def _groups(text: str) -> dict[str, list[_Rule]]:
    """The rules by product, lower case; groups of the same product are one."""
    groups: dict[str, list[_Rule]] = {}
    named: list[str] = []
    ruled = False
    for key, value in _lines(text):
        if key == "user-agent":
            named = [] if ruled else named
            ruled = False
            match = _PRODUCT.match(value)
            named.append(match[0].lower() if match else "")
            groups.setdefault(named[-1], [])
        elif key in ("allow", "disallow"):
            ruled = True
            for product in named:
                if value:
                    groups[product].append(_Rule(quote(value, safe="/%*$?=&+,;:@!~'()[]"), key == "allow"))
    return groups


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").splitlines():
        if match := _LINE.match(line):
            yield match[1].lower(), match[2].strip()


def _matches(pattern: str, path: str) -> bool:
    """Piece by piece, each as early as it can stand: a regular expression could be made to take for ever."""
    ended = pattern.endswith("$")
    first, *pieces = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not pieces:
        return not ended or at == len(path)
    *pieces, last = pieces
    for piece in pieces:
        if (found := path.find(piece, at)) < 0:
            return False
        at = found + len(piece)
    if ended:
        return path.endswith(last) and len(path) - len(last) >= at
    return path.find(last, at) >= 0


def _weight(rule: _Rule) -> tuple[int, bool]:
    return len(rule.pattern), rule.allows
