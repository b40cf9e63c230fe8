"""Excel workbooks and CSV: every row as "Header: value; Header: value", below a heading that says where it stands.

Reads values as Excel shows them (formulas by their last result). Leaves out hidden sheets, charts and comments.
"""

import csv
import io
import re
import statistics
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import range_boundaries

from rag.blocks import Block, Unreadable
from rag.sniff import decoded

DELIMITERS = "\t;|,"
"""In the order taken when two would do: a comma stands in text and numbers more often than the others."""
MAX_ROWS = 20_000
LAST_ROW = 1_048_576
MAX_CELLS = 20_000_000
MAX_SHEET = 100_000_000
"""Bytes of a sheet's XML."""
LONGEST_ROW = 500
"""Characters, about what a passage may hold. A longer row is cut between columns, each part with the first one."""
LONGEST_HEADER = 100
LONGEST_CELL = 50
"""Lines that a cell may have where quotes do not match."""
WIDEST_MERGE = 50
"""Columns; a wider merged cell is a banner."""
YEAR_OR_DATE = re.compile(r"(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?")
NUMBER_FIRST = re.compile(r"\W*\d")
WAY_OUT = "keep the rows that people ask about, or split it"


@dataclass(frozen=True)
class Row:
    """A row with something in it, and its number as a spreadsheet shows it."""

    number: int
    cells: list[str]

    @property
    def filled(self) -> int:
        return sum(map(bool, self.cells))

    def cell(self, column: int) -> str:
        return self.cells[column] if column < len(self.cells) else ""


def parse_csv(data: bytes) -> tuple[str, list[Block]]:
    """No title, and the rows. Delimiter (tab, semicolon, bar, comma) and encoding are found out."""
    text = decoded(data).removeprefix("\ufeff")
    declared = re.match(r"sep=(.)\n", text)
    if declared:
        text = text[declared.end() :]
    delimiter = declared.group(1) if declared else _delimiter(text)
    lines = enumerate(_records(text, delimiter), 1)
    return "", _blocks(_filled_rows((number, list(map(_squeezed, cells))) for number, cells in lines), "")


