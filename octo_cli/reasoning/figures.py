"""Several figures asked of a table in one breath: each is a question of its own. What they mean is not read here."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from octo_cli.reasoning.cues import TABLE_FILE
from octo_cli.values.patterns import lazy

_TABLE: Final = rf"[\w./~-]{{1,80}}{TABLE_FILE}"
_FILES: Final = lazy(_TABLE, re.I)
_JOINT: Final = lazy(
    r"(?:(?<=[가-힣]고),?\s+|(?<=[가-힣])(?:와|과|이?랑)\s+|\s+및\s+|(?<=[가-힣]),\s*|[;\n]\s*|(?<=[.!?])\s+)"
    r"(?:(?:그리고|그다음에?|또)\s+)?|,?\s+and\s+(?:then\s+)?|,\s+then\s+|"
    r",\s+(?=(?:describe|analy[sz]e|summari[sz]e)\b)",
    re.I,
)
# One figure or an overview, and nothing else, so that no condition of one question is ever taken from another.
_KOREAN: Final = lazy(
    rf"(?:{_TABLE}(?:\s?(?:파일|표|데이터|자료))?(?:에서|의|을|를|로|도)?(?:\s+|$))?(?:"
    r"(?:좀\s)?(?:분석|요약)(?:을\s)?[하해][가-힣]*(?:\s?(?:줘요?|주세요|주십시오|줄래요?|봐))?|"
    r"(?P<by>(?:(?:[가-힣A-Za-z_]+\s?(?:별|마다)(?:로)?|매(?:월|달|년|주|일|분기))\s+){1,3})?"
    r"(?:(?![가-힣A-Za-z_]+(?:별|마다)(?:로)?\s)[가-힣A-Za-z_]+의?\s+){0,2}[가-힣A-Za-z_]*?"
    r"(?:합계|총합|총액|총계|평균|중앙값|최댓값|최솟값|최대|최소|최고|최저|건수|개수|비율|비중)(?:을|를|도|은|는|하고)?"
    r"(?:\s*(?:좀|각각))?(?:\s*(?:구|계산|산출|집계|알려|보여|뽑|비교|정리|표시)[가-힣]*(?:\s?(?:줘요?|주세요|주십시오|줄래요?|봐))?)?)",
    re.I,
)
_NAME: Final = r"(?!(?:by|per|for|in|of|from|where|with|and|over|under|above|below|since|between|except)\b)[a-z_]+"
_FIGURE: Final = (
    r"(?:total|sum|average|avg|mean|median|maximum|max|minimum|min|number|count)s?(?:\s+of)?(?:\s+the)?"
    rf"(?:\s+{_NAME}){{0,3}}?(?:\s+(?:in|of|from)\s+{_TABLE})?"
)
# "Total and average by region" is one question: each has a grouping of its own.
_ENGLISH: Final = lazy(
    r"(?:(?:and|then|also|please|show|give|tell|find|compute|calculate|get|work\s+out|me|us|what(?:'s|\s+is|\s+are)|the)\s+)*"
    rf"(?:(?:monthly|quarterly|yearly|annual|weekly|daily)\s+{_FIGURE}|"
    rf"(?:analy[sz]e|summari[sz]e|describe)\s+(?:the\s+)?{_TABLE}|"
    rf"{_FIGURE}\s+(?:by|per|for\s+(?:each|every))\s+(?:the\s+)?{_NAME}(?:\s+{_NAME})?(?:\s+(?:in|of|from)\s+{_TABLE})?)"
    r"(?:\s+(?:too|also|as\s+well))?",
    re.I,
)
_AROUND: Final = " \t\n.?!~,"
# Characters; what is longer says more than which figures are wanted.
_LONGEST: Final = 400


def several(text: str) -> tuple[str, ...]:
    """The questions of a text that asks for figures only, each with the table they are asked of; () when it is one.

    "월별 합계와 평균" is one: whoever groups once may mean both. So is all that holds more than figures.
    """
    if len(text) > _LONGEST:
        return ()
    asked = [piece for cut in _JOINT.split(text) if (piece := cut.strip(_AROUND))]
    found = [_KOREAN.fullmatch(piece) or _ENGLISH.fullmatch(piece) for piece in asked]
    grouped = [bool(match and match.groupdict().get("by", match)) for match in found]
    tables = [[match[0] for match in _FILES.finditer(piece)] for piece in asked]
    own = [by or bool(table) for by, table in zip(grouped, tables, strict=True)]
    if len(asked) < 2 or not all(found) or not any(grouped) or not all(own[1:]):
        return ()
    named = list(dict.fromkeys(name for table in tables for name in table))
    if len(named) > 1 and not tables[0]:
        return ()
    return tuple(_with_tables(asked, tables, named[:1]))


def _with_tables(asked: Sequence[str], tables: Sequence[Sequence[str]], last: Sequence[str]) -> Iterator[str]:
    """A question that names no table is asked of the one named before."""
    for piece, own in zip(asked, tables, strict=True):
        yield piece if own else " ".join((*last, piece))
        last = own or last
