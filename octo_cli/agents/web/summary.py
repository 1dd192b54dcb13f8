"""A page's own sentences, and those that say most of it. Fetches nothing, words nothing."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

_MOST_SENTENCES: Final = 3
_MOST_WEIGHED: Final = 400
_SHORTEST: Final = 12
_LONGEST: Final = 400

_ENDED: Final = re.compile(
    r"(?:(?<=[.!?。！？…])|(?<=[.!?…][\"'”’)\]]))(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bNo\.)"
    r"(?<!\bvs\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+|(?<=[。！？])"
)
_NO_PROSE: Final = re.compile(r"#{1,6}\s|\||```|(?:[-*_]\s*){3,}$")
_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,3}[.)])\s+|>\s?")
# A backslash gives its sign back; of a link its words stay.
_MARKS: Final = re.compile(r"\\([!-/:-@\[-`{-~])|\*\*|__|`|!?\[([^\]\n]*)\]\([^)\n]*\)")
_WORD: Final = re.compile(r"[가-힣]+|[^\W_가-힣]{2,}")


def summary(text: str, query: str = "") -> list[str]:
    """The sentences that say most of a text, or most of `query` in it, in their order.

    A sentence weighs what its words share with the others (as in SumBasic); one like another is left out.
    """
    said = [sentence for sentence in sentences(text) if len(sentence) >= _SHORTEST][:_MOST_WEIGHED]
    if len(said) <= _MOST_SENTENCES:
        return [_shortened(sentence) for sentence in said]
    words = [frozenset(_words(sentence)) for sentence in said]
    weights = _weights(words, frozenset(_words(query)))
    ranked = sorted(range(len(said)), key=lambda at: (-_worth(words[at], weights, at), at))
    chosen: list[int] = []
    for at in ranked:
        if len(chosen) < _MOST_SENTENCES and not any(_alike(words[at], words[other]) for other in chosen):
            chosen.append(at)
    return [_shortened(said[at]) for at in sorted(chosen)]


def sentences(text: str) -> Iterator[str]:
    """The sentences of a Markdown text, Korean or English, without its marks, headings and tables."""
    for block in _blocks(text):
        plain = " ".join(_MARKS.sub(lambda match: match[1] or match[2] or "", block).split())
        yield from (sentence for sentence in _ENDED.split(plain) if sentence)


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs and list items, each on one line."""
    block: list[str] = []
    for line in (*text.split("\n"), ""):
        stripped = line.strip()
        item = _ITEM.match(stripped)
        apart = not stripped or item or _NO_PROSE.match(stripped)
        if apart and block:
            yield " ".join(block)
            block = []
        if stripped and not _NO_PROSE.match(stripped):
            block.append(stripped[item.end() :] if item else stripped)


def _words(sentence: str) -> Iterator[str]:
    """Words, and of a Korean one every pair of neighbours, because particles hide where it ends."""
    for match in _WORD.finditer(sentence.casefold()):
        word = match[0]
        if "가" <= word[0] <= "힣":
            yield from (word[at : at + 2] for at in range(max(1, len(word) - 1)))
        else:
            yield word


def _weights(words: Sequence[frozenset[str]], wanted: frozenset[str]) -> dict[str, float]:
    """A word counts by the sentences it is in, not at all when those are most, and more when it is wanted."""
    found = Counter(word for each in words for word in each)
    common = len(words) / 2
    return {
        word: (count if count <= common else 0.0) + (len(words) if word in wanted else 0.0)
        for word, count in found.items()
    }


def _worth(words: frozenset[str], weights: dict[str, float], at: int) -> float:
    """The first sentences of a page say more than the later ones."""
    average = sum(weights[word] for word in words) / math.sqrt(len(words) or 1)
    return average * (1 + 1 / (1 + at))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > 0.6 * min(len(one), len(other))


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 1]}…"
