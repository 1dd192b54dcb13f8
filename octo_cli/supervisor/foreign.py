"""Nodes that other packages put between the supervisor's own, by entry point, and what keeps one of them out.

A node gets the state (JSON values; see `state.State`) and the kit, and hands back what it changes of it. It asks
nothing, and a broken one is only left out: of the graph when it cannot be loaded, of the turn when it fails.
"""

import asyncio
import copy
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Struct, to_builtins

from octo_cli.agents.plugins import loaded, package_of, points_of
from octo_cli.credentials import scrub
from octo_cli.errors import Failed, ModelError, OctoError, StorageError, ThreadBusy, UsageError
from octo_cli.i18n import words
from octo_cli.values.text import one_line
from octo_cli.wire.events import AggregatedData, Warned
from octo_cli.wire.work import Intent, Language, Plan, StepResult

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from octo_cli.agents.kit import Kit

log = logging.getLogger(__name__)

GROUP: Final = "octo.nodes"
# Every turn passes these, in this order; what they lead to besides (asking, agents) is not to be put off.
PLACES: Final = ("guard", "recall", "understand", "make_plan", "dispatch", "aggregate", "choose_output", "remember")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,31}")
_LONGEST_REASON: Final = 300

Update = dict[str, Any]
Run = Callable[[Mapping[str, Any], "Kit"], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True)
class Node:
    """What an entry point of the group `octo.nodes` offers: a coroutine, and the node it comes before or after.

    `run(state, kit)` returns what it changes of the state, or None. It may set `say` (before `guard`), `request`,
    `intent`, `chosen`, `plan`, `results`, `aggregated` and `format`; of the first two only members named are changed.
    """

    run: Run
    before: str | None = None
    after: str | None = None


class Refused(UsageError):
    """Raised by a node to turn a request down; the reason is told to the person as it stands."""

    def __init__(self, reason: str) -> None:
        super().__init__("node_refused", reason=one_line(reason)[:_LONGEST_REASON])


class Found(NamedTuple):
    """A node as it was found. Without `node` it was left out, for the reason in `error`."""

    name: str
    node: Node | None = None
    error: OctoError | None = None

    @property
    def key(self) -> str:
        """What the graph calls it: no agent can be called that."""
        return f"node-{self.name}"


def nodes() -> Iterator[Found]:
    """What other packages offer, by name."""
    for point in points_of(GROUP):
        name = one_line(point.name)
        try:
            yield Found(name, loaded(point, _checked))
        except OctoError as error:
            reason = error.values.get("reason", error.code)
            yield Found(name, error=Failed("node_broken", name=name, package=package_of(point), reason=reason))


def _checked(offered: Any, name: str) -> Node:
    node = offered() if callable(offered) and not isinstance(offered, Node) else offered
    place = node.before or node.after if isinstance(node, Node) else None
    problem = None
    if not isinstance(node, Node):
        problem = f"no Node: {type(node).__name__}"
    elif not _NAME.fullmatch(name):
        problem = "a name has 2 to 32 of a-z, 0-9 and _"
    elif bool(node.before) == bool(node.after) or place not in PLACES:
        problem = f"before or after one of: {', '.join(PLACES)}"
    elif not inspect.iscoroutinefunction(node.run):
        problem = "run is no coroutine function"
    if problem:
        raise Failed("node_broken", reason=problem)
    assert isinstance(node, Node)
    return node


def guarded(found: Found) -> Any:
    """The node as the graph runs it: whatever goes wrong in it, the turn goes on without what it did."""
    node = found.node
    assert node is not None

    async def run(state: Mapping[str, Any], runtime: "Runtime[Kit]") -> Update:
        kit = runtime.context
        try:
            async with asyncio.timeout(kit.settings.plan.timeout):
                # Its own copy: what it changes without handing it back would stand in some checkpoints only.
                update = await node.run(copy.deepcopy(dict(state)), kit)
            return _update(update or {}, state)
        except (Refused, StorageError, ModelError, ThreadBusy):
            raise
        except (Exception, SystemExit) as error:
            log.exception("node %s failed", found.name)
            reason = scrub(one_line(f"{type(error).__name__}: {error}"))[:_LONGEST_REASON]
            say = words((state.get("request") or {}).get("language") or kit.settings.language_for())
            kit.tell(Warned("node_failed", say("error.node_failed", name=found.name, reason=reason)))
            return {}

    return run


class _Say(Struct, forbid_unknown_fields=True):
    text: str
    format: str


class _Request(Struct, forbid_unknown_fields=True):
    text: str
    language: Language
    turn: int
    at: str
    steps: int = 0


# What a node may change, and the shape it has to keep.
_SHAPES: Final[Mapping[str, Any]] = {
    "say": _Say,
    "request": _Request,
    "intent": Intent,
    "chosen": dict[str, str],
    "plan": Plan,
    "results": dict[str, StepResult],
    "aggregated": AggregatedData,
    "format": str,
}
_MERGED: Final = ("say", "request")


def _update(update: Mapping[str, Any], state: Mapping[str, Any]) -> Update:
    """What a node hands back, as the state takes it. Raises TypeError or ValidationError for anything else."""
    if not isinstance(update, Mapping):
        raise TypeError(f"a node returns a mapping or None, not {type(update).__name__}")
    if strange := [str(key) for key in update if key not in _SHAPES]:
        raise TypeError(f"not for a node to set: {', '.join(strange)}; {', '.join(_SHAPES)}")
    kept = {}
    for key, value in update.items():
        whole = {**(state.get(key) or {}), **value} if key in _MERGED else value
        kept[key] = to_builtins(msgspec.convert(to_builtins(whole), _SHAPES[key]))
    return kept
