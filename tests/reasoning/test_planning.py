"""Which steps a request becomes."""

from typing import Any

import pytest
from msgspec import structs

from octo_cli.agents.registry import Registry
from octo_cli.reasoning.intent import understand
from octo_cli.reasoning.planning import plan
from octo_cli.reasoning.topics import topic_of
from octo_cli.wire.work import AgentCard, DocumentRef, Plan, Step
from tests.reasoning.samples import LEASE, NDA, asked


def planned(text: str, *documents: DocumentRef, **more: Any) -> Plan:
    request = asked(text, *documents, **more)
    return plan(request, understand(request))


def inputs_of(text: str, *documents: DocumentRef, **more: Any) -> list[dict[str, Any]]:
    return [step.inputs for step in planned(text, *documents, **more).steps]


def test_one_document_is_one_step() -> None:
    steps = planned("임대차계약서 작성해줘. 임대차계약서에 특약도 넣어줘").steps

    assert [(step.step_id, step.agent, step.task) for step in steps] == [
        ("1", "contract", "주택 임대차계약서 초안 작성")
    ]
    assert steps[0].inputs == {"document_type": "lease"}


def test_two_documents_are_two_independent_steps() -> None:
    made = planned("임대차계약서랑 비밀유지계약서 작성해줘")

    assert made.strategy == "parallel"
    assert [(step.step_id, step.inputs["document_type"], step.depends_on) for step in made.steps] == [
        ("1", "lease", ()),
        ("2", "nda", ()),
    ]


@pytest.mark.parametrize("joint", ["하고 ", "하고, ", "해줘, 그리고 ", "해줘. ", "해서, "])
def test_two_errands_are_told_apart_with_and_without_a_comma(joint: str) -> None:
    made = planned(f"sales.csv를 분석{joint}비밀유지계약서도 작성해줘", agents=Registry().cards())
    assert [step.agent for step in made.steps] == ["data", "contract"]


def test_steps_keep_the_order_of_mention() -> None:
    assert [one["document_type"] for one in inputs_of("draft an NDA and a lease")] == ["nda", "lease"]


def test_declined_document_is_not_drafted() -> None:
    assert inputs_of("비밀유지계약서 말고 임대차계약서 작성해줘") == [{"document_type": "lease"}]
    assert planned("계약서 쓰지 마").steps == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("근로계약서 써줘", "근로계약서"),
        ("상가 임대차계약서 작성해줘", "상가 임대차계약서"),
        ("상가임대차계약서 작성해줘", "상가임대차계약서"),
        ("please draft an employment contract", "employment contract"),
        ("draft a commercial lease", "commercial lease"),
    ],
)
def test_unsupported_document_never_becomes_a_lease(text: str, name: str) -> None:
    assert inputs_of(text) == [{"unsupported": name}]


def test_unnamed_document_is_left_to_be_asked() -> None:
    assert inputs_of("계약서를 작성해주세요") == [{}]
    assert inputs_of("보증금 1억에 월세 200 상가 빌려주려고 하는데 계약서 써줘") == [{}]


def test_chosen_type_answers_the_question() -> None:
    assert inputs_of("계약서를 작성해주세요", chosen={"document_type": "nda"}) == [{"document_type": "nda"}]
    assert inputs_of("근로계약서 써줘", chosen={"document_type": "lease"}) == [{"document_type": "lease"}]


def test_words_of_one_type_imply_it() -> None:
    assert inputs_of("보증금 5천에 월세 50 원룸 빌려주려고 해") == [{"document_type": "lease"}]


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("월세를 55만원으로 바꿔줘", LEASE),
        ("임차인 이름 고쳐줘", LEASE),
        ("change the rent to 550,000", LEASE),
        ("수령자를 김도현으로 바꿔줘", NDA),
        ("임대차계약서 기간을 3년으로 바꿔줘", LEASE),
        ("다시 고쳐줘", NDA),
    ],
)
def test_change_edits_the_document_it_fits(text: str, document: DocumentRef) -> None:
    assert inputs_of(text, NDA, LEASE) == [
        {"document_id": document.document_id, "document_type": document.document_type}
    ]


def test_new_document_is_not_an_edit() -> None:
    assert inputs_of("비밀유지계약서도 하나 작성해줘", LEASE) == [{"document_type": "nda"}]


def test_search_has_its_topic() -> None:
    (step,) = planned("파이썬에 대해 알려주세요").steps

    assert (step.agent, step.inputs) == ("search", {"query": "파이썬"})


def test_search_and_draft_run_side_by_side() -> None:
    made = planned("임대차보호법 찾아보고 임대차계약서 작성해줘")

    assert made.strategy == "parallel"
    assert [step.agent for step in made.steps] == ["search", "contract"]
    assert made.steps[0].inputs == {"query": "임대차보호법"}


