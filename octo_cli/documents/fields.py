"""The field types: how an answer becomes JSON, how JSON is shown. One table; how people write is `values`' matter.

Three forms of a value: *raw* (what was answered), *JSON* (what is stored, see `wire.forms.FieldValue`), and *live*
(what formulas and templates reckon with: dates and decimals instead of their texts).

A date's `minimum` and `maximum` count in days from today; one with a maximum of 0 or less, such as a birth date, lies
in the past: a year of two digits, or none, is the last such one.
"""

import re
from calendar import isleap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from octo_cli.i18n import LANGUAGES, Language, language_of
from octo_cli.values import contact, dates, money, names
from octo_cli.values.found import Unreadable, shorten
from octo_cli.values.text import clean, half_width, one_line
from octo_cli.wire.forms import FieldSpec

BLANK: Final = "____"


@dataclass(frozen=True)
class FieldType:
    """`example` shows what may be answered, by language."""

    read: Callable[[Any, date], Any]
    written: Callable[[Any, Language], str]
    example: Mapping[Language, str]

    def parse(self, raw: object, *, today: date) -> Any:
        """The JSON value of an answer, a text or JSON already; None for an empty text. Raises Unreadable."""
        if raw is None or (isinstance(raw, str) and not one_line(raw)):
            return None
        return self.read(raw, today)

    def show(self, value: Any, language: Language) -> str:
        """The value for a person; "" for a blank."""
        return "" if value is None else self.written(value, language)


def read(spec: FieldSpec, raw: object, *, today: date) -> Any:
    """The JSON value of an answer, within the field's choices and limits; None for an empty one. Raises Unreadable."""
    kind = _PAST_DATE if _lies_in_the_past(spec) else FIELD_TYPES[spec.type]
    value = kind.parse(raw, today=today)
    if value is None:
        return [] if spec.type == "list" and raw is not None else None
    if spec.type == "choice":
        return _chosen(spec, value)
    if spec.type in _COUNTED:
        _check_limits(spec, Decimal(value), value)
    if spec.type == "date":
        _check_limits(spec, Decimal((date.fromisoformat(value) - today).days), value)
    return value


def show(spec: FieldSpec, value: Any, language: Language) -> str:
    """A field's value for a person; "" for a blank."""
    for choice in spec.choices:
        if choice.value == value:
            return choice.label[language]
    return FIELD_TYPES[spec.type].show(value, language)


def accepted(spec: FieldSpec, language: Language) -> str:
    """What a field takes, without a word of prose: its choices' labels, or an example and its limits."""
    if spec.choices:
        return ", ".join(choice.label[language] for choice in spec.choices)
    own = spec.example if spec.type == "won" else example_of(spec, language)
    example = own or FIELD_TYPES[spec.type].example[language]
    bounds = (("≥", spec.minimum), ("≤", spec.maximum)) if spec.type in _COUNTED else ()
    limits = [f"{sign} {limit:,}" for sign, limit in bounds if limit is not None]
    return f"{example} ({', '.join(limits)})" if limits else example


def example_of(spec: FieldSpec, language: Language) -> str | None:
    """A field's own example, where it helps: a Korean name is no help in English; numbers read alike in both."""
    return None if spec.example and language == "en" and language_of(spec.example) == "ko" else spec.example


def is_blank(value: Any) -> bool:
    return value is None or value in ("", [])


def live(spec: FieldSpec, value: Any) -> Any:
    """What formulas and templates see of a JSON value."""
    if value is None or value == "":
        return None
    return _LIVE.get(spec.type, lambda json: json)(value)


