"""Where in a file the terms stand: the best lines, the heading above each, the words marked. Text in, Markdown out."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from octo_cli.documents.markdown import escape
from octo_cli.values.contact import has_rrn
from octo_cli.values.terms import Term, fold, humps

MOST_LINES: Final = 3
WIDTH: Final = 160
LEAD: Final = 50
_BEFORE, _AFTER = 200, 600
# Enough to find three good lines by; a word on every line of 5 MB need not be counted to the end.
_MOST_MATCHES: Final = 2000

# Private-use characters stand for the marks while the text between them is escaped.
_OPEN, _CLOSE = "\ue000", "\ue001"
_NOT_MARKS: Final = {ord(_OPEN): " ", ord(_CLOSE): " "}
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")


class Heading(NamedTuple):
    """A Markdown heading: its line's index from 0, its level from 1, its words, and where in the line they begin."""

    line: int
    level: int
    title: str
    indent: int


class Line(NamedTuple):
    """A line with terms on it: `number` from 1, `snippet` as escaped Markdown, `terms` how many different ones.

    `at` is the offset in the text of the first of them.
    """

    number: int
    snippet: str
    heading: str
    terms: int
    at: int


class _Span(NamedTuple):
    start: int
    end: int
    term: int


def headings(text: str) -> Iterator[Heading]:
    """The `#` headings of a Markdown text, those inside code left out."""
    fence = ""
    for number, line in enumerate(text.split("\n")):
        if match := _FENCE.match(line):
            # A fence is closed by one of its own kind that is at least as long.
            fence = "" if fence and match[1].startswith(fence) else fence or match[1]
        elif not fence and (match := _HEADING.match(line)):
            yield Heading(number, len(match[1]), match[2], match.start(2))


def best_lines(text: str, terms: Sequence[Term], *, markdown: bool, code: bool = False) -> list[Line]:
    """The lines with the most different terms on them, at most `MOST_LINES`, in the order they stand in the file.

    `markdown`: `#` begins a heading. `code`: the parts of a name in camel case are words.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    by_line: dict[int, list[_Span]] = defaultdict(list)
    for span in _spans(text, terms, code=code):
        by_line[bisect_right(starts, span.start) - 1].append(span)
    titles = list(headings(text)) if markdown else []
    indents = {title.line: title.indent for title in titles}
    best = sorted(by_line, key=lambda line: (-_different(by_line[line]), line not in indents, line))[:MOST_LINES]
    return [
        Line(
            number=line + 1,
            snippet=_snippet(text, starts[line] + indents.get(line, 0), by_line[line]),
            heading=_above(titles, line),
            terms=_different(by_line[line]),
            at=min(span.start for span in by_line[line]),
        )
        for line in sorted(best)
    ]


def opening(text: str, *, start: int = 1, markdown: bool) -> Line:
    """The first line from `start` on that says anything and is no heading: what to show where no term stands."""
    titles = {title.line: title for title in headings(text)} if markdown else {}
    lines = text.split("\n")
    said = [index for index in range(start - 1, len(lines)) if lines[index].strip()] or [start - 1]
    index = next((index for index in said if index not in titles), said[0])
    words = titles[index].title if index in titles else lines[index]
    snippet = escape(words.translate(_NOT_MARKS)[:WIDTH]) if words.strip() else ""
    at = sum(len(line) + 1 for line in lines[:index])
    return Line(index + 1, snippet, _above(list(titles.values()), index), 0, at)


def around(text: str, at: int) -> str:
    """What stands around an offset, for a reader who has nothing else of the text; whole words."""
    begin, end = max(0, at - _BEFORE), at + _AFTER
    cut = text[begin:end].translate(_NOT_MARKS)
    if begin:
        cut = cut[cut.find(" ", 0, _BEFORE // 2) + 1 :]
    return cut.rsplit(None, 1)[0] if end < len(text) and " " in cut else cut


def _spans(text: str, terms: Sequence[Term], *, code: bool) -> Iterator[_Span]:
    yield from _found(text, terms)
    if code:
        parted, marks = humps(text)
        for start, end, term in _found(parted, terms):
            yield _Span(start - bisect_left(marks, start), end - bisect_left(marks, end), term)


def _found(text: str, terms: Sequence[Term]) -> Iterator[_Span]:
    folded = fold(text)
    for index, term in enumerate(terms):
        for match in islice(term.pattern.finditer(folded), _MOST_MATCHES):
            yield _Span(match.start(), match.end(), index)


def _different(spans: Sequence[_Span]) -> int:
    return len({span.term for span in spans})


def _above(titles: Sequence[Heading], line: int) -> str:
    """The heading a line stands under; for a heading, the one it stands under itself."""
    level = next((title.level for title in titles if title.line == line), 7)
    return next((title.title for title in reversed(titles) if title.line < line and title.level < level), "")


def _snippet(text: str, start: int, spans: Sequence[_Span]) -> str:
    """The line, or lines where a phrase runs on, cut to what stands around the first term."""
    marked = _joined(spans)
    first = marked[0]
    end = _line_end(text, first[1])
    begin = max(start, first[0] - LEAD)
    until = min(end, max(begin + WIDTH, first[1]))
    # A mark inside a resident registration number would hide it from the masking.
    if has_rrn(text[begin:until]):
        marked = []
    visible = [(max(at, begin), to) for at, to in marked if to <= until]
    cuts = [begin, *(offset for span in visible for offset in span), until]
    pieces = [text[at:to].translate(_NOT_MARKS) for at, to in pairwise(cuts)]
    # Every second piece is a match.
    marks = [f"{_OPEN}{piece}{_CLOSE}" if index % 2 else piece for index, piece in enumerate(pieces)]
    line = escape("".join(marks)).replace(_OPEN, "**").replace(_CLOSE, "**")
    return f"{'…' if begin > start else ''}{line}{'…' if until < end else ''}"


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _joined(spans: Sequence[_Span]) -> list[tuple[int, int]]:
    """Spans that overlap or touch as one, in order."""
    joined: list[tuple[int, int]] = []
    for start, end, _ in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
