"""Loading: what a file holds becomes tables of DuckDB, each column of its kind and measured. Nothing is asked here."""

import csv
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from octo_cli.agents.data import rows as read
from octo_cli.agents.data.tables import Column, Remark, Table, kind_of, plain, quoted
from octo_cli.errors import Failed

BY_DUCKDB: Final = {
    ".parquet": "read_parquet(?)",
    ".json": "read_json(?, maximum_object_size=268435456)",
    ".ndjson": "read_json(?, format='newline_delimited')",
    ".jsonl": "read_json(?, format='newline_delimited')",
}
SUFFIXES: Final = (*read.READERS, *BY_DUCKDB)
# Megabytes a file may have. Cells of text are read one by one; Parquet is not, and holds far more a megabyte.
_MOST_BYTES: Final = {".parquet": 1024 << 20}
_MOST_BYTES_OF_TEXT: Final = 256 << 20
_MOST_COLUMNS: Final = 1000
_BATCH: Final = 1000  # rows copied at once
_TOP: Final = 5

# How a column of text is read. A cell that is none of a column's kind becomes NULL and is counted.
_BLANK: Final = r"lower(trim({c})) IN ('', '-', '–', '—', 'n/a', 'na', 'null', 'none', 'nan', '#n/a', 'nil')"
_NUMBER: Final = (
    r"^\(?[-+−]?\s?[₩￦$€£¥]?\s?[-+−]?(\d{1,3}(,\d{3})+|\d{1,15})?(\.\d+)?([eE][-+]?\d{1,2})?"
    r"\s?(원|달러|won|KRW|USD|EUR|%|개|명|건|세|점)?\)?$"
)
_DIGITS: Final = (
    r"CASE WHEN regexp_matches(trim({c}), '" + _NUMBER + r"') AND regexp_matches({c}, '\d') THEN"
    r" (CASE WHEN regexp_matches(trim({c}), '^\(|^[₩￦$€£¥]?\s?[-−]') THEN '-' ELSE '' END)"
    r" || regexp_replace(regexp_replace(trim({c}), '(원|달러|won|KRW|USD|EUR|%|개|명|건|세|점)?\)?$', ''),"
    r" '[^0-9.eE]|^\(?[-−]|e$', '', 'g') END"
)
_YEAR_FIRST: Final = r"^(\d{4})\s?[-./년]\s?(\d{1,2})\s?[-./월]\s?(\d{1,2})\s?[일.]?"
_CLOCK: Final = r"[T ]\s?(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(?:Z|[+-]\d{2}:?\d{2})?"
_ONE_MONTH: Final = r"^(?:(\d{4})[-/](\d{1,2})|(\d{4})년\s?(\d{1,2})월)$"
_DAY_FIRST: Final = r"^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$"
_MONTH_FIRST: Final = r"^(\d{1,2})/(\d{1,2})/(\d{4})$"
_COMPACT: Final = r"^((?:19|20)\d{2})(\d{2})(\d{2})$"
_DATE_NAMES: Final = ("일자", "날짜", "date", "day", "일시", "년월일")


class _Typed(NamedTuple):
    """A way to read a column of text: DuckDB's type, the expression over `{c}`, words its name must hold, a remark."""

    type: str
    expression: str
    names: tuple[str, ...] = ()
    remark: str | None = None
    months: bool = False

    def over(self, cell: str) -> str:
        return self.expression.replace("{c}", cell)


