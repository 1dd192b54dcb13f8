"""How a text and a query become the same tokens. No files and no database.

Hangul, Han and kana run on without spaces, so every run of them is cut into all pairs of neighbours and its last
character: "보호법" → "보호 호법 법". A part of two characters or more is then a phrase of whole tokens, one character
the beginning of a token: both are looked up, never scanned for. All other letters and digits are cut into words; in
source code a name in camel case is also cut at its humps, as one in snake case is at its underscores.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Final

from octo_cli.values.patterns import lazy
from octo_cli.values.text import one_line

LONGEST_QUERY: Final = 2000
LONGEST_WORD: Final = 100
MOST_TERMS: Final = 16

_CJK: Final = (
    "\u1100-\u11ff\u3040-\u30ff\u3131-\u318e\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER: Final = rf"[^\W_{_CJK}]"
_RUN: Final = lazy(rf"[{_CJK}]+|{_LETTER}+")
# A run's pairs overlap: each is looked at ahead of the one character that is gone on by.
_TOKEN: Final = lazy(rf"(?=([{_CJK}]{{1,2}}|{_LETTER}+))(?:[{_CJK}]|{_LETTER}+)")
_IS_CJK: Final = lazy(rf"[{_CJK}]")
# Small letters, digits and Hangul, most of any text, are folded already; looking each of them up would take longest.
_TO_FOLD: Final = lazy("[^\\x00-@\\[-\\x7f\uac00-\ud7a3]+")
_HUMP: Final = lazy("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HUMPED: Final = lazy("[A-Za-z0-9]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z])[A-Za-z0-9]*")
_MARK: Final = "_"

_WORD: Final = lazy(r'"([^"]+)"|“([^“”]+)”|「([^「」]+)」|(\S+)')

# A stem is looked for beside the word itself, never instead, so a noun that only seems to end in one loses nothing.
_PARTICLES: Final = (
    *("은", "는", "이", "가", "을", "를", "의", "에", "와", "과", "도", "로", "만", "란", "나", "랑", "께"),
    *(
        "으로",
        "에서",
        "에게",
        "한테",
        "까지",
        "부터",
        "이나",
        "이란",
        "이랑",
        "처럼",
        "보다",
        "마다",
        "라도",
        "조차",
        "밖에",
    ),
    *(
        "에는",
        "에도",
        "에만",
        "에서는",
        "에서도",
        "에게는",
        "으로는",
        "으로도",
        "로는",
        "로도",
        "까지는",
        "부터는",
        "이라도",
        "이라는",
        "라는",
    ),
)
_SHORTEST_STEM: Final = 2
_SHORTEST_PREFIX: Final = 4
_SHORTEST_HALF: Final = 2
_LONGEST_SPACED: Final = 12


def fold(text: str) -> str:
    """`text` without case, accents or full-width forms, character for character, so that offsets stay."""
    if text.isascii():
        return text.lower()
    return _TO_FOLD.sub(lambda run: run[0].translate(_FOLDED), text)


def index_tokens(text: str) -> str:
    """The tokens of `text`, separated by spaces."""
    return " ".join(_TOKEN.findall(fold(text)))


def name_tokens(text: str) -> str:
    """The tokens of the parts of every name in camel case in `text`, each name once."""
    names = dict.fromkeys(_HUMPED.findall(text))
    return index_tokens(_HUMP.sub(_MARK, " ".join(names)))


def humps(text: str) -> tuple[str, list[int]]:
    """`text` with a mark put in where a name's next part begins, and where in the result the marks stand."""
    marked = [match.start() for match in _HUMP.finditer(text)]
    return _HUMP.sub(_MARK, text), [at + before for before, at in enumerate(marked)]


