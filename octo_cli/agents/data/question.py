"""Questions: what a Korean or English question asks of a table, as far as rules can tell. No SQL, no database.

Every word is accounted for: it named a column, a value, a number, a day or what is to be reckoned, or it only carried
the question, or it stands in `Reading.unread`. Whoever shows the answer shows the reading. `spans` reads the days,
`resolving` says what the words found mean together.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any, Final

from octo_cli.agents.data import vocabulary as say
from octo_cli.agents.data.reading import Filter, Order, Reading
from octo_cli.agents.data.resolving import Asked, Mention, Resolver, measurable
from octo_cli.agents.data.spans import Span, span_of
from octo_cli.agents.data.tables import Column, Table
from octo_cli.values.text import half_width, one_line

Values = Mapping[str, Sequence[str]]  # the texts of each text column
_GONE: Final = "\x00"


def read(question: str, tables: Sequence[Table], values: Mapping[str, Values], today: date) -> Reading:
    """The best reading over the tables; `values` by table name. At least one table is given."""
    readings = [_Reader(question, table, values[table.name], today).reading() for table in tables]

    def fit(reading: Reading) -> tuple[Any, ...]:
        return reading.asks, reading.coverage, "only_measure" not in reading.assumed, len(reading.measures)

    best = max(readings, key=fit)
    rivals = tuple(one.table.name for one in readings if one.is_sound and fit(one) == fit(best))
    return replace(best, rivals=rivals) if len(rivals) > 1 else best


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
        if another := say.AGAIN.search(self.left):
            self.unread.append(another[2] or another[4])

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
        who = say.WHO.findall(self.left)
        size = bool(say.SIZES.search(self.left))
        superlative = self._direction(say.SUPERLATIVES) or (adjective if self._takes(say.MOST) else None)
        order = order or self._direction(say.ORDERS)
        sort = self._takes(say.SORT)
        asked = Asked(
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
            size=size,
            order=order,
            sort=sort,
            limit=limit,
            units=tuple(units),
        )
        if by_adjective:
            mentions.append(Mention(by_adjective, 0, 0))
        found = Resolver(self.table, asked, mentions, self.filters, self.assumed).reading(*self._rest())
        if who and found.aggregate and not found.groups:
            return replace(found, unread=tuple(dict.fromkeys((*found.unread, *who))))
        return found

    # Finding

    def _mentions(self, *ways: "_Names", found: Sequence[Mention] = ()) -> list[Mention]:
        """The columns named in one of these `ways`, earlier ways first, beside those already `found`."""
        found = list(found)
        for names in ways:
            missing = [column for column in self.table.columns if all(one.column is not column for one in found)]
            pairs = [(name, column) for column in missing for name in names(column, self.table)]
            # The longest name first, so that 매출액 is never read as 매출.
            for name, column in sorted(pairs, key=lambda pair: -len(pair[0])):
                matches = list(_named(name).finditer(self.left))
                if len(name) == 1 and say.CARRYING.fullmatch(name):
                    matches = [match for match in matches if say.GROUP_BEFORE.search(self.left[: match.start()])]
                found += [self._mention(column, match) for match in matches]
        found.sort(key=lambda one: one.start)
        for before, after in pairwise(found):
            # "by region and product", "지역, 상품별": what is listed together is grouped together.
            between = self.left[before.end : after.start]
            if before.marked != after.marked and say.LISTED.fullmatch(between) and _groups_well(before, after):
                before.marked = after.marked = True
        return found

    def _mention(self, column: Column, match: re.Match[str]) -> Mention:
        start, end = match.span()
        after, before = say.GROUP_AFTER.match(self.left, end), say.GROUP_BEFORE.search(self.left[:start])
        marked = bool(after or before) or (column.name.endswith("별") and column.kind == "text")
        self._blank(before.start() if before else start, after.end() if after else end)
        return Mention(column, start, after.end() if after else end, marked)

    def _find_values(self, mentions: Sequence[Mention]) -> None:
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

    def _find_spans(self, mentions: Sequence[Mention]) -> None:
        column = self._date_column(mentions)
        year = next((one for one in self.table.columns if one.kind == "number" and say.YEARS.search(one.name)), None)
        if column is None and year is None:
            return
        for match in list(say.SPANS.finditer(self.left)):
            span = span_of(match, self.today)
            if span is None or (column is None and (year is None or not match.lastgroup or span.part)):
                continue
            if column is not None:
                self._filter_span(match, span, column)
            elif year is not None and span.start and (span.start.month, span.start.day) == (1, 1):
                self.filters.append(Filter(year, self._relation(match) or "=", span.start.year))

    def _filter_span(self, match: re.Match[str], span: Span, column: Column) -> None:
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

    def _date_column(self, mentions: Sequence[Mention]) -> Column | None:
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

    def _find_comparisons(self, mentions: Sequence[Mention]) -> None:
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

    def _compared(self, match: re.Match[str], mentions: Sequence[Mention], *, near: bool = False) -> Column | None:
        """The column a number is held against: the one named nearest before it, else after it, else the only one."""
        numeric = [one for one in mentions if one.column.kind == "number" and not one.marked]
        before = [one for one in numeric if 0 <= match.start() - one.end <= (4 if near else 60)]
        after = [one for one in numeric if 0 <= one.start - match.end() <= 20]
        only = [column for column in self.table.columns if measurable(column)]
        mention = before[-1] if before else after[0] if after and not near else None
        if mention is None and (near or len(only) != 1):
            return None
        if mention and self._is_reckoned(mention, match):
            return None  # A condition on the groups' figures, not on the rows.
        column = mention.column if mention else only[0]
        self._blank(*match.span())
        return column

    def _is_reckoned(self, one: Mention, match: re.Match[str]) -> bool:
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


def _groups_well(*mentions: Mention) -> bool:
    return all(one.column.kind != "number" or one.marked for one in mentions)


# Names

_Names = Callable[[Column, Table], Iterator[str]]


def _names(column: Column, _: Table) -> Iterator[str]:
    """What a column is called: as written, and without its unit in brackets."""
    bare = re.sub(r"\s*[(\[（].*?[)\]）]", "", column.name).strip()
    for name in dict.fromkeys((column.name, bare)):
        # "value" and "time" carry many a question, but not where a column is called so.
        if _telling(name) or (name.isalpha() and (name.isascii() or len(name) > 1)):
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


def _amount(written: str, scale: str | None) -> int | float:
    # No thousands end behind 1,5.
    plain = re.sub(r"^(-?\d+),(\d{1,2}|\d{4,})$", r"\1.\2", written).replace(",", "")
    number = float(plain) * say.SCALES.get((scale or "").strip().lower(), 1)
    return int(number) if number.is_integer() else number
