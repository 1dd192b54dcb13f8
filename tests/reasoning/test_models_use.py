"""What models are used for: loops with tools, bounds and prices, the pace, and answers given before."""

import asyncio
import functools
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.types import Command
from llmock.pytest_plugin import LLMock

from octo_cli.agents import Ask, Done, Kit, Task
from octo_cli.engine.cache import open_cache
from octo_cli.errors import ModelError
from octo_cli.reasoning.base import Message
from octo_cli.reasoning.llm import LanguageMind
from octo_cli.reasoning.models import LanguageModels, working_on
from octo_cli.reasoning.models.faults import check_whole
from octo_cli.reasoning.offline import Offline
from octo_cli.settings import ModelSettings, resolve
from octo_cli.wire.forms import FormField
from octo_cli.wire.work import Usage
from tests.agents.kits import kit_in
from tests.agents.test_kit import CONFIG, INPUT, graph_of
from tests.models import MODEL, ModelServer, Reply
from tests.reasoning.test_models_faults import HELLO, VERDICT, Tried, Verdict, at

PRICED = "openai:gpt-4o-mini"


# Loops with tools


@tool
def capital_of(country: str) -> str:
    """The capital of a country."""
    return f"The capital of {country} is Paris."


async def loop(models: LanguageModels) -> str:
    limit = ModelCallLimitMiddleware[Any, Any](run_limit=6, exit_behavior="error")
    agent: Any = create_agent(models.chat_model("planner"), [capital_of], middleware=[limit])
    done = await agent.ainvoke({"messages": [("user", "What is the capital of France?")]})
    return str(done["messages"][-1].text)


CALL = Reply(tools=(("capital_of", {"country": "France"}),))


def test_a_loop_with_tools_is_metered_like_any_question(model_server: ModelServer) -> None:
    model_server.says(CALL, "It is Paris.")
    tried = at(model_server)
    assert tried.ask(loop) == "It is Paris."
    assert (tried.spent[""].requests, tried.spent[""].input_tokens) == (2, 200)


@pytest.mark.parametrize("arguments", ['{"country": "Fra', '["France"]', "France", ""])
def test_a_call_that_cannot_be_read_is_told_and_never_echoed(arguments: str, model_server: ModelServer) -> None:
    model_server.says(Reply(tools=(("capital_of", arguments),)), CALL, "It is Paris.")
    assert at(model_server).ask(loop) == "It is Paris."
    said = [message for asked in model_server.requests for message in asked.body["messages"]]
    echoed = [call["function"]["arguments"] for message in said for call in message.get("tool_calls") or ()]
    assert echoed == ['{"country": "France"}'] or arguments == ""


def test_calls_that_are_never_readable_end_the_loop(model_server: ModelServer) -> None:
    model_server.otherwise(lambda _: Reply(tools=(("capital_of", "{oops"),)))
    tried = at(model_server)
    assert tried.fails(lambda: tried.ask(loop)).code == "model_bad_call"
    assert len(model_server.requests) == 2


def test_half_of_a_streamed_call_is_no_call(model_server: ModelServer) -> None:
    model_server.says(Reply(tools=(("capital_of", '{"country": "France", "force": tr'),)))

    async def streamed(models: LanguageModels) -> list[Any]:
        bound = models.chat_model("planner").bind_tools([capital_of])
        return [chunk async for chunk in bound.astream("Go.")]

    tried = at(model_server)
    assert tried.fails(lambda: tried.ask(streamed)).code == "model_bad_call"


def test_a_tool_that_does_not_exist_is_told_and_the_loop_goes_on(llmock: LLMock) -> None:
    llmock.call_tool("capital_of", {"country": "France"}).break_tool_call("unknown_tool")
    llmock.call_tool("capital_of", {"country": "France"}).reply("It is Paris.")
    tried = Tried(ModelSettings(name=MODEL, base_url=llmock.base_url()))
    assert tried.ask(loop) == "It is Paris."
    llmock.assert_resilient()


@pytest.mark.parametrize("many", [2, 7])
def test_several_calls_at_once_are_all_answered(many: int, model_server: ModelServer) -> None:
    model_server.says(Reply(tools=CALL.tools * many), "It is Paris.")
    assert at(model_server).ask(loop) == "It is Paris."
    results = [message for message in model_server.requests[1].body["messages"] if message["role"] == "tool"]
    assert len(results) == many


def test_a_dead_model_ends_a_loop_with_its_error_and_no_message(model_server: ModelServer) -> None:
    model_server.says(CALL)
    model_server.otherwise(lambda _: Reply(status=500))
    tried = at(model_server)
    assert tried.fails(lambda: tried.ask(loop)).code == "model_server_error"


# Usage and bounds


