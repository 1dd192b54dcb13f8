"""The few looks Octo has: quiet, strong, alarming, good and bad, or none where colour is not wanted. No layout."""

from dataclasses import dataclass
from typing import Final, TextIO

_RESET: Final = "\x1b[0m"


@dataclass(frozen=True)
class Style:
    """Wraps text that is already safe to show; `on` False leaves it as it is."""

    on: bool

    def quiet(self, text: str) -> str:
        return self._in("\x1b[2m", text)

    def strong(self, text: str) -> str:
        return self._in("\x1b[1m", text)

    def alarming(self, text: str) -> str:
        return self._in("\x1b[33m", text)

    def good(self, text: str) -> str:
        return self._in("\x1b[32m", text)

    def bad(self, text: str) -> str:
        return self._in("\x1b[31m", text)

    def _in(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self.on and text else text


def style_for(stream: TextIO, *, color: bool) -> Style:
    return Style(on=color and stream.isatty())
