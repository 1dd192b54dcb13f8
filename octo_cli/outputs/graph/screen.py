"""The graph on a terminal: boxes and lines where they fit, a list of layers where they do not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Final

from octo_cli.i18n import Words, words
from octo_cli.outputs.base import Screen
from octo_cli.outputs.graph.layers import Item, Layout, Sizes, laid_out, layers
from octo_cli.ui.cells import clip, columns, pad, width, wrap
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line
from octo_cli.ui.style import Style
from octo_cli.wire.work import Language

# By status: the sign, which says it without colour as well, and the look.
_SIGNS: Final = {
    "pending": ("○", Style.quiet),
    "running": ("▶", Style.strong),
    "waiting": ("?", Style.alarming),
    "completed": ("✓", Style.good),
    "failed": ("✗", Style.bad),
    "skipped": ("–", Style.quiet),
    "cancelled": ("■", Style.alarming),
}
# Cells of a box, and how many boxes are still read faster than a list.
_NARROWEST, _WIDEST, _GAP = 18, 36, 2
_MOST_BOXES: Final = 20
_LABEL_LINES: Final = 3
# A list: room for what a step waits for, and the columns from which a status is told in words beside its sign.
_LONGEST_NEEDS: Final = 20
_ROOMY: Final = 60

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES: Final = " │││─┘┐┤─└┌├─┴┬┼"
# By (line, column): which ways lead on from there, by whose line it is.
_Cells = dict[tuple[int, int], dict[Item, int]]


def drawn(graph: Any, language: Language, screen: Screen) -> str:
    """Lines of at most the screen's columns; safe to show, whatever the labels hold."""
    say, style = words(language), Style(screen.color)
    if not graph["nodes"]:
        return say("graph.no_steps")
    layout = laid_out(graph, Sizes(_NARROWEST, 1, _GAP))
    if layout.width > screen.columns or len(graph["nodes"]) > _MOST_BOXES:
        return "\n".join(_listed(graph, say, style, screen.columns))
    boxes = max(sum(isinstance(item, str) for item in row) for row in _rows(layout))
    node = min(_NARROWEST + int(screen.columns - layout.width) // boxes, _WIDEST)
    return "\n".join(_Drawing(graph, laid_out(graph, Sizes(node, 1, _GAP)), node, say, style).lines())


def _listed(graph: Any, say: Words, style: Style, total: int) -> Iterable[str]:
    """A line a step, what can run side by side together."""
    depth, needs = layers(graph), defaultdict(list)
    ids = {node["id"]: one_line(node["metadata"]["step_id"]) for node in graph["nodes"]}
    for edge in graph["edges"]:
        needs[edge["target"]].append(ids[edge["source"]])
    nodes = sorted(graph["nodes"], key=lambda node: depth[node["id"]])
    rows = [
        (
            f"{_SIGNS[node['status']][0]} {ids[node['id']]}",
            category(node["type"], say),
            one_line(node["label"]),
            say(f"status.{node['status']}") if total >= _ROOMY else "",
            clip(f"← {', '.join(needs[node['id']])}", _LONGEST_NEEDS) if needs[node["id"]] else "",
        )
        for node in nodes
    ]
    shown = zip(nodes, columns(rows, total, flexible=(1, 2, 4)), strict=True)
    for layer, group in groupby(shown, key=lambda pair: depth[pair[0]["id"]]):
        if layer:
            yield "▼"
        for node, line in group:
            yield _SIGNS[node["status"]][1](style, line[0]) + line[1:]


class _Drawing:
    """Boxes by layer; between two layers the lines, a track for each that has to go sideways."""

    def __init__(self, graph: Any, layout: Layout, node: int, say: Words, style: Style) -> None:
        self.nodes: Mapping[Item, Any] = {node["id"]: node for node in graph["nodes"]}
        self.layout, self.node, self.say, self.style = layout, node, say, style
        self.column = {item: round(centre - 0.5) for item, centre in layout.centre.items()}
        self.below: dict[Item, list[Item]] = defaultdict(list)
        for path in layout.paths:
            for upper, lower in pairwise(path):
                self.below[upper].append(lower)

    def lines(self) -> Iterable[str]:
        rows = _rows(self.layout)
        for row, after in zip(rows, [*rows[1:], ()], strict=True):
            yield from self._boxes(row)
            if after:
                yield from self._between(row)

    def _boxes(self, row: Sequence[Item]) -> Iterable[str]:
        labels = {item: self._label(item) for item in row if item in self.nodes}
        tall = max(map(len, labels.values()))
        boxes = {item: list(self._box(item, labels[item], tall)) for item in labels}
        blocks = [
            (self._left(item), self.node if item in boxes else 1, boxes.get(item, ["│"] * (tall + 3)))
            for item in sorted(row, key=self.column.__getitem__)
        ]
        return _beside(blocks)

    def _left(self, item: Item) -> int:
        return self.column[item] - (self.node - 1) // 2 if item in self.nodes else self.column[item]

    def _label(self, item: Item) -> list[str]:
        """What is asked of a step, in as many lines as a box has."""
        inner, text = self.node - 4, one_line(self.nodes[item]["label"])
        lines = wrap(text, inner)
        rest = " ".join(lines[_LABEL_LINES - 1 :])
        return [*lines[: _LABEL_LINES - 1], clip(rest, inner)] if len(lines) > _LABEL_LINES else lines

    def _box(self, item: Item, label: Sequence[str], tall: int) -> Iterable[str]:
        node, inner = self.nodes[item], self.node - 4
        sign, look = _SIGNS[node["status"]]
        name = clip(f"{one_line(node['metadata']['step_id'])} · {category(node['type'], self.say)}", inner - 1)
        yield f"╭ {self.style.strong(name)} {'─' * (inner - width(name))}╮"
        for line in [*label, *[""] * (tall - len(label))]:
            yield f"│ {pad(line, inner)} │"
        state, confidence = self.say(f"status.{node['status']}"), node["metadata"]["confidence"]
        told = clip(f"{sign} {state}" if confidence is None else f"{sign} {state} · {confidence:.2f}", inner)
        yield f"│ {look(self.style, told)}{' ' * (inner - width(told))} │"
        bottom = ["─"] * (self.node - 2)
        if self.below[item]:
            bottom[(self.node - 1) // 2 - 1] = "┬"
        yield f"╰{''.join(bottom)}╯"

    def _between(self, row: Sequence[Item]) -> Iterable[str]:
        """The lines from this layer to the next: down from a source, along a track of its own, down to each target."""
        ports = self._ports(row)
        buses = {upper: [self.column[upper], *(ports[upper, lower] for lower in self.below[upper])] for upper in row}
        tracks = _tracks({upper: (min(bus), max(bus)) for upper, bus in buses.items() if len(set(bus)) > 1})
        cells: _Cells = defaultdict(lambda: defaultdict(int))
        deep = max(tracks.values(), default=-1) + 1
        for upper, (start, *ends) in buses.items():
            for end in ends if deep else ():
                _connect(cells, upper, (start, end), tracks.get(upper, 0), deep)
        last = int(self.layout.width)
        for line in range(deep):
            yield "".join(_sign(cells.get((line, column), {})) for column in range(last)).rstrip()
        heads = {port: "▼" if lower in self.nodes else "│" for (_, lower), port in ports.items()}
        yield "".join(heads.get(column, " ") for column in range(last)).rstrip()

    def _ports(self, row: Sequence[Item]) -> dict[tuple[Item, Item], int]:
        """Where each line arrives: beside one another, and under no other source, or two lines would look like one."""
        ports: dict[tuple[Item, Item], int] = {}
        arriving: dict[Item, list[Item]] = defaultdict(list)
        for upper in sorted(row, key=self.column.__getitem__):
            for lower in self.below[upper]:
                arriving[lower].append(upper)
        for lower, uppers in arriving.items():
            middle = self.column[lower]
            if lower not in self.nodes or len(uppers) > self.node // 3:
                ports |= {(upper, lower): middle for upper in uppers}
                continue
            for place, upper in enumerate(uppers):
                wish = middle + 2 * place - (len(uppers) - 1)
                taken = {self.column[other] for other in row if other != upper} | set(ports.values())
                near = (wish, wish + 1, wish - 1, wish + 2, wish - 2)
                ports[upper, lower] = next((port for port in near if port not in taken), wish)
        return ports


def _rows(layout: Layout) -> list[list[Item]]:
    rows: list[list[Item]] = [[] for _ in range(max(layout.layer.values()) + 1)]
    for item, layer in layout.layer.items():
        rows[layer].append(item)
    return rows


def _beside(blocks: Sequence[tuple[int, int, Sequence[str]]]) -> Iterable[str]:
    """Blocks of equally many lines beside one another, each (from its column, as wide, its lines)."""
    for line in range(len(blocks[0][2])):
        text, at = "", 0
        for left, cells, block in blocks:
            text += " " * (left - at) + block[line]
            at = left + cells
        yield text


def _tracks(spans: Mapping[Item, tuple[int, int]]) -> dict[Item, int]:
    """A line for each span, from 0; those that do not touch may share one."""
    tracks: list[list[tuple[int, int]]] = []
    found: dict[Item, int] = {}
    for item, (left, right) in sorted(spans.items(), key=lambda span: span[1]):
        free = (
            place
            for place, used in enumerate(tracks)
            if all(end + 1 < left or right + 1 < start for start, end in used)
        )
        place = next(free, len(tracks))
        if place == len(tracks):
            tracks.append([])
        tracks[place].append((left, right))
        found[item] = place
    return found


def _connect(cells: "_Cells", item: Item, ends: tuple[int, int], track: int, deep: int) -> None:
    """Down from the first column, along the track, and down to the second, in the name of `item`."""
    start, end = ends
    cells[0, start][item] |= _UP
    cells[deep - 1, end][item] |= _DOWN
    for line in range(deep - 1):
        column = start if line < track else end
        cells[line, column][item] |= _DOWN
        cells[line + 1, column][item] |= _UP
    for column in range(min(ends), max(ends)):
        cells[track, column][item] |= _RIGHT
        cells[track, column + 1][item] |= _LEFT


def _sign(cell: Mapping[Item, int]) -> str:
    # Two that only cross do not join: one passes behind the other.
    return "│" if len(cell) > 1 else _LINES[next(iter(cell.values()), 0)]
