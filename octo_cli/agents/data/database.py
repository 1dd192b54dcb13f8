"""The database: tables are loaded into memory, which is then locked and asked. No question, no sentence.

What a model, a question or a file says reaches DuckDB only after the lock: one SELECT at a time, over the loaded tables
and nothing else, in a read-only transaction, with a bound on memory, time and rows.
"""

import atexit
import gc
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from octo_cli.agents.data import rows as read
from octo_cli.agents.data.loading import Loader
from octo_cli.agents.data.tables import Column, Rows, Table, plain, quoted
from octo_cli.errors import Failed
from octo_cli.settings import DataSettings

# The process ends with its memory frozen; DuckDB's binding would take what nobody searched for leaks and print them.
atexit.register(gc.unfreeze)

_ALLOWED_SOURCES: Final = frozenset({"unnest", "range", "generate_series"})
# They make a text of any length out of nothing, and such texts do not count against DuckDB's memory limit.
_REFUSED_FUNCTIONS: Final = frozenset(
    (
        *("repeat", "lpad", "rpad", "list_resize", "array_resize", "format", "printf", "bar"),
        *("current_setting", "getenv", "getvariable", "write_log"),
    )
)


class Refused(Exception):
    """SQL that is not run, or that DuckDB could not run; the text says why, for whoever wrote it."""


@dataclass
class Database:
    """DuckDB in memory. Used from one thread at a time; a context manager.

    Loading raises Failed: data_unreadable, data_empty, data_too_large, data_too_slow, data_too_much.
    """

    bounds: DataSettings
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._duck = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{self.bounds.memory_mb}MiB",
                "threads": 2,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            },
        )
        self._locked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._duck.close()

    def stop(self) -> None:
        """End whatever runs; from any thread."""
        self._duck.interrupt()

    def load(self, path: Path) -> None:
        """Every table of a file, typed and measured."""
        with self._loading() as loader:
            loader.load(path)

    def load_rows(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table an earlier step handed on."""
        with self._loading() as loader:
            loader.load_sheets(name, name, read.recorded(columns, rows))

    def lock(self) -> None:
        """From here on DuckDB reaches no file, no network, no extension, and no setting can be changed."""
        for setting in ("enable_external_access = false", "lock_configuration = true"):
            self._duck.execute(f"SET {setting}")
        self._locked = True

    def select(self, sql: str, most: int) -> Rows:
        """The first `most` rows of one SELECT over the loaded tables.

        Raises Refused with the reason for any other SQL, Failed: data_too_slow, data_too_much.
        """
        assert self._locked, "lock before anything but a file is run"
        checked = self._checked(sql)
        with self._bounded():
            try:
                self._duck.execute("BEGIN TRANSACTION READ ONLY")
                result = self._duck.execute(checked)
                columns = [(str(name), str(kind)) for name, kind, *_ in result.description or ()]
                found = result.fetchmany(most + 1)
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise
            except (duckdb.Error, UnicodeError, OverflowError, ValueError) as error:
                raise Refused(_first_line(error)) from error
            finally:
                with suppress(duckdb.Error):
                    self._duck.execute("ROLLBACK")
        return Rows(
            tuple(name for name, _ in columns),
            tuple(kind for _, kind in columns),
            tuple(tuple(map(plain, row)) for row in found[:most]),
            more=len(found) > most,
        )

    def values_of(self, table: Table, column: Column, most: int) -> tuple[str, ...]:
        """The different texts of a column, most frequent first."""
        cell = quoted(column.name)
        found = self._duck.execute(
            f"SELECT {cell} FROM {quoted(table.name)} WHERE {cell} IS NOT NULL"
            f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {most}"
        ).fetchall()
        return tuple(str(value) for (value,) in found)

    # What may be run

    def _checked(self, sql: str) -> str:
        """`sql` if DuckDB's own parser finds one SELECT in it that reads the loaded tables only."""
        try:
            statements = self._duck.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise Refused("only one SELECT statement may be run")
            tree = json.loads(self._duck.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0])
        # A text with half a surrogate pair is no text to DuckDB, and so a TypeError.
        except (duckdb.Error, UnicodeError, TypeError, RecursionError) as error:
            raise Refused(_first_line(error)) from error
        if tree["error"]:
            raise Refused(str(tree.get("error_message", "it cannot be read")))
        nodes = list(_nodes(tree["statements"]))
        known = {table.name.casefold() for table in self.tables} | {
            str(entry["key"]).casefold() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]
        }
        for node in nodes:
            if reason := _refusal(node, known):
                raise Refused(reason)
        return sql

    # Bounds

    @contextmanager
    def _loading(self) -> Iterator[Loader]:
        timeout = self.bounds.timeout
        with self._bounded():
            yield Loader(self._duck, self.tables, timeout, time.monotonic() + timeout)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Within the bounds of time and memory."""
        timer = threading.Timer(self.bounds.timeout, self._duck.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise Failed("data_too_slow", seconds=f"{self.bounds.timeout:g}") from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise Failed("data_too_much", memory=self.bounds.memory_mb) from error
        finally:
            timer.cancel()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


def _refusal(node: Mapping[str, Any], known: set[str]) -> str | None:
    """Why a node of a parsed SELECT may not be run, or None."""
    match node:
        case {"type": "BASE_TABLE", "qualified_name": {"path": [*path]}}:
            if len(path) != 1 or str(path[0]).strip('"').replace('""', '"').casefold() not in known:
                return f"there is no table {'.'.join(map(str, path))}"
        case {"type": "TABLE_FUNCTION", "function": {"function_name": name}} if name not in _ALLOWED_SOURCES:
            return f"the function {name} may not be used"
        case {"type": "SHOW_REF"}:
            return "only a plain SELECT may be run"
        case {"class": "FUNCTION", "function_name": name} if name in _REFUSED_FUNCTIONS:
            return f"the function {name} may not be used"
    return None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:300]