@dataclass(frozen=True)
class Spelling:
    """One way a term may be written: runs of letters with nothing but signs or spaces between them."""

    runs: tuple[str, ...]
    prefix: bool = False

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens of every text that holds it, one after the other; of the last one its beginning if `is_open`."""
        *before, last = self.runs
        tokens = _TOKEN.findall(" ".join(before))
        if not _is_cjk(last) or len(last) == 1:
            return (*tokens, last)
        # In the text the run may go on, so its last character alone is no token there.
        return (*tokens, *_pairs(last)[:-1])

    @property
    def is_open(self) -> bool:
        """Whether its last token may go on in the text."""
        last = self.runs[-1]
        return len(last) == 1 if _is_cjk(last) else self.prefix

    @property
    def phrase(self) -> str:
        """An FTS5 phrase. Runs hold letters and digits only, so nothing in it can be read as syntax."""
        return f'"{" ".join(self.tokens)}"' + ("*" if self.is_open else "")

    @property
    def pattern(self) -> str:
        """A regular expression for folded text."""
        first, last = self.runs[0], self.runs[-1]
        begin = "" if _is_cjk(first) else rf"(?<!{_LETTER})"
        end = "" if self.prefix or _is_cjk(last) else rf"(?!{_LETTER})"
        gaps = (_gap(left, right) for left, right in pairwise(self.runs))
        return begin + first + "".join(gap + run for gap, run in zip(gaps, self.runs[1:], strict=True)) + end


@dataclass(frozen=True)
class Term:
    """A word or quoted phrase of a query as it was typed, and the ways it may be written in a file."""

    typed: str
    spellings: tuple[Spelling, ...]

    @property
    def exact(self) -> "Term":
        """The term as it was typed and no other way: who leaves a word out means that word."""
        return Term(self.typed, self.spellings[:1])

    @cached_property
    def match(self) -> str:
        """An FTS5 expression that holds where any spelling does."""
        return " OR ".join(spelling.phrase for spelling in self.spellings)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the term in folded text, the longest spelling first."""
        longest_first = sorted(self.spellings, key=lambda spelling: -len("".join(spelling.runs)))
        return re.compile("|".join(spelling.pattern for spelling in longest_first))


def terms_of(query: str) -> tuple[Term, ...]:
    """The terms of a query: words, "quoted phrases" and beginnings*; () when it holds no letter or digit.

    Every other sign only separates. Only the first `LONGEST_QUERY` characters and `MOST_TERMS` terms count.
    """
    return different(_terms(one_line(query[:LONGEST_QUERY])))


def different(terms: Iterable[Term]) -> tuple[Term, ...]:
    """The first `MOST_TERMS` terms that are not the same."""
    first: dict[Spelling, Term] = {}
    for term in terms:
        first.setdefault(term.spellings[0], term)
    return tuple(islice(first.values(), MOST_TERMS))


def _terms(query: str) -> Iterator[Term]:
    for match in _WORD.finditer(query):
        word = match[4]
        typed = word or match[0]
        runs = tuple(_RUN.findall(fold((word or match[match.lastindex or 0])[:LONGEST_WORD])))
        if not runs:
            continue
        if word is None:
            yield Term(typed, (Spelling(runs),))
        elif word.endswith("*"):
            yield Term(typed, (Spelling(runs, prefix=True),))
        else:
            parts = tuple(_RUN.findall(fold(_HUMP.sub(_MARK, word[:LONGEST_WORD]))))
            yield Term(typed, tuple(dict.fromkeys([*_spellings(runs), *_spellings(parts)])))


def _spellings(runs: tuple[str, ...]) -> Iterator[Spelling]:
    *before, last = runs
    yield Spelling(runs)
    if not _is_cjk(last):
        yield from _english(tuple(before), last)
        return
    stems = [last.removesuffix(particle) for particle in _PARTICLES if last.endswith(particle)]
    for run in (last, *stems):
        if len(run) >= _SHORTEST_STEM or before:
            # Whatever stands before a particle counts by itself: "NDA를" is "NDA".
            yield Spelling((*before, run) if run else tuple(before))
        yield from (Spelling((*before, *halves)) for halves in _spaced(run))


def _english(before: tuple[str, ...], last: str) -> Iterator[Spelling]:
    if last == "s" and before:
        # "tenant's"
        *rest, last = before
        before = tuple(rest)
        yield Spelling((*before, last))
    singular = last if last.endswith("ss") else last.removesuffix("s")
    if len(singular) >= _SHORTEST_PREFIX and singular.isalpha():
        yield Spelling((*before, singular), prefix=True)


def _spaced(run: str) -> Iterator[tuple[str, str]]:
    """The run with one space in it: people write 임대차계약 and 임대차 계약."""
    if len(run) <= _LONGEST_SPACED:
        for cut in range(_SHORTEST_HALF, len(run) - _SHORTEST_HALF + 1):
            yield run[:cut], run[cut:]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]


def _gap(left: str, right: str) -> str:
    """What may stand between two runs: of one kind they would be one run with nothing between."""
    return r"[\W_]+" if _is_cjk(left) == _is_cjk(right) else r"[\W_]*"


def _is_cjk(run: str) -> bool:
    return _IS_CJK.match(run) is not None


class _Folded(dict[int, str]):
    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    plain = _one(unicodedata.normalize("NFKC", char)) or char
    if _is_cjk(plain):
        return plain
    base, *marks = list(unicodedata.normalize("NFD", plain))
    if all(unicodedata.combining(mark) for mark in marks):
        plain = base
    return _one(plain.casefold()) or plain


def _one(text: str) -> str | None:
    return text if len(text) == 1 else None


_FOLDED: Final = _Folded()
