"""Word documents: headings by style, paragraphs, list items, tables. Leaves out headers, footers and comments."""

import io
import re
import zipfile

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from rag.blocks import Block, Unreadable, rows_as_blocks

MAX_UNPACKED = 500_000_000
LONGEST_LEAD = 12


def parse_docx(data: bytes) -> tuple[str, list[Block]]:
    """Title (Title style, else the first heading of level 1, else the property) and blocks."""
    _check_archive(data)
    try:
        document = docx.Document(io.BytesIO(data))
    except Exception as error:
        raise Unreadable(f"Word cannot be read: {type(error).__name__}: {error}") from error
    blocks: list[Block] = []
    title = ""
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            blocks += rows_as_blocks([[" ".join(cell.text.split()) for cell in row.cells] for row in part.rows])
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
        raise Unreadable("damaged: the file ends too early or is not a Word document") from error
    if not any(name.startswith("word/") for name in names):
        raise Unreadable("misnamed: ends in .docx but is another kind of archive; give it its own ending")
    if size > MAX_UNPACKED:
        raise Unreadable(f"unpacks to {size:,} bytes; the limit is {MAX_UNPACKED:,}")


def _block(paragraph: Paragraph) -> Block | None:
    text = " ".join(paragraph.text.split())
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
