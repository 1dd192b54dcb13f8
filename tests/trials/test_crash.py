"""kill -9 at random instants over both stores, in small; `python -m tests.trials.crash` does it in full."""

import random
from pathlib import Path

import pytest

from tests.trials.crash import Bench

SEED, KILLS = 4, 12


@pytest.mark.parametrize(
    ("store", "flows"), [("sqlite", ("tool", "history")), ("postgres", ("parallel",))], ids=lambda one: one
)
def test_killed_at_any_instant_everything_ends_the_same(
    store: str, flows: tuple[str, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = request.getfixturevalue("server") if store == "postgres" else None
    bench = Bench(tmp_path, random.Random(SEED), server)
    try:
        bench.kill(flows, KILLS)
    finally:
        bench.door.close()
    assert [f"seed {SEED}: {told}" for tally in bench.tallies.values() for told in tally.mismatches] == []
    assert sum(tally.kills for tally in bench.tallies.values()) >= KILLS
