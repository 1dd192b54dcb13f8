"""doctor: what works here and what does not, each with the next command. Mends nothing, and shows no key."""

import glob
import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import typer
from typer import Option

from octo_cli import __version__, credentials
from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import print_json, print_lines, screen_columns
from octo_cli.cli.servers import Search
from octo_cli.errors import OctoError
from octo_cli.settings import OFFLINE, config_file_of, octo_folders
from octo_cli.ui.cells import pad, width, wrap
from octo_cli.ui.problems import worded
from octo_cli.ui.sanitise import one_line
from octo_cli.ui.style import Style, style_for
from octo_cli.values.sizes import size

Level = Literal["ok", "warning", "error"]

# Seconds.
_KEYRING_PATIENCE: Final = 3.0
_SERVERS_PATIENCE: Final = 0.5
_ONLINE_PATIENCE: Final = 10.0
_LITTLE_SPACE: Final = 500_000_000
_NO_SPACE: Final = 20_000_000
_NARROW: Final = 60
_MOST_FAULTS: Final = 20
# An extra of Octo's, and a module that is there when it is installed.
_EXTRAS: Final = {
    "anthropic": "langchain_anthropic",
    "google": "langchain_google_genai",
    "mistral": "langchain_mistralai",
    "ollama": "langchain_ollama",
    "mcp": "langchain_mcp_adapters",
    "otel": "opentelemetry.exporter.otlp.proto.http",
    "redis": "redis",
}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class _Provider(NamedTuple):
    """Where a provider lists its models, and the header its key travels in."""

    address: str
    header: str = "Authorization"
    scheme: str = "Bearer "


_PROVIDERS: Final = {
    "openai": _Provider("https://api.openai.com/v1"),
    "anthropic": _Provider("https://api.anthropic.com/v1", "x-api-key", ""),
    "google": _Provider("https://generativelanguage.googleapis.com/v1beta", "x-goog-api-key", ""),
    "mistral": _Provider("https://api.mistral.ai/v1"),
    "ollama": _Provider("http://127.0.0.1:11434/v1"),
}


class Finding(NamedTuple):
    """One line: what was looked at, how it is, and what to type when it is not well."""

    check: str
    level: Level
    message: str
    hint: str | None = None


