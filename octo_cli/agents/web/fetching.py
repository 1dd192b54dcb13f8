"""Fetching under guard: checked addresses only, within bounds of size and time. Understands no page.

A host is resolved once, every address it has is checked, and the connection goes to an address that was: a name that
answers differently a moment later leads nowhere. Redirects are followed here, and each is checked like the first.
"""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

import httpx
import msgspec

from octo_cli import __version__
from octo_cli.agents.web import robots
from octo_cli.agents.web.addresses import Networks, address_of, shown, url_of
from octo_cli.agents.web.robots import Robots
from octo_cli.errors import Failed, Passing
from octo_cli.settings import WebSettings

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PRODUCT: Final = "octo"
AGENT: Final = f"{PRODUCT}/{__version__}"
MOST_REDIRECTS: Final = 5
_MOST_ADDRESSES: Final = 4
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Too many requests, or a server that cannot just now.
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_GZIP: Final = zlib.MAX_WBITS | 16
# What `reading` can make text of; nothing said may be anything, and is looked at.
_READABLE: Final = re.compile(r"text/.*|application/(?:xhtml\+xml|(?:[\w.-]+\+)?json|pdf|markdown|octet-stream)|", re.I)


class Fetched(msgspec.Struct, frozen=True):
    """What came: `media_type` in lower case, "" when none was said; `body` decompressed."""

    url: str
    final_url: str
    status: int
    media_type: str
    charset: str | None
    body: bytes


async def resolve(host: str, port: int) -> Sequence[str]:
    """The host's addresses, as the system finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """Fetches pages of one run. Failures are Failed with a `web_…` code and the address.

    Sends no cookies and no keys, uses no proxy: behind one nobody could say where a connection ends.
    """

    def __init__(
        self, settings: WebSettings, language: str, *, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._robots: dict[str, Robots | Failed] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        self._client = httpx.AsyncClient(
            transport=_Pinned(Networks(settings.allow_private), resolve, tls or httpx.create_ssl_context()),
            headers={
                "User-Agent": AGENT,
                "Accept": "text/html, text/markdown, text/plain, application/json, application/pdf, */*;q=0.1",
                "Accept-Encoding": "gzip",
                "Accept-Language": f"{language}, *;q=0.5",
            },
            timeout=httpx.Timeout(settings.timeout, connect=max(1.0, settings.timeout / 3)),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def fetch(self, address: str) -> Fetched:
        """What stands at `address`, within the settings' time and size, robots.txt and redirects included."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await self._followed(url_of(address), obey=self._settings.robots)
        except Failed as exc:
            # Named by the address that was asked for, wherever on the way it failed.
            raise Failed(exc.code, **{**exc.values, "url": shown(address)}) from exc
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Passing("web_timeout", url=shown(address), seconds=f"{self._settings.timeout:g}") from exc
        except httpx.ConnectError as exc:
            raise Passing("web_unreachable", url=shown(address), reason=_reason(exc)) from exc
        except (httpx.HTTPError, zlib.error) as exc:
            raise Passing("web_broken", url=shown(address), reason=_reason(exc)) from exc

    async def _followed(self, url: httpx.URL, *, obey: bool, most: int | None = None) -> Fetched:
        asked = url
        for _ in range(MOST_REDIRECTS + 1):
            try:
                if obey:
                    await self._heed_robots(url)
                answer = await self._answered(url, most)
            except Failed as exc:
                if exc.code == "web_private" and url != asked:
                    # Whose address it is, the site chose and not the person: nothing to allow is offered.
                    raise Failed("web_led_inside", to=shown(str(url))) from exc
                raise
            if isinstance(answer, Fetched):
                return msgspec.structs.replace(answer, url=str(asked))
            if url.scheme == "https" and answer.scheme == "http":
                raise Failed("web_downgrade", to=shown(str(answer)))
            url = answer
        raise Failed("web_redirects", most=MOST_REDIRECTS)

    async def _answered(self, url: httpx.URL, most: int | None) -> Fetched | httpx.URL:
        """What one request brings, or where it sends. `most` bytes are taken and the rest left; None takes all or none.

        `aiter_raw`, because httpx would decompress a chunk into any amount of memory.
        """
        # Nothing of one answer goes into the next request.
        self._client.cookies.clear()
        async with self._client.stream("GET", url) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return _joined(url, response.headers["location"])
            if not 200 <= response.status_code < 300:
                kind = Passing if response.status_code in _BUSY else Failed
                raise kind("web_status", status=response.status_code)
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if most is None and not _READABLE.fullmatch(media_type):
                raise Failed("web_type", type=shown(media_type))
            body = await self._body(response, most)
            return Fetched(str(url), str(url), response.status_code, media_type, response.charset_encoding, body)

    async def _body(self, response: httpx.Response, most: int | None) -> bytes:
        largest = self._settings.max_bytes if most is None else most
        unpack, whole = _unpacking(response), bytearray()
        async for chunk in response.aiter_raw():
            whole += unpack(chunk, largest + 1 - len(whole))
            if len(whole) <= largest:
                continue
            if most is not None:
                return bytes(whole[:largest])
            raise Failed("web_too_large", limit=f"{largest:,}")
        if not unpack.complete:
            raise httpx.DecodingError("the compressed body is cut off")
        return bytes(whole)

    async def _heed_robots(self, url: httpx.URL) -> None:
        origin = f"{url.scheme}://{url.netloc.decode()}"
        async with self._asking.setdefault(origin, asyncio.Lock()):
            if origin not in self._robots:
                self._robots[origin] = await self._rules(url.copy_with(raw_path=b"/robots.txt"))
        rules = self._robots[origin]
        if isinstance(rules, Failed):
            raise rules
        if not rules.allows(url.raw_path.decode("ascii")):
            raise Failed("web_robots")

    async def _rules(self, url: httpx.URL) -> Robots | Failed:
        """A site's rules: without the file all is allowed, while the site cannot give it nothing is (RFC 9309, 2.3.1).

        Raises what a page of the site would, when it cannot be reached at all.
        """
        try:
            fetched = await self._followed(url, obey=False, most=robots.LARGEST)
        except Failed as error:
            if error.code == "web_status" and int(str(error.values["status"])) >= 500:
                return Failed("web_robots_unavailable", status=error.values["status"])
            if error.code in ("web_status", "web_redirects"):
                return Robots()
            raise
        return Robots(fetched.body.decode("utf-8", errors="replace"), PRODUCT)


