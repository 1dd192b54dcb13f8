"""The lease: what follows from what, which articles print, and each rule where it speaks and where it does not."""

import re
from datetime import date
from typing import Any

import pytest

from octo_cli.documents.catalog import Catalog
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.wire.forms import Issue

TODAY = date(2026, 11, 21)
LEASE = Catalog().find("lease")
MAIN = (
    "lease_kind",
    "contract_kind",
    "landlord_name",
    "tenant_name",
    "property_address",
    "leased_part",
    "deposit",
    "down_payment",
    "balance",
    "rent_amount",
    "payment_day",
    "maintenance_fee",
    "start_date",
    "end_date",
    "term_months",
    "special_terms",
)
HOME = {
    "landlord_name": "김영희",
    "tenant_name": "홍길동",
    "property_address": "서울특별시 마포구 월드컵북로 396, 101동 1203호",
    "deposit": 50000000,
    "rent_amount": 500000,
    "payment_day": 25,
    "start_date": "2027-03-01",
    "term_months": 24,
}
JEONSE: dict[str, Any] = {"lease_kind": "jeonse", "rent_amount": None, "payment_day": None}
RENEWAL: dict[str, Any] = {"contract_kind": "claimed_renewal", "prior_deposit": 50000000, "prior_rent": 500000}


def completed(language: Language = "ko", **given: Any) -> dict[str, Any]:
    values = {name: value for name, value in (HOME | given).items() if value is not None}
    return values | LEASE.complete(values, today=TODAY, language=language)


def reviewed(language: Language = "ko", today: date = TODAY, **given: Any) -> dict[str, tuple[Issue, ...]]:
    values = completed(language, **given)
    return LEASE.review(values, LEASE.render(values, language), language=language, today=today)


def said(rule: str, issues: dict[str, tuple[Issue, ...]]) -> list[tuple[str, str]]:
    return [(name, issue.level) for name, found in issues.items() for issue in found if issue.rule == rule]


def test_the_main_fields_are_the_sixteen_of_the_contract() -> None:
    assert sorted(LEASE.main_fields) == sorted(MAIN)


def test_only_what_a_lease_cannot_do_without_is_required() -> None:
    needed = {"landlord_name", "tenant_name", "property_address", "deposit", "start_date", "term_months"}
    assert set(LEASE.missing({})) == needed | {"rent_amount", "payment_day"}
    assert set(LEASE.missing({"lease_kind": "jeonse"})) == needed
    assert set(LEASE.missing({"lease_kind": "jeonse", "end_date": "2029-02-28"})) == needed - {"term_months"}
    assert LEASE.missing(HOME) == ()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"landlord_agent": "박민수"}, "agent_authority"),
        ({"interim_payment": 1000000}, "interim_payment_date"),
        ({"temporary_use": True}, "temporary_reason"),
    ],
)
def test_what_a_given_value_cannot_stand_without_is_asked(given: dict[str, Any], asked: str) -> None:
    assert LEASE.missing(HOME | given) == (asked,)


@pytest.mark.parametrize("name", ["prior_deposit", "broker_name", "interim_payment_date", "agent_authority"])
def test_a_dependent_field_is_read_before_what_shows_it(name: str) -> None:
    raw = next(spec.example for spec in LEASE.fields if spec.name == name)
    assert LEASE.parse(name, raw, TODAY) is not None


def test_what_follows_from_a_plain_request() -> None:
    values = completed()
    assert values["end_date"] == "2029-02-28"
    assert (values["down_payment"], values["balance"]) == (5000000, 45000000)
    assert (values["contract_date"], values["down_payment_date"]) == ("2026-11-21", "2026-11-21")
    assert (values["balance_date"], values["handover_date"]) == ("2027-03-01", "2027-03-01")
    assert (values["lease_kind"], values["contract_kind"]) == ("monthly", "new")
    assert values["leased_part"] == "전부"
    assert values["copies"] == 2


