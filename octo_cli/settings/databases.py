"""Which database holds the threads, as it is told and as it is shown. Nothing here opens one."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from octo_cli.errors import UsageError
from octo_cli.settings.readers import Place

_SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")
_ACCEPTED: Final = "postgresql://USER@HOST:PORT/DATABASE"
# libpq takes a password in two places of an address.
_PASSWORDS: Final = (
    (re.compile(r"(?<=://)([^@/?:]*):[^@/?]*@"), r"\1@"),
    (re.compile(r"([?&])password=[^&]*&?"), r"\1"),
)


class DatabaseSettings(NamedTuple):
    """The file `sqlite`, or the server at the address `postgres` where one is named. Timeouts are in seconds.

    `connect_timeout` bounds getting a connection, also one that broke; `statement_timeout` one statement, and how long
    another process's write to the file is waited for. `encrypt`: what people wrote is stored encrypted.
    """

    sqlite: Path
    postgres: str | None = None
    connect_timeout: float = 10.0
    statement_timeout: float = 30.0
    encrypt: bool = False

    @property
    def name(self) -> str:
        """The database as it is shown: the file's path, or the address without its password."""
        return without_password(self.postgres) if self.postgres else str(self.sqlite)


def postgres_address(value: Any, place: Place) -> str:
    """A libpq address; SQLAlchemy's spelling of one is taken too."""
    scheme, _, rest = value.strip().partition("://") if isinstance(value, str) else ("", "", "")
    try:
        well_formed = scheme in _SCHEMES and bool(rest) and (urlsplit(f"postgresql://{rest}"), True)[1]
    except ValueError:
        well_formed = False
    if not well_formed:
        shown = without_password(value) if isinstance(value, str) else value
        raise UsageError("bad_setting", place=place.name, value=shown, accepted=_ACCEPTED)
    return f"postgresql://{rest}"


def without_password(address: str) -> str:
    for pattern, kept in _PASSWORDS:
        address = pattern.sub(kept, address)
    return address.rstrip("?&")
