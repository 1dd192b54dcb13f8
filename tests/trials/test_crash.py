"""kill -9 at random instants over both stores, in small; `python -m tests.trials.crash` does it in full.

The server's threads are thinned as they go: what a pruned one still holds is looked at by every trial.
"""

import random
from pathlib import Path

import pytest

from tests.trials.crash import SETTINGS, Bench

SEED, KILLS = 4, 12


@pytest.mark.parametrize(
    ("store", "flows", "settings"),
    [("sqlite", ("tool", "history"), ""), ("postgres", ("parallel",), SETTINGS["named"])],
    ids=["sqlite", "postgres"],
)
def test_killed_at_any_instant_everything_ends_the_same(
    store: str, flows: tuple[str, ...], settings: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = request.getfixturevalue("server") if store == "postgres" else None
    bench = Bench(tmp_path, random.Random(SEED), server, settings=settings)
    try:
        bench.kill(flows, KILLS)
    finally:
        bench.door.close()
    assert [f"seed {SEED}: {told}" for tally in bench.tallies.values() for told in tally.mismatches] == []
    assert sum(tally.kills for tally in bench.tallies.values()) >= KILLS
