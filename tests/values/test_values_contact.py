"""Phones, e-mail, addresses, business and account numbers, and the number nobody may keep."""

from collections.abc import Callable

import pytest

from octo_cli.values.contact import (
    find_addresses,
    find_emails,
    find_phones,
    has_rrn,
    mask_rrn,
    parse_address,
    parse_bank_account,
    parse_business_number,
    parse_email,
    parse_phone,
)
from octo_cli.values.found import Unreadable


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("02)555-1234", "02-555-1234"),
        ("01098765432", "010-9876-5432"),
        ("010 1234 5678", "010-1234-5678"),
        ("010.1234.5678", "010-1234-5678"),
        ("(031) 123-4567", "031-123-4567"),
        ("0212345678", "02-1234-5678"),
        ("+82 10-1234-5678", "010-1234-5678"),
        ("+82-(0)2-555-1234", "02-555-1234"),
        ("0502-1234-5678", "0502-1234-5678"),
        ("１５８８-1234", "1588-1234"),
        ("+1 415 555 1234", "+1-415-555-1234"),
    ],
)
def test_a_phone_is_written_with_hyphens(written: str, phone: str) -> None:
    assert parse_phone(written) == phone


def test_every_phone_of_a_sentence_is_found() -> None:
    sentence = (
        "임대인 연락처 010-1111-2222이고 임차인은 01033334444, 사무실은 02)777-8888로 주세요. 계좌 110-123-456789"
    )
    founds = find_phones(sentence)
    assert [found.value for found in founds] == ["010-1111-2222", "010-3333-4444", "02-777-8888"]
    assert all(sentence[found.start : found.end] == found.raw for found in founds)


def test_emails_are_found_without_the_words_around_them() -> None:
    founds = find_emails("메일은 hong.gd+lease@mail.example.co.kr이고 @멘션 a@b, 끝 kim@example.com.")
    assert [found.value for found in founds] == ["hong.gd+lease@mail.example.co.kr", "kim@example.com"]
    assert parse_email(" kim@example.com ") == "kim@example.com"


@pytest.mark.parametrize(
    ("sentence", "address"),
    [
        ("집은 대전광역시 유성구 대학로 99, 205동 1102호예요", "대전광역시 유성구 대학로 99, 205동 1102호"),
        ("경기도 성남시 분당구 판교역로 166 3층 사무실", "경기도 성남시 분당구 판교역로 166 3층"),
        ("주소: 서울 종로구 율곡로 99 (와룡동) 본관에 있는 방", "서울 종로구 율곡로 99 (와룡동)"),
        (
            "서울시 강남구 테헤란로7길 22 과학기술회관 1관 5층을 빌려요",
            "서울시 강남구 테헤란로7길 22 과학기술회관 1관 5층",
        ),
        ("경기 고양시 일산동구 중앙로 1261, 보증금 3천만원", "경기 고양시 일산동구 중앙로 1261"),
        ("부산 수영구 광안동 123-4번지 2층 전세 2억", "부산 수영구 광안동 123-4번지 2층"),
        ("수원시 영통구 광교중앙로248번길 7-2 201호로 정함", "수원시 영통구 광교중앙로248번길 7-2 201호"),
        ("서울 마포구 망원동 푸른아파트 101동 1203호 월세", "서울 마포구 망원동 푸른아파트 101동 1203호"),
        ("(04524) 서울 중구 세종대로 110에서", "(04524) 서울 중구 세종대로 110"),
        (
            "인천 남동구 인주대로 593, 12층 1201호(구월동, 봄빌딩)",
            "인천 남동구 인주대로 593, 12층 1201호(구월동, 봄빌딩)",
        ),
        ("경기 고양 일산동구 중앙로 1261입니다", "경기 고양 일산동구 중앙로 1261"),
        ("전남 순천시 조례면 신월리 산 12-3", "전남 순천시 조례면 신월리 산 12-3"),
        ("the flat at 123 Main Street, Apt 4 is free", "123 Main Street, Apt 4"),
        ("396 World Cup buk-ro, Mapo-gu, Seoul from March", "396 World Cup buk-ro, Mapo-gu, Seoul"),
    ],
)
def test_an_address_is_found_whole(sentence: str, address: str) -> None:
    (found,) = find_addresses(sentence)
    assert (found.value, found.note) == (address, None)
    assert sentence[found.start : found.end] == found.raw


def test_an_address_without_a_number_is_incomplete() -> None:
    (found,) = find_addresses("서울 마포구 망원동 원룸 구해요")
    assert (found.value, found.note) == ("서울 마포구 망원동", "incomplete_address")


@pytest.mark.parametrize(
    "sentence",
    [
        "보증금 5천에 월세로 50만원",
        "다시 월세로 45, 그대로 2년",
        "친구 홍길동 500",
        "임대인 홍길동 010-1234-5678",
        "2호선 강남역 3층",
        "서울에 있는 집을 구해요",
        "보증금으로 5000 전세로 20000",
    ],
)
def test_no_address_is_made_of_other_words(sentence: str) -> None:
    assert find_addresses(sentence) == []


def test_english_addresses_are_less_certain() -> None:
    (korean,), (english,) = find_addresses("서울 중구 세종대로 110"), find_addresses("123 Main Street")
    assert korean.confidence > english.confidence


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("주민번호 920101-1234567입니다", "주민번호 920101-1******입니다"),
        ("9201012234567", "920101-2******"),
        ("920101 - 1234567, 001231-3234567", "920101-1******, 001231-3******"),
        ("９２０１０１－１２３４５６７", "920101-1******"),
        ("외국인 850505-5123456", "외국인 850505-5******"),
    ],
)
def test_a_resident_number_is_masked_wherever_it_stands(text: str, masked: str) -> None:
    assert has_rrn(text)
    assert mask_rrn(text).translate({ord("９"): "9"}) == masked
    assert not has_rrn(mask_rrn(text))


def test_other_numbers_are_left_alone() -> None:
    text = "010-1234-5678, 123-45-67891, 991301-1234567, 920101-1******, 12345678901234567890"
    assert mask_rrn(text) == text


def test_a_business_number_has_a_check_digit() -> None:
    assert parse_business_number("1234567891") == parse_business_number("123-45-67891") == "123-45-67891"
    with pytest.raises(Unreadable) as refused:
        parse_business_number("123-45-67890")
    assert refused.value.reason == "business_number_checksum"


def test_a_bank_account_is_one_line() -> None:
    assert parse_bank_account(" 국민은행  123-45-678901\n홍길동 ") == "국민은행 123-45-678901 홍길동"


@pytest.mark.parametrize(
    ("parse", "written", "reason"),
    [
        (parse_phone, "010-123", "not_a_phone"),
        (parse_phone, "123-45-67890", "not_a_phone"),
        (parse_phone, "없음", "not_a_phone"),
        (parse_email, "a@b", "not_an_email"),
        (parse_email, "a..b@example.com", "not_an_email"),
        (parse_address, "집", "not_an_address"),
        (parse_address, "12345678", "not_an_address"),
        (parse_business_number, "12345", "not_a_business_number"),
        (parse_bank_account, "123-45-678901", "not_a_bank_account"),
        (parse_bank_account, "국민은행", "not_a_bank_account"),
    ],
)
def test_what_cannot_be_read_says_why(parse: Callable[[str], str], written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(written)
    assert refused.value.reason == reason
