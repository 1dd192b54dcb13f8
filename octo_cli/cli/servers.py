"""Model servers on this machine: who answers on the usual ports, and the commands that make one Octo's model."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from octo_cli.settings import Settings, write_private

_MOST_BYTES: Final = 1_000_000
# A name that a shell takes as it stands: it comes from whoever listens on that port.
_MODEL: Final = re.compile(r"[A-Za-z0-9][\w./:@+-]{0,199}", re.ASCII)
_NO_TALKER: Final = re.compile(r"embed|rerank|whisper|tts", re.IGNORECASE)


class _Usual(NamedTuple):
    """A kind of server, its port, and the server's own variable that moves it."""

    name: str
    port: int
    variable: str = ""


_USUAL: Final = (
    _Usual("Ollama", 11434, "OLLAMA_HOST"),
    _Usual("LM Studio", 1234),
    _Usual("vLLM", 8000),
    _Usual("llama.cpp", 8080, "LLAMA_ARG_PORT"),
)


class Server(NamedTuple):
    """A server that answered; `address` is its `model.base_url`."""

    name: str
    address: str
    models: tuple[str, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """What to type to work with it."""
        return (f"octo config set model openai:{self.models[0]}", f"octo config set model.base_url {self.address}")


def first_look(settings: Settings, environment: Mapping[str, str]) -> "Search | None":
    """A look at the ports for somebody who has set nothing up yet; None when they have, or were told before."""
    is_new = settings.sources["model"] == "default" and not settings.config_file.exists()
    return Search(environment) if is_new and not _told_file(settings).exists() else None


def remember_told(settings: Settings) -> None:
    """The offer is made once."""
    with suppress(OSError):
        write_private(_told_file(settings), b"")


def _told_file(settings: Settings) -> Path:
    return settings.folders.state / "told-of-local-models"


class Search:
    """A look at all usual ports at once, under way from the moment it is made."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._answers: SimpleQueue[Server | None] = SimpleQueue()
        for usual in _USUAL:
            Thread(target=self._ask, args=(usual.name, _port(usual, environment)), daemon=True).start()

    def found(self, patience: float) -> tuple[Server, ...]:
        """Those that answered by `patience` seconds from now, best known first."""
        import time
        from queue import Empty

        deadline, answers = time.monotonic() + patience, []
        with suppress(Empty):
            for _ in _USUAL:
                answers.append(self._answers.get(timeout=max(deadline - time.monotonic(), 0.001)))
        order = [usual.name for usual in _USUAL]
        return tuple(sorted(filter(None, answers), key=lambda server: order.index(server.name)))

    def _ask(self, name: str, port: int) -> None:
        models: tuple[str, ...] = ()
        # Whatever else listens there may answer anything.
        with suppress(Exception):
            models = tuple(_models(port))
        self._answers.put(Server(name, f"http://127.0.0.1:{port}/v1", models) if models else None)


def _models(port: int) -> Iterator[str]:
    # Not httpx: it takes longer to import than all ports take to answer, and would ask a proxy for loopback.
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/v1/models", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        listed = json.loads(answer.read(_MOST_BYTES)) if answer.status == 200 else {}
    finally:
        connection.close()
    names = [str(model["id"]) for model in listed["data"] if _MODEL.fullmatch(str(model["id"]))]
    yield from sorted(names, key=lambda name: bool(_NO_TALKER.search(name)))


def _port(usual: _Usual, environment: Mapping[str, str]) -> int:
    moved = environment.get(usual.variable, "").rpartition(":")[2].rstrip("/")
    return int(moved) if moved.isdecimal() and 0 < int(moved) < 65536 else usual.port
