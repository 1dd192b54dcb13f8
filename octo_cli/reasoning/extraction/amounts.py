"""Won: which amount of a text is the deposit, which the rent. Units and numerals are read by `values.money`."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from octo_cli.reasoning.extraction.claims import LABELLED, POSITIONED, Claim
from octo_cli.reasoning.extraction.labels import Label, find_labels, is_none, kept_fields, names_of, was_before
from octo_cli.reasoning.extraction.room import Room
from octo_cli.reasoning.extraction.tying import Value, tie
from octo_cli.values.found import UNREAD, Found
from octo_cli.values.money import find_elliptic_won, find_won
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import FieldSpec

ELLIPTIC: Final = "elliptic_amount"
INCLUDED: Final = "included_in_rent"
SHARE: Final = 0.7  # reckoned from another amount of the text


def read_amounts(text: str, specs: Sequence[FieldSpec], room: Room) -> Iterator[Claim]:
    """Claims for the won fields, from what dates, phones, addresses and accounts left free."""
    labels = find_labels(text, specs, "won")
    rent = _field_called(specs, "월세")
    if rent:
        labels = _with_bare_monthly(text, labels, rent)
    values = _values(text, labels, room)
    pairs = tie(text, [label for label in labels if not _in_rent(text, label)], values, _distance)
    deposit = _field_called(specs, "보증금")
    claims = [*_labelled(text, specs, labels, pairs), *_none(text, specs, labels)]
    if deposit and rent:
        claims += _paired(text, values, pairs, (deposit, rent))
    yield from claims
    yield from _shares(text, specs, labels, claims)


def no_rent(text: str, specs: Sequence[FieldSpec]) -> Label | None:
    """Where the text says that there is no monthly rent."""
    rent = _field_called(specs, "월세")
    labels = (label for label in find_labels(text, specs, "won") if rent in label.fields)
    return next((label for label in labels if is_none(text, label)), None)


def _labelled(
    text: str, specs: Sequence[FieldSpec], labels: list[Label], pairs: list[tuple[Label, Value]]
) -> Iterator[Claim]:
    untouched = kept_fields(text, labels)
    for label, value in pairs:
        if not label.fields or label.fields[0] in untouched or is_none(text, label):
            continue
        if was_before(text, label) and not value.corrects:
            continue
        # "기존 월세 50만원에서 55만원으로" is about the rent, whatever field holds the former one.
        field = (_now(text, label, specs) if value.corrects else None) or label.fields[0]
        if _is_maintenance(text, label) and _is_included(text, label, value):
            value = value._replace(value=None, confidence=UNREAD, note=INCLUDED)
        yield _claim(field, value, LABELLED)


_MAINTENANCE: Final = lazy(r"(?:월\s?)?관리비|(?:maintenance|management) (?:fee|charge)s?|service charge", re.I)
_INCLUDED_AFTER: Final = lazy(r"\s?원?(?:을|를|이|가|은|는|도|까지)?\s?포함|,?\s(?:won\s)?(?:is\s)?included\b", re.I)
_INCLUDING: Final = lazy(r"\b(?:includ(?:es?|ing)|inclusive of)\s(?:an?\s|the\s|monthly\s)*$", re.I)


def _is_maintenance(text: str, label: Label) -> bool:
    return _MAINTENANCE.fullmatch(text, label.start, label.end) is not None


def _in_rent(text: str, label: Label) -> bool:
    """ "관리비 포함 60만원": the amount behind it is the rent's."""
    return _is_maintenance(text, label) and _INCLUDED_AFTER.match(text, label.end) is not None


def _is_included(text: str, label: Label, value: Value) -> bool:
    """The fee is a part of the rent: to be paid on top of it, it would be paid twice."""
    start, end = min(label.start, value.start), max(label.end, value.end)
    return (
        _INCLUDED_AFTER.match(text, end) is not None or _INCLUDING.search(text[max(0, start - 32) : start]) is not None
    )


_ABSENT: Final = lazy(
    r"\s?(?:은|는|이|가|을|를|도)?\s?[:：]?\s?(?:없이(?![가-힣])|없음|없고|없습니다|없어요?(?=\s?(?:$|[,.]))|"
    r"없다(?=\s?(?:$|[,.])))"
)
_ABSENT_EN: Final = lazy(r"(?:^|[,.;\n]\s?|\bwith )(?:no|without)\s(?:any\s)?$|\bwithout\s(?:an?\s|any\s)?$", re.I)
_MAY_BE_ABSENT: Final = frozenset(("보증금", "계약금"))


