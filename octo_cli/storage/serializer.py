"""The graph's values as the savers store them, and what happens when one cannot be read back. Imports LangGraph.

LangGraph's own EncryptedSerializer is not used: it takes a row without a cipher's name for a plain one and reads it,
and its cipher never learns the type, which decides how bytes become objects. Compiling a graph derives a stricter
serializer from the saver's; of a JsonPlusSerializer it keeps the class.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from octo_cli.storage.sealing import BrokenSealError, Seal, unsealed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, DeltaChannelHistory

    _Base = BaseCheckpointSaver[str]
else:
    _Base = object

_ALWAYS_THERE: Final = frozenset({"id", "channel_values", "channel_versions", "versions_seen"})


class SealedSerializer(JsonPlusSerializer):
    """Values sealed together with their type; "msgpack+z" is the type "msgpack" under the seal "z"."""

    def __init__(self, seal: Seal) -> None:
        super().__init__()
        self.seal = seal

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        kind, value = super().dumps_typed(obj)
        return f"{kind}+{self.seal.mark}", self.seal.pack(value, kind)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, value = unsealed(self.seal, *data)
        return super().loads_typed((kind, value))


class TellsDamage(_Base):
    """A saver, above LangGraph's, that tells what cannot be read as damage instead of failing over it.

    `blame(thread_id, detail)` gives the error to raise; it looks into the database.
    """

    blame: Callable[[str, str], Exception]

    async def aget_tuple(self, config: "RunnableConfig") -> "CheckpointTuple | None":
        try:
            with _reading():
                found = await super().aget_tuple(config)
                return found and _whole(found)
        except BrokenSealError as exc:
            raise await self._blamed(config, exc) from exc

    async def alist(self, config: "RunnableConfig | None", **named: Any) -> "AsyncIterator[CheckpointTuple]":
        try:
            with _reading():
                async for found in super().alist(config, **named):
                    yield _whole(found)
        except BrokenSealError as exc:
            raise await self._blamed(config, exc) from exc

    async def aget_delta_channel_history(
        self, *, config: "RunnableConfig", channels: Sequence[str]
    ) -> "Mapping[str, DeltaChannelHistory]":
        try:
            with _reading():
                return await super().aget_delta_channel_history(config=config, channels=channels)
        except BrokenSealError as exc:
            raise await self._blamed(config, exc) from exc

    async def _blamed(self, config: "RunnableConfig | None", exc: Exception) -> Exception:
        thread_id = (config or {}).get("configurable", {}).get("thread_id", "")
        return await asyncio.to_thread(self.blame, thread_id, str(exc))


@contextmanager
def _reading() -> "Iterator[None]":
    """Whatever a damaged row makes of LangGraph's reading: it decodes several formats, and takes each for sound."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError) as exc:
        raise BrokenSealError(str(exc)) from exc


def _whole(found: "CheckpointTuple") -> "CheckpointTuple":
    """The checkpoint, if it is the one its row says it is."""
    checkpoint: Any = found.checkpoint
    checkpoint_id = found.config["configurable"]["checkpoint_id"]
    if not isinstance(checkpoint, dict) or not checkpoint.keys() >= _ALWAYS_THERE:
        raise BrokenSealError(f"{checkpoint_id}: no checkpoint")
    if checkpoint["id"] != checkpoint_id:
        raise BrokenSealError(f"{checkpoint_id}: another checkpoint")
    return found