class _Pinned(httpx.AsyncBaseTransport):
    """Connects to checked addresses. TLS and the Host header keep the name."""

    def __init__(self, networks: Networks, resolve: Resolve, tls: ssl.SSLContext) -> None:
        self._networks = networks
        self._resolve = resolve
        # A kept connection is known by its address alone, and could serve another host's request.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits, retries=1)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        *others, last = (await self._addresses(request.url))[:_MOST_ADDRESSES]
        for address in others:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_pinned(request, last))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Every address of the host. Raises Failed when any of them may not be connected to, or when it has none."""
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(host, port)
            addresses = [address_of(address) for address in found]
        except (OSError, UnicodeError, ValueError) as exc:
            raise Failed("web_unknown_host", host=host) from exc
        if not addresses:
            raise Failed("web_unknown_host", host=host)
        if not all(self._networks.admits(host, port, address) for address in addresses):
            raise Failed("web_private", host=host)
        return [str(address) for address in addresses]


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. What is no address, or one no page should lead to, is a broken answer."""
    try:
        return url_of(str(url.join(location)))
    except (httpx.InvalidURL, ValueError, Failed) as exc:
        raise httpx.RemoteProtocolError(f"location: {shown(location)}") from exc


def _reason(error: Exception) -> str:
    return shown(str(error) or type(error).__name__)


class _Plain:
    complete = True

    def __call__(self, chunk: bytes, most: int) -> bytes:
        return chunk[:most]


class _Gzip:
    """Decompresses, never more than asked for at a time; a stream may be several, one behind the other."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)

    def __call__(self, chunk: bytes, most: int) -> bytes:
        out = self._stream.decompress(chunk, most)
        while self._stream.eof and (rest := self._stream.unused_data.lstrip(b"\0")) and len(out) < most:
            self._stream = zlib.decompressobj(_GZIP)
            out += self._stream.decompress(rest, most - len(out))
        return out

    @property
    def complete(self) -> bool:
        return self._stream.eof


def _unpacking(response: httpx.Response) -> _Plain | _Gzip:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return _Gzip()
    if encoding in ("", "identity"):
        return _Plain()
    raise httpx.DecodingError(f"content-encoding: {encoding}")
