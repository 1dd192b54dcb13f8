"""SQL by a model: the tables are described to it as data, what it writes is checked and run like anybody's."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from octo_cli.agents.data.database import Refused
from octo_cli.agents.data.tables import Rows, Table
from octo_cli.errors import UnusableAnswer
from octo_cli.reasoning.base import Models
from octo_cli.reasoning.llm import prompts

_MOST_COLUMNS: Final = 200
_ORDERS: Final = """\
You write one DuckDB SELECT statement that answers `question` about `tables` (names, columns, types, sample values).
- Quote every table and column name with double quotes. Use only the given tables; no files, no URLs, no settings, no
  other statement.
- Give result columns short titles in the language of the question.
- Leave `sql` empty if the tables cannot answer the question."""


class Query(Struct, frozen=True):
    """`sql` is one SELECT, or empty; `explanation` one sentence, in the question's language, on how it was read."""

    sql: str
    explanation: str = ""


class Unanswered(Exception):
    """No SQL came of it; the text says why."""


async def written(
    models: Models, question: str, tables: Sequence[Table], run: Callable[[str], Any]
) -> tuple[Query, Rows]:
    """A query and its rows, after one repair at most. `run` is awaited with the SQL and raises Refused.

    Raises Unanswered; ModelError for what another try may mend.
    """
    messages = prompts.about(_ORDERS, tables=_described(tables), question=question)
    reason = ""
    for _ in range(2):
        try:
            query = await models.structured("planner", messages, Query, name="sql_query")
        except UnusableAnswer as error:
            raise Unanswered(error.code) from error
        if not query.sql.strip():
            raise Unanswered(query.explanation or reason)
        try:
            return query, await run(query.sql)
        except Refused as refused:
            reason = str(refused)
        messages += [
            ("assistant", query.sql),
            ("user", prompts.as_json({"error": reason, "wanted": "the corrected statement"})),
        ]
    raise Unanswered(reason)


def _described(tables: Sequence[Table]) -> list[dict[str, Any]]:
    return [
        {
            "table": table.name,
            "rows": table.rows,
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "samples": [value for value, _ in column.top] or [column.low, column.high],
                }
                for column in table.columns[:_MOST_COLUMNS]
            ],
        }
        for table in tables
    ]
