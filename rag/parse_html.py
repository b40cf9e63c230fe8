"""HTML pages and, through HTML, Markdown. Leaves out what frames a page (`rag/boilerplate.py`: navigation, headers,
footers, scripts, forms in the page, cookie notices), and what the page hides from its reader: hidden text is dropped
(`rag/hidden_in_html.py` says what is noticed), comments and attributes (`alt`, `title`) are never read.
"""

import re

from bs4 import BeautifulSoup, Tag
from markdown_it import MarkdownIt

from rag.blocks import Block, rows_as_blocks
from rag.boilerplate import drop_boilerplate
from rag.hidden_in_html import drop_hidden
from rag.sniff import decoded

TEXTUAL = ["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "dt", "dd", "pre", "blockquote", "td", "th", "div", "section"]
LONGEST_LEAD = 12


def parse_html(data: bytes) -> tuple[str, list[Block]]:
    """Title (first h1, else the page's title) and blocks."""
    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", data[:4096], re.I)
    return _parse(decoded(data, declared.group(1).decode("ascii") if declared else None))


def parse_markdown(data: bytes) -> tuple[str, list[Block]]:
    """Title (first heading of level 1) and blocks. Front matter between `---` lines is left out."""
    text = re.sub(r"\A---\n.*?\n---\n", "", decoded(data), flags=re.S)
    return _parse(MarkdownIt("commonmark").enable("table").render(text))


def _parse(text: str) -> tuple[str, list[Block]]:
    soup = BeautifulSoup(text, "html.parser")
    drop_hidden(soup)
    page_title = _text(soup.title) if soup.title else ""
    first = soup.find("h1")
    title = _text(first) if first else page_title
    drop_boilerplate(soup)
    blocks: list[Block] = []
    _walk(soup.body or soup, blocks)
    return title, blocks


def _walk(parent: Tag, blocks: list[Block]) -> None:
    loose: list[str] = []
    for child in parent.children:
        if isinstance(child, Tag) and (child.name in {*TEXTUAL, "table", "ul", "ol", "dl"} or child.find(TEXTUAL)):
            _flush(loose, blocks)
            _take(child, blocks)
        elif isinstance(child, Tag):
            loose.append(child.get_text(" " if child.name == "br" else ""))
        elif type(child).__name__ == "NavigableString":
            loose.append(str(child))
    _flush(loose, blocks)


def _flush(loose: list[str], blocks: list[Block]) -> None:
    text = _squeezed("".join(loose))
    loose.clear()
    if text:
        blocks.append(Block(text))


def _take(tag: Tag, blocks: list[Block]) -> None:
    if tag.name == "table":
        rows = [[_text(cell) for cell in row.find_all(["td", "th"])] for row in tag.find_all("tr")]
        blocks += rows_as_blocks(rows)
    elif re.fullmatch(r"h[1-6]", tag.name):
        if _text(tag):
            blocks.append(Block(_text(tag), "heading", level=int(tag.name[1])))
    elif tag.find([*TEXTUAL, "table"]):
        _walk(tag, blocks)
    elif text := _text(tag):
        blocks.append(Block(text, _kind(tag, text)))


def _kind(tag: Tag, text: str):  # type: ignore[no-untyped-def]
    if tag.name == "li":
        return "item"
    bold = tag.find(["strong", "b"])
    if tag.name == "dt" or (
        bold and _text(bold) == text and len(text.split()) <= LONGEST_LEAD and text[-1] not in ".!"
    ):
        return "lead"
    return "paragraph"


def _text(tag: Tag) -> str:
    for line_break in tag.find_all("br"):
        line_break.replace_with("\n")
    return _squeezed(tag.get_text())


def _squeezed(text: str) -> str:
    return " ".join(text.split())
