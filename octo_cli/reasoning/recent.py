"""How much of what was said is worth handing on, to a model or to an agent that works with one.

In characters within a conversation, in tokens of what is remembered from others.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from octo_cli.wire.memory import Fact, Session
from octo_cli.wire.work import Message

LONGEST_HISTORY: Final = 12_000
LONGEST_GLANCE: Final = 8_000

# Who speaks, and the signs around it.
_TOKENS_AROUND: Final = 8
# A message cut to less than this says nothing.
_LEAST_ROOM: Final = 40
# How much of the room the sessions up to this tier may have taken together.
_SHARES: Final = {"full": 0.45, "long": 0.8, "short": 1.0}


def glance(text: str, longest: int = LONGEST_GLANCE) -> str:
    """A text's beginning and end: enough to see what it is about."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}\n…\n{text[-half:]}"


def conversation(history: Sequence[Message], longest: int = LONGEST_HISTORY) -> list[tuple[str, str]]:
    """(speaker, text) of what was said before, the newest that fit in `longest` characters, oldest first."""
    kept: list[tuple[str, str]] = []
    left = longest
    for said in reversed(history):
        text = glance(said.text, longest // 2)
        left -= len(text)
        if left < 0:
            break
        kept.append((said.speaker, text))
    return kept[::-1]


def tokens_in(text: str) -> int:
    """About how many tokens a model reads: a syllable of Hangul is one, of other letters four are. Rather too many."""
    narrow = sum(character.isascii() for character in text)
    return len(text) - narrow + -(-narrow // 4)


def facts_within(facts: Sequence[Fact], budget: int) -> tuple[tuple[Fact, ...], int]:
    """The newest facts that fit, and their tokens."""
    kept, used = [], 0
    for fact in facts:
        cost = tokens_in(fact.text) + _TOKENS_AROUND
        if used + cost > budget:
            break
        kept.append(fact)
        used += cost
    return tuple(kept), used


def sessions_within(sessions: Sequence[Session], budget: int) -> list[tuple[Session, int]]:
    """Of each session, nearest first, what there is room for, with its tokens.

    The nearest gets half of what is left for its tier and so on; what one tier leaves, the next may take. One for which
    there is no room is left out.
    """
    kept: list[tuple[Session, int]] = []
    used, tiers = 0, [session.tier for session in sessions]
    for place, session in enumerate(sessions):
        last = session.tier not in tiers[place + 1 :]
        share = _SHARES[session.tier] if tiers[-1] != session.tier else 1.0
        left = int(budget * share) - used
        fitted, cost = _within(session, left if last or session.tier != "full" else left // 2)
        if cost:
            kept.append((fitted, cost))
            used += cost
    return kept


def _within(session: Session, room: int) -> tuple[Session, int]:
    """`session` with what fits, and its tokens; 0 when nothing does."""
    if session.summary:
        cost = tokens_in(session.summary) + _TOKENS_AROUND
        return (session, cost) if cost <= room else (session, 0)
    kept: list[Message] = []
    left = room
    for message in reversed(session.messages):
        cost = tokens_in(message.text) + _TOKENS_AROUND
        if cost > left and (kept or left < _LEAST_ROOM):
            break
        kept.append(message if cost <= left else _cut(message, left - _TOKENS_AROUND))
        left -= min(cost, left)
    messages = tuple(kept[::-1])
    return replace(session, messages=messages, left_out=len(session.messages) - len(kept)), room - left if kept else 0


def _cut(message: Message, room: int) -> Message:
    """The newest message of a session, too long for it: its beginning and end, and a mark with how much is missing."""
    for share in (1.0, 0.5, 0.25, 0.125, 0.0):
        # Characters that cost a quarter of a token each let more of them stay.
        ends = int(room * 2 * share)
        missing = len(message.text) - 2 * ends
        text = f"{message.text[:ends]} […{missing}…] {message.text[len(message.text) - ends :]}"
        if missing > 0 and tokens_in(text) <= room:
            return replace(message, text=text)
    return replace(message, text="[…]")
