"""Every field type: what it reads, what it refuses, how it shows a value."""

import re
from datetime import date
from typing import Any

import pytest

from octo_cli.documents import fields
from octo_cli.documents.catalog import Catalog
from octo_cli.documents.fields import FIELD_TYPES
from octo_cli.errors import InvalidAnswer
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.values.found import Unreadable
from octo_cli.wire.forms import Choice, FieldSpec, FieldValue

TODAY = date(2026, 11, 21)
TYPES = {
    *("text", "longtext", "name", "address", "phone", "email", "account"),
    *("won", "date", "period", "day", "integer", "decimal", "bool", "choice", "list"),
}
KIND = FieldSpec(
    "lease_kind",
    "choice",
    {"ko": "임대 유형", "en": "Kind"},
    choices=(
        Choice("monthly", {"ko": "월세", "en": "Monthly rent"}),
        Choice("jeonse", {"ko": "전세", "en": "Jeonse"}),
    ),
)


def test_the_table_has_every_type() -> None:
    assert set(FIELD_TYPES) == TYPES


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text", "  두   칸 ", "두 칸"),
        ("text", 3, "3"),
        ("longtext", "한 줄\r\n두 줄", "한 줄\n두 줄"),
        ("name", "홍길동", "홍길동"),
        ("won", "5천만원", 50000000),
        ("won", 50000000, 50000000),
        ("won", 5e7, 50000000),
        ("won", 0, 0),
        ("date", "2027년 3월 1일", "2027-03-01"),
        ("date", "오늘", "2026-11-21"),
        ("period", "2년", 24),
        ("period", 24, 24),
        ("day", "말일", "last"),
        ("day", 25, 25),
        ("integer", "2통", 2),
        ("integer", "1,000", 1000),
        ("integer", -3, -3),
        ("decimal", "84.97㎡", "84.97"),
        ("decimal", 84.97, "84.97"),
        ("decimal", "1,084.5", "1084.5"),
        ("decimal", "1E+3", "1000"),
        ("bool", "예", True),
        ("bool", "N", False),
        ("bool", False, False),
        ("list", "하나; 둘\n\n셋", ["하나", "둘", "셋"]),
        ("list", ["하나", " 둘 "], ["하나", "둘"]),
        ("phone", "01012345678", "010-1234-5678"),
        ("email", "hong@example.com", "hong@example.com"),
        ("account", "국민은행 123-45-678901 홍길동", "국민은행 123-45-678901 홍길동"),
        ("won", "", None),
        ("won", None, None),
        ("text", " \n", None),
    ],
)
def test_an_answer_is_read_by_its_type(kind: str, raw: object, value: Any) -> None:
    assert FIELD_TYPES[kind].parse(raw, today=TODAY) == value
    assert type(FIELD_TYPES[kind].parse(raw, today=TODAY)) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("won", "많이"),
        ("won", True),
        ("won", -1),
        ("won", 0.5),
        ("won", [1]),
        ("won", {"amount": 1}),
        ("date", "2027-02-30"),
        ("date", 20270301.5),
        ("period", "0"),
        ("day", "32"),
        ("integer", "둘"),
        ("integer", "1.5"),
        ("decimal", "NaN"),
        ("decimal", "84,97"),
        ("decimal", "1e400"),
        ("decimal", "넓음"),
        ("bool", "아마"),
        ("bool", 2),
        ("list", 3),
        ("list", [{}]),
        ("text", ["가"]),
        ("text", True),
        ("phone", "12"),
    ],
)
def test_an_answer_of_another_kind_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(Unreadable):
        FIELD_TYPES[kind].parse(raw, today=TODAY)


@pytest.mark.parametrize(
    ("kind", "value", "ko", "en"),
    [
        ("won", 50000000, "금 오천만원정 (₩50,000,000)", "KRW 50,000,000"),
        ("won", -1000, "-금 일천원정 (₩1,000)", "-KRW 1,000"),
        ("date", "2027-03-01", "2027년 3월 1일", "March 1, 2027"),
        ("period", 24, "24개월 (2년)", "24 months"),
        ("day", "last", "말일", "the last day"),
        ("bool", True, "예", "Yes"),
        ("list", ["가", "나"], "가; 나", "가; 나"),
        ("integer", 1000, "1,000", "1,000"),
        ("won", None, "", ""),
        ("bool", False, "아니오", "No"),
    ],
)
def test_a_value_is_shown_in_both_languages(kind: str, value: Any, ko: str, en: str) -> None:
    assert FIELD_TYPES[kind].show(value, "ko") == ko
    assert FIELD_TYPES[kind].show(value, "en") == en


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(TYPES - {"choice"}))
def test_each_example_is_read_by_its_own_type(kind: str, language: Language) -> None:
    written = FIELD_TYPES[kind].example[language]
    for example in [written] if kind in ("address", "list") else written.split(", "):
        assert FIELD_TYPES[kind].parse(example, today=TODAY) is not None


