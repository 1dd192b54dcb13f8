"""The graph as a Mermaid flowchart: a subgraph an agent, a class a status. No layout: Mermaid has its own."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from octo_cli.i18n import words
from octo_cli.outputs.graph import COLORS
from octo_cli.ui.cells import clip
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line
from octo_cli.wire.work import Language

# Mermaid draws no text of more than 50,000 characters, and a character may take seven.
_LONGEST: Final = 100


def flowchart(graph: Any, language: Language) -> str:
    """Source that Mermaid accepts whatever the labels hold."""
    return "".join(f"{line}\n" for line in _lines(graph, language))


def _lines(graph: Any, language: Language) -> Iterator[str]:
    say = words(language)
    # Ids of its own: a step called "end" would end a subgraph.
    names = {node["id"]: f"n{place}" for place, node in enumerate(graph["nodes"], 1)}
    agents = list(dict.fromkeys(node["type"] for node in graph["nodes"]))
    by_agent = sorted(graph["nodes"], key=lambda node: agents.index(node["type"]))
    yield "flowchart TD"
    if not graph["nodes"]:
        yield f'  none["{_text(say("graph.no_steps"))}"]'
    for place, (agent, nodes) in enumerate(groupby(by_agent, key=lambda node: str(node["type"])), 1):
        yield f'  subgraph g{place}["{_text(category(agent, say))}"]'
        for node in nodes:
            label = f"{node['metadata']['step_id']} {node['label']}"
            yield f'    {names[node["id"]]}["{_text(label)}"]:::{node["status"]}'
        yield "  end"
    for edge in graph["edges"]:
        yield f"  {names[edge['source']]} --> {names[edge['target']]}"
    for status in dict.fromkeys(node["status"] for node in graph["nodes"]):
        yield f"  classDef {status} fill:{COLORS[status]},stroke:{COLORS[status]},color:#fff"


def _text(text: str) -> str:
    """`text` for a quoted label: what Mermaid, Markdown or HTML could read as theirs goes by its number."""
    shown = clip(one_line(text), _LONGEST)
    return "".join(char if char.isalnum() or char == " " else f"#{ord(char)};" for char in shown)
