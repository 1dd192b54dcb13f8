"""Language models by role: which one is asked, what it may cost, and what becomes of an answer that does not fit.

`providers` makes them, `role_model` asks them, `metering` counts, `faults` names what goes wrong, `shapes` reads JSON.
Nothing heavy is imported before the first question. What is asked, and what for, is the mind's affair.
"""

import hashlib
import json
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import aclosing
from functools import cache as once
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import msgspec

from octo_cli.errors import ModelError, UnusableAnswer
from octo_cli.reasoning.base import Message, Role, Warn
from octo_cli.reasoning.models.metering import Meter, working_on
from octo_cli.reasoning.models.providers import KeyFor, Providers
from octo_cli.reasoning.models.shapes import ANSWERED, Shape, answer_text, read, shape_of
from octo_cli.settings import ModelSettings
from octo_cli.wire.work import Usage

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.rate_limiters import InMemoryRateLimiter

    from octo_cli.reasoning.models.role_model import RoleModel

__all__ = ["AnswerCache", "KeyFor", "LanguageModels", "working_on"]

T = TypeVar("T")
# Of what is put to the writer, in characters: beyond this the work is a large one, for the premium model.
LARGE: Final = 8_000
# Ways to an answer of a shape, from what binds a model most to what every server knows.
METHODS: Final = ("json_schema", "function_calling", "json_mode")
# An answer that fell short in one of these ways may come out right when asked for again.
_REPAIRABLE: Final = frozenset({"model_cut_off", "model_refused", "model_empty"})
_MEND: Final = (
    "That answer cannot be used: {error}\nAnswer once more, with one JSON object of the given shape and nothing else."
)


