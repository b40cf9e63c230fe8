"""PDF: text with page numbers, headings by their size, lists by their marks, tables by their columns. A scanned page
without other text than what runs along most pages is named, not read; so is one with no more than a stamp or a caption,
which is read.

Text that a reader does not see is dropped, as far as `rag/hidden_in_pdf.py` notices it.
"""

import io
import itertools
import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from pypdf import PageObject, PdfReader

from rag.blocks import Block, Unreadable, rows_as_blocks
from rag.hidden_in_pdf import Unseen, is_scan

HEADING_RATIO = 1.15
"""A line set this much larger than the body is a heading."""
EDGE = 2
"""How many lines at the top and bottom of a page may be a running header or footer."""
STAMP = 80
"""Characters beside a picture as large as a page that are no more than a stamp or a caption."""
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})
SAME_LINE = 2.0
SAME_COLUMN = 3.0
PARAGRAPH_GAP = 1.35
"""A step down of more than this many usual line steps begins a paragraph."""
FIGURE = re.compile(r"\W*\d")
BULLET = r"[\x7f\x95\xb7\u2022\u2023\u2043\u2219\u25a0-\u25ff\u2713\u2714\u2756\u27a2\u27a4\ue000-\uf8ff]"
"""What begins an item of a list and stands in no sentence. Fonts of symbols keep their bullets in private places."""
MARK = re.compile(rf"{BULLET}|[-*o\u2013\u2014\xa7\xd8\xfc]|\(?(?:\d{{1,2}}|[a-z])[.)]")
"""What begins one where it stands apart from the text."""
SIGN = re.compile(r"[-\u2013\u2014\xa7\xd8]\d")
"""A minus, a section or a diameter, and no mark."""


@dataclass
class Line:
    """Pieces of text on one height, with where each starts; lengths in points."""

    y: float
    size: float
    pieces: list[tuple[float, str]]

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for _, text in self.pieces).split())


@dataclass(frozen=True)
class Item:
    """The first line of a list's item, without its mark. Lines that begin right of `left` go on with it."""

    text: str
    left: float


@dataclass(frozen=True)
class Above:
    """A table that reaches to the end of a page: its header, and where its columns start."""

    header: list[str]
    columns: list[float]


def parse_pdf(data: bytes) -> tuple[str, list[Block]]:
    """Title (the largest line of the first page, else the property) and blocks."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(data))
        # Many PDFs only forbid printing: they open with the empty password.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted: save it without a password")
        pages = _without_running_lines([_lines(page) for page in reader.pages])
        pictures = [_length(lines) <= STAMP and is_scan(page) for lines, page in zip(pages, reader.pages, strict=True)]
        title = str((reader.metadata and reader.metadata.title) or "")
    except Unreadable:
        raise
    except Exception as error:
        if "cryptography" in str(error):
            raise Unreadable("encrypted: save it without a password") from error
        raise Unreadable(f"damaged: {type(error).__name__}: {error}; open it and save it as a PDF again") from error
    sizes = Counter[float]()
    for line in (line for lines in pages for line in lines):
        sizes[line.size] += len(line.text)
    if not sizes:
        raise Unreadable("no text in it: run text recognition (OCR) over its scanned pages")
    body = sizes.most_common(1)[0][0]
    levels = {size: level for level, size in enumerate(_heading_sizes(sizes, body), 1)}
    blocks: list[Block] = []
    above: Above | None = None
    for number, lines in enumerate(pages, 1):
        following, above = _page(lines, levels, number, above)
        _join_over_pages(blocks, following)
        if pictures[number - 1]:
            blocks.append(Block("", "captioned" if lines else "picture", page=number))
    largest = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return largest or title, blocks


def _length(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _heading_sizes(sizes: Counter[float], body: float) -> list[float]:
    return sorted((size for size in sizes if size > body * HEADING_RATIO), reverse=True)


def _lines(page: PageObject) -> list[Line]:
    lines: list[Line] = []

    def visit(text: str, matrix: list[float], text_matrix: list[float], font: Any, font_size: float) -> None:
        if not text.strip():
            return
        x = text_matrix[4] * matrix[0] + text_matrix[5] * matrix[2] + matrix[4]
        y = text_matrix[4] * matrix[1] + text_matrix[5] * matrix[3] + matrix[5]
        size = round(abs(font_size * (text_matrix[3] or 1.0) * (matrix[3] or 1.0)), 1)
        # One call may hold several lines; only the last one's height is known, the order is kept.
        for piece in text.translate(LIGATURES).strip("\n").split("\n"):
            if lines and abs(lines[-1].y - y) < SAME_LINE and "\n" not in text.strip("\n"):
                lines[-1].pieces.append((x, piece))
                lines[-1].size = max(lines[-1].size, size)
            else:
                lines.append(Line(y, size, [(x, piece)]))

    unseen = Unseen(page)
    page.extract_text(visitor_text=visit, visitor_operand_before=unseen.before, visitor_operand_after=unseen.after)
    return [line for line in lines if line.text]


def _page(
    lines: list[Line], levels: dict[float, int], number: int, above: Above | None
) -> tuple[list[Block], Above | None]:
    """The page's blocks, and the table that may go on on the next one, as that `above` may go on here."""
    rows = _going_on(lines, above) if above else []
    blocks, reaching = _blocks(lines[len(rows) :], levels, number)
    if not above or not rows:
        return blocks, reaching
    blocks = rows_as_blocks([above.header, *map(_cells, rows)], number) + blocks
    return blocks, above if len(rows) == len(lines) else reaching


