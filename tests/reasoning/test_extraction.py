"""What is read out of a sentence, what is only marked, and what is left alone."""

import time
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest

from octo_cli.documents.catalog import Catalog
from octo_cli.reasoning.extraction import extract
from octo_cli.wire.forms import FieldSpec, Proposal
from tests.reasoning.samples import asked, spec

LEASE = Catalog().find("lease").fields
NDA = Catalog().find("nda").fields


def read(text: str, fields: tuple[FieldSpec, ...] = tuple(LEASE)) -> Mapping[str, Proposal]:
    proposals = extract(asked(text), fields)
    assert len({one.field for one in proposals}) == len(proposals)
    assert all(text[slice(*one.span)] == one.raw for one in proposals)
    assert all(0 <= one.confidence <= 1 for one in proposals)
    return {one.field: one for one in proposals}


def values(text: str, fields: tuple[FieldSpec, ...] = tuple(LEASE)) -> dict[str, Any]:
    return {name: one.value for name, one in read(text, fields).items()}


def test_the_main_sentence() -> None:
    text = "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년"

    assert values(text) == {
        "deposit": 50_000_000,
        "rent_amount": 500_000,
        "lease_kind": "monthly",
        "tenant_name": "홍길동",
        "start_date": "2027-03-01",
        "term_months": 24,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("월세는 매달 25일, 관리비 12만원 별도", {"payment_day": 25, "maintenance_fee": 120_000}),
        ("월세 없이 전세로 2억", {"lease_kind": "jeonse", "deposit": 200_000_000}),
        ("보증금은 그대로 두고 기간만 3년으로 연장", {"term_months": 36}),
        ("보증금을 5천만원에서 6천만원으로 올려줘", {"deposit": 60_000_000}),
        ("기존 월세 50만원에서 55만원으로", {"rent_amount": 550_000, "lease_kind": "monthly"}),
        ("월세 5만원만 올려줘", {}),
        ("보증금 5천만원, 아니 6천만원으로 해줘", {"deposit": 60_000_000}),
        ("3월 1일부터 2029년 2월 28일까지", {"start_date": "2027-03-01", "end_date": "2029-02-28"}),
        ("이지은이 집주인이야", {"landlord_name": "이지은"}),
        ("세입자 이름은 남궁민수로 바꿔줘", {"tenant_name": "남궁민수"}),
        ("landlord Mary O'Neil", {"landlord_name": "Mary O'Neil"}),
        (
            "임대인은 박서준이고 임차인은 주식회사 가나다(대표 이민호)입니다",
            {"landlord_name": "박서준", "tenant_name": "주식회사 가나다"},
        ),
        ("임차인 연락처는 010-1234-5678", {"tenant_phone": "010-1234-5678"}),
        ("특약: 반려동물 금지", {"special_terms": ["반려동물 금지"]}),
        ("특약으로 벽에 못 박지 않기 넣어줘", {"special_terms": ["벽에 못 박지 않기"]}),
    ],
)
def test_value_goes_to_its_field(text: str, expected: dict[str, Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "계약금 500만원, 2027년 3월 1일부터 2년",
        "계약금 500만원, 중도금 1000만원, 2027년 3월 1일부터 2년",
        "잔금 4500만원 2027년 3월 1일부터 2년",
        "계약금 없음, 2027년 3월 1일부터 2년",
        "잔금 4500만원, 2027년 3월 1일 2년간",
        "down payment 5 million won, from March 1, 2027 for two years",
        "down payment 5 million won from March 1, 2027 for two years",
    ],
)
def test_a_term_after_a_payment_is_not_the_day_of_the_payment(text: str) -> None:
    read_values = values(text)

    assert not {name for name in read_values if name.endswith("payment_date") or name == "balance_date"}
    assert read_values.get("start_date", "2027-03-01") == "2027-03-01"


def test_term_begins_after_a_payment() -> None:
    assert values("계약금 500만원, 2027년 3월 1일부터 2년")["start_date"] == "2027-03-01"


