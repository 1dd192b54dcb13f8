"""Dates, periods and days of the month: which is the start, the end, the term. `values.dates` reads them."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeVar

from octo_cli.reasoning.extraction.claims import LABELLED, POSITIONED, Claim
from octo_cli.reasoning.extraction.labels import Label, find_labels, is_none, kept_fields, names_of
from octo_cli.reasoning.extraction.room import Room
from octo_cli.reasoning.extraction.tying import Value, tie
from octo_cli.values.dates import find_dates, find_days, find_months, parse_date
from octo_cli.values.found import UNREAD, Found, Unreadable
from octo_cli.values.patterns import lazy
from octo_cli.wire.forms import FieldSpec

T = TypeVar("T")

_BREAK: Final = lazy(r"[\n;]|[.!?。]\s|\s/\s")


def read_dates(text: str, specs: Sequence[FieldSpec], today: date) -> Iterator[Claim]:
    """Claims for the date fields: by a label, by the payment they are the day of, by 부터 and 까지."""
    payments = list(_payment_labels(text, specs))
    named = (one for one in find_labels(text, specs, "date") if not (_is_payment(text, one, ()) and is_none(text, one)))
    labels = _without_overlaps([*named, *payments])
    values = _values(find_dates(text, today), text)
    bounds = _Bounds(text, specs)
    pairs = {
        value.start: label
        for label, value in tie(text, labels, values, _date_distance)
        if not (_is_payment(text, label, payments) and _is_apart(text, label, value, bounds))
    }
    kept = kept_fields(text, labels)
    births = _births(specs)
    for value, previous in zip(values, [None, *values], strict=False):
        label = pairs.get(value.start)
        labelled = _preferred(label.fields) if label else None
        bound = bounds.field_of(value, previous)
        # "계약은 3월 1일부터" tells when the term begins, not when the contract is made.
        if label and not (bound and _yields(labelled, bounds)):
            field, tied = labelled, LABELLED
        else:
            field, tied = bound or _signed(text, specs, value) or bounds.of_term(value), POSITIONED
        if field and field not in kept:
            claim = _claim(field, value, tied)
            yield _born(text, claim, today) if field in births else claim


_BIRTH_NAME: Final = lazy(r"(?:birth|birth_?date|birth_?day|date_of_birth)$")
_BIRTH_WORD: Final = lazy(r"생년월일|출생일|date of birth|birth ?date|birthday", re.I)
_YEAR: Final = lazy(r"[0-9]{4}|'?[0-9]{2}\s?(?:년|[./-])\s?[0-9]{1,2}\s?(?:월|[./-]\s?[0-9])")
NOT_A_BIRTH_DATE: Final = "not_a_birth_date"


def _births(specs: Sequence[FieldSpec]) -> set[str]:
    dates = (spec for spec in specs if spec.type == "date")
    return {
        spec.name
        for spec in dates
        if _BIRTH_NAME.search(spec.name) or any(_BIRTH_WORD.search(name) for name in names_of(spec))
    }


def _born(text: str, claim: Claim, today: date) -> Claim:
    """Nobody is born tomorrow: 45년 is 1945. Without a year it is no date of birth."""
    if claim.value is None:
        return claim
    written = text[claim.start : claim.end]
    if _YEAR.search(written):
        try:
            day = parse_date(written, today, past=True)
        except Unreadable:
            return claim._replace(value=None, read=UNREAD, note=NOT_A_BIRTH_DATE)
        if day <= today:
            return claim._replace(value=day.isoformat())
    return claim._replace(value=None, read=UNREAD, note=NOT_A_BIRTH_DATE)


_PAYMENTS: Final = lazy(r"(?:가?계약금|중도금|잔금)|(?:down|interim) payment|balance", re.I)


def _is_payment(text: str, label: Label, payments: Sequence[Label]) -> bool:
    return label in payments or (not label.fields and _PAYMENTS.fullmatch(text, label.start, label.end) is not None)


def _is_apart(text: str, label: Label, value: Value, bounds: "_Bounds") -> bool:
    """The date is not the day of the payment: "계약금 500만원, 2027년 3월 1일부터 2년" tells of the term."""
    if bounds.begins(value) or bounds.of_term(value):
        return True
    return "," in re.sub(r"(?<=\d),(?=\d{3})", "", text[label.end : value.anchor])


_SIGNED: Final = lazy(
    r"\s?(?:에|자로?)?\s?계약(?:을\s)?(?=\s?$|[,.]|\s?(?:하고|하며|하기로|합니다|할게|할\s|함|체결(?!일)|예정|진행))"
)


def _signed(text: str, specs: Sequence[FieldSpec], value: Value) -> str | None:
    """ "3월 15일에 계약하고": the day on which the contract is made."""
    if _SIGNED.match(text, value.end) is None:
        return None
    return next((spec.name for spec in specs if spec.type == "date" and "계약일" in names_of(spec)), None)


def _yields(field: str | None, bounds: "_Bounds") -> bool:
    return bounds.is_bound(field) or (field or "").startswith("contract")


def read_periods(text: str, specs: Sequence[FieldSpec]) -> Iterator[Claim]:
    """Claims for the period fields; a length nobody labelled is the term if the sentence says that it lasts."""
    labels = find_labels(text, specs, "period")
    values = _values(find_months(text), text)
    pairs = tie(text, labels, values, _period_distance)
    kept = kept_fields(text, labels)
    for label, value in pairs:
        field = _preferred(label.fields)
        if field and field not in kept:
            yield _claim(field, value, LABELLED)
    tied = {value.start for _, value in pairs}
    term = _term(specs)
    for value in values:
        if term and term not in kept and value.start not in tied and _lasts(text, value):
            yield _claim(term, value, POSITIONED)


def read_days(text: str, specs: Sequence[FieldSpec], room: Room) -> Iterator[Claim]:
    """Claims for the days of the month on which something is paid; dates are out of `room`."""
    labels = find_labels(text, specs, "day")
    fields = [spec.name for spec in specs if spec.type == "day"]
    if not fields:
        return
    values = _values([found for found in find_days(text) if room.is_free(found)], text)
    pairs = tie(text, labels, values, _period_distance)
    for label, value in pairs:
        if label.fields:
            yield _claim(label.fields[0], value, LABELLED)
    tied = {value.start for _, value in pairs}
    for value in values:
        if len(fields) == 1 and value.start not in tied and _is_paid(text, value):
            yield _claim(fields[0], value, POSITIONED)


def _claim(field: str, value: Value, tied: float) -> Claim:
    plain = value.value.isoformat() if isinstance(value.value, date) else value.value
    return Claim(field, plain, value.start, value.end, tied, value.note, value.confidence)


_CHANGED: Final = lazy(r",?\s?(?:에서|(?:이|가|은|는|을|를)?\s?(?:아니고|아니라|아니|아냐|말고)|대신에?|→|->|=>),?\s?")
_CHANGED_EN: Final = lazy(r"\s(?:to|→)\s|,?\sbut\s(?:rather\s)?(?:on\s|from\s)?", re.I)
_NOT_EN: Final = lazy(r"\bnot\s(?:on\s|from\s|for\s)?$", re.I)
_INTO: Final = lazy(r"\s?(?:으로|로)\s?(?:바꾸|바꿔|변경|옮|미루|미뤄|당겨|연장|늘|줄|조정|수정|해)")
_FROM: Final = lazy(r"\b(?:change|move|postpone|extend|shorten|update|reschedule)\b", re.I)


def _values(founds: Sequence[Found[T]], text: str) -> list[Value]:
    """Values in order; of "A에서 B로 바꿔" only B, standing where A stood. "A에서 B까지" is a range and keeps both."""
    values: list[Value] = []
    for found in founds:
        value = Value(found.start, found.end, found.start, found.value, found.confidence, found.note)
        if values and _replaces(text, values[-1], found):
            value = value._replace(anchor=values.pop().anchor, corrects=True)
        values.append(value)
    return values


def _replaces(text: str, previous: Value, found: Found[T]) -> bool:
    between = text[previous.end : found.start]
    if _CHANGED.fullmatch(between):
        return "에서" not in between or _INTO.match(text, found.end) is not None
    if change := _CHANGED_EN.fullmatch(between):
        if "but" in change[0]:
            return _NOT_EN.search(text[max(0, previous.anchor - 9) : previous.anchor]) is not None
        return _FROM.search(text[max(0, previous.anchor - 40) : previous.anchor]) is not None
    return False


class _Bounds:
    """Where a term begins and ends, from the words beside a date: 부터, 까지, "from", "until"."""

    _SINCE = lazy(r"\s?(?:부터|자로|[~∼])")
    _UNTIL = lazy(r"\s?까지|\s?(?:에\s)?(?:만기|만료|종료)")
    _SINCE_BEFORE = lazy(
        r"(?:\bfrom|\bstarting(?:\son|\sfrom)?|\bbeginning(?:\son)?|\bcommencing(?:\son)?|\beffective)\s(?:the\s)?$",
        re.I,
    )
    _UNTIL_BEFORE = lazy(r"(?:\buntil|\bthrough|\btill|\bends\son|\bending(?:\son)?)\s(?:the\s)?$", re.I)
    _RANGE = lazy(r"\s?(?:부터|에서)?\s?[~∼–-]?\s?|\s(?:to|through|until|till|-|–)\s(?:the\s)?", re.I)
    _PAYING = lazy(r"납부|지급|입금|내기|청구|송금|\bpa(?:y|id)|통지|해지|신고|수습", re.I)

    # From when an amount changes, not when the term begins: "goes up to 620,000 won from January".
    _CHANGES = lazy(r"(?:\bwon|원(?:으로|을|씩))\s(?:from\s|starting\s)?$", re.I)

    def __init__(self, text: str, specs: Sequence[FieldSpec]) -> None:
        dates = [spec.name for spec in specs if spec.type == "date"]
        self._text = text
        self._start = _first(dates, "start_date", "effective_date", "valid_from", "start")
        self._end = _first(dates, "end_date", "valid_to", "expiry_date", "end")

    _FOR_A_TERM = lazy(
        r"\s(?:\d{1,3}\s?(?:년|개월)|[일이삼]년)(?!\s?(?:전|후|뒤|내|이내|\d))|"
        r",?\sfor\s(?:a\s(?:period|term)\sof\s)?(?:\d{1,3}|an?|one|two|three|four|five)[\s-](?:year|month)",
        re.I,
    )

    def begins(self, value: Value) -> bool:
        """부터 or "from" stands beside the date, whatever begins then."""
        before = self._text[max(0, value.start - 24) : value.start]
        return self._SINCE.match(self._text, value.end) is not None or self._SINCE_BEFORE.search(before) is not None

    def of_term(self, value: Value) -> str | None:
        """The start, if a length follows the date: "2027년 3월 1일 2년", "March 1, 2027 for two years"."""
        return self._start if self._FOR_A_TERM.match(self._text, value.end) else None

    def is_bound(self, field: str | None) -> bool:
        return field is not None and field in (self._start, self._end)

    def field_of(self, value: Value, previous: Value | None) -> str | None:
        """The bound a date is; the second of "A부터 B" and "from A to B" is the end."""
        before = self._text[max(0, value.start - 24) : value.start]
        after = re.sub(r"^\s?(?:부터|까지)", "", self._text[value.end : value.end + 14])
        if self._CHANGES.search(before) or self._PAYING.search(before[-12:]) or self._PAYING.match(after.lstrip()):
            return None
        if self._UNTIL.match(self._text, value.end) or self._UNTIL_BEFORE.search(before):
            return self._end
        if self._SINCE.match(self._text, value.end) or self._SINCE_BEFORE.search(before):
            return self._start
        follows = previous is not None and self._RANGE.fullmatch(self._text, previous.end, value.start)
        if follows and previous is not None and self.field_of(previous, None) == self._start:
            return self._end
        return None


def _first(names: list[str], *endings: str) -> str | None:
    return next((name for ending in endings for name in names if name.endswith(ending)), None)


def _payment_labels(text: str, specs: Sequence[FieldSpec]) -> Iterator[Label]:
    """잔금 names the day of the balance as well, if there is a field for it: balance → balance_date."""
    won = [spec for spec in specs if spec.type == "won"]
    for spec in specs:
        stem = re.sub(r"_(?:date|on|day)$", "", spec.name)
        payments = [one for one in won if one.name == stem or one.name.startswith(f"{stem}_")]
        if spec.type == "date" and stem != spec.name and payments:
            for label in find_labels(text, payments[:1], "won"):
                if label.fields and not is_none(text, label):
                    yield Label(label.start, label.end, (spec.name,))


def _without_overlaps(labels: list[Label]) -> list[Label]:
    """The longer of two that overlap; a field's own before a decoy."""
    kept: list[Label] = []
    for label in sorted(labels, key=lambda label: (label.start, -label.end, not label.fields)):
        if not kept or label.start >= kept[-1].end:
            kept.append(label)
        elif label.end - label.start > kept[-1].end - kept[-1].start:
            kept[-1] = label
    return kept