_READINGS: Final = (
    _Typed("DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_YEAR_FIRST}$', '\1-\2-\3') AS DATE)"),
    _Typed(
        "TIMESTAMP", rf"try_cast(regexp_replace(trim({{c}}), '{_YEAR_FIRST}{_CLOCK}$', '\1-\2-\3 \4') AS TIMESTAMP)"
    ),
    _Typed("DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_ONE_MONTH}', '\1\3-\2\4-01') AS DATE)", months=True),
    _Typed("DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_DAY_FIRST}', '\3-\2-\1') AS DATE)"),
    _Typed("DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_COMPACT}', '\1-\2-\3') AS DATE)", _DATE_NAMES),
    _Typed(
        "DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_MONTH_FIRST}', '\3-\1-\2') AS DATE)", remark="month_first"
    ),
    _Typed("DATE", rf"try_cast(regexp_replace(trim({{c}}), '{_MONTH_FIRST}', '\3-\2-\1') AS DATE)", remark="day_first"),
    # Most numbers are plain, and a plain one is read a dozen times as fast.
    _Typed(
        "BIGINT",
        rf"CASE WHEN regexp_full_match({{c}}, '-?\d{{1,18}}') THEN try_cast({{c}} AS BIGINT)"
        rf" WHEN NOT contains({{c}}, '.') THEN try_cast({_DIGITS} AS BIGINT) END",
    ),
    _Typed(
        "DOUBLE",
        rf"CASE WHEN regexp_full_match({{c}}, '-?\d{{1,15}}([.]\d+)?') THEN try_cast({{c}} AS DOUBLE)"
        rf" ELSE try_cast({_DIGITS} AS DOUBLE) END",
    ),
)
_DECIMAL_COMMA: Final = r"^([-+−]?\s?[€£$]?\s?[-+−]?)(\d{1,3}(?:\.\d{3})+|\d{1,15})(,\d+)?\s?(?:€|EUR|%)?$"
_COMMAS: Final = _Typed(
    "DOUBLE",
    rf"CASE WHEN regexp_matches(trim({{c}}), '{_DECIMAL_COMMA}') THEN try_cast(replace(replace(replace("
    rf"regexp_replace(trim({{c}}), '[^0-9.,−-]', '', 'g'), '.', ''), ',', '.'), '−', '-') AS DOUBLE) END",
    remark="decimal_commas",
)
# From this share on a column is of a kind, and the cells that are not are named as unread.
_ENOUGH: Final = 0.95
_LIKELY: Final = 0.8
# From this share on it is of numbers, if every other cell is a word that stands where a number is missing: "unknown",
# "미정". What holds a digit or is one letter is a code.
_MOSTLY: Final = 0.5
_NO_CODE: Final = r"regexp_full_match(trim({c}), '\D{2,}|[^\w가-힣]+')"
_SAMPLE: Final = 5000


