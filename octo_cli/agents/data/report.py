"""What a person is told: profile, how the question was read, the SQL, the table of its rows, remarks, insights."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from octo_cli.agents.data.reading import Filter, Reading
from octo_cli.agents.data.sql import measures_of, title_of
from octo_cli.agents.data.tables import Column, Rows, Table, kind_of
from octo_cli.agents.data.vocabulary import IDENTIFIERS, YEARS
from octo_cli.i18n import Words
from octo_cli.ui.cells import clip, pad, width
from octo_cli.values.markdown import escape_cell
from octo_cli.values.text import one_line
from octo_cli.wire.work import Insight

MOST_SHOWN: Final = 20
_MOST_COLUMNS: Final = 12
_WIDEST_CELL: Final = 40
_MOST_PROFILED: Final = 40
# From these shares on a fact is worth a sentence.
_MUCH: Final = 0.4
_MANY_BLANK: Final = 0.2


def rows_block(rows: Rows, say: Words) -> str:
    """The first rows as a Markdown table, and how many more there are."""
    if not rows.rows:
        return say("data.no_rows")
    shown = rows.rows[:MOST_SHOWN]
    names, types = rows.columns[:_MOST_COLUMNS], rows.types[:_MOST_COLUMNS]
    numeric = [kind_of(type_) == "number" for type_ in types]
    cells = [[shown_cell(value, name) for value, name in zip(row, names, strict=False)] for row in shown]
    lines = [table_block(names, cells, numeric)]
    more = len(rows.rows) - len(shown)
    if rows.more:
        lines.append(say("data.many_more", shown=len(shown), known=f"{len(rows.rows):,}"))
    elif more:
        lines.append(say("data.more_rows", n=f"{more:,}"))
    if len(rows.columns) > _MOST_COLUMNS:
        lines.append(say("data.more_columns", n=len(rows.columns) - _MOST_COLUMNS))
    return "\n\n".join(lines)


def table_block(names: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """A Markdown table that is aligned as plain text, too."""
    header = [clip(escape_cell(name), _WIDEST_CELL) for name in names]
    widths = [max(3, *(width(cell) for cell in column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * (cells - 1) + ":" if right else "-" * cells for cells, right in zip(widths, numeric, strict=True)]
    lines = [_line(header, widths, numeric), f"| {' | '.join(rule)} |"]
    return "\n".join([*lines, *(_line(row, widths, numeric) for row in rows)])


def shown_cell(value: Any, column: str = "") -> str:
    """A cell of a table for a person; text in it forges no structure."""
    return escape_cell(shown(value, column))


def shown(value: Any, column: str = "") -> str:
    """A value for a person, on one line: numbers grouped, a year and an identifier not."""
    match value:
        case None:
            return "–"
        case bool():
            return str(value).lower()
        case int():
            return str(value) if YEARS.search(column) or IDENTIFIERS.search(column) else f"{value:,}"
        case float():
            return number(value)
        case _:
            return clip(one_line(str(value)), _WIDEST_CELL)


def number(value: float) -> str:
    """Two decimals, more for what is smaller than one."""
    text = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def profile_block(table: Table, say: Words) -> str:
    """A table's columns with what was measured."""
    headers = [say(f"data.head_{name}") for name in ("column", "type", "blank", "distinct", "range", "typical")]
    rows = [_profiled(column, say) for column in table.columns[:_MOST_PROFILED]]
    lines = [
        say("data.profile", table=escape_cell(table.name), rows=f"{table.rows:,}", columns=len(table.columns)),
        table_block(headers, rows, [False, False, True, True, False, False]),
    ]
    if len(table.columns) > _MOST_PROFILED:
        lines.append(say("data.more_columns", n=len(table.columns) - _MOST_PROFILED))
    return "\n\n".join(lines)


def profile_data(table: Table) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "table": table.name,
        "source": table.source,
        "rows": table.rows,
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "type": column.type,
                "nulls": column.nulls,
                "distinct": column.distinct,
                "min": column.low,
                "max": column.high,
                "mean": column.mean,
                "outliers": column.outliers,
                "top": [list(pair) for pair in column.top],
            }
            for column in table.columns
        ],
    }


def remarks(tables: Sequence[Table], say: Words) -> Iterator[str]:
    for table in tables:
        for key, values in table.remarks:
            safe = {name: escape_cell(one) if isinstance(one, str) else f"{one:,}" for name, one in values.items()}
            yield say(f"data.{key}", **safe)


def told(reading: Reading, say: Words) -> str:
    """How a question was read, in words."""
    parts = []
    if reading.aggregate:
        titles = ", ".join(escape_cell(title) for _, title in measures_of(reading, say))
        parts.append(say("data.read_measure", measure=titles))
    if reading.groups:
        titles = ", ".join(escape_cell(title_of(one, say)) for one in reading.groups)
        parts.append(say("data.read_groups", groups=titles))
    if reading.filters:
        parts.append(say("data.read_filters", filters=", ".join(_filtered(one, say) for one in reading.filters)))
    if reading.order_by or (reading.order and reading.groups):
        by = reading.order_by.name if reading.order_by else measures_of(reading, say)[0][1]
        parts.append(say(f"data.read_{reading.order or 'desc'}", column=escape_cell(by)))
    if reading.limit:
        parts.append(say("data.read_limit", n=reading.limit))
    if reading.share:
        parts.append(say("data.read_share"))
    if not parts:
        parts.append(say("data.read_rows"))
    return say("data.read", table=escape_cell(reading.table.name), parts=" · ".join(parts))


