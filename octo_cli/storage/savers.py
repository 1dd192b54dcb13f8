"""What Octo's savers do beyond LangGraph's, whichever the database. Importing this imports LangGraph."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, CheckpointTuple
from langgraph.checkpoint.base import id as ids
from langgraph.checkpoint.serde.types import ERROR


def without_half_results(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """The writes of a task; of one that failed or was cancelled, only what LangGraph itself notes.

    Cancelled after a node returned and before its conditional edge was decided, LangGraph saves what the node wrote
    beside the error. The next run would take that for the whole result, follow no edge, and end with work undone.
    """
    if all(channel != ERROR for channel, _ in writes):
        return writes
    return [(channel, value) for channel, value in writes if channel in WRITES_IDX_MAP]


def made_before(found: CheckpointTuple) -> None:
    """See to it that every checkpoint this process makes from now on sorts after `found`, whatever its clock says.

    A thread stands at the checkpoint with the greatest id, and an id begins with the time. LangGraph's generator never
    goes back within a process; had the clock been put back since an earlier one, what this one saves would be lost
    behind the old head.
    """
    # An id that is none was not made by a clock.
    with suppress(ValueError):
        made = ids.UUID(found.checkpoint["id"])
        if made.version == 6:
            ids._last_v6_timestamp = max(ids._last_v6_timestamp or 0, made.time)  # type: ignore[assignment]
