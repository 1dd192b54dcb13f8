"""Which agents there are: the program's own (`cards`), those other packages bring (`plugins`), and MCP when set up.

Built-in cards are read without importing any agent; plug-ins are looked at when a graph or a list is wanted.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from octo_cli.agents.cards import AGENTS, OWN, Agent
from octo_cli.agents.plugins import Found, plugins
from octo_cli.errors import Failed, NotFound, OctoError
from octo_cli.i18n import Words, describe
from octo_cli.settings import OFFLINE, ApprovalSettings, Settings
from octo_cli.wire.work import AgentCard, AgentRecord, Problem, ToolRecord

if TYPE_CHECKING:
    from octo_cli.agents.plugins import Graph


class UnknownAgent(NotFound):
    def __init__(self, name: str, known: str) -> None:
        super().__init__("agent_not_found", name=name, known=known)


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

    def _record(self, found: Found, say: Words) -> AgentRecord:
        if found.error:
            problem = Problem(found.error.code, *describe(found.error, say))
            return AgentRecord(found.name, found.source, "broken", problem=problem)
        if found.name in self._disabled:
            return AgentRecord(found.name, found.source, "disabled", found.card)
        needs = found.card.needs if found.card else ()
        missing = tuple(need for need in needs if not is_met(need, self._settings))
        return AgentRecord(found.name, found.source, "needs" if missing else "ready", found.card, missing)

    def _named(self, name: str) -> Found:
        if name not in self._running:
            raise UnknownAgent(name, known=", ".join(self._running))
        return self._running[name]

    @cached_property
    def _running(self) -> Mapping[str, Found]:
        return {found.name: found for found in self._found if found.error is None and found.name not in self._disabled}

    @cached_property
    def _found(self) -> tuple[Found, ...]:
        own = [Found(agent.card.name, OWN, agent.card, _loader(agent)) for agent in _own(self._settings)]
        if self._settings is None:
            return tuple(own)
        return (*own, *plugins({found.name: OWN for found in own}, self._disabled))

    @cached_property
    def _mcp_problems(self) -> tuple[OctoError, ...]:
        if self._settings is None or "mcp" in self._disabled:
            return ()
        from octo_cli.agents.mcp.servers import read_servers

        return read_servers(self._settings).problems


def _own(settings: Settings | None) -> Iterator[Agent]:
    yield from AGENTS
    if settings is not None:
        from octo_cli.agents.mcp.servers import card_for

        # Without a server of the user's there is nothing it could do.
        if card := card_for(settings):
            yield Agent(card, "octo_cli.agents.mcp.agent:build", assistant=True)


def _loader(agent: Agent) -> "Callable[[bool], Graph]":
    def load(assisted: bool) -> "Graph":
        module, _, attribute = agent.build.partition(":")
        build: Callable[..., Graph] = getattr(import_module(module), attribute)
        return build(assisted=assisted) if agent.assistant else build()

    return load


def is_met(need: str, settings: Settings | None) -> bool:
    """Whether a setting, named as in the configuration file, has a value to work with."""
    value: Any = settings
    for part in need.split("."):
        value = getattr(value, part, None)
    return bool(value) and value != OFFLINE
