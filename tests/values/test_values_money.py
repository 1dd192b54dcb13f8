"""Amounts of won, on sentences the patterns were not written from."""

import random
from decimal import Decimal

import pytest

from octo_cli.values.found import Unreadable
from octo_cli.values.money import LIMIT, find_elliptic_won, find_won, parse_won, show_won, won_reading


@pytest.mark.parametrize(
    ("written", "won"),
    [
        ("5천만원", 50_000_000),
        ("5,000만 원", 50_000_000),
        ("1억 2천", 120_000_000),
        ("3억5천", 350_000_000),
        ("오천만원", 50_000_000),
        ("50만", 500_000),
        ("500,000", 500_000),
        ("₩50,000,000", 50_000_000),
        ("KRW 500,000", 500_000),
        ("10 million won", 10_000_000),
        ("금 오천만원정 (₩50,000,000)", 50_000_000),
        ("삼백만", 3_000_000),
        ("1억2천만", 120_000_000),
        ("1.5억", 150_000_000),
        ("0", 0),
        ("2억 3,456만 7,890원", 234_567_890),
        ("십이만삼천원", 123_000),
        ("1조 2,000억", 1_200_000_000_000),
        ("３００만원", 3_000_000),
        ("500천원", 500_000),
        ("일금 일억일천만원정", 110_000_000),
        ("KRW 1.2 billion", 1_200_000_000),
        ("6억 500", 605_000_000),
        ("1만 5천원", 15_000),
        ("천 만원", 10_000_000),
    ],
)
def test_a_written_amount_is_its_number(written: str, won: int) -> None:
    assert parse_won(written) == won


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "not_won"),
        ("많이", "not_won"),
        ("1,00", "not_won"),
        ("0.5", "not_won"),
        ("3백5천", "not_won"),
        ("2억 12000만", "not_won"),
        ("5천만원 드림", "not_won"),
        ("-50만원", "negative"),
        ("마이너스 3만원", "negative"),
        ("$1,200", "foreign_currency"),
        ("1만 달러", "foreign_currency"),
        ("500 EUR", "foreign_currency"),
        ("9999조", "too_large"),
        ("1" * 1000, "too_large"),
        ("5천만원 (₩5,000)", "two_amounts"),
        ("1억 2천원", "ambiguous_won"),
    ],
)
def test_what_is_no_amount_of_won_says_why(written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_won(written)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("sentence", "amounts"),
    [
        ("전세금은 2억 7천만원이고 계약금으로 2,700만원 먼저 드릴게요", [270_000_000, 27_000_000]),
        ("권리금 없이 보증금2천만원에 월세150만원", [20_000_000, 1_500_000]),
        ("보증금오천만원 월세오십오만원", [50_000_000, 550_000]),
        ("매매가 12억 4,900만, 융자 3억 있음", [1_249_000_000, 300_000_000]),
        ("deposit is 10 million won and rent KRW 450,000", [10_000_000, 450_000]),
        ("₩30,000,000 down, ₩70,000,000 on handover", [30_000_000, 70_000_000]),
        ("전세 1억 이천시 부발읍", [100_000_000]),
        ("보증금 1억 이 집 계약서", [100_000_000]),
        ("보증금 3천만 원룸 월 40만", [30_000_000, 400_000]),
        ("일금 삼천오백만원정을 받았음", [35_000_000]),
        ("월 55만원씩, 관리비 7만 5천원은 별도", [550_000, 75_000]),
        ("시급 10,030원, 주 5일, 4대보험", [10_030]),
        ("임대료를 1억에서 1억1천으로", [100_000_000, 110_000_000]),
        ("이만 줄입니다. 천만에요, 조만간 봬요", []),
        ("인구 5만 명, 면적 3만㎡, 민법 623조, 제10조 1항", []),
        ("수백만원을 들여 고쳤다", []),
        ("계약서 2부, 2027년 3월 1일, 010-2000-3000", []),
    ],
)
def test_amounts_with_a_unit_are_found_in_a_sentence(sentence: str, amounts: list[int]) -> None:
    founds = find_won(sentence)
    assert [found.value for found in founds] == amounts
    assert all(sentence[found.start : found.end] == found.raw for found in founds)


