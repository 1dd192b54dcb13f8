"""Markdown as PDF, by typst: A4 pages, Korean broken between words, tables that go on over pages with their heads.

Nothing of the text is ever typst's own language: words reach it as strings. A character that the font does not have is
shown as a box; HTML is text, and a picture is its description.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from octo_cli.errors import Failed
from octo_cli.wire.work import Language

if TYPE_CHECKING:
    from markdown_it.token import Token

FONT: Final = "NanumGothic"
# Typst has this one inside; it stands in for what the first does not have.
_MONO: Final = "DejaVu Sans Mono"
# Where the fonts lie: packages that the charts use as well.
_FONTS_OF: Final = ("koreanize_matplotlib", "fonts")
_MONO_OF: Final = ("matplotlib", "mpl-data", "fonts", "ttf")
_MISSING: Final = "□"
# Typst breaks Hangul inside of words. A word in a box stays whole; one of more syllables than that must break.
_LONGEST_BOX: Final = 14
# Characters of any other word that may stand without a place to break.
_LONGEST_WORD: Final = 24
_SAFE_LINKS: Final = ("https://", "http://", "mailto:")
# What stands in a line for tokens that hold no words.
_SIGNS: Final = {
    "strong_open": "#strong[",
    "em_open": "#emph[",
    "strong_close": "];",
    "em_close": "];",
    "link_close": "];",
    "softbreak": " ",
    "hardbreak": "#linebreak();",
}

_PAGE: Final = r"""
#set page(paper: "a4", margin: (x: 22mm, y: 24mm), numbering: "1 / 1")
#set text(font: ("FONT", "MONO"), size: 10pt, lang: "LANGUAGE")
#set par(leading: 0.75em, spacing: 1.1em)
#set list(indent: 0.5em, spacing: 0.8em)
#set enum(indent: 0.5em, spacing: 0.8em)
#set table(stroke: (x, y) => (bottom: 0.5pt + luma(190)), inset: (x: 0.6em, y: 0.5em))
#show heading: set block(above: 1.6em, below: 0.9em, sticky: true)
#show heading.where(level: 1): set text(size: 18pt)
#show heading.where(level: 2): set text(size: 13.5pt)
#show heading.where(level: 3): set text(size: 11.5pt)
#show quote.where(block: true): it => block(inset: (left: 1em, y: 0.2em), stroke: (left: 2pt + luma(200)), it.body)
#show raw: set text(font: ("MONO", "FONT"), size: 9pt)
// Two cells wide, as on a terminal, so that columns stand below each other.
#let wide = regex("[\p{Hangul}\p{Han}\u{3000}-\u{30ff}\u{ff01}-\u{ff60}]")
#show raw: it => { show wide: set text(tracking: 0.264em); it }
#show raw.where(block: true): it => block(fill: luma(245), inset: 8pt, radius: 3pt, width: 100%, it)

