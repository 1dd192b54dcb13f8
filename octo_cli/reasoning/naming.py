"""Document names in a text: the types Octo has here, and kinds it knows of but has no type for."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from octo_cli.values.patterns import lazy
from octo_cli.wire.work import TypeCard


class Mention(NamedTuple):
    """A document named at `text[start:end]`; `document_type` is None for a kind no card describes."""

    start: int
    end: int
    text: str
    document_type: str | None


def mentions(text: str, cards: Sequence[TypeCard]) -> tuple[Mention, ...]:
    """The documents a text asks about, in order, each kind once; "not a lease but …" does not name the lease.

    Where two names overlap the longer wins, so that a commercial lease is never read as the residential one in it.
    """
    found = sorted(
        (*_known(text, cards), *_foreign(text)),
        key=lambda one: (one.start - one.end, one.document_type is None, one.start),
    )
    kept: list[Mention] = []
    for one in found:
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    wanted: dict[str, Mention] = {}
    for one in sorted(kept, key=lambda one: one.start):
        if not _declined(text, one):
            wanted.setdefault(one.document_type or one.text, one)
    return tuple(wanted.values())


# What people also call a type, whatever its card lists.
ALSO_CALLED: Final = {
    "lease": (
        *("임대차계약서", "임대차계약", "임대계약서", "전월세계약서", "전세계약서", "월세계약서", "주택임대차계약서"),
        *("부동산임대차계약서", "lease agreement", "rental agreement", "rental contract", "tenancy agreement", "lease"),
    ),
    "nda": (
        *(
            "비밀유지계약서",
            "비밀유지계약",
            "비밀유지약정서",
            "기밀유지계약서",
            "비밀유지협약서",
            "비밀유지서약서",
            "NDA",
        ),
        *("non-disclosure agreement", "nondisclosure agreement", "confidentiality agreement"),
    ),
    "employment": ("근로계약서", "고용계약서", "employment contract", "employment agreement"),
    "service": ("용역계약서", "프리랜서계약서", "service agreement", "freelance contract"),
    "sale": ("매매계약서", "sales agreement", "sales contract"),
    "power_of_attorney": ("위임장", "power of attorney"),
    "certified_letter": ("내용증명", "demand letter"),
}

# Not 증명서 or 확인서: those are things a contract asks for far more often than things asked of Octo.
_PAPER: Final = r"(?:계약서|약정서|협약서|각서|합의서|서약서|합의문)"
# A word glued or set before 계약서 that says nothing about its kind.
_PLAIN: Final = (
    r"이|그|저|본|위|새|첫|가|두|세|다른|해당|같은|표준|간이|간단한|정식|전자|기존|우리|이런|그런|원룸|투룸|방|집|자취방|아파트|"
    r"오피스텔|빌라|주택|부동산|신규|갱신|재|영문|국문|한글|영어"
)
_KINDS: Final = (
    r"근로|고용|연봉|용역|도급|하도급|매매|동업|투자|위탁|업무위탁|라이선스|프리랜서|대리점|공급|물품|증여|차용|금전소비대차|가맹|"
    r"광고|출판|외주|납품|하자보수|컨설팅|제휴|업무제휴|양도|양수도|주식매매|전속|모델|공사|인테리어|렌탈|리스|사용대차|신탁|혼전"
)
_NOT_HOMES: Final = r"상가|점포|가게|매장|사무실|오피스|토지|농지|창고|공장|차량|자동차|장비|기계"
_NOT_HOMES_EN: Final = r"commercial|office|retail|shop|warehouse|land|farm|car|vehicle|equipment|ground"
_KINDS_EN: Final = (
    r"employment|service|services|freelance|consulting|sales?|purchase|partnership|licen[cs]e|licensing|investment|"
    r"shareholders?|loan|distribution|franchise|construction|supply|settlement|prenuptial|escrow"
)
_FOREIGN: Final = (
    lazy(rf"(?:{_NOT_HOMES})\s?(?:임대차|임대|전세|월세)(?:\s?계약서?)?"),
    lazy(rf"(?:{_KINDS})\s?(?:{_PAPER}|계약(?!금|일|기간))"),
    lazy(rf"(?<![가-힣])(?!(?:{_PLAIN}){_PAPER})[가-힣]{{1,10}}?{_PAPER}"),
    lazy(r"(?<![가-힣])(?:위임장|내용증명|차용증|각서|합의서|유언장|영수증|견적서|사직서|고소장)"),
    lazy(rf"(?<![a-z])(?:{_NOT_HOMES_EN}) (?:lease|rental)(?: agreement| contract)?(?![a-z])", re.I),
    lazy(rf"(?<![a-z])(?:{_KINDS_EN}) (?:agreement|contract)(?![a-z])", re.I),
    lazy(r"(?<![a-z])(?:power of attorney|promissory note|last will|demand letter|will and testament)(?![a-z])", re.I),
)
_DECLINED_AFTER: Final = lazy(r"\s?(?:은|는|을|를|이|가)?\s?(?:말고|아니고|아니라|대신|빼고|필요\s?없)")
_DECLINED_BEFORE: Final = lazy(r"(?:\bnot|\binstead of|\brather than|\bno)\s(?:an?\s|the\s)?$", re.I)


_GOES_ON: Final = lazy(r"\s?(?:보호법|법|기간|인(?!데)|보증|분쟁|신고|중개|목적|관계|물건|료|갱신)")


def _known(text: str, cards: Sequence[TypeCard]) -> Iterator[Mention]:
    for card in cards:
        # 임대차보호법 and 임대차 기간 name a law and a field, not a document.
        names = {*card.title.values(), *card.aliases, *ALSO_CALLED.get(card.name, ())}
        for name in names:
            for match in occurrences(name, text):
                if match[0].endswith("서") or not _GOES_ON.match(text, match.end()):
                    yield Mention(match.start(), match.end(), match[0], card.name)


def _foreign(text: str) -> Iterator[Mention]:
    for pattern in _FOREIGN:
        for match in pattern.finditer(text):
            yield Mention(match.start(), match.end(), match[0], None)


def _declined(text: str, mention: Mention) -> bool:
    if _DECLINED_AFTER.match(text, mention.end):
        return True
    return _DECLINED_BEFORE.search(text[max(0, mention.start - 20) : mention.start]) is not None


@lru_cache(maxsize=1024)
def loose(name: str) -> re.Pattern[str]:
    """A pattern for a name as people space it: "비밀 유지 계약서" too; Latin words stand alone, in any case."""
    squeezed = "".join(name.split())
    parts, gap = (tuple(squeezed), r"\s?") if _hangul(name) else (tuple(name.split()), r"\s+")
    body = gap.join(re.escape(part) for part in parts)
    before = r"(?<![A-Za-z])" if name[:1].isascii() else ""
    after = r"(?![A-Za-z])" if name[-1:].isascii() else ""
    return re.compile(before + body + after, re.I)


def occurrences(name: str, text: str) -> Iterator[re.Match[str]]:
    """Where a name stands in a text, by its `loose` pattern."""
    # Most names are absent, and `in` says so a hundred times faster than a pattern.
    if _squeezed(name) in _squeezed(text):
        yield from loose(name).finditer(text)


@lru_cache(maxsize=1024)
def _squeezed(text: str) -> str:
    return "".join(text.lower().split())


def _hangul(text: str) -> bool:
    return any("가" <= char <= "힣" for char in text)