def plain(value: Any) -> Any:
    """The JSON of a live value."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return list(value)  # a default's own list stays its own
    return str(value) if isinstance(value, Decimal) else value


# How each type reads.


def _text(raw: Any, _: date) -> str:
    return one_line(_string(raw))


def _long_text(raw: Any, _: date) -> str:
    return clean(_string(raw)).strip()


def _string(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise Unreadable("not_text", text=shorten(str(raw)))


def _of_text(parse: Callable[[str], Any]) -> Callable[[Any, date], Any]:
    return lambda raw, _: parse(_string(raw))


def _won(raw: Any, _: date) -> int:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return money.parse_won(_string(raw))


def _date(raw: Any, today: date) -> str:
    return dates.parse_date(_string(raw), today).isoformat()


def _past_date(raw: Any, today: date) -> str:
    """As `_date`, but what leaves the century or the year open is the last such day; 920101 is a date too."""
    text = re.sub(r"^([0-9]{2})([0-9]{2})([0-9]{2})$", r"\1-\2-\3", half_width(one_line(_string(raw))))
    day = dates.parse_date(text, today)
    if day > today and re.match(r"'?[0-9]{2}[^0-9]+[0-9]{1,2}[^0-9]+[0-9]", text):
        day = day.replace(year=day.year - 100)
    if day > today and _YEARLESS.fullmatch(text):
        earlier = (dates.parse_date(f"{year}-{day.month}-{day.day}", today) for year in _years_with(day, today))
        day = next(each for each in earlier if each <= today)
    return day.isoformat()


def _years_with(day: date, today: date) -> list[int]:
    """The years up to today's that have such a day, the last first."""
    leap = (day.month, day.day) == (2, 29)
    return [year for year in range(today.year, today.year - 9, -1) if not leap or isleap(year)]


def _integer(raw: Any, _: date) -> int:
    """A whole number; a unit may follow it (2통, 14 days)."""
    match = re.fullmatch(r"([+-]?[0-9][0-9,]{0,17})(?:\.0)?[ ]?[^\W\d]{0,8}", half_width(one_line(_string(raw))))
    if match is None:
        raise Unreadable("not_a_number", text=shorten(str(raw)))
    return int(match[1].replace(",", ""))