@pytest.mark.parametrize(
    ("sentence", "note"),
    [
        ("rent is $1,200 a month", "foreign_currency"),
        ("보증금은 3만 불로 합시다", "foreign_currency"),
        ("월세 50~60만원 생각해요", "amount_range"),
        ("보증금 1억 2천원", "ambiguous_amount"),
        ("손해배상 9999조원", "too_large"),
    ],
)
def test_an_amount_that_cannot_be_taken_is_found_without_a_value(sentence: str, note: str) -> None:
    (found,) = find_won(sentence)
    assert (found.value, found.note, found.confidence) == (None, note, 0)


@pytest.mark.parametrize(
    ("sentence", "amounts"),
    [
        ("보증금 500에 월 45", [5_000_000, 450_000]),
        ("1000/65 투룸 계약", [10_000_000, 650_000]),
        ("월세 70으로", [700_000]),
        ("보증금을 5천에서 4천5백으로 낮춰줘", [50_000_000, 45_000_000]),
        ("천에 육십으로 계약해요", [10_000_000, 600_000]),
        ("보증금 1억/50", [500_000]),
        ("보증금 20000000 월세 800000", [20_000_000, 800_000]),
        ("보증금 5천만원에 월세 50만원", []),
        ("12/25 입주, 24개월, 101동 1203호, 30%", []),
        ("성함은 이지은이고 연락처는 010 으로", []),
        ("call 010-1234-5678 about 3 rooms", []),
    ],
)
def test_bare_numbers_mean_ten_thousands(sentence: str, amounts: list[int]) -> None:
    founds = find_elliptic_won(sentence)
    assert [found.value for found in founds] == amounts
    assert all(found.note == "elliptic_amount" and found.confidence <= 0.7 for found in founds)


def test_more_explicit_writing_is_more_certain() -> None:
    (said,), (unsaid,) = find_won("3억 5천만원"), find_won("3억5천")
    (bare,) = find_elliptic_won("월세 70")
    assert said.value == unsaid.value == 350_000_000
    assert said.confidence > unsaid.confidence > bare.confidence
    assert (said.note, unsaid.note) == (None, "elliptic_amount")


@pytest.mark.parametrize(
    ("won", "reading"),
    [
        (50_000_000, "오천만"),
        (10_000_000, "일천만"),
        (100_000_000, "일억"),
        (1_500_000, "일백오십만"),
        (110_000, "일십일만"),
        (123_456_789, "일억이천삼백사십오만육천칠백팔십구"),
        (1_000_000_000_001, "일조일"),
        (0, "영"),
    ],
)
def test_a_contract_reads_every_one_aloud(won: int, reading: str) -> None:
    assert won_reading(won) == reading


def test_reading_and_number_go_round() -> None:
    chance = random.Random(20261121)
    for _ in range(5000):
        won = chance.randrange(1, 10 ** chance.randrange(1, 15))
        assert parse_won(f"금 {won_reading(won)}원정") == won
        assert parse_won(show_won(won, "ko")) == won
        assert parse_won(show_won(won, "en")) == won


def test_an_amount_is_shown_in_words_and_figures() -> None:
    assert show_won(50_000_000, "ko") == "금 오천만원정 (₩50,000,000)"
    assert show_won(50_000_000, "en") == "KRW 50,000,000"
    assert show_won(0, "ko") == "0원"


def test_what_cannot_be_read_aloud_is_refused() -> None:
    for won in (-1, LIMIT + 1):
        with pytest.raises(Unreadable):
            won_reading(won)


def test_fractions_are_exact() -> None:
    assert parse_won("1.1억") == int(Decimal("1.1") * 10**8)
    assert parse_won("2.3천만") == 23_000_000
    assert parse_won("0.07억") == 7_000_000
