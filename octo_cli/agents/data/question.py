"""Questions: what a Korean or English question asks of a table, as far as rules can tell. No SQL, no database.

Every word is accounted for: it named a column, a value, a number, a day or what is to be reckoned, or it only carried
the question, or it stands in `Reading.unread`. Whoever shows the answer shows the reading.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from octo_cli.agents.data import vocabulary as say
from octo_cli.agents.data.tables import Column, Table
from octo_cli.agents.data.vocabulary import Aggregate, Unit
from octo_cli.values.text import half_width, one_line

Order = Literal["asc", "desc"]
Values = Mapping[str, Sequence[str]]  # the texts of each text column
_GONE: Final = "\x00"
_MOST_MEASURES: Final = 3


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

    `assumed` are keys of the catalogue's [data] for what the question left open; `unread` the words left over.
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
    assumed: tuple[str, ...] = ()
    coverage: float = 1.0

    @property
    def asks(self) -> bool:
        """Whether anything of the table is asked for."""
        return bool(self.aggregate or self.groups or self.filters or self.order or self.limit or self.measures)

    @property
    def is_sound(self) -> bool:
        """Whether an answer would be an answer. A word that was not understood might have changed it."""
        return self.asks and not self.unread


def read(question: str, tables: Sequence[Table], values: Mapping[str, Values], today: date) -> Reading:
    """The best reading over the tables; `values` by table name. At least one table is given."""
    readings = [_Reader(question, table, values[table.name], today).reading() for table in tables]
    return max(readings, key=lambda reading: (reading.asks, reading.coverage, len(reading.measures)))


@dataclass
class _Mention:
    column: Column
    start: int
    end: int
    marked: bool = False  # by 별, "by", "per": the rows are grouped by it


@dataclass
class _Reader:
    """One question over one table. What is understood is taken out of `left`, which keeps its length."""

    question: str
    table: Table
    values: Values
    today: date
    left: str = field(init=False)
    filters: list[Filter] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left = half_width(one_line(self.question))

    def reading(self) -> Reading:
        # "monthly salary" may be a column; else "monthly" groups.
        mentions = self._mentions(_names)
        units = [unit for unit, pattern in say.UNITS if self._in_time(pattern)]
        mentions = self._mentions(_other_names, _beginnings, found=mentions)
        if _telling(self.table.name):
            self._takes(_named(_spaced(self.table.name)))
        self._find_values(mentions)
        self._find_spans(mentions)
        limit, order = self._limit()
        self._find_comparisons(mentions)
        adjective, by_adjective = self._adjective()
        order = order or adjective
        superlative = self._direction(say.SUPERLATIVES) or (adjective if self._takes(say.MOST) else None)
        order = order or self._direction(say.ORDERS)
        sort = self._takes(say.SORT)
        asked = _Asked(
            share=self._takes(say.SHARE),
            count=self._takes(say.COUNT),
            distinct=self._takes(say.DISTINCT),
            rows=self._takes(say.ROWS),
            list=self._takes(say.LIST),
            chart=self._takes(say.PICTURE) | self._takes(say.CHART),
            aggregate=next((name for name, pattern in say.AGGREGATES if self._takes(pattern)), None),
            total=self._takes(say.TOTAL),
            which=self._takes(say.WHICH),
            compare=self._takes(say.COMPARE),
            profile=self._takes(say.PROFILE),
            superlative=superlative,
            order=order,
            sort=sort,
            limit=limit,
            units=tuple(units),
        )
        if by_adjective:
            mentions.append(_Mention(by_adjective, 0, 0))
        return _Resolver(self.table, asked, mentions, self.filters, self.assumed).reading(*self._rest())

    # Finding

    def _mentions(self, *ways: "_Names", found: Sequence[_Mention] = ()) -> list[_Mention]:
        """The columns named in one of these `ways`, earlier ways first, beside those already `found`."""
        found = list(found)
        for names in ways:
            missing = [column for column in self.table.columns if all(one.column is not column for one in found)]
            pairs = [(name, column) for column in missing for name in names(column, self.table)]
            # The longest name first, so that 매출액 is never read as 매출.
            for name, column in sorted(pairs, key=lambda pair: -len(pair[0])):
                found += [self._mention(column, match) for match in list(_named(name).finditer(self.left))]
        found.sort(key=lambda one: one.start)
        for before, after in pairwise(found):
            # "by region and product", "지역, 상품별": what is listed together is grouped together.
            between = self.left[before.end : after.start]
            if before.marked != after.marked and say.LISTED.fullmatch(between) and _groups_well(before, after):
                before.marked = after.marked = True
        return found

    def _mention(self, column: Column, match: re.Match[str]) -> _Mention:
        start, end = match.span()
        after, before = say.GROUP_AFTER.match(self.left, end), say.GROUP_BEFORE.search(self.left[:start])
        marked = bool(after or before) or (column.name.endswith("별") and column.kind == "text")
        self._blank(before.start() if before else start, after.end() if after else end)
        return _Mention(column, start, after.end() if after else end, marked)

    def _find_values(self, mentions: Sequence[_Mention]) -> None:
        named = {one.column.name for one in mentions}
        columns = [column for column in self.table.columns if column.name in self.values]
        # A column that is named in the question has the first claim on a value two columns share.
        columns.sort(key=lambda column: column.name not in named)
        lowered = self.left.casefold()
        pairs = [
            (value, column)
            for column in columns
            for value in self.values[column.name]
            if _telling(value) and one_line(value).casefold() in lowered
        ]
        chosen: dict[tuple[str, bool], list[str]] = {}
        for value, column in sorted(pairs, key=lambda pair: -len(pair[0])):
            for match in list(_named(one_line(value)).finditer(self.left)):
                if any(_GONE in char for char in match[0]):
                    continue
                after = say.NEGATED_AFTER.match(self.left, match.end())
                before = say.NEGATED_BEFORE.search(self.left[: match.start()])
                self._blank(before.start() if before else match.start(), after.end() if after else match.end())
                self._blank_around(match)
                chosen.setdefault((column.name, bool(after or before)), []).append(value)
        by_name = {column.name: column for column in columns}
        for (name, negated), texts in chosen.items():
            one, many = ("<>", "not in") if negated else ("=", "in")
            texts = list(dict.fromkeys(texts))
            meant: str | tuple[str, ...] = texts[0] if len(texts) == 1 else tuple(texts)
            self.filters.append(Filter(by_name[name], one if len(texts) == 1 else many, meant))

    def _blank_around(self, match: re.Match[str]) -> None:
        """The sign or quotation marks that belong to a value, and 만 behind it."""
        if sign := re.search(r"(?:=|:|\bis|\bequals)?\s?['\"“‘]?$", self.left[: match.start()]):
            self._blank(*sign.span())
        if tail := re.match(r"['\"”’]?만?(?![가-힣])", self.left[match.end() :]):
            self._blank(match.end(), match.end() + tail.end())

    def _find_spans(self, mentions: Sequence[_Mention]) -> None:
        column = self._date_column(mentions)
        year = next((one for one in self.table.columns if one.kind == "number" and say.YEARS.search(one.name)), None)
        if column is None and year is None:
            return
        for match in list(say.SPANS.finditer(self.left)):
            span = _span(match, self.today)
            if span is None or (column is None and (year is None or not match.lastgroup or span.part)):
                continue
            if column is not None:
                self._filter_span(match, span, column)
            elif year is not None and span.start and (span.start.month, span.start.day) == (1, 1):
                self.filters.append(Filter(year, self._relation(match) or "=", span.start.year))

    def _filter_span(self, match: re.Match[str], span: "_Span", column: Column) -> None:
        relation = self._relation(match)
        if span.part or span.start is None or span.end is None:
            self.filters.append(Filter(column, span.part or "month", span.number))
            return
        start, end = span.start.isoformat(), span.end.isoformat()
        if relation is None and any(one.column is column and one.op == "<" for one in self.filters):
            self.unread.append(match[0].strip())  # Two spans side by side are a comparison, not one span.
            return
        by_relation = {
            ">=": [(">=", start)],
            ">": [(">=", end)],
            "<": [("<", start)],
            "<=": [("<", end)],
            None: [(">=", start), ("<", end)],
        }
        self.filters += [Filter(column, op, value) for op, value in by_relation[relation]]

    def _relation(self, match: re.Match[str]) -> str | None:
        """What a span of time is a bound of; the words that say so go with it."""
        self._blank(*match.span())
        for pattern, op in ((say.SINCE, ">="), (say.UNTIL, "<="), (say.EARLIER, "<")):
            if after := pattern.match(self.left, match.end()):
                self._blank(*after.span())
                return op
        if tilde := re.match(r"\s?[~–]\s?(?=\d)", self.left[match.end() :]):
            self._blank(match.end(), match.end() + tilde.end())
            return ">="
        for op, pattern in say.BEFORE_SPAN.items():
            if before := pattern.search(self.left[: match.start()]):
                self._blank(*before.span())
                return op
        last = self.filters[-1] if self.filters else None
        opened = last is not None and last.op == ">=" and last.column.kind == "date" and len(self.filters) == 1
        return "<=" if opened and "~" in self.question else None

    def _date_column(self, mentions: Sequence[_Mention]) -> Column | None:
        named = [one.column for one in mentions if one.column.kind == "date"]
        every = [column for column in self.table.columns if column.kind == "date"]
        if not named and len(every) > 1 and "several_dates" not in self.assumed:
            self.assumed.append("several_dates")
        return next(iter(named or every), None)

    def _in_time(self, pattern: re.Pattern[str]) -> bool:
        """A grouping in time, where there are dates to group."""
        if not any(column.kind == "date" for column in self.table.columns):
            return False
        return self._takes(pattern)

    def _limit(self) -> tuple[int | None, Order | None]:
        for pattern, direction in say.LIMITS:
            if match := pattern.search(self.left):
                self._blank(*match.span())
                written = next(group for group in match.groups() if group)
                number = say.NUMBER_WORDS.get(written.lower()) or int(written)
                return number, direction  # type: ignore[return-value]
        return None, None

    def _find_comparisons(self, mentions: Sequence[_Mention]) -> None:
        for match in list(say.BETWEEN.finditer(self.left)):
            numbers = match.groups()
            low, high = (numbers[:2], numbers[2:4]) if numbers[0] else (numbers[4:6], numbers[6:8])
            if column := self._compared(match, mentions):
                bounds = (_amount(low[0], low[1] or (high[1] if high[1] else None)), _amount(high[0], high[1]))
                self.filters += [Filter(column, ">=", bounds[0]), Filter(column, "<=", bounds[1])]
        for pattern, op in say.COMPARISONS:
            for match in list(pattern.finditer(self.left)):
                groups = match.groups()
                at = next(index for index in range(0, len(groups), 2) if groups[index])
                if column := self._compared(match, mentions, near=op == "="):
                    self.filters.append(Filter(column, op, _amount(groups[at], groups[at + 1])))

    def _compared(self, match: re.Match[str], mentions: Sequence[_Mention], *, near: bool = False) -> Column | None:
        """The column a number is held against: the one named nearest before it, else after it, else the only one."""
        numeric = [one for one in mentions if one.column.kind == "number" and not one.marked]
        before = [one for one in numeric if 0 <= match.start() - one.end <= (4 if near else 60)]
        after = [one for one in numeric if 0 <= one.start - match.end() <= 20]
        only = [column for column in self.table.columns if _measurable(column)]
        mention = before[-1] if before else after[0] if after and not near else None
        if mention is None and (near or len(only) != 1):
            return None
        if mention and self._is_reckoned(mention, match):
            return None  # A condition on the groups' figures, not on the rows.
        column = mention.column if mention else only[0]
        self._blank(*match.span())
        return column

    def _is_reckoned(self, one: _Mention, match: re.Match[str]) -> bool:
        """ "매출 합계가 …", "average price over …": a number is held against what is reckoned of the column."""
        behind, ahead = self.left[: one.start].rstrip(" 의"), self.left[one.end : match.start()]
        words = [pattern for _, pattern in say.AGGREGATES]
        return any(
            pattern.search(ahead) or any(found.end() == len(behind) for found in pattern.finditer(behind))
            for pattern in (*words, say.TOTAL)
        )

    def _adjective(self) -> tuple[Order | None, Column | None]:
        for words, names, direction in say.ADJECTIVES:
            fitting = [
                column
                for column in self.table.columns
                if column.kind == "number" and any(name in column.name.casefold() for name in names)
            ]
            pattern = re.compile(rf"(?<![가-힣A-Za-z])(?:{words})(?![가-힣A-Za-z])", re.I)
            if len(fitting) == 1 and (match := pattern.search(self.left)):
                self._blank(*match.span())
                most = re.search(r"(?:가장|제일|most|the)\s?$", self.left[: match.start()], re.I)
                if most or re.search("est$|most|best", match[0], re.I):
                    self.assumed.append("extreme")
                return direction, fitting[0]  # type: ignore[return-value]
        return None, None

    def _direction(self, table: Iterable[tuple[re.Pattern[str], str]]) -> Any:
        return next((direction for pattern, direction in table if self._takes(pattern)), None)

    # Taking out

    def _takes(self, pattern: re.Pattern[str]) -> bool:
        matches = list(pattern.finditer(self.left))
        for match in matches:
            self._blank(*match.span())
        return bool(matches)

    def _blank(self, start: int, end: int) -> None:
        self.left = self.left[:start] + _GONE * (end - start) + self.left[end:]

    def _rest(self) -> tuple[tuple[str, ...], float]:
        """The words nobody took, and the share of the others."""
        words = re.findall(r"[^\s\x00,.?!:;()\[\]{}'\"“”‘’…·~–]+", self.left)
        left = (word for word in words if not say.CARRYING.fullmatch(word) and any(map(str.isalnum, word)))
        unread = (*self.unread, *left)
        taken = len(re.findall(r"\x00+", self.left))
        return unread, round(taken / (taken + len(unread)), 2) if taken else 0.0


@dataclass(frozen=True, slots=True)
class _Asked:
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
    order: str | None
    sort: bool
    limit: int | None
    units: tuple[Unit, ...]


class _Resolver:
    """What the words found mean together."""

    def __init__(
        self,
        table: Table,
        asked: _Asked,
        mentions: Sequence[_Mention],
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
        if groups and aggregate is None:
            aggregate = self._default(measures)
        if aggregate not in (None, "count") and not measures:
            measures = self._only_measure()
            if not measures:
                aggregate = None
        order, order_by, limit = self._order(groups, measures, aggregate)
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

    def _is_ranked_by(self, one: _Mention) -> bool:
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
        named = [one.column for one in self.free if one.column.kind == "text" and one.column.name not in taken]
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
        numeric = [column for column in self.table.columns if _measurable(column)]
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


def _groups_well(*mentions: _Mention) -> bool:
    return all(one.column.kind != "number" or one.marked for one in mentions)


def _measurable(column: Column) -> bool:
    return column.kind == "number" and not say.IDENTIFIERS.search(column.name)


# Names

_Names = Callable[[Column, Table], Iterator[str]]


def _names(column: Column, _: Table) -> Iterator[str]:
    """What a column is called: as written, and without its unit in brackets."""
    bare = re.sub(r"\s*[(\[（].*?[)\]）]", "", column.name).strip()
    for name in dict.fromkeys((column.name, bare)):
        if _telling(name):
            yield _spaced(name)


def _other_names(column: Column, table: Table) -> Iterator[str]:
    """Synonyms, where no other column of the table has a claim on them."""
    for group in say.SYNONYMS:
        fitting = [other for other in table.columns if _in_group(other, group)]
        if fitting == [column]:
            yield from group


def _beginnings(column: Column, table: Table) -> Iterator[str]:
    """매출 for 매출금액, order for order_id: a beginning or an end that belongs to one column only."""
    for part in _parts(column):
        if len(part) > 1 and sum(part in _parts(other) for other in table.columns) == 1:
            yield part


def _parts(column: Column) -> tuple[str, ...]:
    name = _spaced(re.sub(r"\s*[(\[（].*?[)\]）]", "", column.name)).casefold()
    words = name.split()
    if len(words) > 1:
        return tuple(words)
    if "가" <= name[:1] <= "힣" and len(name) >= 3:
        return (name[:2], name[-2:]) if len(name) == 4 else (name[:2],)
    return ()


def _in_group(column: Column, group: Sequence[str]) -> bool:
    return any(name.casefold() in group for name in _names(column, _NO_TABLE))


_NO_TABLE: Final = Table("", "", 0, ())


def _spaced(name: str) -> str:
    return re.sub(r"[_\s-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip()


def _telling(name: str) -> bool:
    """Whether a name can be recognised in a sentence: no bare number, no single letter."""
    bare = name.strip()
    hangul = any("가" <= char <= "힣" for char in bare)
    return (len(bare) > 1 or hangul) and not bare.isdecimal() and not say.CARRYING.fullmatch(bare)


def _named(name: str) -> re.Pattern[str]:
    """A name as people write it: spaces or not, any case, plural, with particles and question words joined to it."""
    words = [re.escape(word) for word in name.split()]
    body = r"[\s_-]?".join(words)
    last = name.strip()[-1:]
    if last.isascii() and last.isalpha():
        stem = body[:-1] + "(?:y|ies)" if last.lower() == "y" else body + "(?:e?s|e?d)?"
        return re.compile(rf"(?<![A-Za-z0-9])(?:{stem})(?:'s)?(?![A-Za-z0-9])", re.I)
    after = say.AFTER if "가" <= last <= "힣" else r"(?![A-Za-z0-9])"
    return re.compile(rf"{say.BEFORE}(?:{body}){after}", re.I)


# Numbers and days


def _amount(written: str, scale: str | None) -> int | float:
    number = float(written.replace(",", "")) * say.SCALES.get((scale or "").strip().lower(), 1)
    return int(number) if number.is_integer() else number


class _Span(NamedTuple):
    """From `start` until before `end`; or, without a year, a `part` of any date ("month", "quarter") and its number."""

    start: date | None = None
    end: date | None = None
    part: str | None = None
    number: int | None = None


def _span(match: re.Match[str], today: date) -> _Span | None:
    groups = {name: value for name, value in match.groupdict().items() if value}
    kind = next(iter(groups), "").split("_")[0].rstrip("23")
    short = {name.split("_")[1]: value for name, value in groups.items()}
    try:
        return _SPAN_READERS[kind](short, today)
    except (ValueError, OverflowError):
        return None


def _year(year: int) -> _Span:
    return _Span(date(year, 1, 1), date(year + 1, 1, 1))


def _month(year: int, month: int, months: int = 1) -> _Span:
    last = year * 12 + month - 1 + months
    return _Span(date(year, month, 1), date(last // 12, last % 12 + 1, 1))


def _day(day: date) -> _Span:
    return _Span(day, day + timedelta(days=1))


def _name_of_month(written: str) -> int:
    return next(number for number, pattern in enumerate(say.MONTH_NAMES, 1) if pattern.fullmatch(written))


def _relative_year(short: Mapping[str, str], today: date) -> _Span:
    back = {"작년": 1, "지난해": 1, "last year": 1, "재작년": 2}.get(short["year"].lower(), 0)
    return _year(today.year - back)


def _relative_month(short: Mapping[str, str], today: date) -> _Span:
    back = 1 if re.match(r"지난|last", short["month"], re.I) else 0
    at = today.year * 12 + today.month - 1 - back
    return _month(at // 12, at % 12 + 1)


def _relative(short: Mapping[str, str], today: date) -> _Span:
    if "year" in short:
        return _relative_year(short, today)
    if "month" in short:
        return _relative_month(short, today)
    return _day(today - timedelta(days=short["day"].lower() in ("어제", "yesterday")))


def _named_month(short: Mapping[str, str], _: date) -> _Span:
    year, month = int(short["y"]), _name_of_month(short["name"])
    return _day(date(year, month, int(short["d"]))) if "d" in short else _month(year, month)


def _part(short: Mapping[str, str], _: date) -> _Span:
    if "q" in short:
        return _Span(part="quarter", number=int(short["q"]))
    return _Span(part="month", number=int(short["m"]) if "m" in short else _name_of_month(short["name"]))


_SPAN_READERS: Final[Mapping[str, Callable[[Mapping[str, str], date], _Span]]] = {
    "d": lambda short, _: _day(date(int(short["y"]), int(short["m"]), int(short["d"]))),
    "q": lambda short, _: _month(int(short["y"]), int(short["q"]) * 3 - 2, 3),
    "m": lambda short, _: _month(int(short["y"]), int(short["m"])),
    "n": _named_month,
    "y": lambda short, _: _year(int(short["y"])),
    "b": lambda short, _: _year(int(short["y"])),
    "r": _relative,
    "p": _part,
}
