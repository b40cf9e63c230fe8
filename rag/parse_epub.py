"""EPUB books: the pages of the spine in reading order, each below its chapter's title. Leaves out the contents page.

Packing and order are read here; the pages go through `parse_html`.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from lxml import etree

from rag.archives import open_zip, read_entry
from rag.blocks import Block, Unreadable
from rag.parse_html import parse_html
from rag.sniff import decoded

PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
NCX = "application/x-dtbncx+xml"
TYPE = "{http://www.idpf.org/2007/ops}type"


@dataclass(frozen=True)
class Part:
    """A file of the book as its package lists it; `path` is its name in the zip file."""

    path: str
    media_type: str
    properties: str


def parse_epub(data: bytes) -> tuple[str, list[Block]]:
    """Title (of the package) and blocks. A page that the table of contents names once is that chapter; pages it
    does not name go on with the chapter before them."""
    with open_zip(data) as archive:
        package_path = _package_path(archive)
        package = _xml(archive, package_path)
        parts = _parts(package, posixpath.dirname(package_path))
        spine = [parts[item] for itemref in package.iter("{*}itemref") if (item := itemref.get("idref", "")) in parts]
        pages = [part for part in spine if part.media_type in PAGES and "nav" not in part.properties.split()]
        if not pages:
            raise Unreadable("damaged: its package lists no pages to read; convert it to .epub again")
        _check_not_protected(archive, {part.path for part in pages})
        chapters = _chapters(archive, [*parts.values()])
        blocks: list[Block] = []
        names = set(archive.namelist())
        for part in pages:
            if part.path in names:
                blocks += _page(_markup(read_entry(archive, part.path)), chapters.get(part.path), bool(chapters))
    title = next((_squeezed(element.text or "") for element in package.iter("{*}title")), "")
    # Of a book of pictures the table of contents has titles: they are no text.
    return title, blocks if any(block.kind != "heading" for block in blocks) else []


def _package_path(archive: zipfile.ZipFile) -> str:
    container = _xml(archive, "META-INF/container.xml")
    found = next((element.get("full-path", "") for element in container.iter("{*}rootfile")), "")
    if found not in archive.namelist():
        raise Unreadable(f"damaged: its package '{found}' is not in it; convert it to .epub again")
    return found


def _xml(archive: zipfile.ZipFile, path: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(read_entry(archive, path), parser)
    if root is None:
        raise Unreadable(f"damaged: {path} is not XML; convert it to .epub again")
    return root


def _parts(package: etree._Element, folder: str) -> dict[str, Part]:
    return {
        item.get("id", ""): Part(
            _resolved(folder, item.get("href", "")), item.get("media-type", ""), item.get("properties", "")
        )
        for item in package.iter("{*}item")
    }


def _resolved(folder: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(address.partition("#")[0])))


def _check_not_protected(archive: zipfile.ZipFile, pages: set[str]) -> None:
    """Shops encrypt the pages; fonts are obfuscated in open books, too."""
    if "META-INF/encryption.xml" in archive.namelist():
        for reference in _xml(archive, "META-INF/encryption.xml").iter("{*}CipherReference"):
            if _resolved("", reference.get("URI", "")) in pages:
                raise Unreadable("encrypted (copy protection): get it without, or as a PDF")


def _chapters(archive: zipfile.ZipFile, parts: list[Part]) -> dict[str, list[str]]:
    """Per page the titles that the table of contents has for it (EPUB 3's page, else EPUB 2's NCX)."""
    chapters: dict[str, list[str]] = {}
    names = set(archive.namelist())
    readable = [part for part in parts if part.path in names]
    nav = next((part for part in readable if "nav" in part.properties.split()), None)
    ncx = next((part for part in readable if part.media_type == NCX), None)
    for part, entries in ((nav, _nav_entries), (ncx, _ncx_entries)):
        if part and not chapters:
            for address, title in entries(_xml(archive, part.path)):
                if title:
                    chapters.setdefault(_resolved(posixpath.dirname(part.path), address), []).append(title)
    return chapters


def _nav_entries(root: etree._Element) -> Iterator[tuple[str, str]]:
    navs = list(root.iter("{*}nav"))
    for nav in [nav for nav in navs if nav.get(TYPE) == "toc"] or navs[:1]:
        for link in nav.iter("{*}a"):
            yield link.get("href", ""), _squeezed("".join(link.itertext()))


def _ncx_entries(root: etree._Element) -> Iterator[tuple[str, str]]:
    for point in root.iter("{*}navPoint"):
        label, content = point.find("{*}navLabel"), point.find("{*}content")
        if label is not None and content is not None:
            yield content.get("src", ""), _squeezed("".join(label.itertext()))


def _markup(data: bytes) -> bytes:
    declared = re.match(rb"\s*<\?xml[^>]+encoding=[\"']([\w-]+)", data)
    text = decoded(data, declared.group(1).decode("ascii") if declared else None)
    # In a book these are headings, notes and boxes, not what runs along every page of a site.
    return re.sub(r"(</?)(?:header|footer|aside)\b", r"\1div", text).encode()


def _page(markup: bytes, titles: list[str] | None, has_contents: bool) -> list[Block]:
    _, blocks = parse_html(markup)
    levels = [block.level for block in blocks if block.kind == "heading"]
    top = min(levels, default=1)
    # Several chapters in one page, or no table of contents: the page's own headings are the chapters.
    chapter = titles[0] if titles and len(titles) == 1 else ""
    lowest = 2 if chapter or (has_contents and not titles) else 1
    moved = [replace(block, level=block.level - top + lowest) if block.kind == "heading" else block for block in blocks]
    if not chapter:
        return moved
    first = next((place for place, block in enumerate(moved) if block.kind == "heading"), None)
    if first is not None and moved[first].text.casefold() == chapter.casefold():
        del moved[first]
    return [Block(chapter, "heading", level=1), *moved]


def _squeezed(text: str) -> str:
    return " ".join(text.split())
