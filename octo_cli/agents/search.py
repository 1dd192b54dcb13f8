"""The search agent: finds what a query means in the user's own folders and finished documents, and cites each place."""

import asyncio
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from octo_cli.agents.kit import Done, Kit, Task, as_graph
from octo_cli.documents.markdown import escape
from octo_cli.i18n import Words, describe, words
from octo_cli.reasoning.topics import topic_of
from octo_cli.values.markdown import code_span
from octo_cli.values.text import one_line
from octo_cli.wire.events import StepProgress, share

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from octo_cli.agents.citing import Cited
    from octo_cli.agents.folders import Embedder, Findings, FoundFile, Place, Progress, Shelf, Skipped
    from octo_cli.settings import Settings

INDEX_FILE: Final = "search.sqlite"
_LONGEST_SHOWN_QUERY: Final = 80
_MOST_NAMED: Final = 3
# Results are saved with the thread; a folder full of pictures called .txt shall not be.
_MOST_SKIPPED_IN_DATA: Final = 50
# The sentence has quotes of its own.
_PHRASE: Final = re.compile('["“]([^"“”]+)["”]')
_NOTHING: Final = {"hits": [], "files": 0, "skipped": [], "missing_folders": []}
# Behind the path, where a place is no line; as books and lawyers write them, in any language.
_SIGNS: Final = {"page": "p.", "paragraph": "¶"}


def build() -> "CompiledStateGraph[Any, Kit, Any, Any]":
    return as_graph(work)


async def work(task: Task, kit: Kit) -> Done:
    """Search the user's files for `inputs["query"]`, or for the topic of what was said; with a model, answer from them.

    `data`: `hits` (path; line, page or paragraph; snippet, heading, score; of a finished document also title and
    version; best file first), `files` (how many were searched), `skipped` (path, reason), `missing_folders`.
    """
    say = words(task.language)
    progress = _progress(task, kit, say)
    query = str(task.step.inputs.get("query") or "").strip() or topic_of(task.text)
    cancelled = threading.Event()
    try:
        findings = await asyncio.to_thread(_searched, query, task.text, kit, cancelled, progress)
    finally:
        # A thread cannot be cancelled, only asked to stop.
        cancelled.set()
    if findings is None:
        return Done(say("search.no_folders"), data=_NOTHING)
    cited = await _answered(task, kit, findings)
    text = _text(query, findings, kit.settings, say) if cited is None else _answer(cited, findings, say)
    return Done(text, data=_data(findings), confidence=findings.share)


def _progress(task: Task, kit: Kit, say: Words) -> "Progress":
    """Tells whoever watches how far the index is; from any thread."""
    loop = asyncio.get_running_loop()

    def told(done: int, total: int) -> None:
        message = say("search.indexing", done=done, total=total)
        event = StepProgress(task.step.step_id, task.step.agent, "index", message, share(done, total))
        loop.call_soon_threadsafe(kit.tell, event)

    return told


def _searched(query: str, said: str, kit: Kit, cancelled: threading.Event, progress: "Progress") -> "Findings | None":
    """What the search found; None when there is nothing to search in."""
    # The graph holds every agent; only a search pays for reading folders.
    from octo_cli.agents.folders import FolderIndex, query_of

    settings, shelf = kit.settings, _shelf(kit)
    if not settings.search.folders and not shelf.papers:
        return None
    index = FolderIndex(settings.folders.data / INDEX_FILE, settings.search.folders, embedder=_embedder(settings))
    return index.search(query_of(query, said=said), shelf=shelf, stopped=cancelled.is_set, progress=progress)


def _shelf(kit: Kit) -> "Shelf":
    """The newest version of every document the user finished, in whichever thread of theirs."""
    from octo_cli.agents.folders import Paper, Shelf

    storage, user = kit.storage, kit.settings.user
    own = {thread.thread_id for thread in storage.threads(user=user)}
    papers: dict[str, Paper] = {}
    for record in storage.documents():
        if record.thread_id not in own or record.document_id in papers:
            continue

        def load(document_id: str = record.document_id, version: int = record.version) -> str:
            kept = storage.document(document_id, version)
            return kept.text if kept else ""

        papers[record.document_id] = Paper(
            record.document_id, record.title, record.version, Path(record.path), record.doc_hash, load
        )
    return Shelf(f"{kit.settings.database.name}:{user}", tuple(papers.values()))


def _embedder(settings: "Settings") -> "Embedder | None":
    if not settings.search.embeddings:
        return None
    from octo_cli.agents.folders import Embedder
    from octo_cli.credentials import find
    from octo_cli.reasoning.embeddings import embedder, provider_of

    key = find(provider_of(settings), os.environ)
    return Embedder(settings.search.embeddings, embedder(settings, key.secret if key else None))


async def _answered(task: Task, kit: Kit, findings: "Findings") -> "Cited | None":
    """What a model makes of the places found; None without one, and when it makes nothing that can be cited."""
    if kit.mind.models is None or not findings.files:
        return None
    from octo_cli.agents.citing import Passage, answer_from

    passages = [Passage(_source(file, place), place.context) for file, place in _all_places(findings)]
    return await answer_from(kit.mind.models, task, passages)


