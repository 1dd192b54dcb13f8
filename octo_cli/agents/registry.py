"""Which agents there are: the program's own, those other packages bring, and what keeps one of them out.

Built-in cards are read without importing any agent. A plug-in's card can only be had by importing it, so plug-ins are
looked at when a graph or a list is wanted, and whatever one does then, it is only left out.
"""

import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cached_property
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from octo_cli.errors import Failed, NotFound, OctoError
from octo_cli.i18n import Words, describe
from octo_cli.settings import OFFLINE, ApprovalSettings, Settings
from octo_cli.values.text import one_line
from octo_cli.wire.work import AgentCard, AgentRecord, Problem, ToolRecord

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.kit import Kit
    from octo_cli.agents.tools import Tool

    Graph = CompiledStateGraph[Any, Kit, Any, Any]

log = logging.getLogger(__name__)

GROUP: Final = "octo.agents"
OWN: Final = "octo-cli"
# An agent is a node of the supervisor's graph and a category of an intent. LangGraph refuses two nodes of one name,
# and a node with the name of a state's key.
RESERVED: Final = (
    "chat|supervisor|guard|recall|understand|clarify|make_plan|dispatch|gather|aggregate|choose_output|remember|"
    "messages|documents|say|format|request|recalled|allowed|intent|asking|chosen|clarified|plan|results|aggregated|"
    "output|"
    "generate_.*"
)
_NAME: Final = re.compile(rf"(?!(?:{RESERVED})$)[a-z][a-z0-9_]{{1,31}}")
_LONGEST_REASON: Final = 300


class UnknownAgent(NotFound):
    def __init__(self, name: str, known: str) -> None:
        super().__init__("agent_not_found", name=name, known=known)


class _Agent(NamedTuple):
    """A card and where to load the agent from: "module:attribute", a function that returns a compiled graph."""

    card: AgentCard
    build: str
    # Works with a model when there is one: its function is told by `assisted=…`.
    assistant: bool = False


# To add an agent is to add it here.
_AGENTS: Final = (
    _Agent(
        AgentCard(
            name="search",
            when={
                "ko": "사용자가 지정한 폴더의 파일(글, PDF, 워드, 웹 페이지, 소스 코드)과 완성한 문서에서 내용을 찾아"
                " 위치와 함께 알려 줍니다.",
                "en": "Finds passages in the user's folders (text, PDF, Word, web pages, source code) and finished"
                " documents, and cites each place.",
            },
            examples=(
                "내 메모에서 전입신고 찾아줘",
                "확정일자에 대해 알려 주세요",
                "PDF에서 보증금 반환 조항 찾아줘",
                "Find what my notes say about the deposit",
            ),
            tools=("read_files",),
            needs=("search.folders",),
        ),
        "octo_cli.agents.search:build",
    ),
    _Agent(
        AgentCard(
            name="web",
            when={
                "ko": "주소가 적힌 웹 페이지를 읽어 요약하고, 검색 엔진이 있으면 웹에서 찾아 출처와 함께 알립니다.",
                "en": "Sums up web pages by their address and, with a search engine set, searches the web; cites both.",
            },
            examples=(
                "https://example.com 요약해줘",
                "웹에서 전세 사기 예방법 찾아줘",
                "Summarise https://example.com/news",
            ),
            keywords=("웹", "인터넷", "url", "website", "web page"),
            tools=("fetch_page", "search_web"),
        ),
        "octo_cli.agents.web.agent:build",
    ),
    _Agent(
        AgentCard(
            name="data",
            when={
                "ko": "표로 된 파일(CSV, XLSX, Parquet, JSON, SQLite)에서 합계나 순위를 구해 표와 차트로 답합니다.",
                "en": "Answers questions about tables (CSV, XLSX, Parquet, JSON, SQLite) with figures and charts.",
            },
            examples=(
                "sales.csv에서 지역별 매출 합계 상위 3개",
                "직원.xlsx 요약해 줘",
                "Average price by category in products.parquet",
            ),
            keywords=("합계", "평균", "상위", "csv", "xlsx", "parquet", "sqlite", "chart", "average", "total"),
            tools=("read_files",),
        ),
        "octo_cli.agents.data:build",
    ),
    _Agent(
        AgentCard(
            name="contract",
            when={
                "ko": "계약서 같은 문서의 초안을 만들고, 빈칸을 함께 채운 뒤, 승인을 받아 완성합니다.",
                "en": "Drafts a contract or similar document, fills it in with the user, finishes it once approved.",
            },
            examples=(
                "임대차계약서 작성해줘. 보증금 5천만원에 월세 50만원",
                "월세를 55만원으로 바꿔줘",
                "Draft a non-disclosure agreement",
            ),
            tools=("write_document",),
        ),
        "octo_cli.agents.contract:build",
    ),
    _Agent(
        AgentCard(
            name="code",
            when={
                "ko": "코드를 쓰고 설명하고 고칩니다. 승인을 받아 Python과 셸 코드를 격리된 곳에서 실행합니다.",
                "en": "Writes, explains and edits code; runs Python and shell code in a sandbox once you approve.",
            },
            examples=(
                "실행해줘: print(2 ** 10)",
                "이 폴더의 parse.py에서 버그를 찾아 고쳐줘",
                "Write a function that checks a business number, and test it",
            ),
            keywords=("실행해줘", "코드", "버그", "run this", "code", "debug"),
            tools=(
                *("read_file", "list_files", "find_in_files", "write_file", "edit_file"),
                *("run_python", "run_shell"),
            ),
        ),
        "octo_cli.agents.code:build",
        assistant=True,
    ),
)

