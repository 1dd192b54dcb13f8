"""`-f graph`: the steps of a turn as nodes and edges, which React Flow, Cytoscape.js and D3 read as they are.

Each drawing of that graph is a file here: `screen`, `svg`, `mermaid` and the interactive `page`. `layers` says where
things stand; nothing here knows how a plan was made or run.
"""

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


def generate(subject: Subject) -> dict[str, Any]:
    """`{"nodes", "edges", "layout"}` as the contract has it. A turn without steps has no nodes: it is not a step.

    Every edge joins two nodes that are there; a need of a step nobody knows is none.
    """
    steps = {str(step["step_id"]): step for step in subject.data.steps}
    needs = [(need, name) for name, step in steps.items() for need in step.get("depends_on", ()) if need in steps]
    return {
        "nodes": [_node(name, step) for name, step in steps.items()],
        "edges": [
            {
                "id": f"edge_step_{source}_to_step_{target}",
                "source": f"step_{source}",
                "target": f"step_{target}",
                "label": "",
                "type": "default",
            }
            for source, target in dict.fromkeys(needs)
        ],
        "layout": "hierarchical",
    }


def _node(name: str, step: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"step_{name}",
        "label": step["task"],
        "type": step["agent"],
        "status": step["status"],
        "color": COLORS[step["status"]],
        "metadata": {
            "step_id": name,
            "agent": step["agent"],
            "description": step["task"],
            "result": step["result"],
            "confidence": step["confidence"],
        },
    }


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