def test_usage_is_put_down_to_the_step_that_asked(model_server: ModelServer) -> None:
    model_server.otherwise(lambda _: Reply(text="Yes.", tokens=(1000, 100, 400)))
    tried = at(model_server, name=PRICED)

    async def steps(models: LanguageModels) -> tuple[Usage, Usage, Usage]:
        async def step(step_id: str, times: int) -> None:
            with working_on(step_id):
                for _ in range(times):
                    async for _ in models.stream("writer", HELLO):
                        pass

        await asyncio.gather(step("1", 1), step("2", 2))
        return models.usage("1"), models.usage("2"), models.usage()

    first, second, whole = tried.ask(steps)
    assert first == Usage(PRICED, 1, 1000, 100, pytest.approx(0.00018), 400)  # type: ignore[arg-type]
    assert second.requests == 2
    assert whole == first + second


def test_a_server_that_tells_no_usage_is_counted_about(model_server: ModelServer) -> None:
    model_server.says(Reply(text="word " * 100, tokens=None))
    tried = at(model_server)
    tried.text()
    assert 80 < tried.spent[""].output_tokens < 160


def test_a_bound_holds_over_the_runs_of_a_turn_and_warns_on_the_way(model_server: ModelServer) -> None:
    tried = at(model_server, name=PRICED, max_tokens=300)
    for warned in (0, 0, 1):
        assert len(tried.warned) == warned
        tried.text()
        tried.settings = tried.settings._replace(max_tokens=300)
    error = tried.fails(tried.text)
    assert (error.code, error.values["flag"]) == ("budget_reached", "--max-tokens")
    assert len(model_server.requests) == 3
    tried.settings = tried.settings._replace(max_tokens=400)
    assert tried.text() == "Understood."


def test_a_request_too_large_for_what_is_left_is_not_made(model_server: ModelServer) -> None:
    tried = at(model_server, name=PRICED, max_tokens=300)
    long: list[Message] = [("user", "word " * 1000)]
    error = tried.fails(lambda: tried.ask(lambda models: models.structured("router", long, Verdict, name="Intent")))
    assert (error.code, error.values["used"]) == ("budget_reached", "0")
    assert int(str(error.values["needed"])) > 1000
    dear = at(model_server, name=PRICED, max_cost=0.0001)
    error = dear.fails(lambda: dear.ask(lambda models: models.structured("router", long, Verdict, name="Intent")))
    assert error.values["flag"] == "--max-cost"
    assert model_server.requests == []


def test_an_answer_may_have_no_more_than_what_is_left(model_server: ModelServer) -> None:
    model_server.says(VERDICT, "Hello.", Reply(text="Hel", finish="length", tokens=(10, 60, 0)))
    tried = at(model_server, name=PRICED, max_tokens=320)
    tried.verdict()
    tried.text()
    error = tried.fails(tried.text)
    bounds = [asked.body["max_completion_tokens"] for asked in model_server.requests]
    assert 200 < bounds[0] < 320
    assert 180 < bounds[1] < 200
    assert 60 < bounds[2] < 80
    # It was the bound that cut it, not the model.
    assert error.code == "budget_reached"
    unbounded = at(model_server, name=PRICED, max_tokens=10**6)
    unbounded.text()
    assert "max_completion_tokens" not in model_server.requests[-1].body


def test_a_bound_that_a_provider_went_over_is_told(model_server: ModelServer) -> None:
    model_server.says(Reply(text="Hello.", tokens=(1500, 1500, 0)))
    tried = at(model_server, max_tokens=1800)
    tried.text()
    assert tried.warned == [("budget_over", {"flag": "--max-tokens", "limit": "1800", "used": "3000"})]


def test_a_bound_on_money_holds_and_says_when_it_cannot(model_server: ModelServer) -> None:
    tried = at(model_server, name=PRICED, max_cost=0.00001)
    tried.text()
    assert tried.fails(tried.text).code == "budget_reached"
    unpriced = at(model_server, max_cost=0.00001)
    unpriced.text()
    unpriced.text()
    assert {code for code, _ in unpriced.warned} == {"cost_unknown"}


def test_a_reached_bound_does_not_try_another_model(model_server: ModelServer) -> None:
    tried = at(model_server, max_tokens=120, fallback=("openai:other",))
    tried.text()
    assert tried.fails(tried.text).code == "budget_reached"
    assert len(model_server.requests) == 1


def test_the_pace_is_kept(model_server: ModelServer) -> None:
    tried = at(model_server, requests_per_minute=600)

    async def three(models: LanguageModels) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(3):
            async for _ in models.stream("writer", HELLO):
                pass
        return loop.time() - began

    assert tried.ask(three) >= 0.15


