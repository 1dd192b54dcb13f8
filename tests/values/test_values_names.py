"""Names, and the particles around them."""

import unicodedata

import pytest

from octo_cli.values.found import Unreadable
from octo_cli.values.names import is_korean_name, is_organisation, josa, parse_name, split_particle


@pytest.mark.parametrize(
    "name",
    [
        "홍길동",
        "남궁민수",
        "Mary O'Neil",
        "Jean-Luc Müller",
        "주식회사 가나다",
        "㈜한빛",
        "(주)21세기전자",
        "Acme, Inc.",
        "K&P Ltd.",
        "山田太郎",
    ],
)
def test_people_and_organisations_have_names(name: str) -> None:
    assert parse_name(f"  {name} ") == name


def test_a_name_is_composed() -> None:
    assert parse_name(unicodedata.normalize("NFD", "홍길동")) == "홍길동"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("12345", "not_a_name"),
        ("홍\n길동", "not_a_name"),
        ("홍길동\x1b[31m", "not_a_name"),
        ("홍길동;", "not_a_name"),
        ("<b>홍</b>", "not_a_name"),
        ("김", "name_length"),
        ("", "name_length"),
        ("가" * 41, "name_length"),
    ],
)
def test_what_is_no_name_says_why(written: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_name(written)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("이지은", ("이지은", "")),
        ("이지은은", ("이지은", "은")),
        ("남궁민수로", ("남궁민수", "로")),
        ("남궁하은", ("남궁하은", "")),
        ("박서준이고", ("박서준", "이고")),
        ("정우성과", ("정우성", "과")),
        ("김철수는", ("김철수", "는")),
        ("김하은", ("김하은", "")),
        ("허준으로", ("허준", "으로")),
        ("허준은", ("허준은", "")),
        ("홍길동씨가", ("홍길동", "씨가")),
        ("이순신님께", ("이순신", "님께")),
        ("최수영입니다", ("최수영", "입니다")),
        ("Smith은", ("Smith", "은")),
        ("홍길동", ("홍길동", "")),
        ("", ("", "")),
    ],
)
def test_particles_come_off_and_names_stay_whole(word: str, split: tuple[str, str]) -> None:
    assert split_particle(word) == split


def test_everyday_words_are_no_names() -> None:
    assert all(map(is_korean_name, ["홍길동", "이지은", "허준", "남궁민수", "제갈공명"]))
    assert not any(map(is_korean_name, ["성함", "이번", "전화", "임차인", "보증금", "Smith", "김", "뷁뷁", "홍 길동"]))


def test_organisations_say_their_form() -> None:
    assert all(
        map(
            is_organisation,
            [
                "주식회사 가나다",
                "㈜한빛",
                "(주)한빛",
                "（주）한빛",
                "유한회사 나라",
                "Acme Inc.",
                "Foo LLC",
                "사단법인 봄",
            ],
        )
    )
    assert not any(map(is_organisation, ["홍길동", "John Smith", "Vincent Cole"]))


@pytest.mark.parametrize(
    ("word", "pair", "particle"),
    [
        ("홍길동", "은/는", "은"),
        ("김철수", "은/는", "는"),
        ("임대인", "이/가", "이"),
        ("보증금", "을/를", "을"),
        ("월세", "와/과", "와"),
        ("서울", "으로/로", "로"),
        ("부산", "으로/로", "으로"),
        ("제3", "은/는", "은"),
        ("제2", "은/는", "는"),
        ("7", "으로/로", "로"),
        ("10", "을/를", "을"),
        ("Smith", "은/는", "은(는)"),
        ("Smith", "으로/로", "(으)로"),
        ("가나다(대표 홍길동)", "이/가", "이"),
    ],
)
def test_a_word_asks_for_its_particle(word: str, pair: str, particle: str) -> None:
    assert josa(word, pair) == particle
