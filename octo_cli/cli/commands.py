"""How a command is built: Typer's functions, options every command takes, loading on demand. No command's work.

Options are declared once, in bundles; their values meet in `Caller.flags`, before or after the subcommand alike. Help
is not written here either: every word of it comes from the catalogue, under the command's and the option's name.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer import Option
from typer.core import TyperCommand, TyperGroup

from octo_cli import __version__
from octo_cli.errors import Failed, OctoError, UsageError
from octo_cli.i18n import LANGUAGES, Language, Words, language_of_locale, words
from octo_cli.settings import Settings, resolve
from octo_cli.ui.typed import readable


@dataclass
class Caller:
    """Who called and with what: the flags of this command line, the environment, and where we stand."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    flags: dict[str, Any] = field(default_factory=dict)
    face: Any = None  # Set by the command that runs a thread: whoever talks is also who tells of a failure.
    folder: Path | None = None  # Where to stand, if not in the folder of this process.

    @cached_property
    def cwd(self) -> Path:
        try:
            return self.folder or Path.cwd()
        except FileNotFoundError as error:
            raise Failed("folder_gone") from error

    @cached_property
    def settings(self) -> Settings:
        return resolve(self.flags, self.environment, self.cwd)

    @cached_property
    def language(self) -> Language:
        """The language Octo speaks with this caller: asked for, configured, or the locale's."""
        if (asked := self._asked_language()) is not None:
            return asked
        try:
            return self.settings.language_for()
        except OctoError:
            # Also an error in the settings has to be told in some language.
            return language_of_locale(self.environment)

    @property
    def words(self) -> Words:
        return words(self.language)

    def words_for(self, text: str) -> Words:
        """The words to answer `text` with."""
        return words(self.settings.language_for(text))

    @property
    def interactive(self) -> bool:
        """Whether a person sits there. Prompts go to stderr, so stdout may well be a file."""
        return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty() and not self.flags.get("no_input"))

    def asks_for(self, flag: str) -> bool:
        """Whether `flag` is on the command line, however the rest of it reads."""
        return flag in self._options()

    @property
    def runs_a_thread(self) -> bool:
        takes_value = {name for param in parameters(shared) if not param.is_flag for name in param.opts}
        words = (word for before, word in pairwise(("", *self.argv)) if before not in takes_value)
        return next((word for word in words if not word.startswith("-")), "") in ("ask", "resume")

    def _asked_language(self) -> Language | None:
        asked = self.environment.get("OCTO_LANG")
        for option, value in pairwise((*self._options(), "")):
            name, equals, attached = option.partition("=")
            if name == "--lang":
                asked = attached if equals else value
        return next((known for known in LANGUAGES if known == asked), None)

    def _options(self) -> tuple[str, ...]:
        return self.argv[: self.argv.index("--")] if "--" in self.argv else self.argv


def shared(
    postgres: Annotated[str | None, Option("--postgres", metavar="URL")] = None,
    sqlite: Annotated[str | None, Option("--sqlite", metavar="PATH")] = None,
    model: Annotated[str | None, Option("--model", metavar="NAME")] = None,
    base_url: Annotated[str | None, Option("--base-url", metavar="URL")] = None,
    lang: Annotated[str | None, Option("--lang", metavar="ko|en")] = None,
    user: Annotated[str | None, Option("--user", metavar="NAME")] = None,
    config: Annotated[str | None, Option("--config", metavar="PATH")] = None,
    quiet: Annotated[bool, Option("--quiet", "-q")] = False,
    verbose: Annotated[bool, Option("--verbose", "-v")] = False,
    no_color: Annotated[bool, Option("--no-color")] = False,
    no_input: Annotated[bool, Option("--no-input")] = False,
) -> None:
    """Options of every command."""


def only_root(version: Annotated[bool, Option("--version", "-V")] = False) -> None:
    """Options of `octo` itself."""


def data(json: Annotated[bool, Option("--json")] = False) -> None:
    """Commands that print data."""


def result(
    format: Annotated[str | None, Option("--format", "-f", metavar="FORMAT")] = None,
    output: Annotated[str | None, Option("--output", "-o", metavar="PATH")] = None,
    force: Annotated[bool, Option("--force")] = False,
    timeout: Annotated[str | None, Option("--timeout", metavar="TIME")] = None,
    json: Annotated[bool, Option("--json")] = False,
    events: Annotated[bool, Option("--events")] = False,
) -> None:
    """Commands that run a thread."""


def spending(
    max_tokens: Annotated[str | None, Option("--max-tokens", metavar="COUNT")] = None,
    max_cost: Annotated[str | None, Option("--max-cost", metavar="USD")] = None,
) -> None:
    """Commands that may spend something on models."""


def recalling(no_memory: Annotated[bool, Option("--no-memory")] = False) -> None:
    """Commands that look back on earlier conversations."""


def planning(review_plan: Annotated[bool, Option("--review-plan")] = False) -> None:
    """Commands that plan."""


def answering(
    set_: Annotated[list[str] | None, Option("--set", metavar="FIELD=VALUE")] = None,
    answers: Annotated[str | None, Option("--answers", metavar="FILE")] = None,
    submit: Annotated[bool, Option("--submit")] = False,
    approve: Annotated[bool, Option("--approve")] = False,
    reject: Annotated[str | None, Option("--reject", metavar="[REASON]")] = None,
    revise: Annotated[str | None, Option("--revise", metavar="TEXT")] = None,
    back: Annotated[str | None, Option("--back", metavar="STEP")] = None,
    allow_tool: Annotated[list[str] | None, Option("--allow-tool", metavar="NAME[:GLOB]")] = None,
) -> None:
    """Commands that answer questions."""


