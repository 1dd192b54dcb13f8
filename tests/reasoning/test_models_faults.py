"""What a provider does wrong, over real HTTP, and what becomes of it: an answer, a mended one, or a named error."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from llmock.pytest_plugin import LLMock
from msgspec import Struct

from octo_cli.errors import ModelError, UnusableAnswer
from octo_cli.i18n import LANGUAGES, describe, words
from octo_cli.reasoning.base import Message
from octo_cli.reasoning.models import LanguageModels
from octo_cli.settings import ModelSettings
from octo_cli.wire.work import Usage
from tests.models import KEY, MODEL, ModelServer, Reply, serving

T = TypeVar("T")
HELLO: tuple[Message, ...] = (("system", "Be brief."), ("user", "What is this about?"))


class Verdict(Struct, frozen=True):
    category: str
    confidence: float
    keywords: tuple[str, ...] = ()


VERDICT = {"category": "web", "confidence": 0.9, "keywords": ["a", "b"]}


@dataclass
class Tried:
    """Models as a run has them, and what they warned of."""

    settings: ModelSettings
    key: str | None = KEY
    warned: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    spent: dict[str, Usage] = field(default_factory=dict)

    def ask(self, use: Callable[[LanguageModels], Awaitable[T]]) -> T:
        async def asked() -> T:
            models = LanguageModels(
                self.settings, key_for=lambda _: self.key, warn=self._warn, cache=None, spent=self.spent
            )
            try:
                return await use(models)
            finally:
                await models.aclose()

        return asyncio.run(asked())

    def text(self) -> str:
        return self.ask(lambda models: _all(models))

    def verdict(self) -> Verdict:
        return self.ask(lambda models: models.structured("router", HELLO, Verdict, name="Intent"))

    def fails(self, how: Callable[[], Any]) -> ModelError:
        """The error it comes to; also looks that it can be told in both languages and holds no key."""
        with pytest.raises(ModelError) as caught:
            how()
        for language in LANGUAGES:
            message, hint = describe(caught.value, words(language), thread="abcd")
            assert hint
            assert KEY not in message + hint + repr(caught.value)
        return caught.value

    def _warn(self, code: str, **values: object) -> None:
        self.warned.append((code, values))


async def _all(models: LanguageModels) -> str:
    return "".join([text async for text in models.stream("writer", HELLO)])


def at(server: ModelServer, **settings: Any) -> Tried:
    given = {"name": MODEL, "base_url": server.base_url, "retries": 0, "timeout": 5.0, **settings}
    return Tried(ModelSettings(**given))


@pytest.fixture
def second() -> Iterator[ModelServer]:
    with serving() as server:
        yield server


# What comes out right


def test_text_streams_as_it_comes(model_server: ModelServer) -> None:
    model_server.says(Reply(text="안녕하세요. 반갑습니다.", chunks=5))

    async def chunks(models: LanguageModels) -> list[str]:
        return [text async for text in models.stream("writer", HELLO)]

    texts = at(model_server).ask(chunks)
    assert len(texts) == 5
    assert "".join(texts) == "안녕하세요. 반갑습니다."


def test_a_shape_is_asked_for_strictly_and_read(model_server: ModelServer) -> None:
    model_server.knows("Intent", VERDICT)
    assert at(model_server).verdict() == Verdict("web", 0.9, ("a", "b"))
    wanted = model_server.requests[0].body["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted["schema"]["required"] == ["category", "confidence", "keywords"]
    assert wanted["schema"]["additionalProperties"] is False


# One table of what goes wrong

STATUSES = [
    (Reply(status=400, error="no such parameter"), "model_bad_request"),
    (Reply(status=401, error=f"Incorrect API key provided: {KEY}"), "model_key_refused"),
    (Reply(status=403), "model_key_refused"),
    (Reply(status=404), "model_not_found"),
    (Reply(status=429), "model_rate_limited"),
    (Reply(status=429, raw=b'{"error": {"message": "?", "code": "insufficient_quota"}}'), "model_no_credit"),
    (Reply(status=400, error="This model's maximum context length is 100 tokens."), "model_too_long"),
    (Reply(status=500), "model_server_error"),
    (Reply(status=503), "model_server_error"),
]
STREAMS = [
    (Reply(text="half an ans", stop_after=3), "model_cut_off"),
    (Reply(text="all of it", finish=None), "model_cut_off"),
    (Reply(text="too long", finish="length"), "model_cut_off"),
    (Reply(text="", finish="content_filter"), "model_refused"),
    (Reply(text=""), "model_empty"),
    (Reply(raw=b'data: {"choices": [\n\n'), "model_malformed"),
    (Reply(raw=b"<html>proxy</html>"), "model_malformed"),
    (Reply(raw=b""), "model_malformed"),
]
BODIES = [
    (Reply(raw=b"<html>proxy</html>"), "model_malformed"),
    (Reply(raw=b"{}"), "model_malformed"),
    (Reply(raw=b""), "model_malformed"),
    (Reply(raw=b'{"choices": []}'), "model_malformed"),
]


@pytest.mark.parametrize(("reply", "code"), [*STATUSES, *STREAMS])
def test_a_stream_that_goes_wrong_is_named(reply: Reply, code: str, model_server: ModelServer) -> None:
    model_server.says(reply)
    tried = at(model_server)
    assert tried.fails(tried.text).code == code
    assert tried.spent[""].requests == 1


@pytest.mark.parametrize(("reply", "code"), [*STATUSES[1:], *BODIES])
def test_an_answer_that_goes_wrong_is_named(reply: Reply, code: str, model_server: ModelServer) -> None:
    model_server.otherwise(lambda _: reply)
    tried = at(model_server)
    assert tried.fails(tried.verdict).code == code


def test_no_server_is_a_server_that_cannot_be_reached() -> None:
    with serving() as gone:
        pass
    tried = at(gone)
    assert tried.fails(tried.text).code == "model_unreachable"


def test_silence_ends_with_the_timeout_before_and_within_an_answer(model_server: ModelServer) -> None:
    held = Reply(text="It is about", stop_after=0, hold=True), Reply(text="It is about", stop_after=3, hold=True)
    model_server.says(*held)
    tried = at(model_server, timeout=0.3)
    assert tried.fails(tried.text).code == "model_timeout"
    assert tried.fails(tried.text).code == "model_timeout"
    # What a cut answer cost is not told by anyone; it is counted all the same.
    assert tried.spent[""].requests == 2
    assert tried.spent[""].output_tokens > 0


@pytest.mark.parametrize(
    ("settings", "key", "code"),
    [
        ({"name": "openai:gpt-5"}, None, "model_no_key"),
        ({"name": "google:gemini"}, "k", "model_extra_missing"),
        ({"name": "acme:one"}, "k", "model_unknown_provider"),
        ({"name": "gpt-5"}, "k", "model_unknown_provider"),
    ],
)
def test_a_model_that_cannot_be_made_is_named(settings: dict[str, Any], key: str | None, code: str) -> None:
    tried = Tried(ModelSettings(**settings), key)
    assert tried.fails(tried.text).code == code
    assert tried.spent == {}


def test_a_local_server_needs_no_key(model_server: ModelServer) -> None:
    tried = at(model_server)
    tried.key = None
    assert tried.text() == "Understood."


# Mended on the way


def test_a_rate_limit_is_waited_out_as_the_server_asks(llmock: LLMock) -> None:
    llmock.rate_limit(times=2, retry_after=0.1).reply("Done.")
    tried = Tried(ModelSettings(name=MODEL, base_url=llmock.base_url(), retries=3))
    assert tried.text() == "Done."
    llmock.assert_resilient()
    assert [request.status for request in llmock.requests] == [429, 429, 200]


def test_an_outage_is_not_hammered(llmock: LLMock) -> None:
    llmock.outage()
    tried = Tried(ModelSettings(name=MODEL, base_url=llmock.base_url(), retries=1))
    assert tried.fails(tried.text).code == "model_server_error"
    assert len(llmock.requests) == 2


@pytest.mark.parametrize(("fault", "code"), [("truncate", "model_cut_off"), ("corrupt", "model_malformed")])
def test_a_broken_stream_never_passes_for_a_whole_answer(fault: str, code: str, llmock: LLMock) -> None:
    getattr(llmock, fault)(after_chunks=2)
    tried = Tried(ModelSettings(name=MODEL, base_url=llmock.base_url()))
    assert tried.fails(tried.text).code == code


@pytest.mark.parametrize(
    "first",
    [
        Reply(text="I think it is about the web."),
        Reply(text='{"category": "web"}'),
        Reply(text='{"category": 7, "confidence": "high", "keywords": null}'),
        Reply(text='{"category": "we', finish="length"),
        Reply(text=None, refusal="I would rather not."),
        Reply(text=""),
    ],
)
def test_an_answer_that_does_not_fit_is_shown_its_error_once(first: Reply, model_server: ModelServer) -> None:
    model_server.says(first, VERDICT)
    assert at(model_server).verdict().category == "web"
    told = model_server.requests[1].body["messages"]
    assert "cannot be used" in told[-1]["content"]
    assert (told[-2]["content"] == first.text) is (first.finish == "stop" and bool(first.text))


def test_an_answer_that_never_fits_is_unusable_and_not_asked_for_again(model_server: ModelServer) -> None:
    model_server.otherwise(lambda _: Reply(text="{}"))
    tried = at(model_server)
    assert isinstance(tried.fails(tried.verdict), UnusableAnswer)
    assert len(model_server.requests) == 2


def test_a_fenced_answer_is_an_answer(model_server: ModelServer) -> None:
    model_server.says('```json\n{"category": "web", "confidence": 1, "keywords": []}\n```')
    assert at(model_server).verdict() == Verdict("web", 1.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_server_that_knows_no_schemas_is_asked_by_the_next_best_method(model_server: ModelServer) -> None:
    def old(asked: Any) -> Any:
        if "response_format" in asked.body and asked.body["response_format"]["type"] == "json_schema":
            return Reply(status=400, error="response_format json_schema is not supported")
        return VERDICT

    model_server.otherwise(old)

    async def twice(models: LanguageModels) -> list[Verdict]:
        return [await models.structured("router", HELLO, Verdict, name="Intent") for _ in range(2)]

    assert at(model_server).ask(twice) == [Verdict("web", 0.9, ("a", "b"))] * 2
    kinds = ["json_schema" if "response_format" in asked.body else "tools" for asked in model_server.requests]
    assert kinds == ["json_schema", "tools", "tools"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_plainest_server_is_told_the_schema_in_words(model_server: ModelServer) -> None:
    def plain(asked: Any) -> Any:
        kind = asked.body.get("response_format", {}).get("type")
        return VERDICT if kind == "json_object" else Reply(status=400, error="unknown field")

    model_server.otherwise(plain)
    assert at(model_server).verdict().category == "web"
    assert '"confidence"' in model_server.requests[-1].text


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_a_method_that_was_chosen_is_the_only_one(method: str, model_server: ModelServer) -> None:
    model_server.knows("Intent", VERDICT)
    model_server.otherwise(lambda _: VERDICT)
    assert at(model_server, structured=method).verdict().category == "web"
    body = model_server.requests[0].body
    assert {"json_schema": "json_schema", "json_mode": "json_object"}.get(method) == body.get(
        "response_format", {}
    ).get("type")


def test_any_schema_is_answered_by_a_stranger_s_server(llmock: LLMock) -> None:
    tried = Tried(ModelSettings(name=MODEL, base_url=llmock.base_url()))
    assert isinstance(tried.verdict(), Verdict)


# The chain


def test_another_model_takes_over_with_a_warning(model_server: ModelServer) -> None:
    model_server.otherwise(
        lambda asked: Reply(status=500) if asked.body["model"] == "octo-test" else Reply(text="From the other.")
    )
    tried = at(model_server, fallback=("openai:other",))
    assert tried.text() == "From the other."
    ((code, values),) = tried.warned
    assert (code, values["model"], values["following"]) == ("model_fell_back", MODEL, "openai:other")
    for language in LANGUAGES:
        assert words(language).has("warning.model_fell_back")


def test_what_was_read_is_not_taken_over(model_server: ModelServer) -> None:
    model_server.says(Reply(text="half of it", stop_after=3))
    tried = at(model_server, fallback=("openai:other",))
    assert tried.fails(tried.text).code == "model_cut_off"
    assert tried.warned == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_who_pays_no_heed_to_a_schema_is_asked_otherwise_and_nobody_else(model_server: ModelServer) -> None:
    def heedless(asked: Any) -> Any:
        if asked.body["model"] == "octo-test":
            return Reply(status=500)
        return "Sure, the web." if "response_format" in asked.body else VERDICT

    model_server.otherwise(heedless)
    assert at(model_server, fallback=("openai:other",)).verdict().category == "web"
    asked = [(one.body["model"], "response_format" in one.body) for one in model_server.requests]
    assert asked == [("octo-test", True), ("other", True), ("octo-test", True), ("other", False)]


def test_who_gave_no_usable_answer_is_named(model_server: ModelServer) -> None:
    model_server.otherwise(lambda asked: Reply(status=500) if asked.body["model"] == "octo-test" else "[]")
    tried = at(model_server, fallback=("openai:other",))
    error = tried.fails(tried.verdict)
    assert (error.code, error.values["model"]) == ("model_unusable", "openai:other")


def test_offline_in_the_chain_leaves_it_to_the_offline_mind(model_server: ModelServer) -> None:
    model_server.otherwise(lambda _: Reply(status=500))
    tried = at(model_server, fallback=("offline",))
    assert isinstance(tried.fails(tried.verdict), UnusableAnswer)
    assert [code for code, _ in tried.warned] == ["model_fell_back"]


def test_each_role_has_its_model_by_setting_and_by_policy(model_server: ModelServer) -> None:
    async def all_roles(models: LanguageModels) -> None:
        for role in ("router", "planner", "writer"):
            async for _ in models.stream(role, HELLO):
                pass
        async for _ in models.stream("writer", (("user", "a long text " * 1000),)):
            pass

    at(model_server, cheap="openai:small", premium="openai:large").ask(all_roles)
    at(model_server, cheap="openai:small", router="openai:own", writer="openai:pen").ask(all_roles)
    asked = [request.body["model"] for request in model_server.requests]
    assert asked == ["small", "octo-test", "octo-test", "large", "own", "octo-test", "pen", "pen"]
