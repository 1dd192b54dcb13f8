"""auth …: giving, showing and removing keys. A key comes through stdin or a hidden prompt, never as an argument."""

import re
import sys
from typing import Annotated, Final

import typer
from typer import Argument, Option

from octo_cli import credentials
from octo_cli.cli.answers import read_stdin
from octo_cli.cli.commands import Caller
from octo_cli.cli.printing import ask_to_go_on, print_json, print_lines, screen_columns
from octo_cli.errors import Failed, NotFound, UsageError
from octo_cli.storage.sealing import new_key, read_key
from octo_cli.ui.cells import columns

# One line of printable ASCII: what a header can carry, and all that providers hand out.
_KEY: Final = re.compile(r"[\x21-\x7e]{1,4096}")


def set_key(
    ctx: typer.Context,
    provider: Annotated[str, Argument(metavar="PROVIDER")],
    # Taken only to be refused: the parser's own refusal would repeat it.
    secret: Annotated[str | None, Argument(hidden=True)] = None,
    plaintext: Annotated[bool, Option("--plaintext")] = False,
    generate: Annotated[bool, Option("--generate")] = False,
) -> None:
    """Keep a provider's key, or the database's, which Octo can make."""
    caller: Caller = ctx.obj
    name = credentials.canonical(provider)
    if secret is not None:
        raise UsageError("key_as_argument", provider=name)
    if generate and name != credentials.DATABASE:
        raise UsageError("unexpected_argument", value="--generate")
    if name == credentials.DATABASE and credentials.find(name, caller.environment) is not None:
        # What was encrypted with the other one could never be read again.
        raise UsageError("key_there", provider=name)
    if not plaintext and credentials.keyring_name() is None:
        # Before anybody has typed a key for nothing.
        raise Failed("keyring_missing_generate") if generate else credentials.NoKeyring(name)
    key = new_key() if generate else _given(caller, name)
    if name == credentials.DATABASE and read_key(key) is None:
        raise UsageError("key_of_database")
    source = credentials.keep(name, key, caller.environment, plaintext=plaintext)
    if generate:
        print_lines([key])
        sys.stderr.write(f"octo: {caller.words('auth.generated', place=_place(caller, source))}\n")
        return
    if caller.flags.get("json"):
        print_json({"provider": name, "source": source})
        return
    say = caller.words
    print_lines([say("auth.kept", provider=name, place=_place(caller, source))])
    if (over := _variable_set(caller, name)) is not None:
        sys.stderr.write(f"octo: {say('auth.variable_first', variable=over)}\n")


def status(ctx: typer.Context, provider: Annotated[str | None, Argument(metavar="PROVIDER")] = None) -> None:
    """Which providers have a key, and where it is. Never the key."""
    caller: Caller = ctx.obj
    if provider is not None:
        names = [credentials.canonical(provider)]
    else:
        names = list(
            dict.fromkeys((*credentials.PROVIDERS, credentials.DATABASE, *credentials.kept_in_file(caller.environment)))
        )
    found = credentials.find_all(names, caller.environment)
    if caller.flags.get("json"):
        told = [
            {
                "provider": name,
                "source": key and key.source,
                "ending": key and key.ending,
                "variable": credentials.variables(name)[0],
            }
            for name, key in found.items()
        ]
        print_json({"keys": told})
        return
    rows = [(name, *_shown(caller, name, key)) for name, key in found.items()]
    head = tuple(caller.words(f"auth.{column}") for column in ("provider", "key", "source"))
    print_lines(columns([head, *rows], screen_columns(sys.stdout), flexible=(2,)))


def remove(
    ctx: typer.Context,
    provider: Annotated[str, Argument(metavar="PROVIDER")],
    yes: Annotated[bool, Option("--yes", "-y")] = False,
) -> None:
    """Forget a provider's key."""
    caller: Caller = ctx.obj
    name = credentials.canonical(provider)
    if name == credentials.DATABASE and not yes:
        if not caller.interactive:
            raise UsageError("remove_needs_yes")
        ask_to_go_on((caller.words("auth.database_key_lost"),), caller.words("auth.remove_this"))
    was, over = credentials.forget(name, caller.environment), _variable_set(caller, name)
    if not was and over is not None:
        raise UsageError("key_in_environment", provider=name, variable=over)
    if not was:
        raise NotFound("key_not_found", provider=name)
    if caller.flags.get("json"):
        print_json({"provider": name, "removed": list(was)})
        return
    print_lines([caller.words("auth.removed", provider=name, places=", ".join(_place(caller, one) for one in was))])
    if over is not None:
        sys.stderr.write(f"octo: {caller.words('auth.variable_first', variable=over)}\n")


def _given(caller: Caller, provider: str) -> str:
    """The key a person typed unseen, or a pipe's one line. Raises UsageError, which never repeats what was given."""
    if not sys.stdin.isatty():
        text = read_stdin()
    elif caller.flags.get("no_input"):
        raise UsageError("key_empty", provider=provider)
    else:
        from getpass import getpass

        text = getpass(caller.words("auth.prompt", provider=provider))
    key = text.removeprefix("\ufeff").rstrip("\r\n")
    if not key:
        raise UsageError("key_empty", provider=provider)
    if not _KEY.fullmatch(key):
        raise UsageError("key_malformed", provider=provider)
    return key


def _variable_set(caller: Caller, provider: str) -> str | None:
    """The environment variable that goes before whatever is kept."""
    names = credentials.variables(provider)
    return next((name for name in names if caller.environment.get(name, "").strip()), None)


def _shown(caller: Caller, provider: str, key: credentials.Credential | None) -> tuple[str, str]:
    if key is None:
        return "—", "—"
    variable = _variable_set(caller, provider) if key.source == "environment" else None
    return f"…{key.ending}", variable or _place(caller, key.source)


def _place(caller: Caller, source: credentials.Source) -> str:
    """A keyring has a name of its own in sentences, a file has its path."""
    return caller.words("auth.keyring") if source == "keyring" else str(credentials.key_file(caller.environment))
