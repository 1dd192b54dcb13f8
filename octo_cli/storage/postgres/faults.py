"""PostgreSQL's errors as Octo's own. The driver's sentences are not passed on where they could hold a password."""

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
    "42501": "storage_no_rights",
    "25006": "storage_read_only",
    "25P03": "storage_unreachable",
    "53100": "storage_full",
    "53300": "storage_busy",
    "55P03": "storage_busy",
    "57014": "storage_busy",
    "40": "storage_busy",
    "08": "storage_unreachable",
    "57P": "storage_unreachable",
    "58": "storage_unreachable",
    "XX": "storage_corrupt",
    "42P01": "storage_corrupt",
    "42703": "storage_corrupt",
}
# A connection that fails before the server speaks has no SQLSTATE, and libpq says it in words.
_SAID: Final = {
    "password authentication failed": "storage_refused",
    "no password supplied": "storage_refused",
    "no pg_hba.conf entry": "storage_refused",
    "permission denied for database": "storage_no_rights",
    "too many clients": "storage_busy",
}
# The server is starting, stopping, or was told to drop us.
_COMES_BACK: Final = (errors.CannotConnectNow, errors.AdminShutdown, errors.CrashShutdown)


def told(exc: Exception, name: str) -> StorageError | None:
    """`exc` as StorageError(code, path=name, detail=); None for a defect of Octo's own."""
    detail = one_line(scrub(str(exc)))
    if isinstance(exc, PoolTimeout):
        return StorageError("storage_unreachable", path=name, detail=detail)
    if not isinstance(exc, psycopg.Error):
        return None
    state = exc.sqlstate or ""
    code = next((code for start, code in _CODES.items() if start and state.startswith(start)), None)
    if code is None and isinstance(exc, psycopg.OperationalError):
        code = _by_words(detail)
    return StorageError(code, path=name, detail=detail) if code else None


def is_lost(exc: psycopg.OperationalError, connection: "psycopg.Connection[Any]") -> bool:
    """Whether `exc` says that the connection is gone, and not that the statement was no good."""
    return connection.pgconn.status != ConnStatus.OK or isinstance(exc, _COMES_BACK)


def may_come_back(exc: psycopg.OperationalError, *, patient: bool) -> bool:
    """Whether connecting again may help. `patient`: also when nobody answers."""
    if isinstance(exc, _COMES_BACK) or "starting up" in str(exc) or "shutting down" in str(exc):
        return True
    return patient and not exc.sqlstate and _by_words(str(exc)) == "storage_unreachable"


def _by_words(detail: str) -> str:
    if "database" in detail and "does not exist" in detail:
        return "storage_no_database"
    return next((code for words, code in _SAID.items() if words in detail), "storage_unreachable")
