"""Where everything lives and how Octo behaves: flag > environment > project file > user file > default, resolved once.

Nothing here opens a database, a network or a document; reading two TOML files is all the work.
"""

import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_args

from octo_cli.errors import UsageError
from octo_cli.i18n import Language, language_of, language_of_locale
from octo_cli.settings.databases import DatabaseSettings
from octo_cli.settings.keys import FORMATS, KEYS, Key, is_list
from octo_cli.settings.readers import Place, Source, duration, length
from octo_cli.settings.sections import (
    ApprovalSettings,
    CodeSettings,
    DataSettings,
    MemorySettings,
    ModelSettings,
    PlanSettings,
    RetentionSettings,
    SearchSettings,
    WebSettings,
)

__all__ = [
    "FORMATS",
    "KEYS",
    "OFFLINE",
    "ApprovalSettings",
    "CodeSettings",
    "DataSettings",
    "DatabaseSettings",
    "Folders",
    "Key",
    "MemorySettings",
    "ModelSettings",
    "Place",
    "PlanSettings",
    "RetentionSettings",
    "SearchSettings",
    "Settings",
    "Source",
    "WebSettings",
    "config_file_of",
    "duration",
    "is_list",
    "length",
    "make_private",
    "octo_folders",
    "resolve",
    "write_private",
]

Environment = Mapping[str, str]
OnTimeout = Literal["defer", "reject"]

PROJECT_FILE: Final = ".octo.toml"
CONFIG_FILE: Final = "config.toml"
OFFLINE: Final = "offline"
# A command that opens the database; options of every command may stand before its name.
_OF_A_DATABASE: Final = r"\bocto (?=(?:chat|ask|resume|inbox|threads|documents|memory|db|doctor)\b)"
# A command that goes on with a thread, and what it says itself of the model.
_GOING_ON: Final = r"octo (?:resume|chat --thread) [^\s,]+(?P<named>(?: --(?:model|base-url) \S+)*)"


class Folders(NamedTuple):
    """Octo's own folders. None need exist; whoever writes makes them."""

    config: Path
    data: Path
    state: Path
    cache: Path


@dataclass(frozen=True)
class Settings:
    """What one run was told. `sources` says where each key of `KEYS` came from.

    `workspace` is the folder Octo was called in: what agents read and write, they read and write there.
    `lang` None: the language of what is written to Octo, then of the locale. `fixed_now` replaces the clock.
    """

    folders: Folders
    config_file: Path
    database: DatabaseSettings
    workspace: Path
    lang: Language | None
    user: str
    format: str
    documents: Path
    mcp_file: Path
    disabled_agents: tuple[str, ...]
    models: ModelSettings
    approvals: ApprovalSettings
    search: SearchSettings
    web: WebSettings
    code: CodeSettings
    data: DataSettings
    plan: PlanSettings
    memory: MemorySettings
    retention: RetentionSettings
    expire_after: timedelta | None
    on_timeout: OnTimeout
    color: bool
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False
    fixed_now: datetime | None = None
    locale: Language = "en"
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model's name as it is told: "offline", or "provider:name"."""
        return self.models.name

    @property
    def types_folder(self) -> Path:
        """The person's own document types, found before the program's."""
        return self.folders.config / "types"

    def again(self, text: str) -> str:
        """`text` with this command line's flags in its commands, so that typed they mean the same world.

        `--sqlite` or `--postgres` (without the password) in every command that opens the database; `--model` and
        `--base-url` in those that go on with a thread: without them it would go on with another mind. A command that
        names a model of its own keeps it, and gets the address only if that is of the same provider. What was done once
        is not done twice.
        """
        given = {
            "model": ("--model", self.models.name),
            "model.base_url": ("--base-url", self.models.base_url or ""),
        }
        flags = {
            name: f" {flag} {shlex.quote(value)}"
            for name, (flag, value) in given.items()
            if self.sources.get(name) == "flag"
        }

        def completed(command: re.Match[str]) -> str:
            named = command["named"]
            if not named:
                return command[0] + "".join(flags.values())
            same = f"--model {self.models.name.partition(':')[0]}:" in named and "--base-url" not in named
            return command[0] + (flags.get("model.base_url", "") if same else "")

        text = re.sub(_GOING_ON, completed, text) if flags else text
        kind = "postgres" if self.database.postgres else "sqlite"
        if self.sources.get(f"database.{kind}") != "flag":
            return text
        return re.sub(_OF_A_DATABASE, lambda octo: f"{octo[0]}--{kind} {shlex.quote(self.database.name)} ", text)

    def now(self) -> datetime:
        """The time, aware, in the local zone or in the one `OCTO_NOW` names."""
        return self.fixed_now or datetime.now().astimezone()

    def language_for(self, text: str = "") -> Language:
        """The language to answer `text` in: the one asked for, the one it is written in, or the locale's."""
        return self.lang or language_of(text) or self.locale


