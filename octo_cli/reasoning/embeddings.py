"""MIND: what turns texts into vectors of meaning, by the model the settings name. Keeps and searches nothing."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from octo_cli.credentials import scrub
from octo_cli.errors import ModelError
from octo_cli.reasoning.models.providers import PROVIDERS
from octo_cli.settings import ModelSettings, Settings
from octo_cli.values.text import one_line

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]

_LONGEST_REASON: Final = 200


def provider_of(settings: Settings) -> str:
    """Whose model makes the vectors; "" when none does."""
    return (settings.search.embeddings or "").partition(":")[0]


def embedder(settings: Settings, key: str | None) -> Embed:
    """What embeds texts, in order, with `settings.search.embeddings`; nothing is loaded before the first are.

    It blocks, and raises ModelError for everything that can go wrong: the search then goes by words alone.
    """
    loaded: list[Embeddings] = []

    def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if not loaded:
            loaded.append(_model(settings, key))
        try:
            vectors = loaded[0].embed_documents(list(texts))
        except Exception as exc:
            raise _failed(settings, f"{type(exc).__name__}: {exc}") from exc
        if not _fits(vectors, len(texts)):
            raise _failed(settings, "not one vector a text")
        return vectors

    return embed


def _model(settings: Settings, key: str | None) -> "Embeddings":
    from langchain.embeddings import init_embeddings

    provider = provider_of(settings)
    name = (settings.search.embeddings or "").partition(":")[2]
    if provider not in _OPTIONS or not name:
        raise ModelError(
            "embeddings_unknown", model=settings.search.embeddings, known=", ".join(f"{one}:…" for one in _OPTIONS)
        )
    known, at_address = PROVIDERS[provider], settings.models.base_url is not None and provider == "openai"
    if not (known.local or key or at_address):
        raise ModelError("embeddings_no_key", model=settings.search.embeddings, provider=provider)
    try:
        model: Embeddings = init_embeddings(name, provider=known.langchain, **_OPTIONS[provider](settings.models, key))
    except ImportError as exc:
        raise ModelError(
            "embeddings_extra_missing", model=settings.search.embeddings, extra=known.extra or provider
        ) from exc
    except Exception as exc:
        raise _failed(settings, f"{type(exc).__name__}: {exc}") from exc
    return model


def _openai(models: ModelSettings, key: str | None) -> dict[str, Any]:
    return {
        # A local server asks for no key, the client for one all the same.
        "api_key": key or "none",
        "base_url": models.base_url,
        "timeout": models.timeout,
        "max_retries": models.retries,
        # With the check, texts are sent as OpenAI's own token numbers, which no other server can read.
        "check_embedding_ctx_length": False,
    }


_OPTIONS: Final[Mapping[str, Callable[[ModelSettings, str | None], dict[str, Any]]]] = MappingProxyType(
    {
        "openai": _openai,
        "ollama": lambda models, _: {"base_url": models.base_url} if models.base_url else {},
        "google": lambda _, key: {"google_api_key": key},
        "mistral": lambda models, key: {
            "api_key": key,
            "timeout": int(models.timeout),
            "max_retries": models.retries,
        },
    }
)


def _fits(vectors: object, texts: int) -> bool:
    if not isinstance(vectors, list) or len(vectors) != texts or not all(vectors):
        return False
    return all(len(vector) == len(vectors[0]) and all(isfinite(value) for value in vector) for vector in vectors)


def _failed(settings: Settings, reason: str) -> ModelError:
    said = one_line(scrub(reason))
    return ModelError("embeddings_failed", model=settings.search.embeddings, reason=said[:_LONGEST_REASON])
