"""config …: which settings hold, where each comes from, and the user's own file, changed without losing its layout."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Argument, Option

from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.credentials import looks_like_key
from octo_cli.errors import Failed, OctoError, UsageError
from octo_cli.settings import KEYS, Key, Place, Settings, config_file_of, is_list, length, write_private
from octo_cli.ui.cells import columns
from octo_cli.ui.sanitise import one_line

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_BY_NAME: Final = {key.name: key for key in KEYS}


def path(ctx: typer.Context) -> None:
    """Where the user's settings file is, or would be."""
    print_lines([str(_file(ctx.obj))])


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


def get(ctx: typer.Context, key: Annotated[str, Argument(metavar="KEY")]) -> None:
    """One setting as it holds here; a list has a line for each item."""
    caller: Caller = ctx.obj
    name = _known(key).name
    value = _plain(_values(caller.settings)[name])
    if caller.flags.get("json"):
        print_json({"name": name, "value": value, "source": caller.settings.sources[name]})
    elif value is not None:
        items = value if isinstance(value, list) else [_written(value)]
        print_lines(one_line(str(item)) for item in items)


def set_value(
    ctx: typer.Context,
    key: Annotated[str, Argument(metavar="KEY")],
    value: Annotated[list[str] | None, Argument(metavar="VALUE")] = None,
    add: Annotated[list[str] | None, Option("--add", metavar="VALUE")] = None,
    remove: Annotated[list[str] | None, Option("--remove", metavar="VALUE")] = None,
) -> None:
    """Write one setting into the user's file, once it was read as Octo would read it."""
    caller: Caller = ctx.obj
    given, added, removed = value or (), add or (), remove or ()
    if any(map(looks_like_key, (key, *given, *added))):
        raise UsageError("config_holds_key")
    known = _known(key)
    if bool(given) == bool(added or removed):
        raise UsageError("config_value_missing", key=known.name)
    if not is_list(known) and (len(given) != 1):
        raise UsageError("config_one_value", key=known.name, value=" ".join((*given, *added, *removed)))
    file = _file(caller)
    document = _read(file)
    typed = Place("user", known.name, caller.cwd)
    if given:
        _put(document, known, _plain(known.read(list(given) if is_list(known) else given[0], typed)))
    else:
        _change_list(document, known, added, removed, (typed, typed._replace(folder=file.parent)))
    _write(file, document)
    _tell_what_goes_before(caller, known)


def unset(ctx: typer.Context, key: Annotated[str, Argument(metavar="KEY")]) -> None:
    """Take one setting out of the user's file."""
    caller: Caller = ctx.obj
    file = _file(caller)
    document = _read(file)
    # Also what Octo does not know may go: it is what keeps the file from being read.
    if not _take(document, key) and not (key == "model.name" and _take(document, "model")):
        raise UsageError("config_not_set", key=_known(key).name, file=str(file))
    _write(file, document)
    if key in _BY_NAME:
        _tell_what_goes_before(caller, _BY_NAME[key])


def _file(caller: Caller) -> Path:
    # Not from the settings: the command that mends a broken file must not need it whole.
    return config_file_of(caller.flags, caller.environment, caller.cwd)


def _known(name: str) -> Key:
    if name == "model.name":
        return _BY_NAME["model"]
    if name in _BY_NAME:
        return _BY_NAME[name]
    last = [key for key in _BY_NAME if key.rpartition(".")[2] == name]
    near = last or get_close_matches(name, _BY_NAME, n=3, cutoff=0.5)
    raise UsageError("config_no_such_key", key=name, near=", ".join(near) or "octo config list")


def _read(file: Path) -> "TOMLDocument":
    import tomllib

    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = file.read_bytes().decode("utf-8-sig")
        # tomlkit misnames what is wrong with some files; the settings are read with tomllib.
        tomllib.loads(text)
        return tomlkit.parse(text)
    except (FileNotFoundError, NotADirectoryError):
        return tomlkit.document()
    except OSError as exc:
        raise UsageError("config_unreadable", file=str(file), reason=exc.strerror or str(exc)) from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, TOMLKitError) as exc:
        raise UsageError("config_not_toml", file=str(file), reason=str(exc)) from exc


