"""A table of a page as rows that name their columns, each merged cell in every place that it covers.

The names are in the first rows or, where each row begins with a heading, there. Does not tell tables that only arrange
a page from others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bs4 import Tag

from rag.blocks import Block, rows_as_blocks

WIDEST = 50
"""Columns that a cell covers at most."""
MOST_CELLS = 100_000
"""In one table, after which merged cells stand in one place only: a small page may merge its way to millions."""
LONGEST = 200
"""Characters of a text that is repeated; a longer one is said where it begins, lest a page grow without bounds."""


@dataclass(frozen=True, eq=False)
class Cell:
    """`names`: it is a heading of its row or column. The same cell stands in all places that it covers."""

    text: str
    names: bool = False


EMPTY = Cell("")
Row = list[Cell]


def table_blocks(table: Tag, text: Callable[[Tag], str]) -> list[Block]:
    """The table's caption and rows. `text` gives what is in a cell."""
    captions = [caption for caption in table.find_all("caption") if caption.find_parent("table") is table]
    blocks = [Block(said) for caption in captions if (said := text(caption))]
    rows = [row for row in _in_place(_cells(table, text)) if any(cell.text for cell in row)]
    if _named_by_rows(rows):
        return blocks + [_named_row(row) for row in rows]
    while len(rows) > 1 and _alone(rows[0]) and max(map(len, rows)) > 1:
        blocks.append(Block(rows.pop(0)[0].text))
    header, below = _header(rows)
    if not below:
        return blocks + rows_as_blocks(_texts(rows))
    part: list[Row] = []
    for row in below:
        if _alone(row) and len(row) >= max(len(header), 2):
            blocks += rows_as_blocks([header, *_texts(part)]) if part else []
            blocks.append(Block(row[0].text))
            part = []
        else:
            part.append(row)
    return blocks + (rows_as_blocks([header, *_texts(part)]) if part else [])


def _cells(table: Tag, text: Callable[[Tag], str]) -> Iterator[list[tuple[Cell, int, int]]]:
    """Per row its cells, with how many columns and rows each covers. A table in a cell is part of the cell's text."""
    rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
    for row in rows or [table]:
        own = [cell for cell in row.find_all(["td", "th"]) if cell.find_parent(["tr", "table"]) is row]
        yield [
            (Cell(text(cell), cell.name == "th"), min(_span(cell, "colspan") or 1, WIDEST), _span(cell, "rowspan"))
            for cell in own
        ]


def _span(cell: Tag, name: str) -> int:
    """0 covers all that is left."""
    told = str(cell.get(name, "")).strip()
    return int(told) if told.isdecimal() and len(told) < 6 else 1


def _in_place(rows: Iterator[list[tuple[Cell, int, int]]]) -> Iterator[Row]:
    """Each row with a cell for every column; what reaches down from a row above is among them."""
    reaching: dict[int, tuple[Cell, int]] = {}
    filled = 0
    for cells in rows:
        if filled > MOST_CELLS:
            reaching, cells = {}, [(cell, 1, 1) for cell, _, _ in cells]
        row: dict[int, Cell] = {column: cell for column, (cell, _) in reaching.items()}
        reaching = {column: (cell, left - 1) for column, (cell, left) in reaching.items() if left != 1}
        column = 0
        for cell, columns, down in cells:
            while column in row:
                column += 1
            for place in range(column, column + columns):
                row.setdefault(place, cell)
                if down != 1:
                    reaching[place] = (cell if len(cell.text) <= LONGEST else EMPTY, down - 1)
            column += columns
        filled += len(row)
        yield [row.get(place, EMPTY) for place in range(max(row, default=-1) + 1)]


def _alone(row: Row) -> bool:
    """One cell, which may cover several columns: a title over rows or among them."""
    return all(cell is row[0] for cell in row)


def _named_by_rows(rows: Sequence[Row]) -> bool:
    """Every row begins with a heading and has a value, and there is no row of headings."""
    named = [row for row in rows if not _alone(row)]
    return bool(named) and all(row[0].names and not all(cell.names for cell in row) for row in named)


def _named_row(row: Row) -> Block:
    if _alone(row):
        return Block(row[0].text)
    own = [cell for place, cell in enumerate(row) if cell.text and (not place or cell is not row[place - 1])]
    name = " ".join(cell.text for cell in own if cell.names).rstrip(":")
    values = "; ".join(cell.text for cell in own if not cell.names)
    return Block(": ".join(filter(None, [name, values])), "row")


def _header(rows: list[Row]) -> tuple[list[str], list[Row]]:
    """The columns' names and the rows below them. Below a name over several columns stand theirs."""
    count = 1
    while (
        len(rows) > count + 1
        and any(left is right for left, right in zip(rows[count - 1], rows[count - 1][1:], strict=False))
        and all(map(_names, rows[count - 1]))
        and all(map(_names, rows[count]))
        and len(rows[count]) >= len(rows[0])
    ):
        count += 1
    names: list[list[str]] = [[] for _ in range(max(map(len, rows[:count]), default=0))]
    for row in rows[:count]:
        for column, cell in enumerate(row):
            names[column].append(cell.text)
    return [" ".join(dict.fromkeys(filter(None, column))) for column in names], rows[count:]


def _names(cell: Cell) -> bool:
    return cell.names or not cell.text


def _texts(rows: Sequence[Row]) -> list[list[str]]:
    return [
        [
            "" if place and cell is row[place - 1] and len(cell.text) > LONGEST else cell.text
            for place, cell in enumerate(row)
        ]
        for row in rows
    ]
