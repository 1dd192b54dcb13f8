"""The main job: one sentence becomes a reviewed, finished lease, through two questions, in one process or many."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.conftest import LEASE, REST, Octo

SUMMARY_KEYS = {
    *("version", "thread_id", "checkpoint_id", "title", "status", "intent", "plan", "format", "result"),
    *("aggregated_data", "interrupts", "documents", "usage", "warnings", "error"),
}
QUESTION_KEYS = {
    *("id", "type", "thread_id", "step_id", "agent", "title", "message", "document_id", "document_type"),
    *("base_revision", "doc_hash", "fields", "editable_fields", "preview", "actions", "created_at", "expires_at"),
    "on_timeout",
}
FIELD_KEYS = {
    *("name", "label", "type", "required", "value", "display", "provenance", "confirmed", "choices", "help", "issues")
}


def test_a_sentence_a_form_an_approval_a_document(octo: Octo) -> None:
    asked = octo("ask", LEASE)
    assert asked.status == 3
    assert asked.out == ""
    thread_id = octo("threads", "list", "--json").json["threads"][0]["thread_id"]
    assert f"octo resume {thread_id[:8]}" in asked.err
    assert "--set landlord_name=" in asked.err

    filled = octo("resume", thread_id, *octo.answered())
    assert filled.status == 3
    assert "--approve" in filled.err
    assert octo.documents == []

    approved = octo("resume", thread_id, "--approve")
    assert approved.status == 0, approved.err
    (document,) = octo.documents
    assert document.name in approved.out
    text = document.read_text(encoding="utf-8")
    for part in (
        "김철수",
        "홍길동",
        "금 오천만원정",
        "금 오십만원정",
        "2027년 3월 1일",
        "2029년 2월 28일",
        "마포구 월드컵북로 396",
    ):
        assert part in text
    assert "____" not in text.partition("## 2.")[0]


def test_json_is_one_object_of_the_fixed_shape_at_every_stop(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json")
    assert asked.status == 3
    summary = asked.json
    assert summary.keys() == SUMMARY_KEYS
    assert summary["status"] == "waiting_human"
    assert summary["intent"]["category"] == "contract"
    assert 0.5 <= summary["intent"]["confidence"] <= 1
    assert summary["intent"]["language"] == "ko"
    (step,) = summary["plan"]["steps"]
    assert step.keys() == {"step_id", "agent", "task", "depends_on", "status"}
    assert (step["agent"], step["status"]) == ("contract", "waiting")
    (question,) = summary["interrupts"]
    assert question.keys() == QUESTION_KEYS
    assert question["type"] == "collaboration_required"
    fields = {field["name"]: field for field in question["fields"]}
    assert all(field.keys() >= FIELD_KEYS for field in fields.values())
    assert (fields["deposit"]["value"], fields["deposit"]["provenance"]) == (50_000_000, "extracted")
    assert (fields["tenant_name"]["value"], fields["rent_amount"]["value"]) == ("홍길동", 500_000)
    assert (fields["start_date"]["value"], fields["term_months"]["value"]) == ("2027-03-01", 24)
    assert "____" in question["preview"]

    filled = octo("resume", summary["thread_id"], *octo.answered(), "--json").json
    (approval,) = filled["interrupts"]
    assert approval["type"] == "approval_required"
    assert approval["doc_hash"] == "sha256:" + hashlib.sha256(approval["preview"].encode()).hexdigest()

    done = octo("resume", summary["thread_id"], "--approve", "--json")
    assert done.status == 0
    finished = done.json
    assert finished["status"] == "completed"
    assert finished["error"] is None
    (document,) = finished["documents"]
    assert document["doc_hash"] == approval["doc_hash"]
    assert Path(document["path"]).read_text(encoding="utf-8") == approval["preview"]
    assert document["path"].endswith(Path(document["path"]).name)
    assert Path(document["path"]).name in finished["result"]
    summary_of_run = finished["aggregated_data"]["execution_summary"]
    assert summary_of_run["hitl_interactions"] == 2
    assert (summary_of_run["total_steps"], summary_of_run["completed_steps"], summary_of_run["failed_steps"]) == (
        1,
        1,
        0,
    )
    answer, insights = finished["aggregated_data"]["final_answer"], finished["aggregated_data"]["insights"]
    answered, worth_knowing, run = finished["result"].rsplit("\n\n", 2)
    assert answered == answer
    told = [insight["description"] for insight in insights if insight["importance"] != "low"][:3]
    assert worth_knowing.splitlines() == ["알아 둘 점:", *(f"- {description}" for description in told)]
    assert run.startswith("— 단계 1개 완료, 질문 2개에 답함 (")


def test_events_are_numbered_and_end_in_the_summary(octo: Octo) -> None:
    events = octo("ask", LEASE, "--events").events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all({"version", "seq", "ts", "thread_id", "type"} <= event.keys() for event in events)
    assert len({event["thread_id"] for event in events}) == 1
    kinds = [event["type"] for event in events]
    assert kinds[0] == "run_started"
    assert kinds.index("intent_recognised") < kinds.index("plan_ready") < kinds.index("step_started")
    assert kinds.count("run_finished") == 1
    assert kinds[-2:] != ["run_finished", "run_finished"]
    assert kinds[-1] == "run_finished"
    assert events[-1]["summary"].keys() == SUMMARY_KEYS
    thread_id = events[0]["thread_id"]
    finished = octo("resume", thread_id, *octo.answered(), "--approve", "--events").events
    kinds = [event["type"] for event in finished]
    assert kinds.count("interrupt_answered") == 2
    assert "document_ready" in kinds
    assert kinds.count("step_finished") == 1
    assert kinds.count("run_finished") == 1
    assert finished[-1]["summary"]["status"] == "completed"
    assert [event["seq"] for event in finished] == list(range(1, len(finished) + 1))


def test_all_in_one_command(octo: Octo) -> None:
    answers = octo.folder / "lease.toml"
    answers.write_text("\n".join(f'{name} = "{value}"' for name, value in REST.items()), encoding="utf-8")
    done = octo("ask", LEASE, "--answers", "lease.toml", "--approve", "-o", "lease.md")
    assert done.status == 0, done.err
    assert "lease.md" in done.out
    assert "김철수" in (octo.folder / "lease.md").read_text(encoding="utf-8")
    assert octo.documents == []


@pytest.mark.parametrize("source", ["json", "-"])
def test_answers_come_from_a_file_or_stdin(octo: Octo, source: str) -> None:
    text = json.dumps({**REST, "payment_day": 25}, ensure_ascii=False)
    (octo.folder / "answers.json").write_text(text, encoding="utf-8")
    done = octo("ask", LEASE, "--answers", "answers.json" if source == "json" else "-", "--approve", stdin=text)
    assert done.status == 0, done.err
    assert len(octo.documents) == 1


def test_answers_by_interrupt_id(octo: Octo) -> None:
    (question,) = octo("ask", LEASE, "--json").json["interrupts"]
    answer = {question["id"]: {"action": "submit", "fields": REST, "base_revision": question["base_revision"]}}
    (octo.folder / "a.json").write_text(json.dumps(answer), encoding="utf-8")
    (approval,) = octo("resume", question["thread_id"], "--answers", "a.json", "--json").json["interrupts"]
    wrong = {approval["id"]: {"action": "approve", "doc_hash": "sha256:0"}}
    (octo.folder / "b.json").write_text(json.dumps(wrong), encoding="utf-8")
    refused = octo("resume", question["thread_id"], "--answers", "b.json", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (2, "text_changed")
    right = {approval["id"]: {"action": "approve", "doc_hash": approval["doc_hash"]}}
    (octo.folder / "c.json").write_text(json.dumps(right), encoding="utf-8")
    assert octo("resume", question["thread_id"], "--answers", "c.json").status == 0


def test_partial_values_are_kept_and_the_rest_is_asked_again(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    again = octo("resume", thread_id, "--set", "landlord_name=김철수", "--json")
    assert again.status == 3
    (question,) = again.json["interrupts"]
    assert question["type"] == "collaboration_required"
    fields = {field["name"]: field for field in question["fields"]}
    assert (fields["landlord_name"]["value"], fields["landlord_name"]["provenance"]) == ("김철수", "user")
    rest = {name: value for name, value in REST.items() if name != "landlord_name"}
    assert octo("resume", thread_id, *octo.answered(rest), "--approve").status == 0


def test_a_question_describes_itself_well_enough_for_a_script(octo: Octo) -> None:
    samples = {
        **{
            "won": "1,000,000원",
            "date": "2027-03-01",
            "period": "24",
            "day": "25",
            "bool": "예",
            "phone": "010-1234-5678",
        },
        **{
            "name": "홍길동",
            "address": "서울특별시 중구 세종대로 110",
            "text": "내용",
            "longtext": "내용",
            "list": "내용",
        },
        **{"integer": "2", "decimal": "84.9", "email": "a@example.com", "account": "국민은행 123-45-6789 홍길동"},
    }
    for text in ("임대차계약서 작성해줘", "Write a lease agreement", "비밀유지계약서 작성해줘", "Draft an NDA"):
        asked = octo("ask", text, "--json").json
        (question,) = asked["interrupts"]
        needed = [field for field in question["fields"] if field["required"] and field["value"] is None]
        assert needed
        values = {f["name"]: f["choices"][0] if f["choices"] else samples[f["type"]] for f in needed}
        done = octo("resume", asked["thread_id"], *octo.answered(values), "--approve", "--json")
        assert done.status == 0, (text, done.err, done.out)
        assert done.json["documents"]


def test_revise_back_and_reject(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    octo("resume", thread_id, *octo.answered())
    (revised,) = octo("resume", thread_id, "--revise", "월세를 55만원으로 바꿔줘", "--json").json["interrupts"]
    fields = {field["name"]: field for field in revised["fields"]}
    assert revised["type"] == "collaboration_required"
    assert (fields["rent_amount"]["value"], fields["rent_amount"]["confirmed"]) == (550_000, False)
    (approval,) = octo("resume", thread_id, "--submit", "--json").json["interrupts"]
    assert "금 오십오만원정" in approval["preview"]
    (form,) = octo("resume", thread_id, "--back", "collaborate", "--json").json["interrupts"]
    assert form["type"] == "collaboration_required"
    assert octo("resume", thread_id, "--submit").status == 3
    rejected = octo("resume", thread_id, "--reject", "조건이 달라졌습니다", "--json")
    assert rejected.status == 0
    assert rejected.json["documents"] == []
    assert rejected.json["plan"]["steps"][0]["status"] == "cancelled"
    assert octo.documents == []


def test_errors_found_after_approval_bring_the_form_back(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, "--json").json["thread_id"]
    wrong = {**REST, "down_payment": "500만원", "balance": "1000만원"}
    assert octo("resume", thread_id, *octo.answered(wrong)).status == 3
    back = octo("resume", thread_id, "--approve", "--json")
    assert back.status == 3
    (question,) = back.json["interrupts"]
    assert question["type"] == "collaboration_required"
    errors = [issue for field in question["fields"] for issue in field["issues"] if issue["level"] == "error"]
    assert "L15" in {issue["rule"] for issue in errors}
    assert octo("resume", thread_id, "--set", "balance=4500만원", "--approve").status == 0


def test_an_edit_makes_a_new_version_through_the_same_questions(octo: Octo) -> None:
    thread_id = octo("ask", LEASE, *octo.answered(), "--approve", "--json").json["thread_id"]
    (first,) = octo.documents
    before = first.read_text(encoding="utf-8")
    asked = octo("ask", "월세를 55만원으로 바꿔줘", "--thread", thread_id, "--json")
    assert asked.status == 3
    (question,) = asked.json["interrupts"]
    fields = {field["name"]: field for field in question["fields"]}
    assert fields["rent_amount"]["value"] == 550_000
    assert fields["landlord_name"]["value"] == "김철수"
    done = octo("resume", thread_id, "--submit", "--approve", "--json")
    (document,) = done.json["documents"]
    assert document["version"] == 2
    assert first.read_text(encoding="utf-8") == before
    assert "금 오십오만원정" in Path(document["path"]).read_text(encoding="utf-8")
    assert len(octo.documents) == 2


def test_two_documents_are_two_parallel_steps_with_two_open_questions(octo: Octo) -> None:
    asked = octo("ask", "임대차계약서랑 비밀유지계약서 작성해줘", "--json").json
    assert asked["plan"]["strategy"] == "parallel"
    questions = asked["interrupts"]
    assert [question["document_type"] for question in questions] == ["lease", "nda"]
    assert octo("inbox", "--json").json["interrupts"] == questions
    nda = questions[1]
    values = {
        f["name"]: {"date": "2027-01-01", "period": "24"}.get(f["type"], "주식회사 가나다")
        for f in nda["fields"]
        if f["required"] and f["value"] is None
    }
    answer = {nda["id"]: {"action": "submit", "fields": values, "base_revision": nda["base_revision"]}}
    (octo.folder / "nda.json").write_text(json.dumps(answer), encoding="utf-8")
    after = octo("resume", asked["thread_id"], "--answers", "nda.json", "--json").json["interrupts"]
    assert {(q["document_type"], q["type"]) for q in after} == {
        ("lease", "collaboration_required"),
        ("nda", "approval_required"),
    }
    assert next(q for q in after if q["document_type"] == "lease")["id"] == questions[0]["id"]


def test_an_existing_file_of_other_content_is_never_overwritten(octo: Octo) -> None:
    (octo.folder / "lease.md").write_text("내 글", encoding="utf-8")
    done = octo("ask", LEASE, *octo.answered(), "--approve", "-o", "lease.md", "--json")
    assert (octo.folder / "lease.md").read_text(encoding="utf-8") == "내 글"
    assert done.json["documents"][0]["path"].endswith("lease-v2.md")
    assert (octo.folder / "lease-v2.md").exists()


def test_an_addition_adds_and_a_correction_takes_the_right_side(octo: Octo) -> None:
    octo("ask", LEASE, *octo.answered(), "--set", "special_terms=재임대 금지; 벽지 원상복구", "--approve")
    octo("ask", "특약에 반려동물 금지 추가해줘", "--thread", "last")
    (question,) = octo("resume", "last", "--json").json["interrupts"]
    fields = {field["name"]: field["value"] for field in question["fields"]}
    assert fields["special_terms"][:2] == ["재임대 금지", "벽지 원상복구"]
    assert any("반려동물" in term for term in fields["special_terms"][2:])
    octo("resume", "last", "--submit", "--approve")
    (question,) = octo("ask", "월세를 55만원이 아니라 60만원으로 해줘", "--thread", "last", "--json").json["interrupts"]
    assert {field["name"]: field["value"] for field in question["fields"]}["rent_amount"] == 600_000


def test_dependent_fields_come_in_one_answer(octo: Octo) -> None:
    asked = octo("ask", LEASE, "--json").json
    broker = {"broker_office": "한빛공인중개사사무소", "broker_name": "이공인"}
    done = octo("resume", asked["thread_id"], *octo.answered({**REST, **broker}), "--approve", "--json")
    assert done.status == 0, done.out
    assert "한빛공인중개사사무소" in octo.documents[0].read_text(encoding="utf-8")
