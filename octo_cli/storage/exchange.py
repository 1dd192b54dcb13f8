"""One thread as one JSON file, to be read anywhere and taken up in another database. Its parts are `portable`'s.

The file is in clear, whatever database it comes from: a thread goes through a plain database in memory, as it would go
to a file of its own by `moving`, and its audit log gets the chain that a plain one has. What is read back is data of
known shapes; a value of the graph stays the bytes it was until LangGraph's strict reader meets it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, structs

from octo_cli.errors import StorageError, UsageError
from octo_cli.settings import DatabaseSettings
from octo_cli.storage import Storage, moving, open_storage
from octo_cli.storage.faults import storage_errors
from octo_cli.storage.portable import INDEX, Line, Packed, Part, State, Write, digest, parts, put
from octo_cli.storage.schema import VERSION as SCHEMA
from octo_cli.storage.sqlite import IN_MEMORY, SqliteDatabase
from octo_cli.storage.threads import is_thread_id

FORMAT: Final = "octo.thread"
VERSION: Final = 1
# What LangGraph's serializer writes and reads without asking which objects to make of it.
_KINDS: Final = frozenset({"null", "bytes", "bytearray", "msgpack"})
_BY_TYPE: Final[Mapping[str, Any]] = MappingProxyType({"TEXT": str, "INTEGER": int, "REAL": int | float})
# What reading strange bytes, and putting strange rows into a database, may raise.
_STRANGE: Final = (
    *(msgspec.MsgspecError, sqlite3.Error, ValueError, TypeError),
    *(LookupError, AttributeError, OverflowError, RecursionError),
)


class ThreadFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`record` is for readers; the rest is the thread: rows of the index, checkpoints, what tasks wrote (bytes as
    base64). `schema` is the database's version, `checksum` the SHA-256 of all the rest as canonical JSON."""

    format: Literal["octo.thread"]
    version: Literal[1]
    octo: str
    schema: Annotated[int, Meta(ge=1, le=SCHEMA)]
    thread_id: str
    record: dict[str, Any]
    index: tuple[Line, ...]
    checkpoints: tuple[State, ...]
    writes: tuple[Write, ...]
    checksum: str = ""

    @property
    def parts(self) -> Iterator[Part]:
        yield from self.index
        yield from self.checkpoints
        yield from self.writes


class Imported(Struct, frozen=True):
    """`imported` is False for a thread that was there already and equal; `chain_broken`: its audit log was changed
    before it was exported."""

    thread_id: str
    title: str
    status: str
    imported: bool
    checksum: str
    chain_broken: bool = False


class _Head(Struct):
    """What tells a file of a later Octo, or none of Octo's, whatever else there is in it."""

    format: str = ""
    version: int = 0
    schema: int = 0


class _Frame(Struct):
    """What both of LangGraph's savers count on in a checkpoint."""

    id: str
    ts: str
    channel_versions: dict[str, str | int | float]
    versions_seen: dict[str, dict[str, str | int | float]]


def export(storage: Storage, thread_id: str, record: dict[str, Any], octo: str) -> bytes:
    """The file of a thread that nobody runs. Raises ThreadBusy, StorageError "copy_damaged"."""
    with _plain(IN_MEMORY) as plain:
        moving.copy(storage.database, plain, [thread_id])
        with plain.snapshot():
            every = list(_without_reservations(parts(plain, thread_id)))
    file = ThreadFile(
        FORMAT,
        VERSION,
        octo,
        SCHEMA,
        thread_id,
        record,
        index=tuple(part for part in every if isinstance(part, Line)),
        checkpoints=tuple(part for part in every if isinstance(part, State)),
        writes=tuple(part for part in every if isinstance(part, Write)),
    )
    summed = structs.replace(file, checksum=_checksum(file))
    return msgspec.json.format(msgspec.json.encode(summed), indent=1) + b"\n"


