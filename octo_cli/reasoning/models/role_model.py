"""The one place every request goes through: a role's chat model, which asks one model after another until one answers.

Metering, budget, pace, faults, half answers, broken tool calls and the fallback chain are met here and nowhere else,
for direct questions and for LangChain's loops with tools alike.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr
from typing_extensions import override

from octo_cli.errors import ModelError, UnusableAnswer
from octo_cli.i18n import LANGUAGES, describe, words
from octo_cli.reasoning.base import Role
from octo_cli.reasoning.models.faults import broken_calls, check_whole, mapped
from octo_cli.reasoning.models.providers import Made, output_bound
from octo_cli.reasoning.models.shapes import ANSWERED, Shape
from octo_cli.settings import OFFLINE

if TYPE_CHECKING:
    from octo_cli.reasoning.models import LanguageModels

_CALL_AGAIN: Final = (
    "Your call of {tools} could not be read: the arguments were not a complete JSON object."
    " Call again with valid JSON, or answer without a tool."
)
T = TypeVar("T")


class Options(NamedTuple):
    """What LangChain's and our own callers ask for beside the messages."""

    stop: list[str] | None
    shape: Shape | None = None
    tools: Sequence[Any] = ()
    rest: dict[str, Any] = {}  # noqa: RUF012 (never written to)

    @property
    def offered(self) -> list[Any]:
        """What a model reads beside the messages."""
        return [*self.tools, *([self.shape.schema] if self.shape else ())]

    @classmethod
    def of(cls, stop: list[str] | None, given: dict[str, Any]) -> "Options":
        given = dict(given)
        return cls(stop, given.pop("shape", None), given.pop("tools", None) or (), given)