def _all_places(findings: "Findings") -> "Iterator[tuple[FoundFile, Place]]":
    return ((file, place) for file in findings.files for place in file.places)


def _data(findings: "Findings") -> dict[str, Any]:
    return {
        "hits": [
            {
                "path": file.path,
                file.unit: place.number,
                "snippet": place.snippet,
                "heading": place.heading,
                "score": place.score,
                **({"title": file.paper.title, "version": file.paper.version} if file.paper else {}),
            }
            for file, place in _all_places(findings)
        ],
        "files": findings.searched,
        "skipped": [skipped._asdict() for skipped in findings.skipped[:_MOST_SKIPPED_IN_DATA]],
        "missing_folders": [one_line(str(folder)) for folder in findings.missing],
    }


def _answer(cited: "Cited", findings: "Findings", say: Words) -> str:
    """The model's answer as Markdown, and below it the places it rests on, by their numbers."""
    places = list(_all_places(findings))
    sources = [f"- [{number}] {_place(*places[number - 1], say)}" for number in cited.numbers]
    return "\n\n".join([cited.text, say("search.sources"), "\n".join(sources), *_remarks(findings, say)])


def _text(query: str, findings: "Findings", settings: "Settings", say: Words) -> str:
    """The answer as Markdown, a paragraph an item."""
    paragraphs = [_headline(query, findings, settings, say)]
    paragraphs += ["\n".join(f"- {_place(file, place, say)}" for place in file.places) for file in findings.files]
    if not findings.files and not settings.search.folders:
        paragraphs.append(say("search.no_folders"))
    paragraphs += [*_misses(findings, say), *_remarks(findings, say)]
    return "\n\n".join(paragraphs)


def _headline(query: str, findings: "Findings", settings: "Settings", say: Words) -> str:
    if not findings.terms:
        return say("search.no_words")
    phrase = _PHRASE.fullmatch(one_line(query))
    sought = escape(_shortened(phrase[1] if phrase else one_line(query)))
    if not findings.files:
        searched = _count(say, "files", findings.searched)
        where = [*_codes(settings.search.folders), say("search.own_documents")]
        return say("search.nothing", query=sought, files=searched, folders=_listed(where, say))
    return say(
        "search.found",
        query=sought,
        places=_count(say, "places", sum(len(file.places) for file in findings.files)),
        found=_count(say, "files", len(findings.files)),
        files=_count(say, "files", findings.searched),
    )


def _place(file: "FoundFile", place: "Place", say: Words) -> str:
    """A place as the text of a list item: where it is, and below it what stands there."""
    parts = [_cited(file, place)]
    if paper := file.paper:
        # The text is Octo's own and stays when its file is moved; a path to nothing would help nobody.
        parts = [say("search.document", title=escape(paper.title), version=paper.version)] + parts * paper.path.exists()
    if place.heading:
        parts.append(escape(place.heading))
    if file.by_meaning:
        parts.append(say("search.by_meaning"))
    return " · ".join(parts) + (f"\n  > {place.snippet}" if place.snippet else "")


def _cited(file: "FoundFile", place: "Place") -> str:
    if file.unit == "line":
        return code_span(f"{file.path}:{place.number}")
    return f"{code_span(file.path)} {_SIGNS[file.unit]}{place.number}"


def _source(file: "FoundFile", place: "Place") -> str:
    """A place as a model is told of it."""
    named = f"{file.paper.title}, version {file.paper.version}, " if file.paper else ""
    return f"{named}{file.path}, {file.unit} {place.number}"


def _misses(findings: "Findings", say: Words) -> Iterator[str]:
    more = findings.matching - len(findings.files)
    if findings.files and more > 0:
        yield say("search.more", files=_count(say, "files", more))
    if findings.files and findings.absent:
        absent = [escape(_shortened(word)) for word in findings.absent]
        yield say("search.absent", words=_listed(absent, say))


def _remarks(findings: "Findings", say: Words) -> Iterator[str]:
    if findings.words_only:
        reason, hint = describe(findings.words_only, say)
        yield say("search.words_only", reason=escape(reason)) + (f" `{hint}`" if hint else "")
    if findings.missing:
        yield say("search.missing", folders=_listed(_codes(findings.missing), say))
    if findings.skipped:
        named = [_skipped(item, say) for item in findings.skipped]
        yield say("search.skipped", count=_count(say, "items", len(named)), names=_listed(named, say))


def _skipped(item: "Skipped", say: Words) -> str:
    return f"{code_span(item.path)} ({say(f'search.{item.reason}')})"


def _count(say: Words, noun: str, number: int) -> str:
    return say(f"search.{noun}_{'one' if number == 1 else 'many'}", n=number)


def _listed(names: Sequence[str], say: Words) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} {say('search.and_more', n=more)}" if more > 0 else shown


def _codes(folders: Sequence[Path]) -> list[str]:
    return [code_span(str(folder)) for folder in folders]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN_QUERY else f"{text[: _LONGEST_SHOWN_QUERY - 1]}…"
