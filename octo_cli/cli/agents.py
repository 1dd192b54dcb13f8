"""agents …: who there is to do the work, without loading any of them."""

import sys

import typer

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.ui import lists


def list_agents(ctx: typer.Context) -> None:
    """The agents that can run here."""
    caller: Caller = ctx.obj
    from octo_cli.agents.registry import Registry

    found = Registry().cards()
    if caller.flags.get("json"):
        print_json({"agents": found})
    else:
        print_lines(lists.agent_lines(found, caller.language, caller.words, screen_columns(sys.stdout)))