def _blocks(lines: list[Line], levels: dict[float, int], page: int) -> tuple[list[Block], Above | None]:
    steps = Counter(round(above.y - below.y) for above, below in zip(lines, lines[1:], strict=False))
    usual = max((step for step, count in steps.items() if step > 0 and count == max(steps.values())), default=12)
    blocks: list[Block] = []
    paragraph: list[str] = []
    item: Item | None = None

    def flush() -> None:
        if paragraph:
            text = " ".join(paragraph).replace("\u00ad ", "")
            blocks.append(Block(text, "item" if item else "paragraph", page=page))
            paragraph.clear()

    place = 0
    reaching = None
    while place < len(lines):
        line = lines[place]
        table = _table(lines[place:])
        reaching = Above(_cells(table[0]), _starts(table[1])) if table else None
        if table:
            flush()
            blocks += rows_as_blocks([_cells(row) for row in table], page)
            place += len(table)
            continue
        if line.size in levels:
            flush()
            blocks.append(Block(line.text, "heading", levels[line.size], page))
        elif begun := _item(line):
            flush()
            item = begun
            paragraph.append(begun.text)
        else:
            above = lines[place - 1] if place else line
            if abs(above.y - line.y) > usual * PARAGRAPH_GAP or (item and line.pieces[0][0] <= item.left):
                flush()
            item = item if paragraph else None
            paragraph.append(line.text)
        place += 1
    flush()
    return blocks, reaching


def _going_on(lines: list[Line], above: Above) -> list[Line]:
    """The rows at the top of a page that belong to the table above them; none where a table of its own begins, with the
    same header or with names over a column of figures."""
    rows = list(itertools.takewhile(lambda line: _aligned(line, above.columns), lines))
    if not rows or _cells(rows[0]) == above.header:
        return []
    first, *below = map(_cells, rows)
    columns = zip(first, *below, strict=True)
    named = below and any(not FIGURE.match(name) and all(map(FIGURE.match, values)) for name, *values in columns)
    return [] if named else rows


def _item(line: Line) -> Item | None:
    """None where no item begins: a number, too, is a mark, but in a row of more than one other cell it is a cell."""
    (x, first), *others = line.pieces
    text = " ".join(" ".join(piece for _, piece in others).split())
    mark = first.strip()
    if text and MARK.fullmatch(mark) and (len(others) == 1 or re.fullmatch(BULLET, mark)):
        return None if SIGN.match(mark + text) else Item(text, x + SAME_COLUMN)
    found = re.match(rf"{BULLET}\s*(?=\S)", line.text)
    return Item(line.text[found.end() :], x - SAME_COLUMN) if found else None


def _cells(row: Line) -> list[str]:
    return [text.strip() for _, text in row.pieces]


def _starts(row: Line) -> list[float]:
    return [x for x, _ in row.pieces]


def _table(lines: list[Line]) -> list[Line]:
    """A header and the rows below it, from the first line on; empty when it is no table. The rows share two or
    more column starts; the header has as many pieces, which may be centred over their columns."""
    if len(lines) < 2 or len(lines[0].pieces) != len(lines[1].pieces) or len(lines[0].pieces) < 2 or _item(lines[0]):
        return []
    columns = _starts(lines[1])
    rows = list(itertools.takewhile(lambda line: _aligned(line, columns), lines[1:]))
    apart = all(right - left > 2 * SAME_COLUMN for left, right in itertools.pairwise(columns))
    return [lines[0], *rows] if apart and (len(rows) > 1 or _aligned(lines[0], columns)) else []


def _aligned(line: Line, columns: list[float]) -> bool:
    """Whether the line is a row of a table with these columns; an item of a list, whose mark looks like one, is not."""
    starts = _starts(line)
    same = len(starts) == len(columns) and all(
        abs(start - column) <= SAME_COLUMN for start, column in zip(starts, columns, strict=True)
    )
    return same and not _item(line)


def _without_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without what stands at the top or bottom of most of them, page numbers aside. The lines of a table
    stay: its header may be repeated on each page, and its rows may all be numbers."""
    edges = Counter(text for lines in pages for text in {_shape(line) for line in [*lines[:EDGE], *lines[-EDGE:]]})
    running = {text for text, count in edges.items() if len(pages) > 1 and count > len(pages) / 2}
    kept = []
    for lines in pages:
        tables = _in_tables(lines) if running else set()
        inner = range(EDGE, len(lines) - EDGE)
        kept.append(
            [
                line
                for place, line in enumerate(lines)
                if place in inner or place in tables or _shape(line) not in running
            ]
        )
    return kept


def _in_tables(lines: list[Line]) -> set[int]:
    """The places of lines in tables that are longer than what runs along pages."""
    found: set[int] = set()
    place = 0
    while place < len(lines):
        length = len(_table(lines[place:]))
        if length > EDGE:
            found.update(range(place, place + length))
        place += max(length, 1)
    return found


def _shape(line: Line) -> str:
    return re.sub(r"\d+", "#", line.text)


def _join_over_pages(blocks: list[Block], following: list[Block]) -> None:
    """A paragraph that runs over the page break stays one, on the page where it begins."""
    if blocks and following:
        last, first = blocks[-1], following[0]
        goes_on = last.kind in ("paragraph", "item") and last.text[-1] not in ".!?:" and first.text[:1].islower()
        if goes_on and first.kind == "paragraph":
            blocks[-1] = replace(last, text=f"{last.text} {first.text}")
            following = following[1:]
    blocks += following
