"""The non-disclosure agreement: its defaults, its clauses, and each rule where it speaks and where it does not."""

from datetime import date
from typing import Any

import pytest

from octo_cli.documents.catalog import Catalog
from octo_cli.i18n import LANGUAGES, Language
from octo_cli.wire.forms import Issue

TODAY = date(2026, 11, 21)
NDA = Catalog().find("nda")
DEAL = {"disclosing_party": "주식회사 가나다", "receiving_party": "홍길동", "purpose": "신규 서비스 공동 개발의 검토"}


def completed(language: Language = "ko", **given: Any) -> dict[str, Any]:
    values = {name: value for name, value in (DEAL | given).items() if value is not None}
    return values | NDA.complete(values, today=TODAY, language=language)


def reviewed(language: Language = "ko", text: str | None = None, **given: Any) -> dict[str, tuple[Issue, ...]]:
    values = completed(language, **given)
    drafted = NDA.render(values, language) if text is None else text
    return NDA.review(values, drafted, language=language, today=TODAY)


def said(rule: str, issues: dict[str, tuple[Issue, ...]]) -> list[tuple[str, str]]:
    return [(name, issue.level) for name, found in issues.items() for issue in found if issue.rule == rule]


def test_what_is_required_and_what_follows() -> None:
    assert NDA.missing({}) == ("disclosing_party", "receiving_party", "purpose")
    values = completed()
    assert (values["contract_date"], values["effective_date"]) == ("2026-11-21", "2026-11-21")
    assert (values["term_months"], values["survival_years"], values["return_days"]) == (24, 3, 14)
    assert completed(effective_date="2026-10-01")["contract_date"] == "2026-10-01"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finished_agreement_has_no_blank_in_its_clauses_and_no_remark(language: Language) -> None:
    text = NDA.render(completed(language), language)
    assert "____" not in text.split("## 4.")[0]
    assert reviewed(language) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nda_kind": "mutual"}, "당사자 1"),
        ({"marking": False}, "표시가 없더라도"),
        ({"oral_confirm_days": 7}, "7일 안에 그 내용을 서면으로"),
        ({"personal_data": True}, "처리위탁에 관한 문서"),
        ({"technical_data": True}, "수급사업자의 기술자료"),
        ({"penalty": 100000000}, "손해배상의 예정액으로 금 일억원정 (₩100,000,000)"),
        ({"survival_unlimited": True}, "비밀로 남아 있는 동안 계속된다"),
        ({"court": "서울중앙지방법원"}, "서울중앙지방법원"),
        ({"korean_prevails": True}, "국문본에 따른다"),
        ({"special_terms": ["사본은 한 부로 한다."]}, "1. 사본은 한 부로 한다."),
    ],
)
def test_a_clause_stands_only_where_its_field_asks_for_it(given: dict[str, Any], words: str) -> None:
    assert words in NDA.render(completed(**given), "ko")
    if "survival_unlimited" not in given:
        assert words not in NDA.render(completed(), "ko")


@pytest.mark.parametrize(
    ("language", "given", "words", "never"),
    [
        ("ko", {}, "이 계약의 준거법은 대한민국 법으로 한다.", "다음과 같다. 대한민국"),
        ("ko", {"court": "서울중앙지방법원"}, "제1심 관할 법원은 서울중앙지방법원으로 한다.", "같다. 서울"),
        ("ko", {"recipients": ["임직원", "변호사"]}, "보여 줄 수 있다: 임직원; 변호사.", "있다. 임직원"),
        ("ko", {"survival_years": 0}, "계약이 끝나는 때에 함께 끝난다", "0년"),
        ("en", {}, "governed by the laws of the Republic of Korea.", "law of this agreement:"),
        ("en", {"survival_years": 0}, "ends together with this agreement", "0 years"),
    ],
)
def test_a_clause_is_a_whole_sentence(language: Language, given: dict[str, Any], words: str, never: str) -> None:
    text = NDA.render(completed(language, **given), language)
    assert words in text
    assert never not in text


