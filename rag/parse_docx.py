"""Word documents: headings by style, paragraphs, list items, tables, as they are once tracked changes are accepted.
Leaves out headers, footers, comments, tables of contents, and text that is set hidden, under two points, or white on
the paper. Does not see white text in tables, whose styles may shade
the cells, and text under pictures.
"""

import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import docx
from docx.oxml.ns import qn
from docx.shared import RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from rag.blocks import Block, Unreadable, rows_as_blocks

MAX_UNPACKED = 500_000_000
LONGEST_LEAD = 12
SMALLEST = 2.0
"""Points."""
WHITE = RGBColor(255, 255, 255)
DELETED = [qn("w:del"), qn("w:moveFrom")]
AROUND = [qn(name) for name in ("w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:fldSimple", "w:bdo", "w:dir")]
"""Elements that stand around what is read, and that python-docx passes over."""


def parse_docx(data: bytes) -> tuple[str, list[Block]]:
    """Title (Title style, else the first heading of level 1, else the property) and blocks."""
    _check_archive(data)
    try:
        document = docx.Document(io.BytesIO(data))
    except Exception as error:
        raise Unreadable(f"damaged: {type(error).__name__}: {error}; open it in Word and save it again") from error
    _settle(document.element.body)
    blocks: list[Block] = []
    title = ""
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            blocks += rows_as_blocks([[_cell_text(cell) for cell in row.cells] for row in part.rows])
        elif block := _block(part):
            blocks.append(block)
            if not title and block.kind == "heading" and block.level == 1:
                title = block.text
    return title or document.core_properties.title or "", blocks


def _check_archive(data: bytes) -> None:
    """A zip that is no Word document, or that unpacks to far more than any document, is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names, size = archive.namelist(), sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Unreadable("damaged: the file ends too early or is not a Word document; copy it here again") from error
    if not any(name.startswith("word/") for name in names):
        raise Unreadable("misnamed: ends in .docx but is another kind of archive; give it its own ending")
    if size > MAX_UNPACKED:
        raise Unreadable(f"unpacks to {size:,} bytes; the limit is {MAX_UNPACKED:,}: export it as PDF, or split it")


def _settle(body: Any) -> None:
    """Accept tracked changes, and put what content controls hold in their place."""
    for deleted in list(body.iter(DELETED)):
        _put_in_place(deleted, [])
    for control in list(body.iter(qn("w:sdt"))):
        held = control.find(qn("w:sdtContent"))
        _put_in_place(control, [] if held is None or _is_no_text(control) else list(held))
    for around in list(body.iter(AROUND)):
        _put_in_place(around, list(around))


def _put_in_place(element: Any, others: Sequence[Any]) -> None:
    for other in others:
        element.addprevious(other)
    element.getparent().remove(element)


def _is_no_text(control: Any) -> bool:
    """A content control that only asks to be filled in, or a table of contents."""
    properties = control.find(qn("w:sdtPr"))
    if properties is None:
        return False
    asks = properties.find(qn("w:showingPlcHdr"))
    galleries = (gallery.get(qn("w:val"), "") for gallery in properties.iter(qn("w:docPartGallery")))
    return (asks is not None and asks.get(qn("w:val"), "1") not in ("0", "false", "off")) or any(
        gallery.startswith("Table of Contents") for gallery in galleries
    )


def _block(paragraph: Paragraph) -> Block | None:
    text = " ".join(_seen(paragraph, on_paper=True).split())
    if not text:
        return None
    style = (paragraph.style.name or "") if paragraph.style else ""
    if style == "Title":
        return Block(text, "heading", level=1)
    if found := re.fullmatch(r"Heading (\d)", style):
        return Block(text, "heading", level=int(found.group(1)))
    if style.startswith("List"):
        return Block(text, "item")
    bold = all(run.bold for run in paragraph.runs if run.text.strip())
    if bold and len(text.split()) <= LONGEST_LEAD and text[-1] not in ".!":
        return Block(text, "lead")
    return Block(text)


def _cell_text(cell: _Cell) -> str:
    return " ".join(" ".join(_seen(paragraph, on_paper=False) for paragraph in cell.paragraphs).split())


def _seen(paragraph: Paragraph, on_paper: bool) -> str:
    """The paragraph's text without the runs that nobody sees."""
    parts = paragraph.iter_inner_content()
    runs = [run for part in parts for run in ([part] if isinstance(part, Run) else part.runs)]
    return "".join(run.text for run in runs if not _unseen(run, paragraph, on_paper))


def _unseen(run: Run, paragraph: Paragraph, on_paper: bool) -> bool:
    """By the run itself, else by the style of its letters, else by that of its paragraph."""
    fonts = [run.font, *(style.font for style in (run.style, paragraph.style) if style is not None)]
    if next((font.hidden for font in fonts if font.hidden is not None), False):
        return True
    size = next((font.size for font in fonts if font.size is not None), None)
    if size is not None and size.pt < SMALLEST:
        return True
    colour = next((font.color.rgb for font in fonts if font.color.rgb is not None), None)
    return on_paper and colour == WHITE and not _shaded(run, paragraph)


def _shaded(run: Run, paragraph: Paragraph) -> bool:
    """Something may be behind the letters: shading, a marker, a box, or the page's own colour."""
    names = {qn("w:shd"), qn("w:highlight")}
    behind = [element for part in (run._r.rPr, paragraph._p.pPr) if part is not None for element in part]
    styled = paragraph.style is not None and any(element.tag in names for element in paragraph.style.element.iter())
    page = paragraph._p.getroottree().getroot().find(qn("w:background"))
    return styled or page is not None or any(element.tag in names for element in behind)
