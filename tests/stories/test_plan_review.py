"""A plan that a person looks at first: in pipes, in several processes, and on a terminal."""

import json
from typing import Any

import pytest

from tests.conftest import Octo, Said

TEXT = "sales.csv를 분석하고 비밀유지계약서도 작성해줘"


@pytest.fixture
def asked(octo: Octo) -> Octo:
    (octo.folder / "sales.csv").write_text("region,amount\nSeoul,1200\nBusan,700\n", encoding="utf-8")
    said = octo("ask", TEXT, "--review-plan", "--json")
    assert (said.status, said.json["status"]) == (3, "waiting_human")
    return octo


def plan_of(said: Said) -> list[tuple[str, str, str, list[str]]]:
    steps = said.json["plan"]["steps"]
    return [(step["step_id"], step["agent"], step["status"], step["depends_on"]) for step in steps]


def question(octo: Octo) -> dict[str, Any]:
    (found,) = octo("inbox", "--json").json["interrupts"]
    assert isinstance(found, dict)
    return found


def test_nothing_is_done_before_the_plan_is_approved(asked: Octo) -> None:
    pending = question(asked)
    assert (pending["type"], pending["actions"]) == (
        "plan_review_required",
        ["approve", "submit", "reject", "defer"],
    )
    fields = {field["name"]: field["value"] for field in pending["fields"]}
    assert fields["order"] == "1, 2"
    assert (fields["agent_1"], fields["agent_2"], fields["after_2"]) == ("data", "contract", "")
    assert "sales.csv" in fields["step_1"]
    assert not any(field["required"] and field["value"] in (None, "") for field in pending["fields"])
    assert pending["editable_fields"] == list(fields)

    said = asked("resume", "last", "--approve", "--json", "--no-input")
    assert plan_of(said) == [("1", "data", "completed", []), ("2", "contract", "waiting", [])]


def test_steps_are_reordered_changed_and_dropped(asked: Octo) -> None:
    edits = {"order": ["2", 1], "after_1": ["2"], "step_2": "임대차계약서 작성, 보증금 1억"}
    (asked.folder / "edits.json").write_text(json.dumps(edits), encoding="utf-8")
    said = asked("resume", "last", "--answers", "edits.json", "--json", "--no-input")
    assert plan_of(said) == [("2", "contract", "waiting", []), ("1", "data", "pending", ["2"])]
    assert said.json["plan"]["strategy"] == "sequential"
    (form,) = said.json["interrupts"]
    assert form["document_type"] == "lease"
    # The new task is read as if it had been asked for.
    assert {field["name"]: field["value"] for field in form["fields"]}["deposit"] == 100_000_000


def test_who_came_after_a_dropped_step_comes_after_what_that_came_after(asked: Octo) -> None:
    asked("resume", "last", "--reject")
    asked("ask", TEXT, "--review-plan", "--set", "after_2=1", "--set", "agent_2=search", "--set", "step_1=", "--json")
    said = asked("resume", "last", "--json")
    assert plan_of(said) == [("2", "search", "completed", [])]


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        (["after_1=2", "after_2=1"], "plan_circle"),
        (["after_2=1", "order=2,1"], "plan_order"),
        (["agent_1=nobody"], "invalid_value"),
        (["after_1=7"], "invalid_value"),
        (["order=1,9"], "invalid_value"),
        (["order="], "plan_empty"),
        (["order=1,1"], "plan_twice"),
        (["step_1=", "step_2="], "plan_empty"),
    ],
)
def test_edits_that_make_no_plan_are_refused_and_the_question_stays(asked: Octo, edits: list[str], code: str) -> None:
    before = question(asked)
    arguments = [argument for edit in edits for argument in ("--set", edit)]
    said = asked("resume", "last", *arguments, "--json")
    assert (said.status, said.json["error"]["code"]) == (2, code)
    assert question(asked) == before


@pytest.mark.parametrize("flags", [["--revise", "더 짧게"], ["--back", "collaborate"]])
def test_what_a_plan_cannot_be_answered_with_is_refused(asked: Octo, flags: list[str]) -> None:
    said = asked("resume", "last", *flags, "--json")
    assert (said.status, said.json["error"]["code"]) == (2, "action_not_offered")
    assert "approve, submit, reject, defer" in said.json["error"]["message"]
    assert [one["type"] for one in said.json["interrupts"]] == ["plan_review_required"]