def _none(text: str, specs: Sequence[FieldSpec], labels: list[Label]) -> Iterator[Claim]:
    """ "계약금 없음" is an amount too: nothing. A rent of nothing is told by the kind of lease."""
    fields = {
        spec.name for spec in specs if spec.type == "won" and names_of(spec) & _MAY_BE_ABSENT and not spec.minimum
    }
    for label in labels:
        if not label.fields or label.fields[0] not in fields or was_before(text, label):
            continue
        if match := _ABSENT.match(text, label.end):
            yield Claim(label.fields[0], 0, label.start, match.end(), POSITIONED)
        elif _ABSENT_EN.search(text[max(0, label.start - 16) : label.start]) and re.match(
            r"\s?(?:$|[,.;])", text[label.end : label.end + 2]
        ):
            yield Claim(label.fields[0], 0, label.start, label.end, POSITIONED)


NOT_UNDERSTOOD: Final = "not_understood"
_PERCENT: Final = r"(?<![0-9.~∼-])(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,2})?)\s?(?:%|퍼센트|프로(?![가-힣])|percent\b)"
_SHARE_AFTER: Final = lazy(
    rf"(?:은|는|이|가|을|를)?\s?[:：]?\s?(?:(?:is|of)\s)?(?:(?:전체\s?)?(?:보증금|전세금)의?\s?)?{_PERCENT}"
    r"(?P<rest>\s?(?:이상|이하|이내|미만|초과|내외|정도|인상|증액|할인|[~∼-]))?",
    re.I,
)
_SHARE_BEFORE: Final = lazy(rf"{_PERCENT}(?P<rest>)(?:를|을)?\s(?:of the deposit as (?:the|a)\s)?$", re.I)
_SHARED: Final = frozenset(("계약금", "중도금"))


def _shares(text: str, specs: Sequence[FieldSpec], labels: list[Label], claims: Sequence[Claim]) -> Iterator[Claim]:
    """ "계약금 5%": that share of the deposit, if the text says how much the deposit is."""
    fields = {spec.name for spec in specs if spec.type == "won" and names_of(spec) & _SHARED}
    fields -= {claim.field for claim in claims}
    deposit = _field_called(specs, "보증금")
    deposits = {claim.value for claim in claims if claim.field == deposit}
    amount = next(iter(deposits)) if deposit and len(deposits) == 1 else None
    for label in labels:
        if not label.fields or label.fields[0] not in fields:
            continue
        offset = max(0, label.start - 48)
        match, start, end = _SHARE_AFTER.match(text, label.end), label.start, label.end
        if match is None and (match := _SHARE_BEFORE.search(text[offset : label.start])):
            start = offset + match.start()
        elif match:
            end = match.end()
        if match is None:
            continue
        share = Decimal(amount) * Decimal(match["percent"]) / 100 if amount and not match["rest"] else None
        if share is not None and share == int(share):
            yield Claim(label.fields[0], int(share), start, end, LABELLED, None, SHARE)
        else:
            yield Claim(label.fields[0], None, start, end, LABELLED, NOT_UNDERSTOOD, UNREAD)


def _claim(field: str, value: Value, tied: float) -> Claim:
    return Claim(field, value.value, value.start, value.end, tied, value.note, value.confidence)


_FORMER: Final = lazy(r"(?:기존|이전|종전|예전|갱신 전|old|previous|prior|former|current)\s?", re.I)


def _now(text: str, label: Label, specs: Sequence[FieldSpec]) -> str | None:
    former = _FORMER.match(text, label.start, label.end)
    return _field_called(specs, text[former.end() : label.end].lower()) if former else None


def _paired(
    text: str, values: list[Value], pairs: list[tuple[Label, Value]], fields: tuple[str, str]
) -> Iterator[Claim]:
    """500/45, 보증금 3000에 90: the second of a pair is the rent, the first the deposit."""
    by_value = {value: label for label, value in pairs}
    deposit, rent = fields
    for first, second in pairwise(values):
        if not _PAIR.fullmatch(text[first.end : second.anchor]):
            continue
        heads, tail = by_value.get(first), by_value.get(second)
        slashed = "/" in text[first.end : second.anchor]
        # In 2천/80 반전세 the word behind speaks of both.
        untold = tail is None or (slashed and tail.start >= second.end)
        if heads is None and slashed and untold:
            yield _claim(deposit, first, POSITIONED)
        if untold and (slashed if heads is None else deposit in heads.fields):
            yield _claim(rent, second, POSITIONED)


