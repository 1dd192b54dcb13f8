"""The search agent: finds the places in the user's own folders that a query means, and cites each by file and line."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from octo_cli.agents.kit import Done, Kit, Task, as_graph
from octo_cli.documents.markdown import escape
from octo_cli.i18n import Words, words
from octo_cli.reasoning.topics import topic_of
from octo_cli.values.text import one_line

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.folders import Findings, FoundFile, Place, Skipped

INDEX_FILE: Final = "search.sqlite"
_LONGEST_SHOWN_QUERY: Final = 80
_MOST_NAMED: Final = 3
# Results are saved with the thread; a folder full of pictures called .txt shall not be.
_MOST_SKIPPED_IN_DATA: Final = 50


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    return as_graph(work)


async def work(task: Task, kit: Kit) -> Done:
    """Search the user's folders for `inputs["query"]`, or for the topic of what was said.

    `data`: `hits` (path, line, snippet, heading, score; best file first), `files` (how many were searched), `skipped`
    (path, reason), `missing_folders`.
    """
    say = words(task.language)
    if not kit.settings.search.folders:
        return Done(say("search.no_folders"), data={"hits": [], "files": 0, "skipped": [], "missing_folders": []})
    # The graph holds every agent; only a search pays for reading folders.
    from octo_cli.agents.folders import FolderIndex

    query = str(task.step.inputs.get("query") or "").strip() or topic_of(task.text)
    folders = kit.settings.search.folders
    index = FolderIndex(kit.settings.folders.data / INDEX_FILE, folders)
    cancelled = threading.Event()
    try:
        findings = await asyncio.to_thread(index.search, query, stopped=cancelled.is_set)
    finally:
        # A thread cannot be cancelled, only asked to stop.
        cancelled.set()
    return Done(_text(query, findings, folders, say), data=_data(findings), confidence=findings.share)


def _data(findings: "Findings") -> dict[str, Any]:
    return {
        "hits": [
            {
                "path": file.path,
                "line": place.line,
                "snippet": place.snippet,
                "heading": place.heading,
                "score": place.score,
            }
            for file in findings.files
            for place in file.places
        ],
        "files": findings.searched,
        "skipped": [skipped._asdict() for skipped in findings.skipped[:_MOST_SKIPPED_IN_DATA]],
        "missing_folders": [one_line(str(folder)) for folder in findings.missing],
    }


def _text(query: str, findings: "Findings", folders: Sequence[Path], say: Words) -> str:
    """The answer as Markdown, a paragraph an item."""
    paragraphs = [_headline(query, findings, folders, say)]
    paragraphs += ["\n".join(_places(file)) for file in findings.files]
    paragraphs += _remarks(findings, say)
    return "\n\n".join(paragraphs)


def _headline(query: str, findings: "Findings", folders: Sequence[Path], say: Words) -> str:
    if not findings.terms:
        return say("search.no_words")
    sought = escape(_shortened(one_line(query)))
    if not findings.files:
        searched = _count(say, "files", findings.searched)
        return say("search.nothing", query=sought, files=searched, folders=_listed(_codes(folders), say))
    return say(
        "search.found",
        query=sought,
        places=_count(say, "places", sum(len(file.places) for file in findings.files)),
        found=_count(say, "files", len(findings.files)),
        files=_count(say, "files", findings.searched),
    )


def _places(file: "FoundFile") -> Iterator[str]:
    for place in file.places:
        yield f"- {_code(f'{file.path}:{place.line}')}{_heading(place)}"
        if place.snippet:
            yield f"  > {place.snippet}"


def _heading(place: "Place") -> str:
    return f" · {escape(place.heading)}" if place.heading else ""


def _remarks(findings: "Findings", say: Words) -> Iterator[str]:
    more = findings.matching - len(findings.files)
    if findings.files and more > 0:
        yield say("search.more", files=_count(say, "files", more))
    if findings.files and findings.absent:
        absent = [escape(_shortened(word)) for word in findings.absent]
        yield say("search.absent", words=_listed(absent, say))
    if findings.missing:
        yield say("search.missing", folders=_listed(_codes(findings.missing), say))
    if findings.skipped:
        named = [_skipped(item, say) for item in findings.skipped]
        yield say("search.skipped", count=_count(say, "items", len(named)), names=_listed(named, say))


def _skipped(item: "Skipped", say: Words) -> str:
    return f"{_code(item.path)} ({say(f'search.{item.reason}')})"


def _count(say: Words, noun: str, number: int) -> str:
    return say(f"search.{noun}_{'one' if number == 1 else 'many'}", n=number)


def _listed(names: Sequence[str], say: Words) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} {say('search.and_more', n=more)}" if more > 0 else shown


def _codes(folders: Sequence[Path]) -> list[str]:
    return [_code(str(folder)) for folder in folders]


def _code(text: str) -> str:
    """A code span, fenced by more backticks than any run inside it."""
    line = one_line(text)
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (max(len(run) for run in _backticks(line)) + 1)
    return f"{fence} {line} {fence}"


def _backticks(line: str) -> list[str]:
    return "".join(char if char == "`" else " " for char in line).split()


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN_QUERY else f"{text[: _LONGEST_SHOWN_QUERY - 1]}…"