class AnswerCache(Protocol):
    """Answers given before, by key. Whatever is wrong with it is its own affair: it then knows nothing."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, answer: str) -> None: ...


class _Came(NamedTuple):
    """What came of a question for a shape: who said what, by which method, and what already is wrong with it."""

    model: str
    method: str = ""
    text: str = ""
    error: str = ""


class LanguageModels:
    """`reasoning.base.Models` over LangChain's chat models, for one run of one turn.

    `key_for` finds the key of a provider, `spent` is what the turn has used by step (it grows), `cache` is None to
    ask anew each time.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        key_for: KeyFor,
        warn: Warn,
        cache: AnswerCache | None,
        spent: MutableMapping[str, Usage],
    ) -> None:
        self.settings = settings
        self.warn = warn
        self.meter = Meter(settings, spent, warn)
        self.providers = Providers(settings, key_for)
        # How often another model than the one wanted was asked: what it says is not kept as the other's.
        self.given_way = 0
        self._methods: dict[str, tuple[str, ...]] = {}
        self._cache = cache

    async def structured(self, role: Role, messages: Sequence[Message], shape: type[T], *, name: str) -> T:
        wanted, said = shape_of(shape, name), _as_langchain(messages)
        key = self._key(role, messages, wanted)
        if known := await self._known(key, shape):
            return known
        given_way = self.given_way
        for _ in range(2):
            came = await self._shaped(role, said, wanted)
            error = came.error
            if not error:
                try:
                    answer = read(came.text, shape)
                except msgspec.DecodeError as fault:
                    error = str(fault)
                    if not isinstance(fault, msgspec.ValidationError):
                        # No JSON at all: some servers take a schema and pay no heed to it.
                        self.no_more(came.model, came.method)
                else:
                    await self._keep(key, came.text, given_way)
                    return answer
            said = [*said, *_mending(came.text, error)]
        raise UnusableAnswer("model_unusable", model=came.model, name=name)

    async def stream(self, role: Role, messages: Sequence[Message]) -> AsyncIterator[str]:
        key = self._key(role, messages, None)
        if known := await self._known(key, str):
            yield known
            return
        parts, given_way = list[str](), self.given_way
        async with aclosing(self.chat_model(role).astream(_as_langchain(messages))) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if text := str(chunk.text):
                    parts.append(text)
                    yield text
        await self._keep(key, json.dumps("".join(parts)), given_way)

    def chat_model(self, role: Role) -> "RoleModel":
        from octo_cli.reasoning.models.role_model import RoleModel

        return RoleModel.of(role, self)

    def usage(self, step_id: str | None = None) -> Usage:
        return self.meter.usage(step_id)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.providers.aclose()

    # What the role's model asks of it

    def chain(self, role: Role, messages: Sequence["BaseMessage"]) -> tuple[str, ...]:
        """The models to ask, in order: the role's own by setting or by policy, then those to fall back to.

        The policy: telling requests apart is cheap, planning is for the standard model, and so is writing until it
        becomes a large work.
        """
        ours = self.settings
        large = sum(len(message.text) for message in messages) > LARGE
        by_policy = {"router": ours.cheap, "planner": None, "writer": ours.premium if large else None}
        explicit = {"router": ours.router, "planner": ours.planner, "writer": ours.writer}
        return tuple(dict.fromkeys((explicit[role] or by_policy[role] or ours.name, *ours.fallback)))

    def methods(self, model: str) -> tuple[str, ...]:
        """The ways to ask `model` for a shape, best first; `no_more` takes one out that its server does not know."""
        wanted = self.settings.structured
        return self._methods.get(model, METHODS if wanted == "auto" else (wanted,))

    def no_more(self, model: str, method: str) -> None:
        left = tuple(other for other in self.methods(model) if other != method)
        self._methods[model] = left or (method,)

    async def may_ask(self, model: str, messages: Sequence["BaseMessage"], offered: Sequence[Any]) -> int | None:
        """Wait until the pace allows a request; returns the most tokens its answer may have, None for any number.

        Raises ModelError "budget_reached".
        """
        room = self.meter.room(model, messages, offered)
        if self.settings.requests_per_minute:
            await _limiter(self.settings.requests_per_minute).aacquire()
        return room

    async def _shaped(self, role: Role, said: Sequence["BaseMessage"], wanted: Shape) -> "_Came":
        try:
            answer = await self.chat_model(role).ainvoke(list(said), shape=wanted)
        except ModelError as error:
            if error.code not in _REPAIRABLE:
                raise
            return _Came(str(error.values["model"]), error=error.code.removeprefix("model_").replace("_", " "))
        return _Came(**answer.response_metadata[ANSWERED], text=answer_text(answer))

    # Answers given before

    def _key(self, role: Role, messages: Sequence[Message], shape: Shape | None) -> str | None:
        """The same for the same question to the same models, on any machine; None for what is not kept."""
        if self._cache is None or (role == "writer" and not self.settings.cache_writer):
            return None
        names = self.chain(role, _as_langchain(messages))[:1]
        where = [self.providers.base_url(name) for name in names]
        asked = [names, where, messages, shape and shape.schema]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    async def _known(self, key: str | None, kind: type[T]) -> T | None:
        text = await self._cache.get(key) if self._cache and key else None
        try:
            return None if text is None else read(text, kind)
        except msgspec.DecodeError:
            return None

    async def _keep(self, key: str | None, answer: str, given_way: int) -> None:
        if self._cache and key and given_way == self.given_way:
            await self._cache.put(key, answer)


def _as_langchain(messages: Sequence[Message]) -> list["BaseMessage"]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, Any] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[speaker](text) for speaker, text in messages]


def _mending(text: str, error: str) -> list["BaseMessage"]:
    """The answer and what is wrong with it, as words: a broken call echoed as one makes real servers fail."""
    told: list[Message] = [("assistant", text)] if text else []
    return _as_langchain([*told, ("user", _MEND.format(error=error))])


@once
def _limiter(requests_per_minute: int) -> "InMemoryRateLimiter":
    """One pace for the whole process, however many runs it makes."""
    from langchain_core.rate_limiters import InMemoryRateLimiter

    limiter = InMemoryRateLimiter(requests_per_second=requests_per_minute / 60, max_bucket_size=1)
    # It would make the very first request wait as well.
    limiter.available_tokens = 1.0
    return limiter
