"""What a request is taken to be about, and how surely."""

import pytest

from octo_cli.reasoning.base import LOW_CONFIDENCE
from octo_cli.reasoning.intent import understand
from octo_cli.wire.work import Intent
from tests.reasoning.samples import LEASE, asked

PLAIN = [
    ("계약서를 작성해주세요", "contract"),
    ("임대차계약서 작성해줘", "contract"),
    ("임대차계약서", "contract"),
    ("임대차계약서랑 비밀유지계약서 작성해줘", "contract"),
    ("안녕하세요, 임대차계약서 하나 부탁해요", "contract"),
    ("계약서 좀 만들어줄래?", "contract"),
    ("근로계약서 써줘", "contract"),
    ("can you draft a lease for my flat?", "contract"),
    ("Draft an NDA between Acme and Beta", "contract"),
    ("보증금 5천에 월세 50 원룸 빌려주려고 해", "contract"),
    ("NDA 작성. 정보제공자 주식회사 소담, 정보수령자 김도현, 관할 서울중앙지방법원", "contract"),
    ("전세 보증금 2억에서 2억 1천으로 올려서 갱신하려고 합니다.", "contract"),
    ("파이썬에 대해 알려주세요", "search"),
    ("전세 계약 갱신하려면 어떻게 해?", "search"),
    ("전입신고는 언제까지 해야 하나요?", "search"),
    ("월세 얼마가 적당할까요?", "search"),
    ("임대차계약이 뭐야", "search"),
    ("계약서 작성할 때 주의할 점 알려줘", "search"),
    ("계약서 쓰지 말고 설명만 해줘", "search"),
    ("what is a jeonse lease?", "search"),
    ("how do I write a lease?", "search"),
    ("Is registration required for a lease?", "search"),
    ("안녕", "chat"),
    ("hello", "chat"),
    ("고마워요", "chat"),
    ("뭘 할 수 있어?", "chat"),
    ("what can you do", "chat"),
    ("계약서 쓰지 마", "chat"),
    ("don't draft anything yet", "chat"),
    ("시 한 편 써줘", "chat"),
    ("파이썬으로 퀵소트 짜줘", "code"),
    ("write a quicksort in Python", "code"),
    ("sales.csv 분석해줘", "data"),
    ("https://example.com/a 요약해줘", "web"),
    ("summarise https://example.com/a", "web"),
    ("웹에서 임대차보호법 찾아줘", "web"),
    ("오늘 날씨 어때?", "web"),
]
UNCLEAR = ["ㅁㄴㅇㄹ", "ㅁㄴㅇㄹ?", "asdf", "음", "그거 해줘", "그거 작성해줘", "!!!", "123", "집 좀 빌려주려고"]


@pytest.mark.parametrize(("text", "category"), PLAIN)
def test_plain_request_is_understood(text: str, category: str) -> None:
    intent = understand(asked(text))

    assert intent.category == category
    assert LOW_CONFIDENCE <= intent.confidence < 1


@pytest.mark.parametrize("text", UNCLEAR)
def test_unclear_request_has_low_confidence(text: str) -> None:
    assert understand(asked(text)).confidence < LOW_CONFIDENCE


def test_plain_order_names_the_word_that_decided() -> None:
    assert understand(asked("임대차계약서 작성해줘")) == Intent("contract", 0.93, ("임대차계약서",), "ko")


def test_search_names_its_topic() -> None:
    assert understand(asked("파이썬에 대해 알려주세요")).keywords == ("파이썬",)


def test_confidence_grows_with_evidence() -> None:
    texts = ["월세", "보증금과 월세", "보증금 5천만원에 월세", "임대차계약서", "임대차계약서 작성해줘"]
    grown = [understand(asked(text)).confidence for text in texts]

    assert grown == sorted(set(grown))


def test_confidence_shrinks_with_evidence_against() -> None:
    alone = understand(asked("임대차계약서 작성해줘")).confidence

    assert understand(asked("임대차보호법 찾아보고 임대차계약서 작성해줘")).confidence < alone


def test_change_is_an_edit_only_where_there_is_a_document() -> None:
    change = "월세를 55만원으로 바꿔줘"

    assert understand(asked(change, LEASE)).confidence > 0.8
    assert understand(asked(change)).confidence < LOW_CONFIDENCE


def test_what_a_person_chose_is_certain() -> None:
    intent = understand(asked("그거 해줘", chosen={"category": "search"}))

    assert (intent.category, intent.confidence) == ("search", 1.0)
    assert understand(asked("그거 해줘", chosen={"document_type": "nda"})).category == "contract"


def test_language_follows_the_text_and_else_the_request() -> None:
    assert understand(asked("draft a lease")).language == "en"
    assert understand(asked("123")).language == "ko"


def test_order_before_a_long_paste_still_counts() -> None:
    assert understand(asked("임대차계약서 작성해줘\n" + "가나다라 " * 20_000)).category == "contract"


@pytest.mark.parametrize("text", ["지급일을 말일로", "임대인 전화번호는 010-1234-5678", "월세 지급일은 25일입니다"])
def test_a_field_told_without_a_verb_is_an_edit(text: str) -> None:
    intent = understand(asked(text, LEASE))

    assert intent.category == "contract"
    assert intent.confidence >= LOW_CONFIDENCE


@pytest.mark.parametrize("text", ["임대인 전화번호는 뭐야?", "지급일이 25일이 지나면 어떻게 돼", "회의를 3시로"])
def test_a_question_or_another_matter_is_no_edit(text: str) -> None:
    assert understand(asked(text, LEASE)).category != "contract"