def test_a_payment_keeps_its_own_day() -> None:
    text = "계약금 500만원은 2027년 1월 5일, 잔금 4500만원(2027년 3월 1일)"

    assert values(text) == {
        "down_payment": 5_000_000,
        "down_payment_date": "2027-01-05",
        "balance": 45_000_000,
        "balance_date": "2027-03-01",
    }


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("보증금을 3천만원이 아니라 4천만원으로", "deposit", 40_000_000),
        ("월세를 55만원이 아니라 60만원으로 해줘", "rent_amount", 600_000),
        ("보증금 3천만원 말고 4천만원", "deposit", 40_000_000),
        ("the deposit is not 30 million won but 40 million won", "deposit", 40_000_000),
        ("시작일을 2027년 3월 1일이 아니라 2027년 4월 1일로 해줘", "start_date", "2027-04-01"),
        ("the start date is not March 1, 2027 but April 1, 2027", "start_date", "2027-04-01"),
        ("기간은 1년이 아니라 2년", "term_months", 24),
        ("임대인은 홍길동이 아니라 김철수입니다", "landlord_name", "김철수"),
        ("tenant is not John Smith but Jane Doe", "tenant_name", "Jane Doe"),
        ("임차인 연락처는 010-1111-2222가 아니라 010-3333-4444", "tenant_phone", "010-3333-4444"),
        ("임차할 부분은 1층이 아니라 2층으로 해줘", "leased_part", "2층"),
    ],
)
def test_not_this_but_that(text: str, field: str, value: object) -> None:
    assert values(text)[field] == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("계약금 없음, 보증금 5천만원", {"down_payment": 0, "deposit": 50_000_000}),
        ("계약금 없이 2027년 3월 1일에 입주", {"down_payment": 0, "start_date": "2027-03-01"}),
        ("보증금 없이 월세 50만원", {"deposit": 0, "rent_amount": 500_000, "lease_kind": "monthly"}),
        ("보증금이 없으면 계약하지 않습니다", {}),
        ("보증금 5천만원, 계약금 5%", {"deposit": 50_000_000, "down_payment": 2_500_000}),
        ("계약금은 보증금의 10%로 하고 보증금은 1억원", {"down_payment": 10_000_000, "deposit": 100_000_000}),
        ("10% down payment, deposit 100 million won", {"down_payment": 10_000_000, "deposit": 100_000_000}),
        ("보증금 5천만원, 계약금 10%인 600만원", {"deposit": 50_000_000, "down_payment": 6_000_000}),
        ("2층 201호만 임대", {"leased_part": "2층 201호"}),
        ("건물 중 1층만", {"leased_part": "1층"}),
        ("3층 건물입니다", {}),
        ("3월 15일 계약", {"contract_date": "2027-03-15"}),
        ("3월 15일에 계약하고 4월 1일에 입주", {"contract_date": "2027-03-15", "start_date": "2027-04-01"}),
        ("계약일은 2027년 3월 15일", {"contract_date": "2027-03-15"}),
        ("월세 60만원, 관리비 포함", {"rent_amount": 600_000, "lease_kind": "monthly"}),
        ("월세는 관리비 포함 60만원", {"rent_amount": 600_000, "lease_kind": "monthly"}),
        ("월세를 60만원으로 하고 특약은 그대로", {"rent_amount": 600_000, "lease_kind": "monthly"}),
        ("보증금과 월세는 그대로 두고 기간은 3년으로", {"term_months": 36}),
        ("임차인 생년월일 45년 3월 5일", {"tenant_birth": "1945-03-05"}),
        ("tenant date of birth March 5, 1990", {"tenant_birth": "1990-03-05"}),
    ],
)
def test_what_is_plainly_said_is_read(text: str, expected: dict[str, Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "field", "note"),
    [
        ("계약금 10%", "down_payment", "not_understood"),
        ("보증금 5천만원, 계약금 10% 이상", "down_payment", "not_understood"),
        ("월세 50만원(관리비 10만원 포함)", "maintenance_fee", "included_in_rent"),
        ("60만원에 관리비 5만원 포함", "maintenance_fee", "included_in_rent"),
        ("2천/80 반전세 계약서 써줘", "deposit", "conflicting"),
        ("rent 600,000 won including maintenance fee of 50,000 won", "maintenance_fee", "included_in_rent"),
        ("임차인 생년월일은 2030년 3월 5일", "tenant_birth", "not_a_birth_date"),
        ("임차인 생년월일은 3월 5일", "tenant_birth", "not_a_birth_date"),
    ],
)
def test_what_is_only_mentioned_is_marked(text: str, field: str, note: str) -> None:
    proposal = read(text)[field]

    assert (proposal.value, proposal.note) == (None, note)


