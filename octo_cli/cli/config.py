"""config …: which settings hold, and where each comes from. Nothing is written here yet."""

import sys
from datetime import timedelta
from typing import Any

import typer

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.settings import KEYS, Settings, length
from octo_cli.ui.cells import columns
from octo_cli.ui.sanitise import one_line


def path(ctx: typer.Context) -> None:
    """Where the user's settings file is, or would be."""
    caller: Caller = ctx.obj
    print_lines([str(caller.settings.config_file)])


def list_settings(ctx: typer.Context) -> None:
    """Every setting, its value, and where it was given."""
    caller: Caller = ctx.obj
    values, sources = _values(caller.settings), caller.settings.sources
    if caller.flags.get("json"):
        told = [{"name": name, "value": _plain(value), "source": sources[name]} for name, value in values.items()]
        print_json({"settings": told})
    else:
        rows = [(name, _shown(_plain(value)), sources[name]) for name, value in values.items()]
        named = [(name, one_line(value), caller.words(f"source.{source}")) for name, value, source in rows]
        print_lines(columns(named, screen_columns(sys.stdout), flexible=(1,)))


def _values(settings: Settings) -> dict[str, Any]:
    """Every setting by its name; one of a section is that section's member."""
    of_octo = {
        "lang": settings.lang,
        "format": settings.format,
        "user": settings.user,
        "model": settings.model,
        "database.sqlite": settings.database,
        "documents.folder": settings.documents,
        "mcp.file": settings.mcp_file,
        "agents.disabled": settings.disabled_agents,
        "questions.expire_after": settings.expire_after,
        "questions.on_timeout": settings.on_timeout,
    }
    sections = {
        "model": settings.models,
        "approvals": settings.approvals,
        "search": settings.search,
        "web": settings.web,
        "code": settings.code,
        "data": settings.data,
    }
    values = {}
    for name in (key.name for key in KEYS):
        section, _, member = name.partition(".")
        values[name] = of_octo[name] if name in of_octo else getattr(sections[section], member)
    return values


def _plain(value: Any) -> Any:
    """A value as a settings file would say it; None when nothing is set."""
    match value:
        case tuple():
            return [str(item) for item in value] or None
        case timedelta():
            return length(value)
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "—"
        case list():
            return ", ".join(value)
        case _:
            return str(value)
