"""Columns of a screen: how many cells a text takes, cut and padded by cells instead of characters.

Agrees with wcwidth on Korean and English text at a tenth of its import time.
"""

import unicodedata
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Final, TextIO

ELLIPSIS: Final = "…"
INDENT: Final = "  "
_NARROWEST: Final = 8
_NO_CELL: Final = frozenset({"Mn", "Me", "Cf", "Cc"})


def width(text: str) -> int:
    """Cells `text` takes on one line of a screen."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def clip(text: str, cells: int) -> str:
    """`text`, or as much of it as fits in `cells` with an ellipsis."""
    if width(text) <= cells:
        return text
    kept, room = "", cells - 1
    for char in text:
        room -= _cells(char)
        if room < 0:
            break
        kept += char
    return kept + ELLIPSIS if cells > 0 else ""


def pad(text: str, cells: int) -> str:
    return text + " " * (cells - width(text))


def wrap(text: str, cells: int) -> list[str]:
    """Lines of at most `cells` cells, broken at spaces; a longer word is broken where it must."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while width(word) > cells:
            head = _head(word, cells)
            lines += [line, head] if line else [head]
            line, word = "", word[len(head) :]
        joined = f"{line} {word}" if line else word
        if width(joined) > cells:
            lines.append(line)
            joined = word
        line = joined
    return [*lines, line] if line or not lines else lines


def broken(sentence: str, stream: TextIO) -> str:
    """A sentence as `stream` shows it: on a screen broken at spaces, its further lines indented; as it is in a pipe."""
    if not stream.isatty():
        return sentence
    cells = get_terminal_size().columns - len(INDENT)
    return f"\n{INDENT}".join(part for line in sentence.splitlines() for part in wrap(line, cells))


def fold(text: str, cells: int) -> list[str]:
    """Lines of at most `cells` cells that together are `text` to the letter, blanks included."""
    lines = []
    while width(text) > cells:
        head = _head(text, cells)
        lines.append(head)
        text = text[len(head) :]
    return [*lines, text]


def columns(rows: Sequence[Sequence[str]], total: int, *, flexible: Sequence[int]) -> list[str]:
    """Rows as aligned lines of at most `total` cells; of the `flexible` columns the widest gives way, cell by cell."""
    if not rows:
        return []
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    for _ in range(sum(widths) + 2 * (len(widths) - 1) - total):
        widest = max(flexible, key=widths.__getitem__)
        widths[widest] = max(widths[widest] - 1, _NARROWEST)
    return ["  ".join(map(_fit, row, widths)).rstrip() for row in rows]


def _fit(text: str, cells: int) -> str:
    return pad(clip(text, cells), cells)


def _cells(char: str) -> int:
    if unicodedata.category(char) in _NO_CELL or "\u1160" <= char <= "\u11ff":
        return 0  # Combining marks, and the vowels and finals that join a Hangul syllable.
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _head(word: str, cells: int) -> str:
    taken = 0
    for index, char in enumerate(word):
        taken += _cells(char)
        if taken > cells:
            return word[: max(index, 1)]
    return word