// A table that keeps within the page. Of every column, `widest` is what does not break, `wishes` how wide it would be.
// Left to itself, typst makes wide columns equally wide, however long their words are.
#let fitted(widest, wishes, ..parts) = layout(page => {
  let least = widest.map(piece => measure(box(inset: (x: 0.6em), strong(piece))).width)
  let full = wishes.zip(least).map(((wish, least)) => calc.max(least, (wish + 1.2em).to-absolute()))
  if full.sum() <= page.width { return table(columns: full.len(), ..parts) }
  let scale = calc.min(1, page.width / least.sum())
  let spare = page.width - scale * least.sum()
  let wanted = calc.max(0.1pt, full.sum() - least.sum())
  set text(size: scale * 1em)
  table(columns: full.zip(least).map(((full, least)) => scale * least + spare * ((full - least) / wanted)), ..parts)
})
"""
# Of the size of the letters, about as wide as a cell of a terminal: a wide letter takes two.
_CELL: Final = 0.5


def pdf(markdown: str, language: Language, *, drawn: Mapping[str, str] | None = None) -> bytes:
    """The pages. `drawn` are SVG pictures for the Mermaid diagrams of the text, by their kind ("pie", "gantt").

    Raises Failed "pdf_missing" when the extra is not installed.
    """
    try:
        import typst
    except ImportError as exc:
        raise Failed("pdf_missing") from exc
    from markdown_it import MarkdownIt

    pictures = dict(drawn or {})
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(_shown(markdown))
    body = "".join(_Blocks(tokens, pictures).written())
    page = _PAGE.replace("FONT", FONT).replace("MONO", _MONO).replace("LANGUAGE", language)
    # Its types want the folders of fonts as bytes wherever the text is; its code does not take them so.
    compiled: Any = typst.compile
    made: bytes = compiled(
        f"{page}\n{body}".encode(),
        font_paths=[str(_folder(*_FONTS_OF))], ignore_system_fonts=True, sys_inputs=pictures, format="pdf",
    )  # fmt: skip
    return made


class _Blocks:
    """Tokens of Markdown, written as typst. Each block is a call: nothing depends on the lines it stands in."""

    def __init__(self, tokens: "Sequence[Token]", drawn: Mapping[str, str]) -> None:
        self._tokens = iter(tokens)
        self._undrawn = set(drawn)

    def written(self, until: str = "") -> Iterator[str]:
        for token in self._tokens:
            if token.type == until:
                return
            yield from self._block(token)

    def _block(self, token: "Token") -> Iterator[str]:
        match token.type:
            case "heading_open":
                yield f"#heading(level: {token.tag[1]})[{''.join(self.written('heading_close'))}]\n"
            case "paragraph_open":
                yield f"{''.join(self.written('paragraph_close'))}\n\n"
            case "bullet_list_open":
                yield f"#list({self._items('bullet_list_close')})\n\n"
            case "ordered_list_open":
                start = int(token.attrGet("start") or 1)
                yield f"#enum(start: {start}, {self._items('ordered_list_close')})\n\n"
            case "blockquote_open":
                yield f"#quote(block: true)[{''.join(self.written('blockquote_close'))}]\n\n"
            case "table_open":
                yield self._table()
            case "fence" | "code_block":
                yield self._code(token)
            case "hr":
                yield "#line(length: 100%, stroke: 0.5pt + luma(190))\n\n"
            case "inline":
                yield "".join(_inline(token.children or []))

    def _items(self, until: str) -> str:
        items = []
        for token in self._tokens:
            if token.type == until:
                break
            items.append(f"[{''.join(self.written('list_item_close'))}]")
        return ", ".join(items)

    def _table(self) -> str:
        cells: list[Token] = []
        sides: list[str] = []
        for token in self._tokens:
            if token.type == "table_close":
                break
            if token.type == "th_open":
                style = str(token.attrGet("style") or "")
                sides.append(next((side for side in ("right", "center") if side in style), "left"))
            elif token.type == "inline":
                cells.append(token)
        count = len(sides)
        written = [f"[{''.join(_inline(cell.children or []))}]" for cell in cells]
        head = ", ".join(f"strong({cell})" for cell in written[:count])
        header = f"table.header({head})," if any(cell.content for cell in cells[:count]) else ""
        columns = [[cell.content for cell in cells[place::count]] for place in range(count)]
        widest = ", ".join(_string(max(_pieces(column), key=_wide, default="")) for column in columns)
        wishes = ", ".join(f"{max(map(_wide, column)) * _CELL:.1f}em" for column in columns)
        sized = f"({widest},), ({wishes},), align: ({', '.join(sides)},)"
        return f"#fitted({sized}, {header} {', '.join(written[count:])})\n\n"

    def _code(self, token: "Token") -> str:
        kind = token.content.split(maxsplit=1)[0] if token.content.strip() else ""
        if token.info.strip() == "mermaid" and kind in self._undrawn:
            self._undrawn.discard(kind)
            return f'#image(bytes(sys.inputs.at({_string(kind)})), format: "svg", width: 100%)\n\n'
        return f"#raw({_string(token.content.rstrip())}, block: true)\n\n"


def _inline(tokens: "Sequence[Token]") -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "text" | "image":
                yield _words(token.content)
            case "code_inline":
                yield f"#raw({_string(token.content)});"
            case "link_open":
                target = str(token.attrGet("href") or "")
                yield f"#link({_string(target)})[" if target.startswith(_SAFE_LINKS) else "#text["
            case kind:
                yield _SIGNS.get(kind, "")


def _words(text: str) -> str:
    """Words as strings, with the blanks between them."""
    head = " " if text[:1].isspace() else ""
    tail = " " if text[-1:].isspace() and text.strip() else ""
    return head + " ".join(map(_word, text.split())) + tail


def _word(word: str) -> str:
    if word.isascii() and len(word) <= _LONGEST_WORD:
        return f"#{_string(word)};"
    if len(word) <= _LONGEST_BOX:
        return f"#box({_string(word)});"
    return "#sym.zws;".join(f"#{_string(piece)};" for piece in _broken(word))


def _broken(word: str) -> Sequence[str]:
    """The parts of a word between which a line may end."""
    if len(word) <= (_LONGEST_WORD if word.isascii() else _LONGEST_BOX):
        return (word,)
    return [word[start : start + _LONGEST_WORD // 2] for start in range(0, len(word), _LONGEST_WORD // 2)]


def _pieces(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for word in text.split():
            yield from _broken(word)


def _wide(text: str) -> int:
    return sum(1 if char.isascii() else 2 for char in text)


def _string(text: str) -> str:
    """A string of typst's language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "").replace("\t", "    ") + '"'


def _shown(markdown: str) -> str:
    """The text with a box for every character that would not be seen."""
    known = _known()
    return "".join(char if char in "\n\t" or ord(char) in known else _stand_in(char) for char in markdown)


def _stand_in(char: str) -> str:
    # Joiners and variants belong to the sign before them, which has its box.
    return "" if char in "\u200b\u200c\u200d\ufe0e\ufe0f" or ord(char) < ord(" ") else _MISSING


@cache
def _known() -> frozenset[int]:
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    known = set[int]()
    for path in (_folder(*_FONTS_OF) / f"{FONT}.ttf", _folder(*_MONO_OF) / f"{_MONO.replace(' ', '')}.ttf"):
        with TTFont(path, lazy=True) as font:
            known.update(font.getBestCmap())
    return frozenset(known)


def _folder(package: str, *inside: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise Failed("pdf_missing")
    return Path(found.submodule_search_locations[0]).joinpath(*inside)
