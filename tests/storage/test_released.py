"""Databases of every released schema: opened, gone on with, and refused when they are newer than the program."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from octo_cli.engine import open_engine
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import moving, open_storage
from octo_cli.storage.schema import VERSION
from tests.conftest import Octo
from tests.storage.releases import RELEASED, WAITING, finish, settings_of, unpacked

# Dies before its nth call of the driver, as often as there is one; prints what was found after each death.
_DYING = """
import json, os, signal, sqlite3, sys
from pathlib import Path
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import open_storage

path, original = Path(sys.argv[1]), Path(sys.argv[1]).read_bytes()

def die_at(count):
    seen = 0
    def watch(_frame, event, called):
        nonlocal seen
        seen += event == "c_call" and isinstance(getattr(called, "__self__", None), sqlite3.Connection)
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(watch)
    try:
        open_storage(DatabaseSettings(path)).close()
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)

found, count = [], 0
while True:
    count += 1
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
    path.write_bytes(original)
    if (child := os.fork()) == 0:
        die_at(count)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WIFSIGNALED(status), status
    with sqlite3.connect(path) as connection:
        (version,) = connection.execute("SELECT version FROM octo_schema").fetchone()
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        columns = {row[1] for row in connection.execute("PRAGMA table_info(octo_threads)")}
        found.append((version, verdict, sorted(columns)))
    connection.close()
print(json.dumps(found))
"""


@pytest.mark.parametrize("version", RELEASED)
def test_a_released_database_is_gone_on_with(version: int, database: DatabaseSettings, tmp_path: Path) -> None:
    file = DatabaseSettings(unpacked(version, tmp_path / "old.db"))
    if database.postgres:
        with open_storage(file) as source, open_storage(database) as target:
            moving.copy(source.database, target.database, None)
    else:
        database = file
    settings = settings_of(database, tmp_path)
    with open_storage(database) as storage:
        assert database.postgres or storage.database.found == version
        assert len(storage.threads()) == 6
        (lease,) = storage.documents("finished", whole=True)
        assert "오천만원" in lease.text
    for thread_id in WAITING:
        summary = finish(settings, thread_id)
        assert (summary.status, len(summary.documents)) == ("completed", 1)
    with open_storage(database) as storage:
        for thread_id in WAITING:
            (made,) = storage.documents(thread_id, whole=True)
            assert made.text == lease.text
        assert [storage.verify_audit(record.thread_id) for record in storage.threads()] == [None] * 6


@pytest.mark.parametrize("version", RELEASED)
def test_a_released_thread_keeps_its_past(version: int, tmp_path: Path) -> None:
    database = DatabaseSettings(unpacked(version, tmp_path / "old.db"))
    settings = settings_of(database, tmp_path)

    async def looked_at() -> None:
        async with open_engine(settings) as engine:
            talk = await engine.inspect("talk")
            assert [message.speaker for message in talk.messages] == ["user", "octo"] * 3 + ["user"]
            with open_storage(database) as storage:
                waiting = storage.unindexed()
            assert len(waiting) == 6
            await engine.index_messages(waiting)
            with open_storage(database) as storage:
                assert storage.messages("talk") == list(talk.messages)
                assert storage.unindexed() == []
            before = await engine.history("finished")
            copied = await engine.fork("finished", "collaborate")
            assert copied.status == "waiting_human"
            await engine.rollback("finished", "user_confirm")
            assert {record.checkpoint_id for record in before} < {
                record.checkpoint_id for record in await engine.history("finished")
            }

    asyncio.run(looked_at())
    assert finish(settings, "finished").status == "completed"


def test_what_dies_while_it_upgrades_leaves_the_old_database_or_the_new_one(tmp_path: Path) -> None:
    path = unpacked(1, tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as connection:
        old = sorted(row[1] for row in connection.execute("PRAGMA table_info(octo_threads)"))
    done = subprocess.run([sys.executable, "-c", _DYING, str(path)], capture_output=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert {verdict for _, verdict, _ in found} == {"ok"}
    # Whole at either end: the old columns with the old version, and never anything in between.
    assert [columns for version, _, columns in found if version == 1] == [old] * sum(f[0] == 1 for f in found)
    assert {version for version, _, _ in found} <= {1, VERSION}
    assert sum(version == 1 for version, _, _ in found) > VERSION


def test_a_newer_file_is_refused_as_it_is(octo: Octo, tmp_path: Path) -> None:
    newer = unpacked(3, tmp_path / "newer.db")
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE octo_schema SET version = 99")
    before = sha256(newer.read_bytes()).digest()
    unpacked(3, octo.database)
    for command in (
        ("--sqlite", str(newer), "db", "info"),
        ("--sqlite", str(newer), "db", "backup", "backup.db"),
        ("--sqlite", str(newer), "db", "restore", str(octo.database)),
        ("--sqlite", str(newer), "db", "copy", "--to", "other.db"),
        ("db", "copy", "--to", str(newer)),
        ("db", "restore", str(newer), "--force", "--yes"),
    ):
        said = octo("--lang", "en", *command)
        assert (said.status, said.out) == (5, ""), command
        assert "A newer Octo wrote this storage (format 99" in said.err
        assert "Traceback" not in said.err
    assert sha256(newer.read_bytes()).digest() == before
    assert sorted(path.name for path in tmp_path.glob("newer.db*")) == ["newer.db"]
    assert not (octo.folder / "backup.db").exists()


def test_a_newer_database_on_a_server_is_refused_as_it_is(octo: Octo, address: str, tmp_path: Path) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE octo_schema (version BIGINT)")
        connection.execute("INSERT INTO octo_schema VALUES (99)")
    archive = unpacked(3, tmp_path / "archive.db")
    unpacked(3, octo.database)
    for command in (("--postgres", address, "db", "restore", str(archive)), ("db", "copy", "--to", address)):
        said = octo(*command)
        assert said.status == 5, said
    with psycopg.connect(address, autocommit=True) as connection:
        tables = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'octo%'")
        assert tables.fetchall() == [("octo_schema",)]
        assert connection.execute("SELECT version FROM octo_schema").fetchall() == [(99,)]