Bundle = Callable[..., None]
OPTIONAL_VALUE: Final = "--reject"


class Entry(NamedTuple):
    """One command: where its function is, and which bundles of options it takes beside the shared ones."""

    module: str
    function: str
    bundles: tuple[Bundle, ...] = ()


class Branch(NamedTuple):
    """A noun with verbs of its own."""

    entries: Mapping[str, "Entry | Branch"]


class _PlainHelp:
    """`--help` as a flag like the others."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            _take_text_as_typed((option,))
        return option


class Command(_PlainHelp, TyperCommand):
    """A command with its bundles; what they hold goes to `Caller.flags`, the rest to the function."""

    bundles: tuple[Bundle, ...] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, _spell_out(args))
        if rest and not ctx.resilient_parsing:
            raise UsageError("unexpected_argument", value=" ".join(rest))
        _collect(ctx, (shared, *self.bundles))
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from octo_cli.cli.pages import command_page

        formatter.write(command_page(ctx))


class Group(_PlainHelp, TyperGroup):
    """A group that knows its commands by name and imports one only to run it."""

    branch: Branch

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(self.branch.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = self.branch.entries.get(cmd_name)
        return None if entry is None else build(cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (command := self.get_command(ctx, args[0])) is not None:
            return args[0], command, args[1:]
        if args[0].startswith("-"):
            raise UsageError("unknown_option", option=args[0], near=f"{ctx.command_path} --help")
        near = get_close_matches(args[0], self.branch.entries) or self.branch.entries
        raise UsageError("unknown_command", command=args[0], near=", ".join(near))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        _collect(ctx, (shared,))
        return rest

    def invoke(self, ctx: Any) -> Any:
        # Without a verb the noun explains itself, as an error: a script must not take the page for data.
        if not self.invoke_without_command and not _remaining(ctx):
            raise NoCommandError(ctx.get_help())
        return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from octo_cli.cli.pages import group_page

        formatter.write(group_page(ctx))


class Root(Group):
    """`octo` itself: alone on a terminal it is `octo chat`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        _collect(ctx, (only_root,))
        return rest

    def invoke(self, ctx: Any) -> Any:
        if ctx.obj.flags.get("version"):
            print(f"octo {__version__}")  # noqa: T201
            return None
        if _remaining(ctx) or not ctx.obj.interactive:
            return super().invoke(ctx)
        chat = self.get_command(ctx, "chat")
        with chat.make_context("chat", [], parent=ctx) as inner:
            return chat.invoke(inner)


class NoCommandError(Exception):
    """A noun without a verb; the argument is the page to show."""


def root(entries: Mapping[str, Entry | Branch]) -> Root:
    group = Root(name="octo", params=[*parameters(only_root), *parameters(shared)], rich_markup_mode=None)
    group.branch = Branch(entries)
    return group


def build(name: str, entry: Entry | Branch) -> Any:
    """The Typer command of an entry; its module is imported here, and only here."""
    if isinstance(entry, Branch):
        group = Group(name=name, params=[*parameters(shared)], rich_markup_mode=None)
        group.branch = entry
        return group
    function = getattr(importlib.import_module(entry.module), entry.function)
    command = _typer_command(name, function)
    command.bundles = entry.bundles
    for bundle in (*entry.bundles, shared):
        command.params.extend(parameters(bundle))
    _take_text_as_typed(command.params)
    return command


@cache
def parameters(bundle: Bundle) -> tuple[Any, ...]:
    """A bundle's options, as Typer reads them off its signature."""
    params = tuple(_typer_command(bundle.__name__, bundle).params)
    _take_text_as_typed(params)
    return params


def _typer_command(name: str, function: Callable[..., None]) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command)(function)
    return typer.main.get_command(app)


class _AsTyped:
    """Reads a parameter as the text that was typed.

    Typer would import pydantic, which takes as long as Typer itself, to turn a string into a string. Every option of
    Octo is text or a flag; the rooms that know what a value means read it and word what is wrong with it.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG002
        if param.multiple or param.nargs == -1:
            return tuple(map(readable, value or ()))
        return readable(value) if isinstance(value, str) else value


def _take_text_as_typed(params: Any) -> None:
    for param in params:
        param._runtime_param = _AsTyped()


def _spell_out(args: list[str]) -> list[str]:
    """`--reject` may stand alone; the parser wants a value, so an empty one is written in."""
    spelled = list(args)
    for index, arg in enumerate(args):
        if arg == "--":
            break
        if arg == OPTIONAL_VALUE and (index + 1 == len(args) or args[index + 1].startswith("-")):
            spelled[index] = f"{OPTIONAL_VALUE}="
    return spelled


def _collect(ctx: Any, bundles: tuple[Bundle, ...]) -> None:
    flags = ctx.obj.flags
    for bundle in bundles:
        for param in parameters(bundle):
            value = ctx.params.pop(param.name, None)
            if value not in (None, False, ()):
                flags[param.name] = value


def _remaining(ctx: Any) -> list[str]:
    return [*getattr(ctx, "_protected_args", ()), *ctx.args]
