"""The offline mind as a whole: it drafts, reviews, sums up and talks."""

import asyncio

import pytest

from octo_cli.documents.catalog import Catalog
from octo_cli.reasoning.base import Reasoner
from octo_cli.reasoning.offline import Offline
from octo_cli.wire.work import AgentCard, Problem, StepResult
from tests.reasoning.samples import TODAY, asked

MIND: Reasoner = Offline()


def said(text: str, *, agents: tuple[AgentCard, ...] | None = None) -> str:
    async def listen() -> str:
        request = asked(text) if agents is None else asked(text, agents=agents)
        intent = await MIND.understand(request)
        return "".join([sentence async for sentence in MIND.answer(request, intent)])

    return asyncio.run(listen())


def test_drafts_and_reviews_are_the_document_types_own() -> None:
    lease = Catalog().find("lease")
    values = {"deposit": 50_000_000, "tenant_name": "홍길동"}
    text = asyncio.run(MIND.draft(lease, values, "ko"))

    assert text == lease.render(values, "ko")
    assert asyncio.run(MIND.review(lease, values, text, language="ko", today=TODAY)) == lease.review(
        values, text, language="ko", today=TODAY
    )


def test_greeting_says_what_can_be_done_here() -> None:
    answer = said("안녕")

    assert answer.startswith("안녕하세요")
    assert "주택 임대차계약서, 비밀유지계약서" in answer


@pytest.mark.parametrize(
    ("text", "word"), [("파이썬으로 퀵소트 짜줘", "코드"), ("sales.csv 분석해줘", "데이터"), ("오늘 날씨 어때?", "웹")]
)
def test_missing_agent_is_named_and_what_helps_instead(text: str, word: str) -> None:
    answer = said(text)

    assert word in answer
    assert "비밀유지계약서" in answer


def test_open_request_says_honestly_that_a_model_is_needed() -> None:
    assert "need a language model" in said("Please write me a poem about the sea")


def test_only_agents_that_are_here_are_offered() -> None:
    offered = said("hello", agents=(AgentCard("contract", {}),))

    assert "Residential Lease Agreement" in offered
    assert "folders" not in offered


def test_unsupported_document_is_answered_with_those_that_exist() -> None:
    answer = said("근로계약서 써줘", agents=())

    assert "근로계약서" in answer
    assert "주택 임대차계약서" in answer


def test_declined_document_is_confirmed() -> None:
    assert said("계약서 쓰지 마") == "알겠습니다. 문서를 작성하지 않았습니다."


def test_thanks_need_no_list() -> None:
    assert "임대차계약서" not in said("고마워")


def summed(*results: StepResult) -> str:
    async def listen() -> str:
        return "".join([text async for text in MIND.summarise(asked("요청"), results)])

    return asyncio.run(listen())


def test_single_result_speaks_for_itself() -> None:
    assert summed(StepResult("1", "contract", "초안", "completed", "완성했습니다.")) == "완성했습니다."


def test_several_results_are_named_with_what_came_of_them() -> None:
    answer = summed(
        StepResult("1", "contract", "임대차계약서 초안 작성", "completed", "lease.md에 썼습니다."),
        StepResult(
            "2", "search", "찾기", "failed", problem=Problem("no_folder", "폴더가 없습니다.", "octo config set")
        ),
        StepResult("3", "contract", "비밀유지계약서 초안 작성", "skipped"),
    )

    assert "3건 가운데 1건" in answer
    assert "lease.md에 썼습니다." in answer
    assert "폴더가 없습니다.\n→ octo config set" in answer
    assert "건너뛰었습니다" in answer
