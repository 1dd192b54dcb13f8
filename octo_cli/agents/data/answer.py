"""One answer: what was asked of the tables, what came of it, and how it is put to a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from octo_cli.agents.data import charts, report
from octo_cli.agents.data.database import Database, Refused
from octo_cli.agents.data.question import read
from octo_cli.agents.data.reading import Reading
from octo_cli.agents.data.sql import measures_of, sql_of
from octo_cli.agents.data.tables import Rows, Table
from octo_cli.agents.data.vocabulary import CARRYING, PICTURE, PROFILE
from octo_cli.agents.data.written import Query
from octo_cli.agents.kit import Done, Kit
from octo_cli.agents.tools import fenced
from octo_cli.documents.files import write_once
from octo_cli.i18n import Words
from octo_cli.values.markdown import escape_cell
from octo_cli.values.text import one_line

# Rows kept in `data`, which is saved with the thread; and different texts of a column that are looked for.
MOST_KEPT: Final = 1000
_MOST_VALUES: Final = 2000
_MOST_DISTINCT: Final = 5000
_NOTHING: Final = Rows((), (), ())


@dataclass(frozen=True, slots=True)
class Answer:
    """`by` is None when no question was asked or none could be read; `reading` is that of the rules."""

    tables: tuple[Table, ...]
    by: Literal["rules", "model"] | None = None
    sql: str = ""
    rows: Rows = _NOTHING
    reading: Reading | None = None
    query: Query | None = None
    failure: str = ""


def asks_more_than_a_profile(question: str) -> bool:
    """Whether anything but "look at it" is said."""
    return any(not CARRYING.fullmatch(word) for word in PROFILE.sub(" ", question).strip(" .?!,").split())


def by_model(query: Query, rows: Rows, database: Database) -> Answer:
    return Answer(tuple(database.tables), "model", query.sql.strip(), rows, query=query)


def by_rules(question: str, database: Database, today: date, say: Words, failure: str = "") -> Answer:
    """The answer of the offline mind; `failure` is why a model gave none."""
    tables = tuple(database.tables)
    values = {
        table.name: {
            column.name: database.values_of(table, column, _MOST_VALUES)
            for column in table.columns
            if column.kind == "text" and column.distinct <= _MOST_DISTINCT
        }
        for table in tables
    }
    reading = read(question, tables, values, today)
    if not reading.is_sound:
        return Answer(tables, reading=reading, failure=failure)
    sql = sql_of(reading, say)
    try:
        rows = database.select(sql, MOST_KEPT)
    except Refused as refused:
        return Answer(tables, reading=reading, failure=str(refused))
    return Answer(tables, "rules", sql, rows, reading, failure=failure)


def shown(answer: Answer, paths: Sequence[Path], remark: str | None, kit: Kit, say: Words, said: str) -> Done:
    """The step's result, its picture written if one was asked for."""
    chart = _chart(answer, say)
    picture, told_of_it = _saved(chart, kit, say, said)
    blocks = [
        block
        for block in (
            remark,
            *_unused(answer, say),
            *_blocks(answer, chart, say),
            told_of_it,
            *report.remarks(answer.tables, say),
        )
        if block
    ]
    return Done(
        "\n\n".join(blocks),
        data={
            "by": answer.by,
            "files": [str(path) for path in paths],
            "sql": answer.sql,
            "columns": list(answer.rows.columns),
            "rows": [list(row) for row in answer.rows.rows],
            "more": answer.rows.more,
            "profile": [report.profile_data(table) for table in answer.tables],
            "chart": str(picture) if picture else None,
            "unread": [*answer.reading.unread, *(one.name for one in answer.reading.idle)] if answer.reading else [],
        },
        insights=report.insights_of(answer.reading if answer.by else None, answer.rows, answer.tables, say)
        if answer.by != "model"
        else (),
        confidence=_confidence(answer),
    )


def _blocks(answer: Answer, chart: charts.Chart | None, say: Words) -> Iterator[str]:
    if answer.failure:
        yield say("data.model_failed", reason=escape_cell(answer.failure))
    if answer.by is None:
        yield from _profiles(answer, say)
        return
    if answer.query and answer.query.explanation:
        yield say("data.by_model", explanation=escape_cell(one_line(answer.query.explanation)))
    if answer.reading:
        yield report.told(answer.reading, say)
        yield from (say(f"data.{key}") for key in answer.reading.assumed)
    yield report.rows_block(answer.rows, say)
    if chart:
        yield fenced(charts.drawn(chart), "text")
    yield fenced(answer.sql, "sql")


