"""`-f graph` and `-f all`: the contract's nodes and edges, and drawings that hold whatever a label says."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from octo_cli.outputs import Screen, Subject, output
from octo_cli.ui.cells import width
from octo_cli.wire.work import Language
from tests.conftest import LEASE, Octo
from tests.outputs.test_report import HOSTILE, step, subject


def graph_of(told: Subject) -> Any:
    graph = output("graph")
    assert graph
    assert graph.generate
    return graph.generate(told)


def written(told: Subject, suffix: str) -> str:
    graph = output("graph")
    assert graph
    return graph.files[suffix](graph_of(told), told).decode()


def drawn(told: Subject, columns: int, *, color: bool = False) -> list[str]:
    graph = output("graph")
    assert graph
    assert graph.draw
    return graph.draw(graph_of(told), told, Screen(columns, color)).splitlines()


def chain(count: int, language: Language = "en") -> Subject:
    return subject(
        *(step(n, depends_on=[str(n - 1)] if n > 1 else [], task=f"할 일 {n}") for n in range(1, count + 1)),
        language=language,
    )


def test_a_leases_graph_is_that_of_the_contract(octo: Octo) -> None:
    done = octo("ask", LEASE, *octo.answered(), "--approve", "-f", "graph", "--json").json
    (step,) = done["aggregated_data"]["steps"]
    (node,) = done["result"]["nodes"]
    assert node == {
        "id": "step_1",
        "label": step["task"],
        "type": "contract",
        "status": "completed",
        "color": node["color"],
        "data": {name: node[name] for name in ("id", "label", "status", "color")} | {"agent": "contract"},
        "position": {"x": 0.0, "y": 0.0},
        "metadata": {
            **{"step_id": "1", "agent": "contract", "description": step["task"]},
            **{"result": step["result"], "confidence": step["confidence"]},
        },
    }
    assert (done["result"]["edges"], done["result"]["layout"]) == ([], "hierarchical")


def test_what_a_step_waits_for_is_an_edge() -> None:
    graph = graph_of(subject(step(1), step(2, depends_on=["1"]), step(3, depends_on=["1", "2", "9"])))
    assert [edge["id"] for edge in graph["edges"]] == [
        *("edge_step_1_to_step_2", "edge_step_1_to_step_3", "edge_step_2_to_step_3")
    ]
    assert all(edge.keys() == {"id", "source", "target", "label", "type", "data"} for edge in graph["edges"])


def test_it_is_drawn_on_a_screen_and_as_it_is_in_a_pipe(octo: Octo) -> None:
    terminal = octo.terminal("ask", "sales.csv 분석해줘", "-f", "graph", columns=80, LANG="en_US.UTF-8", NO_COLOR="1")
    _, shown = terminal.ends()
    assert "╭ 1 · " in shown
    assert "\x1b[3" not in shown.partition("╭")[2]
    assert octo("ask", "sales.csv 분석해줘", "-f", "graph").out.startswith("{")


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_no_line_is_wider_than_the_screen(columns: int, count: int) -> None:
    lines = drawn(chain(count), columns)
    assert all(width(line) <= columns for line in lines)
    assert sum("할" in line for line in lines) >= count


def test_without_steps_it_says_so(octo: Octo) -> None:
    assert octo("ask", "hello", "-f", "graph", "--json").json["result"]["nodes"] == []
    assert drawn(subject(), 80) == ["No steps: Octo answered this by itself."]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_label_is_text_wherever_it_is_drawn(name: str) -> None:
    told = subject(step(1, task=name, result=name), step(2, task=name, depends_on=["1"]))
    assert graph_of(told)["nodes"][0]["label"] == name
    ElementTree.fromstring(written(told, ".svg"))
    page = written(told, ".html")
    assert page.count("<script>") == page.count("</script>") == 3
    data = json.loads(re.findall("const DATA = (.*);</script>", page)[0])
    assert data["graph"]["nodes"][0]["metadata"]["result"] == name
    flow = written(told, ".mmd").splitlines()
    assert flow[0] == "flowchart TD"
    assert all(re.fullmatch(r' {4}n\d\["[\w #;]*"\]:::\w+', line) for line in flow if line.startswith("    n"))
    assert all(width(line) <= 60 for line in drawn(told, 60))
    assert "\x1b" not in "".join(drawn(told, 60))


def test_all_is_made_side_by_side_and_holds_what_each_format_holds(octo: Octo) -> None:
    done = octo("ask", LEASE, *octo.answered(), "--approve", "-f", "all", "-o", "all.json", "--json").json
    assert list(done["result"]) == ["chat", "graph", "report"]
    assert json.loads((octo.folder / "all.json").read_text(encoding="utf-8")) == done["result"]
    for name, part in done["result"].items():
        assert octo("resume", done["thread_id"], "-f", name, "--json").json["result"] == part
    history = octo("threads", "inspect", "last", "--history", "--json").json["history"]
    assert {"generate_chat", "generate_graph", "generate_report"} in [set(one["next"]) for one in history]
