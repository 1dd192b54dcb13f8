"""Which providers there are, and how a chat model of one is made. No question is asked of it here."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from octo_cli.errors import ModelError
from octo_cli.settings import ModelSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

KeyFor = Callable[[str], str | None]


class Provider(NamedTuple):
    """`langchain` is its name there, `extra` the extra of Octo's that brings its package (None: always there).

    One that runs on the person's own machine (`local`) needs no key, and its package knows no retries.
    """

    langchain: str
    extra: str | None = None
    local: bool = False


PROVIDERS: Final = {
    "openai": Provider("openai"),
    "anthropic": Provider("anthropic", "anthropic"),
    "google": Provider("google_genai", "google"),
    "mistral": Provider("mistralai", "mistral"),
    "ollama": Provider("ollama", "ollama", local=True),
}
# How a request says the most tokens its answer may have. Others have no word for it that is sure to be taken.
_OUTPUT_BOUND: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    **dict.fromkeys(("openai", "anthropic", "mistral"), lambda tokens: {"max_tokens": tokens}),
    "ollama": lambda tokens: {"options": {"num_predict": tokens}},
}
# The most tokens that an answer of any model may have; a provider refuses a request for more than its own most.
_ANY_MODELS_MOST: Final = 4096
# Servers that speak OpenAI's protocol often want no key, but the client wants one.
_NO_KEY: Final = "none"


class Made(NamedTuple):
    """A chat model, and what is told of it when something goes wrong."""

    chat: "BaseChatModel"
    values: dict[str, object]


def output_bound(made: Made, tokens: int) -> dict[str, Any]:
    """The request's options that keep its answer within `tokens`; none where the model would keep to less by itself."""
    chat: Any = made.chat
    known = (getattr(chat, "max_tokens", None), (getattr(chat, "profile", None) or {}).get("max_output_tokens"))
    most = next((most for most in known if most), _ANY_MODELS_MOST)
    bound = _OUTPUT_BOUND.get(str(made.values["provider"]))
    return bound(tokens) if bound and tokens < most else {}


class Providers:
    """The chat models of one run, each made when it is first asked for."""

    def __init__(self, settings: ModelSettings, key_for: KeyFor) -> None:
        self.settings = settings
        self.key_for = key_for
        self._made: dict[str, Made] = {}
        self._clients = AsyncExitStack()

    async def get(self, model: str) -> Made:
        """The model "provider:name". Raises ModelError: model_unknown_provider, model_no_key, model_extra_missing."""
        if model not in self._made:
            self._made[model] = await self._make(model)
        return self._made[model]

    async def aclose(self) -> None:
        self._made.clear()
        await self._clients.aclose()

    async def _make(self, model: str) -> Made:
        name, _, model_name = model.partition(":")
        provider = PROVIDERS.get(name)
        if provider is None or not model_name:
            raise ModelError("model_unknown_provider", model=model, known=", ".join(PROVIDERS))
        base_url = self.base_url(model)
        values: dict[str, object] = {"model": model, "provider": name, "url": base_url or name}
        key = None if provider.local else await asyncio.to_thread(self.key_for, name)
        if not (key or base_url or provider.local):
            from octo_cli.credentials import variables

            raise ModelError("model_no_key", **values, variable=variables(name)[0])
        try:
            # The first import of a provider takes a second or two, in which Ctrl-C and the lease should be heard.
            with _uncollected():
                chat = await asyncio.to_thread(self._chat, provider, model_name, base_url, key)
        except ImportError as error:
            raise ModelError("model_extra_missing", **values, extra=provider.extra or name) from error
        return Made(chat, values)

    def base_url(self, model: str) -> str | None:
        """The address set, for models of the provider it was set for; else OpenAI's usual variable."""
        provider = model.partition(":")[0]
        if self.settings.base_url and provider == self.settings.name.partition(":")[0]:
            return self.settings.base_url
        return os.environ.get("OPENAI_BASE_URL") or None if provider == "openai" else None

    def _chat(self, provider: Provider, name: str, base_url: str | None, key: str | None) -> "BaseChatModel":
        from langchain.chat_models import init_chat_model
        from pydantic import SecretStr

        options: dict[str, Any] = {"model_provider": provider.langchain}
        if provider.local:
            options["client_kwargs"] = {"timeout": self.settings.timeout}
        else:
            options |= {"timeout": self.settings.timeout, "max_retries": self.settings.retries}
            options["api_key"] = SecretStr(key or _NO_KEY)
        if base_url:
            options["base_url"] = base_url
        if provider.langchain == "openai":
            options |= self._openai_options(base_url)
        chat: BaseChatModel = init_chat_model(name, **options)
        self._own_connections(chat, provider.langchain)
        return chat

    def _own_connections(self, chat: Any, langchain: str) -> None:
        """Libraries share their clients in the process and never close them; ours end with the run."""
        if langchain == "anthropic":
            from anthropic import DefaultAsyncHttpxClient

            client = DefaultAsyncHttpxClient(timeout=self.settings.timeout)
            self._clients.push_async_callback(client.aclose)
            vars(chat)["_async_client"] = chat._async_client.with_options(http_client=client)
        elif langchain == "ollama":
            self._clients.push_async_callback(chat._async_client.close)

    def _openai_options(self, base_url: str | None) -> dict[str, Any]:
        from openai import DefaultAsyncHttpxClient

        client = DefaultAsyncHttpxClient(timeout=self.settings.timeout)
        self._clients.push_async_callback(client.aclose)
        # Its own bound on the wait for a chunk uses `wait_for`, which on Python 3.11 may swallow a Ctrl-C.
        options = {"http_async_client": client, "stream_usage": True, "stream_chunk_timeout": 0}
        # Only OpenAI itself knows the Responses API.
        return {**options, "use_responses_api": False} if base_url else options


@contextmanager
def _uncollected() -> Iterator[None]:
    """What a provider's package imports stays to the process's end; a collector that walks it takes a sixth longer."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()