CARDS: Final = tuple(agent.card for agent in _AGENTS)


class _Found(NamedTuple):
    """One agent as it was found. `load` makes its graph; without a card it was left out, or switched off."""

    name: str
    source: str
    card: AgentCard | None = None
    load: "Callable[[bool], Graph] | None" = None
    tools: "tuple[Tool, ...]" = ()
    error: OctoError | None = None


class Registry:
    """The agents that can run here. Without settings only those the program itself brings."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._disabled = frozenset(settings.disabled_agents if settings else ())

    def cards(self) -> tuple[AgentCard, ...]:
        return tuple(found.card for found in self._running.values() if found.card)

    def graph(self, name: str, *, assisted: bool = False) -> "Graph":
        """The agent's compiled sub-graph; `assisted` by a model, or not. Raises UnknownAgent."""
        load = self._named(name).load
        assert load is not None  # whatever runs can be loaded
        return load(assisted)

    def is_foreign(self, name: str) -> bool:
        """Whether another package brings the agent. Raises UnknownAgent."""
        return self._named(name).source != OWN

    def tool_records(self, name: str) -> tuple[ToolRecord, ...]:
        """What the agent may call, by its card, with effect and rules where it is Octo's own tool or the plug-in's."""
        from octo_cli.agents import approvals
        from octo_cli.agents.tools import files, running

        found = next(found for found in self._found if found.name == name)
        rules = self._settings.approvals if self._settings else ApprovalSettings()
        octos = (*files.reading_tools(), *files.writing_tools(), *running.running_tools())
        known = {tool.name: tool for tool in (*octos, *found.tools)}
        named = dict.fromkeys((*(found.card.tools if found.card else ()), *(tool.name for tool in found.tools)))
        return tuple(approvals.told(known[one], rules) if one in known else ToolRecord(one) for one in named)

    @property
    def problems(self) -> tuple[OctoError, ...]:
        """Why plug-ins were left out, and what `agents.disabled` names that is nobody."""
        names = {found.name for found in self._found}
        unknown = (Failed("agent_disabled_unknown", name=name) for name in sorted(self._disabled - names))
        return (*(found.error for found in self._found if found.error), *self._mcp_problems, *unknown)

    def records(self, say: Words) -> tuple[AgentRecord, ...]:
        """Every agent there is, those that cannot run included."""
        return tuple(self._record(found, say) for found in self._found)

    def record(self, name: str, say: Words) -> AgentRecord:
        """One of `records`. Raises UnknownAgent."""
        found = next((found for found in self._found if found.name == name), None)
        if found is None:
            raise UnknownAgent(name, known=", ".join(one.name for one in self._found))
        return self._record(found, say)

    def _record(self, found: _Found, say: Words) -> AgentRecord:
        if found.error:
            problem = Problem(found.error.code, *describe(found.error, say))
            return AgentRecord(found.name, found.source, "broken", problem=problem)
        if found.name in self._disabled:
            return AgentRecord(found.name, found.source, "disabled", found.card)
        needs = found.card.needs if found.card else ()
        missing = tuple(need for need in needs if not _is_met(need, self._settings))
        return AgentRecord(found.name, found.source, "needs" if missing else "ready", found.card, missing)

    def _named(self, name: str) -> _Found:
        if name not in self._running:
            raise UnknownAgent(name, known=", ".join(self._running))
        return self._running[name]

    @cached_property
    def _running(self) -> Mapping[str, _Found]:
        return {found.name: found for found in self._found if found.error is None and found.name not in self._disabled}

    @cached_property
    def _found(self) -> tuple[_Found, ...]:
        own = [_Found(agent.card.name, OWN, agent.card, _loader(agent)) for agent in _own(self._settings)]
        if self._settings is None:
            return tuple(own)
        return (*own, *_plugins({found.name: OWN for found in own}, self._disabled))

    @cached_property
    def _mcp_problems(self) -> tuple[OctoError, ...]:
        if self._settings is None or "mcp" in self._disabled:
            return ()
        from octo_cli.agents.mcp.servers import read_servers

        return read_servers(self._settings).problems


