"""A dossier as Markdown. What people, models and documents wrote stands there letter by letter, never as Markdown."""

import re
from collections.abc import Iterator
from typing import Final

from octo_cli.outputs.dossiers import Entry, Table, Told

# Punctuation that some dialect reads inside a line. What stands at its beginning is never another's.
_MEANING: Final = re.compile(r"([\\`*_{}\[\]<>#|~&$@])")
_FENCES: Final = re.compile(r"`{3,}")


def render(told: Told) -> str:
    return "\n".join(_lines(told)) + "\n"


def _lines(told: Told) -> Iterator[str]:
    yield f"# {_escaped(told.title)}"
    yield from ("", *_facts(told.facts))
    for section in told.sections:
        yield from ("", f"## {section.title}")
        for block in section.blocks:
            yield ""
            yield from _table(block) if isinstance(block, Table) else _entry(block)


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### {_escaped(entry.title)}"
    if entry.facts:
        yield from ("", *_facts(entry.facts))
    if entry.text:
        yield from ("", *_verbatim(entry.text))
    if entry.table is not None:
        yield from ("", *_table(entry.table))
    for title, text in entry.folded:
        yield from ("", f"**{_escaped(title)}**", "", *_verbatim(text))


def _facts(facts: tuple[tuple[str, str], ...]) -> Iterator[str]:
    return (f"- {_escaped(name)}: {_escaped(value)}" for name, value in facts)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield _row(("---",) * len(table.header), raw=True)
    yield from map(_row, table.rows)


def _row(cells: tuple[str, ...], *, raw: bool = False) -> str:
    return f"| {' | '.join(cells if raw else map(_escaped, cells))} |"


def _verbatim(text: str) -> Iterator[str]:
    """A code block whose fence is longer than any in the text."""
    fence = "`" * (max((len(found) for found in _FENCES.findall(text)), default=2) + 1)
    yield from (f"{fence}text", *text.rstrip("\n").split("\n"), fence)


def _escaped(text: str) -> str:
    return _MEANING.sub(r"\\\1", text)
