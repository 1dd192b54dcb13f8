"""A plug-in whose tool leaves a trace: every time it runs, a file is one line longer. No test of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octo_cli.agents import Call, Done, Kit, Task
from octo_cli.agents.tools import Tool, parameters
from octo_cli.wire.work import AgentCard

LINE: Final = "오늘의 일\n"
FILE: Final = "journal.txt"


class Journal:
    card = AgentCard(
        name="journal",
        when={"ko": "일지에 한 줄을 적습니다.", "en": "Adds a line to the journal."},
        examples=("일지에 적어줘",),
        keywords=("일지", "journal"),
        tools=("append",),
    )

    def __init__(self) -> None:
        self.tools = (Tool("append", "Adds a line.", "write", parameters(line={"type": "string"}), _append, "line"),)

    async def work(self, task: Task, kit: Kit) -> Done | Call:
        return Done("일지를 마쳤습니다.") if task.outcomes else Call("append", {"line": LINE})


def install(folder: Path) -> None:
    """Make `folder` one that offers the agent to any Octo that has it, and this project, on its path."""
    about = folder / "octo_journal-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: octo-journal\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[octo.agents]\njournal = {__name__}:Journal\n", encoding="utf-8")


async def _append(args: Mapping[str, Any], kit: Kit) -> str:
    folder = kit.settings.documents
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(args["line"])
    return "written"
