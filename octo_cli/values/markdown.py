"""A stranger's words inside Markdown: shown as they are, forming nothing."""

import re
from typing import Final

from octo_cli.values.text import one_line

# `_` only where it could open or close an emphasis, so that an e-mail address stays as it was written.
_STRUCTURE: Final = re.compile(r"[\\`*\[\]<>|~#]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LINE_START: Final = re.compile(r"^(?:(?=[-+=])|(\d{1,9})(?=[.)](?:\s|$)))")
_IN_A_CELL: Final = re.compile(r"[\\`|<\[\]*]|~~")


def escape_line(text: str) -> str:
    """A line of its own, or a part of one: exactly its characters, and nothing for an empty one."""
    return _LINE_START.sub(r"\1\\", _STRUCTURE.sub(r"\\\g<0>", one_line(text)))


def escape_cell(text: str) -> str:
    """A stranger's text within a table's cell: exactly its characters, and nothing for an empty one."""
    return _IN_A_CELL.sub(r"\\\g<0>", one_line(text))


def code_span(text: str) -> str:
    """Text as a code span on one line, fenced by more backticks than any run inside it."""
    line = one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"