_PAIR: Final = lazy(r"\s?(?:원)?\s?(?:에|/)\s?(?:월세?\s?)?")
_MONTHLY: Final = lazy(
    r"(?<![가-힣0-9])(?:매\s?)?(?:월|달에|한\s?달에|다달이)(?=\s?[0-9일이삼사오육칠팔구십백]{1,9}(?:[^월일0-9]|$))"
)


_A_MONTH: Final = lazy(r"(?<=won)(?:\sa|\sper|\severy|\seach|/|\s/\s)\s?month(?:ly)?\b(?!\s(?:in|for|as|of)\b)", re.I)


def _with_bare_monthly(text: str, labels: list[Label], rent: str) -> list[Label]:
    """ "월 45", "한 달에 60만원" and "650,000 won a month" name the rent too."""
    named = Room(text, labels)
    matches = (match for pattern in (_MONTHLY, _A_MONTH) for match in pattern.finditer(text))
    monthly = (Label(match.start(), match.end(), (rent,)) for match in matches)
    return sorted([*labels, *(label for label in monthly if named.is_free(label))])


def _values(text: str, labels: list[Label], room: Room) -> list[Value]:
    text = _without_only(text, labels)
    said = [found for found in find_won(text) if room.is_free(found)]
    left = room.without(said)
    unsaid = [found for found in find_elliptic_won(text) if left.is_free(found)]
    founds = sorted([*said, *unsaid], key=lambda found: found.start)
    trusted = {found.start for found in said} | _near_labels(text, labels, founds)
    whole = [_bounded(text, found) for found in founds if found.start in trusted and not _is_step(text, found)]
    return _corrected(text, labels, whole)


_LIMIT_AFTER: Final = lazy(
    r"\s?원?\s?(?:이하|이상|미만|초과|이내|까지|안쪽|안으로|사이|or less|or more|at most|maximum)", re.I
)
_LIMIT_BEFORE: Final = lazy(
    r"\b(?:at most|(?<!goes )(?<!go )(?<!went )up to|at least|under|over|below|above|between|less than|more than|max)"
    r"\s$",
    re.I,
)


def _bounded(text: str, found: Found[int]) -> Found[int]:
    """A limit is no amount: "30만원 이하", "up to 500,000 won"."""
    before = text[max(0, found.start - 12) : found.start]
    if _LIMIT_AFTER.match(text, found.end) or _LIMIT_BEFORE.search(before):
        return Found(None, found.start, found.end, found.raw, UNREAD, "amount_range")
    return found


_STEP_AFTER: Final = lazy(
    r"\s?원?(?:만|씩|을|를|정도|이나)?\s?(?:더|덜|올려|올리|올렸|인상|내려|내리|내렸|인하|깎|낮춰|낮추|줄여|줄이|늘려|증액|감액|추가|할인|빼)"
)
_STEP_BEFORE: Final = lazy(r"\b(?:by|another|extra|additional)\s$", re.I)


def _is_step(text: str, found: Found[int]) -> bool:
    """By how much something changes, not what it becomes: "5만원 올려서", "by 50,000 won"."""
    before = text[max(0, found.start - 12) : found.start]
    return _STEP_AFTER.match(text, found.end) is not None or _STEP_BEFORE.search(before) is not None


def _without_only(text: str, labels: list[Label]) -> str:
    """The text without 만 ("only") behind a label, which in "월세만 48만원" would read as ten thousand."""
    after = {label.end for label in labels if text.startswith("만 ", label.end)}
    return "".join(" " if place in after else char for place, char in enumerate(text)) if after else text


_ADJACENT: Final = lazy(
    r"(?:은|는|이|가|을|를|도|만|으로|로)?\s{0,2}[:：=]?\s{0,2}(?:금|총|약|딱|일단|월|만)?\s{0,2}|"
    r"\s?(?:to|is|of|at|=|will be|should be|shall be)?\s{1,2}(?:to\s)?"
)


