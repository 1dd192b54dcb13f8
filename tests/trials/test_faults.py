"""Everything a provider can do wrong, by somebody else's server and through the real door: status 6, or mended.

What failed is the last thing that was done; `octo resume` does that again and nothing before it, as the server's
journal and the thread's history both tell.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Behavior, Fail, Match, Reply, SlowFirstToken, StreamFault, ToolFault

from octo_cli.engine import open_engine
from octo_cli.settings import resolve
from tests.conftest import Octo, Said

QUESTION: Final = "프랑스의 수도는 어디인가요?"
ANSWER: Final = "프랑스의 수도는 파리입니다."
STREAMED, WHOLE, TOOLS = Match(stream=True), Match(stream=False), Match(tools=True)
CONFIG: Final = "[model]\nretries = 1\ntimeout = 2\ncache = 'off'\n"
MODEL: Final = "openai:gpt-4o-mini"


@pytest.fixture
def asking(octo: Octo, llmock: LLMock) -> Octo:
    """Octo with a key, and settings under which a test need not wait."""
    home = Path(octo.environment["OCTO_HOME"])
    home.mkdir()
    (home / "config.toml").write_text(CONFIG, encoding="utf-8")
    octo.environment["OPENAI_API_KEY"] = llmock.env()["OPENAI_API_KEY"]
    return octo


def flags(llmock: LLMock) -> tuple[str, ...]:
    return ("--model", MODEL, "--base-url", llmock.base_url())


def understood(llmock: LLMock, category: str) -> None:
    intent = {"category": category, "confidence": 0.95, "keywords": []}
    llmock.add(Reply(text=json.dumps(intent), match=WHOLE))


def planned(llmock: LLMock) -> None:
    """One step for the code agent."""
    blank = {"document_type": None, "document_name": None, "document_id": None}
    step: dict[str, Any] = {"agent": "code", "task": "look", "query": "", "depends_on": [], **blank}
    llmock.add(Reply(text=json.dumps({"steps": [step]}), match=WHOLE))


def history(octo: Octo) -> list[tuple[str, tuple[str, ...]]]:
    """The thread's checkpoints, oldest first: id and the nodes that come next."""

    async def told() -> list[tuple[str, tuple[str, ...]]]:
        async with open_engine(resolve({}, octo.environment, octo.folder)) as engine:
            return [(record.checkpoint_id, tuple(record.next)) for record in await engine.history("last")]

    return asyncio.run(told())


def failed(said: Said) -> Any:
    """The error of a command that ended for its model's sake: told in one sentence, with what to type next."""
    assert said.status == 6, said
    assert "Traceback" not in said.err
    summary = said.json
    assert (summary["status"], summary["result"]) == ("failed", None)
    assert "octo resume" in summary["error"]["hint"]
    return summary["error"]["code"]


