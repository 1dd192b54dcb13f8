"""Agents that other packages bring, by entry point, and what keeps one of them out.

A plug-in's card can only be had by importing it, so plug-ins are looked at when a graph or a list is wanted, and
whatever one does then, it is only left out.
"""

import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from octo_cli.errors import Failed, OctoError
from octo_cli.values.text import one_line
from octo_cli.wire.work import AgentCard

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.kit import Kit
    from octo_cli.agents.tools import Tool

    Graph = CompiledStateGraph[Any, Kit, Any, Any]

log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP: Final = "octo.agents"
# An agent is a node of the supervisor's graph and a category of an intent. LangGraph refuses two nodes of one name,
# and a node with the name of a state's key.
RESERVED: Final = (
    "chat|supervisor|guard|recall|understand|clarify|make_plan|dispatch|gather|aggregate|choose_output|remember|"
    "messages|documents|say|format|request|recalled|allowed|intent|asking|chosen|clarified|plan|results|aggregated|"
    "output|memory|wish|review_plan|settle_plan|reviewing|review|reviews|replan|replanned|"
    "generate_.*"
)
_NAME: Final = re.compile(rf"(?!(?:{RESERVED})$)[a-z][a-z0-9_]{{1,31}}")
_LONGEST_REASON: Final = 300


class Found(NamedTuple):
    """One agent as it was found. `load` makes its graph; without a card it was left out, or switched off."""

    name: str
    source: str
    card: AgentCard | None = None
    load: "Callable[[bool], Graph] | None" = None
    tools: "tuple[Tool, ...]" = ()
    error: OctoError | None = None


def plugins(taken: dict[str, str], disabled: frozenset[str]) -> Iterator[Found]:
    """What other packages offer. `taken` are the names in use, by who uses them."""
    for point in points_of(GROUP):
        source = package_of(point)
        try:
            # What is refused for its name is not even imported.
            _check_name(point.name, taken)
            taken[point.name] = source
            yield Found(point.name, source) if point.name in disabled else _plugin(point, source)
        except OctoError as error:
            values = {"name": one_line(point.name), "package": source, **error.values}
            yield Found(one_line(point.name), source, error=Failed(error.code, **values))


def points_of(group: str) -> Sequence["EntryPoint"]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda point: (point.name, package_of(point)))


def package_of(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def loaded(point: "EntryPoint", make: Callable[[Any, str], T]) -> T:
    """What `make` makes of the object an entry point names, and of its name.

    Raises Failed for everything that keeps it from that; agent_broken for what the plug-in itself raises.
    """
    printed = StringIO()
    try:
        # stdout carries answers; what a plug-in prints at import is none.
        with redirect_stdout(printed), redirect_stderr(printed):
            return make(point.load(), point.name)
    except (OctoError, KeyboardInterrupt):
        raise
    except BaseException as error:
        # `SystemExit` too: a module that ends the process is a broken plug-in, not the end of this process.
        log.exception("plug-in %s could not be loaded", point.name)
        reason = one_line(f"{type(error).__name__}: {error}")[:_LONGEST_REASON]
        raise Failed("agent_broken", reason=reason) from error
    finally:
        if printed.getvalue():
            log.warning("plug-in %s printed at import: %s", point.name, printed.getvalue()[:_LONGEST_REASON])


def _check_name(name: str, taken: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name):
        raise Failed("agent_name_invalid")
    if name in taken:
        raise Failed("agent_name_taken", by=taken[name])


def _plugin(point: "EntryPoint", source: str) -> Found:
    """The agent an entry point names, ready to run. Raises Failed for everything that keeps it from that."""

    def ready(offered: Any, name: str) -> Found:
        agent = _agent_of(offered)
        card = _card_of(agent, name)
        tools = tuple(getattr(agent, "tools", ()))
        graph = _graph_of(agent, tools)
        return Found(name, source, card, lambda _: graph, tools)

    return loaded(point, ready)


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
        _keep_from_leaving(agent)
        return agent
    if not inspect.iscoroutinefunction(getattr(agent, "work", None)) or not all(isinstance(t, Tool) for t in tools):
        raise Failed("agent_no_work")
    return as_graph(agent.work, tools)


def _keep_from_leaving(graph: "Graph") -> None:
    """What ends the process becomes an error of its node: raised in a task, it would end the event loop of everyone."""
    from langchain_core.runnables import Runnable, RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    class Staying(Runnable[Any, Any]):
        stays = True

        def __init__(self, bound: Runnable[Any, Any]) -> None:
            self.bound = bound

        def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
            with _staying():
                return self.bound.invoke(input, config, **kwargs)

        async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
            with _staying():
                return await self.bound.ainvoke(input, config, **kwargs)

    for node in graph.nodes.values():
        if isinstance(node.bound, CompiledStateGraph):
            _keep_from_leaving(node.bound)
        elif not hasattr(node.bound, "stays"):
            node.bound = Staying(node.bound)


@contextmanager
def _staying() -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        raise RuntimeError(f"SystemExit: {error}") from error
