"""Every sentence Octo says, in Korean and English, and how wide a sentence is on a screen.

The catalogues are `ko.toml` and `en.toml`, one section a room, with the same keys in both.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from octo_cli.errors import OctoError

Language = Literal["ko", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")


class Words:
    """The catalogue of one language: `words("error.thread_not_found", ref="abc")`."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._sentences = _catalogue(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The sentence `key` ("section.name") with `{placeholders}` filled.

        Raises KeyError for a key the catalogue lacks: a missing sentence is a defect, not a fallback.
        """
        return self._sentences[key].format_map(values)

    def has(self, key: str) -> bool:
        return key in self._sentences


@cache
def words(language: Language) -> Words:
    return Words(language)


def describe(error: OctoError, say: Words, *, thread: str | None = None) -> tuple[str, str | None]:
    """An error as one sentence and, when there is one, the next command to type."""
    values = {"thread": thread or "last", **{name: said(value, say) for name, value in error.values.items()}}
    message = say(f"error.{error.code}", **values)
    if values.get("near") and say.has(f"near.{error.code}"):
        message = f"{message} {say(f'near.{error.code}', **values)}"
    hint = f"hint.{error.code}"
    return message, say(hint, **values) if say.has(hint) else None


def said(value: object, say: Words) -> object:
    """A value in a sentence; a label comes in every language."""
    return value.get(say.language, "") if isinstance(value, Mapping) else value


def language_of(text: str) -> Language | None:
    """The language a text is written in: "ko" with any Hangul, "en" with Latin letters only, else None."""
    if any("가" <= char <= "힣" or "ㄱ" <= char <= "ㆎ" for char in text):
        return "ko"
    if any(char.isascii() and char.isalpha() for char in text):
        return "en"
    return None


def language_of_locale(environment: Mapping[str, str] = os.environ) -> Language:
    """The language of the POSIX locale variables; anything but Korean reads English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "ko" if value.lower().startswith("ko") else "en"
    return "en"


def _catalogue(language: Language) -> dict[str, str]:
    # importlib.resources would take longer to import than the file takes to read.
    text = Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8")
    sections: dict[str, dict[str, str]] = tomllib.loads(text)
    return {f"{section}.{name}": sentence for section, names in sections.items() for name, sentence in names.items()}
