"""A model server on loopback that says what a test scripted, in OpenAI's protocol, and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_openai import ChatOpenAI

from octo_cli.reasoning.offline import Offline


def says(text: str, *, finish: str | None = "stop") -> dict[str, Any]:
    """A turn that ends the loop."""
    return {"message": {"role": "assistant", "content": text}, "finish_reason": finish}


def calls(*wanted: tuple[str, Any]) -> dict[str, Any]:
    """A turn that calls tools, each as (name, arguments); arguments that are a text are sent as they are."""
    tool_calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
        }
        for number, (name, args) in enumerate(wanted)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": tool_calls}
    return {"message": message, "finish_reason": "tool_calls"}


@dataclass
class Server:
    """`script` is said turn by turn, its last turn for ever; `sent` are the requests' bodies."""

    script: Sequence[dict[str, Any]]
    address: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)

    def chat_model(self, role: str) -> ChatOpenAI:
        return ChatOpenAI(model="scripted", base_url=self.address, api_key="none", timeout=10, max_retries=0)

    def results(self) -> list[str]:
        """What the last request told the model about its calls."""
        return [message["content"] for message in self.sent[-1]["messages"] if message["role"] == "tool"]


class Thinking(Offline):
    """The offline mind with a model beside it, as far as an assistant needs one."""

    def __init__(self, server: Server) -> None:
        self.models = server  # type: ignore[assignment]


@contextmanager
def serving(*script: dict[str, Any]) -> Iterator[Server]:
    server = Server(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            turn = server.script[min(len(server.sent), len(server.script)) - 1]
            body = json.dumps(
                {
                    "id": f"answer-{len(server.sent)}", "object": "chat.completion", "created": 0, "model": "scripted",
                    "choices": [{"index": 0, **turn}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.address = f"http://127.0.0.1:{http.server_address[1]}/v1"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
