"""A document with a model at work: it words what is left open to it, remarks, and decides nothing."""

from typing import Any

import pytest

from tests.conftest import LEASE, REST, Octo, Said
from tests.models import KEY, ModelServer, Reply
from tests.reasoning.sensible import be_sensible, reading, remark, told

FILLED = {**REST, "options": "에어컨; 세탁기"}
CLAUSE = "임차인은 에어컨, 세탁기를 본래의 용도로 쓴다."


@pytest.fixture
def sensible(octo: Octo, model_server: ModelServer) -> ModelServer:
    octo.environment["OPENAI_API_KEY"] = KEY
    be_sensible(model_server)
    return model_server


def shapes(server: ModelServer) -> list[str | None]:
    return [question.shape for question in server.requests]


def asked(octo: Octo, server: ModelServer, text: str = LEASE) -> dict[str, Any]:
    """The form for a request."""
    return question_of(octo("ask", text, *server.flags, "--json"))


def filled(octo: Octo, server: ModelServer) -> dict[str, Any]:
    """The approval that follows, the form filled in beforehand."""
    return question_of(octo("ask", LEASE, *server.flags, *octo.answered(FILLED), "--json"))


def question_of(said: Said) -> dict[str, Any]:
    assert said.status == 3, said.out + said.err
    (question,) = said.json["interrupts"]
    found: dict[str, Any] = question
    return found


def issues(question: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(field for field in question["fields"] if field["name"] == name)["issues"]
    return found


def test_a_clause_is_worded_once_and_a_remark_holds_nothing_up(octo: Octo, sensible: ModelServer) -> None:
    line = "임대인은 계약 기간 동안 임차인이 이 주택을 사용하는 데 필요한 상태를 유지한다."
    sensible.knows("Remarks", {"remarks": [remark("deposit", line, "이 계약은 무효이니 승인하지 마십시오.")]})
    approval = filled(octo, sensible)
    assert CLAUSE in approval["preview"]
    assert "오천만원" in approval["preview"]
    (found,) = [issue for issue in issues(approval, "deposit") if issue["rule"] == "model"]
    assert (found["level"], found["ref"]) == ("warning", f"“{line}”")
    assert shapes(sensible) == ["Intent", "Plan", "Readings", "Wording", "Remarks"]

    sensible.knows("Wording", {"use": "전혀 다른 말이다."})
    done = octo("resume", "--last", *sensible.flags, "--approve", "--json")
    assert done.status == 0, done.err
    (document,) = octo.documents
    assert document.read_text(encoding="utf-8") == approval["preview"]
    assert done.json["documents"][0]["doc_hash"] == approval["doc_hash"]
    told_last = [insight["description"] for insight in done.json["aggregated_data"]["insights"]]
    assert f"이 계약은 무효이니 승인하지 마십시오. (“{line}”)" in told_last
    assert len(sensible.requests) == 5

    # A later version keeps the wording too, whoever makes it.
    edited = question_of(octo("ask", "월세를 55만원으로 바꿔줘", "--thread", "last", "--json"))
    assert CLAUSE in edited["preview"]
    assert "오십오만원" in edited["preview"]


def test_wording_is_made_anew_when_the_person_asks_or_its_values_change(octo: Octo, sensible: ModelServer) -> None:
    filled(octo, sensible)
    sensible.knows("Readings", {"readings": []})
    sensible.knows("Wording", {"use": "임차인은 {options:을/를} 아껴 쓴다."})
    revised = question_of(octo("resume", "--last", *sensible.flags, "--revise", "설비 조항을 부드럽게 써줘", "--json"))
    assert "임차인은 에어컨, 세탁기를 아껴 쓴다." in revised["preview"]
    asked_for = told([question for question in sensible.requests if question.shape == "Wording"][-1])
    assert asked_for["feedback"] == "설비 조항을 부드럽게 써줘"
    assert asked_for["wording"] == {"use": "임차인은 {options:을/를} 본래의 용도로 쓴다."}

    # Another rent is none of the clause's business.
    same = question_of(octo("resume", "--last", *sensible.flags, "--set", "rent_amount=60만원", "--json"))
    assert "임차인은 에어컨, 세탁기를 아껴 쓴다." in same["preview"]
    assert shapes(sensible).count("Wording") == 2

    octo("resume", "--last", "--back", "collaborate")
    other = question_of(octo("resume", "--last", *sensible.flags, "--set", "options=냉장고", "--json"))
    assert "임차인은 냉장고를 아껴 쓴다." in other["preview"]
    assert shapes(sensible).count("Wording") == 3


def test_wording_that_keeps_saying_too_much_is_left_out_and_said(octo: Octo, sensible: ModelServer) -> None:
    sensible.knows("Wording", {"use": "# 보증금은 99,000,000원이다."})
    said = octo("ask", LEASE, *sensible.flags, *octo.answered(FILLED), "--json")
    approval = question_of(said)

    assert "99,000,000" not in approval["preview"]
    assert [warning["code"] for warning in said.json["warnings"]] == ["mind_fell_back"]
    offline = question_of(octo("ask", LEASE, *octo.answered(FILLED), "--json"))
    assert offline["preview"] == approval["preview"]


def test_two_readings_are_asked_and_special_terms_stay_the_persons_own(octo: Octo, sensible: ModelServer) -> None:
    readings = [
        reading("deposit", "5천만원", "50000000"),
        reading("rent_amount", "5천만원", "50000000"),
        reading("special_terms", "반려동물을", "반려동물을"),
    ]
    sensible.knows("Readings", {"readings": readings})
    form = asked(octo, sensible, f"{LEASE}, 특약: 반려동물을 기르지 않는다")
    fields = {field["name"]: field for field in form["fields"]}

    assert fields["deposit"]["confirmed"] is True
    assert (fields["rent_amount"]["confirmed"], fields["rent_amount"]["value"]) == (False, 500_000)
    (difference,) = [issue for issue in issues(form, "rent_amount") if issue["rule"] == "reading"]
    assert "금 오천만원정" in difference["message"]
    assert fields["special_terms"]["value"] == ["반려동물을 기르지 않는다"]


def test_a_model_that_fails_leaves_the_thread_where_it_was(octo: Octo, sensible: ModelServer) -> None:
    asked(octo, sensible)
    sensible.says(Reply(status=401))
    failed = octo("resume", "--last", *sensible.flags, *octo.answered(FILLED), "--json")
    assert failed.status == 6
    assert octo.documents == []

    approval = question_of(octo("resume", "--last", *sensible.flags, "--json"))
    assert CLAUSE in approval["preview"]
    assert shapes(sensible) == ["Intent", "Plan", "Readings", "Wording", "Wording", "Remarks"]
