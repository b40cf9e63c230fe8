"""What a parser hands on: a document as a row of blocks. Does not say how they are split or embedded."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "lead", "paragraph", "item", "row", "lines", "picture", "captioned"]


@dataclass(frozen=True)
class Block:
    """`heading` has a level (1 is the top). `lead` introduces what follows up to the next lead or heading, as
    the question of an FAQ does. `row` is a table row as "Header: value; Header: value". `lines` is text whose
    line breaks say something, as a program's do. `picture` is a page of which only a picture was found, `captioned` one
    with little text beside it: they have no text themselves. `page` counts from 1."""

    text: str
    kind: Kind = "paragraph"
    level: int = 0
    page: int | None = None


@dataclass(frozen=True)
class Document:
    """`name` is the path below `documents/`, with forward slashes; `note` says what of it was not read, and the way
    out, in words for a person."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    note: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why, in words for a person."""

    name: str
    reason: str


class Unreadable(Exception):
    """Raised by parsers; the text becomes the reason of a `Skipped`."""


def rows_as_blocks(rows: list[list[str]], page: int | None = None) -> list[Block]:
    """A table's rows, the first taken as the header. A table of one row or one column becomes paragraphs."""
    rows = [cells for cells in rows if any(cell.strip() for cell in cells)]
    if len(rows) < 2 or max(map(len, rows), default=0) < 2:
        return [Block(" ".join(filter(None, cells)), page=page) for cells in rows]
    width = max(map(len, rows))
    header, *below = ([*cells, *[""] * (width - len(cells))] for cells in rows)
    blocks = []
    for cells in below:
        # A merged cell comes once per column it spans; say it once.
        pairs = [
            f"{head}: {cell}" if head else cell
            for place, (head, cell) in enumerate(zip(header, cells, strict=True))
            if cell and not (place and cell == cells[place - 1] and head == header[place - 1])
        ]
        blocks.append(Block("; ".join(pairs), "row", page=page))
    return blocks