def take_in(path: Path, settings: DatabaseSettings) -> Imported:
    """Put the thread of a file into the database, whole or not at all; an equal one is left alone.

    Raises UsageError "import_missing" (reason) for a file that cannot be read. Raises StorageError: "import_unreadable"
    (detail) for what cannot be read as a thread, "import_foreign", "import_changed", "import_too_new", "import_differs"
    (thread) for another thread of that name, "copy_taken".
    """
    file = _read(path)
    with _plain(str(path)) as plain:
        with _damage(path):
            _put_all(file, plain)
        broken = Storage(plain).verify_audit(file.thread_id) is not None
        # Only now: for a file that is none, no database comes to be.
        with open_storage(settings) as storage:
            try:
                done = moving.copy(plain, storage.database, [file.thread_id])
            except StorageError as error:
                if error.code != "copy_differs":
                    raise
                raise StorageError("import_differs", path=storage.name, thread=file.thread_id) from error
            found = storage.thread(file.thread_id)
            assert found is not None  # it was put there, or was there
    return Imported(file.thread_id, found.title, found.status, bool(done.copied), file.checksum, broken)


@contextmanager
def _plain(name: str) -> Iterator[SqliteDatabase]:
    """An empty database in memory: nothing of an encrypted one comes to a disk on the way."""
    database = SqliteDatabase(Path(name), IN_MEMORY, timeout=0)
    try:
        database.make_checkpoint_tables()
        yield database
    finally:
        database.close()


def _without_reservations(every: Iterable[Part]) -> Iterator[Part]:
    """All but places reserved for files that are not written yet: on another machine they are somebody else's."""
    for part in every:
        if not (isinstance(part, Line) and part.table == "octo_documents" and part.values["finished_at"] is None):
            yield part


def _read(path: Path) -> ThreadFile:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError) as exc:  # The latter for a name with a NUL in it.
        raise UsageError("import_missing", path=path, reason=getattr(exc, "strerror", None) or str(exc)) from exc
    with _damage(path):
        head = msgspec.json.decode(content, type=_Head)
    if head.format != FORMAT:
        raise StorageError("import_foreign", path=path)
    if head.version > VERSION or head.schema > SCHEMA:
        found, known = (head.version, VERSION) if head.version > VERSION else (head.schema, SCHEMA)
        raise StorageError("import_too_new", path=path, found=found, known=known)
    with _damage(path):
        file = msgspec.json.decode(content, type=ThreadFile)
        if file.checksum != _checksum(file):
            raise StorageError("import_changed", path=path)
    return file


def _put_all(file: ThreadFile, plain: SqliteDatabase) -> None:
    """Raises ValueError and the like for what is no thread."""
    if not is_thread_id(file.thread_id):
        raise ValueError(f"thread_id: {file.thread_id!r}")
    types = {table: dict[str, str](plain.read("SELECT name, type FROM pragma_table_info(?)", table)) for table in INDEX}
    with plain.write() as run, storage_errors(plain.name):
        for part in _without_reservations(file.parts):
            _check(part, file.thread_id, types)
            put(plain, run, file.thread_id, part)
    if digest(parts(plain, file.thread_id)) != digest(_without_reservations(file.parts)):
        raise ValueError("not a whole thread")
    if not plain.read("SELECT 1 FROM octo_threads WHERE thread_id = ?", file.thread_id):
        raise ValueError("octo_threads: no row")


def _check(part: Part, thread_id: str, types: Mapping[str, Mapping[str, str]]) -> None:
    """Raise ValueError for a row of another thread, a column or type that no database has, a value of another kind."""
    match part:
        case Line(table, values):
            columns = types[table]
            if values.get("thread_id") != thread_id:
                raise ValueError(f"{table}: another thread")
            for name, value in values.items():
                # A server takes no text with a NUL in it.
                fits = value is None or isinstance(value, _BY_TYPE[columns[name]])
                if not fits or (isinstance(value, str) and "\0" in value):
                    raise ValueError(f"{table}.{name}: {type(value).__name__}")
        case State():
            if msgspec.convert(part.frame, _Frame).id != part.checkpoint_id:
                raise ValueError(f"{part.checkpoint_id}: another checkpoint")
            for packed in part.values.values():
                _check_packed(packed)
        case Write():
            _check_packed(part.value)


def _check_packed(value: Packed) -> None:
    kind, packed = value
    if kind not in _KINDS:
        raise ValueError(f"kind {kind!r}")
    if kind == "msgpack":
        msgspec.msgpack.decode(packed)


def _checksum(file: ThreadFile) -> str:
    canonical = msgspec.json.encode(structs.replace(file, checksum=""), order="deterministic")
    return f"sha256:{sha256(canonical).hexdigest()}"


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except _STRANGE as exc:
        raise StorageError("import_unreadable", path=path, detail=str(exc) or type(exc).__name__) from exc
