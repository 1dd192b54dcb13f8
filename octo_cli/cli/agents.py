"""agents …: who there is to do the work, who cannot, and why."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from typer import Argument

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.i18n import describe
from octo_cli.ui import lists
from octo_cli.ui.inspection import agent_page
from octo_cli.ui.sanitise import visible
from octo_cli.wire.work import AgentRecord

if TYPE_CHECKING:
    from octo_cli.agents.registry import Registry


def list_agents(ctx: typer.Context) -> None:
    """The agents there are."""
    caller: Caller = ctx.obj
    registry = _registry(caller)
    records = registry.records(caller.words)
    if caller.flags.get("json"):
        print_json({"agents": [_as_data(record) for record in records]})
        return
    print_lines(lists.agent_lines(records, caller.language, caller.words, screen_columns(sys.stdout)))
    for problem in registry.problems:
        sys.stderr.write(f"{visible(describe(problem, caller.words)[0])}\n")


def inspect(ctx: typer.Context, agent: Annotated[str, Argument(metavar="AGENT")]) -> None:
    """One agent: its card, its tools, and the rules that hold for them."""
    caller: Caller = ctx.obj
    registry = _registry(caller)
    record, tools = registry.record(agent, caller.words), registry.tool_records(agent)
    if caller.flags.get("json"):
        print_json(_as_data(record), {"tools": tools})
    else:
        print_lines(agent_page(record, tools, caller.language, caller.words))


def _registry(caller: Caller) -> "Registry":
    from octo_cli.agents.registry import Registry
    from octo_cli.cli.logs import log_to_file

    # Why a plug-in could not be loaded is a traceback: its place is the log.
    log_to_file(caller.settings)
    return Registry(caller.settings)


def _as_data(record: AgentRecord) -> dict[str, Any]:
    """The card's members on one level with the rest."""
    own: dict[str, Any] = msgspec.to_builtins(record)
    return {**(own.pop("card") or {}), **own}
