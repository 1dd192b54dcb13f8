"""The trial of `concurrency`, in small: processes on one database, and one that does several threads at once."""

from pathlib import Path

import pytest

from octo_cli.settings import DatabaseSettings
from tests.trials.concurrency import check, together


@pytest.mark.parametrize(("processes", "threads", "at_once"), [(3, 4, 1), (1, 8, 8)], ids=["many", "one"])
def test_everything_is_done_once_and_nothing_is_locked(
    processes: int, threads: int, at_once: int, database: DatabaseSettings, tmp_path: Path
) -> None:
    together(tmp_path, database.postgres, processes=processes, threads=threads, at_once=at_once)
    check(tmp_path, database.postgres, processes * threads)
