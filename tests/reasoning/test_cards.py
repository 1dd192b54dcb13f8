"""Which agent a request goes to by the agents' cards alone, and what the built-in trades are told."""

from typing import Any

import pytest

from octo_cli.reasoning.base import LOW_CONFIDENCE
from octo_cli.reasoning.intent import understand
from octo_cli.reasoning.planning import plan
from octo_cli.reasoning.talk import paragraphs
from octo_cli.wire.work import AgentCard, Plan
from tests.reasoning.samples import asked

EMAIL = AgentCard(
    "email",
    {"ko": "이메일을 씁니다.", "en": "Writes e-mails."},
    examples=("팀장님께 휴가 신청 메일 써줘", "Draft an email to Bob about the meeting"),
    keywords=("메일", "이메일", "e-mail", "email"),
)
MCP = AgentCard("mcp", {"ko": "MCP", "en": "MCP"}, keywords=("mcp", "calc.", "calc__"))
ALL = (*(AgentCard(name, {}) for name in ("contract", "search", "web", "data", "code")), EMAIL, MCP)


def planned(text: str, agents: tuple[AgentCard, ...] = ALL) -> Plan:
    request = asked(text, agents=agents)
    return plan(request, understand(request))


def steps_of(text: str, agents: tuple[AgentCard, ...] = ALL) -> list[tuple[str, dict[str, Any]]]:
    return [(step.agent, step.inputs) for step in planned(text, agents).steps]


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("메일 써줘", "email"),
        ("내일 회의 건으로 팀장님께 메일 작성해줘", "email"),
        ("Draft an e-mail to Bob", "email"),
        ("email Bob about the meeting", "email"),
        ("@email 안녕하세요", "email"),
        ("email: hello", "email"),
        ("메일에 대해 알려줘", "search"),
        ("받은 메일에서 계약금 찾아줘", "search"),
        ("임대차계약서 작성해줘. 임차인 이메일 a@b.com", "contract"),
        ("mcp 도구 목록 보여줘", "mcp"),
        ('calc.add {"a": 1}', "mcp"),
        ("calc.add 실행해줘", "mcp"),
        ("https://example.com/a", "web"),
        ("www.example.com 요약해줘", "web"),
        ("https://example.com/python/news/lease.csv", "web"),
        ("이 링크 요약해줘", "web"),
        ("sales.csv", "data"),
        ("없는파일.xlsx", "data"),
        ("app.db 분석해줘", "data"),
        ("notes.md", "search"),
        ("main.py", "code"),
        ("```python\nprint(1)\n```", "code"),
        ("실행해줘: print(1)", "code"),
        ("run this: ls -la", "code"),
        ("@search 파이썬", "search"),
        ("code: 임대차계약서", "code"),
    ],
)
def test_a_request_goes_to_whom_it_means(text: str, agent: str) -> None:
    intent = understand(asked(text, agents=ALL))

    assert intent.category == agent
    assert intent.confidence >= LOW_CONFIDENCE
    assert [step.agent for step in planned(text).steps] == [agent]


def test_without_its_card_nobody_is_meant() -> None:
    built_in = ALL[:5]

    assert understand(asked("메일 써줘", agents=built_in)).category == "chat"
    assert understand(asked("@email 안녕하세요", agents=built_in)).category == "chat"


def test_two_examples_words_are_likeness_and_one_is_none() -> None:
    told = (AgentCard("leave", {"ko": "휴가"}, examples=("연차 휴가 신청서 제출해줘",)),)

    assert understand(asked("휴가 신청서 제출해줘", agents=told)).category == "leave"
    assert understand(asked("휴가 가고 싶다", agents=told)).category == "chat"


@pytest.mark.parametrize(
    ("text", "agents"),
    [
        ("https://example.com/a 요약하고 비밀유지계약서도 작성해줘", ["web", "contract"]),
        ("이 URL 요약하고 비밀유지계약서도 작성해줘", ["web", "contract"]),
        ("summarise https://example.com/a and draft an NDA", ["web", "contract"]),
        ("sales.csv를 분석하고 보고서로 써줘", ["data"]),
        ("sales.csv 분석하고 임대차계약서 작성해줘", ["data", "contract"]),
        ("임대차계약서 작성하고 이메일도 써줘", ["contract", "email"]),
        ("파이썬으로 퀵소트 짜고 임대차계약서 작성해줘", ["code", "contract"]),
        ("https://a.kr 요약하고 https://b.kr 번역해줘", ["web"]),
        ("비밀유지계약서 작성해줘. 수령자는 파이썬 프로그램을 개발하고 납품한다", ["contract"]),
    ],
)
def test_each_errand_has_its_step(text: str, agents: list[str]) -> None:
    assert [step.agent for step in planned(text).steps] == agents


def test_a_step_that_uses_a_result_waits_for_it() -> None:
    made = planned("sales.csv 분석해서 결과를 메일로 써줘")

    assert [(step.agent, step.depends_on) for step in made.steps] == [("data", ()), ("email", ("1",))]
    assert made.steps[1].inputs["query"] == "결과를 메일로 써줘"


def test_an_errand_nobody_does_is_named() -> None:
    made = planned("임대차계약서 작성하고 파이썬 코드도 짜줘", ALL[:2])

    assert [step.agent for step in made.steps] == ["contract"]
    assert made.unserved == ("코드 작성: 파이썬 코드 짜줘",)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("https://example.com/a를 요약해줘", {"urls": ["https://example.com/a"]}),
        ("웹에서 임대차보호법 찾아줘", {"query": "웹에서 임대차보호법"}),
        ("sales.csv 지역별 합계", {"query": "sales.csv 지역별 합계"}),
        ("실행해줘: print(1)", {"query": "실행해줘: print(1)"}),
    ],
)
def test_a_trade_is_told_what_it_works_on(text: str, inputs: dict[str, Any]) -> None:
    assert [told for _, told in steps_of(text)] == [inputs]


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("실행해줘: print(6*7)", "코드 실행: print(6*7)"),
        ("run this: ls -la", "Run ls -la"),
        ("파이썬으로 퀵소트 짜줘", "코드 작성: 파이썬으로 퀵소트 짜줘"),
        ("이 코드의 버그 찾아줘\n```python\nprint(1\n```", "코드 작성: "),
    ],
)
def test_code_is_run_or_written(text: str, task: str) -> None:
    (step,) = planned(text).steps
    assert step.task.startswith(task)


def test_a_hostile_card_is_only_words() -> None:
    hostile = AgentCard("bad", {"ko": "\x1b[2J(", "en": "("}, examples=("((((", "[a-"), keywords=("(", "[", " ", "a+*"))

    assert understand(asked("임대차계약서 작성해줘", agents=(*ALL, hostile))).category == "contract"
    request = asked("안녕", agents=(hostile,))
    assert "\x1b" not in "".join(paragraphs(request, understand(request)))


def test_abilities_name_what_other_packages_do() -> None:
    request = asked("뭘 할 수 있어?", agents=(*ALL[:2], EMAIL))

    assert "이메일을 씁니다." in " ".join(paragraphs(request, understand(request)))