def test_a_plan_that_is_turned_down_does_nothing(asked: Octo) -> None:
    said = asked("resume", "last", "--reject", "나중에 할게요", "--json")
    assert (said.status, said.json["documents"]) == (0, [])
    assert {status for _, _, status, _ in plan_of(said)} == {"cancelled"}
    assert "나중에 할게요" in said.json["result"]
    assert said.json["aggregated_data"]["execution_summary"]["hitl_interactions"] == 1
    # It is over: nothing is asked, and what was told before is no answer to this.
    late = asked("resume", "last", "--set", "order=1", "--submit")
    assert (late.status, late.out) == (2, "")
    assert "→ octo resume" in late.err


def test_a_setting_asks_every_time(octo: Octo) -> None:
    octo("config", "set", "plan.review", "true")
    said = octo("ask", "비밀유지계약서 작성해줘", "--json")
    assert [one["type"] for one in said.json["interrupts"]] == ["plan_review_required"]
    assert octo("ask", "안녕", "--json").json["interrupts"] == []


def test_a_pipe_tells_how_to_answer(octo: Octo) -> None:
    told = octo("ask", "Draft an NDA", "--review-plan")
    assert told.status == 3
    assert "| 1. [contract]" in told.err
    assert "--approve" in told.err
    assert "--set order=… --set step_1=…" in told.err


def test_on_a_terminal_a_bad_order_is_told_and_nothing_typed_is_lost(asked: Octo) -> None:
    terminal = asked.terminal("resume", "last")
    terminal.sees("[data]")
    terminal.at("> ", "3\r")
    terminal.at("[1] 담당 * [data]:", "\r")
    terminal.at("[1] 앞 단계:", "2\r")
    terminal.at("[2] 담당 * [contract]:", "\r")
    terminal.at("[2] 앞 단계:", "1\r")
    terminal.at("> ", "1\r")
    terminal.sees("서로를 기다리게")
    terminal.at("> ", "3\r")
    terminal.at("[1] 담당 * [data]:", "\r")
    terminal.at("[1] 앞 단계:", "\r")
    terminal.at("[2] 담당 * [contract]:", "\r")
    terminal.at("[2] 앞 단계:", "\x7f\r")
    terminal.at("> ", "1\r")
    terminal.sees("아직 필요한 항목")
    terminal.child.sendintr()
    terminal.ends()
    said = asked("threads", "inspect", "last", "--json").json
    assert [step["depends_on"] for step in said["plan"]["steps"]] == [[], ["2"]]


def test_one_can_go_back_to_the_plan_and_decide_otherwise(asked: Octo) -> None:
    asked("resume", "last", "--set", "order=1", "--user", "kim")
    back = asked("threads", "rollback", "last", "--to", "review_plan", "--json")
    assert back.status == 0
    assert question(asked)["type"] == "plan_review_required"
    said = asked("resume", "last", "--set", "order=2", "--json", "--no-input")
    assert plan_of(said) == [("2", "contract", "waiting", [])]
    (warning,) = said.json["warnings"]
    assert (warning["code"], "[1] 데이터 분석" in warning["message"]) == ("steps_dropped", True)
    told = asked("threads", "inspect", "last", "--audit", "--json").json["entries"]
    decided = [(entry["actor"], entry["detail"]["changes"]) for entry in told if entry["event"] == "submitted"]
    assert decided == [("user:kim", {"order": "1"}), (decided[1][0], {"order": "2"})]


def test_another_way_is_shown_first_as_well(octo: Octo) -> None:
    notes = octo.folder / "notes"
    notes.mkdir()
    (notes / "deposit.md").write_text("The deposit is returned within ten days.\n", encoding="utf-8")
    octo("config", "set", "search.folders", str(notes))
    octo("ask", "@web deposit", "--review-plan")
    # Without the flag nobody wants to be asked again; with it, only what is left to do is asked about.
    said = octo("resume", "last", "--approve", "--review-plan", "--json")
    (again,) = said.json["interrupts"]
    assert [field["value"] for field in again["fields"] if field["name"].startswith(("order", "agent"))] == [
        "2",
        "search",
    ]
    assert plan_of(octo("resume", "last", "--approve", "--json")) == [
        ("1", "web", "failed", []),
        ("2", "search", "completed", []),
    ]
