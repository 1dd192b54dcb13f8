"""Dates, periods and days of the month. The clock says 21 November 2026, a Saturday."""

from datetime import date, timedelta

import pytest

from octo_cli.values.dates import (
    Day,
    find_dates,
    find_days,
    find_months,
    months_between,
    parse_date,
    parse_day,
    parse_months,
    show_date,
    show_day,
    show_months,
    term_end,
)
from octo_cli.values.found import Unreadable

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2027-01-15", "2027-01-15"),
        ("2027.1.15", "2027-01-15"),
        ("2027. 1. 15.", "2027-01-15"),
        ("'27.1.15", "2027-01-15"),
        ("92.1.1", "1992-01-01"),
        ("20270115", "2027-01-15"),
        ("2027년 1월 15일", "2027-01-15"),
        ("２０２７년 １월 １５일", "2027-01-15"),
        ("1월 15일", "2027-01-15"),
        ("11월 21일", "2026-11-21"),
        ("2월 29일", "2028-02-29"),
        ("내년 3월 1일", "2027-03-01"),
        ("내후년 2월 말일", "2028-02-29"),
        ("오늘", "2026-11-21"),
        ("내일", "2026-11-22"),
        ("모레", "2026-11-23"),
        ("다음 달 10일", "2026-12-10"),
        ("다음달 말일", "2026-12-31"),
        ("다음 주 월요일", "2026-11-23"),
        ("이번 주 일요일", "2026-11-22"),
        ("2주 뒤", "2026-12-05"),
        ("사흘 후", "2026-11-24"),
        ("석 달 뒤", "2027-02-21"),
        ("March 1, 2027", "2027-03-01"),
        ("1 March 2027", "2027-03-01"),
        ("Feb. 3rd 2028", "2028-02-03"),
        ("next Monday", "2026-11-23"),
        ("in 2 weeks", "2026-12-05"),
        ("three months from now", "2027-02-21"),
        ("tomorrow", "2026-11-22"),
        ("25/12/2027", "2027-12-25"),
        ("12/25", "2026-12-25"),
    ],
)
def test_a_written_day_is_its_date(written: str, day: str) -> None:
    assert parse_date(written, TODAY).isoformat() == day


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "not_a_date"),
        ("곧", "not_a_date"),
        ("2027", "not_a_date"),
        ("2027-02-30", "impossible_date"),
        ("2월 30일", "impossible_date"),
        ("2027년 13월 1일", "impossible_date"),
        ("1066-10-14", "impossible_date"),
        ("3/4/2027", "ambiguous_date"),
    ],
)
def test_what_is_no_day_says_why(written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_date(written, TODAY)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("sentence", "days"),
    [
        ("2027년 4월 5일에 들어가서 2029년 4월 4일에 나와요", ["2027-04-05", "2029-04-04"]),
        ("2028년 3월 1일부터 5월 31일까지", ["2028-03-01", "2028-05-31"]),
        ("2027.12.1 ~ 2029.11.30", ["2027-12-01", "2029-11-30"]),
        ("잔금은 다음 주 금요일, 입주는 다음 달 1일", ["2026-11-27", "2026-12-01"]),
        ("계약은 오늘 하고 내년 2월 말일까지", ["2026-11-21", "2027-02-28"]),
        ("starts on 1 May 2027, signed tomorrow", ["2027-05-01", "2026-11-22"]),
        ("from March 1st, 2027 through April 30, 2028", ["2027-03-01", "2028-04-30"]),
        ("12/20부터 살고 싶어요", ["2026-12-20"]),
        ("매달 25일, 주 5일, 30일간, 말일", []),
        ("010-1234-5678, 123-45-67890, 500/45, 3.5톤, 민법 635조 2항", []),
        ("안내일정은 나중에 알려 드릴게요", []),
        ("차임은 매월 20일 후불, 20일 후에 입주", ["2026-12-11"]),
    ],
)
def test_days_are_found_in_a_sentence(sentence: str, days: list[str]) -> None:
    founds = find_dates(sentence, TODAY)
    assert [found.value and found.value.isoformat() for found in founds] == days
    assert all(sentence[found.start : found.end] == found.raw for found in founds)


def test_a_day_that_cannot_be_is_found_without_a_value() -> None:
    impossible, ambiguous = find_dates("2027년 2월 30일 또는 3/4/2027", TODAY)
    assert (impossible.value, impossible.note) == (None, "impossible_date")
    assert (ambiguous.value, ambiguous.note) == (None, "ambiguous_date")