def _decimal(raw: Any, _: date) -> str:
    """A number as its shortest text, so that nothing is rounded; an area's unit may follow it."""
    text = re.sub(r"[ ]?(?:㎡|m²|m2|제곱미터)$", "", half_width(one_line(_string(raw))))
    # A comma groups thousands; where it may be a decimal point (84,97) it is asked again.
    text = text.replace(",", "") if re.fullmatch(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", text) else text
    try:
        number = Decimal(text)
    except InvalidOperation as exc:
        raise Unreadable("not_a_number", text=shorten(str(raw))) from exc
    if not number.is_finite() or abs(number) >= 10**15 or len(f"{number:f}") > 24:
        raise Unreadable("not_a_number", text=shorten(str(raw)))
    return f"{number:f}"


def _bool(raw: Any, _: date) -> bool:
    if isinstance(raw, bool):
        return raw
    answer = _YES_NO.get(_string(raw).strip().casefold())
    if answer is None:
        raise Unreadable("not_yes_or_no", text=shorten(str(raw)))
    return answer


def _list(raw: Any, today: date) -> list[str]:
    items = re.split(r"[\n;]", clean(raw)) if isinstance(raw, str) else raw
    if not isinstance(items, list | tuple):
        raise Unreadable("not_a_list", text=shorten(str(raw)))
    return [item for item in (_text(item, today) for item in items) if item]


def _chosen(spec: FieldSpec, answer: str) -> str:
    wanted = answer.casefold()
    for choice in spec.choices:
        if wanted in (choice.value.casefold(), *(label.casefold() for label in choice.label.values())):
            return choice.value
    raise Unreadable("not_a_choice", text=shorten(answer))


def _lies_in_the_past(spec: FieldSpec) -> bool:
    return spec.type == "date" and spec.maximum is not None and spec.maximum <= 0


def _check_limits(spec: FieldSpec, number: Decimal, value: Any) -> None:
    too_small = spec.minimum is not None and number < spec.minimum
    too_large = spec.maximum is not None and number > spec.maximum
    if too_small or too_large:
        raise Unreadable("out_of_range", text=shorten(str(value)))


# How each type is written.


def _as_it_is(value: Any, _: Language) -> str:
    return str(value)


def _show_won(value: int, language: Language) -> str:
    # What remains of a deposit can fall below zero while a person is still typing.
    return f"-{money.show_won(-value, language)}" if value < 0 else money.show_won(value, language)


def _show_date(value: str, language: Language) -> str:
    return dates.show_date(date.fromisoformat(value), language)


def _show_bool(value: bool, language: Language) -> str:
    return {"ko": ("아니오", "예"), "en": ("No", "Yes")}[language][bool(value)]


def _alike(example: str) -> dict[Language, str]:
    return dict.fromkeys(LANGUAGES, example)


def _show_list(value: list[str], _: Language) -> str:
    return "; ".join(value)


_YEARLESS: Final = re.compile(
    r"[0-9]{1,2} ?[월./-] ?[0-9]{1,2} ?일?\.?|[a-z]{3,9}\.? [0-9]{1,2}(?:st|nd|rd|th)?"
    r"|[0-9]{1,2}(?:st|nd|rd|th)?(?: of)? [a-z]{3,9}\.?",
    re.IGNORECASE,
)
_YES_NO: Final = {
    **dict.fromkeys(("예", "네", "yes", "true", "y", "1", "o"), True),
    **dict.fromkeys(("아니오", "아니요", "no", "false", "n", "0", "x"), False),
}
_COUNTED: Final = frozenset({"won", "integer", "decimal", "period"})
_LIVE: Final[Mapping[str, Callable[[Any], Any]]] = {"date": date.fromisoformat, "decimal": Decimal}

FIELD_TYPES: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "text": FieldType(_text, _as_it_is, {"ko": "전부", "en": "the whole"}),
        "longtext": FieldType(_long_text, _as_it_is, _alike("…")),
        "name": FieldType(
            _of_text(names.parse_name),
            _as_it_is,
            {"ko": "홍길동, 주식회사 가나다", "en": "Gildong Hong, Hankang Co."},
        ),
        "address": FieldType(
            _of_text(contact.parse_address),
            _as_it_is,
            {
                "ko": "서울특별시 마포구 월드컵북로 396, 101동 1203호",
                "en": "101-1203, 396 Worldcupbuk-ro, Mapo-gu, Seoul",
            },
        ),
        "phone": FieldType(_of_text(contact.parse_phone), _as_it_is, _alike("010-1234-5678")),
        "email": FieldType(_of_text(contact.parse_email), _as_it_is, _alike("hong@example.com")),
        "account": FieldType(
            _of_text(contact.parse_bank_account),
            _as_it_is,
            {"ko": "국민은행 000-00-0000-000 김영희", "en": "KB Kookmin Bank 000-00-0000-000 Younghee Kim"},
        ),
        "won": FieldType(_won, _show_won, {"ko": "5천만원, 50,000,000원", "en": "KRW 50,000,000"}),
        "integer": FieldType(_integer, lambda value, _: f"{value:,}", _alike("2")),
        "decimal": FieldType(_decimal, _as_it_is, _alike("84.97")),
        "date": FieldType(_date, _show_date, {"ko": "2027-03-01, 2027년 3월 1일", "en": "2027-03-01"}),
        "period": FieldType(_of_text(dates.parse_months), dates.show_months, {"ko": "2년, 24", "en": "2 years, 24"}),
        "day": FieldType(_of_text(dates.parse_day), dates.show_day, {"ko": "25, 말일", "en": "25, last"}),
        "bool": FieldType(_bool, _show_bool, {"ko": "예, 아니오", "en": "Yes, No"}),
        "choice": FieldType(_text, _as_it_is, _alike("")),
        "list": FieldType(_list, _show_list, _alike("…; …")),
    }
)
_PAST_DATE: Final = FieldType(_past_date, _show_date, _alike("1992-11-30"))
