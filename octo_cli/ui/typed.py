"""What a person or a pipe typed, made fit to work with or refused with a reason. Nothing is dropped in silence."""

import re
import unicodedata
from typing import Final

from octo_cli.errors import UsageError

MOST_CHARACTERS: Final = 100_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def fit(text: str, *, most: int = MOST_CHARACTERS) -> str:
    """A request as NFC without surrounding blanks.

    Raises UsageError for nothing but blanks, too much text, control characters, or bytes that are no text.
    """
    text = unicodedata.normalize("NFC", readable(text).replace("\r\n", "\n").replace("\r", "\n"))
    text = text.replace("\f", "\n").removeprefix("\ufeff").strip()
    if not text:
        raise UsageError("text_empty")
    if len(text) > most:
        raise UsageError("text_too_long", length=f"{len(text):,}", limit=f"{most:,}")
    if control := _CONTROL.search(text):
        raise UsageError("text_control", character=f"U+{ord(control[0]):04X}", position=control.start() + 1)
    return text


def readable(text: str) -> str:
    """`text`, unless it holds bytes that were never text (Python passes them on as lone surrogates)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise UsageError("text_not_utf8", position=exc.start + 1) from exc
    return text
