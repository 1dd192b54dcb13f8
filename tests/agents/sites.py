"""Real web sites on loopback: pages by path, each free to misbehave on the wire as it likes."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# For https://site.test; valid for a hundred years, and for nothing else.
CERTIFICATE = Path(__file__).with_name("data") / "site.test.pem"

Answer = Callable[["Visit"], None]


class Visit(BaseHTTPRequestHandler):
    """One request, answered by the page of its path."""

    site: "Site"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.site.asked.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.close_connection = True
        answer = self.site.pages.get(self.path.partition("?")[0], page("", status=404))
        try:
            answer(self)
        except OSError:
            return  # the client has heard enough

    do_POST = do_GET  # noqa: N815 (http.server calls it by this name)

    def head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked is in `site.asked`."""


@dataclass
class Site:
    """`asked` holds path, headers and body of every request, in order; `closing` is set when the test is over."""

    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


def page(body: str | bytes, media_type: str = "text/html; charset=utf-8", status: int = 200, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body

    def answer(visit: Visit) -> None:
        visit.head(status, Content_Type=media_type, Content_Length=str(len(raw)), **headers)
        visit.wfile.write(raw)

    return answer


def redirect(to: str, status: int = 302, **headers: str) -> Answer:
    return page("", status=status, Location=to, **headers)


@contextmanager
def serving(pages: dict[str, Answer], *, tls: bool = False) -> Iterator[Site]:
    site = Site(pages)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Visit", (Visit,), {"site": site}))
    server.daemon_threads, server.block_on_close = True, True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
