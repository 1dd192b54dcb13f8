"""The graph as a picture: SVG that needs no other file, light or dark as its reader is, sharp at any size.

`Picture` says where everything stands, in pixels; the interactive page uses the same places.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Any, Final, NamedTuple

from octo_cli.i18n import words
from octo_cli.outputs.base import Subject
from octo_cli.outputs.graph.layers import Item, Sizes, laid_out
from octo_cli.ui.cells import clip, width, wrap
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line

Point = tuple[float, float]

# Pixels. A line of text is 13 high in its box of 18, and a cell of it 7.2 wide: a Hangul syllable 13, a Latin letter
# 7 or so. Capitals take up to 12.5; lines that hold too many are squeezed.
_NODE: Final = 220
_INSET: Final = 14
_LINE: Final = 18
_CELL: Final = 7.2
_CAPITAL: Final = 12.5
_LABEL_LINES: Final = 4
_LONGEST_TITLE: Final = 80
_HEAD: Final = 44
_LANE_HEAD: Final = 34
_BETWEEN: Final = 56
_MARGIN: Final = 24
_PORT: Final = 14
_WIDE: Final = re.compile(r"[A-Z@%&mw—…]")
# What XML cannot hold beside what no screen shows.
_NO_CHARACTER: Final = re.compile("[\ufffe\uffff]")

_STYLE: Final = """
  text { font: 13px system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", sans-serif; fill: #1f2937 }
  .title { font-size: 16px; font-weight: 600 }
  .name, .state { font-size: 12px; font-weight: 600 }
  .paper { fill: #ffffff } .lane { fill: #f3f4f6 } .node { fill: #ffffff; stroke: #d1d5db }
  .edge { fill: none; stroke: #9ca3af; stroke-width: 1.5 } .head { fill: #9ca3af }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb } .paper { fill: #111827 } .lane { fill: #1f2937 } .node { fill: #111827; stroke: #4b5563 }
    .edge { stroke: #9ca3af }
  }
"""

_ARROW: Final = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
    ' orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>'
)


class Box(NamedTuple):
    """A node as it is drawn: its upper left corner, its size, and its label in lines."""

    node: Any
    left: float
    top: float
    height: float
    label: Sequence[str]

    @property
    def width(self) -> float:
        return _NODE


class Picture(NamedTuple):
    """`lanes` are agents with (left, right); an edge's points go from box to box through its bends."""

    width: float
    height: float
    boxes: Sequence[Box]
    edges: Sequence[tuple[str, Sequence[Point]]]
    lanes: Sequence[tuple[str, float, float]]


def placed(graph: Any) -> Picture:
    layout = laid_out(graph, Sizes(_NODE, _PORT, 2 * _MARGIN), lanes=True)
    nodes = {node["id"]: node for node in graph["nodes"]}
    labels = {name: _label(node["label"]) for name, node in nodes.items()}
    tops, heights, top = [], [], float(_HEAD + _LANE_HEAD + _MARGIN)
    for depth in range(max(layout.layer.values(), default=-1) + 1):
        lines = max(len(labels[name]) for name in nodes if layout.layer[name] == depth)
        tops.append(top)
        heights.append((lines + 1) * _LINE + 2 * _INSET)
        top += heights[-1] + _BETWEEN
    left = 2 * _MARGIN
    centre = {item: left + at for item, at in layout.centre.items()}
    at = {item: (centre[item], tops[depth], tops[depth] + heights[depth]) for item, depth in layout.layer.items()}
    return Picture(
        width=max(layout.width, _NODE) + 2 * left,
        height=top - _BETWEEN + 2 * _MARGIN if tops else _HEAD + 3 * _LINE,
        boxes=[
            Box(node, at[name][0] - _NODE / 2, at[name][1], heights[layout.layer[name]], labels[name])
            for name, node in nodes.items()
        ],
        edges=_lines(layout.paths, at),
        lanes=[
            (agent, left + start - _MARGIN / 2, left + end + _MARGIN / 2)
            for agent, (start, end) in layout.lanes.items()
        ],
    )


def picture(graph: Any, subject: Subject) -> str:
    """The whole file; what a label holds is text in it, whatever it looks like."""
    return "".join(f"{line}\n" for line in _file(graph, placed(graph), subject))


def _label(text: str) -> list[str]:
    cells = int((_NODE - 2 * _INSET) / _CELL)
    lines = wrap(one_line(text), cells)
    return (
        [*lines[: _LABEL_LINES - 1], clip(" ".join(lines[_LABEL_LINES - 1 :]), cells)][:_LABEL_LINES]
        if len(lines) > _LABEL_LINES
        else lines
    )


def _lines(
    paths: Sequence[tuple[Item, ...]], at: dict[Item, tuple[float, float, float]]
) -> list[tuple[str, list[Point]]]:
    """The points of each edge; those that arrive at one box arrive beside one another."""
    arriving: dict[Item, list[tuple[Item, ...]]] = {}
    for path in sorted(paths, key=lambda path: at[path[-2]][0]):
        arriving.setdefault(path[-1], []).append(path)
    found = []
    for target, coming in arriving.items():
        apart = min(_PORT, (_NODE - 2 * _INSET) / len(coming))
        for place, path in enumerate(coming):
            bends = [point for bend in path[1:-1] for point in ((at[bend][0], at[bend][1]), (at[bend][0], at[bend][2]))]
            end = at[target][0] + (place - (len(coming) - 1) / 2) * apart, at[target][1]
            found.append((f"edge_{path[0]}_to_{target}", [(at[path[0]][0], at[path[0]][2]), *bends, end]))
    return found


def _file(graph: Any, drawn: Picture, subject: Subject) -> Iterator[str]:
    say, title = words(subject.language), clip(one_line(subject.title), _LONGEST_TITLE)
    wide = max(drawn.width, 2 * _MARGIN + _extent(title, 16 / 13))
    size = f'viewBox="0 0 {wide:g} {drawn.height:g}" width="{wide:g}" height="{drawn.height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" lang="{subject.language}">'
    yield f"<title>{_xml(title)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield _ARROW
    yield '<rect class="paper" width="100%" height="100%"/>'
    yield f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 8}">{_xml(title)}</text>'
    if not graph["nodes"]:
        yield f'<text x="{_MARGIN}" y="{_HEAD + _LINE}">{_xml(say("graph.no_steps"))}</text>'
    for agent, left, right in drawn.lanes:
        size = f'width="{right - left:g}" height="{drawn.height - _HEAD - _MARGIN / 2:g}"'
        yield f'<rect class="lane" x="{left:g}" y="{_HEAD}" {size} rx="10"/>'
        name = clip(category(agent, say), int((right - left - 2 * _INSET) / _CELL))
        yield f'<text class="name" x="{left + _INSET:g}" y="{_HEAD + 22}">{_xml(name)}</text>'
    for _, points in drawn.edges:
        yield f'<path class="edge" d="{_curve(points)}" marker-end="url(#head)"/>'
    for box in drawn.boxes:
        yield from _box(box, say(f"status.{box.node['status']}"))
    yield "</svg>"


def _box(box: Box, status: str) -> Iterator[str]:
    color, confidence = box.node["color"], box.node["metadata"]["confidence"]
    state = f"{box.node['metadata']['step_id']} · {status}" + ("" if confidence is None else f" · {confidence:.2f}")
    yield f'<g transform="translate({box.left:g} {box.top:g})">'
    yield f"<title>{_xml(one_line(box.node['label']))}</title>"
    yield f'<rect class="node" width="{box.width}" height="{box.height:g}" rx="8"/>'
    yield f'<path fill="{color}" d="M8 0H5a5 5 0 0 0-5 5v{box.height - 10:g}a5 5 0 0 0 5 5h3z"/>'
    for place, line in enumerate([one_line(state), *box.label]):
        yield _text(
            line, _INSET + 4, _INSET + (place + 0.75) * _LINE, "" if place else f' class="state" style="fill:{color}"'
        )
    yield "</g>"


def _text(line: str, x: float, y: float, look: str) -> str:
    room = _NODE - 2 * _INSET - 4
    squeezed = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if _extent(line) > room else ""
    return f'<text x="{x:g}" y="{y:g}"{look}{squeezed}>{_xml(line)}</text>'


def _extent(line: str, scale: float = 1.0) -> float:
    """How wide a line can get in the fonts there are, in pixels."""
    capitals = len(_WIDE.findall(line))
    return scale * (capitals * _CAPITAL + (width(line) - capitals) * _CELL)


def _curve(points: Sequence[Point]) -> str:
    (x, y), *_ = points
    steps = (f"C{a:g} {(b + d) / 2:g} {c:g} {(b + d) / 2:g} {c:g} {d:g}" for (a, b), (c, d) in pairwise(points))
    return f"M{x:g} {y:g}{''.join(steps)}"


def _xml(text: str) -> str:
    return escape(_NO_CHARACTER.sub("\ufffd", text))
