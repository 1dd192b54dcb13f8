"""What is remembered, on a screen: facts, conversations as they are recalled, and what forgetting leaves."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from octo_cli.i18n import Words
from octo_cli.ui.cells import columns
from octo_cli.ui.lists import short_ids
from octo_cli.ui.moments import ago
from octo_cli.ui.sanitise import one_line, visible
from octo_cli.wire.memory import Fact


def memory_lines(
    facts: Sequence[Fact], sessions: Sequence[Mapping[str, Any]], totals: Mapping[str, Any], say: Words, total: int
) -> Iterator[str]:
    if not totals["enabled"]:
        yield from (say("memory.off"), "")
    if not (facts or sessions):
        yield say("memory.nothing")
        return
    if facts:
        yield f"{say('memory.facts')}:"
        yield from columns([(f"  {fact.fact_id}", one_line(fact.text)) for fact in facts], total, flexible=(1,))
    if sessions:
        yield from ("", f"{say('memory.sessions')}:")
        ids = short_ids(session["thread_id"] for session in sessions)
        rows = [
            (
                f"  {ids[session['thread_id']]}",
                say(f"memory.tier_{session['tier']}"),
                say("memory.no_summary_yet") if session["tokens"] is None else f"{session['tokens']:,}",
                one_line(session["title"]) or "—",
            )
            for session in sessions
        ]
        header = (f"  {say('list.id')}", say("memory.tier"), say("memory.tokens"), say("list.title"))
        yield from columns([header, *rows], total, flexible=(3,))
    yield from ("", say("memory.in_all", tokens=f"{totals['tokens']:,}", budget=f"{totals['budget']:,}"))


def fact_lines(fact: Fact, now: datetime, say: Words) -> Iterator[str]:
    yield one_line(fact.text)
    yield f"  {fact.fact_id}  {ago(fact.at, now, say)}  {say('memory.said_in', thread=fact.thread_id or '—')}"


def conversation_lines(told: Mapping[str, Any], say: Words) -> Iterator[str]:
    session = told["session"]
    yield told["thread_id"]
    if told["forgotten"]:
        yield say("memory.is_forgotten")
    for length, recap in told["summaries"].items():
        yield from ("", f"{say(f'memory.tier_{length}')} ({recap['made_by']}):")
        yield from (f"  {line}" for line in visible(recap["text"]).splitlines())
    if session is None:
        yield from ("", say("memory.not_recalled"))
    elif session["messages"]:
        left_out = f" ({say('memory.left_out', count=session['left_out'])})" if session["left_out"] else ""
        yield from ("", f"{say('memory.recalled_as', tokens=told['tokens'])}{left_out}:")
        for message in session["messages"]:
            text = visible(message["text"]).replace("\n", "\n    ")
            yield f"  {say('inspect.' + message['speaker'])}: {text}"


def forgetting_lines(facts: Sequence[Fact], threads: Sequence[str], say: Words) -> Iterator[str]:
    yield from (f"  {fact.fact_id}  {one_line(fact.text)}" for fact in facts)
    if threads:
        yield f"  {say('memory.conversations', count=len(threads))}"


def forgotten_lines(facts: Sequence[Fact], threads: Sequence[str], say: Words) -> Iterator[str]:
    """What is gone, and what is not: the words still stand in the conversations where they were said."""
    yield say("memory.gone", facts=len(facts), threads=len(threads))
    said_in = dict.fromkeys((*threads, *(fact.thread_id for fact in facts if fact.thread_id)))
    if len(said_in) == 1:
        yield say("memory.remains", thread=next(iter(said_in)))
    elif said_in:
        yield say("memory.remains_many")
