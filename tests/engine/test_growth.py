"""A long thread: what one more turn takes does not depend on how many came before it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from octo_cli.agents.growing import Growing
from octo_cli.engine import open_engine
from octo_cli.supervisor.state import append
from octo_cli.wire.events import Say
from tests.databases import file
from tests.engine.test_pruning import _leased, _ran, _settings


def test_a_turn_takes_as_many_bytes_late_as_early(tmp_path: Path) -> None:
    async def run() -> list[int]:
        held = []
        async with open_engine(_settings(file(tmp_path / "octo.db"), tmp_path)) as engine:
            storage, thread_id = await engine._open(), await engine.thread_for("안녕하세요", "t", create=True)
            for turn in range(60):
                if turn % 20 == 0:
                    held.append(await asyncio.to_thread(storage.bytes_of, thread_id))
                if turn % 20 == 10:
                    await _leased(engine, thread_id)
                else:
                    await _ran(engine, thread_id, Say("안녕하세요"))
            return [*held, await asyncio.to_thread(storage.bytes_of, thread_id)]

    held = asyncio.run(run())
    second, third = held[2] - held[1], held[3] - held[2]
    assert third < 1.15 * second


def test_snapshots_lie_further_apart_the_longer_the_value_is() -> None:
    channel: Growing = Growing(append)
    channel.key = "messages"
    written = snapshots = since = 0
    for number in range(1, 20_001):
        channel.update([[number]])
        since += 1
        if since >= channel.snapshot_frequency:
            snapshots, since = snapshots + 1, 0
            written += len(channel.get())
    assert channel.copy().snapshot_frequency == 20_000 // 16
    # All snapshots together: linear, where one every hundred updates would be a hundred times the value.
    assert written < 18 * 20_000
    assert snapshots < 100


def test_reading_a_value_that_is_seldom_added_to_goes_back_within_a_bound() -> None:
    tell = "from langgraph._internal._config import DELTA_MAX_SUPERSTEPS_SINCE_SNAPSHOT as bound; print(bound)"
    read = f"import octo_cli.engine, octo_cli.supervisor.build; {tell}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("LANGGRAPH_")}
    told = subprocess.run([sys.executable, "-c", read], env=own, capture_output=True, text=True, check=True)
    assert told.stdout == "2000\n"
