"""Fields filled by words: free text, lists, choices, yes or no, a bank account, a plain number."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from octo_cli.reasoning.extraction.claims import INFERRED, LABELLED, POSITIONED, Claim
from octo_cli.reasoning.extraction.labels import Label, find_labels, is_none, names_of
from octo_cli.reasoning.extraction.vocabulary import COMMON_CHOICES, SAME
from octo_cli.reasoning.naming import loose, occurrences
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import Choice, FieldSpec

# Lists: "특약: 반려동물 금지, 금연", "특약으로 … 넣어줘".

ADDITION: Final = "addition"  # what is to be put to the list that is there

_COLON: Final = lazy(r"(?:은|는|에|으로)?(?P<adds>\s?추가)?\s{0,2}[:：]\s{0,2}(?P<items>[^\n]{2,600})")
_ADDED: Final = lazy(
    r"(?:으로|로|에|에다가?|에는|은|는)\s(?P<items>[^\n.;]{2,200}?)(?:을|를|도)?\s?"
    r"(?:넣어|(?:추가|포함|기재|반영)(?!\s?(?:하지|안|불))|적어|써\s?줘)"
)
_ADDING: Final = lazy(r"(?:추가|\badd(?:itional)?(?:\s(?:an?|the|another|these))?)\s?$", re.I)
_EMPTIED: Final = lazy(
    r"(?:은|는|을|를|이|가)?\s?(?:전부|모두|다|싹|전체)\s?(?:빼|삭제|지워|없애|제거)(?!지\s|\s?하지)|"
    r"(?:은|는|이|가)?\s?[:：]?\s?없(?:음|습니다|이(?=\s?(?:$|[,.]|작성|써|만들)))"
)
_REPORTED: Final = lazy(r"(?<=[는한된]다)고$|(?<=[가-힣])이?라고$")
_KEPT_FIRST: Final = lazy(r"(?:그대로|기존|유지|지금|나머지|빼고|말고|없이)")
_QUOTED: Final = lazy(
    r"^[\"'“‘「](?P<body>[^\"'”’」]{2,198})[\"'”’」](?:(?:이)?라(?:고|는)(?:\s(?:내용|조항|문구))?|조항|내용)?\s?$"
)
_ITEMS: Final = lazy(r"\s*(?:;|•|·|(?:^|(?<=\s))(?:\d{1,2}[.)]|\(\d{1,2}\)|[①-⑳])|,(?!\d{3}))\s*")
_UNFINISHED: Final = lazy(r"(?:[하되이지주두]고|며|면|경우|시|때|및|또는|거나|if|when|and|or)$")
_SENTENCE_END: Final = lazy(r"(?<=[가-힣a-z)])[.!]\s+(?=\S)")


def read_lists(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the list fields: what follows their label and a colon, or is to be added under it."""
    for label in find_labels(text, specs, "list"):
        if not label.fields:
            continue
        if emptied := _EMPTIED.match(text, label.end):
            yield Claim(label.fields[0], [], label.start, emptied.end(), LABELLED)
            continue
        listed = _COLON.match(text, label.end)
        match = listed or _ADDED.match(text, label.end)
        if match is None or (not listed and _KEPT_FIRST.match(match["items"])):
            continue
        body = _SENTENCE_END.split(match["items"])[0] if listed else _QUOTED.sub(r"\g<body>", match["items"])
        body = _REPORTED.sub("", body.rstrip(" .,"))
        start = match.start("items") + match["items"].find(body)
        adds = not listed or listed["adds"] or _ADDING.search(text[max(0, label.start - 12) : label.start])
        if items := _items(body):
            yield Claim(label.fields[0], items, start, start + len(body), LABELLED, ADDITION if adds else None)


def _items(body: str) -> list[str]:
    """The items of a list; a sentence with commas of its own is one item."""
    parts = [part.strip() for part in _ITEMS.split(body) if part and part.strip()]
    whole = any(len(part) > 30 or _UNFINISHED.search(part) for part in parts[:-1])
    return [" ".join(body.split())] if whole and ";" not in body and not re.search(r"[①②]|\d\)", body) else parts


# Texts: "임차할 부분: 3층 302호", "관할 법원은 서울중앙지방법원으로 해줘".

