"""Which seal a database has: it remembers that it is encrypted, and by what its key is known; the key lies elsewhere.

`database.encrypt` decides for a database that holds nothing yet, and refuses a plain one that does. One that is
encrypted says so itself, whatever the setting.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from octo_cli.errors import StorageError
from octo_cli.storage.database import Database
from octo_cli.storage.sealing import Seal, is_sealed, locked, read_key, read_lock, unlocked

if TYPE_CHECKING:
    from octo_cli.storage.sealing import Lock

_PROPERTY: Final = "encryption"
_TABLES: Final = ("octo_threads", "octo_audit", "octo_documents", "checkpoints", "store")


def seal_of(database: Database, *, encrypt: bool, environment: Mapping[str, str]) -> Seal:
    """Raises StorageError storage_key_missing, storage_key_malformed, storage_key_wrong, storage_not_encrypted.

    And "storage_corrupt" for an encrypted one whose lock is gone: it would be written to in clear.
    """
    lock = _lock(database)
    if lock is None and not encrypt:
        if _looks_sealed(database):
            raise database.damaged("octo_properties", "value", _PROPERTY, detail="gone")
        return Seal()
    if lock is None and _holds_something(database):
        raise StorageError("storage_not_encrypted", path=database.name)
    key = need_key(database.name, environment)
    seal = unlocked(lock or _made(database, key), key)
    if seal is None:
        raise StorageError("storage_key_wrong", path=database.name)
    return seal


def _lock(database: Database) -> "Lock | None":
    rows = database.read("SELECT value FROM octo_properties WHERE name = ?", _PROPERTY)
    if not rows:
        return None
    if (lock := read_lock(rows[0][0])) is None:
        raise database.damaged("octo_properties", "value", _PROPERTY, detail="no lock")
    return lock


def _made(database: Database, key: bytes) -> "Lock":
    """The lock of a new database: of several processes that begin it together, one makes it."""
    with database.write(_PROPERTY) as run:
        if (there := _lock(database)) is not None:
            return there
        lock = locked(key)
        run("INSERT INTO octo_properties (name, value) VALUES (?, ?)", (_PROPERTY, lock.text))
    return lock


def _looks_sealed(database: Database) -> bool:
    """By a column that nobody but Octo writes: a person's words may begin as they like."""
    rows = database.read("SELECT audit_head FROM octo_threads ORDER BY recency LIMIT 1")
    return bool(rows) and is_sealed(rows[0][0])


def _holds_something(database: Database) -> bool:
    return any(database.read(f"SELECT 1 FROM {name} LIMIT 1") for name in _TABLES if database.has_table(name))


def need_key(name: str, environment: Mapping[str, str]) -> bytes:
    """The key of the database shown as `name`. Raises StorageError storage_key_missing or storage_key_malformed."""
    from octo_cli.credentials import DATABASE, find

    found = find(DATABASE, environment)
    if found is None:
        raise StorageError("storage_key_missing", path=name)
    if (key := read_key(found.secret)) is None:
        raise StorageError("storage_key_malformed", path=name)
    return key
