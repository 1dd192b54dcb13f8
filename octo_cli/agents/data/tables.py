"""Tables and results as plain data, and how DuckDB's names and cells become such. No database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

Kind = Literal["number", "date", "text"]
# A key of the catalogue's [data], and what fills it.
Remark = tuple[str, Mapping[str, Any]]

_LONGEST_TEXT: Final = 1000
_NUMERIC: Final = (
    *(
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
    ),
    *("DOUBLE", "FLOAT", "DECIMAL"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is DuckDB's. The facts are measured over the whole column; `low`, `high` and `mean` are JSON values.

    `months`: its dates are written as months, and kept as their first days.
    """

    name: str
    kind: Kind
    type: str
    nulls: int = 0
    distinct: int = 0
    low: Any = None
    high: Any = None
    mean: float | None = None
    outliers: int = 0
    top: tuple[tuple[Any, int], ...] = ()
    months: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`source` is the file it came from; `remarks` are keys of the catalogue's [data] with what fills them."""

    name: str
    source: str
    rows: int
    columns: tuple[Column, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A result of at most `most` rows of JSON values; `more` when there were others."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def kind_of(type_: str) -> Kind:
    """What DuckDB's type is to a person."""
    upper = type_.upper()
    if upper.startswith(("DATE", "TIMESTAMP")):
        return "date"
    return "number" if upper.startswith(_NUMERIC) and not upper.endswith("]") else "text"


def plain(value: Any) -> Any:
    """A cell as a JSON value: whole numbers and finite ones stay, dates are ISO, a text is bounded."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date() | datetime():
            return value.isoformat().removesuffix("T00:00:00")
        case _:
            return str(value)[:_LONGEST_TEXT]