def test_the_term_follows_from_the_end() -> None:
    assert completed(term_months=None, end_date="2029-02-28")["term_months"] == 24
    assert "term_months" not in completed(term_months=None, end_date="2028-08-15")


def test_a_start_that_has_passed_dates_the_contract_no_later() -> None:
    values = completed(start_date="2026-09-01")
    assert values["contract_date"] == "2026-09-01"
    assert values["down_payment_date"] == "2026-09-01"


def test_a_given_balance_or_interim_payment_is_reckoned_with() -> None:
    assert completed(down_payment=8000000, interim_payment=2000000)["balance"] == 40000000
    assert completed(balance=1)["balance"] == 1


def test_no_rent_means_jeonse() -> None:
    assert completed(rent_amount=0)["lease_kind"] == "jeonse"


def test_a_renewal_asks_for_the_former_lease_and_not_for_a_down_payment() -> None:
    names = {spec.name for spec in LEASE.shown(completed(**RENEWAL))}
    assert {"prior_deposit", "prior_rent", "prior_end"} <= names
    assert names.isdisjoint({"down_payment", "balance", "balance_date", "interim_payment"})
    assert completed(**RENEWAL)["prior_end"] == "2027-02-28"


def test_special_terms_somebody_emptied_stay_empty() -> None:
    assert "특약은 없다." in LEASE.render(completed(special_terms=[]), "ko")


def test_a_full_lease_has_every_clause_it_needs() -> None:
    text = LEASE.render(completed(), "ko")
    for words in (
        "금 오천만원정 (₩50,000,000)",
        "2027년 3월 1일부터 2029년 2월 28일까지 24개월로 한다",
        "매월 25일까지",
        "계약금의 두 배",
        "두 달분",
        "주택임대차보호법",
        "이와 동시에 보증금",
        "통상의 사용으로 생긴 마모",
        "납세증명서",
        "주택임대차분쟁조정위원회",
        "1. 임대인은 잔금 지급일의 다음 날까지",
        "계약서 2통",
        "계약일: 2026년 11월 21일",
    ):
        assert words in text, words
    assert "____" not in text.split("## 4.")[0].replace("____ / ____", "").replace("____ ㎡", "")


@pytest.mark.parametrize(
    ("language", "promise", "fact"),
    [("ko", "이 계약을 맺을 때까지", "제시하였"), ("en", "By the time this contract is made", "has shown")],
)
def test_what_nobody_confirmed_is_promised_and_not_stated(language: Language, promise: str, fact: str) -> None:
    for text in (LEASE.render(completed(language), language), LEASE.render({}, language)):
        assert text.count(promise) == 2
        assert fact not in text


@pytest.mark.parametrize(
    ("language", "deposit", "words", "never"),
    [
        ("ko", 52000000, "임대인은 차액을 받은 때에 영수증", "돌려주고"),
        ("ko", 40000000, "임대인은 차액을 2027년 3월 1일까지 임차인에게 돌려준다", "임대인은 차액을 받은"),
        ("ko", 40000000, "임차인은 차액을 받은 때에 영수증", "종전 보증금과 차액"),
        ("ko", 50000000, "그대로 이 계약의 보증금이 된다", "차액"),
        ("en", 52000000, "The Landlord gives a receipt for the difference", "The Tenant gives a receipt"),
        ("en", 40000000, "The Tenant gives a receipt for the difference", "The Landlord gives a receipt"),
        ("en", 50000000, "becomes the deposit of this lease as it is", "difference"),
    ],
)
def test_a_renewal_settles_the_difference_in_its_own_direction(
    language: Language, deposit: int, words: str, never: str
) -> None:
    text = LEASE.render(completed(language, **RENEWAL, deposit=deposit), language)
    assert words in text
    assert never not in text


