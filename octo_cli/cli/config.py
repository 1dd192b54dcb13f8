"""config …: which settings hold, and where each comes from. Nothing is written here yet."""

from datetime import timedelta
from typing import Any

import typer

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.settings import Settings, length
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
    rows = [(name, _plain(value), settings.sources[name]) for name, value in _values(settings).items()]
    if caller.flags.get("json"):
        print_json({"settings": [{"name": name, "value": value, "source": source} for name, value, source in rows]})
    else:
        named = [(name, one_line(_shown(value)), caller.words(f"source.{source}")) for name, value, source in rows]
        print_lines(columns(named, screen_columns(), flexible=1))


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


def _plain(value: Any) -> Any:
    """A value as a settings file would say it; None when nothing is set."""
    match value:
        case tuple():
            return [str(folder) for folder in value] or None
        case timedelta():
            return length(value)
        case None:
            return None
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