def test_draft_that_builds_on_a_search_waits_for_it() -> None:
    made = planned("임대차보호법 찾아보고 그 내용을 바탕으로 임대차계약서 작성해줘")

    assert made.strategy == "sequential"
    assert made.steps[1].depends_on == ("1",)


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        (
            "sales.csv 월별 합계 구하고 지역별 평균 구해줘",
            ["sales.csv 월별 합계 구하고", "sales.csv 지역별 평균 구해줘"],
        ),
        ("a.csv 지역별 합계를 구해줘. 그리고 월별 합계도", ["a.csv 지역별 합계를 구해줘", "a.csv 월별 합계도"]),
        ("a.csv 매출 합계랑 지역별 매출 평균", ["a.csv 매출 합계", "a.csv 지역별 매출 평균"]),
        ("Total by region in a.csv and mean price by day", ["Total by region in a.csv", "a.csv mean price by day"]),
        ("a.csv를 분석하고 b.csv 지역별 합계 구해줘", ["a.csv를 분석하고", "b.csv 지역별 합계 구해줘"]),
        ("a.csv 월별 합계와 일별 합계를 보고서로 써줘", ["a.csv 월별 합계", "a.csv 일별 합계를"]),
        (
            "매출.csv 지역별 매출 합계 구하고 월별 매출 합계도 구해줘. 재고.csv도 분석해줘",
            ["매출.csv 지역별 매출 합계 구하고", "매출.csv 월별 매출 합계도 구해줘", "재고.csv도 분석해줘"],
        ),
        ("total x by region in a.csv, describe b.csv", ["total x by region in a.csv", "describe b.csv"]),
        ("monthly sum of x in a.csv and sum by day in b.csv", ["monthly sum of x in a.csv", "sum by day in b.csv"]),
    ],
)
def test_several_figures_of_a_table_are_several_steps(text: str, tables: list[str]) -> None:
    made = planned(text, agents=Registry().cards())
    assert [(step.agent, step.inputs["query"], step.depends_on) for step in made.steps] == [
        ("data", table, ()) for table in tables
    ]


@pytest.mark.parametrize(
    "text",
    [
        "sales.csv에서 월별 합계와 평균 알려줘",
        "sales.csv 지역별, 월별 합계 구해줘",
        "sales.csv에서 서울의 월별 합계 구하고 상품별 평균 구해줘",
        "total and average amount by region in sales.csv",
        "total amount by region and month in sales.csv",
        "total by region, total by month and total by day in a.csv or b.csv",
    ],
)
def test_one_grouping_a_condition_for_both_or_a_table_that_may_be_either_is_one_question(text: str) -> None:
    (step,) = planned(text, agents=Registry().cards()).steps
    assert step.inputs["query"] == text


@pytest.mark.parametrize(
    ("text", "agent", "query"),
    [
        ("sales.csv 지역별 합계 구해서 보고서로 써줘", "data", "sales.csv 지역별 합계 구해서"),
        ("Total by region in a.csv, and write it up as a report", "data", "Total by region in a.csv"),
        ("파이썬에 대해 찾아서 보고서로 정리해줘", "search", "파이썬"),
        ("find the deposit rules in a report", "search", "deposit rules in a report"),
        ("보고서 만드는 파이썬 코드 짜줘", "code", "보고서 만드는 파이썬 코드 짜줘"),
    ],
)
def test_the_format_of_the_answer_is_not_the_agents_matter(text: str, agent: str, query: str) -> None:
    (step,) = planned(text, agents=Registry().cards()).steps
    assert (step.agent, step.inputs["query"]) == (agent, query)


@pytest.mark.parametrize(
    ("needs", "strategy"),
    [
        ({}, "sequential"),
        ({"1": ()}, "sequential"),
        ({"1": (), "2": ("1",), "3": ("1", "2")}, "sequential"),
        ({"2": ("1",), "1": ()}, "sequential"),
        ({"1": (), "2": (), "3": ("1",)}, "parallel"),
        ({"1": (), "2": ("1",), "3": ("1",)}, "parallel"),
        ({"1": (), "2": ("1",), "3": ("9",)}, "parallel"),
        ({"1": ("2",), "2": ("1",)}, "sequential"),
    ],
)
def test_a_plan_is_parallel_when_two_of_its_steps_need_not_wait_for_each_other(
    needs: dict[str, tuple[str, ...]], strategy: str
) -> None:
    steps = tuple(Step(number, "data", "", before) for number, before in needs.items())
    assert Plan(steps=steps).strategy == strategy
    assert structs.replace(Plan("parallel"), steps=steps).strategy == strategy


def test_agents_that_are_not_here_get_no_steps() -> None:
    assert planned("파이썬으로 퀵소트 짜줘").steps == ()
    assert planned("임대차계약서 작성해줘", agents=(AgentCard("search", {}),)).steps == ()
    assert planned("안녕").steps == ()


def test_task_speaks_the_language_of_the_request() -> None:
    assert planned("change the rent to 550,000", LEASE).steps[0].task == "Edit: Residential Lease Agreement"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("전입신고는 언제까지 해야 하나요?", "전입신고"),
        ("내 문서에서 확정일자에 대해 찾아줘", "확정일자"),
        ("what is a jeonse lease?", "jeonse lease"),
        ("Please tell me about brokerage fees", "brokerage fees"),
        ("알려줘", "알려줘"),
    ],
)
def test_topic_is_what_is_left_of_a_question(text: str, topic: str) -> None:
    assert topic_of(text) == topic


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("전세 3억에 서울 마포구 아파트 계약서 써줘", {"document_type": "lease"}),
        ("전세 보증금 2억에서 2억 1천으로 올려서 갱신하려고 합니다.", {"document_type": "lease"}),
        ("전세 3억에 상가 계약서 써줘", {}),
        ("전세 대출 계약서 써줘", {}),
    ],
)
def test_the_deal_itself_names_the_document(text: str, inputs: dict[str, str]) -> None:
    assert inputs_of(text) == [inputs]


@pytest.mark.parametrize("text", ["지급일을 말일로", "임대인 전화번호는 010-1234-5678"])
def test_a_field_told_without_a_verb_changes_the_document(text: str) -> None:
    assert inputs_of(text, LEASE) == [{"document_id": "d-lease", "document_type": "lease"}]
