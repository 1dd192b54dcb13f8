"""Memory: what a person asked to be kept, and what of their earlier conversations is brought to a turn."""

from typing import Literal

from msgspec import Struct

from octo_cli.wire.work import Message

Length = Literal["long", "short"]
# How much of an earlier conversation is brought: its messages, its summary, or its shorter summary.
Tier = Literal["full", "long", "short"]


class Fact(Struct, frozen=True):
    """Something a person asked to be remembered, in their words; `thread_id` is where they said it."""

    fact_id: str
    text: str
    at: str
    thread_id: str = ""


class Session(Struct, frozen=True):
    """An earlier conversation as far as it is brought: its newest `messages`, oldest first, or its `summary`.

    `left_out` counts the older messages that are not. One cut in its middle says so itself.
    """

    thread_id: str
    tier: Tier
    at: str
    summary: str = ""
    messages: tuple[Message, ...] = ()
    left_out: int = 0


class Memory(Struct, frozen=True):
    """What a turn may look back on: the newest fact and the nearest session first."""

    facts: tuple[Fact, ...] = ()
    sessions: tuple[Session, ...] = ()


class RecalledSession(Struct, frozen=True):
    """One session of a turn's memory, by what it is kept under. No words of it stand here."""

    thread_id: str
    tier: Tier
    tokens: int
    digest: str = ""


class Recalled(Struct, frozen=True):
    """A turn's memory as its thread keeps it: by name, so that what is forgotten is gone there too.

    `left_out` counts the facts that did not fit. `tokens` is an estimate of all of it.
    """

    facts: tuple[str, ...] = ()
    sessions: tuple[RecalledSession, ...] = ()
    tokens: int = 0
    left_out: int = 0


class Wish(Struct, frozen=True):
    """What a person wants of the memory: `texts` are to be kept or forgotten, or are what they ask about."""

    action: Literal["keep", "forget", "recall"]
    texts: tuple[str, ...] = ()


class Recap(Struct, frozen=True):
    """A conversation in a few sentences, or in one; `made_by` is the name of the mind that wrote it."""

    text: str
    made_by: str
