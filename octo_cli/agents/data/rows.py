"""Rows out of a file, as text: encodings, delimiters, sheets and SQLite tables. No types, no SQL, no sentences.

Whatever a spreadsheet program, a ledger of another decade or a careless export writes ends here as sheets of rows.
"""

import codecs
import csv
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import date, datetime
from itertools import chain, islice
from operator import methodcaller
from pathlib import Path
from typing import Any, Final, NamedTuple

from octo_cli.errors import Failed
from octo_cli.values.text import one_line

# What an .xlsx may unpack to; a bomb of a few kilobytes unpacks to gigabytes.
_MOST_UNPACKED: Final = 512 * 1024 * 1024
_MOST_TABLES: Final = 50
_SAMPLE_LINES: Final = 200
_BLOCK: Final = 1 << 20
_DELIMITERS: Final = ",\t;|"
_WITHOUT_NUL: Final = methodcaller("replace", "\x00", "")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Sheet(NamedTuple):
    """One table of a file: its own name (None where the file is the table), and its rows, read once.

    `named` says that the first row holds the column names for certain, `commas` that numbers are written 1.234,5.
    A `view` is named and not read.
    """

    name: str | None
    rows: Iterable[Sequence[str]]
    named: bool = False
    commas: bool = False
    view: bool = False


def delimited(path: Path, delimiters: str = _DELIMITERS) -> Iterator[Sheet]:
    """A CSV or TSV file in whatever encoding and with whichever of the `delimiters` it was written."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = list(islice(file, _SAMPLE_LINES))
        delimiter = _delimiter(sample, delimiters)
        # A quotation mark nobody closed would swallow the rest of the file.
        quoting = csv.QUOTE_MINIMAL if _closed(sample, delimiter) else csv.QUOTE_NONE
        file.seek(0)
        # Where a comma is the decimal sign, programs part the cells by semicolons.
        yield Sheet(None, _reread(file, path, delimiter, quoting), commas=delimiter == ";")


def workbook(path: Path) -> Iterator[Sheet]:
    """The sheets of an .xlsx file: values as they were last calculated."""
    import warnings

    from openpyxl import load_workbook  # type: ignore[import-untyped]

    with suppress(zipfile.BadZipFile):  # openpyxl says so, too.
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _MOST_UNPACKED:
            raise Failed("data_too_large", path=path.name, size=megabytes(unpacked), most=megabytes(_MOST_UNPACKED))
    with warnings.catch_warnings():
        # It warns of styles and extensions it drops; only values are wanted.
        warnings.simplefilter("ignore")
        book = load_workbook(path, read_only=True, data_only=True)
        with closing(book):
            for sheet in book.worksheets[:_MOST_TABLES]:
                # The size a writer claimed may be a row or all of them.
                sheet.reset_dimensions()
                yield Sheet(sheet.title, ([_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)))


def sqlite(path: Path) -> Iterator[Sheet]:
    """The tables of an SQLite file, opened read-only."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        # A file of another encoding, or with a schema written to trick its readers.
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA trusted_schema = OFF")
        found = connection.execute(
            "SELECT name, type = 'view' FROM sqlite_schema WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name LIMIT ?",
            (_MOST_TABLES,),
        ).fetchall()
        for name, view in found:
            if view:
                # It may reckon without end, where nothing could stop it.
                yield Sheet(str(name), (), view=True)
                continue
            quoted = str(name).replace('"', '""')
            cursor = connection.execute(f'SELECT * FROM "{quoted}"')
            header = [str(column[0]) for column in cursor.description]
            yield Sheet(str(name), chain([header], ([_text(cell) for cell in row] for row in cursor)), named=True)


def recorded(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Sheet]:
    """What an earlier step handed on."""
    yield Sheet(None, chain([columns], ([_text(cell) for cell in row] for row in rows)), named=True)


