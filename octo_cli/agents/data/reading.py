"""Readings: what a question asks of a table, once it is understood. No question, no SQL."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from octo_cli.agents.data.tables import Column, Table
from octo_cli.agents.data.vocabulary import Aggregate, Unit

Order = Literal["asc", "desc"]


class Filter(NamedTuple):
    """`column op value`; `op` is =, <>, <, <=, >, >=, "in", "not in", or the name of a part of a date."""

    column: Column
    op: str
    value: Any


class Group(NamedTuple):
    column: Column
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it was understood. `coverage` is the share of its words that were.

    `assumed` are keys of the catalogue's [data] for what the question left open; `unread` the words left over,
    `idle` the columns that were named and have no part in the answer, `rivals` the tables it fits equally well.
    """

    table: Table
    aggregate: Aggregate | None = None
    measures: tuple[Column, ...] = ()
    distinct: Column | None = None
    groups: tuple[Group, ...] = ()
    filters: tuple[Filter, ...] = ()
    order: Order | None = None
    order_by: Column | None = None
    limit: int | None = None
    share: bool = False
    profile: bool = False
    unread: tuple[str, ...] = ()
    idle: tuple[Column, ...] = ()
    rivals: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    coverage: float = 1.0

    @property
    def asks(self) -> bool:
        """Whether anything of the table is asked for."""
        parts = (
            self.aggregate,
            self.groups,
            self.filters,
            self.order,
            self.limit,
            self.measures,
            self.idle,
            self.order_by,
        )
        return any(parts)

    @property
    def is_sound(self) -> bool:
        """Whether an answer would be an answer. A word that was not understood might have changed it."""
        return self.asks and not (self.unread or self.idle or self.rivals)