def test_leaving_a_stream_hangs_up(model_server: ModelServer) -> None:
    model_server.says(Reply(text="It goes on and on", stop_after=3, hold=True))

    async def left(models: LanguageModels) -> None:
        async def read() -> None:
            async for _ in models.stream("writer", HELLO):
                seen.set()

        seen = asyncio.Event()
        reading = asyncio.create_task(read())
        await seen.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(model_server.closed_by_client.wait, 5)

    at(model_server, timeout=30).ask(left)


# Answers given before


def cached(server: ModelServer, folder: Path, **settings: Any) -> tuple[Tried, Any]:
    tried = at(server, **settings)
    octo = resolve({}, {"OCTO_HOME": str(folder)}, folder)

    def ask(use: Any) -> Any:
        async def asked() -> Any:
            cache = open_cache(octo, tried._warn)
            models = LanguageModels(
                tried.settings, key_for=lambda _: "k", warn=tried._warn, cache=cache, spent=tried.spent
            )
            try:
                return await use(models)
            finally:
                await models.aclose()

        return asyncio.run(asked())

    return tried, ask


async def verdict(models: LanguageModels) -> Verdict:
    return await models.structured("router", HELLO, Verdict, name="Intent")


async def prose(models: LanguageModels) -> str:
    return "".join([text async for text in models.stream("writer", HELLO)])


