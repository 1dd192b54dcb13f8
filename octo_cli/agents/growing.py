"""Channels of values that grow with a thread: how often it is stored whole. What they hold is not said here."""

from typing import Any, Final

from langgraph.channels import DeltaChannel

_LEAST: Final = 100
_SHARE: Final = 16


class Growing(DeltaChannel[Any]):
    """A delta channel whose snapshots lie further apart the longer its value is.

    LangGraph stores the whole value after a fixed number of updates, so that all its snapshots together grow with the
    square of what they hold. Here the next one is due when a sixteenth has been added: together they stay within
    seventeen times the last one, and reading a value back replays no more than that sixteenth.
    """

    __slots__ = ()

    @property
    def snapshot_frequency(self) -> int:
        """Updates from one snapshot to the next, as long as the value is now."""
        return max(_LEAST, len(self.value) // _SHARE) if self.is_available() else _LEAST

    @snapshot_frequency.setter
    def snapshot_frequency(self, given: int) -> None:
        """What LangGraph passes on when it copies a channel; the value alone decides."""