@pytest.mark.parametrize(
    ("language", "given", "words", "never"),
    [
        ("ko", {"down_payment": 0}, "보증금을 2027년 3월 1일에 한꺼번에", ("계약금", "중도금", "잔금", "나누어")),
        ("en", {"down_payment": 0}, "pays the whole deposit", ("own payment", "in the parts below", "alance")),
        ("ko", {"down_payment": 0, "interim_payment": 10000000}, "| 중도금 | 금 일천만원정", ("계약금", "두 배")),
        ("en", {"down_payment": 0, "interim_payment": 10000000}, "| Interim payment", ("own payment", "twice")),
        ("ko", {"deposit": 0}, "이 계약에는 보증금이 없다", ("계약금", "잔금", "나누어")),
        ("en", {"deposit": 0}, "No deposit is paid", ("own payment", "alance", "in the parts below")),
    ],
)
def test_what_comes_to_nothing_is_not_printed(
    language: Language, given: dict[str, Any], words: str, never: tuple[str, ...]
) -> None:
    text = LEASE.render(completed(language, **given), language)
    assert words in text
    assert [word for word in never if word in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_jeonse_lease_has_no_word_of_rent_due(language: Language) -> None:
    text = LEASE.render(completed(language, **JEONSE), language)
    assert {"ko": "(차임의 지급)", "en": "(Payment of the Rent)"}[language] not in text
    assert {"ko": "두 달분", "en": "two months' rent"}[language] not in text


def test_articles_are_numbered_without_gaps() -> None:
    cases: tuple[dict[str, Any], ...] = ({}, JEONSE, RENEWAL, {"temporary_use": True}, {"broker_office": "한강"})
    for given in cases:
        text = LEASE.render(completed(**given), "ko")
        numbers = [int(number) for number in re.findall(r"^### 제(\d+)조", text, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        consent = re.search(r"^### 제(\d+)조 \(동의가 필요한 행위\)", text, re.MULTILINE)
        assert consent
        assert f"임차인이 제{consent[1]}조를 어긴 때" in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"payment_day": 31}, "말일에 지급한다"),
        ({"pay_timing": "prepaid"}, "(선불)"),
        ({"maintenance_fee": 120000, "fee_items": ["청소비", "인터넷"]}, "청소비, 인터넷"),
        ({"maintenance_fee": 0}, "관리비는 없다"),
        ({"interim_payment": 10000000}, "임차인이 중도금을 지급하기 전까지는"),
        ({"pets": "forbidden"}, "반려동물을 기르지 아니한다"),
        ({"parking": "1대"}, "주차에 관하여는"),
        ({"repairs": "도배는 임대인이 한다."}, "도배는 임대인이 한다."),
        ({"options": ["세탁기"]}, "함께 빌려주는 설비"),
        ({"broker_office": "한강공인중개사사무소"}, "개업공인중개사"),
        ({"landlord_agent": "박민수"}, "임대인의 대리인"),
        ({"temporary_use": True, "temporary_reason": "공사"}, "사유: 공사"),
        ({"korean_prevails": True}, "국문본에 따른다"),
        ({"registry_checked_on": "2026-11-20"}, "2026년 11월 20일 현재의 등기사항"),
        ({"senior_debt": 120000000}, "일억이천만원정"),
        ({"tax_info": "presented"}, "납세증명서를 임차인에게 제시하였고"),
        ({"date_info": "presented"}, "정보를 임차인에게 제시하였고"),
        ({"tax_info": "consent"}, "임대인은 임차인이 국세와 지방세의 미납 여부를 열람하는 데 동의한다"),
        ({**RENEWAL, "deposit": 52000000}, "임차인이 더 지급할 금액 | 금 이백만원정"),
        ({**RENEWAL, "deposit": 40000000}, "임대인이 돌려줄 금액 | 금 일천만원정"),
        ({**RENEWAL}, "계약갱신요구권을 행사하여 갱신하는 것이다"),
        ({**RENEWAL, "contract_kind": "agreed_renewal"}, "당사자의 합의로 종전 계약을 갱신하는 것이다"),
    ],
)
def test_a_clause_stands_only_where_its_field_asks_for_it(given: dict[str, Any], words: str) -> None:
    assert words in LEASE.render(completed(**given), "ko")
    assert words not in LEASE.render(completed(), "ko")


