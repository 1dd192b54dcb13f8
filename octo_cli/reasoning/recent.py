"""How much of what was said is worth handing on, to a model or to an agent that works with one. In characters."""

from collections.abc import Sequence
from typing import Final

from octo_cli.wire.work import Message

LONGEST_HISTORY: Final = 12_000
LONGEST_GLANCE: Final = 8_000


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