@pytest.mark.parametrize(
    ("fault", "code", "attempts"),
    [
        (Fail(401, match=STREAMED), "model_key_refused", 1),
        (Fail(404, match=STREAMED), "model_not_found", 1),
        (Fail(429, retry_after=0.1, times=2, match=STREAMED), "model_rate_limited", 2),
        (Fail(503, times=2, match=STREAMED), "model_server_error", 2),
        (StreamFault("stall", after_chunks=2), "model_timeout", 1),
        (StreamFault("truncate", after_chunks=2), "model_cut_off", 1),
        (StreamFault("malformed", after_chunks=2), "model_malformed", 1),
        (StreamFault("disconnect", after_chunks=2), "model_unreachable", 1),
        (Reply(text="프랑스의 수", finish_reason="length", match=STREAMED), "model_cut_off", 1),
        (Reply(text=" ", match=STREAMED), "model_empty", 1),
        (Reply(text="", finish_reason="content_filter", match=STREAMED), "model_refused", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_ends_in_status_six_and_only_the_failed_node_is_repeated(
    fault: Behavior, code: str, attempts: int, asking: Octo, llmock: LLMock
) -> None:
    understood(llmock, "chat")
    llmock.add(fault)
    assert failed(asking("ask", QUESTION, "--json", *flags(llmock))) == code
    before, asked = history(asking), len(llmock.requests)
    assert before[-1][1] == ("aggregate",)
    assert asked == 1 + attempts
    if isinstance(fault, Fail):
        # To the server, resuming later is just another try: what it has to say of those comes before.
        llmock.assert_resilient()

    llmock.reply(ANSWER)
    done = asking("resume", "last", "--json", *flags(llmock))
    assert (done.status, done.answer, done.json["error"]) == (0, ANSWER, None)
    # Only the streamed answer was asked for again, and history goes on where it stood.
    assert [request.stream for request in llmock.requests[asked:]] == [True]
    after = history(asking)
    assert after[: len(before)] == before
    nodes = [following for _, following in after[len(before) - 1 :]]
    assert nodes == [("aggregate",), ("choose_output",), ("generate_chat",), ("remember",), ()]


def test_a_rate_limit_that_passes_is_waited_out(asking: Octo, llmock: LLMock) -> None:
    understood(llmock, "chat")
    llmock.add(Fail(429, retry_after=0.3, match=STREAMED)).reply(ANSWER)
    done = asking("ask", QUESTION, *flags(llmock))
    assert (done.status, done.out.strip()) == (0, ANSWER)
    assert [request.status for request in llmock.requests] == [200, 429, 200]
    llmock.assert_resilient()


def test_a_silent_server_is_given_up(asking: Octo, llmock: LLMock) -> None:
    home = Path(asking.environment["OCTO_HOME"])
    (home / "config.toml").write_text("[model]\nretries = 0\ntimeout = 1\ncache = 'off'\n", encoding="utf-8")
    understood(llmock, "chat")
    llmock.add(SlowFirstToken(30))
    assert failed(asking("ask", QUESTION, "--json", *flags(llmock))) == "model_timeout"
    llmock.reply(ANSWER)
    assert asking("resume", "last", *flags(llmock)).out.strip() == ANSWER


def test_without_a_key_nothing_is_asked_and_with_one_it_goes_on(asking: Octo, llmock: LLMock) -> None:
    del asking.environment["OPENAI_API_KEY"]
    assert failed(asking("ask", QUESTION, "--json", "--model", MODEL)) == "model_no_key"
    assert history(asking)[-1][1] == ("understand",)
    understood(llmock, "chat")
    llmock.reply(ANSWER)
    assert asking("resume", "last", *flags(llmock)).out.strip() == ANSWER


# In a loop of model and tools


def in_the_loop(octo: Octo, llmock: LLMock) -> Said:
    understood(llmock, "code")
    planned(llmock)
    return octo("ask", "write code: look at what is here", "--json", *flags(llmock))


def test_a_tool_that_does_not_exist_is_told_to_the_model(asking: Octo, llmock: LLMock) -> None:
    llmock.add(ToolFault("unknown_tool"), Reply(text=None, match=TOOLS))
    done = in_the_loop(asking, llmock)
    assert (done.status, done.json["plan"]["steps"][0]["status"]) == (0, "completed")
    results = [message for message in llmock.requests[-1].body["messages"] if message["role"] == "tool"]
    assert [message["content"] for message in results] == ["There is no such tool."]
    llmock.assert_resilient()


def test_arguments_that_are_no_json_are_mended(asking: Octo, llmock: LLMock) -> None:
    llmock.add(ToolFault("malformed_arguments"))
    llmock.add(Reply(tool_calls=(), text=None, match=TOOLS), Reply(text=ANSWER, match=TOOLS))
    done = in_the_loop(asking, llmock)
    assert (done.status, done.answer) == (0, ANSWER)
    assert "could not be read" in llmock.requests[-1].body["messages"][-1]["content"]
    # The echo of a broken call makes real servers fail.
    assert not any(message.get("tool_calls") for message in llmock.requests[-1].body["messages"])


def test_arguments_that_never_are_json_end_the_run_and_only_that_turn_is_repeated(asking: Octo, llmock: LLMock) -> None:
    llmock.add(ToolFault("malformed_arguments", times=2))
    assert failed(in_the_loop(asking, llmock)) in ("model_bad_call", "model_malformed")
    before, asked = history(asking), len(llmock.requests)
    llmock.add(Reply(text=ANSWER, match=TOOLS))
    done = asking("resume", "last", "--json", *flags(llmock))
    assert (done.status, done.answer) == (0, ANSWER)
    assert len(llmock.requests) == asked + 1
    assert history(asking)[: len(before)] == before