RULES: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("N1", "error", "purpose", {"purpose": None}, {}),
    ("N1", "error", "scope", {"text": "비밀을 지킨다."}, {}),
    ("N2", "warning", "survival_unlimited", {"survival_unlimited": True}, {}),
    *(
        ("N2", "warning", "special_terms", {"special_terms": [term]}, {"special_terms": [fair]})
        for term, fair in (
            ("비밀유지의무는 영구히 존속한다.", "비밀유지의무는 영구히 존속하지 아니한다."),
            ("이 의무는 기간의 제한 없이 계속된다.", "이 의무는 3년 동안 계속된다."),
            ("Secrecy lasts in perpetuity.", "Secrecy lasts three years."),
        )
    ),
    ("N3", "warning", "marking", {"marking": False}, {"marking": True}),
    ("N4", "info", "penalty", {"penalty": 100000000}, {}),
    ("N5", "warning", "special_terms", {"text": "비밀을 지킨다."}, {}),
    (
        "N5",
        "warning",
        "special_terms",
        {"special_terms": ["수령자는 어떠한 경우에도 기관에 신고하지 아니한다."]},
        {"special_terms": ["수령자는 공익신고를 할 수 있다."]},
    ),
    (
        "N6",
        "warning",
        "special_terms",
        {"special_terms": ["수령자는 2년간 동종 업계에 취업하지 아니한다."]},
        {"special_terms": ["수령자는 직원에게 이 계약을 알린다."]},
    ),
    ("N6", "warning", "special_terms", {"special_terms": ["The Recipient shall not work for a competitor."]}, {}),
    *(
        ("N6", "warning", "special_terms", {"special_terms": [term]}, {"special_terms": [fair]})
        for term, fair in (
            ("수령자는 경쟁 사업을 하지 아니한다.", "수령자는 비밀정보를 경쟁 사업에 사용하지 아니한다."),
            ("수령자는 경쟁하는 사업을 하지 않는다.", "수령자는 경쟁 회사에 비밀정보를 공개하지 않는다."),
            ("수령자는 동종 영업을 하지 못한다.", "수령자는 동종 영업을 할 수 있다."),
        )
    ),
    (
        "N5",
        "warning",
        "special_terms",
        {"special_terms": ["수령자는 수사기관에 알리지 아니한다."]},
        {"special_terms": ["수령자는 수사기관에 알릴 수 있다."]},
    ),
    ("N7", "warning", "personal_data", {"personal_data": True}, {"personal_data": False}),
    ("N8", "warning", "technical_data", {"technical_data": True}, {"technical_data": False}),
    (
        "date",
        "error",
        "effective_date",
        {"effective_date": "2026-11-01", "contract_date": "2026-11-02"},
        {"effective_date": "2026-11-02", "contract_date": "2026-11-02"},
    ),
    ("date", "warning", "effective_date", {"effective_date": "2026-10-20"}, {"effective_date": "2026-10-21"}),
    ("date", "warning", "contract_date", {"effective_date": "2026-10-20"}, {}),
    ("rrn", "error", "receiving_party", {"receiving_party": "홍길동 920101-1234567"}, {}),
    ("amount", "warning", "penalty", {"penalty": 500}, {"penalty": 100000}),
]


@pytest.mark.parametrize(("rule", "level", "field", "fires", "silent"), RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rule_speaks_where_it_should_and_nowhere_else(
    rule: str, level: str, field: str, fires: dict[str, Any], silent: dict[str, Any], *, language: Language
) -> None:
    assert (field, level) in said(rule, reviewed(language, **fires))
    assert (field, level) not in said(rule, reviewed(language, **silent))


def test_term_and_survival_have_to_be_there() -> None:
    values = {**DEAL, "nda_kind": "one_way"}
    issues = NDA.review(values, NDA.render(values, "ko"), language="ko", today=TODAY)
    assert {name for name, _ in said("N1", issues)} == {"term_months", "survival_years"}


def test_every_rule_is_tried() -> None:
    assert {rule.id for rule in NDA.rules} == {rule for rule, *_ in RULES}