@dataclass
class Loader:
    """Puts tables into `duck`, and what is known of them into `tables`.

    Raises Failed "data_too_slow" past `deadline`, monotonic seconds that are `timeout` from where they began, beside
    what DuckDB raises when it is interrupted.
    """

    duck: duckdb.DuckDBPyConnection
    tables: list[Table]
    timeout: float
    deadline: float

    def load(self, path: Path) -> None:
        """Every table of a file. Raises Failed: data_unreadable, data_empty, data_too_large."""
        size, suffix = path.stat().st_size, path.suffix.lower()
        most = _MOST_BYTES.get(suffix, _MOST_BYTES_OF_TEXT)
        if size > most:
            raise Failed("data_too_large", path=path.name, size=read.megabytes(size), most=read.megabytes(most))
        if size == 0:
            raise Failed("data_empty", path=path.name)
        before = len(self.tables)
        with _mapped(path):
            if source := BY_DUCKDB.get(suffix):
                self._load_typed(path, source)
            else:
                self.load_sheets(path.name, path.stem, read.READERS[suffix](path))
        if len(self.tables) == before:
            raise Failed("data_empty", path=path.name)

    def _load_typed(self, path: Path, source: str) -> None:
        if path.suffix.lower() != ".parquet" and (encoding := read.encoding_of(path)) != "utf-8":
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / f"copy{path.suffix.lower()}"
                copy.write_text(path.read_text(encoding=encoding, errors="replace"), encoding="utf-8")
                self.duck.execute(f"CREATE TABLE raw AS SELECT * FROM {source}", [str(copy)])
        else:
            self.duck.execute(f"CREATE TABLE raw AS SELECT * FROM {source}", [_literal_path(path)])
        self._unwrap()
        described = self.duck.execute("SELECT column_name, column_type FROM (DESCRIBE raw)").fetchall()
        names = read.column_names([str(name) for name, _ in described], len(described))
        renamed = ", ".join(
            f"{_as_text(quoted(str(old)), str(kind))} AS {quoted(new)}"
            for (old, kind), new in zip(described, names, strict=True)
        )
        self.duck.execute(f"CREATE TABLE text AS SELECT {renamed} FROM raw")
        self.duck.execute("DROP TABLE raw")
        self._finish(path.stem, path.name, [])

    def _unwrap(self) -> None:
        """`{"data": [{…}, {…}]}` is a table inside one cell."""
        kinds = self.duck.execute("SELECT column_name, column_type FROM (DESCRIBE raw)").fetchall()
        lists = [str(name) for name, kind in kinds if str(kind).startswith("STRUCT(") and str(kind).endswith("[]")]
        if len(lists) == 1 and self.duck.execute("SELECT count(*) FROM raw").fetchall() == [(1,)]:
            self.duck.execute(
                f"CREATE TABLE inner_rows AS SELECT unnest(cell) FROM (SELECT unnest({quoted(lists[0])}) cell FROM raw)"
            )
            self.duck.execute("DROP TABLE raw")
            self.duck.execute("ALTER TABLE inner_rows RENAME TO raw")

    def load_sheets(self, source: str, stem: str, sheets: Iterator[read.Sheet]) -> None:
        left: dict[str, list[str]] = {"views": [], "empty_tables": []}
        before = len(self.tables)
        with tempfile.TemporaryDirectory() as folder:
            for number, sheet in enumerate(sheets):
                if sheet.view:
                    left["views"].append(str(sheet.name))
                    continue
                copy = Path(folder) / f"{number}.csv"
                header, lines = read.headed(sheet.rows, named=sheet.named)
                count, width = self._copied(copy, lines)
                if not count:
                    left["empty_tables"] += [str(sheet.name)] if sheet.name and header else []
                    continue
                names = read.column_names(header or [], max(width, len(header or [])))[:_MOST_COLUMNS]
                self.duck.execute(
                    "CREATE TABLE text AS SELECT * FROM read_csv(?, auto_detect=false, header=false, delim=',',"
                    " quote='\"', escape='\"', null_padding=true, max_line_size=268435456, columns=?, parallel=false)",
                    [str(copy), dict.fromkeys(names, "VARCHAR")],
                )
                remarks: list[Remark] = [] if header else [("no_header", {"path": source})]
                self._finish(sheet.name or stem, source, remarks, commas=sheet.commas)
        said: list[Remark] = [
            (key, {"path": source, "names": ", ".join(names)}) for key, names in left.items() if names
        ]
        if said and len(self.tables) > before:
            self.tables[-1] = replace(self.tables[-1], remarks=(*self.tables[-1].remarks, *said))

    def _copied(self, copy: Path, lines: Iterator[Sequence[str]]) -> tuple[int, int]:
        """How many rows went into `copy`, one clean form whatever they came from, and how wide the widest was."""
        count = width = 0
        with copy.open("w", encoding="utf-8", newline="", errors="replace") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            while batch := list(islice(lines, _BATCH)):
                count, widest = count + len(batch), max(map(len, batch))
                writer.writerows(batch if widest <= _MOST_COLUMNS else [line[:_MOST_COLUMNS] for line in batch])
                width = max(width, widest)
                if time.monotonic() > self.deadline:
                    raise Failed("data_too_slow", seconds=f"{self.timeout:g}")
        return count, width

    def _finish(self, wanted: str, source: str, remarks: list[Remark], *, commas: bool = False) -> None:
        """The table `text` under its own name, with every column of its kind."""
        described = self.duck.execute("SELECT column_name, column_type FROM (DESCRIBE text)").fetchall()
        if not described:
            self.duck.execute("DROP TABLE text")
            return
        name = self._name(wanted)
        typed: list[str] = []
        months: set[str] = set()
        for column, kind in described:
            reading = self._reading(str(column), str(kind), remarks, commas=commas)
            typed.append(_read_as(quoted(str(column)), str(kind), reading))
            months |= {str(column)} if reading and reading.months else set()
        self.duck.execute(f"CREATE TABLE {quoted(name)} AS SELECT {', '.join(typed)} FROM text")
        self.duck.execute("DROP TABLE text")
        self.tables.append(self._measured(name, source, remarks, months))

    def _name(self, wanted: str) -> str:
        taken = {table.name.casefold() for table in self.tables} | {"raw", "text", "inner_rows"}
        name = base = read.column_names([wanted], 1)[0]
        number = 2
        while name.casefold() in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    def _reading(self, column: str, kind: str, remarks: list[Remark], *, commas: bool) -> _Typed | None:
        """What a column is read as; None leaves it as it is."""
        cell = quoted(column)
        if kind != "VARCHAR":
            return None
        commas = commas and bool(
            self.duck.execute(f"SELECT 1 FROM text WHERE contains({cell}, ',') LIMIT 1").fetchall()
        )
        readings = [_COMMAS] if commas else []
        readings += [one for one in _READINGS if not one.names or any(word in column.lower() for word in one.names)]
        # A look at some rows tells which readings are worth going through them all.
        sampled, _, _, *hits = self._hits(cell, readings, sample=True)
        least = {"BIGINT": _MOSTLY, "DOUBLE": _MOSTLY}
        readings = [
            one for one, hit in zip(readings, hits, strict=True) if hit >= least.get(one.type, _LIKELY) * sampled
        ]
        filled, zeros, words, *hits = self._hits(cell, readings) if readings else (0, 0, 0)
        best = max(hits, default=0)
        if not best:
            return None
        reading = readings[hits.index(best)]
        numeric = reading.type in least
        enough = best >= _ENOUGH * filled or (numeric and best > _MOSTLY * filled and best + words >= filled)
        if not enough or (zeros and numeric):
            return None  # 00123 and 02-… are names of things.
        if reading.remark:
            remarks.append((reading.remark, {"column": column}))
        if best < filled:
            remarks.append(("unread_cells", {"column": column, "n": filled - best}))
        return reading

    def _hits(self, cell: str, readings: Sequence[_Typed], *, sample: bool = False) -> tuple[int, ...]:
        """How many cells are filled, begin with a zero, are mere words, and how many each of the readings can read."""
        blank = _BLANK.replace("{c}", cell)
        counted = [
            f"count({cell}) FILTER (NOT {blank})",
            rf"count(*) FILTER (regexp_matches(trim({cell}), '^[-+]?0\d'))",
            f"count(*) FILTER (NOT {blank} AND {_NO_CODE.replace('{c}', cell)})",
            *(f"count({one.over(cell)}) FILTER (NOT {blank})" for one in readings),
        ]
        rows = f"WHERE rowid % (1 + (SELECT count(*) FROM text) // {_SAMPLE}) = 0" if sample else ""
        counts: tuple[int, ...] = self.duck.execute(f"SELECT {', '.join(counted)} FROM text {rows}").fetchall()[0]
        return counts

    def _measured(self, name: str, source: str, remarks: list[Remark], months: set[str]) -> Table:
        described = self.duck.execute(
            f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {quoted(name)})"
        ).fetchall()
        (rows,) = self.duck.execute(f"SELECT count(*) FROM {quoted(name)}").fetchall()[0]
        columns = tuple(self._facts(name, str(column), str(kind), rows) for column, kind in described)
        columns = tuple(_in_months(column) if column.name in months else column for column in columns)
        return Table(name, source, rows, columns, tuple(remarks))

    def _facts(self, table: str, column: str, type_: str, rows: int) -> Column:
        kind, cell = kind_of(type_), quoted(column)
        wanted = [f"count({cell})", f"count(DISTINCT {cell})"]
        wanted += [f"min({cell})", f"max({cell})"] if kind != "text" else ["NULL", "NULL"]
        wanted += [f"avg({cell})", f"quantile_cont({cell}, [0.25, 0.75])"] if kind == "number" else ["NULL", "NULL"]
        filled, distinct, low, high, mean, quarters = self.duck.execute(
            f"SELECT {', '.join(wanted)} FROM {quoted(table)}"
        ).fetchall()[0]
        outliers = 0
        if quarters and distinct > 10:
            # Tukey's rule: beyond one and a half quartile ranges from the middle half.
            reach = 1.5 * float(quarters[1] - quarters[0])
            ((outliers,),) = self.duck.execute(
                f"SELECT count(*) FROM {quoted(table)} WHERE {cell} < ? OR {cell} > ?",
                [float(quarters[0]) - reach, float(quarters[1]) + reach],
            ).fetchall()
        top: list[tuple[Any, ...]] = []
        if kind == "text" and filled:
            top = self.duck.execute(
                f"SELECT {cell}, count(*) FROM {quoted(table)} WHERE {cell} IS NOT NULL"
                f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_TOP}"
            ).fetchall()
        values = tuple((plain(value), int(count)) for value, count in top)
        average = None if mean is None else float(mean)
        return Column(column, kind, type_, rows - filled, distinct, plain(low), plain(high), average, outliers, values)


