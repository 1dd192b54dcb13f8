"""What a PDF, a Word file or a web page says, as text. Runs in a child process (`extraction`); never touches a disk.

Lines are what a place is cited by: in a web page they are those of the file, in a Word file its paragraphs and table
rows that say anything, counted from 1; in a PDF a form feed begins every page but the first.
"""

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from octo_cli.agents.folders.reading import Reason, text_of
from octo_cli.values.text import clean, one_line

PAGE_BREAK: Final = "\f"
# Characters, or bytes unpacked: a file of ten megabytes may hold a hundred gigabytes of zeros.
LONGEST: Final = 5_000_000
_MOST_UNPACKED: Final = 100_000_000

_HEADING_STYLE: Final = re.compile(r"(?:heading|제목)\s*([1-6])", re.I)
_HEADING_TAG: Final = re.compile(r"h([1-6])")
_UNSPOKEN: Final = frozenset({"script", "style", "template", "svg"})
# Whatever is not one of these ends a word.
_INSIDE_WORDS: Final = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "u"}
)


class Unreadable(Exception):
    """The file is not searched; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def text_in(kind: str, raw: bytes) -> str:
    """The text in a file of `kind` ("pdf", "docx", "html"). Raises Unreadable, and nothing else."""
    try:
        text = _READERS[kind](raw)
    except Unreadable:
        raise
    except Exception as exc:  # (three parsers, each with its own ways to fail)
        raise Unreadable("broken") from exc
    if not text.strip():
        raise Unreadable("no_text")
    return text


def _pdf(raw: bytes) -> str:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    reader = PdfReader(io.BytesIO(raw))
    try:
        # Many are locked against changes only, and anybody may read them.
        locked = reader.is_encrypted and not reader.decrypt("")
    except (DependencyError, NotImplementedError):
        locked = True
    if locked:
        raise Unreadable("encrypted")
    return f"\n{PAGE_BREAK}".join(_bounded(clean(_page(page)) for page in reader.pages))


def _page(page: Any) -> str:
    try:
        text: str = page.extract_text()
    except Exception:  # noqa: BLE001 (one bad page must not hide the others)
        return ""
    return text.replace(PAGE_BREAK, " ")


def _docx(raw: bytes) -> str:
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        # Word wraps what it locks in the container of its old format.
        raise Unreadable("encrypted")
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        if sum(part.file_size for part in parts.infolist()) > _MOST_UNPACKED:
            raise Unreadable("too_large")
    import docx

    blocks = (one_line(text) for block in docx.Document(io.BytesIO(raw)).iter_inner_content() for text in _said(block))
    return "\n".join(_bounded(block for block in blocks if block))


def _said(block: Any) -> Iterator[str]:
    """A paragraph, or the rows of a table; a heading with as many `#` as its level."""
    if hasattr(block, "rows"):
        for row in block.rows:
            # A merged cell comes once for every column it spans.
            yield " | ".join(text for text, _ in groupby(one_line(cell.text) for cell in row.cells) if text)
        return
    style = block.style.name or ""
    level = 1 if style == "Title" else int(match[1]) if (match := _HEADING_STYLE.fullmatch(style)) else 0
    yield f"{'#' * level} {block.text}" if block.text.strip() else ""


def _html(raw: bytes) -> str:
    source = text_of(raw)
    if source is None:
        raise Unreadable("binary")
    page = _Page()
    page.feed(source)
    page.close()
    return page.text


class _Page(HTMLParser):
    """A web page's words, each on the line of the file it stands on."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: defaultdict[int, list[str]] = defaultdict(list)
        self._unspoken = ""

    @property
    def text(self) -> str:
        said = ("".join(self._lines.get(number, ())).strip() for number in range(1, max(self._lines, default=0) + 1))
        return clean("\n".join(said))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _UNSPOKEN:
            self._unspoken = self._unspoken or tag
        if match := _HEADING_TAG.fullmatch(tag):
            self._say(f"{'#' * int(match[1])} ")
        elif tag not in _INSIDE_WORDS:
            self._say(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unspoken:
            self._unspoken = ""
        if tag not in _INSIDE_WORDS:
            self._say(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in _INSIDE_WORDS:
            self._say(" ")

    def handle_data(self, data: str) -> None:
        if not self._unspoken:
            self._say(data)

    def _say(self, text: str) -> None:
        for number, line in enumerate(text.split("\n"), start=self.getpos()[0]):
            self._lines[number].append(line)


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > LONGEST:
            raise Unreadable("too_large")
        yield piece


_READERS: Final[Mapping[str, Callable[[bytes], str]]] = MappingProxyType({"pdf": _pdf, "docx": _docx, "html": _html})
