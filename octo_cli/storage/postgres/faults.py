"""PostgreSQL's errors as Octo's own. The driver's sentences are not passed on where they could hold a password."""

import re
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus
from psycopg_pool import PoolTimeout

from octo_cli.credentials import scrub
from octo_cli.errors import StorageError
from octo_cli.values.text import one_line

# By SQLSTATE, the longest beginning that fits: appendix A of PostgreSQL's manual.
_CODES: Final = {
    "28": "storage_refused",
    "3D000": "storage_no_database",
    "3F000": "storage_no_schema",
    "42501": "storage_no_rights",
    "25006": "storage_read_only",
    "25P03": "storage_unreachable",
    "53100": "storage_full",
    "53": "storage_busy",
    "55P03": "storage_busy",
    "57014": "storage_busy",
    "40": "storage_busy",
    "08": "storage_unreachable",
    "57P": "storage_unreachable",
    "58": "storage_unreachable",
    "XX": "storage_corrupt",
    "42P01": "storage_corrupt",
    "42P07": "storage_corrupt",
    "42703": "storage_corrupt",
}
# A connection that did not come to be has no SQLSTATE: libpq says it in words. What fits first counts.
_SAID: Final = {
    r"authentication failed|no password supplied|no pg_hba.conf entry|not permitted to log in": "storage_refused",
    r'role ".*" does not exist': "storage_refused",
    r'database ".*" does not exist': "storage_no_database",
    r"permission denied for database": "storage_no_rights",
    r"too many (?:clients|connections)|connection slots": "storage_busy",
    r"certificate|SSL was required|sslmode value": "storage_insecure",
}
# What libpq puts before every sentence: the address, which is shown beside it.
_OPENING: Final = re.compile(r"(?:connection (?:failed|is bad): )?(?:connection to server .*? failed: )?(?:FATAL: +)?")
# The server is starting, stopping, or was told to drop us.
_COMES_BACK: Final = (errors.CannotConnectNow, errors.AdminShutdown, errors.CrashShutdown)


def told(exc: Exception, name: str) -> StorageError | None:
    """`exc` as StorageError(code, path=name, detail=); None for a defect of Octo's own."""
    detail = _in_short(exc)
    if isinstance(exc, PoolTimeout):
        return StorageError("storage_unreachable", path=name, detail=detail)
    if not isinstance(exc, psycopg.Error):
        return None
    state = exc.sqlstate or ""
    code = next((code for start, code in _CODES.items() if start and state.startswith(start)), None)
    if code is None and isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
        code = _by_words(detail)
    return StorageError(code, path=name, detail=detail) if code else None


def is_lost(exc: psycopg.OperationalError, connection: "psycopg.Connection[Any]") -> bool:
    """Whether `exc` says that the connection is gone, and not that the statement was no good."""
    return connection.pgconn.status != ConnStatus.OK or isinstance(exc, _COMES_BACK)


def was_cut_off(exc: psycopg.OperationalError) -> bool:
    """Whether `exc` says that a connection broke that was there."""
    return isinstance(exc, _COMES_BACK) or not exc.sqlstate


def may_come_back(exc: psycopg.OperationalError, *, patient: bool) -> bool:
    """Whether connecting again may help: the server is starting, or full. `patient`: also when nobody answers."""
    if isinstance(exc, _COMES_BACK) or "starting up" in str(exc) or "shutting down" in str(exc):
        return True
    code = None if exc.sqlstate else _by_words(str(exc))
    return code == "storage_busy" or (patient and code == "storage_unreachable")


def _by_words(detail: str) -> str:
    return next((code for words, code in _SAID.items() if re.search(words, detail)), "storage_unreachable")


def _in_short(exc: Exception) -> str:
    """What is wrong, in the server's or libpq's words; what follows is where in a statement, or the same once more."""
    first, *_ = scrub(str(exc)).strip().splitlines() or [""]
    return one_line(_OPENING.sub("", first, count=1))
