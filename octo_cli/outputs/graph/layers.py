"""Where the nodes of a graph stand: in layers, every one below all it waits for. No drawing, and no units of its own.

Layers by longest path, order by barycentre (Sugiyama, Tagawa, Toda 1981); then each node moves as close to its
neighbours as its layer leaves room: an isotonic regression, solved as one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from statistics import fmean
from typing import Any, Final, NamedTuple

_SWEEPS: Final = 8
# More lines than these past other layers are a thicket however they are led, and would take seconds.
_MOST_BENDS: Final = 1000

Graph = Mapping[str, Any]
# A node by its id; a bend, where a line passes a layer, by its edge's id and that layer.
Item = str | tuple[str, int]


class Sizes(NamedTuple):
    """In whatever the drawing is measured in: a node's width, what a passing line takes, and the gap between."""

    node: float
    line: float
    gap: float


class Layout(NamedTuple):
    """`layer` and `centre` of every node and bend; a path is an edge's source, its bends and its target.

    `lanes` are stripes, (left, right), in the order they first appear.
    """

    layer: Mapping[Item, int]
    centre: Mapping[Item, float]
    paths: Sequence[tuple[Item, ...]]
    lanes: Mapping[str, tuple[float, float]]
    width: float


def laid_out(graph: Graph, sizes: Sizes, *, lanes: bool = False) -> Layout:
    """With `lanes`, every agent's nodes stand in a stripe of their own; else in one, of no name."""
    layer = layers(graph)
    lane: dict[Item, str] = {node["id"]: node["type"] if lanes else "" for node in graph["nodes"]}
    paths: list[tuple[Item, ...]] = []
    passed = sum(layer[edge["target"]] - layer[edge["source"]] - 1 for edge in graph["edges"])
    for edge in graph["edges"]:
        source, target = edge["source"], edge["target"]
        between = range(layer[source] + 1, layer[target]) if passed <= _MOST_BENDS else ()
        bends = [(edge["id"], depth) for depth in between]
        layer |= {bend: bend[1] for bend in bends}
        lane |= dict.fromkeys(bends, lane[target])
        # What leads upwards closes a circle, which no plan has.
        paths += [(source, *bends, target)] if layer[source] < layer[target] else []
    return _Room(layer, lane, paths, sizes).layout()


def layers(graph: Graph) -> dict[Item, int]:
    """The layer of each node by id, from 0: one more than the deepest it waits for."""
    needs = defaultdict[Item, set[Item]](set)
    for edge in graph["edges"]:
        needs[edge["target"]].add(edge["source"])
    left: list[Item] = [node["id"] for node in graph["nodes"]]
    found: dict[Item, int] = {}
    while left:
        # The first one, where a circle leaves none that is ready.
        ready = [name for name in left if needs[name] <= found.keys()] or left[:1]
        found |= {name: max((found[need] + 1 for need in needs[name] & found.keys()), default=0) for name in ready}
        left = [name for name in left if name not in found]
    return found


class _Room:
    """The items of a layout while they look for their places."""

    def __init__(
        self, layer: Mapping[Item, int], lane: Mapping[Item, str], paths: Sequence[tuple[Item, ...]], sizes: Sizes
    ) -> None:
        self.layer, self.lane, self.paths, self.sizes = layer, lane, paths, sizes
        names = list(dict.fromkeys(lane.values()))
        self.rows: list[list[Item]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
        for item in sorted(layer, key=lambda item: names.index(lane[item])):
            self.rows[layer[item]].append(item)
        self.above, self.below = defaultdict[Item, list[Item]](list), defaultdict[Item, list[Item]](list)
        for path in paths:
            for upper, lower in pairwise(path):
                self.below[upper].append(lower)
                self.above[lower].append(upper)
        self.lanes = dict(self._lanes(names))
        self.centre: dict[Item, float] = {}

    def layout(self) -> Layout:
        self._order()
        self._settle()
        width = max((right for _, right in self.lanes.values()), default=0.0)
        return Layout(self.layer, self.centre, self.paths, self.lanes, width)

    def _lanes(self, names: Iterable[str]) -> Iterable[tuple[str, tuple[float, float]]]:
        left = 0.0
        for name in names:
            right = left + max(self._extent([item for item in row if self.lane[item] == name]) for row in self.rows)
            yield name, (left, right)
            left = right + self.sizes.gap

    def _order(self) -> None:
        """Each row by the mean place of its neighbours, down and up, within its lanes."""
        lanes = list(self.lanes)
        for sweep in range(_SWEEPS):
            near = self.below if sweep % 2 else self.above
            for row in reversed(self.rows) if sweep % 2 else self.rows:
                place = {item: index for other in self.rows for index, item in enumerate(other)}
                mean = {item: fmean(place[other] for other in near[item] or [item]) for item in row}
                row.sort(key=lambda item: (lanes.index(self.lane[item]), mean[item]))

    def _settle(self) -> None:
        for row in self.rows:
            self._place(row, dict.fromkeys(row, 0.0))
        for sweep in range(_SWEEPS):
            for row in reversed(self.rows) if sweep % 2 else self.rows:
                near = {item: self.above[item] + self.below[item] or [item] for item in row}
                self._place(row, {item: fmean(self.centre[other] for other in near[item]) for item in row})

    def _place(self, row: Sequence[Item], wish: Mapping[Item, float]) -> None:
        """Everything as near to its wish as order, gaps and lanes allow; least squares."""
        for name, group in groupby(row, key=self.lane.__getitem__):
            items, (left, right) = list(group), self.lanes[name]
            packed = [self._extent(items[: index + 1]) - self._span(item) / 2 for index, item in enumerate(items)]
            shifts = _rising([wish[item] - own for item, own in zip(items, packed, strict=True)])
            most = right - self._extent(items)
            for item, own, shift in zip(items, packed, shifts, strict=True):
                self.centre[item] = own + min(max(shift, left), most)

    def _extent(self, items: Sequence[Item]) -> float:
        return sum(map(self._span, items)) + self.sizes.gap * (len(items) - 1) if items else 0.0

    def _span(self, item: Item) -> float:
        return self.sizes.node if isinstance(item, str) else self.sizes.line


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest sequence that never falls: neighbours that would are pooled at their mean."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [fmean(pool) for pool in pools for _ in pool]