def _profiles(answer: Answer, say: Words) -> Iterator[str]:
    reading = answer.reading
    if reading and (reading.asks or reading.unread) and not reading.profile:
        yield from _reasons(reading, say)
    for table in answer.tables[:5]:
        yield report.profile_block(table, say)
    if len(answer.tables) > 5:
        yield say("data.more_tables", names=_listed([table.name for table in answer.tables[5:]]))
    largest = max(answer.tables, key=lambda table: table.rows)
    yield "\n".join([say("data.try"), "", *(f"- {example}" for example in report.examples(largest, say))])


def _reasons(reading: Reading, say: Words) -> Iterator[str]:
    """Why a question was not answered."""
    for column in reading.idle:
        key = "not_numbers" if column.kind == "text" else "not_used"
        values = _listed([value for value, _ in column.top])
        yield say(f"data.{key}", column=escape_cell(column.name), values=values)
    if reading.unread:
        yield say("data.not_read", words=_listed(reading.unread))
    elif reading.rivals:
        yield say("data.several_tables", names=_listed(reading.rivals))
    elif not reading.idle:
        yield say("data.not_asked")


def _unused(answer: Answer, say: Words) -> Iterator[str]:
    """The files an answer by rules did not look at."""
    if answer.by == "rules" and answer.reading:
        used = answer.reading.table.source
        others = dict.fromkeys(table.source for table in answer.tables if table.source != used)
        if others:
            yield say("data.unused_files", used=escape_cell(used), names=_listed(list(others)))


def _chart(answer: Answer, say: Words) -> charts.Chart | None:
    if answer.by is None or not answer.rows.rows:
        return None
    reading = answer.reading
    if reading is None:
        timely = charts.is_timely([row[0] for row in answer.rows.rows])
        title = answer.rows.columns[-1] if len(answer.rows.columns) > 1 else ""
        return charts.chart_of(answer.rows, one_line(title), timely=timely)
    if not reading.groups:
        return None
    first = reading.groups[0]
    measure = measures_of(reading, say)[0][1]
    groups = (say(f"data.by_{group.unit}") if group.unit else group.column.name for group in reading.groups)
    title = say("data.title_chart", measure=measure, groups=", ".join(groups))
    timely = (first.unit is not None or first.column.kind == "date") and reading.order is None
    return charts.chart_of(answer.rows, one_line(title), timely=timely)


def _saved(chart: charts.Chart | None, kit: Kit, say: Words, said: str) -> tuple[Path | None, str | None]:
    """The picture's file when the person asked for one, and what is said of it.

    Only the person's own words count: no plan, page or model can have a file written.
    """
    wanted = PICTURE.search(said)
    if not wanted:
        return None, None
    if chart is None:
        return None, say("data.no_chart")
    kind: charts.PictureKind = "svg" if "svg" in said.lower() else "png"
    made = charts.picture(chart, kind)
    path = write_once(kit.settings.documents / f"{_file_name(chart.title)}.{made.kind}", made.content)
    key = "data.saved" if made.kind == kind else "data.saved_without_font"
    return path, say(key, path=str(path))


def _file_name(title: str) -> str:
    kept = "".join(char if char.isalnum() else "-" for char in title)
    return "-".join(part for part in kept.split("-") if part)[:60] or "chart"


def _confidence(answer: Answer) -> float | None:
    """How much of the question was understood; a model does not say how sure it is."""
    if answer.by == "rules" and answer.reading:
        return round(max(0.1, answer.reading.coverage - 0.1 * len(answer.reading.assumed)), 2)
    if answer.by is None and answer.reading and (answer.reading.unread or answer.reading.asks):
        return 0.1
    return None


def _listed(names: Sequence[Any]) -> str:
    shown_names = [f"“{escape_cell(one_line(str(name))[:40])}”" for name in names[:8]]
    return ", ".join(shown_names) + ("…" if len(names) > 8 else "")
