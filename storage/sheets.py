"""Records as CSV, JSON Lines and Parquet, there and back without loss: one table a file, or all in one.

A file with all of them has a first column `table`; the other columns are those of all tables together. Does not cover:
which records there are (storage/records.py).
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from arena.errors import ImportRefused
from storage.cells import as_cell, as_json, fitting, parsed, plain
from storage.records import EXPORTED, Kind, Record, Row, columns

ENDINGS = (".csv", ".jsonl", ".parquet")
TABLE = "table"
BATCH = 2000
"""Rows that Parquet writes at a time."""


class Placed(NamedTuple):
    """A record and where it stands, for messages."""

    where: str
    table: str
    row: Row


def write(path: Path, found: Iterable[Record], table: str | None = None) -> None:
    """Write records to `path`, in the format of its ending; of one `table`, or of all where none is named."""
    shape = columns(table) if table else everything()
    rows = (row if table else {TABLE: name, **row} for name, row in found)
    _WRITERS[path.suffix.lower()](path, shape, rows)


def write_readable(path: Path, rows: Iterable[Row]) -> None:
    """Write rows of a shape of their own, which nobody reads back, in the format of the ending."""
    made = list(rows)
    kinds: dict[type, Kind] = {bool: "truth", float: "number", int: "whole", datetime: "moment"}
    shape: dict[str, tuple[Kind, bool]] = {}
    for name in made[0] if made else ():
        value = next((row[name] for row in made if row[name] is not None), "")
        shape[name] = (kinds.get(type(value), "text"), type(value) in kinds)
    _WRITERS[path.suffix.lower()](path, shape, made)


def read(path: Path, table: str | None = None) -> Iterator[Placed]:
    """The records of a file that `write` wrote, or somebody in its form.

    Raises:
        ImportRefused: not such a file; says which line, what stands there and what is wanted.
    """
    shape = columns(table) if table else everything()
    try:
        for where, row in _READERS[path.suffix.lower()](path, shape):
            yield _placed(where, table or str(row.get(TABLE)), row)
    except UnicodeDecodeError as error:
        raise ImportRefused(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8."
        ) from None
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read ({error.strerror}): check the name and the rights.") from error


def checked_row(where: str, record: Row) -> Placed:
    """A record from JSON, its table under "table" and its moments as text. Raises `ImportRefused`."""
    return _placed(where, str(record.get(TABLE)), _moments_read(where, record, everything()))


def _placed(where: str, table: str, row: Row) -> Placed:
    if table not in EXPORTED:
        raise ImportRefused(f"{where}: table is {table!r}; there are {', '.join(EXPORTED)}.")
    return Placed(where, table, _checked(where, table, row))


def everything() -> dict[str, tuple[Kind, bool]]:
    """The columns of a file that holds all tables; each may be empty."""
    union: dict[str, tuple[Kind, bool]] = {TABLE: ("text", False)}
    for table in EXPORTED:
        union |= {name: (kind, True) for name, (kind, _) in columns(table).items()}
    return union


def _checked(where: str, table: str, row: Row) -> Row:
    """The table's own columns, every one there and of its kind."""
    found: Row = {}
    for name, (kind, nullable) in columns(table).items():
        if name not in row:
            raise ImportRefused(f"{where}: there is no column '{name}', which {table} has. Export anew, or add it.")
        found[name] = fitting(f"{where}: {name}", kind, nullable, row[name], TABLE in row)
    return found


def _write_csv(path: Path, shape: dict[str, tuple[Kind, bool]], rows: Iterable[Row]) -> None:
    # With a byte order mark: without it a spreadsheet takes UTF-8 for the machine's old code page.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(shape)
        for row in rows:
            writer.writerow([as_cell(*shape[name], row.get(name)) for name in shape])


def _read_csv(path: Path, shape: dict[str, tuple[Kind, bool]]) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(names):
                raise ImportRefused(
                    f"{where}: {len(cells)} cells, but {len(names)} columns. Export anew, or correct it."
                )
            yield (
                where,
                {
                    name: parsed(where, name, *shape[name], cell)
                    for name, cell in zip(names, cells, strict=True)
                    if name in shape
                },
            )


def _write_jsonl(path: Path, shape: dict[str, tuple[Kind, bool]], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(as_json({name: plain(value) for name, value in row.items()}) + "\n")


def _read_jsonl(path: Path, shape: dict[str, tuple[Kind, bool]]) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{path}, line {number}"
                yield where, _moments_read(where, _object(where, line), shape)


def _object(where: str, line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ImportRefused(f"{where} is not JSON ({error}). A file that broke off? Export anew.") from None
    if not isinstance(row, dict):
        raise ImportRefused(f"{where} is {line.strip()[:60]!r}; it must be a JSON object with the columns as names.")
    return row


def _moments_read(where: str, row: Row, shape: dict[str, tuple[Kind, bool]]) -> Row:
    """The row with its moments, which JSON holds as text, read."""
    for name, value in row.items():
        if isinstance(value, str) and name in shape and shape[name][0] == "moment":
            row[name] = parsed(where, name, "moment", True, value)
    return row


def _write_parquet(path: Path, shape: dict[str, tuple[Kind, bool]], rows: Iterable[Row]) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    types = {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
        "truth": pyarrow.bool_(),
        "moment": pyarrow.timestamp("us", tz="UTC"),
        "json": pyarrow.string(),
    }
    schema = pyarrow.schema([(name, types[kind]) for name, (kind, _) in shape.items()])
    with ParquetWriter(path, schema) as writer:
        for batch in _batches(rows):
            cells = [
                {
                    name: as_json(row[name]) if kind == "json" and row.get(name) is not None else row.get(name)
                    for name, (kind, _) in shape.items()
                }
                for row in batch
            ]
            writer.write_table(pyarrow.Table.from_pylist(cells, schema))


def _read_parquet(path: Path, shape: dict[str, tuple[Kind, bool]]) -> Iterator[tuple[str, Row]]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", _from_parquet(f"{path}, row {number}", row, shape)
    except pyarrow.ArrowInvalid as error:
        raise ImportRefused(f"{path} is not a Parquet file ({str(error)[:200]}). Export anew.") from None


def _from_parquet(where: str, row: Row, shape: dict[str, tuple[Kind, bool]]) -> Row:
    for name, (kind, nullable) in shape.items():
        value = row.get(name)
        if kind == "json" and isinstance(value, str):
            row[name] = parsed(where, name, kind, nullable, value)
        elif isinstance(value, datetime):
            row[name] = value.astimezone(UTC)
    return row


def _batches(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


_WRITERS = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
