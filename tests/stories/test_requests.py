"""What else a person may ask: talk, search, what this version cannot do, what is not clear."""

import json
from pathlib import Path

import pytest

from tests.conftest import LEASE, Octo


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("계약서를 작성해주세요", "contract"),
        ("파이썬에 대해 알려주세요", "search"),
        ("안녕하세요", "chat"),
        ("Write a lease agreement", "contract"),
        ("sales.csv 분석해줘", "data"),
        ("write a quicksort in Python", "code"),
        ("https://example.com 요약해줘", "web"),
    ],
)
def test_understood(octo: Octo, text: str, category: str) -> None:
    assert octo("ask", text, "--json").json["intent"]["category"] == category


def test_what_no_agent_here_does_is_said(octo: Octo) -> None:
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text('[agents]\ndisabled = ["code"]\n', encoding="utf-8")
    said = octo("ask", "파이썬으로 퀵소트 짜줘")
    assert said.status == 0
    assert "여기에는 코드를 작성하는 에이전트가 없습니다." in said.out
    assert "임대차계약서" in said.out


def test_a_greeting_says_what_offline_can_do(octo: Octo) -> None:
    said = octo("ask", "hello").out
    assert "Residential Lease Agreement" in said
    assert "search" in said


def test_a_contract_of_no_kind_is_asked_about(octo: Octo) -> None:
    asked = octo("ask", "계약서를 작성해주세요", "--json")
    (question,) = asked.json["interrupts"]
    assert (asked.status, question["type"]) == (3, "clarification_required")
    (field,) = question["fields"]
    assert field["choices"] == ["lease", "nda"]
    (form,) = octo("resume", "last", "--set", "document_type=nda", "--json").json["interrupts"]
    assert (form["type"], form["document_type"]) == ("collaboration_required", "nda")


def test_what_is_not_clear_is_asked_and_can_be_said_again(octo: Octo) -> None:
    (question,) = octo("ask", "그거 해줘", "--json").json["interrupts"]
    assert question["type"] == "clarification_required"
    (form,) = octo("resume", "last", "--set", f"request={LEASE}", "--json").json["interrupts"]
    assert form["document_type"] == "lease"


def test_an_unsupported_document_is_not_another_one(octo: Octo) -> None:
    said = octo("ask", "근로계약서 작성해줘", "--json")
    assert (said.status, said.json["error"]["code"]) == (4, "document_type_not_found")
    assert "근로계약서" in said.json["error"]["message"]


def test_search_finds_two_syllables_inside_a_word_with_file_and_line(octo: Octo) -> None:
    notes = octo.folder / "notes"
    notes.mkdir()
    (notes / "법.md").write_text("# 임대차\n\n주택임대차보호법에 따른다.\n", encoding="utf-8")
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text(f"[search]\nfolders = {json.dumps([str(notes)])}\n", encoding="utf-8")
    said = octo("ask", "내 문서에서 '보호' 찾아줘")
    assert "notes/법.md:3" in said.out
    assert "**보호**" in said.out


def test_the_answer_goes_where_it_is_wanted(octo: Octo) -> None:
    assert octo("ask", "안녕", "-o", "answer.md").status == 0
    assert "Octo" in (octo.folder / "answer.md").read_text(encoding="utf-8")
    octo("ask", "안녕", "-f", "json", "-o", "answer.json")
    assert json.loads((octo.folder / "answer.json").read_text(encoding="utf-8"))["metrics"]["total_steps"] == 0
    (octo.folder / "out").mkdir()
    octo("ask", "안녕", "-o", "out")
    assert (octo.folder / "out" / "answer.md").exists()
    done = octo("ask", LEASE, *octo.answered(), "--approve", "-f", "json", "-o", "lease.json", "--json").json
    assert json.loads((octo.folder / "lease.json").read_text(encoding="utf-8")) == done["result"]
    assert done["documents"][0]["path"].endswith(".md")
    again = octo("resume", "last", "-f", "chat", "--json").json
    assert (again["format"], again["result"].startswith(done["result"]["summary"])) == ("chat", True)