@pytest.mark.parametrize(
    ("written", "months"),
    [
        ("2년", 24),
        ("24개월", 24),
        ("1년 6개월", 18),
        ("2년6개월", 30),
        ("일년", 12),
        ("일년 반", 18),
        ("반년", 6),
        ("두 달", 2),
        ("열두 달", 12),
        ("십팔개월", 18),
        ("2년간", 24),
        ("1.5년", 18),
        ("2 years", 24),
        ("18 months", 18),
        ("a year and a half", 18),
        ("two years and six months", 30),
        ("24", 24),
    ],
)
def test_a_written_period_is_its_months(written: str, months: int) -> None:
    assert parse_months(written) == months


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2주", "not_a_period"),
        ("", "not_a_period"),
        ("2년 계약", "not_a_period"),
        ("0", "period_out_of_range"),
        ("101년", "period_out_of_range"),
    ],
)
def test_what_is_no_period_says_why(written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_months(written)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("sentence", "months"),
    [
        ("내년 3월 1일부터 2년 6개월 살게요", [30]),
        ("2년 전세인데 수습은 석 달", [24, 3]),
        ("계약 만료 2개월 전에 알려야 하고 2개월분 차임", []),
        ("2027년 3월부터, 27년 4월까지", []),
        ("3년 이내, 5년차, 이달 말, 1년에 두 번, 매 2년마다", []),
        ("a two-year lease, then 6 months' extension", [24, 6]),
        ("within 2 months, 3 years ago", []),
        ("İSTANBUL lease: Two Years And Six Months", [30]),
        ("기간만 3년으로 연장해줘", [36]),
        ("18 months from 2027-04-01, not 18 months from now", [18]),
    ],
)
def test_periods_are_found_in_a_sentence(sentence: str, months: list[int]) -> None:
    founds = find_months(sentence)
    assert [found.value for found in founds] == months
    assert all(sentence[found.start : found.end] == found.raw for found in founds)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-03-01", 24, "2028-02-29"),
        ("2027-01-31", 1, "2027-02-28"),
        ("2027-03-01", 24, "2029-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2027-12-15", 1, "2028-01-14"),
    ],
)
def test_a_term_ends_the_day_before(start: str, months: int, end: str) -> None:
    assert term_end(date.fromisoformat(start), months) == date.fromisoformat(end)
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == months


def test_every_term_counts_back_to_its_months() -> None:
    for offset in range(0, 1500, 7):
        start = date(2026, 1, 1) + timedelta(days=offset)
        for months in (1, 2, 11, 12, 24, 36):
            assert months_between(start, term_end(start, months)) == months


def test_no_months_lie_between_days_that_make_no_term() -> None:
    assert months_between(date(2027, 3, 1), date(2027, 3, 15)) is None
    assert months_between(date(2027, 3, 1), date(2026, 3, 1)) is None


def test_a_term_without_length_is_refused() -> None:
    for months in (0, -3, 1201):
        with pytest.raises(Unreadable):
            term_end(TODAY, months)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("25일", 25),
        ("매월 25일", 25),
        ("31", 31),
        ("말일", "last"),
        ("매달 말일", "last"),
        ("월말", "last"),
        ("the 5th", 5),
        ("22nd of each month", 22),
        ("last day", "last"),
        ("the last day of the month", "last"),
        ("last", "last"),
    ],
)
def test_a_written_day_of_the_month(written: str, day: Day) -> None:
    assert parse_day(written) == day


@pytest.mark.parametrize(
    ("written", "reason"), [("32일", "day_out_of_range"), ("0", "day_out_of_range"), ("아무 때나", "not_a_day")]
)
def test_what_is_no_day_of_the_month_says_why(written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_day(written)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("sentence", "days"),
    [
        ("월세는 매달 10일에 보낼게요", [10]),
        ("차임은 매월 말일 지급", ["last"]),
        ("말일에 입금, 선불", ["last"]),
        ("rent is due on the 5th", [5]),
        ("payable on the last day of each month", ["last"]),
        ("지급일은 25일로", [25]),
        ("다음 달 10일, 3월 15일, 2027년 4월 말일", []),
        ("주 5일 근무, 30일 이내, 7일간", []),
        ("on the 5th of March", []),
    ],
)
def test_days_of_the_month_are_found_in_a_sentence(sentence: str, days: list[Day]) -> None:
    assert [found.value for found in find_days(sentence)] == days


def test_each_is_shown_in_both_languages() -> None:
    assert show_date(date(2027, 1, 15), "ko") == "2027년 1월 15일"
    assert show_date(date(2027, 1, 15), "en") == "January 15, 2027"
    assert [show_months(months, "ko") for months in (24, 18, 6)] == ["24개월 (2년)", "18개월 (1년 6개월)", "6개월"]
    assert [show_months(months, "en") for months in (24, 1)] == ["24 months", "1 month"]
    assert [show_day(day, "ko") for day in (25, "last")] == ["25일", "말일"]
    shown = [show_day(day, "en") for day in (1, 2, 3, 11, 12, 13, 21, 25, "last")]
    assert shown == [
        "the 1st",
        "the 2nd",
        "the 3rd",
        "the 11th",
        "the 12th",
        "the 13th",
        "the 21st",
        "the 25th",
        "the last day",
    ]


def test_what_is_shown_can_be_read_again() -> None:
    for offset in range(0, 800, 11):
        day = TODAY + timedelta(days=offset)
        assert parse_date(show_date(day, "ko"), TODAY) == parse_date(show_date(day, "en"), TODAY) == day
    for number in range(1, 32):
        assert parse_day(show_day(number, "ko")) == parse_day(show_day(number, "en")) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45년 3월 5일", date(1945, 3, 5)),
        ("45.3.5", date(1945, 3, 5)),
        ("'26.12.31", date(1926, 12, 31)),
        ("26.1.5", date(2026, 1, 5)),
        ("12월 31일", date(2025, 12, 31)),
        ("2월 29일", date(2024, 2, 29)),
        ("December 31", date(2025, 12, 31)),
        ("2030-01-01", date(2030, 1, 1)),
        ("1990년 3월 5일", date(1990, 3, 5)),
    ],
)
def test_date_of_birth_is_in_the_past(text: str, expected: date) -> None:
    assert parse_date(text, date(2026, 11, 21), past=True) == expected
