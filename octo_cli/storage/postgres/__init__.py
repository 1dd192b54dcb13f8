"""A PostgreSQL server as the database: one connection for the index, made again when the server comes back.

A statement that finds the connection dead is said once more over a new one, for at most `connect_timeout` seconds. A
transaction cut in the middle is not: whoever wrote it gets StorageError, and the thread can be resumed.
"""

import logging
import time
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractAsyncContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo
from psycopg.pq import TransactionStatus

from octo_cli.errors import StorageError, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage.database import Database, Row, Run, TextIndex
from octo_cli.storage.faults import storage_errors
from octo_cli.storage.postgres.faults import is_lost, may_come_back
from octo_cli.storage.schema import VERSION, bring_up_to_date, refuse_newer
from octo_cli.storage.sealing import holds

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore

    from octo_cli.storage.postgres.saver import PooledSaver

Connection = psycopg.Connection[Row]
_T = TypeVar("_T")

# Any number will do, as long as every Octo takes the same: whoever holds its lock sets the database up.
_SETUP: Final = 0x0C70
# Rows fetched at a time: a row may hold a whole conversation.
_FETCHED: Final = 50
_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
# Unless the address says otherwise: a peer that vanished without a word is noticed within a minute.
_DEFAULTS: Final = {
    "application_name": "octo",
    "client_encoding": "utf8",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
# What the driver tries meanwhile is nobody's business: what came of it is raised.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
logging.getLogger("psycopg").propagate = False


class PostgresDatabase(Database):
    dialect = "postgres"
    # A takeover deletes the row and waits for this lock; a heartbeat does not.
    locking = "FOR KEY SHARE"
    checkpoint_tables = MappingProxyType(
        {
            "checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
            "checkpoint_blobs": "checkpoint_ns, channel, version, type, blob",
            "checkpoint_writes": "checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob",
        }
    )
    checkpoint_values = MappingProxyType({"checkpoint_blobs": "blob", "checkpoint_writes": "blob"})
    text_index = TextIndex(
        put="UPDATE octo_texts SET grams = array_to_tsvector(string_to_array(?, ' '))"
        " WHERE thread_id = ? AND kind = ? AND ref = ?",
        take="",
        tidy="",
        wipe="",
        candidates="SELECT id, thread_id, kind, ref FROM octo_texts"
        " WHERE grams @@ CAST(? AS tsquery) AND id < ? ORDER BY id DESC LIMIT ?",
        word="'{}'",
        beginning="'{}':*",
        both=" & ",
        either=" | ",
    )

    def __init__(self, settings: DatabaseSettings) -> None:
        super().__init__(settings.name)
        self.settings = settings
        self._hopeful = True
        self._columns: dict[str, tuple[str, ...]] = {}
        with storage_errors(self.name):
            self._connection = connected(settings)
            try:
                self.found = set_up(self._connection, self.name)
            except BaseException:
                self._connection.close()
                raise

    def read(self, sql: str, *parameters: object) -> list[Row]:
        with self._taken():
            return self._over_a_live_one(lambda connection: _executed(connection, sql, parameters).fetchall())

    @contextmanager
    def write(self, *keys: str) -> Iterator[Run]:
        with self._taken():
            if self._in_transaction:
                if locks := _locks(set(keys) - self._entered):
                    self._connection.execute(locks)
                self._enter(self._run, keys)
                yield self._run
                return
            try:
                # One journey: a server may be far away.
                begin = f"BEGIN; {_locks(set(keys))}"
                self._over_a_live_one(lambda connection: connection.execute(begin))
                self._entered.clear()
                self._enter(self._run, keys)
                yield self._run
                self._connection.execute("COMMIT")
            except BaseException:
                # A connection that broke has rolled back by itself.
                with suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._taken():
            begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            self._over_a_live_one(lambda connection: connection.execute(begin))
            try:
                yield
            finally:
                with suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK")

    def stream(self, sql: str, *parameters: object) -> Iterator[Row]:
        with storage_errors(self.name), self._connection.cursor(name="octo_stream") as rows:
            rows.itersize = _FETCHED
            rows.execute(_dialect(sql), parameters)
            yield from rows

    def has_table(self, name: str) -> bool:
        return self.read("SELECT to_regclass(?) IS NOT NULL", name) == [(True,)]

    def columns(self, table: str) -> tuple[str, ...]:
        sql = (
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = ''"
        )
        # Asked for thousands of times while threads move; a table that is there stays as it is.
        if table not in self._columns and (found := self.read(sql, table)):
            self._columns[table] = tuple(sorted(str(row[0]) for row in found))
        return self._columns.get(table, ())

    def same_as(self, other: Database) -> bool:
        # Addresses can be written in many ways; no two servers started in the same microsecond.
        sql = "SELECT pg_postmaster_start_time(), current_database(), current_schema()"
        return isinstance(other, PostgresDatabase) and self.read(sql) == other.read(sql)

    def software(self) -> str:
        return f"PostgreSQL {self._connection.info.parameter_status('server_version')}"

    def sizes(self) -> dict[str, int]:
        ((total,),) = self.read("SELECT pg_database_size(current_database())")
        tables = self.read(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC, 1"
        )
        return {"total": int(total), **{str(name): int(size) for name, size in tables}}

    def now(self) -> datetime:
        ((moment,),) = self.read("SELECT clock_timestamp()")
        return moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.now(UTC)

    def shrink(self) -> bool:
        with self._taken(), closing(connected(self.settings)) as connection:
            # It takes as long as there is much to look through.
            connection.execute("SET statement_timeout = 0")
            connection.execute("VACUUM")
        return True

    def check(self) -> None:
        with self.write() as run:
            run("UPDATE octo_schema SET version = version", ())

    def broken_values(self, thread_id: str) -> Iterator[StorageError]:
        yield from super().broken_values(thread_id)
        sql = "SELECT checkpoint, metadata, checkpoint_ns, checkpoint_id FROM checkpoints WHERE thread_id = ?"
        for checkpoint, metadata, *key in self.read(sql, thread_id) if self.has_table("checkpoints") else ():
            if not holds(self.sealed, checkpoint, metadata):
                yield self.damaged("checkpoints", "checkpoint", thread_id, *key, detail="changed")

    def make_checkpoint_tables(self) -> None:
        from octo_cli.storage.postgres.saver import make_tables

        with storage_errors(self.name):
            make_tables(self.settings)

    def open_saver(self) -> AbstractAsyncContextManager["PooledSaver"]:
        from octo_cli.storage.postgres.saver import open_saver

        return open_saver(self)

    def in_store(self, do: Callable[["BaseStore"], _T]) -> _T:
        from octo_cli.storage.postgres.store import open_store

        with storage_errors(self.name), open_store(self.settings) as store:
            return do(store)

    def size_of(self, column: str) -> str:
        return f"pg_column_size({column})"

    def drop_unnamed(self, run: Run, thread_id: str) -> None:
        # A set that is built once: row by row this would grow with the square of a long thread.
        run(
            "DELETE FROM checkpoint_blobs WHERE thread_id = ? AND (checkpoint_ns, channel, version) NOT IN"
            " (SELECT c.checkpoint_ns, v.key, v.value FROM checkpoints c"
            " CROSS JOIN LATERAL jsonb_each_text(c.checkpoint -> 'channel_versions') v WHERE c.thread_id = ?)",
            (thread_id, thread_id),
        )

    def close(self) -> None:
        with self._lock, storage_errors(self.name):
            self._connection.close()

    @property
    def _in_transaction(self) -> bool:
        return self._connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> "psycopg.Cursor[Row]":
        return _executed(self._connection, sql, parameters)

    def _over_a_live_one(self, do: Callable[[Connection], _T]) -> _T:
        """What `do` says over the connection; once more over a new one if it is dead, and not in a transaction."""
        try:
            return do(self._connection)
        except psycopg.OperationalError as exc:
            if self._in_transaction or not is_lost(exc, self._connection):
                raise
        self._connection.close()
        # Whoever waited in vain has more to write down as it ends: that is not waited for again.
        hopeful, self._hopeful = self._hopeful, False
        self._connection = connected(self.settings, patient=hopeful)
        self._hopeful = True
        return do(self._connection)


def connected(settings: DatabaseSettings, *, patient: bool = False) -> Connection:
    """A new connection that commits by itself.

    `patient`: the server was there before, so one that is not is waited for, for `connect_timeout` seconds. One that
    says it is just starting is always waited for. Raises psycopg.OperationalError.
    """
    deadline = time.monotonic() + settings.connect_timeout
    for pause in (*_PAUSES, *(_PAUSES[-1] for _ in range(int(settings.connect_timeout)))):
        try:
            return _connected(settings)
        except psycopg.OperationalError as exc:
            if time.monotonic() + pause > deadline or not may_come_back(exc, patient=patient):
                raise
        time.sleep(pause)
    return _connected(settings)


def parameters(settings: DatabaseSettings) -> dict[str, Any]:
    """What libpq is told; what the address says itself, TLS included, stands. Raises UsageError."""
    try:
        given = conninfo_to_dict(settings.postgres or "")
        timeout_from_conninfo(given)
    except psycopg.ProgrammingError as exc:
        # It names a parameter it does not know, or a time that is none.
        raise UsageError("database_address", path=settings.name, detail=str(exc).strip()) from None
    return {**_DEFAULTS, "connect_timeout": max(2, int(settings.connect_timeout)), **given}


def session(settings: DatabaseSettings) -> str:
    """What every new connection is told first."""
    milliseconds = int(settings.statement_timeout * 1000)
    bounds = {
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        # A process stopped in the middle of a transaction holds its locks; whoever waits for them outlives that.
        "idle_in_transaction_session_timeout": milliseconds // 2,
    }
    told = (f"set_config('{name}', '{bound}', false)" for name, bound in bounds.items())
    return f"SELECT {', '.join(told)}"


def set_up(connection: Connection, name: str) -> int:
    """Bring the schema to `VERSION`, once, however many processes start at the same time; returns what it was."""
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise StorageError("storage_encoding", path=name, encoding=encoding)
    if (found := _version(connection, name)) == VERSION:
        return found
    with only_one(connection), connection.transaction():
        found = _version(connection, name)
        bring_up_to_date(connection.execute, found, "postgres")
    return found


@contextmanager
def only_one(connection: Connection) -> Iterator[None]:
    """Of all processes that set this database up, one is inside at a time.

    Asked for again and again and not waited for inside a statement: LangGraph builds its indexes CONCURRENTLY, which
    waits for every running statement, a waiting one included.
    """
    while not _granted(connection.execute("SELECT pg_try_advisory_lock(%s)", (_SETUP,))):
        time.sleep(_PAUSES[0])
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT pg_advisory_unlock(%s)", (_SETUP,))


def _connected(settings: DatabaseSettings) -> Connection:
    connection: Connection = psycopg.connect(**parameters(settings), autocommit=True)
    try:
        connection.execute(session(settings))
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: Connection, name: str) -> int:
    """The schema's version; 0 for a database Octo has not written to."""
    if not _granted(connection.execute("SELECT to_regclass('octo_schema') IS NOT NULL")):
        return 0
    row = connection.execute("SELECT version FROM octo_schema").fetchone()
    found = int(row[0]) if row else 0
    refuse_newer(found, name)
    return found


def _granted(cursor: "psycopg.Cursor[Row]") -> bool:
    row = cursor.fetchone()
    return bool(row and row[0])


def _locks(keys: Set[str]) -> str:
    """The statements that wait for `keys`: in one order, so that two that share two keys never wait for each other."""
    digests = (blake2b(f"octo:{key}".encode(), digest_size=8).digest() for key in keys)
    numbers = sorted(int.from_bytes(digest, signed=True) for digest in digests)
    return "; ".join(f"SELECT pg_advisory_xact_lock({number})" for number in numbers)


def _executed(connection: Connection, sql: str, values: tuple[Any, ...]) -> "psycopg.Cursor[Row]":
    # A file takes a NUL in a text, a server does not.
    plain = [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value for value in values]
    return connection.execute(_dialect(sql), plain)


def _dialect(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
