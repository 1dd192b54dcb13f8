"""What the words found in a question mean together: groups, figures, order. No words are read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from octo_cli.agents.data import vocabulary as say
from octo_cli.agents.data.reading import Filter, Group, Order, Reading
from octo_cli.agents.data.tables import Column, Table
from octo_cli.agents.data.vocabulary import Aggregate, Unit

_MOST_MEASURES: Final = 3


@dataclass
class Mention:
    column: Column
    start: int
    end: int
    marked: bool = False  # by 별, "by", "per": the rows are grouped by it


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of reckoning that stand in a question."""

    share: bool
    count: bool
    distinct: bool
    rows: bool
    list: bool
    chart: bool
    aggregate: Aggregate | None
    total: bool
    which: bool
    compare: bool
    profile: bool
    superlative: Order | None
    size: bool
    order: str | None
    sort: bool
    limit: int | None
    units: tuple[Unit, ...]


class Resolver:
    """What the words found mean together."""

    def __init__(
        self,
        table: Table,
        asked: Asked,
        mentions: Sequence[Mention],
        filters: Sequence[Filter],
        assumed: Sequence[str],
    ) -> None:
        self.table, self.asked, self.mentions = table, asked, mentions
        self.filters, self.assumed = tuple(filters), [key for key in assumed if key != "extreme"]
        # "the oldest person" is a row, "the highest age" a number.
        self.extreme = "extreme" in assumed
        self.superlative: Order | None = asked.superlative or (_order_of(asked.order) if self.extreme else None)
        filtered = {one.column.name for one in filters}
        # "서울 지역의 매출": the column only says what kind of thing its value is.
        self.free = [one for one in mentions if one.marked or one.column.name not in filtered]

    def reading(self, unread: tuple[str, ...], coverage: float) -> Reading:
        groups, measures = self._groups(), self._measures()
        dimension = self._dimension(groups)
        aggregate, distinct = self._aggregate(groups, measures, dimension)
        ranked = bool(self.superlative or self.asked.limit)
        if dimension and not groups and (self._ranks(aggregate, measures, ranked) or self._lists(aggregate, distinct)):
            groups = (Group(dimension),)
            if aggregate is None or (aggregate in ("max", "min") and self.asked.which):
                aggregate = self._default(measures)
        sorted_by = None if aggregate else self._sorted_by(groups, measures)
        if sorted_by:
            groups = ()
        if groups and aggregate is None:
            aggregate = self._extreme(measures, dimension) or self._default(measures)
        if aggregate not in (None, "count") and not measures:
            measures = self._only_measure()
            if not measures:
                aggregate = None
        order, order_by, limit = self._order(groups, measures, aggregate)
        order, order_by = (_order_of(self.asked.order) or "asc", sorted_by) if sorted_by else (order, order_by)
        if not groups and aggregate is None and measures and not dimension and not limit:
            aggregate, order, order_by = self._of_all(measures, order, order_by)
        if limit and self.asked.order and not groups and order_by is None and aggregate is None:
            unread = (*unread, str(limit))  # The first of what order?
        asks = aggregate is not None or groups or self.filters or order_by or limit or measures
        return Reading(
            table=self.table,
            aggregate=aggregate,
            measures=measures[:_MOST_MEASURES],
            distinct=distinct,
            groups=groups,
            filters=self.filters,
            order=order,
            order_by=order_by,
            limit=limit,
            share=self.asked.share and aggregate is not None,
            profile=self.asked.profile and not asks,
            unread=unread,
            idle=self._idle(
                aggregate, (*measures[:_MOST_MEASURES], *(one.column for one in groups), distinct, order_by)
            ),
            assumed=tuple(dict.fromkeys(self.assumed)),
            coverage=coverage,
        )

    def _groups(self) -> tuple[Group, ...]:
        groups = [Group(one.column) for one in self.free if one.marked and not self._is_ranked_by(one)]
        if self.asked.compare and not groups:
            groups = [Group(one.column) for one in self.filters if one.op == "in"][:1]
        dates = [column for column in self.table.columns if column.kind == "date"]
        named = [one.column for one in self.mentions if one.column.kind == "date"]
        for unit in self.asked.units[:1]:
            column = (named or dates)[0]
            if not named and len(dates) > 1:
                self.assumed.append("several_dates")
            groups = [Group(column, unit), *(group for group in groups if group.column is not column)]
        # Grouping by the moment would give a row a moment.
        day: list[Group] = [
            Group(group.column, "day") if group.column.type.startswith("TIMESTAMP") and not group.unit else group
            for group in groups
        ]
        return tuple(dict.fromkeys(day))[:3]

    def _idle(self, aggregate: Aggregate | None, used: Sequence[Column | None]) -> tuple[Column, ...]:
        """The columns named in vain: another would be reckoned in their place, or nothing at all."""
        named = list(dict.fromkeys(one.column for one in self.free))
        plain = [one.column for one in self.free if not one.marked and one.column.kind == "text"]
        if self.asked.aggregate and aggregate is None:
            return tuple(dict.fromkeys(plain or named))
        if self.asked.size and aggregate == "count" and not self.asked.count:
            return tuple(dict.fromkeys(plain))
        if aggregate is None:
            return ()  # The rows are shown with every column.
        return tuple(column for column in named if column not in used)

    def _extreme(self, measures: Sequence[Column], dimension: Column | None) -> Aggregate | None:
        """ "the highest price by region" has a price for each region."""
        superlative = self.asked.superlative
        if superlative is None or not measures or dimension or self.asked.which:
            return None
        self.superlative = None
        return "max" if superlative == "desc" else "min"

    def _sorted_by(self, groups: Sequence[Group], measures: Sequence[Column]) -> Column | None:
        """ "sort by name": the rows in that order, not as many as there are of each."""
        plainly = self.asked.sort and not (measures or self.asked.count or self.superlative or len(groups) > 1)
        return groups[0].column if plainly and groups and groups[0].unit is None else None

    def _is_ranked_by(self, one: Mention) -> bool:
        """ "top 5 by sales", "sort by price": what follows "by" is the measure."""
        ranked = self.asked.limit or self.superlative or self.asked.sort or self.asked.order
        return bool(one.column.kind == "number" and ranked)

    def _measures(self) -> tuple[Column, ...]:
        found = [
            one.column
            for one in self.free
            if one.column.kind == "number" and (not one.marked or self._is_ranked_by(one))
        ]
        return tuple(dict.fromkeys(found))

    def _dimension(self, groups: Sequence[Group]) -> Column | None:
        """A column of names that is spoken of without being marked as a group."""
        taken = {group.column.name for group in groups}
        named = [one.column for one in self.free if _is_dimension(one.column) and one.column.name not in taken]
        return named[0] if named else None

    def _aggregate(
        self, groups: Sequence[Group], measures: Sequence[Column], dimension: Column | None
    ) -> tuple[Aggregate | None, Column | None]:
        """What is reckoned, and the column whose different values are counted instead of rows."""
        asked = self.asked
        if asked.aggregate and not (asked.count and asked.aggregate == "sum" and not measures):
            return asked.aggregate, None
        if asked.count or (asked.distinct and dimension is not None):
            ranked = (self.superlative or asked.limit) and not groups
            return ("count", None) if measures or asked.rows or ranked else ("count", dimension)
        if asked.total and measures:
            return "sum", None
        if asked.share:
            return self._default(measures), None
        plainly = groups or asked.total or not (self.filters or asked.limit or asked.order)
        return ("count", None) if asked.rows and plainly else (None, None)

    def _ranks(self, aggregate: Aggregate | None, measures: Sequence[Column], ranked: bool) -> bool:
        """ "the region with the highest sales", "top 5 products by sales", "상품 매출 상위 5개"."""
        return ranked and (bool(measures) or aggregate is not None or self.superlative is not None)

    def _lists(self, aggregate: Aggregate | None, distinct: Column | None) -> bool:
        """ "list the regions", "지역 비율"."""
        if distinct is not None or aggregate not in (None, "count", "sum"):
            return False
        return self.asked.list or (self.asked.share and not self.filters)

    def _of_all(
        self, measures: Sequence[Column], order: Order | None, order_by: Column | None
    ) -> tuple[Aggregate | None, Order | None, Column | None]:
        """A measure without a group: "the highest price", "서울 매출"; an order alone lists the rows."""
        if self.superlative:
            return ("max" if self.superlative == "desc" else "min"), None, None
        return (None, order, order_by) if order_by else (self._default(measures), None, None)

    def _default(self, measures: Sequence[Column]) -> Aggregate:
        if not measures:
            return "count"
        aggregate: Aggregate = "avg" if say.RATES.search(measures[0].name) else "sum"
        if not self.asked.total:
            self.assumed.append(f"assumed_{aggregate}")
        return aggregate

    def _only_measure(self) -> tuple[Column, ...]:
        numeric = [column for column in self.table.columns if measurable(column)]
        if len(numeric) != 1:
            return ()
        self.assumed.append("only_measure")
        return tuple(numeric)

    def _order(
        self, groups: Sequence[Group], measures: Sequence[Column], aggregate: Aggregate | None
    ) -> tuple[Order | None, Column | None, int | None]:
        asked, limit = self.asked, self.asked.limit
        order: Order | None = self.superlative or _order_of(asked.order) or ("asc" if asked.sort else None)
        if self.superlative and limit is None and groups:
            limit = 1
        if groups:
            return order or ("desc" if limit else None), None, limit
        if aggregate is not None:
            return None, None, None
        dates = [column for column in self.table.columns if column.kind == "date"]
        by = dates[0] if asked.order in ("newest", "oldest") and dates else measures[0] if measures else None
        ordered = bool(order or (limit and by))
        if limit is None and by and self.superlative and (self.extreme or self._dimension(()) is not None):
            limit = 1
        return (order or "desc") if ordered and by else None, by if ordered else None, limit


def _order_of(asked: str | None) -> Order | None:
    return {"desc": "desc", "asc": "asc", "newest": "desc", "oldest": "asc"}.get(asked or "")  # type: ignore[return-value]


def _is_dimension(column: Column) -> bool:
    return column.kind == "text" or column.months


def measurable(column: Column) -> bool:
    return column.kind == "number" and not say.IDENTIFIERS.search(column.name)
