"""How a turn went, drawn: the supervisor's nodes down a rail, and its steps side by side in frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

from octo_cli.i18n import Words
from octo_cli.ui.cells import clip, width, wrap
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line
from octo_cli.ui.style import Style
from octo_cli.wire.inspection import Course, GraphNode
from octo_cli.wire.work import StepStatus

_MARKS: Final[Mapping[StepStatus, str]] = MappingProxyType(
    {
        "completed": "✓",
        "failed": "✗",
        "waiting": "?",
        "running": "▸",
        "pending": "·",
        "skipped": "−",
        "cancelled": "−",
    }
)
_RAIL: Final = "│  "
_GAP: Final = "  "
_NARROWEST: Final = 30
_WIDEST: Final = 64
_MOST_LINES: Final = 3
Look = Callable[[str], str]


def course_lines(course: Course, say: Words, style: Style, columns: int) -> Iterator[str]:
    """At most `columns` cells a line."""
    if not course.nodes:
        yield say("inspect.nothing_ran")
    yield from _Drawing(course, say, style, columns).lines()


class _Drawing:
    def __init__(self, course: Course, say: Words, style: Style, columns: int) -> None:
        self._say = say
        self._columns = columns
        self._looks: dict[StepStatus, Look] = {
            "waiting": style.alarming,
            "failed": style.alarming,
            "running": style.strong,
            "pending": style.quiet,
            "skipped": style.quiet,
            "cancelled": style.quiet,
        }
        self._steps = [node for node in course.nodes if "step_id" in node.metadata]
        self._stages: dict[str, list[GraphNode]] = {}
        for node in course.nodes:
            self._stages.setdefault(node.metadata["parent"] or "", []).append(node)
        self._entries = {edge.source for edge in course.edges if edge.target in {step.id for step in self._steps}}

    def lines(self) -> Iterator[str]:
        rail = [node for node in self._stages.get("", ()) if node not in self._steps]
        for number, node in enumerate(rail):
            corner = "┌" if not number else "└" if number == len(rail) - 1 else "├"
            yield f"{corner} {self._line(node, self._columns - 2)}"
            if node.id in self._entries:
                yield from self._rounds()

    def _rounds(self) -> Iterator[str]:
        """The steps, those side by side that wait for the same."""
        for number, level in enumerate(_levels(self._steps)):
            if number:
                yield f"{_RAIL}↓"
            room = self._columns - width(_RAIL)
            count = max(1, min(len(level), (room + len(_GAP)) // (_NARROWEST + len(_GAP))))
            cells = min((room - len(_GAP) * (count - 1)) // count, _WIDEST)
            for begin in range(0, len(level), count):
                frames = [self._frame(step, cells) for step in level[begin : begin + count]]
                for row in zip_longest(*frames, fillvalue=" " * cells):
                    yield f"{_RAIL}{_GAP.join(row)}".rstrip()

    def _frame(self, step: GraphNode, cells: int) -> list[str]:
        inner, told = cells - 4, step.metadata
        look = self._looks.get(step.status, str)
        after = [self._say("inspect.after", steps=", ".join(told["depends_on"]))] if told["depends_on"] else []
        state = " · ".join([self._say(f"status.{step.status}"), *after, *self._took(step)])
        title = one_line(f"[{told['step_id']}] {category(step.type, self._say)} · {state}")
        texts = wrap(one_line(step.label), inner)[:_MOST_LINES]
        rows: list[tuple[str, Look]] = [(text, str) for text in texts]
        rows += [(text, look) for text in wrap(one_line(told["problem"] or ""), inner)[:_MOST_LINES] if text]
        stages = [(self._plain(stage, inner), self._looks.get(stage.status, str)) for stage in self._stages_of(step)]
        head = clip(f"─ {title} ", cells - 3)
        return [
            look(f"╭{head}{'─' * (cells - 2 - width(head))}╮"),
            *(f"{look('│')} {paint(text)}{' ' * (inner - width(text))} {look('│')}" for text, paint in rows + stages),
            look(f"╰{'─' * (cells - 2)}╯"),
        ]

    def _stages_of(self, step: GraphNode) -> Sequence[GraphNode]:
        return self._stages.get(step.id, ())

    def _line(self, node: GraphNode, cells: int) -> str:
        return self._looks.get(node.status, str)(self._plain(node, cells))

    def _plain(self, node: GraphNode, cells: int) -> str:
        runs = [f"×{node.metadata['runs']}"] if node.metadata["runs"] > 1 else []
        said = [self._say(f"status.{node.status}")] if node.status in ("waiting", "failed", "running") else []
        parts = [f"{_MARKS[node.status]} {one_line(node.label)}", *runs, *self._took(node), *said]
        return clip("  ".join(parts), cells)

    def _took(self, node: GraphNode) -> list[str]:
        seconds = node.metadata["seconds"]
        return (
            [] if seconds is None or not node.metadata["runs"] else [self._say("run.seconds", seconds=f"{seconds:.2f}")]
        )


def _levels(steps: Sequence[GraphNode]) -> list[list[GraphNode]]:
    """The steps by how many others stand before them, one behind the other."""
    needs = {step.metadata["step_id"]: step.metadata["depends_on"] for step in steps}
    levels: dict[int, list[GraphNode]] = {}
    depth: dict[str, int] = {}

    def deep(step_id: str) -> int:
        # A plan has no circles; one from somewhere else ends here too.
        if step_id not in depth:
            depth[step_id] = 0
            depth[step_id] = 1 + max((deep(before) for before in needs.get(step_id, ())), default=-1)
        return depth[step_id]

    for step in steps:
        levels.setdefault(deep(step.metadata["step_id"]), []).append(step)
    return [levels[level] for level in sorted(levels)]