_AMOUNT: Final = lazy(
    r"(?:금\s?)?[0-9][0-9,.억만천백십원 ]{0,24}원?|(?:금\s?)?[일이삼사오육칠팔구십백천만억]{2,12}\s?원정?"
)
_FOLLOWING: Final = lazy(
    r"\s?(?:에|날|일|부|자로|부로|자)?,?\s{0,2}|\s?(?:에는?|날에?)\s(?:꼭\s)?|\s(?:is\s(?:the|my)\s|as\s(?:the|my)\s)?"
)


def _date_distance(between: str, label_first: bool) -> float | None:
    if _BREAK.search(re.sub(r"(?<=\d)\.\s", " ", between)):
        return None
    if not label_first:
        return len(between) + 3 if _FOLLOWING.fullmatch(between) else None
    shorter = _AMOUNT.sub("", between)
    latin = sum(char.isascii() and char.isalpha() for char in shorter)
    if len(shorter) > (26 if latin * 2 > len(shorter) else 14):
        return None
    return (
        len(shorter) + (6.0 if "," in shorter.strip(" ,") else 0.0) + (4.0 if shorter.rstrip().endswith(",") else 0.0)
    )


_PERIOD_FOLLOWING: Final = lazy(r"\s?(?:의|짜리|간|동안|씩)?\s{0,2}|[\s-](?:of\s|as\s(?:the\s)?)?(?:a\s|the\s)?")