_VALUE: Final = lazy(r"(?:은|는|이|가)?\s{0,2}[:：]\s{0,2}(?P<value>[^\n;]{2,300})")
_TOLD: Final = lazy(
    r"(?:은|는)\s(?P<value>[^\n;,.]{2,40}?)(?:입니다|이에요|예요|이야|(?:으로|로)\s?(?:해|하|정|바꿔|변경))"
)
_BARE: Final = lazy(r"(?:은|는)\s(?P<value>[^\n;,.]{1,12}?)(?<![고다해요자줘서면지])\s?(?:[,.]|$)")
_TEXT_END: Final = lazy(r"\s/\s|(?<=[가-힣a-z0-9)])\.\s|\.$|,\s(?=[가-힣A-Za-z ]{1,14}(?:[:：]|은\s|는\s))")
_INSTEAD: Final = lazy(r".{1,30}?(?:(?:이|가)\s?아니(?:라|고)|\s?말고),?\s(?=\S)")
_PURPOSE_KO: Final = lazy(r"(?:^|[,.\n:]|위해|위하여|(?:은|는)\s)\s{0,2}(?P<value>[^,.\n:]{2,60}?)(?:을|를)\s?목적으로")
_PURPOSE_EN: Final = lazy(
    r"\bfor (?:the (?:sole )?purposes? of (?P<stated>[^,.;\n]{3,100})|(?P<doing>(?:evaluating|exploring|discussing|"
    r"assessing|considering|"
    r"negotiating|developing|joint(?:ly)? develop\w{3,4})\s[^,.;\n]{3,100}))",
    re.I,
)


