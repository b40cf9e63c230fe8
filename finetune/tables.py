"""Files of questions and answers as rows: JSON lines (also chats and questions.jsonl itself), CSV, XLSX, and folders of
Hugging Face `datasets`. Knows nothing of facts and columns' meaning (imports.py)."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from arena.errors import WorkspaceError
from arena.facts import Fact, fact_from

USER, ASSISTANT = ("user", "human"), ("assistant", "gpt")
DELIMITERS = ",;\t|"
TOLD = 10
"""So many faulty rows are told one by one."""


@dataclass
class Table:
    """What a file holds. `place`: what people call a row of it. `own`: lines that are in the format of
    questions.jsonl. `faults` by row. `later`: pairs of conversations that were left out."""

    place: str
    columns: dict[str, None] = field(default_factory=dict)
    rows: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    own: list[tuple[int, str, Fact]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    later: int = 0

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        self.columns |= dict.fromkeys(name for name in row if name)
        self.rows.append((number, row))

    def told(self) -> str:
        lines = [f"  {self.place} {number}: {fault}" for number, fault in sorted(self.faults.items())]
        more = [f"  and {len(lines) - TOLD} more"] if len(lines) > TOLD else []
        return "\n".join([*lines[:TOLD], *more])


def read_table(source: Path) -> Table:
    """What the file or folder holds, read by its suffix.

    Raises:
        WorkspaceError: missing, empty, unreadable, or not what its suffix says.
    """
    readers = {".jsonl": _jsonl, ".csv": _csv, ".xlsx": _xlsx}
    if not source.exists():
        raise WorkspaceError(f"No file {source}: give the path of your examples.")
    if not source.is_dir() and source.suffix.lower() not in readers:
        raise WorkspaceError(
            f"{source}: '{source.suffix}' is not supported. Save it as {', '.join(readers)}, or as a folder with "
            f"save_to_disk of Hugging Face datasets."
        )
    try:
        table = _dataset(source) if source.is_dir() else readers[source.suffix.lower()](source)
    except OSError as error:
        raise WorkspaceError(f"{source} cannot be read ({error.strerror}): allow it with chmod u+r.") from error
    if not (table.rows or table.own or table.faults):
        raise WorkspaceError(f"{source} is empty: it needs the columns question and answer, and a row for each.")
    return table


def _jsonl(source: Path) -> Table:
    table = Table("line")
    lines = _decoded(source).split("\n")
    begun = [number for number, line in enumerate(lines, 1) if line.strip()]
    if begun and not any(line.lstrip().startswith("{") for line in lines):
        raise WorkspaceError(
            f"{source}, line {begun[0]}: not JSONL, which has one JSON object a line. Write it so, or give the file "
            f"the suffix of what it is."
        )
    for number in begun:
        try:
            row = json.loads(lines[number - 1])
            if not isinstance(row, dict):
                raise ValueError('a line must be one JSON object, such as {"question": "...", "answer": "..."}')
            if "questions" in row:
                table.own.append((number, lines[number - 1].rstrip("\r"), fact_from(row)))
            else:
                table.add(number, _first_pair(row, table))
        except json.JSONDecodeError as error:
            table.faults[number] = f"not JSON ({error.msg} at column {error.colno}): write one whole object on the line"
        except RecursionError:
            table.faults[number] = "not JSON that can be read: lists within lists, too deep"
        except ValueError as error:
            table.faults[number] = str(error)
    return table


def _csv(source: Path) -> Table:
    text = _decoded(source)
    if text.lstrip().startswith(("{", "[{")):
        raise WorkspaceError(f"{source}, line 1: this is JSON, not CSV. Write one object a line, into a .jsonl file.")
    header = next(iter(text.lstrip("\r\n").splitlines()), "")
    # csv.Sniffer is misled by commas and quotes within sentences; the header has none.
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    number = 1
    try:
        for cells in reader:
            rows.append((number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise WorkspaceError(
            f'{source}, line {number}: {error}. Close each " that begins a cell, and double those inside such a cell.'
        ) from None
    return _tabular(Table("line"), source, rows)


def _xlsx(source: Path) -> Table:
    from openpyxl import load_workbook

    data = io.BytesIO(source.read_bytes())
    try:
        book = load_workbook(data, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # Some programs write them wrong.
        rows = [[_cell(cell) for cell in row] for row in sheet.iter_rows()]
        book.close()
    except (BadZipFile, OSError, KeyError, IndexError, ValueError, SyntaxError) as error:
        raise WorkspaceError(
            f"{source} is not an Excel workbook ({error}): save it as .xlsx without a password, or give it the suffix "
            f"of what it is."
        ) from None
    return _tabular(Table("row"), source, enumerate(rows, 1))


def _cell(cell: Any) -> Any:
    """Its value; a percentage as it is seen, and nothing for a formula's error."""
    percentage = "%" in re.sub('"[^"]*"', "", cell.number_format or "")
    if percentage and isinstance(cell.value, int | float):
        return f"{as_text(cell.value * 100.0)}%"
    return None if cell.data_type == "e" else cell.value