def examples(table: Table, say: Words) -> list[str]:
    """Questions about this very table that are understood."""
    numbers = [one for one in table.columns if one.kind == "number" and not IDENTIFIERS.search(one.name)]
    texts = [one for one in table.columns if one.kind == "text" and 1 < one.distinct <= max(50, table.rows // 2)]
    dates = [one for one in table.columns if one.kind == "date"]
    found = []
    if numbers and texts:
        values = {"number": escape_cell(numbers[0].name), "text": escape_cell(texts[0].name)}
        found += [say("data.example_groups", **values), say("data.example_top", **values)]
    if numbers and dates:
        found.append(say("data.example_months", number=escape_cell(numbers[0].name)))
    if numbers:
        found.append(say("data.example_mean", number=escape_cell(numbers[0].name)))
    if texts:
        found.append(say("data.example_count", text=escape_cell(texts[0].name)))
    return found[:4] or [say("data.example_rows")]


def insights_of(reading: Reading | None, rows: Rows, tables: Sequence[Table], say: Words) -> tuple[Insight, ...]:
    """Facts that were measured, nothing else: a group's share, the way of a series, columns with gaps and outliers."""
    if reading is None:
        return tuple(_about_columns(tables, say))
    if len(reading.groups) != 1 or reading.limit or rows.more or len(rows.rows) < 2 or len(reading.measures) > 1:
        return ()
    values = [row[1] for row in rows.rows]
    if not all(isinstance(value, int | float) for value in values):
        return ()
    if reading.groups[0].unit:
        return tuple(_about_series(rows, say))
    return tuple(_about_shares(reading, rows, say))


def _about_shares(reading: Reading, rows: Rows, say: Words) -> Iterator[Insight]:
    values = [float(row[1]) for row in rows.rows]
    if reading.aggregate not in ("sum", "count") or reading.distinct or min(values) < 0 or sum(values) <= 0:
        return
    best = max(range(len(values)), key=values.__getitem__)
    share = values[best] / sum(values)
    name = shown(rows.rows[best][0])
    yield Insight(
        "data",
        say("data.insight_share", name=name, measure=rows.columns[1], percent=f"{100 * share:.1f}"),
        "high" if share >= _MUCH else "medium",
    )


def _about_series(rows: Rows, say: Words) -> Iterator[Insight]:
    series = sorted((row for row in rows.rows if row[0] is not None), key=lambda row: str(row[0]))
    if len(series) < 2 or not series[0][1]:
        return
    (first, *_), (last, *_) = series[0], series[-1]
    change = 100 * (series[-1][1] - series[0][1]) / abs(series[0][1])
    peak = max(series, key=lambda row: row[1])
    yield Insight("data", say("data.insight_change", first=first, last=last, percent=f"{change:+.1f}"))
    yield Insight("data", say("data.insight_peak", when=peak[0], value=shown(peak[1])), "low")


def _about_columns(tables: Sequence[Table], say: Words) -> Iterator[Insight]:
    for table in tables:
        for column in table.columns:
            values = {"table": table.name, "column": column.name}
            if table.rows and column.nulls / table.rows >= _MANY_BLANK:
                percent = f"{100 * column.nulls / table.rows:.1f}"
                yield Insight("data", say("data.insight_blank", **values, percent=percent))
            if column.outliers:
                yield Insight("data", say("data.insight_outliers", **values, n=f"{column.outliers:,}"))


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (
        " " * (room - width(cell)) + cell if right else pad(cell, room)
        for cell, room, right in zip(cells, widths, numeric, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _profiled(column: Column, say: Words) -> list[str]:
    between = ""
    if column.low is not None:
        between = f"{shown_cell(column.low, column.name)} ~ {shown_cell(column.high, column.name)}"
    typical = ", ".join(f"{shown_cell(value)} ({count:,})" for value, count in column.top[:3])
    if column.mean is not None and not IDENTIFIERS.search(column.name):
        typical = say("data.mean", value=number(column.mean))
    return [
        escape_cell(clip(column.name, _WIDEST_CELL)),
        say(f"data.kind_{column.kind}"),
        f"{column.nulls:,}",
        f"{column.distinct:,}",
        between,
        typical,
    ]


def _filtered(one: Filter, say: Words) -> str:
    values = one.value if isinstance(one.value, tuple) else (one.value,)
    value = ", ".join(shown_cell(each, one.column.name) for each in values)
    return say(f"data.op_{_OPS[one.op]}", column=escape_cell(one.column.name), value=value)


_OPS: Final = {
    "=": "is", "<>": "is_not", "in": "is", "not in": "is_not", "<": "below", "<=": "most", ">": "above", ">=": "least",
    "month": "month", "quarter": "quarter",
}  # fmt: skip
