"""The drawing of a turn: within the screen whatever it is called, and steps after those they wait for."""

from typing import Any

import pytest

from octo_cli.i18n import words
from octo_cli.ui.cells import width
from octo_cli.ui.course import course_lines
from octo_cli.ui.style import Style
from octo_cli.wire.inspection import Course, GraphEdge, GraphNode

NAME = '"[이름](x)"\x1b[31m\u202e\n```<b>' + "가나다 " * 120 + "x" * 300


def course(needs: dict[str, list[str]], label: str = "일") -> Course:
    """`dispatch`, and a step each with a stage of its own."""
    plain: dict[str, Any] = {"runs": 1, "seconds": 0.25, "parent": None}
    nodes = [GraphNode("dispatch", "dispatch", "supervisor", "completed", "", plain)]
    for step, before in needs.items():
        told = {"step_id": step, "depends_on": before, "problem": label if step == "1" else None, **plain}
        nodes.append(GraphNode(f"step_{step}", label, "data", "failed" if step == "1" else "skipped", "", told))
        nodes.append(GraphNode(f"step_{step}.x", label, "data", "pending", "", {**plain, "parent": f"step_{step}"}))
    edges = tuple(GraphEdge(f"{step}", "dispatch", f"step_{step}") for step in needs)
    return Course("t", tuple(nodes), edges)


def drawn(found: Course, columns: int, *, color: bool = False) -> list[str]:
    return list(course_lines(found, words("ko"), Style(on=color), columns))


@pytest.mark.parametrize("columns", [34, 80, 120, 200])
def test_nothing_is_wider_than_the_screen_or_moves_the_cursor(columns: int) -> None:
    lines = drawn(course({f"{n}": [] for n in range(1, 51)}, NAME), columns)
    assert max(map(width, lines)) <= columns
    assert "\x1b" not in "".join(lines)
    assert sum(line.count("╭") for line in lines) == 50
    # Frames are closed: whatever stands in a row, its right edge is where its top's is.
    if columns == 34:
        assert {width(line) for line in lines if line.startswith("│  ")} == {columns}


def test_steps_stand_after_those_they_wait_for() -> None:
    lines = drawn(course({"1": [], "2": ["1"], "3": ["1"], "4": ["2", "3"]}), 120)
    heads = [line for line in lines if "╭" in line]
    assert [[step for step in "1234" if f"[{step}]" in head] for head in heads] == [["1"], ["2", "3"], ["4"]]
    assert lines.count("│  ↓") == 2
    assert heads[1].count(words("ko")("inspect.after", steps="1")) == 2


def test_a_circle_ends() -> None:
    assert sum("╭" in line for line in drawn(course({"1": ["2"], "2": ["1"]}), 80)) == 2


def test_nothing_ran() -> None:
    assert drawn(Course("t", (), ()), 80) == [words("ko")("inspect.nothing_ran")]


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[33m" in "".join(drawn(course({"1": []}), 80, color=True))