@pytest.mark.parametrize(
    ("text", "items", "note"),
    [
        ("특약에 반려동물 금지 추가해줘", ["반려동물 금지"], "addition"),
        ("특약으로 벽에 못 박지 않기 넣어줘", ["벽에 못 박지 않기"], "addition"),
        ("특약에 '반려동물 금지'라고 적어줘", ["반려동물 금지"], "addition"),
        ("특약 추가: 반려동물 금지, 금연", ["반려동물 금지", "금연"], "addition"),
        ("특약에 계약금은 반환하지 않는다고 넣어줘", ["계약금은 반환하지 않는다"], "addition"),
        ("추가 특약: 금연", ["금연"], "addition"),
        ("특약 없음", [], None),
        ("특약: 금연", ["금연"], None),
        ("특약을 전부 빼줘", [], None),
        ("특약은 모두 삭제해줘", [], None),
    ],
)
def test_an_addition_to_a_list_says_so(text: str, items: list[str], note: str | None) -> None:
    proposal = read(text)["special_terms"]

    assert (proposal.value, proposal.note) == (items, note)


@pytest.mark.parametrize(
    "text", ["특약은 그대로 두고 주차 1대 추가해줘", "특약을 다 빼지 말고 두세요", "특약 없이 진행하면 안 되나요"]
)
def test_a_list_that_stays_is_left_alone(text: str) -> None:
    assert "special_terms" not in values(text)


@pytest.mark.parametrize(
    "name",
    [
        *("Nguyen Van An", "Tran Thi An", "John A. Smith", "Theresa May", "José García", "Nguyễn Văn An"),
        "Ludwig van Beethoven",
    ],
)
@pytest.mark.parametrize("text", ["임차인 {}, 보증금 5천만원", "임차인은 {}입니다", "tenant: {}", "{} is the tenant"])
def test_foreign_name_is_whole(text: str, name: str) -> None:
    assert values(text.format(name)).get("tenant_name") == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tenant John Smith May 1, 2027", "John Smith"),
        ("Tenant is John Smith. A deposit of 5 million won", "John Smith"),
        ("tenant John Smith Will pay", None),
        ("임차인 Иван", None),
    ],
)
def test_foreign_name_ends_where_it_ends(text: str, name: str | None) -> None:
    assert values(text).get("tenant_name") == name


@pytest.mark.parametrize(
    "text",
    [
        "임차인 이름 고쳐줘",
        "임대인 성함은 아직 몰라요",
        "임대인 동의 없이 전대할 수 없다",
        "임차인 본인이 직접 씁니다",
        "저는 임차인이에요",
        "임차인이 2개월 이상 월세를 연체하면 해지",
        "The landlord shall repair the roof",
        "25년 된 아파트",
        "2년 전에 지었어요",
        "옆집은 월세 80만원이래요",
    ],
)
def test_nothing_is_made_up(text: str) -> None:
    assert values(text) == {}


