"""What may reach a screen. A text can hold characters that drive a terminal or make it show what it does not say.

They are not dropped in silence: each becomes a visible mark such as ‹U+202E›, because a contract with an invisible part
must look different from one without. A control sequence loses only its introducer, so it can swallow no words.
"""

import re
from typing import Final

# C0 but tab and newline, DEL, C1; soft hyphen, joiners, Arabic letter mark, Hangul fillers, Mongolian and Khmer
# invisibles, zero-width, bidi, line and paragraph separators, invisible operators, annotations, halves of surrogate
# pairs, and the tags and supplementary selectors a text can be smuggled in.
_HIDDEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_BREAKS: Final = re.compile(r"\s*[\r\n\t]\s*")


def visible(text: str) -> str:
    """`text` with every control or hidden character shown as a mark; tab and newline stay."""
    return _HIDDEN.sub(_mark, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """As `visible`, on a single line: a title cannot draw a second row into a table."""
    return visible(_BREAKS.sub(" ", text.strip()))


def _mark(match: re.Match[str]) -> str:
    return f"‹U+{ord(match[0]):04X}›"
