"""What a page says: bytes in, title, site, date and text out, in a child process (`apart`): a page is a stranger's."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final

import msgspec

from octo_cli.agents import apart
from octo_cli.errors import Failed
from octo_cli.values.text import clean, one_line

if TYPE_CHECKING:
    from pypdf import PdfReader

LONGEST_TEXT: Final = 60_000
_LONGEST_LINE: Final = 300
# Characters. Less is a line or two: what pages show that are drawn by a script.
_THIN: Final = 80
_MOST_PAGES: Final = 100
BOUNDS: Final = apart.Most(seconds=15, memory=1 << 30)


class Source(msgspec.Struct, frozen=True):
    """The bytes of one page, and what the server said of them."""

    url: str
    media_type: str
    charset: str | None
    body: bytes


class Page(msgspec.Struct, frozen=True, tag=True):
    """A page's own words, cleaned and bounded. `text` is Markdown; `date` is as the page gives it, mostly ISO.

    `thin` says that a web page has hardly any text without a browser. `prose` is False of data, which has no sentences.
    """

    title: str
    site: str
    date: str
    author: str
    text: str
    thin: bool = False
    prose: bool = True


class Unreadable(msgspec.Struct, frozen=True, tag=True):
    """Why there is no page: the rest of a `web_…` code."""

    reason: str


async def read_apart(source: Source, most: apart.Most = BOUNDS) -> Page:
    """`read` in a process of its own, which ends at once when this is cancelled. Raises Failed (`web_…`)."""
    try:
        said = msgspec.msgpack.decode(
            await apart.asked(f"{__name__}:answer", msgspec.msgpack.encode(source), most), type=Page | Unreadable
        )
    except (apart.NoAnswer, OSError, msgspec.DecodeError) as exc:
        raise Failed("web_unreadable", url=source.url) from exc
    if isinstance(said, Unreadable):
        raise Failed(f"web_{said.reason}", url=source.url)
    return said


def answer(message: bytes) -> bytes:
    """`read` as the child does it: a `Source` in, a `Page` or `Unreadable` out, as msgpack."""
    return msgspec.msgpack.encode(read(msgspec.msgpack.decode(message, type=Source)))


def read(source: Source) -> Page | Unreadable:
    """The page in `source`, by what its bytes are where the server did not say."""
    kind = _kind(source)
    try:
        page = _READERS[kind](source)
    except Exception:  # noqa: BLE001 (a broken page breaks its parser in any way there is)
        return Unreadable("unreadable")
    if isinstance(page, Unreadable):
        return page
    page = msgspec.structs.replace(
        page,
        title=_line(page.title),
        site=_line(page.site),
        date=_line(page.date),
        author=_line(page.author),
        text=clean(page.text).strip()[:LONGEST_TEXT],
    )
    return page if page.text else Unreadable("no_text")


def _html(source: Source) -> Page | Unreadable:
    from trafilatura import extract, extract_metadata

    html = _decoded(source)
    # Not extensive: a date guessed from a copyright line is none.
    said = extract_metadata(html, default_url=source.url, extensive=False)
    # Where no main text can be told from the rest, this is all the text there is.
    text = extract(html, output_format="markdown", include_comments=False) or ""
    return Page(
        title=said.title or "",
        site=said.sitename or "",
        date=said.date or "",
        author=said.author or "",
        text=text,
        thin=len(text) < _THIN,
    )


def _pdf(source: Source) -> Page | Unreadable:
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(source.body))
    if reader.is_encrypted and not reader.decrypt(""):
        return Unreadable("locked")
    said, date = reader.metadata, None
    with suppress(ValueError):  # a date that is none
        date = said and (said.modification_date or said.creation_date)
    return Page(
        title=(said and said.title) or "",
        site="",
        date=date.date().isoformat() if date else "",
        author=(said and said.author) or "",
        text="\n\n".join(_pages(reader)),
    )


def _pages(reader: "PdfReader") -> Iterator[str]:
    length = 0
    for page in reader.pages[:_MOST_PAGES]:
        text = page.extract_text().strip()
        length += len(text)
        if text:
            yield text
        if length > LONGEST_TEXT:
            return


def _json(source: Source) -> Page | Unreadable:
    text = _decoded(source)
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    return Page("", "", "", "", text, prose=False)


def _markdown(source: Source) -> Page | Unreadable:
    text = _decoded(source)
    title = re.search(r"^#{1,6}[ \t]+(\S.*?)[ \t]*#*$", text, re.M)
    return Page(title[1] if title else "", "", "", "", text)


def _plain(source: Source) -> Page | Unreadable:
    if b"\0" in source.body and not source.body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Unreadable("unreadable")
    return Page("", "", "", "", _decoded(source))


_READERS: Final[dict[str, Callable[[Source], Page | Unreadable]]] = {
    "html": _html,
    "pdf": _pdf,
    "json": _json,
    "markdown": _markdown,
    "plain": _plain,
}
_KINDS: Final = (
    (re.compile(r".*/pdf"), "pdf"),
    (re.compile(r".*[/+]json"), "json"),
    (re.compile(r".*/(?:x-)?markdown"), "markdown"),
    (re.compile(r"text/html|.*/xhtml\+xml"), "html"),
    (re.compile(r"text/.+"), "plain"),
)


def _kind(source: Source) -> str:
    if source.body.startswith(b"%PDF-"):
        return "pdf"
    for pattern, kind in _KINDS:
        if pattern.fullmatch(source.media_type):
            return kind
    head = source.body[:1024].lstrip(codecs.BOM_UTF8).lstrip().lower()
    return "html" if head.startswith((b"<!doctype html", b"<html")) else "plain"


# What a page calls its encoding, where Python's codec of that name knows fewer characters
# (https://encoding.spec.whatwg.org/#names-and-labels).
_LABELS: Final = {
    "euc-kr": "cp949",
    "euckr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "windows-949": "cp949",
    "x-windows-949": "cp949",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
# Python has codecs of other kinds too, and some take quadratic time.
_OF_PAGES: Final = re.compile(
    r"utf-(?:8|16|32)(?:-[bl]e)?|cp\d+|iso8859-\d+|koi8-\w|euc_\w+|gb\w+|big5\w*|shift_jis\w*|johab|mac-\w+"
)
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,30})|<\?xml[^>]{0,100}encoding=["']([\w-]{2,30})""", re.I
)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _decoded(source: Source) -> str:
    """The text in the first encoding that fits: marked, said by the server, said by the page, or usual here."""
    candidates = list(_encodings(source))
    for encoding in (*candidates, "utf-8", "cp949"):
        with suppress(UnicodeDecodeError):
            return source.body.decode(encoding)
    # One broken byte must not hide the rest of a page.
    return source.body.decode(next(iter(candidates), "utf-8"), errors="replace")


def _encodings(source: Source) -> Iterator[str]:
    yield from (encoding for mark, encoding in _MARKS if source.body.startswith(mark))
    declared = _DECLARED.search(source.body[:2048])
    in_page = (declared[1] or declared[2]).decode("ascii", "replace") if declared else ""
    for label in (source.charset or "", in_page):
        with suppress(LookupError):
            name = codecs.lookup(_LABELS.get(label.strip().lower(), label.strip())).name
            if _OF_PAGES.fullmatch(name):
                yield name


def _line(text: str) -> str:
    return one_line(text)[:_LONGEST_LINE]