@pytest.mark.parametrize(
    ("text", "field", "value", "note"),
    [
        ("보증금 500에 월 45", "deposit", 5_000_000, "elliptic_amount"),
        ("보증금 500에 월 45", "rent_amount", 450_000, "elliptic_amount"),
        ("500/45 원룸", "rent_amount", 450_000, "elliptic_amount"),
        ("Rent is $1,200 per month", "rent_amount", None, "foreign_currency"),
        ("월세 30만원 이하로", "rent_amount", None, "amount_range"),
        ("월세 50만원, 월세 60만원", "rent_amount", None, "conflicting"),
        ("입주일은 2027년 2월 30일", "start_date", None, "impossible_date"),
        ("임차인은 김철수랑 이영희입니다", "tenant_name", None, "several_names"),
    ],
)
def test_doubtful_value_is_marked(text: str, field: str, value: object, note: str) -> None:
    proposal = read(text)[field]

    assert (proposal.value, proposal.note) == (value, note)
    assert proposal.confidence <= 0.5


def test_repeated_value_is_no_conflict() -> None:
    assert values("보증금 5천만원. 보증금은 50,000,000원")["deposit"] == 50_000_000


def test_phone_belongs_to_the_person_named_last() -> None:
    text = "임대인 김정호(연락처 010-9876-1234)와 임차인 서지우(연락처 010-1111-2222)"

    assert values(text) == {
        "landlord_name": "김정호",
        "landlord_phone": "010-9876-1234",
        "tenant_name": "서지우",
        "tenant_phone": "010-1111-2222",
    }


def test_nda_is_read_by_its_own_words() -> None:
    text = (
        "제공자: 주식회사 소담, 수령자: 김도현, 공동 개발 검토를 목적으로 2년간, "
        "계약 종료 후 3년 동안 비밀유지, 위약벌 5천만원, 상호"
    )

    assert values(text, tuple(NDA)) == {
        "disclosing_party": "주식회사 소담",
        "receiving_party": "김도현",
        "purpose": "공동 개발 검토",
        "term_months": 24,
        "survival_years": 3,
        "penalty": 50_000_000,
        "nda_kind": "mutual",
    }


def test_fields_never_seen_before_are_read_by_their_aliases() -> None:
    fields = (
        spec("base_wage", "won", "임금", "연봉"),
        spec("probation_months", "period", "수습 기간", "수습"),
        spec("start_date", "date", "근로 개시일", "입사일"),
        spec("pay_day", "day", "임금 지급일", "급여일"),
        spec("employee_name", "name", "근로자", "직원"),
        spec("employee_email", "email", "근로자 이메일"),
    )
    text = "직원 이름은 유재석, 연봉 4,200만원, 수습 3개월, 입사일은 2027-01-04, 급여일 매월 25일, me@example.com"

    assert values(text, fields) == {
        "employee_name": "유재석",
        "base_wage": 42_000_000,
        "probation_months": 3,
        "start_date": "2027-01-04",
        "pay_day": 25,
        "employee_email": "me@example.com",
    }


def test_amount_of_something_else_is_left_alone() -> None:
    fields = (spec("deposit", "won", "보증금"),)

    assert values("관리비 10만원, 대출 1억, 보증금 2억", fields) == {"deposit": 200_000_000}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_note_has_its_sentence(language: str) -> None:
    notes = {
        *("elliptic_amount", "foreign_currency", "ambiguous_amount", "amount_range", "too_large", "conflicting"),
        *("impossible_date", "ambiguous_date", "incomplete_address", "several_names", "not_whole_years"),
        *("not_understood", "included_in_rent", "not_a_birth_date"),
    }
    catalogue = resources.files("octo_cli.i18n").joinpath(f"{language}.toml").read_text(encoding="utf-8")

    assert notes <= tomllib.loads(catalogue)["extract"].keys()


@pytest.mark.parametrize(
    "piece",
    [
        "보증금 5천만원에 월세 50만원, 임차인 홍길동, 2027년 3월 1일부터 2년, 서울 마포구 월드컵북로 396. ",
        *("1", "일", "보증금 ", " ", "Aa ", "1,", "가고 ", "임차인(", "0-", "https://", "a@", "특약: ", "저번에 "),
    ],
)
def test_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = piece * (100_000 // len(piece.encode()))
    began = time.process_time()

    extract(asked(text), LEASE)

    assert time.process_time() - began < 2  # about 0.3 s alone; anything quadratic would take minutes