def _tabular(table: Table, source: Path, rows: Iterable[tuple[int, Sequence[Any]]]) -> Table:
    header: list[str] = []
    for number, values in rows:
        cells = list(values)
        while cells and not as_text(cells[-1]):
            cells.pop()
        if cells and not header:
            header = [as_text(cell) for cell in cells]
            lower = [name.lower() for name in header if name]
            if twice := next((name for name in lower if lower.count(name) > 1), ""):
                raise WorkspaceError(f"{source}, {table.place} {number}: column '{twice}' is there twice: rename one.")
        elif len(cells) > len(header):
            table.faults[number] = (
                f"{len(cells)} cells, but {len(header)} columns: put text with the delimiter in it into quotes"
            )
        elif cells:
            table.add(number, dict(zip(header, [*cells, *[None] * len(header)], strict=False)))
    return table


def _dataset(source: Path) -> Table:
    from datasets import DatasetDict, load_from_disk

    try:
        found = load_from_disk(str(source))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"{source} is not a folder of Hugging Face datasets ({error}): write it with save_to_disk."
        ) from None
    if isinstance(found, DatasetDict):
        names = list(found)
        if "train" not in names and len(names) != 1:
            raise WorkspaceError(f"{source} has the splits {', '.join(names)}: give the folder of one of them.")
        found = found["train" if "train" in names else names[0]]
    table = Table("row")
    for number, row in enumerate(found, 1):
        try:
            table.add(number, _first_pair(row, table))
        except ValueError as error:
            table.faults[number] = str(error)
    return table


def _first_pair(row: Mapping[str, Any], table: Table) -> Mapping[str, Any]:
    """The row; if it is a conversation, its first user turn that an assistant turn follows directly, and that turn."""
    name = next((name for name in ("messages", "conversations") if row.get(name) is not None), "")
    if not name:
        return row
    turns = row[name]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError(f'"{name}" must be a list of turns, such as {{"role": "user", "content": "..."}}')
    said = [
        (as_text(turn.get("role") or turn.get("from")).lower(), turn.get("content") or turn.get("value"))
        for turn in turns
    ]
    pairs = [(one, other) for (user, one), (gpt, other) in pairwise(said) if user in USER and gpt in ASSISTANT]
    if not pairs:
        raise ValueError(f'"{name}" has no user turn that an assistant turn follows directly: add the answer')
    table.later += len(pairs) - 1
    rest = {other: value for other, value in row.items() if other != name}
    return rest | {"question": pairs[0][0], "answer": pairs[0][1]}


def _decoded(source: Path) -> str:
    data = source.read_bytes()
    try:
        text = data.decode("utf-8-sig")
        end = text.find("\0")
    except UnicodeDecodeError as error:
        text, end = "", error.start
    if end < 0:
        return text
    raise WorkspaceError(
        f"{source}, line {data.count(bytes([10]), 0, end) + 1}: not UTF-8 text. Save it as UTF-8 (in Excel: 'CSV "
        f"UTF-8'), or give it the suffix of what it is."
    )


def as_text(value: Any) -> str:
    """As a person wrote it: 3.0 is "3", dates are ISO, nothing and NaN are "".

    Raises:
        ValueError: not a single value.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # 15 digits are what a spreadsheet shows: 0.3, not 0.30000000000000004.
        return format(Decimal(f"{value:.15g}"), "f")
    if isinstance(value, datetime):
        return value.isoformat(" ", "auto" if value.second else "minutes").removesuffix(" 00:00")
    if isinstance(value, time):
        return value.isoformat("auto" if value.second else "minutes")
    if isinstance(value, str | int | date | timedelta | Decimal):
        return str(value).strip().encode(errors="replace").decode()
    raise ValueError(f"{value!r:.80} is not one text: write it as one")
