"""The supervisor's state: JSON values only, and how its keys grow. No node lives here."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from octo_cli.agents.growing import Growing


def append(said: Sequence[Any] | None, writes: Sequence[Sequence[Any]]) -> list[Any]:
    """Reducer of the conversation: every write is a list of messages, added in order."""
    return [*(said or []), *(message for write in writes for message in write)]


def newest(known: Mapping[str, Any] | None, writes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Reducer of a map that only grows: a later write of a key takes the place of an earlier one."""
    merged = dict(known or {})
    for write in writes:
        merged |= write
    return merged


def gather(known: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """Reducer of maps that steps fill side by side; None empties the map for the next turn."""
    return {} if new is None else {**(known or {}), **new}


def union(known: Sequence[str] | None, new: Sequence[str] | None) -> list[str]:
    """Reducer of names that steps add side by side; None empties the list for the next turn."""
    return [] if new is None else list(dict.fromkeys([*(known or []), *new]))


class State(TypedDict, total=False):
    """One thread. `messages` and `documents` stay from turn to turn, the rest is one turn's.

    `messages`: `wire.work.Message`s; `documents`: `wire.work.Artifact` of each document's newest version, by document
    id. Both grow, so a checkpoint stores what came since the one before it.
    `say`: the turn's input: text, format. `request`: text, language, turn (from 1), steps (how many the plan has).
    `memory`: `wire.memory.Recalled`, what the turn looks back on; `wish` what the person wants of it.
    `results`: `StepResult` by step id. `allowed`: the tools a person allowed for the rest of the turn.
    `asking`: the clarification to put to the person, `chosen` what they picked, `clarified` how often they were asked.
    `reviewing`: the question about the plan, `review` the answer to it, `reviews` how many there were this turn,
    `replanned` whether another way to what failed was looked for.
    """

    messages: Annotated[list[dict[str, Any]], Growing(append)]
    documents: Annotated[dict[str, Any], Growing(newest)]
    say: dict[str, Any]
    format: str
    request: dict[str, Any]
    recalled: list[dict[str, Any]]
    memory: dict[str, Any] | None
    wish: dict[str, Any] | None
    intent: dict[str, Any] | None
    asking: dict[str, Any] | None
    chosen: dict[str, Any]
    clarified: int
    reviewing: dict[str, Any] | None
    review: dict[str, Any] | None
    reviews: int
    replanned: bool
    plan: dict[str, Any] | None
    results: Annotated[dict[str, Any], gather]
    allowed: Annotated[list[str], union]
    aggregated: dict[str, Any] | None
    output: Annotated[dict[str, Any], gather]