def _near_labels(text: str, labels: list[Label], founds: list[Found[int]]) -> set[int]:
    """Where numbers without a unit may be amounts: right after a label, or paired with an amount or replacing one."""
    after = sorted(label.end for label in labels)
    accepted: set[int] = set()
    previous: Found[int] | None = None
    position = 0
    for found in founds:
        while position < len(after) and after[position] <= found.start:
            position += 1
        beside = position > 0 and _ADJACENT.fullmatch(text, after[position - 1], found.start)
        follows = previous is not None and (
            _PAIR.fullmatch(text, previous.end, found.start) or _CHANGED.fullmatch(text, previous.end, found.start)
        )
        slashed = re.match(r"\s?/\s?\d", text[found.end : found.end + 3])
        chained = follows and previous is not None and (previous.start in accepted or previous.note != ELLIPTIC)
        if beside or chained or slashed:
            accepted.add(found.start)
        previous = found
    return accepted


# Between an amount and the one that replaces it.
_CHANGED: Final = lazy(
    r"\s?원?\s?,?\s?(?:에서|(?:이|가|은|는|을|를)?\s?(?:아니고|아니라|말고)|아니|아냐|아니다|아뇨|정정|말고|아니고|아니라|대신에?|보다는|→|->|=>|(?:이었|였|인|이)?(?:는데|데|지만)|이?\s?아니고)"
    r",?\s?(?:이제|지금은|이번엔|앞으로)?\s?",
)
_CHANGED_EN: Final = lazy(
    r"\s(?:won\s)?(?:to|but(?:\srather)?|→)\s|,?\s(?:no|sorry|wait|actually|i mean|or rather|rather)[,\s]\s?", re.I
)
_CHANGING: Final = lazy(r"\b(?:from|change|raise|lower|increase|reduce|move|update|extend|not|cut)\b", re.I)


def _corrected(text: str, labels: list[Label], founds: list[Found[int]]) -> list[Value]:
    """Values with what they replace folded into them: of "A에서 B로" only B is left, standing where A stood."""
    starts = [label.start for label in labels]
    values: list[Value] = []
    previous: Value | None = None
    for found in founds:
        value = Value(found.start, found.end, found.start, found.value, found.confidence, found.note)
        unnamed = previous is not None and bisect(starts, found.start) == bisect(starts, previous.end)
        if previous is not None and unnamed and _replaces(text, previous, found):
            values.pop()
            value = value._replace(anchor=previous.anchor, corrects=True)
        values.append(value)
        previous = value
    return values


def _replaces(text: str, previous: Value, found: Found[int]) -> bool:
    between = text[previous.end : found.start]
    if _CHANGED.fullmatch(between):
        weak = re.search(r"(?:데|지만)", between)
        return weak is None or re.match(r"\s?원?(?:으로|로)", text[found.end : found.end + 4]) is not None
    if change := _CHANGED_EN.fullmatch(between):
        return (
            not re.search(r"to|but|→", change[0])
            or _CHANGING.search(text[max(0, previous.anchor - 40) : previous.anchor]) is not None
        )
    return False


_BREAK: Final = lazy(r"[\n;]|[.!?。]\s|\s/\s")
_FOLLOWING: Final = lazy(
    r"\s?(?:의|이|을|를|은|짜리)?\s{0,2}(?:월|총)?\s?|"
    r"\s?(?:won\s)?(?:(?:as|in|for|of|is|per month (?:in|as|of))\s)?(?:the\s|a\s|an\s|my\s|our\s)?(?:total\s|"
    r"refundable\s)?"
)


def _distance(between: str, label_first: bool) -> float | None:
    if _BREAK.search(between):
        return None
    if not label_first:
        return len(between) + 3 if _FOLLOWING.fullmatch(between) else None
    latin = sum(char.isascii() and char.isalpha() for char in between)
    if len(between) > (28 if latin * 2 > len(between) else 14):
        return None
    if re.search(r",(?!\d)", between) and not re.fullmatch(r"\s?[,:]\s?", between):
        return None
    joined = re.search(r"\band\b|\bwith\b|이고|하고|[가-힣][와과]\s|그리고|/", between)
    return len(between) + (8.0 if joined else 0.0)


def _field_called(specs: Sequence[FieldSpec], name: str) -> str | None:
    return next((spec.name for spec in specs if spec.type == "won" and name in names_of(spec)), None)