class Visit:
    """What every check may look at. `online` allows requests that leave this machine, `deep` reading all of the
    database."""

    def __init__(self, caller: Caller, *, online: bool, deep: bool) -> None:
        self.caller = caller
        self.environment = caller.environment
        self.say = caller.words
        self.online = online
        self.deep = deep
        self.servers = Search(caller.environment)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Every model the settings name, once."""
        models = self.caller.settings.models
        roles = (models.name, models.router, models.planner, models.writer, models.cheap, models.premium)
        return tuple(dict.fromkeys(name for name in (*roles, *models.fallback) if name))

    def finds(self, level: Level, key: str, **values: object) -> Finding:
        """`doctor.<key>` as a sentence, `cure.<key>` as what to do; what stands before `_` names the check."""
        safe = {name: one_line(str(value)) for name, value in values.items()}
        cure = self.say(f"cure.{key}", **safe) if self.say.has(f"cure.{key}") else None
        return Finding(key.partition("_")[0], level, credentials.scrub(self.say(f"doctor.{key}", **safe)), cure)

    def fails(self, check: str, error: OctoError) -> Finding:
        problem = worded(error, self.say)
        return Finding(check, "error", problem.message, problem.hint)


Check = Callable[[Visit], Iterable[Finding]]


def doctor(
    ctx: typer.Context,
    online: Annotated[bool, Option("--online")] = False,
    deep: Annotated[bool, Option("--deep")] = False,
) -> None:
    """Look at everything Octo needs."""
    caller: Caller = ctx.obj
    findings = [_typed_here(finding, caller) for finding in _findings(Visit(caller, online=online, deep=deep))]
    failed = any(finding.level == "error" for finding in findings)
    if caller.flags.get("json"):
        print_json({"ok": not failed, "checks": [finding._asdict() for finding in findings]})
    else:
        color = "NO_COLOR" not in caller.environment and not caller.flags.get("no_color")
        print_lines(_drawn(findings, caller, style_for(sys.stdout, color=color)))
    raise typer.Exit(int(failed))


def _findings(visit: Visit) -> Iterator[Finding]:
    for name, check in _OF_THE_MACHINE.items():
        yield from _made(name, check, visit)
    try:
        _ = visit.caller.settings
    except OctoError as error:
        # Without settings nobody knows which database and which model are meant.
        yield visit.fails("config", error)
        return
    for name, check in _OF_THE_SETTINGS.items():
        yield from _made(name, check, visit)


def _typed_here(finding: Finding, caller: Caller) -> Finding:
    """With commands that go to the database that was looked at."""
    with suppress(OctoError):
        return finding._replace(hint=finding.hint and caller.settings.again(finding.hint))
    return finding


def _made(name: str, check: Check, visit: Visit) -> Iterator[Finding]:
    try:
        yield from check(visit)
    except OctoError as error:
        yield visit.fails(name, error)


def _octo(visit: Visit) -> Iterator[Finding]:
    import platform

    yield visit.finds(
        "ok", "octo_version", version=__version__, python=platform.python_version(), platform=platform.platform()
    )


def _terminal(visit: Visit) -> Iterator[Finding]:
    import locale

    encoding = locale.getencoding().upper() if hasattr(locale, "getencoding") else sys.getfilesystemencoding().upper()
    if not sys.stdout.isatty():
        yield visit.finds("ok", "terminal_none", encoding=encoding)
        return
    columns = shutil.get_terminal_size().columns
    plain = "NO_COLOR" in visit.environment or visit.environment.get("TERM") == "dumb"
    colors = visit.say("doctor.colours_no" if plain else "doctor.colours_yes")
    key = "terminal_narrow" if columns < _NARROW else "terminal_ok"
    yield visit.finds("ok" if columns >= _NARROW else "warning", key, encoding=encoding, columns=columns, colors=colors)


def _disk(visit: Visit) -> Iterator[Finding]:
    folder = _existing(octo_folders(visit.environment).data)
    free = shutil.disk_usage(folder).free
    level: Level = "error" if free < _NO_SPACE else "warning" if free < _LITTLE_SPACE else "ok"
    yield visit.finds(level, "disk_ok" if level == "ok" else "disk_little", free=size(free), folder=folder)
    for place in dict.fromkeys(octo_folders(visit.environment)):
        if not os.access(_existing(place), os.W_OK):
            yield visit.finds("error", "disk_unwritable", folder=_existing(place))


def _keys(visit: Visit) -> Iterator[Finding]:
    name = credentials.keyring_name(patience=_KEYRING_PATIENCE)
    yield visit.finds("ok", "keys_keyring" if name else "keys_none", name=name)
    if (kept := credentials.kept_in_file(visit.environment)) and os.name == "posix":
        file = credentials.key_file(visit.environment)
        is_open = bool(file.stat().st_mode & 0o077)
        key = "keys_open" if is_open else "keys_file"
        yield visit.finds("warning" if is_open else "ok", key, file=file, providers=", ".join(kept))


def _config(visit: Visit) -> Iterator[Finding]:
    caller = visit.caller
    user = config_file_of(caller.flags, caller.environment, caller.cwd)
    files = [str(file) for file in (caller.cwd / ".octo.toml", user) if file.exists()]
    yield visit.finds("ok", "config_files" if files else "config_none", files=", ".join(files), file=user)


def _database(visit: Visit) -> Iterator[Finding]:
    from octo_cli.storage import open_storage

    settings = visit.caller.settings.database.hurried
    path = settings.sqlite
    if not settings.postgres and not path.exists():
        yield visit.finds("ok", "database_none", path=path)
        return
    with open_storage(settings, create=False) as storage:
        storage.check()
        faults = list(islice(storage.faults(), _MOST_FAULTS)) if visit.deep else []
        encrypts = storage.encrypts
    if faults:
        *others, last = (visit.fails("database", fault)._replace(hint=None) for fault in faults)
        yield from (*others, last._replace(hint=visit.say("cure.database_faults")))
        return
    if settings.postgres:
        yield visit.finds("ok", "database_server", path=settings.name)
    else:
        yield visit.finds("ok", "database_ok", path=path, size=size(path.stat().st_size))
        yield from _readable_by_others(visit, path)
    if visit.deep:
        yield visit.finds("ok", "database_whole")
    if encrypts:
        yield visit.finds("ok", "database_encrypted")


def _readable_by_others(visit: Visit, path: Path) -> Iterator[Finding]:
    """The file, and what SQLite or a backup put beside it."""
    if os.name != "posix":
        return
    for file in path.parent.glob(f"{glob.escape(path.name)}*"):
        if file.is_file() and file.stat().st_mode & 0o077:
            yield visit.finds("warning", "database_open", file=shlex.quote(str(file)))


def _model(visit: Visit) -> Iterator[Finding]:
    for model in visit.models:
        yield _one_model(visit, model)


def _one_model(visit: Visit, model: str) -> Finding:
    provider, colon, name = model.partition(":")
    if model == OFFLINE:
        return visit.finds("ok", "model_offline")
    if not colon or not name:
        return visit.finds("error", "model_unnamed", model=model)
    known = credentials.canonical(provider)
    if (extra := _EXTRAS.get(known)) and not _installed(extra):
        return visit.finds("error", "model_extra", model=model, extra=known)
    base = visit.caller.settings.models.base_url
    is_local = known == "ollama" or urlsplit(base or "").hostname in _LOOPBACK
    key = credentials.find_all((known,), visit.environment, patience=_KEYRING_PATIENCE)[known]
    if key is None and not is_local:
        variable = credentials.variables(known)[0]
        return visit.finds("error", "model_no_key", model=model, provider=known, variable=variable)
    api = _PROVIDERS.get(known)
    if (is_local or visit.online) and (base or api):
        return _reached(visit, model, base or (api.address if api else ""), _headers(api, key))
    return visit.finds(
        "ok", "model_not_tried", model=model, source=visit.say(f"doctor.key_{key.source}") if key else ""
    )


def _headers(api: _Provider | None, key: credentials.Credential | None) -> dict[str, str]:
    header = api or _PROVIDERS["openai"]
    sent = {header.header: f"{header.scheme}{key.secret}"} if key else {}
    return {**sent, "anthropic-version": "2023-06-01"} if header.header == "x-api-key" else sent


def _reached(visit: Visit, model: str, base: str, headers: dict[str, str]) -> Finding:
    """What the provider says to a request for its models: nothing is asked of a model, nothing is paid."""
    import httpx

    # Loopback is never a proxy's business; a redirect could carry the key elsewhere, so none is followed.
    is_local = urlsplit(base).hostname in _LOOPBACK
    try:
        with httpx.Client(timeout=_ONLINE_PATIENCE, trust_env=not is_local) as client:
            answer = client.get(f"{base}/models", headers=headers)
        ids = _ids(answer.json()) if answer.is_success else set()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        reason = str(exc) or type(exc).__name__
        return visit.finds("error", "model_unreachable", model=model, address=base, reason=reason)
    provider, _, name = model.partition(":")
    if answer.status_code in (401, 403):
        return visit.finds("error", "model_refused", model=model, provider=provider, status=answer.status_code)
    if not answer.is_success:
        return visit.finds("warning", "model_strange", model=model, address=base, status=answer.status_code)
    listed = not ids or name in ids
    return visit.finds(
        "ok" if listed else "warning", "model_ok" if listed else "model_unlisted", model=model, address=base
    )


def _ids(listed: Any) -> set[str]:
    """The models a provider lists; Google calls them by a path."""
    models = listed.get("data") or listed.get("models") or () if isinstance(listed, dict) else ()
    names = (model.get("id") or model.get("name") or "" for model in models if isinstance(model, dict))
    return {str(name).removeprefix("models/") for name in names}


def _servers(visit: Visit) -> Iterator[Finding]:
    found = visit.servers.found(_SERVERS_PATIENCE)
    if not found:
        yield visit.finds("ok", "servers_none")
    for server in found:
        used = visit.caller.settings.models.base_url == server.address
        told = visit.finds("ok", "servers_used" if used else "servers_found", name=server.name, address=server.address,
                           models=", ".join(server.models[:3]))  # fmt: skip
        yield told if used else told._replace(hint="\n".join(server.commands))


def _extras(visit: Visit) -> Iterator[Finding]:
    there = [extra for extra, module in _EXTRAS.items() if _installed(module)]
    missing = [extra for extra in _EXTRAS if extra not in there]
    yield visit.finds("ok", "extras_ok", there=", ".join(there) or "—", missing=", ".join(missing) or "—")
    if visit.environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") and "otel" in missing:
        yield visit.finds("warning", "extras_otel")


def _sandbox(visit: Visit) -> Iterator[Finding]:
    from octo_cli.agents.tools.sandbox import cage

    try:
        found = cage(visit.caller.settings.code)
    except OctoError as error:
        yield visit.fails("sandbox", error)
        return
    yield visit.finds("ok" if found in ("bubblewrap", "docker") else "warning", f"sandbox_{found}")


def _agents(visit: Visit) -> Iterator[Finding]:
    from octo_cli.agents.registry import Registry

    registry = Registry(visit.caller.settings)
    yield visit.finds("ok", "agents_ok", names=", ".join(card.name for card in registry.cards()))
    yield from (visit.fails("agents", error) for error in registry.problems if not error.code.startswith("mcp_"))


def _formats(visit: Visit) -> Iterator[Finding]:
    from octo_cli import outputs

    broken = tuple(outputs.problems())
    named = {str(error.values["name"]) for error in broken if error.code == "output_broken"}
    yield visit.finds("ok", "formats_ok", names=", ".join(name for name in outputs.formats() if name not in named))
    yield from (visit.fails("formats", error) for error in broken)


def _nodes(visit: Visit) -> Iterator[Finding]:
    """Those of other packages; most have none."""
    from octo_cli.supervisor.foreign import nodes

    found = tuple(nodes())
    if names := ", ".join(one.name for one in found if one.node):
        yield visit.finds("ok", "nodes_ok", names=names)
    yield from (visit.fails("nodes", one.error) for one in found if one.error)


def _mcp(visit: Visit) -> Iterator[Finding]:
    from octo_cli.agents.mcp.servers import read_servers

    found = read_servers(visit.caller.settings)
    yield from (visit.fails("mcp", error) for error in found.problems)
    if not found.servers and not found.problems:
        yield visit.finds("ok", "mcp_none", file=visit.caller.settings.mcp_file)
    if found.servers:
        missing = not _installed(_EXTRAS["mcp"])
        names = ", ".join(server.name for server in found.servers)
        yield visit.finds("warning" if missing else "ok", "mcp_extra" if missing else "mcp_ok", servers=names)


_OF_THE_MACHINE: Final[dict[str, Check]] = {"octo": _octo, "terminal": _terminal, "disk": _disk, "keys": _keys}
_OF_THE_SETTINGS: Final[dict[str, Check]] = {
    "config": _config,
    "database": _database,
    "model": _model,
    "servers": _servers,
    "extras": _extras,
    "sandbox": _sandbox,
    "agents": _agents,
    "formats": _formats,
    "nodes": _nodes,
    "mcp": _mcp,
}


def _drawn(findings: Iterable[Finding], caller: Caller, style: Style) -> Iterator[str]:
    say = caller.words
    marks = {level: say(f"doctor.{level}") for level in ("ok", "warning", "error")}
    left = max(map(width, marks.values()))
    name = max(width(say(f"doctor.{check}")) for check in (*_OF_THE_MACHINE, *_OF_THE_SETTINGS))
    indent = left + name + 4
    for finding in findings:
        first, *rest = wrap(finding.message, screen_columns(sys.stdout) - indent)
        mark = pad(marks[finding.level], left)
        look = style.quiet if finding.level == "ok" else style.alarming
        yield f"{look(mark)}  {pad(say(f'doctor.{finding.check}'), name)}  {first}"
        yield from (" " * indent + line for line in rest)
        yield from (" " * indent + f"→ {line}" for line in (finding.hint or "").splitlines())


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _existing(folder: Path) -> Path:
    """The folder, or what is above it and exists: where it would be made."""
    return next(place for place in (folder, *folder.parents) if place.exists())
