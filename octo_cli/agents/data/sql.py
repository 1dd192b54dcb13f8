"""SQL for a reading of a question. Names and texts are quoted here and nowhere else; nothing is run."""

from typing import Any, Final

from octo_cli.agents.data.reading import Filter, Group, Reading
from octo_cli.agents.data.tables import quoted
from octo_cli.i18n import Words

_FUNCTIONS: Final = {"sum": "sum", "avg": "avg", "median": "median", "min": "min", "max": "max"}
_FORMATS: Final = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


def sql_of(reading: Reading, say: Words) -> str:
    """One SELECT, a clause a line. Column titles are in the language of `say`."""
    if reading.aggregate is None:
        return _listing(reading)
    if reading.share and not reading.groups and reading.filters:
        return _part_of_whole(reading, say)
    groups = [(_bucket(group), title_of(group, say)) for group in reading.groups]
    measures = measures_of(reading, say)
    titled = [f"{expression} AS {quoted(title)}" for expression, title in (*groups, *measures)]
    first = measures[0][0]
    if reading.share and groups:
        titled.append(f"round(100.0 * {first} / sum({first}) OVER (), 1) AS {quoted(say('data.title_share'))}")
    lines = [f"SELECT {', '.join(titled)}", f"FROM {quoted(reading.table.name)}", *_where(reading.filters)]
    if groups:
        numbers = ", ".join(str(index) for index in range(1, len(groups) + 1))
        lines += [f"GROUP BY {numbers}", f"ORDER BY {_order(reading, len(groups))}"]
        if reading.limit:
            lines.append(f"LIMIT {reading.limit}")
    return "\n".join(lines)


def measures_of(reading: Reading, say: Words) -> list[tuple[str, str]]:
    """What is reckoned: each an expression and its title."""
    if reading.aggregate in (None, "count"):
        if reading.distinct:
            title = say("data.title_distinct", column=reading.distinct.name)
            return [(f"count(DISTINCT {quoted(reading.distinct.name)})", title)]
        return [("count(*)", say("data.title_count"))]
    function = _FUNCTIONS[reading.aggregate or "sum"]
    return [
        (f"{function}({quoted(column.name)})", say(f"data.title_{reading.aggregate}", column=column.name))
        for column in reading.measures
    ]


def title_of(group: Group, say: Words) -> str:
    return say(f"data.unit_{group.unit}", column=group.column.name) if group.unit else group.column.name


def condition(one: Filter) -> str:
    """A filter as SQL."""
    name = quoted(one.column.name)
    if one.op in ("month", "quarter"):
        return f"{one.op}({name}) = {int(one.value)}"
    if one.op in ("in", "not in"):
        listed = f"{name} {one.op.upper()} ({', '.join(map(_literal, one.value))})"
        # A blank is not one of those that were left out.
        return listed if one.op == "in" else f"({listed} OR {name} IS NULL)"
    if one.op == "<>":
        return f"{name} IS DISTINCT FROM {_literal(one.value)}"
    value = f"DATE {_literal(one.value)}" if one.column.kind == "date" else _literal(one.value)
    return f"{name} {one.op} {value}"


def _listing(reading: Reading) -> str:
    months = [f"{_bucket(Group(one))} AS {quoted(one.name)}" for one in reading.table.columns if one.months]
    every = f"SELECT * REPLACE ({', '.join(months)})" if months else "SELECT *"
    lines = [every, f"FROM {quoted(reading.table.name)}", *_where(reading.filters)]
    if reading.order_by:
        lines.append(f"ORDER BY {quoted(reading.order_by.name)} {(reading.order or 'desc').upper()} NULLS LAST")
    if reading.limit:
        lines.append(f"LIMIT {reading.limit}")
    return "\n".join(lines)


def _part_of_whole(reading: Reading, say: Words) -> str:
    expression, title = measures_of(reading, say)[0]
    part = f"{expression} FILTER (WHERE {' AND '.join(map(condition, reading.filters))})"
    return (
        f"SELECT {part} AS {quoted(title)},\n"
        f"       {expression} AS {quoted(say('data.title_whole'))},\n"
        f"       round(100.0 * {part} / {expression}, 1) AS {quoted(say('data.title_share'))}\n"
        f"FROM {quoted(reading.table.name)}"
    )


def _where(filters: tuple[Filter, ...]) -> list[str]:
    return [f"WHERE {' AND '.join(map(condition, filters))}"] if filters else []


def _bucket(group: Group) -> str:
    name = quoted(group.column.name)
    unit = "month" if group.column.months and group.unit in (None, "day", "week") else group.unit
    if unit == "quarter":
        return f"year({name}) || '-Q' || quarter({name})"
    if unit == "week":
        return f"strftime(date_trunc('week', {name}), '%Y-%m-%d')"
    return f"strftime({name}, '{_FORMATS[unit]}')" if unit else name


def _order(reading: Reading, groups: int) -> str:
    """By the measure where an order is asked for; in time by time; else the largest first."""
    timely = reading.groups[0].unit is not None or reading.groups[0].column.kind == "date"
    if reading.order is None and (timely or groups > 1 or reading.groups[0].column.kind == "number"):
        return ", ".join(str(index) for index in range(1, groups + 1))
    return f"{groups + 1} {(reading.order or 'desc').upper()} NULLS LAST, 1"


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
