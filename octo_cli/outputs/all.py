"""`-f all`: the answer, its graph and its report, each made by its own node, side by side."""

from typing import Any, Final

from octo_cli.outputs import chat, graph
from octo_cli.outputs.base import Output, Screen, Subject, as_json
from octo_cli.ui.sanitise import visible

_PARTS: Final = ("chat", "graph", "report")


def _draw(result: Any, subject: Subject, screen: Screen) -> str:
    """The answer and the graph: whatever else there is says the same at more length, and is for a file."""
    answer = visible(result[chat.OUTPUT.name]).strip("\n")
    return f"{answer}\n\n{graph.draw(result[graph.OUTPUT.name], subject, screen)}"


OUTPUT: Final = Output("all", {".json": as_json}, draw=_draw, parts=_PARTS)
