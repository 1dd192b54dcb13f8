"""Help pages: laid out by screen cells, every word from the catalogue. No command's work."""

import shutil
from collections.abc import Iterable
from typing import Any, Final

from octo_cli.i18n import Words
from octo_cli.settings import FORMATS
from octo_cli.ui.cells import pad, width, wrap

WIDEST: Final = 100
_LEFT: Final = 30


def command_page(ctx: Any) -> str:
    """`octo ask --help`."""
    words: Words = ctx.obj.words
    arguments = [param for param in ctx.command.params if param.param_type_name == "argument" and not param.hidden]
    options = [param for param in ctx.command.params if param.param_type_name == "option"]
    return _page(
        _usage(ctx, " ".join(f"[{_metavar(param)}]" for param in arguments)),
        _prose(words(f"help.{_key(ctx)}")),
        _section(words("page.arguments"), (_row(ctx, param) for param in arguments)),
        _section(words("page.options"), (_row(ctx, param) for param in options)),
        _examples(ctx),
    )


def group_page(ctx: Any) -> str:
    """`octo --help`, `octo threads --help`. Imports no command."""
    words: Words = ctx.obj.words
    prefix = "" if ctx.parent is None else f"{_key(ctx)}_"
    commands = ((name, summary(words, f"{prefix}{name}")) for name in ctx.command.list_commands(ctx))
    return _page(
        _usage(ctx, words("page.command")),
        _prose(words(f"help.{_key(ctx)}")),
        _section(words("page.commands"), commands),
        _section(words("page.options"), (_row(ctx, param) for param in ctx.command.params)),
        _examples(ctx),
    )


def summary(words: Words, key: str) -> str:
    """The first line of a command's help."""
    return words(f"help.{key}").strip().splitlines()[0]


def option_help(words: Words, command: str, name: str) -> str:
    """An option's help; `option.<command>_<name>` where it means something of its own there."""
    own = f"option.{command}_{name}"
    return words(own if words.has(own) else f"option.{name}", formats=", ".join(FORMATS))


def _key(ctx: Any) -> str:
    return "_".join(ctx.command_path.split()[1:]) or "octo"


def _usage(ctx: Any, rest: str) -> list[str]:
    words: Words = ctx.obj.words
    return [" ".join(part for part in (words("page.usage"), ctx.command_path, words("page.any_options"), rest) if part)]


def _row(ctx: Any, param: Any) -> tuple[str, str]:
    help_text = option_help(ctx.obj.words, _key(ctx), param.name.rstrip("_"))
    if param.param_type_name == "argument":
        return _metavar(param), help_text
    names = ", ".join(sorted(param.opts, key=len))
    return (names if param.is_flag else f"{names} {_metavar(param)}"), help_text


def _metavar(param: Any) -> str:
    name = str(param.metavar or param.name.upper())
    return f"{name}..." if param.nargs == -1 else name


def _prose(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.strip().splitlines():
        lines += [f"  {part}".rstrip() for part in wrap(line, _screen() - 2)] if line.strip() else [""]
    return lines


def _section(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    pairs = list(rows)
    if not pairs:
        return []
    left = min(max(width(name) for name, _ in pairs), _LEFT)
    lines = [f"{title}:"]
    for name, text in pairs:
        parts = wrap(text, _screen() - left - 4)
        if width(name) > left:
            lines.append(f"  {name}")
        else:
            lines.append(f"  {pad(name, left)}  {parts.pop(0)}")
        lines += [f"  {' ' * left}  {part}" for part in parts]
    return lines


def _examples(ctx: Any) -> list[str]:
    key = f"example.{_key(ctx)}"
    words: Words = ctx.obj.words
    if not words.has(key):
        return []
    return [f"{words('page.examples')}:", *(f"  {line}" for line in words(key).strip().splitlines())]


def _page(*sections: list[str]) -> str:
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _screen() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
