"""What the offline mind says itself: greetings, what it cannot do and what helps instead, one answer of several."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from octo_cli.i18n import Words, words
from octo_cli.reasoning.base import Request
from octo_cli.reasoning.cues import TOPICS, heard
from octo_cli.reasoning.recaps import recap
from octo_cli.reasoning.signals import Signals
from octo_cli.reasoning.wishes import likest
from octo_cli.values.markdown import escape_line
from octo_cli.values.patterns import lazy
from octo_cli.values.text import one_line
from octo_cli.wire.memory import Memory, Session
from octo_cli.wire.work import AgentCard, Intent, Language, StepResult

_THANKS: Final = lazy(r"\W*(?:고마|고맙|감사|수고|잘 ?가|thank|bye|goodbye)", re.I)
_MOST_FACTS: Final = 10
_MOST_SENTENCES: Final = 3
_LONGEST_LINE: Final = 300


def paragraphs(request: Request, intent: Intent) -> Iterator[str]:
    """The answer to a request no step serves, paragraph by paragraph."""
    said = words(intent.language)
    if request.wish is not None:
        yield from _remembered(request, said)
        return
    signals = Signals(request)
    if signals.declines and intent.category == "chat":
        yield said("offline.declined")
        return
    if unknown := [paper.text for paper in signals.papers if paper.document_type is None]:
        yield said("offline.unsupported_type", name=", ".join(unknown))
        yield from _types(request, said)
        return
    if intent.category == "chat":
        yield from _chat(request, said)
        return
    yield from _no_agent(request, intent, said)


def summary(results: Sequence[StepResult], language: Language) -> str:
    """One answer: the only result's text, or each step by its number and task with what came of it."""
    said = words(language)
    if not results:
        return said("offline.nothing_done")
    if len(results) == 1:
        return outcome(results[0], said)
    done = sum(result.status == "completed" for result in results)
    head = said("offline.all_done" if done == len(results) else "offline.some_done", done=done, total=len(results))
    parts = (
        f"{number}. {escape_line(result.task)}\n\n{outcome(result, said)}" for number, result in enumerate(results, 1)
    )
    return "\n\n".join((head, *parts))


def outcome(result: StepResult, said: Words) -> str:
    """What came of one step: its text, or why there is none and what to type next."""
    if result.problem is not None:
        hint = f"\n→ {result.problem.hint}" if result.problem.hint else ""
        return said("offline.step_failed", message=result.text or result.problem.message) + hint
    if result.agent == "search" and not result.data.get("hits"):
        # Whoever asks about the world and has it in no folder should know that nobody here can simply answer.
        return f"{result.text}\n\n{said('offline.connect_a_model')}"
    return result.text or said(f"offline.step_{result.status}")


def _chat(request: Request, said: Words) -> Iterator[str]:
    if _THANKS.match(request.text):
        yield said("offline.you_are_welcome")
        return
    social = any(cue.category == "chat" for cue, _ in heard(request.text, TOPICS))
    yield said("offline.greeting" if social else "offline.open_question")
    yield from _abilities(request, said)
    if not social:
        yield said("offline.connect_a_model")


def _remembered(request: Request, said: Words) -> Iterator[str]:
    """What answers a question to the memory: a fact, else words said before, else all there is."""
    memory = request.memory or Memory()
    facts = likest(request.text, [(fact.text, fact.text) for fact in memory.facts], _MOST_FACTS)
    sentences = [] if facts else likest(request.text, list(_said_before(request, memory)), _MOST_SENTENCES)
    everything = [] if facts or sentences else [fact.text for fact in memory.facts[:_MOST_FACTS]]
    if facts or everything:
        yield _list(said("offline.you_told_me"), facts or everything)
    elif sentences:
        yield _list(said("offline.you_said_before"), sentences)
    elif memory.sessions:
        yield _list(said("offline.last_sessions"), [_glance(session) for session in memory.sessions[:_MOST_SENTENCES]])
    else:
        yield said("offline.nothing_remembered")


def _said_before(request: Request, memory: Memory) -> Iterator[tuple[str, str]]:
    """What the person said, here and in earlier conversations, the newest first: to look through, and to show."""
    for message in reversed(request.history):
        if message.speaker == "user":
            yield message.text, _line(message.text)
    for session in memory.sessions:
        for line in session.summary.splitlines():
            yield line, _line(line)
        for message in reversed(session.messages):
            if message.speaker == "user":
                yield message.text, _line(message.text)


def _glance(session: Session) -> str:
    return _line(session.summary or recap(session.messages, "short"))


def _line(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _list(head: str, lines: Sequence[str]) -> str:
    return "\n".join((head, "", *(f"- {line}" for line in lines)))


def _no_agent(request: Request, intent: Intent, said: Words) -> Iterator[str]:
    """The category is understood, but nobody here does it."""
    name = f"offline.no_{intent.category}"
    yield said(name) if said.has(name) else said("offline.no_agent", agent=intent.category)
    yield from _abilities(request, said)


def _abilities(request: Request, said: Words) -> Iterator[str]:
    """What can be done here, a line an agent."""
    lines = [f"- {_named(card, said)}: {_ability(card, request, said)}" for card in request.agents]
    if lines:
        yield "\n".join((said("offline.abilities"), "", *lines))


def _named(card: AgentCard, said: Words) -> str:
    return said(f"category.{card.name}") if said.has(f"category.{card.name}") else card.name


def _ability(card: AgentCard, request: Request, said: Words) -> str:
    does = one_line(card.when.get(said.language) or next(iter(card.when.values()), ""))
    titles = ", ".join(_titles(request, said)) if card.name == "contract" else ""
    return f"{does} ({titles})" if titles else does


def _types(request: Request, said: Words) -> Iterator[str]:
    if titles := _titles(request, said):
        yield said("offline.can_draft", titles=", ".join(titles))


def _titles(request: Request, said: Words) -> list[str]:
    return [card.title.get(said.language, card.name) for card in request.document_types]
