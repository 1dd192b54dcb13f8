"""`-f graph`: the steps of a turn as nodes and edges, which React Flow, Cytoscape.js and D3 read as they are.

Each drawing of that graph is a file here: `screen`, `svg`, `mermaid` and the interactive `page`. `layers` says where
things stand; nothing here knows how a plan was made or run.
"""

from collections import Counter
from typing import Any, Final

from octo_cli.outputs.base import Output, Screen, Subject, as_json

# By status: dark enough for white letters, light enough to be told apart on black.
COLORS: Final = {
    "pending": "#6b7280",
    "running": "#2563eb",
    "waiting": "#b45309",
    "completed": "#15803d",
    "failed": "#dc2626",
    "skipped": "#71717a",
    "cancelled": "#9333ea",
}

# Pixels: a node of React Flow's own, what stays free beside it, and from layer to layer.
_NODE: Final = 150
_GAP: Final = 30
_LAYER: Final = 100


def generate(subject: Subject) -> dict[str, Any]:
    """`{"nodes", "edges", "layout"}` as the contract has it. A turn without steps has no nodes: it is not a step.

    Every edge joins two nodes that are there; a need of a step nobody knows is none. D3 reads the members themselves,
    Cytoscape.js `data`, and React Flow `data.label`; the latter draws nothing that has no `position`.
    """
    steps = {str(step["step_id"]): step for step in subject.data.steps}
    needs = [(need, name) for name, step in steps.items() for need in step.get("depends_on", ()) if need in steps]
    nodes = [_node(name, step) for name, step in steps.items()]
    edges = [_edge(f"step_{source}", f"step_{target}") for source, target in dict.fromkeys(needs)]
    return _placed({"nodes": nodes, "edges": edges, "layout": "hierarchical"})


def _node(name: str, step: dict[str, Any]) -> dict[str, Any]:
    named = {"id": f"step_{name}", "label": step["task"]}
    shown = {"status": step["status"], "color": COLORS[step["status"]]}
    return {
        **named,
        "type": step["agent"],
        **shown,
        "data": {**named, "agent": step["agent"], **shown},
        "metadata": {
            "step_id": name,
            "agent": step["agent"],
            "description": step["task"],
            "result": step["result"],
            "confidence": step["confidence"],
        },
    }


def _edge(source: str, target: str) -> dict[str, Any]:
    joined = {"id": f"edge_{source}_to_{target}", "source": source, "target": target}
    return {**joined, "label": "", "type": "default", "data": joined}


def _placed(graph: dict[str, Any]) -> dict[str, Any]:
    """`graph` with a `position` for every node: steps below what they wait for."""
    from octo_cli.outputs.graph.layers import layers

    depth, count = layers(graph), Counter[int]()
    for node in graph["nodes"]:
        layer = depth[node["id"]]
        node["position"] = {"x": count[layer] * (_NODE + _GAP), "y": layer * _LAYER}
        count[layer] += 1
    return graph


def _as_mermaid(result: Any, subject: Subject) -> bytes:
    from octo_cli.outputs.graph.mermaid import flowchart

    return flowchart(result, subject.language).encode()


def _as_svg(result: Any, subject: Subject) -> bytes:
    from octo_cli.outputs.graph.svg import picture

    return picture(result, subject).encode()


def _as_page(result: Any, subject: Subject) -> bytes:
    from octo_cli.outputs.graph.page import page

    return page(result, subject).encode()


def draw(result: Any, subject: Subject, screen: Screen) -> str:
    from octo_cli.outputs.graph.screen import drawn

    return drawn(result, subject.language, screen)


OUTPUT: Final = Output(
    "graph", {".json": as_json, ".html": _as_page, ".svg": _as_svg, ".mmd": _as_mermaid}, generate, draw
)