def _read_as(cell: str, type_: str, reading: _Typed | None) -> str:
    if reading:
        return f"CASE WHEN NOT {_BLANK.replace('{c}', cell)} THEN {reading.over(cell)} END AS {cell}"
    return f"nullif(trim({cell}), '') AS {cell}" if type_ == "VARCHAR" else cell


def _in_months(column: Column) -> Column:
    return replace(column, months=True, low=column.low and column.low[:7], high=column.high and column.high[:7])


def _as_text(cell: str, type_: str) -> str:
    """Nested and binary columns are shown, not searched; what is a number, a date or a text stays."""
    if type_ == "VARCHAR" or kind_of(type_) != "text":
        return f"CAST({cell} AS TIMESTAMP)" if type_.startswith("TIMESTAMP") else cell
    return f"'<' || octet_length({cell}) || ' bytes>'" if type_ == "BLOB" else f"CAST({cell} AS VARCHAR)"


def _literal_path(path: Path) -> str:
    """`*`, `?` and `[` in a file's name are patterns to DuckDB."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """What many readers raise over a file that is not what its name says."""
    try:
        yield
    except (Failed, duckdb.InterruptException, duckdb.OutOfMemoryException, MemoryError):
        raise
    except (duckdb.Error, sqlite3.Error, zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError) as error:
        raise Failed("data_unreadable", path=path.name) from error
    except Exception as error:
        # openpyxl lets every fault of a broken workbook through: missing parts, bad XML, wrong types.
        raise Failed("data_unreadable", path=path.name) from error