def resolve(flags: Mapping[str, Any], environment: Environment, cwd: Path) -> Settings:
    """All settings of one run. `flags` are the shared options by name; a missing or None one was not given.

    Raises UsageError for a value or a file that cannot be taken, naming which and what is accepted.
    """
    folders = octo_folders(environment)
    config_file = config_file_of(flags, environment, cwd)
    layers = (
        _Layer("flag", {key.name: flags.get(key.flag) for key in KEYS if key.flag}, "", cwd),
        _Layer("environment", {key.name: environment.get(key.variable) for key in KEYS if key.variable}, "", cwd),
        _Layer("project", _read_file(cwd / PROJECT_FILE, project=True), str(cwd / PROJECT_FILE), cwd),
        _Layer("user", _read_file(config_file), str(config_file), config_file.parent),
    )
    found = {key.name: _first(key, layers) for key in KEYS}
    value = {name: pair[0] for name, pair in found.items()}
    return Settings(
        folders=folders,
        config_file=config_file,
        database=_database({**value, "database.sqlite": value["database.sqlite"] or folders.data / "octo.db"}, found),
        workspace=cwd,
        lang=value["lang"],
        user=value["user"] or _login_name(environment),
        format=value["format"] or "chat",
        documents=value["documents.folder"] or cwd / "octo-documents",
        mcp_file=value["mcp.file"] or folders.config / "mcp.json",
        disabled_agents=value["agents.disabled"] or (),
        models=_section(ModelSettings, "model", {**value, "model.name": value["model"]}),
        approvals=_section(ApprovalSettings, "approvals", value)._replace(
            allow_now=tuple(flags.get("allow_tool") or ())
        ),
        search=_section(SearchSettings, "search", value),
        web=_section(WebSettings, "web", value),
        code=_section(CodeSettings, "code", value),
        data=_section(DataSettings, "data", value),
        plan=_section(PlanSettings, "plan", value),
        memory=_section(
            MemorySettings, "memory", {**value, **({"memory.enabled": False} if flags.get("no_memory") else {})}
        ),
        retention=_section(RetentionSettings, "retention", value),
        expire_after=value["questions.expire_after"],
        on_timeout=value["questions.on_timeout"] or "defer",
        color=_wants_color(flags, environment),
        quiet=bool(flags.get("quiet")),
        verbose=bool(flags.get("verbose")),
        no_input=bool(flags.get("no_input")),
        fixed_now=_fixed_now(environment),
        locale=language_of_locale(environment),
        sources=MappingProxyType({name: pair[1] for name, pair in found.items()}),
    )


def octo_folders(environment: Environment) -> Folders:
    """Octo's folders: all under `OCTO_HOME` when it is set, else where the platform keeps such things."""
    if home := environment.get("OCTO_HOME"):
        root = Path(home).expanduser().absolute()
        return Folders(config=root, data=root, state=root / "state", cache=root / "cache")
    import platformdirs

    return Folders(
        config=platformdirs.user_config_path("octo"),
        data=platformdirs.user_data_path("octo"),
        state=platformdirs.user_state_path("octo"),
        cache=platformdirs.user_cache_path("octo"),
    )


def config_file_of(flags: Mapping[str, Any], environment: Environment, cwd: Path) -> Path:
    """The user's settings file: the one named, which has to exist, or the usual one, which need not."""
    named = flags.get("config") or environment.get("OCTO_CONFIG")
    if not named:
        return octo_folders(environment).config / CONFIG_FILE
    path = (cwd / Path(named).expanduser()).absolute()
    if not path.is_file():
        raise UsageError("config_missing", file=str(path))
    return path


