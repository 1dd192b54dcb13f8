"""Search engines: a query in, addresses with their titles and excerpts out. Reads no page.

The engine is the person's own choice, so it may stand anywhere, on this machine too; what it finds is fetched under
guard like any address. A key goes to its engine and nowhere else: no redirect is followed.
"""

import asyncio
import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx
import msgspec

from octo_cli.agents.web.addresses import shown
from octo_cli.agents.web.fetching import AGENT
from octo_cli.credentials import find, variables
from octo_cli.errors import Failed, Passing
from octo_cli.settings import WebSettings
from octo_cli.values.text import one_line

TAVILY: Final = "https://api.tavily.com"
BRAVE: Final = "https://api.search.brave.com"
# Characters; Tavily and Brave take no more.
LONGEST_QUERY: Final = 400
_LARGEST: Final = 5_000_000
_LONGEST_SNIPPET: Final = 500
_TAG: Final = re.compile(r"</?[a-z][^>]{0,100}>", re.I)


class Hit(NamedTuple):
    """One result, as the engine shows it."""

    url: str
    title: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: what asks it, and what its answer holds. `name` is what the settings call it."""

    name: str
    request: Callable[[str, int], httpx.Request]
    hits: Callable[[bytes], Sequence[Hit]]


class _Result(msgspec.Struct):
    """A result of any of them; each has its own word for the excerpt."""

    url: str
    title: str | None = None
    content: str | None = None
    description: str | None = None


class _Results(msgspec.Struct):
    results: list[_Result] = []


class _Brave(msgspec.Struct):
    web: _Results = msgspec.field(default_factory=_Results)


def searxng(address: str) -> Engine:
    # SearXNG gives whole pages of results, however many are wanted.
    def request(query: str, _most: int) -> httpx.Request:
        return httpx.Request("GET", f"{address}/search", params={"q": query, "format": "json"})

    return Engine("searxng", request, lambda body: _hits(msgspec.json.decode(body, type=_Results)))


def tavily(key: str, base: str = TAVILY) -> Engine:
    def request(query: str, most: int) -> httpx.Request:
        sent = {"query": query, "max_results": most}
        return httpx.Request("POST", f"{base}/search", json=sent, headers={"Authorization": f"Bearer {key}"})

    return Engine("tavily", request, lambda body: _hits(msgspec.json.decode(body, type=_Results)))


def brave(key: str, base: str = BRAVE) -> Engine:
    def request(query: str, most: int) -> httpx.Request:
        headers = {"X-Subscription-Token": key}
        return httpx.Request(
            "GET", f"{base}/res/v1/web/search", params={"q": query, "count": str(most)}, headers=headers
        )

    return Engine("brave", request, lambda body: _hits(msgspec.json.decode(body, type=_Brave).web))


_WITH_A_KEY: Final[dict[str, Callable[[str], Engine]]] = {"tavily": tavily, "brave": brave}


def configured(settings: WebSettings, environment: Mapping[str, str]) -> Engine:
    """The engine the settings name, or else the first that has what it needs.

    Raises Failed: `web_search_unset` when there is none, `web_search_no_address` or `web_search_no_key`.
    """
    if settings.search == "searxng" and not settings.searxng_url:
        raise Failed("web_search_no_address")
    if settings.searxng_url and settings.search in (None, "searxng"):
        return searxng(settings.searxng_url)
    for name in (settings.search,) if settings.search else tuple(_WITH_A_KEY):
        if credential := find(name, environment):
            return _WITH_A_KEY[name](credential.secret)
    if settings.search:
        raise Failed("web_search_no_key", engine=settings.search, variable=variables(settings.search)[0])
    raise Failed("web_search_unset")


async def search(engine: Engine, query: str, *, most: int, seconds: float) -> Sequence[Hit]:
    """The first `most` results. Raises Failed (`web_search_refused`, `web_search_failed`)."""
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(headers={"User-Agent": AGENT}, timeout=seconds) as client,
        ):
            body = await _answered(client, engine, engine.request(query[:LONGEST_QUERY], most))
        return engine.hits(body)[:most]
    except TimeoutError as exc:
        raise Passing("web_search_failed", engine=engine.name, reason=f"> {seconds:g} s") from exc
    except (httpx.HTTPError, msgspec.DecodeError) as exc:
        reason = shown(str(exc) or type(exc).__name__)
        raise Passing("web_search_failed", engine=engine.name, reason=reason) from exc


async def _answered(client: httpx.AsyncClient, engine: Engine, request: httpx.Request) -> bytes:
    request.headers.update({"User-Agent": AGENT, "Accept": "application/json"})
    response = await client.send(request, stream=True)
    try:
        if response.status_code in (401, 403):
            refused = "web_search_no_json" if engine.name == "searxng" else "web_search_refused"
            raise Failed(refused, engine=engine.name, status=response.status_code)
        if response.status_code != 200:
            raise Failed("web_search_failed", engine=engine.name, reason=f"HTTP {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise Failed("web_search_failed", engine=engine.name, reason=f"> {_LARGEST:,} B")
        return bytes(body)
    finally:
        await response.aclose()


def _hits(results: _Results) -> list[Hit]:
    return [
        Hit(result.url, _plain(result.title), _plain(result.content or result.description)[:_LONGEST_SNIPPET])
        for result in results.results
    ]


def _plain(text: str | None) -> str:
    """Engines mark the words they found with tags."""
    return one_line(html.unescape(_TAG.sub("", text or "")))
