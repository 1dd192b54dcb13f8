"""The report's diagrams as SVG: which agent took how long, and when each step ran. Drawn from what was measured."""

from collections.abc import Iterator, Sequence
from html import escape
from math import cos, pi, sin
from typing import Final, NamedTuple

from octo_cli.i18n import Words, words
from octo_cli.outputs.base import Subject
from octo_cli.outputs.figures import lasting, measured, seconds, share_of, shares, step_name
from octo_cli.ui.cells import clip, width

# Told apart by people who see colours in any of the usual ways, on light and on dark.
COLOURS: Final = ("#3b7dd8", "#d9822b", "#2f9e6e", "#b5459b", "#8a6d3b", "#5b6ee1", "#c0392b", "#1a8fa3")
_WIDE: Final = 720
_ROW: Final = 28
_RADIUS: Final = 90
# Pixels a cell takes in the font below, and what of the width names take.
_CELL: Final = 7.2
_NAMES: Final = 260
_TICKS: Final = 5
_THINNEST: Final = 2


class Style(NamedTuple):
    """Colours of words and lines as CSS takes them, and the font."""

    ink: str
    line: str
    font: str


PAGE: Final = Style("currentColor", "var(--line)", "inherit")
PRINT: Final = Style("#222222", "#bbbbbb", "NanumGothic")


def pie(subject: Subject, *, style: Style = PAGE) -> str:
    """Empty when nothing was measured."""
    say = words(subject.language)
    parts = shares(subject, say)
    whole = sum(took for _, took in parts)
    if not whole:
        return ""
    height = max(2 * _RADIUS + 20, len(parts) * _ROW + 20)
    return _svg(
        height, say("report.share"), style, _slices(parts, whole, height / 2), _legend(parts, whole, say, height)
    )


def gantt(subject: Subject, *, style: Style = PAGE) -> str:
    """Empty when nothing was measured."""
    steps, say = measured(subject), words(subject.language)
    if not steps:
        return ""
    end = max(step["started"] + lasting(step) for step in steps)
    order = [name for name, _ in shares(subject, say)]
    height, scale = len(steps) * _ROW + 40, (_WIDE - _NAMES - 70) / end

    def names() -> Iterator[str]:
        # Some letters are wider than a cell.
        yield f'<clipPath id="names"><rect width="{_NAMES - 10}" height="{height}"/></clipPath>'
        yield '<g clip-path="url(#names)">'
        for row, step in enumerate(steps):
            yield _text(0, row * _ROW + 25, clip(step_name(step), int((_NAMES - 10) / _CELL)))
        yield "</g>"

    def bars() -> Iterator[str]:
        for row, step in enumerate(steps):
            top, left = row * _ROW + 10, _NAMES + step["started"] * scale
            long = max(lasting(step) * scale, _THINNEST)
            # The colour its share has in the pie.
            colour = COLOURS[order.index(share_of(step, steps, say)) % len(COLOURS)]
            yield f'<rect x="{left:.1f}" y="{top}" width="{long:.1f}" height="18" rx="3" fill="{colour}"/>'
            yield _text(left + long + 6, top + 15, seconds(step["seconds"], say))

    def axis() -> Iterator[str]:
        for tick in range(_TICKS + 1):
            x = _NAMES + end * scale * tick / _TICKS
            yield f'<path d="M{x:.1f} 4V{height - 24}" stroke="{style.line}" stroke-width="1"/>'
            yield _text(x, height - 8, f"{end * tick / _TICKS:.2f}", anchor="middle")

    return _svg(height, say("report.times"), style, axis(), names(), bars())


def _slices(parts: Sequence[tuple[str, float]], whole: float, middle: float) -> Iterator[str]:
    turned, centre = 0.0, _RADIUS + 10
    for number, (_, took) in enumerate(parts):
        colour = COLOURS[number % len(COLOURS)]
        if took == whole:
            yield f'<circle cx="{centre}" cy="{middle}" r="{_RADIUS}" fill="{colour}"/>'
            return
        begin, turned = turned, turned + took / whole
        (x0, y0), (x1, y1) = (_on_circle(at, centre, middle) for at in (begin, turned))
        large = int(took / whole > 1 / 2)
        arc = f"M{centre} {middle}L{x0:.2f} {y0:.2f}A{_RADIUS} {_RADIUS} 0 {large} 1 {x1:.2f} {y1:.2f}Z"
        yield f'<path d="{arc}" fill="{colour}"/>'


def _on_circle(share: float, x: float, y: float) -> tuple[float, float]:
    angle = 2 * pi * share - pi / 2
    return x + _RADIUS * cos(angle), y + _RADIUS * sin(angle)


def _legend(parts: Sequence[tuple[str, float]], whole: float, say: Words, height: float) -> Iterator[str]:
    left = 2 * _RADIUS + 50
    top = (height - len(parts) * _ROW) / 2
    room = int((_WIDE - left - 20) / _CELL)
    for number, (name, took) in enumerate(parts):
        y = top + number * _ROW
        told = f"  {took / whole:.0%} · {seconds(took, say)}"
        yield f'<rect x="{left}" y="{y + 6:.1f}" width="14" height="14" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield _text(left + 22, y + 18, clip(name, room - width(told)) + told)


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(height: float, title: str, style: Style, *groups: Iterator[str]) -> str:
    body = "".join(part for group in groups for part in group)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {height:.0f}" role="img"'
        f' aria-label="{escape(title)}">'
        f'<g font-family="{style.font}" font-size="13" fill="{style.ink}">{body}</g></svg>'
    )