def _write(file: Path, document: "TOMLDocument") -> None:
    try:
        write_private(file, document.as_string().lstrip("\n").encode())
    except OSError as exc:
        raise Failed("config_unwritable", file=str(file), reason=exc.strerror or str(exc)) from exc


def _change_list(
    document: Any, key: Key, added: Sequence[str], removed: Sequence[str], places: tuple[Place, Place]
) -> None:
    """Items in and out, one by one, so that the others keep their lines and remarks.

    `places` say where relative paths start, those typed now and those in the file: one folder may be written both ways.
    """
    typed, in_file = places
    items = _array(document, key)
    for item in removed:
        there = [key.read([one], in_file) for one in items]
        if (wanted := key.read([item], typed)) not in there:
            raise UsageError("config_not_listed", key=key.name, value=item, items=", ".join(map(str, items)) or "—")
        del items[there.index(wanted)]
    for item in added:
        if (wanted := key.read([item], typed)) not in [key.read([one], in_file) for one in items]:
            items.extend(_plain(wanted))


def _array(document: Any, key: Key) -> Any:
    """The file's list as it stands there, made when there is none; one text stands for a list of its parts."""
    section, _, member = key.name.partition(".")
    table = document.get(section)
    found = table.get(member, "") if isinstance(table, dict) else ""
    if not isinstance(found, list):
        _put(document, key, [part.strip() for part in str(found).split(",") if part.strip()])
    return document[section][member]


def _put(document: Any, key: Key, value: Any) -> None:
    import tomlkit

    section, _, member = key.name.partition(".")
    if key.name == "model" and isinstance(document.get("model"), dict):
        member = "name"
    if not member:
        document[section] = value
        return
    if not isinstance(document.get(section), dict):
        # `model = "…"` leaves no room for `model.base_url`: both go into the table.
        before = document.pop(section, None)
        document[section] = tomlkit.table() if before is None else tomlkit.table().append("name", before)
    document[section][member] = value


def _take(document: Any, name: str) -> bool:
    section, _, member = name.partition(".")
    table = document.get(section)
    if name == "model" and isinstance(table, dict):
        member = "name"
    if member and isinstance(table, dict) and member in table:
        del table[member]
        # A table with nothing left, not even a remark, says nothing.
        if not document[section].as_string().strip():
            del document[section]
        return True
    if member or section not in document:
        return False
    del document[section]
    return True


def _tell_what_goes_before(caller: Caller, key: Key) -> None:
    """The file is written; say so when something else still has the last word here."""
    try:
        source = caller.settings.sources[key.name]
    except OctoError:
        return  # Another line of the file is wrong; the next command will say so.
    if source in ("environment", "project"):
        said = caller.words("config.overruled", key=key.name, source=caller.words(f"source.{source}"))
        sys.stderr.write(f"octo: {said}\n")


def _values(settings: Settings) -> dict[str, Any]:
    """Every setting by its name, without a password; one of a section is that section's member."""
    of_octo = {
        "lang": settings.lang,
        "format": settings.format,
        "user": settings.user,
        "model": settings.model,
        "documents.folder": settings.documents,
        "mcp.file": settings.mcp_file,
        "agents.disabled": settings.disabled_agents,
        "questions.expire_after": settings.expire_after,
        "questions.on_timeout": settings.on_timeout,
    }
    database = settings.database
    sections = {
        "database": database._replace(postgres=database.postgres and database.name),
        "model": settings.models,
        "approvals": settings.approvals,
        "search": settings.search,
        "web": settings.web,
        "code": settings.code,
        "data": settings.data,
        "memory": settings.memory,
        "plan": settings.plan,
        "retention": settings.retention,
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


def _written(value: Any) -> str:
    """A value as it may be typed again."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "—"
        case list():
            return ", ".join(value)
        case _:
            return _written(value)
