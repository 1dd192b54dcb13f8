"""The graph as a page to look around in: Cytoscape.js lies in it, and nothing comes from elsewhere."""

import json
from html import escape
from importlib.resources import files
from typing import Any, Final

from octo_cli.i18n import words
from octo_cli.outputs.base import Subject
from octo_cli.outputs.graph.svg import placed
from octo_cli.ui.lists import category
from octo_cli.ui.sanitise import one_line

# What the page's script says, by its keys in the catalogue.
_SAID: Final = ("agents", "all", "confidence", "description", "needs", "no_steps", "pick", "result", "status", "steps")


def page(graph: Any, subject: Subject) -> str:
    """The whole file. What a label or a result holds reaches the page as data, and is shown as text."""
    here = files(__package__)
    parts = {
        "LANGUAGE": subject.language,
        "TITLE": escape(one_line(subject.title)),
        "LICENSE": (here / "cytoscape.LICENSE").read_text(encoding="utf-8"),
        "STYLE": (here / "page.css").read_text(encoding="utf-8"),
        "LIBRARY": (here / "cytoscape.min.js").read_text(encoding="utf-8"),
        "DATA": _as_script(_data(graph, subject)),
        "SCRIPT": (here / "page.js").read_text(encoding="utf-8"),
    }
    template = (here / "page.html").read_text(encoding="utf-8")
    # Each once and from the left: what one part holds is no place for another.
    made = ""
    for name, part in parts.items():
        before, _, template = template.partition(f"{{{{{name}}}}}")
        made += before + part
    return made + template


def _data(graph: Any, subject: Subject) -> dict[str, Any]:
    say, picture = words(subject.language), placed(graph)
    return {
        "graph": graph,
        "places": {box.node["id"]: [box.left + box.width / 2, box.top + box.height / 2] for box in picture.boxes},
        "labels": {box.node["id"]: "\n".join(box.label) for box in picture.boxes},
        "agents": {node["type"]: category(node["type"], say) for node in graph["nodes"]},
        "statuses": {node["status"]: say(f"status.{node['status']}") for node in graph["nodes"]},
        "say": {key: say(f"graph.{key}") for key in _SAID},
    }


def _as_script(data: Any) -> str:
    """JSON inside of a script: nothing in it ends the script, and no reader of lines sees one end."""
    text = json.dumps(data, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
