"""Growing values in a file are read back as LangGraph's own saver reads them, from every checkpoint of every branch."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph

from octo_cli.storage import Storage, open_storage
from octo_cli.storage.sqlite.deltas import histories
from tests.databases import file
from tests.storage.storage_samples import NOW, add_thread


def _added(known: list[str] | None, writes: list[list[str]]) -> list[str]:
    return [*(known or []), *(one for write in writes for one in write)]


class _State(TypedDict, total=False):
    said: Annotated[list[str], DeltaChannel(_added, snapshot_frequency=3)]
    made: Annotated[list[str], DeltaChannel(_added)]
    text: str


async def _grown(storage: Storage, *, thinned: bool) -> list[Any]:
    """What the saver and LangGraph's own reader tell of every checkpoint of a thread with two branches."""
    graph = StateGraph(_State)
    graph.add_node("left", lambda state: {"said": [f"left {state['text']}"]})
    graph.add_node("right", lambda state: {"said": [f"right {state['text']}"], "made": [state["text"]]})
    graph.add_node("after", lambda state: {})
    graph.add_edge(START, "left")
    graph.add_edge(START, "right")
    graph.add_edge(["left", "right"], "after")
    config: Any = {"configurable": {"thread_id": "t"}}
    async with storage.checkpointer() as saver:
        from octo_cli.storage.sqlite.saver import WholeWritesSaver

        assert isinstance(saver, WholeWritesSaver)
        compiled = graph.compile(checkpointer=saver)
        for number in range(8):
            await compiled.ainvoke({"text": str(number)}, config, durability="sync")
        earlier = [state async for state in compiled.aget_state_history(config)][9]
        await compiled.ainvoke({"text": "other"}, earlier.config, durability="sync")
        if thinned:
            assert await asyncio.to_thread(storage.thin, "t") > 5
        told = []
        for state in [state async for state in compiled.aget_state_history(config)]:
            asked: Any = {"config": state.config, "channels": ["said", "made"]}
            ours = await saver.aget_delta_channel_history(**asked)
            theirs = await saver._visit(SqliteSaver.get_delta_channel_history, saver._rows, **asked)
            place = ("t", "", state.config["configurable"]["checkpoint_id"])
            short = await saver._visit(histories, saver._rows.conn, saver.serde, place, ["said"])
            told.append((ours, theirs, short is not None))
    return told


@pytest.mark.parametrize("thinned", [False, True])
def test_every_checkpoint_tells_the_same_as_the_shipped_saver(tmp_path: Path, thinned: bool) -> None:
    with open_storage(file(tmp_path / "octo.db")) as storage:
        add_thread(storage, "t")
        storage.touch("t", now=NOW, status="completed")
        told = asyncio.run(_grown(storage, thinned=thinned))
    # Where a snapshot lies nearer than the metadata leads, the shipped way is the one taken.
    assert len(told) > 8
    assert all(_value(ours) == _value(theirs) for ours, theirs, _ in told)
    assert any("seed" in theirs["said"] and theirs["said"]["writes"] for _, theirs, _ in told)
    # The short way is the usual one, after pruning too: the head is read at every turn.
    assert told[0][2]
    assert sum(short for *_, short in told) > len(told) / 3


def _value(history: Any) -> dict[str, list[str]]:
    return {
        name: _added(getattr(one.get("seed"), "value", None), [write[2] for write in one["writes"]])
        for name, one in history.items()
    }
