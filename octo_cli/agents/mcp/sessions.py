"""Sessions with MCP servers: opened once a process, held open for every call, closed with the event loop.

What a server says is data: bounded and cleaned before anybody sees it. Whether it may be asked is decided elsewhere.
"""

import asyncio
import logging
import os
from asyncio import AbstractEventLoop, CancelledError
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from octo_cli.agents.mcp.servers import Server
from octo_cli.errors import Failed
from octo_cli.settings import Settings, make_private
from octo_cli.values.text import clean, one_line

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from mcp import ClientSession

log = logging.getLogger(__name__)

# An answer is saved with the thread, and may be shown to a model.
LONGEST_ANSWER: Final = 50_000
_MOST_TOOLS: Final = 200
_LONGEST_REASON: Final = 300
_EXTRA_LOCALE: Final = ("LANG", "LC_ALL", "TMPDIR")

_open: "WeakKeyDictionary[AbstractEventLoop, dict[str, _Session]]" = WeakKeyDictionary()


async def tools_of(server: Server, settings: Settings) -> "Sequence[BaseTool]":
    """The tools `server` offers and its entry allows, as LangChain's. Raises Failed when it cannot be reached."""
    held = _open.setdefault(asyncio.get_running_loop(), {})
    if server.fingerprint not in held:
        held[server.fingerprint] = _Session(server, settings)
    try:
        return await asyncio.shield(held[server.fingerprint].tools)
    except Exception as error:
        held.pop(server.fingerprint, None)
        raise _failure("mcp_unreachable", server, error) from error


async def call(server: Server, settings: Settings, tool: str, args: Mapping[str, Any]) -> str:
    """What `tool` answers, as text. Raises Failed when it says that it failed, does not answer, or is gone."""
    from langchain_core.tools import ToolException

    found = next((one for one in await tools_of(server, settings) if one.name == tool), None)
    if found is None:
        raise Failed("mcp_tool_unknown", server=server.name, tool=tool)
    try:
        async with asyncio.timeout(server.timeout):
            return answer_text(await found.ainvoke(dict(args)))
    except ToolException as error:
        raise _failure("mcp_tool_failed", server, error) from error
    except Exception as error:
        # The session may be what broke: the next call opens another.
        if session := _open[asyncio.get_running_loop()].pop(server.fingerprint, None):
            session.close()
        raise _failure("mcp_call_broken", server, error) from error


def parameters_of(tool: "BaseTool") -> dict[str, Any]:
    """The JSON schema of a tool's arguments; an object without properties when the server gives nothing usable."""
    schema = tool.args_schema
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        return schema
    return {"type": "object", "properties": {}}


def answer_text(content: Any) -> str:
    """An MCP answer as text; what is no text is named by its kind."""
    blocks = content if isinstance(content, list) else [content]
    text = "\n".join(_block_text(block) for block in blocks)
    return clean(text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER]}…")


def _block_text(block: Any) -> str:
    if isinstance(block, dict):
        return str(block["text"]) if "text" in block else f"[{block.get('type')} {block.get('mime_type') or ''}]"
    return str(block)


class _Session:
    """One server's session. Its own task opens and closes it: anyio's scopes must be left where they were entered."""

    def __init__(self, server: Server, settings: Settings) -> None:
        self.server = server
        self.settings = settings
        self.tools: asyncio.Future[Sequence[BaseTool]] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting any more when it fails.
        self.tools.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._task = asyncio.create_task(self._hold())

    def close(self) -> None:
        self._task.cancel()

    async def _hold(self) -> None:
        try:
            async with _connected(self.server, self.settings) as session:
                self.tools.set_result(await _offered(session, self.server))
                # The end of the loop cancels every task: the server is then told good-bye.
                with suppress(CancelledError):
                    await asyncio.Event().wait()
        except Exception as error:
            log.warning("MCP server %s", self.server.name, exc_info=True)
            if not self.tools.done():
                self.tools.set_exception(error)
        finally:
            self.tools.cancel()


async def _offered(session: "ClientSession", server: Server) -> "Sequence[BaseTool]":
    from langchain_mcp_adapters.tools import load_mcp_tools

    async with asyncio.timeout(server.timeout):
        await session.initialize()
        tools = await load_mcp_tools(session, handle_tool_errors=False)
    allowed = server.allow if server.allow is not None else ("*",)
    return [tool for tool in tools if any(fnmatchcase(tool.name, glob) for glob in allowed)][:_MOST_TOOLS]


@asynccontextmanager
async def _connected(server: Server, settings: Settings) -> AsyncIterator["ClientSession"]:
    try:
        from langchain_mcp_adapters.sessions import create_session
    except ImportError as error:
        raise Failed("mcp_extra_missing") from error
    if server.transport == "stdio":
        async with _process(server, settings) as session:
            yield session
        return
    # A redirect could carry the headers' keys to somebody else.
    transport = {"http": "streamable_http", "sse": "sse"}[server.transport]
    reached: Any = {
        "transport": transport,
        "url": server.url,
        "headers": server.filled(server.headers),
        "timeout": server.timeout,
        "httpx_client_factory": _without_redirects,
    }
    async with create_session(reached) as session:
        yield session


@asynccontextmanager
async def _process(server: Server, settings: Settings) -> AsyncIterator["ClientSession"]:
    """A server that runs as a child: in a scrubbed environment, its complaints in a log and not on the screen."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    kept = {name: os.environ[name] for name in _EXTRA_LOCALE if name in os.environ}
    # mcp adds PATH, HOME, SHELL, TERM, USER and LOGNAME, and nothing else of this process.
    child = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env={**kept, **server.filled(server.env)},
        cwd=server.cwd or settings.workspace,
    )
    folder = settings.folders.state / "logs"
    make_private(folder)
    with (folder / f"mcp-{server.name}.log").open("a", encoding="utf-8") as errors:
        async with (
            stdio_client(child, errlog=errors) as (incoming, outgoing),
            ClientSession(incoming, outgoing) as session,
        ):
            yield session


def _without_redirects(headers: Any = None, timeout: Any = None, auth: Any = None) -> Any:
    import httpx

    return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, follow_redirects=False)


def _failure(code: str, server: Server, error: BaseException) -> Failed:
    """`error` in Octo's words; anyio wraps what went wrong in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Failed):
        return error
    reason = one_line(f"{type(error).__name__}: {error}".rstrip(": "))[:_LONGEST_REASON]
    return Failed(code, server=server.name, reason=reason)