def _period_distance(between: str, label_first: bool) -> float | None:
    if _BREAK.search(between):
        return None
    if not label_first:
        return len(between) + 3 if _PERIOD_FOLLOWING.fullmatch(between) else None
    latin = sum(char.isascii() and char.isalpha() for char in between)
    if len(between) > (24 if latin * 2 > len(between) else 14) or re.search(r",(?!\d)", between):
        return None
    return float(len(between))


def _preferred(fields: tuple[str, ...]) -> str | None:
    """Of fields that share a label the start of the term, else the first."""
    return next((field for field in fields if field.startswith(("start", "effective"))), fields[0] if fields else None)


def _term(specs: Sequence[FieldSpec]) -> str | None:
    periods = [spec for spec in specs if spec.type == "period"]
    named = (spec.name for spec in periods if spec.name.startswith("term") or "계약기간" in names_of(spec))
    return next(named, None)


_LASTS_AFTER: Final = lazy(
    r"\s?(?:간|동안|짜리|단기|계약|살|거주|임대|임차|으로\s?(?:계약|연장|해|하|늘|줄|바꿔)|만\s?(?:계약|살|하|빌|있)|씩)|[\s-](?:lease|contract|term|agreement|nda)",
    re.I,
)
_LASTS_BEFORE: Final = lazy(
    r"(?:부터|까지|~)\s?(?:총|딱|약)?\s?$|\b(?:for|lasts?|valid for|runs? for|period of|lease of|"
    r"over)\s(?:a\s(?:period|term)\sof\s|another\s)?$",
    re.I,
)
_ELSE: Final = lazy(r"비밀|보관|보존|보증|수습|무상|\bsurviv|\bconfidential|\bwarranty|\bprobation|\bnotice", re.I)