@pytest.mark.parametrize("raw", ["monthly", "MONTHLY", "월세", "monthly RENT", " 월세 "])
def test_a_choice_is_named_by_its_value_or_a_label(raw: str) -> None:
    assert fields.read(KIND, raw, today=TODAY) == "monthly"
    assert fields.show(KIND, "monthly", "ko") == "월세"


def test_an_emptied_list_is_an_empty_list_and_another_emptied_field_a_blank() -> None:
    lease = Catalog().find("lease")
    assert lease.parse("special_terms", "", TODAY) == []
    assert lease.parse("special_terms", None, TODAY) is None
    assert lease.parse("parking", "", TODAY) is None


@pytest.mark.parametrize(
    ("name", "raw", "ko", "en"),
    [
        ("lease_kind", "반전세", "월세, 전세", "Monthly rent, Jeonse"),
        ("temporary_use", "글쎄", "예, 아니오", "Yes, No"),
        ("copies", "0", "2 (≥ 1, ≤ 99)", "2 (≥ 1, ≤ 99)"),
        ("exclusive_area", "0.5", "84.97 (≥ 1)", "84.97 (≥ 1)"),
        ("deposit", "많이", "5천만원 (≥ 0)", "5천만원 (≥ 0)"),
        ("start_date", "언젠가", "2027-03-01", "2027-03-01"),
        ("tenant_birth", "내일", "1992-11-30", "1992-11-30"),
    ],
)
def test_a_refusal_names_the_field_the_value_and_what_is_accepted(name: str, raw: str, ko: str, en: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        Catalog().find("lease").parse(name, raw, TODAY)
    assert refused.value.code == "invalid_value"
    assert refused.value.values["field"] == name
    assert refused.value.values["value"] == raw
    assert refused.value.values["accepts"] == {"ko": ko, "en": en}


def test_no_refusal_in_korean_mixes_in_an_english_word() -> None:
    for card in Catalog().cards():
        for spec in Catalog().find(card.name).fields:
            words = re.findall("[A-Za-z]{2,}", fields.accepted(spec, "ko"))
            assert spec.type == "email" or words == [], spec.name
            assert spec.type == "won" or not re.search("[가-힣]", fields.accepted(spec, "en")), spec.name


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("1992-11-30", "1992-11-30"),
        ("'92.1.1", "1992-01-01"),
        ("30.5.1", "1930-05-01"),
        ("26.11.21", "2026-11-21"),
        ("26.11.22", "1926-11-22"),
        ("55년 3월 2일", "1955-03-02"),
        ("920101", "1992-01-01"),
        ("5월 1일", "2026-05-01"),
        ("12월 25일", "2025-12-25"),
        ("2월 29일", "2024-02-29"),
        ("December 25", "2025-12-25"),
        ("오늘", "2026-11-21"),
    ],
)
def test_a_birth_date_lies_in_the_past(raw: str, day: str) -> None:
    assert Catalog().find("lease").parse("tenant_birth", raw, TODAY) == day


@pytest.mark.parametrize("raw", ["2026-11-22", "내일", "내년 3월 1일", "2030-05-01", "tomorrow", "921301"])
def test_nobody_is_born_after_today(raw: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        Catalog().find("lease").parse("landlord_birth", raw, TODAY)
    assert refused.value.code == "invalid_value"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_shows_yes_and_a_period_in_words(language: Language) -> None:
    lease = Catalog().find("lease")
    values = {"temporary_use": FieldValue(True), "term_months": FieldValue(24), "korean_prevails": FieldValue(False)}
    shown = {field.name: field.display for field in lease.form(values, {}, language=language)}
    assert shown["temporary_use"] == {"ko": "예", "en": "Yes"}[language]
    assert shown["korean_prevails"] == {"ko": "아니오", "en": "No"}[language]
    assert shown["term_months"].startswith({"ko": "24개월", "en": "24 months"}[language])


def test_a_refusal_does_not_repeat_a_registration_number() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        Catalog().find("lease").parse("tenant_birth", "920101-1234567", TODAY)
    assert "1234567" not in repr(refused.value)


def test_an_unknown_field_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        Catalog().find("lease").parse("보증금", "1", TODAY)
    assert refused.value.code == "unknown_field"
    assert "deposit" in str(refused.value.values["known"])
