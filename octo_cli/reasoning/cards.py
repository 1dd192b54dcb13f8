"""What a request has to do with an agent by its card alone: its name, its keywords, its examples.

So an agent that some package brings is found without an edit here; the built-in trades have their own table in `cues`.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from octo_cli.reasoning.base import Request
from octo_cli.reasoning.cues import EMPTY_WORDS, TRADES
from octo_cli.values.patterns import HANGUL, lazy
from octo_cli.wire.work import AgentCard

_KEYWORD: Final = 3.0
_EACH_FURTHER: Final = 0.5
_NAME: Final = 2.5
_LIKE_AN_EXAMPLE: Final = 2.5
# Of an example's words, the share a request must have for it to be likeness.
_ALIKE: Final = 0.5

_ADDRESS: Final = lazy(r"\s*(?:@([a-z]\w*)(?![\w.@-])[:,]?\s*|([a-z]\w*)\s?:(?!//)\s*)", re.I)
_WORD: Final = lazy(r"[A-Za-z]{3,}|[가-힣]{2,}")


class Heard(NamedTuple):
    """How loudly a request speaks for the agent `category`, and in which words."""

    category: str
    weight: float
    words: tuple[str, ...]


def addressed(request: Request) -> tuple[str, str] | None:
    """The agent a request is addressed to by name ("@email …", "code: …"), and what it is told."""
    match = _ADDRESS.match(request.text)
    name = (match[1] or match[2]).lower() if match else ""
    if match and any(card.name == name for card in request.agents):
        return name, request.text[match.end() :].strip() or request.text
    return None


def heard_cards(request: Request) -> Iterator[Heard]:
    """The agents of no built-in trade that a request seems to want."""
    for card in request.agents:
        if card.name not in TRADES and (found := _heard(card, request.text)).weight:
            yield found


def _heard(card: AgentCard, text: str) -> Heard:
    words = tuple(dict.fromkeys(word for keyword in card.keywords if (word := _occurring(keyword, text))))
    weight = _KEYWORD + _EACH_FURTHER * (len(words) - 1) if words else 0.0
    if not words and (name := _occurring(card.name, text)):
        words, weight = (name,), _NAME
    likeness, shared = max((_likeness(example, text) for example in card.examples), default=(0.0, ()))
    if likeness >= _ALIKE:
        words, weight = words or shared, weight + _LIKE_AN_EXAMPLE * likeness
    return Heard(card.name, weight, words)


def _occurring(keyword: str, text: str) -> str | None:
    """`keyword` as it stands in the text: where a word begins; a Latin one also to its end."""
    if not keyword.strip():
        return None
    end = r"(?![A-Za-z])" if keyword[-1].isascii() and keyword[-1].isalpha() else ""
    found = re.search(rf"(?<!{HANGUL})(?<![A-Za-z]){re.escape(keyword.strip())}{end}", text, re.I)
    return found[0] if found else None


def _likeness(example: str, text: str) -> tuple[float, tuple[str, ...]]:
    """The share of an example's own words that occur in a text. One word alone is no likeness."""
    own, given = _content(example), _content(text)
    shared = tuple(word for word in own if any(word.startswith(one) or one.startswith(word) for one in given))
    return (len(shared) / len(own), shared) if len(shared) > 1 else (0.0, ())


def _content(text: str) -> list[str]:
    """The words that say what it is about, in order."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(EMPTY_WORDS.sub(" ", text[:2000]))))
