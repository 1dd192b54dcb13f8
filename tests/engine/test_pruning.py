"""Thinned histories: fewer checkpoints, and every one that is left reads as it did, on either database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octo_cli.engine import Engine, open_engine
from octo_cli.settings import DatabaseSettings, RetentionSettings, Settings, resolve
from octo_cli.storage import Storage
from octo_cli.wire.events import Answers, RunFinished, Say, Summary, Turn
from octo_cli.wire.forms import Answer, Question
from tests.conftest import LEASE, NOW, REST

Place = tuple[str, str]
PAIR = f"{LEASE}. 그리고 비밀유지계약서도 작성해줘"


def _settings(database: DatabaseSettings, folder: Path, **more: Any) -> Settings:
    settings = resolve({}, {"OCTO_HOME": str(folder), "OCTO_NOW": NOW, "USER": "hong"}, folder)
    return replace(settings, database=database, **more)


async def _ran(engine: Engine, thread_id: str, turn: Turn) -> Summary:
    *_, finished = [event async for event in engine.run(thread_id, turn)]
    assert isinstance(finished, RunFinished)
    return finished.summary


async def _asked(engine: Engine, thread_id: str, turn: Turn) -> Question:
    return (await _ran(engine, thread_id, turn)).interrupts[0]


def _submit(form: Question) -> Answers:
    return Answers({form.id: Answer("submit", fields=dict(REST), base_revision=form.base_revision)})


def _approve(draft: Question) -> Answers:
    return Answers({draft.id: Answer("approve", doc_hash=draft.doc_hash)})


async def _leased(engine: Engine, thread_id: str) -> Summary:
    form = await _asked(engine, thread_id, Say(LEASE))
    return await _ran(engine, thread_id, _approve(await _asked(engine, thread_id, _submit(form))))


async def _read_back(engine: Engine, thread_id: str, places: Sequence[Place]) -> list[Any]:
    """Those checkpoints as the graph reads them: the values, what comes next, what is asked."""
    graph = await engine.graph()
    read = []
    for ns, checkpoint_id in places:
        place = {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}
        state = await graph.aget_state({"configurable": place})
        read.append((state.values, state.next, [(raised.id, raised.value) for raised in state.interrupts]))
    return read


async def _places(storage: Storage, thread_id: str) -> list[Place]:
    rows = await asyncio.to_thread(storage.checkpoint_rows, thread_id)
    return [(row.checkpoint_ns, row.checkpoint_id) for row in rows]


async def _asked_at(storage: Storage, thread_id: str) -> set[Place]:
    written = await asyncio.to_thread(storage.written, thread_id, "")
    return {place for place, channels in written.items() if "__interrupt__" in channels}


async def _thinned(engine: Engine, thread_id: str) -> str:
    """A copy of the thread, thinned: what it has left reads as it does in the thread itself."""
    storage, thin = await engine._open(), (await engine.fork(thread_id)).thread_id
    assert await _places(storage, thin) == (before := await _places(storage, thread_id))
    went = await asyncio.to_thread(storage.thin, thin)
    after = await _places(storage, thin)
    assert len(after) == len(before) - went
    assert await _asked_at(storage, thin) == await _asked_at(storage, thread_id)
    assert await _read_back(engine, thin, after) == await _read_back(engine, thread_id, after)
    assert await asyncio.to_thread(storage.thin, thin) == 0
    return thin


@pytest.mark.parametrize("turns", [2, 51])
def test_every_checkpoint_that_is_left_reads_as_before(database: DatabaseSettings, tmp_path: Path, turns: int) -> None:
    if turns > 2 and database.postgres:
        pytest.skip("one database is enough to see messages that are read from a snapshot")

    async def run() -> None:
        async with open_engine(_settings(database, tmp_path)) as engine:
            storage, thread_id = await engine._open(), await engine.thread_for("안녕하세요", "t", create=True)
            for _ in range(turns):
                await _ran(engine, thread_id, Say("안녕하세요"))
            await _leased(engine, thread_id)
            await engine.rollback(thread_id, "user_confirm")
            (draft,) = (await engine.summary(thread_id)).interrupts
            await _ran(engine, thread_id, _approve(draft))
            form = await _asked(engine, thread_id, Say(LEASE))
            thin = await _thinned(engine, thread_id)
            assert len(await _places(storage, thin)) < len(await _places(storage, thread_id)) * 0.6
            said = (await engine.state(thin)).values["messages"]
            assert len(said) == 2 * turns + 3
            # It goes on, and goes back, as the whole one does.
            (form,) = (await engine.summary(thin)).interrupts
            assert (await _asked(engine, thin, _submit(form))).type == "approval_required"
            first = min(checkpoint_id for ns, checkpoint_id in await _asked_at(storage, thin) if ns)
            await engine.rollback(thin, first)
            (again,) = (await engine.summary(thin)).interrupts
            assert again.type == "collaboration_required"
            assert len((await engine.state(thin)).values["messages"]) == 2 * turns + 1

    asyncio.run(run())


def test_steps_side_by_side_keep_where_each_stood(database: DatabaseSettings, tmp_path: Path) -> None:
    async def run() -> None:
        async with open_engine(_settings(database, tmp_path)) as engine:
            storage, thread_id = await engine._open(), await engine.thread_for(PAIR, "t", create=True)
            summary = await _ran(engine, thread_id, Say(PAIR))
            assert len(summary.interrupts) == 2
            while summary.interrupts:
                turn = Answers({question.id: Answer("reject") for question in summary.interrupts[:1]})
                summary = await _ran(engine, thread_id, turn)
            thin = await _thinned(engine, thread_id)
            whole, left = await _places(storage, thread_id), await _places(storage, thin)
            assert [place for place in whole if place[0]] == [place for place in left if place[0]]
            assert len(left) < len(whole)

    asyncio.run(run())


def test_a_thread_that_keeps_what_can_be_named_is_thinned_turn_by_turn(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    async def run() -> None:
        settings = _settings(database, tmp_path, retention=RetentionSettings(history="named"))
        async with open_engine(settings) as engine:
            storage, thread_id = await engine._open(), await engine.thread_for("안녕하세요", "t", create=True)
            left = []
            for _ in range(3):
                await _ran(engine, thread_id, Say("안녕하세요"))
                left.append(len(await _places(storage, thread_id)))
            assert left[2] - left[1] == left[1] - left[0] < 5
            await _leased(engine, thread_id)
            assert len((await engine.state(thread_id)).values["messages"]) == 8
            assert await asyncio.to_thread(storage.thin, thread_id) == 0

    asyncio.run(run())


def test_a_thinned_thread_leaves_nothing_that_no_checkpoint_names(database: DatabaseSettings, tmp_path: Path) -> None:
    async def run() -> None:
        async with open_engine(_settings(database, tmp_path)) as engine:
            storage, thread_id = await engine._open(), await engine.thread_for("안녕하세요", "t", create=True)
            await _leased(engine, thread_id)
            before = await asyncio.to_thread(storage.bytes_of, thread_id)
            await asyncio.to_thread(storage.thin, thread_id)
            assert await asyncio.to_thread(storage.bytes_of, thread_id) < before
            writes = tuple(storage._database.checkpoint_tables)[-1]
            orphans = await asyncio.to_thread(
                storage._database.read,
                f"SELECT 1 FROM {writes} WHERE checkpoint_id NOT IN (SELECT checkpoint_id FROM checkpoints)",
            )
            assert orphans == []

    asyncio.run(run())
