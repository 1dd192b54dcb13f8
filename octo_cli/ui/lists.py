"""Threads, questions, documents and agents as tables of text, aligned by screen cells. No storage, no colour."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from octo_cli.i18n import Language, Words
from octo_cli.ui.cells import clip, columns, width
from octo_cli.ui.moments import ago
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.ui.style import Style
from octo_cli.wire.forms import Question
from octo_cli.wire.work import AgentRecord, Artifact, FoundThread, Match, ThreadRecord, TypeCard

SHORTEST: Final = 8
_NOT_WORTH_CUTTING: Final = 4
_ALIASES: Final = 4
_SEVERAL: Final = 2


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """The shortest prefixes, `SHORTEST` characters or more, that tell these ids apart."""
    ordered = sorted(set(ids))
    shortened = {}
    for before, one, after in zip(["", *ordered], ordered, [*ordered[1:], ""], strict=False):
        shared = max(_shared(one, before), _shared(one, after))
        short = one[: max(shared + 1, SHORTEST)]
        shortened[one] = one if len(one) - len(short) <= _NOT_WORTH_CUTTING else short
    return shortened


def thread_lines(records: Sequence[ThreadRecord], now: datetime, say: Words, total: int) -> list[str]:
    if not records:
        return [say("list.no_threads")]
    ids = short_ids(record.thread_id for record in records)
    owners = _owners(records)
    rows = [
        (
            ids[record.thread_id],
            say(f"thread.{record.status}"),
            ago(record.updated_at, now, say),
            *owners.get(record.thread_id, ()),
            one_line(record.title) or "—",
        )
        for record in records
    ]
    header = _header(say, "id", "status", "updated", *(("user",) if owners else ()), "title")
    return columns([header, *rows], total, flexible=range(3, len(header)))


def found_lines(found: Sequence[FoundThread], now: datetime, say: Words, style: Style, total: int) -> list[str]:
    """A line for each thread as in the list of threads, and under it one for every place with its hits set off."""
    if not found:
        return [say("list.nothing_found")]
    header, *rows = thread_lines(found, now, say, total)
    lines = [header]
    for row, thread in zip(rows, found, strict=True):
        # The title stands above already.
        places = [match for match in thread.matches if match.where != "title"] or thread.matches
        lines += [row, *(_match_line(match, now, say, style, total) for match in places)]
    return lines


def inbox_lines(
    questions: Sequence[Question], threads: Mapping[str, ThreadRecord], now: datetime, say: Words, total: int
) -> list[str]:
    """Each question with the title of its thread; `threads` by id."""
    if not questions:
        return [say("list.no_questions")]
    owners = _owners(threads.values())
    ids = short_ids(question.thread_id for question in questions)
    rows = [
        (
            ids[question.thread_id],
            say(f"question.{question.type}"),
            ago(question.created_at, now, say),
            _deadline(question, now, say),
            *(owners.get(question.thread_id, ("—",)) if owners else ()),
            one_line(question.title),
            (one_line(threads[question.thread_id].title) if question.thread_id in threads else "") or "—",
        )
        for question in questions
    ]
    header = _header(say, "id", "kind", "asked", "expires", *(("user",) if owners else ()), "question", "thread")
    return columns([header, *rows], total, flexible=range(4, len(header)))


def document_lines(documents: Sequence[Artifact], now: datetime, say: Words, total: int) -> list[str]:
    if not documents:
        return [say("list.no_documents")]
    ids = short_ids(document.document_id for document in documents)
    rows = [
        (
            ids[document.document_id],
            f"v{document.version}",
            ago(document.created_at, now, say),
            one_line(document.title),
            one_line(document.path),
        )
        for document in documents
    ]
    return columns([_header(say, "id", "version", "made", "title", "path"), *rows], total, flexible=(3,))


def type_lines(cards: Sequence[TypeCard], language: Language, say: Words, total: int) -> list[str]:
    rows = [
        (card.name, one_line(card.title.get(language, "")), one_line(", ".join(card.aliases[:_ALIASES])))
        for card in cards
    ]
    return columns([_header(say, "type", "title", "also"), *rows], total, flexible=(2,))


def agent_lines(records: Sequence[AgentRecord], language: Language, say: Words, total: int) -> list[str]:
    rows = [
        (
            record.name,
            say(f"list.agent_{record.status}", missing=", ".join(record.missing)),
            one_line(record.source),
            one_line(record.card.when.get(language, "")) if record.card else "—",
        )
        for record in records
    ]
    return columns([_header(say, "agent", "agent_status", "source", "when"), *rows], total, flexible=(3,))


def category(name: str, say: Words) -> str:
    """What an agent or an intent is called; a plug-in's is called by its own name."""
    key = f"category.{name}"
    return say(key) if say.has(key) else one_line(name)


def _owners(records: Collection[ThreadRecord]) -> dict[str, tuple[str]]:
    """A column of its own where several people's threads stand in one list; nothing where they are one's."""
    if len({record.user for record in records}) < _SEVERAL:
        return {}
    return {record.thread_id: (one_line(record.user) or "—",) for record in records}


def _match_line(match: Match, now: datetime, say: Words, style: Style, total: int) -> str:
    """Where it was found, and the words around it, cut at the end of the line."""
    line = f"  {say(f'list.in_{match.where}')} · {ago(match.at, now, say)}  "
    room, end = total - width(line), 0
    for begin, stop in (*match.marks, (len(match.snippet), len(match.snippet))):
        for text, draw in ((match.snippet[end:begin], str), (match.snippet[begin:stop], style.strong)):
            shown = clip(visible(text), room)
            room -= width(shown)
            line += draw(shown)
        end = stop
    return line


def _deadline(question: Question, now: datetime, say: Words) -> str:
    if question.expires_at is None:
        return "—"
    return say("list.expired") if _passed(question.expires_at, now) else ago(question.expires_at, now, say)


def _passed(when: str, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(when) <= now
    except ValueError:
        return False


def _header(say: Words, *names: str) -> tuple[str, ...]:
    return tuple(say(f"list.{name}") for name in names)


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
