"""Text as it may enter: one normal form, nothing invisible, nothing that drives a terminal."""

import re
import unicodedata
from functools import cache
from typing import Final

_INVISIBLE: Final = (
    (0x0000, 0x0008),  # C0 without tab and newline
    (0x000B, 0x001F),
    (0x007F, 0x009F),  # DEL and C1
    (0x00AD, 0x00AD),  # soft hyphen
    (0x061C, 0x061C),  # Arabic letter mark
    (0x180E, 0x180E),
    (0x200B, 0x200F),  # zero width, direction marks
    (0x202A, 0x202E),  # bidi embeddings and overrides
    (0x2060, 0x206F),  # word joiner, bidi isolates, deprecated format characters
    (0x3164, 0x3164),  # Hangul filler
    (0xD800, 0xDFFF),  # lone surrogates, which no UTF-8 file can hold
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),  # tag characters
)


def clean(text: str) -> str:
    """NFC, newlines as "\\n", without controls (newline and tab stay), bidi overrides and zero-width characters."""
    text = re.sub("\r\n?|[\u0085\u2028\u2029]", "\n", text)
    return unicodedata.normalize("NFC", _invisible().sub("", text))


def one_line(text: str) -> str:
    """`clean`, with every run of white space as one space and none at the ends."""
    return " ".join(clean(text).split())


def half_width(text: str) -> str:
    """Full-width digits, letters and signs as ASCII, one character for one, so that offsets stay."""
    return text.translate(_halved())


@cache
def _invisible() -> re.Pattern[str]:
    return re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in _INVISIBLE)}]+")


@cache
def _halved() -> dict[int, int]:
    full_width = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    return full_width | {0x3000: 0x20, 0x00A0: 0x20, 0xFFE6: 0x20A9, 0x2018: 0x27, 0x2019: 0x27}
