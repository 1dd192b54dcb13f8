"""config …: which settings hold, and where each comes from. Nothing is written here yet."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.settings import Settings
from octo_cli.ui.cells import columns
from octo_cli.ui.sanitise import one_line


def path(ctx: typer.Context) -> None:
    """Where the user's settings file is, or would be."""
    caller: Caller = ctx.obj
    print_lines([str(caller.settings.config_file)])


def list_settings(ctx: typer.Context) -> None:
    """Every setting, its value, and where it was given."""
    caller: Caller = ctx.obj
    settings = caller.settings
    rows = [(name, _shown(value), settings.sources[name]) for name, value in _values(settings).items()]
    if caller.flags.get("json"):
        print_json({"settings": [{"name": name, "value": value, "source": source} for name, value, source in rows]})
    else:
        named = [(name, one_line(value), caller.words(f"source.{source}")) for name, value, source in rows]
        print_lines(columns(named, screen_columns(sys.stdout), flexible=(1,)))


def _values(settings: Settings) -> dict[str, Any]:
    return {
        "lang": settings.lang,
        "format": settings.format,
        "model": settings.model,
        "user": settings.user,
        "database.sqlite": settings.database,
        "documents.folder": settings.documents,
        "search.folders": settings.search,
        "questions.expire_after": settings.expire_after,
        "questions.on_timeout": settings.on_timeout,
    }


def _shown(value: Any) -> str:
    match value:
        case None | ():
            return "—"
        case tuple():
            return ", ".join(map(str, value))
        case timedelta():
            return f"{value.total_seconds() / 86400:g}d"
        case Path():
            return str(value)
        case _:
            return str(value)