def encoding_of(path: Path) -> str:
    """By byte order mark, else the first that reads the whole file: UTF-8, Korean (CP949), UTF-16, Western."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\x00" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) < len(head) // 8:
            raise Failed("data_unreadable", path=path.name)
        return "utf-16-be" if even > odd else "utf-16-le"
    if _reads(path, "utf-8"):
        return "utf-8"
    return "cp949" if _reads(path, "cp949") and _is_korean(head) else "cp1252"


def megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f} MB"


def headed(rows: Iterable[Sequence[str]], *, named: bool) -> tuple[list[str] | None, Iterator[Sequence[str]]]:
    """The header and the rows below it; None for a table without one. A title above the header is left out."""
    lines = (row for row in rows if "".join(row).strip())
    first = list(islice(lines, 10))
    if not first:
        return None, iter(())
    start = 0 if named else _start(first)
    header = list(first[start]) if named or _is_header(first[start]) else None
    return header, chain(first[start + (header is not None) :], lines)


def column_names(header: Sequence[str], width: int) -> list[str]:
    """`width` names, each once, none empty, on one line; columns beyond the header are numbered."""
    names: list[str] = []
    for index in range(width):
        written = one_line(header[index])[:80] if index < len(header) else ""
        name = base = written or f"column{index + 1}"
        number = 2
        while name.casefold() in (other.casefold() for other in names):
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _delimiter(lines: Sequence[str], delimiters: str) -> str:
    """The one that cuts most lines into the same number of cells, if more than one."""

    def agreement(delimiter: str) -> tuple[int, int]:
        with suppress(csv.Error):
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
            usual = max(set(widths), key=widths.count, default=1)
            return (widths.count(usual) if usual > 1 else 0), usual
        return 0, 0

    return max(delimiters, key=agreement)


def _closed(lines: Sequence[str], delimiter: str) -> bool:
    try:
        return all(cell.count("\n") < 20 for row in csv.reader(lines, delimiter=delimiter) for cell in row)
    except csv.Error:
        return False


def _reread(file: Iterable[str], path: Path, delimiter: str, quoting: Any) -> Iterator[list[str]]:
    try:
        # A NUL would end the text for DuckDB.
        yield from csv.reader(map(_WITHOUT_NUL, file), delimiter=delimiter, quoting=quoting)
    except csv.Error as error:
        raise Failed("data_unreadable", path=path.name) from error


def _start(first: Sequence[Sequence[str]]) -> int:
    """Where the table begins: a report's title stands alone in its row, above wider ones."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in first]
    return next((index for index, count in enumerate(filled) if count > 1), 0)


def _is_header(row: Sequence[str]) -> bool:
    return not any(_looks_like_data(cell.strip()) for cell in row)


def _looks_like_data(cell: str) -> bool:
    """A number or a date; a bare year may well name a column."""
    digits = cell.replace(",", "").replace(".", "").replace("-", "").replace("/", "").replace(":", "")
    return digits.isdecimal() and not (len(cell) == 4 and cell[:2] in ("19", "20"))


def _reads(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_korean(head: bytes) -> bool:
    foreign = [char for char in head.decode("cp949", "ignore") if not char.isascii()]
    return sum("가" <= char <= "힣" for char in foreign) * 2 >= len(foreign)


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime() if not any((cell.hour, cell.minute, cell.second)):
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
        case bytes():
            return f"<{len(cell)} bytes>"
        case _:
            return str(cell).replace("\x00", "")


Reader = Callable[[Path], Iterator[Sheet]]
READERS: Final[dict[str, Reader]] = {
    ".csv": delimited,
    ".txt": delimited,
    ".tsv": lambda path: delimited(path, "\t,;|"),
    ".tab": lambda path: delimited(path, "\t,;|"),
    ".xlsx": workbook,
    ".xlsm": workbook,
    ".sqlite": sqlite,
    ".sqlite3": sqlite,
    ".db": sqlite,
}