WAIVER = "임차인은 계약갱신요구권을 포기한다."
KEPT = "임차인은 갱신요구권을 포기하지 아니한다."
RULES: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("L1", "warning", "term_months", {"term_months": 12}, {"term_months": 24}),
    ("L1", "warning", "term_months", {"term_months": None, "end_date": "2028-08-15"}, {"temporary_use": True}),
    ("L2", "info", "prior_end", {**RENEWAL, "prior_end": "2027-01-31"}, RENEWAL),
    ("L3", "error", "deposit", {**RENEWAL, "deposit": 52500001}, {**RENEWAL, "deposit": 52500000}),
    (
        "L3",
        "error",
        "deposit",
        {**RENEWAL, **JEONSE, "prior_rent": 0, "deposit": 60000000},
        {"deposit": 60000000, "prior_deposit": 50000000},
    ),
    ("L3", "error", "rent_amount", {**RENEWAL, "rent_amount": 525001}, {**RENEWAL, "rent_amount": 525000}),
    (
        "L3",
        "error",
        "last_increase_on",
        {**RENEWAL, "deposit": 51000000, "last_increase_on": "2026-03-02"},
        {**RENEWAL, "deposit": 51000000, "last_increase_on": "2026-03-01"},
    ),
    # 200,000,000 with 500,000 a month is worth 320,000,000 at 5 %; the cap is 336,000,000.
    *(
        (
            "L3",
            "warning",
            "deposit",
            {**RENEWAL, "prior_deposit": 200000000, "deposit": deposit, "rent_amount": rent},
            {**RENEWAL, "prior_deposit": 200000000, "deposit": 300000000, "rent_amount": 150000},
        )
        for deposit, rent in ((300000000, 490000), (400000000, 499000), (300000000, 150001))
    ),
    (
        "L3",
        "warning",
        "last_increase_on",
        {**RENEWAL, "deposit": 51000000, "rent_amount": 499000, "last_increase_on": "2026-03-02"},
        {**RENEWAL, "deposit": 51000000, "rent_amount": 495000, "last_increase_on": "2026-03-02"},
    ),
    ("L3", "warning", "prior_deposit", {**RENEWAL, "prior_deposit": None}, RENEWAL),
    # 10,000,000 less deposit at 5 % a year is 41,666 a month.
    (
        "L4",
        "error",
        "rent_amount",
        {**RENEWAL, "deposit": 40000000, "rent_amount": 541667},
        {**RENEWAL, "deposit": 40000000, "rent_amount": 541666},
    ),
    ("L4", "error", "rent_amount", {**RENEWAL, "deposit": 40000000, "rent_amount": 600000}, {"rent_amount": 600000}),
    (
        "L5",
        "error",
        "special_terms",
        {"special_terms": [WAIVER]},
        {"special_terms": [KEPT]},
    ),
    (
        "L5",
        "error",
        "special_terms",
        {"special_terms": ["임차인은 전입신고를 하지 않기로 한다."]},
        {"special_terms": ["임차인은 입주 즉시 전입신고를 하고 확정일자를 받는다."]},
    ),
    (
        "L5",
        "error",
        "special_terms",
        {"special_terms": ["임차인은 2년의 기간을 주장하지 않는다."]},
        {"special_terms": ["임대차 기간은 2년으로 한다."]},
    ),
    (
        "L5",
        "error",
        "special_terms",
        {"special_terms": ["보증금은 다음 세입자가 들어오면 반환한다."]},
        {"special_terms": ["임대인은 다음 세입자를 구하지 못하더라도 보증금을 반환한다."]},
    ),
    ("L5", "error", "special_terms", {"special_terms": ["The Tenant waives any right to renew."]}, {}),
    ("L5", "error", "special_terms", {"restoration": WAIVER}, {}),
    (
        "L6",
        "error",
        "special_terms",
        {"special_terms": ["월세를 1개월이라도 연체하면 계약을 해지한다."]},
        {"special_terms": ["월세를 2개월분 연체하면 계약을 해지할 수 있다."]},
    ),
    ("L6", "error", "special_terms", {"special_terms": ["One month of arrears lets the Landlord terminate."]}, {}),
    ("L7", "error", "tax_info", {"tax_info": "none"}, {"tax_info": "consent"}),
    ("L7", "error", "date_info", {"date_info": "none"}, {"date_info": "presented"}),
    ("L7", "warning", "tax_info", {}, {"tax_info": "presented"}),
    ("L7", "warning", "date_info", {}, {"date_info": "consent"}),
    (
        "L8",
        "warning",
        "special_terms",
        {"special_terms": ["도배는 임대인이 한다."]},
        {"special_terms": ["잔금일 다음 날까지 근저당을 설정하지 않는다."]},
    ),
    ("L9", "info", "deposit", {}, RENEWAL),
    ("L10", "info", "deposit", {"deposit": 165000000}, {"deposit": 165000001}),
    (
        "L10",
        "info",
        "deposit",
        {"property_address": "부산광역시 해운대구 우동 1", "deposit": 85000000},
        {"property_address": "강원특별자치도 춘천시 중앙로 1", "deposit": 85000000},
    ),
    (
        "L10",
        "info",
        "deposit",
        {"property_address": "경기도 광주시 경안로 1", "deposit": 100000000},
        {"temporary_use": True},
    ),
    ("L11", "warning", "contract_date", {"rent_amount": 300001}, {"rent_amount": 300000}),
    ("L11", "warning", "contract_date", {**JEONSE, "deposit": 60000001}, {**JEONSE, "deposit": 60000000}),
    ("L11", "warning", "contract_date", {}, {"property_address": "전라남도 담양군 담양읍 중앙로 1"}),
    ("L12", "info", "end_date", {**RENEWAL, "contract_kind": "agreed_renewal"}, {}),
    ("L13", "info", "contract_kind", RENEWAL, {}),
    (
        "L14",
        "info",
        "prior_end",
        {**RENEWAL, "contract_kind": "agreed_renewal", "prior_end": "2026-10-31"},
        {**RENEWAL, "contract_kind": "agreed_renewal"},
    ),
    ("L15", "error", "balance", {"balance": 44000000}, {"balance": 45000000}),
    ("L15", "error", "balance", {"down_payment": 60000000}, {"down_payment": 50000000}),
    ("L15", "error", "down_payment_date", {"contract_date": "2026-12-01", "down_payment_date": "2026-11-30"}, {}),
    (
        "L15",
        "error",
        "interim_payment_date",
        {"interim_payment": 1000000, "interim_payment_date": "2027-03-02"},
        {"interim_payment": 1000000, "interim_payment_date": "2027-03-01"},
    ),
    (
        "L15",
        "warning",
        "interim_payment",
        {"interim_payment": 1000000},
        {"interim_payment": 1000000, "interim_payment_date": "2027-02-01"},
    ),
    ("L15", "error", "balance_date", {"balance_date": "2027-03-02"}, {"balance_date": "2027-02-28"}),
    ("L15", "error", "contract_date", {"contract_date": "2027-03-02"}, {"contract_date": "2027-03-01"}),
    ("L15", "error", "end_date", {"end_date": "2029-03-01"}, {"end_date": "2029-02-28"}),
    ("L15", "error", "end_date", {"term_months": None, "end_date": "2027-02-01"}, {}),
    ("L16", "warning", "deposit", {"market_price": 71000000}, {"market_price": 72000000}),
    (
        "L16",
        "warning",
        "deposit",
        {"market_price": 200000000, "senior_debt": 60000000, "senior_deposits": 40000000},
        {"market_price": 200000000, "senior_debt": 60000000},
    ),
    (
        "L17",
        "warning",
        "restoration",
        {"restoration": "도배와 장판의 변색은 임차인이 비용을 부담한다."},
        {"restoration": "도배와 장판의 변색은 임차인이 부담하지 않는다."},
    ),
    ("L18", "info", "temporary_use", {"temporary_use": True}, {"temporary_use": False}),
    ("L19", "error", "tenant_name", {"tenant_name": "홍길동 920101-1234567"}, {"tenant_name": "홍길동 920101-1******"}),
    ("L19", "error", "special_terms", {"special_terms": ["임차인 920101-1234567"]}, {}),
    ("L20", "info", "broker_office", {"broker_office": "한강공인중개사사무소"}, {}),
    ("kind", "warning", "lease_kind", {"lease_kind": "jeonse"}, {}),
    ("kind", "warning", "rent_amount", {"lease_kind": "monthly", "rent_amount": 0}, {}),
    ("date", "warning", "start_date", {"start_date": "2026-10-20"}, {"start_date": "2026-10-21"}),
    ("date", "warning", "contract_date", {"start_date": "2025-03-01"}, {"contract_date": "2026-10-21"}),
    ("date", "warning", "contract_date", {"contract_date": "2026-10-20"}, {}),
    ("date", "warning", "handover_date", {"handover_date": "2027-03-02"}, {"handover_date": "2027-02-27"}),
    (
        "date",
        "warning",
        "start_date",
        {**RENEWAL, "prior_end": "2027-03-01"},
        {**RENEWAL, "prior_end": "2027-02-28"},
    ),
    ("amount", "warning", "deposit", {"deposit": 5000}, {"deposit": 1000000}),
    ("amount", "warning", "deposit", {"deposit": 0}, {}),
    ("amount", "warning", "rent_amount", {"rent_amount": 50}, {"rent_amount": 10000}),
]


