"""Which database holds the threads, as it is told and as it is shown. Nothing here opens one."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from octo_cli.errors import UsageError
from octo_cli.settings.readers import Place, path

_SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")
_ACCEPTED: Final = "postgresql://USER@HOST:PORT/DATABASE"
# USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?NAME=VALUE. What else one of them holds is written with %: libpq would take
# the rest of a password with an @ or a / in it for the host, and say so.
_WELL_FORMED: Final = re.compile(
    r"(?:[^\s:@/?#]*(?::[^\s@/?#]*)?@)?(?P<hosts>[^\s@/?#]*)(?:/[^\s@/?#]*)?(?:\?[^\s@#]*)?", re.ASCII
)
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(?::[0-9]*)?")
_ADDRESS: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SECRET: Final = frozenset({"password", "sslpassword"})


class DatabaseSettings(NamedTuple):
    """The file `sqlite`, or the server at the address `postgres` where one is named. Timeouts are in seconds.

    `connect_timeout` bounds getting a connection, also one that broke; `statement_timeout` one statement, and how long
    another process's write to the file is waited for. `encrypt`: what people wrote is stored encrypted. `given`: a
    person said where the file is, so a folder that is not there is a mistake, or a disk that is not.
    """

    sqlite: Path
    postgres: str | None = None
    connect_timeout: float = 10.0
    statement_timeout: float = 30.0
    encrypt: bool = False
    given: bool = False

    @property
    def name(self) -> str:
        """The database as it is shown: the file's path, or the address without its password."""
        return without_password(self.postgres) if self.postgres else str(self.sqlite)

    @property
    def hurried(self) -> "DatabaseSettings":
        """The same for whoever only looks: a person waits for the answer."""
        return self._replace(connect_timeout=2.0, statement_timeout=2.0)


def postgres_address(value: Any, place: Place) -> str:
    """A libpq address; SQLAlchemy's spelling of one is taken too."""
    scheme, _, rest = str(value).strip().partition("://")
    if scheme not in _SCHEMES or not rest or not _is_well_formed(rest):
        raise UsageError("bad_setting", place=place.name, value=_beginning(scheme, rest), accepted=_ACCEPTED)
    return f"postgresql://{rest}"


def sqlite_file(value: Any, place: Place) -> Path:
    """A file's path. Raises UsageError for an address: its folders, made, would be named after the password."""
    if isinstance(value, str) and (found := _ADDRESS.match(value)):
        raise UsageError("file_is_address", place=place.name, value=_beginning(found[1], found[2]))
    return path(value, place)


def without_password(address: str) -> str:
    """A well-formed address as it may be shown. libpq takes a password in two places of it."""
    scheme, _, rest = address.partition("://")
    place, _, query = rest.partition("?")
    person, at, host = place.rpartition("@")
    shown = [part for part in query.split("&") if unquote(part.partition("=")[0]) not in _SECRET]
    return f"{scheme}://{person.partition(':')[0]}{at}{host}" + (f"?{'&'.join(shown)}" if any(shown) else "")


def _beginning(scheme: str, rest: str) -> str:
    """An address as far as it surely holds no password: nobody knows where in a malformed one that is."""
    start, mark, _ = re.split("([:@=]|$)", rest or scheme, maxsplit=1)
    return f"{f'{scheme}://' if rest else ''}{start}{mark and '…'}"


def _is_well_formed(rest: str) -> bool:
    found = _WELL_FORMED.fullmatch(rest)
    return (
        found is not None
        and not _BAD_ESCAPE.search(rest)
        and all(_HOST.fullmatch(host) for host in found["hosts"].split(","))
    )
