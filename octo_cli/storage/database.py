"""What the index asks of a database, whichever it is: reading, writing as a whole, and telling its faults.

Every statement is written once, in the SQL that SQLite and PostgreSQL share, with `?` for values. What differs stands
behind this class, in `sqlite` and `postgres`.

Deadlock to know about: the checkpointer of a file holds the write lock from its INSERT until the event loop gives it
the COMMIT. A call here on the event loop's thread would wait for that lock while keeping the loop from releasing it.
So, while a checkpointer is open, calls come from worker threads (`asyncio.to_thread`); one on a loop's thread raises
RuntimeError, on a server too: there it would only be slow.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from octo_cli.errors import StorageError
from octo_cli.storage.faults import storage_errors
from octo_cli.storage.fences import Fences
from octo_cli.storage.moments import is_moment
from octo_cli.storage.sealing import BrokenSealError, Seal

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.store.base import BaseStore

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)
Row = tuple[Any, ...]
Dialect = Literal["sqlite", "postgres"]


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


Run = Callable[[str, tuple[Any, ...]], Cursor]


class TextIndex(NamedTuple):
    """How a database keeps the grams of the rows of `octo_texts`, and finds rows by them.

    `put` and `take` are told the grams and a row's (thread_id, kind, ref); where `take` is "" they go with their row.
    `tidy` leaves nothing of what was taken, `wipe` nothing at all. `candidates` is told a query, an id and a count: the
    newest rows that match the query and are older than the id. `word` and `beginning` write a gram in a query, `both`
    and `either` join them.
    """

    put: str
    take: str
    tidy: str
    wipe: str
    candidates: str
    word: str
    beginning: str
    both: str
    either: str


class Database(ABC):
    """A connection that any thread may use, one at a time. Every error it raises is already a StorageError.

    `name` is how it is shown: a path, or an address without its password.
    """

    dialect: Dialect
    # Said after a look at a lease, where it may be taken over while the one who looks is still writing.
    locking: ClassVar[str] = ""
    # LangGraph's tables here, each with all its columns but `thread_id`.
    checkpoint_tables: Mapping[str, str]
    # Which of their columns hold the graph's values, as the serializer wrote them.
    checkpoint_values: Mapping[str, str]
    text_index: TextIndex
    # The schema's version before it was opened here; 0 for one that was made.
    found: int

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.fences: Final = Fences(self.locking)
        self._lock = RLock()
        self._checkpointers = 0
        # The keys of the transaction that is open.
        self._entered: set[str] = set()
        self.sealed = Seal()

    @abstractmethod
    def read(self, sql: str, *parameters: object) -> list[Row]:
        """All rows of one statement; inside `write` they are those of its transaction."""

    @abstractmethod
    def write(self, *keys: str) -> AbstractContextManager[Run]:
        """A transaction: `with database.write(thread_id) as run: run(sql, values)`. All of it happens, or nothing.

        Of two at once that share a key, the second one waits for the first and sees what it wrote; name the thread, or
        whatever else the transaction counts on while it reads before it writes. Inside another one of the same
        thread it is part of that one. Raises ThreadBusy "lease_lost" when a key is a thread this process was running
        until another took it over.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """While this is open, this thread reads the database as it was at one moment."""

    @abstractmethod
    def stream(self, sql: str, *parameters: object) -> Iterator[Row]:
        """The rows of one statement, fetched as they are asked for; inside `snapshot` or `write`."""

    @abstractmethod
    def has_table(self, name: str) -> bool: ...

    @abstractmethod
    def columns(self, table: str) -> tuple[str, ...]:
        """The table's columns in alphabetical order; none if there is no such table."""

    @abstractmethod
    def same_as(self, other: "Database") -> bool:
        """Whether both are one database under two names."""

    @abstractmethod
    def software(self) -> str:
        """What keeps it, with its version."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Bytes: "total", then what it is made of."""

    @abstractmethod
    def now(self) -> datetime:
        """Real time, the same for everyone who shares the database; never `OCTO_NOW`."""

    @abstractmethod
    def shrink(self) -> bool:
        """Give the room of what was deleted back to the disk; False when the disk is too full for that."""

    @abstractmethod
    def check(self) -> None:
        """Look at all there is and write once. Raises StorageError when the database is not sound."""

    @abstractmethod
    def make_checkpoint_tables(self) -> None:
        """LangGraph's tables here, or what its own migrations make of older ones."""

    @abstractmethod
    def open_saver(self) -> AbstractAsyncContextManager["BaseCheckpointSaver[str]"]:
        """LangGraph's checkpoints here, set up, on connections of their own."""

    @abstractmethod
    def in_store(self, do: Callable[["BaseStore"], _T]) -> _T:
        """What `do` says of LangGraph's store here, set up, on a connection of its own; not inside `write`."""

    @abstractmethod
    def size_of(self, column: str) -> str:
        """SQL for how many bytes a column holds."""

    @abstractmethod
    def drop_unnamed(self, run: Run, thread_id: str) -> None:
        """Remove what lies beside the thread's checkpoints and none of them names any more."""

    @abstractmethod
    def close(self) -> None: ...

    def wipe(self) -> None:  # noqa: B027 (a server overwrites in its own time)
        """Leave nothing of deleted rows where the database itself does not see to it."""

    def seal(self, text: str, *place: object) -> str:
        """`text` as a column holds it: what people wrote is encrypted where the database is.

        `place` is table, column and the key of the row: `unseal` takes the text for damaged in any other.
        """
        return self.sealed.seal(text, *place)

    @property
    def encrypts(self) -> bool:
        """Whether `seal` hides what it is given: then no index may hold words in clear."""
        return self.sealed.encrypts

    def unseal(self, stored: str, *place: object) -> str:
        """The text that `seal` made `stored` of."""
        if not isinstance(stored, str):
            # A file takes any value in any column.
            raise self.damaged(*place, detail="not a text")
        try:
            return self.sealed.unseal(stored, *place)
        except BrokenSealError as exc:
            raise self.damaged(*place, detail=str(exc)) from exc

    def decode(self, text: str | bytes, kind: type[_T], *place: object) -> _T:
        """A JSON column as `kind`; a value that is no such thing means a damaged database."""
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.MsgspecError, UnicodeError) as exc:
            raise self.damaged(*place, detail=str(exc)) from exc

    def decode_sealed(self, stored: str, kind: type[_T], *place: object) -> _T:
        return self.decode(self.unseal(stored, *place), kind, *place)

    def checked(self, record: _S, moments: Sequence[str], table: str, *key: object) -> _S:
        """`record`, made of columns as they stand: a file takes any value in any of them. `moments` are its times."""
        try:
            msgspec.convert(msgspec.structs.asdict(record), type(record))
        except msgspec.ValidationError as exc:
            said, _, column = str(exc).partition(" - at `$.")
            raise self.damaged(table, column.rstrip("`"), *key, detail=said) from exc
        for column in moments:
            if (value := getattr(record, column)) is not None and not is_moment(value):
                raise self.damaged(table, column, *key, detail="not a time")
        return record

    def damaged(self, *place: object, detail: str) -> StorageError:
        """What to raise about a row: `place` is table, column and the key of the row."""
        table, column, *row = place or ("", "")
        key = " ".join(str(part) for part in row if part not in ("", None))
        named = f"{table}.{column} {key}: {detail}" if table else detail
        return StorageError("storage_corrupt", path=self.name, detail=named)

    def blame(self, thread_id: str, detail: str) -> StorageError:
        """What to raise about a thread whose checkpoints cannot be read: the first row at fault, or `detail`."""
        return next(self.broken_values(thread_id), self.damaged("checkpoints", "checkpoint", thread_id, detail=detail))

    def broken_values(self, thread_id: str) -> Iterator[StorageError]:
        """Every row of the thread's checkpoints that is not what was written there."""
        from octo_cli.storage.sealing import unsealed

        for table, column in self.checkpoint_values.items():
            keys = self.checkpoint_tables[table].partition(", type")[0].removesuffix(", parent_checkpoint_id")
            sql = f"SELECT type, {column}, {keys} FROM {table} WHERE thread_id = ?"
            for kind, value, *key in self.read(sql, thread_id) if self.has_table(table) else ():
                # PostgreSQL's saver has a row, without a value, for a channel that is empty.
                if kind == "empty":
                    continue
                try:
                    unsealed(self.sealed, str(kind), value if isinstance(value, bytes) else b"")
                except BrokenSealError as exc:
                    yield self.damaged(table, column, thread_id, *key, detail=str(exc))

    @contextmanager
    def beside_checkpointer(self) -> Iterator[None]:
        """While this is open, calls from an event loop's thread are refused."""
        self._checkpointers += 1
        try:
            yield
        finally:
            self._checkpointers -= 1

    def _enter(self, run: Any, keys: tuple[str, ...]) -> None:
        """Pass the fences of `keys`; whoever passed one in this transaction has it locked until that ends."""
        self.fences.check(run, *(set(keys) - self._entered))
        self._entered.update(keys)

    @contextmanager
    def _taken(self) -> Iterator[None]:
        if self._checkpointers and _on_event_loop():
            raise RuntimeError("storage is called on the event loop's thread: use asyncio.to_thread")
        with self._lock, storage_errors(self.name):
            yield


def _on_event_loop() -> bool:
    import asyncio  # loaded already where a checkpointer is open

    return asyncio._get_running_loop() is not None
