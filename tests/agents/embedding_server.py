"""A model server on loopback that speaks OpenAI's `/v1/embeddings`: words of one concept point the same way."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONCEPTS = (
    ("강아지", "개를", "dog", "puppy"),
    ("자동차", "차량", "car", "vehicle"),
    ("집세", "월세", "임차료", "rent"),
)


@dataclass
class Embeddings:
    """`texts` are those it answered, oldest first. `status` other than 200 refuses; so does every request after `most`.

    `reply` is said instead, whatever was asked.
    """

    texts: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    status: int = 200
    most: int | None = None
    reply: Any = None
    address: str = ""

    def answer(self, request: dict[str, Any]) -> Any:
        self.texts += request["input"]
        vectors = [
            {"object": "embedding", "index": at, "embedding": vector_of(text)}
            for at, text in enumerate(request["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "data": vectors, "model": request["model"], "usage": usage}


def vector_of(text: str) -> list[float]:
    return [float(sum(text.count(word) for word in words)) for words in CONCEPTS] + [0.01 * (len(text) % 7)]


@contextmanager
def embeddings_on_loopback() -> Iterator[Embeddings]:
    said = Embeddings()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said.keys.append(self.headers.get("Authorization", ""))
            refusal = {"error": {"message": f"no: {self.headers.get('Authorization')}"}}
            status = 500 if said.most is not None and len(said.keys) > said.most else said.status
            body = said.reply or (said.answer(request) if status == 200 else refusal)
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        said.address = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()