def test_a_question_asked_before_is_answered_from_the_cache(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.knows("Intent", VERDICT)
    _, ask = cached(model_server, tmp_path)
    assert ask(verdict) == ask(verdict)
    assert len(model_server.requests) == 1
    _, other = cached(model_server, tmp_path, name="openai:other")
    assert other(verdict) == ask(verdict)
    assert len(model_server.requests) == 2


def test_answers_too_old_to_be_given_are_not_kept(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.knows("Intent", VERDICT)
    for name in ("openai:one", "openai:other"):
        _, ask = cached(model_server, tmp_path, name=name)
        ask(verdict)
        with closing(sqlite3.connect(tmp_path / "cache" / "answers.db")) as database, database:
            assert database.execute("SELECT count(*) FROM cache").fetchone() == (1,)
            database.execute("UPDATE cache SET expiry = 1")


@pytest.mark.parametrize(("cache_writer", "requests"), [(False, 2), (True, 1)])
def test_prose_is_kept_only_when_asked_for(
    cache_writer: bool, requests: int, model_server: ModelServer, tmp_path: Path
) -> None:
    _, ask = cached(model_server, tmp_path, cache_writer=cache_writer)
    assert ask(prose) == ask(prose) == "Understood."
    assert len(model_server.requests) == requests


def test_the_answer_of_another_model_is_not_kept_as_this_one_s(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.says(Reply(status=500), VERDICT, {**VERDICT, "category": "data"})
    _, ask = cached(model_server, tmp_path, fallback=("openai:other",))
    assert [ask(verdict).category for _ in range(3)] == ["web", "data", "data"]


def test_failures_are_never_kept(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.says(Reply(text="{}"), Reply(text="{}"))
    tried, ask = cached(model_server, tmp_path, cache_writer=True)
    assert tried.fails(lambda: ask(verdict)).code == "model_unusable"
    model_server.says(Reply(text="half", finish="length"))
    assert tried.fails(lambda: ask(prose)).code == "model_cut_off"
    model_server.knows("Intent", VERDICT)
    assert (ask(verdict).category, ask(prose)) == ("web", "Understood.")


def test_a_broken_cache_is_a_warning(model_server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "answers.db").write_bytes(b"not a database" * 100)
    model_server.knows("Intent", VERDICT)
    tried, ask = cached(model_server, tmp_path)
    assert ask(verdict).category == "web"
    assert [code for code, _ in tried.warned] == ["cache_unusable"]


def test_a_redis_that_is_not_there_is_a_warning(model_server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[model]\ncache = "redis://127.0.0.1:1/0"\n', encoding="utf-8")
    model_server.knows("Intent", VERDICT)
    tried, ask = cached(model_server, tmp_path)
    assert ask(verdict).category == "web"
    # Which one depends on whether the extra is installed.
    assert [code for code, _ in tried.warned] in (["cache_unusable"], ["cache_extra_missing"])


def test_a_step_s_result_tells_what_the_step_used(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.otherwise(lambda _: Reply(text="Yes.", tokens=(50, 5, 0)))

    async def work(task: Task, kit: Kit) -> Done | Ask:
        assert kit.mind.models is not None
        text = "".join([text async for text in kit.mind.models.stream("writer", HELLO)])
        return Done(text) if task.answers else Ask("?", "Sure?", (FormField("sure", "Sure", "text", True),))

    async def story(models: LanguageModels) -> Any:
        graph = graph_of(work)
        kit = kit_in(tmp_path / "work", mind=LanguageMind(models, Offline(), models.warn))
        raised = (await graph.ainvoke(INPUT, CONFIG, context=kit))["__interrupt__"][0]
        answer = {"action": "submit", "fields": {"sure": "yes"}}
        done = await graph.ainvoke(Command(resume={raised.id: answer}), CONFIG, context=kit)
        return done["results"]["1"]

    result = at(model_server).ask(story)
    assert (result["usage"]["requests"], result["usage"]["input_tokens"]) == (2, 100)


# Other providers


def test_anthropic_speaks_its_own_protocol_behind_the_same_face(llmock: LLMock) -> None:
    tried = Tried(ModelSettings(name="anthropic:claude-test", base_url=llmock.base_url("anthropic"), retries=2))
    llmock.reply("Good day.")
    assert tried.text() == "Good day."
    assert isinstance(tried.verdict(), Verdict)
    assert tried.ask(loop)
    assert {request.provider for request in llmock.requests} == {"anthropic"}
    assert tried.spent[""].requests == len(llmock.requests)


@pytest.mark.parametrize(
    ("status", "code"), [(401, "model_key_refused"), (404, "model_not_found"), (529, "model_server_error")]
)
def test_anthropic_fails_in_the_same_words(status: int, code: str, llmock: LLMock) -> None:
    tried = Tried(ModelSettings(name="anthropic:claude-test", base_url=llmock.base_url("anthropic"), retries=0))
    llmock.fail(status)
    assert tried.fails(tried.text).code == code


@pytest.mark.parametrize("fault", ["truncate", "corrupt", "disconnect"])
def test_half_of_anthropic_s_answer_is_none(fault: str, llmock: LLMock) -> None:
    tried = Tried(ModelSettings(name="anthropic:claude-test", base_url=llmock.base_url("anthropic"), retries=0))
    getattr(llmock, fault)(after_chunks=3)
    assert tried.fails(tried.text).code in ("model_cut_off", "model_malformed", "model_unreachable")


def test_ollama_needs_no_key_and_no_server_is_said(model_server: ModelServer) -> None:
    tried = Tried(ModelSettings(name="ollama:llama3", base_url="http://127.0.0.1:1"), None)
    assert tried.fails(tried.text).code == "model_unreachable"
    lost = Tried(ModelSettings(name="ollama:llama3", base_url=model_server.base_url), None)
    model_server.otherwise(lambda _: Reply(status=404))
    assert lost.fails(lost.text).code == "model_not_found"


def test_openai_s_other_protocol_is_told_whole_from_half(llmock: LLMock) -> None:
    llmock.reply("Good day.")
    responses = ChatOpenAI(model="gpt-5", base_url=llmock.base_url(), use_responses_api=True)

    async def asked() -> AIMessage:
        chunks = [chunk async for chunk in responses.astream("Hello.")]
        await responses.root_async_client.close()
        whole = functools.reduce(lambda one, other: one + other, chunks)
        assert isinstance(whole, AIMessage)
        return whole

    answer = asyncio.run(asked())
    check_whole(answer, {}, streamed=True)
    answer.response_metadata["status"] = "incomplete"
    with pytest.raises(ModelError):
        check_whole(answer, {}, streamed=True)


# Whatever comes back


def absurd(dice: random.Random) -> Reply:
    """An answer nobody would want: any text, any end, up to seven calls of any tool with anything for arguments."""
    arguments = ('{"country": "Fra', '["France"]', "null", "{}", '{"country": 7}', '{"country": "France"}', "", "7")
    calls = tuple((dice.choice(("capital_of", "rm", "")), dice.choice(arguments)) for _ in range(dice.randrange(8)))
    text = dice.choice((None, "", "It is Paris.", '{"category": 1}', "\x1b[2J", "한" * 500))
    finish = dice.choice(("stop", "stop", "stop", "length", "content_filter", "tool_calls", "wibble"))
    tokens = dice.choice((None, (0, 0, 0), (10, 5, 99)))
    return Reply(
        text=text, tools=dice.choice(((), calls)), finish=finish, tokens=tokens, refusal=dice.choice((None, None, "no"))
    )


@pytest.mark.parametrize("seed", range(10))
def test_no_answer_however_absurd_comes_to_more_than_an_error_that_is_told(
    seed: int, model_server: ModelServer
) -> None:
    dice = random.Random(seed)
    model_server.otherwise(lambda _: absurd(dice))
    tried = at(model_server)

    async def twenty(models: LanguageModels) -> list[str]:
        ended = []
        for use in (loop, verdict, prose, loop) * 5:
            try:
                ended.append(type(await use(models)).__name__)
            except (ModelError, ModelCallLimitExceededError) as error:
                ended.append(getattr(error, "code", "limit"))
        return ended

    ended = tried.ask(twenty)
    assert "model_failed" not in ended
    assert tried.spent[""].requests == len(model_server.requests) <= 20 * 12
