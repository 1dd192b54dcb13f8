"""Language models to talk to: a scripted server that speaks OpenAI's protocol, on loopback. No test of its own.

`llmock` (its own fixture, from PyPI) answers any schema by itself and breaks on demand; this server is for the rest: it
says exactly what a test wrote, to whichever question was asked, and keeps a journal of what the client really sent.

    model_server.says("Hello.")                         # the next answer, streamed or not as the client asks
    model_server.says(Reply(tools=(("fetch", {"url": …}),)))
    model_server.knows("Intent", {"category": "web", …})  # every answer of the shape of that name
    model_server.otherwise(lambda asked: …)             # everything else
    octo("ask", "…", *model_server.flags)
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

MODEL = "openai:octo-test"
KEY = "sk-octo-test-7f3a9c51e2"


@dataclass(frozen=True)
class Reply:
    """One answer. `finish` None ends a stream cleanly without saying why; `raw` replaces the body, whatever it is.

    `tools` are (name, arguments) with arguments as JSON values, or as the very text the model wrote. `chunks` is how
    often the text is cut in a stream; after `stop_after` of them the stream ends (`hold`: it stays open and is silent).
    `tokens` are (input, output, of the input cached). With `refusal`, that is said instead of the text.
    """

    text: str | None = None
    tools: tuple[tuple[str, Any], ...] = ()
    finish: str | None = "stop"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    chunks: int = 4
    stop_after: int | None = None
    hold: bool = False
    tokens: tuple[int, int, int] | None = (100, 20, 0)
    refusal: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it came: its JSON body and its headers (names in lower case)."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def shape(self) -> str | None:
        """The name of the shape that was asked for, by whichever method."""
        wanted = self.body.get("response_format") or {}
        if wanted.get("type") == "json_schema":
            return str(wanted["json_schema"]["name"])
        choice = self.body.get("tool_choice")
        return str(choice["function"]["name"]) if isinstance(choice, dict) else None

    @property
    def text(self) -> str:
        """Everything that was said to the model, as one text."""
        return "\n".join(str(message.get("content") or "") for message in self.body.get("messages", ()))


Script = Callable[[Asked], Reply | str | Mapping[str, Any]]


class ModelServer:
    """What a test says to and asks of the server. Answers are taken in the order: said, known, otherwise."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.requests: list[Asked] = []
        self.closed_by_client = threading.Event()
        self.released = threading.Event()
        self._said: deque[Reply | str | Mapping[str, Any]] = deque()
        self._known: dict[str, Any] = {}
        self._otherwise: Script = lambda _: Reply(text="Understood.")

    @property
    def flags(self) -> tuple[str, ...]:
        """What makes `octo` ask this server."""
        return ("--model", MODEL, "--base-url", self.base_url)

    def says(self, *replies: Reply | str | Mapping[str, Any]) -> None:
        self._said.extend(replies)

    def knows(self, shape: str, answer: Mapping[str, Any] | Callable[[Asked], Mapping[str, Any]]) -> None:
        self._known[shape] = answer

    def otherwise(self, script: Script) -> None:
        self._otherwise = script

    def reply(self, asked: Asked) -> Reply:
        self.requests.append(asked)
        found = self._said.popleft() if self._said else self._known.get(asked.shape or "") or self._otherwise(asked)
        if callable(found):
            found = found(asked)
        if isinstance(found, Mapping):
            text = json.dumps(found, ensure_ascii=False)
            offered = {tool["function"]["name"] for tool in asked.body.get("tools", ())}
            return Reply(tools=((asked.shape or "", found),)) if asked.shape in offered else Reply(text=text)
        return Reply(text=found) if isinstance(found, str) else found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # A stream ends with its connection: the trap that a cut one looks whole.
    model: ModelServer

    def do_GET(self) -> None:
        self._send(json.dumps({"object": "list", "data": [{"id": "octo-test", "object": "model"}]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = self.model.reply(Asked(self.path, body, {name.lower(): value for name, value in self.headers.items()}))
        with suppress(ConnectionError):
            self._answer(reply, body)

    def _answer(self, reply: Reply, body: Mapping[str, Any]) -> None:
        if reply.status != 200 and reply.raw is None:
            error = {"message": reply.error or "scripted", "type": "scripted", "param": None, "code": None}
            self._send(json.dumps({"error": error}).encode(), reply)
        elif reply.raw is not None:
            self._send(reply.raw, reply, "text/event-stream" if body.get("stream") else "application/json")
        elif body.get("stream"):
            self._stream(reply, body)
        else:
            self._send(json.dumps(_completion(reply, body)).encode(), reply)

    def _stream(self, reply: Reply, body: Mapping[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for number, chunk in enumerate(_chunks(reply, body)):
            if number == reply.stop_after:
                if reply.hold:
                    self._hold()
                return
            self._line(json.dumps(chunk, ensure_ascii=False))
        self._line("[DONE]")

    def _hold(self) -> None:
        """Silent until the client hangs up or the test is over."""
        self.connection.settimeout(0.05)
        while not self.model.released.is_set():
            try:
                if not self.connection.recv(1):
                    self.model.closed_by_client.set()
                    return
            except TimeoutError:
                continue

    def _line(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def _send(self, body: bytes, reply: Reply | None = None, kind: str = "application/json") -> None:
        self.send_response(reply.status if reply else 200)
        headers = {"content-type": kind, "content-length": str(len(body)), **(reply.headers if reply else {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the screen of a test."""


def _usage(reply: Reply) -> dict[str, Any] | None:
    if reply.tokens is None:
        return None
    read, written, cached = reply.tokens
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _tool_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "index": number,
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(reply.tools)
    ]


def _finish(reply: Reply) -> str | None:
    return "tool_calls" if reply.tools and reply.finish == "stop" else reply.finish


def _completion(reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.tools:
        message["tool_calls"] = _tool_calls(reply)  # type: ignore[assignment]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(reply)}],
        "usage": _usage(reply),
    }


def _chunks(reply: Reply, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body.get("model", "")}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    text = reply.text or ""
    size = max(1, -(-len(text) // reply.chunks))
    for start in range(0, len(text), size):
        yield chunk({"content": text[start : start + size]})
    if reply.refusal:
        yield chunk({"refusal": reply.refusal})
    for call in _tool_calls(reply):
        yield chunk({"tool_calls": [call]})
    if reply.finish:
        yield chunk({}, _finish(reply))
    if (body.get("stream_options") or {}).get("include_usage") and (usage := _usage(reply)):
        yield {**head, "choices": [], "usage": usage}


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A scripted model server on a free port of loopback."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.model = model = ModelServer(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    with serving() as model:
        yield model