class RoleModel(BaseChatModel):
    """A role's models as one LangChain chat model. Only asynchronous, like all that runs in Octo."""

    role: Role
    _models: "LanguageModels" = PrivateAttr()

    @classmethod
    def of(cls, role: Role, models: "LanguageModels") -> "RoleModel":
        made = cls(role=role)
        made._models = models
        return made

    @property
    @override
    def _llm_type(self) -> str:
        return "octo"

    @override
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        # Each model of the chain writes tools down in its own way, when it is asked.
        return self.bind(tools=tools, **kwargs)

    @override
    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("ask with ainvoke or astream")

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options, messages = Options.of(stop, kwargs), sendable(messages)
        names = self._models.chain(self.role, messages)
        for name, following in _with_next(names):
            try:
                answer = await self._answer(name, messages, options)
            except ModelError as error:
                self._give_way(error, name, following)
            else:
                return ChatResult(generations=[ChatGeneration(message=answer)])
        raise AssertionError("the last model answers or raises")

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        options, messages = Options.of(stop, kwargs), sendable(messages)
        names = self._models.chain(self.role, messages)
        for name, following in _with_next(names):
            shown = False
            try:
                async with aclosing(self._chunks(name, messages, options)) as chunks:
                    async for chunk in chunks:
                        shown = shown or bool(chunk.message.content)
                        yield chunk
            except ModelError as error:
                # What a person has read cannot be taken back, and another model would not go on in the same words.
                self._give_way(error, name, None if shown else following)
            else:
                return

    def _give_way(self, error: ModelError, name: str, following: str | None) -> None:
        """Go on to the next model with a warning; raise where there is none, or where it would not help."""
        if following is None or error.code == "budget_reached" or isinstance(error, UnusableAnswer):
            raise error
        self._models.given_way += 1
        reason = {language: describe(error, words(language))[0] for language in LANGUAGES}
        self._models.warn("model_fell_back", model=name, following=following, reason=reason)

    async def _answer(self, name: str, messages: list[BaseMessage], options: Options) -> AIMessage:
        """A whole answer whose tool calls can be read. A broken call is shown to the model once."""
        made = await self._made(name)
        try:
            answer = await self._asked(made, messages, options)
            broken = [] if options.shape else broken_calls(answer)
        except ModelError as error:
            # LangChain cannot even hold arguments that are JSON, but no object.
            if error.code != "model_malformed" or not options.tools:
                raise
            answer, broken = AIMessage(""), ["a tool"]
        if not broken:
            return answer
        # Echoing the broken call would make servers fail; what was wrong with it is told in words.
        told = HumanMessage(_CALL_AGAIN.format(tools=", ".join(broken)))
        said = [AIMessage(answer.text)] if answer.text else []
        answer = await self._asked(made, [*messages, *said, told], options)
        if broken_calls(answer):
            raise ModelError("model_bad_call", **made.values, tool=", ".join(broken))
        return answer

    async def _asked(self, made: Made, messages: list[BaseMessage], options: Options) -> AIMessage:
        options = await self._bounded(made, messages, options)
        answer: AIMessage | None = None
        try:
            if options.shape:
                result = await self._shaped(made, messages, options, options.shape)
            else:
                result = await made.chat._agenerate(messages, stop=options.stop, **_bound(made.chat, options))
            message = result.generations[0].message
            assert isinstance(message, AIMessage)
            message.response_metadata |= result.generations[0].generation_info or {}
            answer = message
        except Exception as error:  # noqa: BLE001 (every SDK raises what it likes)
            # A provider's words may hold the key, and the traceback would print them.
            raise mapped(error, made.values) from None
        finally:
            self._models.meter.add(str(made.values["model"]), messages, answer)
        self._check(answer, made, messages, options, streamed=False)
        return answer

    async def _shaped(self, made: Made, messages: list[BaseMessage], options: Options, shape: Shape) -> ChatResult:
        """An answer of a shape, by the best method the server takes."""
        model = str(made.values["model"])
        for method, following in _with_next(self._models.methods(model)):
            try:
                bound = {**_shape_options(made, method, shape), **options.rest}
                said = [*_described(shape), *messages] if method == "json_mode" else messages
                result = await made.chat._agenerate(said, stop=options.stop, **bound)
            except Exception as error:
                refused = mapped(error, made.values).code in ("model_bad_request", "model_method_unknown")
                if not refused or following is None:
                    raise
                self._models.no_more(model, method)
            else:
                result.generations[0].message.response_metadata[ANSWERED] = {"model": model, "method": method}
                return result
        raise AssertionError("the last method answers or raises")

    async def _chunks(
        self, name: str, messages: list[BaseMessage], options: Options
    ) -> AsyncGenerator[ChatGenerationChunk]:
        made = await self._made(name)
        options = await self._bounded(made, messages, options)
        whole: ChatGenerationChunk | None = None
        stream = made.chat._astream(messages, stop=options.stop, **_bound(made.chat, options))
        try:
            async with aclosing(stream) as chunks:  # type: ignore[type-var]
                while True:
                    async with asyncio.timeout(self._patience(first=whole is None)):
                        chunk = await anext(chunks)
                    whole = chunk if whole is None else whole + chunk
                    yield chunk
        except StopAsyncIteration:
            pass
        except Exception as error:  # noqa: BLE001 (every SDK raises what it likes)
            raise mapped(error, made.values) from None
        finally:
            message = whole.message if whole else None
            self._models.meter.add(str(made.values["model"]), messages, message)  # type: ignore[arg-type]
        if whole is None:
            raise ModelError("model_malformed", **made.values)
        assert isinstance(whole.message, AIMessage)
        whole.message.response_metadata |= whole.generation_info or {}
        self._check(whole.message, made, messages, options, streamed=True)
        if broken := broken_calls(whole.message):
            raise ModelError("model_bad_call", **made.values, tool=", ".join(broken))

    async def _bounded(self, made: Made, messages: list[BaseMessage], options: Options) -> Options:
        """`options` with what a bound leaves of tokens as the most to be written, where the provider takes it."""
        room = await self._models.may_ask(str(made.values["model"]), messages, options.offered)
        return options if room is None else options._replace(rest={**options.rest, **output_bound(made, room)})

    def _check(
        self, answer: AIMessage, made: Made, messages: list[BaseMessage], options: Options, *, streamed: bool
    ) -> None:
        """`check_whole`, where an answer that the turn's own bound cut short is told as that."""
        try:
            check_whole(answer, made.values, streamed=streamed)
        except ModelError as error:
            if error.code == "model_cut_off":
                # Raises when the same again would not fit: then it was no fault of the model's.
                self._models.meter.room(str(made.values["model"]), messages, options.offered)
            raise

    def _patience(self, *, first: bool) -> float:
        """Seconds to wait for the next chunk. Before the first one a provider's SDK may try again, a minute apart."""
        ours = self._models.settings
        return ours.timeout * (ours.retries + 1) + 60 * ours.retries if first else ours.timeout

    async def _made(self, name: str) -> Made:
        if name == OFFLINE:
            raise UnusableAnswer("model_offline_now", model=name)
        return await self._models.providers.get(name)


def _with_next(names: Sequence[T]) -> Iterator[tuple[T, T | None]]:
    return zip(names, (*names[1:], None), strict=True)


def sendable(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages without calls that could not be read: real servers answer 500 to the echo of one."""
    return [
        message.model_copy(update={"invalid_tool_calls": []})
        if isinstance(message, AIMessage) and message.invalid_tool_calls
        else message
        for message in messages
    ]


def _bound(chat: BaseChatModel, options: Options) -> dict[str, Any]:
    if not options.tools:
        return options.rest
    bound: Any = chat.bind_tools(options.tools, **options.rest)
    return dict(bound.kwargs)


def _shape_options(made: Made, method: str, shape: Shape) -> dict[str, Any]:
    """The request's options that ask `chat` for `shape`, as its own package writes them down."""
    strict = {"strict": shape.strict} if method == "json_schema" and made.values["provider"] == "openai" else {}
    try:
        sequence: Any = made.chat.with_structured_output(shape.schema, method=method, **strict)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise ModelError("model_method_unknown", **made.values, method=method) from error
    ours = ("ls_structured_output_format", "structured_output_format")
    return {key: value for key, value in sequence.first.kwargs.items() if key not in ours}


def _described(shape: Shape) -> list[BaseMessage]:
    text = f"Answer with one JSON object, {shape.name}, of exactly this JSON schema, and with nothing else:\n"
    return [SystemMessage(text + json.dumps(shape.schema, ensure_ascii=False))]