def _delimiter(text: str) -> str:
    """The one that cuts most of the first rows into the same number of cells, more than one."""

    def fit(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(io.StringIO(text[:100_000]), delimiter=delimiter)
        widths = [len(cells) for cells, _ in zip(reader, range(50), strict=False) if cells]
        usual = statistics.mode(widths) if widths else 1
        return (widths.count(usual) / len(widths), usual) if usual > 1 else (0.0, 1)

    return max(DELIMITERS, key=fit)


def _records(text: str, delimiter: str) -> list[list[str]]:
    """The rows. Where quotes do not match, a row ends with its line, so that none swallows those after it."""
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        lines = text.split("\n")
    records: list[list[str]] = []
    start = 0
    try:
        while start < len(lines):
            record, taken = _first_record(lines[start : start + LONGEST_CELL], delimiter)
            records.append(record)
            start += taken
    except csv.Error as error:
        raise Unreadable(f'damaged: row {len(records) + 1}: {error}; double each " inside a cell') from error
    return records


def _first_record(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    """The record that begins in the first line, and how many lines it has."""
    for count in range(1, len(lines) + 1):
        held = "\n".join(lines[:count])
        try:
            return next(csv.reader(io.StringIO(held), delimiter=delimiter, strict=True), []), count
        except csv.Error as error:
            if "end of data" not in str(error):
                break
    return next(csv.reader(lines[:1], delimiter=delimiter), []), 1


def parse_xlsx(data: bytes) -> tuple[str, list[Block]]:
    """Title (the property) and the rows of all sheets that are shown."""
    sheets = [entry for entry in zipfile.ZipFile(io.BytesIO(data)).infolist() if entry.filename.endswith(".xml")]
    if any(entry.file_size > MAX_SHEET for entry in sheets):
        raise Unreadable(f"a sheet of more than {MAX_SHEET:,} bytes: {WAY_OUT}")
    blocks: list[Block] = []
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                blocks += _blocks(_filled_rows(_sheet_rows(sheet)), f"sheet {_squeezed(sheet.title)}, ")
        return _squeezed(book.properties.title or ""), blocks
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"damaged: {type(error).__name__}: {error}; open it in Excel and save it as .xlsx") from error


def _sheet_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # Some programs write them wrong.
    spread = _merged(sheet)
    seen = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        seen += len(cells)
        if number > LAST_ROW or seen > MAX_CELLS:
            raise Unreadable(f"a sheet of over {MAX_CELLS:,} cells or {LAST_ROW:,} rows: {WAY_OUT}")
        yield number, spread(number, [_shown(cell) for cell in cells])


def _merged(sheet: Any) -> Callable[[int, list[str]], list[str]]:
    """Fills a row's merged cells: openpyxl knows only their first one, and merges only when all is in memory."""
    with sheet._get_source() as source:
        found = re.findall(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=\"([A-Z]+\d+:[A-Z]+\d+)\"", source.read())
    bounds = [range_boundaries(place.decode()) for place in found[:MAX_ROWS]]
    waiting = sorted((item for item in bounds if item[2] - item[0] < WIDEST_MERGE), key=lambda item: -item[1])
    current: list[tuple[int, int, int, str]] = []

    def spread(number: int, cells: list[str]) -> list[str]:
        filled = sum(map(bool, cells))
        current[:] = [item for item in current if item[2] >= number]
        while waiting and waiting[-1][1] <= number:
            first, top, last, bottom = waiting.pop()
            value = cells[first - 1] if top == number and first <= len(cells) else ""
            # What stands alone in its row is a title over the table, not the value of every column.
            if value and filled > 1:
                current.append((first, last, bottom, value))
        for first, last, _, value in current if filled else ():
            cells += [""] * (last - len(cells))
            cells[first - 1 : last] = [value] * (last - first + 1)
        return cells

    return spread


def _shown(cell: Any) -> str:
    """The value with the unit, currency or percent sign of its number format; digits are not rounded as Excel does."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if not isinstance(value, int | float):
        return _squeezed(str(value))
    shape = cell.number_format or ""
    if isinstance(value, int) and re.fullmatch("0+", shape):
        return f"{value:0{len(shape)}d}"  # an article or account number keeps its leading zeros
    before, after = _around(shape)
    if re.search(r"[0#?],+(?![0#?])", shape.partition(";")[0]):
        before = after = ""  # shown in thousands or millions: a suffix would be wrong beside the value itself
    number = value * 100 if "%" in before + after else value
    told = str(number) if isinstance(number, int) else f"{number:.12g}"
    return _squeezed(f"{before}{told}{after}")


def _around(number_format: str) -> tuple[str, str]:
    """What a number format puts before and after the number: `#,##0.00 "kg"` gives "" and " kg"."""
    positive = re.sub(r"\[\$([^\]-]*)[^\]]*\]", r"\1", number_format.partition(";")[0])
    positive = re.sub(r"\[[^\]]*\]|[_*].", "", positive)
    found = re.fullmatch(r"([^#0?]*)[#0?](?:.*[#0?])?([^#0?]*)", positive)
    before, after = found.groups() if found else ("", "")
    return re.sub(r'["\\]', "", before), re.sub(r'["\\]|^[.,]+', "", after)


def _filled_rows(lines: Iterable[tuple[int, list[str]]]) -> list[Row]:
    """The rows with something in them. Raises `Unreadable` for more than an index can hold."""
    rows = []
    for number, cells in lines:
        if any(cells):
            rows.append(Row(number, cells))
        if len(rows) > MAX_ROWS:
            raise Unreadable(f"over {MAX_ROWS:,} rows: {WAY_OUT}")
    return rows


def _blocks(rows: list[Row], sheet: str) -> list[Block]:
    """Each row below its own heading, "sheet Prices, row 7", which is its location."""
    blocks: list[Block] = []
    header: list[str] | None = None
    usual = statistics.median([row.filled for row in rows[:50]] or [0])
    searching, place = True, 0
    while place < len(rows):
        row = rows[place]
        wide = row.filled > 1 and row.filled > usual / 2
        # After a gap or a title another table may begin; numbers below it prove that it is no row of this one.
        begins = place and (row.number > rows[place - 1].number + 1 or rows[place - 1].filled == 1)
        if wide and (searching or begins) and _is_header(rows, place, proof=not searching):
            header = row.cells
            # A cell over several columns: the names are in the row below.
            if any(a and a == b for a, b in zip(header, header[1:], strict=False)) and _is_header(
                rows, place + 1, True
            ):
                place += 1
                header = _joined(header, rows[place])
        else:
            for text in _texts(header or [], row):
                blocks += [Block(f"{sheet}row {row.number}", "heading", level=1), Block(text, "row")]
        searching = searching and not wide
        place += 1
    return blocks


def _is_header(rows: list[Row], place: int, proof: bool) -> bool:
    """Whether every cell looks like a column's name. With `proof` also a column that has only numbers below it."""
    below = rows[place + 1 : place + 4]
    if not below:
        return False
    columns = [(cell, [row.cell(column) for row in below]) for column, cell in enumerate(rows[place].cells) if cell]
    if not all(_is_name(cell, values) for cell, values in columns):
        return False
    return not proof or any(all(NUMBER_FIRST.match(value) for value in values) for _, values in columns)


def _is_name(cell: str, below: list[str]) -> bool:
    values = [value for value in below if value]
    if len(cell) > LONGEST_HEADER or "@" in cell or "://" in cell:
        return False
    if YEAR_OR_DATE.fullmatch(cell):
        return not all(map(YEAR_OR_DATE.fullmatch, values))
    if not any(map(str.isalpha, cell)):
        return cell in ("#", "%", "€", "$", "£")
    # "3 months" over prices is a name, "3 kg" over "12 kg" is not.
    return not NUMBER_FIRST.match(cell) or _shape(cell) not in map(_shape, values)


def _shape(cell: str) -> str:
    return re.sub(r"\d+(?:[.,]\d+)*", "0", cell)


def _joined(upper: list[str], lower: Row) -> list[str]:
    pairs = ((name, lower.cell(column)) for column, name in enumerate(upper))
    return [" ".join(dict.fromkeys(filter(None, pair))) for pair in pairs]


def _texts(header: list[str], row: Row) -> Iterator[str]:
    pairs = []
    for column, cell in enumerate(row.cells):
        name = header[column].rstrip(":") if column < len(header) else ""
        if cell:
            pairs.append(f"{name}: {cell}" if name else cell)
    # Every part of a long row says what the row is about.
    subject = pairs[:1] if len(pairs[0]) <= LONGEST_HEADER else []
    part: list[str] = []
    for pair in pairs:
        if len(part) > len(subject) and sum(map(len, part)) + len(pair) > LONGEST_ROW:
            yield "; ".join(part)
            part = list(subject)
        part.append(pair)
    yield "; ".join(part)


def _squeezed(text: str) -> str:
    return " ".join(text.split())
