"""HTML pages and, through HTML, Markdown. Leaves out what frames a page (`rag/boilerplate.py`: navigation, headers,
footers, scripts, forms in the page, cookie notices), and what the page hides from its reader: hidden text is dropped
(`rag/hidden_in_html.py` says what is noticed), comments and attributes (`alt`, `title`) are never read.
"""

import re
import textwrap

from bs4 import Tag
from markdown_it import MarkdownIt

from rag.blocks import Block
from rag.boilerplate import drop_boilerplate
from rag.hidden_in_html import drop_hidden
from rag.html_tables import table_blocks
from rag.html_tree import Tree
from rag.sniff import decoded

TEXTUAL = ["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "dt", "dd", "pre", "blockquote", "td", "th", "div", "section"]
LONGEST_LEAD = 12
WRAPPED_AT = 60
"""A preformatted line shorter than this was ended on purpose."""
PROSE = re.compile(r"[^\W\d_][\w\s,.;:!?'\"()-]*")


def parse_html(data: bytes) -> tuple[str, list[Block]]:
    """Title (first h1, else the page's title) and blocks."""
    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", data[:4096], re.I)
    return _parse(decoded(data, declared.group(1).decode("ascii") if declared else None))


def parse_markdown(data: bytes) -> tuple[str, list[Block]]:
    """Title (first heading of level 1) and blocks. Front matter between `---` lines is left out."""
    text = re.sub(r"\A---\n.*?\n---\n", "", decoded(data), flags=re.S)
    return _parse(MarkdownIt("commonmark").enable("table").render(text))


def _parse(text: str) -> tuple[str, list[Block]]:
    soup = Tree(text)
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
        blocks += table_blocks(tag, _text)
    elif re.fullmatch(r"h[1-6]", tag.name):
        if _text(tag):
            blocks.append(Block(_text(tag), "heading", level=int(tag.name[1])))
    elif tag.find([*TEXTUAL, "table"]):
        _walk(tag, blocks)
    elif tag.name == "pre":
        if text := _preformatted(tag):
            blocks.append(Block(text, "lines" if "\n" in text else "paragraph"))
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
    return _squeezed(_written(tag))


def _preformatted(tag: Tag) -> str:
    """Its lines, those joined that are prose and were only wrapped, as in an archive of mails: a sentence stays one."""
    kept: list[str] = []
    before = ""
    for line in map(str.rstrip, textwrap.dedent(_written(tag).expandtabs()).split("\n")):
        wrapped = len(before) >= WRAPPED_AT and before[-1] not in ".!?:;"
        if wrapped and PROSE.fullmatch(before) and PROSE.fullmatch(line):
            kept[-1] += f" {line}"
        else:
            kept.append(line)
        before = line
    return "\n".join(kept).strip()


def _written(tag: Tag) -> str:
    for line_break in tag.find_all("br"):
        line_break.replace_with("\n")
    return tag.get_text()


def _squeezed(text: str) -> str:
    return " ".join(text.split())