def _own(settings: Settings | None) -> Iterator[_Agent]:
    yield from _AGENTS
    if settings is not None:
        from octo_cli.agents.mcp.servers import card_for

        # Without a server of the user's there is nothing it could do.
        if card := card_for(settings):
            yield _Agent(card, "octo_cli.agents.mcp.agent:build", assistant=True)


def _loader(agent: _Agent) -> "Callable[[bool], Graph]":
    def load(assisted: bool) -> "Graph":
        module, _, attribute = agent.build.partition(":")
        build: Callable[..., Graph] = getattr(import_module(module), attribute)
        return build(assisted=assisted) if agent.assistant else build()

    return load


def _is_met(need: str, settings: Settings | None) -> bool:
    """Whether a setting, named as in the configuration file, has a value to work with."""
    value: Any = settings
    for part in need.split("."):
        value = getattr(value, part, None)
    return bool(value) and value != OFFLINE


# Plug-ins


def _plugins(taken: dict[str, str], disabled: frozenset[str]) -> Iterator[_Found]:
    """What other packages offer. `taken` are the names in use, by who uses them."""
    for point in _entry_points():
        source = _package(point)
        try:
            # What is refused for its name is not even imported.
            _check_name(point.name, taken)
            taken[point.name] = source
            yield _Found(point.name, source) if point.name in disabled else _plugin(point, source)
        except OctoError as error:
            values = {"name": one_line(point.name), "package": source, **error.values}
            yield _Found(one_line(point.name), source, error=Failed(error.code, **values))


def _entry_points() -> Sequence["EntryPoint"]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point)))


def _package(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _check_name(name: str, taken: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name):
        raise Failed("agent_name_invalid")
    if name in taken:
        raise Failed("agent_name_taken", by=taken[name])


def _plugin(point: "EntryPoint", source: str) -> _Found:
    """The agent an entry point names, ready to run. Raises Failed for everything that keeps it from that."""
    printed = StringIO()
    try:
        # stdout carries answers; what a plug-in prints at import is none.
        with redirect_stdout(printed), redirect_stderr(printed):
            agent = _agent_of(point.load())
            card = _card_of(agent, point.name)
            tools = tuple(getattr(agent, "tools", ()))
            graph = _graph_of(agent, tools)
    except OctoError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # `SystemExit` too: a module that ends the process is a broken plug-in, not the end of this process.
        log.exception("plug-in %s could not be loaded", point.name)
        reason = one_line(f"{type(error).__name__}: {error}")[:_LONGEST_REASON]
        raise Failed("agent_broken", reason=reason) from error
    finally:
        if printed.getvalue():
            log.warning("plug-in %s printed at import: %s", point.name, printed.getvalue()[:_LONGEST_REASON])
    return _Found(point.name, source, card, lambda _: graph, tools)


def _agent_of(offered: Any) -> Any:
    """A class or a factory is called without arguments; what has a card and works is taken as it is."""
    ready = not isinstance(offered, type) and hasattr(offered, "card")
    return offered() if callable(offered) and not ready else offered


def _card_of(agent: Any, name: str) -> AgentCard:
    """The agent's card, its types checked and every language filled in."""
    try:
        card = msgspec.convert(msgspec.to_builtins(getattr(agent, "card", None)), AgentCard)
    except (msgspec.ValidationError, TypeError) as error:
        raise Failed("agent_card_unusable", reason=one_line(str(error))) from error
    if card.name != name:
        raise Failed("agent_card_unusable", reason=f"card.name = {one_line(card.name)!r}")
    told = next((text for text in card.when.values() if text.strip()), None)
    if told is None:
        raise Failed("agent_card_unusable", reason="card.when = {}")
    return msgspec.structs.replace(card, when={"ko": told, "en": told, **card.when})


def _graph_of(agent: Any, tools: "tuple[Tool, ...]") -> "Graph":
    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.kit import as_graph
    from octo_cli.agents.tools import Tool

    if isinstance(agent, CompiledStateGraph):
        # A checkpointer of its own would keep questions where nobody looks for them.
        if "results" not in agent.channels or agent.checkpointer is not None:
            raise Failed("agent_graph_unusable")
        return agent
    if not inspect.iscoroutinefunction(getattr(agent, "work", None)) or not all(isinstance(t, Tool) for t in tools):
        raise Failed("agent_no_work")
    return as_graph(agent.work, tools)