@pytest.mark.parametrize(("rule", "level", "field", "fires", "silent"), RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rule_speaks_where_it_should_and_nowhere_else(
    rule: str, level: str, field: str, fires: dict[str, Any], silent: dict[str, Any], *, language: Language
) -> None:
    assert (field, level) in said(rule, reviewed(language, **fires))
    assert (field, level) not in said(rule, reviewed(language, **silent))


def test_every_rule_with_a_condition_is_tried() -> None:
    assert {rule.id for rule in LEASE.rules} == {rule for rule, *_ in RULES}
    assert {f"L{number}" for number in range(1, 21)} <= {rule.id for rule in LEASE.rules}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_remark_is_a_finished_sentence(language: Language) -> None:
    for _, _, _, fires, _ in RULES:
        for issues in reviewed(language, **fires).values():
            for issue in issues:
                assert "____" not in issue.message or fires.get("end_date")
                assert "{{" not in issue.message
                assert issue.message.endswith(".")


@pytest.mark.parametrize(
    "term",
    [
        "임차인은 퇴거할 때 청소비 10만원을 부담한다.",
        "임차인은 1개월 전에 알리고 계약을 해지할 수 있다.",
        "임대인은 임차인의 전입신고와 확정일자 부여에 협조한다.",
        "임대인은 임차인의 갱신요구를 법정 사유 없이 거절할 수 없다.",
        "임대인은 임차인의 계약갱신요구를 거절하지 않는다.",
        "임대인은 임차인의 전입신고를 방해하지 아니한다.",
        "보증금은 새 임차인의 입주와 관계없이 만기일에 반환한다.",
        "임차인이 전입신고를 하지 않아 생긴 손해는 임차인이 부담한다.",
        "월세를 2기 이상 연체하면 임대인은 계약을 해지할 수 있다.",
        "벽지와 장판은 임대인의 비용으로 입주 전에 교체한다.",
        "통상의 마모는 임차인이 복구하지 아니한다.",
        "임대인은 2년보다 짧은 기간을 주장하지 못한다.",
        "임대인은 2년 동안 차임의 증액을 요구하지 않는다.",
        "임차인은 2년의 거주 보장을 요구할 수 있다.",
        "임대인은 통상의 마모를 포함하여 하자를 복구한다.",
        "자연스러운 마모까지 복구할 필요는 없다.",
        "임차인의 과실로 생긴 변색은 임차인이 배상한다.",
        "임차인이 깨뜨린 유리창은 임차인이 배상한다.",
        "The Tenant does not waive the right to renew.",
        "The deposit is returned at the end whether or not a new tenant has been found.",
        "The Landlord may terminate once two months' rent is unpaid.",
    ],
)
def test_a_fair_special_term_is_left_alone(term: str) -> None:
    found = {rule for rule in ("L5", "L6", "L17") if said(rule, reviewed(special_terms=[term]))}
    assert found == set()


@pytest.mark.parametrize(
    ("rule", "term"),
    [
        ("L5", "임차인은 계약갱신을 청구할 수 없다."),
        ("L5", "임차인은 갱신요구권을 행사하지 않기로 한다."),
        ("L5", "갱신 요구 포기"),
        ("L5", "확정일자를 받지 아니하기로 한다."),
        ("L5", "전입신고 금지"),
        ("L5", "임대인은 신규 임차인이 구해지는 대로 보증금을 반환한다."),
        ("L5", "The Landlord returns the deposit once the next tenant has moved in."),
        ("L5", "The Tenant shall not apply for a fixed date."),
        ("L5", "임차인은 2년을 주장하지 못한다."),
        ("L5", "2년 보장을 요구하지 않기로 한다."),
        ("L5", "임차인은 2년의 기간을 청구할 수 없다."),
        ("L6", "차임을 1회 연체하면 즉시 해지한다."),
        ("L6", "월세가 한 달 밀리면 퇴거한다."),
        ("L6", "연체가 1개월에 이르면 계약은 해지된다."),
        ("L17", "임차인은 벽지의 마모까지 원상복구한다."),
        ("L17", "임차인은 과실이 없더라도 관계없이 모든 마모를 복구한다."),
        ("L17", "모든 마모와 변색도 임차인이 새것으로 되돌린다."),
        ("L17", "통상 마모를 포함하여 입주 당시와 같게 복구한다."),
        ("L17", "자연스러운 변색도 임차인이 배상한다."),
        ("L17", "The Tenant pays for wear and tear."),
    ],
)
def test_an_unfair_special_term_is_found(rule: str, term: str) -> None:
    assert said(rule, reviewed(special_terms=[term]))
    assert said(rule, reviewed(restoration=term))


def test_a_common_lease_is_not_flooded_with_remarks() -> None:
    levels = [issue.level for issues in reviewed().values() for issue in issues]
    assert levels.count("error") == 0
    assert len(levels) <= 5


def test_the_conversion_cap_is_said_in_figures() -> None:
    [issue] = [
        issue
        for issue in reviewed(**RENEWAL, deposit=40000000, rent_amount=600000)["rent_amount"]
        if issue.rule == "L4"
    ]
    assert "41,666원" in issue.message
    assert "5.00%" in issue.message


@pytest.mark.parametrize(
    ("deposit", "rent", "most"),
    [
        (5000000, 100000, "60,000원"),  # worth 5,000,000 + 70 × 100,000 = 12,000,000 at 0.5 %
        (40000000, 50000, "200,000원"),  # 45,000,000 → 43,500,000 at 0.5 %, capped
        (50000000, 500000, "300,000원"),  # exactly 100,000,000 at 0.3 %
        (700000000, 0, "2,800,000원"),
        (2000000000, 0, "12,000,000원"),
    ],
)
def test_the_brokerage_cap(deposit: int, rent: int, most: str) -> None:
    issues = reviewed(deposit=deposit, rent_amount=rent, broker_office="한강")["broker_office"]
    assert most in issues[0].message


def test_numbers_looked_up_long_ago_say_so() -> None:
    def message(today: date) -> str:
        issues = reviewed(today=today, **RENEWAL, deposit=40000000, rent_amount=600000)
        return next(issue.message for issue in issues["rent_amount"] if issue.rule == "L4")

    assert "마지막으로 확인" not in message(date(2027, 10, 8))
    assert "2026년 10월 9일에 마지막으로 확인" in message(date(2027, 10, 9))


def test_every_statute_a_rule_rests_on_is_named() -> None:
    for rule in LEASE.rules:
        if rule.id.startswith("L"):
            assert rule.ref