def read_texts(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the free text fields; without a colon only what is plainly told of the label."""
    for kind in ("text", "longtext"):
        for label in find_labels(text, specs, kind):
            given = _VALUE.match(text, label.end)
            match = given or _TOLD.match(text, label.end)
            if match is None and kind == "text":
                match = _BARE.match(text, label.end)
            if match is None or not label.fields:
                continue
            value = _TEXT_END.split(match["value"])[0].rstrip(" ,.")
            tied = LABELLED if given else INFERRED
            start = match.start("value")
            if not given and (instead := _INSTEAD.match(value)):
                start, value = start + instead.end(), value[instead.end() :]
            if value:
                yield Claim(label.fields[0], value, start, start + len(value), tied)
    yield from _parts(text, specs)
    purpose = next((spec.name for spec in specs if spec.type == "text" and "목적" in names_of(spec)), None)
    if purpose:
        yield from _purposes(text, purpose)


_PART_NAMES: Final = frozenset(("임차할 부분", "임대할 부분", "leased part"))
_FLOOR: Final = r"(?:지하\s?)?[0-9]{1,3}층(?:\s?[0-9]{1,4}호)?|[0-9]{1,4}호"
_PART: Final = lazy(
    rf"건물\s?(?:전체\s?)?(?:중|가운데)(?:에서)?\s(?:에\s)?(?P<inside>{_FLOOR})(?:만|을|를)|"
    rf"(?<![0-9가-힣])(?P<alone>{_FLOOR})만\s?(?:을\s)?(?:임대|임차|빌|세\s?(?:놓|주|줄|내)|사용|계약)"
)


def _parts(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """ "2층 201호만 임대", "건물 중 1층만": not the whole is let."""
    field = next((spec.name for spec in specs if spec.type == "text" and names_of(spec) & _PART_NAMES), None)
    if field is None:
        return
    for match in _PART.finditer(text):
        group = "inside" if match["inside"] else "alone"
        yield Claim(field, match[group], match.start(group), match.end(group), POSITIONED)


def _purposes(text: str, field: str) -> Iterator[Claim]:
    for match in _PURPOSE_KO.finditer(text):
        yield Claim(field, match["value"].strip(), match.start("value"), match.end("value"), POSITIONED)
    for match in _PURPOSE_EN.finditer(text):
        group = "stated" if match["stated"] else "doing"
        yield Claim(field, match[group].strip(), match.start(group), match.end(group), POSITIONED)


# Choices.

_REFUSED: Final = lazy(r"\s?(?:이|가|은|는)?\s?(?:말고|아니|아닌|대신|에서\s|안\s|없이|않)")
_JEONSE: Final = lazy(r"(?<!반)전세(?!\s?(?:대출|자금|권|난|가율|사기|보증보험))|\bjeonse\b", re.I)
_MONTHLY: Final = lazy(r"월세\s?계약|월세로|반전세|\bmonthly lease\b", re.I)


def read_choices(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the choice fields whose words the text uses; which of two is meant must be plain."""
    for spec in specs:
        if spec.type != "choice" or _jeonse_and_monthly(spec):
            continue
        hits = [hit for choice in spec.choices for hit in _hits(text, spec, choice)]
        if len({hit.value for hit in hits}) == 1:
            yield hits[0]


def read_lease_kind(
    text: str, specs: Sequence[FieldSpec], rent: Claim | None, no_rent: Label | None
) -> Iterator[Claim]:
    """전세 or 월세: a stated rent decides, then the absence of one, then the word."""
    for spec in specs:
        kinds = _jeonse_and_monthly(spec)
        if kinds is None:
            continue
        jeonse, monthly = kinds
        words = [match for match in _JEONSE.finditer(text) if not _REFUSED.match(text, match.end())]
        if rent is not None:
            if rent.value:
                yield Claim(spec.name, monthly, rent.start, rent.end, POSITIONED)
        elif match := _MONTHLY.search(text):
            if no_rent is None:
                yield Claim(spec.name, monthly, match.start(), match.end(), POSITIONED)
        elif words:
            yield Claim(spec.name, jeonse, words[0].start(), words[0].end(), LABELLED if no_rent else POSITIONED)
        elif no_rent is not None:
            yield Claim(spec.name, jeonse, no_rent.start, no_rent.end, POSITIONED)


def _jeonse_and_monthly(spec: FieldSpec) -> tuple[str, str] | None:
    by_label = {choice.label.get("ko", ""): choice.value for choice in spec.choices}
    return (by_label["전세"], by_label["월세"]) if {"전세", "월세"} <= by_label.keys() else None


def _hits(text: str, spec: FieldSpec, choice: Choice) -> Iterator[Claim]:
    own = {name for name in (choice.value, *choice.label.values()) if name}
    lowered = {name.lower() for name in own}
    alike = {word for kind, row in SAME if kind == "choice" and lowered & row for word in row}
    for name in sorted(own | alike):
        for match in occurrences(name, text):
            refused = _REFUSED.match(text, match.end()) or _denied(text, match.start())
            plain = name.lower() not in COMMON_CHOICES and "_" not in name
            if not refused and (plain or _beside_label(text, spec, match.start())):
                yield Claim(spec.name, choice.value, match.start(), match.end(), POSITIONED)


def _denied(text: str, start: int) -> bool:
    return re.search(r"\b(?:not|no|non)[\s-]$", text[max(0, start - 5) : start], re.I) is not None


def _beside_label(text: str, spec: FieldSpec, start: int) -> bool:
    before = text[max(0, start - 24) : start]
    return any(
        re.search(loose(name).pattern + r"(?:은|는|이|가|을|를)?\s?:?\s?$", before, re.I) for name in names_of(spec)
    )


# Yes or no, plain numbers, accounts.

_YES: Final = lazy(
    r"(?:은|는|이|가)?\s?[:：]?\s?(?:예|네|있음|있어|있습|포함|해당|적용|yes|true)(?![가-힣a-z]{3})", re.I
)
_NO: Final = lazy(
    r"(?:은|는|이|가)?\s?[:：]?\s?(?:아니오|아니요|없음|없어|없습|불포함|미포함|해당\s?없|no|false)(?![a-z])", re.I
)


def read_flags(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the yes-or-no fields, from the word right after their label."""
    for label in find_labels(text, specs, "bool"):
        for pattern, value in ((_NO, False), (_YES, True)):
            if label.fields and (match := pattern.match(text, label.end)):
                yield Claim(label.fields[0], value, label.start, match.end(), INFERRED)
                break


_NUMBER: Final = lazy(
    r"(?:은|는|이|가|을|를)?\s{0,2}[:：]?\s{0,2}(?:is\s|of\s|총\s|각\s)?(?P<number>\d{1,5}(?:\.\d{1,3})?)\s?(?P<unit>㎡|m2|제곱미터|통|부|일|days?|년|개)?"
    r"(?![0-9,])",
    re.I,
)


def read_numbers(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for whole and decimal numbers, right after their label; a unit must be the field's own."""
    by_name = {spec.name: spec for spec in specs}
    for kind in ("integer", "decimal"):
        for label in find_labels(text, specs, kind):
            match = _NUMBER.match(text, label.end)
            if match is None or not label.fields or is_none(text, label):
                continue
            number: Any = match["number"]
            if kind == "integer":
                if "." in number:
                    continue
                number = int(number)
            if _fits_limits(by_name[label.fields[0]], float(number)):
                span = match.span("number")
                yield Claim(label.fields[0], number, *span, LABELLED if match["unit"] else INFERRED)


def _fits_limits(spec: FieldSpec, number: float) -> bool:
    return (spec.minimum is None or number >= spec.minimum) and (spec.maximum is None or number <= spec.maximum)


_BANKS: Final = (
    r"(?:국민|신한|우리|하나|농협|기업|산업|수협|부산|대구|광주|전북|경남|제주|씨티|SC제일|아이엠)(?:은행)?|카카오\s?뱅크|토스\s?뱅크|케이\s?뱅크|새마을금고|신협|우체국|"
    r"[가-힣]{2,6}은행|[A-Z][A-Za-z]{1,12}\s[Bb]ank"
)
_ACCOUNT: Final = lazy(
    rf"(?P<bank>{_BANKS})\s?(?:계좌)?\s?(?P<number>\d[\d-]{{7,22}}\d)(?!\d)"
    r"(?:\s?[,(/]?\s?(?:예금주|명의|계좌주)?\s?[:：]?\s?(?P<holder>(?:\(주\)|㈜|주식회사\s)?[가-힣]{2,5})(?=\)|\s?$|[\s,.)]))?"
)


def read_accounts(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for a bank account: bank, number and holder, as one line."""
    field = next((spec.name for spec in specs if spec.type == "account"), None)
    if field is None:
        return
    for match in _ACCOUNT.finditer(text):
        parts = (match["bank"], match["number"], match["holder"])
        yield Claim(field, " ".join(part for part in parts if part), match.start(), match.end(), LABELLED)
