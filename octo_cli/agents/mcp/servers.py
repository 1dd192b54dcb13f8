"""The MCP servers of the user's mcp.json, in the format other programs use too. No connection is made here."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from octo_cli.errors import Failed, OctoError
from octo_cli.settings import Settings, write_private
from octo_cli.values.text import one_line
from octo_cli.wire.work import AgentCard

Transport = Literal["stdio", "http", "sse"]

# "__" parts a server from its tool; `approvals` rules are written with the whole name.
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]|_(?!_)){0,31}(?<!_)")
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_LARGEST: Final = 1_000_000


class _Entry(Struct, frozen=True):
    """One server as mcp.json writes it; what other programs write there beside is theirs."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    type: str | None = None
    transport: str | None = None
    headers: dict[str, str] = {}
    allow: tuple[str, ...] | None = None
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    disabled: bool = False


class Server(NamedTuple):
    """A server that can be connected to. `allow` are globs of the tools it may offer, None for all of them.

    `env` and `headers` may hold `${VARIABLE}`s; they are filled in only when the server is started.
    """

    name: str
    transport: Transport
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None
    url: str
    headers: Mapping[str, str]
    allow: tuple[str, ...] | None
    timeout: float

    @property
    def fingerprint(self) -> str:
        """Changes with whatever would run or be reached; not with the values of variables, which may be secret."""
        what = [self.transport, self.command, self.args, sorted(self.env.items()), self.cwd, self.url]
        what.append(sorted(self.headers.items()))
        return hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """`values` with their variables from this process's environment. Raises Failed for one that is not set."""
        return {name: _VARIABLE.sub(self._variable, value) for name, value in values.items()}

    def _variable(self, match: re.Match[str]) -> str:
        if (value := os.environ.get(match[1])) is None:
            raise Failed("mcp_variable_missing", server=self.name, variable=match[1])
        return value


class Servers(NamedTuple):
    servers: tuple[Server, ...] = ()
    problems: tuple[OctoError, ...] = ()


def read_servers(settings: Settings) -> Servers:
    """The servers that are not switched off; a file or an entry that cannot be taken is a problem, not an error."""
    path = settings.mcp_file
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("> 1 MB")
        entries = json.loads(path.read_bytes().decode("utf-8-sig")).get("mcpServers", {})
        items = list(entries.items())
    except FileNotFoundError:
        return Servers()
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return Servers(problems=(Failed("mcp_file_unusable", file=str(path), reason=one_line(str(error))),))
    servers, problems = [], []
    for name, entry in items:
        try:
            read = msgspec.convert(entry, _Entry)
            if not read.disabled:
                servers.append(_server(name, read))
        except ValueError as error:  # msgspec's errors are ValueErrors
            values = {"file": str(path), "server": one_line(name), "reason": one_line(str(error))}
            problems.append(Failed("mcp_server_unusable", **values))
    return Servers(tuple(servers), tuple(problems))


def _server(name: str, entry: _Entry) -> Server:
    if not _NAME.fullmatch(name):
        raise ValueError("name: A-Z a-z 0-9 - _")
    if (entry.command is None) == (entry.url is None):
        raise ValueError("command | url")
    if entry.url is not None and not entry.url.startswith(("http://", "https://")):
        raise ValueError("url: http:// | https://")
    return Server(
        name=name,
        transport=_transport(entry),
        command=entry.command or "",
        args=entry.args,
        env=entry.env,
        cwd=entry.cwd,
        url=entry.url or "",
        headers=entry.headers,
        allow=entry.allow,
        timeout=entry.timeout,
    )


_TRANSPORTS: Final[dict[str, Transport]] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "sse": "sse",
}


def _transport(entry: _Entry) -> Transport:
    told = entry.transport or entry.type or ("stdio" if entry.command else "http")
    if told not in _TRANSPORTS or (_TRANSPORTS[told] == "stdio") != (entry.command is not None):
        raise ValueError(f"type: {told}")
    return _TRANSPORTS[told]


def card_for(settings: Settings) -> AgentCard | None:
    """The MCP agent's card; None as long as no server is configured."""
    names = tuple(server.name for server in read_servers(settings).servers)
    if not names:
        return None
    return AgentCard(
        name="mcp",
        when={
            "ko": f"설정한 MCP 서버의 도구를 승인을 받아 실행합니다: {', '.join(names)}",
            "en": f"Runs tools of the configured MCP servers, once approved: {', '.join(names)}",
        },
        examples=("mcp 도구 목록 보여줘", f"mcp {names[0]}", 'mcp server.tool {"key": "value"}'),
        keywords=("mcp", *(f"{name}." for name in names), *(f"{name}__" for name in names)),
        tools=tuple(f"{name}__*" for name in names),
    )


# Which servers a person let Octo connect to


def is_trusted(server: Server, settings: Settings) -> bool:
    return _trusted(settings).get(server.name) == server.fingerprint


def trust(server: Server, settings: Settings) -> None:
    """Remember that the person let `server`, as it is written now, be connected to."""
    known = {**_trusted(settings), server.name: server.fingerprint}
    write_private(_trust_file(settings), json.dumps(known, indent=2).encode())


def _trusted(settings: Settings) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        known = json.loads(_trust_file(settings).read_text(encoding="utf-8"))
        return known if isinstance(known, dict) else {}
    return {}


def _trust_file(settings: Settings) -> Path:
    return settings.folders.state / "mcp-servers.json"