def make_private(folder: Path) -> None:
    """Make `folder` and what is missing above it, for their owner alone. Raises OSError."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, for its owner alone; a link stays one. Raises OSError."""
    path = path.resolve()
    make_private(path.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    # Never readable by others, not even for the moment before a chmod.
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(content)
    fresh.replace(path)


_BY_NAME: Final = {key.name: key for key in KEYS}


Section = TypeVar(
    "Section",
    DatabaseSettings,
    ModelSettings,
    ApprovalSettings,
    SearchSettings,
    WebSettings,
    CodeSettings,
    DataSettings,
    MemorySettings,
    PlanSettings,
    RetentionSettings,
)


def _section(kind: type[Section], name: str, values: Mapping[str, Any]) -> Section:
    """The members of a section that were given; the others keep the section's own defaults."""
    given = {member: values.get(f"{name}.{member}") for member in kind._fields}
    return kind(**{member: value for member, value in given.items() if value is not None})


_NEAREST_FIRST: Final = get_args(Source)


def _database(values: Mapping[str, Any], found: Mapping[str, tuple[Any, Source]]) -> DatabaseSettings:
    """The file or the server, whichever was named closer to the command. Raises UsageError where both were."""
    settings = _section(DatabaseSettings, "database", values)
    file, server = found["database.sqlite"][1], found["database.postgres"][1]
    if file == server != "default":
        raise UsageError("two_databases", file=settings.sqlite, server=settings.name)
    nearest = min(file, server, key=_NEAREST_FIRST.index)
    settings = settings._replace(given=file != "default")
    return settings if nearest == server else settings._replace(postgres=None)


class _Layer(NamedTuple):
    """The values one source gives, unread; `file` is empty for flags and the environment."""

    source: Source
    values: Mapping[str, Any]
    file: str
    folder: Path

    def place(self, key: Key) -> Place:
        named = {"flag": str(key.option), "environment": str(key.variable)}
        return Place(self.source, named.get(self.source, f"{self.file}: {key.name}"), self.folder)


def _first(key: Key, layers: Sequence[_Layer]) -> tuple[Any, Source]:
    for layer in layers:
        value = layer.values.get(key.name)
        # An empty environment variable is the shell's way of saying "not set".
        if value is not None and (value != "" or layer.source != "environment"):
            return key.read(value, layer.place(key)), layer.source
    return None, "default"


def _read_file(path: Path, *, project: bool = False) -> dict[str, Any]:
    """The known keys of a TOML file, flattened to "section.name"; nothing when there is no file."""
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise UsageError("config_unreadable", file=str(path), reason=exc.strerror or str(exc)) from exc
    try:
        tables = tomllib.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError("config_not_toml", file=str(path), reason=str(exc)) from exc
    values = dict(_flatten(tables))
    _refuse_unknown(values, path, project=project)
    return values


# A key that may be written with its table as well: `[model] name = "openai:…"`.
_LONG_NAMES: Final = {"model.name": "model"}


def _flatten(tables: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in tables.items():
        if isinstance(value, dict):
            pairs += [(f"{name}.{inner}", item) for inner, item in value.items()]
        else:
            pairs.append((name, value))
    return [(_LONG_NAMES.get(name, name), value) for name, value in pairs]


def _refuse_unknown(values: Mapping[str, Any], path: Path, *, project: bool) -> None:
    accepted = ", ".join(key.name for key in KEYS if key.safe or not project)
    for name in values:
        if name not in _BY_NAME:
            raise UsageError("config_unknown_key", file=str(path), key=name, accepted=accepted)
        if project and not _BY_NAME[name].safe:
            raise UsageError("config_unsafe_key", file=str(path), key=name, accepted=accepted)


def _fixed_now(environment: Environment) -> datetime | None:
    text = environment.get("OCTO_NOW")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError("bad_now", value=text) from exc
    if moment.tzinfo is None:
        raise UsageError("bad_now", value=text)
    return moment


def _wants_color(flags: Mapping[str, Any], environment: Environment) -> bool:
    return not (flags.get("no_color") or environment.get("NO_COLOR") or environment.get("TERM") == "dumb")


def _login_name(environment: Environment) -> str:
    for variable in ("LOGNAME", "USER", "USERNAME"):
        if name := environment.get(variable, "").strip():
            return name
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run under a number that has no name.
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "user"
