"""Which characters of a text are already read as something, so that a phone number is not an amount too."""

from collections.abc import Iterable
from typing import Protocol


class Spanned(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class Room:
    """The characters no reader has taken yet. Asking costs the length of the span, however much was taken."""

    def __init__(self, text: str, taken: Iterable[Spanned] = ()) -> None:
        self._taken = bytearray(len(text))
        self._take(taken)

    def is_free(self, span: Spanned) -> bool:
        return not any(self._taken[span.start : span.end])

    def without(self, taken: Iterable[Spanned]) -> "Room":
        """This room with more taken out of it."""
        left = Room("")
        left._taken = bytearray(self._taken)
        left._take(taken)
        return left

    def _take(self, taken: Iterable[Spanned]) -> None:
        for span in taken:
            self._taken[span.start : span.end] = b"\1" * (span.end - span.start)