def _lasts(text: str, value: Value) -> bool:
    before, after = text[max(0, value.start - 24) : value.start], text[value.end : value.end + 14]
    if _ELSE.search(after) or _ELSE.search(before[-10:]):
        return False
    if _LASTS_AFTER.match(after) or _LASTS_BEFORE.search(before):
        return True
    # A bare length that ends the request, or a piece of it: "2027년 3월 1일부터 2년", "…, 2년".
    return (
        re.search(r"(?:^|[,부터요])\s?$", before[-3:]) is not None
        and re.match(r"\s?(?:이야|이에요|입니다|요)?\s?(?:[,.]|$)", after) is not None
    )


_PAYING: Final = lazy(
    r"월세|차임|임대료|집세|방세|납부|입금|지급|이체|낼|내고|내는|내기|송금|급여|월급|\brent\b|\bpa(?:y|id)|\bdue\b|\binstal",
    re.I,
)
_NOT_PAYING: Final = lazy(r"(?:관리비|공과금|검침|utilities|잔금|중도금|계약금)\S{0,2}\s?$", re.I)


def _is_paid(text: str, value: Value) -> bool:
    """A day everybody writes for a payment (매월 25일), or one beside a word of paying."""
    before, after = text[max(0, value.start - 24) : value.start], text[value.end : value.end + 16]
    if _NOT_PAYING.search(before):
        return False
    if (
        re.match(r"매|every|each|the last", text[value.start : value.end], re.I)
        or "month" in text[value.start : value.end + 16]
    ):
        return True
    return _PAYING.search(before) is not None or _PAYING.search(after) is not None
