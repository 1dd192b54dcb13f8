"""What a turn looks back on: which facts and earlier conversations, how much of each, and what a wish does to them.

It is settled once a turn and kept under names, so a pause changes nothing of it. Knows no graph.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from octo_cli.i18n import Words, language_of
from octo_cli.reasoning.base import Reasoner
from octo_cli.reasoning.recent import facts_within, sessions_within
from octo_cli.reasoning.wishes import meant, without_wishes
from octo_cli.settings import Settings
from octo_cli.storage import Earlier, Storage
from octo_cli.values.contact import mask_rrn
from octo_cli.values.text import one_line
from octo_cli.wire.memory import Fact, Length, Memory, Recalled, Session, Tier, Wish

log = logging.getLogger(__name__)

# The tier of each earlier conversation, the nearest first.
TIERS: Final[tuple[Tier, ...]] = (*("full",) * 5, *("long",) * 5, *("short",) * 10)
LONGEST_FACT: Final = 500
MOST_AT_ONCE: Final = 10
# Summaries a turn asks a model for; the offline mind's cost nothing.
_MOST_ASKED: Final = 4
_SHOWN: Final = 5


class Candidate(NamedTuple):
    """An earlier conversation and what may be recalled of it; `session` is None while it lacks its summary."""

    earlier: Earlier
    tier: Tier
    session: Session | None


class Outlook(NamedTuple):
    """What would be recalled: `sessions` with their tokens, as they are stored by name. `waiting` lack a summary."""

    facts: tuple[Fact, ...]
    sessions: list[tuple[Session, int]]
    waiting: list[Candidate]
    tokens: int
    left_out: int


def outlook(storage: Storage, settings: Settings, *, but: str | None = None) -> Outlook:
    """What a turn would be given now; nothing is made or changed for it. `but` is the thread that turn is in."""
    user, budget = settings.user, settings.memory.budget
    known = storage.facts(user)
    facts, used = facts_within(known, budget)
    candidates = list(_candidates(storage, user, but))
    sessions = sessions_within([one.session for one in candidates if one.session], budget - used)
    tokens = used + sum(cost for _, cost in sessions)
    waiting = [one for one in candidates if one.session is None]
    return Outlook(facts, sessions, waiting, tokens, len(known) - len(facts))


async def recall(storage: Storage, settings: Settings, mind: Reasoner, thread_id: str, say: Words) -> Recalled:
    """Settle what the turn that begins in `thread_id` looks back on; summaries it needs are made and kept."""
    began = time.perf_counter()
    found = await asyncio.to_thread(outlook, storage, settings, but=thread_id)
    most = _MOST_ASKED if mind.models else len(TIERS)
    if found.waiting:
        made = (_summed_up(storage, mind, one, settings) for one in found.waiting[:most])
        await asyncio.gather(*made)
        found = await asyncio.to_thread(outlook, storage, settings, but=thread_id)
    sessions = await asyncio.to_thread(storage.keep_recalled, found.sessions)
    facts = tuple(fact.fact_id for fact in found.facts)
    if facts or sessions:
        spent = f"{(time.perf_counter() - began) * 1000:.0f}"
        log.info(say("memory.took", sessions=len(sessions), facts=len(facts), tokens=found.tokens, milliseconds=spent))
    return Recalled(facts, sessions, found.tokens, found.left_out)


async def brought(storage: Storage, settings: Settings, named: dict[str, Any] | None) -> Memory | None:
    """The memory a turn was given; None when there may be none."""
    if not settings.memory.enabled:
        return None
    if not named or not (named["facts"] or named["sessions"]):
        return Memory()
    return await asyncio.to_thread(storage.recalled, settings.user, msgspec.convert(named, Recalled))


def obey(storage: Storage, settings: Settings, wish: Wish, thread_id: str, say: Words) -> str:
    """Keep or forget what the person wants kept or forgotten; what came of it, in a few lines. Safe to repeat."""
    if not settings.memory.enabled:
        return say("memory.off")
    if wish.action == "keep":
        return "\n".join(_kept(storage, settings, wish, thread_id, say))
    return "\n".join(line for text in wish.texts for line in _forgotten(storage, settings.user, text, say))


def _kept(storage: Storage, settings: Settings, wish: Wish, thread_id: str, say: Words) -> list[str]:
    lines, now = [], settings.now()
    for text in wish.texts[:MOST_AT_ONCE]:
        fact_text = mask_rrn(one_line(text))
        if len(fact_text) > LONGEST_FACT:
            lines.append(say("memory.too_long", length=len(fact_text), limit=LONGEST_FACT))
            continue
        fact, new = storage.keep_fact(settings.user, fact_text, thread_id=thread_id, now=now)
        lines.append(say("memory.kept" if new else "memory.known", text=fact.text, id=fact.fact_id))
    if len(wish.texts) > MOST_AT_ONCE:
        lines.append(say("memory.too_many", limit=MOST_AT_ONCE))
    return [*lines, "", say("memory.how_to_forget")]


def _forgotten(storage: Storage, user: str, text: str, say: Words) -> list[str]:
    found = meant(text, storage.facts(user))
    if not found:
        return [say("memory.not_known", text=text)]
    if len(found) > 1:
        return [say("memory.which"), "", *(f"- {fact.text} (`{fact.fact_id}`)" for fact in found[:_SHOWN])]
    storage.forget_facts(user, [found[0].fact_id])
    return [say("memory.forgotten", text=found[0].text)]


def _candidates(storage: Storage, user: str, but: str | None) -> Iterator[Candidate]:
    """The conversations that may be recalled, the nearest first. One that only talked to the memory takes no place."""
    kept = 0
    for earlier in storage.earlier(user, but=but, limit=2 * len(TIERS)):
        session = _session(storage, earlier, TIERS[kept])
        if session is None and not without_wishes(storage.messages(earlier.thread_id)):
            continue
        if session is None or session.summary or session.messages:
            yield Candidate(earlier, TIERS[kept], session)
            kept += 1
        if kept == len(TIERS):
            return


def _session(storage: Storage, earlier: Earlier, tier: Tier) -> Session | None:
    """It as far as its tier goes; None while it lacks the summary."""
    if tier == "full":
        messages = tuple(without_wishes(storage.messages(earlier.thread_id)))
        return Session(earlier.thread_id, tier, earlier.at, messages=messages)
    recap = storage.summary(earlier.thread_id, tier, digest=earlier.digest)
    return Session(earlier.thread_id, tier, earlier.at, summary=recap.text) if recap else None


async def _summed_up(storage: Storage, mind: Reasoner, one: Candidate, settings: Settings) -> None:
    said = without_wishes(await asyncio.to_thread(storage.messages, one.earlier.thread_id))
    length: Length = "long" if one.tier == "long" else "short"
    written = " ".join(message.text for message in said if message.speaker == "user")
    recap = await mind.recap(said, length, language_of(written) or settings.language_for())
    now: datetime = settings.now()
    await asyncio.to_thread(storage.keep_summary, one.earlier, length, recap, now=now)
